// The unmodified SDK manages Ringback's endpoints as it manages OpenAI's.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import OpenAI from "openai";

import { Gateway } from "./gateway.mjs";

const url = "https://hooks.example.com/openai";

describe("endpoints", () => {
  let gateway;
  let client;

  before(async () => {
    gateway = await Gateway.start();
    client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.adminKey });
  });

  after(() => gateway?.stop());

  async function allIds(query) {
    const ids = [];
    for await (const { id } of client.webhooks.list(query)) ids.push(id);
    return ids;
  }

  test("the life of an endpoint", async () => {
    const made = await client.webhooks.create({ name: "batches", url, event_types: ["batch.completed"] });
    assert.equal(made.object, "webhook_endpoint");
    assert.match(made.id, /^whe_/);
    assert.match(made.signing_secret, /^whsec_/);
    assert.deepEqual([made.name, made.url, made.event_types], ["batches", url, ["batch.completed"]]);

    const read = await client.webhooks.retrieve(made.id);
    assert.deepEqual([read.id, read.name, read.url], [made.id, "batches", url]);
    assert.ok(!("signing_secret" in read));
    assert.equal(typeof read.signing_secret_hint, "string");
    assert.notEqual(read.signing_secret_hint, made.signing_secret);

    const change = { name: "all batches", event_types: ["batch.completed", "batch.failed"] };
    const changed = await client.webhooks.update(made.id, change);
    assert.deepEqual([changed.name, changed.url], ["all batches", url]);
    assert.deepEqual(changed.event_types.toSorted(), ["batch.completed", "batch.failed"]);

    assert.ok((await allIds()).includes(made.id));

    const deleted = await client.webhooks.delete(made.id);
    assert.deepEqual({ ...deleted }, { id: made.id, object: "webhook_endpoint.deleted", deleted: true });
    await assert.rejects(client.webhooks.retrieve(made.id), OpenAI.NotFoundError);
  });

  test("the list is paged", async () => {
    const made = [];
    for (const name of ["page 0", "page 1", "page 2"]) {
      made.push((await client.webhooks.create({ name, url, event_types: ["batch.failed"] })).id);
    }
    assert.deepEqual(await allIds({ limit: 1 }), made.toReversed());
  });

  test("an unknown type is refused", async () => {
    const typo = client.webhooks.create({ name: "typo", url, event_types: ["batch.complete"] });
    await assert.rejects(typo, (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.match(error.message, /batch\.completed/);
      return true;
    });
  });

  test("a wrong key is refused", async () => {
    const stranger = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "rk_wrong" });
    await assert.rejects(stranger.webhooks.retrieve("whe_none"), OpenAI.AuthenticationError);
  });
});
