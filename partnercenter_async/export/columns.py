"""Records as rows: which columns a table has, and where their values stand in a record.

A row is a tuple of the structs that a record is made of, an empty one in place of one that is missing, so that a
column's value is one path away. docs/exports.md tells what each column means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Generic, NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from partnercenter_async.export.pages import Batch
from partnercenter_async.models.customers import (
    Address,
    Customer,
    CustomerBillingProfile,
    CustomerCompanyProfile,
)
from partnercenter_async.models.migrations import NewCommerceMigration, NewCommerceMigrationEvent
from partnercenter_async.models.orders import (
    ClientContext,
    Order,
    OrderLineItem,
    OrderLineItemProvisioningStatus,
    Pricing,
    PurchaseCommitment,
    QuantityProvisioningStatus,
    RenewsTo,
)

T = TypeVar("T")

Value: TypeAlias = str | int | bool | Decimal | datetime | None
"""What a column has for a row; None where the record has nothing."""


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"


class Column(msgspec.Struct, frozen=True):
    """A column: its name, what its values are, and where in a row they stand."""

    name: str
    kind: Kind
    path: str


class Table(Generic[T]):
    """How records become rows.

    ``shown`` names the columns that people see on a terminal, with their widths there.
    """

    def __init__(
        self,
        name: str,
        columns: Iterable[Column],
        rows: Callable[[T, Mapping[str, str]], Iterable[object]],
        shown: Mapping[str, int],
    ) -> None:
        """Take the columns and what makes the rows of one record, of which each has all their paths."""
        self.name = name
        self.columns = tuple(columns)
        self.shown = shown
        self._rows = rows
        self._values = cast(
            "Callable[[object], tuple[Value, ...]]", attrgetter(*[column.path for column in self.columns])
        )

    def rows(self, batch: Batch[T]) -> list[tuple[Value, ...]]:
        """Return the rows of a batch, each with a value for each column."""
        make, values, ids = self._rows, self._values, batch.ids
        return [values(row) for item in batch.items for row in make(item, ids)]

    def values(self, batch: Batch[T]) -> Sequence[tuple[Value, ...]]:
        """Return the columns of a batch, each with a value for each row."""
        rows = self.rows(batch)
        return list(zip(*rows, strict=True)) if rows else [()] * len(self.columns)


_LONGEST_PLAIN = 400  # digits; a few letters of JSON could ask for gigabytes of them otherwise


def plain_digits(number: Decimal) -> str:
    """Return a number as digits, never as ``1E+3``, with its closing zeros.

    One with more than 400 digits on a side of the point keeps its exponent; what is no number is a word.
    """
    text = str(number)
    if text.strip("-.0123456789") and number.is_finite() and abs(number.adjusted()) <= _LONGEST_PLAIN:
        return format(number, "f")
    return text


def _text(name: str, path: str) -> Column:
    return Column(name, Kind.TEXT, path)


def _integer(name: str, path: str) -> Column:
    return Column(name, Kind.INTEGER, path)


def _boolean(name: str, path: str) -> Column:
    return Column(name, Kind.BOOLEAN, path)


def _decimal(name: str, path: str) -> Column:
    return Column(name, Kind.DECIMAL, path)


def _timestamp(name: str, path: str) -> Column:
    return Column(name, Kind.TIMESTAMP, path)


def _joined(texts: Sequence[str]) -> str | None:
    return " ".join(texts) or None


# Customers


class _CustomerRow(NamedTuple):
    customer_id: str | None
    customer: Customer
    custom_domains: str | None
    company: CustomerCompanyProfile
    company_address: Address
    billing: CustomerBillingProfile
    billing_address: Address


_NO_COMPANY = CustomerCompanyProfile()
_NO_BILLING = CustomerBillingProfile()
_NO_ADDRESS = Address()


def _customer_rows(customer: Customer, ids: Mapping[str, str]) -> Iterable[_CustomerRow]:
    company = customer.company_profile or _NO_COMPANY
    billing = customer.billing_profile or _NO_BILLING
    return (
        _CustomerRow(
            ids.get("customerId") or customer.id or None,
            customer,
            _joined(customer.custom_domains),
            company,
            company.address or _NO_ADDRESS,
            billing,
            billing.default_address or _NO_ADDRESS,
        ),
    )


def _address(name: str, path: str) -> Iterator[Column]:
    yield _text(f"{name}Country", f"{path}.country")
    yield _text(f"{name}Region", f"{path}.region")
    yield _text(f"{name}City", f"{path}.city")
    yield _text(f"{name}State", f"{path}.state")
    yield _text(f"{name}AddressLine1", f"{path}.address_line1")
    yield _text(f"{name}AddressLine2", f"{path}.address_line2")
    yield _text(f"{name}PostalCode", f"{path}.postal_code")
    yield _text(f"{name}AddressFirstName", f"{path}.first_name")
    yield _text(f"{name}AddressMiddleName", f"{path}.middle_name")
    yield _text(f"{name}AddressLastName", f"{path}.last_name")
    yield _text(f"{name}PhoneNumber", f"{path}.phone_number")


CUSTOMERS = Table(
    "customers",
    (
        _text("customerId", "customer_id"),
        _text("commerceId", "customer.commerce_id"),
        _text("tenantId", "company.tenant_id"),
        _text("companyName", "company.company_name"),
        _text("domain", "company.domain"),
        _text("customDomains", "custom_domains"),
        _text("organizationRegistrationNumber", "company.organization_registration_number"),
        _text("relationshipToPartner", "customer.relationship_to_partner"),
        _text("associatedPartnerId", "customer.associated_partner_id"),
        _boolean("allowDelegatedAccess", "customer.allow_delegated_access"),
        _boolean("enableGDAPByDefault", "customer.enable_gdap_by_default"),
        _text("companyEmail", "company.email"),
        *_address("company", "company_address"),
        _text("billingProfileId", "billing.id"),
        _text("billingCompanyName", "billing.company_name"),
        _text("billingFirstName", "billing.first_name"),
        _text("billingLastName", "billing.last_name"),
        _text("billingEmail", "billing.email"),
        _text("billingCulture", "billing.culture"),
        _text("billingLanguage", "billing.language"),
        *_address("billing", "billing_address"),
    ),
    _customer_rows,
    {"customerId": 36, "companyName": 30, "domain": 30, "relationshipToPartner": 21},
)


# Orders


class _OrderRow(NamedTuple):
    customer_id: str | None
    order_id: str | None
    order: Order
    client: ClientContext
    line_item_count: int


class _OrderLineRow(NamedTuple):
    customer_id: str | None
    order_id: str | None
    order: Order
    client: ClientContext
    line: OrderLineItem
    partner_ids: str | None
    pricing: Pricing
    commitment: PurchaseCommitment
    renews_to: RenewsTo


_NO_CLIENT = ClientContext()
_NO_LINE = OrderLineItem()
_NO_PRICING = Pricing()
_NO_COMMITMENT = PurchaseCommitment()
_NO_RENEWAL = RenewsTo()


def _order_rows(order: Order, ids: Mapping[str, str]) -> Iterable[_OrderRow]:
    customer_id = ids.get("customerId") or order.reference_customer_id
    return (_OrderRow(customer_id, order.id or None, order, order.client or _NO_CLIENT, len(order.line_items)),)


def _order_line_rows(order: Order, ids: Mapping[str, str]) -> Iterable[_OrderLineRow]:
    customer_id = ids.get("customerId") or order.reference_customer_id
    order_id, client = order.id or None, order.client or _NO_CLIENT
    return [
        _OrderLineRow(
            customer_id,
            order_id,
            order,
            client,
            line,
            _joined(line.additional_partner_ids_on_record),
            line.pricing or _NO_PRICING,
            line.purchase_commitment or _NO_COMMITMENT,
            line.renews_to or _NO_RENEWAL,
        )
        for line in order.line_items or (_NO_LINE,)
    ]


_ORDER_COLUMNS = (
    _text("customerId", "customer_id"),
    _text("orderId", "order_id"),
    _text("alternateId", "order.alternate_id"),
    _timestamp("creationDate", "order.creation_date"),
    _text("status", "order.status"),
    _text("transactionType", "order.transaction_type"),
    _text("billingCycle", "order.billing_cycle"),
    _text("currencyCode", "order.currency_code"),
    _text("currencySymbol", "order.currency_symbol"),
    _decimal("totalPrice", "order.total_price"),
    _boolean("partnerOnRecordAttestationAccepted", "order.partner_on_record_attestation_accepted"),
    _text("clientName", "client.name"),
    _text("clientDeviceFamily", "client.device_family"),
    _text("clientMarketplaceCountry", "client.marketplace_country"),
)

ORDERS = Table(
    "orders",
    (*_ORDER_COLUMNS, _integer("lineItemCount", "line_item_count")),
    _order_rows,
    {
        "customerId": 36,
        "orderId": 36,
        "creationDate": 16,
        "status": 12,
        "billingCycle": 12,
        "lineItemCount": 13,
        "totalPrice": 16,
        "currencyCode": 12,
    },
)

ORDER_LINES = Table(
    "order_lines",
    (
        *_ORDER_COLUMNS,
        _integer("lineItemNumber", "line.line_item_number"),
        _text("offerId", "line.offer_id"),
        _text("friendlyName", "line.friendly_name"),
        _integer("quantity", "line.quantity"),
        _text("lineTransactionType", "line.transaction_type"),
        _text("termDuration", "line.term_duration"),
        _text("renewsToTermDuration", "renews_to.term_duration"),
        _timestamp("customTermEndDate", "line.custom_term_end_date"),
        _text("subscriptionId", "line.subscription_id"),
        _text("parentSubscriptionId", "line.parent_subscription_id"),
        _text("promotionId", "line.promotion_id"),
        _text("partnerIdOnRecord", "line.partner_id_on_record"),
        _text("additionalPartnerIdsOnRecord", "partner_ids"),
        _boolean("attestationAccepted", "line.attestation_accepted"),
        _decimal("listPrice", "pricing.list_price"),
        _decimal("discountedPrice", "pricing.discounted_price"),
        _decimal("proratedPrice", "pricing.prorated_price"),
        _decimal("price", "pricing.price"),
        _decimal("extendedPrice", "pricing.extended_price"),
        _decimal("purchaseCommitmentAmount", "commitment.amount"),
        _text("purchaseCommitmentCurrency", "commitment.currency"),
        _text("purchaseCommitmentGrain", "commitment.grain"),
    ),
    _order_line_rows,
    {
        "customerId": 36,
        "orderId": 36,
        "creationDate": 16,
        "lineItemNumber": 14,
        "friendlyName": 30,
        "quantity": 8,
        "termDuration": 12,
        "extendedPrice": 16,
        "currencyCode": 12,
    },
)


# What is provisioned


class _ProvisioningRow(NamedTuple):
    customer_id: str | None
    order_id: str | None
    line: OrderLineItemProvisioningStatus
    part: QuantityProvisioningStatus


_NO_PART = QuantityProvisioningStatus()


def _provisioning_rows(line: OrderLineItemProvisioningStatus, ids: Mapping[str, str]) -> Iterable[_ProvisioningRow]:
    customer_id, order_id = ids.get("customerId"), ids.get("orderId")
    return [
        _ProvisioningRow(customer_id, order_id, line, part)
        for part in line.quantity_provisioning_information or (_NO_PART,)
    ]


PROVISIONING = Table(
    "provisioning",
    (
        _text("customerId", "customer_id"),
        _text("orderId", "order_id"),
        _integer("lineItemNumber", "line.line_item_number"),
        _integer("orderLineItemId", "line.order_line_item_id"),
        _text("status", "line.status"),
        _integer("quantity", "part.quantity"),
        _text("quantityStatus", "part.status"),
    ),
    _provisioning_rows,
    {
        "customerId": 36,
        "orderId": 36,
        "lineItemNumber": 14,
        "status": 22,
        "quantity": 8,
        "quantityStatus": 22,
    },
)


# Migrations


class _MigrationRow(NamedTuple):
    customer_id: str | None
    migration_id: str | None
    add_on_to: str | None
    migration: NewCommerceMigration


class _MigrationEventRow(NamedTuple):
    customer_id: str | None
    event_id: str | None
    event: NewCommerceMigrationEvent


def _migration_rows(migration: NewCommerceMigration, ids: Mapping[str, str]) -> Iterable[_MigrationRow]:
    customer_id = ids.get("customerId") or migration.customer_tenant_id
    rows: list[_MigrationRow] = []
    waiting: list[tuple[NewCommerceMigration, str | None]] = [(migration, None)]
    while waiting:
        each, add_on_to = waiting.pop()
        rows.append(_MigrationRow(customer_id, each.id or migration.id or None, add_on_to, each))
        waiting += [(add_on, each.current_subscription_id) for add_on in reversed(each.add_on_migrations)]
    return rows


def _migration_event_rows(event: NewCommerceMigrationEvent, ids: Mapping[str, str]) -> Iterable[_MigrationEventRow]:
    return (_MigrationEventRow(ids.get("customerId") or event.customer_tenant_id, event.id or None, event),)


def _migration_columns(path: str) -> Iterator[Column]:
    """Yield the columns that migrations and their events share."""
    yield _text("currentSubscriptionId", f"{path}.current_subscription_id")
    yield _text("status", f"{path}.status")
    yield _timestamp("startedTime", f"{path}.started_time")
    yield _timestamp("completedTime", f"{path}.completed_time")
    yield _text("catalogItemId", f"{path}.catalog_item_id")
    yield _integer("quantity", f"{path}.quantity")
    yield _text("termDuration", f"{path}.term_duration")
    yield _text("billingCycle", f"{path}.billing_cycle")
    yield _boolean("purchaseFullTerm", f"{path}.purchase_full_term")
    yield _timestamp("subscriptionEndDate", f"{path}.subscription_end_date")
    yield _timestamp("customTermEndDate", f"{path}.custom_term_end_date")
    yield _text("newCommerceSubscriptionId", f"{path}.new_commerce_subscription_id")
    yield _text("newCommerceOrderId", f"{path}.new_commerce_order_id")
    yield _text("externalReferenceId", f"{path}.external_reference_id")
    yield _boolean("microsoftLed", f"{path}.microsoft_led")


MIGRATIONS = Table(
    "migrations",
    (
        _text("customerId", "customer_id"),
        _text("newCommerceMigrationId", "migration_id"),
        _text("addOnToSubscriptionId", "add_on_to"),
        *_migration_columns("migration"),
    ),
    _migration_rows,
    {
        "customerId": 36,
        "newCommerceMigrationId": 36,
        "currentSubscriptionId": 36,
        "status": 12,
        "startedTime": 16,
        "completedTime": 16,
        "quantity": 8,
    },
)

MIGRATION_EVENTS = Table(
    "migration_events",
    (
        _text("customerId", "customer_id"),
        _text("newCommerceMigrationId", "event.new_commerce_migration_id"),
        _text("eventId", "event_id"),
        _text("eventName", "event.event_name"),
        _timestamp("createdTime", "event.created_time"),
        *_migration_columns("event"),
    ),
    _migration_event_rows,
    {"customerId": 36, "newCommerceMigrationId": 36, "createdTime": 16, "eventName": 34},
)
