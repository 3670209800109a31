"""What can go wrong on purpose.

A `Fault` names the requests to hit and the action to take: instead of the true answer, before it, or on its way out.
"""

import abc
import dataclasses
import difflib
import itertools
import math
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import msgspec

from partnercenter_async.emulator import nouns
from partnercenter_async.emulator.generation import JsonObject

AUTHORITY_OPERATIONS = frozenset({"token", "sign_in"})
"""What is not asked of the API: tokens, and all else of signing in."""
OTHERS = ("token", "sign_in", "served", "other")
"""Beside those of nouns: the two of the authority, paths that a test has served, and all else."""
OPERATIONS: tuple[str, ...] = (*dict.fromkeys(each.operation for each in nouns.ROUTES), *OTHERS)
"""The names under which requests are recorded, counted and matched."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_BLOCK = 1 << 20
_MOST_PADDING = 1 << 34  # bytes: more would keep the event loop for seconds
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LOWEST_STATUS, _LOWEST_ERROR, _HIGHEST_STATUS = 200, 400, 599


def encode(document: object) -> bytes:
    """Return a document as JSON, each `Decimal` as the number that its text spells."""
    return _encoder.encode(document)


def check_seconds(name: str, value: object) -> None:
    """Refuse what is no length of time."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        message = f"{name} must be a number of seconds, 0 or more, not {value!r}"
        raise ValueError(message)


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"{name} must be a whole number from 1, not {value!r}"
        raise ValueError(message)


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse what is none of the choices."""
    if not any(value == choice and type(value) is type(choice) for choice in choices):  # 1 is not True
        message = f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}"
        raise ValueError(message)


def check_operation(value: object, *others: str | None) -> None:
    """Refuse what names no operation, nor is one of the others that stand for several."""
    known = [*OPERATIONS, *(each for each in others if each)]
    if value not in (*OPERATIONS, *others):
        near = difflib.get_close_matches(str(value), known, 1)
        hint = f", perhaps {near[0]!r}" if near else ""
        message = f"operation must be one of {', '.join(map(repr, known))}, not {value!r}{hint}"
        raise ValueError(message)


def check_text(name: str, value: object, remedy: str) -> None:
    """Refuse what is neither text nor None."""
    if not isinstance(value, str | None):
        message = f"{name} must be text or None, not {value!r}: {remedy}"
        raise TypeError(message)


def _check_lines(**given: str | Sequence[tuple[str, str]] | None) -> None:
    """Refuse what would break the lines of an answer's head."""
    for name, value in given.items():
        parts = [value] if isinstance(value, str) else itertools.chain(*(value or ()))
        if any(_CONTROL.search(part) for part in parts):
            message = f"{name} must have no control characters, not {value!r}"
            raise ValueError(message)


def _check_status(value: object, lowest: int, remedy: str = "") -> None:
    if not isinstance(value, int) or not lowest <= value <= _HIGHEST_STATUS:
        message = f"status must be a whole number from {lowest} to {_HIGHEST_STATUS}, not {value!r}{remedy}"
        raise ValueError(message)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Answers in place of the service. A dict is sent as JSON, a str as UTF-8."""

    status: int
    body: bytes | str | JsonObject = b""
    headers: Sequence[tuple[str, str]] = ()
    reason: str | None = None
    content_type: str = "application/json; charset=utf-8"

    def __post_init__(self) -> None:
        """Check the status and the lines of the head."""
        _check_status(self.status, _LOWEST_STATUS)
        _check_lines(headers=self.headers, reason=self.reason, content_type=self.content_type)

    def encoded(self) -> bytes:
        """Return the body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else encode(self.body)


def service_error(
    status: int, code: int, description: str, *, headers: Sequence[tuple[str, str]] = (), pascal_case: bool = False
) -> Answer:
    """Return an error answer in the service's standard shape, its members in `PascalCase` where that is asked for."""
    body: JsonObject = {"code": code, "description": description, "data": [], "source": "PartnerFD"}
    if pascal_case:
        body = {name.capitalize(): value for name, value in body.items()}
    return Answer(status, body, headers)


def gateway_throttle(seconds: int, *, retry_after: str | None = None) -> Answer:
    """Return the 429 of the gateway in front of the service. `retry_after` replaces the text of the header."""
    text = str(seconds) if retry_after is None else retry_after
    body: JsonObject = {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}
    return Answer(429, body, [("Retry-After", text)])


@dataclasses.dataclass(frozen=True, slots=True)
class ThrottleCustomer:
    """From the hit on, answers every request for the same customer with 429 for some seconds of loop time.

    Requests for paths without a customer share one such bar. `Retry-After` is the remaining time rounded up to a whole
    second, or `retry_after`. A request that is answered so is seen by no other fault.
    """

    seconds: float
    retry_after: str | None = None

    def __post_init__(self) -> None:
        """Check the time and the header."""
        check_seconds("seconds", self.seconds)
        _check_lines(retry_after=self.retry_after)


@dataclasses.dataclass(frozen=True, slots=True)
class ThrottlePartner:
    """From the hit on, answers every request for the API with 429 for some seconds of loop time.

    As with `ThrottleCustomer`, no other fault sees these requests.
    """

    seconds: float
    retry_after: str | None = None

    def __post_init__(self) -> None:
        """Check the time and the header."""
        check_seconds("seconds", self.seconds)
        _check_lines(retry_after=self.retry_after)


@dataclasses.dataclass(frozen=True, slots=True)
class CutBody:
    """Sends correct headers and a part of the body, then closes the connection."""

    fraction: float = 0.5

    def __post_init__(self) -> None:
        """Check the fraction."""
        if not 0 <= self.fraction < 1:
            message = "fraction must be at least 0 and below 1"
            raise ValueError(message)


@dataclasses.dataclass(frozen=True, slots=True)
class WrongLength:
    """Sends the whole body under a Content-Length that is `delta` too large, then closes the connection."""

    delta: int = 1

    def __post_init__(self) -> None:
        """Check the difference."""
        if self.delta < 1:
            message = "delta must be at least 1"
            raise ValueError(message)


@dataclasses.dataclass(frozen=True, slots=True)
class BrokenChunk:
    """Sends half of the body as a chunk and, so many seconds later, a chunk header that is no number."""

    pause: float = 0.0

    def __post_init__(self) -> None:
        """Check the time."""
        check_seconds("pause", self.pause)


@dataclasses.dataclass(frozen=True, slots=True)
class DropBefore:
    """Resets the connection instead of processing the request."""


@dataclasses.dataclass(frozen=True, slots=True)
class DropAfter:
    """Processes the request and resets the connection instead of answering."""


@dataclasses.dataclass(frozen=True, slots=True)
class CloseAfter:
    """Answers well, then closes the kept-alive connection without having announced it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redirect:
    """Answers with a redirect."""

    status: int
    location: str

    def __post_init__(self) -> None:
        """Check the status and the location."""
        _check_status(self.status, _LOWEST_STATUS)
        _check_lines(location=self.location)


@dataclasses.dataclass(frozen=True, slots=True)
class Delay:
    """Waits, then gives the true answer."""

    seconds: float

    def __post_init__(self) -> None:
        """Check the time."""
        check_seconds("seconds", self.seconds)


@dataclasses.dataclass(frozen=True, slots=True)
class Drip:
    """Sends the true answer one byte at a time."""

    interval: float

    def __post_init__(self) -> None:
        """Check the time."""
        check_seconds("interval", self.interval)


@dataclasses.dataclass(frozen=True, slots=True)
class ExpireToken:
    """Answers 401 as for an expired token; the access token of this request is worth nothing from now on."""


class BodyAction(abc.ABC):
    """An action that alters the true answer's body."""

    __slots__ = ()

    @abc.abstractmethod
    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the body to send and headers to add."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReplaceBody(BodyAction):
    """Sends the true answer with its body altered."""

    function: Callable[[bytes], bytes]

    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the altered body."""
        return self.function(body), ()


@dataclasses.dataclass(frozen=True, slots=True)
class Bom(BodyAction):
    """Sends the true answer with a UTF-8 byte order mark before it."""

    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the body behind the mark."""
        return b"\xef\xbb\xbf" + body, ()


@dataclasses.dataclass(frozen=True, slots=True)
class Gzip(BodyAction):
    """Sends the true answer compressed, whatever the request accepts; with `padding` blanks behind it, a bomb."""

    padding: int = 0

    def __post_init__(self) -> None:
        """Check the number of blanks."""
        _check_padding(self.padding)

    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the compressed body."""
        checksum = _over_blanks(zlib.crc32, body, self.padding)
        size = (len(body) + self.padding) % (1 << 32)
        packed = b"\x1f\x8b\x08" + bytes(6) + b"\xff" + _deflated(body, self.padding)
        return packed + struct.pack("<II", checksum, size), [("Content-Encoding", "gzip")]


@dataclasses.dataclass(frozen=True, slots=True)
class Deflate(BodyAction):
    """Sends the true answer in the encoding "deflate", as `Gzip` does in "gzip"."""

    padding: int = 0

    def __post_init__(self) -> None:
        """Check the number of blanks."""
        _check_padding(self.padding)

    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the compressed body."""
        checksum = _over_blanks(zlib.adler32, body, self.padding)
        packed = b"\x78\x9c" + _deflated(body, self.padding) + struct.pack(">I", checksum)
        return packed, [("Content-Encoding", "deflate")]


def _check_padding(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_PADDING:
        message = f"padding must be a whole number of bytes from 0 to {_MOST_PADDING}, not {value!r}"
        raise ValueError(message)


def _deflated(body: bytes, padding: int) -> bytes:
    """Return a body and blanks behind it as a raw deflate stream; a gigabyte of blanks costs a megabyte."""
    blocks, rest = divmod(padding, _BLOCK)
    return b"".join([_part(body), _part(b" " * _BLOCK) * blocks, _part(b" " * rest), zlib.compress(b"", wbits=-15)])


def _part(content: bytes) -> bytes:
    """Return content compressed on its own, to stand anywhere in a stream but at its end."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)


def _over_blanks(checksum: Callable[[bytes, int], int], body: bytes, padding: int) -> int:
    blocks, rest = divmod(padding, _BLOCK)
    value = checksum(body, 1 if checksum is zlib.adler32 else 0)
    blanks = b" " * _BLOCK
    for _ in range(blocks):
        value = checksum(blanks, value)
    return checksum(blanks[:rest], value)


@dataclasses.dataclass(frozen=True, slots=True)
class DuplicateHeaders(BodyAction):
    """Sends the true answer with these header lines behind its own."""

    headers: Sequence[tuple[str, str]] = (("Content-Type", "text/html"), ("MS-RequestId", "another"))

    def __post_init__(self) -> None:
        """Check the lines."""
        _check_lines(headers=self.headers)

    def alter_body(self, body: bytes) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """Return the body as it is, and the headers."""
        return body, self.headers


class NothingToAlterError(LookupError):
    """A collection lacks what an action alters."""


class PageAction(abc.ABC):
    """An action that alters the true collection before it is encoded. A bare array is an object with `items` to it."""

    __slots__ = ()

    @abc.abstractmethod
    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return the collection to send. Raises NothingToAlterError, and leaves the collection as it is then."""


@dataclasses.dataclass(frozen=True, slots=True)
class AlterPage(PageAction):
    """Alters the true collection with a function, in place or by returning another one."""

    function: Callable[[JsonObject], JsonObject | None]

    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return what the function makes of the collection."""
        altered = self.function(page)
        return page if altered is None else altered


@dataclasses.dataclass(frozen=True, slots=True)
class SetNextLink(PageAction):
    """Replaces the next link of a collection."""

    link: JsonObject | None

    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return the collection with that link."""
        links = page.get("links")
        kept = cast("JsonObject", links) if isinstance(links, dict) else {}
        return {**page, "links": {**kept, "next": self.link}}


@dataclasses.dataclass(frozen=True, slots=True)
class DropRecord(PageAction):
    """Leaves one record of the collection out."""

    index: int

    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return the collection without the record."""
        items = _items(page)
        _there(items, self.index)
        del items[self.index]
        return page


@dataclasses.dataclass(frozen=True, slots=True)
class RepeatRecord(PageAction):
    """Sends one record of the collection twice."""

    index: int

    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return the collection with the record repeated."""
        items = _items(page)
        items.insert(self.index, _there(items, self.index))
        return page


@dataclasses.dataclass(frozen=True, slots=True)
class AlterRecord(PageAction):
    """Sets one field of one record, for instance `AlterRecord(0, ("lineItems", 0, "quantity"), 7)`."""

    index: int
    path: tuple[str | int, ...]
    value: object

    def __post_init__(self) -> None:
        """Check the path."""
        if not self.path:
            message = "path must name a field"
            raise ValueError(message)

    def alter_page(self, page: JsonObject) -> JsonObject:
        """Return the collection with the field set."""
        _set(_there(_items(page), self.index), self.path, self.value)
        return page


Action: TypeAlias = (
    Answer
    | ThrottleCustomer
    | ThrottlePartner
    | CutBody
    | WrongLength
    | BrokenChunk
    | DropBefore
    | DropAfter
    | CloseAfter
    | Redirect
    | Delay
    | Drip
    | ExpireToken
    | BodyAction
    | PageAction
)


def _check_action(value: object) -> None:
    if not isinstance(value, Action):
        message = f"action must be an action such as Delay(5.0) or service_error(503, 800003, 'Down.'), not {value!r}"
        raise TypeError(message)


def _items(page: JsonObject) -> list[object]:
    items = page["items"]
    if not isinstance(items, list):
        message = "the collection has no items to alter"
        raise NothingToAlterError(message)
    return cast("list[object]", items)


def _there(items: list[object], index: int) -> object:
    try:
        return items[index]
    except IndexError:
        message = f"there is no number {index} of {len(items)} to alter"
        raise NothingToAlterError(message) from None


def _field(target: object, name: str | int) -> object:
    if isinstance(target, dict) and isinstance(name, str):
        return cast("JsonObject", target).get(name)
    if isinstance(target, list) and isinstance(name, int):
        return _there(cast("list[object]", target), name)
    message = f"there is nothing called {name!r} to alter"
    raise NothingToAlterError(message)


def _set(target: object, path: tuple[str | int, ...], value: object) -> None:
    *way, last = path
    for step in way:
        target = _field(target, step)
    _field(target, last)
    cast("dict[str | int, object]", target)[last] = value


@dataclasses.dataclass(frozen=True, eq=False)
class Fault:
    """An action and the requests that it hits.

    Of the requests that match `operation`, `customer_id` and `method`, it hits number `nth` and those after it, `times`
    in all (None: for ever), or with `every=10` each tenth instead. Every fault counts every request that it matches;
    when several hit, the one injected first acts.

    `operation` "api" is every request but those for tokens, None every request.

    An outage is `Fault(service_error(503, 800003, "Down."), times=None)`, a slow token endpoint
    `Fault(Delay(5.0), operation="token", times=None)`.
    """

    action: Action
    _: dataclasses.KW_ONLY
    operation: str | None = None
    customer_id: str | None = None
    method: str | None = None
    nth: int = 1
    times: int | None = 1
    every: int | None = None

    def __post_init__(self) -> None:
        """Check what is to happen, and to which requests."""
        _check_action(self.action)
        check_operation(self.operation, "api", None)
        check_text("customer_id", self.customer_id, "add_customer returns the id of one")
        check_text("method", self.method, "such as 'GET'")
        check_count("nth", self.nth)
        if self.times is not None:
            check_count("times", self.times)
        if self.every is not None:
            check_count("every", self.every)

    def matches(self, operation: str, customer_id: str | None, method: str) -> bool:
        """Return whether a request is one of those that this fault counts."""
        return (
            (self.operation in (None, operation) or (self.operation == "api" and operation not in AUTHORITY_OPERATIONS))
            and (
                self.customer_id is None
                or (customer_id is not None and self.customer_id.lower() == customer_id.lower())
            )
            and (self.method is None or self.method.upper() == method)
        )

    def hits(self, number: int) -> bool:
        """Return whether this fault acts on the matching request of that number, counted from 1."""
        if self.every is not None:
            return number % self.every == 0
        return number >= self.nth and (self.times is None or number < self.nth + self.times)


def fails(
    operation: str = "api",
    *,
    customer_id: str | None = None,
    status: int = 503,
    code: int = 800003,
    nth: int = 1,
    times: int | None = 1,
) -> Fault:
    """Return a fault that answers with an error of the service; `times=None` for ever."""
    _check_status(status, _LOWEST_ERROR, ": for other answers there is Fault(Answer(...))")
    answer = service_error(status, code, "The emulator fails on purpose.")
    return Fault(answer, operation=operation, customer_id=customer_id, nth=nth, times=times)


def throttles(customer_id: str | None = None, *, seconds: float, nth: int = 1) -> Fault:
    """Return a fault that bars a customer, or without one the partner, for so many seconds from its next request on."""
    action = ThrottlePartner(seconds) if customer_id is None else ThrottleCustomer(seconds)
    return Fault(action, operation="api", customer_id=customer_id, nth=nth)


def loses(
    operation: str = "api",
    *,
    customer_id: str | None = None,
    nth: int = 1,
    times: int | None = 1,
) -> Fault:
    """Return a fault that processes the request and breaks the connection in place of an answer."""
    return Fault(DropAfter(), operation=operation, customer_id=customer_id, nth=nth, times=times)


def _check_fault(value: object) -> None:
    if not isinstance(value, Fault):
        message = f"a fault must be made by fails(...), throttles(...), loses(...) or Fault(action, ...), not {value!r}"
        raise TypeError(message)


class Script:
    """The faults in force, in the order of their injection, and how many requests each has seen."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._seen: dict[Fault, int] = {}
        self._met: Counter[Fault] = Counter()
        for fault in faults:
            self.inject(fault)

    def inject(self, fault: Fault) -> None:
        """Add a fault behind the others; its counting begins now, anew if it was there already."""
        _check_fault(fault)
        self._seen.pop(fault, None)
        self._seen[fault] = 0
        del self._met[fault]

    def clear(self) -> None:
        """Take every fault out."""
        self._seen.clear()
        self._met.clear()

    def missed(self) -> list[Fault]:
        """Return those that have not acted on any request."""
        return [fault for fault, met in self.in_force() if not met]

    def in_force(self) -> list[tuple[Fault, int]]:
        """Return the faults, each with the number of requests that it has acted on."""
        return [(fault, self._met[fault]) for fault in self._seen]

    def spare(self, action: Action) -> None:
        """Take back that an action hit a request, which had nothing for it."""
        self._met[next(fault for fault in self._seen if fault.action is action and self._met[fault])] -= 1

    def next_action(self, operation: str, customer_id: str | None, method: str) -> Action | None:
        """Count a request and return what is to happen to it."""
        action: Action | None = None
        for fault, seen in self._seen.items():
            if fault.matches(operation, customer_id, method):
                self._seen[fault] = seen + 1
                if action is None and fault.hits(seen + 1):
                    action = fault.action
                    self._met[fault] += 1
        return action
