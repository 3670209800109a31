"""Every resource of the reference, field by field."""

import copy
import pickle
import sys
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec import inspect

from partnercenter_async import (
    Address,
    ApiError,
    AzureEntitlement,
    AzureEntitlementLinks,
    BillingCycleType,
    ClientContext,
    Conversion,
    Customer,
    CustomerBillingProfile,
    CustomerCompanyProfile,
    CustomTermEndDate,
    ItemType,
    KeyValuePair,
    Link,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    NextChargeInstructions,
    Offer,
    OfferAttestationProperties,
    OfferCategory,
    OfferLinks,
    OfferProduct,
    Order,
    OrderLineItem,
    OrderLineItemActivationLink,
    OrderLineItemLinks,
    OrderLineItemProvisioningStatus,
    OrderLinks,
    OrderStatus,
    Overage,
    OverageLinks,
    Pricing,
    ProductTerm,
    ProvisioningStatus,
    PurchaseCommitment,
    QuantityProvisioningStatus,
    RefundableQuantity,
    RefundableQuantityDetail,
    RefundOption,
    RegistrationStatus,
    RelationshipToPartner,
    RenewsTo,
    ResourceAttributes,
    ResourceCollection,
    ResourceLinks,
    ScheduledNextTermInstructions,
    Subscription,
    SubscriptionLineItem,
    SubscriptionLinks,
    SubscriptionProvisioningState,
    SubscriptionProvisioningStatus,
    SubscriptionRegistrationStatus,
    SubscriptionStatus,
    SupportContact,
    TargetSubscriptionEligibilityDetail,
    Transition,
    TransitionEligibility,
    TransitionEligibilityDetail,
    TransitionError,
    TransitionErrorCode,
    TransitionEvent,
    Upgrade,
    UpgradeError,
    UpgradeErrorCode,
    UserCredentials,
)
from partnercenter_async._session.decoding import decode
from partnercenter_async.models.scalars import FrozenObject, Timestamp

MIGRATION = (
    "addOnMigrations billingCycle catalogItemId completedTime currentSubscriptionId customTermEndDate customerTenantId"
    " externalReferenceId id microsoftLed newCommerceOrderId newCommerceSubscriptionId purchaseFullTerm quantity"
    " startedTime status subscriptionEndDate termDuration attributes"
)
PERSON = "firstName lastName phoneNumber"
SUBSCRIPTION_TO_JOIN = "subscriptionId subscriptionFriendlyName subscriptionTermDuration subscriptionBillingCycle"
# The names on the wire, typed off the reference (and, behind the bar, off the service's SDK and examples).
NAMES = {
    Link: "uri method headers body",
    KeyValuePair: "key value",
    ResourceAttributes: "etag objectType",
    ResourceLinks: "self next previous",
    ResourceCollection[Order]: "totalCount items links attributes | continuationToken",
    ClientContext: "deviceFamily marketplaceCountry name",
    Order: "alternateId attributes billingCycle client creationDate currencyCode currencySymbol id lineItems links"
    " referenceCustomerId status totalPrice transactionType | partnerOnRecordAttestationAccepted",
    OrderLineItem: "attestationAccepted customTermEndDate friendlyName lineItemNumber links offerId"
    " parentSubscriptionId partnerIdOnRecord pricing promotionId provisioningContext purchaseCommitment quantity"
    " renewsTo subscriptionId termDuration transactionType | additionalPartnerIdsOnRecord attributes",
    OrderLineItemLinks: "activationLinks availability product provisioningStatus sku subscription",
    OrderLinks: "patchOperation provisioningStatus self",
    Pricing: "discountedPrice extendedPrice listPrice price proratedPrice",
    PurchaseCommitment: "amount currency grain",
    RenewsTo: "termDuration",
    OrderLineItemProvisioningStatus: "lineItemNumber orderLineItemId quantityProvisioningInformation status"
    " | attributes",
    QuantityProvisioningStatus: "quantity status",
    NewCommerceMigration: MIGRATION,
    NewCommerceMigrationEvent: f"{MIGRATION} | newCommerceMigrationId createdTime eventName",
    Customer: "id commerceId companyProfile billingProfile relationshipToPartner allowDelegatedAccess userCredentials"
    " customDomains associatedPartnerId links attributes | enableGDAPByDefault",
    CustomerCompanyProfile: "tenantId domain companyName organizationRegistrationNumber address email links attributes",
    CustomerBillingProfile: "id firstName lastName email culture language companyName defaultAddress links attributes",
    Address: f"country region city state addressLine1 addressLine2 postalCode middleName {PERSON}",
    UserCredentials: "userName password",
    OfferCategory: "attributes id name rank locale country links",
    OfferProduct: "id name unit",
    OfferAttestationProperties: "enforceAttestation attestationType",
    OfferLinks: "self learnMore next previous",
    Offer: "links attributes id name description minimumQuantity maximumQuantity rank uri locale country"
    " category prerequisiteOffers isAddOn isAvailableForPurchase billing supportedBillingCycles"
    " isAutoRenewable upgradeTargetOffers salesGroupId limitUnitOfMeasure limit hasAddOns"
    " reselleeQualifications resellerQualifications isTrial attestationProperties product unitType"
    " conversionTargetOffers providerId providerName providerLocationId termUnitOfMeasure term isInternal"
    " isMicrosoftProduct acquisitionType supportedCatalogTypes actions partnerQualifications",
    ItemType: "attributes id displayName subType",
    RefundOption: "type expiresAt expiresAfter",
    RefundableQuantityDetail: "quantity allowedUntilDateTime",
    RefundableQuantity: "totalQuantity details",
    ProductTerm: "productId skuId availabilityId billingCycle termDuration promotionId",
    ScheduledNextTermInstructions: "product quantity customTermEndDate",
    NextChargeInstructions: "product quantity",
    SubscriptionLineItem: "id friendlyName scope autoRenewEnabled status purchaseCommitment",
    SubscriptionLinks: "self offer entitlement parentSubscription product sku availability activationLinks next"
    " previous",
    Subscription: "attributes orderId id entitlementId offerId offerName friendlyName productType quantity unitType"
    " parentSubscriptionId consumptionType creationDate effectiveStartDate commitmentEndDate"
    " commitmentEndDateTime cancellationAllowedUntilDate billingCycleEndDate billingCycleEndDateTime"
    " status autoRenewEnabled billingType billingCycle hasPurchasableAddons isTrial actions termDuration"
    " renewalTermDuration refundOptions isMicrosoftProduct partnerId suspensionReasons contractType links"
    " publisherName promotionId migratedFromSubscriptionId refundableQuantity"
    " scheduledNextTermInstructions nextChargeInstructions productOrderId lineItems attentionNeeded"
    " attentionReason actionTaken customTermEndDate purchaseCommitment",
    UpgradeError: "code description additionalDetails attributes",
    Upgrade: "attributes targetOffer upgradeType isEligible quantity upgradeErrors",
    Conversion: "attributes offerId targetOfferId orderId quantity billingCycle",
    TransitionError: "code description",
    TransitionEligibilityDetail: f"isEligible transitionType errors {SUBSCRIPTION_TO_JOIN}",
    TargetSubscriptionEligibilityDetail: f"isEligible errors {SUBSCRIPTION_TO_JOIN}",
    TransitionEligibility: "catalogItemId title description quantity eligibilities subscriptionEligibilities"
    " operationId attributes",
    TransitionEvent: "attributes name status timestamp errors",
    Transition: "attributes operationId fromCatalogItemId fromSubscriptionId toCatalogItemId toSubscriptionId"
    " quantity termDuration billingCycle transitionType promotionId events",
    SupportContact: "links attributes supportTenantId supportMpnId name",
    SubscriptionProvisioningStatus: "attributes skuId status quantity endDate",
    SubscriptionRegistrationStatus: "attributes subscriptionId status",
    OrderLineItemActivationLink: "lineItemNumber link",
    OverageLinks: "self overage",
    Overage: "attributes orderId azureEntitlementId partnerId type overageEnabled contractType links overage",
    AzureEntitlementLinks: "self",
    AzureEntitlement: "id status friendlyName subscriptionId links",
    CustomTermEndDate: "allowedCustomTermEndDateType allowedCustomTermEndDate cotermSubscriptionIds",
    ApiError: "code message description errorName isRetryable parameters errorMessageExtended data source statusCode"
    " error",
}
STRUCTS = list(NAMES)
by_name = pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: getattr(struct, "__name__", str(struct)))


def sample(kind: inspect.Type, name: str, depth: int = 0):
    """A value of a kind: as it stands on the wire, and as the struct holds it."""
    match kind:
        case inspect.UnionType():
            return sample(kind.types[0], name, depth)
        case inspect.StructType():
            return filled(kind.cls, depth + 1)
        case inspect.VarTupleType():
            if depth > 2:
                return [], ()
            wire, held = sample(kind.item_type, name, depth)
            return [wire], (held,)
        case inspect.EnumType():
            member = list(kind.cls)[-1]
            return member.value, member
        case inspect.CustomType() if kind.cls is Timestamp:
            return "2024-05-06T07:08:09Z", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
        case inspect.CustomType():
            assert kind.cls is FrozenObject
            return {"scope": "single", "n": [1, {"a": 1.5}]}, {"scope": "single", "n": (1, {"a": Decimal("1.5")})}
        case inspect.DecimalType():
            return msgspec.Raw(b"36.480"), Decimal("36.480")
        case inspect.IntType():
            return len(name), len(name)
        case inspect.BoolType():
            return True, True
        case inspect.StrType():
            return f"a {name}", f"a {name}"
    raise AssertionError(kind)


def filled(struct, depth: int = 0):
    """A full body of a struct, and the struct itself."""
    wire, held = {}, {}
    for field in inspect.type_info(struct).fields:
        kind = field.type
        recursive = isinstance(kind, inspect.UnionType) and any(
            isinstance(each, inspect.StructType) and each.cls is struct for each in kind.types
        )
        if recursive and depth > 0:
            continue
        wire[field.encode_name], held[field.name] = sample(kind, field.name, depth)
    return wire, struct(**held)


@by_name
def test_the_names_on_the_wire(struct):
    names = {field.encode_name for field in inspect.type_info(struct).fields}
    assert names == set(NAMES[struct].replace("|", "").split())


@by_name
def test_every_field_is_read_and_written(struct):
    wire, held = filled(struct)
    body = msgspec.json.encode(wire)
    read = decode(body, struct)
    assert read == held
    for field in inspect.type_info(struct).fields:
        assert getattr(read, field.name) not in (None, (), ""), field.name
    assert decode(msgspec.json.Encoder(decimal_format="number").encode(read), struct) == read


@by_name
def test_structs_are_values(struct):
    wire, held = filled(struct)
    body = msgspec.json.encode(wire)
    one, two = decode(body, struct), decode(body, struct)
    assert one == two
    assert hash(one) == hash(two)
    assert one != struct()
    assert repr(one) == repr(two)
    assert repr(one).startswith(type(one).__name__ + "(")
    assert copy.deepcopy(one) == one
    pickled = pickle.loads(pickle.dumps(one))
    if "password" not in repr(one):  # a password stays where it is
        assert pickled == one
    plain = msgspec.to_builtins(one)
    assert set(plain) == set(wire)
    assert msgspec.structs.asdict(one).keys() == msgspec.structs.asdict(held).keys()
    for field in inspect.type_info(struct).fields:
        assert msgspec.structs.replace(one, **{field.name: getattr(one, field.name)}) == one
        with pytest.raises(AttributeError):
            setattr(one, field.name, None)


@by_name
def test_everything_may_be_missing(struct):
    # a page has to say that it is empty
    empty = decode(b'{"items": null}' if struct == ResourceCollection[Order] else b"{}", struct)
    for field in inspect.type_info(struct).fields:
        expected = "" if field.name == "id" else () if isinstance(field.type, inspect.VarTupleType) else None
        assert getattr(empty, field.name) == expected
    assert msgspec.json.encode(empty) == b"{}"


@by_name
@pytest.mark.fault("F28")
def test_null_in_any_field_is_the_same_as_missing(struct):
    wire, _ = filled(struct)
    for name in wire.keys() - {"items"}:  # a page has to name them
        with_null = decode(msgspec.json.encode(wire | {name: None}), struct)
        without = decode(msgspec.json.encode({other: value for other, value in wire.items() if other != name}), struct)
        assert with_null == without


@by_name
@pytest.mark.fault("F28")
def test_a_new_field_is_ignored(struct):
    wire, held = filled(struct)
    assert decode(msgspec.json.encode(wire | {"brandNew": {"a": [1]}}), struct) == held


def test_both_kinds_of_fields_of_a_migration_event():
    body = b"""[{"id": "e1", "newCommerceMigrationId": "m1", "currentSubscriptionId": "s1", "customerTenantId": "c1",
        "createdTime": "2023-01-02T03:04:05.678901Z", "eventName": "MigrationStarted", "status": "Processing"}]"""
    (event,) = decode(body, tuple[NewCommerceMigrationEvent, ...])
    assert (event.id, event.new_commerce_migration_id, event.event_name) == ("e1", "m1", "MigrationStarted")
    assert event.status == "Processing"
    assert event.created_time == datetime(2023, 1, 2, 3, 4, 5, 678901, UTC)


def test_documented_names_of_enums():
    assert [each.value for each in OrderStatus][:4] == ["unknown", "completed", "pending", "cancelled"]
    assert len(OrderStatus) == 11
    assert {each.value for each in ProvisioningStatus} == {"fulfilled", "unfulfilled", "prefulfillment_pending"}
    assert len(RelationshipToPartner) == 6
    assert [BillingCycleType(str(number)).value for number in range(7)] == [each.value for each in BillingCycleType]


def test_the_numbers_of_enums_stand_for_their_names():
    for enum in (SubscriptionStatus, SubscriptionProvisioningState, TransitionErrorCode, UpgradeErrorCode):
        assert [enum(str(number)) for number in range(len(enum))] == list(enum)
    assert decode(b'{"code": 5}', UpgradeError).code is UpgradeErrorCode.USER_CONTEXT_REQUIRED
    assert decode(b'{"status": "NotRegistered"}', SubscriptionRegistrationStatus).status is (
        RegistrationStatus.NOT_REGISTERED
    )


def test_a_free_form_object_cannot_be_changed():
    line = decode(b'{"provisioningContext": {"scope": "x"}}', OrderLineItem)
    assert line.provisioning_context == {"scope": "x"}
    for change in (
        lambda context: context.update(a=1),
        lambda context: context.pop("scope"),
        lambda context: context.__setitem__("a", 1),
        lambda context: context.clear(),
    ):
        with pytest.raises(TypeError, match="dict"):
            change(line.provisioning_context)


# An amount that is no number: the service could send such a text


AMOUNTS = [
    (struct, field.name, field.encode_name)
    for struct in STRUCTS
    for field in inspect.type_info(struct).fields
    if isinstance(field.type, inspect.UnionType)
    and any(isinstance(kind, inspect.DecimalType) for kind in field.type.types)
]
SIGNALLING = (
    b'{"id": "a", "totalPrice": "sNaN", "lineItems":'
    b' [{"pricing": {"price": "-sNaN12", "listPrice": 1.5}, "purchaseCommitment": {"amount": "SNAN"}}]}'
)


@pytest.mark.parametrize("word", ["sNaN", "-sNaN", "SNAN123", "NaN", "-nan7"])
@pytest.mark.parametrize(("struct", "name", "wire"), AMOUNTS)
def test_a_resource_with_an_amount_that_is_no_number_is_hashable_and_comparable(struct, name, wire, word):
    body = msgspec.json.encode({wire: word})
    one, other = decode(body, struct), decode(body, struct)
    assert str(getattr(one, name)) == str(Decimal(word))
    assert len({one, other, one}) == 2
    assert (one == other, one != other) == (False, True)
    assert (one == struct(), struct() == one, one != struct()) == (False, False, True)
    assert one in [other, one]
    for same in (one, copy.copy(one), copy.deepcopy(one), msgspec.structs.replace(one)):
        assert (same == one, same != one, hash(same)) == (True, False, hash(one))


def test_amounts_are_in_the_structs_that_are_known_to_hold_them():
    assert {struct for struct, _, _ in AMOUNTS} == {Order, Pricing, PurchaseCommitment}


def test_an_order_with_such_amounts_inside_is_a_value_like_others():
    one, other = decode(SIGNALLING, Order), decode(SIGNALLING, Order)
    lines = {one.line_items[0], other.line_items[0]}
    assert len({one, other}) == len(lines) == 2
    assert one != other
    assert one.line_items != other.line_items
    again = pickle.loads(pickle.dumps(one))
    assert repr(again) == repr(one)
    assert hash(again) != hash(one)
    assert msgspec.structs.asdict(one).keys() == msgspec.structs.asdict(Order()).keys()
    plain = msgspec.to_builtins(one)
    assert plain["totalPrice"] == "sNaN"
    assert plain["lineItems"][0]["pricing"] == {"listPrice": "1.5", "price": "-sNaN12"}
    assert repr(msgspec.convert(plain, Order)) == repr(decode(msgspec.json.encode(one), Order)) == repr(one)


def test_what_is_not_hashable_or_not_of_a_kind_stays_so():
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Order(line_items=[OrderLineItem()], total_price=Decimal("sNaN")))
    assert Pricing(price=Decimal(1)) == Pricing(price=Decimal("1.0"))
    assert hash(Pricing(price=Decimal(1))) == hash(Pricing(price=Decimal("1.0")))
    assert Pricing() != PurchaseCommitment()
    assert Pricing(price=Decimal("sNaN")) != 5
    with pytest.raises(TypeError):
        Pricing() < Pricing()  # noqa: B015


def test_a_struct_that_can_be_hashed_with_such_an_amount_takes_no_more_room():
    class Same(msgspec.Struct, frozen=True, gc=False):
        discounted_price: Decimal | None = None
        extended_price: Decimal | None = None
        list_price: Decimal | None = None
        price: Decimal | None = None
        prorated_price: Decimal | None = None

    assert sys.getsizeof(Pricing()) == sys.getsizeof(Same())
    assert not hasattr(Pricing(), "__dict__")
