"""A run that is stopped at any moment, and gone on with, leaves each record in its output once."""

import asyncio
import errno
import itertools
import os
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow.parquet as pq
import pytest
from disks import PowerlessDisk, StoppedError, StoppingDisk
from helpers import CLOUD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partnercenter_async import PartnerCenterClient, PermissionDeniedError, ServerError
from partnercenter_async.export import ORDERS
from partnercenter_async.export.checkpoint import CheckpointError, Written, load
from partnercenter_async.export.disk import BusyError, Disk, _lock
from partnercenter_async.export.outputs import FileOutput, NamedOutput, PartsOutput
from partnercenter_async.export.pages import Batch, Chunk, chunks
from partnercenter_async.export.parquet import ParquetRows
from partnercenter_async.export.run import ExportProgress, Job, Report, run_job
from partnercenter_async.testing import FakeCredential, FakeTransport, RawResponse, Request, answer

# The pages of each customer's orders; one has none, and one fails behind its first page.
SERVED = {
    "many": [["m1", "m2"], ["m3"], [], ["m4", "m5"]],
    "none": [[]],
    "one": [["o1"]],
    "broken": [["b1"], ["b2"]],
    "two": [["t1", "t2"], ["t3"]],
}
ALL = sorted(order for pages in SERVED.values() for page in pages for order in page)


class Service:
    """Serves the orders, and knows what it was asked for."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.asked: list[str] = []
        self.client = PartnerCenterClient(FakeCredential(), cloud=CLOUD, transport=FakeTransport(self._answer))

    def _answer(self, request: Request) -> RawResponse:
        _, path = request.url.split("/v1/customers/")
        customer, _, query = path.partition("/orders")
        page = int(query.partition("page=")[2] or 0)
        self.asked.append(f"{customer} {page}")
        if f"{customer} {page}" in self.failing:
            return answer({"code": 3000, "description": "Not this one."}, status=403)
        pages = SERVED[customer]
        more = {"next": {"uri": f"/customers/{customer}/orders?page={page + 1}"}} if page + 1 < len(pages) else {}
        return answer({"items": [{"id": each, "customer": customer} for each in pages[page]], "links": more})

    def read(self, name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        return chunks(self.client.orders.list(name), continuation, {}, texts=True)


class Plain:
    """Lines as they came."""

    head = b"begin\n"

    def encode(self, batch: Batch[Any], /) -> bytes:
        return b"".join(line + b"\n" for line in batch.lines)


class Sealed:
    """Files that are good only with their end."""

    def encode(self, batch: Batch[Any], /) -> list[bytes]:
        return list(batch.lines)

    def count(self, rows: list[bytes], /) -> int:
        return len(rows)

    def join(self, rows: Sequence[list[bytes]], /) -> list[bytes]:
        return [line for each in rows for line in each]

    def write_part(self, rows: Sequence[list[bytes]], /) -> bytes:
        return b"".join(line + b"\n" for each in rows for line in each) + b"end\n"

    def merge(self, parts: Iterable[Path], file: BinaryIO, /) -> None:
        file.write(b"begin\n")
        for part in parts:
            content = part.read_bytes()
            assert content.endswith(b"end\n")
            file.write(content.removesuffix(b"end\n"))


KINDS = ("file", "parts")
in_a_thread = asyncio.to_thread


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    """What runs in a thread of its own runs at once, so that a run takes the same steps each time."""

    async def at_once(function: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


def output_of(kind: str, path: Path, disk: Disk) -> NamedOutput[Any]:
    if kind == "file":
        return FileOutput(path, Plain(), disk)
    return PartsOutput(path, Sealed(), disk, part_rows=2, part_seconds=0.0)


async def once(folder: Path, kind: str, disk: Disk, service: Service, **changes: Any) -> Report:
    output = output_of(kind, folder / "orders", disk)
    job = Job(
        inputs=list(SERVED),
        read=service.read,
        output=output,
        checkpoint=folder / "run.ckpt",
        identity=changes.get("identity", {"kind": kind}),
        concurrency=changes.get("concurrency", 1),
        disk=disk,
        on_failure=changes.get("on_failure"),
        on_progress=changes.get("on_progress"),
    )
    return await run_job(job)


def written(folder: Path) -> list[str]:
    head, *lines = (folder / "orders").read_bytes().splitlines()
    assert head == b"begin"
    return [msgspec.json.decode(line)["id"] for line in lines]


def check_whole(folder: Path, expected: Sequence[str] = ALL) -> None:
    found = written(folder)
    assert sorted(found) == list(expected)
    assert [each for each in found if each.startswith("m")] == ["m1", "m2", "m3", "m4", "m5"]
    assert [path.name for path in folder.iterdir()] == ["orders"]


async def stopped(folder: Path, kind: str, disk: StoppingDisk) -> bool:
    try:
        await once(folder, kind, disk, Service())
    except StoppedError:
        return True
    return False


@pytest.mark.fault("F40")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_killed_at_any_step_ends_with_each_record_once(tmp_path, kind):
    for point in itertools.count():
        folder = tmp_path / str(point)
        folder.mkdir()
        (folder / "orders").write_text("of the night before")
        disk = StoppingDisk(point)
        died = await stopped(folder, kind, disk)
        if died and "rename orders" not in disk.steps:
            assert (folder / "orders").read_text() == "of the night before"
        else:
            assert sorted(written(folder)) == ALL
        if died:
            await once(folder, kind, StoppingDisk(), Service())
        check_whole(folder)
        if not died:
            break
    assert {step.split()[0] for step in disk.steps} >= {"open", "write", "sync", "rename", "remove"}
    assert point > 60


@pytest.mark.fault("F40")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("names", "contents"), [(True, True), (True, False), (False, True)])
async def test_a_power_cut_at_any_step_ends_with_each_record_once(tmp_path, kind, names, contents):
    for point in itertools.count():
        folder = tmp_path / str(point)
        folder.mkdir()
        disk = PowerlessDisk(folder, point)
        died = await stopped(folder, kind, disk)
        disk.lose(names=names, contents=contents)
        if died:
            await once(folder, kind, StoppingDisk(), Service())
        check_whole(folder)
        if not died:
            break


@pytest.mark.fault("F40")
async def test_parquet_killed_at_any_of_its_steps_ends_with_each_record_once(tmp_path):
    async def once(folder: Path, disk: Disk) -> None:
        service = Service()
        await run_job(
            Job(
                inputs=list(SERVED),
                read=lambda name, at: chunks(service.client.orders.list(name), at, {"customerId": name}, texts=False),
                output=PartsOutput(folder / "orders", ParquetRows(ORDERS), disk, part_rows=2, part_seconds=0.0),
                checkpoint=folder / "run.ckpt",
                concurrency=1,
                disk=disk,
            )
        )

    for point in itertools.count(0, 5):
        folder = tmp_path / str(point)
        folder.mkdir()
        disk = StoppingDisk(point)
        try:
            await once(folder, disk)
        except StoppedError:
            await once(folder, StoppingDisk())
        assert sorted(pq.read_table(folder / "orders")["orderId"].to_pylist()) == ALL
        assert [path.name for path in folder.iterdir()] == ["orders"]
        if not disk.stopped:
            break
    assert "rename part-00005" in disk.steps


@pytest.mark.fault("F40")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(kind=st.sampled_from(KINDS), points=st.lists(st.integers(0, 60), max_size=5), concurrency=st.integers(1, 5))
def test_a_run_killed_again_and_again_ends_with_each_record_once(tmp_path_factory, kind, points, concurrency):
    folder = tmp_path_factory.mktemp("run")

    async def runs() -> None:
        for point in points:
            try:
                await once(folder, kind, StoppingDisk(point), Service(), concurrency=concurrency)
            except StoppedError:
                continue
            break
        else:
            await once(folder, kind, StoppingDisk(), Service(), concurrency=concurrency)

    asyncio.run(runs())
    check_whole(folder)


# Going on


@pytest.mark.fault("F40")
@pytest.mark.parametrize("kind", KINDS)
async def test_going_on_reads_neither_customers_nor_pages_again(tmp_path, kind):
    killed, after = Service(), Service()

    async def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        async for chunk in Service.read(killed, name, continuation):
            if killed.asked[-1] == "broken 1":
                raise KeyError(name)
            yield chunk

    killed.read = read  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        await once(tmp_path, kind, Disk(), killed)
    report = await once(tmp_path, kind, Disk(), after)
    assert after.asked == ["broken 1", "two 0", "two 1"]
    assert report == Report(done=5, resumed=3, items=len(ALL), failed={})
    check_whole(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_customer_begun_is_read_to_its_end_though_it_is_not_listed_any_more(tmp_path, kind):
    assert await stopped(tmp_path, kind, StoppingDisk(synced=("run.ckpt", 2)))
    state = load(tmp_path / "run.ckpt", {"kind": kind})
    assert state is not None
    assert [name for name, position in state.positions.items() if position is not None] == ["many"]
    after = Service()
    output = output_of(kind, tmp_path / "orders", Disk())
    job = Job(
        inputs=["MANY", "one"],
        read=after.read,
        output=output,
        checkpoint=tmp_path / "run.ckpt",
        identity={"kind": kind},
    )
    await run_job(job)
    assert sorted(written(tmp_path)) == ["m1", "m2", "m3", "m4", "m5", "o1"]
    assert {each.split()[0] for each in after.asked} == {"many", "one"}


async def test_a_customer_listed_twice_is_read_once(tmp_path):
    service = Service()
    output = FileOutput(tmp_path / "orders", Plain(), Disk())
    report = await run_job(Job(inputs=["one", "one", "two"], read=service.read, output=output))
    assert sorted(written(tmp_path)) == ["o1", "t1", "t2", "t3"]
    assert report.done == 2


async def test_who_may_read_an_output_stays(tmp_path):
    (tmp_path / "orders").touch(0o600)
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)
    assert (tmp_path / "orders").stat().st_mode & 0o777 == 0o600


async def test_what_others_put_into_the_folder_of_parts_stays(tmp_path):
    (tmp_path / "orders.partial").mkdir()
    (tmp_path / "orders.partial" / "thesis").write_text("precious")
    await once(tmp_path, "parts", Disk(), Service())
    assert sorted(written(tmp_path)) == ALL
    assert [path.name for path in (tmp_path / "orders.partial").iterdir()] == ["thesis"]


# Failing customers


@pytest.mark.fault("F34")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_failing_customer_costs_the_others_nothing(tmp_path, kind):
    failures: list[str] = []
    service = Service("broken 1")
    report = await once(tmp_path, kind, Disk(), service, on_failure=lambda name, _: failures.append(name))
    assert failures == ["broken"]
    assert list(report.failed) == ["broken"]
    assert report.failed["broken"].startswith("403")
    assert (report.done, report.items) == (4, len(ALL) - 1)
    check_whole(tmp_path, [each for each in ALL if each != "b2"])
    assert service.asked.count("broken 1") == 1


async def test_a_customer_whose_error_may_pass_is_read_on_at_the_end(tmp_path):
    service = Service()
    broken = True

    async def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        nonlocal broken
        async for chunk in Service.read(service, name, continuation):
            if broken and service.asked[-1] == "many 2":
                broken = False
                error = ServerError("503")
                error.status = 503
                raise error
            yield chunk

    service.read = read  # type: ignore[method-assign]
    failures: list[str] = []
    report = await once(tmp_path, "file", Disk(), service, on_failure=lambda name, _: failures.append(name))
    assert (report.failed, failures) == ({}, [])
    assert [each for each in service.asked if each.startswith("many")] == [
        "many 0",
        "many 1",
        "many 2",
        "many 2",
        "many 3",
    ]
    assert service.asked[-2:] == ["many 2", "many 3"]
    check_whole(tmp_path)


async def test_where_all_fail_nothing_takes_the_outputs_place(tmp_path):
    (tmp_path / "orders").write_text("of the night before")
    with pytest.raises(PermissionDeniedError):
        await once(tmp_path, "file", Disk(), Service(*(f"{name} 0" for name in SERVED)))
    assert (tmp_path / "orders").read_text() == "of the night before"


@pytest.mark.parametrize("kind", KINDS)
async def test_no_customers_are_an_empty_output(tmp_path, kind):
    report = await run_job(Job(inputs=[], read=Service().read, output=output_of(kind, tmp_path / "orders", Disk())))
    assert report == Report(done=0, resumed=0, items=0, failed={})
    assert written(tmp_path) == []


async def test_progress_counts_what_earlier_runs_did(tmp_path):
    assert await stopped(tmp_path, "file", StoppingDisk(synced=("run.ckpt", 2)))
    told: list[ExportProgress] = []
    await once(tmp_path, "file", Disk(), Service("two 0"), on_progress=told.append)
    last = told[-1]
    assert (last.total, last.done, last.failed, last.in_flight, last.retries) == (5, 4, 1, 0, 0)
    assert all(before.done <= after.done and before.items <= after.items for before, after in itertools.pairwise(told))
    assert told[0].items > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.skipif(sys.platform == "win32", reason="it has no named pipes in folders")
@pytest.mark.parametrize("what", ["folder", "pipe"])
async def test_nothing_but_a_file_is_ever_replaced(tmp_path, kind, what):
    path = tmp_path / "orders"
    if what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(ValueError, match="output must be a file or not be there yet"):
        output_of(kind, path, Disk())
    assert [each.name for each in tmp_path.iterdir()] == ["orders"]
    assert not path.is_file()


# Runs that break off


@pytest.mark.parametrize("concurrency", [1, 2, 3, 5])
@pytest.mark.parametrize("callback", ["on_failure", "on_progress"])
async def test_a_callback_that_raises_ends_the_run_with_all_its_tasks(tmp_path, callback, concurrency):
    def refuse(*about: object) -> None:
        if not isinstance(about[0], ExportProgress) or about[0].items > 3:
            raise KeyError(callback)

    for part in ("broken 0", "broken 1"):
        with pytest.raises(KeyError):
            await once(tmp_path, "file", Disk(), Service(part), concurrency=concurrency, **{callback: refuse})
        assert asyncio.all_tasks() == {asyncio.current_task()}
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)


async def test_a_first_progress_that_raises_leaves_no_task(tmp_path):
    def refuse(_: ExportProgress) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await once(tmp_path, "file", Disk(), Service(), on_progress=refuse)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_inputs_that_can_not_be_read_leave_no_file_open(tmp_path):
    output = output_of("file", tmp_path / "orders", Disk())
    job = Job(inputs=[1], read=Service().read, output=output)  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        await run_job(job)
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)


class WaitingDisk(Disk):
    """Waits at one step until it may go on."""

    def __init__(self, step: str, name: str) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._at = (step, name)

    def _wait(self, step: str, path: Path) -> None:
        if (step, path.name) == self._at:
            self.reached.set()
            self.go_on.wait(60)

    def open(self, path: Path, length: int | None = 0) -> BinaryIO:
        self._wait("open", path)
        return super().open(path, length)

    def sync(self, file: BinaryIO) -> None:
        self._wait("sync", Path(file.name))
        super().sync(file)

    def rename(self, source: Path, target: Path) -> None:
        self._wait("rename", target)
        super().rename(source, target)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    ("step", "name"), [("open", "run.ckpt"), ("sync", "run.ckpt"), ("sync", "orders.partial"), ("rename", "orders")]
)
async def test_a_cancelled_run_lets_go_of_its_files_only_when_nothing_writes_to_them(
    tmp_path, monkeypatch, step, name, times
):
    monkeypatch.setattr(asyncio, "to_thread", in_a_thread)
    disk = WaitingDisk(step, name)
    task = asyncio.create_task(once(tmp_path, "file", disk, Service(), concurrency=2))
    await asyncio.to_thread(disk.reached.wait)
    for _ in range(times):
        task.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
    assert not task.done()
    disk.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)


# What can't be gone on with


async def interrupted(folder: Path, kind: str) -> None:
    """A run that was killed with most of its output written."""
    assert await stopped(folder, kind, StoppingDisk(synced=("run.ckpt", 6)))


@pytest.mark.parametrize("kind", KINDS)
async def test_the_checkpoint_of_another_run_is_refused_and_left_alone(tmp_path, kind):
    await interrupted(tmp_path, kind)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(
        CheckpointError, match=r"run\.ckpt is of another run: its kind was .*, now it is other; pass the"
    ):
        await once(tmp_path, kind, Disk(), Service(), identity={"kind": "other"})
    with pytest.raises(CheckpointError, match=r"its filter was missing, now it is new; .* remove the file"):
        await once(tmp_path, kind, Disk(), Service(), identity={"kind": kind, "filter": "new"})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    await once(tmp_path, kind, Disk(), Service())
    check_whole(tmp_path)


@pytest.mark.parametrize("content", [b"{}\n", b"no newline", b"\n", b"00000000 {}\n", b"PAR1\x00\n"])
async def test_a_file_that_is_no_checkpoint_is_refused_and_left_alone(tmp_path, content):
    (tmp_path / "run.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a checkpoint of this program"):
        await once(tmp_path, "file", Disk(), Service())
    assert (tmp_path / "run.ckpt").read_bytes() == content


async def test_an_empty_file_becomes_the_checkpoint(tmp_path):
    (tmp_path / "run.ckpt").touch()
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)


@pytest.mark.parametrize("version", [1, 3])
async def test_a_checkpoint_of_another_version_is_refused_and_left_alone(tmp_path, version):
    header = b'{"partnercenter_checkpoint":%d,"run":{"kind":"file"},"more":1}' % version
    content = b"%08x %b\n" % (zlib.crc32(header), header)
    (tmp_path / "run.ckpt").write_bytes(content)
    (tmp_path / "orders.partial").write_bytes(b"begin\n")
    with pytest.raises(CheckpointError, match=f"has version {version}, and this release knows 2: end .* or remove"):
        await once(tmp_path, "file", Disk(), Service())
    assert (tmp_path / "run.ckpt").read_bytes() == content
    assert (tmp_path / "orders.partial").read_bytes() == b"begin\n"


async def test_a_checkpoint_with_dates_of_the_older_form_is_not_gone_on_with(tmp_path):
    await interrupted(tmp_path, "file")
    content = (tmp_path / "run.ckpt").read_bytes()
    head, _, rest = content.partition(b"\n")
    older = head.partition(b" ")[2].replace(b'"partnercenter_checkpoint":2', b'"partnercenter_checkpoint":1')
    (tmp_path / "run.ckpt").write_bytes(b"%08x %b\n%b" % (zlib.crc32(older), older, rest))
    files = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(CheckpointError, match="has version 1"):
        await once(tmp_path, "file", Disk(), Service())
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == files


@pytest.mark.fault("F40")
async def test_a_half_written_last_line_is_as_if_it_was_not_there(tmp_path):
    await interrupted(tmp_path, "file")
    whole = load(tmp_path / "run.ckpt", {"kind": "file"})
    assert whole is not None
    content = (tmp_path / "run.ckpt").read_bytes()[: whole.length]
    last = content[:-1].rfind(b"\n") + 1
    for end in range(last, len(content)):
        for tail in (b"", b"\0" * 20):
            (tmp_path / "run.ckpt").write_bytes(content[:end] + tail)
            state = load(tmp_path / "run.ckpt", {"kind": "file"})
            assert state is not None
            assert state.length == last
            assert state.written == whole.written[:-1]
    await once(tmp_path, "file", Disk(), Service())
    check_whole(tmp_path)


async def test_a_line_damaged_in_the_middle_is_refused(tmp_path):
    await interrupted(tmp_path, "file")
    lines = (tmp_path / "run.ckpt").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"commit", b"Commit")
    (tmp_path / "run.ckpt").write_bytes(b"".join(lines))
    with pytest.raises(CheckpointError, match=r"is damaged in line 2; .* remove the file to begin anew"):
        await once(tmp_path, "file", Disk(), Service())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["shorter", "other", "gone"])
async def test_an_output_that_was_changed_is_refused(tmp_path, kind, change):
    await interrupted(tmp_path, kind)
    path = tmp_path / "orders.partial" / ("part-00000" if kind == "parts" else "")
    content = path.read_bytes()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:3] if change == "shorter" else content.replace(b"m1", b"m9"))
    with pytest.raises(CheckpointError, match=r"orders\.partial.* is not as the checkpoint left it; put it back, or"):
        await once(tmp_path, kind, Disk(), Service())
    path.write_bytes(content)
    await once(tmp_path, kind, Disk(), Service())
    check_whole(tmp_path)


async def test_parts_that_are_gone_are_missed_before_anything_is_made(tmp_path):
    await interrupted(tmp_path, "parts")
    parts = tmp_path / "orders.partial"
    parts.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"orders\.partial is not as the checkpoint left it; put it back"):
        await once(tmp_path, "parts", Disk(), Service())
    assert not parts.exists()
    (tmp_path / "elsewhere").rename(parts)
    await once(tmp_path, "parts", Disk(), Service())
    check_whole(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_output_changed_just_before_its_renaming_is_refused(tmp_path, kind):
    for point in itertools.count(50):
        disk = StoppingDisk(point)
        assert await stopped(tmp_path, kind, disk)
        if "rename orders" in disk.steps:
            break
        for path in (tmp_path / "orders.partial").parent.rglob("*"):
            if path.is_file():
                path.unlink()
    (tmp_path / "orders").write_text("somebody else's")
    with pytest.raises(CheckpointError, match="is not as the checkpoint left it"):
        await once(tmp_path, kind, Disk(), Service())
    assert (tmp_path / "orders").read_text() == "somebody else's"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no advisory locks")
@pytest.mark.parametrize("kind", KINDS)
async def test_two_runs_do_not_write_one_output(tmp_path, kind):
    output = output_of(kind, tmp_path / "orders", Disk())
    output.begin()
    with pytest.raises(BusyError, match="another run is writing it"):
        await once(tmp_path, kind, Disk(), Service())
    output.close()
    await once(tmp_path, kind, Disk(), Service())
    check_whole(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no advisory locks")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_at_the_renaming_of_another_is_turned_away(tmp_path, kind):
    class Late(Disk):
        def rename(self, source: Path, target: Path) -> None:
            if target.name == "orders":
                with pytest.raises(BusyError):
                    output_of(kind, tmp_path / "orders", Disk()).begin()
                with pytest.raises(BusyError):
                    output_of(kind, tmp_path / "orders", Disk()).published(Written(bytes=0, crc32=0))
            super().rename(source, target)

    await once(tmp_path, kind, Late(), Service())
    check_whole(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no advisory locks")
def test_a_file_that_was_renamed_before_it_was_locked_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "orders.partial"
    path.write_bytes(b"whole")
    lock = "partnercenter_async.export.disk._lock"

    def late(file: BinaryIO, name: Path) -> None:
        monkeypatch.setattr(lock, _lock)
        path.rename(tmp_path / "orders")
        _lock(file, name)

    monkeypatch.setattr(lock, late)
    with Disk().open(path) as file:
        file.write(b"new")
    assert (tmp_path / "orders").read_bytes() == b"whole"
    assert path.read_bytes() == b"new"


class FullDisk(Disk):
    """Has room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, file: BinaryIO, data: bytes) -> None:
        super().write(file, data[: self.room])
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(file.name))


@pytest.mark.fault("F40")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_full_disk_ends_the_run_and_costs_nothing(tmp_path, kind):
    for room in itertools.count(0, 37):
        try:
            await once(tmp_path, kind, FullDisk(room), Service(), concurrency=3)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            assert str(tmp_path) in str(error.filename)
        else:
            break
    check_whole(tmp_path)
    assert room > 300


def test_the_documentations_checkpoint_is_one(tmp_path):
    text = (Path(__file__).parent.parent / "docs" / "checkpoints.md").read_text("utf-8")
    (tmp_path / "orders.ckpt").write_text(text.split("```text\n")[1].split("```")[0], "utf-8")
    state = load(tmp_path / "orders.ckpt", {"command": "orders", "format": "csv", "output": "/data/orders.csv"})
    assert state is not None
    assert (state.done, state.items) == (1, 412)
    assert state.written[0].bytes == 70211
