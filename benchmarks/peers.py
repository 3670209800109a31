"""What is measured, and those that matter most: what a careful person writes by hand, and this client.

The others stand in ``peer_*.py``, each as its own documentation would have it written.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

from benchmarks.client import client
from benchmarks.plain import DecimalPage, ExactPage, HeadPage, Page, Statuses, bare, day_of_text, full, thin
from partnercenter_async import OrderStatus, Timestamp
from partnercenter_async.testing import FakeCredential

CONNECTIONS = 256


class Peer(Protocol):
    """A client at work; each method returns a checksum of what was read.

    Some walk without prices too (``bare``), or read no more than the head of each order (``head``).
    """

    async def full(self, customer: str) -> int:
        """Walk all orders with their prices: every price, link, date and free-form object."""
        ...

    async def small(self) -> int:
        """Fetch one small provisioning status."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class ByHand:
    """aiohttp and msgspec: no signing, no ids, no retries, money as floats, dates as msgspec reads them."""

    page: type[Any] = Page
    read_full: Callable[[object], int] = staticmethod(full)
    read_bare: Callable[[object], int] = staticmethod(bare)

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS))
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self.page)
        self._statuses = msgspec.json.Decoder(Statuses)

    async def full(self, customer: str) -> int:
        """Walk fully."""
        return await self._walk(f"/customers/{customer}/orders?include_price=true", self.read_full, self._page)

    async def bare(self, customer: str) -> int:
        """Walk without prices."""
        return await self._walk(f"/customers/{customer}/orders", self.read_bare, self._page)

    async def head(self, customer: str) -> int:
        """Walk thinly, which takes the same structs."""
        return await self._walk(f"/customers/{customer}/orders?include_price=true", thin, self._page)

    async def _walk(self, path: str, read: Callable[[object], int], decoder: "msgspec.json.Decoder[Any]") -> int:
        total, headers = 0, dict[str, str]()
        while True:
            url = URL(self._base + path, encoded=True)
            async with self._session.get(url, headers=self._headers(headers)) as answer:
                page = decoder.decode(await answer.read())
            for order in page.items:
                total += read(order)
            if page.links is None or page.links.next is None:
                return total
            path = page.links.next.uri
            headers = {each.key: each.value for each in page.links.next.headers}

    async def small(self) -> int:
        """Fetch one."""
        url = f"{self._base}/customers/c/orders/o/provisioningstatus"
        async with self._session.get(url, headers=self._headers({})) as answer:
            statuses = self._statuses.decode(await answer.read())
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    def _headers(self, given: Mapping[str, str]) -> Mapping[str, str]:
        return given

    async def close(self) -> None:
        """End."""
        await self._session.close()


class BySameWork(ByHand):
    """By hand what this client does to lose nothing: money as Decimal, dates cut and with a zone, two ids a request."""

    page = ExactPage
    read_full = staticmethod(partial(full, day=day_of_text))
    read_bare = staticmethod(partial(bare, day=day_of_text))

    def _headers(self, given: Mapping[str, str]) -> Mapping[str, str]:
        return {"MS-RequestId": str(uuid4()), "MS-CorrelationId": str(uuid4()), **given}


class ByDecimal(BySameWork):
    """By hand money as Decimal and two ids a request, but dates as msgspec reads them: rounded, and naive at times."""

    page = DecimalPage
    read_full = staticmethod(full)


class ByHandInto(ByHand):
    """By hand, the thin walk into structs of the five fields that are read."""

    _head = msgspec.json.Decoder(HeadPage)

    async def head(self, customer: str) -> int:
        """Walk thinly."""
        return await self._walk(f"/customers/{customer}/orders?include_price=true", thin, self._head)


class _HeadLine(msgspec.Struct, rename="camel", gc=False):
    line_item_number: int
    quantity: int


class _Head(msgspec.Struct, rename="camel", gc=False):
    id: str
    status: OrderStatus
    creation_date: Timestamp
    line_items: tuple[_HeadLine, ...]


class Ours:
    """This client as its README shows it."""

    def __init__(self, port: int) -> None:
        self._client = client(f"http://127.0.0.1:{port}", FakeCredential(lifetime=1e9), concurrency=CONNECTIONS)

    async def full(self, customer: str) -> int:
        """Walk fully."""
        total = 0
        async for order in self._client.orders.list(customer, include_price=True):
            total += full(order)
        return total

    async def bare(self, customer: str) -> int:
        """Walk without prices."""
        total = 0
        async for order in self._client.orders.list(customer):
            total += bare(order)
        return total

    async def head(self, customer: str) -> int:
        """Walk thinly, into a struct of the five fields that are read."""
        total = 0
        async for order in self._client.orders.list(customer, include_price=True).into(_Head):
            total += thin(order)
        return total

    async def small(self) -> int:
        """Fetch one."""
        total = 0
        async for status in self._client.orders.provisioning_status("c", "o"):
            total += status.quantity_provisioning_information[0].quantity or 0
        return total

    async def close(self) -> None:
        """End."""
        await self._client.close()


async def many(call: Callable[[], Awaitable[int]], count: int, at_once: int) -> int:
    """Make so many calls, so many at once, and add up what they return."""
    left = iter(range(count))

    async def worker() -> int:
        return sum([await call() for _ in left])

    return sum(await asyncio.gather(*[worker() for _ in range(at_once)]))


class Place(NamedTuple):
    """Where a peer stands, and the part of the work that it gets: the slow ones would take hours."""

    module: str
    kind: str
    share: int = 1
    does: tuple[str, ...] = ("full", "small")

    @property
    def is_other(self) -> bool:
        """Whether it is neither ours nor written by hand."""
        return self.module != "benchmarks.peers"


PEERS = {
    "by hand": Place("benchmarks.peers", "ByHand", does=("full", "bare", "head", "small")),
    "ours": Place("benchmarks.peers", "Ours", does=("full", "bare", "head", "small")),
    "by hand, the same work": Place("benchmarks.peers", "BySameWork", does=("full", "bare", "small")),
    "by hand, Decimal": Place("benchmarks.peers", "ByDecimal", does=("full",)),
    "by hand, into a head": Place("benchmarks.peers", "ByHandInto", does=("head",)),
    "aiohttp + json": Place("benchmarks.peer_dicts", "Json", 2),
    "aiohttp + orjson": Place("benchmarks.peer_dicts", "Orjson", 2),
    "pyreqwest + msgspec": Place("benchmarks.peer_dicts", "Pyreqwest", 2),
    "httpx + pydantic": Place("benchmarks.peer_pydantic", "HttpxPydantic", 5),
    "openai, base client": Place("benchmarks.peer_stainless", "Stainless", 10),
    "azure-core": Place("benchmarks.peer_azure", "AzureCore", 5),
    "azure-core, TypeSpec models": Place("benchmarks.peer_azure", "AzureTypespec", 20),
    "azure-core, msrest models": Place("benchmarks.peer_azure", "AzureMsrest", 20),
    "kiota": Place("benchmarks.peer_kiota", "Kiota", 10),
    "partnercenterservices": Place("benchmarks.peer_generated", "PartnerCenterServices", 10),
}


def load(name: str) -> Callable[[int], Any] | None:
    """Return a peer, None where its packages are not installed."""
    place = PEERS[name]
    try:
        made: Callable[[int], Any] = getattr(importlib.import_module(place.module), place.kind)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "benchmarks":
            raise
        return None
    return made
