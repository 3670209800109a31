"""``python tests/columns.py``: writes into docs/exports.md what columns the tables have.

Names, types and order are those of the tables, and each listing of the client's has one. What people wrote there stays:
what a table's rows are, and what a column means. Of a column that nobody has told of yet it is the field's path.
"""

import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_origin

from msgspec import inspect

from partnercenter_async import PartnerCenterClient, export
from partnercenter_async.export.columns import Table
from partnercenter_async.paging import Pager
from partnercenter_async.resources._base import Noun

DOCS = Path(__file__).parent.parent / "docs" / "exports.md"
ROW = re.compile(r"^\| `(\w+)` \| \w+ \| ([^|]+) \|$", re.MULTILINE)


def nouns(owner: type) -> Iterator[type]:
    """The classes of a client's nouns, and of theirs."""
    for name, each in vars(owner).items():
        if isinstance(each, Noun):
            kind = getattr(owner, name)
            yield kind
            yield from nouns(kind)


def listed() -> list[type]:
    """What the client's listings hold."""
    methods = [each for noun in nouns(PartnerCenterClient) for each in vars(noun).values() if callable(each)]
    found = [signature(method).return_annotation for method in methods]
    return list(dict.fromkeys(get_args(each)[0] for each in found if get_origin(each) is Pager))


def all_tables() -> list[Table[Any]]:
    """The tables that are declared, and one of each listing of which none is."""
    declared: list[Table[Any]] = [getattr(export, name) for name in export._TABLES]
    known = {kind for table in declared for kind in of_rows(table)}
    return [*declared, *(Table(kind) for kind in listed() if kind not in known)]


def of_rows(table: Table[Any]) -> Iterator[type]:
    """A table's struct, and what that is made of where it is one of the tables' own."""
    yield table.struct
    info = inspect.type_info(table.struct)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        if isinstance(field.type, inspect.StructType):
            yield field.type.cls


def section(table: Table[Any], old: str) -> str:
    told = dict(ROW.findall(old))
    words = old.partition("On a terminal:")[0].strip()
    lines = [f"## `{table.name}`", ""]
    lines += [words, ""] if words else []
    lines += [f"On a terminal: {', '.join(f'`{name}`' for name in table.shown)}.", ""]
    lines += ["| Column | Type | Meaning |", "|---|---|---|"]
    for column in table.columns:
        meaning = told.get(column.name) or (f"`{column.path}`" if column.path else "the one asked for")
        lines.append(f"| `{column.name}` | {column.kind} | {meaning} |")
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """The document with the columns as they are."""
    front, *old = re.split(r"^## `(\w+)`\n", text, flags=re.MULTILINE)
    sections = dict(zip(old[::2], old[1::2], strict=True))
    return front + "\n".join(section(table, sections.get(table.name, "")) for table in all_tables())


if __name__ == "__main__":
    DOCS.write_text(written(DOCS.read_text("utf-8")), "utf-8")
