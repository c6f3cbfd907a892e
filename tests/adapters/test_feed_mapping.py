import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.adapters.feeds.writing import feed_of, read

GERMAN = {"decimal": ",", "thousands": "."}
AMERICAN = {"decimal": ".", "thousands": ","}
SWISS = {"decimal": ".", "thousands": "'"}
FRENCH = {"decimal": ",", "thousands": " "}


def became(field: str, cell: Any, column: dict[str, Any] | None = None, **settings: Any) -> Any:
    """Read one cell as one field; a problem is its code."""
    columns = {"sku": "sku", field: {"column": "cell", **(column or {})}}
    feed = feed_of(format="ndjson", columns=columns, **settings)
    came = read(json.dumps({"sku": "A", "cell": cell}), feed)
    if came.problems:
        assert came.rows == []
        (problem,) = came.problems
        assert (problem.position, problem.field) == (1, field.removeprefix("attributes."))
        return problem.code
    (row,) = came.rows
    return (row.attributes or {}).get(field[11:]) if field.startswith("attributes.") else getattr(row, field)


@pytest.mark.parametrize(
    ("cell", "numbers", "quantity"),
    [
        ("7", None, 7),
        (" 7 ", None, 7),
        ("007", None, 7),
        ("7.0", None, 7),
        ("-0", None, 0),
        ("", None, None),
        ("  ", None, None),
        ("7.5", None, "not_whole"),
        ("0.00001", None, "not_whole"),
        ("-3", None, "negative"),
        ("10+", None, "number"),
        ("+10", None, "number"),
        (">100", None, "number"),
        ("N/A", None, "number"),
        ("1e5", None, "number"),
        ("1E+5", None, "number"),
        ("1,000", None, "number"),
        ("1 000", None, "number"),
        ("1_000", None, "number"),
        ("٣", None, "number"),
        ("²", None, "number"),
        ("5 pcs", None, "number"),
        ("0x10", None, "number"),
        ("inf", None, "number"),
        ("nan", None, "number"),
        ("--1", None, "number"),
        ("1.", None, "number"),
        (".5", None, "number"),
        ("999999999", None, 999_999_999),
        ("1000000000", None, "too_large"),
        ("9" * 60, None, "too_large"),
        ("1,000", AMERICAN, 1000),
        ("1,000,000", AMERICAN, 1_000_000),
        ("1,00", AMERICAN, "number"),
        ("10,00,000", AMERICAN, "number"),
        (",100", AMERICAN, "number"),
        ("1.000", GERMAN, 1000),
        ("1.000,0", GERMAN, 1000),
        ("1.000,50", GERMAN, "not_whole"),
        ("1,5", GERMAN, "not_whole"),
        ("1.5", GERMAN, "number"),
        ("1'000", SWISS, 1000),
        ("1 000", FRENCH, 1000),
        ("1\u202f000", FRENCH, 1000),
        (7, GERMAN, 7),
        (7.0, GERMAN, 7),
        (-1, None, "negative"),
        (True, None, "type"),
        ([1], None, "type"),
        ({"a": 1}, None, "type"),
        (None, None, None),
    ],
)
def test_a_quantity_is_exactly_what_its_locale_makes_it_or_refused(cell: Any, numbers: Any, quantity: Any) -> None:
    assert became("quantity", cell, numbers=numbers or {}) == quantity


@pytest.mark.parametrize(
    ("cell", "numbers", "cost"),
    [
        ("12.50", None, Decimal("12.50")),
        ("0", None, Decimal(0)),
        ("1,234.56", AMERICAN, Decimal("1234.56")),
        ("1.234,56", GERMAN, Decimal("1234.56")),
        ("1,234.56", GERMAN, "number"),
        ("12.345678", None, Decimal("12.3457")),
        ("0.00001", None, "too_small"),
        ("9999999999.99999", None, "too_large"),
        ("0.00000", None, Decimal(0)),
        ("€ 12.50", None, "number"),
        ("12.50 EUR", None, "number"),
        ("-1.00", None, "negative"),
        ("10000000000", None, "too_large"),
        (12.1, GERMAN, Decimal("12.1")),
        (0.1, None, Decimal("0.1")),
    ],
)
def test_a_cost_is_a_decimal_of_four_places_never_a_float(cell: Any, numbers: Any, cost: Any) -> None:
    value = became("unit_cost", cell, numbers=numbers or {})
    assert value == cost
    assert not isinstance(value, float)


@pytest.mark.parametrize(
    ("field", "cell", "column", "value"),
    [
        ("quantity", "In Stock", {"values": {"in stock": "10", "N/A": "0"}}, 10),
        ("quantity", " n/a ", {"values": {"in stock": "10", "N/A": "0"}}, 0),
        ("quantity", "", {"values": {"": "0"}}, 0),
        ("quantity", "none", {"values": {"none": ""}}, None),
        ("quantity", "10+", {"unreadable": "empty"}, None),
        ("quantity", "3", {"factor": "12"}, 36),
        ("quantity", "3", {"factor": "0.5"}, "not_whole"),
        ("unit_cost", "1250", {"factor": "0.01"}, Decimal("12.50")),
        ("lead_days", "2", {}, 2),
        ("currency", "usd", {}, "USD"),
        ("currency", "€", {}, "currency"),
        ("discontinued", "Yes", {}, True),
        ("discontinued", "0", {}, False),
        ("discontinued", False, {}, False),
        ("discontinued", "perhaps", {}, "boolean"),
        ("discontinued", "outlet", {"values": {"outlet": "yes"}}, True),
        ("available_on", "2026-02-28", {}, date(2026, 2, 28)),
        ("available_on", "2026-02-28T10:00:00", {}, date(2026, 2, 28)),
        ("available_on", "2026-02-30", {}, "date"),
        ("available_on", "28.02.2026", {}, "date"),
        ("available_on", "28.02.2026", {"format": "%d.%m.%Y"}, date(2026, 2, 28)),
        ("available_on", 46000, {}, "date"),
        ("available_on", "0000-00-00", {"values": {"0000-00-00": ""}}, None),
        ("observed_at", "2026-02-28T10:00:00+02:00", {}, datetime(2026, 2, 28, 8, tzinfo=UTC)),
        ("observed_at", "2026-02-28 10:00", {}, datetime(2026, 2, 28, 10, tzinfo=UTC)),
        ("observed_at", "0001-01-01T00:00:00+14:00", {}, "moment"),
        ("observed_at", "yesterday", {}, "moment"),
        ("restricted_countries", "es, FR,", {}, ["ES", "FR"]),
        ("restricted_countries", "Spain", {"values": {"spain": "ES"}}, ["ES"]),
        ("restricted_countries", "Spain", {}, "country"),
        (
            "images",
            "a.jpg|b.jpg",
            {"separator": "|", "prefix": "https://i.example/"},
            ["https://i.example/a.jpg", "https://i.example/b.jpg"],
        ),
        ("images", ["a,b.jpg"], {}, ["a,b.jpg"]),
        ("images", [["a"]], {}, "type"),
        ("images", ",".join("x" for _ in range(251)), {}, "too_long"),
        ("title", " Pen ", {}, "Pen"),
        ("title", "x" * 301, {}, "too_long"),
        ("title", "a\nb", {}, "control"),
        ("title", "a\x00b", {}, "control"),
        ("title", "a\ud800b", {}, "control"),
        ("title", 12, {}, "12"),
        ("description", "a\nb\tc", {}, "a\nb\tc"),
        ("description", "a\x1bb", {}, "control"),
        ("attributes.colour", "red", {}, "red"),
        ("attributes.colour", "", {}, None),
        ("attributes.weight", "1,5", {"transform": "decimal"}, "number"),
        ("attributes.weight", "-1.5", {"transform": "decimal"}, "-1.5"),
        ("attributes.since", "2026-02-28", {"transform": "date"}, "2026-02-28"),
        ("attributes.tags", "a, b", {"transform": "list"}, ["a", "b"]),
        ("attributes.new", "no", {"transform": "boolean"}, False),
    ],
)
def test_a_cell_becomes_a_value_of_its_field_or_a_problem(field: str, cell: Any, column: Any, value: Any) -> None:
    assert became(field, cell, column) == value


@pytest.mark.parametrize(
    ("cell", "ean"),
    [
        ("4006381333931", "4006381333931"),
        ("4006381333932", "4006381333932"),  # a wrong check digit is the supplier's affair
        (" 4006 3813-33931 ", "4006381333931"),
        ("036000291452", "036000291452"),  # a UPC has twelve digits
        ("96385074", "96385074"),
        ("ab-12", "AB12"),
        ("4.0E+12", "gtin"),
        ("4,00638E+12", "gtin"),
        ("4006381333931.0", "gtin"),
        ("36000291452", "gtin"),  # the same UPC after a spreadsheet
        ("6385074", "6385074"),  # no check digit agrees: a number of its own
        (4006381333931, "4006381333931"),
        (4.00638e30, "gtin"),
        ("1" * 41, "too_long"),
        ("", None),
    ],
)
def test_an_article_number_is_kept_unless_a_spreadsheet_damaged_it(cell: Any, ean: Any) -> None:
    assert became("ean", cell) == ean


@pytest.mark.parametrize(
    ("cell", "sku"),
    [
        (" a  b\u00a0c ", "a b c"),
        ("1E5", "1E5"),
        ("4.01E+12", None),
        ("4,01e+12", None),
        (17, "17"),
        ("A" * 101, None),
        ("A\tB", None),
        ("", None),
        (None, None),
        (["A"], None),
    ],
)
def test_a_sku_is_one_line_of_text_as_the_supplier_writes_it(cell: Any, sku: str | None) -> None:
    came = read(json.dumps({"sku": cell, "n": 1}), feed_of(format="ndjson", columns={"sku": "sku", "quantity": "n"}))
    assert [row.sku for row in came.rows] == ([sku] if sku else [])
    assert [one.field for one in came.problems] == ([] if sku else ["sku"])


def test_every_bad_cell_of_a_row_is_told_of_with_its_text_and_the_rows_sku() -> None:
    came = read("sku,stock,cost,ean,name\nA,1+,x,,\x02\nB,1,1,,ok\n")
    assert came.problem_codes == [(1, "quantity", "number"), (1, "unit_cost", "number"), (1, "title", "control")]
    assert [(one.sku, one.text) for one in came.problems] == [("A", "1+"), ("A", "x"), ("A", "\ufffd")]
    assert came.quantities == {"B": 1}


def test_what_was_sent_is_told_in_a_form_that_can_be_stored() -> None:
    cell = "9" * 500 + "\ud800\x00"
    (problem,) = read(
        json.dumps({"sku": "A", "n": cell}), feed_of(format="ndjson", columns={"sku": "sku", "quantity": "n"})
    ).problems
    assert len(problem.text) == 200
    short = read(
        '{"sku": "A", "n": "1\\u0000\\ud800"}', feed_of(format="ndjson", columns={"sku": "sku", "quantity": "n"})
    )
    assert short.problems[0].text == "1\ufffd\ufffd"


def test_what_was_sent_can_neither_steer_a_terminal_nor_begin_a_line_of_its_own() -> None:
    (problem,) = read('sku,ean,stock,cost,name\nA,,"1\x1b[2J\n\u202eDone: 5\u00a0000",1,x\n').problems
    assert problem.text == "1\ufffd[2J \ufffdDone: 5\u00a0000"


def test_a_constant_stands_for_a_column() -> None:
    columns = {
        "sku": "sku",
        "quantity": {"constant": "5"},
        "currency": {"constant": "usd"},
        "unit_cost": "cost",
        "attributes.origin": {"constant": "EU"},
    }
    (row,) = read("sku,cost\nA,1\n", feed_of(columns=columns)).rows
    assert (row.quantity, row.currency, row.attributes) == (5, "USD", {"origin": "EU"})


def test_the_feeds_currency_stands_where_a_cost_has_none() -> None:
    columns = {"sku": "sku", "unit_cost": "cost", "currency": "currency"}
    came = read("sku,cost,currency\nA,1,\nB,1,SEK\n", feed_of(columns=columns, currency="GBP"))
    assert [row.currency for row in came.rows] == ["GBP", "SEK"]
    stock = read("sku,stock\nA,1\n", feed_of(columns={"sku": "sku", "quantity": "stock"}, currency="GBP"))
    assert stock.rows[0].currency is None


def test_a_constant_that_is_no_value_is_a_finding_and_no_crash() -> None:
    settings = {"columns": {"sku": "sku", "quantity": {"constant": "10+"}}}
    came = read("sku,ean,stock,cost,name\nA,,1,1,x\n", feed_of(**settings))
    assert (came.codes, came.rows) == (["configuration"], [])
