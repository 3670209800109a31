"""The guard against slow changes: ``python -m benchmarks.guard``, which needs valgrind.

Counts the machine instructions of a page of orders with prices, of one without, and of a small request, without the
wire, and compares them with ``guard.json``. Counts depend on no clock and hardly on the machine; a change that is meant
is recorded with --record.
"""

import argparse
import asyncio
import compileall
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.client import client
from benchmarks.payload import PAGE, SMALL, page
from benchmarks.plain import bare, full
from partnercenter_async.testing import FakeCredential, FakeTransport, answer

RECORD = Path(__file__).with_name("guard.json")
TOLERANCE = 0.05
# What is measured is the difference, without start and end.
COUNTS = {"page": (2, 7), "page without prices": (2, 7), "request": (100, 400)}


def bodies(name: str) -> list[bytes]:
    """Return what is answered in turn: pages of their own, or a cache would have met their dates before."""
    if name == "request":
        return [SMALL]
    return [b"".join(page(number, number + 1, prices=name == "page")) for number in range(COUNTS[name][1])]


async def work(name: str, count: int, answers: list[bytes]) -> None:
    """Do the same thing so many times."""
    prices, turn = name == "page", itertools.cycle(answers)
    transport = FakeTransport(lambda _: answer(body=next(turn)))
    async with client("https://localhost", FakeCredential(lifetime=1e9), transport=transport) as made:
        for _ in range(count):
            if name == "request":
                assert len(await made.orders.provisioning_status("c", "o").collect()) == 1
            else:
                orders = made.orders.list("c", include_price=prices)
                read = [full(order) if prices else bare(order) async for order in orders]
                assert len(read) == PAGE


def instructions(name: str, count: int) -> int:
    """Return what callgrind counts in a process of its own."""
    run = subprocess.run(
        [
            *["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
            *[sys.executable, "-m", "benchmarks.guard", "--work", name, str(count)],
        ],
        check=True,
        capture_output=True,
        input=b"\n".join(bodies(name)),  # made here, where it is not counted
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )
    return int(run.stderr.partition(b"Collected :")[2].split()[0])


def measured() -> dict[str, int]:
    """Return the instructions of one unit of each work."""
    for folder in ("benchmarks", "partnercenter_async"):  # what is compiled on the way would be counted
        compileall.compile_dir(RECORD.parent.parent / folder, quiet=1)
    asked = [(name, count) for name, counts in COUNTS.items() for count in counts]
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(asked, pool.map(lambda each: instructions(*each), asked), strict=True))
    return {name: (found[name, most] - found[name, least]) // (most - least) for name, (least, most) in COUNTS.items()}


def main() -> int:
    """Measure, and compare or record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the counts down as what is to be kept")
    parser.add_argument("--work", nargs=2, metavar=("NAME", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        asyncio.run(work(options.work[0], int(options.work[1]), sys.stdin.buffer.read().split(b"\n")))
        return 0
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    recorded: dict[str, dict[str, int]] = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    if recorded.get(python, {}).keys() != COUNTS.keys() and not options.record:
        print(f"{RECORD.name} has not all counts of Python {python}: record them with --record", file=sys.stderr)
        return 1
    found = measured()
    if options.record:
        recorded[python] = found
        RECORD.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", "utf-8")
    failed = False
    for name, count in found.items():
        change = count / recorded[python][name] - 1
        note = "  TOO MANY" * (change > TOLERANCE) + "  FAR FEWER: record what is to be kept" * (
            change < -4 * TOLERANCE
        )
        failed |= bool(note)
        print(f"{name:20} {count:12,} instructions, {change:+.1%}{note}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
