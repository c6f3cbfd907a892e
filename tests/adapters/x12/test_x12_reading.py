from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.suppliers.edi_x12.elements import Pairs
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.inventories import Inventory
from adapters.suppliers.edi_x12.sets.invoices import Charge, Invoice
from adapters.suppliers.edi_x12.sets.shipments import Pack, Routing, Shipment, ShippedItem, ShippedOrder
from adapters.suppliers.edi_x12.wrapping import write_interchange
from dropwright.testing.desk import MemoryDesk
from models.exchange import (
    CancelAnswered,
    Incoming,
    OrderAcknowledged,
    OrderInvoiced,
    OrderReceived,
    OrderShipped,
    PartnerNews,
    StockReported,
    Unclear,
)
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine, SupplierState
from sandbox.x12_partner_books import Partner
from tests.adapters.x12.documents import INWARD, MADE, ORDERED, an_item, read, reader, reading

DAY = date(2026, 3, 14)
FIRST, SECOND = (line.ean for line in ORDERED)
GTIN: Pairs = (("EN", FIRST),)


def only(news: tuple[PartnerNews, ...]) -> PartnerNews:
    (one,) = news
    return one


def acknowledged(*answers: Answer, kind: str = "AC", price: str | None = None, ids: Pairs = GTIN) -> PartnerNews:
    item = an_item(price=price)
    line = AnsweredItem(type(item)(item.line, item.quantity, item.unit, item.price, ids), answers)
    return only(reading([("855", Acknowledgement("DW-1-11", kind, lines=(line,)))]).news)


def told(news: PartnerNews) -> list[tuple[str, str, int]]:
    assert isinstance(news, OrderAcknowledged), news
    return [(line.ean, str(line.status), line.quantity) for line in news.lines]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((code, "accepted") for code in ("IA", "IC", "IE", "IP", "IW", "AC", "AR", "DR")),
        *((code, "backordered") for code in ("IB", "IF", "IH", "SP")),
        *((code, "rejected") for code in ("IR", "ID", "R1", "R8")),
        ("IS", "substituted"),
    ],
)
def test_each_status_of_a_line_is_one_of_ours(status: str, expected: str) -> None:
    assert told(acknowledged(Answer(status, Decimal(2)), price="7.35")) == [(FIRST, expected, 2)]


def test_several_answers_split_a_line() -> None:
    news = acknowledged(Answer("IA", Decimal(1)), Answer("IB", Decimal(1), "EA", "068", date(2026, 4, 1)))
    assert told(news) == [(FIRST, "accepted", 1), (FIRST, "backordered", 1)]
    assert isinstance(news, OrderAcknowledged)
    assert news.lines[1].expected_on == date(2026, 4, 1)


@pytest.mark.parametrize(("status", "rest"), [("IQ", "rejected"), ("IC", "rejected"), ("BP", "backordered")])
def test_a_changed_quantity_says_what_becomes_of_the_rest(status: str, rest: str) -> None:
    assert told(acknowledged(Answer(status, Decimal(1)))) == [(FIRST, "accepted", 1), (FIRST, rest, 1)]


def test_of_units_that_no_answer_speaks_of_nothing_is_known() -> None:
    assert told(acknowledged(Answer("IA", Decimal(1)))) == [(FIRST, "accepted", 1)]


def test_another_price_is_read_with_its_currency() -> None:
    news = acknowledged(Answer("IP", Decimal(2)), price="7.35")
    assert isinstance(news, OrderAcknowledged)
    assert news.lines[0].unit_cost == Money(amount=Decimal("7.35"), currency="EUR")


def test_a_substitute_is_named_by_its_ean() -> None:
    news = acknowledged(Answer("IS", Decimal(2), ids=(("VN", "C-3"), ("EN", "5901234123457"))))
    assert isinstance(news, OrderAcknowledged)
    assert news.lines[0].substitute == "5901234123457"


@pytest.mark.parametrize(
    ("kind", "state", "changes_only"),
    [
        ("AK", SupplierState.ACKNOWLEDGED, True),
        ("AT", SupplierState.ACKNOWLEDGED, True),
        ("AE", SupplierState.ACKNOWLEDGED, True),
        ("RJ", SupplierState.CANCELLED, False),
        ("RD", SupplierState.CANCELLED, False),
    ],
)
def test_without_lines_the_order_is_answered_as_a_whole(kind: str, state: SupplierState, changes_only: bool) -> None:
    news = only(reading([("855", Acknowledgement("DW-1-11", kind, supplier_number="V-7"))]).news)
    assert isinstance(news, OrderAcknowledged)
    assert (news.state, news.changes_only, news.supplier_number) == (state, changes_only, "V-7")


def test_an_order_on_hold_was_received_and_no_more() -> None:
    assert isinstance(only(reading([("855", Acknowledgement("DW-1-11", "AH"))]).news), OrderReceived)


def test_every_line_rejected_is_an_order_refused() -> None:
    lines = tuple(
        AnsweredItem(an_item(str(place), line.quantity, None, line.ean), (Answer("IR", Decimal(line.quantity)),))
        for place, line in enumerate(ORDERED, start=1)
    )
    news = only(reading([("855", Acknowledgement("DW-1-11", "AC", lines=lines))]).news)
    assert isinstance(news, OrderAcknowledged)
    assert news.state is SupplierState.CANCELLED


@pytest.mark.parametrize(("kind", "cancelled"), [("AT", True), ("RJ", False)])
def test_a_cancellation_is_answered_by_an_855_of_its_purpose(kind: str, cancelled: bool) -> None:
    news = only(reading([("855", Acknowledgement("DW-1-11", kind, purpose="01"))]).news)
    assert news == CancelAnswered(number="DW-1-11", cancelled=cancelled)


@pytest.mark.parametrize("kind", ["AH", "ZZ"])
def test_an_answer_to_a_cancellation_that_says_neither_yes_nor_no_is_a_persons_to_read(kind: str) -> None:
    news = only(reading([("855", Acknowledgement("DW-1-11", kind, purpose="01"))]).news)
    assert isinstance(news, Unclear)
    assert news.reason == "bak02"


@pytest.mark.parametrize(
    ("answer", "kind", "ids", "reason"),
    [
        (Answer("ZZ", Decimal(1)), "AC", GTIN, "ack01"),
        (Answer("IA", Decimal(1)), "XX", GTIN, "bak02"),
        (Answer("IA", Decimal(1)), "RD", GTIN, "contradiction"),
        (Answer("IA", Decimal(3)), "AC", GTIN, "more_than_ordered"),
        (Answer("IA", Decimal(1), "CA"), "AC", GTIN, "unit"),
        (Answer("IA", Decimal(1)), "AC", (("EN", FIRST), ("UP", SECOND)), "two_articles"),
        (Answer("IA", Decimal("0.5")), "AC", GTIN, "quantity"),
        (Answer("IA", Decimal(1)), "AC", (("EN", "5901234123457"),), "unknown_article"),
    ],
)
def test_what_is_not_certain_is_a_persons(answer: Answer, kind: str, ids: Pairs, reason: str) -> None:
    news = acknowledged(answer, kind=kind, ids=ids)
    assert isinstance(news, Unclear)
    assert (news.number, news.reason) == ("DW-1-11", reason)


@pytest.mark.parametrize(
    "ids",
    [(), (("VN", "A-1"),), (("EN", "0" + FIRST),), (("IN", FIRST),), (("XX", "?"),), (("VN", "?"), ("SK", FIRST))],
)
def test_a_line_is_found_by_any_of_its_numbers_or_by_its_place(ids: Pairs) -> None:
    assert told(acknowledged(Answer("IA", Decimal(2)), ids=ids)) == [(FIRST, "accepted", 2)]


def item(ean: str, count: int, **more: object) -> ShippedItem:
    return ShippedItem((("EN", ean),), Decimal(count), **more)  # type: ignore[arg-type]


def shipped(order: ShippedOrder, **more: object) -> tuple[PartnerNews, ...]:
    shipment = Shipment("S-1", DAY, routings=(Routing("2", "UPSN"),), orders=(order,), **more)  # type: ignore[arg-type]
    return reading([("856", shipment)]).news


def parcels(news: PartnerNews) -> dict[str, dict[str, int]]:
    assert isinstance(news, OrderShipped)
    return {one.tracking_number: {line.ean: line.quantity for line in one.lines} for one in news.parcels}


def test_each_pack_is_a_parcel_with_its_lines() -> None:
    packs = (Pack(("1Z1",), (), (item(FIRST, 2),)), Pack(("1Z2",), (), (item(SECOND, 1),)))
    news = only(shipped(ShippedOrder("DW-1-11", packs=packs), dates=(("011", DAY),)))
    assert parcels(news) == {"1Z1": {FIRST: 2}, "1Z2": {SECOND: 1}}
    assert isinstance(news, OrderShipped)
    assert (news.shipment, news.shipped_on, {one.carrier for one in news.parcels}) == ("S-1", DAY, {"UPS"})


def test_items_without_a_pack_travel_under_the_shipments_number_and_repeated_ones_are_one() -> None:
    order = ShippedOrder("DW-1-11", items=(item(FIRST, 1), item(FIRST, 1), item(SECOND, 1)))
    assert parcels(only(shipped(order, tracking=("PRO-1",)))) == {"PRO-1": {FIRST: 2, SECOND: 1}}


def test_a_shipment_without_tracking_says_its_units() -> None:
    news = only(shipped(ShippedOrder("DW-1-11", items=(item(FIRST, 2),))))
    assert isinstance(news, OrderShipped)
    assert (news.parcels, news.lines) == ((), (SupplierLine(ean=FIRST, quantity=2),))


def test_an_article_that_was_not_ordered_never_becomes_a_parcel_for_everything() -> None:
    packs = (Pack(("1Z1",), (), (item("5901234123457", 2),)),)
    news = shipped(ShippedOrder("DW-1-11", packs=packs))
    assert [type(one) for one in news] == [Unclear]


def test_a_pack_above_its_orders_belongs_to_each_of_them() -> None:
    segments = [
        "BSN*00*S-1*20260314*0926*0003", "HL*1**S", "HL*2*1*P", "MAN*CP*1Z1", "HL*3*2*O", "PRF*DW-1-11", "HL*4*3*I",
        f"LIN**EN*{FIRST}", "SN1**2*EA", "HL*5*2*O", "PRF*DW-2-11", "HL*6*5*I", f"LIN**EN*{SECOND}", "SN1**1*EA",
    ]  # fmt: skip
    body = raw("856", "SH", segments)
    came = read(body, shipment_structures=("0003",))
    assert {one.number: parcels(one) for one in came.news if isinstance(one, OrderShipped)} == {
        "DW-1-11": {"1Z1": {FIRST: 2}},
        "DW-2-11": {"1Z1": {SECOND: 1}},
    }
    assert only(read(body).news).reason == "bsn05"  # type: ignore[union-attr]


def raw(code: str, functional: str, segments: list[str]) -> bytes:

    return write_interchange([(code, [one.split("*") for one in segments])], INWARD, control=118, made_at=MADE)


@pytest.mark.parametrize(
    ("total", "freight", "expected", "charges", "unclear"),
    [
        ("18.15", "3.95", "18.15", "3.95", False),  # TDS holds the freight
        ("14.20", "3.95", "18.15", "3.95", False),  # it leaves it out
        ("14.20", None, "14.20", None, False),
        ("99.00", "3.95", "99.00", "3.95", True),
    ],
)
def test_a_total_is_reconciled_with_and_without_charges(
    total: str, freight: str | None, expected: str, charges: str | None, unclear: bool
) -> None:
    asked = (Charge("C", "D240", Decimal(freight)),) if freight else ()
    invoice = Invoice("I-1", DAY, Decimal(total), "DW-1-11", lines=(an_item(),), charges=asked)
    first, *rest = reading([("810", invoice)]).news
    assert isinstance(first, OrderInvoiced)
    assert first.total == Money(amount=Decimal(expected), currency="EUR")
    assert first.charges == (Money(amount=Decimal(charges), currency="EUR") if charges else None)
    assert [type(one) for one in rest] == ([Unclear] if unclear else [])


def test_implied_decimals_are_the_profiles() -> None:
    body = raw("810", "IN", ["BIG*20260314*I-1**DW-1-11", "TDS*28566", "CTT*0"])
    assert only(read(body).news).total.amount == Decimal("285.66")  # type: ignore[union-attr]
    assert only(read(body, implied_decimals=0).news).total.amount == Decimal(28566)  # type: ignore[union-attr]


@pytest.mark.parametrize(("purpose", "feed"), [("00", "stock"), ("05", "stock"), ("04", "changes")])
def test_a_stock_report_goes_to_the_feed_of_its_purpose(purpose: str, feed: str) -> None:
    came = reading([("846", Inventory("R", DAY, purpose))], stock_changes_feed="changes")
    news = only(came.news)
    assert isinstance(news, StockReported)
    assert news.feed == feed
    assert news.body.startswith(b"ISA*")


def test_changes_without_a_feed_for_them_are_shown_and_not_taken_for_everything() -> None:
    assert only(reading([("846", Inventory("R", DAY, "04"))]).news).reason == "no_stock_feed"  # type: ignore[union-attr]


# A simulated partner's real defects (its own writer).


@pytest.fixture
def partner(tmp_path: Path) -> Partner:
    partner = Partner(tmp_path)
    lines = [{"ean": line.ean, "quantity": line.quantity, "price": "7.10"} for line in ORDERED]
    partner.orders.append({"order_number": "V1", "number": "DW-1-11", "lines": lines, "cancelled": False})
    return partner


def sent(partner: Partner) -> bytes:
    return max((partner.folder / "out").iterdir()).read_bytes()


@pytest.mark.parametrize("defect", ["u_in_5010", "mixed_ends", "blank_ids", "no_lines", "po102_repeats"])
def test_harmless_defects_of_partners_are_read_over(partner: Partner, defect: str) -> None:
    partner.writer.defects = {defect}
    partner.answer("V1", [{"ean": FIRST, "quantity": 1}, {"ean": FIRST, "quantity": 1, "status": "backordered"}])
    assert told(only(read(sent(partner)).news)) == [(FIRST, "accepted", 1), (FIRST, "backordered", 1)]


@pytest.mark.parametrize("defect", ["wrong_ctt", "wrong_se"])
def test_wrong_counts_are_never_taken(partner: Partner, defect: str) -> None:
    partner.writer.defects = {defect}
    partner.answer("V1", [{"ean": FIRST, "quantity": 2}])
    assert only(read(sent(partner)).news).reason == "bad_set"  # type: ignore[union-attr]


def test_a_partner_whose_ctt_is_always_wrong_can_be_borne_with(partner: Partner) -> None:
    partner.writer.defects = {"wrong_ctt"}
    partner.answer("V1", [{"ean": FIRST, "quantity": 2}])
    assert told(only(read(sent(partner), wrong_totals="accept").news)) == [(FIRST, "accepted", 2)]


@pytest.mark.parametrize(("defect", "why"), [("no_iea", "Truncated"), ("test_indicator", "ISA15")])
def test_a_half_written_file_and_a_test_are_refused_whole(partner: Partner, defect: str, why: str) -> None:
    partner.writer.defects = {defect}
    partner.answer("V1", [{"ean": FIRST, "quantity": 2}])
    assert why in read(sent(partner)).refused


def test_freight_that_the_total_leaves_out_is_added(partner: Partner) -> None:
    partner.writer.defects = {"tds_without_freight"}
    partner.invoice("V1", Decimal("3.95"))
    news = only(read(sent(partner)).news)
    assert isinstance(news, OrderInvoiced)
    assert news.total.amount == 3 * Decimal("7.10") + Decimal("3.95")


def test_one_control_number_for_two_interchanges_lets_the_first_one_stand(partner: Partner) -> None:
    partner.writer.defects = {"same_isa13"}
    desk, understand = MemoryDesk(ordered=lambda _: ORDERED), reader().read
    for status in ("accepted", "rejected"):
        partner.answer("V1", [{"ean": FIRST, "quantity": 2, "status": status}])
        desk.apply(Incoming(name=status, place=status, body=sent(partner)), understand)
    assert [str(one.state) for one in desk.incoming] == ["applied", "quarantined"]
    status_now = desk.order_status("DW-1-11")
    assert status_now is not None
    assert [line.status for line in status_now.lines] == [LineStatus.ACCEPTED]
    assert AcknowledgedLine(ean=FIRST, quantity=2, reason="IA") in status_now.lines
