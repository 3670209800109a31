"""Offers of the catalogue from before the New Commerce."""

from partnercenter_async.models.common import Link, Model, ResourceAttributes, ResourceLinks
from partnercenter_async.models.orders import BillingCycleType
from partnercenter_async.models.scalars import FrozenObject, OpenEnum


class BillingType(OpenEnum):
    """What is billed: licenses, or what was used of a service."""

    __numbers__ = ("none", "usage", "license")

    NONE = "none"
    USAGE = "usage"
    LICENSE = "license"


class OfferAcquisitionType(OpenEnum):
    """How an offer is come by."""

    PURCHASE = "purchase"
    REFERRAL = "referral"


class OfferCategory(Model, frozen=True, kw_only=True):
    """The shelf that an offer stands on."""

    id: str = ""
    name: str | None = None
    rank: int | None = None
    locale: str | None = None
    country: str | None = None
    links: ResourceLinks | None = None
    attributes: ResourceAttributes | None = None


class OfferProduct(Model, frozen=True, kw_only=True):
    """The product that an offer is of."""

    id: str = ""
    name: str | None = None
    unit: str | None = None


class OfferAttestationProperties(Model, frozen=True, kw_only=True):
    """Whether a buyer has to attest something first, and what."""

    enforce_attestation: bool | None = None
    attestation_type: str | None = None


class OfferLinks(Model, frozen=True, kw_only=True):
    """Where an offer is read and told of."""

    learn_more: Link | None = None
    self: Link | None = None
    next: Link | None = None
    previous: Link | None = None


class Offer(Model, frozen=True, kw_only=True):
    """What was sold before the New Commerce. The quantities bound what an order may take of it."""

    id: str = ""
    name: str | None = None
    description: str | None = None
    minimum_quantity: int | None = None
    maximum_quantity: int | None = None
    rank: int | None = None
    uri: str | None = None
    locale: str | None = None
    country: str | None = None
    category: OfferCategory | None = None
    prerequisite_offers: tuple[str, ...] = ()
    is_add_on: bool | None = None
    has_add_ons: bool | None = None
    is_available_for_purchase: bool | None = None
    billing: BillingType | None = None
    supported_billing_cycles: tuple[BillingCycleType, ...] = ()
    is_auto_renewable: bool | None = None
    is_internal: bool | None = None
    is_microsoft_product: bool | None = None
    partner_qualifications: tuple[FrozenObject, ...] = ()
    upgrade_target_offers: tuple[str, ...] = ()
    conversion_target_offers: tuple[str, ...] = ()
    reseller_qualifications: tuple[str, ...] = ()
    resellee_qualifications: tuple[str, ...] = ()
    sales_group_id: str | None = None
    limit_unit_of_measure: str | None = None
    limit: int | None = None
    term_unit_of_measure: str | None = None
    term: int | None = None
    is_trial: bool | None = None
    attestation_properties: OfferAttestationProperties | None = None
    provider_id: str | None = None
    provider_name: str | None = None
    provider_location_id: str | None = None
    acquisition_type: OfferAcquisitionType | None = None
    supported_catalog_types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    product: OfferProduct | None = None
    unit_type: str | None = None
    links: OfferLinks | None = None
    attributes: ResourceAttributes | None = None
