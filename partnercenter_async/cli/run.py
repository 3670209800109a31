"""How a command runs: who signs in, where lines go, and what exit code becomes of an error."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeAlias

import typer
from rich.console import Console

from partnercenter_async.cli.meter import Meter
from partnercenter_async.cli.ndjson import LineWriter
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.credentials import RefreshTokenCredential
from partnercenter_async.errors import PartnerCenterError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

FAILED = 1
USAGE = 2
PARTIAL = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

_REQUIRED = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")

Job: TypeAlias = Callable[[PartnerCenterClient, LineWriter, Meter], Awaitable[int]]
"""Reads with a client, writes lines, returns the exit code."""


class UsageError(Exception):
    """The command can't begin as it was called; the message says what is missing."""


def stderr() -> Console:
    """Return the console of notes and errors."""
    return Console(stderr=True)


def execute(job: Job, *, label: str, output: str, concurrency: int) -> NoReturn:
    """Run a job with the environment's credentials and leave with its exit code."""

    async def connected() -> int:
        meter = Meter(stderr(), label)
        async with _credential(meter) as credential:
            client = PartnerCenterClient(credential, concurrency=concurrency, on_retry=meter.retried)
            async with client:
                # Only now, so that a call that could not begin leaves what the file held.
                with _lines(output) as lines, meter:
                    return await job(client, lines, meter)

    leave(connected)


def leave(main: Callable[[], Awaitable[int]]) -> NoReturn:
    """Run a coroutine and leave with its exit code, or with an error's."""

    async def run() -> int:
        return await main()

    try:
        code = asyncio.run(run())
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read has had enough. What is buffered must go somewhere, or the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except (UsageError, ValueError) as error:
        code = _failed(error, USAGE)
    except (PartnerCenterError, OSError) as error:
        code = _failed(error, FAILED)
    raise typer.Exit(code)


def _failed(error: Exception, code: int) -> int:
    Meter(stderr(), "").note(f"error: {error}")
    return code


@contextmanager
def _lines(output: str) -> Generator[LineWriter, None, None]:
    """Open where lines go: a file, or `-` for stdout."""
    if output == "-":
        yield LineWriter(sys.stdout.buffer)
        return
    with open_output(Path(output)) as file:
        yield LineWriter(file)


def open_output(path: Path) -> BinaryIO:
    """Open a file to write; raises UsageError where that can't be."""
    try:
        return path.open("wb")
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from error


@asynccontextmanager
async def _credential(meter: Meter) -> AsyncGenerator["AsyncTokenCredential", None]:
    """Sign in as the environment says: App+User with a refresh token, app-only without."""
    missing = [name for name in _REQUIRED if not os.environ.get(name)]
    if missing:
        raise UsageError(f"set {', '.join(missing)} in the environment (PARTNER_CENTER_REFRESH_TOKEN for App+User)")
    tenant_id, client_id, client_secret = (os.environ[name] for name in _REQUIRED)
    refresh_token = os.environ.get("PARTNER_CENTER_REFRESH_TOKEN")
    if refresh_token:
        told = False

        async def tell(_: str) -> None:
            nonlocal told
            if not told:
                told = True
                meter.note(
                    "note: a new refresh token was issued and used for this run; it can't be written back to "
                    "PARTNER_CENTER_REFRESH_TOKEN, whose own stays good until it expires"
                )

        async with RefreshTokenCredential(
            tenant_id, client_id, refresh_token, client_secret=client_secret, on_rotation=tell
        ) as user:
            yield user
        return
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - slow to import

    # Its warnings say again what the error says, and without a handler Python prints them.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    async with ClientSecretCredential(tenant_id, client_id, client_secret) as app:
        yield app
