"""What a run has done so far, and a bar that shows it."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from partnercenter_async.errors import Attempt, escaped
from partnercenter_async.export.run import ExportProgress, Report

_QUIET = 60.0  # seconds between two lines where there is no terminal


class ProgressDisplay:
    """Counts inputs, items and retries; a bar on stderr shows them, or a line a minute where that is no terminal."""

    def __init__(self, console: Console, label: str, *, alone: bool = True) -> None:
        """Take where notes go, and what the items are.

        ``alone`` tells that nothing else is printed on the same terminal, which a bar would spoil.
        """
        self.console = console
        self.customers = 0
        self.failed = 0
        self.items = 0
        self.retries = 0
        self._label = label
        self._total: int | None = None
        self._alone = alone
        self._inputs: str | None = "customers"
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._began: ExportProgress | None = None
        self._pace: float | None = None
        self._started = self._told = time.monotonic()

    def __enter__(self) -> Self:
        """Show the bar, if stderr is a terminal."""
        if self._alone and self.console.file.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[text]}", markup=False),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._task = self._bar.add_task(self._label, total=self._total, text="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def show(self, progress: ExportProgress, inputs: str | None) -> None:
        """Take over how far an export is; ``inputs`` is what it reads many of, such as customers."""
        self.customers, self.failed, self.items = progress.done, progress.failed, progress.items
        self._total, self._inputs = progress.total, inputs
        self._pace = progress.rate
        if self._began is None:
            self._began = progress
            self._started = self._told = time.monotonic()
            if self._bar is not None:
                self._bar.reset(self._task, total=progress.total, completed=progress.done, text="")
            if progress.items or progress.done:
                self.note(f"note: going on behind {self._counts()}")
        self._show()
        if self._bar is None and inputs and time.monotonic() - self._told >= _QUIET:
            self._told = time.monotonic()
            self.note(f"note: {self._counts()}, {self._rate()}{self._throttled()}{self._left()}")

    @property
    def began(self) -> bool:
        """Whether an export has opened its output."""
        return self._began is not None

    def summary(self, report: Report, output: str) -> str:
        """Say what an export did."""
        self.customers, self.items = report.done, report.items
        text = f"{output}: {self._counts()} in {self._seconds():,.1f} s, {self._rate()}, {self.retries:,} retries"
        if report.resumed:
            text += f"; {self._inputs} read by earlier runs: {report.resumed:,}"
        if report.failed:
            text += f"; {self._inputs} that failed, see above: {len(report.failed):,}"
        return text

    def _counts(self) -> str:
        items = f"{self.items:,} {self._label}"
        if self._inputs is None:
            return items
        of = f" of {self._total:,}" if self._total is not None and self.customers < self._total else ""
        return f"{items} from {self.customers:,}{of} {self._inputs}"

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _rate(self) -> str:
        new = self.items - self._began.items if self._began is not None else 0
        return f"{new / max(self._seconds(), 0.001):,.0f} a second"

    def _throttled(self) -> str:
        return "" if self._pace is None else f" (throttled to {self._pace * 60:,.0f} requests a minute)"

    def _left(self) -> str:
        done = self.customers - (self._began.done if self._began is not None else 0)
        if not done or self._total is None:
            return ""
        minutes = self._seconds() / done * (self._total - self.customers - self.failed) / 60
        return f", about {minutes:,.0f} min left"

    def retried(self, _attempt: Attempt) -> None:
        """Count a retry; a client's `on_retry`."""
        self.retries += 1
        self._show()

    def note(self, text: str) -> None:
        """Print a line on stderr, above the bar."""
        self.console.print(escaped(text), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _show(self) -> None:
        if self._bar is not None:
            counts = [(self.customers, self._inputs), (self.items, self._label), (self.retries, "retries")]
            text = "  ".join(f"{number:,} {name}" for number, name in counts if number and name)
            text += f"  {self._rate()}{self._throttled()}"
            self._bar.update(self._task, total=self._total, completed=self.customers + self.failed, text=text)
