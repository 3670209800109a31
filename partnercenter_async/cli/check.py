"""Whether what was written is what the emulator holds: every record, in its order, field by field.

The file is read back rather than what passed through memory, since the file is what a user is left with. The truth is
the data set the emulator serves from and never an answer of it. Memory holds two positions for each customer.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

from partnercenter_async.emulator import DataSet, JsonObject

NOTHING = "nothing"

_EXACT = Context(prec=100)


class Line(msgspec.Struct, rename="camel"):
    """A line of the demo's output: a record of a customer's, as the service sent it."""

    kind: str
    customer_id: str
    item: msgspec.Raw
    order_id: str = ""


@dataclass(slots=True)
class Totals:
    """What a run brought; the demo counts it from its structs, the check from the data set."""

    customers: int = 0
    orders: int = 0
    fulfilled: int = 0
    unfulfilled: int = 0
    events: int = 0
    revenue: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    def add_price(self, currency: str, price: Decimal) -> None:
        """Add the price of an order."""
        self.revenue[currency] = _EXACT.add(self.revenue.get(currency, Decimal(0)), price)

    @property
    def records(self) -> int:
        """How many lines these are."""
        return self.customers + self.orders + self.fulfilled + self.unfulfilled + self.events


@dataclass(frozen=True, slots=True)
class _Expected:
    """A record that must come next, and what it is called."""

    kind: str
    name: str
    item: JsonObject
    order_id: str = ""


_Source: TypeAlias = Iterator[_Expected]
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Line)


class _Number(str):
    """The text of a number, which is more than its value: `438.0` is not `438.00`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def first_difference(data: DataSet, path: Path, totals: Totals) -> str | None:
    """Return where a file of lines, and what was counted on the way, first differ from a data set; None if nowhere."""
    expected = Totals()
    customers = _customers(data, expected)
    orders = {customer_id: _orders(data, customer_id, expected) for customer_id in data.customer_ids()}
    events = {customer_id: _events(data, customer_id, expected) for customer_id in data.customer_ids()}
    with path.open("rb") as file:
        for text in file:
            line = _decoder.decode(text)
            if line.kind == "customer":
                source: _Source = customers
            else:
                source = (events if line.kind == "event" else orders).get(line.customer_id) or iter(())
            difference = _compare(next(source, None), line)
            if difference:
                return difference
    for source in (customers, *orders.values(), *events.values()):
        left = next(source, None)
        if left is not None:
            return f"{left.name}: expected {left.item.get('id', 'a record')}, got {NOTHING}"
    return _differ("totals", msgspec.to_builtins(expected), msgspec.to_builtins(totals))


def _customers(data: DataSet, totals: Totals) -> _Source:
    for index, customer_id in enumerate(data.customer_ids()):
        totals.customers += 1
        yield _Expected("customer", f"customers[{index}]", data.customer(customer_id, full=False))


def _orders(data: DataSet, customer_id: str, totals: Totals) -> _Source:
    """Yield the orders that must come of one customer, each with its provisioning behind it."""
    for index, order in enumerate(data.orders(customer_id, include_price=True)):
        name = f"customer {customer_id}: orders[{index}]"
        totals.orders += 1
        totals.add_price(str(order["currencyCode"]), cast("Decimal", order["totalPrice"]))
        yield _Expected("order", name, order)
        order_id = str(order["id"])
        for number, status in enumerate(data.provisioning(customer_id, order_id)):
            if str(status["status"]).lower() == "fulfilled":
                totals.fulfilled += 1
            else:
                totals.unfulfilled += 1
            yield _Expected("provisioning", f"{name} provisioning[{number}]", status, order_id)


def _events(data: DataSet, customer_id: str, totals: Totals) -> _Source:
    for index, event in enumerate(data.events(customer_id)):
        totals.events += 1
        yield _Expected("event", f"customer {customer_id}: events[{index}]", event)


def _compare(expected: _Expected | None, line: Line) -> str | None:
    if expected is None:
        return f"customer {line.customer_id}: expected {NOTHING} more, got one more {line.kind}"
    if line.kind != expected.kind:
        return f"{expected.name}: expected this {expected.kind}, got one more {line.kind}"
    if line.order_id != expected.order_id:
        return _differ(f"{expected.name}.orderId", expected.order_id, line.order_id)
    encoded = _encoder.encode(expected.item)
    if bytes(line.item) == encoded:
        return None
    return _differ(expected.name, _parsed(encoded), _parsed(bytes(line.item)))


def _parsed(text: bytes) -> object:
    return json.loads(text, parse_float=_Number, parse_int=_Number)


def _differ(path: str, expected: object, got: object) -> str | None:
    """Return the first difference of two JSON values as path, expected, got."""
    left, right = _parts(expected), _parts(got)
    if left is None or right is None or type(expected) is not type(got):
        if type(expected) is type(got) and expected == got:
            return None
        return f"{path}: expected {_shown(expected)}, got {_shown(got)}"
    for name in dict.fromkeys([*left, *right]):
        difference = _differ(path + name, left.get(name, _ABSENT), right.get(name, _ABSENT))
        if difference:
            return difference
    return None


def _parts(value: object) -> dict[str, object] | None:
    """Return the members or items of a value with the ends of their paths; None for what has no parts."""
    if isinstance(value, dict):
        return {f".{name}": member for name, member in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return {f"[{index}]": item for index, item in enumerate(cast("list[object]", value))}
    return None


class _Absent:
    """What stands for a member or an item that is not there."""

    def __repr__(self) -> str:
        return NOTHING


_ABSENT = _Absent()


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, _Number | _Absent) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line's worth
