"""All that an export does to files, step by step: between any two of these steps the machine may stop.

What is written holds billing data: until it has its name its owner alone may read it, whatever the umask, and it is
never written through a link or into anything that is no file.
"""

import errno
import os
import stat
import sys
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

if sys.platform != "win32":
    import fcntl

_BLOCK = 1 << 20
OWNERS, MOST_MODE = 0o600, 0o777
_OWNERS_FOLDER = 0o700
# A file may become a link, or a pipe that nobody reads, between a look at it and its opening.
_AS_IT_IS = 0 if sys.platform == "win32" else os.O_NOFOLLOW | os.O_NONBLOCK


class BusyError(OSError):
    """Another run has the file open to write."""


class Disk:
    """Writes that are on the disk when ``sync`` returns, and renames that are when they do."""

    def open(self, path: Path, length: int | None = 0) -> BinaryIO:
        """Open a file to write behind its first ``length`` bytes; what stood there is cut off, and nobody else may.

        Without a length it must be there, and stays as it is.
        """
        while True:
            file = _opened(path, "r+b" if length is None else "ab")
            try:
                _lock(file, path)
                if _is_named(file, path):
                    _keep_private(file, path)
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

    def share(self, path: Path, target: Path, mode: int) -> None:
        """Let those read a file who may read the one that it will replace; where there is none, ``mode`` says who."""
        if sys.platform != "win32":
            with suppress(FileNotFoundError):
                replaced = target.lstat().st_mode
                mode = stat.S_IMODE(replaced) if stat.S_ISREG(replaced) else mode
            with _opened(path, "rb") as file:
                os.fchmod(file.fileno(), mode)

    def rename(self, source: Path, target: Path) -> None:
        """Put a file in the place of another or of none, at once or not at all."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file; one that is not there is no error."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove a folder, if nothing is in it."""
        with suppress(OSError):
            path.rmdir()

    def make_folder(self, path: Path) -> None:
        """Make a folder that is its owner's alone, if it is not there."""
        with suppress(FileExistsError):
            path.mkdir(_OWNERS_FOLDER)
        check_place(path, folder=True)
        path.chmod(_OWNERS_FOLDER)

    def sync_folder(self, path: Path) -> None:
        """Return once the names in a folder are on the disk."""
        if sys.platform == "win32":
            return  # it has no such call; renames are written through
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path: Path) -> bytes:
    """Return what is in a file."""
    with _opened(path, "rb") as file:
        return file.read()


def checksum(path: Path, length: int) -> int | None:
    """Return the CRC-32 of a file's first bytes, None where it has fewer or is not there."""
    crc = 0
    try:
        with _opened(path, "rb") as file:
            for block in _blocks(file, length):
                crc = zlib.crc32(block, crc)
                length -= len(block)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if length else crc


def check_place(path: Path, *, folder: bool = False) -> None:
    """Raise FileExistsError where what stands in the place of a file, or of a folder, must not be written to."""
    with suppress(FileNotFoundError, NotADirectoryError):
        _check_kind(path, path.lstat(), folder=folder)


@contextmanager
def refused() -> Generator[None, None, None]:
    """Tell of a place that can't be used before a run begins, as of any other argument: by a ValueError."""
    try:
        yield
    except FileExistsError as error:
        raise ValueError(f"can't write {error.filename}: {error.strerror}") from None


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


def _check_kind(path: Path, found: os.stat_result, *, folder: bool = False, names: int = 1) -> None:
    if stat.S_ISLNK(found.st_mode):
        problem = "it is a symlink"
    elif stat.S_ISDIR(found.st_mode) != folder:
        problem = "it is no folder" if folder else "it is a folder"
    elif not folder and not stat.S_ISREG(found.st_mode):
        problem = "it is no file"
    elif not folder and found.st_nlink > names:
        problem = "it is also a file of another name (a hard link)"
    else:
        return
    raise FileExistsError(errno.EEXIST, f"{problem}: remove it, or pass another name", str(path))


def _opened(path: Path, mode: Literal["rb", "r+b", "ab"]) -> BinaryIO:
    """Open a file, which to be written to must have one name; raises FileExistsError for anything else."""
    names = sys.maxsize if mode == "rb" else 1
    with suppress(FileNotFoundError, NotADirectoryError):
        _check_kind(path, path.lstat(), names=names)  # to open some devices is to do something with them
    file = open(path, mode, buffering=0, opener=_open_as_it_is)  # noqa: SIM115 - pathlib's takes no opener
    try:
        _check_kind(path, os.fstat(file.fileno()), names=names)
    except BaseException:
        file.close()
        raise
    return file


def _open_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | _AS_IT_IS, OWNERS)


def _keep_private(file: BinaryIO, path: Path) -> None:
    """Take from all but the owner what an earlier release left them, and give the owner what the umask took."""
    if sys.platform != "win32" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) != OWNERS:
        try:
            os.fchmod(file.fileno(), OWNERS)
        except PermissionError as error:
            problem = "others may read it, and it is not yours to change: remove it, or pass another name"
            raise PermissionError(error.errno, problem, str(path)) from error


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Tell whether a name is still that of an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
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
