// Lists longer than a page: the SDK asks for page after page by itself, also while what it lists goes away.

import assert from "node:assert/strict";

import { scenes } from "./scene.mjs";

// More than the largest page.
const COUNT = 105;

/** The ids of new endpoints, newest first, as they are listed. */
async function manyEndpoints({ client, app }) {
  const ids = [];
  for (let n = 0; n < COUNT; n += 1) {
    ids.unshift((await client.webhooks.create({ name: `page ${n}`, url: app.url, event_types: ["batch.failed"] })).id);
  }
  return ids;
}

scenes("paging", {
  "every endpoint is listed once": async (scene) => {
    const ids = await manyEndpoints(scene);
    for (const [query, requests] of [[{}, 6], [{ limit: 100 }, 2], [{ limit: 35 }, 3]]) {
      const before = scene.requestCount;
      const listed = await Array.fromAsync(scene.client.webhooks.list(query));
      assert.deepEqual(listed.map(({ id }) => id), ids);
      assert.equal(scene.requestCount - before, requests);
    }
    const afterTenth = await Array.fromAsync(scene.client.webhooks.list({ after: ids[9], limit: 90 }));
    assert.deepEqual(afterTenth.map(({ id }) => id), ids.slice(10));
  },

  // The SDK asks for what comes after the last of a page, which is gone by then.
  "every endpoint can be deleted while they are listed": async (scene) => {
    const ids = await manyEndpoints(scene);
    const seen = [];
    for await (const { id } of scene.client.webhooks.list()) {
      seen.push(id);
      assert.ok((await scene.client.webhooks.delete(id)).deleted);
    }
    assert.deepEqual(seen, ids);
    assert.deepEqual(await Array.fromAsync(scene.client.webhooks.list()), []);
  },

  // It is newer than where the list began, so nothing moves and nothing comes twice.
  "what is made while they are listed is not listed": async (scene) => {
    const ids = await manyEndpoints(scene);
    const seen = [];
    for await (const { id } of scene.client.webhooks.list({ limit: 50 })) {
      seen.push(id);
      if (seen.length % 50 === 0) {
        await scene.client.webhooks.create({ name: "late", url: scene.app.url, event_types: ["batch.failed"] });
      }
    }
    assert.deepEqual(seen, ids);
  },
});
