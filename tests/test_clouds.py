"""Where tokens may be sent to at all."""

import msgspec
import pytest

from partnercenter_async import Cloud, Service
from partnercenter_async.clouds import SERVICES

API = "https://api.partnercenter.microsoft.com"
CHINA = "https://partner.partnercenterapi.microsoftonline.cn"


def of(endpoint: str) -> Service:
    """A service whose scope is that of its own address."""
    return Service(endpoint, f"{endpoint}/.default")


def test_the_three_clouds():
    assert Cloud.GLOBAL.api == Cloud.US_GOVERNMENT.api == of(API)
    assert Cloud.GLOBAL.authority == "https://login.microsoftonline.com"
    assert Cloud.GLOBAL.graph == of("https://graph.microsoft.com")
    assert Cloud.GLOBAL.partner == of("https://api.partner.microsoft.com")
    assert Cloud.US_GOVERNMENT.authority == "https://login.microsoftonline.us"
    assert Cloud.US_GOVERNMENT.graph == of("https://graph.microsoft.us")
    assert Cloud.CHINA.api == of(CHINA)
    assert Cloud.CHINA.authority == "https://login.chinacloudapi.cn"
    assert Cloud.CHINA.graph == of("https://microsoftgraph.chinacloudapi.cn")
    assert Cloud.US_GOVERNMENT.partner is Cloud.CHINA.partner is None


@pytest.mark.parametrize("cloud", [Cloud.GLOBAL, Cloud.US_GOVERNMENT, Cloud.CHINA])
def test_no_two_services_of_a_cloud_share_a_token(cloud):
    services = cloud.services()
    assert services[0] == cloud.api
    assert len({each.scope for each in services}) == len({each.endpoint for each in services}) == len(services)


def test_a_cloud_is_a_value():
    for thing in (Cloud.GLOBAL, Cloud.GLOBAL.api):
        assert msgspec.structs.replace(thing) == thing
        assert hash(msgspec.structs.replace(thing)) == hash(thing)


def test_a_service_that_the_cloud_lacks_is_named_with_the_cloud():
    with pytest.raises(ValueError, match=r"the cloud of https://login.microsoftonline.us and .* no service 'partner'"):
        Cloud.US_GOVERNMENT.service("partner")
    with pytest.raises(ValueError, match="service must be one of api, graph, partner, not 'authority'"):
        Cloud.GLOBAL.service("authority")


def test_a_cloud_at_one_endpoint_has_the_same_services_there():
    there = Cloud.CHINA.at("https://localhost:9", authority="https://localhost:8")
    assert there == Cloud(
        api=Service("https://localhost:9", Cloud.CHINA.api.scope),
        authority="https://localhost:8",
        graph=Service("https://localhost:9", Cloud.CHINA.graph.scope),
    )
    with pytest.raises(ValueError, match="endpoint must be https"):
        Cloud.GLOBAL.at("http://api.example.com", authority="https://b.example")
    with pytest.raises(ValueError, match="authority must be https"):
        Cloud.GLOBAL.at("https://a.example", authority="http://b.example")


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "api.example.com",
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "https://",
        "https://user@api.example.com",
        "https://api.example.com/v1",
        "https://api.example.com?x",
        "https://api.example.com#x",
        "https://api.example.com:port",
        "ftp://localhost",
        "https://exämple.com",
    ],
)
def test_what_is_no_safe_origin_is_refused(endpoint):
    with pytest.raises(ValueError, match=r"endpoint|port|Port"):
        Service(endpoint, "s")
    with pytest.raises(ValueError, match=r"authority|port|Port"):
        Cloud(api=of("https://a.example"), authority=endpoint)


@pytest.mark.parametrize("endpoint", ["http://localhost:1", "http://127.0.0.1:1", "http://127.8.0.1", "http://[::1]:1"])
def test_plain_http_is_for_loopback(endpoint):
    assert Service(endpoint, "s").endpoint == endpoint


def test_a_service_without_a_scope_is_refused():
    with pytest.raises(ValueError, match="scope is empty"):
        Service("https://a.example", "")


@pytest.fixture
def unset(monkeypatch):
    """An environment that names nothing."""
    for name in ("CLOUD", "ENDPOINT", "GRAPH_ENDPOINT", "PARTNER_ENDPOINT"):
        monkeypatch.delenv(f"PARTNER_CENTER_{name}", raising=False)
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    return monkeypatch


def test_the_environment_names_the_cloud(unset):
    assert Cloud.from_environment() == Cloud.GLOBAL
    unset.setenv("PARTNER_CENTER_CLOUD", "china")
    assert Cloud.from_environment() == Cloud.CHINA
    unset.setenv("PARTNER_CENTER_CLOUD", "us-government")
    unset.setenv("AZURE_AUTHORITY_HOST", "login.example.com")
    unset.setenv("PARTNER_CENTER_ENDPOINT", "https://localhost:9")
    assert Cloud.from_environment() == Cloud(
        api=Service("https://localhost:9", f"{API}/.default"), authority="https://login.example.com"
    )
    unset.setenv("PARTNER_CENTER_CLOUD", "moon")
    with pytest.raises(ValueError, match="PARTNER_CENTER_CLOUD"):
        Cloud.from_environment()


def test_a_test_service_leads_no_call_to_the_real_other_services(unset):
    unset.setenv("PARTNER_CENTER_ENDPOINT", "https://localhost:9")
    with pytest.raises(ValueError, match="no service 'graph'"):
        Cloud.from_environment().service("graph")
    for name in ("GRAPH", "PARTNER"):
        unset.setenv(f"PARTNER_CENTER_{name}_ENDPOINT", "https://localhost:9")
    assert Cloud.from_environment() == Cloud.GLOBAL.at("https://localhost:9", authority=Cloud.GLOBAL.authority)


def test_the_environment_leads_one_service_elsewhere(unset):
    unset.setenv("PARTNER_CENTER_GRAPH_ENDPOINT", "https://localhost:9")
    found = Cloud.from_environment()
    assert found.graph == Service("https://localhost:9", Cloud.GLOBAL.graph.scope)
    assert (found.api, found.partner) == (Cloud.GLOBAL.api, Cloud.GLOBAL.partner)


def test_the_environment_gives_a_cloud_no_service_that_it_lacks(unset):
    unset.setenv("PARTNER_CENTER_CLOUD", "china")
    unset.setenv("PARTNER_CENTER_PARTNER_ENDPOINT", "https://localhost:9")
    assert Cloud.from_environment() == Cloud.CHINA


def test_every_service_has_a_name():
    assert set(SERVICES) == set(Cloud.__struct_fields__) - {"authority"}
