"""The emulator by hand."""

import asyncio
import json
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from partnercenter_async.emulator import DataSet, Emulator, Fault, FixedWindow, Limit, SlidingWindow, TokenBucket
from partnercenter_async.emulator.authority import requests
from partnercenter_async.emulator.files import Data, read_data, read_faults
from partnercenter_async.emulator.nouns import ROUTES
from partnercenter_async.emulator.serving import serving
from partnercenter_async.errors import escaped

DEMO = "demo"
"""What stands for the faults of a demo, in place of a file's name."""


def data_of(file: str | None, generated: Mapping[str, Any]) -> Data:
    """Return what a data file says is served, or without one generated records. Raises ValueError or OSError."""
    return Data(DataSet(**generated), {}) if file is None else read_data(file, Path(file).read_bytes())


def faults_of(file: str | None, customers: int) -> list[Fault]:
    """Return the faults of a file, those of a demo of so many customers, or none. Raises ValueError or OSError."""
    if file == DEMO:
        from partnercenter_async.cli.demo import script  # noqa: PLC0415 - slow to import

        return script(customers)
    return [] if file is None else read_faults(file, Path(file).read_bytes())


async def show_operations(data: str | None) -> int:
    """Print what is served, a line each: the name of the operation, its request, and whether it is for users only."""
    served = data_of(data, {"customers": 0}).serve.items()
    routes = [*ROUTES, *(route for path, records in served for route in serving(path, records, "id"))]
    lines = [*requests(), *((each.operation, each.request + "  users only" * each.user_only) for each in routes)]
    names = max(len(operation) for operation, _ in lines)
    for operation, request in lines:
        sys.stdout.write(f"{operation:{names}}  {request}\n")
    sys.stdout.flush()
    return 0


def _exported(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}\n"


def _set(name: str, value: str) -> str:
    quoted = re.sub("(['\u2018-\u201b])", r"\1\1", value)  # all that PowerShell takes for a single quote
    return f"$env:{name} = '{quoted}'\n"


_LINES: Mapping[str, Callable[[str, str], str]] = {"shell": _exported, "powershell": _set}


def _environment(variables: Mapping[str, str], form: str) -> str:
    """Return the environment as lines for a shell, or as a JSON object."""
    if form == "json":
        return json.dumps(variables) + "\n"
    return "".join(_LINES[form](name, value) for name, value in variables.items())


def _tell(text: str) -> None:
    sys.stderr.write(f"{escaped(text)}\n")
    sys.stderr.flush()


async def serve(data: Data, *, faults: str | None, form: str, **settings: Any) -> int:
    """Serve until SIGINT or SIGTERM; stdout gets lines for a shell, whose secrets are the emulator's own.

    Where there is a SIGHUP the faults are read again then; those that can't be read leave those in force.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows ends a program its own way
            loop.add_signal_handler(number, stop.set)
    found = faults_of(faults, len(data.records))
    emulator = Emulator(data.records, faults=found, keep_requests=False, **settings)
    for path, records in data.serve.items():
        emulator.serve(path, records)

    def read_again() -> None:
        try:
            found = faults_of(faults, len(data.records))
        except (ValueError, OSError) as error:
            _tell(f"error: {error}; the faults in force stay")
        else:
            emulator.clear_faults()
            emulator.inject(*found)
            _tell(f"faults in force: {len(found)}")

    if faults is not None and hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, read_again)
    async with emulator:
        sys.stdout.write(_environment(emulator.environment(), form))
        sys.stdout.flush()
        trouble = f" with {len(found):,} faults" if found else ""
        _tell(f"serving {len(data.records):,} customers at {emulator.endpoint}{trouble} until Ctrl-C")
        await stop.wait()
    return 0


_LIMIT = re.compile(r"([0-9]+)/([0-9]+(?:\.[0-9]+)?)((?:,[^,]+)*)")


def parse_limit(text: str) -> Limit:
    """Read a limit as the command takes it, such as "500/60" or "100/300,sliding,refused,customer,method=POST".

    Raises ValueError.
    """
    found = _LIMIT.fullmatch(text)
    if found is None:
        message = f"a limit is a number of requests and of seconds, such as 500/60, not {text!r}"
        raise ValueError(message)
    number, per, words = int(found[1]), float(found[2]), found[3].split(",")[1:]
    refused = False
    kind: type[FixedWindow | SlidingWindow] = FixedWindow
    burst: int | None = None
    made: dict[str, Any] = {}
    for word in words:
        match word.partition("="):
            case "fixed", "", _:
                kind = FixedWindow
            case "sliding", "", _:
                kind = SlidingWindow
            case "bucket", "=", size if size.isdecimal():
                burst = int(size)
            case "refused", "", _:
                refused = True
            case "customer", "", _:
                made["by"] = "customer"
            case "date", "", _:
                made["retry_after"] = "date"
            case "silent", "", _:
                made["retry_after"] = None
            case ("operation" | "method" | "path") as name, "=", value:
                made[name] = value
            case _:
                message = (
                    "a limit takes fixed, sliding or bucket=BURST, refused, customer, date or silent, operation=NAME, "
                    f"method=NAME and path=PATTERN, not {word!r}"
                )
                raise ValueError(message)
    limiter = (
        kind(number, per=per, counts_refused=refused)
        if burst is None
        else TokenBucket(number, per=per, burst=burst, counts_refused=refused)
    )
    return Limit(limiter, **made)
