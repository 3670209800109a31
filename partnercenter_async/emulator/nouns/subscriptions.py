"""Subscriptions: one for each line of an order that names one, and what the service says of each."""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

from partnercenter_async.emulator.api import Api, BadRequestError, Call, RefusedError, Reply, Route, getting, listing
from partnercenter_async.emulator.generation import JsonObject, link, path_to
from partnercenter_async.emulator.nouns import customers, orders
from partnercenter_async.emulator.store import Kind, Store

_MONTH_ENDS = ("0131", "0228", "0331", "0430", "0531", "0630", "0731", "0831", "0930", "1031", "1130", "1231")
_YEARS_BY_TERM = {"P1M": 1, "P1Y": 1, "P3Y": 3}
_FIRST_YEAR = 2027
_LARGEST_DATES_PAGE = 300
_STATUSES = {"cancelled": "deleted", "suspended": "suspended", "pending": "pending"}  # by that of the order


class Subscriptions:
    """What the lines of a customer's orders are of."""

    def __init__(self, store: Store, parents: Sequence[str]) -> None:
        self._customer_id = parents[0]
        self._orders = store.of(orders.KIND, self._customer_id)
        self._generated = orders.Orders(store, parents)

    @functools.cached_property
    def _all(self) -> list[JsonObject]:
        return [each for _, order in self._orders.records() for each in _of_order(self._customer_id, order)]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)

    def at(self, position: int) -> JsonObject:
        """Return a subscription."""
        return self._all[position]

    def get(self, record_id: str) -> JsonObject:
        """Return a subscription, without a look at each order. Raises KeyError."""
        for order in itertools.chain(self._generated_with(record_id), self._orders.written()):
            for found in _of_order(self._customer_id, order):
                if str(found["id"]).lower() == record_id.lower():
                    return found
        raise KeyError(record_id)

    def _generated_with(self, record_id: str) -> Iterator[JsonObject]:
        """Yield the order that was generated with a subscription, as it is now."""
        with contextlib.suppress(KeyError):
            yield self._orders.get(self._generated.order_of(record_id))


def _of_order(customer_id: str, order: JsonObject) -> list[JsonObject]:
    return [_subscription(customer_id, order, line) for line in orders.lines_of(order) if line.get("subscriptionId")]


def _subscription(customer_id: str, order: JsonObject, line: JsonObject) -> JsonObject:
    path = path_to("customers", customer_id, "subscriptions", str(line["subscriptionId"]))
    parent = line.get("parentSubscriptionId")
    status = _STATUSES.get(str(order.get("status")), "active")
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
        "status": status,
        "autoRenewEnabled": status == "active",
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
        "links": {"self": link(path)},
        "publisherName": "Microsoft Corporation",
        "orderId": order["id"],
        "attributes": {"objectType": "Subscription"},
    }


KIND = Kind(
    path="/v1/customers/{customer_id}/subscriptions",
    key="subscription_id",
    parent=customers.KIND,
    generate=Subscriptions,
    filters={"order_id": "orderId", "mpn_id": "partnerId"},
)


def _addons(api: Api, call: Call) -> Reply:
    plan = str(api.record(KIND, call)["id"]).lower()
    every = (each for _, each in api.of(KIND, call).records())
    return Reply(200, api.collection([each for each in every if str(each.get("parentSubscriptionId")).lower() == plan]))


def _azure_entitlement(api: Api, call: Call) -> Reply:
    entitlement = _entitlement(api.record(KIND, call))
    if call.ids["entitlement_id"].lower() != entitlement["id"]:
        raise RefusedError(*KIND.refusal)
    return Reply(200, entitlement)


def _entitlement(plan: JsonObject) -> JsonObject:
    return {
        "id": "a2000000-0000-4000-a000-000000000006",
        "friendlyName": "An Azure subscription",
        "status": "active",
        "subscriptionId": plan["id"],
    }


def _told(what: Callable[[JsonObject], JsonObject | list[JsonObject]]) -> Callable[[Api, Call], Reply]:
    """Return what answers with something about a subscription, a collection for several."""

    def answer(api: Api, call: Call) -> Reply:
        found = what(api.record(KIND, call))
        return Reply(200, api.collection(found) if isinstance(found, list) else found)

    return answer


_LARGER = "CFQ7EMLARGER:0002:CFQ7EMLARGER"


def _upgrades(plan: JsonObject) -> list[JsonObject]:
    return [
        {
            "targetOffer": {"id": "0ffe4000-0000-4000-a000-000000000001", "name": "A larger plan", "rank": 1},
            "upgradeType": "upgrade_only",
            "isEligible": False,
            "quantity": plan["quantity"],
            "upgradeErrors": [{"code": 9, "description": "The subscription is not provisioned."}],
            "attributes": {"objectType": "Upgrade"},
        }
    ]


def _conversions(plan: JsonObject) -> list[JsonObject]:
    return [
        {
            "offerId": plan["offerId"],
            "targetOfferId": "0ffe4000-0000-4000-a000-000000000002",
            "orderId": plan["orderId"],
            "quantity": plan["quantity"],
            "billingCycle": "monthly",
            "attributes": {"objectType": "Conversion"},
        }
    ]


def _transition_eligibilities(plan: JsonObject) -> list[JsonObject]:
    return [
        {
            "catalogItemId": _LARGER,
            "title": "A larger plan",
            "description": "All of the plan and more.",
            "quantity": plan["quantity"],
            "eligibilities": [{"isEligible": True, "transitionType": "transition_with_license_transfer"}],
        }
    ]


def _transitions(plan: JsonObject) -> list[JsonObject]:
    return [
        {
            "operationId": "0be4a000-0000-4000-a000-000000000003",
            "fromCatalogItemId": plan["offerId"],
            "fromSubscriptionId": plan["id"],
            "toCatalogItemId": _LARGER,
            "quantity": plan["quantity"],
            "termDuration": plan["termDuration"],
            "billingCycle": plan["billingCycle"],
            "transitionType": "transition_only",
            "events": [{"name": "Conversion", "status": "Completed", "timestamp": "2027-01-02T03:04:05.6789012Z"}],
        }
    ]


def _support_contact(_plan: JsonObject) -> JsonObject:
    return {
        "supportTenantId": "5a990400-0000-4000-a000-000000000004",
        "supportMpnId": "4711001",
        "name": "An emulated supporter",
        "attributes": {"objectType": "SupportContact"},
    }


def _provisioning_status(plan: JsonObject) -> JsonObject:
    return {
        "skuId": "5c000000-0000-4000-a000-000000000005",
        "status": "success",
        "quantity": plan["quantity"],
        "endDate": plan["commitmentEndDate"],
        "attributes": {"objectType": "SubscriptionProvisioningStatus"},
    }


def _registration_status(plan: JsonObject) -> JsonObject:
    return {
        "subscriptionId": plan["id"],
        "status": "NotRegistered",
        "attributes": {"objectType": "SubscriptionRegistrationStatus"},
    }


def _activation_links(_plan: JsonObject) -> list[JsonObject]:
    return [{"lineItemNumber": 0, "link": {"uri": "https://publisher.example.com/activate", "method": "GET"}}]


def _overage(api: Api, call: Call) -> Reply:
    api.of(KIND, call)  # whose customer has to be known
    path = path_to("customers", call.ids["customer_id"], "subscriptions", "overage")
    overage: JsonObject = {
        "azureEntitlementId": "a2000000-0000-4000-a000-000000000006",
        "partnerId": "4711001",
        "type": "PhoneServices",
        "overageEnabled": True,
        "links": {"self": link(path)},
        "attributes": {"objectType": "Overage"},
    }
    return Reply(200, api.collection([overage]))


def _custom_term_end_dates(api: Api, call: Call) -> Reply:
    """Answer on which days a term may end, on pages that go on by a token in a header."""
    api.of(KIND, call)
    duration = call.parameters().get("term_duration", "")
    if duration not in _YEARS_BY_TERM:
        message = "The parameter term_duration is P1M, P1Y or P3Y."
        raise BadRequestError(message)
    dates: list[JsonObject] = [
        {
            "allowedCustomTermEndDateType": "calendarMonthAligned",
            "allowedCustomTermEndDate": f"{year}-{day[:2]}-{day[2:]}T00:00:00Z",
            "cotermSubscriptionIds": [],
        }
        for year in range(_FIRST_YEAR, _FIRST_YEAR + _YEARS_BY_TERM[duration])
        for day in _MONTH_ENDS
    ]
    name = f"custom term end dates\0{call.ids['customer_id'].lower()}\0{duration}"
    start = api.start(call, name)
    stop = start + min(api.settings.page_size, _LARGEST_DATES_PAGE)
    headers = [("MS-ContinuationToken", api.token(name, stop))] if stop < len(dates) else []
    return Reply(200, api.collection(dates[start:stop]), headers)


_ONE = f"GET {KIND.path}/{{subscription_id}}"
ROUTES = (
    Route("subscriptions.list", f"GET {KIND.path}", listing(KIND)),
    Route("subscriptions.get", _ONE, getting(KIND)),
    Route("subscriptions.list_addons", f"{_ONE}/addons", _addons),
    Route("subscriptions.list_upgrades", f"{_ONE}/upgrades", _told(_upgrades)),
    Route("subscriptions.list_conversions", f"{_ONE}/conversions", _told(_conversions), user_only=True),
    Route(
        "subscriptions.list_transition_eligibilities",
        f"{_ONE}/transitioneligibilities",
        _told(_transition_eligibilities),
    ),
    Route("subscriptions.list_transitions", f"{_ONE}/transitions", _told(_transitions)),
    Route("subscriptions.get_support_contact", f"{_ONE}/supportcontact", _told(_support_contact), user_only=True),
    Route(
        "subscriptions.get_provisioning_status",
        f"{_ONE}/provisioningstatus",
        _told(_provisioning_status),
        user_only=True,
    ),
    Route("subscriptions.get_registration_status", f"{_ONE}/registrationstatus", _told(_registration_status)),
    Route("subscriptions.list_activation_links", f"{_ONE}/activationlinks", _told(_activation_links)),
    Route(
        "subscriptions.list_azure_entitlements",
        f"{_ONE}/azureEntitlements",
        _told(lambda plan: [_entitlement(plan)]),
    ),
    Route("subscriptions.get_azure_entitlement", f"{_ONE}/azureEntitlements/{{entitlement_id}}", _azure_entitlement),
    Route("subscriptions.get_overage", f"GET {KIND.path}/overage", _overage),
    Route("subscriptions.list_custom_term_end_dates", f"GET {KIND.path}/customTermEndDates", _custom_term_end_dates),
)
