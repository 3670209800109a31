"""What the service takes in a time: windows and buckets that count requests and refuse what is too much.

A limiter is told the time and holds no clock, so it works without a socket and in virtual time as well:

limiter = FixedWindow(500, per=60)
seconds = limiter.take(now)  # None: admitted; otherwise how long it will be until a request is
"""

import abc
import dataclasses
import email.utils
import fnmatch
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from partnercenter_async.emulator.faults import (
    AUTHORITY_OPERATIONS,
    Answer,
    check_choice,
    check_count,
    check_operation,
    check_text,
    gateway_throttle,
)

By: TypeAlias = Literal["partner", "customer"]
"""Whose requests are counted together."""
RetryAfter: TypeAlias = Literal["seconds", "date"]
"""How the header is written."""

_RESOLUTION = 1e-6  # seconds; who waits as long as told may come early by what a sum of floats is off


class Limiter(abc.ABC):
    """Counts requests and tells which are too many. Each key is counted by itself.

    Args:
        number: So many requests
        per: are taken in so many seconds.
        counts_refused: Whether a refused request is counted as an admitted one is, as the service documents of itself.
    """

    def __init__(self, number: int, *, per: float, counts_refused: bool = False) -> None:
        check_count("number", number)
        _check_per(per)
        check_choice("counts_refused", counts_refused, (True, False))
        self.number = number
        self.per = per
        self.counts_refused = counts_refused

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings()})"

    def _settings(self) -> str:
        return f"{self.number}, per={self.per:g}" + ", counts_refused=True" * self.counts_refused

    @property
    def rate(self) -> float:
        """How many requests a second are taken in the long run."""
        return self.number / self.per

    def take(self, now: float, key: str = "") -> float | None:
        """Count a request that comes now; return None where it is admitted, otherwise the seconds until one is.

        Where refused requests count, this one counts as well and may put that off, which `wait` tells afterwards.
        """
        wait = self.wait(now, key)
        self.count(now, key, admitted=wait is None)
        return wait

    def wait(self, now: float, key: str = "") -> float | None:
        """Return what `take` would, and count nothing."""
        wait = self._due(now, key) - now
        return wait if wait > _RESOLUTION else None

    def count(self, now: float, key: str = "", *, admitted: bool) -> None:
        """Count a request that was admitted, or refused by this limiter or by another one beside it."""
        if admitted or self.counts_refused:
            self._count(now, key)

    def change(self, number: int, now: float) -> None:
        """Take so many requests from now on, and remember those that came."""
        check_count("number", number)
        self._change(number, now)
        self.number = number

    @abc.abstractmethod
    def clear(self) -> None:
        """Forget every request."""

    def _change(self, number: int, now: float) -> None:  # noqa: B027 - not all have terms
        """Put what is remembered into the terms of another number."""

    @abc.abstractmethod
    def _due(self, now: float, key: str) -> float:
        """Return the time from which a request is admitted."""

    @abc.abstractmethod
    def _count(self, now: float, key: str) -> None:
        """Remember a request."""


class FixedWindow(Limiter):
    """So many in a window, which begins with the first request after the last one's end.

    Refused requests change nothing here: the window's end is the same.
    """

    def __init__(self, number: int, *, per: float, counts_refused: bool = False) -> None:
        super().__init__(number, per=per, counts_refused=counts_refused)
        self._windows: dict[str, tuple[float, int]] = {}

    def clear(self) -> None:
        """Forget every request."""
        self._windows.clear()

    def _due(self, now: float, key: str) -> float:
        began, number = self._windows.get(key, (now, 0))
        return now if number < self.number else began + self.per

    def _count(self, now: float, key: str) -> None:
        began, number = self._windows.get(key, (now, 0))
        self._windows[key] = (began, number + 1) if began + self.per - now > _RESOLUTION else (now, 1)


class SlidingWindow(Limiter):
    """So many in any window, wherever it begins. Where refused requests count, who goes on asking stays refused."""

    def __init__(self, number: int, *, per: float, counts_refused: bool = False) -> None:
        super().__init__(number, per=per, counts_refused=counts_refused)
        self._latest: dict[str, deque[float]] = {}  # of each key as many of the latest as `number` ever was

    def clear(self) -> None:
        """Forget every request."""
        self._latest.clear()

    def _change(self, number: int, now: float) -> None:
        del now
        self._latest = {
            key: deque(latest, maxlen=max(number, latest.maxlen or 0)) for key, latest in self._latest.items()
        }

    def _due(self, now: float, key: str) -> float:
        latest = self._latest.get(key)
        return now if latest is None or len(latest) < self.number else latest[-self.number] + self.per

    def _count(self, now: float, key: str) -> None:
        self._latest.setdefault(key, deque(maxlen=self.number)).append(now)


class TokenBucket(Limiter):
    """A bucket of `burst` tokens, full at first, into which `number` come in `per` seconds; a request takes one.

    Where refused requests count, they take one as well: the bucket owes up to as many tokens as it holds, and nobody is
    admitted until it has them.
    """

    def __init__(self, number: int, *, per: float, burst: int, counts_refused: bool = False) -> None:
        super().__init__(number, per=per, counts_refused=counts_refused)
        check_count("burst", burst)
        self.burst = burst
        self._full_at: dict[str, float] = {}  # when the bucket will be full again

    def _settings(self) -> str:
        return f"{super()._settings()}, burst={self.burst}"

    def clear(self) -> None:
        """Forget every request."""
        self._full_at.clear()

    def _change(self, number: int, now: float) -> None:
        slower = self.number / number
        self._full_at = {key: now + (at - now) * slower for key, at in self._full_at.items() if at > now}

    def _due(self, now: float, key: str) -> float:
        return self._full_at.get(key, now) - (self.burst - 1) / self.rate

    def _count(self, now: float, key: str) -> None:
        full_at = max(self._full_at.get(key, now), now) + 1 / self.rate
        self._full_at[key] = min(full_at, now + 2 * self.burst / self.rate)


@dataclasses.dataclass(frozen=True, eq=False)
class Limit:
    """A limiter and the requests that it counts.

    `by` says whose are counted together: all of the partner, or each customer's apart (those for paths without a
    customer share one count). `operation` "api" is every request but those for tokens, None every request. `path` is a
    pattern of the undecoded path, such as "/v1/customers/*/orders*", in which `*` stands for any text.

    A refusal is the gateway's, with its `Retry-After` in whole seconds, as an HTTP date that many seconds behind the
    answer's own `Date`, or without one (None).
    """

    limiter: Limiter
    _: dataclasses.KW_ONLY
    by: By = "partner"
    operation: str | None = "api"
    method: str | None = None
    path: str | None = None
    retry_after: RetryAfter | None = "seconds"

    def __post_init__(self) -> None:
        """Check what is counted, and how."""
        _check_limiter(self.limiter)
        check_operation(self.operation, "api", None)
        check_text("method", self.method, "such as 'POST'")
        check_text("path", self.path, "such as '/v1/customers/*/orders'")
        check_choice("by", self.by, get_args(By))
        check_choice("retry_after", self.retry_after, (*get_args(RetryAfter), None))

    def matches(self, operation: str, method: str, path: str) -> bool:
        """Return whether a request is one of those that are counted."""
        return (
            (self.operation in (None, operation) or (self.operation == "api" and operation not in AUTHORITY_OPERATIONS))
            and (self.method is None or self.method.upper() == method)
            and (self.path is None or fnmatch.fnmatchcase(path.lower(), self.path.lower()))
        )

    def key(self, customer_id: str | None) -> str:
        """Return under what a customer's requests are counted."""
        return (customer_id or "").lower() if self.by == "customer" else ""

    def refusal(self, seconds: float) -> Answer:
        """Return the answer to a request that would be admitted in so many seconds."""
        whole = max(1, math.ceil(seconds - _RESOLUTION))
        answer = gateway_throttle(whole)
        if self.retry_after == "seconds":
            return answer
        headers: list[tuple[str, str]] = []
        if self.retry_after == "date":
            now = int(time.time())
            dates = email.utils.formatdate(now, usegmt=True), email.utils.formatdate(now + whole, usegmt=True)
            headers = list(zip(("Date", "Retry-After"), dates, strict=True))
        return dataclasses.replace(answer, headers=headers)


class Limits:
    """Several limits at once. A request is admitted by all that count it, or refused."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        for limit in limits:
            _check_limit(limit)
        self._limits = tuple(limits)

    def clear(self) -> None:
        """Forget every request."""
        for limit in self._limits:
            limit.limiter.clear()

    def take(
        self, now: float, *, operation: str = "other", customer_id: str | None = None, method: str, path: str
    ) -> Answer | None:
        """Count a request that comes now; return None where it is admitted, otherwise its refusal.

        Of several limits that refuse it the one that does so for longest answers. Those that would have admitted it
        count it as refused.
        """
        counting = [
            (limit, limit.limiter.wait(now, limit.key(customer_id)))
            for limit in self._limits
            if limit.matches(operation, method, path)
        ]
        refusing = [(wait, limit) for limit, wait in counting if wait is not None]
        for limit, _ in counting:
            limit.limiter.count(now, limit.key(customer_id), admitted=not refusing)
        if not refusing:
            return None
        wait, limit = max(refusing, key=lambda each: each[0])
        return limit.refusal(wait)


def _check_per(value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        message = f"per must be a number of seconds above 0, not {value!r}"
        raise ValueError(message)


def _check_limiter(value: object) -> None:
    if not isinstance(value, Limiter):
        message = f"limiter must be a limiter such as FixedWindow(500, per=60), not {value!r}"
        raise TypeError(message)


def _check_limit(value: object) -> None:
    if not isinstance(value, Limit):
        message = f"a limit must be made by Limit(FixedWindow(500, per=60), ...), not {value!r}"
        raise TypeError(message)
