"""The records of a partner: generated from a seed, and written field by field beside them.

Fields are given under the service's names in snake_case, as the client's structs have them, and served in the service's
spelling: `currency_code` is `currencyCode`. What is left out gets a plausible value; None is served as null, a
`datetime` as the service writes dates. A name that the reference does not have is refused; what the service may have
added since, or a value that it should not send, goes into `extra`, under its wire name and as it is.
"""

import datetime as dt
import functools
import hashlib
import itertools
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Self, Unpack, cast

from partnercenter_async.emulator.catalogue import Catalogue
from partnercenter_async.emulator.fields import (
    CustomerFields,
    EventFields,
    MigrationFields,
    OrderFields,
    check_line_numbers,
    date,
    text,
    units_by_state,
    wire,
)
from partnercenter_async.emulator.generation import EXACT, Generation, JsonObject, Reseller, link, path_to
from partnercenter_async.emulator.nouns import customers, migrations, orders, subscriptions
from partnercenter_async.emulator.store import Store

_FIRST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_UNIT_PRICE = Decimal("10.00")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_TERMS = {"monthly": "P1M", "annual": "P1Y", "triennial": "P3Y", "biennial": "P2Y"}


class Records(Store):
    """A partner's customers, orders and migrations: none to begin with, then what is generated or added.

    What is added stands behind what is generated, in the order in which it came.
    """

    def __init__(self) -> None:
        super().__init__(
            Generation(customers=0, orders_per_customer=0, migrations_per_customer=0, seed=0, oddities=False)
        )
        self._numbers = itertools.count(1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.generation!r})"

    # What a test adds

    def populate(
        self,
        *,
        customers: int = 300,
        orders_per_customer: int | tuple[int, int] = (0, 12),
        migrations_per_customer: int | tuple[int, int] = (0, 3),
        seed: int = 7,
        oddities: bool = False,
    ) -> Self:
        """Generate customers with their orders and migrations, once, the same for the same arguments on every machine.

        `orders_per_customer` counts the orders that a listing serves when nothing else is asked for; system purchases
        come on top and are served only on request. A pair is the lowest and the highest number for a customer, both
        included. With `oddities` there is all that the service now and then sends besides: amounts of 19 digits, dates
        in eleven forms, ids of three, fields that are missing or null, names in other letter cases.
        """
        if self.generation.customers:
            message = "there are generated customers already: populate once, with as many as are needed"
            raise RuntimeError(message)
        self.generate(
            Generation(
                customers=customers,
                orders_per_customer=orders_per_customer,
                migrations_per_customer=migrations_per_customer,
                seed=seed,
                oddities=oddities,
            )
        )
        return self

    def add_customer(
        self, *, company_name: str | None = None, domain: str | None = None, **fields: Unpack[CustomerFields]
    ) -> str:
        """Add a customer and return its id."""
        number = next(self._numbers)
        name = f"Customer {number}" if company_name is None else text("add_customer: company_name", company_name)
        domain = f"customer{number}.example.com" if domain is None else text("add_customer: domain", domain)
        given = wire("add_customer", fields, CustomerFields.__optional_keys__)
        customer_id = str(given.get("id") or _guid("customer", number))
        if customer_id in self.of(customers.KIND):
            message = f"there is a customer {customer_id} already"
            raise ValueError(message)
        path = path_to("customers", customer_id)
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
            "links": {"self": link(f"{path}/profiles/billing")},
            "attributes": {"etag": str(-(10**18 + number)), "objectType": "CustomerBillingProfile"},
        }
        document: JsonObject = {
            "commerceId": _guid("commerce", number),
            "relationshipToPartner": "reseller",
            "allowDelegatedAccess": True,
            "customDomains": [domain],
            "links": {"self": link(path)},
            "attributes": {"objectType": "Customer"},
            **given,
            "id": customer_id,
            "companyProfile": {
                "tenantId": customer_id,
                "domain": domain,
                "companyName": name,
                "organizationRegistrationNumber": f"R{number:08d}",
                "links": {"self": link(f"{path}/profiles/company")},
                "attributes": {"objectType": "CustomerCompanyProfile"},
                **_object(given.get("companyProfile")),
            },
            "billingProfile": {**billing, **_object(given.get("billingProfile"))},
            **(fields.get("extra") or {}),
        }
        self.of(customers.KIND).put(document, customer_id)
        return customer_id

    def add_order(
        self, customer_id: str, *, indirect_reseller_id: str | None = None, **fields: Unpack[OrderFields]
    ) -> str:
        """Add an order of a customer, own or generated, and return its id.

        Without `line_items` it has one line. Where neither a total nor a line's pricing is given a unit costs 10.00;
        the total is that of the lines. A `transaction_type` of `SystemPurchase` or `SystemBilling` keeps it out of
        listings that do not ask for those, and `indirect_reseller_id` is what the listings' filter of that name finds
        it by: its lines have a `partner_id_on_record` that stands for it.
        """
        customer_id = self._known(customer_id)
        number = next(self._numbers)
        on_record: JsonObject = {}
        if indirect_reseller_id is not None:
            reseller = text("add_order: indirect_reseller_id", indirect_reseller_id)
            on_record = {"partnerIdOnRecord": orders.partner_id_of(self.generation, reseller)}
        given = wire("add_order", fields, OrderFields.__optional_keys__)
        check_line_numbers(fields.get("line_items") or ())
        order_id = str(given.get("id") or f"b{number:011x}")
        if order_id in self.of(orders.KIND, customer_id):
            message = f"the customer has an order {order_id} already"
            raise ValueError(message)
        cycle = _known_cycle(given.setdefault("billingCycle", "monthly"))
        lines = given.get("lineItems", [JsonObject()])
        if lines is not None:
            lines = [
                _line(on_record | cast("JsonObject", line), at, customer_id, cycle, number, self.catalogue)
                for at, line in enumerate(cast("list[object]", lines))
            ]
            _add_prices(lines, given)
        currency = given.get("currencyCode", "USD")
        path = path_to("customers", customer_id, "orders", order_id)
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
                "provisioningStatus": link(f"{path}/provisioningstatus"),
                "patchOperation": link(path, "PATCH"),
                "self": link(path),
            },
            "attributes": {"objectType": "Order"},
            **given,
            "lineItems": lines,
            **(fields.get("extra") or {}),
        }
        self.of(orders.KIND, customer_id).put(document, order_id)
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
        text("set_provisioning_status: status", status)
        if text("order_id", order_id, ": add_order returns the id of one") not in self.of(orders.KIND, customer_id):
            message = f"the customer has no order {order_id!r}: add_order returns the id of one"
            raise ValueError(message)
        found = {_number(line): _units(line) for line in self.provisioning(customer_id, order_id)}
        if line_item_number is not None and line_item_number not in found:
            message = f"the order has no line {line_item_number}"
            raise ValueError(message)
        numbers = found if line_item_number is None else [line_item_number]
        units = None if quantities is None else units_by_state(quantities)
        for number in numbers:
            if units is not None and sum(units.values()) != found[number]:
                counts = f"come to {sum(units.values())} units, but line {number} has {found[number]}"
                message = f"set_provisioning_status: quantities {counts}; line_item_number picks one line"
                raise ValueError(message)
        for number in numbers:
            parts = {status: found[number]} if units is None else units
            self.of(orders.PROVISIONING, customer_id, order_id).put(
                orders.provisioned(number, status, parts), str(number)
            )

    def add_migration(self, customer_id: str, **fields: Unpack[MigrationFields]) -> str:
        """Add a migration of a customer, own or generated, and return its id. It is completed unless `status` says so.

        It has no events but those that `add_event` adds.
        """
        customer_id = self._known(customer_id)
        number = next(self._numbers)
        given = wire("add_migration", fields, MigrationFields.__optional_keys__)
        migration_id = str(given.get("id") or _guid("migration", number))
        if migration_id in self.of(migrations.KIND, customer_id):
            message = f"the customer has a migration {migration_id} already"
            raise ValueError(message)
        document: JsonObject = {
            "id": migration_id,
            "startedTime": _moment(number),
            "currentSubscriptionId": _guid("current subscription", number).upper(),
            "status": "Completed",
            "customerTenantId": customer_id,
            "catalogItemId": self.catalogue.offers[0].id,
            "subscriptionEndDate": date("", _FIRST_DAY + dt.timedelta(days=365, hours=number)),
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
        self.of(migrations.KIND, customer_id).put(document | dict(fields.get("extra") or {}), migration_id)
        return migration_id

    def add_event(
        self, customer_id: str, migration_id: str, event_name: str = "MigrationStarted", **fields: Unpack[EventFields]
    ) -> str:
        """Add an event of a migration and return its id."""
        customer_id = self._known(customer_id)
        found = self.of(migrations.KIND, customer_id)
        if text("migration_id", migration_id, ": add_migration returns the id of one") not in found:
            message = f"the customer has no migration {migration_id!r}: add_migration returns the id of one"
            raise ValueError(message)
        migration = found.get(migration_id)
        number = next(self._numbers)
        given = wire("add_event", fields, EventFields.__optional_keys__)
        document: JsonObject = {
            "id": _guid("event", number),
            "newCommerceMigrationId": migration["id"],
            "currentSubscriptionId": str(migration["currentSubscriptionId"]).lower(),
            "customerTenantId": customer_id,
            "createdTime": _moment(number),
            "eventName": text("add_event: event_name", event_name),
            **given,
            **(fields.get("extra") or {}),
        }
        event_id = str(given.get("id") or document["id"])
        self.of(migrations.EVENTS, customer_id).put(document, event_id)
        return event_id

    # What is served

    @property
    def resellers(self) -> tuple[Reseller, ...]:
        """The indirect resellers that some of the generated orders belong to."""
        return self.generation.resellers

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.of(customers.KIND))

    def customer_ids(self) -> Iterator[str]:
        """Yield the ids of all customers in the order of the listing."""
        return (str(customer["id"]) for _, customer in self.of(customers.KIND).records())

    def customer_id(self, position: int) -> str:
        """Return the id of the customer at a position of the listing. Raises IndexError where there is none."""
        for _, customer in itertools.islice(self.of(customers.KIND).records(position), 1):
            return str(customer["id"])
        message = f"there is no customer at position {position}"
        raise IndexError(message)

    def customer(self, customer_id: str, *, full: bool = True) -> JsonObject:
        """Return a customer as served: in full as by id, or thin as in the listing. Raises KeyError without one."""
        found = self.of(customers.KIND).get(customer_id)
        return found if full else customers.shown(found)

    def orders(
        self,
        customer_id: str,
        *,
        include_price: bool = True,
        include_system_purchases: bool = False,
        billing_type: str | int | None = None,
        indirect_reseller_id: str | None = None,
    ) -> Iterator[JsonObject]:
        """Yield a customer's orders as a listing with these filters serves them.

        Raises KeyError when there is no such customer and ValueError for an unknown billing type.
        """
        keeps = orders.keeps(
            self.generation,
            system=include_system_purchases,
            billing_type=billing_type,
            reseller=indirect_reseller_id,
        )
        for _, order in self.of(orders.KIND, self._exact(customer_id)).records():
            if keeps(order):
                yield order if include_price else orders.without_prices(order)

    def order(self, customer_id: str, order_id: str, *, include_price: bool = True) -> JsonObject:
        """Return one order as served. Raises KeyError when the customer has no such order."""
        found = self.of(orders.KIND, self._exact(customer_id)).get(order_id)
        return found if include_price else orders.without_prices(found)

    def provisioning(self, customer_id: str, order_id: str) -> list[JsonObject]:
        """Return the provisioning status of an order's lines as served. Raises KeyError without such an order."""
        return [line for _, line in self.of(orders.PROVISIONING, self._exact(customer_id), order_id).records()]

    def subscriptions(self, customer_id: str) -> list[JsonObject]:
        """Return a customer's subscriptions as served. Raises KeyError when there is no such customer."""
        return [found for _, found in self.of(subscriptions.KIND, self._exact(customer_id)).records()]

    def migrations(self, customer_id: str) -> list[JsonObject]:
        """Return a customer's migrations as served. Raises KeyError when there is no such customer."""
        return [found for _, found in self.of(migrations.KIND, self._exact(customer_id)).records()]

    def all_migrations(self) -> Iterator[JsonObject]:
        """Yield the migrations of all customers as served."""
        return (migration for _, migration in migrations.everywhere(self))

    def migration(self, customer_id: str, migration_id: str) -> JsonObject:
        """Return one migration as served. Raises KeyError when the customer has no such migration."""
        return self.of(migrations.KIND, self._exact(customer_id)).get(migration_id)

    def events(
        self, customer_id: str, *, migration_id: str | None = None, current_subscription_id: str | None = None
    ) -> list[JsonObject]:
        """Return the events of those of a customer's migrations that match what is given, as served."""
        return [
            event
            for _, event in self.of(migrations.EVENTS, self._exact(customer_id)).records()
            if migrations.same(event["newCommerceMigrationId"], migration_id)
            and migrations.same(event["currentSubscriptionId"], current_subscription_id)
        ]

    def _exact(self, customer_id: str) -> str:
        """Return a customer's id. Raises KeyError where there is none."""
        self.of(customers.KIND).get(customer_id)
        return customer_id

    def _known(self, customer_id: str) -> str:
        """Return a customer's id as it is served. Raises ValueError where there is none."""
        if text("customer_id", customer_id, ": add_customer returns the id of one") not in self.of(customers.KIND):
            message = f"there is no customer {customer_id!r}: add_customer returns the id of one"
            raise ValueError(message)
        return str(self.of(customers.KIND).get(customer_id)["id"])


class DataSet(Records):
    """Records of which all are generated to begin with; `populate` tells of the arguments."""

    def __init__(
        self,
        *,
        customers: int = 100,
        orders_per_customer: int | tuple[int, int] = (0, 12),
        migrations_per_customer: int | tuple[int, int] = (0, 3),
        seed: int = 0,
        oddities: bool = False,
    ) -> None:
        super().__init__()
        self.populate(
            customers=customers,
            orders_per_customer=orders_per_customer,
            migrations_per_customer=migrations_per_customer,
            seed=seed,
            oddities=oddities,
        )


def _line(
    line: JsonObject, at: int, customer_id: str, cycle: str | None, number: int, catalogue: Catalogue
) -> JsonObject:
    offer = catalogue.offers[at % len(catalogue.offers)]
    subscription = line.get("subscriptionId", _guid(f"subscription {at}", number))
    sku_path = f"/products/{offer.product}/skus/{offer.sku}"
    links: JsonObject = {
        "product": link(f"/products/{offer.product}?country=US"),
        "sku": link(f"{sku_path}?country=US"),
        "availability": link(f"{sku_path}/availabilities/{offer.availability}?country=US"),
    }
    if subscription:
        links["subscription"] = link(path_to("customers", customer_id, "subscriptions", str(subscription)))
    return {
        "lineItemNumber": at,
        "offerId": offer.id,
        "subscriptionId": subscription,
        "termDuration": _TERMS.get(cycle or "", ""),
        "transactionType": "New",
        "friendlyName": offer.name,
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
        order["totalPrice"] = functools.reduce(EXACT.add, exact, Decimal("0.00"))


def _times(price: object, quantity: int) -> Decimal:
    return Decimal(0) if price is None else EXACT.multiply(Decimal(str(price)), Decimal(quantity))


def _quantity(line: JsonObject) -> int:
    """Return how many units a line has; null, and what else `extra` may hold there, is none."""
    quantity = line["quantity"]
    return quantity if isinstance(quantity, int) else 0


def _number(line: JsonObject) -> int:
    return cast("int", line["lineItemNumber"])


def _units(line: JsonObject) -> int:
    return sum(part["quantity"] for part in cast("list[dict[str, int]]", line["quantityProvisioningInformation"]))


def _known_cycle(value: object) -> str | None:
    try:
        return orders.billing_cycle(str(value))
    except ValueError:
        return None


def _object(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def _guid(kind: str, number: int) -> str:
    return str(uuid.UUID(bytes=hashlib.blake2b(f"{kind} {number}".encode(), digest_size=16).digest(), version=4))


def _moment(number: int, *, minutes: int = 0) -> str:
    return date("", _FIRST_DAY + dt.timedelta(hours=number, minutes=minutes))
