"""Random calls, the same in every run, and each of them spoilt by one bit.

A bit is always turned so that the call stays one that a library looks at: the body stays UTF-8, the headers printable,
the timestamp near. So whoever refuses it refuses it for its signature.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

SEED = 20261121
MAX_BODY_BYTES = 20_000
PARTS = ("body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret")

_MAX_CHARS = 1_600  # as escaped surrogate pairs 12 bytes each, which leaves room for the rest of the event
_TYPES = ("batch.completed", "response.failed", "realtime.call.incoming", "an.unknown_type")


@dataclass(frozen=True)
class Call:
    """A call to be signed."""

    secrets: tuple[str, ...]
    """One or two."""
    webhook_id: str
    age: int
    """How long before now it is signed, in seconds; negative if after. Within every library's tolerance."""
    body: bytes
    random: Random
    """For whatever else has to be drawn in this case."""

    def in_transit(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers as they may arrive: in any order, and their names in any case."""
        names = self.random.sample(list(headers), len(headers))
        return {self.random.choice([name.upper(), name.title(), name]): headers[name] for name in names}


@dataclass(frozen=True)
class Signed:
    """A call as its receiver has it."""

    secret: str
    """The receiver's."""
    headers: dict[str, str]
    body: bytes

    def spoilt(self, part: str, random: Random) -> "Signed":
        """The same with one bit turned in `part`, one of `PARTS`."""
        if part == "secret":
            key = _bit_turned(base64.b64decode(self.secret.removeprefix("whsec_")), random)
            return replace(self, secret=secret_of(key))
        if part == "body":
            return replace(self, body=_ascii_turned(self.body, random) if self.body else b" ")
        turned = _TURNED[part]
        headers = {k: turned(v, random) if k.lower() == part else v for k, v in self.headers.items()}
        return replace(self, headers=headers)


@contextmanager
def case(index: int) -> Iterator[Call]:
    """The call of this number. Whatever goes wrong with it is told with the seed and the number."""
    try:
        yield _call(index)
    except BaseException as error:
        error.add_note(f"in case {index} of the seed {SEED}")
        raise


def secret_of(key: bytes) -> str:
    """A signing secret as OpenAI writes it."""
    return "whsec_" + base64.b64encode(key).decode()


def _call(index: int) -> Call:
    random = Random(f"{SEED}/{index}")
    secrets = tuple(secret_of(random.randbytes(random.randint(24, 64))) for _ in range(random.randint(1, 2)))
    webhook_id = "".join(chr(random.randint(0x21, 0x7E)) for _ in range(random.randint(1, 64)))
    # Every tenth body is empty.
    body = b"" if index % 10 == 0 else _event(random)
    assert len(body) <= MAX_BODY_BYTES
    return Call(secrets, webhook_id, random.randint(-200, 200), body, random)


def _event(random: Random) -> bytes:
    numbers = [random.randint(-(2**53), 2**53), random.random() * 10 ** random.randint(-9, 9), None, random.random() < 0.5]
    data = {"id": _text(random, 20), "numbers": numbers, "note": _text(random, random.choice([10, _MAX_CHARS - 50]))}
    event = {"object": "event", "id": "evt_1", "created_at": 1, "type": random.choice(_TYPES), "data": data}
    return json.dumps(event, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 3])).encode()


def _text(random: Random, max_chars: int) -> str:
    """Of any characters, controls and those beyond 16 bits among them; half of all are ASCII."""
    ranges = [(0, 0x7F), (0x80, 0xD7FF), (0, 0x7F), (0xE000, 0x10FFFF)]
    return "".join(chr(random.randint(*random.choice(ranges))) for _ in range(random.randint(0, max_chars)))


def _bit_turned(data: bytes, random: Random) -> bytes:
    position = random.randrange(len(data))
    return data[:position] + bytes([data[position] ^ 1 << random.randrange(8)]) + data[position + 1 :]


def _ascii_turned(text: bytes, random: Random) -> bytes:
    position = random.choice([position for position, byte in enumerate(text) if byte < 0x80])
    return text[:position] + bytes([text[position] ^ 1 << random.randrange(7)]) + text[position + 1 :]


def _id_turned(text: str, random: Random) -> str:
    while True:
        turned = _ascii_turned(text.encode(), random).decode()
        if all("\x21" <= char <= "\x7e" for char in turned):
            return turned


def _timestamp_turned(text: str, _: Random) -> str:
    return text[:-1] + str(int(text[-1]) ^ 1)


def _signatures_turned(text: str, random: Random) -> str:
    """In every token, for any of them may be the receiver's."""
    macs = [base64.b64decode(token.removeprefix("v1,")) for token in text.split(" ")]
    return " ".join("v1," + base64.b64encode(_bit_turned(mac, random)).decode() for mac in macs)


_TURNED = {
    "webhook-id": _id_turned,
    "webhook-timestamp": _timestamp_turned,
    "webhook-signature": _signatures_turned,
}
