"""Any endpoint, paged: every form of paging, with the promises that the named listings keep."""

import asyncio
import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from helpers import BASE, Fake, call, connected, header
from hypothesis import given
from hypothesis import strategies as st
from test_links import CLIMBING_LINKS, HOSTILE_LINKS
from test_pages import EMPTY_PAGES, ERROR, NO_PAGES

from partnercenter_async import (
    Customer,
    DecodeError,
    LinkError,
    LinkLoopError,
    ODataCollection,
    Order,
    PartnerCenterClient,
    PartnerCenterError,
    Response,
    ServerError,
    StatusError,
    fan_out,
    paging,
)
from partnercenter_async._session import decoding, session
from partnercenter_async.emulator import DataSet, Emulator, Fault, service_error
from partnercenter_async.export import Table, export
from partnercenter_async.paging import Cursor, Paging
from partnercenter_async.testing import RawResponse, Request, answer, run_in_virtual_time

PATH = "customers/c/things"
GUID = "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01"
TOKEN = "MS-ContinuationToken"


class Thing(msgspec.Struct, rename="camel"):
    id: str = ""
    display_name: str | None = None


@dataclass(frozen=True)
class Form:
    """A form of paging, and what a service answers that pages so."""

    name: str
    paging: Paging
    answer: Callable[[Sequence[str], int | None], RawResponse]  # these items, and which page is next
    at: Callable[[Request], int]  # which page a request is for
    first: str = PATH

    def __repr__(self) -> str:
        return self.name


def items(ids: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": each} for each in ids]


def by_links(ids: Sequence[str], following: int | None) -> RawResponse:
    links: dict[str, Any] = {}
    if following is not None:
        links["next"] = {"uri": f"/{PATH}?seek=Next", "headers": [{"key": TOKEN, "value": str(following)}]}
    return answer({"totalCount": len(ids), "items": items(ids), "links": links})


def by_header(ids: Sequence[str], following: int | None) -> RawResponse:
    return answer(items(ids), headers={} if following is None else {TOKEN: str(following)})


def by_body(ids: Sequence[str], following: int | None) -> RawResponse:
    return answer({"items": items(ids), "continuationToken": None if following is None else str(following)})


def by_odata(ids: Sequence[str], following: int | None) -> RawResponse:
    link = {} if following is None else {"@odata.nextLink": f"{BASE}{PATH}?$skiptoken={following}"}
    return answer({"@odata.context": "x", "@odata.count": 99, "value": items(ids)} | link)


def counted(ids: Sequence[str], following: int | None) -> RawResponse:
    return answer(items(ids))


def from_token(request: Request) -> int:
    return int(header(request, TOKEN) or 0)


def from_query(name: str) -> Callable[[Request], int]:
    return lambda request: int(parse_qs(request.url.partition("?")[2]).get(name, ["0"])[0])


LINKS = Form("links", paging.LINKS, by_links, from_token)
HEADER_TOKEN = Form("header token", paging.HEADER_TOKEN, by_header, from_token)
BODY_TOKEN = Form("body token", paging.BODY_TOKEN, by_body, from_token)
ODATA = Form("odata", paging.ODATA, by_odata, from_query("$skiptoken"))
TOP_SKIP = Form("top skip", paging.TopSkip(2), counted, from_query("skip"), f"{PATH}?top=2&skip=0")
PAGE_NUMBER = Form(
    "page number",
    paging.PageNumber(2),
    counted,
    lambda request: from_query("PageNumber")(request) - 1,
    f"{PATH}?PageSize=2&PageNumber=1",
)
TOLD = [LINKS, HEADER_TOKEN, BODY_TOKEN, ODATA]  # the service says where the next page is
FORMS = [*TOLD, TOP_SKIP, PAGE_NUMBER]

each_form = pytest.mark.parametrize("form", FORMS, ids=repr)
each_told = pytest.mark.parametrize("form", TOLD, ids=repr)
each_linked = pytest.mark.parametrize("form", [LINKS, ODATA], ids=repr)


def serving(form: Form, pages: Sequence[Sequence[str]]) -> Callable[[Request], RawResponse]:
    """What a service answers that has these pages, whatever page of them it is asked for."""

    def respond(request: Request) -> RawResponse:
        assert request.method == "GET"
        at = form.at(request)
        if form is TOP_SKIP:
            every = [each for page in pages for each in page]
            return form.answer(every[at : at + 2], None)
        following = at + 1 if at + 1 < len(pages) else None
        return form.answer(pages[at] if at < len(pages) else [], following)

    return respond


def things(client: PartnerCenterClient, form: Form, path: str = PATH, **options: Any):
    return client.list(path, Thing, paging=form.paging, **options)


async def walked(client: PartnerCenterClient, form: Form, path: str = PATH, **options: Any):
    """What a walk delivers, and how it ends."""
    found: list[str] = []
    try:
        async for each in things(client, form, path, **options):
            found.append(each.id)
    except PartnerCenterError as error:
        return found, error
    return found, None


def refused(fake: Fake, *arguments: Any, match: str, kind: type[Exception] = ValueError, **options: Any) -> None:
    with pytest.raises(kind, match=match):
        fake.client.list(*arguments, **options)
    assert fake.requests == []


# Walks


PAGES = [["a", "b"], ["c", "d"], ["e"]]


async def as_loop(client: PartnerCenterClient, form: Form):
    return [each.id async for each in things(client, form)]


async def as_list(client: PartnerCenterClient, form: Form):
    return [each.id for each in await things(client, form).collect()]


async def as_pages(client: PartnerCenterClient, form: Form):
    return [each.id async for page in things(client, form).pages() for each in page.items]


async def ahead(client: PartnerCenterClient, form: Form):
    async with things(client, form).read_ahead(2) as found:
        return [each.id async for each in found]


async def as_own(client: PartnerCenterClient, form: Form):
    return [each["id"] async for each in things(client, form).into(dict)]


async def fanned_out(client: PartnerCenterClient, form: Form):
    return [each.value.id async for each in fan_out(["c"], lambda _: things(client, form))]


@each_form
@pytest.mark.parametrize("way", [as_loop, as_list, as_pages, ahead, as_own, fanned_out])
def test_every_form_gives_each_item_once_and_in_order(form, way):
    found, fake = call(serving(form, PAGES), lambda client: way(client, form))
    assert found == ["a", "b", "c", "d", "e"]
    assert fake.requests[0].url == BASE + form.first


@each_form
def test_the_first_item_costs_one_request(form):
    found, fake = call(serving(form, PAGES), lambda client: things(client, form).first())
    assert (found.id, len(fake.requests)) == ("a", 1)
    assert len(call(serving(form, PAGES), lambda client: things(client, form).collect(limit=3))[0]) == 3


def test_requests_are_those_of_the_form():
    sent = {}
    for form in FORMS:
        _, fake = call(serving(form, PAGES), lambda client, form=form: as_list(client, form))
        sent[form.name] = [(request.url.removeprefix(BASE), header(request, TOKEN)) for request in fake.requests]
    assert sent == {
        "links": [(PATH, None), (f"{PATH}?seek=Next", "1"), (f"{PATH}?seek=Next", "2")],
        "header token": [(PATH, None), (PATH, "1"), (PATH, "2")],
        "body token": [(PATH, None), (f"{PATH}?seekOperation=Next", "1"), (f"{PATH}?seekOperation=Next", "2")],
        "odata": [(PATH, None), (f"{PATH}?$skiptoken=1", None), (f"{PATH}?$skiptoken=2", None)],
        "top skip": [(f"{PATH}?top=2&skip={skip}", None) for skip in (0, 2, 4, 5)],
        "page number": [(f"{PATH}?PageSize=2&PageNumber={number}", None) for number in (1, 2, 3, 4)],
    }


@each_form
def test_a_query_of_the_callers_goes_out_with_the_first_page(form):
    async def run(client: PartnerCenterClient):
        return [each.id async for each in client.list(PATH + "?x=1", Thing, query={"y": "ä&"}, paging=form.paging)]

    found, fake = call(serving(form, PAGES), run)
    assert found == ["a", "b", "c", "d", "e"]
    assert fake.requests[0].url.startswith(f"{BASE}{PATH}?x=1&y=%C3%A4%26")
    if form not in (LINKS, ODATA):
        assert all("x=1&y=%C3%A4%26" in request.url for request in fake.requests)


@pytest.mark.parametrize("path", [PATH + "?seekOperation=Next", PATH + "?a=b&seekoperation=next"])
def test_a_seek_operation_of_the_callers_is_not_doubled(path):
    _, fake = call(serving(BODY_TOKEN, PAGES), lambda client: walked(client, BODY_TOKEN, path))
    assert [request.url for request in fake.requests] == [BASE + path] * 3


@pytest.mark.fault("F19")
def test_a_service_that_gives_less_than_it_was_asked_for_loses_nothing():
    every = [str(number) for number in range(10)]

    def respond(request: Request) -> RawResponse:
        skip = from_query("skip")(request)
        return answer(items(every[skip : skip + 3]))

    found, fake = call(respond, lambda client: client.list(PATH, Thing, paging=paging.TopSkip(5000)).collect())
    assert [each.id for each in found] == every
    assert len(fake.requests) == 5


@pytest.mark.fault("F43")
@pytest.mark.parametrize("form", [TOP_SKIP, PAGE_NUMBER], ids=repr)
def test_an_item_that_is_null_counts_where_pages_are_counted(form):
    every = [None, None, {"id": "a"}, None, {"id": "b"}, None]

    def respond(request: Request) -> RawResponse:
        at = form.at(request) * (1 if form is TOP_SKIP else 2)
        return answer({"items": every[at : at + 2]})

    assert call(respond, lambda client: walked(client, form))[0] == (["a", "b"], None)
    (found, error), _ = call([answer([None])] * 9, lambda client: walked(client, form))
    assert (found, type(error)) == ([], LinkLoopError)


@pytest.mark.parametrize("form", [LINKS, HEADER_TOKEN, BODY_TOKEN], ids=repr)
def test_one_page_is_all_where_the_caller_says_so(form):
    async def run(client: PartnerCenterClient):
        return [each.id async for each in client.list(PATH, Thing, paging=paging.SINGLE)]

    found, fake = call(serving(form, PAGES), run)
    assert (found, len(fake.requests)) == (["a", "b"], 1)


def test_a_collection_may_be_paged_by_a_response_header_too():
    answers = [answer({"items": items("a")}, headers={TOKEN: "t"}), answer({"items": items("b")})]
    assert call(answers, lambda client: walked(client, HEADER_TOKEN))[0] == (["a", "b"], None)


@each_form
def test_options_go_out_with_each_page(form):
    async def run(client: PartnerCenterClient):
        return await things(client, form, headers={"X-NewEventsModel": "true"}, correlation_id="x").collect()

    _, fake = call(serving(form, PAGES), run)
    assert {header(each, "X-NewEventsModel") for each in fake.requests} == {"true"}
    assert {header(each, "MS-CorrelationId") for each in fake.requests} == {"x"}


def test_a_page_of_odata_tells_of_itself():
    async def run(client: PartnerCenterClient):
        return await anext(things(client, ODATA).pages())

    page, _ = call(serving(ODATA, PAGES), run)
    assert (page.total_count, page.links, [each.id for each in page.items]) == (99, None, ["a", "b"])
    assert json.loads(page.raw)["value"] == items("ab")


# Where a walk ends


@pytest.mark.fault("F19")
@pytest.mark.parametrize("pages", [[[], [], ["a"]], [["a"], [], ["b"]], [[], ["a"], []]])
@each_told
def test_an_empty_page_does_not_end_a_walk_that_is_told_of_the_next(form, pages):
    found, fake = call(serving(form, pages), lambda client: walked(client, form))
    assert found == ([each for page in pages for each in page], None)
    assert len(fake.requests) == 3


@pytest.mark.fault("F19")
@pytest.mark.parametrize(
    ("form", "body"),
    [
        *[(LINKS, {"links": links}) for links in (None, {}, {"next": None}, {"next": {}}, {"next": {"uri": ""}})],
        *[(BODY_TOKEN, body) for body in ({}, {"continuationToken": None}, {"continuationToken": ""})],
        *[(ODATA, body) for body in ({}, {"@odata.nextLink": None}, {"@odata.nextLink": ""})],
        (HEADER_TOKEN, {}),
    ],
)
def test_a_page_that_names_no_next_one_ends_the_walk(form, body):
    name = "value" if form is ODATA else "items"
    assert call([answer({name: items("a")} | body)], lambda client: walked(client, form))[0] == (["a"], None)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("form", [TOP_SKIP, PAGE_NUMBER], ids=repr)
def test_an_empty_page_alone_ends_a_walk_that_counts(form):
    assert call([answer([])], lambda client: walked(client, form))[0] == ([], None)
    assert call([answer(items("a")), answer([])], lambda client: walked(client, form))[0] == (["a"], None)


@pytest.mark.fault("F18")
@each_form
def test_a_page_that_leads_to_itself_ends_the_walk(form):
    (found, error), fake = call([form.answer(["a"], 7)] * 9, lambda client: walked(client, form))
    assert type(error) is LinkLoopError
    assert error.continuation
    assert error.request_id
    assert error.url == BASE + PATH
    assert found == (["a"] if form in (TOP_SKIP, PAGE_NUMBER) else ["a", "a"])
    assert len(fake.requests) == 2


@pytest.mark.fault("F18")
@each_told
def test_a_circle_of_pages_ends_the_walk(form):
    answers = [form.answer(["a"], following) for following in (1, 2, 1, 2, 1)]
    (found, error), _ = call(answers, lambda client: walked(client, form))
    assert (found, type(error)) == (["a"] * 3, LinkLoopError)


def test_empty_pages_of_a_walk_that_counts_are_no_repetition():
    async def twice(client: PartnerCenterClient):
        pager = things(client, TOP_SKIP)
        return await pager.collect(), await pager.collect()

    assert call(lambda _: answer([]), twice)[0] == ([], [])


@pytest.mark.fault("F45")
@each_told
def test_too_many_empty_pages_end_the_walk_and_it_can_be_resumed(form):
    service = serving(form, [[]] * 10 + [["a"]])

    async def run(client: PartnerCenterClient):
        _, error = await walked(client, form)
        assert type(error) is LinkLoopError
        return [
            each.id async for page in things(client, form).pages(continuation=error.continuation) for each in page.items
        ]

    found, fake = call(service, run, max_empty_pages=6)
    assert found == ["a"]
    assert len(fake.requests) == 11


# Errors, and resuming


@pytest.mark.fault("F20")
@each_form
@pytest.mark.parametrize("failing", range(3))
def test_a_walk_that_fails_resumes_with_each_item_once(form, failing):
    service, failed = serving(form, PAGES), []

    def respond(request: Request) -> RawResponse:
        if form.at(request) == (failing * 2 if form is TOP_SKIP else failing) and len(failed) < 3:
            failed.append(request)
            return answer(status=500)
        return service(request)

    async def run(client: PartnerCenterClient):
        found, error = await walked(client, form)
        assert type(error) is ServerError
        pages = things(client, form).pages(continuation=error.continuation)
        return found + [each.id async for page in pages for each in page.items]

    assert call(respond, run)[0] == ["a", "b", "c", "d", "e"]


@pytest.mark.fault("F20")
@each_form
@given(data=st.data())
def test_a_walk_resumed_behind_any_page_delivers_exactly_the_rest(form, data):
    sizes = data.draw(st.lists(st.integers(1 if form in (TOP_SKIP, PAGE_NUMBER) else 0, 2), min_size=1, max_size=5))
    pages = [[f"{number}.{each}" for each in range(size)] for number, size in enumerate(sizes)]

    async def run() -> tuple[list[str], list[list[str]]]:
        client = Fake(serving(form, pages)).client
        whole = [page async for page in things(client, form).pages()]
        halves = []
        for stop, page in enumerate(whole):
            rest = things(client, form).pages(continuation=page.continuation)
            before = [each.id for page in whole[: stop + 1] for each in page.items]
            halves.append(before + [each.id async for page in rest for each in page.items])
        return [each.id for page in whole for each in page.items], halves

    whole, halves = run_in_virtual_time(run())
    assert whole == [each for page in pages for each in page]
    assert all(half == whole for half in halves)


def continuation_of(fake: Fake, form: Form, path: str = PATH, **options: Any) -> str:
    async def run() -> str:
        return (await anext(things(fake.client, form, path, **options).pages())).continuation

    return run_in_virtual_time(run())


@pytest.mark.fault("F20")
@each_form
def test_a_continuation_is_of_its_path_and_query_alone(form):
    fake = Fake(serving(form, PAGES))
    continuation = continuation_of(fake, form, query={"x": 1})
    sent = len(fake.requests)
    for path, query in [(PATH, {}), (PATH, {"x": 2}), ("customers/d/things", {"x": 1}), ("customers", {"x": 1})]:
        with pytest.raises(ValueError, match="continuation is of customers/c/things with certain filters"):
            things(fake.client, form, path, query=query).pages(continuation=continuation)
    for path in (PATH + "?x=1", f"/v1/{PATH}?x=1", f"{BASE}{PATH}?x=1"):
        things(fake.client, form, path).pages(continuation=continuation)
    assert len(fake.requests) == sent


@each_form
def test_a_continuation_is_of_its_form_of_paging_alone(form):
    fake = Fake(serving(form, PAGES))
    continuation = continuation_of(fake, form)
    others = [each.paging for each in FORMS if each is not form]
    for other in [*others, paging.SINGLE]:
        with pytest.raises(ValueError, match="continuation is of"):
            fake.client.list(form.first, Thing, paging=other).pages(continuation=continuation)


def test_a_continuation_of_counted_pages_is_of_their_size():
    fake = Fake(serving(TOP_SKIP, PAGES))
    continuation = continuation_of(fake, TOP_SKIP)
    for other in (paging.TopSkip(3), paging.PageNumber(2), paging.LINKS):
        with pytest.raises(ValueError, match="continuation"):
            fake.client.list(PATH, Thing, paging=other).pages(continuation=continuation)


def test_a_link_that_is_refused_when_a_walk_goes_on_names_no_request():
    async def run(client: PartnerCenterClient):
        pager = client.list(PATH, Thing)
        position = pager._listing.continuation(Cursor("/customers/d/things"))
        return await anext(pager.pages(continuation=position))

    error, fake = call([], run)
    assert fake.requests == []
    assert type(error) is LinkError
    assert str(error).endswith(f"safe to repeat (GET /v1/{PATH})")


def test_a_path_names_its_listing_whoever_lists_it():
    async def run(client: PartnerCenterClient):
        continuation = (await anext(client.orders.list("c").pages())).continuation
        rest = client.list("customers/c/orders", Thing).pages(continuation=continuation)
        return [each.id async for page in rest for each in page.items]

    answers = [
        answer({"items": items("a"), "links": {"next": {"uri": "customers/c/orders?p=2"}}}),
        answer({"items": items("b")}),
    ]
    assert call(answers, run)[0] == ["b"]


# Where a walk may not go


@pytest.mark.fault("F16")
@pytest.mark.fault("F17")
@pytest.mark.parametrize("uri", [each for each in HOSTILE_LINKS if each] + CLIMBING_LINKS)
@each_linked
def test_a_link_that_must_not_be_followed_ends_the_walk_behind_its_items(form, uri):
    body = (
        {"value": items("a"), "@odata.nextLink": uri}
        if form is ODATA
        else {
            "items": items("a"),
            "links": {"next": {"uri": uri}},
        }
    )
    (found, error), fake = call([answer(body)], lambda client: walked(client, form))
    assert found == ["a"]
    assert type(error) is LinkError
    assert len(fake.requests) == 1


def linked(form: Form, uri: str) -> list[RawResponse]:
    """A page whose next link leads there, and one that is the last."""
    if form is ODATA:
        return [answer({"value": items("a"), "@odata.nextLink": uri}), answer({"value": items("b")})]
    return [answer({"items": items("a"), "links": {"next": {"uri": uri}}}), answer({"items": items("b")})]


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "uri", [f"/v1/{PATH}", PATH, f"/{PATH}", BASE + PATH, f"/v1//v1/{PATH}", f"/V1/{PATH}", f"//v1/{PATH}"]
)
@each_linked
def test_a_link_of_any_form_leads_to_one_url(form, uri):
    found, fake = call(linked(form, uri + "?p=%2f+2&q"), lambda client: walked(client, form))
    assert found == (["a", "b"], None)
    assert fake.requests[1].url == f"{BASE}{PATH}?p=%2f+2&q"


CASES = [
    ("customers/c/orders", "/customers/c/orders?p=2", True),
    ("customers/c/orders", "/CUSTOMERS/c/Orders/?p=2", True),
    ("customers/c/orders", "/customers/C/orders?p=2", False),
    ("customers/c/orders", "/customers/b/orders?p=2", False),
    ("customers/c/orders", "/customers/c/users?p=2", False),
    ("customers/c/orders", "/customers/c", False),
    ("customers/c/orders", "/customers", False),
    ("customers/c/orders", "/customers/c/orders/o", False),
    ("customers/c/orders", "/customers/c%2forders", False),
    ("customers/c/orders", "/customers/c/ord%C4%B1ers", False),
    ("customers/contoso/orders", "/customers/Contoso/orders", False),
    ("customers/orders/orders", "/customers/ORDERS/orders", False),
    (f"customers/{GUID}/orders", f"/customers/{GUID.upper()}/Orders", True),
    (f"customers/{GUID}/orders", f"/customers/{GUID[:-1]}2/orders", False),
    ("customers/8672a13e9197/orders", "/customers/8672A13E9197/orders", False),
    ("customers/a%20b%2Fc/orders", "/customers/a b%2fc/orders".replace(" ", "%20"), True),
    ("customers/a%20b%2Fc/orders", "/customers/a%20b/c/orders", False),
    ("customers/%FF/orders", "/customers/%ff/orders", True),
    ("customers/%FF/orders", "/customers/%FE/orders", False),
    ("customers/%C3%A9/orders", "/customers/%C3%89/orders", False),
    ("customers/{x}/orders", "/customers/{x}/orders?p=2", True),
    ("customers/{x}/orders", "/customers/%7Bx%7D/orders", True),
    ("analytics/commercial/usage/license/", "/Analytics/commercial/Usage/License?skip=2", True),
    ("invoices/i/lineitems/OneTime/BillingLineItems", "/Invoices/i/LineItems/OneTime/billinglineitems", True),
    ("invoices/i/lineitems/OneTime/BillingLineItems", "/invoices/i/lineitems/onetime/billinglineitems", False),
    ("invoices/i/lineitems", "/invoices/j/lineitems", False),
]


@pytest.mark.fault("F44")
@pytest.mark.parametrize(("path", "uri", "follows"), CASES)
@each_linked
def test_a_walk_stays_in_its_listing(form, path, uri, follows):
    (found, error), fake = call(linked(form, uri), lambda client: walked(client, form, path))
    assert found == ["a", "b"][: 1 + follows]
    assert isinstance(error, LinkError) is not follows
    assert len(fake.requests) == 1 + follows


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("uri", "follows"),
    [
        ("/invoices/i/lineitems/OneTime/billinglineitems?p=2", True),
        ("/invoices/i/lineitems?p=2", True),
        ("/invoices/j/lineitems/OneTime/billinglineitems?p=2", False),
        ("/invoices/i/lineitems/OneTime?p=2", False),
    ],
)
@each_linked
def test_a_caller_may_say_where_else_links_lead(form, uri, follows):
    others = ["/v1/invoices/i/lineitems/OneTime/BillingLineItems"]
    (_, error), _ = call(
        linked(form, uri), lambda client: walked(client, form, "invoices/i/lineitems", link_paths=others)
    )
    assert isinstance(error, LinkError) is not follows


@pytest.mark.fault("F44")
@each_form
def test_a_resumed_walk_stays_in_its_listing_too(form):
    async def run(client: PartnerCenterClient):
        pager = things(client, form)
        position = pager._listing.continuation(Cursor("/customers/b/things?skip=2"))
        return await anext(pager.pages(continuation=position))

    error, fake = call([], run)
    assert type(error) is LinkError
    assert fake.requests == []


@pytest.mark.fault("F41")
@pytest.mark.parametrize("token", ["a\r\nHost: evil.example", "a\nb", "a\x00b"])
def test_a_token_that_would_be_more_than_a_header_is_not_sent(token):
    answers = [answer({"items": items("a"), "continuationToken": token})]
    (found, error), fake = call(answers, lambda client: walked(client, BODY_TOKEN))
    assert (found, type(error), len(fake.requests)) == (["a"], LinkError, 1)


@pytest.mark.fault("F41")
@pytest.mark.parametrize("form", [HEADER_TOKEN, BODY_TOKEN], ids=repr)
def test_a_token_goes_out_as_it_came(form):
    token = "d19617b8,0705c4a9_a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=,%2F =="
    first = (
        answer(items("a"), headers={TOKEN: token})
        if form is HEADER_TOKEN
        else answer({"items": items("a"), "continuationToken": token})
    )
    _, fake = call([first, answer({"items": items("b")})], lambda client: walked(client, form))
    assert header(fake.requests[1], TOKEN) == token


@pytest.mark.fault("F41")
@pytest.mark.parametrize("change", [{"method": "DELETE"}, {"headers": [{"key": "Authorization", "value": "x"}]}])
def test_a_link_may_not_do_more_than_read(change):
    body = {"items": items("a"), "links": {"next": {"uri": f"/{PATH}?p=2"} | change}}
    (found, error), fake = call([answer(body)], lambda client: walked(client, LINKS))
    assert (found, type(error), len(fake.requests)) == (["a"], LinkError, 1)


# What a page is


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", NO_PAGES)
@pytest.mark.parametrize("form", [form for form in FORMS if form is not ODATA], ids=repr)
def test_what_is_no_page_is_an_error_in_every_form(form, body):
    for before in ([], [form.answer(["a"], 1)]):
        (found, error), _ = call([*before, answer(body)], lambda client: walked(client, form))
        assert found == ["a"] * len(before)
        assert (type(error), error.path, error.status) == (DecodeError, "$.items", 200)
        assert error.continuation


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    "body", [{}, {"items": []}, {"items": [{"id": "a"}]}, {"@odata.nextLink": f"/{PATH}?p=2"}, {"@odata.count": 3}]
)
def test_what_is_no_page_of_odata_is_an_error(body):
    (found, error), _ = call([answer(body)], lambda client: walked(client, ODATA))
    assert (found, type(error), error.path) == ([], DecodeError, "$.value")
    error, _ = call([answer(body)], lambda client: client.request("GET", PATH, ODataCollection[Thing]))
    assert (type(error), error.path) == (DecodeError, "$.value")
    error, _ = call([answer(body)], lambda client: client.request("GET", PATH, ODataCollection[Thing] | None))
    assert (type(error), error.path) == (DecodeError, "$.value")


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", [{"value": []}, {"VALUE": None}, {"@Odata.Count": 0}, [], [None]])
def test_a_page_of_odata_that_says_so_is_empty(body):
    assert call([answer(body)], lambda client: walked(client, ODATA))[0] == ([], None)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", EMPTY_PAGES)
@pytest.mark.parametrize("form", [form for form in FORMS if form is not ODATA], ids=repr)
def test_a_page_that_says_so_is_empty_in_every_form(form, body):
    assert call([answer(body), answer([])], lambda client: walked(client, form))[0] == ([], None)


@pytest.mark.fault("F43")
@each_form
@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_a_bare_array_in_place_of_a_page_gives_its_items_in_every_form(form, number):
    wanted = [str(each) for each in range(number)]
    answers = [answer(items(wanted))] + [answer([])] * (form in (TOP_SKIP, PAGE_NUMBER))
    assert call(answers, lambda client: walked(client, form))[0] == (wanted, None)


@pytest.mark.fault("F43")
@each_form
def test_an_error_under_a_200_is_the_services_error_in_every_form(form):
    for before in ([], [form.answer(["a"], 1)]):
        (found, error), _ = call([*before, answer(ERROR)], lambda client: walked(client, form))
        assert found == ["a"] * len(before)
        assert (type(error), error.status, error.code) == (StatusError, 200, 400072)


# Names in other letter case


def pascal(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"{name[0].upper()}{name[1:]}": pascal(each) for name, each in value.items()}
    return [pascal(each) for each in value] if isinstance(value, list) else value


def upper(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.upper(): upper(each) for name, each in value.items()}
    return [upper(each) for each in value] if isinstance(value, list) else value


@pytest.mark.fault("F43")
@pytest.mark.parametrize("spell", [pascal, upper])
def test_the_names_of_an_envelope_and_of_items_are_read_in_any_letter_case(spell):
    for form in (LINKS, BODY_TOKEN, ODATA):

        def respond(request: Request, form: Form = form) -> RawResponse:
            told = json.loads(serving(form, PAGES)(request).body)
            return answer(spell(told))

        found, fake = call(respond, lambda client, form=form: walked(client, form))
        assert found == (["a", "b", "c", "d", "e"], None)
        assert len(fake.requests) == 3


class Part(msgspec.Struct, rename="camel"):
    unit_price: float | None = None  # of a kind that no resource has


class Whole(msgspec.Struct, rename="camel"):
    id: str
    parts: tuple[Part, ...] = ()
    first_part: Part | None = None
    by_name: dict[str, Part] = {}


WHOLE = {
    "id": "a",
    "parts": [{"unitPrice": 1.5}, {"unitPrice": 0.10}],
    "firstPart": {"unitPrice": 2.5},
    "byName": {"OneName": {"unitPrice": 3.5}},
}


@pytest.mark.fault("F43")
@pytest.mark.parametrize("kind", [Whole, Whole | None])
@pytest.mark.parametrize("body", [lambda each: [each], lambda each: {"items": [each]}, lambda each: {"Items": [each]}])
def test_items_whose_names_are_spelt_otherwise_are_never_blank(kind, body):
    wanted = Whole("a", (Part(1.5), Part(0.1)), Part(2.5), {"OneName": Part(3.5)})
    for spelt in (WHOLE, pascal(WHOLE)):
        found, _ = call([answer(body(spelt))], lambda client: client.list(PATH, kind).collect())
        assert found == [wanted]


@pytest.mark.fault("F43")
def test_orders_whose_names_are_spelt_otherwise_are_read_to_the_last_digit():
    body = b'{"items": [{"Id": "a", "TotalPrice": 1.10, "LineItems": [{"Quantity": 3, "quantity": 4}], "ID": "b"}]}'
    (order,), _ = call([answer(body=body)], lambda client: client.orders.list("c").collect())
    assert (order.id, str(order.total_price), order.line_items[0].quantity) == ("a", "1.10", 4)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("kind", [Thing, Thing | None])
@pytest.mark.parametrize("frame", [lambda items: items, lambda items: {"items": items}, lambda items: {"Items": items}])
@pytest.mark.parametrize(
    "items",
    [
        [{"id": "a"}, {"Id": "b"}],
        [{"id": "a"}, None, {"Id": "b"}],
        [{"id": "a"}, [{"ID": "b"}]],
        [{"id": 7}, {"Id": 8, "new": 1}],
        [{"new": 1}, {"id": "a"}, {}, {"iD": "b"}],
        [*[{"id": "a"}] * 9, {"Id": "b"}],
    ],
)
@pytest.mark.parametrize("large", [0, decoding.LARGE])
def test_an_item_whose_names_are_spelt_otherwise_is_read_wherever_it_stands(items, frame, kind, large, monkeypatch):
    def ids(items):
        found, _ = call([answer(frame(items))], lambda client: client.list(PATH, kind).collect())
        return [each.id for each in found]

    monkeypatch.setattr(session, "LARGE", large)
    spelt_right = [each[0] if isinstance(each, list) else each for each in items]
    spelt_right = [each and {name.lower(): value for name, value in each.items()} for each in spelt_right]
    assert ids(items) == ids(spelt_right)


def test_items_without_anything_stay_without_anything():
    for body in ([{}], {"items": [{}, {"id": "a"}]}, {"items": [{"new": 1}, {"Id": None}]}):
        found, _ = call([answer(body)], lambda client: client.list(PATH, Thing).collect())
        assert found[0] == Thing()


class Row(msgspec.Struct, array_like=True):
    """Fields that have no names."""

    id: str = ""


def test_items_without_anything_cost_no_second_look(monkeypatch):
    def not_at_all(*_):
        raise AssertionError

    monkeypatch.setattr(decoding._Pages, "_look_again", not_at_all)
    monkeypatch.setattr(decoding, "_respelt_items", not_at_all)
    for kind, items in ((Thing, [{"new": {"id": "a"}}, {}]), (Thing | None, [{}, None, {"new": 1}]), (Row, [[], [""]])):
        found, _ = call([answer({"items": items})], lambda client, kind=kind: client.list(PATH, kind).collect())
        assert len(found) == 2


class Strict(msgspec.Struct):
    id: str

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("no id")


class Nothing(msgspec.Struct):
    """Takes any object, and nothing of it."""


@pytest.mark.parametrize("kind", [Strict, Nothing, dict, object, str, msgspec.Raw])
def test_items_may_be_of_any_kind(kind):
    given = ["x", "y"] if kind is str else [{"id": "x"}, {"id": "y"}]
    found, _ = call([answer(given)], lambda client: client.list(PATH, kind).collect())
    assert len(found) == 2


def test_what_cannot_be_read_is_an_error_however_it_is_spelt():
    for body in ([{"ID": {}}], {"items": [{"Id": {}}]}, [{"Name": "x"}]):
        error, _ = call([answer(body)], lambda client: client.list(PATH, Strict).collect())
        assert type(error) is DecodeError


# What callers pass


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "path", [each for each in HOSTILE_LINKS if each] + CLIMBING_LINKS + ["", "/", "v1", 5, None, b"x"]
)
def test_a_path_that_climbs_or_leaves_the_service_is_refused_before_anything_is_sent(path):
    refused(Fake([]), path, Thing, match="path")
    if path in ("", "/", "v1") or not isinstance(path, str):
        refused(Fake([]), PATH, Thing, link_paths=[path], match="link_paths: path")


@pytest.mark.parametrize(
    "value", [None, "links", "LINKS", Paging.first, paging.TopSkip, dict, 5, paging], ids=lambda value: repr(value)[:20]
)
def test_what_is_no_form_of_paging_is_refused(value):
    refused(Fake([]), PATH, Thing, paging=value, match="paging must be LINKS, TopSkip")


@pytest.mark.parametrize("form", [paging.TopSkip, paging.PageNumber])
@pytest.mark.parametrize("size", [0, -1, 1.5, True, "5", None])
def test_a_size_of_pages_that_cannot_be_meant_is_refused(form, size):
    with pytest.raises(ValueError, match="size"):
        form(size)


@pytest.mark.parametrize(
    ("form", "query"),
    [
        (TOP_SKIP, {"top": 5}),
        (TOP_SKIP, {"Skip": 5}),
        (PAGE_NUMBER, {"pagesize": 5}),
        (PAGE_NUMBER, {"PageNumber": 5}),
    ],
)
def test_what_the_form_of_paging_sets_is_not_the_callers_to_set(form, query):
    refused(Fake([]), PATH, Thing, paging=form.paging, query=query, match="query: .* is set by paging")
    ((name, value),) = query.items()
    refused(Fake([]), f"{PATH}?x=1&{name}={value}", Thing, paging=form.paging, match="is set by paging")


@pytest.mark.parametrize(
    "link_paths", ["customers", None, ["https://evil.example/v1/x"], ["a/../b"], [""], ["customers?x=1"], [5]]
)
def test_link_paths_that_cannot_be_meant_are_refused(link_paths):
    refused(Fake([]), PATH, Thing, link_paths=link_paths, match="link_paths")


@pytest.mark.parametrize(
    "query",
    ["x=1", ["x"], [("x", 1)], {"x": ["a", "b"]}, {"x": b"a"}, {"x": 1.5}, {"x": {"y": 1}}, {5: "x"}, {None: "x"}],
)
def test_a_query_that_cannot_be_meant_is_refused(query):
    refused(Fake([]), PATH, Thing, query=query, match="query")
    with pytest.raises(ValueError, match="query"):
        run_in_virtual_time(Fake([]).client.request("GET", PATH, query=query))


def test_a_member_of_an_enum_in_a_query_is_its_text():
    class Status(str, Enum):  # noqa: UP042 - other than those of StrEnum, these are not shown as their texts
        ACTIVE = "active"

    async def run(client: PartnerCenterClient):
        return await client.list(PATH, Thing, query={"status": Status.ACTIVE, "gone": None}).collect()

    _, fake = call([answer(items("a"))], run)
    assert fake.requests[0].url == f"{BASE}{PATH}?status=active"


@pytest.mark.parametrize("kind", [list[int] | set[int], complex, PartnerCenterClient, "Order", list[complex]])
def test_a_type_that_cannot_be_read_is_refused_at_once(kind):
    refused(Fake([]), PATH, kind, kind=TypeError, match="nothing that msgspec can read")


def test_a_request_id_is_refused_for_any_listing():
    refused(Fake([]), PATH, Thing, request_id="x", match="request_id")


def test_forms_of_paging_are_values():
    forms = [form.paging for form in FORMS] + [paging.SINGLE]
    assert len(set(forms)) == len({*forms, *pickle.loads(pickle.dumps(forms))}) == 7
    assert paging.TopSkip(5) == paging.TopSkip(5) != paging.TopSkip(6)
    assert paging.TopSkip(5) != paging.PageNumber(5)
    with pytest.raises(AttributeError):
        paging.TopSkip(5).size = 6


# What came, as it came


def test_a_call_hands_over_its_answer_before_its_result():
    seen: list[Response[object]] = []

    async def run(client: PartnerCenterClient):
        return await client.orders.get("c", "o", on_response=seen.append)

    order, fake = call([answer(status=503), answer({"id": "o"}, headers={"MS-CV": "x.0"})], run)
    (response,) = seen
    assert response.data is order
    assert json.loads(response.raw) == {"id": "o"}
    assert (response.info.status, response.info.ms_cv, response.info.attempts) == (200, "x.0", 2)
    assert response.info.request_id == header(fake.requests[0], "MS-RequestId")


@each_form
def test_a_listing_hands_over_the_answer_of_each_page_before_the_page(form):
    seen: list[Response[object]] = []

    async def run(client: PartnerCenterClient):
        known = []
        async for page in things(client, form, on_response=seen.append).pages():
            assert (seen[-1].raw, seen[-1].info) == (page.raw, page.info)
            known.append(len(seen))
        return known

    known, fake = call(serving(form, PAGES), run)
    assert known == list(range(1, len(fake.requests) + 1))


@pytest.mark.parametrize("error", [KeyError("x"), LinkError("mine"), TimeoutError()])
def test_what_the_callback_raises_passes_through(error):
    def tell(_: Response[object]) -> None:
        raise error

    async def one(client: PartnerCenterClient):
        await client.customers.get("c", on_response=tell)

    async def all_of_them(client: PartnerCenterClient):
        await client.customers.list(on_response=tell).collect()

    for way in (one, all_of_them):
        found, fake = call([answer({"id": "a", "items": [{}]})], way)
        assert found is error
        assert len(fake.requests) == 1
        assert found.__cause__ is None


def test_a_request_hands_over_its_answer_too():
    seen: list[Response[object]] = []

    async def run(client: PartnerCenterClient):
        return await client.request("DELETE", "customers/c", on_response=seen.append)

    response, _ = call([answer(body=b"", status=204)], run)
    assert seen == [response]


def test_a_call_that_fails_hands_over_nothing():
    seen: list[Response[object]] = []
    for each in (answer(status=404), answer({}), answer(ERROR)):
        error, _ = call([each], lambda client: client.customers.get("c", on_response=seen.append))
        assert isinstance(error, PartnerCenterError)
    assert seen == []


async def unheard(_response: Response[object]) -> None:
    """Nobody would await it."""


@pytest.mark.parametrize("value", [5, "print", unheard])
def test_what_is_no_function_is_no_callback(value):
    refused(Fake([]), PATH, Thing, on_response=value, match="on_response")


@pytest.mark.parametrize("way", [as_loop, as_list, as_pages, ahead, fanned_out])
@pytest.mark.parametrize("stop", [StopIteration, StopAsyncIteration])
def test_what_a_callback_raises_never_passes_for_the_end_of_a_walk(way, stop):
    def leave(_response: Response[object]) -> None:
        raise stop

    def listing(client: PartnerCenterClient, form: Form):
        view = SimpleNamespace(list=partial(client.list, on_response=leave))
        return way(view, form)

    error, fake = call(serving(LINKS, PAGES), lambda client: listing(client, LINKS))
    assert (type(error), type(error.__cause__)) == (RuntimeError, stop)
    assert len(fake.requests) == 1


# Over the wire


async def test_any_listing_is_complete_over_the_wire():
    data = DataSet(oddities=True, customers=12, orders_per_customer=5, migrations_per_customer=6, seed=3)
    async with Emulator(data, page_size=2, customers_page_size=5, link_style="mixed") as emulator:
        emulator.inject(Fault(service_error(503, 800003, "Not now."), nth=3, times=2))
        customer = data.customer_id(2)
        async with connected(emulator) as client:
            customers = await client.list("customers", Customer).collect()
            orders = [each.id async for each in client.list(f"customers/{customer}/orders", Order)]
            moved = client.list(
                "migrations/newcommerce",
                Thing,
                query={"CustomerTenantId": customer, "PageSize": 2},
                paging=paging.HEADER_TOKEN,
            )
            migrations = [each.id async for each in moved]
    assert [each.id for each in customers] == list(data.customer_ids())
    assert orders == [each["id"] for each in data.orders(customer)]
    assert migrations == [each["id"] for each in data.migrations(customer)]


@each_form
async def test_any_listing_is_exported_with_every_item_once(form, tmp_path):
    fake = Fake(serving(form, PAGES))
    output = tmp_path / "things.ndjson"
    report = await export(["c"], lambda _: things(fake.client, form), output)
    assert (report.items, report.failed) == (5, {})
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == ["a", "b", "c", "d", "e"]


ODD = b'{"items": ["a", "", null, 1.50, true, [1, 2], [3], [], {"b": [null]}, [{"c": 1}]]}'
OF_OBJECTS = b'{"items": [{"b": 1.50}, null, "", [{"c": 1}]]}'


def into(item: Any, body: bytes) -> Callable[[str], Any]:
    return lambda _: Fake([answer(body=body)]).client.list(PATH, item)


@pytest.mark.parametrize("item", [object, Any, msgspec.Raw, list[Any], str | int, str])
async def test_whatever_an_item_is_it_is_a_line(item, tmp_path):
    output = tmp_path / "items.ndjson"
    report = await export(["c"], into(item, ODD), output)
    lines = [b'"a"', b'""', b"1.50", b"true", b"[1,2]", b"[3]", b"[]", b'{"b":[null]}', b'[{"c":1}]']
    assert output.read_bytes().splitlines() == lines
    assert report.items == len(lines)


@pytest.mark.parametrize("item", [Thing, Thing | None, dict[str, Any]])
async def test_where_items_are_objects_a_line_is_one_and_all_else_an_error(item, tmp_path):
    output = tmp_path / "items.ndjson"
    await export(["c"], into(item, OF_OBJECTS), output)
    assert output.read_bytes().splitlines() == [b'{"b":1.50}', b'{"c":1}']
    with pytest.raises(DecodeError, match="expected an object, got str 'a'"):
        await export(["c"], into(item, ODD), output)


@pytest.mark.parametrize(("item", "found"), [(str, "'str' object has no attribute 'id'"), (dict[str, Any], "'dict'")])
async def test_what_can_be_no_row_of_a_table_ends_the_export_and_says_so(item, found, tmp_path):
    body = b'{"items": [{"id": "a"}]}' if item is not str else b'{"items": ["a"]}'
    with pytest.raises(TypeError, match=f"the table Thing is made of a Thing, .*{found}.*Table of that, or export ND"):
        await export(["c", "d"], into(item, body), tmp_path / "o", table=Table(Thing), format="csv")


async def test_rows_can_be_made_of_any_items(tmp_path):
    def things(text: str) -> list[Thing]:
        return [Thing(id=text)]

    await export(["c"], into(str, b'{"items": ["a"]}'), tmp_path / "o", table=Table(Thing, rows=things), format="csv")
    assert (tmp_path / "o").read_text().splitlines() == ["customerId,id,displayName", "c,a,"]


def test_readers_of_one_walk_are_refused_in_every_form():
    async def run(client: PartnerCenterClient):
        pages = things(client, TOP_SKIP).pages()
        return await asyncio.gather(anext(pages), anext(pages), return_exceptions=True)

    async def respond(_: Request) -> RawResponse:
        await asyncio.sleep(1)
        return answer([])

    found, _ = call(respond, run)
    assert type(found[1]) is RuntimeError
