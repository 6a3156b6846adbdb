// Rotation: which secrets `client.webhooks.unwrap` accepts a delivery with, and which not any more.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { scenes, waitPast } from "./scene.mjs";

const DAY_SECS = 24 * 60 * 60;

/** An event of the user's own, as it was delivered. */
async function published(scene, webhookId) {
  const event = { type: "response.completed", data: { id: "resp_1" }, webhook_id: webhookId };
  await scene.client.post("/webhook_events", { body: event });
  return scene.delivered(webhookId);
}

/** A test event, as it was delivered. */
async function tested(scene, endpointId) {
  await scene.client.webhooks.test(endpointId, { event_type: "response.completed" });
  return scene.delivered();
}

/** Those of the secrets with which the SDK accepts the delivery. */
async function acceptedBy(scene, { headers, body }, secrets) {
  const accepted = [];
  for (const secret of secrets) {
    try {
      const event = await scene.client.webhooks.unwrap(body.toString(), headers, secret);
      assert.equal(event.type, "response.completed");
      accepted.push(secret);
    } catch (error) {
      if (!(error instanceof OpenAI.InvalidWebhookSignatureError)) throw error;
    }
  }
  return accepted;
}

scenes("secrets", {
  "the rotation of a secret": async (scene) => {
    const { webhooks } = scene.client;

    scene.comes("the first secret");
    const made = await webhooks.create({ name: "rotated", url: scene.app.url, event_types: ["response.completed"] });
    const first = made.signing_secret;
    scene.app.trust(first);
    assert.deepEqual(await acceptedBy(scene, await published(scene, "published-1"), [first]), [first]);

    scene.comes("without overlap the old one ends at once");
    await waitPast(made.created_at);
    const rotated = await webhooks.rotateSecret(made.id);
    const second = rotated.signing_secret;
    assert.equal(rotated.created_at, made.created_at);
    assert.ok(rotated.updated_at > made.created_at);
    assert.equal(rotated.signing_secret_hint, `whsec_…${second.slice(-4)}`);
    assert.deepEqual(await acceptedBy(scene, await published(scene, "published-2"), [first, second]), [second]);
    assert.deepEqual(await acceptedBy(scene, await tested(scene, made.id), [first, second]), [second]);

    scene.comes("it is not shown again");
    const read = await webhooks.retrieve(made.id);
    assert.ok(!("signing_secret" in read));
    assert.equal(read.signing_secret_hint, rotated.signing_secret_hint);
    assert.equal(read.updated_at, rotated.updated_at);

    scene.comes("with overlap both sign, and the old one for a day");
    const overlapped = await webhooks.rotateSecret(made.id, { keep_old_secret_active_for_24_hours: true });
    const third = overlapped.signing_secret;
    const [older, newest] = overlapped.signing_secrets;
    assert.deepEqual([older.expires_at - overlapped.updated_at, newest.expires_at], [DAY_SECS, null]);
    const three = [first, second, third];
    assert.deepEqual(await acceptedBy(scene, await published(scene, "published-3"), three), [second, third]);
    assert.deepEqual(await acceptedBy(scene, await tested(scene, made.id), three), [second, third]);

    scene.comes("a rotation without overlap ends both");
    const last = await webhooks.rotateSecret(made.id, { keep_old_secret_active_for_24_hours: false });
    const all = [...three, last.signing_secret];
    assert.deepEqual(await acceptedBy(scene, await published(scene, "published-4"), all), [last.signing_secret]);

    assert.equal(new Set(all).size, 4);
    for (const secret of all) assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    scene.compare("secrets");
  },
});
