"""Virtual time: the clock jumps over waits, and over nothing that is on its way."""

import asyncio
import contextlib
import gc
import hashlib
import os
import socket
import sys
import threading
import time
import warnings

import anyio.from_thread
import anyio.to_thread
import pytest
from helpers import connected

from partnercenter_async import AttemptTimeoutError, RetryPolicy, testing
from partnercenter_async.emulator import DataSet, Delay, Emulator, Fault, ThrottleCustomer
from partnercenter_async.testing import run_in_virtual_time


def small() -> Emulator:
    return Emulator(DataSet(customers=3, orders_per_customer=7, seed=5), page_size=3)


@pytest.mark.parametrize("told", [True, False], ids=["told-by-the-kernel", "not-told"])
def test_a_throttled_customer_of_the_emulator_costs_no_real_time(told, monkeypatch):
    if not told:
        monkeypatch.setattr(testing, "_all_arrived", lambda _descriptors: False)

    async def scenario():
        async with small() as emulator, connected(emulator, retry=RetryPolicy()) as client:
            emulator.inject(Fault(ThrottleCustomer(60), operation="orders.list"))
            orders = await client.orders.list(emulator.data.customer_id(0)).collect()
            first, second, *_ = [each.time for each in emulator.requests if each.operation == "orders.list"]
            return len(orders), second - first

    count, waited = run_in_virtual_time(scenario())
    assert count == 7
    assert 60 <= waited <= 60.5


def test_an_answer_on_its_way_is_never_overtaken_by_a_timeout():
    """The timeout is always the next timer, so a clock that jumped too early would end the call."""

    async def scenario():
        async with small() as emulator, connected(emulator, retry=RetryPolicy(tries=1), timeout=0.05) as client:
            for customer_id in [*emulator.data.customer_ids()] * 50:
                await asyncio.sleep(7)
                assert (await client.customers.get(customer_id)).id == customer_id
            return asyncio.get_running_loop().time()

    assert run_in_virtual_time(scenario()) == pytest.approx(150 * 7)


def test_a_timeout_comes_at_its_time_where_the_answer_is_late():
    async def scenario():
        async with small() as emulator, connected(emulator, retry=RetryPolicy(tries=1), timeout=30) as client:
            emulator.inject(Fault(Delay(31), operation="customers.get"))
            await client.customers.list().collect()
            begun = asyncio.get_running_loop().time()
            with pytest.raises(AttemptTimeoutError):
                await client.customers.get(emulator.data.customer_id(0))
            return asyncio.get_running_loop().time() - begun

    assert run_in_virtual_time(scenario()) == pytest.approx(30)


def test_a_body_that_its_reader_holds_up_arrives_whole():
    """Both ends wait for each other with full buffers while the clock jumps."""
    size = 8 << 20

    async def scenario():
        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(size))
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(send, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            received = 0
            while part := await reader.read(1 << 20):
                received += len(part)
                await asyncio.sleep(60)
            writer.close()
            await writer.wait_closed()
            return received

    assert run_in_virtual_time(scenario()) == size


def test_the_clock_stands_still_while_a_thread_works():
    async def scenario():
        async with asyncio.timeout(0.01):
            return await asyncio.to_thread(hashlib.pbkdf2_hmac, "sha256", b"", b"", 50_000)

    assert run_in_virtual_time(scenario()) == hashlib.pbkdf2_hmac("sha256", b"", b"", 50_000)


@pytest.mark.parametrize("limit", [None, 1], ids=["anyio's-own-limit", "a-limit-of-its-own"])
def test_the_clock_stands_still_while_a_thread_of_anyio_works(limit):
    """As a synchronous dependency of FastAPI does: anyio starts its threads past the loop's executors."""

    async def scenario():
        limiter = limit and anyio.CapacityLimiter(limit)
        async with small() as emulator, connected(emulator) as client, asyncio.timeout(0.05):
            for _ in range(3):  # in a new thread, and in one that was idle
                await anyio.to_thread.run_sync(time.sleep, 0.1, limiter=limiter)
            count = len(await client.customers.list().collect())
        await asyncio.sleep(3600)
        return count, asyncio.get_running_loop().time()

    assert run_in_virtual_time(scenario()) == (3, 3600)


def test_a_thread_of_anyio_is_waited_for_where_nothing_else_can_end_the_wait(monkeypatch):
    monkeypatch.setattr(testing, "_PATIENCE", 0.01)

    async def scenario():
        with anyio.CancelScope(shield=True):
            return await anyio.to_thread.run_sync(lambda: time.sleep(0.1) or "done")

    assert run_in_virtual_time(scenario()) == "done"


def test_a_thread_of_anyio_that_nobody_waits_for_holds_up_one_wait_at_most(monkeypatch):
    monkeypatch.setattr(testing, "_PATIENCE", 0.2)

    async def scenario():
        end = threading.Event()
        with anyio.move_on_after(1):
            await anyio.to_thread.run_sync(end.wait, 20, abandon_on_cancel=True)
        begun = time.monotonic()
        for _ in range(100):
            await asyncio.sleep(36)
        took = time.monotonic() - begun
        end.set()
        return asyncio.get_running_loop().time(), took

    at, took = run_in_virtual_time(scenario())
    assert at == 3601
    assert took < 10


def test_a_thread_of_anyio_may_wait_for_the_loop(monkeypatch):
    monkeypatch.setattr(testing, "_PATIENCE", 0.01)

    async def scenario():
        await anyio.to_thread.run_sync(anyio.from_thread.run, asyncio.sleep, 60)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(scenario()) == 60


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_kernel_tells_whether_all_that_was_sent_has_arrived():
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        near = stack.enter_context(socket.create_connection(listener.getsockname()))
        far = stack.enter_context(listener.accept()[0])
        datagrams = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        pipe = [stack.enter_context(os.fdopen(each, mode)) for each, mode in zip(os.pipe(), ("rb", "wb"), strict=True)]
        pair = [stack.enter_context(each) for each in socket.socketpair()]
        everyone = [each.fileno() for each in (listener, near, far, *pair)]
        assert testing._all_arrived(everyone)
        near.send(b"arrives unread")
        assert testing._all_arrived(everyone)
        assert not testing._all_arrived([near.fileno()])
        assert not testing._all_arrived([*everyone, datagrams.fileno()])
        assert not testing._all_arrived([*everyone, pipe[0].fileno()])
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(bytes(1 << 16))
        assert not testing._all_arrived(everyone)
        near.shutdown(socket.SHUT_WR)
        assert not testing._all_arrived(everyone)


def test_a_thread_that_nobody_waits_for_any_more_holds_up_nothing():
    async def scenario():
        end = threading.Event()
        job = asyncio.ensure_future(asyncio.to_thread(end.wait, 20))
        await asyncio.sleep(0)
        job.cancel()
        await asyncio.sleep(3600)
        end.set()
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(scenario()) == 3600


def test_a_thread_that_waits_for_the_loop_gets_its_turn(monkeypatch):
    monkeypatch.setattr(testing, "_PATIENCE", 0.01)

    async def scenario():
        end = threading.Event()
        asyncio.get_running_loop().call_later(60, end.set)
        return await asyncio.to_thread(end.wait, 20)

    assert run_in_virtual_time(scenario())


def test_a_loop_that_only_listens_says_that_nothing_can_come():
    async def scenario():
        async with small():
            await asyncio.get_running_loop().create_future()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match="nothing is left that could end the wait"):
            run_in_virtual_time(scenario())
        gc.collect()  # an emulator left open would warn


async def test_virtual_time_within_a_running_loop_says_where_it_belongs():
    async def scenario():
        """Never begun, and closed, so that nothing warns."""

    with pytest.raises(RuntimeError, match="use it in a plain function"):
        run_in_virtual_time(scenario())
