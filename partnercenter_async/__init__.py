"""asyncio client for the Microsoft Partner Center REST API: typed, paged, retried, exact.

``PartnerCenterClient`` is where to begin; :mod:`partnercenter_async.errors` draws the tree of errors.

The structs of nouns (orders, customers and so on) are built when one of them is first touched, which imports their
module; so are the operations of a client's nouns.

PYTEST_DONT_REWRITE: pytest would rewrite all that comes with its plugin, and warn where it is imported already.
"""

import importlib
import typing

from partnercenter_async._session.pace import Pace, Rate
from partnercenter_async._session.response import Headers, Response, ResponseInfo
from partnercenter_async._session.retry import RetryPolicy
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import Cloud, Service
from partnercenter_async.credentials import RefreshTokenCredential
from partnercenter_async.errors import (
    Attempt,
    AttemptTimeoutError,
    AuthenticationError,
    BadAnswerError,
    BadRequestError,
    BodyTooLargeError,
    CallInfo,
    CertificateError,
    ClientClosedError,
    ConflictError,
    ConnectError,
    ConnectionLostError,
    CredentialError,
    DeadlineError,
    DecodeError,
    LinkError,
    LinkLoopError,
    MfaRequiredError,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    PartnerCenterError,
    PermissionDeniedError,
    PreconditionFailedError,
    RedirectError,
    ServerError,
    StatusError,
    ThrottledError,
)
from partnercenter_async.fan_out import Outcome, Progress, fan_out
from partnercenter_async.models.common import (
    KeyValuePair,
    Link,
    ODataCollection,
    ResourceAttributes,
    ResourceCollection,
    ResourceLinks,
)
from partnercenter_async.models.errors import ApiError
from partnercenter_async.models.scalars import Timestamp
from partnercenter_async.paging import Page, Pager, ReadAhead

if typing.TYPE_CHECKING:
    from partnercenter_async.models.customers import *
    from partnercenter_async.models.migrations import *
    from partnercenter_async.models.offers import *
    from partnercenter_async.models.orders import *
    from partnercenter_async.models.subscriptions import *
    from partnercenter_async.resources.customers import CustomerFilter

__all__ = [
    "Address",
    "ApiError",
    "Attempt",
    "AttemptTimeoutError",
    "AuthenticationError",
    "AzureEntitlement",
    "AzureEntitlementLinks",
    "BadAnswerError",
    "BadRequestError",
    "BillingCycleType",
    "BillingType",
    "BodyTooLargeError",
    "CallInfo",
    "CallOptions",
    "CertificateError",
    "ClientClosedError",
    "ClientContext",
    "Cloud",
    "ConflictError",
    "ConnectError",
    "ConnectionLostError",
    "ContractType",
    "Conversion",
    "CredentialError",
    "CustomTermEndDate",
    "CustomTermEndDateType",
    "Customer",
    "CustomerBillingProfile",
    "CustomerCompanyProfile",
    "CustomerFilter",
    "DeadlineError",
    "DecodeError",
    "Headers",
    "ItemType",
    "KeyValuePair",
    "Link",
    "LinkError",
    "LinkLoopError",
    "ListOptions",
    "MfaRequiredError",
    "NewCommerceMigration",
    "NewCommerceMigrationEvent",
    "NextChargeInstructions",
    "NoAnswerError",
    "NotFoundError",
    "ODataCollection",
    "Offer",
    "OfferAcquisitionType",
    "OfferAttestationProperties",
    "OfferCategory",
    "OfferLinks",
    "OfferProduct",
    "Order",
    "OrderLineItem",
    "OrderLineItemActivationLink",
    "OrderLineItemLinks",
    "OrderLineItemProvisioningStatus",
    "OrderLinks",
    "OrderStatus",
    "Outcome",
    "OutcomeUnknownError",
    "Overage",
    "OverageLinks",
    "Pace",
    "Page",
    "Pager",
    "PartnerCenterClient",
    "PartnerCenterError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "Pricing",
    "ProductTerm",
    "Progress",
    "ProvisioningStatus",
    "PurchaseCommitment",
    "QuantityProvisioningStatus",
    "Rate",
    "ReadAhead",
    "RedirectError",
    "RefreshTokenCredential",
    "RefundOption",
    "RefundableQuantity",
    "RefundableQuantityDetail",
    "RegistrationStatus",
    "RelationshipToPartner",
    "RenewsTo",
    "ResourceAttributes",
    "ResourceCollection",
    "ResourceLinks",
    "Response",
    "ResponseInfo",
    "RetryPolicy",
    "ScheduledNextTermInstructions",
    "ServerError",
    "Service",
    "StatusError",
    "Subscription",
    "SubscriptionLineItem",
    "SubscriptionLinks",
    "SubscriptionProvisioningState",
    "SubscriptionProvisioningStatus",
    "SubscriptionRegistrationStatus",
    "SubscriptionStatus",
    "SupportContact",
    "TargetSubscriptionEligibilityDetail",
    "ThrottledError",
    "Timestamp",
    "Transition",
    "TransitionEligibility",
    "TransitionEligibilityDetail",
    "TransitionError",
    "TransitionErrorCode",
    "TransitionEvent",
    "TransitionEventName",
    "TransitionEventStatus",
    "TransitionType",
    "Upgrade",
    "UpgradeError",
    "UpgradeErrorCode",
    "UpgradeType",
    "UserCredentials",
    "fan_out",
]

# The names that are imported when they are first touched, by the module that has them.
_LATER = {
    "models.customers": (
        "Address Customer CustomerBillingProfile CustomerCompanyProfile RelationshipToPartner UserCredentials"
    ),
    "models.migrations": "NewCommerceMigration NewCommerceMigrationEvent",
    "models.offers": (
        "BillingType Offer OfferAcquisitionType OfferAttestationProperties OfferCategory OfferLinks OfferProduct"
    ),
    "models.orders": (
        "BillingCycleType ClientContext Order OrderLineItem OrderLineItemLinks OrderLineItemProvisioningStatus "
        "OrderLinks OrderStatus Pricing ProvisioningStatus PurchaseCommitment QuantityProvisioningStatus RenewsTo"
    ),
    "models.subscriptions": (
        "AzureEntitlement AzureEntitlementLinks ContractType Conversion CustomTermEndDate CustomTermEndDateType "
        "ItemType NextChargeInstructions OrderLineItemActivationLink Overage OverageLinks ProductTerm RefundOption "
        "RefundableQuantity RefundableQuantityDetail RegistrationStatus ScheduledNextTermInstructions Subscription "
        "SubscriptionLineItem SubscriptionLinks SubscriptionProvisioningState SubscriptionProvisioningStatus "
        "SubscriptionRegistrationStatus SubscriptionStatus SupportContact TargetSubscriptionEligibilityDetail "
        "Transition TransitionEligibility TransitionEligibilityDetail TransitionError TransitionErrorCode "
        "TransitionEvent TransitionEventName TransitionEventStatus TransitionType Upgrade UpgradeError "
        "UpgradeErrorCode UpgradeType"
    ),
    "resources.customers": "CustomerFilter",
}
_MODULES = {name: module for module, names in _LATER.items() for name in names.split()}

if not typing.TYPE_CHECKING:  # or type checkers would believe in any name

    def __getattr__(name: str) -> object:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
