"""Where a scenario of the API takes place: a project of its own, a client of the SDK, and the user's application.

Everything that the client says and hears passes a recorder, and becomes a text that is compared with a golden file.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

import golden
from blocking import Blocking
from gateway import Gateway
from openai import AsyncOpenAI, OpenAI
from placeholders import Placeholders
from receiver import Arrival, Receiver
from recorder import Exchange, Recorder

NOBODY_URL = "http://127.0.0.1:1/webhook"
"""Where nobody listens: the port is reserved for a service that is out of use, and not given out as a free one."""

_PATIENCE_SECS = 15
_ASK_AGAIN_SECS = 0.02


class Scene:
    """One project on the gateway, seen through one kind of client."""

    def __init__(self, gateway: Gateway, kind: type[OpenAI] | type[AsyncOpenAI]) -> None:
        self.gateway = gateway
        self.app = Receiver()
        self.recorder = Recorder(gateway.url)
        self._kind = kind
        self._runner = asyncio.Runner()
        self._clients: list[OpenAI | Blocking] = []
        self._script: list[str | Arrival | Exchange] = []
        self._names = {gateway.admin_key: "<admin key>", self.app.url: "http://app.test/webhook"}
        self._names[f"Ringback/{gateway.version}"] = "Ringback/<version>"
        self.project_id, self.key = self.new_project()
        self.client = self.new_client(api_key=self.key)

    def new_project(self) -> tuple[str, str]:
        """Another project and a key of it, made past the recorder."""
        project = self.gateway.create("organization/projects", name=self.own("project"))
        key = self.gateway.create(f"organization/projects/{project['id']}/api_keys", name="scene")
        return project["id"], key["value"]

    def new_client(self, **options: object) -> OpenAI | Blocking:
        """A client that is recorded, and that refuses an answer which is not what the SDK's types say."""
        client = self._kind(base_url=f"{self.recorder.url}/v1", _strict_response_validation=True, **options)
        self._clients.append(Blocking(client, self._runner) if self._kind is AsyncOpenAI else client)
        return self._clients[-1]

    def own(self, name: str) -> str:
        """A name that nothing else on this gateway has."""
        own = f"{name} {secrets.token_hex(4)}"
        self._names[own] = name
        return own

    @property
    def request_count(self) -> int:
        """How many requests the SDK has made so far."""
        return len(self.recorder.exchanges)

    def comes(self, title: str) -> None:
        """What the exchanges that follow are about."""
        self._catch_up()
        self._script.append(title)

    def delivered(self, webhook_id: str | None = None) -> Arrival:
        """The call with this id once the application has it; without an id the last that it has. It is recorded."""
        arrival = self.app.wait_for(webhook_id)[-1] if webhook_id else self.app.arrivals[-1]
        self._catch_up()
        self._script.append(arrival)
        return arrival

    def wait_until(self, path: str, wanted: Callable[[dict], bool]) -> dict:
        """What is at this path of the API, once it is as wanted. Asked past the recorder, for nobody knows how often."""
        with OpenAI(base_url=f"{self.gateway.url}/v1", api_key=self.key) as client:
            give_up_at = time.monotonic() + _PATIENCE_SECS
            while not wanted(found := client.get(path, cast_to=object)):
                assert time.monotonic() < give_up_at, f"{path} did not become as wanted within {_PATIENCE_SECS} s: {found}"
                time.sleep(_ASK_AGAIN_SECS)
            return found

    def compare(self, name: str) -> None:
        """Compares all that was recorded with the golden file of this name."""
        self._catch_up()
        names = Placeholders(self._names)
        texts = [_shown(item, names) for item in self._script]
        golden.compare(name, "\n".join(texts), may_update=self._kind is OpenAI)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._runner.close()
        self.recorder.close()
        self.app.close()

    def _catch_up(self) -> None:
        """The exchanges since the last time go before whatever comes now."""
        told = sum(isinstance(item, Exchange) for item in self._script)
        self._script += self.recorder.exchanges[told:]


def wait_past(unix_secs: int) -> None:
    """Until a time of now would be later than this one."""
    while int(time.time()) <= unix_secs:
        time.sleep(0.01)


def _shown(item: str | Arrival | Exchange, names: Placeholders) -> str:
    if isinstance(item, str):
        return golden.heading(item)
    return golden.exchange(item, names) if isinstance(item, Exchange) else golden.arrival(item, names)
