"""Rotation: which secrets `client.webhooks.unwrap` accepts a delivery with, and which not any more."""

import base64

import openai
from receiver import Arrival
from scene import Scene, wait_past

DAY_SECS = 24 * 60 * 60


def test_the_rotation_of_a_secret(scene: Scene) -> None:
    webhooks = scene.client.webhooks

    scene.comes("the first secret")
    made = webhooks.create(name="rotated", url=scene.app.url, event_types=["response.completed"])
    first = made.signing_secret
    scene.app.trust(first)
    assert _accepted_by(scene, _published(scene, "published-1"), [first]) == [first]

    scene.comes("without overlap the old one ends at once")
    wait_past(made.created_at)
    rotated = webhooks.rotate_secret(made.id)
    second = rotated.signing_secret
    assert rotated.created_at == made.created_at < rotated.updated_at
    assert rotated.signing_secret_hint == f"whsec_…{second[-4:]}"
    assert _accepted_by(scene, _published(scene, "published-2"), [first, second]) == [second]
    assert _accepted_by(scene, _tested(scene, made.id), [first, second]) == [second]

    # The app knows the first secret alone: what it thinks of the later ones is written down by and by.
    scene.wait_until(f"/webhook_endpoints/{made.id}", lambda endpoint: endpoint["failing_since"] is not None)
    scene.comes("it is not shown again")
    read = webhooks.retrieve(made.id)
    assert not hasattr(read, "signing_secret")
    assert (read.signing_secret_hint, read.updated_at) == (rotated.signing_secret_hint, rotated.updated_at)

    scene.comes("with overlap both sign, and the old one for a day")
    overlapped = webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    third = overlapped.signing_secret
    old, new = overlapped.signing_secrets
    assert (old["expires_at"] - overlapped.updated_at, new["expires_at"]) == (DAY_SECS, None)
    assert _accepted_by(scene, _published(scene, "published-3"), [first, second, third]) == [second, third]
    assert _accepted_by(scene, _tested(scene, made.id), [first, second, third]) == [second, third]

    scene.comes("a rotation without overlap ends both")
    fourth = webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=False).signing_secret
    assert _accepted_by(scene, _published(scene, "published-4"), [first, second, third, fourth]) == [fourth]

    secrets = [first, second, third, fourth]
    assert len(set(secrets)) == 4
    assert [len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets] == [32] * 4
    scene.compare("secrets")


def _published(scene: Scene, webhook_id: str) -> Arrival:
    """An event of the user's own, as it was delivered."""
    event = {"type": "response.completed", "data": {"id": "resp_1"}, "webhook_id": webhook_id}
    scene.client.post("/webhook_events", cast_to=object, body=event)
    return scene.delivered(webhook_id)


def _tested(scene: Scene, endpoint_id: str) -> Arrival:
    """A test event, as it was delivered."""
    scene.client.webhooks.test(endpoint_id, event_type="response.completed")
    return scene.delivered()


def _accepted_by(scene: Scene, arrival: Arrival, secrets: list[str]) -> list[str]:
    """Those of the secrets with which the SDK accepts the delivery."""
    accepted = []
    for secret in secrets:
        try:
            event = scene.client.webhooks.unwrap(arrival.body, arrival.headers, secret=secret)
        except openai.InvalidWebhookSignatureError:
            continue
        assert event.type == "response.completed"
        accepted.append(secret)
    return accepted
