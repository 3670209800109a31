"""Products, their skus and availabilities: what order lines link to."""

from collections.abc import Callable, Sequence

from partnercenter_async.emulator.api import Route, getting, listing
from partnercenter_async.emulator.catalogue import Offer
from partnercenter_async.emulator.generation import JsonObject, link
from partnercenter_async.emulator.store import Kind, Store


class _OfOffers:
    """The generated records below these parents, each of one offer."""

    def __init__(self, store: Store, parents: Sequence[str], shown: Callable[[Offer], JsonObject]) -> None:
        given = [parent.lower() for parent in parents]
        self._offers = [
            offer
            for offer in store.catalogue.offers
            if [offer.product.lower(), offer.sku.lower()][: len(given)] == given
        ]
        self._shown = shown

    def __len__(self) -> int:
        return len(self._offers)

    def at(self, position: int) -> JsonObject:
        return self._shown(self._offers[position])

    def get(self, record_id: str) -> JsonObject:
        for record in map(self._shown, self._offers):
            if str(record["id"]).lower() == record_id.lower():
                return record
        raise KeyError(record_id)


def _product(offer: Offer) -> JsonObject:
    path = f"/products/{offer.product}"
    return {
        "id": offer.product,
        "title": offer.name,
        "description": f"{offer.name}, sold by an emulated partner.",
        "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
        "isMicrosoftProduct": True,
        "publisherName": "Microsoft Corporation",
        "links": {"skus": link(f"{path}/skus?country=US"), "self": link(f"{path}?country=US")},
    }


def _sku(offer: Offer) -> JsonObject:
    path = f"/products/{offer.product}/skus/{offer.sku}"
    return {
        "id": offer.sku,
        "productId": offer.product,
        "title": offer.name,
        "description": f"{offer.name}, sold by an emulated partner.",
        "minimumQuantity": 1,
        "maximumQuantity": 10_000_000,
        "isTrial": False,
        "supportedBillingCycles": ["one_time"] if offer.once else ["monthly", "annual", "triennial"],
        "links": {"availabilities": link(f"{path}/availabilities?country=US"), "self": link(f"{path}?country=US")},
    }


def _availability(offer: Offer) -> JsonObject:
    terms = [("", "one_time")] if offer.once else [("P1M", "monthly"), ("P1Y", "annual"), ("P3Y", "triennial")]
    path = f"/products/{offer.product}/skus/{offer.sku}/availabilities/{offer.availability}"
    return {
        "id": offer.availability,
        "productId": offer.product,
        "skuId": offer.sku,
        "catalogItemId": offer.id,
        "defaultCurrency": {"code": "USD", "symbol": "$"},
        "country": "US",
        "isPurchasable": True,
        "isRenewable": not offer.once,
        "terms": [{"duration": duration, "billingCycle": cycle} for duration, cycle in terms],
        "links": {"self": link(f"{path}?country=US")},
    }


KIND = Kind(
    path="/v1/products",
    key="product_id",
    generate=lambda store, parents: _OfOffers(store, parents, _product),
)
SKUS = Kind(
    path="/v1/products/{product_id}/skus",
    key="sku_id",
    parent=KIND,
    generate=lambda store, parents: _OfOffers(store, parents, _sku),
)
AVAILABILITIES = Kind(
    path="/v1/products/{product_id}/skus/{sku_id}/availabilities",
    key="availability_id",
    parent=SKUS,
    generate=lambda store, parents: _OfOffers(store, parents, _availability),
)

ROUTES = tuple(
    route
    for kind, name in ((KIND, "products"), (SKUS, "products.skus"), (AVAILABILITIES, "products.availabilities"))
    for route in (
        Route(f"{name}.list", f"GET {kind.path}", listing(kind)),
        Route(f"{name}.get", f"GET {kind.path}/{{{kind.key}}}", getting(kind)),
    )
)
