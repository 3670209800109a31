"""The table of customers."""

from collections.abc import Mapping

from partnercenter_async.export.columns import Table
from partnercenter_async.models.customers import Customer


def _address(path: str, prefix: str) -> Mapping[str, str]:
    """Name the columns of an address; whom to ask for there is not whom the profile is of."""
    return {path: prefix} | {
        f"{path}.{which}_name": f"{prefix}Address{which.title()}Name" for which in ("first", "middle", "last")
    }


CUSTOMERS = Table(
    Customer,
    "customers",
    names={
        "id": "customerId",
        "company_profile": "",
        "company_profile.email": "companyEmail",
        **_address("company_profile.address", "company"),
        "billing_profile": "billing",
        "billing_profile.id": "billingProfileId",
        **_address("billing_profile.default_address", "billing"),
    },
    shown=("customerId", "companyName", "domain", "relationshipToPartner"),
)
