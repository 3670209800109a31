"""Walks that fetch while their caller works."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from helpers import call, page
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async import Order, PartnerCenterClient, ServerError
from partnercenter_async.testing import RawResponse, Request, answer

Answers = Callable[[Request], Awaitable[RawResponse]]


def number_of(request: Request) -> int:
    return int(request.url.partition("page=")[2] or 1)


def listing(pages: int, *, seconds: float = 0.0, fails_at: int | None = None) -> Answers:
    """A service that takes its time for pages of two items each."""

    async def serve(request: Request) -> RawResponse:
        number = number_of(request)
        await asyncio.sleep(seconds)
        if number == fails_at:
            return answer({"code": 1, "description": "No."}, status=501)
        following = f"customers/c/orders?page={number + 1}" if number < pages else None
        return page(f"{number}a", f"{number}b", next=following)

    return serve


def recorded(serve: Answers) -> tuple[Answers, list[Request]]:
    """A service, and the requests that it got so far."""
    requests: list[Request] = []

    async def record(request: Request) -> RawResponse:
        requests.append(request)
        return await serve(request)

    return record, requests


def expected(pages: int) -> list[str]:
    return [f"{number}{letter}" for number in range(1, pages + 1) for letter in "ab"]


async def rest(orders: AsyncIterator[Order]) -> list[str]:
    return [order.id async for order in orders]


@pytest.mark.parametrize("ahead", [1, 2, 5])
@pytest.mark.parametrize("pages", [1, 2, 7])
def test_reading_ahead_gives_what_a_plain_walk_gives(pages, ahead):
    async def run(client: PartnerCenterClient):
        async with client.orders.list("c").read_ahead(ahead) as orders:
            return await rest(orders)

    found, fake = call(listing(pages, seconds=1), run)
    assert found == expected(pages)
    assert [number_of(request) for request in fake.requests] == list(range(1, pages + 1))


@pytest.mark.parametrize(("work", "plain", "ahead"), [(1.0, 20.0, 11.0), (0.5, 15.0, 10.5), (2.0, 30.0, 21.0)])
def test_waiting_and_working_take_place_at_the_same_time(work, plain, ahead):
    async def consume(orders: AsyncIterator[Order]) -> float:
        async for order in orders:
            if order.id.endswith("a"):
                await asyncio.sleep(work)
        return asyncio.get_running_loop().time()

    async def plainly(client: PartnerCenterClient) -> float:
        return await consume(aiter(client.orders.list("c")))

    async def reading_ahead(client: PartnerCenterClient) -> float:
        async with client.orders.list("c").read_ahead() as orders:
            return await consume(orders)

    assert call(listing(10, seconds=1), plainly)[0] == pytest.approx(plain)
    assert call(listing(10, seconds=1), reading_ahead)[0] == pytest.approx(ahead)


def test_the_next_request_leaves_before_a_caller_computes():
    sent_before_work: list[int] = []

    async def run(client: PartnerCenterClient) -> None:
        async with client.orders.list("c").read_ahead() as orders:
            async for order in orders:
                if order.id.endswith("a"):  # from here to the next page a computing caller never lets the loop run
                    sent_before_work.append(len(requests))

    serve, requests = recorded(listing(5))
    assert call(serve, run)[0] is None
    assert sent_before_work == [2, 3, 4, 5, 5]


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_pages_are_held_than_asked_for(ahead):
    async def run(client: PartnerCenterClient) -> list[int]:
        seen = []
        async with client.orders.list("c").read_ahead(ahead) as orders:
            for _ in range(3):
                await anext(orders)
                await anext(orders)
                await asyncio.sleep(100)
                seen.append(len(requests))
        return seen

    serve, requests = recorded(listing(50, seconds=1))
    assert call(serve, run)[0] == [1 + ahead, 2 + ahead, 3 + ahead]


@pytest.mark.fault("F32")
@pytest.mark.parametrize("way", ["break", "raise", "cancel", "unused"])
def test_leaving_the_block_ends_the_fetching(way):
    async def leave(client: PartnerCenterClient) -> None:
        async with client.orders.list("c").read_ahead(2) as orders:
            if way == "unused":
                return
            async for _ in orders:
                if way == "break":
                    break
                if way == "raise":
                    raise LookupError
                await asyncio.sleep(1e6)

    async def run(client: PartnerCenterClient) -> tuple[int, int]:
        leaving = asyncio.create_task(leave(client))
        await asyncio.sleep(1.5)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled() == (way == "cancel")
        if way == "raise":
            assert isinstance(leaving.exception(), LookupError)
        tasks, sent = len(asyncio.all_tasks()), len(requests)
        await asyncio.sleep(1e6)
        return tasks, len(requests) - sent

    serve, requests = recorded(listing(50, seconds=1))
    assert call(serve, run)[0] == (1, 0)


@pytest.mark.fault("F20")
def test_an_error_comes_behind_the_items_before_it_and_leads_to_the_rest():
    async def run(client: PartnerCenterClient):
        found = []
        async with client.orders.list("c").read_ahead(5) as orders:
            with pytest.raises(ServerError) as caught:
                async for order in orders:
                    found.append(order.id)
                    await asyncio.sleep(10)
            with pytest.raises(ServerError):
                await anext(orders)
        return found, caught.value.continuation

    (found, continuation), _ = call(listing(9, fails_at=4), run)
    assert found == expected(3)

    async def resume(client: PartnerCenterClient) -> list[str]:
        return [
            order.id async for each in client.orders.list("c").pages(continuation=continuation) for order in each.items
        ]

    assert found + call(listing(9), resume)[0] == expected(9)


def test_an_error_that_nobody_waited_for_is_dropped_with_the_block():
    async def run(client: PartnerCenterClient) -> str:
        async with client.orders.list("c").read_ahead() as orders:
            first = await anext(orders)
            await asyncio.sleep(10)
        return first.id

    assert call(listing(9, fails_at=2), run)[0] == "1a"


def test_the_items_are_there_within_the_block_only():
    async def run(client: PartnerCenterClient) -> None:
        ahead = client.orders.list("c").read_ahead()
        async with ahead as orders:
            await anext(orders)
        with pytest.raises(RuntimeError, match="one block"):
            await ahead.__aenter__()
        with pytest.raises(RuntimeError, match="block has ended"):
            await anext(orders)
        await client.orders.list("c").read_ahead().__aexit__(None, None, None)

    assert call(listing(9), run)[0] is None


@pytest.mark.parametrize("ahead", [True, False])
def test_a_second_reader_of_one_walk_is_refused_and_takes_nothing(ahead):
    async def run(client: PartnerCenterClient) -> list[str]:
        found: list[str] = []
        refused = 0

        async def read(orders: AsyncIterator[Order]) -> None:
            nonlocal refused
            try:
                async for order in orders:
                    found.append(order.id)
            except RuntimeError:
                refused += 1

        if ahead:
            async with client.orders.list("c").read_ahead() as orders:
                await asyncio.gather(*[read(orders) for _ in range(3)])
        else:
            orders = aiter(client.orders.list("c"))
            await asyncio.gather(*[read(orders) for _ in range(3)])
        assert refused == 2
        return found

    assert call(listing(6, seconds=1), run)[0] == expected(6)


def test_a_fetch_that_somebody_else_cancels_is_no_end_of_the_listing():
    async def run(client: PartnerCenterClient) -> list[str]:
        found = []
        async with client.orders.list("c").read_ahead() as orders:
            with pytest.raises(asyncio.CancelledError):
                async for order in orders:
                    found.append(order.id)
                    if order.id == "2b":
                        for task in asyncio.all_tasks() - {asyncio.current_task()}:
                            task.cancel()
        return found

    assert call(listing(6, seconds=1), run)[0] == expected(2)


@pytest.mark.fault("F32")
def test_a_transport_that_swallows_the_cancellation_does_not_hold_the_block_up():
    async def stubborn(request: Request) -> RawResponse:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return await listing(50)(request)

    async def run(client: PartnerCenterClient) -> int:
        async with client.orders.list("c").read_ahead() as orders:
            await anext(orders)
        return len(asyncio.all_tasks())

    assert call(stubborn, run)[0] == 1


@given(st.lists(st.floats(0, 3), max_size=30), st.integers(1, 3))
def test_a_caller_who_loses_patience_now_and_then_loses_no_item(patience, ahead):
    async def run(client: PartnerCenterClient) -> list[str]:
        found = []
        async with client.orders.list("c").read_ahead(ahead) as orders:
            for seconds in patience:
                try:
                    async with asyncio.timeout(seconds):
                        found.append((await anext(orders)).id)
                except (TimeoutError, StopAsyncIteration):
                    pass
            return found + await rest(orders)

    assert call(listing(6, seconds=1), run)[0] == expected(6)


@pytest.mark.parametrize("pages", [0, -1, 1.5, True, None])
def test_less_than_a_page_cannot_be_read_ahead(pages):
    async def run(client: PartnerCenterClient):
        client.orders.list("c").read_ahead(pages)

    error, fake = call([], run)
    assert isinstance(error, ValueError)
    assert "pages must be a whole number" in str(error)
    assert fake.requests == []
