"""The endpoint, with a Partner Center behind it."""

from aiohttp.test_utils import TestClient, TestServer
from nightly_orders.web import application


async def test_a_customers_totals_are_served_as_exact_texts(partner_center, three):
    async with (
        partner_center.connect() as client,
        TestClient(TestServer(application(client))) as browser,
    ):
        answer = await browser.get(f"/customers/{three['Contoso']}/totals/2026-01")
        assert await answer.json() == {"USD": "20.00", "EUR": "7"}
        assert (await browser.get("/customers/nobody/totals/2026-01")).status == 404
        assert (await browser.get(f"/customers/{three['Contoso']}/totals/January")).status == 400
        partner_center.add_order(three["Adatum"], total_price=None, creation_date="2026-01-20T08:00:00Z")
        answer = await browser.get(f"/customers/{three['Adatum']}/totals/2026-01")
        assert answer.status == 502
        assert "has no total price" in await answer.text()
