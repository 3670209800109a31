"""The seam to the wire, and aiohttp behind it. No other module of the client imports aiohttp at run time."""

import asyncio
import ssl
import urllib.request
import zlib
from collections.abc import Awaitable, Iterator
from types import TracebackType
from typing import Protocol

import aiohttp
import msgspec
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from partnercenter_async._session.response import Headers
from partnercenter_async.errors import (
    BodyTooLargeError,
    CertificateError,
    ClientClosedError,
    ConnectError,
    ConnectionLostError,
)

CONNECT_TIMEOUT = 10.0  # seconds
MAX_BODY = 64 * 1024 * 1024  # bytes, unpacked, unless the client says otherwise
_STEP = 8 * 1024  # bytes of a packed body that are unpacked at a time, to 8 MiB at most
_MOST_MEMBERS = 1000  # packed one behind the other in one body
_LOOKS = 0.5  # seconds between looks at whether the connection of a body is still there


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
    """Makes one exchange at a time, follows nothing, repeats nothing.

    ``send`` raises ConnectError where nothing was sent, ConnectionLostError where something may have been, and
    BodyTooLargeError.
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
        endpoint: str,
        *,
        session: aiohttp.ClientSession | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        """Take the origin that is talked to, a caller's own session or TLS context, and the cap of a body in bytes."""
        self._max_body = max_body
        self._session = session
        self._owned = session is None
        self._closed = False
        self._ssl = ssl_context if ssl_context is not None else True
        # Resolving the name counts as connecting; in a caller's session so would waiting for its pool.
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_TIMEOUT if self._owned else None, sock_connect=CONNECT_TIMEOUT
        )
        self._proxy = _proxy(URL(endpoint))

    async def send(self, request: Request, /) -> RawResponse:
        """Make one exchange."""
        if self._closed:
            raise ClientClosedError
        session = self._session
        if session is None:
            # The session bounds the number of exchanges itself, so nobody ever waits for the pool.
            session = self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                timeout=self._timeout,
                ssl=self._ssl,
                proxy=self._proxy,
                middlewares=(_SendOnce(),),
            ) as answer:
                lines = tuple(answer.headers.items())
                if not "".join([value for _, value in lines]).isascii():
                    lines = tuple((name, _text(value)) for name, value in lines)
                if answer.content.is_eof() and "Content-Encoding" not in answer.headers:
                    body = self._checked(answer.content.read_nowait())  # as small bodies mostly come
                else:
                    with _Watch(answer):
                        body = await self._read(answer)
                return RawResponse(answer.status, _text(answer.reason or ""), Headers(lines), body)
        except aiohttp.ClientConnectorCertificateError as error:
            raise CertificateError(f"the certificate of {request.url.split('/')[2]} was not accepted") from bare(error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as error:
            raise ConnectError(f"no connection to {request.url.split('/')[2]}") from bare(error)
        except (aiohttp.ClientError, HttpProcessingError, OSError, asyncio.IncompleteReadError) as error:
            raise ConnectionLostError("the connection broke before the whole answer was there") from bare(error)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """Read a body up to the cap, counted unpacked."""
        if (answer.content_length or 0) > self._max_body:
            raise self._too_large()
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        unpacking: _Unpacking | None = None
        chunks: list[bytes] = []
        received = size = 0
        while chunk := await answer.content.readany():
            if not received and encoding in {"gzip", "x-gzip", "deflate"}:
                unpacking = _Unpacking(encoding, chunk)
            received += len(chunk)
            for part in (chunk,) if unpacking is None else unpacking.parts(chunk):
                size += len(part)
                if max(received, size) > self._max_body:
                    del chunks, part  # whoever keeps the error keeps its frames
                    raise self._too_large()
                chunks.append(part)
        if unpacking is not None and not unpacking.ended:
            raise aiohttp.ClientPayloadError("the packed body has no end")
        return b"".join(chunks) if len(chunks) != 1 else chunks[0]

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
        if self._owned and self._session is not None:
            await self._session.close()


class _Watch:
    """Ends the wait for the rest of a body whose connection is gone.

    After a broken chunk aiohttp closes the connection and tells the request, but not who reads its body by then.
    """

    __slots__ = ("_answer", "_gone", "_timer")

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        content = self._answer.content
        if not content.is_eof():
            self._timer = asyncio.get_running_loop().call_later(_LOOKS, self._look)
            content.on_eof(self._stop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Give up at the second look that finds the connection gone: at the first, its end may just be on its way."""
        connection = self._answer.connection
        transport = None if connection is None else connection.transport
        gone = transport is None or transport.is_closing()
        if gone and self._gone:
            lost = aiohttp.ClientPayloadError("the connection is gone before the body's end")
            self._answer.content.set_exception(lost)
        else:
            self._gone = gone
            self._timer = asyncio.get_running_loop().call_later(_LOOKS, self._look)


class _Unpacking:
    """Unpacks a body in small steps; some releases of aiohttp make one object of all that a chunk holds."""

    __slots__ = ("_bits", "_members", "_stream")

    def __init__(self, encoding: str, first: bytes) -> None:
        """Look at the first byte too: some servers leave out the header that deflate has in HTTP."""
        bare_deflate = encoding == "deflate" and first[0] % 16 != zlib.DEFLATED
        self._bits = -zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS + 32  # which reads both headers
        self._stream = zlib.decompressobj(self._bits)
        self._members = 1

    @property
    def ended(self) -> bool:
        """Whether the end was there."""
        return self._stream.eof

    def parts(self, chunk: bytes) -> Iterator[bytes]:
        """Unpack the next chunk."""
        for start in range(0, len(chunk), _STEP):
            packed = chunk[start : start + _STEP]
            while packed:
                if self._stream.eof:  # another one follows, which gzip allows
                    self._stream = zlib.decompressobj(self._bits)
                    self._members += 1
                try:
                    yield self._stream.decompress(packed)
                except zlib.error as error:
                    raise aiohttp.ClientPayloadError("the packed body is broken") from error
                if self._members > _MOST_MEMBERS:
                    raise aiohttp.ClientPayloadError("the packed body has too many parts")
                packed = self._stream.unused_data


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
    """Return the environment's proxy for an origin, read once: aiohttp's own look-up reads netrc at every request."""
    host = endpoint.host or ""
    if urllib.request.proxy_bypass_environment(host):  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - missing from the stubs
        return None
    proxy = urllib.request.getproxies_environment().get(endpoint.scheme)
    return URL(proxy) if proxy else None
