"""What batches are as NDJSON, as CSV, and as a table for people."""

import csv
import io
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import fixtures
import pytest
from batches import BATCHES, TABLES, batch
from hypothesis import example, given
from hypothesis import strategies as st

from partnercenter_async import Customer, CustomerCompanyProfile, Order, OrderLineItem, OrderStatus
from partnercenter_async._session.decoding import decode
from partnercenter_async.export import CUSTOMERS, ORDER_LINES, ORDERS
from partnercenter_async.export.csv import CsvLines
from partnercenter_async.export.pages import Batch, NdjsonLines
from partnercenter_async.export.text import TextLines
from partnercenter_async.models.scalars import parse_timestamp

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
texts = st.text(st.characters(exclude_categories=["Cs"]))
FORMULA_SIGNS = "=+-@\t\r\n＝＋－＠﹦﹢﹣﹫"
IN_FRONT = [*" '\"`\u00a0\u3000\u200b\ufeff\u202e\x00\x1b“’", ""]


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def named(name: str) -> Customer:
    return Customer(id="c", company_profile=CustomerCompanyProfile(company_name=name))


def csv_name(name: str) -> str:
    """What a company's name is in CSV."""
    ((*cells,),) = read(CsvLines(CUSTOMERS).encode(batch([named(name)])))
    return cells[[column.name for column in CUSTOMERS.columns].index("companyName")]


def csv_row(order: Order) -> dict[str, str]:
    lines = CsvLines(ORDERS)
    head, row = read(lines.head + lines.encode(batch([order])))
    return dict(zip(head, row, strict=True))


# NDJSON


def test_ndjson_is_what_the_service_sent_line_by_line():
    lines = (b'{"id":"a","new":1.50}', b'{"id":"b"}')
    ndjson = NdjsonLines()
    assert ndjson.head == b""
    assert ndjson.encode(Batch(items=(), lines=lines, ids={})) == b'{"id":"a","new":1.50}\n{"id":"b"}\n'
    assert ndjson.encode(Batch(items=(), lines=(), ids={})) == b""


# CSV


@each_table
def test_csv_begins_with_the_columns_names(table):
    head = CsvLines(table).head
    assert head.endswith(b"\r\n")
    assert read(head) == [[column.name for column in table.columns]]


@each_table
def test_csv_is_what_the_writer_of_pythons_own_makes(table):
    lines = CsvLines(table)
    data = lines.encode(BATCHES[table])
    again = io.StringIO(newline="")
    csv.writer(again).writerows(read(data))
    assert again.getvalue().encode() == data
    assert len(read(data)) == len(table.rows(BATCHES[table]))


@each_table
def test_a_batch_of_nothing_is_nothing_in_csv(table):
    assert CsvLines(table).encode(batch([])) == b""


@given(texts)
@example('say "hi", twice\r\n')
@example("a\nb")
@example("a\rb")
@example("a\x00b")
@example("=1,2")
@example("'=1")
@example("''")
def test_a_csv_reader_gives_a_text_back(text):
    found = csv_name(text)
    assert found.replace("'", "") == text.replace("'", "")
    if found != text:
        assert any(sign in unicodedata.normalize("NFKC", text) for sign in "=+-@\t\r\n")


@given(texts, texts)
def test_no_two_texts_are_the_same_in_csv(one, other):
    assert (csv_name(one) == csv_name(other)) is (one == other)


@pytest.mark.parametrize("name", ["a;b", "a\tb"])
def test_a_spreadsheet_that_parts_cells_at_semicolons_and_tabs_too_finds_the_same_cells(name):
    data = CsvLines(CUSTOMERS).encode(batch([named(name)])).decode()
    assert f',"{name}",' in data


def test_a_formula_behind_a_semicolon_gets_an_apostrophe_of_its_own():
    assert csv_name("a;=1+1;b; -2;c-d") == "a;'=1+1;b;' -2;c-d"


@given(st.text(st.sampled_from(";,\t\r\n\"' =+-@ab")), st.sampled_from(",;\t"))
def test_no_cell_is_a_formula_whatever_a_spreadsheet_parts_cells_at(name, delimiter):
    data = CsvLines(CUSTOMERS).encode(batch([named(name)])).decode()
    for row in csv.reader(io.StringIO(data, newline=""), delimiter=delimiter):
        for cell in row:
            assert cell.lstrip(' "')[:1] not in {"=", "+", "-", "@"}


@pytest.mark.parametrize("sign", FORMULA_SIGNS)
@pytest.mark.parametrize("front", IN_FRONT)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(front, sign):
    text = f"{front}{sign}cmd|' /C calc'!A0"
    assert csv_name(text) == f"'{text}"


@given(st.text(st.sampled_from("".join(IN_FRONT))), st.sampled_from(FORMULA_SIGNS), texts)
def test_no_cell_begins_with_a_formula_behind_whatever_is_in_front(front, sign, rest):
    assert csv_name(front + sign + rest).startswith(f"'{front}{sign}")


@pytest.mark.parametrize(
    "text", ["Heron & Sons", "1-2", "a=b", "(=1)", "#1", "ヘロン＝会社", "' quoted'", '"x"', "_@", "\x1b["]
)
def test_other_texts_are_left_alone(text):
    assert csv_name(text) == text


def test_a_name_that_the_service_made_up_is_no_formula_either():
    assert csv_row(Order(status=OrderStatus("=1+1")))["status"] == "'=1+1"


def test_ids_that_were_asked_for_are_no_formulas_either():
    (row,) = read(CsvLines(ORDERS).encode(batch([Order()], customerId="=1")))
    assert row[0] == "'=1"


@pytest.mark.parametrize(
    "number", ["-36.480", "0.0", "1E+3", "-1E-9", "12345678901234567890.1234567890123456789", "-0"]
)
def test_a_number_is_its_plain_digits_and_no_formula(number):
    text = csv_row(Order(total_price=Decimal(number)))["totalPrice"]
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert Decimal(text) == Decimal(number)
    assert "E" in number or text == number


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_csv_reader_gives_a_number_back(number):
    assert Decimal(csv_row(Order(total_price=number))["totalPrice"]) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [("NaN", "NaN"), ("sNaN", "sNaN"), ("-NaN", "'-NaN"), ("-sNaN7", "'-sNaN7"), ("-Infinity", "'-Infinity")],
)
def test_what_is_no_number_is_a_text(number, text):
    assert csv_row(Order(total_price=Decimal(number)))["totalPrice"] == text


def test_a_huge_exponent_costs_no_digits():
    assert csv_row(Order(total_price=Decimal("-1E+999999999")))["totalPrice"] == "-1E+999999999"


@given(st.integers(-(10**30), 10**30))
def test_a_csv_reader_gives_a_whole_number_back(number):
    (row,) = read(CsvLines(ORDER_LINES).encode(batch([Order(line_items=(OrderLineItem(quantity=number),))])))
    assert row[[column.name for column in ORDER_LINES.columns].index("quantity")] == str(number)


@pytest.mark.parametrize(("flag", "text"), [(True, "true"), (False, "false"), (None, "")])
def test_a_boolean_is_a_word(flag, text):
    row = csv_row(Order(partner_on_record_attestation_accepted=flag))
    assert row["partnerOnRecordAttestationAccepted"] == text


@pytest.mark.fault("F29")
@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("2030-04-01T10:11:12.1314159Z", "2030-04-01T10:11:12.131415Z"),
        ("2017-02-03T04:05:06.707-08:00", "2017-02-03T12:05:06.707000Z"),
        ("2017-02-03T04:05:06+00:00", "2017-02-03T04:05:06.000000Z"),
        ("\t2017-02-03", "2017-02-03T00:00:00.000000Z"),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+05:30", "0001-01-01T00:00:00.000000+05:30"),
        ("9999-12-31T23:59:59.9999999-08:00", "9999-12-31T23:59:59.999999-08:00"),
    ],
)
def test_a_date_is_in_utc_with_six_digits_of_its_second_cut(wire, text):
    assert csv_row(Order(creation_date=parse_timestamp(wire)))["creationDate"] == text


def test_dates_sort_as_their_texts_do():
    wire = ["2020-01-01T01:00:00+02:00", "2020-01-01", "2019-12-31T23:00:00.0000019Z", "2020-01-01T00:00:00.5"]
    orders = [Order(creation_date=parse_timestamp(text)) for text in wire]
    texts = [csv_row(order)["creationDate"] for order in orders]
    assert len({len(text) for text in texts}) == 1
    assert sorted(texts) == [texts[place] for place in (0, 2, 1, 3)]


@given(st.lists(st.none() | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14))])), max_size=4))
def test_a_csv_reader_gives_a_date_back(dates):
    orders = [Order(creation_date=when) for when in dates]
    rows = read(CsvLines(ORDERS).head + CsvLines(ORDERS).encode(batch(orders)))
    texts = [dict(zip(rows[0], row, strict=True))["creationDate"] for row in rows[1:]]
    assert [datetime.fromisoformat(text) if text else None for text in texts] == dates


def test_each_value_of_an_order_stands_in_its_column():
    order = decode(fixtures.ORDER, Order)
    row = csv_row(order)
    assert row["orderId"] == order.id
    assert row["totalPrice"] == "372.36"
    assert row["currencySymbol"] == "€"
    assert row["creationDate"] == "2030-04-01T10:11:12.131415Z"
    assert row["lineItemCount"] == "1"
    assert row["partnerOnRecordAttestationAccepted"] == "true"


# For people


def places(text: str) -> int:
    """How many places of a terminal a text takes."""
    return sum(
        0 if unicodedata.category(sign) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def cells(table, line: str) -> list[str]:
    """A line's cells, by the places at which the rule has its gaps."""
    found, at = [], 0
    signs = list(line)
    for width in table.shown.values():
        cell, used = "", 0
        while signs and (used < width or (used == width and places(signs[0]) == 0)):
            used += places(signs[0])
            cell += signs.pop(0)
        assert used == width or not signs
        gap, signs = "".join(signs[:2]), signs[2:]
        assert gap in ("  ", "")
        found.append(cell)
        at += width
    assert not signs
    return found


def shown(table, *items, **ids) -> dict[str, str]:
    (line,) = TextLines(table).encode(batch(items, **ids)).decode().removesuffix("\n").split("\n")
    return dict(zip(table.shown, cells(table, line), strict=True))


@each_table
def test_the_head_has_the_names_and_a_rule_as_wide_as_the_columns(table):
    names, rule, end = TextLines(table).head.decode().split("\n")
    assert end == ""
    assert names.split() == list(table.shown)
    assert [len(each) for each in rule.split("  ")] == list(table.shown.values())


@each_table
def test_the_columns_that_people_see_exist_and_have_room_for_their_names(table):
    assert set(table.shown) <= {column.name for column in table.columns}
    assert all(width >= len(name) for name, width in table.shown.items())
    assert len(table.shown) <= 9


@each_table
def test_each_row_is_a_line_with_its_cells_below_their_names(table):
    data = TextLines(table).encode(BATCHES[table]).decode()
    lines = data.removesuffix("\n").split("\n")
    assert len(lines) == len(table.rows(BATCHES[table]))
    for line in lines:
        assert line == line.rstrip()
        cells(table, line)


@given(texts)
@example("日本語の会社名は長いので切られるはずですよね")
@example("한국어 회사 이름")
@example("e\u0301" * 40)
@example("\u0301" * 1000)
@example("日" * 15)
@example("x" + "日" * 15)
@example("\x1b[31mred\x1b[0m")
def test_any_name_takes_its_columns_places_and_steers_nothing(text):
    row = shown(CUSTOMERS, Customer(id="c", company_profile=CustomerCompanyProfile(company_name=text, domain="end")))
    assert places(row["companyName"]) == 30
    assert row["companyName"].isprintable()
    assert row["domain"].rstrip() == "end"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("Heron", "Heron"),
        ("H" * 30, "H" * 30),
        ("H" * 31, "H" * 29 + "…"),
        ("日" * 15, "日" * 15),
        ("日" * 16, "日" * 14 + "…"),
        ("x" + "日" * 15, "x" + "日" * 14 + "…"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\u202eevil", r"\u202eevil"),
        ("a\u2028b", r"a\u2028b"),
        ("日\u3000本\xa0x", "日 本 x"),
    ],
)
def test_a_name_is_cut_and_cleaned(name, cell):
    assert shown(CUSTOMERS, named(name))["companyName"].rstrip() == cell


def test_marks_do_not_pile_up_without_end():
    assert len(shown(CUSTOMERS, named("a" + "\u0301" * 10_000))["companyName"]) < 300


def test_numbers_stand_at_the_right():
    row = shown(ORDERS, Order(total_price=Decimal("-5.50"), line_items=(OrderLineItem(),), currency_code="EUR"))
    assert row["totalPrice"] == "           -5.50"
    assert row["lineItemCount"] == "            1"


def test_what_is_no_number_is_shown_as_its_word():
    row = shown(ORDERS, Order(total_price=Decimal("sNaN"), currency_code="EUR"))
    assert row["totalPrice"].strip() == "sNaN"


def test_a_number_without_room_is_not_shown_as_another():
    row = shown(ORDERS, Order(total_price=Decimal("12345678901234.56"), currency_code="EUR"))
    assert row["totalPrice"] == "#" * 16


@pytest.mark.parametrize(
    ("wire", "cell"),
    [
        ("2030-04-01T10:11:59.9999999Z", "2030-04-01 10:11"),
        ("2030-04-01T23:11:12-07:00", "2030-04-02 06:11"),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31 23:59"),
        ("0001-01-01T00:00:00+05:30", "0001-01-01 00:00"),
    ],
)
def test_a_time_is_shown_in_utc_to_the_minute_and_cut(wire, cell):
    assert shown(ORDERS, Order(creation_date=parse_timestamp(wire), currency_code="x"))["creationDate"] == cell


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])))
def test_any_time_takes_sixteen_places(when: datetime):
    assert len(shown(ORDERS, Order(creation_date=when, currency_code="x"))["creationDate"]) == 16


def test_what_is_missing_is_blank():
    assert TextLines(ORDERS).encode(batch([Order()])).decode().split() == ["0"]


def test_a_row_of_the_table_reads_well():
    order = decode(fixtures.ORDER, Order)
    lines = TextLines(ORDERS)
    text = (lines.head + lines.encode(batch([order]))).decode()
    assert [line.split() for line in text.splitlines()][::2] == [
        list(ORDERS.shown),
        [
            "0f4c8f0a-5a1e-4b0c-9d57-6f1d6a2a7e01",
            "5b1f0e9c77a2",
            "2030-04-01",
            "10:11",
            "completed",
            "annual",
            "1",
            "372.36",
            "EUR",
        ],
    ]
