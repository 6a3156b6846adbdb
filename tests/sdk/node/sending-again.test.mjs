// Redelivery and replays, for which the SDK has no methods of its own, and Ringback's fields of an endpoint, which it passes on.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { scenes, waitPast } from "./scene.mjs";

const DELIVERIES = "/webhook_deliveries";
const REPLAYS = "/webhook_replays";

scenes("sending again", {
  "what is dead, missed, or wanted elsewhere": async (scene) => {
    const { client } = scene;
    const { webhooks } = client;
    const post = (path, body = {}) => client.post(path, { body });
    const publish = (number) =>
      post("/webhook_events", {
        type: "order.paid",
        data: { id: `order_${number}` },
        created_at: 1750287018,
        webhook_id: `order-${number}`,
      });

    scene.comes("an endpoint with one attempt and no retry");
    const rules = { retry_delays_secs: [], max_per_sec: 100 };
    const made = await webhooks.create({ name: "orders", url: scene.app.url, event_types: ["order.*"], ...rules });
    assert.deepEqual([made.retry_delays_secs, made.max_per_sec, made.ordering], [[], 100, "none"]);
    assert.deepEqual((await webhooks.retrieve(made.id)).breaker, { state: "closed", probe_at: null });
    scene.app.trust(made.signing_secret);

    scene.comes("what fails is dead at once, and listed so");
    scene.app.answerWith(500);
    await publish(1);
    await scene.waitUntil(`${DELIVERIES}?state=dead`, ({ data }) => data.length > 0);
    scene.app.answerWith(null);
    const { data: [dead] } = await client.get(DELIVERIES, { query: { state: "dead", endpoint_id: made.id } });
    assert.deepEqual([dead.end_reason, dead.event.webhook_id], ["schedule_exhausted", "order-1"]);

    scene.comes("while the endpoint is paused it is held, and can be called off once");
    await waitPast(made.created_at);
    assert.ok((await webhooks.update(made.id, { paused: true })).paused);
    const held = await post(`${DELIVERIES}/${dead.id}/redeliver`);
    assert.deepEqual([held.trigger, held.state, held.event_id], ["redelivery", "pending", dead.event_id]);
    assert.equal((await post(`${DELIVERIES}/${held.id}/cancel`)).state, "cancelled");
    const requests = scene.requestCount;
    await assert.rejects(post(`${DELIVERIES}/${held.id}/cancel`), isRefusal(OpenAI.ConflictError, { code: "already_ended" }));
    assert.equal(scene.requestCount - requests, 1);

    scene.comes("its event is sent again to all that want it, and arrives when the endpoint goes on");
    const { data: [again] } = await post(`/webhook_events/${dead.event_id}/redeliver`);
    await webhooks.update(made.id, { paused: false });
    const [first, second] = await scene.app.waitFor("order-1", 2);
    assert.equal((await scene.delivered("order-1")).refusal, null);
    assert.deepEqual([second.body, second.headers["webhook-id"]], [first.body, first.headers["webhook-id"]]);
    await scene.waitUntil(`${DELIVERIES}/${again.id}`, ({ state }) => state === "delivered");

    scene.comes("who enables an endpoint is told what it missed, and how to have it");
    assert.ok((await webhooks.update(made.id, { disabled: true })).disabled_at);
    await publish(2);
    const { missed } = await webhooks.update(made.id, { disabled: false });
    assert.equal(missed.count, 1);
    const replay = await post(REPLAYS, missed.replay);
    assert.deepEqual([replay.status, replay.expected_count], ["running", 1]);
    assert.equal((await scene.delivered("order-2")).refusal, null);
    await scene.waitUntil(`${REPLAYS}/${replay.id}`, ({ deliveries }) => deliveries.delivered === 1);

    scene.comes("to another URL, counted first, and signed with a secret of its own");
    const query = { object_id: "order_2", target_url: scene.app.url };
    assert.equal((await post(REPLAYS, { ...query, dry_run: true })).count, 1);
    // The application knows the secret only after it.
    scene.app.answerWith(200);
    const elsewhere = await post(REPLAYS, query);
    const [, arrival] = await scene.app.waitFor("order-2", 2);
    const other = new OpenAI({ apiKey: "unused", webhookSecret: elsewhere.signing_secret });
    assert.equal((await other.webhooks.unwrap(arrival.body.toString(), arrival.headers)).type, "order.paid");
    await scene.waitUntil(`${REPLAYS}/${elsewhere.id}`, ({ deliveries }) => deliveries.delivered === 1);
    assert.deepEqual((await client.get(REPLAYS)).data.map(({ id }) => id), [elsewhere.id, replay.id]);

    scene.comes("a mistake is told by the SDK's own exceptions");
    const wrong = isRefusal(OpenAI.BadRequestError, { param: "state" });
    await assert.rejects(post(REPLAYS, { state: "mised" }), wrong);
    await assert.rejects(client.get(`${REPLAYS}/whrp_01jy00000000000000000000ab`), OpenAI.NotFoundError);

    scene.compare("sending-again");
  },
});

function isRefusal(kind, expected) {
  return (error) => {
    assert.equal(error.constructor, kind, error);
    for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value);
    return true;
  };
}
