"""Walks over pages: every item once and in order, and where a walk may not go."""

import asyncio
import base64
import gc
import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from helpers import BASE, Fake, call, header, page
from hypothesis import given
from hypothesis import strategies as st
from test_links import CLIMBING_LINKS, HOSTILE_LINKS

from partnercenter_async import (
    LinkError,
    LinkLoopError,
    PartnerCenterClient,
    PartnerCenterError,
    ServerError,
    Timestamp,
)
from partnercenter_async.testing import Request, answer, run_in_virtual_time

SEEK = "/customers/c/orders?seekOperation=Next"


def link(uri: str = SEEK, token: str | None = "t1", **fields):
    headers = [] if token is None else [{"key": "MS-ContinuationToken", "value": token}]
    return {"uri": uri, "method": "GET", "headers": headers} | fields


async def ids(client: PartnerCenterClient) -> list[str]:
    return [order.id async for order in client.orders.list("c")]


async def walk(client: PartnerCenterClient) -> tuple[list[str], PartnerCenterError | None]:
    """What a walk delivers, and how it ends."""
    found: list[str] = []
    try:
        async for order in client.orders.list("c"):
            found.append(order.id)
    except PartnerCenterError as error:
        return found, error
    return found, None


def test_items_of_all_pages_come_in_order():
    answers = [page("a", "b", next=link(token="t1")), page("c", next=link(token="t2")), page("d")]
    found, fake = call(answers, ids)
    assert found == ["a", "b", "c", "d"]
    assert [request.url for request in fake.requests] == [BASE + "customers/c/orders", BASE + SEEK[1:], BASE + SEEK[1:]]
    assert [header(request, "MS-ContinuationToken") for request in fake.requests] == [None, "t1", "t2"]


@pytest.mark.fault("F19")
def test_an_empty_page_does_not_end_the_walk():
    answers = [page(next="customers/c/orders?p=2"), page(next="customers/c/orders?p=3"), page("a")]
    assert call(answers, ids)[0] == ["a"]


@pytest.mark.fault("F19")
@pytest.mark.parametrize(
    "ending",
    [
        {},
        {"links": None},
        {"links": {}},
        {"links": {"next": None}},
        {"links": {"next": {}}},
        {"links": {"next": {"uri": ""}}},
        {"links": {"next": {"uri": None, "method": "GET", "headers": []}}},
        {"links": {"self": {"uri": "/customers/c/orders"}, "previous": {"uri": "/customers/c/orders?p=0"}}},
    ],
)
def test_a_page_without_a_next_uri_ends_the_walk(ending):
    assert call([answer({"totalCount": 99, "items": [{"id": "a"}]} | ending)], ids)[0] == ["a"]


@pytest.mark.fault("F19")
def test_many_empty_pages_are_walked_without_recursion():
    left = iter(range(5000))

    def respond(_request: Request):
        number = next(left)
        return page("end") if number == 4999 else page(next=f"customers/c/orders?p={number}")

    assert call(respond, ids, max_empty_pages=5000)[0] == ["end"]


@pytest.mark.fault("F16")
@pytest.mark.fault("F17")
@pytest.mark.parametrize("uri", [each for each in HOSTILE_LINKS if each] + CLIMBING_LINKS)
def test_a_link_that_must_not_be_followed_is_an_error_behind_the_items_before_it(uri):
    (found, error), fake = call([page("a", "b", next=link(uri))], walk)
    assert found == ["a", "b"]
    assert type(error) is LinkError
    assert len(fake.requests) == 1
    assert error.continuation
    assert error.request_id == header(fake.requests[0], "MS-RequestId")
    assert str(error).endswith(f"(GET /v1/customers/c/orders, request id {error.request_id})")


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "uri",
    [
        "/v1/customers/c/orders?x=%2F+&y",
        "customers/c/orders?x=%2F+&y",
        "/customers/c/orders?x=%2F+&y",
        "https://api.example.com/v1/customers/c/orders?x=%2F+&y",
        "/v1//v1/customers/c/orders?x=%2F+&y",
        "/V1/customers/c/orders?x=%2F+&y",
    ],
)
def test_every_form_of_next_link_asks_for_the_same_url(uri):
    found, fake = call([page("a", next=uri), page("b")], ids)
    assert found == ["a", "b"]
    assert fake.requests[1].url == BASE + "customers/c/orders?x=%2F+&y"


@pytest.mark.fault("F18")
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_link_that_comes_twice_ends_the_walk(length):
    sent = 0

    def respond(_request: Request):
        nonlocal sent
        sent += 1
        assert sent < 20
        return page(f"o{sent}", next=link(token=f"t{sent % length}"))

    (found, error), fake = call(respond, walk)
    assert type(error) is LinkLoopError
    assert len(fake.requests) == length + 1
    assert found == [f"o{number + 1}" for number in range(length + 1)]


@pytest.mark.fault("F18")
def test_a_link_back_to_the_first_page_ends_the_walk():
    (found, error), fake = call([page("a", next="/v1/customers/c/orders")], walk)
    assert type(error) is LinkLoopError
    assert found == ["a"]
    assert len(fake.requests) == 1


@pytest.mark.fault("F18")
def test_the_same_uri_with_another_header_is_another_page():
    tokens = iter(["t1", "t2", "T2", None])
    found, _ = call(lambda _: page("a", next=link(token=token) if (token := next(tokens)) else None), ids)
    assert found == ["a"] * 4


class Service:
    """Pages of ten orders in three ways of linking, of which some requests fail."""

    def __init__(self, sizes: list[int], failing: set[int], style: int = 0):
        numbers = iter(range(10**6))
        self.pages = [[f"o{next(numbers)}" for _ in range(size)] for size in sizes]
        self.failing = failing
        self.style = style
        self.served = 0

    def __call__(self, request: Request):
        self.served += 1
        if self.served in self.failing:
            return answer(status=403)
        number = int(header(request, "MS-ContinuationToken") or request.url.partition("offset=")[2] or 0)
        following = number + 1 if number + 1 < len(self.pages) else None
        uri = [f"/v1{SEEK}", "customers/c/orders?offset=%d", BASE + SEEK[1:]][self.style]
        if following is None:
            return page(*self.pages[number])
        if self.style == 1:
            return page(*self.pages[number], next=link(uri % following, None))
        return page(*self.pages[number], next=link(uri, str(following)))


@pytest.mark.fault("F20")
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=8),
    st.sets(st.integers(1, 20), max_size=6),
    st.integers(0, 2),
)
def test_a_broken_walk_goes_on_where_it_broke(sizes, failing, style):
    service = Service(sizes, failing, style)

    async def run() -> list[str]:
        client = Fake(service).client
        found: list[str] = []
        continuation = None
        for _ in range(10):
            try:
                async for each in client.orders.list("c").pages(continuation=continuation):
                    found.extend(order.id for order in each.items)
                    continuation = each.continuation
                return found
            except PartnerCenterError as error:
                assert error.continuation is not None
                continuation = error.continuation
        raise AssertionError

    assert run_in_virtual_time(run()) == [each for ids in service.pages for each in ids]


@pytest.mark.fault("F20")
def test_a_failed_page_leaves_the_items_before_it_and_a_continuation():
    (found, error), fake = call([page("a", next=link()), *[answer(status=500)] * 3], walk)
    assert found == ["a"]
    assert type(error) is ServerError
    assert error.attempts == 3
    other = Fake([page("b")])
    resumed = run_in_virtual_time(collect(other.client.orders.list("c").pages(continuation=error.continuation)))
    assert [order.id for each in resumed for order in each.items] == ["b"]
    assert header(other.requests[0], "MS-ContinuationToken") == "t1"
    assert len(fake.requests) == 4


async def collect(pages):
    return [each async for each in pages]


@pytest.mark.fault("F20")
@pytest.mark.parametrize("stop", range(4))
def test_a_walk_resumed_behind_any_page_delivers_exactly_the_rest(stop):
    service = Service([2, 0, 3, 1], set())

    async def run() -> tuple[list[str], list[str]]:
        client = Fake(service).client
        pages = await collect(client.orders.list("c").pages())
        rest = await collect(client.orders.list("c").pages(continuation=pages[stop].continuation))
        return tuple([order.id for each in found for order in each.items] for found in (pages[: stop + 1], rest))

    before, behind = run_in_virtual_time(run())
    assert before == [each for ids in service.pages[: stop + 1] for each in ids]
    assert behind == [each for ids in service.pages[stop + 1 :] for each in ids]


def test_resuming_behind_the_last_page_sends_nothing():
    async def run(client: PartnerCenterClient):
        (last,) = await collect(client.orders.list("c").pages())
        return last.continuation, await collect(client.orders.list("c").pages(continuation=last.continuation))

    (continuation, pages), fake = call([page("a")], run)
    assert isinstance(continuation, str)
    assert pages == []
    assert len(fake.requests) == 1


def first_continuation(client: PartnerCenterClient, **filters) -> str:
    async def run() -> str:
        async for each in client.orders.list("c", **filters).pages():
            return each.continuation
        raise AssertionError

    return run_in_virtual_time(run())


def test_a_foreign_continuation_is_refused_before_anything_is_sent():
    fake = Fake(lambda _: page("a", next=link()))
    continuation = first_continuation(fake.client, include_price=True)
    sent = len(fake.requests)
    assert fake.client.orders.list("c", include_price=True).pages(continuation=continuation) is not None
    listings = [
        fake.client.orders.list("c"),
        fake.client.orders.list("d", include_price=True),
        fake.client.orders.provisioning_status("c", "o"),
        fake.client.customers.list(),
        fake.client.migrations.list(customer_tenant_id="t"),
    ]
    for listing in listings:
        with pytest.raises(ValueError, match="continuation"):
            listing.pages(continuation=continuation)
    assert len(fake.requests) == sent


@given(st.data())
def test_an_altered_continuation_is_refused(data):
    fake = Fake(lambda _: page("a", next=link()))
    good = first_continuation(fake.client)
    place = data.draw(st.integers(0, len(good) - 1))
    altered = good[:place] + data.draw(st.characters(codec="ascii")) + good[place + 1 :]
    if altered == good:
        return
    with pytest.raises(ValueError, match="continuation"):
        fake.client.orders.list("c").pages(continuation=altered)


@given(st.text(max_size=50))
def test_any_other_text_is_no_continuation(text):
    with pytest.raises(ValueError, match="continuation"):
        Fake([]).client.orders.list("c").pages(continuation=text)


@pytest.mark.parametrize("value", [b"pc2.e30=.0", 5, ["pc2"]])
def test_what_is_no_text_is_no_continuation(value):
    with pytest.raises(ValueError, match="continuation"):
        Fake([]).client.orders.list("c").pages(continuation=value)


def test_a_continuation_holds_no_token():
    fake = Fake(lambda _: page("a", next=link()))
    inside = base64.urlsafe_b64decode(first_continuation(fake.client).split(".")[1])
    assert b"fake-token" not in inside
    assert json.loads(inside)["path"] == "customers/c/orders"


@pytest.mark.fault("F16")
def test_the_rules_for_links_hold_for_a_resumed_walk_too():
    (_, error), _ = call([page("a", next=link("https://evil.example/v1/x"))], walk)
    fake = Fake([])
    with pytest.raises(LinkError):
        run_in_virtual_time(collect(fake.client.orders.list("c").pages(continuation=error.continuation)))
    assert fake.requests == []


@pytest.mark.fault("F41")
@pytest.mark.parametrize("method", ["GET", "get", "Get", None, ""])
def test_a_next_link_that_reads_is_followed(method):
    found, fake = call([page("a", next=link(method=method)), page("b")], ids)
    assert found == ["a", "b"]
    assert [request.method for request in fake.requests] == ["GET", "GET"]


@pytest.mark.fault("F41")
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST", "delete", "GET ", "G\r\nET"])
def test_a_next_link_that_would_change_something_is_not_followed(method):
    (found, error), fake = call([page("a", next=link(method=method))], walk)
    assert found == ["a"]
    assert type(error) is LinkError
    assert len(fake.requests) == 1


@pytest.mark.fault("F41")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Authorization", "Bearer x"),
        ("authorization", ""),
        ("Host", "evil.example"),
        ("Cookie", "a=b"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Proxy-Authorization", "x"),
        ("proxy-connection", "x"),
        ("MS-RequestId", "x"),
        ("ms-requestid", "x"),
        ("MS-CorrelationId", "x"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("x-http-method-override", "DELETE"),
        ("X_HTTP_METHOD_OVERRIDE", "DELETE"),
        ("X-HTTP-Method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-Method", "DELETE"),
        ("X-Original-URL", "/v1/customers/b"),
        ("X-Rewrite-URL", "/v1/customers/b"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "host=evil.example"),
        ("Range", "bytes=0-9"),
        ("If-Range", "x"),
        ("Accept-Encoding", "br"),
        ("X-Any", "a\r\nHost: evil.example"),
        ("X-Any", "a\nb"),
        ("X-Any", "a\x00b"),
        ("X-A\r\nny", "a"),
        ("X Any", "a"),
        ("", "a"),
        (None, "a"),
    ],
)
def test_a_next_link_may_not_set_what_the_session_owns(key, value):
    bad = link()
    bad["headers"].append({"key": key, "value": value})
    (found, error), fake = call([page("a", next=bad)], walk)
    assert found == ["a"]
    assert type(error) is LinkError
    assert len(fake.requests) == 1


@pytest.mark.fault("F41")
def test_other_headers_of_a_next_link_go_out_as_they_are():
    token = "d19617b8,0705c4a9_a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=,%2F =="
    following = link(token=token)
    following["headers"] += [{"key": "X-Any", "value": "1"}, {"key": "accept", "value": "application/json;v=2"}]
    found, fake = call([page("a", next=following), page("b")], ids)
    assert found == ["a", "b"]
    second = fake.requests[1]
    assert header(second, "MS-ContinuationToken") == token
    assert header(second, "X-Any") == "1"
    assert header(second, "Accept") == "application/json;v=2"


@pytest.mark.fault("F32")
def test_leaving_the_loop_leaves_nothing_open():
    async def run(client: PartnerCenterClient) -> int:
        async for _ in client.orders.list("c"):
            break
        async for _ in client.orders.list("c").pages():
            break
        gc.collect()
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    tasks, fake = call(lambda _: page("a", "b", next=link()), run)
    assert tasks == 1
    assert len(fake.requests) == 2


def test_a_pager_starts_over_each_time():
    async def twice(client: PartnerCenterClient):
        pager = client.orders.list("c")
        return [order.id async for order in pager], [order.id async for order in pager]

    assert call(lambda _: page("a"), twice)[0] == (["a"], ["a"])


def test_a_pager_cannot_be_awaited():
    async def run(client: PartnerCenterClient):
        await client.orders.list("c")  # type: ignore[misc]

    error, fake = call([], run)
    assert type(error) is TypeError
    assert fake.requests == []


def test_collecting_stops_at_the_limit():
    async def run(client: PartnerCenterClient):
        pager = client.orders.list("c")
        return [[order.id for order in await pager.collect(limit=limit)] for limit in (0, 1, 2, 3, None)]

    answers = lambda request: page("c") if header(request, "MS-ContinuationToken") else page("a", "b", next=link())  # noqa: E731
    found, fake = call(answers, run)
    assert found == [[], ["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]
    assert len(fake.requests) == 0 + 1 + 1 + 2 + 2


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3"])
def test_a_limit_that_cannot_be_meant_is_refused(limit):
    with pytest.raises(ValueError, match="limit"):
        run_in_virtual_time(Fake([]).client.orders.list("c").collect(limit=limit))


def test_the_first_item_may_stand_on_a_later_page():
    assert call([page(next=link()), page("b", "c")], lambda client: client.orders.list("c").first())[0].id == "b"
    assert call([page()], lambda client: client.orders.list("c").first())[0] is None


@pytest.mark.fault("F28")
def test_a_page_tells_all_about_itself():
    body = {
        "totalCount": 2,
        "items": [{"id": "a"}],
        "links": {"self": {"uri": "/x"}, "next": link(), "previous": {"uri": "/y"}},
        "attributes": {"objectType": "Collection"},
        "newField": 1,
    }

    async def run(client: PartnerCenterClient):
        async for each in client.orders.list("c").pages():
            return each

    each, _ = call([answer(body)], run)
    assert each.total_count == 2
    assert (each.links.self.uri, each.links.next.uri, each.links.previous.uri) == ("/x", SEEK, "/y")
    assert each.attributes.object_type == "Collection"
    assert json.loads(each.raw)["newField"] == 1
    assert each.info.status == 200


def test_all_pages_share_a_correlation_id_and_have_request_ids_of_their_own():
    _, fake = call([page("a", next=link()), page("b")], ids)
    assert len({header(request, "MS-CorrelationId") for request in fake.requests}) == 1
    assert len({header(request, "MS-RequestId") for request in fake.requests}) == 2


def test_a_request_id_is_refused_for_a_listing():
    for listing in ("list", "provisioning_status"):
        with pytest.raises(ValueError, match="request_id"):
            getattr(Fake([]).client.orders, listing)("c", *["o"] * (listing != "list"), request_id="x")


def test_options_hold_for_each_page_anew():
    async def respond(request: Request):
        await asyncio.sleep(4)
        return page("b") if header(request, "MS-ContinuationToken") else page("a", next=link())

    async def run(client: PartnerCenterClient):
        found = []
        async for order in client.orders.list("c", deadline=5, headers={"MS-CV": "z"}):
            found.append(order.id)
            await asyncio.sleep(60)
        return found

    found, fake = call(respond, run)
    assert found == ["a", "b"]
    assert [header(request, "MS-CV") for request in fake.requests] == ["z", "z"]


def test_the_next_migrations_need_the_token_of_a_response_header():
    async def run(client: PartnerCenterClient):
        return [each.id for each in await client.migrations.list(customer_tenant_id="c d", page_size=300).collect()]

    answers = [answer([{"id": "m1"}], headers={"ms-continuationtoken": "t/=,1"}), answer([]), answer([])]
    found, fake = call(answers, run)
    assert found == ["m1"]
    assert [request.url for request in fake.requests] == [
        BASE + "migrations/newcommerce?CustomerTenantId=c%20d&PageSize=300"
    ] * 2
    assert [header(request, "MS-ContinuationToken") for request in fake.requests] == [None, "t/=,1"]


def test_a_walk_over_migrations_can_be_resumed():
    async def run(client: PartnerCenterClient):
        async for each in client.migrations.list(customer_tenant_id="t").pages():
            break
        rest = await collect(client.migrations.list(customer_tenant_id="t").pages(continuation=each.continuation))
        return [item.id for each in rest for item in each.items]

    answers = [answer([{"id": "m1"}], headers={"MS-ContinuationToken": "t1"}), answer([{"id": "m2"}])]
    found, fake = call(answers, run)
    assert found == ["m2"]
    assert header(fake.requests[1], "MS-ContinuationToken") == "t1"


def test_a_walk_tried_again_after_an_error_asks_for_the_same_page():
    async def run(client: PartnerCenterClient):
        pages = client.orders.list("c").pages()
        found = [(await anext(pages)).items[0].id]
        with pytest.raises(PartnerCenterError):
            await anext(pages)
        found.append((await anext(pages)).items[0].id)
        return found

    assert call([page("a", next=link()), answer(status=403), page("b")], run)[0] == ["a", "b"]


class Head(msgspec.Struct, rename="camel", frozen=True):
    id: str
    creation_date: Timestamp | None = None
    total_price: Decimal | None = None


def test_items_are_read_into_a_type_of_the_callers():
    items = [
        {
            "id": "a",
            "creationDate": "2026-03-01T08:15:30.9999999Z",
            "totalPrice": 1.10,
            "lineItems": [{"quantity": "?"}],
        },
        {"id": 7, "creationDate": "", "totalPrice": "2.50"},
    ]

    async def run(client: PartnerCenterClient):
        pager = client.orders.list("c", include_price=True)
        heads = pager.into(Head)
        continuation = (await anext(pager.into(dict).pages())).continuation
        return await heads.collect(), [
            head async for each in heads.pages(continuation=continuation) for head in each.items
        ]

    first, last = answer({"items": items, "links": {"next": link()}}), answer({"items": items[:1]})
    (found, rest), fake = call([first, first, last, last], run)
    assert found[2:] == rest == found[:1]
    assert found[0].creation_date == datetime(2026, 3, 1, 8, 15, 30, 999999, UTC)
    assert str(found[0].total_price) == "1.1"
    assert found[1] == Head("7", None, Decimal("2.50"))
    assert "include_price=true" in fake.requests[0].url


def test_arrays_are_read_into_a_type_of_the_callers_too():
    async def run(client: PartnerCenterClient):
        return await client.migrations.list(customer_tenant_id="t").into(Head).collect()

    assert call([answer([{"id": "m"}])], run)[0] == [Head("m")]


@pytest.mark.parametrize("kind", [list[int] | set[int], complex, PartnerCenterClient])
def test_a_type_that_cannot_be_read_is_refused_at_once(kind):
    async def run(client: PartnerCenterClient):
        client.orders.list("c").into(kind)

    error, fake = call([], run)
    assert isinstance(error, TypeError)
    assert fake.requests == []
