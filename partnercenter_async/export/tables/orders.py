"""The tables of orders, of their line items, and of what is provisioned of them."""

from collections.abc import Iterable

import msgspec

from partnercenter_async.export.columns import Table
from partnercenter_async.models.orders import (
    Order,
    OrderLineItem,
    OrderLineItemProvisioningStatus,
    QuantityProvisioningStatus,
)

ORDERS = Table(
    Order,
    "orders",
    names={"id": "orderId", "reference_customer_id": "customerId", "line_items": "lineItemCount"},
    shown=(
        *("customerId", "orderId", "creationDate", "status", "billingCycle", "lineItemCount", "totalPrice"),
        "currencyCode",
    ),
    widths={"currencyCode": 12},
)


class _Line(msgspec.Struct, frozen=True, gc=False):
    order: Order
    line: OrderLineItem | None


def _lines(order: Order) -> Iterable[_Line]:
    return [_Line(order, line) for line in order.line_items or (None,)]


ORDER_LINES = Table(
    _Line,
    "order_lines",
    rows=_lines,
    names={
        "order": "",
        "order.id": "orderId",
        "order.reference_customer_id": "customerId",
        "line": "",
        "line.transaction_type": "lineTransactionType",
        "line.pricing": "",
    },
    without=("order.line_items",),
    shown=(
        *("customerId", "orderId", "creationDate", "lineItemNumber", "friendlyName", "quantity", "termDuration"),
        *("extendedPrice", "currencyCode"),
    ),
    widths={"termDuration": 12, "currencyCode": 12},
)


class _Part(msgspec.Struct, frozen=True, gc=False):
    line: OrderLineItemProvisioningStatus
    part: QuantityProvisioningStatus | None


def _parts(line: OrderLineItemProvisioningStatus) -> Iterable[_Part]:
    return [_Part(line, part) for part in line.quantity_provisioning_information or (None,)]


PROVISIONING = Table(
    _Part,
    "provisioning",
    rows=_parts,
    names={"line": "", "part": "", "part.status": "quantityStatus"},
    without=("line.quantity_provisioning_information",),
    ids=("customerId", "orderId"),
    shown=("customerId", "orderId", "lineItemNumber", "status", "quantity", "quantityStatus"),
)
