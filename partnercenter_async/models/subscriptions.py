"""Subscriptions, and what is told of each: its state, its support, what it may become."""

from partnercenter_async.models.common import Link, Model, ResourceAttributes, ResourceLinks
from partnercenter_async.models.offers import BillingType, Offer
from partnercenter_async.models.orders import BillingCycleType, PurchaseCommitment
from partnercenter_async.models.scalars import FrozenObject, OpenEnum, Timestamp


class SubscriptionStatus(OpenEnum):
    """Whether a subscription can be used."""

    __numbers__ = ("none", "active", "suspended", "deleted", "expired", "pending", "disabled")

    NONE = "none"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"
    EXPIRED = "expired"
    PENDING = "pending"
    DISABLED = "disabled"


class ContractType(OpenEnum):
    """What kind of contract was made."""

    __numbers__ = ("subscription", "product_key", "redemption_code")

    SUBSCRIPTION = "subscription"
    PRODUCT_KEY = "product_key"
    REDEMPTION_CODE = "redemption_code"


class ItemType(Model, frozen=True, kw_only=True):
    """The kind of a product and, within that, a narrower one."""

    id: str = ""
    display_name: str | None = None
    sub_type: "ItemType | None" = None
    attributes: ResourceAttributes | None = None


class RefundOption(Model, frozen=True, kw_only=True):
    """What is paid back of a subscription that is cancelled, and until when."""

    type: str | None = None
    expires_at: Timestamp | None = None
    expires_after: Timestamp | None = None


class RefundableQuantityDetail(Model, frozen=True, kw_only=True):
    """How many licenses can be given back until a date."""

    quantity: int | None = None
    allowed_until_date_time: Timestamp | None = None


class RefundableQuantity(Model, frozen=True, kw_only=True):
    """How many licenses can be given back in all, and by date."""

    total_quantity: int | None = None
    details: tuple[RefundableQuantityDetail, ...] = ()


class ProductTerm(Model, frozen=True, kw_only=True):
    """A product in the catalogue and the term that it is taken for."""

    product_id: str | None = None
    sku_id: str | None = None
    availability_id: str | None = None
    billing_cycle: BillingCycleType | None = None
    term_duration: str | None = None
    promotion_id: str | None = None


class ScheduledNextTermInstructions(Model, frozen=True, kw_only=True):
    """What a subscription becomes when its term ends."""

    product: ProductTerm | None = None
    quantity: int | None = None
    custom_term_end_date: Timestamp | None = None


class NextChargeInstructions(Model, frozen=True, kw_only=True):
    """What a subscription becomes at its next charge."""

    product: ProductTerm | None = None
    quantity: int | None = None


class SubscriptionLineItem(Model, frozen=True, kw_only=True):
    """A line of a subscription to an Azure savings plan, with the scope in which it holds."""

    id: str = ""
    friendly_name: str | None = None
    scope: FrozenObject | None = None
    auto_renew_enabled: bool | None = None
    status: str | None = None
    purchase_commitment: PurchaseCommitment | None = None


class SubscriptionLinks(Model, frozen=True, kw_only=True):
    """Where to read a subscription, and what it is of."""

    offer: Link | None = None
    entitlement: Link | None = None
    parent_subscription: Link | None = None
    product: Link | None = None
    sku: Link | None = None
    availability: Link | None = None
    activation_links: Link | None = None
    self: Link | None = None
    next: Link | None = None
    previous: Link | None = None


class Subscription(Model, frozen=True, kw_only=True):
    """What a customer subscribed to. Compare ids without case; the end of one without an end lies centuries ahead."""

    id: str = ""
    entitlement_id: str | None = None
    offer_id: str | None = None
    offer_name: str | None = None
    friendly_name: str | None = None
    product_type: ItemType | None = None
    quantity: int | None = None
    unit_type: str | None = None
    parent_subscription_id: str | None = None
    migrated_from_subscription_id: str | None = None
    has_purchasable_addons: bool | None = None
    consumption_type: str | None = None
    creation_date: Timestamp | None = None
    effective_start_date: Timestamp | None = None
    commitment_end_date: Timestamp | None = None
    commitment_end_date_time: Timestamp | None = None
    custom_term_end_date: Timestamp | None = None
    cancellation_allowed_until_date: Timestamp | None = None
    billing_cycle_end_date: Timestamp | None = None
    billing_cycle_end_date_time: Timestamp | None = None
    status: SubscriptionStatus | None = None
    auto_renew_enabled: bool | None = None
    scheduled_next_term_instructions: ScheduledNextTermInstructions | None = None
    next_charge_instructions: NextChargeInstructions | None = None
    is_trial: bool | None = None
    billing_type: BillingType | None = None
    billing_cycle: BillingCycleType | None = None
    actions: tuple[str, ...] = ()
    term_duration: str | None = None
    renewal_term_duration: str | None = None
    refund_options: tuple[RefundOption, ...] = ()
    is_microsoft_product: bool | None = None
    partner_id: str | None = None
    attention_needed: bool | None = None
    attention_reason: str | None = None
    action_taken: bool | None = None
    suspension_reasons: tuple[str, ...] = ()
    contract_type: ContractType | None = None
    promotion_id: str | None = None
    links: SubscriptionLinks | None = None
    publisher_name: str | None = None
    refundable_quantity: RefundableQuantity | None = None
    line_items: tuple[SubscriptionLineItem, ...] = ()
    purchase_commitment: PurchaseCommitment | None = None
    product_order_id: str | None = None
    order_id: str | None = None
    attributes: ResourceAttributes | None = None


class UpgradeType(OpenEnum):
    """Whether the licenses of users go along with an upgrade."""

    __numbers__ = ("none", "upgrade_only", "upgrade_with_license_transfer")

    NONE = "none"
    UPGRADE_ONLY = "upgrade_only"
    UPGRADE_WITH_LICENSE_TRANSFER = "upgrade_with_license_transfer"


class UpgradeErrorCode(OpenEnum):
    """Why a subscription can't be upgraded."""

    __numbers__ = (
        "Other",
        "DelegatedAdminPermissionsDisabled",
        "SubscriptionStatusNotActive",
        "ConflictingServiceTypes",
        "ConcurrencyConflicts",
        "UserContextRequired",
        "SubscriptionAddOnsPresent",
        "SubscriptionDoesNotHaveAnyUpgradePaths",
        "SubscriptionTargetOfferNotFound",
        "SubscriptionNotProvisioned",
        "OfferDoesNotSupportBillingCycle",
        "InsufficientGranularAdminPermissions",
    )

    OTHER = "Other"
    DELEGATED_ADMIN_PERMISSIONS_DISABLED = "DelegatedAdminPermissionsDisabled"
    SUBSCRIPTION_STATUS_NOT_ACTIVE = "SubscriptionStatusNotActive"
    CONFLICTING_SERVICE_TYPES = "ConflictingServiceTypes"
    CONCURRENCY_CONFLICTS = "ConcurrencyConflicts"
    USER_CONTEXT_REQUIRED = "UserContextRequired"
    SUBSCRIPTION_ADD_ONS_PRESENT = "SubscriptionAddOnsPresent"
    SUBSCRIPTION_DOES_NOT_HAVE_ANY_UPGRADE_PATHS = "SubscriptionDoesNotHaveAnyUpgradePaths"
    SUBSCRIPTION_TARGET_OFFER_NOT_FOUND = "SubscriptionTargetOfferNotFound"
    SUBSCRIPTION_NOT_PROVISIONED = "SubscriptionNotProvisioned"
    OFFER_DOES_NOT_SUPPORT_BILLING_CYCLE = "OfferDoesNotSupportBillingCycle"
    INSUFFICIENT_GRANULAR_ADMIN_PERMISSIONS = "InsufficientGranularAdminPermissions"


class UpgradeError(Model, frozen=True, kw_only=True):
    """A reason against an upgrade."""

    code: UpgradeErrorCode | None = None
    description: str | None = None
    additional_details: str | None = None
    attributes: ResourceAttributes | None = None


class Upgrade(Model, frozen=True, kw_only=True):
    """An offer from before the New Commerce that a subscription could move to."""

    target_offer: Offer | None = None
    upgrade_type: UpgradeType | None = None
    is_eligible: bool | None = None
    quantity: int | None = None
    upgrade_errors: tuple[UpgradeError, ...] = ()
    attributes: ResourceAttributes | None = None


class Conversion(Model, frozen=True, kw_only=True):
    """A paid offer that a trial from before the New Commerce could become."""

    offer_id: str | None = None
    target_offer_id: str | None = None
    order_id: str | None = None
    quantity: int | None = None
    billing_cycle: BillingCycleType | None = None
    attributes: ResourceAttributes | None = None


class TransitionType(OpenEnum):
    """Whether the licenses of users go along with a transition."""

    TRANSITION_ONLY = "transition_only"
    TRANSITION_WITH_LICENSE_TRANSFER = "transition_with_license_transfer"


class TransitionErrorCode(OpenEnum):
    """Why a subscription can't become another."""

    __numbers__ = (
        "Other",
        "DelegatedAdminPermissionsDisabled",
        "SubscriptionStatusNotActive",
        "ConflictingServiceTypes",
        "ConcurrencyConflicts",
        "UserContextRequired",
        "SubscriptionAddOnsPresent",
        "SubscriptionDoesNotHaveAnyTransitionedPaths",
        "SubscriptionTargetOfferNotFound",
        "SubscriptionNotProvisioned",
        "OfferDoesNotSupportBillingCycle",
        "ConversionsNotFound",
        "UserLicenseError",
        "InsufficientGranularAdminPermissions",
    )

    OTHER = "Other"
    DELEGATED_ADMIN_PERMISSIONS_DISABLED = "DelegatedAdminPermissionsDisabled"
    SUBSCRIPTION_STATUS_NOT_ACTIVE = "SubscriptionStatusNotActive"
    CONFLICTING_SERVICE_TYPES = "ConflictingServiceTypes"
    CONCURRENCY_CONFLICTS = "ConcurrencyConflicts"
    USER_CONTEXT_REQUIRED = "UserContextRequired"
    SUBSCRIPTION_ADD_ONS_PRESENT = "SubscriptionAddOnsPresent"
    SUBSCRIPTION_DOES_NOT_HAVE_ANY_TRANSITIONED_PATHS = "SubscriptionDoesNotHaveAnyTransitionedPaths"
    SUBSCRIPTION_TARGET_OFFER_NOT_FOUND = "SubscriptionTargetOfferNotFound"
    SUBSCRIPTION_NOT_PROVISIONED = "SubscriptionNotProvisioned"
    OFFER_DOES_NOT_SUPPORT_BILLING_CYCLE = "OfferDoesNotSupportBillingCycle"
    CONVERSIONS_NOT_FOUND = "ConversionsNotFound"
    USER_LICENSE_ERROR = "UserLicenseError"
    INSUFFICIENT_GRANULAR_ADMIN_PERMISSIONS = "InsufficientGranularAdminPermissions"


class TransitionError(Model, frozen=True, kw_only=True):
    """A reason against a transition. Those about a subscription to join have codes of their own."""

    code: TransitionErrorCode | None = None
    description: str | None = None


class TransitionEligibilityDetail(Model, frozen=True, kw_only=True):
    """Whether a transition of one kind is open to a subscription."""

    is_eligible: bool | None = None
    transition_type: TransitionType | None = None
    errors: tuple[TransitionError, ...] = ()
    subscription_id: str | None = None
    subscription_friendly_name: str | None = None
    subscription_term_duration: str | None = None
    subscription_billing_cycle: BillingCycleType | None = None


class TargetSubscriptionEligibilityDetail(Model, frozen=True, kw_only=True):
    """A subscription of the customer that the one in question could join, and what stands against it."""

    is_eligible: bool | None = None
    subscription_id: str | None = None
    subscription_friendly_name: str | None = None
    subscription_term_duration: str | None = None
    subscription_billing_cycle: BillingCycleType | None = None
    errors: tuple[TransitionError, ...] = ()


class TransitionEligibility(Model, frozen=True, kw_only=True):
    """A product that a subscription could become, and on what terms."""

    operation_id: str | None = None
    catalog_item_id: str | None = None
    title: str | None = None
    description: str | None = None
    quantity: int | None = None
    eligibilities: tuple[TransitionEligibilityDetail, ...] = ()
    subscription_eligibilities: tuple[TargetSubscriptionEligibilityDetail, ...] = ()
    attributes: ResourceAttributes | None = None


class TransitionEventName(OpenEnum):
    """A step of a transition."""

    CONVERSION = "Conversion"
    LICENSE_TRANSFER = "LicenseTransfer"


class TransitionEventStatus(OpenEnum):
    """How far a step of a transition has come."""

    STARTED = "Started"
    COMPLETED = "Completed"
    FAILED = "Failed"


class TransitionEvent(Model, frozen=True, kw_only=True):
    """What happened in a transition, and when."""

    name: TransitionEventName | None = None
    status: TransitionEventStatus | None = None
    timestamp: Timestamp | None = None
    errors: tuple[TransitionError, ...] = ()
    attributes: ResourceAttributes | None = None


class Transition(Model, frozen=True, kw_only=True):
    """A subscription that became another, or joined another."""

    operation_id: str | None = None
    from_catalog_item_id: str | None = None
    from_subscription_id: str | None = None
    to_catalog_item_id: str | None = None
    to_subscription_id: str | None = None
    quantity: int | None = None
    term_duration: str | None = None
    billing_cycle: BillingCycleType | None = None
    transition_type: TransitionType | None = None
    promotion_id: str | None = None
    events: tuple[TransitionEvent, ...] = ()
    attributes: ResourceAttributes | None = None


class SupportContact(Model, frozen=True, kw_only=True):
    """Who supports the users of a subscription."""

    support_tenant_id: str | None = None
    support_mpn_id: str | None = None
    name: str | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None


class SubscriptionProvisioningState(OpenEnum):
    """Whether the licenses of a subscription are there to be used."""

    __numbers__ = ("none", "success", "pending", "failed")

    NONE = "none"
    SUCCESS = "success"
    PENDING = "pending"
    FAILED = "failed"


class SubscriptionProvisioningStatus(Model, frozen=True, kw_only=True):
    """What is provisioned of a subscription: how many licenses of which SKU, until when."""

    sku_id: str | None = None
    status: SubscriptionProvisioningState | None = None
    quantity: int | None = None
    end_date: Timestamp | None = None
    attributes: ResourceAttributes | None = None


class RegistrationStatus(OpenEnum):
    """Whether a subscription may be used with Azure reservations."""

    REGISTERED = "registered"
    REGISTERING = "registering"
    NOT_REGISTERED = "notregistered"


class SubscriptionRegistrationStatus(Model, frozen=True, kw_only=True):
    """How far the registration of an Azure subscription has come."""

    subscription_id: str | None = None
    status: RegistrationStatus | None = None
    attributes: ResourceAttributes | None = None


class OrderLineItemActivationLink(Model, frozen=True, kw_only=True):
    """Where a product of a line of an order is activated at its publisher's."""

    line_item_number: int | None = None
    link: Link | None = None


class OverageLinks(Model, frozen=True, kw_only=True):
    """Where the overage of a subscription is read."""

    overage: Link | None = None
    self: Link | None = None


class Overage(Model, frozen=True, kw_only=True):
    """Whether what goes beyond a product's capacity may be used, and which Azure subscription pays for it."""

    azure_entitlement_id: str | None = None
    partner_id: str | None = None
    type: str | None = None
    overage_enabled: bool | None = None
    overage: bool | None = None
    order_id: str | None = None
    contract_type: ContractType | None = None
    links: OverageLinks | None = None
    attributes: ResourceAttributes | None = None


class AzureEntitlementLinks(Model, frozen=True, kw_only=True):
    """Where an Azure subscription is read."""

    self: Link | None = None


class AzureEntitlement(Model, frozen=True, kw_only=True):
    """An Azure subscription under a customer's Azure plan; ``subscription_id`` is the plan's."""

    id: str = ""
    friendly_name: str | None = None
    status: str | None = None
    subscription_id: str | None = None
    links: AzureEntitlementLinks | None = None


class CustomTermEndDateType(OpenEnum):
    """What a term may be made to end with."""

    CALENDAR_MONTH_ALIGNED = "calendarMonthAligned"
    SUBSCRIPTION_ALIGNED = "subscriptionAligned"


class CustomTermEndDate(Model, frozen=True, kw_only=True):
    """A day on which the term of a new subscription may end, and the subscriptions that end then as well."""

    allowed_custom_term_end_date_type: CustomTermEndDateType | None = None
    allowed_custom_term_end_date: Timestamp | None = None
    coterm_subscription_ids: tuple[str, ...] = ()
