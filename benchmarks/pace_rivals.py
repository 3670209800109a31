"""How others get through a limit, by their published rules and with their defaults, for ``python -m benchmarks.pace``.

Each is written anew from its rules, for asyncio and without a wire. Whom it gives up is lost.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

Exchange: TypeAlias = Callable[[], Awaitable[tuple[bool, float | None]]]
"""Makes one exchange; tells whether it was throttled, and the seconds of its Retry-After."""


def now() -> float:
    return asyncio.get_running_loop().time()


class Rival(Protocol):
    """The client of one process."""

    async def call(self, exchange: Exchange) -> bool:
        """Make one call with its attempts; tells whether it succeeded."""
        ...


class ByHand:
    """aiohttp by hand: a semaphore, which the workers are, and tries with exponential backoff and full jitter.

    Retry-After is obeyed, and the backoff comes on top of it, so that not all who wait wake at once.
    """

    def __init__(self, tries: int) -> None:
        self._tries = tries

    async def call(self, exchange: Exchange) -> bool:
        for number in range(self._tries):
            throttled, after = await exchange()
            if not throttled:
                return True
            if number + 1 < self._tries:
                await asyncio.sleep((after or 0.0) + random.uniform(0, 2**number))
        return False


class Botocore:
    """botocore's retry mode "adaptive": attempts, backoff and quota of "standard", and a bucket that CUBIC fills.

    Three attempts. Each waits a random part of 1, 2, 4 ... 20 s, or for Retry-After where that is more, but at most 5 s
    more (it reads a header of its own for that, which is taken for the service's here). A retry costs 5 of 500, which a
    success gives back. From the first 429 on a bucket lets requests out at a rate that falls to 0.7 of what was sent,
    and grows with the third power of the time since; what was sent is measured by half seconds and smoothed by 0.8.
    """

    ATTEMPTS = 3
    _LEAST = 0.5

    def __init__(self) -> None:
        self._quota = 500
        self._enabled = False
        self._turn = asyncio.Lock()
        self._rate, self._capacity, self._tokens, self._filled_at = 1.0, 1.0, 0.0, now()
        self._most, self._failed_at = 0.0, now()
        self._measured, self._count, self._bucket = 0.0, 0, math.floor(now())

    async def call(self, exchange: Exchange) -> bool:
        borrowed = 0
        for number in range(self.ATTEMPTS):
            if self._enabled:
                await self._token()
            throttled, after = await exchange()
            self._learn(throttled=throttled)
            if not throttled:
                self._quota = min(500, self._quota + (borrowed or 1))
                return True
            if number + 1 == self.ATTEMPTS or self._quota < 5:
                return False
            borrowed = 5
            self._quota -= borrowed
            backoff = random.random() * min(2**number, 20)
            await asyncio.sleep(max(backoff, min(after or 0.0, backoff + 5)))
        return False

    async def _token(self) -> None:
        async with self._turn:  # in the order of arrival; there whoever wakes first takes one
            self._fill()
            while self._tokens < 1:
                # Whoever waits there is told of a new rate; here it looks again soon.
                await asyncio.sleep(max(0.001, min((1 - self._tokens) / self._rate, 0.5)))
                self._fill()
            self._tokens -= 1

    def _fill(self) -> None:
        self._tokens = min(self._capacity, self._tokens + (now() - self._filled_at) * self._rate)
        self._filled_at = now()

    def _learn(self, *, throttled: bool) -> None:
        self._measure()
        if throttled:
            self._most = min(self._measured, self._rate) if self._enabled else self._measured
            self._failed_at = now()
            self._enabled = True
            rate = self._most * 0.7
        else:
            zero = (self._most * (1 - 0.7) / 0.4) ** (1 / 3)
            rate = 0.4 * (now() - self._failed_at - zero) ** 3 + self._most
        rate = min(rate, 2 * self._measured)
        self._fill()
        self._rate, self._capacity = max(rate, self._LEAST), max(rate, 1.0)
        self._tokens = min(self._tokens, self._capacity)

    def _measure(self) -> None:
        bucket = math.floor(now() * 2) / 2
        self._count += 1
        if bucket > self._bucket:
            self._measured = self._count / (bucket - self._bucket) * 0.8 + self._measured * 0.2
            self._count, self._bucket = 0, bucket


class Concurrency:
    """Netflix' concurrency-limits: so many calls at once as the latency allows, looked at each second of 10 answers.

    It repeats nothing; here a call that was dropped has three tries as by hand, each of which waits for its turn.
    """

    TRIES = 3
    _limit: float

    def __init__(self) -> None:
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._look_at = now() + 1
        self._times: list[float] = []
        self._most, self._dropped = 0, False

    async def call(self, exchange: Exchange) -> bool:
        for number in range(self.TRIES):
            while self._under_way >= int(self._limit):
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn
            self._under_way += 1
            begun, under_way = now(), self._under_way
            throttled, after = await exchange()
            self._under_way -= 1
            self._sample(now() - begun, under_way, throttled=throttled)
            for _ in range(min(len(self._waiting), max(0, int(self._limit) - self._under_way))):
                self._waiting.popleft().set_result(None)
            if not throttled:
                return True
            if number + 1 < self.TRIES:
                await asyncio.sleep((after or 0.0) + random.uniform(0, 2**number))
        return False

    def _sample(self, took: float, under_way: int, *, throttled: bool) -> None:
        self._most = max(self._most, under_way)
        self._dropped |= throttled
        if not throttled:
            self._times.append(took)
        if now() >= self._look_at and len(self._times) >= 10:
            self.update(sum(self._times) / len(self._times), self._most, dropped=self._dropped)
            self._times, self._most, self._dropped, self._look_at = [], 0, False, now() + 1

    def update(self, took: float, most: int, *, dropped: bool) -> None:
        raise NotImplementedError


class Gradient(Concurrency):
    """The gradient limit, from 50 at once: shrinks as latency goes beyond twice the least, and by a tenth for drops."""

    _limit = 50.0

    def __init__(self) -> None:
        super().__init__()
        self._least = math.inf
        self._probe_in = 1000 + random.randrange(1000)

    def update(self, took: float, most: int, *, dropped: bool) -> None:
        queue = max(4.0, math.floor(math.sqrt(self._limit)))
        self._probe_in -= 1
        if self._probe_in < 0:
            self._probe_in, self._limit, self._least = 1000 + random.randrange(1000), queue, math.inf
            return
        self._least = min(self._least, took)
        if dropped:
            limit = self._limit / 2
        elif most + queue < self._limit:
            return
        else:
            limit = self._limit * max(0.5, min(1.0, 2 * self._least / took)) + queue
        if limit < self._limit:
            limit = max(1.0, self._limit * 0.8 + limit * 0.2)
        self._limit = max(queue, min(1000.0, limit))


class Gradient2(Concurrency):
    """The second gradient limit, of 20 to 200 at once: latency against its long average. A drop is no sign to it."""

    _limit = 20.0

    def __init__(self) -> None:
        super().__init__()
        self._long, self._seen = 0.0, 0

    def update(self, took: float, most: int, *, dropped: bool) -> None:
        del dropped
        self._seen += 1
        if self._seen <= 10:
            self._long += (took - self._long) / self._seen
        else:
            self._long += (took - self._long) * 2 / 601
        if self._long / took > 2:
            self._long *= 0.9
        if most >= self._limit / 2:
            limit = self._limit * max(0.5, min(1.0, self._long / took)) + 4
            self._limit = max(20.0, min(200.0, self._limit * 0.8 + limit * 0.2))


class Adaptive:
    """The adaptive throttling of Google's SRE book: what would likely be refused is refused here.

    Over two minutes requests and accepted ones are counted; the part (requests - 2 x accepts) / (requests + 1) is not
    sent. Three attempts, each after a random part of 1, 2 s or Retry-After and that. What is not sent is no attempt
    here, or many more would be lost; it is tried again after a random second.
    """

    ATTEMPTS = 3
    _KEPT = 120.0

    def __init__(self) -> None:
        self._seen: deque[tuple[float, bool]] = deque()
        self._accepts = 0

    async def call(self, exchange: Exchange) -> bool:
        for number in range(self.ATTEMPTS):
            while random.random() < self._refusing():
                self._note(accepted=False)
                await asyncio.sleep(random.random())
            throttled, after = await exchange()
            self._note(accepted=not throttled)
            if not throttled:
                return True
            if number + 1 < self.ATTEMPTS:
                await asyncio.sleep((after or 0.0) + random.uniform(0, 2**number))
        return False

    def _refusing(self) -> float:
        while self._seen and self._seen[0][0] <= now() - self._KEPT:
            self._accepts -= self._seen.popleft()[1]
        return max(0.0, (len(self._seen) - 2 * self._accepts) / (len(self._seen) + 1))

    def _note(self, *, accepted: bool) -> None:
        self._seen.append((now(), accepted))
        self._accepts += accepted


RIVALS: dict[str, Callable[[], Rival]] = {
    "by hand, 3 tries": lambda: ByHand(3),
    "by hand, 5 tries": lambda: ByHand(5),
    "botocore, adaptive": Botocore,
    "Netflix, gradient": Gradient,
    "Netflix, gradient 2": Gradient2,
    "SRE book": Adaptive,
}
