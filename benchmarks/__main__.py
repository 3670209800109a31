"""``python -m benchmarks``: the client beside its peers, in one interleaved run, and beside its goals."""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from math import isnan, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import aiohttp
import msgspec

from benchmarks.payload import DISTINCT, PAGE, packed_page, page
from benchmarks.peers import PEERS, Peer, load, many
from benchmarks.plain import Page, bare, full, thin

PAGES, GETS = 100, 4000
PARTS = ("streams", "gets", "start", "jobs", "memory", "block")
OURS, LIMITS = "from partnercenter_async import Order", "import aiohttp, msgspec, backoff"
LARGE = "large-50000000"


class Stream(NamedTuple):
    """A walk: what of a peer makes it, of which listing, and what aiohttp unpacks with."""

    does: str
    listing: str = "plain"
    backend: str = "zlib"

    def run(self, peer: Any, pages: int) -> Awaitable[int]:
        """Walk so many pages."""
        walk: Callable[[str], Awaitable[int]] = getattr(peer, self.does)
        return walk(f"{self.listing}-{pages}")


FULL, HEAD = "in full", "head"
STREAMS = {
    FULL: Stream("full"),
    "in full, gzip": Stream("full", "packed"),
    "without prices": Stream("bare"),
    "without prices, gzip": Stream("bare", "packed"),
    HEAD: Stream("head"),
    "head, gzip": Stream("head", "packed"),
    "head, gzip by isal": Stream("head", "packed", "isal"),
}
READS: dict[str, Callable[[object], int]] = {"full": full, "bare": bare, "head": thin}
SMALL = {f"small GETs, {at_once} at once": at_once for at_once in (1, 32, 256)}
SAME, BY_DECIMAL = "by hand, the same work", "by hand, Decimal"
Seconds = dict[str, dict[str, list[float]]]


def cores() -> set[int]:
    """Return the cores of this machine that may be chosen; none where nobody may choose."""
    chosen = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set[int]()
    return chosen if len(chosen) > 1 else set()


CORES = cores()


@contextmanager
def serving(seconds: float = 0.0) -> Iterator[int]:
    """Run the server on a core of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.server", str(seconds)]
    if CORES:
        os.sched_setaffinity(0, {max(CORES)})
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if CORES:
        os.sched_setaffinity(0, {min(CORES)})
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield int(server.stdout.readline())
    finally:
        server.stdin.close()
        server.wait(10)


def cpu() -> float:
    """Return the CPU seconds of this process, all its threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def expected(does: str, pages: int) -> int:
    """Return the checksum of a walk over so many pages."""
    read, prices = READS[does], does != "bare"
    bodies = (b"".join(page(number, pages, prices=prices)) for number in range(min(pages, DISTINCT)))
    found = [sum(read(order) for order in msgspec.json.decode(body, type=Page).items) for body in bodies]
    return sum(found[number % DISTINCT] for number in range(pages))


def backends() -> dict[str, ModuleType]:
    """Return what aiohttp can unpack with."""
    try:
        return {"zlib": zlib, "isal": import_module("isal.isal_zlib")}
    except ModuleNotFoundError:
        return {"zlib": zlib}


async def measure(port: int, works: list[str], names: list[str], rounds: int, pages: int, gets: int) -> Seconds:
    """Return each work's CPU seconds for one order or request, by peer and round; the first round warms up.

    A peer's share of the GETs is at least eight for each of those at once, and its connections are made before.
    """
    peers = {name: peer for name in names if (peer := load(name)) is not None}
    for name in set(names) - peers.keys():
        print(f"{name}: not installed", file=sys.stderr)
    unpack = backends()
    taken: Seconds = {work: {name: [] for name in peers if _does(name, work)} for work in works}
    sums: dict[tuple[str, int], int] = {}
    for number in range(rounds + 1):
        for work in works:
            stream, at_once = STREAMS.get(work), SMALL.get(work, 0)
            if stream is not None and stream.backend not in unpack:
                continue
            for name in taken[work] if number % 2 else reversed(taken[work]):
                share = PEERS[name].share
                peer: Peer = peers[name](port)
                units = max(gets // share, 8 * at_once) if stream is None else pages // share * PAGE
                await many(peer.small, 2 * (at_once or 1), at_once or 1)
                if stream is None:
                    before = cpu()
                    read, wanted = await many(peer.small, units, at_once), units
                else:
                    key = stream.does, pages // share
                    wanted = sums[key] = sums[key] if key in sums else expected(*key)
                    aiohttp.set_zlib_backend(unpack[stream.backend])
                    before = cpu()
                    read = await stream.run(peer, pages // share)
                seconds = cpu() - before
                await peer.close()
                if read != wanted:
                    sys.exit(f"{work}: {name} read something else: {read} and not {wanted}")
                if number:
                    taken[work][name].append(seconds / units)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return {work: {name: values for name, values in found.items() if values} for work, found in taken.items()}


def _does(name: str, work: str) -> bool:
    """Tell whether a peer takes part in a work: of the streams, those of others only the one in full, unpacked."""
    stream = STREAMS.get(work)
    does = PEERS[name].does
    return "small" in does if stream is None else stream.does in does and (work == FULL or not PEERS[name].is_other)


def ratio(taken: Seconds, work: str, peer: str) -> tuple[float, float, float]:
    """Return how much more CPU a peer takes than ours, round by round: the median, the least, the most."""
    if peer not in taken[work]:
        return nan, nan, nan
    found = [one / two for one, two in zip(taken[work][peer], taken[work]["ours"], strict=True)]
    return statistics.median(found), min(found), max(found)


def unpacking(taken: Seconds, work: str, peer: str = "ours") -> float:
    """Return the microseconds of CPU that unpacking an order takes a peer, beside which a head takes least."""
    pairs = zip(taken[work].get(peer, ()), taken[HEAD][peer], strict=False)
    return statistics.median([1e6 * (packed - plain) for packed, plain in pairs] or [nan])


def probe(name: str, peer: str, port: int, customer: str, environment: dict[str, str] | None = None) -> float:
    """Return a figure that a process of its own finds."""
    command = [sys.executable, "-m", "benchmarks.probe", name, peer, str(port), customer]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def imports(statement: str, environment: dict[str, str]) -> float:
    """Return the CPU seconds of a process that imports something."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts(rounds: int) -> dict[str, float]:
    """Return what the first import and the first order take, all modules being compiled, as pip leaves them."""
    with TemporaryDirectory() as compiled, serving() as port:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        times = [[imports(each, environment) for each in (OURS, LIMITS)] for _ in range(2 * rounds + 1)]
        peers = "ours", "by hand"
        firsts = [[probe("first", peer, port, "plain-1", environment) for peer in peers] for _ in range(rounds + 1)]
    return {
        name: statistics.median(ours / least for ours, least in found[1:])
        for name, found in (("import", times), ("first order", firsts))
    }


def others(parts: list[str], rounds: int) -> dict[str, float]:
    """Return what is no ratio of CPU between peers."""
    found: dict[str, float] = {}
    if "start" in parts:
        found |= starts(rounds)
    if "jobs" in parts:
        with serving(0.05) as port:
            for caller in ("sleeping", "computing"):
                took = [probe("ahead", caller, port, "plain-20") for _ in range(3)]
                found[f"read-ahead, {caller}"] = statistics.median(took)
        with serving(0.02) as port:
            found["fan-out"] = statistics.median(probe("fan", "ours", port, "") for _ in range(3)) / 1600
    with serving() as port:
        if "memory" in parts:
            for peer in ("ours", SAME, "by hand"):
                found[f"kept, {peer}"] = probe("kept", peer, port, "plain-20")
            found["pinned"] = probe("pinned", "ours", port, "plain-20")
            for pages in (10, 1000):
                found[f"peak, {pages}"] = probe("peak", "ours", port, f"plain-{pages}")
        if "block" in parts:
            blocks = [[probe("block", peer, port, LARGE) for peer in ("ours", "by hand")] for _ in range(rounds)]
            for peer, values in zip(("ours", "by hand"), zip(*blocks, strict=True), strict=True):
                found[f"block, {peer}"] = statistics.median(values)
    return found


class Row(NamedTuple):
    """A goal and what was reached; one without a goal stands beside the one above."""

    what: str
    goal: float | None
    reached: float
    most: bool = False
    unit: str = ""

    def __str__(self) -> str:
        """Return the row of a Markdown table."""
        met = self.goal is None or (self.reached <= self.goal if self.most else self.reached >= self.goal)
        wanted = "" if self.goal is None else f"{'≤' if self.most else '≥'} {self.goal:,g}{self.unit}"
        shown = f"{self.reached:,.0f}" if self.reached >= 100 else f"{self.reached:.2f}"
        shown = "not measured" if isnan(self.reached) else f"{shown}{self.unit}{'' if met else ' (missed)'}"
        return f"| {self.what} | {wanted} | {shown} |"


def of_streams(taken: Seconds) -> Iterator[Row]:
    """Yield what was reached in streams."""
    yield Row(f"stream in full, against {SAME}", 1, ratio(taken, FULL, SAME)[0])
    yield Row("the same, gzip", None, ratio(taken, "in full, gzip", SAME)[0])
    yield Row(f"the same, plain, against {BY_DECIMAL}", None, ratio(taken, FULL, BY_DECIMAL)[0])
    yield Row("the same, plain, against by hand", None, ratio(taken, FULL, "by hand")[0])
    yield Row("stream without prices, against by hand", 1, ratio(taken, "without prices", "by hand")[0])
    yield Row("the same, gzip", None, ratio(taken, "without prices, gzip", "by hand")[0])
    yield Row(f"the same, plain, against {SAME}", None, ratio(taken, "without prices", SAME)[0])
    yield Row("stream `into` a head, against full structs by hand", 2, ratio(taken, HEAD, "by hand")[0])
    yield Row("the same, gzip", 2, ratio(taken, "head, gzip", "by hand")[0])
    yield Row("the same, plain, both into a head", None, ratio(taken, HEAD, "by hand, into a head")[0])
    yield Row("gzip, unpacking an order with isal", 2.5, unpacking(taken, "head, gzip by isal"), most=True, unit=" us")
    yield Row("the same by hand", None, unpacking(taken, "head, gzip by isal", "by hand, into a head"), unit=" us")
    yield Row("the same with zlib", None, unpacking(taken, "head, gzip"), unit=" us")
    for peer, goal in STREAM_GOALS.items():
        yield Row(f"stream in full, against {peer}", goal, ratio(taken, FULL, peer)[0])


def of_gets(taken: Seconds) -> Iterator[Row]:
    """Yield what was reached in small GETs."""
    for work in SMALL:
        yield Row(f"{work}, against {SAME}", 1, ratio(taken, work, SAME)[0])
        yield Row("the same, against by hand", 0.85, ratio(taken, work, "by hand")[0])
    for peer, goal in SMALL_GOALS.items():
        yield Row(f"small GETs, 32 at once, against {peer}", goal, ratio(taken, "small GETs, 32 at once", peer)[0])


def of_jobs(found: dict[str, float]) -> Iterator[Row]:
    """Yield what was reached in jobs."""
    for caller in ("sleeping", "computing"):
        yield Row(f"reading ahead of a {caller} caller, of 2", 1.8, found[f"read-ahead, {caller}"])
    yield Row("fan-out, 20 ms server, 32 at once, of the ideal", 0.93, found["fan-out"])


def of_memory(found: dict[str, float]) -> Iterator[Row]:
    """Yield what was reached in memory."""
    grown = found["peak, 1000"] - found["peak, 10"]
    yield Row("peak of the process, 200,000 orders over 2,000", 3, grown, most=True, unit=" MB")
    ours = found["kept, ours"]
    yield Row(f"memory of an order in `collect()`, of {SAME}", 1, ours / found[f"kept, {SAME}"], most=True)
    yield Row("the same, of by hand", None, ours / found["kept, by hand"])
    yield Row("memory held by one order out of each page", 16384, found["pinned"], most=True, unit=" bytes")


def goals(taken: Seconds, found: dict[str, float], parts: list[str]) -> str:
    """Return the goals with what was reached, as a Markdown table."""
    rows: list[Row] = []
    rows.extend(of_streams(taken) if "streams" in parts else ())
    rows.extend(of_gets(taken) if "gets" in parts else ())
    rows.extend(of_jobs(found) if "jobs" in parts else ())
    rows.extend(of_memory(found) if "memory" in parts else ())
    if "block" in parts:
        what = "longest block of the event loop by a page of 50 MB"
        rows.append(Row(what, 150, found["block, ours"], most=True, unit=" ms"))
        rows.append(Row("the same by hand", None, found["block, by hand"], unit=" ms"))
    if "start" in parts:
        rows.append(Row("import, of aiohttp + msgspec + backoff", 1.05, found["import"], most=True))
        rows.append(Row("CPU to the first order, of by hand", 1.1, found["first order"], most=True))
    return "\n".join(["| What | Goal | Reached |", "|---|---:|---:|", *map(str, rows)])


STREAM_GOALS = {
    "httpx + pydantic": 3.0,
    "openai, base client": 20.0,
    "azure-core, TypeSpec models": 28.0,
    "kiota": 8.0,
    "partnercenterservices": 13.0,
}
SMALL_GOALS = {"httpx + pydantic": 15.0, "openai, base client": 6.0, "azure-core": 2.5}


def table(taken: Seconds, kinds: list[str], *, alone: bool) -> str:
    """Return each peer's CPU as multiples of ours, with the spread of the rounds."""
    works = [work for work in kinds if taken.get(work)]
    lines = ["| Peer | " + " | ".join(works) + " |", "|---|" + "---:|" * len(works)]
    ours = [f"{statistics.median(taken[work]['ours']) * 1e6:.1f} us" for work in works]
    lines.append("| **ours**, CPU | " + " | ".join(ours) + " |")
    for peer, place in PEERS.items():
        if peer != "ours" and not (alone and place.is_other) and any(peer in taken[work] for work in works):
            cells = [ratio(taken, work, peer) for work in works]
            shown = ["" if isnan(mid) else f"{mid:.2f} ({low:.2f} to {high:.2f})" for mid, low, high in cells]
            lines.append(f"| {peer} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def plot(taken: Seconds, file: str) -> None:
    """Draw the CPU of each peer for a stream in full and for small GETs."""
    import matplotlib as mpl  # noqa: PLC0415 - only who wants a picture needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    shown = ((FULL, "CPU for one order, us"), ("small GETs, 32 at once", "CPU for one request, us"))
    for axis, (work, label) in zip(axes, shown, strict=True):
        medians = {name: statistics.median(values) * 1e6 for name, values in taken[work].items()}
        names = sorted(medians, key=lambda name: -medians[name])
        bars = axis.barh(names, [medians[name] for name in names], color="#8fa3b8")
        for bar, name in zip(bars, names, strict=True):
            if name == "ours":
                bar.set_color("#c4552d")
        axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.set_title(f"stream {work}" if work in STREAMS else work)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


PACKAGES = ("aiohttp", "msgspec", "backoff", "isal", "orjson", "pyreqwest", "httpx", "pydantic", "openai", "azure-core")


def machine() -> str:
    """Name the machine and the versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    pinned = "server and client on a core each" if CORES else "not pinned to cores"
    packages: list[str] = []
    for name in PACKAGES:
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {pinned}; {python}, {', '.join(packages)}"


def sizes() -> str:
    """Tell what an order takes on the wire."""
    plain, bare_one = (sum(map(len, page(0, 2, prices=prices))) // PAGE for prices in (True, False))
    return (
        f"orders of {plain:,} bytes ({sum(map(len, packed_page(0, 2))) // PAGE:,} packed), {bare_one:,} without prices"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds (default: 9)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 7 rounds")
    parser.add_argument("--only", metavar="PARTS", default=",".join(PARTS), help="some of the default, %(default)s")
    parser.add_argument("--without-peers", action="store_true", help="none but ours and what is written by hand")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw the peers there, as PNG; needs matplotlib")
    options = parser.parse_args()
    parts = options.only.split(",")
    if set(parts) - set(PARTS):
        parser.error(f"--only takes some of {','.join(PARTS)}")
    pages, gets, rounds = (PAGES // 5, GETS // 5, 7) if options.quick else (PAGES, GETS, max(1, options.rounds))
    names = [name for name, place in PEERS.items() if not (options.without_peers and place.is_other)]
    works = [*(STREAMS if "streams" in parts else ()), *(SMALL if "gets" in parts else ())]
    found, taken = others(parts, rounds), Seconds()
    if works:
        with serving() as port:
            taken = asyncio.run(measure(port, works, names, rounds, pages, gets))
    print(f"{machine()}; {rounds} rounds, {PAGE * pages:,} {sizes()}; {gets:,} GETs\n")
    print(goals(taken, found, parts))
    if works:
        print("\nCPU as multiples of ours, the median (and spread) of the rounds:\n")
        print(table(taken, [FULL, *SMALL], alone=False))
    if "streams" in parts:
        print("\nThe other streams, beside what is written by hand:\n")
        print(table(taken, list(STREAMS), alone=True))
    if options.json:
        record = {"machine": machine(), "cpu_seconds": taken, "others": found}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    if options.plot:
        plot(taken, options.plot)


if __name__ == "__main__":
    main()
