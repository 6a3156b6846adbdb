"""The receiver itself: it accepts what is signed with its secret, and nothing else.

Without these, a green run of the other tests could mean that the handler accepts everything.
"""

import time
from collections.abc import Iterator

import pytest
from conftest import CATALOGUE, awkward_json
from receiver import Receiver
from signing import new_secret, new_webhook_id, post, signed_headers


@pytest.fixture
def trusted() -> Iterator[tuple[Receiver, str]]:
    receiver, secret = Receiver(), new_secret()
    receiver.trust(secret)
    yield receiver, secret
    receiver.close()


def test_a_well_signed_call_is_accepted(trusted: tuple[Receiver, str]) -> None:
    receiver, secret = trusted
    webhook_id, body = new_webhook_id(), awkward_json(CATALOGUE[0])
    status, _ = post(receiver.url, signed_headers(secret, webhook_id, body), body)
    [arrival] = receiver.wait_for(webhook_id)
    assert (status, arrival.body, arrival.refusal) == (200, body, None)
    assert arrival.event.type == CATALOGUE[0]["type"]


@pytest.mark.parametrize("fault", ["another secret", "a changed body", "an old timestamp"])
def test_any_other_call_is_refused(trusted: tuple[Receiver, str], fault: str) -> None:
    receiver, own_secret = trusted
    webhook_id, signed = new_webhook_id(), b'{"type":"batch.completed"}'
    secret = new_secret() if fault == "another secret" else own_secret
    sent = signed + b" " if fault == "a changed body" else signed
    timestamp = int(time.time()) - (301 if fault == "an old timestamp" else 0)
    status, _ = post(receiver.url, signed_headers(secret, webhook_id, signed, timestamp), sent)
    [arrival] = receiver.wait_for(webhook_id)
    assert (status, arrival.event) == (400, None)


def test_a_call_can_be_refused_once(trusted: tuple[Receiver, str]) -> None:
    receiver, secret = trusted
    webhook_id, body = new_webhook_id(), b'{"type":"batch.completed"}'
    receiver.refuse_first(webhook_id)
    headers = signed_headers(secret, webhook_id, body)
    statuses = [post(receiver.url, headers, body)[0] for _ in range(2)]
    assert statuses == [500, 200]
