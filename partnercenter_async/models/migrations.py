"""Moves of subscriptions to New Commerce, and what happened in them."""

from partnercenter_async.models.common import Model, ResourceAttributes
from partnercenter_async.models.orders import BillingCycleType
from partnercenter_async.models.scalars import Timestamp


class NewCommerceMigration(Model, frozen=True, kw_only=True):
    """A move of one subscription. The case of ``current_subscription_id`` differs from that in events."""

    id: str = ""
    started_time: Timestamp | None = None
    completed_time: Timestamp | None = None
    current_subscription_id: str | None = None
    add_on_migrations: tuple["NewCommerceMigration", ...] = ()
    status: str | None = None
    customer_tenant_id: str | None = None
    catalog_item_id: str | None = None
    new_commerce_subscription_id: str | None = None
    new_commerce_order_id: str | None = None
    subscription_end_date: Timestamp | None = None
    custom_term_end_date: Timestamp | None = None
    quantity: int | None = None
    term_duration: str | None = None
    billing_cycle: BillingCycleType | None = None
    purchase_full_term: bool | None = None
    external_reference_id: str | None = None
    microsoft_led: bool | None = None
    attributes: ResourceAttributes | None = None


class NewCommerceMigrationEvent(NewCommerceMigration, frozen=True, kw_only=True):
    """A step of a move: the fields that the service sends stand last, those that its reference lists before them."""

    new_commerce_migration_id: str | None = None
    created_time: Timestamp | None = None
    event_name: str | None = None
