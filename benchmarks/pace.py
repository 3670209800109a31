"""How fast a job gets through a service that limits it, and what that costs: ``python -m benchmarks.pace``.

Plays in virtual time, so that hours take seconds: 3,000 customers, one page each, 500 requests a minute for all of them
together, 0.2 s latency, by each of the emulator's limiters. A row shows the worst of its runs, column by column: over
the limiters, refused requests counting or not, and the ``--seeds``.

The share is that of the pace: requests that were admitted, over what the limit lets through in the long run in the time
that the job took (its number for each of its periods), at most 1. "Of the fastest" takes the moment into account: the
time in which a job that knows the limiter, and sends each request as soon as it will be taken, gets as many admitted,
over the time that the job took. It uses up each window at its beginning and each burst at once, which a job that sends
evenly does not. Refused is the part of all requests that met a 429; lost are customers whose call ended with an error.
Mean and longest are seconds of a customer's call, from its first request or its place in the queue to its answer.
"""

import argparse
import asyncio
import math
import random
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from benchmarks.pace_rivals import RIVALS, Exchange, Rival
from partnercenter_async import Cloud, PartnerCenterClient, PartnerCenterError, Rate, fan_out
from partnercenter_async.emulator import FixedWindow, Limit, Limiter, SlidingWindow, TokenBucket
from partnercenter_async.emulator.limits import Limits
from partnercenter_async.testing import FakeCredential, RawResponse, Request, answer, run_in_virtual_time

LATENCY = 0.2  # seconds, half of them before a request is counted
CLOUD = Cloud(endpoint="https://api.example.com", authority="https://login.example.com", scope="x/.default")
Kind: TypeAlias = Literal["declared", "learned", "shared"]
Change: TypeAlias = Literal["halved", "doubled"]


def make_clients(
    kind: Kind, service: "Service", *, processes: int, concurrency: int, number: int, per: float
) -> list[PartnerCenterClient]:
    """Return a client for each process, that keeps to the pace in one of the ways."""
    rates: dict[Kind, Any] = {
        "learned": "learned",
        "declared": Rate(number, per),
        "shared": Shared(Rate(number, per)),
    }
    return [
        PartnerCenterClient(
            FakeCredential(lifetime=1e9), cloud=CLOUD, transport=service, concurrency=concurrency, rate=rates[kind]
        )
        for _ in range(processes)
    ]


class Shared:
    """What several processes share; here one object does for what a server keeps."""

    def __init__(self, rate: Rate) -> None:
        self._spacing = rate.spacing
        self._next_at = 0.0

    async def acquire(self, partner: str, limit: str) -> float:
        del partner, limit
        await asyncio.sleep(0.001)  # the way to the server and back
        now = asyncio.get_running_loop().time()
        at = max(self._next_at, now)
        self._next_at = at + self._spacing
        return at - now


class Service:
    """Answers behind a limiter, to the client as its transport, and to others."""

    def __init__(self, limiter: Limiter, *, latency: float, jitter: float) -> None:
        self.limiter = limiter
        self.requests = self.refused = 0
        self._limits = Limits([Limit(limiter)])
        self._latency = latency
        self._jitter = jitter

    async def exchange(self, method: str, path: str) -> RawResponse:
        await self._way()
        self.requests += 1
        refusal = self._limits.take(asyncio.get_running_loop().time(), method=method, path=path)
        self.refused += refusal is not None
        await self._way()
        if refusal is None:
            return answer({"id": "o"} if method == "POST" else {"totalCount": 1, "items": [{"id": "o"}]})
        return answer(status=refusal.status, headers=dict(refusal.headers), body=refusal.encoded())

    async def _way(self) -> None:
        await asyncio.sleep(self._latency / 2 * (1 + random.uniform(-self._jitter, self._jitter)))

    async def send(self, request: Request, /) -> RawResponse:
        return await self.exchange(request.method, request.url.removeprefix(CLOUD.endpoint))

    async def close(self) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table: what is played, and what is to be reached."""

    name: str
    kind: Kind
    concurrency: int = 32
    processes: int = 1
    changes: tuple[Change | None, ...] = (None,)
    creations: bool = False
    share: float
    refused: float
    or_refused: int = 0  # and so many more, whatever the share

    @property
    def number(self) -> int:
        return 100 if self.creations else 500

    @property
    def per(self) -> float:
        return 300.0 if self.creations else 60.0

    @property
    def customers(self) -> int:
        return 1000 if self.creations else 3000

    @property
    def goal(self) -> str:
        more = f"{self.or_refused} and " if self.or_refused else ""
        return f"{self.share:.2f}, {more}{self.refused * 100:g} %, 0"

    def limiters(self, bursts: Sequence[int]) -> Iterator[tuple[str, Callable[[], Limiter]]]:
        """Yield the names of the limiters, what makes them: buckets of so many tokens, and of the limit's number."""
        for counting in (False, True):
            refused = ", refused count" * counting
            for kind in (FixedWindow, SlidingWindow):
                name = "fixed window" if kind is FixedWindow else "sliding window"
                yield name + refused, lambda k=kind, c=counting: k(self.number, per=self.per, counts_refused=c)
            for burst in (*bursts, self.number):
                yield (
                    f"bucket of {burst}{refused}",
                    lambda b=burst, c=counting: TokenBucket(self.number, per=self.per, burst=b, counts_refused=c),
                )


ROWS = (
    Row(name="declared, 32 at once", kind="declared", share=0.97, refused=0.001),
    Row(name="declared, 256 at once", kind="declared", concurrency=256, share=0.97, refused=0.001),
    Row(name="learned, 32 at once", kind="learned", share=0.97, refused=0.01),
    Row(name="learned, 256 at once", kind="learned", concurrency=256, share=0.97, refused=0.01, or_refused=256),
    Row(name="four processes, declared and shared", kind="shared", processes=4, share=0.95, refused=0.005),
    Row(name="four processes, learned, not shared", kind="learned", processes=4, share=0.9, refused=0.03),
    Row(name="limit halved on the way", kind="learned", changes=("halved",), share=0.9, refused=0.03),
    Row(name="limit doubled on the way", kind="learned", changes=("doubled",), share=0.9, refused=0.03),
    Row(name="100 in 300 s, 1,000 creations", kind="learned", creations=True, share=0.95, refused=0.05),
)


@dataclass(kw_only=True)
class Result:
    """What became of a job."""

    took: float
    admitted: int
    requests: int
    allowed: float  # in the long run, in that time
    fastest: float  # seconds in which as many could have been admitted
    customers: int
    waits: list[float] = field(repr=False)  # of the customers that were served

    @property
    def share(self) -> float:
        return min(1.0, self.admitted / self.allowed)

    @property
    def of_fastest(self) -> float:
        return self.fastest / self.took

    @property
    def refused(self) -> float:
        return 1 - self.admitted / self.requests

    @property
    def lost(self) -> int:
        return self.customers - len(self.waits)

    def reaches(self, row: Row) -> bool:
        few = self.requests - self.admitted <= row.or_refused + row.refused * self.requests
        return self.share >= row.share and few and not self.lost


Job: TypeAlias = Callable[[Row, Service, list[float]], Awaitable[object]]
"""Reads a row's customers, or creates for them, and notes how long each took that was served."""


async def ours(row: Row, service: Service, waits: list[float]) -> None:
    """Do the job with the client and `fan_out`."""
    loop = asyncio.get_running_loop()
    clients = make_clients(
        row.kind, service, processes=row.processes, concurrency=row.concurrency, number=row.number, per=row.per
    )

    async def process(client: PartnerCenterClient, customers: Iterable[str]) -> None:
        async def one(customer: str) -> None:
            begun = loop.time()
            if row.creations:
                await client.request("POST", f"customers/{customer}/migrations/newcommerce", dict, body={"quantity": 1})
            else:
                await client.orders.list(customer).collect()
            waits.append(loop.time() - begun)

        async for outcome in fan_out(customers, one, concurrency=row.concurrency):
            if not isinstance(outcome.error, PartnerCenterError | None):
                raise outcome.error
        await client.close()

    await asyncio.gather(*[process(client, names(row, number)) for number, client in enumerate(clients)])


def rival(make: Callable[[], Rival]) -> Job:
    """Return the job as another client does it: so many workers, each of which takes the next customer."""

    async def job(row: Row, service: Service, waits: list[float]) -> None:
        loop = asyncio.get_running_loop()

        async def worker(client: Rival, customers: Iterator[str]) -> None:
            for customer in customers:
                begun = loop.time()
                if await client.call(exchange(service, "POST" if row.creations else "GET", customer)):
                    waits.append(loop.time() - begun)

        async def process(number: int) -> None:
            client, customers = make(), names(row, number)
            await asyncio.gather(*[worker(client, customers) for _ in range(row.concurrency)])

        await asyncio.gather(*[process(number) for number in range(row.processes)])

    return job


def exchange(service: Service, method: str, customer: str) -> Exchange:
    """Return what makes one exchange, for rivals: it tells whether it was refused, and the Retry-After."""

    async def make() -> tuple[bool, float | None]:
        found = await service.exchange(method, f"/v1/customers/{customer}/orders")
        after = found.headers.get("Retry-After")
        return found.status == 429, None if after is None else float(after)

    return make


def names(row: Row, process: int) -> Iterator[str]:
    """Yield the customers of one of the processes."""
    return (f"customer-{number}" for number in range(process, row.customers, row.processes))


JOBS: dict[str, Job] = {"ours": ours, **{name: rival(make) for name, make in RIVALS.items()}}


def play(job: Job, row: Row, make: Callable[[], Limiter], change: Change | None, *, jitter: float) -> Result:
    """Do a row's job once, in virtual time."""
    service = Service(make(), latency=LATENCY, jitter=jitter)
    number, per = service.limiter.number, service.limiter.per
    changed = {None: number, "halved": number // 2, "doubled": number * 2}[change]
    changed_at = row.customers / 3 / (number / per)
    waits: list[float] = []

    async def run() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        timer = loop.call_at(begun + changed_at, lambda: service.limiter.change(changed, loop.time()))
        await job(row, service, waits)
        timer.cancel()
        return loop.time() - begun

    took = run_in_virtual_time(run())
    early = min(took, changed_at)
    return Result(
        took=took,
        admitted=service.requests - service.refused,
        requests=service.requests,
        allowed=(early * number + (took - early) * changed) / per,
        fastest=fastest(make(), service.requests - service.refused, changed_at, changed) + LATENCY,
        customers=row.customers,
        waits=waits,
    )


def fastest(limiter: Limiter, requests: int, changed_at: float, changed: int) -> float:
    """Return the time at which the last of so many requests is admitted if each comes when it can be."""
    now = 0.0
    for _ in range(requests):
        while wait := limiter.wait(now):
            if limiter.number != changed and now + wait > changed_at:
                now = max(now, changed_at)
                limiter.change(changed, now)
            else:
                now += wait
        limiter.take(now)
    return now


def runs(job: Job, row: Row, bursts: Sequence[int], *, seeds: int, jitter: float) -> Iterator[tuple[str, Result]]:
    """Play a row by each limiter."""
    for name, make in row.limiters(bursts):
        for change in row.changes:
            for seed in range(seeds):
                random.seed(seed)
                yield f"{name}, seed {seed}", play(job, row, make, change, jitter=jitter)


HEAD = (
    "| | {name} | share | of the fastest | refused | lost | mean | longest | goal | |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---|---|"
)


def line(name: str, what: str, results: Sequence[Result], row: Row) -> str:
    """Return the worst of some runs as a line of the table."""
    share, of_fastest = min(each.share for each in results), min(each.of_fastest for each in results)
    refused, lost = max(each.refused for each in results), max(each.lost for each in results)
    means = [sum(each.waits) / len(each.waits) for each in results if each.waits]
    longest = [max(each.waits) for each in results if each.waits]
    verdict = "reached" if all(each.reaches(row) for each in results) else "missed"
    return (
        f"| {name} | {what} | {floor(share)} | {floor(of_fastest)} | {ceil(refused * 100)} % | {lost:,} "
        f"| {max(means, default=math.inf):.1f} s | {max(longest, default=math.inf):.0f} s | {row.goal} | {verdict} |"
    )


def floor(number: float) -> str:
    return f"{math.floor(number * 1000) / 1000:.3f}"


def ceil(number: float) -> str:
    return f"{math.ceil(number * 100) / 100:.2f}"


def main() -> int:
    """Print the table; the exit code is 1 where ours misses a goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1, help="how many times each run is played, the worst is shown")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the rows whose name has this text")
    parser.add_argument("--by", default="", metavar="TEXT", help="only the limiters whose name has this text")
    parser.add_argument("--client", default="ours", choices=[*JOBS, "all"], help="who plays")
    parser.add_argument("--jitter", type=float, default=0.0, help="the part by which the latency varies, such as 0.5")
    parser.add_argument("--burst", type=int, action="append", help="a bucket of so many tokens, 10 where none is given")
    parser.add_argument("--each", action="store_true", help="a line for each run, too")
    given = parser.parse_args()
    missed = False
    print(HEAD.format(name="by"), flush=True)
    for row in ROWS:
        if given.only not in row.name:
            continue
        for client, job in JOBS.items():
            if given.client not in (client, "all") or (client != "ours" and row.kind != "learned"):
                continue  # others can be told of no rate, and play the rows with one as those without
            results: list[Result] = []
            for name, result in runs(job, row, given.burst or [10], seeds=given.seeds, jitter=given.jitter):
                if given.by in name:
                    results.append(result)
                    if given.each:
                        print(line(row.name, f"{client}, {name}", [result], row), flush=True)
            missed |= client == "ours" and not all(each.reaches(row) for each in results)
            print(line(row.name, client, results, row), flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
