"""``python -m benchmarks.export``: a million orders through the `partnercenter` command in each format.

A server in a process of its own has all pages ready, so that what is measured is the command: the most memory that its
process had, and orders a second from its start to its end. Each order has an id of its own and must be in the output
once. The exit code is 1 if one is not, or if the memory went beyond 200 MB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.export_server import order_number
from benchmarks.output import FORMATS, records
from benchmarks.payload import PAGE
from benchmarks.process import Server, command, environment, most_resident

MEMORY = 200.0  # MB
CUSTOMERS = 100


@dataclass(slots=True, kw_only=True)
class Figures:
    """What one export cost and brought."""

    format: str
    orders: int
    missing: int
    repeated: int
    code: int
    seconds: float
    orders_per_second: int
    most_memory: float | None
    output_mb: float
    errors: str = ""


def count(orders: int, ids: Iterable[str]) -> tuple[int, int]:
    """Return how many of so many orders are missing, and how many are there too often or should not be at all."""
    seen = bytearray(orders)
    repeated = 0
    for each in ids:
        number = order_number(each)
        if number < orders and not seen[number]:
            seen[number] = 1
        else:
            repeated += 1
    return orders - sum(seen), repeated


def export(format: str, pages: int, concurrency: int, *, checkpoint: bool) -> Figures:
    """Run the command once and look at what it wrote."""
    orders = CUSTOMERS * pages * PAGE
    most = 0.0
    with tempfile.TemporaryDirectory() as folder, Server("benchmarks.export_server", CUSTOMERS, pages) as server:
        output = Path(folder) / f"orders.{format}"
        arguments = command(
            *["orders", "--all-customers", "--include-price", "--format", format, "--output", output],
            *["--concurrency", concurrency],
            *(["--checkpoint", Path(folder) / "run.ckpt"] if checkpoint else []),
        )
        told = Path(folder) / "stderr.txt"
        begun = time.monotonic()
        with told.open("wb") as errors:
            process = subprocess.Popen(
                arguments, env=environment(server), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
            try:
                while process.poll() is None:
                    most = max(most, most_resident(process.pid) or 0.0)
                    time.sleep(0.05)
            finally:
                process.kill()
                code = process.wait()
        seconds = time.monotonic() - begun
        missing, repeated = count(
            orders, (order for (_, order), _ in records(output, format)) if output.exists() else ()
        )
        return Figures(
            format=format,
            orders=orders,
            missing=missing,
            repeated=repeated,
            code=code,
            seconds=round(seconds, 1),
            orders_per_second=round(orders / seconds),
            most_memory=round(most, 1) or None,
            output_mb=round(output.stat().st_size / 1e6, 1) if output.exists() else 0.0,
            errors=told.read_text("utf-8", "replace")[-500:] if code else "",
        )


def problems(figures: Figures) -> list[str]:
    """Return what must not be."""
    found: list[str] = []
    if figures.code:
        found.append(f"{figures.format}: the command ended with {figures.code}: {figures.errors}")
    if figures.missing:
        found.append(f"{figures.format}: orders missing: {figures.missing}")
    if figures.repeated:
        found.append(f"{figures.format}: orders too many: {figures.repeated}")
    if figures.most_memory is not None and figures.most_memory > MEMORY:
        found.append(f"{figures.format}: {figures.most_memory} MB of memory, more than {MEMORY:.0f}")
    return found


def main() -> int:
    """Export in each format, report, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000, help=f"in steps of {CUSTOMERS * PAGE:,}")
    parser.add_argument("--formats", default=",".join(FORMATS), help="with commas between them")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--checkpoint", action="store_true", help="write a checkpoint as well")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    given = parser.parse_args()
    pages = max(1, given.orders // (CUSTOMERS * PAGE))
    runs: list[Figures] = []
    found: list[str] = []
    print(f"{'format':8} {'orders':>10} {'seconds':>8} {'orders/s':>9} {'most memory':>12} {'output':>9}")
    for format in given.formats.split(","):
        runs.append(each := export(format, pages, given.concurrency, checkpoint=given.checkpoint))
        memory = "unknown" if each.most_memory is None else f"{each.most_memory:.0f} MB"
        print(
            f"{format:8} {each.orders:10,} {each.seconds:8.1f} {each.orders_per_second:9,} {memory:>12}"
            f" {each.output_mb:6,.0f} MB",
            flush=True,
        )
        found.extend(problems(each))
    if given.json:
        Path(given.json).write_text(json.dumps([asdict(each) for each in runs], indent=1) + "\n", "utf-8")
    print("\n".join(found) if found else "each order once, in each format")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
