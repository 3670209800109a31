"""Customers and their profiles."""

import msgspec

from partnercenter_async.models.common import Credentials, Model, ResourceAttributes, ResourceLinks
from partnercenter_async.models.scalars import OpenEnum


class RelationshipToPartner(OpenEnum):
    """What a customer is to the partner."""

    UNKNOWN = "unknown"
    RESELLER = "reseller"
    ADVISOR = "advisor"
    SYNDICATION = "syndication"
    MICROSOFT_SUPPORT = "microsoft_support"
    NONE = "none"


class Address(Model, frozen=True, kw_only=True):
    """A postal address and whom to ask for there."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    state: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    postal_code: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None


class CustomerCompanyProfile(Model, frozen=True, kw_only=True):
    """A customer's company and tenant."""

    tenant_id: str | None = None
    domain: str | None = None
    company_name: str | None = None
    organization_registration_number: str | None = None
    address: Address | None = None
    email: str | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None


class CustomerBillingProfile(Model, frozen=True, kw_only=True):
    """Whom a customer's bills go to."""

    id: str = ""
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    culture: str | None = None
    language: str | None = None
    company_name: str | None = None
    default_address: Address | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None


class UserCredentials(Credentials, frozen=True, kw_only=True):
    """The first administrator of a new tenant. The password is neither shown in a repr nor pickled."""

    user_name: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"{type(self).__name__}(user_name={self.user_name!r}, password={'***' if self.password else None})"

    def __deepcopy__(self, _memo: object) -> "UserCredentials":
        """Return the same, which can't be changed; a copy by way of a pickle would have no password."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Leave the password out."""
        return _credentials, (type(self), self.user_name)


def _credentials(cls: type[UserCredentials], user_name: str | None) -> UserCredentials:
    return cls(user_name=user_name)


class Customer(Model, frozen=True, kw_only=True):
    """A customer. In listings only the company profile and the relationship are filled."""

    id: str = ""
    commerce_id: str | None = None
    company_profile: CustomerCompanyProfile | None = None
    billing_profile: CustomerBillingProfile | None = None
    relationship_to_partner: RelationshipToPartner | None = None
    allow_delegated_access: bool | None = None
    user_credentials: UserCredentials | None = None
    custom_domains: tuple[str, ...] = ()
    associated_partner_id: str | None = None
    enable_gdap_by_default: bool | None = msgspec.field(default=None, name="enableGDAPByDefault")
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None
