"""Clients for tests: over answers made by hand, and over the emulator."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from azure.identity.aio import ClientSecretCredential

from partnercenter_async import Cloud, PartnerCenterClient, RefreshTokenCredential, RetryPolicy, Service
from partnercenter_async.clouds import ServiceName
from partnercenter_async.emulator import Emulator, Records
from partnercenter_async.testing import FakeCredential, FakeTransport, RawResponse, Request, answer, run_in_virtual_time

CLOUD = Cloud(
    api=Service("https://api.example.com", "https://api.example.com/.default"),
    authority="https://login.example.com",
    graph=Service("https://graph.example.com", "https://graph.example.com/.default"),
    partner=Service("https://partner.example.com", "https://partner.example.com/.default"),
)
# A path of each service, and the URL that it stands for.
AT: dict[ServiceName, str] = {"api": "customers/c1/orders/o1", "graph": "v1.0/things/o1", "partner": "v1.0/sales/o1"}
URL_AT: dict[ServiceName, str] = {
    "api": "https://api.example.com/v1/customers/c1/orders/o1",
    "graph": "https://graph.example.com/v1.0/things/o1",
    "partner": "https://partner.example.com/v1.0/sales/o1",
}
ECHO_AT: dict[ServiceName, str] = {"api": "echo", "graph": "v1.0/echo", "partner": "v1.0/echo"}
"""What the emulator answers for each."""
BASE = "https://api.example.com/v1/"
QUICK = RetryPolicy(first_wait=0.001, longest_wait=0.002)

Answers = Iterable[RawResponse | Exception] | Callable[[Request], RawResponse | Awaitable[RawResponse]]


class Fake:
    """A client over answers made by hand; ``sent`` holds its requests with the virtual times they came at."""

    def __init__(self, answers: Answers, **settings: Any) -> None:
        self.transport = FakeTransport(answers)
        self.credential = settings.pop("credential", None) or FakeCredential()
        self.client = PartnerCenterClient(self.credential, cloud=CLOUD, transport=self.transport, **settings)

    @property
    def requests(self) -> list[Request]:
        return self.transport.requests


class ScopedCredential(FakeCredential):
    """A credential whose tokens name the scope that they are for; ``scopes`` keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: list[str] = []

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        made = await super().get_token(*scopes, **options)
        self.scopes.extend(scopes)
        return made._replace(token=f"{made.token}-for-{scopes[0]}")


def header(request: Request, name: str) -> str | None:
    """The one value that a request has for a header; no header goes out twice."""
    values = [value for known, value in request.headers if known.lower() == name.lower()]
    assert len(values) <= 1, values
    return values[0] if values else None


def call(
    answers: Answers, coroutine: Callable[[PartnerCenterClient], Coroutine[Any, Any, Any]], **settings: Any
) -> tuple[Any, Fake]:
    """Run one coroutine in virtual time; returns its result or its exception, and the fake."""
    fake = Fake(answers, **settings)

    async def run() -> Any:
        try:
            return await coroutine(fake.client)
        except Exception as error:
            return error

    return run_in_virtual_time(run()), fake


def at_rest(client: PartnerCenterClient, slots: int) -> None:
    """Check that all slots are free, and that nobody waits for one, for a lane or for the pace."""
    throttle = client._session.shared.throttle
    assert throttle.free == slots
    assert not throttle.short
    for gate in throttle.gates.values():
        assert not gate.under_way
        assert gate._asking is None
        for lane in (gate.lane, *gate.customers.values()):
            assert lane.line.first() is None
            assert lane.line.live == [0, 0]
            assert lane.probe is None


def customers_remembered(client: PartnerCenterClient) -> list[str]:
    """The customers that have a lane of their own, since they were throttled lately."""
    return [customer for gate in client._session.shared.throttle.gates.values() for customer in gate.customers]


def page(*ids: str, next: Any = None) -> RawResponse:
    """A page of orders; ``next`` is its next link, or only its uri."""
    body: dict[str, Any] = {"totalCount": len(ids), "items": [{"id": each} for each in ids]}
    if next is not None:
        body["links"] = {"next": {"uri": next, "method": "GET", "headers": []} if isinstance(next, str) else next}
    return answer(body)


@asynccontextmanager
async def connected(emulator: Emulator, *, user: bool = False, **settings: Any) -> Any:
    """A client of the emulator over TLS with a real credential: an app's, or a user's."""
    cloud = Cloud.GLOBAL.at(emulator.endpoint, authority=emulator.authority)
    async with AsyncExitStack() as stack:
        if user:
            credential: Any = RefreshTokenCredential(
                emulator.tenant_id,
                emulator.client_id,
                emulator.refresh_token,
                client_secret=emulator.client_secret,
                authority=emulator.authority,
                ssl_context=emulator.ssl_context(),
            )
        else:
            credential = ClientSecretCredential(
                emulator.tenant_id,
                emulator.client_id,
                emulator.client_secret,
                authority=emulator.authority,
                connection_verify=emulator.ca_file,
            )
        await stack.enter_async_context(credential)
        settings.setdefault("retry", QUICK)
        client = PartnerCenterClient(credential, cloud=cloud, ssl_context=emulator.ssl_context(), **settings)
        yield await stack.enter_async_context(client)


def order_count(data: Records, customer_id: str, **filters: Any) -> int:
    """Return how many orders a listing of the emulator's serves."""
    return len([*data.orders(customer_id, **filters)])


def name_and_domain(data: Records, position: int) -> tuple[str, str]:
    """Return the company name and the domain of one of the emulator's customers."""
    profile: Any = data.customer(data.customer_id(position))["companyProfile"]
    return profile["companyName"], profile["domain"]
