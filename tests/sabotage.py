"""Break each promise on purpose and see that its tests notice: ``python tests/sabotage.py [ROW ...]``.

Each patch is applied to a copy of the project, and the tests of its row must fail there. Two run at a time.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SESSION = "partnercenter_async/_session/session.py"
RETRY = "partnercenter_async/_session/retry.py"
AUTH = "partnercenter_async/_session/auth.py"
WRITES = "partnercenter_async/_session/writes.py"
THROTTLE = "partnercenter_async/_session/throttle.py"
PACE = "partnercenter_async/_session/pace.py"
LIMITS = "partnercenter_async/_session/limits.py"
LINKS = "partnercenter_async/_session/links.py"
TRANSPORT = "partnercenter_async/_session/transport.py"
DECODING = "partnercenter_async/_session/decoding.py"
PAGING = "partnercenter_async/paging.py"
CREDENTIALS = "partnercenter_async/credentials.py"
ERRORS = "partnercenter_async/errors.py"
SCALARS = "partnercenter_async/models/scalars.py"
FAN_OUT = "partnercenter_async/fan_out.py"
CHECKPOINT = "partnercenter_async/export/checkpoint.py"
COMMAND = "partnercenter_async/cli/run.py"
EXPORT = "partnercenter_async/export/run.py"
OUTPUTS = "partnercenter_async/export/outputs.py"
BASE = "partnercenter_async/resources/_base.py"
CLOUDS = "partnercenter_async/clouds.py"
DISK = "partnercenter_async/export/disk.py"
LOGS = "partnercenter_async/_session/logs.py"
PROGRESS = "partnercenter_async/cli/progress.py"
STDERR = "partnercenter_async/_stderr.py"


# For the patch that takes half a body for a whole one.
HALF = """

async def _half(content: aiohttp.StreamReader) -> bytes:
    try:
        return await content.readany()
    except aiohttp.ClientError:
        return b""
"""


class Patch(NamedTuple):
    """A change of one place of the source that breaks a promise."""

    row: str
    breaks: str
    path: str
    old: str
    new: str


PATCHES = [
    Patch(
        "F1", "no-backoff", RETRY, "@backoff.on_exception(", "@(lambda *_args, **_kwargs: lambda function: function)("
    ),
    Patch(
        "F1",
        "new-id-each-try",
        SESSION,
        '(*request.headers, ("Authorization"',
        '(*_merged(request.headers, (("MS-RequestId", _new_id()),)), ("Authorization"',
    ),
    Patch("F1", "no-jitter", RETRY, "random.uniform(0, policy.bound(call.tries))", "policy.bound(call.tries)"),
    Patch("F2", "one-try-more", RETRY, "call.tries >= policy.tries", "call.tries > policy.tries"),
    Patch(
        "F3",
        "retry-posts",
        WRITES,
        '_REPEATABLE = _READS | {"PUT", "DELETE"}',
        '_REPEATABLE = _READS | {"PUT", "DELETE", "POST", "PATCH"}',
    ),
    Patch(
        "F3",
        "known-outcome",
        WRITES,
        "        return OutcomeUnknownError.of(error, undecided=undecided)\n",
        "        return error\n",
    ),
    Patch(
        "F4",
        "earlier",
        THROTTLE,
        "asked = min(retry_after or 0.0, _LONGEST)",
        "asked = 0.9 * min(retry_after or 0.0, _LONGEST)",
    ),
    Patch("F4", "repeat-a-single-try", RETRY, "if not throttled or policy.tries == 1:", "if not throttled:"),
    Patch(
        "F5",
        "sleep-for-ever",
        RETRY,
        "error.retry_after is not None and error.retry_after > longest:",
        "error.retry_after is not None and error.retry_after > 1e12:",
    ),
    Patch("F5", "past-deadline", RETRY, "return now + wait >= call.deadline_at", "return now >= call.deadline_at"),
    Patch("F5", "jobs-give-up", RETRY, "inf if call.job is not None else policy", "policy"),
    Patch("F5", "same-wait-each-time", THROTTLE, "bound(own.in_row))", "bound(1))"),
    Patch("F5", "429s-for-ever", RETRY, "_THROTTLED = 300.0", "_THROTTLED = 3000.0"),
    Patch(
        "F6",
        "no-lanes",
        SESSION,
        "self.throttled_for = self.gate.throttled(turn, retry_after(raw.headers), self.policy.bound)",
        "self.gate.answered(turn)",
    ),
    Patch(
        "F6",
        "all-at-once",
        THROTTLE,
        "            lane.closed, lane.on_trial = False, True\n            self._appoint(lane)\n",
        "            lane.closed, lane.on_trial = False, False\n"
        "            for waiter in lane.line.take():\n"
        "                self._add(waiter)\n",
    ),
    Patch("F6", "never-the-partner", THROTTLE, "return len(self._row) >= self.pace.customers", "return False"),
    Patch("F6", "one-lane-for-all", PACE, "        return ORDERS, customer\n", "        return ORDERS, None\n"),
    Patch(
        "F6",
        "wait-in-vain",
        THROTTLE,
        "        if lane.opens_too_late(waiter.patience, now):\n            waiter.future",
        "        if False:\n            waiter.future",
    ),
    Patch("F6", "keep-lanes", THROTTLE, "del self.customers[lane.customer]", "pass"),
    Patch(
        "F6",
        "last-come-first",
        SESSION,
        "self.ticket = next(shared.throttle.tickets)",
        "self.ticket = -next(shared.throttle.tickets)",
    ),
    Patch(
        "F6",
        "job-like-a-click",
        SESSION,
        "Place(job is not None or self.session.settings.background, ",
        "Place(False, ",
    ),
    Patch("F6", "learn-nothing", THROTTLE, "self._learns = pacing is not None", "self._learns = False"),
    Patch("F6", "everybody-after-the-probe", THROTTLE, "if due > now + _EARLY:", "if False:"),
    Patch("F6", "a-pace-for-each-view", SESSION, 'gate(settings.tenant or "",', "gate(str(id(session)),"),
    Patch("F6", "one-pace-for-all-partners", SESSION, 'gate(settings.tenant or "",', 'gate("",'),
    Patch("F6", "hold-breath", THROTTLE, "_BREATH = 1.0", "_BREATH = 1e9"),
    Patch(
        "F6",
        "stop-with-the-pace",
        THROTTLE,
        "        except Exception as error:  # noqa: BLE001 - it",
        "        except KeyError as error:  # it",
    ),
    Patch("F7", "no-bucket", RETRY, "if self.left < 1:", "if False:"),
    Patch(
        "F7",
        "429s-use-up-retries",
        RETRY,
        "    if not throttled:\n        call.borrowed",
        "    if True:\n        call.borrowed",
    ),
    Patch("F8", "nothing-comes-back", RETRY, "left if left < self.SIZE else float(self.SIZE)", "self.left"),
    Patch("F9", "no-single-flight", AUTH, "if self._flight is None or self._flight.done():", "if True:"),
    Patch("F9", "drop-the-new-token", AUTH, "if authorization is self._authorization:", "if True:"),
    Patch("F9", "no-recovery", SESSION, "if raw.status == 401 and", "if raw.status == 499 and"),
    Patch("F10", "renew-without-mfa", ERRORS, "return _MFA_CODE.search(body) is not None or", "return False and"),
    Patch("F11", "a-token-each", AUTH, "if self._flight is None or self._flight.done():", "if True:"),
    Patch("F12", "leader-cancels", AUTH, "await asyncio.shield(self._renew())", "await self._renew()"),
    Patch(
        "F13",
        "store-late",
        CREDENTIALS,
        "                del found\n                await self._store_rotated()\n",
        "                del found\n",
    ),
    Patch(
        "F13",
        "forget-on-failure",
        CREDENTIALS,
        "                kind = type(error).__name__\n",
        "                kind, self._rotated = type(error).__name__, None\n",
    ),
    Patch(
        "F13", "cancel-with-caller", CREDENTIALS, "return await asyncio.shield(redemption)", "return await redemption"
    ),
    Patch("F14", "retry-dead-tokens", CREDENTIALS, "transient=raw.status in RETRIED_STATUSES", "transient=True"),
    Patch("F15", "no-hint", ERRORS, "elif kind is PermissionDeniedError and user_only:", "elif False:"),
    Patch("F16", "any-origin", LINKS, "if absolute is None or not self._is_own(absolute[1]):", "if absolute is None:"),
    Patch("F16", "network-path", LINKS, '    if path.startswith("//") and', '    if path.startswith("////") and'),
    Patch("F16", "any-token", SESSION, "if not request.url.startswith(self.urls.bases):", "if False:"),
    Patch("F16", "one-scope", SESSION, "cloud.service(service).scope)", "cloud.api.scope)"),
    Patch("F16", "the-apis-origin", LINKS, "cloud.service(service).endpoint", "cloud.api.endpoint"),
    Patch(
        "F17",
        "version-twice",
        LINKS,
        "while [segment.lower() for segment in segments[: len(parts)]] == parts:",
        "while False:",
    ),
    Patch("F17", "climbing", LINKS, "if any(climbs(segment) for segment in segments):", "if False:"),
    Patch("F17", "overlong", LINKS, "(data, _OVERLONG.sub(_shortened, data))", "(data,)"),
    Patch("F17", "semicolon", LINKS, 'step.partition(";")[0] in', "step in"),
    Patch("F18", "endless", PAGING, "if self._seen and _mark(url, cursor.headers) in self._seen:", "if False:"),
    Patch("F18", "the-same-page", PAGING, "if mark == self._last and following is not None:", "if False:"),
    Patch(
        "F19",
        "empty-page-ends",
        PAGING,
        "self.position = following",
        "self.position = following if page.data.items else None",
    ),
    Patch(
        "F19",
        "short-page-ends",
        PAGING,
        "        return _counted_on(cursor, count_places(response.raw, self.envelope))",
        "        return _counted_on(cursor, self.size * (len(response.data.items) == self.size))",
    ),
    Patch("F20", "no-continuation", PAGING, "error.continuation = self.listing.continuation(cursor)", "pass"),
    Patch(
        "F20",
        "resume-one-too-early",
        PAGING,
        "        page = await self._walk.step()\n"
        "        continuation = self._walk.listing.continuation(self._walk.position)\n",
        "        continuation = self._walk.listing.continuation(self._walk.position)\n"
        "        page = await self._walk.step()\n",
    ),
    Patch("F21", "follow", TRANSPORT, "allow_redirects=False", "allow_redirects=True"),
    Patch("F21", "silent", SESSION, "if status < 400:", "if status < 300:"),
    Patch("F22", "hidden-resend", TRANSPORT, "        if self._sent:\n", "        if False:\n"),
    Patch(
        "F22",
        "no-retry",
        SESSION,
        "retry = isinstance(error, ConnectionLostError | AttemptTimeoutError | ConnectError | CredentialError)",
        "retry = False",
    ),
    Patch("F23", "hidden-resend", TRANSPORT, "        if self._sent:\n", "        if False:\n"),
    Patch(
        "F23",
        "uncounted-loss",
        SESSION,
        "if isinstance(error, ConnectError):",
        "if isinstance(error, ConnectError | ConnectionLostError):",
    ),
    Patch(
        "F24",
        "half-a-body",
        TRANSPORT,
        "    while chunk := await content.readany():",
        "    while chunk := await _half(content):",
    ),
    Patch("F24", "too-soon", TRANSPORT, "if gone and self._gone:", "if gone:"),
    Patch("F24", "no-watch", TRANSPORT, "if not self._content.is_eof():", "if False:"),
    Patch(
        "F25",
        "far-cap",
        TRANSPORT,
        "max(received, body.tell() + len(part)) > self._max_body:",
        "received > self._max_body:",
    ),
    Patch(
        "F25",
        "bodies-in-errors",
        TRANSPORT,
        "                    del body, chunk, part, unpacking  #",
        "                    #",
    ),
    Patch("F25", "unpacked-size-only", TRANSPORT, "max(received, body.tell() + len(part))", "body.tell() + len(part)"),
    Patch(
        "F26",
        "one-by-one",
        LIMITS,
        "due = max(self._next, asyncio.get_running_loop().time())",
        "due = self._next",
    ),
    Patch("F26", "no-deadline", SESSION, "shared.limits.add(call.deadline_at)", "shared.limits.add(None)"),
    Patch("F27", "keep-the-mark", DECODING, "_decode(body.removeprefix(_BOM), into)", "_decode(body, into)"),
    Patch("F27", "any-depth", SCALARS, "if not levels:", "if False:"),
    Patch(
        "F27",
        "untyped",
        DECODING,
        "except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:",
        "except UnicodeDecodeError as error:",
    ),
    Patch(
        "F28",
        "closed-enums",
        SCALARS,
        "        member = str.__new__(cls, value)\n",
        "        return None\n        member = str.__new__(cls, value)\n",
    ),
    Patch("F28", "no-second-look", DECODING, "        if reader is None:\n", "        if True:\n"),
    Patch(
        "F29",
        "round-up",
        DECODING,
        "                    return _from_iso(value)\n",
        "                    when = _from_iso(value)\n"
        "                    return when.replace(microsecond=round(float(value[19:27]) * 1e6) % 1_000_000)\n",
    ),
    Patch(
        "F29",
        "round-up-other-lengths",
        SCALARS,
        "    return datetime.fromisoformat(text + lacking)\n",
        "    when = datetime.fromisoformat(text + lacking)\n"
        '    return when + timedelta(microseconds=1) if "5" <= text[26:27] <= "9" and when.year < 9999 else when\n',
    ),
    Patch(
        "F29",
        "a-zone-of-its-own",
        SCALARS,
        "    return datetime.fromisoformat(text + lacking)\n",
        '    return datetime.fromisoformat(text + lacking).replace(tzinfo=timezone(timedelta(0), "UTC"))\n',
    ),
    Patch(
        "F29",
        "any-form-of-iso",
        SCALARS,
        """        raise ValueError(f"{text[:40]!r} is not a date")\n""",
        "        return datetime.fromisoformat(text)\n",
    ),
    Patch(
        "F29",
        "rounded-elsewhere",
        SCALARS,
        "    clock = f",
        "    fraction = fraction and f'{float(fraction):.6f}'[1:]\n    clock = f",
    ),
    Patch(
        "F30",
        "unencoded",
        BASE,
        'segment = quote(check_text(name, value), safe="")',
        'segment = quote(check_text(name, value), safe="/?#%")',
    ),
    Patch(
        "F31",
        "keep-the-slot",
        THROTTLE,
        "if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:",
        "if False:",
    ),
    Patch("F31", "keep-the-place", THROTTLE, "        self.pace.comes_back()\n", ""),
    Patch("F31", "keep-the-retry", SESSION, "            call.end()\n", "            pass\n"),
    Patch(
        "F31",
        "keep-the-probe",
        THROTTLE,
        "            self._resign(turn.place, turn.customer)\n            self.pump()\n",
        "            self.pump()\n",
    ),
    Patch(
        "F32",
        "keep-running",
        PAGING,
        "        self._info = page.info\n        if",
        "        self._info = page.info\n        _IN_FLIGHT = asyncio.create_task(asyncio.sleep(3600))\n        if",
    ),
    Patch("F32", "fetch-on", PAGING, "            self._fetching.cancel()\n", ""),
    Patch("F33", "unbounded", FAN_OUT, "asyncio.Semaphore(concurrency)", "asyncio.Semaphore(10**9)"),
    Patch(
        "F34", "stop-at-the-first", FAN_OUT, "            feed.error = error\n", "            self.failure = error\n"
    ),
    Patch(
        "F34",
        "failures-are-good",
        "partnercenter_async/cli/run.py",
        "return PARTIAL if report.failed else 0",
        "return 0",
    ),
    Patch("F35", "run-ahead", FAN_OUT, "asyncio.Semaphore(concurrency)", "asyncio.Semaphore(10 * concurrency)"),
    Patch("F35", "pages-without-end", FAN_OUT, "asyncio.Semaphore(1)", "asyncio.Semaphore(10**9)"),
    Patch(
        "F36",
        "send-on",
        SESSION,
        "        self.closed = True\n        self.limits.close()\n",
        "        self.limits.close()\n",
    ),
    Patch("F36", "let-them-run", LIMITS, "        self.expire()\n", ""),
    Patch("F36", "leave-at-once", TRANSPORT, "await asyncio.wait(endings, timeout=_GOODBYE)", "pass"),
    Patch("F37", "any-loop", SESSION, "if self._loop is not None:", "if False:"),
    Patch("F38", "shown-head", TRANSPORT, "        del head, lines  #", "        #"),
    Patch("F38", "shown-token", TRANSPORT, "        return \"'***'\"", "        return str.__repr__(self)"),
    Patch("F39", "wall-clock-waits", RETRY, "(time.time() if now is None else now)", "time.time()"),
    Patch(
        "F40",
        "line-before-data",
        OUTPUTS,
        "            self._disk.sync(self._file)\n            self._synced",
        "            self._synced",
    ),
    Patch("F40", "line-not-synced", CHECKPOINT, "        self._disk.sync(self._file)\n\n", "\n"),
    Patch("F40", "keep-the-tail", OUTPUTS, "self._disk.cut(self._file, last.bytes)", "self._file.seek(0, 2)"),
    Patch("F40", "start-over", EXPORT, "self._job.read(name, self._positions.get(name))", "self._job.read(name, None)"),
    Patch("F40", "part-under-its-name", OUTPUTS, '        new = self._partial / "new"\n', "        new = part\n"),
    Patch("F41", "any-method", PAGING, 'if cursor.method.upper() != "GET":', "if False:"),
    Patch("F41", "any-header", PAGING, "if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_FAMILIES):", "if False:"),
    Patch("F41", "method-override", PAGING, '        "x-http-method-override",\n', ""),
    Patch("F41", "underscores", PAGING, 'name.lower().replace("_", "-")', "name.lower()"),
    Patch("F42", "any-id", TRANSPORT, "if _REQUEST_ID not in headers:", "if True:"),
    Patch("F42", "keep-the-connection", TRANSPORT, "_IN_USE.get().close()", "pass"),
    Patch(
        "F42",
        "give-the-connection-back",
        TRANSPORT,
        "            connection.close()\n            raise",
        "            connection.release()\n            raise",
    ),
    Patch("F42", "use-what-was-read", TRANSPORT, "if not protocol.should_close and not _half", "if not _half"),
    Patch("F42", "use-what-is-unread", TRANSPORT, " and not _readable(protocol.transport)", ""),
    Patch("F3", "order-in-progress", WRITES, " and error.code != _IN_PROGRESS", ""),
    Patch("F42", "forget-what-was-begun", TRANSPORT, " and not _half_read(protocol)", ""),
    Patch("F42", "first-id-alone", TRANSPORT, "headers.getall(_REQUEST_ID)", "[headers[_REQUEST_ID]]"),
    Patch("F42", "forget-who-waits", TRANSPORT, "others.isdisjoint(self._under_way) and ", ""),
    Patch("F43", "empty-in-silence", DECODING, "if total != 0 and not (total is None and collection):", "if False:"),
    Patch("F43", "letter-case", DECODING, "name = names.get(given.lower())", "name = names.get(given)"),
    Patch("F43", "items-unlike-lines", DECODING, """not in (b"null", b'""', b"[]")""", 'not in (b"null",)'),
    Patch("F43", "blank-items", DECODING, "                return kind()\n", "                return _NO_ITEM\n"),
    Patch("F43", "error-for-a-result", SESSION, "    if told is not None:\n", "    if False:\n"),
    Patch("F43", "graphs-error-for-a-result", DECODING, 'inner = names == {"error"} and ', "inner = False and "),
    Patch("F43", "without-an-id", SESSION, "if data.id.strip():", "if True:"),
    Patch("F43", "repeat-a-write", SESSION, 'error.safe_to_repeat = method in {"GET", "HEAD"}', "pass"),
    Patch("F44", "out-of-the-listing", PAGING, "if not any(leads_to(", "if False and not any(leads_to("),
    Patch("F44", "ids-in-any-case", LINKS, "segment if is_id and not _GUID.fullmatch(segment) else ", ""),
    Patch("F44", "words-behind-plurals", LINKS, "is_id = plural or not", "is_id = not"),
    Patch("F44", "guids-to-the-letter", LINKS, "is_id and not _GUID.fullmatch(segment)", "is_id"),
    Patch(
        "F45",
        "empty-for-ever",
        PAGING,
        "if self._empty and self._empty > self.listing",
        "if False and self._empty > self.listing",
    ),
    Patch("F45", "not-in-a-row", PAGING, "self._empty = 0 if page.data.items else self._empty + 1", "self._empty += 1"),
    Patch(
        "F46",
        "waits-add-up",
        THROTTLE,
        "self.asked_until - now > patience.longest",
        "self.asked_until > patience.longest",
    ),
    Patch("F46", "a-429-is-a-try", RETRY, "if not throttled or policy.tries == 1:", "if True:"),
    Patch(
        "F46",
        "the-queue-counts",
        SESSION,
        "self.patient = job is not None and deadline.__class__ is _Default",
        "self.patient = False",
    ),
    Patch(
        "F46",
        "wait-beyond-the-deadline",
        THROTTLE,
        "        if due > waiter.patience.deadline_at:\n",
        "        if False:\n",
    ),
    Patch("F46", "customers-are-the-partner", PACE, "        if not self.evident:\n", "        if False:\n"),
    Patch("F47", "proxy-for-all", TRANSPORT, "if is_loopback(host):", "if False:"),
    Patch(
        "F47",
        "plain-to-all",
        CLOUDS,
        'parts.scheme == "http" and is_loopback(parts.hostname)',
        'parts.scheme == "http"',
    ),
    Patch("F48", "umasks-modes", DISK, "                    _keep_private(file, path)\n", ""),
    Patch("F48", "open-folders", DISK, "        path.chmod(_OWNERS_FOLDER)\n", ""),
    Patch("F48", "lose-the-mode", OUTPUTS, "        self._disk.share(self._whole, self.path, self._mode)\n", ""),
    Patch(
        "F48", "look-once", DISK, "        _check_kind(path, os.fstat(file.fileno()), names=names)\n", "        pass\n"
    ),
    Patch("F48", "follow", DISK, "os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_NONBLOCK"),
    Patch("F48", "begin-and-see", OUTPUTS, "            self._check_places()\n", "            pass\n"),
    Patch("F49", "as-it-came", ERRORS, "return text if text.isprintable() else", "return text if True else"),
    Patch("F49", "raw-logs", LOGS, "logger.addFilter(_Escaping())\n", ""),
    Patch(
        "F49",
        "raw-notes",
        PROGRESS,
        "self.console.print(escaped(text), markup=False",
        "self.console.print(text, markup=False",
    ),
    Patch(
        "F49",
        "marked-up",
        PROGRESS,
        "self.console.print(escaped(text), markup=False",
        "self.console.print(escaped(text), markup=True",
    ),
    Patch(
        "F49",
        "raw-usage",
        "partnercenter_async/cli/__init__.py",
        "        error.message = escaped(error.message)\n",
        "",
    ),
    Patch("F50", "raise", STDERR, "        except OSError:  #", "        except KeyError:  #"),
    Patch("F50", "wait-for-ever", STDERR, "while left and self._has_room():", "while left:"),
    Patch("F50", "lend-the-number", STDERR, "            os.open(os.devnull, os.O_RDWR)  #", "            pass  #"),
    Patch("F51", "ask-them-all", EXPORT, "        if len(self._held) == self._most:\n", "        if False:\n"),
    Patch("F51", "say-each", EXPORT, "        self._held[name] = error\n        if", "        if"),
    Patch("F51", "each-a-line", "partnercenter_async/cli/failures.py", "if len(names) <= _IN_FULL:", "if True:"),
    Patch("F51", "go-on-in-vain", EXPORT, "if isinstance(error, _OF_ALL) or not", "if not"),
    Patch("F52", "all-at-once", TRANSPORT, "_STEP = 64 * 1024", "_STEP = 0"),
    Patch("F52", "pieces-read-ahead", TRANSPORT, "                read_bufsize=_READ_AHEAD,\n", ""),
    Patch("F52", "pieces-read-ahead-through", TRANSPORT, "\n            read_bufsize=_READ_AHEAD,\n", "\n"),
]


def tests_of(row: str) -> list[str]:
    """Return the files whose tests may hold a row: to compile all the others would take most of the time."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [str(each.relative_to(ROOT)) for each in files if f'"{row}"' in each.read_text("utf-8")]


def caught(patch: Patch) -> bool:
    """Apply a patch to a copy and tell whether the tests of its row fail there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("partnercenter_async", "pytest_partnercenter", "tests", "benchmarks", "docs", "examples"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("ARCHITECTURE.md", "pyproject.toml", "README.md", "PROMISES.md", "SECURITY.md", "CHANGELOG.md"):
            shutil.copy(ROOT / name, copy / name)
        source = copy / patch.path
        text = source.read_text("utf-8")
        if text.count(patch.old) != 1:
            raise SystemExit(f"{patch.row} {patch.breaks}: the patch does not apply")
        text = text.replace(patch.old, patch.new)
        if "_half(" in patch.new:
            text += HALF
        source.write_text(text, "utf-8")
        run = subprocess.run(
            [
                *[sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "fault"],
                *["--fault", patch.row, *tests_of(patch.row)],
            ],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": folder, "HYPOTHESIS_DATABASE_FILE": str(copy / "examples")},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        # 1: tests failed, or with -x were not even collected. That, 5 (none found) and the like prove nothing.
        if run.returncode not in {0, 1} or "ERROR collecting" in run.stdout:
            raise SystemExit(f"{patch.row} {patch.breaks}: pytest ended with {run.returncode}\n{run.stdout[-2000:]}")
        return run.returncode == 1


def main() -> int:
    """Try all patches, those of the rows named, or with --one-each the first of each row."""
    rows = set(sys.argv[1:]) - {"--one-each"}
    wanted = [patch for patch in PATCHES if not rows or patch.row in rows]
    if "--one-each" in sys.argv:
        wanted = list({patch.row: patch for patch in reversed(wanted)}.values())[::-1]
    with ThreadPoolExecutor(2) as pool:
        results: list[bool] = []
        for patch, result in zip(wanted, pool.map(caught, wanted), strict=True):
            print(f"{patch.row:4} {patch.breaks:24} {'caught' if result else 'NOT CAUGHT'}", flush=True)
            results.append(result)
    print(f"{sum(results)} of {len(results)} patches caught")
    return 0 if all(results) and results else 1


if __name__ == "__main__":
    sys.exit(main())
