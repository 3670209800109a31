"""Records as the rows of Parquet files. Needs the extra ``parquet``; nothing imports this module before it is used."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeAlias, TypeVar, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from partnercenter_async.export.columns import EXACT, Column, Kind, Table, Value, plain_digits
from partnercenter_async.export.pages import Batch

T = TypeVar("T")

_DIGITS, _FRACTION = 38, 18  # of a decimal column
_GROUP_ROWS = 20_000  # of one part more at most; these are in memory together
_BATCH_ROWS = 20_000

_TYPES: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DECIMAL: pa.decimal128(_DIGITS, _FRACTION),
    Kind.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


class ParquetRows(Generic[T]):
    """Typed columns, and a last one, ``exact``, with the text of each value that its column can't hold exactly."""

    def __init__(self, table: Table[T]) -> None:
        """Take what the rows are made of."""
        self._table = table
        fields = [pa.field(column.name, _TYPES[column.kind]) for column in table.columns]
        self.schema = pa.schema([*fields, pa.field(EXACT, pa.string())])

    def encode(self, batch: Batch[T], /) -> pa.RecordBatch:
        """Return the batch's rows."""
        columns = self._table.values(batch)
        exact: dict[int, dict[str, str]] = {}
        arrays = [_array(column, values, exact) for column, values in zip(self._table.columns, columns, strict=True)]
        texts = [msgspec.json.encode(exact[row]).decode() if row in exact else None for row in range(len(columns[0]))]
        return pa.record_batch([*arrays, pa.array(texts, pa.string())], schema=self.schema)

    def count(self, rows: pa.RecordBatch, /) -> int:
        """Return how many rows these are."""
        return rows.num_rows

    def join(self, rows: Sequence[pa.RecordBatch], /) -> pa.RecordBatch:
        """Return the rows of several as one, whose columns are in one piece each."""
        (joined,) = pa.Table.from_batches(rows, self.schema).combine_chunks().to_batches()
        return joined

    def write_part(self, rows: Sequence[pa.RecordBatch], /) -> bytes:
        """Return a whole file."""
        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(sink, self.schema, compression="zstd") as writer:
            writer.write_table(pa.Table.from_batches(rows, self.schema))
        return sink.getvalue().to_pybytes()

    def merge(self, parts: Iterable[Path], file: BinaryIO, /) -> None:
        """Write the rows of files, one after the other, as one file with fewer and larger groups of rows."""
        with pq.ParquetWriter(file, self.schema, compression="zstd") as writer:
            waiting: list[pa.RecordBatch] = []
            count = 0
            for rows in _batches(parts):
                waiting.append(rows)
                count += rows.num_rows
                if count >= _GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(waiting, self.schema))
                    waiting, count = [], 0
                    pa.default_memory_pool().release_unused()  # it would keep as much again
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting, self.schema))


def _batches(parts: Iterable[Path]) -> Iterator[pa.RecordBatch]:
    for path in parts:
        with pq.ParquetFile(path) as part:
            # its stubs leave the type of an argument open that is not used here
            yield from part.iter_batches(_BATCH_ROWS, use_threads=False)  # pyright: ignore[reportUnknownMemberType]


def _array(column: Column, values: Sequence[Value], exact: dict[int, dict[str, str]]) -> "pa.Array[Any]":
    """Return a column, and add the text of what it can't hold to ``exact`` by row.

    Arrow is only given what fits. It does not refuse all else: of decimals with hundreds of digits or a large exponent
    it makes other numbers, or it ends the process.
    """
    hold = _HOLD.get(column.kind)
    held, lost = (values, False) if hold is None else hold(values)
    if lost:
        for row, (value, kept) in enumerate(zip(values, held, strict=True)):
            if value is not None and (kept is None or kept != value):
                exact.setdefault(row, {})[column.name] = _exact_text(value)
    return pa.array(held, _TYPES[column.kind])


_Held: TypeAlias = tuple[Sequence[Value], bool]
"""What a column can hold of its values, and whether that is less than all."""


def _held_integers(values: Sequence[Value]) -> _Held:
    numbers = cast("Sequence[int | None]", values)
    if all(number is None or -(2**63) <= number < 2**63 for number in numbers):
        return values, False
    return [number if number is not None and -(2**63) <= number < 2**63 else None for number in numbers], True


_UNIT = Decimal(f"1E-{_FRACTION}")


def _held_decimals(values: Sequence[Value]) -> _Held:
    context = Context(_DIGITS, ROUND_HALF_EVEN, MIN_EMIN, MAX_EMAX, traps=[])
    fit = context.quantize
    numbers = cast("Sequence[Decimal | None]", values)
    held = [None if number is None else fit(number, _UNIT) for number in numbers]
    lost = context.flags[Inexact] or context.flags[InvalidOperation]
    if not lost and not any(number is not None and number.is_nan() for number in held):
        return held, False
    return [number if number is not None and number.is_finite() else None for number in held], True


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _held_times(values: Sequence[Value]) -> _Held:
    times = cast("Sequence[datetime | None]", values)
    if all(when is None or _in_calendar(when) for when in times):
        return values, False
    return [when if when is not None and _in_calendar(when) else None for when in times], True


def _in_calendar(when: datetime) -> bool:
    """Tell whether a time has a year from 1 to 9999 in UTC too; Arrow takes others, but few readers do."""
    return MINYEAR < when.year < MAXYEAR or _FIRST <= when <= _LAST


_HOLD: dict[Kind, Callable[[Sequence[Value]], _Held]] = {
    Kind.INTEGER: _held_integers,
    Kind.DECIMAL: _held_decimals,
    Kind.TIMESTAMP: _held_times,
}


def _exact_text(value: Value) -> str:
    if isinstance(value, Decimal):
        return plain_digits(value)
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)
