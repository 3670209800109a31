"""One logical call: ids, token, sending, retries, decoding."""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypedDict, TypeVar, cast

import msgspec

from partnercenter_async._session.arguments import check_count, check_flag, check_seconds, check_text
from partnercenter_async._session.auth import TokenSource, TokenSources
from partnercenter_async._session.decoding import LARGE, decode, error_in, slices
from partnercenter_async._session.limits import TimeLimits
from partnercenter_async._session.links import UrlBuilder
from partnercenter_async._session.logs import logger
from partnercenter_async._session.pace import limit_of
from partnercenter_async._session.response import Response, ResponseInfo
from partnercenter_async._session.retry import (
    JOB,
    RETRIED_STATUSES,
    CallState,
    FailedTryError,
    RetryBucket,
    RetryPolicy,
    retry_after,
    with_retries,
)
from partnercenter_async._session.throttle import Gate, Patience, Place, Throttle, Turn
from partnercenter_async._session.transport import RawResponse, Request, Secret, Transport
from partnercenter_async._session.writes import Effect, effect_of, verdict
from partnercenter_async.clouds import Cloud, ServiceName
from partnercenter_async.errors import (
    Attempt,
    AttemptTimeoutError,
    BadAnswerError,
    CallInfo,
    CertificateError,
    ClientClosedError,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    DecodeError,
    LinkError,
    NoAnswerError,
    PartnerCenterError,
    RedirectError,
    StatusError,
    excerpt,
    is_mfa_refusal,
    status_error,
)
from partnercenter_async.models.common import ODataCollection, ResourceCollection
from partnercenter_async.models.errors import ApiError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

T = TypeVar("T")

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
_MOST_TOKENS = 5  # for one attempt: more run out, or are refused, only if something is wrong with them or the clock
_JSON = (("Content-Type", "application/json"),)
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}  # the bits that mark a random UUID
_PAGES = frozenset([ResourceCollection, ODataCollection])
_encoder = msgspec.json.Encoder(decimal_format="number")  # money goes out as it came in


class ListOptions(TypedDict, total=False):
    """Options of a call; on a Pager they hold for each page's call anew.

    ``on_response`` is called with each answer, its status, ids, headers and raw body, before what was asked for is
    returned, or the page is delivered. What it raises ends the call, or the walk, as it is.
    """

    timeout: float
    deadline: float | None
    correlation_id: str
    headers: Mapping[str, str]
    on_response: Callable[[Response[object]], None] | None


class CallOptions(ListOptions, total=False):
    """Options of a single call."""

    request_id: str


_OPTIONS = (*ListOptions.__annotations__, "request_id")


class _Default(float):
    """A number that the caller did not choose."""

    __slots__ = ()


DEADLINE: Final[float] = _Default(300.0)


class Settings(msgspec.Struct, frozen=True):
    """What a client, or a view of it, does the same way in every call."""

    cloud: Cloud
    retry: RetryPolicy
    timeout: float
    deadline: float | None
    locale: str | None
    application: str | None
    on_retry: Callable[[Attempt], None] | None
    max_empty_pages: int
    tenant: str | None
    background: bool

    def __post_init__(self) -> None:
        """Refuse what no call could use; raises ValueError."""
        check_count("max_empty_pages", self.max_empty_pages, least=0)
        check_seconds("timeout", self.timeout)
        if self.deadline is not None:
            check_seconds("deadline", self.deadline)
        check_flag("background", self.background)
        for name in ("locale", "application", "tenant"):
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
    on_response: Callable[[Response[object]], None] | None = None


class Shared:
    """What a client and all its views have in common; bound to the event loop of its first call."""

    def __init__(self, transport: Transport, throttle: Throttle) -> None:
        """Take the parts."""
        self.transport = transport
        self.throttle = throttle
        self.bucket = RetryBucket()
        self.tokens = TokenSources()
        self.limits = TimeLimits()
        self.decoding = asyncio.Lock()
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop; raises RuntimeError where it is not that of the earlier calls."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None:
                raise RuntimeError("the client belongs to another event loop; make a client for each event loop")
            self._loop = loop
        return loop

    async def close(self) -> None:
        """End all calls and renewals under way, then close the transport."""
        self.closed = True
        self.limits.close()
        self.tokens.close()
        self.throttle.close()
        await self.transport.close()


class ServiceAccess(NamedTuple):
    """A service as one credential reaches it: its URLs, and the tokens that go there and nowhere else."""

    service: ServiceName
    urls: UrlBuilder
    tokens: TokenSource

    def signed(self, request: Request, token: Secret) -> Request:
        """Return a request with a token of this service; raises LinkError where it goes elsewhere."""
        if not request.url.startswith(self.urls.bases):
            raise LinkError(f"refused to send a token to {request.url.partition('?')[0]}")
        return Request(request.method, request.url, (*request.headers, ("Authorization", token)), request.body)


class Session:
    """Makes calls with one credential and one set of settings."""

    def __init__(self, settings: Settings, shared: Shared, credential: "AsyncTokenCredential") -> None:
        """Make here, once, what is the same in every call; the session keeps its credential alive."""
        self.settings = settings
        self.shared = shared
        self.credential = credential
        self._accesses: dict[str, ServiceAccess] = {}  # of the services that were called
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

    def access(self, service: ServiceName = "api") -> ServiceAccess:
        """Return a service as this session reaches it; raises ValueError where the cloud has none of that name."""
        try:
            return self._accesses[service]
        except (KeyError, TypeError):  # TypeError: it is no name at all, which the cloud refuses
            cloud = self.settings.cloud
            tokens = self.shared.tokens.of(self.credential, cloud.service(service).scope)
        made = self._accesses[service] = ServiceAccess(service, UrlBuilder(cloud, service), tokens)
        return made

    def list_options(self, given: ListOptions) -> Options:
        """Check the options of a listing, whose every page is a request of its own."""
        if "request_id" in given:
            raise ValueError("request_id is for a single call; each page of a listing has its own")
        return self.options(cast("CallOptions", given))

    def view(self, settings: Settings, credential: "AsyncTokenCredential | None") -> Self:
        """Return a session with other settings or another credential that shares all else with this one."""
        return type(self)(settings, self.shared, self.credential if credential is None else credential)

    def options(self, given: CallOptions) -> Options:
        """Check a call's options; raises ValueError that names the one."""
        if not given:
            return Options(self.settings.timeout, self.settings.deadline, _new_id(), None, ())
        for name in given:
            if name not in _OPTIONS:
                raise TypeError(f"there is no option {name!r}; there are {', '.join(_OPTIONS)}")
        timeout, deadline = given.get("timeout"), self.settings.deadline
        if "deadline" in given:
            deadline = None if given["deadline"] is None else check_seconds("deadline", given["deadline"])
        for name in ("correlation_id", "request_id"):
            if name in given:
                check_text(name, given.get(name))
        return Options(
            self.settings.timeout if timeout is None else check_seconds("timeout", timeout),
            deadline,
            given.get("correlation_id") or _new_id(),
            given.get("request_id"),
            tuple(_check_header(name, value) for name, value in given.get("headers", {}).items()),
            None if (callback := given.get("on_response")) is None else _check_callback(callback),
        )

    async def request(
        self,
        access: ServiceAccess,
        method: str,
        url: str,
        into: type[T] | None,
        options: Options,
        *,
        body: object = None,
        link_headers: tuple[tuple[str, str], ...] = (),
        user_only: bool = False,
        with_id: bool = False,
    ) -> Response[T]:
        """Make a call to a URL of a service and decode its answer; ``into`` None takes any body and gives None.

        ``with_id`` wants a resource that names itself: an answer whose ``id`` is empty is not that.
        """
        request_id = options.request_id or _new_id()
        ids = (("MS-RequestId", request_id), ("MS-CorrelationId", options.correlation_id))
        payload, kind = (None, ()) if body is None else (_encoder.encode(body), _JSON)
        headers = (*self._fixed, *ids, *kind)
        if options.headers or link_headers:
            headers = _merged(headers, options.headers, link_headers)
        call = _Call(self, access, Request(method, url, headers, payload), options, user_only=user_only)
        try:
            raw = await self._within_deadline(call)
            if raw.status == 206 and not any(name.lower() == "range" for name, _ in headers):  # noqa: PLR2004 - 206
                raise _unfit(raw, DecodeError("206: a part of an answer came, and no part was asked for"))
            info = ResponseInfo(raw.status, request_id, options.correlation_id, call.sent, raw.headers, call.history)
            large = None if into is None or len(raw.body) < LARGE else await self._in_slices(raw.body, into)
            response: Response[T] = Response(_decoded(raw, into, large, with_id=with_id), raw.body, info)
        except FailedTryError as failed:
            error, told = failed.error, False
        except DecodeError as failed:
            error, told, call.effect = failed, False, effect_of(failed, sent=True)
        except StatusError as failed:
            error, told, call.effect = failed, True, Effect.UNKNOWN
        else:
            if options.on_response is not None:
                options.on_response(cast("Response[object]", response))
            return response
        error = verdict(method, error, call.effect)
        if told:  # an error under a 2xx says that something went wrong, and not that nothing was done
            error.safe_to_repeat = method in {"GET", "HEAD"}
        error.call = CallInfo(
            method, url.partition("?")[0], request_id, options.correlation_id, call.sent, call.history
        )
        raise error from error.__cause__

    async def _within_deadline(self, call: "_Call") -> RawResponse:
        """Make a call until it ends, its deadline passes, or the client is closed; raises FailedTryError."""
        shared = self.shared
        if shared.closed:
            raise FailedTryError(ClientClosedError(), call, Effect.NOTHING, retry=False)
        limit = call.limit = shared.limits.add(call.deadline_at)
        try:
            with limit:
                try:
                    raw = await call.attempt()
                except FailedTryError as failed:
                    call.first = failed
                    raw = await with_retries(call.attempt, call)
        except TimeoutError:
            if not limit.expired():
                raise
            error: PartnerCenterError = DeadlineError("the deadline passed before there was an answer")
        except FailedTryError as failed:
            if not shared.closed or not isinstance(failed.error, NoAnswerError):
                raise
            error = failed.error
        else:
            shared.bucket.put(RetryBucket.BACK)
            return raw
        finally:
            call.end()
        if shared.closed:
            error = ClientClosedError()
        call.effect = max(call.effect, effect_of(error, sent=call.under_way))
        raise FailedTryError(error, call, call.effect, retry=False) from None

    async def _in_slices(self, body: bytes, into: type[T]) -> T | None:
        """Decode a large listing while others have their turns; returns None where it has to be decoded as a whole.

        However many listings there are, a turn of the event loop decodes a slice of one of them alone.
        """
        reading = slices(body, into)
        while True:
            async with self.shared.decoding:
                await asyncio.sleep(0)  # first of all: to put the body together took its time, too
                try:
                    next(reading)
                except StopIteration as end:
                    return cast("T | None", end.value)


class _Call(CallState):
    """One call on its way: how far it has come, and what each of its attempts sends."""

    def __init__(
        self, session: Session, access: ServiceAccess, request: Request, options: Options, *, user_only: bool
    ) -> None:
        shared, settings, deadline = session.shared, session.settings, options.deadline
        job = self.job = JOB.get()
        self.loop = shared.loop()
        self.method, self.url = request.method, request.url
        self.policy, self.on_retry = settings.retry, settings.on_retry
        self.bucket = shared.bucket
        self.deadline_at = None if deadline is None else self.loop.time() + deadline
        self.patient = job is not None and deadline.__class__ is _Default
        self.session = session
        self.access = access
        self.request = request
        self.timeout = options.timeout
        self.user_only = user_only
        self.ticket = next(shared.throttle.tickets)  # calls are served in the order in which they came
        limit, self.customer = limit_of(access.service, request.method, access.urls.path(request.url))
        self.gate: Gate = shared.throttle.gate(settings.tenant or "", limit, self.customer)

    async def attempt(self) -> RawResponse:
        """Make one try; a refused token is renewed once in a call, at no try's expense."""
        raw, authorization = await self._exchange()
        if raw.status == 401 and not self.recovered and not is_mfa_refusal(raw.reason, raw.body):  # noqa: PLR2004 - 401
            self.recovered = True
            self.access.tokens.reject(authorization, raw.headers)
            raw, _ = await self._exchange()
        if 200 <= raw.status < 300:  # noqa: PLR2004 - any 2xx, whatever the reference declares
            return raw
        raise self._failed(raw)

    async def _exchange(self) -> tuple[RawResponse, Secret]:
        """Wait for a token and a turn, send once, and sort out what can go wrong."""
        before = self.sent
        tokens = self.access.tokens
        try:
            for _ in range(_MOST_TOKENS):
                known = tokens.current() or await tokens.authorization()
                turn = self.gate.at_once(self.customer)
                at_once = turn is not None
                turn = turn or await self._turn()
                authorization = known if at_once else tokens.latest(known)
                if authorization is None:  # it ran out, or was refused on another call's account, during the wait
                    self.gate.give_back(turn)
                    continue
                try:
                    raw = await self._send(authorization, turn)
                finally:
                    self.gate.leave(turn)
                break
            else:
                raise CredentialError("the tokens that the credential gives are out of date before they can be sent")
        except PartnerCenterError as error:
            self.under_way = False
            if isinstance(error, ConnectError):
                self.sent = before  # the server saw nothing of it
            retry = isinstance(error, ConnectionLostError | AttemptTimeoutError | ConnectError | CredentialError)
            if isinstance(error, CertificateError) or (isinstance(error, CredentialError) and not error.transient):
                retry = False
            effect = effect_of(error, sent=self.sent > before)
            raise FailedTryError(error, self, effect, retry=retry) from error
        self.under_way = False
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s %s: %d", self.method, self.path, raw.status)
        return raw, authorization

    async def _turn(self) -> Turn:
        """Wait for a turn; in a job that time does not count against a deadline that the caller did not set."""
        job, patience = self.job, Patience(self.policy.longest_retry_after)
        if job is not None:
            job.waits_for(self.gate)
            patience = Patience()
        place = Place(job is not None or self.session.settings.background, self.ticket)
        if self.deadline_at is None or self.limit is None:
            return await self.gate.enter(place, self.customer, patience)
        if not self.patient:
            return await self.gate.enter(place, self.customer, patience._replace(deadline_at=self.deadline_at))
        limits, loop = self.session.shared.limits, self.loop
        left = self.deadline_at - loop.time()
        limits.move(self.limit, None)
        turn = await self.gate.enter(place, self.customer)
        self.deadline_at = loop.time() + left
        limits.move(self.limit, self.deadline_at)
        return turn

    async def _send(self, authorization: Secret, turn: Turn) -> RawResponse:
        """Make one exchange in its turn."""
        shared = self.session.shared
        if shared.closed:
            raise ClientClosedError
        self.begin()
        limit = shared.limits.add(self.loop.time() + self.timeout)
        try:
            with limit:
                raw = await shared.transport.send(self.access.signed(self.request, authorization))
        except TimeoutError:
            waited = f"in {self.timeout:g} s" if limit.expired() else "in a time that the transport set"
            raise AttemptTimeoutError(f"there was no answer {waited}") from None
        if raw.status == 429:  # noqa: PLR2004 - 429
            self.throttled_for = self.gate.throttled(turn, retry_after(raw.headers), self.policy.bound)
        else:
            self.gate.answered(turn)
        return raw

    def _failed(self, raw: RawResponse) -> FailedTryError:
        """Make the failure of an answer that is none of 2xx."""
        status = raw.status
        if status < 400:  # noqa: PLR2004 - 1xx and 3xx
            unfit = _unfit(
                raw,
                RedirectError(f"{status}: the service answered with a redirect, which is never followed")
                if status >= 300  # noqa: PLR2004 - 3xx
                else BadAnswerError(f"{status}: the service wants to speak another protocol"),
            )
            return FailedTryError(unfit, self, effect_of(unfit, sent=True), retry=False)
        try:
            body = decode(raw.body, ApiError)
        except DecodeError:
            body = None
        error = status_error(status, raw.reason, raw.body, body, user_only=self.user_only)
        error.retry_after = retry_after(raw.headers)
        retry = status in RETRIED_STATUSES
        if body is not None and body.is_retryable is not None:
            retry = body.is_retryable
        if not retry:
            self.session.shared.bucket.put(RetryBucket.BACK)  # the service is well, whatever it thinks of this call
        return FailedTryError(error, self, effect_of(error, sent=True), retry=retry)


def _new_id() -> str:
    """Return what ``str(uuid.uuid4())`` would, at a fifth of its price."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def _decoded(raw: RawResponse, into: type[T] | None, data: Any, *, with_id: bool) -> Any:
    """Decode the body of a 2xx; raises DecodeError, or StatusError where it holds an error of the service's.

    ``data`` is what was decoded of it before, if anything.
    """
    failed: DecodeError | None = None
    try:
        if into is not None and data is None:
            data = decode(raw.body, into)
        if with_id:
            if data.id.strip():
                return data
            failed = DecodeError(f"the answer has no id, in a body that begins: {excerpt(raw.body)}", path="$.id")
            failed.body = raw.body
        elif data.__class__ in _PAGES and data.items:
            return data
    except DecodeError as error:
        failed = error
    told = error_in(raw.body, into)
    if told is not None:
        found = status_error(raw.status, raw.reason, raw.body, told, user_only=False)
        found.retry_after = retry_after(raw.headers)
        raise found
    if failed is not None:
        raise _unfit(raw, failed)
    return data


def _unfit(raw: RawResponse, error: BadAnswerError) -> BadAnswerError:
    """Return an error with the answer that it is about."""
    error.status, error.body = raw.status, raw.body
    return error


def _merged(*layers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Join header lines; a later layer replaces an earlier one's lines of the same name."""
    merged: list[tuple[str, str]] = []
    for layer in layers:
        names = {name.lower() for name, _ in layer}
        merged = [line for line in merged if line[0].lower() not in names]
        merged.extend(layer)
    return tuple(merged)


def _check_callback(value: object) -> Callable[[Response[object]], None]:
    if not callable(value) or iscoroutinefunction(value):  # which nobody would await
        raise ValueError(f"on_response must be a function that takes a Response, no coroutine's, not {value!r}")
    return cast("Callable[[Response[object]], None]", value)


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
