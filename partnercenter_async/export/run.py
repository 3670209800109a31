"""The run of an export: many inputs read at once, written by one, committed together."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, TypeVarTuple

import msgspec

from partnercenter_async.errors import AuthenticationError, CredentialError, PartnerCenterError, StatusError
from partnercenter_async.export.checkpoint import Commit, End, Journal, State, load
from partnercenter_async.export.disk import Disk
from partnercenter_async.export.outputs import NamedOutput, Output
from partnercenter_async.export.pages import Chunk
from partnercenter_async.fan_out import Progress, fan_out

T = TypeVar("T")
P = TypeVar("P")
A = TypeVarTuple("A")

_REPEATED = frozenset([408, 429])
_OF_ALL = AuthenticationError, CredentialError
STOP_AFTER = 20
_CALLERS_OWN = frozenset([900308, 900309, 900329])  # codes of a 403 that every input would meet


class ExportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an export is: the inputs that were read to their end and those that failed, of a total, and the items.

    What earlier runs had read counts in ``done``, ``total`` and ``items``. ``in_flight``, ``retries``,
    ``throttled_until`` and ``rate`` are those of :class:`partnercenter_async.Progress`.
    """

    total: int
    done: int
    failed: int
    items: int
    in_flight: int
    retries: int
    throttled_until: float | None
    rate: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did: inputs read to their end, those of earlier runs among them, and those that failed and why."""

    done: int
    resumed: int
    items: int
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[T, P]):
    """What to read, and where it goes. ``read`` goes through an input's chunks, from its start or a continuation.

    ``identity`` is all that the output depends on; a checkpoint is refused where it differs.
    """

    inputs: Iterable[str]
    read: Callable[[str, str | None], AsyncIterator[Chunk[T]]]
    output: Output[P]
    checkpoint: Path | None = None
    identity: Mapping[str, str] = field(default_factory=dict[str, str])
    concurrency: int = 32
    stop_after: int | None = STOP_AFTER
    on_failure: Callable[[str, Exception], None] | None = None
    on_progress: Callable[[ExportProgress], None] | None = None
    disk: Disk = field(default_factory=Disk)


async def run_job(job: Job[T, P]) -> Report:
    """Read every input, write what comes, and return what was done.

    An input that fails costs the others nothing. Where its error may pass, it is read on once more when all others are
    done. Raises what the first of them failed with if none was read to its end, at once where signing in fails, and as
    soon as the first ``stop_after`` inputs, or all, were refused for a reason of the caller's own; the output does not
    appear then.
    """
    with ExitStack() as files:
        files.callback(job.output.close)
        start = await _in_thread(_open, job, files)
        return start.report or await _Run(job, start).run()


async def _in_thread(function: Callable[[*A], T], /, *arguments: *A) -> T:
    """Call what blocks. Whoever is cancelled waits for its end: until then it writes to files that must stay locked."""
    call = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    cancelled: asyncio.CancelledError | None = None
    while not call.done():
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and (call.cancelled() or call.exception() is None):
        raise cancelled
    return call.result()


class _Start(NamedTuple):
    """Where a run begins; with a ``report`` where an earlier run had come to its end and was stopped right then."""

    state: State
    journal: Journal | None
    report: Report | None


def _open(job: Job[T, P], files: ExitStack) -> _Start:
    output, disk = job.output, job.disk
    if not isinstance(output, NamedOutput) or job.checkpoint is None:
        output.begin()
        return _Start(State(), None, None)
    state = load(job.checkpoint, job.identity)
    if state is not None and state.end is not None:
        if not output.published(state.end.whole):
            output.publish()
        output.clean()
        Journal(job.checkpoint, job.identity, state, disk).remove()
        done, failed = state.done, state.end.failed
        return _Start(state, None, Report(done=done, resumed=done, items=state.items, failed=failed))
    if state is None:
        output.begin()
    else:
        output.resume(state.written)
    journal = Journal(job.checkpoint, job.identity, state, disk)
    files.callback(journal.close)
    return _Start(state or State(), journal, None)


class _Run(Generic[T, P]):
    """One run: reads the inputs that are left, and keeps count."""

    def __init__(self, job: Job[T, P], start: _Start) -> None:
        self._job = job
        self._journal = start.journal
        self._positions = start.state.positions
        self._left = _left(job.inputs, self._positions)
        self._resumed = self._done = start.state.done
        self._total = self._done + len(self._left)
        self._failed: dict[str, Exception] = {}
        self._refusals = _Refusals(job.stop_after)
        self._items: Counter[str] = Counter()
        self._retries = 0  # of the first reading, while some are read again
        self._calls = Progress(done=0, failed=0, in_flight=0, retries=0, throttled_until=None, rate=None)
        self._writer = _Writer(job.output, start.journal, start.state.items, job.concurrency)

    async def run(self) -> Report:
        """Read, write, and give the output its name."""
        await self._read_all()
        self._writer.check()
        self._refusals.check_all()
        self._tell(self._calls)  # now that all is written
        if self._failed and not self._done:
            raise next(iter(self._failed.values()))
        failed = {name: str(error) for name, error in self._failed.items()}
        await _in_thread(self._finish, failed)
        return Report(done=self._done, resumed=self._resumed, items=self._writer.items, failed=failed)

    async def _read_all(self) -> None:
        try:
            self._tell(self._calls)
            await self._read(self._left, again=False)
            self._retries = self._calls.retries
            self._calls = msgspec.structs.replace(self._calls, retries=0)
            await self._read([name for name, error in self._failed.items() if _may_pass(error)], again=True)
        finally:
            await self._writer.stop()

    async def _read(self, names: Sequence[str], *, again: bool) -> None:
        reading = fan_out(names, self._input, concurrency=self._job.concurrency, progress=self._tell)
        async with aclosing(reading) as outcomes:  # or what is left would go on adding to a writer that has stopped
            async for outcome in outcomes:
                error = outcome.error
                if error is None:
                    if self._items.pop(outcome.input, 0):
                        self._go_on()
                    continue
                if isinstance(error, _OF_ALL) or not isinstance(error, PartnerCenterError | ValueError):
                    raise error  # no customer's: one who can't sign in, or a disk that is full, goes on in vain
                self._failed[outcome.input] = error
                if _may_pass(error) and not again:
                    continue
                if self._items.pop(outcome.input, 0) or not self._refusals.take(outcome.input, error):
                    self._go_on()
                    self._tell_of(outcome.input, error)

    def _go_on(self) -> None:
        """Tell of the refusals that were held back, now that not all inputs are refused."""
        for name, error in self._refusals.end():
            self._tell_of(name, error)

    def _tell_of(self, name: str, error: Exception) -> None:
        if self._job.on_failure is not None:
            self._job.on_failure(name, error)

    async def _input(self, name: str) -> None:
        self._failed.pop(name, None)
        async for chunk in self._job.read(name, self._positions.get(name)):
            entry = self._writer.encode(name, chunk)
            del chunk  # which takes many times as much memory
            await self._writer.add(entry)
            self._positions[name] = entry.continuation
            self._items[name] += entry.items
            self._tell(self._calls)
        await self._writer.add(_Entry(name, [], 0, None))
        self._positions[name] = None
        self._done += 1

    def _tell(self, calls: Progress) -> None:
        self._calls = calls
        if self._job.on_progress is not None:
            self._job.on_progress(
                ExportProgress(
                    total=self._total,
                    done=self._done,
                    failed=len(self._failed),
                    items=self._writer.items,
                    in_flight=calls.in_flight,
                    retries=self._retries + calls.retries,
                    throttled_until=calls.throttled_until,
                    rate=calls.rate,
                )
            )

    def _finish(self, failed: dict[str, str]) -> None:
        output = self._job.output
        if not isinstance(output, NamedOutput):
            return
        whole = output.complete()
        if self._journal is not None:
            self._journal.add(End(failed=failed, whole=whole))
        output.publish()
        output.clean()
        if self._journal is not None:
            self._journal.remove()


def _left(inputs: Iterable[str], positions: Mapping[str, str | None]) -> list[str]:
    """Return what is to be read: first what an earlier run began, also where it is not listed any more, then the rest.

    Whatever the service lists twice, in any letter case, is read once.
    """
    found = {name.lower(): name for name in inputs}
    for name, position in positions.items():
        if position is None:
            found.pop(name.lower(), None)
    begun = [name for name, position in positions.items() if position is not None]
    for name in begun:
        found.pop(name.lower(), None)
    return [*begun, *found.values()]


def _may_pass(error: Exception) -> bool:
    """Return whether what an input failed with may be over when the others are done."""
    if isinstance(error, StatusError):
        return error.status is not None and (
            error.status in _REPEATED or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
    return isinstance(error, PartnerCenterError)


def is_callers_own(error: Exception) -> bool:
    """Return whether an input was refused for a reason of the caller's, which all others would be refused for too."""
    return isinstance(error, PartnerCenterError) and error.status == HTTPStatus.FORBIDDEN and error.code in _CALLERS_OWN


class _Refusals:
    """The refusals for the caller's own reason, for as long as no input has come to another end."""

    def __init__(self, most: int | None) -> None:
        """Take how many there may be; with None they are failures like all others."""
        self._most = most
        self._held: dict[str, Exception] | None = None if most is None else {}

    def take(self, name: str, error: Exception) -> bool:
        """Hold an error back if it is such a refusal, and raise the first once there are too many."""
        if self._held is None or not is_callers_own(error):
            return False
        self._held[name] = error
        if len(self._held) == self._most:
            self.check_all()
        return True

    def check_all(self) -> None:
        """Raise the first one that is still held: there was nothing else."""
        for error in (self._held or {}).values():
            error.add_note("no input came to another end, so the export stopped; stop_after=None reads them all")
            raise error

    def end(self) -> list[tuple[str, Exception]]:
        """Return those that were held back; none is from now on."""
        held, self._held = self._held or {}, None
        return [*held.items()]


class _Entry(NamedTuple, Generic[P]):
    """What one step brought, as it will be written, and where its input goes on; None is its end."""

    name: str
    rows: list[P]
    items: int
    continuation: str | None


class _Writer(Generic[P]):
    """Writes in a thread what is added by many, all that has come at once, and commits it."""

    def __init__(self, output: Output[P], journal: Journal | None, items: int, room: int) -> None:
        self.items = items
        self._output = output
        self._journal = journal
        self._queue: asyncio.Queue[_Entry[P] | None] = asyncio.Queue(room)
        self._failure: Exception | None = None
        self._positions: dict[str, str | None] = {}
        self._committed = time.monotonic()
        self._task = asyncio.create_task(self._work())

    def encode(self, name: str, chunk: Chunk[Any]) -> _Entry[P]:
        """Return what a step of an input brought as it will be written."""
        rows = [self._output.encode(batch) for batch in chunk.batches]
        return _Entry(name, rows, sum(len(batch.items or batch.lines) for batch in chunk.batches), chunk.continuation)

    async def add(self, entry: _Entry[P]) -> None:
        """Write, as soon as there is room."""
        self.check()
        await self._queue.put(entry)

    def check(self) -> None:
        """Raise what writing failed with, if it did."""
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Return when all that was added is written and committed, or can't be."""
        try:
            await self._queue.put(None)
            await self._task
        finally:
            self._task.cancel()  # of no effect on one that has ended
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        ended = False
        while not ended:
            entries = [await self._queue.get()]
            while not self._queue.empty():
                entries.append(self._queue.get_nowait())
            ended = entries[-1] is None  # nothing comes behind it
            if self._failure is None:
                try:
                    await _in_thread(self._write, entries)
                except Exception as error:  # noqa: BLE001 - whoever adds more gets it
                    self._failure = error

    def _write(self, entries: Sequence[_Entry[P] | None]) -> None:
        for entry in entries:
            if entry is None:
                self._commit()
                return
            for rows in entry.rows:
                self._output.write(rows)
            self._positions[entry.name] = entry.continuation
            self.items += entry.items
        late = time.monotonic() - self._committed >= self._output.interval
        if self._output.full or (self._journal is not None and late):
            self._commit()

    def _commit(self) -> None:
        written = self._output.commit()
        if self._journal is not None and self._positions:
            self._journal.add(Commit(positions=self._positions, items=self.items, written=written))
        self._positions = {}
        self._committed = time.monotonic()
