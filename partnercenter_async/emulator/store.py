"""The records that are served: generated ones, and over them what a test set or a request wrote."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from partnercenter_async.emulator.catalogue import Catalogue
from partnercenter_async.emulator.generation import Generation, JsonObject


class Generated(Protocol):
    """The generated records of one collection, none of which is kept."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def at(self, position: int) -> JsonObject:
        """Return the record at a position, made anew."""
        ...

    def get(self, record_id: str) -> JsonObject:
        """Return the record of an id, made anew. Raises KeyError where there is none."""
        ...


class _Nothing:
    """No generated records."""

    def __len__(self) -> int:
        return 0

    def at(self, position: int) -> JsonObject:
        raise IndexError(position)

    def get(self, record_id: str) -> JsonObject:
        raise KeyError(record_id)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """A sort of records: where they are, and how they are told apart. Two at one path share no records."""

    path: str
    """The path of a collection of them, such as "/v1/customers/{customer_id}/orders"."""
    key: str
    """What routes call the id of one, such as "order_id"."""
    parent: "Kind | None" = None
    """Whose records the collections belong to."""
    id: str = "id"
    """The field that holds it."""
    generate: "Callable[[Store, Sequence[str]], Generated]" = field(default=lambda _store, _parents: _Nothing())
    """Returns the generated records below these parents."""
    folded: Callable[[str], str] = str.lower
    """What of an id is the same in all its spellings."""
    filters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of the listing's query, in lower case, and the field that each of them compares with."""
    page_size: int | None = None
    """Of the listing at most; None for one that has all on one page."""
    refusal: tuple[int, int, str] = (404, 1000, "There is nothing with this id.")
    """Status, code and text for an id that there is not."""


class _Written:
    """What was written over the generated records of one collection."""

    __slots__ = ("added", "records")

    def __init__(self) -> None:
        self.records: dict[str, JsonObject | None] = {}  # None: removed
        self.added: dict[str, int] = {}  # the places of those that are not generated, as they came


class Collection:
    """The records of one kind below the same parents.

    A position counts the places of the generated records, and behind them of those that were added. What is removed
    leaves its place empty, so that a position stays good while records come and go.
    """

    __slots__ = ("_generated", "_key", "_kind", "_store")

    def __init__(self, store: "Store", kind: Kind, parents: Sequence[str]) -> None:
        self._store = store
        self._kind = kind
        self._key = kind, _folded(kind.parent, parents)
        self._generated = kind.generate(store, parents)

    def __len__(self) -> int:
        """Return how many records there are."""
        written = self._written
        return self.places - (sum(record is None for record in written.records.values()) if written else 0)

    @property
    def places(self) -> int:
        """How many places there are, empty ones too."""
        written = self._written
        return len(self._generated) + (len(written.added) if written else 0)

    @property
    def _written(self) -> _Written | None:
        return self._store.written.get(self._key)

    def records(self, start: int = 0, *, backward: bool = False) -> Iterator[tuple[int, JsonObject]]:
        """Go through the records from a position on, each with its own; with `backward` from the one before it."""
        count, written = len(self._generated), self._written
        added = list(written.added) if written else []
        end = count + len(added)
        for position in reversed(range(min(start, end))) if backward else range(start, end):
            record = self._generated.at(position) if position < count else None
            if written:
                folded = added[position - count] if record is None else self._folded_id(record)
                if folded in written.records:
                    record = copy.deepcopy(written.records[folded])
            if record is not None:
                yield position, record

    def written(self) -> Iterator[JsonObject]:
        """Go through those records that are not as they were generated, changed ones and added ones."""
        written = self._written
        for record in list(written.records.values()) if written else ():
            if record is not None:
                yield copy.deepcopy(record)

    def __contains__(self, record_id: str) -> bool:
        """Tell whether there is a record of that id."""
        try:
            self.get(record_id)
        except KeyError:
            return False
        return True

    def get(self, record_id: str) -> JsonObject:
        """Return a record, for the caller to keep. Raises KeyError where there is none."""
        folded, written = self._kind.folded(record_id), self._written
        if written is None or folded not in written.records:
            return self._generated.get(record_id)
        found = written.records[folded]
        if found is None:
            raise KeyError(record_id)
        return copy.deepcopy(found)

    def put(self, record: JsonObject, record_id: str | None = None) -> None:
        """Write a record under its id, or another one, at the place of what has or had that id, or behind all."""
        record_id = str(record[self._kind.id]) if record_id is None else record_id
        folded, kept = self._kind.folded(record_id), copy.deepcopy(record)
        written = self._store.written.setdefault(self._key, _Written())
        if folded not in written.added and not self._is_generated(record_id):
            written.added[folded] = len(written.added)
        written.records[folded] = kept

    def remove(self, record_id: str) -> None:
        """Take a record away. Raises KeyError where there is none."""
        self.get(record_id)
        self._store.written.setdefault(self._key, _Written()).records[self._kind.folded(record_id)] = None

    def _is_generated(self, record_id: str) -> bool:
        try:
            self._generated.get(record_id)
        except KeyError:
            return False
        return True

    def _folded_id(self, record: JsonObject) -> str:
        return self._kind.folded(str(record[self._kind.id]))


def _folded(kind: Kind | None, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of parents, of which the last is of this kind, in the one form of all their spellings."""
    if not ids:
        return ()
    own = str.lower if kind is None else kind.folded
    return (*_folded(None if kind is None else kind.parent, ids[:-1]), own(ids[-1]))


class Store:
    """All records of a partner."""

    def __init__(self, generation: Generation) -> None:
        self.written: dict[tuple[Kind, tuple[str, ...]], _Written] = {}
        """By their kind, and the ids of their parents."""
        self.generate(generation)

    def generate(self, generation: Generation) -> None:
        """Generate these records in place of those that were."""
        self.generation = generation
        self.catalogue = Catalogue(oddities=generation.oddities)

    def of(self, kind: Kind, *parents: str) -> Collection:
        """Return a collection. Whether its parents exist is for the caller to ask."""
        return Collection(self, kind, parents)
