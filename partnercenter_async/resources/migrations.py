"""Operations on the moves of subscriptions to New Commerce."""

from typing import Unpack

from partnercenter_async._session.arguments import check_count
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.models.migrations import NewCommerceMigration, NewCommerceMigrationEvent
from partnercenter_async.paging import HEADER_TOKEN, Pager
from partnercenter_async.resources._base import Resource, optional_flag, optional_id, route

_LARGEST_PAGE = 300


class Migrations(Resource):
    """What became of the subscriptions that moved."""

    def events(
        self,
        customer_id: str,
        *,
        migration_id: str | None = None,
        current_subscription_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[NewCommerceMigrationEvent]:
        """Give the steps of a migration, or of all migrations of a subscription.

        ``GET /v1/customers/{customer_id}/migrations/newcommerce/events``
        ``?migration_id&current_subscription_id``

        At least one of ``migration_id`` and ``current_subscription_id`` is needed; raises ValueError without. The
        service sends all events in one answer.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-the-collection-of-migration-events-associated-to-a-new-commerce-migration-id-or-subscription-id
        """
        if migration_id is None and current_subscription_id is None:
            raise ValueError("pass migration_id or current_subscription_id; the service gives no events without either")
        return self._list(
            "customers/{customer_id}/migrations/newcommerce/events",
            NewCommerceMigrationEvent,
            options,
            ids={"customer_id": customer_id},
            filters={
                "migration_id": optional_id("migration_id", migration_id),
                "current_subscription_id": optional_id("current_subscription_id", current_subscription_id),
            },
            paging=HEADER_TOKEN,
        )

    def list(
        self,
        *,
        customer_tenant_id: str | None = None,
        current_subscription_id: str | None = None,
        external_reference_id: str | None = None,
        is_microsoft_led: bool | None = None,
        page_size: int | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[NewCommerceMigration]:
        """Give the migrations of a customer, of a subscription, or of a batch that was given a reference.

        ``GET /v1/migrations/newcommerce``
        ``?CustomerTenantId&CurrentSubscriptionId&ExternalReferenceId&IsMicrosoftLed&PageSize``

        At least one of ``customer_tenant_id``, ``current_subscription_id`` and ``external_reference_id`` is needed;
        raises ValueError without. ``page_size`` is 1 to 300; the service chooses without. ``is_microsoft_led`` keeps
        those that the service began itself, or with False those that it did not.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-the-list-of-new-commerce-migrations
        """
        if customer_tenant_id is None and current_subscription_id is None and external_reference_id is None:
            raise ValueError("pass customer_tenant_id, current_subscription_id or external_reference_id, or several")
        if page_size is not None:
            check_count("page_size", page_size, most=_LARGEST_PAGE)
        return self._list(
            "migrations/newcommerce",
            NewCommerceMigration,
            options,
            filters={
                "CustomerTenantId": optional_id("customer_tenant_id", customer_tenant_id),
                "CurrentSubscriptionId": optional_id("current_subscription_id", current_subscription_id),
                "ExternalReferenceId": optional_id("external_reference_id", external_reference_id),
                "IsMicrosoftLed": optional_flag("is_microsoft_led", is_microsoft_led),
                "PageSize": page_size,
            },
            paging=HEADER_TOKEN,
        )

    async def get(self, customer_id: str, migration_id: str, **options: Unpack[CallOptions]) -> NewCommerceMigration:
        """Return one migration.

        ``GET /v1/customers/{customer_id}/migrations/newcommerce/{migration_id}``

        Raises NotFoundError where the customer has no such migration.

        Source: https://learn.microsoft.com/rest/api/partner-center/manage-orders/get-a-new-commerce-migration-by-id
        """
        path = route(
            "customers/{customer_id}/migrations/newcommerce/{migration_id}",
            customer_id=customer_id,
            migration_id=migration_id,
        )
        return await self._get(path, NewCommerceMigration, options)
