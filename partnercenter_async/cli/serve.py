"""The emulator by hand."""

import asyncio
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from partnercenter_async.emulator import DataSet, Emulator, FixedWindow, Limit, SlidingWindow, TokenBucket


async def serve(*, customers: int, orders: tuple[int, int], seed: int, port: int, limits: Sequence[Limit]) -> int:
    """Serve until SIGINT or SIGTERM; stdout gets lines for a shell, whose secrets are the emulator's own."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows ends a program its own way
            loop.add_signal_handler(number, stop.set)
    data = DataSet(customers=customers, orders_per_customer=orders, seed=seed)
    async with Emulator(data, port=port, limits=limits, keep_requests=False) as emulator:
        for name, value in emulator.environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        sys.stderr.write(f"serving {customers:,} customers at {emulator.endpoint} until Ctrl-C\n")
        sys.stderr.flush()
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
