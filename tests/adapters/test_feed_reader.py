import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import pytest

from adapters.feeds.reader import BATCH, FeedReader
from models.feed_rows import FeedPart
from tests.adapters.feeds.writing import (
    HEADER,
    ROWS,
    columns_of,
    csv,
    feed_of,
    gzipped,
    read,
    xml,
    xml_feed,
    xml_records,
    zipped,
)

GOOD = {"A-1": 10, "A-2": 0, "A-3": 7, "A-4": 250}


def test_a_row_becomes_the_fields_that_its_columns_name() -> None:
    came = read(csv())
    first, last = came.rows[0], came.rows[3]
    assert (first.position, first.sku, first.ean, first.quantity) == (1, "A-1", "4006381333931", 10)
    assert (first.unit_cost, first.currency, first.title) == (Decimal("12.50"), "EUR", "Pen")
    assert (last.ean, last.quantity, last.lead_days, last.attributes) == (None, 250, None, None)
    assert came.rows[2].title == "Paper, ruled"
    assert (came.reader.rows, came.reader.header, came.findings) == (4, HEADER.split(","), [])


@pytest.mark.parametrize("piece", [1, 7, 64])
def test_it_does_not_matter_how_the_bytes_are_cut(piece: int) -> None:
    body = csv(*ROWS, 'A-5,,1,1,"two\nlines ""quoted"""', "A-6,,2,2,é", end="\r\n")
    whole = read(body, feed_of(columns={"sku": "sku", "description": "name", "quantity": "stock"}))
    cut = read(body, feed_of(columns={"sku": "sku", "description": "name", "quantity": "stock"}), piece=piece)
    assert cut.rows == whole.rows
    assert whole.rows[4].description == 'two\nlines "quoted"'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do_and_the_last_may_be_missing(end: str) -> None:
    body = csv(*ROWS[:2], end=end) + ROWS[3].encode()
    assert read(body).quantities == {"A-1": 10, "A-2": 0, "A-4": 250}


def test_mixed_line_ends_and_blank_lines_do_not_matter() -> None:
    body = f"{HEADER}\r\n{ROWS[0]}\n\n\r\n{ROWS[1]}\r\n,,,,\n{ROWS[3]}\n".encode()
    came = read(body)
    assert (came.quantities, came.problems) == ({"A-1": 10, "A-2": 0, "A-4": 250}, [])


@pytest.mark.parametrize(
    ("encoding", "configured"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8-sig", "UTF-8-SIG"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
        ("iso-8859-15", "ISO_8859-15"),
    ],
)
def test_an_encoding_is_read_as_configured(encoding: str, configured: str) -> None:
    body = csv("É-1,,5,1,Crème brûlée €").decode().encode(encoding)
    (row,) = read(body, feed_of(encoding=configured), piece=3).rows
    assert (row.sku, row.title, row.quantity) == ("É-1", "Crème brûlée €", 5)


@pytest.mark.parametrize("compression", ["auto", "gzip"])
def test_gzip_is_read_also_in_several_members(compression: str) -> None:
    body = csv()
    came = read(gzipped(body[:40], body[40:]) + b"\0\0", feed_of(compression=compression), piece=11)
    assert came.quantities == GOOD


def test_a_zip_of_one_file_is_read_whatever_clutter_lies_beside_it() -> None:
    body = zipped({"feed/stock.csv": csv(), "__MACOSX/feed/._stock.csv": b"x", "feed/.DS_Store": b"y"})
    assert read(body, piece=13).quantities == GOOD


def test_a_tab_separated_feed_with_a_preamble_and_its_own_locale_is_read() -> None:
    body = 'Stock of "today\n\nsku\tstock\tcost\nA-1\t1.250\t3.999,90\n'
    feed = feed_of(
        delimiter="\t",
        skip_lines=2,
        numbers={"decimal": ",", "thousands": "."},
        columns={"sku": "sku", "quantity": "stock", "unit_cost": "cost"},
    )
    (row,) = read(body, feed).rows
    assert (row.quantity, row.unit_cost) == (1250, Decimal("3999.90"))


def test_unchanged_rows_are_counted_and_not_given_out() -> None:
    known = {row.hash for row in read(csv()).rows}
    again = read(csv(*ROWS[:3], "A-4,,251,100,Ream"), unchanged=lambda hashes: [one in known for one in hashes])
    assert (again.quantities, again.reader.rows, again.rows[0].position) == ({"A-4": 251}, 4, 4)


def test_an_unchanged_row_is_not_even_decoded() -> None:
    body = csv(*ROWS[:3]) + b"A-4,,1,1,\xff\xff\n"
    assert read(body, unchanged=lambda hashes: [True] * len(hashes)).problems == []
    assert read(body).problem_codes == [(4, "row", "encoding")]


def test_a_hash_fits_a_bigint() -> None:
    rows = read(csv(*(f"S{number},,{number},1,x" for number in range(200)))).rows
    assert all(-(2**63) <= row.hash < 2**63 for row in rows)
    assert any(row.hash < 0 for row in rows)
    assert len({row.hash for row in rows}) == 200


def test_every_row_is_read_anew_when_columns_move_or_are_read_otherwise() -> None:
    hashes = {
        row.hash for row in read("sku,stock,pack\nA,1,2\n", feed_of(columns={"sku": "sku", "quantity": "stock"})).rows
    }
    moved = read("sku,pack,stock\nA,1,2\n", feed_of(columns={"sku": "sku", "quantity": "stock"}))
    other = read("sku,stock,pack\nA,1,2\n", feed_of(columns={"sku": "sku", "quantity": "pack"}))
    assert moved.quantities == other.quantities == {"A": 2}
    assert not hashes & {row.hash for row in moved.rows + other.rows}


def test_columns_may_move_and_others_may_come() -> None:
    body = "new,name,cost,stock,ean,sku\nx,Pen,1,10,4006381333931,A-1\n"
    came = read(body, expected=HEADER.split(","))
    assert (came.quantities, came.findings) == ({"A-1": 10}, [])


def test_several_files_are_one_feed_with_one_count_of_rows() -> None:
    came = read([csv(*ROWS[:2]), csv(*ROWS[2:])])
    assert [(row.position, row.sku) for row in came.rows] == [(1, "A-1"), (2, "A-2"), (3, "A-3"), (4, "A-4")]


def test_a_batch_is_bounded_and_the_next_part_is_not_opened_before_it_is_wanted() -> None:
    opened: list[str] = []

    def endless(name: str):
        opened.append(name)
        yield HEADER.encode() + b"\n"
        for number in range(10**9):
            yield b"".join(b"%s-%d-%d,,1,1,x\n" % (name.encode(), number, place) for place in range(3_000))

    feed = feed_of()
    reader = FeedReader(feed, columns_of(feed), unchanged=lambda hashes: [True] * len(hashes))
    parts = [FeedPart(name, lambda name=name: endless(name)) for name in ("a", "b")]
    assert [batch.seen for batch in islice(reader.batches(parts), 3)] == [BATCH] * 3
    assert opened == ["a"]


def test_xml_is_read_by_local_names_attributes_and_paths() -> None:
    columns = {
        "sku": "@id",
        "quantity": "stock/free",
        "unit_cost": "price/@net",
        "images": "images/image",
        "title": "{urn:words}name",
    }
    record = (
        '<i:item id="A-1"><i:stock><i:free> 5 </i:free></i:stock><i:price net="2.5"/>'
        "<i:images><i:image>a.jpg</i:image><i:image>b,c.jpg</i:image></i:images>"
        '<w:name xmlns:w="urn:words">Pen &amp; <b>ink</b></w:name></i:item>'
    )
    body = f'<i:feed xmlns:i="urn:items">{record}</i:feed>'
    for wanted in ("item", "{urn:items}item"):
        (row,) = read(body, xml_feed(columns=columns, record=wanted), piece=9).rows
        assert (row.sku, row.quantity, row.unit_cost) == ("A-1", 5, Decimal("2.5"))
        assert (row.images, row.title) == (["a.jpg", "b,c.jpg"], "Pen & ink")


def test_layout_of_xml_is_no_change() -> None:
    plain = read(xml(*xml_records([("A", "1", "2")])), xml_feed()).rows
    spread = read(xml('<item\n id = "A"><cost> 2 </cost>\n<stock>1</stock><!-- x --></item>'), xml_feed()).rows
    other = read(xml(*xml_records([("A", "2", "1")])), xml_feed()).rows
    assert plain[0].hash == spread[0].hash != other[0].hash


def test_xml_says_its_encoding_itself() -> None:
    body = xml(*xml_records([("É", "1", "2")]), prolog='<?xml version="1.0" encoding="ISO-8859-1"?>').decode()
    assert read(body.encode("latin-1"), xml_feed()).quantities == {"É": 1}
    assert read(body.replace("ISO-8859-1", "UTF-16").encode("utf-16"), xml_feed()).quantities == {"É": 1}


def test_json_lines_are_read_with_their_own_numbers_whatever_the_locale_of_texts() -> None:
    documents = [
        {"id": 17, "stock": {"free": 5}, "price": 1234.5, "gone": True, "images": ["a", "b"]},
        {"id": "A 18", "stock": {"free": "1.000"}, "price": "9,90", "gone": None, "images": "c"},
    ]
    columns = {
        "sku": "id",
        "quantity": "stock.free",
        "unit_cost": "price",
        "discontinued": "gone",
        "images": "images",
    }
    feed = feed_of(format="ndjson", columns=columns, numbers={"decimal": ",", "thousands": "."})
    came = read("\n".join(json.dumps(one) for one in documents), feed)
    facts = [(row.sku, row.quantity, row.unit_cost, row.discontinued, row.images) for row in came.rows]
    assert facts == [
        ("17", 5, Decimal("1234.5"), True, ["a", "b"]),
        ("A 18", 1000, Decimal("9.90"), None, ["c"]),
    ]
    assert came.reader.header == ["gone", "id", "images", "price", "stock", "stock.free"]


def test_an_adapters_own_feed_is_json_lines_whatever_the_format_says() -> None:
    feed = feed_of(source="api", columns={"sku": "id", "quantity": "stock"})
    came = read([b'{"id": "A", "stock": 1}\n{"id": "B", "stock": 2}\n'], feed)
    assert came.quantities == {"A": 1, "B": 2}


def test_of_two_pages_words_on_one_article_the_later_counts() -> None:
    feed = feed_of(source="api", columns={"sku": "id", "quantity": "stock"})
    came = read(b'{"id": "A", "stock": 1}\n{"id": "A", "stock": 3}\n', feed)
    assert (came.quantities, came.problems) == ({"A": 3}, [])


def test_the_same_row_twice_is_one_row() -> None:
    came = read(csv(ROWS[0], ROWS[1], ROWS[0]))
    assert (came.quantities, came.problems, came.reader.rows) == ({"A-1": 10, "A-2": 0}, [], 3)


def test_rows_that_contradict_each_other_far_apart_both_fall() -> None:
    between = [f"S{number},,1,1,x" for number in range(BATCH + 500)]
    came = read(csv("A,,1,1,x", *between, "A,,2,1,x", "A,,3,1,x"))
    assert "A" not in came.quantities
    assert len(came.quantities) == BATCH + 500
    assert came.reader.withdrawn == [1]
    last = BATCH + 502
    assert sorted(came.problem_codes) == [(at, "sku", "duplicate") for at in (1, last, last + 1)]


@pytest.mark.parametrize("gap", [0, BATCH])
@pytest.mark.parametrize(("times", "wins"), [((1, 2), 2), ((2, 1), 1)])
def test_the_newest_of_two_rows_wins_where_the_feed_says_when(times: tuple[int, int], wins: int, gap: int) -> None:
    feed = feed_of(columns={"sku": "sku", "quantity": "stock", "observed_at": "at"})
    rows = [f"A,{number},2026-01-0{time}T08:00:00Z" for number, time in zip((1, 2), times, strict=True)]
    between = [f"S{number},1,2026-01-01" for number in range(gap)]
    came = read(csv(rows[0], *between, rows[1], header="sku,stock,at"), feed)
    assert (came.quantities["A"], came.problems) == (wins, [])
    if not gap:
        assert came.rows[0].observed_at == datetime(2026, 1, max(times), 8, tzinfo=UTC)


def test_examples_show_what_was_sent_and_what_it_became() -> None:
    came = read(csv("A,,10+,1,x", "B,,2,1,y", "C,,3,1,z"), examples=2)
    first, second = came.reader.examples
    assert (first.sent["quantity"], first.row, [one.code for one in first.problems]) == ("10+", None, ["number"])
    assert second.row is not None
    assert (second.sent["quantity"], second.row.quantity) == ("2", 2)


def test_files_of_one_feed_may_not_contradict_each_other() -> None:
    came = read([csv(*ROWS[:2]), csv("A-1,,11,1,Pen", ROWS[3])])
    assert came.quantities == {"A-2": 0, "A-4": 250}
    assert sorted(came.problem_codes) == [(1, "sku", "duplicate"), (3, "sku", "duplicate")]
