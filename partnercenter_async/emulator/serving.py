"""Records of a test's own at any path."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from partnercenter_async.emulator.api import Api, Call, Reply, Route, routes_of
from partnercenter_async.emulator.faults import encode
from partnercenter_async.emulator.fields import text
from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.store import Generated, Kind, Store

_NAME = "served"
_KEY = "record-id"  # no name in braces can be that
_PATH = re.compile(r"(?:/(?:[^/{}?#%\s]+|\{[A-Za-z_]\w*\}))+")
_NAME_IN_BRACES = re.compile(r"\{(\w+)\}")
_SERVICE = re.compile(r"/(v1|webhooks/v1|partner/v1|auditactivity/v1|v[0-9]+\.[0-9]+|beta)/")


class _Given:
    """The records of a test, in every collection that its path stands for."""

    def __init__(self, records: Sequence[JsonObject], name: str) -> None:
        self._records = records
        self._name = name

    def __len__(self) -> int:
        return len(self._records)

    def at(self, position: int) -> JsonObject:
        return dict(self._records[position])

    def get(self, record_id: str) -> JsonObject:
        for record in self._records:
            if str(record[self._name]).lower() == record_id.lower():
                return dict(record)
        raise KeyError(record_id)


def serving(path: str, records: object, name: str) -> list[Route]:
    """Return the routes of a path with these records. Raises ValueError for a path or records that can't be."""
    where = _checked(path)
    text("id", name)
    if isinstance(records, Mapping):
        return _resource(where, _encodable("records", cast("JsonObject", records)))
    if not isinstance(records, Sequence) or isinstance(records, str | bytes):
        message = f"records must be a list of dicts, or a dict for a single resource, not {records!r}"
        raise ValueError(message)  # noqa: TRY004 - as for all that is passed
    found: list[JsonObject] = []
    for at, record in enumerate(cast("Sequence[object]", records)):
        if not isinstance(record, Mapping):
            message = f"records[{at}] must be a dict, not {record!r}"
            raise ValueError(message)  # noqa: TRY004 - as above
        found.append(_encodable(f"records[{at}]", cast("JsonObject", record)))

    def generate(_store: Store, _parents: Sequence[str]) -> Generated:
        return _Given(found, name)

    kind = Kind(path=where, key=_KEY, id=name, generate=generate)
    every = routes_of(kind, _NAME)
    if any(name not in record for record in found):
        return [every[0]]
    return every


def _encodable(where: str, record: JsonObject) -> JsonObject:
    try:
        encode(record)
    except (TypeError, ValueError) as error:
        message = f"{where} must have values of JSON: {error}"
        raise ValueError(message) from error
    return record


def _checked(path: object) -> str:
    if not isinstance(path, str):
        message = f"path must be text such as 'customers/{{customer_id}}/agreements', not {path!r}"
        raise ValueError(message)  # noqa: TRY004 - as for all that is passed
    where = "/" + path.removeprefix("/").removesuffix("/")
    if not _SERVICE.match(where + "/"):
        where = "/v1" + where
    if not _PATH.fullmatch(where) or where.count("/") < 2:  # noqa: PLR2004 - a prefix and a name
        rules = "with names as they are and without a query"
        message = f"path must be one such as 'customers/{{customer_id}}/agreements', {rules}, not {path!r}"
        raise ValueError(message)
    names = _NAME_IN_BRACES.findall(where)
    if len(names) > len(set(names)):
        message = f"path must have another name in each pair of braces, not {path!r}"
        raise ValueError(message)
    return where


def _resource(path: str, given: JsonObject) -> list[Route]:
    """Return the routes of a single resource, of which there is one for each set of ids in the path."""
    written: dict[tuple[str, ...], JsonObject] = {}

    def get(_api: Api, call: Call) -> Reply:
        return Reply(200, written.get(_ids(call), given))

    def put(_api: Api, call: Call) -> Reply:
        written[_ids(call)] = call.document()
        return get(_api, call)

    def patch(_api: Api, call: Call) -> Reply:
        written[_ids(call)] = {**written.get(_ids(call), given), **call.document()}
        return get(_api, call)

    return [
        Route(_NAME, f"{method} {path}", answer) for method, answer in (("GET", get), ("PUT", put), ("PATCH", patch))
    ]


def _ids(call: Call) -> tuple[str, ...]:
    return tuple(each.lower() for each in call.ids.values())
