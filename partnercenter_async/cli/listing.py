"""What a command reads: its inputs, how each is read, and what rows it has in a table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import ServiceName
from partnercenter_async.export.columns import (
    CUSTOMERS,
    MIGRATION_EVENTS,
    MIGRATIONS,
    PROVISIONING,
    SUBSCRIPTIONS,
    Table,
)
from partnercenter_async.export.pages import Batch, Chunk, chunks, records
from partnercenter_async.models.orders import BillingCycleType
from partnercenter_async.paging import Pager, Paging
from partnercenter_async.resources.customers import CustomerFilter


class _Id(msgspec.Struct):
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads each of many inputs, such as customers, or a ``single`` one; ``one`` is what an input is."""

    inputs: Callable[[], Awaitable[list[str]]]
    read: Callable[[str, str | None], AsyncIterator[Chunk[Any]]]
    table: Table[Any] | None  # None where nothing but NDJSON is written
    one: str = "customer"
    single: bool = False
    service: ServiceName = "api"

    def describe(self, name: str) -> str:
        """Return what an input is called for people."""
        owner, _, migration_id = name.partition("/")
        return f"customer {owner}, migration {migration_id}" if migration_id else f"{self.one} {name}"


class Listings:
    """The listings of a client. ``texts`` reads the records' texts and not what they say."""

    def __init__(self, client: PartnerCenterClient, *, texts: bool) -> None:
        """Take whom to ask."""
        self._client = client
        self._texts = texts

    def customers(self, filter: CustomerFilter | None) -> Reading:
        """Read the partner's customers."""
        return self._single("", lambda _: self._client.customers.list(filter=filter), CUSTOMERS)

    def orders(
        self,
        customer_id: str | None,
        *,
        table: Table[Any],
        indirect_reseller_id: str | None,
        billing_type: BillingCycleType | None,
        include_price: bool,
        include_system_purchases: bool,
    ) -> Reading:
        """Read the orders of a customer or of all."""

        def listing(each: str) -> Pager[Any]:
            return self._client.orders.list(
                each,
                indirect_reseller_id=indirect_reseller_id,
                billing_type=billing_type,
                include_price=include_price,
                include_system_purchases=include_system_purchases,
            )

        one = self._single(customer_id or "", listing, table)
        return one if customer_id is not None else replace(one, inputs=self._customer_ids, single=False)

    def provisioning(self, customer_id: str | None, order_id: str | None) -> Reading:
        """Read what is provisioned of an order, of a customer's orders, or of all."""
        if customer_id is not None and order_id is not None:

            def of_one(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
                pager = self._client.orders.provisioning_status(name, order_id)
                return chunks(
                    pager, continuation, {"customerId": name, "orderId": order_id}, texts=self._texts, named=True
                )

            return Reading(inputs=_only(customer_id), read=of_one, table=PROVISIONING, single=True)
        inputs = self._customer_ids if customer_id is None else _only(customer_id)
        return Reading(inputs=inputs, read=self._provisioning, table=PROVISIONING, single=customer_id is not None)

    async def _provisioning(self, customer_id: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        async for page in self._client.orders.list(customer_id).into(_Id).pages(continuation=continuation):
            batches: list[Batch[Any]] = []
            for order in page.items:
                pager = self._client.orders.provisioning_status(customer_id, order.id)
                ids = {"customerId": customer_id, "orderId": order.id}
                async for chunk in chunks(pager, None, ids, texts=self._texts, named=True):
                    batches.extend(chunk.batches)
            yield Chunk(batches, page.continuation)

    def subscriptions(self, customer_id: str | None, *, order_id: str | None, mpn_id: str | None) -> Reading:
        """Read the subscriptions of a customer or of all."""

        def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
            pager = self._client.subscriptions.list(name, order_id=order_id, mpn_id=mpn_id)
            return chunks(pager, continuation, {"customerId": name}, texts=self._texts, named=True)

        inputs = self._customer_ids if customer_id is None else _only(customer_id)
        return Reading(inputs=inputs, read=read, table=SUBSCRIPTIONS, single=customer_id is not None)

    def migrations(self, customer_id: str | None) -> Reading:
        """Read the migrations of a customer or of all."""
        one = self._single(
            customer_id or "", lambda name: self._client.migrations.list(customer_tenant_id=name), MIGRATIONS
        )
        return one if customer_id is not None else replace(one, inputs=self._customer_ids, single=False)

    def events(self, customer_id: str | None) -> Reading:
        """Read the events of each migration of a customer or of all."""
        if customer_id is None:
            return Reading(inputs=self._customer_ids, read=self._events, table=MIGRATION_EVENTS)

        async def inputs() -> list[str]:
            found = self._client.migrations.list(customer_tenant_id=customer_id).into(_Id)
            return [f"{customer_id}/{each.id}" async for each in found]

        def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
            owner, _, migration_id = name.partition("/")
            pager = self._client.migrations.events(owner, migration_id=migration_id)
            return chunks(pager, continuation, {"customerId": owner}, texts=self._texts, named=True)

        return Reading(inputs=inputs, read=read, table=MIGRATION_EVENTS, one="migration")

    async def _events(self, customer_id: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        listed = self._client.migrations.list(customer_tenant_id=customer_id).into(_Id)
        async for page in listed.pages(continuation=continuation):
            batches: list[Batch[Any]] = []
            for migration in page.items:
                pager = self._client.migrations.events(customer_id, migration_id=migration.id)
                async for chunk in chunks(pager, None, {"customerId": customer_id}, texts=self._texts, named=True):
                    batches.extend(chunk.batches)
            yield Chunk(batches, page.continuation)

    def request(self, path: str, *, service: ServiceName, paging: Paging, headers: Mapping[str, str]) -> Reading:
        """Read the items of any listing."""

        async def items(_: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
            pager = self._client.list(path, msgspec.Raw, paging=paging, service=service, headers=headers)
            async for page in pager.pages(continuation=continuation):
                yield Chunk([Batch((), records(page.raw, pager.paging.envelope), {})], page.continuation)

        return Reading(inputs=_only(""), read=items, table=None, single=True, service=service)

    def _single(self, name: str, listing: Callable[[str], Pager[Any]], table: Table[Any]) -> Reading:
        def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
            return chunks(listing(name), continuation, {"customerId": name} if name else {}, texts=self._texts)

        return Reading(inputs=_only(name), read=read, table=table, single=True)

    async def _customer_ids(self) -> list[str]:
        return [customer.id async for customer in self._client.customers.list().into(_Id)]


def _only(name: str) -> Callable[[], Awaitable[list[str]]]:
    async def inputs() -> list[str]:
        return [name]

    return inputs
