// `client.admin.organization.projects` with the admin key, and what a project's own key opens and does not.

import assert from "node:assert/strict";

import OpenAI from "openai";

import { scenes } from "./scene.mjs";

const fine = { name: "fine", url: "https://hooks.example.com/openai", event_types: ["batch.completed"] };

/** The ids of all that are listed. */
async function idsOf(pages) {
  return (await Array.fromAsync(pages)).map(({ id }) => id);
}

/** The first of a list, without asking for its second page. */
async function firstOf(pages) {
  for await (const item of pages) return item;
}

scenes("projects", {
  "projects and their keys": async (scene) => {
    const { adminKey } = scene.gateway;
    const { projects } = scene.newClient({ adminAPIKey: adminKey, apiKey: null }).admin.organization;
    // The raw methods of the Node SDK only ever send what it was given as the ordinary key.
    const admin = scene.newClient({ apiKey: adminKey });
    const as = (apiKey, project = null) => scene.newClient({ apiKey, project }).webhooks;
    const refused = (promise, kind, code) =>
      assert.rejects(promise, (error) => {
        assert.equal(error.constructor, kind, error);
        assert.equal(error.code, code);
        return true;
      });

    scene.comes("a project is made, found and renamed");
    const name = scene.own("billing");
    const project = await projects.create({ name });
    assert.deepEqual([project.object, project.name, project.status], ["organization.project", name, "active"]);
    assert.deepEqual(await projects.retrieve(project.id), project);
    assert.deepEqual(await firstOf(projects.list({ limit: 1 })), { ...project });
    const renamed = await projects.update(project.id, { name: scene.own("invoices") });
    assert.deepEqual([renamed.id, renamed.created_at], [project.id, project.created_at]);

    scene.comes("a key is made, by a raw POST because OpenAI makes them in its dashboard only, and shown once");
    const keys = `/organization/projects/${project.id}/api_keys`;
    const made = await admin.post(keys, { body: { name: "app" } });
    const key = made.value;
    const read = await projects.apiKeys.retrieve(made.id, { project_id: project.id });
    assert.deepEqual([read.object, read.name], ["organization.project.api_key", "app"]);
    assert.ok(key.endsWith(read.redacted_value.slice(-4)) && !JSON.stringify(read).includes(key));
    assert.deepEqual(await idsOf(projects.apiKeys.list(project.id)), [made.id]);

    scene.comes("it acts in its project, which a header may name too, by id or name");
    const endpoint = await as(key).create(fine);
    for (const named of [project.id, renamed.name]) assert.deepEqual(await idsOf(as(key, named).list()), [endpoint.id]);
    assert.deepEqual(await idsOf(scene.client.webhooks.list()), []);

    scene.comes("it does not act in another one, and administers nothing");
    await refused(idsOf(as(key, scene.projectId).list()), OpenAI.AuthenticationError, "mismatched_project");
    const pretender = scene.newClient({ adminAPIKey: key, apiKey: null }).admin.organization.projects;
    await refused(pretender.create({ name: "mine" }), OpenAI.PermissionDeniedError, "admin_key_required");

    scene.comes("the admin key acts in the project that the header names");
    assert.equal((await as(adminKey, project.id).retrieve(endpoint.id)).id, endpoint.id);
    await refused(as(adminKey).retrieve(endpoint.id), OpenAI.NotFoundError, "not_found");

    scene.comes("a key that is deleted opens nothing any more");
    assert.ok((await projects.apiKeys.delete(made.id, { project_id: project.id })).deleted);
    await refused(as(key).retrieve(endpoint.id), OpenAI.AuthenticationError, "invalid_api_key");

    scene.comes("a project that is archived is not listed any more, unless asked for");
    const last = await admin.post(keys, { body: { name: "last" } });
    const archived = await projects.archive(project.id);
    assert.equal(archived.status, "archived");
    assert.ok(archived.archived_at >= archived.created_at);
    assert.equal((await firstOf(projects.list({ limit: 1, include_archived: true }))).id, project.id);
    assert.ok(!(await allProjectIds(scene)).includes(project.id));
    await refused(as(last.value).retrieve(endpoint.id), OpenAI.AuthenticationError, "project_archived");

    scene.compare("projects");
  },
});

/** Past the recorder: what else is on this gateway is no part of the golden file. */
async function allProjectIds({ gateway }) {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, adminAPIKey: gateway.adminKey });
  return idsOf(client.admin.organization.projects.list());
}
