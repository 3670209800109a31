"""The service's operations and the methods that call them: ``python tests/operations.py`` writes docs/api.md anew.

A method declares its route in its docstring, and nowhere else is it declared. ``operations.tsv`` is the project's own
table of what the service has: what an operation is called, its request, the names of its query (``!`` behind those
that it needs), its state, and the method that calls it, if any. ``tests/test_routes.py`` holds the two against each
other and against what is sent.
"""

import csv
import inspect
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from helpers import Fake

from partnercenter_async.resources._base import Resource

TABLE = Path(__file__).parent / "operations.tsv"
DOCUMENT = Path(__file__).parent.parent / "docs" / "api.md"
STATES = ("current", "legacy", "deprecated", "sandbox")
_ROUTE = re.compile(r"^``([A-Z]+) (/[^\s?`]+)``(?:\s+``\?([^\s`]+)``)?$", re.MULTILINE)
_HEAD = """\
# The API, operation by operation

Written by `python tests/operations.py` from the docstrings and from `tests/operations.tsv`; a test fails where it is
out of date. {covered} of {all} operations have a method. The others whose path begins with `/v1/` are one call of
`client.request` each, typed as well; what has another address is listed for what is to come. In a query, `!` stands
behind what the service needs. *Legacy* is what only what was bought before the New Commerce has, *deprecated* what has
a successor, *sandbox* what only sandboxes have.
"""
_SERVICES = {"api": "", "graph": "Graph: ", "partner": "partner API: "}


class Operation(NamedTuple):
    """A row of the table."""

    group: str
    name: str
    verb: str
    service: str
    path: str
    query: str
    state: str
    covered: str


class Route(NamedTuple):
    """What a docstring declares."""

    verb: str
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
    for noun, resource in vars(owner).items():
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
    verb, path, query = found[0]
    return Route(verb, path, tuple(query.split("&")) if query else ())


def document() -> str:
    """The whole of docs/api.md."""
    table, known = operations(), methods(Fake([]).client)
    parts = [_HEAD.format(covered=sum(bool(each.covered) for each in table), all=len(table))]
    for group, rows in groupby(table, key=lambda each: each.group):
        lines = "\n".join(_lines(rows, known))
        parts.append(f"## {group}\n\n| Request | Query | With |\n|---|---|---|\n{lines}\n")
    return "\n".join(parts)


def _lines(rows: Iterator[Operation], known: dict[str, Callable[..., Any]]) -> Iterator[str]:
    for each in rows:
        state = "" if each.state == "current" else f" ({each.state})"
        if each.covered:
            method = known[each.covered]
            verb, path, query = route_of(method)
            names = [f"{name}!" if f"{name}!" in each.query.split() else name for name in query]
            told = f"`client.{each.covered}`: {_told(method)}{state}"
        else:
            verb, path, names = each.verb, each.path, each.query.split()
            told = f"{each.name.replace('_', ' ')}{state}"
        shown = " ".join(f"`{name}`" for name in names)
        yield f"| {_SERVICES[each.service]}`{verb} {path}` | {shown} | {told} |"


def _told(method: Callable[..., Any]) -> str:
    """The first sentence of a docstring, as it goes on behind a colon."""
    first = (inspect.getdoc(method) or "").splitlines()[0].removesuffix(".").replace("``", "`")
    return first[0].lower() + first[1:]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
