"""The formats of exports, by name."""

import os
import zlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from partnercenter_async.jobs.disk import Disk, check_place, refused
from partnercenter_async.jobs.lines import CsvLines, NdjsonLines, TextLines
from partnercenter_async.jobs.outputs import FileOutput, Lines, NamedOutput, PartsOutput
from partnercenter_async.jobs.tables import Table

T = TypeVar("T")


class Format(StrEnum):
    """How records are written; docs/exports.md tells of each."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    TABLE = "table"


def lines_of(format: Format, table: Table[T] | None) -> Lines:
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
        from partnercenter_async.jobs.parquet import ParquetRows  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise ImportError("Parquet needs its extra: pip install 'partnercenter-async[parquet]'") from error
    return PartsOutput(path, ParquetRows(_needed(table, format)), disk, mode=mode)


def _needed(table: Table[T] | None, format: Format) -> Table[T]:
    if table is None:
        raise ValueError(f"format {format} needs a table that says what is in a row: pass table=ORDERS or another")
    return table


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return where an output really is, a symlink followed, so that it and what stands beside it are on one disk."""
    try:
        found = Path(path).resolve()
    except RuntimeError:  # how Python before 3.13 tells of a circle
        found = Path(path).absolute()
    if found.is_symlink():
        raise ValueError(f"can't write {found}: it is a symlink that leads nowhere but round: remove it")
    return found


def placed(path: str | os.PathLike[str]) -> Path:
    """Return where a checkpoint really is; one that is a symlink stays one, and is refused when it is checked."""
    given = Path(path)
    return given.parent.resolve() / given.name if given.is_symlink() else given.resolve()


def check_paths(output: Path, checkpoint: Path | None) -> None:
    """Raise ValueError for what can't be written, which a run would else find out at its end, or write over."""
    partial = output.with_name(f"{output.name}.partial")
    if checkpoint is not None:
        new = checkpoint.with_name(f"{checkpoint.name}.new")
        if {checkpoint, new} & {output, partial} or partial in checkpoint.parents:
            raise ValueError(f"checkpoint {checkpoint} and output {output} get in each other's way; pass two names")
        with refused():
            check_place(checkpoint)
            check_place(new)
    if output.exists() and not output.is_file():
        problem = "a folder" if output.is_dir() else "no file"
        raise ValueError(f"can't write {output}: it is {problem}: pass the name of a file")
    for path in filter(None, [output, checkpoint]):
        if not os.access(path.parent, os.W_OK | os.X_OK):
            problem = "it can't be written to" if path.parent.is_dir() else "there is no such folder"
            raise ValueError(f"can't write {path}: {path.parent}: {problem}")
    with suppress(FileNotFoundError):
        partial.lstat()  # raises OSError where its name is too long


def identity_of(format: Format, table: Table[T] | None, path: Path) -> dict[str, str]:
    """Return what of an output the checkpoint of another must not be used with."""
    identity = {"format": format.value, "output": os.fsencode(path).decode(errors="backslashreplace")}
    if format != Format.NDJSON and table is not None:
        columns = ",".join(f"{column.name} {column.kind}" for column in table.columns)
        identity["columns"] = f"{table.name} {zlib.crc32(columns.encode()):08x}"
    return identity
