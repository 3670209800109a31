"""What generated records are made of: a seed, sizes, and dice.

Everything is computed from the seed and an index when it is asked for, and nothing is kept. An id holds its index,
scrambled by a bijection of the seed, so that going from an id to its record needs no table and memory stays flat at any
size. "Dice" are the bytes of a digest of seed and index.
"""

import decimal
import hashlib
import random
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

JsonObject: TypeAlias = dict[str, object]
"""A JSON object as the emulator builds it: plain names, money as `Decimal`."""

INDEX_BITS = 24
INDEX_MASK = (1 << INDEX_BITS) - 1
EXACT = decimal.Context(prec=60)
"""Arithmetic that no setting of the caller's decimal context reaches."""

_BITS = 48
_MASK = (1 << _BITS) - 1
_GUID_LENGTH = 36
_SHORT_LENGTH = 12
_LARGEST_CUSTOMER_COUNT = 1 << INDEX_BITS
_LARGEST_ORDER_COUNT = 1 << (INDEX_BITS - 1)
_LARGEST_MIGRATION_COUNT = 1000


class Scramble:
    """A seeded bijection on 48-bit numbers."""

    def __init__(self, seed: str) -> None:
        source = random.Random(seed)  # noqa: S311 - reproducible data, no secret
        self._first = source.getrandbits(_BITS) | 1
        self._second = source.getrandbits(_BITS) | 1
        self._added = source.getrandbits(_BITS)
        self._first_inverse = pow(self._first, -1, 1 << _BITS)
        self._second_inverse = pow(self._second, -1, 1 << _BITS)

    def hide(self, number: int) -> int:
        """Return what stands for a number."""
        number = (number * self._first + self._added) & _MASK
        number ^= number >> 24
        number = (number * self._second) & _MASK
        return number ^ (number >> 24)

    def reveal(self, number: int) -> int:
        """Return the number that something stands for."""
        number ^= number >> 24
        number = (number * self._second_inverse) & _MASK
        number ^= number >> 24
        return ((number - self._added) * self._first_inverse) & _MASK


class Reseller(NamedTuple):
    """An indirect reseller of the partner."""

    id: str
    """What `indirect_reseller_id` asks for."""
    partner_id: str
    """The numeric text that order lines carry as `partnerIdOnRecord`."""


class Generation:
    """How many records of each kind are generated, and from which seed."""

    def __init__(
        self,
        *,
        customers: int,
        orders_per_customer: int | tuple[int, int],
        migrations_per_customer: int | tuple[int, int],
        seed: int,
        oddities: bool,
    ) -> None:
        if not 0 <= customers <= _LARGEST_CUSTOMER_COUNT:
            message = f"customers must lie between 0 and {_LARGEST_CUSTOMER_COUNT}"
            raise ValueError(message)
        self.customers = customers
        self.orders = _bounds(orders_per_customer, "orders_per_customer", _LARGEST_ORDER_COUNT)
        self.migrations = _bounds(migrations_per_customer, "migrations_per_customer", _LARGEST_MIGRATION_COUNT)
        self.seed = seed
        self.oddities = oddities
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._scrambles: dict[str, Scramble] = {}
        self.resellers = tuple(
            Reseller(guid(dice.hex(), int.from_bytes(dice[40:46], "big")), str(4_100_000 + dice[50] * 3000 + dice[51]))
            for dice in (self.digest("reseller", number) for number in range(3))
        )
        """Those that some of the orders belong to."""

    def __repr__(self) -> str:
        sizes = f"orders_per_customer={self.orders}, migrations_per_customer={self.migrations}"
        return f"customers={self.customers}, {sizes}, seed={self.seed}" + ", oddities=True" * self.oddities

    def digest(self, kind: str, number: int) -> bytes:
        """Return the dice of one record: 64 bytes."""
        return hashlib.blake2b(number.to_bytes(8, "big"), key=self._key, person=kind.encode()).digest()

    def scramble(self, kind: str) -> Scramble:
        """Return what hides the indices of a kind in its ids."""
        found = self._scrambles.get(kind)
        if found is None:
            found = self._scrambles[kind] = Scramble(f"{self.seed}:{kind}")
        return found

    def between(self, bounds: tuple[int, int], kind: str, number: int) -> int:
        """Return a number between two, both included."""
        low, high = bounds
        return low + int.from_bytes(self.digest(kind, number)[:8], "big") % (high - low + 1)


def _bounds(value: int | tuple[int, int], name: str, largest: int) -> tuple[int, int]:
    low, high = (value, value) if isinstance(value, int) else value
    if not 0 <= low <= high <= largest:
        message = f"{name} must lie between 0 and {largest}, lowest first"
        raise ValueError(message)
    return low, high


def guid(digits: str, tail: int) -> str:
    """Return a GUID of hexadecimal digits, of which the first 18 are taken, and a number of 48 bits."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{tail:012x}"


def tail_of(identifier: str) -> int:
    """Return the 48 bits at the end of a GUID, or of 12 digits. Raises KeyError for another text."""
    if len(identifier) in (_SHORT_LENGTH, _GUID_LENGTH) and identifier[-_SHORT_LENGTH:].isalnum():
        try:
            return int(identifier[-_SHORT_LENGTH:], 16)
        except ValueError:
            pass
    raise KeyError(identifier)


def path_to(*parts: str) -> str:
    """Return a path of names and ids, which are percent-encoded."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def link(uri: str, method: str = "GET") -> JsonObject:
    """Return a link as resources show them."""
    return {"uri": uri, "method": method, "headers": []}


def shares(weights: Mapping[str, int]) -> tuple[str, ...]:
    """Return 256 names, each as often as its share; the last takes the rest."""
    found = [name for name, weight in weights.items() for _ in range(weight)]
    return tuple([*found, *found[-1:] * 256][:256])
