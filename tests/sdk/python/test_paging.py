"""Lists longer than a page: the SDK asks for page after page by itself, also while what it lists goes away."""

from collections.abc import Iterator

import pytest
from scene import Scene

COUNT = 105
"""More than the largest page."""


@pytest.fixture
def endpoint_ids(scene: Scene) -> Iterator[list[str]]:
    """Newest first, as they are listed."""
    create = scene.client.webhooks.create
    made = [create(name=f"page {n}", url=scene.app.url, event_types=["batch.failed"]).id for n in range(COUNT)]
    yield made[::-1]


def test_every_endpoint_is_listed_once(scene: Scene, endpoint_ids: list[str]) -> None:
    for query, requests in [({}, 6), ({"limit": 100}, 2), ({"limit": 35}, 3)]:
        before = scene.request_count
        assert [endpoint.id for endpoint in scene.client.webhooks.list(**query)] == endpoint_ids, query
        assert scene.request_count - before == requests, query

    after_tenth = scene.client.webhooks.list(after=endpoint_ids[9], limit=90)
    assert [endpoint.id for endpoint in after_tenth] == endpoint_ids[10:]


def test_every_endpoint_can_be_deleted_while_they_are_listed(scene: Scene, endpoint_ids: list[str]) -> None:
    """The SDK asks for what comes after the last of a page, which is gone by then."""
    seen = []
    for endpoint in scene.client.webhooks.list():
        seen.append(endpoint.id)
        assert scene.client.webhooks.delete(endpoint.id).deleted
    assert seen == endpoint_ids
    assert list(scene.client.webhooks.list()) == []


def test_what_is_made_while_they_are_listed_is_not_listed(scene: Scene, endpoint_ids: list[str]) -> None:
    """It is newer than where the list began, so nothing moves and nothing comes twice."""
    seen = []
    for endpoint in scene.client.webhooks.list(limit=50):
        seen.append(endpoint.id)
        if len(seen) % 50 == 0:
            scene.client.webhooks.create(name="late", url=scene.app.url, event_types=["batch.failed"])
    assert seen == endpoint_ids
