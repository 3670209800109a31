"""The benchmarks compare like with like: what is measured here reads the same from the same bytes."""

import asyncio
import json
import subprocess
import sys
import zlib
from pathlib import Path

import aiohttp
import msgspec
import pytest

from benchmarks import __main__ as benchmark
from benchmarks import designs, guard, probe
from benchmarks.payload import PAGE, large_page, packed_page, page
from benchmarks.peers import PEERS, ByHand, load, many
from partnercenter_async import Order, ResourceCollection
from partnercenter_async._session.decoding import decode

ROOT = Path(__file__).parent.parent


@pytest.fixture
def port():
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate("")


OWN = [name for name, place in PEERS.items() if not place.is_other]


@pytest.mark.parametrize("name", OWN)
async def test_the_client_and_the_loops_by_hand_read_the_same(port, name):
    peer, hand = load(name)(port), ByHand(port)
    for does in PEERS[name].does:
        if does == "small":
            assert await many(peer.small, 20, 5) == await many(hand.small, 20, 5) == 20
            continue
        for listing in ("plain-2", "packed-2"):
            assert await getattr(peer, does)(listing) == benchmark.expected(does, 2) > 0
    await asyncio.gather(peer.close(), hand.close())


def fields_in(value):
    """Return the fields that have a value, in a model and in those within."""
    if isinstance(value, tuple):
        return set().union(*map(fields_in, value))
    if not isinstance(value, msgspec.Struct):
        return set()
    held = {field: inner for field in value.__struct_fields__ if (inner := getattr(value, field)) not in (None, ())}
    return {(type(value), field) for field in held}.union(*map(fields_in, held.values()))


@pytest.mark.parametrize("prices", [True, False])
def test_an_order_has_each_field_that_is_documented_of_it(prices):
    for order in decode(b"".join(page(0, 1, prices=prices)), ResourceCollection[Order]).items:
        found = fields_in(order)
        missing = {(kind, field) for kind, _ in found for field in kind.__struct_fields__} - found
        assert {field for _, field in missing} == (set() if prices else {"pricing", "total_price"})
        assert sum(line.provisioning_context is not None for line in order.line_items) == 3


def test_no_date_comes_twice():
    orders = [order for number in range(3) for order in json.loads(b"".join(page(number, 3)))["items"]]
    dates = [order["creationDate"] for order in orders]
    dates += [line["customTermEndDate"] for order in orders for line in order["lineItems"]]
    assert len(dates) == len(set(dates)) == 3 * PAGE * 4
    assert {len(date) for date in dates} == {19, 20, 28, 33}


@pytest.mark.parametrize("prices", [True, False])
def test_a_packed_page_is_the_page(prices):
    for number in (0, 1):
        packed = b"".join(packed_page(number, 2, "c", prices=prices))
        assert zlib.decompress(packed, zlib.MAX_WBITS + 16) == b"".join(page(number, 2, "c", prices=prices))


async def test_what_is_packed_goes_to_those_alone_who_can_unpack(port):
    async with aiohttp.ClientSession() as session:
        for asked, status in (("gzip, deflate", 200), ("identity", 406)):
            url = f"http://127.0.0.1:{port}/v1/customers/packed-1/orders"
            async with session.get(url, headers={"Accept-Encoding": asked}) as answer:
                assert answer.status == status


async def test_a_page_that_blocks_the_event_loop_is_seen_to_do_so(port):
    assert 2_000_000 <= len(large_page(2_000_000)) < 2_010_000
    for peer in ("ours", "by hand"):
        assert await probe.block(peer, port, "large-2000000") > 6


def test_a_goal_that_is_missed_says_so():
    rows = benchmark.Row("a", 1.0, 0.97), benchmark.Row("b", 150, 151.0, most=True, unit=" ms")
    assert [str(row) for row in rows] == ["| a | ≥ 1 | 0.97 (missed) |", "| b | ≤ 150 ms | 151 ms (missed) |"]
    assert str(benchmark.Row("c", 1.0, 1.0)) == "| c | ≥ 1 | 1.00 |"
    assert str(benchmark.Row("d", None, 0.5)) == "| d |  | 0.50 |"


async def test_the_guard_works_on_each_of_its_bodies():
    for name in guard.COUNTS:
        await guard.work(name, 2, guard.bodies(name)[:2])


def test_all_designs_read_the_same():
    body = b"".join(page(0, 2))
    for way in ("thin", "full"):
        reads = [(design, getattr(design, way)) for design in designs.DESIGNS.values()]
        sums = {sum(read(order) for order in design.decode(body)) for design, read in reads if read is not None}
        assert len(sums) == 1


def test_every_peer_has_a_module():
    assert all((ROOT / f"{place.module.replace('.', '/')}.py").exists() for place in PEERS.values())
