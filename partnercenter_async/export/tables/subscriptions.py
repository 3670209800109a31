"""The table of subscriptions."""

from partnercenter_async.export.columns import Table
from partnercenter_async.models.subscriptions import Subscription

SUBSCRIPTIONS = Table(
    Subscription,
    "subscriptions",
    names={
        "id": "subscriptionId",
        "scheduled_next_term_instructions": "nextTerm",
        "scheduled_next_term_instructions.product": "nextTerm",
        "next_charge_instructions": "nextCharge",
        "next_charge_instructions.product": "nextCharge",
        "refundable_quantity.total_quantity": "refundableQuantity",
    },
    without=("product_type.sub_type",),
    shown=("customerId", "subscriptionId", "friendlyName", "quantity", "status", "commitmentEndDate", "billingCycle"),
)
