"""What goes in at a source comes out at the user's application, and the official SDK accepts it."""

import time

import pytest
from conftest import CATALOGUE, Route
from gateway import Gateway
from receiver import Receiver
from signing import new_webhook_id


@pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event["type"])
def test_every_type_is_accepted(gateway: Gateway, receiver: Receiver, route: Route, event: dict) -> None:
    webhook_id = new_webhook_id()
    body = route.call_in(webhook_id, event)
    [arrival] = receiver.wait_for(webhook_id)
    assert arrival.refusal is None
    assert arrival.event.type == event["type"]
    assert arrival.body == body
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.headers["user-agent"] == f"Ringback/{gateway.version}"


def test_a_retry_is_signed_afresh(receiver: Receiver, route: Route) -> None:
    """A call that was 297 s old when it came in is past every SDK's tolerance by its first retry."""
    original_timestamp = int(time.time()) - 297
    event = next(event for event in CATALOGUE if event["type"] == "response.completed")
    webhook_id = new_webhook_id()
    receiver.refuse_first(webhook_id)
    body = route.call_in(webhook_id, event, original_timestamp)
    first, retry = receiver.wait_for(webhook_id, count=2, timeout_secs=30)
    assert (first.refusal, retry.refusal) == (None, None)
    assert retry.at - original_timestamp > 300
    assert int(retry.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert retry.headers["webhook-signature"] != first.headers["webhook-signature"]
    assert first.body == retry.body == body
