"""The emulator behaves as its faces promise: what it serves, how it fails on request, what it records."""

import asyncio
import contextlib
import decimal
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from azure.identity.aio import ClientSecretCredential
from helpers import name_and_domain, order_count
from yarl import URL

from partnercenter_async.emulator import (
    AlterPage,
    AlterRecord,
    Answer,
    Bom,
    BrokenChunk,
    CloseAfter,
    CutBody,
    DataSet,
    Deflate,
    Delay,
    Drip,
    DropAfter,
    DropBefore,
    DropRecord,
    DuplicateHeaders,
    Emulator,
    ExpireToken,
    Fault,
    Gzip,
    Redirect,
    RepeatRecord,
    ReplaceBody,
    SetNextLink,
    ThrottleCustomer,
    ThrottlePartner,
    WrongLength,
    fails,
    fingerprint,
    gateway_throttle,
    loses,
    server,
    service_error,
    throttles,
)

SCOPE = "https://api.partnercenter.microsoft.com/.default"
USER_SCOPE = "https://api.partnercenter.microsoft.com/user_impersonation"


class Answered:
    """A response with its body read."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body

    def json(self):
        return json.loads(self.body, parse_float=decimal.Decimal)


class Client:
    """A bare client that signs its requests and follows nothing."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator, self.session, self.token = emulator, session, ""

    async def post_token(self, tenant: str | None = None, **form: str) -> Answered:
        form = {"client_id": self.emulator.client_id, "client_secret": self.emulator.client_secret, **form}
        url = f"{self.emulator.authority}/{tenant or self.emulator.tenant_id}/oauth2/v2.0/token"
        async with self.session.post(url, data={name: value for name, value in form.items() if value}) as response:
            return Answered(response, await response.read())

    async def sign_in(self, *, user: bool = False) -> None:
        form = {"grant_type": "client_credentials", "scope": SCOPE}
        if user:
            token = self.emulator.refresh_token
            form = {"grant_type": "refresh_token", "refresh_token": token, "scope": USER_SCOPE}
        answer = await self.post_token(**form)
        self.token = answer.json()["access_token"]

    async def send(self, method: str, path: str, **headers: str) -> Answered:
        headers = {
            "Authorization": f"Bearer {self.token}",
            **{name.replace("_", "-"): headers[name] for name in headers},
        }
        url = path if "://" in path else self.emulator.endpoint + path
        address = URL(url, encoded=True)
        async with self.session.request(method, address, headers=headers, allow_redirects=False) as response:
            return Answered(response, await response.read())

    async def get(self, path: str, **headers: str) -> Answered:
        return await self.send("GET", path, **headers)

    async def walk(self, path: str) -> tuple[list[dict], int]:
        """Follow root-style links to the end."""
        page = (await self.get(path)).json()
        items, pages = list(page["items"]), 1
        while (page.get("links") or {}).get("next"):
            link = page["links"]["next"]
            headers = {header["key"]: header["value"] for header in link["headers"]}
            page = (await self.get("/v1" + link["uri"], **headers)).json()
            items += page["items"]
            pages += 1
        return items, pages


class Started:
    """An emulator with a client, both closed at the end."""

    def __init__(self, data: DataSet | None = None, *, user: bool = False, **options) -> None:
        self.emulator = Emulator(data or DataSet(customers=12, orders_per_customer=5, seed=3), **options)
        self.user = user

    async def __aenter__(self) -> Client:
        await self.emulator.__aenter__()
        connector = aiohttp.TCPConnector(ssl=self.emulator.ssl_context())
        self.session = await aiohttp.ClientSession(connector=connector).__aenter__()
        client = Client(self.emulator, self.session)
        await client.sign_in(user=self.user)
        return client

    async def __aexit__(self, *error) -> None:
        await self.session.__aexit__(*error)
        await self.emulator.__aexit__(*error)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Started() as client:
        yield client


def exists(path: str) -> bool:
    return Path(path).exists()


def orders_path(client: Client, index: int = 0) -> str:
    return f"/v1/customers/{client.emulator.data.customer_id(index)}/orders"


# The data set


def test_same_seed_gives_same_records_and_other_seed_gives_others():
    first, second, other = (DataSet(customers=4, orders_per_customer=6, seed=seed) for seed in (1, 1, 2))
    for customer_id in first.customer_ids():
        assert list(first.orders(customer_id)) == list(second.orders(customer_id))
        assert first.customer(customer_id) == second.customer(customer_id)
        assert first.events(customer_id) == second.events(customer_id)
    assert set(first.customer_ids()).isdisjoint(other.customer_ids())


def test_data_does_not_depend_on_the_process():
    code = (
        "from partnercenter_async.emulator import DataSet;"
        "d=DataSet(customers=3,orders_per_customer=4,seed=9);print(repr([list(d.orders(c)) for c in d.customer_ids()]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_every_id_leads_back_to_its_record_and_none_occurs_twice():
    data = DataSet(customers=40, orders_per_customer=(0, 60), seed=5, oddities=True)
    seen: Counter[str] = Counter()
    for index, customer_id in enumerate(data.customer_ids()):
        assert data.customer(customer_id.upper())["id"] == data.customer_id(index) == customer_id
        for order in data.orders(customer_id, include_system_purchases=True):
            seen[str(order["id"])] += 1
            assert data.order(customer_id, str(order["id"])) == order
        for migration in data.migrations(customer_id):
            assert data.migration(customer_id, str(migration["id"])) == migration
    assert set(seen.values()) == {1}
    assert {len(order_id) for order_id in seen} == {12, 33, 36}


@pytest.mark.parametrize("order_id", ["", "x", "0" * 12, "0" * 36, "A" * 33, "é" * 12, "-" * 33])
def test_unknown_order_ids_are_key_errors(order_id):
    data = DataSet(customers=2, orders_per_customer=3)
    with pytest.raises(KeyError):
        data.order(data.customer_id(0), order_id)


def test_order_of_one_customer_is_unknown_to_another():
    data = DataSet(customers=2, orders_per_customer=3)
    order = next(data.orders(data.customer_id(0)))
    with pytest.raises(KeyError):
        data.order(data.customer_id(1), str(order["id"]))


def test_counts_agree_with_the_filtered_listings():
    data = DataSet(customers=6, orders_per_customer=(0, 200), seed=8, oddities=True)
    for customer_id in data.customer_ids():
        everything = list(data.orders(customer_id, include_system_purchases=True))
        plain = [order for order in everything if order.get("transactionType") in (None, "UserPurchase")]
        assert list(data.orders(customer_id)) == plain
        assert order_count(data, customer_id) == len(plain)
        by_cycle = [order_count(data, customer_id, billing_type=number) for number in range(7)]
        assert sum(by_cycle) == len(plain)
        once = [order for order in plain if order["billingCycle"] == "one_time"]
        assert list(data.orders(customer_id, billing_type="OneTime")) == once
        reseller = data.resellers[0]
        for order in data.orders(customer_id, indirect_reseller_id=reseller.id):
            assert {line["partnerIdOnRecord"] for line in order["lineItems"]} == {reseller.partner_id}


def test_totals_are_exact_in_any_decimal_context():
    data = DataSet(customers=8, orders_per_customer=50, oddities=True)
    with decimal.localcontext(decimal.Context(prec=3)):
        orders = [order for customer_id in data.customer_ids() for order in data.orders(customer_id)]
    with decimal.localcontext(decimal.Context(prec=60)):
        for order in orders:
            assert order["totalPrice"] == sum(line["pricing"]["extendedPrice"] for line in order["lineItems"])
    texts = {str(line["pricing"]["listPrice"]) for order in orders for line in order["lineItems"]}
    assert any(len(text) == 20 for text in texts)
    assert any(text.endswith("0") for text in texts)


def test_data_has_the_rare_shapes():
    data = DataSet(customers=30, orders_per_customer=200, seed=1, oddities=True)
    orders = [order for customer_id in data.customer_ids() for order in data.orders(customer_id)]
    dates = [str(order["creationDate"]) for order in orders]
    lines = [line for order in orders for line in order["lineItems"]]
    assert {len(date) for date in dates} >= {10, 19, 20, 22, 24, 25, 28, 33}
    assert "0001-01-01T00:00:00" in dates
    assert {field for line in lines for field in line} >= {
        "additionalPartnerIdsOnRecord",
        "attestationAccepted",
        "customTermEndDate",
        "parentSubscriptionId",
        "promotionId",
        "provisioningContext",
        "purchaseCommitment",
        "renewsTo",
        "subscriptionId",
    }
    assert any(order.get("client") == {} for order in orders)
    assert any("status" not in order for order in orders)
    assert any("etag" in order.get("attributes", {}) for order in orders)
    assert {len(order["lineItems"]) for order in orders} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "options", [{"customers": -1}, {"orders_per_customer": (3, 1)}, {"orders_per_customer": -1}, {"customers": 1 << 25}]
)
def test_impossible_sizes_are_value_errors(options):
    with pytest.raises(ValueError, match="must lie between"):
        DataSet(**options)


def test_position_outside_of_the_data_is_an_index_error():
    with pytest.raises(IndexError):
        DataSet(customers=2).customer_id(2)


# Customers and orders


async def test_customers_are_walked_by_the_token_in_the_link():
    async with Started(DataSet(customers=23), customers_page_size=5) as client:
        items, pages = await client.walk("/v1/customers")
        assert [item["id"] for item in items] == list(client.emulator.data.customer_ids())
        assert pages == client.emulator.count("customers.list") == 5


async def test_link_without_its_header_leads_to_page_one_again():
    async with Started(DataSet(customers=23), customers_page_size=5) as client:
        first = (await client.get("/v1/customers")).json()
        again = (await client.get("/v1" + first["links"]["next"]["uri"])).json()
        assert again["items"] == first["items"]


async def test_altered_or_foreign_token_is_refused():
    async with Started(DataSet(customers=23), customers_page_size=5) as client:
        first = (await client.get("/v1/customers")).json()
        token = first["links"]["next"]["headers"][0]["value"]
        for bad in ("x", token[:-1], token.replace(",", "%2C"), token + "="):
            answer = await client.get("/v1/customers", MS_ContinuationToken=bad)
            assert (answer.status, answer.json()["code"]) == (400, 2000)
        assert (await client.get(orders_path(client), MS_ContinuationToken=token)).status == 400


@pytest.mark.parametrize("operator", ["starts_with", "substring", "equals"])
async def test_customers_are_filtered(operator):
    async with Started(DataSet(customers=60), customers_page_size=2) as client:
        names = {
            cid: name_and_domain(client.emulator.data, i)[0]
            for i, cid in enumerate(client.emulator.data.customer_ids())
        }
        name = name_and_domain(client.emulator.data, 17)[0]
        value = {"starts_with": name[:4], "substring": name.split()[1], "equals": name}[operator].upper()
        text = quote(json.dumps({"Field": "CompanyName", "Value": value, "Operator": operator}))
        items, _ = await client.walk(f"/v1/customers?size=0&filter={text}")
        check = {"starts_with": str.startswith, "substring": str.__contains__, "equals": str.__eq__}[operator]
        assert [item["id"] for item in items] == [cid for cid, name in names.items() if check(name.upper(), value)]
        assert items


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"Field":"Other","Value":"a","Operator":"equals"}', "null"])
async def test_malformed_filter_is_refused(client, text):
    assert (await client.get(f"/v1/customers?filter={quote(text)}")).status == 400


async def test_customer_is_served_in_full(client):
    customer_id = client.emulator.data.customer_id(1)
    answer = await client.get(f"/V1/customers/{customer_id}")
    assert answer.json() == client.emulator.data.customer(customer_id)
    assert answer.json()["billingProfile"]["defaultAddress"]["country"]


@pytest.mark.parametrize("paging", ["seek", "offset"])
async def test_orders_are_walked_exactly(paging):
    async with Started(DataSet(customers=2, orders_per_customer=47), page_size=10, paging=paging) as client:
        items, pages = await client.walk(orders_path(client) + "?include_price=true&include_system_purchases=True")
        expected = list(client.emulator.data.orders(client.emulator.data.customer_id(0), include_system_purchases=True))
        assert items == expected
        assert pages == -(-len(expected) // 10)
        last = client.emulator.requests[-1]
        assert "include_price=true" in last.query
        assert ("offset=" in last.query) == (paging == "offset") != ("seekOperation=Next" in last.query)


async def test_prices_come_only_when_asked_for_and_with_their_text(client):
    plain, priced = await client.get(orders_path(client)), await client.get(orders_path(client) + "?include_price=TRUE")
    assert b"pricing" not in plain.body
    assert b"totalPrice" not in plain.body
    total = next(client.emulator.data.orders(client.emulator.data.customer_id(0)))["totalPrice"]
    assert f'"totalPrice":{total}'.encode() in priced.body


@pytest.mark.parametrize("spelling", ["one_time", "OneTime", "onetime", "4"])
async def test_billing_type_is_read_in_every_spelling(spelling):
    async with Started(DataSet(customers=1, orders_per_customer=80)) as client:
        items = (await client.get(f"{orders_path(client)}?billingType={spelling}")).json()["items"]
        assert {item["billingCycle"] for item in items} == {"one_time"}


@pytest.mark.parametrize(
    "query",
    ["billingType=9", "billingType=weekly", "include_price=maybe", "size=x", "size=-1", "include_system_purchases=1"],
)
async def test_garbage_in_the_query_is_refused(client, query):
    assert (await client.get(f"{orders_path(client)}?{query}")).status == 400


async def test_one_order_and_its_provisioning_are_served():
    async with Started(user=True) as client:
        data, customer_id = client.emulator.data, client.emulator.data.customer_id(2)
        for order in data.orders(customer_id):
            path = f"{orders_path(client, 2)}/{order['id']}"
            assert (await client.get(path + "?include_price=true")).json() == order
            page = (await client.get(path + "/provisioningstatus")).json()
            assert page["items"] == data.provisioning(customer_id, str(order["id"]))
            assert len(page["items"]) == len(order["lineItems"])
            assert "links" not in page


async def test_what_does_not_exist_is_refused_in_the_services_shape():
    async with Started(user=True) as client:
        await nothing_there(client)


async def nothing_there(client: Client):
    known, order = (
        client.emulator.data.customer_id(0),
        next(client.emulator.data.orders(client.emulator.data.customer_id(1))),
    )
    for path, status, code in (
        ("/v1/customers/nobody", 403, 20002),
        ("/v1/customers/nobody/orders", 403, 20002),
        ("/v1/customers/%2e%2e/orders", 403, 20002),
        (f"/v1/customers/{known}/orders/none", 404, 20000),
        (f"/v1/customers/{known}/orders/none/provisioningstatus", 404, 20000),
        (f"/v1/customers/{known}/orders/{order['id']}", 404, 20000),
        (f"/v1/customers/{known}/migrations/newcommerce/none", 404, 1000),
        ("/v1/products/none/skus", 404, 1000),
    ):
        answer = await client.get(path)
        assert (answer.status, answer.json()["code"]) == (status, code)
        assert set(answer.json()) == {"code", "description", "data", "source"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/customers"),
        ("GET", "/v1//v1/customers"),
        ("GET", "/v1/customers//orders"),
        ("GET", "/v1/invoices"),
        ("POST", "/v1/customers"),
        ("DELETE", "/v1/customers/c"),
    ],
)
async def test_what_is_not_served_says_so(client, method, path):
    """It must not look like a record that does not exist."""
    answer = await client.send(method, path)
    assert answer.status == 501
    assert answer.json()["description"].startswith(f"The emulator does not serve {method} {path}.")


@pytest.mark.parametrize(
    ("style", "start"),
    [
        ("root", "/customers?"),
        ("version", "/v1/customers?"),
        ("relative", "customers?"),
        ("absolute", "https://localhost:"),
        ("doubled", "/v1//v1/customers?"),
        ("upper", "/V1/customers?"),
    ],
)
async def test_links_are_written_in_the_chosen_style(style, start):
    async with Started(customers_page_size=5, link_style=style) as client:
        links = (await client.get("/v1/customers")).json()["links"]
        assert links["next"]["uri"].startswith(start)
        assert links["self"]["uri"].startswith(start)


async def test_mixed_links_go_round_the_styles():
    async with Started(customers_page_size=5, link_style="mixed") as client:
        uris = [(await client.get("/v1/customers")).json()["links"]["next"]["uri"] for _ in range(6)]
        assert len(set(uris)) == 6


@pytest.mark.parametrize(
    ("last_links", "expected"),
    [
        ("missing", None),
        ("self", {"self", "previous"}),
        ("null_next", {"self", "next", "previous"}),
        ("empty_uri", {"self", "next", "previous"}),
    ],
)
async def test_last_page_ends_in_the_chosen_way(last_links, expected):
    async with Started(page_size=3, last_links=last_links) as client:
        first = (await client.get(orders_path(client))).json()
        link = first["links"]["next"]
        assert "previous" not in first["links"]
        headers = {header["key"]: header["value"] for header in link["headers"]}
        last = (await client.get("/v1" + link["uri"], **headers)).json()
        assert (set(last["links"]) if "links" in last else None) == expected
        if expected:
            back = last["links"]["previous"]
            headers = {header["key"]: header["value"] for header in back["headers"]}
            assert (await client.get("/v1" + back["uri"], **headers)).json()["items"] == first["items"]


# Migrations


async def test_migrations_are_walked_by_the_response_header():
    async with Started(DataSet(customers=9, migrations_per_customer=(0, 4))) as client:
        data = client.emulator.data
        found, token, pages = [], "", 0
        while pages == 0 or token:
            headers = {"MS-ContinuationToken": token} if token else {}
            query = "PageSize=3&ExternalReferenceId=batch-1"
            answer = await client.get(f"/v1/migrations/newcommerce?{query}", **headers)
            found += answer.json()
            token, pages = answer.headers.get("MS-ContinuationToken", ""), pages + 1
        everything = [each for customer_id in data.customer_ids() for each in data.migrations(customer_id)]
        assert found == [each for each in everything if each["externalReferenceId"] == "batch-1"]
        assert pages == -(-len(found) // 3)


async def test_migrations_are_filtered(client):
    data = client.emulator.data
    everything = [migration for customer_id in data.customer_ids() for migration in data.migrations(customer_id)]
    wanted = everything[0]
    for query, field in (
        (f"CustomerTenantId={wanted['customerTenantId']}", "customerTenantId"),
        (f"CurrentSubscriptionId={str(wanted['currentSubscriptionId']).lower()}", "currentSubscriptionId"),
        ("ExternalReferenceId=batch-1", "externalReferenceId"),
    ):
        value = "batch-1" if field == "externalReferenceId" else wanted[field]
        answer = await client.get(f"/v1/migrations/newcommerce?{query}")
        assert answer.json() == [migration for migration in everything if migration[field] == value]
    answer = await client.get("/v1/migrations/newcommerce?ExternalReferenceId=batch-1&IsMicrosoftLed=False")
    batch = [each for each in everything if each["externalReferenceId"] == "batch-1"]
    assert answer.json() == [each for each in batch if not each["microsoftLed"]]
    assert (await client.get("/v1/migrations/newcommerce?CustomerTenantId=nobody")).json() == []
    assert (await client.get("/v1/migrations/newcommerce?IsMicrosoftLed=False")).status == 400


@pytest.mark.parametrize("size", ["0", "301", "x"])
async def test_migrations_page_size_has_bounds(client, size):
    assert (await client.get(f"/v1/migrations/newcommerce?CustomerTenantId=nobody&PageSize={size}")).status == 400


async def test_events_are_a_bare_array_in_changing_content_types():
    async with Started(DataSet(customers=1, migrations_per_customer=1)) as client:
        data, customer_id = client.emulator.data, client.emulator.data.customer_id(0)
        migration = data.migrations(customer_id)[0]
        path = f"/v1/customers/{customer_id}/migrations/newcommerce"
        assert (await client.get(f"{path}/{migration['id']}")).json() == migration
        answers = [
            await client.get(f"{path}/events?{query}")
            for query in (
                f"migration_id={migration['id']}",
                f"current_subscription_id={migration['currentSubscriptionId']}",
                f"migration_id={migration['id']}&current_subscription_id={migration['currentSubscriptionId']}",
            )
        ]
        assert [answer.headers["Content-Type"] for answer in answers] == ["application/json", "text/json", "text/plain"]
        assert all(answer.json() == data.events(customer_id) for answer in answers)
        assert (await client.get(f"{path}/events")).status == 400
        assert (await client.get(f"{path}/events?migration_id=none")).json() == []


# Tokens


async def test_token_answers_are_those_of_entra(client):
    answer = await client.post_token(grant_type="client_credentials", scope=SCOPE)
    assert answer.json()["expires_in"] == 3600
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["access_token"] != client.token


@pytest.mark.parametrize(
    ("form", "error", "code"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 7000215),
        ({"client_secret": ""}, "invalid_client", 7000218),
        ({"client_secret": "", "client_assertion": "x"}, "invalid_client", 50027),
        ({"client_id": "other"}, "unauthorized_client", 700016),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
        ({"grant_type": "refresh_token", "refresh_token": "1.emulated.old"}, "invalid_grant", 700082),
        ({"scope": "openid"}, "invalid_scope", 70011),
        ({"scope": USER_SCOPE}, "invalid_scope", 70011),
        ({"claims": "x"}, "invalid_request", 900144),
        ({"tenant": "other"}, "invalid_request", 90002),
    ],
)
async def test_token_requests_are_refused_in_entras_shape(client, form, error, code):
    answer = await client.post_token(**{"grant_type": "client_credentials", "scope": SCOPE, **form})
    assert answer.status in (400, 401)
    assert answer.json()["error"] == error
    assert answer.json()["error_codes"] == [code]
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")


async def test_refresh_token_is_rotated_and_the_old_one_stays_good():
    async with Started(rotate_refresh_token=True) as client:
        form = {"grant_type": "refresh_token", "scope": USER_SCOPE, "claims": "{}"}
        first = await client.post_token(refresh_token=client.emulator.refresh_token, **form)
        rotated = first.json()["refresh_token"]
        assert rotated == client.emulator.latest_refresh_token != client.emulator.refresh_token
        for token in (client.emulator.refresh_token, rotated):
            assert (await client.post_token(refresh_token=token, **form)).status == 200


async def test_client_assertion_stands_for_the_secret(client):
    answer = await client.post_token(
        client_secret="",
        client_assertion="a.b.c",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        grant_type="refresh_token",
        refresh_token=client.emulator.refresh_token,
        scope=USER_SCOPE,
    )
    assert answer.status == 200
    assert "refresh_token" not in answer.json()


async def test_missing_unknown_and_expired_tokens_are_401(client):
    missing = await client.get("/v1/customers", Authorization="")
    assert (missing.status, missing.json()["code"]) == (401, 800001)
    for authorization in ("Bearer nonsense", f"Bearer {client.token}x"):
        answer = await client.get("/v1/customers", Authorization=authorization)
        assert (answer.status, answer.body) == (401, b"")
    client.emulator.expire_tokens()
    expired = await client.get("/v1/customers")
    assert (expired.status, expired.body) == (401, b"")
    assert expired.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    await client.sign_in()
    assert (await client.get("/v1/customers")).status == 200


async def test_tokens_expire_by_themselves():
    async with Started(token_lifetime=0.0) as client:
        assert (await client.get("/v1/customers")).status == 401


async def test_provisioning_status_is_not_for_applications_alone(client):
    answer = await client.get(orders_path(client) + "/x/provisioningstatus")
    assert (answer.status, answer.json()["code"]) == (403, 900329)


@pytest.mark.parametrize(("user", "mfa", "status"), [(True, False, 401), (True, True, 200), (False, False, 200)])
async def test_users_need_multifactor_authentication_where_it_is_required(user, mfa, status):
    async with Started(require_mfa=True, mfa=mfa, user=user) as client:
        answer = await client.get("/v1/customers")
        assert answer.status == status
        if status == 401:
            assert answer.json()["code"] == 900421


async def test_azure_identity_signs_in(client):
    emulator = client.emulator
    async with ClientSecretCredential(
        emulator.tenant_id,
        emulator.client_id,
        emulator.client_secret,
        authority=emulator.authority,
        connection_verify=emulator.ca_file,
    ) as credential:
        client.token = (await credential.get_token(SCOPE)).token
    assert (await client.get("/v1/customers")).status == 200
    assert emulator.count("token") == 2
    assert emulator.count("other") == 0


async def test_azure_identity_signs_in_from_the_environment_alone(client):
    code = """
import asyncio
from azure.identity.aio import EnvironmentCredential
async def main():
    async with EnvironmentCredential() as credential:
        print((await credential.get_token("https://api.partnercenter.microsoft.com/.default")).token)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={**os.environ, **client.emulator.environment()}, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    client.token = output.decode().strip()
    assert (await client.get("/v1/customers")).status == 200


# Headers, echo, records


async def test_ids_are_echoed_or_made(client):
    answer = await client.get("/v1/customers", MS_RequestId="one", MS_CorrelationId="two", X_Locale="de-DE")
    assert answer.headers["MS-RequestId"] == "one"
    assert answer.headers["MS-CorrelationId"] == "two"
    assert answer.headers.getall("X-Locale") == ["de-DE", "de-DE"]
    made = await client.get("/v1/customers")
    assert made.headers["MS-RequestId"] != (await client.get("/v1/customers")).headers["MS-RequestId"]
    assert {"MS-CorrelationId", "MS-CV", "MS-ServerId", "Date"} <= set(made.headers)
    assert made.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
async def test_echo_answers_every_method(client, method):
    answer = await client.send(method, "/v1/echo", MS_RequestId="me")
    assert answer.json() == {"method": method, "body": None, "requestId": "me"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "text"),
    [
        ("/v1/echo", b"{}", {"Content-Encoding": "gzip"}, 400, "encoding"),
        ("/v1/things", b'{"id": "a", "x": ' + b"[" * 900 + b"]" * 900 + b"}", {}, 400, "nested too deeply"),
        ("/v1/echo", b"{}", {"MS-RequestId": "\udcff"}, 200, '"requestId":"?"'),
    ],
)
async def test_what_cannot_be_read_is_told_and_is_no_trouble(client, caplog, path, body, headers, status, text):
    client.emulator.serve("things", [])
    _, _, port = client.emulator.endpoint.rpartition(":")
    reader, writer = await asyncio.open_connection("localhost", int(port), ssl=client.emulator.ssl_context())
    lines = {"Host": "localhost", "Authorization": f"Bearer {client.token}", "Connection": "close", **headers}
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    writer.write("\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode(errors="surrogateescape") + body)
    told = await reader.read()
    writer.close()
    assert told.startswith(f"HTTP/1.1 {status} ".encode())
    assert text in told.decode(errors="replace")
    assert (await client.get("/v1/things")).json()["items"] == []
    assert caplog.text == ""


@pytest.mark.parametrize("address", ["/v1/\udcff?code=canary", "/v1/x?code=canary \udcff"])
async def test_a_request_line_that_cannot_be_read_is_not_logged(client, caplog, address):
    caplog.set_level("DEBUG")
    _, _, port = client.emulator.endpoint.rpartition(":")
    reader, writer = await asyncio.open_connection("localhost", int(port), ssl=client.emulator.ssl_context())
    writer.write(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(errors="surrogateescape"))
    told = await reader.readuntil(b"\r\n")
    writer.close()
    assert told.endswith(b" 400 Bad Request\r\n")
    assert "canary" not in caplog.text


async def test_echo_gives_the_body_back(client):
    for body, seen in ((b'{"a":[1]}', {"a": [1]}), (b"text", "text")):
        headers = {"Authorization": f"Bearer {client.token}"}
        async with client.session.post(client.emulator.endpoint + "/v1/echo", data=body, headers=headers) as response:
            assert (await response.json())["body"] == seen
        assert client.emulator.requests[-1].body == body


async def test_records_hold_what_arrived_and_no_secret(client):
    customer_id = client.emulator.data.customer_id(0)
    await client.get(f"/V1/customers/{customer_id}/orders?billingType=%4Fne_time", MS_RequestId="one")
    token, record = client.emulator.requests
    assert (token.operation, token.status, record.status) == ("token", 200, 200)
    assert (record.operation, record.method, record.customer_id) == ("orders.list", "GET", customer_id)
    assert record.path == f"/V1/customers/{customer_id}/orders"
    assert record.query == "billingType=%4Fne_time"
    assert record.headers["ms-requestid"] == "one"
    assert record.headers["authorization"] == f"Bearer {fingerprint(client.token)}"
    assert record.connection == token.connection == 1
    assert b"grant_type=client_credentials" in token.body
    text = (
        repr(client.emulator.requests)
        + repr(client.emulator)
        + str([(r.headers, r.body) for r in client.emulator.requests])
    )
    for secret in (client.token, client.emulator.client_secret, client.emulator.refresh_token):
        assert secret not in text


@pytest.mark.parametrize(
    ("authorization", "kept"), [("{}", "{}"), ("Bearer\t{}", "Bearer {}"), ("Basic {}", "Basic {}")]
)
async def test_records_hold_no_token_however_it_is_sent(client, authorization, kept):
    await client.get("/v1/customers", Authorization=authorization.format(client.token))
    assert client.emulator.requests[-1].headers["Authorization"] == kept.format(fingerprint(client.token))


async def test_records_hold_no_secret_that_missed_the_authority(client):
    await client.post_token(tenant=f"/{client.emulator.tenant_id}", grant_type="client_credentials")
    record = client.emulator.requests[-1]
    assert (record.operation, record.status) == ("other", 401)
    assert client.emulator.client_secret.encode() not in record.body
    assert b"grant_type=client_credentials" in record.body


def test_a_secret_that_is_no_text_has_a_fingerprint():
    assert fingerprint("\udcff") != fingerprint("\udcfe")


async def test_requests_are_counted_by_operation_and_customer():
    async with Started(keep_requests=False) as client:
        first, second = (client.emulator.data.customer_id(index) for index in (0, 1))
        await client.get(orders_path(client, 0))
        await client.get(orders_path(client, 0).upper().replace("CUSTOMERS", "customers").replace("ORDERS", "orders"))
        await client.get(orders_path(client, 1))
        await client.get("/v1/customers")
        emulator = client.emulator
        assert (emulator.count(), emulator.count("orders.list"), emulator.count("token")) == (4, 3, 1)
        assert emulator.count("orders.list", customer_id=first) == 2
        assert emulator.count(customer_id=second) == 1
        assert emulator.requests == []


# Faults


async def test_fault_hits_the_matching_requests_it_names(client):
    client.emulator.inject(Fault(service_error(503, 800003, "Later."), operation="customers.list", nth=2, times=2))
    statuses = [(await client.get("/v1/customers")).status for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]


async def test_fault_hits_every_so_manieth_or_for_ever(client):
    client.emulator.inject(Fault(Answer(500), method="GET", every=3))
    assert [(await client.get("/v1/echo")).status for _ in range(6)] == [200, 200, 500] * 2
    client.emulator.clear_faults()
    client.emulator.inject(Fault(Answer(502, "<html>", content_type="text/html", reason="Odd"), times=None))
    assert [(await client.get("/v1/echo")).status for _ in range(3)] == [502] * 3


async def test_fault_for_one_customer_leaves_the_others(client):
    fault = Fault(gateway_throttle(7), customer_id=client.emulator.data.customer_id(1), times=None)
    client.emulator.inject(fault)
    assert (await client.get(orders_path(client, 0))).status == 200
    answer = await client.get(orders_path(client, 1))
    assert (answer.status, answer.headers["Retry-After"], answer.json()["statusCode"]) == (429, "7", 429)


@pytest.mark.parametrize("name", ["nth", "times", "every"])
@pytest.mark.parametrize("number", [0, -1, 1.5, "1", True])
def test_fault_counts_from_one(name, number):
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 1, not {number!r}"):
        Fault(Answer(500), **{name: number})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fails("orders.lst"), "operation must be one of .*'api', not 'orders.lst', perhaps 'orders.list'"),
        (lambda: loses("customers"), "operation must be one of 'customers.list', .*, not 'customers'"),
        (lambda: Fault(Answer(500), operation="orders.lst"), "operation must be .*, perhaps 'orders.list'"),
        (lambda: fails(status="x"), r"status must be a whole number from 400 to 599, not 'x': .* Fault\(Answer"),
        (lambda: fails(status=200), "status must be a whole number from 400 to 599, not 200"),
        (lambda: Answer(99), "status must be a whole number from 200 to 599, not 99"),
        (lambda: Redirect("301", "/"), "status must be a whole number from 200 to 599, not '301'"),
        (lambda: throttles("c", seconds=-1), "seconds must be a number of seconds, 0 or more, not -1"),
        (lambda: throttles(seconds="7"), "seconds must be a number of seconds, 0 or more, not '7'"),
        (lambda: Delay(float("inf")), "seconds must be a number of seconds, 0 or more, not inf"),
        (lambda: Drip(float("nan")), "interval must be a number of seconds, 0 or more, not nan"),
        (lambda: BrokenChunk(-1.0), "pause must be a number of seconds, 0 or more, not -1.0"),
        (lambda: Emulator().count("orders.lst"), "operation must be .*, not 'orders.lst', perhaps 'orders.list'"),
    ],
)
def test_what_no_request_could_meet_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Emulator().inject("x"), r"a fault must be made by fails\(...\), .* or Fault\(action, ...\), not 'x'"),
        (lambda: Emulator().inject(DropAfter()), r"or Fault\(action, ...\), not DropAfter\(\)"),
        (lambda: Emulator(faults=["x"]), "a fault must be made by .*, not 'x'"),
        (lambda: Fault("x"), r"action must be an action such as Delay\(5.0\) .*, not 'x'"),
        (lambda: Fault(DropAfter), "action must be an action such as .*, not <class"),
        (lambda: fails(customer_id=7), "customer_id must be text or None, not 7: add_customer returns the id of one"),
        (lambda: Fault(DropAfter(), method=7), "method must be text or None, not 7: such as 'GET'"),
    ],
)
def test_what_is_no_fault_is_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


async def test_token_endpoint_can_fail_too(client):
    client.emulator.inject(Fault(Answer(503), operation="token"))
    assert (await client.post_token(grant_type="client_credentials", scope=SCOPE)).status == 503
    assert (await client.post_token(grant_type="client_credentials", scope=SCOPE)).status == 200


async def test_throttled_customer_is_barred_until_the_time_is_over(client):
    client.emulator.inject(Fault(ThrottleCustomer(29.5), operation="orders.list"))
    for path in (orders_path(client), orders_path(client), orders_path(client).removesuffix("/orders")):
        answer = await client.get(path)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    assert (await client.get(orders_path(client, 1))).status == 200
    assert (await client.get("/v1/customers")).status == 200
    client.emulator.clear_faults()
    assert (await client.get(orders_path(client))).status == 200
    client.emulator.inject(Fault(ThrottleCustomer(0.0, retry_after="soon")))
    assert (await client.get(orders_path(client))).headers["Retry-After"] == "soon"
    assert (await client.get(orders_path(client))).status == 200


async def test_a_throttled_partner_is_barred_for_every_customer(client):
    client.emulator.inject(Fault(ThrottlePartner(19.5), operation="orders.list"))
    for path in (orders_path(client), orders_path(client, 1), "/v1/customers"):
        answer = await client.get(path)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "20")
        assert answer.json()["statusCode"] == 429
    await client.sign_in()
    client.emulator.clear_faults()
    assert (await client.get(orders_path(client))).status == 200


@pytest.mark.parametrize("action", [CutBody(), CutBody(0.0), WrongLength(), BrokenChunk()])
async def test_broken_body_is_noticed_by_the_client(client, action):
    client.emulator.inject(Fault(action, operation="customers.list"))
    with pytest.raises(aiohttp.ClientError):
        await client.get("/v1/customers")
    assert client.emulator.requests[-1].status == 200
    assert (await client.get("/v1/customers")).status == 200


@pytest.mark.parametrize(("action", "processed"), [(DropBefore(), False), (DropAfter(), True)])
async def test_dropped_connection_gives_no_answer(client, action, processed):
    client.emulator.inject(Fault(action, method="POST"))
    with pytest.raises(aiohttp.ClientError):
        await client.send("POST", "/v1/echo")
    assert client.emulator.count("other") == 1
    assert client.emulator.requests[-1].status is None
    assert client.emulator.open_connections == 0
    assert (await client.send("POST", "/v1/echo")).status == 200
    assert client.emulator.requests[-1].connection == 2


@pytest.mark.parametrize(("action", "carried_out"), [(DropBefore(), False), (DropAfter(), True)])
async def test_only_a_request_whose_answer_is_dropped_is_carried_out(action, carried_out):
    async with Started(user=True, rotate_refresh_token=True) as client:
        before = client.emulator.latest_refresh_token
        client.emulator.inject(Fault(action, operation="token"))
        with pytest.raises(aiohttp.ClientError):
            await client.sign_in(user=True)
        assert (client.emulator.latest_refresh_token != before) is carried_out


async def test_connection_is_closed_after_a_good_answer(client):
    client.emulator.inject(Fault(CloseAfter(), operation="customers.list"))
    answer = await client.get("/v1/customers")
    assert answer.status == 200
    assert "Connection" not in answer.headers
    assert len(answer.json()["items"]) == 12
    assert (await client.get("/v1/customers")).status == 200
    assert client.emulator.requests[-1].connection == 2


async def test_redirect_delay_and_drip(client):
    true = await client.get("/v1/echo", MS_RequestId="x")
    for action in (Delay(0.0), Drip(0.0)):
        client.emulator.inject(Fault(action))
        assert (await client.get("/v1/echo", MS_RequestId="x")).body == true.body
    client.emulator.inject(Fault(Redirect(307, "https://elsewhere.example/")))
    answer = await client.get("/v1/echo")
    assert (answer.status, answer.headers["Location"]) == (307, "https://elsewhere.example/")


async def test_expired_token_stays_expired(client):
    client.emulator.inject(Fault(ExpireToken()))
    assert [(await client.get("/v1/customers")).status for _ in range(2)] == [401, 401]
    await client.sign_in()
    assert (await client.get("/v1/customers")).status == 200


async def test_body_is_replaced_marked_or_compressed(client):
    true = (await client.get("/v1/customers")).body
    client.emulator.inject(Fault(ReplaceBody(lambda body: body.decode().encode("utf-16"))))
    assert (await client.get("/v1/customers")).body == true.decode().encode("utf-16")
    client.emulator.inject(Fault(Bom()))
    assert (await client.get("/v1/customers")).body == b"\xef\xbb\xbf" + true
    for action, encoding in ((Gzip, "gzip"), (Deflate, "deflate")):
        client.emulator.inject(Fault(action()))
        zipped = await client.get("/v1/customers")
        assert (zipped.headers["Content-Encoding"], zipped.body) == (encoding, true)
        client.emulator.inject(Fault(action(padding=3_000_001)))
        bomb = await client.get("/v1/customers")
        assert int(bomb.headers["Content-Length"]) < 20_000
        assert len(bomb.body) == len(true) + 3_000_001
        assert bomb.body.rstrip() == true


@pytest.mark.parametrize("padding", [-1, 1 << 35, True, 1.5, "5"])
def test_a_bomb_has_a_size_that_can_be_made(padding):
    for action in (Gzip, Deflate):
        with pytest.raises(ValueError, match="padding must be a whole number of bytes from 0 to 17179869184"):
            action(padding)


def test_a_bomb_is_whole_to_its_last_byte():
    for action, unpack in ((Gzip, gzip.decompress), (Deflate, zlib.decompress)):
        for body, padding in ((b"{}", 0), (b"", 5), (b"[1]", 2_500_000)):
            packed, _ = action(padding).alter_body(body)
            assert unpack(packed) == body + b" " * padding


async def test_headers_are_sent_twice(client):
    client.emulator.inject(Fault(DuplicateHeaders([("MS-RequestId", "another"), ("Content-Type", "text/html")])))
    answer = await client.get("/v1/customers", MS_RequestId="x")
    assert answer.headers.getall("MS-RequestId")[1:] == ["another"]
    assert answer.headers.getall("Content-Type")[1:] == ["text/html"]
    assert answer.json()["totalCount"] > 0


async def test_every_body_can_begin_with_a_mark():
    async with Started(bom=True) as client:
        assert (await client.get("/v1/customers")).body.startswith(b"\xef\xbb\xbf{")


async def test_records_of_a_page_are_dropped_repeated_and_altered(client):
    path = orders_path(client)
    true = (await client.get(path)).json()["items"]

    async def items_with(action):
        client.emulator.inject(Fault(action))
        return (await client.get(path)).json()["items"]

    assert await items_with(DropRecord(1)) == [true[0], *true[2:]]
    assert await items_with(RepeatRecord(0)) == [true[0], *true]
    altered = await items_with(AlterRecord(0, ("lineItems", 0, "quantity"), 77))
    assert altered[0]["lineItems"][0]["quantity"] == 77
    assert altered[1:] == true[1:]
    assert await items_with(AlterPage(lambda page: {**page, "items": []})) == []
    assert await items_with(AlterPage(lambda page: page["items"].reverse())) == true[::-1]
    assert (await client.get(path)).json()["items"] == true


async def test_bare_arrays_are_altered_too(client):
    path = "/v1/migrations/newcommerce?ExternalReferenceId=batch-1"
    true = (await client.get(path)).json()
    client.emulator.inject(Fault(DropRecord(0)))
    assert (await client.get(path)).json() == true[1:]


async def test_a_single_record_is_not_altered_as_a_page_is(client):
    path = orders_path(client).removesuffix("/orders")
    client.emulator.inject(Fault(DropRecord(0)))
    assert (await client.get(path)).json()["id"] == client.emulator.data.customer_id(0)


@pytest.mark.parametrize("action", [DropBefore(), BrokenChunk(0.05)])
async def test_a_client_that_leaves_first_is_no_error(client, action, monkeypatch):
    """Where the connection is gone already there is nothing to reset or to break."""
    gone = property(lambda _request: None)
    client.emulator.inject(Fault(action))
    monkeypatch.setattr(web.BaseRequest, "transport", gone)
    with contextlib.suppress(aiohttp.ClientError):
        await client.get("/v1/echo")
    monkeypatch.undo()
    assert (await client.get("/v1/echo")).status == 200


async def test_a_connection_without_a_socket_is_reset_all_the_same():
    class Transport(asyncio.Transport):
        aborted = False

        def get_extra_info(self, name, default=None):
            return default

        def abort(self):
            self.aborted = True

    request = SimpleNamespace(transport=Transport())
    server._reset(request)
    assert request.transport.aborted


async def test_an_answer_that_cannot_be_sent_leaves_the_emulator_serving(client, monkeypatch):
    async def lost(*_):
        raise ConnectionResetError

    monkeypatch.setattr(Emulator, "_respond", lost)
    await client.get("/v1/echo")
    monkeypatch.undo()
    assert (await client.get("/v1/echo")).status == 200


async def test_next_link_is_replaced(client):
    for link in ({"uri": "//evil.example/", "method": "GET", "headers": []}, None):
        client.emulator.inject(Fault(SetNextLink(link)))
        assert (await client.get(orders_path(client))).json()["links"]["next"] == link


@pytest.mark.parametrize(
    "action",
    [
        DropRecord(99),
        DropRecord(-99),
        RepeatRecord(99),
        AlterRecord(99, ("id",), "x"),
        AlterRecord(0, ("lineItems", 99), 1),
        AlterRecord(0, ("lineItems", "x"), 1),
        AlterRecord(0, ("lineItems", 0, "nothing", "x"), 1),
    ],
)
async def test_a_page_without_what_a_fault_alters_goes_as_it_is_and_is_not_met(client, action):
    path = orders_path(client)
    true = (await client.get(path)).json()["items"]
    client.emulator.inject(fails("token"), Fault(action))
    assert (await client.get(path)).json()["items"] == true
    with pytest.raises(AssertionError, match=type(action).__name__):
        client.emulator.assert_faults_hit()


async def test_a_fault_alters_its_answer_and_not_the_records_of_a_test(client):
    records = [{"id": "a", "parts": [{"size": 1}]}]
    client.emulator.serve("things", records)
    client.emulator.serve("whole", {"items": [1, 2]})
    for path, action in (("/v1/things", AlterRecord(0, ("parts", 0, "size"), 2)), ("/v1/whole", DropRecord(0))):
        true = (await client.get(path)).json()
        client.emulator.inject(Fault(action))
        assert (await client.get(path)).json() != true
        assert (await client.get(path)).json() == true
    assert records == [{"id": "a", "parts": [{"size": 1}]}]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Answer(200, headers=[("X\n", "v")]), "headers"),
        (lambda: Answer(200, headers=[("X", "v\r\nY: 1")]), "headers"),
        (lambda: Answer(200, reason="a\nb"), "reason"),
        (lambda: Answer(200, content_type="a\0b"), "content_type"),
        (lambda: Redirect(302, "a\nb"), "location"),
        (lambda: DuplicateHeaders([("X", "v\n")]), "headers"),
        (lambda: ThrottleCustomer(1, "1\n"), "retry_after"),
        (lambda: ThrottlePartner(1, "1\n"), "retry_after"),
        (lambda: gateway_throttle(1, retry_after="1\n"), "headers"),
    ],
)
def test_a_line_break_in_a_header_is_refused_before_it_is_sent(make, name):
    with pytest.raises(ValueError, match=f"{name} must have no control characters"):
        make()


def test_altering_what_is_not_there_is_an_error():
    with pytest.raises(LookupError):
        DropRecord(0).alter_page({"items": None})
    with pytest.raises(ValueError, match="path must name a field"):
        AlterRecord(0, (), 1)
    for make in (lambda: CutBody(1.0), lambda: WrongLength(0)):
        with pytest.raises(ValueError, match="must be at least"):
            make()


# Life


async def test_many_requests_at_once_are_all_recorded(client):
    answers = await asyncio.gather(*(client.get(orders_path(client, index % 12)) for index in range(120)))
    assert {answer.status for answer in answers} == {200}
    assert client.emulator.count("orders.list") == 120
    assert {client.emulator.count("orders.list", customer_id=cid) for cid in client.emulator.data.customer_ids()} == {
        10
    }


async def test_closing_does_not_wait_for_clients_or_answers_under_way():
    loop = asyncio.get_running_loop()
    emulator = Emulator(faults=[Fault(Delay(600.0), operation="other", times=None)])
    async with emulator:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=emulator.ssl_context()))
        client = Client(emulator, session)
        await client.sign_in()
        calls = [asyncio.create_task(client.send("POST", "/v1/echo")) for _ in range(5)]
        while emulator.count("other") < 5:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)
        began, tasks_before = loop.time(), asyncio.all_tasks()
        assert len(tasks_before) > 6
    assert loop.time() - began < 5
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, aiohttp.ClientError) for result in results)
    await session.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_event_loop_that_cannot_end_its_connections_at_once_is_left_all_the_same():
    emulator = await Emulator().__aenter__()
    listener = emulator._running.listener
    emulator._running.listener = SimpleNamespace(close=listener.close, wait_closed=listener.wait_closed)
    await emulator.__aexit__(None, None, None)
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.endpoint


async def test_emulator_is_nowhere_before_and_after():
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.endpoint
    async with emulator:
        path = emulator.ca_file
        assert exists(path)
        with pytest.raises(RuntimeError, match="running already"):
            await emulator.__aenter__()
    assert not exists(path)
    with pytest.raises(RuntimeError, match="not running"):
        emulator.ssl_context()


async def test_certificates_pass_the_strict_checks(client):
    context = client.emulator.ssl_context()
    context.verify_flags |= 0x20  # ssl.VERIFY_X509_STRICT, the default from Python 3.13 on
    connector = aiohttp.TCPConnector(ssl=context)
    url = client.emulator.endpoint + "/v1/echo"
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        assert response.status == 401


async def test_taken_port_is_an_error():
    async with Emulator() as emulator:
        port = int(emulator.endpoint.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="address"):
            await Emulator(port=port).__aenter__()


@pytest.mark.parametrize(
    ("habit", "message"),
    [
        ({"page_size": 0}, "page_size must be a whole number from 1, not 0"),
        ({"customers_page_size": "2"}, "customers_page_size must be a whole number from 1, not '2'"),
        ({"token_lifetime": -1}, "token_lifetime must be a number of seconds, 0 or more, not -1"),
        ({"paging": "sek"}, "paging must be one of 'seek', 'offset', not 'sek'"),
        ({"link_style": "x"}, "link_style must be one of 'root', 'version', .*, 'mixed', not 'x'"),
        ({"last_links": "x"}, "last_links must be one of 'missing', 'self', 'null_next', 'empty_uri', not 'x'"),
        ({"mfa": "no"}, "mfa must be one of True, False, not 'no'"),
        ({"events_content_type": 7}, "events_content_type must be text or None, not 7: such as 'text/plain'"),
    ],
)
def test_a_habit_that_the_service_cannot_have_is_refused(habit, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Emulator(**habit)
