// Where a scenario of the API takes place: a project of its own, a client of the SDK, and the user's application.
//
// Everything that the client says and hears passes a recorder, and becomes a text that is compared with a golden file.

import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import OpenAI from "openai";

import { Gateway } from "./gateway.mjs";
import * as golden from "./golden.mjs";
import { Placeholders } from "./placeholders.mjs";
import { Receiver } from "./receiver.mjs";
import { Recorder } from "./recorder.mjs";
import { unixNow } from "./signing.mjs";

// The SDK would take keys, a project and an address from the environment of whoever runs the tests.
for (const name of Object.keys(process.env).filter((name) => name.startsWith("OPENAI_"))) delete process.env[name];

/** Where nobody listens: the port is reserved for a service that is out of use, and not given out as a free one. */
export const NOBODY_URL = "http://127.0.0.1:1/webhook";

const PATIENCE_MS = 15_000;
const ASK_AGAIN_MS = 20;

/** Tests by their title, each of which gets a scene of its own, on one gateway. */
export function scenes(subject, tests) {
  describe(subject, () => {
    let gateway;

    before(async () => {
      gateway = await Gateway.start();
    });

    after(() => gateway?.stop());

    for (const [title, run] of Object.entries(tests)) {
      test(title, async () => {
        const scene = await Scene.start(gateway);
        try {
          await run(scene);
        } finally {
          await scene.close();
        }
      });
    }
  });
}

/** One project on the gateway. */
class Scene {
  #names;
  #script = [];
  #told = 0;

  static async start(gateway) {
    const scene = new Scene();
    scene.gateway = gateway;
    scene.app = await Receiver.start();
    scene.recorder = await Recorder.start(gateway.url);
    scene.#names = new Map([
      [gateway.adminKey, "<admin key>"],
      [scene.app.url, "http://app.test/webhook"],
      [`Ringback/${gateway.version}`, "Ringback/<version>"],
    ]);
    ({ id: scene.projectId, key: scene.key } = await scene.newProject());
    scene.client = scene.newClient({ apiKey: scene.key });
    return scene;
  }

  /** Another project and a key of it, made past the recorder. */
  async newProject() {
    const { id } = await this.gateway.create("organization/projects", { name: this.own("project") });
    const { value: key } = await this.gateway.create(`organization/projects/${id}/api_keys`, { name: "scene" });
    return { id, key };
  }

  /** A client that is recorded. */
  newClient(options) {
    return new OpenAI({ baseURL: `${this.recorder.url}/v1`, ...options });
  }

  /** A name that nothing else on this gateway has. */
  own(name) {
    const own = `${name} ${randomBytes(4).toString("hex")}`;
    this.#names.set(own, name);
    return own;
  }

  /** How many requests the SDK has made so far. */
  get requestCount() {
    return this.recorder.exchanges.length;
  }

  /** What the exchanges that follow are about. */
  comes(title) {
    this.#catchUp();
    this.#script.push(() => golden.heading(title));
  }

  /** The call with this id once the application has it; without an id the last that it has. It is recorded. */
  async delivered(webhookId) {
    const arrival = webhookId ? (await this.app.waitFor(webhookId)).at(-1) : this.app.arrivals.at(-1);
    this.#catchUp();
    this.#script.push((names) => golden.arrival(arrival, names));
    return arrival;
  }

  /** What is at this path of the API, once it is as wanted. Asked past the recorder, for nobody knows how often. */
  async waitUntil(path, isWanted) {
    const client = new OpenAI({ baseURL: `${this.gateway.url}/v1`, apiKey: this.key });
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await client.get(path);
      if (isWanted(found)) return found;
      if (Date.now() > giveUpAt) throw new Error(`${path} did not become as wanted: ${JSON.stringify(found)}`);
      await setTimeout(ASK_AGAIN_MS);
    }
  }

  /** Compares all that was recorded with the golden file of this name. */
  compare(name) {
    this.#catchUp();
    const names = new Placeholders(this.#names);
    golden.compare(name, this.#script.map((show) => show(names)).join("\n"));
  }

  async close() {
    await this.recorder.close();
    await this.app.close();
  }

  /** The exchanges since the last time go before whatever comes now. */
  #catchUp() {
    const untold = this.recorder.exchanges.slice(this.#told);
    this.#told += untold.length;
    this.#script.push(...untold.map((kept) => (names) => golden.exchange(kept, names)));
  }
}

/** Until a time of now would be later than this one, in Unix seconds. */
export async function waitPast(unixSecs) {
  while (unixNow() <= unixSecs) await setTimeout(10);
}
