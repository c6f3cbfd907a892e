"""The documents of suppliers on the command line, answers to questions about them, and what keeps exchanges running."""

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from activities import exchange_news
from activities.exchange_news import Partner
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.exchange import Documents
from adapters.database.views import OrderRecord
from adapters.plugin import InstalledPlugins, PluginError
from models.exchange import (
    DocumentKind,
    DocumentState,
    Drafted,
    Incoming,
    OrderAcknowledged,
    Outgoing,
    PartnerNews,
    Reading,
    Unclear,
)
from models.identifiers import exchange_workflow_id
from models.tasks import TaskCategory
from starter.client import connect
from starter.commands import documents
from starter.exchange_keeper import ExchangeKeeper, speaks_by_documents
from tests.starter.conftest import Background
from tests.starter.world import PLANTED, CommandLine, Shop, apply_configuration, document

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def order(shop: Shop) -> OrderRecord:
    with shop.database.begin() as tx:
        tx.exec_driver_sql("TRUNCATE partner_documents, control_numbers CASCADE")
        tx.exec_driver_sql("UPDATE tasks SET state = 'obsolete', key = key || '#' || id WHERE state = 'open'")
    return shop.open()


def number_of(order: OrderRecord) -> str:
    return order.purchase_orders[0].number


def sent(database: Database, order: OrderRecord) -> Outgoing:
    desk = Documents(database, "bts")
    outgoing = desk.prepare(
        DocumentKind.ORDER, [number_of(order)], lambda control: Drafted(name=f"{control}.edi", body=b"Planted Person")
    )
    desk.sent(outgoing, receipt_due=NOW)
    return outgoing


def came(database: Database, *news: PartnerNews, kind: DocumentKind = DocumentKind.MIXED) -> int:
    partner = Partner.of(ConfigurationStore(database).current().configuration, "bts", datetime.now(UTC))
    incoming = Incoming(name="855.edi", place="", body=b"Planted Person")
    with database.begin() as tx:
        return exchange_news.take(tx, partner, incoming, lambda _: Reading(kind=kind, news=news)).id


def state_of(shop: Shop, document_id: int) -> str:
    ((state,),) = shop.rows("SELECT state FROM partner_documents WHERE id = :id", id=document_id)
    return str(state)


# Looking.


def test_documents_are_listed_the_newest_first_without_what_is_written_in_them(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    outgoing = sent(shop.database, order)
    incoming = came(shop.database, OrderAcknowledged(number=number_of(order)))

    rows = cli.json("documents", "list")
    assert [(row["id"], row["direction"], row["orders"]) for row in rows] == [
        (incoming, "in", [number_of(order)]),
        (outgoing.id, "out", [number_of(order)]),
    ]
    assert [row["id"] for row in cli.json("documents", "list", "--direction", "out")] == [outgoing.id]
    assert [row["id"] for row in cli.json("documents", "list", "--state", "applied")] == [incoming]
    assert len(cli.json("documents", "list", "--order", number_of(order))) == 2
    assert cli.json("documents", "list", "--supplier", "other") == []
    text = cli.run("documents", "list").output
    assert number_of(order) in text
    assert not any(planted in text for planted in PLANTED)


def test_one_document_is_shown_with_what_it_said_and_its_bytes_only_when_asked_for(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    number = number_of(order)
    incoming = came(shop.database, OrderAcknowledged(number=number))

    shown = cli.json("documents", "show", str(incoming))
    assert shown["orders"] == [{"number": number, "state": "applied"}]
    assert [(one["news"]["news"], one["told_at"]) for one in shown["news"]] == [("acknowledged", None)]
    text = cli.run("documents", "show", str(incoming)).output
    assert f"Document {incoming} from bts: mixed, applied" in text
    assert not any(planted in text for planted in PLANTED)
    assert cli.run("documents", "show", str(incoming), "--raw").stdout == "Planted Person"


@pytest.mark.parametrize("command", ["show", "resend", "read-again"])
def test_a_document_that_is_not_there_is_said_to_be_not_there(cli: CommandLine, shop: Shop, command: str) -> None:
    assert shop
    failed = cli.run("documents", command, "999999")
    assert failed.exit_code == 1
    assert "there is no document 999999" in failed.output


# Doing.


def test_a_document_is_sent_again_and_its_order_tells_who_wanted_it(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    outgoing = sent(shop.database, order)
    said = cli.json("documents", "resend", str(outgoing.id), "--as", "ana")
    assert said["message"] == "it is sent again with the next round: Temporal does not answer"
    assert [one.id for one in Documents(shop.database, "bts").unsent()] == [outgoing.id]
    assert ("document.resent", "ana") in shop.timeline(order)


def test_what_is_theirs_is_not_sent_and_what_is_ours_is_not_read(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    outgoing, incoming = sent(shop.database, order), came(shop.database)
    assert cli.run("documents", "resend", str(incoming)).exit_code == 1
    assert cli.run("documents", "read-again", str(outgoing.id)).exit_code == 1
    assert (state_of(shop, incoming), state_of(shop, outgoing.id)) == ("applied", "sent")


def test_a_document_is_read_again_with_the_next_round(cli: CommandLine, shop: Shop, order: OrderRecord) -> None:
    incoming = came(shop.database, OrderAcknowledged(number=number_of(order)))
    cli.json("documents", "read-again", str(incoming))
    assert state_of(shop, incoming) == DocumentState.STORED


# Answers.


def asked(cli: CommandLine, category: TaskCategory) -> str:
    (task,) = [one for one in cli.json("tasks") if one["category"] == category]
    return str(task["task"])


def overdue(shop: Shop, order: OrderRecord) -> Outgoing:
    outgoing = sent(shop.database, order)
    partner = Partner.of(ConfigurationStore(shop.database).current().configuration, "bts", datetime.now(UTC))
    with shop.database.begin() as tx:
        assert exchange_news.ask_about_overdue(tx, partner) == 1
    return outgoing


def test_a_receipt_that_is_overdue_is_answered_by_sending_again(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    outgoing = overdue(shop, order)
    cli.json("task", "answer", asked(cli, TaskCategory.RECEIPT_OVERDUE), "resend", "--as", "ana")
    (due,) = Documents(shop.database, "bts").unsent()
    assert (due.id, due.body) == (outgoing.id, outgoing.body)
    assert ("document.resent", "ana") in shop.timeline(order)


def test_a_receipt_that_is_overdue_is_answered_by_waiting_for_it_no_longer(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    outgoing = overdue(shop, order)
    (row,) = cli.json("task", "answer", asked(cli, TaskCategory.RECEIPT_OVERDUE), "leave", "--as", "ana")
    assert row["message"] == "its receipt is no longer awaited"
    assert state_of(shop, outgoing.id) == "sent"
    partner = Partner.of(ConfigurationStore(shop.database).current().configuration, "bts", datetime.now(UTC))
    with shop.database.begin() as tx:
        assert exchange_news.ask_about_overdue(tx, partner) == 0


def test_what_was_unclear_is_answered_by_reading_it_again(cli: CommandLine, shop: Shop, order: OrderRecord) -> None:
    incoming = came(shop.database, Unclear(number=number_of(order), reason="hold"))
    cli.json("task", "answer", asked(cli, TaskCategory.DOCUMENT_UNCLEAR), "read-again", "--as", "ana")
    assert state_of(shop, incoming) == DocumentState.STORED


def test_what_came_to_our_door_can_not_be_read_again_and_its_question_stays(
    cli: CommandLine, shop: Shop, order: OrderRecord
) -> None:
    came(shop.database, Unclear(number=number_of(order), reason="hold"), kind=DocumentKind.WEBHOOK)
    task = asked(cli, TaskCategory.DOCUMENT_UNCLEAR)
    assert cli.run("task", "answer", task, "read-again", "--as", "ana").exit_code == 1
    assert asked(cli, TaskCategory.DOCUMENT_UNCLEAR) == task


# Rounds.


@pytest.fixture
def client(shop: Shop, own_temporal: CommandLine, background: Background) -> Client:
    assert shop
    client: Client = background.run(connect())
    return client


def test_a_round_is_asked_for_only_where_documents_are_exchanged(
    client: Client, own_temporal: CommandLine, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_temporal.run("exchange", "now", "nobody").exit_code == 1
    assert own_temporal.run("exchange", "now", "bts").exit_code == 1
    monkeypatch.setattr(documents, "speaks_by_documents", lambda _: True)
    said = own_temporal.json("exchange", "now", "bts")
    assert said == {"supplier": "bts", "workflow_id": "exchange/bts"}
    assert own_temporal.json("exchange", "now", "bts") == said
    background.run(client.get_workflow_handle("exchange/bts").terminate())


def test_our_own_adapters_say_whether_they_speak_by_documents() -> None:
    assert not speaks_by_documents("btswholesaler")
    assert not speaks_by_documents("unheard-of")


def test_an_adapter_that_can_not_be_used_takes_no_other_suppliers_exchange_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def torn(_: InstalledPlugins, plugin_id: str) -> None:
        raise PluginError(f"plugin {plugin_id} of torn-for-dropwright can't be imported")

    monkeypatch.setattr(InstalledPlugins, "_look_for", torn)
    assert not speaks_by_documents("torn")
    assert speaks_by_documents("edi-x12")


def suppliers(**enabled: bool) -> dict[str, Any]:
    one = document()["suppliers"]["bts"]
    bts = {"bts": one, "other": {**one, "adapter": "warehouse"}}
    return {"suppliers": bts | {name: {**one, "enabled": on} for name, on in enabled.items()}}


def test_exchanges_run_in_step_with_the_configuration(
    client: Client, background: Background, database: Database, shop: Shop
) -> None:
    def keep(keeper: ExchangeKeeper, **enabled: bool) -> None:
        apply_configuration(database, **suppliers(**enabled))
        background.run(keeper.keep(ConfigurationStore(database).current().configuration))

    def runs(supplier: str) -> bool:
        described = background.run(client.get_workflow_handle(exchange_workflow_id(supplier)).describe())
        return bool(described.status is WorkflowExecutionStatus.RUNNING)

    def stopped(supplier: str) -> bool:
        handle = client.get_workflow_handle(exchange_workflow_id(supplier))
        history = background.run(handle.fetch_history())
        signals = [one.workflow_execution_signaled_event_attributes.signal_name for one in history.events]
        return "stop" in signals

    shop.open(suppliers=("bts",))
    first, second = (ExchangeKeeper(client, database, lambda adapter: adapter == "btswholesaler") for _ in range(2))
    for keeper in (first, second, first):
        keep(keeper, acme=True)
    assert runs("acme")
    assert runs("bts")

    keep(first, acme=False, bts=False)  # bts has orders in flight, acme has none
    assert stopped("acme")
    assert not stopped("bts")
    for name in ("acme", "bts"):
        background.run(client.get_workflow_handle(exchange_workflow_id(name)).terminate())
    apply_configuration(database)
