"""Where an export goes, and in which format: a stream, a file, or the parts of one."""

import io
import os
import re
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Protocol, TypeVar

from partnercenter_async.export.checkpoint import CheckpointError, Written
from partnercenter_async.export.columns import Table
from partnercenter_async.export.csv import CsvLines
from partnercenter_async.export.disk import OWNERS, Disk, check_place, checksum, refused
from partnercenter_async.export.pages import Batch, NdjsonLines
from partnercenter_async.export.text import TextLines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

P = TypeVar("P")
T = TypeVar("T")

_PART_ROWS = 10_000
_part = re.compile(r"part-[0-9]{5,}")
_PART_SECONDS = 30.0
_JOINED = 64


class Format(StrEnum):
    """How records are written; docs/exports.md tells of each."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    TABLE = "table"


class LineFormat(Protocol):
    """A format of lines."""

    @property
    def head(self) -> bytes:
        """What an output begins with."""
        ...

    def encode(self, batch: Batch[Any], /) -> bytes:
        """Return whole lines."""
        ...


class RowFormat(Protocol[P]):
    """A format of files that are whole only with their end, and so can't be added to."""

    def encode(self, batch: Batch[Any], /) -> P:
        """Return the rows of a batch."""
        ...

    def count(self, rows: P, /) -> int:
        """Return how many rows these are."""
        ...

    def join(self, rows: Sequence[P], /) -> P:
        """Return the rows of several as one, which takes less memory where they are few each."""
        ...

    def write_part(self, rows: Sequence[P], /) -> bytes:
        """Return a whole file."""
        ...

    def merge(self, parts: Iterable[Path], file: BinaryIO, /) -> None:
        """Write the rows of files, one after the other, as one."""
        ...


class Output(ABC, Generic[P]):
    """What an export writes to. All but ``encode`` is called by one thread at a time, and may block."""

    interval = 0.0
    """How many seconds pass between two commits where there is a checkpoint."""

    @abstractmethod
    def encode(self, batch: Batch[Any], /) -> P:
        """Return a batch as it will be written."""

    @abstractmethod
    def begin(self) -> None:
        """Begin anew."""

    @abstractmethod
    def write(self, rows: P, /) -> None:
        """Write rows; until they are committed they may get lost."""

    @property
    def full(self) -> bool:
        """Whether so much is held in memory that it must be committed."""
        return False

    @abstractmethod
    def commit(self) -> Written | None:
        """Return once all that was written is on the disk; None where that is nothing."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files, as they are."""


class StreamOutput(Output[bytes]):
    """Lines for whoever reads at the other end."""

    def __init__(self, file: BinaryIO, lines: LineFormat, *, owned: bool) -> None:
        """Take a file, and whether it is closed at the end."""
        self._file = file
        self._lines = lines
        self._owned = owned

    def encode(self, batch: Batch[Any], /) -> bytes:
        """Return whole lines."""
        return self._lines.encode(batch)

    def begin(self) -> None:
        """Write what the output begins with."""
        self.write(self._lines.head)

    def write(self, rows: bytes, /) -> None:
        """Write lines in one piece and out of every buffer."""
        if rows:
            self._file.write(rows)
            self._file.flush()

    def commit(self) -> None:
        """Commit nothing: what is written is gone."""

    def close(self) -> None:
        """Close the file, or leave it to its owner."""
        if self._owned:
            self._file.close()


class NamedOutput(Output[P]):
    """An output that appears under its name when it is whole; until then it can be gone on with."""

    def __init__(self, path: Path, disk: Disk, mode: int) -> None:
        """Take where it is to appear, and who may read it then if it is new.

        Raises ValueError where something stands that must not be replaced or written to.
        """
        if path.exists() and not path.is_file():
            raise ValueError(f"output must be a file or not be there yet, and {path} is something else")
        self.path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._disk = disk
        self._mode = mode
        self._file: BinaryIO | None = None
        with refused():
            self._check_places()

    @abstractmethod
    def _check_places(self) -> None:
        """Raise FileExistsError for what is no file of an export's in the place of one."""

    @property
    @abstractmethod
    def _whole(self) -> Path:
        """Where it is when it is whole and has no name yet."""

    @property
    @abstractmethod
    def _locked(self) -> Path:
        """The file that is open, and so locked, for as long as a run goes on."""

    def _lock(self) -> bool:
        """Keep other runs out of what is there already; False where nothing is."""
        try:
            self._file = self._disk.open(self._locked, None)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @abstractmethod
    def resume(self, written: Sequence[Written], /) -> None:
        """Go on behind what was committed, and drop the rest; raises CheckpointError where it is not as it was."""

    @abstractmethod
    def complete(self) -> Written:
        """Make it whole."""

    def published(self, whole: Written, /) -> bool:
        """Return whether what was made whole has its name; raises CheckpointError where it was changed since."""
        self._lock()
        for found in (self._whole, self.path):
            if checksum(found, whole.bytes) == whole.crc32 and found.stat().st_size == whole.bytes:
                return found is self.path
        raise _changed(self._whole)

    def publish(self) -> None:
        """Give it its name. Until then it stays locked: a run that came in between would write into it."""
        if sys.platform == "win32":
            self.close()  # it renames nothing that is open, and locks nothing
        self._disk.share(self._whole, self.path, self._mode)
        self._disk.rename(self._whole, self.path)
        self._disk.sync_folder(self.path.parent)

    def clean(self) -> None:
        """Remove what is not needed once it has its name."""

    def close(self) -> None:
        """Let go of the files."""
        if self._file is not None:
            self._file.close()


class FileOutput(NamedOutput[bytes]):
    """Lines in ``<name>.partial``, renamed when whole."""

    def __init__(self, path: Path, lines: LineFormat, disk: Disk, *, mode: int = OWNERS) -> None:
        """Take where the file is to appear, and who may read it then if it is new."""
        super().__init__(path, disk, mode)
        self._lines = lines
        self._length = self._crc = self._synced = 0

    @property
    def _whole(self) -> Path:
        return self._partial

    @property
    def _locked(self) -> Path:
        return self._partial

    def _check_places(self) -> None:
        check_place(self._partial)

    def encode(self, batch: Batch[Any], /) -> bytes:
        """Return whole lines."""
        return self._lines.encode(batch)

    def begin(self) -> None:
        """Make the file, with what it begins with."""
        self._file = self._disk.open(self._partial)
        self._length = self._crc = self._synced = 0
        self.write(self._lines.head)
        self._disk.sync_folder(self.path.parent)

    def resume(self, written: Sequence[Written], /) -> None:
        """Go on behind what was committed."""
        if not written:
            self.begin()
            return
        last = written[-1]
        if not self._lock() or self._file is None or checksum(self._partial, last.bytes) != last.crc32:
            raise _changed(self._partial)
        self._disk.cut(self._file, last.bytes)
        self._length, self._crc, self._synced = last.bytes, last.crc32, last.bytes

    def write(self, rows: bytes, /) -> None:
        """Write lines."""
        if rows and self._file is not None:
            self._disk.write(self._file, rows)
            self._length += len(rows)
            self._crc = zlib.crc32(rows, self._crc)

    def commit(self) -> Written:
        """Return once all lines are on the disk."""
        if self._file is not None and self._synced != self._length:
            self._disk.sync(self._file)
            self._synced = self._length
        return Written(bytes=self._length, crc32=self._crc)

    def complete(self) -> Written:
        """Commit all lines; the file is whole with the last of them."""
        return self.commit()


class PartsOutput(NamedOutput[P]):
    """Rows in the files of a folder, ``<name>.partial``, made one file when whole."""

    def __init__(
        self,
        path: Path,
        rows: RowFormat[P],
        disk: Disk,
        *,
        mode: int = OWNERS,
        part_rows: int = _PART_ROWS,
        part_seconds: float = _PART_SECONDS,
    ) -> None:
        """Take where the file is to appear, who may read it then if it is new, and how much or long makes a part."""
        super().__init__(path, disk, mode)
        self.interval = part_seconds
        self._rows = rows
        self._part_rows = part_rows
        self._few: list[P] = []
        self._pending: list[P] = []
        self._count = 0
        self._parts: list[Path] = []

    @property
    def _whole(self) -> Path:
        return self._partial / "whole"

    @property
    def _locked(self) -> Path:
        return self._partial / "lock"

    def _check_places(self) -> None:
        check_place(self._partial, folder=True)
        for path in self._own():
            check_place(path)

    def encode(self, batch: Batch[Any], /) -> P:
        """Return the rows of a batch."""
        return self._rows.encode(batch)

    def begin(self) -> None:
        """Make the folder, with nothing in it."""
        self.resume(())

    def resume(self, written: Sequence[Written], /) -> None:
        """Keep the parts that were committed and remove all else."""
        if written and not self._partial.is_dir():
            raise _changed(self._partial)
        self._disk.make_folder(self._partial)
        self._file = self._disk.open(self._locked)
        for each in written:
            part = self._partial / str(each.part)
            if checksum(part, each.bytes) != each.crc32 or part.stat().st_size != each.bytes:
                raise _changed(part)
            self._parts.append(part)
        for path in self._own():
            if path != self._locked and path not in self._parts:
                self._disk.remove(path)
        self._disk.sync_folder(self.path.parent)

    def _own(self) -> list[Path]:
        """Return what is in the folder and was made by an export; nothing else is ever removed."""
        names = {"new", self._whole.name, self._locked.name}
        found = self._partial.iterdir() if self._partial.is_dir() else ()
        return sorted(path for path in found if path.name in names or _part.fullmatch(path.name))

    def write(self, rows: P, /) -> None:
        """Keep rows for the next part."""
        count = self._rows.count(rows)
        if not count:
            return
        self._count += count
        self._few.append(rows)
        if len(self._few) == _JOINED:
            self._pending.append(self._rows.join(self._few))
            self._few = []

    @property
    def full(self) -> bool:
        """Whether a part is full."""
        return self._count >= self._part_rows

    def commit(self) -> Written | None:
        """Return once a part with the rows kept is on the disk."""
        if not self._count:
            return None
        data = self._rows.write_part([*self._pending, *self._few])
        self._pending, self._few, self._count = [], [], 0
        part = self._partial / f"part-{len(self._parts):05}"
        new = self._partial / "new"
        with self._disk.open(new) as file:
            self._disk.write(file, data)
            self._disk.sync(file)
        self._disk.rename(new, part)
        self._disk.sync_folder(self._partial)
        self._parts.append(part)
        return Written(part=part.name, bytes=len(data), crc32=zlib.crc32(data))

    def complete(self) -> Written:
        """Make one file of all parts, beside them."""
        with self._disk.open(self._whole) as file:
            whole = _Counted(file, self._disk)
            self._rows.merge(self._parts, whole)
            self._disk.sync(file)
        self._disk.sync_folder(self._partial)
        return Written(bytes=whole.length, crc32=whole.crc)

    def clean(self) -> None:
        """Remove the folder."""
        for path in self._own():
            self._disk.remove(path)
        self._disk.remove_folder(self._partial)
        self._disk.sync_folder(self.path.parent)


class _Counted(io.RawIOBase, BinaryIO):
    """Hands on what is written, and keeps its length and CRC-32."""

    def __init__(self, file: BinaryIO, disk: Disk) -> None:
        self._file = file
        self._disk = disk
        self.length = self.crc = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        taken = bytes(data)
        self._disk.write(self._file, taken)
        self.length += len(taken)
        self.crc = zlib.crc32(taken, self.crc)
        return len(taken)


def _changed(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is not as the checkpoint left it; put it back, or remove the checkpoint to begin anew"
    )


def lines_of(format: Format, table: Table[T] | None) -> LineFormat:
    """Return a format of lines; raises ValueError for Parquet, which has none, and where a table is missing."""
    if format == Format.NDJSON:
        return NdjsonLines()
    table = _needed(table, format)
    match format:
        case Format.CSV:
            return CsvLines(table)
        case Format.TABLE:
            return TextLines(table)
        case Format.PARQUET:
            raise ValueError("format parquet goes into a file that has a name")


def output_of(format: Format, table: Table[T] | None, path: Path, disk: Disk, mode: int) -> NamedOutput[Any]:
    """Return a file of a format, of ``mode`` if it is new; raises ImportError where its extra is missing."""
    if format != Format.PARQUET:
        return FileOutput(path, lines_of(format, table), disk, mode=mode)
    try:
        from partnercenter_async.export.parquet import ParquetRows  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise ImportError("Parquet needs its extra: pip install 'partnercenter-async[parquet]'") from error
    return PartsOutput(path, ParquetRows(_needed(table, format)), disk, mode=mode)


def _needed(table: Table[T] | None, format: Format) -> Table[T]:
    if table is None:
        raise ValueError(
            f"format {format} needs a table that says what is in a row: pass table=ORDERS or a Table of a struct"
        )
    return table


def identity_of(format: Format, table: Table[T] | None, path: Path) -> dict[str, str]:
    """Return what of an output the checkpoint of another must not be used with."""
    identity = {"format": format.value, "output": os.fsencode(path).decode(errors="backslashreplace")}
    if format != Format.NDJSON and table is not None:
        columns = ",".join(f"{column.name} {column.kind}" for column in table.columns)
        identity["columns"] = f"{table.name} {zlib.crc32(columns.encode()):08x}"
    return identity
