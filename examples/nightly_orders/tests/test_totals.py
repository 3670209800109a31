"""What is counted, and how: rules of the program alone, so the answers are written by hand."""

from datetime import date
from decimal import Decimal

import pytest
from nightly_orders.__main__ import main, month_before
from nightly_orders.totals import IncompleteOrderError, totals_of

from partnercenter_async import Customer, PartnerCenterClient
from partnercenter_async.testing import FakeCredential, FakeTransport, answer

JANUARY = date(2026, 1, 1)


async def totals(*orders: dict) -> dict[str, Decimal]:
    transport = FakeTransport([answer({"items": orders})])
    async with PartnerCenterClient(FakeCredential(), transport=transport) as client:
        return await totals_of(client, Customer(id="a-customer"), JANUARY)


def order(price: str | None, made: str | None = "2026-01-15T10:00:00Z", **fields: str) -> dict:
    return {"id": "o", "creationDate": made, "currencyCode": "EUR", "totalPrice": price, **fields}


async def test_money_is_added_exactly():
    assert await totals(*[order("0.10")] * 3) == {"EUR": Decimal("0.30")}


async def test_each_currency_has_a_total_of_its_own():
    assert await totals(order("1"), order("2", currencyCode="USD")) == {"EUR": 1, "USD": 2}


@pytest.mark.parametrize(
    ("made", "counted"),
    [
        ("2025-12-31T23:59:59.9999999Z", False),
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-31T23:59:59.9999999Z", True),
        ("2026-02-01T00:30:00+01:00", True),
        ("2026-02-01T00:00:00Z", False),
    ],
)
async def test_a_month_is_one_in_utc_to_its_last_tick(made, counted):
    assert bool(await totals(order("1", made))) is counted


async def test_what_was_cancelled_does_not_count():
    assert await totals(order("1", status="cancelled")) == {}


@pytest.mark.parametrize(
    ("incomplete", "missing"),
    [
        (order(None), "total price"),
        (order("1", None), "creation date"),
        (order("1", "0001-01-01T00:00:00"), "creation date"),
    ],
)
async def test_an_order_that_cannot_be_counted_leaves_no_total(incomplete, missing):
    with pytest.raises(IncompleteOrderError, match=f"order o has no {missing}: "):
        await totals(order("1"), incomplete)


async def test_a_price_counts_only_where_its_order_does():
    orders = order(None, "2025-12-31T10:00:00Z"), order(None, None, status="cancelled")
    assert await totals(*orders, order("0")) == {"EUR": 0}


def test_last_month_is_the_one_before_the_first_of_this_one():
    assert month_before(date(2026, 1, 31)) == date(2025, 12, 1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--month", "2026-13"], "argument --month: invalid month value: '2026-13'"),
        ([], "AZURE_CLIENT_ID, AZURE_CLIENT_SECRET must be set"),
    ],
)
def test_wrong_usage_is_told_in_a_line(options, complaint, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["nightly-orders", *options])
    monkeypatch.setenv("AZURE_TENANT_ID", "a-tenant")
    monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)
    monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"nightly-orders: error: {complaint}"
