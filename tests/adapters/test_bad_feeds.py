"""Feeds as they come when something went wrong at the supplier: each is refused, or its rows are, never guessed at."""

import codecs
import io
import zipfile
from typing import Any

import pytest

from models.feeds import Feed
from tests.adapters.feeds.writing import (
    COLUMNS,
    HEADER,
    ROWS,
    csv,
    feed_of,
    gzipped,
    read,
    xml,
    xml_feed,
    xml_records,
    zipped,
)

MANY = tuple(f"S-{number},,{number % 90},1.00,Thing" for number in range(2_000))
STRICT = {"thresholds": {"max_share_unreadable": 0.02, "max_share_bad_gtin": 0.001, "max_share_maxed": 0.5}}
JSON_COLUMNS = {"sku": "id", "quantity": "stock"}
BOMB = b"\n" * 8_000_000
ZERO_GZIP = gzipped(csv())
LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


def workbook() -> bytes:
    return zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})


def encrypted() -> bytes:
    """A ZIP whose only entry says that it is encrypted."""
    body = bytearray(zipped({"stock.csv": csv()}))
    body[6] |= 1
    body[body.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(body)


def with_flipped_byte(body: bytes, place: int) -> bytes:
    return body[:place] + bytes([body[place] ^ 0xFF]) + body[place + 1 :]


def linked() -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        entry = zipfile.ZipInfo("stock.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/hostname")
    return stored.getvalue()


def a_feed(**settings: Any) -> Feed:
    return feed_of(**settings)


WHOLE: dict[str, tuple[bytes, Feed, str]] = {
    # Nothing in it.
    "zero bytes": (b"", a_feed(), "no_rows"),
    "only blank lines": (b"\n\r\n\n", a_feed(), "no_rows"),
    "only a BOM": (codecs.BOM_UTF8, a_feed(), "no_rows"),
    "header only": (csv(header=HEADER)[: len(HEADER) + 1], a_feed(), "no_rows"),
    "no json rows": (b"\n", a_feed(format="ndjson", columns=JSON_COLUMNS), "no_rows"),
    "zero bytes of xml": (b"", xml_feed(), "no_rows"),
    "xml without a record": (xml(), xml_feed(), "no_records"),
    "another record element": (xml(*xml_records([("A", "1", "1")])), xml_feed(record="product"), "no_records"),
    "another namespace": (xml(*xml_records([("A", "1", "1")]), namespace="urn:b"), xml_feed(record="{urn:a}item"),
                          "no_records"),
    # Cut off.
    "last line cut": (csv()[:-12], a_feed(), "truncated"),
    "cut inside quotes": (csv(ROWS[0], ROWS[2])[:-6], a_feed(), "truncated"),
    "gzip cut": (ZERO_GZIP[:-12], a_feed(), "truncated"),
    "zip cut": (zipped({"a.csv": csv(*MANY)})[:-40], a_feed(), "truncated"),
    "xml cut": (xml(*xml_records([("A", "1", "1"), ("B", "2", "2")]))[:-30], xml_feed(), "truncated"),
    "json cut": (b'{"id": "A", "stock": 1}\n{"id": "B", "sto', a_feed(format="ndjson", columns=JSON_COLUMNS),
                 "truncated"),
    # Another header.
    "column renamed": (csv(header="sku,ean,stock,price,name"), a_feed(), "header_missing"),
    "column in other case": (csv(header="SKU,ean,stock,cost,name"), a_feed(), "header_missing"),
    "column doubled": (csv(header="sku,ean,stock,stock,cost"), feed_of(columns={"sku": "sku", "quantity": "stock"}),
                       "header_duplicate"),
    "preamble": (b"Stock list\n" + csv(), a_feed(), "header_missing"),
    "semicolons": (csv().replace(b",", b";"), a_feed(), "delimiter"),
    "tabs": (csv().replace(b",", b"\t"), a_feed(), "delimiter"),
    "bars": (csv().replace(b",", b"|"), a_feed(), "delimiter"),
    "no header": (csv()[len(HEADER) + 1 :], a_feed(), "header_missing"),
    "an error page": (b"<!DOCTYPE html><html><body>Service unavailable</body></html>", a_feed(), "header_missing"),
    "json name gone": (b'{"id": "A", "qty": 1}\n', a_feed(format="ndjson", columns=JSON_COLUMNS), "header_missing"),
    "xml name gone": (xml(*xml_records([("A", "1", "1")])), xml_feed(columns={"sku": "@id", "quantity": "qty"}),
                      "header_missing"),
    # Another encoding.
    "utf-16 with BOM": (csv().decode().encode("utf-16"), a_feed(), "encoding"),
    "utf-16 without BOM": (csv().decode().encode("utf-16-le"), a_feed(), "encoding"),
    "no utf-16": (csv(), a_feed(encoding="utf-16-le"), "header_missing"),
    "odd end of utf-16": (csv().decode().encode("utf-16-le")[:-1], a_feed(encoding="utf-16-le"), "encoding"),
    "utf-8 with BOM for cp1252": (codecs.BOM_UTF8 + csv(), a_feed(encoding="cp1252"), "encoding"),
    "cp1252 in the header": ("sku,ean,stock,cost,name,Größe\n".encode("cp1252"), a_feed(), "encoding"),
    "NUL": (csv(*MANY) + b"A,,1\0,1,x\n", a_feed(), "nul_bytes"),
    # Quotes and length.
    "quote never closed": (csv('A,,1,1,"x', *MANY), a_feed(), "quotes"),
    "quote closed too far away": (csv('A,,1,1,"x', *MANY, 'B,,1,1,y"'), a_feed(thresholds={"max_row_bytes": 9_000}),
                                  "row_too_long"),
    "endless line": (csv("A,,1,1," + "x" * 200_000), a_feed(thresholds={"max_row_bytes": 100_000}), "row_too_long"),
    "endless file without a line": (b"x" * 3_000_000, a_feed(), "row_too_long"),
    "endless xml record": (xml("<item>" + "<x/>" * 20_000), xml_feed(thresholds={"max_row_bytes": 1_000}), "no_records"),
    # Rows.
    "too many unreadable": (csv(*MANY, *(f"T-{n},,1+,1,x" for n in range(50))), a_feed(**STRICT), "unreadable"),
    "EANs in scientific notation": (csv(*MANY, *(f"T-{n},4.00638E+12,1,1,x" for n in range(5))), a_feed(**STRICT),
                                    "scientific_notation"),
    "SKUs in scientific notation": (csv(*MANY, *("4.00638E+12,,1,1,x" for n in range(5))), a_feed(**STRICT),
                                    "scientific_notation"),
    "EANs without their zeros": (csv(*MANY, *(f"T-{n},36000291452,1,1,x" for n in range(5))), a_feed(**STRICT),
                                 "scientific_notation"),
    "all at 9999": (csv(*(f"T-{n},,9999,1,x" for n in range(50))), a_feed(**STRICT), "maxed"),
    # XML that attacks.
    "entities": (xml(*xml_records([("A", "1", "1")]), prolog=f'<?xml version="1.0"?>{LAUGHS}'), xml_feed(),
                 "dtd_refused"),
    "external entity": (xml("<item id='A'><stock>&a;</stock></item>", prolog=OUTSIDE), xml_feed(), "dtd_refused"),
    "utf-16 with entities": (f"{LAUGHS}<feed/>".encode("utf-16"), xml_feed(), "dtd_refused"),
    "undeclared entity": (xml("<item id='A'><stock>&a;</stock></item>"), xml_feed(), "xml"),
    "tags crossed": (xml("<item id='A'><stock>1</item></stock>"), xml_feed(), "xml"),
    "csv as xml": (csv(), xml_feed(), "xml"),
    # Archives.
    "gzip bomb": (gzipped(BOMB), a_feed(), "bomb"),
    "zip bomb": (zipped({"a.csv": BOMB}), a_feed(), "bomb"),
    "gzip of too much": (gzipped(csv(*MANY)), a_feed(thresholds={"max_bytes": 5_000}), "bomb"),
    "too much": (csv(*MANY), a_feed(thresholds={"max_bytes": 5_000}), "too_large"),
    "two files": (zipped({"a.csv": csv(), "b.csv": csv()}), a_feed(), "zip_several"),
    "no file": (zipped({}), a_feed(), "zip_empty"),
    "a path out": (zipped({"../a.csv": csv()}), a_feed(), "zip_path"),
    "an absolute path": (zipped({"/a.csv": csv()}), a_feed(), "zip_path"),
    "a drive": (zipped({"C:\\a.csv": csv()}), a_feed(), "zip_path"),
    "a link": (linked(), a_feed(), "zip_path"),
    "encrypted": (encrypted(), a_feed(), "zip_encrypted"),
    "damaged gzip": (with_flipped_byte(ZERO_GZIP, len(ZERO_GZIP) - 6), a_feed(), "corrupt"),
    "damaged zip": (with_flipped_byte(zipped({"a.csv": csv(*MANY)}), 400), a_feed(), "corrupt"),
    "gzip that is none": (csv(), a_feed(compression="gzip"), "compression"),
    "zip that is none": (csv(), a_feed(compression="zip"), "compression"),
    "gzip where none is said": (ZERO_GZIP, a_feed(compression="none"), "compression"),
    "workbook": (workbook(), a_feed(), "xlsx"),
    "workbook whose contents come last": (zipped({"xl/big.bin": bytes(range(256)) * 999, "[Content_Types].xml": b""}),
                                          a_feed(), "xlsx"),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), a_feed(), "xlsx"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_bad_feed_is_not_believed_and_says_why(name: str) -> None:
    body, feed, code = WHOLE[name]
    came = read(body, feed, piece=1 << 16)
    assert came.codes == [code]
    assert came.findings[0].text
    assert len(came.findings[0].samples) <= 10


ROW_PROBLEMS: dict[str, tuple[str, str, str]] = {
    "more cells": ("A,,1,1,x,y", "row", "cells"),
    "fewer cells": ("A,,1,1", "row", "cells"),
    "thousands": ('A,,"1,000",1,x', "quantity", "number"),
    "thousands and decimals": ('A,,"1.000,50",1,x', "quantity", "number"),
    "or more": ("A,,10+,1,x", "quantity", "number"),
    "more than": ("A,,>100,1,x", "quantity", "number"),
    "not available": ("A,,N/A,1,x", "quantity", "number"),
    "negative": ("A,,-3,1,x", "quantity", "negative"),
    "scientific": ("A,,1e5,1,x", "quantity", "number"),
    "no sku": (",,1,1,x", "sku", "sku_missing"),
    "blank sku": ("  ,,1,1,x", "sku", "sku_missing"),
    "negative cost": ("A,,1,-1,x", "unit_cost", "negative"),
    "enormous cost": ("A,,1,99999999999,x", "unit_cost", "too_large"),
    "text after a quote": ('A,,1,1,"x"y', "row", "quotes"),
    "quote inside a cell": ('A,,1,1,x"\nB,,2,2,y"', "row", "quotes"),
    "long title": (f"A,,1,1,{'x' * 301}", "title", "too_long"),
    "enormous cell": (f'A,,1,1,"{"x" * 200_000}"', "row", "too_long"),
    "lone CR": ("A,,1\r2,1,x", "quantity", "number"),
    "control character": ("A\x07,,1,1,x", "sku", "control"),
}


@pytest.mark.parametrize("name", ROW_PROBLEMS)
def test_a_bad_row_is_reported_and_the_others_are_read(name: str) -> None:
    line, field, code = ROW_PROBLEMS[name]
    came = read(csv(ROWS[0], line, ROWS[3]))
    assert came.problem_codes == [(2, field, code)]
    assert (came.quantities, came.reader.refused) == ({"A-1": 10, "A-4": 250}, 1)


def test_a_blank_cell_leaves_the_field_and_is_never_zero() -> None:
    (row,) = read(csv("A,,,,")).rows
    assert (row.quantity, row.unit_cost, row.title) == (None, None, None)


def test_a_row_in_another_encoding_is_reported_alone() -> None:
    came = read(csv(ROWS[0]) + "A,,1,1,Größe\n".encode("cp1252") + b"B,,2,1,x\n")
    assert came.problem_codes == [(2, "row", "encoding")]
    assert came.quantities == {"A-1": 10, "B": 2}


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("A,,1,1,x", "A,,2,1,x", "duplicate"),
        ("A,,1,1,x", "A,,1,2,x", "duplicate"),
        ("AB 1,,1,1,x", "AB  1,,2,1,x", "duplicate"),
        ("AB1,,1,1,x", "ab1,,1,1,x", "sku_variant"),
        ("AB1,,1,1,x", "AB 1,,1,1,x", "sku_variant"),
    ],
)
def test_two_rows_of_one_sku_that_differ_are_both_refused(first: str, second: str, code: str) -> None:
    came = read(csv(first, ROWS[0], second))
    assert sorted(came.problem_codes) == [(1, "sku", code), (3, "sku", code)]
    assert (came.quantities, came.reader.refused) == ({"A-1": 10}, 2)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"id": "B", "stock": 1, "stock": 2}', "duplicate_key"),
        ('{"id": "B", "stock": NaN}', "json"),
        ('{"id": "B", "stock": 1', "json"),
        ('["B", 1]', "json"),
        ("[" * 100_000, "json"),
        (f'{{"id": "B", "stock": {"9" * 5_000}}}', "json"),
    ],
)
def test_a_bad_json_line_is_reported_and_the_others_are_read(line: str, code: str) -> None:
    body = f'{{"id": "A", "stock": 1}}\n{line}\n{{"id": "C", "stock": 3}}\n'
    came = read(body, feed_of(format="ndjson", columns=JSON_COLUMNS))
    assert came.problem_codes == [(2, "row", code)]
    assert came.quantities == {"A": 1, "C": 3}


def test_several_elements_where_one_value_belongs_are_reported() -> None:
    record = "<item id='A'><stock>1</stock><stock>2</stock></item>"
    came = read(xml(record, *xml_records([("B", "2", "2")])), xml_feed())
    assert came.problem_codes == [(1, "quantity", "type")]
    assert came.quantities == {"B": 2}


def test_a_header_that_lost_what_it_had_tells_the_difference() -> None:
    came = read(csv(header="sku,ean,available,cost,name"), expected=HEADER.split(","))
    assert came.codes == ["header_changed"]
    assert "stock" in came.findings[0].text
    assert "available" in came.findings[0].text


def test_names_that_no_json_row_has_any_more_are_a_changed_shape() -> None:
    feed = feed_of(format="ndjson", columns=JSON_COLUMNS)
    came = read('{"id": "A", "qty": 1}\n', feed, expected=["id", "stock"])
    assert came.codes == ["header_changed"]


def test_an_empty_feed_of_changes_is_no_news() -> None:
    feed = feed_of(source="api", scope="changes", columns=JSON_COLUMNS)
    assert (read(b"", feed).codes, read(b"", feed).reader.rows) == ([], 0)
    assert read(csv(header=HEADER)[: len(HEADER) + 1], feed_of(scope="changes", columns=COLUMNS)).codes == []


def test_one_bad_row_in_a_hundred_does_not_stop_a_feed() -> None:
    came = read(csv(*MANY, *(f"T-{n},,1+,1,x" for n in range(20))), feed_of(**STRICT))
    assert (came.codes, len(came.rows), came.reader.refused) == ([], 2_000, 20)


def test_findings_carry_numbers_and_few_samples() -> None:
    came = read(csv(*(f"T-{n},,1+,1,x" for n in range(50))), feed_of(**STRICT))
    (finding,) = came.findings
    assert (finding.numbers["rows"], finding.numbers["refused"], finding.numbers["share"]) == (50, 50, 1)
    assert len(finding.samples) == 10
    assert finding.samples[0] == "row 1, quantity: 1+"


def test_columns_without_a_quantity_never_count_as_maxed() -> None:
    body = csv(*(f"T-{n},,9999,1,x" for n in range(50)))
    assert read(body, feed_of(**STRICT, columns={"sku": "sku", "unit_cost": "cost"})).codes == []
