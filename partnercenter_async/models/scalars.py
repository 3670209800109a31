"""Scalars of the service's JSON that plain Python types do not hold exactly.

Each scalar has one parser, which both looks of the decoder use, so that a value reads the same whichever path it took.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, cast

# What most dates look like with each of their digits as 0, and what they lack of a zone.
_FORMS = {
    f"0000-00-00T00:00:00{fraction}{zone}".encode(): lacking
    for fraction in ("", *(f".{'0' * count}" for count in range(1, 10)))
    for zone, lacking in (("Z", ""), ("", "Z"))
}
_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
# Offsets, and the shapes that documentation damage adds: a date alone, a doubled T, blanks between the parts.
_LOOSE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt\s]+([01][0-9]|2[0-3]):\s*([0-9]{2}):\s*([0-9]{2})(\.[0-9]+)?(?:\s*([Zz]|[+-][0-9]{2}:?[0-5][0-9]))?)?"
)


def parse_timestamp(text: str) -> datetime:
    """Read one of the service's date texts; cut, never rounded, to microseconds.

    A text is read as ``yyyy-mm-ddThh:mm:ss``, with a fraction of any length or none, and with ``Z``, ``+hh:mm``,
    ``-hh:mm`` or no zone behind it. Read as well are a date alone, letters of either case, a doubled ``T``, blanks in
    place of the ``T``, around the text, behind a colon or before the zone, and an offset without its colon. All else is
    none of the service's dates, whatever other ISO forms there are.

    The date is in ``datetime.UTC`` for ``Z``, no zone and an offset of zero, else in a plain ``datetime.timezone``.
    Raises ValueError where the text is no date.
    """
    lacking = _FORMS.get(text.encode().translate(_AS_ZERO))
    if lacking is None or "T24" in text:  # some releases of Python take that for the next day
        return _parse_loose(text)
    return datetime.fromisoformat(text + lacking)


def _parse_loose(text: str) -> datetime:
    found = _LOOSE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a date")
    day, hour, minute, second, fraction, zone = found.groups("")
    clock = f"{hour}:{minute}:{second}{fraction}" if hour else "00:00:00"
    return datetime.fromisoformat(f"{day}T{clock}Z").replace(tzinfo=_zone(zone) if zone[1:] else UTC)


@lru_cache(maxsize=256)
def _zone(offset: str) -> timezone:
    """Return the time zone of an offset; that of zero is ``datetime.UTC``."""
    ahead = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return timezone(-ahead if offset[0] == "-" else ahead)


if TYPE_CHECKING:
    from typing import TypeAlias

    Timestamp: TypeAlias = datetime
else:

    class _AnyDatetime(type):
        __instancecheck__ = datetime.__instancecheck__  # msgspec asks it of every date: C, and no frame of Python's

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


class FrozenObject(dict[str, object]):
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
    """Return a JSON value as hashable objects: lists become tuples, objects become :class:`FrozenObject`.

    Raises ValueError for one nested deeper than ``levels``, which Python could read but not pickle, copy or compare.
    """
    if not levels:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return FrozenObject({name: freeze(member, levels - 1) for name, member in members.items()})
    if isinstance(value, list):
        return tuple(freeze(item, levels - 1) for item in cast("list[object]", value))
    return value
