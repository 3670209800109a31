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
from benchmarks.plain import ExactPage, HeadPage, Page, day_of_text, full, thin
from partnercenter_async import Order, OrderLineItemLinks, OrderLinks, Pricing, ResourceCollection, Timestamp
from partnercenter_async._session.decoding import decode
from partnercenter_async.models.orders import OrderStatus
from partnercenter_async.models.scalars import parse_timestamp

PAGES, ROUNDS = 20, 9
_NULL = msgspec.Raw(b"null")


class _Lazy(msgspec.Struct, rename="camel", frozen=True, gc=False):
    pass


class _RawLine(_Lazy, frozen=True):
    line_item_number: int | None = None
    offer_id: str | None = None
    subscription_id: str | None = None
    parent_subscription_id: str | None = None
    term_duration: str | None = None
    transaction_type: str | None = None
    friendly_name: str | None = None
    quantity: int | None = None
    custom_term_end_date: str | None = None
    partner_id_on_record: str | None = None
    additional_partner_ids_on_record: tuple[str, ...] = ()
    promotion_id: str | None = None
    provisioning_context: msgspec.Raw = _NULL
    pricing: msgspec.Raw = _NULL
    renews_to: msgspec.Raw = _NULL
    attestation_accepted: bool | None = None
    purchase_commitment: msgspec.Raw = _NULL
    links: msgspec.Raw = _NULL
    attributes: msgspec.Raw = _NULL


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
    links: msgspec.Raw = _NULL
    client: msgspec.Raw = _NULL
    attributes: msgspec.Raw = _NULL
    partner_on_record_attestation_accepted: bool | None = None


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
_exact = msgspec.json.Decoder(ExactPage)
_plain_head = msgspec.json.Decoder(HeadPage)
_raw = msgspec.json.Decoder(ResourceCollection[_RawOrder])
_stages = msgspec.json.Decoder(ResourceCollection[msgspec.Raw])
_order_links = msgspec.json.Decoder(OrderLinks)
_line_links = msgspec.json.Decoder(OrderLineItemLinks)
_pricing = msgspec.json.Decoder(Pricing)
_context = msgspec.json.Decoder(dict[str, str])


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
        total += int(price.extended_price) + parse_timestamp(line.custom_term_end_date).day
        total += len(links.product.uri) + len(links.sku.uri) + len(links.availability.uri)
        total += len(links.provisioning_status.uri) + len(links.subscription.uri) + len(links.activation_links.uri)
        total += len(_context.decode(line.provisioning_context)["scope"])
    return total


def _copied(body: bytes) -> list[Any]:
    """Copy what is raw, so that it does not keep its page."""
    copied: list[Any] = []
    for order in _raw.decode(body).items:
        lines = tuple(_with_copies(line) for line in order.line_items)
        copied.append(msgspec.structs.replace(_with_copies(order), line_items=lines))
    return copied


def _with_copies(struct: Any) -> Any:
    raw = {name: value for name in struct.__struct_fields__ if isinstance(value := getattr(struct, name), msgspec.Raw)}
    return msgspec.structs.replace(struct, **{name: value.copy() for name, value in raw.items()})


def _touched(read: Callable[[Any], int], item: Any) -> int:
    return read(decode(bytes(item), Order))


DESIGNS = {
    "plain structs, floats (by hand)": Design(lambda body: _plain.decode(body).items, thin, full),
    "plain structs, nothing lost (by hand)": Design(
        lambda body: _exact.decode(body).items,
        partial(thin, day=day_of_text),
        partial(full, day=day_of_text),
    ),
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
