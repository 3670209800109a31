"""Which rows and columns records have."""

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import fixtures
import msgspec
import pytest
from batches import BATCHES, CUSTOMER_ID, TABLES, batch

from partnercenter_async import (
    Customer,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    Order,
    OrderLineItem,
    OrderLineItemProvisioningStatus,
    ProvisioningStatus,
    QuantityProvisioningStatus,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.export.columns import (
    CUSTOMERS,
    MIGRATION_EVENTS,
    MIGRATIONS,
    ORDER_LINES,
    ORDERS,
    PROVISIONING,
    Kind,
    plain_digits,
)

DOCS = (Path(__file__).parent.parent / "docs" / "exports.md").read_text("utf-8")
KINDS = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.DECIMAL: Decimal,
    Kind.TIMESTAMP: datetime,
}
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def rows(table, *items, **ids):
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows(batch(items, **ids))]


@each_table
def test_each_column_is_filled_with_values_of_its_kind(table):
    for column, values in zip(table.columns, table.values(BATCHES[table]), strict=True):
        found = [value for value in values if value is not None]
        assert found, column.name
        assert all(isinstance(value, KINDS[column.kind]) for value in found), column.name
        assert column.kind is not Kind.INTEGER or True not in map(type, found)


@each_table
def test_no_two_columns_have_one_name_or_one_place(table):
    assert len({column.name for column in table.columns}) == len(table.columns)
    assert len({column.path for column in table.columns}) == len(table.columns)


@each_table
def test_a_batch_of_nothing_has_columns_without_values(table):
    assert table.values(batch([])) == [()] * len(table.columns)


@each_table
def test_the_documents_list_exactly_the_columns(table):
    section = DOCS.split(f"## `{table.name}`\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| [^|]+ \|$", section, re.MULTILINE)
    assert listed == [(column.name, column.kind.value) for column in table.columns]


@each_table
def test_the_documents_list_the_columns_that_people_see(table):
    section = DOCS.split(f"## `{table.name}`\n")[1].split("\n## ")[0]
    shown = re.search(r"^On a terminal: (.*)\.$", section, re.MULTILINE)
    assert shown is not None
    assert re.findall(r"`(\w+)`", shown[1]) == list(table.shown)


def test_the_documents_tell_of_no_other_table():
    assert re.findall(r"^## `(\w+)`$", DOCS, re.MULTILINE) == [table.name for table in TABLES]


def test_no_field_of_a_record_is_forgotten():
    """Save links, attributes, free-form JSON, secrets, and what a row stands for."""
    left_out = {
        Customer: {"links", "attributes", "user_credentials", "company_profile", "billing_profile"},
        Order: {"links", "attributes", "line_items", "client"},
        OrderLineItem: {"links", "attributes", "provisioning_context"},
        NewCommerceMigration: {"attributes", "add_on_migrations"},
        NewCommerceMigrationEvent: {"attributes", "add_on_migrations"},
        OrderLineItemProvisioningStatus: {"attributes"},
    }
    special = {
        "id",
        "reference_customer_id",
        "customer_tenant_id",
        "custom_domains",
        "additional_partner_ids_on_record",
        "pricing",
        "purchase_commitment",
        "renews_to",
        "quantity_provisioning_information",
    }
    tables = {
        Customer: CUSTOMERS,
        Order: ORDER_LINES,
        OrderLineItem: ORDER_LINES,
        NewCommerceMigration: MIGRATIONS,
        NewCommerceMigrationEvent: MIGRATION_EVENTS,
        OrderLineItemProvisioningStatus: PROVISIONING,
    }
    for struct, table in tables.items():
        read = {column.path.rpartition(".")[2] for column in table.columns}
        assert set(struct.__struct_fields__) - left_out[struct] - special <= read


def test_the_password_of_a_new_tenant_is_in_no_table():
    customer = decode(fixtures.CUSTOMER.replace(b'"admin"', b'"admin", "password": "P4ss!"'), Customer)
    assert "P4ss!" not in str(rows(CUSTOMERS, customer))


@pytest.mark.parametrize("table", [ORDERS, ORDER_LINES], ids=lambda table: table.name)
def test_the_customer_is_the_one_that_was_asked_for_or_else_the_orders_own(table):
    order = Order(id="o", reference_customer_id="own")
    assert [row["customerId"] for row in rows(table, order, customerId="asked")] == ["asked"]
    assert [row["customerId"] for row in rows(table, order)] == ["own"]
    assert [row["customerId"] for row in rows(table, Order())] == [None]


def test_a_missing_id_is_missing():
    assert rows(ORDERS, Order())[0]["orderId"] is None
    assert rows(CUSTOMERS, Customer())[0]["customerId"] is None
    assert rows(MIGRATIONS, NewCommerceMigration())[0]["newCommerceMigrationId"] is None
    assert rows(MIGRATION_EVENTS, NewCommerceMigrationEvent())[0]["eventId"] is None


def test_an_order_has_one_row_and_the_count_of_its_lines():
    order = Order(id="o", line_items=(OrderLineItem(), OrderLineItem()))
    assert [(row["orderId"], row["lineItemCount"]) for row in rows(ORDERS, order, Order(id="p"))] == [
        ("o", 2),
        ("p", 0),
    ]


def test_each_line_of_an_order_has_a_row_with_the_orders_own_columns_in_front():
    order = Order(
        id="o",
        total_price=Decimal("5.50"),
        line_items=(OrderLineItem(line_item_number=0), OrderLineItem(line_item_number=1)),
    )
    found = rows(ORDER_LINES, order)
    assert [(row["orderId"], row["totalPrice"], row["lineItemNumber"]) for row in found] == [
        ("o", Decimal("5.50"), 0),
        ("o", Decimal("5.50"), 1),
    ]
    front = [column.name for column in ORDERS.columns[:-1]]
    assert [column.name for column in ORDER_LINES.columns[: len(front)]] == front


def test_an_order_without_lines_still_has_a_row():
    (row,) = rows(ORDER_LINES, Order(id="o", reference_customer_id="c"))
    assert {name: value for name, value in row.items() if value is not None} == {"customerId": "c", "orderId": "o"}


def test_a_line_reads_as_the_service_sent_it():
    (row,) = rows(ORDER_LINES, decode(fixtures.ORDER, Order))
    sent = msgspec.json.decode(fixtures.ORDER)
    assert row["customerId"] == CUSTOMER_ID
    assert row["lineTransactionType"] == sent["lineItems"][0]["transactionType"] == "New"
    assert row["transactionType"] == sent["transactionType"] == "UserPurchase"
    assert row["termDuration"] == "P1Y"
    assert row["renewsToTermDuration"] == "P1M"
    assert row["additionalPartnerIdsOnRecord"] == "4711002 4711003"
    assert (row["listPrice"], str(row["discountedPrice"])) == (Decimal("441.0"), "372.30")
    assert (row["purchaseCommitmentAmount"], row["purchaseCommitmentGrain"]) == (Decimal("0.05"), "hourly")
    assert row["clientName"] == "An invented program"


def test_each_quantity_of_a_provisioned_line_has_a_row():
    line = OrderLineItemProvisioningStatus(
        line_item_number=4,
        status=ProvisioningStatus.UNFULFILLED,
        quantity_provisioning_information=(
            QuantityProvisioningStatus(quantity=5, status=ProvisioningStatus.FULFILLED),
            QuantityProvisioningStatus(quantity=6),
        ),
    )
    found = rows(PROVISIONING, line, OrderLineItemProvisioningStatus(line_item_number=7), customerId="c", orderId="o")
    assert [tuple(row.values()) for row in found] == [
        ("c", "o", 4, None, "unfulfilled", 5, "fulfilled"),
        ("c", "o", 4, None, "unfulfilled", 6, None),
        ("c", "o", 7, None, None, None, None),
    ]


def test_an_add_on_of_a_migration_has_a_row_of_its_own_behind_it():
    inner = NewCommerceMigration(current_subscription_id="c", quantity=3)
    addons = (
        NewCommerceMigration(current_subscription_id="b", quantity=2, add_on_migrations=(inner,)),
        NewCommerceMigration(id="n", current_subscription_id="d"),
    )
    migration = NewCommerceMigration(
        id="m", customer_tenant_id="t", current_subscription_id="a", quantity=1, add_on_migrations=addons
    )
    found = rows(MIGRATIONS, migration)
    names = ("customerId", "newCommerceMigrationId", "currentSubscriptionId", "addOnToSubscriptionId", "quantity")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("t", "m", "a", None, 1),
        ("t", "m", "b", "a", 2),
        ("t", "m", "c", "b", 3),
        ("t", "n", "d", "a", None),
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("36.480", "36.480"),
        ("-0.0", "-0.0"),
        ("1E+3", "1000"),
        ("1.50E-9", "0.00000000150"),
        ("0E-20", "0.00000000000000000000"),
        ("0E+2", "0"),
        ("-1E+400", "-1" + "0" * 400),
        ("1E+999999999", "1E+999999999"),
        ("1E-999999999", "1E-999999999"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
    ],
)
def test_numbers_are_plain_digits_but_never_gigabytes_of_them(number, text):
    assert plain_digits(Decimal(number)) == text
