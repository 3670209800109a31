"""The main job on a local Partner Center: everything read, everything written, everything compared."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from partnercenter_async._session.response import ResponseInfo
from partnercenter_async._session.retry import RetryPolicy
from partnercenter_async.cli.check import Totals, first_difference
from partnercenter_async.cli.meter import Meter
from partnercenter_async.cli.ndjson import LineWriter
from partnercenter_async.cli.run import open_output
from partnercenter_async.client import PartnerCenterClient
from partnercenter_async.clouds import Cloud
from partnercenter_async.credentials import RefreshTokenCredential
from partnercenter_async.emulator import (
    CutBody,
    DataSet,
    DropAfter,
    DropBefore,
    Emulator,
    ExpireToken,
    Fault,
    ThrottleCustomer,
    service_error,
)
from partnercenter_async.errors import Attempt, PartnerCenterError
from partnercenter_async.fan_out import fan_out
from partnercenter_async.jobs.records import records
from partnercenter_async.models.orders import Order, ProvisioningStatus
from partnercenter_async.paging import Page, Pager

T = TypeVar("T")

SERVER_ERROR = "server error"
THROTTLED = "throttled"
CONNECTION_LOST = "connection lost"
TOKEN_EXPIRED = "token expired"  # noqa: S105 - a kind of retry
OTHER = "other"
KINDS = (SERVER_ERROR, THROTTLED, CONNECTION_LOST, TOKEN_EXPIRED)
"""The kinds of retries that the faults of a demo lead to."""

_RETRY = RetryPolicy(attempts=6, first_wait=0.02, longest_wait=0.2)
_LARGEST_CUSTOMERS_PAGE = 50
_ORDERS_PAGE = 5


@dataclass(slots=True, kw_only=True)
class DemoResult:
    """What a demo did, and all that is wrong with it."""

    seed: int
    concurrency: int
    faults: bool
    output: Path
    totals: Totals = field(default_factory=Totals)
    retries: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    """Exchanges for the API, as the client counted them."""
    token_requests: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list[str])

    @property
    def exit_code(self) -> int:
        """0 if all is well."""
        return 1 if self.problems else 0

    @property
    def orders_per_second(self) -> float:
        """How fast orders came, with all that belongs to them."""
        return self.totals.orders / self.seconds if self.seconds else 0.0


def data_set(customers: int, seed: int) -> DataSet:
    """Return the customers of a demo."""
    return DataSet(customers=customers, orders_per_customer=(0, 12), seed=seed)


async def run_demo(
    output: Path,
    *,
    meter: Meter,
    customers: int = 300,
    concurrency: int = 32,
    seed: int = 7,
    faults: bool = True,
    extra: Sequence[Fault] = (),
    echo: BinaryIO | None = None,
) -> DemoResult:
    """Read an embedded emulator's customers with all that is theirs into a file, compare it, and return what happened.

    ``faults`` are survived, every one; ``extra`` are faults besides, such as records dropped or altered on their way,
    that the comparison must notice. ``echo`` gets the lines as well.
    """
    result = DemoResult(seed=seed, concurrency=concurrency, faults=faults, output=output)
    data = data_set(customers, seed)
    async with Emulator(
        data,
        page_size=_ORDERS_PAGE,
        customers_page_size=max(1, min(_LARGEST_CUSTOMERS_PAGE, customers // 4)),
        link_style="mixed",
        faults=[*(_script(customers) if faults else ()), *extra],
        keep_requests=False,
    ) as emulator:
        with open_output(output) as file:
            lines = LineWriter(file) if echo is None else LineWriter(file, echo)
            await _read_all(emulator, lines, meter, result)
        served = emulator.count()
        result.token_requests = emulator.count("token")
    if result.requests != served:
        result.problems.append(f"the client counted {result.requests} requests, the emulator {served}")
    difference = first_difference(data, output, result.totals)
    if difference:
        result.problems.append(difference)
    result.problems.extend(_wrong_retries(result))
    return result


def _script(customers: int) -> list[Fault]:
    """Return the faults of a demo: some that hit at any size, one of each kind, and some for every so many requests.

    The requests of one customer alone would meet the first four one after the other, and survive.
    """
    step = max(1, customers // 8)
    failing = service_error(500, 3000, "The emulator fails on purpose.")
    return [
        Fault(failing, operation="orders.list", nth=1),
        Fault(ThrottleCustomer(1.0), operation="orders.list", nth=1 + step),
        Fault(DropBefore(), operation="orders.list", nth=1 + 2 * step),
        Fault(ExpireToken(), operation="orders.list", nth=1 + 3 * step),
        Fault(ExpireToken(), operation="orders.provisioning_status", nth=1 + step),
        Fault(service_error(503, 3001, "The emulator is busy on purpose."), operation="customers.list", nth=2),
        Fault(CutBody(), operation="customers.list", nth=4),
        Fault(failing, operation="orders.provisioning_status", every=311),
        Fault(DropAfter(), operation="migrations.list", every=113),
        Fault(
            service_error(502, 3002, "The emulator is unreachable on purpose."),
            operation="migrations.events",
            every=127,
        ),
    ]


async def _read_all(emulator: Emulator, lines: LineWriter, meter: Meter, result: DemoResult) -> None:
    """Sign in twice, read everything over one pool, and note what happened."""
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - slow to import

    def on_retry(attempt: Attempt) -> None:
        result.retries[_kind(attempt)] += 1
        meter.retried(attempt)

    trusted = emulator.ssl_context()
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(
            ClientSecretCredential(
                emulator.tenant_id,
                emulator.client_id,
                emulator.client_secret,
                authority=emulator.authority,
                connection_verify=emulator.ca_file,
            )
        )
        user = await stack.enter_async_context(
            RefreshTokenCredential(
                emulator.tenant_id,
                emulator.client_id,
                emulator.refresh_token,
                client_secret=emulator.client_secret,
                authority=emulator.authority,
                ssl_context=trusted,
            )
        )
        client = await stack.enter_async_context(
            PartnerCenterClient(
                app,
                cloud=Cloud(endpoint=emulator.endpoint, authority=emulator.authority, scope=Cloud.GLOBAL.scope),
                concurrency=result.concurrency,
                retry=_RETRY,
                on_retry=on_retry,
                ssl_context=trusted,
            )
        )
        job = _Job(client, client.with_options(credential=user), lines, meter, result)
        started = asyncio.get_running_loop().time()
        await job.run()
        result.seconds = asyncio.get_running_loop().time() - started


class _Job:
    """Reads customers with an app's token and their belongings with an app's and a user's."""

    def __init__(
        self, app: PartnerCenterClient, user: PartnerCenterClient, lines: LineWriter, meter: Meter, result: DemoResult
    ) -> None:
        self._app = app
        self._user = user
        self._lines = lines
        self._meter = meter
        self._result = result

    async def run(self) -> None:
        """Read everything; what fails is a problem of the result."""
        try:
            async for outcome in fan_out(self._customers(), self._belongings, concurrency=self._result.concurrency):
                if isinstance(outcome.error, PartnerCenterError | ValueError):
                    self._result.problems.append(f"customer {outcome.input}: {outcome.error}")
                elif outcome.error is not None:
                    raise outcome.error
                self._meter.add(customers=1)
        except PartnerCenterError as error:
            self._result.problems.append(f"the list of customers: {error}")

    async def _customers(self) -> AsyncIterator[str]:
        async for page in self._pages(self._app.customers.list()):
            found = list(zip(page.items, records(page.raw), strict=True))
            self._write([_line("customer", customer.id, record) for customer, record in found])
            self._result.totals.customers += len(found)
            for customer in page.items:
                yield customer.id

    async def _belongings(self, customer_id: str) -> None:
        async for page in self._pages(self._app.orders.list(customer_id, include_price=True)):
            lines: list[bytes] = []
            for order, record in zip(page.items, records(page.raw), strict=True):
                lines.append(_line("order", customer_id, record))
                self._count(order)
                lines.extend(await self._provisioning(customer_id, order.id))
            self._write(lines)
        async for found in self._pages(self._app.migrations.list(customer_tenant_id=customer_id)):
            for migration in found.items:
                await self._events(customer_id, migration.id)

    async def _provisioning(self, customer_id: str, order_id: str) -> list[bytes]:
        lines: list[bytes] = []
        totals = self._result.totals
        async for page in self._pages(self._user.orders.provisioning_status(customer_id, order_id)):
            fulfilled = sum(line.status == ProvisioningStatus.FULFILLED for line in page.items)
            totals.fulfilled += fulfilled
            totals.unfulfilled += len(page.items) - fulfilled
            lines.extend(_line("provisioning", customer_id, record, orderId=order_id) for record in records(page.raw))
        return lines

    async def _events(self, customer_id: str, migration_id: str) -> None:
        async for page in self._pages(self._app.migrations.events(customer_id, migration_id=migration_id)):
            self._result.totals.events += len(page.items)
            self._write([_line("event", customer_id, record) for record in records(page.raw)])

    async def _pages(self, pager: Pager[T]) -> AsyncIterator[Page[T]]:
        try:
            async for page in pager.pages():
                self._result.requests += page.info.attempts
                self._result.retries[TOKEN_EXPIRED] += _resent(page.info)
                yield page
        except PartnerCenterError as error:
            self._result.requests += error.attempts
            raise

    def _count(self, order: Order) -> None:
        totals = self._result.totals
        totals.orders += 1
        if order.total_price is not None:
            totals.add_price(order.currency_code or "", order.total_price)

    def _write(self, lines: list[bytes]) -> None:
        self._lines.write(lines)
        self._meter.add(items=len(lines))


def _line(kind: str, customer_id: str, record: bytes, **more: str) -> bytes:
    front = msgspec.json.encode({"kind": kind, "customerId": customer_id, **more})
    return front[:-1] + b',"item":' + record + b"}"


def _kind(attempt: Attempt) -> str:
    """Return what a failed attempt that was tried again is called."""
    if attempt.status is None:
        return CONNECTION_LOST if attempt.error == "ConnectionLostError" else OTHER
    return THROTTLED if attempt.status == 429 else SERVER_ERROR  # noqa: PLR2004 - 429


def _resent(info: ResponseInfo) -> int:
    """Return how often a call was sent again with a renewed token: what is neither the answer nor a failed try."""
    return info.attempts - 1 - len(info.history)


def _wrong_retries(result: DemoResult) -> list[str]:
    """Return what the faults of a demo, or their absence, should not have led to."""
    if not result.faults:
        made = {kind: number for kind, number in result.retries.items() if number}
        return [f"no fault was on, and yet there were retries: {made}"] if made else []
    return [
        f"the faults were on, and yet nothing was retried for: {kind}" for kind in KINDS if not result.retries[kind]
    ]
