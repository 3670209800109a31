"""Scalars of the service's JSON that plain Python types do not hold exactly.

Each scalar has one parser, which both looks of the decoder use, so that a value reads the same whichever path it took.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, cast

# What follows the seconds: a fraction of any length and a zone, both optional.
_TAIL = re.compile(r"(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?")
# The shapes that documentation damage and hand-written bodies add: a date alone, a doubled T, blanks between the parts.
_LOOSE = re.compile(
    r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt\s]+([0-9]{2}):\s*([0-9]{2}):\s*([0-9]{2})(?:\.([0-9]+))?\s*([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?\s*"
)
_SECONDS_END = 19
_TICKS = 9  # a dot, seven digits, Z


class WireZone(tzinfo):
    """A fixed offset that also remembers how the service wrote the time.

    A ``datetime`` keeps six digits of a second and one spelling of UTC; the service sends seven and several. What the
    ``datetime`` itself can't hold stays here, so that :func:`wire_text` gives the text back to the letter.
    """

    __slots__ = ("_digits", "_offset", "_suffix", "_tail", "_text")

    def __init__(self, suffix: str, digits: int = 0, tail: str = "", text: str = "") -> None:
        """Take the zone as written, the number of digits kept, the digits cut off, or the whole text."""
        self._suffix = suffix
        self._digits = digits
        self._tail = tail
        self._text = text
        if len(suffix) > 1:
            minutes = int(suffix[1:3]) * 60 + int(suffix[-2:])
            self._offset = timedelta(minutes=-minutes if suffix[0] == "-" else minutes)
        else:
            self._offset = timedelta(0)
        if abs(self._offset) >= timedelta(hours=24):
            raise ValueError(f"{suffix!r} is not a UTC offset")

    def utcoffset(self, _when: datetime | None, /) -> timedelta:
        """Return the offset as the service wrote it; zero where it wrote none."""
        return self._offset

    def dst(self, _when: datetime | None, /) -> None:
        """Return nothing: the service sends offsets, not rules."""

    def tzname(self, _when: datetime | None, /) -> str:
        """Return ``UTC`` or ``UTC+hh:mm``."""
        return f"UTC{self._suffix}" if len(self._suffix) > 1 else "UTC"

    def fromutc(self, when: datetime, /) -> datetime:
        """Move a time in UTC to this offset."""
        return when + self._offset

    def __reduce__(self) -> tuple[type[Self], tuple[str, int, str, str]]:
        """Pickle as the four parts."""
        return type(self), (self._suffix, self._digits, self._tail, self._text)

    def __repr__(self) -> str:
        """Show the zone as its name."""
        return self.tzname(None)

    def write(self, when: datetime) -> str:
        """Write ``when`` the way the service wrote it."""
        if self._text:
            return self._text
        whole = when.replace(tzinfo=None).isoformat(timespec="microseconds")
        end = _SECONDS_END + 1 + self._digits if self._digits else _SECONDS_END
        return whole[:end] + self._tail + self._suffix


_zone = lru_cache(maxsize=1024)(WireZone)
_DIGITS_KEPT = 20  # of a fraction; zones with longer ones are made anew each time


def parse_timestamp(text: str) -> datetime:
    """Read one of the service's date texts; cut, never rounded, to microseconds; no zone means UTC.

    Raises ValueError where the text is no date.
    """
    if text[4:5] == "-" and text[10:11] == "T" and text[13:14] == text[16:17] == ":":
        rest = text[_SECONDS_END:]
        if len(rest) == _TICKS and rest[0] == "." and rest[-1] == "Z" and rest[1:-1].isdigit() and rest.isascii():
            whole = datetime.fromisoformat(text[:-2])  # most of what the service sends has seven digits
            return whole.replace(tzinfo=_zone("Z", 6, rest[7]))
        if rest == "Z":
            return datetime.fromisoformat(text[:_SECONDS_END]).replace(tzinfo=UTC)
        shape = _TAIL.fullmatch(rest)
        if shape is not None:
            fraction, suffix = shape[1] or "", shape[2] or ""
            return datetime.fromisoformat(text[:_SECONDS_END]).replace(
                microsecond=int(fraction[:6].ljust(6, "0")) if fraction else 0,
                tzinfo=(_zone if len(fraction) < _DIGITS_KEPT else WireZone)(
                    suffix, min(len(fraction), 6), fraction[6:]
                ),
            )
    loose = _LOOSE.fullmatch(text)
    if loose is None:
        raise ValueError(f"{text[:40]!r} is not a date")
    day, hour, minute, second, fraction, suffix = loose.groups()
    clock = f"{day}T{hour}:{minute}:{second}" if hour else f"{day}T00:00:00"
    return datetime.fromisoformat(clock).replace(
        microsecond=int(fraction[:6].ljust(6, "0")) if fraction else 0,
        tzinfo=WireZone((suffix or "").upper(), text=text),
    )


def wire_text(when: datetime) -> str:
    """Return a date of the service's as the text that stood on the wire, digits beyond the microsecond included.

    For a ``datetime`` made elsewhere the text is its ISO form.
    """
    if isinstance(when.tzinfo, WireZone):
        text = when.tzinfo.write(when)
        # A time moved by arithmetic carries its zone along, but no longer the text that was kept whole.
        if parse_timestamp(text) == when:
            return text
    elif when.tzinfo is UTC:
        return when.replace(tzinfo=None).isoformat() + "Z"
    return when.isoformat()


if TYPE_CHECKING:
    from typing import TypeAlias

    Timestamp: TypeAlias = datetime
else:

    class _AnyDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Timestamp(metaclass=_AnyDatetime):
        """A ``datetime`` that msgspec hands to our parser: its own rounds the seventh digit."""


_NUMBERS = tuple(str(number) for number in range(20))  # more than any of the service's sets has names


class OpenEnum(StrEnum):
    """A set of names that the service may widen any day.

    Another spelling of a member (``OneTime``, ``one time``) or its documented number gives the member. A name that is
    not known gives a value of its own, equal to its text, hashable and picklable; only its users keep it alive.
    """

    __numbers__: ClassVar[tuple[str, ...]] = ()  # the documented names by number, from 0

    @property
    def is_known(self) -> bool:
        """Whether this release knows the name; a new one of the service's is kept as it came."""
        return self._value_ in type(self)._value2member_map_

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            return None
        if value in _NUMBERS[: len(cls.__numbers__)]:
            value = cls.__numbers__[int(value)]
        known = _spellings(cls).get(_plain(value))
        if known is not None:
            return cast("Self", known)
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


@cache
def _spellings(enum: type[OpenEnum]) -> Mapping[str, OpenEnum]:
    return {_plain(str(member)): member for member in enum}


def _plain(text: str) -> str:
    """Drop what spellings differ in: letter case, underscores, blanks and hyphens."""
    return text.replace("_", "").replace(" ", "").replace("-", "").casefold()


class JsonObject(dict[str, object]):
    """A free-form JSON object that can't be changed, and so can be hashed."""

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """Hash by value."""
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, object]]]:
        """Pickle as a plain dict."""
        return type(self), (dict(self),)

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} can't be changed; make a dict of it first")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = cast("Any", _refuse)


def freeze(value: object, levels: int = 64) -> object:
    """Return a JSON value as hashable objects: lists become tuples, objects become :class:`JsonObject`.

    Raises ValueError for one nested deeper than ``levels``, which Python could read but not pickle, copy or compare.
    """
    if not levels:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return JsonObject({name: freeze(member, levels - 1) for name, member in members.items()})
    if isinstance(value, list):
        return tuple(freeze(item, levels - 1) for item in cast("list[object]", value))
    return value
