"""The same work with Microsoft Kiota, on which the Graph SDK stands: models as its generator writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kiota_abstractions.api_client_builder import register_default_deserializer, register_default_serializer
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.serialization import AdditionalDataHolder, Parsable, ParseNode, SerializationWriter
from kiota_http.httpx_request_adapter import HttpxRequestAdapter
from kiota_http.kiota_client_factory import KiotaClientFactory
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from kiota_serialization_json.json_serialization_writer_factory import JsonSerializationWriterFactory

from benchmarks.plain import full


@dataclass
class _Header(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    value: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Header:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Header()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "key": lambda n: setattr(self, "key", n.get_str_value()),
            "value": lambda n: setattr(self, "value", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("key", self.key)
        writer.write_str_value("value", self.value)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Link(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    uri: str | None = None
    method: str | None = None
    headers: list[_Header] | None = None
    body: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Link:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Link()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "uri": lambda n: setattr(self, "uri", n.get_str_value()),
            "method": lambda n: setattr(self, "method", n.get_str_value()),
            "headers": lambda n: setattr(self, "headers", n.get_collection_of_object_values(_Header)),
            "body": lambda n: setattr(self, "body", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("uri", self.uri)
        writer.write_str_value("method", self.method)
        writer.write_collection_of_object_values("headers", self.headers)
        writer.write_str_value("body", self.body)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Links(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    next: _Link | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Links:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Links()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "next": lambda n: setattr(self, "next", n.get_object_value(_Link)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_object_value("next", self.next)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _OrderLinks(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    self_: _Link | None = None
    provisioning_status: _Link | None = None
    patch_operation: _Link | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _OrderLinks:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _OrderLinks()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "self": lambda n: setattr(self, "self_", n.get_object_value(_Link)),
            "provisioningStatus": lambda n: setattr(self, "provisioning_status", n.get_object_value(_Link)),
            "patchOperation": lambda n: setattr(self, "patch_operation", n.get_object_value(_Link)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_object_value("self", self.self_)
        writer.write_object_value("provisioningStatus", self.provisioning_status)
        writer.write_object_value("patchOperation", self.patch_operation)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _LineLinks(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    product: _Link | None = None
    sku: _Link | None = None
    availability: _Link | None = None
    provisioning_status: _Link | None = None
    subscription: _Link | None = None
    activation_links: _Link | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _LineLinks:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _LineLinks()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "product": lambda n: setattr(self, "product", n.get_object_value(_Link)),
            "sku": lambda n: setattr(self, "sku", n.get_object_value(_Link)),
            "availability": lambda n: setattr(self, "availability", n.get_object_value(_Link)),
            "provisioningStatus": lambda n: setattr(self, "provisioning_status", n.get_object_value(_Link)),
            "subscription": lambda n: setattr(self, "subscription", n.get_object_value(_Link)),
            "activationLinks": lambda n: setattr(self, "activation_links", n.get_object_value(_Link)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_object_value("product", self.product)
        writer.write_object_value("sku", self.sku)
        writer.write_object_value("availability", self.availability)
        writer.write_object_value("provisioningStatus", self.provisioning_status)
        writer.write_object_value("subscription", self.subscription)
        writer.write_object_value("activationLinks", self.activation_links)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Pricing(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    list_price: float | None = None
    discounted_price: float | None = None
    prorated_price: float | None = None
    price: float | None = None
    extended_price: float | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Pricing:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Pricing()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "listPrice": lambda n: setattr(self, "list_price", n.get_float_value()),
            "discountedPrice": lambda n: setattr(self, "discounted_price", n.get_float_value()),
            "proratedPrice": lambda n: setattr(self, "prorated_price", n.get_float_value()),
            "price": lambda n: setattr(self, "price", n.get_float_value()),
            "extendedPrice": lambda n: setattr(self, "extended_price", n.get_float_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_float_value("listPrice", self.list_price)
        writer.write_float_value("discountedPrice", self.discounted_price)
        writer.write_float_value("proratedPrice", self.prorated_price)
        writer.write_float_value("price", self.price)
        writer.write_float_value("extendedPrice", self.extended_price)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Attributes(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    etag: str | None = None
    object_type: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Attributes:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Attributes()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "etag": lambda n: setattr(self, "etag", n.get_str_value()),
            "objectType": lambda n: setattr(self, "object_type", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("etag", self.etag)
        writer.write_str_value("objectType", self.object_type)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _PurchaseCommitment(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    amount: float | None = None
    currency: str | None = None
    grain: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _PurchaseCommitment:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _PurchaseCommitment()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "amount": lambda n: setattr(self, "amount", n.get_float_value()),
            "currency": lambda n: setattr(self, "currency", n.get_str_value()),
            "grain": lambda n: setattr(self, "grain", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_float_value("amount", self.amount)
        writer.write_str_value("currency", self.currency)
        writer.write_str_value("grain", self.grain)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _RenewsTo(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    term_duration: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _RenewsTo:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _RenewsTo()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "termDuration": lambda n: setattr(self, "term_duration", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("termDuration", self.term_duration)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _ProvisioningContext(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _ProvisioningContext:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _ProvisioningContext()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {}

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_additional_data_value(self.additional_data)

    def __getitem__(self, name: str) -> Any:
        """Do what no generated model does: the benchmarks read a dict."""
        return self.additional_data[name]


@dataclass
class _Line(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    line_item_number: int | None = None
    offer_id: str | None = None
    subscription_id: str | None = None
    parent_subscription_id: str | None = None
    term_duration: str | None = None
    transaction_type: str | None = None
    friendly_name: str | None = None
    quantity: int | None = None
    custom_term_end_date: datetime | None = None
    partner_id_on_record: str | None = None
    additional_partner_ids_on_record: list[str] | None = None
    promotion_id: str | None = None
    provisioning_context: _ProvisioningContext | None = None
    pricing: _Pricing | None = None
    renews_to: _RenewsTo | None = None
    attestation_accepted: bool | None = None
    purchase_commitment: _PurchaseCommitment | None = None
    links: _LineLinks | None = None
    attributes: _Attributes | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Line:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Line()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "lineItemNumber": lambda n: setattr(self, "line_item_number", n.get_int_value()),
            "offerId": lambda n: setattr(self, "offer_id", n.get_str_value()),
            "subscriptionId": lambda n: setattr(self, "subscription_id", n.get_str_value()),
            "parentSubscriptionId": lambda n: setattr(self, "parent_subscription_id", n.get_str_value()),
            "termDuration": lambda n: setattr(self, "term_duration", n.get_str_value()),
            "transactionType": lambda n: setattr(self, "transaction_type", n.get_str_value()),
            "friendlyName": lambda n: setattr(self, "friendly_name", n.get_str_value()),
            "quantity": lambda n: setattr(self, "quantity", n.get_int_value()),
            "customTermEndDate": lambda n: setattr(self, "custom_term_end_date", n.get_datetime_value()),
            "partnerIdOnRecord": lambda n: setattr(self, "partner_id_on_record", n.get_str_value()),
            "additionalPartnerIdsOnRecord": lambda n: setattr(
                self, "additional_partner_ids_on_record", n.get_collection_of_primitive_values(str)
            ),
            "promotionId": lambda n: setattr(self, "promotion_id", n.get_str_value()),
            "provisioningContext": lambda n: setattr(
                self, "provisioning_context", n.get_object_value(_ProvisioningContext)
            ),
            "pricing": lambda n: setattr(self, "pricing", n.get_object_value(_Pricing)),
            "renewsTo": lambda n: setattr(self, "renews_to", n.get_object_value(_RenewsTo)),
            "attestationAccepted": lambda n: setattr(self, "attestation_accepted", n.get_bool_value()),
            "purchaseCommitment": lambda n: setattr(
                self, "purchase_commitment", n.get_object_value(_PurchaseCommitment)
            ),
            "links": lambda n: setattr(self, "links", n.get_object_value(_LineLinks)),
            "attributes": lambda n: setattr(self, "attributes", n.get_object_value(_Attributes)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("lineItemNumber", self.line_item_number)
        writer.write_str_value("offerId", self.offer_id)
        writer.write_str_value("subscriptionId", self.subscription_id)
        writer.write_str_value("parentSubscriptionId", self.parent_subscription_id)
        writer.write_str_value("termDuration", self.term_duration)
        writer.write_str_value("transactionType", self.transaction_type)
        writer.write_str_value("friendlyName", self.friendly_name)
        writer.write_int_value("quantity", self.quantity)
        writer.write_datetime_value("customTermEndDate", self.custom_term_end_date)
        writer.write_str_value("partnerIdOnRecord", self.partner_id_on_record)
        writer.write_collection_of_primitive_values(
            "additionalPartnerIdsOnRecord", self.additional_partner_ids_on_record
        )
        writer.write_str_value("promotionId", self.promotion_id)
        writer.write_object_value("provisioningContext", self.provisioning_context)
        writer.write_object_value("pricing", self.pricing)
        writer.write_object_value("renewsTo", self.renews_to)
        writer.write_bool_value("attestationAccepted", self.attestation_accepted)
        writer.write_object_value("purchaseCommitment", self.purchase_commitment)
        writer.write_object_value("links", self.links)
        writer.write_object_value("attributes", self.attributes)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Client(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    marketplace_country: str | None = None
    device_family: str | None = None
    name: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Client:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Client()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "marketplaceCountry": lambda n: setattr(self, "marketplace_country", n.get_str_value()),
            "deviceFamily": lambda n: setattr(self, "device_family", n.get_str_value()),
            "name": lambda n: setattr(self, "name", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("marketplaceCountry", self.marketplace_country)
        writer.write_str_value("deviceFamily", self.device_family)
        writer.write_str_value("name", self.name)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Order(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    alternate_id: str | None = None
    reference_customer_id: str | None = None
    billing_cycle: str | None = None
    currency_code: str | None = None
    currency_symbol: str | None = None
    line_items: list[_Line] | None = None
    creation_date: datetime | None = None
    status: str | None = None
    transaction_type: str | None = None
    total_price: float | None = None
    links: _OrderLinks | None = None
    client: _Client | None = None
    attributes: _Attributes | None = None
    partner_on_record_attestation_accepted: bool | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Order:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Order()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "id": lambda n: setattr(self, "id", n.get_str_value()),
            "alternateId": lambda n: setattr(self, "alternate_id", n.get_str_value()),
            "referenceCustomerId": lambda n: setattr(self, "reference_customer_id", n.get_str_value()),
            "billingCycle": lambda n: setattr(self, "billing_cycle", n.get_str_value()),
            "currencyCode": lambda n: setattr(self, "currency_code", n.get_str_value()),
            "currencySymbol": lambda n: setattr(self, "currency_symbol", n.get_str_value()),
            "lineItems": lambda n: setattr(self, "line_items", n.get_collection_of_object_values(_Line)),
            "creationDate": lambda n: setattr(self, "creation_date", n.get_datetime_value()),
            "status": lambda n: setattr(self, "status", n.get_str_value()),
            "transactionType": lambda n: setattr(self, "transaction_type", n.get_str_value()),
            "totalPrice": lambda n: setattr(self, "total_price", n.get_float_value()),
            "links": lambda n: setattr(self, "links", n.get_object_value(_OrderLinks)),
            "client": lambda n: setattr(self, "client", n.get_object_value(_Client)),
            "attributes": lambda n: setattr(self, "attributes", n.get_object_value(_Attributes)),
            "partnerOnRecordAttestationAccepted": lambda n: setattr(
                self, "partner_on_record_attestation_accepted", n.get_bool_value()
            ),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_str_value("id", self.id)
        writer.write_str_value("alternateId", self.alternate_id)
        writer.write_str_value("referenceCustomerId", self.reference_customer_id)
        writer.write_str_value("billingCycle", self.billing_cycle)
        writer.write_str_value("currencyCode", self.currency_code)
        writer.write_str_value("currencySymbol", self.currency_symbol)
        writer.write_collection_of_object_values("lineItems", self.line_items)
        writer.write_datetime_value("creationDate", self.creation_date)
        writer.write_str_value("status", self.status)
        writer.write_str_value("transactionType", self.transaction_type)
        writer.write_float_value("totalPrice", self.total_price)
        writer.write_object_value("links", self.links)
        writer.write_object_value("client", self.client)
        writer.write_object_value("attributes", self.attributes)
        writer.write_bool_value("partnerOnRecordAttestationAccepted", self.partner_on_record_attestation_accepted)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _OrderCollection(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    total_count: int | None = None
    items: list[_Order] | None = None
    links: _Links | None = None
    attributes: _Attributes | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _OrderCollection:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _OrderCollection()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "totalCount": lambda n: setattr(self, "total_count", n.get_int_value()),
            "items": lambda n: setattr(self, "items", n.get_collection_of_object_values(_Order)),
            "links": lambda n: setattr(self, "links", n.get_object_value(_Links)),
            "attributes": lambda n: setattr(self, "attributes", n.get_object_value(_Attributes)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("totalCount", self.total_count)
        writer.write_collection_of_object_values("items", self.items)
        writer.write_object_value("links", self.links)
        writer.write_object_value("attributes", self.attributes)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Quantity(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    quantity: int | None = None
    status: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Quantity:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Quantity()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "quantity": lambda n: setattr(self, "quantity", n.get_int_value()),
            "status": lambda n: setattr(self, "status", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("quantity", self.quantity)
        writer.write_str_value("status", self.status)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _Status(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    order_line_item_id: int | None = None
    line_item_number: int | None = None
    status: str | None = None
    quantity_provisioning_information: list[_Quantity] | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _Status:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _Status()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "orderLineItemId": lambda n: setattr(self, "order_line_item_id", n.get_int_value()),
            "lineItemNumber": lambda n: setattr(self, "line_item_number", n.get_int_value()),
            "status": lambda n: setattr(self, "status", n.get_str_value()),
            "quantityProvisioningInformation": lambda n: setattr(
                self, "quantity_provisioning_information", n.get_collection_of_object_values(_Quantity)
            ),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("orderLineItemId", self.order_line_item_id)
        writer.write_int_value("lineItemNumber", self.line_item_number)
        writer.write_str_value("status", self.status)
        writer.write_collection_of_object_values(
            "quantityProvisioningInformation", self.quantity_provisioning_information
        )
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _StatusCollection(AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    total_count: int | None = None
    items: list[_Status] | None = None
    attributes: _Attributes | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _StatusCollection:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _StatusCollection()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "totalCount": lambda n: setattr(self, "total_count", n.get_int_value()),
            "items": lambda n: setattr(self, "items", n.get_collection_of_object_values(_Status)),
            "attributes": lambda n: setattr(self, "attributes", n.get_object_value(_Attributes)),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("totalCount", self.total_count)
        writer.write_collection_of_object_values("items", self.items)
        writer.write_object_value("attributes", self.attributes)
        writer.write_additional_data_value(self.additional_data)


@dataclass
class _ServiceError(APIError, AdditionalDataHolder, Parsable):
    additional_data: dict[str, Any] = field(default_factory=dict)
    code: int | None = None
    description: str | None = None

    @staticmethod
    def create_from_discriminator_value(parse_node: ParseNode) -> _ServiceError:
        if parse_node is None:
            raise TypeError("parse_node cannot be null.")
        return _ServiceError()

    def get_field_deserializers(self) -> dict[str, Callable[[ParseNode], None]]:
        return {
            "code": lambda n: setattr(self, "code", n.get_int_value()),
            "description": lambda n: setattr(self, "description", n.get_str_value()),
        }

    def serialize(self, writer: SerializationWriter) -> None:
        writer.write_int_value("code", self.code)
        writer.write_str_value("description", self.description)
        writer.write_additional_data_value(self.additional_data)


_ORDERS = "{+baseurl}/customers/{customer%2Did}/orders{?include_price*}"
_STATUSES = "{+baseurl}/customers/{customer%2Did}/orders/{order%2Did}/provisioningstatus"
_ERRORS: dict[str, Any] = {"XXX": _ServiceError}


class Kiota:
    """Kiota over httpx: default middleware, JSON parse nodes, generated models without a backing store."""

    def __init__(self, port: int) -> None:
        register_default_serializer(JsonSerializationWriterFactory)
        register_default_deserializer(JsonParseNodeFactory)
        self._client = KiotaClientFactory.create_with_default_middleware()
        self._adapter = HttpxRequestAdapter(AnonymousAuthenticationProvider(), http_client=self._client)
        self._adapter.base_url = f"http://127.0.0.1:{port}/v1"

    async def full(self, customer: str) -> int:
        """Walk fully."""
        total = 0
        request = RequestInformation(Method.GET, _ORDERS, {"customer%2Did": customer})
        request.query_parameters["include_price"] = True
        while True:
            request.headers.try_add("Accept", "application/json")
            page: Any = await self._adapter.send_async(request, _OrderCollection, _ERRORS)
            for order in page.items:
                total += full(order, own="self_")
            if page.links is None or page.links.next is None:
                return total
            request = RequestInformation(Method.GET)
            request.url = self._adapter.base_url + page.links.next.uri
            for header in page.links.next.headers:
                request.headers.add(header.key, header.value)

    async def small(self) -> int:
        """Fetch one."""
        request = RequestInformation(Method.GET, _STATUSES, {"customer%2Did": "c", "order%2Did": "o"})
        request.headers.try_add("Accept", "application/json")
        statuses: Any = await self._adapter.send_async(request, _StatusCollection, _ERRORS)
        return sum(each.quantity_provisioning_information[0].quantity for each in statuses.items)

    async def close(self) -> None:
        """End."""
        await self._client.aclose()
