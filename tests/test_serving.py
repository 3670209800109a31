"""Records of a test's own at any path, in place of what is served there or where nothing is."""

import aiohttp
import pytest
from helpers import connected
from unplugged import Unplugged

from partnercenter_async.emulator import DataSet, Emulator
from partnercenter_async.emulator.serving import serving

RECORDS = [{"id": "A", "name": "first", "price": 1.5}, {"id": 2, "name": "second"}]


def serve(path, records, id="id", data=None, **settings) -> Unplugged:
    service = Unplugged(data, **settings)
    for route in serving(path, records, id):
        service.router.add(route)
    return service


def items(service, address, **options):
    return service.get(address, **options).document["items"]


@pytest.mark.parametrize("path", ["agreements", "/agreements", "agreements/", "v1/agreements", "/v1/agreements"])
def test_a_list_is_a_collection_of_the_api(path):
    service = serve(path, RECORDS)
    assert service.get("/v1/agreements").document == {
        "totalCount": 2,
        "items": RECORDS,
        "attributes": {"objectType": "Collection"},
    }
    assert service.get("/V1/Agreements/a").document == RECORDS[0]
    assert service.get("/v1/agreements/2").document == RECORDS[1]
    assert service.get("/v1/agreements/none").status == 404


def test_its_records_are_made_replaced_changed_and_taken_away():
    service = serve("agreements", RECORDS)
    assert service.ask("POST", "/v1/agreements", {"name": "third"}).status == 201
    assert service.ask("PUT", "/v1/agreements/a", {"name": "new"}).document == {"id": "A", "name": "new"}
    assert service.ask("PATCH", "/v1/agreements/2", {"more": 1}).document == {"id": 2, "name": "second", "more": 1}
    assert [each["name"] for each in items(service, "/v1/agreements")] == ["new", "second", "third"]
    assert service.ask("DELETE", "/v1/agreements/A").status == 204
    assert [each["name"] for each in items(service, "/v1/agreements")] == ["second", "third"]
    assert RECORDS[0] == {"id": "A", "name": "first", "price": 1.5}


def test_each_parent_has_records_of_its_own():
    service = serve("customers/{customer_id}/agreements", RECORDS)
    service.ask("DELETE", "/v1/customers/c1/agreements/A")
    service.ask("POST", "/v1/customers/C2/agreements", {"id": "new"})
    assert [each["id"] for each in items(service, "/v1/customers/C1/agreements")] == [2]
    assert [each["id"] for each in items(service, "/v1/customers/c2/agreements")] == ["A", 2, "new"]
    assert service.router.find("GET", "/v1/customers/c1/agreements/A")[1]["customer_id"] == "c1"


def test_a_name_in_braces_may_be_any():
    service = serve("a/{served_id}/b/{id}/c", RECORDS)
    assert service.get("/v1/a/1/b/2/c/A").document == RECORDS[0]
    service.ask("DELETE", "/v1/a/1/b/2/c/A")
    assert [service.get(f"/v1/a/{each}/c/A").status for each in ("1/b/2", "1/b/3", "2/b/2")] == [404, 200, 200]


def test_an_id_may_be_in_another_field():
    service = serve("things", [{"key": "a"}], "key")
    assert service.get("/v1/things/A").document == {"key": "a"}
    assert service.ask("POST", "/v1/things", {}).document["key"]


def test_records_without_ids_are_listed_and_no_more():
    service = serve("things", [{"id": 1}, {"name": "a"}])
    assert items(service, "/v1/things") == [{"id": 1}, {"name": "a"}]
    assert [service.ask(method, "/v1/things", {}).status for method in ("POST", "PUT")] == [501, 501]
    assert service.get("/v1/things/1").status == 501


def test_an_empty_collection_can_be_filled():
    service = serve("things", [])
    assert items(service, "/v1/things") == []
    service.ask("POST", "/v1/things", {"id": "a"})
    assert items(service, "/v1/things") == [{"id": "a"}]


def test_a_dict_is_a_single_resource_of_each_path():
    service = serve("customers/{customer_id}/terms", {"agreed": False, "by": "x"})
    assert service.get("/v1/customers/a/terms").document == {"agreed": False, "by": "x"}
    assert service.ask("PATCH", "/v1/customers/a/terms", {"agreed": True}).document == {"agreed": True, "by": "x"}
    assert service.ask("PUT", "/v1/customers/B/terms/", {"by": "y"}).document == {"by": "y"}
    for path, expected in (
        ("A/terms/", {"agreed": True, "by": "x"}),
        ("%61/Terms", {"agreed": True, "by": "x"}),
        ("b/terms", {"by": "y"}),
        ("c/terms", {"agreed": False, "by": "x"}),
    ):
        assert service.get(f"/v1/customers/{path}").document == expected
    assert service.ask("DELETE", "/v1/customers/a/terms").status == 501
    assert service.ask("PUT", "/v1/customers/a/terms", b"[]").status == 400


@pytest.mark.parametrize(
    ("path", "token"), [("v1.0/users", "graph"), ("beta/users", "graph"), ("v1.0/users", "partner")]
)
def test_paths_beside_the_api_have_its_tokens_and_its_shapes(path, token):
    service = serve(path, [])
    assert service.get(f"/{path}", token=token).document == {"value": []}
    service.ask("POST", f"/{path}", {"id": "a"}, token=token)
    assert service.get(f"/{path}", token=token).document == {"value": [{"id": "a"}]}
    missing = service.get(f"/{path}/none", token=token)
    assert (missing.status, missing.document["error"]["code"]) == (404, "notFound")
    assert service.get(f"/{path}", token="user").status == 401


@pytest.mark.parametrize("path", ["webhooks/v1/registration", "partner/v1/analytics", "auditactivity/v1/activities"])
def test_the_apis_other_prefixes_are_kept(path):
    assert items(serve(path, RECORDS), f"/{path}") == RECORDS


def test_what_is_served_takes_the_place_of_what_the_emulator_has():
    data = DataSet(customers=1, orders_per_customer=3)
    customer = data.customer_id(0)
    added = data.add_order(customer)
    service = serve("customers/{customer}/orders", RECORDS, data=data)
    path = f"/v1/customers/{customer}/orders"
    assert items(service, path) == RECORDS
    assert service.get(f"{path}/{added}").status == 404
    service.ask("POST", path, {"id": "mine"})
    assert [each["id"] for each in data.orders(customer)][-1] == added
    again = serve("customers/{customer_id}/orders", [], data=data)
    assert items(again, path) == []


def test_a_later_list_takes_the_place_of_an_earlier_one():
    service = serve("things", RECORDS)
    service.ask("POST", "/v1/things", {"id": "new"})
    for route in serving("/v1/Things/", [{"id": "other"}], "id"):
        service.router.add(route)
    assert items(service, "/v1/things") == [{"id": "other"}]


def test_exact_paths_are_exact_for_what_is_served_too():
    service = serve("some/Things", RECORDS, paths="exact")
    assert (service.get("/v1/some/Things").status, service.get("/v1/some/things").status) == (200, 501)


@pytest.mark.parametrize(
    ("path", "records", "id", "message"),
    [
        (7, [], "id", "path must be text such as 'customers/{customer_id}/agreements', not 7"),
        (None, [], "id", "path must be text"),
        *((path, [], "id", "path must be one such as 'customers/") for path in ("", "/", "v1", "a//b", "a?b=c", "a b")),
        *((path, {}, "id", "path must be one such as 'customers/") for path in ("a/{b", "a/{}", "{1}", "a#b", "a%20b")),
        ("{a}/b/{a}", [], "id", "path must have another name in each pair of braces"),
        ("a", "text", "id", "records must be a list of dicts, or a dict for a single resource, not 'text'"),
        *(("a", each, "id", "records must be a list of dicts") for each in (None, 7, b"x", {1}, iter([]))),
        ("a", [{}, 7], "id", r"records\[1\] must be a dict, not 7"),
        ("a", [{"id": 1}, {"id": object()}], "id", r"records\[1\] must have values of JSON: .*object"),
        ("a", [{"id": "\ud800"}], "id", r"records\[0\] must have values of JSON"),
        ("a", {"b": object()}, "id", "records must have values of JSON: .*object"),
        ("a", [], 7, "id must be text that is not empty, not 7"),
        ("a", [], "", "id must be text that is not empty, not ''"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(path, records, id, message):
    with pytest.raises(ValueError, match=message):
        Emulator().serve(path, records, id=id)


async def test_what_is_served_is_counted_and_read_by_a_client():
    async with Emulator() as emulator:
        emulator.serve("customers/{customer_id}/agreements", RECORDS)
        emulator.serve("v1.0/users", RECORDS)
        async with connected(emulator) as client:
            found = await client.list("customers/c/agreements", dict).collect()
            assert [each["id"] for each in found] == ["A", 2]
            users = await client.request("GET", "v1.0/users", dict, service="graph")
            assert users.data["value"] == RECORDS
        assert (emulator.count("served"), emulator.count("served", customer_id="C")) == (2, 1)
        url = f"{emulator.endpoint}/v1/customers/c/agreements"
        connector = aiohttp.TCPConnector(ssl=emulator.ssl_context())
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
            assert response.status == 401
