"""The checkpoint of an export: a journal of what its output holds, one line for each commit.

docs/checkpoints.md describes the format. Lines are only ever added, each once the data it speaks of is on the disk, so
the last whole line tells what may be kept.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from partnercenter_async.errors import escaped
from partnercenter_async.export.disk import Disk, read

T = TypeVar("T")

VERSION = 2  # 1 had dates in CSV as the service wrote them
_ANEW = "pass the options of that run, or remove the file to begin anew"


class CheckpointError(Exception):
    """A checkpoint, or the output it belongs to, can't be gone on with; the message says why and what to do."""

    def __str__(self) -> str:
        """Return the message, in which nothing of a path or of a run's identity steers a terminal."""
        return escaped(super().__str__())


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is on the disk for good: the first bytes of the output, or of one of its parts, and their CRC-32."""

    bytes: int
    crc32: int
    part: str | None = None


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    partnercenter_checkpoint: int
    run: dict[str, str]


class Commit(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="commit"):
    """A line: how far inputs were read, and what is written with that.

    ``positions`` has, for each input that went on since the line before, where to read on; null is its end. ``items``
    counts everything since the run began. ``written`` is missing where there
    is no new part of one that is made of parts.
    """

    positions: dict[str, str | None]
    items: int
    written: Written | None = None


class End(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="end"):
    """The last line: all was read that could be, and the output is whole under its temporary name."""

    failed: dict[str, str]
    whole: Written


class State(msgspec.Struct, kw_only=True):
    """What the lines of a checkpoint say together."""

    positions: dict[str, str | None] = {}
    items: int = 0
    written: list[Written] = []
    end: End | None = None
    length: int = 0
    """The bytes of the whole lines; what stands behind them was being written when the run was stopped."""

    @property
    def done(self) -> int:
        """How many inputs were read to their end."""
        return sum(position is None for position in self.positions.values())

    def apply(self, line: Commit | End) -> None:
        """Take in the next line."""
        if isinstance(line, End):
            self.end = line
            return
        self.positions.update(line.positions)
        self.items = line.items
        if line.written is not None:
            self.written.append(line.written)


def load(path: Path, run: Mapping[str, str]) -> State | None:
    """Return where a run stands by its checkpoint, None where there is none yet or an empty file.

    ``run`` tells all that its output depends on. Raises CheckpointError for the checkpoint of another run or version,
    and for one that is damaged elsewhere than in its last line, which may be half written.
    """
    try:
        content = read(path)
    except FileNotFoundError:
        return None
    if not content:
        return None
    *lines, _torn = content.split(b"\n")
    _check_header(path, _decode(lines[0], _header) if lines else None, run)
    state = State(length=len(lines[0]) + 1)
    for number, line in enumerate(lines[1:], 2):
        found = _decode(line, _line) if state.end is None else None
        if found is None and number == len(lines):
            break  # the run was stopped while it was being written
        if found is None:
            raise CheckpointError(f"{path} is damaged in line {number}; {_ANEW}")
        state.apply(found)
        state.length += len(line) + 1
    return state


def _check_header(path: Path, header: _Header | None, run: Mapping[str, str]) -> None:
    if header is None:
        raise CheckpointError(f"{path} is not a checkpoint of this program; pass another one")
    if header.partnercenter_checkpoint != VERSION:
        raise CheckpointError(
            f"{path} has version {header.partnercenter_checkpoint}, and this release knows {VERSION}: end the run with"
            " the release that began it, or remove the file to begin anew"
        )
    for name in sorted({*header.run, *run}):
        old, new = header.run.get(name, "missing"), run.get(name, "missing")
        if old != new:
            raise CheckpointError(f"{path} is of another run: its {name} was {old}, now it is {new}; {_ANEW}")


class Journal:
    """A checkpoint that is open to be written."""

    def __init__(self, path: Path, run: Mapping[str, str], state: State | None, disk: Disk) -> None:
        """Open it behind the lines that count, or make a new one whose first line tells what the run is."""
        self._path = path
        self._disk = disk
        length = _create(path, run, disk) if state is None else state.length
        self._file = disk.open(path, length)

    def add(self, line: Commit | End) -> None:
        """Add a line, which is on the disk when this returns."""
        self._disk.write(self._file, _encode(line))
        self._disk.sync(self._file)

    def close(self) -> None:
        """Close the file, from which another run can go on."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file: its run has ended."""
        self.close()
        self._disk.remove(self._path)
        self._disk.sync_folder(self._path.parent)


def _create(path: Path, run: Mapping[str, str], disk: Disk) -> int:
    """Make a checkpoint of one line, whole or not at all; returns its length."""
    line = _encode(_Header(partnercenter_checkpoint=VERSION, run=dict(run)))
    new = path.with_name(f"{path.name}.new")
    with disk.open(new) as file:
        disk.write(file, line)
        disk.sync(file)
    disk.rename(new, path)
    disk.sync_folder(path.parent)
    return len(line)


def _encode(line: _Header | Commit | End) -> bytes:
    text = msgspec.json.encode(line)
    return b"%08x %b\n" % (zlib.crc32(text), text)


_header = msgspec.json.Decoder(_Header)
_line: msgspec.json.Decoder[Commit | End] = msgspec.json.Decoder(Commit | End)


def _decode(line: bytes, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Return what a line says, None where it is not whole."""
    digits, _, text = line.partition(b" ")
    if digits != b"%08x" % zlib.crc32(text):
        return None
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError:
        return None
