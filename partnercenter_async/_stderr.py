"""A stderr for the command that costs it nothing: what it can't take, or does not take in time, is dropped."""

import io
import os
import select
import sys

_DESCRIPTOR = 2
_PIECE = 512  # bytes that a pipe takes at once where it takes any
_PATIENCE = 1000  # milliseconds; only once, for a reader that may have gone


class _Stderr(io.TextIOBase):
    """Writes in pieces, each when there is room for it, and never raises."""

    encoding = "utf-8"

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._patience = _PATIENCE

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(_DESCRIPTOR)

    def fileno(self) -> int:
        return _DESCRIPTOR

    def write(self, text: str, /) -> int:
        left = text.replace("\n", os.linesep).encode(self.encoding, "backslashreplace")
        try:
            while left and self._has_room():
                left = left[os.write(_DESCRIPTOR, left[:_PIECE]) :]
        except OSError:  # closed, a full disk, a reader that has gone
            pass
        return len(text)

    def _has_room(self) -> bool:
        """Wait a moment for room; whoever was waited for in vain is not waited for again until there is some."""
        if sys.platform == "win32":
            return True  # it tells of sockets only
        poll = select.poll()
        poll.register(_DESCRIPTOR, select.POLLOUT)
        room = bool(poll.poll(self._patience))
        self._patience = _PATIENCE if room else 0
        return room


def replace() -> None:
    """Put such a stderr in the place of Python's, but for a console of Windows, which takes all.

    Descriptors that the command was started without lead nowhere from now on: the next file to be opened, such as an
    output, would get their number, and whatever is written to stderr or stdout.
    """
    for descriptor in range(_DESCRIPTOR + 1):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.platform == "win32" and sys.stderr is not None and sys.stderr.isatty():
        return  # it would read bytes in a code page of its own, and Python's stderr does not write bytes to it
    sys.stderr = _Stderr(getattr(sys.stderr, "encoding", None) or "utf-8")
