"""The tables of New-Commerce migrations and of their events."""

from collections.abc import Iterable

import msgspec

from partnercenter_async.export.columns import Table
from partnercenter_async.models.migrations import NewCommerceMigration, NewCommerceMigrationEvent


class _Migration(msgspec.Struct, frozen=True, rename="camel", gc=False):
    customer_id: str | None
    new_commerce_migration_id: str | None
    add_on_to_subscription_id: str | None
    migration: NewCommerceMigration


def _migrations(migration: NewCommerceMigration) -> Iterable[_Migration]:
    rows: list[_Migration] = []
    waiting: list[tuple[NewCommerceMigration, str | None]] = [(migration, None)]
    while waiting:
        each, add_on_to = waiting.pop()
        rows.append(_Migration(migration.customer_tenant_id, each.id or migration.id or None, add_on_to, each))
        waiting += [(add_on, each.current_subscription_id) for add_on in reversed(each.add_on_migrations)]
    return rows


MIGRATIONS = Table(
    _Migration,
    "migrations",
    rows=_migrations,
    names={"migration": ""},
    without=("migration.id", "migration.customer_tenant_id", "migration.add_on_migrations"),
    shown=(
        *("customerId", "newCommerceMigrationId", "currentSubscriptionId", "status", "startedTime", "completedTime"),
        "quantity",
    ),
    widths={"status": 12},
)

MIGRATION_EVENTS = Table(
    NewCommerceMigrationEvent,
    "migration_events",
    names={"id": "eventId", "customer_tenant_id": "customerId"},
    without=("add_on_migrations",),
    first=("newCommerceMigrationId", "eventId", "eventName", "createdTime"),
    shown=("customerId", "newCommerceMigrationId", "createdTime", "eventName"),
    widths={"eventName": 34},
)
