"""Sets as Hypothesis makes them up, and documents around them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.reading import DocumentReader
from adapters.suppliers.edi_x12.sets.acknowledgements import (
    Acknowledgement,
    Answer,
    AnsweredItem,
    read_855,
    write_855,
)
from adapters.suppliers.edi_x12.sets.common import Item, Party
from adapters.suppliers.edi_x12.sets.inventories import Inventory, StockLine, read_846, write_846
from adapters.suppliers.edi_x12.sets.invoices import Charge, Invoice, read_810, write_810
from adapters.suppliers.edi_x12.sets.orders import (
    ChangedLine,
    OrderChange,
    PurchaseOrder,
    read_850,
    read_860,
    write_850,
    write_860,
)
from adapters.suppliers.edi_x12.sets.receipts import (
    ElementError,
    Receipt,
    SegmentError,
    SetReceipt,
    read_997,
    write_997,
)
from adapters.suppliers.edi_x12.sets.shipments import (
    Pack,
    Routing,
    Shipment,
    ShippedItem,
    ShippedOrder,
    read_856,
    write_856,
)
from adapters.suppliers.edi_x12.tokenizer import Delimiters
from adapters.suppliers.edi_x12.wrapping import Addressing, write_interchange
from models.exchange import Incoming, Reading
from models.suppliers import SupplierLine

MADE = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
US, THEM = ("ZZ", "MERCHANT"), ("01", "123456789")
OUTWARD = Addressing(US, THEM, "MERCHANT", "123456789", charset="utf-8")
INWARD = Addressing(THEM, US, "123456789", "MERCHANT", charset="utf-8")
SIGNS = [
    Delimiters(),
    Delimiters("|", ":", "\n"),
    Delimiters("\x1d", "\x1f", "\x1c"),
    Delimiters("+", "<", "\r"),
    Delimiters("*", "\\", "'"),
]
# Letters that no set of SIGNS uses as a delimiter.
LETTERS = "ABCXYZabcxyz0123456789 .,-/#&()äßñ\u6f22"

texts = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
names = st.text("ABCDEFGH0123456789-", min_size=1, max_size=12)
codes = st.sampled_from(["VN", "UP", "EN", "SK", "BP", "ZZ"])
decimals = st.decimals(0, 99_999, places=4, allow_nan=False, allow_infinity=False)
amounts = st.decimals(-9_999, 99_999, places=2, allow_nan=False, allow_infinity=False)
days = st.dates(date(1990, 1, 1), date(2099, 12, 31))
hours = st.times(time(0, 0), time(23, 59, 59)).map(lambda at: at.replace(microsecond=0))
maybe = st.one_of(st.just(""), texts)
pairs = st.lists(st.tuples(codes, texts), max_size=3).map(tuple)
references = st.lists(st.tuples(st.sampled_from(["CO", "IA", "BM"]), texts), max_size=2).map(tuple)
dates = st.lists(st.tuples(st.sampled_from(["002", "010", "038"]), days), max_size=2).map(tuple)


def many(strategy: st.SearchStrategy[Any], most: int = 3, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


parties = st.builds(
    Party, code=st.sampled_from(["ST", "SF", "BT"]), name=maybe, qualifier=st.just(""), id=st.just(""),
    more_names=many(texts, 2), streets=many(texts, 3), city=maybe, state=maybe, postal_code=maybe, country=maybe,
    contact=maybe, phone=maybe, email=maybe,
)  # fmt: skip
items = st.builds(
    Item, line=maybe, quantity=decimals, unit=st.sampled_from(["EA", "CA", ""]),
    price=st.none() | decimals, ids=pairs, description=maybe,
)  # fmt: skip
orders = st.builds(
    PurchaseOrder, number=names, placed_on=days, purpose=st.sampled_from(["00", "01"]), kind=st.just("DS"),
    currency=st.sampled_from(["", "USD"]), references=references, dates=dates,
    contact=st.none() | st.tuples(texts, maybe, maybe), routing=st.none() | st.tuples(st.just("ZZ"), names),
    notes=many(texts, 2), parties=many(parties, 2), lines=many(items, 3, 1), total=st.none() | decimals,
)  # fmt: skip
changes = st.builds(
    OrderChange, number=names, placed_on=days, purpose=st.sampled_from(["01", "04"]), kind=st.just("DS"),
    lines=many(st.builds(ChangedLine, line=maybe, change=st.just("DI"), quantity=st.none() | decimals,
                         left=st.none() | decimals, unit=st.just("EA"), price=st.none() | decimals, ids=pairs)),
)  # fmt: skip
answers = st.builds(
    Answer, status=st.sampled_from(["IA", "IB", "IR", "IP", "BP"]), quantity=st.none() | decimals,
    unit=st.sampled_from(["EA", ""]), date_kind=st.sampled_from(["", "068"]), on=st.none() | days, ids=pairs,
)  # fmt: skip
acknowledgements = st.builds(
    Acknowledgement, number=names, kind=st.sampled_from(["AC", "AD", "AK", "RJ"]), purpose=st.just("00"),
    dated=st.none() | days, supplier_number=maybe, currency=st.sampled_from(["", "EUR"]), references=references,
    dates=dates, lines=many(st.builds(AnsweredItem, item=items, answers=many(answers))),
)  # fmt: skip
shipped_items = st.builds(
    ShippedItem, ids=pairs, quantity=decimals, unit=st.sampled_from(["EA", "CA"]), line=maybe,
    ordered=st.none() | decimals, status=st.sampled_from(["", "AC"]), tracking=many(names, 1),
)  # fmt: skip
packs = st.builds(Pack, tracking=many(names, 2), serials=many(names, 1), items=many(shipped_items, 2))
shipments = st.builds(
    Shipment, number=names, made_on=days, made_at=st.none() | hours, purpose=st.just("00"),
    structure=st.sampled_from(["0001", "0004"]),
    routings=many(st.builds(Routing, qualifier=st.sampled_from(["2", "ZZ"]), code=names, mode=maybe, text=maybe,
                            sequence=st.sampled_from(["", "B"]), service=maybe), 2),
    tracking=many(names, 2), references=st.lists(st.tuples(st.just("BM"), texts), max_size=1).map(tuple),
    dates=dates, parties=many(parties, 1),
    orders=many(st.builds(ShippedOrder, number=names, dated=st.none() | days, tracking=many(names, 1),
                          items=many(shipped_items, 2), packs=many(packs, 2)), 2),
)  # fmt: skip
invoices = st.builds(
    Invoice, number=names, dated=days, total=amounts, order_number=maybe, ordered_on=st.none() | days,
    currency=st.sampled_from(["", "USD"]), references=references, lines=many(items),
    taxes=many(st.tuples(st.just("ST"), amounts), 1),
    charges=many(st.builds(Charge, indicator=st.sampled_from(["A", "C"]), code=st.just("D240"), amount=amounts,
                           description=maybe), 2),
)  # fmt: skip
inventories = st.builds(
    Inventory, reference=maybe, dated=st.none() | days, purpose=st.sampled_from(["00", "04"]), kind=st.just("SI"),
    lines=many(st.builds(StockLine, ids=pairs, line=maybe, description=maybe, price_kind=st.just(""),
                         price=st.none() | decimals, available_on=st.none() | days,
                         quantities=many(st.tuples(st.sampled_from(["33", "17"]), decimals, st.just("EA")), 2)), 4),
)  # fmt: skip
counts = st.integers(0, 999_999_999)
segment_errors = st.builds(
    SegmentError, name=st.just("PO1"), position=counts, code=st.sampled_from(["", "8"]),
    elements=many(st.builds(ElementError, place=st.just("2"), code=st.just("1"), reference=st.just("330")), 2),
)  # fmt: skip


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    sets = draw(
        many(
            st.builds(
                SetReceipt,
                code=st.just("850"),
                control=st.just("0001"),
                status=st.sampled_from("AER"),
                codes=many(st.sampled_from("12345"), 2),
                errors=many(segment_errors, 2),
            )
        )
    )
    accepted = sum(one.status in "AE" for one in sets)
    return Receipt(
        functional="PO", control=draw(counts), status=draw(st.sampled_from("AEPR")), included=len(sets),
        received=len(sets), accepted=accepted, sets=sets, codes=draw(many(st.sampled_from("12345"), 2)),
    )  # fmt: skip


KINDS: dict[str, tuple[st.SearchStrategy[Any], Any, Any]] = {
    "850": (orders, write_850, read_850),
    "860": (changes, write_860, read_860),
    "855": (acknowledgements, write_855, read_855),
    "856": (shipments, write_856, read_856),
    "810": (invoices, write_810, read_810),
    "846": (inventories, write_846, read_846),
    "997": (receipts(), write_997, read_997),
}


def document(sets: Sequence[tuple[str, Any]], addressing: Addressing = INWARD, control: int = 118) -> bytes:
    """Write typed sets into one interchange."""
    written = [(code, KINDS[code][1](one)) for code, one in sets]
    return write_interchange(written, addressing, control=control, made_at=MADE)


def an_item(line: str = "1", quantity: int = 2, price: str | None = "7.10", ean: str = "4006381333931") -> Item:
    return Item(line, Decimal(quantity), "EA", None if price is None else Decimal(price), (("EN", ean),))


PROFILE = {
    "remote": {"url": "file:///nowhere"},
    "sender_id": "MERCHANT",
    "receiver_qualifier": "01",
    "receiver_id": "123456789",
    "ship_methods": {"GLS": "GLSG", "UPS": "UPSN"},
    "carriers": {"GLSG": "GLS", "UPSN": "UPS"},
    "cancellation": "860",
    "stock_feed": "stock",
}


def a_profile(**changed: Any) -> X12Profile:
    return X12Profile.model_validate(PROFILE | changed)


ORDERED = (
    SupplierLine(ean="4006381333931", quantity=2, sku="A-1"),
    SupplierLine(ean="012345678905", quantity=1, sku="B-2"),
)


TWICE = {7}  # control numbers of documents of ours that were sent more than once


def reader(lines: Sequence[SupplierLine] = ORDERED, **changed: Any) -> DocumentReader:
    return DocumentReader(a_profile(**changed), "EUR", lambda _number: lines, lambda control: control in TWICE)


def reading(sets: Sequence[tuple[str, Any]], lines: Sequence[SupplierLine] = ORDERED, **changed: Any) -> Reading:
    return read(document(sets), lines, **changed)


def read(body: bytes, lines: Sequence[SupplierLine] = ORDERED, **changed: Any) -> Reading:
    return reader(lines, **changed).read(Incoming(name="a.x12", place="a.x12", body=body))


WHOLE_855 = Acknowledgement("DW-1-11", "AK")
