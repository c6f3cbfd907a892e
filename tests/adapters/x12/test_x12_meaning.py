"""What partners write in their own way, and what must never be made of it."""

from datetime import date
from decimal import Decimal

import pytest

from adapters.exchange.told import tell
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.common import Item
from adapters.suppliers.edi_x12.sets.invoices import Invoice
from models.exchange import OrderAcknowledged, OrderNews, OrderShipped, PartnerNews, Unclear
from models.suppliers import SupplierState
from tests.adapters.x12.documents import ORDERED, an_item, read, reading
from tests.adapters.x12.test_x12_reading import parcels, raw, told

FIRST, SECOND = (line.ean for line in ORDERED)
THE_SECOND = an_item("2", 1, "3.00", SECOND)


def answered(kind: str, *lines: tuple[Item, tuple[Answer, ...]]) -> PartnerNews:
    (news,) = reading(
        [("855", Acknowledgement("DW-1-11", kind, lines=tuple(AnsweredItem(item, said) for item, said in lines)))]
    ).news
    return news


def shipment(*segments: str, purpose: str = "00", structure: str = "0004") -> tuple[PartnerNews, ...]:
    head = f"BSN*{purpose}*S-1*20260314*0926*{structure}"
    return read(raw("856", "SH", [head, *segments]), shipment_structures=("0001", "0002", "0004")).news


def reason(news: PartnerNews) -> str:
    assert isinstance(news, Unclear), news
    return news.reason


# 855


@pytest.mark.parametrize("kind", ["AC", "AD", "AE"])
@pytest.mark.parametrize(("status", "becomes"), [("IR", "rejected"), ("R2", "rejected"), ("IB", "backordered")])
@pytest.mark.parametrize("nought", [Decimal(0), None])
def test_a_line_that_is_refused_with_a_count_of_nought_is_refused_whole(
    kind: str, status: str, becomes: str, nought: Decimal | None
) -> None:
    news = answered(kind, (an_item(), (Answer(status, nought),)), (THE_SECOND, (Answer("IA", Decimal(1)),)))
    assert told(news) == [(FIRST, becomes, 2), (SECOND, "accepted", 1)]


@pytest.mark.parametrize("nought", [Decimal(0), None])
def test_an_uncounted_refusal_is_of_what_the_other_answers_leave_wherever_it_stands(nought: Decimal | None) -> None:
    news = answered("AC", (an_item(), (Answer("IR", nought), Answer("IA", Decimal(1)))))
    assert told(news) == [(FIRST, "rejected", 1), (FIRST, "accepted", 1)]


@pytest.mark.parametrize("kind", ["AC", "AD"])
def test_an_acceptance_of_nought_is_a_persons_to_read(kind: str) -> None:
    news = answered(kind, (an_item(), (Answer("IA", Decimal(0)),)), (THE_SECOND, (Answer("IA", Decimal(1)),)))
    assert reason(news) == "quantity"


def test_an_acceptance_of_nought_beside_an_answer_for_the_rest_is_clear() -> None:
    news = answered("AC", (an_item(), (Answer("IA", Decimal(0)), Answer("IB", Decimal(2)))))
    assert told(news) == [(FIRST, "backordered", 2)]


def test_details_that_are_announced_and_missing_are_not_taken_for_acceptance() -> None:
    assert reason(answered("AC")) == "no_lines"


@pytest.mark.parametrize("kind", ["RJ", "RD"])
def test_a_refusal_that_repeats_the_order_refuses_it(kind: str) -> None:
    news = answered(kind, (an_item(), ()), (THE_SECOND, ()))
    assert isinstance(news, OrderAcknowledged)
    assert news.state is SupplierState.CANCELLED


def test_another_price_that_is_not_said_is_not_accepted() -> None:
    assert reason(answered("AC", (an_item(price=None), (Answer("IP", Decimal(2)),)))) == "price"


# 856


@pytest.mark.parametrize("purpose", ["01", "03", "99"])
def test_a_shipment_that_is_taken_back_has_not_left(purpose: str) -> None:
    segments = ["HL*1**S", "REF*CN*T1", "HL*2*1*O", "PRF*DW-1-11", "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA"]
    (news,) = shipment(*segments, purpose=purpose)
    assert reason(news) == "bsn01"


def test_items_that_name_their_own_tracking_numbers_are_parcels() -> None:
    (news,) = shipment(
        "HL*1**S", "HL*2*1*O", "PRF*DW-1-11",
        "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA", "REF*CN*T1",
        "HL*4*2*I", f"LIN**EN*{SECOND}", "SN1**1*EA", "REF*CN*T2",
    )  # fmt: skip
    assert parcels(news) == {"T1": {FIRST: 2}, "T2": {SECOND: 1}}


def test_items_of_one_pack_with_different_numbers_are_different_parcels() -> None:
    (news,) = shipment(
        "HL*1**S", "HL*2*1*O", "PRF*DW-1-11", "HL*3*2*P",
        "HL*4*3*I", f"LIN**EN*{FIRST}", "SN1**2*EA", "REF*CN*T1",
        "HL*5*3*I", f"LIN**EN*{SECOND}", "SN1**1*EA", "REF*CN*T2",
        structure="0001",
    )  # fmt: skip
    assert parcels(news) == {"T1": {FIRST: 2}, "T2": {SECOND: 1}}


def test_a_pack_below_an_item_is_that_items() -> None:
    (news,) = shipment(
        "HL*1**S", "HL*2*1*O", "PRF*DW-1-11",
        "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA", "HL*4*3*P", "MAN*CP*T1",
        "HL*5*2*I", f"LIN**EN*{SECOND}", "SN1**1*EA", "HL*6*5*P", "MAN*CP*T2",
        structure="0002",
    )  # fmt: skip
    assert parcels(news) == {"T1": {FIRST: 2}, "T2": {SECOND: 1}}


def test_an_order_that_stands_twice_in_a_shipment_has_all_of_it() -> None:
    (news,) = shipment(
        "HL*1**S", "REF*CN*T1",
        "HL*2*1*O", "PRF*DW-1-11", "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA",
        "HL*4*1*O", "PRF*DW-1-11", "HL*5*4*I", f"LIN**EN*{SECOND}", "SN1**1*EA",
    )  # fmt: skip
    assert parcels(news) == {"T1": {FIRST: 2, SECOND: 1}}


@pytest.mark.parametrize(
    ("number", "unit", "named", "why"), [("DW-2-11", "CA", "DW-2-11", "unit"), ("<script", "EA", None, "bad_value")]
)
def test_what_can_not_be_understood_of_one_order_keeps_no_other_of_the_shipment_from_having_left(
    number: str, unit: str, named: str | None, why: str
) -> None:
    left, unclear = shipment(
        "HL*1**S", "REF*CN*T1",
        "HL*2*1*O", "PRF*DW-1-11", "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA",
        "HL*4*1*O", f"PRF*{number}", "HL*5*4*I", f"LIN**EN*{FIRST}", f"SN1**2*{unit}",
    )  # fmt: skip
    assert parcels(left) == {"T1": {FIRST: 2}}
    assert isinstance(unclear, Unclear)
    assert (unclear.number, unclear.reason) == (named, why)


def test_two_numbers_for_a_part_shipment_do_not_say_that_the_rest_has_left() -> None:
    news = shipment(
        "HL*1**S", "REF*CN*T1", "REF*CN*T2", "HL*2*1*O", "PRF*DW-1-11",
        "HL*3*2*I", f"LIN**EN*{FIRST}", "SN1**2*EA",
    )  # fmt: skip
    heard: list[OrderNews] = [one for one in news if isinstance(one, OrderShipped)]
    status = tell(ORDERED, heard)
    assert status is not None
    assert status.state is SupplierState.ACKNOWLEDGED
    assert [{line.ean: line.quantity for line in one.lines} for one in status.parcels] == [{FIRST: 2}]


# 810


@pytest.mark.parametrize(
    ("kind", "purpose", "why"),
    [("CR", "", "credit"), ("CN", "00", "credit"), ("", "01", "big08"), ("DI", "03", "big08")],
)
def test_a_credit_or_a_withdrawn_invoice_is_not_asked_to_be_paid(kind: str, purpose: str, why: str) -> None:
    invoice = Invoice("I-1", date(2026, 3, 14), Decimal("14.20"), "DW-1-11", None, kind, purpose, lines=(an_item(),))
    (news,) = reading([("810", invoice)]).news
    assert reason(news) == why


# All of them


def test_numbers_that_are_filled_up_with_blanks_are_ours_and_theirs_all_the_same() -> None:
    (news,) = shipment(
        "HL*1**S", "REF*CN*T1   ", "HL*2*1*O", "PRF*DW-1-11       ",
        "HL*3*2*I", f"LIN**EN*{FIRST}  ", "SN1**2*EA",
    )  # fmt: skip
    assert isinstance(news, OrderShipped)
    assert (news.number, parcels(news)) == ("DW-1-11", {"T1": {FIRST: 2}})
    (said,) = read(raw("855", "PR", ["BAK*00*AK*DW-1-11   *20260314"])).news
    assert isinstance(said, OrderAcknowledged)
    assert said.number == "DW-1-11"


def test_a_set_without_a_control_number_is_shown_without_what_stands_in_its_place() -> None:
    body = raw("855", "PR", ["BAK*00*AK*DW-1-11"]).replace(b"0001~", b"Planted Person~")
    (news,) = read(body).news
    assert reason(news) == "bad_set"
    assert "Planted" not in repr(news)
