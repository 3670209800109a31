"""The guard against slow changes: ``python -m benchmarks.guard``, which needs valgrind.

Counts the machine instructions of one page of orders and of one small request, without the wire, and compares them with
``guard.json``. Counts depend on no clock and hardly on the machine; a change that is meant is recorded with --record.
"""

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.payload import PAGE, SMALL, page
from benchmarks.plain import full
from partnercenter_async import Cloud, PartnerCenterClient
from partnercenter_async.testing import FakeCredential, FakeTransport, answer

RECORD = Path(__file__).with_name("guard.json")
TOLERANCE = 0.05
COUNTS = {"page": (2, 7), "request": (100, 400)}  # what is measured is the difference, without start and end


async def work(name: str, count: int) -> None:
    """Do the same thing so many times."""
    bodies = [b"".join(page(number, number + 1)) for number in range(COUNTS["page"][1])] if name == "page" else [SMALL]
    turn = itertools.cycle(bodies)  # pages of their own, or a cache would have met their dates before
    cloud = Cloud(endpoint="https://localhost", authority="https://localhost", scope="x/.default")
    async with PartnerCenterClient(
        FakeCredential(lifetime=1e9), cloud=cloud, transport=FakeTransport(lambda _: answer(body=next(turn)))
    ) as client:
        for _ in range(count):
            if name == "page":
                read = [full(order) async for order in client.orders.list("c", include_price=True)]
                assert len(read) == PAGE
            else:
                assert len(await client.orders.provisioning_status("c", "o").collect()) == 1


def instructions(name: str, count: int) -> int:
    """Return what callgrind counts in a process of its own."""
    run = subprocess.run(
        [
            *["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
            *[sys.executable, "-m", "benchmarks.guard", "--work", name, str(count)],
        ],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )
    return int(run.stderr.partition("Collected :")[2].split()[0])


def measured() -> dict[str, int]:
    """Return the instructions of one unit of each work."""
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
        asyncio.run(work(options.work[0], int(options.work[1])))
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
        print(f"{name:8} {count:12,} instructions, {change:+.1%}{note}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
