"""What a page is: nothing else passes for an empty one, and no error passes for a result."""

import json

import msgspec
import pytest
from helpers import call, connected, page
from hypothesis import example, given
from hypothesis import strategies as st
from test_paging import walk

from partnercenter_async import (
    ApiError,
    Customer,
    DecodeError,
    NewCommerceMigration,
    NotFoundError,
    ODataCollection,
    Order,
    OutcomeUnknownError,
    PartnerCenterClient,
    PartnerCenterError,
    ResourceCollection,
    Response,
    StatusError,
)
from partnercenter_async._session import decoding
from partnercenter_async._session.decoding import decode
from partnercenter_async.emulator import Answer, Fault
from partnercenter_async.export import ORDERS, export
from partnercenter_async.export.pages import records
from partnercenter_async.models.common import ResourceAttributes
from partnercenter_async.paging import ODATA
from partnercenter_async.testing import answer

PAGE = ResourceCollection[Order]
ERROR = {"code": 400072, "description": "Item not available.", "data": [], "source": "PartnerFD"}
ENVELOPE = ["items", "totalCount", "links", "attributes", "continuationToken"]
NO_PAGES = [
    {},
    {"message": "Something is wrong."},
    {"value": [{"id": "a"}]},
    {"Value": []},
    {"totalCount": 3},
    {"totalCount": 3, "attributes": {"objectType": "Collection"}},
    {"attributes": {"objectType": "Order"}},
    {"links": {"self": {"uri": "/customers/c/orders"}}},
    {"item": [], "Item": []},
    {"items ": [{"id": "a"}]},
    {"data": {"items": [{"id": "a"}]}},
    {"code": 400072},
    {"description": "Item not available."},
    {"code": None, "description": None},
    {"statusCode": 429, "message": "Rate limit is exceeded."},
]
EMPTY_PAGES = [
    {"items": []},
    {"items": None},
    {"items": ""},
    {"items": None, "totalCount": 5},
    {"totalCount": 0},
    {"totalCount": "0"},
    {"attributes": {"objectType": "Collection"}},
    {"attributes": {"objectType": "Collection"}, "totalCount": None, "links": None},
    {"Items": []},
    {"ITEMS": None},
    {"TotalCount": 0},
    {"Attributes": {"ObjectType": "collection"}},
    {"items": [], "code": 400072, "description": "Delivered all the same."},
    {"totalCount": 0, "code": 400072, "description": "Nothing is there."},
    [],
    [None],
]


class Few(msgspec.Struct, rename="camel"):
    id: str = ""


async def one(client: PartnerCenterClient):
    return await client.orders.get("c", "o")


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", NO_PAGES)
@pytest.mark.parametrize("before", [[], [page("a", next="customers/c/orders?p=2")]])
def test_what_is_no_page_never_ends_a_walk_in_silence(body, before):
    (found, error), fake = call([*before, answer(body)], walk)
    assert found == ["a"] * len(before)
    assert type(error) is DecodeError
    assert error.path == "$.items"
    assert error.status == 200
    assert error.request_id
    assert error.continuation
    assert error.safe_to_repeat
    assert json.loads(error.body) == body
    assert len(fake.requests) == len(before) + 1


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", NO_PAGES)
def test_what_is_no_page_is_no_page_for_requests_and_own_types_either(body):
    error, _ = call([answer(body)], lambda client: client.request("GET", "customers/c/orders", PAGE))
    assert (type(error), error.path) == (DecodeError, "$.items")
    error, _ = call([answer(body)], lambda client: client.orders.list("c").into(Few).collect())
    assert (type(error), error.path) == (DecodeError, "$.items")


class Orders(ResourceCollection[Order], frozen=True, kw_only=True):
    """A page with a field more."""

    region: str | None = None


@pytest.mark.fault("F43")
@pytest.mark.parametrize("into", [PAGE | None, Orders, Orders | None])
@pytest.mark.parametrize("body", [*NO_PAGES, {"Items": [{"id": "a"}]}, [{"id": "a"}]])
def test_what_is_no_page_is_none_of_a_type_made_of_pages_either(body, into):
    error, _ = call([answer(body)], lambda client: client.request("GET", "customers/c/orders", into))
    assert (type(error), error.path) == (DecodeError, "$.items")


@pytest.mark.fault("F43")
@pytest.mark.parametrize("into", [PAGE | None, Orders])
@pytest.mark.parametrize("body", [{"items": []}, {"totalCount": 0}, {"items": [{"id": "a"}]}])
def test_a_page_is_one_of_a_type_made_of_pages_too(body, into):
    response, _ = call([answer(body)], lambda client: client.request("GET", "customers/c/orders", into))
    assert len(response.data.items) == len(body.get("items", ()))


def test_a_type_whose_items_have_another_name_is_taken_at_its_word():
    class Values(ResourceCollection[Order], frozen=True, kw_only=True, rename={"items": "value"}):
        """A page as other services send it."""

        items: tuple[Order, ...] = ()

    assert decode(b'{"value": []}', Values) == Values()


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", EMPTY_PAGES)
def test_a_page_that_says_so_is_empty(body):
    assert call([answer(body)], walk)[0] == ([], None)
    response, _ = call([answer(body)], lambda client: client.request("GET", "customers/c/orders", PAGE))
    assert response.data.items == ()
    assert records(json.dumps(body).encode()) == []


@pytest.mark.fault("F43")
@pytest.mark.parametrize("spell", [str.upper, str.capitalize, str.swapcase, lambda name: name[0].upper() + name[1:]])
def test_the_names_of_a_page_are_read_in_any_letter_case(spell):
    def spelt(value):
        if isinstance(value, dict):
            return {spell(name): spelt(member) for name, member in value.items()}
        return [spelt(each) for each in value] if isinstance(value, list) else value

    header = {"key": "MS-ContinuationToken", "value": "t1"}
    frame = {
        "totalCount": 1,
        "links": {"next": {"uri": "/customers/c/orders?p=2", "method": "GET", "headers": [header]}},
        "attributes": {"objectType": "Collection", "etag": "x"},
        "continuationToken": "t1",
    }
    body = spelt(frame) | {spell("items"): [{"id": "a"}]}
    plain = frame | {"items": [{"id": "a"}]}
    assert decode(json.dumps(body).encode(), PAGE) == decode(json.dumps(plain).encode(), PAGE)
    (found, error), fake = call([answer(body), page("b")], walk)
    assert (found, error) == (["a", "b"], None)
    assert dict(fake.requests[1].headers)["MS-ContinuationToken"] == "t1"


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    "links",
    [
        {"Next": {"uri": "customers/c/orders?p=2"}},
        {"next": {"Uri": "customers/c/orders?p=2", "Method": "GET", "Headers": []}},
        {"NEXT": {"URI": "customers/c/orders?p=2"}, "self": {"uri": "customers/c/orders"}, "new": 1},
        [{"next": {"uri": "customers/c/orders?p=2"}}],
    ],
)
def test_a_next_link_in_another_letter_case_is_followed(links):
    body = {"totalCount": 1, "items": [{"id": "a"}], "links": links}
    assert call([answer(body), page("b")], walk)[0] == (["a", "b"], None)


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    "attributes", [{"ObjectType": "Collection", "ETAG": "x"}, [{"OBJECTTYPE": "Collection", "Etag": "x"}]]
)
@pytest.mark.parametrize("items", [[], [{"id": "a"}]])
def test_the_attributes_of_a_page_are_read_in_any_letter_case(attributes, items):
    found = decode(json.dumps({"items": items, "attributes": attributes}).encode(), PAGE)
    assert found.attributes == ResourceAttributes(object_type="Collection", etag="x")


@pytest.mark.fault("F43")
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_links_method_and_headers_are_read_in_any_letter_case(method):
    (found, error), _ = call(
        [answer({"items": [{"id": "a"}], "links": {"next": {"uri": "customers/c/orders?p=2", "METHOD": method}}})], walk
    )
    assert found == ["a"]
    assert isinstance(error, PartnerCenterError)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", [{"items": [], "Items": []}, {"items": [{}], "ITEMS": []}, {"links": {}, "Links": {}}])
def test_a_name_that_stands_twice_is_refused(body):
    with pytest.raises(DecodeError, match="twice"):
        decode(json.dumps({"totalCount": 0} | body).encode(), PAGE)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("number", [0, 1, 2, 7])
@pytest.mark.parametrize("front", [b"", b" \r\n\t", b"\xef\xbb\xbf "])
def test_a_bare_array_in_place_of_a_page_gives_its_items(number, front):
    wanted = [f"o{each}" for each in range(number)]
    body = front + json.dumps([{"id": each} for each in wanted]).encode()
    assert call([answer(body=body)], walk)[0] == (wanted, None)
    response, _ = call([answer(body=body)], lambda client: client.request("GET", "customers/c/orders", PAGE))
    assert [each.id for each in response.data.items] == wanted
    assert len(records(body)) == number


@pytest.mark.fault("F43")
@pytest.mark.parametrize("kind", [Few, Few | None, NewCommerceMigration | None, dict | None])
def test_a_null_among_the_items_is_no_item_of_any_listing(kind):
    body = [None, {"id": "a"}, None]
    listings = [lambda client: client.migrations.list(customer_tenant_id="t"), lambda client: client.orders.list("c")]
    for listing in listings:
        found, _ = call([answer(body)], lambda client, listing=listing: listing(client).into(kind).collect())
        assert len(found) == len(records(json.dumps(body).encode())) == 1


odd_items = st.recursive(
    st.sampled_from([None, "", [], {}, 0, 7, True, "x", 1.5, {"id": "a"}, {"id": None}, {"id": ["x"]}]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.fault("F43")
@given(
    st.lists(odd_items, max_size=4),
    st.sampled_from(["items", "Items", "ITEMS", None]),
    st.dictionaries(st.sampled_from(["totalCount", "new", "links", "value"]), st.sampled_from([None, "", 0])),
    st.sampled_from([Order, Few, Customer, Few | None]),
)
@example([None], "items", {}, Few)
@example([""], None, {}, Few)
@example([[], [None], [""], [{}]], "items", {}, Few)
@example([None, {}], "items", {}, Few | None)
def test_lines_and_items_never_differ_in_number(items, name, others, kind):
    body = json.dumps(items if name is None else others | {name: items}).encode()
    try:
        found = decode(body, ResourceCollection[kind])
    except DecodeError:
        return
    lines = records(body)
    assert len(lines) == len(found.items)
    for line, item in zip(lines, found.items, strict=True):
        assert decode(line, kind) == item


@pytest.mark.fault("F43")
@given(
    st.recursive(
        odd_items,
        lambda inner: st.dictionaries(st.sampled_from([*ENVELOPE, "Items", "Links", "next", "URI", "new"]), inner),
        max_leaves=10,
    )
)
def test_any_document_is_a_page_or_an_error_and_both_looks_agree(document):
    body = json.dumps(document).encode()

    def read():
        try:
            return decode(body, PAGE)
        except DecodeError as error:
            assert error.path.startswith("$")
            return error.path

    at_once = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding._Pages, "read", decoding._Pages._look_again)
        assert read() == at_once


@pytest.mark.parametrize("name", ["newField", "@odata.count", "x" * 5000, "é", 'quo"te'])
def test_a_field_that_the_service_adds_changes_nothing(name):
    class Mine(Few):
        """A kind whose pages nobody has read yet."""

    plain = {"totalCount": 1, "items": [{"id": "a"}]}
    assert decode(json.dumps(plain | {name: {"items": [1]}}).encode(), ResourceCollection[Mine]) == decode(
        json.dumps(plain).encode(), ResourceCollection[Mine]
    )


def test_a_field_that_the_service_adds_costs_the_first_page_alone(monkeypatch):
    class Mine(Few):
        """A kind whose pages nobody has read yet."""

    again = []
    look_again = decoding._Pages._look_again
    monkeypatch.setattr(decoding._Pages, "_look_again", lambda self, body: again.append(body) or look_again(self, body))
    body = json.dumps({"items": [{"id": "a"}], "newField": 1, "another": {}}).encode()
    for _ in range(3):
        assert decode(body, ResourceCollection[Mine]).items == (Mine(id="a"),)
    assert len(again) == 1


def test_ever_new_fields_are_not_kept_without_end():
    for number in range(100):
        assert decode(json.dumps({"items": [{"id": "a"}], f"new{number}": 1}).encode(), PAGE).items[0].id == "a"
    assert len(decoding._pages(PAGE)._new) <= 16


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([{}, {"id": {}}], "$.items[1].id"),
        ({}, "$.items"),
        ([1], "$.items[0]"),
        ([{"lineItems": 5}], "$.items[0].lineItems"),
    ],
)
@pytest.mark.parametrize("name", ["items", "Items"])
def test_what_cannot_be_read_of_a_page_is_named(items, path, name):
    with pytest.raises(DecodeError) as caught:
        decode(json.dumps({name: items}).encode(), PAGE)
    assert caught.value.path == path


def test_what_cannot_be_read_into_a_type_of_the_callers_own_is_named():
    class Weighed(msgspec.Struct):
        weight: float = 0.0

    with pytest.raises(DecodeError) as caught:
        decode(b'{"items": [{"weight": 1.5}, {"weight": "x"}]}', ResourceCollection[Weighed])
    assert caught.value.path == "$.items[1].weight"
    with pytest.raises(DecodeError) as caught:
        decode(b'{"items": 5}', ResourceCollection[Weighed])
    assert caught.value.path == "$.items"
    assert decode(b'{"items": null}', ResourceCollection[Weighed]).items == ()


@pytest.mark.parametrize(
    ("body", "path"), [({"totalCount": {}}, "$.totalCount"), ({"links": {"next": 5}}, "$.links.next")]
)
def test_what_cannot_be_read_around_the_items_is_named(body, path):
    for items in ([], [{"id": "a"}]):
        with pytest.raises(DecodeError) as caught:
            decode(json.dumps({"items": items} | body).encode(), PAGE)
        assert caught.value.path == path


# Errors under a 2xx


def respelt(spell):
    return {spell(name): value for name, value in ERROR.items()}


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    "body",
    [
        ERROR,
        respelt(str.capitalize),
        respelt(str.upper),
        ERROR | {"links": None, "id": ""},
        ERROR | {"attributes": {"objectType": "Error"}, "Links": {}},
    ],
)
@pytest.mark.parametrize(
    "operation",
    [
        one,
        lambda client: client.customers.get("c"),
        lambda client: client.migrations.get("c", "m"),
        lambda client: client.orders.list("c").first(),
        lambda client: client.migrations.list(customer_tenant_id="t").first(),
        lambda client: client.orders.provisioning_status("c", "o").into(Few).first(),
        lambda client: client.request("GET", "x/y", PAGE),
        lambda client: client.request("GET", "x/y", Customer),
        lambda client: client.request("GET", "x/y", Order | None),
        lambda client: client.request("GET", "x/y", list[Order]),
        lambda client: client.request("GET", "x/y", int),
        lambda client: client.request("GET", "x/y"),
    ],
)
def test_an_error_body_is_the_services_error_whatever_its_status(body, operation):
    error, fake = call([answer(body, reason="OK", headers={"Retry-After": "7"})], operation)
    assert type(error) is StatusError
    assert (error.status, error.code, error.description) == (200, 400072, "Item not available.")
    assert error.error.source == "PartnerFD"
    assert error.safe_to_repeat
    assert error.retry_after == 7
    assert json.loads(error.body) == body
    assert error.request_id
    assert error.attempts == len(fake.requests) == 1


@pytest.mark.fault("F43")
def test_an_error_body_as_page_two_does_not_end_the_walk():
    (found, error), _ = call([page("a", next="customers/c/orders?p=2"), answer(ERROR)], walk)
    assert found == ["a"]
    assert (type(error), error.status, error.code) == (StatusError, 200, 400072)
    assert error.continuation


@pytest.mark.fault("F43")
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("into", [None, Order, dict])
@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_error_body_of_a_write_is_never_safe_to_repeat(method, into, status):
    async def write(client: PartnerCenterClient):
        return await client.request(method, "customers/c/orders", into, body={"quantity": 1})

    error, fake = call([answer(ERROR, status=status)], write)
    assert isinstance(error, PartnerCenterError)
    assert (error.status, error.code) == (status, 400072)
    assert not error.safe_to_repeat
    assert isinstance(error, OutcomeUnknownError) == (method in {"POST", "PATCH"})
    assert len(fake.requests) == 1


GRAPH_ERROR = {
    "code": "Request_ResourceNotFound",
    "message": "It does not exist.",
    "innerError": {"date": "2024-01-31T00:00:00", "request-id": "r", "client-request-id": "r"},
    "details": [],
}


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    "body",
    [
        {"error": GRAPH_ERROR},
        {"error": GRAPH_ERROR, "value": None},
        {"error": GRAPH_ERROR | {"details": ["x" * 100_000]}},
    ],
)
@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("into", [None, Few, Few | None, Order, dict, object, list[Order], PAGE, ODataCollection[Few]])
def test_an_error_of_graphs_is_its_error_whatever_its_status(body, status, into):
    error, _ = call(
        [answer(body, status=status)], lambda client: client.request("GET", "v1.0/x", into, service="graph")
    )
    assert type(error) is (StatusError if status == 200 else NotFoundError)
    assert (error.status, error.code) == (status, "Request_ResourceNotFound")
    assert error.description == "It does not exist."


@pytest.mark.fault("F43")
@pytest.mark.parametrize("spell", [str.capitalize, str.upper])
def test_the_names_of_an_error_of_graphs_under_a_200_are_read_in_any_letter_case(spell):
    body = {spell("error"): {spell(name): value for name, value in GRAPH_ERROR.items()}}
    error, _ = call([answer(body)], lambda client: client.request("GET", "v1.0/x", Few, service="graph"))
    assert (type(error), error.code) == (StatusError, "Request_ResourceNotFound")


@pytest.mark.fault("F43")
def test_an_error_of_graphs_as_page_two_does_not_end_the_walk():
    pages = [
        answer({"value": [{"id": "a"}], "@odata.nextLink": "/v1.0/x?$skiptoken=1"}),
        answer({"error": GRAPH_ERROR}),
    ]
    error, _ = call(pages, lambda client: client.list("v1.0/x", Few, paging=ODATA, service="graph").collect())
    assert (type(error), error.code) == (StatusError, "Request_ResourceNotFound")
    assert error.continuation


class Operation(msgspec.Struct):
    status: str = ""
    error: dict[str, object] | None = None


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    ("into", "body"),
    [
        (Operation, {"error": GRAPH_ERROR}),
        (ApiError, {"error": GRAPH_ERROR}),
        (None, {"id": "x", "status": "failed", "error": GRAPH_ERROR}),
        (dict, {"id": "x", "status": "failed", "error": GRAPH_ERROR}),
        (Few, {"id": "x", "error": GRAPH_ERROR}),
        (dict, {"error": {"code": "", "message": "x"}}),
        (dict, {"error": {"code": "x"}}),
        (dict, {"error": "code"}),
    ],
)
def test_what_holds_an_error_of_graphs_is_none_where_it_is_of_the_type(into, body):
    response, _ = call([answer(body)], lambda client: client.request("GET", "v1.0/x", into, service="graph"))
    assert isinstance(response, Response)
    assert json.loads(response.raw) == body


class Reason(msgspec.Struct):
    code: str | int
    description: str


class CodeAlone(msgspec.Struct):
    code: str | int


class Offer(msgspec.Struct):
    id: str = ""
    description: str = ""


@pytest.mark.fault("F43")
@pytest.mark.parametrize(
    ("into", "body"),
    [
        (Reason, {"code": 400072, "description": "x"}),
        (Reason | None, {"code": 400072, "description": "x"}),
        (CodeAlone, {"code": "A", "description": "x", "name": "y"}),
        (Offer, {"id": "a", "code": "A", "description": "x"}),
        (dict, {"code": 1, "description": "x", "name": "y"}),
        (dict[str, object], {"code": 1, "description": "x", "id": "y"}),
        (object, {"code": 1, "description": "x", "items": []}),
        (None, {"code": 1, "text": "x"}),
        (None, [{"code": 1, "description": "x"}]),
        (None, {"code": None, "description": "x"}),
        (dict, {"code": "", "description": "x"}),
        (dict, {"inner": {"code": 1, "description": "x"}}),
        (Order, {"id": "a", "code": 1, "description": "x"}),
    ],
)
def test_what_is_of_the_type_is_delivered(into, body):
    response, _ = call([answer(body)], lambda client: client.request("GET", "x/y", into))
    assert isinstance(response, Response)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("into", [Offer, dict, dict[str, object], object, Order])
def test_an_error_is_none_of_a_type_that_shares_a_name_with_errors(into):
    error, _ = call([answer(ERROR)], lambda client: client.request("GET", "x/y", into))
    assert (type(error), error.code) == (StatusError, 400072)


@pytest.mark.fault("F43")
@pytest.mark.parametrize("into", [None, Order])
def test_a_large_error_body_is_an_error(into):
    error, _ = call([answer(ERROR | {"data": ["x" * 100_000]})], lambda client: client.request("GET", "x/y", into))
    assert (type(error), error.code) == (StatusError, 400072)


@pytest.mark.parametrize("body", [b'{"code": 1, "description": "x"', b'{"code": 1, "Code": 2, "description": "x"}'])
def test_what_is_no_json_object_is_no_error_where_no_body_is_wanted(body):
    response, _ = call([answer(body=body)], lambda client: client.request("GET", "x/y"))
    assert response.raw == body


class Tagged(msgspec.Struct, tag_field="kind", tag="t"):
    size: int = 0


@pytest.mark.fault("F43")
def test_a_tag_is_of_the_type():
    body = {"kind": "t", "code": 1, "description": "x"}
    assert call([answer(body)], lambda client: client.request("GET", "x/y", Tagged))[0].data == Tagged()


# Over the wire, into files


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", [b"{}", json.dumps(ERROR).encode(), b'{"message": "Sorry."}', b'{"value": []}'])
@pytest.mark.parametrize("format", ["ndjson", "csv"])
async def test_no_such_answer_replaces_an_output_with_an_empty_one(emulator, tmp_path, body, format):
    output = tmp_path / "orders"
    output.write_text("last night's")
    emulator.inject(Fault(Answer(200, body), operation="orders.list", times=None))
    async with connected(emulator) as client:
        with pytest.raises(PartnerCenterError) as caught:
            await export(list(emulator.data.customer_ids()), client.orders.list, output, table=ORDERS, format=format)
    assert caught.value.status == 200
    assert output.read_text() == "last night's"


@pytest.mark.fault("F43")
async def test_no_such_answer_as_a_later_page_ends_a_customer_in_silence(emulator, tmp_path):
    output = tmp_path / "orders"
    customers = list(emulator.data.customer_ids())
    emulator.inject(
        Fault(
            Answer(200, b'{"Message": "Sorry."}'), operation="orders.list", customer_id=customers[1], nth=2, times=None
        )
    )
    async with connected(emulator) as client:
        report = await export(customers, client.orders.list, output)
    assert report.done == len(customers) - 1
    assert list(report.failed) == [customers[1]]
    assert len(output.read_text().splitlines()) == report.items == 4 * 7 + 3


# Ids


@pytest.mark.fault("F43")
@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": ""}, {"id": " "}, {"status": "completed"}, {"items": []}])
@pytest.mark.parametrize(
    "operation",
    [one, lambda client: client.customers.get("c"), lambda client: client.migrations.get("c", "m")],
)
def test_an_answer_without_an_id_is_none(body, operation):
    error, fake = call([answer(body)], operation)
    assert type(error) is DecodeError
    assert error.path == "$.id"
    assert error.status == 200
    assert json.loads(error.body) == body
    assert error.request_id
    assert error.attempts == len(fake.requests) == 1
    assert str(error.message).startswith("the answer has no id")


@pytest.mark.fault("F43")
@pytest.mark.parametrize("spell", [str.upper, str.capitalize])
@pytest.mark.parametrize("frame", [lambda found: found, lambda found: [found]])
def test_an_answer_whose_names_are_spelt_otherwise_is_never_blank(spell, frame):
    body = b"\n" + json.dumps(frame({spell("id"): "a", spell("status"): "completed", "new": 1})).encode()
    assert call([answer(body=body)], one)[0] == Order(id="a", status="completed")
    for into in (Few, Few | None):
        response, _ = call([answer(body=body)], lambda client, into=into: client.request("GET", "x/y", into))
        assert response.data == Few("a")


def test_an_answer_of_which_nothing_is_wanted_costs_no_second_look(monkeypatch):
    monkeypatch.setattr(decoding, "_respelt_items", None)
    for body in ({}, {"new": {"id": "a"}}):
        response, _ = call([answer(body)], lambda client: client.request("GET", "x/y", Few))
        assert response.data == Few()


def test_an_answer_with_an_id_is_delivered():
    for kind, operation in [
        (Order, one),
        (Customer, lambda client: client.customers.get("c")),
        (NewCommerceMigration, lambda client: client.migrations.get("c", "m")),
    ]:
        assert type(call([answer({"id": "x"})], operation)[0]) is kind


# Types of a caller's own


class Left(msgspec.Struct):
    a: int


class Right(msgspec.Struct):
    b: int


class Within(msgspec.Struct):
    again: "Within | None" = None
    odd: dict[str, complex] = {}


@pytest.mark.parametrize(
    "into",
    [
        Left | Right,
        list[Left | Right],
        ResourceCollection[Left | Right],
        "Order",
        complex,
        list[complex],
        tuple[int, complex],
        dict[str, Within],
        Within | None,
    ],
)
def test_a_type_that_cannot_be_read_is_refused_before_anything_is_sent(into):
    error, fake = call([], lambda client: client.request("POST", "x/y", into, body={}))
    assert type(error) is TypeError
    assert "nothing that msgspec can read" in str(error)
    assert fake.requests == []


@pytest.mark.parametrize("into", [object, dict[str, object], dict[str, object | None]])
def test_any_object_can_be_asked_for(into):
    body = {"id": "a", "n": [1.5, None, {"x": True}]}
    response, _ = call([answer(body)], lambda client: client.request("GET", "x/y", into))
    assert response.data == body
    found, _ = call([answer({"items": [body]})], lambda client: client.orders.list("c").into(into).collect())
    assert found == [body]


@pytest.mark.parametrize("body", ["text", 5, [1, "x"], None])
def test_anything_can_be_asked_for(body):
    response, _ = call([answer(body=json.dumps(body).encode())], lambda client: client.request("GET", "x/y", object))
    assert response.data == body
