"""Feeds damaged in every way: no crash that was not foreseen, and never a zero that was not sent."""

import csv as stdlib_csv
import io
import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.feeds.writing import feed_of, gzipped, read, xml, xml_feed, xml_records, zipped

QUICK = settings(max_examples=150)
COLUMNS = {"sku": "sku", "quantity": "stock", "unit_cost": "cost", "title": "name"}
# No quantity and no cost is zero, and none holds a zero: a zero that is read was made by the damage, and stands there.
STOCK = [
    (f"K-{number}", str(number % 9 + 1) * (number % 4 + 1), f"{number % 9 + 1}.5", f"Thing {number}")
    for number in range(12)
]
ZERO = re.compile(r"\s*-?0+(\.0+)?\s*")

CSV = "".join(f'{sku},{stock},{cost},"{name}"\r\n' for sku, stock, cost, name in STOCK)
GOOD_CSV = f"sku,stock,cost,name\r\n{CSV}".encode()
GOOD_JSON = "".join(
    json.dumps({"sku": sku, "stock": int(stock), "cost": cost, "name": name}) + "\n" for sku, stock, cost, name in STOCK
).encode()
GOOD_XML = xml(*xml_records((sku, stock, cost) for sku, stock, cost, _ in STOCK))
CSV_FEED = feed_of(columns=COLUMNS)
JSON_FEED = feed_of(columns=COLUMNS, format="ndjson")
XML_FEED = xml_feed()
FEEDS = {"csv": (GOOD_CSV, CSV_FEED), "json": (GOOD_JSON, JSON_FEED), "xml": (GOOD_XML, XML_FEED)}
PACKED = {"gzip": gzipped(GOOD_CSV), "zip": zipped({"stock.csv": GOOD_CSV})}


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """Damage a body up to five times: flip, insert, delete, cut, repeat a line, exchange a separator."""
    out = bytearray(body)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(len(out) - 1, 0)))
        match draw(st.sampled_from(["flip", "insert", "delete", "cut", "repeat", "swap"])):
            case "flip" if out:
                out[place] = draw(st.integers(0, 255))
            case "insert":
                out[place:place] = draw(st.binary(min_size=1, max_size=6) | st.sampled_from([b'"', b"\n", b",", b"0"]))
            case "delete":
                del out[place : place + draw(st.integers(1, 30))]
            case "cut":
                del out[max(place, 10) :]
            case "repeat":
                lines = bytes(out).split(b"\n")
                lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
                out = bytearray(b"\n".join(lines))
            case "swap":
                one, other = draw(st.permutations([b",", b";", b"\t", b".", b'"', b"\r\n", b"\n"]))[:2]
                out = bytearray(bytes(out).replace(one, other, draw(st.integers(1, 20))))
    return bytes(out)


def zeros_sent(body: bytes) -> bool:
    """Say whether some cell, value or text of the body is zero as it stands."""
    text = body.decode("latin-1")
    cells = re.split(r'[,"\r\n<>:}]', text)
    return any(ZERO.fullmatch(cell) for cell in cells)


@pytest.mark.parametrize("kind", FEEDS)
@QUICK
@given(data=st.data())
def test_a_damaged_feed_never_crashes_and_never_makes_a_zero(kind: str, data: st.DataObject) -> None:
    good, feed = FEEDS[kind]
    body = data.draw(damaged(good))
    came = read(body, feed, piece=data.draw(st.sampled_from([1, 50, 1 << 20])))
    zeros = [row for row in came.rows if row.quantity == 0 or row.unit_cost == 0]
    assert not zeros or zeros_sent(body)
    assert all(len(row.sku) <= 100 for row in came.rows)
    assert not {problem.position for problem in came.problems} & {
        row.position for row in came.rows if row.position not in came.reader.withdrawn
    }


@pytest.mark.parametrize("kind", PACKED)
@QUICK
@given(data=st.data())
def test_a_damaged_archive_never_crashes_and_never_gives_other_rows(kind: str, data: st.DataObject) -> None:
    came = read(data.draw(damaged(PACKED[kind])), CSV_FEED)
    sent = {sku: int(stock) for sku, stock, _, _ in STOCK}
    assert came.codes or came.quantities == sent


@QUICK
@given(body=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for feed in (CSV_FEED, JSON_FEED, XML_FEED, feed_of(columns=COLUMNS, encoding="utf-16")):
        read(body, feed)
    read(b"sku,stock,cost,name\n" + body, CSV_FEED)


@QUICK
@given(cell=st.text(alphabet="0123456789.,'- +eE<>\u00a0", max_size=8), decimal=st.sampled_from(".,"))
def test_a_number_is_read_as_it_stands_or_refused(cell: str, decimal: str) -> None:
    thousands = "," if decimal == "." else "."
    feed = feed_of(columns={"sku": "sku", "quantity": "stock"}, numbers={"decimal": decimal, "thousands": thousands})
    came = read(written([("A", cell)], ("sku", "stock")), feed)
    if came.rows and came.rows[0].quantity is not None:
        plain = cell.strip().replace(thousands, "").replace(decimal, ".")
        assert Decimal(plain) == came.rows[0].quantity
    elif came.rows:
        assert not cell.strip()


def written(rows: list[tuple[str, ...]], header: tuple[str, ...], delimiter: str = ",", quoting: int = 0) -> bytes:
    out = io.StringIO()
    writer = stdlib_csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@QUICK
@given(
    rows=st.dictionaries(
        WORDS,
        st.tuples(st.integers(0, 999_999_999), st.decimals(0, 9_999_999, places=4), WORDS),
        max_size=30,
    ),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([stdlib_csv.QUOTE_MINIMAL, stdlib_csv.QUOTE_ALL]),
    piece=st.integers(1, 200),
)
def test_every_row_of_a_valid_file_comes_through_as_it_was_sent(
    rows: dict[str, tuple[int, Decimal, str]], delimiter: str, quoting: int, piece: int
) -> None:
    distinct = {sku.replace(" ", "").casefold(): (sku, *facts) for sku, facts in rows.items()}
    sent = list(distinct.values())
    body = written(
        [(sku, str(stock), str(cost), name) for sku, stock, cost, name in sent], tuple(COLUMNS_SENT), delimiter, quoting
    )
    came = read(body, feed_of(columns=COLUMNS, delimiter=delimiter), piece=piece)
    assert [(row.sku, row.quantity, row.unit_cost, row.title) for row in came.rows] == sent
    assert (came.problems, [code for code in came.codes if code != "no_rows"]) == ([], [])


COLUMNS_SENT = ("sku", "stock", "cost", "name")


@pytest.mark.parametrize("kind", FEEDS)
def test_the_good_feed_is_good(kind: str) -> None:
    body, feed = FEEDS[kind]
    assert read(body, feed).quantities == {sku: int(stock) for sku, stock, _, _ in STOCK}
