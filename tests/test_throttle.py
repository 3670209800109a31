"""Lanes that close at 429, slots, and the retries that all calls share; in virtual time, counted at the transport."""

import asyncio
import math
import random

import pytest
from helpers import CLOUD, Fake, at_rest, call, customers_remembered, header

from partnercenter_async import (
    DeadlineError,
    PartnerCenterClient,
    PartnerCenterError,
    RetryPolicy,
    ServerError,
    ThrottledError,
    fan_out,
)
from partnercenter_async._session.throttle import Patience, Place, Throttle
from partnercenter_async.testing import FakeCredential, FakeTransport, RawResponse, Request, answer, run_in_virtual_time

ORDER = answer({"id": "o1"})
SPREAD = 0.5  # the default first wait: up to so many seconds a lane opens later than the service asked


def customer_of(request: Request) -> str | None:
    parts = request.url.split("?")[0].split("/")
    return parts[5] if parts[4] == "customers" and len(parts) > 5 else None


class Service:
    """Takes 0.1 s for each request; each customer, and everything, can be barred for a time, which is then kept."""

    def __init__(self, **settings):
        self.bars: dict[str | None, float] = {}
        self.arrivals: list[tuple[float, str | None, int]] = []
        self.most = self.now = 0
        self.fake = Fake(self.respond, **settings)
        self.client = self.fake.client

    def bar(self, customer: str | None, seconds: float) -> None:
        self.bars[customer] = asyncio.get_running_loop().time() + seconds

    async def respond(self, request: Request) -> RawResponse:
        loop = asyncio.get_running_loop()
        customer = customer_of(request)
        until = max(self.bars.get(customer, 0.0), self.bars.get("everything", 0.0))
        left = until - loop.time()
        self.arrivals.append((loop.time(), customer, 429 if left > 0 else 200))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.1)
        finally:
            self.now -= 1
        if left > 0:
            return answer(
                {"statusCode": 429, "message": "Wait."}, status=429, headers={"Retry-After": str(math.ceil(left))}
            )
        return answer({"id": "o", "items": []})

    def times(self, customer: str | None, status: int | None = None) -> list[float]:
        return [time for time, known, met in self.arrivals if known == customer and status in (None, met)]


def many(service: Service, customer: str, number: int, **options):
    return [asyncio.create_task(service.client.orders.get(customer, "o", **options)) for _ in range(number)]


@pytest.mark.fault("F6")
def test_a_throttled_customers_lane_closes_and_the_others_go_on():
    service = Service(concurrency=8)

    async def run():
        service.bar("bad", 30)
        first = many(service, "bad", 1)
        await asyncio.sleep(1)
        waiting = many(service, "bad", 50)
        for number in range(40):
            await service.client.orders.get(f"good-{number}", "o")
        others_done = asyncio.get_running_loop().time()
        await asyncio.gather(*first, *waiting)
        return others_done

    assert run_in_virtual_time(run()) < 6
    barred, rest = service.times("bad", 429), service.times("bad", 200)
    assert barred == [0.0]  # a closed lane sends nothing
    assert 30.1 <= rest[0] <= 30.1 + SPREAD
    assert rest[1] >= rest[0] + 0.1  # nothing before the probe's answer
    assert len(rest) == 51
    assert rest[-1] - rest[1] < 50 / 8 * 0.1 + 0.01  # and then the rest, eight at a time
    assert service.most <= 8


@pytest.mark.fault("F6")
def test_the_order_of_arrival_is_kept_behind_a_lane():
    service = Service(concurrency=1)
    done: list[int] = []

    async def one(number: int):
        await service.client.orders.get("bad", "o")
        done.append(number)

    async def run():
        service.bar("bad", 10)
        await asyncio.gather(*[one(number) for number in range(20)])

    run_in_virtual_time(run())
    # The one that met the 429 waits its own time; the others go as they came.
    assert [number for number in done if number] == list(range(1, 20))


@pytest.mark.fault("F6")
def test_a_probe_that_is_throttled_closes_the_lane_again():
    service = Service()

    async def run():
        service.bar("bad", 5)
        calls = many(service, "bad", 1)
        await asyncio.sleep(1)
        calls += many(service, "bad", 30)
        await asyncio.sleep(3)
        service.bar("bad", 10)
        await asyncio.gather(*calls)

    run_in_virtual_time(run())
    barred, rest = service.times("bad", 429), service.times("bad", 200)
    assert len(barred) == 2
    assert 5.1 <= barred[1] <= 5.1 + SPREAD
    assert min(rest) >= 14
    assert len(rest) == 31
    assert sorted(rest)[1] >= min(rest) + 0.1


@pytest.mark.fault("F6")
def test_a_path_without_a_customer_closes_the_partners_lane():
    service = Service()

    async def run():
        service.bar(None, 20)
        listing = asyncio.create_task(service.client.migrations.list(customer_tenant_id="t").collect())
        await asyncio.sleep(1)
        of_customers = [service.client.customers.get(customer) for customer in "abcdefghij"]
        orders = many(service, "a", 3)
        await asyncio.gather(*orders)
        assert asyncio.get_running_loop().time() == pytest.approx(1.1)  # which the service counts by themselves
        await asyncio.gather(*of_customers)
        await asyncio.gather(listing, return_exceptions=True)

    run_in_virtual_time(run())
    times = sorted(time for time, *_ in service.arrivals if time != 1.0)
    assert times[0] == 0.0
    assert 20.1 <= times[1] <= 20.1 + SPREAD
    assert times[2] >= times[1] + 0.1
    assert len(times) == 12


@pytest.mark.fault("F6")
@pytest.mark.parametrize(("throttled", "sent_meanwhile"), [(2, True), (3, False), (7, False)])
def test_three_throttled_customers_close_the_partners_lane(throttled, sent_meanwhile):
    service = Service()

    async def run():
        for number in range(throttled):
            service.bar(f"bad-{number}", 30)
        bad = [task for number in range(throttled) for task in many(service, f"bad-{number}", 2)]
        await asyncio.sleep(1)
        await asyncio.gather(*bad, *many(service, "good", 3))

    run_in_virtual_time(run())
    first = min(service.times("good"))
    assert (first == 1.0) is sent_meanwhile
    if not sent_meanwhile:
        later = sorted(time for time, *_ in service.arrivals if time > 1)
        assert 30 <= later[0] <= 30.2 + SPREAD
        assert later[1] >= later[0] + 0.1  # one probe for all customers


@pytest.mark.fault("F6")
def test_customers_throttled_in_different_windows_are_no_sign_of_the_partner():
    service = Service()

    async def run():
        for number in range(5):
            service.bar(f"bad-{number}", 2)
            await service.client.orders.get(f"bad-{number}", "o")
            await asyncio.sleep(40)
            begun = asyncio.get_running_loop().time()
            await service.client.orders.get("good", "o")
            assert asyncio.get_running_loop().time() == pytest.approx(begun + 0.1)

    run_in_virtual_time(run())


@pytest.mark.fault("F6")
def test_waiting_in_a_lane_is_no_attempt():
    service = Service()

    async def run():
        service.bar("bad", 20)
        first = many(service, "bad", 1)
        await asyncio.sleep(1)
        response = await service.client.request("GET", "customers/bad/orders/o", dict)
        await asyncio.gather(*first)
        return response.info

    info = run_in_virtual_time(run())
    assert (info.attempts, info.history) == (1, ())


@pytest.mark.fault("F6")
@pytest.mark.parametrize("options", [{"deadline": 10}, {"deadline": 28.5}])
def test_a_call_whose_deadline_ends_before_its_lane_opens_fails_at_once(options):
    service = Service()

    async def run():
        service.bar("bad", 30)
        first = many(service, "bad", 1)
        await asyncio.sleep(1)
        with pytest.raises(ThrottledError) as caught:
            await service.client.orders.get("bad", "o", **options)
        assert asyncio.get_running_loop().time() == 1.0
        await asyncio.gather(*first)
        return caught.value

    error = run_in_virtual_time(run())
    assert 29.1 <= error.retry_after <= 29.1 + SPREAD
    assert (error.attempts, error.status) == (0, 429)
    assert "not sent" in str(error)
    assert len(service.arrivals) == 2


@pytest.mark.fault("F6")
def test_a_waiting_call_fails_as_soon_as_its_lane_closes_for_too_long():
    service = Service()

    async def run():
        service.bar("bad", 5)
        calls = many(service, "bad", 1)
        await asyncio.sleep(1)
        hasty = asyncio.create_task(service.client.orders.get("bad", "o", deadline=20))
        calls += many(service, "bad", 2)
        await asyncio.sleep(1)
        service.bar("bad", 60)
        with pytest.raises(ThrottledError) as caught:
            await hasty
        failed_at = asyncio.get_running_loop().time()
        await asyncio.gather(*calls)
        return failed_at, caught.value

    failed_at, error = run_in_virtual_time(run())
    assert 5 < failed_at < 6
    assert error.retry_after > 50


@pytest.mark.fault("F6")
def test_a_policy_that_takes_no_long_waits_takes_none_in_lanes():
    service = Service()

    async def run():
        service.bar("bad", 200)
        errors = []
        for _ in range(2):
            with pytest.raises(ThrottledError) as caught:
                await service.client.orders.get("bad", "o")
            errors.append(caught.value)
        patient = service.client.with_options(retry=RetryPolicy(longest_retry_after=300))
        await patient.orders.get("bad", "o")
        return errors

    first, second = run_in_virtual_time(run())
    assert (first.attempts, second.attempts) == (1, 0)
    assert len(service.arrivals) == 2
    assert service.arrivals[1][0] >= 200


@pytest.mark.fault("F6")
def test_a_lane_without_a_readable_time_closes_for_the_clients_own_wait():
    answers = iter([answer(status=429), *[ORDER] * 3])

    async def run(client: PartnerCenterClient):
        return await asyncio.gather(*[client.orders.get("c", "o") for _ in range(3)])

    found, fake = call(lambda _: next(answers), run, concurrency=1)
    assert [order.id for order in found] == ["o1"] * 3
    assert len(fake.requests) == 4


@pytest.mark.fault("F6")
@pytest.mark.parametrize("loss", ["cancelled", "timeout", "server error", "expired"])
def test_a_probe_that_comes_to_nothing_makes_room_for_the_next(loss):
    service = Service(retry=RetryPolicy(tries=2))
    genuine = service.respond
    met = 0

    async def respond(request: Request) -> RawResponse:
        nonlocal met
        if asyncio.get_running_loop().time() > 10:
            met += 1
        if met == 1 and loss != "server error":
            await asyncio.sleep(1000)
        return answer(status=500) if met == 1 else await genuine(request)

    service.fake.transport._function = respond

    async def run():
        service.bar("bad", 10)
        first = many(service, "bad", 1)
        await asyncio.sleep(1)
        probe = asyncio.create_task(
            service.client.orders.get(
                "bad", "o", **{"timeout": {"timeout": 3}, "expired": {"deadline": 15}}.get(loss, {})
            )
        )
        rest = many(service, "bad", 10)
        await asyncio.sleep(14)
        if loss == "cancelled":
            probe.cancel()
        return await asyncio.gather(*first, probe, *rest, return_exceptions=True)

    results = run_in_virtual_time(run())
    failed = [type(each) for each in results if isinstance(each, BaseException)]
    assert failed == {"cancelled": [asyncio.CancelledError], "expired": [DeadlineError]}.get(loss, [])


@pytest.mark.fault("F6")
def test_lanes_of_customers_that_are_no_longer_seen_take_no_memory():
    service = Service(retry=RetryPolicy(tries=1))

    async def run():
        most = 0
        for number in range(500):
            service.bar(f"c-{number}", 100)
            with pytest.raises(ThrottledError):
                await service.client.orders.get(f"c-{number}", "o")
            most = max(most, len(customers_remembered(service.client)))
            await asyncio.sleep(40)
        await asyncio.sleep(200)
        return most

    assert 3 <= run_in_virtual_time(run()) <= 5
    assert customers_remembered(service.client) == []
    at_rest(service.client, 32)


def taking(service: Service, seconds: float, *, at: float) -> None:
    """Let each request that comes at a time or later take so long."""
    genuine = service.respond

    async def respond(request: Request) -> RawResponse:
        late = asyncio.get_running_loop().time() >= at
        found = await genuine(request)
        await asyncio.sleep(seconds if late else 0)
        return found

    service.fake.transport._function = respond


@pytest.mark.fault("F6")
def test_an_answer_to_what_was_sent_before_the_lane_closed_does_not_open_it():
    answers = {"slow": [(8, 200)], "barred": [(0, 429), (20, 200)], "second": [(0, 200)], "last": [(0, 200)]}
    sent: dict[str, float] = {}

    async def respond(request: Request) -> RawResponse:
        name = request.url.rpartition("/")[2]
        seconds, status = answers[name].pop(0)
        sent[name] = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return answer({"id": "o"}, status=status, headers={"Retry-After": "4"})

    async def run(client: PartnerCenterClient):
        tasks = []
        for name in answers:
            tasks.append(asyncio.create_task(client.orders.get("bad", name)))
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)

    failed, _ = call(respond, run)
    assert failed is None
    assert 4 < sent["barred"] < 8 < sent["barred"] + 20 <= sent["second"] <= sent["last"]


@pytest.mark.fault("F6")
def test_a_lane_waits_for_its_probe_however_long_that_takes():
    service = Service(timeout=250.0)
    taking(service, 200, at=5)

    async def run():
        service.bar("bad", 5)
        first = many(service, "bad", 1)
        await asyncio.sleep(100)
        await asyncio.gather(*first, *many(service, "bad", 3, deadline=None))

    run_in_virtual_time(run())
    probe, *rest = service.times("bad", 200)
    assert 5 < probe < 6
    assert len(rest) == 3
    assert min(rest) >= probe + 200


@pytest.mark.fault("F6")
@pytest.mark.parametrize(("short", "long"), [(None, "bad"), ("bad", None)])
def test_a_lane_that_is_forgotten_opens_no_other(short, long):
    service = Service(retry=RetryPolicy(tries=1))

    async def ask(customer: str | None) -> None:
        path = "newcommercemigrations" if customer is None else f"customers/{customer}/orders/o"
        await service.client.request("GET", path)

    async def run():
        service.bar(short, 1)
        service.bar(long, 110)
        for each in ("bad", None):  # a closed partner's lane would hold the customer's too
            with pytest.raises(ThrottledError):
                await ask(each)
        await asyncio.sleep(90)  # the one is forgotten, and the other still closed
        await ask(long)

    run_in_virtual_time(run())
    closed, opened = service.times(long)
    assert closed < 2
    assert 110 <= opened < 112


@pytest.mark.fault("F6")
def test_the_partners_lane_holds_nobody_once_it_is_forgotten():
    service = Service(retry=RetryPolicy(tries=1))

    async def run():
        for customer, path in ((None, "newcommercemigrations"), ("bad", "customers/bad/orders/o")):
            service.bar(customer, 5)
            with pytest.raises(ThrottledError):
                await service.client.request("GET", path)
            await asyncio.sleep(70 if customer is None else 1)
        await asyncio.gather(*many(service, "good", 5))

    run_in_virtual_time(run())
    assert len({*service.times("good")}) == 1  # all at once


@pytest.mark.fault("F6")
def test_a_mistaken_time_does_not_shut_a_client_out_for_good():
    answers = iter([answer(status=429, headers={"Retry-After": "1000000000"}), ORDER])

    async def run(client: PartnerCenterClient):
        with pytest.raises(ThrottledError) as caught:
            await client.orders.get("c", "o")
        await asyncio.sleep(3600.6)
        return caught.value.retry_after, await client.orders.get("c", "o")

    (seconds, order), _ = call(lambda _: next(answers), run)
    assert (seconds, order.id) == (1e9, "o1")


@pytest.mark.fault("F6")
def test_views_share_lanes_and_letter_case_makes_no_other_customer():
    service = Service()

    async def run():
        service.bar("bad", 20)
        first = many(service, "bad", 1)
        await asyncio.sleep(1)
        view = service.client.with_options(locale="de-AT", credential=FakeCredential())
        await asyncio.gather(view.orders.get("BAD", "o"), *first)

    run_in_virtual_time(run())
    assert min(service.times("BAD")) > 20


@pytest.mark.fault("F7")
@pytest.mark.parametrize("concurrency", [1, 50, 1000])
@pytest.mark.parametrize("status", [500, 503])
def test_an_outage_meets_hardly_more_than_one_request_a_call(concurrency, status):
    async def run(client: PartnerCenterClient):
        return await asyncio.gather(
            *[client.orders.get(f"c-{number}", "o", deadline=None) for number in range(1000)], return_exceptions=True
        )

    errors, fake = call(
        lambda _: answer({"code": 7, "description": "Out."}, status=status), run, concurrency=concurrency
    )
    assert all(type(error) is ServerError and error.code == 7 for error in errors)
    assert len(fake.requests) <= 1050
    assert sum(error.attempts for error in errors) == len(fake.requests)
    spared = [error for error in errors if error.attempts == 1]
    assert len(spared) >= 950
    assert all("not tried again since too many calls" in str(error) for error in spared)


@pytest.mark.fault("F8")
def test_single_failures_are_repaired_at_little_cost():
    chance = random.Random(8)
    calls, failed, sent = 100_000, 0, 0

    async def respond(_request: Request) -> RawResponse:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.05)
        return answer(status=503) if chance.random() < 0.1 else ORDER

    async def run():
        nonlocal failed
        client = PartnerCenterClient(FakeCredential(), cloud=CLOUD, transport=FakeTransport(respond), concurrency=50)
        client._session.shared.transport.requests = Forgetful()
        numbers = iter(range(calls))

        async def worker():
            nonlocal failed
            for number in numbers:
                try:
                    await client.request("GET", f"customers/c-{number % 1000}")
                except ServerError:
                    failed += 1

        await asyncio.gather(*[worker() for _ in range(50)])

    run_in_virtual_time(run())
    assert failed <= 0.0015 * calls
    assert sent <= 1.12 * calls


@pytest.mark.parametrize("status", [200, 400, 404, 409])
def test_five_answers_bring_one_retry_back_whatever_they_say_of_the_call(status):
    met = 503

    async def run(client: PartnerCenterClient):
        nonlocal met

        async def requests_of_a_call() -> int:
            before = len(fake.requests)
            try:
                await client.orders.get("c", "o")
            except PartnerCenterError as error:
                assert error.status == met
            return len(fake.requests) - before

        assert [await requests_of_a_call() for _ in range(20)] == [3] * 16 + [1] * 4  # 32 retries, and none is left
        met = status
        assert [await requests_of_a_call() for _ in range(4)] == [1] * 4
        met = 503
        assert await requests_of_a_call() == 1
        met = status
        await requests_of_a_call()
        met = 503
        assert [await requests_of_a_call() for _ in range(2)] == [2, 1]

    fake = Fake(lambda _: answer({"id": "o"}, status=met))
    run_in_virtual_time(run(fake.client))


@pytest.mark.parametrize("moment", ["waiting", "handed over"])
def test_a_call_cancelled_while_it_waits_for_a_slot_neither_keeps_nor_adds_one(moment):
    service = Service(concurrency=1)
    genuine = service.respond

    async def respond(request: Request) -> RawResponse:
        found = await genuine(request)
        if request.url.endswith("first"):
            asyncio.get_running_loop().call_soon(cancelled.cancel)  # it runs just before who waits for the slot wakes
        return found

    async def run():
        nonlocal cancelled
        first = asyncio.create_task(service.client.orders.get("a", "first" if moment == "handed over" else "o"))
        await asyncio.sleep(0.05)
        (cancelled,) = many(service, "b", 1)
        await asyncio.sleep(0.01)
        if moment == "waiting":
            cancelled.cancel()
            await asyncio.sleep(0)
            (gate,) = service.client._session.shared.throttle.gates.values()
            assert gate.lane.line.live == [0, 0]
        await first
        await asyncio.gather(*many(service, "c", 3))
        assert cancelled.cancelled()

    cancelled: asyncio.Task
    service.fake.transport._function = respond
    run_in_virtual_time(run())
    assert service.most == 1
    assert [customer for _, customer, _ in service.arrivals] == ["a", "c", "c", "c"]
    assert service.times("c") == pytest.approx([0.1, 0.2, 0.3])
    at_rest(service.client, 1)


def test_calls_that_were_cancelled_in_a_line_take_no_memory():
    service = Service()

    async def run():
        service.bar("bad", 1000)
        first = many(service, "bad", 1, deadline=None)
        await asyncio.sleep(1)
        lines = service.client._session.shared.throttle.gate("", "orders", "bad").customers["bad"].line
        for _ in range(20):
            waiting = many(service, "bad", 100, deadline=None)
            await asyncio.sleep(1)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        first[0].cancel()
        await asyncio.gather(*first, return_exceptions=True)
        return len(lines._heap)

    policy = RetryPolicy(longest_retry_after=2000)
    service.client = service.client.with_options(retry=policy)
    assert run_in_virtual_time(run()) < 200


@pytest.mark.fault("F6")
def test_what_a_customer_was_refused_before_the_lane_closed_does_not_close_it_again():
    """Its own lane obeys; the partner's is on trial, and its probe alone tells."""
    times = {"late": [5.0], "a": [0.1, 0.1], "b": [0.1, 0.1], "c": [0.1, 0.1]}
    sent: list[tuple[float, str]] = []

    async def respond(request: Request) -> RawResponse:
        customer = customer_of(request)
        assert customer is not None
        now = asyncio.get_running_loop().time()
        sent.append((now, customer))
        first = [name for _, name in sent].count(customer) == 1
        await asyncio.sleep(4.0 if customer == "late" and first else 0.1 if first else 3.0)
        return answer(status=429, headers={"Retry-After": "2"}) if first else ORDER

    async def run(client: PartnerCenterClient):
        await asyncio.gather(*[client.orders.get(customer, "o") for customer in times])

    failed, _ = call(respond, run)
    assert failed is None
    probe = min(time for time, customer in sent[4:])
    assert 2 < probe < 3
    again = sorted(time for time, _ in sent[4:])
    assert again[1] >= probe + 3  # the others of the first three, behind the probe's answer
    assert again[1] < probe + 3.7  # and not for the late one's sake later
    assert max(time for time, customer in sent if customer == "late") >= 6


class Forgetful(list):
    def append(self, item):
        pass


@pytest.mark.fault("F6")
def test_a_lane_that_is_closed_twice_at_once_fails_a_waiting_call_once():
    async def run() -> None:
        throttle = Throttle(4, "learned")
        gate = throttle.gate("", "orders", "c")
        first, second, third = [gate.at_once("c") for _ in range(3)]
        gate.throttled(first, 5, lambda _: 0)
        waiting = asyncio.create_task(gate.enter(Place(False, 1), "c", Patience(longest=10)))
        await asyncio.sleep(0)
        gate.throttled(second, 20, lambda _: 0)
        gate.throttled(third, 30, lambda _: 0)
        with pytest.raises(ThrottledError, match="another 20 s"):
            await waiting
        throttle.close()

    run_in_virtual_time(run())


@pytest.mark.fault("F46")
@pytest.mark.parametrize("settings", [{}, {"rate": None}, {"deadline": None}], ids=["learned", "off", "no deadline"])
@pytest.mark.parametrize("retry_after", [1, 5, 30])
def test_customers_that_are_throttled_once_each_all_complete(retry_after, settings):
    """A storm: the waits add up to many times what one Retry-After may be, and nobody is lost to that."""
    seen: set[str | None] = set()

    async def respond(request: Request) -> RawResponse:
        await asyncio.sleep(0.2)
        customer = customer_of(request)
        if customer in seen:
            return ORDER
        seen.add(customer)
        return answer({"statusCode": 429}, status=429, headers={"Retry-After": str(retry_after)})

    async def storm(client: PartnerCenterClient) -> float:
        async def one(customer: str):
            return await client.orders.get(customer, "o1")

        outcomes = [outcome async for outcome in fan_out([f"c{number}" for number in range(300)], one)]
        assert [outcome.error for outcome in outcomes] == [None] * 300
        return asyncio.get_running_loop().time()

    ended, fake = call(respond, storm, **settings)
    assert ended <= 1.5 * math.ceil(300 / 32) * (retry_after + 2 * 0.2)
    assert len(fake.requests) == 600


@pytest.mark.fault("F5")
def test_a_time_of_just_the_ceiling_is_waited_for_by_all_of_its_lane():
    service = Service(retry=RetryPolicy(longest_retry_after=20))

    async def run() -> None:
        service.bar("c", 20)
        calls = many(service, "c", 3)
        assert [order.id for order in await asyncio.gather(*calls)] == ["o"] * 3

    run_in_virtual_time(run())


@pytest.mark.fault("F6")
def test_a_token_that_ran_out_in_a_lane_is_renewed_before_it_is_sent():
    tokens: list[tuple[float, str | None]] = []

    async def respond(request: Request) -> RawResponse:
        tokens.append((asyncio.get_running_loop().time(), header(request, "Authorization")))
        if len(tokens) == 1:
            return answer(status=429, headers={"Retry-After": "100"})
        return ORDER

    async def work(client: PartnerCenterClient) -> None:
        await asyncio.gather(*[client.orders.get("c", "o") for _ in range(5)])

    _, fake = call(respond, work, credential=FakeCredential(lifetime=90))
    assert [sent for _, sent in tokens] == ["Bearer fake-token-1"] + ["Bearer fake-token-2"] * 5
    assert len(fake.credential.claims) == 2


def test_a_token_that_was_never_good_for_a_while_is_used_all_the_same():
    order, fake = call([ORDER], lambda client: client.orders.get("c", "o"), credential=FakeCredential(lifetime=-3600))
    assert order.id == "o1"
    assert len(fake.credential.claims) == 1
