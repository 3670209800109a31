"""Answers of realistic size, made once: pages of orders with prices and links, and one small provisioning status."""

import json
from functools import cache

PAGE = 200
TOKEN = "d3b07384-d9a0,4c9b2f11-5a7e_%08d/Qm9v/+x==,0f6c"


def _link(uri: str) -> dict[str, object]:
    return {"uri": uri, "method": "GET", "headers": []}


def _order(number: int) -> dict[str, object]:
    order_id = f"{number:012x}"
    customer = f"5d2f3c1e-0000-4000-8000-{number % 977:012d}"
    order_path = f"/customers/{customer}/orders/{order_id}"
    lines: list[dict[str, object]] = []
    for line in range(3):
        product = f"/customers/{customer}/products/BX{number % 9973:06d}Q{line}"
        cents = 100 + (number * 37 + line * 11) % 99_900
        price = cents / 100
        lines.append(
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
        "lineItems": lines,
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
        header = {"key": "MS-ContinuationToken", "value": TOKEN % (number + 1)}
        link = {"uri": "/customers/c/orders?seekOperation=Next", "method": "GET", "headers": [header]}
        tail = b',"links":' + _encoded({"next": link}) + b"}"
    return [_items(number % DISTINCT), tail]


@cache
def _items(number: int) -> bytes:
    items = [_order(number * PAGE + each) for each in range(PAGE)]
    return _encoded({"totalCount": PAGE, "attributes": {"objectType": "Collection"}, "items": items})[:-1]


def _encoded(value: object) -> bytes:
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
