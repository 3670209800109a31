"""The benchmarks compare like with like: what is measured here reads the same from the same bytes."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import designs
from benchmarks.payload import page
from benchmarks.peers import PEERS, ByHand, Ours, OursInto, many

ROOT = Path(__file__).parent.parent


@pytest.fixture
def port():
    command = [sys.executable, "-m", "benchmarks.server", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline().split()[0])
        server.communicate("")


@pytest.mark.parametrize("kind", [Ours, OursInto])
async def test_the_client_reads_what_is_read_by_hand(port, kind):
    hand, client = ByHand(port), kind(port)
    for read in ("thin", "full", "small"):
        assert await getattr(client, read)() == await getattr(hand, read)() > 0
    assert await many(client.small, 20, 5) == await many(hand.small, 20, 5) == 20
    await asyncio.gather(hand.close(), client.close())


def test_all_designs_read_the_same():
    body = b"".join(page(0, 2))
    for way in ("thin", "full"):
        reads = [(design, getattr(design, way)) for design in designs.DESIGNS.values()]
        sums = {sum(read(order) for order in design.decode(body)) for design, read in reads if read is not None}
        assert len(sums) == 1


def test_every_peer_has_a_module():
    assert all((ROOT / f"{module.replace('.', '/')}.py").exists() for module, _, _ in PEERS.values())
