// The user's part: an application whose handler is the one that OpenAI's SDK documents.
//
// The handler gives `client.webhooks.unwrap` the raw body and the headers, answers 400 if the signature is
// wrong, and 200 otherwise. Around it stands what a test needs: each call is kept, and a call can be refused.

import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";

import OpenAI from "openai";

/** Listens on a free port of the loopback interface until it is closed. */
export class Receiver {
  #arrivals = [];
  #changed = new EventEmitter();
  #client;
  #server;
  #status = null;
  #toRefuse = new Set();

  static async start() {
    const receiver = new Receiver();
    receiver.#server = createServer((request, response) => receiver.#answer(request, response));
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  /** Where to deliver to. */
  get url() {
    return `http://127.0.0.1:${this.#server.address().port}/webhook`;
  }

  /** Verifies with this secret from now on. */
  trust(secret) {
    this.#client = new OpenAI({ apiKey: "unused", webhookSecret: secret });
  }

  /** Answers 500 to the next call with this id, however well it is signed. */
  refuseFirst(webhookId) {
    this.#toRefuse.add(webhookId);
  }

  /** Answers every call with this status from now on; with null as the documented handler does. */
  answerWith(status) {
    this.#status = status;
  }

  /** All calls so far. */
  get arrivals() {
    return [...this.#arrivals];
  }

  /**
   * The calls with this id, once there are `count` of them. Each is `{ headers, body, event, refusal, at }`:
   * what came in, what `unwrap` returned or threw, and when the handler was done, in Unix seconds.
   */
  async waitFor(webhookId, count = 1, timeoutMs = 15_000) {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.#arrivals.filter(({ headers }) => headers["webhook-id"] === webhookId);
      if (found.length >= count) return found;
      await once(this.#changed, "arrival", { signal }).catch((cause) => {
        throw new Error(`${found.length} of ${count} calls with ${webhookId} came in time`, { cause });
      });
    }
  }

  /** Stops listening. */
  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request, response) {
    const body = await buffer(request);
    const status = await this.#handle(request.headers, body);
    const refused = this.#toRefuse.delete(request.headers["webhook-id"]);
    response.writeHead(refused ? 500 : (this.#status ?? status)).end();
  }

  /** The documented handler; resolves to the status to answer with. */
  async #handle(headers, body) {
    const arrival = { headers, body, event: null, refusal: null };
    try {
      arrival.event = await this.#client.webhooks.unwrap(body.toString("utf8"), headers);
    } catch (error) {
      if (!(error instanceof OpenAI.InvalidWebhookSignatureError)) throw error;
      arrival.refusal = error;
    }
    this.#arrivals.push({ ...arrival, at: Date.now() / 1000 });
    this.#changed.emit("arrival");
    return arrival.refusal ? 400 : 200;
  }
}
