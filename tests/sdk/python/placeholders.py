"""Stable names for what is another in every run: ids, times, secrets, keys, ports.

The same thing has the same name throughout one recording, so that a golden file shows which id is which.
"""

import json
import re
import time

_ID = re.compile(r"\b(whe|whev|whd|wha|whrp|whkey|proj|key)_[0-9a-z]{26}\b|\b(wh|evt)_[0-9a-f]{32}\b")
_REQUEST_ID = re.compile(r"\breq_[0-9a-f]{32}\b")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
_KEY = re.compile(r"sk-ringback-[A-Za-z0-9_-]{43}")
_TIMES = ("created_after", "failing_since", "since")
"""Fields that hold a time, beside those whose names say so."""
_RUN = re.compile(r"(\w)\1{49,}")
_NEAR_SECS = 2 * 24 * 60 * 60
_HINT = re.compile(r"(?:whsec_|sk-ringback-)…(\S{4})")


class Placeholders:
    """The names of one recording. They are given in the order in which things come up."""

    def __init__(self, known: dict[str, str]) -> None:
        """`known` has texts that have a name of their own, and that name."""
        self._names = dict(known)
        self._counts: dict[str, int] = {}

    def in_text(self, text: str) -> str:
        """The text with names in the place of what changes, and of what only fills it."""
        text = _RUN.sub(lambda run: f"<{len(run[0])} times {run[1]}>", text)
        for known, name in list(self._names.items()):
            text = text.replace(known, name)
        text = _REQUEST_ID.sub("<request id>", text)
        text = _ID.sub(lambda found: self._name(found[0], "{}_{}", found[1] or found[2]), text)
        text = _SECRET.sub(lambda found: self._name(found[0], "<{} {}>", "secret"), text)
        text = _KEY.sub(lambda found: self._name(found[0], "<{} {}>", "API key"), text)
        return _HINT.sub(self._hint, text)

    def in_body(self, body: bytes) -> object:
        """The same of every text in a JSON body, and of its times and durations."""
        # Once ahead, because the hint of a secret may come before the secret.
        self.in_text(body.decode())
        return self._in_value(json.loads(body))

    def _in_value(self, value: object) -> object:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return [self._in_value(item) for item in value]
        if isinstance(value, dict):
            return {name: self._in_field(name, item, value.get("created_at")) for name, item in value.items()}
        return value

    def _in_field(self, name: str, value: object, created_at: int | None) -> object:
        # One that is not of today is given by the scenario, or wrong, and either should be seen.
        is_time = isinstance(value, int) and (name.endswith("_at") or name in _TIMES)
        if is_time and abs(value - time.time()) < _NEAR_SECS:
            # Of those that the scenario sees to that they are later, and by more than chance, it is told that they are.
            compared = created_at if name in ("updated_at", "expires_at") else value
            return "<later>" if value > compared else "<earlier>" if value < compared else "<time>"
        if isinstance(value, int) and name.endswith("_ms"):
            return "<duration>"
        return self._in_value(value)

    def _name(self, text: str, form: str, kind: str) -> str:
        if text not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[text] = form.format(kind, self._counts[kind])
        return self._names[text]

    def _hint(self, found: re.Match[str]) -> str:
        """Not called after its secret: once in many thousand runs two secrets end alike. One of a secret that was never shown
        stays as it is, and fails the comparison."""
        shown = (text for text, name in self._names.items() if name.startswith(("<secret ", "<API key ")))
        return "<hint>" if any(text.endswith(found[1]) for text in shown) else found[0]
