"""What a newer service may bring: members, names and forms of links that no reference has yet."""

import hashlib
from typing import cast

from partnercenter_async.emulator.generation import JsonObject

MEMBER, NAME = "addedSince", "unheard_of"
_NAMED = frozenset({"status", "billingCycle", "transactionType", "eventName"})
_SHARE = 3  # one of so many names is new


def drifted(document: object) -> object:
    """Return a document as a newer service would send it, always the same one for the same one.

    Each record has a member more, as has each part of a list in one; some of the names that stand for a state are new
    ones, and links have their version, a member more and a method in lower case.
    """
    if isinstance(document, list):
        return [_record(each) for each in cast("list[object]", document)]
    return _record(document)


def _record(value: object) -> object:
    if not isinstance(value, dict):
        return value
    record = cast("JsonObject", value)
    return {**_within(record, str(record.get("id") or record)), MEMBER: {"version": 2, "parts": ["new", None]}}


def _within(record: JsonObject, dice: str) -> JsonObject:
    """Return an object with what stands in it altered; `dice` tells its record from others."""
    found: JsonObject = {}
    for name, value in record.items():
        match value:
            case dict() if name == "links":
                found[name] = {each: _link(each, link) for each, link in cast("JsonObject", value).items()}
            case dict():
                found[name] = _within(cast("JsonObject", value), dice)
            case list():
                found[name] = drifted(cast("list[object]", value))
            case str() if name in _NAMED and hashlib.blake2b(f"{name} {dice}".encode()).digest()[0] % _SHARE == 0:
                found[name] = NAME
            case _:
                found[name] = value
    return found


def _link(name: str, value: object) -> object:
    if not isinstance(value, dict):
        return value
    link = cast("JsonObject", value)
    uri = link.get("uri")
    if not isinstance(uri, str):
        return link
    return {
        **link,
        "uri": f"/v1{uri}" if uri.startswith("/") and uri[:4].lower() != "/v1/" else uri,
        "method": str(link.get("method", "GET")).lower(),
        "headers": link.get("headers") or None,
        "rel": name,
    }
