"""A walk stays in its listing, ends, and has one reader."""

import asyncio

import msgspec
import pytest
from helpers import BASE, Fake, call, page
from test_paging import walk

from partnercenter_async import (
    BillingCycleType,
    LinkError,
    LinkLoopError,
    Order,
    PartnerCenterClient,
    RetryPolicy,
    fan_out,
)
from partnercenter_async.emulator import Emulator
from partnercenter_async.paging import Cursor
from partnercenter_async.resources._base import Resource
from partnercenter_async.testing import Request, answer, run_in_virtual_time
from pytest_partnercenter.emulated import PartnerCenter

GUID = "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01"
ELSEWHERE = [
    "/customers/b/orders",
    "/v1/customers/b/orders",
    BASE + "customers/b/orders?seekOperation=Next",
    "/customers/C/orders",
    "/customers/c/users",
    "/customers/c",
    "/customers",
    "/customers/c/orders/o1",
    "/customers/c/orders/o1/provisioningstatus",
    "/customers/c/orders;x=y",
    "/customers/c;x/orders",
    "/customers/c%20/orders",
    "/customers/%43/orders",
    "/customers/c%2forders",
    "/customers/c%2fx/orders",
    "/customers/c/%c0%afb/orders",
    "/customers/c/ord%C4%B1ers",
    "/invoices/c/orders",
    "/c/orders",
    "/orders",
    "/v2/customers/c/orders",
]
OWN = [
    "/customers/c/orders?p=2",
    "/v1/customers/c/orders?p=2",
    "customers/c/orders?customer=b/orders",
    "/V1//customers//c/orders/?p=2",
    "/CUSTOMERS/c/Orders?p=2",
    "/%63ustomers/%63/orders?p=2",
    BASE + "Customers/c/orders?p=2",
]


@pytest.mark.fault("F44")
@pytest.mark.parametrize("uri", ELSEWHERE)
def test_a_next_link_that_leaves_its_listing_is_not_followed(uri):
    (found, error), fake = call([page("a", next=uri)], walk)
    assert found == ["a"]
    assert type(error) is LinkError
    assert "out of its listing" in error.message
    assert error.continuation
    assert len(fake.requests) == 1


@pytest.mark.fault("F44")
@pytest.mark.parametrize("uri", OWN)
def test_a_next_link_within_its_listing_is_followed(uri):
    assert call([page("a", next=uri), page("b")], walk)[0] == (["a", "b"], None)


@pytest.mark.fault("F44")
@pytest.mark.parametrize("uri", ["/customers/b/orders?p=2", "/customers/c/users?p=2"])
def test_a_resumed_walk_stays_in_its_listing_too(uri):
    async def resume(client: PartnerCenterClient):
        listing = client.orders.list("c")
        position = listing._listing.continuation(Cursor(uri))
        return [each async for each in listing.pages(continuation=position)]

    error, fake = call([], resume)
    assert type(error) is LinkError
    assert fake.requests == []


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("customer", "linked", "follows"),
    [
        (GUID, GUID.upper(), True),
        (GUID.upper(), GUID, True),
        (GUID, GUID[:-1] + "2", False),
        (GUID, "{" + GUID + "}", False),
        ("8672a13e9197", "8672A13E9197", False),
        ("YxH1q4KScfvfkJQjgRI8QY1DznnUWZTH1", "yxh1q4KScfvfkJQjgRI8QY1DznnUWZTH1", False),
        ("a b/c", "a%20b%2Fc", True),
        ("a b/c", "a%20b/c", False),
        ("é", "%C3%A9", True),
        ("é", "%E9", False),
        ("é", "É", False),
        ("\ufffd", "%FF", False),
        ("orders", "ORDERS", False),
    ],
)
def test_ids_in_links_are_the_same_to_the_letter_unless_they_are_guids(customer, linked, follows):
    async def run(client: PartnerCenterClient):
        return [order.id async for order in client.orders.list(customer)]

    found, fake = call([page("a", next=f"/customers/{linked}/orders?p=2"), page("b")], run)
    assert (found == ["a", "b"]) is follows
    assert isinstance(found, LinkError) is not follows
    assert len(fake.requests) == 1 + follows


@pytest.mark.fault("F44")
def test_the_listings_of_every_operation_stay_where_they_are():
    for list_of, own, other in [
        (lambda client: client.customers.list(), "/customers?size=2&seekOperation=Next", "/customers/c/orders"),
        (
            lambda client: client.orders.provisioning_status("c", "o"),
            "customers/c/orders/o/ProvisioningStatus?p=2",
            "/customers/c/orders/O/provisioningstatus?p=2",
        ),
        (lambda client: client.orders.list("c").into(Order), "/customers/c/orders?p=2", "/customers/d/orders?p=2"),
    ]:
        for uri, expected in [(own, list), (other, LinkError)]:
            answers = [answer({"items": [{}], "links": {"next": {"uri": uri}}}), answer({"items": []})]
            assert type(call(answers, lambda client, list_of=list_of: list_of(client).collect())[0]) is expected


@pytest.mark.fault("F44")
def test_the_listings_of_arrays_stay_where_they_are():
    async def resume(client: PartnerCenterClient, uri: str):
        listing = client.migrations.events(GUID, migration_id="m").into(Order)
        position = listing._listing.continuation(Cursor(uri))
        return [each async for each in listing.pages(continuation=position)]

    own = f"customers/{GUID.upper()}/migrations/newcommerce/events?p=2"
    assert len(call([answer([])], lambda client: resume(client, own))[0]) == 1
    error, _ = call([], lambda client: resume(client, f"customers/{GUID}/migrations/newcommerce"))
    assert type(error) is LinkError


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("uri", "follows"),
    [
        ("/invoices/i/LineItems/OneTime/billinglineitems?p=2", True),
        ("/invoices/i/lineitems?p=2", True),
        ("/invoices/j/lineitems/onetime/billinglineitems?p=2", False),
        ("/invoices/i/lineitems/onetime?p=2", False),
    ],
)
def test_an_operation_may_declare_where_else_its_links_lead(uri, follows):
    async def run(client: PartnerCenterClient):
        return await (
            Resource(client._session)
            ._list(
                "invoices/{invoice_id}/lineitems",
                Order,
                {},
                ids={"invoice_id": "i"},
                link_paths=["invoices/{invoice_id}/lineitems/onetime/billinglineitems"],
            )
            .into(Order)
            .collect()
        )

    found, _ = call([page("a", next=uri), page("b")], run)
    assert isinstance(found, list) is follows
    assert isinstance(found, LinkError) is not follows


# Empty pages


def empty_pages(number: int):
    """So many empty pages and one with an item, each with a link of its own."""
    left = iter(range(number + 1))

    def respond(_request: Request):
        at = next(left)
        return page("end") if at == number else page(next=f"customers/c/orders?p={at}")

    return respond


async def items(client: PartnerCenterClient):
    return [order.id async for order in client.orders.list("c")]


async def collected(client: PartnerCenterClient):
    return [order.id for order in await client.orders.list("c").collect()]


async def paged(client: PartnerCenterClient):
    return [order.id async for each in client.orders.list("c").pages() for order in each.items]


async def read_ahead(client: PartnerCenterClient):
    async with client.orders.list("c").read_ahead(3) as orders:
        return [order.id async for order in orders]


async def first(client: PartnerCenterClient):
    found = await client.orders.list("c").first()
    return [] if found is None else [found.id]


each_way = pytest.mark.parametrize("way", [items, collected, paged, read_ahead, first])


@pytest.mark.fault("F45")
@each_way
def test_a_thousand_empty_pages_are_walked(way):
    found, fake = call(empty_pages(1000), way)
    assert found == ["end"]
    assert len(fake.requests) == 1001


@pytest.mark.fault("F45")
@each_way
def test_more_than_a_thousand_empty_pages_in_a_row_end_the_walk(way):
    error, fake = call(empty_pages(20_000), way)
    assert type(error) is LinkLoopError
    assert "1001 pages in a row" in error.message
    assert error.continuation
    assert error.request_id
    assert len(fake.requests) == 1001


@pytest.mark.fault("F45")
def test_a_walk_that_too_many_empty_pages_ended_can_be_resumed():
    async def run(client: PartnerCenterClient):
        continuation, rounds = None, 0
        while True:
            rounds += 1
            try:
                pages = client.orders.list("c").pages(continuation=continuation)
                return [order.id async for each in pages for order in each.items], rounds
            except LinkLoopError as error:
                continuation = error.continuation

    (found, rounds), fake = call(empty_pages(2500), run)
    assert (found, rounds) == (["end"], 3)
    assert len(fake.requests) == 2501


@pytest.mark.fault("F45")
def test_an_item_in_between_starts_the_count_anew():
    left = iter(range(30))

    def respond(_request: Request):
        at = next(left)
        return page(*["x"] * (at % 4 == 3), next=f"customers/c/orders?p={at}" if at < 29 else None)

    assert call(respond, items, max_empty_pages=3)[0] == ["x"] * 7


@pytest.mark.fault("F45")
@pytest.mark.parametrize("most", [0, 1, 7])
def test_the_number_of_empty_pages_is_a_setting_of_the_client_and_its_views(most):
    async def viewed(client: PartnerCenterClient):
        return await items(client.with_options(max_empty_pages=most))

    for way, settings in [(items, {"max_empty_pages": most}), (viewed, {})]:
        assert call(empty_pages(most), way, **settings)[0] == ["end"]
        error, fake = call(empty_pages(most + 1), way, **settings)
        assert type(error) is LinkLoopError
        assert len(fake.requests) == most + 1


@pytest.mark.fault("F45")
def test_empty_pages_at_the_end_are_no_loop():
    assert call([page("a", next="customers/c/orders?p=2"), page()], items, max_empty_pages=0)[0] == ["a"]


@pytest.mark.parametrize("most", [-1, 1.5, True, None, "3"])
def test_a_number_of_empty_pages_that_cannot_be_meant_is_refused(most):
    with pytest.raises(ValueError, match="max_empty_pages"):
        Fake([], max_empty_pages=most)
    with pytest.raises(ValueError, match="max_empty_pages"):
        Fake([]).client.with_options(max_empty_pages=most)


# Readers


@pytest.mark.parametrize("readers", [2, 5])
def test_a_second_reader_of_one_iterator_of_pages_is_refused_and_fetches_nothing(readers):
    async def serve(request: Request):
        await asyncio.sleep(1)
        number = int(request.url.partition("p=")[2] or 1)
        return page(f"o{number}", next=f"customers/c/orders?p={number + 1}" if number < 6 else None)

    async def run(client: PartnerCenterClient):
        pages = client.orders.list("c").pages()
        found: list[str] = []

        async def read():
            async for each in pages:
                found.extend(order.id for order in each.items)

        ended = await asyncio.gather(*[read() for _ in range(readers)], return_exceptions=True)
        return found, [type(each) for each in ended]

    (found, ended), fake = call(serve, run)
    assert found == [f"o{number}" for number in range(1, 7)]
    assert sorted(map(str, ended)) == sorted(map(str, [type(None)] + [RuntimeError] * (readers - 1)))
    assert len(fake.requests) == 6


def test_a_reader_who_lost_patience_makes_room_for_the_next():
    async def serve(_request: Request):
        await asyncio.sleep(1)
        return page("a")

    async def run(client: PartnerCenterClient):
        pages = client.orders.list("c").pages()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await anext(pages)
        return [order.id for order in (await anext(pages)).items]

    assert call(serve, run)[0] == ["a"]


# Switches

NO_SWITCHES = ["no", "false", "", 0, 1, 2.0, None, [], "True"]


@pytest.mark.parametrize("value", NO_SWITCHES)
def test_a_switch_is_true_or_false_and_nothing_that_counts_as_one(value):
    fake = Fake([])
    client = fake.client
    for name, make in [
        ("retry_writes", lambda: RetryPolicy(retry_writes=value)),
        ("include_price", lambda: client.orders.list("c", include_price=value)),
        ("include_price", lambda: run_in_virtual_time(client.orders.get("c", "o", include_price=value))),
        ("include_system_purchases", lambda: client.orders.list("c", include_system_purchases=value)),
        ("is_microsoft_led", lambda: client.migrations.list(customer_tenant_id="t", is_microsoft_led=value)),
        ("ordered", lambda: fan_out([], client.orders.list, ordered=value)),
        ("user", lambda: run_in_virtual_time(PartnerCenter().connect(user=value).__aenter__())),
        ("keep_requests", lambda: Emulator(keep_requests=value)),
    ]:
        if name == "is_microsoft_led" and value is None:
            continue  # which leaves the filter out
        with pytest.raises(ValueError, match=f"{name} must be"):
            make()
    assert fake.requests == []


def test_switches_are_taken():
    fake = Fake(lambda _: answer({"items": [], "id": "x"}))

    async def run():
        for value in (True, False):
            RetryPolicy(retry_writes=value)
            listing = fake.client.orders.list(
                "c", include_price=value, include_system_purchases=value, billing_type=BillingCycleType.ANNUAL
            )
            await listing.collect()
            await fake.client.orders.get("c", "o", include_price=value)

    run_in_virtual_time(run())
    assert [request.url.removeprefix(BASE) for request in fake.requests] == [
        "customers/c/orders?billingType=Annual&include_price=true&include_system_purchases=true",
        "customers/c/orders/o?include_price=true",
        "customers/c/orders?billingType=Annual",
        "customers/c/orders/o",
    ]


def test_a_refused_link_tells_of_the_page_that_it_stood_on():
    error, _ = call(
        [page("o1", next="customers/other/orders")],
        lambda client: client.orders.list("c", include_price=True).collect(),
    )
    assert type(error) is LinkError
    assert error.url == BASE + "customers/c/orders"
    assert (error.method, error.status) == ("GET", 200)


def test_a_listing_of_arrays_read_into_another_type_is_the_same_listing():
    class Head(msgspec.Struct):
        id: str

    async def both(client: PartnerCenterClient) -> list[str]:
        walk = client.migrations.list(customer_tenant_id="t").into(Head)
        async for first in walk.pages():
            rest = client.migrations.list(customer_tenant_id="t").pages(continuation=first.continuation)
            return [first.items[0].id, *[each.id async for found in rest for each in found.items]]
        raise AssertionError

    answers = [answer([{"id": "m1"}], headers={"MS-ContinuationToken": "t2"}), answer([{"id": "m2"}])]
    assert call(answers, both)[0] == ["m1", "m2"]
