"""Rounds of the exchange: documents picked up, kept, applied and put away, and lifecycles told of them."""

import pytest
from sqlalchemy.exc import OperationalError

from adapters.database import exchange_incoming, incidents
from adapters.errors import NotSent, Unavailable
from models.contracts import PurchaseOrderRequest
from models.exchange import (
    DocumentKind,
    Incoming,
    LookAgain,
    OrderAcknowledged,
    Reading,
)
from models.identifiers import straggler_workflow_id
from models.incidents import Trouble
from models.suppliers import SupplierState
from tests.activities.broken_commit import BrokenCommit
from tests.activities.exchange_world import Exchange, accepted, documents, draft, shipped, state
from tests.activities.world import HOUR, START, World


@pytest.fixture
def order(world: World) -> PurchaseOrderRequest:
    return world.placed()


# A round.


def test_a_document_is_kept_as_it_came_applied_and_put_away(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    name = exchange.arrives(accepted(order), kind=DocumentKind.ACKNOWLEDGEMENT)
    raw = (exchange.root / "inbox" / name).read_bytes()
    found = exchange.round()
    assert found is not None
    assert (found.picked_up, found.untold) == (1, True)
    assert (exchange.lies_in("inbox"), exchange.lies_in("archive")) == ([], [name])
    kept = [("acknowledgement", "applied", name, 0)]
    assert documents(exchange, "kind", "state", "name", "repeats") == kept
    assert bytes(documents(exchange, "body")[0][0]) == raw
    assert state(exchange, order) is SupplierState.ACKNOWLEDGED


def test_a_document_that_can_not_be_put_away_holds_up_nothing_behind_it(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.partner.stuck = exchange.arrives(accepted(order))
    behind = exchange.arrives(shipped(order))
    for _ in range(2):
        exchange.round()
    assert documents(exchange, "state", "repeats") == [("applied", 1), ("applied", 0)]
    assert (exchange.lies_in("inbox"), exchange.lies_in("archive")) == ([exchange.partner.stuck], [behind])


def test_a_document_that_can_not_be_put_away_is_a_question_and_no_outage(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.partner.stuck = exchange.arrives(accepted(order))
    for number in range(6):
        exchange.round(START + number * HOUR)
    assert exchange.world.rows("SELECT kind FROM incidents") == []
    assert exchange.world.tasks() == ["document_unclear"]
    assert "can't be put away: denied" in exchange.world.only("SELECT question FROM tasks")["question"]
    exchange.partner.stuck = ""
    exchange.round(START + 6 * HOUR)
    assert (exchange.world.tasks(), exchange.world.tasks("obsolete")) == ([], ["document_unclear"])
    assert exchange.lies_in("inbox") == []


def test_a_round_without_news_waits_for_the_next_by_retry(exchange: Exchange) -> None:
    assert exchange.round() is None
    assert exchange.message == "0 picked up, 0 sent; next round 02 Mar 09:05:00Z"


def test_the_same_document_picked_up_again_changes_nothing(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    name = exchange.arrives(accepted(order))
    exchange.round()
    before = exchange.world.rows("SELECT * FROM partner_news")
    exchange.arrives_again(name)
    exchange.round()
    assert exchange.world.rows("SELECT * FROM partner_news") == before
    assert documents(exchange, "repeats") == [(1,)]
    assert exchange.lies_in("inbox") == []


def test_what_can_not_be_read_goes_to_the_error_folder_and_to_a_person(exchange: Exchange) -> None:
    (exchange.root / "inbox" / "half.json").write_text('{"kind": "order", "news": [{"news": "Planted Person"')
    exchange.round()
    assert exchange.lies_in("error") == ["half.json"]
    assert documents(exchange, "state") == [("quarantined",)]
    task = exchange.world.only("SELECT question, evidence FROM tasks")
    document = documents(exchange, "id")[0][0]
    assert f"document {document}" in task["question"]
    assert task["evidence"]["see"] == f"dropwright documents show {document}"
    assert "Planted" not in str(task)


def test_a_document_that_our_own_code_fails_on_holds_up_none_behind_it(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    def read(body: bytes) -> Reading:
        if b"118" in body:
            raise KeyError("Planted Person")
        return Reading.model_validate_json(body)

    exchange.partner.reads = read
    exchange.arrives(accepted(order), control=118, name="1.json")
    exchange.arrives(accepted(order), name="2.json")
    exchange.round()
    assert (exchange.lies_in("error"), exchange.lies_in("archive")) == (["1.json"], ["2.json"])
    assert documents(exchange, "reason")[0] == ("unforeseen: KeyError",)


def test_a_document_whose_reading_needs_the_database_is_read_once_that_is_back(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    def read(body: bytes) -> Reading:
        raise Unavailable("document desk: no answer", code="database")

    exchange.arrives(accepted(order))
    exchange.partner.reads = read
    assert exchange.round() is None
    assert documents(exchange, "id") == []
    exchange.partner.reads = Reading.model_validate_json
    exchange.round()
    assert documents(exchange, "state") == [("applied",)]


def test_a_null_byte_in_what_was_said_does_not_stop_the_round(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    exchange.arrives(OrderAcknowledged(number=order.number, supplier_number="A\0C"))
    exchange.round()
    assert documents(exchange, "state") == [("quarantined",)]
    assert exchange.lies_in("inbox") == []


def test_a_wire_that_fails_is_counted_and_what_is_due_is_sent_all_the_same(exchange: Exchange) -> None:
    exchange.desk.prepare(DocumentKind.CANCELLATION, ["DW-1-11"], draft)
    exchange.partner.fails = NotSent("inbox: refused", code="refused")
    assert exchange.round() is None
    assert exchange.message == "0 picked up, 1 sent; no answer (refused); next round 02 Mar 09:05:00Z"
    assert exchange.lies_in("outbox") == ["order-1.edi"]
    assert exchange.world.only("SELECT failures FROM breakers") == {"failures": 1}
    exchange.partner.fails = None
    exchange.round()
    assert exchange.world.rows("SELECT failures FROM breakers WHERE failures > 0") == []


def test_a_supplier_that_is_down_is_left_alone_until_a_probe_was_answered(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.arrives(accepted(order))
    with exchange.world.database.begin() as tx:
        incidents.join(tx, "bts", Trouble.UNREACHABLE, None, reason="refused", now=START)
    for hours in range(4):
        assert exchange.round(at=START + hours * HOUR) is None
    assert exchange.message == "waits for BTSWholesaler, which is down"
    assert len(exchange.lies_in("inbox")) == 1
    assert exchange.world.only("SELECT recovered_at FROM incidents") == {"recovered_at": None}

    with exchange.world.database.begin() as tx:
        incidents.recovered(tx, "bts", incidents.SILENT, now=START)
    exchange.round(at=START + 4 * HOUR)
    assert exchange.lies_in("inbox") == []
    assert state(exchange, order) is SupplierState.ACKNOWLEDGED


def test_what_came_by_another_door_is_read_while_its_supplier_is_down(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    body = Reading(kind=DocumentKind.MIXED, news=(accepted(order),)).model_dump_json().encode()
    with exchange.world.database.begin() as tx:
        incidents.join(tx, "bts", Trouble.UNREACHABLE, None, reason="refused", now=START)
        exchange_incoming.keep(tx, "bts", Incoming(name="a", place="", body=body), now=START)
    found = exchange.round()
    assert found is not None
    assert found.untold


def test_a_supplier_without_documents_ends_the_exchange(exchange: Exchange, world: World) -> None:
    exchange.deps.outside._built.clear()
    exchange.partner = object()  # type: ignore[assignment]
    found = exchange.round()
    assert found is not None
    assert found.ended


@pytest.mark.parametrize("after", [False, True], ids=["lost", "its answer lost"])
def test_a_commit_that_is_lost_leaves_the_document_to_the_next_round(
    exchange: Exchange, order: PurchaseOrderRequest, *, after: bool
) -> None:
    exchange.arrives(accepted(order))
    with BrokenCommit(exchange.world.database, 2, after=after), pytest.raises(OperationalError):
        exchange.round()
    assert len(exchange.lies_in("inbox")) == 1
    exchange.round()
    assert exchange.lies_in("inbox") == []
    assert len(exchange.world.rows("SELECT * FROM partner_news")) == 1


# Telling lifecycles.


async def test_each_lifecycle_hears_once_that_there_is_news(exchange: Exchange, order: PurchaseOrderRequest) -> None:
    workflow = exchange.world.purchase_order(order)["workflow_id"]
    exchange.lifecycles.running = {workflow}
    exchange.arrives(accepted(order))
    exchange.arrives(shipped(order))
    exchange.round()
    await exchange.tell()
    await exchange.tell()
    assert exchange.lifecycles.heard == [workflow]
    assert exchange.round() is None


async def test_one_that_was_given_up_is_told_of_by_whoever_watches_it(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    exchange.lifecycles.running = {straggler_workflow_id(order.number)}
    exchange.arrives(shipped(order))
    exchange.round()
    await exchange.tell()
    assert exchange.lifecycles.heard == [straggler_workflow_id(order.number)]
    assert exchange.world.tasks() == []


@pytest.mark.parametrize(
    ("ended", "asked"), [("returned", ["twice_delivered"]), ("cancelled", ["twice_delivered"]), ("shipped", [])]
)
async def test_what_nobody_follows_any_more_and_is_delivered_after_all_is_asked_about_once(
    exchange: Exchange, order: PurchaseOrderRequest, ended: str, asked: list[str]
) -> None:
    with exchange.world.database.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE purchase_orders SET state = %s, ended_at = now() WHERE id = %s", (ended, order.purchase_order_id)
        )
    exchange.arrives(shipped(order))
    exchange.round()
    await exchange.tell()
    exchange.arrives(shipped(order))
    exchange.round()
    told = await exchange.tell()
    assert (told.told, told.without) == (1, 1)
    assert exchange.world.tasks() == asked


async def test_a_document_that_only_asks_to_look_counts_each_time(
    exchange: Exchange, order: PurchaseOrderRequest
) -> None:
    workflow = exchange.world.purchase_order(order)["workflow_id"]
    exchange.lifecycles.running = {workflow}
    name = exchange.arrives(LookAgain(number=order.number))
    exchange.round()
    await exchange.tell()
    exchange.arrives_again(name)
    exchange.round()
    await exchange.tell()
    assert exchange.lifecycles.heard == [workflow, workflow]
