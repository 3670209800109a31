"""Orders, and what is provisioned of them."""
# ruff: noqa: PLR2004 - the numbers are shares of 256: how often a shape comes up

import base64
import datetime as dt
import hashlib
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

from partnercenter_async.emulator.api import Api, BadRequestError, Call, Reply, Route, flag, size_of
from partnercenter_async.emulator.catalogue import Offer
from partnercenter_async.emulator.generation import (
    EXACT,
    INDEX_BITS,
    INDEX_MASK,
    Generation,
    JsonObject,
    guid,
    link,
    shares,
    tail_of,
)
from partnercenter_async.emulator.nouns import customers
from partnercenter_async.emulator.store import Kind, Store

_CYCLES = ("unknown", "monthly", "annual", "none", "one_time", "triennial", "biennial")
"""Spelled as orders spell them; the position is the documented number."""
_CYCLE_BY_NAME = {cycle.replace("_", ""): cycle for cycle in _CYCLES}
_USUAL_CYCLES = shares({"monthly": 128, "annual": 100, "triennial": 14, "one_time": 14})
_ALL_CYCLES = shares(
    {"monthly": 94, "annual": 68, "one_time": 42, "none": 16, "triennial": 16, "biennial": 10, "unknown": 10}
)
_TERMS = {"monthly": "P1M", "annual": "P1Y", "triennial": "P3Y", "biennial": "P2Y"}
_USUAL_STATUSES = shares({"completed": 238, "cancelled": 13, "pending": 5})
_RARE_STATUSES = (
    *("pending_po_upload", "po_upload_complete", "partial_success", "po_review_rejected"),
    *("suspended", "pending_review", "error", "unknown"),
)
_ALL_STATUSES = shares({"completed": 144, "pending": 24, "cancelled": 24, **dict.fromkeys(_RARE_STATUSES, 8)})
_LINE_COUNTS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4)
_SYSTEM = 11  # one of so many orders is one of the system
_RESELLERS = (None, None, 0, 1, 2)
_SIZES = shares({"2": 60, "6": 70, "14": 60, "35": 40, "110": 26})  # seats of a customer
_FIRST_DAY = dt.date(2023, 7, 3)
_DAYS = 1092  # of history
_TICKS = 864_000_000_000  # of a day, as many as dates can tell apart
_FRIDAY = 4
_OPENING, _OFFICE_HOURS = 7, 11
_LEGACY = 50
"""Below this die an odd order is from before the new commerce and its id is a GUID."""
_CLASSIC = 130
"""Below this die an odd one's id has 33 characters."""
_SYSTEM_TYPES = frozenset(["systempurchase", "systembilling"])
_PROVISIONED = ("Fulfilled",) * 14 + ("Unfulfilled", "PrefulfillmentPending")
_ODDLY_PROVISIONED = (
    *("Fulfilled", "fulfilled", "Fulfilled", "FULFILLED"),
    *("Unfulfilled", "unfulfilled", "PrefulfillmentPending", "prefulfillmentpending"),
)


def billing_cycle(value: str | int) -> str:
    """Return the wire spelling of a billing cycle given by number or by name, in any letter case, with or without `_`.

    Raises ValueError for anything else.
    """
    text = str(value)
    if text.isascii() and text.isdigit():
        if int(text) < len(_CYCLES):
            return _CYCLES[int(text)]
    elif (cycle := _CYCLE_BY_NAME.get(text.replace("_", "").lower())) is not None:
        return cycle
    message = f"no billing cycle is called {text[:40]!r}"
    raise ValueError(message)


def folded(order_id: str) -> str:
    """Return an order id for comparison: GUIDs differ in letter case between endpoints, 33-character ids may not."""
    return order_id if len(order_id) == 33 else order_id.lower()


def _tail(order_id: str) -> int:
    if len(order_id) != 33:
        return tail_of(order_id)
    try:
        return int.from_bytes(base64.b64decode(order_id[:32], altchars=b"-_", validate=True)[-6:], "big")
    except ValueError:
        raise KeyError(order_id) from None


def joined_and_left(generation: Generation, customer: int) -> tuple[int, int]:
    """Return the days of the history on which a customer came, and left or is still there at the end.

    The more recent, the more come, and one in eight leaves.
    """
    dice = generation.digest("history", customer)
    joined = _DAYS * math.isqrt((dice[0] << 8 | dice[1]) << 16) * 97 // 6_553_600
    joined -= max(0, joined % 7 - 4)  # on a day of work: the history begins on a Monday
    left = joined + (_DAYS - joined) * (dice[2] + 64) // 320 if dice[3] < 32 else _DAYS
    return joined, left


class Orders:
    """The generated orders of a customer, those of the system among them, from the oldest to the newest."""

    def __init__(self, store: Store, parents: Sequence[str]) -> None:
        self._generation = generation = store.generation
        self._catalogue = store.catalogue
        try:
            self._customer = customer = customers.Customers(store).position(parents[0])
        except KeyError:  # one that a test added
            self._total = 0
            return
        self._customer_id = customers.Customers(store).id(customer)
        self._place = customers.PLACES[customers.Customers(store).place_of(customer)]
        dice = generation.digest("orders of", customer)
        self._shift = dice[0] % _SYSTEM
        self._seats = int(_SIZES[dice[1]])
        wanted = generation.between(generation.orders, "orders", customer)
        # So many of every sort that there are as many as wanted of users' purchases.
        turns, rest = divmod(self._shift + wanted - 1, _SYSTEM - 1)
        self._total = turns * _SYSTEM + rest - self._shift + 1 if wanted else 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._total

    def get(self, record_id: str) -> JsonObject:
        """Return an order. Raises KeyError."""
        number = self._generation.scramble("order").reveal(_tail(record_id))
        index = number & INDEX_MASK
        if index < self._total and number >> INDEX_BITS == self._customer:
            order = self.at(index)
            if folded(str(order["id"])) == folded(record_id):
                return order
        raise KeyError(record_id)

    def _id(self, dice: bytes, hidden: int) -> str:
        if self._generation.oddities and dice[0] < _LEGACY:
            found = guid(dice.hex()[80:], hidden)
            return found.upper() if dice[0] & 1 else found
        if self._generation.oddities and dice[0] < _CLASSIC:
            return base64.urlsafe_b64encode(dice[40:58] + hidden.to_bytes(6, "big")).decode() + "1"
        return f"{hidden:012x}"

    def at(self, position: int) -> JsonObject:
        """Return an order with its prices."""
        number = self._customer << INDEX_BITS | position
        dice, odd = self._generation.digest("order", number), self._generation.oddities
        hidden = self._generation.scramble("order").hide(number)
        legacy, order_id = odd and dice[0] < _LEGACY, self._id(dice, hidden)
        system = (position + self._shift) % _SYSTEM == _SYSTEM - 1
        cycle = "monthly" if system else (_ALL_CYCLES if odd else _USUAL_CYCLES)[dice[58]]
        reseller = None if system else _RESELLERS[dice[59] % len(_RESELLERS)]
        status = (_ALL_STATUSES if odd else _USUAL_STATUSES)[dice[11]]
        country, _, _, currency, symbol = self._place
        path = f"/customers/{self._customer_id}/orders/{order_id}"
        order: JsonObject = {"id": order_id}
        if not legacy:
            order["alternateId"] = order_id if not odd or dice[0] >= _CLASSIC else f"{hidden:012x}"
        order["referenceCustomerId"] = self._customer_id
        order["billingCycle"] = cycle
        order["currencyCode"] = currency
        if not odd or (dice[1] < 128 and not legacy):
            order["currencySymbol"] = symbol
        elif dice[1] < 140:
            order["currencySymbol"] = None
        on_record = None if reseller is None else self._generation.resellers[reseller].partner_id
        lines = [
            self._line(dice, at, cycle, on_record, position, legacy=legacy, pending=status == "pending")
            for at in range(1 if cycle == "one_time" else _LINE_COUNTS[dice[2] & 15])
        ]
        order["lineItems"] = lines
        order["creationDate"] = self._created(position, dice)
        if not (legacy and dice[12] & 8):
            order["status"] = status
        order["totalPrice"] = self._add_prices(lines, dice, cycle)
        if system:
            order["transactionType"] = "SystemPurchase" if dice[12] & 1 else "SystemBilling"
        elif not legacy:
            order["transactionType"] = "UserPurchase"
        order["links"] = {"provisioningStatus": link(path + "/provisioningstatus"), "self": link(path)}
        if dice[12] & 6 == 0:
            order["links"]["patchOperation"] = link(path, "PATCH")  # type: ignore[index]
        if dice[13] < 60:
            order["client"] = {"marketplaceCountry": country, "deviceFamily": "PartnerCenter", "name": "Emulated"}
            if odd and dice[13] < 45:
                order["client"] = {}
        if legacy:
            order["attributes"] = {"etag": _etag(order_id, dice[14] % 9 + 1), "objectType": "Order"}
        elif not odd or dice[15] > 20:
            order["attributes"] = {"objectType": "Order"}
        return order

    def _created(self, index: int, dice: bytes) -> str:
        """Return when the order was made: later than the one before, the more recent the denser, and in office hours.

        What falls on a weekend is done on the Friday before. No float has a part in it, the same on every machine.
        """
        joined, left = joined_and_left(self._generation, self._customer)
        at, end = index << 8 | dice[3], self._total << 8
        days, rest = divmod((left - joined) * _TICKS * at * (5 * end - at) // (4 * end * end), _TICKS)
        weekday = (joined + days) % 7
        beyond = max(0, weekday - _FRIDAY)
        day = _FIRST_DAY + dt.timedelta(days=joined + days - beyond)
        ticks = (beyond * _TICKS + rest) * _OFFICE_HOURS // ((3 if weekday >= _FRIDAY else 1) * 24)
        seconds, fraction = divmod(ticks, _TICKS // 86_400)
        hours, rest = divmod(seconds, 3600)
        text = f"{day.isoformat()}T{_OPENING + hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
        odd = self._generation.oddities
        return _oddly_written(day, text, f"{fraction:07d}", dice[10]) if odd else f"{text}.{fraction:07d}Z"

    def _line(
        self, dice: bytes, number: int, cycle: str, on_record: str | None, index: int, *, legacy: bool, pending: bool
    ) -> JsonObject:
        """Build one order line. Dice 16 to 39 belong to the lines, six for each."""
        at = 16 + number * 6
        rare, flags = dice[at + 2], dice[at + 3]
        offer = self._catalogue.pick(dice[at], cycle)
        line: JsonObject = {"lineItemNumber": number, "offerId": offer.legacy_id if legacy else offer.id}
        links: JsonObject = {}
        if (flags & 3 or legacy) if self._generation.oddities else not pending:
            subscription = self.subscription_id(index, number, legacy=legacy)
            line["subscriptionId"] = subscription
            links["subscription"] = link(f"/customers/{self._customer_id}/subscriptions/{subscription}")
            if number and flags & 4:
                line["parentSubscriptionId"] = self.subscription_id(index, 0, legacy=legacy)
        line["friendlyName"] = offer.name
        line["quantity"] = self._quantity(dice, number, cycle)
        if on_record is not None:
            line["partnerIdOnRecord"] = on_record
            if rare & 3 == 0:
                others = [each.partner_id for each in self._generation.resellers if each.partner_id != on_record]
                line["additionalPartnerIdsOnRecord"] = others
        if not legacy:
            self._add_links(links, line, offer, flags)
            term = _TERMS.get(cycle, "")
            line["termDuration"] = term
            if flags & 32:
                line["transactionType"] = "New"
            if term and flags & 64:
                line["renewsTo"] = {"termDuration": term}
            self._add_rare_fields(line, dice, at)
        line["links"] = links
        return line

    def subscription_id(self, index: int, number: int, *, legacy: bool = False) -> str:
        """Return the id of the subscription of a line; those of old orders are in upper case."""
        digits = self._generation.digest("subscription", self._customer << INDEX_BITS | index).hex()
        found = guid(digits, self._generation.scramble("subscription").hide(index << 2 | number))
        return found.upper() if legacy else found

    def order_of(self, subscription_id: str) -> str:
        """Return the id of the order that has a line for a subscription. Raises KeyError."""
        index, number = divmod(self._generation.scramble("subscription").reveal(tail_of(subscription_id)), 4)
        if index < self._total and self.subscription_id(index, number) == subscription_id.lower():
            return str(self.at(index)["id"])
        raise KeyError(subscription_id)

    def _quantity(self, dice: bytes, number: int, cycle: str) -> int:
        """Return how many: about as many as the customer has seats, of what comes beside it fewer."""
        die = dice[16 + number * 6 + 1]
        if cycle == "one_time":
            return die % 4 + 1
        return max(1, self._seats * (die % 100 + 30) // (100 << number))

    def _add_links(self, links: JsonObject, line: JsonObject, offer: Offer, flags: int) -> None:
        product, country = f"/products/{offer.product}", self._place[0]
        links["product"] = link(f"{product}?country={country}")
        links["sku"] = link(f"{product}/skus/{offer.sku}?country={country}")
        if flags & 8:
            availability = f"{product}/skus/{offer.sku}/availabilities/{offer.availability}?country={country}"
            links["availability"] = link(availability)
        if flags & 16 and "subscriptionId" in line:
            links["activationLinks"] = link(
                f"/customers/{self._customer_id}/subscriptions/{line['subscriptionId']}/activationlinks"
            )

    def _add_rare_fields(self, line: JsonObject, dice: bytes, at: int) -> None:
        rare = dice[at + 2] if self._generation.oddities else dice[at + 2] * 4
        if rare < 20:
            day = _FIRST_DAY + dt.timedelta(days=_DAYS + dice[at + 4])
            line["customTermEndDate"] = None if rare < 8 else f"{day.isoformat()}T00:00:00Z"
        elif rare < 24:
            line["customTermEndDate"] = "9999-12-31T23:59:59.9999999Z"
        elif rare < 44:
            line["promotionId"] = f"PROMO{dice[at + 4]:03d}:0001:{dice[at + 5]:03d}"
        elif rare < 54:
            line["promotionId"] = None
        elif rare < 78:
            line["attestationAccepted"] = bool(rare & 1)
        elif rare < 100:
            line["provisioningContext"] = (
                {"scope": "shared", "duration": "1Year"}
                if rare & 1
                else {"entitlementId": f"{dice[at + 4]:02x}{dice[at + 5]:02x}"}
            )
        elif rare < 120:
            amount = EXACT.scaleb(Decimal(dice[at + 4] + 5), -2)
            line["purchaseCommitment"] = {"amount": amount, "currency": "usd", "grain": "hourly"}

    def _add_prices(self, lines: list[JsonObject], dice: bytes, cycle: str) -> Decimal:
        """Give each line its prices and return their total."""
        total = Decimal("0.0")
        for number, line in enumerate(lines):
            offer = self._catalogue.pick(dice[16 + number * 6], cycle)
            price = self._catalogue.price(offer, self._place[3], cycle)
            pricing: JsonObject = {"listPrice": price.list_price, "discountedPrice": price.discounted}
            if dice[16 + number * 6 + 5] > 20:
                pricing["proratedPrice"] = price.prorated
            pricing["price"] = price.discounted
            extended = EXACT.multiply(price.discounted, Decimal(cast("int", line["quantity"])))
            pricing["extendedPrice"] = extended
            line["pricing"] = pricing
            total = EXACT.add(total, extended)
        return total


def _etag(order_id: str, version: int) -> str:
    return base64.b64encode(f'{{"id":"{order_id.lower()}","version":{version}}}'.encode()).decode()


def _oddly_written(day: dt.date, text: str, fraction: str, shape: int) -> str:
    """Return a date in one of the textual shapes that the service uses."""
    if shape < 150:
        return f"{text}.{fraction}Z"
    for limit, ending in (
        (180, "Z"),
        (198, f".{fraction}+00:00"),
        (212, f".{fraction}-07:00"),
        (222, ""),
        (229, f".{fraction[:3]}Z"),
        (235, "+05:30"),
        (240, f".{fraction[:6]}Z"),
        (244, f".{fraction[:3]}-08:00"),
        (247, f".{fraction[:2]}"),
        (250, f".{fraction[:5]}Z"),
        (252, f".{fraction}"),
    ):
        if shape < limit:
            return text + ending
    return day.isoformat() if shape < 254 else "0001-01-01T00:00:00"


KIND = Kind(
    path="/v1/customers/{customer_id}/orders",
    key="order_id",
    parent=customers.KIND,
    generate=Orders,
    folded=folded,
    refusal=(404, 20000, "The customer has no order with this id."),
)


def lines_of(order: JsonObject) -> list[JsonObject]:
    """Return the lines of an order."""
    return cast("list[JsonObject]", order.get("lineItems") or [])


class Provisioning:
    """What is provisioned of each line of an order."""

    def __init__(self, store: Store, parents: Sequence[str]) -> None:
        customer_id, order_id = parents
        order = store.of(KIND, customer_id).get(order_id)
        self._lines = lines_of(order)
        seed = hashlib.blake2b(f"{store.generation.seed} {folded(order_id)}".encode()).digest()
        try:
            Orders(store, parents).get(order_id)
        except KeyError:  # one that a test added
            self._dice = None
        else:
            self._dice = seed
        self._statuses = _ODDLY_PROVISIONED if store.generation.oddities else _PROVISIONED

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def get(self, record_id: str) -> JsonObject:
        """Return what is provisioned of the line with a number. Raises KeyError."""
        for position, line in enumerate(self._lines):
            if str(line.get("lineItemNumber")) == record_id:
                return self.at(position)
        raise KeyError(record_id)

    def at(self, position: int) -> JsonObject:
        """Return what is provisioned of a line."""
        line = self._lines[position]
        given = line.get("quantity")
        quantity = given if isinstance(given, int) else 0
        if self._dice is None:
            return provisioned(line.get("lineItemNumber"), "Fulfilled", {"Fulfilled": quantity})
        die = self._dice[position % len(self._dice)]
        status = self._statuses[die % len(self._statuses)]
        units = {status: quantity}
        if die & 0x30 == 0 and quantity > 1:
            units = {"fulfilled": quantity - 1, "Unfulfilled": 1}
        return provisioned(line.get("lineItemNumber"), status, units)


def provisioned(number: object, status: str, units: dict[str, int]) -> JsonObject:
    """Return what is provisioned of a line, so many units in each state."""
    return {
        "orderLineItemId": number,
        "lineItemNumber": number,
        "status": status,
        "quantityProvisioningInformation": [{"quantity": each, "status": state} for state, each in units.items()],
    }


PROVISIONING = Kind(
    path="/v1/customers/{customer_id}/orders/{order_id}/provisioningstatus",
    key="line_item_number",
    id="lineItemNumber",
    parent=KIND,
    generate=Provisioning,
)


def keeps(
    generation: Generation, *, system: bool = False, billing_type: str | int | None = None, reseller: str | None = None
) -> Callable[[JsonObject], bool]:
    """Return whether a listing with these filters has an order. Raises ValueError for an unknown billing type."""
    cycle = None if billing_type is None else billing_cycle(billing_type)
    on_record = None if reseller is None else partner_id_of(generation, reseller)

    def keep(order: JsonObject) -> bool:
        if not system and str(order.get("transactionType") or "").lower() in _SYSTEM_TYPES:
            return False
        if cycle is not None and _CYCLE_BY_NAME.get(str(order["billingCycle"]).replace("_", "").lower()) != cycle:
            return False
        return on_record is None or any(line.get("partnerIdOnRecord") == on_record for line in lines_of(order))

    return keep


def partner_id_of(generation: Generation, reseller: str) -> str:
    """Return the number that lines carry for an indirect reseller, the same for the same one."""
    known = {each.id: each.partner_id for each in generation.resellers}
    digest = hashlib.blake2b(reseller.lower().encode(), digest_size=4).digest()
    return known.get(reseller.lower()) or str(4_100_000 + int.from_bytes(digest, "big") % 900_000)


def without_prices(order: JsonObject) -> JsonObject:
    """Return an order as it is served to those who ask for no prices."""
    order.pop("totalPrice", None)
    for line in lines_of(order):
        line.pop("pricing", None)
    return order


def _list(api: Api, call: Call) -> Reply:
    parameters = call.parameters()
    system, reseller = flag(parameters, "include_system_purchases"), parameters.get("indirect_reseller_id") or None
    billing_type = parameters.get("billingtype") or None
    shows = None if flag(parameters, "include_price") else without_prices
    try:
        keep = keeps(api.store.generation, system=system, billing_type=billing_type, reseller=reseller)
        cycle = "" if billing_type is None else billing_cycle(billing_type)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    return api.page(
        call,
        api.of(KIND, call),
        ("orders", call.ids["customer_id"].lower(), str(system), cycle, (reseller or "").lower()),
        size=size_of(parameters, api.settings.page_size),
        keeps=keep,
        shows=shows,
        offset=api.settings.paging == "offset",
    )


def _get(api: Api, call: Call) -> Reply:
    prices = flag(call.parameters(), "include_price")
    order = api.record(KIND, call)
    return Reply(200, order if prices else without_prices(order))


def _provisioning_status(api: Api, call: Call) -> Reply:
    return Reply(200, api.collection([line for _, line in api.of(PROVISIONING, call).records()]))


ROUTES = (
    Route("orders.list", f"GET {KIND.path}", _list),
    Route("orders.get", f"GET {KIND.path}/{{order_id}}", _get),
    Route("orders.provisioning_status", f"GET {PROVISIONING.path}", _provisioning_status, user_only=True),
)
