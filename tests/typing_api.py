"""What editors and type checkers know of the public face. Checked by mypy and pyright, never run."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import msgspec
from azure.identity.aio import ClientSecretCredential
from redis.asyncio import Redis

from partnercenter_async import (
    BillingCycleType,
    Cloud,
    Customer,
    CustomerFilter,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    ODataCollection,
    Order,
    OrderLineItem,
    OrderLineItemProvisioningStatus,
    OrderStatus,
    Outcome,
    Page,
    Pager,
    PartnerCenterClient,
    Rate,
    RefreshTokenCredential,
    ResourceCollection,
    Response,
    RetryPolicy,
    Service,
    Subscription,
    SupportContact,
    Timestamp,
    fan_out,
    paging,
)
from partnercenter_async.emulator import Records
from partnercenter_async.export import CUSTOMERS, ORDERS, Format, Report, Table, export
from partnercenter_async.redis_pace import RedisPace
from pytest_partnercenter.emulated import PartnerCenter


async def clients() -> None:
    async with ClientSecretCredential("t", "c", "s") as credential, PartnerCenterClient(credential) as client:
        assert_type(client, PartnerCenterClient)
        user = RefreshTokenCredential("t", "c", "r", client_secret="s")
        assert_type(client.with_options(credential=user, deadline=None, retry=RetryPolicy()), PartnerCenterClient)
        client.with_options(retries=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def shared(redis: Redis, credential: ClientSecretCredential) -> None:
    PartnerCenterClient(credential, rate=RedisPace(redis, Rate(500, per=60), processes=4))
    PartnerCenterClient(credential, rate=RedisPace(redis, Rate.DOCUMENTED, key="jobs", timeout=1))
    RedisPace("redis://localhost", Rate(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    RedisPace(redis, 500)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def orders(client: PartnerCenterClient) -> None:
    pager = client.orders.list(
        "c",
        indirect_reseller_id="r",
        billing_type=BillingCycleType.ONE_TIME,
        include_price=True,
        include_system_purchases=True,
        timeout=5,
        deadline=None,
        correlation_id="x",
        headers={"MS-CV": "x"},
    )
    assert_type(pager, Pager[Order])
    assert_type(aiter(pager), AsyncIterator[Order])
    assert_type(pager.pages(continuation="x"), AsyncIterator[Page[Order]])
    assert_type(await pager.collect(limit=5), list[Order])
    assert_type(await pager.first(), Order | None)
    await client.orders.list("c")  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    client.orders.list("c", request_id="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.orders.list("c", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    order = await client.orders.get("c", "o", include_price=True, request_id="x", timeout=5)
    assert_type(order, Order)
    assert_type(order.id, str)
    assert_type(order.total_price, Decimal | None)
    assert_type(order.creation_date, datetime | None)
    assert_type(order.status, OrderStatus | None)
    assert_type(order.line_items, tuple[OrderLineItem, ...])
    assert_type(client.orders.provisioning_status("c", "o"), Pager[OrderLineItemProvisioningStatus])
    async for page in pager.pages():
        assert_type(page.continuation, str)
        assert_type(page.items, tuple[Order, ...])


class Head(msgspec.Struct, rename="camel"):
    id: str
    creation_date: Timestamp | None = None


async def quickly(client: PartnerCenterClient) -> None:
    heads = client.orders.list("c").into(Head)
    assert_type(heads, Pager[Head])
    assert_type(await heads.collect(), list[Head])
    async with heads.read_ahead(2) as ahead:
        async for head in ahead:
            assert_type(head, Head)
            assert_type(head.creation_date, datetime | None)


async def others(client: PartnerCenterClient) -> None:
    assert_type(client.customers.list(filter=CustomerFilter("Domain", "x", "equals"), size=5), Pager[Customer])
    assert_type(await client.customers.get("c"), Customer)
    assert_type(client.migrations.events("c", migration_id="m"), Pager[NewCommerceMigrationEvent])
    assert_type(client.migrations.list(external_reference_id="r", page_size=300), Pager[NewCommerceMigration])
    assert_type(await client.migrations.get("c", "m"), NewCommerceMigration)


async def subscriptions(client: PartnerCenterClient) -> None:
    assert_type(client.subscriptions.list("c", order_id="o", mpn_id="4711"), Pager[Subscription])
    assert_type(await client.subscriptions.get("c", "s"), Subscription)
    assert_type(await client.subscriptions.get_support_contact("c", "s"), SupportContact)
    client.subscriptions.list_transition_eligibilities("c", "s", eligibility_type="scheduled")
    client.subscriptions.list_transition_eligibilities("c", "s", eligibility_type="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.subscriptions.list_custom_term_end_dates("c")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def anything(client: PartnerCenterClient) -> None:
    answer = await client.request("GET", "customers/c/orders", ResourceCollection[Order], query={"size": 5})
    assert_type(answer, Response[ResourceCollection[Order]])
    assert_type(answer.data.items, tuple[Order, ...])
    assert_type(answer.raw, bytes)
    assert_type(answer.info.headers.get("MS-CV"), str | None)
    assert_type(await client.request("DELETE", "customers/c"), Response[None])
    assert_type(await client.request("GET", "v1.0/x", dict[str, object], service="graph"), Response[dict[str, object]])
    assert_type(Cloud.GLOBAL.service("partner"), Service)


async def any_listing(client: PartnerCenterClient) -> None:
    pager = client.list("customers/c/subscriptions", Head, query={"size": 5}, paging=paging.LINKS, timeout=5)
    assert_type(pager, Pager[Head])
    assert_type(await client.list("x", dict[str, int], paging=paging.TopSkip(100)).first(), dict[str, int] | None)
    assert_type(pager.paging, paging.Paging)
    client.list("x", Head, paging="links")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.list("x", Head, request_id="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    paging.PageNumber("5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def tell(response: Response[object]) -> None:
        assert_type(response.raw, bytes)
        assert_type(response.info.status, int)

    assert_type(await client.orders.get("c", "o", on_response=tell), Order)
    client.orders.list("c", on_response=print)
    client.orders.list("c", on_response=len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    answer = await client.request("GET", "x", ODataCollection[Head])
    assert_type(answer.data.items, tuple[Head, ...])
    assert_type(answer.data.next_link, str | None)


async def many(client: PartnerCenterClient) -> None:
    async def count(customer: Customer) -> int:
        return len(await client.orders.list(customer.id).collect())

    async for outcome in fan_out(client.customers.list(), count, concurrency=8):
        assert_type(outcome, Outcome[Customer, int])
        assert_type(outcome.value, int)
        assert_type(outcome.error, Exception | None)
    async for each in fan_out(["a", "b"], client.customers.get):
        assert_type(each, Outcome[str, Customer])
    async for item in fan_out(["a", "b"], client.orders.list, ordered=True, progress=print):
        assert_type(item, Outcome[str, Order])


async def exports(client: PartnerCenterClient) -> None:
    def orders_of(customer_id: str) -> Pager[Order]:
        return client.orders.list(customer_id)

    def lines_of(order: Order) -> list[OrderLineItem]:
        return [*order.line_items]

    assert_type(Table(Order), Table[Order])
    assert_type(Table(OrderLineItem, rows=lines_of), Table[Order])
    report = await export(["a"], client.orders.list, "orders.ndjson", checkpoint=Path("run.ckpt"))
    assert_type(report, Report)
    assert_type(report.failed, Mapping[str, str])
    await export(["a"], orders_of, "orders.csv", table=ORDERS, format=Format.CSV)
    await export(["a"], orders_of, "orders.csv", table=Table(Order))
    await export(["a"], orders_of, "lines.csv", table=Table(OrderLineItem, rows=lines_of))
    await export(["a"], orders_of, "o.csv", table=Table(Customer))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await export(["a"], orders_of, "o.csv", table=CUSTOMERS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def own_records(partner_center: PartnerCenter) -> None:
    customer = partner_center.add_customer(company_name="Contoso", company_profile={"email": None})
    assert_type(partner_center.add_order(customer, total_price="12.50", line_items=[{"quantity": 3}]), str)
    partner_center.add_order(customer, total_price=12.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    partner_center.add_order(customer, colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(partner_center.add_migration(customer, microsoft_led=True), str)
    assert_type(PartnerCenter.add_customer(partner_center), str)
    assert_type(partner_center.records.populate(customers=3), Records)
    partner_center.add_event(customer)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    async with partner_center.connect(user=True, concurrency=1, retry=RetryPolicy()) as client:
        assert_type(client, PartnerCenterClient)
