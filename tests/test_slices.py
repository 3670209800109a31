"""A large listing is decoded in slices: with the same result, and without keeping all others waiting."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from helpers import call
from hypothesis import example, given
from hypothesis import strategies as st

from partnercenter_async import ODataCollection, Order, PartnerCenterError, ResourceCollection
from partnercenter_async._session import decoding, session
from partnercenter_async._session.decoding import decode, slices
from partnercenter_async.errors import DecodeError
from partnercenter_async.testing import answer


class Few(msgspec.Struct, rename="camel"):
    id: str = ""


class Weighed(msgspec.Struct):
    weight: float | None = None  # which no resource has, so there is no second look


ITEMS = [Order, Few, Few | None, Weighed, Any]
LISTINGS = [
    *(ResourceCollection[item] for item in ITEMS),
    *(ODataCollection[item] for item in ITEMS),
    *(tuple[item, ...] for item in ITEMS),
]
PLAIN = {"totalCount": 3, "items": [{"id": "a"}, {"id": "b"}, {"id": "c"}], "attributes": {"objectType": "Collection"}}
NEXT = {"next": {"uri": "/customers?size=1", "method": "GET", "headers": [{"key": "a", "value": "b"}]}}


def sliced(body: bytes, into: Any, size: int = 1) -> tuple[Any, int]:
    """What a body is in slices, and how many pauses there were."""
    reading, pauses = slices(body, into, size), 0
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1


def the_same(body: bytes, into: Any, size: int) -> None:
    try:
        expected = decode(body, into)
    except DecodeError:
        assert sliced(body, into, size)[0] is None
    else:
        found, _ = sliced(body, into, size)
        assert found is None or (found == expected and repr(found) == repr(expected))


texts = st.sampled_from(["", "x", "7", "2024-12-31T23:59:59.9999999Z", "1.10"])
members = st.dictionaries(
    st.sampled_from(["id", "Id", "totalPrice", "creationDate", "weight", "lineItems", "status", "new"]),
    st.none() | st.booleans() | st.integers(-1, 9) | texts | st.just([]) | st.just([{"quantity": "7"}]),
    max_size=3,
)
items = st.lists(
    members | st.none() | texts | st.lists(members, max_size=2) | st.just({}) | st.integers(0, 1), max_size=5
)
frames = st.dictionaries(
    st.sampled_from(["totalCount", "links", "attributes", "continuationToken", "new", "code", "Items"]),
    st.sampled_from([None, "", 0, "x", {}, NEXT, {"Next": {"URI": "/x"}}, {"objectType": "x"}, {"ObjectType": "x"}]),
    max_size=3,
)
listings = st.builds(
    lambda frame, name, items: frame | {name: items}, frames, st.sampled_from(["items", "value"]), items
)


@given(listings | items, st.sampled_from(LISTINGS), st.sampled_from([1, 30, 1000]))
@example({"items": [{"id": 7}, None, {"id": "b"}]}, ResourceCollection[Few | None], 1)
@example([{"id": 7}, None, {"id": "b"}], tuple[Few | None, ...], 1)
@example([{"id": "a"}, None], tuple[Few | None, ...], 1)
@example({"items": [{"weight": 1}, {"weight": "x"}]}, ResourceCollection[Weighed], 1)
def test_in_slices_a_listing_is_what_it_is_as_a_whole(document, into, size):
    the_same(json.dumps(document).encode(), into, size)


@given(
    st.sampled_from([PLAIN, PLAIN["items"], PLAIN | {"links": NEXT}, {"value": PLAIN["items"]}]),
    st.sampled_from(LISTINGS),
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([b"", b'"', b"}", b"]", b",", b"\\", b"\xff", b"{"])), max_size=2
    ),
)
def test_in_slices_a_broken_listing_is_what_it_is_as_a_whole(document, into, changes):
    body = json.dumps(document).encode()
    for place, put in changes:
        body = body[:place] + put + body[place + 1 :]
    the_same(body, into, 1)


def test_a_listing_is_read_in_slices_whatever_its_items_are():
    for items in ([{"id": "a"}] * 4, [{"id": "a"}, {"id": 7}, None, [{"id": "b"}]]):
        for mark in (b"", b"\xef\xbb\xbf"):
            body = mark + json.dumps(PLAIN | {"items": items, "links": NEXT}).encode()
            found, pauses = sliced(body, ResourceCollection[Order])
            assert (found, pauses) == (decode(body, ResourceCollection[Order]), 5)
            assert found.links.next.uri == "/customers?size=1"
            body = mark + json.dumps(items).encode()
            assert sliced(body, tuple[Order, ...]) == (decode(body, tuple[Order, ...]), 5)
            assert sliced(body, ResourceCollection[Order]) == (decode(body, ResourceCollection[Order]), 5)
            body = mark + json.dumps({"value": items, "@odata.nextLink": "/x", "@odata.count": 9}).encode()
            found, pauses = sliced(body, ODataCollection[Order])
            assert (found, pauses) == (decode(body, ODataCollection[Order]), 5)
            assert (found.next_link, found.total_count) == ("/x", 9)


@pytest.mark.parametrize("into", [Order, dict[str, Any], tuple[Order, Order], list[Order], type(None)])
def test_what_is_no_listing_is_read_as_a_whole(into):
    assert sliced(json.dumps(PLAIN).encode(), into) == (None, 0)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("frame", [lambda items: items, lambda items: {"items": items}])
def test_items_whose_names_are_spelt_otherwise_are_read_as_a_whole(frame):
    body = json.dumps(frame([{"Id": "a"}, {"Id": "b"}])).encode()
    assert sliced(body, ResourceCollection[Few])[0] is None
    assert [each.id for each in decode(body, ResourceCollection[Few]).items] == ["a", "b"]


@pytest.mark.fault("F43")
def test_a_listing_with_items_of_which_nothing_is_wanted_is_read_in_slices():
    for items in ([{"new": 1}, {"new": 2}, {}], [{"id": "a"}, {}, [{}]]):
        body = json.dumps(PLAIN | {"items": items}).encode()
        expected = decode(body, ResourceCollection[Few])
        assert sliced(body, ResourceCollection[Few]) == (expected, 4)


def test_a_field_that_the_service_adds_costs_the_first_page_its_slices_alone():
    class Mine(Few):
        """A kind whose pages nobody has read yet."""

    body = json.dumps(PLAIN | {"newField": 1}).encode()
    assert sliced(body, ResourceCollection[Mine]) == (None, 0)
    decode(body, ResourceCollection[Mine])
    assert sliced(body, ResourceCollection[Mine]) == (decode(body, ResourceCollection[Mine]), 4)


@pytest.mark.parametrize(
    "document",
    [
        PLAIN,
        PLAIN | {"items": [{"id": 7}]},
        PLAIN | {"items": []},
        PLAIN | {"items": [{"id": "a"}, {"lineItems": 5}]},
        {"code": 400072, "description": "Item not available."},
        {"value": []},
    ],
)
def test_a_call_gives_the_same_result_and_the_same_error_in_slices(document, monkeypatch):
    body = json.dumps(document).encode()

    def outcome():
        found, _ = call(
            [answer(body=body)], lambda client: client.request("GET", "customers", ResourceCollection[Order])
        )
        if not isinstance(found, PartnerCenterError):
            return found.data, found.raw
        return type(found), found.description, getattr(found, "path", None), getattr(found, "body", None)

    as_a_whole = outcome()
    monkeypatch.setattr(session, "LARGE", 0)
    assert outcome() == as_a_whole


def test_others_have_their_turns_while_a_large_page_is_decoded():
    item = {"id": "a", "lineItems": [{"friendlyName": "x" * 1000}] * 5}
    count = decoding.LARGE // 5000

    async def turns(client) -> int:
        """How often another task has its turn during a call."""
        had = 0

        async def other():
            nonlocal had
            while True:
                had += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        found = await client.request("GET", "customers", ResourceCollection[Order])
        task.cancel()
        assert len(found.data.items) in {1, count}
        return had

    few, many = (
        call([answer(body=json.dumps(PLAIN | {"items": [item] * number}).encode())], turns)[0] for number in (1, count)
    )
    assert many >= few + decoding.LARGE // (1 << 19)


def in_turns(count: int, monkeypatch: pytest.MonkeyPatch, during: Any) -> tuple[list[int], Any]:
    """In which turn of the event loop each slice of so many pages was decoded, and what became of the calls."""
    turn, slices_at = 0, list[int]()

    def noted(body, into):
        for _ in range(5):
            slices_at.append(turn)
            yield
        return decode(body, into)

    async def all_at_once(client):
        async def other():
            nonlocal turn
            while True:
                turn += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(other())
        calls = [asyncio.create_task(client.request("GET", "customers", ResourceCollection[Few])) for _ in range(count)]
        await during(calls, slices_at)
        found = await asyncio.gather(*calls, return_exceptions=True)
        counting.cancel()
        return found

    monkeypatch.setattr(session, "LARGE", 0)
    monkeypatch.setattr(session, "slices", noted)
    return slices_at, call([answer(body=json.dumps(PLAIN).encode())] * count, all_at_once)[0]


def test_a_turn_decodes_one_slice_however_many_large_pages_there_are(monkeypatch):
    async def nothing(calls, slices_at):
        pass

    slices_at, found = in_turns(8, monkeypatch, nothing)
    assert len(slices_at) == len(set(slices_at)) == 40
    assert {len(each.data.items) for each in found} == {3}


def test_who_is_cancelled_between_slices_keeps_nobody_waiting(monkeypatch):
    async def cancel_some(calls, slices_at):
        for _ in range(20):
            await asyncio.sleep(0)
        assert 2 <= len(slices_at) < 18
        for each in calls[:2]:
            each.cancel()

    slices_at, found = in_turns(4, monkeypatch, cancel_some)
    assert len(slices_at) == len(set(slices_at)) < 20
    assert [type(each) is asyncio.CancelledError for each in found] == [True, True, False, False]
    assert {len(each.data.items) for each in found[2:]} == {3}
