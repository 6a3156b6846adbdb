// What is wrong throws the SDK's own exceptions, once, with a message that says what would be right.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { scenes } from "./scene.mjs";

const url = "https://hooks.example.com/openai";
const fine = { name: "fine", url, event_types: ["batch.completed"] };

/** Checks that a call is refused after one request, for this parameter, with a message that says this. */
function mistakes(scene, kind) {
  return async (param, said, call) => {
    const requests = scene.requestCount;
    await assert.rejects(call, (error) => {
      assert.equal(error.constructor, kind, error);
      assert.equal(error.param, param, error);
      assert.ok(error.message.includes(said), error);
      assert.equal(error.type, "invalid_request_error");
      assert.ok(error.code, error);
      assert.match(error.requestID, /^req_/);
      return true;
    });
    assert.equal(scene.requestCount - requests, 1);
  };
}

scenes("errors", {
  "each mistake is told": async (scene) => {
    const { webhooks } = scene.client;
    const { signing_secret, ...endpoint } = await webhooks.create(fine);
    const bad = mistakes(scene, OpenAI.BadRequestError);
    const create = (fields) => () => webhooks.create({ ...fine, ...fields });
    const update = (fields) => () => webhooks.update(endpoint.id, fields);
    const test = (event_type) => () => webhooks.test(endpoint.id, { event_type });
    const list = (query) => () => Array.fromAsync(webhooks.list(query));

    await bad("event_types", "did you mean `batch.completed`?", create({ event_types: ["batch.complete"] }));
    await bad("event_types", "POST /v1/webhook_event_types", update({ event_types: ["order.paid"] }));
    await bad("event_types", "at least one", create({ event_types: [] }));
    await bad("event_types", "at least one", update({ event_types: [] }));
    await bad("event_types", "`event_types` is missing", create({ event_types: undefined }));
    await bad("event_type", "`batch.*` is no event type", test("batch.*"));
    await bad("event_type", "did you mean `video.failed`?", test("video.fail"));

    await bad("url", "https://", create({ url: "not a URL" }));
    await bad("url", "https", create({ url: "ftp://hooks.example.com/openai" }));
    await bad("url", "use https", create({ url: "http://8.8.8.8/openai" }));
    await bad("url", "not a public address", create({ url: "https://169.254.169.254/openai" }));
    await bad("url", "has `authentication`", update({ url: "https://user:password@hooks.example.com/openai" }));
    await bad("url", "2048", create({ url: `https://hooks.example.com/${"x".repeat(2048)}` }));

    await bad("name", "must not be empty", create({ name: "" }));
    await bad("name", "longer than the 256 characters", update({ name: "x".repeat(257) }));
    await bad("colour", "there is no parameter `colour` here", create({ colour: "red" }));
    await bad("tiemout_secs", "did you mean `timeout_secs`?", update({ tiemout_secs: 5 }));

    await bad("limit", "from 1 to 100", list({ limit: 0 }));
    await bad("limit", "from 1 to 100", list({ limit: 101 }));
    await bad("after", "`after` must be an item's id", list({ after: "whe_none" }));

    assert.deepEqual({ ...(await webhooks.retrieve(endpoint.id)) }, endpoint, "no mistake changed anything");
    scene.compare("mistakes");
  },

  "what is not there is not found": async (scene) => {
    const { key } = await scene.newProject();
    const otherProjects = await scene.newClient({ apiKey: key }).webhooks.create(fine);
    const { webhooks } = scene.client;
    const missing = mistakes(scene, OpenAI.NotFoundError);
    for (const id of ["whe_none", otherProjects.id]) {
      const said = "there is no such webhook endpoint";
      await missing(null, said, () => webhooks.retrieve(id));
      await missing(null, said, () => webhooks.update(id, { name: "mine" }));
      await missing(null, said, () => webhooks.rotateSecret(id));
      await missing(null, said, () => webhooks.test(id, { event_type: "batch.completed" }));
      await missing(null, said, () => webhooks.delete(id));
    }
    await missing(null, "nothing at this URL", () => scene.client.get("/webhook_endpoint"));
    assert.deepEqual(await Array.fromAsync(webhooks.list({ after: otherProjects.id })), []);
    scene.compare("not-found");
  },

  "who is not known is told": async (scene) => {
    const stranger = mistakes(scene, OpenAI.AuthenticationError);
    const asNobody = { headers: { Authorization: null } };
    const withWrongKey = scene.newClient({ apiKey: "sk-wrong" });
    const withOtherProject = scene.newClient({ apiKey: scene.key, project: "proj_other" });
    await stranger(null, "Authorization: Bearer KEY", () => scene.client.webhooks.retrieve("whe_none", asNobody));
    await stranger(null, "not right", () => withWrongKey.webhooks.create(fine));
    await stranger(null, "OpenAI-Project", () => withOtherProject.webhooks.create(fine));
    scene.compare("strangers");
  },
});
