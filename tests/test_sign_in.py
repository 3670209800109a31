"""Clients that others wrote sign in to the emulator, and are refused as Entra ID refuses them."""

import asyncio
import base64
import html
import json
import os
import re
import shutil
import ssl
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import azure.identity
import azure.identity.aio
import msal
import pytest
from yarl import URL

from partnercenter_async.emulator import Answer, DataSet, Emulator, Fault, FixedWindow, Limit, fingerprint
from partnercenter_async.testing import run_in_virtual_time

API = "https://api.partnercenter.microsoft.com"
GRAPH = "https://graph.microsoft.com"
APP_SCOPE, USER_SCOPE = f"{API}/.default", f"{API}/user_impersonation"
REDIRECT = "http://localhost:5000/callback"
FOREIGN = Path(__file__).parent / "foreign"
VERIFIER = "v" * 43
S256 = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"  # the SHA-256 of that


class Answered:
    """A response with its body read."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.text = response.status, response.headers, body.decode()

    def json(self):
        return json.loads(self.text)

    def code(self) -> int:
        """The AADSTS number of a refusal, which has all that Entra ID's have."""
        told = self.json()
        (code,) = told["error_codes"]
        assert re.fullmatch(
            rf"AADSTS{code}: .+ Trace ID: {told['trace_id']} Correlation ID: {told['correlation_id']}"
            rf" Timestamp: {told['timestamp']}",
            told["error_description"],
        )
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", told["timestamp"])
        assert told["error_uri"].endswith(f"/error?code={code}")
        assert uuid.UUID(told["trace_id"]) != uuid.UUID(told["correlation_id"])
        return code

    def fields(self) -> dict[str, str]:
        """The hidden fields of a page's form."""
        found = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', self.text)
        return {html.unescape(name): html.unescape(value) for name, value in found}

    def sent_back(self) -> dict[str, str]:
        """What a redirection has for the client."""
        parts = urlsplit(self.headers["Location"])
        return dict(parse_qsl(parts.fragment or parts.query))


class Visitor:
    """A browser, and a client that was written by hand."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator, self.session = emulator, session

    async def send(self, method: str, address: str, form: Mapping[str, str] | None = None, **headers: str) -> Answered:
        url = URL(address if address.startswith("http") else self.emulator.endpoint + address, encoded=True)
        async with self.session.request(method, url, data=form, headers=headers, allow_redirects=False) as response:
            return Answered(response, await response.read())

    async def token(self, grant: str, *, version: int = 2, tenant: str | None = None, **form: str) -> Answered:
        """Ask for a token; a field that is empty is left out."""
        known = {"client_id": self.emulator.client_id, "client_secret": self.emulator.client_secret}
        whole = {**known, "grant_type": grant, **form}
        where = f"/{tenant or self.emulator.tenant_id}/oauth2{'/v2.0' if version == 2 else ''}/token"
        return await self.send("POST", where, {name: value for name, value in whole.items() if value})

    async def application(self, scope: str = APP_SCOPE) -> str:
        return (await self.token("client_credentials", scope=scope)).json()["access_token"]

    async def user(self, scope: str = USER_SCOPE, **form: str) -> Answered:
        return await self.token("refresh_token", refresh_token=self.emulator.refresh_token, scope=scope, **form)

    def place(self, *, version: int = 2, **parameters: str) -> str:
        known = {
            "client_id": self.emulator.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": USER_SCOPE,
            **parameters,
        }
        query = urlencode({name: value for name, value in known.items() if value})
        return f"/common/oauth2{'/v2.0' if version == 2 else ''}/authorize?{query}"

    async def click(self, address: str, decision: str = "accept") -> Answered:
        """Open a page and press a button of it, as a browser does."""
        page = await self.send("GET", address)
        assert page.status == 200, page.text
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert f'name="decision" value="{decision}"' in page.text
        return await self.send("POST", address.partition("?")[0], {**page.fields(), "decision": decision})

    async def code(self, **parameters: str) -> str:
        return (await self.click(self.place(**parameters))).sent_back()["code"]

    async def redeem(self, code: str, **form: str) -> Answered:
        return await self.token("authorization_code", **{"code": code, "redirect_uri": REDIRECT, **form})

    async def device(self, *, version: int = 2, **form: str) -> Answered:
        part = "/v2.0" if version == 2 else ""
        asked = {"client_id": self.emulator.client_id, "scope": USER_SCOPE, **form}
        return await self.send("POST", f"/organizations/oauth2{part}/devicecode", asked)

    async def poll(self, device_code: str, **form: str) -> Answered:
        grant = "urn:ietf:params:oauth:grant-type:device_code"
        return await self.token(grant, device_code=device_code, client_secret="", **form)

    async def type_code(self, user_code: str, decision: str) -> Answered:
        """Type a code into the page for devices, and press a button of the next."""
        assert 'name="user_code"' in (await self.send("GET", "/devicelogin")).text
        page = await self.send("POST", "/devicelogin", {"user_code": user_code})
        assert page.status == 200
        return await self.send("POST", "/devicelogin", {**page.fields(), "decision": decision})

    async def read(self, token: str, path: str = "/v1/customers") -> Answered:
        return await self.send("GET", path, Authorization=f"Bearer {token}")


class Visiting:
    """An emulator with a visitor, both gone at the end."""

    def __init__(self, **options) -> None:
        data = options.pop("data", None) or DataSet(customers=5, orders_per_customer=3, seed=3)
        self.emulator = Emulator(data, **options)

    async def __aenter__(self) -> Visitor:
        await self.emulator.__aenter__()
        connector = aiohttp.TCPConnector(ssl=self.emulator.ssl_context())
        self.session = await aiohttp.ClientSession(connector=connector).__aenter__()
        return Visitor(self.emulator, self.session)

    async def __aexit__(self, *error) -> None:
        await self.session.__aexit__(*error)
        await self.emulator.__aexit__(*error)


@pytest.fixture(autouse=True)
def own_authorities_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests, which MSAL uses, goes by these rather than by what it is given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with Visiting() as visitor:
        yield visitor


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def all_orders(emulator: Emulator) -> dict[str, list[str]]:
    data = emulator.data
    return {each: [order["id"] for order in data.orders(each)] for each in data.customer_ids()}


async def listed(visitor: Visitor, token: str) -> dict[str, list[str]]:
    """All customers and their orders, as one token reads them."""
    found = {}
    for customer in (await visitor.read(token)).json()["items"]:
        page = await visitor.read(token, f"/v1/customers/{customer['id']}/orders")
        found[customer["id"]] = [order["id"] for order in page.json()["items"]]
    return found


def press(emulator: Emulator, address: str, **form: str) -> None:
    """Post a form from a thread."""
    trusted = ssl.create_default_context(cafile=emulator.ca_file)
    with urllib.request.urlopen(address, urlencode(form).encode(), context=trusted) as answer:
        answer.read()


# MSAL for Python


def confidential(emulator: Emulator, secret: str | None = None, tenant: str | None = None):
    return msal.ConfidentialClientApplication(
        emulator.client_id,
        client_credential=secret or emulator.client_secret,
        authority=f"{emulator.authority}/{tenant or emulator.tenant_id}",
        instance_discovery=False,
        verify=emulator.ca_file,
    )


def public(emulator: Emulator, tenant: str = "organizations"):
    return msal.PublicClientApplication(
        emulator.client_id,
        authority=f"{emulator.authority}/{tenant}",
        instance_discovery=False,
        verify=emulator.ca_file,
    )


@pytest.mark.parametrize("by_name", [False, True])
async def test_msal_gets_a_token_for_the_application(visitor, by_name):
    emulator = visitor.emulator

    def work():
        tenant = emulator.tenant_domain if by_name else emulator.tenant_id
        return confidential(emulator, tenant=tenant).acquire_token_for_client([APP_SCOPE])

    answer = await asyncio.to_thread(work)
    assert await listed(visitor, answer["access_token"]) == all_orders(emulator)


async def test_msal_asks_the_emulator_whether_it_is_an_authority(visitor):
    emulator = visitor.emulator

    def work():
        return msal.ConfidentialClientApplication(
            emulator.client_id,
            client_credential=emulator.client_secret,
            authority=f"{emulator.authority}/{emulator.tenant_id}",
            instance_discovery=f"{emulator.authority}/common/discovery/instance",
            verify=emulator.ca_file,
        )

    # MSAL leaves the port out where it asks.
    with pytest.raises(ValueError, match="invalid_instance"):
        await asyncio.to_thread(work)
    answer = await visitor.send(
        "GET",
        f"/common/discovery/instance?{urlencode({'authorization_endpoint': emulator.authority + visitor.place()})}",
    )
    host = urlsplit(emulator.authority).netloc
    assert answer.json()["metadata"] == [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
    assert (await visitor.send("GET", answer.json()["tenant_discovery_endpoint"])).status == 200


@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")
@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_msal_gets_a_users_token_with_a_code_and_renews_it(visitor, mode):
    emulator = visitor.emulator
    application = await asyncio.to_thread(confidential, emulator)
    flow = application.initiate_auth_code_flow([USER_SCOPE], redirect_uri=REDIRECT, response_mode=mode)
    back = await visitor.click(flow["auth_uri"])
    told = back.fields() if mode == "form_post" else back.sent_back()
    answer = await asyncio.to_thread(application.acquire_token_by_auth_code_flow, flow, told)
    assert await listed(visitor, answer["access_token"]) == all_orders(emulator)
    assert answer["id_token_claims"]["preferred_username"] == emulator.user_name
    (account,) = application.get_accounts()
    assert account["username"] == emulator.user_name

    def renew():
        return application.acquire_token_silent_with_error([USER_SCOPE], account, force_refresh=True)

    again = await asyncio.to_thread(renew)
    assert again["access_token"] != answer["access_token"]
    assert await listed(visitor, again["access_token"]) == all_orders(emulator)
    # One sign-in serves another service, too.
    graph = await asyncio.to_thread(application.acquire_token_silent, [f"{GRAPH}/User.Read"], account)
    assert claims(graph["access_token"])["aud"] == GRAPH


@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")
async def test_msal_says_that_the_user_declined(visitor):
    application = await asyncio.to_thread(confidential, visitor.emulator)
    flow = application.initiate_auth_code_flow([USER_SCOPE], redirect_uri=REDIRECT)
    back = await visitor.click(flow["auth_uri"], "deny")
    answer = await asyncio.to_thread(application.acquire_token_by_auth_code_flow, flow, back.sent_back())
    assert answer["error"] == "access_denied"
    assert answer["error_description"].startswith("AADSTS65004: ")


async def test_msal_gets_a_users_token_with_a_device_code_and_renews_it(visitor):
    emulator = visitor.emulator
    application = await asyncio.to_thread(public, emulator)
    flow = await asyncio.to_thread(application.initiate_device_flow, [USER_SCOPE])
    assert flow["user_code"] in flow["message"]
    flow["interval"] = 1
    waiting = asyncio.create_task(asyncio.to_thread(application.acquire_token_by_device_flow, flow))
    await asyncio.sleep(0.5)  # in which MSAL asks, and learns nothing
    assert "have signed in" in (await visitor.type_code(flow["user_code"].lower(), "accept")).text
    answer = await waiting
    assert emulator.count("token") > 1
    assert await listed(visitor, answer["access_token"]) == all_orders(emulator)
    (account,) = application.get_accounts()

    def renew():
        return application.acquire_token_silent_with_error([USER_SCOPE], account, force_refresh=True)

    again = await asyncio.to_thread(renew)
    assert await listed(visitor, again["access_token"]) == all_orders(emulator)


async def test_msal_is_told_of_a_wrong_secret_and_of_missing_consent(visitor):
    emulator = visitor.emulator

    def refused():
        return confidential(emulator, "wrong").acquire_token_for_client([APP_SCOPE])

    answer = await asyncio.to_thread(refused)
    assert (answer["error"], answer["error_codes"]) == ("invalid_client", [7000215])
    emulator.consented = False

    def without_consent():
        return confidential(emulator).acquire_token_by_refresh_token(emulator.refresh_token, [USER_SCOPE])

    answer = await asyncio.to_thread(without_consent)
    assert (answer["error"], answer["error_codes"]) == ("invalid_grant", [65001])
    assert answer["suberror"] == "consent_required"


# azure-identity


async def test_azure_identity_signs_in_in_a_thread_and_in_the_event_loop(visitor):
    emulator = visitor.emulator
    who = (emulator.tenant_id, emulator.client_id, emulator.client_secret)
    where = {"authority": emulator.authority, "connection_verify": emulator.ca_file}

    def work() -> str:
        with azure.identity.ClientSecretCredential(*who, disable_instance_discovery=True, **where) as credential:
            return credential.get_token(APP_SCOPE).token

    tokens = [await asyncio.to_thread(work)]
    async with azure.identity.aio.ClientSecretCredential(*who, **where) as credential:
        tokens.append((await credential.get_token(APP_SCOPE)).token)
    for token in tokens:
        assert await listed(visitor, token) == all_orders(emulator)


async def test_azure_identity_signs_a_user_in_with_a_device_code(visitor):
    emulator = visitor.emulator

    def prompt(uri: str, user_code: str, _expires: object) -> None:
        press(emulator, uri, user_code=user_code, decision="accept")

    def work() -> str:
        with azure.identity.DeviceCodeCredential(
            emulator.client_id,
            tenant_id=emulator.tenant_id,
            authority=emulator.authority,
            connection_verify=emulator.ca_file,
            disable_instance_discovery=True,
            prompt_callback=prompt,
        ) as credential:
            return credential.get_token(USER_SCOPE).token

    assert await listed(visitor, await asyncio.to_thread(work)) == all_orders(emulator)


# Clients in processes of their own, whose packages CI installs


async def told(emulator: Emulator, *command: str, **environment: str) -> dict:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **emulator.environment(), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return json.loads(out)


async def works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    quiet = asyncio.subprocess.DEVNULL
    return not await (await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)).wait()


async def test_msal_for_node_signs_in_in_every_way(visitor):
    if not await works("node", "-e", "require('@azure/msal-node')"):
        pytest.skip("there is no node here that finds @azure/msal-node in NODE_PATH: see tests/foreign/package.json")
    emulator = visitor.emulator
    read = await told(emulator, "node", str(FOREIGN / "msal_node.cjs"), NODE_EXTRA_CA_CERTS=emulator.ca_file)
    assert "AADSTS7000215: " in read.pop("wrong")
    assert read.pop("user") == emulator.user_name
    assert read == dict.fromkeys(("credentials", "code", "refresh", "device"), all_orders(emulator))


async def test_the_client_of_autorest_lists_customers_and_orders(visitor):
    python = os.environ.get("FOREIGN_PYTHON", sys.executable)
    if not await works(python, "-W", "ignore", "-c", "import adal, microsoft.store.partnercenterservices"):
        pytest.skip("FOREIGN_PYTHON is no Python with partnercenterservices==0.1.2 and setuptools<82")
    emulator = visitor.emulator
    read = await told(emulator, python, str(FOREIGN / "autorest_client.py"), REQUESTS_CA_BUNDLE=emulator.ca_file)
    assert read == all_orders(emulator)


# Documents


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("named", ["id", "domain", "common", "organizations"])
async def test_the_openid_configuration_is_that_of_the_tenant(visitor, named, version):
    emulator = visitor.emulator
    known = {"id": emulator.tenant_id, "domain": emulator.tenant_domain.upper()}
    part = "/v2.0" if version == 2 else ""
    answer = await visitor.send("GET", f"/{known.get(named, named)}{part}/.well-known/openid-configuration")
    document = answer.json()
    tenant = emulator.tenant_id if named in known else named
    issued_for = emulator.tenant_id if named in known else "{tenantid}"
    assert document["token_endpoint"] == f"{emulator.authority}/{tenant}/oauth2{part}/token"
    assert document["authorization_endpoint"] == f"{emulator.authority}/{tenant}/oauth2{part}/authorize"
    assert document["device_authorization_endpoint"] == f"{emulator.authority}/{tenant}/oauth2{part}/devicecode"
    of = f"{emulator.authority}/{issued_for}/v2.0" if version == 2 else f"https://sts.windows.net/{issued_for}/"
    assert document["issuer"] == of
    assert (await visitor.send("GET", document["jwks_uri"])).json() == {"keys": []}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_version_1_is_discovered_as_version_1(visitor):
    endpoint = f"{visitor.emulator.authority}/common/oauth2/authorize"
    answer = await visitor.send("GET", f"/common/discovery/instance?authorization_endpoint={endpoint}")
    found = answer.json()["tenant_discovery_endpoint"]
    assert found == f"{visitor.emulator.authority}/common/.well-known/openid-configuration"


@pytest.mark.parametrize("endpoint", ["https://login.microsoftonline.com/common/oauth2/v2.0/authorize", "https://["])
async def test_another_authority_is_not_known(visitor, endpoint):
    answer = await visitor.send("GET", f"/common/discovery/instance?authorization_endpoint={endpoint}")
    assert (answer.status, answer.json()["error"], answer.code()) == (400, "invalid_instance", 50049)


@pytest.mark.parametrize(
    "path", ["v2.0/.well-known/openid-configuration", "discovery/v2.0/keys", "oauth2/v2.0/token", "oauth2/devicecode"]
)
async def test_a_tenant_that_is_not_there_is_not_known_anywhere(visitor, path):
    method = "POST" if "oauth2" in path else "GET"
    answer = await visitor.send(method, f"/elsewhere.onmicrosoft.com/{path}")
    assert (answer.status, answer.json()["error"], answer.code()) == (400, "invalid_request", 90002)


@pytest.mark.parametrize(("method", "path"), [("GET", "token"), ("GET", "devicecode"), ("PUT", "authorize")])
async def test_another_method_is_refused(visitor, method, path):
    answer = await visitor.send(method, f"/common/oauth2/v2.0/{path}")
    assert (answer.status, "AADSTS900561" in answer.text) == (400, True)


async def test_a_clients_own_id_of_the_request_comes_back(visitor):
    own = str(uuid.uuid4())
    for answer in (
        await visitor.send("GET", "/elsewhere/discovery/keys", **{"client-request-id": own}),
        await visitor.send("GET", f"/elsewhere/discovery/keys?client-request-id={own}"),
    ):
        assert answer.code() == 90002
        assert answer.json()["correlation_id"] == answer.headers["client-request-id"] == own
        assert answer.json()["trace_id"] == answer.headers["x-ms-request-id"]


# Tokens


def test_the_times_in_a_token_are_the_wall_clocks():
    async def scenario():
        async with Visiting(token_lifetime=600) as visitor:
            await asyncio.sleep(1e6)
            before = int(time.time())
            token = await visitor.application()
            told = claims(token)
            assert before <= told["iat"] == told["nbf"] <= time.time()
            assert told["exp"] == told["iat"] + 600
            assert (await visitor.read(token)).status == 200
            await asyncio.sleep(601)
            expired = await visitor.read(token)
            assert expired.status == 401
            assert expired.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'

    run_in_virtual_time(scenario())


async def test_version_1_takes_a_resource_and_answers_in_texts(visitor):
    answer = await visitor.token("client_credentials", version=1, resource=f"{API}/")
    told = answer.json()
    assert (told["expires_in"], told["ext_expires_in"], told["resource"]) == ("3600", "3600", f"{API}/")
    read = claims(told["access_token"])
    assert (told["expires_on"], told["not_before"]) == (str(read["exp"]), str(read["nbf"]))
    assert (read["aud"], read["ver"]) == (f"{API}/", "1.0")
    assert read["iss"] == f"https://sts.windows.net/{visitor.emulator.tenant_id}/"
    assert await listed(visitor, told["access_token"]) == all_orders(visitor.emulator)
    assert (await visitor.token("client_credentials", version=1)).code() == 900144
    assert (await visitor.token("client_credentials", version=1, scope="openid")).code() == 900144


async def test_version_1_takes_a_scope_where_no_resource_is_named(visitor):
    token = (await visitor.token("client_credentials", version=1, scope=APP_SCOPE)).json()["access_token"]
    assert claims(token)["aud"] == API
    assert await listed(visitor, token) == all_orders(visitor.emulator)


async def test_version_1_gives_a_user_all_tokens_without_being_asked(visitor):
    form = {"refresh_token": visitor.emulator.refresh_token, "resource": API}
    told = (await visitor.token("refresh_token", version=1, **form)).json()
    assert told["refresh_token"] == visitor.emulator.refresh_token
    assert claims(told["id_token"])["aud"] == visitor.emulator.client_id
    assert claims(told["access_token"])["scp"] == told["scope"] == "user_impersonation"


@pytest.mark.parametrize(
    ("scope", "audience", "api", "beside"),
    [
        (APP_SCOPE, API, 200, 401),
        (f"{API}//.default", f"{API}/", 200, 401),
        ("fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", 200, 401),
        (f"{GRAPH}/.default", GRAPH, 401, 200),
        (f"{GRAPH}//.default", f"{GRAPH}/", 401, 200),
        ("https://api.partner.microsoft.com/.default", "https://api.partner.microsoft.com", 401, 200),
        ("https://management.azure.com/.default", "https://management.azure.com", 401, 401),
    ],
)
async def test_a_service_takes_tokens_for_itself_alone(visitor, scope, audience, api, beside):
    token = await visitor.application(scope)
    assert claims(token)["aud"] == audience
    at_api, at_graph = await visitor.read(token), await visitor.read(token, "/v1.0/echo")
    assert (at_api.status, at_graph.status) == (api, beside)
    if api == 401:
        assert at_api.json()["code"] == 900420
        assert audience in at_api.json()["description"]
        assert at_api.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    if beside == 401:
        assert at_graph.json()["error"]["code"] == "InvalidAuthenticationToken"


@pytest.mark.parametrize(
    ("scope", "audience", "permissions"),
    [
        (f"{API}/.default", API, "user_impersonation"),
        (f"{USER_SCOPE} openid profile", API, "user_impersonation"),
        (f"{GRAPH}/User.Read {GRAPH}/Mail.Read", GRAPH, "User.Read Mail.Read"),
        ("User.Read", GRAPH, "User.Read"),
        ("openid", GRAPH, ""),
    ],
)
async def test_a_user_gets_what_the_scope_says(visitor, scope, audience, permissions):
    told = (await visitor.user(scope)).json()
    assert told["scope"] == scope
    read = claims(told["access_token"])
    assert (read["aud"], read["scp"]) == (audience, permissions)
    assert read["upn"] == visitor.emulator.user_name
    assert ("id_token" in told) == ("openid" in scope)
    assert "refresh_token" not in told
    assert "client_info" not in told


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (f"{API}/bogus", 70011),
        (f"{API}/", 70011),
        (f"{USER_SCOPE} {GRAPH}/User.Read", 28000),
    ],
)
async def test_a_scope_that_makes_no_sense_is_refused(visitor, scope, code):
    assert (await visitor.user(scope)).code() == code


@pytest.mark.parametrize("scope", ["openid", USER_SCOPE, f"{APP_SCOPE} {GRAPH}/.default", "/.default"])
async def test_an_application_asks_for_all_of_one_service(visitor, scope):
    answer = await visitor.token("client_credentials", scope=scope)
    assert (answer.json()["error"], answer.code()) == ("invalid_scope", 70011)


async def test_an_application_says_whose_tenant_it_means(visitor):
    for tenant in ("common", "organizations"):
        assert (await visitor.token("client_credentials", tenant=tenant, scope=APP_SCOPE)).code() == 50059
    assert (await visitor.token("client_credentials", tenant=visitor.emulator.tenant_domain)).code() == 900144


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"claims": "[]"}, 400, "invalid_request", 900144),
        ({"tenant": "elsewhere"}, 400, "invalid_request", 90002),
    ],
)
async def test_refusals_are_entras(visitor, form, status, error, code):
    form = {"grant_type": "client_credentials", "scope": APP_SCOPE, **form}
    answer = await visitor.token(form.pop("grant_type"), **form)
    assert (answer.status, answer.json()["error"], answer.code()) == (status, error, code)
    assert "suberror" not in answer.json()


# Refresh tokens


async def test_a_refresh_token_comes_with_offline_access(visitor):
    told = (await visitor.user(f"{USER_SCOPE} offline_access", client_info="1")).json()
    assert told["refresh_token"] == visitor.emulator.refresh_token
    assert told["scope"] == USER_SCOPE
    part = told["client_info"] + "=" * (-len(told["client_info"]) % 4)
    known = json.loads(base64.urlsafe_b64decode(part))
    assert known == {"uid": claims(told["access_token"])["oid"], "utid": visitor.emulator.tenant_id}


async def test_a_refresh_token_without_a_scope_is_for_what_it_was_got_for(visitor):
    assert claims((await visitor.user("")).json()["access_token"])["aud"] == API
    code = await visitor.code(scope=f"{GRAPH}/User.Read offline_access")
    latest = (await visitor.redeem(code)).json()["refresh_token"]
    assert latest == visitor.emulator.latest_refresh_token != visitor.emulator.refresh_token
    again = await visitor.token("refresh_token", refresh_token=latest)
    assert claims(again.json()["access_token"])["aud"] == GRAPH


async def test_a_refresh_token_that_nobody_gave_is_malformed(visitor):
    answer = await visitor.token("refresh_token", refresh_token="old", scope=USER_SCOPE)
    assert (answer.json()["error"], answer.code()) == ("invalid_grant", 70000)


def test_a_refresh_token_dies_when_it_goes_unused_for_ninety_days():
    async def scenario():
        async with Visiting() as visitor:
            for _ in range(2):
                await asyncio.sleep(46 * 86400)
                assert (await visitor.user()).status == 200
            await asyncio.sleep(91 * 86400)
            answer = await visitor.user()
            assert (answer.code(), answer.json()["suberror"]) == (700082, "bad_token")

    run_in_virtual_time(scenario())


async def test_without_consent_no_grant_gives_a_users_token():
    async with Visiting(consented=False) as visitor:
        assert not visitor.emulator.consented
        answer = await visitor.user()
        assert (answer.status, answer.json()["error"], answer.code()) == (400, "invalid_grant", 65001)
        assert answer.json()["suberror"] == "consent_required"
        assert (await visitor.read(await visitor.application())).status == 200
        silent = (await visitor.send("GET", visitor.place(prompt="none"))).sent_back()
        assert silent["error"] == "consent_required"
        assert silent["error_description"].startswith("AADSTS65001: ")
        code = await visitor.code()
        assert visitor.emulator.consented
        assert (await visitor.user()).status == 200
        visitor.emulator.consented = False
        assert (await visitor.redeem(code)).code() == 65001
        with pytest.raises(ValueError, match="consented"):
            visitor.emulator.consented = "no"


# Authorization codes


@pytest.mark.parametrize(("method", "challenge"), [("S256", S256), ("plain", VERIFIER), ("", VERIFIER)])
async def test_a_code_is_redeemed_by_who_asked_for_it(visitor, method, challenge):
    pkce = {"code_challenge": challenge, "code_challenge_method": method}
    code = await visitor.code(scope=f"{USER_SCOPE} openid offline_access", nonce="once", **pkce)
    for verifier, refusal in (("w" * 43, 501481), ("", 50148)):
        assert (await visitor.redeem(code, code_verifier=verifier)).code() == refusal
    told = (await visitor.redeem(code, code_verifier=VERIFIER)).json()
    assert claims(told["id_token"])["nonce"] == "once"
    assert claims(told["id_token"])["iss"] == f"{visitor.emulator.authority}/{visitor.emulator.tenant_id}/v2.0"
    assert await listed(visitor, told["access_token"]) == all_orders(visitor.emulator)
    used = await visitor.redeem(code, code_verifier=VERIFIER)
    assert (used.json()["error"], used.code()) == ("invalid_grant", 54005)


async def test_a_client_without_a_secret_needs_a_verifier(visitor):
    code = await visitor.code()
    assert (await visitor.redeem(code, client_secret="")).code() == 7000218
    pkce = {"code_challenge": S256, "code_challenge_method": "S256"}
    code = await visitor.code(scope=f"{USER_SCOPE} offline_access", **pkce)
    told = (await visitor.redeem(code, client_secret="", code_verifier=VERIFIER)).json()
    again = {"refresh_token": told["refresh_token"], "client_secret": "", "scope": f"{USER_SCOPE} offline_access"}
    assert (await visitor.token("refresh_token", **again)).json()["refresh_token"] == told["refresh_token"]
    again["refresh_token"] = visitor.emulator.refresh_token
    assert (await visitor.token("refresh_token", **again)).code() == 7000218


def test_a_code_is_good_for_its_address_and_for_ten_minutes():
    async def scenario():
        async with Visiting() as visitor:
            code = await visitor.code()
            there = await visitor.redeem(code, redirect_uri="http://localhost:5000/other")
            assert (there.json()["error"], there.code()) == ("invalid_grant", 500112)
            assert (await visitor.redeem("none")).code() == 70000
            await asyncio.sleep(601)
            late = await visitor.redeem(code)
            assert (late.json()["error"], late.code()) == ("invalid_grant", 70008)

    run_in_virtual_time(scenario())


async def test_version_1_gives_codes_for_a_resource(visitor):
    back = await visitor.click(visitor.place(version=1, resource=API, scope=""))
    answer = await visitor.token("authorization_code", version=1, code=back.sent_back()["code"], redirect_uri=REDIRECT)
    assert answer.json()["resource"] == API
    assert "refresh_token" in answer.json()


@pytest.mark.parametrize("mode", ["", "query", "fragment", "form_post"])
async def test_a_client_gets_its_code_the_way_it_wants(visitor, mode):
    uri = f"{REDIRECT}?own=1"
    address = visitor.place(response_mode=mode, redirect_uri=uri, state='a&"b"', client_info="1")
    back = await visitor.click(address)
    if mode == "form_post":
        assert back.status == 200
        assert f'action="{html.escape(uri)}"' in back.text
        told = back.fields()
    else:
        assert back.status == 302
        assert back.headers["Location"].startswith(uri + ("#" if mode == "fragment" else "&"))
        told = back.sent_back()
        assert told.pop("own", "1") == "1"
    assert told["state"] == 'a&"b"'
    assert told.keys() == {"code", "state", "client_info"}


@pytest.mark.parametrize("uri", ["http://127.0.0.1", "https://[::1]/a?of={endpoint}/", "http://localhost?a=1"])
async def test_any_other_address_of_this_machine_takes_a_code(visitor, uri):
    uri = uri.format(endpoint=visitor.emulator.endpoint)
    back = await visitor.click(visitor.place(redirect_uri=uri))
    assert back.headers["Location"].startswith(uri)
    assert (await visitor.redeem(back.sent_back()["code"], redirect_uri=uri)).status == 200


async def test_a_user_who_agreed_is_not_asked_again_where_nobody_may_ask(visitor):
    back = await visitor.send("GET", visitor.place(prompt="none"))
    assert (await visitor.redeem(back.sent_back()["code"])).status == 200


@pytest.mark.parametrize(
    ("parameters", "error", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type", 70005),
        ({"response_mode": "smoke"}, "invalid_request", 70007),
        ({"scope": ""}, "invalid_request", 900144),
        ({"scope": f"{API}/bogus"}, "invalid_scope", 70011),
        ({"code_challenge": VERIFIER, "code_challenge_method": "S512"}, "invalid_request", 50149),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"code_challenge": VERIFIER, "response_mode": "smoke"}, "invalid_request", 70007),
    ],
)
async def test_a_client_is_told_what_its_request_lacks(visitor, parameters, error, code):
    back = await visitor.send("GET", visitor.place(state="here", **parameters))
    assert (back.status, back.sent_back()["error"], back.sent_back()["state"]) == (302, error, "here")
    assert back.sent_back()["error_description"].startswith(f"AADSTS{code}: ")


async def test_a_user_who_denies_is_sent_back_without_a_code(visitor):
    back = await visitor.click(visitor.place(state="here"), "deny")
    told = back.sent_back()
    assert told.pop("error_description").startswith("AADSTS65004: ")
    assert told == {"error": "access_denied", "error_subcode": "cancel", "state": "here"}


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://evil.example\\@localhost/",
        "http://localhost:5000/#fragment",
        "http://localhost:5000/\r\nSet-Cookie:a=b",
        "javascript:alert(1)",
        "{endpoint}/v1/customers",
        "{endpoint}",
        "{endpoint}?x=1",
    ],
)
async def test_no_code_goes_elsewhere(visitor, uri):
    address = visitor.place(redirect_uri=uri.format(endpoint=visitor.emulator.endpoint))
    answer = await visitor.send("POST", address, {"decision": "accept"})
    assert (answer.status, "AADSTS50011" in answer.text) == (400, True)
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("parameters", "code"), [({"client_id": "<b>"}, 700016), ({"redirect_uri": ""}, 900144)], ids=["client", "address"]
)
async def test_who_is_not_known_gets_a_page_and_no_redirection(visitor, parameters, code):
    answer = await visitor.send("GET", visitor.place(**parameters))
    assert (answer.status, f"AADSTS{code}" in answer.text) == (400, True)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<b>" not in answer.text


async def test_a_program_without_a_server_reads_the_code_in_the_address(visitor):
    uri = f"{visitor.emulator.authority}/common/oauth2/nativeclient"
    back = await visitor.click(visitor.place(redirect_uri=uri))
    page = await visitor.send("GET", back.headers["Location"])
    assert (page.status, "Signed in" in page.text) == (200, True)
    code = back.sent_back()["code"]
    answer = await visitor.token("authorization_code", code=code, redirect_uri=uri)
    assert answer.status == 200
    assert code not in repr([(each.query, each.body) for each in visitor.emulator.requests])


# Device codes


def test_a_device_waits_for_its_user():
    async def scenario():
        async with Visiting() as visitor:
            device = (await visitor.device()).json()
            assert device["verification_uri"] == f"{visitor.emulator.endpoint}/devicelogin"
            assert (device["expires_in"], device["interval"]) == (900, 5)
            pending = await visitor.poll(device["device_code"])
            assert (pending.json()["error"], pending.code()) == ("authorization_pending", 70016)
            assert (await visitor.poll(device["device_code"])).json()["error"] == "slow_down"
            await asyncio.sleep(5)
            assert (await visitor.poll(device["device_code"])).json()["error"] == "authorization_pending"
            await visitor.type_code(device["user_code"], "accept")
            answer = await visitor.poll(device["device_code"])
            assert await listed(visitor, answer.json()["access_token"]) == all_orders(visitor.emulator)
            assert "refresh_token" not in answer.json()
            assert (await visitor.poll(device["device_code"])).code() == 54005

    run_in_virtual_time(scenario())


async def test_a_device_is_told_that_its_user_declined(visitor):
    device = (await visitor.device()).json()
    assert "have not signed in" in (await visitor.type_code(device["user_code"], "deny")).text
    answer = await visitor.poll(device["device_code"])
    assert (answer.json()["error"], answer.code()) == ("authorization_declined", 65004)


def test_a_device_code_expires_after_a_quarter_of_an_hour():
    async def scenario():
        async with Visiting() as visitor:
            device = (await visitor.device()).json()
            await asyncio.sleep(901)
            late = await visitor.send("POST", "/devicelogin", {"user_code": device["user_code"]})
            assert (late.status, "AADSTS70018" in late.text) == (400, True)
            answer = await visitor.poll(device["device_code"])
            assert (answer.json()["error"], answer.code()) == ("expired_token", 70020)

    run_in_virtual_time(scenario())


async def test_codes_that_no_device_has_are_refused(visitor):
    answer = await visitor.poll("none")
    assert (answer.json()["error"], answer.code()) == ("bad_verification_code", 70018)
    device = (await visitor.device()).json()
    page = await visitor.send("POST", "/devicelogin", {"user_code": "ÄÖÜ", "decision": "accept"})
    assert (page.status, "AADSTS70018" in page.text) == (400, True)
    assert (await visitor.device(client_id="other")).code() == 700016
    assert (await visitor.poll(device["device_code"])).code() == 70016


async def test_version_1_has_device_codes_too(visitor):
    device = (await visitor.device(version=1, resource=API)).json()
    assert device["verification_url"] == f"{visitor.emulator.endpoint}/devicelogin"
    assert device["interval"] == "5"
    await visitor.type_code(device["user_code"], "accept")
    answer = await visitor.token("device_code", version=1, code=device["device_code"], client_secret="")
    assert answer.json()["refresh_token"] == visitor.emulator.latest_refresh_token


# Records, counts and faults


async def test_records_hold_no_secret(visitor):
    emulator = visitor.emulator
    pkce = {"code_challenge": VERIFIER, "code_challenge_method": "plain"}
    code = await visitor.code(scope=f"{USER_SCOPE} offline_access", **pkce)
    told = (await visitor.redeem(code, code_verifier=VERIFIER)).json()
    await visitor.token("refresh_token", refresh_token=told["refresh_token"], client_assertion="a.b.c")
    device = (await visitor.device()).json()
    await visitor.type_code(device["user_code"], "accept")
    token = (await visitor.poll(device["device_code"])).json()["access_token"]
    await visitor.read(token)
    asked = json.dumps({"client_secret": emulator.client_secret, "grant_type": "client_credentials"})
    async with visitor.session.post(f"{emulator.authority}/common/oauth2/v2.0/token", json=json.loads(asked)) as odd:
        assert odd.status == 400
    secrets = {
        "secret": emulator.client_secret,
        "code": code,
        "verifier": VERIFIER,
        "refresh token": told["refresh_token"],
        "device code": device["device_code"],
        "user code": device["user_code"],
        "token": token,
        "assertion": "a.b.c",
    }
    kept = repr([(each.path, each.query, dict(each.headers), each.body) for each in emulator.requests])
    assert [name for name, secret in secrets.items() if secret in kept] == []
    last = dict(parse_qsl(next(each.body for each in emulator.requests if b"code_verifier" in each.body).decode()))
    assert (last["code"], last["code_verifier"]) == (fingerprint(code), fingerprint(VERIFIER))
    assert emulator.requests[-1].body == fingerprint(asked).encode()


@pytest.mark.parametrize("body", ["Client_Secret=hidden", '{"client_secret": "hidden"}', "hidden"])
async def test_records_hold_no_secret_of_an_odd_request_either(visitor, body):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with visitor.session.post(
        f"{visitor.emulator.authority}/common/oauth2/token", data=body, headers=form
    ) as odd:
        assert odd.status == 400
    assert b"hidden" not in visitor.emulator.requests[-1].body


async def test_signing_in_is_not_counted_as_the_api(visitor):
    emulator = visitor.emulator
    token = await visitor.application()
    await visitor.token("client_credentials", version=1, resource=API)
    await visitor.code()
    await visitor.device()
    await visitor.read(token)
    assert (emulator.count("token"), emulator.count("sign_in"), emulator.count()) == (2, 3, 1)


async def test_what_is_done_to_the_api_spares_signing_in(visitor):
    emulator = visitor.emulator
    token = await visitor.application()
    emulator.limit(Limit(FixedWindow(1, per=60)))
    emulator.inject(Fault(Answer(503), operation="api"), Fault(Answer(500), operation="sign_in"))
    assert (await visitor.device()).status == 500
    assert (await visitor.device()).status == 200
    assert (await visitor.read(token)).status == 503
    assert (await visitor.read(token)).status == 429
    emulator.assert_faults_hit()
