"""How fast requests leave: learned, declared, shared or off; in virtual time, counted where the service counts them."""

import asyncio
import logging
import math
import random
import re
from collections import Counter
from itertools import pairwise

import pytest
from helpers import CLOUD, Fake, at_rest, call
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from partnercenter_async import (
    CredentialError,
    DeadlineError,
    PartnerCenterClient,
    Progress,
    Rate,
    RetryPolicy,
    ServerError,
    ThrottledError,
    fan_out,
)
from partnercenter_async._session.pace import LIMITS, OwnPace, limit_of
from partnercenter_async._session.throttle import Place, Throttle
from partnercenter_async.emulator import FixedWindow, SlidingWindow, TokenBucket
from partnercenter_async.export import ORDERS, ExportProgress, export
from partnercenter_async.testing import FakeCredential, RawResponse, Request, answer, run_in_virtual_time

ORDER = answer({"id": "o", "items": [{"id": "o"}], "totalCount": 1})
LATENCY = 0.2
LIMITERS = {
    "fixed window": lambda: FixedWindow(500, per=60),
    "sliding window": lambda: SlidingWindow(500, per=60),
    "bucket": lambda: TokenBucket(500, per=60, burst=10),
    "bucket, refused count": lambda: TokenBucket(500, per=60, burst=10, counts_refused=True),
}


def refusal(seconds: float | None) -> RawResponse:
    headers = {} if seconds is None else {"Retry-After": f"{seconds:g}"}
    return answer({"statusCode": 429, "message": "Wait."}, status=429, headers=headers)


class Service:
    """Takes what a limiter takes, which counts each request half of the latency after it left."""

    def __init__(self, limiter=None, **settings):
        self.limiter = limiter
        self.left: list[tuple[float, str]] = []  # when each request left, and its path
        self.counted: list[tuple[float, bool]] = []  # when each was counted, and whether it was admitted
        self.fake = Fake(self.respond, **settings)
        self.client = self.fake.client

    async def respond(self, request: Request) -> RawResponse:
        loop = asyncio.get_running_loop()
        self.left.append((loop.time(), request.url.removeprefix(f"{CLOUD.api.endpoint}/v1/")))
        await asyncio.sleep(LATENCY / 2)
        wait = None if self.limiter is None else self.limiter.take(loop.time())
        self.counted.append((loop.time(), wait is None))
        await asyncio.sleep(LATENCY / 2)
        return ORDER if wait is None else refusal(math.ceil(wait))

    def times(self, text: str = "") -> list[float]:
        return [time for time, path in self.left if text in path]

    def refused(self, since: float = 0.0) -> int:
        return sum(not admitted for time, admitted in self.counted if time >= since)


async def job(client, number, *, concurrency=32, begin=0, **options):
    """Read the orders of so many customers; returns the errors."""

    async def one(customer: int):
        return await client.orders.get(f"c{customer}", "o", **options)

    found = [each async for each in fan_out(range(begin, begin + number), one, concurrency=concurrency)]
    assert len(found) == number
    return [each.error for each in found if each.error is not None]


def gate_of(client):
    (gate,) = client._session.shared.throttle.gates.values()
    return gate


# What is learned


@pytest.mark.fault("F6")
def test_nothing_is_held_back_before_the_first_429():
    service = Service(concurrency=1000)
    assert run_in_virtual_time(job(service.client, 1000, concurrency=1000)) == []
    assert Counter(service.times()) == {0.0: 1000}


@pytest.mark.fault("F6")
@pytest.mark.parametrize("limiter", LIMITERS)
def test_after_a_pause_ten_leave_at_once_at_a_learned_pace_and_the_next_ones_evenly(limiter):
    service = Service(LIMITERS[limiter]())

    async def run():
        assert await job(service.client, 1200) == []
        await asyncio.sleep(100)
        begun = asyncio.get_running_loop().time()
        assert await job(service.client, 30, begin=2000) == []
        return begun

    begun = run_in_virtual_time(run())
    refused = [time for time, admitted in service.counted if time >= begun and not admitted]
    until = refused[0] if refused else math.inf  # the ten left a bucket of ten empty
    after = [time - begun for time in service.times() if begun <= time <= until]
    assert after[:10] == [pytest.approx(0)] * 10
    assert len(after) > 10
    spacings = [later - earlier for earlier, later in pairwise(after[9:])]
    assert min(spacings) == pytest.approx(max(spacings), rel=0.1)
    assert 0.05 < min(spacings) < 0.2
    assert len(refused) <= limiter.startswith("bucket")


@pytest.mark.fault("F6")
@pytest.mark.parametrize("limiter", LIMITERS)
def test_what_was_learned_holds_for_the_clients_life_and_its_views(limiter):
    """The next job begins at the pace: neither with a volley nor by learning it anew."""
    service = Service(LIMITERS[limiter]())
    begun = 0.0

    async def run():
        nonlocal begun
        assert await job(service.client, 1500) == []
        await asyncio.sleep(1000)
        begun = asyncio.get_running_loop().time()
        view = service.client.with_options(locale="de-AT", credential=FakeCredential())
        assert await job(view, 600, concurrency=256) == []

    run_in_virtual_time(run())
    assert max(Counter(time for time in service.times() if time >= begun).values()) <= 10
    assert service.refused(begun) <= 18


@pytest.mark.fault("F6")
@pytest.mark.parametrize("limiter", LIMITERS)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_limit_that_is_halved_or_doubled_is_found_within_two_minutes(limiter, factor):
    service = Service(LIMITERS[limiter]())
    changed_at, number, paces = 240.0, int(500 * factor), []

    async def run():
        loop = asyncio.get_running_loop()
        loop.call_at(changed_at, lambda: service.limiter.change(number, loop.time()))
        working = asyncio.create_task(job(service.client, 10**4))
        await asyncio.sleep(changed_at)
        for _ in range(300):
            await asyncio.sleep(1)
            paces.append(gate_of(service.client).pace.rate / (number / 60))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    run_in_virtual_time(run())
    found = min(paces[:120]) <= 1.1 if factor < 1 else max(paces[:120]) >= 0.9
    assert found
    later = [admitted for time, admitted in service.counted if time >= changed_at]
    assert sum(later) >= 0.78 * 5 * number  # the worst is a bucket to which refused requests count
    assert len(later) - sum(later) <= 0.03 * len(later)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("limiter", LIMITERS)
@pytest.mark.parametrize("before", ["nothing for an hour", "a request every ten minutes", "one every 20 seconds"])
def test_what_was_asked_long_before_a_first_refusal_does_not_slow_requests_down(limiter, before):
    service = Service(LIMITERS[limiter]())
    times, pause = {"nothing for an hour": (1, 3600), "a request every ten minutes": (6, 600)}.get(before, (180, 20))

    async def run():
        for _ in range(times):
            assert await job(service.client, 5) == []
            await asyncio.sleep(pause)
        begun = asyncio.get_running_loop().time()
        assert await job(service.client, 2000) == []
        return asyncio.get_running_loop().time() - begun

    assert run_in_virtual_time(run()) <= 1.1 * 2000 / 500 * 60


@pytest.mark.fault("F6")
@pytest.mark.parametrize("pause", [0, 3600])
def test_a_refusal_long_after_one_that_told_nothing_does_not_slow_requests_down(pause):
    """Refusals of a moment close the partner's lane, and later the service has a limit."""
    service = Service()

    class Moment:
        def take(self, _now: float) -> float:
            return 1.0

    async def run():
        loop = asyncio.get_running_loop()
        service.limiter = Moment()
        loop.call_later(2, setattr, service, "limiter", None)
        assert await job(service.client, 2000, begin=5000) == []
        gate = gate_of(service.client)
        await asyncio.sleep(120)
        for _ in range(10):
            assert await job(service.client, 100) == []
            await asyncio.sleep(pause / 10)
        assert gate.calm
        service.limiter = FixedWindow(500, per=60)
        begun = loop.time()
        assert await job(service.client, 2000) == []
        return loop.time() - begun

    assert run_in_virtual_time(run()) <= 1.1 * 2000 / 500 * 60


@pytest.mark.fault("F6")
@pytest.mark.parametrize("seconds", [None, 1, 30])
def test_refusals_that_no_rate_explains_leave_a_request_in_ten_seconds(seconds):
    """Such as those of a service in trouble, which answers 429 to every second request however few there are."""
    chance = random.Random(5)
    slowest = math.inf

    async def respond(_: Request) -> RawResponse:
        await asyncio.sleep(chance.random())
        return refusal(seconds) if chance.random() < 0.5 else ORDER

    async def run(client: PartnerCenterClient):
        nonlocal slowest
        for _ in range(100):
            assert await job(client, 20, concurrency=4) == []
            slowest = min(slowest, gate_of(client).pace.rate)

    failed, _ = call(respond, run)
    assert failed is None
    assert 0.09 <= slowest < 1


@pytest.mark.parametrize("limiter", LIMITERS)
def test_the_pace_is_told_in_the_log_and_in_progress(limiter, caplog):
    caplog.set_level(logging.INFO, logger="partnercenter_async")
    service = Service(LIMITERS[limiter]())
    told: list[Progress] = []

    async def run():
        async def one(customer: int):
            return await service.client.orders.get(f"c{customer}", "o")

        async for _ in fan_out(range(1500), one, progress=told.append):
            pass

    run_in_virtual_time(run())
    assert told[0].rate is None
    assert told[-1].rate is not None
    assert 7.5 <= told[-1].rate <= 9.5
    lines = [each.getMessage() for each in caplog.records]
    assert any("429 (orders); requests leave at " in line for line in lines)
    assert len(lines) < 20


@pytest.mark.fault("F46")
def test_a_refusal_of_one_customer_while_others_are_served_holds_up_nobody_else():
    async def respond(request: Request) -> RawResponse:
        await asyncio.sleep(LATENCY)
        return refusal(30) if "/bad/" in request.url and asyncio.get_running_loop().time() < 20 else ORDER

    async def run(client: PartnerCenterClient):
        bad = asyncio.create_task(client.orders.get("bad", "o"))
        assert await job(client, 320) == []
        served = asyncio.get_running_loop().time()
        await bad
        return served

    served, _ = call(respond, run, concurrency=33)
    assert served == pytest.approx(10 * LATENCY)


# What is declared


@pytest.mark.fault("F6")
@given(
    requests=st.one_of(st.integers(1, 200), st.floats(0.2, 200)),
    per=st.floats(0.1, 600),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 3), st.integers(0, 50)), min_size=1, max_size=150),
    cancelled=st.sets(st.integers(0, 149), max_size=20),
    chance=st.randoms(use_true_random=False),
)
def test_no_period_sees_more_than_the_declared_requests(requests, per, gaps, cancelled, chance):
    """However they arrive, and whoever is cancelled; gaps are in spacings, so that bursts and pauses both come up."""
    rate = Rate(requests, per)
    left: list[float] = []

    async def run():
        throttle = Throttle(1000, rate)
        gate = throttle.gate("", "orders", None)

        async def one(number: int):
            turn = await gate.enter(Place(chance.random() < 0.5, number), None)
            try:
                left.append(asyncio.get_running_loop().time())
                await asyncio.sleep(chance.random() * per)
                gate.answered(turn)
            finally:
                gate.leave(turn)

        tasks = []
        for number, gap in enumerate(gaps):
            await asyncio.sleep(gap * rate.spacing)
            tasks.append(asyncio.create_task(one(number)))
        for number in cancelled & set(range(len(tasks))):
            asyncio.get_running_loop().call_later(chance.random() * per, tasks[number].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (throttle.free, gate.lane.line.live, gate.under_way) == (1000, [0, 0], {})
        throttle.close()

    run_in_virtual_time(run())
    most = max(1, math.ceil(requests))
    for first, beyond in zip(left, left[most:], strict=False):
        assert beyond - first >= per - 1e-5 - 1e-9 * beyond


@pytest.mark.parametrize(("number", "extra"), [(500, 10), (100, 2), (450, 9), (49, 0)])
def test_after_a_pause_a_fiftieth_of_a_declared_rate_leaves_at_once_beside_the_next(number, extra):
    rate = Rate(number, 60)
    service = Service(rate=rate, concurrency=100)

    async def run():
        assert await job(service.client, 1) == []
        await asyncio.sleep(100)
        begun = asyncio.get_running_loop().time()
        assert await job(service.client, extra + 5, concurrency=100) == []
        return begun

    begun = run_in_virtual_time(run())
    after = [time - begun for time in service.times()[1:]]
    assert after[: extra + 1] == [pytest.approx(0)] * (extra + 1)
    assert after[extra + 1 :] == [pytest.approx(each * rate.spacing, abs=1e-5) for each in range(1, 5)]


def test_a_new_client_begins_evenly_since_another_may_have_just_ended():
    service = Service(rate=Rate(500, 60))
    assert run_in_virtual_time(job(service.client, 20)) == []
    assert service.times() == [pytest.approx(each * 60 / 490, abs=1e-4) for each in range(20)]


@pytest.mark.parametrize("limiter", LIMITERS)
@pytest.mark.parametrize("declared", [600, 1000, 5000])
def test_with_a_rate_that_is_declared_too_high_everybody_is_served_all_the_same(limiter, declared):
    service = Service(LIMITERS[limiter](), rate=Rate(declared, 60))
    assert run_in_virtual_time(job(service.client, 1500)) == []
    assert sum(admitted for _, admitted in service.counted) == 1500
    assert service.refused() <= (100 if declared < 5000 else 750)


def test_a_declared_rate_is_never_left_behind_however_long_nothing_is_refused():
    service = Service(FixedWindow(10**6, per=60), rate=Rate(600, 60))
    assert run_in_virtual_time(job(service.client, 6000)) == []
    times = service.times()
    assert times[-1] == pytest.approx(5999 * Rate(600, 60).spacing, rel=1e-6)


@pytest.mark.fault("F6")
def test_one_rate_holds_for_all_limits_together_and_a_mapping_for_each_by_itself():
    async def run(client: PartnerCenterClient):
        for _ in range(5):
            await asyncio.gather(client.orders.get("c", "o"), client.customers.get("c"))
        return asyncio.get_running_loop().time()

    def respond(request: Request) -> RawResponse:
        times.setdefault("orders" in request.url, []).append(asyncio.get_running_loop().time())
        return ORDER

    times: dict[bool, list[float]] = {}
    ended, _ = call(respond, run, rate=Rate(1))
    assert ended == pytest.approx(9, abs=1e-3)
    times.clear()
    ended, _ = call(respond, run, rate={"orders": Rate(1)})
    assert ended == pytest.approx(4, abs=1e-3)
    times.clear()

    async def others(client: PartnerCenterClient):
        await asyncio.gather(*[client.orders.get("c", "o") for _ in range(5)], *[client.customers.get("c")] * 1)
        await asyncio.gather(*[client.customers.get("c") for _ in range(20)])

    call(respond, others, rate={"orders": Rate(1)})
    assert times[True] == pytest.approx([0, 1, 2, 3, 4], abs=1e-3)
    assert times[False] == pytest.approx([0.0] + [4.0] * 20, abs=1e-3)  # a limit that has no rate learns its own


def test_the_documented_rates_are_for_limits_that_exist():
    assert set(Rate.DOCUMENTED) < set(LIMITS)
    assert {limit: (rate.requests, rate.per) for limit, rate in Rate.DOCUMENTED.items()} == {
        "orders": (500, 60),
        "migrations.create": (100, 300),
        "migrations.validate": (450, 300),
    }
    service = Service(rate=Rate.DOCUMENTED)
    run_in_virtual_time(job(service.client, 100))
    assert service.times()[-1] == pytest.approx(99 * 60 / 490, abs=1e-3)


@pytest.mark.parametrize(
    ("method", "path", "limit", "customer"),
    [
        ("GET", "customers/A/orders?size=5", "orders", "a"),
        ("GET", "Customers/a/Subscriptions/s/provisioningstatus", "orders", "a"),
        ("PATCH", "customers/a/orders/o", "orders", "a"),
        ("POST", "customers/a/migrations/newcommerce", "migrations.create", "a"),
        ("POST", "customers/a/migrations/newcommerce/", "migrations.create", "a"),
        ("POST", "customers/a/migrations/newcommerce/validate", "migrations.validate", "a"),
        ("POST", "customers/a/migrations/newcommerce/m/else", "other", "a"),
        ("GET", "customers/a/migrations/newcommerce/m", "other", "a"),
        ("GET", "customers/a", "other", "a"),
        ("GET", "customers/a/orders/", "orders", "a"),
        ("GET", "customers/a/ordersummaries", "other", "a"),
        ("GET", "customers/a/subscriptionsummaries?size=5", "other", "a"),
        ("GET", "customers?size=5", "other", None),
        ("GET", "customers/", "other", None),
        ("GET", "invoices/orders", "other", None),
    ],
)
def test_each_request_falls_under_the_limit_that_the_service_documents(method, path, limit, customer):
    assert limit_of("api", method, path) == (limit, customer)
    for service in ("graph", "partner"):
        assert limit_of(service, method, path) == (service, None)


# Off


@pytest.mark.fault("F6")
def test_with_the_pace_off_a_lane_that_opens_lets_everybody_through():
    async def respond(_request: Request) -> RawResponse:
        left.append(asyncio.get_running_loop().time())
        await asyncio.sleep(LATENCY)
        return refusal(10) if len(left) == 1 else ORDER

    async def run(client: PartnerCenterClient):
        first = asyncio.create_task(client.request("GET", "invoices"))
        await asyncio.sleep(1)
        await asyncio.gather(first, *[client.request("GET", "invoices") for _ in range(60)])

    left: list[float] = []
    call(respond, run, rate=None, concurrency=100)
    probe, *rest = left[1:]
    assert 10 < probe < 11
    assert (len(rest), min(rest)) == (60, max(rest))
    assert min(rest) == pytest.approx(probe + LATENCY)


def test_with_the_pace_off_no_refusal_slows_anything_down():
    service = Service(TokenBucket(500, per=60, burst=10), rate=None, concurrency=200)
    told: list[Progress] = []

    async def run():
        async def one(customer: int):
            return await service.client.orders.get(f"c{customer % 2}", "o")

        async for each in fan_out(range(200), one, concurrency=200, progress=told.append):
            assert each.error is None

    run_in_virtual_time(run())
    assert {each.rate for each in told} == {None}


# Whose pace it is


@pytest.mark.fault("F6")
@pytest.mark.parametrize("rate", ["learned", Rate(60, 60), None])
def test_two_partners_of_one_client_do_not_slow_each_other(rate):
    async def respond(request: Request) -> RawResponse:
        now = asyncio.get_running_loop().time()
        credential = dict(request.headers)["Authorization"]
        left.setdefault(credential, []).append(now)
        await asyncio.sleep(LATENCY)
        return refusal(60) if credential == "Bearer fake-token-1" and now < 50 else ORDER

    async def run(client: PartnerCenterClient):
        other = client.with_options(credential=second, tenant="other")
        throttled = asyncio.create_task(client.request("GET", "invoices"))
        await asyncio.sleep(1)
        begun = asyncio.get_running_loop().time()
        for _ in range(2):
            await other.request("GET", "invoices")
        assert asyncio.get_running_loop().time() <= begun + 1 + 2 * LATENCY + 0.1
        await throttled

    second = FakeCredential()
    second.claims.append(None)  # so that its tokens have other numbers
    left: dict[str, list[float]] = {}
    failed, _ = call(respond, run, rate=rate, tenant="one")
    assert failed is None
    first, other = left["Bearer fake-token-1"], left["Bearer fake-token-2"]
    assert (len(first), len(other)) == (2, 2)
    assert first[1] > 60 > other[1]


@pytest.mark.fault("F6")
@pytest.mark.parametrize("tenants", [{}, {"tenant": "one"}])
def test_two_credentials_of_one_partner_share_its_pace_and_its_lanes(tenants):
    async def run(client: PartnerCenterClient):
        app_and_user = client.with_options(credential=FakeCredential())
        await asyncio.gather(
            *[each.request("GET", "invoices") for each in (client, app_and_user, client, app_and_user)]
        )
        return asyncio.get_running_loop().time()

    ended, _ = call(lambda _: ORDER, run, rate=Rate(1), **tenants)
    assert ended == pytest.approx(3, abs=1e-3)


# 429s are traffic


@pytest.mark.fault("F4")
@pytest.mark.parametrize("of_job", [False, True])
def test_a_policy_of_one_attempt_never_repeats_a_429(of_job):
    async def run(client: PartnerCenterClient):
        if of_job:
            return (await job(client, 1))[0]
        return await client.orders.get("c0", "o")

    error, fake = call([refusal(1)], run, retry=RetryPolicy(tries=1))
    assert isinstance(error, ThrottledError)
    assert (error.retry_after, error.attempts, len(fake.requests)) == (1, 1, 1)


@pytest.mark.fault("F46")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_429_uses_up_no_try(method):
    answers = [*[refusal(1)] * 10, answer(status=503), *[refusal(1)] * 10, ORDER]
    answers = answers if method == "GET" else [*[refusal(1)] * 10, ORDER]

    async def run(client: PartnerCenterClient):
        return (await client.request(method, "customers/c/orders/o", dict)).info

    info, fake = call(answers, run, retry=RetryPolicy(tries=2))
    assert (info.attempts, len(info.history)) == (len(answers), len(answers) - 1)
    assert len(fake.requests) == len(answers)


def test_tries_that_are_used_up_are_used_up_by_other_failures_alone():
    answers = [*[refusal(1)] * 5, answer(status=503), *[refusal(1)] * 5, answer(status=503)]
    error, fake = call(answers, lambda client: client.orders.get("c", "o"), retry=RetryPolicy(tries=2))
    assert isinstance(error, ServerError)
    assert len(fake.requests) == 12


@pytest.mark.fault("F7")
def test_a_429_takes_no_retry_from_those_that_all_calls_share():
    async def run(client: PartnerCenterClient):
        client._session.shared.bucket.left = 0.0
        return await client.orders.get("c", "o")

    order, fake = call([*[refusal(1)] * 5, ORDER], run)
    assert (order.id, len(fake.requests)) == ("o", 6)


@pytest.mark.fault("F5")
@pytest.mark.parametrize("path", ["customers/c/orders/o", "invoices"])
def test_without_a_retry_after_the_own_wait_doubles_with_429s_in_a_row(path, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)
    left: list[float] = []

    def respond(_request: Request) -> RawResponse:
        left.append(asyncio.get_running_loop().time())
        return ORDER if len(left) in (9, 11) else refusal(None)

    async def run(client: PartnerCenterClient):
        await client.request("GET", path)
        await client.request("GET", path)

    call(respond, run)
    waits = [later - earlier for earlier, later in pairwise(left)]
    assert waits[:8] == pytest.approx([0.5, 1, 2, 4, 8, 16, 20, 20], abs=0.01)
    assert waits[-1] == pytest.approx(0.5, abs=0.01)  # an answer ends the row


@pytest.mark.fault("F5")
@pytest.mark.parametrize("seconds", [10, None])
def test_a_single_call_without_a_deadline_ends_after_300_s_of_429s(seconds):
    async def run(client: PartnerCenterClient):
        with pytest.raises(ThrottledError) as caught:
            await client.orders.get("c", "o", deadline=None)
        return caught.value, asyncio.get_running_loop().time()

    (error, ended), _ = call(lambda _: refusal(seconds), run)
    assert 270 < ended <= 300
    assert error.retry_after == seconds
    assert "429" in error.remedy
    assert "deadline" not in error.remedy


@pytest.mark.fault("F5")
def test_a_single_retry_after_beyond_the_ceiling_ends_a_single_call_at_once():
    async def run(client: PartnerCenterClient):
        with pytest.raises(ThrottledError) as caught:
            await client.orders.get("c", "o")
        return caught.value, asyncio.get_running_loop().time()

    (error, ended), fake = call([refusal(300)], run)
    assert (ended, error.retry_after, len(fake.requests)) == (0.0, 300, 1)
    assert "longest_retry_after" in error.remedy


@pytest.mark.parametrize(
    ("seconds", "longest", "deadline", "told"),
    [
        (86_400, 120, 300.0, "wait 86400 s,"),
        (1e300, 120, 300.0, r"wait 1e\+300 s,"),
        (2000, 2000, 300.0, "begin in 200[01] s, after the deadline"),
        (2000, 2000, None, "nothing for another 200[01] s"),
    ],
)
def test_a_long_wait_is_told_as_people_write_it(seconds, longest, deadline, told):
    policy = RetryPolicy(longest_retry_after=longest)
    error, _ = call([refusal(seconds)] * 2, lambda client: client.orders.get("c", "o"), retry=policy, deadline=deadline)
    assert re.search(told, error.remedy)


# Jobs are patient


def slow(number, seconds):
    async def inputs():
        for each in range(number):
            yield each
            await asyncio.sleep(seconds)

    return inputs()


@pytest.mark.fault("F5")
@pytest.mark.parametrize("of", ["customer", "partner"])
@pytest.mark.parametrize("rate", ["learned", None])
def test_a_fan_out_waits_for_a_retry_after_of_300_and_tells(of, rate):
    async def respond(request: Request) -> RawResponse:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(LATENCY)
        return refusal(300) if now < 200 and (of == "partner" or "/c0" in request.url) else ORDER

    async def run(client: PartnerCenterClient):
        async def one(customer: int):
            await client.request("GET", f"customers/c{customer}/orders/o" if of == "customer" else "invoices")

        found = [each async for each in fan_out(slow(10, 5), one, progress=told.append)]
        return [each.error for each in found], asyncio.get_running_loop().time()

    told: list[Progress] = []
    (errors, ended), _ = call(respond, run, rate=rate)
    assert errors == [None] * 10
    assert 300 < ended < 310
    waiting = [each for each in told if each.throttled_until is not None]
    assert waiting
    assert all(300 < each.throttled_until < 301 for each in waiting)
    assert told[-1].throttled_until is None


@pytest.mark.fault("F5")
def test_an_export_waits_for_a_retry_after_of_300_and_tells(tmp_path):
    left: list[float] = []

    async def respond(request: Request) -> RawResponse:
        now = asyncio.get_running_loop().time()
        left.append(now)
        await asyncio.sleep(LATENCY)
        return refusal(300) if now < 200 and "/c0/" in request.url else ORDER

    async def run(client: PartnerCenterClient):
        output = tmp_path / "orders.ndjson"
        names = [f"c{number}" for number in range(40)]
        await export(names, client.orders.list, output, table=ORDERS, concurrency=2, on_progress=told.append)
        return output.read_text("utf-8").count("\n")

    told: list[ExportProgress] = []
    lines, _ = call(respond, run)
    assert lines == 40
    assert 300 < left[-1] < 301
    assert {each.throttled_until is None for each in told} == {True, False}
    assert all(each.throttled_until is None or 300 < each.throttled_until < 301 for each in told)


@pytest.mark.fault("F5")
def test_the_deadline_that_a_caller_gives_a_job_holds_there_too():
    async def run(client: PartnerCenterClient):
        errors = await job(client, 1, deadline=100)
        return errors, asyncio.get_running_loop().time()

    for client_has in ({}, {"deadline": 50}):
        (errors, ended), _ = call([refusal(300)], run, **client_has)
        assert ended == 0.0
        assert [type(each) for each in errors] == [ThrottledError]
        assert errors[0].retry_after == 300
        assert "deadline" in errors[0].remedy


@pytest.mark.parametrize("of", ["client", "view"])
def test_a_deadline_that_a_client_or_view_was_given_holds_in_a_job(of):
    async def run(client: PartnerCenterClient):
        if of == "view":
            client = client.with_options(deadline=100.0)
        return await job(client, 1)

    errors, _ = call([refusal(300)], run, **({"deadline": 100.0} if of == "client" else {}))
    assert [type(each) for each in errors] == [ThrottledError]


def test_a_view_without_a_deadline_of_its_own_keeps_a_jobs_patience():
    async def run(client: PartnerCenterClient):
        return await job(client.with_options(locale="de-AT", background=True), 1)

    errors, fake = call([refusal(400), ORDER], run)
    assert (errors, len(fake.requests)) == ([], 2)


@pytest.mark.parametrize("options", [{"timeout": 5}, {"correlation_id": "c"}, {"headers": {"X-Test": "1"}}])
def test_a_call_with_other_options_than_a_deadline_keeps_a_jobs_patience(options):
    errors, fake = call([refusal(400), ORDER], lambda client: job(client, 1, **options))
    assert (errors, len(fake.requests)) == ([], 2)


@pytest.mark.fault("F46")
def test_the_ceiling_is_about_one_retry_after_whenever_it_comes():
    async def run(client: PartnerCenterClient):
        await asyncio.sleep(1000)
        first = asyncio.create_task(client.orders.get("c", "o"))
        await asyncio.sleep(1)
        return await asyncio.gather(first, client.orders.get("c", "o"))

    orders, fake = call([refusal(100), refusal(100), ORDER, ORDER], run)
    assert [order.id for order in orders] == ["o", "o"]
    assert len(fake.requests) == 4


@pytest.mark.fault("F46")
def test_places_in_a_jobs_queue_do_not_count_against_the_default_deadline():
    service = Service(rate=Rate(1, per=10))
    assert run_in_virtual_time(job(service.client, 100, concurrency=100)) == []
    assert service.times()[-1] == pytest.approx(990, abs=0.1)


def test_places_in_a_jobs_queue_count_against_a_deadline_that_was_given():
    service = Service(rate=Rate(1, per=10), concurrency=100)
    errors = run_in_virtual_time(job(service.client, 100, concurrency=100, deadline=305))
    assert (len(service.left), len(errors)) == (31, 69)
    assert {type(each) for each in errors} == {ThrottledError}
    assert all(each.attempts == 0 and each.retry_after > 305 for each in errors)


def test_what_an_exchange_takes_counts_against_the_default_deadline_in_a_job_too():
    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(10**6)
        raise AssertionError

    async def run(client: PartnerCenterClient):
        return await job(client, 1), asyncio.get_running_loop().time()

    (errors, ended), _ = call(respond, run, timeout=1000.0)
    assert [type(each) for each in errors] == [DeadlineError]
    assert ended == pytest.approx(300, abs=0.1)


# Places in the queue


@pytest.mark.fault("F46")
def test_a_call_whose_place_lies_beyond_its_deadline_fails_at_once_with_retry_after():
    async def run(client: PartnerCenterClient):
        waiting = [asyncio.create_task(client.orders.get("c", "o")) for _ in range(20)]
        await asyncio.sleep(0.01)
        with pytest.raises(ThrottledError) as caught:
            await client.orders.get("c", "o", deadline=5)
        assert asyncio.get_running_loop().time() == pytest.approx(0.01)
        in_time = asyncio.create_task(client.orders.get("c", "o", deadline=21))
        await asyncio.gather(*waiting, in_time)
        return caught.value

    error, fake = call(lambda _: ORDER, run, rate=Rate(1))
    assert error.retry_after == pytest.approx(20, abs=0.1)
    assert (error.attempts, error.status, error.safe_to_repeat) == (0, 429, True)
    assert "19 calls wait before this one" in str(error)
    assert len(fake.requests) == 21


@pytest.mark.fault("F31")
def test_who_is_cancelled_or_out_of_time_gives_its_place_to_the_next():
    async def run(client: PartnerCenterClient):
        job_view, loop = client.with_options(background=True), asyncio.get_running_loop()
        await client.orders.get("c", "first")
        leaving = [asyncio.create_task(client.orders.get("c", "gone")) for _ in range(50)]
        expiring = asyncio.create_task(job_view.orders.get("c", "late", deadline=52.0))
        await asyncio.sleep(0.3)
        more = [asyncio.create_task(client.orders.get("c", "more")) for _ in range(5)]  # before the job's one
        last = asyncio.create_task(job_view.orders.get("c", "last"))
        await asyncio.sleep(0.3)
        for task in leaving[:48]:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*more, last, expiring)
        ended = loop.time()
        at_rest(client, 32)
        return ended

    ended, fake = call(lambda _: ORDER, run, rate=Rate(1))
    assert ended == pytest.approx(9, abs=0.1)  # ten requests, a second apart
    assert [request.url.rpartition("/")[2] for request in fake.requests][-1] == "last"
    assert len(fake.requests) == 10


@pytest.mark.fault("F31")
def test_a_place_that_was_given_to_a_call_cancelled_in_that_moment_is_the_next_ones():
    async def run(client: PartnerCenterClient):
        loop = asyncio.get_running_loop()
        await client.orders.get("c", "o")
        cancelled = asyncio.create_task(client.orders.get("c", "cancelled"))
        following = asyncio.create_task(client.orders.get("c", "o"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.call_at(gate_of(client)._timer.when() + 1e-10, cancelled.cancel)  # right behind, and before it wakes
        await following
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        at_rest(client, 32)
        return loop.time()

    ended, fake = call(lambda _: ORDER, run, rate=Rate(1))
    assert ended == pytest.approx(1, abs=1e-3)
    assert len(fake.requests) == 2


@pytest.mark.fault("F31")
@settings(phases=[Phase.generate])  # a smaller example of the same takes minutes to find
@given(
    rate=st.sampled_from(["learned", Rate(50, 60), Rate(500, 60), None]),
    limiter=st.sampled_from([*LIMITERS]),
    concurrency=st.integers(1, 12),
    seed=st.integers(0, 2**32),
)
def test_random_cancellations_leave_nothing_behind(rate, limiter, concurrency, seed):
    chance = random.Random(seed)

    async def run():
        service = Service(LIMITERS[limiter](), rate=rate, concurrency=concurrency)
        loop, tasks = asyncio.get_running_loop(), []
        views = service.client, service.client.with_options(background=True), service.client.with_options(tenant="b")
        service.limiter.change(chance.choice([20, 100]), loop.time())
        for number in range(120):
            view = chance.choice(views)
            if chance.random() < 0.2:
                made = view.request("GET", "invoices", deadline=chance.choice([1, 10, None]))
            else:
                made = view.orders.get(f"c{chance.randrange(9)}", str(number), deadline=chance.choice([0.5, 5, 100]))
            tasks.append(asyncio.create_task(made))
            if chance.random() < 0.5:
                loop.call_later(chance.choice([0, 0.1, 0.2, chance.random() * 60]), tasks[-1].cancel)
            await asyncio.sleep(chance.choice([0, 0, 0.1, chance.random()]))
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(200)
        at_rest(service.client, concurrency)
        begun = loop.time()
        for view in views:
            await view.orders.get("c", "o")
        assert loop.time() - begun < 15
        await service.client.close()

    run_in_virtual_time(run())


@pytest.mark.fault("F6")
def test_an_exchange_that_hangs_after_a_refusal_does_not_hold_up_the_others_for_long():
    """Who left after a refused one tells whose matter the refusal is, but is waited for no longer than a second."""
    service = Service(TokenBucket(500, per=60, burst=10))
    genuine = service.respond

    async def respond(request: Request) -> RawResponse:
        if "hangs" in request.url:
            await asyncio.sleep(100)
        if "refused" in request.url and len(refused) < 1:
            refused.append(asyncio.get_running_loop().time())
            return refusal(5)
        return await genuine(request)

    async def run():
        assert await job(service.client, 1200) == []
        await asyncio.sleep(10)
        calls = [asyncio.create_task(service.client.orders.get("bad", "refused"))]
        calls += [asyncio.create_task(service.client.orders.get(f"hangs{number}", "o")) for number in range(5)]
        calls += [asyncio.create_task(service.client.orders.get(f"fine{number}", "o")) for number in range(40)]
        await asyncio.gather(*calls)

    refused: list[float] = []
    service.fake.transport._function = respond
    run_in_virtual_time(run())
    fine = service.times("fine")
    assert len(fine) == 40
    assert fine[-1] - refused[0] < 1 + 50 * 0.15


# Who goes first


@pytest.mark.fault("F6")
@pytest.mark.parametrize("kind", ["view", "job"])
@pytest.mark.parametrize("limit", [Rate(1), "slots"])
def test_interactive_calls_go_before_a_jobs_and_each_kind_in_the_order_of_arrival(kind, limit):
    async def respond(request: Request) -> RawResponse:
        left.append(request.url.rpartition("/")[2])
        await asyncio.sleep(0.5)
        return ORDER

    async def run(client: PartnerCenterClient):
        background = client.with_options(background=True)

        async def one(number: int):
            return await client.orders.get("c", f"b{number}")

        if kind == "job":
            working = asyncio.create_task(drained(fan_out(range(20), one)))
        else:
            calls = [background.orders.get("c", f"b{number}") for number in range(20)]
            working = asyncio.gather(*calls)
        await asyncio.sleep(0.1)
        await asyncio.gather(*[client.orders.get("c", f"i{number}") for number in range(5)])
        await working

    left: list[str] = []
    failed, _ = call(respond, run, **({"concurrency": 1} if limit == "slots" else {"rate": limit}))
    assert failed is None
    assert left == ["b0", *[f"i{number}" for number in range(5)], *[f"b{number}" for number in range(1, 20)]]


async def drained(outcomes):
    return [each async for each in outcomes]


def test_a_fan_out_within_a_call_of_a_job_is_a_job_and_what_follows_it_is_not():
    async def run(client: PartnerCenterClient):
        await job(client, 1)
        working = asyncio.create_task(job(client, 20))
        await asyncio.sleep(0.1)
        begun = asyncio.get_running_loop().time()
        await client.orders.get("c", "o")
        waited = asyncio.get_running_loop().time() - begun
        await working
        return waited

    waited, _ = call(lambda _: ORDER, run, rate=Rate(1))
    assert waited <= 1


# A pace of one's own


class Turns:
    """Gives a place each second, or fails in one of the ways that a caller's own code can fail."""

    def __init__(self, *, fails=lambda _number: False, gives=None):
        self.asked: list[tuple[str, str]] = []
        self.next_at = 0.0
        self.fails = fails
        self.gives = gives

    async def acquire(self, partner: str, limit: str) -> float:
        self.asked.append((partner, limit))
        if self.fails(len(self.asked)):
            raise OSError("the server is away\x1b")
        if self.gives is not None:
            return self.gives
        now = asyncio.get_running_loop().time()
        at, self.next_at = max(now, self.next_at), max(now, self.next_at) + 1
        return at - now


def test_a_pace_of_ones_own_decides_when_each_request_leaves():
    turns = Turns()
    service = Service(rate=turns, tenant="t")

    async def run():
        await asyncio.gather(
            *[service.client.orders.get("c", "o") for _ in range(5)], service.client.customers.get("c")
        )

    run_in_virtual_time(run())
    assert service.times() == pytest.approx([0, 1, 2, 3, 4, 5], abs=1e-3)
    assert Counter(turns.asked) == {("t", "orders"): 5, ("t", "other"): 1}


@pytest.mark.fault("F6")
def test_a_pace_that_fails_is_logged_once_and_never_stops_a_call(caplog):
    service = Service(rate=Turns(fails=lambda number: number % 10))

    async def run():
        for _ in range(100):
            await service.client.orders.get("c", "o")
            await asyncio.sleep(6)

    run_in_virtual_time(run())
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 10  # once until it works again
    assert all("the shared pace failed" in each and "\\x1b" in each and "\x1b" not in each for each in warnings)


@pytest.mark.fault("F6")
def test_a_pace_that_never_answers_holds_calls_up_for_seconds_only(caplog):
    class Never:
        async def acquire(self, partner: str, limit: str) -> float:
            await asyncio.sleep(10**9)
            raise AssertionError(partner, limit)

    service = Service(rate=Never())
    assert run_in_virtual_time(job(service.client, 100)) == []
    assert 5 <= service.times()[0] <= service.times()[-1] < 6
    assert len([each for each in caplog.records if each.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize("gives", [None, "soon", math.inf, math.nan, -5.0])
def test_a_pace_that_gives_no_time_stops_no_call(gives, caplog):
    turns = Turns(gives=gives) if gives is not None else Turns(gives=object())
    service = Service(rate=turns)
    assert run_in_virtual_time(job(service.client, 50)) == []
    assert service.times()[-1] < 1
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == (gives != -5.0)


def test_a_place_that_was_not_used_is_the_next_calls():
    turns = Turns()
    service = Service(rate=turns)

    async def run():
        await service.client.orders.get("c", "o")
        gone = asyncio.create_task(service.client.orders.get("c", "gone"))
        await asyncio.sleep(0.5)
        gone.cancel()
        await asyncio.gather(*[service.client.orders.get("c", "o") for _ in range(2)])

    run_in_virtual_time(run())
    assert service.times() == pytest.approx([0, 1, 2], abs=1e-3)


def test_a_client_that_is_closed_while_its_pace_is_asked_ends_its_calls():
    class Never:
        async def acquire(self, partner: str, limit: str) -> float:
            await asyncio.sleep(10**9)
            raise AssertionError(partner, limit)

    service = Service(rate=Never())

    async def run():
        waiting = asyncio.create_task(service.client.orders.get("c", "o"))
        await asyncio.sleep(1)
        await service.client.close()
        (error,) = await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        return type(error).__name__, len(asyncio.all_tasks())

    assert run_in_virtual_time(run()) == ("ClientClosedError", 1)


# Bad input


@pytest.mark.parametrize("value", [0, -1, 0.0, math.nan, math.inf, -math.inf, True, "500", None])
@pytest.mark.parametrize("name", ["requests", "per"])
def test_a_rate_is_positive_and_finite(name, value):
    with pytest.raises(ValueError, match=rf"^{name} of a Rate must be a positive, finite number, not "):
        Rate(**({"requests": 500, "per": 60} | {name: value}))


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ({"order": Rate(1)}, "there is no limit 'order'; there are orders, "),
        ({"orders": 500}, "not 500"),
        ({"orders": None}, "not None"),
        ({1: Rate(1)}, "there is no limit 1"),
        (500, "rate must be a Rate, .*, not 500"),
        ("fast", "not 'fast'"),
        (True, "not True"),
        (object, "not <class 'object'>"),
    ],
)
def test_what_is_no_rate_is_refused_and_named(rate, says):
    with pytest.raises(ValueError, match=says):
        PartnerCenterClient(FakeCredential(), cloud=CLOUD, rate=rate)


@pytest.mark.parametrize(("option", "value"), [("tenant", 5), ("tenant", ""), ("background", "yes")])
def test_views_refuse_what_can_not_be(option, value):
    fake = Fake([])
    with pytest.raises((ValueError, TypeError), match=option):
        fake.client.with_options(**{option: value})


# Memory


@pytest.mark.parametrize("rate", ["learned", Rate.DOCUMENTED, None])
def test_limits_of_single_customers_are_forgotten_once_they_hold_nothing_back(rate):
    most = 0

    async def run(client: PartnerCenterClient):
        nonlocal most
        gates = client._session.shared.throttle
        for number in range(6000):
            await client.request("POST", f"customers/c{number}/migrations/newcommerce/validate", body={})
            most = max(most, len(gates.gates))
            await asyncio.sleep(0.05)

    failed, _ = call(lambda _: answer({}), run, rate=rate)
    assert failed is None
    assert most <= 2000


def test_a_limit_that_holds_anything_back_is_not_forgotten():
    async def run():
        throttle = Throttle(4, "learned")
        gate = throttle.gate("", "orders", "c")
        assert gate.idle(0.0)
        turn = gate.at_once(None)
        assert turn is not None
        assert not gate.idle(0.0)
        gate.throttled(turn, 5, lambda _: 0)
        gate.leave(turn)
        assert not gate.idle(1.0)  # the partner's lane is closed
        throttle.close()

    run_in_virtual_time(run())


def test_a_token_that_is_never_good_when_its_turn_comes_ends_the_call():
    async def run(client: PartnerCenterClient):
        client._session.access().tokens.latest = lambda _earlier: None
        await client.orders.get("c", "o")

    error, fake = call([], run, rate=Rate(10))
    assert type(error) is CredentialError
    assert "out of date" in str(error)
    assert fake.requests == []
    at_rest(fake.client, 32)


def test_a_turn_in_which_nothing_is_sent_holds_nobody_up():
    async def run():
        gate = Throttle(4, Rate(10)).gate("", "orders", "c")
        for number in range(50):
            gate.give_back(await gate.enter(Place(False, number), "c"))
        assert asyncio.get_running_loop().time() < 0.2  # two requests' time, not fifty's

    run_in_virtual_time(run())


def test_a_limit_that_is_forgotten_and_met_again_allows_no_more_than_before():
    rate = Rate(50, 10)
    pace = OwnPace(rate)
    now = 0.0
    for _ in range(100):
        now = max(now, pace.due(now))
        pace.leaves(now, held=True)
    assert not pace.rested(now)
    assert pace.rested(now + 1000)
    assert OwnPace(rate).due(0.0) <= 0.0
