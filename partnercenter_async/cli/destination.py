"""Where a command writes to, and in which format."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from partnercenter_async.export.columns import Table
from partnercenter_async.export.disk import MOST_MODE, OWNERS, Disk, check_paths, placed, resolved
from partnercenter_async.export.outputs import Format, Output, StreamOutput, identity_of, lines_of, output_of

STDOUT = "-"
_STDOUT_TOO = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})  # where it is a file, they lead to its name
_ENDINGS = {".csv": Format.CSV, ".parquet": Format.PARQUET}
_octal = re.compile("(0o)?[0-7]{3,4}")
_NOT_WRITTEN = frozenset({".bz2", ".gz", ".xls", ".xlsx", ".xz", ".zip", ".zst"})


class UsageError(Exception):
    """The command can't begin as it was called; the message says what is missing."""


class _NoPandas(MetaPathFinder):
    """Keeps pandas out: pyarrow would import it to see whether a list is a series of it, and that takes 50 MB."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /) -> None:
        """Leave all else to others."""
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


@dataclass(frozen=True, slots=True)
class Destination:
    """An output, with a checkpoint or without; ``mode`` is who may read it if it is new.

    ``path`` is the file that appears when it is whole; None for stdout, pipes and devices, written to at once.
    """

    format: Format
    output: str
    path: Path | None
    checkpoint: Path | None
    mode: int

    @classmethod
    def of(
        cls,
        format: Format | None,
        output: str,
        checkpoint: str | None,
        mode: str | None = None,
        *,
        only: Format | None = None,
    ) -> "Destination":
        """Take what was asked for; without a format the output's name tells it, and it must be the ``only`` one."""
        if output in _STDOUT_TOO:
            output = STDOUT
        if format is None:
            format = _format(output, only)
        try:
            path = _file(output)
            destination = cls(format, output, path, None if checkpoint is None else placed(checkpoint), _mode(mode))
            destination._check()
        except OSError as error:
            raise UsageError(f"can't write {error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise UsageError(str(error)) from None
        if mode is not None and destination.path is None:
            raise UsageError("a mode needs a file that it is of: pass --output FILE")
        return destination

    def _check(self) -> None:
        path = self.path
        if path is None:
            if self.format == Format.PARQUET:
                raise UsageError("Parquet goes into a file: pass --output FILE")
            if self.checkpoint is not None:
                raise UsageError("a checkpoint needs a file that it is of: pass --output FILE")
            return
        if self.checkpoint is not None and self.format == Format.TABLE:
            raise UsageError("a table is for people and has no checkpoint: pass another --format")
        check_paths(path, self.checkpoint)

    @property
    def partial(self) -> Path | None:
        """Where it is until then."""
        return None if self.path is None else self.path.with_name(f"{self.path.name}.partial")

    def open(self, table: Table[Any] | None) -> Output[Any]:
        """Return the output; nothing is written yet."""
        path = self.path
        if path is None:
            lines = lines_of(self.format, table)
            if self.output == STDOUT:
                if sys.stdout is None:
                    raise UsageError("stdout is closed: pass --output FILE")
                return StreamOutput(sys.stdout.buffer, lines, owned=False)
            return StreamOutput(Path(self.output).open("wb"), lines, owned=True)
        if self.format == Format.PARQUET:
            sys.meta_path.insert(0, _NoPandas())
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own keep 20 MB more of what is freed
        try:
            return output_of(self.format, table, path, Disk(), self.mode)
        except ImportError as error:
            raise UsageError(str(error)) from None

    def identity(self, table: Table[Any] | None) -> dict[str, str]:
        """Return what of a destination its checkpoint must agree with."""
        return {} if self.path is None else identity_of(self.format, table, self.path)


def _format(output: str, only: Format | None) -> Format:
    """Return the format that an output's name tells."""
    ending = Path(output).suffix.lower()
    told = None if ending in _NOT_WRITTEN else _ENDINGS.get(ending, Format.NDJSON)
    if only is not None and told != only:
        raise UsageError(f"the items are written as {only.upper()}: pass a name that does not end in {ending}")
    if told is None:
        raise UsageError(f"{ending} is not written: pass a name that ends otherwise, or --format to mean it")
    return told


def _file(output: str) -> Path | None:
    path = Path(output)
    if output == STDOUT or not (not path.exists() or path.is_file() or path.is_dir()):
        return None
    return resolved(path)


def _mode(text: str | None) -> int:
    if text is None:
        return OWNERS
    if not _octal.fullmatch(text) or int(text, 8) > MOST_MODE:
        raise UsageError(f"--mode takes three octal digits, such as 640, not {text!r}")
    return int(text, 8)
