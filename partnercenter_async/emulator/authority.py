"""The authority: what lies below an Entra ID's address, from discovery to the pages where a user agrees."""

import html
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from partnercenter_async.emulator.generation import JsonObject
from partnercenter_async.emulator.refusals import EntraError
from partnercenter_async.emulator.tokens import (
    DEVICE_CODE_INTERVAL,
    DEVICE_CODE_LIFETIME,
    Application,
    TokenIssuer,
    Version,
    fingerprint,
    redacted,
)

_Kind: TypeAlias = Literal[
    "discovery", "keys", "instance", "token", "authorize", "devicecode", "devicelogin", "nativeclient"
]

_PLACES: dict[tuple[str, ...], tuple[_Kind, Version]] = {
    ("v2.0", ".well-known", "openid-configuration"): ("discovery", 2),
    (".well-known", "openid-configuration"): ("discovery", 1),
    ("discovery", "v2.0", "keys"): ("keys", 2),
    ("discovery", "keys"): ("keys", 1),
    ("discovery", "instance"): ("instance", 1),
    ("oauth2", "v2.0", "token"): ("token", 2),
    ("oauth2", "token"): ("token", 1),
    ("oauth2", "v2.0", "authorize"): ("authorize", 2),
    ("oauth2", "authorize"): ("authorize", 1),
    ("oauth2", "v2.0", "devicecode"): ("devicecode", 2),
    ("oauth2", "devicecode"): ("devicecode", 1),
    ("oauth2", "nativeclient"): ("nativeclient", 1),
}
"""By what follows the tenant."""
_METHODS: dict[_Kind, tuple[str, ...]] = {
    "token": ("POST",),
    "devicecode": ("POST",),
    "authorize": ("GET", "POST"),
    "devicelogin": ("GET", "POST"),
    "nativeclient": ("GET", "POST"),
}
_ALIASES = frozenset({"common", "organizations"})
"""What stands for the user's tenant, whichever that is."""
_FORM = "application/x-www-form-urlencoded"
_HERE = re.compile(
    r"(?P<scheme>https?)://(?:localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?:[/?](?:(?![#\\])[!-~])*)?"
)
"""An address of this machine, as browsers read it too."""
_NAME = re.compile(r"[\w.-]+")
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="font: 16px/1.5 sans-serif; max-width: 34em; margin: 4em auto">
<h1 style="font-size: 1.3em">{title}</h1>
{body}
</body></html>
"""
_DECISION = '<button name="decision" value="accept">Accept</button> <button name="decision" value="deny">Deny</button>'


@dataclass(frozen=True, slots=True)
class _Place:
    """Where below the authority a request is going."""

    kind: _Kind
    version: Version
    tenant: str


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request, taken apart."""

    method: str
    place: _Place
    parameters: dict[str, str]
    """Those of the query and of the form."""
    form: dict[str, str]
    correlation_id: str
    trace_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class SignInReply:
    """An answer of the authority."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]


def _place(path: str) -> _Place | None:
    segments = [unquote(segment) for segment in path.removeprefix("/").split("/")]
    tenant, *rest = segments
    if not rest and tenant.lower() == "devicelogin":
        return _Place("devicelogin", 2, "")
    found = _PLACES.get(tuple(each.lower() for each in rest))
    return None if found is None else _Place(*found, tenant)


def requests() -> Iterator[tuple[str, str]]:
    """Yield what is served: the operation that it counts as, and the method and path."""
    places: list[tuple[str, _Kind]] = [("/devicelogin", "devicelogin")]
    places.extend(("/{tenant}/" + "/".join(rest), kind) for rest, (kind, _) in _PLACES.items())
    for path, kind in places:
        for method in _METHODS.get(kind, ("GET",)):
            yield sign_in_operation(method, path) or "", f"{method} {path}"


def sign_in_operation(method: str, path: str) -> Literal["token", "sign_in"] | None:
    """Return as what a request with this undecoded path counts; None where it is not for the authority."""
    place = _place(path)
    if place is None:
        return None
    return "token" if place.kind == "token" and method == "POST" else "sign_in"


def is_form(headers: Mapping[str, str]) -> bool:
    """Return whether a request's body is a form, as those for tokens are."""
    return headers.get("Content-Type", "").lower().startswith(_FORM)


def recorded(query: str, headers: Mapping[str, str], body: bytes) -> tuple[str, bytes]:
    """Return the query and the body of a request for the authority as they may be kept: with no secret in them."""
    if body and not is_form(headers):
        return _without_secrets(query), fingerprint(body.decode(errors="replace")).encode()
    return _without_secrets(query), _without_secrets(body.decode(errors="replace")).encode()


def _without_secrets(text: str) -> str:
    values = _values(text)
    if text and ("=" not in text or not all(_NAME.fullmatch(name) for name in values)):
        return fingerprint(text)  # no form, so a secret may stand anywhere in it
    kept = redacted(values)
    return text if kept == values else urlencode(kept)


def _values(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))


class Authority:
    """Answers what a client asks an Entra ID before it has a token."""

    def __init__(self, application: Application, tokens: TokenIssuer, endpoint: str) -> None:
        self._application = application
        self._tokens = tokens
        self._endpoint = endpoint

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> SignInReply:
        """Return the answer to a request for which there is a `sign_in_operation`."""
        place = _place(path)
        assert place is not None  # noqa: S101 - its caller went by `sign_in_operation`
        form = _values(body.decode(errors="replace"))
        parameters = _values(query) | form
        named = headers.get("client-request-id") or parameters.get("client-request-id", "")
        visit = _Visit(method, place, parameters, form, _correlation_id(named))
        pages = place.kind in {"authorize", "devicelogin", "nativeclient"}
        try:
            methods = _METHODS.get(place.kind, ("GET",))
            if method not in methods:
                raise EntraError(900561, ", ".join(methods), method)
            reply = self._page(visit) if pages else self._json(visit)
        except EntraError as error:
            document = self._document(error, visit)
            text = f"<p>{html.escape(str(document['error_description']))}</p>"
            reply = _page("Sign-in failed", text, error.status) if pages else _json(document, error.status)
        reply.headers.append(("x-ms-request-id", visit.trace_id))
        reply.headers.append(("client-request-id", visit.correlation_id))
        return reply

    def _document(self, error: EntraError, visit: _Visit) -> JsonObject:
        return error.document(self._endpoint, visit.trace_id, visit.correlation_id)

    def _tenant(self, visit: _Visit) -> str:
        """Return the tenant as addresses name it: its id, or an alias; raise EntraError."""
        named = visit.place.tenant.lower()
        if named in _ALIASES:
            return named
        if named not in {self._application.tenant_id.lower(), self._application.tenant_domain.lower()}:
            raise EntraError(90002, visit.place.tenant)
        return self._application.tenant_id

    def _json(self, visit: _Visit) -> SignInReply:
        if visit.place.kind == "instance":
            return _json(self._instance(visit))
        tenant = self._tenant(visit)
        match visit.place.kind:
            case "discovery":
                return _json(self._discovery(tenant, visit.place.version))
            case "token":
                answer = self._tokens.redeem(visit.form, visit.place.version, tenanted=tenant not in _ALIASES)
                return _json(answer)
            case "devicecode":
                return _json(self._device_code(visit))
            case _:
                return _json({"keys": []})

    def _page(self, visit: _Visit) -> SignInReply:
        match visit.place.kind:
            case "authorize":
                self._tenant(visit)
                return self._authorize(visit)
            case "devicelogin":
                return self._device_login(visit)
            case _:
                return _page("Signed in", "<p>The application reads the rest in this page's address.</p>")

    # Documents

    def _discovery(self, tenant: str, version: Version) -> JsonObject:
        below = f"{self._endpoint}/{tenant}"
        part = "" if version == 1 else "/v2.0"
        issued_for = "{tenantid}" if tenant in _ALIASES else tenant
        issuer = f"{self._endpoint}/{issued_for}/v2.0" if part else f"https://sts.windows.net/{issued_for}/"
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{below}/oauth2{part}/authorize",
            "token_endpoint": f"{below}/oauth2{part}/token",
            "device_authorization_endpoint": f"{below}/oauth2{part}/devicecode",
            "jwks_uri": f"{below}/discovery{part}/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["none"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "code_challenge_methods_supported": ["S256", "plain"],
            "tenant_region_scope": None,
            "cloud_instance_name": urlsplit(self._endpoint).netloc,
        }

    def _instance(self, visit: _Visit) -> JsonObject:
        host = urlsplit(self._endpoint).netloc
        try:
            wanted = urlsplit(visit.parameters.get("authorization_endpoint", ""))
        except ValueError:
            raise EntraError(50049) from None
        if wanted.netloc.lower() != host:
            raise EntraError(50049)
        tenant = wanted.path.removeprefix("/").partition("/")[0]
        part = "/v2.0" if "/v2.0/" in wanted.path else ""
        return {
            "tenant_discovery_endpoint": f"{self._endpoint}/{tenant}{part}/.well-known/openid-configuration",
            "api-version": visit.parameters.get("api-version", "1.1"),
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }

    def _device_code(self, visit: _Visit) -> JsonObject:
        device_code, user_code = self._tokens.issue_device_code(visit.form, visit.place.version)
        uri = f"{self._endpoint}/devicelogin"
        document: JsonObject = {
            "user_code": user_code,
            "device_code": device_code,
            "expires_in": int(DEVICE_CODE_LIFETIME),
            "interval": int(DEVICE_CODE_INTERVAL),
            "message": f"To sign in, use a web browser to open the page {uri} and enter the code {user_code} to"
            " authenticate.",
        }
        if visit.place.version == 1:
            return {**{name: str(value) for name, value in document.items()}, "verification_url": uri}
        return document | {"verification_uri": uri}

    # Pages

    def _authorize(self, visit: _Visit) -> SignInReply:
        parameters, version = visit.parameters, visit.place.version
        self._tokens.check_application(parameters)
        self._check_redirect_uri(parameters)
        try:
            mode = parameters.get("response_mode") or "query"
            if mode not in {"query", "fragment", "form_post"}:
                raise EntraError(70007, mode)
            response_type = parameters.get("response_type", "")
            if response_type != "code":
                raise EntraError(70005, response_type)
            self._tokens.check_code_request(parameters, version)
            decision = visit.form.get("decision", "")
            if parameters.get("prompt") == "none":
                if not self._application.consented:
                    raise EntraError(65001, self._application.client_id, error="consent_required")
                decision = "accept"
            if decision == "deny":
                raise EntraError(65004)
            if decision != "accept":
                return self._ask(parameters)
            values = {"code": self._tokens.issue_code(parameters, version)}
            if parameters.get("client_info") == "1":
                values["client_info"] = self._tokens.client_info()
        except EntraError as error:
            document = self._document(error, visit)
            values = {"error": error.error, "error_description": str(document["error_description"])}
            if error.error == "access_denied":
                values["error_subcode"] = "cancel"
        return _redirect(parameters, values)

    def _check_redirect_uri(self, parameters: Mapping[str, str]) -> None:
        """Refuse what would lead a user, or a code, elsewhere."""
        uri = parameters.get("redirect_uri", "")
        if not uri:
            raise EntraError(900144, "redirect_uri")
        here = _HERE.fullmatch(uri)
        port = int(here["port"] or (443 if here["scheme"] == "https" else 80)) if here else None
        # What else the emulator serves would take the code for a part of an API request, and keep it.
        beside = port not in {None, urlsplit(self._endpoint).port}
        if not beside and uri != f"{self._endpoint}/common/oauth2/nativeclient":
            raise EntraError(50011, uri, self._application.client_id)

    def _ask(self, parameters: Mapping[str, str]) -> SignInReply:
        asked = parameters.get("scope") or parameters.get("resource", "")
        return _page("Permissions requested", self._question(asked) + _form({**parameters}, _DECISION))

    def _question(self, asked: str) -> str:
        application, user = html.escape(self._application.client_id), html.escape(self._application.user_name)
        return f"<p>The application {application} asks {user} for: {html.escape(asked)}</p>"

    def _device_login(self, visit: _Visit) -> SignInReply:
        user_code, decision = visit.form.get("user_code", ""), visit.form.get("decision", "")
        if not user_code:
            entry = '<label>Code <input name="user_code" autofocus></label> <button>Next</button>'
            return _page("Enter the code that the device shows", _form({}, entry))
        asked = self._tokens.scopes_of(user_code)
        if decision not in {"accept", "deny"}:
            question = self._question(" ".join(asked))
            return _page("Permissions requested", question + _form({"user_code": user_code}, _DECISION))
        self._tokens.decide(user_code, accept=decision == "accept")
        told = "You have signed in on the device." if decision == "accept" else "You have not signed in on the device."
        return _page(told, "<p>You may close this page.</p>")


def _correlation_id(named: str) -> str:
    """Return the client's own id of the request where it gave one."""
    try:
        return str(uuid.UUID(named))
    except ValueError:
        return str(uuid.uuid4())


def _headers(content_type: str) -> list[tuple[str, str]]:
    return [
        ("Content-Type", f"{content_type}; charset=utf-8"),
        ("Cache-Control", "no-store, no-cache"),
        ("Pragma", "no-cache"),
        ("Referrer-Policy", "no-referrer"),
    ]


def _json(document: JsonObject, status: int = 200) -> SignInReply:
    return SignInReply(status, json.dumps(document, separators=(",", ":")).encode(), _headers("application/json"))


def _page(title: str, body: str, status: int = 200) -> SignInReply:
    return SignInReply(status, _PAGE.format(title=html.escape(title), body=body).encode(), _headers("text/html"))


def _form(fields: Mapping[str, str], body: str, action: str = "") -> str:
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return f'<form method="post" action="{html.escape(action)}">{hidden}{body}</form>'


def _redirect(parameters: Mapping[str, str], values: dict[str, str]) -> SignInReply:
    """Return the way back to the client, with what it was sent for."""
    uri = parameters["redirect_uri"]
    if "state" in parameters:
        values["state"] = parameters["state"]
    mode = parameters.get("response_mode")
    if mode == "form_post":
        leave = "<script>document.forms[0].submit()</script>"
        return _page("Back to the application", _form(values, "<button>Continue</button>", uri) + leave)
    mark = "#" if mode == "fragment" else "&" if "?" in uri else "?"
    return SignInReply(302, b"", [("Location", f"{uri}{mark}{urlencode(values)}"), *_headers("text/html")])
