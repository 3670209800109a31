"""One call for each of many inputs, so many at once."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar, cast

import msgspec

from partnercenter_async._session.arguments import check_count

S = TypeVar("S")
T = TypeVar("T")


class Outcome(msgspec.Struct, Generic[S, T], frozen=True):
    """What became of one input."""

    input: S
    result: T | None
    error: Exception | None

    @property
    def value(self) -> T:
        """What the call returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


def fan_out(
    source: Iterable[S] | AsyncIterable[S], call: Callable[[S], Awaitable[T]], *, concurrency: int = 32
) -> AsyncGenerator[Outcome[S, T], None]:
    """Await ``call(input)`` for each input of ``source`` and give the outcomes as they complete.

    At most ``concurrency`` calls are begun whose outcome was not taken yet, so a slow consumer holds up calls rather
    than piling up results, and inputs are drawn from the source only as places become free. An exception of a call is
    its outcome's ``error``; one of the source is raised once all begun calls were given. Leaving the loop cancels the
    calls under way.
    """
    check_count("concurrency", concurrency)
    inputs = aiter(source) if isinstance(source, AsyncIterable) else _each(source)
    return _outcomes(inputs, call, concurrency)


async def _each(source: Iterable[S]) -> AsyncIterator[S]:
    for item in source:
        yield item


def _outcome(item: S, task: asyncio.Task[T]) -> Outcome[S, T]:
    """Return what became of an ended call; a cancellation passes."""
    try:
        return Outcome(item, task.result(), None)
    except Exception as error:  # noqa: BLE001 - the caller's to sort out
        return Outcome(item, None, error)


async def _outcomes(
    inputs: AsyncIterator[S], call: Callable[[S], Awaitable[T]], concurrency: int
) -> AsyncGenerator[Outcome[S, T], None]:
    running: dict[asyncio.Task[T], S] = {}
    finished: deque[asyncio.Task[T]] = deque()
    drawing: asyncio.Task[S] | None = None
    exhausted = False
    failure: Exception | None = None

    async def draw() -> S:
        return await anext(inputs)

    async def begin(item: S) -> T:
        return await call(item)

    try:
        while True:
            if drawing is not None and drawing.done():
                try:
                    item = drawing.result()
                except StopAsyncIteration:
                    exhausted = True
                except Exception as error:  # noqa: BLE001 - raised below, behind the outcomes of what was begun
                    exhausted, failure = True, error
                else:
                    task = asyncio.create_task(begin(item))
                    task.add_done_callback(finished.append)
                    running[task] = item
                drawing = None
            if drawing is None and not exhausted and len(running) < concurrency:
                drawing = asyncio.create_task(draw())
            if finished:
                task = finished.popleft()
                item = running.pop(task)
                yield _outcome(item, task)
            elif drawing is not None or running:
                await asyncio.wait([*running, *([drawing] if drawing else [])], return_when=asyncio.FIRST_COMPLETED)
            else:
                break
    finally:
        left: list[asyncio.Task[Any]] = [*running, *([drawing] if drawing else [])]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    if failure is not None:
        raise failure
