"""What is wrong raises the SDK's own exceptions, once, with a message that says what would be right."""

from collections.abc import Callable

import openai
from scene import Scene

URL = "https://hooks.example.com/openai"
FINE = {"name": "fine", "url": URL, "event_types": ["batch.completed"]}


def test_each_mistake_is_told(scene: Scene) -> None:
    webhooks = scene.client.webhooks
    endpoint = webhooks.create(**FINE)
    bad = _Mistakes(scene, openai.BadRequestError)

    bad.told("event_types", "did you mean `batch.completed`?", webhooks.create, **FINE | {"event_types": ["batch.complete"]})
    bad.told("event_types", "POST /v1/webhook_event_types", webhooks.update, endpoint.id, event_types=["order.paid"])
    bad.told("event_types", "at least one", webhooks.create, **FINE | {"event_types": []})
    bad.told("event_types", "at least one", webhooks.update, endpoint.id, event_types=[])
    bad.told("event_types", "`event_types` is missing", webhooks.create, **FINE | {"event_types": openai.omit})
    bad.told("event_type", "`batch.*` is no event type", webhooks.test, endpoint.id, event_type="batch.*")
    bad.told("event_type", "did you mean `video.failed`?", webhooks.test, endpoint.id, event_type="video.fail")

    bad.told("url", "https://", webhooks.create, **FINE | {"url": "not a URL"})
    bad.told("url", "https", webhooks.create, **FINE | {"url": "ftp://hooks.example.com/openai"})
    bad.told("url", "use https", webhooks.create, **FINE | {"url": "http://8.8.8.8/openai"})
    bad.told("url", "not a public address", webhooks.create, **FINE | {"url": "https://169.254.169.254/openai"})
    bad.told("url", "has `authentication`", webhooks.update, endpoint.id, url="https://user:password@hooks.example.com/openai")
    bad.told("url", "2048", webhooks.create, **FINE | {"url": f"https://hooks.example.com/{'x' * 2048}"})

    bad.told("name", "must not be empty", webhooks.create, **FINE | {"name": ""})
    bad.told("name", "longer than the 256 characters", webhooks.update, endpoint.id, name="x" * 257)
    bad.told("colour", "there is no parameter `colour` here", webhooks.create, **FINE, extra_body={"colour": "red"})
    bad.told("tiemout_secs", "did you mean `timeout_secs`?", webhooks.update, endpoint.id, extra_body={"tiemout_secs": 5})

    bad.told("limit", "from 1 to 100", lambda: list(webhooks.list(limit=0)))
    bad.told("limit", "from 1 to 100", lambda: list(webhooks.list(limit=101)))
    bad.told("after", "`after` must be an item's id", lambda: list(webhooks.list(after="whe_none")))

    assert webhooks.retrieve(endpoint.id).to_dict() == _without_secret(endpoint), "no mistake changed anything"
    scene.compare("mistakes")


def test_what_is_not_there_is_not_found(scene: Scene) -> None:
    other_project_s = scene.new_client(api_key=scene.new_project()[1]).webhooks.create(**FINE)
    webhooks = scene.client.webhooks
    missing = _Mistakes(scene, openai.NotFoundError)
    for id in ("whe_none", other_project_s.id):
        missing.told(None, "there is no such webhook endpoint", webhooks.retrieve, id)
        missing.told(None, "there is no such webhook endpoint", webhooks.update, id, name="mine")
        missing.told(None, "there is no such webhook endpoint", webhooks.rotate_secret, id)
        missing.told(None, "there is no such webhook endpoint", webhooks.test, id, event_type="batch.completed")
        missing.told(None, "there is no such webhook endpoint", webhooks.delete, id)
    missing.told(None, "nothing at this URL", scene.client.get, "/webhook_endpoint", cast_to=object)
    assert list(webhooks.list(after=other_project_s.id)) == []
    scene.compare("not-found")


def test_who_is_not_known_is_told(scene: Scene) -> None:
    webhooks = scene.client.webhooks
    stranger = _Mistakes(scene, openai.AuthenticationError)
    nobody = {"Authorization": openai.omit}
    stranger.told(None, "Authorization: Bearer KEY", webhooks.retrieve, "whe_none", extra_headers=nobody)
    stranger.told(None, "not right", scene.new_client(api_key="sk-wrong").webhooks.create, **FINE)
    stranger.told(None, "OpenAI-Project", scene.new_client(api_key=scene.key, project="proj_other").webhooks.create, **FINE)
    scene.compare("strangers")


class _Mistakes:
    """Calls that raise one kind of exception."""

    def __init__(self, scene: Scene, kind: type[openai.APIStatusError]) -> None:
        self._scene = scene
        self._kind = kind

    def told(self, param: str | None, said: str, call: Callable[..., object], *args: object, **kwargs: object) -> None:
        """The call is refused after one request, for this parameter, with a message that says this."""
        requests = self._scene.request_count
        try:
            call(*args, **kwargs)
        except openai.APIStatusError as refused:
            assert type(refused) is self._kind, refused
            assert refused.param == param, refused
            assert said in refused.message, refused
            assert refused.type == "invalid_request_error" and refused.code, refused
            assert refused.request_id.startswith("req_"), refused
        else:
            raise AssertionError(f"not refused: {args} {kwargs}")
        assert self._scene.request_count - requests == 1


def _without_secret(endpoint: object) -> dict:
    return {name: value for name, value in endpoint.to_dict().items() if name != "signing_secret"}
