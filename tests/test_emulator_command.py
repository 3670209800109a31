"""The emulator's command: what it serves can be chosen, and what goes wrong can be changed while it serves."""

import asyncio
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from test_cli import COMMAND, environment, interruptible
from test_emulator import Started
from typer.main import get_command
from typer.testing import CliRunner

from partnercenter_async import OrderStatus
from partnercenter_async.cli import app
from partnercenter_async.cli import serve as command
from partnercenter_async.cli.demo import script
from partnercenter_async.emulator import (
    AlterRecord,
    Answer,
    CutBody,
    DataSet,
    Delay,
    DropBefore,
    Emulator,
    Fault,
    ReplaceBody,
    SetNextLink,
    ThrottleCustomer,
    fails,
    service_error,
)
from partnercenter_async.emulator.faults import PageAction
from partnercenter_async.emulator.files import ACTIONS, FileError, read_data, read_faults

SETTINGS = {"tenant_id": "Partner.Example.com", "client_id": "An-App", "client_secret": "a b", "refresh_token": "c"}


# What a program may choose as well


async def test_an_error_may_have_its_members_in_pascal_case():
    fault = Fault(service_error(409, 5, "Taken.", pascal_case=True), operation="customers.list")
    async with Started(DataSet(customers=1), faults=[fault]) as client:
        answer = await client.get("/v1/customers")
        assert (answer.status, answer.json()) == (
            409,
            {"Code": 5, "Description": "Taken.", "Data": [], "Source": "PartnerFD"},
        )


@pytest.mark.parametrize("user", [False, True])
async def test_a_client_signs_in_with_the_identity_that_was_given(user):
    async with Started(DataSet(customers=1), **SETTINGS) as client:
        emulator = client.emulator
        assert {name: getattr(emulator, name) for name in SETTINGS} == SETTINGS
        await client.sign_in(user=user)
        assert (await client.get("/v1/customers")).status == 200


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", ["", "a\nb", " blank", 5])
def test_an_identity_that_cannot_be_is_refused_and_not_told(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be [a-zA-Z ]+$"):
        Emulator(**{name: value})


@pytest.mark.partner_center(latency=3.0)
def test_every_answer_comes_as_late_as_was_asked_for(partner_center, virtual_time):
    async def scenario():
        async with partner_center.connect() as client:
            await client.customers.list().collect()
            return asyncio.get_running_loop().time()

    assert virtual_time(scenario()) == pytest.approx(6.0, abs=0.5)  # a token, and a page


async def test_a_newer_service_sends_what_no_reference_has_and_the_same_each_time():
    data = DataSet(customers=1, orders_per_customer=30)
    async with Started(data, drift=True, user=True) as client:
        path = f"/v1/customers/{data.customer_id(0)}/orders"
        page = (await client.get(path)).json()
        assert page == (await client.get(path)).json()
        for record in (page, *page["items"], *(line for order in page["items"] for line in order["lineItems"])):
            assert record["addedSince"] == {"version": 2, "parts": ["new", None]}
        assert 0 < Counter(order["status"] for order in page["items"])["unheard_of"] < 30
        assert 0 < Counter(order["billingCycle"] for order in page["items"])["unheard_of"] < 30
        order = page["items"][0]
        own = {"uri": f"{path}/{order['id']}", "method": "get", "headers": None, "rel": "self"}
        assert order["links"]["self"] == own
        single = (await client.get(f"{path}/{order['id']}")).json()
        assert (single["status"], single["billingCycle"]) == (order["status"], order["billingCycle"])
        assert "addedSince" not in (await client.get(f"{path}/nothing")).json()


async def test_what_a_test_serves_drifts_too_and_is_not_altered_itself():
    record = {
        "id": "a",
        "status": "open",
        "links": {"self": None, "other": "text", "next": {"uri": None}, "a": {"uri": "b"}},
        "tags": ["x", {"status": 1}],
    }
    async with Started(DataSet(customers=1), drift=True) as client:
        client.emulator.serve("things", [record])
        client.emulator.serve("thing", {"value": []})
        added = {"version": 2, "parts": ["new", None]}
        (found,) = (await client.get("/v1/things")).json()["items"]
        assert found["links"].pop("a") == {"uri": "b", "method": "get", "headers": None, "rel": "a"}
        assert {**found["links"], "a": {"uri": "b"}} == record["links"]
        assert found["tags"] == ["x", {"status": 1, "addedSince": added}]
        assert (await client.get("/v1/thing")).json() == {"value": [], "addedSince": added}
        assert "addedSince" not in record


@pytest.mark.partner_center(drift=True, page_size=2)
def test_the_client_reads_what_a_newer_service_sends(partner_center, virtual_time):
    partner_center.populate(customers=2, orders_per_customer=9)

    async def scenario():
        async with partner_center.connect() as client:
            return [order async for each in client.customers.list() async for order in client.orders.list(each.id)]

    orders = virtual_time(scenario())
    assert len({order.id for order in orders}) == 18
    assert {order.status for order in orders} > {"unheard_of", OrderStatus.COMPLETED}


# A file of records


DATA = b"""\xef\xbb\xbf{
  "generate": {"customers": 2, "orders_per_customer": [1, 3], "migrations_per_customer": 0, "seed": 5},
  "customers": [
    {
      "id": "c-1", "company_name": "Contoso", "domain": null, "custom_domains": ["a", "b"],
      "billing_profile": {"default_address": {"city": "Ulm", "extra": {"planet": "Earth"}}},
      "orders": [
        {"id": "o-1", "total_price": 12.50, "line_items": [{"quantity": 3}, {"quantity": 1, "pricing": null}],
         "provisioning": [
           {"status": "Unfulfilled", "line_item_number": 0, "quantities": {"Fulfilled": 1, "Unfulfilled": 2}}
         ]},
        {"id": "o-2", "line_items": null}
      ],
      "migrations": [{"id": "m-1", "status": "Started", "events": [{"event_name": "MigrationMade"}, {}]}]
    },
    {}
  ],
  "serve": {"customers/{customer_id}/agreements": [{"id": "a-1", "amount": 0.10}], "profile": {"name": "us"}}
}"""


async def test_a_file_says_what_is_served():
    data = read_data("data.json", DATA)
    records = data.records
    assert [*records.customer_ids()][2] == "c-1"
    assert len(records) == 4
    assert records.generation.seed == 5
    customer = records.customer("c-1")
    assert customer["companyProfile"]["companyName"] == "Contoso"
    assert customer["billingProfile"]["defaultAddress"] == {"city": "Ulm", "planet": "Earth"}
    assert [order["id"] for order in records.orders("c-1")] == ["o-1", "o-2"]
    assert records.order("c-1", "o-1")["totalPrice"] == Decimal("12.50")
    assert [line["status"] for line in records.provisioning("c-1", "o-1")] == ["Unfulfilled", "Fulfilled"]
    assert [event["eventName"] for event in records.events("c-1")] == ["MigrationMade", "MigrationStarted"]
    async with Started(records) as client:
        for path, found in data.serve.items():
            client.emulator.serve(path, found)
        answer = await client.get("/v1/customers/c-1/agreements/a-1")
        assert answer.body == b'{"id":"a-1","amount":0.10}'
        assert (await client.get("/v1/profile")).json() == {"name": "us"}


def test_a_file_may_say_nothing():
    data = read_data("data.json", b"{}")
    assert (len(data.records), data.serve) == (0, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"customers": [\n{"orders": [{},\n{"curency_code": "EUR"}]}]}',
         "3: customers[0].orders[1].curency_code: add_order has no field 'curency_code', perhaps 'currency_code'"),
        ('{"customers": [{"orders": [{"line_items": [\n{},\n{"offer_id": "x",\n"qantity": 1}]}]}]}',
         "4: customers[0].orders[0].line_items[1].qantity: add_order has no field 'qantity', perhaps 'quantity'"),
        ('{"customers": [{"order": []}]}',
         "1: customers[0].order: add_customer has no field 'order', perhaps 'orders'"),
        ('{"customers": [{"orders": [{"line_items": [\n{"quantity": 1.5}]}]}]}',
         "2: customers[0].orders[0].line_items[0].quantity: add_order: quantity must be a whole number, 0 or more"),
        ('{"customers": [{"orders": [{"client":\n {"name": "x",\n"nam": 1}}]}]}',
         "3: customers[0].orders[0].client.nam: add_order has no field 'nam', perhaps 'name'"),
        ('{"customers": [{"orders": [{"line_items": {}}]}]}',
         "1: customers[0].orders[0].line_items: this must be a list, not {}"),
        ('{"customers": [{"orders": [\n{"line_items": [[]]}]}]}',
         "2: customers[0].orders[0].line_items[0]: this must be an object, not []"),
        ('{"customers": [{"domain": "x",\n"company_name": ""}]}',
         "2: customers[0].company_name: add_customer: company_name must be text that is not empty, not ''"),
        ('{"customers": [{"id": "a"},\n{"id": "a"}]}', "2: customers[1]: there is a customer a already"),
        ('{"customers": [{"orders": [{"customer_id": "x"}]}]}',
         "1: customers[0].orders[0].customer_id: add_order has no field 'customer_id'; there are "),
        ('{"customers": [{"orders": [{"provisioning":\n[{"line_item_number": 0}]}]}]}',
         "2: customers[0].orders[0].provisioning[0]: provisioning needs 'status'"),
        ('{"customers": [{"orders": [{"provisioning": [{"status": "x",\n"line_item_number": "1"}]}]}]}',
         "2: customers[0].orders[0].provisioning[0].line_item_number: expected `int | null`, got `str`"),
        ('{"customers": [{"orders": [{"provisioning": [{"status": "x",\n"line_item_number": 7}]}]}]}',
         "1: customers[0].orders[0].provisioning[0]: the order has no line 7"),
        ('{"customers": [{"orders": [{"provisioning": [{"status": "x",\n"quantities": {"a": 5}}]}]}]}',
         "2: customers[0].orders[0].provisioning[0].quantities: set_provisioning_status: quantities come to 5 units"),
        ('{"customers": [{"migrations": [{"events":\n[{"event": "x"}]}]}]}',
         "2: customers[0].migrations[0].events[0].event: add_event has no field 'event', perhaps 'event_name'"),
        ('{"generate": {"seed": 1,\n"customers": -1}}', "2: generate.customers: customers must lie between 0 and"),
        ('{"generate": {"seed": true}}', "1: generate.seed: expected `int`, got `bool`"),
        ('{"generate": {"sede": 1}}', "1: generate.sede: generate has no field 'sede', perhaps 'seed'"),
        ('{"generate": []}', "1: generate: this must be an object, not []"),
        ('{"serve": {\n"a//b": []}}', "2: serve.a//b: path must be one such as"),
        ('{"serve": {"things": [1]}}', "1: serve.things: records[0] must be a dict, not 1"),
        ('{"x": []}', "1: x: the file has no field 'x'; there are customers, generate, serve"),
        ('\n{"customers": "%s"}' % ("x" * 50), '2: customers: this must be a list, not "' + "x" * 39 + "..."),
        ("[]", "1: this must be an object, not []"),
        ('{"customers": [\n{"id": "a" "b"}]}', "2: this is no JSON: Expecting ',' delimiter, column 12"),
        ('{"serve": {"a": [\n{"n": NaN}]}}', "2: serve.a[0].n: NaN is no number of JSON"),
        ('{"customers": [],\n"customers": []}', "2: customers: this is there twice"),
        ('{"customers":\n[%s]}' % ("1" * 5000), " Exceeds the limit"),
        ("", "1: this is no JSON: Expecting value, column 1"),
        ('{"customers": [\n{"company_name": "\\ud800"}]}', "2: this has half of a surrogate pair, which is no text"),
        ('{\n"\\udc00": 1}', "2: this has half of a surrogate pair, which is no text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_with_its_line_and_field(text, message):
    with pytest.raises(FileError) as caught:
        read_data("data.json", text.encode())
    assert str(caught.value).startswith(f"data.json:{message}")


def test_a_file_that_is_no_utf_8_or_too_deep_is_refused():
    with pytest.raises(FileError, match=r"^data\.json:2: this is no UTF-8$"):
        read_data("data.json", b'{"serve":\n"\xff"}')
    with pytest.raises(FileError, match=r"^data\.json: this is nested too deeply$"):
        read_data("data.json", b"[" * 100_000)


# A file of faults


def test_a_file_says_what_goes_wrong():
    text = b"""[
      {"action": "fails", "operation": "orders.list", "status": 500, "method": "GET", "every": 3},
      {"action": "throttles", "seconds": 0.5, "customer_id": "c"},
      {"action": "loses"},
      {"action": "delay", "seconds": 2, "times": null},
      {"action": "drop_before", "nth": 2, "times": 4},
      {"action": "cut_body", "fraction": 0.25, "operation": null},
      {"action": "answer", "status": 200, "body": {"a": 1}, "headers": [["A", "b"]]},
      {"action": "answer", "status": 200, "body": "text"},
      {"action": "service_error", "status": 409, "code": 1, "description": "x", "pascal_case": true},
      {"action": "alter_record", "index": 0, "path": ["lineItems", 0, "quantity"], "value": [null]},
      {"action": "set_next_link", "link": null}
    ]"""
    found = read_faults("faults.json", text)
    assert [fault.action for fault in found] == [
        fails(status=500).action,
        ThrottleCustomer(0.5),
        *(each.action for each in read_faults("", b'[{"action": "drop_after"}]')),
        Delay(2.0),
        DropBefore(),
        CutBody(0.25),
        Answer(200, {"a": 1}, [("A", "b")]),
        Answer(200, "text"),
        service_error(409, 1, "x", pascal_case=True),
        AlterRecord(0, ("lineItems", 0, "quantity"), [None]),
        SetNextLink(None),
    ]
    assert [(each.operation, each.customer_id, each.method) for each in found[:3]] == [
        ("orders.list", None, "GET"),
        ("api", "c", None),
        ("api", None, None),
    ]
    assert [(each.nth, each.times, each.every) for each in found[:5]] == [
        *((1, 1, 3), (1, 1, None), (1, 1, None), (1, None, None)),
        (2, 4, None),
    ]


def test_every_action_but_those_with_a_function_can_be_in_a_file():
    assert {"fails", "throttles", "loses", "answer", "drop_before", "expire_token", "gzip", "redirect"} < {*ACTIONS}
    assert {"alter_page", "replace_body", "fault", "script", "body_action"}.isdisjoint(ACTIONS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{},\n{"action": "dela"}]', "1: [0].action: there is no action; there are alter_record, answer, "),
        ('[\n{"action": "dela"}]', "2: [0].action: there is no action 'dela', perhaps 'delay'"),
        ('[{"action": 5}]', "1: [0].action: there is no action 5; there are alter_record, "),
        ('[{"action": []}]', "1: [0].action: there is no action []; there are alter_record, "),
        ('[{"action": "alter_page"}]', "1: [0].action: 'alter_page' takes a function, which no file has: inject it"),
        ('[{"action": "replace_body"}]', "1: [0].action: 'replace_body' takes a function"),
        ('[{"action": "delay",\n"second": 1}]', "2: [0].second: delay has no field 'second', perhaps 'seconds'"),
        ('[{"action": "bom",\n"zzz": 1}]', "2: [0].zzz: bom has no field 'zzz'; there are action, customer_id, "),
        ('[{"action": "delay"}]', "1: [0]: delay needs 'seconds'"),
        ('[{"action": "delay",\n"seconds": "1"}]', "2: [0].seconds: expected `float`, got `str`"),
        ('[{"action": "delay",\n"seconds": -1}]', "2: [0].seconds: seconds must be a number of seconds, 0 or more"),
        ('[{"action": "loses",\n"nth": 0}]', "2: [0].nth: nth must be a whole number from 1, not 0"),
        ('[{"action": "bom",\n"operation": "order.list"}]', "2: [0].operation: operation must be one of 'customers."),
        ('[{"action": "fails",\n"status": 200}]', "2: [0].status: status must be a whole number from 400 to 599"),
        ('[{"action": "answer", "status": 200,\n"body": 5}]', "2: [0].body: expected `"),
        ("[5]", "1: [0]: this must be an object, not 5"),
        ("{}", "1: this must be a list, not {}"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_fault_is_told_with_its_line_and_what_can_be(text, message):
    with pytest.raises(FileError) as caught:
        read_faults("faults.json", text.encode())
    assert str(caught.value).startswith(f"faults.json:{message}")


# Faults while it serves


async def test_faults_are_shown_replaced_and_cleared_by_requests_without_a_token():
    async with Started(DataSet(customers=1), faults=[fails("customers.list"), fails("customers.get", nth=9)]) as client:
        emulator = client.emulator
        url = f"{emulator.endpoint}/emulator/faults"

        async def say(method, body=None):
            async with client.session.request(method, url, data=body) as response:
                return response.status, json.loads(await response.read() or b"null")

        assert (await client.get("/v1/customers")).status == 503
        status, found = await say("GET")
        assert (status, [each["met"] for each in found]) == (200, [1, 0])
        assert found[1] == {
            "action": "answer",
            "status": 503,
            "body": {
                "code": 800003,
                "description": "The emulator fails on purpose.",
                "data": [],
                "source": "PartnerFD",
            },
            "headers": [],
            "reason": None,
            "content_type": "application/json; charset=utf-8",
            "operation": "customers.get",
            "nth": 9,
            "met": 0,
        }
        body = json.dumps([{"action": "throttle_partner", "seconds": 60, "method": "GET"}])
        shown = {"action": "throttle_partner", "seconds": 60.0, "retry_after": None, "method": "GET", "met": 0}
        assert await say("POST", body) == (200, [shown])
        assert (await client.get("/v1/customers")).status == 429
        assert await say("POST", '[{"action":\n"dela"}]') == (
            400,
            {"error": "body:1: [0].action: there is no action 'dela', perhaps 'delay'"},
        )
        assert await say("GET") == (200, [{**shown, "met": 1}])
        assert (await client.get("/v1/customers")).status == 429
        assert await say("DELETE") == (200, [])
        assert (await client.get("/v1/customers")).status == 200  # the throttling is over, too
        assert await say("PUT", "[]") == (405, None)
        assert emulator.count() == 4
        assert {each.operation for each in emulator.requests} == {"token", "customers.list"}


async def test_faults_that_no_file_could_hold_are_shown_as_well():
    class Own(PageAction):
        def alter_page(self, page):
            return page

    actions = [ReplaceBody(bytes.upper), Answer(200, b"\xffa"), Own()]
    async with Started(DataSet(customers=1), faults=[Fault(each, operation="api") for each in actions]) as client:
        found = (await client.get("/emulator/faults")).json()
    assert found[0] == {"action": "replace_body", "function": repr(bytes.upper), "operation": "api", "met": 0}
    assert found[1]["body"] == "\ufffda"
    assert found[2] == {"action": "own", "operation": "api", "met": 0}


# The command


def ended(*arguments):
    return CliRunner().invoke(app, ["emulator", *map(str, arguments)], env={"COLUMNS": "200"})


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


def test_the_operations_are_listed_with_what_they_take(tmp_path):
    data = written(tmp_path / "data.json", {"serve": {"things": [{"id": "a"}], "thing": {}}})
    lines = [line.split() for line in ended("--operations", "--data", data).stdout.splitlines()]
    assert ["orders.list", "GET", "/v1/customers/{customer_id}/orders"] in lines
    assert ["token", "POST", "/{tenant}/oauth2/v2.0/token"] in lines
    status = "/v1/customers/{customer_id}/orders/{order_id}/provisioningstatus"
    assert ["orders.provisioning_status", "GET", status, "users", "only"] in lines
    assert ["served", "DELETE", "/v1/things/{record-id}"] in lines
    assert ["served", "PATCH", "/v1/thing"] in lines
    assert not any(line[0].startswith("served") for line in map(str.split, ended("--operations").stdout.splitlines()))


def test_the_options_are_the_settings_of_the_emulator(monkeypatch):
    taken = []

    async def serve(data, **settings):
        taken.append((data, settings))
        return 0

    monkeypatch.setattr(command, "serve", serve)
    assert ended().exit_code == 0
    arguments = (
        *("--customers", 3, "--orders", "2", "--seed", 1, "--oddities", "--page-size", 4, "--customers-page-size", 5),
        *("--latency", 0.5, "--drift", "--paths", "exact", "--require-mfa", "--no-mfa", "--tenant", "t"),
        *("--client-id", "c", "--client-secret", "s", "--refresh-token", "r", "--format", "json", "--port", 7),
        *("--faults", "demo", "--limit", "5/6"),
    )
    assert ended(*arguments).exit_code == 0
    (usual, settings), (chosen, others) = taken
    sizes = "customers=100, orders_per_customer=(0, 12), migrations_per_customer=(0, 3), seed=7"
    assert repr(usual.records) == f"DataSet({sizes})"
    Emulator(usual.records, **{name: each for name, each in settings.items() if name not in {"faults", "form"}})
    assert settings["mfa"] is True
    sizes = "customers=3, orders_per_customer=(2, 2), migrations_per_customer=(0, 3), seed=1, oddities=True"
    assert repr(chosen.records) == f"DataSet({sizes})"
    assert len(others.pop("limits")) == 1
    assert others == {
        "page_size": 4,
        "customers_page_size": 5,
        "latency": 0.5,
        "drift": True,
        "paths": "exact",
        "require_mfa": True,
        "mfa": False,
        "tenant_id": "t",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "form": "json",
        "port": 7,
        "faults": "demo",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--data", "x.json", "--customers", "3"), 2, "go without --data"),
        (("--data", "x.json", "--oddities"), 2, "go without --data"),
        (("--data", "/nowhere/x.json"), 1, "/nowhere/x.json: No such file or directory"),
        (("--faults", "/nowhere/x.json"), 1, "/nowhere/x.json: No such file or directory"),
        (("--operations", "--data", "/nowhere/x.json"), 1, "/nowhere/x.json: No such file or directory"),
        (("--orders", "many"), 2, "--orders takes a number"),
        (("--limit", "many"), 2, "500/60"),
        (("--latency", "inf"), 2, "latency must be a number of seconds"),
        (("--paths", "any"), 2, "--paths"),
        (("--format", "cmd"), 2, "--format"),
        (("--tenant", "a/b"), 2, "tenant_id must be a GUID or a domain"),
        (("--tenant", "Common"), 2, "tenant_id must be a GUID or a domain"),
        (("--client-secret", "canary\n"), 2, "client_secret must be printable ASCII"),
    ],
)
def test_an_option_that_cannot_be_meant_says_why(arguments, code, message):
    result = ended(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "canary" not in result.stderr


def test_what_is_wrong_with_a_file_ends_the_command_with_its_line(tmp_path):
    data = written(tmp_path / "data.json", '{"customers": [\n{"name": "x"}]}')
    faults = written(tmp_path / "faults.json", '[{"action": "fails",\n"time": 2}]')
    for option, text in (("--data", f"{data}:2: customers[0].name: "), ("--faults", f"{faults}:2: [0].time: ")):
        result = ended(option, text.partition(":")[0])
        assert result.exit_code == 2
        assert f"error: {text}" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /bin/sh")
def test_an_environment_is_quoted_as_its_shell_wants_it():
    variables = {"A": "it's $HOME", "B": "plain"}
    lines = command._environment(variables, "shell")
    printed = subprocess.run(["/bin/sh", "-c", f'{lines}printf %s "$A$B"'], check=True, capture_output=True).stdout
    assert printed == b"it's $HOMEplain"
    assert command._environment(variables, "powershell") == "$env:A = 'it''s $HOME'\n$env:B = 'plain'\n"
    typed = command._environment({"A": "\u2018\u2019"}, "powershell")  # which PowerShell takes for straight ones
    assert typed == "$env:A = '\u2018\u2018\u2019\u2019'\n"
    assert json.loads(command._environment(variables, "json")) == variables
    assert command._environment(variables, "json").count("\n") == 1


async def test_the_faults_of_a_demo_are_those_that_it_survives():
    found = command.faults_of("demo", 300)
    assert [(each.operation, each.nth, each.every) for each in found] == [
        (each.operation, each.nth, each.every) for each in script(300)
    ]
    assert command.faults_of(None, 300) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_faults_are_read_again_on_sighup_and_wrong_ones_leave_those_in_force(tmp_path, capsys):
    faults = written(tmp_path / "faults.json", [{"action": "fails", "times": None}])
    data = written(tmp_path / "data.json", {"customers": [{}], "serve": {"things": [{"id": "a"}]}})
    running = asyncio.create_task(command.serve(command.data_of(data, {}), faults=faults, form="json"))

    async def told(text):
        said = ""
        while text not in said:
            await asyncio.sleep(0.01)
            out, errors = capsys.readouterr()
            said += errors
            printed.append(out)
        return said

    printed = []
    async with asyncio.timeout(30):
        assert "serving 1 customers at https://localhost:" in await told("with 1 faults until Ctrl-C")
        variables = json.loads("".join(printed))
        trusted = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session:

            async def in_force():
                async with session.get(variables["PARTNER_CENTER_ENDPOINT"] + "/emulator/faults") as response:
                    return [each["action"] for each in await response.json()]

            assert await in_force() == ["answer"]
            written(tmp_path / "faults.json", [{"action": "bom"}, {"action": "gzip"}])
            os.kill(os.getpid(), signal.SIGHUP)
            await told("faults in force: 2\n")
            assert await in_force() == ["bom", "gzip"]
            written(tmp_path / "faults.json", "[{}]")
            os.kill(os.getpid(), signal.SIGHUP)
            assert f"error: {faults}:1: [0].action: there is no action" in await told("the faults in force stay\n")
            (tmp_path / "faults.json").unlink()
            os.kill(os.getpid(), signal.SIGHUP)
            assert "No such file" in await told("the faults in force stay\n")
            assert await in_force() == ["bom", "gzip"]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_without_faults_the_command_serves_generated_records(capsys):
    data = command.data_of(None, {"customers": 2})
    asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGTERM)
    assert await command.serve(data, faults=None, form="shell") == 0
    out, errors = capsys.readouterr()
    assert out.startswith("export AZURE_TENANT_ID=")
    assert re.fullmatch(r"serving 2 customers at https://localhost:\d+ until Ctrl-C\n", errors)


@asynccontextmanager
async def running(*arguments):
    """The command, which is ended at last."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("emulator", *arguments),
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=interruptible,
    )
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_the_command_serves_as_asked_and_tells_secrets_in_its_environment_alone():
    arguments = (
        *("--customers", "2", "--format", "json", "--client-secret", "canary-1", "--tenant", "t.example"),
        *("--refresh-token", "canary-2", "--faults", "demo"),
    )
    async with running(*arguments) as process:
        told = await process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, errors = await process.communicate()
    variables = json.loads(out)
    assert (variables["AZURE_CLIENT_SECRET"], variables["AZURE_TENANT_ID"]) == ("canary-1", "t.example")
    assert variables["PARTNER_CENTER_REFRESH_TOKEN"] == "canary-2"
    assert told.startswith(b"serving 2 customers at ")
    assert told.endswith(b" with 10 faults until Ctrl-C\n")
    assert (process.returncode, errors) == (0, b"")


# A client in another language


HERE = Path(__file__).parent
MISSING = next((name for name in ("sh", "curl") if shutil.which(name) is None), None)


@pytest.mark.skipif(MISSING is not None, reason=f"there is no {MISSING} on this machine")
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
async def test_a_suite_in_another_language_passes_against_the_command():
    files = (str(HERE / "emulator.data.json"), str(HERE / "emulator.faults.json"))
    async with running("--data", files[0], "--faults", files[1]) as process:
        await process.stderr.readline()  # it serves
        lines = b"".join([await process.stdout.readline() for _ in range(9)])
        suite = await asyncio.create_subprocess_exec(
            *("sh", "-c", 'eval "$1"; exec sh "$2"', "sh", lines, str(HERE / "emulator.sh")),
            env=environment({}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await suite.communicate()
        process.send_signal(signal.SIGTERM)
        assert await process.communicate() == (b"", b"")
    assert (suite.returncode, errors) == (0, b"")
    assert out == b"17 answers are as they should be\n"


# What docs/emulator.md shows


DOCUMENT = (HERE.parent / "docs" / "emulator.md").read_text("utf-8")


def shown_in_the_document(kind):
    (text,) = re.findall(rf"^```json {kind}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return text.encode()


def test_the_files_of_the_document_are_read():
    data = read_data("data.json", shown_in_the_document("data"))
    assert (len(data.records), len(data.serve)) == (31, 2)
    assert len(read_faults("faults.json", shown_in_the_document("faults"))) == 8


def test_the_document_names_every_action_and_every_option():
    assert [name for name in ACTIONS if f"`{name}`" not in DOCUMENT] == []
    options = [each for option in get_command(app).commands["emulator"].params for each in option.opts]
    assert [each for each in options if each not in DOCUMENT] == []
