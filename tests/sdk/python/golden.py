"""What went over the wire in a scenario, as a text that is compared with a file of the repository.

The files are `tests/sdk/golden/python-NAME.http`. Headers that only describe the connection or the SDK's build are left out.
"""

import difflib
import json
import os
from email.message import Message
from pathlib import Path

import pytest
from placeholders import Placeholders
from receiver import Arrival
from recorder import Exchange

_FOLDER = Path(__file__).parents[1] / "golden"
_UPDATE = "UPDATE_GOLDEN"
_MAX_LINE_CHARS = 100
_REQUEST_HEADERS = ("authorization", "openai-project", "idempotency-key", "accept", "content-type", "user-agent")
_ANSWER_HEADERS = (
    "content-type",
    "x-request-id",
    "x-should-retry",
    "retry-after",
    "www-authenticate",
    "idempotent-replayed",
)


def heading(text: str) -> str:
    """Says what comes next."""
    return f"# {text}\n"


def exchange(kept: Exchange, names: Placeholders) -> str:
    """A request and its answer."""
    request = _message(kept.request_headers, _REQUEST_HEADERS, kept.request_body, names)
    answer = _message(kept.headers, _ANSWER_HEADERS, kept.body, names)
    return f"{kept.method} {names.in_text(kept.target)}\n{request}\n-> {kept.status}\n{answer}"


def arrival(kept: Arrival, names: Placeholders) -> str:
    """A delivery, with every header that the gateway sends."""
    sent = [name.lower() for name in kept.headers if name.lower() not in ("host", "content-length")]
    return "POST, to the application\n" + _message(kept.headers, sent, kept.body, names)


def compare(name: str, text: str, *, may_update: bool) -> None:
    """Fails with the difference if the file has another text; with `UPDATE_GOLDEN=1` it is written instead."""
    path = _FOLDER / f"python-{name}.http"
    if may_update and os.environ.get(_UPDATE):
        path.write_text(text)
    golden = path.read_text() if path.exists() else ""
    if golden != text:
        lines = (golden.splitlines(), text.splitlines())
        diff = difflib.unified_diff(*lines, f"tests/sdk/golden/{path.name}", "on the wire now", lineterm="")
        pytest.fail(
            "\n".join([*diff, "", f"To accept this: {_UPDATE}=1 ../.venv/bin/python -m pytest, in tests/sdk/python"]),
            pytrace=False,
        )


def _message(headers: Message, shown: tuple[str, ...] | list[str], body: bytes, names: Placeholders) -> str:
    lines = [f"{name}: {_value(name, headers[name], names)}\n" for name in shown if name in headers]
    if body:
        lines.append(f"\n{_laid_out(names.in_body(body))}\n")
    return "".join(lines)


def _laid_out(value: object, indent: str = "") -> str:
    """JSON with the order of its keys kept. What is short takes one line, for an object has a dozen fields that seldom matter."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= _MAX_LINE_CHARS or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}: {_laid_out(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _laid_out(item, inner) for item in value) + f"\n{indent}]"


def _value(name: str, value: str, names: Placeholders) -> str:
    if name == "webhook-signature":
        return " ".join(f"{token.partition(',')[0]},<signature>" for token in value.split(" "))
    if name == "webhook-timestamp":
        return "<time>"
    # The asynchronous client has a name of its own, and nothing else.
    return names.in_text(value.removeprefix("Async") if name == "user-agent" else value)
