"""Many inputs, so many calls at once, nothing left behind."""

import asyncio
import gc
import tracemalloc

import pytest
from helpers import call, connected, order_count, page
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async import Outcome, PartnerCenterClient, Progress, ServerError, fan_out
from partnercenter_async.emulator import DataSet, Emulator, Fault, service_error
from partnercenter_async.testing import RawResponse, Request, answer, run_in_virtual_time


async def double(number: int) -> int:
    await asyncio.sleep(number % 3)
    if number % 10 == 7:
        raise ValueError(number)
    return 2 * number


async def endless():
    number = 0
    while True:
        assert number < 10_000  # far more than any rule here draws
        yield number
        number += 1


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 9), st.booleans())
def test_every_input_has_one_outcome(numbers, concurrency, asynchronous):
    async def source():
        for number in numbers:
            await asyncio.sleep(0.1)
            yield number

    async def run():
        given = source() if asynchronous else numbers
        return [outcome async for outcome in fan_out(given, double, concurrency=concurrency)]

    outcomes = run_in_virtual_time(run())
    assert sorted(outcome.input for outcome in outcomes) == sorted(numbers)
    for outcome in outcomes:
        if outcome.input % 10 == 7:
            assert isinstance(outcome.error, ValueError)
            with pytest.raises(ValueError, match=str(outcome.input)):
                _ = outcome.value
        else:
            assert outcome.error is None
            assert outcome.value == 2 * outcome.input


def test_outcomes_come_as_they_complete():
    async def run():
        async def wait(seconds):
            await asyncio.sleep(seconds)

        return [outcome.input async for outcome in fan_out([3, 1, 2], wait)]

    assert run_in_virtual_time(run()) == [1, 2, 3]


@pytest.mark.fault("F33")
def test_10_000_inputs_are_worked_50_at_a_time_in_flat_memory():
    under_way = most = tasks = 0

    async def work(_number: int) -> bytes:
        nonlocal under_way, most, tasks
        under_way += 1
        most, tasks = max(most, under_way), max(tasks, len(asyncio.all_tasks()))
        assert most <= 50
        await asyncio.sleep(1)
        under_way -= 1
        return bytes(50_000)

    async def run() -> float:
        count = 0
        async for outcome in fan_out(iter(range(10_000)), work, concurrency=50):
            count += len(outcome.value) == 50_000
        assert count == 10_000
        return asyncio.get_running_loop().time()

    tracemalloc.start()
    try:
        took = run_in_virtual_time(run())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most == 50
    assert tasks <= 50 + 2  # the caller's, and the one that draws inputs
    assert took == pytest.approx(200)
    assert peak < 50_000_000


@pytest.mark.fault("F35")
def test_a_slow_consumer_holds_up_calls_and_inputs():
    drawn = begun = 0

    async def source():
        nonlocal drawn
        async for number in endless():
            drawn += 1
            assert drawn < 100
            yield number

    async def work(number: int) -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(1)
        return number

    async def run() -> None:
        taken = 0
        outcomes = fan_out(source(), work, concurrency=5)
        async for _ in outcomes:
            taken += 1
            await asyncio.sleep(10)
            assert begun <= taken + 5
            assert drawn <= begun + 1
            if taken == 40:
                break
        await outcomes.aclose()

    run_in_virtual_time(run())


@pytest.mark.fault("F33")
@pytest.mark.fault("F35")
@pytest.mark.parametrize("taken", [1, 5])
def test_leaving_the_loop_leaves_nothing_running(taken):
    ended = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(1 if number < 5 else 1000)
        except asyncio.CancelledError:
            ended.append(number)
            raise
        return number

    async def run() -> float:
        count = 0
        async for _ in fan_out(endless(), work, concurrency=8):
            count += 1
            if count == taken:
                break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(run()) == pytest.approx(1)
    assert ended


def test_an_error_in_the_loops_body_ends_the_calls():
    async def run() -> int:
        with pytest.raises(KeyError):
            async for outcome in fan_out(endless(), double, concurrency=4):
                raise KeyError(outcome.input)
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert run_in_virtual_time(run()) == 1


def test_a_cancelled_consumer_takes_its_calls_along():
    async def consume() -> None:
        async for _ in fan_out([1], lambda _: asyncio.sleep(1000)):
            pass

    async def run() -> int:
        task = asyncio.create_task(consume())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return len(asyncio.all_tasks())

    assert run_in_virtual_time(run()) == 1


def test_an_error_of_the_source_comes_behind_the_outcomes():
    async def source():
        yield 1
        yield 2
        raise OSError("no more")

    async def run():
        found = []
        with pytest.raises(OSError, match="no more"):
            async for outcome in fan_out(source(), double):
                found.append(outcome.input)
        return found

    assert run_in_virtual_time(run()) == [1, 2]


def test_a_call_that_fails_before_it_is_awaited_is_an_outcome():
    def call(number: int):
        raise LookupError(number)

    async def run():
        return [outcome async for outcome in fan_out([1], call)]

    (outcome,) = run_in_virtual_time(run())
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.error, LookupError)


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5])
def test_a_concurrency_that_cannot_be_meant_is_refused(concurrency):
    with pytest.raises(ValueError, match="concurrency"):
        fan_out([], double, concurrency=concurrency)


async def test_one_bad_customer_costs_nobody_else_anything():
    data = DataSet(oddities=True, customers=30, orders_per_customer=(0, 5), seed=6)
    async with Emulator(data, customers_page_size=7) as emulator, connected(emulator) as client:
        ids = list(data.customer_ids())
        emulator.inject(Fault(service_error(404, 1000, "Gone."), customer_id=ids[3], times=None))

        async def orders_of(customer):
            return await client.orders.list(customer.id).collect()

        outcomes = {each.input.id: each async for each in fan_out(client.customers.list(), orders_of, concurrency=8)}
        assert set(outcomes) == set(ids)
        for customer_id, outcome in outcomes.items():
            if customer_id == ids[3]:
                assert outcome.error is not None
            else:
                assert len(outcome.value) == order_count(data, customer_id)


def serve(seconds: float):
    """A service of five orders for each customer, in pages of two."""

    async def answer_to(request: Request) -> RawResponse:
        customer = request.url.split("/")[5]
        number = int(request.url.partition("page=")[2] or 0)
        await asyncio.sleep(seconds)
        if "7" in customer and number == 2:
            return answer({"code": 1, "description": "No."}, status=501)
        following = f"customers/{customer}/orders?page={number + 1}" if number < 2 else None
        return page(*[f"{customer}-{each}" for each in range(2 * number, min(2 * number + 2, 5))], next=following)

    return answer_to


@pytest.mark.parametrize("ordered", [False, True])
def test_pagers_are_streamed_and_one_that_breaks_off_stops_nobody(ordered):
    customers = [f"c{number}" for number in range(20)]

    async def run(client: PartnerCenterClient):
        return [each async for each in fan_out(customers, client.orders.list, concurrency=4, ordered=ordered)]

    outcomes, _ = call(serve(1.0), run)
    found: dict[str, list[str]] = {customer: [] for customer in customers}
    failed = []
    for outcome in outcomes:
        if outcome.error is None:
            found[outcome.input].append(outcome.value.id)
        else:
            failed.append((outcome.input, type(outcome.error), outcome.error.continuation is not None))
    for customer in customers:
        assert found[customer] == [f"{customer}-{number}" for number in range(4 if "7" in customer else 5)]
    assert sorted(failed) == [("c17", ServerError, True), ("c7", ServerError, True)]
    if ordered:
        assert list(dict.fromkeys(outcome.input for outcome in outcomes)) == customers


def test_pagers_of_many_inputs_are_read_at_the_same_time():
    async def run(client: PartnerCenterClient) -> float:
        async for _ in fan_out([f"c{number}" for number in range(8)], client.orders.list, concurrency=8):
            pass
        return asyncio.get_running_loop().time()

    assert call(serve(1.0), run)[0] == pytest.approx(3)


@pytest.mark.fault("F35")
def test_of_a_pager_two_pages_at_most_are_fetched_and_not_taken():
    requests: list[Request] = []

    async def endless_pages(request: Request) -> RawResponse:
        requests.append(request)
        return page("a", "b", next=f"customers/c/orders?page={len(requests)}")

    async def run(client: PartnerCenterClient) -> None:
        taken = 0
        outcomes = fan_out(["c"], client.orders.list)
        async for _ in outcomes:
            taken += 1
            await asyncio.sleep(10)
            assert len(requests) <= (taken + 1) // 2 + 2
            if taken == 40:
                break
        await outcomes.aclose()
        assert len(asyncio.all_tasks()) == 1

    assert call(endless_pages, run)[0] is None
    assert len(requests) > 20


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 9))
def test_outcomes_come_in_the_order_of_the_inputs_where_that_is_asked_for(numbers, concurrency):
    async def run():
        return [outcome async for outcome in fan_out(numbers, double, concurrency=concurrency, ordered=True)]

    outcomes = run_in_virtual_time(run())
    assert [outcome.input for outcome in outcomes] == numbers
    assert [outcome.result for outcome in outcomes] == [None if each % 10 == 7 else 2 * each for each in numbers]


def test_waiting_for_the_first_keeps_the_others_bounded():
    begun = []

    async def work(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(100 if number == 0 else 1)
        return number

    async def run() -> list[int]:
        outcomes = fan_out(endless(), work, concurrency=5, ordered=True)
        first = await anext(outcomes)
        seen = len(begun)
        await outcomes.aclose()
        return [first.value, seen]

    assert run_in_virtual_time(run()) == [0, 5]


def test_progress_tells_what_is_done_and_what_holds_it_up():
    seen: list[Progress] = []
    busy = {"c1": 2, "c3": 1}

    async def respond(request: Request) -> RawResponse:
        customer = request.url.rpartition("/")[2]
        await asyncio.sleep(1)
        if busy.get(customer, 0):
            busy[customer] -= 1
            return answer(status=429, headers={"Retry-After": "60"})
        return answer(status=404) if customer == "c4" else answer({"id": customer})

    async def run(client: PartnerCenterClient) -> float:
        customers = [f"c{number}" for number in range(6)]
        async for _ in fan_out(customers, client.customers.get, concurrency=3, progress=seen.append):
            pass
        return asyncio.get_running_loop().time()

    took, _ = call(respond, run)
    assert 120 < took < 130
    last = seen[-1]
    assert (last.done, last.failed, last.in_flight, last.retries, last.throttled_until) == (6, 1, 0, 3, None)
    assert max(each.in_flight for each in seen) == 3
    assert any(each.throttled_until is not None and 60 < each.throttled_until < 63 for each in seen)
    assert [each.done for each in seen] == sorted(each.done for each in seen)


def test_a_progress_hook_that_fails_is_heard():
    def broken(_: Progress) -> None:
        raise ZeroDivisionError

    async def run():
        return [outcome async for outcome in fan_out([1, 2], double, progress=broken)]

    with pytest.raises(ZeroDivisionError):
        run_in_virtual_time(run())


@pytest.mark.parametrize("where", ["call", "source"])
def test_a_cancellation_from_within_passes_and_hangs_nobody(where):
    async def cancelled(number: int) -> int:
        if where == "call" and number == 3:
            raise asyncio.CancelledError
        return number

    async def source():
        for number in range(6):
            yield number
            if where == "source" and number == 3:
                raise asyncio.CancelledError

    async def run() -> int:
        with pytest.raises(asyncio.CancelledError):
            async for _ in fan_out(source(), cancelled, concurrency=2):
                await asyncio.sleep(1)
        return len(asyncio.all_tasks())

    assert run_in_virtual_time(run()) == 1


class Panic(BaseException):
    """What a library raises that is no Exception, as those written in Rust do."""


@pytest.mark.fault("F34")
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("where", ["call", "source"])
def test_what_is_no_exception_is_raised_and_no_input_vanishes(where, ordered):
    async def panicking(number: int) -> int:
        if where == "call" and number == 3:
            raise Panic
        return number

    def source():
        yield from range(4)
        if where == "source":
            raise Panic

    async def run() -> int:
        with pytest.raises(Panic):
            async for _ in fan_out(source(), panicking, concurrency=2, ordered=ordered):
                pass
        return len(asyncio.all_tasks())

    assert run_in_virtual_time(run()) == 1
