"""The unmodified SDK manages Ringback's endpoints as it manages OpenAI's."""

from collections.abc import Iterator

import openai
import pytest
from gateway import Gateway

URL = "https://hooks.example.com/openai"


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.admin_key) as client:
        yield client


def test_the_life_of_an_endpoint(client: openai.OpenAI) -> None:
    made = client.webhooks.create(name="batches", url=URL, event_types=["batch.completed"])
    assert made.object == "webhook_endpoint"
    assert made.id.startswith("whe_")
    assert made.signing_secret.startswith("whsec_")
    assert (made.name, made.url, made.event_types) == ("batches", URL, ["batch.completed"])

    read = client.webhooks.retrieve(made.id)
    assert (read.id, read.name, read.url) == (made.id, "batches", URL)
    assert not hasattr(read, "signing_secret")
    assert read.signing_secret_hint not in (None, made.signing_secret)

    changed = client.webhooks.update(made.id, name="all batches", event_types=["batch.completed", "batch.failed"])
    assert (changed.name, changed.url) == ("all batches", URL)
    assert sorted(changed.event_types) == ["batch.completed", "batch.failed"]

    assert made.id in [endpoint.id for endpoint in client.webhooks.list()]

    deleted = client.webhooks.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "webhook_endpoint.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.webhooks.retrieve(made.id)


def test_the_list_is_paged(client: openai.OpenAI) -> None:
    made = [client.webhooks.create(name=f"page {n}", url=URL, event_types=["batch.failed"]).id for n in range(3)]
    listed = [endpoint.id for endpoint in client.webhooks.list(limit=1)]
    assert [id for id in listed if id in made] == made[::-1]
    for id in made:
        client.webhooks.delete(id)


def test_an_unknown_type_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.webhooks.create(name="typo", url=URL, event_types=["batch.complete"])
    assert "batch.completed" in refused.value.message


def test_a_wrong_key_is_refused(gateway: Gateway) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="rk_wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            client.webhooks.retrieve("whe_none")
