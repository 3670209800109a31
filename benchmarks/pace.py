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

Two more tables follow. "Waiting under 429" is what a call costs that waits in a closed lane and then goes at the pace,
among few and among many. The ratio is of the last to the first, without Python's garbage collector, which walks all
that is alive, whoever made it; with it the ratio is beside.

"Interactive calls beside a full job" is how long a call waits, without the latency, that somebody wants answered while
the job of the first rows goes on; about one comes in a second, at random. A learned pace meets 429s, and nobody may
pass a lane that they close. So "elsewhere" leaves out the calls that came or waited while the service took nothing, and
those that found them still waiting.
"""

import argparse
import asyncio
import gc
import math
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeAlias

from benchmarks.pace_rivals import RIVALS, Exchange, Rival
from partnercenter_async import Cloud, PartnerCenterClient, PartnerCenterError, Rate, Service, fan_out
from partnercenter_async.emulator import FixedWindow, Limit, Limiter, SlidingWindow, TokenBucket
from partnercenter_async.emulator.limits import Limits
from partnercenter_async.testing import FakeCredential, RawResponse, Request, answer, run_in_virtual_time

LATENCY = 0.2  # seconds, half of them before a request is counted
CLOUD = Cloud(api=Service("https://api.example.com", "x/.default"), authority="https://login.example.com")
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
        self.barred: list[tuple[float, float]] = []  # when a request was refused, and when the next may come
        self._limits = Limits([Limit(limiter)])
        self._latency = latency
        self._jitter = jitter

    async def exchange(self, method: str, path: str) -> RawResponse:
        await self._way()
        self.requests += 1
        now = asyncio.get_running_loop().time()
        refusal = self._limits.take(now, method=method, path=path)
        if refusal is not None:
            self.refused += 1
            # A client hears of it later, and waits up to half a second more for the probe, and for its answer.
            self.barred.append((now, now + float(dict(refusal.headers)["Retry-After"]) + 0.5 + 2 * self._latency))
        await self._way()
        if refusal is None:
            return answer({"id": "o"} if method == "POST" else {"totalCount": 1, "items": [{"id": "o"}]})
        return answer(status=refusal.status, headers=dict(refusal.headers), body=refusal.encoded())

    async def _way(self) -> None:
        await asyncio.sleep(self._latency / 2 * (1 + random.uniform(-self._jitter, self._jitter)))

    async def send(self, request: Request, /) -> RawResponse:
        return await self.exchange(request.method, request.url.removeprefix(CLOUD.api.endpoint))

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

    def limiters(self, bursts: Sequence[int], by: str = "") -> Iterator[tuple[str, Callable[[], Limiter]]]:
        """Yield the limiters that have a text in their names, and what makes each.

        There are buckets of so many tokens, and one of the limit's number.
        """
        for counting in (False, True):
            refused = ", refused count" * counting
            for kind in (FixedWindow, SlidingWindow):
                name = ("fixed window" if kind is FixedWindow else "sliding window") + refused
                if by in name:
                    yield name, lambda k=kind, c=counting: k(self.number, per=self.per, counts_refused=c)
            for burst in (*bursts, self.number):
                name = f"bucket of {burst}{refused}"
                if by in name:
                    yield (
                        name,
                        lambda b=burst, c=counting: TokenBucket(self.number, per=self.per, burst=b, counts_refused=c),
                    )


ROWS = (
    Row(name="declared, 32 at once", kind="declared", share=0.97, refused=0.001),
    Row(name="declared, 256 at once", kind="declared", concurrency=256, share=0.97, refused=0.001),
    Row(name="learned, 32 at once", kind="learned", share=0.97, refused=0.01),
    Row(name="learned, 256 at once", kind="learned", concurrency=256, share=0.97, refused=0.01, or_refused=256),
    Row(name="four processes, declared and shared", kind="shared", processes=4, share=0.95, refused=0.005),
    Row(name="four processes, learned, not shared", kind="learned", processes=4, share=0.9, refused=0.03),
    Row(name="the same, eight at once each", kind="learned", concurrency=8, processes=4, share=0.9, refused=0.03),
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


def runs(
    job: Job, row: Row, bursts: Sequence[int], by: str, *, seeds: int, jitter: float
) -> Iterator[tuple[str, Result]]:
    """Play a row by each limiter that has a text in its name."""
    for name, make in row.limiters(bursts, by):
        for change in row.changes:
            for seed in range(seeds):
                random.seed(seed)
                yield f"{name}, seed {seed}", play(job, row, make, change, jitter=jitter)


# What waiting costs, and how long a call waits that somebody wants answered

WAITING = (1000, 10_000, 30_000)  # calls at once
WAITING_GOAL = 1.3  # times the cost of a call among the first of these, for one among the last
PLACES = ("one customer's lane", "many customers, the partner's lane")
BESIDE_GOAL = 3.0  # mean spacings


def waiting_cost(calls: int, place: str, *, collector: bool) -> float:
    """Return the microseconds of CPU that a call costs which waits in a closed lane and then goes at the pace.

    A first request is refused and closes the lane for a minute. All others come then and stand behind it; when it has
    opened, a declared pace lets them go one by one.
    """
    refused = answer(status=429, headers={"Retry-After": "60"}, body=b"{}")
    page = answer({"totalCount": 1, "items": [{"id": "o"}]})

    class Barred:
        async def send(self, request: Request, /) -> RawResponse:
            del request
            await asyncio.sleep(LATENCY)
            return page if asyncio.get_running_loop().time() > 1 else refused

        async def close(self) -> None:
            pass

    async def run() -> float:
        client = PartnerCenterClient(
            FakeCredential(lifetime=1e9), cloud=CLOUD, transport=Barred(), rate=Rate(calls, 600), deadline=None
        )
        own = place == PLACES[0]
        first = asyncio.create_task(client.request("GET", "customers/c/orders" if own else "invoices"))
        await asyncio.sleep(1)  # it was refused by now
        begun = time.process_time()
        await asyncio.gather(
            *[client.request("GET", f"customers/{'c' if own else number}/orders") for number in range(calls)]
        )
        took = time.process_time() - begun
        await first
        await client.close()
        return took / calls * 1e6

    gc.collect()
    if not collector:
        gc.disable()
    try:
        return run_in_virtual_time(run())
    finally:
        gc.enable()


def beside(kind: Kind, make: Callable[[], Limiter], *, every: float) -> tuple[list[float], list[float], int]:
    """Return what interactive calls waited beside a full job: all, and those elsewhere; and how many were lost."""
    service = Service(make(), latency=LATENCY, jitter=0.0)
    row = next(each for each in ROWS if each.kind == kind)
    calls: list[tuple[float, float]] = []  # from when until when
    lost = 0

    async def run() -> None:
        nonlocal lost
        loop = asyncio.get_running_loop()
        (client,) = make_clients(
            kind, service, processes=1, concurrency=row.concurrency, number=row.number, per=row.per
        )

        async def one(customer: str) -> None:
            await client.orders.list(customer).collect()

        async def interactive(number: int) -> None:
            nonlocal lost
            begun = loop.time()
            try:
                await client.orders.list(f"shown-{number}").collect()
                calls.append((begun, loop.time()))
            except PartnerCenterError:
                lost += 1

        async def visitors() -> None:
            async with asyncio.TaskGroup() as tasks:
                for number in count():
                    await asyncio.sleep(random.expovariate(1 / every))
                    tasks.create_task(interactive(number))

        shown = asyncio.create_task(visitors())
        async for outcome in fan_out(names(row, 0), one, concurrency=row.concurrency):
            if outcome.error is not None:
                raise outcome.error
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)
        await client.close()

    run_in_virtual_time(run())
    barred = [
        (since, max((ended for begun, ended in calls if begun <= until and ended >= since), default=until))
        for since, until in service.barred
    ]
    elsewhere = [
        ended - begun - LATENCY
        for begun, ended in calls
        if not any(since <= ended and begun <= until for since, until in barred)
    ]
    return [ended - begun - LATENCY for begun, ended in calls], elsewhere, lost


def percentile(numbers: Sequence[float], part: float) -> float:
    """Return the number that so large a part of them does not exceed."""
    return sorted(numbers)[min(len(numbers) - 1, math.ceil(part * len(numbers)) - 1)]


def waiting(rounds: int) -> bool:
    """Print what waiting costs; tells whether a goal was missed."""
    missed = False
    numbers = " | ".join(f"{each:,}" for each in WAITING)
    print(f"\n| waiting under 429, us of CPU a call | {numbers} | ratio | goal | | with the collector |")
    print("|---|" + "---:|" * (len(WAITING) + 2) + "---|---:|")
    for place in PLACES:
        found = {True: [waiting_costs(place, collector=True) for _ in range(rounds)], False: []}
        found[False] = [waiting_costs(place, collector=False) for _ in range(rounds)]
        ratios = {each: statistics.median(costs[-1] / costs[0] for costs in found[each]) for each in found}
        missed |= ratios[False] > WAITING_GOAL
        costs = " | ".join(f"{statistics.median(each):.0f}" for each in zip(*found[False], strict=True))
        verdict = "missed" if ratios[False] > WAITING_GOAL else "reached"
        print(
            f"| {place} | {costs} | {ratios[False]:.2f} | {WAITING_GOAL} | {verdict} | {ratios[True]:.2f} |", flush=True
        )
    return missed


def waiting_costs(place: str, *, collector: bool) -> list[float]:
    """Return the cost of a call for each number of calls, measured over as many of them."""
    return [
        statistics.fmean(waiting_cost(each, place, collector=collector) for _ in range(WAITING[-1] // each))
        for each in WAITING
    ]


def latency(bursts: Sequence[int], by: str, *, seeds: int) -> bool:
    """Print what interactive calls wait beside a full job; tells whether a goal was missed."""
    missed = False
    print(
        "\n| interactive calls beside a full job | p50 | p99 | longest | p99 in spacings | elsewhere | lost | goal | |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---|---|")
    for kind in ("declared", "learned"):
        row = next(each for each in ROWS if each.kind == kind)
        for name, make in row.limiters(bursts, by):
            waits: list[float] = []
            elsewhere: list[float] = []
            lost = 0
            for seed in range(seeds):
                random.seed(seed)
                found = beside(kind, make, every=1.0)
                waits, elsewhere, lost = waits + found[0], elsewhere + found[1], lost + found[2]
            spacing = row.per / row.number
            late, rest = percentile(waits, 0.99) / spacing, percentile(elsewhere, 0.99) / spacing
            bad = rest > BESIDE_GOAL or lost > 0
            missed |= bad
            verdict = "missed" if bad else "reached" if late <= BESIDE_GOAL else "reached elsewhere"
            print(
                f"| {kind}, {name} | {percentile(waits, 0.5):.2f} s | {late * spacing:.2f} s | {max(waits):.1f} s "
                f"| {ceil(late)} | {ceil(rest)} | {lost} | {BESIDE_GOAL:g} | {verdict} |",
                flush=True,
            )
    return missed


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
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often the cost of waiting is measured; the median counts"
    )
    parser.add_argument("--each", action="store_true", help="a line for each run, too")
    given = parser.parse_args()
    missed = False
    rows = [row for row in ROWS if given.only in row.name]
    if rows:
        print(HEAD.format(name="by"), flush=True)
    for row in rows:
        for client, job in JOBS.items():
            if given.client not in (client, "all") or (client != "ours" and row.kind != "learned"):
                continue  # others can be told of no rate, and play the rows with one as those without
            results: list[Result] = []
            for name, result in runs(job, row, given.burst or [10], given.by, seeds=given.seeds, jitter=given.jitter):
                results.append(result)
                if given.each:
                    print(line(row.name, f"{client}, {name}", [result], row), flush=True)
            if not results:
                continue  # a row of another limit has buckets of another number
            missed |= client == "ours" and not all(each.reaches(row) for each in results)
            print(line(row.name, client, results, row), flush=True)
    if given.client in ("ours", "all"):
        if given.only in "waiting under 429":
            missed |= waiting(given.rounds)
        if given.only in "interactive calls beside a full job":
            missed |= latency(given.burst or [10], given.by, seeds=given.seeds)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
