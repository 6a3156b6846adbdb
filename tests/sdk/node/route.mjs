// A source whose every event goes to one receiver, and OpenAI's calls to that source.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { newSecret, signedHeaders } from "./signing.mjs";

/** A sample event of every type of the catalogue. */
export const CATALOGUE = JSON.parse(readFileSync(new URL("../catalogue.json", import.meta.url), "utf8"));

/** The event types that OpenAI's webhook-endpoint API takes. */
export const SUBSCRIBABLE = JSON.parse(readFileSync(new URL("../subscribable.json", import.meta.url), "utf8"));

/** The event in a spelling that no serialiser would choose: only who keeps the bytes can return them. */
export function awkwardJson(event) {
  const text = JSON.stringify(event, null, 3);
  return Buffer.from(`${text.slice(0, -2)} ,"note":"caf\\u00e9, café, \\/ ", "amount": 1.50e+2 }\n`);
}

export class Route {
  #secret = newSecret();
  #url;

  /** Makes the source and the endpoint, and lets the receiver trust the endpoint's secret. */
  static async lay(gateway, receiver) {
    const route = new Route();
    const fields = { name: "openai", kind: "openai", signing_secret: route.#secret };
    route.#url = (await gateway.create("webhook_sources", fields)).url;
    const endpoint = { name: "app", url: receiver.url, event_types: ["*"] };
    receiver.trust((await gateway.create("webhook_endpoints", endpoint)).signing_secret);
    return route;
  }

  /** Calls the source as OpenAI would; resolves to the exact bytes of the body. */
  async callIn(webhookId, event, timestamp) {
    const body = awkwardJson(event);
    const headers = signedHeaders(this.#secret, webhookId, body, timestamp);
    const answer = await fetch(this.#url, { method: "POST", headers, body });
    assert.equal(answer.status, 200, `the source answered ${await answer.text()}`);
    return body;
  }
}
