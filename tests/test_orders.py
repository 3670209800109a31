"""Orders over real sockets: every parameter of the reference, against what the emulator holds."""

import asyncio
import json
import tracemalloc
from datetime import UTC, datetime, timezone

import pytest
from helpers import CLOUD, connected, order_count

from partnercenter_async import (
    BillingCycleType,
    NotFoundError,
    Order,
    PartnerCenterClient,
    PermissionDeniedError,
)
from partnercenter_async.emulator import DataSet, Emulator
from partnercenter_async.testing import FakeCredential, answer, run_in_virtual_time


async def test_all_orders_of_a_customer_come_in_order(emulator):
    customer_id = next(emulator.data.customer_ids())
    async with connected(emulator) as client:
        orders = await client.orders.list(customer_id).collect()
    truth = list(emulator.data.orders(customer_id, include_price=False))
    assert [order.id for order in orders] == [each["id"] for each in truth]
    assert [len(order.line_items) for order in orders] == [len(each["lineItems"]) for each in truth]
    assert emulator.count("orders.list") == 3
    assert emulator.count("token") == 1
    assert all(order.total_price is None for order in orders)


async def test_prices_are_exact_and_come_when_asked_for():
    async with Emulator(DataSet(oddities=True, customers=1, orders_per_customer=60, seed=3), page_size=25) as emulator:
        (customer_id,) = emulator.data.customer_ids()
        async with connected(emulator) as client:
            orders = await client.orders.list(customer_id, include_price=True).collect()
        assert all("include_price=true" in each.query for each in emulator.requests if each.operation == "orders.list")
    for order, truth in zip(orders, emulator.data.orders(customer_id, include_price=True), strict=True):
        assert str(order.total_price) == str(truth["totalPrice"])
        for line, held in zip(order.line_items, truth["lineItems"], strict=True):
            priced = line.pricing
            assert priced is not None
            names = ["discountedPrice", "extendedPrice", "listPrice", "price", "proratedPrice"]
            values = [
                priced.discounted_price,
                priced.extended_price,
                priced.list_price,
                priced.price,
                priced.prorated_price,
            ]
            assert [str(value) for value in values] == [str(held["pricing"].get(name)) for name in names]


@pytest.mark.fault("F29")
async def test_every_date_is_that_of_the_wire_cut_and_the_wire_text_is_in_raw():
    async with Emulator(
        DataSet(oddities=True, customers=1, orders_per_customer=200, seed=5), page_size=100
    ) as emulator:
        (customer_id,) = emulator.data.customer_ids()
        async with connected(emulator) as client:
            pages = [page async for page in client.orders.list(customer_id).pages()]
    truth = [each.get("creationDate") for each in emulator.data.orders(customer_id)]
    sent = [each.get("creationDate") for page in pages for each in json.loads(page.raw)["items"]]
    assert sent == truth
    dates = [order.creation_date for page in pages for order in page.items]
    read = [datetime.fromisoformat(text) for text in sent]  # which cuts too
    assert dates == [when if when.tzinfo else when.replace(tzinfo=UTC) for when in read]
    assert {type(when.tzinfo) for when in dates} == {timezone}


@pytest.mark.parametrize("billing_type", list(BillingCycleType))
async def test_billing_type_keeps_the_orders_billed_that_way(billing_type):
    data = DataSet(oddities=True, customers=1, orders_per_customer=40, seed=2)
    async with Emulator(data) as emulator:
        (customer_id,) = data.customer_ids()
        async with connected(emulator) as client:
            orders = await client.orders.list(customer_id, billing_type=billing_type).collect()
        query = emulator.requests[-1].query
    assert query == f"billingType={billing_type.query_name}"
    truth = [each["id"] for each in data.orders(customer_id, billing_type=billing_type.value)]
    assert [order.id for order in orders] == truth


def test_billing_types_go_out_as_the_service_names_them():
    names = [each.query_name for each in BillingCycleType]
    assert names == ["Unknown", "Monthly", "Annual", "None", "OneTime", "Triennial", "Biennial"]
    assert BillingCycleType("brandNew_cycle").query_name == "brandNew_cycle"


async def test_an_indirect_resellers_orders_and_system_purchases():
    data = DataSet(oddities=True, customers=3, orders_per_customer=60, seed=9)
    async with Emulator(data, page_size=20) as emulator, connected(emulator) as client:
        for customer_id in data.customer_ids():
            for reseller in data.resellers:
                orders = await client.orders.list(customer_id, indirect_reseller_id=reseller.id).collect()
                held = data.orders(customer_id, indirect_reseller_id=reseller.id)
                assert [order.id for order in orders] == [each["id"] for each in held]
            orders = await client.orders.list(customer_id, include_system_purchases=True).collect()
            held = list(data.orders(customer_id, include_system_purchases=True))
            assert [order.id for order in orders] == [each["id"] for each in held]
            assert len(orders) > order_count(data, customer_id)


async def test_one_order(emulator):
    customer_id = next(emulator.data.customer_ids())
    held = next(iter(emulator.data.orders(customer_id)))
    async with connected(emulator) as client:
        plain = await client.orders.get(customer_id, held["id"])
        priced = await client.orders.get(customer_id, held["id"], include_price=True)
        with pytest.raises(NotFoundError):
            await client.orders.get(customer_id, "no-such-order")
    assert isinstance(plain, Order)
    assert plain.id == priced.id == held["id"]
    assert plain.total_price is None
    assert str(priced.total_price) == str(held["totalPrice"])


async def test_what_is_provisioned_needs_a_user(emulator):
    customer_id = next(emulator.data.customer_ids())
    async with connected(emulator, user=True) as client:
        async for order in client.orders.list(customer_id):
            lines = await client.orders.provisioning_status(customer_id, order.id).collect()
            held = emulator.data.provisioning(customer_id, order.id)
            assert [(line.line_item_number, line.order_line_item_id) for line in lines] == [
                (each["lineItemNumber"], each["orderLineItemId"]) for each in held
            ]
            for line, each in zip(lines, held, strict=True):
                assert line.status is not None
                assert line.status.replace("_", "") == each["status"].lower()
                told = [(part.quantity, part.status) for part in line.quantity_provisioning_information]
                assert [quantity for quantity, _ in told] == [
                    part["quantity"] for part in each["quantityProvisioningInformation"]
                ]
    async with connected(emulator) as client:
        with pytest.raises(PermissionDeniedError, match="App\\+User"):
            await client.orders.provisioning_status(customer_id, order.id).collect()


STYLES = ["root", "version", "relative", "absolute", "doubled", "upper", "mixed"]


@pytest.mark.fault("F17")
@pytest.mark.parametrize("paging", ["seek", "offset"])
@pytest.mark.parametrize("link_style", STYLES)
async def test_a_walk_over_50_pages_of_200_yields_each_order_once_in_every_link_shape(link_style, paging):
    data = DataSet(oddities=True, customers=1, orders_per_customer=10_000, seed=1)
    (customer_id,) = data.customer_ids()
    async with Emulator(data, page_size=200, link_style=link_style, paging=paging) as emulator:
        async with connected(emulator) as client:
            found = [order.id async for order in client.orders.list(customer_id)]
        assert emulator.count("orders.list") == 50
        paths = {each.path for each in emulator.requests if each.operation == "orders.list"}
        assert paths == {f"/v1/customers/{customer_id}/orders"}
    assert found == IDS.setdefault("truth", [each["id"] for each in data.orders(customer_id, include_price=False)])
    assert len(set(found)) == 10_000


IDS: dict[str, list[str]] = {}  # the same data in every shape: made once


@pytest.mark.fault("F19")
@pytest.mark.parametrize("last_links", ["self", "missing", "null_next", "empty_uri"])
async def test_a_walk_ends_however_the_last_page_says_so(last_links):
    data = DataSet(oddities=True, customers=1, orders_per_customer=7, seed=1)
    async with Emulator(data, page_size=3, last_links=last_links) as emulator, connected(emulator) as client:
        (customer_id,) = data.customer_ids()
        assert len(await client.orders.list(customer_id).collect()) == 7
        assert emulator.count("orders.list") == 3


def test_memory_stays_flat_over_200_000_orders():
    class Endless:
        """1,000 pages of 200 orders that nobody keeps."""

        served = 0

        async def send(self, _request):
            self.served += 1
            await asyncio.sleep(0)  # as every wire does; the loop forgets its cancelled timers then
            items = ",".join(
                f'{{"id":"{self.served}-{number}","lineItems":[{{"quantity":{number}}}]}}' for number in range(200)
            )
            following = f'{{"uri":"/customers/c/orders?p={self.served}"}}' if self.served < 1000 else "null"
            return answer(body=f'{{"items":[{items}],"links":{{"next":{following}}}}}'.encode())

        async def close(self):
            pass

    async def walk() -> tuple[int, int]:
        client = PartnerCenterClient(FakeCredential(), cloud=CLOUD, transport=Endless())
        walked, early, most = 0, 0, 0
        async for _ in client.orders.list("c"):
            walked += 1
            if walked % 200 == 100:
                now = tracemalloc.get_traced_memory()[0]
                early = max(early, now) if walked <= 2000 else early
                most = max(most, now)
        return walked, most - early

    tracemalloc.start()
    try:
        walked, growth = run_in_virtual_time(walk())
    finally:
        tracemalloc.stop()
    assert walked == 200_000
    assert growth < 300_000  # bytes, while the orders together hold some 50 million
