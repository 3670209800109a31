"""The other side of the export: sign-in, one page of customers, and pages of orders that were made beforehand.

``python -m benchmarks.export_server CUSTOMERS PAGES`` speaks HTTP/1.1 on loopback, prints its environment as a line of
JSON and ends with its standard input. Each customer has so many pages. A page costs two replacements: the ids of its
orders begin with its number, those of its customer are the customer's, and all else is that of one of a few pages.
"""

import asyncio
import json
import os
import re
import sys
from functools import cache

from benchmarks.payload import DISTINCT, PAGE, encoded, next_link, number_of, order

CUSTOMER = "5d2f3c1e-0000-4000-8000-{:012d}"
_ANY_PAGE = "@" * 8
_ANY_CUSTOMER = CUSTOMER.format(0)[:-12] + "#" * 12
_PATH = re.compile(rb"GET /v1/customers(?:/" + CUSTOMER.format(0)[:-12].encode() + rb"(\d{12})/orders)?[ ?]")
_SIGNED_IN = encoded({"token_type": "Bearer", "expires_in": 86_400, "access_token": "a.made-up.token"})


def order_number(order_id: str) -> int:
    """Return the place of an order among all orders of all customers."""
    return int(order_id[:8], 16) * PAGE + int(order_id[8:], 16)


class _Server(asyncio.Protocol):
    customers = 1
    pages = 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            body = self.answer(head)
            status = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.writelines([status, body])  # type: ignore[attr-defined]

    def answer(self, head: bytes) -> bytes:
        """Return the body for a request."""
        if head.startswith(b"POST "):
            return _SIGNED_IN
        asked = _PATH.match(head)
        assert asked, head[:100]
        if asked[1] is None:
            return _customers(self.customers)
        number = number_of(head)
        body = _template((int(asked[1]) * self.pages + number) % DISTINCT)
        if number + 1 < self.pages:
            body = body[:-1] + b',"links":' + next_link(number + 1, _ANY_CUSTOMER) + b"}"
        page = b"%08x" % (int(asked[1]) * self.pages + number)
        return body.replace(_ANY_PAGE.encode(), page).replace(b"#" * 12, asked[1])


@cache
def _customers(count: int) -> bytes:
    items = [{"id": CUSTOMER.format(each), "relationshipToPartner": "reseller"} for each in range(count)]
    return encoded({"totalCount": count, "items": items})


@cache
def _template(number: int) -> bytes:
    """Return a page of orders of one line or two."""
    items = [
        order(number * PAGE + each, f"{_ANY_PAGE}{each:04x}", _ANY_CUSTOMER, lines=1 + each % 2) for each in range(PAGE)
    ]
    return encoded({"totalCount": PAGE, "attributes": {"objectType": "Collection"}, "items": items})


async def _serve(customers: int, pages: int) -> None:
    _Server.customers, _Server.pages = customers, pages
    for number in range(DISTINCT):
        _template(number)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Server, "127.0.0.1", 0, backlog=1024)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    names = {
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "app",
        "AZURE_CLIENT_SECRET": "made up",
        "PARTNER_CENTER_REFRESH_TOKEN": "made up too",
        "AZURE_AUTHORITY_HOST": origin,
        "PARTNER_CENTER_ENDPOINT": origin,
    }
    print(json.dumps(names), flush=True)
    # Whoever measures holds the other end of this pipe: when it ends, so does the server.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
