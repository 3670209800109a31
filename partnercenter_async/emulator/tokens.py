"""The token endpoint: Entra ID's v2.0 answers to the two grants that a Partner Center client uses."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from partnercenter_async.emulator.generation import JsonObject

TokenState = Literal["valid", "expired", "unknown"]

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JWT_PARTS = ("header", "claims", "signature")
_SECRET_FIELDS = frozenset({"client_secret", "client_assertion", "refresh_token"})


def fingerprint(secret: str) -> str:
    """Return a short text that is the same for the same secret and tells nothing else about it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What the service knows about an access token that it gave out."""

    expires: float
    """Loop time."""
    user: bool
    """Whether a user stands behind it, App+User, or only the application."""
    mfa: bool
    resource: str
    """The service that it is for, such as https://api.partnercenter.microsoft.com."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The one application registration that the token endpoint knows."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


_REFUSALS = {
    90002: ("invalid_request", 400, "The emulator knows no such tenant."),
    700016: ("unauthorized_client", 400, "The emulator knows no such application in this tenant."),
    70003: ("unsupported_grant_type", 400, "The emulator serves client_credentials and refresh_token."),
    700082: ("invalid_grant", 400, "The refresh token is unknown or too old."),
    50027: ("invalid_client", 401, "The client assertion is no JWT."),
    7000218: ("invalid_client", 401, "The body has neither client_assertion nor client_secret."),
    7000215: ("invalid_client", 401, "The client secret is wrong."),
    70011: ("invalid_scope", 400, "The scope does not fit the grant."),
    900144: ("invalid_request", 400, "The claims are no JSON object."),
}
"""By AADSTS code: error, status and text."""


class _RefusedError(Exception):
    """A token request that Entra ID would refuse, with the AADSTS code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class TokenIssuer:
    """Issues access tokens and remembers them until they expire."""

    def __init__(
        self, application: Application, clock: Callable[[], float], *, lifetime: float, rotate: bool, mfa: bool
    ) -> None:
        self._application = application
        self._clock = clock
        self._lifetime = lifetime
        self._rotate = rotate
        self._mfa = mfa
        self._issued: dict[str, IssuedToken] = {}
        self._refresh_tokens = [application.refresh_token]

    @property
    def latest_refresh_token(self) -> str:
        """The refresh token that was given out last."""
        return self._refresh_tokens[-1]

    def state(self, token: str) -> TokenState:
        """Return whether an access token is good."""
        issued = self._issued.get(token)
        if issued is None:
            return "unknown"
        return "valid" if self._clock() < issued.expires else "expired"

    def facts(self, token: str) -> IssuedToken:
        """Return what is known about an access token that was issued."""
        return self._issued[token]

    def revoke(self, token: str) -> None:
        """Forget one access token."""
        self._issued.pop(token, None)

    def revoke_all(self) -> None:
        """Forget every access token."""
        self._issued.clear()

    def redeem(self, tenant: str, form: Mapping[str, str]) -> tuple[int, JsonObject]:
        """Return the status and the document that answer a token request."""
        try:
            return 200, self._grant(tenant, form)
        except _RefusedError as refusal:
            error, status, text = _REFUSALS[refusal.code]
            trace = secrets.token_hex(16)
            return status, {
                "error": error,
                "error_description": f"AADSTS{refusal.code}: {text} Trace ID: {trace}",
                "error_codes": [refusal.code],
                "timestamp": "2026-01-01 00:00:00Z",
                "trace_id": trace,
                "correlation_id": secrets.token_hex(16),
                "error_uri": f"https://localhost/error?code={refusal.code}",
            }

    def _grant(self, tenant: str, form: Mapping[str, str]) -> JsonObject:
        if tenant.lower() != self._application.tenant_id:
            raise _RefusedError(90002)
        if form.get("client_id", "").lower() != self._application.client_id:
            raise _RefusedError(700016)
        grant = form.get("grant_type", "")
        if grant not in {"client_credentials", "refresh_token"}:
            raise _RefusedError(70003)
        self._authenticate(form)
        user = grant == "refresh_token"
        if user and form.get("refresh_token", "") not in self._refresh_tokens:
            raise _RefusedError(700082)
        resource = self._resource(form.get("scope", ""), user=user)
        self._check_claims(form.get("claims"))
        return self._answer(resource, form.get("scope", ""), user=user)

    def _authenticate(self, form: Mapping[str, str]) -> None:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != _ASSERTION_TYPE or len(form["client_assertion"].split(".")) != len(
                _JWT_PARTS
            ):
                raise _RefusedError(50027)
        elif "client_secret" not in form:
            raise _RefusedError(7000218)
        elif not secrets.compare_digest(form["client_secret"].encode(), self._application.client_secret.encode()):
            raise _RefusedError(7000215)

    @staticmethod
    def _resource(scope: str, *, user: bool) -> str:
        for part in scope.split():
            resource, slash, permission = part.rpartition("/")
            if slash and resource and (permission == ".default" or (user and permission == "user_impersonation")):
                return resource
        raise _RefusedError(70011)

    @staticmethod
    def _check_claims(claims: str | None) -> None:
        if claims is None:
            return
        try:
            valid = isinstance(json.loads(claims), dict)
        except ValueError:
            valid = False
        if not valid:
            raise _RefusedError(900144)

    def _answer(self, resource: str, scope: str, *, user: bool) -> JsonObject:
        now = self._clock()
        self._issued = {token: issued for token, issued in self._issued.items() if now < issued.expires}
        token = self._encode(resource, user=user)
        self._issued[token] = IssuedToken(now + self._lifetime, user, self._mfa, resource)
        answer: JsonObject = {
            "token_type": "Bearer",
            "expires_in": int(self._lifetime),
            "ext_expires_in": int(self._lifetime),
            "access_token": token,
        }
        if user:
            answer["scope"] = scope
            if self._rotate:
                self._refresh_tokens.append(f"1.emulated.{secrets.token_urlsafe(48)}")
                answer["refresh_token"] = self._refresh_tokens[-1]
        return answer

    def _encode(self, resource: str, *, user: bool) -> str:
        claims: JsonObject = {
            "aud": resource,
            "appid": self._application.client_id,
            "tid": self._application.tenant_id,
            "exp": int(self._clock() + self._lifetime),
            "uti": secrets.token_urlsafe(16),
        }
        if user:
            claims |= {"scp": "user_impersonation", "amr": ["pwd", "mfa"] if self._mfa else ["pwd"]}
        else:
            claims["roles"] = []
        parts = (json.dumps(part, separators=(",", ":")).encode() for part in ({"typ": "JWT", "alg": "none"}, claims))
        return (
            ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
            + "."
            + secrets.token_urlsafe(24)
        )


def redacted(form: Mapping[str, str]) -> dict[str, str]:
    """Return a token request's form with each secret replaced by its fingerprint."""
    return {name: fingerprint(value) if name in _SECRET_FIELDS else value for name, value in form.items()}
