"""Listings, page after page: the walk, its pages, and the text to resume it from."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar, cast
from urllib.parse import unquote_plus

import msgspec

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.decoding import check_kind, count_places
from partnercenter_async._session.links import leads_to
from partnercenter_async._session.response import Response, ResponseInfo
from partnercenter_async._session.session import Options, Session
from partnercenter_async.clouds import ServiceName
from partnercenter_async.errors import CallInfo, LinkError, LinkLoopError, PartnerCenterError
from partnercenter_async.models.common import ODataCollection, ResourceAttributes, ResourceCollection, ResourceLinks

T = TypeVar("T")
_R = TypeVar("_R")

_VERSION = "pc2"
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
    """A resumable position: a listing, by its first page, service and form, and its next page; None after the last."""

    path: str
    next: Cursor | None
    service: ServiceName
    form: str


_Answer: TypeAlias = Response[ResourceCollection[Any]]


class Paging(msgspec.Struct, frozen=True):
    """A form of paging: what a page looks like, and where the next one is.

    The forms are :data:`LINKS`, :data:`HEADER_TOKEN`, :data:`BODY_TOKEN`, :data:`ODATA`, :data:`SINGLE`,
    :class:`TopSkip` and :class:`PageNumber`.
    """

    name: ClassVar[str] = "single"
    envelope: ClassVar[type[ResourceCollection[object]]] = ResourceCollection
    counted: ClassVar[bool] = False  # pages are asked for by number, and the service says nothing of a next one

    def first(self, path: str) -> str:
        """Return where the first page is."""
        return path

    def following(self, _response: _Answer, _cursor: Cursor, _path: str, /) -> Cursor | None:
        """Return where the page behind an answer is; None where it is the last.

        The cursor is where the answer was, the path the listing's own, with its query.
        """
        return None


class _Links(Paging, frozen=True):
    name: ClassVar[str] = "links"

    def following(self, response: _Answer, _cursor: Cursor, _path: str, /) -> Cursor | None:
        links = response.data.links
        link = links.next if links else None
        if link is None or not link.uri:
            return None
        lines = tuple((header.key or "", header.value or "") for header in link.headers)
        return Cursor(link.uri, lines, link.method or "GET")


class _HeaderToken(Paging, frozen=True):
    name: ClassVar[str] = "header-token"

    def following(self, response: _Answer, _cursor: Cursor, path: str, /) -> Cursor | None:
        token = response.info.headers.get(_CONTINUATION_HEADER)
        return Cursor(path, ((_CONTINUATION_HEADER, token),)) if token else None


class _BodyToken(Paging, frozen=True):
    name: ClassVar[str] = "body-token"

    def following(self, response: _Answer, _cursor: Cursor, path: str, /) -> Cursor | None:
        token = response.data.continuation_token
        if not token:
            return None
        uri = path
        if "seekoperation" not in _parameters(uri):
            uri = _with_query(uri, "seekOperation=Next")
        return Cursor(uri, ((_CONTINUATION_HEADER, token),))


class _OData(Paging, frozen=True):
    name: ClassVar[str] = "odata"
    envelope: ClassVar[type[ResourceCollection[object]]] = ODataCollection

    def following(self, response: _Answer, _cursor: Cursor, _path: str, /) -> Cursor | None:
        link = cast("ODataCollection[object]", response.data).next_link
        return Cursor(link) if link else None


class TopSkip(Paging, frozen=True):
    """Pages of at most ``size`` items by the query's ``top`` and ``skip``, up to the first that is empty.

    A service that gives fewer than ``size`` at once is asked on behind those that came.
    """

    size: int

    name: ClassVar[str] = "top-skip"
    counted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a size that can't be; raises ValueError."""
        check_count("size", self.size)

    def first(self, path: str) -> str:
        """Return where the first page is; raises ValueError where the query has one of the names already."""
        return _counted_from(path, {"top": self.size, "skip": 0})

    def following(self, response: _Answer, cursor: Cursor, _path: str, /) -> Cursor | None:
        """Return where the items are behind those that came; None behind an empty page."""
        return _counted_on(cursor, count_places(response.raw, self.envelope))


class PageNumber(Paging, frozen=True):
    """Pages of at most ``size`` items by the query's ``PageSize`` and ``PageNumber``, from 1 to the first empty one."""

    size: int

    name: ClassVar[str] = "page-number"
    counted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a size that can't be; raises ValueError."""
        check_count("size", self.size)

    def first(self, path: str) -> str:
        """Return where the first page is; raises ValueError where the query has one of the names already."""
        return _counted_from(path, {"PageSize": self.size, "PageNumber": 1})

    def following(self, response: _Answer, cursor: Cursor, _path: str, /) -> Cursor | None:
        """Return where the page of the next number is; None behind an empty one."""
        return _counted_on(cursor, min(1, count_places(response.raw, self.envelope)))


LINKS: Final[Paging] = _Links()
"""``links.next`` of a collection says where the next page is and which headers it needs; a page without is the last."""

HEADER_TOKEN: Final[Paging] = _HeaderToken()
"""The response header ``MS-ContinuationToken`` of arrays, or collections, sent back with the same path and query."""

BODY_TOKEN: Final[Paging] = _BodyToken()
"""A collection's ``continuationToken``, sent back as a header with the same query and ``seekOperation=Next``."""

ODATA: Final[Paging] = _OData()
"""``@odata.nextLink`` of an object whose items are in ``value``."""

SINGLE: Final[Paging] = Paging()
"""One page, a collection or an array, with all there is; it is the last whatever it says."""


def check_paging(value: object) -> Paging:
    """Return a form of paging; raises ValueError for what is none."""
    if not isinstance(value, Paging):
        forms = "LINKS, TopSkip(100) or another of partnercenter_async.paging"
        raise ValueError(f"paging must be {forms}, not {value!r}")  # noqa: TRY004 - as for all that is passed
    return value


def _parameters(path: str) -> frozenset[str]:
    """Return the names in a path's query, in lower case."""
    return frozenset(unquote_plus(each.partition("=")[0]).lower() for each in path.partition("?")[2].split("&"))


def _with_query(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


def _counted_from(path: str, parameters: Mapping[str, int]) -> str:
    """Return a path whose query ends in a number that counts pages or items."""
    for name in parameters:
        if name.lower() in _parameters(path):
            raise ValueError(f"query: {name} is set by paging")
    return _with_query(path, "&".join(f"{name}={value}" for name, value in parameters.items()))


def _counted_on(cursor: Cursor, step: int) -> Cursor | None:
    front, mark, number = cursor.uri.rpartition("=")
    return Cursor(f"{front}{mark}{int(number) + step}") if step else None


class Listing(Generic[T]):
    """One listing with its ids and filters: how a page of it is fetched, and where its next one may be."""

    def __init__(
        self,
        session: Session,
        path: str,
        item: type[T],
        options: Options,
        *,
        ids: Mapping[str, str],
        link_paths: Sequence[str],
        paging: Paging = LINKS,
        user_only: bool = False,
        service: ServiceName = "api",
    ) -> None:
        """Take the path with its query, and the kind of the items; raises ValueError for a path that can't be.

        ``link_paths`` are templates of all the paths that the next pages may be at, with ``ids`` in their places.
        """
        self.session = session
        self._access = session.access(service)
        self._urls = self._access.urls
        self._path = path
        self.paging = paging
        self.start = Cursor(paging.first(path))
        self.url = self._urls.build(self.start.uri)
        self.item = item
        kind: Any = item
        self._into: type[ResourceCollection[T]] = _page_of(paging.envelope, kind)
        self._options = options
        self._ids = ids
        self._link_paths = link_paths
        self._user_only = user_only

    def reading(self, item: type[_R]) -> "Listing[_R]":
        """Return the same listing of another kind of items."""
        return Listing(
            self.session,
            self._path,
            item,
            self._options,
            ids=self._ids,
            link_paths=self._link_paths,
            paging=self.paging,
            user_only=self._user_only,
            service=self._access.service,
        )

    async def fetch(
        self, url: str, headers: tuple[tuple[str, str], ...], cursor: Cursor
    ) -> tuple[Response[ResourceCollection[T]], Cursor | None]:
        """Fetch the page that a cursor stands for; also returns where the next one is."""
        response = await self.session.request(
            self._access,
            "GET",
            url,
            self._into,
            self._options,
            link_headers=headers,
            user_only=self._user_only,
        )
        return response, self.paging.following(response, cursor, self._path)

    def follow(self, link: str) -> str:
        """Return the URL that a link leads to; raises ValueError where that is no page of this listing."""
        if link is self.start.uri:
            return self.url
        url = self._urls.build(link)
        path = self._urls.path(url).partition("?")[0]
        if not any(leads_to(path, template, self._ids) for template in self._link_paths):
            raise ValueError("it leads out of its listing")
        return url

    def continuation(self, cursor: Cursor | None) -> str:
        """Write a position down as a text that is opaque, versioned, and refused once it was altered."""
        payload = msgspec.json.encode(_Continuation(self.start.uri, cursor, self._access.service, self.paging.name))
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
        if (found.path, found.service, found.form) != (
            self.start.uri,
            self._access.service,
            self.paging.name,
        ):
            raise ValueError(
                f"continuation is of {found.path.partition('?')[0]} with certain filters, paged as {found.form}; "
                "pass it to the same listing"
            )
        return found.next


@lru_cache(maxsize=256)
def _page_of(envelope: Any, item: Any) -> Any:
    return envelope[item]


class Pager(Generic[T]):
    """All items of a listing, fetched page by page as they are asked for.

    ``async for`` goes through the items and starts over each time. A Pager can't be awaited: ``collect`` and ``first``
    can. An error in the middle carries ``continuation``, from which ``pages`` goes on where the walk broke off.
    """

    def __init__(self, listing: Listing[T]) -> None:
        """Take the listing; resources and the client make Pagers, callers do not."""
        self._listing = listing

    @property
    def paging(self) -> Paging:
        """The form in which the listing is paged."""
        return self._listing.paging

    @property
    def item(self) -> type[T]:
        """What each item is read into."""
        return self._listing.item

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
        Raises ValueError for a continuation of another listing, id or filter, and for one that was altered.
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
            found.extend((await walk.step()).data.items)
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

    __slots__ = ("_empty", "_fetching", "_info", "_last", "_seen", "listing", "position")

    def __init__(self, listing: Listing[T], start: Cursor | None) -> None:
        self.listing = listing
        self.position = start
        self._fetching = False
        self._empty = 0  # pages without an item, in a row
        self._seen: set[bytes] = set()
        self._last = b""  # what tells the page before from others, where pages are counted
        self._info: ResponseInfo | None = None

    async def step(self) -> Response[ResourceCollection[T]]:
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
            page, following = await self.listing.fetch(url, headers, cursor)
            if self.listing.paging.counted:
                self._compare(page.raw, following)
        except PartnerCenterError as error:
            self._locate(error)
            error.continuation = self.listing.continuation(cursor)
            raise
        except StopAsyncIteration as error:  # of on_response; it would pass for the end of the walk
            raise RuntimeError("on_response raised StopAsyncIteration") from error
        finally:
            self._fetching = False
        self._empty = 0 if page.data.items else self._empty + 1
        self.position = following
        self._info = page.info
        if following is not None:
            self._seen.add(_mark(url, headers))
        return page

    def _compare(self, raw: bytes, following: Cursor | None) -> None:
        """Refuse a page that is the one before: a service that does not count would give it for ever."""
        mark = hashlib.blake2b(raw, digest_size=16).digest()
        if mark == self._last and following is not None:
            raise LinkLoopError("the same page came again; the service does not page this listing so")
        self._last = mark

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
            url, last = self.listing.url.partition("?")[0], self._info
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
        page = await self._walk.step()
        continuation = self._walk.listing.continuation(self._walk.position)
        return Page(
            items=page.data.items,
            total_count=page.data.total_count,
            links=page.data.links,
            attributes=page.data.attributes,
            continuation=continuation,
            raw=page.raw,
            info=page.info,
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
            self._items = iter((await self._walk.step()).data.items)


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
                ready.put_nowait((await self._walk.step()).data.items)
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


def _digest(payload: bytes) -> str:
    return hashlib.sha256(_VERSION.encode() + payload).hexdigest()[:16]
