"""Records as CSV, for spreadsheets."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, TypeVar, cast

from partnercenter_async.export.columns import Kind, Table, Value, plain_digits
from partnercenter_async.export.pages import Batch

T = TypeVar("T")


class CsvLines(Generic[T]):
    """RFC 4180 in UTF-8, one line a row, safe to open in a spreadsheet."""

    def __init__(self, table: Table[T]) -> None:
        """Take what the rows are made of."""
        self._table = table
        self._cells = [_CELLS[column.kind] for column in table.columns]
        self.head = _csv([[column.name for column in table.columns]])

    def encode(self, batch: Batch[T], /) -> bytes:
        """Return the batch's rows."""
        columns = [cells(values) for cells, values in zip(self._cells, self._table.values(batch), strict=True)]
        return _csv(zip(*columns, strict=True))


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    lines: list[str] = []
    for row in rows:
        line = ",".join(row)
        # To look at each cell takes longer than all else; few rows have any to quote.
        if line.count(",") >= len(row) or _SPECIAL.search(line):
            line = ",".join([_quoted(cell) for cell in row])
        lines.append(line + "\r\n")
    return "".join(lines).encode()


# A spreadsheet may part cells at semicolons and tabs too, and then find a formula behind one.
_SPECIAL = re.compile(r'[";\t\r\n]')
_QUOTED = re.compile(r'[",;\t\r\n]')
_PARTS = re.compile(r"(?<=[;\t\r\n])(?![\t\r\n])")  # where a cell could begin then


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell


_RUNS = frozenset("=+-@\t\r\n")
_QUOTES = frozenset("'\"`")
_TURNED_QUOTES = frozenset({"Pi", "Pf"})  # categories: opening and closing ones
_PLAIN = frozenset(map(chr, range(ord("!"), ord("~") + 1))) - _RUNS - _QUOTES  # nothing behind these can run


def _would_run(text: str) -> bool:
    """Tell whether a spreadsheet could take a text for a formula: by its first sign that is no blank and no quote."""
    for sign in text:
        plain = unicodedata.normalize("NFKC", sign)  # full-width forms are forms of the same signs
        if plain in _RUNS:
            return True
        if sign.isprintable() and not (
            plain.isspace() or plain in _QUOTES or unicodedata.category(sign) in _TURNED_QUOTES
        ):
            return False
    return False


def _guarded(text: str) -> str:
    return "".join([f"'{part}" if _would_run(part) else part for part in _PARTS.split(text)])


def _texts(values: Sequence[Value]) -> Sequence[str]:
    texts = cast("Sequence[str | None]", values)
    return [
        (text if text[0] in _PLAIN and not _SPECIAL.search(text) else _guarded(text)) if text else "" for text in texts
    ]


def _integers(values: Sequence[Value]) -> Sequence[str]:
    return ["" if value is None else str(value) for value in values]


_WORDS = "EeIN"  # of an exponent, Infinity and NaN


def _decimals(values: Sequence[Value]) -> Sequence[str]:
    texts = ["" if value is None else str(value) for value in values]
    all_texts = "".join(texts)
    if not any(sign in all_texts for sign in _WORDS):
        return texts
    numbers = cast("Sequence[Decimal | None]", values)
    return ["" if number is None else _decimal(number) for number in numbers]


def _decimal(number: Decimal) -> str:
    text = plain_digits(number)
    return text if number.is_finite() else _guarded(text)


def _booleans(values: Sequence[Value]) -> Sequence[str]:
    return ["" if value is None else "true" if value else "false" for value in values]


def _timestamps(values: Sequence[Value]) -> Sequence[str]:
    last: datetime | None = None
    text = ""
    texts: list[str] = []
    for when in cast("Sequence[datetime | None]", values):
        if when is not last:  # the lines of an order share its date
            last, text = when, "" if when is None else _iso(when)
        texts.append(text)
    return texts


def _iso(when: datetime) -> str:
    """Return a time in UTC as a text of one length, so that texts sort as their times do."""
    text = in_utc(when).isoformat(timespec="microseconds")
    return f"{text[:_ZONE]}Z" if text.endswith("+00:00") else text


_ZONE = 26  # where the offset begins


def in_utc(when: datetime) -> datetime:
    """Return a time in UTC."""
    if when.tzinfo is UTC:
        return when
    try:
        return when.astimezone(UTC)
    except OverflowError:  # at the ends of the calendar not each time is one in UTC
        return when


_CELLS: dict[Kind, Callable[[Sequence[Value]], Sequence[str]]] = {
    Kind.TEXT: _texts,
    Kind.INTEGER: _integers,
    Kind.BOOLEAN: _booleans,
    Kind.DECIMAL: _decimals,
    Kind.TIMESTAMP: _timestamps,
}
