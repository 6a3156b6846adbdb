// The real binary, started as a child process with a data folder and an admin key of its own.
//
// Its database is a file in that folder, or the PostgreSQL database that `RINGBACK_TEST_DATABASE` is the address of. Each file of tests
// has a gateway, so these must then run one after the other: `npm test -- --test-concurrency=1`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const KEPT_CHARS = 4_000;
// On one database what a gateway has encrypted is read by the next.
const ENCRYPTION_KEY = Buffer.alloc(32, "ringback").toString("base64");

/** `RINGBACK_BIN`, else the debug build of this tree. */
export function binary() {
  const path = process.env.RINGBACK_BIN ?? join(PROJECT, "target/debug/ringback");
  assert.ok(existsSync(path), `${path} does not exist: run \`cargo build -p ringback\`, or set RINGBACK_BIN`);
  return path;
}

/** A running `ringback serve --dev` on a free port of the loopback interface. */
export class Gateway {
  #child;
  #exited;
  #folder;
  #stderr = "";

  /** Starts it, and resolves when it says that it is ready. */
  static async start() {
    const gateway = new Gateway();
    gateway.#folder = await mkdtemp(join(tmpdir(), "ringback-sdk-"));
    gateway.adminKey = `rk_test_${randomBytes(16).toString("hex")}`;
    gateway.#spawn();
    try {
      const ready = JSON.parse(await gateway.#firstLine());
      assert.equal(ready.object, "server");
      gateway.url = ready.url;
      gateway.version = ready.version;
      return gateway;
    } catch (cause) {
      await gateway.#kill();
      throw new Error(`the server did not say that it is ready; it said:\n${gateway.#stderr}`, { cause });
    }
  }

  /** POSTs to `/v1/COLLECTION` with the admin key; resolves to the new object. */
  async create(collection, fields) {
    const answer = await fetch(`${this.url}/v1/${collection}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `creating in ${collection}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  /** SIGTERM, as a service manager sends it; the child must then end by itself, and with success. */
  async stop() {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const [code, signal] = await this.#exited;
    clearTimeout(timer);
    await rm(this.#folder, { recursive: true, force: true });
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `after SIGTERM; it said:\n${this.#stderr}`);
  }

  #spawn() {
    const dataDir = join(this.#folder, "data");
    this.#child = spawn(binary(), ["--json", "serve", "--dev", "--data-dir", dataDir, "--listen", "127.0.0.1:0"], {
      cwd: this.#folder,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exited = once(this.#child, "exit");
    this.#child.stderr.setEncoding("utf8").on("data", (text) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT_CHARS);
    });
  }

  #environment() {
    // The settings of whoever runs the tests must not reach the child.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("RINGBACK_"));
    const environment = { ...Object.fromEntries(inherited), RINGBACK_ADMIN_KEY: this.adminKey };
    const database = process.env.RINGBACK_TEST_DATABASE;
    if (!database) return environment;
    return { ...environment, RINGBACK_DATABASE: database, RINGBACK_ENCRYPTION_KEY: ENCRYPTION_KEY };
  }

  /** The first line on stdout. Later ones are read too, so that the child never waits for a full pipe. */
  async #firstLine() {
    const lines = createInterface({ input: this.#child.stdout });
    const ended = once(lines, "close").then(() => {
      throw new Error("it ended without a word");
    });
    const [line] = await Promise.race([
      once(lines, "line", { signal: AbortSignal.timeout(START_TIMEOUT_MS) }),
      ended,
    ]);
    ended.catch(() => {});
    lines.on("line", () => {});
    return line;
  }

  async #kill() {
    this.#child.kill("SIGKILL");
    await this.#exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
