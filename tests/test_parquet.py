"""What batches are as Parquet: typed, exact, and read alike by pandas, polars and DuckDB."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batches import BATCHES, TABLES, batch
from hypothesis import example, given
from hypothesis import strategies as st

from partnercenter_async import NewCommerceMigration, Order, OrderLineItem, OrderStatus, Pricing
from partnercenter_async.export import MIGRATIONS, ORDER_LINES, ORDERS
from partnercenter_async.export import parquet as module
from partnercenter_async.export.columns import Kind
from partnercenter_async.export.parquet import ParquetRows
from partnercenter_async.models.scalars import parse_timestamp

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
DECIMAL = pa.decimal128(38, 18)
TIME = pa.timestamp("us", tz="UTC")
TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DECIMAL: DECIMAL,
    Kind.TIMESTAMP: TIME,
}


def encoded(*orders: Order) -> list[dict]:
    return ParquetRows(ORDERS).encode(batch(orders)).to_pylist()


def priced(number: Decimal | None) -> tuple[Decimal | None, str | None]:
    """What a price is in its column and, in text, beside it."""
    (row,) = encoded(Order(total_price=number))
    return row["totalPrice"], row["exact"]


def quantity(number: int | None) -> tuple[int | None, str | None]:
    (row,) = ParquetRows(MIGRATIONS).encode(batch([NewCommerceMigration(quantity=number)])).to_pylist()
    return row["quantity"], row["exact"]


def dated(when: datetime | None) -> tuple[datetime | None, str | None]:
    (row,) = encoded(Order(creation_date=when))
    return row["creationDate"], row["exact"]


# Types


@each_table
def test_each_column_has_its_type_and_the_exact_texts_stand_last(table):
    schema = ParquetRows(table).schema
    assert [(field.name, field.type) for field in schema] == [
        *((column.name, TYPES[column.kind]) for column in table.columns),
        ("exact", pa.string()),
    ]
    assert ParquetRows(table).encode(BATCHES[table]).schema == schema


@each_table
def test_each_value_of_a_record_is_in_its_column(table):
    found = ParquetRows(table).encode(BATCHES[table])
    for row, values in zip(found.to_pylist(), table.rows(BATCHES[table]), strict=True):
        exact = json.loads(row.pop("exact") or "{}")
        for (name, value), expected in zip(row.items(), values, strict=True):
            if name not in exact:
                assert value == expected, name


@each_table
def test_a_batch_of_nothing_has_no_rows(table):
    rows = ParquetRows(table)
    assert rows.encode(batch([])).num_rows == rows.count(rows.encode(batch([]))) == 0


def test_an_empty_text_is_not_a_missing_one():
    assert [row["currencyCode"] for row in encoded(Order(currency_code=""), Order())] == ["", None]


def test_a_name_that_is_not_known_is_a_text():
    assert encoded(Order(status=OrderStatus("brand new")))[0]["status"] == "brand new"


# Exactness


@given(
    st.decimals(allow_nan=False, allow_infinity=False)
    | st.builds(
        Decimal,
        st.tuples(
            st.integers(0, 1), st.lists(st.integers(0, 9), min_size=1, max_size=45).map(tuple), st.integers(-60, 40)
        ),
    )
)
@example(Decimal("1E-19"))
@example(Decimal("0.1234567890123456785"))
@example(Decimal("0.1234567890123456775"))
@example(Decimal("99999999999999999999.9999999999999999994"))
@example(Decimal("99999999999999999999.9999999999999999995"))
@example(Decimal("99999999999999999999.999999999999999999"))
@example(Decimal(10) ** 20)
@example(Decimal("0E+30"))
@example(Decimal("0E-999999999"))
@example(Decimal("1E+999999999"))
@example(Decimal("-1E-999999999"))
@example(Decimal("1." + "0" * 50))
@example(Decimal("1." + "0" * 1000))
@example(Decimal("1E-77"))
@example(Decimal("1" * 1000))
@example(Decimal("12345678901234567890123456789E-9"))
def test_every_decimal_comes_back_from_its_column_and_the_text_beside_it(number):
    held, exact = priced(number)
    if exact is None:
        assert held == number
        return
    assert held != number
    assert Decimal(json.loads(exact)["totalPrice"]) == number
    if held is None:
        assert number.copy_abs() >= Decimal("99999999999999999999.9999999999999999995")
    else:
        wide = Context(prec=200)
        assert held == number.quantize(Decimal("1E-18"), ROUND_HALF_EVEN, wide)


@pytest.mark.parametrize("word", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_what_is_no_number_is_null_with_its_word_beside_it(word):
    assert priced(Decimal(word)) == (None, json.dumps({"totalPrice": word}, separators=(",", ":")))


def test_closing_zeros_are_no_reason_for_a_text():
    assert priced(Decimal("36.480")) == (Decimal("36.48"), None)
    assert priced(Decimal("1." + "0" * 28)) == (Decimal(1), None)


def test_a_text_is_plain_digits():
    assert priced(Decimal("1.5E-19"))[1] == '{"totalPrice":"0.00000000000000000015"}'
    assert priced(Decimal("1E+21"))[1] == '{"totalPrice":"1000000000000000000000"}'
    assert priced(Decimal("1E+999999999"))[1] == '{"totalPrice":"1E+999999999"}'


@given(st.integers(-(10**40), 10**40))
@example(2**63 - 1)
@example(2**63)
@example(-(2**63))
@example(-(2**63) - 1)
def test_every_integer_comes_back_from_its_column_or_the_text_beside_it(number):
    held, exact = quantity(number)
    if -(2**63) <= number < 2**63:
        assert (held, exact) == (number, None)
    else:
        assert held is None
        assert exact is not None
        assert int(json.loads(exact)["quantity"]) == number


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("2030-04-01T10:11:12.1314159Z", "2030-04-01T10:11:12.131415+00:00"),
        ("2017-02-03T04:05:06.707-08:00", "2017-02-03T12:05:06.707000+00:00"),
        ("2017-02-03", "2017-02-03T00:00:00+00:00"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_time_is_cut_to_microseconds_of_utc_and_never_rounded(text, held):
    assert dated(parse_timestamp(text)) == (datetime.fromisoformat(held), None)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("0001-01-01T00:00:00+05:30", "0001-01-01T00:00:00.000000+05:30"),
        ("9999-12-31T23:59:59.9999999-08:00", "9999-12-31T23:59:59.999999-08:00"),
    ],
)
def test_a_time_beyond_the_calendar_of_utc_is_null_with_its_text_beside_it(wire, text):
    assert dated(parse_timestamp(wire)) == (None, json.dumps({"creationDate": text}, separators=(",", ":")))


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_every_time_comes_back_from_its_column_or_the_text_beside_it(when, minutes):
    sign = "-" if minutes < 0 else "+"
    given_time = parse_timestamp(f"{when.isoformat()}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")
    held, exact = dated(given_time)
    if exact is None:
        assert held == given_time
    else:
        assert held is None
        assert datetime.fromisoformat(json.loads(exact)["creationDate"]) == given_time


def test_one_odd_value_changes_nothing_of_its_neighbours():
    orders = [Order(id="a", total_price=Decimal("1.5")), Order(id="b", total_price=Decimal("1E-20")), Order(id="c")]
    assert [(row["orderId"], row["totalPrice"], row["exact"]) for row in encoded(*orders)] == [
        ("a", Decimal("1.5"), None),
        ("b", Decimal(0), '{"totalPrice":"0.00000000000000000001"}'),
        ("c", None, None),
    ]


def test_all_odd_values_of_a_row_stand_in_one_text():
    line = OrderLineItem(quantity=2**64, pricing=Pricing(list_price=Decimal("NaN"), price=Decimal("1E+20")))
    (row,) = ParquetRows(ORDER_LINES).encode(batch([Order(line_items=(line,))])).to_pylist()
    assert json.loads(row["exact"]) == {
        "quantity": str(2**64),
        "listPrice": "NaN",
        "price": "100000000000000000000",
    }
    assert (row["quantity"], row["listPrice"], row["price"]) == (None, None, None)


# What these rules rest on: what Arrow gives back of what it takes


@given(st.integers(-(10**38) + 1, 10**38 - 1))
@example(10**38 - 1)
@example(-(10**38) + 1)
@example(0)
def test_arrow_changes_no_decimal_that_fits(digits):
    number = Decimal(digits).scaleb(-18, Context(prec=40))
    assert pa.array([None, number], DECIMAL).to_pylist() == [None, number]


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0])
def test_arrow_changes_no_integer_that_fits(number):
    assert pa.array([None, number], pa.int64()).to_pylist() == [None, number]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-08:00"])
def test_arrow_takes_a_time_that_it_can_not_give_back(text):
    array = pa.array([parse_timestamp(text)], TIME)
    with pytest.raises(OverflowError):
        array.to_pylist()


@pytest.mark.parametrize(("value", "kind"), [(5, pa.string()), (1, pa.bool_()), (True, pa.int64())])
def test_arrow_refuses_a_value_of_another_kind(value, kind):
    with pytest.raises(pa.ArrowException):
        pa.array([value], kind)


# Parts and whole files


def written(table, path: Path, *batches) -> Path:
    rows = ParquetRows(table)
    path.write_bytes(rows.write_part([rows.encode(each) for each in batches]))
    return path


def merged(table, parts) -> io.BytesIO:
    file = io.BytesIO()
    ParquetRows(table).merge(parts, file)
    assert not file.closed
    return file


@each_table
def test_a_part_is_a_whole_file(table, tmp_path):
    part = pq.ParquetFile(written(table, tmp_path / "part", BATCHES[table], BATCHES[table]))
    assert part.metadata.num_rows == 2 * len(table.rows(BATCHES[table]))
    assert part.schema_arrow == ParquetRows(table).schema
    assert {part.metadata.row_group(0).column(at).compression for at in range(len(table.columns))} == {"ZSTD"}


@each_table
def test_no_parts_are_an_empty_file_with_the_columns(table):
    found = pq.read_table(merged(table, []))
    assert found.num_rows == 0
    assert found.schema == ParquetRows(table).schema


def test_a_part_of_nothing_is_an_empty_file_too(tmp_path):
    empty = written(ORDERS, tmp_path / "empty")
    full = written(ORDERS, tmp_path / "full", batch([Order(id="a")]))
    assert pq.read_table(empty).num_rows == 0
    assert pq.read_table(merged(ORDERS, [empty, full, empty]))["orderId"].to_pylist() == ["a"]


def test_parts_follow_each_other_in_the_order_given(tmp_path):
    parts = [written(ORDERS, tmp_path / str(at), batch([Order(id=f"{at}-{n}") for n in range(3)])) for at in range(4)]
    assert pq.read_table(merged(ORDERS, iter(parts)))["orderId"].to_pylist() == [
        f"{at}-{n}" for at in range(4) for n in range(3)
    ]


def test_small_groups_of_rows_become_few_large_ones(tmp_path):
    part = written(ORDERS, tmp_path / "part", batch([Order(id="a")] * 8_000))
    groups = pq.ParquetFile(merged(ORDERS, [part] * 8)).metadata
    sizes = [groups.row_group(at).num_rows for at in range(groups.num_row_groups)]
    assert sizes == [24_000, 24_000, 16_000]


def test_a_large_part_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH_ROWS", 10)
    monkeypatch.setattr(module, "_GROUP_ROWS", 30)
    part = written(ORDERS, tmp_path / "part", batch([Order(id=str(number)) for number in range(100)]))
    whole = pq.ParquetFile(merged(ORDERS, [part]))
    assert [whole.metadata.row_group(at).num_rows for at in range(whole.num_row_groups)] == [30, 30, 30, 10]
    assert whole.read()["orderId"].to_pylist() == [str(number) for number in range(100)]


def test_a_part_of_another_table_is_refused(tmp_path):
    part = written(ORDERS, tmp_path / "part", batch([Order(id="a")]))
    with pytest.raises(ValueError, match=r"(?i)schema"):
        merged(MIGRATIONS, [part])


class OnlyWrites(io.RawIOBase):
    """A file that can neither seek nor tell."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data, /) -> int:
        self.taken += data
        return len(data)


def test_a_file_needs_no_more_than_to_be_written():
    file = OnlyWrites()
    ParquetRows(ORDERS).merge([], file)
    assert bytes(file.taken) == merged(ORDERS, []).getvalue()
    assert not file.closed


class Full(OnlyWrites):
    """A file on a full disk."""

    def write(self, data, /) -> int:
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_the_error_that_it_is(tmp_path):
    part = written(ORDERS, tmp_path / "part", batch([Order(id="a")]))
    with pytest.raises(OSError, match="No space left on device"):
        ParquetRows(ORDERS).merge([part], Full())


# Other readers


@pytest.fixture
def whole(request, tmp_path) -> Path:
    """A table's records as the engine writes them: in pages, in parts, in one file."""
    table = request.param
    records = BATCHES[table]
    rows = ParquetRows(table)
    parts = []
    for number, at in enumerate(range(0, len(records.items), 7)):
        pages = [
            batch(records.items[start : start + 3], **records.ids)
            for start in range(at, min(at + 7, len(records.items)), 3)
        ]
        last = pages.pop()
        left = at + 7 - (at + 3 * len(pages))
        pages.append(batch(last.items[:left], **records.ids))
        path = tmp_path / f"part-{number}"
        path.write_bytes(rows.write_part([rows.encode(page) for page in pages]))
        parts.append(path)
    path = tmp_path / f"{table.name}.parquet"
    with path.open("wb") as file:
        rows.merge(parts, file)
    return path


each_whole = pytest.mark.parametrize(
    ("table", "whole"), [(table, table) for table in TABLES], indirect=["whole"], ids=lambda table: table.name
)


def expected(table) -> list[tuple]:
    """A table's rows as its columns can hold them, and the text beside them."""
    found = []
    for row in ParquetRows(table).encode(BATCHES[table]).to_pylist():
        found.append(tuple(row.values()))
    return found


@each_whole
def test_pandas_reads_the_same(table, whole):
    frame = pd.read_parquet(whole, dtype_backend="pyarrow")
    assert [dtype.pyarrow_dtype for dtype in frame.dtypes] == [
        *(TYPES[column.kind] for column in table.columns),
        pa.string(),
    ]
    frame = frame.astype(object)
    found = [
        tuple(None if value is pd.NA or value is None else value for value in row)
        for row in frame.itertuples(index=False)
    ]
    assert found == expected(table)


POLARS = {
    Kind.TEXT: pl.String(),
    Kind.INTEGER: pl.Int64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.DECIMAL: pl.Decimal(38, 18),
    Kind.TIMESTAMP: pl.Datetime("us", "UTC"),
}


@each_whole
def test_polars_reads_the_same(table, whole):
    frame = pl.read_parquet(whole)
    assert frame.dtypes == [*(POLARS[column.kind] for column in table.columns), pl.String()]
    assert frame.rows() == expected(table)


DUCKDB = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DECIMAL: "DECIMAL(38,18)",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
}


@each_whole
def test_duckdb_reads_the_same(table, whole):
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(whole))
        assert [str(kind) for kind in rows.types] == [*(DUCKDB[column.kind] for column in table.columns), "VARCHAR"]
        # As microseconds: a datetime of DuckDB's own needs a package for zones.
        columns = [
            f'epoch_us("{column.name}")' if column.kind is Kind.TIMESTAMP else f'"{column.name}"'
            for column in table.columns
        ]
        found = rows.project(", ".join([*columns, '"exact"'])).fetchall()
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == [
        tuple((value - start) // timedelta(microseconds=1) if isinstance(value, datetime) else value for value in row)
        for row in expected(table)
    ]


def test_sums_of_other_readers_are_exact(tmp_path):
    prices = [Decimal("0.1"), Decimal("0.2"), Decimal("12345678901234567.123456789012345678")]
    path = written(ORDERS, tmp_path / "orders.parquet", batch([Order(total_price=price) for price in prices]))
    with duckdb.connect() as connection:
        ((total,),) = connection.execute(f"select sum(totalPrice) from '{path}'").fetchall()
    assert total == pl.read_parquet(path)["totalPrice"].sum() == Decimal("12345678901234567.423456789012345678")


PROGRAM = """
import sys
import partnercenter_async.export.csv, partnercenter_async.export.text, partnercenter_async.export.pages
print(*[name for name in sys.modules if name.partition(".")[0] in ("pyarrow", "pandas", "numpy")])
"""


def test_the_other_formats_need_no_pyarrow():
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []
