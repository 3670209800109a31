"""Calls that are cancelled, clients that are closed, event loops and clocks that change."""

import asyncio
import gc
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from helpers import Fake, at_rest, call, connected, customers_remembered, header
from hypothesis import example, given, settings
from hypothesis import strategies as st

from partnercenter_async import (
    AttemptTimeoutError,
    ClientClosedError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    NotFoundError,
    Order,
    OutcomeUnknownError,
    PartnerCenterClient,
    PartnerCenterError,
    RetryPolicy,
    ThrottledError,
)
from partnercenter_async._session.limits import TimeLimits
from partnercenter_async.emulator import CloseAfter, Delay, Fault, service_error
from partnercenter_async.testing import FakeCredential, RawResponse, Request, answer, run_in_virtual_time

ORDER = answer({"id": "o1"})


class SlowCredential(FakeCredential):
    async def get_token(self, *scopes: str, **options):
        await asyncio.sleep(0.2)
        return await super().get_token(*scopes, **options)


def unsteady(chance: random.Random):
    """Answers late, and one time in three badly."""

    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(chance.random() * 0.3)
        match chance.randrange(12):
            case 0:
                return answer(status=503)
            case 1:
                return answer(status=429, headers={"Retry-After": "1"})
            case 2:
                return answer(status=401)
            case 3:
                raise ConnectionLostError("lost")
            case _:
                return ORDER

    return respond


@pytest.mark.fault("F31")
def test_after_ten_thousand_cancellations_everything_is_back_where_it_was():
    chance = random.Random(31)
    fake = Fake(unsteady(chance), credential=SlowCredential(lifetime=90), concurrency=4, deadline=20)
    cancelled = 0

    async def run():
        nonlocal cancelled
        begun = len(asyncio.all_tasks())
        while cancelled < 10_000:
            tasks = [asyncio.create_task(fake.client.orders.get(f"c{chance.randrange(5)}", "o")) for _ in range(20)]
            for task in chance.sample(tasks, 15):
                # At any step of the loop, or at any time.
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                await asyncio.sleep(chance.choice([0, 0, 0.05, 0.3]) * chance.random())
                cancelled += task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        shared = fake.client._session.shared
        at_rest(fake.client, 4)
        assert not shared.limits
        fake.transport._function = lambda _request: ORDER
        assert (await fake.client.orders.get("c1", "o")).id == "o1"
        await asyncio.sleep(200)
        assert len(asyncio.all_tasks()) == begun
        assert not customers_remembered(fake.client)

    run_in_virtual_time(run())


@pytest.mark.fault("F31")
def test_a_cancelled_retry_that_was_not_sent_goes_back_into_the_bucket():
    chance = random.Random(7)
    seen: Counter[str | None] = Counter()

    async def respond(request: Request) -> RawResponse:
        seen[header(request, "MS-RequestId")] += 1
        await asyncio.sleep(chance.random() * 0.1)
        return answer(status=503)

    async def run(client: PartnerCenterClient):
        bucket = client._session.shared.bucket
        for _ in range(3):
            tasks = [asyncio.create_task(client.orders.get("c", "o")) for _ in range(10)]
            for task in tasks:
                await asyncio.sleep(chance.random() * 0.05)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert bucket.left == bucket.SIZE - sum(seen.values()) + len(seen)

    failed, _ = call(respond, run)
    assert failed is None
    assert len(seen) > 10
    assert max(seen.values()) > 1


@pytest.mark.fault("F31")
async def test_cancelled_calls_leave_no_connection_behind(emulator):
    chance = random.Random(31)
    (customer_id, *_) = emulator.data.customer_ids()
    emulator.inject(Fault(service_error(503, 1, "Not now."), every=5))
    emulator.inject(Fault(CloseAfter(), every=7))
    async with connected(emulator, concurrency=8) as client:
        cancelled = 0
        while cancelled < 300:
            tasks = [asyncio.create_task(client.orders.list(customer_id).collect()) for _ in range(20)]
            for task in chance.sample(tasks, 15):
                await asyncio.sleep(chance.random() * 0.004)
                cancelled += task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        emulator.clear_faults()
        assert len(await client.orders.list(customer_id).collect()) == 7
        assert client._session.shared.throttle.free == 8
        assert emulator.open_connections <= 8 + 1  # and the credential's


@pytest.mark.fault("F36")
def test_closing_ends_every_call_whatever_it_waits_for():
    async def respond(request: Request) -> RawResponse:
        await asyncio.sleep(0.1)
        if "retried" in request.url:
            return answer(status=503)
        if "throttled" in request.url:
            return answer(status=429, headers={"Retry-After": "100"})
        await asyncio.sleep(1000)
        return ORDER

    async def run(client: PartnerCenterClient):
        tasks = [
            asyncio.create_task(client.orders.get(kind, "o"))
            for kind in ("retried", "throttled", "sent", "queued")
            for _ in range(25)
        ]
        tasks.append(asyncio.create_task(client.request("POST", "customers/c/orders", body={})))
        await asyncio.sleep(0.15)
        await client.close()
        before = asyncio.get_running_loop().time()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        return errors, asyncio.get_running_loop().time() - before

    retry = RetryPolicy(first_wait=50, longest_wait=50)
    (errors, waited), fake = call(respond, run, concurrency=60, retry=retry)
    assert waited == 0
    assert all(type(error) is ClientClosedError for error in errors[:-1])
    assert all("closed" in str(error) and error.request_id for error in errors)
    assert fake.transport.closed


@pytest.mark.fault("F36")
def test_closing_is_told_also_where_the_transport_calls_it_a_lost_connection():
    async def respond(_request: Request) -> RawResponse:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise ConnectionLostError("the connection was closed") from None
        return ORDER

    async def run(client: PartnerCenterClient):
        task = asyncio.create_task(client.orders.get("c", "o"))
        await asyncio.sleep(1)
        await client.close()
        with pytest.raises(ClientClosedError):
            await task

    failed, _ = call(respond, run)
    assert failed is None


@pytest.mark.fault("F36")
def test_closing_during_a_write_says_that_its_outcome_is_unknown():
    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(1000)
        return ORDER

    async def run(client: PartnerCenterClient):
        task = asyncio.create_task(client.request("POST", "customers/c/orders", body={}))
        await asyncio.sleep(1)
        await client.close()
        with pytest.raises(OutcomeUnknownError) as caught:
            await task
        return caught.value

    error, _ = call(respond, run)
    assert type(error.__cause__) is ClientClosedError
    assert error.safe_to_repeat is False


@pytest.mark.fault("F36")
def test_closing_while_a_token_is_fetched_cancels_nobody():
    class Never(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            await asyncio.sleep(10_000)

    async def run(client: PartnerCenterClient):
        tasks = [asyncio.create_task(client.orders.get("c", "o")) for _ in range(5)]
        await asyncio.sleep(1)
        await client.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    errors, _ = call([], run, credential=Never())
    assert [type(error) for error in errors] == [ClientClosedError] * 5


def timers() -> list[float]:
    """When the loop's timers are due, those that were cancelled apart."""
    return [each.when() for each in asyncio.get_running_loop()._scheduled if not each.cancelled()]


@pytest.mark.fault("F36")
def test_closing_ends_a_renewal_that_no_call_waits_for():
    class Slow(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            if self.claims:
                try:
                    await asyncio.sleep(50)
                except asyncio.CancelledError:
                    ended.append(asyncio.get_running_loop().time())
                    raise
            return await super().get_token(*scopes, **options)

    async def run(client: PartnerCenterClient):
        views = [client, client.with_options(credential=Slow(lifetime=600))]
        for view in views:
            await view.orders.get("c", "o")
        await asyncio.sleep(545)
        for view in views:
            await view.orders.get("c", "o")  # begins the early renewal
        await asyncio.sleep(1)
        assert ended == []
        await client.close()
        await asyncio.sleep(0)
        assert ended == [546, 546]
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}, timers()

    ended: list[float] = []
    left, _ = call(lambda _request: ORDER, run, credential=Slow(lifetime=600))
    assert left == (set(), [])


@pytest.mark.fault("F36")
@pytest.mark.parametrize("path", ["customers/a/orders", "customers"])
def test_closing_ends_the_timers_of_lanes(path):
    async def run(client: PartnerCenterClient):
        with pytest.raises(ThrottledError):
            await client.request("GET", path)
        before = timers()
        await client.close()
        return before, timers()

    refusal = answer(status=429, headers={"Retry-After": "1000"})
    (before, after), _ = call([refusal], run)
    assert any(1000 <= when <= 1001 for when in before)
    assert after == []


@pytest.mark.fault("F36")
def test_a_closed_client_refuses_calls_and_walks():
    async def run(client: PartnerCenterClient):
        await client.close()
        errors = []
        for work in (client.orders.get("c", "o"), client.orders.list("c").collect(), client.request("POST", "x")):
            with pytest.raises(ClientClosedError) as caught:
                await work
            errors.append(caught.value)
        await client.close()
        return errors

    errors, fake = call([], run)
    assert fake.requests == []
    assert all(error.safe_to_repeat and "make a new client" in str(error) for error in errors)


@pytest.mark.fault("F36")
async def test_closing_under_calls_on_real_sockets_leaves_nothing_behind(emulator):
    (customer_id, *_) = emulator.data.customer_ids()
    async with connected(emulator, concurrency=50) as client:
        await client.orders.list(customer_id).collect()
        emulator.inject(Fault(Delay(60), times=None))
        tasks = [asyncio.create_task(client.orders.list(customer_id).collect()) for _ in range(100)]
        while emulator.count("orders.list") < 40:  # noqa: ASYNC110 - the emulator has no event for it
            await asyncio.sleep(0)
        await client.close()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [ClientClosedError] * 100
    gc.collect()  # a session or connection that was left open warns here, and a warning is an error


@pytest.mark.fault("F37")
def test_a_second_event_loop_gets_a_clear_error():
    fake = Fake(lambda _request: ORDER)

    async def get():
        return (await fake.client.orders.get("c", "o")).id

    assert run_in_virtual_time(get()) == "o1"
    with pytest.raises(RuntimeError, match="another event loop; make a client for each"):
        asyncio.run(get())
    with pytest.raises(RuntimeError, match="another event loop"):
        run_in_virtual_time(fake.client.with_options(locale="de").orders.list("c").collect())
    assert len(fake.requests) == 1


@pytest.mark.fault("F37")
def test_a_second_event_loop_in_another_thread_gets_a_clear_error():
    begun = asyncio.Event()

    async def respond(_request: Request) -> RawResponse:
        begun.set()
        await asyncio.sleep(0.01)
        return ORDER

    fake = Fake(respond)

    async def run():
        first = asyncio.create_task(fake.client.orders.get("c", "o"))
        await begun.wait()
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, fake.client.orders.get("c", "o"))
        return (await first).id

    assert asyncio.run(run()) == "o1"


@pytest.mark.fault("F39")
@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_jump_of_the_wall_clock_changes_no_wait(monkeypatch, jump):
    """The same walk through waits, lanes, deadlines and renewals, with and without a jump in its middle."""
    real = time.time

    def timeline(jump: float):
        random.seed(39)
        offset = 0.0
        monkeypatch.setattr(time, "time", lambda: 1e9 + offset)
        times: list[float] = []
        date = {"Date": "Mon, 02 Jan 2040 03:04:05 GMT", "Retry-After": "Mon, 02 Jan 2040 03:04:12 GMT"}
        answers = [
            answer(status=503),
            answer(status=429, headers={"Retry-After": "7"}),
            ORDER,
            answer(status=429, headers=date),
            ORDER,
        ]

        async def respond(_request: Request) -> RawResponse:
            times.append(asyncio.get_running_loop().time())
            return answers.pop(0) if answers else ORDER

        async def run(client: PartnerCenterClient):
            nonlocal offset
            loop = asyncio.get_running_loop()
            loop.call_later(0.01, lambda: None)
            waiting = asyncio.create_task(client.orders.get("c", "o", deadline=60))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            offset = jump
            await waiting
            await client.orders.get("c", "o")
            offset = -jump
            for _ in range(30):  # past the renewal of the token
                await asyncio.sleep(150)
                await client.orders.get("c", "o")
            return times, len(fake.credential.claims)

        fake = Fake(respond)
        return run_in_virtual_time(run(fake.client))

    try:
        assert timeline(jump) == timeline(0.0)
    finally:
        monkeypatch.setattr(time, "time", real)


@pytest.mark.fault("F36")
def test_a_call_that_ends_at_the_moment_of_closing_ends_once():
    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(1000)
        return ORDER

    def close_now(client: PartnerCenterClient) -> None:
        with pytest.raises(StopIteration):
            client.close().send(None)

    async def run(client: PartnerCenterClient):
        task = asyncio.create_task(client.orders.get("c", "o", deadline=1))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_at(1.0, close_now, client)
        return await task

    error, _ = call(respond, run)
    assert type(error) is ClientClosedError


@pytest.mark.fault("F36")
@pytest.mark.parametrize("wait", [False, True])
def test_who_closes_the_client_within_a_call_is_cancelled_there_or_nowhere(wait):
    async def run(client: PartnerCenterClient):
        async def respond(_request: Request) -> RawResponse:
            await client.close()
            if wait:
                await asyncio.sleep(1)
            return ORDER

        client._session.shared.transport._function = respond
        try:
            return await client.orders.get("c", "o")
        finally:
            await asyncio.sleep(1)  # where Python 3.11 and 3.12 would raise what they still have in hand

    found, _ = call([], run)
    assert type(found) is (ClientClosedError if wait else Order)


@pytest.mark.fault("F36")
def test_an_answer_that_came_before_the_close_counts():
    async def run(client: PartnerCenterClient):
        async def respond(_request: Request) -> RawResponse:
            client._session.shared.closed = True
            return answer(status=404)

        client._session.shared.transport._function = respond
        return await client.orders.get("c", "o")

    error, _ = call([], run)
    assert type(error) is NotFoundError


def test_an_error_of_the_callers_own_callback_passes():
    def on_retry(_attempt) -> None:
        raise TimeoutError("mine")

    async def run(client: PartnerCenterClient):
        with pytest.raises(TimeoutError, match="mine"):
            await client.orders.get("c", "o")
        return client._session.shared.bucket.left

    left, _ = call(lambda _request: answer(status=500), run, on_retry=on_retry)
    assert left == 32


@pytest.mark.fault("F12")
def test_a_credential_that_hangs_is_given_up_and_asked_again():
    class Hanging(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            if not self.claims:
                self.claims.append(None)
                await asyncio.sleep(10**6)
            return await super().get_token(*scopes, **options)

    async def run(client: PartnerCenterClient):
        hasty = asyncio.create_task(client.orders.get("c", "o", deadline=10))
        patient = asyncio.create_task(client.orders.get("c", "o"))
        return await asyncio.gather(hasty, patient, return_exceptions=True), asyncio.get_running_loop().time()

    ((hasty, patient), ended), fake = call(lambda _request: ORDER, run, credential=Hanging())
    assert type(hasty) is DeadlineError
    assert patient.id == "o1"
    assert 60 <= ended <= 60.5
    assert len(fake.credential.claims) == 2


def test_a_token_refused_while_it_is_renewed_early_is_renewed_again():
    class Slow(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            await asyncio.sleep(5)
            return await super().get_token(*scopes, **options)

    async def respond(request: Request) -> RawResponse:
        refused = refusing and header(request, "Authorization") == "Bearer fake-token-1"
        return answer(status=401) if refused else ORDER

    refusing = False

    async def run(client: PartnerCenterClient):
        nonlocal refusing
        await client.orders.get("c", "o")
        await asyncio.sleep(545)
        await client.orders.get("c", "o")  # begins the early renewal
        await asyncio.sleep(1)
        refusing = True
        return await client.orders.get("c", "o")

    order, fake = call(respond, run, credential=Slow(lifetime=600))
    assert order.id == "o1"
    assert len(fake.credential.claims) == 3
    assert fake.credential.claims[2] is not None
    assert header(fake.requests[-1], "Authorization") == "Bearer fake-token-3"


def test_a_call_with_a_shorter_limit_than_those_under_way_is_ended_in_time():
    ends: list[tuple[str, float]] = []

    async def never(_: Request) -> RawResponse:
        await asyncio.sleep(1e6)
        raise AssertionError

    async def run(client: PartnerCenterClient) -> None:
        async def one(seconds: float) -> None:
            with pytest.raises(AttemptTimeoutError):
                await client.request("GET", "customers/a", timeout=seconds, deadline=None)
            ends.append((f"{seconds:g}", asyncio.get_running_loop().time()))

        await asyncio.gather(*[one(seconds) for seconds in (50, 20, 30, 20, 70)])

    assert call(never, run, retry=RetryPolicy(tries=1))[0] is None
    assert ends == [("20", 20.0), ("20", 20.0), ("30", 30.0), ("50", 50.0), ("70", 70.0)]


def test_limits_of_calls_that_have_ended_leave_no_timer_and_no_error_behind():
    async def run(client: PartnerCenterClient):
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        await client.orders.get("c", "o")
        await client.orders.get("c", "o", timeout=5, deadline=None)
        await asyncio.sleep(400)
        return timers()

    errors: list[dict[str, object]] = []
    left, _ = call(lambda _: ORDER, run)
    assert (left, errors) == ([], [])


@pytest.mark.fault("F26")
async def test_thousands_of_limits_that_fall_due_together_are_one_matter():
    fired = 0

    class Counted(TimeLimits):
        def expire(self, *until: float) -> None:
            nonlocal fired
            fired += 1
            super().expire(*until)

    limits = Counted()
    when = asyncio.get_running_loop().time() + 0.02

    async def one(number: int) -> None:
        with limits.add(when + number * 1e-9):
            await asyncio.Event().wait()

    ended = await asyncio.gather(*[one(number) for number in range(1000)], return_exceptions=True)
    assert {type(each) for each in ended} == {TimeoutError}
    assert fired <= 3
    assert len(limits) == 0


class Within:
    """A limit of ours that is entered as the model is."""

    def __init__(self, limits: TimeLimits, when: float | None):
        self.limit = limits.add(when)

    async def __aenter__(self):
        self.limit.__enter__()

    async def __aexit__(self, *error: object):
        self.limit.__exit__(*error)

    def expired(self):
        return self.limit.expired()


class Model:
    """What the limits should be: a timeout of asyncio's for each."""

    def __init__(self):
        self.all: list[asyncio.Timeout] = []

    def add(self, when: float | None):
        self.all.append(asyncio.timeout_at(when))
        return self.all[-1]

    def expire(self):
        now = asyncio.get_running_loop().time()
        for each in self.all:
            with suppress(RuntimeError):  # it was left
                each.reschedule(now)


class Ours(TimeLimits):
    def add(self, when: float | None):
        return Within(super(), when)


Steps = list[Any]


async def follow(steps: Steps, limits: Any, log: list[object]) -> None:
    """Wait, fail, or do the same within a limit, and note how each limit ends."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for step in steps:
        if isinstance(step, int):
            await asyncio.sleep(step)
        elif step == "fail":
            raise LookupError
        else:
            seconds, inner, keeps, takes = step
            limit = limits.add(None if seconds is None else loop.time() + seconds)
            try:
                async with limit:
                    try:
                        await follow(inner, limits, log)
                    except asyncio.CancelledError:
                        if not keeps:
                            raise
            except (TimeoutError, LookupError) as error:
                log.append((type(error), type(error.__cause__)))
                if not takes:
                    raise
            finally:
                log.append((loop.time(), limit.expired(), task.cancelling()))


def history(limits: Any, steps: Steps, events: list[tuple[float, str]], eager: bool) -> list[object]:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        if eager:
            loop.set_task_factory(asyncio.eager_task_factory)
        task = loop.create_task(follow(steps, limits, log))
        for when, event in events:
            # asyncio's timeouts end a turn of the event loop after they are told to: nothing else happens at that time.
            later, act = (when, task.cancel) if event == "cancel" else (when + 0.5, limits.expire)
            loop.call_at(loop.time() + later, act)
        await asyncio.wait([task])
        log.append((loop.time(), task.cancelled() or type(task.exception()), task.cancelling()))

    log: list[object] = []
    run_in_virtual_time(main())
    return log


seconds = st.integers(1, 6)  # a limit lies ahead when it is entered
blocks = st.recursive(
    st.integers(0, 6) | st.just("fail"),
    lambda inner: st.tuples(st.none() | seconds, st.lists(inner, max_size=3), st.booleans(), st.booleans()),
    max_leaves=6,
)


@pytest.mark.fault("F26")
@settings(max_examples=600)
@given(
    st.lists(blocks, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["cancel", "expire"])), max_size=3),
    st.booleans(),
)
@example([(1, [2], False, False)], [(1, "cancel")], False)  # who cancels at the same time wins
@example([(2, [(2, [3], True, True)], False, False)], [], False)  # the inner one takes its cancellation back alone
@example([(1, [2, 1], True, False), 2], [(1, "cancel")], False)  # a cancellation that was swallowed is still counted
@example([(None, [2], True, False), (1, [2], False, True)], [(1, "cancel")], False)  # an earlier one is none of its
@example([(None, [3], False, True), 1], [(1, "expire"), (2, "cancel")], True)
def test_a_limit_ends_what_is_within_as_a_timeout_of_asyncio_does(steps, events, at_once):
    at_once = at_once and sys.version_info >= (3, 12)
    assert history(Ours(), steps, events, at_once) == history(Model(), steps, events, at_once)


@pytest.mark.fault("F36")
def test_a_call_that_had_not_left_when_the_client_was_closed_is_safe_to_repeat():
    left: list[str] = []

    async def run(client: PartnerCenterClient) -> PartnerCenterError:
        first = asyncio.create_task(client.request("GET", "first"))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(client.request("POST", "customers/x/orders", body={}))
        await asyncio.sleep(0.5)  # now the first one ends, and the slot is handed to the second
        await client.close()
        await asyncio.gather(first, return_exceptions=True)
        with pytest.raises(ClientClosedError) as caught:
            await second
        return caught.value

    async def respond(request: Request) -> RawResponse:
        left.append(request.method)
        await asyncio.sleep(1)
        return ORDER

    error, _ = call(respond, run, concurrency=1)
    assert (error.attempts, error.safe_to_repeat) == (0, True)
    assert left == ["GET"]


def test_a_closed_client_sets_no_timer():
    async def run(client: PartnerCenterClient) -> int:
        await client.close()
        with pytest.raises(ClientClosedError):
            await client.customers.get("x")
        return len(client._session.shared.limits)

    assert call([], run)[0] == 0


def test_views_that_are_gone_take_no_memory():
    async def run(client: PartnerCenterClient) -> int:
        await client.customers.get("x")
        for _ in range(50):
            await client.with_options(credential=FakeCredential()).customers.get("x")
        gc.collect()
        return len(client._session.shared.tokens)

    assert call(lambda _: answer({"id": "x"}), run)[0] == 1


@pytest.mark.parametrize(("raised", "says"), [(TimeoutError, "TimeoutError"), (asyncio.CancelledError, "from within")])
def test_what_a_credential_raises_by_itself_is_called_by_its_name(raised, says):
    class Broken(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            raise raised

    error, fake = call([], lambda client: client.customers.get("x"), credential=Broken(), retry=RetryPolicy(tries=1))
    assert isinstance(error, CredentialError)
    assert says in str(error)
    assert fake.requests == []


def test_a_transports_own_timeout_is_not_called_ours():
    async def impatient(_: Request) -> RawResponse:
        raise TimeoutError

    error, _ = call(impatient, lambda client: client.customers.get("x"), retry=RetryPolicy(tries=1))
    assert isinstance(error, AttemptTimeoutError)
    assert "the transport set" in str(error)
