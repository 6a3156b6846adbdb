// The crate `ringback-webhook` itself, as a child process that signs and verifies on request.
//
// It is the crate's example `wire`, which is built with the other targets (`cargo build --workspace --all-targets`),
// or alone with `cargo build -p ringback-webhook --example wire`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

import { binary } from "./gateway.mjs";

/** A running `wire`: one JSON object a line in, one out. */
export class Wire {
  #answers;
  #child;
  #exited;

  constructor() {
    const path = join(dirname(binary()), "examples/wire");
    assert.ok(existsSync(path), `${path} does not exist: run \`cargo build -p ringback-webhook --example wire\``);
    this.#child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
    this.#exited = once(this.#child, "exit");
    // Writing to a child that has ended fails here; that it has ended is told by the answer that does not come.
    this.#child.stdin.on("error", () => {});
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The headers of a call, signed with every secret. `timestamp` is in Unix seconds, `body` a Buffer. */
  async sign(secrets, webhookId, timestamp, body) {
    const { headers } = await this.#ask({ op: "sign", secrets, id: webhookId, timestamp, body_base64: base64(body) });
    return Object.fromEntries(headers);
  }

  /** `{ verdict: "accept", secret_index }` or `{ verdict: "reject", cause }`. */
  async verify(secrets, headers, body, now) {
    return this.#ask({ op: "verify", secrets, headers: Object.entries(headers), body_base64: base64(body), now });
  }

  /** Ends its input, upon which the child must end by itself, and with success. */
  async close() {
    this.#child.stdin.end();
    const [code] = await this.#exited;
    assert.equal(code, 0, `wire ended with ${code}`);
  }

  async #ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { done, value } = await this.#answers.next();
    assert.ok(!done, "wire ended instead of answering; what it said is above");
    return JSON.parse(value);
  }
}

function base64(body) {
  return body.toString("base64");
}
