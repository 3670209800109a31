"""The API itself, without a socket: from a request's facts to a reply."""

import base64
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from http import HTTPStatus
from typing import Literal, TypeAlias, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from partnercenter_async.emulator.drift import drifted
from partnercenter_async.emulator.generation import JsonObject, Scramble, guid, link
from partnercenter_async.emulator.store import Collection, Kind, Store
from partnercenter_async.emulator.tokens import API_RESOURCES, BESIDE_RESOURCES, TokenIssuer

LinkStyle: TypeAlias = Literal["root", "version", "relative", "absolute", "doubled", "upper", "mixed"]
"""How the links of collections are written."""
LastLinks: TypeAlias = Literal["missing", "self", "null_next", "empty_uri"]
"""What the last page of a collection has for links."""
OrdersPaging: TypeAlias = Literal["seek", "offset"]
"""How the listing of orders goes on: by a token in a header, or by an offset in the address."""
Paths: TypeAlias = Literal["tolerant", "exact"]
"""Whether paths are taken in any letter case and with a slash at their end."""

_LINK_STYLES = ("root", "version", "relative", "absolute", "doubled", "upper")
_JSON = "application/json; charset=utf-8"
# What the paths of other services begin with, which share the emulator's address.
_BESIDE = re.compile(r"v[0-9]+\.[0-9]+|beta")
_PLACE = re.compile(r"\{(\w+)\}")
_LONGEST_NUMBER = 10
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class RefusedError(Exception):
    """The request is answered with this status, code and text."""

    def __init__(self, status: int, code: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code


class BadRequestError(RefusedError):
    """The request is answered with 400 and this text."""

    def __init__(self, description: str) -> None:
        super().__init__(400, 2000, description)


@dataclass(frozen=True, slots=True)
class Call:
    """What the service looks at in a request."""

    method: str
    path: str
    """Undecoded, without the query."""
    query: str
    """Undecoded."""
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes
    route: "Route"
    ids: Mapping[str, str]
    """Those in the path, by their names in the route."""

    def parameters(self) -> dict[str, str]:
        """Return the query's parameters, names in lower case, the first of each name."""
        return {name.lower(): value for name, value in reversed(parse_qsl(self.query, keep_blank_values=True))}

    def document(self) -> JsonObject:
        """Return the body's JSON object, its numbers exact. Raises BadRequestError."""
        try:
            found: object = _decoder.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            message = "The body is not a JSON object."
            raise BadRequestError(message)
        return cast("JsonObject", found)

    @property
    def beside(self) -> bool:
        """Whether it is for another service than the API: Microsoft Graph, or that of prices and referrals."""
        return _BESIDE.fullmatch(self.path.removeprefix("/").partition("/")[0]) is not None


@dataclass(slots=True)
class Reply:
    """An answer before it is encoded: a document, or nothing."""

    status: int
    document: object = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    content_type: str = _JSON


@dataclass(frozen=True, slots=True)
class Route:
    """What answers requests of a method and a path."""

    operation: str
    """The name under which they are counted and faults hit them."""
    request: str
    """Such as "GET /v1/customers/{customer_id}/orders"."""
    answer: "Callable[[Api, Call], Reply]"
    user_only: bool = field(default=False, kw_only=True)
    """Whether an application alone may not do it."""

    @property
    def method(self) -> str:
        """The method of the route."""
        return self.request.partition(" ")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        """The path of the route, in its parts."""
        return tuple(self.request.partition(" ")[2].removeprefix("/").split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Those of the service's ways that a test may choose."""

    page_size: int
    customers_page_size: int
    paging: OrdersPaging
    link_style: LinkStyle
    last_links: LastLinks
    require_mfa: bool
    events_content_type: str | None
    paths: Paths
    drift: bool


def _error(call: Call, status: int, code: int, description: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """Return an error in the shape that the service has which the request is for."""
    document = _standard(code, description)
    if call.beside:
        name = HTTPStatus(status).phrase.replace(" ", "")
        document = {"error": {"code": name[0].lower() + name[1:], "message": description}}
    return Reply(status, document, [*headers])


def _standard(code: int, description: str) -> JsonObject:
    return {"code": code, "description": description, "data": [], "source": "PartnerFD"}


def _wrong_audience(call: Call, audience: str) -> Reply:
    """Return the refusal of a token for another service."""
    challenge = ("WWW-Authenticate", 'Bearer error="invalid_token"')
    if call.beside:
        message = "Access token validation failure. Invalid audience."
        return Reply(401, {"error": {"code": "InvalidAuthenticationToken", "message": message}}, [challenge])
    return _error(call, 401, 900420, f"The audience '{audience}' in the token is invalid.", [challenge])


class Router:
    """Finds what a request asks for."""

    def __init__(self, routes: Sequence[Route], paths: Paths) -> None:
        self._exact = paths == "exact"
        self._found: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            self.add(route)

    def add(self, route: Route) -> None:
        """Serve another route, in place of one for the same requests."""
        shape = tuple(each if each.startswith("{") else self._same(each) for each in route.segments)
        there = self._found.setdefault((route.method, len(shape)), [])
        there[:] = [each for each in there if _shape(each[0]) != _shape(shape)]
        there.append((shape, route))
        there.sort(key=lambda each: [part.startswith("{") for part in each[0]])  # a name goes before an id

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return what answers requests of an undecoded path, and the ids in it."""
        given = [unquote(segment) for segment in path.removeprefix("/").split("/")]
        if not self._exact and len(given) > 1 and not given[-1]:
            del given[-1]
        for shape, route in self._found.get((method, len(given)), ()):
            pairs = list(zip(shape, given, strict=True))
            if all(part.startswith("{") or part == self._same(found) for part, found in pairs) and all(given):
                return route, {part[1:-1]: found for part, found in pairs if part.startswith("{")}
        if given[1:] == ["echo"] and (given[0] == "v1" or _BESIDE.fullmatch(given[0])):
            return _ECHO, {}
        customer = given[2] if len(given) > 2 and given[1].lower() == "customers" else ""  # noqa: PLR2004 - v1, customers, id
        return _NOT_SERVED, {"customer_id": customer} if customer else {}

    def _same(self, segment: str) -> str:
        return segment if self._exact and segment.lower() != "v1" else segment.lower()


def _shape(segments: tuple[str, ...]) -> tuple[str, ...]:
    """Return what tells one path from another; how ids are called does not."""
    return tuple("{}" if each.startswith("{") else each for each in segments)


def _not_served(_api: "Api", call: Call) -> Reply:
    what = f"The emulator does not serve {call.method} {call.path}. A test may have it serve any path, with serve()."
    return _error(call, 501, 0, what)


def _echo(_api: "Api", call: Call) -> Reply:
    try:
        body: object = _decoder.decode(call.body) if call.body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = call.body.decode(errors="replace")
    named = call.headers.get("MS-RequestId")
    if named is not None:
        named = named.encode(errors="replace").decode()  # a header may be no text
    return Reply(200, {"method": call.method, "body": body, "requestId": named})


_ECHO = Route("other", "* /v1/echo", _echo)
_NOT_SERVED = Route("other", "* *", _not_served)


class _SeekTokens:
    """Continuation tokens: a position and the listing that it belongs to, in the service's long form."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.blake2b(f"{seed}:seek".encode(), digest_size=32).digest()
        self._scramble = Scramble(f"{seed}:seek")

    def at(self, listing: str, position: int) -> str:
        digest = hashlib.blake2b(f"{position}\0{listing}".encode(), key=self._key).digest()
        words = digest[:32].hex()
        guids = [
            f"{words[at : at + 8]}-{words[at + 8 : at + 12]}-4{words[at + 12 : at + 15]}-a{words[at + 15 : at + 18]}"
            for at in (0, 20, 40)
        ]
        seal = base64.b64encode(digest[32:]).decode()
        return (
            f"{guids[0]}-{words[:12]},{guids[1]}-{self._scramble.hide(position):012x}_{seal},{guids[2]}-{words[20:32]}"
        )

    def position(self, listing: str, token: str) -> int:
        head, separator, _ = token.partition("_")
        try:
            position = self._scramble.reveal(int(head[-12:], 16)) if separator else -1
        except ValueError:
            position = -1
        if position < 0 or self.at(listing, position) != token:
            message = "The continuation token is not one of this listing."
            raise BadRequestError(message)
        return position


class Api:
    """Answers API requests from the records."""

    def __init__(self, store: Store, tokens: TokenIssuer, settings: ApiSettings, endpoint: str) -> None:
        self.store = store
        self.settings = settings
        self._tokens = tokens
        self._endpoint = endpoint
        self._seek_tokens = _SeekTokens(store.generation.seed)
        self._turns: dict[str, Iterator[str]] = {}

    def answer(self, call: Call) -> Reply:
        """Return the true answer to a request for the API, or for a service beside it."""
        try:
            reply = self._unauthorized(call) or call.route.answer(self, call)
        except RefusedError as error:
            return _error(call, error.status, error.code, str(error))
        except RecursionError:
            return _error(call, 400, 2000, "The body is nested too deeply.")
        if self.settings.drift and reply.status == HTTPStatus.OK:
            reply.document = drifted(reply.document)
        return reply

    def _unauthorized(self, call: Call) -> Reply | None:
        """Return what a request without a good token is answered. Raises RefusedError where it needs a user's."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            challenge = ("WWW-Authenticate", "Bearer")
            return _error(call, 401, 800001, "The request has no access token.", [challenge])
        if self._tokens.state(token) != "valid":
            return Reply(401, None, [("WWW-Authenticate", 'Bearer error="invalid_token"')])
        facts = self._tokens.facts(token)
        if facts.resource not in (BESIDE_RESOURCES if call.beside else API_RESOURCES):
            return _wrong_audience(call, facts.audience)
        if self.settings.require_mfa and facts.user and not facts.mfa:
            # The other services are taken to say it with the same code, which is all that tells it from other refusals.
            return Reply(401, _standard(900421, "The access token was obtained without multifactor authentication."))
        if call.route.user_only:
            self.check_user(call)
        return None

    def check_user(self, call: Call) -> None:
        """Refuse what a user alone may do. Raises RefusedError."""
        if not self._tokens.facts(call.headers["Authorization"].partition(" ")[2]).user:
            raise RefusedError(403, 900329, "This resource is not for tokens of an application alone.")

    def next_of(self, what: str, forms: Sequence[str]) -> str:
        """Return one of several forms in which something is answered, one after the other."""
        return next(self._turns.setdefault(what, itertools.cycle(forms)))

    # Records

    def of(self, kind: Kind, call: Call) -> Collection:
        """Return the collection of a kind that a request is about. Raises RefusedError where a parent is unknown."""
        if kind.parent is not None:
            self._known(kind.parent, call)
        return self.store.of(kind, *_parents(kind, call))

    def record(self, kind: Kind, call: Call) -> JsonObject:
        """Return the record that a request names. Raises RefusedError where there is none."""
        try:
            return self.of(kind, call).get(call.ids[kind.key])
        except KeyError:
            raise RefusedError(*kind.refusal) from None

    def _known(self, kind: Kind, call: Call) -> None:
        """Raise RefusedError where a record that a request names, or one above it, is unknown."""
        if call.ids[kind.key] not in self.of(kind, call):
            raise RefusedError(*kind.refusal)

    # Listings

    @staticmethod
    def collection(items: Sequence[JsonObject], links: JsonObject | None = None) -> JsonObject:
        """Return a collection of records, with links where there are any."""
        collection: JsonObject = {"totalCount": len(items), "items": list(items)}
        if links:
            collection["links"] = links
        collection["attributes"] = {"objectType": "Collection"}
        return collection

    def page(
        self,
        call: Call,
        collection: Collection,
        listing: Sequence[str],
        *,
        size: int,
        keeps: Callable[[JsonObject], bool] | None = None,
        shows: Callable[[JsonObject], JsonObject] | None = None,
        offset: bool = False,
    ) -> Reply:
        """Return a page of those records that a listing keeps, each as the listing shows it, with links to others.

        `listing` tells it from all others, whose continuation tokens it refuses. With `offset` the links hold a place
        in the address instead of a token.
        """
        parameters, name = call.parameters(), "\0".join(listing)
        start = number(parameters, "offset", 0, 0) if offset else self.start(call, name)
        found = (each for each in collection.records(start) if keeps is None or keeps(each[1]))
        page = [record for _, record in itertools.islice(found, size)]
        following = next((place for place, _ in found), None)
        before = (each for each in collection.records(start, backward=True) if keeps is None or keeps(each[1]))
        earlier = [place for place, _ in itertools.islice(before, size)]
        links = self._page_links(
            call, None if offset else name, size, start, following, earlier[-1] if earlier else None
        )
        return Reply(200, self.collection(page if shows is None else [shows(each) for each in page], links))

    def start(self, call: Call, listing: str) -> int:
        """Return the place from which a request reads on. Raises BadRequestError for a token of another listing."""
        token = call.headers.get("MS-ContinuationToken")
        return 0 if token is None else self._seek_tokens.position(listing, token)

    def token(self, listing: str, place: int) -> str:
        """Return the continuation token of a place in a listing."""
        return self._seek_tokens.at(listing, place)

    def _page_links(
        self, call: Call, listing: str | None, size: int, start: int, following: int | None, previous: int | None
    ) -> JsonObject:
        """Return the links of a page; of a `listing` they hold tokens."""

        def to(place: int, direction: str = "Next") -> JsonObject:
            if listing is None:
                return link(_address(call, f"size={size}", f"offset={place}"))
            token = {"key": "MS-ContinuationToken", "value": self.token(listing, place)}
            return link(_address(call, f"size={size}", f"seekOperation={direction}")) | {"headers": [token]}

        own = to(start) if start or listing is None else link(_address(call, f"size={size}"))
        return self._links(
            own,
            None if following is None else to(following),
            None if previous is None else to(previous, "Previous"),
        )

    def _links(self, own: JsonObject, following: JsonObject | None, previous: JsonObject | None) -> JsonObject:
        if following is None and self.settings.last_links == "missing":
            return {}
        links: dict[str, JsonObject | None] = {"self": own}
        if following is not None:
            links["next"] = following
        elif self.settings.last_links == "null_next":
            links["next"] = None
        elif self.settings.last_links == "empty_uri":
            links["next"] = link("")
        if previous is not None:
            links["previous"] = previous
        style: str = self.settings.link_style
        if style == "mixed":
            style = self.next_of("links", _LINK_STYLES)
        for each in links.values():
            if each is not None and each["uri"]:
                each["uri"] = self._styled(str(each["uri"]), style)
        return {**links}

    def _styled(self, uri: str, style: str) -> str:
        match style:
            case "version":
                return f"/v1{uri}"
            case "relative":
                return uri[1:]
            case "absolute":
                return f"{self._endpoint}/v1{uri}"
            case "doubled":
                return f"/v1//v1{uri}"
            case "upper":
                return f"/V1{uri}"
            case _:
                return uri


def _parents(kind: Kind, call: Call) -> list[str]:
    return [call.ids[name] for name in _PLACE.findall(kind.path)]


def _address(call: Call, *parameters: str) -> str:
    """Return a link's address: these parameters and, unchanged, what else the request asked for."""
    kept = [
        part
        for part in call.query.split("&")
        if part and part.partition("=")[0].lower() not in {"size", "offset", "seekoperation"}
    ]
    path = call.path.removesuffix("/")[len("/v1") :]
    return f"{path}?{'&'.join([parameters[0], *kept, *parameters[1:]])}"


# What queries hold


def flag(parameters: Mapping[str, str], name: str) -> bool:
    """Return a switch, off where it is missing. Raises BadRequestError."""
    text = parameters.get(name, "").lower()
    if text not in {"", "true", "false"}:
        message = f"The parameter {name} is true or false."
        raise BadRequestError(message)
    return text == "true"


def number(parameters: Mapping[str, str], name: str, default: int, lowest: int, highest: int = 2**31 - 1) -> int:
    """Return a whole number. Raises BadRequestError."""
    text = parameters.get(name, "")
    if not text:
        return default
    digits = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not (digits and lowest <= int(text) <= highest):
        message = f"The parameter {name} is a whole number from {lowest} to {highest}."
        raise BadRequestError(message)
    return int(text)


def size_of(parameters: Mapping[str, str], largest: int) -> int:
    """Return how many records a page has: what was asked for, at most as many as the service gives."""
    return min(number(parameters, "size", largest, 0) or largest, largest)


# What each kind has for nothing


def listing(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what lists a kind, by its filters, on pages of its size or on one."""

    def answer(api: Api, call: Call) -> Reply:
        collection, parameters = api.of(kind, call), call.parameters()
        wanted = {field: parameters[name].lower() for name, field in kind.filters.items() if parameters.get(name)}

        def keeps(record: JsonObject) -> bool:
            return all(_compared(record.get(field)) == value for field, value in wanted.items())

        if kind.page_size is None:
            found = [record for _, record in collection.records() if keeps(record)]
            return Reply(200, {"value": found} if call.beside else api.collection(found))
        name = (
            kind.path,
            *(parent.lower() for parent in _parents(kind, call)),
            *(f"{field}={value}" for field, value in wanted.items()),
        )
        return api.page(call, collection, name, size=size_of(parameters, kind.page_size), keeps=keeps)

    return answer


def getting(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what gives one record."""
    return lambda api, call: Reply(200, api.record(kind, call))


def _compared(value: object) -> str:
    return "" if value is None else str(value).lower()


def creating(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what makes a record of a body, with an id of its own where it brings none."""

    def answer(api: Api, call: Call) -> Reply:
        collection, record = api.of(kind, call), call.document()
        if record.get(kind.id) in (None, ""):
            digest = hashlib.blake2b(f"{call.path} {collection.places}".encode(), digest_size=24).digest()
            record[kind.id] = guid(digest.hex(), int.from_bytes(digest[18:], "big"))
        if str(record[kind.id]) in collection:
            raise RefusedError(409, 409, f"There is {record[kind.id]} already.")
        collection.put(record)
        return Reply(201, record)

    return answer


def replacing(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what puts a body in the place of a record."""
    return lambda api, call: _write(kind, api, call, call.document())


def changing(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what takes those fields of a record that a body has."""
    return lambda api, call: _write(kind, api, call, api.record(kind, call) | call.document())


def _write(kind: Kind, api: Api, call: Call, record: JsonObject) -> Reply:
    """Write a record in the place of the one that a request names, whose id stays as it is."""
    record[kind.id] = api.record(kind, call)[kind.id]
    api.of(kind, call).put(record, call.ids[kind.key])
    return Reply(200, record)


def deleting(kind: Kind) -> Callable[[Api, Call], Reply]:
    """Return what takes a record away."""

    def answer(api: Api, call: Call) -> Reply:
        try:
            api.of(kind, call).remove(call.ids[kind.key])
        except KeyError:
            raise RefusedError(*kind.refusal) from None
        return Reply(204)

    return answer


def routes_of(kind: Kind, operation: str) -> list[Route]:
    """Return all that a kind has for nothing, its listing first, counted as one operation."""
    one = f"{kind.path}/{{{kind.key}}}"
    answers = {
        f"GET {kind.path}": listing(kind),
        f"POST {kind.path}": creating(kind),
        f"GET {one}": getting(kind),
        f"PUT {one}": replacing(kind),
        f"PATCH {one}": changing(kind),
        f"DELETE {one}": deleting(kind),
    }
    return [Route(operation, request, answer) for request, answer in answers.items()]
