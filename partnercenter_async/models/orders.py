"""Orders, their line items and prices, and what of them is provisioned."""

from decimal import Decimal, InvalidOperation

import msgspec

from partnercenter_async.models.common import Link, Model, ResourceAttributes
from partnercenter_async.models.scalars import FrozenObject, OpenEnum, Timestamp


class BillingCycleType(OpenEnum):
    """How often the partner is billed."""

    __numbers__ = ("unknown", "monthly", "annual", "none", "one_time", "triennial", "biennial")

    UNKNOWN = "unknown"
    MONTHLY = "monthly"
    ANNUAL = "annual"
    NONE = "none"
    ONE_TIME = "one_time"
    TRIENNIAL = "triennial"
    BIENNIAL = "biennial"

    @property
    def query_name(self) -> str:
        """The spelling that the service's queries take: ``OneTime``; a name not known is sent as given."""
        return "".join(word.capitalize() for word in self.split("_")) if self.is_known else str(self)


class OrderStatus(OpenEnum):
    """How far an order has come."""

    __numbers__ = (
        "unknown",
        "completed",
        "pending",
        "cancelled",
        "suspended",
        "pending_review",
        "pending_po_upload",
        "po_upload_complete",
        "po_review_rejected",
        "partial_success",
        "error",
    )

    UNKNOWN = "unknown"
    COMPLETED = "completed"
    PENDING = "pending"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    PENDING_REVIEW = "pending_review"
    PENDING_PO_UPLOAD = "pending_po_upload"
    PO_UPLOAD_COMPLETE = "po_upload_complete"
    PO_REVIEW_REJECTED = "po_review_rejected"
    PARTIAL_SUCCESS = "partial_success"
    ERROR = "error"


class ProvisioningStatus(OpenEnum):
    """Whether what was bought is there to be used."""

    FULFILLED = "fulfilled"
    UNFULFILLED = "unfulfilled"
    PREFULFILLMENT_PENDING = "prefulfillment_pending"


class ClientContext(Model, frozen=True, kw_only=True):
    """The program through which an order came in."""

    marketplace_country: str | None = None
    device_family: str | None = None
    name: str | None = None


class _Priced(Model, frozen=True, kw_only=True):
    """A model with amounts.

    The service could send the text ``sNaN``, a Decimal that raises when it is compared or hashed. It is held to be what
    ``NaN`` is: equal to itself alone.
    """

    def __eq__(self, other: object) -> bool:
        try:
            return super().__eq__(other)
        except InvalidOperation:
            return False

    def __ne__(self, other: object) -> bool:
        try:
            return super().__ne__(other)
        except InvalidOperation:
            return True

    def __hash__(self) -> int:
        try:
            return super().__hash__()
        except TypeError:
            return hash(tuple([_hashable(value) for value in msgspec.structs.astuple(self)]))


def _hashable(value: object) -> object:
    return id(value) if isinstance(value, Decimal) and value.is_snan() else value


class Pricing(_Priced, frozen=True, kw_only=True):
    """A line's prices, exact, in the order's currency; sent only where prices were asked for."""

    list_price: Decimal | None = None
    discounted_price: Decimal | None = None
    prorated_price: Decimal | None = None
    price: Decimal | None = None
    extended_price: Decimal | None = None


class PurchaseCommitment(_Priced, frozen=True, kw_only=True):
    """What an Azure savings plan commits to: an amount of a currency in each grain of time."""

    amount: Decimal | None = None
    currency: str | None = None
    grain: str | None = None


class RenewsTo(Model, frozen=True, kw_only=True):
    """The term that follows this one, as an ISO 8601 duration."""

    term_duration: str | None = None


class OrderLineItemLinks(Model, frozen=True, kw_only=True):
    """Where to read more of a line."""

    product: Link | None = None
    sku: Link | None = None
    availability: Link | None = None
    provisioning_status: Link | None = None
    subscription: Link | None = None
    activation_links: Link | None = None


class OrderLineItem(Model, frozen=True, kw_only=True):
    """One line of an order. ``subscription_id`` is missing until the line is provisioned; compare it without case."""

    line_item_number: int | None = None
    offer_id: str | None = None
    subscription_id: str | None = None
    parent_subscription_id: str | None = None
    term_duration: str | None = None
    transaction_type: str | None = None
    friendly_name: str | None = None
    quantity: int | None = None
    custom_term_end_date: Timestamp | None = None
    partner_id_on_record: str | None = None
    additional_partner_ids_on_record: tuple[str, ...] = ()
    promotion_id: str | None = None
    provisioning_context: FrozenObject | None = None
    pricing: Pricing | None = None
    renews_to: RenewsTo | None = None
    attestation_accepted: bool | None = None
    purchase_commitment: PurchaseCommitment | None = None
    links: OrderLineItemLinks | None = None
    attributes: ResourceAttributes | None = None


class OrderLinks(Model, frozen=True, kw_only=True):
    """Where an order is read, watched and changed."""

    self: Link | None = None
    provisioning_status: Link | None = None
    patch_operation: Link | None = None


class Order(_Priced, frozen=True, kw_only=True):
    """A customer's order. ``id`` has several shapes, a GUID being only one; ``total_price`` comes only with prices."""

    id: str = ""
    alternate_id: str | None = None
    reference_customer_id: str | None = None
    billing_cycle: BillingCycleType | None = None
    currency_code: str | None = None
    currency_symbol: str | None = None
    line_items: tuple[OrderLineItem, ...] = ()
    creation_date: Timestamp | None = None
    status: OrderStatus | None = None
    transaction_type: str | None = None
    total_price: Decimal | None = None
    links: OrderLinks | None = None
    client: ClientContext | None = None
    attributes: ResourceAttributes | None = None
    partner_on_record_attestation_accepted: bool | None = None


class QuantityProvisioningStatus(Model, frozen=True, kw_only=True):
    """How many of a line's units are in which state."""

    quantity: int | None = None
    status: ProvisioningStatus | None = None


class OrderLineItemProvisioningStatus(Model, frozen=True, kw_only=True):
    """What is provisioned of one line of an order."""

    order_line_item_id: int | None = None
    line_item_number: int | None = None
    status: ProvisioningStatus | None = None
    quantity_provisioning_information: tuple[QuantityProvisioningStatus, ...] = ()
    attributes: ResourceAttributes | None = None
