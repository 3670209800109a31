"""What a month's orders come to."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date
from decimal import Decimal
from typing import NamedTuple

from partnercenter_async import Customer, Order, OrderStatus, PartnerCenterClient, fan_out


class Total(NamedTuple):
    """What a customer ordered in a currency."""

    name: str
    customer_id: str
    currency: str
    amount: Decimal


class IncompleteOrderError(Exception):
    """An order lacks what its total or its month rests on, so that its customer's totals would be too low."""

    def __init__(self, order: Order, field: str) -> None:
        super().__init__(f"order {order.id or '?'} has no {field}: the customer's totals are not known")


class Failure(NamedTuple):
    """A customer whose orders could not be read, or not added up."""

    name: str
    customer_id: str
    reason: str


@dataclass
class Report:
    """What was found, and whom nothing is known of."""

    totals: list[Total] = field(default_factory=list[Total])
    failures: list[Failure] = field(default_factory=list[Failure])


def counts(order: Order, month: date) -> bool:
    """Return whether an order was made in a month, in UTC, and still stands."""
    if order.status == OrderStatus.CANCELLED:
        return False
    if order.creation_date is None or order.creation_date.year == 1:  # 0001-01-01 is the service's word for no date
        raise IncompleteOrderError(order, "creation date")
    made = order.creation_date.astimezone(UTC)
    return (made.year, made.month) == (month.year, month.month)


async def totals_of(client: PartnerCenterClient, customer: Customer, month: date) -> dict[str, Decimal]:
    """Return a customer's totals by currency, all of them or none: an error on the way ends with that error."""
    totals = defaultdict[str, Decimal](Decimal)
    async for order in client.orders.list(customer.id, include_price=True):
        if counts(order, month):
            if order.total_price is None:
                raise IncompleteOrderError(order, "total price")
            totals[order.currency_code or "?"] += order.total_price
    return dict(totals)


async def report(client: PartnerCenterClient, month: date, *, concurrency: int = 32) -> Report:
    """Return the totals of all customers; one that fails costs the others nothing."""

    async def totals(customer: Customer) -> dict[str, Decimal]:
        return await totals_of(client, customer, month)

    result = Report()
    async for outcome in fan_out(client.customers.list(), totals, concurrency=concurrency):
        customer, profile = outcome.input, outcome.input.company_profile
        name = (profile and profile.company_name) or "?"
        if outcome.error is not None:
            result.failures.append(Failure(name, customer.id, str(outcome.error)))
        else:
            result.totals += [Total(name, customer.id, *total) for total in outcome.value.items()]
    return result
