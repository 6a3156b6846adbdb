// The crate `ringback-webhook` against the libraries that others use: what it signs they accept, and the reverse.
//
// The official SDK only verifies, so what is signed by others is signed by `standardwebhooks`, and judged by both.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import OpenAI from "openai";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

import { forEachCase, inTransit, PARTS, spoilt } from "./calls.mjs";
import { unixNow } from "./signing.mjs";
import { Wire } from "./wire.mjs";

const CASES = 300;

const client = new OpenAI({ apiKey: "unused" });

const libraries = {
  openai: {
    refusal: OpenAI.InvalidWebhookSignatureError,
    async verify({ secret, headers, body }) {
      // An empty body is no event, but it can be signed.
      const method = body.length > 0 ? "unwrap" : "verifySignature";
      await client.webhooks[method](body.toString("utf8"), headers, secret);
    },
  },
  standardwebhooks: {
    refusal: WebhookVerificationError,
    async verify({ secret, headers, body }) {
      new Webhook(secret).verify(body, headers);
    },
  },
};

function signedByStandardwebhooks(secrets, webhookId, timestamp, body) {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(webhookId, new Date(timestamp * 1000), body));
  return {
    "webhook-id": webhookId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
}

describe("the wire", () => {
  let wire;

  before(() => {
    wire = new Wire();
  });

  after(() => wire?.close());

  for (const [name, { verify, refusal }] of Object.entries(libraries)) {
    test(`what we sign ${name} accepts`, () =>
      forEachCase(CASES, async ({ secrets, webhookId, age, body, dice }) => {
        const headers = await wire.sign(secrets, webhookId, unixNow() - age, body);
        for (const secret of secrets) {
          const signed = { secret, headers: inTransit(headers, dice), body };
          await verify(signed);
          for (const part of PARTS) {
            await assert.rejects(verify(spoilt(signed, part, dice)), refusal, `a bit turned in the ${part}`);
          }
        }
      }));
  }

  test("what they sign we accept", () =>
    forEachCase(CASES, async ({ secrets, webhookId, age, body, dice }) => {
      const now = unixNow();
      const headers = inTransit(signedByStandardwebhooks(secrets, webhookId, now - age, body), dice);
      for (const secret of secrets) {
        const signed = { secret, headers, body };
        assert.deepEqual(await wire.verify([secret], headers, body, now), { verdict: "accept", secret_index: 0 });
        await libraries.openai.verify(signed);
        for (const part of PARTS) {
          const { secret: other, headers: altered, body: sent } = spoilt(signed, part, dice);
          const verdict = await wire.verify([other], altered, sent, now);
          assert.deepEqual(verdict, { verdict: "reject", cause: "signature_mismatch" }, `a bit turned in the ${part}`);
        }
      }
    }));

  // A receiver in the midst of a rotation has two secrets; the sender still signs with either.
  test("the secret that matched is told", () =>
    forEachCase(CASES, async ({ secrets, webhookId, age, body }) => {
      const now = unixNow();
      for (const [position, secret] of secrets.entries()) {
        const headers = signedByStandardwebhooks([secret], webhookId, now - age, body);
        const verdict = await wire.verify(secrets, headers, body, now);
        assert.deepEqual(verdict, { verdict: "accept", secret_index: position });
      }
    }));
});
