// What goes in at a source comes out at the user's application, and the official SDK accepts it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Gateway } from "./gateway.mjs";
import { Receiver } from "./receiver.mjs";
import { CATALOGUE, Route } from "./route.mjs";
import { newWebhookId, unixNow } from "./signing.mjs";

describe("delivery", () => {
  let gateway;
  let receiver;
  let route;

  before(async () => {
    receiver = await Receiver.start();
    gateway = await Gateway.start();
    route = await Route.lay(gateway, receiver);
  });

  after(async () => {
    try {
      await gateway?.stop();
    } finally {
      await receiver.close();
    }
  });

  for (const event of CATALOGUE) {
    test(`${event.type} is accepted`, async () => {
      const webhookId = newWebhookId();
      const body = await route.callIn(webhookId, event);
      const [arrival] = await receiver.waitFor(webhookId);
      assert.equal(arrival.refusal, null);
      assert.equal(arrival.event.type, event.type);
      assert.deepEqual(arrival.body, body);
      assert.equal(arrival.headers["content-type"], "application/json");
      assert.equal(arrival.headers["user-agent"], `Ringback/${gateway.version}`);
    });
  }

  // A call that was 297 s old when it came in is past every SDK's tolerance by its first retry.
  test("a retry is signed afresh", async () => {
    const originalTimestamp = unixNow() - 297;
    const event = CATALOGUE.find(({ type }) => type === "response.completed");
    const webhookId = newWebhookId();
    receiver.refuseFirst(webhookId);
    const body = await route.callIn(webhookId, event, originalTimestamp);
    const [first, retry] = await receiver.waitFor(webhookId, 2, 30_000);
    assert.deepEqual([first.refusal, retry.refusal], [null, null]);
    assert.ok(retry.at - originalTimestamp > 300);
    assert.ok(Number(retry.headers["webhook-timestamp"]) > Number(first.headers["webhook-timestamp"]));
    assert.notEqual(retry.headers["webhook-signature"], first.headers["webhook-signature"]);
    assert.deepEqual([first.body, retry.body], [body, body]);
  });
});
