"""Ids in paths, and links to URLs: one origin, one path, nothing else."""

import enum
import re
from urllib.parse import unquote, urlsplit

import pytest
from helpers import BASE, CLOUD, URL_AT, Fake
from hypothesis import example, given
from hypothesis import strategies as st

from partnercenter_async import Cloud, LinkError, Service
from partnercenter_async._session import links
from partnercenter_async._session.links import UrlBuilder
from partnercenter_async._session.transport import Secret
from partnercenter_async.clouds import SERVICES
from partnercenter_async.resources._base import route
from partnercenter_async.testing import Request, answer, run_in_virtual_time

URLS = UrlBuilder(CLOUD)

HOSTILE_LINKS = [
    "https://evil.example/v1/customers",
    "http://api.example.com/v1/customers",
    "https://api.example.com:444/v1/customers",
    "https://api.example.com:0/v1/customers",
    "https://user@api.example.com/v1/customers",
    "https://user:pass@api.example.com/v1/customers",
    "https://api.example.com@evil.example/v1/customers",
    "https://api.example.com.evil.example/v1/customers",
    "https://api.example.com\\@evil.example/v1/customers",
    "https://evil.example\\.api.example.com/v1/customers",
    "https://аpi.example.com/v1/customers",
    "https://api。example.com/v1/customers",
    "https://[::1]/v1/customers",
    "https:/evil.example/v1/customers",
    "https:evil.example",
    "https:///evil.example/v1",
    "HTTPS://EVIL.EXAMPLE/v1",
    "ftp://api.example.com/v1/customers",
    "javascript:alert(1)",
    "//evil.example/v1/customers",
    "///evil.example/v1/customers",
    "\\\\evil.example\\v1",
    "/\\evil.example/v1",
    "/v1\\..\\x",
    "/v1/customers\r\nHost: evil.example",
    "/v1/cust\x00omers",
    " /v1/customers",
    "/v1/customers#x",
    "/v1/customers?a=b#x",
    "/v1/customers?a=\r\nx",
    "/",
    "/v1",
    "/v1/",
    "?size=1",
]
CLIMBING_LINKS = [
    "/v1/../x",
    "/v1/%2e%2e/x",
    "/v1/%2E%2E/x",
    "/v1/.%2e/x",
    "/v1/%252e%252e/x",
    "/v1/%25252525252525252e/x",
    "/v1/..%2fx",
    "/v1/..%5cx",
    "/v1/a%2f..%2fx",
    "/v1/./x",
    "/..",
    "customers/..",
    "https://api.example.com/v1/../x",
    "/v1/..;/x",
    "/v1/..;x=y/x",
    "/v1/.;x/x",
    "/v1/..%3b/x",
    "/v1/%2e%2e%3Bx=y/x",
    "/v1/%252e%252e%253b/x",
    "/v1/a%2f..;x%2fb",
    "/v1/%c0%ae%c0%ae/x",
    "/v1/%C0%2E%C0%2E/x",
    "/v1/.%c0%ae/x",
    "/v1/%25c0%25ae%25c0%25ae/x",
    "/v1/%e0%80%ae%e0%80%ae/x",
    "/v1/%f0%80%80%ae%f0%80%80%ae/x",
    "/v1/%f8%80%80%80%ae./x",
    "/v1/%fc%80%80%80%80%ae./x",
    "/v1/a%c0%af..%c0%afx",
    "/v1/a%c0%2f..%e0%80%afx",
    "/v1/a%c1%9c..%c1%9cx",
    "/v1/a%c0%5c..%c0%5cx",
    "/v1/%uff0e%uff0e/x",
    "/v1/%u002e%U002E/x",
    "/v1/a%u2215..%u2044x",
    "/v1/a%uff0f..%uff3cx",
    "/v1/%ef%bc%8e%ef%bc%8e/x",
    "/v1/\uff0e\uff0e/x",
    "/v1/%e2%80%a5/x",
    "/v1/\u2024\u2024;/x",
]
HONEST_LINKS = [
    "customers/a;b",
    "customers/...",
    "customers/a..b",
    "customers/..a",
    "customers/%c3%80%3b",
    "customers/é/x.y",
]


def as_of(service: str, link: str) -> str:
    """Return a link as another service would have it: at its origin, and with its version."""
    if service == "api" or not link:
        return link
    link = link.replace("api.example.com", f"{service}.example.com").replace("аpi.", f"{service}1.")
    begins_bare = link[0] not in "/\\?." and ":" not in link.partition("/")[0]
    return f"v1.0/{link}" if begins_bare else link.replace("/v1", "/v1.0", 1)


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "link",
    [
        "/v1/customers",
        "customers",
        "/customers",
        "v1/customers",
        "https://api.example.com/v1/customers",
        "https://api.example.com/customers",
        "https://API.example.com:443/v1/customers",
        "/v1//v1/customers",
        "/v1/v1/customers",
        "//v1/customers",
        "//V1//customers",
        "/V1/customers",
        "/V1/v1//customers",
    ],
)
@pytest.mark.parametrize(
    "query", ["", "?size=2?seekOperation=Next", "?a=%2F%2f+%20&b=&&c", "?filter=%7B%22a%22%7D&x=/../y"]
)
def test_every_form_of_a_link_is_the_same_url(link, query):
    assert URLS.build(link + query) == BASE + "customers" + query


@pytest.mark.fault("F17")
@pytest.mark.parametrize("link", CLIMBING_LINKS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_link_that_climbs_is_refused(link, service):
    with pytest.raises(ValueError, match="climbs"):
        UrlBuilder(CLOUD, service).build(as_of(service, link))


@pytest.mark.parametrize(
    "segment", ["a%20b", "a%2Fb", "100%25", "%e2%82%ac", "a.b", "..c", "...", "%2e%2ea", ".a%2f.b"]
)
def test_an_escaped_segment_that_does_not_climb_goes_out_as_it_is(segment):
    fake = Fake(lambda _: answer({}))
    run_in_virtual_time(fake.client.request("GET", f"customers/{segment}/orders"))
    assert fake.requests[0].url == BASE + f"customers/{segment}/orders"


@pytest.mark.parametrize("segment", [".", "%2e", "%252E", "a%2f.", ".%2fa", "a%5c.%5cb", "a%2F%2e%2Fb"])
def test_an_escaped_single_dot_climbs_too(segment):
    fake = Fake([])
    with pytest.raises(ValueError, match="climbs"):
        run_in_virtual_time(fake.client.request("GET", f"customers/{segment}/orders"))
    assert fake.requests == []


@pytest.mark.fault("F17")
@pytest.mark.parametrize("link", CLIMBING_LINKS)
def test_a_path_of_a_callers_that_climbs_is_refused_before_anything_is_sent(link):
    fake = Fake([])
    with pytest.raises(ValueError, match="climbs"):
        run_in_virtual_time(fake.client.request("GET", link))
    assert fake.requests == []


@pytest.mark.parametrize("link", HONEST_LINKS)
def test_dots_and_semicolons_that_are_no_step_are_left_alone(link):
    assert URLS.build(link).isascii()


@pytest.mark.fault("F16")
@pytest.mark.parametrize("link", HOSTILE_LINKS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_link_that_leads_elsewhere_is_refused(link, service):
    with pytest.raises(ValueError, match="it "):
        UrlBuilder(CLOUD, service).build(as_of(service, link))


@pytest.mark.fault("F16")
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("other", SERVICES)
def test_a_link_to_another_of_our_services_leads_elsewhere(service, other):
    if other != service:
        with pytest.raises(ValueError, match="another origin"):
            UrlBuilder(CLOUD, service).build(URL_AT[other])


@pytest.mark.fault("F16")
@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            "".join,
            st.lists(
                st.sampled_from(
                    [
                        "https:",
                        "http:",
                        "/",
                        "//",
                        "\\",
                        "@",
                        "..",
                        "%2e",
                        ".",
                        "v1",
                        "api.example.com",
                        "evil.example",
                        ":443",
                        ":1",
                        "?",
                        "#",
                        " ",
                        "\t",
                        "ａ",
                        "%00",
                        "x",
                    ]
                ),
                max_size=9,
            ),
        ),
    )
)
@example("https://api.example.com\uff0fevil.example/x")
@pytest.mark.parametrize("service", SERVICES)
def test_whatever_a_link_says_the_url_stays_at_the_origin(service, link):
    urls = UrlBuilder(CLOUD, service)
    try:
        url = urls.build(link)
    except ValueError:
        return
    assert url.startswith(urls.bases)
    assert url.isascii()
    assert not any(character.isspace() or character in "\\#" for character in url.partition("?")[0])
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", f"{service}.example.com")
    for segment in parts.path.split("/"):
        assert unquote(segment) not in {".", ".."}
    if "?" in link and link.isascii():
        assert url.partition("?")[2] == link.partition("?")[2]


def test_beyond_ascii_is_encoded_and_nothing_else():
    assert URLS.build("customers/é?name=Zoë%20&x=%C3") == BASE + "customers/%C3%A9?name=Zo%C3%AB%20&x=%C3"


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("https://api.example.com:8443", "https://api.example.com:8443/v1/"),
        ("https://api.example.com:443/", "https://api.example.com/v1/"),
        ("http://127.0.0.1:80", "http://127.0.0.1/v1/"),
        ("http://[::1]:8080", "http://[::1]:8080/v1/"),
    ],
)
def test_the_base_is_the_clouds_origin_and_version(endpoint, base):
    cloud = Cloud(api=Service(endpoint, "x/.default"), authority="https://login.example.com")
    assert UrlBuilder(cloud).base == base


@pytest.mark.fault("F17")
@pytest.mark.parametrize("prefix", ["webhooks/v1", "partner/v1", "auditactivity/v1"])
@pytest.mark.parametrize("query", ["", "?a=%2F%2f+%20&b=&&c"])
def test_a_path_keeps_a_prefix_of_its_own(prefix, query):
    first, version = prefix.split("/")
    forms = [
        f"{prefix}/x/y",
        f"/{prefix}/x/y",
        f"//{prefix}/x/y",
        f"/{first.upper()}//{version.upper()}/x//y",
        f"/{prefix}/{prefix}/x/y",
        f"/v1/{prefix}/x/y",
        f"https://api.example.com/{prefix}/x/y",
    ]
    assert {URLS.build(form + query) for form in forms} == {f"https://api.example.com/{prefix}/x/y{query}"}
    assert URLS.path(URLS.build(forms[0] + query)) == f"{prefix}/x/y{query}"


@pytest.mark.parametrize("path", ["webhooks/x", "partner", "partnership/v1/x", "customers/webhooks/v1/x", "v2/x"])
def test_what_only_resembles_a_prefix_is_a_path_like_any(path):
    assert URLS.build(path) == BASE + path
    assert URLS.path(BASE + path) == path


@pytest.mark.parametrize("path", ["webhooks/v1", "/partner/v1/", "v1/auditactivity/v1?x", "/v1/v1"])
def test_a_prefix_alone_names_no_resource(path):
    with pytest.raises(ValueError, match="names no resource"):
        URLS.build(path)


@pytest.mark.parametrize(("path", "url"), [("v1/webhooks/v1/partner/v1/x", "webhooks/v1/partner/v1/x")])
def test_one_prefix_is_no_part_of_another(path, url):
    assert URLS.build(path) == f"https://api.example.com/{url}"


@pytest.mark.fault("F17")
@pytest.mark.parametrize("service", ["graph", "partner"])
@pytest.mark.parametrize("version", ["v1.0", "beta", "v2"])
@pytest.mark.parametrize("query", ["", "?$filter=a%20eq%20'b'&$skiptoken=x/../y", "?a=%2F%2f+&&c"])
def test_every_form_of_another_services_link_is_the_same_url(service, version, query):
    origin = f"https://{service}.example.com"
    forms = [
        f"{version}/sales/prices(Market='US',View='a_b')/$value",
        f"/{version}/sales/prices(Market='US',View='a_b')/$value",
        f"//{version}//sales/prices(Market='US',View='a_b')/$value",
        f"/{version.upper()}/{version}/sales/prices(Market='US',View='a_b')/$value",
        f"{origin}/{version}/sales/prices(Market='US',View='a_b')/$value",
        f"{origin.upper()}:443/{version}/sales/prices(Market='US',View='a_b')/$value",
    ]
    urls = UrlBuilder(CLOUD, service)
    built = f"{origin}/{forms[0]}{query}"
    assert {urls.build(form + query) for form in forms} == {built}
    assert urls.path(built) == forms[0] + query


@pytest.mark.parametrize("path", ["users/x", "customers", "v1.0x/users", "v/x", "?x", "", "/", "%76%31.0/x"])
def test_a_path_of_another_service_begins_with_its_version(path):
    with pytest.raises(ValueError, match="does not begin with a version"):
        UrlBuilder(CLOUD, "graph").build(path)
    with pytest.raises(ValueError, match="names no resource"):
        UrlBuilder(CLOUD, "graph").build("/v1.0/v1.0")


@pytest.mark.fault("F30")
@given(st.text(min_size=1, max_size=40))
@example("a/b")
@example("a?b")
@example("a#b")
@example("%2f")
@example("a\r\nb")
@example("a\x00b")
@example("a b")
@example(".")
@example("..")
@example("...")
@example("\ud800")
@example("/../../x")
@example("%c0%ae")
@example("a;b")
def test_an_id_is_one_segment_of_the_path_or_refused(text):
    try:
        path = route("customers/{customer_id}/orders", customer_id=text)
    except ValueError as error:
        assert "customer_id" in str(error)
        return
    url = URLS.build(path)
    first, segment, last = url.removeprefix(BASE).split("/")
    assert (first, unquote(segment), last) == ("customers", text, "orders")


@pytest.mark.fault("F30")
@pytest.mark.parametrize(
    "bad", ["..;", "..;x=y", ".;", "%c0%ae%c0%ae", "\uff0e\uff0e", "a\u2215..", "%u002e%u002e", "‥"]
)
def test_an_id_that_some_server_takes_for_a_step_up_is_refused(bad):
    with pytest.raises(ValueError, match="customer_id"):
        Fake([]).client.orders.list(bad)


@pytest.mark.fault("F30")
@pytest.mark.parametrize("bad", ["", " ", "\t", ".", "..", "a\r\nb", "a\x00b", "\ud800", None, 7])
def test_a_hostile_id_is_refused_before_anything_is_sent(bad):
    client = (fake := Fake([])).client
    with pytest.raises(ValueError, match="customer_id"):
        client.orders.list(bad)
    with pytest.raises(ValueError, match="order_id"):
        client.orders.provisioning_status("c", bad)
    with pytest.raises(ValueError, match="customer_id"):
        client.migrations.events(bad, migration_id="m")
    if bad not in {".", "..", None}:  # one of the latter is no filter, the others are safe in a query
        with pytest.raises(ValueError, match="indirect_reseller_id"):
            client.orders.list("c", indirect_reseller_id=bad)
        with pytest.raises(ValueError, match="migration_id"):
            client.migrations.events("c", migration_id=bad)
        with pytest.raises(ValueError, match="current_subscription_id"):
            client.migrations.events("c", current_subscription_id=bad)
        with pytest.raises(ValueError, match="customer_tenant_id"):
            client.migrations.list(customer_tenant_id=bad)
    assert fake.requests == []


@pytest.mark.fault("F16")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/x",
        "https://api.example.com/",
        "https://api.example.com/v2/x",
        "https://api.example.com.evil.example/v1/x",
        "https://blobs.example.net/export.json.gz?sig=x",
        *URL_AT.values(),
    ],
)
@pytest.mark.parametrize("service", SERVICES)
def test_the_token_is_attached_for_the_own_origin_alone(url, service):
    if url == URL_AT[service]:
        return
    fake = Fake([])
    session = fake.client._session
    with pytest.raises(LinkError, match="refused to send a token"):
        session.access(service).signed(Request("GET", url, ()), Secret("Bearer x"))
    assert fake.requests == []


@given(st.text("/ab1V~-_?&=%.v:@\"'#\\ é\x00", max_size=30))
@example("v1/customers")
@example("customers?a=b?c=%2F")
def test_plain_links_are_built_as_all_others_are(reference):
    def built() -> str | None:
        try:
            return URLS.build(reference)
        except ValueError:
            return None

    at_once = built()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links, "_PLAIN", re.compile("(?!)"))
        assert at_once == built()


def test_an_enums_member_goes_by_its_text():
    class Tenant(str, enum.Enum):  # noqa: UP042 - many programs have such
        OURS = "c1"

    assert route("customers/{customer_id}", customer_id=Tenant.OURS) == "customers/c1"
