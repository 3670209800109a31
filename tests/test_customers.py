"""Customers over real sockets: seek paging, filters, profiles."""

import pytest
from helpers import connected, name_and_domain

from partnercenter_async import CustomerFilter, PermissionDeniedError, RelationshipToPartner
from partnercenter_async.emulator import DataSet, Emulator


@pytest.mark.parametrize("link_style", ["root", "version", "absolute", "mixed"])
async def test_all_customers_come_once_and_in_order(link_style):
    data = DataSet(customers=101, orders_per_customer=0, seed=8)
    async with Emulator(data, customers_page_size=10, link_style=link_style) as emulator:
        async with connected(emulator) as client:
            customers = await client.customers.list().collect()
        assert [each.id for each in customers] == list(data.customer_ids())
        sent = [each for each in emulator.requests if each.operation == "customers.list"]
    assert len(sent) == 11
    assert [each.headers.get("MS-ContinuationToken") is None for each in sent] == [True] + [False] * 10
    assert all("seekOperation=Next" in each.query for each in sent[1:])
    assert all(each.relationship_to_partner is RelationshipToPartner.RESELLER for each in customers)


async def test_a_size_and_a_filter_hold_on_every_page():
    data = DataSet(customers=60, orders_per_customer=0, seed=8)
    name, domain = name_and_domain(data, 7)
    async with Emulator(data) as emulator, connected(emulator) as client:
        letter = CustomerFilter("CompanyName", name[0])
        found = await client.customers.list(filter=letter, size=2).collect()
        expected = [
            customer_id
            for index, customer_id in enumerate(data.customer_ids())
            if name_and_domain(data, index)[0].lower().startswith(name[0].lower())
        ]
        assert [each.id for each in found] == expected
        assert emulator.count("customers.list") > 1
        (one,) = await client.customers.list(filter=CustomerFilter("Domain", domain, "equals")).collect()
        assert one.company_profile is not None
        assert (one.company_profile.company_name, one.company_profile.domain) == (name, domain)
        none = CustomerFilter("CompanyName", "株式会社　&=?#%/", "substring")
        assert await client.customers.list(filter=none).collect() == []


async def test_one_customer_has_its_profiles():
    data = DataSet(customers=3, orders_per_customer=0, seed=8)
    async with Emulator(data) as emulator, connected(emulator) as client:
        for customer_id in data.customer_ids():
            held = data.customer(customer_id)
            customer = await client.customers.get(customer_id)
            assert customer.id == customer_id
            assert customer.company_profile is not None
            assert customer.company_profile.tenant_id == customer_id
            assert customer.billing_profile is not None
            assert customer.billing_profile.id == held["billingProfile"]["id"]
            assert customer.billing_profile.default_address is not None
        with pytest.raises(PermissionDeniedError) as refused:
            await client.customers.get("nobody")
        assert refused.value.code == 20002


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "5"])
async def test_a_size_that_cannot_be_meant_is_refused(emulator, size):
    async with connected(emulator) as client:
        with pytest.raises(ValueError, match="size"):
            client.customers.list(size=size)
    assert emulator.requests == []
