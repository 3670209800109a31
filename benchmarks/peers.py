"""What is measured, and the two that matter most: what a careful person writes by hand, and this client.

The others stand in ``peer_*.py``, each as its own documentation would have it written.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import aiohttp
import msgspec
from yarl import URL

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


class _Struct(msgspec.Struct, rename="camel"):
    pass


class _Header(_Struct):
    key: str
    value: str


class _Link(_Struct):
    uri: str
    method: str
    headers: list[_Header]


class _Links(_Struct):
    next: _Link | None = None


class _OrderLinks(_Struct):
    self: _Link | None = None
    provisioning_status: _Link | None = None
    patch_operation: _Link | None = None


class _LineLinks(_Struct):
    product: _Link | None = None
    sku: _Link | None = None
    availability: _Link | None = None


class _Pricing(_Struct):
    list_price: float
    discounted_price: float
    prorated_price: float
    price: float
    extended_price: float


class _Line(_Struct):
    line_item_number: int
    offer_id: str
    subscription_id: str
    term_duration: str
    transaction_type: str
    friendly_name: str
    quantity: int
    custom_term_end_date: datetime
    pricing: _Pricing
    links: _LineLinks


class _Client(_Struct):
    marketplace_country: str
    device_family: str
    name: str


class _Attributes(_Struct):
    object_type: str


class _Order(_Struct):
    id: str
    alternate_id: str
    reference_customer_id: str
    billing_cycle: str
    currency_code: str
    currency_symbol: str
    line_items: list[_Line]
    creation_date: datetime
    status: str
    transaction_type: str
    total_price: float
    links: _OrderLinks
    client: _Client
    attributes: _Attributes


class Page(_Struct):
    items: list[_Order]
    links: _Links | None = None


class _Quantity(_Struct):
    quantity: int
    status: str


class _Status(_Struct):
    order_line_item_id: int
    line_item_number: int
    status: str
    quantity_provisioning_information: list[_Quantity]


class Statuses(_Struct):
    items: list[_Status]


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

    async def _walk(self, read: Callable[[object], int]) -> int:
        total = 0
        path, headers = "/customers/c/orders?include_price=true", dict[str, str]()
        while True:
            async with self._session.get(URL(self._base + path, encoded=True), headers=headers) as answer:
                page = self._page.decode(await answer.read())
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


def thin(order: Any) -> int:
    """Read an order's head and its lines' numbers and quantities."""
    total: int = len(order.id) + len(order.status) + order.creation_date.day
    for line in order.line_items:
        total += line.line_item_number + line.quantity
    return total


def full(order: Any) -> int:
    """Read every price and link of an order too."""
    total = thin(order) + len(order.links.self.uri) + len(order.links.provisioning_status.uri)
    total += len(order.links.patch_operation.uri) + int(order.total_price)
    for line in order.line_items:
        price, links = line.pricing, line.links
        total += int(price.list_price + price.discounted_price + price.prorated_price + price.price)
        total += int(price.extended_price) + len(links.product.uri) + len(links.sku.uri) + len(links.availability.uri)
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
    except ImportError:
        return None
    return made
