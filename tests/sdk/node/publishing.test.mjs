// Publishing, for which the SDK has no method of its own: its raw `post` is enough, with its retries and exceptions.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { scenes } from "./scene.mjs";

const EVENTS = "/webhook_events";

scenes("publishing", {
  "an event of one's own": async (scene) => {
    const publish = (body) => scene.client.post(EVENTS, { body });
    const made = await scene.client.webhooks.create({ name: "orders", url: scene.app.url, event_types: ["order.*"] });
    scene.app.trust(made.signing_secret);

    scene.comes("an event is published and delivered");
    const event = { type: "order.paid", data: { id: "order_1", amount: 1.5 }, created_at: 1750287018 };
    const published = await publish({ ...event, webhook_id: "order-1-paid" });
    assert.deepEqual([published.object, published.type], ["webhook_event", "order.paid"]);
    assert.deepEqual([published.webhook_id, published.duplicate], ["order-1-paid", false]);
    const arrival = await scene.delivered("order-1-paid");
    assert.equal(arrival.refusal, null);
    assert.deepEqual([arrival.event.type, arrival.event.created_at], ["order.paid", 1750287018]);

    scene.comes("the same again is a duplicate and no error");
    const again = await publish({ ...event, webhook_id: "order-1-paid" });
    assert.deepEqual({ ...again }, { ...published, duplicate: true });

    scene.comes("another event under the same id is a conflict, which the SDK does not repeat");
    const requests = scene.requestCount;
    const other = publish({ ...event, webhook_id: "order-1-paid", data: { id: "order_2" } });
    await assert.rejects(other, isRefusal(OpenAI.ConflictError, { code: "webhook_id_taken" }));
    assert.equal(scene.requestCount - requests, 1);

    scene.comes("a batch is published whole");
    const events = ["batch-1", "batch-2"].map((webhook_id) => ({ ...event, webhook_id }));
    const { data } = await scene.client.post(`${EVENTS}/batch`, { body: { events } });
    const answered = data.map(({ webhook_id, duplicate }) => [webhook_id, duplicate]);
    assert.deepEqual(answered, [["batch-1", false], ["batch-2", false]]);
    for (const webhookId of ["batch-1", "batch-2"]) {
      const [first] = await scene.app.waitFor(webhookId);
      assert.equal(first.refusal, null);
    }

    scene.comes("or not at all");
    const wrong = [{ ...event, webhook_id: "batch-3" }, { type: "order.paid", data: "order_1" }];
    const refused = scene.client.post(`${EVENTS}/batch`, { body: { events: wrong } });
    await assert.rejects(refused, isRefusal(OpenAI.BadRequestError, { param: "events[1].data" }));

    assert.equal(scene.app.arrivals.length, 3);
    scene.compare("publishing");
  },

  "an idempotency key": async (scene) => {
    const { webhooks } = scene.client;
    const fields = { name: "once", url: scene.app.url, event_types: ["*"] };
    const under = (key) => ({ headers: { "Idempotency-Key": key } });

    scene.comes("what is repeated under one key is made once, and its secret is shown again");
    const first = await webhooks.create(fields, under("create-1"));
    assert.deepEqual(await webhooks.create(fields, under("create-1")), first);
    assert.deepEqual((await Array.fromAsync(webhooks.list())).map(({ id }) => id), [first.id]);
    scene.app.trust(first.signing_secret);

    scene.comes("another request under it is refused");
    const other = webhooks.create({ ...fields, name: "twice" }, under("create-1"));
    await assert.rejects(other, isRefusal(OpenAI.UnprocessableEntityError, { code: "idempotency_key_reused" }));

    scene.comes("an event is published once");
    const body = { type: "order.paid", data: { id: "order_1" } };
    const one = await scene.client.post(EVENTS, { body, ...under("publish-1") });
    assert.deepEqual(await scene.client.post(EVENTS, { body, ...under("publish-1") }), one);
    assert.equal((await scene.delivered(one.webhook_id)).refusal, null);
    assert.equal(scene.app.arrivals.length, 1);

    scene.compare("idempotency");
  },
});

function isRefusal(kind, expected) {
  return (error) => {
    assert.equal(error.constructor, kind, error);
    for (const [name, value] of Object.entries(expected)) assert.equal(error[name], value);
    return true;
  };
}
