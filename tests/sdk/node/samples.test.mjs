// `client.webhooks.test`: a sample event for the user's application, and what it answered.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { SUBSCRIBABLE } from "./route.mjs";
import { NOBODY_URL, scenes } from "./scene.mjs";

scenes("samples", {
  "every sample is accepted": async ({ client: { webhooks }, app }) => {
    const made = await webhooks.create({ name: "samples", url: app.url, event_types: ["batch.failed"] });
    app.trust(made.signing_secret);
    for (const event_type of SUBSCRIBABLE) {
      const result = await webhooks.test(made.id, { event_type });
      assert.deepEqual([result.object, result.webhook_endpoint_id], ["webhook_endpoint.test", made.id]);
      assert.deepEqual([result.event_type, result.status_code, result.success], [event_type, 200, true]);
      const arrival = app.arrivals.at(-1);
      assert.equal(arrival.refusal, null);
      assert.equal(arrival.event.type, event_type);
    }
    assert.equal(app.arrivals.length, SUBSCRIBABLE.length);
  },

  "what the application answered": async (scene) => {
    const { webhooks } = scene.client;

    scene.comes("it accepted");
    const made = await webhooks.create({ name: "tested", url: scene.app.url, event_types: ["batch.completed"] });
    scene.app.trust(made.signing_secret);
    assert.equal((await webhooks.test(made.id, { event_type: "batch.completed" })).status_code, 200);
    assert.equal((await scene.delivered()).event.type, "batch.completed");

    // An answer is an answer: only its status says that the application is ill.
    for (const status of [500, 302, 410]) {
      scene.comes(`it answered ${status}, which is told and not tried again`);
      scene.app.answerWith(status);
      const result = await webhooks.test(made.id, { event_type: "video.completed" });
      assert.deepEqual([result.success, result.status_code], [true, status]);
    }
    assert.equal(scene.app.arrivals.length, 4);

    scene.comes("it was not there: one request and no second, because the SDK is told so");
    const gone = await webhooks.create({ name: "gone", url: NOBODY_URL, event_types: ["batch.completed"] });
    const requests = scene.requestCount;
    await assert.rejects(webhooks.test(gone.id, { event_type: "batch.completed" }), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError, error);
      assert.deepEqual([error.status, error.code], [502, "unreachable"]);
      assert.equal(error.headers.get("x-should-retry"), "false");
      assert.match(error.message, /did not answer/);
      return true;
    });
    assert.equal(scene.requestCount - requests, 1);

    scene.compare("samples");
  },
});
