"""What every resource is made of: links, attributes, collections."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

# The names that OData gives to parts of a page.
_ODATA = {
    "context": "@odata.context",
    "total_count": "@odata.count",
    "next_link": "@odata.nextLink",
    "items": "value",
}


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", gc=False):
    """The base of all resources: immutable, equal by value, hashable, camelCase on the wire.

    Every field may be missing or null there; a field that a release does not know is ignored here and stays readable in
    the answer's raw body. Fields stand in the order in which the service sends them, in which msgspec looks for them.
    """


class Credentials(Model, frozen=True, kw_only=True):
    """What somebody signs in with, which no table has a column of."""


class KeyValuePair(Model, frozen=True, kw_only=True):
    """A header of a link."""

    key: str | None = None
    value: str | None = None


class Link(Model, frozen=True, kw_only=True):
    """Where to go next, and how."""

    uri: str | None = None
    method: str | None = None
    headers: tuple[KeyValuePair, ...] = ()
    body: str | None = None


class ResourceLinks(Model, frozen=True, kw_only=True):
    """The links of a collection or of a resource that has just its own."""

    self: Link | None = None
    next: Link | None = None
    previous: Link | None = None


class ResourceAttributes(Model, frozen=True, kw_only=True):
    """The kind of a resource and, where the service guards writes, its version."""

    etag: str | None = None
    object_type: str | None = None


class ResourceCollection(Model, Generic[T], frozen=True, kw_only=True):
    """One page of a listing. ``total_count`` counts this page only and is no sign of completeness."""

    total_count: int | None = None
    items: tuple[T, ...] = ()
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None
    continuation_token: str | None = None


class ODataCollection(ResourceCollection[T], Generic[T], frozen=True, kw_only=True, rename=_ODATA.get):
    """One page of a listing as Graph and the partner API send it: its items are in ``value``."""

    context: str | None = None
    total_count: int | None = None
    next_link: str | None = None
    items: tuple[T, ...] = ()
