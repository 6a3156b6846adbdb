"""Redelivery and replays, for which the SDK has no methods of its own, and Ringback's fields of an endpoint, which it passes on."""

import openai
import pytest
from openai import OpenAI
from scene import Scene, wait_past

DELIVERIES = "/webhook_deliveries"
REPLAYS = "/webhook_replays"


def test_sending_again(scene: Scene) -> None:
    webhooks = scene.client.webhooks

    scene.comes("an endpoint with one attempt and no retry")
    rules = {"retry_delays_secs": [], "max_per_sec": 100}
    made = webhooks.create(name="orders", url=scene.app.url, event_types=["order.*"], extra_body=rules)
    assert (made.retry_delays_secs, made.max_per_sec, made.ordering) == ([], 100, "none")
    assert webhooks.retrieve(made.id).breaker == {"state": "closed", "probe_at": None}
    scene.app.trust(made.signing_secret)

    scene.comes("what fails is dead at once, and listed so")
    scene.app.answer_with(500)
    _publish(scene, 1)
    scene.wait_until(f"{DELIVERIES}?state=dead", lambda found: found["data"])
    scene.app.answer_with(None)
    [dead] = _get(scene, DELIVERIES, state="dead", endpoint_id=made.id)["data"]
    assert (dead["end_reason"], dead["event"]["webhook_id"]) == ("schedule_exhausted", "order-1")

    scene.comes("while the endpoint is paused it is held, and can be called off once")
    wait_past(made.created_at)
    assert webhooks.update(made.id, extra_body={"paused": True}).paused
    held = _post(scene, f"{DELIVERIES}/{dead['id']}/redeliver")
    assert (held["trigger"], held["state"], held["event_id"]) == ("redelivery", "pending", dead["event_id"])
    assert _post(scene, f"{DELIVERIES}/{held['id']}/cancel")["state"] == "cancelled"
    requests = scene.request_count
    with pytest.raises(openai.ConflictError) as refused:
        _post(scene, f"{DELIVERIES}/{held['id']}/cancel")
    assert refused.value.code == "already_ended"
    assert scene.request_count - requests == 1

    scene.comes("its event is sent again to all that want it, and arrives when the endpoint goes on")
    [held] = _post(scene, f"/webhook_events/{dead['event_id']}/redeliver")["data"]
    webhooks.update(made.id, extra_body={"paused": False})
    first, second = scene.app.wait_for("order-1", 2)
    assert scene.delivered("order-1").refusal is None
    assert (second.body, second.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
    scene.wait_until(f"{DELIVERIES}/{held['id']}", lambda found: found["state"] == "delivered")

    scene.comes("who enables an endpoint is told what it missed, and how to have it")
    assert webhooks.update(made.id, extra_body={"disabled": True}).disabled_at
    _publish(scene, 2)
    missed = webhooks.update(made.id, extra_body={"disabled": False}).missed
    assert missed["count"] == 1
    replay = _post(scene, REPLAYS, **missed["replay"])
    assert (replay["status"], replay["expected_count"]) == ("running", 1)
    assert scene.delivered("order-2").refusal is None
    scene.wait_until(f"{REPLAYS}/{replay['id']}", lambda found: found["deliveries"]["delivered"] == 1)

    scene.comes("to another URL, counted first, and signed with a secret of its own")
    query = {"object_id": "order_2", "target_url": scene.app.url}
    assert _post(scene, REPLAYS, **query, dry_run=True)["count"] == 1
    # The application knows the secret only after it.
    scene.app.answer_with(200)
    elsewhere = _post(scene, REPLAYS, **query)
    arrival = scene.app.wait_for("order-2", 2)[1]
    other = OpenAI(api_key="unused", webhook_secret=elsewhere["signing_secret"])
    assert other.webhooks.unwrap(arrival.body, arrival.headers).type == "order.paid"
    scene.wait_until(f"{REPLAYS}/{elsewhere['id']}", lambda found: found["deliveries"]["delivered"] == 1)
    assert [found["id"] for found in _get(scene, REPLAYS)["data"]] == [elsewhere["id"], replay["id"]]

    scene.comes("a mistake is told by the SDK's own exceptions")
    with pytest.raises(openai.BadRequestError, match="did you mean `missed`") as wrong:
        _post(scene, REPLAYS, state="mised")
    assert wrong.value.param == "state"
    with pytest.raises(openai.NotFoundError):
        _get(scene, f"{REPLAYS}/whrp_01jy00000000000000000000ab")

    scene.compare("sending-again")


def _publish(scene: Scene, number: int) -> None:
    event = {"type": "order.paid", "data": {"id": f"order_{number}"}, "created_at": 1750287018}
    _post(scene, "/webhook_events", **event, webhook_id=f"order-{number}")


def _get(scene: Scene, path: str, **query: str) -> dict:
    return scene.client.get(path, cast_to=object, options={"params": query})


def _post(scene: Scene, path: str, **body: object) -> dict:
    return scene.client.post(path, cast_to=object, body=body)
