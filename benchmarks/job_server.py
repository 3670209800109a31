"""The other side of the job: a partner with many customers, some of whom fail for good, and faults for all others.

Prints its environment as one line of JSON. Each line on stdin is answered with what was seen so far, "again" begins the
peaks anew behind that; the end of stdin ends the server.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from aiohttp import web

from partnercenter_async.emulator import (
    Action,
    Answer,
    BrokenChunk,
    CutBody,
    DataSet,
    DropAfter,
    DropBefore,
    Emulator,
    ExpireToken,
    ThrottleCustomer,
    WrongLength,
    service_error,
)
from partnercenter_async.emulator.faults import Script

PAGE = 4
CUSTOMERS_PAGE = 500
LATENCY = 0.02  # seconds: without it, hardly more than one request would be under way at the server
SHARE = 0.05  # of the requests for orders
IN_A_ROW = 2  # faults that a page meets at most: the client makes three tries
ACTIONS: Sequence[tuple[Action, int]] = [
    (service_error(500, 800003, "Not now."), 6),
    (service_error(503, 800003, "Not now."), 6),
    (DropBefore(), 3),
    (DropAfter(), 3),
    (CutBody(), 3),
    (WrongLength(), 2),
    (BrokenChunk(), 1),
]
# Dear, since all customers wait with one (three throttled ones close the partner's lane, an expired token is
# everybody's), and so at requests of these numbers: first, then each so many.
THROTTLED = 50, 2000
EXPIRED = 100, 5000


def data_set(customers: int, seed: int) -> DataSet:
    """Return what is served, the same for both sides."""
    return DataSet(oddities=True, customers=customers, orders_per_customer=(0, 12), seed=seed)


def failing(data: DataSet) -> dict[str, Answer]:
    """Return the customers that fail for good, one of a hundred, and how: 403 and 500 by turns."""
    chosen = random.Random(data.generation.seed).sample(range(len(data)), max(1, len(data) // 100))
    answers = service_error(403, 2000, "The relationship has ended."), service_error(500, 800003, "Never.")
    return {data.customer_id(index): answers[number % 2] for number, index in enumerate(sorted(chosen))}


class Faults(Script):
    """What happens to requests for orders."""

    def __init__(self, lost: Mapping[str, Action], seed: int) -> None:
        """Take the customers that fail for good."""
        super().__init__(())
        self.asked = 0
        self.met = Counter[str]()
        self._lost = lost
        self._in_a_row = Counter[str]()
        self._chance = random.Random(seed)

    def next_action(self, operation: str, customer_id: str | None, method: str) -> Action | None:
        """Return the fault of a request, if it meets one."""
        del method
        if operation != "orders.list" or customer_id is None:
            return None
        if customer_id in self._lost:
            return self._lost[customer_id]
        self.asked += 1
        action = self._draw() if self._in_a_row[customer_id] < IN_A_ROW else None
        if action is not None:
            self._in_a_row[customer_id] += 1
            self.met[f"{type(action).__name__} {action.status if isinstance(action, Answer) else ''}".strip()] += 1
        return action

    def answered(self, customer_id: str) -> None:
        """Take note of a page that was answered well."""
        del self._in_a_row[customer_id]

    def _draw(self) -> Action | None:
        for (first, step), rare in ((THROTTLED, ThrottleCustomer(1.0)), (EXPIRED, ExpireToken())):
            if self.asked % step == first:
                return rare
        if self._chance.random() >= SHARE:
            return None
        return self._chance.choices(*zip(*ACTIONS, strict=True))[0]


class Partner(Emulator):
    """An emulator that is as far away as a service is, and counts what it has in hand.

    A request for the API is under way from when its head and body have arrived until its answer is handed to the
    socket.
    """

    def __init__(self, data: DataSet) -> None:
        """Take what is served."""
        super().__init__(
            data, page_size=PAGE, customers_page_size=CUSTOMERS_PAGE, link_style="mixed", keep_requests=False
        )
        self._script = self.faults = Faults(failing(data), data.generation.seed)
        self.pages = 0
        self.under_way = 0
        self.most_under_way = 0
        self.most_connections = 0

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if "/oauth2/" in request.path:
            return await super()._handle(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.most_connections = max(self.most_connections, self.open_connections)
        try:
            await asyncio.sleep(LATENCY)
            response = await super()._handle(request)
        finally:
            self.under_way -= 1
        *_, customer_id, last = request.path.split("/")
        whole = isinstance(response, web.Response) and response.status == 200
        if last == "orders" and whole and request.transport is not None and not request.transport.is_closing():
            self.pages += 1
            self.faults.answered(customer_id)
        return response

    def seen(self) -> dict[str, object]:
        """Return what was seen."""
        return {
            "requests": self.count(),
            "requests for orders": self.faults.asked,
            "pages": self.pages,
            "connections": self.open_connections,
            "most in flight": self.most_under_way,
            "most connections": self.most_connections,
            "faults": dict(self.faults.met.most_common()),
        }

    def begin_again(self) -> None:
        """Measure the peaks of another run."""
        self.most_under_way = self.under_way
        self.most_connections = self.open_connections


async def serve(customers: int, seed: int) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    async with Partner(data_set(customers, seed)) as partner:
        print(json.dumps(partner.environment()), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(partner.seen()), flush=True)
            if line.strip() == "again":
                partner.begin_again()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
