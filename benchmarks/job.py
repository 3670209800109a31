"""``python -m benchmarks.job``: the nightly job over 10,000 customers, killed in the middle, and whether all is there.

The `partnercenter` command exports the orders of all customers, over TLS and with a real sign-in, from an emulator in a
process of its own. One customer of a hundred fails for good; of all other requests for orders, one of twenty meets a
fault. When half of the pages are served the command is killed (SIGKILL), and the same command is run again until it
ends. Then its output is compared with the data set, every column of every row. The exit code is 1 if an order is
missing, altered or there twice, another customer is told to have failed than those that do, too many requests were
under way at the server, or memory grew.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.job_server import PAGE, SHARE, data_set, failing
from benchmarks.output import FORMATS, Key, Record, expected, records
from benchmarks.process import Server, command, environment, resident
from partnercenter_async.emulator import DataSet

GROWTH = 50.0  # MB that the command's memory may grow by from the first page of orders on
PART = 10_000  # orders of a part of Parquet, which are read again where it was not written
IN_HAND = 4  # pages for each customer at a time: under way, waiting to be written, being written, and one to spare
PARTIAL = 3  # the exit code where some customers failed

_listed = re.compile(
    r"^error: customer (\S+?):? |^error: [\d,]+ more customers failed likewise \([^)]*\): (.*)", re.MULTILINE
)


@dataclass(slots=True)
class Comparison:
    """What an output has too little, too much and wrong."""

    orders: int = 0
    lost: int = 0
    repeated: int = 0
    foreign: int = 0
    altered: int = 0


def compare(truth: Mapping[Key, bytes], found: Iterable[Record]) -> Comparison:
    """Return how what was found differs from what must be there, each once."""
    result = Comparison()
    times = Counter[Key]()
    for key, known in found:
        result.orders += 1
        times[key] += 1
        if key not in truth:
            result.foreign += 1
        elif known != truth[key]:
            result.altered += 1
    result.lost = sum(key not in times for key in truth)
    result.repeated = sum(number - 1 for number in times.values())
    return result


def truth(data: DataSet, lost: Iterable[str], format: str) -> dict[Key, bytes]:
    """Return the orders of all customers but the lost ones, with digests of all that a format keeps of them."""
    without = frozenset(lost)
    return {
        (customer, str(order["id"])): expected(order, format)
        for customer in data.customer_ids()
        if customer not in without
        for order in data.orders(customer, include_price=True)
    }


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the command, to its end or until it was killed."""

    code: int
    seconds: float
    pages: int
    in_flight: int
    connections: int
    growth: float | None = None
    killed: bool = False
    left: tuple[str, ...] = ()
    """The files that it left."""
    errors: str = field(default="", repr=False)


def run(arguments: Sequence[str], server: Server, folder: Path, kill_at: float | None) -> Run:
    """Run the command once, and kill it when so many pages of orders were served in all."""
    while server.ask()["connections"]:  # of a run that was killed
        time.sleep(0.01)
    before = server.ask("again")["pages"]
    errors = folder / "stderr.txt"
    killed = False
    first: float | None = None  # the memory in use when a page of orders had been answered
    most = 0.0
    begun = time.monotonic()
    with errors.open("wb") as file:
        process = subprocess.Popen(
            arguments, env=environment(server), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
        )
        try:
            while process.poll() is None:
                pages = server.ask()["pages"]
                size = resident(process.pid)
                if pages > before and size:
                    first = first or size
                    most = max(most, size)
                if kill_at is not None and pages > before and pages >= kill_at:
                    process.kill()
                    killed = process.wait() == -signal.SIGKILL
                    break
                time.sleep(0.01 if first is None else 0.1)
        finally:
            process.kill()
            code = process.wait()
    seconds = time.monotonic() - begun
    seen = server.ask()
    text = errors.read_text("utf-8", "replace")
    errors.unlink()
    return Run(
        code=code,
        seconds=seconds,
        pages=seen["pages"] - before,
        in_flight=seen["most in flight"],
        connections=seen["most connections"],
        growth=None if first is None else most - first,
        killed=killed,
        left=tuple(sorted(path.name for path in folder.iterdir())),
        errors=text,
    )


def listed(errors: str) -> list[str]:
    """Return the customers that a run's stderr tells to have failed."""
    return [name for one, several in _listed.findall(errors) for name in ([one] if one else several.split(", "))]


def problems(
    runs: Sequence[Run],
    comparison: Comparison,
    *,
    failing: Iterable[str],
    kills: int,
    concurrency: int,
    output: str,
    again: int,
    held: int,
    share: float,
) -> list[str]:
    """Return what must not be.

    ``again`` pages were read again, of which a kill may cost the ``held`` ones of a Parquet part besides those in hand;
    a ``share`` of the requests met a fault.
    """
    last = runs[-1]
    found: list[str] = []
    if sum(each.killed for each in runs) != kills:
        found.append("a run had ended before it was to be killed")
    if last.code != PARTIAL:
        found.append(f"the last run ended with {last.code}, not with {PARTIAL}: {last.errors[-500:]}")
    told, true = Counter(listed(last.errors)), Counter(list(failing))
    if told != true:
        missing, wrong = (true - told).total(), (told - true).total()
        found.append(f"of the customers that fail {missing} are not listed, and {wrong} are that should not be")
    for name in ("lost", "repeated", "foreign", "altered"):
        number = getattr(comparison, name)
        if number:
            found.append(f"orders {name}: {number}")
    if again > kills * (IN_HAND * concurrency + held):
        found.append(f"{again} pages were read again: what the checkpoint said was not gone on with")
    if share < SHARE / 2:
        found.append(f"only {share:.2%} of the requests for orders met a fault")
    if last.left != (output,):
        found.append(f"left behind: {', '.join(last.left)}, where only {output} should be")
    most = max(each.in_flight for each in runs)
    if most > concurrency:
        found.append(f"{most} requests were in flight, more than {concurrency}")
    found.extend(
        f"memory grew by {each.growth:.1f} MB, more than {GROWTH:.0f}"
        for each in runs
        if each.growth is not None and each.growth > GROWTH
    )
    return found


def moments(kills: int, seed: int) -> list[float]:
    """Return after which shares of all pages to kill: in the middle, or at random where more than once."""
    chance = random.Random(seed)
    return [0.5] if kills == 1 else sorted(chance.uniform(0.05, 0.8) for _ in range(kills))


def main() -> int:
    """Run, compare, report, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.job", description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--format", choices=FORMATS, default="ndjson")
    parser.add_argument("--kills", type=int, default=1, help="how often the command is killed; 1 is in the middle")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    given = parser.parse_args()
    data = data_set(given.customers, given.seed)
    lost = failing(data)
    served = [len([*data.orders(customer)]) for customer in data.customer_ids() if customer not in lost]
    pages = sum(max(1, -(-orders // PAGE)) for orders in served)
    output = f"orders.{given.format}"
    kill_at = [pages * share for share in moments(given.kills, given.seed)]
    runs: list[Run] = []
    with (
        tempfile.TemporaryDirectory() as name,
        Server("benchmarks.job_server", given.customers, given.seed) as server,
    ):
        folder = Path(name)
        arguments = command(
            *["orders", "--all-customers", "--include-price", "--format", given.format],
            *["--output", folder / output, "--checkpoint", folder / "run.ckpt", "--concurrency", given.concurrency],
        )
        for moment in [*kill_at, None]:
            runs.append(run(arguments, server, folder, moment))
            if not runs[-1].killed:
                break
        there = records(folder / output, given.format) if (folder / output).exists() else ()
        comparison = compare(truth(data, lost, given.format), there)
        seen = server.ask()
    growths = [each.growth for each in runs if each.growth is not None]
    share = sum(seen["faults"].values()) / seen["requests for orders"]
    figures: dict[str, object] = {
        "customers": given.customers,
        "customers that fail": len(lost),
        "customers listed as failed": len(set(listed(runs[-1].errors))),
        "orders": sum(served),
        "orders in the output": comparison.orders,
        "orders lost": comparison.lost,
        "orders repeated": comparison.repeated,
        "orders of nobody or of failing customers": comparison.foreign,
        "orders altered": comparison.altered,
        "pages": pages,
        "pages read again": seen["pages"] - pages,
        "requests": seen["requests"],
        "faults": {"share of the requests for orders": round(share, 4), **seen["faults"]},
        "kills": sum(each.killed for each in runs),
        "exit code": runs[-1].code,
        "requests in flight at most": [each.in_flight for each in runs],
        "connections at most": [each.connections for each in runs],
        "memory growth, MB": [round(growth, 1) for growth in growths] or "not known here",
        "seconds": [round(each.seconds, 1) for each in runs],
        "left behind": [each for each in runs[-1].left if each != output],
    }
    for title, value in figures.items():
        print(f"{title + ':':42} {shown(value)}")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    found = problems(
        runs,
        comparison,
        failing=lost,
        kills=given.kills,
        concurrency=given.concurrency,
        output=output,
        again=seen["pages"] - pages,
        held=-(-PART * pages // sum(served)) if given.format == "parquet" else 0,
        share=share,
    )
    print("\n".join(found) if found else "each order once, each failure listed, nothing left behind")
    return 1 if found else 0


def shown(value: object) -> str:
    """Return a figure as it is printed."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
