"""One logical call: ids, token, sending, retries, decoding."""

import asyncio
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar, cast

import msgspec

from partnercenter_async._session.arguments import check_seconds, check_text
from partnercenter_async._session.auth import TokenSource
from partnercenter_async._session.decoding import decode
from partnercenter_async._session.links import UrlBuilder
from partnercenter_async._session.response import Response, ResponseInfo
from partnercenter_async._session.retry import (
    RETRIED_STATUSES,
    Attempts,
    FailedTryError,
    RetryPolicy,
    retry_after,
    with_retries,
)
from partnercenter_async._session.throttle import Throttle
from partnercenter_async._session.transport import RawResponse, Request, Secret, Transport
from partnercenter_async.clouds import Cloud
from partnercenter_async.errors import (
    Attempt,
    AttemptTimeoutError,
    CertificateError,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    DecodeError,
    LinkError,
    NoAnswerError,
    OutcomeUnknownError,
    PartnerCenterError,
    RedirectError,
    is_mfa_refusal,
    status_error,
)
from partnercenter_async.models.errors import ApiError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

T = TypeVar("T")

_logger = logging.getLogger("partnercenter_async")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWNED = frozenset(
    [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "ms-correlationid",
        "ms-requestid",
        "transfer-encoding",
        "user-agent",
    ]
)
_INSTEAD = {"ms-requestid": "; pass request_id=", "ms-correlationid": "; pass correlation_id="}
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
METHODS = _REPEATABLE | {"POST", "PATCH"}
# After these, nobody knows whether a write was done; 503 may come from behind the service as well as from before it.
_UNDECIDED = frozenset({408, *range(500, 600)}) - {501}
_JSON = (("Content-Type", "application/json"),)
_encoder = msgspec.json.Encoder(decimal_format="number")  # money goes out as it came in


class ListOptions(TypedDict, total=False):
    """Options of a call; on a Pager they hold for each page's call anew."""

    timeout: float
    deadline: float | None
    correlation_id: str
    headers: Mapping[str, str]


class CallOptions(ListOptions, total=False):
    """Options of a single call."""

    request_id: str


_OPTIONS = (*ListOptions.__annotations__, "request_id")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client, or a view of it, does the same way in every call."""

    cloud: Cloud
    retry: RetryPolicy
    timeout: float
    deadline: float | None
    locale: str | None
    application: str | None
    on_retry: Callable[[Attempt], None] | None

    def __post_init__(self) -> None:
        """Refuse what no call could use; raises ValueError."""
        check_seconds("timeout", self.timeout)
        if self.deadline is not None:
            check_seconds("deadline", self.deadline)
        for name in ("locale", "application"):
            value = getattr(self, name)
            if value is not None:
                check_text(name, value)


class Options(msgspec.Struct, frozen=True):
    """The options of one call, checked and with the settings in the gaps."""

    timeout: float
    deadline: float | None
    correlation_id: str
    request_id: str | None
    headers: tuple[tuple[str, str], ...]


class Session:
    """Makes calls with one credential and one set of settings; views share transport and throttle."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        throttle: Throttle,
        tokens: TokenSource,
        sources: list[TokenSource] | None = None,
    ) -> None:
        """Take the parts; the headers that never change are made here, once."""
        self.settings = settings
        self.transport = transport
        self.throttle = throttle
        self.tokens = tokens
        self.urls = UrlBuilder(settings.cloud)
        fixed = [
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip, deflate"),
            ("User-Agent", "partnercenter-async"),
        ]
        if settings.locale is not None:
            fixed.append(("X-Locale", settings.locale))
        if settings.application is not None:
            fixed.append(("MS-PartnerCenter-Application", settings.application))
        self._fixed = tuple(fixed)
        self._sources = [tokens] if sources is None else sources

    def list_options(self, given: ListOptions) -> Options:
        """Check the options of a listing, whose every page is a request of its own."""
        if "request_id" in given:
            raise ValueError("request_id is for a single call; each page of a listing has its own")
        return self.options(cast("CallOptions", given))

    async def close(self) -> None:
        """Close the transport and end renewals of tokens, here and in all views."""
        for tokens in self._sources:
            tokens.close()
        await self.transport.close()

    async def send(self, request: Request, authorization: Secret) -> RawResponse:
        """Sign a request and make one exchange of it; the token goes to the configured origin or nowhere."""
        if not request.url.startswith(self.urls.base):
            raise LinkError(f"refused to send a token to {request.url.partition('?')[0]}")
        signed = (*request.headers, ("Authorization", authorization))
        return await self.transport.send(msgspec.structs.replace(request, headers=signed))

    def view(self, settings: Settings, credential: "AsyncTokenCredential | None") -> Self:
        """Return a session with other settings or another credential over the same transport and throttle."""
        tokens = self.tokens
        if credential is not None:
            tokens = TokenSource(credential, settings.cloud.scope)
            self._sources.append(tokens)
        return type(self)(settings, self.transport, self.throttle, tokens, self._sources)

    def options(self, given: CallOptions) -> Options:
        """Check a call's options; raises ValueError that names the one."""
        for name in given:
            if name not in _OPTIONS:
                raise TypeError(f"there is no option {name!r}; there are {', '.join(_OPTIONS)}")
        timeout, deadline = given.get("timeout"), given.get("deadline", self.settings.deadline)
        for name in ("correlation_id", "request_id"):
            if name in given:
                check_text(name, given.get(name))
        return Options(
            self.settings.timeout if timeout is None else check_seconds("timeout", timeout),
            None if deadline is None else check_seconds("deadline", deadline),
            given.get("correlation_id") or str(uuid.uuid4()),
            given.get("request_id"),
            tuple(_check_header(name, value) for name, value in given.get("headers", {}).items()),
        )

    async def request(
        self,
        method: str,
        url: str,
        into: type[T] | None,
        options: Options,
        *,
        body: object = None,
        link_headers: tuple[tuple[str, str], ...] = (),
        user_only: bool = False,
    ) -> Response[T]:
        """Make a call to a URL of ``urls`` and decode its answer; ``into`` None takes any body and gives None."""
        deadline = options.deadline
        attempts = Attempts(
            policy=self.settings.retry,
            repeatable=method in _REPEATABLE,
            deadline_at=None if deadline is None else asyncio.get_running_loop().time() + deadline,
            on_retry=self.settings.on_retry,
            label=f"{method} {url.partition('?')[0]}",
        )
        request_id = options.request_id or str(uuid.uuid4())
        ids = (("MS-RequestId", request_id), ("MS-CorrelationId", options.correlation_id))
        payload, kind = (None, ()) if body is None else (_encoder.encode(body), _JSON)
        headers = _merged((*self._fixed, *ids, *kind), options.headers, link_headers)
        call = _Call(self, Request(method, url, headers, payload), options.timeout, user_only=user_only)
        try:
            raw = await with_retries(call.attempt, attempts)
            info = ResponseInfo(
                raw.status, request_id, options.correlation_id, attempts.sent, raw.headers, tuple(attempts.history)
            )
            return Response(cast("T", None) if into is None else _decoded(raw, into), raw.body, info)
        except FailedTryError as failed:
            error = _outcome_unknown(failed.error) if attempts.maybe_done else failed.error
        except DecodeError as failed:
            error = failed
        error.method, error.url = method, url.partition("?")[0]
        error.request_id, error.correlation_id = request_id, options.correlation_id
        error.attempts, error.history = attempts.sent, tuple(attempts.history)
        raise error from error.__cause__


class _Call:
    """One call on its way: what each of its attempts sends."""

    __slots__ = ("_request", "_session", "_timeout", "_user_only")

    def __init__(self, session: Session, request: Request, timeout: float, *, user_only: bool) -> None:
        self._session = session
        self._request = request
        self._timeout = timeout
        self._user_only = user_only

    async def attempt(self, attempts: Attempts) -> RawResponse:
        """Make one try; a refused token is renewed once in a call, at no try's expense."""
        raw, authorization = await self._exchange(attempts)
        if raw.status == 401 and not attempts.recovered and not is_mfa_refusal(raw.reason, raw.body):  # noqa: PLR2004 - 401
            attempts.recovered = True
            self._session.tokens.reject(authorization, raw.headers)
            raw, _ = await self._exchange(attempts)
        if 200 <= raw.status < 300:  # noqa: PLR2004 - any 2xx, whatever the reference declares
            return raw
        raise self._failed(raw, attempts)

    async def _exchange(self, attempts: Attempts) -> tuple[RawResponse, Secret]:
        """Wait for a slot and a token, send once, and sort out what can go wrong."""
        before = attempts.sent
        by_deadline = True
        try:
            async with asyncio.timeout_at(attempts.deadline_at) as limit, self._session.throttle.slot:
                authorization = await self._session.tokens.authorization()
                until = asyncio.get_running_loop().time() + self._timeout
                if attempts.deadline_at is None or until < attempts.deadline_at:
                    limit.reschedule(until)
                    by_deadline = False
                attempts.sent += 1
                raw = await self._session.send(self._request, authorization)
        except TimeoutError:
            if by_deadline:
                error: PartnerCenterError = DeadlineError("the deadline passed before there was an answer")
            else:
                error = AttemptTimeoutError(f"there was no answer in {self._timeout:g} s")
        except PartnerCenterError as raised:
            error = raised
            if isinstance(error, ConnectError):
                attempts.sent = before  # the server saw nothing of it
        else:
            _logger.debug("%s: %d", attempts.label, raw.status)
            return raw, authorization
        sent = attempts.sent > before
        attempts.maybe_done |= sent and not attempts.repeatable and isinstance(error, NoAnswerError)
        retry = isinstance(error, ConnectionLostError | AttemptTimeoutError | ConnectError | CredentialError)
        if isinstance(error, CertificateError) or (isinstance(error, CredentialError) and not error.transient):
            retry = False
        raise FailedTryError(error, attempts, retry=retry, nothing_done=not sent) from error

    def _failed(self, raw: RawResponse, attempts: Attempts) -> FailedTryError:
        """Make the failure of an answer that is none of 2xx."""
        status = raw.status
        if status < 400:  # noqa: PLR2004 - 3xx
            redirect = RedirectError(f"{status}: the service answered with a redirect, which is never followed")
            redirect.status, redirect.body = status, raw.body
            return FailedTryError(redirect, attempts, retry=False, nothing_done=False)
        try:
            body = decode(raw.body, ApiError)
        except DecodeError:
            body = None
        error = status_error(status, raw.reason, raw.body, body, user_only=self._user_only)
        error.retry_after = retry_after(raw.headers)
        throttled = status == 429  # noqa: PLR2004 - 429
        retry = status in RETRIED_STATUSES
        if body is not None and body.is_retryable is not None:
            retry = body.is_retryable
        attempts.maybe_done |= not attempts.repeatable and status in _UNDECIDED
        return FailedTryError(error, attempts, retry=retry, nothing_done=throttled)


def _decoded(raw: RawResponse, into: type[T]) -> T:
    try:
        return decode(raw.body, into)
    except DecodeError as error:
        error.status = raw.status
        raise


def _outcome_unknown(cause: PartnerCenterError) -> OutcomeUnknownError:
    """Make the error of a write that may have been done."""
    error = OutcomeUnknownError(f"it is not known whether the write was done: {cause.message}")
    error.remedy = "look at the service before trying again, and try again with this request id"
    error.status, error.code, error.description = cause.status, cause.code, cause.description
    error.retry_after, error.body = cause.retry_after, cause.body
    error.__cause__ = cause
    return error


def _merged(*layers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Join header lines; a later layer replaces an earlier one's lines of the same name."""
    if not any(layers[1:]):
        return layers[0]
    merged: list[tuple[str, str]] = []
    for layer in layers:
        names = {name.lower() for name, _ in layer}
        merged = [line for line in merged if line[0].lower() not in names]
        merged.extend(layer)
    return tuple(merged)


def _check_header(name: object, value: object) -> tuple[str, str]:
    """Return a caller's header line; raises ValueError where the session owns it or it can't be sent."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is not a header name")
    if name.lower() in _OWNED:
        raise ValueError(f"headers: {name} is set by the client{_INSTEAD.get(name.lower(), '')}")
    text = check_text(f"headers: {name}", value)
    if name.lower() == "if-match" and text != "*" and not text.endswith('"'):
        text = f'"{text}"'  # resources show their etag without the quotes that the header wants
    return name, text
