"""What the emulator answers, without its socket: routes, what each kind has for nothing, links that lead somewhere."""

import itertools
import json
from decimal import Decimal
from urllib.parse import quote

import pytest
from unplugged import RESOURCES, Unplugged, links_of

from partnercenter_async.emulator import DataSet, Records, nouns
from partnercenter_async.emulator.api import Route, Router, routes_of
from partnercenter_async.emulator.nouns import orders
from partnercenter_async.emulator.store import Kind

THINGS = Kind(
    path="/v1/customers/{customer_id}/things",
    key="thing_id",
    parent=nouns.customers.KIND,
    filters={"colour": "colour", "big": "isBig", "number": "number"},
)
PAGED = Kind(path="/v1/paged", key="thing_id", filters={"colour": "colour", "shade": "shade"}, page_size=2)
PARTS = Kind(path="/v1/paged/{thing_id}/parts", key="part_id", parent=PAGED, id="partId", refusal=(404, 7, "No part."))


@pytest.fixture
def customer(service) -> str:
    return service.data.add_customer()


@pytest.fixture
def service() -> Unplugged:
    routes = [*nouns.ROUTES, *routes_of(THINGS, "other"), *routes_of(PAGED, "other"), *routes_of(PARTS, "other")]
    return Unplugged(routes=routes)


@pytest.fixture
def things(customer) -> str:
    return f"/v1/customers/{customer}/things"


# What each kind has for nothing


def test_a_record_is_made_read_replaced_changed_and_taken_away(service, things):
    made = service.ask("POST", things, {"id": "T1", "colour": "red", "parts": [1]})
    assert (made.status, made.document) == (201, {"id": "T1", "colour": "red", "parts": [1]})
    assert service.get(things + "/t1").document == made.document
    changed = service.ask("PATCH", things + "/T1", {"colour": "blue"})
    assert (changed.status, changed.document) == (200, {"id": "T1", "colour": "blue", "parts": [1]})
    replaced = service.ask("PUT", things + "/T1", {"size": 3})
    assert (replaced.status, replaced.document) == (200, {"id": "T1", "size": 3})
    assert service.get(things).document["items"] == [replaced.document]
    assert (service.ask("DELETE", things + "/T1").status, service.ask("DELETE", things + "/T1").status) == (204, 404)
    assert service.get(things).document == {
        "totalCount": 0,
        "items": [],
        "attributes": {"objectType": "Collection"},
    }


def test_a_new_record_gets_an_id_of_its_own_where_it_has_none(service, things):
    bodies = [{}, {"id": None}, {"id": ""}]
    first, second, third = (service.ask("POST", things, body).document["id"] for body in bodies)
    service.ask("DELETE", f"{things}/{third}")
    fourth = service.ask("POST", things, {}).document["id"]
    assert len({first, second, third, fourth}) == 4
    assert service.get(f"{things}/{fourth}").status == 200


def test_an_id_stays_as_it_is_when_its_record_is_written(service, things):
    service.ask("POST", things, {"id": 5})
    assert service.ask("PUT", things + "/5", {"id": "6"}).document == {"id": 5}
    service.ask("POST", things, {"id": "Ab"})
    for method in ("PUT", "PATCH"):
        assert service.ask(method, things + "/aB", {"id": "c"}).document == {"id": "Ab"}
    assert [each["id"] for each in service.get(things).document["items"]] == [5, "Ab"]


def test_numbers_in_bodies_are_exact(service, things):
    body = b'{"id": "a", "amount": 477.195163857892114, "price": 1.10, "large": 123456789012345678901234567890}'
    assert service.ask("POST", things, body).document == {
        "id": "a",
        "amount": Decimal("477.195163857892114"),
        "price": Decimal("1.10"),
        "large": 123456789012345678901234567890,
    }
    assert str(service.get(things + "/a").document["price"]) == "1.10"
    assert service.ask("POST", "/v1/echo", b"[0.10]").document["body"] == [Decimal("0.10")]


def test_a_second_record_of_an_id_is_a_conflict(service, things):
    service.ask("POST", things, {"id": "a"})
    again = service.ask("POST", things, {"id": "A"})
    assert (again.status, again.document["description"]) == (409, "There is A already.")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_what_is_not_there_is_refused_as_its_kind_refuses(service, things, method):
    body = {} if method.startswith("P") else None
    assert service.ask(method, things + "/none", body).status == 404
    service.ask("POST", "/v1/paged", {"id": "p"})
    answer = service.ask(method, "/v1/paged/p/parts/none", body)
    assert (answer.status, answer.document) == (
        404,
        {"code": 7, "description": "No part.", "data": [], "source": "PartnerFD"},
    )


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x")])
def test_what_is_below_an_unknown_record_is_refused_as_that_is(service, method, suffix):
    answer = service.ask(method, "/v1/customers/nobody/things" + suffix, {})
    assert (answer.status, answer.document["code"]) == (403, 20002)
    assert service.ask(method, "/v1/paged/none/parts" + suffix, {}).status == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_json_object_is_refused(service, things, body):
    for method, path in (("POST", things), ("PUT", things + "/a")):
        answer = service.ask(method, path, body)
        assert (answer.status, answer.document["description"]) == (400, "The body is not a JSON object.")


def test_what_echoes_takes_any_body(service):
    for body, read in ((b"", None), (b"x=1", "x=1"), (b"[" * 100_000, "[" * 100_000), (b'{"a":1}', {"a": 1})):
        answer = service.ask("PUT", "/v1/echo", body, headers={"MS-RequestId": "r"})
        assert answer.document == {"method": "PUT", "body": read, "requestId": "r"}


def test_a_listing_is_filtered_by_any_of_its_fields(service, things):
    for record in (
        {"id": "a", "colour": "Red", "isBig": True, "number": 0},
        {"id": "b", "colour": "red", "isBig": False, "number": 1},
        {"id": "c", "colour": None},
    ):
        service.ask("POST", things, record)

    def found(query):
        return [each["id"] for each in service.get(f"{things}?{query}").document["items"]]

    assert found("") == found("colour=") == found("other=x") == ["a", "b", "c"]
    assert found("colour=RED") == found("Colour=red") == ["a", "b"]
    assert found("colour=red&big=false") == ["b"]
    assert (found("number=0"), found("number=1"), found("colour=none")) == (["a"], ["b"], [])


def test_a_listing_has_pages_whose_links_go_both_ways(service):
    for number in range(5):
        service.ask("POST", "/v1/paged", {"id": f"{number}", "colour": "red" if number % 2 else "blue"})
    forward = service.pages("/v1/paged")
    assert [[each["id"] for each in page] for page in forward] == [["0", "1"], ["2", "3"], ["4"]]
    assert service.pages("/v1/paged?size=9") == forward
    assert [len(page) for page in service.pages("/v1/paged?size=1")] == [1] * 5
    blue = service.pages("/v1/paged?colour=blue&size=1")
    assert [[each["id"] for each in page] for page in blue] == [["0"], ["2"], ["4"]]
    last = service.follow(service.follow(service.get("/v1/paged").document["links"]["next"]).document["links"]["next"])
    assert last.document["totalCount"] == 1
    assert "next" not in last.document.get("links", {})


def test_the_link_back_leads_to_the_page_before(service):
    for number in range(9):
        service.ask("POST", "/v1/paged", {"id": f"{number}", "colour": "red" if number % 3 else "blue"})
    service = Unplugged(service.data, routes_of(PAGED, "other"), last_links="self")
    answers = [service.get("/v1/paged?colour=red")]
    while link := answers[-1].document["links"].get("next"):
        answers.append(service.follow(link))
    assert len(answers) == 3
    assert "previous" not in answers[0].document["links"]
    for before, after in itertools.pairwise(answers):
        assert service.follow(after.document["links"]["previous"]).document["items"] == before.document["items"]
    for answer in answers:
        assert service.follow(answer.document["links"]["self"]).document["items"] == answer.document["items"]


def test_a_token_is_good_for_its_listing_alone(service):
    for number in range(5):
        for parent in ("/v1/paged", "/v1/paged/0/parts"):
            service.ask("POST", parent, {"id": f"{number}", "colour": "red", "shade": "red"})
    service.ask("POST", "/v1/paged", {"id": "Xy"})
    token = service.get("/v1/paged?colour=red").document["links"]["next"]["headers"][0]
    headers = {token["key"]: token["value"]}
    for query, status in (("colour=RED", 200), ("colour=blue", 400), ("shade=red", 400), ("", 400)):
        assert service.get(f"/v1/paged?{query}", headers=headers).status == status
    for wrong in ("", "x", "x_", "_", f"{token['value']}x"):
        assert service.get("/v1/paged?colour=red", headers={token["key"]: wrong}).status == 400


def test_a_token_is_good_in_whatever_letter_case_the_ids_are(service):
    sized = Kind(path="/v1/boxes/{box_id}/sized", key="thing_id", page_size=1)
    service = Unplugged(service.data, routes_of(sized, "other"))
    for number in range(2):
        service.ask("POST", "/v1/boxes/Ab/sized", {"id": f"{number}"})
    link = service.get("/v1/boxes/Ab/sized").document["links"]["next"]
    answer = service.follow(link | {"uri": link["uri"].replace("Ab", "aB")})
    assert [each["id"] for each in answer.document["items"]] == ["1"]


@pytest.mark.parametrize("size", ["x", "-1", "1.0", "٣", "9" * 5000])
def test_a_size_that_is_no_number_is_refused(service, size):
    assert service.get(f"/v1/paged?size={quote(size)}").status == 400


@pytest.mark.parametrize("offset", [0, 3, 7, 8, 2**31 - 1])
def test_any_offset_is_a_page_even_one_far_behind_the_end(service, customer, offset):
    for _ in range(7):
        service.data.add_order(customer)
    service = Unplugged(service.data, paging="offset", last_links="self")
    every = [order["id"] for order in service.data.orders(customer)]
    found = service.get(f"/v1/customers/{customer}/orders?offset={offset}&size=3")
    assert [order["id"] for order in found.document["items"]] == every[offset : offset + 3]
    assert ("previous" in found.document["links"]) == (offset > 0)
    assert service.follow(found.document["links"]["self"]).document["items"] == found.document["items"]


# Routes


def asked(router: Router, method: str, path: str) -> tuple[str, dict[str, str]]:
    route, ids = router.find(method, path)
    return route.request, ids


def named(*requests: str, paths="tolerant") -> Router:
    return Router([Route("other", request, lambda _api, _call: None) for request in requests], paths)


def test_a_path_is_found_in_any_letter_case_and_with_a_slash_at_its_end():
    router = named("GET /v1/customers/{customer_id}/Orders")
    for path in ("/v1/customers/A%2Fb/orders", "/V1/CUSTOMERS/A%2fb/ORDERS/", "/v1/customers/A%2Fb/%4Frders"):
        assert asked(router, "GET", path) == ("GET /v1/customers/{customer_id}/Orders", {"customer_id": "A/b"})


def test_an_exact_path_is_found_as_it_is_alone():
    router = named("GET /v1/customers/{customer_id}/Orders", paths="exact")
    assert asked(router, "GET", "/V1/customers/A/Orders")[1] == {"customer_id": "A"}
    for path in ("/v1/customers/A/orders", "/v1/Customers/A/Orders", "/v1/customers/A/Orders/"):
        assert asked(router, "GET", path)[0] == "* *"


@pytest.mark.parametrize("path", ["/v1/customers//orders", "/v1//a/orders", "//customers/a/orders", "", "/", "*"])
def test_an_empty_name_or_id_is_found_nowhere(path):
    assert asked(named("GET /v1/customers/{customer_id}/orders"), "GET", path)[0] == "* *"


@pytest.mark.parametrize("turned", [False, True])
def test_a_name_goes_before_an_id(turned):
    requests = ["GET /v1/a/{id}", "GET /v1/a/events", "GET /v1/{id}/events"]
    router = named(*(requests[::-1] if turned else requests))
    assert asked(router, "GET", "/v1/a/Events") == ("GET /v1/a/events", {})
    assert asked(router, "GET", "/v1/a/other") == ("GET /v1/a/{id}", {"id": "other"})
    assert asked(router, "GET", "/v1/b/events") == ("GET /v1/{id}/events", {"id": "b"})


def test_a_route_takes_the_place_of_one_for_the_same_requests_whatever_its_ids_are_called():
    router = named("GET /v1/a/{id}", "POST /v1/a/{id}", "GET /v1/a/{id}/b")
    router.add(Route("served", "GET /v1/A/{other}", lambda _api, _call: None))
    assert asked(router, "GET", "/v1/a/1") == ("GET /v1/A/{other}", {"other": "1"})
    assert asked(router, "POST", "/v1/a/1")[0] == "POST /v1/a/{id}"
    assert asked(router, "GET", "/v1/a/1/b")[0] == "GET /v1/a/{id}/b"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("DELETE", "/v1/customers"), ("GET", "/v2/x")])
def test_what_is_not_served_says_what_to_do(service, method, path):
    answer = service.ask(method, path)
    assert answer.status == 501
    assert answer.document["description"].startswith(f"The emulator does not serve {method} {path}. A test may")


def test_a_path_of_a_customer_is_its_even_where_nothing_is_served(service):
    assert service.router.find("GET", "/v1/Customers/C%201/nothing")[1] == {"customer_id": "C 1"}
    assert service.router.find("GET", "/v1/customers")[1] == {}
    assert service.router.find("HEAD", "/v1/customers/")[1] == {}


# Tokens


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("user", "/v1/echo", 200),
        ("app", "/v1/echo", 200),
        ("bad", "/v1/echo", 401),
        ("graph", "/v1/echo", 401),
        ("graph", "/v1.0/echo", 200),
        ("partner", "/beta/echo", 200),
        ("user", "/v1.0/echo", 401),
        (None, "/v1/echo", 401),
    ],
)
def test_a_token_is_good_at_its_own_service_alone(service, token, path, status):
    answer = service.get(path, token=token)
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("token", RESOURCES)
def test_an_error_beside_the_api_has_the_shape_of_that_service(service, token):
    for path, given, status, code in (
        ("/v1.0/nothing", token, 501, "notImplemented"),
        ("/v1.0/nothing", None, 401, "unauthorized"),
    ):
        answer = service.get(path, token=given)
        assert (answer.status, answer.document["error"]["code"]) == (status, code)
        assert answer.document["error"]["message"]


def test_multifactor_authentication_may_be_asked_of_users():
    strict = Unplugged(require_mfa=True)
    found = {token: strict.get("/v1/echo", token=token) for token in ("user", "no mfa", "app")}
    assert {token: answer.status for token, answer in found.items()} == {"user": 200, "no mfa": 401, "app": 200}
    assert found["no mfa"].document["code"] == 900421


@pytest.mark.parametrize("route", [each for each in nouns.ROUTES if each.user_only], ids=lambda each: each.operation)
def test_what_is_for_users_is_not_for_applications(route):
    service = Unplugged(DataSet(customers=1, orders_per_customer=3, seed=1))
    customer = service.data.customer_id(0)
    found = {
        "customer_id": customer,
        "order_id": next(service.data.orders(customer))["id"],
        "subscription_id": service.data.subscriptions(customer)[0]["id"],
    }
    path = route.request.partition(" ")[2].format(**found)
    assert service.get(path).status == 200
    refused = service.get(path, token="app")
    assert (refused.status, refused.document["code"]) == (403, 900329)


# Nouns


RESELLER_FIELDS = ("IndirectReseller", "indirectCloudSolutionProvider")


def filtered(field, operator, value):
    text = json.dumps({"Field": field, "Value": value, "Operator": operator})
    return f"/v1/customers?filter={quote(text)}"


@pytest.mark.parametrize("field", RESELLER_FIELDS)
def test_customers_of_an_indirect_reseller_are_for_users(field):
    data = DataSet(customers=40, seed=4)
    service, reseller = Unplugged(data), data.resellers[1].partner_id
    answer = service.get(filtered(field, "equals", reseller))
    every = [data.customer(each) for each in data.customer_ids()]
    assert [each["id"] for each in answer.document["items"]] == [
        each["id"] for each in every if each.get("associatedPartnerId") == reseller
    ]
    assert answer.document["items"]
    refused = service.get(filtered(field, "equals", reseller), token="app")
    assert (refused.status, refused.document["code"]) == (403, 900329)
    assert service.get(filtered("Domain", "equals", "x"), token="app").status == 200


def test_customers_are_kept_by_each_operator():
    data = Records()
    for name in ("Alpha", "Beta", "Alphabet"):
        data.add_customer(company_name=name, domain=f"{name}.example.com")
    service = Unplugged(data)

    def found(operator, value, field="CompanyName"):
        items = service.get(filtered(field, operator, value)).document["items"]
        return [each["companyProfile"]["companyName"] for each in items]

    assert found("equals", "ALPHA") == ["Alpha"]
    assert found("not_equals", "alpha") == ["Beta", "Alphabet"]
    assert found("starts_with", "alpha") == ["Alpha", "Alphabet"]
    assert found("not_starts_with", "alpha") == ["Beta"]
    assert found("substring", "bet") == ["Beta", "Alphabet"]
    assert found("equals", "beta.example.com", "Domain") == ["Beta"]


@pytest.mark.parametrize("text", ["[" * 5000, "{", "[]", '{"Field": 1, "Operator": "equals", "Value": "x"}'])
def test_a_filter_that_is_none_is_refused(service, text):
    assert service.get(f"/v1/customers?filter={quote(text)}").status == 400


def test_a_customer_without_profiles_has_none_to_show(service):
    bare = service.data.add_customer(extra={"companyProfile": None, "billingProfile": None})
    for profile in ("company", "billing"):
        assert service.get(f"/v1/customers/{bare}/profiles/{profile}").status == 404
    (listed,) = service.get("/v1/customers").document["items"]
    assert listed["companyProfile"] is None
    assert service.get(filtered("CompanyName", "equals", "x")).document["items"] == []


@pytest.mark.parametrize("profile", ["company", "billing"])
def test_a_customer_has_profiles_at_addresses_of_their_own(service, customer, profile):
    answer = service.get(f"/v1/customers/{customer}/profiles/{profile}")
    assert answer.document == service.data.customer(customer)[f"{profile}Profile"]
    assert service.get(f"/v1/customers/nobody/profiles/{profile}").status == 403


def test_products_have_skus_and_those_availabilities():
    service = Unplugged()
    products = service.get("/v1/products?country=US&targetView=OnlineServices").document["items"]
    assert len(products) == len(service.data.catalogue.offers)
    for product in products:
        (sku,) = service.get(f"/v1/products/{product['id'].lower()}/skus").document["items"]
        path = f"/v1/products/{product['id']}/skus/{sku['id']}/availabilities"
        (availability,) = service.get(path).document["items"]
        assert availability["catalogItemId"] == f"{product['id']}:{sku['id']}:{availability['id']}"
        assert service.get(f"{path}/{availability['id']}").document == availability
    assert service.get("/v1/products/none").status == 404
    assert service.get("/v1/products/none/skus").status == 404
    assert service.get(f"/v1/products/{products[0]['id']}/skus/none/availabilities").status == 404


def test_every_operation_of_the_emulator_has_its_own_name_and_request():
    requests = [each.request for each in nouns.ROUTES]
    assert len(set(requests)) == len(requests) == len({each.operation for each in nouns.ROUTES})


# Subscriptions


def test_a_subscription_is_found_wherever_its_order_was_written(service, customer):
    """Also more of one order than anybody would have."""
    wide = service.data.add_order(customer, line_items=[{"subscription_id": f"s{number}"} for number in range(100)])
    service.data.add_order(customer, line_items=[{"subscription_id": "other"}, {"subscription_id": None}])
    path = f"/v1/customers/{customer}/subscriptions"
    listed = service.get(path).document["items"]
    assert [each["id"] for each in listed] == [*(f"s{number}" for number in range(100)), "other"]
    for each in listed:
        assert service.get(f"{path}/{each['id'].upper()}").document == each
    assert len(service.get(f"{path}?order_id={wide.upper()}").document["items"]) == 100
    assert len(service.data.of(nouns.subscriptions.KIND, customer)) == 101


def test_a_subscription_is_as_its_order_is_now():
    data = DataSet(customers=1, orders_per_customer=4, seed=2)
    service, customer = Unplugged(data), data.customer_id(0)
    path, written = f"/v1/customers/{customer}/subscriptions", data.of(orders.KIND, customer)
    first, *_, last = [each for each in data.orders(customer) if each["lineItems"][0].get("subscriptionId")]
    gone = first["lineItems"][0]["subscriptionId"]
    written.remove(first["id"])
    line = last["lineItems"][0]
    line["quantity"] = 4711
    last["lineItems"].append({"subscriptionId": "brand-new", "quantity": 1})
    written.put(last)
    assert service.get(f"{path}/{line['subscriptionId']}").document["quantity"] == 4711
    assert service.get(f"{path}/brand-new").document["orderId"] == last["id"]
    assert service.get(f"{path}/{gone}").status == 404
    listed = [each["id"] for each in service.get(path).document["items"]]
    assert "brand-new" in listed
    assert gone not in listed


def test_add_ons_stand_with_their_plan_alone(service, customer):
    lines = [{"subscription_id": "plan"}, {"subscription_id": "addon", "parent_subscription_id": "PLAN"}]
    service.data.add_order(customer, line_items=lines)
    path = f"/v1/customers/{customer}/subscriptions"
    assert [each["id"] for each in service.get(f"{path}/plan/addons").document["items"]] == ["addon"]
    assert service.get(f"{path}/addon/addons").document["items"] == []
    assert service.get(f"{path}/none/addons").status == 404


def test_an_azure_entitlement_is_found_by_its_id(service, customer):
    service.data.add_order(customer, line_items=[{"subscription_id": "plan"}])
    path = f"/v1/customers/{customer}/subscriptions/plan/azureEntitlements"
    (found,) = service.get(path).document["items"]
    assert service.get(f"{path}/{found['id'].upper()}").document == found
    assert service.get(f"{path}/none").status == 404


def test_what_is_provisioned_is_told_apart_where_ids_differ_in_letter_case_alone(service, customer):
    """Ids of 33 characters may be two that differ so."""
    upper, lower = "A" * 33, "a" * 33
    for each in (upper, lower):
        service.data.add_order(customer, id=each)
    service.data.set_provisioning_status(customer, upper, "Unfulfilled")
    assert service.data.provisioning(customer, upper)[0]["status"] == "Unfulfilled"
    assert service.data.provisioning(customer, lower)[0]["status"] == "Fulfilled"
    lines = service.data.of(orders.PROVISIONING, customer, lower)
    assert lines.get("0")["status"] == "Fulfilled"
    assert "1" not in lines


# Links


def led_to(service: Unplugged, document: object) -> int:
    """Follow all links of a document; returns how many there were."""
    found = [each for each in links_of(document) if not each["uri"].startswith("https://publisher.example.com/")]
    for each in found:
        assert service.get("/v1" + each["uri"]).status == 200, each
    return len(found)


def documents(service: Unplugged) -> list[object]:
    """Whatever is served of the records: each listing, and each record by its id."""
    found: list[object] = [service.get("/v1/customers").document]
    for customer in service.data.customer_ids():
        path = f"/v1/customers/{quote(customer, safe='')}"
        found += [service.get(path).document]
        found += [service.get(f"{path}/{each}").document for each in ("orders?size=500", "subscriptions")]
        for order in service.data.orders(customer, include_system_purchases=True):
            found.append(service.get(f"{path}/orders/{quote(str(order['id']), safe='')}?include_price=true").document)
        for plan in service.data.subscriptions(customer)[:3]:
            one = f"{path}/subscriptions/{quote(str(plan['id']), safe='')}"
            found += [service.get(one).document, service.get(f"{one}/activationlinks").document]
        found.append(service.get(f"{path}/subscriptions/overage").document)
    products = service.get("/v1/products").document
    for product in products["items"]:
        skus = service.get("/v1" + product["links"]["skus"]["uri"]).document
        found += [product, skus, service.get("/v1" + skus["items"][0]["links"]["availabilities"]["uri"]).document]
    return found


@pytest.mark.parametrize("oddities", [False, True])
def test_every_link_leads_somewhere(oddities):
    service = Unplugged(DataSet(customers=4, orders_per_customer=(5, 25), seed=12, oddities=oddities), page_size=500)
    assert {link["method"] for link in links_of(documents(service))} == {"GET", "PATCH"}
    assert led_to(service, documents(service)) > 500
    names = {name for each in links_of_names(documents(service)) for name in each}
    assert names >= {"self", "subscription", "product", "sku", "availability", "provisioningStatus", "activationLinks"}
    assert names >= {"patchOperation", "skus", "availabilities"}


def links_of_names(document: object) -> list[set[str]]:
    """The names of the links that stand anywhere in a document."""
    if isinstance(document, list):
        return [names for each in document for names in links_of_names(each)]
    if not isinstance(document, dict):
        return []
    own = [set(document["links"])] if isinstance(document.get("links"), dict) else []
    return own + [names for each in document.values() for names in links_of_names(each)]


def test_the_links_of_records_that_a_test_added_lead_somewhere_too(service):
    data = service.data
    odd = data.add_customer(id="a customer/of 100 %")
    data.add_order(odd, id="an order/?", line_items=[{"subscription_id": "a plan#1"}, {"subscription_id": ""}])
    data.add_order(data.add_customer(), line_items=[{}, {}])
    assert led_to(service, documents(service)) > 100


@pytest.mark.parametrize("style", ["root", "version", "relative", "absolute", "doubled", "upper", "mixed"])
def test_links_of_every_style_are_told_apart(style):
    service = Unplugged(DataSet(customers=14), customers_page_size=2, link_style=style)
    uris = []
    for _ in range(7):
        uris.append(service.get("/v1/customers").document["links"]["next"]["uri"].partition("customers")[0])
    begins = {
        "root": "/",
        "version": "/v1/",
        "relative": "",
        "absolute": "https://localhost:1/v1/",
        "doubled": "/v1//v1/",
        "upper": "/V1/",
    }
    expected = [*begins.values(), "/"] if style == "mixed" else [begins[style]] * 7
    assert uris == expected
