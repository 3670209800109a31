"""The same work with azure.core: plain dictionaries, TypeSpec's models, and msrest's models."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Optional

import aiohttp
from azure.core import AsyncPipelineClient
from azure.core.async_paging import AsyncItemPaged, AsyncList
from azure.core.pipeline import PipelineResponse, policies
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.keyvault.secrets._generated._utils.model_base import Model as TypespecModel
from azure.keyvault.secrets._generated._utils.model_base import _deserialize, rest_field
from msrest.serialization import Deserializer
from msrest.serialization import Model as MsrestModel

from benchmarks.plain import full, full_of_dict

CONNECTIONS = 256
ORDERS = "/customers/{}/orders?include_price=true"
STATUSES = "/customers/c/orders/o/provisioningstatus"


def _client(port: int) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
    # The transport's own session, but for the size of the pool.
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=True,
    )
    # The policies of a generated client, in its order, without the one that authenticates: it refuses plain HTTP.
    made = [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(),
        policies.UserAgentPolicy(),
        policies.ProxyPolicy(),
        policies.ContentDecodePolicy(),
        policies.AsyncRedirectPolicy(),
        policies.AsyncRetryPolicy(),
        policies.CustomHookPolicy(),
        policies.NetworkTraceLoggingPolicy(),
        policies.DistributedTracingPolicy(),
        policies.SensitiveHeaderCleanupPolicy(),
        policies.HttpLoggingPolicy(),
    ]
    return AsyncPipelineClient(
        f"http://127.0.0.1:{port}/v1", policies=made, transport=AioHttpTransport(session=session)
    )


class AzureCore:
    """azure.core's pipeline and pager; answers as dictionaries."""

    def __init__(self, port: int) -> None:
        self._client = _client(port)

    async def full(self, customer: str) -> int:
        """Walk fully."""
        return await self._walk(customer, full_of_dict)

    async def _walk(self, customer: str, read: Callable[[dict[str, Any]], int]) -> int:
        async def get_next(link: dict[str, Any] | None) -> AsyncHttpResponse:
            if link is None:
                return await self._get(ORDERS.format(customer))
            return await self._get(link["uri"], {each["key"]: each["value"] for each in link["headers"]})

        async def extract_data(response: AsyncHttpResponse) -> tuple[Any, Any]:
            page = response.json()
            return page.get("links", {}).get("next"), AsyncList(page["items"])

        total = 0
        async for order in AsyncItemPaged(get_next, extract_data):
            total += read(order)
        return total

    async def small(self) -> int:
        """Fetch one."""
        statuses = (await self._get(STATUSES)).json()
        return sum(each["quantityProvisioningInformation"][0]["quantity"] for each in statuses["items"])

    async def close(self) -> None:
        """End."""
        await self._client.close()

    async def _get(self, path: str, headers: dict[str, str] | None = None) -> AsyncHttpResponse:
        request = HttpRequest("GET", self._client.format_url(path), headers=headers)
        response = await self._client.send_request(request)
        response.raise_for_status()
        return response


class _Generated:
    """What the two generated clients share: the pipeline, the pager, the reading."""

    def __init__(self, port: int) -> None:
        self._client = _client(port)

    async def full(self, customer: str) -> int:
        """Walk fully."""
        return await self._walk(customer, partial(full, own="self_property"))

    async def _walk(self, customer: str, read: Callable[[Any], int]) -> int:
        async def get_next(link: Any) -> PipelineResponse[Any, Any]:
            return await (self._get(ORDERS.format(customer)) if link is None else self._follow(link))

        total = 0
        async for order in AsyncItemPaged(get_next, self._extract_data):
            total += read(order)
        return total

    async def small(self) -> int:
        """Fetch one."""
        statuses = self._statuses(await self._get(STATUSES))
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items_property)

    async def close(self) -> None:
        """End."""
        await self._client.close()

    async def _get(self, path: str, headers: dict[str, str] | None = None) -> PipelineResponse[Any, Any]:
        request = HttpRequest("GET", self._client.format_url(path), headers=headers)
        response = await self._client._pipeline.run(request, stream=False)  # noqa: SLF001  # as generated code does
        response.http_response.raise_for_status()
        return response

    async def _follow(self, link: Any) -> PipelineResponse[Any, Any]:
        raise NotImplementedError

    async def _extract_data(self, response: PipelineResponse[Any, Any]) -> tuple[Any, Any]:
        raise NotImplementedError

    def _statuses(self, response: PipelineResponse[Any, Any]) -> Any:
        raise NotImplementedError


class _Link(TypespecModel):
    uri: str = rest_field(visibility=["read"])
    method: str = rest_field(visibility=["read"])
    headers: list["_Header"] = rest_field(visibility=["read"])
    body: str | None = rest_field(visibility=["read"])


class _Header(TypespecModel):
    key: str = rest_field(visibility=["read"])
    value: str = rest_field(visibility=["read"])


class _OrderLinks(TypespecModel):
    self_property: Optional["_Link"] = rest_field(name="self", visibility=["read"])
    provisioning_status: Optional["_Link"] = rest_field(name="provisioningStatus", visibility=["read"])
    patch_operation: Optional["_Link"] = rest_field(name="patchOperation", visibility=["read"])


class _LineLinks(TypespecModel):
    product: Optional["_Link"] = rest_field(visibility=["read"])
    sku: Optional["_Link"] = rest_field(visibility=["read"])
    availability: Optional["_Link"] = rest_field(visibility=["read"])
    provisioning_status: Optional["_Link"] = rest_field(name="provisioningStatus", visibility=["read"])
    subscription: Optional["_Link"] = rest_field(visibility=["read"])
    activation_links: Optional["_Link"] = rest_field(name="activationLinks", visibility=["read"])


class _Pricing(TypespecModel):
    list_price: float = rest_field(name="listPrice", visibility=["read"])
    discounted_price: float = rest_field(name="discountedPrice", visibility=["read"])
    prorated_price: float = rest_field(name="proratedPrice", visibility=["read"])
    price: float = rest_field(visibility=["read"])
    extended_price: float = rest_field(name="extendedPrice", visibility=["read"])


class _Commitment(TypespecModel):
    amount: float = rest_field(visibility=["read"])
    currency: str = rest_field(visibility=["read"])
    grain: str = rest_field(visibility=["read"])


class _RenewsTo(TypespecModel):
    term_duration: str = rest_field(name="termDuration", visibility=["read"])


class _Line(TypespecModel):
    line_item_number: int = rest_field(name="lineItemNumber", visibility=["read"])
    offer_id: str = rest_field(name="offerId", visibility=["read"])
    subscription_id: str = rest_field(name="subscriptionId", visibility=["read"])
    parent_subscription_id: str | None = rest_field(name="parentSubscriptionId", visibility=["read"])
    term_duration: str = rest_field(name="termDuration", visibility=["read"])
    transaction_type: str = rest_field(name="transactionType", visibility=["read"])
    friendly_name: str = rest_field(name="friendlyName", visibility=["read"])
    quantity: int = rest_field(visibility=["read"])
    custom_term_end_date: datetime = rest_field(name="customTermEndDate", visibility=["read"], format="rfc3339")
    partner_id_on_record: str = rest_field(name="partnerIdOnRecord", visibility=["read"])
    additional_partner_ids_on_record: list[str] = rest_field(name="additionalPartnerIdsOnRecord", visibility=["read"])
    promotion_id: str = rest_field(name="promotionId", visibility=["read"])
    provisioning_context: dict[str, str] = rest_field(name="provisioningContext", visibility=["read"])
    pricing: Optional["_Pricing"] = rest_field(visibility=["read"])
    renews_to: "_RenewsTo" = rest_field(name="renewsTo", visibility=["read"])
    attestation_accepted: bool = rest_field(name="attestationAccepted", visibility=["read"])
    purchase_commitment: Optional["_Commitment"] = rest_field(name="purchaseCommitment", visibility=["read"])
    links: "_LineLinks" = rest_field(visibility=["read"])
    attributes: "_Attributes" = rest_field(visibility=["read"])


class _Client(TypespecModel):
    marketplace_country: str = rest_field(name="marketplaceCountry", visibility=["read"])
    device_family: str = rest_field(name="deviceFamily", visibility=["read"])
    name: str = rest_field(visibility=["read"])


class _Attributes(TypespecModel):
    etag: str | None = rest_field(visibility=["read"])
    object_type: str = rest_field(name="objectType", visibility=["read"])


class _Order(TypespecModel):
    id: str = rest_field(visibility=["read"])
    alternate_id: str = rest_field(name="alternateId", visibility=["read"])
    reference_customer_id: str = rest_field(name="referenceCustomerId", visibility=["read"])
    billing_cycle: str = rest_field(name="billingCycle", visibility=["read"])
    currency_code: str = rest_field(name="currencyCode", visibility=["read"])
    currency_symbol: str = rest_field(name="currencySymbol", visibility=["read"])
    line_items: list["_Line"] = rest_field(name="lineItems", visibility=["read"])
    creation_date: datetime = rest_field(name="creationDate", visibility=["read"], format="rfc3339")
    status: str = rest_field(visibility=["read"])
    transaction_type: str = rest_field(name="transactionType", visibility=["read"])
    total_price: float | None = rest_field(name="totalPrice", visibility=["read"])
    links: "_OrderLinks" = rest_field(visibility=["read"])
    client: "_Client" = rest_field(visibility=["read"])
    attributes: "_Attributes" = rest_field(visibility=["read"])
    partner_on_record_attestation_accepted: bool = rest_field(
        name="partnerOnRecordAttestationAccepted", visibility=["read"]
    )


class _Quantity(TypespecModel):
    quantity: int = rest_field(visibility=["read"])
    status: str = rest_field(visibility=["read"])


class _Status(TypespecModel):
    order_line_item_id: int = rest_field(name="orderLineItemId", visibility=["read"])
    line_item_number: int = rest_field(name="lineItemNumber", visibility=["read"])
    status: str = rest_field(visibility=["read"])
    quantity_provisioning_information: list["_Quantity"] = rest_field(
        name="quantityProvisioningInformation", visibility=["read"]
    )


class _Statuses(TypespecModel):
    items_property: list["_Status"] = rest_field(name="items", visibility=["read"])


class AzureTypespec(_Generated):
    """azure.core's pipeline and pager; models as the TypeSpec generator emits them."""

    async def _follow(self, link: dict[str, Any]) -> PipelineResponse[Any, Any]:
        return await self._get(link["uri"], {each["key"]: each["value"] for each in link["headers"]})

    async def _extract_data(self, response: PipelineResponse[Any, Any]) -> tuple[Any, Any]:
        page = response.http_response.json()
        return page.get("links", {}).get("next"), AsyncList(_deserialize(list[_Order], page.get("items", [])))

    def _statuses(self, response: PipelineResponse[Any, Any]) -> _Statuses:
        return _deserialize(_Statuses, response.http_response.json())


def _model(name: str, /, **attributes: tuple[str, str]) -> type[MsrestModel]:
    described = {attribute: {"key": key, "type": kind} for attribute, (key, kind) in attributes.items()}
    return type(name, (MsrestModel,), {"_attribute_map": described})


MODELS = [
    _model("Header", key=("key", "str"), value=("value", "str")),
    _model(
        "Link",
        uri=("uri", "str"),
        method=("method", "str"),
        headers=("headers", "[Header]"),
        body=("body", "str"),
    ),
    _model("Links", next=("next", "Link")),
    _model(
        "OrderLinks",
        self_property=("self", "Link"),
        provisioning_status=("provisioningStatus", "Link"),
        patch_operation=("patchOperation", "Link"),
    ),
    _model(
        "LineLinks",
        product=("product", "Link"),
        sku=("sku", "Link"),
        availability=("availability", "Link"),
        provisioning_status=("provisioningStatus", "Link"),
        subscription=("subscription", "Link"),
        activation_links=("activationLinks", "Link"),
    ),
    _model("Commitment", amount=("amount", "float"), currency=("currency", "str"), grain=("grain", "str")),
    _model("RenewsTo", term_duration=("termDuration", "str")),
    _model(
        "Pricing",
        list_price=("listPrice", "float"),
        discounted_price=("discountedPrice", "float"),
        prorated_price=("proratedPrice", "float"),
        price=("price", "float"),
        extended_price=("extendedPrice", "float"),
    ),
    _model(
        "Line",
        line_item_number=("lineItemNumber", "int"),
        offer_id=("offerId", "str"),
        subscription_id=("subscriptionId", "str"),
        parent_subscription_id=("parentSubscriptionId", "str"),
        term_duration=("termDuration", "str"),
        transaction_type=("transactionType", "str"),
        friendly_name=("friendlyName", "str"),
        quantity=("quantity", "int"),
        custom_term_end_date=("customTermEndDate", "iso-8601"),
        partner_id_on_record=("partnerIdOnRecord", "str"),
        additional_partner_ids_on_record=("additionalPartnerIdsOnRecord", "[str]"),
        promotion_id=("promotionId", "str"),
        provisioning_context=("provisioningContext", "{str}"),
        pricing=("pricing", "Pricing"),
        renews_to=("renewsTo", "RenewsTo"),
        attestation_accepted=("attestationAccepted", "bool"),
        purchase_commitment=("purchaseCommitment", "Commitment"),
        links=("links", "LineLinks"),
        attributes=("attributes", "Attributes"),
    ),
    _model(
        "Client",
        marketplace_country=("marketplaceCountry", "str"),
        device_family=("deviceFamily", "str"),
        name=("name", "str"),
    ),
    _model("Attributes", etag=("etag", "str"), object_type=("objectType", "str")),
    _model(
        "Order",
        id=("id", "str"),
        alternate_id=("alternateId", "str"),
        reference_customer_id=("referenceCustomerId", "str"),
        billing_cycle=("billingCycle", "str"),
        currency_code=("currencyCode", "str"),
        currency_symbol=("currencySymbol", "str"),
        line_items=("lineItems", "[Line]"),
        creation_date=("creationDate", "iso-8601"),
        status=("status", "str"),
        transaction_type=("transactionType", "str"),
        total_price=("totalPrice", "float"),
        links=("links", "OrderLinks"),
        client=("client", "Client"),
        attributes=("attributes", "Attributes"),
        partner_on_record_attestation_accepted=("partnerOnRecordAttestationAccepted", "bool"),
    ),
    _model("Page", items_property=("items", "[Order]"), links=("links", "Links")),
    _model("Quantity", quantity=("quantity", "int"), status=("status", "str")),
    _model(
        "Status",
        order_line_item_id=("orderLineItemId", "int"),
        line_item_number=("lineItemNumber", "int"),
        status=("status", "str"),
        quantity_provisioning_information=("quantityProvisioningInformation", "[Quantity]"),
    ),
    _model("Statuses", items_property=("items", "[Status]")),
]


class AzureMsrest(_Generated):
    """azure.core's pipeline and pager; models that msrest deserializes, as AutoRest emitted them."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._deserialize = Deserializer({model.__name__: model for model in MODELS})

    async def _follow(self, link: Any) -> PipelineResponse[Any, Any]:
        return await self._get(link.uri, {each.key: each.value for each in link.headers})

    async def _extract_data(self, response: PipelineResponse[Any, Any]) -> tuple[Any, Any]:
        page = self._deserialize("Page", response)
        return page.links and page.links.next, AsyncList(page.items_property)

    def _statuses(self, response: PipelineResponse[Any, Any]) -> Any:
        return self._deserialize("Statuses", response)
