import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement
from adapters.suppliers.edi_x12.sets.inventories import Inventory, StockLine
from models.feeds import Feed
from tests.adapters.feeds.writing import Read, feed_of
from tests.adapters.feeds.writing import read as read_feed
from tests.adapters.x12.documents import document, inventories

ROOT = Path(__file__).parents[3]
DAY = date(2026, 3, 14)
COLUMNS: dict[str, Any] = {
    "sku": "LIN.VN",
    "ean": "LIN.GTIN",
    "quantity": "QTY.33",
    "title": "PID",
    "available_on": {"column": "DTM.018", "format": "%Y%m%d"},
}


def a_feed(**changed: Any) -> Feed:
    return feed_of(**{"format": "x12", "columns": COLUMNS, **changed})


def line(number: int, count: int = 5, **changed: Any) -> StockLine:
    ids = (("VN", f"A-{number}"), ("EN", "4006381333931"))
    return StockLine(ids, quantities=(("33", Decimal(count), "EA"),), **changed)


def stock(count: int = 3, **changed: Any) -> bytes:
    return document([("846", Inventory("R", DAY, lines=tuple(map(line, range(count))), **changed))])


def came(body: bytes, **changed: Any) -> Read:
    return read_feed(body, a_feed(**changed))


def test_each_loop_is_a_row() -> None:
    told = line(1, 7, price=Decimal("3.50"), description="A pen", available_on=date(2026, 4, 1))
    found = came(document([("846", Inventory("R", DAY, lines=(told,)))]), columns=COLUMNS | {"unit_cost": "CTP"})
    (row,) = found.rows
    assert (row.sku, row.ean, row.quantity, row.unit_cost) == ("A-1", "4006381333931", 7, Decimal("3.50"))
    assert (row.title, row.available_on) == ("A pen", date(2026, 4, 1))
    assert found.codes == []


def test_several_quantities_are_told_apart_by_their_qualifier() -> None:
    told = StockLine((("VN", "A-1"),), quantities=(("17", Decimal(9), "EA"), ("33", Decimal(4), "EA")))
    body = document([("846", Inventory("R", DAY, lines=(told,)))])
    assert came(body).quantities == {"A-1": 4}
    assert came(body, columns=COLUMNS | {"quantity": "QTY.17"}).quantities == {"A-1": 9}


def test_five_thousand_lines_are_five_thousand_rows() -> None:
    found = came(stock(5_000))
    assert (found.reader.rows, len(found.rows), found.codes) == (5_000, 5_000, [])


def test_other_sets_in_the_document_are_passed_over() -> None:
    sets = [("855", Acknowledgement("DW-1-11", "AK")), ("846", Inventory("R", DAY, lines=(line(1),)))]
    assert came(document(sets)).quantities == {"A-1": 5}


@settings(max_examples=40)
@given(inventories)
def test_no_inventory_is_read_as_more_or_fewer_rows_than_it_has(inventory: Inventory) -> None:
    assert came(document([("846", inventory)]), scope="changes").reader.rows == len(inventory.lines)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (b"SE*", b"SE*1", "edi"),
        (b"CTT*3", b"CTT*4", "edi"),
        (b"GE*1", b"GE*2", "edi"),
        (b"IEA*1*000000118~", b"", "truncated"),
        (b"000000118~\n", b"00000", "truncated"),
        (b"ISA*", b"ISB*", "edi"),
    ],
)
def test_a_document_that_does_not_agree_with_itself_is_not_believed(before: bytes, after: bytes, code: str) -> None:
    found = came(stock().replace(before, after))
    assert code in found.codes


def test_changes_are_never_taken_for_everything() -> None:
    body = stock(purpose="04")
    assert came(body).codes == ["edi"]
    assert came(body, scope="changes").quantities == {"A-0": 5, "A-1": 5, "A-2": 5}


def test_a_quantity_that_no_line_has_is_a_missing_column() -> None:
    assert came(stock(), columns=COLUMNS | {"quantity": "QTY.02"}).codes == ["header_missing"]


def test_half_a_pair_is_a_row_that_can_not_be_used() -> None:
    found = came(stock().replace(b"LIN**VN*A-1*EN*4006381333931", b"LIN**VN*A-1*EN"))
    assert found.problem_codes == [(2, "row", "cells")]
    assert found.quantities == {"A-0": 5, "A-2": 5}


def test_nothing_at_all_is_said_so() -> None:
    assert came(b"").codes == ["no_rows"]


@pytest.mark.parametrize("heading", ["VN", "LIN", "QTY", "lin.vn", "stock", "DTM"])
def test_a_heading_that_an_846_can_not_have_is_refused_when_it_is_configured(heading: str) -> None:
    with pytest.raises(ValueError, match="an 846 has"):
        a_feed(columns=COLUMNS | {"quantity": heading})


BIG = """
import resource, sys
from pathlib import Path
sys.path.insert(0, ".")
from adapters.feeds.reader import FeedReader
from models.feed_rows import FeedPart
from tests.adapters.x12.test_x12_stock_rows import a_feed, big_document
count = int(sys.argv[1])
feed = a_feed()
columns = {name: feed.column_of(name) for name in feed.columns}
reader = FeedReader(feed, columns, unchanged=lambda digests: [True] * len(digests))
part = FeedPart("big.x12", lambda: big_document(count))
seen = sum(batch.seen for batch in reader.batches([part]))
print(seen, len(reader.findings), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def big_document(count: int) -> Iterator[bytes]:
    """Make a document up while it is read."""
    head, tail = stock(0).split(b"CTT*0")
    yield head
    for start in range(0, count, 1_000):
        rows = (f"LIN**VN*A-{at}*EN*4006381333931~\nQTY*33*{at % 90}*EA~\n" for at in range(start, start + 1_000))
        yield "".join(rows).encode()
    yield b"CTT*%d" % count + tail.replace(b"SE*4", b"SE*%d" % (4 + 2 * count))


def test_half_a_million_lines_are_streamed_in_flat_memory() -> None:
    peaks = {}
    for count in (5_000, 500_000):
        command = [sys.executable, "-c", BIG, str(count)]
        told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
        seen, findings, peak = map(int, told.stdout.split())
        assert (seen, findings) == (count, 0)
        peaks[count] = peak
    assert peaks[500_000] < peaks[5_000] + 60, peaks


def test_any_sign_may_separate_elements() -> None:
    assert came(stock().replace(b"*", b"\x1f")).quantities == came(stock()).quantities
