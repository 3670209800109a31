"""The formats of exports, by name."""

import os
import zlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from partnercenter_async.jobs.disk import Disk
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


def output_of(format: Format, table: Table[T] | None, path: Path, disk: Disk) -> NamedOutput[Any]:
    """Return a file of a format; raises ImportError where its extra is missing."""
    if format != Format.PARQUET:
        return FileOutput(path, lines_of(format, table), disk)
    try:
        from partnercenter_async.jobs.parquet import ParquetRows  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise ImportError("Parquet needs its extra: pip install 'partnercenter-async[parquet]'") from error
    return PartsOutput(path, ParquetRows(_needed(table, format)), disk)


def _needed(table: Table[T] | None, format: Format) -> Table[T]:
    if table is None:
        raise ValueError(f"format {format} needs a table that says what is in a row: pass table=ORDERS or another")
    return table


def check_paths(output: Path, checkpoint: Path | None) -> None:
    """Raise ValueError for what can't be written, which a run would else find out at its end, or write over."""
    partial = output.with_name(f"{output.name}.partial")
    if checkpoint is not None:
        new = checkpoint.with_name(f"{checkpoint.name}.new")
        if {checkpoint, new} & {output, partial} or partial in checkpoint.parents:
            raise ValueError(f"checkpoint {checkpoint} and output {output} get in each other's way; pass two names")
    for path in filter(None, [output, checkpoint]):
        if path.exists() and not path.is_file():
            raise ValueError(f"can't write {path}: it is {'a folder' if path.is_dir() else 'no file'}")
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
