"""From bytes to structs: a fast look, and a tolerant second one only where the first failed.

Both read scalars with the parsers of ``models.scalars``, so a value reads the same either way. A page of a collection
has a reading of its own, for a page that is none, or whose names are spelt otherwise, must never pass for an empty one.
"""

import contextlib
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, TypeAlias, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import inspect, structs

from partnercenter_async.errors import DecodeError, excerpt
from partnercenter_async.models.common import (
    KeyValuePair,
    Link,
    ODataCollection,
    ResourceAttributes,
    ResourceCollection,
    ResourceLinks,
)
from partnercenter_async.models.errors import ApiError
from partnercenter_async.models.scalars import FrozenObject, OpenEnum, Timestamp, freeze, parse_timestamp

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}(?:\.0*)?")
_PLACE = re.compile(r" - at `(\$.*)`$")  # at the end of a message of msgspec's
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_LARGEST_EXPONENT = 400  # of a whole number; a few letters of JSON could ask for gigabytes of digits otherwise
_LARGEST_NUMBER = 10**_LARGEST_EXPONENT
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
_BLANKS = b" \t\r\n"
LARGE = 1 << 22  # bytes: what is longer keeps the event loop waiting noticeably while it is decoded
_SMALL = 65_536  # bytes: a body up to here is searched faster than it is read
_NOTHING = (msgspec.Raw(b"null"), msgspec.Raw(b'""'))  # what stands in place of what is not there
_FEW = 4  # items, which are compared faster as a whole
_NO_ITEM = object()
# Names by what they are without regard to letter case: of pages, and of a page's links and attributes.
_PAGES: Mapping[type, Mapping[str, str]] = {
    kind: {name.lower(): name for name in kind.__struct_encode_fields__}
    for kind in (ResourceCollection, ODataCollection)
}
_INNER = {
    name.lower(): name
    for kind in (ResourceLinks, Link, KeyValuePair, ResourceAttributes)
    for name in kind.__struct_encode_fields__
}
_ERROR = {name.lower(): name for name in ApiError.__struct_encode_fields__}
_FRAME = frozenset({"links", "attributes"})  # of whatever resource, and so a sign of none


def decode(body: bytes, into: type[T]) -> T:
    """Return a JSON body as ``into``; raises DecodeError."""
    try:
        found: T = _decode(body.removeprefix(_BOM), into)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        text = str(error)
        what = f"{excerpt(text)}, in a body that begins: {excerpt(body)}" if body.strip() else "it is empty"
        place = _PLACE.search(text)
        made = DecodeError(f"the body is not the JSON that was expected: {what}", path=place[1] if place else "$")
    except _UnreadableError as error:
        path = "$" + "".join(reversed(error.path))
        made = DecodeError(f"the body is not the JSON that was expected: {error}, at {excerpt(path)}", path=path)
    else:
        return found
    made.body = body
    raise made


def slices(body: bytes, into: type[T], size: int = 1 << 19) -> Generator[None, None, T | None]:
    """Decode a large listing, with a pause after each slice of so many bytes; returns what :func:`decode` does.

    Returns None where :func:`decode` has to be asked: for a body that can't be read, or only as a whole.
    """
    try:
        found = yield from _slices(body.removeprefix(_BOM), into, size)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, _UnreadableError):
        return None
    return cast("T | None", found)


def _slices(body: bytes, into: Any, size: int) -> Generator[None, None, object]:
    pages = _pages(into)
    if pages is not None:
        return (yield from pages.in_slices(body, size))
    if get_origin(into) is not tuple or get_args(into)[1:] != (...,):
        return None
    texts = _texts.decode(body)
    yield
    items, odd = yield from _items_in_slices(texts, get_args(into)[0], size, _NO_ITEM)
    # The second look, which one odd item leads to, drops each that is null.
    return tuple([each for each in items if each is not None] if odd else items)


def _items_in_slices(
    texts: Iterable[msgspec.Raw], item: type, size: int, blank: object
) -> Generator[None, None, tuple[list[object], bool]]:
    """Read items, and tell whether one is odd: the second look would read all others too, with the same result.

    Raises ValidationError for an item that is ``blank`` because its names are spelt otherwise.
    """
    read, found, done, odd = _decoder(item).decode, list[object](), 0, False
    for text in texts:
        try:
            found.append(read(text))
        except msgspec.ValidationError:
            again = _reader(item)
            if again is None:
                raise
            found.append(again(_untyped.decode(text)))
            odd = True
        if found[-1] == blank and _is_misspelt(_unwrapped(bytes(text)), item):
            raise msgspec.ValidationError("its names are in another letter case")
        done += len(text)
        if done >= size:
            done = 0
            yield
    return found, odd


@lru_cache(maxsize=256)  # a job asks again for each of its customers
def check_kind(kind: type) -> None:
    """Raise TypeError for a type that nothing can be decoded into."""
    try:
        unknown = _unknown_in(inspect.type_info(kind), set())
        if unknown is not None:
            raise TypeError(f"it holds {unknown.__name__}; pass a struct or a dict type")
        msgspec.json.Decoder(kind, dec_hook=_hook)
    except TypeError as error:
        raise TypeError(f"{getattr(kind, '__name__', kind)} is nothing that msgspec can read: {error}") from None


def _unknown_in(kind: inspect.Type, seen: set[object]) -> type | None:
    """Return a type within another that only code of its own could read; None where there is none."""
    if isinstance(kind, inspect.CustomType):
        return None if kind.cls in (Timestamp, FrozenObject, object) else kind.cls
    if getattr(kind, "cls", None) in seen:
        return None  # a struct that holds itself
    seen.add(getattr(kind, "cls", kind.__class__))
    inner: list[inspect.Type | None] = [each.type for each in getattr(kind, "fields", ())]
    inner.extend(getattr(kind, name, None) for name in ("item_type", "key_type", "value_type"))
    inner.extend([*getattr(kind, "types", ()), *getattr(kind, "item_types", ())])
    found = (_unknown_in(each, seen) for each in inner if each is not None)
    return next((each for each in found if each is not None), None)


def error_in(body: bytes, into: type | None) -> ApiError | None:
    """Return the error that a body holds in place of ``into``; None where it is of that type, or no error.

    An error is an object with ``code`` and ``description``, in any letter case, that has no member of the type but for
    links and attributes, which all resources have. A type that has a ``code`` of its own is believed to mean it. Of a
    type that takes any object an error has members of errors alone; where nothing is wanted, every object with these
    two is one.

    Graph's errors are an object with ``code`` and ``message`` as ``error``, and nothing else. A type that has an
    ``error`` of its own is believed to mean it.
    """
    if not _OBJECT.match(body):
        return None
    if len(body) <= _SMALL:
        lower = body.lower()
        if b'"code"' not in lower or (b'"description"' not in lower and b'"error"' not in lower):
            return None
    try:
        members = _members.decode(body.removeprefix(_BOM))
        told = _respelt_members(members, _ERROR)
        names = {name.lower() for name, value in members.items() if value not in _NOTHING}
        inner = names == {"error"} and "error" not in (_lower_names(into) or ())
        if inner:
            told = _respelt_members(_members.decode(told["error"]), _ERROR)
        if ("message" if inner else "description") not in told or told.get("code", _NOTHING[0]) in _NOTHING:
            return None
        error = cast("ApiError", _decode(msgspec.json.encode(told), ApiError))
        if inner:
            return ApiError(error=error)
        own = _names_of(into)
        return error if (names.isdisjoint(own) if own is not None else names <= _ERROR.keys()) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _UnreadableError):
        return None


@lru_cache(maxsize=256)
def _names_of(into: type | None) -> frozenset[str] | None:
    """Return the lower names of the members by which a body shows that it is of a type; None where any name does."""
    if into is None:
        return frozenset()
    own = _lower_names(into)
    # The code of an error is no sign of a type that has none, nor is what else stands beside it.
    return own if own is None or "code" in own else own - _ERROR.keys() - _FRAME


@lru_cache(maxsize=256)
def _lower_names(kind: Any) -> frozenset[str] | None:
    """Return the lower names of the members that a type has; None where it takes any."""
    return _member_names(inspect.type_info(kind))


def _member_names(kind: inspect.Type) -> frozenset[str] | None:
    if isinstance(kind, inspect.UnionType):
        found = [_member_names(each) for each in kind.types]
        known = [each for each in found if each is not None]
        return frozenset[str]().union(*known) if len(known) == len(found) else None
    if isinstance(kind, inspect.AnyType | inspect.DictType | inspect.CustomType):
        return None
    fields: Iterable[inspect.Field] = getattr(kind, "fields", ())  # of structs, dataclasses and typed dicts
    tag = getattr(kind, "tag_field", None)
    return frozenset([each.encode_name.lower() for each in fields] + ([tag.lower()] if tag else []))


def item_texts(
    body: bytes, envelope: type[ResourceCollection[object]] = ResourceCollection, *, objects: bool = True
) -> list[bytes]:
    """Return the texts of a page's items, those alone that :func:`decode` makes an item of.

    As in decoding, what is missing, null or ``""`` in place of the array holds nothing, and so does null in place of an
    item. Where items are ``objects``, ``""`` does too, and an item in an array of its own is that item; any other is
    what it is.
    """
    texts = _elements(body, envelope)
    return _held_texts(texts) if objects else [text for text in map(bytes, texts) if text != b"null"]


def count_places(body: bytes, envelope: type[ResourceCollection[object]]) -> int:
    """Return how many items the service counts in a page, those too that hold nothing."""
    return len(_elements(body, envelope))


def _elements(body: bytes, envelope: type[ResourceCollection[object]]) -> Sequence[msgspec.Raw]:
    items: msgspec.Raw | bytes = body.removeprefix(_BOM).lstrip(_BLANKS)
    if not items.startswith(b"["):
        items = _respelt_members(_members.decode(items), _PAGES[envelope]).get(_items_name(envelope), _NOTHING[0])
    return () if items in _NOTHING else _texts.decode(items)


def _held_texts(elements: Iterable[msgspec.Raw]) -> list[bytes]:
    texts = (_unwrapped(bytes(text)) for text in elements)
    return [text for text in texts if text not in (b"null", b'""', b"[]")]


def _items_name(envelope: type[msgspec.Struct]) -> str:
    return envelope.__struct_encode_fields__[envelope.__struct_fields__.index("items")]


def _unwrapped(item: bytes) -> bytes:
    """Return the only one of an array, or what else an item is."""
    inner = _texts.decode(item) if item.startswith(b"[") else ()
    return bytes(inner[0]) if len(inner) == 1 else b"[]" if item.startswith(b"[") and not inner else item


def _decode(body: bytes, into: type) -> Any:
    known = _ways.get(id(into))
    if known is None or known[0] is not into:
        if len(_ways) >= _MOST_WAYS:
            _ways.clear()
        pages = _pages(into)
        plain = partial(_decode_plain, into=into, blank=_blank_of(into))
        known = _ways[id(into)] = (into, plain if pages is None else pages.read)
    return known[1](body)


# How each type is read, by its identity: to hash one such as ResourceCollection[Order] takes longer than a small body.
_ways: dict[int, tuple[type, Callable[[bytes], Any]]] = {}
_MOST_WAYS = 256


def _decode_plain(body: bytes, into: type, blank: object) -> Any:
    found = _read(body, into)
    # A type made of pages, such as a subclass, is read as any struct is; it has to be a page all the same.
    if issubclass(type(found), ResourceCollection):
        page = cast("ResourceCollection[object]", found)
        kind: Any = ODataCollection if issubclass(type(found), ODataCollection) else ResourceCollection
        name = _items_name(kind)
        if name == _items_name(type(page)) and not page.items and cast("_Pages", _pages(kind[Any])).read(body).items:
            raise msgspec.ValidationError(f"it has items that this type does not take - at `$.{name}`")
    elif found == blank and _is_misspelt(_unwrapped(body.strip(_BLANKS)), into):
        return _read(cast("bytes", _respelt_items(body, into)), into)
    return found


def _read(body: bytes | msgspec.Raw, into: type) -> object:
    try:
        return _decoder(into).decode(body)
    except msgspec.ValidationError:
        reader = _reader(into)
        if reader is None:
            raise
        value = reader(_untyped.decode(body))
        if value is None:
            raise
        return value


class _Pages:
    """Reads pages of items of one type.

    The fast look knows every name of a page and takes no other, so what is named otherwise is looked at again rather
    than passed over. A page without items is looked at again, too: it has to say that it holds nothing. So is one whose
    attributes do not say what it is: they may be spelt otherwise. And so is one with an item of which nothing was read
    because its names are spelt otherwise: then the names in all items are taken in any letter case.
    """

    _MOST_NEW = 16
    _NEW = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
    _PARTS: Mapping[str, Any] = {
        "total_count": int | None,
        "links": msgspec.Raw,
        "attributes": ResourceAttributes | None,
        "continuation_token": str | None,
        "context": str | None,
        "next_link": str | None,
    }

    def __init__(self, kind: type[ResourceCollection[Any]], item: Any) -> None:
        self.item = item
        self._kind = kind
        self._names = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
        self._more = tuple(self._names.keys() - ResourceCollection.__struct_fields__)
        self._items: type[tuple[object, ...]] = tuple[item, ...]
        self._blank = _blank_of(item)
        self._first: str = (*getattr(self._blank, "__struct_fields__", ()), "")[0]
        self._first_blank = getattr(self._blank, self._first, _NO_ITEM)
        self._new: frozenset[str] = frozenset()
        self._fast = self._strict(self._items)
        try:
            _decoder(self._items).decode(b"[null]")
        except msgspec.ValidationError:
            self._nullable = False
        else:
            self._nullable = True

    def _strict(self, items: Any) -> "msgspec.json.Decoder[Any]":
        fields: list[tuple[str, Any, Any]] = [
            (field, items, ()) if field == "items" else (field, self._PARTS[field], None) for field in self._names
        ]
        new = {f"new{number}": name for number, name in enumerate(sorted(self._new))}
        fields.extend((field, msgspec.Raw, None) for field in new)
        page = msgspec.defstruct("Page", fields, rename=self._names | new, forbid_unknown_fields=True, gc=False)
        return msgspec.json.Decoder(page, dec_hook=_hook, float_hook=Decimal)

    def read(self, body: bytes) -> ResourceCollection[object]:
        try:
            page = self._fast.decode(body)
        except msgspec.ValidationError:
            return self._look_again(body)
        if not self._is_plain(page) or (
            # To compare one field of many items first takes a fraction of the time, and most often tells enough.
            (
                len(page.items) <= _FEW
                or self._first_blank in map(getattr, page.items, repeat(self._first), repeat(None))
            )
            and self._blank in page.items
            and self._is_misspelt(page.items, _elements(body, self._kind))
        ):
            return self._look_again(body)
        return self._made(page, self._held(page.items) if self._nullable else page.items)

    def in_slices(self, body: bytes, size: int) -> Generator[None, None, ResourceCollection[object] | None]:
        """Read a page with pauses; returns None for one that has to be looked at again."""
        if body.lstrip(_BLANKS).startswith(b"["):
            page, texts = None, _texts.decode(body)
        else:
            page = self._strict(tuple[msgspec.Raw, ...]).decode(body)
            if not self._is_plain(page):
                return None
            texts = page.items
        yield
        items, _ = yield from _items_in_slices(texts, self.item, size, self._blank)
        return self._kind(items=self._held(items)) if page is None else self._made(page, self._held(items))

    @staticmethod
    def _is_plain(page: Any) -> bool:
        return bool(page.items) and (page.attributes is None or page.attributes.object_type is not None)

    def _is_misspelt(self, items: Iterable[object], texts: Iterable[msgspec.Raw]) -> bool:
        """Tell whether nothing was read of one of the items because its names are spelt otherwise."""
        pairs = zip(self._held(items), _held_texts(texts), strict=True)
        return any(item == self._blank and _is_misspelt(text, self.item) for item, text in pairs)

    def _made(self, page: Any, items: tuple[object, ...]) -> ResourceCollection[object]:
        made = self._kind(
            items=items,
            total_count=page.total_count,
            links=None if page.links is None else _member({"links": page.links}, "links", _links),
            attributes=page.attributes,
            continuation_token=page.continuation_token,
        )
        if not self._more:
            return made
        return structs.replace(made, **{name: getattr(page, name) for name in self._more})

    def _look_again(self, body: bytes) -> ResourceCollection[object]:
        if body.lstrip(_BLANKS).startswith(b"["):
            return self._kind(items=self._held(self._items_of(body)))
        known = _PAGES[self._kind]
        members = _members.decode(body)
        self._learn(name for name in members if name.lower() not in known)
        found = _respelt_members(members, known)
        total = _member(found, self._names["total_count"], _whole_number)
        attributes = _member(found, "attributes", _attributes)
        items: Any = ()
        name = self._names["items"]
        text = found.get(name)
        if text is None:
            collection = attributes is not None and (attributes.object_type or "").lower() == "collection"
            if total != 0 and not (total is None and collection):
                raise msgspec.ValidationError(f"it has no `{name}` and does not say that it is empty - at `$.{name}`")
        elif text not in _NOTHING:
            try:
                items = self._items_of(text)
            except _UnreadableError as error:
                error.path.append(f".{name}")
                raise
            except msgspec.ValidationError as error:  # of a type of the caller's own
                message = _PLACE.sub("", str(error))
                place = _PLACE.search(str(error))
                raise msgspec.ValidationError(f"{message} - at `$.{name}{place[1][1:] if place else ''}`") from None
        return self._kind(
            items=self._held(items),
            total_count=total,
            links=_member(found, "links", _links),
            attributes=attributes,
            continuation_token=_member(found, "continuationToken", _text),
            **{each: _member(found, self._names[each], _text) for each in self._more},
        )

    def _items_of(self, text: bytes | msgspec.Raw) -> Any:
        """Read an array of items; where they can't be read, or one is misspelt, with their names in any letter case."""
        try:
            items: Any = _read(text, self._items)
        except (msgspec.ValidationError, _UnreadableError):
            again = _respelt_items(text, self._items)
            if again is None:
                raise
            return _read(again, self._items)
        if self._blank in items and self._is_misspelt(items, _texts.decode(text)):
            return _read(cast("bytes", _respelt_items(text, self._items)), self._items)
        return items

    @staticmethod
    def _held(items: Iterable[object]) -> tuple[object, ...]:
        """Return what is among items, also of a type that takes null for one of them."""
        return tuple(each for each in items if each is not None)

    def _learn(self, names: Iterable[str]) -> None:
        """Let the fast look know names that the service has added, lest it reads every page twice from then on."""
        new = self._new.union(name for name in names if self._NEW.fullmatch(name))
        if self._new < new and len(new) <= self._MOST_NEW:
            self._new = new
            self._fast = self._strict(self._items)


@lru_cache(maxsize=256)
def _pages(into: Any) -> _Pages | None:
    kind = get_origin(into) or into
    return _Pages(kind, *(get_args(into) or (Any,))) if kind in _PAGES else None


def _blank_of(item: Any) -> object:
    """Return what an item is of which nothing was read, or what no item is where that tells nothing."""
    for kind in (item, *get_args(item)):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__struct_fields__:
            if kind.__struct_config__.array_like:
                continue  # its fields have no names
            with contextlib.suppress(Exception):  # a field is required, or the struct's own check refuses it
                return kind()
    return _NO_ITEM


def _is_misspelt(text: bytes, kind: Any) -> bool:
    """Tell whether the text of an object of which nothing was read has names of its type in another letter case."""
    own = _lower_names(kind) or ()
    # Most often it has none of these names, and then there is no need to look at all that is in it.
    return any(name.lower() in own for name in _members.decode(text)) and _respelt_items(text, kind) is not None


def _respelt_items(text: bytes | msgspec.Raw, kind: Any) -> bytes | None:
    """Return a JSON text with its names in the letter case that its type has; None where they have it."""
    given = _untyped.decode(text)
    found = _fitted(given, inspect.type_info(kind))
    return None if found == given else _encoder.encode(found)


def _fitted(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        kinds = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return _fitted(value, kinds[0]) if len(kinds) == 1 else value
    if isinstance(value, list):
        # An object may stand in an array of its own.
        single = isinstance(kind, inspect.StructType) and not kind.array_like
        item = kind if single else getattr(kind, "item_type", None)
        items = cast("list[object]", value)
        return items if item is None else [_fitted(each, item) for each in items]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, object]", value)
    if isinstance(kind, inspect.DictType):
        return {name: _fitted(member, kind.value_type) for name, member in members.items()}
    fields: Iterable[inspect.Field] = getattr(kind, "fields", ())
    own = {each.encode_name: each.type for each in fields}
    names = {name.lower(): name for name in own if name not in members}
    found: dict[str, object] = {}
    for given, member in members.items():
        name = given if given in own else names.pop(given.lower(), given)
        found[name] = _fitted(member, own[name]) if name in own else member
    return found


def _member(members: Mapping[str, msgspec.Raw], name: str, reader: "_Reader") -> Any:
    """Read one member of a page, whose own names are taken in any letter case."""
    text = members.get(name)
    if text is None:
        return None
    try:
        return reader(_respelt(_untyped.decode(text)))
    except _UnreadableError as error:
        error.path.append("." + name)
        raise


def _respelt(value: object) -> object:
    """Return a page's links or attributes with its names in the letter case that the reference has."""
    if isinstance(value, list):
        return [_respelt(each) for each in cast("list[object]", value)]
    if isinstance(value, dict):
        members = _respelt_members(cast("dict[str, object]", value), _INNER)
        return {name: _respelt(member) for name, member in members.items()}
    return value


def _respelt_members(members: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """Return the members that have one of those names in any letter case; raises ValidationError for one twice."""
    found: dict[str, T] = {}
    for given, member in members.items():
        name = names.get(given.lower())
        if name in found:
            raise msgspec.ValidationError(f"it has `{name}` twice, in different letter case - at `$.{name}`")
        if name is not None:
            found[name] = member
    return found


@lru_cache(maxsize=256)
def _decoder(into: type) -> "msgspec.json.Decoder[object]":
    # float_hook: numbers inside free-form objects stay exact too
    return msgspec.json.Decoder(into, dec_hook=_hook, float_hook=Decimal)


_untyped = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts = msgspec.json.Decoder(list[msgspec.Raw])


_from_iso = datetime.fromisoformat
_DIGITS = frozenset("0123456789")


def _hook(kind: type, value: Any) -> object:
    """Read the kinds that msgspec does not know. The TypeError makes msgspec report the value's place.

    What nearly all dates and free-form objects look like is read right here: a page has thousands, and to call another
    function of Python's takes as long as to read a date.
    """
    if kind is Timestamp:
        if value.__class__ is str:
            # yyyy-mm-ddThh:mm:ss.fffffffZ; other forms that Python knows differ from it at one of these places.
            try:
                if (
                    value[27] == "Z"
                    and value[26] in _DIGITS  # Python looks at six digits alone
                    and value[19] == "."
                    and value[10] == "T"
                    and value[5] < "W"  # of a week
                    and "\0" not in value  # Python may stop there
                    and (value[11] < "2" or value[12] < "4")  # at 24 some releases of Python take the next day
                ):
                    return _from_iso(value)
            except (IndexError, ValueError):  # it is shorter, or not what it looked like
                pass
            return parse_timestamp(value)
    elif kind is FrozenObject and value.__class__ is dict:
        for member in value.values():
            if member.__class__ is not str:
                return freeze(value)
        return FrozenObject(value)
    if kind is object:
        return value
    raise TypeError(f"Expected `{kind.__name__}`, got `{type(value).__name__}`")


class _UnreadableError(Exception):
    """A value that even the second look can't read; the path grows on the way up."""

    def __init__(self, expected: str, value: object) -> None:
        got = type(value).__name__ + (f" {value[:40]!r}" if isinstance(value, str) else "")
        super().__init__(f"expected {expected}, got {got}")
        self.path: list[str] = []


# Reads one JSON value. None stands for null and for what the service writes in its place, such as "" for a number.
_Reader: TypeAlias = Callable[[object], object]


@lru_cache(maxsize=256)
def _reader(into: type) -> _Reader | None:
    """Return the second look's reader of a type; None for a caller's own type that holds what no resource has."""
    try:
        return _reader_of(inspect.type_info(into), {})
    except NotImplementedError:
        return None


def _reader_of(kind: inspect.Type, structs: dict[object, _Reader]) -> _Reader:  # noqa: PLR0911 - a line for each kind
    # Only what no annotation of a caller's restricts: the second look would read past a limit, a pattern or a tag.
    match kind:
        case inspect.StructType(tag=None, array_like=False, forbid_unknown_fields=False):
            # A struct that holds itself meets its own reader, still being made.
            return structs.get(kind.cls) or _struct(kind, structs)
        case inspect.VarTupleType(min_length=None, max_length=None):
            return _sequence(_reader_of(kind.item_type, structs), tuple)
        case inspect.ListType(min_length=None, max_length=None):
            return _sequence(_reader_of(kind.item_type, structs), list)
        case inspect.UnionType():
            members = [_reader_of(each, structs) for each in kind.types if not isinstance(each, inspect.NoneType)]
            return members[0] if len(members) == 1 else _either(members)
        case inspect.EnumType() if issubclass(kind.cls, OpenEnum):
            return _enum(kind.cls)
        case inspect.CustomType() if kind.cls is Timestamp:
            return _timestamp
        case inspect.CustomType() if kind.cls is FrozenObject:
            return _object
        case inspect.StrType(min_length=None, max_length=None, pattern=None):
            return _text
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return _whole_number
        case inspect.DecimalType():
            return _decimal
        case inspect.BoolType():
            return _flag
        case _:
            raise NotImplementedError


def _struct(kind: inspect.StructType, structs: dict[object, _Reader]) -> _Reader:
    fields: list[tuple[str, str, bool, _Reader]] = []
    lenient = kind.cls is ApiError  # of an error each member counts for itself: its code is what a caller acts on

    def read(value: object) -> object:
        if isinstance(value, list):
            # One page of the documentation prints an object as a list of one.
            items = cast("list[object]", value)
            if len(items) > 1:
                raise _UnreadableError("an object", items)
            value = items[0] if items else None
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise _UnreadableError("an object", value)
        members = cast("dict[str, object]", value)
        found: dict[str, object] = {}
        for name, wire_name, nullable, reader in fields:
            if wire_name not in members:
                continue
            try:
                member = reader(members[wire_name])
            except _UnreadableError as error:
                if lenient:
                    continue
                error.path.append("." + wire_name)
                raise
            if member is not None or nullable:
                found[name] = member
        try:
            return kind.cls(**found)
        except (TypeError, ValueError) as error:  # a member is missing, or the struct's own check refuses one
            raise _UnreadableError(f"a {kind.cls.__name__} ({excerpt(str(error))})", members) from None

    structs[kind.cls] = read
    for each in kind.fields:
        nullable = isinstance(each.type, inspect.UnionType) and each.type.includes_none
        fields.append((each.name, each.encode_name, nullable, _reader_of(each.type, structs)))
    return read


def _sequence(item: _Reader, container: type[tuple[object, ...]] | type[list[object]]) -> _Reader:
    def read(value: object) -> object:
        if value is None or value == "":
            return None
        if not isinstance(value, list):
            raise _UnreadableError("an array", value)
        found: list[object] = []
        for index, each in enumerate(cast("list[object]", value)):
            try:
                member = item(each)
            except _UnreadableError as error:
                error.path.append(f"[{index}]")
                raise
            if member is not None:  # a null among the items holds nothing
                found.append(member)
        return container(found)

    return read


def _enum(enum: type[OpenEnum]) -> _Reader:
    def read(value: object) -> object:
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _UnreadableError("a name", value)
        return enum(cast("str", _text(value)))

    return read


def _timestamp(value: object) -> object:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        raise _UnreadableError("a date", value)
    try:
        return parse_timestamp(value)
    except ValueError:
        raise _UnreadableError("a date", value) from None


def _object(value: object) -> object:
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise _UnreadableError("an object", value)
    try:
        return freeze(cast("dict[str, object]", value))
    except ValueError as error:
        raise _UnreadableError(f"an object ({error})", cast("object", value)) from None


def _text(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) < _LARGEST_NUMBER):
        return str(value)
    raise _UnreadableError("a text", value)


def _either(members: list[_Reader]) -> _Reader:
    """Read what is of one kind on some hosts and of another on others, such as codes; numbers before texts."""
    members.sort(key=lambda member: member is _text)

    def read(value: object) -> object:
        if value is None or (isinstance(value, str) and _text in members):
            return value
        for member in members[:-1]:
            with contextlib.suppress(_UnreadableError):
                return member(value)
        return members[-1](value)

    return read


def _whole_number(value: object) -> object:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, Decimal) and value.adjusted() < _LARGEST_EXPONENT and value == value.to_integral_value():
        return int(value)
    raise _UnreadableError("a whole number", value)


def _decimal(value: object) -> object:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise _UnreadableError("a number", value)


def _flag(value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int) and str(value).lower() in _FLAGS:
        return _FLAGS[str(value).lower()]
    raise _UnreadableError("true or false", value)


# These readers are made when they are first needed: to look at a type takes a good part of the package's import.
def _links(value: object) -> object:
    return cast("_Reader", _reader(ResourceLinks))(value)


def _attributes(value: object) -> object:
    return cast("_Reader", _reader(ResourceAttributes))(value)
