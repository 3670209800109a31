"""A listing's pages on their way into an output: as structs, or as lines of JSON with all that the service sent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
from msgspec import inspect

from partnercenter_async._session.decoding import item_texts
from partnercenter_async.models.common import ResourceCollection
from partnercenter_async.paging import Page, Pager

T = TypeVar("T")


class Batch(msgspec.Struct, Generic[T], frozen=True):
    """Records that are written together: what they say, or their ``lines`` of JSON as the service sent them."""

    items: Sequence[T]
    lines: Sequence[bytes]
    ids: Mapping[str, str]  # customerId, orderId: what the items themselves need not name


class Chunk(msgspec.Struct, Generic[T], frozen=True):
    """What one step of reading an input brought; ``continuation`` reads on behind it."""

    batches: Sequence[Batch[T]]
    continuation: str


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def records(
    raw: bytes, envelope: type[ResourceCollection[object]] = ResourceCollection, *, objects: bool = True
) -> list[bytes]:
    """Return the items of a page's body, an ``envelope`` or a bare array, each without blanks around its parts.

    They are as many as the client's own reading makes items of, in the same order; ``objects`` tells that they are none
    but these. Raises ValueError where the body is no page in UTF-8.
    """
    raw.decode()  # what is not read is not looked at, and one byte that is no UTF-8 would spoil the whole output
    return [msgspec.json.format(item, indent=-1) for item in item_texts(raw, envelope, objects=objects)]


def with_ids(record: bytes, ids: Mapping[str, str]) -> bytes:
    """Return a record with ids as its first members; those that it names itself stay its own."""
    if not record.startswith(b"{"):
        return record
    known = _members.decode(record)
    missing = {name: value for name, value in ids.items() if name not in known}
    if not missing:
        return record
    front = msgspec.json.encode(missing)
    return front if not known else front[:-1] + b"," + record[1:]


class _Unread(msgspec.Struct):
    """A record of which nothing but its text is wanted."""


@lru_cache(maxsize=256)  # an export asks again for each of its customers
def _unread(item: type[object]) -> type[object]:
    """Return what items are read into of which nothing but their texts is wanted: objects, or whatever there is."""
    kind = inspect.type_info(item)
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return _Unread if all(isinstance(each, _OBJECTS) for each in kinds) else msgspec.Raw


_OBJECTS = inspect.StructType | inspect.DataclassType | inspect.DictType | inspect.TypedDictType | inspect.NoneType


async def chunks(
    pager: Pager[T], continuation: str | None, ids: Mapping[str, str], *, texts: bool, named: bool = False
) -> AsyncIterator[Chunk[T]]:
    """Go through a listing's pages, from its start or a continuation, as what is written of them.

    ``ids`` say whose records these are. ``texts`` reads the records' texts and not what they say; ``named`` writes the
    ids into the texts.
    """
    pages = cast("Pager[T]", pager.into(_unread(cast("Any", pager.item)))) if texts else pager
    walk = pages.pages(continuation=continuation)
    with suppress(StopAsyncIteration):
        while True:
            # Nothing of a page is kept while it is written: thirty at a time would be most of the memory.
            yield _chunk(await anext(walk), pages, ids, texts=texts, named=named)


def _chunk(page: Page[T], pages: Pager[T], ids: Mapping[str, str], *, texts: bool, named: bool) -> Chunk[T]:
    lines = records(page.raw, pages.paging.envelope, objects=pages.item is _Unread) if texts else ()
    if named:
        lines = [with_ids(line, ids) for line in lines]
    return Chunk([Batch(() if texts else page.items, lines, ids)], page.continuation)


class _Sent(Protocol):
    """A batch of whatever records."""

    @property
    def lines(self) -> Sequence[bytes]: ...


class NdjsonLines:
    """One JSON value a line, with every field as the service sent it."""

    head = b""

    def encode(self, batch: _Sent, /) -> bytes:
        """Return the batch's lines."""
        return b"".join([line + b"\n" for line in batch.lines])
