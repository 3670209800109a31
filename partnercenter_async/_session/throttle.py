"""When an exchange may begin: slots, lanes that close where the service answers 429, and the pace of each limit.

A gate stands before each limit of each partner. It has the partner's own lane, those of customers that were throttled
lately, a pace, and a queue: interactive calls first, then a job's, each in the order of arrival. Whoever waits is woken
once, when it may go or can't any more. A closed lane lets nothing through until its time has come, then one exchange,
and the rest only after that one's answer, as its pace allows. Nobody holds a slot while it waits for a lane or a pace.
"""

import asyncio
import random
from asyncio import Future, TimerHandle
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from itertools import count, takewhile
from math import inf, isfinite
from typing import NamedTuple, cast

import msgspec

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.logs import logger
from partnercenter_async._session.pace import ALL, BESIDE, MIGRATIONS_VALIDATE, OwnPace, Pace, Pacing, Rate
from partnercenter_async.errors import ThrottledError, escaped

WINDOW = 60.0  # seconds over which the service counts requests, and for which a lane is remembered after its time
_LONGEST = 3600.0  # seconds; a mistaken Retry-After must not shut a client out for good
_ALIKE = 0.9  # two rates of which one is no further from the other are not told apart in the log
_BREATH = 1.0  # seconds for which the answers of others are waited for at most
_ASKING = 5.0  # seconds in which a shared pace has to answer, and for which it isn't asked after it failed
_SPARE = 64  # calls that have gone and are kept in a line all the same
_MOST_GATES = 1000  # before those that hold nothing back are forgotten
_EARLY = 1e-6  # seconds; loops run timers up to their clock's resolution too early


class Patience(NamedTuple):
    """For how long a call waits: ``longest`` seconds for any one Retry-After, and till a time of the loop's clock."""

    longest: float = inf
    deadline_at: float = inf


class Place(NamedTuple):
    """A call's place in each line: interactive calls before those in the background, then as they came."""

    background: bool
    ticket: int


_NOBODY_WAITS = Place(background=False, ticket=0)


class _Waiter:
    """A call that may not go yet."""

    __slots__ = ("customer", "future", "line", "patience", "place")

    def __init__(self, place: Place, customer: str | None, patience: Patience) -> None:
        self.place = place
        self.customer = customer
        self.patience = patience
        self.line: _Line | None = None  # where it stands
        self.future: Future[Turn] = asyncio.get_running_loop().create_future()


class _Line:
    """Those who wait, in the order of their places. Who has gone is passed over, and now and then cleared away."""

    __slots__ = ("_heap", "live")

    def __init__(self) -> None:
        self._heap: list[tuple[Place, _Waiter]] = []
        self.live = [0, 0]  # interactive calls, and those in the background

    def add(self, waiter: _Waiter) -> None:
        """Let a call stand here, and nowhere else."""
        waiter.line = self
        self.live[waiter.place.background] += 1
        heappush(self._heap, (waiter.place, waiter))

    def first(self) -> _Waiter | None:
        """Return who is the first, and stays it."""
        while self._heap:
            waiter = self._heap[0][1]
            if not waiter.future.done():
                return waiter
            heappop(self._heap)
        return None

    def pop(self) -> _Waiter | None:
        """Let the first go, and return it."""
        waiter = self.first()
        if waiter is not None:
            heappop(self._heap)
            waiter.line = None
            self.live[waiter.place.background] -= 1
        return waiter

    def gone(self, waiter: _Waiter) -> None:
        """Take note of a call that stood here and ended."""
        self.live[waiter.place.background] -= 1
        if len(self._heap) > 2 * sum(self.live) + _SPARE:
            self._heap = [each for each in self._heap if not each[1].future.done()]
            heapify(self._heap)

    def take(self) -> list[_Waiter]:
        """Let all go, and return them."""
        waiting: list[_Waiter] = []
        while (waiter := self.pop()) is not None:
            waiting.append(waiter)
        return waiting

    def dismiss(self, lane: "_Lane", now: float) -> None:
        """Fail those who don't wait for as long as a lane stays closed."""
        for _, waiter in self._heap:
            if not waiter.future.done() and lane.opens_too_late(waiter.patience, now):
                waiter.future.set_exception(_closed(lane.until - now))


class _Lane:
    """What is known of one customer, or of the partner as a whole, under one limit."""

    __slots__ = ("asked_until", "closed", "customer", "in_row", "line", "on_trial", "probe", "timer", "until")

    def __init__(self, customer: str | None) -> None:
        self.customer = customer
        self.closed = False  # nothing goes through before `until`
        self.on_trial = False  # its time has come: one exchange goes through, `probe`, and the rest waits
        self.until = 0.0
        self.asked_until = 0.0  # what the service itself asked for: `until` without the random part
        self.in_row = 0  # refusals since anything was let through
        self.probe: Place | None = None
        self.line = _Line()
        self.timer: TimerHandle | None = None

    def admits(self, place: Place) -> bool:
        """Tell whether a call may pass; the first one that asks after the lane's time becomes the probe."""
        if self.closed:
            return False
        if not self.on_trial:
            return True
        if self.probe is None:
            self.probe = place
        return self.probe == place

    def close(self, place: Place, asked_until: float, spread: float) -> None:
        """Let nothing through until that time, and a random part of `spread` seconds more.

        A probe that is still under way, and was not refused itself, stays the one that is waited for.
        """
        self.closed, self.on_trial = True, False
        if self.probe == place:
            self.probe = None
        self.asked_until = max(self.asked_until, asked_until)
        self.until = max(self.until, asked_until + random.uniform(0, spread))  # noqa: S311 - guards nothing

    def opens_too_late(self, patience: Patience, now: float) -> bool:
        """Tell whether a closed lane stays closed for longer than a call waits."""
        return self.closed and (self.asked_until - now > patience.longest or self.until > patience.deadline_at)


class Turn(msgspec.Struct, frozen=True, gc=False):
    """A slot for one exchange: where its call stood, and which of the gate's exchanges it is.

    What the exchange meets is told to its gate, by ``answered`` or ``throttled``, and in the end that it ``leaves``.
    """

    place: Place
    customer: str | None
    number: int
    sent_at: float


class Gate:
    """What all requests of one partner under one limit pass; it belongs to the event loop of its first use."""

    def __init__(
        self, throttle: "Throttle", partner: str, limit: str, rate: Rate | None, shared: Pace | None, *, learns: bool
    ) -> None:
        """Take what is known before the first request; Throttle makes gates."""
        self.pace = OwnPace(rate, learns=learns)
        self.customers: dict[str, _Lane] = {}
        self.lane = _Lane(None)
        self.calm = shared is None and rate is None  # nothing holds anybody back, and no lane is remembered
        self.under_way: dict[int, None] = {}  # the numbers of those that left and have no answer yet, as they left
        self._throttle = throttle
        self._left = 0
        self._row: dict[str, tuple[int, float]] = {}  # customers refused since anybody was served who left later
        self._doubted: tuple[int, float] | None = None  # a refused one; who left later tells whether the partner is
        self._timer: TimerHandle | None = None
        self._least = Patience()  # of those in line
        self._closed_after = 0  # whoever left up to this one left before the lane closed
        self._held = False  # the next one waits for its time
        self._partner, self._limit = partner, limit
        self._shared = shared
        self._permit: float | None = None  # the time of the place that the shared pace gave
        self._asking: asyncio.Task[None] | None = None
        self._alone_until = 0.0  # requests leave without the shared pace, which failed
        self._told: float | None = None

    def at_once(self, customer: str | None) -> Turn | None:
        """Return a turn where nothing is known that holds requests back, and there is a free slot."""
        throttle = self._throttle
        if not self.calm or not throttle.free or throttle.short:
            return None
        throttle.free -= 1
        return self._turn(_NOBODY_WAITS, customer, 0.0)

    async def enter(self, place: Place, customer: str | None, patience: Patience = Patience()) -> Turn:  # noqa: B008 - immutable
        """Wait for a turn; raises ThrottledError as soon as it is known to come too late.

        Too late is more than ``patience.longest`` seconds for any one Retry-After, or beyond its deadline.
        """
        waiter = _Waiter(place, customer, patience)
        self._check(waiter)
        self._stand(waiter)
        self.pump()
        try:
            return await waiter.future
        except BaseException:
            if waiter.line is not None:
                waiter.line.gone(waiter)
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self.give_back(waiter.future.result())  # it was given, but who waited was cancelled before it woke
            else:
                self._resign(place, customer)
                self.pump()
            raise

    def _check(self, waiter: _Waiter) -> None:
        """Refuse a call whose place in the line lies beyond its deadline."""
        if inf in (waiter.patience.deadline_at, self.pace.rate):
            return
        now = asyncio.get_running_loop().time()
        interactive, background = self.lane.line.live
        before = interactive + (background if waiter.place.background else 0)
        due = max(now, self.pace.due(now)) + before / self.pace.rate
        if due > waiter.patience.deadline_at:
            raise _late(before, self.pace.rate, due - now)

    def _stand(self, waiter: _Waiter) -> None:
        """Let a call stand in its customer's line, or in the partner's."""
        own = self.customers.get(waiter.customer) if waiter.customer is not None else None
        lane = self.lane if own is None or own.admits(waiter.place) else own
        now = asyncio.get_running_loop().time()
        if lane.opens_too_late(waiter.patience, now):
            waiter.future.set_exception(_closed(lane.until - now))
        elif lane is self.lane:
            self._add(waiter)
        else:
            lane.line.add(waiter)

    def _add(self, waiter: _Waiter) -> None:
        """Let a call stand in the partner's line."""
        longest, deadline_at = waiter.patience
        self._least = Patience(min(self._least.longest, longest), min(self._least.deadline_at, deadline_at))
        self.lane.line.add(waiter)

    def next(self) -> Place | None:
        """Return the place of the first who waits for no customer's lane."""
        waiter = self.lane.line.first()
        if waiter is not None:
            return waiter.place
        self._least = Patience()
        return None

    def pump(self) -> None:
        """Let all go who may, and see to it that the next is woken in time."""
        throttle, loop = self._throttle, asyncio.get_running_loop()
        throttle.short.pop(self, None)
        lane = self.lane
        while (place := self.next()) is not None:
            now = loop.time()
            if lane.closed or (lane.on_trial and lane.probe is not None) or self._waits_for_answers(now):
                return
            due = self.pace.due(now)
            if self._shared is not None and now >= self._alone_until:
                if self._permit is None:
                    if self._asking is None or self._asking.done():  # an eager task may have ended at its birth
                        self._asking = loop.create_task(self._ask(self._shared))
                    return
                due = max(due, self._permit)
            if due > now + _EARLY:
                self._held = True
                self._wake_at(due)
                return
            if not throttle.free:
                throttle.short[self] = None
                return
            waiter = cast("_Waiter", lane.line.pop())
            own = self.customers.get(waiter.customer) if waiter.customer is not None else None
            if own is not None and not own.admits(place):
                own.line.add(waiter)
                continue
            if lane.on_trial:
                lane.probe = place
            throttle.free -= 1
            self._permit = None
            self.pace.leaves(now, held=self._held)
            self._held = False
            waiter.future.set_result(self._turn(place, waiter.customer, now))

    def _turn(self, place: Place, customer: str | None, now: float) -> Turn:
        self._left += 1
        self.under_way[self._left] = None
        return Turn(place, customer, self._left, now)

    def _waits_for_answers(self, now: float) -> bool:
        """Tell whether nobody may leave before more answers have come."""
        if not self.under_way:
            return False
        if self.pace.window < inf:
            behind = takewhile(lambda number: number > self._closed_after, reversed(self.under_way))
            if sum(1 for _ in behind) + 1 > self.pace.window:
                return True
        if self._doubted is None or next(reversed(self.under_way)) <= self._doubted[0]:
            return False
        if now >= self._doubted[1]:
            self._doubted = None
            return False
        self._wake_at(self._doubted[1])
        return True

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            if not self._timer.cancelled() and abs(self._timer.when() - when) < _EARLY:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self.pump()

    def answered(self, turn: Turn) -> None:
        """Take note of an answer that is no 429: the lanes whose probe it was open, unless they were closed anew."""
        now = asyncio.get_running_loop().time()
        lane = self.customers.get(turn.customer) if not self.calm and turn.customer is not None else None
        self.pace.answered(turn.number, now, first=lane is None)
        if self.calm:
            return
        if self._row:
            self._row = {
                customer: (number, at)
                for customer, (number, at) in self._row.items()
                if number > turn.number or customer == turn.customer
            }
        if self._doubted is not None and turn.number > self._doubted[0]:
            self._doubted = None
        if lane is not None and lane.on_trial and lane.probe == turn.place:
            lane.on_trial, lane.probe, lane.in_row = False, None, 0
            for waiter in lane.line.take():
                self._add(waiter)
        if self.lane.on_trial and self.lane.probe == turn.place:
            self.lane.on_trial, self.lane.probe, self.lane.in_row = False, None, 0
        self._settle()

    def throttled(self, turn: Turn, retry_after: float | None, bound: Callable[[int], float]) -> float:
        """Take note of a 429, and return the seconds for which its lane closes.

        It is the partner's where that was its probe, and where the partner is throttled. The seconds are what the
        service asked for and a random part more, up to `bound` of the refusals in a row.
        """
        now = asyncio.get_running_loop().time()
        self.calm = False
        asked = min(retry_after or 0.0, _LONGEST)
        sent_at = turn.sent_at or now
        own = None if turn.customer is None else self.customers.get(turn.customer)
        first = own is None
        if turn.customer is not None:
            own = self.customers.setdefault(turn.customer, own or _Lane(turn.customer))
            own.in_row += 1
            own.close(turn.place, now + asked, bound(own.in_row))
            self._at(own.until, own)
            own.line.dismiss(own, now)
        if self.lane.closed or (self.lane.on_trial and self.lane.probe != turn.place):
            if self.lane.closed or turn.customer is None:  # it left before
                self._close(turn.place, now + asked, bound(max(1, self.lane.in_row)))
                self.pace.stays_closed(self.lane.until)
        elif turn.customer is None or self.lane.on_trial or self._partner_is_throttled(turn.customer, turn.number, now):
            self.lane.in_row += 1
            self._close(turn.place, now + asked, bound(self.lane.in_row))
            self._closed_after = self._left
            self.pace.closes(self._left, now, sent_at, asked, self.lane.until)
            self._row, self._doubted = {}, None
        else:
            if self.pace.rate < inf and self._doubted is None:
                self._doubted = turn.number, now + _BREATH
            self.pace.refused(turn.number, now, sent_at, asked, first=first)
        self._tell()
        return (own or self.lane).until - now

    def _partner_is_throttled(self, customer: str, number: int, now: float) -> bool:
        """Tell whether so many customers were refused in a row, while nobody who left later was served."""
        self._row = {customer: each for customer, each in self._row.items() if each[1] > now - WINDOW}
        self._row[customer] = number, now
        return len(self._row) >= self.pace.customers

    def _close(self, place: Place, asked_until: float, spread: float) -> None:
        lane, now = self.lane, asyncio.get_running_loop().time()
        lane.close(place, asked_until, spread)
        self._at(lane.until, lane)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if lane.opens_too_late(self._least, now):
            lane.line.dismiss(lane, now)

    def _at(self, when: float, lane: _Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
        lane.timer = asyncio.get_running_loop().call_at(when + _EARLY, self._due, lane)

    def _due(self, lane: _Lane) -> None:
        """Put a closed lane on trial; forget one that nobody has asked for since."""
        if lane.closed:
            lane.closed, lane.on_trial = False, True
            self._appoint(lane)
            self.pump()
        elif lane.line.first() is None and lane.probe is None:
            lane.timer, lane.on_trial, lane.in_row = None, False, 0
            if lane.customer is not None:
                del self.customers[lane.customer]
            self._settle()
            return
        self._at(asyncio.get_running_loop().time() + WINDOW, lane)

    def _settle(self) -> None:
        """Take note of whether anything is left that may hold a request back."""
        self.calm = (
            not self.customers
            and self.lane.timer is None
            and self.pace.rate == inf
            and self.pace.window == inf
            and self._shared is None
        )

    def _appoint(self, lane: _Lane) -> None:
        """Let the first in a customer's line go ahead as the lane's probe."""
        if lane is self.lane or not lane.on_trial or lane.probe is not None:
            return
        waiter = lane.line.pop()
        if waiter is not None:
            lane.probe = waiter.place
            self._add(waiter)

    def _resign(self, place: Place, customer: str | None) -> None:
        """Let the next in line be the probe of the lanes whose probe this call was."""
        lane = self.customers.get(customer) if customer is not None else None
        if lane is not None and lane.probe == place:
            lane.probe = None
            self._appoint(lane)
        if self.lane.probe == place:
            self.lane.probe = None

    def give_back(self, turn: Turn) -> None:
        """Take back a turn of :meth:`enter` in which nothing was sent: its slot, and its time under the pace."""
        self.pace.comes_back()
        self._permit = turn.sent_at
        self.leave(turn)

    def leave(self, turn: Turn) -> None:
        """Take a slot back, and the trial of a lane that got no answer; both go to the next in line."""
        del self.under_way[turn.number]
        self._throttle.free += 1
        if not self.calm:
            self._resign(turn.place, turn.customer)
            self.pump()
        if self._throttle.short:
            self._throttle.release()

    async def _ask(self, shared: Pace) -> None:
        """Ask the shared pace for the next place, one at a time."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_ASKING):
                seconds = float(await shared.acquire(self._partner, self._limit))
            if not isfinite(seconds):
                raise ValueError(f"it gave {seconds} s")
            self._permit = loop.time() + max(0.0, seconds)
            self._throttle.warned = False
        except Exception as error:  # noqa: BLE001 - it must never stop a call
            self._alone_until = loop.time() + _ASKING
            if not self._throttle.warned:
                self._throttle.warned = True
                logger.warning("the shared pace failed, and requests leave without it: %s", escaped(repr(error)))
        finally:
            self._asking = None
        self.pump()

    def _tell(self) -> None:
        """Log the pace where it changed."""
        rate = self.pace.rate
        if rate < inf and (self._told is None or not _ALIKE < rate / self._told < 1 / _ALIKE):
            self._told = rate
            logger.info("the service answers 429 (%s); requests leave at %.3g a second", self._limit, rate)

    def idle(self, now: float) -> bool:
        """Tell whether nothing would be lost with this gate."""
        if self.next() is not None or self.under_way or self.customers or self._asking is not None:
            return False
        if self.lane.timer is not None:
            return False
        return self.calm or self.pace.rested(now)

    def close(self) -> None:
        """End the timers."""
        for timer in (self._timer, self.lane.timer, *(lane.timer for lane in self.customers.values())):
            if timer is not None:
                timer.cancel()
        if self._asking is not None:
            self._asking.cancel()


class Throttle:
    """The slots of a client and all its views, and the gates of each partner."""

    def __init__(self, concurrency: int, pacing: Pacing) -> None:
        """Take the number of slots, and what is declared of the pace."""
        self.free = check_count("concurrency", concurrency)
        self.short: dict[Gate, None] = {}  # gates whose next waits for a slot
        self.tickets = count(1)
        self.warned = False  # that the shared pace failed
        self._by_limit = not isinstance(pacing, Rate)
        self._rates: Mapping[str, Rate] = (
            {ALL: pacing} if isinstance(pacing, Rate) else pacing if isinstance(pacing, Mapping) else {}
        )
        self._shared = pacing if isinstance(pacing, Pace) else None
        self._learns = pacing is not None
        self.gates: dict[tuple[str, str, str | None], Gate] = {}
        self._most_gates = _MOST_GATES

    def gate(self, partner: str, limit: str, customer: str | None) -> Gate:
        """Return what a request passes."""
        if not self._by_limit and limit not in BESIDE:
            limit = ALL
        key = (partner, limit, customer if limit == MIGRATIONS_VALIDATE else None)
        gate = self.gates.get(key)
        if gate is None:
            if len(self.gates) >= self._most_gates:
                self._forget()
            rate = self._rates.get(limit if self._by_limit else ALL)
            gate = self.gates[key] = Gate(self, partner, limit, rate, self._shared, learns=self._learns)
        return gate

    def _forget(self) -> None:
        """Drop the gates that hold nothing back, and make room for as many as are left."""
        now = asyncio.get_running_loop().time()
        self.gates = {key: gate for key, gate in self.gates.items() if not gate.idle(now)}
        self._most_gates = max(_MOST_GATES, 2 * len(self.gates))

    def release(self) -> None:
        """Give free slots to those who wait for nothing else, the first of them first."""
        while self.free and self.short:
            gates = [(place, gate) for gate in self.short if (place := gate.next()) is not None]
            if not gates:
                self.short.clear()
                return
            min(gates, key=lambda each: each[0])[1].pump()

    def close(self) -> None:
        """End the timers."""
        for gate in self.gates.values():
            gate.close()


def _closed(seconds: float) -> ThrottledError:
    return _refused(f"not sent: the service answered 429 and takes nothing for another {told(seconds)}", seconds)


def _late(before: int, rate: float, seconds: float) -> ThrottledError:
    what = f"not sent: {before} calls wait before this one, and the service takes {rate:.3g} a second"
    return _refused(f"{what}, so its turn comes in {told(seconds)}, after its deadline", seconds)


def _refused(message: str, seconds: float) -> ThrottledError:
    error = ThrottledError(message)
    error.status = 429
    error.retry_after = seconds
    return error


def told(seconds: float) -> str:
    """Return a wait as people write it, 86400 s rather than 8.64e+04 s, but no endless row of digits."""
    return f"{seconds:.0f} s" if 1e3 <= seconds < 1e9 else f"{seconds:.4g} s"  # noqa: PLR2004 - numbers as they look
