"""What every customer is refused for is said once, and the export stops; other failures are grouped by cause."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from disks import StoppedError, StoppingDisk
from helpers import CLOUD, order_count
from test_checkpoint import Plain
from test_cli import run as command

from partnercenter_async import AuthenticationError, PartnerCenterClient, PermissionDeniedError, fan_out
from partnercenter_async.cli.failures import Failures
from partnercenter_async.emulator import DataSet, Emulator, Fault, service_error
from partnercenter_async.errors import DecodeError, NotFoundError
from partnercenter_async.export import ORDERS, Report, export
from partnercenter_async.export.disk import Disk
from partnercenter_async.export.outputs import FileOutput
from partnercenter_async.export.pages import chunks
from partnercenter_async.export.run import Job, run_job
from partnercenter_async.testing import FakeCredential, FakeTransport, RawResponse, Request, answer

NAMES = [f"c{number:03}" for number in range(100)]


class Service:
    """Refuses each customer with a code, but for those that are told otherwise: no orders, one, or another answer."""

    def __init__(self, code: int | str = 900329, status: int = 403, **others: Any) -> None:
        self.refusal = answer({"code": code, "description": "Not so."}, status=status)
        self.others = others
        self.asked: list[str] = []
        self.failures: list[str] = []
        self.client = PartnerCenterClient(FakeCredential(), cloud=CLOUD, transport=FakeTransport(self._answer))

    def _answer(self, request: Request) -> RawResponse:
        name = request.url.split("/v1/customers/")[1].partition("/")[0]
        self.asked.append(name)
        found = self.others.get(name, self.others.get("all"))
        if found is None:
            return self.refusal
        return found if isinstance(found, RawResponse) else answer({"items": [{"id": each} for each in found]})

    async def export(self, path: Path, names: list[str] = NAMES, **changes: Any) -> Report:
        changes = {"concurrency": 1, "checkpoint": path.with_name("c")} | changes
        return await export(
            names, self.client.orders.list, path, on_failure=lambda name, _: self.failures.append(name), **changes
        )


def refused(code: int) -> RawResponse:
    return answer({"code": code, "description": "No."}, status=403)


@pytest.mark.fault("F51")
@pytest.mark.parametrize("code", [900329, 900308, 900309, "900329"])
@pytest.mark.parametrize("concurrency", [1, 7, 32])
async def test_a_refusal_of_the_first_twenty_stops_an_export(tmp_path, code, concurrency):
    (tmp_path / "o").write_text("of the night before")
    service = Service(code)
    with pytest.raises(PermissionDeniedError, match=f"403, code {code}: Not so") as caught:
        await service.export(tmp_path / "o", concurrency=concurrency)
    assert 20 <= len(service.asked) <= 20 + concurrency
    assert service.failures == []
    assert caught.value.__notes__ == [
        "no input came to another end, so the export stopped; stop_after=None reads them all"
    ]
    assert (tmp_path / "o").read_text() == "of the night before"
    assert (tmp_path / "c").exists()


@pytest.mark.fault("F51")
async def test_a_run_that_was_stopped_so_goes_on_and_reads_each_customer_once(tmp_path):
    with pytest.raises(PermissionDeniedError):
        await Service(c005=[]).export(tmp_path / "o")
    after = Service(all=["a"])
    report = await after.export(tmp_path / "o")
    assert report == Report(done=100, resumed=1, items=99, failed={})
    assert sorted(after.asked) == [name for name in NAMES if name != "c005"]
    assert [each.name for each in tmp_path.iterdir()] == ["o"]


@pytest.mark.fault("F51")
@pytest.mark.parametrize("number", [1, 3, 19])
async def test_fewer_than_twenty_are_all(tmp_path, number):
    service = Service()
    with pytest.raises(PermissionDeniedError):
        await service.export(tmp_path / "o", NAMES[:number])
    assert len(service.asked) == number
    assert service.failures == []
    assert not (tmp_path / "o").exists()


@pytest.mark.fault("F51")
@pytest.mark.parametrize(
    "other", [["a"], refused(3000), answer({"code": 1000}, status=404), answer({"code": 900329}, status=409)]
)
@pytest.mark.parametrize("at", [0, 7, 19])
async def test_another_end_among_the_first_twenty_lets_it_go_on(tmp_path, other, at):
    service = Service(**{NAMES[at]: other}, c050=["b"])
    report = await service.export(tmp_path / "o")
    assert sorted(service.asked) == NAMES
    failed = [name for name in NAMES if name != "c050" and (other != ["a"] or name != NAMES[at])]
    assert sorted(report.failed) == failed
    assert sorted(service.failures) == failed
    assert report.done + len(failed) == 100


@pytest.mark.fault("F51")
async def test_customers_with_nothing_to_read_count_neither_way(tmp_path):
    nothing: dict[str, Any] = {name: [] for name in NAMES[:30:2]}
    service = Service(**nothing)
    with pytest.raises(PermissionDeniedError):
        await service.export(tmp_path / "o")
    assert len(service.asked) == 15 + 20
    few = Service(**nothing)
    with pytest.raises(PermissionDeniedError):
        await few.export(tmp_path / "p", NAMES[:5], checkpoint=None)
    assert not (tmp_path / "p").exists()


@pytest.mark.fault("F51")
async def test_a_customer_that_is_tried_again_at_the_end_is_not_finished(tmp_path):
    service = Service(c003=answer({"code": 1}, status=500))
    with pytest.raises(PermissionDeniedError):
        await service.export(tmp_path / "o")
    assert set(service.asked) == set(NAMES[:21])


@pytest.mark.fault("F51")
async def test_a_customer_that_was_read_and_refused_behind_that_is_no_sign(tmp_path):
    service = Service()

    async def read(name: str, continuation: str | None) -> AsyncIterator[Any]:
        if name == "c000":
            async for chunk in chunks(Service(c000=["a"]).client.orders.list(name), None, {}, texts=True):
                yield chunk
        async for chunk in chunks(service.client.orders.list(name), continuation, {}, texts=True):
            yield chunk

    failures: list[str] = []
    output = FileOutput(tmp_path / "o", Plain(), Disk())
    job = Job(inputs=NAMES, read=read, output=output, concurrency=1, on_failure=lambda name, _: failures.append(name))
    with pytest.raises(PermissionDeniedError):  # since all failed
        await run_job(job)
    assert failures == NAMES


@pytest.mark.fault("F51")
async def test_what_earlier_runs_read_is_no_sign_for_this_one(tmp_path):
    good = Service(all=["a"])
    disk = StoppingDisk(synced=("c", 41))

    def job(service: Service, disk: Disk) -> Job[Any, Any]:
        return Job(
            inputs=NAMES,
            read=lambda name, at: chunks(service.client.orders.list(name), at, {}, texts=True),
            output=FileOutput(tmp_path / "o", Plain(), disk),
            checkpoint=tmp_path / "c",
            concurrency=1,
            disk=disk,
        )

    with pytest.raises(StoppedError):
        await run_job(job(good, disk))
    bad = Service()
    with pytest.raises(PermissionDeniedError):
        await run_job(job(bad, Disk()))
    assert len(bad.asked) in {20, 21}
    after = Service(all=["a"])
    assert (await run_job(job(after, Disk()))).done == 100
    assert len((tmp_path / "o").read_bytes().splitlines()) == 1 + 100


@pytest.mark.fault("F51")
async def test_stop_after_says_how_many_and_none_turns_it_off(tmp_path):
    three = Service()
    with pytest.raises(PermissionDeniedError):
        await three.export(tmp_path / "o", stop_after=3)
    assert len(three.asked) in {3, 4}
    every = Service(c099=["a"])
    report = await every.export(tmp_path / "o", stop_after=None)
    assert len(report.failed) == 99
    assert every.failures == NAMES[:99]
    for wrong in (0, -1, True, 1.5, "20"):
        with pytest.raises(ValueError, match="stop_after must be a whole number, 1 or more, not "):
            await Service().export(tmp_path / "p", stop_after=wrong)


@pytest.mark.fault("F51")
async def test_a_failed_sign_in_stops_at_once(tmp_path):
    service = Service(3000, 401)
    with pytest.raises(AuthenticationError):
        await service.export(tmp_path / "o", stop_after=None)
    assert set(service.asked) <= {"c000", "c001"}
    assert service.failures == []


@pytest.mark.fault("F51")
async def test_a_fan_out_shows_every_outcome():
    service = Service()
    outcomes = [outcome async for outcome in fan_out(NAMES, service.client.orders.list)]
    assert [outcome.error.code for outcome in outcomes if outcome.error] == [900329] * 100  # type: ignore[attr-defined]


# The command


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    data = DataSet(oddities=True, customers=120, orders_per_customer=(0, 12), seed=5)
    async with Emulator(data, page_size=50, customers_page_size=50) as running:
        yield running


@pytest.mark.fault("F51")
async def test_provisioning_without_a_user_says_once_what_to_set_and_goes_on_with_one(emulator, tmp_path):
    path, app = tmp_path / "o", {"PARTNER_CENTER_REFRESH_TOKEN": ""}
    arguments = ("provisioning", "--all-customers", "--concurrency", "8", "--output", str(path))
    with_checkpoint = (*arguments, "--checkpoint", str(tmp_path / "c"))
    ended = await command(emulator, *with_checkpoint, **app)
    assert ended.code == 1
    note, error, hint = ended.errors.splitlines()
    assert note == (
        "note: every customer with anything to read was refused in this run for the reason below, so it stopped; "
        "--keep-going reads on all the same"
    )
    assert error.startswith("error: 403 Forbidden, code 900329: This resource is not for tokens of an application")
    assert "; set PARTNER_CENTER_REFRESH_TOKEN to the refresh token of a user (App+User): no app alone" in error
    assert hint == f"note: run the same command again to go on from {tmp_path / 'c'}"
    assert ended.errors.count("900329") == 1
    assert emulator.count("orders.provisioning_status") <= 20 + 8
    assert emulator.count("orders.list") <= 40 + 8  # some have none
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c", "o.partial"]
    before = emulator.count("orders.list")
    assert (await command(emulator, *with_checkpoint)).code == 0
    assert emulator.count("orders.list") - before <= 120
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert sorted((line["customerId"], line["orderId"], line["lineItemNumber"]) for line in lines) == sorted(
        (name, str(order["id"]), line["lineItemNumber"])
        for name in emulator.data.customer_ids()
        for order in emulator.data.orders(name)
        for line in emulator.data.provisioning(name, str(order["id"]))
    )


@pytest.mark.fault("F51")
async def test_the_command_keeps_going_where_it_is_told_to_and_groups_what_fails(emulator, tmp_path):
    ended = await command(
        emulator,
        *("provisioning", "--all-customers", "--keep-going", "--output", str(tmp_path / "o")),
        PARTNER_CENTER_REFRESH_TOKEN="",
    )
    assert ended.code == 3
    *each, more, last = ended.errors.splitlines()
    failing = [name for name in emulator.data.customer_ids() if order_count(emulator.data, name)]
    assert len(each) == 3
    assert all("; set PARTNER_CENTER_REFRESH_TOKEN to the refresh token of a user" in line for line in each)
    told = [re.match(r"error: customer (\S+): 403 Forbidden, code 900329: ", line)[1] for line in each]  # type: ignore[index]
    found = re.fullmatch(
        r"error: ([\d,]+) more customers failed likewise \(403 Forbidden, code 900329\): (.*?)( and \d+ more)?", more
    )
    assert found is not None
    assert int(found[1]) == len(failing) - 3
    named = found[2].split(", ")
    assert len(named) == 100
    assert found[3] == f" and {len(failing) - 103} more"
    assert {*told, *named} <= {*failing}
    assert last.endswith(f"; customers that failed, see above: {len(failing)}")


@pytest.mark.fault("F51")
async def test_each_refusal_has_a_remedy_in_the_commands_words(emulator):
    for code, words in ((900308, "give the app of AZURE_CLIENT_ID"), (900309, "administrator of AZURE_TENANT_ID")):
        emulator.inject(Fault(service_error(403, code, "No."), operation="orders.list", times=None))
        ended = await command(emulator, "orders", "--all-customers")
        assert ended.code == 1
        assert words in ended.errors
        assert len(ended.errors.splitlines()) == 2
        assert emulator.count("orders.list") <= 2 * (20 + 32)
        emulator.clear_faults()


# Groups


def test_failures_are_grouped_by_their_cause():
    lines: list[str] = []
    failures = Failures(lines.append, "customer")
    for number in range(10):
        for error in (
            NotFoundError(f"404 Not Found, code 1000: There is no {number}."),
            f"404 Not Found, code 1000: Said earlier of {number}.; check the ids",
            PermissionDeniedError("403 Forbidden"),
            DecodeError(f"the body is not the JSON that was expected: Expected int, at $.items[{number}]"),
            UnicodeDecodeError("utf-8", b"\xff" * 20, number, number + 1, "invalid start byte"),
        ):
            failures.add(f"c{number}", f"customer c{number}", error)
    assert len(lines) == 4 * 3
    del lines[:]
    failures.sum_up()
    assert [line.partition(": c")[0] for line in lines] == [
        "error: 17 more customers failed likewise (404 Not Found, code 1000)",
        "error: 7 more customers failed likewise (403 Forbidden)",
        "error: 7 more customers failed likewise (the body is not the JSON that was expected)",
        "error: 7 more customers failed likewise (UnicodeDecodeError)",
    ]
    assert lines[1].endswith(": c3, c4, c5, c6, c7, c8, c9")


def test_one_more_of_a_cause_is_one():
    lines: list[str] = []
    failures = Failures(lines.append, "customer")
    for number in range(4):
        failures.add(f"c{number}", f"customer c{number}", PermissionDeniedError("403 Forbidden"))
    failures.sum_up()
    assert lines[-1] == "error: 1 more customer failed likewise (403 Forbidden): c3"


def test_causes_without_end_are_told_of_in_few_lines_too():
    lines: list[str] = []
    failures = Failures(lines.append, "customer")
    for number in range(10_000):
        failures.add(f"c{number}", f"customer c{number}", PermissionDeniedError(f"403 Forbidden, code X{number}: No."))
    failures.sum_up()
    assert len(lines) == 20 + 3 + 1
    assert lines[-1].startswith("error: 9,977 more customers failed likewise (other causes): c23, ")
    assert lines[-1].endswith("c122 and 9,877 more")


async def test_all_of_a_table_are_told_in_the_report(tmp_path):
    service = Service(3000, c099=["a"])
    report = await service.export(tmp_path / "o", table=ORDERS, format="csv")
    assert len(report.failed) == 99
