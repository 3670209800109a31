"""``python -m benchmarks``: client CPU of each work, peer beside peer, in one interleaved run."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers import PEERS, Peer, many

PAGES, GETS = 100, 4000


def works(pages: int, gets: int) -> dict[str, tuple[int, Callable[[Peer], Awaitable[int]]]]:
    """Return each work with the number of units in it: orders, or requests."""
    made: dict[str, tuple[int, Callable[[Peer], Awaitable[int]]]] = {
        "stream, thin": (200 * pages, lambda peer: peer.thin()),
        "stream, full": (200 * pages, lambda peer: peer.full()),
    }
    for at_once in (1, 32, 256):
        made[f"small GETs, {at_once} at once"] = (gets, lambda peer, at_once=at_once: many(peer.small, gets, at_once))
    return made


async def measure(port: int, rounds: int, pages: int, gets: int) -> dict[str, dict[str, list[float]]]:
    """Return the CPU seconds of each work and peer, round by round; the first round warms up and is dropped."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for number in range(rounds + 1):
        for work, (_, run) in works(pages, gets).items():
            sums = set[int]()
            for name in PEERS if number % 2 else reversed(PEERS):
                peer = PEERS[name](port)
                before = time.process_time()
                sums.add(await run(peer))
                taken = time.process_time() - before
                await peer.close()
                if number:
                    seconds.setdefault(work, {}).setdefault(name, []).append(taken)
            if len(sums) != 1:
                sys.exit(f"{work}: the peers read different things: {sums}")
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return seconds


def machine() -> str:
    """Name the machine and the versions."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    pinned = "server and client on a core each" if hasattr(os, "sched_setaffinity") else "not pinned to cores"
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "msgspec", "backoff"))
    return f"{model}, {os.cpu_count()} cores, {pinned}; CPython {platform.python_version()}, {packages}"


def table(seconds: dict[str, dict[str, list[float]]], pages: int, gets: int) -> str:
    """Return the ratios as a Markdown table; above 1 the client takes less CPU than the hand-written code."""
    lines = ["| Work | by hand = 1 | spread | CPU by hand | CPU ours |", "|---|---:|---:|---:|---:|"]
    for work, (units, _) in works(pages, gets).items():
        hand, ours = seconds[work]["by hand"], seconds[work]["ours"]
        ratios = [one / other for one, other in zip(hand, ours, strict=True)]
        per = [f"{statistics.median(each) / units * 1e6:.1f} us" for each in (hand, ours)]
        ratio, spread = f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"
        lines.append(f"| {work} | {ratio} | {spread} | {per[0]} | {per[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Run the server beside, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds (default: 9)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the work, 7 rounds")
    parser.add_argument("--json", metavar="FILE", help="write every round's CPU seconds there")
    options = parser.parse_args()
    pages, gets, rounds = (PAGES // 5, GETS // 5, 7) if options.quick else (PAGES, GETS, max(1, options.rounds))
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", str(pages)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        port, size = map(int, server.stdout.readline().split())
        if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        seconds = asyncio.run(measure(port, rounds, pages, gets))
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)
    print(f"{machine()}; {rounds} rounds, {200 * pages} orders of {size // (200 * pages)} bytes, {gets} GETs\n")
    print(table(seconds, pages, gets))
    if options.json:
        record = {"machine": machine(), "cpu_seconds": seconds}
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
