"""The demo exports everything under faults, and notices every record that is not what the emulator holds."""

import asyncio
import io
import sys
from decimal import Decimal

import pytest
from helpers import order_count
from rich.console import Console
from typer.testing import CliRunner

from partnercenter_async.cli import app
from partnercenter_async.cli.check import first_difference
from partnercenter_async.cli.demo import KINDS, data_set, run_demo
from partnercenter_async.cli.progress import ProgressDisplay
from partnercenter_async.cli.summary import show
from partnercenter_async.emulator import (
    AlterPage,
    AlterRecord,
    DropRecord,
    Emulator,
    Fault,
    RepeatRecord,
    service_error,
)

CUSTOMERS = 6
SEED = 7
DATA = data_set(CUSTOMERS, SEED)
CUSTOMER = max(DATA.customer_ids(), key=lambda name: order_count(DATA, name))
ORDERS = [*DATA.orders(CUSTOMER)]
MOVED = max(DATA.customer_ids(), key=lambda name: len(DATA.migrations(name)))
PRICES = ORDERS[0]["lineItems"][0]["pricing"]


def display():
    return ProgressDisplay(Console(file=io.StringIO()), "records")


async def demo(path, *extra, faults=False, customers=CUSTOMERS, concurrency=8):
    return await run_demo(
        path / "out.ndjson",
        display=display(),
        customers=customers,
        concurrency=concurrency,
        seed=SEED,
        faults=faults,
        extra=extra,
    )


def shown(result):
    console = Console(file=io.StringIO(), width=200)
    show(result, console, written=result.written)
    return console.file.getvalue()


async def test_without_faults_nothing_is_retried(tmp_path):
    result = await demo(tmp_path)
    assert (result.problems, result.exit_code) == ([], 0)
    assert result.retries.total() == 0
    assert result.token_requests == 2
    assert result.totals.orders == sum(order_count(DATA, name) for name in DATA.customer_ids())
    assert len(result.output.read_bytes().splitlines()) == result.totals.records
    assert f"all {result.totals.records} records equal" in shown(result)


async def test_with_faults_every_kind_is_met_and_survived(tmp_path):
    result = await demo(tmp_path, faults=True)
    assert (result.problems, result.exit_code) == ([], 0)
    assert all(result.retries[kind] for kind in KINDS)
    assert result.token_requests > 2
    text = shown(result)
    assert all(kind in text for kind in KINDS)
    assert all(currency in text for currency in result.totals.revenue)


async def test_one_customer_alone_meets_every_kind(tmp_path):
    result = await demo(tmp_path, faults=True, customers=1, concurrency=1)
    assert result.problems == []


async def test_a_demo_with_faults_that_meets_none_of_a_kind_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("partnercenter_async.cli.demo.script", lambda _: [])
    result = await demo(tmp_path, faults=True)
    assert result.exit_code == 1
    assert len(result.problems) == len(KINDS)


async def test_a_demo_without_faults_that_retries_fails(tmp_path):
    result = await demo(tmp_path, Fault(service_error(503, 1, "Now."), operation="orders.list"))
    assert result.exit_code == 1
    assert result.problems == ["no fault was on, and yet there were retries: {'server error': 1}"]


async def test_a_customer_that_fails_for_good_fails_the_demo_and_costs_no_other(tmp_path):
    fault = Fault(service_error(403, 1, "Never."), operation="orders.list", customer_id=CUSTOMER, times=None)
    result = await demo(tmp_path, fault)
    assert result.exit_code == 1
    assert result.problems[0].startswith(f"customer {CUSTOMER}: 403")
    assert result.problems[1] == f"customer {CUSTOMER}: orders[0]: expected {ORDERS[0]['id']}, got nothing"
    assert result.totals.customers == CUSTOMERS


async def test_without_the_list_of_customers_there_is_no_output(tmp_path):
    result = await demo(tmp_path, Fault(service_error(403, 1, "Never."), operation="customers.list", times=None))
    assert result.exit_code == 1
    assert [problem[:35] for problem in result.problems] == ["there is no output: 403 Forbidden, "]
    assert list(tmp_path.iterdir()) == []
    assert "lines in" not in shown(result)


async def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "out.ndjson").mkdir()
    with pytest.raises(ValueError, match=r"can't write .*out\.ndjson: it is a folder"):
        await demo(tmp_path)


def of_orders(action):
    return Fault(action, operation="orders.list", customer_id=CUSTOMER)


def of_customers(action):
    """Of the listing that is written; the first one, for their ids, has as many pages as customers here."""
    return Fault(action, operation="customers.list", nth=1 + CUSTOMERS)


def of_ids(action):
    return Fault(action, operation="customers.list", nth=1)


def of_provisioning(action):
    return Fault(action, operation="orders.provisioning_status", customer_id=CUSTOMER)


def of_events(action):
    return Fault(action, operation="migrations.events", customer_id=MOVED)


def without_the_first_of_one_customer(page):
    if page["items"] and page["items"][0]["customerTenantId"] == MOVED:
        del page["items"][0]


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        pytest.param(of_customers(DropRecord(0)), "customers[0].id: expected ", id="customer dropped"),
        pytest.param(of_customers(RepeatRecord(0)), "customers[1].id: expected ", id="customer repeated"),
        pytest.param(
            of_customers(AlterRecord(0, ("companyProfile", "companyName"), "Other")),
            "customers[0].companyProfile.companyName: expected ",
            id="customer altered",
        ),
        pytest.param(
            of_ids(DropRecord(0)),
            f"customer {DATA.customer_id(0)}: orders[0]: expected ",
            id="all of a customer's dropped",
        ),
        pytest.param(of_orders(DropRecord(1)), "orders[1].id: expected ", id="order dropped"),
        pytest.param(of_orders(DropRecord(-1)), "orders[4].id: expected ", id="last order of a page dropped"),
        pytest.param(of_orders(RepeatRecord(2)), "orders[3].id: expected ", id="order repeated"),
        pytest.param(
            of_orders(AlterRecord(0, ("lineItems", 0, "quantity"), 777)),
            f"orders[0].lineItems[0].quantity: expected {ORDERS[0]['lineItems'][0]['quantity']}, got 777",
            id="quantity altered",
        ),
        pytest.param(
            of_orders(AlterRecord(1, ("status",), "lost")), "orders[1].status: expected ", id="order status altered"
        ),
        *(
            pytest.param(
                of_orders(AlterRecord(0, ("lineItems", 0, "pricing", name), Decimal(f"{value}0"))),
                f"orders[0].lineItems[0].pricing.{name}: expected {value}, got {value}0",
                id=f"text of {name} altered, its value not",
            )
            for name, value in PRICES.items()
        ),
        pytest.param(
            of_orders(AlterRecord(0, ("totalPrice",), Decimal("0.10"))),
            f"orders[0].totalPrice: expected {ORDERS[0]['totalPrice']}, got 0.10",
            id="total altered",
        ),
        pytest.param(
            of_provisioning(AlterRecord(0, ("status",), "Lost")),
            "orders[0] provisioning[0].status: expected ",
            id="provisioning status altered",
        ),
        pytest.param(
            of_provisioning(AlterRecord(0, ("quantityProvisioningInformation", 0, "quantity"), 999)),
            "orders[0] provisioning[0].quantityProvisioningInformation[0].quantity: expected ",
            id="provisioned quantity altered",
        ),
        pytest.param(of_provisioning(DropRecord(0)), "orders[0] provisioning[0]", id="provisioning dropped"),
        pytest.param(
            of_provisioning(RepeatRecord(-1)),
            "expected this order, got one more provisioning",
            id="provisioning repeated",
        ),
        pytest.param(of_events(DropRecord(0)), "events[0].id: expected ", id="event dropped"),
        pytest.param(of_events(RepeatRecord(0)), "events[1].id: expected ", id="event repeated"),
        pytest.param(
            of_events(AlterRecord(1, ("eventName",), "Other")), "events[1].eventName: expected ", id="event altered"
        ),
        pytest.param(
            Fault(AlterPage(without_the_first_of_one_customer), operation="migrations.list", times=None),
            f"customer {MOVED}: events[0].id: expected ",
            id="migration dropped",
        ),
    ],
)
async def test_a_record_that_is_not_what_the_emulator_holds_fails_the_demo(tmp_path, fault, where):
    result = await demo(tmp_path, fault)
    assert result.exit_code == 1
    assert any(where in problem for problem in result.problems), result.problems
    assert where in shown(result)


async def test_what_was_counted_is_compared_too(tmp_path):
    result = await demo(tmp_path)
    result.totals.add_price("USD", Decimal("0.000001"))
    assert first_difference(DATA, result.output, result.totals).startswith("totals.revenue.USD: expected ")


@pytest.mark.parametrize("more", [-1, 1])
async def test_a_request_that_the_client_did_not_count_fails_the_demo(tmp_path, monkeypatch, more):
    class Miscounting(Emulator):
        def count(self, *operation):
            return super().count(*operation) + (0 if operation else more)

    monkeypatch.setattr("partnercenter_async.cli.demo.Emulator", Miscounting)
    result = await demo(tmp_path)
    assert result.exit_code == 1
    assert result.problems == [f"the client counted {result.requests} requests, the emulator {result.requests + more}"]


async def test_a_record_under_another_orders_id_is_a_difference(tmp_path):
    result = await demo(tmp_path)
    first, second = (str(order["id"]) for order in ORDERS[:2])
    lines = result.output.read_bytes().splitlines(keepends=True)
    (at, *_) = (n for n, line in enumerate(lines) if f'"orderId":"{first}"'.encode() in line)
    lines[at] = lines[at].replace(f'"orderId":"{first}"'.encode(), f'"orderId":"{second}"'.encode())
    result.output.write_bytes(b"".join(lines))
    difference = first_difference(DATA, result.output, result.totals)
    name = f"customer {CUSTOMER}: orders[0] provisioning[0].orderId"
    assert difference == f'{name}: expected "{first}", got "{second}"'


async def test_an_empty_output_is_a_difference(tmp_path):
    result = await demo(tmp_path)
    result.output.write_bytes(b"")
    difference = first_difference(DATA, result.output, result.totals)
    assert difference == f"customers[0]: expected {DATA.customer_id(0)}, got nothing"


@pytest.mark.parametrize(
    ("action", "where"),
    [
        (DropRecord(0), "orders[0].id"),
        (RepeatRecord(0), "orders[1].id"),
        (AlterRecord(0, ("lineItems", 0, "quantity"), 777), "orders[0].lineItems[0].quantity"),
    ],
    ids=["dropped", "repeated", "altered"],
)
def test_the_command_fails_with_the_first_difference(tmp_path, monkeypatch, action, where):
    monkeypatch.setattr("partnercenter_async.cli.demo.script", lambda _: [of_orders(action)])
    output = str(tmp_path / "out.ndjson")
    ended = CliRunner().invoke(app, ["demo", "--customers", str(CUSTOMERS), "--output", output])
    assert ended.exit_code == 1
    assert f"customer {CUSTOMER}: {where}: expected " in ended.output


async def run(*arguments, cwd):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "partnercenter_async", "demo", "--customers", "4", *arguments),
        cwd=cwd,
        env={"PATH": "", "TMPDIR": str(cwd)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_the_command_writes_a_file_and_a_summary_with_no_other_noise(tmp_path):
    (code, output, errors), (silent_code, *_) = await asyncio.gather(
        run(cwd=tmp_path), run("--no-faults", "--output", "named", cwd=tmp_path)
    )
    assert (code, silent_code, errors) == (0, 0, "")
    assert "Orders per second" in output
    (temporary,) = tmp_path.glob("partnercenter-demo-*.ndjson")
    assert temporary.name in output.replace("\n", "")
    assert (tmp_path / "named").read_bytes().count(b"\n") == temporary.read_bytes().count(b"\n")


async def test_the_command_writes_to_stdout_and_its_summary_to_stderr(tmp_path):
    code, output, errors = await run("--no-faults", "--output", "-", cwd=tmp_path)
    assert code == 0
    assert all(line.startswith('{"kind":"') for line in output.splitlines())
    assert "Orders per second" in errors
    assert list(tmp_path.iterdir()) == []
