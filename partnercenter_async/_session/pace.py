"""How fast requests may leave: a rate that is declared, or one that is learned from where the service refuses."""

import math
from collections import deque
from collections.abc import Mapping
from math import inf, isfinite
from types import MappingProxyType
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, cast, runtime_checkable

import msgspec

from partnercenter_async.clouds import ServiceName

ORDERS: Final = "orders"
MIGRATIONS_CREATE: Final = "migrations.create"
MIGRATIONS_VALIDATE: Final = "migrations.validate"
OTHER: Final = "other"
GRAPH: Final = "graph"
PARTNER: Final = "partner"
BESIDE: Final = (GRAPH, PARTNER)
"""The services beside the API, each of which is taken to be one limit."""
LIMITS: Final = (ORDERS, MIGRATIONS_CREATE, MIGRATIONS_VALIDATE, OTHER, *BESIDE)
"""What is counted by itself: of the API as far as that is documented, and all else there is taken to be one limit."""
ALL: Final = "all"  # the one limit of the API where one rate is declared for everything

_AT_ONCE = 10  # requests that leave together after a pause
_SAVED = 50  # of so many requests of a declared rate one more may leave at once

# What follows was found by playing jobs against windows and buckets (python -m benchmarks.pace), thousands of times.

# Whom a refusal concerns
_CUSTOMERS = 3  # so many in a row show that it is the partner who is refused; one less once a rate is known
_MANY_CUSTOMERS = 48  # and so many where it seems that each was refused by itself

# What tells a rate
_ENOUGH = 8  # requests that were let through
_FEW = 3  # and where nothing else is known
_TELLING = 5.0  # seconds in which what had been saved up does not matter
_FIRST = 23.3  # requests a second that a first refusal may tell: its window may have begun long before
_BRIEF = 3.0  # seconds to wait at most, as a bucket tells; a window tells longer ones
_SHORT = 0.886  # of the rate is left at least by what was seen in less than a window's time
_MORE = 1.05  # times what was seen may be right, since a bucket may have run over
_LEAST = 0.45  # of a rate is left at least by refusals while others are served
_LESS = 0.88  # of it is left where refusals go on
_LOWEST = 0.1  # requests a second that are left whatever is refused: a third of the lowest limit that is documented
_RECENT = 4.0  # seconds between marks; the last two tell what was let through lately,
_LONG = 60.0  # and what is older than this tells nothing while no rate is known
_MARKS = 16
_JUMP = 2.0  # times as many a second lately as in all that time: the jump is what was refused
_IDLE = 5.0  # seconds, or as many requests' time: nothing is measured across a longer pause
_RESOLUTION = 1e-3  # seconds

# How the rate goes on from there
_STEP = 0.36  # more requests under way for each answer, while no rate is known
_WIDE = 256  # so many under way that nothing is felt for any more
_STEP_BACK = 2  # requests' time in which nothing leaves, so that the next one finds room
_BELOW, _ABOVE = 0.97, 1.01  # of what was measured: right after a refusal, and before it is left behind
_FLAT = 0.31  # of the time between the two goes by without getting faster
_HOLD = 40.0  # seconds at most for that time,
_HOLD_REQUESTS = 108  # or the time of so many requests,
_LONGER = 1.32  # or so many times the longest wait that was told lately,
_FADING = 0.85  # which each refusal makes shorter;
_GROWTH = 2.2  # but no more than so many times that of the measure,
_SHORTEST = 3.0  # nor less than so many seconds
_DOUBLING = 20.0  # seconds in which the rate then doubles for the first time,
_SLOW = 20  # or the time of so many requests,
_SLOWEST = 40.0  # but no more than so many seconds
_MOST_DOUBLINGS = 30.0
_FAR = 1.46  # times what was seen in all: if the last seconds say so, one of the two is right
_SEARCH = 5.0  # seconds to find out which


def _until(retry_after: float) -> float:
    """Return the seconds that a limit really asked for, which it told rounded up."""
    return max(0.0, retry_after - (0.5 if retry_after > _BRIEF else 1))


class Rate(msgspec.Struct, frozen=True):
    """So many ``requests`` in ``per`` seconds (1 by default); both are positive.

    Requests leave evenly, and after a pause up to one in fifty of ``requests`` at once, in such a way that no ``per``
    seconds ever see more than ``requests`` of them, rounded up: 500 in 60 seconds are 8.17 a second, and 11 at once
    after a pause.
    """

    requests: float
    per: float = 1.0

    DOCUMENTED: ClassVar[Mapping[str, "Rate"]]
    """What the service documents: for orders and subscriptions, and for validating and creating migrations."""

    def __post_init__(self) -> None:
        """Refuse what can't be meant; raises ValueError."""
        for name in ("requests", "per"):
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
                raise ValueError(f"{name} of a Rate must be a positive, finite number, not {value!r}")

    @property
    def extra(self) -> int:
        """How many more than one may leave at once after a pause."""
        return int(self.requests / _SAVED)

    @property
    def spacing(self) -> float:
        """Seconds between two requests that leave evenly."""
        return self.per / (self.requests - self.extra)


Rate.DOCUMENTED = MappingProxyType(
    {ORDERS: Rate(500, 60), MIGRATIONS_CREATE: Rate(100, 300), MIGRATIONS_VALIDATE: Rate(450, 300)}
)


@runtime_checkable
class Pace(Protocol):
    """When requests may leave, decided for several clients or processes together."""

    async def acquire(self, partner: str, limit: str) -> float:
        """Take the next free place of a partner under a limit, and return the seconds until its time comes.

        A client asks for one place after the other, so a place that is not used, since its call was cancelled, is the
        next call's. What this raises is logged once, and requests leave without it until it works again.
        """
        ...


Pacing: TypeAlias = Rate | Mapping[str, Rate] | Pace | Literal["learned"] | None


def check_pacing(rate: object) -> Pacing:
    """Return what a client is told of its pace; raises ValueError for what can't be that, such as an unknown limit."""
    if rate is None or isinstance(rate, Rate | Pace):
        return rate
    if rate == "learned":
        return "learned"
    if not isinstance(rate, Mapping):
        raise ValueError(f"rate must be a Rate, a mapping of limits to Rates, a Pace, 'learned' or None, not {rate!r}")  # noqa: TRY004 - as any bad setting
    rates = dict(cast("Mapping[object, object]", rate))
    for limit, each in rates.items():
        if limit not in LIMITS:
            raise ValueError(f"rate: there is no limit {limit!r}; there are {', '.join(LIMITS)}")
        if not isinstance(each, Rate):
            raise ValueError(f"rate[{limit!r}] must be a Rate, not {each!r}")  # noqa: TRY004 - as any bad setting
    return cast("Mapping[str, Rate]", rates)


def limit_of(service: ServiceName, method: str, path: str) -> tuple[str, str | None]:
    """Return the limit that a request falls under, and its customer; the path is as ``UrlBuilder.path`` says."""
    if service != "api":
        return service, None
    if path[:10].lower() != "customers/":
        return OTHER, None
    customer, _, rest = path[10:].partition("?")[0].lower().partition("/")
    if rest.partition("/")[0] in ("orders", "subscriptions"):
        return ORDERS, customer
    if method == "POST" and rest.startswith("migrations/newcommerce"):
        rest = rest.removeprefix("migrations/newcommerce").strip("/")
        return {"": MIGRATIONS_CREATE, "validate": MIGRATIONS_VALIDATE}.get(rest, OTHER), customer
    return OTHER, customer or None


class OwnPace:
    """What one client knows of one limit: at which rate requests may leave so that few of them are refused.

    As long as nothing is known, nothing is held back. From the first refusal on, what was let through between two
    refusals tells the rate. Requests then leave a little slower than that, evenly; after a while without a refusal a
    little faster, then faster and faster, until the next refusal tells the rate anew. Where the first refusal tells
    nothing, since what the service had saved up is in it, one request goes at first, and more with each answer.

    Times are seconds of the event loop's clock, which is handed in; requests are numbered as they leave.
    """

    __slots__ = (
        "_above",
        "_again",
        "_base",
        "_begun",
        "_below",
        "_calm",
        "_closed_for",
        "_floor",
        "_hold",
        "_known",
        "_learns",
        "_left_at",
        "_marks",
        "_measured",
        "_next_at",
        "_saved",
        "_searching",
        "_since",
        "ceiling",
        "evident",
        "let_through",
        "rate",
        "window",
    )

    def __init__(self, ceiling: Rate | None = None, *, learns: bool = True) -> None:
        """Begin with what is declared, or with nothing; one that doesn't learn holds nothing back ever."""
        self._learns = learns
        self._known = False  # the service's rate was measured
        self.ceiling = self.rate = inf if ceiling is None else 1 / ceiling.spacing
        self.window = inf  # requests under way at most, while the service's rate is felt for
        self.evident = True  # that refusals of many customers are the partner's matter
        self.let_through = 0  # requests that were answered since the last refusal
        self._saved = _AT_ONCE - 1 if ceiling is None else ceiling.extra
        self._base = self.rate / _BELOW  # the rate that was measured
        self._floor = _LEAST * self._base  # the least that refusals while others are served make of it
        self._below, self._above = _BELOW, _ABOVE
        self._calm = 0.0  # seconds that requests have left at the rate's own pace since the last refusal
        self._hold = _HOLD
        self._closed_for = 0.0
        self._searching = False
        self._again = False
        self._left_at = -inf
        self._next_at = -inf
        self._since = -inf  # when the count began
        self._measured: tuple[int, float] | None = None  # what was let through, and the most that it may tell
        self._begun = 0  # the number of the last request that left before the count began
        self._marks = deque[tuple[float, int]](maxlen=_MARKS)  # times, and what had been let through by then

    @property
    def customers(self) -> int:
        """How many customers in a row must be refused to show that it is the partner who is.

        Customers that were refused once each, and served when they came again, show the contrary, until one that comes
        for the first time is served, or one that comes again is refused.
        """
        if not self.evident:
            return _MANY_CUSTOMERS
        return _CUSTOMERS - self._known

    def due(self, now: float) -> float:
        """Return the time at which the next request may leave."""
        return now if self.rate == inf else max(self._next_at, now - self._saved / self.rate)

    def rested(self, now: float) -> bool:
        """Tell whether a new pace would let through no more than this one from now on."""
        return self.rate == self.ceiling and self.window == inf and self._next_at <= now - self._saved / self.rate

    def leaves(self, now: float, *, held: bool) -> None:
        """Take note of a request that leaves, and of whether it would have left before."""
        if self.rate == inf:
            return
        self._measured = None
        if held:
            self._calm += max(0.0, min(now - self._left_at, 2 / self.rate))
            self._speed_up()
        elif now - self._left_at > max(_IDLE, _IDLE / self.rate):
            self._count_from(now, self._begun)
        self._left_at = max(now, self._left_at)
        self._next_at = (now if self._next_at == -inf else max(self.due(now), self._next_at)) + 1 / self.rate

    def comes_back(self) -> None:
        """Take back the place of a request that did not leave after all."""
        self._next_at -= 1 / self.rate

    def answered(self, number: int, now: float, *, first: bool) -> None:
        """Take note of a request that was let through, and of whether its customer comes for the first time."""
        if not self._learns:
            return
        if number <= self._begun:
            if self._measured is not None:  # it was let through before the refusal, and answered after it
                seen, most = self._measured
                self._measured = seen + 1, most
                self._base = min(self._base * (seen + 1) / seen, most)
                self._speed_up()
            return
        if not self._marks:
            self._count_from(now, self._begun)
        self.let_through += 1
        if now - self._marks[-1][0] > _RECENT:
            self._marks.append((now, self.let_through))
        self.evident = self.evident or first
        self.window = self.window + _STEP if self.window < _WIDE else inf

    def refused(self, number: int, now: float, sent_at: float, retry_after: float, *, first: bool) -> None:
        """Learn from a refusal while others are served."""
        self.evident = self.evident or not first
        if number <= self._begun or not self._learns:
            return
        until = sent_at + _until(retry_after)
        if self.window < inf:
            self._forget(now)
            if self.evident and self.let_through >= _FEW:
                self._learn(now, until, retry_after)
                self._floor = _LEAST * self._base
                self._count_from(until, number)
        elif self.rate < inf and self.let_through >= _ENOUGH and (self._known or until - self._since >= _TELLING):
            self._learn(now, until, retry_after, least=self._floor if self._known else 0.0, most=self.rate)
            self._count_from(until, number)

    def closes(self, last: int, now: float, sent_at: float, retry_after: float, opens_at: float) -> None:
        """Learn from a refusal that is the partner's, for which nothing leaves for a while."""
        if not self._learns:
            return
        until = sent_at + _until(retry_after)
        self._next_at = self._left_at = max(self._next_at, opens_at)
        known, feeling = self._known, self.window < inf
        jumped = not known and self._forget(now)
        learned = self.let_through >= (_FEW if feeling else _ENOUGH)
        if not known and not feeling:
            learned = learned and until - self._since >= _TELLING and not (jumped and retry_after < _BRIEF)
        if learned:
            self._learn(opens_at, until, retry_after, most=self.rate if known or feeling else min(_FIRST, self.rate))
            self._floor = _LEAST * self._base
            self._count_from(until, last)
            self.evident = True
        elif not known:
            if not feeling:
                self._count_from(until, last)
            self.window, self.evident, self._begun = 1.0, False, last
        else:  # more of the same refusal, or the rate is far too high
            if self._again:
                seen = (self.let_through + 1) / max(until - self._since, _RESOLUTION)
                self._base = max(_LOWEST, self._base * (_LESS if seen > self._base / 2 else 0.5))
                self._floor = _LEAST * self._base
            self._again, self._calm, self._begun = True, 0.0, last
            self._speed_up()

    def stays_closed(self, opens_at: float) -> None:
        """Take note of a lane that closes for longer."""
        if self._learns:
            self._next_at = self._left_at = max(self._next_at, opens_at)

    def _count_from(self, since: float, begun: int) -> None:
        self._since, self._begun, self.let_through, self._again = since, begun, 0, False
        self._marks.clear()
        self._marks.append((since, 0))

    def _forget(self, now: float) -> bool:
        """Leave out of the count what tells nothing of a first rate, and tell whether that is all before a jump."""
        marks = self._marks
        while marks and marks[0][0] < now - _LONG:
            marks.popleft()
        if not marks:
            self._count_from(now, self._begun)
            return False
        jumped = self._per_second(now, marks[0]) * _JUMP < self._per_second(now, self._lately_from())
        self._since, before = self._lately_from() if jumped else marks[0]
        self.let_through -= before
        self._marks = deque(((at, seen - before) for at, seen in marks if at >= self._since), _MARKS)
        return jumped

    def _lately_from(self) -> tuple[float, int]:
        """Return the mark before the last one, or the last one where a pause goes before it."""
        *_, earlier, last = self._marks[0], *self._marks
        return last if last[0] - earlier[0] > 2 * _RECENT else earlier

    def _per_second(self, now: float, mark: tuple[float, int]) -> float:
        since, before = mark
        return (self.let_through - before) / max(now - since, _RESOLUTION)

    def _learn(self, now: float, until: float, retry_after: float, *, least: float = 0.0, most: float = inf) -> None:
        """Set the rate by what was let through until the service had nothing left."""
        seconds = max(until - self._since, _RESOLUTION)
        seen = self.let_through / seconds
        lately = self._lately(now, retry_after)
        if self.rate < inf and self._closed_for >= _BRIEF and seconds < self._closed_for:
            seen = max(seen, _SHORT * self._base)  # a window's requests come in lumps
        self._base = max(least, min(seen, most), _LOWEST)
        doubt = 0.5 / self.let_through  # one more or less
        self._below, self._above = _BELOW - doubt, _ABOVE + doubt
        self._closed_for = max(retry_after, _FADING * self._closed_for)
        longest = max(_HOLD, _LONGER * self._closed_for, _HOLD_REQUESTS / self._base)
        self._hold = min(max(_SHORTEST, _GROWTH * seconds), longest)
        bucket = self._closed_for < _BRIEF  # a window's refusals are told by their long waits
        self._searching = bucket and lately > self._base * _FAR and not self._searching
        if self._searching:  # it may be the one or the other: find out soon
            self._above = lately / self._base
            self._hold = min(self._hold, max(_SEARCH, _SLOW / self._base))
        elif bucket and seen < most < inf:
            self._base = max(self._base, min(math.sqrt(seen * most), seen * _MORE))
        self._known, self._measured = True, (self.let_through, most)
        self.window, self._calm = inf, 0.0
        self._left_at = max(self._left_at, now)
        self._speed_up()
        self._next_at = max(self._next_at, now) + _STEP_BACK / self.rate

    def _lately(self, now: float, retry_after: float) -> float:
        """Return the rate of the last seconds where it had grown far, and 0 where that says nothing.

        A window's refusals are told by their long waits, and count what was let through in all of it.
        """
        mark = self._lately_from()
        seconds = now - mark[0]
        if self.rate == inf or self._calm <= self._hold or retry_after >= _BRIEF or seconds <= 1 + retry_after:
            return 0.0
        return min(self._per_second(now, mark), self.rate)

    def _speed_up(self) -> None:
        """Set the rate by the time since the last refusal."""
        flat = self._hold * _FLAT
        way = min(1.0, max(0.0, (self._calm - flat) / (self._hold - flat)))
        factor = self._below + (self._above - self._below) * way
        if self._calm > self._hold:
            times = (self._calm - self._hold) / min(max(_DOUBLING, _SLOW / self._base), _SLOWEST)
            factor *= 2 ** min(times + times * times, _MOST_DOUBLINGS)
        self.rate = min(self._base * factor, self.ceiling)
