"""Generated records are the same everywhere, look like a partner's, and are made when they are asked for."""

import datetime as dt
import hashlib
import itertools
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from decimal import Decimal

import pytest
from unplugged import Unplugged

from partnercenter_async.emulator import DataSet
from partnercenter_async.emulator.faults import encode
from partnercenter_async.emulator.generation import tail_of
from partnercenter_async.emulator.nouns import customers, migrations, orders

MADE = "from test_generated import digest; print(digest(False), digest(True))"
PINNED = (
    "4dee10fc5d775331ae4db864addbc2e382fc567a50c61decd114bf4ad6bfa9ed",
    "cc3e8e5037afe35133a3735e4f85ff51d6a2c5fcd20c4a9beea84daa8618e148",
)
"""Without oddities and with them. Who changes what is generated changes these."""


def digest(oddities: bool) -> str:
    """A digest of all that a small data set serves."""
    data = DataSet(customers=12, orders_per_customer=(0, 40), migrations_per_customer=(0, 4), seed=5, oddities=oddities)
    found: list[object] = [data.resellers, data.catalogue.offers]
    for each in data.customer_ids():
        found += [data.customer(each), *data.orders(each, include_system_purchases=True), *data.subscriptions(each)]
        found += [*data.migrations(each), *data.events(each)]
        found += [data.provisioning(each, str(order["id"])) for order in data.orders(each)]
    return hashlib.sha256(encode(found)).hexdigest()


def money(order: dict) -> list[Decimal]:
    prices = [value for line in order["lineItems"] for value in line["pricing"].values()]
    return [order["totalPrice"], *prices]


@pytest.fixture(scope="module")
def partner() -> DataSet:
    return DataSet(customers=250, orders_per_customer=(0, 60), seed=3)


@pytest.fixture(scope="module")
def histories(partner) -> list[list[dict]]:
    """The orders of each customer."""
    return [list(partner.orders(each, include_system_purchases=True)) for each in partner.customer_ids()]


# The same everywhere


@pytest.mark.parametrize("oddities", [False, True])
def test_a_data_set_is_the_same_on_every_machine(oddities):
    assert digest(oddities) == PINNED[oddities]


def test_a_data_set_is_the_same_in_every_process():
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", MADE], env=environment, capture_output=True, check=True, text=True)
    assert ran.stdout.split() == [*PINNED]


def test_another_seed_is_another_partner(partner):
    other = DataSet(customers=250, orders_per_customer=(0, 60), seed=4)
    assert set(partner.customer_ids()).isdisjoint(other.customer_ids())
    assert partner.resellers != other.resellers


# Like a partner's


def test_no_amount_is_below_zero_and_each_has_two_to_four_decimals(histories):
    amounts = [each for history in histories for order in history for each in money(order)]
    assert min(amounts) > 0
    assert {-each.as_tuple().exponent for each in amounts} == {2, 3, 4}


def test_a_total_is_that_of_its_lines_and_an_extended_price_that_of_its_units(histories):
    for order in itertools.chain(*histories):
        assert order["totalPrice"] == sum(line["pricing"]["extendedPrice"] for line in order["lineItems"])
        for line in order["lineItems"]:
            assert line["pricing"]["extendedPrice"] == line["pricing"]["price"] * line["quantity"]
            assert line["pricing"]["price"] <= line["pricing"]["listPrice"]


def test_a_customer_pays_in_one_currency(histories):
    used = [{(order["currencyCode"], order["currencySymbol"]) for order in history} for history in histories if history]
    assert {len(each) for each in used} == {1}
    assert {code for each in used for code, _ in each} == {"USD", "EUR", "GBP", "CHF", "JPY"}


@pytest.mark.parametrize("count", [300, 40_000])
def test_orders_come_one_after_the_other_while_the_customer_is_one(count):
    data = DataSet(customers=12, orders_per_customer=count // 12, seed=6)
    first = dt.datetime(2023, 7, 3, tzinfo=dt.UTC)
    for number, each in enumerate(data.customer_ids()):
        joined, left = orders.joined_and_left(data.generation, number)
        dates = [str(order["creationDate"]) for order in data.orders(each, include_system_purchases=True)]
        assert dates == sorted(dates)
        assert len(set(dates)) == len(dates)
        assert first + dt.timedelta(joined) <= dt.datetime.fromisoformat(dates[0])
        assert dt.datetime.fromisoformat(dates[-1]) < first + dt.timedelta(left)
        assert {dt.datetime.fromisoformat(date).weekday() for date in dates} <= {0, 1, 2, 3, 4}
        assert {7 <= dt.datetime.fromisoformat(date).hour < 18 for date in dates} == {True}


def test_customers_come_on_days_of_work_and_some_leave(partner):
    history = [orders.joined_and_left(partner.generation, number) for number in range(250)]
    assert {joined % 7 for joined, _ in history} == {0, 1, 2, 3, 4}
    assert all(0 <= joined < left <= 1092 for joined, left in history)
    assert 15 < sum(left < 1092 for _, left in history) < 50


def test_business_grows_from_month_to_month(histories):
    months = Counter(str(order["creationDate"])[:7] for history in histories for order in history)
    quarters = [sum(count for _, count in sorted(months.items())[at : at + 3]) for at in range(0, 36, 3)]
    assert quarters == sorted(quarters)
    assert quarters[-1] > 5 * quarters[0]


def test_names_and_domains_are_each_customers_own():
    data = DataSet(customers=2 * 8448 + 100, seed=9)
    profiles = [customer["companyProfile"] for _, customer in data.of(customers.KIND).records()]
    for field in ("companyName", "domain"):
        assert len({profile[field] for profile in profiles}) == len(profiles)
    assert not any(char.isdigit() for profile in profiles[:8448] for char in profile["companyName"] + profile["domain"])
    assert all(profile["domain"].isascii() and " " not in profile["domain"] for profile in profiles)


def test_numbers_of_records_are_those_that_were_asked_for():
    data = DataSet(customers=60, orders_per_customer=(2, 5), migrations_per_customer=(1, 2), seed=1)
    found = {len(list(data.orders(each))) for each in data.customer_ids()}
    moved = {len(data.migrations(each)) for each in data.customer_ids()}
    assert (len(data), found, moved) == (60, {2, 3, 4, 5}, {1, 2})


def test_events_tell_of_their_migration_in_order():
    data = DataSet(customers=30, migrations_per_customer=2, seed=2)
    for each in data.customer_ids():
        for migration in data.migrations(each):
            told = data.events(each, migration_id=str(migration["id"]).upper())
            assert [event["createdTime"] for event in told] == sorted(event["createdTime"] for event in told)
            assert len(told) == (4 if migration["status"] == "Completed" else 2)
            assert told == data.events(each, current_subscription_id=str(migration["currentSubscriptionId"]))


# Made when they are asked for


@pytest.fixture
def made(monkeypatch) -> list[int]:
    """The positions of the orders that were made."""
    positions: list[int] = []
    make = orders.Orders.at

    def at(self, position):
        positions.append(position)
        return make(self, position)

    monkeypatch.setattr(orders.Orders, "at", at)
    return positions


def test_the_last_page_of_a_million_orders_takes_no_more_than_the_first_two(made):
    data = DataSet(customers=1, orders_per_customer=1_000_000, seed=1)
    service, path = Unplugged(data, paging="offset"), f"/v1/customers/{data.customer_id(0)}/orders"
    places = data.of(orders.KIND, data.customer_id(0)).places
    answer = service.get(f"{path}?offset={places - 100}&size=200&include_system_purchases=true")
    assert len(answer.document["items"]) == 100
    assert len(made) == 300
    made.clear()
    data.order(data.customer_id(0), str(answer.document["items"][-1]["id"]))
    assert made == [places - 1]


def test_a_page_goes_back_no_further_than_the_page_before(made):
    data = DataSet(customers=1, orders_per_customer=3000, seed=1)
    service, path = Unplugged(data, page_size=20), f"/v1/customers/{data.customer_id(0)}/orders?billingType=triennial"
    pages = len(service.pages(path))
    assert pages > 3
    assert len(made) < 2.2 * data.of(orders.KIND, data.customer_id(0)).places


def test_a_subscription_by_its_id_takes_one_order(made):
    data = DataSet(customers=1, orders_per_customer=5000, seed=1)
    customer = data.customer_id(0)
    found = itertools.islice(data.orders(customer), 4000, None)
    line = next(line for order in found for line in order["lineItems"] if "subscriptionId" in line)
    service = Unplugged(data)
    made.clear()
    assert service.get(f"/v1/customers/{customer}/subscriptions/{line['subscriptionId']}").status == 200
    assert len(made) <= 3


def test_a_walk_over_many_orders_keeps_none_of_them():
    data = DataSet(customers=40, orders_per_customer=100, seed=1)
    walk = (order for each in data.customer_ids() for order in data.orders(each))
    tracemalloc.start()
    try:
        assert sum(1 for _ in itertools.islice(walk, 2500)) == 2500  # by then each price was asked for
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert sum(1 for _ in walk) == 1500
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
    assert peak - before < 100_000


@pytest.mark.parametrize(
    "identifier", ["", "x" * 12, "0" * 11, "0" * 36 + "0", "-" * 36, "!" * 33, "é" * 12, "0x0000000000g"]
)
def test_what_holds_no_number_leads_nowhere(identifier):
    data = DataSet(customers=1, orders_per_customer=2, migrations_per_customer=2)
    with pytest.raises(KeyError):
        tail_of(identifier)
    for ask in (data.migration, data.order):
        with pytest.raises(KeyError):
            ask(data.customer_id(0), identifier)
    with pytest.raises(KeyError):
        data.customer(identifier)


def test_an_id_is_known_as_a_whole_alone():
    """Not by the part of it that holds its number."""
    data = DataSet(customers=3, orders_per_customer=60, migrations_per_customer=3, seed=2, oddities=True)
    customer = data.customer_id(1)
    ids = {data.customer: [customer], data.order: [], data.migration: []}
    ids[data.order] = [str(order["id"]) for order in data.orders(customer)]
    ids[data.migration] = [str(migration["id"]) for migration in data.migrations(customer)]
    assert {len(each) for each in ids[data.order]} == {12, 33, 36}
    for ask, known in ids.items():
        for each in known:
            head = {36: "0" * 8, 33: "A" * 8, 12: ""}[len(each)]
            parents = [] if ask == data.customer else [customer]
            assert ask(*parents, each)["id"] == each
            if head:
                with pytest.raises(KeyError):
                    ask(*parents, head + each[8:])


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_outside_of_the_data_is_an_index_error(position):
    with pytest.raises(IndexError):
        DataSet(customers=2).customer_id(position)


def test_an_event_is_found_by_its_id():
    data = DataSet(customers=1, migrations_per_customer=2, seed=2)
    events = data.of(migrations.EVENTS, data.customer_id(0))
    for _, event in events.records():
        assert events.get(str(event["id"]).upper()) == event
    assert "none" not in events


def test_a_partner_is_populated_once():
    data = DataSet(customers=1)
    with pytest.raises(RuntimeError, match="populate once"):
        data.populate()
    assert repr(data).startswith("DataSet(customers=1, orders_per_customer=(0, 12)")
