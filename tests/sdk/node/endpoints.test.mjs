// The life of an endpoint, by the unmodified SDK: every method of `client.webhooks` that has to do with it.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { SUBSCRIBABLE } from "./route.mjs";
import { scenes, waitPast } from "./scene.mjs";

scenes("endpoints", {
  "the life of an endpoint": async (scene) => {
    const { webhooks } = scene.client;
    const { url } = scene.app;

    scene.comes("an endpoint is made, and shows its secret");
    const made = await webhooks.create({ name: "batches", url, event_types: ["batch.completed", "batch.failed"] });
    assert.deepEqual([made.object, made.name, made.url], ["webhook_endpoint", "batches", url]);
    assert.deepEqual(made.event_types, ["batch.completed", "batch.failed"]);
    assert.equal(made.updated_at, made.created_at);
    assert.match(made.signing_secret, /^whsec_/);
    assert.equal(made.signing_secret_hint, `whsec_…${made.signing_secret.slice(-4)}`);
    scene.app.trust(made.signing_secret);

    scene.comes("it is read, without its secret");
    const read = await webhooks.retrieve(made.id);
    const { signing_secret, ...withoutSecret } = made;
    assert.deepEqual({ ...read }, withoutSecret);

    scene.comes("neither a test nor an update that changes nothing counts as one");
    await waitPast(made.created_at);
    assert.equal((await webhooks.test(made.id, { event_type: "batch.completed" })).status_code, 200);
    assert.deepEqual(await webhooks.update(made.id), read);
    assert.deepEqual(await webhooks.update(made.id, { event_types: made.event_types, name: "batches", url }), read);
    assert.deepEqual(await webhooks.retrieve(made.id), read);

    scene.comes("an update changes what it names, and replaces the whole set of event types");
    const renamed = await webhooks.update(made.id, { name: "all batches" });
    assert.deepEqual([renamed.name, renamed.url, renamed.event_types], ["all batches", url, made.event_types]);
    assert.equal(renamed.created_at, made.created_at);
    assert.ok(renamed.updated_at > made.created_at);
    const change = { event_types: ["batch.*", "video.failed"], url: "https://hooks.example.com/openai" };
    const changed = await webhooks.update(made.id, change);
    assert.deepEqual([changed.name, changed.url], ["all batches", change.url]);
    assert.deepEqual(changed.event_types, change.event_types);
    assert.equal(changed.signing_secret_hint, made.signing_secret_hint);
    assert.deepEqual(await webhooks.retrieve(made.id), changed);

    scene.comes("the list is newest first, and has no secrets");
    const second = await webhooks.create({ name: "second", url, event_types: ["*"] });
    const third = await webhooks.create({ name: "third", url, event_types: ["*"] });
    const listed = await Array.fromAsync(webhooks.list({ limit: 2 }));
    assert.deepEqual(listed.map(({ id }) => id), [third.id, second.id, made.id]);
    assert.deepEqual(listed[2], { ...changed });
    assert.ok(listed.every((endpoint) => !("signing_secret" in endpoint)));

    scene.comes("it is deleted");
    const deleted = await webhooks.delete(made.id);
    assert.deepEqual({ ...deleted }, { id: made.id, object: "webhook_endpoint.deleted", deleted: true });
    await assert.rejects(webhooks.retrieve(made.id), OpenAI.NotFoundError);
    const left = await Array.fromAsync(webhooks.list());
    assert.deepEqual(left.map(({ id }) => id), [third.id, second.id]);

    scene.compare("endpoints");
  },

  "the event types": async (scene) => {
    const { webhooks } = scene.client;

    scene.comes("OpenAI's");
    const listed = await webhooks.eventTypes.list();
    assert.deepEqual([listed.object, listed.data.toSorted()], ["list", SUBSCRIBABLE.toSorted()]);
    const fields = { name: "all", url: scene.app.url, event_types: SUBSCRIBABLE };
    const endpoint = await webhooks.create(fields);
    assert.deepEqual(endpoint.event_types, SUBSCRIBABLE);

    scene.comes("and what the project published");
    await scene.client.post("/webhook_events", { body: { type: "order.paid", data: { id: "order_1" } } });
    assert.deepEqual((await webhooks.eventTypes.list()).data, [...listed.data, "order.paid"]);
    await waitPast(endpoint.created_at);
    assert.deepEqual((await webhooks.update(endpoint.id, { event_types: ["order.paid"] })).event_types, ["order.paid"]);

    scene.compare("event-types");
  },
});
