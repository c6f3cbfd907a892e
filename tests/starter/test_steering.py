from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client

from models.tasks import TaskCategory
from tests.starter.conftest import Background
from tests.starter.world import CommandLine, Shop, start_stand_in


class Desk:
    """A person at the command line, and the lifecycles that listen."""

    def __init__(self, background: Background, client: Client, cli: CommandLine, shop: Shop) -> None:
        self.background, self.client, self.cli, self.shop = background, client, cli, shop

    def run_lifecycles(self, order: Any) -> None:
        for workflow_id in (order.workflow_id, *(one.workflow_id for one in order.purchase_orders)):
            self.background.run(start_stand_in(self.client, workflow_id))

    def taken(self, workflow_id: str) -> list[dict[str, Any]]:
        return self.background.run(self.client.get_workflow_handle(workflow_id).query("taken"))


@pytest.fixture
def desk(background: Background, temporal: Client, steered: CommandLine, shop: Shop) -> Desk:
    return Desk(background, temporal, steered, shop)


def test_a_hold_goes_to_the_order_with_who_and_a_note_that_stays_here(desk: Desk) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)

    (row,) = desk.cli.json("order", "hold", order.name, "--as", "ana", "--note", "wait for a call from Planted Person")

    assert (row["outcome"], row["for"], row["order"]) == ("accepted", order.name, order.reference)
    (taken,) = desk.taken(order.workflow_id)
    assert (taken["command"], taken["actor"]) == ("hold", "ana")
    (note,) = desk.shop.rows("SELECT id, text, author FROM notes WHERE order_id = :id", id=order.id)
    assert taken["note_id"] == note.id
    assert (note.text, note.author) == ("wait for a call from Planted Person", "ana")
    assert "Planted" not in str(taken)


def test_a_command_goes_to_the_lifecycle_that_asked(desk: Desk) -> None:
    order = desk.shop.open(suppliers=("bts", "other"))
    desk.run_lifecycles(order)
    bts, other = order.purchase_orders
    desk.shop.ask(order, TaskCategory.SUBMIT_UNKNOWN, at="other")

    result = desk.cli.run("order", "confirm-submission", order.name, "--number", "A 123/4")

    assert result.exit_code == 0, result.output
    assert desk.taken(bts.workflow_id) == []
    assert [one["supplier_number"] for one in desk.taken(other.workflow_id)] == ["A 123/4"]


def test_a_command_that_two_purchase_orders_could_take_asks_for_the_supplier(desk: Desk) -> None:
    order = desk.shop.open(suppliers=("bts", "other"))
    desk.run_lifecycles(order)
    arguments = ("order", "mark-shipped", order.name, "--tracking", "GLS1", "--carrier", "GLS")

    ambiguous = desk.cli.run(*arguments)
    named = desk.cli.run(*arguments, "--supplier", "bts")

    assert ambiguous.exit_code == 1
    assert "name one with --supplier" in ambiguous.stderr
    assert named.exit_code == 0, named.output
    assert [one["tracking_number"] for one in desk.taken(order.purchase_orders[0].workflow_id)] == ["GLS1"]


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (("mark-shipped", "--tracking", "GLS1"), "tracking_number", "GLS1"),
        (("extend-tracking", "--by", "24h"), "extend_by", "P1D"),
        (("resubmit",), "command", "resubmit"),
        (("reroute",), "command", "reroute"),
    ],
)
def test_a_purchase_orders_command_reaches_its_only_open_one(
    desk: Desk, arguments: tuple[str, ...], field: str, value: str
) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)

    assert desk.cli.run("order", arguments[0], order.name, *arguments[1:]).exit_code == 0
    assert [one[field] for one in desk.taken(order.purchase_orders[0].workflow_id)] == [value]
    assert desk.taken(order.workflow_id) == []


def test_a_refusal_is_said_and_the_exit_code_tells(desk: Desk) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)

    result = desk.cli.run("order", "approve", order.name)

    assert result.exit_code == 1
    assert "approve answers no open question here" in result.stdout
    assert desk.shop.timeline(order)[-1][0] == "command.refused"


def test_several_orders_answer_each_for_itself(desk: Desk) -> None:
    running, gone = desk.shop.open(), desk.shop.open()
    desk.run_lifecycles(running)

    rows = desk.cli.json("order", "cancel", running.name, gone.name, code=1)

    assert [(row["for"], row["outcome"]) for row in rows] == [(running.name, "accepted"), (gone.name, "refused")]


def test_a_filter_answers_every_task_of_its_kind_and_only_those(desk: Desk) -> None:
    asked, elsewhere, other = (desk.shop.open(suppliers=(name,)) for name in ("bts", "other", "bts"))
    for order in (asked, elsewhere, other):
        desk.run_lifecycles(order)
    task = desk.shop.ask(asked, TaskCategory.NO_SHIPPING_RATE, at="bts")
    desk.shop.ask(elsewhere, TaskCategory.NO_SHIPPING_RATE, at="other")
    desk.shop.ask(other, TaskCategory.SUPPLIER_REFUSED, at="bts")
    where = ("order", "release", "--where", "category=no_shipping_rate,supplier=bts")

    unconfirmed = desk.cli.run(*where, input="n\n")
    (row,) = desk.cli.json(*where, "--yes")

    assert unconfirmed.exit_code == 1
    assert "release for 1" in unconfirmed.stderr
    assert row["order"] == asked.reference
    assert [one["task_id"] for one in desk.taken(asked.purchase_orders[0].workflow_id)] == [task]
    assert desk.taken(elsewhere.purchase_orders[0].workflow_id) == []


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("colour=red", "--where takes"),
        ("category=none", "there is no category"),
        ("category=", "--where takes"),
    ],
)
def test_a_filter_that_means_nothing_is_a_usage_error(desk: Desk, where: str, said: str) -> None:
    result = desk.cli.run("order", "release", "--where", where, "--yes")

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())


def test_a_changed_address_is_stored_and_the_command_names_its_row(desk: Desk) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)

    result = desk.cli.run("order", "change-address", order.name, "--address1", "New Street 2", "--country", "fr")

    assert result.exit_code == 0, result.output
    (taken,) = desk.taken(order.workflow_id)
    (row,) = desk.shop.rows("SELECT address FROM addresses WHERE id = :id", id=taken["address_id"])
    assert (row.address["address1"], row.address["country_code"]) == ("New Street 2", "FR")
    assert row.address["name"] == "Planted Person"
    assert "New Street" not in str(taken)


@pytest.mark.parametrize(
    "arguments",
    [
        ("change-address", "{}"),
        ("change-address", "{}", "--country", "Spain"),
        ("extend-tracking", "{}", "--by", "soon"),
        ("mark-shipped", "{}", "--tracking", "<script>"),
        ("hold", "{}", "--note", " "),
    ],
)
def test_what_can_not_be_used_is_said_and_nothing_is_sent(desk: Desk, arguments: tuple[str, ...]) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)

    result = desk.cli.run("order", *(one.format(order.name) for one in arguments))

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert desk.taken(order.workflow_id) == desk.taken(order.purchase_orders[0].workflow_id) == []


def test_an_actor_is_a_login_and_never_a_mail_address(desk: Desk) -> None:
    assert desk.cli.run("order", "hold", "#1", "--as", "ana@planted.example").exit_code == 2


def test_a_repeated_command_id_is_one_command(desk: Desk) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)
    arguments = ("order", "hold", order.name, "--command-id", "twice", "--note", "why")

    first, again = desk.cli.json(*arguments), desk.cli.json(*arguments)

    assert first == again
    assert len(desk.taken(order.workflow_id)) == 1


def test_an_answer_to_a_task_names_the_task_and_brings_what_it_needs(desk: Desk) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)
    task = desk.shop.ask(order, TaskCategory.CHECKS_SPENT, at="bts")

    result = desk.cli.run("task", "answer", str(task), "mark_shipped", "--tracking", "GLS9", "--carrier", "GLS")

    assert result.exit_code == 0, result.output
    (taken,) = desk.taken(order.purchase_orders[0].workflow_id)
    assert (taken["task_id"], taken["command"], taken["tracking_number"]) == (task, "mark_shipped", "GLS9")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("approve",), "takes confirm-submission, resubmit, cancel"),
        (("confirm-submission",), "needs supplier_number"),
        (("resubmit", "--tracking", "X1"), "--tracking: does not go with"),
        (("done",), "takes confirm-submission"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_before_it_is_sent(
    desk: Desk, arguments: tuple[str, ...], said: str
) -> None:
    order = desk.shop.open()
    desk.run_lifecycles(order)
    task = desk.shop.ask(order, TaskCategory.SUBMIT_UNKNOWN, at="bts")

    result = desk.cli.run("task", "answer", str(task), *arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert desk.taken(order.purchase_orders[0].workflow_id) == []


@pytest.mark.parametrize("ean", ["900=4006381333931", "4006381333931", "900= 4006381 333931"])
def test_an_unknown_article_is_mapped_and_its_order_released(desk: Desk, ean: str) -> None:
    order = desk.shop.open(suppliers=())
    desk.run_lifecycles(order)
    task = desk.shop.ask(order, TaskCategory.ARTICLE_UNKNOWN)
    assert "--ean VARIANT=EAN" in desk.cli.run("task", "show", str(task)).stdout

    result = desk.cli.run("task", "answer", str(task), "release", "--ean", ean)

    assert result.exit_code == 0, result.output
    (row,) = desk.shop.rows("SELECT ean FROM article_mappings WHERE variant_id = '900'")
    assert row.ean == "4006381333931"
    assert [one["command"] for one in desk.taken(order.workflow_id)] == ["release"]


def test_a_mapping_for_a_variant_the_order_does_not_have_is_refused(desk: Desk) -> None:
    task = desk.shop.ask(desk.shop.open(suppliers=()), TaskCategory.ARTICLE_UNKNOWN)

    result = desk.cli.run("task", "answer", str(task), "release", "--ean", "901=4006381333931")

    assert result.exit_code == 1
    assert "has no variant 901" in result.stderr


def test_an_article_can_be_mapped_ahead(desk: Desk) -> None:
    result = desk.cli.run("article", "map", "--channel", "main", "--variant", "77", "--ean", "12345", "--json")

    assert result.exit_code == 0, result.output
    assert "no EAN by its check digit" in result.stderr
    assert desk.shop.rows("SELECT ean FROM article_mappings WHERE variant_id = '77'")[0].ean == "12345"
    unknown = desk.cli.run("article", "map", "--channel", "none", "--variant", "77", "--ean", "1")
    assert "there is no channel none" in unknown.stderr


def test_a_task_that_nobody_waits_for_is_closed_here_once(desk: Desk) -> None:
    order = desk.shop.open()
    task = desk.shop.ask(order, TaskCategory.ORDER_CHANGED)

    done = desk.cli.run("task", "answer", str(task), "done", "--as", "ana")
    again = desk.cli.run("task", "answer", str(task), "done")

    assert done.exit_code == 0, done.output
    assert ("task.answered", "ana") in desk.shop.timeline(order)
    assert again.exit_code == 1
    assert "ana answered 'done'" in again.stderr
    assert desk.cli.json("task", "show", str(task))["state"] == "answered"


def test_tasks_are_listed_with_the_most_urgent_first(desk: Desk) -> None:
    order = desk.shop.open()
    calm = desk.shop.ask(order, TaskCategory.HELD)
    urgent = desk.shop.ask(order, TaskCategory.SUBMIT_UNKNOWN, at="bts")

    listed = [task["task"] for task in desk.cli.json("tasks")]

    assert listed.index(urgent) < listed.index(calm)
    assert [task["task"] for task in desk.cli.json("tasks", "--category", "held")][-1] == calm
    assert desk.cli.run("task", "show", "999999").exit_code == 1


def test_incidents_are_listed_and_closed(desk: Desk) -> None:
    order = desk.shop.open()
    with desk.shop.database.begin() as tx:
        from adapters.database import incidents

        opened, _ = incidents.join(
            tx, "bts", incidents.UNREACHABLE, order.purchase_orders[0].id, reason="timeout", now=order.received_at
        )

    (row,) = desk.cli.json("incidents")
    assert (row["incident"], row["supplier"], row["orders"]) == (opened, "bts", 1)
    assert desk.cli.json("order", "show", order.name)["incidents"] == [row]
    assert "it is back" not in desk.cli.run("order", "show", order.name).stdout
    assert desk.cli.json("suppliers")[0]["incidents"] == ["unreachable"]
    with desk.shop.database.begin() as tx:
        incidents.recovered(tx, "bts", [incidents.UNREACHABLE], now=order.received_at)
    assert desk.cli.json("incidents")[0]["recovered_at"] is not None
    assert "it is back since" in desk.cli.run("order", "show", order.name).stdout
    assert desk.cli.json("suppliers")[0]["incidents"] == []
    tried = desk.cli.run("incident", "probe", str(opened))
    assert (tried.exit_code, "there is nothing to try: bts serves us again since" in tried.stderr) == (1, True)
    assert desk.cli.json("incident", "close", str(opened)) == {"closed": ["unreachable"]}
    assert desk.cli.run("incident", "close", str(opened)).exit_code == 1


def test_an_interface_that_changed_can_not_be_tried(desk: Desk) -> None:
    with desk.shop.database.begin() as tx:
        from adapters.database import incidents

        now = datetime.now(UTC)
        opened, _ = incidents.join(tx, "bts", incidents.CHANGED, None, reason="getOrder", now=now)

    tried = desk.cli.run("incident", "probe", str(opened))

    assert tried.exit_code == 1
    assert "the next answer that can be read ends it" in tried.stderr
    desk.cli.run("incident", "close", str(opened))


def test_mails_are_counted_without_saying_to_whom(desk: Desk) -> None:
    with desk.shop.database.begin() as tx:
        from adapters.database.mails import Letter, write

        letter = Letter("k", "shipped", "customer", "planted@planted.example", "Planted", "Planted")
        write(tx, [letter], now=desk.shop.order().received_at)
    desk.shop.rows("UPDATE mails SET state = 'refused' RETURNING id")

    result = desk.cli.run("mails", "--failed", "--json")

    assert '"refused": 1' in result.stdout
    assert "planted" not in result.stdout.lower()


@pytest.mark.parametrize("command", [("hold", "--note", "wait for a call"), ("change-address", "--city", "Planted")])
def test_where_temporal_is_away_neither_note_nor_address_is_left_behind(
    cli: CommandLine, shop: Shop, command: tuple[str, ...]
) -> None:
    order = shop.open()
    addresses = "SELECT id FROM addresses WHERE order_id = :id"
    before = shop.rows(addresses, id=order.id)
    refused = cli.run("order", command[0], order.name, *command[1:])
    assert refused.exit_code == 1
    assert "Temporal does not answer" in refused.stderr
    assert shop.rows("SELECT 1 FROM notes WHERE order_id = :id", id=order.id) == []
    assert shop.rows(addresses, id=order.id) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("extend-tracking", "--by", "soon"), "--by: write a length of time, e.g. 24h"),
        (("wait", "--for", "1000000000d"), "--for: this is longer than any length of time"),
        (("mark-shipped", "--tracking", "x@y"), "--tracking: letters, digits, spaces and"),
        (("confirm-submission", "--number", "x\ny"), "--number: letters, digits, spaces and"),
        (("change-address", "--country", "E1"), "--country: a country's two letters, e.g. DE"),
    ],
)
def test_what_can_not_be_used_is_named_as_it_was_typed_with_what_it_takes(
    cli: CommandLine, shop: Shop, arguments: tuple[str, ...], said: str
) -> None:
    command, *options = arguments
    refused = cli.run("order", command, shop.open().name, *options)
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert options[-1] not in refused.stderr
