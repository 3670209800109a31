"""What the pytest fixture `partner_center` gives: the emulator with records of a test's own, and clients for it."""

import asyncio
import functools
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypedDict, TypeVar, Unpack

from partnercenter_async import Attempt, Cloud, PartnerCenterClient, RefreshTokenCredential, RetryPolicy
from partnercenter_async._session.arguments import check_flag
from partnercenter_async.emulator import Emulator, LastLinks, Limit, LinkStyle, OrdersPaging, Records

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["ClientSettings", "EmulatorSettings", "PartnerCenter"]


class EmulatorSettings(TypedDict, total=False):
    """Those of the service's ways that a test may choose; `Emulator` tells what they are."""

    page_size: int
    customers_page_size: int
    token_lifetime: float
    paging: OrdersPaging
    link_style: LinkStyle
    last_links: LastLinks
    bom: bool
    require_mfa: bool
    mfa: bool
    rotate_refresh_token: bool
    consented: bool
    events_content_type: str | None
    drift: bool
    latency: float
    limits: Sequence[Limit]


class ClientSettings(TypedDict, total=False):
    """The settings of a client, see `PartnerCenterClient`."""

    concurrency: int
    max_body: int
    retry: RetryPolicy
    timeout: float
    deadline: float | None
    locale: str | None
    application: str | None
    on_retry: Callable[[Attempt], None] | None
    max_empty_pages: int


def _to_records(method: Callable[Concatenate[Records, P], T]) -> Callable[Concatenate["PartnerCenter", P], T]:
    """Return a method that does to a Partner Center's records what a method of `Records` does."""

    @functools.wraps(method)
    def call(self: "PartnerCenter", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self.records, *args, **kwargs)

    return call


class PartnerCenter(Emulator):
    """A Partner Center of a test's own, empty until records are added; it runs while someone is connected.

    What adds records is that of its `Records`, all else is the `Emulator`'s. Records, faults and the record of requests
    outlast a connection.
    """

    def __init__(self, **habits: Unpack[EmulatorSettings]) -> None:
        """Take the service's habits where the defaults don't do."""
        super().__init__(Records(), **habits)
        self._entered = 0
        self._turn = asyncio.Lock()

    @property
    def records(self) -> Records:
        """The records that are served, for a test to add to."""
        return self.data

    add_customer = _to_records(Records.add_customer)
    add_order = _to_records(Records.add_order)
    set_provisioning_status = _to_records(Records.set_provisioning_status)
    add_migration = _to_records(Records.add_migration)
    add_event = _to_records(Records.add_event)
    populate = _to_records(Records.populate)

    async def __aenter__(self) -> Self:
        """Start to serve in this event loop; those who enter a running one share it."""
        async with self._turn:
            if not self._entered:
                await super().__aenter__()
            self._entered += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop with the last who leaves."""
        self._entered -= 1
        if not self._entered:
            self._turn = asyncio.Lock()  # the next to enter may do so in another event loop
            await super().__aexit__(kind, error, trace)

    @asynccontextmanager
    async def connect(
        self,
        *,
        user: bool = False,
        credential: "AsyncTokenCredential | None" = None,
        **settings: Unpack[ClientSettings],
    ) -> AsyncGenerator[PartnerCenterClient, None]:
        """Run, and give a client that signs in through azure-identity as the application, over TLS, on both sides real.

        With ``user`` it signs in as a user (`RefreshTokenCredential`), which provisioning status takes alone; with
        ``credential`` as that one does, which stays open.
        """
        check_flag("user", user)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self)
            trusted = self.ssl_context()
            if credential is None and user:
                credential = await stack.enter_async_context(self._user(trusted))
            cloud = Cloud.GLOBAL.at(self.endpoint, authority=self.authority)
            client = PartnerCenterClient(credential or _SignIn(self), cloud=cloud, ssl_context=trusted, **settings)
            yield await stack.enter_async_context(client)

    def _user(self, trusted: ssl.SSLContext) -> RefreshTokenCredential:
        return RefreshTokenCredential(
            self.tenant_id,
            self.client_id,
            self.latest_refresh_token,
            client_secret=self.client_secret,
            authority=self.authority,
            ssl_context=trusted,
        )


class _SignIn:
    """Signs in through azure-identity each time it is asked.

    A credential of azure-identity keeps its tokens by the wall clock, which stands still in virtual time; the client
    keeps them by the event loop's, as the emulator does.
    """

    def __init__(self, partner_center: PartnerCenter) -> None:
        self._partner_center = partner_center

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> "AccessToken":
        from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - azure is imported by whoever uses it

        del kwargs
        there = self._partner_center
        async with ClientSecretCredential(
            there.tenant_id,
            there.client_id,
            there.client_secret,
            authority=there.authority,
            connection_verify=there.ca_file,
        ) as credential:
            return await credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae)

    async def close(self) -> None:
        """Hold nothing, close nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Hold nothing, close nothing."""
