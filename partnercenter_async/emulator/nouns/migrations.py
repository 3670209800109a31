"""Migrations to the new commerce, and their events."""
# ruff: noqa: PLR2004 - the numbers are shares of 256: how often a shape comes up

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence

from partnercenter_async.emulator.api import Api, BadRequestError, Call, Reply, Route, flag, getting, number
from partnercenter_async.emulator.generation import INDEX_BITS, INDEX_MASK, JsonObject, guid, tail_of
from partnercenter_async.emulator.nouns import customers
from partnercenter_async.emulator.store import Kind, Store

_LARGEST_PAGE = 300
_FIRST_DAY = dt.date(2024, 1, 8)
_EVENT_CONTENT_TYPES = ("application/json", "text/json", "text/plain")
_EVENT_NAMES = (
    "MigrationStarted",
    "NewCommerceSubscriptionCreated",
    "NewCommerceSubscriptionProvisioned",
    "MigrationCompleted",
)
_TOLD_BY_EVENTS = ("status", "quantity", "termDuration", "billingCycle", "microsoftLed")


class Migrations:
    """The generated migrations of a customer."""

    def __init__(self, store: Store, parents: Sequence[str]) -> None:
        self._generation = generation = store.generation
        self._catalogue = store.catalogue
        self._count = 0
        try:
            self._customer = customers.Customers(store).position(parents[0])
        except KeyError:  # one that a test added
            return
        self._customer_id = customers.Customers(store).id(self._customer)
        self._count = generation.between(generation.migrations, "migrations", self._customer)

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def get(self, record_id: str) -> JsonObject:
        """Return a migration. Raises KeyError."""
        found = self._generation.scramble("migration").reveal(tail_of(record_id))
        index = found & INDEX_MASK
        if index < self._count and found >> INDEX_BITS == self._customer:
            migration = self.at(index)
            if migration["id"] == record_id.lower():
                return migration
        raise KeyError(record_id)

    def at(self, position: int) -> JsonObject:
        """Return a migration; three of four are completed."""
        at = self._customer << INDEX_BITS | position
        dice = self._generation.digest("migration", at)
        words = dice.hex()
        completed = dice[0] & 3 != 0
        hidden = self._generation.scramble("migration").hide(at)
        day = _FIRST_DAY + dt.timedelta(days=dice[2] * 3)
        migration: JsonObject = {
            "id": guid(words[20:], hidden),
            "startedTime": f"{day.isoformat()}T08:{dice[3] % 60:02d}:{dice[4] % 60:02d}.{dice[5] * 39_000:07d}Z",
        }
        if completed:
            ended = f"{day.isoformat()}T09:{dice[3] % 60:02d}:{dice[4] % 60:02d}.{dice[6] * 39_001:07d}Z"
            migration["completedTime"] = ended
        migration["currentSubscriptionId"] = guid(words[50:], hidden).upper()
        migration["status"] = "Completed" if completed else "Processing"
        migration["customerTenantId"] = self._customer_id
        migration["catalogItemId"] = self._catalogue.pick(dice[1], "monthly").id
        if completed:
            migration["newCommerceSubscriptionId"] = guid(words[70:], hidden)
            migration["newCommerceOrderId"] = f"{self._generation.scramble('migrated order').hide(at):012x}"
        migration["subscriptionEndDate"] = f"{(day + dt.timedelta(days=365)).isoformat()}T00:00:00Z"
        migration["quantity"] = dice[7] % 40 + 1
        migration["termDuration"] = ("P1M", "P1Y", "P3Y")[dice[8] % 3]
        migration["billingCycle"] = ("Monthly", "Annual")[dice[9] & 1]
        migration["purchaseFullTerm"] = bool(dice[10] & 1)
        migration["externalReferenceId"] = f"batch-{self._customer % 5}" if dice[11] & 3 else None
        migration["microsoftLed"] = dice[12] < 40
        if dice[13] < 90:
            migration["customTermEndDate"] = None
        migration["addOnMigrations"] = [
            {
                "currentSubscriptionId": guid(words[10 + addon :], hidden ^ (addon + 1)).upper(),
                "catalogItemId": self._catalogue.pick(dice[14 + addon], "monthly").id,
                "quantity": dice[17 + addon] % 9 + 1,
                "termDuration": "P1Y",
                "billingCycle": "Monthly",
                "purchaseFullTerm": False,
            }
            for addon in range(max(0, dice[20] % 5 - 2))
        ]
        return migration

    def events_of(self, position: int) -> Iterator[JsonObject]:
        """Yield what a migration has gone through."""
        migration, dice = self.at(position), self._generation.digest("events", self._customer << INDEX_BITS | position)
        names = _EVENT_NAMES if migration["status"] == "Completed" else _EVENT_NAMES[:2]
        started = str(migration["startedTime"])[:14]
        for at, name in enumerate(names):
            fraction = f"{dice[at] * 39_017:07d}"[: 6 + (dice[at + 4] & 1)]
            event: JsonObject = {
                "id": guid(dice.hex()[at * 18 :], self._customer << 8 | at),
                "newCommerceMigrationId": migration["id"],
                "currentSubscriptionId": str(migration["currentSubscriptionId"]).lower(),
                "customerTenantId": migration["customerTenantId"],
                "createdTime": f"{started}{10 + at * 12:02d}:{dice[at + 8] % 60:02d}.{fraction}Z",
                "eventName": name,
            }
            if dice[at + 12] < 50:
                event |= {field: migration[field] for field in _TOLD_BY_EVENTS}
            yield event


KIND = Kind(
    path="/v1/customers/{customer_id}/migrations/newcommerce",
    key="migration_id",
    parent=customers.KIND,
    generate=Migrations,
)


class Events:
    """The events of a customer's generated migrations, those of one behind those of the one before."""

    def __init__(self, store: Store, parents: Sequence[str]) -> None:
        migrations = Migrations(store, parents)
        self._events = [event for index in range(len(migrations)) for event in migrations.events_of(index)]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._events)

    def get(self, record_id: str) -> JsonObject:
        """Return an event. Raises KeyError."""
        for event in self._events:
            if event["id"] == record_id.lower():
                return event
        raise KeyError(record_id)

    def at(self, position: int) -> JsonObject:
        """Return an event."""
        return self._events[position]


EVENTS = Kind(
    path="/v1/customers/{customer_id}/migrations/newcommerce/events",
    key="event_id",
    parent=customers.KIND,
    generate=Events,
)


def everywhere(store: Store, start: int = 0) -> Iterator[tuple[int, JsonObject]]:
    """Go through every customer's migrations from a place on, each with its own. Places rise with gaps."""
    first_customer, first = start >> INDEX_BITS, start & INDEX_MASK
    for place, customer in store.of(customers.KIND).records(first_customer):
        for at, migration in store.of(KIND, str(customer["id"])).records(first if place == first_customer else 0):
            yield place << INDEX_BITS | at, migration


def _list(api: Api, call: Call) -> Reply:
    parameters = call.parameters()
    size = number(parameters, "pagesize", min(api.settings.page_size, _LARGEST_PAGE), 1, _LARGEST_PAGE)
    customer = parameters.get("customertenantid", "")
    subscription = parameters.get("currentsubscriptionid", "").upper()
    reference = parameters.get("externalreferenceid", "")
    if not (customer or subscription or reference):
        message = "One of CustomerTenantId, CurrentSubscriptionId and ExternalReferenceId is needed."
        raise BadRequestError(message)
    led = flag(parameters, "ismicrosoftled") if parameters.get("ismicrosoftled") else None
    name = "\0".join(("migrations", customer.lower(), subscription, reference, str(led)))
    start = api.start(call, name)
    if not customer:
        every = everywhere(api.store, start)
    elif customer in api.store.of(customers.KIND):
        every = api.store.of(KIND, customer).records(start)
    else:
        every = iter(())
    found = (
        (place, migration)
        for place, migration in every
        if (not subscription or str(migration["currentSubscriptionId"]).upper() == subscription)
        and (not reference or migration["externalReferenceId"] == reference)
        and led in (None, migration["microsoftLed"])
    )
    page = [migration for _, migration in itertools.islice(found, size)]
    following = next(found, None)
    headers = [] if following is None else [("MS-ContinuationToken", api.token(name, following[0]))]
    return Reply(200, page, headers)


def _events(api: Api, call: Call) -> Reply:
    parameters = call.parameters()
    migration = parameters.get("migration_id") or None
    subscription = parameters.get("current_subscription_id") or None
    if migration is None and subscription is None:
        message = "Either migration_id or current_subscription_id is needed."
        raise BadRequestError(message)
    found = [
        event
        for _, event in api.of(EVENTS, call).records()
        if same(event["newCommerceMigrationId"], migration) and same(event["currentSubscriptionId"], subscription)
    ]
    kind = api.settings.events_content_type or api.next_of("events", _EVENT_CONTENT_TYPES)
    return Reply(200, found, content_type=kind)


def same(value: object, wanted: str | None) -> bool:
    """Tell whether a field has a value that is asked for, if one is."""
    return wanted is None or str(value).lower() == wanted.lower()


ROUTES = (
    Route("migrations.list", "GET /v1/migrations/newcommerce", _list),
    Route("migrations.get", f"GET {KIND.path}/{{migration_id}}", getting(KIND)),
    Route("migrations.events", f"GET {EVENTS.path}", _events),
)
