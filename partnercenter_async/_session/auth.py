"""Tokens: fetched once for all who wait, kept until shortly before they expire, renewed when one is refused."""

import asyncio
import base64
import binascii
import copy
import re
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from partnercenter_async._session.response import Headers
from partnercenter_async._session.transport import Secret, bare
from partnercenter_async.errors import CredentialError, excerpt

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_MARGIN = 300.0  # seconds before its end at which a token is renewed; a tenth of its life where that is shorter
_AGAIN = 30.0  # seconds between early renewals, and before a token's end at which calls wait for the next one
_PATIENCE = 60.0  # seconds for one renewal: a credential that hangs must not hold up every call for ever
# Credentials answer from their own caches, except when claims are asked for. These are met by every token.
_FRESH = '{"access_token":{"nbf":{"essential":true,"value":"0"}}}'
_SENDABLE = re.compile(r"Bearer [!-~]+")
_CLAIMS = re.compile(r'\bclaims="([^"]+)"')


class TokenSources:
    """The tokens of all credentials of a client, each kept for as long as its credential lives."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sources: dict[tuple[int, str], TokenSource] = {}

    def __len__(self) -> int:
        """Count the credentials and scopes."""
        return len(self._sources)

    def of(self, credential: "AsyncTokenCredential", scope: str) -> "TokenSource":
        """Return the tokens of a credential, the very object, for a scope."""
        key = id(credential), scope
        found = self._sources.get(key)
        if found is None:
            found = self._sources[key] = TokenSource(_owner(credential, self._sources, key), scope)
        return found

    def close(self) -> None:
        """End all renewals under way."""
        for tokens in list(self._sources.values()):
            tokens.close()


def _owner(
    credential: "AsyncTokenCredential", sources: dict[tuple[int, str], "TokenSource"], key: tuple[int, str]
) -> "Callable[[], AsyncTokenCredential | None]":
    """Return what gives a credential without keeping it alive, and forgets its tokens with it."""
    try:
        return weakref.ref(credential, lambda _: sources.pop(key, None))
    except TypeError:  # a class with slots may allow no weak references; its credentials live as long as the client
        return lambda: credential


class TokenSource:
    """The tokens of one credential for one scope, as values of the Authorization header.

    Times are kept on the event loop's clock, so that a jump of the wall clock neither ends nor prolongs a token.
    """

    def __init__(self, credential: "Callable[[], AsyncTokenCredential | None]", scope: str) -> None:
        """Take what gives the credential, which whoever asks for its tokens keeps alive."""
        self._credential = credential
        self._scope = scope
        self._authorization: Secret | None = None
        self._renew_at = 0.0
        self._usable_until = 0.0
        self._brief = False  # the token was good for no while when it came, and is used all the same
        self._claims: str | None = None
        self._flight: asyncio.Task[None] | None = None

    def current(self) -> Secret | None:
        """Return a value for the header if there is one that is good for a while."""
        now = asyncio.get_running_loop().time()
        if self._authorization is None or now >= self._usable_until:
            return None
        if now >= self._renew_at:
            self._renew()  # nobody waits for it as long as the old one will do
        return self._authorization

    def latest(self, earlier: Secret) -> Secret | None:
        """Return what has taken an earlier value's place, or itself; None where it ran out or was refused meanwhile."""
        return self.current() or (earlier if self._brief and self._authorization is earlier else None)

    async def authorization(self) -> Secret:
        """Return a value for the header; raises CredentialError where there is none to be had."""
        while True:
            current = self.current()
            if current is not None:
                return current
            try:
                await asyncio.shield(self._renew())
            except CredentialError as error:
                # Every waiter gets an error of its own, since a call writes its ids into it.
                raise copy.copy(error) from error.__cause__
            if self._authorization is not None:
                return self._authorization

    def reject(self, authorization: Secret, headers: Headers) -> None:
        """Take note that the service refused a value; ``headers`` may hold a claims challenge.

        Only the value in use is dropped: the one refused may have been replaced meanwhile, on another call's account.
        """
        if authorization is self._authorization:
            self._authorization = None
            self._claims = _challenge(headers) or _FRESH

    def close(self) -> None:
        """End a renewal under way."""
        if self._flight is not None:
            self._flight.cancel()

    def _renew(self) -> asyncio.Task[None]:
        """Return the renewal under way or start one. It is a task of its own: no waiter's cancellation ends it."""
        if self._flight is None or self._flight.done():
            credential = cast("AsyncTokenCredential", self._credential())
            self._flight = asyncio.get_running_loop().create_task(self._fetch(credential))
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[None]) -> None:
        if self._flight is flight:
            self._flight = None  # with its error, whose frames hold the credential
        if not flight.cancelled() and flight.exception() is not None:
            self._renew_at = flight.get_loop().time() + _AGAIN

    async def _fetch(self, credential: "AsyncTokenCredential") -> None:
        claims = self._claims
        limit = asyncio.timeout(_PATIENCE)
        try:
            async with limit:
                token = await (
                    credential.get_token(self._scope, claims=claims) if claims else credential.get_token(self._scope)
                )
            lifetime = token.expires_on - time.time()
            authorization = Secret("Bearer " + token.token)
            if not _SENDABLE.fullmatch(authorization):
                raise CredentialError(
                    "the credential gave a token that is empty or holds what no header can carry, such as a line end"
                )
        except CredentialError:
            raise
        except asyncio.CancelledError as error:
            if cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                raise
            raise CredentialError("the credential was cancelled from within", transient=True) from bare(error)
        except Exception as error:  # noqa: BLE001 - credentials are anybody's code
            if limit.expired():
                message = f"the credential gave no token in {_PATIENCE:g} s"
                raise CredentialError(message, transient=True) from bare(error)
            kind = type(error).__name__
            raise CredentialError(f"the credential gave no token: {kind}: {excerpt(str(error))}") from bare(error)
        if self._claims is not claims:
            return  # the value in use was refused meanwhile, and this may be the same one: fetch another
        now = asyncio.get_running_loop().time()
        renew_at = now + lifetime - min(_MARGIN, lifetime / 10)
        # A credential with a margin of its own may give the same token again for a while.
        self._renew_at = max(renew_at, now + _AGAIN) if authorization == self._authorization else renew_at
        self._usable_until = now + lifetime - min(_AGAIN, lifetime / 20)
        self._brief = self._usable_until <= now
        self._authorization, self._claims = authorization, None


def _challenge(headers: Headers) -> str | None:
    """Return the claims that a refusal asks for, as JSON text."""
    found = _CLAIMS.search(headers.get("WWW-Authenticate") or "")
    if found is None:
        return None
    padded = found[1] + "=" * (-len(found[1]) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode() or None
    except (binascii.Error, ValueError):
        return None
