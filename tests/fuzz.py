"""Throw damaged answers at the decoder and hostile links at the link resolver: ``python tests/fuzz.py --minutes 10``.

Whatever comes in, a body gives a value or a DecodeError, and a link a URL of the configured origin or a LinkError. A
run ends at the first thing else and prints the input, with the seed that finds it again. ``tests/test_fuzz.py`` makes a
short run of the same, always with the same seed.
"""

import argparse
import codecs
import copy
import json
import pickle
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import fixtures
import msgspec
from helpers import CLOUD, Fake

from partnercenter_async import (
    ApiError,
    Customer,
    DecodeError,
    LinkError,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    Order,
    OrderLineItemProvisioningStatus,
    ResourceCollection,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.paging import Cursor, _Walk

BODIES: list[tuple[bytes, Any]] = [
    (fixtures.ORDER, Order),
    (fixtures.LEGACY_ORDER, Order),
    (fixtures.ORDERS, ResourceCollection[Order]),
    (fixtures.PROVISIONING, ResourceCollection[OrderLineItemProvisioningStatus]),
    (fixtures.MIGRATION, NewCommerceMigration),
    (fixtures.EVENTS, tuple[NewCommerceMigrationEvent, ...]),
    (fixtures.CUSTOMER, Customer),
    (fixtures.CUSTOMERS, ResourceCollection[Customer]),
    (fixtures.ERROR, ApiError),
    (fixtures.EXTENDED_ERROR, ApiError),
    (fixtures.GATEWAY_ERROR, ApiError),
    (fixtures.NESTED_ERROR, ApiError),
    (fixtures.TOKEN_ERROR, ApiError),
]
# JSON as it may stand in the place of any value; some of it is none.
ODD = [
    *["null", "true", "false", '""', '" "', "[]", "{}", "[[]]", "[null]", '["x"]', "[{}]", '{"a": {"b": [1]}}'],
    *["0", "-0", "-1", "7", "1.0", "1.5", "1e5", "-1e-400", "1e400", "1e99999", "1e-99999", "9" * 30, "9" * 5000],
    *["1e9999999999999999999999", "0." + "3" * 3000, "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "0x10"],
    *['"7"', '"1.0"', '"-3"', '"1e5"', '"NaN"', '"Infinity"', '"-inf"', '"0x10"', '"1_000"', '"１２"'],
    *['"Monthly"', '"ONE_TIME"', '"4"', '"99"', '"brand new"', '"true"', '"No"'],
    *['"2020-01-01"', '"2020-01-01T00:00:00"', '"2020-02-30T00:00:00Z"', '"0001-01-01T00:00:00+23:59"'],
    *['"9999-12-31T23:59:59.9999999Z"', '"2020-01-01T24:00:00Z"', '"2020-01-01T00:00:00+99:99"', '"２０２０-01-01"'],
    *['"2020-01-01T10:00:00.' + "1" * 2000 + 'Z"', '"' + "x" * 100_000 + '"', '"\\u0000\\r\\n"', '"\\ud800"'],
    *['{"a":' * 60 + "1" + "}" * 60, '{"error":' * 8 + "{}" + "}" * 8, '{"error":' * 300 + "{}" + "}" * 300],
    *["[" * 200 + "]" * 200, '{"a":' * 200 + "1" + "}" * 200, "[" * 5000 + "]" * 5000, '{"a":' * 3000],
]


class Sample(NamedTuple):
    """A body and the type that it is read as."""

    body: bytes
    kind: Any


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    if not isinstance(document, dict | list):
        return
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(entries):
        yield document, key
        yield from places(value)


def opened(body: bytes, chance: random.Random) -> tuple[Any, Any, Any] | None:
    """A body as a document, and one place in it; None where it is no document any more, or has no places."""
    try:
        document = json.loads(body)
        found = list(places(document))
    except (ValueError, RecursionError):
        return None
    return (document, *chance.choice(found)) if found else None


def damaged(chance: random.Random) -> Sample:
    """A valid body with one to three things wrong with it."""
    body, kind = chance.choice(BODIES)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        body = chance.choice([replaced, replaced, replaced, doubled, dropped, scrambled])(body, chance)
    return Sample(body, kind)


def replaced(body: bytes, chance: random.Random) -> bytes:
    """Put something odd in the place of one value."""
    odd = chance.choice(ODD).encode()
    place = opened(body, chance)
    if place is None:
        return odd
    document, container, key = place
    container[key] = "a hole to be filled"
    return json.dumps(document).encode().replace(b'"a hole to be filled"', odd, 1)


def doubled(body: bytes, chance: random.Random) -> bytes:
    """Let a name come twice in an object, the second time with something odd."""
    odd = chance.choice(ODD)
    name = chance.choice(["id", "items", "code", "quantity", "links", "creationDate", "pricing", "attributes"])
    at = body.find(b"{", chance.randrange(len(body) + 1)) + 1 or len(body)
    return body[:at] + f'"{name}": {odd}, '.encode() + body[at:]


def dropped(body: bytes, chance: random.Random) -> bytes:
    """Leave a member or an item out, or rename a member."""
    place = opened(body, chance)
    if place is None:
        return body[1:]
    document, container, key = place
    value = container.pop(key)
    if isinstance(container, dict) and isinstance(key, str) and chance.random() < 0.5:
        container[chance.choice([key.upper(), key + "2", "odata.type", ""])] = value
    return json.dumps(document).encode()


def scrambled(body: bytes, chance: random.Random) -> bytes:
    """Damage the bytes themselves."""
    at = chance.randrange(len(body) + 1)
    match chance.randrange(9):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 2:
            return (
                body[:at] + chance.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xf5\x80\x80\x80"]) + body[at:]
            )
        case 3:
            return codecs.BOM_UTF8 + body
        case 4:
            return body.decode("utf-8", "replace").encode(chance.choice(["utf-16", "utf-16-be", "utf-32"]))
        case 5:
            return body[:at] + body[at // 2 :]
        case 6:
            return chance.choice([b"", b" ", b"null", b"<html>", b"[", b"]", b'"', b"\xef\xbb\xbf"])
        case 7:
            return b"[" + body + b"]"
        case _:
            return chance.randbytes(chance.randrange(60))


def check_body(sample: Sample) -> bool:
    """Read a body; tells whether it gave a value, which then is good for all that values are good for."""
    try:
        value = decode(sample.body, sample.kind)
    except DecodeError as error:
        assert error.body == sample.body
        assert len(str(error)) < 1000
        return False
    hash(value)
    repr(value)
    msgspec.to_builtins(value)
    again = pickle.loads(pickle.dumps(value))
    assert copy.deepcopy(value) == again == value or _holds_nan(value)
    return True


def _holds_nan(value: Any) -> bool:
    text = repr(value)
    return "Decimal('NaN')" in text or "Decimal('sNaN')" in text


# fmt: off
PIECES = [
    "/", "//", "\\", "\\\\", "..", ".", "%2e", "%2E%2e", "%252e%252e", "%5c", "%2f", "%00", "%0d%0a", "?", "#", "@",
    ":", "v1", "V1", "customers", "c", "orders", "http:", "https:", "HTTPS://", "javascript:", "file:///", ";", "&",
    "api.example.com", "api.example.com:443", "api.example.com:8443", "API.EXAMPLE.COM", "api.example.com.", "[::1]",
    "evil.example", "api.example.com.evil.example", "api.example.com@evil.example", "аpi.example.com", "127.0.0.1",
    " ", "\t", "\r\n", "\x00", "\u2025", "\uff0f", "\uff0e\uff0e", "\u3002", "é", "\ud800", "%", "%zz", "x" * 3000,
]
# fmt: on
GOOD_LINKS = [
    "/customers/c/orders?size=2&token=%2F+x",
    "customers/c/orders?seekOperation=Next",
    "/v1/customers/c/orders",
    "https://api.example.com/v1/customers/c/orders?x=1",
    "/v1//v1/customers/c/orders",
]
HEADER_NAMES = ["MS-ContinuationToken", "X-Any", "Authorization", "Host", "cookie", "Content-Length", "a b", "", "É"]
HEADER_VALUES = ["token", "a,b/c==", "", "a\r\nHost: evil.example", "a\x00b", "a\nb", "\ud800", "é", "x" * 5000, "\t"]


def hostile(chance: random.Random) -> Cursor:
    """A link that may have anything wrong with it."""
    uri = chance.choice([*GOOD_LINKS, ""])
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(uri) + 1)
        uri = uri[:at] + chance.choice(PIECES) + uri[at + chance.choice([0, 0, 1, 5]) :]
    headers = tuple(
        (chance.choice(HEADER_NAMES), chance.choice(HEADER_VALUES)) for _ in range(chance.choice([0, 0, 1, 2]))
    )
    return Cursor(uri, headers, chance.choice(["GET", "GET", "get", "DELETE", "P\r\nOST", ""]))


PAGES = _Walk(Fake([]).client.orders.list("c")._listing, None)


def check_link(cursor: Cursor) -> bool:
    """Resolve a link; tells whether it may be followed, and then it leads to the origin and sets what it may."""
    try:
        url, headers = PAGES._follow(cursor)
    except LinkError as error:
        assert len(str(error)) < 1000
        return False
    assert url.startswith(f"{CLOUD.api.endpoint}/v1/")
    assert url.isascii()
    assert not set(url) & set(" \t\r\n\x00#")
    path = urlsplit(url).path
    assert "\\" not in path
    for _ in range(10):
        assert not {".", ".."} & set(path.replace("\\", "/").split("/"))
        path = unquote(path)
    assert urlsplit(url).netloc == urlsplit(CLOUD.api.endpoint).netloc
    for name, value in headers:
        assert name.lower() not in {"authorization", "host", "cookie", "content-length"}
        assert name.isascii()
        assert not set(value) & set("\r\n\x00")
    assert cursor.method.upper() == "GET"
    return True


TRIALS: list[tuple[Callable[[random.Random], Any], Callable[[Any], bool]]] = [
    (damaged, check_body),
    (hostile, check_link),
]


def trials(seed: int) -> Iterator[tuple[Any, Callable[[Any], bool]]]:
    """Inputs and the check of each, without an end, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        for make, check in TRIALS:
            yield make(chance), check


def main() -> int:
    """Run until the time is over or something breaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    begun = time.monotonic()
    number = taken = 0
    for number, (found, check) in enumerate(trials(given.seed), 1):
        try:
            taken += check(found)
        except Exception as error:
            print(f"input {number}, {check.__name__}: {type(error).__name__}: {error}\n{found!r}"[:20_000])
            return 1
        if number % 1000 == 0 and time.monotonic() - begun > given.minutes * 60:
            break
    print(f"{number} inputs, {taken} of them taken, {number / (time.monotonic() - begun):.0f} a second, nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
