"""What suppliers say that can't be, or is not theirs to say: kept, bounded, and a question to a person."""

from decimal import Decimal
from typing import Any

import pytest

from adapters.database import exchange_incoming
from models.contracts import PurchaseOrderRequest
from models.exchange import (
    CancelAnswered,
    DocumentKind,
    OrderAcknowledged,
    OrderInvoiced,
    OrderNews,
    OrderShipped,
    PartnerNews,
    Reading,
    ReceiptArrived,
    Unclear,
)
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine, SupplierState, TrackedParcel
from tests.activities.exchange_world import Exchange
from tests.activities.world import ARTICLE, World


@pytest.fixture
def order(world: World) -> PurchaseOrderRequest:
    """Two of the one article, at 10.00 each, and 4.90 for shipping."""
    placed = world.placed()
    with world.database.begin() as tx:
        costing = "UPDATE purchase_order_lines SET unit_cost = 10 WHERE purchase_order_id = %s"
        tx.exec_driver_sql(costing, (placed.purchase_order_id,))
    return placed


def units(quantity: int, ean: str = ARTICLE) -> tuple[SupplierLine, ...]:
    return (SupplierLine(ean=ean, quantity=quantity),)


def shipped(order: PurchaseOrderRequest, tracking: str = "T1", quantity: int = 2, ean: str = ARTICLE) -> OrderShipped:
    parcel = TrackedParcel(tracking_number=tracking, lines=units(quantity, ean))
    return OrderShipped(number=order.number, shipment=f"S-{tracking}", parcels=(parcel,))


def answered(
    order: PurchaseOrderRequest,
    quantity: int = 2,
    status: LineStatus = LineStatus.ACCEPTED,
    ean: str = ARTICLE,
    state: SupplierState = SupplierState.ACKNOWLEDGED,
) -> OrderAcknowledged:
    line = AcknowledgedLine(ean=ean, quantity=quantity, status=status)
    return OrderAcknowledged(number=order.number, state=state, lines=(line,))


def asked(exchange: Exchange, *documents: PartnerNews) -> list[dict[str, Any]]:
    """Have these documents come, one after the other, and list what people are asked then."""
    for one in documents:
        exchange.arrives(one)
        exchange.round()
    assert exchange.lies_in("inbox") == []
    return exchange.world.rows("SELECT category, question, evidence, purchase_order_id FROM tasks ORDER BY id")


def categories(exchange: Exchange, *documents: PartnerNews) -> list[str]:
    return [task["category"] for task in asked(exchange, *documents)]


# Whose order it is.


def test_an_order_that_we_do_not_know_is_a_question_and_changes_nothing(exchange: Exchange) -> None:
    stranger = OrderAcknowledged(number="Planted Person 7")
    (task,) = asked(exchange, stranger)
    assert task["category"] == "document_unclear"
    assert "unknown_order" in task["question"]
    assert "Planted" not in str(task)
    assert exchange.world.rows("SELECT * FROM partner_news") == []
    assert exchange.world.only("SELECT number, state FROM partner_document_orders")["state"] == "quarantined"


def test_an_order_of_another_supplier_is_a_question_and_changes_nothing(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    with exchange.world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_orders SET supplier = 'nova'")
    (task,) = asked(exchange, shipped(order))
    assert "order_of_another_supplier" in task["question"]
    assert exchange.world.rows("SELECT * FROM partner_news") == []


def test_good_news_beside_a_strangers_is_applied(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    exchange.arrives(OrderAcknowledged(number="DW-9-99"), answered(order), Unclear(reason="hold", number=order.number))
    exchange.round()
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert status.state is SupplierState.ACKNOWLEDGED
    task = exchange.world.only("SELECT evidence, purchase_order_id FROM tasks")
    assert [one["reason"] for one in task["evidence"]["problems"]] == ["unknown_order", "hold"]
    assert task["purchase_order_id"] == order.purchase_order_id


# What can't be.


def test_ordinary_answers_and_shipments_ask_nobody(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    assert categories(exchange, answered(order), shipped(order, "T1", 1), shipped(order, "T2", 1)) == []


def test_a_shipment_before_its_acknowledgement_asks_nobody(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    assert categories(exchange, shipped(order), answered(order)) == []


def test_a_shipment_told_twice_asks_nobody(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    assert categories(exchange, shipped(order), shipped(order)) == []
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert [parcel.tracking_number for parcel in status.parcels] == ["T1"]


def test_a_shipment_without_tracking_asks_nobody_and_is_merged_with_its_number(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    untracked = OrderShipped(number=order.number, shipment="S-T1", lines=units(2))
    numbered = OrderShipped(number=order.number, shipment="S-T1", parcels=(TrackedParcel(tracking_number="T1"),))
    assert categories(exchange, untracked, numbered) == []
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert (status.state, sum(line.quantity for line in status.parcels[0].lines)) == (SupplierState.SHIPPED, 2)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda o: [shipped(o, "T1", 5)], f"5 of {ARTICLE}, 2 were due"),
        (lambda o: [shipped(o, "T1"), shipped(o, "T2", 1)], f"3 of {ARTICLE}, 2 were due"),
        (lambda o: [shipped(o, "T1", 1, ean="9999999999994")], "9999999999994, which was not ordered"),
        (lambda o: [answered(o, 1, LineStatus.REJECTED), shipped(o)], f"2 of {ARTICLE}, 1 were due"),
        (lambda o: [answered(o, 9)], f"answers for more than was ordered: 9 of {ARTICLE}"),
        (lambda o: [answered(o, 1, ean="9999999999994")], "answers for 9999999999994"),
        (lambda o: [shipped(o), answered(o, 1, LineStatus.BACKORDERED)], "takes back units that had shipped"),
        (lambda o: [shipped(o), answered(o, state=SupplierState.CANCELLED)], "refuses what had shipped"),
        (lambda o: [answered(o), shipped(o), answered(o, 1)], "answers once more, after all of it had shipped"),
        (lambda o: [shipped(o), CancelAnswered(number=o.number, cancelled=True)], "cancelled, after all of it"),
        (
            lambda o: [CancelAnswered(number=o.number, cancelled=True), shipped(o)],
            "ships what it had cancelled or refused",
        ),
    ],
)
def test_what_can_not_be_is_a_question_and_is_believed_only_as_far_as_was_ordered(
    exchange: Exchange, order: PurchaseOrderRequest, make: Any, problem: str
) -> None:
    news: list[OrderNews] = make(order)
    (task,) = asked(exchange, *news)
    assert task["category"] == "shipment_contradicts"
    assert problem in task["question"]
    assert task["purchase_order_id"] == order.purchase_order_id
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert sum(line.quantity for parcel in status.parcels for line in parcel.lines) <= 2


# Invoices.


def invoice(
    order: PurchaseOrderRequest,
    total: str,
    *,
    charges: str | None = None,
    number: str = "INV-1",
    currency: str = "EUR",
    lines: tuple[SupplierLine, ...] = (),
) -> OrderInvoiced:
    return OrderInvoiced(
        number=order.number,
        invoice=number,
        total=Money(amount=Decimal(total), currency=currency),
        charges=Money(amount=Decimal(charges), currency=currency) if charges else None,
        lines=lines,
    )


@pytest.mark.parametrize(
    ("total", "charges"),
    [
        ("24.90", None),  # goods and freight
        ("20.00", None),  # goods; freight is not invoiced
        ("24.90", "4.90"),
        ("23.00", "3.00"),  # cheaper freight
        ("25.30", None),  # within two percent
    ],
)
def test_an_invoice_as_expected_asks_nobody(
    exchange: Exchange, order: PurchaseOrderRequest, total: str, charges: str | None
) -> None:
    assert categories(exchange, invoice(order, total, charges=charges)) == []
    kept = exchange.world.only("SELECT total, expected, agrees FROM supplier_invoices")
    assert kept == {"total": Decimal(total), "expected": Decimal("24.90"), "agrees": True}


@pytest.mark.parametrize(
    ("total", "charges", "currency"),
    [("31.00", None, "EUR"), ("35.00", "15.00", "EUR"), ("2.49", None, "EUR"), ("24.90", None, "USD")],
)
def test_an_invoice_that_differs_is_a_question(
    exchange: Exchange, order: PurchaseOrderRequest, total: str, charges: str | None, currency: str
) -> None:
    (task,) = asked(exchange, invoice(order, total, charges=charges, currency=currency))
    assert task["category"] == "invoice_differs"
    assert f"{total} {currency}" in task["question"]
    assert "24.90 EUR" in task["question"]
    assert not exchange.world.only("SELECT agrees FROM supplier_invoices")["agrees"]


def test_invoices_for_parts_add_up_and_the_one_too_many_is_a_question(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    parts = [invoice(order, "10.00", number=f"INV-{count}", lines=units(1)) for count in (1, 2)]
    assert categories(exchange, *parts) == []
    assert categories(exchange, invoice(order, "10.00", number="INV-3", lines=units(1))) == ["invoice_differs"]


def test_the_price_that_was_acknowledged_is_the_one_expected(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    cost = Money(amount=Decimal("12.00"), currency="EUR")
    line = AcknowledgedLine(ean=ARTICLE, quantity=2, unit_cost=cost)
    dearer = OrderAcknowledged(number=order.number, lines=(line,))
    assert categories(exchange, dearer, invoice(order, "28.90")) == []


def test_an_invoice_number_that_stands_for_something_else_is_a_question(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    (task,) = asked(exchange, invoice(order, "24.90"), invoice(order, "24.90"), invoice(order, "99.00"))
    assert "invoice_number_repeated" in task["question"]
    assert exchange.world.only("SELECT total FROM supplier_invoices")["total"] == Decimal("24.90")


# Receipts.


def test_a_refused_document_is_a_question_and_its_order_waits_for_a_person(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    control = exchange.sent_order(order)
    (task,) = asked(exchange, ReceiptArrived(control=control, accepted=False, codes=("R", "5")))
    assert task["category"] == "document_refused"
    assert f"document {control} ({order.number}): R 5" in task["question"]
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert (status.state, status.status_text) == (SupplierState.UNKNOWN, "refused: R 5")
    assert exchange.world.only("SELECT told_at FROM partner_news") == {"told_at": None}


def test_a_document_that_is_taken_after_all_is_no_question_any_more(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    control = exchange.sent_order(order)
    asked(exchange, ReceiptArrived(control=control, accepted=False, codes=("R", "5")))
    assert exchange.world.tasks() == ["document_refused"]
    asked(exchange, ReceiptArrived(control=control, accepted=True, codes=("A",)))
    assert (exchange.world.tasks(), exchange.world.tasks("obsolete")) == ([], ["document_refused"])


def test_a_receipt_for_a_document_we_never_sent_is_a_question(exchange: Exchange) -> None:
    (task,) = asked(exchange, ReceiptArrived(control=4711, accepted=True))
    assert "receipt_for_nothing_of_ours: control 4711" in task["question"]


def test_a_control_number_that_stands_for_another_document_is_a_question(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.arrives(answered(order), control=118)
    exchange.arrives(shipped(order), control=118)
    exchange.round()
    assert exchange.lies_in("error") == ["0002.json"]
    (task,) = asked(exchange)
    assert "control number 118 came before" in task["question"]


def reads_again(exchange: Exchange, document_id: int) -> None:
    with exchange.world.database.begin() as tx:
        assert exchange_incoming.read_again(tx, document_id)
    exchange.round()


def test_a_partner_that_begins_its_numbers_anew_is_believed_on_a_persons_word(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.arrives(answered(order), control=118)
    exchange.arrives(shipped(order), control=118)
    exchange.round()
    refused = exchange.world.only("SELECT id FROM partner_documents WHERE state = 'quarantined'")
    reads_again(exchange, refused["id"])
    status = exchange.desk.order_status(order.number)
    assert status is not None
    assert status.state is SupplierState.SHIPPED
    assert exchange.world.only("SELECT state FROM tasks")["state"] != "open"


def test_an_invoice_that_a_document_did_not_mean_is_gone_once_it_is_read_again(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    misread = OrderInvoiced(number=order.number, invoice="I-1", total=Money(amount=Decimal("24.90"), currency="EUR"))
    meant = misread.model_copy(update={"invoice": "I-2"})
    exchange.arrives(misread)
    exchange.round()
    exchange.partner.reads = lambda _: Reading(kind=DocumentKind.INVOICE, news=(meant,))
    reads_again(exchange, exchange.world.only("SELECT id FROM partner_documents")["id"])
    assert exchange.world.only("SELECT invoice, agrees FROM supplier_invoices") == {"invoice": "I-2", "agrees": True}
