"""What is sent twice and what is not, for every method and any run of failures."""

import copy
import pickle

import pytest
from helpers import call, header
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async import (
    BadAnswerError,
    BodyTooLargeError,
    ConflictError,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DecodeError,
    NotFoundError,
    OutcomeUnknownError,
    PartnerCenterClient,
    PartnerCenterError,
    RedirectError,
    RetryPolicy,
    ServerError,
    ThrottledError,
)
from partnercenter_async._session.writes import METHODS
from partnercenter_async.testing import FakeCredential, answer

# What a server may do with a request: whether it can have been carried out, and whether it is worth another try.
MEETINGS = {
    "no connection": (ConnectError("refused"), "nothing", True),
    "throttled": (answer(status=429), "nothing", True),
    "failed": (answer(status=500), "unknown", True),
    "busy": (answer(status=503), "unknown", True),
    "timed out": (answer(status=408), "unknown", True),
    "lost": (ConnectionLostError("lost"), "unknown", True),
    "too much": (BodyTooLargeError("large"), "unknown", False),
    "not implemented": (answer(status=501), "nothing", False),
    "refused": (answer({"code": 1}, status=404), "nothing", False),
    "redirected": (answer(status=302), "unknown", False),
    "sent elsewhere": (answer(status=307), "nothing", False),
    "garbled": (answer(body=b"{"), "done", False),
    "well": (answer({}, status=201), "done", False),
}


@pytest.mark.fault("F3")
@given(
    st.sampled_from(sorted(METHODS)),
    st.lists(st.sampled_from(sorted(MEETINGS)), min_size=3, max_size=3),
    st.booleans(),
)
def test_no_write_is_sent_again_once_it_may_have_been_done(method, meetings, allowed):
    retry = RetryPolicy(retry_writes=allowed)
    meetings = [*meetings, "well"]  # a 429 uses up no try
    result, fake = call(
        [MEETINGS[name][0] for name in meetings],
        lambda client: client.request(method, "customers/c/orders", dict, body={}),
        retry=retry,
    )
    sent = meetings[: len(fake.requests)]
    effects = [MEETINGS[name][1] for name in sent]
    assert len({header(request, "MS-RequestId") for request in fake.requests}) == 1
    for name, effect in zip(sent[:-1], effects[:-1], strict=True):
        assert MEETINGS[name][2]
        assert method not in {"POST", "PATCH"} or allowed or effect == "nothing"
    if sent[-1] == "well":
        assert result.info.attempts == len(sent) - sent.count("no connection")
        return
    assert isinstance(result, PartnerCenterError)
    assert result.request_id == header(fake.requests[0], "MS-RequestId")
    if method in {"GET", "HEAD", "PUT", "DELETE"}:
        assert result.safe_to_repeat
        assert not isinstance(result, OutcomeUnknownError)
    else:
        assert result.safe_to_repeat == (set(effects) == {"nothing"})
        assert isinstance(result, OutcomeUnknownError) == ("unknown" in effects and "done" not in effects)


@pytest.mark.fault("F3")
def test_a_write_without_a_token_is_tried_again():
    class Failing(FakeCredential):
        async def get_token(self, *scopes: str, **options):
            if not self.claims:
                self.claims.append(None)
                error = CredentialError("the token endpoint answered 503", transient=True)
                error.status = 503
                raise error
            return await super().get_token(*scopes, **options)

    response, fake = call(
        [answer({}, status=201)], lambda client: client.request("POST", "carts", body={}), credential=Failing()
    )
    assert response.info.attempts == 1
    assert len(fake.requests) == 1


@pytest.mark.fault("F3")
def test_a_write_that_was_done_says_so_when_its_answer_cannot_be_read():
    error, fake = call([answer(status=201, body=b"{")], lambda client: client.request("POST", "carts", dict, body={}))
    assert type(error) is DecodeError
    assert "done what was asked" in str(error)
    assert "not safe to repeat" in str(error)
    assert error.body == b"{"
    assert len(fake.requests) == 1


@pytest.mark.fault("F3")
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_repetition_that_is_refused_tells_of_the_try_before(method):
    error, _ = call([answer(status=502), answer(status=404)], lambda client: client.request(method, "carts/c"))
    assert type(error) is NotFoundError
    assert "may have been carried out" in str(error)
    assert [attempt.status for attempt in error.history] == [502]


REFUSALS = {307, 308, *range(400, 418), *range(421, 427), 428, 429, 431, 451, 501} - {408}


@pytest.mark.fault("F3")
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_only_what_certainly_was_not_done_is_safe_to_repeat(method):
    for status in range(100, 1000):
        if 200 <= status < 300:
            continue
        error, fake = call(
            lambda _, status=status: answer(status=status),
            lambda client: client.request(method, "carts", body={}),
            retry=RetryPolicy(tries=1),
        )
        assert len(fake.requests) == (2 if status == 401 else 1)
        assert error.status == status
        assert error.safe_to_repeat == (status in REFUSALS), status
        assert isinstance(error, OutcomeUnknownError) == (status not in REFUSALS)


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    ("met", "kind"),
    [
        (answer(status=503), ServerError),
        (answer(status=999), ServerError),
        (answer(status=303), RedirectError),
        (answer(status=101), BadAnswerError),
        (ConnectionLostError("gone"), ConnectionLostError),
        (BodyTooLargeError("large"), BodyTooLargeError),
    ],
)
def test_a_write_of_unknown_outcome_also_says_what_was_met(met, kind):
    error, _ = call([met], lambda client: client.request("POST", "carts", body={}))
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, kind)
    assert type(error.__cause__) is kind
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert vars(other) == vars(error)
        assert str(other) == str(error)


@pytest.mark.fault("F3")
@pytest.mark.parametrize("code", [800060, "800060"])
def test_an_order_that_may_be_in_progress_is_not_safe_to_repeat(code):
    refusal = answer({"code": code, "description": "in progress"}, status=409)
    error, fake = call([refusal], lambda client: client.request("POST", "customers/c/orders", body={}))
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, ConflictError)
    assert not error.safe_to_repeat
    assert len(fake.requests) == 1
    error, _ = call([refusal], lambda client: client.request("PUT", "customers/c/carts/c", body={}))
    assert type(error) is ConflictError
    assert error.safe_to_repeat


class OwnLostError(ConnectionLostError):
    """What a caller's own transport may raise."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"lost {host}:{port}")
        self.port = port


@pytest.mark.fault("F3")
def test_an_error_class_of_a_callers_own_hides_no_unknown_outcome():
    error, _ = call([OwnLostError("h", 1)], lambda client: client.request("POST", "carts", body={}))
    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error, OwnLostError)
    other = pickle.loads(pickle.dumps(error))
    assert vars(other) == vars(error)
    assert other.args == error.args
    assert other.port == 1


@pytest.mark.fault("F3")
@pytest.mark.parametrize(
    ("last", "kind"),
    [(answer(status=404), NotFoundError), (answer(status=429), ThrottledError), (ConnectError("no"), ConnectError)],
)
def test_whoever_catches_refusals_finds_no_unknown_outcome_among_them(last, kind):
    answers = [ConnectionLostError("gone"), *[last] * 200]  # of 429s, as many as the deadline leaves time for
    error, _ = call(
        answers, lambda client: client.request("POST", "carts", body={}), retry=RetryPolicy(retry_writes=True)
    )
    assert isinstance(error, OutcomeUnknownError)
    assert not isinstance(error, kind)
    assert isinstance(error.__cause__, kind)
    assert not error.safe_to_repeat


@pytest.mark.fault("F24")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_part_that_nobody_asked_for_is_no_whole_answer(method):
    part = answer({"id": "o1"}, status=206, headers={"Content-Range": "bytes 0-11/99"})
    error, fake = call([part], lambda client: client.request(method, "carts", dict))
    assert type(error) is DecodeError
    assert error.status == 206
    assert len(fake.requests) == 1
    response, _ = call([part], lambda client: client.request(method, "carts", dict, headers={"range": "bytes=0-11"}))
    assert response.data == {"id": "o1"}


def test_a_read_that_fails_is_safe_to_repeat():
    async def get(client: PartnerCenterClient):
        return await client.orders.get("c", "o")

    error, _ = call(lambda _: answer(status=500), get)
    assert type(error) is ServerError
    assert "; safe to repeat (" in str(error)
