import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.errors import Refused
from adapters.suppliers.files.profile import FilesProfile, OrderFile
from adapters.suppliers.files.writing import file_name, order_file
from models.money import Money
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder

ADDRESS = Address(
    name="Zaphyra Quillfeather",
    company='Moonlark "Atelier"',
    address1="17 Gingerbread Steps,\nback door",
    city="Madrid",
    postal_code="28001",
    country_code="ES",
    phone="+34600999888",
    email="zaphyra@quillfeather.example",
)
LINES = (
    SupplierLine(ean="4006381333931", quantity=2, sku="S-1", unit_cost=Money(amount=Decimal("7.20"), currency="EUR")),
    SupplierLine(ean="8411061123456", quantity=1),
)
ORDER = SupplierOrder(
    number="DW-1-11",
    lines=LINES,
    quote_id="table",
    address=ADDRESS,
    test=False,
    carrier="GLS",
    placed_on=date(2026, 3, 2),
    ship_by=date(2026, 3, 4),
)
REMOTE = {"url": "file:///srv/edi"}


def written(*orders: SupplierOrder, **profile: Any) -> bytes:
    return order_file(OrderFile.model_validate(profile), orders or (ORDER,), control=17)


def test_the_default_is_a_row_per_line_with_the_orders_fields_repeated() -> None:
    assert written().decode().splitlines() == [
        "po_number,order_date,line,supplier_sku,ean,qty,unit_cost,currency,ship_name,ship_company,ship_addr1,"
        "ship_addr2,ship_city,ship_state,ship_postcode,ship_country,ship_phone,ship_email,ship_method",
        'DW-1-11,2026-03-02,1,S-1,4006381333931,2,7.20,EUR,Zaphyra Quillfeather,"Moonlark ""Atelier""",'
        '"17 Gingerbread Steps, back door",,Madrid,,28001,ES,+34600999888,zaphyra@quillfeather.example,GLS',
        'DW-1-11,2026-03-02,2,,8411061123456,1,,,Zaphyra Quillfeather,"Moonlark ""Atelier""",'
        '"17 Gingerbread Steps, back door",,Madrid,,28001,ES,+34600999888,zaphyra@quillfeather.example,GLS',
    ]
    assert written().endswith(b"GLS\r\n")


def test_columns_dialect_and_ways_to_ship_are_the_partners() -> None:
    body = written(
        columns={
            "Bestellung": "po_number",
            "Preis": "unit_cost",
            "Datum": "ship_by",
            "Art": "=D",
            "Versand": "ship_method",
        },
        delimiter=";",
        decimal=",",
        date_format="%d.%m.%Y",
        quoting="all",
        line_end="lf",
        byte_order_mark=True,
        ship_methods={"GLS": "17"},
    )
    assert body == (
        b"\xef\xbb\xbf"
        b'"Bestellung";"Preis";"Datum";"Art";"Versand"\n'
        b'"DW-1-11";"7,20";"04.03.2026";"D";"17"\n'
        b'"DW-1-11";"";"04.03.2026";"D";"17"\n'
    )


def test_without_a_header_only_lines_are_written() -> None:
    assert written(columns={"1": "po_number", "2": "line"}, header=False) == b"DW-1-11,1\r\nDW-1-11,2\r\n"


def test_xml_has_an_element_per_line_as_deep_as_asked_for() -> None:
    columns = {"@no": "line", "order/number": "po_number", "order/@date": "order_date", "article": "ean"}
    root = ElementTree.fromstring(written(format="xml", columns=columns, root="batch", record="item"))
    assert root.tag == "batch"
    assert [item.get("no") for item in root.findall("item")] == ["1", "2"]
    assert [item.findtext("order/number") for item in root] == ["DW-1-11", "DW-1-11"]
    assert root[0].find("order").get("date") == "2026-03-02"  # type: ignore[union-attr]
    assert root[1].findtext("article") == "8411061123456"


def test_several_orders_share_a_file() -> None:
    other = ORDER.model_copy(update={"number": "DW-2-11"})
    rows = list(csv.DictReader(io.StringIO(written(ORDER, other).decode(), newline="")))
    assert [row["po_number"] for row in rows] == ["DW-1-11", "DW-1-11", "DW-2-11", "DW-2-11"]


@pytest.mark.parametrize(("for_people", "expected"), [(False, "=SUM(A1)"), (True, "'=SUM(A1)")])
def test_formulas_are_neutralised_only_where_people_open_the_file(for_people: bool, expected: str) -> None:
    order = ORDER.model_copy(update={"address": ADDRESS.model_copy(update={"name": "=SUM(A1)"})})
    body = written(order, columns={"name": "ship_name", "phone": "ship_phone"}, for_people=for_people)
    row = next(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert row["name"] == expected
    assert row["phone"] == ("'+34600999888" if for_people else "+34600999888")


def test_letters_that_an_encoding_lacks_lose_their_accents_or_the_order_is_refused() -> None:
    def of(name: str) -> SupplierOrder:
        return ORDER.model_copy(update={"address": ADDRESS.model_copy(update={"name": name})})

    columns = {"name": "ship_name"}
    assert written(
        of("Müller Dvořák"), columns=columns, encoding="cp1252"
    ) == "name\r\nMüller Dvorák\r\nMüller Dvorák\r\n".encode("cp1252")
    with pytest.raises(Refused) as caught:
        written(of("日本"), columns=columns, encoding="cp1252")
    assert caught.value.code == "not_encodable"
    assert "日本" not in str(caught.value)


def test_an_order_with_more_lines_than_the_partner_takes_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        written(max_rows=1)
    assert caught.value.code == "too_many_lines"


@given(st.text(max_size=80), st.sampled_from(['"', ";", ",", "\r\n", "\n", "\x00", "\x1f", "'"]))
def test_whatever_an_address_holds_stays_one_cell_of_one_row(text: str, trap: str) -> None:
    name = f"{text[:40]}{trap}{text[40:]}"
    order = ORDER.model_copy(update={"address": Address.model_construct(**{**ADDRESS.model_dump(), "name": name})})
    text_written = written(order, columns={"name": "ship_name", "po": "po_number"}).decode("utf-8", "surrogatepass")
    rows = list(csv.reader(io.StringIO(text_written, newline=""), strict=True))
    assert [len(row) for row in rows] == [2, 2, 2]
    assert {row[1] for row in rows[1:]} == {"DW-1-11"}


def test_a_name_tells_type_partner_time_and_control_number() -> None:
    profile = FilesProfile.model_validate({"partner": "acme", "remote": REMOTE})
    at = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
    assert file_name(profile, profile.orders, 17, at) == "orders_acme_20260302101500_17.csv"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"orders": {"columns": {"po": "number"}}}, "no such fields: number"),
        ({"orders": {"format": "xml", "columns": {"po number": "po_number"}}}, "no names of elements"),
        ({"orders": {"batch": "7m"}}, "a window that a day is a multiple of"),
        ({"orders": {"encoding": "klingon"}}, "encoding: there is no such encoding"),
        ({"file_name": "{type}_{time}"}, "a name with {control}"),
        ({"file_name": "../{control}"}, "a name with {control}"),
        ({"acknowledgements": {"columns": {"number": "po"}}}, "needed: status"),
        ({"shipments": {"columns": {"number": "po", "colour": "c"}}}, "no such fields: colour"),
        ({"invoices": {"columns": {"number": "po", "invoice": "i"}}}, "needed: total"),
        ({"cancellations": {"columns": {"po": "ean"}}}, "a cancellation names po_number"),
        ({"acknowledgements": {"files": "*"}, "shipments": {"files": "*"}}, "a pattern of its own"),
    ],
)
def test_a_profile_that_can_not_work_is_said_where_it_is_written(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FilesProfile.model_validate({"partner": "acme", "remote": REMOTE, **wrong})


@pytest.mark.parametrize("sign", ["\uff1b", "\u037e", "\uff02"])
def test_a_sign_that_becomes_a_delimiter_in_the_partners_encoding_stays_in_its_cell(sign: str) -> None:
    address = ADDRESS.model_copy(update={"name": f"Zaphyra{sign}9999{sign}Quillfeather"})
    order = ORDER.model_copy(update={"address": address})
    body = written(order, delimiter=";", encoding="cp1252")
    rows = list(csv.reader(io.StringIO(body.decode("cp1252")), delimiter=";"))
    assert {len(row) for row in rows} == {len(rows[0])}
    like = '"' if sign == "\uff02" else ";"
    assert rows[1][8] == f"Zaphyra{like}9999{like}Quillfeather"


def test_a_likeness_of_a_formula_is_neutralised_too() -> None:
    order = ORDER.model_copy(update={"address": ADDRESS.model_copy(update={"name": "\uff1d1+1"})})
    rows = list(csv.reader(io.StringIO(written(order, encoding="cp1252", for_people=True).decode("cp1252"))))
    assert rows[1][8] == "'=1+1"


def test_what_xml_can_not_hold_is_no_letter() -> None:
    order = ORDER.model_copy(update={"address": ADDRESS.model_copy(update={"name": "Zaphyra\ufffe\x00Q"})})
    body = written(order, format="xml", columns={"name": "ship_name"}, record="line", root="orders")
    assert ElementTree.fromstring(body).findtext("line/name") == "Zaphyra Q"
