"""Migrations and their events over real sockets."""

import pytest
from helpers import Fake, connected

from partnercenter_async import BadRequestError, NewCommerceMigrationEvent, NotFoundError
from partnercenter_async.emulator import DataSet, Emulator

DATA = DataSet(customers=20, orders_per_customer=0, migrations_per_customer=(0, 4), seed=12)
ALL = [*DATA.all_migrations()]


@pytest.fixture
async def service():
    async with Emulator(DATA) as running:
        yield running


@pytest.mark.parametrize("page_size", [1, 7, 300, None])
async def test_all_migrations_of_a_customer_come_once_and_in_order(service, page_size):
    async with connected(service) as client:
        for customer in DATA.customer_ids():
            found = await client.migrations.list(customer_tenant_id=customer, page_size=page_size).collect()
            assert [each.id for each in found] == [each["id"] for each in DATA.migrations(customer)]
    sent = [each for each in service.requests if each.operation == "migrations.list"]
    assert len({each.query for each in sent}) == 20
    if page_size == 1:
        assert len(sent) == sum(max(1, len(DATA.migrations(each))) for each in DATA.customer_ids())


async def test_migrations_are_filtered(service):
    one = ALL[3]
    async with connected(service) as client:

        async def ids(**filters) -> list[str]:
            return [each.id for each in await client.migrations.list(**filters).collect()]

        for name, field in (
            ("customer_tenant_id", "customerTenantId"),
            ("current_subscription_id", "currentSubscriptionId"),
            ("external_reference_id", "externalReferenceId"),
        ):
            expected = [each["id"] for each in ALL if each.get(field) == one[field]]
            assert await ids(**{name: one[field]}) == expected
            assert one["id"] in expected
        for led in (True, False):
            found = await ids(customer_tenant_id=one["customerTenantId"], is_microsoft_led=led)
            assert found == [
                each["id"]
                for each in ALL
                if (each["customerTenantId"], each["microsoftLed"]) == (one["customerTenantId"], led)
            ]


async def test_one_migration(service):
    async with connected(service) as client:
        for held in ALL[:5]:
            migration = await client.migrations.get(held["customerTenantId"], held["id"])
            assert migration.id == held["id"]
            assert migration.status == held["status"]
            assert len(migration.add_on_migrations) == len(held.get("addOnMigrations", ()))
        with pytest.raises(NotFoundError):
            await client.migrations.get(held["customerTenantId"], "none")


@pytest.mark.parametrize("label", ["application/json", "text/json", "text/plain"])
async def test_events_by_migration_and_by_subscription(label):
    held = ALL[0]
    customer_id = held["customerTenantId"]
    async with Emulator(DATA, events_content_type=label) as emulator, connected(emulator) as client:
        by_migration = await client.migrations.events(customer_id, migration_id=held["id"]).collect()
        by_subscription = await client.migrations.events(
            customer_id, current_subscription_id=held["currentSubscriptionId"]
        ).collect()
    expected = DATA.events(customer_id, migration_id=held["id"])
    assert [(each.id, each.event_name) for each in by_migration] == [
        (each["id"], each["eventName"]) for each in expected
    ]
    assert {each.id for each in by_migration} <= {each.id for each in by_subscription}
    assert all(type(each) is NewCommerceMigrationEvent for each in by_migration)
    assert all(each.created_time is not None for each in by_migration)


def test_events_need_a_migration_or_a_subscription():
    fake = Fake([])
    with pytest.raises(ValueError, match="migration_id or current_subscription_id"):
        fake.client.migrations.events("c")
    assert fake.requests == []


@pytest.mark.parametrize("page_size", [0, 301, -1, True, 1.5])
def test_a_page_size_beyond_the_services_is_refused(page_size):
    with pytest.raises(ValueError, match="page_size"):
        Fake([]).client.migrations.list(customer_tenant_id="t", page_size=page_size)


@pytest.mark.parametrize("filters", [{}, {"page_size": 300}, {"is_microsoft_led": True}])
def test_a_listing_of_migrations_needs_a_customer_a_subscription_or_a_reference(filters):
    with pytest.raises(ValueError, match="customer_tenant_id, current_subscription_id or external_reference_id"):
        Fake([]).client.migrations.list(**filters)


@pytest.mark.parametrize("query", ["", "?PageSize=5&IsMicrosoftLed=true", "?CustomerTenantId="])
async def test_the_emulator_refuses_a_listing_of_migrations_without_any_of_them(service, query):
    async with connected(service) as client:
        with pytest.raises(BadRequestError, match="CustomerTenantId"):
            await client.request("GET", f"migrations/newcommerce{query}")
