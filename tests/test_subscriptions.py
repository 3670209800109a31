"""Subscriptions: what each operation sends and what it reads, and the same over real sockets."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import fixtures
import msgspec
import pytest
from helpers import BASE, Fake, call, connected, header

from partnercenter_async import (
    AzureEntitlement,
    BadRequestError,
    BillingCycleType,
    BillingType,
    ContractType,
    Conversion,
    CustomTermEndDate,
    CustomTermEndDateType,
    DecodeError,
    LinkError,
    NotFoundError,
    OrderLineItemActivationLink,
    Overage,
    Pager,
    PermissionDeniedError,
    RegistrationStatus,
    StatusError,
    Subscription,
    SubscriptionProvisioningState,
    SubscriptionProvisioningStatus,
    SubscriptionRegistrationStatus,
    SubscriptionStatus,
    SupportContact,
    Transition,
    TransitionEligibility,
    TransitionErrorCode,
    TransitionEventName,
    TransitionEventStatus,
    TransitionType,
    Upgrade,
    UpgradeErrorCode,
    UpgradeType,
)
from partnercenter_async.testing import answer
from pytest_partnercenter.emulated import PartnerCenter

ONE = "customers/c/subscriptions/s"
ADDONS = b'{"items": [' + fixtures.SUBSCRIPTION + b"]}"
ENTITLEMENTS = b'{"items": [' + fixtures.AZURE_ENTITLEMENT + b"]}"
DATES = "term_start_date=2030-04-01T02%3A00%3A00%2B02%3A00&target_coterm_subscription_id=s"
VIENNA = timezone(timedelta(hours=2))
# Each operation: the call, the path and query that it sends, the body that it is answered with, and what it reads.
OPERATIONS = {
    "list": (lambda o: o.list("c"), "customers/c/subscriptions", fixtures.SUBSCRIPTIONS, Subscription),
    "list filtered": (
        lambda o: o.list("c", order_id="o 1", mpn_id="4711"),
        "customers/c/subscriptions?order_id=o%201&mpn_id=4711",
        fixtures.SUBSCRIPTIONS,
        Subscription,
    ),
    "get": (lambda o: o.get("c", "s"), ONE, fixtures.SUBSCRIPTION, Subscription),
    "list_addons": (lambda o: o.list_addons("c", "s"), f"{ONE}/addons", ADDONS, Subscription),
    "list_upgrades": (lambda o: o.list_upgrades("c", "s"), f"{ONE}/upgrades", fixtures.UPGRADES, Upgrade),
    "list_conversions": (
        lambda o: o.list_conversions("c", "s"),
        f"{ONE}/conversions",
        fixtures.CONVERSIONS,
        Conversion,
    ),
    "list_transition_eligibilities": (
        lambda o: o.list_transition_eligibilities("c", "s", eligibility_type="scheduled"),
        f"{ONE}/transitioneligibilities?eligibilityType=scheduled",
        fixtures.TRANSITION_ELIGIBILITIES,
        TransitionEligibility,
    ),
    "list_transitions": (
        lambda o: o.list_transitions("c", "s", operation_id="i"),
        f"{ONE}/transitions?operationId=i",
        fixtures.TRANSITIONS,
        Transition,
    ),
    "get_support_contact": (
        lambda o: o.get_support_contact("c", "s"),
        f"{ONE}/supportcontact",
        fixtures.SUPPORT_CONTACT,
        SupportContact,
    ),
    "get_provisioning_status": (
        lambda o: o.get_provisioning_status("c", "s"),
        f"{ONE}/provisioningstatus",
        fixtures.SUBSCRIPTION_PROVISIONING,
        SubscriptionProvisioningStatus,
    ),
    "get_registration_status": (
        lambda o: o.get_registration_status("c", "s"),
        f"{ONE}/registrationstatus",
        fixtures.REGISTRATION,
        SubscriptionRegistrationStatus,
    ),
    "list_activation_links": (
        lambda o: o.list_activation_links("c", "s"),
        f"{ONE}/activationlinks",
        fixtures.ACTIVATION_LINKS,
        OrderLineItemActivationLink,
    ),
    "get_overage": (lambda o: o.get_overage("c"), "customers/c/subscriptions/overage", fixtures.OVERAGE, Overage),
    "list_azure_entitlements": (
        lambda o: o.list_azure_entitlements("c", "s"),
        f"{ONE}/azureEntitlements",
        ENTITLEMENTS,
        AzureEntitlement,
    ),
    "get_azure_entitlement": (
        lambda o: o.get_azure_entitlement("c", "s", "e/1"),
        f"{ONE}/azureEntitlements/e%2F1",
        fixtures.AZURE_ENTITLEMENT,
        AzureEntitlement,
    ),
    "list_custom_term_end_dates": (
        lambda o: o.list_custom_term_end_dates(
            "c",
            term_duration="P1Y",
            term_start_date=datetime(2030, 4, 1, 2, tzinfo=VIENNA),
            target_coterm_subscription_id="s",
        ),
        f"customers/c/subscriptions/customTermEndDates?term_duration=P1Y&{DATES}",
        fixtures.CUSTOM_TERM_END_DATES,
        CustomTermEndDate,
    ),
}
each_operation = pytest.mark.parametrize(("ask", "path", "body", "kind"), OPERATIONS.values(), ids=OPERATIONS)
GETS = ["get_support_contact", "get_provisioning_status", "get_registration_status"]


async def read(asked):
    """What an operation gives, in a list."""
    return await asked.collect() if isinstance(asked, Pager) else [await asked]


def found(name, body=None):
    """What an operation reads of a body, or its error."""
    ask, _, own, _ = OPERATIONS[name]
    got, _ = call([answer(body=own if body is None else body)], lambda client: read(ask(client.subscriptions)))
    return got


@each_operation
def test_what_is_sent_and_what_comes_of_it(ask, path, body, kind):
    got, fake = call([answer(body=body)], lambda client: read(ask(client.subscriptions)))
    assert [(each.method, each.url) for each in fake.requests] == [("GET", BASE + path)]
    sent = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    sent = sent.get("items", [sent])
    assert [type(each) for each in got] == [kind] * len(sent)
    for one, wire in zip(got, sent, strict=True):
        kept = msgspec.to_builtins(one)
        assert all(kept.get(name) is not None for name, value in wire.items() if value not in ("", [])), kind


@each_operation
@pytest.mark.fault("F28")
def test_everything_may_be_null_of_another_kind_or_new(ask, path, body, kind):
    """Numbers come as texts, with members that no release knows, or nothing comes but the id."""

    def odd(value):
        if isinstance(value, dict):
            kept = {name: value[name] for name in value.keys() & {"scope", "partnerQualifications"}}  # free-form
            return {name: odd(each) for name, each in value.items()} | {"brandNew": [1]} | kept
        if isinstance(value, list):
            return [odd(each) for each in value]
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    def bare(value):
        return {name: each if name == "id" else None for name, each in value.items()}

    plain, _ = call([answer(body=body)], lambda client: read(ask(client.subscriptions)))
    wire = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    got, _ = call([answer(odd(wire))], lambda client: read(ask(client.subscriptions)))
    assert got == plain
    nothing = {"items": [bare(each) for each in wire["items"]]} if "items" in wire else bare(wire)
    got, _ = call([answer(nothing)], lambda client: read(ask(client.subscriptions)))
    assert [type(each) for each in got] == [kind] * len(plain)
    assert all(msgspec.to_builtins(each).keys() <= {"id"} for each in got)


def test_a_subscription_is_read_in_full():
    (one,) = found("get")
    assert one.status is SubscriptionStatus.ACTIVE
    assert (one.billing_type, one.billing_cycle) == (BillingType.LICENSE, BillingCycleType.MONTHLY)
    assert one.contract_type is ContractType.SUBSCRIPTION
    assert one.product_type.sub_type.id == "Seats"
    assert one.commitment_end_date_time == datetime(2031, 3, 31, 23, 59, 59, 999999, UTC)
    assert one.scheduled_next_term_instructions.product.billing_cycle is BillingCycleType.ANNUAL
    assert one.scheduled_next_term_instructions.quantity == 8
    assert one.next_charge_instructions.product.product_id == "CFQ7TTC0HERN"
    assert one.refundable_quantity.details[0].quantity == 2
    assert one.suspension_reasons == ("ByHand", "UnpaidBill")
    assert one.links.parent_subscription.uri == "/customers/c/subscriptions/p"


def test_a_savings_plan_has_lines_and_a_billing_type_that_is_kept():
    plan = found("list")[1]
    assert plan.billing_type == "benefit"
    assert not plan.billing_type.is_known
    assert plan.renewal_term_duration == ""
    (line,) = plan.line_items
    assert line.scope["type"] == "single"
    assert line.purchase_commitment.amount == plan.purchase_commitment.amount == Decimal("0.05")


def test_what_a_subscription_may_become():
    (upgrade,) = found("list_upgrades")
    assert upgrade.upgrade_type is UpgradeType.UPGRADE_WITH_LICENSE_TRANSFER
    assert upgrade.upgrade_errors[0].code is UpgradeErrorCode.SUBSCRIPTION_ADD_ONS_PRESENT
    assert upgrade.target_offer.supported_billing_cycles == (BillingCycleType.MONTHLY, BillingCycleType.ANNUAL)
    assert upgrade.target_offer.partner_qualifications == ({"name": "None"},)
    (eligible,) = found("list_transition_eligibilities")
    assert [each.is_eligible for each in eligible.eligibilities] == [True, False]
    assert eligible.eligibilities[1].errors[0].code is TransitionErrorCode.USER_LICENSE_ERROR
    assert eligible.subscription_eligibilities[0].errors[0].code == "TermsDiffer"
    (moved,) = found("list_transitions")
    assert moved.transition_type is TransitionType.TRANSITION_ONLY
    assert [(each.name, each.status) for each in moved.events] == [
        (TransitionEventName.CONVERSION, TransitionEventStatus.COMPLETED),
        (TransitionEventName.LICENSE_TRANSFER, TransitionEventStatus.FAILED),
    ]


def test_states_are_members():
    assert found("get_provisioning_status")[0].status is SubscriptionProvisioningState.PENDING
    assert found("get_registration_status")[0].status is RegistrationStatus.NOT_REGISTERED
    kinds = [each.allowed_custom_term_end_date_type for each in found("list_custom_term_end_dates")]
    assert kinds == [CustomTermEndDateType.CALENDAR_MONTH_ALIGNED, CustomTermEndDateType.SUBSCRIPTION_ALIGNED]


@pytest.mark.fault("F43")
@pytest.mark.parametrize("name", ["get", "get_azure_entitlement"])
def test_what_was_asked_for_by_id_has_one(name):
    assert type(found(name, b"{}")) is DecodeError


@pytest.mark.fault("F43")
@pytest.mark.parametrize("name", GETS)
def test_what_has_no_id_needs_none_but_an_error_is_an_error(name):
    assert len(found(name, b'{"attributes": {"objectType": "It"}}')) == 1
    error = found(name, fixtures.ERROR)
    assert isinstance(error, StatusError)
    assert error.code == 3000
    assert type(found(name, b"[]")) is DecodeError


@pytest.mark.parametrize("name", ["list_conversions", "get_support_contact", "get_provisioning_status"])
def test_a_refused_application_is_told_of_app_and_user(name):
    error, _ = call(
        [answer({"code": 900329, "description": "Not for applications."}, status=403)],
        lambda client: read(OPERATIONS[name][0](client.subscriptions)),
    )
    assert type(error) is PermissionDeniedError
    assert "App+User" in str(error)


@pytest.mark.fault("F44")
def test_a_listing_goes_on_where_its_own_links_lead():
    following = b'{"items": [{"id": "a"}], "links": {"next": {"uri": "/customers/%s/subscriptions?p=2"}}}'
    bodies = [following % b"c", fixtures.SUBSCRIPTIONS]
    got, _ = call([answer(body=body) for body in bodies], lambda client: client.subscriptions.list("c").collect())
    assert len(got) == 3
    got, _ = call([answer(body=following % b"d")], lambda client: client.subscriptions.list("c").collect())
    assert type(got) is LinkError


def test_custom_term_end_dates_go_on_with_the_token_of_a_header():
    bodies = [
        answer(body=fixtures.CUSTOM_TERM_END_DATES, headers={"MS-ContinuationToken": "AQID,BA/5="}),
        answer([{"allowedCustomTermEndDate": "2031-04-30T00:00:00Z"}]),
    ]
    got, fake = call(bodies, lambda o: o.subscriptions.list_custom_term_end_dates("c", term_duration="P1M").collect())
    assert [each.allowed_custom_term_end_date.month for each in got] == [1, 3, 4]
    assert len({each.url for each in fake.requests}) == 1
    assert [header(each, "MS-ContinuationToken") for each in fake.requests] == [None, "AQID,BA/5="]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("term_duration", ""),
        ("term_duration", None),
        ("term_start_date", datetime(2030, 4, 1)),
        ("term_start_date", "2030-04-01"),
        ("target_coterm_subscription_id", "\n"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(name, value):
    fake = Fake([])
    with pytest.raises(ValueError, match=name):
        fake.client.subscriptions.list_custom_term_end_dates("c", **{"term_duration": "P1Y", name: value})
    assert fake.requests == []


@pytest.mark.fault("F30")
@pytest.mark.parametrize("bad", ["", ".", "..", "a\r\n"])
@each_operation
def test_ids_are_refused_before_anything_is_sent(ask, path, body, kind, bad):
    fake = Fake([])

    class Bad:
        """The operations, with their ids made bad."""

        def __getattr__(self, name):
            method = getattr(fake.client.subscriptions, name)
            return lambda *ids, **filters: method(*ids[:-1], bad, **filters)

    with pytest.raises(ValueError, match="_id"):
        asked = ask(Bad())
        if isinstance(asked, Awaitable):
            asked.send(None)
    assert fake.requests == []


# Over real sockets


async def test_the_subscriptions_of_a_customer_are_those_of_its_orders(emulator):
    customer = next(emulator.data.customer_ids())
    orders = list(emulator.data.orders(customer))
    lines = [(order, line) for order in orders for line in order["lineItems"] if line.get("subscriptionId")]
    assert lines
    async with connected(emulator) as client:
        listed = await client.subscriptions.list(customer).collect()
        assert [(each.id, each.order_id) for each in listed] == [
            (line["subscriptionId"], order["id"]) for order, line in lines
        ]
        of_order = await client.subscriptions.list(customer, order_id=listed[0].order_id).collect()
        assert of_order == [each for each in listed if each.order_id == listed[0].order_id]
        assert await client.subscriptions.list(customer, mpn_id="nobody").collect() == []
        one = await client.subscriptions.get(customer, listed[0].id.upper())
        assert one == listed[0]
        with pytest.raises(NotFoundError):
            await client.subscriptions.get(customer, "none")


async def test_every_operation_is_answered(emulator):
    customer = next(emulator.data.customer_ids())
    async with connected(emulator, user=True) as client:
        subscriptions = client.subscriptions
        everything = await subscriptions.list(customer).collect()
        one = everything[0]
        own = [each for each in everything if each.parent_subscription_id == one.id]
        assert await subscriptions.list_addons(customer, one.id).collect() == own
        assert await subscriptions.list_upgrades(customer, one.id).first()
        assert await subscriptions.list_conversions(customer, one.id).first()
        assert await subscriptions.list_transition_eligibilities(customer, one.id).first()
        moved = await subscriptions.list_transitions(customer, one.id).first()
        assert moved.from_subscription_id == one.id
        assert (await subscriptions.get_support_contact(customer, one.id)).name
        provisioned = await subscriptions.get_provisioning_status(customer, one.id)
        assert (provisioned.status, provisioned.quantity) == (SubscriptionProvisioningState.SUCCESS, one.quantity)
        registered = await subscriptions.get_registration_status(customer, one.id)
        assert registered.status is RegistrationStatus.NOT_REGISTERED
        assert await subscriptions.list_activation_links(customer, one.id).first()
        assert await subscriptions.get_overage(customer).first()
        entitlement = await subscriptions.list_azure_entitlements(customer, one.id).first()
        assert await subscriptions.get_azure_entitlement(customer, one.id, entitlement.id) == entitlement
        with pytest.raises(NotFoundError):
            await subscriptions.get_azure_entitlement(customer, one.id, "none")
        dates = await subscriptions.list_custom_term_end_dates(customer, term_duration="P3Y").collect()
        assert len({each.allowed_custom_term_end_date for each in dates}) == 36
        assert emulator.count("subscriptions.list_custom_term_end_dates") == 12
        with pytest.raises(BadRequestError):
            await subscriptions.list_custom_term_end_dates(customer, term_duration="P9Y").first()


async def test_what_is_for_users_is_refused_to_applications(emulator):
    customer = next(emulator.data.customer_ids())
    async with connected(emulator) as client:
        one = await client.subscriptions.list(customer).first()
        for refused in (
            client.subscriptions.list_conversions(customer, one.id).first(),
            client.subscriptions.get_support_contact(customer, one.id),
            client.subscriptions.get_provisioning_status(customer, one.id),
        ):
            with pytest.raises(PermissionDeniedError, match="App\\+User"):
                await refused


async def test_an_add_on_is_found_by_the_subscription_that_it_belongs_to():
    async with PartnerCenter() as partner_center, partner_center.connect() as client:
        customer = partner_center.add_customer()
        partner_center.add_order(customer, line_items=[{"subscription_id": "base"}])
        partner_center.add_order(
            customer, line_items=[{"subscription_id": "addon", "parent_subscription_id": "BASE"}, {}]
        )
        assert [each.id async for each in client.subscriptions.list_addons(customer, "base")] == ["addon"]
