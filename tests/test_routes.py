"""A route stands once, in its method's docstring: what is sent, the table and the documents are held against that."""

import enum
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from helpers import BASE, Fake
from operations import DOCUMENT, STATES, Operation, document, methods, operations, route_of

from partnercenter_async import Pager
from partnercenter_async.testing import Request, answer, run_in_virtual_time

METHODS = methods(Fake([]).client)
TABLE = operations()
ROWS = {each.covered: each for each in TABLE if each.covered}
by_method = pytest.mark.parametrize("name", METHODS)
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


def sent_by(name: str) -> Request:
    """The one request that a method sends, with every id and every filter given."""
    fake = Fake(lambda _: answer([] if isinstance(asked, Pager) else {"id": "an id"}))
    method = methods(fake.client)[name]
    hints = get_type_hints(method)
    given = {
        each.name: placeholder(each.name, hints[each.name])
        for each in inspect.signature(method).parameters.values()
        if each.kind is not each.VAR_KEYWORD
    }
    asked = method(**given)

    async def run() -> None:
        await (asked.first() if isinstance(asked, Pager) else asked)

    run_in_virtual_time(run())
    (request,) = fake.requests
    return request


@by_method
def test_a_method_sends_what_its_docstring_declares(name):
    declared, request = route_of(METHODS[name]), sent_by(name)
    url = urlsplit(request.url)
    assert f"{url.scheme}://{url.netloc}/v1/" == BASE
    assert request.method == declared.verb
    assert url.path == declared.path.format(**{each: each for each in declared.ids})
    assert [each for each, _ in parse_qsl(url.query, keep_blank_values=True)] == list(declared.query)


@by_method
def test_ids_stand_first_and_in_the_order_of_the_path(name):
    parameters = inspect.signature(METHODS[name]).parameters.values()
    first = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert first == route_of(METHODS[name]).ids


@by_method
def test_a_docstring_says_first_what_the_caller_gets_and_names_its_source(name):
    first, *rest = (inspect.getdoc(METHODS[name]) or "").splitlines()
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
    assert (row.service, row.verb, row.path) == ("api", declared.verb, declared.path)
    names = row.query.split()
    assert {each.removesuffix("!") for each in names} >= set(declared.query)
    assert {each.removesuffix("!") for each in names if each.endswith("!")} <= set(declared.query)
    assert row.covered.split(".")[0] == row.group


def test_the_rows_of_the_table_are_well_formed():
    names = [(each.group, each.name) for each in TABLE]
    assert len(set(names)) == len(names)
    groups = [each.group for each in TABLE]
    assert groups == sorted(groups, key=groups.index)  # a group's rows stand together
    for each in TABLE:
        assert each.verb in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
        assert each.service in {"api", "graph", "partner"}
        assert each.path.startswith("/")
        assert each.state in STATES


def test_the_documents_are_up_to_date():
    assert DOCUMENT.read_text("utf-8") == document(), "run python tests/operations.py"


@pytest.mark.parametrize("kept", [str, int])
def test_a_placeholder_is_of_the_parameters_kind(kept: Callable[..., Any]):
    assert isinstance(placeholder("some_id", kept | None), kept)
