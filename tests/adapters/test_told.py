from collections.abc import Sequence
from datetime import date

import pytest

from adapters.exchange.told import Own, tell
from models.exchange import (
    CancelAnswered,
    DocumentState,
    LookAgain,
    OrderAcknowledged,
    OrderNews,
    OrderReceived,
    OrderShipped,
)
from models.suppliers import (
    AcknowledgedLine,
    LineStatus,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

NUMBER = "DW-1-11"
ORDERED = (SupplierLine(ean="111", quantity=3, sku="A-1"), SupplierLine(ean="222", quantity=1))
SENT = Own(DocumentState.SENT)
WHOLE = (SupplierLine(ean="111", quantity=3), SupplierLine(ean="222", quantity=1))


def line(ean: str, quantity: int, status: LineStatus = LineStatus.ACCEPTED, day: int = 0) -> AcknowledgedLine:
    expected = date(2026, 3, day) if day else None
    return AcknowledgedLine(ean=ean, quantity=quantity, status=status, expected_on=expected)


def acknowledged(
    *lines: AcknowledgedLine, state: SupplierState = SupplierState.ACKNOWLEDGED, changes_only: bool = False
) -> OrderAcknowledged:
    return OrderAcknowledged(number=NUMBER, state=state, lines=lines, changes_only=changes_only)


def parcel(tracking: str, **units: int) -> TrackedParcel:
    lines = tuple(SupplierLine(ean=ean.removeprefix("of"), quantity=count) for ean, count in units.items())
    return TrackedParcel(tracking_number=tracking, lines=lines)


def shipped(
    *parcels: TrackedParcel,
    shipment: str = "",
    lines: Sequence[SupplierLine] = (),
    complete: bool | None = None,
) -> OrderShipped:
    return OrderShipped(number=NUMBER, shipment=shipment, parcels=parcels, lines=tuple(lines), complete=complete)


def told(*news: OrderNews, own: Own | None = SENT) -> SupplierOrderStatus:
    status = tell(ORDERED, news, own)
    assert status is not None
    return status


def answered(status: SupplierOrderStatus) -> list[tuple[str, int, LineStatus]]:
    return [(one.ean, one.quantity, one.status) for one in status.lines]


def test_nothing_is_known_of_an_order_without_documents_and_news() -> None:
    assert tell(ORDERED, (), None) is None
    assert tell(ORDERED, (LookAgain(number=NUMBER),), None) is None


@pytest.mark.parametrize(
    ("own", "state", "text"),
    [
        (
            Own(DocumentState.QUEUED, "waits for the batch of 14:00Z"),
            SupplierState.SENT,
            "waits for the batch of 14:00Z",
        ),
        (Own(DocumentState.PREPARED), SupplierState.SENT, "prepared"),
        (SENT, SupplierState.SENT, "sent"),
        (Own(DocumentState.RECEIVED), SupplierState.SENT, "received"),
        (Own(DocumentState.REFUSED, "refused: R 5"), SupplierState.UNKNOWN, "refused: R 5"),
        (Own(DocumentState.WITHDRAWN), SupplierState.CANCELLED, "taken out before it left"),
    ],
)
def test_before_any_word_our_own_document_tells(own: Own, state: SupplierState, text: str) -> None:
    status = told(own=own)
    assert (status.state, status.status_text) == (state, text)


def test_a_supplier_that_says_only_that_it_has_it_has_not_acknowledged() -> None:
    status = told(OrderReceived(number=NUMBER))
    assert (status.state, status.status_text) == (SupplierState.SENT, "received")


def test_the_newest_answer_per_article_wins_and_a_split_line_stays_split() -> None:
    first = acknowledged(line("111", 3), line("222", 1))
    second = acknowledged(line("111", 2), line("111", 1, LineStatus.BACKORDERED, day=9))
    status = told(first, second)
    assert status.state is SupplierState.ACKNOWLEDGED
    assert answered(status) == [
        ("111", 2, LineStatus.ACCEPTED),
        ("111", 1, LineStatus.BACKORDERED),
        ("222", 1, LineStatus.ACCEPTED),
    ]


def test_an_answer_that_names_changes_only_accepts_the_rest_as_ordered() -> None:
    status = told(acknowledged(line("111", 1, LineStatus.REJECTED), changes_only=True))
    assert answered(status) == [
        ("111", 1, LineStatus.REJECTED),
        ("111", 2, LineStatus.ACCEPTED),
        ("222", 1, LineStatus.ACCEPTED),
    ]


def test_units_that_were_refused_do_not_come_back_by_being_left_out_of_later_changes() -> None:
    refusing = acknowledged(line("222", 1, LineStatus.REJECTED))
    changing = acknowledged(line("111", 3, day=9), changes_only=True)
    assert answered(told(refusing, changing))[0] == ("222", 1, LineStatus.REJECTED)


def test_a_supplier_is_believed_only_as_far_as_it_was_asked() -> None:
    status = told(
        acknowledged(line("111", 5), line("999", 1)),
        shipped(parcel("T1", of111=2)),
        shipped(parcel("T2", of111=4, of999=1), parcel("T3", of999=1)),
    )
    assert answered(status) == [("111", 3, LineStatus.ACCEPTED)]
    units = [(one.tracking_number, [(part.ean, part.quantity) for part in one.lines]) for one in status.parcels]
    assert units == [("T1", [("111", 2)]), ("T2", [("111", 1)])]


def test_an_article_named_by_the_suppliers_own_number_is_the_one_that_was_ordered() -> None:
    status = told(shipped(parcel("T1", **{"a-1": 3, "of222": 1})))
    assert status.state is SupplierState.SHIPPED
    assert [part.ean for part in status.parcels[0].lines] == ["111", "222"]


def test_every_line_refused_is_a_refused_order() -> None:
    status = told(acknowledged(line("111", 3, LineStatus.REJECTED), line("222", 1, LineStatus.REJECTED)))
    assert status.state is SupplierState.CANCELLED
    assert sum(one.quantity for one in status.declined) == 4


def test_part_shipments_add_up_until_all_has_left() -> None:
    first, second = (
        shipped(parcel("T1", of111=2), shipment="S1"),
        shipped(parcel("T2", of111=1, of222=1), shipment="S2"),
    )
    assert told(first).state is SupplierState.ACKNOWLEDGED
    assert told(first).status_text == "shipped in part"
    status = told(first, second)
    assert status.state is SupplierState.SHIPPED
    assert [one.tracking_number for one in status.parcels] == ["T1", "T2"]


def test_what_will_not_come_is_not_waited_for() -> None:
    refusing = acknowledged(line("222", 1, LineStatus.REJECTED))
    assert told(refusing, shipped(parcel("T1", of111=3))).state is SupplierState.SHIPPED


def test_a_shipment_told_twice_is_one_and_so_is_a_parcel() -> None:
    once = shipped(parcel("T1", of111=2), shipment="S1")
    again = shipped(parcel("T1", of111=2), shipment="S1-copy")
    assert told(once, once, again) == told(once)


def test_a_shipment_without_tracking_is_held_until_its_number_comes() -> None:
    untracked = shipped(shipment="S1", lines=WHOLE)
    held = told(untracked)
    assert (held.state, held.parcels) == (SupplierState.ACKNOWLEDGED, ())
    assert held.status_text == "shipped, without a tracking number yet"
    status = told(untracked, shipped(parcel("T1"), shipment="S1"))
    assert status.state is SupplierState.SHIPPED
    assert [(part.ean, part.quantity) for part in status.parcels[0].lines] == [("111", 3), ("222", 1)]


def test_a_parcel_that_names_no_units_covers_whatever_is_open() -> None:
    assert told(shipped(parcel("T1"))).state is SupplierState.SHIPPED


def test_a_shipment_that_says_more_will_follow_is_not_all() -> None:
    assert told(shipped(parcel("T1"), complete=False)).state is SupplierState.ACKNOWLEDGED


def test_units_left_out_of_a_complete_shipment_will_not_come() -> None:
    status = told(shipped(parcel("T1", of111=3), complete=True))
    assert status.state is SupplierState.SHIPPED
    assert [(one.ean, one.quantity) for one in status.declined] == [("222", 1)]


def test_a_shipment_before_its_acknowledgement_counts_and_the_acknowledgement_is_merged() -> None:
    sent = shipped(parcel("T1", of111=3, of222=1))
    assert told(sent).state is SupplierState.SHIPPED
    status = told(sent, acknowledged(line("111", 3), line("222", 1)))
    assert status.state is SupplierState.SHIPPED
    assert len(status.lines) == 2


def test_a_cancellation_is_believed_and_one_that_was_too_late_changes_nothing() -> None:
    accepted = acknowledged(line("111", 3))
    assert told(accepted, CancelAnswered(number=NUMBER, cancelled=True)).state is SupplierState.CANCELLED
    assert told(accepted, CancelAnswered(number=NUMBER, cancelled=False)).state is SupplierState.ACKNOWLEDGED


def test_the_rest_of_a_cancelled_order_that_had_shipped_in_part_will_not_come() -> None:
    status = told(shipped(parcel("T1", of111=3)), CancelAnswered(number=NUMBER, cancelled=True))
    assert status.state is SupplierState.SHIPPED
    assert [(one.ean, one.quantity) for one in status.declined] == [("222", 1)]


def test_an_acknowledgement_after_a_refusal_stands() -> None:
    refused = acknowledged(state=SupplierState.CANCELLED)
    assert told(refused).state is SupplierState.CANCELLED
    assert told(refused, acknowledged()).state is SupplierState.ACKNOWLEDGED


def test_where_nobody_knows_what_was_ordered_the_supplier_is_taken_at_its_word() -> None:
    status = tell((), (acknowledged(line("111", 7)), shipped(parcel("T1", of111=7))), SENT)
    assert status is not None
    assert (status.state, status.lines[0].quantity) == (SupplierState.SHIPPED, 7)
