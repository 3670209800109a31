"""The invented customers, orders and migrations that the emulator serves.

Everything is computed from the seed and an index when it is asked for, and nothing is kept. An id holds its index,
scrambled by a bijection of the seed, so that going from an id to its record needs no table and memory stays flat at any
size. "Dice" are the bytes of a digest of seed and index.
"""
# ruff: noqa: PLR2004 - the numbers are shares of 256: how often a shape comes up

import base64
import bisect
import datetime as dt
import decimal
import hashlib
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeAlias, cast

JsonObject: TypeAlias = dict[str, object]
"""A JSON object as the emulator builds it: plain names, money as `Decimal`."""

_BITS = 48
_MASK = (1 << _BITS) - 1
_INDEX_BITS = 24
_INDEX_MASK = (1 << _INDEX_BITS) - 1
_LARGEST_CUSTOMER_COUNT = 1 << _INDEX_BITS
_LARGEST_ORDER_COUNT = 1 << (_INDEX_BITS - 1)

_CYCLES = ("unknown", "monthly", "annual", "none", "one_time", "triennial", "biennial")
"""Spelled as orders spell them; the position is the documented number."""
_CYCLE_BY_NAME = {cycle.replace("_", ""): cycle for cycle in _CYCLES}
_CYCLE_WEIGHTS = {"monthly": 22, "annual": 16, "one_time": 10, "none": 4, "triennial": 4, "biennial": 2, "unknown": 2}
_SYSTEM_SLOTS = 6
_LEGACY = 50
"""Below this die an order is from before the new commerce and its id is a GUID."""
_CLASSIC = 130
"""Below this die its id has 33 characters, from here on 12 digits."""
_CLIENT = {"deviceFamily": "Emulated-Family", "name": "Emulated"}
_STATUSES = (
    *("completed",) * 18,
    *("pending", "cancelled") * 3,
    *("pending_po_upload", "po_upload_complete", "partial_success", "po_review_rejected"),
    *("suspended", "pending_review", "error", "unknown"),
)
_LINE_COUNTS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4)
_TERM_BY_CYCLE = {"monthly": "P1M", "annual": "P1Y", "triennial": "P3Y", "biennial": "P2Y"}
_CURRENCIES = (
    ("USD", "$", Decimal("0.01")),
    ("EUR", "€", Decimal("0.01")),
    ("JPY", "¥", Decimal("0.1")),
    ("KRW", "₩", Decimal("0.1")),
    ("GBP", "£", Decimal("0.01")),
    ("USD", "US$", Decimal("0.01")),
    ("AUD", "A$", Decimal("0.01")),
    ("CHF", "CHF", Decimal("0.01")),
)
_COUNTRIES = ("US", "DE", "JP", "KR", "GB", "US", "AU", "CH")
_CULTURES = ("en-US", "de-DE", "ja-JP", "ko-KR", "en-GB", "es-US", "en-AU", "fr-CH")
_ADJECTIVES = (
    "Amber",
    "Brisk",
    "Coral",
    "Dusky",
    "Early",
    "Fabled",
    "Gentle",
    "Hazel",
    "Ivory",
    "Jolly",
    "Keen",
    "Lunar",
    "Mellow",
    "Noble",
    "Olive",
    "Prime",
)
_NOUNS = (
    "Heron",
    "Meadow",
    "Anvil",
    "Lantern",
    "Orchard",
    "Compass",
    "Pebble",
    "Quarry",
    "Rudder",
    "Sparrow",
    "Thistle",
    "Umbra",
    "Valley",
    "Willow",
    "Yarrow",
    "Zephyr",
)
_FORMS = ("Ltd", "GmbH", "KK", "Inc", "SARL", "AB", "Oy", "BV")
_FIRST_NAMES = ("Ada", "Bo", "Cleo", "Dag", "Esra", "Finn", "Gala", "Hugo")
_LAST_NAMES = ("Abt", "Brandt", "Cruz", "Dale", "Engel", "Frost", "Gray", "Holm")
_CITIES = ("Larkspur", "Eastmere", "Hollow Bay", "Nordhaven", "Redwater", "Stillbrook", "Tallford", "Westering")
_PLANS = ("Mail", "Desk", "Vault", "Relay", "Canvas", "Beacon", "Ledger", "Harbor")
_TIERS = ("Basic", "Plus", "Team", "Max")
_FIRST_DAY = dt.date(2019, 3, 4)
_DAYS = tuple((_FIRST_DAY + dt.timedelta(days=number)).isoformat() for number in range(2500))
_EVENT_NAMES = (
    "MigrationStarted",
    "NewCommerceSubscriptionCreated",
    "NewCommerceSubscriptionProvisioned",
    "MigrationCompleted",
)
EXACT_CONTEXT = decimal.Context(prec=60)
"""Arithmetic that no setting of the caller's decimal context reaches."""


class _Offer(NamedTuple):
    offer_id: str
    legacy_id: str
    name: str
    product: str
    sku: str
    availability: str


class _Price(NamedTuple):
    list_price: Decimal
    discounted: Decimal
    prorated: Decimal


class _Slot(NamedTuple):
    system: bool
    cycle: str
    reseller: int | None


class Reseller(NamedTuple):
    """An indirect reseller of the data set."""

    id: str
    """What `indirect_reseller_id` asks for."""
    partner_id: str
    """The numeric text that order lines carry as `partnerIdOnRecord`."""


class Scramble:
    """A seeded bijection on 48-bit numbers."""

    def __init__(self, seed: str) -> None:
        source = random.Random(seed)  # noqa: S311 - reproducible data, no secret
        self._first = source.getrandbits(_BITS) | 1
        self._second = source.getrandbits(_BITS) | 1
        self._added = source.getrandbits(_BITS)
        self._first_inverse = pow(self._first, -1, 1 << _BITS)
        self._second_inverse = pow(self._second, -1, 1 << _BITS)

    def hide(self, number: int) -> int:
        """Return what stands for a number."""
        number = (number * self._first + self._added) & _MASK
        number ^= number >> 24
        number = (number * self._second) & _MASK
        return number ^ (number >> 24)

    def reveal(self, number: int) -> int:
        """Return the number that something stands for."""
        number ^= number >> 24
        number = (number * self._second_inverse) & _MASK
        number ^= number >> 24
        return ((number - self._added) * self._first_inverse) & _MASK


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


def _bounds(value: int | tuple[int, int], name: str, largest: int) -> tuple[int, int]:
    low, high = (value, value) if isinstance(value, int) else value
    if not 0 <= low <= high <= largest:
        message = f"{name} must lie between 0 and {largest}, lowest first"
        raise ValueError(message)
    return low, high


def _link(uri: str, method: str = "GET") -> JsonObject:
    return {"uri": uri, "method": method, "headers": []}


def _guid(digest: str, tail: int) -> str:
    return f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-a{digest[15:18]}-{tail:012x}"


def _order_id(dice: bytes, hidden: int) -> str:
    if dice[0] < _LEGACY:
        guid = _guid(dice.hex()[80:], hidden)
        return guid.upper() if dice[0] & 1 else guid
    if dice[0] < _CLASSIC:
        return base64.urlsafe_b64encode(dice[40:58] + hidden.to_bytes(6, "big")).decode() + "1"
    return f"{hidden:012x}"


def _etag(order_id: str, version: int) -> str:
    return base64.b64encode(f'{{"id":"{order_id.lower()}","version":{version}}}'.encode()).decode()


def _moment(dice: bytes, at: int) -> str:
    """Return a date in one of the textual shapes that the service uses, by eight of the dice."""
    day = _DAYS[(dice[at] << 8 | dice[at + 1]) % len(_DAYS)]
    text = f"{day}T{dice[at + 2] % 24:02d}:{dice[at + 3] % 60:02d}:{dice[at + 4] % 60:02d}"
    fraction = f"{(dice[at + 5] << 16 | dice[at + 6] << 8 | dice[at + 2]) * 7 % 10_000_000:07d}"
    shape = dice[at + 7]
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
    return day if shape < 254 else "0001-01-01T00:00:00"


class Data(Protocol):
    """What the service reads: a `DataSet`, or `Records` of a test's own."""

    @property
    def seed(self) -> int:
        """The number that continuation tokens are made from."""
        ...

    def __len__(self) -> int:
        """Return the number of customers."""
        ...

    def customer_ids(self) -> Iterator[str]:
        """Yield the ids of all customers in the order of the listing."""
        ...

    def customer_id(self, index: int) -> str:
        """Return the id of the customer at a position of the listing."""
        ...

    def customer_index(self, customer_id: str) -> int:
        """Return the position of a customer in the listing. Raises KeyError when there is no such customer."""
        ...

    def customer_name(self, index: int) -> tuple[str, str]:
        """Return the company name and the domain of the customer at a position of the listing."""
        ...

    def customer(self, customer_id: str, *, full: bool = True) -> JsonObject:
        """Return a customer as served: in full as by id, or thin as in the listing. Raises KeyError without one."""
        ...

    def order_count(
        self,
        customer_id: str,
        *,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> int:
        """Return how many orders the listing with these filters serves. Raises KeyError without such a customer."""
        ...

    def orders(
        self,
        customer_id: str,
        *,
        start: int = 0,
        stop: int | None = None,
        include_price: bool = True,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> Iterator[JsonObject]:
        """Yield a customer's orders as served, from position `start` of the listing with these filters up to `stop`."""
        ...

    def order(self, customer_id: str, order_id: str, *, include_price: bool = True) -> JsonObject:
        """Return one order as served. Raises KeyError when the customer has no such order."""
        ...

    def provisioning(self, customer_id: str, order_id: str) -> list[JsonObject]:
        """Return the provisioning status of an order's lines as served. Raises KeyError without such an order."""
        ...

    def migrations(self, customer_id: str) -> list[JsonObject]:
        """Return a customer's migrations as served. Raises KeyError when there is no such customer."""
        ...

    def all_migrations(self, *, start: int = 0) -> Iterator[tuple[int, JsonObject]]:
        """Yield every customer's migrations from a position on, each with its position. Positions rise with gaps."""
        ...

    def migration(self, customer_id: str, migration_id: str) -> JsonObject:
        """Return one migration as served. Raises KeyError when the customer has no such migration."""
        ...

    def events(
        self, customer_id: str, *, migration_id: str | None = None, current_subscription_id: str | None = None
    ) -> list[JsonObject]:
        """Return the events of those of a customer's migrations that match what is given, as served."""
        ...


class DataSet:
    """A partner's customers with their orders and migrations, the same for the same arguments on every machine.

    `orders_per_customer` counts the orders that a listing serves when nothing else is asked for; system purchases come
    on top and are served only on request. A pair is the lowest and the highest number for a customer, both included.
    """

    def __init__(
        self,
        *,
        customers: int = 100,
        orders_per_customer: int | tuple[int, int] = (0, 12),
        migrations_per_customer: int | tuple[int, int] = (0, 3),
        seed: int = 0,
    ) -> None:
        if not 0 <= customers <= _LARGEST_CUSTOMER_COUNT:
            message = f"customers must lie between 0 and {_LARGEST_CUSTOMER_COUNT}"
            raise ValueError(message)
        self._customers = customers
        self._orders = _bounds(orders_per_customer, "orders_per_customer", _LARGEST_ORDER_COUNT)
        self._migrations = _bounds(migrations_per_customer, "migrations_per_customer", 1000)
        self._seed = seed
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._customer_scramble = Scramble(f"{seed}:customer")
        self._order_scramble = Scramble(f"{seed}:order")
        self._migration_scramble = Scramble(f"{seed}:migration")
        source = random.Random(f"{seed}:catalog")  # noqa: S311 - reproducible data, no secret
        self._resellers = tuple(
            Reseller(
                _guid(self._digest("reseller", number).hex(), source.getrandbits(_BITS)),
                str(4_100_000 + source.randrange(900_000)),
            )
            for number in range(3)
        )
        self._offers = tuple(self._make_offer(source, number) for number in range(32))
        self._prices = {
            code: tuple(self._make_price(source, unit) for _ in self._offers) for code, _, unit in reversed(_CURRENCIES)
        }
        slots = [
            _Slot(system=False, cycle=cycle, reseller=source.choice((None, None, 0, 1, 2)))
            for cycle, weight in _CYCLE_WEIGHTS.items()
            for _ in range(weight)
        ]
        slots += [_Slot(system=True, cycle="monthly", reseller=None)] * _SYSTEM_SLOTS
        source.shuffle(slots)
        self._slots = tuple(slots)

    def __repr__(self) -> str:
        sizes = f"orders_per_customer={self._orders}, migrations_per_customer={self._migrations}"
        return f"DataSet(customers={self._customers}, {sizes}, seed={self._seed})"

    @property
    def seed(self) -> int:
        """The number that everything is computed from."""
        return self._seed

    @property
    def resellers(self) -> tuple[Reseller, ...]:
        """The indirect resellers that some of the orders belong to."""
        return self._resellers

    def __len__(self) -> int:
        """Return the number of customers."""
        return self._customers

    # Customers

    def customer_ids(self) -> Iterator[str]:
        """Yield the ids of all customers in the order of the listing."""
        return map(self.customer_id, range(self._customers))

    def customer_id(self, index: int) -> str:
        """Return the id of the customer at a position of the listing."""
        if not 0 <= index < self._customers:
            message = f"there is no customer at position {index}"
            raise IndexError(message)
        return _guid(self._digest("customer", index).hex(), self._customer_scramble.hide(index))

    def customer_index(self, customer_id: str) -> int:
        """Return the position of a customer in the listing. Raises KeyError when there is no such customer."""
        index = self._customer_scramble.reveal(_tail(customer_id))
        if index < self._customers and self.customer_id(index) == customer_id.lower():
            return index
        raise KeyError(customer_id)

    def customer_name(self, index: int) -> tuple[str, str]:
        """Return the company name and the domain of the customer at a position of the listing."""
        dice = self._digest("name", index)
        first, second = _ADJECTIVES[dice[0] % len(_ADJECTIVES)], _NOUNS[dice[1] % len(_NOUNS)]
        return (
            f"{first} {second} {index} {_FORMS[dice[2] % len(_FORMS)]}",
            f"{first}{second}{index}.example.com".lower(),
        )

    def customer(self, customer_id: str, *, full: bool = True) -> JsonObject:
        """Return a customer as served: in full as by id, or thin as in the listing. Raises KeyError without one."""
        index = self.customer_index(customer_id)
        customer_id = self.customer_id(index)
        name, domain = self.customer_name(index)
        dice = self._digest("profile", index)
        profile: JsonObject = {"tenantId": customer_id, "domain": domain, "companyName": name}
        customer: JsonObject = {"id": customer_id, "companyProfile": profile, "relationshipToPartner": "reseller"}
        if full:
            profile["organizationRegistrationNumber"] = f"R{dice[0] * 7919 + index:08d}" if dice[1] & 1 else None
            profile["links"] = {"self": _link(f"/customers/{customer_id}/profiles/company")}
            customer["commerceId"] = _guid(dice.hex()[16:], index)
            customer["billingProfile"] = self._billing_profile(customer_id, name, domain, dice)
            customer["allowDelegatedAccess"] = dice[2] > 40
            customer["customDomains"] = [domain] if dice[3] & 1 else []
            if dice[4] & 1:
                customer["associatedPartnerId"] = self._resellers[dice[4] % 3].partner_id
            customer["links"] = {"self": _link(f"/customers/{customer_id}")}
        profile["attributes"] = {"objectType": "CustomerCompanyProfile"}
        customer["attributes"] = {"objectType": "Customer"}
        return customer

    def _billing_profile(self, customer_id: str, name: str, domain: str, dice: bytes) -> JsonObject:
        first, last = _FIRST_NAMES[dice[5] % 8], _LAST_NAMES[dice[6] % 8]
        place = dice[7] % 8
        address: JsonObject = {
            "country": _COUNTRIES[place],
            "city": _CITIES[dice[8] % 8],
            "state": "WA" if _COUNTRIES[place] == "US" else "",
            "addressLine1": f"{dice[9] + 1} {_NOUNS[dice[10] % 16]} Street",
            "postalCode": f"{10_000 + dice[11] * 257}",
            "firstName": first,
            "lastName": last,
            "phoneNumber": f"555{dice[12]:03d}{dice[13]:04d}",
        }
        if dice[14] & 3 == 0:
            address["addressLine2"] = None
        return {
            "id": _guid(dice.hex()[40:], dice[0]),
            "firstName": first,
            "lastName": last,
            "email": f"{first}.{last}@{domain}".lower(),
            "culture": _CULTURES[place],
            "language": _CULTURES[place][:2],
            "companyName": name,
            "defaultAddress": address,
            "links": {"self": _link(f"/customers/{customer_id}/profiles/billing")},
            "attributes": {"etag": str(-(int.from_bytes(dice[20:27], "big"))), "objectType": "CustomerBillingProfile"},
        }

    # Orders

    def order_count(
        self,
        customer_id: str,
        *,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> int:
        """Return how many orders the listing with these filters serves. Raises KeyError without such a customer."""
        customer = self.customer_index(customer_id)
        slots = self._matching_slots(
            customer, system=include_system_purchases, billing_type=billing_type, reseller=indirect_reseller_id
        )
        return self._count(customer, slots)

    def orders(
        self,
        customer_id: str,
        *,
        start: int = 0,
        stop: int | None = None,
        include_price: bool = True,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> Iterator[JsonObject]:
        """Yield a customer's orders as served, from position `start` of the listing with these filters up to `stop`.

        Reaching `start` costs nothing and `stop` is not included. Raises KeyError when there is no such customer and
        ValueError for an unknown billing type.
        """
        customer = self.customer_index(customer_id)
        slots = self._matching_slots(
            customer, system=include_system_purchases, billing_type=billing_type, reseller=indirect_reseller_id
        )
        count = self._count(customer, slots)
        customer_id = self.customer_id(customer)
        shift = self._shift(customer)
        for position in range(start, count if stop is None else min(stop, count)):
            yield self._order(customer, customer_id, self._nth(slots, position), shift, include_price=include_price)

    def order(self, customer_id: str, order_id: str, *, include_price: bool = True) -> JsonObject:
        """Return one order as served. Raises KeyError when the customer has no such order."""
        customer = self.customer_index(customer_id)
        number = self._order_scramble.reveal(_tail(order_id))
        index = number & _INDEX_MASK
        if number >> _INDEX_BITS == customer and index < self._total(customer):
            order = self._order(
                customer, self.customer_id(customer), index, self._shift(customer), include_price=include_price
            )
            if folded(str(order["id"])) == folded(order_id):
                return order
        raise KeyError(order_id)

    def provisioning(self, customer_id: str, order_id: str) -> list[JsonObject]:
        """Return the provisioning status of an order's lines as served. Raises KeyError without such an order."""
        order = self.order(customer_id, order_id, include_price=False)
        dice = self._digest("provisioning", self._order_scramble.reveal(_tail(order_id)))
        lines = cast("list[dict[str, int]]", order["lineItems"])
        return [self._line_provisioning(line, dice[line["lineItemNumber"]]) for line in lines]

    @staticmethod
    def _line_provisioning(line: dict[str, int], die: int) -> JsonObject:
        number, quantity = line["lineItemNumber"], line["quantity"]
        status = (
            "Fulfilled",
            "fulfilled",
            "Fulfilled",
            "FULFILLED",
            "Unfulfilled",
            "unfulfilled",
            "PrefulfillmentPending",
            "prefulfillmentpending",
        )[die & 7]
        parts: list[JsonObject] = [{"quantity": quantity, "status": status}]
        if die & 0x30 == 0 and quantity > 1:
            parts = [{"quantity": quantity - 1, "status": "fulfilled"}, {"quantity": 1, "status": "Unfulfilled"}]
        return {
            "orderLineItemId": number,
            "lineItemNumber": number,
            "status": status,
            "quantityProvisioningInformation": parts,
        }

    def _matching_slots(
        self, customer: int, *, system: bool, billing_type: str | int | None, reseller: str | None
    ) -> tuple[int, ...]:
        cycle = None if billing_type is None else billing_cycle(billing_type)
        if reseller is not None:
            reseller = reseller.lower()
        shift = self._shift(customer)
        found: list[int] = []
        for position in range(len(self._slots)):
            slot = self._slots[(position + shift) % len(self._slots)]
            if (
                (system or not slot.system)
                and cycle in (None, slot.cycle)
                and (reseller is None or (slot.reseller is not None and self._resellers[slot.reseller].id == reseller))
            ):
                found.append(position)
        return tuple(found)

    def _shift(self, customer: int) -> int:
        """Return where in the cycle of slots a customer begins, so that small customers differ too."""
        return self._digest("slots", customer)[0]

    def _nth(self, slots: tuple[int, ...], position: int) -> int:
        turn, rest = divmod(position, len(slots))
        return turn * len(self._slots) + slots[rest]

    def _total(self, customer: int) -> int:
        """Return how many orders of every sort it takes for a customer to have the wanted user purchases."""
        low, high = self._orders
        wanted = low + int.from_bytes(self._digest("orders", customer)[:8], "big") % (high - low + 1)
        if wanted == 0:
            return 0
        return 1 + self._nth(self._matching_slots(customer, system=False, billing_type=None, reseller=None), wanted - 1)

    def _count(self, customer: int, slots: tuple[int, ...]) -> int:
        turns, rest = divmod(self._total(customer), len(self._slots))
        return turns * len(slots) + bisect.bisect_left(slots, rest)

    def _order(self, customer: int, customer_id: str, index: int, shift: int, *, include_price: bool) -> JsonObject:
        number = customer << _INDEX_BITS | index
        dice = hashlib.blake2b(number.to_bytes(6, "big"), key=self._key, person=b"order").digest()
        slot = self._slots[(index + shift) % len(self._slots)]
        hidden = self._order_scramble.hide(number)
        legacy = dice[0] < _LEGACY
        order_id = _order_id(dice, hidden)
        place = customer % len(_CURRENCIES)
        code, symbol, _ = _CURRENCIES[place]
        path = f"/customers/{customer_id}/orders/{order_id}"
        order: JsonObject = {"id": order_id}
        if not legacy:
            order["alternateId"] = order_id if dice[0] >= _CLASSIC else f"{hidden:012x}"
        order["referenceCustomerId"] = customer_id
        order["billingCycle"] = slot.cycle
        order["currencyCode"] = code
        if dice[1] < 128 and not legacy:
            order["currencySymbol"] = symbol
        elif dice[1] < 140:
            order["currencySymbol"] = None
        line_numbers = range(_LINE_COUNTS[dice[2] & 15])
        lines = [self._line(dice, n, place, slot, customer_id=customer_id, legacy=legacy) for n in line_numbers]
        order["lineItems"] = lines
        order["creationDate"] = _moment(dice, 3)
        if not (legacy and dice[11] & 1):
            order["status"] = _STATUSES[dice[11] >> 3]
        if include_price:
            order["totalPrice"] = self._add_prices(lines, dice, code)
        if slot.system:
            order["transactionType"] = "SystemPurchase" if dice[12] & 1 else "SystemBilling"
        elif not legacy:
            order["transactionType"] = "UserPurchase"
        self._add_ending(order, dice, path, place)
        return order

    @staticmethod
    def _add_ending(order: JsonObject, dice: bytes, path: str, place: int) -> None:
        links: JsonObject = {"provisioningStatus": _link(path + "/provisioningstatus"), "self": _link(path)}
        if dice[12] & 6 == 0:
            links["patchOperation"] = _link(path, "PATCH")
        order["links"] = links
        if dice[13] < 60:
            order["client"] = {} if dice[13] < 45 else {**_CLIENT, "marketplaceCountry": _COUNTRIES[place]}
        if dice[0] < _LEGACY:
            order["attributes"] = {"etag": _etag(str(order["id"]), dice[14] % 9 + 1), "objectType": "Order"}
        elif dice[15] > 20:
            order["attributes"] = {"objectType": "Order"}

    def _line(self, dice: bytes, number: int, place: int, slot: _Slot, *, customer_id: str, legacy: bool) -> JsonObject:
        """Build one order line. Dice 16 to 39 belong to the lines, six for each."""
        at = 16 + number * 6
        which, rare, flags = dice[at], dice[at + 2], dice[at + 3]
        offer = self._offers[which % len(self._offers)]
        line: JsonObject = {
            "lineItemNumber": number,
            "offerId": offer.legacy_id if legacy else offer.offer_id,
        }
        links: JsonObject = {}
        if flags & 3 or legacy:
            words = hashlib.blake2b(dice[:16], digest_size=18, salt=bytes((number,))).hexdigest()
            subscription = _guid(words, int(words[24:], 16))
            if legacy:
                subscription = subscription.upper()
            line["subscriptionId"] = subscription
            links["subscription"] = _link(f"/customers/{customer_id}/subscriptions/{subscription}")
            if number and flags & 4:
                line["parentSubscriptionId"] = _guid(words[12:] + words[:12], int(words[:12], 16))
        line["friendlyName"] = offer.name
        line["quantity"] = dice[at + 1] % 50 + 1
        if slot.reseller is not None:
            line["partnerIdOnRecord"] = self._resellers[slot.reseller].partner_id
            if rare & 3 == 0:
                line["additionalPartnerIdsOnRecord"] = [
                    reseller.partner_id
                    for reseller in self._resellers
                    if reseller.partner_id != line["partnerIdOnRecord"]
                ]
        if legacy:
            line["links"] = links
            return line
        self._add_links(links, line, offer, country=_COUNTRIES[place], customer_id=customer_id, flags=flags)
        term = _TERM_BY_CYCLE.get(slot.cycle, "")
        line["termDuration"] = term
        if flags & 32:
            line["transactionType"] = "New"
        if term and flags & 64:
            line["renewsTo"] = {"termDuration": term}
        if rare < 120:
            self._add_rare_fields(line, dice, at)
        line["links"] = links
        return line

    @staticmethod
    def _add_links(
        links: JsonObject, line: JsonObject, offer: _Offer, *, country: str, customer_id: str, flags: int
    ) -> None:
        product = f"/products/{offer.product}"
        links["product"] = _link(f"{product}?country={country}")
        links["sku"] = _link(f"{product}/skus/{offer.sku}?country={country}")
        if flags & 8:
            availability = f"{product}/skus/{offer.sku}/availabilities/{offer.availability}?country={country}"
            links["availability"] = _link(availability)
        if flags & 16 and "subscriptionId" in line:
            links["activationLinks"] = _link(
                f"/customers/{customer_id}/subscriptions/{line['subscriptionId']}/activationlinks"
            )

    @staticmethod
    def _add_rare_fields(line: JsonObject, dice: bytes, at: int) -> None:
        rare = dice[at + 2]
        if rare < 20:
            line["customTermEndDate"] = None if rare < 8 else f"{_DAYS[dice[at + 4] * 7]}T00:00:00Z"
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
        else:
            line["purchaseCommitment"] = {
                "amount": Decimal(dice[at + 4] + 5).scaleb(-2),
                "currency": "usd",
                "grain": "hourly",
            }

    def _add_prices(self, lines: list[JsonObject], dice: bytes, code: str) -> Decimal:
        """Give each line its prices and return their total."""
        total = Decimal("0.0")
        for number, line in enumerate(lines):
            pricing = self._pricing(dice, number, code)
            line["pricing"] = pricing
            total = EXACT_CONTEXT.add(total, pricing["extendedPrice"])
        return total

    def _pricing(self, dice: bytes, number: int, code: str) -> dict[str, Decimal]:
        at = 16 + number * 6
        price = self._prices[code][dice[at] % len(self._offers)]
        pricing = {"listPrice": price.list_price, "discountedPrice": price.discounted}
        if dice[at + 5] > 20:
            pricing["proratedPrice"] = price.prorated
        pricing["price"] = price.discounted
        pricing["extendedPrice"] = EXACT_CONTEXT.multiply(price.discounted, Decimal(dice[at + 1] % 50 + 1))
        return pricing

    # Migrations

    def migration_count(self, customer_id: str) -> int:
        """Return how many migrations a customer has. Raises KeyError when there is no such customer."""
        return self._migration_count(self.customer_index(customer_id))

    def migrations(self, customer_id: str) -> list[JsonObject]:
        """Return a customer's migrations as served. Raises KeyError when there is no such customer."""
        customer = self.customer_index(customer_id)
        return [self._migration(customer, index) for index in range(self._migration_count(customer))]

    def all_migrations(self, *, start: int = 0) -> Iterator[tuple[int, JsonObject]]:
        """Yield every customer's migrations from a position on, each with its position. Positions rise with gaps."""
        first_customer, first = start >> _INDEX_BITS, start & _INDEX_MASK
        for customer in range(first_customer, self._customers):
            for index in range(first if customer == first_customer else 0, self._migration_count(customer)):
                yield customer << _INDEX_BITS | index, self._migration(customer, index)

    def migration(self, customer_id: str, migration_id: str) -> JsonObject:
        """Return one migration as served. Raises KeyError when the customer has no such migration."""
        customer = self.customer_index(customer_id)
        number = self._migration_scramble.reveal(_tail(migration_id))
        if number >> _INDEX_BITS == customer and number & _INDEX_MASK < self._migration_count(customer):
            migration = self._migration(customer, number & _INDEX_MASK)
            if migration["id"] == migration_id.lower():
                return migration
        raise KeyError(migration_id)

    def events(
        self, customer_id: str, *, migration_id: str | None = None, current_subscription_id: str | None = None
    ) -> list[JsonObject]:
        """Return the events of those of a customer's migrations that match what is given, as served.

        Raises KeyError when there is no such customer.
        """
        customer = self.customer_index(customer_id)
        events: list[JsonObject] = []
        for index in range(self._migration_count(customer)):
            migration = self._migration(customer, index)
            subscription = str(migration["currentSubscriptionId"]).lower()
            if (migration_id is None or migration["id"] == migration_id.lower()) and (
                current_subscription_id is None or subscription == current_subscription_id.lower()
            ):
                events.extend(self._migration_events(customer, index, migration))
        return events

    def _migration_count(self, customer: int) -> int:
        low, high = self._migrations
        return low + int.from_bytes(self._digest("migrations", customer)[:8], "big") % (high - low + 1)

    def _migration(self, customer: int, index: int) -> JsonObject:
        number = customer << _INDEX_BITS | index
        dice = self._digest("migration", number)
        words = dice.hex()
        completed = dice[0] & 3 != 0
        offer = self._offers[dice[1] % len(self._offers)]
        hidden = self._migration_scramble.hide(number)
        day = _DAYS[1000 + dice[2] * 4]
        migration: JsonObject = {
            "id": _guid(words[20:], hidden),
            "startedTime": f"{day}T08:{dice[3] % 10:02d}:{dice[4] % 60:02d}.{dice[5] * 39_000:07d}Z",
        }
        if completed:
            migration["completedTime"] = f"{day}T09:{dice[3] % 60:02d}:{dice[4] % 60:02d}.{dice[6] * 39_001:07d}Z"
        migration["currentSubscriptionId"] = _guid(words[50:], hidden).upper()
        migration["status"] = "Completed" if completed else "Processing"
        migration["customerTenantId"] = self.customer_id(customer)
        migration["catalogItemId"] = offer.offer_id
        if completed:
            migration["newCommerceSubscriptionId"] = _guid(words[70:], hidden)
            migration["newCommerceOrderId"] = f"{self._order_scramble.hide(number | 1 << (_INDEX_BITS - 1)):012x}"
        migration["subscriptionEndDate"] = f"{_DAYS[1400 + dice[2] * 4]}T00:00:00Z"
        migration["quantity"] = dice[7] % 40 + 1
        migration["termDuration"] = ("P1M", "P1Y", "P3Y")[dice[8] % 3]
        migration["billingCycle"] = ("Monthly", "Annual")[dice[9] & 1]
        migration["purchaseFullTerm"] = bool(dice[10] & 1)
        migration["externalReferenceId"] = f"batch-{customer % 5}" if dice[11] & 3 else None
        migration["microsoftLed"] = dice[12] < 40
        if dice[13] < 90:
            migration["customTermEndDate"] = None
        migration["addOnMigrations"] = [
            {
                "currentSubscriptionId": _guid(words[10 + addon :], hidden ^ (addon + 1)).upper(),
                "catalogItemId": self._offers[dice[14 + addon] % len(self._offers)].offer_id,
                "quantity": dice[17 + addon] % 9 + 1,
                "termDuration": "P1Y",
                "billingCycle": "Monthly",
                "purchaseFullTerm": False,
            }
            for addon in range(max(0, dice[20] % 5 - 2))
        ]
        return migration

    def _migration_events(self, customer: int, index: int, migration: JsonObject) -> Iterator[JsonObject]:
        dice = self._digest("events", customer << _INDEX_BITS | index)
        names = _EVENT_NAMES if migration["status"] == "Completed" else _EVENT_NAMES[:2]
        started = str(migration["startedTime"])[:14]
        for number, name in enumerate(names):
            fraction = f"{dice[number] * 39_017:07d}"[: 6 + (dice[number + 4] & 1)]
            event: JsonObject = {
                "id": _guid(dice.hex()[number * 18 :], customer << 8 | number),
                "newCommerceMigrationId": migration["id"],
                "currentSubscriptionId": str(migration["currentSubscriptionId"]).lower(),
                "customerTenantId": migration["customerTenantId"],
                "createdTime": f"{started}{10 + number * 12:02d}:{dice[number + 8] % 60:02d}.{fraction}Z",
                "eventName": name,
            }
            if dice[number + 12] < 50:
                event |= {
                    name: migration[name]
                    for name in ("status", "quantity", "termDuration", "billingCycle", "microsoftLed")
                }
            yield event

    # Ingredients

    def _digest(self, kind: str, number: int) -> bytes:
        return hashlib.blake2b(number.to_bytes(8, "big"), key=self._key, person=kind.encode()).digest()

    def _make_offer(self, source: random.Random, number: int) -> _Offer:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
        product = "EM" + "".join(source.choice(letters) for _ in range(10))
        availability = "EM" + "".join(source.choice(letters) for _ in range(10))
        sku = f"{number % 7 + 1:04X}"
        legacy = _guid(self._digest("offer", number).hex(), source.getrandbits(_BITS)).upper()
        name = f"{_PLANS[number % len(_PLANS)]} {_TIERS[number // len(_PLANS) % len(_TIERS)]}"
        return _Offer(f"{product}:{sku}:{availability}", legacy, name, product, sku, availability)

    @staticmethod
    def _make_price(source: random.Random, unit: Decimal) -> _Price:
        """Return prices whose text is worth keeping: closing zeros, and now and then 19 significant digits."""
        scale = unit if source.randrange(5) else Decimal("0.1")
        if source.randrange(8) == 0:
            return _Price(*(Decimal(source.randrange(10**18, 10**19)).scaleb(-15) for _ in range(3)))
        amount = source.randrange(30, 90_000)
        return _Price(*(EXACT_CONTEXT.multiply(Decimal(amount - amount * part // 20), scale) for part in (0, 1, 7)))


def _tail(identifier: str) -> int:
    """Return the 48 hidden bits of an id of any of the three shapes. Raises KeyError for text of another shape."""
    try:
        if len(identifier) == 33:
            return int.from_bytes(base64.b64decode(identifier[:32], altchars=b"-_", validate=True)[-6:], "big")
        if len(identifier) in (12, 36) and identifier[-12:].isalnum():
            return int(identifier[-12:], 16)
    except ValueError:
        pass
    raise KeyError(identifier)


def folded(identifier: str) -> str:
    """Return an order id for comparison: GUIDs differ in letter case between endpoints, 33-character ids may not."""
    return identifier if len(identifier) == 33 else identifier.lower()
