"""What a careful person writes by hand: plain structs, and how the benchmarks read orders. Imports nothing of ours."""

from datetime import datetime
from typing import Any

import msgspec


class _Struct(msgspec.Struct, rename="camel"):
    pass


class _Header(_Struct):
    key: str
    value: str


class _Link(_Struct):
    uri: str
    method: str
    headers: list[_Header]


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


class _Pricing(_Struct):
    list_price: float
    discounted_price: float
    prorated_price: float
    price: float
    extended_price: float


class _Line(_Struct):
    line_item_number: int
    offer_id: str
    subscription_id: str
    term_duration: str
    transaction_type: str
    friendly_name: str
    quantity: int
    custom_term_end_date: datetime
    pricing: _Pricing
    links: _LineLinks


class _Client(_Struct):
    marketplace_country: str
    device_family: str
    name: str


class _Attributes(_Struct):
    object_type: str


class _Order(_Struct):
    id: str
    alternate_id: str
    reference_customer_id: str
    billing_cycle: str
    currency_code: str
    currency_symbol: str
    line_items: list[_Line]
    creation_date: datetime
    status: str
    transaction_type: str
    total_price: float
    links: _OrderLinks
    client: _Client
    attributes: _Attributes


class Page(_Struct):
    items: list[_Order]
    links: _Links | None = None


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


def thin(order: Any) -> int:
    """Read an order's head and its lines' numbers and quantities."""
    total: int = len(order.id) + len(order.status) + order.creation_date.day
    for line in order.line_items:
        total += line.line_item_number + line.quantity
    return total


def full(order: Any, own: str = "self") -> int:
    """Read every price and link of an order too; ``own`` is what the stack calls the link to itself."""
    total = thin(order) + len(getattr(order.links, own).uri) + len(order.links.provisioning_status.uri)
    total += len(order.links.patch_operation.uri) + int(order.total_price)
    for line in order.line_items:
        price, links = line.pricing, line.links
        total += int(price.list_price + price.discounted_price + price.prorated_price + price.price)
        total += int(price.extended_price) + len(links.product.uri) + len(links.sku.uri) + len(links.availability.uri)
    return total


def thin_of_dict(order: Any) -> int:
    """Read thinly what is no object but a dict."""
    total: int = len(order["id"]) + len(order["status"]) + datetime.fromisoformat(order["creationDate"]).day
    for line in order["lineItems"]:
        total += line["lineItemNumber"] + line["quantity"]
    return total


def full_of_dict(order: Any) -> int:
    """Read fully what is no object but a dict."""
    links = order["links"]
    total = thin_of_dict(order) + len(links["self"]["uri"]) + len(links["provisioningStatus"]["uri"])
    total += len(links["patchOperation"]["uri"]) + int(order["totalPrice"])
    for line in order["lineItems"]:
        price, links = line["pricing"], line["links"]
        total += int(price["listPrice"] + price["discountedPrice"] + price["proratedPrice"] + price["price"])
        total += int(price["extendedPrice"])
        total += len(links["product"]["uri"]) + len(links["sku"]["uri"]) + len(links["availability"]["uri"])
    return total
