"""What is tried again, when, and how often: the one place that uses backoff."""

import email.utils
import random
import re
import time
import warnings
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from datetime import UTC
from math import inf
from typing import TypeVar, cast

import backoff
import msgspec

from partnercenter_async._session.arguments import check_count, check_flag, check_seconds
from partnercenter_async._session.limits import TimeLimit
from partnercenter_async._session.logs import logger
from partnercenter_async._session.response import Headers
from partnercenter_async._session.throttle import Gate, told
from partnercenter_async._session.writes import Effect, may_repeat
from partnercenter_async.errors import Attempt, PartnerCenterError, ThrottledError

R = TypeVar("R")

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?([eE]\+?[0-9]{1,3})?")

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_THROTTLED = 300.0  # seconds for which a call without a deadline comes again after 429s


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How failed attempts are repeated.

    A call makes at most ``tries`` tries. Before try n + 1 it waits a random time up to ``first_wait * 2**(n - 1)``,
    but no more than ``longest_wait``, and first for as long as the service asks (Retry-After). All times are seconds.

    GET, HEAD, PUT and DELETE are repeated after 408, 500, 502, 503, 504 and broken connections; POST and PATCH only
    where nothing can have been done (no connection, no token) unless ``retry_writes`` is set, in which case the service
    tells repetitions by their request id, which stays the same. All calls of a client and its views share 32 retries.
    Each uses one up, and each answer that needs none brings a fifth of one back: single failures are always repeated,
    an outage meets one request a call.

    A 429 is no failure: whatever the method, it uses up neither a try nor a retry, and its call comes again once its
    lane opens and it is its turn, unless ``tries`` is 1. A lane opens when the Retry-After has passed and a random
    part of the wait above, which grows with 429s in a row. One Retry-After beyond ``longest_retry_after`` ends a single
    call at once, as does one beyond its deadline; without a deadline it ends after 300 s of 429s, or after
    ``longest_retry_after`` if that is longer. In a job (``fan_out``, ``export``) all of this is waited for, and counts
    only against a deadline that the caller set.
    """

    tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 20.0
    longest_retry_after: float = 120.0
    retry_writes: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be meant; raises ValueError."""
        check_count("tries", self.tries)
        for name in ("first_wait", "longest_wait", "longest_retry_after"):
            check_seconds(name, getattr(self, name))
        check_flag("retry_writes", self.retry_writes)

    def bound(self, tries: int) -> float:
        """Return the longest random wait after so many tries."""
        # The exponent is capped for policies of very many attempts, whose power would not fit a float.
        return min(self.longest_wait, self.first_wait * 2.0 ** min(tries - 1, 60))


class JobCalls:
    """What a job wants to know of all calls that it makes."""

    __slots__ = ("_gate", "_until", "retries")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.retries = 0
        self._until = 0.0
        self._gate: Gate | None = None  # where its calls waited last

    def add(self, error: PartnerCenterError, wait: float) -> None:
        """Count a retry."""
        self.retries += 1
        if isinstance(error, ThrottledError):
            self._until = max(self._until, get_running_loop().time() + wait)

    def waits_for(self, gate: Gate) -> None:
        """Take note of where a call waits."""
        self._gate = gate

    @property
    def rate(self) -> float | None:
        """How many requests a second leave where its calls waited last; None where nothing is held back."""
        return None if self._gate is None or self._gate.pace.rate == inf else self._gate.pace.rate

    @property
    def throttled_until(self) -> float | None:
        """When the last of the waits that the service asked for ends; None where none does later than now."""
        until = max(self._until, 0.0 if self._gate is None else self._gate.lane.until)
        return until if until > get_running_loop().time() else None


JOB: ContextVar[JobCalls | None] = ContextVar("job", default=None)  # that a call is made for


class RetryBucket:
    """The retries that a client has left, for all its calls together."""

    __slots__ = ("left",)

    SIZE = 32
    BACK = 0.2  # of a retry, for an answer that needs none

    def __init__(self) -> None:
        """Begin with a full bucket."""
        self.left = float(self.SIZE)

    def take(self) -> bool:
        """Take a retry out; tells whether there was one."""
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def put(self, retries: float) -> None:
        """Put retries back, or a part of one."""
        left = self.left + retries
        self.left = left if left < self.SIZE else float(self.SIZE)


class CallState:
    """How far one call has come; what it is, the call itself sets."""

    method: str
    url: str
    policy: RetryPolicy
    bucket: RetryBucket
    on_retry: Callable[[Attempt], None] | None
    deadline_at: float | None  # on the event loop's clock
    job: JobCalls | None
    patient: bool  # the waits for lanes and the pace don't count against the deadline

    sent = 0  # exchanges that the server may have seen
    tries = 0
    under_way = False  # an exchange has begun and not ended
    borrowed = False  # a retry was taken out of the bucket and not made yet
    recovered = False  # a refused token was renewed
    effect = Effect.NOTHING
    history: tuple[Attempt, ...] = ()
    limit: TimeLimit | None = None  # of the deadline
    throttled_at: float | None = None  # when the first 429 came
    throttled_for = 0.0  # seconds from the last 429 until its lane opens
    first: "FailedTryError | None" = None

    @property
    def path(self) -> str:
        """What logs show of the URL."""
        return self.url.partition("?")[0]

    def begin(self) -> None:
        """Take note of an exchange that begins."""
        self.sent += 1
        self.under_way = True
        self.borrowed = False

    def end(self) -> None:
        """Give back a retry that was not made after all."""
        if self.borrowed:
            self.borrowed = False
            self.bucket.put(1)


class FailedTryError(Exception):
    """Carries one failed try from the exchange through backoff; never seen by callers."""

    def __init__(self, error: PartnerCenterError, call: CallState, effect: Effect, *, retry: bool) -> None:
        """Take the error, what the try may have done, and whether another may help."""
        super().__init__()
        self.error = error
        self.call = call
        self.effect = effect
        self.retry = retry
        self.wait = 0.0


def _gives_up(failed: FailedTryError) -> bool:
    """Decide whether a call ends with this failure; if not, set the wait before the next try."""
    call, error = failed.call, failed.error
    policy = call.policy
    call.effect = max(call.effect, failed.effect)
    throttled = isinstance(error, ThrottledError)
    if not throttled or policy.tries == 1:
        call.tries += 1
    repeatable = may_repeat(call.method, error, failed.effect, retry_writes=policy.retry_writes)
    if not failed.retry or not repeatable or call.tries >= policy.tries:
        return True
    if throttled:
        failed.wait = 0.0  # its lane sees to it that it comes again when it may
        wait, longest = call.throttled_for, inf if call.job is not None else policy.longest_retry_after
    else:
        failed.wait = random.uniform(0, policy.bound(call.tries)) + (error.retry_after or 0.0)  # noqa: S311 - spreads load, guards nothing
        wait, longest = failed.wait, policy.longest_retry_after
    if error.retry_after is not None and error.retry_after > longest:
        wanted = told(error.retry_after)
        error.remedy = f"wait {wanted}, or allow it with RetryPolicy(longest_retry_after=) and deadline="
        return True
    if _too_late(call, wait, throttled=throttled):
        error.remedy = (
            f"the service answers 429 for minutes, and takes nothing for another {told(wait)}; wait a while"
            if call.deadline_at is None
            else f"the next try would begin in {told(wait)}, after the deadline; pass a larger deadline="
        )
        return True
    if not throttled:
        call.borrowed = call.bucket.take()
        if not call.borrowed:
            error.remedy = "it was not tried again since too many calls of this client failed lately; wait a while"
            return True
    made = Attempt(error.status, type(error).__name__, wait)
    call.history = (*call.history, made)
    what = made.status or made.error
    logger.debug("%s %s: %s, trying again in %.3f s", call.method, call.path, what, made.waited)
    if call.job is not None:
        call.job.add(error, wait)
    if call.on_retry is not None:
        call.on_retry(made)
    return False


def _too_late(call: CallState, wait: float, *, throttled: bool) -> bool:
    """Tell whether the next try would begin after the deadline, or after too many 429s where there is none."""
    if throttled and (call.patient or (call.job is not None and call.deadline_at is None)):
        return False
    now = get_running_loop().time()
    if call.deadline_at is not None:
        return now + wait >= call.deadline_at
    if not throttled:
        return False
    if call.throttled_at is None:
        call.throttled_at = now
    return now + wait > call.throttled_at + max(_THROTTLED, call.policy.longest_retry_after)


def _waits() -> Generator[float, FailedTryError, None]:
    """Hand each failure's own wait to backoff, which sends the failures in."""
    failed = yield 0.0
    while True:
        failed = yield failed.wait


with warnings.catch_warnings():
    # backoff 2 asks asyncio.iscoroutinefunction while it decorates, which Python 3.14 calls deprecated.
    warnings.filterwarnings("ignore", "'asyncio.iscoroutinefunction'", DeprecationWarning)

    @backoff.on_exception(
        cast("Callable[[], Generator[float, None, None]]", _waits),
        FailedTryError,
        giveup=cast("Callable[[Exception], bool]", _gives_up),
        jitter=None,
        logger=None,
    )
    async def with_retries(attempt: Callable[[], Awaitable[R]], call: CallState) -> R:
        """Go on after a first try that failed; raises the last one's FailedTryError.

        The first try was made outside backoff's loop, which costs as much as a hundredth of a request does; that it
        failed is raised inside.
        """
        if call.first is not None:
            failed, call.first = call.first, None
            raise failed
        return await attempt()


def retry_after(headers: Headers) -> float | None:
    """Return the seconds for which the service wants no request; None where it says nothing that can be understood.

    A date is counted from the answer's own, so that no clock of this machine has a say in it.
    """
    text = (headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = _http_date(text)
    if until is None:
        return None
    now = _http_date(headers.get("Date") or "")
    return max(0.0, until - (time.time() if now is None else now))


def _http_date(text: str) -> float | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
        # HTTP dates are GMT; the form of asctime does not say so.
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
