"""How a command runs: who signs in, where lines go, and what exit code becomes of an error."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import typer
from rich.console import Console

from partnercenter_async.cli.destination import Destination, UsageError
from partnercenter_async.cli.failures import Failures
from partnercenter_async.cli.listing import Reading
from partnercenter_async.cli.progress import ProgressDisplay
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import Cloud, ServiceName
from partnercenter_async.credentials import RefreshTokenCredential
from partnercenter_async.errors import PartnerCenterError, escaped
from partnercenter_async.export.checkpoint import CheckpointError
from partnercenter_async.export.outputs import Format
from partnercenter_async.export.pages import Chunk
from partnercenter_async.export.run import STOP_AFTER, Job, Report, is_callers_own, run_job

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

FAILED = 1
USAGE = 2
PARTIAL = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

_REMEDIES: Mapping[int | str | None, str] = {
    900308: "give the app of AZURE_CLIENT_ID, or the user of PARTNER_CENTER_REFRESH_TOKEN, the roles that this needs",
    900309: "have the administrator of AZURE_TENANT_ID allow this app in the Conditional Access policy that blocks it",
    900329: "set PARTNER_CENTER_REFRESH_TOKEN to the refresh token of a user (App+User): no app alone may read this",
}
_REQUIRED = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")


def stderr() -> Console:
    """Return the console of notes and errors."""
    return Console(stderr=True)


def execute(
    reading: Reading,
    *,
    command: str,
    options: Mapping[str, object],
    destination: Destination,
    concurrency: int,
    keep_going: bool = False,
) -> NoReturn:
    """Read what a command asks for to its destination, with the environment's credentials, and leave with an exit code.

    ``options`` are the command's own, on which what is written depends; ``keep_going`` reads on though all are refused.
    """
    shared = destination.path is None and sys.__stdout__ is not None and sys.__stdout__.isatty()
    display = ProgressDisplay(stderr(), reading.items or command, alone=not shared)
    in_vain = False

    async def connected() -> int:
        nonlocal in_vain
        try:
            return await exported()
        except PartnerCenterError as error:
            in_vain = not (display.items or display.customers)  # such as an id that the service does not know
            if is_callers_own(error):
                in_vain = in_vain and destination.checkpoint is None
            _put_in_own_words(error)
            raise

    async def exported() -> int:
        async with _credential(display) as credential:
            client = PartnerCenterClient(credential, concurrency=concurrency, on_retry=display.retried)
            async with client:
                with display:
                    identity = _identity(reading, command, options, destination)
                    report = await _export(
                        client, reading, identity, destination, concurrency, display, keep_going=keep_going
                    )
                if destination.path is not None and not reading.single:
                    display.note(display.summary(report, destination.output))
        return PARTIAL if report.failed else 0

    leave(connected, lambda: _hint(destination) if display.began and not in_vain else None)


def ask(method: str, path: str, *, service: ServiceName, body: str | None, headers: Mapping[str, str]) -> NoReturn:
    """Make one call, write its answer to stdout, and leave with an exit code."""

    async def call() -> int:
        payload = None if body is None else msgspec.Raw(_json(body.encode(), "--body is no JSON"))
        meter = ProgressDisplay(stderr(), "request")
        async with _credential(meter) as credential, PartnerCenterClient(credential, on_retry=meter.retried) as client:
            answer = (await client.request(method, path, body=payload, service=service, headers=headers)).raw
        if not answer:
            return 0
        shared = sys.stdout.isatty()
        try:
            answer = _json(answer.removeprefix(b"\xef\xbb\xbf"), "the answer is no JSON; send it to a file")
        except UsageError:
            if shared:
                raise
        else:
            answer = (escaped(answer.decode()) if shared else answer.decode()).encode() + b"\n"
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
        return 0

    leave(call)


def _json(text: bytes, otherwise: str) -> bytes:
    """Return JSON on one line, its numbers as they are; raises UsageError."""
    try:
        return msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise UsageError(otherwise) from None


def _identity(
    reading: Reading, command: str, options: Mapping[str, object], destination: Destination
) -> dict[str, str]:
    return {
        "command": command,
        "endpoint": Cloud.from_environment().service(reading.service).endpoint,
        "tenant": os.environ["AZURE_TENANT_ID"],
        **{name: str(value) for name, value in options.items() if value not in {None, False}},
        **destination.identity(reading.table),
    }


async def _export(
    client: PartnerCenterClient,
    reading: Reading,
    identity: Mapping[str, str],
    destination: Destination,
    concurrency: int,
    display: ProgressDisplay,
    *,
    keep_going: bool,
) -> Report:
    failures = Failures(display.note, reading.one)
    told: set[str] = set()

    def failed(name: str, error: Exception | str) -> None:
        told.add(name)
        if not reading.single:
            _put_in_own_words(error)
            failures.add(name, reading.describe(name), error)

    def read(name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        return reading.read(client, name, continuation, destination.format == Format.NDJSON)

    output = destination.open(reading.table)
    try:
        report = await run_job(
            Job(
                inputs=await reading.inputs(client),
                read=read,
                output=output,
                checkpoint=destination.checkpoint,
                identity=identity,
                concurrency=concurrency,
                stop_after=None if keep_going else STOP_AFTER,
                on_failure=failed,
                on_progress=lambda progress: display.show(progress, None if reading.single else f"{reading.one}s"),
            )
        )
        for name, error in report.failed.items():
            if name not in told:  # in a run that was stopped when nothing but the renaming was left
                failed(name, error)
    except PartnerCenterError as error:
        if is_callers_own(error) and display.began and not (told or reading.single):
            display.note(
                f"note: every {reading.one} with anything to read was refused in this run for the reason below, "
                "so it stopped; --keep-going reads on all the same"
            )
        raise
    finally:
        failures.sum_up()
    return report


def _put_in_own_words(error: Exception | str) -> None:
    """Let an error name what whoever runs the command can do, rather than who writes a program."""
    if isinstance(error, PartnerCenterError) and is_callers_own(error):
        error.remedy = _REMEDIES[error.code]


def _hint(destination: Destination) -> str | None:
    """Return what can be done with what a run that broke off has written."""
    if destination.checkpoint is not None and destination.checkpoint.exists():
        return f"note: run the same command again to go on from {destination.checkpoint}"
    if destination.partial is not None and destination.partial.exists():
        return f"note: what was read until then is in {destination.partial}"
    return None


def leave(main: Callable[[], Awaitable[int]], hint: Callable[[], str | None] = lambda: None) -> NoReturn:
    """Run a coroutine and leave with its exit code, or with an error's; ``hint`` says what can be done then."""

    async def run_main() -> int:
        return await main()

    try:
        code = asyncio.run(run_main())
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read has had enough. What is buffered must go somewhere, or the interpreter complains at its end.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except PartnerCenterError as error:
        code = _failed(str(error), FAILED)
    except (UsageError, CheckpointError, ValueError) as error:
        raise typer.Exit(_failed(str(error), USAGE)) from None
    except OSError as error:
        code = _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)
    text = hint() if code in {FAILED, INTERRUPTED} else None
    if text is not None:
        ProgressDisplay(stderr(), "").note(text)
    raise typer.Exit(code)


def _failed(message: str, code: int) -> int:
    ProgressDisplay(stderr(), "").note(f"error: {message}")
    return code


@asynccontextmanager
async def _credential(display: ProgressDisplay) -> AsyncGenerator["AsyncTokenCredential", None]:
    """Sign in as the environment says: App+User with a refresh token, app-only without."""
    missing = [name for name in _REQUIRED if not os.environ.get(name)]
    if missing:
        raise UsageError(f"set {', '.join(missing)} in the environment (PARTNER_CENTER_REFRESH_TOKEN for App+User)")
    refresh_token = os.environ.get("PARTNER_CENTER_REFRESH_TOKEN")
    if refresh_token:
        told = False

        async def tell(_: str) -> None:
            nonlocal told
            if not told:
                told = True
                display.note(
                    "note: a new refresh token was issued and used for this run; it can't be written back to "
                    "PARTNER_CENTER_REFRESH_TOKEN, whose own stays good until it expires"
                )

        tenant_id, client_id, client_secret = (os.environ[name] for name in _REQUIRED)
        async with RefreshTokenCredential(
            tenant_id, client_id, refresh_token, client_secret=client_secret, on_rotation=tell
        ) as user:
            yield user
        return
    from azure.identity.aio import EnvironmentCredential  # noqa: PLC0415 - slow to import

    # Its warnings say again what the error says, and without a handler Python prints them.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    async with EnvironmentCredential() as app:
        yield app
