// The receiver itself: it accepts what is signed with its secret, and nothing else. Without these, a green
// run of the other tests could mean that the handler accepts everything.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Receiver } from "./receiver.mjs";
import { awkwardJson, CATALOGUE } from "./route.mjs";
import { newSecret, newWebhookId, signedHeaders, unixNow } from "./signing.mjs";

const secret = newSecret();
const body = awkwardJson(CATALOGUE[0]);
let receiver;
let webhookId;

beforeEach(async () => {
  receiver = await Receiver.start();
  receiver.trust(secret);
  webhookId = newWebhookId();
});

afterEach(() => receiver.close());

async function statusOf(headers, sent = body) {
  return (await fetch(receiver.url, { method: "POST", headers, body: sent })).status;
}

test("a well signed call is accepted", async () => {
  assert.equal(await statusOf(signedHeaders(secret, webhookId, body)), 200);
  const [arrival] = await receiver.waitFor(webhookId);
  assert.equal(arrival.refusal, null);
  assert.equal(arrival.event.type, CATALOGUE[0].type);
  assert.deepEqual(arrival.body, body);
});

const refused = {
  "another secret": () => statusOf(signedHeaders(newSecret(), webhookId, body)),
  "a changed body": () => statusOf(signedHeaders(secret, webhookId, body), `${body} `),
  "an old timestamp": () => statusOf(signedHeaders(secret, webhookId, body, unixNow() - 301)),
};
for (const [fault, call] of Object.entries(refused)) {
  test(`${fault} is refused`, async () => {
    assert.equal(await call(), 400);
    const [arrival] = await receiver.waitFor(webhookId);
    assert.equal(arrival.event, null);
  });
}

test("a call can be refused once", async () => {
  receiver.refuseFirst(webhookId);
  const headers = signedHeaders(secret, webhookId, body);
  assert.deepEqual([await statusOf(headers), await statusOf(headers)], [500, 200]);
});
