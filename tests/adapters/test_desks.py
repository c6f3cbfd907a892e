"""One suite over both document desks: the one on our database, and the one in memory that adapters are tested with."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from activities import exchange_news
from activities.exchange_news import Partner
from adapters.database import exchange_documents
from adapters.database.engine import Database
from adapters.database.exchange import Documents
from adapters.errors import Doubtful, NotSent, Unavailable
from adapters.ports import DocumentDesk
from dropwright.testing.desk import MemoryDesk
from models.contracts import PurchaseOrderRequest
from models.exchange import (
    DocumentKind,
    DocumentState,
    Drafted,
    Incoming,
    OrderAcknowledged,
    OrderNews,
    Outgoing,
    Reading,
    ReceiptArrived,
)
from models.suppliers import SupplierLine, SupplierState
from tests.activities.world import World, build_world

NOW = datetime(2026, 3, 2, 13, 50, tzinfo=UTC)
AT_TWO = datetime(2026, 3, 2, 14, tzinfo=UTC)
ORDER, CANCELLATION = DocumentKind.ORDER, DocumentKind.CANCELLATION
QUEUED, PREPARED, SENT = DocumentState.QUEUED, DocumentState.PREPARED, DocumentState.SENT
RECEIVED, REFUSED = DocumentState.RECEIVED, DocumentState.REFUSED


class Take(Protocol):
    """Takes a document in, as a round does, and returns what became of it."""

    def __call__(self, body: bytes, reading: Reading) -> DocumentState: ...


@dataclass
class Scene:
    """A desk, with two orders planned at its supplier."""

    desk: DocumentDesk
    first: str
    second: str
    ordered: SupplierLine
    take: Take
    resend: Callable[[Outgoing], None]

    def prepare(self, *numbers: str, kind: DocumentKind = ORDER) -> Outgoing:
        return self.desk.prepare(kind, numbers or (self.first,), draft)

    def said(self, *news: OrderNews, body: bytes) -> DocumentState:
        return self.take(body, Reading(kind=DocumentKind.ACKNOWLEDGEMENT, news=news))

    def receipt(self, outgoing: Outgoing, *, accepted: bool = True, refused: Sequence[str] = ()) -> None:
        codes = () if accepted else ("R", "5")
        receipt = ReceiptArrived(
            control=outgoing.control, accepted=accepted, refused_numbers=tuple(refused), codes=codes
        )
        self.take(b"receipt %d" % outgoing.control, Reading(kind=DocumentKind.RECEIPT, news=(receipt,)))

    def state(self, number: str) -> tuple[SupplierState, str]:
        status = self.desk.order_status(number)
        assert status is not None
        return status.state, status.status_text

    def own(self, number: str) -> DocumentState | None:
        found = self.desk.find_outgoing(ORDER, number)
        return found.state if found else None


def draft(control: int) -> Drafted:
    return Drafted(name=f"order-{control}.edi", body=b"ISA %d" % control)


def batch(control: int, entries: Sequence[bytes]) -> Drafted:
    return Drafted(name=f"batch-{control}.csv", body=b"%d:" % control + b"|".join(entries))


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[World]:
    built = build_world(database_url)
    built.bts.stock = dict.fromkeys(built.bts.stock, 10_000)
    yield built
    built.database.close()


@pytest.fixture(params=["database", "memory"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return in_memory() if request.param == "memory" else on_database(request.getfixturevalue("world"))


def in_memory() -> Scene:
    line = SupplierLine(ean="8411061123456", quantity=2)
    desk = MemoryDesk(ordered=lambda _: (line,), clock=lambda: NOW)

    def take(body: bytes, reading: Reading) -> DocumentState:
        return desk.apply(Incoming(name="in.edi", place="", body=body), lambda _: reading).state

    return Scene(desk, "DW-1-11", "DW-2-11", line, take, desk.resend)


def on_database(world: World) -> Scene:
    with world.database.begin() as tx:
        tx.exec_driver_sql("TRUNCATE partner_documents, control_numbers, partner_facts CASCADE")
    first, second = planned(world), planned(world)
    desk = Documents(world.database, "bts", lambda: NOW)
    partner = Partner.of(world.deps.outside.configuration, "bts", NOW)

    def take(body: bytes, reading: Reading) -> DocumentState:
        with world.database.begin() as tx:
            incoming = Incoming(name="in.edi", place="", body=body)
            return exchange_news.take(tx, partner, incoming, lambda _: reading).state

    def resend(outgoing: Outgoing) -> None:
        with world.database.begin() as tx:
            assert exchange_documents.resend(tx, outgoing.id, NOW)

    (line,) = desk.order_lines(first)
    return Scene(desk, first, second, line, take, resend)


def planned(world: World) -> str:
    order: PurchaseOrderRequest
    (order,) = world.planned()
    return order.number


# Documents that leave.


def test_a_document_is_prepared_once_and_a_resend_carries_the_number_of_the_first(scene: Scene) -> None:
    first = scene.prepare()
    assert (first.control, first.name, first.body, first.state) == (1, "order-1.edi", b"ISA 1", PREPARED)
    assert scene.prepare() == first
    assert scene.prepare(scene.second).control == 2
    assert scene.prepare(kind=CANCELLATION).control == 3


def test_a_document_about_several_orders_is_the_same_in_any_sequence(scene: Scene) -> None:
    both = scene.prepare(scene.first, scene.second)
    assert scene.prepare(scene.second, scene.first) == both
    assert both.numbers == (scene.first, scene.second)
    assert scene.desk.find_outgoing(ORDER, scene.second) == both


def test_a_draft_that_fails_uses_up_no_number_and_keeps_nothing(scene: Scene) -> None:
    def fail(_: int) -> Drafted:
        raise ValueError("no ship method")

    with pytest.raises(ValueError, match="no ship method"):
        scene.desk.prepare(ORDER, [scene.first], fail)
    assert scene.own(scene.first) is None
    assert scene.prepare().control == 1


def test_what_has_left_is_known_to_have_left_and_stays_so(scene: Scene) -> None:
    outgoing = scene.prepare()
    for _ in range(2):
        scene.desk.sent(outgoing, receipt_due=AT_TWO)
    assert scene.own(scene.first) is SENT
    assert scene.state(scene.first) == (SupplierState.SENT, "sent")
    scene.desk.withdraw(outgoing)
    assert scene.own(scene.first) is SENT


def test_what_never_left_is_as_though_it_had_never_been_and_its_number_is_not_used_again(scene: Scene) -> None:
    first = scene.prepare()
    for _ in range(2):
        scene.desk.withdraw(first)
    assert scene.own(scene.first) is None
    assert scene.desk.order_status(scene.first) is None
    second = scene.prepare()
    assert (second.control, second.name) == (2, "order-2.edi")


def test_an_order_placed_alone_is_its_lifecycles_to_send_until_a_person_wants_it_sent_again(scene: Scene) -> None:
    order, cancellation = scene.prepare(), scene.prepare(kind=CANCELLATION)
    assert scene.desk.unsent() == [cancellation]
    assert scene.desk.unsent(ORDER) == []
    scene.desk.sent(order)
    scene.desk.sent(cancellation)
    assert scene.desk.unsent() == []
    scene.resend(order)
    (again,) = scene.desk.unsent(ORDER, CANCELLATION)
    assert (again.control, again.body, again.state) == (order.control, order.body, PREPARED)
    scene.desk.sent(again)
    assert (scene.desk.unsent(), scene.own(scene.first)) == ([], SENT)


# Receipts.


def test_a_receipt_settles_every_order_of_the_document(scene: Scene) -> None:
    outgoing = scene.prepare(scene.first, scene.second)
    scene.desk.sent(outgoing)
    scene.receipt(outgoing)
    assert [scene.own(number) for number in (scene.first, scene.second)] == [RECEIVED, RECEIVED]
    assert scene.state(scene.first) == (SupplierState.SENT, "received")


def test_a_refused_document_leaves_its_orders_for_a_person_to_look_at(scene: Scene) -> None:
    outgoing = scene.prepare()
    scene.desk.sent(outgoing)
    scene.receipt(outgoing, accepted=False)
    assert scene.own(scene.first) is REFUSED
    assert scene.state(scene.first) == (SupplierState.UNKNOWN, "refused: R 5")


def test_a_group_taken_in_part_refuses_only_the_orders_it_names(scene: Scene) -> None:
    outgoing = scene.prepare(scene.first, scene.second)
    scene.desk.sent(outgoing)
    scene.receipt(outgoing, refused=[scene.second])
    assert [scene.own(number) for number in (scene.first, scene.second)] == [RECEIVED, REFUSED]


def test_a_receipt_that_is_faster_than_our_note_of_having_sent_it_stays(scene: Scene) -> None:
    outgoing = scene.prepare()
    scene.receipt(outgoing)
    scene.desk.sent(outgoing, receipt_due=AT_TWO)
    assert scene.own(scene.first) is RECEIVED


# Batches.


def test_a_batch_collects_orders_until_its_window_is_over(scene: Scene) -> None:
    for number in (scene.first, scene.second, scene.first):
        scene.desk.enqueue(number, number.encode(), window_ends=AT_TWO)
    assert scene.state(scene.first) == (SupplierState.SENT, "waits for the batch of 14:00Z")
    assert scene.own(scene.first) is QUEUED
    assert scene.desk.close_batch(NOW, batch) is None
    closed = scene.desk.close_batch(AT_TWO, batch)
    assert closed is not None
    assert closed.body == f"1:{scene.first}|{scene.second}".encode()
    assert (closed.control, closed.numbers, closed.state) == (1, (scene.first, scene.second), PREPARED)
    assert scene.desk.unsent(ORDER) == [closed]
    assert scene.desk.close_batch(AT_TWO, batch) is None


def test_an_order_that_is_in_a_document_is_put_into_no_batch(scene: Scene) -> None:
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO)
    assert scene.desk.close_batch(AT_TWO, batch) is not None
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO + timedelta(hours=1))
    assert scene.desk.close_batch(AT_TWO + timedelta(hours=1), batch) is None


def test_an_order_that_comes_after_its_window_closed_gets_a_batch_of_its_own(scene: Scene) -> None:
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO)
    assert scene.desk.close_batch(AT_TWO, batch) is not None
    scene.desk.enqueue(scene.second, b"2", window_ends=AT_TWO)
    late = scene.desk.close_batch(AT_TWO, batch)
    assert late is not None
    assert (late.control, late.numbers) == (2, (scene.second,))


def test_an_order_is_taken_out_of_an_open_batch_and_of_no_closed_one(scene: Scene) -> None:
    for number in (scene.first, scene.second):
        scene.desk.enqueue(number, number.encode(), window_ends=AT_TWO)
    assert scene.desk.dequeue(scene.first)
    assert scene.desk.dequeue(scene.first), "its first answer may have been lost"
    assert scene.state(scene.first)[0] is SupplierState.CANCELLED
    closed = scene.desk.close_batch(AT_TWO, batch)
    assert closed is not None
    assert closed.numbers == (scene.second,)
    assert not scene.desk.dequeue(scene.second)
    assert not scene.desk.dequeue("DW-9-99")


def test_an_order_that_was_taken_out_can_be_put_in_again(scene: Scene) -> None:
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO)
    scene.desk.dequeue(scene.first)
    scene.desk.enqueue(scene.first, b"1 again", window_ends=AT_TWO)
    closed = scene.desk.close_batch(AT_TWO, batch)
    assert closed is not None
    assert closed.body == b"1:1 again"


def test_a_batch_that_nothing_is_left_in_uses_no_number(scene: Scene) -> None:
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO)
    scene.desk.dequeue(scene.first)
    assert scene.desk.close_batch(AT_TWO, batch) is None
    assert scene.prepare(scene.second).control == 1


def test_an_order_that_is_placed_alone_leaves_its_batch(scene: Scene) -> None:
    scene.desk.enqueue(scene.first, b"1", window_ends=AT_TWO)
    alone = scene.prepare()
    assert scene.desk.close_batch(AT_TWO, batch) is None
    assert scene.desk.find_outgoing(ORDER, scene.first) == alone


# What comes.


def test_what_was_said_is_told_from_all_documents_oldest_first(scene: Scene) -> None:
    scene.desk.sent(scene.prepare())
    scene.said(OrderAcknowledged(number=scene.first, state=SupplierState.CANCELLED), body=b"one")
    scene.said(OrderAcknowledged(number=scene.first, status_text="AC"), body=b"two")
    assert scene.state(scene.first) == (SupplierState.ACKNOWLEDGED, "AC")


def test_the_same_bytes_are_applied_once(scene: Scene) -> None:
    refusing = OrderAcknowledged(number=scene.first, state=SupplierState.CANCELLED)
    scene.said(refusing, body=b"one")
    scene.said(OrderAcknowledged(number=scene.first), body=b"two")
    assert scene.said(refusing, body=b"one") is DocumentState.APPLIED
    assert scene.state(scene.first)[0] is SupplierState.ACKNOWLEDGED


def test_another_document_with_a_known_control_number_is_not_believed(scene: Scene) -> None:
    accepting = (OrderAcknowledged(number=scene.first),)
    refusing = (OrderAcknowledged(number=scene.first, state=SupplierState.CANCELLED),)
    kind = DocumentKind.ACKNOWLEDGEMENT
    assert scene.take(b"one", Reading(kind=kind, news=accepting, control=118)) is DocumentState.APPLIED
    second = Reading(kind=kind, news=refusing, control=118, replies=("997:118:A",), replies_if_repeated=("TA1:118",))
    assert scene.take(b"two", second) is DocumentState.QUARANTINED
    assert scene.state(scene.first)[0] is SupplierState.ACKNOWLEDGED
    assert scene.desk.replies_due() == ["TA1:118"]


def test_a_document_that_was_not_believed_takes_no_number_from_one_that_is(scene: Scene) -> None:
    kind = DocumentKind.ACKNOWLEDGEMENT
    assert scene.take(b"half", Reading(kind=kind, control=7, refused="no IEA")) is DocumentState.QUARANTINED
    whole = Reading(kind=kind, control=7, news=(OrderAcknowledged(number=scene.first),))
    assert scene.take(b"whole", whole) is DocumentState.APPLIED


def test_each_document_is_answered_once(scene: Scene) -> None:
    scene.take(b"one", Reading(kind=DocumentKind.SHIPMENT, replies=("997:5:A",)))
    scene.take(b"two", Reading(kind=DocumentKind.SHIPMENT, replies=("997:6:R",), refused="SE01"))
    assert scene.desk.replies_due() == ["997:5:A", "997:6:R"]
    reply = scene.desk.prepare_reply("997:5:A", draft)
    assert (reply.control, reply.kind, reply.numbers) == (1, DocumentKind.RECEIPT, ())
    assert scene.desk.prepare_reply("997:5:A", draft) == reply
    assert scene.desk.replies_due() == ["997:6:R"]
    assert scene.desk.unsent(DocumentKind.RECEIPT) == [reply]


def test_a_receipt_for_a_receipt_changes_nothing(scene: Scene) -> None:
    scene.take(b"one", Reading(kind=DocumentKind.SHIPMENT, replies=("997:5:A",)))
    reply = scene.desk.prepare_reply("997:5:A", draft)
    scene.receipt(reply)
    assert scene.desk.unsent() == [reply]


# The rest.


def test_it_is_known_what_was_ordered(scene: Scene) -> None:
    assert [(line.ean, line.quantity) for line in scene.desk.order_lines(scene.first)] == [("8411061123456", 2)]


def test_small_facts_are_remembered_and_replaced(scene: Scene) -> None:
    assert scene.desk.recall("uidvalidity") is None
    for value in ("7", "8"):
        scene.desk.remember("uidvalidity", value)
    assert scene.desk.recall("uidvalidity") == "8"


# The database's own.


def test_documents_prepared_at_once_have_different_numbers_and_the_same_one_is_prepared_once(world: World) -> None:
    scene = on_database(world)
    numbers = [f"DW-{count}-11" for count in range(8)] * 2
    with ThreadPoolExecutor(8) as threads:
        prepared = list(threads.map(lambda number: scene.desk.prepare(ORDER, [number], draft), numbers))
    assert sorted({one.control for one in prepared}) == list(range(1, 9))
    assert len({(one.control, one.numbers) for one in prepared}) == 8


def test_a_desk_without_a_database_says_what_that_means() -> None:
    database = Database("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    desk, outgoing = Documents(database, "bts"), in_memory().prepare()
    with pytest.raises(NotSent):
        desk.prepare(ORDER, ["DW-1-11"], draft)
    with pytest.raises(NotSent):
        desk.enqueue("DW-1-11", b"", window_ends=AT_TWO)
    for call in (desk.sent, desk.withdraw):
        with pytest.raises(Doubtful):
            call(outgoing)
    with pytest.raises(Unavailable):
        desk.order_status("DW-1-11")
    database.close()


def test_one_suppliers_documents_are_none_of_anothers(world: World) -> None:
    scene = on_database(world)
    outgoing = scene.prepare()
    other = Documents(world.database, "nova")
    assert other.find_outgoing(ORDER, scene.first) is None
    assert other.order_status(scene.first) is None
    assert other.order_lines(scene.first) == ()
    assert other.prepare(ORDER, [scene.first], draft).id != outgoing.id
