"""Records as a table for people: columns of fixed widths, and nothing that steers a terminal."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from partnercenter_async.errors import escaped
from partnercenter_async.export.columns import Column, Kind, Table, Value, plain_digits
from partnercenter_async.export.csv import in_utc
from partnercenter_async.export.pages import Batch

T = TypeVar("T")


class TextLines(Generic[T]):
    """A table for people: columns of fixed widths, a line a row, nothing that steers a terminal."""

    def __init__(self, table: Table[T]) -> None:
        """Take what the rows are made of; of its columns those are shown that people look for."""
        self._table = table
        known = {column.name: (index, column) for index, column in enumerate(table.columns)}
        self._shown = [(*known[name], width) for name, width in table.shown.items()]
        names = [_fitted(column.name, width, right=column.kind in _RIGHT) for _, column, width in self._shown]
        rule = ["-" * width for _, _, width in self._shown]
        self.head = _line(names) + _line(rule)

    def encode(self, batch: Batch[T], /) -> bytes:
        """Return the batch's rows."""
        return b"".join(
            [
                _line([_cell(column, row[index], width) for index, column, width in self._shown])
                for row in self._table.rows(batch)
            ]
        )


_RIGHT = frozenset({Kind.INTEGER, Kind.DECIMAL})


def _line(cells: Sequence[str]) -> bytes:
    return ("  ".join(cells).rstrip() + "\n").encode()


def _cell(column: Column, value: Value, width: int) -> str:
    if isinstance(value, datetime):
        return _fitted(_minute(value), width)
    if isinstance(value, bool):
        return _fitted("true" if value else "false", width)
    if isinstance(value, int | Decimal):
        text = plain_digits(Decimal(value))
        # A number without its first or last digits would be another one.
        return text.rjust(width) if len(text) <= width else "#" * width
    return _fitted(value or "", width, right=column.kind in _RIGHT)


def _minute(when: datetime) -> str:
    return in_utc(when).replace(tzinfo=None).isoformat(" ", "minutes")


_MARKS = frozenset({"Mn", "Me"})
_WIDE = frozenset("WF")


def _fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return a text as exactly so many places, cut with an ellipsis, and without anything that is not to be seen."""
    if not (text.isascii() and text.isprintable()):
        return _measured(text, width, right=right)
    if len(text) > width:
        return text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)


_MOST_SIGNS = 8  # for each place; a sign can carry marks, but not a page of them


def _measured(text: str, width: int, *, right: bool) -> str:
    signs: list[tuple[str, int]] = []
    used = 0
    for sign in escaped(unicodedata.normalize("NFC", text[: width * _MOST_SIGNS])):
        places = _places(sign)
        signs.append((sign, places))
        used += places
        if used > width:
            break
    end = ""
    if used > width or len(text) > width * _MOST_SIGNS:
        end = "…"
        while used >= width:
            used -= signs.pop()[1]
        used += 1
    shown = "".join([sign for sign, _ in signs]) + end
    blanks = " " * (width - used)
    return blanks + shown if right else shown + blanks


def _places(sign: str) -> int:
    if unicodedata.category(sign) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in _WIDE else 1
