"""One call: what is sent, what is tried again, when, and what an error says."""

import asyncio
import base64
import email.utils
import gc
import itertools
import random
import time
import weakref
from decimal import Decimal

import pytest
from azure.core.credentials import AccessToken
from helpers import AT, BASE, Fake, call, header
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async import (
    Attempt,
    AttemptTimeoutError,
    AuthenticationError,
    BadRequestError,
    CertificateError,
    Cloud,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    DecodeError,
    MfaRequiredError,
    NotFoundError,
    Order,
    OutcomeUnknownError,
    PartnerCenterClient,
    PermissionDeniedError,
    RedirectError,
    ResourceCollection,
    Response,
    RetryPolicy,
    ServerError,
    ThrottledError,
)
from partnercenter_async._session.response import Headers
from partnercenter_async._session.retry import retry_after
from partnercenter_async.clouds import SERVICES, ServiceName
from partnercenter_async.testing import FakeCredential, RawResponse, Request, answer, run_in_virtual_time

ORDER = answer({"id": "o1"})
SERVER_ERRORS = [500, 502, 503, 504, 408]


async def get(client: PartnerCenterClient, service: ServiceName = "api"):
    if service != "api":
        return (await client.request("GET", AT[service], Order, service=service)).data
    return await client.orders.get("c1", "o1")


async def post(client: PartnerCenterClient) -> Response[None]:
    return await client.request("POST", "customers/c1/orders", body={"lineItems": []})


def timed(answers: list[RawResponse], times: list[float]):
    """Answer in order and note when each request came."""
    left = iter(answers)

    def respond(_request: Request) -> RawResponse:
        times.append(asyncio.get_running_loop().time())
        return next(left)

    return respond


@pytest.mark.fault("F1")
def test_a_get_is_tried_again_until_it_is_answered():
    times: list[float] = []
    order, fake = call(timed([answer(status=503), answer(status=503), ORDER], times), get)
    assert order.id == "o1"
    assert len(fake.requests) == 3
    assert 0 <= times[1] - times[0] <= 0.5
    assert 0 <= times[2] - times[1] <= 1.0
    assert len({header(request, "MS-RequestId") for request in fake.requests}) == 1


@pytest.mark.fault("F1")
def test_waits_are_random_over_their_whole_range():
    firsts, seconds = [], []
    for _ in range(200):
        times: list[float] = []
        call(timed([answer(status=503), answer(status=503), ORDER], times), get)
        firsts.append(times[1] - times[0])
        seconds.append(times[2] - times[1])
    assert min(firsts) < 0.1
    assert 0.4 < max(firsts) <= 0.5
    assert min(seconds) < 0.2
    assert 0.8 < max(seconds) <= 1.0


@pytest.mark.fault("F1")
def test_the_next_call_has_another_request_id():
    async def twice(client: PartnerCenterClient) -> None:
        await get(client)
        await get(client)

    _, fake = call([ORDER, ORDER], twice)
    first, second = (header(request, "MS-RequestId") for request in fake.requests)
    assert first != second


def test_no_random_wait_is_longer_than_the_longest():
    waits: list[float] = []
    for _ in range(20):
        times: list[float] = []
        policy = RetryPolicy(tries=8, first_wait=1, longest_wait=2)
        call(timed([*[answer(status=503)] * 7, ORDER], times), get, retry=policy)
        waits += [later - before for before, later in itertools.pairwise(times)]
    assert len(waits) == 20 * 7
    assert 1.9 < max(waits) <= 2


def test_a_failed_attempt_tells_how_long_was_waited_after_it():
    seen: list[Attempt] = []
    times: list[float] = []
    failures = [answer(status=503), answer(status=500, headers={"Retry-After": "7"}), answer(status=502)]

    async def request(client: PartnerCenterClient):
        return await client.request("GET", "customers/c1", dict)

    response, _ = call(timed([*failures, answer({})], times), request, retry=RetryPolicy(tries=4), on_retry=seen.append)
    waited = [later - before for before, later in itertools.pairwise(times)]
    assert [attempt.waited for attempt in response.info.history] == pytest.approx(waited)
    assert all(attempt.waited > 0 for attempt in response.info.history)
    assert response.info.history[1].waited > 7
    assert tuple(seen) == response.info.history


@pytest.mark.fault("F2")
@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_a_server_that_fails_for_ever_is_asked_exactly_three_times(status):
    error, fake = call(lambda _: answer({"code": 1, "description": "no"}, status=status, reason="Oh"), get)
    assert len(fake.requests) == 3
    assert type(error) is ServerError
    assert error.status == status
    assert error.attempts == 3
    assert [attempt.status for attempt in error.history] == [status, status]
    assert all(0 <= attempt.waited <= 1 for attempt in error.history)
    assert error.__cause__ is None
    assert error.request_id == header(fake.requests[0], "MS-RequestId")
    assert str(error).endswith(f"(GET /v1/customers/c1/orders/o1, request id {error.request_id})")


@pytest.mark.fault("F2")
def test_an_answer_info_counts_the_failed_attempts():
    async def request(client: PartnerCenterClient):
        return await client.request("GET", "customers/c1", dict)

    response, _ = call([answer(status=500), answer({})], request)
    assert response.info.attempts == 2
    assert [attempt.status for attempt in response.info.history] == [500]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 412, 417, 501])
def test_other_errors_are_final(status):
    error, fake = call(lambda _: answer(status=status, reason="MFA required"), get)
    assert len(fake.requests) == 1
    assert error.status == status
    assert error.attempts == 1


@pytest.mark.parametrize(
    ("status", "flag", "requests"), [(500, False, 1), (500, True, 3), (409, True, 3), (409, False, 1)]
)
def test_the_services_own_word_on_retrying_counts(status, flag, requests):
    _, fake = call(lambda _: answer({"code": 600061, "isRetryable": flag}, status=status), get)
    assert len(fake.requests) == requests


@pytest.mark.fault("F3")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_write_that_may_have_been_done_is_sent_once(method, status):
    error, fake = call(
        lambda _: answer({"code": 800003}, status=status),
        lambda client: client.request(method, "customers/c1/orders", body={}),
    )
    assert len(fake.requests) == 1
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, ServerError)
    assert isinstance(error.__cause__, ServerError)
    assert (error.status, error.code) == (status, 800003)
    assert error.request_id == header(fake.requests[0], "MS-RequestId")
    assert "request id" in (error.remedy or "")


@pytest.mark.fault("F3")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_whose_answer_was_lost_is_sent_once(method):
    error, fake = call(
        [ConnectionLostError("gone")], lambda client: client.request(method, "customers/c1/orders", body={})
    )
    assert len(fake.requests) == 1
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, ConnectionLostError)
    assert isinstance(error.__cause__, ConnectionLostError)


@pytest.mark.fault("F3")
@pytest.mark.parametrize("limit", [{"timeout": 1.0}, {"deadline": 1.0}])
def test_a_write_that_got_no_answer_in_time_is_sent_once(limit):
    async def hang(_request: Request) -> RawResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    error, fake = call(hang, lambda client: client.request("POST", "carts/x/checkout", **limit))
    assert len(fake.requests) == 1
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, TimeoutError)


@pytest.mark.fault("F3")
@pytest.mark.parametrize("refusal", [ConnectError("refused"), answer(status=429, headers={"Retry-After": "1"})])
def test_a_write_that_was_certainly_not_done_is_tried_again(refusal):
    response, fake = call([refusal, refusal, answer({}, status=201)], post)
    assert response.info.status == 201
    assert len(fake.requests) == 3
    assert len({header(request, "MS-RequestId") for request in fake.requests}) == 1


@pytest.mark.fault("F3")
@pytest.mark.parametrize("fault", [answer(status=500), ConnectionLostError("gone")])
def test_a_write_is_repeated_under_the_same_id_where_the_caller_opted_in(fault):
    policy = RetryPolicy(retry_writes=True)
    response, fake = call([fault, fault, answer({}, status=201)], post, retry=policy)
    assert response.info.attempts == 3
    assert len({header(request, "MS-RequestId") for request in fake.requests}) == 1


@pytest.mark.fault("F3")
def test_a_write_has_a_new_id_after_a_final_answer():
    async def twice(client: PartnerCenterClient) -> None:
        await post(client)
        await post(client)

    _, fake = call([answer({}, status=201), answer({}, status=201)], twice, retry=RetryPolicy(retry_writes=True))
    assert header(fake.requests[0], "MS-RequestId") != header(fake.requests[1], "MS-RequestId")


@pytest.mark.fault("F3")
def test_an_outcome_stays_unknown_when_the_repetition_is_refused():
    async def in_time(client: PartnerCenterClient) -> object:
        return await client.request("POST", "customers/c1/orders", dict, body={}, deadline=20)

    answers = [ConnectionLostError("gone"), *[answer(status=429)] * 100]
    error, fake = call(answers, in_time, retry=RetryPolicy(retry_writes=True))
    assert len(fake.requests) > 3
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error.__cause__, ThrottledError)


@pytest.mark.fault("F3")
@pytest.mark.parametrize("status", [400, 409, 501])
def test_a_write_that_was_refused_is_that_refusal(status):
    error, fake = call([answer({"code": 2000}, status=status)], post)
    assert len(fake.requests) == 1
    assert error.status == status
    assert not isinstance(error, OutcomeUnknownError)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_repeatable_methods_are_tried_again(method):
    response, fake = call(
        [answer(status=500), ConnectionLostError("gone"), answer(status=204)],
        lambda client: client.request(method, "x/y"),
    )
    assert response.data is None
    assert len(fake.requests) == 3


@pytest.mark.fault("F4")
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_never_cut_short_and_is_spread(status):
    waits = []
    for seed in range(1000):
        random.seed(seed)
        times: list[float] = []
        call(timed([answer(status=status, headers={"Retry-After": "7"}), ORDER], times), get)
        waits.append(times[1] - times[0])
    assert all(7.0 <= wait <= 7.5 for wait in waits)
    assert max(waits) - min(waits) > 0.4


def http_date(offset: float) -> str:
    return email.utils.formatdate(1_800_000_000 + offset, usegmt=True)


@pytest.mark.fault("F5")
@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"Retry-After": http_date(9), "Date": http_date(0)}, 9, 9.5),
        ({"Retry-After": http_date(-60), "Date": http_date(0)}, 0, 0.5),
        ({"Retry-After": "0"}, 0, 0.5),
        ({"Retry-After": "-1"}, 0, 0.5),
        ({"Retry-After": "abc"}, 0, 0.5),
        ({"Retry-After": ""}, 0, 0.5),
        ({"Retry-After": "2.5"}, 2.5, 3),
        ({"retry-after": "3"}, 3, 3.5),
        ({}, 0, 0.5),
    ],
)
def test_every_form_of_retry_after_is_honoured_or_passed_over(headers, low, high):
    for status in (429, 503):
        times: list[float] = []
        order, _ = call(timed([answer(status=status, headers=headers), ORDER], times), get)
        assert order.id == "o1"
        assert low <= times[1] - times[0] <= high


@pytest.mark.fault("F5")
def test_a_date_without_the_services_clock_counts_from_ours():
    wanted = retry_after(Headers([("Retry-After", email.utils.formatdate(time.time() + 30, usegmt=True))]))
    assert wanted is not None
    assert 28 < wanted <= 30


@pytest.mark.fault("F5")
@pytest.mark.parametrize("text", ["121", "1000000000", "1e9", http_date(3600)])
def test_a_retry_after_beyond_the_ceiling_ends_the_call_at_once(text):
    times: list[float] = []
    headers = {"Retry-After": text, "Date": http_date(0)}
    error, fake = call(timed([answer(status=429, headers=headers)], times), get)
    assert type(error) is ThrottledError
    assert error.retry_after is not None
    assert error.retry_after > 120
    assert times == [0.0]
    assert "longest_retry_after" in str(error)
    assert len(fake.requests) == 1


@pytest.mark.fault("F5")
def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once():
    async def quickly(client: PartnerCenterClient):
        try:
            return await client.orders.get("c1", "o1", deadline=5)
        finally:
            assert asyncio.get_running_loop().time() == 0.0

    error, _ = call([answer(status=429, headers={"Retry-After": "7"})], quickly)
    assert type(error) is ThrottledError
    assert error.retry_after == 7.0
    assert "deadline" in str(error)


@pytest.mark.fault("F5")
def test_a_larger_ceiling_lets_a_call_wait_for_a_window_of_five_minutes():
    policy = RetryPolicy(longest_retry_after=600)
    times: list[float] = []
    answers = timed([answer(status=429, headers={"Retry-After": "300"}), ORDER], times)
    order, _ = call(answers, lambda client: client.orders.get("c1", "o1", deadline=None), retry=policy)
    assert order.id == "o1"
    assert times[1] >= 300


@pytest.mark.fault("F5")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_a_date_without_a_zone_is_gmt_wherever_the_machine_stands(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        headers = [("Retry-After", "Sun Nov  6 08:49:37 1994"), ("Date", "Sun, 06 Nov 1994 08:48:58 GMT")]
        assert retry_after(Headers(headers)) == 39
        assert retry_after(Headers([("Retry-After", "Sunday, 06-Nov-94 08:49:37 GMT"), headers[1]])) == 39
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(max_size=30))
def test_any_retry_after_text_gives_a_time_or_nothing(text):
    wanted = retry_after(Headers([("Retry-After", text)]))
    assert wanted is None or wanted >= 0


def expiring(tokens: set[str]):
    """Refuse the tokens in the set."""

    async def respond(request: Request) -> RawResponse:
        await asyncio.sleep(1)
        return answer(status=401) if header(request, "Authorization") in tokens else ORDER

    return respond


@pytest.mark.fault("F9")
@pytest.mark.parametrize("service", SERVICES)
def test_many_calls_with_an_expired_token_renew_it_once(service):
    async def many(client: PartnerCenterClient):
        await get(client, service)
        refused.add("Bearer fake-token-1")
        return await asyncio.gather(*[client.request("GET", AT[service], dict, service=service) for _ in range(200)])

    refused: set[str] = set()
    responses, fake = call(expiring(refused), many, concurrency=200)
    assert len(fake.credential.claims) == 2
    assert len(fake.requests) == 1 + 2 * 200
    assert [response.info.attempts for response in responses] == [2] * 200
    assert all(response.info.history == () for response in responses)


@pytest.mark.fault("F9")
@pytest.mark.parametrize("service", SERVICES)
def test_the_resend_after_a_renewal_uses_none_of_the_tries(service):
    answers = [answer(status=401), answer(status=500), answer(status=500), ORDER]

    async def request(client: PartnerCenterClient):
        return await client.request("GET", AT[service], dict, service=service)

    response, fake = call(answers, request)
    assert response.info.attempts == len(fake.requests) == 4
    assert [attempt.status for attempt in response.info.history] == [500, 500]


@pytest.mark.fault("F9")
def test_a_late_refusal_of_the_old_token_does_not_drop_the_new_one():
    async def respond(request: Request) -> RawResponse:
        if header(request, "Authorization") == "Bearer fake-token-1":
            await asyncio.sleep(1 if request.url.endswith("slow") else 0)
            return answer(status=401)
        return ORDER

    async def both(client: PartnerCenterClient) -> None:
        await asyncio.gather(client.orders.get("c1", "slow"), client.orders.get("c1", "quick"))

    _, fake = call(respond, both)
    assert len(fake.credential.claims) == 2


@pytest.mark.fault("F10")
@pytest.mark.parametrize("service", SERVICES)
def test_a_token_refused_twice_is_an_authentication_error(service):
    error, fake = call(lambda _: answer(status=401, reason="Unauthorized"), lambda client: get(client, service))
    assert len(fake.requests) == error.attempts == 2
    assert type(error) is AuthenticationError
    assert "MFA" not in str(error)


@pytest.mark.fault("F10")
@pytest.mark.parametrize(
    "refusal",
    [
        answer({"code": 900421, "description": "x"}, status=401),
        answer({"code": "900421"}, status=401),
        answer({"code": 1, "description": "MFA required"}, status=401),
        answer(status=401, reason="Unauthorized - MFA required"),
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_a_missing_second_factor_is_not_cured_by_another_token(refusal, service):
    error, fake = call([refusal], lambda client: get(client, service))
    assert len(fake.requests) == 1
    assert len(fake.credential.claims) == 1
    assert type(error) is MfaRequiredError
    assert "consent again" in str(error)
    assert "MFA" in str(error)


@pytest.mark.parametrize("service", SERVICES)
def test_a_claims_challenge_is_answered(service):
    challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsieG1zX2NjIjoxfX0"'
    answers = [answer(status=401, headers={"WWW-Authenticate": challenge}), ORDER]
    order, fake = call(answers, lambda client: get(client, service))
    assert order.id == "o1"
    assert fake.credential.claims == [None, '{"access_token":{"xms_cc":1}}']


def test_a_challenge_is_read_in_the_alphabet_of_urls():
    claims = '{"access_token":{"x":"\u00fb\u00ff\u00be??>>~~"}}'
    text = base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
    assert {"-", "_"} <= set(text)
    order, fake = call([answer(status=401, headers={"www-authenticate": f'Bearer claims="{text}"'}), ORDER], get)
    assert order.id == "o1"
    assert fake.credential.claims == [None, claims]


@pytest.mark.parametrize(
    "challenge",
    ['Bearer claims="%%%"', 'Bearer claims="eyJh!IjoxfQ"', 'Bearer claims="/w=="', "Bearer", 'Bearer claims=""'],
)
def test_a_broken_challenge_still_renews_the_token(challenge):
    order, fake = call([answer(status=401, headers={"WWW-Authenticate": challenge}), ORDER], get)
    assert order.id == "o1"
    assert fake.credential.claims == [None, '{"access_token":{"nbf":{"essential":true,"value":"0"}}}']


@pytest.mark.fault("F11")
@pytest.mark.parametrize("service", SERVICES)
def test_a_cold_start_fetches_one_token(service):
    class Slow(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            await asyncio.sleep(1)
            return await super().get_token(*scopes, **kwargs)

    async def many(client: PartnerCenterClient):
        await asyncio.gather(*[get(client, service) for _ in range(500)])

    _, fake = call(lambda _: ORDER, many, credential=Slow(), concurrency=500)
    assert len(fake.credential.claims) == 1
    assert len(fake.requests) == 500


class Failing(FakeCredential):
    """Fails as often as it is told to."""

    def __init__(self, failures: int, error: Exception | None = None):
        super().__init__()
        self.failures = failures
        self.error = error or OSError("no network")
        self.asked = 0

    async def get_token(self, *scopes, **kwargs):
        self.asked += 1
        await asyncio.sleep(1)
        if self.asked <= self.failures:
            raise self.error
        return await super().get_token(*scopes, **kwargs)


@pytest.mark.fault("F12")
@pytest.mark.parametrize("service", SERVICES)
def test_a_failed_token_request_fails_all_who_wait_and_nobody_later(service):
    async def many(client: PartnerCenterClient):
        errors = await asyncio.gather(*[get(client, service) for _ in range(20)], return_exceptions=True)
        return errors, await get(client, service)

    (errors, order), fake = call(lambda _: ORDER, many, credential=Failing(1))
    assert all(type(error) is CredentialError for error in errors)
    assert len({error.request_id for error in errors}) == 20
    assert all(error.attempts == 0 for error in errors)
    assert order.id == "o1"
    assert fake.credential.asked == 2


@pytest.mark.fault("F12")
@pytest.mark.parametrize("service", SERVICES)
def test_followers_are_not_cancelled_with_the_leader(service):
    async def many(client: PartnerCenterClient):
        leader = asyncio.create_task(get(client, service))
        await asyncio.sleep(0)
        followers = [asyncio.create_task(get(client, service)) for _ in range(5)]
        await asyncio.sleep(0.5)
        leader.cancel()
        orders = await asyncio.gather(*followers)
        assert leader.cancelled()
        return orders

    orders, fake = call(lambda _: ORDER, many, credential=Failing(0))
    assert [order.id for order in orders] == ["o1"] * 5
    assert fake.credential.asked == 1


def test_a_token_refused_while_it_is_renewed_is_fetched_once_more():
    class Refused(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            if len(self.claims) == 1:
                # The service refuses the token in use, and a call asks for one before the renewal's end is known.
                tokens = fake.client._session.access().tokens
                tokens.reject(tokens._authorization, Headers())
                waiting.append(asyncio.create_task(get(fake.client)))
            return await super().get_token(*scopes, **kwargs)

    async def work() -> list[str | None]:
        await get(fake.client)
        await asyncio.sleep(3400)
        await get(fake.client)
        await asyncio.sleep(1)
        await asyncio.wait_for(waiting[0], 5)
        return [header(request, "Authorization") for request in fake.requests]

    waiting: list[asyncio.Task] = []
    fake = Fake(lambda _: ORDER, credential=Refused())
    assert run_in_virtual_time(work()) == ["Bearer fake-token-1"] * 2 + ["Bearer fake-token-3"]
    assert fake.credential.claims[2] is not None


def test_a_token_is_renewed_before_it_expires_and_nobody_waits_for_it():
    class Slow(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            await asyncio.sleep(5)
            return await super().get_token(*scopes, **kwargs)

    async def work(client: PartnerCenterClient):
        loop = asyncio.get_running_loop()
        await get(client)
        for at in (3310, 3320, 3330):
            await asyncio.sleep(at - loop.time())
            before = loop.time()
            await get(client)
            assert loop.time() == before
        return [header(request, "Authorization") for request in fake.requests]

    fake = Fake(lambda _: ORDER, credential=Slow())
    used = run_in_virtual_time(work(fake.client))
    assert used == ["Bearer fake-token-1"] * 2 + ["Bearer fake-token-2"] * 2


def test_an_early_renewal_that_fails_costs_no_call():
    class Fading(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            if self.claims:
                self.claims.append("failed")
                raise OSError("down")
            return await super().get_token(*scopes, **kwargs)

    async def work(client: PartnerCenterClient):
        await get(client)
        for _ in range(100):
            await asyncio.sleep(35)
            await get(client)

    _, fake = call(lambda _: ORDER, work, credential=Fading())
    assert len(fake.requests) == 101
    # Tried every 30 s or so within the last 300 s before the end, not at every call.
    assert 3 <= len(fake.credential.claims) <= 10


def test_an_early_renewal_that_fails_is_not_tried_at_every_call():
    class Fading(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            if self.claims:
                asked.append(asyncio.get_running_loop().time())
                raise OSError("down")
            return await super().get_token(*scopes, **kwargs)

    async def work(client: PartnerCenterClient):
        for _ in range(3500):
            await get(client)
            await asyncio.sleep(1)

    asked: list[float] = []
    failed, fake = call(lambda _: ORDER, work, credential=Fading())
    assert failed is None
    assert len(fake.requests) == 3500
    assert 5 <= len(asked) <= 8  # in the last 300 s before the token's end, up to 100 s before it
    assert all(later - before >= 29 for before, later in itertools.pairwise(asked))


@pytest.mark.parametrize(("lifetime", "good", "waits"), [(3600, 3565, 3575), (600, 565, 575), (100, 94, 97)])
def test_a_token_is_not_used_in_its_last_seconds(lifetime, good, waits):
    class Slow(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            if self.claims:
                await asyncio.sleep(59)
            return await super().get_token(*scopes, **kwargs)

    async def work(client: PartnerCenterClient):
        loop = asyncio.get_running_loop()
        ended = []
        await get(client)
        for at in (good, waits):
            await asyncio.sleep(at - loop.time())
            await get(client)
            ended.append(loop.time())
        return ended

    # The renewal that the first of both calls begins is not there yet when the second one asks.
    ended, fake = call(lambda _: ORDER, work, credential=Slow(lifetime=lifetime))
    assert ended == [good, good + 59]
    assert [header(request, "Authorization") for request in fake.requests] == [
        "Bearer fake-token-1",
        "Bearer fake-token-1",
        "Bearer fake-token-2",
    ]


@pytest.mark.fault("F15")
@pytest.mark.parametrize("body", [{"code": 900329, "description": "no"}, {"code": "900329"}, None])
def test_a_refused_app_only_token_names_the_other_kind(body):
    async def provisioning(client: PartnerCenterClient):
        return await client.orders.provisioning_status("c1", "o1").collect()

    error, fake = call([answer(body, status=403)], provisioning)
    assert len(fake.requests) == 1
    assert type(error) is PermissionDeniedError
    assert "App+User" in str(error)


@pytest.mark.fault("F15")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("body", [{"code": 2006}, {"error": {"code": "Authorization_RequestDenied", "message": "no"}}])
def test_a_refusal_that_no_user_would_cure_does_not_name_one(service, body):
    error, fake = call([answer(body, status=403)], lambda client: get(client, service))
    assert len(fake.requests) == 1
    assert type(error) is PermissionDeniedError
    assert "App+User" not in str(error)


@pytest.mark.fault("F21")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_is_an_error(method, status):
    error, fake = call(
        [answer(status=status, headers={"Location": BASE + "elsewhere"})],
        lambda client: client.request(method, "customers/c1"),
    )
    assert len(fake.requests) == 1
    assert isinstance(error, RedirectError)
    assert error.status == status
    assert isinstance(error, OutcomeUnknownError) == (method == "POST" and status not in {307, 308})


@pytest.mark.fault("F27")
@pytest.mark.parametrize("body", [b"\xef\xbb\xbf" + b'{"id": "o1"}', b'{"id": "o1"}'])
def test_a_mark_before_the_body_and_its_label_do_not_matter(body):
    order, _ = call([answer(body=body, headers={"Content-Type": "text/plain"})], get)
    assert order.id == "o1"


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, '{"id": "o1"}'.encode("utf-16")),
        (200, b""),
        (204, b""),
        (200, b"<html><body>" + b"x" * 500 + b"</body></html>"),
        (200, b"null"),
        (200, b'{"id": "o'),
        (200, b"[]"),
    ],
)
def test_a_body_that_is_not_the_promised_json_is_a_typed_error(status, body):
    error, fake = call([answer(status=status, body=body)], get)
    assert len(fake.requests) == 1
    assert type(error) is DecodeError
    assert error.status == status
    assert error.request_id == header(fake.requests[0], "MS-RequestId")
    assert error.correlation_id == header(fake.requests[0], "MS-CorrelationId")
    assert error.body == body
    assert len(error.message) < 400
    assert b"x" * 200 not in error.message.encode()


@pytest.mark.fault("F27")
def test_a_gateways_html_is_kept_as_an_excerpt():
    error, fake = call(lambda _: answer(status=502, reason="Bad Gateway", body=b"<html>" + b"y" * 5000), get)
    assert len(fake.requests) == 3
    assert type(error) is ServerError
    assert error.description == "<html>" + "y" * 194
    assert len(error.body) == 5006


def test_every_request_says_which_packings_the_client_reads():
    _, fake = call(lambda _: ORDER, get)
    accepted = header(fake.requests[0], "Accept-Encoding") or ""
    assert {each.strip() for each in accepted.split(",")} == {"gzip", "deflate"}


def test_every_request_asks_for_json_and_carries_ids():
    async def request(client: PartnerCenterClient):
        view = client.with_options(locale="de-DE", application="billing")
        return await view.request(
            "GET", "customers/c1", dict, correlation_id="trace-1", request_id="r-1", headers={"MS-CV": "a.0"}
        )

    response, fake = call([answer({}, headers={"MS-CV": "b.1", "ms-serverid": "7", "Date": "now"})], request)
    (sent,) = fake.requests
    assert header(sent, "Accept") == "application/json"
    assert header(sent, "MS-RequestId") == "r-1"
    assert header(sent, "MS-CorrelationId") == "trace-1"
    assert header(sent, "MS-CV") == "a.0"
    assert header(sent, "X-Locale") == "de-DE"
    assert header(sent, "MS-PartnerCenter-Application") == "billing"
    assert header(sent, "Authorization") == "Bearer fake-token-1"
    info = response.info
    assert (info.request_id, info.correlation_id, info.status, info.attempts) == ("r-1", "trace-1", 200, 1)
    assert (info.ms_cv, info.server_id, info.date) == ("b.1", "7", "now")


@pytest.mark.parametrize(("given", "sent"), [("abc", '"abc"'), ('"abc"', '"abc"'), ('W/"abc"', 'W/"abc"'), ("*", "*")])
def test_an_etag_goes_out_in_quotes(given, sent):
    _, fake = call([answer({})], lambda client: client.request("PUT", "x/y", body={}, headers={"If-Match": given}))
    assert header(fake.requests[0], "If-Match") == sent
    assert header(fake.requests[0], "Content-Type") == "application/json"


def test_a_body_leaves_out_what_is_unset():
    from partnercenter_async import Order, OrderLineItem

    body = Order(line_items=(OrderLineItem(offer_id="x", quantity=2),), total_price=Decimal("36.480"))
    _, fake = call([answer({})], lambda client: client.request("POST", "customers/c/orders", body=body))
    assert fake.requests[0].body == b'{"lineItems":[{"offerId":"x","quantity":2}],"totalPrice":36.480}'


@pytest.mark.parametrize(
    "name", ["Authorization", "ms-requestid", "MS-CorrelationId", "Host", "content-length", "Cookie"]
)
def test_a_header_that_the_session_owns_is_refused(name):
    for listing in (True, False):
        fake = Fake([])
        with pytest.raises(ValueError, match=f"headers: {name}"):
            if listing:
                fake.client.orders.list("c", headers={name: "x"})
            else:
                run_in_virtual_time(fake.client.orders.get("c", "o", headers={name: "x"}))
        assert fake.requests == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [("MS-RequestId", "; pass request_id="), ("ms-correlationid", "; pass correlation_id="), ("Host", "")],
)
def test_a_refused_header_names_the_option_to_pass_instead(name, instead):
    error, fake = call([], lambda client: client.orders.get("c1", "o1", headers={name: "x"}))
    assert str(error) == f"headers: {name} is set by the client{instead}"
    assert fake.requests == []


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00b", "", "\x7f", "\x1b"])
@pytest.mark.parametrize("option", ["request_id", "correlation_id", "headers"])
def test_control_characters_in_header_values_are_refused(option, value):
    fake = Fake([])
    options = {option: {"X-Any": value} if option == "headers" else value}
    with pytest.raises(ValueError, match="headers: X-Any" if option == "headers" else option):
        run_in_virtual_time(fake.client.orders.get("c", "o", **options))
    assert fake.requests == []


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), True, "5", 0.0])
@pytest.mark.parametrize("option", ["timeout", "deadline"])
def test_a_duration_that_is_not_positive_and_finite_is_refused(option, value):
    fake = Fake([])
    with pytest.raises(ValueError, match=option):
        run_in_virtual_time(fake.client.orders.get("c", "o", **{option: value}))
    with pytest.raises(ValueError, match=option):
        fake.client.orders.list("c", **{option: value})
    with pytest.raises(ValueError, match=option):
        Fake([], **{option: value})
    with pytest.raises(ValueError, match=option):
        fake.client.with_options(**{option: value})


@pytest.mark.parametrize("name", ["first_wait", "longest_wait", "longest_retry_after", "tries"])
def test_a_policy_that_cannot_be_meant_is_refused(name):
    for value in (0, -1, float("nan"), True, "x"):
        with pytest.raises(ValueError, match=f"^{name} must"):
            RetryPolicy(**{name: value})


@pytest.mark.parametrize("value", [0, -3, 1.5, True, "4"])
def test_a_concurrency_that_cannot_be_meant_is_refused(value):
    with pytest.raises(ValueError, match="concurrency"):
        Fake([], concurrency=value)


def test_an_unknown_option_is_named():
    with pytest.raises(TypeError, match="retries"):
        run_in_virtual_time(Fake([]).client.orders.get("c", "o", retries=3))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "https://evil.example/x",
        "//evil.example/x",
        "/v1/../x",
        "a b",
        "x#y",
        "http://api.example.com/v1/x",
        "\\\\e\\x",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    fake = Fake([])
    with pytest.raises(ValueError, match="path"):
        run_in_virtual_time(fake.client.request("GET", path))
    assert fake.requests == []


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "", "GET\r\n"])
def test_a_method_that_cannot_be_is_refused(method):
    with pytest.raises(ValueError, match="method"):
        run_in_virtual_time(Fake([]).client.request(method, "customers"))


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("customers", None, "customers"),
        (
            "/v1/customers?size=1",
            {"filter.operator": "a&b", "x": True},
            "customers?size=1&filter.operator=a%26b&x=true",
        ),
        ("/customers", {"size": 5}, "customers?size=5"),
        ("customers", {}, "customers"),
    ],
)
def test_any_endpoint_can_be_called(path, query, url):
    body = {"totalCount": 0, "items": []}
    response, fake = call(
        [answer(body)], lambda client: client.request("GET", path, ResourceCollection[dict], query=query)
    )
    assert fake.requests[0].url == BASE + url
    assert response.data.items == ()


def test_an_attempt_that_takes_too_long_is_followed_by_another():
    async def respond(_request: Request) -> RawResponse:
        if len(fake.requests) < 3:
            await asyncio.sleep(3600)
        return ORDER

    fake = Fake(respond, timeout=10)
    order = run_in_virtual_time(get(fake.client))
    assert order.id == "o1"
    assert len(fake.requests) == 3


def test_attempts_that_all_take_too_long_end_in_a_timeout():
    async def hang(_request: Request) -> RawResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    error, fake = call(hang, get, timeout=10)
    assert type(error) is AttemptTimeoutError
    assert isinstance(error, TimeoutError)
    assert error.attempts == len(fake.requests) == 3


def test_the_deadline_ends_a_call_wherever_it_is():
    async def hang(_request: Request) -> RawResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    async def both(client: PartnerCenterClient):
        loop = asyncio.get_running_loop()
        results = await asyncio.gather(
            client.orders.get("c", "sent", deadline=7),
            client.orders.get("c", "queued", deadline=5),
            return_exceptions=True,
        )
        return *results, loop.time()

    (sent, queued, now), fake = call(hang, both, concurrency=1)
    assert type(sent) is type(queued) is DeadlineError
    assert (sent.attempts, queued.attempts) == (1, 0)
    assert len(fake.requests) == 1
    assert now == pytest.approx(7)


def test_the_deadline_includes_the_token():
    class Stuck(FakeCredential):
        async def get_token(self, *scopes, **kwargs):
            await asyncio.sleep(3600)
            raise AssertionError

    error, fake = call([], lambda client: client.orders.get("c", "o", deadline=4), credential=Stuck())
    assert type(error) is DeadlineError
    assert error.attempts == 0
    assert fake.requests == []


@pytest.mark.parametrize(
    "options", [{"timeout": 3.0}, {"correlation_id": "t"}, {"headers": {"X-A": "b"}}, {"request_id": "r"}, {}]
)
def test_a_call_with_any_other_option_keeps_the_clients_deadline(options):
    async def hang(_request: Request) -> RawResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    async def ends(client: PartnerCenterClient):
        loop = asyncio.get_running_loop()
        ended: list[float] = []
        calls = [client.orders.get("c", "o", **options), client.request("GET", "customers/c", **options)]
        if "request_id" not in options:
            calls.append(client.orders.list("c", **options).collect())
        for each in calls:
            begun = loop.time()
            with pytest.raises(DeadlineError):
                await each
            ended.append(loop.time() - begun)
        return ended

    ended, _ = call(hang, ends, deadline=5)
    assert ended == [5.0] * len(ended)


def test_a_deadline_of_none_as_an_option_lifts_the_clients():
    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(50)
        return ORDER

    order, _ = call(respond, lambda client: client.orders.get("c", "o", deadline=None), deadline=5)
    assert order.id == "o1"


def test_no_more_exchanges_than_the_bound_are_under_way():
    async def respond(_request: Request) -> RawResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(1)
        under_way -= 1
        return ORDER

    async def many(client: PartnerCenterClient):
        view = client.with_options(locale="en")
        await asyncio.gather(*[get(client if n % 2 else view) for n in range(40)])
        return asyncio.get_running_loop().time()

    under_way = most = 0
    took, _ = call(respond, many, concurrency=4)
    assert most == 4
    assert took == pytest.approx(10)


def test_a_waiting_call_holds_no_slot():
    def respond(request: Request) -> RawResponse:
        if request.url.endswith("bad") and len(fake.requests) == 1:
            return answer(status=429, headers={"Retry-After": "50"})
        return ORDER

    async def both() -> float:
        bad = asyncio.create_task(fake.client.orders.get("c", "bad"))
        await asyncio.sleep(1)
        await fake.client.orders.get("another", "good")
        now = asyncio.get_running_loop().time()
        await bad
        return now

    fake = Fake(respond, concurrency=1)
    assert run_in_virtual_time(both()) == pytest.approx(1)


def test_a_certificate_that_is_not_accepted_is_final():
    error, fake = call([CertificateError("no")], get)
    assert len(fake.requests) == 1
    assert type(error) is CertificateError


def test_a_refused_connection_is_no_attempt_that_the_server_saw():
    error, fake = call([ConnectError("refused")] * 3, get)
    assert type(error) is ConnectError
    assert len(fake.requests) == 3
    assert error.attempts == 0
    assert [attempt.error for attempt in error.history] == ["ConnectError"] * 2


def test_every_retry_is_told_to_the_hook():
    seen = []
    call([answer(status=503), ConnectionLostError("gone"), ORDER], get, on_retry=seen.append)
    assert [(attempt.status, attempt.error) for attempt in seen] == [
        (503, "ServerError"),
        (None, "ConnectionLostError"),
    ]


def test_a_view_of_another_cloud_is_refused():
    # Its connections would be this client's, with this client's proxies.
    for options in ({"cloud": Cloud.CHINA}, {"cloud": Cloud.GLOBAL}, {"concurrency": 5}):
        with pytest.raises(
            TypeError, match=f"a view has no option '{next(iter(options))}'; there are credential, retry"
        ):
            Fake([]).client.with_options(**options)


def test_views_share_tokens_unless_they_have_a_credential_of_their_own():
    other = FakeCredential()

    async def work(client: PartnerCenterClient):
        await get(client)
        await get(client.with_options(locale="fr"))
        await get(client.with_options(credential=other))

    _, fake = call(lambda _: ORDER, work)
    assert len(fake.credential.claims) == 1
    assert len(other.claims) == 1


def test_a_view_for_each_request_costs_no_sign_in():
    user = FakeCredential()

    async def work(client: PartnerCenterClient):
        for _ in range(5):
            await get(client.with_options(credential=user))
            gc.collect()  # a view that is gone takes its credential's tokens not with it
        await asyncio.gather(*[get(client.with_options(credential=user, timeout=5)) for _ in range(5)])
        await get(client.with_options(credential=fake.credential))
        await get(client)

    fake = Fake(lambda _: ORDER)
    run_in_virtual_time(work(fake.client))
    assert len(user.claims) == 1
    assert len(fake.credential.claims) == 1
    assert len(fake.requests) == 12


def test_tokens_belong_to_the_very_credential_and_its_scope():
    asked: list[str] = []

    class Alike(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            asked.append(scopes[0])
            return await super().get_token(*scopes, **options)

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    class Slotted:
        __slots__ = ("asked",)

        async def get_token(self, *_scopes: str, **_options: object):
            self.asked = getattr(self, "asked", 0) + 1
            return AccessToken("t", int(time.time()) + 3600)

    async def work(client: PartnerCenterClient):
        for credential in (Alike(), Alike(), slotted):
            for _ in range(3):
                await get(client.with_options(credential=credential))

    slotted = Slotted()
    call(lambda _: ORDER, work)
    assert len(asked) == 2
    assert slotted.asked == 1


def test_a_credential_that_fails_is_not_kept_alive():
    async def work(client: PartnerCenterClient):
        failing = Failing(99, ValueError("no"))
        alive = weakref.ref(failing)
        with pytest.raises(CredentialError):
            await get(client.with_options(credential=failing))
        del failing
        await asyncio.sleep(0)  # until then the event loop holds what woke this task
        gc.collect()
        assert alive() is None
        assert len(client._session.shared.tokens) == 0

    result, _ = call(lambda _: ORDER, work)
    assert result is None


@pytest.mark.parametrize("token", ["a\nb", "token\n", "\rtoken", "a\0b", "a b", "", "t\u00f6ken", None, b"bytes\n"])
def test_a_token_that_no_header_can_carry_is_the_credentials_error(token):
    class Careless(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            made = await super().get_token(*scopes, **options)
            return AccessToken(token, made.expires_on)

    error, fake = call([], get, credential=Careless())
    assert type(error) is CredentialError
    assert ("no header can carry" if isinstance(token, str) else "gave no token: TypeError") in str(error)
    assert not token or str(token) not in str(error)
    assert fake.requests == []


def test_a_deadline_can_be_lifted():
    async def respond(_request: Request) -> RawResponse:
        await asyncio.sleep(170)
        return answer(status=500)

    async def work(client: PartnerCenterClient):
        try:
            await client.with_options(deadline=None).orders.get("c", "o")
        except ServerError:
            return asyncio.get_running_loop().time()

    took, _ = call(respond, work)
    assert took > 500


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequestError), (404, NotFoundError), (429, ThrottledError), (500, ServerError)]
)
def test_statuses_have_classes(status, kind):
    error, _ = call(lambda _: answer(status=status), get)
    assert type(error) is kind


def test_closing_the_client_closes_the_transport():
    fake = Fake([])

    async def work() -> None:
        async with fake.client:
            pass

    run_in_virtual_time(work())
    assert fake.transport.closed


def test_headers_are_lines_in_order_and_a_value():
    headers = Headers([("A", "1"), ("b", "2"), ("a", "3")])
    assert (headers[0], headers[1:], len(headers)) == (("A", "1"), (("b", "2"), ("a", "3")), 3)
    assert list(headers) == [("A", "1"), ("b", "2"), ("a", "3")]
    assert (headers.get("a"), headers.get("B"), headers.get("c")) == ("1", "2", None)
    assert headers == Headers(tuple(headers))
    assert hash(headers) == hash(Headers(tuple(headers)))
    assert headers != Headers()
    assert headers != list(headers)
    assert repr(headers) == "Headers((('A', '1'), ('b', '2'), ('a', '3')))"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", 5])
def test_a_name_that_is_no_header_is_refused(name):
    with pytest.raises(ValueError, match="not a header name"):
        Fake([]).client.orders.list("c", headers={name: "x"})
