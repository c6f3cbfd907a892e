"""Documents after their round: receipts that are late, documents read or sent again, stock, other doors."""

from datetime import timedelta

import pytest

from activities.exchange_news import Partner, apply
from adapters.database import exchange_documents, exchange_incoming
from adapters.exchange.keeping import upload_fact
from models.contracts import PurchaseOrderRequest
from models.exchange import (
    DocumentKind,
    OrderAcknowledged,
    Reading,
    ReceiptArrived,
    StockReported,
    Unclear,
)
from models.suppliers import SupplierState
from tests.activities.exchange_world import BTS, Exchange, accepted, documents, shipped, state
from tests.activities.world import HOUR, START, World


@pytest.fixture
def order(world: World) -> PurchaseOrderRequest:
    return world.placed()


# Receipts.


def test_a_receipt_that_does_not_come_is_asked_about_once_and_its_coming_closes_the_question(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    control = exchange.sent_order(order)
    exchange.round(START + 3 * HOUR)
    assert exchange.world.tasks() == []
    for hours in (5, 6):
        exchange.round(START + hours * HOUR)
    assert exchange.world.tasks() == ["receipt_overdue"]
    question = exchange.world.only("SELECT question FROM tasks")["question"]
    assert f"document {control} ({order.number})" in question
    exchange.arrives(ReceiptArrived(control=control, accepted=True))
    exchange.round(START + 7 * HOUR)
    assert (exchange.world.tasks(), exchange.world.tasks("obsolete")) == ([], ["receipt_overdue"])


def test_a_document_that_a_person_wants_sent_again_leaves_with_the_next_round_byte_for_byte(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.sent_order(order)
    with exchange.world.database.begin() as tx:
        document = exchange.world.only("SELECT id FROM partner_documents WHERE direction = 'out'")["id"]
        assert exchange_documents.resend(tx, document, START)
    exchange.round()
    exchange.round()
    assert (exchange.root / "outbox" / "order-1.edi").read_bytes() == b"order 1"
    row = exchange.world.only("SELECT state, receipt_due FROM partner_documents WHERE id = :id", id=document)
    assert row == {"state": "sent", "receipt_due": START + 4 * HOUR}


def test_an_order_that_was_given_up_is_not_sent_again_it_may_have_been_ordered_elsewhere(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.sent_order(order)
    with exchange.world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE purchase_orders SET state = 'cancelled' WHERE number = %s", (order.number,))
    with exchange.world.database.begin() as tx:
        document = exchange.world.only("SELECT id FROM partner_documents WHERE direction = 'out'")["id"]
        assert not exchange_documents.resend(tx, document, START)
    assert exchange.desk.unsent() == []


@pytest.mark.parametrize(("accepted", "fact"), [(True, "left"), (False, "")])
def test_a_document_that_was_refused_counts_as_though_it_had_never_left(
    exchange: Exchange, order: PurchaseOrderRequest, accepted: bool, fact: str
) -> None:
    control = exchange.sent_order(order)
    exchange.desk.remember(upload_fact(control), "left")
    exchange.arrives(ReceiptArrived(control=control, accepted=accepted))
    exchange.round()
    with exchange.world.database.begin() as tx:
        document = exchange.world.only("SELECT id FROM partner_documents WHERE direction = 'out'")["id"]
        assert exchange_documents.resend(tx, document, START)
    assert exchange.desk.recall(upload_fact(control)) == fact
    assert [one.again for one in exchange.desk.unsent()] == [True]


# Read again.


def test_a_document_read_again_says_what_it_says_now_and_nothing_else(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.partner.reads = lambda _: Reading(
        kind=DocumentKind.MIXED, news=(Unclear(number=order.number, reason="ship_method"),)
    )
    exchange.arrives(shipped(order))
    exchange.round()
    assert exchange.world.tasks() == ["document_unclear"]
    exchange.partner.reads = Reading.model_validate_json
    with exchange.world.database.begin() as tx:
        assert exchange_incoming.read_again(tx, documents(exchange, "id")[0][0])
    found = exchange.round()
    assert found is not None
    assert exchange.world.tasks() == []
    assert state(exchange, order) is SupplierState.SHIPPED


def test_a_document_read_again_keeps_its_place_among_the_others(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.arrives(accepted(order))
    exchange.arrives(OrderAcknowledged(number=order.number, state=SupplierState.CANCELLED))
    exchange.round()
    with exchange.world.database.begin() as tx:
        assert exchange_incoming.read_again(tx, documents(exchange, "id")[0][0])
    exchange.round()
    assert state(exchange, order) is SupplierState.CANCELLED


def test_what_came_to_our_door_is_not_read_a_second_time(exchange: Exchange) -> None:
    exchange.arrives(kind=DocumentKind.WEBHOOK)
    exchange.round()
    with exchange.world.database.begin() as tx:
        assert not exchange_incoming.read_again(tx, documents(exchange, "id")[0][0])


# Stock.


def test_a_stock_report_goes_to_the_pushed_feed_it_names(exchange: Exchange) -> None:
    feed = {"kind": "stock", "source": "push", "push_secret_env": "PUSH_SECRET", "columns": {"sku": "sku"}}
    exchange.world.configure(suppliers={"bts": {"feeds": {"edi": feed}}})
    exchange.arrives(StockReported(feed="edi", body=b"846"), StockReported(feed="prices", body=b"846"))
    exchange.round()
    assert [bytes(row["body"]) for row in exchange.world.rows("SELECT body FROM feed_pushes")] == [b"846"]
    assert exchange.world.tasks() == ["document_unclear"]


def test_another_door_applies_what_it_has_read_itself_in_its_own_transaction(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    name = exchange.arrives()
    exchange.round()
    partner = Partner.of(exchange.world.deps.outside.configuration, BTS.supplier, START + timedelta(hours=1))
    with exchange.world.database.begin() as tx:
        document = documents(exchange, "id")[0][0]
        assert apply(tx, partner, document, Reading(kind=DocumentKind.PORTAL, news=(accepted(order),))).good
    assert name == documents(exchange, "name")[0][0]
    assert state(exchange, order) is SupplierState.ACKNOWLEDGED
