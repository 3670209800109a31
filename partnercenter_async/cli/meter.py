"""What a run has done so far, and a bar that shows it."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from partnercenter_async.errors import Attempt


class Meter:
    """Counts customers, items and retries; on a terminal a bar on stderr shows them while the run lasts."""

    def __init__(self, console: Console, label: str, *, total: int | None = None) -> None:
        """Take where notes go, what the run is called and, if known, how many customers there will be."""
        self.console = console
        self.customers = 0
        self.items = 0
        self.retries = 0
        self._label = label
        self._total = total
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        """Show the bar, if stderr is a terminal."""
        if self.console.file.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[text]}"),
                TimeElapsedColumn(),
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

    def add(self, *, customers: int = 0, items: int = 0) -> None:
        """Count what was done."""
        self.customers += customers
        self.items += items
        self._show()

    def retried(self, _attempt: Attempt) -> None:
        """Count a retry; a client's `on_retry`."""
        self.retries += 1
        self._show()

    def note(self, text: str) -> None:
        """Print a line on stderr, above the bar."""
        self.console.print(" ".join(text.split()), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _show(self) -> None:
        if self._bar is not None:
            counts = [(self.customers, "customers"), (self.items, "items"), (self.retries, "retries")]
            text = "  ".join(f"{number:,} {name}" for number, name in counts if number)
            self._bar.update(self._task, completed=self.customers, text=text)
