"""The nightly program."""

import argparse
import asyncio
import os
import sys
from datetime import UTC, date, datetime, timedelta

from azure.identity.aio import EnvironmentCredential

from nightly_orders.totals import report
from partnercenter_async import PartnerCenterClient, PartnerCenterError

NAMES = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
ALL, NOTHING, PARTIAL = 0, 1, 3


def month_before(day: date) -> date:
    """Return the first day of the month before a day's."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def month(text: str) -> date:
    """Return the first day of a month written as 2026-01."""
    return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()


async def run(month: date) -> int:
    """Print a month's totals and return the exit code."""
    async with EnvironmentCredential() as credential, PartnerCenterClient(credential) as client:
        try:
            result = await report(client, month)
        except PartnerCenterError as error:  # of the list of customers
            print(f"no customers: {error}", file=sys.stderr)
            return NOTHING
    for total in sorted(result.totals):
        print(*total, sep="\t")
    for failure in sorted(result.failures):
        print("missing", *failure, sep="\t", file=sys.stderr)
    return PARTIAL if result.failures else ALL


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="nightly-orders", description="Totals of a month's orders.")
    parser.add_argument(
        "--month",
        type=month,
        default=month_before(datetime.now(UTC).date()),
        help="such as 2026-01; last month by default",
    )
    options = parser.parse_args()
    missing = [name for name in NAMES if name not in os.environ]
    if missing:
        parser.error(f"{', '.join(missing)} must be set")
    sys.exit(asyncio.run(run(options.month)))


if __name__ == "__main__":
    main()
