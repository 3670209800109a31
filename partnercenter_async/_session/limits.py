"""Time limits of calls and attempts. One timer of the event loop serves all: a timer each is dear and seldom runs."""

import asyncio
from math import inf


class Limits:
    """The limits of one client that are in force, each with its time on the event loop's clock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._times: dict[asyncio.Timeout, float] = {}
        self._next = inf
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count those in force."""
        return len(self._times)

    def add(self, when: float | None) -> asyncio.Timeout:
        """Return a limit to be entered and then discarded; None is for one that only :meth:`expire` ends."""
        limit = asyncio.Timeout(None)
        self._times[limit] = when = inf if when is None else when
        if when < self._next:
            self._arm(when)
        return limit

    def discard(self, limit: asyncio.Timeout) -> None:
        """Forget a limit that was left."""
        del self._times[limit]

    def expire(self, until: float = inf) -> None:
        """End what is within the limits of up to that time."""
        now = asyncio.get_running_loop().time()
        for limit, when in self._times.items():
            if when <= until and not limit.expired():
                limit.reschedule(now)

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
