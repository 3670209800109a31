"""What an export of orders holds, whatever its format, and what it should hold.

Both sides of a comparison are made here, from a file and from an order as the service has it, and neither with what
writes exports. docs/exports.md tells what the columns are.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

FORMATS = "ndjson", "csv", "parquet"
CLIENT = {"clientName": "name", "clientDeviceFamily": "deviceFamily", "clientMarketplaceCountry": "marketplaceCountry"}
OWN = (
    *("alternateId", "creationDate", "status", "transactionType", "billingCycle", "currencyCode", "currencySymbol"),
    *("totalPrice", "partnerOnRecordAttestationAccepted"),
)
COLUMNS = ("customerId", "orderId", *OWN, *CLIENT, "lineItemCount")
FORMULA = ("=", "+", "-", "@")

Key: TypeAlias = tuple[str, str]
"""A customer's id and an order's."""
Record: TypeAlias = tuple[Key, bytes]
"""An order and a digest of all that its format keeps of it."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_as_it_is = Context(prec=100)


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
        return
    for row in _csv(path) if format == "csv" else _parquet(path):
        yield (str(row["customerId"]), str(row["orderId"])), _of_columns(row, format)


def expected(order: Mapping[str, object], format: str) -> bytes:
    """Return the digest that an order has in an output which holds it rightly."""
    if format == "ndjson":
        return digest(_encoder.encode(order))
    client = cast("Mapping[str, object]", order.get("client") or {})
    return _of_columns(
        {
            "customerId": order["referenceCustomerId"],
            "orderId": order["id"],
            **{column: order.get(column) for column in OWN},
            **{column: client.get(name) for column, name in CLIENT.items()},
            "lineItemCount": len(cast("list[object]", order["lineItems"])),
        },
        format,
    )


def _csv(path: Path) -> Iterator[Mapping[str, object]]:
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            # A text that a spreadsheet would run has an apostrophe in front.
            yield {name: cell.removeprefix("'") if cell[1:].startswith(FORMULA) else cell for name, cell in row.items()}


def _parquet(path: Path) -> Iterator[Mapping[str, object]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, for one format

    for batch in pq.ParquetFile(path).iter_batches():
        for row in cast("Iterable[dict[str, object]]", batch.to_pylist()):
            yield row | json.loads(cast("str | None", row["exact"]) or "{}")  # what the columns do not hold exactly


def _of_columns(row: Mapping[str, object], format: str) -> bytes:
    return digest(_encoder.encode([_told(name, row[name], format) for name in COLUMNS]))


def _told(name: str, value: object, format: str) -> object:
    """Return a value in the way in which its format tells it: as text in CSV, and in Parquet as what it is."""
    if name == "creationDate" and value:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))  # cuts the seventh digit
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if format == "parquet":
        return Decimal(str(value)).normalize(_as_it_is) if name == "totalPrice" and value is not None else value
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


def digest(record: bytes) -> bytes:
    """Return what is equal for equal records."""
    return hashlib.blake2b(record, digest_size=16).digest()
