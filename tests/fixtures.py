"""Bodies as the service sends them, every value invented; JSON text, so that numbers and dates stand as sent."""

ORDER = b"""{
  "id": "5b1f0e9c77a2",
  "alternateId": "5b1f0e9c77a2",
  "referenceCustomerId": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
  "billingCycle": "annual",
  "currencyCode": "EUR",
  "currencySymbol": "\\u20ac",
  "lineItems": [
    {
      "lineItemNumber": 0,
      "offerId": "CFQ7TTC0LMNO:0002:CFQ7TTC0PQRS",
      "subscriptionId": "7d2f2f0e-33aa-4c11-8a8e-1b2c3d4e5f60",
      "parentSubscriptionId": "11111111-2222-4333-8444-555555555555",
      "termDuration": "P1Y",
      "transactionType": "New",
      "renewsTo": {"termDuration": "P1M"},
      "friendlyName": "Seats of the night shift",
      "quantity": 12,
      "customTermEndDate": "2031-03-31T23:59:59.9999999Z",
      "partnerIdOnRecord": "4711001",
      "additionalPartnerIdsOnRecord": ["4711002", "4711003"],
      "provisioningContext": {"scope": "shared", "duration": "1Year"},
      "attestationAccepted": true,
      "promotionId": "77PROMO0HERON:0009:77PROMO0KREMS",
      "pricing": {
        "listPrice": 441.0, "discountedPrice": 372.30, "proratedPrice": 31.025, "price": 31.03, "extendedPrice": 372.36
      },
      "purchaseCommitment": {"amount": 0.05, "currency": "eur", "grain": "hourly"},
      "links": {
        "subscription": {"uri": "/customers/c/subscriptions/s", "method": "GET", "headers": []},
        "product": {"uri": "/products/p?country=AT", "method": "GET", "headers": []},
        "sku": {"uri": "/products/p/skus/k?country=AT", "method": "GET", "headers": []},
        "availability": {"uri": "/products/p/skus/k/availabilities/a?country=AT", "method": "GET", "headers": []},
        "provisioningStatus": {"uri": "/subscriptions/s/provisioningstatus", "method": "GET", "headers": []},
        "activationLinks": {"uri": "/customers/c/orders/o/lineitems/0/activationlinks", "method": "GET", "headers": []}
      },
      "attributes": {"objectType": "OrderLineItem"}
    }
  ],
  "creationDate": "2030-04-01T10:11:12.1314151Z",
  "status": "completed",
  "totalPrice": 372.36,
  "transactionType": "UserPurchase",
  "partnerOnRecordAttestationAccepted": true,
  "links": {
    "self": {"uri": "/customers/c/orders/o", "method": "GET", "headers": []},
    "provisioningStatus": {"uri": "/customers/c/orders/o/provisioningstatus", "method": "GET", "headers": []},
    "patchOperation": {"uri": "/customers/c/orders/o", "method": "PATCH", "headers": []}
  },
  "client": {"marketplaceCountry": "AT", "deviceFamily": "UniversalStore-Invented", "name": "An invented program"},
  "attributes": {"objectType": "Order"}
}"""

# Of the old kind: a GUID, an etag, no status, no client.
LEGACY_ORDER = b"""{
  "id": "6E1B9B0D-0C44-4A8B-9A3C-2B6B3C9A7D55",
  "referenceCustomerId": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
  "billingCycle": "none",
  "lineItems": [
    {"lineItemNumber": 0, "offerId": "0FF1CE00-AAAA-4BBB-8CCC-1234567890AB",
     "subscriptionId": "A1B2C3D4-0000-4AAA-8BBB-CCCCDDDDEEEE", "friendlyName": "Nine seats", "quantity": 9}
  ],
  "creationDate": "2017-02-03T04:05:06.707-08:00",
  "attributes": {"etag": "eyJpZCI6ImludmVudGVkIiwidmVyc2lvbiI6M30=", "objectType": "Order"}
}"""

ORDERS = (
    b'{"totalCount": 2, "items": [' + ORDER + b"," + LEGACY_ORDER + b'], "attributes": {"objectType": "Collection"}}'
)

PROVISIONING = b"""{
  "totalCount": 1,
  "items": [
    {"orderLineItemId": 3, "lineItemNumber": 4, "status": "Unfulfilled",
     "quantityProvisioningInformation": [
       {"quantity": 5, "status": "fulfilled"}, {"quantity": 6, "status": "PrefulfillmentPending"}
     ],
     "attributes": {"objectType": "OrderLineItemProvisioningStatus"}}
  ],
  "links": {"self": {"uri": "/customers/c/orders/o/provisioningstatus", "method": "GET", "headers": []}},
  "attributes": {"objectType": "Collection"}
}"""

MIGRATION = b"""{
  "id": "c0ffee00-1111-4222-8333-444455556666",
  "startedTime": "2029-07-08T09:10:11.2223334Z",
  "completedTime": "2029-07-08T09:12:13.444555Z",
  "currentSubscriptionId": "AAAABBBB-CCCC-4DDD-8EEE-FFFF00001111",
  "addOnMigrations": [{"currentSubscriptionId": "AAAABBBB-CCCC-4DDD-8EEE-FFFF00002222", "quantity": 2}],
  "status": "Completed",
  "customerTenantId": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
  "catalogItemId": "CFQ7TTC0LMNO:0002:CFQ7TTC0PQRS",
  "newCommerceSubscriptionId": "9a8b7c6d-0000-4111-8222-333344445555",
  "newCommerceOrderId": "0d1e2f3a4b5c",
  "subscriptionEndDate": "2030-07-09T00:00:00Z",
  "customTermEndDate": "2030-12-31T00:00:00",
  "quantity": 7,
  "termDuration": "P1Y",
  "billingCycle": "Monthly",
  "purchaseFullTerm": true,
  "externalReferenceId": "batch-17",
  "microsoftLed": true,
  "attributes": {"objectType": "NewCommerceMigration"}
}"""

EVENTS = b"""[
  {"id": "e-1", "newCommerceMigrationId": "c0ffee00-1111-4222-8333-444455556666",
   "currentSubscriptionId": "aaaabbbb-cccc-4ddd-8eee-ffff00001111",
   "customerTenantId": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
   "createdTime": "2029-07-08T09:10:12.6667778Z", "eventName": "MigrationStarted"},
  {"id": "e-2", "createdTime": "2029-07-08T09:12:14.888999Z", "eventName": "MigrationCompleted"}
]"""

# Of the New Commerce, in full but for what only others have.
SUBSCRIPTION = b"""{
  "id": "5ab5c0de-1111-4222-8333-444455556666",
  "entitlementId": "e17171ed-1111-4222-8333-444455556666",
  "offerId": "CFQ7TTC0HERN:0002:CFQ7TTC0KRMS",
  "offerName": "Nine seats of a plan",
  "friendlyName": "Seats of the office",
  "productType": {
    "id": "OnlineServicesNCE", "displayName": "Online services",
    "subType": {"id": "Seats", "displayName": "Seats", "attributes": {"objectType": "ItemType"}}
  },
  "quantity": 9,
  "unitType": "Licenses",
  "parentSubscriptionId": "5ab5c0de-0000-4222-8333-444455556666",
  "migratedFromSubscriptionId": "01D5AB50-0000-4222-8333-444455556666",
  "hasPurchasableAddons": true,
  "consumptionType": "none",
  "creationDate": "2030-04-01T10:11:12.1314151Z",
  "effectiveStartDate": "2030-04-01T10:11:10.131415+00:00",
  "commitmentEndDate": "2031-03-31T00:00:00Z",
  "commitmentEndDateTime": "2031-03-31T23:59:59.9999999Z",
  "customTermEndDate": "2031-03-31T00:00:00",
  "cancellationAllowedUntilDate": "2030-04-08T23:59:00Z",
  "billingCycleEndDate": "2030-04-30T00:00:00Z",
  "billingCycleEndDateTime": "2030-04-30T23:59:59Z",
  "status": "active",
  "autoRenewEnabled": true,
  "scheduledNextTermInstructions": {
    "product": {
      "productId": "CFQ7TTC0HERN", "skuId": "0002", "availabilityId": "CFQ7TTC0KRMS", "billingCycle": "Annual",
      "termDuration": "P3Y", "promotionId": "77PROMO0HERON:0009:77PROMO0KREMS"
    },
    "quantity": 8,
    "customTermEndDate": "2034-01-31T00:00:00Z"
  },
  "nextChargeInstructions": {"product": {"productId": "CFQ7TTC0HERN", "skuId": "0002"}, "quantity": 7},
  "isTrial": false,
  "billingType": "license",
  "billingCycle": "monthly",
  "actions": ["edit", "cancel"],
  "termDuration": "P1Y",
  "renewalTermDuration": "P1M",
  "refundOptions": [{"type": "Full", "expiresAt": "2030-04-08T23:59:00Z", "expiresAfter": "2030-04-09T00:00:00Z"}],
  "isMicrosoftProduct": true,
  "partnerId": "4711001",
  "attentionNeeded": true,
  "attentionReason": "It says why.",
  "actionTaken": false,
  "suspensionReasons": ["ByHand", "UnpaidBill"],
  "contractType": "subscription",
  "promotionId": "77PROMO0HERON:0009:77PROMO0KREMS",
  "links": {
    "product": {"uri": "/products/p?country=AT", "method": "GET", "headers": []},
    "sku": {"uri": "/products/p/skus/k?country=AT", "method": "GET", "headers": []},
    "availability": {"uri": "/products/p/skus/k/availabilities/a?country=AT", "method": "GET", "headers": []},
    "parentSubscription": {"uri": "/customers/c/subscriptions/p", "method": "GET", "headers": []},
    "self": {"uri": "/customers/c/subscriptions/s", "method": "GET", "headers": []}
  },
  "publisherName": "A publisher",
  "refundableQuantity": {
    "totalQuantity": 2, "details": [{"quantity": 2, "allowedUntilDateTime": "2030-04-08T23:59:00Z"}]
  },
  "productOrderId": "0b0b0b0b-1111-4222-8333-444455556667",
  "orderId": "5b1f0e9c77a2",
  "attributes": {"etag": "eyJpZCI6ImludmVudGVkIn0=", "objectType": "Subscription"}
}"""

# An Azure savings plan, of a billing type that no reference names.
SAVINGS_PLAN = b"""{
  "id": "5ab5c0de-7777-4222-8333-444455556666", "billingType": "benefit", "billingCycle": "one_time",
  "renewalTermDuration": "",
  "purchaseCommitment": {"amount": 0.05, "currency": "eur", "grain": "Hourly"},
  "lineItems": [
    {"id": "0b0b0b0b-1111-4222-8333-444455556668", "friendlyName": "Compute for a year",
     "scope": {"type": "single", "entitlementId": "e17171ed-7777-4222-8333-444455556666"},
     "autoRenewEnabled": true, "status": "active",
     "purchaseCommitment": {"amount": 0.05, "currency": "eur", "grain": "Hourly"}}
  ]
}"""

SUBSCRIPTIONS = (
    b'{"totalCount": 2, "items": [' + SUBSCRIPTION + b"," + SAVINGS_PLAN + b'], "attributes":'
    b' {"objectType": "Collection"}}'
)

# What is told of a subscription, by operation.
UPGRADES = b"""{"totalCount": 1, "items": [
  {"targetOffer": {
     "id": "0FF1CE00-BBBB-4BBB-8CCC-1234567890AB", "name": "A larger plan", "minimumQuantity": 1,
     "maximumQuantity": 300, "category": {"id": "Office", "name": "Office", "rank": 3},
     "prerequisiteOffers": ["0FF1CE00-CCCC-4BBB-8CCC-1234567890AB"], "supportedBillingCycles": ["monthly", "annual"],
     "partnerQualifications": [{"name": "None"}], "product": {"id": "p", "name": "A plan", "unit": "Licenses"},
     "links": {"learnMore": {"uri": "https://example.com/plan", "method": "GET"}}},
   "upgradeType": "upgrade_with_license_transfer", "isEligible": false, "quantity": 9,
   "upgradeErrors": [{"code": 6, "description": "It has add-ons.", "additionalDetails": "Two of them."}],
   "attributes": {"objectType": "Upgrade"}}
]}"""
CONVERSIONS = b"""{"totalCount": 1, "items": [
  {"offerId": "0FF1CE00-DDDD-4BBB-8CCC-1234567890AB", "targetOfferId": "0FF1CE00-EEEE-4BBB-8CCC-1234567890AB",
   "orderId": "0B0B0B0B-1111-4222-8333-444455556669", "quantity": 25, "billingCycle": "monthly",
   "attributes": {"objectType": "Conversion"}}
]}"""
TRANSITION_ELIGIBILITIES = b"""{"totalCount": 1, "items": [
  {"operationId": "0b0b0b0b-2222-4222-8333-444455556666", "catalogItemId": "CFQ7TTC0LARG:0001",
   "title": "A larger plan", "description": "All of the plan and more.", "quantity": 9,
   "eligibilities": [
     {"isEligible": true, "transitionType": "transition_only"},
     {"isEligible": false, "transitionType": "transition_with_license_transfer",
      "errors": [{"code": "UserLicenseError", "description": "Licenses can't go along."}]}],
   "subscriptionEligibilities": [
     {"isEligible": false, "subscriptionId": "5ab5c0de-8888-4222-8333-444455556666",
      "subscriptionFriendlyName": "The large plan", "subscriptionTermDuration": "P1Y",
      "subscriptionBillingCycle": "Monthly", "errors": [{"code": "TermsDiffer", "description": "Another term."}]}]}
]}"""
TRANSITIONS = b"""{"totalCount": 1, "items": [
  {"operationId": "0b0b0b0b-2222-4222-8333-444455556666", "fromCatalogItemId": "CFQ7TTC0HERN:0002:CFQ7TTC0KRMS",
   "fromSubscriptionId": "5ab5c0de-1111-4222-8333-444455556666", "toCatalogItemId": "CFQ7TTC0LARG:0001:CFQ7TTC0KRMS",
   "toSubscriptionId": "5ab5c0de-8888-4222-8333-444455556666", "quantity": 9, "termDuration": "P1Y",
   "billingCycle": "Monthly", "transitionType": "transition_only", "promotionId": "77PROMO0HERON:0009:77PROMO0KREMS",
   "events": [
     {"name": "Conversion", "status": "Completed", "timestamp": "2030-05-01T02:03:04.0506071Z"},
     {"name": "LicenseTransfer", "status": "Failed", "timestamp": "2030-05-01T02:03:09.0506071Z",
      "errors": [{"code": "Other", "description": "It did not work."}]}],
   "attributes": {"objectType": "Transition"}}
]}"""
SUPPORT_CONTACT = b"""\xef\xbb\xbf{
  "supportTenantId": "5a990400-1111-4222-8333-444455556666", "supportMpnId": "4711001", "name": "Heron Support",
  "links": {"self": {"uri": "/customers/c/subscriptions/s/supportcontact", "method": "GET", "headers": []}},
  "attributes": {"objectType": "SupportContact"}
}"""
SUBSCRIPTION_PROVISIONING = b"""{
  "skuId": "5C000000-1111-4222-8333-444455556666", "status": "pending", "quantity": 9,
  "endDate": "2031-03-31T00:00:00Z", "attributes": {"objectType": "SubscriptionProvisioningStatus"}
}"""
REGISTRATION = b"""{
  "subscriptionId": "5ab5c0de-1111-4222-8333-444455556666", "status": "NotRegistered",
  "attributes": {"objectType": "SubscriptionRegistrationStatus"}
}"""
ACTIVATION_LINKS = b"""{"totalCount": 1, "items": [
  {"lineItemNumber": 0, "link": {"uri": "https://publisher.example.com/activate?token=invented", "method": "GET"}}
]}"""
OVERAGE = b"""{"totalCount": 1, "items": [
  {"azureEntitlementId": "a2a2a2a2-1111-4222-8333-444455556666", "partnerId": "4711001", "type": "PhoneServices",
   "overageEnabled": true, "links": {"self": {"uri": "/customers/c/subscriptions/overage", "method": "GET"}},
   "attributes": {"objectType": "Overage"}}
]}"""
AZURE_ENTITLEMENT = b"""{
  "id": "a2a2a2a2-1111-4222-8333-444455556666", "friendlyName": "Development", "status": "active",
  "subscriptionId": "5ab5c0de-9999-4222-8333-444455556666"
}"""
CUSTOM_TERM_END_DATES = b"""{"totalCount": 2, "items": [
  {"allowedCustomTermEndDateType": "calendarMonthAligned", "allowedCustomTermEndDate": "2031-01-31T00:00:00Z",
   "cotermSubscriptionIds": []},
  {"allowedCustomTermEndDateType": "subscriptionAligned", "allowedCustomTermEndDate": "2031-03-31T00:00:00Z",
   "cotermSubscriptionIds": ["5ab5c0de-1111-4222-8333-444455556666", "5ab5c0de-8888-4222-8333-444455556666"]}
]}"""

# In full.
CUSTOMER = b"""{
  "id": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
  "commerceId": "invented-commerce-id",
  "companyProfile": {
    "tenantId": "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
    "domain": "heron.example.com",
    "companyName": "Heron & Sons",
    "organizationRegistrationNumber": "FN 12345a",
    "address": {"country": "AT"},
    "email": "office@heron.example.com",
    "links": {"self": {"uri": "/customers/c/profiles/company", "method": "GET", "headers": []}},
    "attributes": {"objectType": "CustomerCompanyProfile"}
  },
  "billingProfile": {
    "id": "0b0b0b0b-1111-4222-8333-444455556666",
    "firstName": "Ada", "lastName": "Heron", "email": "ada@heron.example.com",
    "culture": "de-AT", "language": "de", "companyName": "Heron & Sons",
    "defaultAddress": {
      "country": "AT", "region": "Wachau", "city": "Krems", "state": "NOE", "addressLine1": "Ufer 1",
      "addressLine2": "Stiege 2", "postalCode": "3500", "firstName": "Ada", "middleName": "B.", "lastName": "Heron",
      "phoneNumber": "+43 1 2345"
    },
    "links": {"self": {"uri": "/customers/c/profiles/billing", "method": "GET", "headers": []}},
    "attributes": {"etag": "-1234567890123456789", "objectType": "CustomerBillingProfile"}
  },
  "relationshipToPartner": "reseller",
  "allowDelegatedAccess": true,
  "userCredentials": {"userName": "admin"},
  "customDomains": ["heron.example.com", "heron.example.org"],
  "associatedPartnerId": "4711001",
  "enableGDAPByDefault": true,
  "links": {"self": {"uri": "/customers/c", "method": "GET", "headers": []}},
  "attributes": {"objectType": "Customer"}
}"""

# A page of a listing that goes on: thin customers, and a header that belongs to the next link.
CUSTOMERS = b"""{
  "totalCount": 1,
  "items": [
    {"id": "c-1",
     "companyProfile": {"tenantId": "c-1", "domain": "a.example.com", "companyName": "A",
                        "attributes": {"objectType": "CustomerCompanyProfile"}},
     "relationshipToPartner": "microsoft_support", "attributes": {"objectType": "Customer"}}
  ],
  "continuationToken": "AQID,BA/5=",
  "links": {
    "self": {"uri": "/customers?size=1", "method": "GET", "headers": []},
    "next": {"uri": "/customers?size=1&seekOperation=Next", "method": "GET",
             "headers": [{"key": "MS-ContinuationToken", "value": "AQID,BA/5="}], "body": "none"},
    "previous": {"uri": "/customers?size=1&seekOperation=Previous", "method": "GET", "headers": []}
  },
  "attributes": {"objectType": "Collection"}
}"""

# Error bodies by where they come from.
ERROR = b'{"code": 3000, "description": "Nothing of that name.", "data": ["order"], "source": "PartnerFD"}'
EXTENDED_ERROR = b"""{
  "code": 600061, "message": "It is there.", "description": "The consent is there already.",
  "errorName": "AgreementExists", "isRetryable": false, "parameters": {"agreement": "a-1"},
  "errorMessageExtended": "Look at the agreements."
}"""
GATEWAY_ERROR = b'{ "statusCode": 429, "message": "Too many of them. Try again in 31 seconds." }'
NESTED_ERROR = b'{"error": {"code": "Forbidden", "message": "Not with this token."}}'
TOKEN_ERROR = b'{"error": "invalid_grant", "error_description": "AADSTS70008: too old", "error_codes": [70008]}'
