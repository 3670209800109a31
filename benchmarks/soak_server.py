"""The other side of the soak: an emulator with faults that change every second, and a watch over repeated writes.

Prints its environment as one line of JSON. Each line on stdin is answered with what was seen so far; the end of stdin
ends the server.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence

from partnercenter_async.cli.serve import parse_limit
from partnercenter_async.emulator import (
    Action,
    BrokenChunk,
    CloseAfter,
    CutBody,
    DataSet,
    Delay,
    DropAfter,
    DropBefore,
    DuplicateHeaders,
    Emulator,
    ExpireToken,
    Fault,
    Gzip,
    ThrottleCustomer,
    ThrottlePartner,
    WrongLength,
    gateway_throttle,
    service_error,
)

CUSTOMERS = 120
TOKEN_LIFETIME = 60.0
ACTIONS: Sequence[Action] = [
    *[service_error(status, 800003, "Not now.") for status in (500, 502, 503, 504)],
    gateway_throttle(0),
    ThrottleCustomer(0.2, retry_after="1"),
    DropBefore(),
    DropAfter(),
    CutBody(),
    BrokenChunk(),
    WrongLength(),
    CloseAfter(),
    Delay(0.05),
    Delay(0.5),
    ExpireToken(),
    Gzip(),
    DuplicateHeaders(),
]
OPERATIONS: Sequence[str | None] = [
    "customers.list",
    "orders.list",
    "orders.get",
    "orders.provisioning_status",
    "migrations.events",
    "other",
    None,
]


def data_set(seed: int) -> DataSet:
    """Return what is served, the same for both sides."""
    return DataSet(oddities=True, customers=CUSTOMERS, orders_per_customer=(0, 25), seed=seed)


def script(chance: random.Random) -> list[Fault]:
    """Return the faults of one second."""
    faults = [
        Fault(chance.choice(ACTIONS), operation=chance.choice(OPERATIONS), every=chance.randrange(15, 60))
        for _ in range(chance.randrange(6))
    ]
    if chance.random() < 0.1:
        token = chance.choice([Delay(0.5), service_error(503, 1, "No tokens now.")])
        faults.append(Fault(token, operation="token", times=chance.randrange(1, 4)))
    if chance.random() < 0.02:
        faults.append(Fault(ThrottlePartner(0.5, retry_after="1"), operation="orders.list"))
    return faults


class Watch:
    """Counts how often a write arrived that may have been carried out."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._writes: Counter[str] = Counter()

    def look(self, *, settled: float = 2.0) -> None:
        """Go through what arrived at least so many seconds ago, by when its status is known, and forget it."""
        before = asyncio.get_running_loop().time() - settled
        arrived = self._emulator.requests
        count = next((number for number, each in enumerate(arrived) if each.time > before), len(arrived))
        for each in arrived[:count]:
            if each.method == "POST" and each.operation == "other" and each.status not in {401, 429}:
                self._writes[each.headers["MS-RequestId"]] += 1
        del arrived[:count]

    def seen(self) -> dict[str, int]:
        """Return what was seen."""
        return {
            "requests": self._emulator.count(),
            "token requests": self._emulator.count("token"),
            "writes": len(self._writes),
            "repeated writes": sum(number > 1 for number in self._writes.values()),
            "connections": self._emulator.open_connections,
        }


async def serve(seed: int, limits: Sequence[str]) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    chance = random.Random(seed)
    async with Emulator(
        data_set(seed),
        page_size=4,
        customers_page_size=25,
        link_style="mixed",
        token_lifetime=TOKEN_LIFETIME,
        rotate_refresh_token=True,
        limits=[parse_limit(text) for text in limits],
    ) as emulator:
        watch = Watch(emulator)

        async def misbehave() -> None:
            while True:
                emulator.clear_faults()
                for fault in script(chance):
                    emulator.inject(fault)
                await asyncio.sleep(1.0)
                watch.look()

        print(json.dumps(emulator.environment()), flush=True)
        misbehaving = asyncio.create_task(misbehave())
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip() == "calm":
                misbehaving.cancel()
                emulator.clear_faults()
                watch.look(settled=0.0)
            print(json.dumps(watch.seen()), flush=True)
        misbehaving.cancel()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2:]))
