"""Processes beside a benchmark: a server that answers lines, and the memory of any."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Server:
    """A module of this folder in a process of its own, which prints its environment first and then answers lines."""

    def __init__(self, module: str, *arguments: object) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.environment: dict[str, str] = self._line()

    def ask(self, what: str = "") -> dict[str, Any]:
        """Return the answer to a line, an object of JSON."""
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self._line()

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended"
        return json.loads(line)


def command(*arguments: object) -> list[str]:
    """Return the `partnercenter` command with these arguments, run by this Python."""
    return [sys.executable, "-m", "partnercenter_async", *map(str, arguments)]


def environment(server: Server) -> dict[str, str]:
    """Return the environment of a command that is to find a server and nothing else."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PARTNER_CENTER_"))}
    return {**ours, "NO_PROXY": "localhost,127.0.0.1", **server.environment}


def resident(process_id: int) -> float | None:
    """Return the resident memory of a process in MB; None where the system does not tell, or the process ended."""
    try:
        text = Path(f"/proc/{process_id}/statm").read_text("ascii")
    except OSError:
        return None
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def most_resident(process_id: int) -> float | None:
    """Return the most resident memory of a process so far in MB, which no moment escapes; None as above."""
    try:
        text = Path(f"/proc/{process_id}/status").read_text("ascii")
    except OSError:
        return None
    _, found, after = text.partition("VmHWM:")
    return int(after.split()[0]) * 1024 / 1e6 if found else None
