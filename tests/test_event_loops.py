"""The client, its emulator and the fixtures on other event loops: uvloop, and asyncio with eager tasks."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from helpers import QUICK, Fake, connected, page

from partnercenter_async import ClientClosedError, RetryPolicy, fan_out
from partnercenter_async.emulator import (
    Action,
    BrokenChunk,
    CloseAfter,
    CutBody,
    DataSet,
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    Emulator,
    ExpireToken,
    Fault,
    ThrottleCustomer,
    WrongLength,
    service_error,
)
from partnercenter_async.testing import answer, run_in_virtual_time
from pytest_partnercenter.emulated import PartnerCenter


@pytest.fixture(autouse=True)
def both_ways(way: None) -> None:
    """Each test runs twice."""


Run = Callable[[Coroutine[Any, Any, Any]], Any]

needs_eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")


def uvloop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()  # there is none for Windows


def eager() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def assert_nothing_is_left() -> None:
    """But for the tasks of the emulator, and for asyncio's own of handshakes that it ends with their connections."""
    left = [repr(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}]
    assert [each for each in left if "RequestHandler" not in each and "_accept_connection2" not in each] == []


@pytest.fixture(
    params=[asyncio.new_event_loop, uvloop, pytest.param(eager, marks=needs_eager)],
    ids=lambda factory: factory.__name__,
)
def run(request: pytest.FixtureRequest) -> Run:
    def within(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def main() -> Any:
            async with asyncio.timeout(60):
                result = await coroutine
            assert_nothing_is_left()
            return result

        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main())

    return within


def data(customers: int = 3, orders: int = 7) -> DataSet:
    return DataSet(customers=customers, orders_per_customer=orders, seed=5)


def test_a_listing_over_tls_is_whole(run: Run):
    async def scenario() -> None:
        async with Emulator(data(), page_size=2) as emulator, connected(emulator) as client:
            customer_id = emulator.data.customer_id(0)
            truth = [order["id"] for order in emulator.data.orders(customer_id)]
            assert [order.id async for order in client.orders.list(customer_id)] == truth
            async with client.orders.list(customer_id).read_ahead(pages=2) as orders:
                assert [order.id async for order in orders] == truth
            assert emulator.open_connections

    run(scenario())


@pytest.mark.parametrize(
    "action",
    [
        BrokenChunk(),
        CloseAfter(),
        CutBody(),
        Delay(0.1),
        Drip(0.0001),
        DropAfter(),
        DropBefore(),
        ExpireToken(),
        ThrottleCustomer(0.1),
        WrongLength(),
        service_error(503, 800003, "Not now."),
    ],
    ids=lambda action: type(action).__name__,
)
def test_a_fault_is_got_over(run: Run, action: Action):
    async def scenario() -> None:
        async with Emulator(data(), page_size=3) as emulator, connected(emulator) as client:
            emulator.inject(Fault(action, operation="orders.list", nth=2))
            customer_id = emulator.data.customer_id(0)
            assert len(await client.orders.list(customer_id).collect()) == 7
            emulator.assert_faults_hit()

    run(scenario())


@pytest.mark.parametrize("ordered", [False, True])
def test_a_fan_out_gives_every_outcome(run: Run, *, ordered: bool):
    async def scenario() -> None:
        async with Emulator(data(customers=20, orders=3), page_size=2) as emulator, connected(emulator) as client:
            truth = {
                (customer_id, order["id"])
                for customer_id in emulator.data.customer_ids()
                for order in emulator.data.orders(customer_id)
            }
            found = [
                (outcome.input, outcome.value.id)
                async for outcome in fan_out(
                    emulator.data.customer_ids(), client.orders.list, concurrency=4, ordered=ordered
                )
            ]
            assert len(found) == 60
            assert set(found) == truth

    run(scenario())


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_a_fan_out_of_calls_that_never_wait_ends(run: Run, count: int, *, ordered: bool):
    """Where tasks are eager, everything is done before any of them is known to have begun."""

    async def ready(number: int) -> int:
        if number == 2:
            raise ValueError(number)
        return number

    async def scenario() -> None:
        seen = []
        async for outcome in fan_out(range(count), ready, concurrency=4, ordered=ordered, progress=seen.append):
            assert (outcome.result, str(outcome.error)) in {(outcome.input, "None"), (None, str(outcome.input))}
        assert [(last.done, last.failed, last.in_flight) for last in seen[-1:]] == [(count, count > 2, 0)] * bool(count)

    run(scenario())


def test_a_fan_out_that_is_left_leaves_nothing(run: Run):
    async def scenario() -> None:
        async with Emulator(data(customers=20), page_size=2) as emulator, connected(emulator) as client:
            outcomes = fan_out(emulator.data.customer_ids(), client.orders.list, concurrency=4)
            async with contextlib.aclosing(outcomes):
                await anext(outcomes)
            assert_nothing_is_left()

    run(scenario())


def test_closing_ends_calls_under_way(run: Run):
    async def scenario() -> None:
        async with Emulator(data()) as emulator:
            emulator.inject(Fault(Delay(30), operation="customers.get", times=None))
            async with connected(emulator) as client:
                await client.customers.list().collect()
                calls = [asyncio.ensure_future(client.customers.get(emulator.data.customer_id(0))) for _ in range(40)]
                while emulator.count("customers.get") < 32:  # noqa: ASYNC110 - as many as may be under way
                    await asyncio.sleep(0)
                await client.close()
                ended = await asyncio.gather(*calls, return_exceptions=True)
                assert [type(error) for error in ended] == [ClientClosedError] * 40

    run(scenario())


def test_calls_at_once_share_one_token(run: Run):
    async def scenario() -> None:
        async with Emulator(data()) as emulator, connected(emulator) as client:
            ids = [*emulator.data.customer_ids()] * 20
            assert [each.id for each in await asyncio.gather(*map(client.customers.get, ids))] == ids
            assert emulator.count("token") == 1
            emulator.expire_tokens()
            await asyncio.gather(*map(client.customers.get, ids))
            assert emulator.count("token") == 2

    run(scenario())


def test_a_refresh_token_is_redeemed_once_at_a_time(run: Run):
    async def scenario() -> None:
        async with Emulator(data(), rotate_refresh_token=True) as emulator, connected(emulator, user=True) as client:
            ids = [*emulator.data.customer_ids()] * 20
            await asyncio.gather(*map(client.customers.get, ids))
            assert emulator.count("token") == 1

    run(scenario())


def test_parts_that_never_wait_do_for_a_client(run: Run):
    """A fake transport and a fake credential end tasks before `create_task` returns, where these are eager."""

    async def scenario() -> None:
        busy = answer({"code": 429, "description": "later"}, status=429, headers={"Retry-After": "0"})
        answers = [answer(status=401), busy, page("a", next="/v1/customers/c/orders?p=2"), page("b")]
        fake = Fake(answers, retry=QUICK)
        async with fake.client as client, client.orders.list("c").read_ahead() as orders:
            assert [order.id async for order in orders] == ["a", "b"]
        assert len(fake.credential.claims) == 2

    run(scenario())


def test_an_emulator_ends_at_once_under_half_open_connections(run: Run):
    async def scenario() -> None:
        async with contextlib.AsyncExitStack() as stack:
            emulator = await stack.enter_async_context(Emulator(data()))
            port = int(emulator.endpoint.rpartition(":")[2])
            writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(3)]
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await stack.aclose()
            for writer in writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    run(scenario())


def test_the_fixture_works(run: Run, partner_center: PartnerCenter):
    customer = partner_center.add_customer()
    order = partner_center.add_order(customer)

    async def scenario() -> list[str]:
        async with partner_center.connect() as client:
            return [each.id async for each in client.orders.list(customer)]

    assert run(scenario()) == [order]
    assert run(scenario()) == [order]


@needs_eager
def test_virtual_time_takes_eager_tasks():
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        async with Emulator(data(), page_size=3) as emulator, connected(emulator, retry=RetryPolicy()) as client:
            emulator.inject(Fault(ThrottleCustomer(60), operation="orders.list"))
            found = [outcome.value.id async for outcome in fan_out(emulator.data.customer_ids(), client.orders.list)]
            assert len(set(found)) == 21
            assert await asyncio.to_thread(sum, [1, 2]) == 3
        return loop.time()

    assert 60 <= run_in_virtual_time(scenario()) < 130
