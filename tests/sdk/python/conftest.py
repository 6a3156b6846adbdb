"""What the tests share: one gateway and one receiver for the whole run."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway import Gateway
from openai import AsyncOpenAI, OpenAI
from receiver import Receiver
from scene import Scene
from signing import new_secret, post, signed_headers

# The SDK would take keys, a project and an address from the environment of whoever runs the tests.
for _name in [name for name in os.environ if name.startswith("OPENAI_")]:
    del os.environ[_name]

_FOLDER = Path(__file__).parents[1]
CATALOGUE: list[dict] = json.loads((_FOLDER / "catalogue.json").read_text())
"""A sample event of every type of the catalogue."""
SUBSCRIBABLE: list[str] = json.loads((_FOLDER / "subscribable.json").read_text())
"""The event types that OpenAI's webhook-endpoint API takes."""


@dataclass(frozen=True)
class Route:
    """A source whose every event goes to one receiver."""

    source_url: str
    source_secret: str

    def call_in(self, webhook_id: str, event: dict, timestamp: int | None = None) -> bytes:
        """Calls the source as OpenAI would; returns the exact bytes of the body."""
        body = awkward_json(event)
        headers = signed_headers(self.source_secret, webhook_id, body, timestamp)
        status, answer = post(self.source_url, headers, body)
        assert status == 200, f"the source answered {status} {answer.decode(errors='replace')}"
        return body


def awkward_json(event: dict) -> bytes:
    """The event in a spelling that no serialiser would choose: only who keeps the bytes can return them."""
    text = json.dumps(event, separators=(" ,", ":  "))
    return (text[:-1] + ' , "note":"caf\\u00e9, café, \\/ ", "amount": 1.50e+2 }\n').encode()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("ringback"))
    try:
        yield gateway
        gateway.stop()
    finally:
        gateway.kill()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def route(gateway: Gateway, receiver: Receiver) -> Route:
    secret = new_secret()
    source = gateway.create("webhook_sources", name="openai", kind="openai", signing_secret=secret)
    endpoint = gateway.create("webhook_endpoints", name="app", url=receiver.url, event_types=["*"])
    receiver.trust(endpoint["signing_secret"])
    return Route(source["url"], secret)


@pytest.fixture(params=[OpenAI, AsyncOpenAI], ids=["sync", "async"])
def scene(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Scene]:
    scene = Scene(gateway, request.param)
    yield scene
    scene.close()
