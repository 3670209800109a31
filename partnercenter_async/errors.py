"""The errors of the package.

They are one tree::

    PartnerCenterError
    ├── NoAnswerError              nothing came back that could be an answer
    │   ├── ConnectError           no connection was made: nothing was sent
    │   │   └── CertificateError   the server's certificate was not accepted
    │   ├── ClientClosedError      the client was closed (also a RuntimeError)
    │   ├── ConnectionLostError    the connection broke before the whole answer was there
    │   ├── AttemptTimeoutError    an attempt took longer than `timeout` (also a TimeoutError)
    │   ├── DeadlineError          the call would have taken longer than `deadline` (also a TimeoutError)
    │   └── CredentialError        there was no token to be had: nothing was sent
    ├── BadAnswerError             an answer came that can't be used
    │   ├── DecodeError            not the JSON that the operation promises
    │   ├── BodyTooLargeError      a body beyond the cap
    │   ├── RedirectError          a redirect, which is never followed
    │   └── LinkError              a next link that must not be followed
    │       └── LinkLoopError      a walk that would never end
    ├── StatusError                the service answered with an error
    │   ├── BadRequestError        400
    │   ├── AuthenticationError    401
    │   │   └── MfaRequiredError   401, the user signed in without a second factor
    │   ├── PermissionDeniedError  403
    │   ├── NotFoundError          404
    │   ├── ConflictError          409
    │   ├── PreconditionFailedError 412
    │   ├── ThrottledError         429
    │   └── ServerError            408, 5xx and whatever lies beyond
    └── OutcomeUnknownError        a write was sent and may or may not have been done

The last one answers a question of its own, so it comes together with another one. A POST that met a 503 raises an error
that is both an OutcomeUnknownError and a ServerError; where its connection broke, it is a ConnectionLostError in place
of the latter. Either name catches it. Put ``except OutcomeUnknownError`` first.

A caller's own mistake (an empty id, a duration of nothing) is a ValueError instead, raised before anything is sent.
"""

import re
import unicodedata
from typing import ClassVar, cast

import msgspec

from partnercenter_async.models.errors import ApiError

EXCERPT = 200  # characters of a foreign text that a message shows at most

_NEEDS_USER = (
    "this resource does not take app-only tokens: use App+User authentication, for instance RefreshTokenCredential"
)
_NEEDS_MFA = "consent again, this time with multifactor authentication (MFA), and use the new refresh token"
REMEDIES: dict[int | str, str] = {
    800060: "the order may be in progress: look at the customer's orders in a few minutes before ordering again",
    900309: "a Conditional Access policy blocks the token: have the tenant's administrator allow this app",
    900316: "the token is of the wrong kind for this resource",
    900329: _NEEDS_USER,
    900421: _NEEDS_MFA,
    "invalid_grant": "the refresh token is no longer good: have the user sign in and consent again",
    "AADSTS50076": _NEEDS_MFA,
    "AADSTS50078": _NEEDS_MFA,
    "AADSTS50079": _NEEDS_MFA,
    "AADSTS65001": "an administrator has to consent to the app",
    "AADSTS70008": "the refresh token has expired: have the user sign in and consent again",
    "AADSTS700082": "the refresh token was unused for too long (90 days): have the user sign in and consent again",
    "AADSTS700016": "the tenant does not know the app: check the client id and the tenant",
    "AADSTS90002": "there is no such tenant: check the tenant id and the cloud",
    "AADSTS7000215": "the client secret is wrong: pass its value, not its id",
    "AADSTS7000222": "the client secret has expired: make a new one",
}
_AADSTS = re.compile(r"AADSTS[0-9]+")
_MFA_CODE = re.compile(rb"\b900421\b")


class Attempt(msgspec.Struct, frozen=True):
    """An exchange of a call that failed and was followed by another: what it met and the wait after it, in seconds."""

    status: int | None
    error: str
    waited: float


class CallInfo(msgspec.Struct, frozen=True):
    """Which call an error ended, and how far it had come.

    ``url`` has no query. ``attempts`` counts the exchanges that the server may have seen, ``history`` tells of the
    failed ones before the last. The ids are those of the page before where a next link was refused, None without one.
    """

    method: str
    url: str
    request_id: str | None = None
    correlation_id: str | None = None
    attempts: int = 0
    history: tuple[Attempt, ...] = ()


class PartnerCenterError(Exception):
    """The root of the tree; every error of a call carries where and how it came about.

    ``call`` tells the method, URL, ids and attempts of the call, each of which the error has under its own name as
    well. ``continuation`` is set where a walk over pages broke off, and lets it go on there. ``remedy`` says what to
    do; ``safe_to_repeat`` whether the same call, made again, can do nothing twice.
    """

    _remedy: ClassVar[str | None] = None

    def __init__(self, message: str) -> None:
        """Take what happened, as a clause; the rest is filled in by the call."""
        super().__init__(message)
        self.message = message
        self.remedy: str | None = self._remedy
        self.safe_to_repeat = True
        self.call: CallInfo | None = None
        self.status: int | None = None
        self.code: int | str | None = None
        self.description: str | None = None
        self.retry_after: float | None = None
        self.continuation: str | None = None
        self.body = b""

    @property
    def method(self) -> str | None:
        """The call's HTTP method; None where no call was made."""
        return None if self.call is None else self.call.method

    @property
    def url(self) -> str | None:
        """Where the call went, without the query."""
        return None if self.call is None else self.call.url

    @property
    def request_id(self) -> str | None:
        """The ``MS-RequestId`` that was sent."""
        return None if self.call is None else self.call.request_id

    @property
    def correlation_id(self) -> str | None:
        """The ``MS-CorrelationId`` that was sent."""
        return None if self.call is None else self.call.correlation_id

    @property
    def attempts(self) -> int:
        """How many exchanges the server may have seen."""
        return 0 if self.call is None else self.call.attempts

    @property
    def history(self) -> tuple[Attempt, ...]:
        """The failed exchanges before the last."""
        return () if self.call is None else self.call.history

    def __str__(self) -> str:
        """Say what happened, what helps, and in which request."""
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        if self.call is None:
            return escaped(text)
        text += "; safe to repeat" if self.safe_to_repeat else "; not safe to repeat"
        path = "/" + self.call.url.partition("://")[2].partition("/")[2]
        named = f", request id {self.call.request_id}" if self.call.request_id else ""  # of a call that was made
        return escaped(f"{text} ({self.call.method} {path}{named})")


class NoAnswerError(PartnerCenterError):
    """Nothing came back that could be an answer."""


class ConnectError(NoAnswerError):
    """No connection was made, so nothing was sent and any call may be repeated."""

    _remedy = "check the network, the proxy and the endpoint"


class ClientClosedError(NoAnswerError, RuntimeError):
    """The client was closed, before the call or under it."""

    _remedy = "make a new client"

    def __init__(self, message: str = "the client was closed") -> None:
        """Take what happened."""
        super().__init__(message)


class CertificateError(ConnectError):
    """The server's certificate was not accepted; trying again does not help."""

    _remedy = "pass an ssl_context= that trusts the server's authority"


class ConnectionLostError(NoAnswerError):
    """The connection broke after the request may have been sent and before the whole answer was there."""

    _remedy = "try again later"


class AttemptTimeoutError(NoAnswerError, TimeoutError):
    """One attempt took longer than its ``timeout``."""

    _remedy = "pass a larger timeout=, or try again later"


class DeadlineError(NoAnswerError, TimeoutError):
    """The call, with its waits and its place in the queue, took longer than its ``deadline``."""

    _remedy = "pass a larger deadline=, or try again later"


class CredentialError(NoAnswerError):
    """The credential gave no token, so nothing was sent. ``code`` is the issuer's, such as ``AADSTS700082``."""

    _remedy = "check the credential and its identity provider"

    def __init__(self, message: str, *, transient: bool = False) -> None:
        """Take what happened and whether another try may help."""
        super().__init__(message)
        self.transient = transient
        found = _AADSTS.search(message)
        if found:
            self.code = found[0]
            self.remedy = REMEDIES.get(found[0], self.remedy)


class OutcomeUnknownError(PartnerCenterError):
    """A write was sent, and nothing tells whether it was done.

    The error is also of the class that says what was met, such as :class:`ServerError` or :class:`ConnectionLostError`,
    and ``__cause__`` is that error. The service recognises a repetition by its id alone: pass this error's
    ``request_id`` as the option ``request_id``.
    """

    _remedy = "look at the service first, and repeat the call only with this request id"

    @staticmethod
    def of(cause: PartnerCenterError, *, undecided: bool) -> "OutcomeUnknownError":
        """Return the error of a write that met ``cause``, with all that is known of it.

        It is of the cause's class too where that is ``undecided`` itself. A refusal that followed a lost try is not:
        whoever catches refusals to begin anew must not find this one among them.
        """
        message = f"it is not known whether the write was done: {cause.message}"
        error = _outcome_unknown(type(cause) if undecided else PartnerCenterError, message)
        vars(error).update(vars(cause), message=message, remedy=error.remedy, safe_to_repeat=False)
        error.__cause__ = cause
        return error


class BadAnswerError(PartnerCenterError):
    """An answer came that can't be used; ``body`` holds it where there was one."""


class DecodeError(BadAnswerError):
    """The body is not the JSON that the operation promises; ``path`` says where, as a JSON path."""

    _remedy = "error.body holds the answer; read it with client.request and a type of your own"

    def __init__(self, message: str, *, path: str = "$") -> None:
        """Take what is wrong and where."""
        super().__init__(message)
        self.path = path


class BodyTooLargeError(BadAnswerError):
    """The body, unpacked, is larger than the cap."""

    _remedy = "make the client with a larger max_body=, or ask for less"


class RedirectError(BadAnswerError):
    """The service answered with a redirect. It is not followed: a token goes to the configured origin only."""

    _remedy = "check the endpoint of the cloud"


class LinkError(BadAnswerError):
    """A page's next link must not be followed.

    It leads to another origin or out of its listing, its path climbs, or it has a forbidden method or header. The items
    before it were delivered.
    """

    _remedy = "the service may be wrong or not what it seems: do not follow the link by hand"


class LinkLoopError(LinkError):
    """A walk that would never end: its next link was followed before, or too many pages in a row held nothing.

    The client's ``max_empty_pages`` says how many are too many. A walk that empty pages ended goes on from this error's
    ``continuation``.
    """


class StatusError(PartnerCenterError):
    """The service answered with an error; ``error`` is its body as far as it could be read.

    ``status`` may be a 2xx: the service puts some of its errors there. Such a write is never safe to repeat.
    """

    _remedy = "see what the description says"

    def __init__(self, message: str) -> None:
        """Take what happened."""
        super().__init__(message)
        self.error: ApiError | None = None


class BadRequestError(StatusError):
    """400: the request is not valid."""

    _remedy = "correct what the description names"


class AuthenticationError(StatusError):
    """401: the token was refused, also after it was renewed."""

    _remedy = "check the consent of the app and the cloud of the credential"


class MfaRequiredError(AuthenticationError):
    """401: the service wants a token of a user who signed in with a second factor."""

    _remedy = _NEEDS_MFA


class PermissionDeniedError(StatusError):
    """403: the token is good, but not for this."""

    _remedy = "check the roles of the app or user, and that the customer is the partner's"


class NotFoundError(StatusError):
    """404: there is no such thing, or not for this partner."""

    _remedy = "check the ids, and that the customer belongs to the partner of the credential"


class ConflictError(StatusError):
    """409: the resource is in a state that does not allow this, now."""

    _remedy = "read the resource and see what state it is in"


class PreconditionFailedError(StatusError):
    """412: the resource was changed since it was read."""

    _remedy = "read the resource again and use its new etag"


class ThrottledError(StatusError):
    """429: too many requests; ``retry_after`` says for how many seconds none will be taken."""

    _remedy = "wait for retry_after seconds, or allow longer waits with RetryPolicy(longest_retry_after=) and deadline="


class ServerError(StatusError):
    """408, 5xx or a status beyond: the service failed."""

    _remedy = "try again later"


_BY_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ConflictError,
    412: PreconditionFailedError,
    429: ThrottledError,
}


_UNKNOWN: dict[type[PartnerCenterError], type[OutcomeUnknownError]] = {PartnerCenterError: OutcomeUnknownError}


def _outcome_unknown(kind: type[PartnerCenterError], message: str) -> OutcomeUnknownError:
    """Return an error that is both an OutcomeUnknownError and of another class."""
    if kind not in _UNKNOWN:

        def reduce(error: OutcomeUnknownError) -> tuple[object, ...]:
            # No name leads to this class, so its pickles tell how it is made.
            return _outcome_unknown, (kind, error.message), vars(error)

        members = {"__doc__": OutcomeUnknownError.__doc__, "__module__": __name__, "__reduce__": reduce}
        _UNKNOWN[kind] = cast(
            "type[OutcomeUnknownError]", type("OutcomeUnknownError", (OutcomeUnknownError, kind), members)
        )
    made = _UNKNOWN[kind].__new__(_UNKNOWN[kind], message)
    PartnerCenterError.__init__(made, message)  # a class of a caller's transport may want other arguments
    return made


def excerpt(foreign: bytes | str) -> str:
    """Return the beginning of a foreign text, fit for a message."""
    text = foreign[: 4 * EXCERPT]
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace").lstrip("\ufeff")
    return escaped(text.strip())[:EXCERPT].strip()


def escaped(text: str) -> str:
    r"""Return a foreign text fit for terminals and logs: what steers them, or can't be seen, as ``\x1b`` or ``\u202e``.

    That is every character that is not printable, line ends among them; other blanks than ``" "`` become that one.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(sign: str) -> str:
    if sign.isprintable():
        return sign
    return " " if unicodedata.category(sign) == "Zs" else sign.encode("unicode_escape").decode()


def is_mfa_refusal(reason: str, body: bytes) -> bool:
    """Tell whether a 401 asks for a second factor rather than for another token."""
    return _MFA_CODE.search(body) is not None or "mfa required" in reason.lower() or b"mfa required" in body.lower()


def status_error(status: int, reason: str, body: bytes, error: ApiError | None, *, user_only: bool) -> StatusError:
    """Make the error of an error answer.

    ``error`` is the parsed body; ``user_only`` says that the operation takes App+User tokens only.
    """
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else StatusError)  # noqa: PLR2004 - 5xx
    if kind is AuthenticationError and is_mfa_refusal(reason, body):
        kind = MfaRequiredError
    inner = error.error if error and isinstance(error.error, ApiError) else error
    code = inner.code if inner else None
    if code is None and error and isinstance(error.error, str):
        code = error.error
    if isinstance(code, str) and code.isdecimal() and code.isascii():
        code = int(code)
    description = (inner.description or inner.message if inner else None) or excerpt(body) or None
    message = f"{status} {excerpt(reason)}".rstrip()
    if code:
        message += f", code {excerpt(str(code))}"
    if description:
        message += f": {excerpt(description)}"
    made = kind(message)
    made.status, made.code, made.description, made.error, made.body = status, code, description, error, body
    if code is not None and code in REMEDIES:
        made.remedy = REMEDIES[code]
    elif kind is PermissionDeniedError and user_only:
        made.remedy = _NEEDS_USER
    return made
