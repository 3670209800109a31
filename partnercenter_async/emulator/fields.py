"""The fields that a test may give of a record: their names, their kinds, and how they go over the wire."""

import datetime as dt
import decimal
import difflib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias, TypedDict, cast

from partnercenter_async.emulator.generation import JsonObject

Money: TypeAlias = str | Decimal | int
"""An amount, exact: "12.50" rather than 12.5, which is refused."""
Moment: TypeAlias = str | dt.datetime
"""A date: text that is served as it is, or an aware datetime."""


class AddressFields(TypedDict, total=False):
    """A postal address."""

    country: str | None
    region: str | None
    city: str | None
    state: str | None
    address_line1: str | None
    address_line2: str | None
    postal_code: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    phone_number: str | None
    extra: Mapping[str, object]


class CompanyProfileFields(TypedDict, total=False):
    """A customer's company, but for what `add_customer` takes by itself."""

    organization_registration_number: str | None
    address: AddressFields | None
    email: str | None
    extra: Mapping[str, object]


class BillingProfileFields(TypedDict, total=False):
    """Whom a customer's bills go to."""

    id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    culture: str | None
    language: str | None
    company_name: str | None
    default_address: AddressFields | None
    extra: Mapping[str, object]


class CustomerFields(TypedDict, total=False):
    """The fields of a customer."""

    id: str
    commerce_id: str | None
    company_profile: CompanyProfileFields
    billing_profile: BillingProfileFields
    relationship_to_partner: str | None
    allow_delegated_access: bool | None
    custom_domains: Sequence[str] | None
    associated_partner_id: str | None
    extra: Mapping[str, object]


class PricingFields(TypedDict, total=False):
    """A line's prices."""

    list_price: Money | None
    discounted_price: Money | None
    prorated_price: Money | None
    price: Money | None
    extended_price: Money | None
    extra: Mapping[str, object]


class PurchaseCommitmentFields(TypedDict, total=False):
    """What an Azure savings plan commits to."""

    amount: Money | None
    currency: str | None
    grain: str | None
    extra: Mapping[str, object]


class RenewsToFields(TypedDict, total=False):
    """The term that follows."""

    term_duration: str | None
    extra: Mapping[str, object]


class LineItemFields(TypedDict, total=False):
    """The fields of an order's line."""

    line_item_number: int
    offer_id: str | None
    subscription_id: str | None
    parent_subscription_id: str | None
    term_duration: str | None
    transaction_type: str | None
    renews_to: RenewsToFields | None
    friendly_name: str | None
    quantity: int
    custom_term_end_date: Moment | None
    partner_id_on_record: str | None
    additional_partner_ids_on_record: Sequence[str] | None
    provisioning_context: Mapping[str, str] | None
    attestation_accepted: bool | None
    promotion_id: str | None
    pricing: PricingFields | None
    purchase_commitment: PurchaseCommitmentFields | None
    extra: Mapping[str, object]


class ClientFields(TypedDict, total=False):
    """The program through which an order came in."""

    marketplace_country: str | None
    device_family: str | None
    name: str | None
    extra: Mapping[str, object]


class OrderFields(TypedDict, total=False):
    """The fields of an order."""

    id: str
    alternate_id: str | None
    billing_cycle: str | None
    currency_code: str | None
    currency_symbol: str | None
    line_items: Sequence[LineItemFields] | None
    creation_date: Moment | None
    status: str | None
    total_price: Money | None
    transaction_type: str | None
    client: ClientFields | None
    partner_on_record_attestation_accepted: bool | None
    extra: Mapping[str, object]


class AddOnMigrationFields(TypedDict, total=False):
    """The fields of an add-on that moves with its subscription."""

    current_subscription_id: str | None
    catalog_item_id: str | None
    subscription_end_date: Moment | None
    quantity: int | None
    term_duration: str | None
    billing_cycle: str | None
    purchase_full_term: bool | None
    external_reference_id: str | None
    custom_term_end_date: Moment | None
    extra: Mapping[str, object]


class MigrationFields(AddOnMigrationFields, total=False):
    """The fields of a migration."""

    id: str
    started_time: Moment | None
    completed_time: Moment | None
    status: str | None
    new_commerce_subscription_id: str | None
    new_commerce_order_id: str | None
    microsoft_led: bool | None
    add_on_migrations: Sequence[AddOnMigrationFields] | None


class EventFields(TypedDict, total=False):
    """The fields of an event of a migration."""

    id: str
    created_time: Moment | None
    current_subscription_id: str | None
    status: str | None
    quantity: int | None
    term_duration: str | None
    billing_cycle: str | None
    microsoft_led: bool | None
    extra: Mapping[str, object]


# What the fields hold that are neither plain values nor free-form, and those that hold money.
NESTED: dict[str, frozenset[str]] = {
    "address": AddressFields.__optional_keys__,
    "company_profile": CompanyProfileFields.__optional_keys__,
    "billing_profile": BillingProfileFields.__optional_keys__,
    "default_address": AddressFields.__optional_keys__,
    "line_items": LineItemFields.__optional_keys__,
    "pricing": PricingFields.__optional_keys__,
    "purchase_commitment": PurchaseCommitmentFields.__optional_keys__,
    "renews_to": RenewsToFields.__optional_keys__,
    "client": ClientFields.__optional_keys__,
    "add_on_migrations": AddOnMigrationFields.__optional_keys__,
}
LISTS = frozenset({"line_items", "add_on_migrations"})
_COUNTS = frozenset({"quantity", "line_item_number"})
_MONEY = PricingFields.__optional_keys__ - {"extra"} | {"total_price", "amount"}


def wire(where: str, fields: Mapping[str, object], names: frozenset[str]) -> JsonObject:
    """Return fields under their wire names, without `extra`."""
    wire: JsonObject = {}
    for name, value in fields.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            hint = f", perhaps {near[0]!r}," if near else ""
            message = f"{where} has no field {name!r}{hint} and takes others only in extra={{...}}, by their wire names"
            raise TypeError(message)
        if name == "extra":
            _check_dict(f"{where}: extra", value)
        else:
            head, *rest = name.split("_")
            wire[head + "".join(word.capitalize() for word in rest)] = _value(f"{where}: {name}", name, value)
    return wire


def _value(where: str, name: str, value: object) -> object:  # noqa: PLR0911 - one line for each kind of value
    match value:
        case _ if name == "id":
            return text(where, value)
        case None:
            return None
        case _ if name in _COUNTS:
            return whole(where, value)
        case float():
            remedy = "a str or Decimal" if name in _MONEY else "an int or a str"
            message = f"{where} must be {remedy}, not the float {value!r}, which is not exact: write {str(value)!r}"
            raise TypeError(message)
        case _ if name in _MONEY:
            return _amount(where, value)
        case dt.datetime():
            return date(where, value)
        case list() | tuple() if name in LISTS or name not in NESTED:
            parts = enumerate(cast("Sequence[object]", value))
            return [(_part if name in NESTED else _value)(f"{where}[{at}]", name, each) for at, each in parts]
        case _ if name in LISTS:
            message = f"{where} must be a list of dicts, not {value!r}"
            raise TypeError(message)
        case _ if name in NESTED:
            return _part(where, name, value)
        case Mapping():
            return dict(cast("Mapping[str, object]", value))
        case str() | int():
            return value
        case _:
            message = f"{where} must be a value of JSON or an aware datetime, not {value!r}"
            raise TypeError(message)


def _part(where: str, name: str, value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        message = f"{where} must be a dict of fields such as {min(NESTED[name])!r}, not {value!r}"
        raise TypeError(message)
    part = cast("Mapping[str, object]", value)
    extra = cast("Mapping[str, object]", part.get("extra") or {})
    return wire(where, part, NESTED[name]) | dict(extra)


def _check_dict(where: str, value: object) -> None:
    if not isinstance(value, Mapping | None):
        message = f"{where} must be a dict of what else is served, by its wire names, not {value!r}"
        raise TypeError(message)


def text(where: str, value: object, remedy: str = "") -> str:
    """Return text that is not empty. Raises ValueError."""
    if not isinstance(value, str) or not value:
        message = f"{where} must be text that is not empty, not {value!r}{remedy}"
        raise ValueError(message)
    return value


def whole(where: str, value: object) -> int:
    """Return a whole number from 0. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"{where} must be a whole number, 0 or more, not {value!r}"
        raise ValueError(message)
    return value


def units_by_state(quantities: object) -> dict[str, int]:
    """Return how many units are in which state. Raises ValueError or TypeError."""
    where = "set_provisioning_status: quantities"
    if not isinstance(quantities, Mapping):
        message = f"{where} must be a dict of units by status, not {quantities!r}"
        raise TypeError(message)
    units = cast("Mapping[str, object]", quantities)
    return {state: whole(f"{where}[{state!r}]", number) for state, number in units.items()}


def check_line_numbers(lines: Sequence[LineItemFields]) -> None:
    """Refuse two lines with one number, but for a number that stands in `extra`."""
    seen: set[int] = set()
    for at, line in enumerate(lines):
        number = line.get("line_item_number", at)
        if number in seen and "lineItemNumber" not in (line.get("extra") or {}):
            message = f"add_order: line_items[{at}]: line_item_number {number} is that of another line"
            raise ValueError(message)
        seen.add(number)


def _amount(where: str, value: object) -> Decimal:
    if isinstance(value, str | Decimal | int) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except decimal.InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite():
            return amount
    message = f"{where} must be an amount such as '12.50', not {value!r}"
    raise ValueError(message)


def date(where: str, value: dt.datetime) -> str:
    """Return a date as the service writes it. Raises ValueError for one without a time zone."""
    if value.tzinfo is None:
        message = f"{where} must have a time zone: datetime(..., tzinfo=UTC)"
        raise ValueError(message)
    return f"{value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"
