"""The tree of errors, and what each says."""

import copy
import inspect
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnercenter_async import (
    ApiError,
    Attempt,
    AuthenticationError,
    BadAnswerError,
    BadRequestError,
    CallInfo,
    ConflictError,
    CredentialError,
    MfaRequiredError,
    NoAnswerError,
    NotFoundError,
    PartnerCenterError,
    PermissionDeniedError,
    PreconditionFailedError,
    ServerError,
    StatusError,
    ThrottledError,
    errors,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.errors import DecodeError, status_error

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, PartnerCenterError)]


def of(status: int, body: bytes = b"", reason: str = "", *, user_only: bool = False) -> StatusError:
    try:
        parsed = decode(body, ApiError)
    except DecodeError:
        parsed = None
    return status_error(status, reason, body, parsed, user_only=user_only)


def test_the_tree_in_the_docstring_is_the_tree():
    parents: list[tuple[int, str]] = []
    drawn: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ │├└─]*)(\w+Error)\b", line)
        if found:
            depth = len(found[1])
            parents = [each for each in parents if each[0] < depth]
            drawn[found[2]] = parents[-1][1] if parents else "Exception"
            parents.append((depth, found[2]))
    assert drawn == {each.__name__: each.__mro__[1].__name__ for each in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_pickled_and_copied_whole(kind):
    error = kind("it broke")
    url, history = "https://api.example.com/v1/customers/c", (Attempt(500, "ServerError", 0.5),)
    assert (error.method, error.url, error.request_id, error.attempts, error.history) == (None, None, None, 0, ())
    error.call, error.status = CallInfo("GET", url, "r-1", "c-1", 3, history), 500
    assert (error.method, error.url, error.request_id, error.correlation_id) == ("GET", url, "r-1", "c-1")
    assert (error.attempts, error.history) == (3, history)
    error.continuation, error.retry_after, error.body, error.remedy = "pc1.x", 7.0, b"body", "wait"
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert vars(other) == vars(error)
        assert str(other) == str(error)
    assert str(error) == "it broke; wait; safe to repeat (GET /v1/customers/c, request id r-1)"
    error.safe_to_repeat = False
    assert str(error) == "it broke; wait; not safe to repeat (GET /v1/customers/c, request id r-1)"


@pytest.mark.parametrize(
    "kind", [each for each in CLASSES if each not in {PartnerCenterError, NoAnswerError, BadAnswerError}]
)
def test_every_error_says_what_to_do(kind):
    assert kind("it broke").remedy
    assert str(kind("it broke")) == f"it broke; {kind('it broke').remedy}"


@pytest.mark.parametrize(
    ("body", "code", "description"),
    [
        (b'{"code": 3000, "description": "gone", "data": [], "source": "PartnerFD"}', 3000, "gone"),
        (b'{"code": "2000", "description": "bad", "data": ["x", {"y": 1}]}', 2000, "bad"),
        (b'{"code": "2000", "description": "bad", "data": ["x", 1]}', 2000, "bad"),
        (b'{"code": 0, "description": "zero"}', 0, "zero"),
        (b'{"code": 600061, "message": "m", "description": "d", "errorName": "n", "isRetryable": false}', 600061, "d"),
        (b'{ "statusCode": 429, "message": "Rate limit is exceeded." }', None, "Rate limit is exceeded."),
        (b'{"error": {"code": "Forbidden", "message": "no"}}', "Forbidden", "no"),
        (b'{"error": "invalid_grant", "error_description": "AADSTS1: x"}', "invalid_grant", None),
        (b"\xef\xbb\xbf" + b'{"code": 1, "description": "d"}', 1, "d"),
        (b"<html>oops</html>", None, "<html>oops</html>"),
        (b"", None, None),
        (b"[]", None, None),
        (b"null", None, None),
    ],
)
def test_every_shape_of_body_is_read(body, code, description):
    error = of(400, body, "Bad Request")
    assert error.code == code
    if description is not None:
        assert error.description == description
    assert error.body == body
    assert error.message.startswith("400 Bad Request")


def test_an_empty_body_leaves_the_reason():
    assert type(of(401, reason="Unauthorized - MFA required")) is MfaRequiredError
    assert type(of(401, reason="Unauthorized")) is AuthenticationError
    assert of(401, reason="Unauthorized").message == "401 Unauthorized"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"code": 900329}', "App+User"),
        (401, b'{"code": 900421}', "consent again"),
        (409, b'{"code": 800060}', "before ordering again"),
        (403, b'{"code": 900309}', "Conditional Access"),
        (403, b'{"code": 900316}', "wrong kind"),
    ],
)
def test_known_codes_name_the_remedy(status, body, words):
    assert words in str(of(status, body))


def test_known_codes_of_the_token_endpoint_name_the_remedy():
    error = CredentialError("no token: AADSTS7000222: expired")
    assert error.code == "AADSTS7000222"
    assert "make a new one" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"), [(418, StatusError), (408, ServerError), (599, ServerError), (429, ThrottledError)]
)
def test_every_status_has_a_class(status, kind):
    assert type(of(status)) is kind


def test_each_status_that_has_a_class_of_its_own_raises_it():
    assert {status: type(of(status)) for status in (400, 401, 403, 404, 409, 412)} == {
        400: BadRequestError,
        401: AuthenticationError,
        403: PermissionDeniedError,
        404: NotFoundError,
        409: ConflictError,
        412: PreconditionFailedError,
    }


def test_only_what_a_user_would_cure_names_one():
    assert "App+User" in str(of(403, user_only=True))
    assert type(of(403)) is PermissionDeniedError
    assert "App+User" not in str(of(403))


@given(st.binary(max_size=3000), st.text(max_size=300))
def test_no_message_shows_more_than_an_excerpt_or_a_control_character(body, reason):
    error = of(500, body, reason)
    assert len(error.message) < 450
    assert error.message.isprintable()


@given(st.text(min_size=1, max_size=900), st.integers(-(10**18), 10**18))
def test_descriptions_are_cut_in_messages_only(description, code):
    import msgspec

    error = of(400, msgspec.json.encode({"code": code, "description": description}))
    assert error.description == description
    assert error.code == code
    assert len(error.message) < 300
    assert error.message.isprintable()
