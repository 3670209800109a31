"""The emulator: one TLS socket in the caller's event loop, a record of what arrived, and faults on request."""

import asyncio
import base64
import contextlib
import copy
import hashlib
import itertools
import logging
import math
import re
import secrets
import socket
import ssl
import struct
import sys
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self, cast, get_args

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict, CIMultiDictProxy

from partnercenter_async.emulator import nouns
from partnercenter_async.emulator.api import (
    Api,
    ApiSettings,
    Call,
    LastLinks,
    LinkStyle,
    OrdersPaging,
    Paths,
    Reply,
    Route,
    Router,
)
from partnercenter_async.emulator.authority import Authority, is_form, recorded, sign_in_operation
from partnercenter_async.emulator.faults import (
    AUTHORITY_OPERATIONS,
    Action,
    Answer,
    BodyAction,
    BrokenChunk,
    CloseAfter,
    CutBody,
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    ExpireToken,
    Fault,
    NothingToAlterError,
    PageAction,
    Redirect,
    Script,
    ThrottleCustomer,
    ThrottlePartner,
    WrongLength,
    check_choice,
    check_count,
    check_operation,
    check_seconds,
    check_text,
    encode,
    gateway_throttle,
)
from partnercenter_async.emulator.files import FileError, read_faults, shown
from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.limits import Limit, Limits
from partnercenter_async.emulator.records import DataSet, Records
from partnercenter_async.emulator.serving import serving
from partnercenter_async.emulator.tls import Certificates
from partnercenter_async.emulator.tokens import Application, TokenIssuer, fingerprint

_BOM = b"\xef\xbb\xbf"
_PARTNER = "*"
FAULTS = "/emulator/faults"
"""Where a program in any language changes the faults; without a token, and neither recorded nor counted."""
_NAME, _LINE = re.compile(r"(?!(?i:common|organizations)$)[A-Za-z0-9.-]+"), re.compile(r"[!-~](?:[ -~]*[!-~])?")
_AUTHORITY = {name: Route(name, f"* /{name}", lambda _api, _call: Reply(501)) for name in AUTHORITY_OPERATIONS}
"""Answered by the authority and not by the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request as it arrived. Tokens and secrets are replaced by fingerprints, equal for equal secrets."""

    operation: str
    method: str
    path: str
    """Undecoded, without the query."""
    query: str
    """Undecoded."""
    headers: CIMultiDictProxy[str] = field(repr=False)
    customer_id: str | None
    time: float
    """Loop time of arrival."""
    connection: int
    """The number of the TCP connection, counted from 1."""
    body: bytes = field(repr=False)
    status: int | None = None
    """The status of the answer; None while there is none."""


@dataclass(slots=True)
class _Encoded:
    """An answer as it goes over the wire."""

    status: int
    headers: CIMultiDict[str]
    body: bytes
    reason: str | None = None


def _tells_no_request(record: logging.LogRecord) -> bool:
    """Leave out what aiohttp logs of a request that it can't read: the request line, and the secrets in it."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_logger = logging.getLogger("partnercenter_async.emulator")
_logger.addFilter(_tells_no_request)


class _Server(web.Server):
    """Numbers its connections and can reset them all."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(handler, handler_cancellation=True, access_log=None, logger=_logger)
        self._transports: dict[RequestHandler, tuple[int, asyncio.Transport]] = {}
        self._numbers = itertools.count(1)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        self._transports[handler] = next(self._numbers), transport
        super().connection_made(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._transports.pop(handler, None)
        super().connection_lost(handler, exc)

    def number(self, handler: RequestHandler) -> int:
        return self._transports[handler][0] if handler in self._transports else 0

    def open_count(self) -> int:
        return len(self._transports)

    def reset_all(self) -> None:
        for _, transport in list(self._transports.values()):
            transport.abort()


@dataclass(slots=True)
class _Running:
    """What exists between start and close."""

    certificates: Certificates
    tokens: TokenIssuer
    authority: Authority
    server: _Server
    listener: asyncio.Server
    endpoint: str
    api: Api


class Emulator:
    """A partner's Partner Center and its Entra ID on one local TLS port, an async context manager.

    Users sign in at the pages of the authority, where whoever clicks is the one user of the tenant.

    It runs in the event loop that enters it and serves nothing before. Leaving it closes every connection at once.

    Args:
        data: The customers to serve, a `DataSet` or `Records`. By default a small data set.
        page_size: The largest page of orders, and of migrations when a request does not say more.
        customers_page_size: The largest page of customers.
        token_lifetime: How long access tokens live, in seconds of loop time.
        paging: How the listing of orders goes on.
        link_style: How the links of collections are written. "mixed" uses one style after the other.
        last_links: What a last page has for links.
        bom: Whether every API body begins with a byte order mark.
        require_mfa: Whether a user's token without multifactor authentication is refused.
        mfa: Whether the users' tokens come with multifactor authentication.
        rotate_refresh_token: Whether each redemption answers with a new refresh token. The old ones stay good.
        consented: Whether the user has agreed to what the application asks for; `consented` changes it later.
        events_content_type: The Content-Type of migration events. None goes round those that the service uses.
        paths: Whether the API's paths are taken in any letter case and with a slash at their end, as ASP.NET, which its
            hosts run, takes them; "exact" is for a client that is to be strict with itself.
        drift: Whether answers have what a newer service may bring: unknown members and names, links in other forms.
        latency: How many seconds each request waits before it is answered.
        tenant_id: The partner's tenant. It and the next three are made up anew where they are not given.
        client_id: The id of the application that may ask for tokens.
        client_secret: The secret of that application.
        refresh_token: The refresh token that is redeemed from the start on.
        limits: How many requests are taken in a time.
        faults: What is to go wrong from the start.
        keep_requests: Whether `requests` is kept. `count` works in any case.
        port: The port to listen on. 0 takes a free one.
    """

    def __init__(
        self,
        data: Records | None = None,
        *,
        page_size: int = 200,
        customers_page_size: int = 500,
        token_lifetime: float = 3600.0,
        paging: OrdersPaging = "seek",
        link_style: LinkStyle = "root",
        last_links: LastLinks = "missing",
        bom: bool = False,
        require_mfa: bool = False,
        mfa: bool = True,
        rotate_refresh_token: bool = False,
        consented: bool = True,
        events_content_type: str | None = None,
        paths: Paths = "tolerant",
        drift: bool = False,
        latency: float = 0.0,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        refresh_token: str | None = None,
        limits: Sequence[Limit] = (),
        faults: Sequence[Fault] = (),
        keep_requests: bool = True,
        port: int = 0,
    ) -> None:
        check_count("page_size", page_size)
        check_count("customers_page_size", customers_page_size)
        check_seconds("token_lifetime", token_lifetime)
        check_seconds("latency", latency)
        check_choice("paging", paging, get_args(OrdersPaging))
        check_choice("link_style", link_style, get_args(LinkStyle))
        check_choice("last_links", last_links, get_args(LastLinks))
        check_choice("paths", paths, get_args(Paths))
        check_text("events_content_type", events_content_type, "such as 'text/plain'")
        switches = {
            "bom": bom,
            "require_mfa": require_mfa,
            "mfa": mfa,
            "rotate_refresh_token": rotate_refresh_token,
            "consented": consented,
            "drift": drift,
            "keep_requests": keep_requests,
        }
        for name, switch in switches.items():
            check_choice(name, switch, (True, False))
        self.data: Records = DataSet() if data is None else data
        """The records that are served."""
        self.requests: list[RecordedRequest] = []
        """Every request, those for signing in included, in the order of arrival."""
        self._settings = ApiSettings(
            page_size=page_size,
            customers_page_size=customers_page_size,
            paging=paging,
            link_style=link_style,
            last_links=last_links,
            require_mfa=require_mfa,
            events_content_type=events_content_type,
            paths=paths,
            drift=drift,
        )
        self._router = Router(nouns.ROUTES, paths)
        self._application = Application(
            tenant_id=_given("tenant_id", tenant_id, str(uuid.uuid4()), _NAME),
            client_id=_given("client_id", client_id, str(uuid.uuid4()), _NAME),
            client_secret=_given("client_secret", client_secret, secrets.token_urlsafe(24)),
            refresh_token=_given("refresh_token", refresh_token, f"1.emulated.{secrets.token_urlsafe(48)}"),
            consented=consented,
        )
        self._latency = latency
        self._token_lifetime = token_lifetime
        self._rotate_refresh_token = rotate_refresh_token
        self._mfa = mfa
        self._bom = bom
        self._keep_requests = keep_requests
        self._port = port
        self._limits = Limits(limits)
        self._script = Script(faults)
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._throttled: dict[str, float] = {}
        self._retry_after: dict[str, str | None] = {}
        self._answers = itertools.count(1)
        self._running: _Running | None = None

    def __repr__(self) -> str:
        return f"<Emulator {self._running.endpoint if self._running else 'not running'} of {self.data!r}>"

    # Life

    async def __aenter__(self) -> Self:
        """Start to listen."""
        if self._running is not None:
            message = "the emulator is running already"
            raise RuntimeError(message)
        loop = asyncio.get_running_loop()
        self._throttled.clear()  # by the clock of an earlier loop, perhaps
        self._limits.clear()
        certificates = Certificates()
        server = _Server(self._handle)
        try:
            listener = await loop.create_server(
                server, "127.0.0.1", self._port, ssl=certificates.server_context, backlog=1024
            )
        except OSError:
            certificates.close()
            raise
        endpoint = f"https://localhost:{listener.sockets[0].getsockname()[1]}"
        tokens = TokenIssuer(
            self._application,
            loop.time,
            authority=endpoint,
            lifetime=self._token_lifetime,
            rotate=self._rotate_refresh_token,
            mfa=self._mfa,
        )
        api = Api(self.data, tokens, self._settings, endpoint)
        authority = Authority(self._application, tokens, endpoint)
        self._running = _Running(certificates, tokens, authority, server, listener, endpoint, api)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and reset every connection."""
        running = self._started()
        self._running = None
        running.listener.close()
        running.server.reset_all()
        if sys.version_info >= (3, 13) and hasattr(running.listener, "abort_clients"):
            running.listener.abort_clients()
        await asyncio.sleep(0)
        await running.server.shutdown(1.0)
        with contextlib.suppress(TimeoutError):  # before Python 3.13, and in uvloop, handshakes can't be broken off
            async with asyncio.timeout(1.0):
                await running.listener.wait_closed()
        running.certificates.close()

    def _started(self) -> _Running:
        if self._running is None:
            message = "the emulator is not running: enter it with `async with`"
            raise RuntimeError(message)
        return self._running

    # What a client needs

    @property
    def endpoint(self) -> str:
        """The base of the addresses of the API, without a prefix, and of the other services."""
        return self._started().endpoint

    @property
    def authority(self) -> str:
        """The base of the authority's addresses: a client signs in at `{authority}/{tenant_id}`."""
        return self._started().endpoint

    @property
    def ca_file(self) -> str:
        """The path of a PEM file with the certificate authority to trust. It is removed at the end."""
        return self._started().certificates.ca_file

    @property
    def tenant_id(self) -> str:
        """The partner's tenant. Its addresses take `common`, `organizations` and `tenant_domain` for it, too."""
        return self._application.tenant_id

    @property
    def tenant_domain(self) -> str:
        """The partner's tenant by its name."""
        return self._application.tenant_domain

    @property
    def user_name(self) -> str:
        """The one user of the tenant, for whom the pages of the authority decide."""
        return self._application.user_name

    @property
    def consented(self) -> bool:
        """Whether the user has agreed to what the application asks for.

        While it is False no grant gives a user's token (AADSTS65001). Who accepts at the pages of the authority agrees.
        """
        return self._application.consented

    @consented.setter
    def consented(self, consented: bool) -> None:
        check_choice("consented", consented, (True, False))
        self._application.consented = consented

    @property
    def client_id(self) -> str:
        """The id of the application that may ask for tokens."""
        return self._application.client_id

    @property
    def client_secret(self) -> str:
        """The secret of that application."""
        return self._application.client_secret

    @property
    def refresh_token(self) -> str:
        """The refresh token that the token endpoint redeems from the start on."""
        return self._application.refresh_token

    @property
    def latest_refresh_token(self) -> str:
        """The refresh token that was given out last, the first one when none was."""
        return self._started().tokens.latest_refresh_token

    def ssl_context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts the emulator and nobody else."""
        return self._started().certificates.client_context()

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which a program finds the emulator and signs in."""
        return {
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_CLIENT_ID": self.client_id,
            "AZURE_CLIENT_SECRET": self.client_secret,
            "AZURE_AUTHORITY_HOST": self.authority,
            "PARTNER_CENTER_REFRESH_TOKEN": self.refresh_token,
            "PARTNER_CENTER_ENDPOINT": self.endpoint,
            "PARTNER_CENTER_GRAPH_ENDPOINT": self.endpoint,
            "PARTNER_CENTER_PARTNER_ENDPOINT": self.endpoint,
            "SSL_CERT_FILE": self.ca_file,
        }

    # What a test needs

    @property
    def open_connections(self) -> int:
        """The number of connections that are open now."""
        return self._started().server.open_count()

    def count(self, operation: str | None = None, *, customer_id: str | None = None) -> int:
        """Return how many requests of an operation arrived, for one customer if given.

        Without an operation it is every request for the API, which leaves those for signing in out.
        """
        check_operation(operation, None)
        customer = None if customer_id is None else customer_id.lower()
        return sum(
            number
            for (name, its_customer), number in self._counts.items()
            if (name == operation if operation else name not in AUTHORITY_OPERATIONS)
            and customer in (None, its_customer)
        )

    def serve(self, path: str, records: Sequence[JsonObject] | JsonObject, *, id: str = "id") -> None:
        """Serve records of a test's own at a path that the emulator does not know, or in place of what it does.

        Args:
            path: The path, such as "customers/{customer_id}/agreements", with or without the API's /v1. A name in
                braces stands for any id. Paths of Microsoft Graph begin with /v1.0 or /beta.
            records: A list for a collection, whose records can then be listed, read by id, created (POST), replaced
                (PUT), changed (PATCH) and deleted; a dict for a resource, which can be read, replaced and changed.
            id: The field that holds a record's id; where records have none, they are listed and no more.

        Requests for them are counted as "served". Raises ValueError for a path or records that can't be.
        """
        for route in serving(path, records, id):
            self._router.add(route)

    def inject(self, *faults: Fault) -> None:
        """Add faults behind those in force. Their counting begins now."""
        for fault in faults:
            self._script.inject(fault)

    def assert_faults_hit(self) -> None:
        """Check that each fault in force hit a request: one that did not proves nothing. Raises AssertionError."""
        missed = "".join(f"\n  {fault!r}" for fault in self._script.missed())
        if missed:
            arrived = Counter[str]()
            for (operation, _), number in self._counts.items():
                arrived[operation] += number
            message = f"no request was hit by{missed}\nwhat arrived: {dict(arrived)}"
            raise AssertionError(message)

    def clear_faults(self) -> None:
        """Take every fault out and end every throttling."""
        self._script.clear()
        self._throttled.clear()

    def limit(self, *limits: Limit) -> None:
        """Put limits in the place of those in force; without any, everything is taken."""
        self._limits = Limits(limits)

    def expire_tokens(self) -> None:
        """Make every access token issued so far worthless: the API answers 401 as for an expired one."""
        self._started().tokens.revoke_all()

    # One request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        try:
            body = await request.read()
        except web.RequestPayloadError:
            return await _refuse_body(request)
        if path == FAULTS:
            return self._change_faults(request.method, body)
        route, ids = self._route(request.method, path)
        call = Call(request.method, path, query, request.headers, body, route, ids)
        record = self._record(request, call, path)
        try:
            response = await self._respond(request, call, record)
        except ConnectionError:
            return web.Response()
        return response

    def _change_faults(self, method: str, body: bytes) -> web.Response:
        """Tell of the faults in force, or replace or clear them before. Wrong ones leave those in force."""
        try:
            if method == "POST":
                faults = read_faults("body", body)
                self.clear_faults()
                self.inject(*faults)
            elif method == "DELETE":
                self.clear_faults()
            elif method != "GET":
                return web.Response(status=405, headers={"Allow": "GET, POST, DELETE"})
        except FileError as error:
            return _json(400, {"error": str(error)})
        return _json(200, [shown(fault, met) for fault, met in self._script.in_force()])

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return what a request is for, and the ids in its path."""
        signing_in = sign_in_operation(method, path)
        return self._router.find(method, path) if signing_in is None else (_AUTHORITY[signing_in], {})

    def _record(self, request: web.BaseRequest, call: Call, path: str) -> RecordedRequest:
        headers = CIMultiDict(request.headers)
        if "Authorization" in headers:
            *scheme, secret = headers["Authorization"].split(None, 1) or [""]  # a token may stand there alone
            headers["Authorization"] = " ".join([*scheme, fingerprint(secret)])
        query, body = call.query, call.body
        if call.route.operation in AUTHORITY_OPERATIONS or is_form(call.headers):  # which may have missed the authority
            query, body = recorded(query, call.headers, body)
        customer_id = call.ids.get("customer_id")
        record = RecordedRequest(
            operation=call.route.operation,
            method=call.method,
            path=path,
            query=query,
            headers=CIMultiDictProxy(headers),
            customer_id=customer_id,
            time=asyncio.get_running_loop().time(),
            connection=self._started().server.number(request.protocol),
            body=body,
        )
        self._counts[record.operation, None if customer_id is None else customer_id.lower()] += 1
        if self._keep_requests:
            self.requests.append(record)
        return record

    async def _respond(self, request: web.BaseRequest, call: Call, record: RecordedRequest) -> web.StreamResponse:
        if self._latency:
            await asyncio.sleep(self._latency)
        now = asyncio.get_running_loop().time()
        operation, customer_id = call.route.operation, call.ids.get("customer_id")
        refusal = self._limits.take(
            now, operation=operation, customer_id=customer_id, method=call.method, path=record.path
        )
        if refusal is not None:
            return self._send_whole(self._from_answer(refusal, call), record)
        for bar in _bars(call):
            if self._throttled.get(bar, now) > now:
                return self._send_whole(self._from_answer(self._throttle(bar), call), record)
        action = self._script.next_action(operation, customer_id, call.method)
        match action:
            case DropBefore():
                return _reset(request)
            case DropAfter():
                self._true_answer(call)
                return _reset(request)
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case _:
                pass
        encoded = self._in_place(action, call) or self._altered(action, call)
        if isinstance(action, CutBody | WrongLength | BrokenChunk | Drip | CloseAfter):
            _note_status(record, encoded.status)
            return await _send_badly(request, encoded, action)
        return self._send_whole(encoded, record)

    def _in_place(self, action: Action | None, call: Call) -> _Encoded | None:
        """Return the answer that an action gives in place of the service, if it does."""
        match action:
            case Answer():
                return self._from_answer(action, call)
            case Redirect(status, location):
                return self._from_answer(Answer(status, headers=[("Location", location)]), call)
            case ThrottleCustomer(seconds, retry_after) | ThrottlePartner(seconds, retry_after):
                bar = _PARTNER if isinstance(action, ThrottlePartner) else _bars(call)[0]
                self._throttled[bar] = asyncio.get_running_loop().time() + seconds
                self._retry_after[bar] = retry_after
                return self._from_answer(self._throttle(bar), call)
            case ExpireToken():
                self._started().tokens.revoke(call.headers.get("Authorization", "").partition(" ")[2])
                return None
            case _:
                return None

    def _throttle(self, bar: str) -> Answer:
        remaining = self._throttled[bar] - asyncio.get_running_loop().time()
        return gateway_throttle(max(1, math.ceil(remaining)), retry_after=self._retry_after.get(bar))

    def _from_answer(self, answer: Answer, call: Call) -> _Encoded:
        headers = self._service_headers(call)
        headers["Content-Type"] = answer.content_type
        for name in {name.lower() for name, _ in answer.headers}:
            headers.popall(name, None)
        headers.extend(answer.headers)
        return _Encoded(answer.status, headers, answer.encoded(), answer.reason)

    def _altered(self, action: Action | None, call: Call) -> _Encoded:
        """Return the true answer, altered where the action says so."""
        encoded = self._true_answer(call, action if isinstance(action, PageAction) else None)
        if isinstance(action, BodyAction):
            encoded.body, headers = action.alter_body(encoded.body)
            encoded.headers.extend(headers)
        return encoded

    def _true_answer(self, call: Call, action: PageAction | None = None) -> _Encoded:
        running = self._started()
        if call.route.operation in AUTHORITY_OPERATIONS:
            said = running.authority.answer(call.method, call.path, call.query, call.headers, call.body)
            return _Encoded(said.status, CIMultiDict(said.headers), said.body)
        reply = running.api.answer(call)
        headers = self._service_headers(call)
        headers["Content-Type"] = reply.content_type
        headers.extend(reply.headers)
        body = b"" if reply.document is None else encode(self._page(reply, action))
        return _Encoded(reply.status, headers, _BOM + body if self._bom and body else body)

    def _page(self, reply: Reply, action: PageAction | None) -> object:
        """Return a reply's document, altered if it is a collection and there is an action for it."""
        if action is None or reply.status != HTTPStatus.OK:
            return reply.document
        try:
            return _page(reply, action)
        except NothingToAlterError:
            self._script.spare(action)
            return reply.document

    def _service_headers(self, call: Call) -> CIMultiDict[str]:
        number = next(self._answers)
        vector = base64.b64encode(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=12).digest()).decode()
        headers = CIMultiDict(
            {
                "MS-RequestId": call.headers.get("MS-RequestId") or str(uuid.uuid4()),
                "MS-CorrelationId": call.headers.get("MS-CorrelationId") or str(uuid.uuid4()),
                "MS-CV": call.headers.get("MS-CV") or f"{vector}.0",
                "MS-ServerId": f"{100_000_000 + number % 7:09d}",
            }
        )
        locale = call.headers.get("X-Locale")
        if locale:
            headers.add("X-Locale", locale)
            headers.add("X-Locale", locale)
        return headers

    @staticmethod
    def _send_whole(encoded: _Encoded, record: RecordedRequest) -> web.Response:
        _note_status(record, encoded.status)
        return web.Response(status=encoded.status, reason=encoded.reason, headers=encoded.headers, body=encoded.body)


def _given(name: str, value: object, otherwise: str, form: re.Pattern[str] = _LINE) -> str:
    """Return a value that was given, or another one where it was not. What is wrong with it tells no secret."""
    if value is None:
        return otherwise
    if not isinstance(value, str) or not form.fullmatch(value):
        what = "a GUID or a domain" if form is _NAME else "printable ASCII without blanks at its ends"
        message = f"{name} must be {what}"
        raise ValueError(message)
    return value


def _json(status: int, document: object) -> web.Response:
    return web.Response(status=status, body=encode(document), content_type="application/json")


def _bars(call: Call) -> tuple[str, ...]:
    """Return what throttles a request: its customer or the paths without one, and the partner; or as a token."""
    at_authority = call.route.operation in AUTHORITY_OPERATIONS
    return ("token",) if at_authority else (call.ids.get("customer_id", "").lower(), _PARTNER)


def _page(reply: Reply, action: PageAction) -> object:
    """Return a reply's document, altered if it is a collection. The records of a test stay as they are."""
    document = copy.deepcopy(reply.document)
    if isinstance(document, list):
        return action.alter_page({"items": document})["items"]
    if isinstance(document, dict) and "items" in document:
        return action.alter_page(cast("JsonObject", document))
    return reply.document


def _note_status(record: RecordedRequest, status: int) -> None:
    """Fill in the status. The record is frozen for its readers, not for the emulator."""
    object.__setattr__(record, "status", status)


def _reset(request: web.BaseRequest) -> web.Response:
    """Reset the connection: the client sees no orderly end."""
    transport = request.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _refuse_body(request: web.BaseRequest) -> web.StreamResponse:
    """Answer a request whose body can't be unpacked, and close the connection, in which the rest of it stands."""
    response = _json(400, {"error": "The body is not in the encoding that its headers tell."})
    await response.prepare(request)
    await response.write_eof()
    request.protocol.force_close()
    return response


async def _send_badly(
    request: web.BaseRequest, encoded: _Encoded, action: CutBody | WrongLength | BrokenChunk | Drip | CloseAfter
) -> web.StreamResponse:
    """Send an answer in one of the ways that leave a client with a broken body or connection."""
    response = web.StreamResponse(status=encoded.status, reason=encoded.reason, headers=encoded.headers)
    body = encoded.body
    if isinstance(action, BrokenChunk):
        response.enable_chunked_encoding()
    else:
        response.content_length = len(body) + (action.delta if isinstance(action, WrongLength) else 0)
    await response.prepare(request)
    match action:
        case Drip(interval):
            for byte in body:
                await response.write(bytes((byte,)))
                await asyncio.sleep(interval)
            return response
        case CutBody(fraction):
            await response.write(body[: max(1, int(len(body) * fraction))])
        case BrokenChunk(pause):
            await response.write(body[: max(1, len(body) // 2)])
            await asyncio.sleep(pause)
            if request.transport is not None:
                request.transport.write(b"not a number\r\n")
        case WrongLength():
            await response.write(body)
        case _:
            await response.write_eof(body)
    request.protocol.force_close()
    return response
