"""What stands in files: records and paths to serve, and faults, as JSON that any program can write.

What is wrong with a file is told with its name, the line and the field.
"""

import dataclasses
import difflib
import functools
import inspect
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from partnercenter_async.emulator import faults
from partnercenter_async.emulator.faults import Action, Fault
from partnercenter_async.emulator.fields import (
    LISTS,
    NESTED,
    CustomerFields,
    EventFields,
    MigrationFields,
    OrderFields,
    wire,
)
from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.records import Records
from partnercenter_async.emulator.serving import serving

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of members, and places in lists."""

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)')
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})  # which Python takes for JSON
# What a message is about: "nth must be ...", "add_customer: domain must be ...".
_SUBJECT = re.compile(r"(?:\w+: )?(\w+)")


class FileError(ValueError):
    """What is wrong with a file, and where."""


class Data(NamedTuple):
    """What a file says that is served."""

    records: Records
    serve: Mapping[str, Sequence[JsonObject] | JsonObject]
    """Records by paths, for `Emulator.serve`."""


class _File:
    """A JSON document that knows on which line each of its values stands."""

    def __init__(self, name: str, content: bytes, number: type[float | Decimal]) -> None:
        self._name = name
        self._lines: dict[Path, int] = {(): 1}
        try:
            text = content.decode("utf-8-sig")
            self.document: object = json.loads(text, parse_float=number)
            found = [*_tokens(text)]
            for line, token in found:
                if "\\u" in token and not _is_text(json.loads(token)):
                    message = f"{name}:{line}: this has half of a surrogate pair, which is no text"
                    raise FileError(message)
            tokens = iter(found)
            self._note((), next(tokens)[1], tokens)
        except json.JSONDecodeError as error:
            message = f"{name}:{error.lineno}: this is no JSON: {error.msg}, column {error.colno}"
            raise FileError(message) from None
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            message = f"{name}:{line}: this is no UTF-8"
            raise FileError(message) from None
        except RecursionError:
            message = f"{name}: this is nested too deeply"
            raise FileError(message) from None
        except FileError:
            raise
        except ValueError as error:  # a number of too many digits
            message = f"{name}: {error}"
            raise FileError(message) from None

    def _note(self, path: Path, token: str, tokens: Iterator[tuple[int, str]]) -> None:
        """Note the lines of all that is in a value, whose first token this is; of a member it is that of its name."""
        if token in _NO_NUMBERS:
            raise self.wrong(path, f"{token} is no number of JSON")
        if token not in {"{", "["}:
            return
        places = itertools.count()
        while (following := next(tokens))[1] not in {"}", "]"}:
            line, first = following
            if first != ",":
                inner = (*path, str(json.loads(first)) if token == "{" else next(places))  # noqa: S105 - no secret
                twice = inner in self._lines
                self._lines[inner] = line
                if twice:
                    raise self.wrong(inner, "this is there twice")
                if token == "{":  # noqa: S105 - as above
                    next(tokens)  # the colon
                self._note(inner, next(tokens)[1] if token == "{" else first, tokens)  # noqa: S105 - as above

    def wrong(self, path: Path, message: str) -> FileError:
        """Return an error about a value, with its line or that of what it should stand in."""
        known = path
        while known not in self._lines:
            known = known[:-1]
        shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
        return FileError(f"{self._name}:{self._lines[known]}: {shown}{': ' if shown else ''}{message}")

    def items(self, path: Path, value: object) -> list[object]:
        """Return a list. Raises FileError."""
        if not isinstance(value, list):
            raise self.wrong(path, f"this must be a list, not {_short(value)}")
        return cast("list[object]", value)

    def members(self, path: Path, value: object) -> JsonObject:
        """Return an object, for the caller to keep. Raises FileError."""
        if not isinstance(value, dict):
            raise self.wrong(path, f"this must be an object, not {_short(value)}")
        return dict(cast("JsonObject", value))

    def known(self, path: Path, members: JsonObject, names: Collection[str], what: str) -> None:
        """Refuse a member of another name than these."""
        for name in members:
            if name not in names:
                raise self.wrong((*path, name), f"{what} has no field {name!r}{_perhaps(name, names)}")

    def convert(self, path: Path, value: object, hint: object) -> object:
        """Return a value as what takes it is annotated. Raises FileError."""
        if bytes in get_args(hint):  # which JSON does not have
            hint = Union[tuple(each for each in get_args(hint) if each is not bytes)]  # noqa: UP007 - of so many
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            message = str(error)
            raise self.wrong(path, message[:1].lower() + message[1:]) from None

    def call(self, path: Path, function: Callable[..., T], /, *given: object, **fields: object) -> T:
        """Return what a function makes of what stands there; what it refuses is wrong with the field that it names."""
        try:
            return function(*given, **fields)
        except (TypeError, ValueError) as error:
            subject = _SUBJECT.match(str(error))
            inner = (*path, subject[1]) if subject else path
            raise self.wrong(inner if inner in self._lines else path, str(error)) from None


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """Yield the tokens of JSON, each with its line."""
    line, end = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.start()
        yield line, found[1]


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004 - enough to find it by


def _perhaps(name: str, names: Collection[str]) -> str:
    """Return what else may have been meant: the nearest name, or all."""
    near = difflib.get_close_matches(name, names, 1)
    return f", perhaps {near[0]!r}" if near else f"; there are {', '.join(sorted(names))}"


# Records


def read_data(name: str, content: bytes) -> Data:
    """Return what a data file says; `name` is what errors call it. Raises FileError."""
    file = _File(name, content, Decimal)
    parts = file.members((), file.document)
    file.known((), parts, ("generate", "customers", "serve"), "the file")
    records = Records()
    if "generate" in parts:
        given = file.members(("generate",), parts["generate"])
        sizes = _arguments(file, ("generate",), given, Records.populate, "generate")
        file.call(("generate",), records.populate, **sizes)
    for at, customer in enumerate(file.items(("customers",), parts.get("customers", []))):
        _add_customer(file, ("customers", at), customer, records)
    paths = file.members(("serve",), parts.get("serve", {}))
    for path, served in paths.items():
        file.call(("serve", path), serving, path, served, "id")
    return Data(records, cast("Mapping[str, Sequence[JsonObject] | JsonObject]", paths))


def _add_customer(file: _File, path: Path, given: object, records: Records) -> None:
    lists = ("orders", "migrations")
    fields, parts = _fields(file, path, given, Records.add_customer, CustomerFields.__optional_keys__, lists)
    customer_id = file.call(path, records.add_customer, **fields)
    for place, order in parts["orders"]:
        _add_order(file, place, order, records, customer_id)
    for place, migration in parts["migrations"]:
        _add_migration(file, place, migration, records, customer_id)


def _add_order(file: _File, path: Path, given: object, records: Records, customer_id: str) -> None:
    names = OrderFields.__optional_keys__
    fields, parts = _fields(file, path, given, Records.add_order, names, ("provisioning",))
    order_id = file.call(path, records.add_order, customer_id, **fields)
    for place, state in parts["provisioning"]:
        members = file.members(place, state)
        own = _arguments(
            file, place, members, Records.set_provisioning_status, "provisioning", {"customer_id", "order_id"}
        )
        file.call(place, records.set_provisioning_status, customer_id, order_id, **own)


def _add_migration(file: _File, path: Path, given: object, records: Records, customer_id: str) -> None:
    names = MigrationFields.__optional_keys__
    fields, parts = _fields(file, path, given, Records.add_migration, names, ("events",))
    migration_id = file.call(path, records.add_migration, customer_id, **fields)
    for place, event in parts["events"]:
        own, _ = _fields(file, place, event, Records.add_event, EventFields.__optional_keys__, ())
        file.call(place, records.add_event, customer_id, migration_id, **own)


def _fields(
    file: _File,
    path: Path,
    given: object,
    method: Callable[..., str],
    names: frozenset[str],
    lists: Collection[str],
) -> tuple[JsonObject, dict[str, list[tuple[Path, object]]]]:
    """Return the fields of a record, none of them wrong, and what else is to be added, each with its path."""
    members = file.members(path, given)
    own = {name for name, each in inspect.signature(method).parameters.items() if each.default is not each.empty}
    file.known(path, members, {*names, *own, *lists}, method.__name__)
    parts = {
        name: [((*path, name, at), each) for at, each in enumerate(file.items((*path, name), members.pop(name, [])))]
        for name in lists
    }
    _check(file, path, {name: each for name, each in members.items() if name not in own}, method.__name__, names)
    return members, parts


def _check(file: _File, path: Path, members: JsonObject, call: str, names: frozenset[str]) -> None:
    """Refuse a field that a record can't have, the innermost first."""
    file.known(path, members, names, call)
    for name, value in members.items():
        inner, place = NESTED.get(name), (*path, name)
        if inner is not None and value is not None:
            parts = enumerate(file.items(place, value)) if name in LISTS else [(None, value)]
            for at, part in parts:
                where = place if at is None else (*place, at)
                _check(file, where, file.members(where, part), call, inner)
        file.call(place, wire, call, {name: value}, names)


def _arguments(
    file: _File, path: Path, members: JsonObject, function: Callable[..., object], what: str, but: Collection[str] = ()
) -> JsonObject:
    """Return the arguments that a function is given, but for those of these names. Raises FileError."""
    hints = get_type_hints(function)
    taken = {name: each for name, each in inspect.signature(function).parameters.items() if name in hints}
    file.known(path, members, taken.keys() - but, what)
    for name, each in taken.items():
        if each.default is each.empty and name not in {*members, *but}:
            raise file.wrong(path, f"{what} needs {name!r}")
    return {name: file.convert((*path, name), value, hints[name]) for name, value in members.items()}


# Faults


def _action_name(kind: type) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _takes_function(make: Callable[..., object]) -> bool:
    return any(get_origin(hint) is Callable for hint in get_type_hints(make).values())


_FUNCTIONS = (faults.fails, faults.throttles, faults.loses, faults.service_error, faults.gateway_throttle)
_KINDS: Mapping[str, Callable[..., Action]] = {
    _action_name(each): each
    for each in vars(faults).values()
    if inspect.isclass(each) and issubclass(each, Action) and dataclasses.is_dataclass(each)
}
_OF_PROGRAMS = frozenset(name for name, each in _KINDS.items() if _takes_function(each))
ACTIONS: Mapping[str, Callable[..., Action | Fault]] = {
    **{each.__name__: each for each in _FUNCTIONS},
    **{name: each for name, each in _KINDS.items() if name not in _OF_PROGRAMS},
}
"""What may go wrong by a file: the actions, and the functions that make actions and faults."""
_WHICH = tuple(each.name for each in dataclasses.fields(Fault) if each.name != "action")


def read_faults(name: str, content: bytes) -> list[Fault]:
    """Return the faults of a file; `name` is what errors call it. Raises FileError."""
    file = _File(name, content, float)
    return [_fault(file, (at,), each) for at, each in enumerate(file.items((), file.document))]


def _fault(file: _File, path: Path, given: object) -> Fault:
    members = file.members(path, given)
    action = members.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        message = (
            "there is no action" + (f" {action!r}" if "action" in members else "") + _perhaps(str(action), ACTIONS)
        )
        if isinstance(action, str) and action in _OF_PROGRAMS:
            message = f"{action!r} takes a function, which no file has: inject it in Python"
        raise file.wrong((*path, "action"), message)
    make = ACTIONS[action]
    own = inspect.signature(make).parameters
    file.known(path, members, {"action", *own, *_WHICH}, action)
    fields = {name: each for name, each in members.items() if name in own}
    which = {name: each for name, each in members.items() if name not in {*own, "action"}}
    made = file.call(path, make, **_arguments(file, path, fields, make, action))
    fault = made if isinstance(made, Fault) else Fault(made)
    return file.call(
        path, functools.partial(dataclasses.replace, fault), **_arguments(file, path, which, Fault, action, {"action"})
    )


def shown(fault: Fault, met: int) -> JsonObject:
    """Return a fault as a file has it, and how many requests it met."""
    action: JsonObject = {"action": _action_name(type(fault.action))}
    if dataclasses.is_dataclass(fault.action):
        action |= {each.name: _plain(getattr(fault.action, each.name)) for each in dataclasses.fields(fault.action)}
    which = {each.name: getattr(fault, each.name) for each in dataclasses.fields(Fault)}
    told = {each.name for each in dataclasses.fields(Fault) if which[each.name] != each.default} - {"action"}
    return {**action, **{name: which[name] for name in _WHICH if name in told}, "met": met}


def _plain(value: object) -> object:
    """Return a value as JSON may hold it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return repr(value) if callable(value) else value
