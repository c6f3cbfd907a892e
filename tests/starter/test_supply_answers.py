from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.identifiers import sync_workflow_id
from models.tasks import SupplyAnswer, TaskCategory
from starter.client import connect
from starter.supply_answers import AnswerRefusedError, record_answer
from tests.starter.conftest import Background
from tests.starter.feed_runs import Runs, feed, with_feeds
from tests.starter.world import CommandLine, apply_configuration


@pytest.fixture(scope="module")
def runs(database: Database) -> Runs:
    apply_configuration(
        database, **with_feeds(stock=feed(), prices=feed(), publishing={"quantities": True, "location": "1"})
    )
    return Runs(database)


@pytest.fixture
def desk(runs: Runs, cli: CommandLine) -> CommandLine:
    """The command line without a Temporal server."""
    runs.empty()
    return cli


@pytest.fixture
def client(runs: Runs, own_temporal: CommandLine, background: Background) -> Client:
    runs.empty()
    client: Client = background.run(connect())
    return client


def answer(cli: CommandLine, task_id: int, word: str, *, code: int = 0) -> Any:
    return cli.json("task", "answer", str(task_id), word, "--as", "ana", code=code)


def run_of(runs: Runs, run_id: int) -> dict[str, Any]:
    return runs.only("SELECT * FROM feed_runs WHERE id = :id", id=run_id)


def task_of(runs: Runs, task_id: int) -> dict[str, Any]:
    return runs.only("SELECT * FROM tasks WHERE id = :id", id=task_id)


@pytest.mark.parametrize(("word", "decision"), [("accept", "all"), ("accept-stock", "stock_only")])
def test_an_accepted_run_is_noted_and_started_as_it_stands(
    client: Client, own_temporal: CommandLine, background: Background, runs: Runs, word: str, decision: str
) -> None:
    run_id, task_id = runs.set_aside()

    (row,) = answer(own_temporal, task_id, word)

    assert (row["outcome"], "it is being applied" in row["message"]) == ("accepted", True)
    assert (run_of(runs, run_id)["decision"], run_of(runs, run_id)["decided_by"]) == (decision, "ana")
    assert (task_of(runs, task_id)["state"], task_of(runs, task_id)["answer"]) == ("answered", word.replace("-", "_"))
    handle = client.get_workflow_handle(sync_workflow_id("bts", "stock"))
    (first,) = background.run(started_with(client, handle.id))
    assert first["accepted_run"] == run_id
    assert (first["acceptance"], first["trigger"], first["actor"]) == (decision, "decision", "ana")
    background.run(handle.terminate())


async def started_with(client: Client, workflow_id: str) -> list[dict[str, Any]]:
    """Read what the newest run of a workflow was started with."""
    async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        return await client.data_converter.decode(payloads)
    return []


def test_while_another_run_is_under_way_the_accepted_one_waits_and_the_person_is_told(
    client: Client, own_temporal: CommandLine, background: Background, runs: Runs
) -> None:
    run_id, task_id = runs.set_aside()
    workflow_id = sync_workflow_id("bts", "stock")
    handle = background.run(client.start_workflow("SupplierSyncWorkflow", id=workflow_id, task_queue="nobody-is-here"))

    (row,) = answer(own_temporal, task_id, "accept")

    assert "another run of this feed is under way" in row["message"]
    assert run_of(runs, run_id)["decision"] == "all"
    background.run(handle.terminate())


def test_without_temporal_the_answer_counts_and_a_worker_sees_to_the_rest(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside()

    (row,) = answer(desk, task_id, "accept")

    assert "a worker sees to the rest" in row["message"]
    assert run_of(runs, run_id)["decision"] == "all"


def test_a_discarded_run_is_rejected_and_its_bytes_are_gone(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside()
    kept, _ = runs.set_aside("prices")

    answer(desk, task_id, "discard")

    run = run_of(runs, run_id)
    assert (run["state"], run["decision"], run["decided_by"]) == ("rejected", "discard", "ana")
    assert runs.rows("SELECT run_id FROM feed_chunks") == [{"run_id": kept}]


def test_asking_the_supplier_writes_one_mail_to_forward_and_leaves_the_question_open(
    desk: CommandLine, runs: Runs
) -> None:
    run_id, task_id = runs.set_aside()

    for _ in range(2):
        answer(desk, task_id, "ask-supplier")

    mail = runs.only("SELECT * FROM mails")
    assert (mail["audience"], mail["recipient"]) == ("internal", "ops@planted.example")
    assert "To BTSWholesaler" in mail["body"]
    assert "2 rows, where the last one had 100" in mail["body"]
    assert "A-1;8411061123456;4" in mail["body"]
    assert task_of(runs, task_id)["state"] == "open"
    assert run_of(runs, run_id)["state"] == "quarantined"
    assert answer(desk, task_id, "discard")[0]["outcome"] == "accepted"


def test_the_second_of_two_answers_is_refused_and_changes_nothing(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside()
    answer(desk, task_id, "discard")

    result = desk.run("task", "answer", str(task_id), "accept", "--as", "ben")

    assert result.exit_code == 1
    assert "is closed: ana answered 'discard'" in result.stderr
    assert run_of(runs, run_id)["decided_by"] == "ana"


def test_an_answer_about_a_run_that_a_newer_one_has_replaced_is_refused_whole(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside()
    with runs.database.begin() as tx:
        tx.exec_driver_sql(f"UPDATE feed_runs SET state = 'rejected' WHERE id = {run_id}")

    result = desk.run("task", "answer", str(task_id), "accept")

    assert result.exit_code == 1
    assert "no run of bts/stock is set aside any more" in result.stderr
    assert task_of(runs, task_id)["state"] == "open"
    assert run_of(runs, run_id)["decision"] is None


def test_of_several_runs_that_are_set_aside_the_newest_is_meant(desk: CommandLine, runs: Runs) -> None:
    older, task_id = runs.set_aside()
    newer = runs.run(state="quarantined", task_id=task_id)

    answer(desk, task_id, "discard")

    assert (run_of(runs, older)["state"], run_of(runs, newer)["state"]) == ("quarantined", "rejected")


def test_an_answer_that_the_question_does_not_take_is_refused_with_those_it_takes(
    desk: CommandLine, runs: Runs
) -> None:
    _, task_id = runs.set_aside()

    result = desk.run("task", "answer", str(task_id), "approve-costs")

    assert result.exit_code == 1
    assert "takes accept, accept-stock, discard, ask-supplier; not approve-costs" in result.stderr


def test_each_answer_is_shown_with_its_command(desk: CommandLine, runs: Runs) -> None:
    _, task_id = runs.set_aside()

    shown = desk.json("task", "show", str(task_id))

    assert [one["command"] for one in shown["alternatives"]] == [
        f"dropwright task answer {task_id} {word}" for word in ("accept", "accept-stock", "discard", "ask-supplier")
    ]


def hold(runs: Runs, sku: str) -> None:
    statement = """
    INSERT INTO cost_holds (supplier, sku, old_cost, new_cost, currency, old_currency, run_id, held_at, state)
    VALUES ('bts', %s, 10, 20, 'EUR', 'EUR', 1, now(), 'held')
    """
    offer = """
    INSERT INTO offers (supplier, sku, known, quantity, unit_cost, currency, observed_at)
    VALUES ('bts', %s, true, 5, 10, 'EUR', now()) ON CONFLICT DO NOTHING
    """
    with runs.database.begin() as tx:
        tx.exec_driver_sql(offer, (sku,))
        tx.exec_driver_sql(statement, (sku,))


@pytest.mark.parametrize(("word", "state", "cost"), [("approve-costs", "approved", 20), ("keep-costs", "rejected", 10)])
def test_held_costs_are_decided_together(desk: CommandLine, runs: Runs, word: str, state: str, cost: int) -> None:
    sku = f"S-{word}"
    hold(runs, sku)
    task_id = runs.ask(TaskCategory.COSTS_HELD, "costs:bts")

    (row,) = answer(desk, task_id, word)

    assert row["message"].startswith("1 costs of bts")
    held = runs.only("SELECT * FROM cost_holds WHERE sku = :sku", sku=sku)
    assert (held["state"], held["decided_by"]) == (state, "ana")
    assert runs.only("SELECT unit_cost FROM offers WHERE sku = :sku", sku=sku)["unit_cost"] == cost


def test_shops_that_show_what_was_approved_are_published_to(
    client: Client, own_temporal: CommandLine, background: Background, runs: Runs
) -> None:
    hold(runs, "S-shown")
    task_id = runs.ask(TaskCategory.COSTS_HELD, "costs:bts")
    with runs.database.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET ean = '8411061999999' WHERE sku = 'S-shown'")
        tx.exec_driver_sql(
            "INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, tracked, seen_at) "
            "VALUES ('main', '900', '9', '9000', 'OURS', '8411061999999', true, now())"
        )

    answer(own_temporal, task_id, "approve-costs")

    handle = client.get_workflow_handle("publish/main")
    assert background.run(handle.describe()).status is WorkflowExecutionStatus.RUNNING
    background.run(handle.terminate())


def test_of_two_answers_at_the_same_moment_one_counts(desk: CommandLine, runs: Runs) -> None:
    run_id, task_id = runs.set_aside()
    task = task_of(runs, task_id)
    settings = ConfigurationStore(runs.database).current().configuration

    def give(word: SupplyAnswer) -> bool:
        try:
            record_answer(runs.database, task, word, by="ana", configuration=settings, now=datetime.now(UTC))
        except AnswerRefusedError:
            return False
        return True

    with ThreadPoolExecutor(4) as people:
        taken = list(people.map(give, [SupplyAnswer.ACCEPT, SupplyAnswer.DISCARD] * 2))

    assert sum(taken) == 1
    discarded = run_of(runs, run_id)["state"] == "rejected"
    assert task_of(runs, task_id)["answer"] == ("discard" if discarded else "accept")
    assert run_of(runs, run_id)["decision"] == ("discard" if discarded else "all")


def test_large_drift_is_repaired_when_a_person_says_so(desk: CommandLine, runs: Runs) -> None:
    task_id = runs.ask(TaskCategory.DRIFT_LARGE, "drift:supplier:bts")
    with runs.database.begin() as tx:
        number = tx.exec_driver_sql(
            "INSERT INTO reconciliations (subject, state, started_at, task_id) "
            f"VALUES ('supplier:bts', 'asked', now(), {task_id}) RETURNING id"
        ).scalar_one()
        tx.exec_driver_sql(
            "INSERT INTO offers (supplier, sku, ean, known, quantity, currency, observed_at) "
            "VALUES ('bts', 'D-1', '8411061123456', true, 5, 'EUR', now() - interval '1 day')"
        )
        tx.exec_driver_sql(
            "INSERT INTO drifts (reconciliation_id, kind, subject, ours, theirs) "
            f"VALUES ({number}, 'quantity', 'D-1', '5', '9')"
        )

    (row,) = answer(desk, task_id, "repair")

    assert row["message"].startswith("1 differences are repaired")
    assert runs.only("SELECT quantity FROM offers WHERE sku = 'D-1'") == {"quantity": 9}


def test_drift_that_is_left_changes_nothing(desk: CommandLine, runs: Runs) -> None:
    task_id = runs.ask(TaskCategory.DRIFT_LARGE, "drift:supplier:bts")

    assert answer(desk, task_id, "leave")[0]["message"] == "nothing was changed"
    assert task_of(runs, task_id)["answer"] == "leave"
