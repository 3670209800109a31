"""Listings, page after page: the walk, its pages, and the text to resume it from."""

import asyncio
import base64
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

import msgspec

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.decoding import check_kind
from partnercenter_async._session.links import leads_to
from partnercenter_async._session.response import Response, ResponseInfo
from partnercenter_async._session.session import Options, Session
from partnercenter_async.clouds import ServiceName
from partnercenter_async.errors import CallInfo, LinkError, LinkLoopError, PartnerCenterError
from partnercenter_async.models.common import Link, ResourceAttributes, ResourceCollection, ResourceLinks

T = TypeVar("T")
_R = TypeVar("_R")

_VERSION = "pc1"
_ONE_READER = "a walk has one reader; give each its own `async for`, or hand the items out"
_CONTINUATION_HEADER = "MS-ContinuationToken"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What a link may not set: the token, whom it goes to, how the message is framed, the ids of the request, which part of
# the answer comes and how it is packed, and what makes another request of it on its way.
_FORBIDDEN = frozenset(
    [
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "if-range",
        "keep-alive",
        "ms-correlationid",
        "ms-requestid",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-real-ip",
        "x-rewrite-url",
    ]
)
_FORBIDDEN_FAMILIES = "proxy-", "x-forwarded-", "x-original-"


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a listing.

    ``continuation`` resumes behind this page, also after the last one, where it yields nothing. ``total_count`` is what
    the service says of this page alone. ``raw`` is the body as it came.
    """

    items: tuple[T, ...]
    total_count: int | None
    links: ResourceLinks | None
    attributes: ResourceAttributes | None
    continuation: str
    raw: bytes
    info: ResponseInfo


class Cursor(msgspec.Struct, frozen=True):
    """Where the next page is, as the service said it; nothing of it is checked before it is followed."""

    uri: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"


class _Continuation(msgspec.Struct, frozen=True):
    """A resumable position: which listing, and its next page; None after the last."""

    operation: str
    path: str
    next: Cursor | None
    service: ServiceName = "api"


class Listing(ABC, Generic[T]):
    """One listing with its ids and filters: how a page of it is fetched and where the next one is."""

    def __init__(
        self,
        session: Session,
        operation: str,
        path: str,
        options: Options,
        *,
        ids: Mapping[str, str],
        link_paths: Sequence[str],
        user_only: bool = False,
        service: ServiceName = "api",
    ) -> None:
        """Take the path of the first page with its query; the operation's name stands in continuations.

        ``link_paths`` are templates of all the paths that the next pages may be at, with ``ids`` in their places.
        """
        self.session = session
        self.path = path
        self.start = Cursor(path)
        self._operation = operation
        self._options = options
        self._ids = ids
        self._link_paths = link_paths
        self._user_only = user_only
        self._service: ServiceName = service
        self.urls = session.urls(service)

    @abstractmethod
    def reading(self, item: type[_R]) -> "Listing[_R]":
        """Return the same listing of another kind of items."""

    @abstractmethod
    async def fetch(
        self, url: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[ResourceCollection[T], Cursor | None, bytes, ResponseInfo]:
        """Fetch a page; also returns where the next one is, the raw body and how it came."""

    def _get(self, url: str, headers: tuple[tuple[str, str], ...], into: type[_R]) -> Awaitable[Response[_R]]:
        return self.session.request(
            "GET",
            url,
            into,
            self._options,
            link_headers=headers,
            user_only=self._user_only,
            service=self._service,
        )

    def follow(self, link: str) -> str:
        """Return the URL that a link leads to; raises ValueError where that is no page of this listing."""
        url = self.urls.build(link)
        if link is self.path:
            return url  # the first page's
        path = self.urls.path(url).partition("?")[0]
        if not any(leads_to(path, template, self._ids) for template in self._link_paths):
            raise ValueError("it leads out of its listing")
        return url

    def continuation(self, cursor: Cursor | None) -> str:
        """Write a position down as a text that is opaque, versioned, and refused once it was altered."""
        payload = msgspec.json.encode(_Continuation(self._operation, self.path, cursor, self._service))
        return f"{_VERSION}.{base64.urlsafe_b64encode(payload).decode()}.{_digest(payload)}"

    def resume(self, continuation: str) -> Cursor | None:
        """Return the position that a text stands for; raises ValueError where it isn't one of this listing's."""
        try:
            version, text, digest = continuation.split(".")
            payload = base64.b64decode(text, altchars=b"-_", validate=True)
            known = version == _VERSION and digest == _digest(payload)
            found = msgspec.json.decode(payload, type=_Continuation) if known else None
        except (AttributeError, TypeError, ValueError):
            found = None
        if found is None:
            raise ValueError("continuation was altered or is not one of ours; pass page.continuation as it is")
        if (found.operation, found.path, found.service) != (self._operation, self.path, self._service):
            raise ValueError(
                f"continuation is of {found.operation} with certain ids and filters; pass it to the same listing"
            )
        return found.next


class LinkedListing(Listing[T]):
    """A listing whose pages name the next one in ``links.next``."""

    def __init__(
        self,
        session: Session,
        operation: str,
        path: str,
        item: type[T],
        options: Options,
        *,
        ids: Mapping[str, str],
        link_paths: Sequence[str],
        user_only: bool = False,
        service: ServiceName = "api",
    ) -> None:
        """Take also the kind of the items."""
        super().__init__(
            session, operation, path, options, ids=ids, link_paths=link_paths, user_only=user_only, service=service
        )
        self._into: type[ResourceCollection[T]] = _collection_of(cast("Any", item))

    def reading(self, item: type[_R]) -> "LinkedListing[_R]":
        """Return the same listing of another kind of items."""
        return LinkedListing(
            self.session,
            self._operation,
            self.path,
            item,
            self._options,
            ids=self._ids,
            link_paths=self._link_paths,
            user_only=self._user_only,
            service=self._service,
        )

    async def fetch(
        self, url: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[ResourceCollection[T], Cursor | None, bytes, ResponseInfo]:
        """Fetch a page; no link, or one without a uri, ends the walk."""
        response = await self._get(url, headers, self._into)
        link = response.data.links.next if response.data.links else None
        cursor = _cursor(link) if link is not None and link.uri else None
        return response.data, cursor, response.raw, response.info


@lru_cache(maxsize=256)
def _collection_of(item: Any) -> Any:
    return ResourceCollection[item]


class ArrayListing(Listing[T]):
    """A listing of bare arrays or collections, whose next page needs a token from a response header."""

    def __init__(
        self,
        session: Session,
        operation: str,
        path: str,
        item: type[T],
        options: Options,
        *,
        ids: Mapping[str, str],
        link_paths: Sequence[str],
    ) -> None:
        """Take also the kind of the items."""
        super().__init__(session, operation, path, options, ids=ids, link_paths=link_paths)
        self._into: type[ResourceCollection[T]] = _collection_of(cast("Any", item))

    def reading(self, item: type[_R]) -> "ArrayListing[_R]":
        """Return the same listing of another kind of items."""
        return ArrayListing(
            self.session, self._operation, self.path, item, self._options, ids=self._ids, link_paths=self._link_paths
        )

    async def fetch(
        self, url: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[ResourceCollection[T], Cursor | None, bytes, ResponseInfo]:
        """Fetch a page; the same query goes out again with the token in a header of the same name."""
        response = await self._get(url, headers, self._into)
        token = response.info.headers.get(_CONTINUATION_HEADER)
        cursor = Cursor(self.path, ((_CONTINUATION_HEADER, token),)) if token else None
        return response.data, cursor, response.raw, response.info


class Pager(Generic[T]):
    """All items of a listing, fetched page by page as they are asked for.

    ``async for`` goes through the items and starts over each time. A Pager can't be awaited: ``collect`` and ``first``
    can. An error in the middle carries ``continuation``, from which ``pages`` goes on where the walk broke off.
    """

    def __init__(self, listing: Listing[T]) -> None:
        """Take the listing; resources make Pagers, callers do not."""
        self._listing = listing

    def __aiter__(self) -> AsyncIterator[T]:
        """Go through the items of all pages in their order."""
        return _Items(_Walk(self._listing, self._listing.start))

    def into(self, item: type[_R]) -> "Pager[_R]":
        """Return the same listing with its items read into a type of your own.

        A struct with a few of the fields (``class Head(msgspec.Struct, rename="camel")``) is read in a fraction of the
        time that all of them take; the rest stays in a page's ``raw``. Money is exact as ``Decimal``, dates are as
        :data:`Timestamp`. What is odd is read as tolerantly as the full models are, unless the struct holds a kind that
        none of those has, such as float. Continuations fit either. Raises TypeError for what msgspec can't read.
        """
        check_kind(cast("Any", item))
        return Pager(self._listing.reading(item))

    def pages(self, *, continuation: str | None = None) -> AsyncIterator[Page[T]]:
        """Go through the pages, from the start or from a page's or an error's continuation.

        What this returns has one reader: another that asks while a page is fetched gets RuntimeError, and no page.
        Raises ValueError for a continuation of another operation, id or filter, and for one that was altered.
        """
        start = self._listing.start if continuation is None else self._listing.resume(continuation)
        return _Pages(_Walk(self._listing, start))

    async def collect(self, *, limit: int | None = None) -> list[T]:
        """Return all items, or the first ``limit`` of them, as a list; pages beyond the limit are not fetched."""
        if limit is not None:
            check_count("limit", limit, least=0)
        found: list[T] = []
        if limit == 0:
            return found
        walk = _Walk(self._listing, self._listing.start)
        while walk.position is not None:
            found.extend((await walk.step())[0].items)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def read_ahead(self, pages: int = 1) -> "ReadAhead[T]":
        """Return a context manager whose value goes through the items while the next pages are on their way.

        ``async with client.orders.list(customer_id).read_ahead() as orders:`` and then ``async for order in orders:``.
        At most ``pages`` pages are on their way or held ready, behind the one whose items the caller works on; the end
        of the ``async with`` block ends the fetching. An error comes behind all items before it, with its
        ``continuation``. Raises ValueError for less than one page.
        """
        return ReadAhead(_Walk(self._listing, self._listing.start), check_count("pages", pages))

    async def first(self) -> T | None:
        """Return the first item, None where the listing is empty."""
        async for item in self:
            return item
        return None


class _Walk(Generic[T]):
    """The way through the pages. Between two it holds its position and nothing else, so dropping it leaves nothing."""

    __slots__ = ("_empty", "_fetching", "_info", "_seen", "listing", "position")

    def __init__(self, listing: Listing[T], start: Cursor | None) -> None:
        self.listing = listing
        self.position = start
        self._fetching = False
        self._empty = 0  # pages without an item, in a row
        self._seen: set[bytes] = set()
        self._info: ResponseInfo | None = None

    async def step(self) -> tuple[ResourceCollection[T], bytes, ResponseInfo]:
        """Fetch the next page and move behind it; raises StopAsyncIteration where there is none.

        Raises RuntimeError while another reader of this walk fetches it.
        """
        if self._fetching:
            raise RuntimeError(_ONE_READER)
        cursor = self.position
        if cursor is None:
            raise StopAsyncIteration
        self._fetching = True
        try:
            url, headers = self._follow(cursor)
            envelope, following, raw, info = await self.listing.fetch(url, headers)
        except PartnerCenterError as error:
            self._locate(error)
            error.continuation = self.listing.continuation(cursor)
            raise
        finally:
            self._fetching = False
        self._empty = 0 if envelope.items else self._empty + 1
        self.position = following
        self._info = info
        if following is not None:
            self._seen.add(_mark(url, headers))
        return envelope, raw, info

    def _follow(self, cursor: Cursor) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the URL and headers of a next page; raises LinkError where they must not be used."""
        if cursor.method.upper() != "GET":
            raise LinkError(f"the next link wants to {cursor.method[:20]!r}; only GET is followed")
        for name, value in cursor.headers:
            lower = name.lower().replace("_", "-")  # many servers take the one for the other
            if not _HEADER_NAME.fullmatch(name) or _UNSAFE_VALUE.search(value):
                raise LinkError(f"the next link's header {name[:40]!r} can't be sent")
            if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_FAMILIES):
                raise LinkError(f"the next link sets the header {name}, which no link may")
        try:
            url = self.listing.follow(cursor.uri)
        except ValueError as error:
            raise LinkError(f"the next link is not followed: {error}") from None
        if self._seen and _mark(url, cursor.headers) in self._seen:
            raise LinkLoopError("the next link was followed before; the walk would never end")
        if self._empty and self._empty > self.listing.session.settings.max_empty_pages:
            raise LinkLoopError(f"{self._empty} pages in a row held nothing; the walk might never end")
        return url, cursor.headers

    def _locate(self, error: PartnerCenterError) -> None:
        """Name the page whose link was refused, in an error that no request of its own has filled."""
        if error.call is None:
            url, last = self.listing.urls.build(self.listing.path).partition("?")[0], self._info
            if last is None:
                error.call = CallInfo("GET", url)
            else:
                error.call = CallInfo("GET", url, last.request_id, last.correlation_id)
                error.status = last.status


class _Pages(AsyncIterator[Page[T]]):
    """The pages of a walk, one by one."""

    def __init__(self, walk: _Walk[T]) -> None:
        self._walk = walk

    async def __anext__(self) -> Page[T]:
        envelope, raw, info = await self._walk.step()
        continuation = self._walk.listing.continuation(self._walk.position)
        return Page(
            items=envelope.items,
            total_count=envelope.total_count,
            links=envelope.links,
            attributes=envelope.attributes,
            continuation=continuation,
            raw=raw,
            info=info,
        )


class _Items(AsyncIterator[T]):
    """The items of a walk, one by one."""

    def __init__(self, walk: _Walk[T]) -> None:
        self._walk = walk
        self._items: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while True:
            for item in self._items:
                return item
            # An empty page does not end the walk.
            self._items = iter((await self._walk.step())[0].items)


class ReadAhead(Generic[T]):
    """A walk that fetches while its caller works, for the time of an ``async with`` block."""

    def __init__(self, walk: _Walk[T], pages: int) -> None:
        """Take the walk; Pagers make these."""
        self._walk = walk
        self._room = asyncio.Semaphore(pages)
        self._ready: asyncio.Queue[tuple[T, ...] | None] = asyncio.Queue()
        self._fetching: asyncio.Task[None] | None = None
        self.ended = False

    async def __aenter__(self) -> AsyncIterator[T]:
        """Begin to fetch; the iterator is good for one pass and one reader, within the block."""
        if self._fetching is not None:
            raise RuntimeError("a read_ahead() is for one block; call it again for another")
        self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        self._fetching.add_done_callback(_heard)
        return _ItemsAhead(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the fetching, and drop what was fetched and not used."""
        self.ended = True
        self._ready = asyncio.Queue()
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    async def _fetch(self) -> None:
        ready = self._ready
        try:
            while self._walk.position is not None and not self.ended:
                await self._room.acquire()
                ready.put_nowait((await self._walk.step())[0].items)
        finally:
            ready.put_nowait(None)

    async def take(self) -> tuple[T, ...]:
        """Return the next page's items; raises StopAsyncIteration behind the last, or what ended the fetching."""
        items = await self._ready.get()
        if items is not None:
            return items
        self._ready.put_nowait(None)
        await cast("asyncio.Task[None]", self._fetching)
        raise StopAsyncIteration

    async def send_next(self) -> None:
        """Let another request leave: a caller that computes would keep the loop from sending it."""
        self._room.release()
        await asyncio.sleep(0)


class _ItemsAhead(AsyncIterator[T]):
    """The items of a walk that reads ahead, one by one."""

    def __init__(self, pages: ReadAhead[T]) -> None:
        self._pages = pages
        self._items: Iterator[T] = iter(())
        self._taking = False

    async def __anext__(self) -> T:
        while True:
            if self._pages.ended:
                raise RuntimeError("the read_ahead() block has ended; read within it")
            for item in self._items:
                return item
            if self._taking:
                raise RuntimeError(_ONE_READER)
            self._taking = True
            try:
                self._items = iter(await self._pages.take())
                await self._pages.send_next()
            finally:
                self._taking = False


def _heard(fetching: asyncio.Task[None]) -> None:
    """Take note of an error that nobody may be left to wait for."""
    if not fetching.cancelled():
        fetching.exception()


def _mark(url: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Return what tells a page that was fetched from others, in little memory."""
    return hashlib.blake2b(repr((url, headers)).encode(), digest_size=16).digest()


def _cursor(link: Link) -> Cursor:
    headers = tuple((header.key or "", header.value or "") for header in link.headers)
    return Cursor(link.uri or "", headers, link.method or "GET")


def _digest(payload: bytes) -> str:
    return hashlib.sha256(_VERSION.encode() + payload).hexdigest()[:16]
