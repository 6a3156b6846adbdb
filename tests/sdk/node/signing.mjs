// OpenAI's part: signs a webhook call as OpenAI does. Written from the Standard Webhooks specification with
// nothing but Node's own library, so that what the product and the SDK agree on is judged by a third party.

import { createHmac, randomBytes } from "node:crypto";

/** A signing secret as OpenAI shows it: `whsec_` and 32 random bytes in base64. */
export function newSecret() {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/** A `webhook-id` in OpenAI's form. */
export function newWebhookId() {
  return `wh_${randomBytes(16).toString("hex")}`;
}

/** The present, in whole Unix seconds. */
export function unixNow() {
  return Math.floor(Date.now() / 1000);
}

/** All headers of OpenAI's call; `body` is a Buffer, `timestamp` in Unix seconds. */
export function signedHeaders(secret, webhookId, body, timestamp = unixNow()) {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${webhookId}.${timestamp}.`).update(body).digest("base64");
  return {
    "content-type": "application/json",
    "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
    "webhook-id": webhookId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
  };
}
