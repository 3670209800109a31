"""Whole spaces of misfortune: any script of faults, any time to wait, cancellation anywhere."""

import asyncio
import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from helpers import Fake, at_rest, call, connected, header, page
from hypothesis import given, settings
from hypothesis import strategies as st

from partnercenter_async import PartnerCenterClient, PartnerCenterError, RetryPolicy, ThrottledError
from partnercenter_async.emulator import (
    Bom,
    BrokenChunk,
    CloseAfter,
    CutBody,
    DataSet,
    DropAfter,
    DropBefore,
    Emulator,
    ExpireToken,
    Fault,
    Gzip,
    Redirect,
    ReplaceBody,
    WrongLength,
    gateway_throttle,
    service_error,
)
from partnercenter_async.testing import RawResponse, Request, answer, run_in_virtual_time

ACTIONS = [
    *[service_error(status, 1, "Not now.") for status in (400, 403, 404, 408, 500, 502, 503, 504)],
    gateway_throttle(0),
    DropBefore(),
    DropAfter(),
    CutBody(),
    WrongLength(),
    BrokenChunk(),
    CloseAfter(),
    Bom(),
    Gzip(),
    ExpireToken(),
    Redirect(302, "/v1/customers"),
    ReplaceBody(lambda body: body[: len(body) // 2]),
    ReplaceBody(lambda _body: b"<html>"),
]
SCRIPTS = st.lists(st.tuples(st.integers(1, 25), st.sampled_from(ACTIONS)), max_size=8)


async def resumed(client: PartnerCenterClient, customer_id: str) -> list[str]:
    """The ids of a walk that is taken up again after each error, where the error says."""
    found: list[str] = []
    continuation = None
    while True:
        try:
            async for each in client.orders.list(customer_id).pages(continuation=continuation):
                found.extend(order.id for order in each.items)
            return found
        except PartnerCenterError as error:
            assert error.continuation is not None
            continuation = error.continuation


@pytest.mark.fault("F20")
@pytest.mark.parametrize(("paging", "link_style"), [("seek", "mixed"), ("offset", "absolute")])
def test_any_script_of_faults_leaves_each_order_once_and_in_order(paging, link_style):
    data = DataSet(oddities=True, customers=12, orders_per_customer=(0, 30), seed=20)
    customers = list(data.customer_ids())

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        emulator = runner.run(
            stack.enter_async_context(Emulator(data, page_size=3, paging=paging, link_style=link_style))
        )
        client = runner.run(stack.enter_async_context(connected(emulator)))

        @settings(max_examples=300)
        @given(st.sampled_from(customers), SCRIPTS)
        def holds(customer_id: str, script: list) -> None:
            emulator.clear_faults()
            for nth, action in script:
                emulator.inject(Fault(action, operation="orders.list", nth=nth))
            truth = [order["id"] for order in data.orders(customer_id)]
            assert runner.run(resumed(client, customer_id)) == truth

        holds()
        runner.run(stack.aclose())


def dates(seconds: int) -> dict[str, str]:
    now = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
    return {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=seconds), usegmt=True),
    }


@pytest.mark.fault("F5")
@given(
    st.one_of(
        st.integers(-5, 400).map(lambda seconds: (seconds, {"Retry-After": str(seconds)})),
        st.integers(-5, 400).map(lambda seconds: (seconds, dates(seconds))),
        st.floats(0, 400).map(lambda seconds: (float(f"{seconds:.3f}"), {"Retry-After": f"{seconds:.3f}"})),
        st.text(max_size=20).map(lambda text: (None, {"Retry-After": text})),
    ),
    st.sampled_from([429, 503]),
)
def test_nothing_is_sent_before_the_time_that_was_asked_for(asked, status):
    seconds, headers = asked
    times: list[float] = []

    async def respond(_request: Request) -> RawResponse:
        times.append(asyncio.get_running_loop().time())
        return answer({}) if len(times) > 3 else answer(status=status, headers=headers)

    async def run(client: PartnerCenterClient):
        # Others of the same customer, one of them late, are held back as well.
        calls = [client.request("GET", "customers/c/orders", deadline=None) for _ in range(3)]
        tasks = [asyncio.create_task(each) for each in calls]
        return await asyncio.gather(*tasks, return_exceptions=True)

    results, _ = call(respond, run, concurrency=1)
    assert all(not isinstance(each, BaseException) or isinstance(each, PartnerCenterError) for each in results)
    if seconds is None:
        return
    for error in results:
        if isinstance(error, ThrottledError):
            assert error.retry_after is not None
    wait = max(0.0, seconds)
    if status == 429:
        assert all(later - earlier >= wait for earlier, later in itertools.pairwise(times[:4]))
    else:
        assert sum(later < wait for later in times) <= 3  # each call's first try; a 503 speaks for itself alone
    if wait > 120:
        assert len(times) == (1 if status == 429 else 3)


@pytest.mark.fault("F31")
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=12), st.integers(0, 2**32))
def test_cancellation_anywhere_gives_everything_back(cancellations, seed):
    """Walks of which some are cancelled after so many steps of the loop, or after a time."""
    answers = itertools.cycle(
        [
            page("a", next="customers/c/orders?p=2"),
            answer(status=503),
            page("b", next="customers/c/orders?p=3"),
            answer(status=401),
            answer(status=429, headers={"Retry-After": "1"}),
            page("c"),
        ]
    )

    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep((seed % 7) * 0.05)
        return next(answers)

    fake = Fake(respond, concurrency=2, retry=RetryPolicy(first_wait=0.2))

    async def run() -> None:
        walks = [asyncio.create_task(fake.client.orders.list("c").collect()) for _ in cancellations]
        for walk, (steps, seconds) in zip(walks, cancellations, strict=True):
            for _ in range(steps):
                await asyncio.sleep(0)
            if steps % 2:
                await asyncio.sleep(seconds)
            walk.cancel()
        await asyncio.gather(*walks, return_exceptions=True)
        at_rest(fake.client, 2)
        assert not fake.client._session.shared.limits
        fake.transport._function = lambda _request: page("z")
        assert [order.id for order in await fake.client.orders.list("c").collect()] == ["z"]

    run_in_virtual_time(run())
    assert all(header(request, "MS-RequestId") for request in fake.requests)
