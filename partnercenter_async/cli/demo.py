"""An export on a local Partner Center: everything read, everything written, everything compared."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from partnercenter_async._session.response import ResponseInfo
from partnercenter_async._session.retry import RetryPolicy
from partnercenter_async.cli.check import Totals, first_difference
from partnercenter_async.cli.progress import ProgressDisplay
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
from partnercenter_async.export.disk import OWNERS, Disk, check_paths, resolved
from partnercenter_async.export.outputs import Format, output_of
from partnercenter_async.export.pages import Batch, Chunk, records
from partnercenter_async.export.run import Job, run_job
from partnercenter_async.models.orders import Order, OrderLineItemProvisioningStatus, ProvisioningStatus
from partnercenter_async.paging import Page, Pager

T = TypeVar("T")

SERVER_ERROR = "server error"
THROTTLED = "throttled"
CONNECTION_LOST = "connection lost"
TOKEN_EXPIRED = "token expired"  # noqa: S105 - a kind of retry
OTHER = "other"
KINDS = (SERVER_ERROR, THROTTLED, CONNECTION_LOST, TOKEN_EXPIRED)
"""The kinds of retries that the faults of a demo lead to."""

_RETRY = RetryPolicy(tries=6, first_wait=0.02, longest_wait=0.2)
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
    written: bool = False
    """Whether the output is there, whole."""
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
    display: ProgressDisplay,
    customers: int = 300,
    concurrency: int = 32,
    seed: int = 7,
    faults: bool = True,
    extra: Sequence[Fault] = (),
) -> DemoResult:
    """Export an embedded emulator's customers with all that is theirs, compare the file, and return what happened.

    ``faults`` are survived, every one; ``extra`` are faults besides, such as records dropped or altered on their way,
    that the comparison must notice. Raises ValueError for an output that can't be written.
    """
    output = resolved(output)
    check_paths(output, None)
    result = DemoResult(seed=seed, concurrency=concurrency, faults=faults, output=output)
    data = data_set(customers, seed)
    async with Emulator(
        data,
        page_size=_ORDERS_PAGE,
        customers_page_size=max(1, min(_LARGEST_CUSTOMERS_PAGE, customers // 4)),
        link_style="mixed",
        faults=[*(script(customers) if faults else ()), *extra],
        keep_requests=False,
    ) as emulator:
        await _export(emulator, display, result)
        served = emulator.count()
        result.token_requests = emulator.count("token")
    if result.requests != served:
        result.problems.append(f"the client counted {result.requests} requests, the emulator {served}")
    difference = first_difference(data, output, result.totals) if result.written else None
    if difference:
        result.problems.append(difference)
    result.problems.extend(_wrong_retries(result))
    return result


def script(customers: int) -> list[Fault]:
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


async def _export(emulator: Emulator, display: ProgressDisplay, result: DemoResult) -> None:
    """Sign in twice, export everything over one pool, and note what happened."""
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - slow to import

    def on_retry(attempt: Attempt) -> None:
        result.retries[_kind(attempt)] += 1
        display.retried(attempt)

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
                cloud=Cloud.GLOBAL.at(emulator.endpoint, authority=emulator.authority),
                concurrency=result.concurrency,
                retry=_RETRY,
                on_retry=on_retry,
                ssl_context=trusted,
            )
        )
        reading = _Reading(client, client.with_options(credential=user), result)
        started = asyncio.get_running_loop().time()
        try:
            await run_job(
                Job(
                    inputs=await reading.inputs(),
                    read=reading.read,
                    output=output_of(Format.NDJSON, None, result.output, Disk(), OWNERS),
                    concurrency=result.concurrency,
                    stop_after=None,
                    on_failure=lambda name, error: result.problems.append(f"{_described(name)}: {error}"),
                    on_progress=lambda progress: display.show(progress, "listings"),
                )
            )
            result.written = True
        except (PartnerCenterError, ValueError) as error:
            result.problems.append(f"there is no output: {error}")
        result.seconds = asyncio.get_running_loop().time() - started


_CUSTOMERS, _ORDERS, _EVENTS = "customers", "orders", "events"


def _described(name: str) -> str:
    kind, _, customer_id = name.partition("/")
    return "the list of customers" if kind == _CUSTOMERS else f"customer {customer_id}"


class _Reading:
    """What a demo exports: the customers, and of each its orders with what is provisioned of them, and its events.

    What is provisioned is read with a user's token, all else with an app's.
    """

    def __init__(self, app: PartnerCenterClient, user: PartnerCenterClient, result: DemoResult) -> None:
        self._app = app
        self._user = user
        self._result = result

    async def inputs(self) -> list[str]:
        """Return the names of all listings."""
        ids = [customer.id async for page in self._pages(self._app.customers.list()) for customer in page.items]
        return [_CUSTOMERS, *(f"{kind}/{customer_id}" for customer_id in ids for kind in (_ORDERS, _EVENTS))]

    def read(self, name: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        """Go through a listing, from its start or a continuation."""
        kind, _, customer_id = name.partition("/")
        if kind == _CUSTOMERS:
            return self._customers(continuation)
        return self._orders(customer_id, continuation) if kind == _ORDERS else self._events(customer_id)

    async def _customers(self, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        async for page in self._pages(self._app.customers.list(), continuation):
            found = zip(page.items, records(page.raw), strict=True)
            yield _chunk([_line("customer", customer.id, record) for customer, record in found], page.continuation)
            self._result.totals.customers += len(page.items)

    async def _orders(self, customer_id: str, continuation: str | None) -> AsyncIterator[Chunk[Any]]:
        orders = self._app.orders.list(customer_id, include_price=True)
        async for page in self._pages(orders, continuation):
            lines: list[bytes] = []
            statuses: list[OrderLineItemProvisioningStatus] = []
            for order, record in zip(page.items, records(page.raw), strict=True):
                lines.append(_line("order", customer_id, record))
                async for found in self._pages(self._user.orders.provisioning_status(customer_id, order.id)):
                    statuses.extend(found.items)
                    lines.extend(
                        _line("provisioning", customer_id, status, orderId=order.id) for status in records(found.raw)
                    )
            yield _chunk(lines, page.continuation)
            self._count(page.items, statuses)

    async def _events(self, customer_id: str) -> AsyncIterator[Chunk[Any]]:
        lines: list[bytes] = []
        async for page in self._pages(self._app.migrations.list(customer_tenant_id=customer_id)):
            for migration in page.items:
                events = self._app.migrations.events(customer_id, migration_id=migration.id)
                async for found in self._pages(events):
                    lines.extend(_line("event", customer_id, record) for record in records(found.raw))
        yield _chunk(lines, "")
        self._result.totals.events += len(lines)

    async def _pages(self, pager: Pager[T], continuation: str | None = None) -> AsyncIterator[Page[T]]:
        try:
            async for page in pager.pages(continuation=continuation):
                self._result.requests += page.info.attempts
                self._result.retries[TOKEN_EXPIRED] += _resent(page.info)
                yield page
        except PartnerCenterError as error:
            self._result.requests += error.attempts
            raise

    def _count(self, orders: Sequence[Order], statuses: Sequence[OrderLineItemProvisioningStatus]) -> None:
        totals = self._result.totals
        totals.orders += len(orders)
        for order in orders:
            if order.total_price is not None:
                totals.add_price(order.currency_code or "", order.total_price)
        fulfilled = sum(each.status == ProvisioningStatus.FULFILLED for each in statuses)
        totals.fulfilled += fulfilled
        totals.unfulfilled += len(statuses) - fulfilled


def _chunk(lines: list[bytes], continuation: str) -> Chunk[Any]:
    return Chunk([Batch((), lines, {})], continuation)


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
