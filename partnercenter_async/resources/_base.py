"""What all resources do: make a route of ids, a query of filters, and a call of both."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar, cast, overload
from urllib.parse import quote

from partnercenter_async._session.arguments import check_flag, check_text
from partnercenter_async._session.links import climbs
from partnercenter_async._session.session import CallOptions, ListOptions, Session
from partnercenter_async.clouds import ServiceName
from partnercenter_async.paging import LINKS, Listing, Pager, Paging

T = TypeVar("T")
R = TypeVar("R", bound="Resource")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")
_NONE: Mapping[str, Any] = {}


def route(template: str, **ids: str) -> str:
    """Return a path with ids in its places, each as one segment; raises ValueError that names the id."""
    return template.format(**{name: _segment(name, value) for name, value in ids.items()})


def _segment(name: str, value: object) -> str:
    """Percent-encode an id. No encoding of nothing, `.` and `..` survives on its way through URLs."""
    plain = _PLAIN_ID.fullmatch(value) if isinstance(value, str) else None
    if plain is not None:
        return plain[0]  # of an enum's member its text, and not its name
    segment = quote(check_text(name, value), safe="")
    if climbs(segment):
        raise ValueError(f"{name} is {value!r}, which a server may take for a step up in the path")
    return segment


def optional_id(name: str, value: str | None) -> str | None:
    """Return an id that may be left out."""
    return None if value is None else check_text(name, value)


def optional_flag(name: str, value: bool | None) -> bool | None:
    """Return a switch that may be left out."""
    return None if value is None else check_flag(name, value)


def optional_moment(name: str, value: object) -> str | None:
    """Return a date that may be left out, as the service writes dates; without a zone it could be any of several."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{name} must be a datetime with a time zone, not {value!r}")
    return value.isoformat()


def query(filters: Mapping[str, str | bool | int | None]) -> str:
    """Return the filters that are set as a query, names and values encoded; an empty text where none is.

    Raises ValueError for what is no filter: the text of a list, say, would be a filter that nobody meant.
    """
    if not filters:
        return ""
    if not isinstance(cast("object", filters), Mapping):
        raise ValueError(f"query must be a mapping of names and values, not {filters!r}")  # noqa: TRY004
    parts: list[str] = []
    for name, value in filters.items():
        if value is not None:
            parts.append(f"{quote(check_text('query', name), safe='')}={quote(_value(name, value), safe='')}")
    return "?" + "&".join(parts) if parts else ""


def _value(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, int):
        raise ValueError(f"query: {name} must be a text, a whole number, True or False, not {value!r}")  # noqa: TRY004
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


class Resource:
    """A noun's operations, bound to a client's session."""

    def __init__(self, session: Session) -> None:
        """Take the session of a client or of a view."""
        self._session = session

    async def _get(
        self,
        path: str,
        into: type[T],
        options: CallOptions,
        *,
        with_id: bool = True,
        user_only: bool = False,
        service: ServiceName = "api",
    ) -> T:
        """Return what a path names; an answer without an id is not that, unless its kind has none."""
        access, checked = self._session.access(service), self._session.options(options)
        response = await self._session.request(
            access, "GET", access.urls.build(path), into, checked, with_id=with_id, user_only=user_only
        )
        return response.data

    def _list(
        self,
        template: str,
        item: type[T],
        options: ListOptions,
        *,
        ids: Mapping[str, str] = _NONE,
        filters: Mapping[str, str | bool | int | None] = _NONE,
        paging: Paging = LINKS,
        user_only: bool = False,
        link_paths: Sequence[str] = (),
        service: ServiceName = "api",
    ) -> Pager[T]:
        """Return a listing that is paged in one of the forms; ``link_paths`` are templates of the same ids.

        A next link leads to the listing's own path, or to one of ``link_paths``, which the reference shows in links.
        """
        return Pager(
            Listing(
                self._session,
                route(template, **ids) + query(filters),
                item,
                self._session.list_options(options),
                ids=ids,
                link_paths=(template, *link_paths),
                paging=paging,
                user_only=user_only,
                service=service,
            )
        )


class _Bound(Protocol):
    _session: Session


class Noun(Generic[R]):
    """An attribute that holds a noun's operations: ``orders: "Noun[Orders]" = Noun()``.

    They are in the module of the attribute's name, here ``resources.orders``, in the class of that name, ``Orders``. It
    is imported when the attribute is first touched; that is milliseconds of the event loop, once in a process. Each
    client and each view makes its own ``Orders``, once.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, holder: None, owner: type) -> type[R]: ...
    @overload
    def __get__(self, holder: _Bound, owner: type) -> R: ...
    def __get__(self, holder: _Bound | None, owner: type) -> type[R] | R:
        """Return the operations, or their class where the attribute is read of the class that has it."""
        module = import_module(f"partnercenter_async.resources.{self._name}")
        kind = cast("type[R]", getattr(module, self._name.title().replace("_", "")))
        if holder is None:
            return kind
        resource = kind(holder._session)  # noqa: SLF001 - what it shares with its nouns
        vars(holder)[self._name] = resource  # where Python looks before it asks here again
        return resource
