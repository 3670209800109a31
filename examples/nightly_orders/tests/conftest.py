"""Records that several tests share."""

import pytest

from pytest_partnercenter.emulated import PartnerCenter


@pytest.fixture
def three(partner_center: PartnerCenter) -> dict[str, str]:
    """Three customers by name, with orders in January 2026; the fixture's data is the test's to add to."""
    customers = {name: partner_center.add_customer(company_name=name) for name in ("Adatum", "Contoso", "Fabrikam")}
    for customer in customers.values():
        partner_center.add_order(customer, total_price="19.99", creation_date="2026-01-10T08:00:00Z")
        partner_center.add_order(customer, total_price="0.01", creation_date="2026-01-11T08:00:00Z")
    partner_center.add_order(
        customers["Contoso"], total_price="7", currency_code="EUR", creation_date="2026-01-31T23:59:59.9999999Z"
    )
    return customers
