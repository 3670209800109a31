"""One call for each of many inputs, so many at once."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Generic, TypeVar, cast, overload

import msgspec

from partnercenter_async._session.arguments import check_count, check_flag
from partnercenter_async._session.retry import JOB, JobCalls
from partnercenter_async.paging import Pager

S = TypeVar("S")
T = TypeVar("T")


class Outcome(msgspec.Struct, Generic[S, T], frozen=True):
    """What became of one input, or one item of what became of it."""

    input: S
    result: T | None
    error: Exception | None

    @property
    def value(self) -> T:
        """What the call returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T", self.result)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a fan-out is: inputs that are ``done``, those of them that ``failed``, and those ``in_flight``.

    An input is in flight until its last outcome was taken, and done from then on.

    ``retries`` counts those of all its calls; ``throttled_until`` is when the last of the waits that the service asked
    for ends, on the event loop's clock, and None where none does later than now. ``rate`` is how many requests a second
    the client's pace lets through where calls waited last, and None where it holds nothing back.
    """

    done: int
    failed: int
    in_flight: int
    retries: int
    throttled_until: float | None
    rate: float | None


@overload
def fan_out(
    source: Iterable[S] | AsyncIterable[S],
    call: Callable[[S], Pager[T]],
    *,
    concurrency: int = 32,
    ordered: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Outcome[S, T], None]: ...
@overload
def fan_out(
    source: Iterable[S] | AsyncIterable[S],
    call: Callable[[S], Awaitable[T]],
    *,
    concurrency: int = 32,
    ordered: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Outcome[S, T], None]: ...
def fan_out(
    source: Iterable[S] | AsyncIterable[S],
    call: Callable[[S], Pager[T] | Awaitable[T]],
    *,
    concurrency: int = 32,
    ordered: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> AsyncGenerator[Outcome[S, T], None]:
    """Call ``call(input)`` for each input of ``source`` and give the outcomes as they complete.

    A call that is awaited has one outcome. One that returns a :class:`Pager` has one for each item, in their order, as
    its pages come, and one more where it breaks off, whose ``error`` has the ``continuation``.

    At most ``concurrency`` calls are begun whose last outcome was not taken yet, and of a Pager one page is held ready
    and one fetched at most, so a slow consumer holds up calls rather than piling up results; inputs are drawn from the
    source only as places become free. ``ordered`` gives the outcomes in the order of the inputs. An exception of a call
    is its outcome's ``error`` and stops nothing else; one of the source is raised once all begun calls were given. What
    is no :class:`Exception`, such as a cancellation from within a call, is raised at once. Leaving the loop cancels the
    calls under way. ``progress`` is called whenever an input is begun or done.
    """
    check_count("concurrency", concurrency)
    check_flag("ordered", ordered)
    inputs = aiter(source) if isinstance(source, AsyncIterable) else _each(source)
    return _outcomes(_FanOut(inputs, call, concurrency, ordered=ordered, progress=progress))


async def _each(source: Iterable[S]) -> AsyncIterator[S]:
    for item in source:
        yield item


class _Feed(Generic[S, T]):
    """One input and what came of it so far that was not taken yet."""

    __slots__ = ("broken", "ended", "error", "input", "ready", "room", "task")

    def __init__(self, item: S) -> None:
        self.input = item
        self.ready: deque[tuple[T, ...]] = deque()
        self.room = asyncio.Semaphore(1)
        self.error: Exception | None = None
        self.broken: BaseException | None = None  # by what is no outcome, such as a cancellation from within
        self.ended = False
        self.task: asyncio.Task[None] | None = None


class _FanOut(Generic[S, T]):
    """Draws inputs and runs calls, so many at once, and tells of each arrival."""

    def __init__(
        self,
        inputs: AsyncIterator[S],
        call: Callable[[S], Pager[T] | Awaitable[T]],
        concurrency: int,
        *,
        ordered: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.ordered = ordered
        self.feeds: dict[_Feed[S, T], None] = {}  # in the order of the inputs
        self.arrived: asyncio.Queue[_Feed[S, T] | None] = asyncio.Queue()
        self.failure: BaseException | None = None
        self.drawing = True  # until the source has ended
        self._inputs = inputs
        self._call = call
        self._room = asyncio.Semaphore(concurrency)
        self._progress = progress
        self._done = self._failed = 0
        self._job = JobCalls()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to draw. Where tasks are eager, all may be drawn at the return."""
        self._task = asyncio.create_task(self._draw())

    async def _draw(self) -> None:
        """Begin calls as places become free, until the source ends."""
        JOB.set(self._job)
        try:
            while True:
                await self._room.acquire()
                feed: _Feed[S, T] = _Feed(await anext(self._inputs))
                self.feeds[feed] = None
                feed.task = asyncio.create_task(self._run(feed))
                self._report()
        except StopAsyncIteration:
            pass
        except (KeyboardInterrupt, SystemExit):
            raise  # through the event loop
        except BaseException as error:  # noqa: BLE001 - raised behind the outcomes
            self.failure = error
        finally:
            self.drawing = False
            self.arrived.put_nowait(None)

    async def _run(self, feed: _Feed[S, T]) -> None:
        try:
            made = self._call(feed.input)
            if isinstance(made, Pager):
                async for page in made.pages():
                    await feed.room.acquire()
                    feed.ready.append(page.items)
                    self.arrived.put_nowait(feed)
            else:
                feed.ready.append((await made,))
        except Exception as error:  # noqa: BLE001 - the caller's to sort out
            feed.error = error
        except (KeyboardInterrupt, SystemExit):
            raise  # through the event loop
        except BaseException as error:  # noqa: BLE001 - raised in place of the outcome
            feed.broken = error
        finally:
            feed.ended = True
            self.arrived.put_nowait(feed)

    def forget(self, feed: _Feed[S, T]) -> None:
        """Give the place of a call whose last outcome was taken to the next."""
        del self.feeds[feed]
        self._done += 1
        self._failed += feed.error is not None
        self._room.release()
        self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    done=self._done,
                    failed=self._failed,
                    in_flight=len(self.feeds),
                    retries=self._job.retries,
                    throttled_until=self._job.throttled_until,
                    rate=self._job.rate,
                )
            )

    async def close(self) -> None:
        """End everything."""
        left = [task for task in (self._task, *(feed.task for feed in self.feeds)) if task is not None]
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def _outcomes(work: _FanOut[S, T]) -> AsyncGenerator[Outcome[S, T], None]:
    work.begin()
    try:
        while work.drawing or work.feeds:
            feed = await work.arrived.get()
            if work.ordered:
                feed = next(iter(work.feeds), None)
            while feed is not None:
                while feed.ready:
                    for item in feed.ready.popleft():
                        yield Outcome(feed.input, item, None)
                    feed.room.release()
                if not feed.ended or feed not in work.feeds:
                    break
                if feed.broken is not None:
                    raise feed.broken
                if feed.error is not None:
                    yield Outcome(feed.input, None, feed.error)
                work.forget(feed)
                feed = next(iter(work.feeds), None) if work.ordered else None
    finally:
        await work.close()
    if work.failure is not None:
        raise work.failure
