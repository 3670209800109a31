"""Dates of decoded records are columns of dates in what people put them into."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from partnercenter_async import Order, PartnerCenterClient, ResourceCollection
from partnercenter_async._session.decoding import decode
from partnercenter_async.testing import FakeCredential, FakeTransport, answer

IN_UTC = [
    "2030-04-01T10:11:12.1314159Z",
    "2022-10-13T00:00:00Z",
    "2022-10-30T00:00:00",
    "2017-01-25T14:53:12.093",
    "2022-10-18T21:20:50.9668605+00:00",
    "2023-05-18",
    "2024-12-31T23:59:59.9999999Z",
]
ENDS = ["0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999Z"]
MIXED = ["2017-01-25T14:53:12.093-08:00", *IN_UTC, "2017-01-25T14:53:12+05:30"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def orders(texts) -> tuple[Order, ...]:
    items = [{"id": str(number), "creationDate": text} for number, text in enumerate(texts)]
    return decode(json.dumps({"items": items}).encode(), ResourceCollection[Order]).items


def dates(texts) -> list[datetime | None]:
    return [order.creation_date for order in orders(texts)]


def microseconds(when: datetime) -> int:
    gone = when - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


def is_utc(dtype) -> bool:
    return isinstance(dtype, pd.DatetimeTZDtype) and str(dtype.tz) == "UTC"


with_and_without_a_gap = pytest.mark.parametrize("texts", [IN_UTC, [*IN_UTC, None], [None, *IN_UTC]])


@pytest.mark.fault("F29")
@with_and_without_a_gap
def test_pandas_makes_a_column_of_dates(texts):
    found = dates(texts)
    index, series, frame = pd.to_datetime(found), pd.Series(found), pd.DataFrame({"created": found})
    records = pd.DataFrame([{"created": order.creation_date} for order in orders(texts)])
    for dtype in (index.dtype, series.dtype, frame.dtypes["created"], records.dtypes["created"]):
        assert is_utc(dtype)
    assert [None if pd.isna(when) else when.to_pydatetime() for when in index] == found
    assert series.dropna().dt.year.tolist() == [when.year for when in found if when is not None]
    assert series.dropna().dt.microsecond.tolist() == [when.microsecond for when in found if when is not None]


@pytest.mark.fault("F29")
@pytest.mark.parametrize("texts", [MIXED, [None, *MIXED]])
def test_pandas_makes_a_column_in_utc_of_mixed_offsets_when_told_so(texts):
    found = dates(texts)
    index = pd.to_datetime(found, utc=True)
    assert is_utc(index.dtype)
    assert [None if pd.isna(when) else when.to_pydatetime() for when in index] == found
    assert is_utc(pd.DataFrame({"created": index}).dtypes["created"])
    assert is_utc(pd.to_datetime(pd.Series(found), utc=True).dtype)
    with pytest.raises(ValueError, match="utc=True"):
        pd.to_datetime(found)


@pytest.mark.fault("F29")
@with_and_without_a_gap
@pytest.mark.parametrize("more", [[], ENDS, MIXED])
def test_polars_makes_a_column_of_dates(texts, more):
    found = dates([*texts, *more])
    for column in (pl.Series(found), pl.DataFrame({"created": found})["created"]):
        assert column.dtype == pl.Datetime("us", "UTC")
        assert column.to_list() == found


@pytest.mark.fault("F29")
@with_and_without_a_gap
def test_pyarrow_makes_a_column_of_dates(texts):
    found = dates([*texts, *ENDS])
    for column in (pa.array(found), pa.Table.from_pylist([{"created": each} for each in found])["created"]):
        assert column.type == pa.timestamp("us", "UTC")
        assert column.to_pylist() == found


@pytest.mark.fault("F29")
def test_pyarrow_makes_a_column_in_utc_of_mixed_offsets_when_told_so():
    found = dates(MIXED)
    assert pa.array(found).type == pa.timestamp("us", "-08:00")
    assert pa.array(found, pa.timestamp("us", "UTC")).to_pylist() == found


@pytest.mark.fault("F29")
def test_duckdb_makes_a_column_of_dates():
    found = dates([*MIXED, *ENDS, None])
    expected = [None if when is None else microseconds(when) for when in found]
    with duckdb.connect() as connection:
        ((kind,),) = connection.execute("select typeof(?)", found[:1]).fetchall()
        connection.execute("create table orders (created timestamptz)")
        connection.executemany("insert into orders values (?)", [[when] for when in found])
        stored = connection.execute("select epoch_us(created) from orders").fetchall()
        table = pa.table({"created": found})
        relation = connection.from_arrow(table)
        assert [str(each) for each in relation.types] == ["TIMESTAMP WITH TIME ZONE"]
        read = relation.project("epoch_us(created)").fetchall()
    assert kind == "TIMESTAMP WITH TIME ZONE"
    assert [value for (value,) in stored] == [value for (value,) in read] == expected


@pytest.mark.fault("F29")
def test_orjson_writes_dates_that_come_back():
    import orjson

    found = dates([*MIXED, *ENDS])
    texts = orjson.loads(orjson.dumps(found))
    assert [datetime.fromisoformat(text) for text in texts] == found
    assert orjson.dumps(found[1:2], option=orjson.OPT_UTC_Z) == b'["2030-04-01T10:11:12.131415Z"]'


@pytest.mark.fault("F29")
def test_pydantic_takes_dates_and_gives_them_back():
    import pydantic

    class Placed(pydantic.BaseModel):
        created: list[pydantic.AwareDatetime | None]

    found = dates([*MIXED, *ENDS, None])
    placed = Placed(created=found)
    assert placed.created == found
    assert [when and when.utcoffset() for when in placed.created] == [when and when.utcoffset() for when in found]
    assert Placed.model_validate_json(placed.model_dump_json()) == placed
    assert Placed(created=found[1:2]).model_dump_json() == '{"created":["2030-04-01T10:11:12.131415Z"]}'


async def test_the_blocks_of_the_documentation_run():
    text = (Path(__file__).parent.parent / "docs" / "dates.md").read_text("utf-8")
    into, one_zone, mixed = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    sent = answer({"items": [{"id": "a", "creationDate": IN_UTC[0]}]})
    async with PartnerCenterClient(FakeCredential(), transport=FakeTransport([sent])) as client:
        names = {"client": client, "customer_id": "c", "pandas": pd, "polars": pl, "pyarrow": pa}
        exec(into, names)
        (placed,) = await names["placed"].collect()
    assert (placed.id, placed.creation_date) == ("a", IN_UTC[0])
    exec(one_zone, names | {"orders": orders(IN_UTC)})
    exec(mixed, names | {"dates": dates(MIXED)})
