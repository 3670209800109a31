"""asyncio client for the Microsoft Partner Center REST API: typed, paged, retried, exact.

``PartnerCenterClient`` is where to begin; :mod:`partnercenter_async.errors` draws the tree of errors.

PYTEST_DONT_REWRITE: pytest would rewrite all that comes with its plugin, and warn where it is imported already.
"""

from partnercenter_async._session.pace import Pace, Rate
from partnercenter_async._session.response import Headers, Response, ResponseInfo
from partnercenter_async._session.retry import RetryPolicy
from partnercenter_async._session.session import CallOptions, ListOptions
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import Cloud
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
    ResourceAttributes,
    ResourceCollection,
    ResourceLinks,
)
from partnercenter_async.models.customers import (
    Address,
    Customer,
    CustomerBillingProfile,
    CustomerCompanyProfile,
    RelationshipToPartner,
    UserCredentials,
)
from partnercenter_async.models.errors import ApiError
from partnercenter_async.models.migrations import NewCommerceMigration, NewCommerceMigrationEvent
from partnercenter_async.models.orders import (
    BillingCycleType,
    ClientContext,
    Order,
    OrderLineItem,
    OrderLineItemLinks,
    OrderLineItemProvisioningStatus,
    OrderLinks,
    OrderStatus,
    Pricing,
    ProvisioningStatus,
    PurchaseCommitment,
    QuantityProvisioningStatus,
    RenewsTo,
)
from partnercenter_async.models.scalars import Timestamp
from partnercenter_async.paging import Page, Pager, ReadAhead
from partnercenter_async.resources.customers import CustomerFilter

__all__ = [
    "Address",
    "ApiError",
    "Attempt",
    "AttemptTimeoutError",
    "AuthenticationError",
    "BadAnswerError",
    "BadRequestError",
    "BillingCycleType",
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
    "CredentialError",
    "Customer",
    "CustomerBillingProfile",
    "CustomerCompanyProfile",
    "CustomerFilter",
    "DeadlineError",
    "DecodeError",
    "Headers",
    "KeyValuePair",
    "Link",
    "LinkError",
    "LinkLoopError",
    "ListOptions",
    "MfaRequiredError",
    "NewCommerceMigration",
    "NewCommerceMigrationEvent",
    "NoAnswerError",
    "NotFoundError",
    "Order",
    "OrderLineItem",
    "OrderLineItemLinks",
    "OrderLineItemProvisioningStatus",
    "OrderLinks",
    "OrderStatus",
    "Outcome",
    "OutcomeUnknownError",
    "Pace",
    "Page",
    "Pager",
    "PartnerCenterClient",
    "PartnerCenterError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "Pricing",
    "Progress",
    "ProvisioningStatus",
    "PurchaseCommitment",
    "QuantityProvisioningStatus",
    "Rate",
    "ReadAhead",
    "RedirectError",
    "RefreshTokenCredential",
    "RelationshipToPartner",
    "RenewsTo",
    "ResourceAttributes",
    "ResourceCollection",
    "ResourceLinks",
    "Response",
    "ResponseInfo",
    "RetryPolicy",
    "ServerError",
    "StatusError",
    "ThrottledError",
    "Timestamp",
    "UserCredentials",
    "fan_out",
]
