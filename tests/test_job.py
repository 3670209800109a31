"""The job and the export find what they are there to find, and a little of each runs to its end."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import export, job
from benchmarks.export_server import order_number
from benchmarks.job import Comparison, Run, compare, listed, moments
from benchmarks.job_server import IN_A_ROW, Faults, data_set, failing
from benchmarks.output import COLUMNS, FORMATS, digest, expected, records
from benchmarks.payload import PAGE
from partnercenter_async.emulator import service_error

ROOT = Path(__file__).parent.parent
TRUTH = {("a", "1"): digest(b"one"), ("a", "2"): digest(b"two"), ("b", "3"): digest(b"three")}


def judged(comparison=None, *, concurrency=50, kills=1, again=0, held=0, share=0.05, **altered):
    """What is wrong with a good run behind a killed one, of which something is altered."""
    good = {"code": 3, "seconds": 1.0, "pages": 9, "in_flight": 50, "connections": 51, "growth": 49.0}
    last = {**good, "left": ("orders.csv",), "errors": "error: customer c: 403 Forbidden\n", **altered}
    return job.problems(
        [Run(**{**good, "code": -9, "killed": True}), Run(**last)],
        comparison or Comparison(orders=3),
        failing=["c"],
        kills=kills,
        concurrency=concurrency,
        output="orders.csv",
        again=again,
        held=held,
        share=share,
    )


def test_an_output_with_each_order_once_is_good_in_any_order():
    assert compare(TRUTH, reversed(TRUTH.items())) == Comparison(orders=3)
    assert judged() == []


def test_a_lost_order_is_noticed():
    found = compare(TRUTH, list(TRUTH.items())[1:])
    assert found == Comparison(orders=2, lost=1)
    assert judged(found) == ["orders lost: 1"]


def test_a_repeated_order_is_noticed():
    found = compare(TRUTH, [*TRUTH.items(), *TRUTH.items()][:4])
    assert found == Comparison(orders=4, repeated=1)
    assert judged(found) == ["orders repeated: 1"]


def test_an_order_of_another_customer_is_noticed():
    found = compare(TRUTH, [*TRUTH.items(), (("c", "1"), digest(b"one"))])
    assert found == Comparison(orders=4, foreign=1)
    assert judged(found) == ["orders foreign: 1"]


def test_an_altered_order_is_noticed():
    found = compare(TRUTH, {**TRUTH, ("a", "1"): digest(b"One")}.items())
    assert found == Comparison(orders=3, altered=1)
    assert judged(found) == ["orders altered: 1"]


def test_too_much_in_flight_is_noticed():
    assert judged(in_flight=51) == ["51 requests were in flight, more than 50"]
    assert judged(in_flight=51, concurrency=51) == []


def test_memory_that_grows_is_noticed_and_memory_that_nobody_tells_is_not():
    assert judged(growth=50.1) == ["memory grew by 50.1 MB, more than 50"]
    assert judged(growth=None) == []


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ("", "1 are not listed, and 0 are"),
        ("error: customer c: gone\nerror: customer d: gone", "0 are not listed, and 1 are"),
        ("error: customer c: gone\nerror: customer c: gone", "0 are not listed, and 1 are"),
    ],
)
def test_customers_that_are_not_listed_as_they_should_be_are_noticed(errors, told):
    assert judged(errors=errors) == [f"of the customers that fail {told} that should not be"]


def test_what_is_left_behind_is_noticed():
    left = ("orders.csv", "run.ckpt")
    assert judged(left=left) == ["left behind: orders.csv, run.ckpt, where only orders.csv should be"]


def test_a_second_run_that_does_not_go_on_is_noticed():
    assert judged(again=200) == []
    assert judged(again=201) == ["201 pages were read again: what the checkpoint said was not gone on with"]
    assert judged(again=500, held=300) == []
    assert judged(again=501, held=300) == ["501 pages were read again: what the checkpoint said was not gone on with"]


def test_faults_that_did_not_happen_are_noticed():
    assert judged(share=0.0) == ["only 0.00% of the requests for orders met a fault"]


def test_another_exit_code_is_noticed():
    assert judged(code=1, errors="error: customer c: no") == [
        "the last run ended with 1, not with 3: error: customer c: no"
    ]


def test_a_run_that_ended_before_its_kill_is_noticed():
    assert judged(kills=2) == ["a run had ended before it was to be killed"]


def test_one_kill_is_in_the_middle_and_more_are_anywhere():
    assert moments(1, 0) == [0.5]
    assert moments(0, 0) == []
    assert moments(5, 0) == sorted(moments(5, 0))
    assert moments(5, 0) != moments(5, 1)


def test_listed_customers_are_read_from_the_lines_of_errors():
    assert listed("note: x\nerror: customer 1f-2: not found (GET /v1)\nerror: customers\n") == ["1f-2"]
    more = "error: 2 more customers failed likewise (403 Forbidden, code 3000): 1f-3, 1f-4\n"
    assert listed(f"error: customer 1f-2: 403\n{more}o: 9 orders\n") == ["1f-2", "1f-3", "1f-4"]


def test_no_page_meets_more_faults_than_the_client_has_tries():
    faults = Faults({}, seed=0)
    row = most = 0
    for _ in range(20_000):
        row = row + 1 if faults.next_action("orders.list", "a", "GET") else 0
        most = max(most, row)
        if not row:
            faults.answered("a")
    assert most == IN_A_ROW
    assert faults.met.total() / faults.asked == pytest.approx(0.05, rel=0.1)


def test_a_customer_that_fails_for_good_always_fails():
    never = service_error(403, 1, "No.")
    faults = Faults({"a": never}, seed=0)
    assert all(faults.next_action("orders.list", "a", "GET") is never for _ in range(100))
    assert faults.next_action("customers.list", None, "GET") is None
    assert faults.asked == 0


def test_one_customer_of_a_hundred_fails():
    data = data_set(1000, seed=1)
    lost = failing(data)
    assert len(lost) == 10
    assert {answer.status for answer in lost.values()} == {403, 500}
    assert failing(data_set(1000, seed=2)).keys() != lost.keys()


ORDER = {
    "id": "-2",
    "referenceCustomerId": "a",
    "creationDate": "2022-11-11T02:47:45.1477470-07:00",
    "status": "completed",
    "totalPrice": Decimal("1.50"),
    "lineItems": [{}, {}],
    "client": {"name": "Portal"},
    "partnerOnRecordAttestationAccepted": True,
    "links": {},
}
CELLS = {
    **dict.fromkeys(COLUMNS, ""),
    "customerId": "a",
    "orderId": "'-2",
    "creationDate": "2022-11-11T02:47:45.147747-07:00",
    "status": "completed",
    "totalPrice": "1.50",
    "lineItemCount": "2",
    "clientName": "Portal",
    "partnerOnRecordAttestationAccepted": "true",
}
VALUES = {
    **dict.fromkeys([*COLUMNS, "exact"]),
    "customerId": "a",
    "orderId": "-2",
    "creationDate": datetime(2022, 11, 11, 9, 47, 45, 147747, UTC),
    "status": "completed",
    "totalPrice": Decimal("1.500"),
    "lineItemCount": 2,
    "clientName": "Portal",
    "partnerOnRecordAttestationAccepted": True,
}


def written(path: Path, row: dict, format: str) -> list:
    """What a file of one row is read as."""
    if format == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
    else:
        pq.write_table(pa.Table.from_pylist([row]), path)
    return list(records(path, format))


def test_a_line_is_its_order_with_each_digit(tmp_path):
    text = json.dumps({**ORDER, "totalPrice": "@"}, separators=(",", ":")).replace('"@"', "1.50")
    (tmp_path / "orders").write_text(text + "\n", "utf-8")
    assert list(records(tmp_path / "orders", "ndjson")) == [(("a", "-2"), expected(ORDER, "ndjson"))]
    (tmp_path / "orders").write_text(text.replace("1.50", "1.5") + "\n", "utf-8")
    assert list(records(tmp_path / "orders", "ndjson")) != [(("a", "-2"), expected(ORDER, "ndjson"))]


@pytest.mark.parametrize(("format", "row"), [("csv", CELLS), ("parquet", VALUES)], ids=["csv", "parquet"])
def test_a_row_is_its_order_and_any_other_value_is_noticed(tmp_path, format, row):
    assert written(tmp_path / "orders", row, format) == [(("a", "-2"), expected(ORDER, format))]
    others = {str: "other", bool: False, int: 3, datetime: datetime(2022, 11, 11, tzinfo=UTC), Decimal: Decimal("1.51")}
    for column in COLUMNS:
        other = "2022-11-11T02:47:46Z" if column == "creationDate" else "other"
        altered = other if format == "csv" or row[column] is None else others[type(row[column])]
        ((_, found),) = written(tmp_path / "orders", {**row, column: altered}, format)
        assert found != expected(ORDER, format), column


def test_csv_keeps_closing_zeros_and_parquet_says_what_a_column_does_not_hold(tmp_path):
    ((_, found),) = written(tmp_path / "orders", {**CELLS, "totalPrice": "1.5"}, "csv")
    assert found != expected(ORDER, "csv")
    order = {**ORDER, "totalPrice": Decimal("0.1234567890123456789")}
    rounded = {**VALUES, "totalPrice": Decimal("0.123456789012345679")}
    assert [found for _, found in written(tmp_path / "orders", rounded, "parquet")] != [expected(order, "parquet")]
    exact = {**rounded, "exact": '{"totalPrice":"0.1234567890123456789"}'}
    assert [found for _, found in written(tmp_path / "orders", exact, "parquet")] == [expected(order, "parquet")]


def ids(orders):
    """The ids that the server of the export gives to so many orders."""
    return [f"{number // PAGE:08x}{number % PAGE:04x}" for number in range(orders)]


def test_orders_are_counted_by_their_ids():
    assert [order_number(each) for each in ids(450)] == list(range(450))
    assert export.count(450, ids(450)) == (0, 0)
    assert export.count(450, ids(449)) == (1, 0)
    assert export.count(450, [*ids(449), ids(1)[0]]) == (1, 1)
    assert export.count(450, ids(451)) == (0, 1)


def figures_of(module, *arguments, path):
    """Run one of the programs to its end, and return its figures."""
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--json", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_small_job_that_is_killed_brings_each_order_once_and_lists_each_failure(tmp_path, format):
    seen = figures_of("benchmarks.job", "--customers", "200", "--format", format, path=tmp_path / "figures.json")
    assert seen["kills"] == 1
    assert seen["exit code"] == 3
    assert seen["orders in the output"] == seen["orders"] > 1000
    assert seen["orders altered"] == 0
    assert seen["customers listed as failed"] == seen["customers that fail"] == 2
    assert max(seen["requests in flight at most"]) > 25


def test_a_small_export_brings_each_order_once_in_each_format(tmp_path):
    runs = figures_of("benchmarks.export", "--orders", "20000", path=tmp_path / "figures.json")
    assert [each["format"] for each in runs] == list(FORMATS)
    assert all((each["orders"], each["missing"], each["repeated"]) == (20_000, 0, 0) for each in runs)


def test_an_export_that_takes_too_much_memory_or_misses_an_order_is_noticed():
    figures = export.Figures(
        format="csv",
        orders=200,
        missing=0,
        repeated=0,
        code=0,
        seconds=1.0,
        orders_per_second=200,
        most_memory=200.0,
        output_mb=1.0,
    )
    assert export.problems(figures) == []
    assert export.problems(replace(figures, most_memory=None)) == []
    assert export.problems(replace(figures, most_memory=200.1)) == ["csv: 200.1 MB of memory, more than 200"]
    assert export.problems(replace(figures, missing=1)) == ["csv: orders missing: 1"]
    assert export.problems(replace(figures, repeated=2)) == ["csv: orders too many: 2"]
    assert export.problems(replace(figures, code=1, errors="no")) == ["csv: the command ended with 1: no"]
