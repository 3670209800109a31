"""The same work with a client as Stainless generates it, on the base client of openai-python."""

from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

import httpx2
from openai import DefaultAsyncHttpxClient
from openai._base_client import (
    AsyncAPIClient,
    AsyncPaginator,
    BaseAsyncPage,
    BasePage,
    PageInfo,
    make_request_options,
)
from openai._exceptions import APIStatusError
from openai._models import BaseModel, FinalRequestOptions
from openai._resource import AsyncAPIResource
from pydantic import Field

from benchmarks.plain import full

CONNECTIONS = 256

_T = TypeVar("_T")


class _Header(BaseModel):
    key: str
    value: str


class _Link(BaseModel):
    uri: str
    method: str
    headers: list[_Header]
    body: str | None = None


class _Links(BaseModel):
    next: _Link | None = None


class _OrderLinks(BaseModel):
    self_: _Link | None = Field(alias="self", default=None)
    provisioning_status: _Link | None = Field(alias="provisioningStatus", default=None)
    patch_operation: _Link | None = Field(alias="patchOperation", default=None)


class _LineLinks(BaseModel):
    product: _Link | None = None
    sku: _Link | None = None
    availability: _Link | None = None
    provisioning_status: _Link | None = Field(alias="provisioningStatus", default=None)
    subscription: _Link | None = None
    activation_links: _Link | None = Field(alias="activationLinks", default=None)


class _Pricing(BaseModel):
    list_price: float = Field(alias="listPrice")
    discounted_price: float = Field(alias="discountedPrice")
    prorated_price: float = Field(alias="proratedPrice")
    price: float
    extended_price: float = Field(alias="extendedPrice")


class _Commitment(BaseModel):
    amount: float
    currency: str
    grain: str


class _RenewsTo(BaseModel):
    term_duration: str = Field(alias="termDuration")


class _Attributes(BaseModel):
    etag: str | None = None
    object_type: str = Field(alias="objectType")


class _Line(BaseModel):
    line_item_number: int = Field(alias="lineItemNumber")
    offer_id: str = Field(alias="offerId")
    subscription_id: str = Field(alias="subscriptionId")
    parent_subscription_id: str | None = Field(alias="parentSubscriptionId", default=None)
    term_duration: str = Field(alias="termDuration")
    transaction_type: str = Field(alias="transactionType")
    friendly_name: str = Field(alias="friendlyName")
    quantity: int
    custom_term_end_date: datetime = Field(alias="customTermEndDate")
    partner_id_on_record: str = Field(alias="partnerIdOnRecord")
    additional_partner_ids_on_record: list[str] = Field(alias="additionalPartnerIdsOnRecord")
    promotion_id: str = Field(alias="promotionId")
    provisioning_context: dict[str, str] = Field(alias="provisioningContext")
    pricing: _Pricing | None = None
    renews_to: _RenewsTo = Field(alias="renewsTo")
    attestation_accepted: bool = Field(alias="attestationAccepted")
    purchase_commitment: _Commitment | None = Field(alias="purchaseCommitment", default=None)
    links: _LineLinks
    attributes: _Attributes


class _Device(BaseModel):
    marketplace_country: str = Field(alias="marketplaceCountry")
    device_family: str = Field(alias="deviceFamily")
    name: str


class _Order(BaseModel):
    id: str
    alternate_id: str = Field(alias="alternateId")
    reference_customer_id: str = Field(alias="referenceCustomerId")
    billing_cycle: str = Field(alias="billingCycle")
    currency_code: str = Field(alias="currencyCode")
    currency_symbol: str = Field(alias="currencySymbol")
    line_items: list[_Line] = Field(alias="lineItems")
    creation_date: datetime = Field(alias="creationDate")
    status: str
    transaction_type: str = Field(alias="transactionType")
    total_price: float | None = Field(alias="totalPrice", default=None)
    links: _OrderLinks
    client: _Device
    attributes: _Attributes
    partner_on_record_attestation_accepted: bool = Field(alias="partnerOnRecordAttestationAccepted")


class _Quantity(BaseModel):
    quantity: int
    status: str


class _Status(BaseModel):
    order_line_item_id: int = Field(alias="orderLineItemId")
    line_item_number: int = Field(alias="lineItemNumber")
    status: str
    quantity_provisioning_information: list[_Quantity] = Field(alias="quantityProvisioningInformation")


class _Statuses(BaseModel):
    items: list[_Status]


class _Page(BaseAsyncPage[_T], BasePage[_T], Generic[_T]):
    items: list[_T]
    links: _Links | None = None

    def _get_page_items(self) -> list[_T]:
        return self.items

    def next_page_info(self) -> PageInfo | None:
        if self.links is None or self.links.next is None:
            return None
        return PageInfo(url=httpx2.URL(self.links.next.uri))

    def _info_to_options(self, info: PageInfo) -> FinalRequestOptions:
        # A page of this base client names a URL or parameters; this service continues by a header.
        options = super()._info_to_options(info)
        if self.links is not None and self.links.next is not None:
            options.headers = {each.key: each.value for each in self.links.next.headers}
        return options


class _Orders(AsyncAPIResource):
    def list(self, customer: str, *, include_price: bool) -> AsyncPaginator[_Order, _Page[_Order]]:
        return self._get_api_list(
            f"/customers/{customer}/orders",
            page=_Page[_Order],
            options=make_request_options(query={"include_price": include_price}),
            model=_Order,
        )

    async def provisioning_status(self, customer: str, order: str) -> _Statuses:
        return await self._get(f"/customers/{customer}/orders/{order}/provisioningstatus", cast_to=_Statuses)


class _Client(AsyncAPIClient):
    def __init__(self, base_url: str) -> None:
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        super().__init__(
            version="1.0.0",
            base_url=base_url,
            http_client=DefaultAsyncHttpxClient(limits=limits),
            _strict_response_validation=False,
        )

    @cached_property
    def orders(self) -> _Orders:
        return _Orders(self)  # type: ignore[arg-type]  # the resource is typed for openai's own client

    def _make_status_error(self, err_msg: str, *, body: object, response: httpx2.Response) -> APIStatusError:
        return APIStatusError(err_msg, response=response, body=body)


class Stainless:
    """A Stainless-generated client: httpx, pydantic models constructed without validation, its pager."""

    def __init__(self, port: int) -> None:
        self._client = _Client(f"http://127.0.0.1:{port}/v1")

    async def full(self, customer: str) -> int:
        """Walk fully."""
        total = 0
        async for order in self._client.orders.list(customer, include_price=True):
            total += full(order, own="self_")
        return total

    async def small(self) -> int:
        """Fetch one."""
        statuses = await self._client.orders.provisioning_status("c", "o")
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    async def close(self) -> None:
        """End."""
        await self._client.close()
