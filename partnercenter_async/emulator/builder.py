"""Records of a test's own, written field by field, beside generated ones or without them.

Fields are given under the service's names in snake_case, as the client's structs have them, and served in the service's
spelling: `currency_code` is `currencyCode`. What is left out gets a plausible value; None is served as null, a
`datetime` as the service writes dates. A name that the reference does not have is refused; what the service may have
added since, or a value that it should not send, goes into `extra`, under its wire name and as it is.
"""

import copy
import datetime as dt
import decimal
import difflib
import functools
import hashlib
import itertools
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias, TypedDict, Unpack, cast

from partnercenter_async.emulator.data import EXACT_CONTEXT, DataSet, JsonObject, billing_cycle, folded

Money: TypeAlias = str | Decimal | int
"""An amount, exact: "12.50" rather than 12.5, which is refused."""
Moment: TypeAlias = str | dt.datetime
"""A date: text that is served as it is, or an aware datetime."""

_FIRST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_UNIT_PRICE = Decimal("10.00")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_TERMS = {"monthly": "P1M", "annual": "P1Y", "triennial": "P3Y", "biennial": "P2Y"}


class AddressFields(TypedDict, total=False):
    """A postal address."""

    country: str | None
    region: str | None
    city: str | None
    state: str | None
    address_line1: str | None
    address_line2: str | None
    postal_code: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    phone_number: str | None
    extra: Mapping[str, object]


class CompanyProfileFields(TypedDict, total=False):
    """A customer's company, but for what `add_customer` takes by itself."""

    organization_registration_number: str | None
    address: AddressFields | None
    email: str | None
    extra: Mapping[str, object]


class BillingProfileFields(TypedDict, total=False):
    """Whom a customer's bills go to."""

    id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    culture: str | None
    language: str | None
    company_name: str | None
    default_address: AddressFields | None
    extra: Mapping[str, object]


class CustomerFields(TypedDict, total=False):
    """The fields of a customer."""

    id: str
    commerce_id: str | None
    company_profile: CompanyProfileFields
    billing_profile: BillingProfileFields
    relationship_to_partner: str | None
    allow_delegated_access: bool | None
    custom_domains: Sequence[str] | None
    associated_partner_id: str | None
    extra: Mapping[str, object]


class PricingFields(TypedDict, total=False):
    """A line's prices."""

    list_price: Money | None
    discounted_price: Money | None
    prorated_price: Money | None
    price: Money | None
    extended_price: Money | None
    extra: Mapping[str, object]


class PurchaseCommitmentFields(TypedDict, total=False):
    """What an Azure savings plan commits to."""

    amount: Money | None
    currency: str | None
    grain: str | None
    extra: Mapping[str, object]


class RenewsToFields(TypedDict, total=False):
    """The term that follows."""

    term_duration: str | None
    extra: Mapping[str, object]


class LineItemFields(TypedDict, total=False):
    """The fields of an order's line."""

    line_item_number: int
    offer_id: str | None
    subscription_id: str | None
    parent_subscription_id: str | None
    term_duration: str | None
    transaction_type: str | None
    renews_to: RenewsToFields | None
    friendly_name: str | None
    quantity: int
    custom_term_end_date: Moment | None
    partner_id_on_record: str | None
    additional_partner_ids_on_record: Sequence[str] | None
    provisioning_context: Mapping[str, str] | None
    attestation_accepted: bool | None
    promotion_id: str | None
    pricing: PricingFields | None
    purchase_commitment: PurchaseCommitmentFields | None
    extra: Mapping[str, object]


class ClientFields(TypedDict, total=False):
    """The program through which an order came in."""

    marketplace_country: str | None
    device_family: str | None
    name: str | None
    extra: Mapping[str, object]


class OrderFields(TypedDict, total=False):
    """The fields of an order."""

    id: str
    alternate_id: str | None
    billing_cycle: str | None
    currency_code: str | None
    currency_symbol: str | None
    line_items: Sequence[LineItemFields] | None
    creation_date: Moment | None
    status: str | None
    total_price: Money | None
    transaction_type: str | None
    client: ClientFields | None
    partner_on_record_attestation_accepted: bool | None
    extra: Mapping[str, object]


class AddOnMigrationFields(TypedDict, total=False):
    """The fields of an add-on that moves with its subscription."""

    current_subscription_id: str | None
    catalog_item_id: str | None
    subscription_end_date: Moment | None
    quantity: int | None
    term_duration: str | None
    billing_cycle: str | None
    purchase_full_term: bool | None
    external_reference_id: str | None
    custom_term_end_date: Moment | None
    extra: Mapping[str, object]


class MigrationFields(AddOnMigrationFields, total=False):
    """The fields of a migration."""

    id: str
    started_time: Moment | None
    completed_time: Moment | None
    status: str | None
    new_commerce_subscription_id: str | None
    new_commerce_order_id: str | None
    microsoft_led: bool | None
    add_on_migrations: Sequence[AddOnMigrationFields] | None


class EventFields(TypedDict, total=False):
    """The fields of an event of a migration."""

    id: str
    created_time: Moment | None
    current_subscription_id: str | None
    status: str | None
    quantity: int | None
    term_duration: str | None
    billing_cycle: str | None
    microsoft_led: bool | None
    extra: Mapping[str, object]


# What the fields hold that are neither plain values nor free-form, and those that hold money.
_NESTED: dict[str, frozenset[str]] = {
    "address": AddressFields.__optional_keys__,
    "company_profile": CompanyProfileFields.__optional_keys__,
    "billing_profile": BillingProfileFields.__optional_keys__,
    "default_address": AddressFields.__optional_keys__,
    "line_items": LineItemFields.__optional_keys__,
    "pricing": PricingFields.__optional_keys__,
    "purchase_commitment": PurchaseCommitmentFields.__optional_keys__,
    "renews_to": RenewsToFields.__optional_keys__,
    "client": ClientFields.__optional_keys__,
    "add_on_migrations": AddOnMigrationFields.__optional_keys__,
}
_LISTS = frozenset({"line_items", "add_on_migrations"})
_COUNTS = frozenset({"quantity", "line_item_number"})
_MONEY = PricingFields.__optional_keys__ - {"extra"} | {"total_price", "amount"}


@dataclass(frozen=True, slots=True)
class _Customer:
    position: int
    """Among those that were added one by one."""
    name: str
    domain: str
    full: JsonObject
    thin: JsonObject


@dataclass(frozen=True, slots=True)
class _Order:
    document: JsonObject
    system: bool
    cycle: str | None
    reseller: str | None


class Records:
    """A partner's customers, orders and migrations: none to begin with, then what is added or generated.

    It serves what a `DataSet` serves, in the order in which it was added; orders and migrations that are added to a
    generated customer stand behind the generated ones.
    """

    def __init__(self) -> None:
        self._generated = DataSet(customers=0)
        self._before = 0
        """How many of the customers stand before the generated ones."""
        self._customers: dict[str, _Customer] = {}
        self._ids: list[str] = []
        self._orders: defaultdict[str, dict[str, _Order]] = defaultdict(dict)
        self._migrations: defaultdict[str, dict[str, JsonObject]] = defaultdict(dict)
        self._events: defaultdict[str, list[JsonObject]] = defaultdict(list)
        self._provisioning: dict[tuple[str, str, int], tuple[str, dict[str, int] | None]] = {}
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        return f"Records({len(self._ids)} customers of their own, {self._generated!r})"

    # What a test adds

    def populate(
        self,
        *,
        customers: int = 300,
        orders_per_customer: int | tuple[int, int] = (0, 12),
        migrations_per_customer: int | tuple[int, int] = (0, 3),
        seed: int = 7,
    ) -> DataSet:
        """Add generated customers, once; the arguments are those of `DataSet`, which is returned."""
        if len(self._generated):
            message = "there are generated customers already: populate once, with as many as are needed"
            raise RuntimeError(message)
        self._generated = DataSet(
            customers=customers,
            orders_per_customer=orders_per_customer,
            migrations_per_customer=migrations_per_customer,
            seed=seed,
        )
        self._before = len(self._ids)
        return self._generated

    def add_customer(
        self, *, company_name: str | None = None, domain: str | None = None, **fields: Unpack[CustomerFields]
    ) -> str:
        """Add a customer and return its id."""
        number = next(self._numbers)
        name = f"Customer {number}" if company_name is None else _text("add_customer: company_name", company_name)
        domain = f"customer{number}.example.com" if domain is None else _text("add_customer: domain", domain)
        given = _wire("add_customer", fields, CustomerFields.__optional_keys__)
        customer_id = str(given.get("id") or _guid("customer", number))
        if self._has_customer(customer_id):
            message = f"there is a customer {customer_id} already"
            raise ValueError(message)
        profile: JsonObject = {"tenantId": customer_id, "domain": domain, "companyName": name}
        attributes: JsonObject = {"objectType": "CustomerCompanyProfile"}
        extra = fields.get("extra") or {}
        thin: JsonObject = {
            "id": customer_id,
            "companyProfile": {**profile, "attributes": attributes},
            "relationshipToPartner": given.get("relationshipToPartner", "reseller"),
            "attributes": {"objectType": "Customer"},
            **extra,
        }
        billing: JsonObject = {
            "id": _guid("billing profile", number),
            "firstName": "Ada",
            "lastName": "Abt",
            "email": f"ada.abt@{domain}",
            "culture": "en-US",
            "language": "en",
            "companyName": name,
            "defaultAddress": {
                "country": "US",
                "city": "Larkspur",
                "state": "WA",
                "addressLine1": f"{number} Meadow Street",
                "postalCode": "10001",
                "firstName": "Ada",
                "lastName": "Abt",
                "phoneNumber": "5550000000",
            },
            "links": {"self": _link(f"/customers/{customer_id}/profiles/billing")},
            "attributes": {"etag": str(-(10**18 + number)), "objectType": "CustomerBillingProfile"},
        }
        full: JsonObject = {
            "commerceId": _guid("commerce", number),
            "allowDelegatedAccess": True,
            "customDomains": [domain],
            "links": {"self": _link(f"/customers/{customer_id}")},
            **thin,
            **given,
            "id": customer_id,
            "companyProfile": {
                **profile,
                "organizationRegistrationNumber": f"R{number:08d}",
                "links": {"self": _link(f"/customers/{customer_id}/profiles/company")},
                "attributes": attributes,
                **_object(given.get("companyProfile")),
            },
            "billingProfile": {**billing, **_object(given.get("billingProfile"))},
            **extra,
        }
        self._customers[customer_id.lower()] = _Customer(len(self._ids), name, domain, full, thin)
        self._ids.append(customer_id)
        return customer_id

    def add_order(
        self, customer_id: str, *, indirect_reseller_id: str | None = None, **fields: Unpack[OrderFields]
    ) -> str:
        """Add an order of a customer, own or generated, and return its id.

        Without `line_items` it has one line. Where neither a total nor a line's pricing is given a unit costs 10.00;
        the total is that of the lines. A `transaction_type` of `SystemPurchase` or `SystemBilling` keeps it out of
        listings that do not ask for those, and `indirect_reseller_id` is what the listings' filter of that name finds
        it by; its lines then have a `partner_id_on_record`.
        """
        customer_id = self._known(customer_id)
        reseller = None
        if indirect_reseller_id is not None:
            reseller = _text("add_order: indirect_reseller_id", indirect_reseller_id).lower()
        number = next(self._numbers)
        given = _wire("add_order", fields, OrderFields.__optional_keys__)
        _check_numbers(fields.get("line_items") or ())
        order_id = str(given.get("id") or f"b{number:011x}")
        if self._has_order(customer_id, order_id):
            message = f"the customer has an order {order_id} already"
            raise ValueError(message)
        cycle = _known_cycle(given.setdefault("billingCycle", "monthly"))
        lines = given.get("lineItems", [JsonObject()])
        on_record: JsonObject = {} if reseller is None else {"partnerIdOnRecord": self._partner_id(reseller)}
        if lines is not None:
            lines = [
                _line(on_record | cast("JsonObject", line), at, customer_id, cycle, number)
                for at, line in enumerate(cast("list[object]", lines))
            ]
            _add_prices(lines, given)
        currency = given.get("currencyCode", "USD")
        path = f"/customers/{customer_id}/orders/{order_id}"
        symbol = _SYMBOLS.get(str(currency))
        document: JsonObject = {
            "id": order_id,
            "alternateId": order_id,
            "referenceCustomerId": customer_id,
            "currencyCode": currency,
            **({"currencySymbol": symbol} if symbol else {}),
            "creationDate": _moment(number),
            "status": "completed",
            "transactionType": "UserPurchase",
            "links": {
                "provisioningStatus": _link(f"{path}/provisioningstatus"),
                "patchOperation": _link(path, "PATCH"),
                "self": _link(path),
            },
            "attributes": {"objectType": "Order"},
            **given,
            "lineItems": lines,
            **(fields.get("extra") or {}),
        }
        system = str(document["transactionType"]).lower() in {"systempurchase", "systembilling"}
        self._orders[customer_id.lower()][folded(order_id)] = _Order(document, system, cycle, reseller)
        return order_id

    def set_provisioning_status(
        self,
        customer_id: str,
        order_id: str,
        status: str,
        *,
        line_item_number: int | None = None,
        quantities: Mapping[str, int] | None = None,
    ) -> None:
        """Set what is provisioned of an order's line, or of all its lines; to begin with it is `Fulfilled`.

        `quantities` tells how many units are in which state, all units of the line; without it all are in the line's.
        """
        customer_id = self._known(customer_id)
        _text("set_provisioning_status: status", status)
        if not self._has_order(customer_id, _text("order_id", order_id, ": add_order returns the id of one")):
            message = f"the customer has no order {order_id!r}: add_order returns the id of one"
            raise ValueError(message)
        found = {_number(line): _units(line) for line in self.provisioning(customer_id, order_id)}
        if line_item_number is not None and line_item_number not in found:
            message = f"the order has no line {line_item_number}"
            raise ValueError(message)
        numbers = found if line_item_number is None else [line_item_number]
        units = None if quantities is None else _units_by_state(quantities)
        for number in numbers:
            if units is not None and sum(units.values()) != found[number]:
                counts = f"come to {sum(units.values())} units, but line {number} has {found[number]}"
                message = f"set_provisioning_status: quantities {counts}; line_item_number picks one line"
                raise ValueError(message)
        for number in numbers:
            self._provisioning[customer_id.lower(), folded(order_id), number] = status, units

    def add_migration(self, customer_id: str, **fields: Unpack[MigrationFields]) -> str:
        """Add a migration of a customer, own or generated, and return its id. It is completed unless `status` says so.

        It has no events but those that `add_event` adds.
        """
        customer_id = self._known(customer_id)
        number = next(self._numbers)
        given = _wire("add_migration", fields, MigrationFields.__optional_keys__)
        migration_id = str(given.get("id") or _guid("migration", number))
        if self._has_migration(customer_id, migration_id):
            message = f"the customer has a migration {migration_id} already"
            raise ValueError(message)
        document: JsonObject = {
            "id": migration_id,
            "startedTime": _moment(number),
            "currentSubscriptionId": _guid("current subscription", number).upper(),
            "status": "Completed",
            "customerTenantId": customer_id,
            "catalogItemId": _offer(0),
            "subscriptionEndDate": _date("", _FIRST_DAY + dt.timedelta(days=365, hours=number)),
            "quantity": 1,
            "termDuration": "P1Y",
            "billingCycle": "Monthly",
            "purchaseFullTerm": False,
            "externalReferenceId": None,
            "microsoftLed": False,
            "addOnMigrations": [],
            **given,
        }
        if document["status"] == "Completed":
            ended: JsonObject = {
                "completedTime": _moment(number, minutes=30),
                "newCommerceSubscriptionId": _guid("new subscription", number),
                "newCommerceOrderId": f"c{number:011x}",
            }
            document = ended | document
        self._migrations[customer_id.lower()][migration_id.lower()] = document | dict(fields.get("extra") or {})
        return migration_id

    def add_event(
        self, customer_id: str, migration_id: str, event_name: str = "MigrationStarted", **fields: Unpack[EventFields]
    ) -> str:
        """Add an event of a migration and return its id."""
        customer_id = self._known(customer_id)
        if not self._has_migration(
            customer_id, _text("migration_id", migration_id, ": add_migration returns the id of one")
        ):
            message = f"the customer has no migration {migration_id!r}: add_migration returns the id of one"
            raise ValueError(message)
        migration = self.migration(customer_id, migration_id)
        number = next(self._numbers)
        given = _wire("add_event", fields, EventFields.__optional_keys__)
        document: JsonObject = {
            "id": _guid("event", number),
            "newCommerceMigrationId": migration["id"],
            "currentSubscriptionId": str(migration["currentSubscriptionId"]).lower(),
            "customerTenantId": customer_id,
            "createdTime": _moment(number),
            "eventName": _text("add_event: event_name", event_name),
            **given,
            **(fields.get("extra") or {}),
        }
        self._events[customer_id.lower()].append(document)
        return str(document["id"])

    # What the service reads

    @property
    def seed(self) -> int:
        """The number that continuation tokens are made from."""
        return self._generated.seed

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self._ids) + len(self._generated)

    def customer_ids(self) -> Iterator[str]:
        """Yield the ids of all customers in the order of the listing."""
        return map(self.customer_id, range(len(self)))

    def customer_id(self, index: int) -> str:
        """Return the id of the customer at a position of the listing."""
        generated = index - self._before
        if 0 <= generated < len(self._generated):
            return self._generated.customer_id(generated)
        return self._ids[index if generated < 0 else generated - len(self._generated) + self._before]

    def customer_index(self, customer_id: str) -> int:
        """Return the position of a customer in the listing. Raises KeyError when there is no such customer."""
        own = self._customers.get(customer_id.lower())
        if own is None:
            return self._before + self._generated.customer_index(customer_id)
        return own.position if own.position < self._before else own.position + len(self._generated)

    def customer_name(self, index: int) -> tuple[str, str]:
        """Return the company name and the domain of the customer at a position of the listing."""
        own = self._customers.get(self.customer_id(index).lower())
        return (own.name, own.domain) if own else self._generated.customer_name(index - self._before)

    def customer(self, customer_id: str, *, full: bool = True) -> JsonObject:
        """Return a customer as served: in full as by id, or thin as in the listing. Raises KeyError without one."""
        own = self._customers.get(customer_id.lower())
        if own is None:
            return self._generated.customer(customer_id, full=full)
        return copy.deepcopy(own.full if full else own.thin)

    def order_count(
        self,
        customer_id: str,
        *,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> int:
        """Return how many orders the listing with these filters serves. Raises KeyError without such a customer."""
        own = self._matching(customer_id, include_system_purchases, billing_type, indirect_reseller_id)
        if customer_id.lower() in self._customers:
            return len(own)
        return len(own) + self._generated.order_count(
            customer_id,
            include_system_purchases=include_system_purchases,
            billing_type=billing_type,
            indirect_reseller_id=indirect_reseller_id,
        )

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

        Raises KeyError when there is no such customer and ValueError for an unknown billing type.
        """
        own = self._matching(customer_id, include_system_purchases, billing_type, indirect_reseller_id)
        generated = 0
        if customer_id.lower() not in self._customers:
            generated = -len(own) + self.order_count(
                customer_id,
                include_system_purchases=include_system_purchases,
                billing_type=billing_type,
                indirect_reseller_id=indirect_reseller_id,
            )
            yield from self._generated.orders(
                customer_id,
                start=start,
                stop=stop,
                include_price=include_price,
                include_system_purchases=include_system_purchases,
                billing_type=billing_type,
                indirect_reseller_id=indirect_reseller_id,
            )
        last = None if stop is None else max(0, stop - generated)
        for order in own[max(0, start - generated) : last]:
            yield _served(order, include_price=include_price)

    def order(self, customer_id: str, order_id: str, *, include_price: bool = True) -> JsonObject:
        """Return one order as served. Raises KeyError when the customer has no such order."""
        own = self._orders[customer_id.lower()].get(folded(order_id))
        if own is None:
            return self._generated.order(customer_id, order_id, include_price=include_price)
        return _served(own, include_price=include_price)

    def provisioning(self, customer_id: str, order_id: str) -> list[JsonObject]:
        """Return the provisioning status of an order's lines as served. Raises KeyError without such an order."""
        own = self._orders[customer_id.lower()].get(folded(order_id))
        if own is None:
            lines = self._generated.provisioning(customer_id, order_id)
        else:
            ordered = cast("list[JsonObject]", own.document["lineItems"] or [])
            lines = [_provisioned(line["lineItemNumber"], _quantity(line), "Fulfilled") for line in ordered]
        return [
            line if setting is None else _provisioned(line["lineItemNumber"], _units(line), *setting)
            for line in lines
            for setting in [self._provisioning.get((customer_id.lower(), folded(order_id), _number(line)))]
        ]

    def migrations(self, customer_id: str) -> list[JsonObject]:
        """Return a customer's migrations as served. Raises KeyError when there is no such customer."""
        generated = [] if customer_id.lower() in self._customers else self._generated.migrations(customer_id)
        return generated + copy.deepcopy([*self._migrations[customer_id.lower()].values()])

    def all_migrations(self, *, start: int = 0) -> Iterator[tuple[int, JsonObject]]:
        """Yield every customer's migrations from a position on, each with its position. Positions rise with gaps."""
        first_customer, first = divmod(start, 1 << 24)
        for customer in range(first_customer, len(self)):
            for index, migration in enumerate(self.migrations(self.customer_id(customer))):
                if customer > first_customer or index >= first:
                    yield customer << 24 | index, migration

    def migration(self, customer_id: str, migration_id: str) -> JsonObject:
        """Return one migration as served. Raises KeyError when the customer has no such migration."""
        own = self._migrations[customer_id.lower()].get(migration_id.lower())
        return self._generated.migration(customer_id, migration_id) if own is None else copy.deepcopy(own)

    def events(
        self, customer_id: str, *, migration_id: str | None = None, current_subscription_id: str | None = None
    ) -> list[JsonObject]:
        """Return the events of those of a customer's migrations that match what is given, as served."""
        generated: list[JsonObject] = []
        if customer_id.lower() not in self._customers:
            generated = self._generated.events(
                customer_id, migration_id=migration_id, current_subscription_id=current_subscription_id
            )
        return generated + [
            copy.deepcopy(event)
            for event in self._events[customer_id.lower()]
            if _same(event["newCommerceMigrationId"], migration_id)
            and _same(event["currentSubscriptionId"], current_subscription_id)
        ]

    # Which

    def _has_customer(self, customer_id: str) -> bool:
        try:
            self.customer_index(customer_id)
        except KeyError:
            return False
        return True

    def _has_order(self, customer_id: str, order_id: str) -> bool:
        try:
            self.order(customer_id, order_id)
        except KeyError:
            return False
        return True

    def _has_migration(self, customer_id: str, migration_id: str) -> bool:
        try:
            self.migration(customer_id, migration_id)
        except KeyError:
            return False
        return True

    def _known(self, customer_id: str) -> str:
        """Return a customer's id as it is served."""
        if not self._has_customer(_text("customer_id", customer_id, ": add_customer returns the id of one")):
            message = f"there is no customer {customer_id!r}: add_customer returns the id of one"
            raise ValueError(message)
        return self.customer_id(self.customer_index(customer_id))

    def _partner_id(self, reseller: str) -> str:
        """Return the number that lines carry for an indirect reseller, the same for the same one."""
        known = {each.id: each.partner_id for each in self._generated.resellers}
        digest = hashlib.blake2b(reseller.encode(), digest_size=4).digest()
        return known.get(reseller) or str(4_100_000 + int.from_bytes(digest, "big") % 900_000)

    def _matching(
        self, customer_id: str, system: bool, billing_type: str | int | None, reseller: str | None
    ) -> list[_Order]:
        cycle = None if billing_type is None else billing_cycle(billing_type)
        return [
            order
            for order in self._orders[customer_id.lower()].values()
            if (system or not order.system)
            and cycle in (None, order.cycle)
            and (reseller is None or order.reseller == reseller.lower())
        ]


# From fields to JSON


def _wire(where: str, fields: Mapping[str, object], names: frozenset[str]) -> JsonObject:
    """Return fields under their wire names, without `extra`."""
    wire: JsonObject = {}
    for name, value in fields.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            hint = f", perhaps {near[0]!r}," if near else ""
            message = f"{where} has no field {name!r}{hint} and takes others only in extra={{...}}, by their wire names"
            raise TypeError(message)
        if name == "extra":
            _check_dict(f"{where}: extra", value)
        else:
            head, *rest = name.split("_")
            wire[head + "".join(word.capitalize() for word in rest)] = _value(f"{where}: {name}", name, value)
    return wire


def _value(where: str, name: str, value: object) -> object:  # noqa: PLR0911 - one line for each kind of value
    match value:
        case _ if name == "id":
            return _text(where, value)
        case None:
            return None
        case _ if name in _COUNTS:
            return _whole(where, value)
        case float():
            remedy = "a str or Decimal" if name in _MONEY else "an int or a str"
            message = f"{where} must be {remedy}, not the float {value!r}, which is not exact: write {str(value)!r}"
            raise TypeError(message)
        case _ if name in _MONEY:
            return _amount(where, value)
        case dt.datetime():
            return _date(where, value)
        case list() | tuple() if name in _LISTS or name not in _NESTED:
            parts = enumerate(cast("Sequence[object]", value))
            return [(_part if name in _NESTED else _value)(f"{where}[{at}]", name, each) for at, each in parts]
        case _ if name in _LISTS:
            message = f"{where} must be a list of dicts, not {value!r}"
            raise TypeError(message)
        case _ if name in _NESTED:
            return _part(where, name, value)
        case Mapping():
            return dict(cast("Mapping[str, object]", value))
        case str() | int():
            return value
        case _:
            message = f"{where} must be a value of JSON or an aware datetime, not {value!r}"
            raise TypeError(message)


def _part(where: str, name: str, value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        message = f"{where} must be a dict of fields such as {min(_NESTED[name])!r}, not {value!r}"
        raise TypeError(message)
    part = cast("Mapping[str, object]", value)
    extra = cast("Mapping[str, object]", part.get("extra") or {})
    return _wire(where, part, _NESTED[name]) | dict(extra)


def _check_dict(where: str, value: object) -> None:
    if not isinstance(value, Mapping | None):
        message = f"{where} must be a dict of what else is served, by its wire names, not {value!r}"
        raise TypeError(message)


def _text(where: str, value: object, remedy: str = "") -> str:
    if not isinstance(value, str) or not value:
        message = f"{where} must be text that is not empty, not {value!r}{remedy}"
        raise ValueError(message)
    return value


def _whole(where: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"{where} must be a whole number, 0 or more, not {value!r}"
        raise ValueError(message)
    return value


def _units_by_state(quantities: object) -> dict[str, int]:
    where = "set_provisioning_status: quantities"
    if not isinstance(quantities, Mapping):
        message = f"{where} must be a dict of units by status, not {quantities!r}"
        raise TypeError(message)
    units = cast("Mapping[str, object]", quantities)
    return {state: _whole(f"{where}[{state!r}]", number) for state, number in units.items()}


def _check_numbers(lines: Sequence[LineItemFields]) -> None:
    """Refuse two lines with one number, but for a number that stands in `extra`."""
    seen: set[int] = set()
    for at, line in enumerate(lines):
        number = line.get("line_item_number", at)
        if number in seen and "lineItemNumber" not in (line.get("extra") or {}):
            message = f"add_order: line_items[{at}]: line_item_number {number} is that of another line"
            raise ValueError(message)
        seen.add(number)


def _amount(where: str, value: object) -> Decimal:
    if isinstance(value, str | Decimal | int) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except decimal.InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite():
            return amount
    message = f"{where} must be an amount such as '12.50', not {value!r}"
    raise ValueError(message)


def _date(where: str, value: dt.datetime) -> str:
    if value.tzinfo is None:
        message = f"{where} must have a time zone: datetime(..., tzinfo=UTC)"
        raise ValueError(message)
    return f"{value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"


def _line(line: JsonObject, at: int, customer_id: str, cycle: str | None, number: int) -> JsonObject:
    product, sku, availability = (offer := _offer(at)).split(":")
    subscription = line.get("subscriptionId", _guid(f"subscription {at}", number))
    sku_path = f"/products/{product}/skus/{sku}"
    links: JsonObject = {
        "product": _link(f"/products/{product}?country=US"),
        "sku": _link(f"{sku_path}?country=US"),
        "availability": _link(f"{sku_path}/availabilities/{availability}?country=US"),
    }
    if subscription is not None:
        links["subscription"] = _link(f"/customers/{customer_id}/subscriptions/{subscription}")
    return {
        "lineItemNumber": at,
        "offerId": offer,
        "subscriptionId": subscription,
        "termDuration": _TERMS.get(cycle or "", ""),
        "transactionType": "New",
        "friendlyName": f"Plan {at + 1}",
        "quantity": 1,
        "links": links,
        **line,
    }


def _add_prices(lines: list[JsonObject], order: JsonObject) -> None:
    """Fill in what is not given of the lines' prices and the total."""
    single = order["totalPrice"] if "totalPrice" in order and "lineItems" not in order else None
    for line in lines:
        if "pricing" not in line and ("totalPrice" not in order or single is not None):
            price = _UNIT_PRICE if single is None else single
            extended = _times(price, _quantity(line))
            line["pricing"] = {"listPrice": price, "discountedPrice": price, "price": price, "extendedPrice": extended}
    if "totalPrice" not in order:
        pricing = [(_object(line.get("pricing")), _quantity(line)) for line in lines]
        amounts = [
            _times(part.get("price"), quantity) if part.get("extendedPrice") is None else part["extendedPrice"]
            for part, quantity in pricing
        ]
        exact = (Decimal(str(amount)) for amount in amounts)
        order["totalPrice"] = functools.reduce(EXACT_CONTEXT.add, exact, Decimal("0.00"))


def _times(price: object, quantity: int) -> Decimal:
    return Decimal(0) if price is None else EXACT_CONTEXT.multiply(Decimal(str(price)), Decimal(quantity))


def _quantity(line: JsonObject) -> int:
    """Return how many units a line has; null, and what else `extra` may hold there, is none."""
    quantity = line["quantity"]
    return quantity if isinstance(quantity, int) else 0


def _served(order: _Order, *, include_price: bool) -> JsonObject:
    document = copy.deepcopy(order.document)
    if not include_price:
        document.pop("totalPrice", None)
        for line in cast("list[JsonObject]", document["lineItems"] or []):
            line.pop("pricing", None)
    return document


def _provisioned(number: object, quantity: object, status: str, quantities: dict[str, int] | None = None) -> JsonObject:
    parts = [{"quantity": quantity, "status": status}]
    if quantities is not None:
        parts = [{"quantity": units, "status": state} for state, units in quantities.items()]
    return {
        "orderLineItemId": number,
        "lineItemNumber": number,
        "status": status,
        "quantityProvisioningInformation": parts,
    }


def _number(line: JsonObject) -> int:
    return cast("int", line["lineItemNumber"])


def _units(line: JsonObject) -> int:
    return sum(part["quantity"] for part in cast("list[dict[str, int]]", line["quantityProvisioningInformation"]))


def _known_cycle(value: object) -> str | None:
    try:
        return billing_cycle(str(value))
    except ValueError:
        return None


def _same(value: object, wanted: str | None) -> bool:
    return wanted is None or str(value).lower() == wanted.lower()


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _link(uri: str, method: str = "GET") -> JsonObject:
    return {"uri": uri, "method": method, "headers": []}


def _offer(number: int) -> str:
    return f"EMOWNPLAN{number:03d}:0001:EMOWNTERM{number:03d}"


def _guid(kind: str, number: int) -> str:
    return str(uuid.UUID(bytes=hashlib.blake2b(f"{kind} {number}".encode(), digest_size=16).digest(), version=4))


def _moment(number: int, *, minutes: int = 0) -> str:
    return _date("", _FIRST_DAY + dt.timedelta(hours=number, minutes=minutes))
