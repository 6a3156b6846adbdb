// A proxy between the SDK and the gateway, which keeps every request and its answer.
//
// It changes nothing on the way, so what it keeps is what the SDK and the gateway said to each other.

import { once } from "node:events";
import { createServer, request } from "node:http";
import { buffer } from "node:stream/consumers";

const TIMEOUT_MS = 30_000;
// Of one connection, and so made anew on the next.
const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding"];

/** Listens on a free port of the loopback interface until it is closed. */
export class Recorder {
  /** Each `{ method, target, requestHeaders, requestBody, status, headers, body }`, in the order of their answers. */
  exchanges = [];
  #gatewayUrl;
  #server;

  /** Passes on to this gateway, which is an `http://HOST:PORT`. */
  static async start(gatewayUrl) {
    const recorder = new Recorder();
    recorder.#gatewayUrl = gatewayUrl;
    recorder.#server = createServer((incoming, answer) => {
      recorder.#passOn(incoming, answer).catch((cause) => answer.destroy(cause));
    });
    recorder.#server.listen(0, "127.0.0.1");
    await once(recorder.#server, "listening");
    return recorder;
  }

  /** What a client takes for the gateway's. */
  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Stops listening. */
  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #passOn(incoming, answer) {
    const { method, url: target, headers: requestHeaders } = incoming;
    const requestBody = await buffer(incoming);
    const headers = { ...withoutHops(requestHeaders), connection: "close" };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const outgoing = request(new URL(target, this.#gatewayUrl), { method, headers, agent: false, signal });
    outgoing.end(requestBody);
    const [response] = await once(outgoing, "response");
    const body = await buffer(response);
    const status = response.statusCode;
    this.exchanges.push({ method, target, requestHeaders, requestBody, status, headers: response.headers, body });
    answer.writeHead(status, withoutHops(response.headers)).end(body);
  }
}

function withoutHops(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
