"""From bytes to structs: the scalars, the second look, and what nothing can read."""

import copy
import gc
import itertools
import json
import pickle
import re
import weakref
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Annotated

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partnercenter_async import (
    ApiError,
    BillingCycleType,
    Customer,
    DecodeError,
    NewCommerceMigration,
    NewCommerceMigrationEvent,
    Order,
    OrderLineItem,
    OrderStatus,
    ResourceCollection,
    Timestamp,
)
from partnercenter_async._session import decoding
from partnercenter_async._session.decoding import decode
from partnercenter_async.models.scalars import FrozenObject, OpenEnum, freeze, parse_timestamp

KINDS = [Order, ResourceCollection[Order], tuple[NewCommerceMigrationEvent, ...], Customer, ApiError]


def second_look(body: bytes, into):
    """What the tolerant path alone makes of a body."""
    reader = decoding._reader(into)
    assert reader is not None
    return reader(decoding._untyped.decode(body))


def order(**fields) -> Order:
    return decode(json.dumps(fields).encode(), Order)


fractions = st.text("0123456789", max_size=9)
offsets = st.one_of(
    st.sampled_from(["", "Z", "+00:00", "-00:00"]),
    st.builds("{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59)),
)


@pytest.mark.fault("F29")
@given(st.datetimes(), fractions, offsets)
@example(datetime(9999, 12, 31, 23, 59, 59), "9999999", "Z")
@example(datetime(1, 1, 1), "", "")
@example(datetime(1, 1, 1), "0000001", "+23:59")
@example(datetime(9999, 12, 31, 23, 59, 59), "999999999", "-23:59")
def test_every_date_is_cut_to_microseconds_in_utc_or_its_offset(moment, fraction, offset):
    text = moment.isoformat(timespec="seconds") + ("." + fraction if fraction else "") + offset
    body = json.dumps({"creationDate": text}).encode()
    read = decode(body, Order).creation_date
    assert read is not None
    assert read.replace(tzinfo=None) == moment.replace(microsecond=int(fraction[:6].ljust(6, "0") or 0))
    minutes = (int(offset[1:3]) * 60 + int(offset[4:])) * (-1 if offset[0] == "-" else 1) if len(offset) > 1 else 0
    assert type(read) is datetime
    assert type(read.tzinfo) is timezone
    assert (read.tzinfo is UTC) == (minutes == 0)
    assert read.utcoffset() == timedelta(minutes=minutes)
    tolerant = second_look(body, Order).creation_date
    assert (tolerant, tolerant.tzinfo) == (read, read.tzinfo)
    for again in (pickle.loads(pickle.dumps(read)), copy.copy(read), copy.deepcopy(read)):
        assert (again, hash(again), again.isoformat()) == (read, hash(read), read.isoformat())
        assert (again.tzinfo is UTC) == (read.tzinfo is UTC)


GRAMMAR = re.compile(
    r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt\s]+([0-9]{2}):\s*([0-9]{2}):\s*([0-9]{2})(?:\.([0-9]+))?\s*(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?)?\s*"
)


def documented(text: str) -> datetime | None:
    """A date by what is documented alone, digit by digit."""
    found = GRAMMAR.fullmatch(text)
    if found is None:
        return None
    *numbers, fraction, sign, hours, minutes = found.groups("0")
    if int(minutes) > 59:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        return datetime(*map(int, numbers), int(fraction[:6].ljust(6, "0")), timezone(offset))
    except ValueError:
        return None


def parsed(parse, text: str) -> datetime | None:
    try:
        return parse(text)
    except ValueError:
        return None


def read_as_documented(text: str) -> None:
    """By either look."""
    expected = documented(text)
    for parse in (parse_timestamp, partial(decoding._hook, Timestamp)):
        read = parsed(parse, text)
        assert read == expected, text
        assert read is None or (read.isoformat(), read.tzinfo) == (expected.isoformat(), expected.tzinfo), text


pieces = st.sampled_from(
    ["2020", "-01", "-W01", "-1", "W011", "-001", "0101", "T", "t", " ", "24", "00", "23", "60", ":59", ":", ":60",
     ":00", "000000", ".", ",", ".5", ".1234567", "Z", "z", "+", "-", "+01:00", "-0830", "+05:99", "+24:00", "+01",
     "\u00a0", "٠", "²",
     "2020-01-01", "2020-02-30", "T00:00:00", "T24:00:00", "T12:34:56", "2020-W01-1", "0000-01-01", "UTC", "\n", "\x00"]
)  # fmt: skip


@pytest.mark.fault("F29")
@given(
    st.one_of(
        st.lists(pieces, max_size=8).map("".join),
        st.from_regex(GRAMMAR, fullmatch=True),
        st.datetimes().map(lambda when: when.strftime("%G-W%V-%uT%H:%M:%S.%fZ")),
        st.datetimes().map(lambda when: when.strftime("%Y-%jT%H:%M:%SZ")),
    )
)
def test_what_is_taken_for_a_date_is_what_is_documented(text):
    read_as_documented(text)


ODD = "0129 :-+.,TZWz\x00٠²é"


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    "text", ["2020-01-01T00:00:00.1234567Z", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "2020-01-01T00:00:00+02:00"]
)
def test_no_date_with_two_odd_characters_is_taken_for_another(text):
    for first, second in itertools.combinations(range(len(text)), 2):
        for one, two in itertools.product(ODD, ODD):
            read_as_documented(text[:first] + one + text[first + 1 : second] + two + text[second + 1 :])


@pytest.mark.fault("F29")
@pytest.mark.parametrize("text", ["2020-01-01T00:00:00.1234567Z", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+02:00"])
def test_no_part_of_a_date_is_taken_for_another(text):
    for start, end in itertools.combinations(range(len(text) + 1), 2):
        read_as_documented(text[:start] + text[end:])
        for odd in ODD:
            read_as_documented(text[:start] + odd + text[end:])


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    "text",
    [
        "2020-W01-1T00:00:00Z",
        "2020-W01-1",
        "2020-W01",
        "2020W011T000000Z",
        "2020-001T00:00:00Z",
        "2020-001",
        "20200101",
        "20200101T000000Z",
        "2020-01",
        "2020-01-01T00Z",
        "2020-01-01T00:00Z",
        "2020-01-01T00:00:00,5Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T24:00:00",
        "2020-01-01T24:00:00.0000000Z",
        "2020-01-01 24:00:00+02:00",
        "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00+01",
        "2020-01-01T00:00:00+01:00:30",
        "2020-01-01T00:00:00+05:99",
        "2020-01-01T00:00:00-24:00",
        "2020-01-01x00:00:00Z",
        "0000-01-01T00:00:00Z",
        "+2020-01-01T00:00:00Z",
    ],
)
def test_other_forms_of_iso_are_no_dates_of_the_services(text):
    with pytest.raises(DecodeError) as caught:
        order(creationDate=text)
    assert caught.value.path == "$.creationDate"


@pytest.mark.fault("F29")
def test_dates_of_one_offset_share_their_time_zone():
    texts = ["2020-01-01T00:00:00+02:00", "2021-12-31 23:59:59.5 +02:00"]
    one, other = [order(creationDate=text).creation_date for text in texts]
    assert one.tzinfo is other.tzinfo
    assert repr(one.tzinfo) == "datetime.timezone(datetime.timedelta(seconds=7200))"


@pytest.mark.parametrize(
    "text", ["2026-03-31T08:15:30{}x", "2026-03-31{}x", "2026-03-31T08:{}x", "{}x", "2026-03-31{}T"]
)
def test_a_megabyte_of_blanks_is_refused_at_once(text):
    with pytest.raises(ValueError, match="is not a date"):
        parse_timestamp(text.format(" " * 1_000_000))


@pytest.mark.fault("F29")
def test_an_end_of_day_stays_on_its_day():
    read = order(creationDate="2022-12-31T23:59:59.9999999Z").creation_date
    assert read == datetime(2022, 12, 31, 23, 59, 59, 999999, UTC)


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2023-05-18", "2023-05-18T00:00:00+00:00"),
        ("2023-05-18TT21:22:26.7034834Z", "2023-05-18T21:22:26.703483+00:00"),
        ("2016-12-12T08: 00: 00Z", "2016-12-12T08:00:00+00:00"),
        ("2022-10-30T00:00:00", "2022-10-30T00:00:00+00:00"),
        ("2017-01-25T14:53:12.093-08:00", "2017-01-25T14:53:12.093000-08:00"),
        ("2017-01-25T14:53:12-0800", "2017-01-25T14:53:12-08:00"),
        ("2020-01-02t03:04:05z", "2020-01-02T03:04:05+00:00"),
        ("2020-01-02 03:04:05", "2020-01-02T03:04:05+00:00"),
    ],
)
def test_every_damaged_shape_is_read(text, iso):
    read = order(creationDate=text).creation_date
    assert read is not None
    assert read.isoformat() == iso


@pytest.mark.fault("F29")
def test_a_mixed_list_of_dates_sorts():
    texts = ["9999-12-31T23:59:59.9999999Z", "2020-01-01", "0001-01-01T00:00:00", "2020-01-01T00:00:00+02:00"]
    dates = sorted(parse_timestamp(text) for text in texts)
    assert dates == [parse_timestamp(texts[place]) for place in (2, 3, 1, 0)]
    assert len({date.astimezone(UTC) for date in dates[1:3]}) == 2


@pytest.mark.fault("F29")
def test_a_date_that_is_none_is_none_or_an_error_with_its_place():
    assert order(creationDate="").creation_date is None
    assert order(creationDate=" ").creation_date is None
    for bad in (
        "soon",
        "2020-13-01",
        "2020-01-01T25:00:00Z",
        "2020-01-01T00:00:00+99:00",
        "٢٠٢٠-01-01T00:00:00Z",
        5,
        [],
        {},
    ):
        with pytest.raises(DecodeError) as caught:
            order(lineItems=[{}, {"customTermEndDate": bad}])
        if bad != []:
            assert caught.value.path == "$.lineItems[1].customTermEndDate"


@pytest.mark.fault("F28")
@pytest.mark.parametrize(
    ("wire", "member"),
    [
        ("one_time", BillingCycleType.ONE_TIME),
        ("OneTime", BillingCycleType.ONE_TIME),
        ("ONE TIME", BillingCycleType.ONE_TIME),
        ("onetime", BillingCycleType.ONE_TIME),
        (4, BillingCycleType.ONE_TIME),
        ("4", BillingCycleType.ONE_TIME),
        ("Monthly", BillingCycleType.MONTHLY),
        (0, BillingCycleType.UNKNOWN),
        ("none", BillingCycleType.NONE),
    ],
)
def test_another_spelling_of_a_name_or_its_number_is_the_member(wire, member):
    assert order(billingCycle=wire).billing_cycle is member


@pytest.mark.fault("F28")
@pytest.mark.parametrize("wire", ["BrandNew", "brand_new ", "7", 7, "99", 12345, "ünknown"])
def test_a_name_that_is_not_known_is_kept(wire):
    read = order(billingCycle=wire).billing_cycle
    assert isinstance(read, BillingCycleType)
    assert not read.is_known
    assert read == str(wire) == str(read)
    assert hash(read) == hash(str(wire))
    assert read == BillingCycleType(str(wire))
    assert pickle.loads(pickle.dumps(read)) == read
    assert copy.deepcopy(read) == read
    assert msgspec.to_builtins(read) == str(wire)
    assert msgspec.json.encode(read) == json.dumps(str(wire), ensure_ascii=False).encode()
    assert BillingCycleType.MONTHLY.is_known


@pytest.mark.fault("F28")
def test_no_cache_keeps_a_name_that_is_not_known():
    class Watched(OpenEnum):
        A = "a"

    before = len(Watched._value2member_map_)
    watched = weakref.ref(Watched("new-1"))
    for number in range(100):
        Watched(f"new-{number}")
    gc.collect()
    assert watched() is None
    assert len(Watched._value2member_map_) == before


@pytest.mark.fault("F28")
@pytest.mark.parametrize(
    ("field", "wire", "held"),
    [
        ("totalPrice", "36.480", Decimal("36.480")),
        ("totalPrice", 5, Decimal(5)),
        ("totalPrice", "", None),
        ("id", 12345, "12345"),
        ("id", None, ""),
        ("currencyCode", True, "true"),
        ("currencyCode", 1.5, "1.5"),
        ("status", "", None),
        ("lineItems", "", ()),
        ("lineItems", [None, {}], (OrderLineItem(),)),
        ("partnerOnRecordAttestationAccepted", "True", True),
        ("partnerOnRecordAttestationAccepted", 0, False),
        ("partnerOnRecordAttestationAccepted", "", None),
        ("client", [], None),
        ("links", "", None),
    ],
)
def test_odd_values_are_read(field, wire, held):
    name = msgspec.inspect.type_info(Order).fields
    attribute = next(each.name for each in name if each.encode_name == field)
    assert getattr(order(**{field: wire}), attribute) == held


@pytest.mark.fault("F28")
@pytest.mark.parametrize(("wire", "held"), [("7", 7), ("7.0", 7), (7.0, 7), (" 7 ", 7), ("", None), ("-3", -3)])
def test_quantities_in_other_clothes_are_read(wire, held):
    assert decode(json.dumps({"quantity": wire}).encode(), OrderLineItem).quantity == held


@pytest.mark.parametrize("wire", ["7.5", 7.5, "x", True, [], {}, "1e9", "9" * 5000])
def test_what_is_no_quantity_is_an_error(wire):
    with pytest.raises(DecodeError) as caught:
        decode(json.dumps({"quantity": wire}).encode(), OrderLineItem)
    assert caught.value.path == "$.quantity"


def test_money_is_exact():
    text = "123456789012345678901234567890.123456789012345678901234567890"
    assert str(decode(f'{{"totalPrice": {text}}}'.encode(), Order).total_price) == text
    assert str(decode(b'{"totalPrice": 438.0}', Order).total_price) == "438.0"


@pytest.mark.fault("F28")
@pytest.mark.parametrize("quantity", [3, "3"], ids=["first look", "second look"])
def test_numbers_in_free_form_objects_keep_their_digits(quantity):
    context = '{"fraction": 0.10, "long": 123456789012345.123456789, "inner": {"list": [1.50]}}'
    body = f'{{"lineItems": [{{"quantity": {json.dumps(quantity)}, "provisioningContext": {context}}}]}}'
    (line,) = decode(body.encode(), Order).line_items
    assert line.quantity == 3
    held = line.provisioning_context
    assert [str(held["fraction"]), str(held["long"])] == ["0.10", "123456789012345.123456789"]
    assert str(held["inner"]["list"][0]) == "1.50"


def test_numbers_in_a_dict_of_the_callers_own_keep_their_digits():
    found = decode(b'{"price": 0.10, "rows": [{"price": 123456789012345.123456789}]}', dict)
    assert [str(found["price"]), str(found["rows"][0]["price"])] == ["0.10", "123456789012345.123456789"]


def test_an_object_in_a_list_of_its_own_is_read():
    line = decode(b'{"renewsTo": [{"termDuration": "P1Y"}], "quantity": 1}', OrderLineItem)
    assert line.renews_to is not None
    assert line.renews_to.term_duration == "P1Y"


@pytest.mark.fault("F28")
def test_one_odd_record_does_not_fail_its_page():
    good = [{"id": f"o{number}", "totalPrice": 1.5} for number in range(5)]
    odd = {"id": 7, "totalPrice": "2.50", "lineItems": None, "status": 3, "creationDate": "2020-01-01"}
    page = decode(json.dumps({"items": [*good, odd], "totalCount": "6"}).encode(), ResourceCollection[Order])
    assert [each.id for each in page.items] == ["o0", "o1", "o2", "o3", "o4", "7"]
    assert page.total_count == 6
    assert page.items[5].status is OrderStatus.CANCELLED


def test_what_cannot_be_read_is_an_error_with_its_place_and_the_body():
    body = json.dumps({"items": [{}, {"lineItems": [{"pricing": {"price": {"a": 1}}}]}]}).encode()
    with pytest.raises(DecodeError) as caught:
        decode(body, ResourceCollection[Order])
    assert caught.value.path == "$.items[1].lineItems[0].pricing.price"
    assert caught.value.body == body
    assert "expected a number, got dict" in str(caught.value)


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"null",
        b"[",
        b'{"id": "x"',
        b"<html>" + b"x" * 1000,
        '{"id": "x"}'.encode("utf-16"),
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"lineItems": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"totalPrice": 1' + b"0" * 5000 + b"x}",
        b'{"totalPrice": 1e99999999999999999999}',
        b'{"lineItems": [{"quantity": 1e99999999999999999999}]}',
        b'{"lineItems": [{"provisioningContext": {"a": 1e99999999999999999999}}]}',
        b"\xef\xbb\xbf",
        b'"text"',
        b"7",
    ],
)
def test_what_is_no_such_json_is_a_typed_error(body):
    with pytest.raises(DecodeError) as caught:
        decode(body, Order)
    assert caught.value.body == body
    assert len(caught.value.message) < 500


@pytest.mark.fault("F27")
@given(st.sampled_from(KINDS), st.one_of(st.binary(max_size=200), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_a_value_or_a_typed_error(kind, body):
    try:
        decode(body, kind)
    except DecodeError:
        pass


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12),
    st.sampled_from(["monthly", "OneTime", "4", "2020-01-01T00:00:00Z", "2020-01-01", "36.48", "", "true", "1e5"]),
)  # fmt: skip
names = st.sampled_from(
    sorted({each.encode_name for kind in (Order, OrderLineItem, NewCommerceMigration, ApiError, Customer)
            for each in msgspec.inspect.type_info(kind).fields} | {"items", "price", "key", "value", "uri"})
)  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=5)),
    max_leaves=12,
)


@pytest.mark.fault("F27")
@given(st.sampled_from(KINDS), documents)
def test_any_document_is_a_value_or_a_typed_error_and_both_looks_agree(kind, document):
    body = msgspec.json.encode(document)
    try:
        fast = decoding._decoder(kind).decode(body)
    except msgspec.ValidationError:
        try:
            decode(body, kind)
        except DecodeError as error:
            assert error.path.startswith("$")
        return
    assert second_look(body, kind) == fast


def test_a_type_of_the_callers_own_is_decoded_or_a_typed_error():
    assert decode(b'{"a": 1.5}', dict) == {"a": Decimal("1.5")}
    assert decode(b"[1, 2]", set[int]) == {1, 2}
    with pytest.raises(DecodeError) as caught:
        decode(b'{"a": [1, "x"]}', dict[str, set[int]])
    assert caught.value.path == "$[...][1]"

    class Mine(msgspec.Struct):
        needed: int

    assert decode(b'{"needed": "5"}', Mine).needed == 5
    for body in (b"{}", b'{"needed": null}'):
        with pytest.raises(DecodeError):
            decode(body, Mine)
    assert decode(b'[1, "2"]', list[int]) == [1, 2]


class Limited(msgspec.Struct):
    few: Annotated[tuple[int, ...], msgspec.Meta(max_length=2)] = ()
    small: Annotated[int, msgspec.Meta(le=9)] = 0
    plain: int = 0


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    plain: int = 0


class Tagged(msgspec.Struct, tag="this"):
    plain: int = 0


class Flat(msgspec.Struct, array_like=True):
    plain: int = 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Limited, b'{"few": [1, 2, 3]}'),
        (Limited, b'{"small": 10}'),
        (Limited, b'{"plain": "7", "small": 10}'),
        (Closed, b'{"other": 1}'),
        (Tagged, b'{"type": "that"}'),
        (list[Tagged], b'[{"type": "that"}]'),
        (Flat, b'["x"]'),
    ],
)
def test_what_a_type_of_the_callers_own_forbids_is_never_read_past(kind, body):
    with pytest.raises(DecodeError):
        decode(body, kind)


class Checked(msgspec.Struct):
    first: int
    last: int

    def __post_init__(self):
        if self.first > self.last:
            raise ValueError("first is behind last")


@pytest.mark.parametrize("body", [b'{"first": 2, "last": 1}', b'{"first": "2", "last": 1}', b'{"first": "2"}'])
def test_a_check_of_the_callers_own_is_a_typed_error(body):
    with pytest.raises(DecodeError):
        decode(body, Checked)


@pytest.mark.parametrize(
    "odd",
    [
        {"code": [3000]},
        {"message": {}},
        {"data": [{}]},
        {"isRetryable": "perhaps"},
        {"parameters": 5},
        {"statusCode": "many"},
        {"error": [1, 2]},
    ],
)
def test_one_odd_member_of_an_error_body_costs_only_itself(odd):
    body = {"code": 3000, "description": "It is not there.", "source": "PartnerFD"}
    read = decode(json.dumps(body | odd).encode(), ApiError)
    assert read.code == (None if "code" in odd else 3000)
    assert (read.description, read.source) == ("It is not there.", "PartnerFD")


@pytest.mark.fault("F27")
@pytest.mark.parametrize("deep", [b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 900 + b"]" * 900])
def test_what_is_nested_deeper_than_python_can_pickle_is_refused(deep):
    with pytest.raises(DecodeError) as caught:
        decode(b'{"id":"o","lineItems":[{"provisioningContext":{"a":' + deep + b"}}]}", Order)
    assert caught.value.path in {"$.lineItems[0].provisioningContext", "$"}
    error = decode(b'{"code":3000,"parameters":{"a":' + deep + b"}}", ApiError)
    assert (error.code, error.parameters) == (3000, None)


def test_errors_within_errors_are_read_to_a_depth_that_makes_sense():
    error = decode(b'{"code":1,"error":' * 8 + b"{}" + b"}" * 8, ApiError)
    assert pickle.loads(pickle.dumps(error)) == copy.deepcopy(error) == error
    with pytest.raises(DecodeError, match="too deep"):
        decode(b'{"code":1,"error":' * 9 + b"{}" + b"}" * 9, ApiError)


def test_what_is_kept_of_how_types_are_read_is_small_and_keeps_types_apart():
    """Types are known by their identity, which another may have once one is gone."""
    for number in range(3 * decoding._MOST_WAYS):
        kind = msgspec.defstruct(f"Kind{number}", [("id", str), (f"own{number}", int, number)])
        assert decode(b'{"id":"o"}', kind) == kind(id="o")
        assert len(decoding._ways) <= decoding._MOST_WAYS
    assert decode(b'{"items":[{"id":"o"}]}', ResourceCollection[Order]).items == (Order(id="o"),)


free_form = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(free_form)
def test_a_free_form_object_is_frozen_wholly_by_either_look(given):
    read, expected = decoding._hook(FrozenObject, given), freeze(given)
    assert read == expected == decoding._object(given)
    assert hash(read) == hash(expected)
    assert repr(read) == repr(expected)
    assert type(read) is FrozenObject


def test_a_fraction_of_any_length_is_cut():
    for zone in ("", "Z", "-08:00"):
        read = parse_timestamp("2026-03-31T08:15:30." + "1" * 6 + "9" * 1_000_000 + zone)
        assert (read.second, read.microsecond) == (30, 111111)


@pytest.mark.parametrize("text", ["2026-03-31T08:15+01.1234567Z", "2026-03-31T23:59,59.9999999Z", "2026-03-31T08:15"])
def test_what_has_no_seconds_behind_a_colon_is_no_date(text):
    with pytest.raises(ValueError, match="is not a date"):
        parse_timestamp(text)


def test_a_date_that_is_no_text_is_named_as_such():
    class Odd(msgspec.Struct):
        when: Timestamp | None = None
        rate: float = 0.0  # which no resource has, so there is no second look

    with pytest.raises(DecodeError, match=r"Expected `Timestamp`, got `list`.*when"):
        decode(b'{"when": [1]}', Odd)
