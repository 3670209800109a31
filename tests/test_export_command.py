"""The command's exports: formats, checkpoints, and what it says when something is wrong."""

import asyncio
import contextlib
import csv
import io
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from helpers import Fake, order_count, page
from rich.console import Console
from test_cli import COMMAND, Ended, as_served, environment, interruptible, run

from partnercenter_async import ConnectionLostError, PartnerCenterClient, RetryPolicy, ServerError
from partnercenter_async.cli.progress import ProgressDisplay
from partnercenter_async.emulator import DataSet, Delay, Emulator, Fault, ReplaceBody, service_error
from partnercenter_async.export import ORDER_LINES, ORDERS, ExportProgress, Format, Report, Table, export
from partnercenter_async.testing import FakeCredential, FakeTransport, answer, run_in_virtual_time

ALL = ("orders", "--all-customers", "--concurrency", "4")


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    data = DataSet(oddities=True, customers=40, orders_per_customer=(0, 12), seed=5)
    async with Emulator(data, page_size=3, customers_page_size=15, link_style="mixed") as running:
        yield running


def everything(data: DataSet) -> list[tuple[str, str]]:
    """Each order's customer and id."""
    return sorted((name, str(order["id"])) for name in data.customer_ids() for order in data.orders(name))


def found(path: Path, format: str) -> list[tuple[str, str]]:
    """The same of an output."""
    if format == "ndjson":
        lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        return sorted((line["referenceCustomerId"], line["id"]) for line in lines)
    if format == "csv":
        with path.open(encoding="utf-8", newline="") as lines:
            return sorted((row["customerId"], row["orderId"].removeprefix("'")) for row in csv.DictReader(lines))
    rows = pq.read_table(path, columns=["customerId", "orderId"]).to_pylist()
    return sorted((row["customerId"], row["orderId"]) for row in rows)


def summary(ended: Ended) -> str:
    return ended.errors.splitlines()[-1]


# Formats


@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
async def test_each_format_has_each_order_once(emulator, tmp_path, format):
    path = tmp_path / "orders"
    ended = await run(emulator, *ALL, "--format", format, "--output", str(path))
    assert (ended.code, ended.lines) == (0, [])
    expected = everything(emulator.data)
    assert found(path, format) == expected
    assert summary(ended).startswith(f"{path}: {len(expected)} orders from 40 customers in ")
    assert [each.name for each in tmp_path.iterdir()] == ["orders"]


async def test_the_outputs_name_tells_the_format(emulator, tmp_path):
    one = ("orders", "--customer", emulator.data.customer_id(1))
    names = ("orders.parquet", "orders.CSV", "orders.json", "orders")
    await asyncio.gather(*(run(emulator, *one, "--output", str(tmp_path / name)) for name in names))
    heads = [(tmp_path / name).read_bytes()[:5] for name in names]
    assert heads == [b"PAR1" + heads[0][4:], b"custo", b'{"id"', b'{"id"']


async def test_lines_make_a_row_for_each_line_item(emulator, tmp_path):
    path = tmp_path / "lines.csv"
    ended = await run(emulator, *ALL, "--include-price", "--rows", "lines", "--output", str(path))
    assert ended.code == 0
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [*rows[0]] == [column.name for column in ORDER_LINES.columns]
    expected = [
        (name, str(order["id"]), str(line["lineItemNumber"]))
        for name in emulator.data.customer_ids()
        for order in emulator.data.orders(name)
        for line in order["lineItems"]
    ]
    assert sorted(
        (row["customerId"], row["orderId"].removeprefix("'"), row["lineItemNumber"]) for row in rows
    ) == sorted(expected)
    assert ended.errors.count("orders from 40 customers") == 1


def test_progress_counts_the_retries_of_both_readings(tmp_path):
    told: list[ExportProgress] = []

    async def scenario():
        client = PartnerCenterClient(FakeCredential(), transport=FakeTransport(lambda _: answer(status=500)))
        with pytest.raises(ServerError):
            await export(["c"], client.orders.list, tmp_path / "o", table=ORDERS, on_progress=told.append)

    run_in_virtual_time(scenario())
    assert told[-1].retries == 4
    assert [each.retries for each in told] == sorted(each.retries for each in told)


READ_AGAIN = [408, 429, 500, 503, 599, None]  # None is a lost connection


@pytest.mark.parametrize("status", [*READ_AGAIN, 400, 403, 404, 409, 412, 418])
async def test_an_input_is_read_again_at_the_end_only_where_its_error_may_pass(tmp_path, status):
    again = status in READ_AGAIN
    failure = ConnectionLostError("lost") if status is None else answer(status=status)
    fake = Fake([page("a"), failure, page("c"), page("b")], retry=RetryPolicy(tries=1))
    told: list[str] = []
    report = await export(
        ["1", "2", "3"],
        fake.client.orders.list,
        tmp_path / "o",
        concurrency=1,
        on_failure=lambda name, _: told.append(name),
    )
    assert (report.done, report.items) == ((3, 3) if again else (2, 2))
    assert [*report.failed] == told == ([] if again else ["2"])
    assert [request.url.split("/")[-2] for request in fake.requests] == ["1", "2", "3", *(["2"] if again else [])]


async def test_a_program_may_name_the_format_with_a_plain_text(tmp_path):
    client = PartnerCenterClient(FakeCredential(), transport=FakeTransport([page("a", "b")]))
    report = await export(["c"], client.orders.list, tmp_path / "o", table=ORDERS, format="csv")
    assert (report.done, report.items, report.failed) == (1, 2, {})
    rows = csv.DictReader((tmp_path / "o").read_text("utf-8").splitlines())
    assert [row["orderId"] for row in rows] == ["a", "b"]


class Head(msgspec.Struct, rename="camel"):
    id: str
    currency_code: str | None = None


@pytest.mark.parametrize("format", ["csv", "parquet"])
async def test_a_struct_of_ones_own_is_exported(tmp_path, format):
    client = PartnerCenterClient(FakeCredential(), transport=FakeTransport([page("a", "b")]))
    path = tmp_path / "o"
    await export(["c"], lambda each: client.orders.list(each).into(Head), path, table=Table(Head), format=format)
    rows = csv.DictReader(path.read_text("utf-8").splitlines()) if format == "csv" else pq.read_table(path).to_pylist()
    assert [(row["customerId"], row["id"], row["currencyCode"] or None) for row in rows] == [
        ("c", "a", None),
        ("c", "b", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "column"),
    [
        (("customers",), "companyName"),
        (("provisioning", "--all-customers"), "quantityStatus"),
        (("subscriptions", "--all-customers"), "friendlyName"),
        (("migrations", "--all-customers"), "newCommerceMigrationId"),
        (("migrations", "--all-customers", "--events"), "eventName"),
    ],
)
async def test_every_listing_has_tables(emulator, tmp_path, arguments, column):
    path = tmp_path / "some.csv"
    as_csv, as_lines, as_table = await asyncio.gather(
        run(emulator, *arguments, "--output", str(path)),
        run(emulator, *arguments),
        run(emulator, *arguments, "--format", "table"),
    )
    assert [as_csv.code, as_lines.code, as_table.code] == [0, 0, 0]
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) >= len(as_lines.lines) > 0
    assert all(row["customerId"] for row in rows)
    assert any(row[column] for row in rows)
    assert len(as_table.lines) == len(rows) + 2


async def test_a_table_is_for_people(emulator):
    ended = await run(emulator, *ALL, "--format", "table")
    head, rule, *rows = ended.lines
    assert head.decode().split() == list(ORDERS.shown)
    assert set(rule.decode()) == {"-", " "}
    assert len(rows) == len(everything(emulator.data))


# Checkpoints


def in_the_middle(emulator: Emulator, request: int) -> asyncio.Event:
    """Let a request for orders never be answered, and tell when it is there."""
    there = asyncio.Event()

    def tell(body: bytes) -> bytes:
        there.set()
        return body

    emulator.inject(Fault(ReplaceBody(tell), operation="orders.list", nth=request))
    emulator.inject(Fault(Delay(60.0), operation="orders.list", nth=request + 1, times=None))
    return there


@pytest.mark.fault("F40")
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet"])
async def test_a_kill_in_the_middle_costs_no_order_and_repeats_none(emulator, tmp_path, format):
    path = tmp_path / "orders"
    path.write_text("of the night before")
    command = (*ALL, "--format", format, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    there = in_the_middle(emulator, 30)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *command, env=environment(emulator.environment()), stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.wait_for(there.wait(), 60)
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    assert path.read_text() == "of the night before"
    emulator.clear_faults()
    ended = await run(emulator, *command)
    assert ended.code == 0
    assert found(path, format) == everything(emulator.data)
    assert [each.name for each in tmp_path.iterdir()] == ["orders"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_a_table_on_a_terminal_has_no_bar_between_its_lines(emulator):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *(*ALL, "--format", "table"),
        env=environment({**emulator.environment(), "TERM": "xterm"}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)

    def shown() -> bytes:
        text = b""
        with contextlib.suppress(OSError):  # how Linux tells the end
            while more := os.read(ours, 65536):
                text += more
        os.close(ours)
        return text

    text = await asyncio.to_thread(shown)
    assert await process.wait() == 0
    assert text.startswith(b"customerId ")
    assert b"\x1b" not in text
    assert len(text.splitlines()) == 2 + len(everything(emulator.data))


async def test_an_interrupted_run_says_how_to_go_on_and_does(emulator, tmp_path):
    path = tmp_path / "orders.ndjson"
    command = (*ALL, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    there = in_the_middle(emulator, 30)
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *command),
        env=environment(emulator.environment()),
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=interruptible,
    )
    await asyncio.wait_for(there.wait(), 60)
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert process.returncode == 130
    assert errors.decode() == f"note: run the same command again to go on from {tmp_path / 'run.ckpt'}\n"
    emulator.clear_faults()
    before = emulator.count("orders.list")
    ended = await run(emulator, *command)
    assert ended.code == 0
    assert ended.errors.startswith("note: going on behind ")
    assert "; customers read by earlier runs: " in summary(ended)
    assert found(path, "ndjson") == everything(emulator.data)
    pages = sum(max(1, -(-order_count(emulator.data, name) // 3)) for name in emulator.data.customer_ids())
    assert emulator.count("orders.list") - before < pages - 10


@pytest.mark.fault("F34")
@pytest.mark.parametrize("format", ["ndjson", "parquet"])
async def test_failing_customers_are_listed_and_the_others_delivered(emulator, tmp_path, format):
    failing = [emulator.data.customer_id(3), emulator.data.customer_id(20)]
    for name, status in zip(failing, (403, 500), strict=True):
        emulator.inject(
            Fault(service_error(status, 3000, "No."), operation="orders.list", customer_id=name, times=None)
        )
    path = tmp_path / "orders"
    command = (*ALL, "--format", format, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    ended = await run(emulator, *command)
    assert ended.code == 3
    *errors, last = ended.errors.splitlines()
    assert len(errors) == 2
    for name, status in zip(failing, (403, 500), strict=True):
        assert any(line.startswith(f"error: customer {name}: {status}") for line in errors)
    assert last.endswith("; customers that failed, see above: 2")
    assert found(path, format) == [each for each in everything(emulator.data) if each[0] not in failing]
    assert [each.name for each in tmp_path.iterdir()] == ["orders"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_a_run_killed_before_its_renaming_lists_its_failures_again(emulator, tmp_path):
    name = emulator.data.customer_id(3)
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", customer_id=name, times=None))
    path = tmp_path / "orders"
    command = (*ALL, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    program = (
        "import os; from partnercenter_async.export.outputs import NamedOutput; "
        "NamedOutput.publish = lambda _: os.kill(os.getpid(), 9); "
        "from partnercenter_async.__main__ import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *command),
        env=environment(emulator.environment()),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == -signal.SIGKILL
    ended = await run(emulator, *command)
    assert ended.code == 3
    error, last = ended.errors.splitlines()
    assert error.startswith(f"error: customer {name}: 403")
    assert last.endswith("; customers that failed, see above: 1")
    assert ", 0 a second, " in last
    assert found(path, "ndjson") == [each for each in everything(emulator.data) if each[0] != name]


async def test_a_sign_in_that_fails_in_the_middle_ends_the_run_which_can_be_gone_on_with(emulator, tmp_path):
    path = tmp_path / "orders.csv"
    command = (*ALL, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    emulator.inject(Fault(service_error(401, 3000, "No."), operation="orders.list", nth=20, times=None))
    ended = await run(emulator, *command)
    assert ended.code == 1
    error, note = ended.errors.splitlines()
    assert error.startswith("error: 401")
    assert note.startswith("note: run the same command again")
    emulator.clear_faults()
    assert (await run(emulator, *command)).code == 0
    assert found(path, "csv") == everything(emulator.data)


async def test_where_all_customers_fail_the_output_of_before_stays(emulator, tmp_path):
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", times=None))
    path = tmp_path / "orders.csv"
    path.write_text("of the night before")
    ended = await run(emulator, *ALL, "--output", str(path))
    assert ended.code == 1
    assert path.read_text() == "of the night before"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (("--include-price",), "its include_price was missing, now it is True"),
        (("--format", "csv"), "its columns was missing, now it is orders"),
        (("--output", "other.ndjson"), "its output was "),
        (("--indirect-reseller", "r"), "its indirect_reseller was missing, now it is r"),
    ],
)
async def test_the_checkpoint_of_another_run_is_wrong_usage(emulator, tmp_path, changed, message):
    path = tmp_path / "orders.ndjson"
    command = (*ALL, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", nth=1))
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", nth=10, times=None))
    there = in_the_middle(emulator, 5)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *command, env=environment(emulator.environment()), stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.wait_for(there.wait(), 60)
    process.kill()
    await process.wait()
    emulator.clear_faults()
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    ended = await run(emulator, *command, *changed)
    assert ended.code == 2
    assert ended.errors.startswith(f"error: {tmp_path / 'run.ckpt'} is of another run: {message}")
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize("differs", ["endpoint", "tenant"])
async def test_the_checkpoint_of_another_endpoint_or_tenant_is_wrong_usage(tmp_path, differs):
    data = DataSet(oddities=True, customers=1, orders_per_customer=12, seed=5)
    command = ("orders", "--customer", data.customer_id(0), "--output", str(tmp_path / "o"))
    command = (*command, "--checkpoint", str(tmp_path / "run.ckpt"))
    fault = Fault(service_error(403, 3000, "No."), operation="orders.list", nth=3)
    async with Emulator(data, page_size=3, faults=[fault]) as first:
        assert (await run(first, *command)).code == 1
        port = int(first.endpoint.rpartition(":")[2])
        was = getattr(first, differs if differs == "endpoint" else "tenant_id")
        if differs == "endpoint":
            port = 0
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    async with Emulator(data, page_size=3, port=port) as second:
        ended = await run(second, *command)
        now = getattr(second, differs if differs == "endpoint" else "tenant_id")
        assert second.count("orders.list") == 0
    assert ended.code == 2
    message = f"error: {tmp_path / 'run.ckpt'} is of another run: its {differs} was {was}, now it is {now}; "
    assert ended.errors.startswith(message)
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of file sizes")
@pytest.mark.parametrize("format", ["ndjson", "parquet"])
async def test_a_disk_that_takes_no_more_is_an_error_and_costs_nothing(emulator, tmp_path, format):
    path = tmp_path / "orders"
    command = (*ALL, "--format", format, "--output", str(path), "--checkpoint", str(tmp_path / "run.ckpt"))
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'ulimit -f 12; exec "$@"', "sh", *COMMAND, *command),
        env=environment(emulator.environment()),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    first, second = errors.decode().splitlines()
    assert first.startswith(f"error: {tmp_path}/orders.partial")
    assert first.endswith(": File too large")
    assert second.startswith("note: run the same command again to go on from ")
    ended = await run(emulator, *command)
    assert ended.code == 0
    assert found(path, format) == everything(emulator.data)


async def test_without_a_checkpoint_a_run_that_breaks_off_says_where_its_lines_are(emulator, tmp_path):
    customer = max(emulator.data.customer_ids(), key=lambda name: order_count(emulator.data, name))
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", nth=2, times=None))
    path = tmp_path / "orders.ndjson"
    path.write_text("of the night before")
    ended = await run(emulator, "orders", "--customer", customer, "--output", str(path))
    assert ended.code == 1
    error, note = ended.errors.splitlines()
    assert error.startswith("error: 403")
    assert note == f"note: what was read until then is in {path}.partial"
    served = as_served([*emulator.data.orders(customer, include_price=False)])
    assert (tmp_path / "orders.ndjson.partial").read_bytes().splitlines() == served[:3]
    assert path.read_text() == "of the night before"


async def test_where_nothing_was_read_nothing_is_said_of_going_on(emulator, tmp_path):
    command = ("orders", "--customer", "nobody", "--output", str(tmp_path / "o"), "--checkpoint", str(tmp_path / "c"))
    ended = await run(emulator, *command)
    assert ended.code == 1
    assert ended.errors.startswith("error: 403")
    assert ended.errors.count("\n") == 1


async def test_a_table_has_no_checkpoint_in_programs_either(tmp_path):
    with pytest.raises(ValueError, match="format table is for people and has no checkpoint"):
        await export([], Fake([]).client.orders.list, tmp_path / "o", table=ORDERS, format=Format.TABLE, checkpoint="c")


async def test_a_listing_of_one_customer_goes_on_too(emulator, tmp_path):
    customer = max(emulator.data.customer_ids(), key=lambda name: order_count(emulator.data, name))
    command = ("orders", "--customer", customer, "--output", str(tmp_path / "o"), "--checkpoint", str(tmp_path / "c"))
    emulator.inject(Fault(service_error(403, 3000, "No."), operation="orders.list", nth=3))
    assert (await run(emulator, *command)).code == 1
    ended = await run(emulator, *command)
    assert (ended.code, ended.errors) == (0, "note: going on behind 6 orders\n")
    assert (tmp_path / "o").read_bytes().splitlines() == as_served(
        [*emulator.data.orders(customer, include_price=False)]
    )
    assert emulator.count("orders.list") == 1 + -(-order_count(emulator.data, customer) // 3)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no advisory locks")
async def test_a_second_run_at_once_is_refused(emulator, tmp_path):
    command = (*ALL, "--output", str(tmp_path / "o"), "--checkpoint", str(tmp_path / "c"))
    there = in_the_middle(emulator, 10)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *command, env=environment(emulator.environment()), stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.wait_for(there.wait(), 60)
    ended = await run(emulator, *command)
    process.kill()
    await process.wait()
    assert ended.code == 1
    assert ended.errors == f"error: {tmp_path / 'o'}.partial: another run is writing it\n"


# Usage


async def test_what_can_not_be_written_is_wrong_usage(emulator, tmp_path):
    here = str(tmp_path / "o")
    calls = {
        ("--format", "parquet"): "Parquet goes into a file",
        ("--checkpoint", here): "a checkpoint needs a file",
        ("--checkpoint", here, "--output", here): "get in each other's way",
        ("--format", "table", "--output", here, "--checkpoint", f"{here}.ckpt"): "has no checkpoint",
        ("--format", "xml"): "Invalid value for",
        ("--checkpoint", here, "--output", f"{here}.new"): "get in each other's way",
        ("--output", str(tmp_path)): "it is a folder",
        ("--output", str(tmp_path / ("o" * 300))): "File name too long",
        ("--output", str(tmp_path / ("o" * 250))): "File name too long",
        ("--output", here, "--checkpoint", "/nowhere/at/all"): "there is no such folder",
    }
    ended = await asyncio.gather(*(run(emulator, *ALL, *call) for call in calls))
    for each, message in zip(ended, calls.values(), strict=True):
        assert (each.code, each.lines) == (2, [])
        assert "".join(message.split()) in "".join(each.errors.replace("│", "").split())
    assert emulator.count() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the shell is POSIX's")
@pytest.mark.parametrize("rows", ["lines", "orders"])
async def test_rows_go_with_formats_that_have_some(emulator, rows):
    ended = await run(emulator, *ALL, "--rows", rows)
    assert (ended.code, ended.lines) == (2, [])
    assert "pass --rows with another --format" in " ".join(ended.errors.replace("│", " ").split())


async def test_a_closed_stdout_is_wrong_usage(emulator):
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *ALL),
        env=environment(emulator.environment()),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (2, b"error: stdout is closed: pass --output FILE\n")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"checkpoint": "o"}, "get in each other's way"),
        ({"checkpoint": "o.partial"}, "get in each other's way"),
        ({"output": "c.new", "checkpoint": "c"}, "get in each other's way"),
        ({"output": ""}, "it is a folder"),
        ({"output": "no/o"}, "there is no such folder"),
        ({"format": "xml"}, "format must be one of ndjson, csv, parquet, table, not 'xml'"),
        ({"customers": "one"}, "customers must be several texts, not 'one'"),
        ({"customers": [1]}, "customers must be a text that is not empty, not 1"),
        ({"customers": aiter}, "customers must be several texts"),
        ({"identity": {"year": 2030}}, "identity must be a text that is not empty, not 2030"),
    ],
)
async def test_an_argument_that_is_none_is_refused_before_anything_is_written(tmp_path, changed, message):
    given = {"customers": ["c"], "output": "o", **changed}
    for name in ("output", "checkpoint"):
        if name in given:
            given[name] = tmp_path / given[name]
    customers, output = given.pop("customers"), given.pop("output")
    with pytest.raises(ValueError, match=re.escape(message)):
        await export(customers, Fake([]).client.orders.list, output, table=ORDERS, **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["ndjson", "parquet"])
@pytest.mark.parametrize("inside", ["c", "deep/er/c"])
async def test_a_checkpoint_inside_the_partial_output_is_refused(tmp_path, format, inside):
    """Also where a run before has left such a folder, which is removed when the output is whole."""
    checkpoint = tmp_path / "o.partial" / inside
    checkpoint.parent.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="get in each other's way"):
        await export(
            ["c"],
            Fake([]).client.orders.list,
            tmp_path / "o",
            table=ORDERS,
            format=Format(format),
            checkpoint=checkpoint,
        )
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="it has no named pipes in folders")
@pytest.mark.parametrize("name", ["output", "checkpoint"])
async def test_what_is_no_file_is_not_replaced(tmp_path, name):
    given = {"output": tmp_path / "o", "checkpoint": tmp_path / "c"}
    os.mkfifo(given[name])
    with pytest.raises(ValueError, match="it is no file"):
        await export(["c"], Fake([page("a")]).client.orders.list, table=ORDERS, **given)
    assert [each.is_fifo() for each in tmp_path.iterdir()] == [True]


async def test_a_format_by_its_name_is_one(tmp_path):
    fake = Fake([page("a")])
    await export(["c"], fake.client.orders.list, tmp_path / "o", table=ORDERS, format="csv")  # type: ignore[arg-type]
    assert (tmp_path / "o").read_bytes().startswith(b"customerId,")


async def test_without_its_extra_parquet_says_how_to_get_it(emulator, tmp_path):
    program = "import sys; sys.modules['pyarrow'] = None; from partnercenter_async.__main__ import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *ALL, "--output", str(tmp_path / "o.parquet")),
        env=environment(emulator.environment()),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors == b"error: Parquet needs its extra: pip install 'partnercenter-async[parquet]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
async def test_stdout_under_its_other_names_is_not_replaced_where_it_leads_to_a_file(emulator, tmp_path, name):
    if not Path(name).parent.exists():
        pytest.skip(f"there is no {name}")
    path = tmp_path / "all"
    script = 'echo before; "$@"; echo behind'
    with path.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", script, "sh", *COMMAND, *ALL, "--output", name),
            env=environment(emulator.environment()),
            stdout=file,
        )
        assert await process.wait() == 0
    first, *lines, last = path.read_bytes().splitlines()
    assert (first, last) == (b"before", b"behind")
    assert len(lines) == len(everything(emulator.data))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such device")
async def test_a_device_is_written_to_at_once(emulator):
    ended = await run(emulator, *ALL, "--output", "/dev/stdout")
    assert ended.code == 0
    assert len(ended.lines) == len(everything(emulator.data))
    assert ended.errors == ""
    full = await run(emulator, *ALL, "--output", "/dev/full")
    assert full.code == 1
    assert "No space left on device" in full.errors


def test_the_command_keeps_pandas_out():
    program = (
        "import sys; from partnercenter_async.cli.destination import Destination; "
        "from partnercenter_async.export import ORDERS; "
        "from partnercenter_async.export.pages import Batch; from partnercenter_async.models.orders import Order; "
        "Destination.of(None, 'o.parquet', None).open(ORDERS).encode(Batch([Order(id='a')], [], {})); "
        "assert 'pyarrow' in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


# What people see


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(done: int, items: int, rate: float | None = None) -> ExportProgress:
    return ExportProgress(
        total=200, done=done, failed=0, items=items, in_flight=1, retries=0, throttled_until=None, rate=rate
    )


def test_a_terminal_shows_customers_orders_rate_and_time_left(monkeypatch):
    clock = itertools.count(0, 10)
    monkeypatch.setattr("partnercenter_async.cli.progress.time.monotonic", lambda: next(clock))
    terminal = Terminal()
    with ProgressDisplay(Console(file=terminal, width=160, force_terminal=True), "orders") as bar:
        bar.show(progress(0, 0), "customers")
        bar.show(progress(50, 1234, rate=8.3), "customers")
        bar._bar.refresh()
    shown = terminal.getvalue()
    assert "throttled to 498 requests a minute" in shown
    assert "50 customers  1,234 orders  " in shown
    assert " a second" in shown
    assert "0:00:00" in shown
    assert "note" not in shown


def test_the_bar_has_the_time_that_is_left_beside_the_time_that_has_passed(monkeypatch):
    now = 0.0
    monkeypatch.setattr("partnercenter_async.cli.progress.time.monotonic", lambda: now)
    terminal = Terminal()
    console = Console(file=terminal, width=160, force_terminal=True, get_time=lambda: now)
    with ProgressDisplay(console, "orders") as bar:
        bar.show(progress(0, 0), "customers")
        for done in range(1, 51):
            now = done * 4.0
            bar.show(progress(done, done), "customers")
        bar._bar.refresh()
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue().replace("\r", "\n")).strip().splitlines()[-1]
    assert re.findall(r"[0-9]:[0-9]{2}:[0-9]{2}", last) == ["0:03:20", "0:10:00"]  # 150 more at 4 s each


def test_without_a_terminal_there_is_a_line_a_minute(monkeypatch):
    now = 0.0
    monkeypatch.setattr("partnercenter_async.cli.progress.time.monotonic", lambda: now)
    log = io.StringIO()
    told = ProgressDisplay(Console(file=log, width=160), "orders")
    told.show(progress(20, 100), "customers")
    for now in range(1, 131):
        told.show(progress(20 + now, 100 + now * 10), "customers")
    assert log.getvalue().splitlines() == [
        "note: going on behind 100 orders from 20 of 200 customers",
        "note: 700 orders from 80 of 200 customers, 10 a second, about 2 min left",
        "note: 1,300 orders from 140 of 200 customers, 10 a second, about 1 min left",
    ]
    now = 200.0
    report = Report(done=199, resumed=20, items=2000, failed={"c": "403"})
    assert told.summary(report, "o.csv") == (
        "o.csv: 2,000 orders from 199 of 200 customers in 200.0 s, 10 a second, 0 retries; "
        "customers read by earlier runs: 20; customers that failed, see above: 1"
    )
