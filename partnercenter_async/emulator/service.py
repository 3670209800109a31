"""The API itself, without a socket: from a request's facts to a reply."""

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote

from partnercenter_async.emulator.data import Data, JsonObject, Scramble, billing_cycle
from partnercenter_async.emulator.faults import Operation
from partnercenter_async.emulator.subscriptions import custom_term_end_dates, overages, subscriptions, told
from partnercenter_async.emulator.tokens import TokenIssuer

LinkStyle: TypeAlias = Literal["root", "version", "relative", "absolute", "doubled", "upper", "mixed"]
"""How the links of collections are written."""
LastLinks: TypeAlias = Literal["missing", "self", "null_next", "empty_uri"]
"""What the last page of a collection has for links."""
OrdersPaging: TypeAlias = Literal["seek", "offset"]
"""How the listing of orders goes on: by a token in a header, or by an offset in the address."""

_JSON = "application/json; charset=utf-8"
_EVENT_CONTENT_TYPES = ("application/json", "text/json", "text/plain")
_LARGEST_MIGRATIONS_PAGE = 300
_LARGEST_DATES_PAGE = 300
_SUBSCRIPTION = ("customers", "*", "subscriptions", "*")
_ROUTES: tuple[tuple[Operation, tuple[str, ...]], ...] = (
    ("customers.list", ("customers",)),
    ("customers.get", ("customers", "*")),
    ("orders.list", ("customers", "*", "orders")),
    ("orders.get", ("customers", "*", "orders", "*")),
    ("orders.provisioning_status", ("customers", "*", "orders", "*", "provisioningstatus")),
    ("migrations.events", ("customers", "*", "migrations", "newcommerce", "events")),
    ("migrations.get", ("customers", "*", "migrations", "newcommerce", "*")),
    ("migrations.list", ("migrations", "newcommerce")),
    ("subscriptions.list", ("customers", "*", "subscriptions")),
    ("subscriptions.get_overage", ("customers", "*", "subscriptions", "overage")),
    ("subscriptions.list_custom_term_end_dates", ("customers", "*", "subscriptions", "customTermEndDates")),
    ("subscriptions.get", _SUBSCRIPTION),
    ("subscriptions.list_addons", (*_SUBSCRIPTION, "addons")),
    ("subscriptions.list_upgrades", (*_SUBSCRIPTION, "upgrades")),
    ("subscriptions.list_conversions", (*_SUBSCRIPTION, "conversions")),
    ("subscriptions.list_transition_eligibilities", (*_SUBSCRIPTION, "transitioneligibilities")),
    ("subscriptions.list_transitions", (*_SUBSCRIPTION, "transitions")),
    ("subscriptions.get_support_contact", (*_SUBSCRIPTION, "supportcontact")),
    ("subscriptions.get_provisioning_status", (*_SUBSCRIPTION, "provisioningstatus")),
    ("subscriptions.get_registration_status", (*_SUBSCRIPTION, "registrationstatus")),
    ("subscriptions.list_activation_links", (*_SUBSCRIPTION, "activationlinks")),
    ("subscriptions.list_azure_entitlements", (*_SUBSCRIPTION, "azureEntitlements")),
    ("subscriptions.get_azure_entitlement", (*_SUBSCRIPTION, "azureEntitlements", "*")),
)
_FOR_USERS = frozenset[Operation](
    {
        "orders.provisioning_status",
        "subscriptions.list_conversions",
        "subscriptions.get_support_contact",
        "subscriptions.get_provisioning_status",
    }
)
"""What no application alone may read."""
# What the paths of other services begin with, which share the emulator's address, and whom their tokens are for.
_BESIDE = re.compile(r"v[0-9]+\.[0-9]+|beta")
_BESIDE_RESOURCES = frozenset(
    [
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://api.partner.microsoft.com",
    ]
)
_FILTER_FIELDS = {"companyname": 0, "domain": 1}
_FILTER_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda text, value: text == value,
    "not_equals": lambda text, value: text != value,
    "starts_with": lambda text, value: text.startswith(value),
    "not_starts_with": lambda text, value: not text.startswith(value),
    "substring": lambda text, value: value in text,
}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request is going."""

    operation: Operation
    customer_id: str | None = None
    item_id: str = ""
    """The order, the migration, the subscription, or the tenant of a token request."""
    part_id: str = ""
    """What of the subscription."""
    echo: bool = field(default=False, kw_only=True)
    beside: bool = field(default=False, kw_only=True)
    """Whether it is going to another service than the API: Microsoft Graph, or that of prices and referrals."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the service looks at in a request."""

    method: str
    route: Route
    query: str
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes

    def parameters(self) -> dict[str, str]:
        """Return the query's parameters, names in lower case, the first of each name."""
        return {name.lower(): value for name, value in reversed(parse_qsl(self.query, keep_blank_values=True))}


@dataclass(slots=True)
class Reply:
    """An answer before it is encoded: a document, or nothing."""

    status: int
    document: JsonObject | list[JsonObject] | None = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    content_type: str = _JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Those of the service's ways that a test may choose."""

    page_size: int
    customers_page_size: int
    paging: OrdersPaging
    link_style: LinkStyle
    last_links: LastLinks
    require_mfa: bool
    events_content_type: str | None


class _BadRequestError(Exception):
    """The request is answered with 400 and this text."""


def error_document(code: int, description: str) -> JsonObject:
    """Return an error body in the service's standard shape."""
    return {"code": code, "description": description, "data": [], "source": "PartnerFD"}


def find_route(method: str, path: str) -> Route:
    """Return where a request with this undecoded path is going. What the service does not have is "other"."""
    first, *rest = (unquote(segment) for segment in path.removeprefix("/").split("/"))
    if method == "POST" and rest == ["oauth2", "v2.0", "token"]:
        return Route("token", item_id=first)
    if _BESIDE.fullmatch(first):
        return Route("other", echo=rest == ["echo"], beside=True)
    if first.lower() != "v1":
        return Route("other")
    for operation, shape in _ROUTES if method == "GET" else ():
        if len(shape) == len(rest) and all(
            expected in ("*", found) for expected, found in zip(shape, rest, strict=True)
        ):
            ids = [found for expected, found in zip(shape, rest, strict=True) if expected == "*"]
            return Route(operation, *ids)
    customer_id = rest[1] if len(rest) > 1 and rest[0] == "customers" else None
    return Route("other", customer_id, echo=rest == ["echo"])


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
            raise _BadRequestError(message)
        return position


class Responder:
    """Answers API requests from the records."""

    def __init__(self, data: Data, tokens: TokenIssuer, habits: Habits, endpoint: str) -> None:
        self._data = data
        self._tokens = tokens
        self._habits = habits
        self._endpoint = endpoint
        self._seek_tokens = _SeekTokens(data.seed)
        self._link_styles: Iterator[LinkStyle] = itertools.cycle(
            ("root", "version", "relative", "absolute", "doubled", "upper")
            if habits.link_style == "mixed"
            else (habits.link_style,)
        )
        self._event_content_types = itertools.cycle(
            _EVENT_CONTENT_TYPES if habits.events_content_type is None else (habits.events_content_type,)
        )

    def answer(self, call: Call) -> Reply:
        """Return the true answer to an API request."""
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal
        route = call.route
        try:
            if route.customer_id is not None:
                self._data.customer_index(route.customer_id)
        except KeyError:
            return Reply(404, error_document(20003, "The partner has no such customer."))
        try:
            return self._operate(call)
        except _BadRequestError as error:
            return Reply(400, error_document(2000, str(error)))

    def _refusal(self, call: Call) -> Reply | None:
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return Reply(
                401, error_document(800001, "The request has no access token."), [("WWW-Authenticate", "Bearer")]
            )
        if self._tokens.state(token) != "valid":
            return Reply(401, None, [("WWW-Authenticate", 'Bearer error="invalid_token"')])
        facts = self._tokens.facts(token)
        if call.route.beside != (facts.resource in _BESIDE_RESOURCES):
            return Reply(401, None, [("WWW-Authenticate", 'Bearer error="invalid_token"')])
        if self._habits.require_mfa and facts.user and not facts.mfa:
            return Reply(
                401, error_document(900421, "The access token was obtained without multifactor authentication.")
            )
        if call.route.operation in _FOR_USERS and not facts.user:
            return Reply(403, error_document(900329, "This resource is not for tokens of an application alone."))
        return None

    def _operate(self, call: Call) -> Reply:  # noqa: PLR0911 - one line for each operation
        customer_id, item_id = call.route.customer_id or "", call.route.item_id
        match call.route.operation:
            case "customers.list":
                return self._list_customers(call)
            case "customers.get":
                return Reply(200, self._data.customer(customer_id))
            case "orders.list":
                return self._list_orders(call, customer_id)
            case "orders.get":
                price = _flag(call.parameters(), "include_price")
                return self._found(lambda: self._data.order(customer_id, item_id, include_price=price))
            case "orders.provisioning_status":
                return self._found(lambda: self._collection(self._data.provisioning(customer_id, item_id)))
            case "migrations.list":
                return self._list_migrations(call)
            case "migrations.get":
                return self._found(lambda: self._data.migration(customer_id, item_id))
            case "migrations.events":
                return self._list_events(call, customer_id)
            case operation if operation.startswith("subscriptions."):
                return self._tell_of_subscriptions(call, customer_id)
            case _ if call.route.echo:
                return self._echo(call)
            case _ if call.route.beside:
                return Reply(
                    501, {"error": {"code": "notImplemented", "message": "The emulator serves the API alone."}}
                )
            case _:
                return Reply(404, error_document(1000, "There is nothing at this address."))

    @staticmethod
    def _found(read: Callable[[], JsonObject]) -> Reply:
        try:
            return Reply(200, read())
        except KeyError:
            return Reply(404, error_document(1000, "The customer has nothing with this id."))

    @staticmethod
    def _collection(items: list[JsonObject], links: JsonObject | None = None) -> JsonObject:
        collection: JsonObject = {"totalCount": len(items), "items": items}
        if links:
            collection["links"] = links
        collection["attributes"] = {"objectType": "Collection"}
        return collection

    # Listings

    def _list_customers(self, call: Call) -> Reply:
        parameters = call.parameters()
        matches = self._customer_filter(parameters.get("filter"))
        size = _size(parameters, self._habits.customers_page_size)
        listing = f"customers\0{parameters.get('filter', '')}"
        start = self._start(call, listing)
        found = (index for index in range(start, len(self._data)) if matches(index))
        page = list(itertools.islice(found, size))
        following = next(found, None)
        earlier = list(
            itertools.islice(
                (index for index in range(min(start, len(self._data)) - 1, -1, -1) if matches(index)), size
            )
        )
        links = self._seek_links(
            call,
            listing,
            "/customers",
            size=size,
            start=start,
            following=following,
            previous=earlier[-1] if earlier else None,
        )
        return Reply(
            200,
            self._collection([self._data.customer(self._data.customer_id(index), full=False) for index in page], links),
        )

    def _customer_filter(self, text: str | None) -> Callable[[int], bool]:
        if text is None:
            return lambda _: True
        try:
            wanted = {str(name).lower(): value for name, value in json.loads(text).items()}
            field_number = _FILTER_FIELDS[wanted["field"].lower()]
            operator = _FILTER_OPERATORS[wanted["operator"].lower()]
            value = wanted["value"].lower()
        except (ValueError, KeyError, AttributeError) as error:
            message = "The filter is not understood."
            raise _BadRequestError(message) from error
        return lambda index: operator(self._data.customer_name(index)[field_number].lower(), value)

    def _list_orders(self, call: Call, customer_id: str) -> Reply:
        parameters = call.parameters()
        system = _flag(parameters, "include_system_purchases")
        billing_type = parameters.get("billingtype") or None
        if billing_type is not None:
            try:
                billing_type = billing_cycle(billing_type)
            except ValueError as error:
                raise _BadRequestError(str(error)) from error
        reseller = parameters.get("indirect_reseller_id") or None
        size = _size(parameters, self._habits.page_size)
        price = _flag(parameters, "include_price")
        listing = "\0".join(("orders", customer_id.lower(), str(system), billing_type or "", (reseller or "").lower()))
        offset = self._habits.paging == "offset"
        start = _number(parameters, "offset", 0, 0) if offset else self._start(call, listing)
        count = self._data.order_count(
            customer_id, include_system_purchases=system, billing_type=billing_type, indirect_reseller_id=reseller
        )
        items = list(
            self._data.orders(
                customer_id,
                start=start,
                stop=start + size,
                include_price=price,
                include_system_purchases=system,
                billing_type=billing_type,
                indirect_reseller_id=reseller,
            )
        )
        following = start + size if start + size < count else None
        previous = max(0, start - size) if start else None
        path = f"/customers/{customer_id}/orders"
        links = (
            self._offset_links(call, path, size=size, start=start, following=following, previous=previous)
            if offset
            else self._seek_links(call, listing, path, size=size, start=start, following=following, previous=previous)
        )
        return Reply(200, self._collection(items, links))

    def _list_migrations(self, call: Call) -> Reply:
        parameters = call.parameters()
        size = _number(
            parameters, "pagesize", min(self._habits.page_size, _LARGEST_MIGRATIONS_PAGE), 1, _LARGEST_MIGRATIONS_PAGE
        )
        customer = parameters.get("customertenantid", "")
        subscription = parameters.get("currentsubscriptionid", "").upper()
        reference = parameters.get("externalreferenceid", "")
        if not (customer or subscription or reference):
            message = "One of CustomerTenantId, CurrentSubscriptionId and ExternalReferenceId is needed."
            raise _BadRequestError(message)
        led = _flag(parameters, "ismicrosoftled") if parameters.get("ismicrosoftled") else None
        listing = "\0".join(("migrations", customer.lower(), subscription, reference, str(led)))
        start = self._start(call, listing)
        found = (
            (position, migration)
            for position, migration in self._migrations_from(start, customer)
            if (not subscription or str(migration["currentSubscriptionId"]).upper() == subscription)
            and (not reference or migration["externalReferenceId"] == reference)
            and led in (None, migration["microsoftLed"])
        )
        page = list(itertools.islice(found, size))
        following = next(found, None)
        headers: list[tuple[str, str]] = []
        if following is not None:
            headers.append(("MS-ContinuationToken", self._seek_tokens.at(listing, following[0])))
        return Reply(200, [migration for _, migration in page], headers)

    def _migrations_from(self, start: int, customer_id: str) -> Iterator[tuple[int, JsonObject]]:
        if not customer_id:
            yield from self._data.all_migrations(start=start)
            return
        try:
            migrations = self._data.migrations(customer_id)
        except KeyError:
            return
        yield from itertools.islice(enumerate(migrations), start, None)

    def _list_events(self, call: Call, customer_id: str) -> Reply:
        parameters = call.parameters()
        migration = parameters.get("migration_id") or None
        subscription = parameters.get("current_subscription_id") or None
        if migration is None and subscription is None:
            message = "Either migration_id or current_subscription_id is needed."
            raise _BadRequestError(message)
        events = self._data.events(customer_id, migration_id=migration, current_subscription_id=subscription)
        return Reply(200, events, content_type=next(self._event_content_types))

    def _tell_of_subscriptions(self, call: Call, customer_id: str) -> Reply:
        match call.route.operation:
            case "subscriptions.list":
                return self._list_subscriptions(call, customer_id)
            case "subscriptions.get_overage":
                return Reply(200, self._collection(overages(customer_id)))
            case "subscriptions.list_custom_term_end_dates":
                return self._list_custom_term_end_dates(call, customer_id)
            case _:
                return self._found(lambda: self._tell_of_one_subscription(call, customer_id))

    def _list_subscriptions(self, call: Call, customer_id: str) -> Reply:
        parameters = call.parameters()
        order, partner = parameters.get("order_id", ""), parameters.get("mpn_id", "")
        kept = [
            each
            for each in subscriptions(self._data, customer_id)
            if order in {"", each["orderId"]} and partner in {"", each["partnerId"]}
        ]
        return Reply(200, self._collection(kept))

    def _list_custom_term_end_dates(self, call: Call, customer_id: str) -> Reply:
        duration = call.parameters().get("term_duration", "")
        listing = f"custom term end dates\0{customer_id.lower()}\0{duration}"
        try:
            dates = custom_term_end_dates(duration)
        except KeyError:
            message = "The parameter term_duration is P1M, P1Y or P3Y."
            raise _BadRequestError(message) from None
        start = self._start(call, listing)
        stop = start + min(self._habits.page_size, _LARGEST_DATES_PAGE)
        headers = [("MS-ContinuationToken", self._seek_tokens.at(listing, stop))] if stop < len(dates) else []
        return Reply(200, self._collection(dates[start:stop]), headers)

    def _tell_of_one_subscription(self, call: Call, customer_id: str) -> JsonObject:
        document = told(
            call.route.operation, subscriptions(self._data, customer_id), call.route.item_id, call.route.part_id
        )
        return self._collection(document) if isinstance(document, list) else document

    @staticmethod
    def _echo(call: Call) -> Reply:
        try:
            body: object = json.loads(call.body) if call.body else None
        except ValueError:
            body = call.body.decode(errors="replace")
        return Reply(200, {"method": call.method, "body": body, "requestId": call.headers.get("MS-RequestId")})

    # Links

    def _start(self, call: Call, listing: str) -> int:
        token = call.headers.get("MS-ContinuationToken")
        return 0 if token is None else self._seek_tokens.position(listing, token)

    def _seek_links(
        self, call: Call, listing: str, path: str, *, size: int, start: int, following: int | None, previous: int | None
    ) -> JsonObject:
        def link(direction: str, position: int | None) -> JsonObject | None:
            if position is None:
                return None
            token = {"key": "MS-ContinuationToken", "value": self._seek_tokens.at(listing, position)}
            return {
                "uri": _address(path, call.query, f"size={size}", f"seekOperation={direction}"),
                "method": "GET",
                "headers": [token],
            }

        own: JsonObject = {"uri": _address(path, call.query, f"size={size}"), "method": "GET", "headers": []}
        if start:
            own = link("Next", start) or own
        return self._links(own, link("Next", following), link("Previous", previous))

    def _offset_links(
        self, call: Call, path: str, *, size: int, start: int, following: int | None, previous: int | None
    ) -> JsonObject:
        def link(position: int | None) -> JsonObject | None:
            if position is None:
                return None
            return {
                "uri": _address(path, call.query, f"size={size}", f"offset={position}"),
                "method": "GET",
                "headers": [],
            }

        own: JsonObject = {
            "uri": _address(path, call.query, f"size={size}", f"offset={start}"),
            "method": "GET",
            "headers": [],
        }
        return self._links(own, link(following), link(previous))

    def _links(self, own: JsonObject, following: JsonObject | None, previous: JsonObject | None) -> JsonObject:
        if following is None and self._habits.last_links == "missing":
            return {}
        links: dict[str, JsonObject | None] = {"self": own}
        if following is not None:
            links["next"] = following
        elif self._habits.last_links == "null_next":
            links["next"] = None
        elif self._habits.last_links == "empty_uri":
            links["next"] = {"uri": "", "method": "GET", "headers": []}
        if previous is not None:
            links["previous"] = previous
        style = next(self._link_styles)
        for link in links.values():
            if link is not None and link["uri"]:
                link["uri"] = self._styled(str(link["uri"]), style)
        return {**links}

    def _styled(self, uri: str, style: LinkStyle) -> str:
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


def _address(path: str, query: str, *parameters: str) -> str:
    """Return a link's address: these parameters and, unchanged, what else the request asked for."""
    kept = [
        part
        for part in query.split("&")
        if part and part.partition("=")[0].lower() not in {"size", "offset", "seekoperation"}
    ]
    return f"{path}?{'&'.join([parameters[0], *kept, *parameters[1:]])}"


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    text = parameters.get(name, "").lower()
    if text not in {"", "true", "false"}:
        message = f"The parameter {name} is true or false."
        raise _BadRequestError(message)
    return text == "true"


def _number(parameters: Mapping[str, str], name: str, default: int, lowest: int, highest: int = 2**31 - 1) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        message = f"The parameter {name} is a whole number from {lowest} to {highest}."
        raise _BadRequestError(message)
    return int(text)


def _size(parameters: Mapping[str, str], largest: int) -> int:
    """Return how many records a page has: what was asked for, at most as many as the service gives."""
    return min(_number(parameters, "size", largest, 0) or largest, largest)
