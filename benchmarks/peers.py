"""What is measured, and the two that matter most: what a careful person writes by hand, and this client.

The others stand in ``peer_*.py``, each as its own documentation would have it written.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiohttp
import msgspec
from yarl import URL

from benchmarks.plain import HeadPage, Page, Statuses, full, thin
from partnercenter_async import Cloud, OrderStatus, PartnerCenterClient, Timestamp
from partnercenter_async.testing import FakeCredential

CONNECTIONS = 256


class Peer(Protocol):
    """A client at work; each method returns a checksum of what was read."""

    async def thin(self) -> int:
        """Walk all orders: id, status, creation date, each line's number and quantity."""
        ...

    async def full(self) -> int:
        """Walk all orders: every price and every link too."""
        ...

    async def small(self) -> int:
        """Fetch one small provisioning status."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class ByHand:
    """aiohttp and msgspec: no signing, no ids, no retries, money as floats."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS))
        self._page = msgspec.json.Decoder(Page)
        self._statuses = msgspec.json.Decoder(Statuses)

    async def thin(self) -> int:
        """Walk thinly."""
        return await self._walk(thin)

    async def full(self) -> int:
        """Walk fully."""
        return await self._walk(full)

    async def _walk(self, read: Callable[[object], int], decoder: "msgspec.json.Decoder[Any] | None" = None) -> int:
        total, decoder = 0, decoder or self._page
        path, headers = "/customers/c/orders?include_price=true", dict[str, str]()
        while True:
            async with self._session.get(URL(self._base + path, encoded=True), headers=headers) as answer:
                page = decoder.decode(await answer.read())
            for order in page.items:
                total += read(order)
            if page.links is None or page.links.next is None:
                return total
            path = page.links.next.uri
            headers = {each.key: each.value for each in page.links.next.headers}

    async def small(self) -> int:
        """Fetch one."""
        async with self._session.get(f"{self._base}/customers/c/orders/o/provisioningstatus") as answer:
            statuses = self._statuses.decode(await answer.read())
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    async def close(self) -> None:
        """End."""
        await self._session.close()


class ByHandInto(ByHand):
    """By hand, the thin walk into structs of the five fields that are read."""

    _head = msgspec.json.Decoder(HeadPage)

    async def thin(self) -> int:
        """Walk thinly."""
        return await self._walk(thin, self._head)


class Ours:
    """This client as its README shows it."""

    def __init__(self, port: int) -> None:
        cloud = Cloud(endpoint=f"http://127.0.0.1:{port}", authority="https://localhost", scope="x/.default")
        self._client = PartnerCenterClient(FakeCredential(lifetime=1e9), cloud=cloud, concurrency=CONNECTIONS)

    async def thin(self) -> int:
        """Walk thinly."""
        total = 0
        async for order in self._client.orders.list("c", include_price=True):
            total += thin(order)
        return total

    async def full(self) -> int:
        """Walk fully."""
        total = 0
        async for order in self._client.orders.list("c", include_price=True):
            total += full(order)
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


class _HeadLine(msgspec.Struct, rename="camel", gc=False):
    line_item_number: int
    quantity: int


class _Head(msgspec.Struct, rename="camel", gc=False):
    id: str
    status: OrderStatus
    creation_date: Timestamp
    line_items: tuple[_HeadLine, ...]


class OursInto(Ours):
    """This client, the thin walk into a struct of the five fields that are read."""

    async def thin(self) -> int:
        """Walk thinly."""
        total = 0
        async for order in self._client.orders.list("c", include_price=True).into(_Head):
            total += thin(order)
        return total


async def many(call: Callable[[], Awaitable[int]], count: int, at_once: int) -> int:
    """Make so many calls, so many at once, and add up what they return."""
    left = iter(range(count))

    async def worker() -> int:
        return sum([await call() for _ in left])

    return sum(await asyncio.gather(*[worker() for _ in range(at_once)]))


# Where each stands, and the part of the work that it gets: the slow ones would take hours.
PEERS: dict[str, tuple[str, str, int]] = {
    "by hand": ("benchmarks.peers", "ByHand", 1),
    "ours": ("benchmarks.peers", "Ours", 1),
    "ours, into a head": ("benchmarks.peers", "OursInto", 1),
    "by hand, into a head": ("benchmarks.peers", "ByHandInto", 1),
    "aiohttp + json": ("benchmarks.peer_dicts", "Json", 2),
    "aiohttp + orjson": ("benchmarks.peer_dicts", "Orjson", 1),
    "pyreqwest + msgspec": ("benchmarks.peer_dicts", "Pyreqwest", 1),
    "httpx + pydantic": ("benchmarks.peer_pydantic", "HttpxPydantic", 5),
    "openai, base client": ("benchmarks.peer_stainless", "Stainless", 10),
    "azure-core": ("benchmarks.peer_azure", "AzureCore", 5),
    "azure-core, TypeSpec models": ("benchmarks.peer_azure", "AzureTypespec", 20),
    "azure-core, msrest models": ("benchmarks.peer_azure", "AzureMsrest", 20),
    "kiota": ("benchmarks.peer_kiota", "Kiota", 10),
    "partnercenterservices": ("benchmarks.peer_generated", "PartnerCenterServices", 10),
}


def load(name: str) -> Callable[[int], Peer] | None:
    """Return a peer, None where its packages are not installed."""
    module, kind, _ = PEERS[name]
    try:
        made: Callable[[int], Peer] = getattr(importlib.import_module(module), kind)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "benchmarks":
            raise
        return None
    return made
