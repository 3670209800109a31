"""The totals of one customer behind an endpoint: GET /customers/{customer_id}/totals/2026-01."""

from datetime import UTC, datetime

from aiohttp import web

from nightly_orders.totals import IncompleteOrderError, totals_of
from partnercenter_async import Customer, PartnerCenterClient, PermissionDeniedError

CLIENT = web.AppKey("client", PartnerCenterClient)
UNKNOWN_CUSTOMER = 20002
"""The code with which the service refuses a customer that is not the partner's, or is not there at all."""


async def totals(request: web.Request) -> web.Response:
    """Answer with the totals by currency, as texts: JSON has no exact numbers."""
    try:
        month = datetime.strptime(request.match_info["month"], "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise web.HTTPBadRequest(text="a month is written as 2026-01") from error
    client = request.app[CLIENT].with_options(deadline=10)
    try:
        found = await totals_of(client, Customer(id=request.match_info["customer_id"]), month)
    except PermissionDeniedError as error:
        if error.code != UNKNOWN_CUSTOMER:
            raise
        raise web.HTTPNotFound(text=f"no such customer ({error.request_id})") from error
    except IncompleteOrderError as error:
        raise web.HTTPBadGateway(text=str(error)) from error
    return web.json_response({currency: str(total) for currency, total in found.items()})


def application(client: PartnerCenterClient) -> web.Application:
    """Return the web application over a client that somebody else closes."""
    app = web.Application()
    app[CLIENT] = client
    app.router.add_get("/customers/{customer_id}/totals/{month}", totals)
    return app
