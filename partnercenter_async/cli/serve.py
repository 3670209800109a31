"""The emulator by hand."""

import asyncio
import shlex
import signal
import sys
from contextlib import suppress

from partnercenter_async.emulator import DataSet, Emulator


async def serve(*, customers: int, orders: tuple[int, int], seed: int, port: int) -> int:
    """Serve until SIGINT or SIGTERM; stdout gets lines for a shell, whose secrets are the emulator's own."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows ends a program its own way
            loop.add_signal_handler(number, stop.set)
    data = DataSet(customers=customers, orders_per_customer=orders, seed=seed)
    async with Emulator(data, port=port, keep_requests=False) as emulator:
        for name, value in emulator.environment().items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        sys.stderr.write(f"serving {customers:,} customers at {emulator.endpoint} until Ctrl-C\n")
        sys.stderr.flush()
        await stop.wait()
    return 0
