"""What needs a process of its own: ``python -m benchmarks.probe NAME PEER PORT CUSTOMER`` prints one figure."""

import asyncio
import gc
import resource
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
from yarl import URL


async def by_hand(port: int, customer: str, kind: str = "Page") -> AsyncIterator[list[Any]]:
    """Give the pages of the orders as a hand-written loop does."""
    from benchmarks import plain  # noqa: PLC0415 - the probes that begin with the import time it

    decoder = msgspec.json.Decoder(getattr(plain, kind))
    path, headers = f"/customers/{customer}/orders?include_price=true", dict[str, str]()
    async with aiohttp.ClientSession() as session:
        while path:
            url = URL(f"http://127.0.0.1:{port}/v1{path}", encoded=True)
            async with session.get(url, headers=headers) as answer:
                page = decoder.decode(await answer.read())
            yield page.items
            following = None if page.links is None else page.links.next
            path = following.uri if following else ""
            headers = {each.key: each.value for each in following.headers} if following else {}


class Credential:
    """Gives one token, without azure, which the hand-written loop does not import either."""

    async def get_token(self, *_scopes: str, **_options: Any) -> Any:
        return SimpleNamespace(token="x", expires_on=time.time() + 1e9)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Any]:
    """Give this client."""
    from benchmarks.client import client  # noqa: PLC0415

    credential: Any = Credential()
    async with client(f"http://127.0.0.1:{port}", credential) as made:
        yield made


async def ours(port: int, customer: str) -> AsyncIterator[list[Any]]:
    """Give the pages of the orders from this client."""
    async with client(port) as made:
        async for page in made.orders.list(customer, include_price=True).pages():
            yield page.items


PAGES: dict[str, Callable[[int, str], AsyncIterator[Any]]] = {
    "by hand": by_hand,
    "by hand, the same work": partial(by_hand, kind="ExactPage"),
    "ours": ours,
}


async def peak(peer: str, port: int, customer: str) -> float:
    """Return the peak of the whole process in MB, having streamed everything."""
    async with aclosing(PAGES[peer](port, customer)) as pages:
        async for page in pages:
            for order in page:
                assert order.id
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def kept(peer: str, port: int, customer: str) -> float:
    """Return the bytes that each order takes that is kept."""
    return await _held(peer, port, customer, lambda page: page)


async def pinned(peer: str, port: int, customer: str) -> float:
    """Return the bytes that stay for one order kept out of each page."""
    return await _held(peer, port, customer, lambda page: page[:1])


async def _held(peer: str, port: int, customer: str, keep: Callable[[Any], Any]) -> float:
    found: list[Any] = []
    async with aclosing(PAGES[peer](port, customer)) as pages:
        async for page in pages:
            if not found:
                tracemalloc.start()  # after the first page, with all that is made once
                found.append(page[0])
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
                continue
            found.extend(keep(page))
            del page
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - before) / (len(found) - 1)


async def first(peer: str, port: int, customer: str) -> float:
    """Return the CPU seconds from the process's start to the first order."""
    async with aclosing(PAGES[peer](port, customer)) as pages:
        async for page in pages:
            assert page[0].id
            return time.process_time()
    raise AssertionError


async def ahead(peer: str, port: int, customer: str) -> float:
    """Return how often faster a walk is that reads ahead, for a caller who sleeps or computes as long as the server."""
    seconds = 0.05

    async def work() -> None:
        if peer == "sleeping":
            await asyncio.sleep(seconds)
        else:
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                pass

    async with client(port) as made:

        async def plainly() -> None:
            async for page in made.orders.list(customer).pages():
                assert page.items
                await work()

        async def reading_ahead() -> None:
            number = 0
            async with made.orders.list(customer).read_ahead() as orders:
                async for _ in orders:
                    number += 1
                    if number % 200 == 1:
                        await work()

        async def took(run: Callable[[], Awaitable[None]]) -> float:
            begun = time.perf_counter()
            await run()
            return time.perf_counter() - begun

        await took(plainly)
        return await took(plainly) / await took(reading_ahead)


async def fan(peer: str, port: int, customer: str) -> float:
    """Return the requests a second of a fan-out, 32 at once."""
    from partnercenter_async import fan_out  # noqa: PLC0415

    del peer, customer
    async with client(port) as made:

        async def call(order: int) -> int:
            return len(await made.orders.provisioning_status("c", str(order)).collect())

        async for _ in fan_out(range(200), call, concurrency=32):
            pass
        begun = time.perf_counter()
        async for outcome in fan_out(range(4000), call, concurrency=32):
            assert outcome.value == 1
        return 4000 / (time.perf_counter() - begun)


async def block(peer: str, port: int, customer: str) -> float:
    """Return the longest time in milliseconds between two wake-ups of a task that sleeps 5 while pages are fetched."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - before)

    async for _ in PAGES[peer](port, "plain-1"):  # with all that is made once
        pass
    beating = asyncio.create_task(beat())
    fetched = [page async for page in PAGES[peer](port, customer)]
    await asyncio.sleep(0.01)  # with the page still there: giving it up is its caller's matter
    beating.cancel()
    assert fetched[0]
    return longest * 1000


PROBES = {each.__name__: each for each in (peak, kept, pinned, first, ahead, fan, block)}

if __name__ == "__main__":
    print(asyncio.run(PROBES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])))
