"""What needs a process of its own: ``python -m benchmarks.probe NAME PEER PORT`` prints one figure."""

import asyncio
import gc
import resource
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
from yarl import URL


async def by_hand(port: int) -> AsyncIterator[list[Any]]:
    """Give the pages of the orders as a hand-written loop does."""
    from benchmarks.plain import Page  # noqa: PLC0415 - the probes that begin with the import time it

    decoder = msgspec.json.Decoder(Page)
    path, headers = "/customers/c/orders?include_price=true", dict[str, str]()
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
    from partnercenter_async import Cloud, PartnerCenterClient  # noqa: PLC0415

    cloud = Cloud(endpoint=f"http://127.0.0.1:{port}", authority="https://localhost", scope="x/.default")
    credential: Any = Credential()
    async with PartnerCenterClient(credential, cloud=cloud) as made:
        yield made


async def ours(port: int) -> AsyncIterator[list[Any]]:
    """Give the pages of the orders from this client."""
    async with client(port) as made:
        async for page in made.orders.list("c", include_price=True).pages():
            yield page.items


PAGES = {"by hand": by_hand, "ours": ours}


async def peak(peer: str, port: int) -> float:
    """Return the peak of the whole process in MB, having streamed everything."""
    async with aclosing(PAGES[peer](port)) as pages:
        async for page in pages:
            for order in page:
                assert order.id
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def kept(peer: str, port: int) -> float:
    """Return the bytes that each order takes that is kept."""
    return await _held(peer, port, lambda page: page)


async def pinned(peer: str, port: int) -> float:
    """Return the bytes that stay for one order kept out of each page."""
    return await _held(peer, port, lambda page: page[:1])


async def _held(peer: str, port: int, keep: Callable[[Any], Any]) -> float:
    found: list[Any] = []
    async with aclosing(PAGES[peer](port)) as pages:
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


async def first(peer: str, port: int) -> float:
    """Return the CPU seconds from the process's start to the first order."""
    async with aclosing(PAGES[peer](port)) as pages:
        async for page in pages:
            assert page[0].id
            return time.process_time()
    raise AssertionError


async def ahead(peer: str, port: int) -> float:
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
            async for page in made.orders.list("c").pages():
                assert page.items
                await work()

        async def reading_ahead() -> None:
            number = 0
            async with made.orders.list("c").read_ahead() as orders:
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


async def fan(peer: str, port: int) -> float:
    """Return the requests a second of a fan-out, 32 at once."""
    from partnercenter_async import fan_out  # noqa: PLC0415

    del peer
    async with client(port) as made:

        async def call(order: int) -> int:
            return len(await made.orders.provisioning_status("c", str(order)).collect())

        async for _ in fan_out(range(200), call, concurrency=32):
            pass
        begun = time.perf_counter()
        async for outcome in fan_out(range(4000), call, concurrency=32):
            assert outcome.value == 1
        return 4000 / (time.perf_counter() - begun)


PROBES = {each.__name__: each for each in (peak, kept, pinned, first, ahead, fan)}

if __name__ == "__main__":
    print(asyncio.run(PROBES[sys.argv[1]](sys.argv[2], int(sys.argv[3]))))
