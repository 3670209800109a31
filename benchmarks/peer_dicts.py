"""Bare HTTP clients: aiohttp with dicts of json and of orjson, and a Rust transport with msgspec."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import orjson
from pyreqwest.client import ClientBuilder
from yarl import URL

from benchmarks.peers import CONNECTIONS
from benchmarks.plain import Page, Statuses, full, full_of_dict

ORDERS = "/customers/{}/orders?include_price=true"
SMALL = "/customers/c/orders/o/provisioningstatus"


class Json:
    """aiohttp and the standard library's json."""

    loads: Callable[[bytes], Any] = staticmethod(json.loads)

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS))

    async def full(self, customer: str) -> int:
        return await self._walk(customer, full_of_dict)

    async def _walk(self, customer: str, read: Callable[[Any], int]) -> int:
        total = 0
        path, headers = ORDERS.format(customer), dict[str, str]()
        while True:
            async with self._session.get(URL(self._base + path, encoded=True), headers=headers) as answer:
                page = self.loads(await answer.read())
            for order in page["items"]:
                total += read(order)
            following = page.get("links", {}).get("next")
            if following is None:
                return total
            path = following["uri"]
            headers = {each["key"]: each["value"] for each in following["headers"]}

    async def small(self) -> int:
        async with self._session.get(self._base + SMALL) as answer:
            statuses = self.loads(await answer.read())
        return sum(each["quantityProvisioningInformation"][0]["quantity"] for each in statuses["items"])

    async def close(self) -> None:
        await self._session.close()


class Orjson(Json):
    """aiohttp and orjson."""

    loads = staticmethod(orjson.loads)


class Pyreqwest:
    """A transport written in Rust, and msgspec as by hand."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/v1"
        self._client = ClientBuilder().max_connections(CONNECTIONS).build()
        self._page = msgspec.json.Decoder(Page)
        self._statuses = msgspec.json.Decoder(Statuses)

    async def full(self, customer: str) -> int:
        return await self._walk(customer, full)

    async def _walk(self, customer: str, read: Callable[[object], int]) -> int:
        total = 0
        path, headers = ORDERS.format(customer), dict[str, str]()
        while True:
            answer = await self._client.get(self._base + path).headers(headers).build().send()
            page = self._page.decode(memoryview(await answer.bytes()))
            for order in page.items:
                total += read(order)
            if page.links is None or page.links.next is None:
                return total
            path = page.links.next.uri
            headers = {each.key: each.value for each in page.links.next.headers}

    async def small(self) -> int:
        answer = await self._client.get(self._base + SMALL).build().send()
        statuses = self._statuses.decode(memoryview(await answer.bytes()))
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    async def close(self) -> None:
        await self._client.close()
