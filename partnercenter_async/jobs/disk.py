"""All that an export does to files, step by step: between any two of these steps the machine may stop."""

import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_BLOCK = 1 << 20


class BusyError(OSError):
    """Another run has the file open to write."""


class Disk:
    """Writes that are on the disk when ``sync`` returns, and renames that are when they do."""

    def open(self, path: Path, length: int | None = 0) -> BinaryIO:
        """Open a file to write behind its first ``length`` bytes; what stood there is cut off, and nobody else may.

        Without a length it must be there, and stays as it is.
        """
        while True:
            file = path.open("r+b" if length is None else "ab", buffering=0)
            try:
                _lock(file, path)
                if _is_named(file, path):
                    if length is not None:
                        file.truncate(length)
                    return file
            except BaseException:
                file.close()
                raise
            file.close()  # whoever had it locked until now has renamed or removed it

    def cut(self, file: BinaryIO, length: int) -> None:
        """Keep the first ``length`` bytes of a file, and write behind them."""
        file.truncate(length)
        file.seek(length)

    def write(self, file: BinaryIO, data: bytes) -> None:
        """Write all of ``data``; an error names the file."""
        left = memoryview(data)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise type(error)(error.errno, error.strerror, file.name) from error

    def sync(self, file: BinaryIO) -> None:
        """Return once the file's bytes are on the disk; an error names the file."""
        try:
            os.fsync(file.fileno())
        except OSError as error:
            raise type(error)(error.errno, error.strerror, file.name) from error

    def rename(self, source: Path, target: Path) -> None:
        """Put a file in the place of another, whose readers stay the same, or of none, at once or not at all."""
        with suppress(FileNotFoundError):
            source.chmod(stat.S_IMODE(target.stat().st_mode))
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is no error."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder, if nothing is in it."""
        with suppress(OSError):
            path.rmdir()

    def make_folder(self, path: Path) -> None:
        """Make a folder, if it is not there."""
        path.mkdir(exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Return once the names in a folder are on the disk."""
        if sys.platform == "win32":
            return  # it has no such call; renames are written through
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def checksum(path: Path, length: int) -> int | None:
    """Return the CRC-32 of a file's first bytes, None where it has fewer or is not there."""
    crc = 0
    try:
        with path.open("rb") as file:
            for block in _blocks(file, length):
                crc = zlib.crc32(block, crc)
                length -= len(block)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return None if length else crc


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Tell whether a name is still that of an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _blocks(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length and (block := file.read(min(length, _BLOCK))):
        length -= len(block)
        yield block


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep other runs out until the file is closed, which a killed run's is."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(error.errno, "another run is writing it", str(path)) from error
