"""The records that are served: generated ones, and over them what a test set or a request wrote."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from partnercenter_async.emulator.catalogue import Catalogue
from partnercenter_async.emulator.generation import Generation, JsonObject


class Generated(Protocol):
    """The generated records of one collection, none of which is kept."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def at(self, position: int) -> JsonObject | None:
        """Return a record by its position, made anew; None where that place is empty."""
        ...

    def position(self, record_id: str) -> int:
        """Return where the record of an id is. Raises KeyError where there is none."""
        ...


class _Nothing:
    """No generated records."""

    def __len__(self) -> int:
        return 0

    def at(self, position: int) -> JsonObject:
        raise IndexError(position)

    def position(self, record_id: str) -> int:
        raise KeyError(record_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sort of records: where they are, how they are told apart, and what one has that is made by a request."""

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
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
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

    A position counts the places of the generated records, removed ones too, and behind them those that were added, so
    that it stays good while records come and go.
    """

    __slots__ = ("_generated", "_key", "_kind", "_store")

    def __init__(self, store: "Store", kind: Kind, parents: Sequence[str]) -> None:
        self._store = store
        self._kind = kind
        self._key = (kind.path, *(parent.lower() for parent in parents))
        self._generated = kind.generate(store, parents)

    def __len__(self) -> int:
        """Return how many places there are, removed records included."""
        written = self._store.written.get(self._key)
        return len(self._generated) + (len(written.added) if written else 0)

    def count(self) -> int:
        """Return how many records there are."""
        written = self._store.written.get(self._key)
        gone = sum(record is None for record in written.records.values()) if written else 0
        return len(self) - gone

    def records(self, start: int = 0, *, backward: bool = False) -> Iterator[tuple[int, JsonObject]]:
        """Go through the records from a position on, each with its own; with `backward` from the one before it."""
        written = self._store.written.get(self._key)
        own = list(written.added) if written else []
        count = len(self._generated)
        for position in range(start - 1, -1, -1) if backward else range(start, count + len(own)):
            record = None if position >= count else self._generated.at(position)
            if written:
                if position >= count:
                    record = copy.deepcopy(written.records[own[position - count]])
                elif record is not None:
                    folded = self._kind.folded(str(record[self._kind.id]))
                    record = copy.deepcopy(written.records[folded]) if folded in written.records else record
            if record is not None:
                yield position, record

    def __contains__(self, record_id: str) -> bool:
        """Tell whether there is a record of that id."""
        try:
            self.position(record_id)
        except KeyError:
            return False
        return True

    def position(self, record_id: str) -> int:
        """Return where a record is. Raises KeyError where there is none."""
        folded, written = self._kind.folded(record_id), self._store.written.get(self._key)
        if written and folded in written.records:
            if written.records[folded] is None:
                raise KeyError(record_id)
            if folded in written.added:
                return len(self._generated) + written.added[folded]
        return self._generated.position(record_id)

    def get(self, record_id: str) -> JsonObject:
        """Return a record, for the caller to keep. Raises KeyError where there is none."""
        folded, written = self._kind.folded(record_id), self._store.written.get(self._key)
        if written and folded in written.records:
            found = written.records[folded]
            if found is None:
                raise KeyError(record_id)
            return copy.deepcopy(found)
        found = self._generated.at(self._generated.position(record_id))
        if found is None:
            raise KeyError(record_id)
        return found

    def put(self, record: JsonObject, record_id: str | None = None) -> None:
        """Write a record under its id, or another one, in place of what has that, or behind all others."""
        record_id = str(record[self._kind.id]) if record_id is None else record_id
        folded = self._kind.folded(record_id)
        written = self._store.written.setdefault(self._key, _Written())
        if folded not in written.added:
            try:
                self._generated.position(record_id)
            except KeyError:
                written.added[folded] = len(written.added)
        written.records[folded] = copy.deepcopy(record)

    def remove(self, record_id: str) -> None:
        """Take a record away. Raises KeyError where there is none."""
        self.position(record_id)
        self._store.written.setdefault(self._key, _Written()).records[self._kind.folded(record_id)] = None


class Store:
    """All records of a partner."""

    def __init__(self, generation: Generation) -> None:
        self.written: dict[tuple[str, ...], _Written] = {}
        """By the path of the kind, and the parents."""
        self.generate(generation)

    def generate(self, generation: Generation) -> None:
        """Generate these records in place of those that were."""
        self.generation = generation
        self.catalogue = Catalogue(oddities=generation.oddities)

    def of(self, kind: Kind, *parents: str) -> Collection:
        """Return a collection. Whether its parents exist is for the caller to ask."""
        return Collection(self, kind, parents)

    def added(self, kind: Kind, *parents: str) -> AbstractSet[str]:
        """Return the ids, without regard to their spelling, of those records that are not generated."""
        written = self.written.get((kind.path, *(parent.lower() for parent in parents)))
        return written.added.keys() if written else set()
