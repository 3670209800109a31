"""The command writes what the service sent, and its exit code says how it went."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from helpers import name_and_domain, order_count
from typer.main import get_command

from partnercenter_async.cli import app
from partnercenter_async.emulator import Answer, DataSet, Delay, Emulator, Fault, gateway_throttle, service_error
from partnercenter_async.emulator.faults import encode
from partnercenter_async.export.pages import records, with_ids

COMMAND = (sys.executable, "-W", "error", "-m", "partnercenter_async")
VARIABLES = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_AUTHORITY_HOST",
    "PARTNER_CENTER_CLOUD",
    "PARTNER_CENTER_ENDPOINT",
    "PARTNER_CENTER_GRAPH_ENDPOINT",
    "PARTNER_CENTER_PARTNER_ENDPOINT",
    "PARTNER_CENTER_REFRESH_TOKEN",
)


@dataclass
class Ended:
    """A command that has ended."""

    code: int | None
    lines: list[bytes]
    errors: str


def interruptible() -> None:
    """Let an interrupt reach a process also where ours was begun, as by a shell in the background, to ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment(given: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**kept, "COLUMNS": "200", **given}


async def run(emulator: Emulator, *arguments: str, **variables: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=environment({**emulator.environment(), **variables}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return Ended(process.returncode, output.splitlines(), errors.decode())


def as_served(documents: Sequence[object]) -> list[bytes]:
    return [encode(document) for document in documents]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    data = DataSet(oddities=True, customers=12, orders_per_customer=(0, 12), seed=3)
    async with Emulator(data, page_size=4, customers_page_size=5, bom=True, link_style="mixed") as running:
        yield running


def busiest(data: DataSet) -> str:
    return max(data.customer_ids(), key=lambda name: order_count(data, name))


# Lines


def test_a_record_keeps_its_digits_and_its_unknown_fields():
    odd = rb'{"a": 1.50, "new": "\u00e9 \n", "b": 12345678901234567.8901 }'
    page = b'\xef\xbb\xbf {"items": [ ' + odd.replace(b", ", b",\n") + b' ,{}], "totalCount": 2}'
    assert records(page) == [rb'{"a":1.50,"new":"\u00e9 \n","b":12345678901234567.8901}', b"{}"]


@pytest.mark.parametrize(
    "page", [b"[]", b'{"items": null}', b'{"totalCount": 0}', b'{"items": []}', b'{"items": ""}', b'{"items": [null]}']
)
def test_a_page_without_records_gives_none(page):
    assert records(page) == []


def test_a_bare_array_is_a_page():
    assert records(b' [{"id": "1"}, {"id": "2"}]') == [b'{"id":"1"}', b'{"id":"2"}']


@pytest.mark.parametrize("byte", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_a_record_that_is_no_utf_8_is_refused(byte):
    with pytest.raises(UnicodeDecodeError):
        records(b'{"items": [{"id": "1"}, {"id": "' + byte + b'"}]}')


def test_ids_come_first_and_never_twice():
    ids = {"customerId": "c", "orderId": 'o"1'}
    assert with_ids(b'{"x":1.0}', ids) == b'{"customerId":"c","orderId":"o\\"1","x":1.0}'
    assert with_ids(b"{}", ids) == b'{"customerId":"c","orderId":"o\\"1"}'
    assert with_ids(b'{"orderId":"own"}', ids) == b'{"customerId":"c","orderId":"own"}'
    assert with_ids(b'{"orderId":"own","customerId":"c"}', ids) == b'{"orderId":"own","customerId":"c"}'
    assert with_ids(b"null", ids) == b"null"


# Listings


async def test_customers_are_written_as_served_in_their_order(emulator):
    ended = await run(emulator, "customers")
    expected = [emulator.data.customer(customer_id, full=False) for customer_id in emulator.data.customer_ids()]
    assert (ended.code, ended.lines, ended.errors) == (0, as_served(expected), "")
    assert emulator.count("customers.list") == 3


async def test_customers_are_filtered_by_the_service(emulator):
    name, domain = name_and_domain(emulator.data, 4)
    by_name, by_domain, by_both = await asyncio.gather(
        run(emulator, "customers", "--name-starts-with", name[:8]),
        run(emulator, "customers", "--domain-starts-with", domain),
        run(emulator, "customers", "--name-starts-with", "a", "--domain-starts-with", "b"),
    )
    fifth = encode(emulator.data.customer(emulator.data.customer_id(4), full=False))
    assert fifth in by_name.lines
    assert by_domain.lines == [fifth]
    assert (by_both.code, by_both.lines) == (2, [])


async def test_orders_of_one_customer_are_written_as_served(emulator, tmp_path):
    customer = busiest(emulator.data)
    file = tmp_path / "orders.ndjson"
    ended = await run(emulator, "orders", "--customer", customer, "--include-price", "--output", str(file))
    assert (ended.code, ended.lines, ended.errors) == (0, [], "")
    assert file.read_bytes().splitlines() == as_served([*emulator.data.orders(customer, include_price=True)])


async def test_orders_of_all_customers_keep_each_customers_order(emulator):
    ended = await run(emulator, "orders", "--all-customers", "--concurrency", "3")
    assert ended.code == 0
    found: dict[str, list[bytes]] = {}
    for line in ended.lines:
        found.setdefault(msgspec.json.decode(line)["referenceCustomerId"], []).append(line)
    assert {name: lines for name in emulator.data.customer_ids() if (lines := found.get(name))} == {
        name: lines
        for name in emulator.data.customer_ids()
        if (lines := as_served([*emulator.data.orders(name, include_price=False)]))
    }


async def test_the_filters_of_orders_reach_the_service(emulator):
    customer, reseller = busiest(emulator.data), emulator.data.resellers[0].id
    ended = await run(
        emulator,
        *("orders", "--customer", customer, "--indirect-reseller", reseller),
        *("--billing-type", "one_time", "--include-system-purchases"),
    )
    assert ended.code == 0
    query = next(request.query for request in emulator.requests if request.operation == "orders.list")
    assert query == f"indirect_reseller_id={reseller}&billingType=OneTime&include_system_purchases=true"


async def test_provisioning_names_customer_and_order(emulator):
    customer = busiest(emulator.data)
    by_order = {
        str(order["id"]): [
            with_ids(record, {"customerId": customer, "orderId": str(order["id"])})
            for record in as_served(emulator.data.provisioning(customer, str(order["id"])))
        ]
        for order in emulator.data.orders(customer)
    }
    order_id, lines = next(iter(by_order.items()))
    one, all_of_one, everything = await asyncio.gather(
        run(emulator, "provisioning", "--customer", customer, "--order", order_id),
        run(emulator, "provisioning", "--customer", customer),
        run(emulator, "provisioning", "--all-customers"),
    )
    assert (one.code, one.lines) == (0, lines)
    assert (all_of_one.code, all_of_one.lines) == (0, [line for lines in by_order.values() for line in lines])
    assert everything.code == 0
    assert {*all_of_one.lines} < {*everything.lines}


async def test_any_listing_is_written_as_served_page_after_page(emulator, tmp_path):
    data = emulator.data
    customer = busiest(data)
    moved = max(data.customer_ids(), key=lambda name: len(data.migrations(name)))
    file = tmp_path / "orders.ndjson"
    arguments = ("--output", str(file), "--checkpoint", str(tmp_path / "orders.ckpt"))
    orders, migrations, one = await asyncio.gather(
        run(emulator, "request", "GET", f"customers/{customer}/orders?include_price=true", "--all-pages", *arguments),
        run(
            emulator,
            *("request", "get", f"migrations/newcommerce?PageSize=1&CustomerTenantId={moved}", "--all-pages"),
            *("--paging", "header-token"),
        ),
        run(emulator, "request", "GET", f"/v1/customers/{customer}", "--header", "X-Any=1=2"),
    )
    assert (orders.code, orders.lines, orders.errors) == (0, [], "")
    assert file.read_bytes().splitlines() == as_served([*data.orders(customer, include_price=True)])
    assert (migrations.code, migrations.lines) == (0, as_served(data.migrations(moved)))
    assert (one.code, one.lines) == (0, as_served([data.customer(customer)]))
    assert {each.headers.get("X-Any") for each in emulator.requests} == {None, "1=2"}


@pytest.mark.parametrize(
    ("listing", "own"),
    [
        ("orders", ["indirect_reseller", "billing_type", "include_price", "include_system_purchases", "rows"]),
        ("provisioning", ["order"]),
        ("subscriptions", ["order", "mpn_id"]),
        ("migrations", ["events"]),
    ],
)
def test_the_listings_of_customers_have_the_same_options_around_their_own(listing, own):
    names = [each.name for each in get_command(app).commands[listing].params if each.name != "help"]
    last = ["concurrency", "output", "format", "checkpoint", "mode", "keep_going"]
    assert names == ["customer", "all_customers", *own, *last]


async def test_a_request_that_cannot_be_meant_is_wrong_usage(emulator):
    for arguments, told in [
        (("POST", "customers", "--all-pages"), "goes with GET"),
        (("GET", "customers", "--all-pages", "--body", "{}"), "without --body"),
        (("GET", "customers", "--output", "x.ndjson"), "need --all-pages"),
        (("GET", "../customers"), "climbs"),
        (("GET", "https://evil.example/v1/customers", "--all-pages"), "another origin"),
        (("GET", "customers", "--paging", "odata"), "--all-pages"),
        (("GET", "customers", "--all-pages", "--page-size", "5"), "--page-size"),
        (("GET", "customers", "--all-pages", "--paging", "top-skip"), "--page-size"),
        (("GET", "customers?top=2", "--all-pages", "--paging", "top-skip", "--page-size", "5"), "top is set by paging"),
        (("GET", "customers", "--header", "X-Any"), "NAME=VALUE"),
        (("GET", "customers", "--header", "Authorization=x"), "Authorization"),
        (("GET", "customers", "--all-pages", "--paging", "other"), "--paging"),
        (
            ("GET", "customers", "--all-pages", "--output", "x.csv"),
            "written as NDJSON: pass a name that does not end in .csv",
        ),
        (("GET", "customers", "--all-pages", "-o", "x.gz"), "written as NDJSON: pass a name that does not end in .gz"),
    ]:
        ended = await run(emulator, "request", *arguments)
        assert (ended.code, ended.lines) == (2, [])
        assert told in " ".join(ended.errors.replace("│", " ").split())
    assert not [each for each in emulator.requests if each.operation != "token"]


async def test_no_usage_error_names_an_option_that_the_command_does_not_have(emulator):
    for command, output in [(("orders", "--customer", "c"), "x.gz"), (("request", "GET", "c", "--all-pages"), "x.gz")]:
        ended = await run(emulator, *command, "--output", output)
        known = {name for each in get_command(app).commands[command[0]].params for name in each.opts}
        named = set(re.findall(r"--[a-z-]+[a-z]", ended.errors))
        assert (ended.code, named - known - {"--help"}) == (2, set())


async def test_migrations_and_their_events(emulator):
    data = emulator.data
    customer = max(data.customer_ids(), key=lambda name: len(data.migrations(name)))
    listed, events, all_listed, all_events = await asyncio.gather(
        run(emulator, "migrations", "--customer", customer),
        run(emulator, "migrations", "--customer", customer, "--events", "--concurrency", "1"),
        run(emulator, "migrations", "--all-customers"),
        run(emulator, "migrations", "--all-customers", "--events"),
    )
    assert [listed.code, events.code, all_listed.code, all_events.code] == [0, 0, 0, 0]
    assert listed.lines == as_served(data.migrations(customer))
    assert events.lines == [with_ids(event, {"customerId": customer}) for event in as_served(data.events(customer))]
    assert sorted(all_listed.lines) == sorted(as_served([*data.all_migrations()]))
    assert sorted(all_events.lines) == sorted(
        with_ids(event, {"customerId": name}) for name in data.customer_ids() for event in as_served(data.events(name))
    )


async def test_subscriptions_have_their_customer_in_front(emulator):
    data = emulator.data
    customer = busiest(data)
    held = data.subscriptions(customer)
    order = str(held[0]["orderId"])
    listed, of_one_order, of_nobody, everything, wrong = await asyncio.gather(
        run(emulator, "subscriptions", "--customer", customer),
        run(emulator, "subscriptions", "--customer", customer, "--order", order),
        run(emulator, "subscriptions", "--customer", customer, "--mpn-id", "nobody"),
        run(emulator, "subscriptions", "--all-customers"),
        run(emulator, "subscriptions", "--all-customers", "--order", order),
    )
    assert [each.code for each in (listed, of_one_order, of_nobody, everything, wrong)] == [0, 0, 0, 0, 2]
    assert listed.lines == [with_ids(line, {"customerId": customer}) for line in as_served(held)]
    assert of_one_order.lines == [line for line in listed.lines if f'"orderId":"{order}"'.encode() in line]
    assert of_nobody.lines == []
    assert {*listed.lines} < {*everything.lines}
    assert len(everything.lines) == sum(len(data.subscriptions(each)) for each in data.customer_ids())
    assert "--order needs --customer" in wrong.errors


# Exit codes


async def test_some_failed_customers_make_it_partial(emulator):
    ids = list(emulator.data.customer_ids())
    failed = [ids[2], ids[7]]
    for customer in failed:
        fault = Fault(service_error(403, 3000, "Not yours."), operation="orders.list", customer_id=customer, times=None)
        emulator.inject(fault)
    ended = await run(emulator, "orders", "--all-customers")
    assert ended.code == 3
    errors = ended.errors.splitlines()
    assert len(errors) == 2
    assert all(any(line.startswith(f"error: customer {customer}: 403") for line in errors) for customer in failed)
    expected = [
        order for name in ids if name not in failed for order in emulator.data.orders(name, include_price=False)
    ]
    assert sorted(ended.lines) == sorted(as_served(expected))


async def test_a_failed_listing_is_an_error_and_what_came_before_is_delivered(emulator):
    emulator.inject(Fault(service_error(403, 3000, "Not now."), operation="customers.list", nth=2, times=None))
    listed, fanned_out = await asyncio.gather(run(emulator, "customers"), run(emulator, "orders", "--all-customers"))
    assert (listed.code, fanned_out.code) == (1, 1)
    # Whoever asked first got one page.
    assert len(listed.lines) in {0, 5}
    for ended in (listed, fanned_out):
        assert ended.errors.startswith("error: 403")
        assert ended.errors.count("\n") == 1
        assert "GET /v1/customers, request id " in ended.errors


async def test_app_only_provisioning_says_that_it_takes_a_user(emulator):
    customer = busiest(emulator.data)
    ended = await run(emulator, "provisioning", "--customer", customer, PARTNER_CENTER_REFRESH_TOKEN="")
    assert (ended.code, ended.lines) == (1, [])
    assert "App+User" in ended.errors


async def test_missing_variables_are_named_and_the_output_is_left_alone(emulator, tmp_path):
    file = tmp_path / "kept"
    file.write_text("kept")
    ended = await run(emulator, "customers", "--output", str(file), AZURE_TENANT_ID="", AZURE_CLIENT_SECRET="")
    assert (ended.code, ended.lines) == (2, [])
    assert ended.errors.startswith("error: set AZURE_TENANT_ID, AZURE_CLIENT_SECRET in the environment")
    assert file.read_text() == "kept"
    assert emulator.requests == []


async def test_wrong_usage_is_2(emulator):
    calls = (
        ("orders",),
        ("orders", "--customer", "a", "--all-customers"),
        ("orders", "--customer", ".."),
        ("orders", "--all-customers", "--concurrency", "0"),
        ("provisioning", "--all-customers", "--order", "a"),
        ("customers", "--output", "/nowhere/at/all"),
    )
    for ended in await asyncio.gather(*(run(emulator, *call) for call in calls)):
        assert (ended.code, ended.lines) == (2, [])
        assert ended.errors
        assert "Traceback" not in ended.errors
    assert emulator.count() == 0


async def test_no_secret_is_ever_printed(emulator):
    wrong = {"AZURE_CLIENT_SECRET": "canary-secret", "PARTNER_CENTER_REFRESH_TOKEN": "canary-token"}
    for refresh_token in ("", "canary-token"):
        variables = {**wrong, "PARTNER_CENTER_REFRESH_TOKEN": refresh_token}
        ended = await run(emulator, "customers", **variables)
        assert ended.code == 1
        assert ended.errors.startswith("error: ")
        assert "AADSTS" in ended.errors
        assert "canary" not in ended.errors


async def test_a_rotated_refresh_token_is_told_of_once():
    async with Emulator(
        DataSet(oddities=True, customers=3), customers_page_size=1, rotate_refresh_token=True
    ) as emulator:
        emulator.expire_tokens()
        ended = await run(emulator, "customers")
        assert ended.code == 0
        assert ended.errors.startswith("note: a new refresh token")
        assert ended.errors.count("\n") == 1
        assert emulator.latest_refresh_token not in ended.errors


async def test_a_throttled_call_is_waited_for(emulator):
    emulator.inject(Fault(gateway_throttle(0), operation="customers.list"))
    ended = await run(emulator, "customers")
    assert (ended.code, len(ended.lines), ended.errors) == (0, 12, "")


async def test_a_reader_that_has_had_enough_ends_it_quietly(emulator):
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("orders", "--all-customers", "--concurrency", "1"),
        env=environment(emulator.environment()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1024,
    )
    process.stdout._transport.close()
    assert await process.stderr.read() == b""
    assert await process.wait() == 141


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_an_interrupt_is_130(emulator):
    emulator.inject(Fault(Delay(60.0), operation="customers.list", nth=3, times=None))
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "customers"),
        env=environment(emulator.environment()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=interruptible,
    )
    # The last page never comes, so the command is under way whenever the signal reaches it.
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (130, b"")


# The rest of the command


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_emulator_prints_its_environment_and_serves_until_it_is_told_to_stop(number):
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("emulator", "--customers", "4"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=interruptible,
    )
    await process.stderr.readline()  # it serves
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        'eval "$1"; shift; exec "$@"',
        "sh",
        b"".join([await process.stdout.readline() for _ in range(9)]),
        *COMMAND,
        "customers",
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
    )
    listed, _ = await shell.communicate()
    assert (shell.returncode, listed.count(b"\n")) == (0, 4)
    process.send_signal(number)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0


async def test_without_its_extra_the_command_says_how_to_get_it():
    program = "import sys; sys.modules['typer'] = None; from partnercenter_async.__main__ import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert errors == b"error: the command needs its extra: pip install 'partnercenter-async[cli]'\n"


async def test_help_names_every_command_and_credential(emulator):
    ended = await run(emulator, "--help")
    text = b"\n".join(ended.lines).decode()
    assert ended.code == 0
    for name in (
        "customers",
        "orders",
        "provisioning",
        "subscriptions",
        "migrations",
        "request",
        "demo",
        "emulator",
        "AZURE_TENANT_ID",
    ):
        assert name in text


@pytest.mark.parametrize("service", ["api", "graph", "partner"])
async def test_any_endpoint_of_any_service_is_called(emulator, service):
    path = "echo" if service == "api" else "v1.0/echo"
    body = '{"price": 1.10, "at": "\u202e"}'
    ended = await run(emulator, "request", "post", path, "--service", service, "--body", body)
    assert (ended.code, ended.errors) == (0, "")
    (line,) = ended.lines
    assert line.startswith(b'{"method":"POST","body":{"price":1.10,"at":')
    assert emulator.requests[-1].body == '{"price":1.10,"at":"\u202e"}'.encode()


async def test_a_listing_of_another_service_goes_on_at_its_own_endpoint_alone(emulator, tmp_path):
    first = b'{"value":[{"id":1},{"id":2}],"@odata.nextLink":"%s/v1.0/things?page=2"}' % emulator.endpoint.encode()
    for number, body in enumerate([first, None, b'{"value":[{"id":3}]}'], 1):
        said = Answer(200, body=body) if body else service_error(400, 1, "Not now.")
        emulator.inject(Fault(said, operation="other", nth=number))
    file, journal = tmp_path / "things.ndjson", tmp_path / "things.ckpt"
    arguments = ("GET", "v1.0/things", "--service", "graph", "--all-pages", "--paging", "odata", "--output", str(file))
    broken = await run(emulator, "request", *arguments, "--checkpoint", str(journal))
    elsewhere = {"PARTNER_CENTER_GRAPH_ENDPOINT": "https://graph.example.com"}
    refused = await run(emulator, "request", *arguments, "--checkpoint", str(journal), **elsewhere)
    ended = await run(emulator, "request", *arguments, "--checkpoint", str(journal))
    assert (broken.code, refused.code, ended.code) == (1, 2, 0)
    assert f"its endpoint was {emulator.endpoint}, now it is https://graph.example.com" in refused.errors
    assert ended.errors == "note: going on behind 2 items\n"
    assert file.read_bytes() == b'{"id":1}\n{"id":2}\n{"id":3}\n'


async def test_an_answer_is_printed_on_one_line_with_its_numbers(emulator):
    body = b'\xef\xbb\xbf{\r\n "price": 1.10,\r\n "id": 12345678901234567890123\r\n}'
    emulator.inject(Fault(Answer(200, body=body), operation="other"))
    ended = await run(emulator, "request", "GET", "invoices/x")
    assert ended.lines == [b'{"price":1.10,"id":12345678901234567890123}']


@pytest.mark.parametrize("body", [b"a,b\r\n1,2\r\n", b"%PDF\x00\xff", b""])
async def test_an_answer_that_is_no_json_is_printed_as_it_came(emulator, body):
    emulator.inject(Fault(Answer(200, body=body), operation="other"))
    ended = await run(emulator, "request", "GET", "v1.0/sales/x/$value", "--service", "partner")
    assert ended.code == 0
    assert b"\n".join(ended.lines) == b"\n".join(body.splitlines())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["GET", "users/x", "--service", "graph"], 2, "does not begin with a version"),
        (["GET", "https://evil.example/v1.0/x", "--service", "graph"], 2, "leads to another origin"),
        (["GET", "v1.0/x", "--service", "mail"], 2, "'mail' is not one of"),
        (["FETCH", "customers"], 2, "method must be one of"),
        (["POST", "customers", "--body", "{"], 2, "--body is no JSON"),
        (["GET", "nothing/here"], 1, "The emulator does not serve GET"),
        (["GET", "v1.0/x", "--service", "graph"], 1, "The emulator does not serve GET"),
    ],
)
async def test_a_request_that_cannot_be_says_why(emulator, arguments, code, message):
    ended = await run(emulator, "request", *arguments)
    assert ended.code == code
    assert message in " ".join(ended.errors.split())
    assert ended.lines == []


async def test_a_service_that_the_cloud_lacks_is_wrong_usage(emulator):
    ended = await run(emulator, "request", "GET", "v1.0/x", "--service", "graph", PARTNER_CENTER_GRAPH_ENDPOINT="")
    assert ended.code == 2
    assert "has no service 'graph'" in " ".join(ended.errors.split())
