"""The whole program, as it is run at night: its own process, TLS, sign-in. Only environment variables differ."""

import asyncio
import os
import sys

import pytest

from partnercenter_async.emulator import fails, loses
from pytest_partnercenter.emulated import PartnerCenter


async def nightly(partner_center: PartnerCenter, *options: str) -> tuple[int | None, list[str], str]:
    """Run the program; return its exit code, its lines and its complaints."""
    async with partner_center:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nightly_orders", *options),
            env=os.environ | partner_center.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    return process.returncode, out.decode().splitlines(), err.decode()


async def test_every_customer_is_added_up(partner_center, three):
    code, lines, complaints = await nightly(partner_center, "--month", "2026-01")
    assert lines == [
        f"Adatum\t{three['Adatum']}\tUSD\t20.00",
        f"Contoso\t{three['Contoso']}\tEUR\t7",
        f"Contoso\t{three['Contoso']}\tUSD\t20.00",
        f"Fabrikam\t{three['Fabrikam']}\tUSD\t20.00",
    ]
    assert (code, complaints) == (0, "")


async def test_a_customer_that_fails_is_named_and_costs_the_others_nothing(partner_center, three):
    partner_center.inject(fails(customer_id=three["Contoso"], status=500, times=None))
    code, lines, complaints = await nightly(partner_center, "--month", "2026-01")
    assert [line.split("\t")[0] for line in lines] == ["Adatum", "Fabrikam"]
    assert complaints.startswith(f"missing\tContoso\t{three['Contoso']}\t500 ")
    assert code == 3
    assert partner_center.count("orders.list", customer_id=three["Contoso"]) == 3  # tries
    partner_center.assert_faults_hit()


@pytest.mark.parametrize(
    ("fields", "missing"), [({"total_price": None}, "total price"), ({"creation_date": None}, "creation date")]
)
async def test_a_customer_with_an_order_that_cannot_be_counted_is_missing(partner_center, three, fields, missing):
    made = {"creation_date": "2026-01-20T08:00:00Z"}
    order = partner_center.add_order(three["Contoso"], **(made | fields))
    code, lines, complaints = await nightly(partner_center, "--month", "2026-01")
    assert [line.split("\t")[0] for line in lines] == ["Adatum", "Fabrikam"]
    reason = f"order {order} has no {missing}: the customer's totals are not known"
    assert complaints == f"missing\tContoso\t{three['Contoso']}\t{reason}\n"
    assert code == 3


async def test_what_fails_once_is_tried_again(partner_center, three):
    partner_center.inject(fails("customers.list"), loses(customer_id=three["Adatum"]))
    code, lines, complaints = await nightly(partner_center, "--month", "2026-01")
    assert (code, len(lines), complaints) == (0, 4, "")
    partner_center.assert_faults_hit()


async def test_without_the_list_of_customers_there_is_nothing(partner_center):
    partner_center.inject(fails("customers.list", status=403))
    code, lines, complaints = await nightly(partner_center)
    assert (code, lines) == (1, [])
    assert complaints.startswith("no customers: 403 ")
