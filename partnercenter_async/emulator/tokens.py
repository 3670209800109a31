"""What the authority issues and checks: access tokens, refresh tokens, authorization codes and device codes."""

import base64
import hashlib
import json
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.refusals import EntraError

TokenState = Literal["valid", "expired", "unknown"]
Version: TypeAlias = Literal[1, 2]
"""Of the authority's protocol: 1 asks for a `resource`, 2 for a `scope`."""

CODE_LIFETIME = 600.0
DEVICE_CODE_LIFETIME = 900.0
DEVICE_CODE_INTERVAL = 5.0
REFRESH_TOKEN_IDLE = 90 * 86400.0
"""How long a refresh token may go unused."""

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JWT_PARTS = ("header", "claims", "signature")
_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_challenge",  # of the method "plain" it is the verifier
        "code_verifier",
        "device_code",
        "id_token",
        "id_token_hint",
        "password",
        "refresh_token",
        "user_code",
    }
)
_GRAPH = "https://graph.microsoft.com"
_GRAPHS = frozenset(
    {
        _GRAPH,
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
        "00000003-0000-0000-c000-000000000000",
    }
)
# Whom the tokens of the API are for, and those of the services that share the emulator's address.
API_RESOURCES = frozenset(
    {
        "https://api.partnercenter.microsoft.com",
        "https://partner.partnercenterapi.microsoftonline.cn",
        "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
    }
)
BESIDE_RESOURCES = _GRAPHS | {"https://api.partner.microsoft.com"}
_OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ23456789"
_USER_CODE_LENGTH = 9
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_DEVICE_CODE_GRANTS = frozenset({"urn:ietf:params:oauth:grant-type:device_code", "device_code"})


def fingerprint(secret: str) -> str:
    """Return a short text that is the same for the same secret and tells nothing else about it."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What the service knows about an access token that it gave out."""

    expires: float
    """Loop time."""
    user: bool
    """Whether a user stands behind it, App+User, or only the application."""
    mfa: bool
    audience: str
    """The service that it is for, as the client wrote it, such as https://api.partnercenter.microsoft.com/."""

    @property
    def resource(self) -> str:
        """The service that it is for, as it is compared."""
        return _compared(self.audience)


@dataclass(slots=True, kw_only=True)
class Application:
    """The one application registration that the authority knows, and the one user of its tenant."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    consented: bool = True
    """Whether the user has agreed to what the application asks for."""
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def tenant_domain(self) -> str:
        """The tenant by name."""
        return f"emulated-{self.tenant_id[:8]}.onmicrosoft.com"

    @property
    def user_name(self) -> str:
        """The user who signs in."""
        return f"admin@{self.tenant_domain}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for."""

    resource: str
    """As it is written, which becomes the token's audience."""
    scopes: tuple[str, ...]
    openid: bool
    """Whether an id token is wanted, too."""
    offline: bool
    """Whether a refresh token is wanted, too."""


@dataclass(slots=True, kw_only=True)
class _Code:
    """An authorization code."""

    asked: Asked
    redirect_uri: str
    challenge: str
    method: str
    nonce: str
    expires: float
    used: bool = False


@dataclass(slots=True, kw_only=True)
class _Device:
    """A device that waits for its user."""

    asked: Asked
    user_code: str
    expires: float
    interval: float = DEVICE_CODE_INTERVAL
    asked_last: float | None = None
    accepted: bool | None = None
    """None while the user has not decided."""
    used: bool = False


@dataclass(slots=True, kw_only=True)
class _Refresh:
    """A refresh token."""

    asked: Asked
    used_last: float
    public: bool = False
    """Whether it was given to a client that showed no secret, and so needs none."""


class TokenIssuer:
    """Issues access tokens and what they are got for, and remembers them until they expire."""

    def __init__(
        self,
        application: Application,
        clock: Callable[[], float],
        *,
        authority: str,
        lifetime: float,
        rotate: bool,
        mfa: bool,
    ) -> None:
        self._application = application
        self._clock = clock
        self._authority = authority
        self._lifetime = lifetime
        self._rotate = rotate
        self._mfa = mfa
        self._issued: dict[str, IssuedToken] = {}
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        first = Asked(
            "https://api.partnercenter.microsoft.com",
            ("https://api.partnercenter.microsoft.com/user_impersonation",),
            openid=False,
            offline=False,
        )
        self._refresh_tokens = {application.refresh_token: _Refresh(asked=first, used_last=clock())}

    @property
    def latest_refresh_token(self) -> str:
        """The refresh token that was given out last."""
        return next(reversed(self._refresh_tokens))

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

    # What leads to a token

    def check_application(self, form: Mapping[str, str]) -> None:
        """Raise EntraError where the request is not the known application's."""
        client_id = form.get("client_id", "")
        if client_id.lower() != self._application.client_id.lower():
            raise EntraError(700016, client_id, self._application.tenant_id)

    def check_code_request(self, parameters: Mapping[str, str], version: Version) -> None:
        """Raise EntraError where no code can be given."""
        _read_asked(parameters, version, user=True)
        challenge, method = parameters.get("code_challenge", ""), parameters.get("code_challenge_method") or "plain"
        if challenge and method not in {"S256", "plain"}:
            raise EntraError(50149)
        if challenge and not _CHALLENGE.fullmatch(challenge):
            raise EntraError(501491)

    def issue_code(self, parameters: Mapping[str, str], version: Version) -> str:
        """Return an authorization code for a user who agreed to a request that was checked."""
        self._application.consented = True
        code = f"1.emulated.{secrets.token_urlsafe(48)}"
        self._codes[code] = _Code(
            asked=_read_asked(parameters, version, user=True),
            redirect_uri=parameters["redirect_uri"],
            challenge=parameters.get("code_challenge", ""),
            method=parameters.get("code_challenge_method") or "plain",
            nonce=parameters.get("nonce", ""),
            expires=self._clock() + CODE_LIFETIME,
        )
        return code

    def issue_device_code(self, form: Mapping[str, str], version: Version) -> tuple[str, str]:
        """Return a device code and the user code to type."""
        self.check_application(form)
        asked = _read_asked(form, version, user=True)
        device_code = f"1.emulated.{secrets.token_urlsafe(48)}"
        user_code = "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(_USER_CODE_LENGTH))
        expires = self._clock() + DEVICE_CODE_LIFETIME
        self._devices[device_code] = _Device(asked=asked, user_code=user_code, expires=expires)
        return device_code, user_code

    def scopes_of(self, user_code: str) -> tuple[str, ...]:
        """Return what a device asks for; raise EntraError where none waits with this user code."""
        return self._waiting(user_code).asked.scopes

    def decide(self, user_code: str, *, accept: bool) -> None:
        """Let the user accept or deny what the device with this user code asks for."""
        self._waiting(user_code).accepted = accept
        self._application.consented |= accept

    def _waiting(self, user_code: str) -> _Device:
        for device in self._devices.values():
            waits = device.accepted is None and self._clock() < device.expires
            if waits and secrets.compare_digest(device.user_code.encode(), user_code.strip().upper().encode()):
                return device
        raise EntraError(70018)

    # Grants

    def redeem(self, form: Mapping[str, str], version: Version, *, tenanted: bool) -> JsonObject:
        """Return the answer to a token request; raise EntraError."""
        self.check_application(form)
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            return self._redeem_credentials(form, version, tenanted=tenanted)
        if grant == "refresh_token":
            return self._redeem_refresh_token(form, version)
        if grant == "authorization_code":
            return self._redeem_code(form, version)
        if grant in _DEVICE_CODE_GRANTS:
            return self._redeem_device_code(form, version)
        raise EntraError(70003, grant)

    def _redeem_credentials(self, form: Mapping[str, str], version: Version, *, tenanted: bool) -> JsonObject:
        if not tenanted:
            raise EntraError(50059)
        self._authenticate(form)
        asked = _read_asked(form, version, user=False)
        _check_claims(form)
        return self._answer(form, version, asked, user=False)

    def _redeem_refresh_token(self, form: Mapping[str, str], version: Version) -> JsonObject:
        token = form.get("refresh_token", "")
        known = self._refresh_tokens.get(token)
        self._authenticate(form, public=known is not None and known.public)
        if known is None:
            raise EntraError(700082) if token.startswith("1.emulated.") else EntraError(70000, "refresh_token")
        now = self._clock()
        if now - known.used_last > REFRESH_TOKEN_IDLE:
            raise EntraError(700082)
        asked = _read_asked(form, version, user=True, known=known.asked)
        self._check_consent()
        _check_claims(form)
        known.used_last = now
        answer = self._answer(form, version, asked, user=True)
        if self._rotate:
            answer["refresh_token"] = self._issue_refresh_token(asked, public=known.public)
        elif asked.offline:
            answer["refresh_token"] = token
        return answer

    def _redeem_code(self, form: Mapping[str, str], version: Version) -> JsonObject:
        code = self._codes.get(form.get("code", ""))
        public = self._authenticate(form, public=code is None or bool(code.challenge))
        if code is None:
            raise EntraError(70000, "code")
        if self._clock() >= code.expires:
            raise EntraError(70008)
        if code.used:
            raise EntraError(54005)
        redirect_uri = form.get("redirect_uri", "")
        if redirect_uri != code.redirect_uri:
            raise EntraError(500112, redirect_uri, code.redirect_uri)
        _check_verifier(code, form.get("code_verifier", ""))
        asked = _read_asked(form, version, user=True, known=code.asked)
        self._check_consent()
        code.used = True
        return self._first_answer(form, version, asked, nonce=code.nonce, public=public)

    def _redeem_device_code(self, form: Mapping[str, str], version: Version) -> JsonObject:
        public = self._authenticate(form, public=True)
        device = self._devices.get(form.get("device_code") or form.get("code", ""))  # version 1 calls it `code`
        now = self._clock()
        if device is None:
            raise EntraError(70018)
        if device.used:
            raise EntraError(54005)
        if now >= device.expires:
            raise EntraError(70020)
        if device.accepted is None:
            hurried = device.asked_last is not None and now - device.asked_last < device.interval / 2
            device.asked_last = now
            if hurried:
                device.interval += DEVICE_CODE_INTERVAL
                raise EntraError(70016, error="slow_down")
            raise EntraError(70016)
        if not device.accepted:
            raise EntraError(65004, error="authorization_declined")
        self._check_consent()
        device.used = True
        return self._first_answer(form, version, device.asked, nonce="", public=public)

    def _authenticate(self, form: Mapping[str, str], *, public: bool = False) -> bool:
        """Check what proves who the client is; return whether it needed no proof."""
        if "client_assertion" in form:
            if form.get("client_assertion_type") != _ASSERTION_TYPE or len(form["client_assertion"].split(".")) != len(
                _JWT_PARTS
            ):
                raise EntraError(50027)
            return False
        if "client_secret" not in form:
            if public:
                return True
            raise EntraError(7000218)
        if not secrets.compare_digest(form["client_secret"].encode(), self._application.client_secret.encode()):
            raise EntraError(7000215, self._application.client_id)
        return False

    def _check_consent(self) -> None:
        if not self._application.consented:
            raise EntraError(65001, self._application.client_id)

    # Answers

    def _first_answer(
        self, form: Mapping[str, str], version: Version, asked: Asked, *, nonce: str, public: bool
    ) -> JsonObject:
        answer = self._answer(form, version, asked, user=True, nonce=nonce)
        if asked.offline:
            answer["refresh_token"] = self._issue_refresh_token(asked, public=public)
        return answer

    def _issue_refresh_token(self, asked: Asked, *, public: bool) -> str:
        token = f"1.emulated.{secrets.token_urlsafe(48)}"
        self._refresh_tokens[token] = _Refresh(asked=asked, used_last=self._clock(), public=public)
        return token

    def _answer(
        self, form: Mapping[str, str], version: Version, asked: Asked, *, user: bool, nonce: str = ""
    ) -> JsonObject:
        now = self._clock()
        self._issued = {token: issued for token, issued in self._issued.items() if now < issued.expires}
        claims = self._claims()
        token = _encode(claims | self._access_claims(asked, user=user))
        self._issued[token] = IssuedToken(now + self._lifetime, user, self._mfa, asked.resource)
        seconds = int(self._lifetime)
        answer: JsonObject = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds}
        if version == 1:
            times = {"expires_on": claims["exp"], "not_before": claims["nbf"]}
            answer |= {name: str(value) for name, value in (answer | times).items()} | {"resource": asked.resource}
        answer["access_token"] = token
        if user:
            answer["scope"] = " ".join(asked.scopes)
            if asked.openid:
                answer["id_token"] = _encode(claims | self._id_claims(nonce))
            if form.get("client_info") == "1":
                answer["client_info"] = self.client_info()
        return answer

    def client_info(self) -> str:
        """Return who the user is, as MSAL asks for it."""
        return _packed({"uid": self._application.user_id, "utid": self._application.tenant_id})

    def _claims(self) -> JsonObject:
        """Return what all tokens have; their times are the wall clock's, which is what their readers go by."""
        now = int(time.time())
        return {
            "iat": now,
            "nbf": now,
            "exp": now + int(self._lifetime),
            "tid": self._application.tenant_id,
            "uti": secrets.token_urlsafe(16),
        }

    def _access_claims(self, asked: Asked, *, user: bool) -> JsonObject:
        application = self._application
        claims: JsonObject = {
            "aud": asked.resource,
            "iss": f"https://sts.windows.net/{application.tenant_id}/",
            "appid": application.client_id,
            "ver": "1.0",
        }
        if not user:
            return {**claims, "roles": []}
        names = [scope.rpartition("/")[2] for scope in asked.scopes if scope not in _OPENID_SCOPES]
        permissions = dict.fromkeys("user_impersonation" if name == ".default" else name for name in names)
        return claims | {
            "scp": " ".join(permissions),
            "amr": ["pwd", "mfa"] if self._mfa else ["pwd"],
            "oid": application.user_id,
            "upn": application.user_name,
        }

    def _id_claims(self, nonce: str) -> JsonObject:
        application = self._application
        claims: JsonObject = {
            "aud": application.client_id,
            "iss": f"{self._authority}/{application.tenant_id}/v2.0",
            "name": "Emulated Admin",
            "oid": application.user_id,
            "preferred_username": application.user_name,
            "sub": fingerprint(application.user_id + application.client_id),
            "ver": "2.0",
        }
        return claims | {"nonce": nonce} if nonce else claims


def _read_asked(form: Mapping[str, str], version: Version, *, user: bool, known: Asked | None = None) -> Asked:
    """Return what a request asks for, which is what is known where it does not say; raise EntraError."""
    resource = form.get("resource", "").strip() if version == 1 else ""
    if resource:
        return Asked(resource, ("user_impersonation",), openid=user, offline=user)
    text = form.get("scope", "").strip()
    if not text or (version == 1 and "/" not in text):  # there are clients that name a scope in version 1
        if known is None:
            raise EntraError(900144, "resource" if version == 1 else "scope")
        return known
    names = text.split()
    resources: dict[str, None] = {}
    for name in names:
        if user and name in _OPENID_SCOPES:
            continue
        resource, _, permission = name.rpartition("/")
        if user and not resource:
            resource = _GRAPH
        free = user and (permission == "user_impersonation" or _compared(resource) in _GRAPHS)
        if not (resource and permission and (permission == ".default" or free)):
            raise EntraError(70011, text)
        resources[resource] = None
    if len(resources) > 1:
        raise EntraError(28000 if user else 70011, text)
    return Asked(
        next(iter(resources), _GRAPH),
        tuple(name for name in names if name != "offline_access"),
        openid="openid" in names,
        offline="offline_access" in names,
    )


def _compared(resource: str) -> str:
    return resource.rstrip("/").lower()


def _check_verifier(code: _Code, verifier: str) -> None:
    if not code.challenge:
        return
    if not verifier:
        raise EntraError(50148)
    made = verifier.encode()
    if code.method == "S256":
        made = base64.urlsafe_b64encode(hashlib.sha256(made).digest()).rstrip(b"=")
    if not secrets.compare_digest(made, code.challenge.encode()):
        raise EntraError(501481)


def _check_claims(form: Mapping[str, str]) -> None:
    try:
        valid = isinstance(json.loads(form.get("claims", "{}")), dict)
    except ValueError:
        valid = False
    if not valid:
        raise EntraError(900144, "claims")


def _packed(document: JsonObject) -> str:
    return base64.urlsafe_b64encode(json.dumps(document, separators=(",", ":")).encode()).decode().rstrip("=")


def _encode(claims: JsonObject) -> str:
    """Return a token that nobody can guess; its signature proves nothing to who reads it."""
    return f"{_packed({'typ': 'JWT', 'alg': 'none'})}.{_packed(claims)}.{secrets.token_urlsafe(24)}"


def redacted(form: Mapping[str, str]) -> dict[str, str]:
    """Return a request's form with each secret replaced by its fingerprint."""
    return {name: fingerprint(value) if name.lower() in _SECRET_FIELDS else value for name, value in form.items()}
