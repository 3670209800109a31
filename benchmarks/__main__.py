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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from math import isnan, nan
from pathlib import Path

import msgspec

from benchmarks.payload import PAGE, page
from benchmarks.peers import PEERS, Peer, load, many
from benchmarks.plain import Page, full, thin

PAGES, GETS = 100, 4000
LIMITS = "import aiohttp, msgspec, backoff"
STREAMS: dict[str, Callable[[Peer], Awaitable[int]]] = {
    "stream, thin": lambda peer: peer.thin(),
    "stream, full": lambda peer: peer.full(),
}
READS = {"stream, thin": thin, "stream, full": full}
AT_ONCE = (1, 32, 256)
WORKS = [*STREAMS, *(f"small GETs, {at_once} at once" for at_once in AT_ONCE)]
HEAD = "ours, into a head"
Seconds = dict[str, dict[str, list[float]]]


@contextmanager
def serving(pages: int, seconds: float = 0.0) -> Iterator[tuple[int, int]]:
    """Run the server beside; gives its port and the bytes of a page."""
    command = [sys.executable, "-m", "benchmarks.server", str(pages), str(seconds)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        port, size = map(int, server.stdout.readline().split())
        yield port, size
    finally:
        server.stdin.close()
        server.wait(10)


def cpu() -> float:
    """Return the CPU seconds of this process, all its threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def expected(read: Callable[[object], int], pages: int) -> int:
    """Return the checksum of a walk over so many pages."""
    bodies = (b"".join(page(number, pages)) for number in range(pages))
    return sum(read(order) for body in bodies for order in msgspec.json.decode(body, type=Page).items)


async def measure(ports: dict[int, int], rounds: int, pages: int, gets: int) -> Seconds:
    """Return each work's CPU seconds for one order or request, by peer and round; the first round warms up.

    A peer's share of the GETs is at least eight for each of those at once, and its connections are made before.
    """
    peers = {name: peer for name in PEERS if (peer := load(name)) is not None}
    for name in PEERS.keys() - peers.keys():
        print(f"{name}: not installed", file=sys.stderr)
    sums = {(work, share): expected(READS[work], pages // share) for work in STREAMS for share in ports}
    taken: Seconds = {work: {name: [] for name in peers} for work in WORKS}
    for number in range(rounds + 1):
        for work in WORKS:
            for name in peers if number % 2 else reversed(peers):
                share = PEERS[name][2]
                peer = peers[name](ports[share])
                at_once = 0 if work in STREAMS else int(work.split()[2])
                units = pages // share * PAGE if work in STREAMS else max(gets // share, 8 * at_once)
                await many(peer.small, 2 * (at_once or 1), at_once or 1)
                before = cpu()
                read = await (STREAMS[work](peer) if work in STREAMS else many(peer.small, units, at_once))
                seconds = cpu() - before
                await peer.close()
                if read != (sums[work, share] if work in STREAMS else units):
                    sys.exit(f"{work}: {name} read something else: {read}")
                if number:
                    taken[work][name].append(seconds / units)
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return taken


def ratio(taken: Seconds, work: str, peer: str, other: str = "ours") -> tuple[float, float, float]:
    """Return how much more CPU a peer takes than another, round by round: the median, the least, the most."""
    if peer not in taken[work]:
        return nan, nan, nan
    found = [one / two for one, two in zip(taken[work][peer], taken[work][other], strict=True)]
    return statistics.median(found), min(found), max(found)


def probe(name: str, peer: str, port: int = 0) -> float:
    """Return a figure that a process of its own finds."""
    command = [sys.executable, "-m", "benchmarks.probe", name, peer, str(port)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def imports(statement: str) -> float:
    """Return the CPU seconds of a process that imports something."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def others(rounds: int) -> dict[str, float]:
    """Return what is no ratio of CPU between peers."""
    found: dict[str, float] = {}
    times = [(imports("from partnercenter_async import Order"), imports(LIMITS)) for _ in range(2 * rounds)]
    found["import"] = statistics.median(ours for ours, _ in times) / statistics.median(least for _, least in times)
    with serving(1) as (port, _):
        firsts = [(probe("first", "ours", port), probe("first", "by hand", port)) for _ in range(rounds)]
    found["first order"] = statistics.median(ours / hand for ours, hand in firsts)
    with serving(20, 0.05) as (port, _):
        for caller in ("sleeping", "computing"):
            found[f"read-ahead, {caller}"] = statistics.median(probe("ahead", caller, port) for _ in range(3))
    with serving(1, 0.02) as (port, _):
        found["fan-out"] = statistics.median(probe("fan", "ours", port) for _ in range(3)) / 1600
    with serving(20) as (port, _):
        for peer in ("ours", "by hand"):
            found[f"kept, {peer}"] = probe("kept", peer, port)
        found["pinned"] = probe("pinned", "ours", port)
    peaks: list[float] = []
    for pages in (10, 1000):
        with serving(pages) as (port, _):
            peaks.append(probe("peak", "ours", port))
    found["peak of 2,000"], found["peak of 200,000"] = peaks
    return found


def goals(taken: Seconds, found: dict[str, float]) -> str:
    """Return the goals with what was reached, as a Markdown table."""
    lines = ["| What | Goal | Reached |", "|---|---:|---:|"]

    def line(what: str, goal: float | None, reached: float, *, most: bool = False, unit: str = "") -> None:
        met = goal is None or (reached <= goal if most else reached >= goal)
        wanted = "" if goal is None else f"{'≤' if most else '≥'} {goal:g}{unit}"
        shown = f"{reached:,.0f}" if reached >= 100 else f"{reached:.2f}"
        shown = "not measured" if isnan(reached) else f"{shown}{unit}{'' if met else ' (missed)'}"
        lines.append(f"| {what} | {wanted} | {shown} |")

    line("stream, thin, against by hand", 1.6, ratio(taken, "stream, thin", "by hand")[0])
    line("the same, `into` a head against full structs by hand", None, ratio(taken, "stream, thin", "by hand", HEAD)[0])
    line("the same, both into a head", None, ratio(taken, "stream, thin", "by hand, into a head", HEAD)[0])
    line("stream, full, against by hand", 0.9, ratio(taken, "stream, full", "by hand")[0])
    for peer, goal in STREAM_GOALS.items():
        line(f"stream, thin, against {peer}", goal, ratio(taken, "stream, thin", peer)[0])
    for work in WORKS[len(STREAMS) :]:
        line(f"{work}, against by hand", 0.85, ratio(taken, work, "by hand")[0])
    for peer, goal in SMALL_GOALS.items():
        line(f"small GETs, 32 at once, against {peer}", goal, ratio(taken, "small GETs, 32 at once", peer)[0])
    for caller in ("sleeping", "computing"):
        line(f"reading ahead of a {caller} caller, of 2", 1.8, found[f"read-ahead, {caller}"])
    line("fan-out, 20 ms server, 32 at once, of the ideal", 0.93, found["fan-out"])
    grown = found["peak of 200,000"] - found["peak of 2,000"]
    line("peak of the process, 200,000 orders over 2,000", 3, grown, most=True, unit=" MB")
    line("memory of an order in `collect()`, of by hand's", 1, found["kept, ours"] / found["kept, by hand"], most=True)
    line("memory held by one order out of each page", 16384, found["pinned"], most=True, unit=" bytes")
    line("import, of aiohttp + msgspec + backoff", 1.05, found["import"], most=True)
    line("CPU to the first order, of by hand", 1.1, found["first order"], most=True)
    return "\n".join(lines)


STREAM_GOALS = {
    "httpx + pydantic": 10.0,
    "openai, base client": 28.0,
    "azure-core, TypeSpec models": 70.0,
    "kiota": 23.0,
    "partnercenterservices": 36.0,
}
SMALL_GOALS = {"httpx + pydantic": 15.0, "openai, base client": 6.0, "azure-core": 2.5}


def table(taken: Seconds) -> str:
    """Return each peer's CPU as multiples of ours, with the spread of the rounds."""
    lines = ["| Peer | " + " | ".join(WORKS) + " |", "|---|" + "---:|" * len(WORKS)]
    ours = [f"{statistics.median(taken[work]['ours']) * 1e6:.1f} us" for work in WORKS]
    lines.append("| **ours**, CPU | " + " | ".join(ours) + " |")
    for peer in taken[WORKS[0]]:
        if peer != "ours":
            cells = [ratio(taken, work, peer) for work in WORKS]
            lines.append(
                f"| {peer} | " + " | ".join(f"{mid:.2f} ({low:.2f} to {high:.2f})" for mid, low, high in cells) + " |"
            )
    return "\n".join(lines)


def plot(taken: Seconds, file: str) -> None:
    """Draw the CPU of each peer for a thin stream and for small GETs."""
    import matplotlib as mpl  # noqa: PLC0415 - only who wants a picture needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    shown = (("stream, thin", "CPU for one order, us"), ("small GETs, 32 at once", "CPU for one request, us"))
    for axis, (work, label) in zip(axes, shown, strict=True):
        medians = {name: statistics.median(values) * 1e6 for name, values in taken[work].items()}
        names = sorted(medians, key=lambda name: -medians[name])
        bars = axis.barh(names, [medians[name] for name in names], color="#8fa3b8")
        for bar, name in zip(bars, names, strict=True):
            if name.startswith("ours"):
                bar.set_color("#c4552d")
        axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axis.set_xscale("log")
        axis.set_xlabel(label)
        axis.set_title(work)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def machine() -> str:
    """Name the machine and the versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    pinned = "server and client on a core each" if hasattr(os, "sched_setaffinity") else "not pinned to cores"
    packages: list[str] = []
    for name in ("aiohttp", "msgspec", "backoff", "orjson", "pyreqwest", "httpx", "pydantic", "openai", "azure-core"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {pinned}; {python}, {', '.join(packages)}"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds (default: 9)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 7 rounds")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE", help="draw the peers there, as PNG; needs matplotlib")
    options = parser.parse_args()
    pages, gets, rounds = (PAGES // 5, GETS // 5, 7) if options.quick else (PAGES, GETS, max(1, options.rounds))
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        cores = os.sched_getaffinity(0)
        found = others(rounds)
        os.sched_setaffinity(0, {max(cores)})
    else:
        cores, found = set[int](), others(rounds)
    shares = sorted({share for _, _, share in PEERS.values()})
    with ExitStack() as servers:
        running = {share: servers.enter_context(serving(pages // share)) for share in shares}
        if cores:
            os.sched_setaffinity(0, {min(cores)})
        taken = asyncio.run(measure({share: port for share, (port, _) in running.items()}, rounds, pages, gets))
    size = running[1][1]
    print(f"{machine()}; {rounds} rounds, {PAGE * pages} orders of {size // PAGE} bytes, {gets} GETs\n")
    print(goals(taken, found), "\n\nCPU as multiples of ours, the median (and spread) of the rounds:\n", sep="")
    print(table(taken))
    if options.json:
        record = {"machine": machine(), "cpu_seconds": taken, "others": found}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    if options.plot:
        plot(taken, options.plot)


if __name__ == "__main__":
    main()
