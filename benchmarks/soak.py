"""``python -m benchmarks.soak --minutes 10``: a mixed load under faults, and what it lost, repeated or left behind.

One client in one event loop, over TLS and with real sign-ins, against an emulator in a process of its own that fails
in another way every second and whose tokens last a minute. Single calls with deadlines, of which one in ten is
cancelled, run beside fan-outs over all customers, walks that are broken off and resumed, writes, and clients that come
and go. Each walk is compared with the data set. The exit code is 1 if an order was lost or repeated, a write was
repeated, an error was none of the package's, or a task, a socket or memory was left behind.
"""

import argparse
import asyncio
import ctypes
import gc
import json
import os
import random
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from azure.identity.aio import ClientSecretCredential

from benchmarks.process import Server
from benchmarks.soak_server import TOKEN_LIFETIME, data_set
from partnercenter_async import (
    Attempt,
    Cloud,
    Customer,
    PartnerCenterClient,
    PartnerCenterError,
    RefreshTokenCredential,
    RetryPolicy,
    fan_out,
)

RETRY = RetryPolicy(first_wait=0.02, longest_wait=0.2)
STEEPEST = 0.5  # MB a minute that the memory may grow by, at rest; judged in runs of five minutes or more


@dataclass(slots=True)
class Tally:
    """What happened."""

    calls: int = 0
    succeeded: int = 0
    cancelled: int = 0
    orders: int = 0
    walks: int = 0
    resumed: int = 0
    lost: int = 0
    repeated: int = 0
    errors: Counter[str] = field(default_factory=Counter[str])
    retries: Counter[str] = field(default_factory=Counter[str])
    foreign: list[str] = field(default_factory=list[str])  # errors that are none of the package's

    def retried(self, attempt: Attempt) -> None:
        """Count a retry."""
        self.retries[str(attempt.status or attempt.error)] += 1

    async def made(self, call: Awaitable[object]) -> bool:
        """Await a call and count what became of it."""
        self.calls += 1
        try:
            await call
        except PartnerCenterError as error:
            self.errors[type(error).__name__] += 1
            return False
        self.succeeded += 1
        return True


class Load:
    """The kinds of work, each of which goes round until it is stopped."""

    def __init__(self, app: PartnerCenterClient, user: PartnerCenterClient, seed: int, tally: Tally) -> None:
        """Take the two views of the client."""
        self.app = app
        self.user = user
        self.tally = tally
        self.chance = random.Random(seed)
        data = data_set(seed)
        self.truth = {each: [str(order["id"]) for order in data.orders(each)] for each in data.customer_ids()}
        self.migrations = {each: [str(found["id"]) for found in data.migrations(each)] for each in self.truth}
        self.customers = [each for each, orders in self.truth.items() if orders and self.migrations[each]]

    async def backend(self) -> None:
        """Make single calls, one in ten of which is cancelled soon."""
        customer = self.chance.choice(self.customers)
        order = self.chance.choice(self.truth[customer])
        migration = self.chance.choice(self.migrations[customer])
        call: Awaitable[object] = self.chance.choice(
            [
                lambda: self.app.orders.get(customer, order, deadline=5),
                lambda: self.app.customers.get(customer, deadline=5),
                lambda: self.user.orders.provisioning_status(customer, order, deadline=5).collect(),
                lambda: self.app.migrations.events(customer, migration_id=migration, deadline=5).collect(),
            ]
        )()
        task = asyncio.ensure_future(self.tally.made(call))
        if self.chance.random() < 0.1:
            await asyncio.sleep(self.chance.random() * 0.02)
            self.tally.cancelled += task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def job(self) -> None:
        """Walk through the orders of all customers; a walk that breaks off goes on until it is whole."""

        async def orders_of(customer: Customer) -> None:
            await self.walk(customer.id, break_off=0.0)

        seen = 0
        try:
            async for outcome in fan_out(self.app.customers.list(), orders_of, concurrency=16):
                seen += 1
                if outcome.error is not None:
                    raise outcome.error
        except PartnerCenterError as error:
            self.tally.errors[type(error).__name__] += 1
        else:
            self.tally.lost += abs(seen - len(self.truth))

    async def resume(self) -> None:
        """Walk through the orders of one customer with breaks of its own."""
        await self.walk(self.chance.choice(self.customers), break_off=0.3)

    async def walk(self, customer: str, *, break_off: float) -> None:
        """Read all orders of a customer and compare them."""
        found: list[str] = []
        continuation: str | None = None
        whole = False
        while not whole:
            self.tally.calls += 1
            whole = True
            try:
                async for page in self.app.orders.list(customer, include_price=True).pages(continuation=continuation):
                    found.extend(order.id for order in page.items)
                    continuation = page.continuation
                    if self.chance.random() < break_off:
                        whole = False
                        break
            except PartnerCenterError as error:
                self.tally.errors[type(error).__name__] += 1
                whole, continuation = False, error.continuation
                await asyncio.sleep(0.05)
            else:
                self.tally.succeeded += 1
            self.tally.resumed += not whole
        times, truth = Counter(found), self.truth[customer]
        self.tally.walks += 1
        self.tally.orders += len(found)
        self.tally.lost += len(set(truth) - set(found)) + (found != truth and set(found) == set(truth))
        self.tally.repeated += sum(number - 1 for number in times.values())

    async def write(self) -> None:
        """Send something that must not be sent twice."""
        await self.tally.made(self.app.request("POST", "echo", dict, body={"quantity": 1}))

    async def churn(self, make: Callable[[], PartnerCenterClient]) -> None:
        """Make a client, call, and close it, sometimes under the call."""
        client = make()
        task = asyncio.ensure_future(self.tally.made(client.customers.get(self.chance.choice(self.customers))))
        await asyncio.sleep(self.chance.random() * 0.02)
        if self.chance.random() < 0.5:
            await task
        await client.close()
        await task
        await asyncio.sleep(0.2)


def memory() -> float:
    """Return the resident memory in MB, where the system tells it, without what is free and merely not given back."""
    gc.collect()
    c_library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(c_library, "malloc_trim"):
        c_library.malloc_trim(0)
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if status.exists() else 0.0


def descriptors() -> int:
    """Count the open files and sockets, where the system tells them."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def soak(minutes: float, seed: int, server: Server, tally: Tally) -> dict[str, object]:
    """Drive the load, then return what was left behind and what the server saw.

    What is in use comes and goes with the connections, a third of a megabyte each; azure-identity makes one for each
    token. So memory is compared at rest: after a fifth of the time, and at the end, all being closed.
    """
    tasks_before, files_before = len(asyncio.all_tasks()), descriptors()

    async def rest() -> float:
        until = time.monotonic() + 10
        while descriptors() > files_before and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells of a close
            await asyncio.sleep(0.1)
        return memory()

    await stage(minutes / 5, seed, server, tally)
    warm = await rest()
    await stage(minutes * 4 / 5, seed, server, tally)
    server.ask("calm")
    grown = await rest() - warm
    return {
        **server.ask(),
        "tasks left": len(asyncio.all_tasks()) - tasks_before,
        "descriptors left": descriptors() - files_before,
        "memory at rest, MB": round(warm + grown, 1),
        "memory, MB a minute": round(grown / (minutes * 4 / 5), 2),
    }


async def stage(minutes: float, seed: int, server: Server, tally: Tally) -> None:
    """Drive the load with credentials and a client that live from the beginning to the end of it."""
    names = server.environment
    trusted = ssl.create_default_context(cafile=names["SSL_CERT_FILE"])
    cloud = Cloud.GLOBAL.at(names["PARTNER_CENTER_ENDPOINT"], authority=names["AZURE_AUTHORITY_HOST"])
    ids = names["AZURE_TENANT_ID"], names["AZURE_CLIENT_ID"]
    secret, authority = names["AZURE_CLIENT_SECRET"], names["AZURE_AUTHORITY_HOST"]
    app = ClientSecretCredential(*ids, secret, authority=authority, connection_verify=names["SSL_CERT_FILE"])
    user = RefreshTokenCredential(
        *ids,
        names["PARTNER_CENTER_REFRESH_TOKEN"],
        client_secret=secret,
        authority=authority,
        ssl_context=trusted,
    )

    def make() -> PartnerCenterClient:
        return PartnerCenterClient(app, cloud=cloud, ssl_context=trusted, retry=RETRY, on_retry=tally.retried)

    async with app, user, make() as client:
        load = Load(client, client.with_options(credential=user), seed, tally)
        ends = time.monotonic() + minutes * 60

        async def repeat(work: Callable[[], Awaitable[None]]) -> None:
            nonlocal ends
            while time.monotonic() < ends:
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - any that is none of the package's is a finding
                    ends = 0.0
                    tally.foreign.append(f"not one of the package's errors: {error!r}"[:500])

        async def report() -> None:
            last = time.monotonic()
            while time.monotonic() < ends:
                await asyncio.sleep(min(1.0, max(0.0, ends - time.monotonic())))
                now = time.monotonic()
                if now - last >= 5:
                    last = now
                    print(f"{ends - now:5.0f} s left  {summary(tally)}", file=sys.stderr, flush=True)

        works = [load.backend] * 8 + [load.job] * 2 + [load.resume] * 4 + [load.write] * 2 + [lambda: load.churn(make)]
        await asyncio.gather(report(), *(repeat(work) for work in works))


def summary(tally: Tally) -> str:
    """Return one line."""
    return (
        f"{tally.calls} calls, {sum(tally.errors.values())} errors, {sum(tally.retries.values())} retries,"
        f" {tally.orders} orders, {tally.lost} lost, {tally.repeated} repeated, {memory():.0f} MB"
    )


def problems(tally: Tally, left: dict[str, object], minutes: float) -> list[str]:
    """Return what must not be."""
    counts: dict[str, object] = {"orders lost": tally.lost, "orders repeated": tally.repeated}
    counts |= {name: left[name] for name in ("repeated writes", "connections", "tasks left", "descriptors left")}
    found = [*tally.foreign, *(f"{number} {name}" for name, number in counts.items() if number)]
    growth = left["memory, MB a minute"]
    if minutes >= 5 and isinstance(growth, float) and growth > STEEPEST:
        found.append(f"memory grew by {growth:.2f} MB a minute")
    return found


def main() -> int:
    """Run, report, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", action="append", default=[], help="one of the emulator's, such as 600/60")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    given = parser.parse_args()
    tally = Tally()
    server = Server("benchmarks.soak_server", given.seed, *given.limit)
    begun = time.monotonic()
    try:
        left = asyncio.run(soak(given.minutes, given.seed, server, tally))
    finally:
        server.close()
    seconds = time.monotonic() - begun
    figures: dict[str, object] = {
        "minutes": round(seconds / 60, 2),
        "token lifetime, s": TOKEN_LIFETIME,
        "calls": tally.calls,
        "calls a second": round(tally.calls / seconds),
        "succeeded": tally.succeeded,
        "cancelled": tally.cancelled,
        "errors": dict(tally.errors.most_common()),
        "retries": dict(tally.retries.most_common()),
        "walks": tally.walks,
        "resumed": tally.resumed,
        "orders": tally.orders,
        "orders lost": tally.lost,
        "orders repeated": tally.repeated,
        **left,
    }
    for name, value in figures.items():
        shown = ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else value
        print(f"{name + ':':22} {shown:.2f}" if isinstance(shown, float) else f"{name + ':':22} {shown}")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    found = problems(tally, left, given.minutes)
    print("\n".join(found) if found else "nothing lost, nothing repeated, nothing left behind")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
