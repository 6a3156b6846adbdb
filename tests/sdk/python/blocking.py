"""The SDK's asynchronous client for code that does not await.

So that a scenario is written once, as a program with the synchronous client would be, and runs with either.
"""

import asyncio
import inspect
from collections.abc import Iterator


class Blocking:
    """A client, or a part of one. What its methods return to be awaited is awaited, and what they return to be iterated can be."""

    def __init__(self, part: object, runner: asyncio.Runner) -> None:
        self._part = part
        self._runner = runner

    def __getattr__(self, name: str) -> "Blocking":
        return Blocking(getattr(self._part, name), self._runner)

    def __call__(self, *args: object, **kwargs: object) -> object:
        returned = self._part(*args, **kwargs)
        if hasattr(returned, "__aiter__"):
            return self._items(returned)
        return self._runner.run(_awaited(returned)) if inspect.isawaitable(returned) else returned

    def _items(self, pages: object) -> Iterator[object]:
        items = aiter(pages)
        while True:
            try:
                item = self._runner.run(_next(items))
            except StopAsyncIteration:
                return
            yield item


async def _awaited(returned: object) -> object:
    return await returned


async def _next(items: object) -> object:
    """`anext` as a coroutine, which is what a runner takes."""
    return await anext(items)
