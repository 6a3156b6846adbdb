"""The crate `ringback-webhook` against the libraries that others use: what it signs they accept, and the reverse.

The official SDK only verifies, so what is signed by others is signed by `standardwebhooks`, and judged by both.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from calls import PARTS, Signed, case
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook, WebhookVerificationError
from wire import Wire

CASES = 300

_client = OpenAI(api_key="unused")


def _openai(call: Signed) -> None:
    if call.body:
        _client.webhooks.unwrap(call.body, call.headers, secret=call.secret)
    else:
        # An empty body is no event, but it can be signed.
        _client.webhooks.verify_signature(call.body, call.headers, secret=call.secret)


def _standardwebhooks(call: Signed) -> None:
    Webhook(call.secret).verify(call.body, call.headers, json_parse=bool(call.body))


LIBRARIES = {
    "openai": (_openai, InvalidWebhookSignatureError),
    "standardwebhooks": (_standardwebhooks, WebhookVerificationError),
}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.mark.parametrize(("verify", "refusal"), LIBRARIES.values(), ids=LIBRARIES)
def test_what_we_sign_they_accept(wire: Wire, verify: Callable[[Signed], None], refusal: type[Exception]) -> None:
    for index in range(CASES):
        with case(index) as call:
            headers = wire.sign(call.secrets, call.webhook_id, int(time.time()) - call.age, call.body)
            for secret in call.secrets:
                signed = Signed(secret, call.in_transit(headers), call.body)
                verify(signed)
                for part in PARTS:
                    with pytest.raises(refusal):
                        verify(signed.spoilt(part, call.random))


def test_what_they_sign_we_accept(wire: Wire) -> None:
    for index in range(CASES):
        with case(index) as call:
            now = int(time.time())
            headers = call.in_transit(_signed_by_standardwebhooks(call.secrets, call.webhook_id, now - call.age, call.body))
            for secret in call.secrets:
                signed = Signed(secret, headers, call.body)
                assert wire.verify([secret], headers, call.body, now) == {"verdict": "accept", "secret_index": 0}
                _openai(signed)
                for part in PARTS:
                    spoilt = signed.spoilt(part, call.random)
                    verdict = wire.verify([spoilt.secret], spoilt.headers, spoilt.body, now)
                    assert verdict == {"verdict": "reject", "cause": "signature_mismatch"}, part


def test_the_secret_that_matched_is_told(wire: Wire) -> None:
    """A receiver in the midst of a rotation has two secrets; the sender still signs with either."""
    for index in range(CASES):
        with case(index) as call:
            now = int(time.time())
            for position, secret in enumerate(call.secrets):
                headers = _signed_by_standardwebhooks([secret], call.webhook_id, now - call.age, call.body)
                verdict = wire.verify(call.secrets, headers, call.body, now)
                assert verdict == {"verdict": "accept", "secret_index": position}


def _signed_by_standardwebhooks(
    secrets: tuple[str, ...] | list[str], webhook_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    moment, text = datetime.fromtimestamp(timestamp, tz=UTC), body.decode()
    signatures = [Webhook(secret).sign(webhook_id, moment, text) for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
