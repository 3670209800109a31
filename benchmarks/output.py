"""What an export of orders holds, whatever its format."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

FORMATS = "ndjson", "csv", "parquet"

Key: TypeAlias = tuple[str, str]
"""A customer's id and an order's."""
Record: TypeAlias = tuple[Key, bytes | None]
"""An order and a digest of all that is known of it; None where a format keeps only a part."""


class _Line(msgspec.Struct, rename="camel"):
    """What of a line of JSON tells which order it is."""

    id: str
    reference_customer_id: str


def records(path: Path, format: str) -> Iterator[Record]:
    """Yield what an output holds."""
    if format == "ndjson":
        decoder = msgspec.json.Decoder(_Line)
        with path.open("rb") as file:
            for text in file:
                line = decoder.decode(text)
                yield (line.reference_customer_id, line.id), digest(text.removesuffix(b"\n"))
    elif format == "csv":
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                # An id that begins with a minus has an apostrophe in front, so that no spreadsheet takes it for a sum.
                yield (row["customerId"], row["orderId"].removeprefix("'")), None
    else:
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, for one format

        for batch in pq.ParquetFile(path).iter_batches(columns=["customerId", "orderId"]):
            for customer, order in zip(*(batch.column(number).to_pylist() for number in (0, 1)), strict=True):
                yield (customer, order), None


def digest(record: bytes) -> bytes:
    """Return what is equal for equal records."""
    return hashlib.blake2b(record, digest_size=16).digest()
