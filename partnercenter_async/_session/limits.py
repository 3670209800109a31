"""Time limits of calls and attempts. One timer of the event loop serves all: a timer each is dear and seldom runs."""

import asyncio
from math import inf
from types import TracebackType
from typing import Self


class TimeLimit:
    """What asyncio.Timeout is, but without a timer, and without a coroutine to enter it and another one to leave."""

    __slots__ = ("_cancelling", "_expired", "_limits", "_task")

    def __init__(self, limits: "TimeLimits") -> None:
        """Take the client's limits, among which it is counted."""
        self._limits = limits
        self._expired = False

    def expired(self) -> bool:
        """Tell whether the time was over before what is within had ended."""
        return self._expired

    def expire(self) -> None:
        """End what is within, if anything still is."""
        if self._expired or self not in self._limits:
            return
        if asyncio.current_task() is self._task:
            # Python 3.11 and 3.12 take no cancellation back that a task has not met yet, so let it wait for something.
            asyncio.get_running_loop().call_soon(self.expire)
            return
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> Self:
        """Note whom to cancel, and how often others have."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - whatever has a time limit is awaited
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the cancellation back; raises TimeoutError in its place unless somebody else has cancelled as well."""
        self._limits.discard(self)
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error


class TimeLimits:
    """The limits of one client that are in force, each with its time on the event loop's clock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._times: dict[TimeLimit, float] = {}
        self._next = inf
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count those in force."""
        return len(self._times)

    def __contains__(self, limit: TimeLimit) -> bool:
        """Tell whether a limit is in force."""
        return limit in self._times

    def add(self, when: float | None) -> TimeLimit:
        """Return a limit to be entered at once; None is for one that only :meth:`expire` ends."""
        limit = TimeLimit(self)
        self._times[limit] = when = inf if when is None else when
        if when < self._next:
            self._arm(when)
        return limit

    def move(self, limit: TimeLimit, when: float | None) -> None:
        """Give a limit another time; None is for none."""
        self._times[limit] = when = inf if when is None else when
        if when < self._next:
            self._arm(when)

    def discard(self, limit: TimeLimit) -> None:
        """Forget a limit that was left."""
        del self._times[limit]

    def expire(self, until: float = inf) -> None:
        """End what is within the limits of up to that time."""
        for limit, when in list(self._times.items()):  # to cancel a task runs the code of what it waits for
            if when <= until:
                limit.expire()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = asyncio.get_running_loop().call_at(when, self._due)

    def _due(self) -> None:
        """Expire what is due. Mostly nothing is, for the limit that the timer was set for was left long ago."""
        due = max(self._next, asyncio.get_running_loop().time())  # loops run timers a little early
        self._next, self._timer = inf, None
        self.expire(due)
        following = min((when for when in self._times.values() if when > due), default=inf)
        if following < inf:
            self._arm(following)

    def close(self) -> None:
        """End everything, and the timer."""
        self.expire()
        if self._timer is not None:
            self._timer.cancel()
