"""The client: settings, life cycle, and one attribute for each kind of resource."""

import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, cast, overload

from msgspec import structs

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.decoding import check_kind
from partnercenter_async._session.links import template_of
from partnercenter_async._session.pace import Pacing, check_pacing
from partnercenter_async._session.response import Response
from partnercenter_async._session.retry import RetryPolicy
from partnercenter_async._session.session import (
    DEADLINE,
    CallOptions,
    ListOptions,
    ServiceAccess,
    Session,
    Settings,
    Shared,
)
from partnercenter_async._session.throttle import Throttle
from partnercenter_async._session.transport import MAX_BODY, AiohttpTransport, Transport
from partnercenter_async._session.writes import METHODS
from partnercenter_async.clouds import Cloud, ServiceName
from partnercenter_async.errors import Attempt
from partnercenter_async.paging import LINKS, Listing, Pager, Paging, check_paging
from partnercenter_async.resources._base import Noun
from partnercenter_async.resources._base import query as encoded_query

if TYPE_CHECKING:
    import aiohttp
    from azure.core.credentials_async import AsyncTokenCredential

    from partnercenter_async.resources.customers import Customers
    from partnercenter_async.resources.migrations import Migrations
    from partnercenter_async.resources.orders import Orders
    from partnercenter_async.resources.subscriptions import Subscriptions

T = TypeVar("T")


class ViewOptions(TypedDict, total=False):
    """What a view of a client may do otherwise."""

    credential: "AsyncTokenCredential"
    retry: RetryPolicy
    timeout: float
    deadline: float | None
    locale: str | None
    application: str | None
    on_retry: Callable[[Attempt], None] | None
    max_empty_pages: int
    tenant: str | None
    background: bool


class PartnerCenterClient:
    """Calls the Partner Center REST API as one partner.

    One client serves a whole process: any number of tasks of one event loop, at most ``concurrency`` exchanges at once,
    over one pool of connections. It closes what it made, so neither ``credential`` nor a given ``session``.

    The operations on a noun, such as ``client.orders``, are imported with its structs when they are first touched; that
    takes milliseconds once in a process.
    """

    customers: "Noun[Customers]" = Noun()
    migrations: "Noun[Migrations]" = Noun()
    orders: "Noun[Orders]" = Noun()
    subscriptions: "Noun[Subscriptions]" = Noun()

    def __init__(
        self,
        credential: "AsyncTokenCredential",
        *,
        cloud: Cloud | None = None,
        concurrency: int = 32,
        max_body: int = MAX_BODY,
        retry: RetryPolicy | None = None,
        timeout: float = 180.0,
        deadline: float | None = DEADLINE,
        locale: str | None = None,
        application: str | None = None,
        on_retry: Callable[[Attempt], None] | None = None,
        max_empty_pages: int = 1000,
        rate: Pacing = "learned",
        tenant: str | None = None,
        background: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        session: "aiohttp.ClientSession | None" = None,
        transport: Transport | None = None,
    ) -> None:
        """Take a credential and, where the defaults don't do, settings.

        ``cloud`` is the environment's, see :meth:`Cloud.from_environment`. ``max_body`` is the largest body that is
        taken, in bytes after unpacking (64 MiB); reading takes up to twice of it and 1 MiB. ``timeout`` is seconds for
        one attempt, connecting at most 10 of them; ``deadline`` seconds for one call with its waits, None for no limit.
        ``locale`` is the language of descriptions (``X-Locale``), ``application`` a name for the service's traces
        (``MS-PartnerCenter-Application``). ``on_retry`` is called with each failed attempt that is followed by another.
        ``max_empty_pages`` (1,000) is how many pages without an item a listing may have in a row; one more that names a
        next page ends it with LinkLoopError.

        ``rate`` is how fast requests may leave under each of the service's limits ("orders", "migrations.create",
        "migrations.validate" and "other"; "graph" and "partner" for those services): "learned" holds nothing back until
        the first 429 and then keeps to what the service takes; a :class:`Rate` holds for all requests of a partner to a
        service together, a mapping such as :attr:`Rate.DOCUMENTED` for each limit that it names, while the others are
        learned; a :class:`Pace` is asked before each request; None lets all go that no lane holds up. What is declared
        too high is slowed down by 429s.
        ``tenant`` names the partner, whose lanes and pace all calls with the same name share, whatever their
        credential; it is needed only where views call for several partners. Calls with ``background`` let those
        without it go first, as calls of a ``fan_out`` do anyway. docs/pace.md tells more of all three.

        ``ssl_context`` is used for connections to the service, ``transport`` in place of the wire.

        ``session`` is an :class:`aiohttp.ClientSession` of yours to use in place of an own pool of connections. Its
        connector and its proxies are yours too, so one promise is weaker there: an answer that carries another
        request's id is refused as always, but a response that comes unasked and carries no id can't be told apart.

        Raises ValueError that names the setting.
        """
        settings = Settings(
            cloud=Cloud.from_environment() if cloud is None else cloud,
            retry=RetryPolicy() if retry is None else retry,
            timeout=timeout,
            deadline=deadline,
            locale=locale,
            application=application,
            on_retry=on_retry,
            max_empty_pages=max_empty_pages,
            tenant=tenant,
            background=background,
        )
        throttle = Throttle(concurrency, check_pacing(rate))
        if transport is None:
            transport = AiohttpTransport(
                *dict.fromkeys(service.endpoint for service in settings.cloud.services()),
                session=session,
                ssl_context=ssl_context,
                max_body=check_count("max_body", max_body),
            )
        self._session = Session(settings, Shared(transport, throttle), credential)

    def with_options(self, **options: Unpack[ViewOptions]) -> Self:
        """Return a view of this client with other settings; what is not given stays as it is.

        The view shares connections, concurrency, lanes, pace and retries with this client, but for lanes and pace of
        another ``tenant``. Tokens belong to their credential: all views of one credential share them, also those made
        later, so a view for each request costs no sign-in. Closing either closes both.
        """
        for name in options:
            if name not in ViewOptions.__annotations__:
                raise TypeError(f"a view has no option {name!r}; there are {', '.join(ViewOptions.__annotations__)}")
        credential = options.pop("credential", None)
        view = object.__new__(type(self))
        view._session = self._session.view(
            Settings(**(structs.asdict(self._session.settings) | cast("Any", options))), credential
        )
        return view

    @overload
    async def request(
        self,
        method: str,
        path: str,
        into: type[T],
        *,
        query: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        service: ServiceName = "api",
        **options: Unpack[CallOptions],
    ) -> Response[T]: ...
    @overload
    async def request(
        self,
        method: str,
        path: str,
        into: None = None,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        service: ServiceName = "api",
        **options: Unpack[CallOptions],
    ) -> Response[None]: ...
    async def request(
        self,
        method: str,
        path: str,
        into: type[T] | None = None,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        body: object = None,
        service: ServiceName = "api",
        **options: Unpack[CallOptions],
    ) -> Response[T] | Response[None]:
        """Call any endpoint and return its answer, decoded into a type, with the raw body, headers and ids.

        ``path`` has its ids encoded (``urllib.parse.quote(id, safe="")``). Of the API it begins behind ``v1``, or with
        one of its other prefixes (``webhooks/v1``, ``partner/v1``, ``auditactivity/v1``); of the services "graph",
        Microsoft Graph, and "partner", api.partner.microsoft.com, with a version (``v1.0/...``). An absolute URL of the
        service's origin is taken, too. Each service has tokens of its own, which go to its origin or nowhere.

        ``into`` is what msgspec can decode, ``object`` and ``dict[str, object]`` too, or None where the body does not
        matter. ``body`` is sent as JSON: a struct (its unset fields are left out), a dict, a list. ``If-Match`` among
        ``headers`` takes an etag as resources show it, ``order.attributes.etag`` say: it is sent in the quotes that the
        header wants, unless it ends in one; ``*`` is sent as it is.

        An answer with ``code`` and ``description`` and, but for links and attributes, nothing of the type is the
        service's error, whatever its status: then StatusError is raised, for None too. A type that has a ``code`` of
        its own is given such answers. Graph's error, which is ``code`` and ``message`` within an ``error`` that nothing
        stands beside, is raised so too, unless the type has an ``error`` of its own.

        GET, HEAD, PUT and DELETE are retried. POST and PATCH are not where they may have been done: then
        OutcomeUnknownError tells the request id under which the service recognises a repetition, see
        :class:`RetryPolicy`. Raises ValueError for a method or path that can't be and for a service that the cloud does
        not have, and TypeError for a type that msgspec can't read, before anything is sent.
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(sorted(METHODS))}, not {method!r}")
        access = self._session.access(service)
        url = _url(access, path, query)
        if into is not None:
            check_kind(cast("Any", into))
        checked = self._session.options(options)
        if into is None:
            return await self._session.request(access, method, url, None, checked, body=body)
        return await self._session.request(access, method, url, into, checked, body=body)

    def list(
        self,
        path: str,
        item: type[T],
        *,
        query: Mapping[str, str | int | bool] | None = None,
        paging: Paging = LINKS,
        link_paths: Sequence[str] = (),
        service: ServiceName = "api",
        **options: Unpack[ListOptions],
    ) -> Pager[T]:
        """Give what any endpoint lists, page after page, each item decoded into a type.

        ``path``, ``item`` and ``service`` are as in :meth:`request`. ``paging`` is the form in which the endpoint does
        it, one of :mod:`partnercenter_async.paging`; the endpoint's documentation tells which. Next links lead to the
        same path, or to one of ``link_paths``, else they are a LinkError. Letter case does not matter there in GUIDs
        and in words that are no ids, which is any but behind a plural: in ``customers/contoso/orders`` ``contoso`` may
        be one.

        Raises ValueError for a path that can't be, for what is no form of paging, for parameters that are set by it,
        and for values of a query that are no texts, whole numbers or switches; TypeError for a type that msgspec can't
        read.
        """
        check_kind(cast("Any", item))
        check_paging(paging)
        if isinstance(link_paths, str) or not isinstance(cast("object", link_paths), Iterable):
            raise ValueError(f"link_paths must be several paths, not {link_paths!r}")  # noqa: TRY004
        access = self._session.access(service)
        own = _path(access, path, query)
        paths = [own.partition("?")[0]]
        for each in link_paths:
            try:
                paths.append(_path(access, each))
            except ValueError as error:
                raise ValueError(f"link_paths: {error}") from None
            if "?" in each:
                raise ValueError(f"link_paths: path {each!r} is refused: it has a query")
        ids: dict[str, str] = {}
        return Pager(
            Listing(
                self._session,
                own,
                item,
                self._session.list_options(options),
                ids=ids,
                link_paths=[template_of(each, ids) for each in paths],
                paging=paging,
                service=service,
            )
        )

    async def close(self) -> None:
        """End all calls under way with ClientClosedError and close the connections; the credential stays open."""
        await self._session.shared.close()

    async def __aenter__(self) -> Self:
        """Return the client; connections are made when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the client."""
        await self.close()

    def __repr__(self) -> str:
        """Show where the client talks to."""
        return f"{type(self).__name__}({self._session.settings.cloud.api.endpoint})"


def _path(access: ServiceAccess, path: str, query: Mapping[str, str | int | bool] | None = None) -> str:
    """Return a caller's path as it stands behind the prefix, with its query; raises ValueError as below."""
    return access.urls.path(_url(access, path, query))


def _url(access: ServiceAccess, path: str, query: Mapping[str, str | int | bool] | None) -> str:
    """Return the URL of a caller's path with its query; raises ValueError for one that can't be."""
    if not isinstance(cast("object", path), str):
        raise ValueError(f"path must be a text, not {path!r}")  # noqa: TRY004 - as for all that is passed
    if query:
        path += encoded_query(query).replace("?", "&" if "?" in path else "?", 1)
    try:
        return access.urls.build(path)
    except ValueError as error:
        raise ValueError(f"path {path!r} is refused: {error}") from None
