"""Publishing, for which the SDK has no method of its own: its raw `post` is enough, with its retries and exceptions."""

import openai
import pytest
from scene import Scene

EVENTS = "/webhook_events"


def test_an_event_of_one_s_own(scene: Scene) -> None:
    made = scene.client.webhooks.create(name="orders", url=scene.app.url, event_types=["order.*"])
    scene.app.trust(made.signing_secret)

    scene.comes("an event is published and delivered")
    event = {"type": "order.paid", "data": {"id": "order_1", "amount": 1.50}, "created_at": 1750287018}
    published = _publish(scene, event | {"webhook_id": "order-1-paid"})
    assert (published["object"], published["type"]) == ("webhook_event", "order.paid")
    assert (published["webhook_id"], published["duplicate"]) == ("order-1-paid", False)
    arrival = scene.delivered("order-1-paid")
    assert arrival.refusal is None
    assert (arrival.event.type, arrival.event.created_at) == ("order.paid", 1750287018)

    scene.comes("the same again is a duplicate and no error")
    again = _publish(scene, event | {"webhook_id": "order-1-paid"})
    assert again == published | {"duplicate": True}

    scene.comes("another event under the same id is a conflict, which the SDK does not repeat")
    requests = scene.request_count
    with pytest.raises(openai.ConflictError) as refused:
        _publish(scene, event | {"webhook_id": "order-1-paid", "data": {"id": "order_2"}})
    assert refused.value.code == "webhook_id_taken"
    assert scene.request_count - requests == 1

    scene.comes("a batch is published whole")
    batch = {"events": [event | {"webhook_id": f"batch-{n}"} for n in (1, 2)]}
    answered = scene.client.post(f"{EVENTS}/batch", cast_to=object, body=batch)
    assert [(item["webhook_id"], item["duplicate"]) for item in answered["data"]] == [("batch-1", False), ("batch-2", False)]
    for webhook_id in ("batch-1", "batch-2"):
        assert scene.app.wait_for(webhook_id)[0].refusal is None

    scene.comes("or not at all")
    with pytest.raises(openai.BadRequestError) as refused:
        wrong = {"events": [event | {"webhook_id": "batch-3"}, {"type": "order.paid", "data": "order_1"}]}
        scene.client.post(f"{EVENTS}/batch", cast_to=object, body=wrong)
    assert refused.value.param == "events[1].data"

    assert len(scene.app.arrivals) == 3
    scene.compare("publishing")


def test_an_idempotency_key(scene: Scene) -> None:
    webhooks = scene.client.webhooks
    fields = {"name": "once", "url": scene.app.url, "event_types": ["*"]}

    scene.comes("what is repeated under one key is made once, and its secret is shown again")
    first, repeated = [webhooks.create(**fields, extra_headers={"Idempotency-Key": "create-1"}) for _ in range(2)]
    assert repeated == first
    assert [endpoint.id for endpoint in webhooks.list()] == [first.id]
    scene.app.trust(first.signing_secret)

    scene.comes("another request under it is refused")
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        webhooks.create(**fields | {"name": "twice"}, extra_headers={"Idempotency-Key": "create-1"})
    assert refused.value.code == "idempotency_key_reused"

    scene.comes("an event is published once")
    event = {"type": "order.paid", "data": {"id": "order_1"}}
    one, same = [_publish(scene, event, {"Idempotency-Key": "publish-1"}) for _ in range(2)]
    assert one == same
    assert scene.delivered(one["webhook_id"]).refusal is None
    assert len(scene.app.arrivals) == 1

    scene.compare("idempotency")


def _publish(scene: Scene, event: dict, headers: dict[str, str] | None = None) -> dict:
    return scene.client.post(EVENTS, cast_to=object, body=event, options={"headers": headers or {}})
