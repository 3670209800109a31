"""How orders could be read: ``python -m benchmarks.designs`` measures the designs that docs/speed.md weighs.

For each: CPU to decode an order and read it thinly or fully, the bytes it takes while it is kept, and those that stay
for one order kept out of each page.
"""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec

from benchmarks.payload import PAGE, page
from benchmarks.plain import HeadPage, Page, full, thin
from partnercenter_async import Order, OrderLineItemLinks, OrderLinks, Pricing, ResourceCollection, Timestamp
from partnercenter_async._session.decoding import decode
from partnercenter_async.models.orders import OrderStatus
from partnercenter_async.models.scalars import parse_timestamp

PAGES, ROUNDS = 20, 9


class _Lazy(msgspec.Struct, rename="camel", frozen=True, gc=False):
    pass


class _RawLine(_Lazy, frozen=True):
    line_item_number: int | None = None
    offer_id: str | None = None
    subscription_id: str | None = None
    term_duration: str | None = None
    transaction_type: str | None = None
    friendly_name: str | None = None
    quantity: int | None = None
    custom_term_end_date: str | None = None
    pricing: msgspec.Raw = msgspec.Raw(b"null")
    links: msgspec.Raw = msgspec.Raw(b"null")


class _RawOrder(_Lazy, frozen=True):
    id: str = ""
    alternate_id: str | None = None
    reference_customer_id: str | None = None
    billing_cycle: str | None = None
    currency_code: str | None = None
    currency_symbol: str | None = None
    line_items: tuple[_RawLine, ...] = ()
    creation_date: str | None = None
    status: OrderStatus | None = None
    transaction_type: str | None = None
    total_price: Decimal | None = None
    links: msgspec.Raw = msgspec.Raw(b"null")
    client: msgspec.Raw = msgspec.Raw(b"null")
    attributes: msgspec.Raw = msgspec.Raw(b"null")


class _HeadLine(_Lazy, frozen=True):
    line_item_number: int
    quantity: int


class _Head(_Lazy, frozen=True):
    id: str
    status: OrderStatus
    creation_date: Timestamp
    line_items: tuple[_HeadLine, ...]


class Design(NamedTuple):
    """One way: what a page becomes, and how its orders are read."""

    decode: Callable[[bytes], Any]
    thin: Callable[[Any], int]
    full: Callable[[Any], int] | None


_plain = msgspec.json.Decoder(Page)
_plain_head = msgspec.json.Decoder(HeadPage)
_raw = msgspec.json.Decoder(ResourceCollection[_RawOrder])
_stages = msgspec.json.Decoder(ResourceCollection[msgspec.Raw])
_order_links = msgspec.json.Decoder(OrderLinks)
_line_links = msgspec.json.Decoder(OrderLineItemLinks)
_pricing = msgspec.json.Decoder(Pricing)


def _thin_raw(order: Any) -> int:
    total: int = len(order.id) + len(order.status) + parse_timestamp(order.creation_date).day
    for line in order.line_items:
        total += line.line_item_number + line.quantity
    return total


def _full_raw(order: Any) -> int:
    found = _order_links.decode(order.links)
    assert found.self is not None
    assert found.provisioning_status is not None
    assert found.patch_operation is not None
    total = _thin_raw(order) + sum(len(each.uri or "") for each in (found.self, found.provisioning_status))
    total += len(found.patch_operation.uri or "") + int(order.total_price)
    for line in order.line_items:
        price: Any = _pricing.decode(line.pricing)
        links: Any = _line_links.decode(line.links)
        total += int(price.list_price + price.discounted_price + price.prorated_price + price.price)
        total += int(price.extended_price) + len(links.product.uri) + len(links.sku.uri) + len(links.availability.uri)
    return total


def _copied(body: bytes) -> list[Any]:
    """Copy what is raw, so that it does not keep its page."""
    copied: list[Any] = []
    for order in _raw.decode(body).items:
        lines = tuple(
            msgspec.structs.replace(line, pricing=line.pricing.copy(), links=line.links.copy())
            for line in order.line_items
        )
        kept = {name: getattr(order, name).copy() for name in ("links", "client", "attributes")}
        copied.append(msgspec.structs.replace(order, line_items=lines, **kept))
    return copied


def _touched(read: Callable[[Any], int], item: Any) -> int:
    return read(decode(bytes(item), Order))


DESIGNS = {
    "plain structs, floats (by hand)": Design(lambda body: _plain.decode(body).items, thin, full),
    "eager (ours)": Design(lambda body: decode(body, ResourceCollection[Order]).items, thin, full),
    "raw until read": Design(lambda body: _raw.decode(body).items, _thin_raw, _full_raw),
    "raw until read, copied": Design(_copied, _thin_raw, _full_raw),
    "two stages": Design(lambda body: _stages.decode(body).items, partial(_touched, thin), partial(_touched, full)),
    "plain, into a head": Design(lambda body: _plain_head.decode(body).items, thin, None),
    "eager, into a head": Design(lambda body: decode(body, ResourceCollection[_Head]).items, thin, None),
}


def seconds(design: Design, read: Callable[[Any], int], bodies: list[bytes]) -> float:
    """Return the CPU seconds for an order."""
    before = time.process_time()
    for body in bodies:
        for order in design.decode(body):
            read(order)
    return (time.process_time() - before) / (PAGE * len(bodies))


def held(design: Design, bodies: list[bytes], count: int) -> float:
    """Return the bytes that stay for an order where so many of each page are kept."""
    list(design.decode(bodies[0]))
    gc.collect()
    tracemalloc.start()
    kept: list[Any] = []
    for body in bodies:
        kept.extend(design.decode(bytes(bytearray(body)))[:count])  # a body of its own, as one that was received
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / len(kept)


def main() -> None:
    """Measure and print."""
    bodies = [b"".join(page(number, PAGES)) for number in range(PAGES)]
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, design in DESIGNS.items():
            for way, read in (("thin", design.thin), ("full", design.full)):
                if read is not None:
                    times.setdefault((name, way), []).append(seconds(design, read, bodies))
    print("| Design | thin | full | kept | pinned by one of a page |\n|---|---:|---:|---:|---:|")
    for name, design in DESIGNS.items():
        cells = [
            f"{statistics.median(times[name, way]) * 1e6:.1f} us" if (name, way) in times else ""
            for way in ("thin", "full")
        ]
        cells += [f"{held(design, bodies, count) / 1024:.1f} KB" for count in (PAGE, 1)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
