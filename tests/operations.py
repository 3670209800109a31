"""The service's operations and the methods that call them: ``python tests/operations.py`` writes docs/api.md anew.

A method declares its route in its docstring, and nowhere else is it declared: ``GET /v1/customers``, or with its
service, ``GET graph:/v1.0/reports``, where that is not the API. ``operations.tsv`` is the project's own table of what
the services have: what an operation is called, its request, the names of its query (``!`` behind those that it needs),
its form of paging where it is a listing, its state, and the method that calls it, if any. ``tests/test_routes.py``
holds the two against each other and against what is sent.
"""

import csv
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from helpers import Fake

from partnercenter_async.resources._base import Resource

TABLE = Path(__file__).parent / "operations.tsv"
DOCUMENT = Path(__file__).parent.parent / "docs" / "api.md"
STATES = ("current", "legacy", "deprecated", "sandbox")
FORMS = ("LINKS", "HEADER_TOKEN", "BODY_TOKEN", "ODATA", "TopSkip", "PageNumber", "SINGLE")
OUT_OF_REACH = {
    ("orders", "create_attachments"): "its body has several parts",
    ("auth", "generate_token"): "its path has none of the API's prefixes",
}
_ROUTE = re.compile(r"^``([A-Z]+) (?:(graph|partner):)?(/[^\s?`]+)``(?:\s+``\?([^\s`]+)``)?$", re.MULTILINE)
_HEAD = """\
# The API, operation by operation

Written by `python tests/operations.py` from the docstrings and from `tests/operations.tsv`; a test fails where it is
out of date, and makes each call that stands here. {covered} of {all} operations have a method. The others are reached
by `client.request` and `client.list`, typed as well; the call is shown without what is the caller's: the `query`, the
`body`, and the type that an answer is decoded into, for the items of a listing `item`. Ids are percent-encoded
(`urllib.parse.quote(id, safe="")`). What a listing's form of paging sets in the query, such as `top` and `skip` of
`paging.TopSkip(100)`, is not passed.

Behind `graph:` stands a path of Microsoft Graph, behind `partner:` one of the partner API (api.partner.microsoft.com),
all others are the API's. In a query, `!` stands behind what the service needs. *Legacy* is what only what was bought
before the New Commerce has, *deprecated* what has a successor, *sandbox* what only sandboxes have.
"""


class Operation(NamedTuple):
    """A row of the table."""

    group: str
    name: str
    verb: str
    service: str
    path: str
    query: str
    paging: str
    state: str
    covered: str


class Route(NamedTuple):
    """What a docstring declares."""

    verb: str
    service: str
    path: str
    query: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


def operations() -> list[Operation]:
    with TABLE.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert head == list(Operation._fields)
    return [Operation(*row) for row in rows]


def methods(owner: object) -> dict[str, Callable[..., Any]]:
    """The public methods of all resources of a client, by their names such as ``orders.list``."""
    found: dict[str, Callable[..., Any]] = {}
    for noun, resource in inspect.getmembers(owner):
        if isinstance(resource, Resource):
            found |= {
                f"{noun}.{name}": method
                for name, method in inspect.getmembers(resource, callable)
                if not name.startswith("_")
            }
            found |= {f"{noun}.{name}": method for name, method in methods(resource).items()}
    return found


def route_of(method: Callable[..., Any]) -> Route:
    found = _ROUTE.findall(inspect.getdoc(method) or "")
    assert len(found) == 1, f"{method.__qualname__} declares {len(found)} routes"
    verb, service, path, query = found[0]
    return Route(verb, service or "api", path, tuple(query.split("&")) if query else ())


def call_of(operation: Operation) -> str:
    """The call that reaches an operation without a method, for a client of the name ``client``."""
    prefix = "/v1/" if operation.service == "api" else "/"
    path = operation.path.removeprefix(prefix).removeprefix("/")
    given = [f'f"{path}"' if "{" in path else f'"{path}"']
    if not operation.paging:
        given.insert(0, f'"{operation.verb}"')
    else:
        given.append("item")
        if operation.paging != "LINKS":
            size = "(100)" if operation.paging in {"TopSkip", "PageNumber"} else ""
            given.append(f"paging=paging.{operation.paging}{size}")
    if operation.service != "api":
        given.append(f'service="{operation.service}"')
    return f"client.{'list' if operation.paging else 'request'}({', '.join(given)})"


def document() -> str:
    """The whole of docs/api.md."""
    table, known = operations(), methods(Fake([]).client)
    parts = [_HEAD.format(covered=sum(bool(each.covered) for each in table), all=len(table))]
    for group, rows in groupby(table, key=lambda each: each.group):
        lines = "\n".join(lines_of(rows, known))
        parts.append(f"## {group}\n\n| Request | Query | Call |\n|---|---|---|\n{lines}\n")
    return "\n".join(parts)


def lines_of(rows: Iterable[Operation], known: dict[str, Callable[..., Any]]) -> Iterator[str]:
    """The lines of a group's table."""
    for each in rows:
        state = "" if each.state == "current" else f" ({each.state})"
        if each.covered:
            method = known[each.covered]
            declared = route_of(method)
            names = [f"{name}!" if f"{name}!" in each.query.split() else name for name in declared.query]
            request, told = _request(declared), f"`client.{each.covered}`: {_told(method)}{state}"
        else:
            request, names = _request(each), each.query.split()
            why_not = OUT_OF_REACH.get((each.group, each.name))
            told = f"{each.name.replace('_', ' ')}{state}"
            told = f"`{call_of(each)}`: {told}" if why_not is None else f"{told}; no call does it: {why_not}"
        shown = " ".join(f"`{name}`" for name in names)
        yield f"| `{request}` | {shown} | {told} |"


def _request(route: Operation | Route) -> str:
    """A route as docstrings and the document tell it."""
    service = "" if route.service == "api" else f"{route.service}:"
    return f"{route.verb} {service}{route.path}"


def _told(method: Callable[..., Any]) -> str:
    """The first sentence of a docstring, as it goes on behind a colon."""
    first = (inspect.getdoc(method) or "").splitlines()[0].removesuffix(".").replace("``", "`")
    return first[0].lower() + first[1:]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
