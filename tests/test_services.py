"""More than one address: each service has tokens of its own, which go there and nowhere else."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from helpers import AT, CLOUD, ECHO_AT, QUICK, URL_AT, Fake, ScopedCredential, call, connected, header, page

from partnercenter_async import (
    AuthenticationError,
    Cloud,
    LinkError,
    Order,
    PartnerCenterClient,
    Rate,
    Service,
    StatusError,
)
from partnercenter_async._session.transport import AiohttpTransport, Request
from partnercenter_async.clouds import SERVICES
from partnercenter_async.paging import Pager
from partnercenter_async.resources._base import Resource
from partnercenter_async.testing import FakeTransport, answer, run_in_virtual_time

ORDER = answer({"id": "o1"})
THINGS = {
    "api": "webhooks/v1/registration/{thing_id}/events",
    "graph": "v1.0/things/{thing_id}/parts",
    "partner": "v1.0/sales/{thing_id}/parts",
}
PARTS = {
    "api": "https://api.example.com/webhooks/v1/registration/T/events",
    "graph": "https://graph.example.com/v1.0/things/T/parts",
    "partner": "https://partner.example.com/v1.0/sales/T/parts",
}


class Things(Resource):
    """A noun whose routes are those of any service, and of a prefix that is not /v1."""

    def list(self, service: str, thing_id: str = "T", **options) -> Pager[Order]:
        return self._list(THINGS[service], Order, options, ids={"thing_id": thing_id}, service=service)

    async def get(self, service: str) -> Order:
        return await self._get(AT[service], Order, {}, service=service)


def scopes_by_url(fake: Fake) -> set[tuple[str, str]]:
    """Which scope's token went where."""
    return {(request.url, header(request, "Authorization").partition("-for-")[2]) for request in fake.requests}


# Tokens


@pytest.mark.fault("F11")
def test_each_service_is_called_at_its_address_with_tokens_of_its_scope():
    async def all_of_them(client: PartnerCenterClient) -> None:
        calls = [client.request("GET", AT[service], dict, service=service) for service in SERVICES for _ in range(50)]
        await asyncio.gather(*calls)

    _, fake = call(lambda _: ORDER, all_of_them, credential=ScopedCredential())
    assert scopes_by_url(fake) == {(URL_AT[each], CLOUD.service(each).scope) for each in SERVICES}
    assert sorted(fake.credential.scopes) == sorted(CLOUD.service(each).scope for each in SERVICES)
    assert len(fake.requests) == 150


@pytest.mark.fault("F9")
@pytest.mark.parametrize("service", SERVICES)
def test_a_token_that_one_service_refuses_stays_good_for_the_others(service):
    async def work(client: PartnerCenterClient) -> None:
        for each in SERVICES:
            await client.request("GET", AT[each], service=each)
        refused.extend(header(request, "Authorization") for request in fake.requests if request.url == URL_AT[service])
        for each in SERVICES:
            await client.request("GET", AT[each], service=each)

    refused: list[str | None] = []
    fake = Fake(
        lambda request: answer(status=401) if header(request, "Authorization") in refused else ORDER,
        credential=ScopedCredential(),
    )
    run_in_virtual_time(work(fake.client))
    scopes = [CLOUD.service(each).scope for each in SERVICES]
    assert fake.credential.scopes == [*scopes, CLOUD.service(service).scope]
    assert len(fake.requests) == 2 * len(SERVICES) + 1


@pytest.mark.fault("F12")
def test_a_scope_that_gives_no_token_costs_the_other_services_nothing():
    class Half(ScopedCredential):
        async def get_token(self, *scopes: str, **options):
            if "graph" in scopes[0]:
                raise OSError("no consent")
            return await super().get_token(*scopes, **options)

    async def work(client: PartnerCenterClient):
        calls = [client.request("GET", AT[service], service=service) for service in SERVICES]
        return await asyncio.gather(*calls, return_exceptions=True)

    (api, graph, partner), fake = call(lambda _: ORDER, work, credential=Half())
    assert (api.info.status, partner.info.status) == (200, 200)
    assert "no consent" in str(graph)
    assert [request.url for request in fake.requests] == [URL_AT["api"], URL_AT["partner"]]


def test_views_of_one_credential_share_the_tokens_of_every_service():
    async def work(client: PartnerCenterClient) -> None:
        for view in (client, client.with_options(timeout=5), client.with_options(tenant="t")):
            for service in SERVICES:
                await view.request("GET", AT[service], service=service)
        assert len(client._session.shared.tokens) == len(SERVICES)

    failed, fake = call(lambda _: ORDER, work, credential=ScopedCredential())
    assert failed is None
    assert len(fake.credential.scopes) == len(SERVICES)


def test_closing_ends_the_sign_in_of_every_service():
    class Slow(ScopedCredential):
        async def get_token(self, *scopes: str, **options):
            await asyncio.sleep(3600)
            raise AssertionError

    async def work(client: PartnerCenterClient):
        calls = [asyncio.create_task(client.request("GET", AT[each], service=each)) for each in SERVICES]
        await asyncio.sleep(1)
        await client.close()
        return await asyncio.gather(*calls, return_exceptions=True)

    errors, _ = call(lambda _: ORDER, work, credential=Slow())
    assert [type(error).__name__ for error in errors] == ["ClientClosedError"] * 3


# Paths


@pytest.mark.parametrize("service", SERVICES)
def test_an_absolute_url_of_the_services_origin_is_taken(service):
    _, fake = call([ORDER], lambda client: client.request("GET", URL_AT[service], service=service))
    assert fake.requests[0].url == URL_AT[service]


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    "path",
    [
        "https://billing.blob.core.example.net/part/0.json.gz?sv=2024&sig=abc%3D",  # signed: it needs no token
        "//billing.blob.core.example.net/v1.0/x",
        "http://graph.example.com/v1.0/x",
        "https://graph.example.com:444/v1.0/x",
        "https://user@graph.example.com/v1.0/x",
        "https://graph.example.com.evil.example/v1.0/x",
        "https://graph.example.com@evil.example/v1.0/x",
        "v1.0/../x",
        "v1.0/a/%2e%2e/%2e%2e/x",
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_a_path_that_leaves_its_service_is_refused_before_anything_is_sent(path, service):
    fake = Fake([])
    with pytest.raises(ValueError, match=re.escape(repr(path)) + " is refused: .*(another origin|climbs)"):
        run_in_virtual_time(fake.client.request("GET", path, service=service))
    assert fake.requests == []
    assert fake.credential.claims == []


@pytest.mark.fault("F16")
@pytest.mark.parametrize("service", SERVICES)
def test_the_address_of_another_service_is_refused(service):
    fake = Fake([])
    for other in set(SERVICES) - {service}:
        with pytest.raises(ValueError, match="another origin"):
            run_in_virtual_time(fake.client.request("GET", URL_AT[other], service=service))
    assert fake.requests == []


def test_a_service_that_is_not_there_is_refused_before_anything_is_sent():
    transport = FakeTransport([])
    client = PartnerCenterClient(ScopedCredential(), cloud=Cloud.CHINA, transport=transport)
    with pytest.raises(ValueError, match=r"the cloud of https://login.chinacloudapi.cn .*no service 'partner'"):
        run_in_virtual_time(client.request("GET", "v1.0/x", service="partner"))
    with pytest.raises(ValueError, match="service must be one of api, graph, partner, not 'mail'"):
        run_in_virtual_time(client.request("GET", "v1.0/x", service="mail"))
    with pytest.raises(ValueError, match="service must be one of"):
        client.list("v1.0/x", Order, service=["graph"])
    assert transport.requests == []


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("webhooks/v1/registration", "https://api.example.com/webhooks/v1/registration"),
        ("/partner/v1/analytics/x?top=5", "https://api.example.com/partner/v1/analytics/x?top=5&a=b"),
        ("auditactivity/v1/x", "https://api.example.com/auditactivity/v1/x"),
    ],
)
def test_the_other_prefixes_of_the_api_are_reached(path, url):
    _, fake = call([ORDER], lambda client: client.request("GET", path, query={"a": "b"}))
    assert fake.requests[0].url.removesuffix("?a=b") == url


# Routes of resources, and their links


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_names_its_service(service):
    found, fake = call([ORDER], lambda client: Things(client._session).get(service), credential=ScopedCredential())
    assert found.id == "o1"
    assert scopes_by_url(fake) == {(URL_AT[service], CLOUD.service(service).scope)}


@pytest.mark.fault("F17")
@pytest.mark.fault("F44")
@pytest.mark.parametrize("service", SERVICES)
def test_the_links_of_a_listing_lead_through_its_own_service(service):
    path = PARTS[service].partition(".example.com/")[2]
    answers = [page("a", next=f"/{path}?page=2"), page("b", next=f"{PARTS[service]}?page=3"), page("c")]
    found, fake = call(answers, lambda client: Things(client._session).list(service).collect())
    assert [each.id for each in found] == ["a", "b", "c"]
    assert [request.url for request in fake.requests] == [
        PARTS[service] + query for query in ("", "?page=2", "?page=3")
    ]


@pytest.mark.fault("F16")
@pytest.mark.fault("F44")
@pytest.mark.parametrize("service", SERVICES)
def test_a_link_out_of_the_service_or_the_listing_is_not_followed(service):
    path = PARTS[service].partition(".example.com/")[2]
    others = [PARTS[each] for each in SERVICES if each != service]
    elsewhere = ["/v1/registration/T/events", f"/{path}/x", f"/{path.replace('/T/', '/t/')}", f"//evil.example/{path}"]

    async def walk(client: PartnerCenterClient) -> list[str]:
        found = []
        with pytest.raises(LinkError):
            async for each in Things(client._session).list(service):
                found.append(each.id)
        return found

    for uri in [*others, *elsewhere, f"https://evil.example/{path}"]:
        found, fake = call([page("a", next=uri)], walk)
        assert found == ["a"]
        assert len(fake.requests) == 1


def test_a_continuation_of_another_service_is_refused():
    async def first(client: PartnerCenterClient) -> str:
        async for each in Things(client._session).list("graph").pages():
            return each.continuation
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(THINGS, "partner", THINGS["graph"])
        continuation, _ = call([page("a", next="/v1.0/things/T/parts?page=2")], first)
        fake = Fake([])
        with pytest.raises(ValueError, match="pass it to the same listing"):
            Things(fake.client._session).list("partner").pages(continuation=continuation)
        fake = Fake([page("b")])
        pages = Things(fake.client._session).list("graph").pages(continuation=continuation)
        assert run_in_virtual_time(anext(pages)).items[0].id == "b"


# The pace


@pytest.mark.fault("F6")
@pytest.mark.parametrize("rate", ["learned", None, Rate(600, per=60), Rate.DOCUMENTED, {"graph": Rate(600, per=60)}])
@pytest.mark.parametrize("throttled", SERVICES)
def test_a_service_that_throttles_holds_up_no_other(throttled, rate):
    def respond(request: Request):
        refused = request.url == URL_AT[throttled] and asyncio.get_running_loop().time() < 30
        return answer(status=429, headers={"Retry-After": "30"}) if refused else ORDER

    async def work(client: PartnerCenterClient) -> dict[str, float]:
        ended: dict[str, float] = {}

        async def one(service: str) -> None:
            await client.request("GET", AT[service], service=service)
            ended[service] = asyncio.get_running_loop().time()

        slow = asyncio.create_task(one(throttled))
        await asyncio.sleep(1)
        await asyncio.gather(*[one(each) for each in SERVICES if each != throttled])
        await slow
        return ended

    ended, _ = call(respond, work, rate=rate)
    assert ended.pop(throttled) >= 30
    assert max(ended.values()) < 2


@pytest.mark.parametrize("service", ["graph", "partner"])
@pytest.mark.parametrize("single", [True, False])
def test_a_rate_that_is_declared_holds_for_each_service(service, single):
    async def work(client: PartnerCenterClient) -> float:
        await asyncio.gather(*[client.request("GET", AT[service], service=service) for _ in range(11)])
        return asyncio.get_running_loop().time()

    took, _ = call(lambda _: ORDER, work, rate=Rate(1) if single else {service: Rate(1)})
    assert took == pytest.approx(10)


# The wire


@asynccontextmanager
async def three_services(
    answered: Callable[[str], bytes] = lambda _: b'{"id":"o1"}',
) -> AsyncIterator[tuple[Cloud, dict[str, list[str]]]]:
    """A server for each service, and the heads of the requests that it got."""
    heads: dict[str, list[str]] = {service: [] for service in SERVICES}
    servers: dict[str, asyncio.Server] = {}

    def of(service: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except (asyncio.IncompleteReadError, ConnectionError):
                    break
                heads[service].append(head.decode())
                body = answered(service)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            writer.close()

        return serve

    for service in SERVICES:
        servers[service] = await asyncio.start_server(of(service), "127.0.0.1")
    ports = {service: server.sockets[0].getsockname()[1] for service, server in servers.items()}
    services = {each: Service(f"http://127.0.0.1:{ports[each]}", f"scope-of-{each}") for each in SERVICES}
    try:
        yield Cloud(authority="https://localhost", **services), heads
    finally:
        for server in servers.values():
            server.close()
            await server.wait_closed()


@pytest.mark.usefixtures("way")
@pytest.mark.fault("F16")
async def test_every_server_sees_the_tokens_of_its_own_scope_alone():
    async with three_services() as (cloud, heads):
        async with PartnerCenterClient(ScopedCredential(), cloud=cloud, retry=QUICK) as client:
            calls = [client.request("GET", AT[each], Order, service=each) for each in SERVICES for _ in range(20)]
            assert {answered.data.id for answered in await asyncio.gather(*calls)} == {"o1"}
        for service in SERVICES:
            port = cloud.service(service).endpoint.rpartition(":")[2]
            path = URL_AT[service].partition(".example.com")[2]
            assert len(heads[service]) == 20
            for head in heads[service]:
                assert head.startswith(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")
                assert set(re.findall(r"scope-of-\w+", head)) == {f"scope-of-{service}"}


@pytest.mark.usefixtures("way")
@pytest.mark.fault("F16")
async def test_no_server_hears_of_a_link_that_leads_from_one_service_to_another():
    async with three_services(lambda _: b'{"items":[],"links":{"next":{"uri":"%s"}}}' % target) as (cloud, heads):
        async with PartnerCenterClient(ScopedCredential(), cloud=cloud, retry=QUICK) as client:
            things = Things(client._session)
            for service in SERVICES:
                for other in set(SERVICES) - {service}:
                    target = (cloud.service(other).endpoint + "/" + THINGS[service].format(thing_id="T")).encode()
                    with pytest.raises(LinkError, match="another origin"):
                        await things.list(service).collect()
        assert {service: len(found) for service, found in heads.items()} == dict.fromkeys(SERVICES, 2)


@pytest.mark.fault("F47")
def test_each_address_has_the_proxy_that_the_environment_names_for_it(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "graph.example.com")
    endpoints = [*[each.endpoint for each in CLOUD.services()], "https://localhost:1"]
    proxies = [way.proxy and str(way.proxy) for way in AiohttpTransport(*endpoints)._ways]
    assert proxies == ["http://proxy.example.com:3128", None, "http://proxy.example.com:3128", None]


# The emulator


async def test_the_emulator_says_what_it_does_not_serve(emulator):
    async with connected(emulator) as client:
        for service in ("graph", "partner"):
            with pytest.raises(StatusError, match="The emulator does not serve GET") as caught:
                await client.request("GET", AT[service], service=service)
            assert (caught.value.status, caught.value.code) == (501, "notImplemented")
            assert caught.value.attempts == 1
    paths = [each.path for each in emulator.requests if each.operation == "other"]
    assert paths == ["/v1.0/things/o1", "/v1.0/sales/o1"]


async def test_the_emulator_takes_no_service_s_token_for_another(emulator):
    there = emulator.endpoint
    api, graph = Cloud.GLOBAL.api.scope, Cloud.GLOBAL.graph.scope
    crossed = Cloud(api=Service(there, graph), graph=Service(there, api), authority=emulator.authority)
    async with connected(emulator) as client:
        credential = client._session.credential
        wrong = PartnerCenterClient(credential, cloud=crossed, ssl_context=emulator.ssl_context(), retry=QUICK)
        async with wrong:
            for service in ("api", "graph"):
                with pytest.raises(AuthenticationError):
                    await wrong.request("GET", ECHO_AT[service], service=service)


async def test_the_emulators_environment_leads_every_service_to_it(emulator, monkeypatch):
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PARTNER_CENTER_CLOUD", raising=False)
    assert Cloud.from_environment() == Cloud.GLOBAL.at(emulator.endpoint, authority=emulator.authority)
