from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.exchange.remote_exchange import TOO_LARGE
from adapters.suppliers.files.profile import FilesProfile
from adapters.suppliers.files.reading import read_file
from models.exchange import (
    CancelAnswered,
    DocumentKind,
    Incoming,
    OrderAcknowledged,
    OrderInvoiced,
    OrderShipped,
    Reading,
    Unclear,
)
from models.money import Money
from models.suppliers import LineStatus, SupplierLine, SupplierState

FIRST, SECOND = "4006381333931", "8411061123456"
ORDERED = (SupplierLine(ean=FIRST, quantity=2, sku="S-1"), SupplierLine(ean=SECOND, quantity=1, sku="S-2"))
ACK = "po_number,line,status,qty_accepted,eta,supplier_order_no\r\n"
SHIP = "po_number,line,qty,carrier,service,tracking,ship_date\r\n"


def lines_of(number: str) -> Sequence[SupplierLine]:
    return ORDERED if number.startswith("DW-") else ()


def read(name: str, body: str | bytes, **changes: Any) -> Reading:
    kinds: dict[str, Any] = {kind: {} for kind in ("acknowledgements", "shipments", "invoices", "cancellation_answers")}
    profile = FilesProfile.model_validate({"partner": "acme", "remote": {"url": "file:///edi"}, **kinds, **changes})
    raw = body.encode() if isinstance(body, str) else body
    return read_file(profile, "EUR", lines_of, Incoming(name=name, place=name, body=raw))


def acknowledged(*rows: str, **changes: Any) -> OrderAcknowledged:
    reading = read("ack_1.csv", ACK + "".join(f"{row}\r\n" for row in rows), **changes)
    assert reading.refused == ""
    (news,) = reading.news
    assert isinstance(news, OrderAcknowledged)
    return news


def said(news: OrderAcknowledged) -> list[tuple[str, str, int]]:
    return [(line.ean, line.status.value, line.quantity) for line in news.lines]


@pytest.mark.parametrize(
    ("rows", "parcels"),
    [
        (["DW-1-11,1,0,GLS,,T9,2026-03-14"], None),
        (["DW-1-11,1,0,GLS,,,2026-03-14"], None),
        (["DW-1-11,1,2,GLS,,T1,2026-03-14", "DW-1-11,2,0,GLS,,T2,2026-03-14"], {"T1": {FIRST: 2}}),
    ],
)
def test_a_row_that_counts_nought_is_no_parcel_for_everything(
    rows: list[str], parcels: dict[str, dict[str, int]] | None
) -> None:
    reading = read("ship_1.csv", SHIP + "".join(f"{row}\r\n" for row in rows))
    found = [
        {one.tracking_number: {line.ean: line.quantity for line in one.lines} for one in news.parcels}
        for news in reading.news
        if isinstance(news, OrderShipped)
    ]
    assert found == ([] if parcels is None else [parcels])


def test_a_row_that_names_two_of_the_articles_is_a_persons_to_read() -> None:
    columns = {"number": "po", "ean": "ean", "sku": "sku", "status": "status"}
    reading = read(
        "ack_1.csv", f"po,ean,sku,status\r\nDW-1-11,{FIRST},S-2,accepted\r\n", acknowledgements={"columns": columns}
    )
    (news,) = reading.news
    assert isinstance(news, Unclear)
    assert (news.number, news.reason) == ("DW-1-11", "contradiction")


class TestAcknowledgements:
    def test_the_reference_format_is_read_as_it_stands(self) -> None:
        news = acknowledged("DW-1-11,1,accepted,2,,A-77", "DW-1-11,2,backordered,1,2026-03-20,A-77")
        assert news.number == "DW-1-11"
        assert news.supplier_number == "A-77"
        assert news.state is SupplierState.ACKNOWLEDGED
        assert said(news) == [(FIRST, "accepted", 2), (SECOND, "backordered", 1)]
        assert news.lines[1].expected_on == date(2026, 3, 20)

    def test_units_that_an_acceptance_leaves_out_are_refused(self) -> None:
        news = acknowledged("DW-1-11,1,accepted,1,,")
        assert said(news) == [(FIRST, "accepted", 1), (FIRST, "rejected", 1)]
        assert news.lines[1].reason == "short"

    def test_units_left_out_stay_open_where_the_partner_answers_bit_by_bit(self) -> None:
        news = acknowledged("DW-1-11,1,accepted,1,,", acknowledgements={"remainder": "open"})
        assert said(news) == [(FIRST, "accepted", 1)]

    def test_a_split_line_is_several_answers(self) -> None:
        news = acknowledged("DW-1-11,1,accepted,1,,", "DW-1-11,1,backordered,1,2026-03-20,")
        assert said(news) == [(FIRST, "accepted", 1), (FIRST, "backordered", 1)]

    @pytest.mark.parametrize("quantity", ["0", ""])
    def test_a_refusal_without_a_quantity_is_of_all_that_is_left(self, quantity: str) -> None:
        news = acknowledged(f"DW-1-11,1,rejected,{quantity},,", "DW-1-11,2,OK,1,,")
        assert said(news) == [(FIRST, "rejected", 2), (SECOND, "accepted", 1)]

    def test_an_order_of_which_nothing_will_come_is_cancelled(self) -> None:
        assert acknowledged("DW-1-11,1,rejected,0,,", "DW-1-11,2,Cancelled,0,,").state is SupplierState.CANCELLED
        assert acknowledged("DW-1-11,1,rejected,0,,").state is SupplierState.ACKNOWLEDGED

    def test_prices_and_substitutes_come_with_their_line(self) -> None:
        columns = {
            "number": "po",
            "ean": "ean",
            "status": "st",
            "quantity": "q",
            "unit_cost": "p",
            "currency": "c",
            "substitute": "alt",
        }
        layout = {
            "columns": columns,
            "delimiter": ";",
            "decimal": ",",
            "statuses": {"I": "accepted", "S": "substituted"},
        }
        body = f"po;ean;st;q;p;c;alt\nDW-1-11;{FIRST};i;1;7,35;;\nDW-1-11;{FIRST};s;1;;;5901234123457\n"
        (news,) = read("ack_1.csv", body, acknowledgements=layout).news
        assert isinstance(news, OrderAcknowledged)
        assert news.lines[0].unit_cost == Money(amount=Decimal("7.35"), currency="EUR")
        assert (news.lines[1].status, news.lines[1].substitute) == (LineStatus.SUBSTITUTED, "5901234123457")

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            ("DW-1-11,1,in clarification,2,,", "unknown_status"),
            ("DW-1-11,1,accepted,two,,", "bad_quantity"),
            ("DW-1-11,1,accepted,1.5,,", "bad_quantity"),
            ("DW-1-11,1,accepted,-1,,", "bad_quantity"),
            ("DW-1-11,1,accepted,2,20.3.2026,", "bad_date"),
            ("DW-1-11,3,accepted,2,,", "unknown_line"),
            ("DW-1-11,,accepted,2,,", "no_article"),
        ],
    )
    def test_what_can_not_be_understood_makes_its_order_unclear_and_no_other(self, row: str, code: str) -> None:
        reading = read("ack_1.csv", f"{ACK}DW-2-11,1,accepted,2,,\r\n{row}\r\n")
        assert isinstance(reading.news[0], OrderAcknowledged)
        unclear = reading.news[1]
        assert isinstance(unclear, Unclear)
        assert (unclear.number, unclear.reason, unclear.sequence) == ("DW-1-11", code, 1)
        assert unclear.detail.startswith("row 3: ")

    def test_a_row_without_a_number_is_unclear_alone(self) -> None:
        reading = read("ack_1.csv", f"{ACK},1,accepted,2,,\r\nDW-1-11,1,accepted,2,,\r\n")
        assert [type(one) for one in reading.news] == [Unclear, OrderAcknowledged]
        assert [one.sequence for one in reading.news] == [0, 1]

    def test_an_order_that_nobody_knows_is_told_all_the_same(self) -> None:
        (news,) = read("ack_1.csv", f"{ACK}PO-9,1,accepted,2,,\r\n").news
        assert isinstance(news, OrderAcknowledged)
        assert [(line.ean, line.quantity) for line in news.lines] == [("line 1", 2)]


class TestShipments:
    def test_the_reference_format_is_read_as_it_stands(self) -> None:
        rows = "DW-1-11,1,2,GLS,std,GLS-1,2026-03-03\r\nDW-1-11,2,1,GLS,std,GLS-2,2026-03-04\r\n"
        (news,) = read("ship_1.csv", SHIP + rows).news
        assert isinstance(news, OrderShipped)
        assert [(parcel.tracking_number, parcel.carrier) for parcel in news.parcels] == [
            ("GLS-1", "GLS"),
            ("GLS-2", "GLS"),
        ]
        assert [(line.ean, line.quantity) for parcel in news.parcels for line in parcel.lines] == [
            (FIRST, 2),
            (SECOND, 1),
        ]
        assert news.shipped_on == date(2026, 3, 4)
        assert news.complete is None

    def test_units_without_a_tracking_number_belong_to_no_parcel(self) -> None:
        (news,) = read("ship_1.csv", f"{SHIP}DW-1-11,1,2,GLS,std,,2026-03-03\r\n").news
        assert isinstance(news, OrderShipped)
        assert news.parcels == ()
        assert [(line.ean, line.quantity) for line in news.lines] == [(FIRST, 2)]

    def test_lines_may_be_named_by_the_partners_own_number_and_come_twice(self) -> None:
        layout = {
            "columns": {
                "number": "po",
                "sku": "sku",
                "quantity": "q",
                "tracking": "t",
                "shipment": "s",
                "complete": "c",
            }
        }
        body = "po,sku,q,t,s,c\nDW-1-11,s-1,1,T-1,9,no\nDW-1-11,S-1,1,T-1,9,yes\nDW-1-11,S-2,1,T-2,10,no\n"
        first, second = read("ship_1.csv", body, shipments=layout).news
        assert isinstance(first, OrderShipped)
        assert isinstance(second, OrderShipped)
        assert [(line.ean, line.quantity) for line in first.parcels[0].lines] == [(FIRST, 2)]
        assert (first.shipment, first.complete, second.shipment, second.complete) == ("9", True, "10", False)

    def test_parcels_without_lines_cover_what_is_open(self) -> None:
        layout = {"columns": {"number": "po", "tracking": "t"}}
        (news,) = read("ship_1.csv", "po,t\nDW-1-11,T-1\n", shipments=layout).news
        assert isinstance(news, OrderShipped)
        assert news.parcels[0].lines == ()

    def test_a_tracking_number_that_is_none_is_unclear(self) -> None:
        (news,) = read("ship_1.csv", f"{SHIP}DW-1-11,1,2,GLS,std,<b>,2026-03-03\r\n").news
        assert isinstance(news, Unclear)
        assert news.reason == "bad_tracking"
        assert "<b>" not in news.detail


class TestInvoicesAndCancellations:
    def test_an_invoices_total_is_said_once_or_on_every_row(self) -> None:
        layout = {
            "columns": {
                "number": "po",
                "invoice": "i",
                "issued_on": "d",
                "line": "l",
                "quantity": "q",
                "unit_cost": "u",
                "total": "t",
                "charges": "f",
            }
        }
        body = (
            "po,i,d,l,q,u,t,f\nDW-1-11,R-1,2026-03-05,1,2,7.20,25.40,4.00\nDW-1-11,R-1,2026-03-05,2,1,7.00,25.40,4.00\n"
        )
        (news,) = read("invoice_1.csv", body, invoices=layout).news
        assert isinstance(news, OrderInvoiced)
        assert news.total == Money(amount=Decimal("25.40"), currency="EUR")
        assert news.charges == Money(amount=Decimal("4.00"), currency="EUR")
        assert [(line.ean, line.quantity, line.unit_cost) for line in news.lines][1][:2] == (SECOND, 1)

    def test_without_a_total_the_rows_are_added_up(self) -> None:
        layout = {
            "columns": {"number": "po", "invoice": "i", "line": "l", "quantity": "q", "unit_cost": "u", "charges": "f"}
        }
        body = "po,i,l,q,u,f\nDW-1-11,R-1,1,2,7.20,4\nDW-1-11,R-1,2,1,7.00,4\n"
        (news,) = read("invoice_1.csv", body, invoices=layout).news
        assert isinstance(news, OrderInvoiced)
        assert news.total.amount == Decimal("25.40")

    def test_totals_that_contradict_each_other_are_unclear(self) -> None:
        layout = {"columns": {"number": "po", "invoice": "i", "total": "t"}}
        (news,) = read("invoice_1.csv", "po,i,t\nDW-1-11,R-1,5\nDW-1-11,R-1,6\n", invoices=layout).news
        assert isinstance(news, Unclear)
        assert news.reason == "contradiction"

    @pytest.mark.parametrize(("word", "cancelled"), [("Cancelled", True), ("too late", False)])
    def test_a_wish_to_cancel_is_answered_yes_or_no(self, word: str, cancelled: bool) -> None:
        (news,) = read("cancelled_1.csv", f"po_number,answer\nDW-1-11,{word}\n").news
        assert news == CancelAnswered(number="DW-1-11", cancelled=cancelled)


class TestWholeFiles:
    def test_a_byte_order_mark_and_columns_that_nobody_asked_for_do_not_matter(self) -> None:
        body = (
            "\ufeffbranch,PO_Number,line,status,qty_accepted,eta,supplier_order_no\r\nNord,DW-1-11,1,accepted,2,,\r\n"
        )
        assert read("ack_1.csv", body).news
        assert read("ack_1.csv", body.encode("utf-16")).news

    def test_a_configured_encoding_is_used(self) -> None:
        columns = {"number": "po", "status": "st", "line": "l", "reason": "grund"}
        layout = {"columns": columns, "encoding": "cp1252"}
        (news,) = read(
            "ack_1.csv", "po,st,l,grund\nDW-1-11,rejected,1,für immer\n".encode("cp1252"), acknowledgements=layout
        ).news
        assert isinstance(news, OrderAcknowledged)
        assert news.lines[0].reason == "für immer"

    def test_without_a_header_columns_are_numbered(self) -> None:
        layout = {"header": False, "columns": {"number": "1", "line": "2", "tracking": "4", "quantity": "3"}}
        (news,) = read("ship_1.csv", "DW-1-11,1,2,T-1\n", shipments=layout).news
        assert isinstance(news, OrderShipped)
        assert news.parcels[0].tracking_number == "T-1"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", "empty"),
            (ACK.encode(), "no_rows"),
            (f"{ACK}DW-1-11,1,accepted".encode(), "cut_off"),
            (f"{ACK}DW-1-11,1,accepted,2,,A-7".encode(), "cut_off"),
            (f"{ACK}DW-1-11,1,accepted\r\n".encode(), "cut_off"),
            (f"{ACK}DW-1-11,1,accepted,2,,A-7,more\r\n".encode(), "cut_off"),
            (f'{ACK}DW-1-11,1,"accepted,2,,A-7\r\n'.encode(), "quotes"),
            (b"po_number,status\r\nDW-1-11,accepted\r\n", "missing_column"),
            (f"po_number,{ACK}DW-1-11,DW-1-11,1,accepted,2,,\r\n".encode(), "column_twice"),
            (f"{ACK}DW-1-11,1,gepr\xfcft,2,,\r\n".encode("cp1252"), "encoding"),
            (f"{ACK}DW-1-11,1,accepted\0,2,,\r\n".encode(), "nul_bytes"),
            (TOO_LARGE + b"1-2/ack_1.csv\0", "too_large"),
        ],
    )
    def test_what_is_not_one_whole_file_is_refused_whole(self, body: bytes, code: str) -> None:
        reading = read("ack_1.csv", body)
        assert reading.kind is DocumentKind.ACKNOWLEDGEMENT
        assert reading.refused.partition(":")[0] == code
        assert reading.news == ()

    def test_a_partner_that_never_ends_its_last_line_can_be_believed(self) -> None:
        layout = {"final_line_end": False}
        assert acknowledged_without_end(layout).lines[0].quantity == 2

    def test_a_name_that_no_pattern_fits_is_refused(self) -> None:
        assert read("order.csv", ACK).refused.startswith("no_kind")

    @given(st.binary(max_size=300), st.sampled_from(["ack_1.csv", "ship_1.csv", "invoice_1.csv", "cancelled_1.csv"]))
    def test_whatever_comes_nothing_is_raised(self, noise: bytes, name: str) -> None:
        assert read(name, noise).refused
        assert isinstance(read(name, ACK.encode() + noise), Reading)
        assert isinstance(
            read(name, b"<answers><line>" + noise + b"</line></answers>", shipments={"format": "xml"}), Reading
        )


XML_COLUMNS = {"number": "../../@number", "line": "@no", "tracking": "parcel/tracking", "quantity": "qty"}
XML_BODY = (
    '<?xml version="1.0"?><shipments xmlns="urn:acme"><order number="DW-1-11"><items>'
    '<line no="1"><qty>2</qty><parcel><tracking> T-1 </tracking></parcel></line>'
    '<line no="2"><qty>1</qty><parcel><tracking>T-2</tracking></parcel></line>'
    "</items></order></shipments>"
)


class TestXml:
    def test_values_may_lie_deeper_higher_or_in_attributes(self) -> None:
        (news,) = read("ship_1.xml", XML_BODY, shipments={"format": "xml", "columns": XML_COLUMNS}).news
        assert isinstance(news, OrderShipped)
        assert news.number == "DW-1-11"
        assert [parcel.tracking_number for parcel in news.parcels] == ["T-1", "T-2"]
        assert [(line.ean, line.quantity) for parcel in news.parcels for line in parcel.lines] == [
            (FIRST, 2),
            (SECOND, 1),
        ]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (XML_BODY[:200], "xml"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a><line>&b;</line></a>", "dtd_refused"),
            ("<a/>", "no_rows"),
        ],
    )
    def test_a_document_cut_off_or_armed_is_refused(self, body: str, code: str) -> None:
        reading = read("ship_1.xml", body, shipments={"format": "xml", "columns": XML_COLUMNS})
        assert reading.refused.partition(":")[0] == code


def test_configured_words_are_compared_without_case() -> None:
    answers = {"cancelled": ["Storniert"], "too_late": ["Zu spät"]}
    reading = read("cancelled_1.csv", "po_number,answer\r\nDW-1-11,STORNIERT\r\n", cancellation_answers=answers)
    assert reading.news == (CancelAnswered(number="DW-1-11", cancelled=True),)
    columns = {"number": "po", "tracking": "tracking", "complete": "last"}
    body = "po,tracking,last\r\nDW-1-11,T-100000,JA\r\n"
    (news,) = read("ship_1.csv", body, shipments={"columns": columns, "last_words": ["Ja"]}).news
    assert isinstance(news, OrderShipped)
    assert news.complete is True


def test_a_file_of_one_order_may_have_very_many_rows() -> None:
    columns = {"number": "po", "shipment": "shipment", "tracking": "tracking"}
    body = "po,shipment,tracking\r\n" + "".join(f"DW-1-11,S{n},T-{n:06}\r\n" for n in range(20_000))
    assert len(read("ship_1.csv", body, shipments={"columns": columns}).news) == 20_000


def acknowledged_without_end(layout: dict[str, Any]) -> OrderAcknowledged:
    (news,) = read("ack_1.csv", f"{ACK}DW-1-11,1,accepted,2,,", acknowledgements=layout).news
    assert isinstance(news, OrderAcknowledged)
    return news
