"""List customers and orders with ``partnercenterservices``, the client that AutoRest generated, and sign in with ADAL.

It runs in a process of its own, finds the emulator by its environment, and prints what it read as JSON.
"""

import json
import os
import warnings

import adal
from msrestazure.azure_active_directory import AdalAuthentication

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources, which is deprecated
    from microsoft.store.partnercenterservices import MicrosoftPartnerStoreApis

authority = f"{os.environ['AZURE_AUTHORITY_HOST']}/{os.environ['AZURE_TENANT_ID']}"
credentials = AdalAuthentication(
    adal.AuthenticationContext(authority, validate_authority=False).acquire_token_with_client_credentials,
    "https://api.partnercenter.microsoft.com",
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
)
apis = MicrosoftPartnerStoreApis(credentials, base_url=os.environ["PARTNER_CENTER_ENDPOINT"])

customers = []
page = apis.getvversioncustomersfilterfilter.value("1", size=2)
customers += page.items
while page.links and page.links.next:
    link = page.links.next
    page = apis.getvversioncustomersfilterfilter.value(
        "1",
        size=2,
        seek_operation="Next",
        custom_headers={header.key: header.value for header in link.headers},
    )
    customers += page.items
orders = {
    customer.id: [
        order.id for order in apis.getvversioncustomerscustomer.value7(customer_id=customer.id, version="1").items
    ]
    for customer in customers
}
print(json.dumps(orders))
