"""Operations on the orders of a customer."""

from typing import Unpack

from partnercenter_async._session.arguments import check_flag
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.models.orders import BillingCycleType, Order, OrderLineItemProvisioningStatus
from partnercenter_async.paging import Pager
from partnercenter_async.resources._base import Resource, optional_id, query, route


class Orders(Resource):
    """What customers bought."""

    def list(
        self,
        customer_id: str,
        *,
        indirect_reseller_id: str | None = None,
        billing_type: BillingCycleType | None = None,
        include_price: bool = False,
        include_system_purchases: bool = False,
        **options: Unpack[ListOptions],
    ) -> Pager[Order]:
        """Give the orders of a customer, page after page, in the service's order.

        ``GET /v1/customers/{customer_id}/orders``
        ``?indirect_reseller_id&billingType&include_price&include_system_purchases``

        ``indirect_reseller_id`` keeps the orders of that reseller, ``billing_type`` those billed that way. Prices
        (``line.pricing``, ``order.total_price``) come only with ``include_price``, purchases that the service itself
        made only with ``include_system_purchases``. A new order may take 15 minutes to appear here, while ``get`` shows
        it at once. The service takes 500 requests a minute for each tenant. Errors are those of
        :mod:`partnercenter_async.errors`, with ``continuation`` set where the walk broke off.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-orders-for-a-customer-and-an-indirect-reseller-partner
        """
        return self._list(
            "customers/{customer_id}/orders",
            Order,
            options,
            ids={"customer_id": customer_id},
            filters={
                "indirect_reseller_id": optional_id("indirect_reseller_id", indirect_reseller_id),
                "billingType": None if billing_type is None else BillingCycleType(billing_type).query_name,
                "include_price": check_flag("include_price", include_price) or None,
                "include_system_purchases": check_flag("include_system_purchases", include_system_purchases) or None,
            },
        )

    async def get(
        self, customer_id: str, order_id: str, *, include_price: bool = False, **options: Unpack[CallOptions]
    ) -> Order:
        """Return one order.

        ``GET /v1/customers/{customer_id}/orders/{order_id}`` ``?include_price``

        Prices come only with ``include_price``. Raises NotFoundError where the customer has no such order.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-an-order-by-id
        """
        path = route("customers/{customer_id}/orders/{order_id}", customer_id=customer_id, order_id=order_id)
        filters = query({"include_price": check_flag("include_price", include_price) or None})
        return await self._get(path + filters, Order, options)

    def provisioning_status(
        self, customer_id: str, order_id: str, **options: Unpack[ListOptions]
    ) -> Pager[OrderLineItemProvisioningStatus]:
        """Give what is provisioned of an order, line by line.

        ``GET /v1/customers/{customer_id}/orders/{order_id}/provisioningstatus``

        The service takes App+User tokens only here, of a user with the role admin agent; with an app-only token it
        raises PermissionDeniedError.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-a-provisioning-status-for-an-order
        """
        return self._list(
            "customers/{customer_id}/orders/{order_id}/provisioningstatus",
            OrderLineItemProvisioningStatus,
            options,
            ids={"customer_id": customer_id, "order_id": order_id},
            user_only=True,
        )
