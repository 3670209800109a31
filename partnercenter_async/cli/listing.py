"""What a command reads: its inputs, how each is read, and what rows it has in a table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from partnercenter_async import export
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import ServiceName
from partnercenter_async.export.columns import Table
from partnercenter_async.export.pages import Batch, Chunk, chunks
from partnercenter_async.paging import Pager, Paging


class _Id(msgspec.Struct):
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads each of many inputs of a client, such as customers, or a ``single`` one; ``one`` is what an input is.

    ``read`` is told whether it reads the records' texts and not what they say. ``items`` is what a record is, where it
    is not what the command is called.
    """

    inputs: Callable[[PartnerCenterClient], Awaitable[list[str]]]
    read: Callable[[PartnerCenterClient, str, str | None, bool], AsyncIterator[Chunk[Any]]]
    table: Table[Any] | None  # None where nothing but NDJSON is written
    items: str | None = None
    one: str = "customer"
    single: bool = False
    service: ServiceName = "api"

    def describe(self, name: str) -> str:
        """Return what an input is called for people."""
        owner, _, migration_id = name.partition("/")
        return f"customer {owner}, migration {migration_id}" if migration_id else f"{self.one} {name}"


def of_partner(listing: Callable[[PartnerCenterClient], Pager[Any]], table: Table[Any]) -> Reading:
    """Read a listing that is the partner's own."""

    def read(client: PartnerCenterClient, _: str, continuation: str | None, texts: bool) -> AsyncIterator[Chunk[Any]]:
        return chunks(listing(client), continuation, {}, texts=texts)

    return Reading(inputs=_only(""), read=read, table=table, single=True)


def of_customers(
    customer_id: str | None,
    listing: Callable[[PartnerCenterClient, str], Pager[Any]],
    table: Table[Any],
    *,
    named: bool = True,
) -> Reading:
    """Read the listings of a customer or of all; ``named`` writes the customer's id into the records' texts."""

    def read(
        client: PartnerCenterClient, name: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        return chunks(listing(client, name), continuation, {"customerId": name}, texts=texts, named=named)

    return _of_customers(customer_id, read, table)


def provisioning_of(customer_id: str | None, order_id: str | None) -> Reading:
    """Read what is provisioned of an order, of a customer's orders, or of all."""

    def of_order(
        client: PartnerCenterClient, name: str, order_id: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        pager = client.orders.provisioning_status(name, order_id)
        return chunks(pager, continuation, {"customerId": name, "orderId": order_id}, texts=texts, named=True)

    def of_one(
        client: PartnerCenterClient, name: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        return of_order(client, name, order_id or "", continuation, texts)

    async def of_each(
        client: PartnerCenterClient, name: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        async for page in client.orders.list(name).into(_Id).pages(continuation=continuation):
            batches: list[Batch[Any]] = []
            for order in page.items:
                async for chunk in of_order(client, name, order.id, None, texts):
                    batches.extend(chunk.batches)
            yield Chunk(batches, page.continuation)

    return _of_customers(customer_id, of_each if order_id is None else of_one, export.PROVISIONING, items="line items")


def events_of(customer_id: str | None) -> Reading:
    """Read the events of each migration of a customer or of all."""

    def of_migration(
        client: PartnerCenterClient, name: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        owner, _, migration_id = name.partition("/")
        pager = client.migrations.events(owner, migration_id=migration_id)
        return chunks(pager, continuation, {"customerId": owner}, texts=texts, named=True)

    async def of_each(
        client: PartnerCenterClient, name: str, continuation: str | None, texts: bool
    ) -> AsyncIterator[Chunk[Any]]:
        listed = client.migrations.list(customer_tenant_id=name).into(_Id)
        async for page in listed.pages(continuation=continuation):
            batches: list[Batch[Any]] = []
            for migration in page.items:
                async for chunk in of_migration(client, f"{name}/{migration.id}", None, texts):
                    batches.extend(chunk.batches)
            yield Chunk(batches, page.continuation)

    if customer_id is None:
        return _of_customers(None, of_each, export.MIGRATION_EVENTS, items="events")

    async def migrations(client: PartnerCenterClient) -> list[str]:
        found = client.migrations.list(customer_tenant_id=customer_id).into(_Id)
        return [f"{customer_id}/{each.id}" async for each in found]

    return Reading(inputs=migrations, read=of_migration, table=export.MIGRATION_EVENTS, items="events", one="migration")


def of_any(path: str, *, service: ServiceName, paging: Paging, headers: Mapping[str, str]) -> Reading:
    """Read the items of any listing."""

    def read(client: PartnerCenterClient, _: str, continuation: str | None, texts: bool) -> AsyncIterator[Chunk[Any]]:
        pager = client.list(path, msgspec.Raw, paging=paging, service=service, headers=headers)
        return chunks(pager, continuation, {}, texts=texts)

    return Reading(inputs=_only(""), read=read, table=None, items="items", single=True, service=service)


def _of_customers(
    customer_id: str | None,
    read: Callable[[PartnerCenterClient, str, str | None, bool], AsyncIterator[Chunk[Any]]],
    table: Table[Any],
    *,
    items: str | None = None,
) -> Reading:
    inputs = _customer_ids if customer_id is None else _only(customer_id)
    return Reading(inputs=inputs, read=read, table=table, items=items, single=customer_id is not None)


async def _customer_ids(client: PartnerCenterClient) -> list[str]:
    return [customer.id async for customer in client.customers.list().into(_Id)]


def _only(name: str) -> Callable[[PartnerCenterClient], Awaitable[list[str]]]:
    async def inputs(_: PartnerCenterClient) -> list[str]:
        return [name]

    return inputs
