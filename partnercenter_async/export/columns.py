"""Records as rows: which columns a table has, and where their values stand in a record.

Columns come from structs: one for each plain field, in the order of the struct and under its name on the wire. What is
chosen otherwise is declared in tables/. docs/exports.md has the rule, and lists the columns; tests/columns.py writes
the lists there.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from keyword import iskeyword
from types import SimpleNamespace
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

import msgspec
from msgspec import inspect

from partnercenter_async.export.pages import Batch
from partnercenter_async.models.common import Credentials
from partnercenter_async.models.scalars import FrozenObject, Timestamp

T = TypeVar("T")
R = TypeVar("R")

Value: TypeAlias = str | int | bool | Decimal | datetime | None
"""What a column has for a row; None where the record has nothing."""

EXACT = "exact"
"""The name of the last column of Parquet, which no other may have."""


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"


class Column(msgspec.Struct, frozen=True):
    """A column: its name, what its values are, where in a row they stand, and how wide people see it.

    ``path`` is that of the attribute; it is empty for an id that only whoever asked for the records knows.
    """

    name: str
    kind: Kind
    path: str
    width: int


_SHOWN = 8  # columns on a terminal, where nobody chose them
_NONE: Mapping[str, Any] = {}


class Table(Generic[T]):
    """How records become rows: a column for each plain field of a struct, in the order and with the names of the wire.

    A struct within it has its columns in its place, with its own name in front of theirs. Texts of a collection are one
    text, with blanks between them; a collection of anything else is counted. Links, attributes, passwords and free-form
    JSON have no column. docs/exports.md has an example.
    """

    @overload
    def __init__(
        self,
        struct: type[T],
        name: str | None = None,
        *,
        names: Mapping[str, str] = ...,
        without: Sequence[str] = ...,
        ids: Sequence[str] = ...,
        first: Sequence[str] = ...,
        shown: Sequence[str] = ...,
        widths: Mapping[str, int] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        struct: type[R],
        name: str | None = None,
        *,
        rows: Callable[[T], Iterable[R]],
        names: Mapping[str, str] = ...,
        without: Sequence[str] = ...,
        ids: Sequence[str] = ...,
        first: Sequence[str] = ...,
        shown: Sequence[str] = ...,
        widths: Mapping[str, int] = ...,
    ) -> None: ...

    def __init__(
        self,
        struct: type[Any],
        name: str | None = None,
        *,
        rows: Callable[[Any], Iterable[Any]] | None = None,
        names: Mapping[str, str] = _NONE,
        without: Sequence[str] = (),
        ids: Sequence[str] = ("customerId",),
        first: Sequence[str] = (),
        shown: Sequence[str] = (),
        widths: Mapping[str, int] = _NONE,
    ) -> None:
        """Take the struct, and what is chosen otherwise.

        ``rows`` makes several rows of a record, each of which is a ``struct`` then.

        ``names`` gives a field another name by its path, such as ``{"id": "orderId"}``; for a struct within, it is what
        stands in front of its columns' names, such as ``{"client": ""}``. ``without`` leaves fields out by their paths.

        ``ids`` are columns in front, of the ids that were asked for; where none was, the record's own column of that
        name tells it. The columns of ``first`` stand behind those. ``shown`` are what people see on a terminal, by
        default the first few, and ``widths`` how wide.

        Raises ValueError for what is no struct, a field that no column can hold, such as a float, two columns of one
        name, and a name or path that there is not.
        """
        kind = _struct(struct)
        plan = _Plan(names, without, widths)
        own = {each.column.name: each for each in _unique(plan.fields(kind))}
        front = {id: own.get(id) or plan.asked(id) for id in _names("ids", ids)}
        if any(each.column.kind is not Kind.TEXT for each in front.values()):
            raise ValueError("ids: a column of the record that has such a name is no text")
        known = front | own
        plan.check(known, first, shown)
        fields = front | {each: known[each] for each in first} | own
        if not fields:
            raise ValueError(f"{struct.__name__} has nothing left for a column")
        self.struct = struct
        self.name = name or struct.__name__
        self.columns = tuple([each.column for each in fields.values()])
        self.shown = {each: fields[each].column.width for each in shown or [*fields][:_SHOWN]}
        self._rows = rows
        self._ids = tuple(ids)  # the first columns
        self._read = _reader([*fields.values()], len(self._ids))

    def values(self, batch: Batch[T]) -> Sequence[Sequence[Value]]:
        """Return the columns of a batch, each with a value for each row."""
        return list(zip(*self.rows(batch), strict=True)) or [()] * len(self.columns)

    def rows(self, batch: Batch[T]) -> list[tuple[Value, ...]]:
        """Return the rows of a batch, each with a value for each column; raises TypeError for what can be none."""
        make = self._rows
        rows = batch.items if make is None else [row for item in batch.items for row in make(item)]
        try:
            return self._read(rows, *map(batch.ids.get, self._ids))
        except AttributeError as error:
            raise TypeError(
                f"each row of the table {self.name} is made of a {self.struct.__name__}, and the listing has something "
                f"else ({error}): read it into a struct and pass a Table of that, or export NDJSON"
            ) from None


def _struct(struct: object) -> inspect.StructType:
    try:
        kind = inspect.type_info(struct)
    except TypeError:
        kind = None
    if not isinstance(kind, inspect.StructType):
        raise ValueError(  # noqa: TRY004 - as for all arguments
            f"struct must be one of msgspec's, not {struct!r}: a row is a struct, and its fields are the columns"
        )
    return kind


def _names(argument: str, given: Sequence[str]) -> Sequence[str]:
    """Return names of columns that a caller has chosen; raises ValueError for those that can't be."""
    if isinstance(given, str):
        raise ValueError(f"{argument} must be several names, not {given!r}")  # noqa: TRY004 - as for all arguments
    for each in given:
        if each in {"", EXACT}:
            raise ValueError(f"{argument}: {each!r} is no name of a column")
    return given


_PLAIN = "{0}"
_OR_NONE = "{0} or None"
_JOINED = "None if {0} is None else ' '.join({0}) or None"
_COUNTED = "None if {0} is None else len({0})"


class _Field(msgspec.Struct, frozen=True):
    """A column, and what makes its value of what the attribute holds, as Python's text."""

    column: Column
    made: str = _PLAIN


def _reader(fields: Sequence[_Field], ids: int) -> Callable[..., list[tuple[Value, ...]]]:
    """Return a function of rows and of the ids that were asked for, the first columns, which reads the rows' values.

    Python makes it of a text, as it makes dataclasses: what looks for each value by its path takes two to four times as
    long. In the text are names of attributes, which structs take none for but identifiers, and what stands above.
    """
    paths = [each.column.path for each in fields]
    within = sorted({path[: dot.start()] for path in paths for dot in re.finditer(r"\.", path)})
    names = {"": "row"} | {path: f"part{number}" for number, path in enumerate(within)}

    def read(path: str) -> str:
        holder, _, name = path.rpartition(".")
        plain = name.isascii() and not iskeyword(name)
        return f"{names[holder]}.{name}" if plain else f"getattr({names[holder]}, {name!r})"

    cells = [f"({each.made.format(read(each.column.path)) if each.column.path else None})" for each in fields]
    asked = [f"id{number}" for number in range(ids)]
    values = [f"{id} or {cell}" for id, cell in zip(asked, cells, strict=False)] + cells[ids:]
    parts = [f"for {names[path]} in [none if {read(path)} is None else {read(path)}]" for path in within]
    source = f"lambda {', '.join(['rows', *asked])}: [({', '.join(values)},) for row in rows {' '.join(parts)}]"
    none = SimpleNamespace(**dict.fromkeys(".".join(paths).split(".")))  # for a struct that a row doesn't have
    return cast("Callable[..., list[tuple[Value, ...]]]", eval(source, {"none": none}))  # noqa: S307 - as told above


class _Plan:
    """What was declared of a table, by paths, and what of it was used."""

    def __init__(self, names: Mapping[str, str], without: Iterable[str], widths: Mapping[str, int]) -> None:
        self._names = names
        self._without = frozenset(without)
        self._widths = widths
        self._seen: set[str] = set()
        self._named: set[str] = set()

    def fields(
        self, struct: inspect.StructType, path: str = "", prefix: str = "", within: tuple[type, ...] = ()
    ) -> Iterator[_Field]:
        """Yield the columns of a struct and of those within it."""
        for field in struct.fields:
            place = path + field.name
            self._seen.add(place)
            kind = _without_none(field.type)
            if place in self._without or field.encode_name in _FRAME or _left_out(kind):
                continue
            self._named.add(place)
            if not isinstance(kind, inspect.StructType):
                yield self._field(place, prefix, field, kind)
                continue
            if kind.cls in (struct.cls, *within):
                raise ValueError(f"{place} is a {kind.cls.__name__} within another: pass without=({place!r},)")
            front = self._names.get(place, _behind(prefix, field.encode_name))
            yield from self.fields(kind, f"{place}.", front, (struct.cls, *within))

    def _field(self, path: str, prefix: str, field: inspect.Field, kind: inspect.Type) -> _Field:
        if not field.required and field.default is field.default_factory:  # neither is there, so it is UNSET
            raise ValueError(
                f"{path} is UNSET where it is missing, which no column holds: read it as None, or pass "
                f"without=({path!r},)"
            )
        name = field.encode_name
        if isinstance(kind, inspect.VarTupleType | inspect.ListType):
            texts = _kind(kind.item_type) is Kind.TEXT
            held, made, name = (Kind.TEXT, _JOINED, name) if texts else (Kind.INTEGER, _COUNTED, f"{name}Count")
        elif (known := _kind(kind)) is not None:
            held, made = known, _OR_NONE if field.default == "" else _PLAIN  # what is missing reads so
        else:
            what = getattr(kind, "cls", type(kind)).__name__.removesuffix("Type").lower()
            raise ValueError(
                f"{path} is a {what}, which no column holds: read it as Decimal, Timestamp or str, or pass "
                f"without=({path!r},)"
            )
        name = self._names.get(path, _behind(prefix, name))
        return _Field(Column(name, held, path, self._width(name, held, kind)), made)

    def asked(self, id: str) -> _Field:
        """Return the column of an id that no record of its own has."""
        return _Field(Column(id, Kind.TEXT, "", self._width(id, Kind.TEXT, inspect.StrType())))

    def _width(self, name: str, held: Kind, kind: inspect.Type) -> int:
        width = _WIDTHS[held]
        if held is Kind.TEXT:
            width = _ID_WIDTH if name.endswith("Id") else width
            if isinstance(kind, inspect.EnumType):
                width = max([len(str(each.value)) for each in kind.cls], default=width)
        return self._widths.get(name, max(width, len(name)))

    def check(self, columns: Mapping[str, object], first: Iterable[str], shown: Iterable[str]) -> None:
        """Raise ValueError for what stands for nothing in a declaration."""
        for argument, given, known in (
            ("names", self._names, self._named),
            ("without", self._without, self._seen),
            ("first", first, columns),
            ("shown", shown, columns),
            ("widths", self._widths, columns),
        ):
            unknown = [each for each in given if each not in known]
            if unknown:
                raise ValueError(f"{argument}: there is no {', '.join(sorted(unknown))}")


_FRAME = frozenset({"links", "attributes"})  # of whatever resource
_WIDTHS = {Kind.TEXT: 30, Kind.INTEGER: 8, Kind.BOOLEAN: 5, Kind.DECIMAL: 16, Kind.TIMESTAMP: 16}
_ID_WIDTH = 36
_KINDS: Mapping[type[inspect.Type], Kind] = {
    inspect.StrType: Kind.TEXT,
    inspect.IntType: Kind.INTEGER,
    inspect.BoolType: Kind.BOOLEAN,
    inspect.DecimalType: Kind.DECIMAL,
}


def _left_out(kind: inspect.Type) -> bool:
    """Tell whether no column is made of a kind: of free-form JSON, and of who signs in with which password."""
    if isinstance(kind, inspect.StructType):
        return issubclass(kind.cls, Credentials)
    free = isinstance(kind, inspect.DictType | inspect.AnyType | inspect.RawType)
    return free or getattr(kind, "cls", None) in (FrozenObject, object)


def _kind(kind: inspect.Type) -> Kind | None:
    if isinstance(kind, inspect.EnumType):
        return Kind.TEXT if issubclass(kind.cls, str) else None
    if isinstance(kind, inspect.CustomType):
        return Kind.TIMESTAMP if kind.cls is Timestamp else None
    return _KINDS.get(type(kind))


def _without_none(kind: inspect.Type) -> inspect.Type:
    if not isinstance(kind, inspect.UnionType):
        return kind
    others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    return others[0] if len(others) == 1 else kind


def _unique(fields: Iterable[_Field]) -> Iterator[_Field]:
    paths: dict[str, str] = {EXACT: "the last column of Parquet"}
    for field in fields:
        column = field.column
        if not column.name:
            raise ValueError(f"names: {column.path} needs a name")
        if column.name in paths:
            raise ValueError(f"{column.name} is {paths[column.name]} and {column.path}: pass names for one of them")
        paths[column.name] = column.path
        yield field


def _behind(prefix: str, name: str) -> str:
    return f"{prefix}{name[:1].upper()}{name[1:]}" if prefix else name


_LONGEST_PLAIN = 400  # digits; a few letters of JSON could ask for gigabytes of them otherwise


def plain_digits(number: Decimal) -> str:
    """Return a number as digits, never as ``1E+3``, with its closing zeros.

    One with more than 400 digits on a side of the point keeps its exponent; what is no number is a word.
    """
    text = str(number)
    if text.strip("-.0123456789") and number.is_finite() and abs(number.adjusted()) <= _LONGEST_PLAIN:
        return format(number, "f")
    return text
