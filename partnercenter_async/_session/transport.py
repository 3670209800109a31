"""The seam to the wire, and aiohttp behind it. No other module of the client imports aiohttp at run time."""

import asyncio
import select
import ssl
import sys
import urllib.request
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, cast
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from yarl import URL

from partnercenter_async._session.logs import logger
from partnercenter_async._session.response import Headers
from partnercenter_async.clouds import is_loopback
from partnercenter_async.errors import (
    BadAnswerError,
    BodyTooLargeError,
    CertificateError,
    ClientClosedError,
    ConnectError,
    ConnectionLostError,
)

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace
    from multidict import CIMultiDictProxy

CONNECT_TIMEOUT = 10.0  # seconds
MAX_BODY = 64 * 1024 * 1024  # bytes, unpacked, unless the client says otherwise
_PACKED_STEP = 8 * 1024  # bytes of a packed body that are unpacked at a time,
_STEP = 64 * 1024  # to so many bytes at most
_READ_AHEAD = 64 * 1024  # bytes of a body that aiohttp keeps until they are read, in a sixteenth as many pieces
_AT_ONCE = 64 * 1024  # bytes of a body that goes out before an answer can come, whoever reads it or not
_MOST_MEMBERS = 1000  # packed one behind the other in one body
_REQUEST_ID = "MS-RequestId"
_REMEMBERED = 10_000  # ids of requests that have ended, by which a late answer is told
_GOODBYE = 1.0  # seconds for all connections to end when the pool is closed
_LOOKS = 0.5  # seconds between looks at whether the connection of a body is still there
_BODILESS = frozenset({"GET", "HEAD"})
# The releases of aiohttp whose connections are used without its ClientSession, which takes more than half of a small
# exchange for what is not used here: redirects, cookies, netrc, traces. With other releases it is used.
_STRAIGHT = aiohttp.__version__.startswith("3.14.")


class Secret(str):
    """A text that does its work where it is sent and shows nothing where it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide the text: debuggers and error reporters print the locals of every frame."""
        return "'***'"


class Request(msgspec.Struct, frozen=True):
    """One exchange to be made; ``url`` goes out byte for byte."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None

    def __repr__(self) -> str:
        """Show neither the headers, where the token is, nor the body or the query."""
        return f"Request({self.method} {self.url.partition('?')[0]})"


class RawResponse(msgspec.Struct, frozen=True):
    """One answer; the body is whole, unpacked and within the cap."""

    status: int
    reason: str
    headers: Headers
    body: bytes


class Transport(Protocol):
    """Makes one exchange at a time, follows nothing, repeats nothing, and gives a request no other one's answer.

    ``send`` raises ConnectError where nothing was sent, ConnectionLostError where something may have been, and
    BadAnswerError, BodyTooLargeError among it, for an answer that can't be taken.
    """

    async def send(self, request: Request, /) -> RawResponse:
        """Make the exchange."""
        ...

    async def close(self) -> None:
        """Give back what the transport holds."""
        ...


class AiohttpTransport:
    """Exchanges over one pool of connections; the pool is made at the first use and belongs to its event loop."""

    def __init__(
        self,
        *endpoints: str,
        session: aiohttp.ClientSession | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        """Take the origins that are talked to, a caller's own session or TLS context, and a body's cap in bytes."""
        self._max_body = max_body
        self._session = session
        self._owned = session is None
        self._closed = False
        self._ssl = ssl_context if ssl_context is not None else True
        # Resolving the name counts as connecting; in a caller's session so would waiting for its pool.
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_TIMEOUT if self._owned else None, sock_connect=CONNECT_TIMEOUT
        )
        self._ways = tuple([_Way(URL(endpoint).origin()) for endpoint in endpoints])
        self._otherwise = _Way(self._ways[0].origin)  # to what is written differently, such as with its standard port
        self._pool: _Pool | None = None  # whose connections are used straight
        self._under_way: set[str] = set()  # the ids of requests,
        self._ended: OrderedDict[str, None] = OrderedDict()  # and of those that ended lately
        self._foreign_ids = False  # the service was seen to answer with ids that nobody here has sent

    async def send(self, request: Request, /) -> RawResponse:
        """Make one exchange."""
        if self._closed:
            raise ClientClosedError
        session = self._session or self._opened()
        own = ""
        for name, value in request.headers:
            if name == _REQUEST_ID:
                own = value.lower()
                break
        self._under_way.add(own)
        try:
            way = self._way_to(request.url)
            if self._pool is not None and way.target is not None:
                return await self._straight(self._pool, way.target, len(way.base) - 1, request, own)
            return await self._through(session, request, own, way.proxy)
        except aiohttp.ClientConnectorCertificateError as error:
            raise CertificateError(f"the certificate of {request.url.split('/')[2]} was not accepted") from bare(error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            raise ConnectError(f"no connection to {request.url.split('/')[2]}") from bare(error)
        except aiohttp.ClientResponseError as error:
            if _has_too_large_head(error):
                raise BadAnswerError("the answer has too many headers, or one that is too long") from bare(error)
            raise ConnectionLostError("what came is no answer in HTTP") from bare(error)
        except (aiohttp.ClientError, HttpProcessingError, OSError, asyncio.IncompleteReadError) as error:
            raise ConnectionLostError("the connection broke before the whole answer was there") from bare(error)
        finally:
            self._remember(own)

    def _opened(self) -> aiohttp.ClientSession:
        """Make the session and its pool."""
        pool = _Pool()
        self._session = aiohttp.ClientSession(connector=pool, cookie_jar=aiohttp.DummyCookieJar())
        if _STRAIGHT:
            self._pool = pool
            for way in self._ways:
                if way.proxy is None:
                    way.target = _Target("GET", way.origin, ssl=self._ssl, session=self._session)
        return self._session

    def _way_to(self, url: str) -> "_Way":
        for way in self._ways:
            if url.startswith(way.base):
                return way
        return self._otherwise

    async def _straight(self, pool: "_Pool", target: "_Target", start: int, request: Request, own: str) -> RawResponse:
        """Make an exchange over a connection of the pool, which is told no more than where it leads.

        ``start`` is where the path begins in the URL.
        """
        try:
            connection = await pool.connect(target, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error
        try:
            protocol, wire = connection.protocol, connection.transport
            if protocol is None or wire is None or wire.is_closing():
                raise ConnectError(f"the connection to {request.url.split('/')[2]} ended before it was used")
            protocol.set_response_params(
                skip_payload=request.method == "HEAD",
                read_until_eof=True,
                auto_decompress=False,
                read_bufsize=_READ_AHEAD,
            )
            wire.write(_written(request, target.headers["Host"], start))
            try:
                head, content = await protocol.read()
                while 100 <= head.code < 200 and head.code != 101:  # noqa: PLR2004 - answers that another one follows
                    head, content = await protocol.read()
            except HttpProcessingError as error:
                raise aiohttp.ClientResponseError(target.request_info, ()) from error
            self._check_id(head.headers, own)
            if content.is_eof() and "Content-Encoding" not in head.headers:
                body = self._checked(content.read_nowait())  # as small bodies mostly come
            else:
                with _Watch(content, connection):
                    body = await self._read(head.headers, content)
            answer = _whole(head.code, head.reason, head.headers, body)
        except BaseException:
            connection.close()
            raise
        if _is_maybe_unread(request, head.code):
            protocol.abort()  # to close it would first send the rest
        connection.release()
        return answer

    async def _through(
        self, session: aiohttp.ClientSession, request: Request, own: str, proxy: URL | None
    ) -> RawResponse:
        """Make an exchange through a session, in aiohttp's public way."""
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            auto_decompress=False,
            raise_for_status=False,
            read_bufsize=_READ_AHEAD,
            timeout=self._timeout,
            ssl=self._ssl,
            proxy=proxy,
            middlewares=(_SendOnce(),),
        ) as answer:
            try:
                self._check_id(answer.headers, own)
            except ConnectionLostError:
                answer.close()
                if self._owned:
                    _IN_USE.get().close()  # which a small answer has already given back
                raise
            if answer.content.is_eof() and "Content-Encoding" not in answer.headers:
                body = self._checked(answer.content.read_nowait())
            else:
                with _Watch(answer.content, answer.connection):
                    body = await self._read(answer.headers, answer.content)
            if self._owned and _is_maybe_unread(request, answer.status):
                _IN_USE.get().abort()
            return _whole(answer.status, answer.reason, answer.headers, body)

    def _remember(self, own: str) -> None:
        """Note the id of a request that has ended, and forget the oldest one."""
        self._under_way.discard(own)
        self._ended[own] = None
        self._ended.move_to_end(own)
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def _check_id(self, headers: "CIMultiDictProxy[str]", own: str) -> None:
        """Refuse an answer that is known to be another request's; its connection is to be closed.

        No source proves that the service gives ids back, so an id that nobody knows says nothing.
        """
        if _REQUEST_ID not in headers:
            return
        others = {value.lower() for value in headers.getall(_REQUEST_ID)} - {own}
        if not (others.isdisjoint(self._under_way) and others.isdisjoint(self._ended)):
            raise ConnectionLostError("another request's answer came, and its connection was closed")
        if others and not self._foreign_ids:
            self._foreign_ids = True
            logger.info("the service answers with request ids that were not sent: they can't tell answers apart")

    async def _read(self, headers: "CIMultiDictProxy[str]", content: aiohttp.StreamReader) -> bytes:
        """Read a body up to the cap, counted unpacked."""
        if not content.is_eof() and int(headers.get("Content-Length", 0)) > self._max_body:
            raise self._too_large()
        encoding = headers.get("Content-Encoding", "").strip().lower()
        unpacking: _Unpacking | None = None
        body = BytesIO()  # in a list, a body that comes in tiny pieces would take many times its size
        received = 0
        while chunk := await content.readany():
            if not received and encoding in {"gzip", "x-gzip", "deflate"}:
                unpacking = _Unpacking(encoding, chunk)
            received += len(chunk)
            for part in (chunk,) if unpacking is None else unpacking.parts(chunk):
                if max(received, body.tell() + len(part)) > self._max_body:
                    del body, chunk, part, unpacking  # whoever keeps the error keeps its frames
                    raise self._too_large()
                body.write(part)
        if unpacking is not None and not unpacking.ended:
            raise aiohttp.ClientPayloadError("the packed body has no end")
        return body.getvalue()

    def _checked(self, body: bytes) -> bytes:
        if len(body) > self._max_body:
            del body  # whoever keeps the error keeps its frames
            raise self._too_large()
        return body

    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(f"the body is larger than {self._max_body} bytes")

    async def close(self) -> None:
        """Close the pool, unless it is the caller's."""
        self._closed = True
        if self._owned and self._session is not None and not self._session.closed:
            endings = cast("_Pool", self._session.connector).endings()
            await self._session.close()
            if endings:
                await asyncio.wait(endings, timeout=_GOODBYE)


class _Watch:
    """Ends the wait for the rest of a body whose connection is gone.

    After a broken chunk aiohttp closes the connection and tells the request, but not who reads its body by then.
    """

    __slots__ = ("_connection", "_content", "_gone", "_timer")

    def __init__(self, content: aiohttp.StreamReader, connection: "Connection | None") -> None:
        self._content = content
        self._connection = connection
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if not self._content.is_eof():
            self._timer = asyncio.get_running_loop().call_later(_LOOKS, self._look)
            self._content.on_eof(self._stop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Give up at the second look that finds the connection gone: at the first, its end may just be on its way."""
        transport = None if self._connection is None else self._connection.transport
        gone = transport is None or transport.is_closing()
        if gone and self._gone:
            lost = aiohttp.ClientPayloadError("the connection is gone before the body's end")
            self._content.set_exception(lost)
        else:
            self._gone = gone
            self._timer = asyncio.get_running_loop().call_later(_LOOKS, self._look)


class _Stream(Protocol):
    """What zlib unpacks with, or whatever a program has put in its place for aiohttp."""

    eof: bool
    unconsumed_tail: bytes
    unused_data: bytes

    def decompress(self, packed: bytes, most: int, /) -> bytes: ...


class _Unpacking:
    """Unpacks a body in small steps; aiohttp would take one whose end is missing for whole."""

    __slots__ = ("_bits", "_error", "_members", "_new", "_stream")

    def __init__(self, encoding: str, first: bytes) -> None:
        """Look at the first byte too: some servers leave out the header that deflate has in HTTP."""
        # Looked up for each body: what aiohttp.set_zlib_backend was given last.
        engine = getattr(sys.modules.get("aiohttp.compression_utils"), "ZLibBackend", zlib)
        self._new = cast("Callable[[int], _Stream]", engine.decompressobj)
        self._error = cast("type[Exception]", getattr(engine, "error", zlib.error))
        bare_deflate = encoding == "deflate" and first[0] % 16 != zlib.DEFLATED
        self._bits = -zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS + 32  # which reads both headers
        self._stream = self._new(self._bits)
        self._members = 1

    @property
    def ended(self) -> bool:
        """Whether the end was there."""
        return self._stream.eof

    def parts(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack the next chunk into parts of at most 64 KiB."""
        for start in range(0, len(chunk), _PACKED_STEP):
            packed = chunk[start : start + _PACKED_STEP]
            more = True
            while more:
                if self._stream.eof:
                    packed = packed.lstrip(b"\0")  # which may fill a file up behind its end
                    if not packed:
                        break
                    self._stream = self._new(self._bits)  # another one follows, which gzip allows
                    self._members += 1
                try:
                    part = self._stream.decompress(packed, _STEP)
                except self._error as error:
                    if self._members > 1:
                        raise BadAnswerError("what stands behind the packed body's end can't be unpacked") from error
                    raise aiohttp.ClientPayloadError("the packed body is broken") from error
                if self._members > _MOST_MEMBERS:
                    raise BadAnswerError("the packed body has too many parts")
                yield part
                if self._stream.eof:
                    packed = self._stream.unused_data
                    more = bool(packed)
                else:
                    packed = self._stream.unconsumed_tail
                    more = bool(packed) or len(part) == _STEP  # some keep to themselves what they have read


# The connection of the exchange that this task makes, also once a small answer has given it back.
_IN_USE: ContextVar["ResponseHandler"] = ContextVar("connection")


class _Target(aiohttp.ClientRequest):
    """Where connections lead, in the shape in which a pool wants to be told; one serves all requests."""

    @cached_property
    def connection_key(self) -> "ConnectionKey":  # pyright: ignore[reportIncompatibleMethodOverride] - it never changes
        """What a pool knows its connections by."""
        return super().connection_key


class _Way:
    """How exchanges with one origin are made."""

    __slots__ = ("base", "origin", "proxy", "target")

    def __init__(self, origin: URL) -> None:
        self.origin = origin
        self.base = f"{origin}/"
        self.proxy = _proxy(origin)
        self.target: _Target | None = None  # where the connections of the pool are used straight


class _Pool(aiohttp.TCPConnector):
    """Hands no connection out again on which something has come in that nobody asked for.

    A response too many would be taken for the answer to the next request, and shift all that follow.
    """

    def __init__(self) -> None:
        """Set no bound: the session bounds the exchanges, so nobody ever waits for the pool."""
        super().__init__(limit=0)  # pyright: ignore[reportUnknownMemberType]  # of parameters not used here
        self._used: WeakSet[ResponseHandler] = WeakSet()

    def endings(self) -> list[asyncio.Future[None]]:
        """Return what is done with each connection that is open, or being closed, once it has ended.

        TLS takes some turns of the event loop to say goodbye. Where the loop ends before, Python warns of the rest.
        """
        endings = [ending for protocol in self._used if (ending := protocol.closed) is not None]
        for ending in endings:
            ending.add_done_callback(_heard)
        return endings

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list["Trace"],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> "Connection":
        """Return a connection that is new, or on which all is quiet."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - it has just been made or found
            if protocol not in self._used:
                self._used.add(protocol)
                break
            if not protocol.should_close and not _half_read(protocol) and not _readable(protocol.transport):
                break
            connection.close()
        _IN_USE.set(protocol)
        return connection


def _heard(ending: "asyncio.Future[None]") -> None:
    """Take note of how a connection ended, which nobody asks for."""
    with suppress(asyncio.CancelledError):
        ending.exception()


def _half_read(protocol: "ResponseHandler") -> bool:
    """Tell whether aiohttp has read the beginning of a response, which it would forget at the next request."""
    parser = getattr(protocol, "_parser", None)  # nothing else tells, and a later aiohttp may have none
    try:
        return parser is not None and parser.feed_eof() is not None
    except Exception:  # noqa: BLE001 - whatever a beginning makes of it
        return True


def _readable(transport: asyncio.BaseTransport | None) -> bool:
    """Tell whether bytes, or an end, have arrived that the event loop has not read yet."""
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None:
        return False
    if sys.platform == "win32":
        return bool(select.select([found], [], [], 0)[0])
    poll = select.poll()
    poll.register(found.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _written(request: Request, host: str, start: int) -> bytes:
    """Return a request as it goes out, its URL from a place on; raises ValueError where a part would end its line."""
    lines = [f"{request.method} {request.url[start:]} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body is not None or request.method not in _BODILESS:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    lines.append("\r\n")
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) or "\0" in head:
        del head, lines  # whoever keeps the error keeps its frames, and the token is in them
        raise ValueError("a line end, or a zero, in what is to be sent")
    return head.encode() + (request.body or b"")


def _is_maybe_unread(request: Request, status: int) -> bool:
    """Tell whether a refusal may have come before the request was read, which would stand in the next one's way.

    A connection can't tell: TLS takes whatever it is given at once.
    """
    return request.body is not None and len(request.body) > _AT_ONCE and not 200 <= status < 300  # noqa: PLR2004 - 2xx


def _whole(status: int, reason: str | None, headers: "CIMultiDictProxy[str]", body: bytes) -> RawResponse:
    """Return an answer, what is no text in its head marked."""
    lines = tuple(headers.items())
    if not "".join([value for _, value in lines]).isascii():
        lines = tuple([(name, _text(value)) for name, value in lines])
    return RawResponse(status, _text(reason or ""), Headers(lines), body)


def _has_too_large_head(error: BaseException) -> bool:
    """Tell whether aiohttp gave up an answer for the size of its head, which another attempt does not change."""
    cause = error.__cause__ and error.__cause__.__cause__
    return isinstance(cause, LineTooLong) or "Too many headers" in str(cause)


class _ResendError(aiohttp.ClientError):
    """Raised in place of a second sending."""


class _SendOnce:
    """Stops aiohttp from sending a request again by itself, which it does on a kept-alive connection that was closed.

    A middleware runs once per sending. One object serves one request.
    """

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent = False

    def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> Awaitable[aiohttp.ClientResponse]:
        if self._sent:
            raise _ResendError
        self._sent = True
        return handler(request)


def _text(line: str) -> str:
    """Return a header's text with a mark for each byte that is no text, which nothing could encode again."""
    return line if line.isascii() else line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def bare(error: BaseException) -> BaseException:
    """Return a foreign exception without its frames, whose locals hold the token, and without those of its causes."""
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
    return error


def _proxy(endpoint: URL) -> URL | None:
    """Return the environment's proxy for an origin, read once: aiohttp's own look-up reads netrc at every request.

    What goes to this machine goes there by no other: a proxy would read the token of a plain connection.
    """
    host = endpoint.host or ""
    if is_loopback(host):
        return None
    if urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - missing from the stubs
        return None
    proxy = urllib.request.getproxies_environment().get(endpoint.scheme)
    if not proxy:
        return None
    try:
        url = URL(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        url = URL()
    if not url.host:
        raise ValueError(f"{endpoint.scheme}_proxy in the environment must be a URL such as http://host:port")
    return url
