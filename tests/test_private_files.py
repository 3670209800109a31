"""What an export writes is its owner's alone until it has its name, and is never written through what is no file."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from disks import StoppedError, StoppingDisk
from helpers import Fake, page
from test_checkpoint import ALL, KINDS, Service, check_whole, once, output_of, written
from test_cli import run as command
from typer.testing import CliRunner

from partnercenter_async.cli import app
from partnercenter_async.emulator import DataSet, Emulator
from partnercenter_async.export import ORDERS, export
from partnercenter_async.export import disk as disks
from partnercenter_async.export.disk import Disk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
UMASKS = (0o022, 0o077, 0o000, 0o777)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


class Watching(Disk):
    """Looks, after each step, at the modes of all that is not the output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[str, set[int]] = {}

    def _look(self) -> None:
        for path in self.folder.rglob("*"):
            if path.name != "orders":
                self.seen.setdefault(path.name.partition("-")[0], set()).add(mode_of(path))

    def open(self, path: Path, length: int | None = 0) -> BinaryIO:
        file = super().open(path, length)
        self._look()
        return file

    def write(self, file: BinaryIO, data: bytes) -> None:
        super().write(file, data)
        self._look()

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._look()

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._look()


@pytest.mark.fault("F48")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", UMASKS, ids=oct)
async def test_all_that_is_no_output_yet_is_its_owners_alone(tmp_path, umask, kind, mask):
    disk = Watching(tmp_path)
    umask(mask)
    await once(tmp_path, kind, disk, Service())
    umask(0o022)
    parts = {"orders.partial": {0o700}, "lock": {0o600}, "new": {0o600}, "part": {0o600}, "whole": {0o600}}
    both = {"run.ckpt": {0o600}, "run.ckpt.new": {0o600}}
    assert disk.seen == both | (parts if kind == "parts" else {"orders.partial": {0o600}})
    assert mode_of(tmp_path / "orders") == 0o600
    check_whole(tmp_path)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o666])
async def test_a_replaced_output_keeps_its_own_mode(tmp_path, kind, mode):
    (tmp_path / "orders").touch()
    (tmp_path / "orders").chmod(mode)
    await once(tmp_path, kind, Disk(), Service())
    assert mode_of(tmp_path / "orders") == mode
    check_whole(tmp_path)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("format", ["ndjson", "csv", "parquet", "table"])
@pytest.mark.parametrize("mask", UMASKS, ids=oct)
async def test_a_new_output_has_the_mode_that_was_asked_for(tmp_path, umask, format, mask):
    umask(mask)
    for mode in (None, 0o600, 0o640, 0o444):
        path = tmp_path / f"{mode}"
        await export(
            ["c"],
            Fake([page("a")]).client.orders.list,
            path,
            table=ORDERS,
            format=format,
            **({} if mode is None else {"mode": mode}),
        )
        assert mode_of(path) == (0o600 if mode is None else mode)
    path.chmod(0o640)
    await export(["c"], Fake([page("a")]).client.orders.list, path, table=ORDERS, format=format, mode=0o644)
    assert mode_of(path) == 0o640


@pytest.mark.parametrize("mode", [-1, 640, 0o1000, True, "640", 0.5, None])
async def test_a_mode_that_is_none_is_refused_before_anything_is_written(tmp_path, mode):
    with pytest.raises(ValueError, match="mode must be a number from 0 to 0o777, such as 0o640, not "):
        await export(["c"], Fake([]).client.orders.list, tmp_path / "o", mode=mode)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F48")
@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_earlier_release_left_for_all_to_read_is_closed_to_them(tmp_path, kind):
    with pytest.raises(StoppedError):
        await once(tmp_path, kind, StoppingDisk(synced=("run.ckpt", 4)), Service())
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    disk = Watching(tmp_path)
    with pytest.raises(StoppedError):
        await once(tmp_path, kind, StoppingDisk(synced=("run.ckpt", 1)), Service())
    left = {path.name: mode_of(path) for path in tmp_path.rglob("*") if not path.name.startswith("part-")}
    assert set(left.values()) <= {0o600, 0o700}
    await once(tmp_path, kind, disk, Service())
    check_whole(tmp_path)


# What stands in the way


def symlink(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def dangling(path: Path, victim: Path) -> None:
    path.symlink_to(victim.parent / "nothing")


def folder(path: Path, _: Path) -> None:
    path.mkdir()


def pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def device(path: Path, _: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


IN_THE_WAY = (symlink, dangling, folder, pipe, hard_link, device)
PLACES = [
    ("ndjson", "o.partial"),
    ("parquet", "o.partial/lock"),
    ("parquet", "o.partial/new"),
    ("parquet", "o.partial/whole"),
    ("parquet", "o.partial/part-00000"),
    ("ndjson", "c"),
    ("csv", "c.new"),
]


@pytest.fixture
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elsewhere") / "precious"
    path.write_text("precious")
    path.chmod(0o644)
    return path


def unharmed(victim: Path) -> bool:
    names = [each.name for each in victim.parent.iterdir()]
    return victim.read_text() == "precious" and mode_of(victim) == 0o644 and names == ["precious"]


@pytest.mark.fault("F48")
@pytest.mark.parametrize("make", IN_THE_WAY)
@pytest.mark.parametrize(("format", "place"), PLACES)
async def test_what_is_no_file_of_an_exports_is_refused_before_anything_is_written(
    tmp_path, victim, make, format, place
):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    make(path, victim)
    before = {each: each.lstat() for each in tmp_path.rglob("*")}
    fake = Fake([page("a")])
    with pytest.raises(ValueError, match=r"can't write .*: remove it, or pass another name") as caught:
        await export(
            ["c"], fake.client.orders.list, tmp_path / "o", table=ORDERS, format=format, checkpoint=tmp_path / "c"
        )
    assert str(path) in str(caught.value)
    after = {each: each.lstat() for each in tmp_path.rglob("*")}
    assert {each: (found.st_mode, found.st_mtime_ns) for each, found in after.items()} == {
        each: (found.st_mode, found.st_mtime_ns) for each, found in before.items()
    }
    assert fake.requests == []
    assert unharmed(victim)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("make", [symlink, dangling, pipe])
async def test_the_folder_of_parts_is_a_folder(tmp_path, victim, make):
    make(tmp_path / "o.partial", victim.parent)
    with pytest.raises(ValueError, match="remove it, or pass another name"):
        await export(["c"], Fake([page("a")]).client.orders.list, tmp_path / "o", table=ORDERS, format="parquet")
    assert unharmed(victim)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("make", [symlink, dangling, folder, pipe, hard_link])
@pytest.mark.parametrize("length", [0, None, 5])
def test_what_takes_a_files_place_after_it_was_looked_at_is_not_written_to(tmp_path, victim, monkeypatch, make, length):
    path = tmp_path / "orders.partial"
    path.write_text("plain")
    look = disks._check_kind

    def late(name: Path, found: os.stat_result, **about: Any) -> None:
        monkeypatch.setattr(disks, "_check_kind", look)
        look(name, found, **about)
        path.unlink()
        make(path, victim)

    monkeypatch.setattr(disks, "_check_kind", late)
    with pytest.raises(OSError, match=r"orders\.partial") as caught:
        Disk().open(path, length).close()
    assert str(caught.value.filename) == str(path)
    assert unharmed(victim)


@pytest.mark.fault("F48")
def test_a_mode_is_not_given_through_a_link(tmp_path, victim):
    (tmp_path / "orders.partial").symlink_to(victim)
    with pytest.raises(FileExistsError, match="it is a symlink"):
        Disk().share(tmp_path / "orders.partial", tmp_path / "orders", 0o666)
    assert unharmed(victim)


@pytest.mark.fault("F48")
async def test_an_output_that_became_a_link_is_replaced_and_lends_no_mode(tmp_path, victim):
    class Late(Disk):
        def share(self, path: Path, target: Path, mode: int) -> None:
            target.symlink_to(victim)
            super().share(path, target, mode)

    await once(tmp_path, "file", Late(), Service())
    assert not (tmp_path / "orders").is_symlink()
    assert mode_of(tmp_path / "orders") == 0o600
    assert sorted(written(tmp_path)) == ALL
    assert unharmed(victim)


@pytest.mark.fault("F48")
async def test_an_output_that_is_a_symlink_is_written_where_it_leads(tmp_path):
    (tmp_path / "far").mkdir()
    for name, target in (("there", "far/there"), ("dangling", "far/dangling")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "far" / "there").touch(0o640)
    for name, mode in (("there", 0o640), ("dangling", 0o600)):
        await export(["c"], Fake([page("a")]).client.orders.list, tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "far" / name).read_bytes() == b'{"id":"a"}\n'
        assert mode_of(tmp_path / "far" / name) == mode
    assert sorted(each.name for each in (tmp_path / "far").iterdir()) == ["dangling", "there"]


async def test_an_output_that_leads_round_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ValueError, match=r"can't write .*: it is a symlink that leads nowhere but round"):
        await export(["c"], Fake([page("a")]).client.orders.list, tmp_path / "a")


@pytest.mark.fault("F48")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_output_that_a_backup_links_to_is_replaced_and_the_backup_stays(tmp_path, kind):
    (tmp_path / "orders").write_text("of the night before")
    backup = tmp_path.parent / f"{tmp_path.name}.backup"
    backup.hardlink_to(tmp_path / "orders")
    await once(tmp_path, kind, Disk(), Service())
    check_whole(tmp_path)
    assert backup.read_text() == "of the night before"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.fault("F48")
def test_a_leftover_of_somebody_elses_that_others_may_read_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    path = tmp_path / "orders.partial"
    path.write_text("left over")
    path.chmod(0o666)
    program = (
        "import os, sys; from pathlib import Path; from partnercenter_async.export.disk import Disk\n"
        f"os.chdir({str(tmp_path)!r})  # by whose name nobody else may come in\n"
        "os.setuid(65534)\n"
        "try: Disk().open(Path('orders.partial'))\n"
        "except PermissionError as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "others may read it, and it is not yours to change: remove it" in ended.stdout
    assert path.read_text() == "left over"


# The command


@pytest.mark.fault("F48")
async def test_the_command_takes_a_mode_and_refuses_links(tmp_path, victim):
    async with Emulator(DataSet(oddities=True, customers=2, orders_per_customer=2)) as emulator:
        here = str(tmp_path / "o")
        ended = await command(emulator, "orders", "--all-customers", "--output", here, "--mode", "640")
        assert ended.code == 0
        assert mode_of(tmp_path / "o") == 0o640
        before = emulator.count()
        (tmp_path / "p.partial").symlink_to(victim)
        (tmp_path / "c").symlink_to(victim)
        calls = {
            ("--output", str(tmp_path / "p")): "p.partial: it is a symlink: remove it, or pass another name",
            ("--output", here, "--checkpoint", str(tmp_path / "c")): "c: it is a symlink: remove it, or pass another",
            ("--output", here, "--mode", "999"): "--mode takes three octal digits, such as 640, not '999'",
            ("--output", here, "--mode", "7777"): "--mode takes three octal digits",
            ("--mode", "640"): "a mode needs a file that it is of: pass --output FILE",
        }
        for ended, message in zip(
            await asyncio.gather(*(command(emulator, "orders", "--all-customers", *call) for call in calls)),
            calls.values(),
            strict=True,
        ):
            assert (ended.code, ended.lines) == (2, [])
            assert "".join(message.split()) in "".join(ended.errors.replace("│", "").split())
        assert emulator.count() == before
    assert unharmed(victim)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("mask", UMASKS, ids=oct)
def test_the_demos_file_is_its_owners_alone(tmp_path, monkeypatch, umask, mask):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    umask(mask)
    arguments = ["demo", "--customers", "2", "--no-faults"]
    ended = [CliRunner().invoke(app, arguments), CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "o")])]
    umask(0o022)
    assert [each.exit_code for each in ended] == [0, 0] or (mask == 0o777 and os.geteuid() != 0)
    assert {mode_of(each) & ~0o600 for each in tmp_path.iterdir()} == {0}


def test_the_second_output_is_not_begun_while_the_first_is_written(tmp_path):
    output = output_of("file", tmp_path / "orders", Disk())
    output.begin()
    (tmp_path / "orders.partial").chmod(0o644)
    with pytest.raises(disks.BusyError):
        output_of("file", tmp_path / "orders", Disk()).begin()
    assert mode_of(tmp_path / "orders.partial") == 0o644
    output.close()
