"""Records of a test's own are served as generated ones are: listed, filtered, paged, one by one."""

import decimal
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from partnercenter_async import (
    BillingCycleType,
    CustomerFilter,
    NotFoundError,
    OrderStatus,
    ProvisioningStatus,
)
from partnercenter_async.emulator import DataSet, Emulator, Records
from pytest_partnercenter.emulated import PartnerCenter


@pytest.fixture
def records() -> Records:
    return Records()


async def test_a_partner_is_empty_to_begin_with(partner_center: PartnerCenter):
    async with partner_center.connect() as client:
        assert await client.customers.list().collect() == []
        assert await client.migrations.list(external_reference_id="any").collect() == []


async def test_an_order_without_any_field_is_plausible(partner_center: PartnerCenter):
    customer = partner_center.add_customer()
    order_id = partner_center.add_order(customer)
    async with partner_center.connect() as client:
        (order,) = await client.orders.list(customer, include_price=True).collect()
        assert order == await client.orders.get(customer, order_id, include_price=True)
    assert order.id == order_id
    assert order.reference_customer_id == customer
    assert (order.status, order.billing_cycle) == (OrderStatus.COMPLETED, BillingCycleType.MONTHLY)
    assert (order.currency_code, order.currency_symbol, str(order.total_price)) == ("USD", "$", "10.00")
    assert order.creation_date is not None
    (line,) = order.line_items
    assert (line.line_item_number, line.quantity, line.term_duration) == (0, 1, "P1M")
    assert line.pricing is not None
    assert line.pricing.extended_price == Decimal(10)


async def test_every_field_is_served_as_given(partner_center: PartnerCenter):
    customer = partner_center.add_customer(
        id="0D1F2A3B-0000-4000-8000-000000000001",
        company_name="Blue Yonder",
        domain="blueyonder.example.com",
        company_profile={"email": "mail@blueyonder.example.com", "address": {"address_line1": "1 Street"}},
        billing_profile={"culture": "de-DE", "default_address": None},
        associated_partner_id="4100001",
        extra={"tier": "gold"},
    )
    order_id = partner_center.add_order(
        customer,
        id="YxH1q4KScfvfkJQjgRI8QY1DznnUWZTH1",
        status="pending_po_upload",
        billing_cycle="annual",
        currency_code="CHF",
        total_price=Decimal("477.195163857892114"),
        creation_date=datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
        client={"marketplace_country": "CH"},
        line_items=[
            {"quantity": 3, "pricing": {"list_price": "1.5", "extended_price": "4.50"}, "subscription_id": None},
            {"offer_id": "a:b:c", "renews_to": {"term_duration": "P3Y"}, "provisioning_context": {"some_key": "x"}},
        ],
        extra={"riskScore": 0.5, "quantityOfSomething": [1]},
    )
    async with partner_center.connect() as client:
        answer = await client.request("GET", f"customers/{customer}", dict)
        order = await client.orders.get(customer, order_id, include_price=True)
        raw = (await client.request("GET", f"customers/{customer}/orders/{order_id}", dict)).data
    profile = answer.data["companyProfile"]
    assert (answer.data["tier"], answer.data["associatedPartnerId"]) == ("gold", "4100001")
    assert (profile["companyName"], profile["email"]) == ("Blue Yonder", "mail@blueyonder.example.com")
    assert profile["address"] == {"addressLine1": "1 Street"}
    assert answer.data["billingProfile"]["culture"] == "de-DE"
    assert answer.data["billingProfile"]["defaultAddress"] is None
    assert (order.status, order.billing_cycle) == (OrderStatus.PENDING_PO_UPLOAD, BillingCycleType.ANNUAL)
    assert (order.currency_code, order.currency_symbol) == ("CHF", None)
    assert str(order.total_price) == "477.195163857892114"
    assert order.creation_date is not None
    assert order.creation_date == datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    first, second = order.line_items
    assert first.pricing is not None
    assert (first.quantity, first.subscription_id, str(first.pricing.extended_price)) == (3, None, "4.50")
    assert (second.offer_id, second.pricing, second.provisioning_context) == ("a:b:c", None, {"some_key": "x"})
    assert second.renews_to is not None
    assert second.renews_to.term_duration == "P3Y"
    assert raw["creationDate"] == "2026-01-31T23:59:59.9999990Z"
    assert (raw["riskScore"], raw["quantityOfSomething"]) == (0.5, [1])
    assert "totalPrice" not in raw
    assert "pricing" not in raw["lineItems"][0]


def test_a_total_is_that_of_the_lines(records):
    customer = records.add_customer()

    def total(**fields):
        return str(records.order(customer, records.add_order(customer, **fields))["totalPrice"])

    assert total(line_items=[{"quantity": 3}, {}]) == "40.00"
    assert total(line_items=[{"quantity": 2, "pricing": {"price": "1.25"}}]) == "2.50"
    assert total(line_items=[]) == "0.00"
    assert total(total_price="7", line_items=[{"quantity": 3}]) == "7"
    assert total(total_price=None) == "None"
    assert total(line_items=[{"pricing": {"price": "5", "extended_price": "0"}}]) == "0.00"


def test_a_total_is_exact_whatever_the_precision_of_the_test(records):
    customer = records.add_customer()
    lines = [{"quantity": 3, "pricing": {"price": "477.195163857892114"}}]
    with decimal.localcontext(prec=4):
        order = records.order(customer, records.add_order(customer, line_items=lines))
    assert str(order["totalPrice"]) == "1431.585491573676342"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"total_price": 12.5}, "add_order: total_price must be a str or Decimal, not the float 12.5, .* write '12.5'"),
        (
            {"line_items": [{}, {"pricing": {"price": 0.1}}]},
            r"add_order: line_items\[1\]: pricing: price must be a str or Decimal",
        ),
        ({"status": 2.0}, "add_order: status must be an int or a str, not the float 2.0"),
        ({"extra": [1]}, r"add_order: extra must be a dict of what else is served, by its wire names, not \[1\]"),
        (
            {"currency": "EUR"},
            "add_order has no field 'currency', perhaps 'currency_code', and takes others only in ex",
        ),
        ({"currencyCode": "EUR"}, "add_order has no field 'currencyCode'"),
        ({"line_items": {"quantity": 3}}, "add_order: line_items must be a list of dicts, not {'quantity': 3}"),
        ({"line_items": [3]}, r"add_order: line_items\[0\] must be a dict of fields such as '.*', not 3"),
        ({"line_items": [None]}, r"add_order: line_items\[0\] must be a dict"),
        ({"line_items": [{"pricing": "1.00"}]}, r"line_items\[0\]: pricing must be a dict of fields such as 'd"),
        ({"client": [{}]}, "add_order: client must be a dict"),
        (
            {"status": {"completed"}},
            "add_order: status must be a value of JSON or an aware datetime, not {'com",
        ),
        ({"creation_date": date(2026, 1, 1)}, "add_order: creation_date must be a value of JSON or an aware datetime"),
        ({"line_items": [{"Quantity": 1}]}, r"add_order: line_items\[0\] has no field 'Quantity', perhaps 'quantity'"),
    ],
)
def test_what_is_no_field_or_not_exact_is_refused_by_name(records, fields, message):
    with pytest.raises(TypeError, match=message):
        records.add_order(records.add_customer(), **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"total_price": "12,50"}, "total_price must be an amount such as '12.50', not '12,50'"),
        ({"total_price": "NaN"}, "total_price must be an amount"),
        ({"total_price": True}, "total_price must be an amount"),
        ({"creation_date": datetime(2026, 1, 1)}, "creation_date must have a time zone"),
        ({"id": "B00000000002"}, "has an order B00000000002 already"),
        ({"id": 7}, "add_order: id must be text that is not empty, not 7"),
        ({"id": ""}, "add_order: id must be text that is not empty, not ''"),
        ({"id": None}, "add_order: id must be text that is not empty, not None"),
        ({"indirect_reseller_id": 7}, "add_order: indirect_reseller_id must be text that is not empty, not 7"),
        *(
            (
                {"line_items": [{}, {"quantity": wrong}]},
                rf"add_order: line_items\[1\]: quantity must be .* not {wrong!r}",
            )
            for wrong in ("three", "3", -1, 2.0, True)
        ),
        ({"line_items": [{"line_item_number": -1}]}, r"line_items\[0\]: line_item_number must be a whole number, 0 or"),
        ({"line_items": [{"line_item_number": 4}] * 2}, r"line_items\[1\]: line_item_number 4 is that of another line"),
        ({"line_items": [{"line_item_number": 1}, {}]}, r"line_items\[1\]: line_item_number 1 is that of another line"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(records, fields, message):
    customer = records.add_customer()
    records.add_order(customer)
    with pytest.raises(ValueError, match=message):
        records.add_order(customer, **fields)


def test_a_record_of_nobody_is_refused(records):
    with pytest.raises(ValueError, match="no customer 'nobody': add_customer returns the id of one"):
        records.add_order("nobody")
    customer = records.add_customer()
    with pytest.raises(ValueError, match="already"):
        records.add_customer(id=customer.upper())
    with pytest.raises(ValueError, match="no line 4"):
        records.set_provisioning_status(customer, records.add_order(customer), "Fulfilled", line_item_number=4)
    with pytest.raises(ValueError, match="has no order 'none': add_order returns the id of one"):
        records.set_provisioning_status(customer, "none", "Fulfilled")
    with pytest.raises(ValueError, match="has no migration 'none': add_migration returns the id of one"):
        records.add_event(customer, "none")
    migration = records.add_migration(customer)
    with pytest.raises(ValueError, match=rf"has a migration {migration.upper()} already"):
        records.add_migration(customer, id=migration.upper())


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (
            lambda records, _: records.add_order(None),
            "customer_id must be text .*, not None: add_customer returns the id",
        ),
        (
            lambda records, _: records.add_migration(7),
            "customer_id must be text .*, not 7: add_customer returns the id",
        ),
        (lambda records, _: records.add_customer(id=7), "add_customer: id must be text that is not empty, not 7"),
        (lambda records, _: records.add_customer(company_name=7), "add_customer: company_name must be text"),
        (lambda records, _: records.add_customer(domain=""), "add_customer: domain must be text that is not empty"),
        (lambda records, customer: records.add_migration(customer, id=7), "add_migration: id must be text"),
        (
            lambda records, customer: records.add_migration(customer, quantity=-1),
            "add_migration: quantity must be a whole",
        ),
        (lambda records, customer: records.add_event(customer, None), "not None: add_migration returns the id of one"),
        (
            lambda records, customer: records.add_event(customer, records.add_migration(customer), 7),
            "add_event: event_name must be text that is not empty, not 7",
        ),
        (
            lambda records, customer: records.set_provisioning_status(customer, 7, "Fulfilled"),
            "order_id must be text that is not empty, not 7: add_order returns the id of one",
        ),
        (
            lambda records, customer: records.set_provisioning_status(customer, records.add_order(customer), None),
            "set_provisioning_status: status must be text that is not empty, not None",
        ),
    ],
)
def test_an_argument_of_another_kind_is_named(records, add, message):
    customer = records.add_customer()
    with pytest.raises(ValueError, match=message):
        add(records, customer)


def test_units_in_their_states_are_those_of_the_line(records):
    customer = records.add_customer()
    order = records.add_order(customer, line_items=[{"quantity": 5}, {"quantity": 2}])

    def provision(quantities, **options):
        records.set_provisioning_status(customer, order, "Unfulfilled", quantities=quantities, **options)

    before = records.provisioning(customer, order)
    with pytest.raises(ValueError, match="come to 4 units, but line 0 has 5; line_item_number picks one line"):
        provision({"Fulfilled": 3, "Unfulfilled": 1}, line_item_number=0)
    with pytest.raises(ValueError, match="come to 5 units, but line 1 has 2"):
        provision({"Fulfilled": 5})
    with pytest.raises(ValueError, match=r"quantities\['Fulfilled'\] must be a whole number, 0 or more, not -1"):
        provision({"Fulfilled": -1, "Unfulfilled": 6}, line_item_number=0)
    with pytest.raises(TypeError, match=r"quantities must be a dict of units by status, not \[5\]"):
        provision([5])
    assert records.provisioning(customer, order) == before


def test_extra_may_hold_what_fields_may_not(records):
    customer = records.add_customer()
    lines = [{"extra": {"quantity": "three"}}, {"extra": {"lineItemNumber": 0}}, {"quantity": None}]
    order = records.add_order(customer, line_items=lines, extra={"id": None})
    served = records.order(customer, records.add_order(customer, line_items=lines))
    assert [line["quantity"] for line in served["lineItems"]] == ["three", 1, None]
    assert [line["lineItemNumber"] for line in served["lineItems"]] == [0, 0, 2]
    assert str(served["totalPrice"]) == "10.00"
    assert records.order(customer, order)["id"] is None
    assert len(records.provisioning(customer, order)) == 3


def paths(value, path=""):
    """Yield the path of each key that an object holds; the members of a list share theirs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")


@pytest.mark.parametrize("kind", ["full customer", "thin customer", "order", "reseller's order", "migration", "event"])
def test_what_generated_records_always_have_built_ones_have_too_and_nothing_strange(kind):
    generated = DataSet(customers=60, orders_per_customer=10, migrations_per_customer=3, seed=5)
    reseller = generated.resellers[0].id if kind.startswith("reseller") else None

    def served(data: DataSet | Records) -> list[dict]:
        by_customer = {
            "full customer": lambda each: [data.customer(each)],
            "thin customer": lambda each: [data.customer(each, full=False)],
            "order": data.orders,
            "reseller's order": lambda each: data.orders(each, indirect_reseller_id=reseller),
            "migration": data.migrations,
            "event": data.events,
        }
        return [record for each in data.customer_ids() for record in by_customer[kind](each)]

    records = Records()
    customer = records.add_customer()
    records.add_order(customer, indirect_reseller_id=reseller)
    records.add_event(customer, records.add_migration(customer))
    (built,) = map(set, map(paths, served(records)))
    of_generated = [set(paths(record)) for record in served(generated)]
    assert set.intersection(*of_generated) <= built <= set.union(*of_generated)


def test_lines_of_an_indirect_reseller_carry_its_number(records):
    generated = records.populate(customers=1)
    customer = records.add_customer()

    def numbers(reseller, *lines):
        order = records.order(customer, records.add_order(customer, indirect_reseller_id=reseller, line_items=lines))
        return [line.get("partnerIdOnRecord") for line in order["lineItems"]]

    known = generated.resellers[1]
    assert numbers(known.id.upper(), {}) == [known.partner_id]
    (number,) = {*numbers("R-1", {}), *numbers("r-1", {})}
    assert number.isdigit()
    assert numbers("R-1", {"partner_id_on_record": "7"}, {"partner_id_on_record": None}) == ["7", None]
    assert numbers(None, {}) == [None]


async def test_filters_and_paging_work_as_on_generated_records():
    records = Records()
    customer = records.add_customer(company_name="Blue Yonder", domain="blue.example.com")
    records.add_customer(company_name="Fabrikam")
    monthly = [records.add_order(customer) for _ in range(5)]
    once = records.add_order(customer, billing_cycle="one_time", indirect_reseller_id="R-1")
    system = records.add_order(customer, transaction_type="SystemPurchase")
    partner_center = PartnerCenter(page_size=2, customers_page_size=1)
    partner_center.data = records
    async with partner_center.connect() as client:
        orders = client.orders.list

        async def ids(**options):
            return [order.id async for order in orders(customer, **options)]

        assert await ids() == [*monthly, once]
        assert await ids(include_system_purchases=True) == [*monthly, once, system]
        assert await ids(billing_type=BillingCycleType.ONE_TIME) == [once]
        assert await ids(indirect_reseller_id="r-1") == [once]
        names = client.customers.list(filter=CustomerFilter("CompanyName", "blue"))
        assert [each.id for each in await names.collect()] == [customer]
        assert len(await client.customers.list().collect()) == 2
        with pytest.raises(NotFoundError):
            await client.orders.get(customer, "b0000000ffff")


async def test_what_is_provisioned_changes_as_the_test_says(partner_center: PartnerCenter):
    customer = partner_center.add_customer()
    order = partner_center.add_order(customer, line_items=[{"quantity": 5}, {}])
    async with partner_center.connect(user=True) as client:

        async def status():
            lines = await client.orders.provisioning_status(customer, order).collect()
            return [(line.status, [part.quantity for part in line.quantity_provisioning_information]) for line in lines]

        done, pending = ProvisioningStatus.FULFILLED, ProvisioningStatus.PREFULFILLMENT_PENDING
        assert await status() == [(done, [5]), (done, [1])]
        partner_center.set_provisioning_status(customer, order, "PrefulfillmentPending")
        assert await status() == [(pending, [5]), (pending, [1])]
        quantities = {"Fulfilled": 3, "Unfulfilled": 2}
        partner_center.set_provisioning_status(
            customer, order.upper(), "Unfulfilled", line_item_number=0, quantities=quantities
        )
        assert await status() == [(ProvisioningStatus.UNFULFILLED, [3, 2]), (pending, [1])]


async def test_migrations_and_their_events(partner_center: PartnerCenter):
    customer = partner_center.add_customer()
    first = partner_center.add_migration(customer, external_reference_id="batch-7", quantity=9, extra={"new": 1})
    second = partner_center.add_migration(customer, status="Processing", current_subscription_id="abc-def")
    events = [
        partner_center.add_event(customer, first),
        partner_center.add_event(customer, first, "MigrationCompleted"),
    ]
    partner_center.add_event(customer, second, quantity=2)
    async with partner_center.connect() as client:
        assert [each.id async for each in client.migrations.list(customer_tenant_id=customer)] == [first, second]
        assert [each.id async for each in client.migrations.list(external_reference_id="batch-7")] == [first]
        assert [each.id async for each in client.migrations.list(current_subscription_id="ABC-DEF")] == [second]
        completed = await client.migrations.get(customer, first)
        processing = await client.migrations.get(customer, second)
        found = await client.migrations.events(customer, migration_id=first).collect()
        (other,) = await client.migrations.events(customer, current_subscription_id="ABC-def").collect()
    assert (completed.status, completed.quantity, completed.customer_tenant_id) == ("Completed", 9, customer)
    assert completed.completed_time is not None
    assert (processing.completed_time, processing.new_commerce_order_id) == (None, None)
    assert [(each.id, each.event_name) for each in found] == [
        (events[0], "MigrationStarted"),
        (events[1], "MigrationCompleted"),
    ]
    assert (other.new_commerce_migration_id, other.quantity) == (second, 2)


@pytest.mark.partner_center(page_size=2)
async def test_own_and_generated_records_mix(partner_center: PartnerCenter):
    early = partner_center.add_customer()
    generated = DataSet(customers=7, orders_per_customer=(2, 5), seed=3)
    assert partner_center.populate(customers=7, orders_per_customer=(2, 5), seed=3) is partner_center.records
    late = partner_center.add_customer()
    everyone = [*generated.customer_ids(), early, late]
    old = generated.customer_id(4)
    order = partner_center.add_order(old.upper(), billing_cycle="triennial")
    migration = partner_center.add_migration(old)
    event = partner_center.add_event(old, migration)
    a_generated_order = str(next(generated.orders(old))["id"])
    partner_center.set_provisioning_status(old, a_generated_order, "Unfulfilled")
    async with partner_center.connect(user=True) as client:
        assert [each.id async for each in client.customers.list(size=2)] == everyone
        for each in everyone:
            assert (await client.customers.get(each)).id == each
        expected = [str(each["id"]) for each in generated.orders(old)]
        assert [each.id async for each in client.orders.list(old)] == [*expected, order]
        assert (await client.orders.list(old, billing_type=BillingCycleType.TRIENNIAL).collect())[-1].id == order
        assert (await client.orders.get(old, a_generated_order)).id == a_generated_order
        lines = await client.orders.provisioning_status(old, a_generated_order).collect()
        assert {line.status for line in lines} == {ProvisioningStatus.UNFULFILLED}
        assert (await client.orders.get(old, order)).reference_customer_id == old
        for each in generated.customer_ids():
            moved = [found.id async for found in client.migrations.list(customer_tenant_id=each, page_size=2)]
            assert moved == [found["id"] for found in generated.migrations(each)] + [migration] * (each == old)
        assert [each.id for each in await client.migrations.events(old, migration_id=migration).collect()] == [event]
    with pytest.raises(RuntimeError, match="populate once"):
        partner_center.populate()


def test_what_was_served_is_not_what_is_kept(records):
    """Faults alter the records that they are given."""
    customer = records.add_customer()
    order = records.add_order(customer)
    for served in (records.order(customer, order), *records.orders(customer)):
        served["lineItems"][0]["quantity"] = 99
    records.customer(customer)["companyProfile"]["companyName"] = "Other"
    assert records.order(customer, order)["lineItems"][0]["quantity"] == 1
    assert records.customer(customer)["companyProfile"]["companyName"] == "Customer 1"


def test_the_service_reads_the_records_that_it_was_given(records):
    assert Emulator(records).data is records
    assert "Records(customers=0" in repr(records)


def test_an_order_may_have_no_lines_and_a_billing_cycle_of_its_own(records):
    customer = records.add_customer()
    order = records.order(customer, records.add_order(customer, line_items=None))
    assert order["lineItems"] is None
    order = records.order(customer, records.add_order(customer, billing_cycle="weekly"))
    assert (order["billingCycle"], order["lineItems"][0]["termDuration"]) == ("weekly", "")
