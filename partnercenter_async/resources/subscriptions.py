"""Operations on the subscriptions of a customer."""

from datetime import datetime
from typing import Literal, Unpack

from partnercenter_async._session.arguments import check_text
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.models.subscriptions import (
    AzureEntitlement,
    Conversion,
    CustomTermEndDate,
    OrderLineItemActivationLink,
    Overage,
    Subscription,
    SubscriptionProvisioningStatus,
    SubscriptionRegistrationStatus,
    SupportContact,
    Transition,
    TransitionEligibility,
    Upgrade,
)
from partnercenter_async.paging import HEADER_TOKEN, Pager
from partnercenter_async.resources._base import Resource, optional_id, optional_moment, route

_ONE = "customers/{customer_id}/subscriptions/{subscription_id}"


class Subscriptions(Resource):
    """What customers subscribed to."""

    def list(
        self,
        customer_id: str,
        *,
        order_id: str | None = None,
        mpn_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[Subscription]:
        """Give the subscriptions of a customer, in the service's order.

        ``GET /v1/customers/{customer_id}/subscriptions`` ``?order_id&mpn_id``

        ``order_id`` keeps those of that order, ``mpn_id`` those of the partner on record with that number. The service
        takes 500 requests a minute for each tenant.

        Source: https://learn.microsoft.com/partner-center/developer/get-all-of-a-customer-s-subscriptions
        """
        return self._list(
            "customers/{customer_id}/subscriptions",
            Subscription,
            options,
            ids={"customer_id": customer_id},
            filters={"order_id": optional_id("order_id", order_id), "mpn_id": optional_id("mpn_id", mpn_id)},
        )

    async def get(self, customer_id: str, subscription_id: str, **options: Unpack[CallOptions]) -> Subscription:
        """Return one subscription.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}``

        Raises NotFoundError where the customer has no such subscription. The service takes 500 requests a minute for
        each tenant.

        Source: https://learn.microsoft.com/partner-center/developer/get-a-subscription-by-id
        """
        path = route(_ONE, customer_id=customer_id, subscription_id=subscription_id)
        return await self._get(path, Subscription, options)

    def list_addons(
        self, customer_id: str, subscription_id: str, **options: Unpack[ListOptions]
    ) -> Pager[Subscription]:
        """Give the add-ons of a subscription, which are subscriptions themselves; none where it has none.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/addons``

        Source: https://learn.microsoft.com/partner-center/developer/get-a-list-of-add-ons-for-a-subscription
        """
        return self._list(
            f"{_ONE}/addons",
            Subscription,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
        )

    def list_upgrades(self, customer_id: str, subscription_id: str, **options: Unpack[ListOptions]) -> Pager[Upgrade]:
        """Give the offers that a subscription from before the New Commerce could be upgraded to.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/upgrades``

        What stands against an upgrade is in ``upgrade_errors``. For those of the New Commerce there is
        ``list_transition_eligibilities``.

        Source: https://learn.microsoft.com/partner-center/developer/transition-a-subscription
        """
        return self._list(
            f"{_ONE}/upgrades",
            Upgrade,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
        )

    def list_conversions(
        self, customer_id: str, subscription_id: str, **options: Unpack[ListOptions]
    ) -> Pager[Conversion]:
        """Give the paid offers that a trial from before the New Commerce could become.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/conversions``

        The service takes App+User tokens only here; with an app-only token it raises PermissionDeniedError.

        Source: https://learn.microsoft.com/partner-center/developer/get-a-list-of-trial-conversion-offers
        """
        return self._list(
            f"{_ONE}/conversions",
            Conversion,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
            user_only=True,
        )

    def list_transition_eligibilities(
        self,
        customer_id: str,
        subscription_id: str,
        *,
        eligibility_type: Literal["immediate", "scheduled"] | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[TransitionEligibility]:
        """Give the products that a subscription could become, and what stands against each.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/transitioneligibilities`` ``?eligibilityType``

        ``eligibility_type`` asks for a change at once or at the end of the term.

        Source: https://learn.microsoft.com/partner-center/developer/transition-a-new-commerce-subscription
        """
        return self._list(
            f"{_ONE}/transitioneligibilities",
            TransitionEligibility,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
            filters={"eligibilityType": optional_id("eligibility_type", eligibility_type)},
        )

    def list_transitions(
        self,
        customer_id: str,
        subscription_id: str,
        *,
        operation_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[Transition]:
        """Give what a subscription became, each time with its events.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/transitions`` ``?operationId``

        ``operation_id`` keeps the transition that began with that id.

        Source: https://learn.microsoft.com/partner-center/developer/get-transitions
        """
        return self._list(
            f"{_ONE}/transitions",
            Transition,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
            filters={"operationId": optional_id("operation_id", operation_id)},
        )

    async def get_support_contact(
        self, customer_id: str, subscription_id: str, **options: Unpack[CallOptions]
    ) -> SupportContact:
        """Return who supports the users of a subscription.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/supportcontact``

        The service takes App+User tokens only here; with an app-only token it raises PermissionDeniedError.

        Source: https://learn.microsoft.com/partner-center/developer/get-a-subscription-s-support-contact
        """
        path = route(f"{_ONE}/supportcontact", customer_id=customer_id, subscription_id=subscription_id)
        return await self._get(path, SupportContact, options, with_id=False, user_only=True)

    async def get_provisioning_status(
        self, customer_id: str, subscription_id: str, **options: Unpack[CallOptions]
    ) -> SubscriptionProvisioningStatus:
        """Return how many licenses of a subscription are provisioned, and until when.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/provisioningstatus``

        The service takes App+User tokens only here; with an app-only token it raises PermissionDeniedError.

        Source: https://learn.microsoft.com/partner-center/developer/get-subscription-provisioning-status
        """
        path = route(f"{_ONE}/provisioningstatus", customer_id=customer_id, subscription_id=subscription_id)
        return await self._get(path, SubscriptionProvisioningStatus, options, with_id=False, user_only=True)

    async def get_registration_status(
        self, customer_id: str, subscription_id: str, **options: Unpack[CallOptions]
    ) -> SubscriptionRegistrationStatus:
        """Return whether an Azure subscription is registered for reservations.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/registrationstatus``

        Source: https://learn.microsoft.com/partner-center/developer/get-subscription-registration-status
        """
        path = route(f"{_ONE}/registrationstatus", customer_id=customer_id, subscription_id=subscription_id)
        return await self._get(path, SubscriptionRegistrationStatus, options, with_id=False)

    def list_activation_links(
        self, customer_id: str, subscription_id: str, **options: Unpack[ListOptions]
    ) -> Pager[OrderLineItemActivationLink]:
        """Give the addresses at which a subscription is activated at its publisher's.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/activationlinks``

        Source: https://learn.microsoft.com/partner-center/developer/create-subscription-azure-marketplace-products
        """
        return self._list(
            f"{_ONE}/activationlinks",
            OrderLineItemActivationLink,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
        )

    def get_overage(self, customer_id: str, **options: Unpack[ListOptions]) -> Pager[Overage]:
        """Give which products of a customer may be used beyond their capacity, and what Azure subscription pays.

        ``GET /v1/customers/{customer_id}/subscriptions/overage``

        Source: https://learn.microsoft.com/partner-center/developer/get-subscription-overage
        """
        return self._list(
            "customers/{customer_id}/subscriptions/overage",
            Overage,
            options,
            ids={"customer_id": customer_id},
        )

    def list_azure_entitlements(
        self, customer_id: str, subscription_id: str, **options: Unpack[ListOptions]
    ) -> Pager[AzureEntitlement]:
        """Give the Azure subscriptions under an Azure plan.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/azureEntitlements``

        Source: https://learn.microsoft.com/partner-center/developer/get-a-list-of-azure-entitlements-for-subscription
        """
        return self._list(
            f"{_ONE}/azureEntitlements",
            AzureEntitlement,
            options,
            ids={"customer_id": customer_id, "subscription_id": subscription_id},
        )

    async def get_azure_entitlement(
        self, customer_id: str, subscription_id: str, entitlement_id: str, **options: Unpack[CallOptions]
    ) -> AzureEntitlement:
        """Return one Azure subscription under an Azure plan.

        ``GET /v1/customers/{customer_id}/subscriptions/{subscription_id}/azureEntitlements/{entitlement_id}``

        Raises NotFoundError where the plan has no such subscription.

        Source: https://learn.microsoft.com/partner-center/developer/get-an-azure-entitlement-for-a-subscription
        """
        path = route(
            f"{_ONE}/azureEntitlements/{{entitlement_id}}",
            customer_id=customer_id,
            subscription_id=subscription_id,
            entitlement_id=entitlement_id,
        )
        return await self._get(path, AzureEntitlement, options)

    def list_custom_term_end_dates(
        self,
        customer_id: str,
        *,
        term_duration: str,
        term_start_date: datetime | None = None,
        target_coterm_subscription_id: str | None = None,
        **options: Unpack[ListOptions],
    ) -> Pager[CustomTermEndDate]:
        """Give the days on which the term of a subscription that is yet to be bought may end.

        ``GET /v1/customers/{customer_id}/subscriptions/customTermEndDates``
        ``?term_duration&term_start_date&target_coterm_subscription_id``

        ``term_duration`` is ``P1M``, ``P1Y`` or ``P3Y``, ``term_start_date`` the day of the purchase, which is not in
        the past; ``target_coterm_subscription_id`` asks for the end of that subscription alone. Pages hold up to 300.

        Source: https://learn.microsoft.com/partner-center/developer/custom-term-end-dates
        """
        return self._list(
            "customers/{customer_id}/subscriptions/customTermEndDates",
            CustomTermEndDate,
            options,
            ids={"customer_id": customer_id},
            filters={
                "term_duration": check_text("term_duration", term_duration),
                "term_start_date": optional_moment("term_start_date", term_start_date),
                "target_coterm_subscription_id": optional_id(
                    "target_coterm_subscription_id", target_coterm_subscription_id
                ),
            },
            paging=HEADER_TOKEN,
        )
