"""Answers of realistic size, made once: pages of orders, with prices or without, packed or not, and one small answer.

Each order has every field that the service documents of it: of its lines one is an add-on and one a savings plan, and
each has a free-form object. No two dates are the same; they come in the forms that the service has for them.
"""

import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

PAGE = 200
LEVEL = 6  # of packing, zlib's own default
TOKEN = "d3b07384-d9a0,4c9b2f11-5a7e_%08d/Qm9v/+x==,0f6c"
_PREFIX = TOKEN.partition("%08d")[0].encode()
_DATES = 8  # of an order at most
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_UNTIL = 82_800  # seconds of a day: no date is so near to the next day that rounding would make it that day's
# A fraction of seven digits in UTC is what most dates have; the others have been seen as well.
_FORMS = (".{:07d}Z", "Z", ".{:07d}Z", "", ".{:07d}Z", ".{:07d}+00:00", ".{:07d}Z", "Z")


def next_link(number: int, customer: str = "c", *, prices: bool = False) -> bytes:
    """Return the links of a page behind which comes that one."""
    uri = f"/customers/{customer}/orders?seekOperation=Next{'&include_price=true' if prices else ''}"
    header = {"key": "MS-ContinuationToken", "value": TOKEN % number}
    return encoded({"next": {"uri": uri, "method": "GET", "headers": [header]}})


def number_of(head: bytes) -> int:
    """Return the number of the page that a request's head asks for."""
    at = head.find(_PREFIX)
    return int(head[at + len(_PREFIX) :][:8]) if at >= 0 else 0


def _guid(*seed: object) -> str:
    """Return an id that looks drawn, as those of the service do, and does not pack."""
    return str(UUID(bytes=hashlib.blake2b(repr(seed).encode(), digest_size=16).digest(), version=4))


def _link(uri: str) -> dict[str, object]:
    return {"uri": uri, "method": "GET", "headers": []}


def _date(number: int) -> str:
    """Return a date that no other number has."""
    day, second = divmod(number * 7919, _UNTIL)
    date = _FIRST + timedelta(days=day, seconds=second)
    form = _FORMS[(number // _DATES + number) % len(_FORMS)]
    return date.strftime("%Y-%m-%dT%H:%M:%S") + form.format((number * 104_729 + 1) % 10**7)


def order(number: int, order_id: str, customer: str, lines: int = 3, *, prices: bool = True) -> dict[str, object]:
    """Return an order of so many lines, whose ids are anything."""
    order_path = f"/customers/{customer}/orders/{order_id}"
    quantity = 1 + number % 40
    cents = [_cents(number, line) for line in range(lines)]
    whole = {"totalPrice": sum(quantity * discounted for _, discounted, _ in cents) / 100} if prices else {}
    return {
        "id": order_id,
        "alternateId": order_id,
        "referenceCustomerId": customer,
        "billingCycle": "monthly",
        "currencyCode": "EUR",
        "currencySymbol": "€",
        "lineItems": [
            _line(number, line, customer, order_path, quantity, each if prices else None)
            for line, each in enumerate(cents)
        ],
        "creationDate": _date(number * _DATES),
        "status": "completed",
        "transactionType": "UserPurchase",
        **whole,
        "links": {
            "self": _link(order_path),
            "provisioningStatus": _link(f"{order_path}/provisioningstatus"),
            "patchOperation": {
                "uri": order_path,
                "method": "PATCH",
                "headers": [{"key": "Content-Type", "value": "application/json"}],
                "body": "",
            },
        },
        "client": {"marketplaceCountry": "DE", "deviceFamily": "Harbour", "name": "Harbour orders"},
        "attributes": {"etag": _guid("etag", number), "objectType": "Order"},
        "partnerOnRecordAttestationAccepted": number % 2 == 0,
    }


def _cents(number: int, line: int) -> tuple[int, int, int]:
    """Return a list price, a discounted and a prorated one; their sum is no whole number, which floats might miss."""
    listed = 201 + (number * 74 + line * 22) % 99_900
    return listed, listed * 17 // 20, listed * 17 // 80 * 2


def _line(
    number: int, line: int, customer: str, order_path: str, quantity: int, cents: tuple[int, int, int] | None
) -> dict[str, object]:
    item = f"BX{_guid(number % 997, line)[:8].upper()}"
    product = f"/customers/{customer}/products/{item}"
    subscription = _guid("subscription", number, line)
    made: dict[str, object] = {
        "lineItemNumber": line,
        "offerId": f"{item}:0001:BX{line}AVAIL",
        "subscriptionId": subscription,
    }
    if line == 1:
        made["parentSubscriptionId"] = _guid("subscription", number, 0)
    made |= {
        "termDuration": "P1Y",
        "transactionType": "New",
        "friendlyName": f"Harbour plan with weather reports and berth planning, size {1 + number * 7 % 97}, monthly",
        "quantity": quantity,
        "customTermEndDate": _date(number * _DATES + line + 1),
        "partnerIdOnRecord": f"{4_100_000 + number * 7919 % 89_999}",
        "additionalPartnerIdsOnRecord": [f"{5_200_000 + number * 7919 % 77_777}"],
        "promotionId": f"{item}:0001:PROMO{line}",
        "provisioningContext": {
            "subscriptionId": subscription,
            "scope": "shared",
            "entitlementId": _guid("entitlement", number, line),
            "duration": "1Year",
        },
    }
    if cents is not None:
        listed, discounted, prorated = cents
        made["pricing"] = {
            "listPrice": listed / 100,
            "discountedPrice": discounted / 100,
            "proratedPrice": prorated / 100,
            "price": discounted / 100,
            "extendedPrice": quantity * discounted / 100,
        }
    made |= {"renewsTo": {"termDuration": "P1M"}, "attestationAccepted": True}
    if line == 2:
        made["purchaseCommitment"] = {"amount": (5 + number % 900) / 100, "currency": "eur", "grain": "hourly"}
    return made | {
        "links": {
            "product": _link(f"{product}?country=DE"),
            "sku": _link(f"{product}/skus/0001?country=DE"),
            "availability": _link(f"{product}/skus/0001/availabilities/BX{line}AVAIL?country=DE"),
            "provisioningStatus": _link(f"/customers/{customer}/subscriptions/{subscription}/provisioningstatus"),
            "subscription": _link(f"/customers/{customer}/subscriptions/{subscription}"),
            "activationLinks": _link(f"{order_path}/lineitems/{line}/activationlinks"),
        },
        "attributes": {"objectType": "OrderLineItem"},
    }


DISTINCT = 20  # pages; longer listings have their items again


def page(number: int, count: int, customer: str = "c", *, prices: bool = True) -> list[bytes]:
    """Return the body of a page of a listing of so many pages, in parts; the large one is made once."""
    return [_items(number % DISTINCT, prices=prices), _tail(number, count, customer, prices=prices)]


def packed_page(number: int, count: int, customer: str = "c", *, prices: bool = True) -> list[bytes]:
    """Return the same, packed by gzip as one body; all but the end of it is packed once."""
    begun, packer = _packed_items(number % DISTINCT, prices=prices)
    packer = packer.copy()
    return [begun, packer.compress(_tail(number, count, customer, prices=prices)) + packer.flush()]


def large_page(most: int) -> bytes:
    """Return one page of so many bytes, or hardly more."""
    orders, size = list[bytes](), 0
    while size < most:
        orders.append(encoded(order(len(orders), *_ids(len(orders)))))
        size += len(orders[-1]) + 1
    return b'{"totalCount":%d,"attributes":{"objectType":"Collection"},"items":[%s]}' % (len(orders), b",".join(orders))


def _tail(number: int, count: int, customer: str, *, prices: bool) -> bytes:
    return b',"links":' + next_link(number + 1, customer, prices=prices) + b"}" if number + 1 < count else b"}"


@cache
def _items(number: int, *, prices: bool) -> bytes:
    items = [order(each, *_ids(each), prices=prices) for each in range(number * PAGE, (number + 1) * PAGE)]
    return encoded({"totalCount": PAGE, "attributes": {"objectType": "Collection"}, "items": items})[:-1]


@cache
def _packed_items(number: int, *, prices: bool) -> "tuple[bytes, zlib._Compress]":
    packer = zlib.compressobj(LEVEL, wbits=zlib.MAX_WBITS + 16)
    return packer.compress(_items(number, prices=prices)), packer


def _ids(number: int) -> tuple[str, str]:
    return _guid("order", number)[-12:], _guid("customer", number // PAGE)  # a page is of one customer


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
