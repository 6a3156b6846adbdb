"""The crate `ringback-webhook` itself, as a child process that signs and verifies on request.

It is the crate's example `wire`, which is built with the other targets (`cargo build --workspace --all-targets`), or
alone with `cargo build -p ringback-webhook --example wire`.
"""

import base64
import json
import subprocess
from collections.abc import Iterable, Mapping

from gateway import binary


class Wire:
    """A running `wire`: one JSON object a line in, one out."""

    def __init__(self) -> None:
        path = binary().parent / "examples/wire"
        assert path.is_file(), f"{path} does not exist: run `cargo build -p ringback-webhook --example wire`"
        self._child = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sign(self, secrets: Iterable[str], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The headers of a call, signed with every secret. `timestamp` is in Unix seconds."""
        request = {"secrets": list(secrets), "id": webhook_id, "timestamp": timestamp, "body_base64": _base64(body)}
        return dict(self._ask("sign", request)["headers"])

    def verify(self, secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: int) -> dict:
        """`{"verdict": "accept", "secret_index": …}` or `{"verdict": "reject", "cause": …}`."""
        request = {"secrets": list(secrets), "headers": list(headers.items()), "body_base64": _base64(body), "now": now}
        return self._ask("verify", request)

    def close(self) -> None:
        """Ends its input, upon which the child must end by itself, and with success."""
        self._child.stdin.close()
        code = self._child.wait(timeout=10)
        self._child.stdout.close()
        assert code == 0, f"wire ended with {code}"

    def _ask(self, op: str, request: dict) -> dict:
        print(json.dumps({"op": op, **request}), file=self._child.stdin, flush=True)
        answer = self._child.stdout.readline()
        assert answer, "wire ended instead of answering; what it said is above"
        return json.loads(answer)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
