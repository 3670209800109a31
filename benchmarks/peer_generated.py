"""The benchmark's work done with ``partnercenterservices``, the client that AutoRest generated from the service's API.

It needs ``pkg_resources`` to be imported and does not say so: install ``setuptools<82`` beside it. Its models are older
than prices and than some links; these are read from ``additional_properties``, where its runtime puts what a model does
not name. Its operation for orders can neither ask for prices nor follow a link, and it has none for an order's
provisioning status: a subclass makes these requests the way the generated operations do.
"""

import asyncio
import uuid
import warnings
from datetime import datetime
from typing import Any

from msrest.authentication import BasicTokenAuthentication
from msrestazure.azure_exceptions import CloudError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources, which is deprecated
    from microsoft.store.partnercenterservices import MicrosoftPartnerStoreApis, models

ORDERS = models.MicrosoftPartnerSdkContractsV1CollectionsResourceCollectionMicrosoftPartnerSdkContractsV1Order.__name__


class _Apis(MicrosoftPartnerStoreApis):
    def fetch(self, model: str, path: str, headers: dict[str, str] | None = None) -> Any:
        sent = {
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-client-request-id": str(uuid.uuid1()),
            "accept-language": self.config.accept_language,
        }
        response = self._client.send(self._client.get(f"/v1{path}"), sent | (headers or {}), stream=False)
        if not response.ok:
            raise CloudError(response)
        return self._deserialize(model, response)

    def close(self) -> None:
        self._client.close()


class PartnerCenterServices:
    """partnercenterservices on msrest and requests, synchronous, called in threads; sessions kept alive."""

    def __init__(self, port: int) -> None:
        self._apis = _Apis(BasicTokenAuthentication({"access_token": "x"}), base_url=f"http://127.0.0.1:{port}")
        self._apis.config.keep_alive = True

    async def full(self, customer: str) -> int:
        """Walk fully."""
        return await asyncio.to_thread(self._walk, customer)

    def _walk(self, customer: str) -> int:
        page = self._apis.fetch(ORDERS, f"/customers/{customer}/orders?include_price=true")
        total = sum(map(_full, page.items))
        while page.links and page.links.next:
            link = page.links.next
            page = self._apis.fetch(ORDERS, link.uri, {each.key: each.value for each in link.headers})
            total += sum(map(_full, page.items))
        return total

    async def small(self) -> int:
        """Fetch one."""
        return await asyncio.to_thread(self._small)

    def _small(self) -> int:
        statuses = self._apis.fetch("object", "/customers/c/orders/o/provisioningstatus")
        return sum(each["quantityProvisioningInformation"][0]["quantity"] for each in statuses["items"])

    async def close(self) -> None:
        """End."""
        self._apis.close()


def _full(order: Any) -> int:
    links = order.links
    total = len(order.id) + len(order.status) + order.creation_date.day
    total += len(links.itself.uri) + len(links.provisioning_status.uri)
    total += len(links.additional_properties["patchOperation"]["uri"]) + int(order.additional_properties["totalPrice"])
    for line in order.line_items:
        price, links, more = line.additional_properties["pricing"], line.links, line.links.additional_properties
        total += line.line_item_number + line.quantity + len(line.provisioning_context["scope"])
        total += datetime.fromisoformat(line.additional_properties["customTermEndDate"]).day
        total += int(price["listPrice"] + price["discountedPrice"] + price["proratedPrice"] + price["price"])
        total += int(price["extendedPrice"])
        total += len(more["product"]["uri"]) + len(links.sku.uri) + len(more["availability"]["uri"])
        total += len(links.provisioning_status.uri) + len(links.subscription.uri) + len(more["activationLinks"]["uri"])
    return total
