"""When an exchange may begin: a bound on exchanges under way, and lanes that close where the service answers 429.

There is one lane for the partner and one for each customer that was throttled lately. A closed lane lets nothing
through until its time has come, then one exchange, and the rest only after that one's answer. Whoever waits is served
in the order of arrival; nobody holds a slot while it waits for a lane.
"""

import itertools
import random
from asyncio import CancelledError, Future, TimerHandle, get_running_loop
from collections import OrderedDict
from math import inf
from types import TracebackType
from typing import NamedTuple, Self

from partnercenter_async._session.arguments import check_count
from partnercenter_async.errors import ThrottledError

WINDOW = 60.0  # seconds over which the service counts requests, and for which a lane is remembered after its time
_CUSTOMERS = 3  # as many customers throttled within a window show that it is the partner who is
_LONGEST = 3600.0  # seconds; a mistaken Retry-After must not shut a client out for good


class Patience(NamedTuple):
    """For how long a call waits: ``longest`` seconds for any one Retry-After, and till a time of the loop's clock."""

    longest: float
    deadline_at: float


class _Lane:
    """What is known of one customer, or of the partner as a whole."""

    __slots__ = (
        "asked_until",
        "closed",
        "customer",
        "on_trial",
        "patience",
        "probe",
        "queue",
        "throttled_at",
        "timer",
        "until",
    )

    def __init__(self, customer: str | None) -> None:
        self.customer = customer
        self.closed = False  # nothing goes through before `until`
        self.on_trial = False  # its time has come: one exchange goes through, `probe`, and the rest waits
        self.until = 0.0
        self.asked_until = 0.0  # what the service itself asked for: `until` without the random part
        self.probe: int | None = None
        self.queue: dict[int, Future[None]] = {}
        self.patience: dict[int, Patience] = {}
        self.throttled_at = -WINDOW
        self.timer: TimerHandle | None = None

    def admits(self, ticket: int) -> bool:
        """Tell whether a call may pass; the first one that asks after the lane's time becomes the probe."""
        if self.closed:
            return False
        if not self.on_trial:
            return True
        if self.probe is None and not self.queue:
            self.probe = ticket
        return self.probe == ticket

    def opens_too_late(self, patience: Patience) -> bool:
        """Tell whether a closed lane stays closed for longer than a call waits."""
        longest = self.asked_until - get_running_loop().time()
        return self.closed and (longest > patience.longest or self.until > patience.deadline_at)

    def resign(self, ticket: int) -> None:
        """Make the next in line the probe, where this call was it."""
        if self.probe == ticket:
            self.probe = None
            self.appoint()

    def appoint(self) -> None:
        """Wake the first in line as the probe."""
        if self.on_trial and self.probe is None and self.queue:
            self.probe = min(self.queue)
            _wake(self.queue[self.probe])

    def open(self) -> None:
        """Let everybody through."""
        self.on_trial = False
        self.probe = None
        for ticket in sorted(self.queue):
            _wake(self.queue[ticket])


class Turn:
    """A slot for one exchange; given back on leaving. What the exchange met decides about its lanes."""

    __slots__ = ("_customer", "_throttle", "ticket")

    def __init__(self, throttle: "Throttle", ticket: int, customer: str | None) -> None:
        """Take the call's place in line and its customer; Throttle makes turns."""
        self._throttle = throttle
        self._customer = customer
        self.ticket = ticket

    def answered(self) -> None:
        """Take note of an answer that is no 429: the lanes that waited for it open."""
        if self._throttle.busy:
            self._throttle.answered(self.ticket, self._customer)

    def throttled(self, retry_after: float | None, spread: float) -> None:
        """Take note of a 429: its lane closes for that many seconds and a random part of ``spread`` more."""
        self._throttle.throttled(self.ticket, self._customer, retry_after, spread)

    def __enter__(self) -> Self:
        """Begin the exchange."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the slot to the next in line, and the trial of a lane that got no answer as well."""
        self._throttle.leave(self.ticket, self._customer)


class Throttle:
    """The slots and lanes of a client and all its views. They belong to the event loop of their first use."""

    def __init__(self, concurrency: int) -> None:
        """Take the number of slots."""
        self.free = check_count("concurrency", concurrency)
        self.waiting: OrderedDict[int, Future[None]] = OrderedDict()  # for a slot, all lanes being passed
        self.partner = _Lane(None)
        self.customers: dict[str, _Lane] = {}
        self._tickets = itertools.count()
        self.busy = False  # there are lanes that are not open, or are remembered

    async def enter(self, customer: str | None, longest: float = inf, deadline_at: float = inf) -> Turn:
        """Wait for a turn; raises ThrottledError as soon as it is known that a lane stays closed for too long.

        Too long is more than ``longest`` seconds for any one Retry-After, or beyond a time of the loop's clock.
        """
        ticket = next(self._tickets)
        if self.free and not self.waiting and not self.busy:
            self.free -= 1
        else:
            await self._wait(ticket, customer, Patience(longest, deadline_at))
        return Turn(self, ticket, customer)

    async def _wait(self, ticket: int, customer: str | None, patience: Patience) -> None:
        """Pass the customer's lane, then the partner's, then get a slot, and make sure that all still holds."""
        loop = get_running_loop()
        slot = False
        try:
            while True:
                lane = self._blocked(ticket, customer)
                if lane is None and slot:
                    return
                if lane is None and self.free and not self.waiting:
                    self.free -= 1
                    return
                if slot:
                    slot = False
                    self._release()
                if lane is None:
                    await self._next_slot(ticket)
                    slot = True
                    continue
                # Whoever waits here is no probe of this lane or of one behind it, or nobody would ever move on.
                lane.resign(ticket)
                self.partner.resign(ticket)
                if lane.opens_too_late(patience):
                    raise _closed(lane.until - loop.time())
                future = lane.queue[ticket] = loop.create_future()
                lane.patience[ticket] = patience
                try:
                    await future
                finally:
                    del lane.queue[ticket], lane.patience[ticket]
        except BaseException:
            self._resign(ticket, customer)
            raise

    async def _next_slot(self, ticket: int) -> None:
        future = self.waiting[ticket] = get_running_loop().create_future()
        try:
            await future
        except CancelledError:
            self.waiting.pop(ticket, None)
            if not future.cancelled():
                self._release()  # it was handed over, but who waited was cancelled before it woke
            raise

    def _blocked(self, ticket: int, customer: str | None) -> _Lane | None:
        """Return the first lane that does not let a call through."""
        lane = self.customers.get(customer) if customer is not None else None
        if lane is not None and not lane.admits(ticket):
            return lane
        return None if self.partner.admits(ticket) else self.partner

    def leave(self, ticket: int, customer: str | None) -> None:
        """Take a slot back."""
        self._release()
        if self.busy:
            self._resign(ticket, customer)

    def _resign(self, ticket: int, customer: str | None) -> None:
        for lane in self._lanes(customer):
            lane.resign(ticket)

    def _release(self) -> None:
        while self.waiting:
            _, future = self.waiting.popitem(last=False)
            if not future.done():
                future.set_result(None)
                return
        self.free += 1

    def _lanes(self, customer: str | None) -> list[_Lane]:
        lane = self.customers.get(customer) if customer is not None else None
        return [self.partner] if lane is None else [lane, self.partner]

    def answered(self, ticket: int, customer: str | None) -> None:
        """Open the lanes whose probe was answered, unless they were closed anew meanwhile."""
        for lane in self._lanes(customer):
            if lane.probe == ticket and lane.on_trial:
                lane.open()

    def throttled(self, ticket: int, customer: str | None, retry_after: float | None, spread: float) -> None:
        """Close the lane of an exchange, each lane that it was the probe of, and the partner's for many customers."""
        now = get_running_loop().time()
        asked_until = now + min(retry_after or 0.0, _LONGEST)
        until = asked_until + random.uniform(0, spread)  # noqa: S311 - guards nothing
        own = self.partner if customer is None else self.customers.setdefault(customer, _Lane(customer))
        own.throttled_at = now
        lanes = {lane for lane in self._lanes(customer) if lane is own or lane.probe == ticket}
        lately = [lane for lane in self.customers.values() if lane.throttled_at > now - WINDOW]
        if len(lately) >= _CUSTOMERS:
            lanes.add(self.partner)
            for lane in lately:
                lane.throttled_at = now - WINDOW  # the next time needs as many again
        for lane in lanes:
            if lane.probe == ticket:
                lane.probe = None
            self._close(lane, asked_until, until)

    def _close(self, lane: _Lane, asked_until: float, until: float) -> None:
        self.busy = lane.closed = True
        lane.on_trial = False
        lane.asked_until = max(lane.asked_until, asked_until)
        lane.until = max(lane.until, until)
        self._at(lane.until, lane)
        for ticket, patience in lane.patience.items():
            if lane.opens_too_late(patience):
                _wake(lane.queue[ticket])  # to fail

    def _at(self, when: float, lane: _Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
        # Loops run timers up to their clock's resolution too early.
        lane.timer = get_running_loop().call_at(when + 1e-6, self._due, lane)

    def _due(self, lane: _Lane) -> None:
        """Put a closed lane on trial; forget one that nobody has asked for since."""
        if lane.closed:
            lane.closed, lane.on_trial = False, True
            lane.appoint()
        elif not lane.queue and lane.probe is None:
            lane.timer, lane.on_trial = None, False
            if lane.customer is not None:
                del self.customers[lane.customer]
            self.busy = bool(self.customers) or self.partner.timer is not None
            return
        self._at(get_running_loop().time() + WINDOW, lane)

    def close(self) -> None:
        """End the timers."""
        for lane in (self.partner, *self.customers.values()):
            if lane.timer is not None:
                lane.timer.cancel()


def _wake(future: "Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _closed(seconds: float) -> ThrottledError:
    error = ThrottledError(f"not sent: the service answered 429 and takes nothing for another {seconds:.3g} s")
    error.status = 429
    error.retry_after = seconds
    return error
