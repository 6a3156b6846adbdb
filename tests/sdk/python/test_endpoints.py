"""The life of an endpoint, by the unmodified SDK: every method of `client.webhooks` that has to do with it."""

import openai
import pytest
from conftest import SUBSCRIBABLE
from scene import Scene, wait_past


def test_the_life_of_an_endpoint(scene: Scene) -> None:
    webhooks = scene.client.webhooks

    scene.comes("an endpoint is made, and shows its secret")
    made = webhooks.create(name="batches", url=scene.app.url, event_types=["batch.completed", "batch.failed"])
    assert (made.object, made.name, made.url) == ("webhook_endpoint", "batches", scene.app.url)
    assert made.event_types == ["batch.completed", "batch.failed"]
    assert made.updated_at == made.created_at
    assert made.signing_secret.startswith("whsec_")
    assert made.signing_secret_hint == f"whsec_…{made.signing_secret[-4:]}"
    scene.app.trust(made.signing_secret)

    scene.comes("it is read, without its secret")
    read = webhooks.retrieve(made.id)
    assert read.to_dict() == {name: value for name, value in made.to_dict().items() if name != "signing_secret"}

    scene.comes("neither a test nor an update that changes nothing counts as one")
    wait_past(made.created_at)
    assert webhooks.test(made.id, event_type="batch.completed").status_code == 200
    assert webhooks.update(made.id) == read
    assert webhooks.update(made.id, name="batches", url=scene.app.url, event_types=made.event_types) == read
    assert webhooks.retrieve(made.id) == read

    scene.comes("an update changes what it names, and replaces the whole set of event types")
    renamed = webhooks.update(made.id, name="all batches")
    assert (renamed.name, renamed.url, renamed.event_types) == ("all batches", made.url, made.event_types)
    assert renamed.created_at == made.created_at < renamed.updated_at
    changed = webhooks.update(made.id, url="https://hooks.example.com/openai", event_types=["batch.*", "video.failed"])
    assert (changed.name, changed.url) == ("all batches", "https://hooks.example.com/openai")
    assert changed.event_types == ["batch.*", "video.failed"]
    assert changed.signing_secret_hint == made.signing_secret_hint
    assert webhooks.retrieve(made.id) == changed

    scene.comes("the list is newest first, and has no secrets")
    others = [webhooks.create(name=name, url=scene.app.url, event_types=["*"]) for name in ("second", "third")]
    listed = list(webhooks.list(limit=2))
    assert [endpoint.id for endpoint in listed] == [others[1].id, others[0].id, made.id]
    assert listed[2] == changed
    assert not any(hasattr(endpoint, "signing_secret") for endpoint in listed)

    scene.comes("it is deleted")
    deleted = webhooks.delete(made.id)
    assert deleted.to_dict() == {"id": made.id, "object": "webhook_endpoint.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError):
        webhooks.retrieve(made.id)
    assert [endpoint.id for endpoint in webhooks.list()] == [others[1].id, others[0].id]

    scene.compare("endpoints")


def test_the_event_types(scene: Scene) -> None:
    scene.comes("OpenAI's")
    listed = scene.client.webhooks.event_types.list()
    assert (listed.object, sorted(listed.data)) == ("list", sorted(SUBSCRIBABLE))
    endpoint = scene.client.webhooks.create(name="all", url=scene.app.url, event_types=SUBSCRIBABLE)
    assert endpoint.event_types == SUBSCRIBABLE

    scene.comes("and what the project published")
    scene.client.post("/webhook_events", cast_to=object, body={"type": "order.paid", "data": {"id": "order_1"}})
    assert scene.client.webhooks.event_types.list().data == [*listed.data, "order.paid"]
    wait_past(endpoint.created_at)
    assert scene.client.webhooks.update(endpoint.id, event_types=["order.paid"]).event_types == ["order.paid"]

    scene.compare("event-types")
