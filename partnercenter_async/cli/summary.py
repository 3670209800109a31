"""How a demo ends: a table of what was done, and whether it is right."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partnercenter_async.cli.demo import KINDS, OTHER, DemoResult
from partnercenter_async.errors import escaped


def show(result: DemoResult, console: Console, *, written: bool) -> None:
    """Print the summary of a demo; ``written`` says that its file is there to be looked at."""
    totals = result.totals
    table = Table(
        box=box.ROUNDED, title="Partner Center, emulated", title_style="bold", show_header=False, pad_edge=True
    )
    table.add_column(style="cyan")
    table.add_column(justify="right")
    table.add_row("Customers", f"{totals.customers:,}")
    table.add_row("Orders", f"{totals.orders:,}")
    table.add_row("Line items fulfilled", f"{totals.fulfilled:,}")
    table.add_row("Line items not fulfilled", f"{totals.unfulfilled:,}")
    table.add_row("Migration events", f"{totals.events:,}", end_section=True)
    for currency, amount in sorted(totals.revenue.items()):
        table.add_row(Text(escaped(f"Revenue {currency}")), f"{amount:,f}")
    table.add_section()
    table.add_row("Requests", f"{result.requests:,}")
    table.add_row("Token requests", f"{result.token_requests:,}")
    for kind in (*KINDS, *([OTHER] if result.retries[OTHER] else [])):
        number = result.retries[kind]
        table.add_row(f"Retries, {kind}", Text(f"{number:,}", style="yellow" if number else ""))
    table.add_section()
    table.add_row("Seconds", f"{result.seconds:.2f}")
    table.add_row("Orders per second", Text(f"{result.orders_per_second:,.0f}", style="bold"))
    console.print(table)
    good, bad = ("✓", "✗") if console.encoding.lower().startswith("utf") else ("ok:", "failed:")
    for problem in result.problems:
        console.print(Text(escaped(f"{bad} {problem}"), style="bold red"), soft_wrap=True)
    if not result.problems:
        text = f"{good} all {totals.records:,} records equal what the emulator holds, field by field"
        console.print(Text(text, style="bold green"), soft_wrap=True)
    if written:
        text = escaped(f"{totals.records:,} lines in {result.output}")
        console.print(Text(text, style="dim"), soft_wrap=True)
