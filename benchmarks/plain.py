"""What a careful person writes by hand: plain structs, and how the benchmarks read orders. Imports nothing of ours.

The structs take what is lost by default in two ways: money as float or Decimal, dates as msgspec reads them (rounded to
microseconds, naive where no zone is sent) or as the text that came, which is read where it is asked for.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

M = TypeVar("M")
D = TypeVar("D")


class _Struct(msgspec.Struct, rename="camel"):
    pass


class _Header(_Struct):
    key: str
    value: str


class _Link(_Struct):
    uri: str
    method: str
    headers: list[_Header]
    body: str | None = None


class _Links(_Struct):
    next: _Link | None = None


class _OrderLinks(_Struct):
    self: _Link | None = None
    provisioning_status: _Link | None = None
    patch_operation: _Link | None = None


class _LineLinks(_Struct):
    product: _Link | None = None
    sku: _Link | None = None
    availability: _Link | None = None
    provisioning_status: _Link | None = None
    subscription: _Link | None = None
    activation_links: _Link | None = None


class _Pricing(_Struct, Generic[M]):
    list_price: M
    discounted_price: M
    prorated_price: M
    price: M
    extended_price: M


class _Commitment(_Struct, Generic[M]):
    amount: M
    currency: str
    grain: str


class _RenewsTo(_Struct):
    term_duration: str


class _Attributes(_Struct, kw_only=True):
    etag: str | None = None
    object_type: str


class _Line(_Struct, Generic[M, D], kw_only=True):
    line_item_number: int
    offer_id: str
    subscription_id: str
    parent_subscription_id: str | None = None
    term_duration: str
    transaction_type: str
    friendly_name: str
    quantity: int
    custom_term_end_date: D
    partner_id_on_record: str
    additional_partner_ids_on_record: list[str]
    promotion_id: str
    provisioning_context: dict[str, str]
    pricing: _Pricing[M] | None = None
    renews_to: _RenewsTo
    attestation_accepted: bool
    purchase_commitment: _Commitment[M] | None = None
    links: _LineLinks
    attributes: _Attributes


class _Client(_Struct):
    marketplace_country: str
    device_family: str
    name: str


class _Order(_Struct, Generic[M, D], kw_only=True):
    id: str
    alternate_id: str
    reference_customer_id: str
    billing_cycle: str
    currency_code: str
    currency_symbol: str
    line_items: list[_Line[M, D]]
    creation_date: D
    status: str
    transaction_type: str
    total_price: M | None = None
    links: _OrderLinks
    client: _Client
    attributes: _Attributes
    partner_on_record_attestation_accepted: bool


class _Page(_Struct, Generic[M, D]):
    items: list[_Order[M, D]]
    links: _Links | None = None


Page = _Page[float, datetime]
ExactPage = _Page[Decimal, str]
DecimalPage = _Page[Decimal, datetime]


class _Quantity(_Struct):
    quantity: int
    status: str


class _Status(_Struct):
    order_line_item_id: int
    line_item_number: int
    status: str
    quantity_provisioning_information: list[_Quantity]


class Statuses(_Struct):
    items: list[_Status]


class HeadLine(_Struct):
    line_item_number: int
    quantity: int


class Head(_Struct):
    id: str
    status: str
    creation_date: datetime
    line_items: list[HeadLine]


class HeadPage(_Struct):
    items: list[Head]
    links: _Links | None = None


def thin(order: Any, day: Callable[[Any], int] = attrgetter("day")) -> int:
    """Read an order's head and its lines' numbers and quantities."""
    total: int = len(order.id) + len(order.status) + day(order.creation_date)
    for line in order.line_items:
        total += line.line_item_number + line.quantity
    return total


def bare(order: Any, own: str = "self", day: Callable[[Any], int] = attrgetter("day")) -> int:
    """Read every link, date and free-form object too; ``own`` is what the stack calls the link to itself."""
    total: int = len(order.id) + len(order.status) + day(order.creation_date)
    total += len(getattr(order.links, own).uri) + len(order.links.provisioning_status.uri)
    total += len(order.links.patch_operation.uri)
    for line in order.line_items:
        links = line.links
        total += line.line_item_number + line.quantity + day(line.custom_term_end_date)
        total += len(line.provisioning_context["scope"])
        total += len(links.product.uri) + len(links.sku.uri) + len(links.availability.uri)
        total += len(links.provisioning_status.uri) + len(links.subscription.uri) + len(links.activation_links.uri)
    return total


def full(order: Any, own: str = "self", day: Callable[[Any], int] = attrgetter("day")) -> int:
    """Read every price too."""
    total = bare(order, own, day) + int(order.total_price)
    for line in order.line_items:
        price = line.pricing
        total += int(price.list_price + price.discounted_price + price.prorated_price + price.price)
        total += int(price.extended_price)
    return total


def day_of_text(text: str) -> int:
    """Return the day of a date that is cut to microseconds, in UTC where no zone was sent."""
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).day


def full_of_dict(order: Any) -> int:
    """Read fully what is no object but a dict."""
    links = order["links"]
    total: int = len(order["id"]) + len(order["status"]) + day_of_text(order["creationDate"]) + int(order["totalPrice"])
    total += len(links["self"]["uri"]) + len(links["provisioningStatus"]["uri"]) + len(links["patchOperation"]["uri"])
    for line in order["lineItems"]:
        price, links = line["pricing"], line["links"]
        total += line["lineItemNumber"] + line["quantity"] + day_of_text(line["customTermEndDate"])
        total += len(line["provisioningContext"]["scope"])
        total += int(price["listPrice"] + price["discountedPrice"] + price["proratedPrice"] + price["price"])
        total += int(price["extendedPrice"])
        total += len(links["product"]["uri"]) + len(links["sku"]["uri"]) + len(links["availability"]["uri"])
        total += len(links["provisioningStatus"]["uri"]) + len(links["subscription"]["uri"])
        total += len(links["activationLinks"]["uri"])
    return total
