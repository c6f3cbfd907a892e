"""Rows E17 to E25 of what can be wrong with EDI, as far as reading decides about them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.errors import BadDelimiters, BadHeader, NotX12, Truncated, X12Error
from adapters.suppliers.edi_x12.replying import write_reply
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.inventories import Inventory
from adapters.suppliers.edi_x12.sets.invoices import Invoice
from adapters.suppliers.edi_x12.sets.receipts import Receipt, SetReceipt, read_997
from adapters.suppliers.edi_x12.sets.shipments import Shipment, ShippedItem, ShippedOrder
from adapters.suppliers.edi_x12.tokenizer import Delimiters
from dropwright.testing.desk import MemoryDesk
from models.exchange import DocumentKind, DocumentState, Incoming, OrderAcknowledged, ReceiptArrived, Unclear
from tests.adapters.x12.documents import INWARD, MADE, OUTWARD, WHOLE_855, an_item, document, read, reader, reading

WHOLE = ("855", WHOLE_855)
GOOD = document([WHOLE])
DAY = date(2026, 3, 14)


def test_e17_a_header_of_another_length_is_refused_and_nothing_of_it_read() -> None:
    short = GOOD.replace(b"MERCHANT       *", b"MERCHANT*", 1)
    came = read(short)
    assert came.refused.startswith("BadHeader")
    assert (came.news, came.replies) == ((), ())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NotX12),
        (b"UNA:+.? 'UNB+UNOC:3", NotX12),
        (GOOD[:90], Truncated),
        (GOOD.replace(b"*", b"A"), BadDelimiters),
        (GOOD.replace(b">~", b"~~"), BadDelimiters),
        (GOOD.replace(b"*00*", b"*0*0", 1), BadHeader),
    ],
)
def test_e17_delimiters_that_can_not_delimit_are_named(body: bytes, error: type[X12Error]) -> None:
    with pytest.raises(error):
        read_interchange(body)


@pytest.mark.parametrize(
    "signs", [Delimiters("|", "^", "\n"), Delimiters("\x1d", "\x1f", "\x1c"), Delimiters("?", ":", "'")]
)
def test_e17_odd_separators_are_read_as_declared_and_there_is_no_release_character(signs: Delimiters) -> None:
    came = read(document([WHOLE], replace(INWARD, delimiters=signs)))
    assert [type(one) for one in came.news] == [OrderAcknowledged]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (b"IEA*1*000000118", b"IEA*1*000000119", "IEA02 is not ISA13"),
        (b"IEA*1*", b"IEA*2*", "IEA01 says 2, 1 are there"),
        (b"IEA*1*000000118~", b"", "ends without an IEA"),
    ],
)
def test_e18_an_interchange_that_does_not_agree_with_itself_is_refused(before: bytes, after: bytes, why: str) -> None:
    came = read(GOOD.replace(before, after), interchange_receipts=True)
    assert why in came.refused
    assert came.news == ()
    assert [reply.split(":")[0] for reply in came.replies] == ["TA1"]


@pytest.mark.parametrize(
    ("before", "after", "why", "codes"),
    [
        (b"GE*1*118", b"GE*1*119", "GE02 is not GS06", ("R", "4")),
        (b"GE*1*118", b"GE*3*118", "GE01 says 3, 1 are there", ("R", "5")),
        (b"SE*3*0001", b"SE*4*0001", "SE01 says 4, 3 are there", ("R", "4")),
        (b"SE*3*0001", b"SE*3*0002", "SE02 is not ST02", ("R", "3")),
        (b"SE*3*0001~\n", b"", "the last set has no SE", ("R", "2")),
    ],
)
def test_e18_a_set_or_group_that_does_not_agree_with_itself_is_rejected_by_a_997(
    before: bytes, after: bytes, why: str, codes: tuple[str, str]
) -> None:
    came = read(GOOD.replace(before, after))
    assert [one.reason for one in came.news if isinstance(one, Unclear)] == ["bad_set"]
    assert why in came.news[0].detail  # type: ignore[union-attr]
    (receipt,) = receipts_of(came.replies)
    assert receipt.status == codes[0]
    assert codes[1] in (*receipt.codes, *(code for one in receipt.sets for code in one.codes))


def receipts_of(replies: tuple[str, ...]) -> list[Receipt]:
    written = [write_reply(reply, OUTWARD, control=9, made_at=MADE) for reply in replies]
    return [read_997(read_interchange(body).groups[0].sets[0].segments) for body in written]


def test_e19_another_document_under_a_known_control_number_is_not_believed() -> None:
    desk, understand = MemoryDesk(), reader().read
    first = Incoming(name="a", place="a", body=GOOD)
    other = Incoming(name="b", place="b", body=document([("855", Acknowledgement("DW-1-11", "RJ"))]))
    assert desk.apply(first, understand).state is DocumentState.APPLIED
    assert desk.apply(first.model_copy(update={"name": "c"}), understand).repeats == 1
    assert desk.apply(other, understand).state is DocumentState.QUARANTINED
    assert [one.state for one in desk.news if isinstance(one, OrderAcknowledged)] == ["acknowledged"]


def test_e20_news_of_an_order_that_nobody_knows_name_it_and_claim_nothing() -> None:
    item = an_item()
    shipped = ShippedOrder("DW-9-99", items=(ShippedItem(item.ids, Decimal(1)),))
    came = reading(
        [
            ("855", Acknowledgement("DW-9-99", "AC", lines=(AnsweredItem(item, (Answer("IA", Decimal(2)),)),))),
            ("856", Shipment("S-1", DAY, orders=(shipped,))),
            ("810", Invoice("I-1", DAY, Decimal("14.20"), "DW-9-99", lines=(item,))),
        ],
        lines=(),
    )
    claimed = [one.model_dump(include={"news", "number", "lines", "parcels"}) for one in came.news]
    assert claimed == [
        {"news": "acknowledged", "number": "DW-9-99", "lines": ()},
        {"news": "shipped", "number": "DW-9-99", "lines": (), "parcels": ()},
        {"news": "invoiced", "number": "DW-9-99", "lines": ()},
    ]


@pytest.mark.parametrize(
    ("status", "codes", "sets", "accepted"),
    [
        ("A", (), ("A",), True),
        ("R", (), ("R",), False),
        ("P", (), ("R",), False),
        ("E", (), ("E",), True),
        ("R", ("5",), (), False),
    ],
)
def test_e22_a_receipt_that_is_not_plain_acceptance_reaches_a_person(
    status: str, codes: tuple[str, ...], sets: tuple[str, ...], accepted: bool
) -> None:
    told = tuple(SetReceipt("850", "0001", one, ("5",) if one != "A" else ()) for one in sets)
    good = sum(one in "AE" for one in sets)
    came = reading([("997", Receipt("PO", 7, status, 1, 1, good, told, codes))])
    arrived = [one for one in came.news if isinstance(one, ReceiptArrived)]
    assert [(one.control, one.accepted) for one in arrived] == [(7, accepted)]
    noted = [one.reason for one in came.news if isinstance(one, Unclear)]
    assert noted == (["receipt_with_errors"] if status == "E" else [])


def test_e22_a_receipt_is_never_receipted_and_one_for_a_receipt_says_nothing() -> None:
    came = reading([("997", Receipt("FA", 7, "A", 1, 1, 1))])
    assert (came.kind, came.news, came.replies, came.refused) == (DocumentKind.RECEIPT, (), (), "")


@pytest.mark.parametrize(("control", "note", "accepted"), [(7, "021", False), (7, "025", True), (6, "025", False)])
def test_e22_a_ta1_refuses_our_document_unless_it_was_sent_before_and_is_there_already(
    control: int, note: str, accepted: bool
) -> None:
    body = document([("997", Receipt("PO", 8, "A", 1, 1, 1))])
    told = body.replace(b"GS*", f"TA1*{control:09d}*260314*0926*R*{note}~\nGS*".encode(), 1)
    arrived = [one for one in read(told).news if isinstance(one, ReceiptArrived)]
    assert [(one.control, one.accepted) for one in arrived] == [(control, accepted), (8, True)]


@pytest.mark.parametrize("status", ["A", "E", "P"])
def test_e22_a_receipt_whose_counts_say_that_nothing_was_taken_is_a_refusal(status: str) -> None:
    (arrived,) = reading([("997", Receipt("PO", 7, status, 1, 1, 0))]).news
    assert isinstance(arrived, ReceiptArrived)
    assert not arrived.accepted


@pytest.mark.parametrize(("usage", "test"), [("production", True), ("test", False)])
def test_e23_tests_and_production_are_never_mixed(usage: str, test: bool) -> None:
    came = read(document([WHOLE], replace(INWARD, test=test)), usage=usage)
    assert "ISA15" in came.refused
    assert came.news == ()


def test_e24_a_bad_set_among_good_ones_is_rejected_alone() -> None:
    orders = ["DW-1-11", "DW-2-11", "DW-3-11"]
    body = document([("855", Acknowledgement(number, "AK")) for number in orders])
    came = read(body.replace(b"SE*3*0002", b"SE*9*0002"))
    assert [one.number for one in came.news if isinstance(one, OrderAcknowledged)] == ["DW-1-11", "DW-3-11"]
    assert [one.reason for one in came.news if isinstance(one, Unclear)] == ["bad_set"]
    (receipt,) = receipts_of(came.replies)
    assert (receipt.status, receipt.received, receipt.accepted) == ("P", 3, 2)
    assert [(one.control, one.status, one.codes) for one in receipt.sets] == [("0002", "R", ("4",))]


def test_e24_sets_of_several_kinds_in_one_file_are_each_read() -> None:
    came = reading([WHOLE, ("997", Receipt("PO", 7, "A", 1, 1, 1)), ("846", Inventory("R", DAY))])
    assert came.kind is DocumentKind.MIXED
    assert [one.news for one in came.news] == ["acknowledged", "receipt", "stock"]
    assert [reply.split(":")[2] for reply in came.replies] == ["PR", "IB"]
    assert [one.sequence for one in came.news] == [0, 1, 2]


def test_what_is_for_somebody_else_or_from_somebody_else_is_refused() -> None:
    strange = [
        replace(INWARD, sender=("01", "987654321")),
        replace(INWARD, receiver=("ZZ", "ANOTHER")),
        replace(INWARD, group_sender="ANOTHER"),
    ]
    for addressing in strange:
        came = read(document([WHOLE], addressing))
        assert "another" in came.refused
        assert (came.news, came.replies) == ((), ())


def test_a_set_that_was_not_agreed_on_is_rejected_and_shown() -> None:
    came = read(GOOD.replace(b"ST*855*", b"ST*864*"))
    assert [one.reason for one in came.news if isinstance(one, Unclear)] == ["bad_set"]
    assert receipts_of(came.replies)[0].status == "R"


def test_what_is_not_in_utf_8_is_read_as_latin_1() -> None:
    body = GOOD.replace(b"BAK*00*AK*DW-1-11", "BAK*00*AK*DW-1-11*****Nº 7".encode("latin-1"))
    (said,) = read(body).news
    assert isinstance(said, OrderAcknowledged)
    assert said.supplier_number == "Nº 7"


def test_a_number_that_can_not_be_ours_is_shown_without_what_was_written() -> None:
    came = reading([("855", Acknowledgement("<script", "AK"))])
    (said,) = came.news
    assert isinstance(said, Unclear)
    assert said.reason == "bad_value"
    assert "script" not in repr(came)


def test_an_amount_beyond_all_reason_is_shown_and_not_applied() -> None:
    body = document([WHOLE]).replace(b"SE*3", b"PO1*1*999999999999999*EA*1~\nSE*4")
    (said,) = read(body).news
    assert isinstance(said, Unclear)
