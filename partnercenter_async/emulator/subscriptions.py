"""The subscriptions that the orders' lines tell of, and what the service says of each, which is the same for all."""

from collections.abc import Iterable, Iterator
from typing import cast

from partnercenter_async.emulator.data import Data, JsonObject
from partnercenter_async.emulator.faults import Operation

_DAYS = ("0131", "0228", "0331", "0430", "0531", "0630", "0731", "0831", "0930", "1031", "1130", "1231")
_YEARS_BY_TERM = {"P1M": 1, "P1Y": 1, "P3Y": 3}
_FIRST_YEAR = 2027


def subscriptions(data: Data, customer_id: str) -> Iterator[JsonObject]:
    """Yield a customer's subscriptions as served: one for each line of an order that names one."""
    for order in data.orders(customer_id, include_price=False):
        for line in cast("list[JsonObject] | None", order["lineItems"]) or ():
            if line.get("subscriptionId"):
                yield _subscription(customer_id, order, line)


def _subscription(customer_id: str, order: JsonObject, line: JsonObject) -> JsonObject:
    path = f"/customers/{customer_id}/subscriptions/{line['subscriptionId']}"
    parent = line.get("parentSubscriptionId")
    return {
        "id": line["subscriptionId"],
        "offerId": line.get("offerId"),
        "offerName": line.get("friendlyName"),
        "friendlyName": line.get("friendlyName"),
        "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
        "quantity": line.get("quantity"),
        "unitType": "Licenses",
        **({"parentSubscriptionId": parent} if parent else {}),
        "hasPurchasableAddons": False,
        "creationDate": order.get("creationDate"),
        "effectiveStartDate": order.get("creationDate"),
        "commitmentEndDate": "2027-12-31T00:00:00Z",
        "status": "active",
        "autoRenewEnabled": True,
        "isTrial": False,
        "billingType": "license",
        "billingCycle": order.get("billingCycle"),
        "termDuration": line.get("termDuration"),
        "renewalTermDuration": "",
        "refundOptions": [{"type": "Full", "expiresAt": "2027-01-08T00:00:00Z"}],
        "isMicrosoftProduct": True,
        "partnerId": line.get("partnerIdOnRecord") or "",
        "attentionNeeded": False,
        "actionTaken": False,
        "contractType": "subscription",
        "links": {"self": {"uri": path, "method": "GET", "headers": []}},
        "publisherName": "An invented publisher",
        "orderId": order["id"],
        "attributes": {"objectType": "Subscription"},
    }


def told(
    operation: Operation, all_of_customer: Iterable[JsonObject], wanted: str, part: str
) -> JsonObject | list[JsonObject]:
    """Return what is said of one of a customer's subscriptions, a list for a collection. Raises KeyError without it."""
    by_id = {str(each["id"]).lower(): each for each in all_of_customer}
    subscription = by_id[wanted.lower()]
    match operation.removeprefix("subscriptions."):
        case "get":
            return subscription
        case "list_addons":
            return [each for each in by_id.values() if str(each.get("parentSubscriptionId")).lower() == wanted.lower()]
        case "list_azure_entitlements":
            return [_entitlement(subscription)]
        case "get_azure_entitlement":
            return {str(each["id"]): each for each in [_entitlement(subscription)]}[part.lower()]
        case about:
            return _canned(subscription)[about]


def _canned(subscription: JsonObject) -> dict[str, JsonObject | list[JsonObject]]:
    quantity = subscription["quantity"]
    moved: JsonObject = {"toCatalogItemId": "CFQ7INVENTED:0002:CFQ7INVENTED", "quantity": quantity}
    return {
        "list_upgrades": [
            {
                "targetOffer": {"id": "0ffe4000-0000-4000-a000-000000000001", "name": "A larger plan", "rank": 1},
                "upgradeType": "upgrade_only",
                "isEligible": False,
                "quantity": quantity,
                "upgradeErrors": [{"code": 9, "description": "The subscription is not provisioned."}],
                "attributes": {"objectType": "Upgrade"},
            }
        ],
        "list_conversions": [
            {
                "offerId": subscription["offerId"],
                "targetOfferId": "0ffe4000-0000-4000-a000-000000000002",
                "orderId": subscription["orderId"],
                "quantity": quantity,
                "billingCycle": "monthly",
                "attributes": {"objectType": "Conversion"},
            }
        ],
        "list_transition_eligibilities": [
            {
                "catalogItemId": moved["toCatalogItemId"],
                "title": "A larger plan",
                "description": "All of the plan and more.",
                "quantity": quantity,
                "eligibilities": [{"isEligible": True, "transitionType": "transition_with_license_transfer"}],
            }
        ],
        "list_transitions": [
            {
                "operationId": "0be4a000-0000-4000-a000-000000000003",
                "fromCatalogItemId": subscription["offerId"],
                "fromSubscriptionId": subscription["id"],
                **moved,
                "termDuration": subscription["termDuration"],
                "billingCycle": subscription["billingCycle"],
                "transitionType": "transition_only",
                "events": [{"name": "Conversion", "status": "Completed", "timestamp": "2027-01-02T03:04:05.6789012Z"}],
            }
        ],
        "get_support_contact": {
            "supportTenantId": "5a990400-0000-4000-a000-000000000004",
            "supportMpnId": "4711001",
            "name": "An invented supporter",
            "attributes": {"objectType": "SupportContact"},
        },
        "get_provisioning_status": {
            "skuId": "5c000000-0000-4000-a000-000000000005",
            "status": "success",
            "quantity": quantity,
            "endDate": subscription["commitmentEndDate"],
            "attributes": {"objectType": "SubscriptionProvisioningStatus"},
        },
        "get_registration_status": {
            "subscriptionId": subscription["id"],
            "status": "NotRegistered",
            "attributes": {"objectType": "SubscriptionRegistrationStatus"},
        },
        "list_activation_links": [
            {"lineItemNumber": 0, "link": {"uri": "https://publisher.example.com/activate", "method": "GET"}}
        ],
    }


def _entitlement(plan: JsonObject) -> JsonObject:
    return {
        "id": "a2000000-0000-4000-a000-000000000006",
        "friendlyName": "An Azure subscription",
        "status": "active",
        "subscriptionId": plan["id"],
    }


def overages(customer_id: str) -> list[JsonObject]:
    """Return what a customer may use beyond its limits, as served."""
    return [
        {
            "azureEntitlementId": "a2000000-0000-4000-a000-000000000006",
            "partnerId": "4711001",
            "type": "PhoneServices",
            "overageEnabled": True,
            "links": {"self": {"uri": f"/customers/{customer_id}/subscriptions/overage", "method": "GET"}},
            "attributes": {"objectType": "Overage"},
        }
    ]


def custom_term_end_dates(term_duration: str) -> list[JsonObject]:
    """Return on which days a term of this length may end, as served. Raises KeyError for a length that no term has."""
    return [
        {
            "allowedCustomTermEndDateType": "calendarMonthAligned",
            "allowedCustomTermEndDate": f"{year}-{day[:2]}-{day[2:]}T00:00:00Z",
            "cotermSubscriptionIds": [],
        }
        for year in range(_FIRST_YEAR, _FIRST_YEAR + _YEARS_BY_TERM[term_duration])
        for day in _DAYS
    ]
