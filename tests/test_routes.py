"""A route stands once, in its method's docstring: what is sent, the table and the documents are held against that."""

import enum
import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from helpers import CLOUD, Fake
from operations import (
    DOCUMENT,
    FORMS,
    OUT_OF_REACH,
    STATES,
    Operation,
    call_of,
    document,
    lines_of,
    methods,
    operations,
    route_of,
)

from partnercenter_async import Order, Pager, PartnerCenterClient, paging
from partnercenter_async.clouds import SERVICES
from partnercenter_async.emulator import nouns
from partnercenter_async.emulator.api import Router
from partnercenter_async.resources._base import Resource, query, route
from partnercenter_async.testing import Request, answer, run_in_virtual_time


class Elsewhere(Resource):
    """A noun whose routes are another service's, or have another prefix than /v1."""

    def relationships(self, *, filter: str | None = None, **options) -> Pager[Order]:
        """Give the relationships with all customers.

        ``GET graph:/v1.0/tenantRelationships/delegatedAdminRelationships`` ``?$filter``

        Source: https://learn.microsoft.com/graph/api/tenantrelationship-list-delegatedadminrelationships
        """
        path = "v1.0/tenantRelationships/delegatedAdminRelationships"
        return self._list(path, Order, options, filters={"$filter": filter}, paging=paging.ODATA, service="graph")

    async def referral(self, referral_id: str, *, select: str | None = None, **options) -> Order:
        """Return one referral.

        ``GET partner:/v1.0/engagements/referrals/{referral_id}``
        ``?$select``

        Source: https://learn.microsoft.com/partner-center/developer/get-a-referral-by-id
        """
        path = route("v1.0/engagements/referrals/{referral_id}", referral_id=referral_id)
        return await self._get(path + query({"$select": select}), Order, options, service="partner")

    def events(self, **options) -> Pager[str]:
        """Give the events that can be subscribed to.

        ``GET /webhooks/v1/registration/events``

        Source: https://learn.microsoft.com/partner-center/developer/partner-center-webhooks
        """
        return self._list("webhooks/v1/registration/events", str, options, paging=paging.SINGLE)


def reachable(client: PartnerCenterClient) -> dict[str, Callable[..., Any]]:
    """The methods of a client, and those of a noun that it has not."""
    elsewhere = Elsewhere(client._session)
    return methods(client) | {
        f"elsewhere.{name}": getattr(elsewhere, name) for name in ("relationships", "referral", "events")
    }


METHODS = methods(Fake([]).client)
REACHABLE = reachable(Fake([]).client)
TABLE = operations()
ROWS = {each.covered: each for each in TABLE if each.covered}
CALLED = {
    f"{each.group}.{each.name}": each
    for each in TABLE
    if not each.covered and (each.group, each.name) not in OUT_OF_REACH
}
by_method = pytest.mark.parametrize("name", REACHABLE)
by_covered_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def placeholder(name: str, kind: Any) -> Any:
    """A value of a parameter; ids and texts are their own names."""
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    if issubclass(kind, msgspec.Struct):
        return kind(**{field: placeholder(field, each) for field, each in get_type_hints(kind).items()})
    return {str: name, bool: True, int: 1, datetime: datetime(2030, 4, 1, tzinfo=UTC)}[kind]


def sent(call: Callable[[PartnerCenterClient], Any]) -> tuple[Request, Any]:
    """The one request of a call, and what the call returned: an awaitable or a Pager, whose first page is fetched."""
    fake = Fake(lambda _: answer({"items": [], "value": []} if isinstance(asked, Pager) else {"id": "an id"}))
    asked = call(fake.client)

    async def run() -> None:
        await (asked.first() if isinstance(asked, Pager) else asked)

    run_in_virtual_time(run())
    (request,) = fake.requests
    return request, asked


def sent_by(name: str) -> tuple[Request, Any]:
    """What a method sends, and returns, with every id and every filter given."""

    def call(client: PartnerCenterClient) -> Any:
        method = reachable(client)[name]
        hints = get_type_hints(method)
        return method(
            **{
                each.name: placeholder(each.name, hints[each.name])
                for each in inspect.signature(method).parameters.values()
                if each.kind is not each.VAR_KEYWORD
            }
        )

    return sent(call)


def goes_to(request: Request, verb: str, service: str, path: str) -> bool:
    """Tell whether a request is one of a route, whose ids have their own names in their places."""
    url = urlsplit(request.url)
    ids = {each: each for each in re.findall(r"\{(\w+)\}", path)}
    origin, expected = CLOUD.service(service).endpoint, path.format(**ids)
    return (request.method, f"{url.scheme}://{url.netloc}", url.path) == (verb, origin, expected)


@by_method
def test_a_method_sends_what_its_docstring_declares(name):
    declared, (request, _) = route_of(REACHABLE[name]), sent_by(name)
    assert goes_to(request, declared.verb, declared.service, declared.path)
    names = [each for each, _ in parse_qsl(urlsplit(request.url).query, keep_blank_values=True)]
    assert names == list(declared.query)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_served_by_the_emulator_under_its_name(name):
    declared = route_of(METHODS[name])
    served, ids = Router(nouns.ROUTES, "exact").find(declared.verb, declared.path)
    assert served.operation == name
    assert all(value == f"{{{id}}}" for id, value in ids.items())


def test_a_request_to_another_service_or_prefix_is_not_that_of_a_route():
    request, _ = sent_by("elsewhere.referral")
    path = "/v1.0/engagements/referrals/{referral_id}"
    assert goes_to(request, "GET", "partner", path)
    assert not goes_to(request, "GET", "graph", path)
    assert not goes_to(request, "GET", "api", path)
    assert not goes_to(request, "PUT", "partner", path)
    assert not goes_to(sent_by("elsewhere.events")[0], "GET", "api", "/v1/registration/events")


@by_method
def test_ids_stand_first_and_in_the_order_of_the_path(name):
    parameters = inspect.signature(REACHABLE[name]).parameters.values()
    first = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert first == route_of(REACHABLE[name]).ids


@by_method
def test_a_docstring_says_first_what_the_caller_gets_and_names_its_source(name):
    first, *rest = (inspect.getdoc(REACHABLE[name]) or "").splitlines()
    assert first.startswith(("Give ", "Return "))
    assert rest[-1].startswith("Source: https://learn.microsoft.com/")


@pytest.mark.parametrize(
    "docstring",
    [
        None,
        "Return it.",
        "Return it.\n\n``GET v1/it``",
        "Return it, ``GET /v1/it``.",
        "Return it.\n\n``GET /v1/it?size``",
        "Return it.\n\n``GET /v1/it``\n\n``GET /v1/others``",
        "Return it.\n\n``GET mail:/v1.0/it``",
        "Return it.\n\n``GET graph/v1.0/it``",
    ],
)
def test_a_docstring_without_its_one_route_is_noticed(docstring):
    def method() -> None: ...

    method.__doc__ = docstring
    with pytest.raises(AssertionError, match=r"declares [02] routes"):
        route_of(method)


def test_the_methods_and_the_covered_rows_are_the_same():
    assert sorted(ROWS) == sorted(METHODS)
    assert len(ROWS) == sum(bool(each.covered) for each in TABLE)


@by_covered_row
def test_a_covered_row_is_what_the_docstring_declares(row: Operation):
    declared = route_of(METHODS[row.covered])
    assert (row.service, row.verb, row.path) == (declared.service, declared.verb, declared.path)
    names = row.query.split()
    assert {each.removesuffix("!") for each in names} >= set(declared.query)
    assert {each.removesuffix("!") for each in names if each.endswith("!")} <= set(declared.query)
    assert row.covered.split(".")[0] == row.group


@by_covered_row
def test_a_covered_row_has_the_paging_of_its_method(row: Operation):
    _, asked = sent_by(row.covered)
    form = getattr(paging, row.paging) if row.paging else None
    assert isinstance(asked, Pager) == (form is not None)
    if form is not None:
        assert form in {asked.paging, type(asked.paging)}


@pytest.mark.parametrize("name", CALLED)
def test_the_call_of_a_row_without_a_method_reaches_it(name):
    row = CALLED[name]
    known = {"item": dict, "paging": paging} | {each: each for each in re.findall(r"\{(\w+)\}", row.path)}
    request, asked = sent(lambda client: eval(call_of(row), known | {"client": client}))
    assert goes_to(request, row.verb, row.service, row.path)
    assert isinstance(asked, Pager) == bool(row.paging)


def test_what_no_call_reaches_is_in_the_table():
    assert {(each.group, each.name) for each in TABLE if not each.covered} >= set(OUT_OF_REACH)


@pytest.mark.parametrize(
    ("row", "request_", "query_", "told"),
    [
        (
            Operation(
                "e", "list", "GET", "graph", "/v1.0/x", "$filter!", "ODATA", "current", "elsewhere.relationships"
            ),
            "`GET graph:/v1.0/tenantRelationships/delegatedAdminRelationships`",
            "`$filter!`",
            "`client.elsewhere.relationships`: give the relationships with all customers",
        ),
        (
            Operation("e", "list_all", "GET", "partner", "/v1.0/{id}/all", "size!", "ODATA", "sandbox", ""),
            "`GET partner:/v1.0/{id}/all`",
            "`size!`",
            '`client.list(f"v1.0/{id}/all", item, paging=paging.ODATA, service="partner")`: list all (sandbox)',
        ),
        (
            Operation("e", "list", "GET", "api", "/partner/v1/all", "top skip", "TopSkip", "current", ""),
            "`GET /partner/v1/all`",
            "`top` `skip`",
            '`client.list("partner/v1/all", item, paging=paging.TopSkip(100))`: list',
        ),
        (
            Operation("e", "undo", "POST", "api", "/v1/all", "", "", "current", ""),
            "`POST /v1/all`",
            "",
            '`client.request("POST", "all")`: undo',
        ),
        (
            Operation("auth", "generate_token", "POST", "api", "/generatetoken", "", "", "deprecated", ""),
            "`POST /generatetoken`",
            "",
            "generate token (deprecated); no call does it: its path has none of the API's prefixes",
        ),
    ],
)
def test_a_line_of_the_documents_tells_the_service_and_the_call(row, request_, query_, told):
    assert list(lines_of([row], REACHABLE)) == [f"| {request_} | {query_} | {told} |"]


def test_the_rows_of_the_table_are_well_formed():
    names = [(each.group, each.name) for each in TABLE]
    assert len(set(names)) == len(names)
    groups = [each.group for each in TABLE]
    assert groups == sorted(groups, key=groups.index)  # a group's rows stand together
    for each in TABLE:
        assert each.verb in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
        assert each.service in SERVICES
        assert each.paging in {*FORMS, ""}
        assert each.verb == "GET" or not each.paging
        assert each.path.startswith("/")
        assert each.state in STATES


def test_the_documents_are_up_to_date():
    assert DOCUMENT.read_text("utf-8") == document(), "run python tests/operations.py"


@pytest.mark.parametrize("kept", [str, int])
def test_a_placeholder_is_of_the_parameters_kind(kept: Callable[..., Any]):
    assert isinstance(placeholder("some_id", kept | None), kept)
