"""What is printed steers no terminal and forges no line, and printing it never ends or holds up an export."""

import asyncio
import contextlib
import fcntl
import io
import logging
import os
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from helpers import call
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console
from test_cli import COMMAND, environment, run
from test_export_command import everything, found
from typer.testing import CliRunner

from partnercenter_async import CallInfo, PartnerCenterError, _stderr
from partnercenter_async._session.logs import logger
from partnercenter_async.cli import app
from partnercenter_async.cli.check import Totals
from partnercenter_async.cli.demo import DemoResult
from partnercenter_async.cli.failures import Failures
from partnercenter_async.cli.progress import ProgressDisplay
from partnercenter_async.cli.summary import show
from partnercenter_async.emulator import AlterRecord, DataSet, Emulator, Fault, service_error
from partnercenter_async.errors import escaped, status_error
from partnercenter_async.export import CheckpointError, Report
from partnercenter_async.models.errors import ApiError
from partnercenter_async.testing import answer

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07 \x9b31m \x00\x08\x7f\x85 \r\nerror: forged\n \u202eevil\u202c \u2066x\u2069 "
    "\u200e\u200f\u061c \u2028\u2029 \ud800 [bold red]markup[/] [/] :smile: [link=https://evil.example]x[/link] \\"
)
texts = st.one_of(st.text(), st.text("\x1b\x9b\u202e\u2066\u061c\n\r\t\x85\u2028[]/b:smile\ud800 \xa0\\"))


def printable(lines: str, number: int | None = None) -> bool:
    """Whether there is nothing but so many lines with line ends of our own."""
    assert lines.endswith("\n")
    *found, _ = lines.split("\n")
    return all(line.isprintable() for line in found) and number in {None, len(found)}


@pytest.mark.fault("F49")
@given(texts)
@example(HOSTILE)
def test_any_text_is_escaped_to_what_can_be_seen(text):
    shown = escaped(text)
    assert shown.isprintable()
    assert escaped(shown) == shown
    assert shown == text or not text.isprintable()


@pytest.mark.fault("F49")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 日本, 😀 \\x1b", "plain, ünïcode, 日本, 😀 \\x1b"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b\x00\x7f\r\n\t", r"\x9b\x00\x7f\r\n\t"),
        ("\u202e\u2066\u200e\u200f\u061c\u2028\u2029", r"\u202e\u2066\u200e\u200f\u061c\u2028\u2029"),
        ("\ud800\udcff", r"\ud800\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("a\xa0b\u3000c", "a b c"),
    ],
)
def test_what_is_escaped_can_be_told(text, shown):
    assert escaped(text) == shown


@pytest.mark.fault("F49")
@given(texts, texts)
@example(HOSTILE, HOSTILE)
def test_no_error_shows_anything_that_steers_a_terminal(text, other):
    body = ApiError(code=text, description=other)
    errors: list[Exception] = [
        PartnerCenterError(text),
        status_error(403, other, b"", body, user_only=False),
        status_error(500, "", text.encode(errors="surrogatepass"), None, user_only=False),
        CheckpointError(text),
    ]
    for error in errors:
        if isinstance(error, PartnerCenterError):
            error.remedy, error.call = other, CallInfo("GET", f"https://a/{text}", other)
        assert str(error).isprintable()
        assert printable("".join(traceback.format_exception_only(error)))


@pytest.mark.fault("F49")
@given(texts, texts)
@example(HOSTILE, HOSTILE)
def test_no_line_of_the_log_shows_anything_that_steers_a_terminal(text, other):
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Handler()
    logger.addHandler(handler)
    try:
        logger.warning("%s %s: %d in %.3f s", text, PartnerCenterError(other), 7, 0.5)
    finally:
        logger.removeHandler(handler)
    (line,) = seen
    assert line.isprintable()
    assert line.endswith(": 7 in 0.500 s")


@pytest.mark.fault("F49")
def test_what_the_client_logs_is_escaped(caplog):
    caplog.set_level(logging.DEBUG)
    _, fake = call([answer({"items": []})], lambda client: client.orders.list("\u202ecustomer").collect())
    assert len(fake.requests) == 1
    assert caplog.records
    assert all(record.getMessage().isprintable() for record in caplog.records)


def console() -> tuple[Console, Callable[[], str]]:
    file = io.StringIO()
    return Console(file=file, width=4000, force_terminal=False), file.getvalue


@pytest.mark.fault("F49")
@given(texts)
@example(HOSTILE)
def test_no_note_is_more_than_a_line_or_marked_up(text):
    to, value = console()
    display = ProgressDisplay(to, "orders")
    display.note(f"error: {text}")
    display.note(display.summary(Report(done=1, resumed=0, items=1, failed={}), text))
    assert printable(value(), 2)
    assert value().startswith(f"error: {escaped(text)}".rstrip())


@pytest.mark.fault("F49")
@given(texts, texts)
@example(HOSTILE, HOSTILE)
def test_failures_are_told_of_in_lines_of_our_own(name, text):
    to, value = console()
    failures = Failures(ProgressDisplay(to, "orders").note, "customer")
    for number in range(6):
        failures.add(f"{name}{number}", f"customer {name}", text if number % 2 else ValueError(text))
    failures.sum_up()
    assert printable(value())


@pytest.mark.fault("F49")
@given(texts)
@example(HOSTILE)
def test_the_demos_summary_shows_nothing_that_steers_a_terminal(text):
    to, value = console()
    totals = Totals(revenue={text: 1})  # type: ignore[dict-item]
    result = DemoResult(seed=1, concurrency=1, faults=False, output=Path(text.replace("\0", "")), totals=totals)
    show(result, to, written=True)
    result.problems.append(text)
    show(result, to, written=True)
    assert printable(value())
    assert escaped(text).strip() in value()


@pytest.mark.fault("F49")
@given(texts)
@example(HOSTILE)
@example("--\x1b[31m")
def test_no_wrong_call_shows_anything_that_steers_a_terminal(text):
    calls = (
        [text],
        ["orders", text],
        ["orders", f"--{text}"],
        ["orders", "--all-customers", "--format", text],
        ["orders", "--all-customers", "--mode", text],
        ["orders", "--all-customers", "--output", f"/nowhere/{text}/o"],
        ["orders", "--all-customers", "--concurrency", text],
        ["emulator", "--orders", text],
    )
    for arguments in calls:
        if text.startswith("-h") or "--help".startswith(text) or not text.strip("0123456789-"):
            continue
        ended = CliRunner().invoke(app, arguments)
        assert ended.exit_code in {1, 2}, (arguments, ended.output)
        assert printable(ended.output), arguments


@pytest.mark.fault("F49")
async def test_a_name_or_description_of_the_services_steers_no_terminal_and_is_whole_in_ndjson(tmp_path):
    hostile = HOSTILE.replace("\ud800", "")
    data = DataSet(oddities=True, customers=3, orders_per_customer=2, seed=1)
    async with Emulator(data) as emulator:
        emulator.inject(
            Fault(AlterRecord(0, ("companyProfile", "companyName"), hostile), operation="customers.list", times=None)
        )
        refused = data.customer_id(1)
        error = service_error(403, 3000, hostile)
        emulator.inject(Fault(error, operation="orders.list", customer_id=refused, times=None))
        table, lines, orders = await asyncio.gather(
            run(emulator, "customers", "--format", "table"),
            run(emulator, "customers"),
            run(emulator, "orders", "--all-customers", "--output", str(tmp_path / "o\x1b[31m")),
        )
    assert all(line.decode().isprintable() for line in table.lines)
    assert rb"\x1b[2J" in table.lines[2]
    assert msgspec.json.decode(lines.lines[0])["companyProfile"]["companyName"] == hostile
    assert orders.code == 3
    assert printable(orders.errors, 2)
    assert r"\x1b[2J\x1b]0;title\x07" in orders.errors
    assert r"o\x1b[31m: 4 orders" in orders.errors


# An stderr that takes nothing


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    data = DataSet(oddities=True, customers=40, orders_per_customer=(0, 12), seed=5)
    async with Emulator(data, page_size=3, customers_page_size=15) as running:
        for number in range(9):
            error = service_error(403, 3000 + number, "No. " * 40)
            name = data.customer_id(number)
            running.inject(Fault(error, operation="orders.list", customer_id=name, times=None))
        yield running


def full_pipe() -> tuple[int, int]:
    """A pipe that is full, and that nobody reads."""
    ours, theirs = os.pipe()
    flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
    fcntl.fcntl(theirs, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, b"x" * 4096)
    fcntl.fcntl(theirs, fcntl.F_SETFL, flags)
    return ours, theirs


async def ended(emulator: Emulator, *command: str, shell: str, error: int) -> int:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'exec "$@" {shell}', "sh", *COMMAND, *command),
        env=environment(emulator.environment()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=error,
    )
    try:
        return await asyncio.wait_for(process.wait(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.fault("F50")
@pytest.mark.skipif(sys.platform == "win32", reason="the shell is POSIX's")
@pytest.mark.parametrize("format", ["ndjson", "parquet"])
@pytest.mark.parametrize("kind", ["closed", "all closed", "full disk", "reader gone", "full pipe", "file"])
async def test_whatever_stderr_is_the_export_ends_as_it_would_have(emulator, tmp_path, kind, format):
    path = tmp_path / "orders"
    command = ("orders", "--all-customers", "--format", format, "--output", str(path))
    with contextlib.ExitStack() as files:
        error, shell = asyncio.subprocess.DEVNULL, ""
        if kind == "closed":
            shell = "2>&-"
        elif kind == "all closed":
            shell = "<&- >&- 2>&-"
        elif kind == "full disk":
            shell = "2>/dev/full"
        elif kind in {"reader gone", "full pipe"}:
            ours, error = full_pipe() if kind == "full pipe" else os.pipe()
            files.callback(os.close, error)
            if kind == "full pipe":
                files.callback(os.close, ours)
            else:
                os.close(ours)
        else:
            error = files.enter_context((tmp_path.parent / f"{tmp_path.name}.txt").open("wb")).fileno()
        code = await ended(emulator, *command, "--checkpoint", str(tmp_path / "c"), shell=shell, error=error)
    assert code == 3
    refused = {emulator.data.customer_id(number) for number in range(9)}
    assert found(path, format) == [each for each in everything(emulator.data) if each[0] not in refused]
    assert [each.name for each in tmp_path.iterdir()] == ["orders"]
    if kind == "file":
        assert "customers that failed, see above: 9" in (tmp_path.parent / f"{tmp_path.name}.txt").read_text()


@pytest.mark.fault("F50")
@pytest.mark.skipif(sys.platform == "win32", reason="the shell is POSIX's")
@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full", ""])
async def test_errors_keep_their_exit_codes_where_nobody_can_be_told(emulator, tmp_path, shell):
    ours, error = full_pipe()
    try:
        emulator.inject(Fault(service_error(401, 3000, "No."), operation="orders.list", times=None))
        calls = {
            ("orders", "--all-customers", "--output", str(tmp_path / "o")): 1,
            ("orders", "--customer", ".."): 2,
            ("orders",): 2,
            ("orders", "--all-customers", "--output", "/nowhere/at/all"): 2,
        }
        codes = await asyncio.gather(*(ended(emulator, *each, shell=shell, error=error) for each in calls))
        assert codes == [*calls.values()]
    finally:
        os.close(ours)
        os.close(error)


@pytest.mark.fault("F50")
@pytest.mark.skipif(sys.platform == "win32", reason="the shell is POSIX's")
async def test_a_reader_that_comes_back_is_told_again(emulator, tmp_path):
    ours, error = full_pipe()
    os.set_blocking(ours, False)

    def read() -> bytes:
        text = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(ours, 65536):
                text += more
        return text

    assert set(read()) == set(b"x")
    code = await ended(emulator, "orders", "--all-customers", "--output", str(tmp_path / "o"), shell="", error=error)
    assert code == 3
    assert b"customers that failed, see above: 9" in read()
    os.close(ours)
    os.close(error)


@pytest.mark.fault("F50")
@pytest.mark.skipif(sys.platform == "win32", reason="the shell is POSIX's")
async def test_no_output_gets_stderrs_number(tmp_path):
    program = (
        "import os, sys\n"
        "from partnercenter_async import _stderr\n"
        "_stderr.replace()\n"
        "file = open(sys.argv[1], 'wb')\n"
        "os.write(2, b'a library complains')\n"
        "sys.stderr.write('a note\\n'); sys.stderr.flush()\n"
        "file.write(b'%d' % (file.fileno() > 2))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program, str(tmp_path / "o"))
    )
    assert await process.wait() == 0
    assert (tmp_path / "o").read_bytes() == b"1"


@pytest.mark.fault("F50")
def test_a_windows_console_stays_pythons_own(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "platform", "win32")
    for theirs in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", theirs)
        _stderr.replace()
        assert (sys.stderr is theirs) == theirs.isatty()


def test_a_line_with_named_values_is_formatted_as_ever(caplog):
    with caplog.at_level(logging.INFO, "partnercenter_async"):
        logging.getLogger("partnercenter_async").info("%(number)d of %(name)s", {"number": 3, "name": "x"})
    assert caplog.messages == ["3 of x"]
