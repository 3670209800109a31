"""Answers of realistic size, made once: pages of orders with prices and links, and one small provisioning status."""

import json
from functools import cache

PAGE = 200
TOKEN = "d3b07384-d9a0,4c9b2f11-5a7e_%08d/Qm9v/+x==,0f6c"
_PREFIX = TOKEN.partition("%08d")[0].encode()


def next_link(number: int, customer: str = "c") -> bytes:
    """Return the links of a page behind which comes that one."""
    uri = f"/customers/{customer}/orders?seekOperation=Next"
    header = {"key": "MS-ContinuationToken", "value": TOKEN % number}
    return encoded({"next": {"uri": uri, "method": "GET", "headers": [header]}})


def number_of(head: bytes) -> int:
    """Return the number of the page that a request's head asks for."""
    at = head.find(_PREFIX)
    return int(head[at + len(_PREFIX) :][:8]) if at >= 0 else 0


def _link(uri: str) -> dict[str, object]:
    return {"uri": uri, "method": "GET", "headers": []}


def order(number: int, order_id: str, customer: str, lines: int = 3) -> dict[str, object]:
    """Return an order of so many lines, whose ids are anything."""
    order_path = f"/customers/{customer}/orders/{order_id}"
    items: list[dict[str, object]] = []
    for line in range(lines):
        product = f"/customers/{customer}/products/BX{number % 9973:06d}Q{line}"
        cents = 100 + (number * 37 + line * 11) % 99_900
        price = cents / 100
        items.append(
            {
                "lineItemNumber": line,
                "offerId": f"BX{number % 9973:06d}Q{line}:0001:BX{line}AVAIL",
                "subscriptionId": f"7c1d9e40-1111-4222-8333-{number:08d}{line:04d}",
                "termDuration": "P1Y",
                "transactionType": "New",
                "friendlyName": f"Harbour plan with weather reports and berth planning, size {line + 1}, monthly",
                "quantity": 1 + number % 40,
                "customTermEndDate": "2027-03-31T23:59:59.9999999Z",
                "pricing": {
                    "listPrice": price,
                    "discountedPrice": price,
                    "proratedPrice": price,
                    "price": price,
                    "extendedPrice": round(price * (1 + number % 40), 2),
                },
                "links": {
                    "product": _link(f"{product}?country=DE"),
                    "sku": _link(f"{product}/skus/0001?country=DE"),
                    "availability": _link(f"{product}/skus/0001/availabilities/BX{line}AVAIL?country=DE"),
                },
            }
        )
    return {
        "id": order_id,
        "alternateId": order_id,
        "referenceCustomerId": customer,
        "billingCycle": "monthly",
        "currencyCode": "EUR",
        "currencySymbol": "€",
        "lineItems": items,
        "creationDate": f"2026-03-{1 + number % 28:02d}T08:15:{number % 60:02d}.{number * 7919 % 10**7:07d}Z",
        "status": "completed",
        "transactionType": "UserPurchase",
        "totalPrice": 1234.5,
        "links": {
            "self": _link(order_path),
            "provisioningStatus": _link(f"{order_path}/provisioningstatus"),
            "patchOperation": {"uri": order_path, "method": "PATCH", "headers": []},
        },
        "client": {"marketplaceCountry": "DE", "deviceFamily": "Harbour", "name": "Harbour orders"},
        "attributes": {"objectType": "Order"},
    }


DISTINCT = 20  # pages; longer listings have their items again


def page(number: int, count: int) -> list[bytes]:
    """Return the body of a page of a listing of so many pages, in parts; the large one is made once."""
    tail = b"}"
    if number + 1 < count:
        tail = b',"links":' + next_link(number + 1) + b"}"
    return [_items(number % DISTINCT), tail]


@cache
def _items(number: int) -> bytes:
    items = [order(each, *_ids(each)) for each in range(number * PAGE, (number + 1) * PAGE)]
    return encoded({"totalCount": PAGE, "attributes": {"objectType": "Collection"}, "items": items})[:-1]


def _ids(number: int) -> tuple[str, str]:
    return f"{number:012x}", f"5d2f3c1e-0000-4000-8000-{number % 977:012d}"


def encoded(value: object) -> bytes:
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


SMALL = json.dumps(
    {
        "totalCount": 1,
        "items": [
            {
                "orderLineItemId": 0,
                "lineItemNumber": 0,
                "status": "fulfilled",
                "quantityProvisioningInformation": [{"quantity": 1, "status": "fulfilled"}],
            }
        ],
        "attributes": {"objectType": "Collection"},
    }
).encode()
