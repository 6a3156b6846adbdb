"""The user's part: an application whose handler is the one that OpenAI's SDK documents.

The handler gives `client.webhooks.unwrap` the raw body and the headers, answers 400 if the signature is
wrong, and 200 otherwise. Around it stands what a test needs: each call is kept, and a call can be refused.
"""

import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai import InvalidWebhookSignatureError, OpenAI

# How soon it stops listening when it is told to.
_POLL_SECS = 0.02


@dataclass(frozen=True)
class Arrival:
    """One call as it came in, and what the SDK made of it."""

    headers: Message
    body: bytes
    event: object | None
    """What `unwrap` returned; None if it refused."""
    refusal: Exception | None
    """What `unwrap` raised; None if it accepted."""
    at: float
    """When the handler was done with it, in Unix seconds."""


class Receiver:
    """Listens on a free port of the loopback interface until it is closed."""

    def __init__(self) -> None:
        self._client: OpenAI | None = None
        self._arrivals: list[Arrival] = []
        self._to_refuse: dict[str, int] = {}
        self._status: int | None = None
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, args=[_POLL_SECS], daemon=True).start()

    @property
    def url(self) -> str:
        """Where to deliver to."""
        return f"http://127.0.0.1:{self._server.server_port}/webhook"

    def trust(self, secret: str) -> None:
        """Verifies with this secret from now on."""
        self._client = OpenAI(api_key="unused", webhook_secret=secret)

    def refuse_first(self, webhook_id: str) -> None:
        """Answers 500 to the next call with this id, however well it is signed."""
        with self._changed:
            self._to_refuse[webhook_id] = 500

    def answer_with(self, status: int | None) -> None:
        """Answers every call with this status from now on; with None as the documented handler does."""
        with self._changed:
            self._status = status

    @property
    def arrivals(self) -> list[Arrival]:
        """All calls so far."""
        with self._changed:
            return list(self._arrivals)

    def wait_for(self, webhook_id: str, count: int = 1, timeout_secs: float = 15) -> list[Arrival]:
        """The calls with this id, once there are `count` of them."""
        found: list[Arrival] = []

        def enough() -> bool:
            found[:] = [a for a in self._arrivals if a.headers["webhook-id"] == webhook_id]
            return len(found) >= count

        with self._changed:
            arrived = self._changed.wait_for(enough, timeout_secs)
        assert arrived, f"{len(found)} of {count} calls with {webhook_id} came within {timeout_secs} s"
        return found

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def handle(self, headers: Message, body: bytes) -> int:
        """The documented handler; returns the status to answer with."""
        event, refusal, status = None, None, 200
        try:
            event = self._client.webhooks.unwrap(body, headers)
        except InvalidWebhookSignatureError as error:
            refusal, status = error, 400
        with self._changed:
            self._arrivals.append(Arrival(headers, body, event, refusal, time.time()))
            status = self._to_refuse.pop(headers["webhook-id"], self._status or status)
            self._changed.notify_all()
        return status


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.handle(self.headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing: what matters is kept as an `Arrival`."""

    return Handler
