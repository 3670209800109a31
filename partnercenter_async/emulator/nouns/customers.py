"""Customers."""

import json
from collections.abc import Callable, Sequence

from partnercenter_async.emulator.api import (
    Api,
    BadRequestError,
    Call,
    RefusedError,
    Reply,
    Route,
    getting,
    size_of,
)
from partnercenter_async.emulator.generation import JsonObject, guid, link, tail_of
from partnercenter_async.emulator.store import Kind, Store

_QUALITIES = (
    *("Amber", "Brisk", "Coral", "Dusky", "Early", "Fabled", "Gentle", "Hazel", "Ivory", "Jolly", "Keen", "Lunar"),
    *("Mellow", "Noble", "Olive", "Prime", "Quiet", "Russet", "Silver", "Tidal", "Upper", "Vivid", "Winter", "Young"),
)
_THINGS = (
    *("Heron", "Meadow", "Anvil", "Lantern", "Orchard", "Compass", "Pebble", "Quarry", "Rudder", "Sparrow", "Thistle"),
    *("Umbra", "Valley", "Willow", "Yarrow", "Zephyr", "Harbour", "Maple", "Ridge", "Saffron", "Tern", "Wharf"),
)
_TRADES = (
    *("Logistics", "Bakery", "Dental", "Legal", "Software", "Foods", "Travel", "Textiles", "Energy", "Studio"),
    *("Clinic", "Motors", "Press", "Farms", "Marine", "Optics"),
)
_NAMES = len(_QUALITIES) * len(_THINGS) * len(_TRADES)
# Country, the form of a company there, culture, currency and its sign; a partner sells mostly at home.
PLACES = (
    *(("US", "Inc", "en-US", "USD", "$"),) * 9,
    *(("DE", "GmbH", "de-DE", "EUR", "€"),) * 2,
    ("FR", "SARL", "fr-FR", "EUR", "€"),
    *(("GB", "Ltd", "en-GB", "GBP", "£"),) * 2,
    ("CH", "AG", "de-CH", "CHF", "CHF"),
    ("JP", "KK", "ja-JP", "JPY", "¥"),
)
"""By the number that `place_of` returns."""
_FIRST_NAMES = ("Ada", "Bo", "Cleo", "Dag", "Esra", "Finn", "Gala", "Hugo", "Ines", "Jun", "Kofi", "Lea")
_LAST_NAMES = ("Abt", "Brandt", "Cruz", "Dale", "Engel", "Frost", "Gray", "Holm", "Iyer", "Juhl", "Kato", "Lund")
_CITIES = ("Larkspur", "Eastmere", "Hollow Bay", "Nordhaven", "Redwater", "Stillbrook", "Tallford", "Westering")
_STREETS = ("Meadow", "Harbour", "Station", "Mill", "Orchard", "Bridge", "Chapel", "Quarry")
_FIELDS: dict[str, Callable[[JsonObject], str]] = {
    "companyname": lambda customer: _profile(customer, "companyName"),
    "domain": lambda customer: _profile(customer, "domain"),
    "indirectreseller": lambda customer: str(customer.get("associatedPartnerId") or ""),
    "indirectcloudsolutionprovider": lambda customer: str(customer.get("associatedPartnerId") or ""),
}
_FOR_USERS = frozenset(["indirectreseller", "indirectcloudsolutionprovider"])
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda text, value: text == value,
    "not_equals": lambda text, value: text != value,
    "starts_with": lambda text, value: text.startswith(value),
    "not_starts_with": lambda text, value: not text.startswith(value),
    "substring": lambda text, value: value in text,
}
_DETAILS = ("commerceId", "billingProfile", "allowDelegatedAccess", "customDomains", "associatedPartnerId", "links")


def _profile(customer: JsonObject, name: str) -> str:
    profile = customer.get("companyProfile")
    return str(profile.get(name) or "") if isinstance(profile, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


class Customers:
    """The generated customers."""

    def __init__(self, store: Store, _parents: Sequence[str] = ()) -> None:
        self._generation = store.generation

    def __len__(self) -> int:
        """Return how many there are."""
        return self._generation.customers

    def id(self, index: int) -> str:
        """Return the id of the customer at a position."""
        if not 0 <= index < len(self):
            message = f"there is no generated customer at position {index}"
            raise IndexError(message)
        digits = self._generation.digest("customer", index).hex()
        return guid(digits, self._generation.scramble("customer").hide(index))

    def position(self, record_id: str) -> int:
        """Return where a customer is. Raises KeyError."""
        index = self._generation.scramble("customer").reveal(tail_of(record_id))
        if index < len(self) and self.id(index) == record_id.lower():
            return index
        raise KeyError(record_id)

    def get(self, record_id: str) -> JsonObject:
        """Return a customer in full. Raises KeyError."""
        return self.at(self.position(record_id))

    def name(self, index: int) -> tuple[str, str]:
        """Return the company name and the domain of the customer at a position."""
        number = (index * 3571 + self._generation.seed * 211) % _NAMES  # a prime: no name twice before all are used
        rest, trade = divmod(number, len(_TRADES))
        quality, thing = divmod(rest, len(_THINGS))
        again = f" {index // _NAMES + 1}" if index >= _NAMES else ""
        words = (_QUALITIES[quality], _THINGS[thing], _TRADES[trade])
        form = PLACES[self.place_of(index)][1]
        return f"{' '.join(words)}{again} {form}", f"{''.join(words)}{again.strip()}.example.com".lower()

    def place_of(self, index: int) -> int:
        """Return the number of the place where a customer is."""
        return self._generation.digest("place", index)[0] % len(PLACES)

    def at(self, position: int) -> JsonObject:
        """Return a customer in full."""
        customer_id = self.id(position)
        name, domain = self.name(position)
        dice = self._generation.digest("profile", position)
        customer: JsonObject = {
            "id": customer_id,
            "commerceId": guid(dice.hex()[16:], position),
            "companyProfile": {
                "tenantId": customer_id,
                "domain": domain,
                "companyName": name,
                "organizationRegistrationNumber": f"R{dice[0] * 7919 + position:08d}" if dice[1] & 1 else None,
                "links": {"self": link(f"/customers/{customer_id}/profiles/company")},
                "attributes": {"objectType": "CustomerCompanyProfile"},
            },
            "billingProfile": self._billing_profile(position, customer_id, name, domain, dice),
            "relationshipToPartner": "reseller",
            "allowDelegatedAccess": dice[2] > 40,  # noqa: PLR2004 - of 256
            "customDomains": [domain] if dice[3] & 1 else [],
        }
        if dice[4] & 1:
            customer["associatedPartnerId"] = self._generation.resellers[dice[4] % 3].partner_id
        customer["links"] = {"self": link(f"/customers/{customer_id}")}
        customer["attributes"] = {"objectType": "Customer"}
        return customer

    def _billing_profile(self, index: int, customer_id: str, name: str, domain: str, dice: bytes) -> JsonObject:
        first, last = _FIRST_NAMES[dice[5] % len(_FIRST_NAMES)], _LAST_NAMES[dice[6] % len(_LAST_NAMES)]
        country, _, culture, _, _ = PLACES[self.place_of(index)]
        address: JsonObject = {
            "country": country,
            "city": _CITIES[dice[8] % len(_CITIES)],
            "state": "WA" if country == "US" else "",
            "addressLine1": f"{dice[9] + 1} {_STREETS[dice[10] % len(_STREETS)]} Street",
            "postalCode": f"{10_000 + dice[11] * 257}",
            "firstName": first,
            "lastName": last,
            "phoneNumber": f"555{dice[12]:03d}{dice[13]:04d}",
        }
        if dice[14] & 3 == 0:
            address["addressLine2"] = None
        return {
            "id": guid(dice.hex()[40:], dice[0]),
            "firstName": first,
            "lastName": last,
            "email": f"{first}.{last}@{domain}".lower(),
            "culture": culture,
            "language": culture[:2],
            "companyName": name,
            "defaultAddress": address,
            "links": {"self": link(f"/customers/{customer_id}/profiles/billing")},
            "attributes": {"etag": str(-(int.from_bytes(dice[20:27], "big"))), "objectType": "CustomerBillingProfile"},
        }


KIND = Kind(
    path="/v1/customers",
    key="customer_id",
    generate=Customers,
    refusal=(403, 20002, "The partner has no relation with this customer."),
)


def shown(customer: JsonObject) -> JsonObject:
    """Return a customer as the listing shows it, without the details that only its own address has."""
    thin = {name: value for name, value in customer.items() if name not in _DETAILS}
    profile = customer["companyProfile"]
    if isinstance(profile, dict):
        kept = ("tenantId", "domain", "companyName", "attributes")
        thin["companyProfile"] = {name: profile[name] for name in kept if name in profile}
    return thin


def _list(api: Api, call: Call) -> Reply:
    parameters = call.parameters()
    text = parameters.get("filter")
    field, keeps = ("", None) if text is None else _filter(text)
    if field in _FOR_USERS:
        api.check_user(call)
    size = size_of(parameters, api.settings.customers_page_size)
    return api.page(call, api.of(KIND, call), ("customers", text or ""), size=size, keeps=keeps, shows=shown)


def _filter(text: str) -> tuple[str, Callable[[JsonObject], bool]]:
    """Return the field of a filter in lower case, and whether it keeps a customer. Raises BadRequestError."""
    try:
        wanted = {str(name).lower(): value for name, value in json.loads(text).items()}
        field = wanted["field"].lower()
        of, operator = _FIELDS[field], _OPERATORS[wanted["operator"].lower()]
        value = wanted["value"].lower()
    except (ValueError, KeyError, AttributeError, RecursionError) as error:
        message = "The filter is not understood."
        raise BadRequestError(message) from error
    return field, lambda customer: operator(of(customer).lower(), value)


def _company_profile(api: Api, call: Call) -> Reply:
    return Reply(200, _part(api.record(KIND, call), "companyProfile"))


def _billing_profile(api: Api, call: Call) -> Reply:
    return Reply(200, _part(api.record(KIND, call), "billingProfile"))


def _part(customer: JsonObject, name: str) -> object:
    part = customer.get(name)
    if part is None:
        raise RefusedError(404, 1000, "The customer has no such profile.")
    return part


ROUTES = (
    Route("customers.list", "GET /v1/customers", _list),
    Route("customers.get", "GET /v1/customers/{customer_id}", getting(KIND)),
    Route("customers.company_profile", "GET /v1/customers/{customer_id}/profiles/company", _company_profile),
    Route("customers.billing_profile", "GET /v1/customers/{customer_id}/profiles/billing", _billing_profile),
)
