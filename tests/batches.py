"""A batch for each table of the exports, with each of its columns filled at least once."""

from collections.abc import Iterable
from typing import Any

import fixtures
import msgspec

from partnercenter_async import (
    Address,
    Customer,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    Order,
    OrderLineItemProvisioningStatus,
    ResourceCollection,
    Subscription,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.emulator import DataSet
from partnercenter_async.export import (
    CUSTOMERS,
    MIGRATION_EVENTS,
    MIGRATIONS,
    ORDER_LINES,
    ORDERS,
    PROVISIONING,
    SUBSCRIPTIONS,
)
from partnercenter_async.export.columns import Table
from partnercenter_async.export.pages import Batch

DATA = DataSet(oddities=True, customers=12, orders_per_customer=(5, 20), migrations_per_customer=2, seed=4)
CUSTOMER_ID = "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01"


def batch(items: Iterable[Any], **ids: str) -> Batch[Any]:
    """Records that came from nowhere."""
    return Batch(items=tuple(items), lines=(), ids=ids)


def served(records: Iterable[object], kind: type) -> list[Any]:
    """Records of the emulator's as the client reads them."""
    return [decode(msgspec.json.encode(record), kind) for record in records]


def customers() -> list[Customer]:
    ours = decode(fixtures.CUSTOMER, Customer)
    profile = msgspec.structs.replace(
        ours.company_profile, address=Address(**{name: f"the {name}" for name in Address.__struct_fields__})
    )
    listed = decode(fixtures.CUSTOMERS, ResourceCollection[Customer]).items
    return [
        msgspec.structs.replace(ours, company_profile=profile),
        *listed,
        *served((DATA.customer(each) for each in DATA.customer_ids()), Customer),
    ]


def orders() -> list[Order]:
    ours = decode(fixtures.ORDERS, ResourceCollection[Order]).items
    return [*ours, Order(), *served((order for each in DATA.customer_ids() for order in DATA.orders(each)), Order)]


def provisioning() -> list[OrderLineItemProvisioningStatus]:
    ours = decode(fixtures.PROVISIONING, ResourceCollection[OrderLineItemProvisioningStatus]).items
    customer_id = DATA.customer_id(0)
    records = [line for order in DATA.orders(customer_id) for line in DATA.provisioning(customer_id, str(order["id"]))]
    return [*ours, OrderLineItemProvisioningStatus(), *served(records, OrderLineItemProvisioningStatus)]


def subscriptions() -> list[Subscription]:
    known = fixtures.SUBSCRIPTIONS.replace(b'"benefit"', b'"license"')  # new words are for tests of their own
    ours = decode(known, ResourceCollection[Subscription]).items
    term = msgspec.json.decode(fixtures.SUBSCRIPTION)["scheduledNextTermInstructions"]
    charged = served([msgspec.json.decode(fixtures.SUBSCRIPTION) | {"nextChargeInstructions": term}], Subscription)
    records = (each for customer_id in DATA.customer_ids() for each in DATA.subscriptions(customer_id))
    return [*ours, *charged, Subscription(), *served(records, Subscription)]


def migrations() -> list[NewCommerceMigration]:
    ours = decode(fixtures.MIGRATION, NewCommerceMigration)
    return [ours, *served(DATA.all_migrations(), NewCommerceMigration)]


def events() -> list[NewCommerceMigrationEvent]:
    # By the service's reference an event has what a migration has.
    full = msgspec.json.decode(fixtures.MIGRATION) | msgspec.json.decode(fixtures.EVENTS)[0]
    records = [event for each in DATA.customer_ids() for event in DATA.events(each)]
    return served([full, *records], NewCommerceMigrationEvent)


BATCHES: dict[Table[Any], Batch[Any]] = {
    CUSTOMERS: batch(customers()),
    ORDERS: batch(orders()),
    ORDER_LINES: batch(orders()),
    PROVISIONING: batch(provisioning(), customerId=CUSTOMER_ID, orderId="5b1f0e9c77a2"),
    SUBSCRIPTIONS: batch(subscriptions(), customerId=CUSTOMER_ID),
    MIGRATIONS: batch(migrations()),
    MIGRATION_EVENTS: batch(events()),
}
TABLES = list(BATCHES)
