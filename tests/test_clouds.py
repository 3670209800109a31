"""Where tokens may be sent to at all."""

import pytest

from partnercenter_async import Cloud

SCOPE = "https://api.partnercenter.microsoft.com/.default"


def test_the_three_clouds():
    assert Cloud.GLOBAL.endpoint == Cloud.US_GOVERNMENT.endpoint == "https://api.partnercenter.microsoft.com"
    assert Cloud.GLOBAL.authority == "https://login.microsoftonline.com"
    assert Cloud.US_GOVERNMENT.authority == "https://login.microsoftonline.us"
    assert Cloud.CHINA.endpoint == "https://partner.partnercenterapi.microsoftonline.cn"
    assert Cloud.CHINA.authority == "https://login.chinacloudapi.cn"
    assert Cloud.CHINA.scope == "https://partner.partnercenterapi.microsoftonline.cn/.default"


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
@pytest.mark.parametrize("setting", ["endpoint", "authority"])
def test_what_is_no_safe_origin_is_refused(setting, endpoint):
    settings = {"endpoint": "https://a.example", "authority": "https://b.example", "scope": "s"} | {setting: endpoint}
    with pytest.raises(ValueError, match=f"{setting}|port|Port"):
        Cloud(**settings)


@pytest.mark.parametrize("endpoint", ["http://localhost:1", "http://127.0.0.1:1", "http://127.8.0.1", "http://[::1]:1"])
def test_plain_http_is_for_loopback(endpoint):
    assert Cloud(endpoint=endpoint, authority="https://b.example", scope="s").endpoint == endpoint


@pytest.mark.parametrize(("setting", "value"), [("scope", ""), ("version", ""), ("version", "../v1"), ("version", "1")])
def test_other_settings_are_checked(setting, value):
    settings = {"endpoint": "https://a.example", "authority": "https://b.example", "scope": "s"} | {setting: value}
    with pytest.raises(ValueError, match=setting):
        Cloud(**settings)


def test_the_environment_names_the_cloud(monkeypatch):
    for name in ("PARTNER_CENTER_CLOUD", "PARTNER_CENTER_ENDPOINT", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert Cloud.from_environment() == Cloud.GLOBAL
    monkeypatch.setenv("PARTNER_CENTER_CLOUD", "china")
    assert Cloud.from_environment() == Cloud.CHINA
    monkeypatch.setenv("PARTNER_CENTER_CLOUD", "us-government")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.example.com")
    monkeypatch.setenv("PARTNER_CENTER_ENDPOINT", "https://localhost:9")
    assert Cloud.from_environment() == Cloud(
        endpoint="https://localhost:9", authority="https://login.example.com", scope=SCOPE
    )
    monkeypatch.setenv("PARTNER_CENTER_CLOUD", "moon")
    with pytest.raises(ValueError, match="PARTNER_CENTER_CLOUD"):
        Cloud.from_environment()
