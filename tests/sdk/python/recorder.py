"""A proxy between an SDK and the gateway, which keeps every request and its answer.

It changes nothing on the way, so what it keeps is what the SDK and the gateway said to each other.
"""

import http.client
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_TIMEOUT_SECS = 30
# How soon it stops listening when it is told to.
_POLL_SECS = 0.02
# Of one connection, and so made anew on the next.
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    target: str
    """The path, and the query if there is one."""
    request_headers: Message
    request_body: bytes
    status: int
    headers: Message
    body: bytes


class Recorder:
    """Listens on a free port of the loopback interface until it is closed."""

    def __init__(self, gateway_url: str) -> None:
        """Passes on to this gateway, which is an `http://HOST:PORT`."""
        self.exchanges: list[Exchange] = []
        self._gateway = urlsplit(gateway_url).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, args=[_POLL_SECS], daemon=True).start()

    @property
    def url(self) -> str:
        """What a client takes for the gateway's."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def exchange(self, method: str, target: str, headers: Message, body: bytes) -> Exchange:
        """Passes a request on, and keeps it once it is answered."""
        connection = http.client.HTTPConnection(self._gateway, timeout=_TIMEOUT_SECS)
        try:
            connection.request(method, target, body, {**dict(headers), "connection": "close"})
            answer = connection.getresponse()
            exchange = Exchange(method, target, headers, body, answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        self.exchanges.append(exchange)
        return exchange


def _handler_of(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are written one after the other; the second would wait for the client to acknowledge the first.
        disable_nagle_algorithm = True

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            exchange = recorder.exchange(self.command, self.path, self.headers, body)
            self.send_response_only(exchange.status)
            for name, value in exchange.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(exchange.body)

        do_GET = do_POST = do_DELETE = _pass_on

        def log_message(self, *_: object) -> None:
            """Says nothing: what matters is kept as an `Exchange`."""

    return Handler
