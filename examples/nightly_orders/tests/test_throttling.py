"""Minutes of waiting, in virtual time: client and service run in one event loop whose clock jumps."""

import asyncio
from datetime import date

import pytest
from nightly_orders.totals import report

from partnercenter_async.emulator import throttles

JANUARY = date(2026, 1, 1)


def test_a_throttled_customer_waits_its_minute_and_the_others_do_not(partner_center, three, virtual_time):
    partner_center.inject(throttles(three["Adatum"], seconds=60))

    async def scenario():
        async with partner_center.connect() as client:
            return await report(client, JANUARY), asyncio.get_running_loop().time()

    found, ended = virtual_time(scenario())
    assert not found.failures
    assert len(found.totals) == 4
    assert 60 <= ended < 62
    seen = [(each.customer_id, each.time < 60) for each in partner_center.requests if each.operation == "orders.list"]
    assert seen.count((three["Adatum"], False)) == 1
    assert all(early for customer, early in seen if customer != three["Adatum"])
    partner_center.assert_faults_hit()


def test_a_customer_throttled_for_an_hour_is_waited_for(partner_center, three, virtual_time):
    partner_center.inject(throttles(three["Adatum"], seconds=3600))

    async def scenario():
        async with partner_center.connect() as client:
            return await report(client, JANUARY), asyncio.get_running_loop().time()

    found, ended = virtual_time(scenario())
    assert found.failures == []
    assert 3600 <= ended < 3700


def test_a_customer_throttled_beyond_a_deadline_is_reported_at_once(partner_center, three, virtual_time):
    partner_center.inject(throttles(three["Adatum"], seconds=3600))

    async def scenario():
        async with partner_center.connect(deadline=300) as client:
            return await report(client, JANUARY), asyncio.get_running_loop().time()

    found, ended = virtual_time(scenario())
    assert [each.name for each in found.failures] == ["Adatum"]
    assert ended < 1


@pytest.mark.partner_center(token_lifetime=600)
def test_a_hundred_customers_one_after_the_other_outlive_a_token(partner_center, virtual_time):
    partner_center.populate(customers=100, orders_per_customer=(0, 12))

    async def scenario():
        async with partner_center.connect() as client:
            for _ in range(3):
                found = await report(client, JANUARY, concurrency=1)
                assert all("has no creation date" in each.reason for each in found.failures)  # some generated ones
                await asyncio.sleep(700)

    virtual_time(scenario())
    assert partner_center.count("token") == 3
