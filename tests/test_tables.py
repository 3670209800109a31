"""Which rows and columns records have."""

import re
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import columns
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
    UserCredentials,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.export import CUSTOMERS, MIGRATION_EVENTS, MIGRATIONS, ORDER_LINES, ORDERS, PROVISIONING
from partnercenter_async.export.columns import Kind, Table, plain_digits

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
    paths = [column.path for column in table.columns if column.path]
    assert len(set(paths)) == len(paths)


@each_table
def test_a_batch_of_nothing_has_columns_without_values(table):
    assert table.values(batch([])) == [()] * len(table.columns)


def test_the_documents_list_the_columns_of_every_listing():
    """``python tests/columns.py`` writes them anew."""
    assert columns.written(DOCS) == DOCS
    assert re.findall(r"^## `(\w+)`$", DOCS, re.MULTILINE) == [table.name for table in columns.all_tables()]


def test_what_people_wrote_of_a_column_stays_and_a_new_one_has_its_path():
    first, second = (column.name for column in ORDERS.columns[3:5])
    forgotten = re.sub(rf"(?m)^\| `{second}` .*\n", "", DOCS.replace(f"| `{first}` | text |", f"| `{first}` | gone |"))
    assert forgotten != DOCS
    assert re.findall(rf"(?m)^\| `{second}` \| text \| (.*) \|$", columns.written(forgotten)) == [
        "`currency_code`",
        "`order.currency_code`",
    ]
    told = re.findall(rf"(?m)^\| `{first}` \| text \| (.*) \|$", DOCS)
    assert re.findall(rf"(?m)^\| `{first}` \| text \| (.*) \|$", columns.written(forgotten)) == told


@each_table
def test_no_field_of_a_record_is_forgotten(table):
    """Save links, attributes, free-form JSON, secrets, and what stands in the table's own way."""
    left_out = {"links", "attributes", "user_credentials", "provisioning_context"}
    of_its_own = {
        *("line_items", "quantity_provisioning_information", "add_on_migrations", "id", "customer_tenant_id"),
        "sub_type",  # a kind within its kind
    }
    read = {place for column in table.columns for place in prefixes(column.path)}

    def check(struct, path):
        for field in msgspec.inspect.type_info(struct).fields:
            place = f"{path}{field.name}"
            assert (
                place in read
                or field.name in left_out
                or (path and field.name in of_its_own)
                or ((struct, field.name) == (NewCommerceMigrationEvent, "add_on_migrations"))
            ), place
            inner = [each for each in getattr(field.type, "types", [field.type]) if hasattr(each, "fields")]
            if inner and place in read:
                check(inner[0].cls, f"{place}.")

    check(table.struct, "")


def prefixes(path):
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def slowly(row, path):
    """What stands at a path, looked up step by step; None where a step is missing."""
    for name in path.split("."):
        row = None if row is None else getattr(row, name)
    return None if name == "id" and row == "" else row


PLAIN = (Customer, Order, OrderLineItem, OrderLineItemProvisioningStatus, NewCommerceMigrationEvent)


@pytest.mark.parametrize("struct", PLAIN, ids=lambda struct: struct.__name__)
def test_a_struct_of_which_nothing_is_declared_has_a_table(struct):
    table = Table(struct)
    records = [item for each in BATCHES.values() for item in each.items if type(item) is struct]
    records += [line for item in BATCHES[ORDERS].items for line in item.line_items if struct is OrderLineItem]
    assert table.name == struct.__name__
    assert table.columns[0].name == "customerId"
    for column, values in zip(table.columns[1:], table.values(batch(records, customerId="c"))[1:], strict=True):
        expected = [slowly(record, column.path) for record in records]
        if column.name.endswith("Count"):
            expected = [len(each) for each in expected]
        elif any(type(each) is tuple for each in expected):
            expected = [" ".join(each) or None for each in expected]
        assert list(values) == expected, column.name


def test_columns_stand_in_the_order_and_under_the_names_of_the_wire():
    assert [(column.name, column.kind.value) for column in Table(Order).columns] == [
        ("customerId", "text"),
        ("id", "text"),
        ("alternateId", "text"),
        ("referenceCustomerId", "text"),
        ("billingCycle", "text"),
        ("currencyCode", "text"),
        ("currencySymbol", "text"),
        ("lineItemsCount", "integer"),
        ("creationDate", "timestamp"),
        ("status", "text"),
        ("transactionType", "text"),
        ("totalPrice", "decimal"),
        ("clientMarketplaceCountry", "text"),
        ("clientDeviceFamily", "text"),
        ("clientName", "text"),
        ("partnerOnRecordAttestationAccepted", "boolean"),
    ]
    assert "enableGDAPByDefault" in [column.name for column in Table(Customer).columns]


class Part(msgspec.Struct, rename="camel"):
    part_name: str  # which a missing part can't be made without
    tags: tuple[str, ...]


class Inner(msgspec.Struct):
    part: Part | None = None


class Thing(msgspec.Struct, rename="camel"):
    id: str = ""
    inner: Inner | None = None
    counts: list[int] = msgspec.field(default_factory=list)
    free: dict[str, str] = msgspec.field(default_factory=dict)
    anything: object = None


FULL = Thing(id="a", inner=Inner(part=Part("p", ("x", "y"))), counts=[4, 5], free={"k": "v"}, anything=1)


def test_structs_of_ones_own_need_no_defaults_and_may_be_missing_at_any_depth():
    found = rows(Table(Thing), FULL, Thing(inner=Inner()), Thing(), customerId="c")
    names = ["customerId", "id", "innerPartPartName", "innerPartTags", "countsCount"]
    assert [*found[0]] == names
    assert [tuple(row.values()) for row in found] == [
        ("c", "a", "p", "x y", 2),
        ("c", None, None, None, 0),
        ("c", None, None, None, 0),
    ]


class Odd(msgspec.Struct):
    """What is nothing in the eyes of ``if``."""

    part_name: str = ""

    def __len__(self) -> int:
        return 0


def test_a_struct_that_counts_as_false_is_no_missing_one():
    table = Table(msgspec.defstruct("Holder", [("odd", Odd | None, None)]), ids=())
    assert table.rows(batch([table.struct(Odd("p")), table.struct()])) == [("p",), (None,)]


NAMES = (
    "class",
    "µ",
    "row",
    "none",
    "part0",
    "id0",
    "rows",
    "len",
)  # Python's, other scripts', a reader's own


def test_a_field_may_have_any_name_that_a_struct_takes():
    inner = msgspec.defstruct("Inner", [(name, str, "") for name in NAMES])
    outer = msgspec.defstruct("Outer", [*((name, str, "") for name in NAMES[1:]), ("class", inner | None, None)])
    record = outer(*NAMES[1:], inner(*NAMES))
    assert Table(outer, ids=("id0",)).rows(batch([record])) == [("id0", *NAMES[1:5], *NAMES[6:], *NAMES)]
    assert {len(row) - row.count(None) for row in Table(outer).rows(batch([record, outer()]))} == {15, 0}


def test_structs_may_stand_within_each_other_as_deep_as_they_like():
    kind = msgspec.defstruct("Deepest", [("end", str, "e")])
    for level in range(50):
        kind = msgspec.defstruct(f"Level{level}", [("inner", kind | None, msgspec.field(default_factory=kind))])
    assert Table(kind).rows(batch([kind(), kind(None)], customerId="c")) == [("c", "e"), ("c", None)]


def test_nothing_is_called_for_each_value_that_is_read():
    """A call for each took twice as long, and on small pages more."""
    table = Table(Thing, without=("counts", "inner.part.tags"))

    def calls(count: int) -> int:
        made, records = list[str](), batch([FULL, Thing()] * count)
        sys.setprofile(lambda _, event, __: made.append(event))
        try:
            table.values(records)
        finally:
            sys.setprofile(None)
        return len(made)

    assert calls(1) == calls(50)


def test_the_documents_tell_of_a_listing_for_which_nothing_was_declared(monkeypatch):
    listed = columns.listed()
    monkeypatch.setattr(columns, "listed", lambda: [*listed, Thing])
    assert (
        columns.written(DOCS)
        == DOCS
        + """
## `Thing`

On a terminal: `customerId`, `id`, `innerPartPartName`, `innerPartTags`, `countsCount`.

| Column | Type | Meaning |
|---|---|---|
| `customerId` | text | the one asked for |
| `id` | text | `id` |
| `innerPartPartName` | text | `inner.part.part_name` |
| `innerPartTags` | text | `inner.part.tags` |
| `countsCount` | integer | `counts` |
"""
    )


def test_names_flattening_order_and_what_people_see_are_declared():
    table = Table(
        Thing,
        "things",
        names={"id": "thingId", "inner": "", "inner.part": "p", "inner.part.tags": "labels"},
        without=("counts",),
        ids=("customerId", "orderId"),
        first=("labels",),
        shown=("labels", "thingId"),
        widths={"labels": 7},
    )
    assert [column.name for column in table.columns] == ["customerId", "orderId", "labels", "thingId", "pPartName"]
    assert table.shown == {"labels": 7, "thingId": 36}
    assert rows(table, FULL, orderId="o") == [
        {"customerId": None, "orderId": "o", "labels": "x y", "thingId": "a", "pPartName": "p"}
    ]


def test_a_record_may_make_several_rows_or_none():
    def parts(thing: Thing) -> list[Part]:
        return [] if thing.inner is None else [thing.inner.part] * 2

    table = Table(Part, rows=parts, ids=())
    assert [tuple(row) for row in table.rows(batch([FULL, Thing(), FULL]))] == [("p", "x y")] * 4
    assert table.rows(batch([Thing()])) == []


def test_of_a_table_that_nobody_chose_columns_of_people_see_the_first_few():
    assert [*Table(Order).shown] == [column.name for column in Table(Order).columns[:8]]


class Node(msgspec.Struct):
    name: str = ""
    inner: "Node | None" = None


class Numbered(msgspec.Struct, rename="camel"):
    customer_id: int = 0


class Priced(msgspec.Struct):
    price: float = 0.0
    exact: str = ""
    when: datetime | None = None
    either: int | str = 0


class Unset(msgspec.Struct):
    either: str | msgspec.UnsetType = msgspec.UNSET


ALL_OF_PRICED = ("price", "exact", "when", "either")


@pytest.mark.parametrize(
    ("struct", "declared", "message"),
    [
        (dict, {}, "struct must be one of msgspec's, not <class 'dict'>"),
        (Node, {}, r"inner is a Node within another: pass without=\('inner',\)"),
        (Numbered, {}, "ids: a column of the record that has such a name is no text"),
        (Priced, {"without": ALL_OF_PRICED[1:]}, "price is a float, which no column holds: read it as Decimal"),
        (Priced, {"without": ("price", "exact", "either")}, "when is a datetime, which no column holds"),
        (Priced, {"without": ("price", "exact", "when")}, "either is a union, which no column holds"),
        (Priced, {"without": ("price", "when", "either")}, "exact is the last column of Parquet and exact: pass names"),
        (Thing, {"names": {"id": ""}}, "names: id needs a name"),
        (Thing, {"names": {"id": "countsCount"}}, "countsCount is id and counts: pass names for one of them"),
        (Thing, {"names": {"Id": "x"}}, "names: there is no Id"),
        (Thing, {"names": {"free": "x"}}, "names: there is no free"),
        (Thing, {"without": ("inner.parts",)}, r"without: there is no inner\.parts"),
        (Thing, {"first": ("partName",)}, "first: there is no partName"),
        (Thing, {"shown": ("Id",)}, "shown: there is no Id"),
        (Thing, {"widths": {"name": 3}}, "widths: there is no name"),
        ("Thing", {}, "struct must be one of msgspec's, not 'Thing'"),
        (Thing, {"ids": "customerId"}, "ids must be several names, not 'customerId'"),
        (Thing, {"ids": ("customerId", "")}, "ids: '' is no name of a column"),
        (Thing, {"ids": ("exact",)}, "ids: 'exact' is no name of a column"),
        (Node, {"ids": (), "without": ("name", "inner")}, "Node has nothing left for a column"),
        (Unset, {}, r"either is UNSET where it is missing, which no column holds: read it as None, or pass without"),
    ],
)
def test_what_no_table_is_made_of_is_refused(struct, declared, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Table(struct, **declared)


def test_an_id_that_was_asked_for_may_stand_among_the_first():
    table = Table(Thing, without=("inner", "counts"), ids=("orderId", "customerId"), first=("customerId",))
    assert [column.name for column in table.columns] == ["orderId", "customerId", "id"]


def test_the_documents_make_a_table():
    made: dict[str, Any] = {}
    exec(DOCS.split("```python\n")[1].split("```")[0], made)
    names = re.search(r"^HEADS = .*  # (.*)$", DOCS, re.MULTILINE)
    assert names is not None
    assert [column.name for column in made["HEADS"].columns] == names[1].split(", ")


def test_a_struct_within_its_own_kind_may_be_left_out():
    assert [column.name for column in Table(Node, without=("inner",), ids=()).columns] == ["name"]


def test_the_password_of_a_new_tenant_is_in_no_table():
    customer = decode(fixtures.CUSTOMER.replace(b'"admin"', b'"admin", "password": "P4ss!"'), Customer)
    for table in (CUSTOMERS, Table(Customer)):
        assert customer.user_credentials.password == "P4ss!"
        assert "P4ss!" not in str(rows(table, customer))
        assert not [column for column in table.columns if "credentials" in column.path]


class MoreCredentials(UserCredentials):
    """A struct of one's own with a password."""


class Tenant(msgspec.Struct):
    id: str = ""
    admin: MoreCredentials | None = None


def test_neither_is_one_of_a_kind_of_ones_own():
    assert [column.name for column in Table(Tenant, ids=()).columns] == ["id"]


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
    front = [column.name for column in ORDERS.columns if column.name != "lineItemCount"]
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
        ("c", "o", None, 4, "unfulfilled", 5, "fulfilled"),
        ("c", "o", None, 4, "unfulfilled", 6, None),
        ("c", "o", None, 7, None, None, None),
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
