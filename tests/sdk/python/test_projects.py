"""`client.admin.organization.projects` with the admin key, and what a project's own key opens and does not."""

import openai
import pytest
from scene import Scene

FINE = {"name": "fine", "url": "https://hooks.example.com/openai", "event_types": ["batch.completed"]}


def test_projects_and_their_keys(scene: Scene) -> None:
    admin = scene.new_client(admin_api_key=scene.gateway.admin_key, api_key=None)
    projects = admin.admin.organization.projects

    scene.comes("a project is made, found and renamed")
    name = scene.own("billing")
    project = projects.create(name=name)
    assert (project.object, project.name, project.status) == ("organization.project", name, "active")
    assert projects.retrieve(project.id) == project
    newest = next(iter(projects.list(limit=1)))
    assert newest == project
    renamed = projects.update(project.id, name=scene.own("invoices"))
    assert (renamed.id, renamed.created_at) == (project.id, project.created_at)

    scene.comes("a key is made, by a raw POST because OpenAI makes them in its dashboard only, and shown once")
    made = admin.post(f"/organization/projects/{project.id}/api_keys", cast_to=object, body={"name": "app"})
    key = made["value"]
    read = projects.api_keys.retrieve(made["id"], project_id=project.id)
    assert (read.object, read.name) == ("organization.project.api_key", "app")
    assert key.endswith(read.redacted_value[-4:]) and key not in read.to_json()
    assert [listed.id for listed in projects.api_keys.list(project.id)] == [made["id"]]

    scene.comes("it acts in its project, which a header may name too, by id or name")
    endpoint = scene.new_client(api_key=key).webhooks.create(**FINE)
    for named in (project.id, renamed.name):
        assert [e.id for e in scene.new_client(api_key=key, project=named).webhooks.list()] == [endpoint.id]
    assert list(scene.client.webhooks.list()) == []

    scene.comes("it does not act in another one, and administers nothing")
    with pytest.raises(openai.AuthenticationError) as refused:
        list(scene.new_client(api_key=key, project=scene.project_id).webhooks.list())
    assert refused.value.code == "mismatched_project"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        scene.new_client(admin_api_key=key, api_key=None).admin.organization.projects.create(name="mine")
    assert refused.value.code == "admin_key_required"

    scene.comes("the admin key acts in the project that the header names")
    by_admin = scene.new_client(api_key=scene.gateway.admin_key, project=project.id)
    assert by_admin.webhooks.retrieve(endpoint.id).id == endpoint.id
    with pytest.raises(openai.NotFoundError):
        scene.new_client(api_key=scene.gateway.admin_key).webhooks.retrieve(endpoint.id)

    scene.comes("a key that is deleted opens nothing any more")
    assert projects.api_keys.delete(made["id"], project_id=project.id).deleted
    with pytest.raises(openai.AuthenticationError) as refused:
        scene.new_client(api_key=key).webhooks.retrieve(endpoint.id)
    assert refused.value.code == "invalid_api_key"

    scene.comes("a project that is archived is not listed any more, unless asked for")
    last = admin.post(f"/organization/projects/{project.id}/api_keys", cast_to=object, body={"name": "last"})
    archived = projects.archive(project.id)
    assert archived.status == "archived" and archived.archived_at >= archived.created_at
    assert next(iter(projects.list(limit=1, include_archived=True))).id == project.id
    assert project.id not in _project_ids(scene)
    with pytest.raises(openai.AuthenticationError) as refused:
        scene.new_client(api_key=last["value"]).webhooks.retrieve(endpoint.id)
    assert refused.value.code == "project_archived"

    scene.compare("projects")


def _project_ids(scene: Scene) -> list[str]:
    """All that are listed. Past the recorder: what else is on this gateway is no part of the golden file."""
    with openai.OpenAI(base_url=f"{scene.gateway.url}/v1", admin_api_key=scene.gateway.admin_key) as client:
        return [project.id for project in client.admin.organization.projects.list()]
