"""What most tutorials show today: httpx and pydantic models."""

from collections.abc import Callable
from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from benchmarks.plain import full


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Header(Model):
    key: str
    value: str


class Link(Model):
    uri: str
    method: str
    headers: list[Header]
    body: str | None = None


class Links(Model):
    next: Link | None = None


class OrderLinks(Model):
    self: Link | None = None
    provisioning_status: Link | None = None
    patch_operation: Link | None = None


class LineLinks(Model):
    product: Link | None = None
    sku: Link | None = None
    availability: Link | None = None
    provisioning_status: Link | None = None
    subscription: Link | None = None
    activation_links: Link | None = None


class Pricing(Model):
    list_price: float
    discounted_price: float
    prorated_price: float
    price: float
    extended_price: float


class Commitment(Model):
    amount: float
    currency: str
    grain: str


class RenewsTo(Model):
    term_duration: str


class Attributes(Model):
    etag: str | None = None
    object_type: str


class Line(Model):
    line_item_number: int
    offer_id: str
    subscription_id: str
    parent_subscription_id: str | None = None
    term_duration: str
    transaction_type: str
    friendly_name: str
    quantity: int
    custom_term_end_date: datetime
    partner_id_on_record: str
    additional_partner_ids_on_record: list[str]
    promotion_id: str
    provisioning_context: dict[str, str]
    pricing: Pricing | None = None
    renews_to: RenewsTo
    attestation_accepted: bool
    purchase_commitment: Commitment | None = None
    links: LineLinks
    attributes: Attributes


class Client(Model):
    marketplace_country: str
    device_family: str
    name: str


class Order(Model):
    id: str
    alternate_id: str
    reference_customer_id: str
    billing_cycle: str
    currency_code: str
    currency_symbol: str
    line_items: list[Line]
    creation_date: datetime
    status: str
    transaction_type: str
    total_price: float | None = None
    links: OrderLinks
    client: Client
    attributes: Attributes
    partner_on_record_attestation_accepted: bool


class Page(Model):
    items: list[Order]
    links: Links | None = None


class Quantity(Model):
    quantity: int
    status: str


class Status(Model):
    order_line_item_id: int
    line_item_number: int
    status: str
    quantity_provisioning_information: list[Quantity]


class Statuses(Model):
    items: list[Status]


class HttpxPydantic:
    """httpx and pydantic."""

    def __init__(self, port: int) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", timeout=60)

    async def full(self, customer: str) -> int:
        return await self._walk(customer, full)

    async def _walk(self, customer: str, read: Callable[[object], int]) -> int:
        total = 0
        path, headers = f"/customers/{customer}/orders?include_price=true", dict[str, str]()
        while True:
            answer = await self._client.get(path, headers=headers)
            answer.raise_for_status()
            page = Page.model_validate_json(answer.content)
            for order in page.items:
                total += read(order)
            if page.links is None or page.links.next is None:
                return total
            path = page.links.next.uri
            headers = {each.key: each.value for each in page.links.next.headers}

    async def small(self) -> int:
        answer = await self._client.get("/customers/c/orders/o/provisioningstatus")
        answer.raise_for_status()
        statuses = Statuses.model_validate_json(answer.content)
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    async def close(self) -> None:
        await self._client.aclose()
