"""What the partner sells, and at which prices."""

import random
from decimal import Decimal
from typing import NamedTuple

from partnercenter_async.emulator.generation import EXACT, guid

_SOFTWARE = "one_time"
# Name, list price in dollars for a month (of software once), and how often of 256 an order is for it.
_PLANS = (
    ("Microsoft 365 Business Basic", "6.00", 30),
    ("Microsoft 365 Business Standard", "12.50", 40),
    ("Microsoft 365 Business Premium", "22.00", 42),
    ("Microsoft 365 Apps for business", "8.25", 10),
    ("Exchange Online (Plan 1)", "4.00", 22),
    ("Exchange Online Archiving", "3.00", 6),
    ("Office 365 E1", "10.00", 8),
    ("Office 365 E3", "23.00", 10),
    ("Microsoft 365 E3", "36.00", 12),
    ("Microsoft 365 E5", "57.00", 7),
    ("Microsoft 365 Copilot", "30.00", 9),
    ("Microsoft Entra ID P1", "6.00", 8),
    ("Microsoft Intune Plan 1", "8.00", 7),
    ("Microsoft Defender for Business", "3.00", 8),
    ("Power BI Pro", "14.00", 8),
    ("Power Automate Premium", "15.00", 4),
    ("Visio Plan 2", "15.00", 6),
    ("Planner and Project Plan 3", "30.00", 5),
    ("Teams Phone Standard", "10.00", 5),
    ("Windows 365 Business 2 vCPU, 8 GB, 128 GB", "41.00", 3),
    ("Dynamics 365 Business Central Essentials", "80.00", 3),
    ("Dynamics 365 Sales Professional", "65.00", 3),
)
_LICENCES = (("Windows Server 2025 Standard, 16 cores", "1176.00"), ("SQL Server 2025 Standard, 2 cores", "3945.00"))
_RATES = {"USD": "1", "EUR": "0.935", "GBP": "0.79", "CHF": "0.905", "JPY": "149.9"}
_MONTHS = {"monthly": 1, "annual": 12, "biennial": 24, "triennial": 36}
_MONTHLY = Decimal("1.2")  # what a term of a month costs more
_MARGIN = Decimal("0.8")  # of the list price is what the partner pays
_PRORATED = Decimal("0.4")
_LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXZ"


class Offer(NamedTuple):
    """A product with its sku and its availability."""

    name: str
    product: str
    sku: str
    availability: str
    legacy_id: str
    """What it was called before the new commerce."""
    list_price: Decimal
    once: bool

    @property
    def id(self) -> str:
        """What an order line calls it."""
        return f"{self.product}:{self.sku}:{self.availability}"


class Price(NamedTuple):
    """What one unit costs for a billing cycle."""

    list_price: Decimal
    discounted: Decimal
    prorated: Decimal


class Catalogue:
    """All offers, the same for every seed, and their prices."""

    def __init__(self, *, oddities: bool) -> None:
        self._oddities = oddities
        self._prices: dict[tuple[str, str, str], Price] = {}
        source = random.Random("catalogue")  # noqa: S311 - reproducible data, no secret
        self._weighted = [at for at, (_, _, weight) in enumerate(_PLANS) for _ in range(weight)]
        entries = [*((name, price, False) for name, price, _ in _PLANS), *((*each, True) for each in _LICENCES)]
        self.offers = tuple(
            Offer(
                name,
                product="CFQ7EM" + "".join(source.choices(_LETTERS, k=6)),
                sku=f"{number % 7 + 1:04X}",
                availability="CFQ7EM" + "".join(source.choices(_LETTERS, k=6)),
                legacy_id=guid(source.randbytes(9).hex(), source.getrandbits(48)).upper(),
                list_price=Decimal(price),
                once=once,
            )
            for number, (name, price, once) in enumerate(entries)
        )
        self._once = tuple(offer for offer in self.offers if offer.once)

    def pick(self, die: int, cycle: str) -> Offer:
        """Return an offer of a billing cycle by a die of 256."""
        if cycle == _SOFTWARE:
            return self._once[die % len(self._once)]
        return self.offers[self._weighted[die % len(self._weighted)]]

    def price(self, offer: Offer, currency: str, cycle: str) -> Price:
        """Return what an offer costs; with oddities one in eight prices has 19 digits, as some of the service's do."""
        key = offer.product, currency, cycle
        found = self._prices.get(key)
        if found is None:
            found = self._prices[key] = self._price(offer, currency, cycle)
        return found

    def _price(self, offer: Offer, currency: str, cycle: str) -> Price:
        source = random.Random(f"{offer.product}:{currency}:{cycle}")  # noqa: S311 - as above
        if self._oddities and source.randrange(8) == 0:
            return Price(*(EXACT.scaleb(Decimal(source.randrange(10**18, 10**19)), -15) for _ in range(3)))
        unit = EXACT.scaleb(Decimal("0.01"), -source.choice((0, 0, 0, 0, 0, 0, 0, 1, 2, 2)))
        months = 1 if offer.once else _MONTHS.get(cycle, 1)
        listed = EXACT.multiply(EXACT.multiply(offer.list_price, Decimal(_RATES[currency])), Decimal(months))
        if cycle == "monthly":
            listed = EXACT.multiply(listed, _MONTHLY)
        shares = (Decimal(1), _MARGIN, EXACT.multiply(_MARGIN, _PRORATED))
        return Price(*(EXACT.multiply(listed, share).quantize(unit, context=EXACT) for share in shares))
