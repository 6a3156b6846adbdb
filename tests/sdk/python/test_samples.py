"""`client.webhooks.test`: a sample event for the user's application, and what it answered."""

import openai
import pytest
from conftest import SUBSCRIBABLE
from scene import NOBODY_URL, Scene


def test_every_sample_is_accepted(scene: Scene) -> None:
    made = scene.client.webhooks.create(name="samples", url=scene.app.url, event_types=["batch.failed"])
    scene.app.trust(made.signing_secret)
    for event_type in SUBSCRIBABLE:
        result = scene.client.webhooks.test(made.id, event_type=event_type)
        assert (result.object, result.webhook_endpoint_id) == ("webhook_endpoint.test", made.id)
        assert (result.event_type, result.status_code, result.success) == (event_type, 200, True)
        arrival = scene.app.arrivals[-1]
        assert (arrival.refusal, arrival.event.type) == (None, event_type)
    assert len(scene.app.arrivals) == len(SUBSCRIBABLE)


def test_what_the_application_answered(scene: Scene) -> None:
    webhooks = scene.client.webhooks

    scene.comes("it accepted")
    made = webhooks.create(name="tested", url=scene.app.url, event_types=["batch.completed"])
    scene.app.trust(made.signing_secret)
    assert webhooks.test(made.id, event_type="batch.completed").status_code == 200
    assert scene.delivered().event.type == "batch.completed"

    # An answer is an answer: only its status says that the application is ill.
    for status in (500, 302, 410):
        scene.comes(f"it answered {status}, which is told and not tried again")
        scene.app.answer_with(status)
        result = webhooks.test(made.id, event_type="video.completed")
        assert (result.success, result.status_code) == (True, status)
    assert len(scene.app.arrivals) == 4

    scene.comes("it was not there: one request and no second, because the SDK is told so")
    gone = webhooks.create(name="gone", url=NOBODY_URL, event_types=["batch.completed"])
    requests = scene.request_count
    with pytest.raises(openai.InternalServerError) as refused:
        webhooks.test(gone.id, event_type="batch.completed")
    assert (refused.value.status_code, refused.value.code) == (502, "unreachable")
    assert refused.value.response.headers.get("x-should-retry") == "false"
    assert "did not answer" in refused.value.message
    assert scene.request_count - requests == 1

    scene.compare("samples")
