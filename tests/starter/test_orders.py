import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.database import calls, following
from adapters.database.calls import CallSubject
from adapters.database.orders import store_address, use_address
from adapters.database.purchase_orders import keep_costs
from models.calls import CallRecord
from models.money import Money
from models.orders import Address
from models.suppliers import TrackedParcel
from models.tasks import TaskCategory
from tests.starter.world import IDS, NAMES, PLANTED, CommandLine, Shop, order_document


@pytest.fixture
def cli(cli: CommandLine, shop: Shop) -> CommandLine:
    return cli


def test_an_order_is_found_by_each_of_its_names(cli: CommandLine, shop: Shop) -> None:
    order = shop.open()
    (share,) = order.purchase_orders
    bare = order.name.removeprefix("#")

    for reference in (order.name, bare, order.reference, order.storefront_order_id, order.workflow_id):
        assert cli.json("order", "show", reference)["order"] == order.reference
    for reference in (share.workflow_id, share.number):
        assert cli.json("order", "show", reference)["order"] == order.reference


def test_a_name_that_several_orders_have_lists_them(cli: CommandLine, shop: Shop) -> None:
    first, second = shop.order("#same"), shop.order("#same")

    result = cli.run("order", "show", "#same")

    assert result.exit_code == 1
    assert first.reference in result.stderr
    assert second.reference in result.stderr


def test_an_unknown_order_is_said_so_in_one_line(cli: CommandLine) -> None:
    result = cli.run("order", "show", "#none", "--json")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: there is no order #none; `dropwright orders` lists them\n"


def test_the_list_shows_where_each_order_is_and_what_it_waits_for(cli: CommandLine, shop: Shop) -> None:
    tracking = shop.place(shop.open(), hours_ago=25)
    placed = shop.place(shop.open(), hours_ago=1, acknowledged=False)
    asked = shop.open()
    task = shop.ask(asked, TaskCategory.SUBMIT_UNKNOWN, at="bts")
    unpaid = shop.order(financial_status="pending")

    rows = {row["order"]: row for row in cli.json("orders")}

    assert rows[tracking.reference]["stage"] == "Tracking"
    assert rows[tracking.reference]["awaits"] == "tracking check 1 of 7 at BTSWholesaler"
    assert rows[tracking.reference]["suppliers"] == ["bts"]
    assert rows[placed.reference]["stage"] == "AwaitingAcknowledgement"
    assert rows[placed.reference]["awaits"] == "acknowledgement check 1 of 8 at BTSWholesaler"
    assert rows[asked.reference]["awaits"] == f"a person: submit unknown (task {task})"
    assert (rows[asked.reference]["task"], rows[asked.reference]["priority"]) == (task, 1)
    assert (rows[unpaid.reference]["stage"], rows[unpaid.reference]["awaits"]) == ("stored", "its payment")
    assert asked.name in cli.run("orders", "--attention").stdout


def test_filters_narrow_the_list(cli: CommandLine, shop: Shop) -> None:
    asked, other = shop.open(), shop.open()
    shop.ask(asked, TaskCategory.HELD)

    attention = {row["order"] for row in cli.json("orders", "--attention")}
    assert asked.reference in attention
    assert other.reference not in attention
    assert {row["state"] for row in cli.json("orders", "--state", "open")} == {"open"}
    assert cli.json("orders", "--channel", "none") == []
    assert len(cli.json("orders", "--limit", "2")) == 2
    assert cli.run("orders", "--state", "lost").exit_code == 2


def test_an_order_shows_its_lines_costs_checks_parcels_and_what_happens_next(cli: CommandLine, shop: Shop) -> None:
    order = shop.place(shop.open(), hours_ago=31)
    (share,) = order.purchase_orders
    assert share.confirmed_at
    with shop.database.begin() as tx:
        for number, hours in ((1, 24), (2, 30)):
            due = share.confirmed_at + timedelta(hours=hours)
            check = following.Check(share.id, "tracking", number, due, due)
            following.keep_check(tx, check, "Processing")
        keep_costs(tx, share.id, {"shipping": Money(amount="5.20", currency="EUR")}, source="test")
        parcel = TrackedParcel(tracking_number="GLS1", carrier="GLS")
        following.keep_parcels(tx, share.id, [parcel], source="check", now=share.confirmed_at)

    page = cli.json("order", "show", order.name)

    assert [(line["ordered"], line["shipped"], line["open"], line["cancelled"]) for line in page["lines"]] == [
        (2, 0, 2, 0)
    ]
    (one,) = page["purchase_orders"]
    assert one["costs"] == [{"kind": "shipping", "amount": "5.20", "currency": "EUR"}]
    assert [check["answer"] for check in one["checks"]] == ["Processing", "Processing"]
    assert one["parcels"][0]["tracking_number"] == "GLS1"
    (wait,) = page["awaits"]
    assert wait["what"] == "tracking check 3 of 7 at BTSWholesaler"
    assert wait["until"] == (share.confirmed_at + timedelta(hours=42)).isoformat().replace("+00:00", "Z")
    assert "one alert goes out" in wait["then"]
    text = cli.run("order", "show", order.name).stdout
    for shown in (
        share.number,
        share.supplier_number,
        "shipping 5.20 EUR",
        "tracking check 2",
        "GLS1",
        "Next: tracking",
    ):
        assert str(shown) in text


def test_an_open_question_is_shown_with_its_answers_as_commands(cli: CommandLine, shop: Shop) -> None:
    order = shop.open()
    task = shop.ask(order, TaskCategory.SUBMIT_UNKNOWN, at="bts", sent_at="12:00")

    page = cli.json("order", "show", order.name)
    text = cli.run("order", "show", order.name).stdout

    commands = [one["command"] for one in page["tasks"][0]["alternatives"]]
    assert commands == [
        f"dropwright task answer {task} confirm-submission --number NUMBER",
        f"dropwright task answer {task} resubmit",
        f"dropwright task answer {task} cancel",
    ]
    assert all(command in text for command in commands)
    assert "sent at: 12:00" in text


def test_personal_data_is_shown_only_where_it_was_asked_for(cli: CommandLine, shop: Shop) -> None:
    order = shop.open()
    shop.ask(order, TaskCategory.ADDRESS_INCOMPLETE)

    quiet = [
        cli.run("order", "show", order.name),
        cli.run("order", "show", order.name, "--json"),
        cli.run("orders", "--json"),
        cli.run("tasks"),
        cli.run("calls", order.name),
    ]

    assert all(planted not in result.output for result in quiet for planted in PLANTED)
    assert PLANTED[1] in cli.run("order", "show", order.name, "--personal").stdout
    assert cli.json("order", "show", order.name, "--personal")["personal"]["address"]["name"] == PLANTED[0]


def test_calls_are_listed_and_their_bodies_only_on_demand(cli: CommandLine, shop: Shop) -> None:
    order = shop.order()
    record = CallRecord(
        system="bts",
        operation="getOrder",
        method="GET",
        url="http://127.0.0.1/getOrder",
        request="planted request",
        reply="planted reply",
        status=None,
        error="ConnectTimeout",
        started_at=order.received_at,
        duration_ms=12,
    )
    with shop.database.begin() as tx:
        calls.save(tx, CallSubject(order.id), [record])

    (row,) = cli.json("calls", order.name)
    assert (row["operation"], row["status"], row["error"], row["duration_ms"]) == (
        "getOrder",
        None,
        "ConnectTimeout",
        12,
    )
    assert "request" not in row
    result = cli.run("calls", order.name, "--bodies")
    assert "planted reply" in result.stdout
    assert "personal data follows" in result.stderr


def write(tmp_path: Path, content: Any) -> str:
    file = tmp_path / "orders.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


def test_an_import_stores_orders_and_leaves_their_start_to_the_sweep_while_temporal_is_away(
    cli: CommandLine, shop: Shop, tmp_path: Path
) -> None:
    paid, unpaid = (order_document(next(IDS), f"#{next(NAMES)}") for _ in range(2))
    unpaid["financial_status"] = "pending"

    result = cli.run("order", "import", write(tmp_path, [paid, unpaid]), "--json")

    assert result.exit_code == 0, result.output
    assert [(row["outcome"], row["started"]) for row in json.loads(result.stdout)] == [
        ("startable", False),
        ("stored", False),
    ]
    assert "the next sweep starts them" in result.stderr
    assert shop.read(f"main/{paid['id']}").state == "startable"
    again = cli.json("order", "import", write(tmp_path, [paid, unpaid]))
    assert [row["outcome"] for row in again] == ["repeated", "repeated"]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda order: order.pop("id"), "id"),
        (lambda order: order["line_items"][0].update(quantity=-1), "quantity"),
        (lambda order: order.update(currency="EURO"), "currency"),
        (lambda order: order.update(line_items="none"), "line_items"),
    ],
)
def test_an_import_with_one_bad_order_stores_nothing_and_names_the_field(
    cli: CommandLine, shop: Shop, tmp_path: Path, spoil: Any, named: str
) -> None:
    good, bad = (order_document(next(IDS), f"#{next(NAMES)}") for _ in range(2))
    spoil(bad)

    result = cli.run("order", "import", write(tmp_path, [good, bad]))

    assert result.exit_code == 1
    assert "order 2 of the file" in result.stderr
    assert named in result.stderr
    assert "nothing was stored" in result.stderr
    assert cli.run("order", "show", f"main/{good['id']}").exit_code == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"id": 1, "id": 2}', '"text"', "[1]"])
def test_a_file_that_holds_no_orders_is_refused(cli: CommandLine, tmp_path: Path, content: str) -> None:
    result = cli.run("order", "import", write(tmp_path, content))

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output


def test_an_import_into_an_unknown_channel_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    file = write(tmp_path, order_document(next(IDS), "#1"))

    assert "there is no channel none" in cli.run("order", "import", file, "--channel", "none").stderr


def test_the_address_shown_is_the_newest(cli: CommandLine, shop: Shop) -> None:
    order = shop.order()
    with shop.database.begin() as tx:
        row = store_address(tx, order.id, Address(name="Somebody New"), source="ana", now=order.received_at)
        use_address(tx, order.id, row)

    personal = cli.json("order", "show", order.name, "--personal")["personal"]
    assert (personal["address"]["name"], personal["address_from"]) == ("Somebody New", "ana")
