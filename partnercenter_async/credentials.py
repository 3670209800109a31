"""App+User authentication: tokens of a user who consented once, renewed without that user."""

import asyncio
import inspect
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from math import isfinite
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self
from urllib.parse import urlencode

import msgspec

from partnercenter_async._session.arguments import check_seconds, check_text
from partnercenter_async._session.decoding import decode
from partnercenter_async._session.retry import RETRIED_STATUSES
from partnercenter_async._session.transport import AiohttpTransport, RawResponse, Request, Secret, Transport
from partnercenter_async.clouds import Cloud, origin
from partnercenter_async.errors import (
    REMEDIES,
    ClientClosedError,
    CredentialError,
    DecodeError,
    NoAnswerError,
    PartnerCenterError,
    excerpt,
)

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

_TENANT = re.compile(r"[A-Za-z0-9.-]+")
_FORM = (
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("User-Agent", "partnercenter-async"),
)
_LIFETIME = 60  # seconds for which a token is taken to be good where its issuer does not say
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _TokenAnswer(msgspec.Struct, frozen=True):
    """What the token endpoint sends, of either kind."""

    access_token: str | None = None
    expires_in: object = None  # a number, mostly; whatever it is, the tokens beside it count
    refresh_token: str | None = None
    error: str | None = None
    error_description: str | None = None

    def __repr__(self) -> str:
        """Show nothing that could be a token."""
        return f"_TokenAnswer(error={self.error!r})"


class RefreshTokenCredential:
    """A credential of the Secure Application Model: redeems the refresh token of a user who consented with MFA.

    It fits wherever azure-core takes an ``AsyncTokenCredential``. Each redemption may bring a new refresh token;
    ``on_rotation`` is awaited with it before it is used, so that it can be stored. If that fails the call fails, and
    the callback is tried again before the next use; the old token is kept until then. A redemption under way ends even
    where its caller was cancelled, since the new refresh token would be lost otherwise.

    Source: https://learn.microsoft.com/partner-center/developer/enable-secure-app-model
    """

    def __init__(
        self,
        tenant_id: str,
        client_id: str,
        refresh_token: str,
        *,
        client_secret: str | None = None,
        client_assertion: Callable[[], str | Awaitable[str]] | None = None,
        on_rotation: Callable[[str], Awaitable[None]] | None = None,
        authority: str | None = None,
        timeout: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Take the app, its user's refresh token, and one of ``client_secret`` and ``client_assertion``.

        ``client_assertion`` is called for each redemption and returns a signed JWT, at once or awaited. ``authority``
        is that of the environment's cloud, ``timeout`` seconds for one redemption. Raises ValueError that names the
        argument.
        """
        for name, value in (("tenant_id", tenant_id), ("client_id", client_id), ("refresh_token", refresh_token)):
            check_text(name, value)
        if (not client_secret) == (client_assertion is None):
            raise ValueError("pass either client_secret or client_assertion")
        self._authority = Cloud.from_environment().authority if authority is None else authority
        self._authority = (self._authority if "://" in self._authority else f"https://{self._authority}").rstrip("/")
        origin(self._authority, "authority")
        self._tenant_id = _tenant(tenant_id)
        self._client_id = client_id
        self._client_secret = Secret(client_secret) if client_secret else None
        self._client_assertion = client_assertion
        self._on_rotation = on_rotation
        self._timeout = check_seconds("timeout", timeout)
        self._refresh_token = Secret(refresh_token)
        self._rotated: Secret | None = None  # not stored by the callback yet
        self._turn = asyncio.Lock()
        self._redemptions: set[asyncio.Task[AccessToken]] = set()
        self._transport = transport or AiohttpTransport(self._authority, ssl_context=ssl_context)

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: object,
    ) -> "AccessToken":
        """Redeem the refresh token for an access token; raises CredentialError.

        ``tenant_id`` redeems it in another tenant, such as a customer's that consented to the app.
        """
        del enable_cae, kwargs
        if not scopes:
            raise ValueError("get_token needs at least one scope")
        tenant = self._tenant_id if tenant_id is None else _tenant(tenant_id)
        redemption = asyncio.get_running_loop().create_task(self._redeem(tenant, " ".join(scopes), claims))
        self._redemptions.add(redemption)
        redemption.add_done_callback(self._ended)
        return await asyncio.shield(redemption)

    async def close(self) -> None:
        """Wait for redemptions under way, then close the connections."""
        await asyncio.gather(*self._redemptions, return_exceptions=True)
        await self._transport.close()

    async def __aenter__(self) -> Self:
        """Return the credential."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the credential."""
        await self.close()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the pickle would hold the secrets."""
        raise TypeError("a credential holds secrets and can't be pickled; make one where it is needed")

    def __repr__(self) -> str:
        """Show the app and its tenant."""
        return f"{type(self).__name__}(tenant_id={self._tenant_id!r}, client_id={self._client_id!r})"

    def _ended(self, redemption: "asyncio.Task[AccessToken]") -> None:
        self._redemptions.discard(redemption)
        if not redemption.cancelled():
            redemption.exception()  # seen, also where the caller was cancelled

    async def _redeem(self, tenant: str, scope: str, claims: str | None) -> "AccessToken":
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - azure is imported by whoever uses it

        async with self._turn:
            await self._store_rotated()
            found = await self._ask(tenant, await self._form(scope, claims))
            token, lifetime = Secret(found.access_token), _lifetime(found.expires_in)
            if found.refresh_token and found.refresh_token != self._refresh_token:
                self._rotated = Secret(found.refresh_token)
                del found
                await self._store_rotated()
            return AccessToken(token, int(time.time() + lifetime))

    async def _store_rotated(self) -> None:
        """Hand a new refresh token to the callback, and use it only from then on."""
        if self._rotated is None:
            return
        if self._on_rotation is not None:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._on_rotation(str(self._rotated))
            except Exception as error:
                kind = type(error).__name__
                raise CredentialError(
                    f"on_rotation failed with {kind}, so the new refresh token is not used yet"
                ) from error
        self._refresh_token, self._rotated = self._rotated, None

    async def _form(self, scope: str, claims: str | None) -> Secret:
        fields = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "refresh_token": self._refresh_token,
            "scope": scope,
        }
        if claims is not None:
            fields["claims"] = claims
        if self._client_secret is not None:
            fields["client_secret"] = self._client_secret
        if self._client_assertion is not None:
            made = self._client_assertion()
            async with asyncio.timeout(self._timeout):
                fields["client_assertion"] = Secret(await made if inspect.isawaitable(made) else made)
            fields["client_assertion_type"] = _ASSERTION_TYPE
        return Secret(urlencode(fields))

    async def _ask(self, tenant: str, form: Secret) -> _TokenAnswer:
        """Make one exchange with the token endpoint; it is the session that tries again."""
        url = f"{self._authority}/{tenant}/oauth2/v2.0/token"
        try:
            async with asyncio.timeout(self._timeout):
                raw = await self._transport.send(Request("POST", url, _FORM, form.encode()))
        except TimeoutError:
            raise CredentialError(f"the token endpoint gave no answer in {self._timeout:g} s", transient=True) from None
        except ClientClosedError:
            raise CredentialError("the credential was closed; make a new one") from None
        except PartnerCenterError as error:
            transient = isinstance(error, NoAnswerError)
            raise CredentialError(f"the token endpoint gave no answer: {error.message}", transient=transient) from error
        return _read(raw)


def _read(raw: RawResponse) -> _TokenAnswer:
    """Return a token answer that holds a token; raises CredentialError for every other."""
    try:
        found = decode(raw.body, _TokenAnswer)
    except DecodeError:
        found = _TokenAnswer()
    if raw.status == 200 and found.access_token:  # noqa: PLR2004 - 200
        return found
    what = excerpt(f"{found.error}: {found.error_description}" if found.error else raw.reason)
    error = CredentialError(
        f"the token endpoint answered {raw.status} {what}", transient=raw.status in RETRIED_STATUSES
    )
    error.status, error.code = raw.status, error.code or found.error
    if error.code not in REMEDIES and found.error in REMEDIES:
        error.remedy = REMEDIES[found.error]
    raise error


def _lifetime(expires_in: object) -> float:
    """Return for how many seconds a token is good; a minute where its issuer says nothing that can be understood."""
    try:
        seconds = float(str(expires_in))
    except ValueError:
        return _LIFETIME
    return seconds if isfinite(seconds) else _LIFETIME


def _tenant(tenant_id: str) -> str:
    if not _TENANT.fullmatch(tenant_id) or not tenant_id.strip("."):
        raise ValueError(f"tenant_id must be a tenant's id or domain, not {tenant_id!r}")
    return tenant_id
