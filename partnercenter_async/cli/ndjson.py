"""Lines into files."""

from collections.abc import Sequence
from typing import BinaryIO


class LineWriter:
    """Writes lines to files, what is given at once in one piece and out of every buffer at once."""

    def __init__(self, *files: BinaryIO) -> None:
        """Take the files; they stay their owner's to close."""
        self._files = files

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines, each with its end."""
        if not lines:
            return
        block = b"\n".join(lines) + b"\n"
        for file in self._files:
            file.write(block)
            file.flush()
