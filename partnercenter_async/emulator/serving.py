"""Records of a test's own at any path."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

from partnercenter_async.emulator.api import Api, Call, Reply, Route, routes_of
from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.store import Generated, Kind, Store

_NAME = "served"
_PATH = re.compile(r"(?:/(?:[^/{}?#\s]+|\{[A-Za-z_]\w*\}))+")
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

    def position(self, record_id: str) -> int:
        for position, record in enumerate(self._records):
            if str(record.get(self._name)).lower() == record_id.lower():
                return position
        raise KeyError(record_id)


def serving(path: str, records: object, name: str) -> list[Route]:
    """Return the routes of a path with these records. Raises ValueError for a path or records that can't be."""
    where = _checked(path)
    if isinstance(records, Mapping):
        return _resource(where, cast("JsonObject", records))
    if not isinstance(records, Sequence) or isinstance(records, str | bytes):
        message = f"records must be a list of dicts, or a dict for a single resource, not {records!r}"
        raise ValueError(message)  # noqa: TRY004 - as for all that is passed
    given = list(cast("Sequence[object]", records))
    for at, record in enumerate(given):
        if not isinstance(record, Mapping):
            message = f"records[{at}] must be a dict, not {record!r}"
            raise ValueError(message)  # noqa: TRY004 - as above
    found = cast("list[JsonObject]", given)

    def generate(_store: Store, _parents: Sequence[str]) -> Generated:
        return _Given(found, name)

    kind = Kind(path=where, key="served_id", id=name, generate=generate)
    every = routes_of(kind, _NAME)
    if any(name not in record for record in found):
        return [every[0]]
    return every


def _checked(path: object) -> str:
    if not isinstance(path, str):
        message = f"path must be text such as 'customers/{{customer_id}}/agreements', not {path!r}"
        raise ValueError(message)  # noqa: TRY004 - as for all that is passed
    where = "/" + path.removeprefix("/").removesuffix("/")
    if not _SERVICE.match(where + "/"):
        where = "/v1" + where
    if not _PATH.fullmatch(where) or where.count("/") < 2:  # noqa: PLR2004 - a prefix and a name
        message = f"path must be one such as 'customers/{{customer_id}}/agreements', without a query, not {path!r}"
        raise ValueError(message)
    return where


def _resource(path: str, given: JsonObject) -> list[Route]:
    """Return the routes of a single resource, of which each path has its own."""
    written: dict[str, JsonObject] = {}

    def current(call: Call) -> JsonObject:
        return written.get(call.path.lower(), given)

    def get(_api: Api, call: Call) -> Reply:
        return Reply(200, current(call))

    def put(_api: Api, call: Call) -> Reply:
        written[call.path.lower()] = call.document()
        return get(_api, call)

    def patch(_api: Api, call: Call) -> Reply:
        written[call.path.lower()] = {**current(call), **call.document()}
        return get(_api, call)

    return [
        Route(_NAME, f"{method} {path}", answer) for method, answer in (("GET", get), ("PUT", put), ("PATCH", patch))
    ]
