"""From bytes to structs: a fast look, and a tolerant second one only where the first failed.

Both read scalars with the parsers of ``models.scalars``, so a value reads the same either way.
"""

import contextlib
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeAlias, TypeVar, cast

import msgspec
from msgspec import inspect

from partnercenter_async.errors import DecodeError, excerpt
from partnercenter_async.models.errors import ApiError
from partnercenter_async.models.scalars import JsonObject, OpenEnum, Timestamp, freeze, parse_timestamp

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}(?:\.0*)?")
_PLACE = re.compile(r" - at `(\$.*)`$")  # at the end of a message of msgspec's
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_LARGEST_EXPONENT = 400  # of a whole number; a few letters of JSON could ask for gigabytes of digits otherwise
_LARGEST_NUMBER = 10**_LARGEST_EXPONENT


def decode(body: bytes, into: type[T]) -> T:
    """Return a JSON body as ``into``; raises DecodeError."""
    try:
        return cast("T", _decode(body.removeprefix(_BOM), into))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        text = str(error)
        what = f"{excerpt(text)}, in a body that begins: {excerpt(body)}" if body.strip() else "it is empty"
        place = _PLACE.search(text)
        made = DecodeError(f"the body is not the JSON that was expected: {what}", path=place[1] if place else "$")
    except _UnreadableError as error:
        path = "$" + "".join(reversed(error.path))
        made = DecodeError(f"the body is not the JSON that was expected: {error}, at {excerpt(path)}", path=path)
    made.body = body
    raise made


@lru_cache(maxsize=256)  # a job asks again for each of its customers
def check_kind(kind: type) -> None:
    """Raise TypeError for a type that nothing can be decoded into."""
    found = inspect.type_info(kind)
    if isinstance(found, inspect.CustomType) and found.cls not in (Timestamp, JsonObject):
        raise TypeError(f"{found.cls.__name__} is nothing that msgspec can read; pass a struct or a dict type")
    msgspec.json.Decoder(kind, dec_hook=_hook)


def _decode(body: bytes, into: type) -> object:
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


@lru_cache(maxsize=256)
def _decoder(into: type) -> "msgspec.json.Decoder[object]":
    # float_hook: numbers inside free-form objects stay exact too
    return msgspec.json.Decoder(into, dec_hook=_hook, float_hook=Decimal)


_untyped = msgspec.json.Decoder(float_hook=Decimal)


_parse_timestamp = lru_cache(maxsize=256)(parse_timestamp)  # the lines of an order mostly end on one day
_LONGEST_KEPT = 40  # characters: a date padded with a megabyte of blanks is read, but not kept


def _hook(kind: type, value: object) -> object:
    """Read the kinds that msgspec does not know. The TypeError makes msgspec report the value's place."""
    if kind is Timestamp and isinstance(value, str):
        return _parse_timestamp(value) if len(value) <= _LONGEST_KEPT else parse_timestamp(value)
    if kind is JsonObject and isinstance(value, dict):
        return freeze(cast("dict[str, object]", value))
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
        case inspect.CustomType() if kind.cls is JsonObject:
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
