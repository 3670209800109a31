"""A declared rate that several processes share through a Redis server; needs the extra ``redis``."""

import asyncio
from collections.abc import Mapping
from math import ceil, inf
from typing import Final, cast

from partnercenter_async._session.arguments import check_count, check_seconds, check_text
from partnercenter_async._session.logs import logger
from partnercenter_async._session.pace import ALL, BESIDE, Rate, check_pacing

try:
    from redis.asyncio import Redis
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "RedisPace needs its extra: pip install 'partnercenter-async[redis]'", name=error.name
    ) from error

_PAUSE = 5.0  # seconds for which a Redis that failed is left alone
_MICROSECONDS: Final = 1_000_000

# Takes a place, and returns its time and the time now: microseconds of the server's clock, which all processes share.
# The key holds when the next place is due and when the last one was asked for: where the clock was set back since,
# as a replica's may be that took over, what is due moves with it, and nobody waits for the old time to come round.
# Without demand at most so many places are saved up. A key that is new has none, and lives an hour beyond what is due.
_TAKE_A_PLACE: Final = """
local spacing, saved = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local at = now
local known = redis.call('GET', KEYS[1])
if known then
    local due, asked = string.match(known, '^(%d+) (%d+)$')
    if not due then
        return redis.error_reply('the key holds something else')
    end
    at = math.max(due - math.max(asked - now, 0), now - saved * spacing)
end
local kept = math.ceil(math.max(at + spacing - now, 0) / 1000) + 3600000
redis.call('SET', KEYS[1], string.format('%.0f %.0f', at + spacing, now), 'PX', string.format('%.0f', kept))
return {math.max(at, now), now}
"""


class RedisPace:
    """A declared rate for several processes, such as the workers of a web backend, or jobs of one partner.

    Every process makes one from the same ``rate``, and gives it to its client: ``PartnerCenterClient(rate=pace)``.
    Requests of all of them together then leave as those of one client with that rate do. A Redis that doesn't answer in
    time, or answers with an error, never stops a call: it is logged once, the process keeps to its own share of the
    rate, and tries Redis again every few seconds.

    A pace belongs to the event loop of its Redis client, and may serve several clients of the package there.
    """

    def __init__(
        self,
        redis: Redis,
        rate: Rate | Mapping[str, Rate],
        *,
        processes: int = 1,
        key: str = "partnercenter",
        timeout: float = 0.25,
    ) -> None:
        """Take a client of Redis 5 or later, which stays yours to close, and what is declared.

        ``rate`` is one for all requests of a partner to a service together, or one for each limit, such as
        ``Rate.DOCUMENTED``; what has none is not held back. ``processes`` is how many share it: without Redis each
        keeps to that part of it. Names of keys begin with ``key``, go on with the client's ``tenant`` and the limit,
        and all who share a rate use the same. ``timeout`` is how long Redis may take for an answer, connecting and its
        own retries included.

        Raises ValueError that names the argument.
        """
        if not isinstance(cast("object", redis), Redis):
            raise ValueError(f"redis must be a redis.asyncio.Redis, not {type(redis)!r}")  # noqa: TRY004 - as for all
        if not isinstance(cast("object", rate), Rate | Mapping):
            raise ValueError(f"rate must be a Rate, or a mapping of limits to Rates, not {rate!r}")  # noqa: TRY004
        check_pacing(rate)
        self._rate = rate if isinstance(rate, Rate) else dict(rate)
        self._processes = check_count("processes", processes)
        self._key = check_text("key", key)
        self._timeout = check_seconds("timeout", timeout)
        self._take_a_place = redis.register_script(_TAKE_A_PLACE)
        self._own_at: dict[str, float] = {}  # when the next place of the own share is due, by the loop's clock
        self._unsaved: set[str] = set()  # what was used of these is not all known to Redis
        self._again_at = -inf  # when a Redis that failed is tried again
        self._failed = False

    def __repr__(self) -> str:
        return f"RedisPace(rate={self._rate!r}, processes={self._processes!r}, key={self._key!r})"

    async def acquire(self, partner: str, limit: str) -> float:
        """Take the next free place of a partner under a limit, and return the seconds until its time comes."""
        if isinstance(self._rate, Rate):
            rate, limit = self._rate, limit if limit in BESIDE else ALL
        else:
            found = self._rate.get(limit)
            if found is None:
                return 0.0
            rate = found
        name = f"{self._key}:{partner}:{limit}"
        loop = asyncio.get_running_loop()
        seconds = await self._shared(name, rate) if loop.time() >= self._again_at else None
        now = loop.time()
        if seconds is None:
            self._unsaved.add(name)
            seconds = max(0.0, self._own_at.get(name, now) - now)
        self._own_at[name] = now + seconds + rate.spacing * self._processes
        return seconds

    async def _shared(self, name: str, rate: Rate) -> float | None:
        """Ask Redis for a place, and return the seconds until its time comes, or None where Redis fails."""
        loop = asyncio.get_running_loop()
        trial = self._failed
        if trial:  # the others needn't wait for the outcome
            self._again_at = loop.time() + _PAUSE
        spacing = ceil(rate.spacing * _MICROSECONDS)
        saved = 0 if name in self._unsaved else rate.extra
        within = asyncio.timeout(self._timeout)
        try:
            async with within:
                answer: object = await self._take_a_place([name], [spacing, saved])
            seconds = _seconds(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop a call
            self._again_at = loop.time() + _PAUSE
            if not self._failed:
                self._failed = True
                reason = f"no answer in {self._timeout:g} s" if within.expired() else _reason(error)
                share = f"1/{self._processes} of the rate" if self._processes > 1 else "the rate"
                logger.warning("Redis failed, and this process keeps to %s by itself: %s", share, reason)
            return None
        self._unsaved.discard(name)
        if trial:
            self._failed, self._again_at = False, -inf
            logger.info("Redis answers again, and the rate is shared")
        return seconds


def _seconds(answer: object) -> float:
    """Return the seconds between now and a place; raises ValueError for an answer that is none of the script's."""
    match answer:
        case [int(at), int(now)] if at >= now:
            return (at - now) / _MICROSECONDS
        case _:
            raise ValueError("the script's answer is another's")


def _reason(error: Exception) -> str:
    """Tell an error of Redis, without the arguments that it may repeat, of which one may be a password."""
    return f"{type(error).__name__}: {error}".partition(", with args beginning with")[0]
