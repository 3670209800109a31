"""Operations on a partner's customers."""

from typing import Literal, Unpack

import msgspec

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.models.customers import Customer
from partnercenter_async.paging import Pager
from partnercenter_async.resources._base import Resource, route


class CustomerFilter(msgspec.Struct, frozen=True, rename="pascal"):
    """Which customers a listing keeps: those whose ``field`` stands in the relation ``operator`` to ``value``."""

    field: Literal["CompanyName", "Domain", "IndirectReseller", "IndirectCloudSolutionProvider"]
    value: str
    operator: Literal[
        "equals",
        "not_equals",
        "greater_than",
        "greater_than_or_equals",
        "less_than",
        "less_than_or_equals",
        "substring",
        "starts_with",
        "not_starts_with",
        "and",
        "or",
    ] = "starts_with"


class Customers(Resource):
    """Whom the partner sells to."""

    def list(
        self, *, filter: CustomerFilter | None = None, size: int | None = None, **options: Unpack[ListOptions]
    ) -> Pager[Customer]:
        """Give the partner's customers, page after page; each with its company profile and relationship only.

        ``GET /v1/customers`` ``?size&filter``

        ``filter`` keeps some of them; ``size`` asks for pages of so many (the service's own size is 500).

        Source: https://learn.microsoft.com/partner-center/developer/get-a-list-of-customers
        """
        if size is not None:
            check_count("size", size)
        encoded = None if filter is None else msgspec.json.encode(filter).decode()
        return self._list("customers", Customer, options, filters={"size": size, "filter": encoded})

    async def get(self, customer_id: str, **options: Unpack[CallOptions]) -> Customer:
        """Return one customer with its profiles.

        ``GET /v1/customers/{customer_id}``

        Raises PermissionDeniedError, with code 20002, where the partner has no such customer.

        Source: https://learn.microsoft.com/partner-center/developer/get-a-customer-by-id
        """
        return await self._get(route("customers/{customer_id}", customer_id=customer_id), Customer, options)
