"""The listings as lines: customers, orders, provisioning and migrations, of one customer or of all."""

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TypeVar

from partnercenter_async.cli.meter import Meter
from partnercenter_async.cli.ndjson import LineWriter, records, with_ids
from partnercenter_async.cli.run import PARTIAL
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.errors import PartnerCenterError
from partnercenter_async.fan_out import fan_out
from partnercenter_async.models.customers import Customer
from partnercenter_async.models.migrations import NewCommerceMigration
from partnercenter_async.models.orders import BillingCycleType
from partnercenter_async.paging import Pager
from partnercenter_async.resources.customers import CustomerFilter

S = TypeVar("S")
T = TypeVar("T")


class Listings:
    """Reads with one client and writes what comes, page by page."""

    def __init__(self, client: PartnerCenterClient, lines: LineWriter, meter: Meter) -> None:
        """Take whom to ask, where lines go, and who counts."""
        self._client = client
        self._lines = lines
        self._meter = meter

    async def customers(self, filter: CustomerFilter | None) -> None:
        """Write the partner's customers."""
        await self._copy(self._client.customers.list(filter=filter))

    async def orders(
        self,
        customer_id: str,
        *,
        indirect_reseller_id: str | None,
        billing_type: BillingCycleType | None,
        include_price: bool,
        include_system_purchases: bool,
    ) -> None:
        """Write a customer's orders."""
        await self._copy(
            self._client.orders.list(
                customer_id,
                indirect_reseller_id=indirect_reseller_id,
                billing_type=billing_type,
                include_price=include_price,
                include_system_purchases=include_system_purchases,
            )
        )

    async def provisioning(self, customer_id: str, order_id: str | None = None) -> None:
        """Write what is provisioned of a customer's orders, or of one of them."""
        if order_id is not None:
            await self._provisioning(customer_id, order_id)
            return
        async for order in self._client.orders.list(customer_id):
            await self._provisioning(customer_id, order.id)

    async def _provisioning(self, customer_id: str, order_id: str) -> None:
        pager = self._client.orders.provisioning_status(customer_id, order_id)
        await self._copy(pager, customerId=customer_id, orderId=order_id)

    async def migrations(self, customer_id: str | None) -> None:
        """Write the migrations of a customer, or of all, which the service lists in one go."""
        await self._copy(self._client.migrations.list(customer_tenant_id=customer_id))

    async def events(self, customer_id: str | None, concurrency: int) -> int:
        """Write the events of each migration; returns the exit code."""

        async def of_one(migration: NewCommerceMigration) -> None:
            owner = migration.customer_tenant_id or customer_id or ""
            pager = self._client.migrations.events(owner, migration_id=migration.id)
            await self._copy(pager, customerId=owner)

        def name(migration: NewCommerceMigration) -> str:
            return f"customer {migration.customer_tenant_id}, migration {migration.id}"

        source = self._client.migrations.list(customer_tenant_id=customer_id)
        return await self._each(source, of_one, name, concurrency)

    async def of_all(self, call: Callable[[str], Awaitable[None]], concurrency: int) -> int:
        """Do something for every customer of the partner; returns the exit code."""

        async def of_one(customer: Customer) -> None:
            await call(customer.id)
            self._meter.add(customers=1)

        return await self._each(
            self._client.customers.list(), of_one, lambda customer: f"customer {customer.id}", concurrency
        )

    async def _each(
        self,
        source: AsyncIterable[S],
        call: Callable[[S], Awaitable[None]],
        name: Callable[[S], str],
        concurrency: int,
    ) -> int:
        code = 0
        async for outcome in fan_out(source, call, concurrency=concurrency):
            if isinstance(outcome.error, PartnerCenterError | ValueError):
                self._meter.note(f"error: {name(outcome.input)}: {outcome.error}")
                code = PARTIAL
            elif outcome.error is not None:
                raise outcome.error  # of this machine, such as a full disk: going on makes no sense
        return code

    async def _copy(self, pager: Pager[T], **ids: str) -> None:
        """Write a listing's items as the service sent them, with ids in front that they do not name."""
        async for page in pager.pages():
            lines = records(page.raw)
            self._lines.write([with_ids(line, ids) for line in lines] if ids else lines)
            self._meter.add(items=len(lines))
