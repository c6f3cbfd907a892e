"""Picks on the command line: the list, the page, the slip, and answers that are stored first and then told."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from adapters.database import picks
from adapters.database.engine import Database
from tests.starter.conftest import Background
from tests.starter.picking import EAN, NOW, OTHER, OWN, Picking
from tests.starter.world import PLANTED, CommandLine, Shop, apply_configuration, document


@pytest.fixture(scope="module")
def warehouse(database: Database) -> None:
    suppliers = {**document()["suppliers"], "own": OWN}
    apply_configuration(database, suppliers=suppliers, routing={"priority": ["own", "bts"]})


@pytest.fixture
def picking(warehouse: None, database: Database) -> Iterator[Picking]:
    made = Picking(database)
    yield made
    made.clear()


def test_what_is_to_be_picked_is_listed_the_first_promised_first(cli: CommandLine, picking: Picking) -> None:
    picking.open(1)
    picking.open(2, ship_by=date.today() + timedelta(days=2))  # noqa: DTZ011 - a day, whatever the hour
    picking.open(3, ship_by=date(2026, 3, 2))
    rows = cli.json("picks", "--warehouse", "own")
    assert [row["number"] for row in rows] == ["DW-3-11", "DW-2-11", "DW-1-11"]
    assert rows[0] == {
        "number": "DW-3-11",
        "warehouse": "own",
        "order": "#3",
        "articles": 2,
        "units": 4,
        "ship_by": "2026-03-02",
        "late": rows[0]["late"],
        "opened_at": "2026-03-02T09:00:00Z",
    }
    assert [row["late"] for row in rows[1:]] == [False, False]
    assert cli.json("picks", "--warehouse", "another") == []


def test_the_address_is_shown_only_to_who_packs(cli: CommandLine, picking: Picking) -> None:
    number = picking.open()
    assert PLANTED[1] not in cli.run("picks").output
    shown = cli.run("picks", "show", number.lower())
    assert all(word in shown.output for word in (*PLANTED[:2], "28001 Madrid", "Cream <50 ml>", "SHELF-1"))
    page = cli.json("picks", "show", number)
    assert page["address"]["city"] == "Madrid"
    assert page["lines"][0] == {"ean": EAN, "sku": "SHELF-1", "title": "Cream <50 ml>", "quantity": 3, "short": 0}


def test_a_slip_is_one_page_that_needs_nothing_else(cli: CommandLine, picking: Picking, tmp_path: Path) -> None:
    number, file = picking.open(), tmp_path / "slip.html"
    assert cli.json("picks", "slip", number, "--html", str(file)) == {"number": number, "file": str(file)}
    page = file.read_text("utf-8")
    assert all(word in page for word in (PLANTED[0], number, "Cream &lt;50 ml&gt;", "SHELF-2"))
    assert "http" not in page
    assert "do not send it" not in page


def test_the_slip_of_what_has_ended_says_so(cli: CommandLine, picking: Picking, tmp_path: Path) -> None:
    number, file = picking.open(), tmp_path / "slip.html"
    cli.json("picks", "refuse", number, "--reason", "water damage")
    cli.json("picks", "slip", number, "--html", str(file))
    assert "This is refused: do not send it." in file.read_text("utf-8")


def test_what_is_sent_is_stored_for_the_order_and_said_again_it_is_nothing(cli: CommandLine, picking: Picking) -> None:
    number = picking.open()
    said = ("picks", "done", number, "--tracking", "T-1", "--carrier", "GLS", "--as", "ana")
    assert cli.json(*said) == {"number": number, "state": "shipped", "changed": True, "told": False}
    assert cli.json(*said)["changed"] is False
    assert picking.rows("SELECT tracking_number, carrier, source FROM parcels") == [("T-1", "GLS", "push")]
    assert picking.rows("SELECT actor, event FROM timeline") == [("ana", "warehouse.picked")]
    assert cli.json("picks") == []


def test_what_is_short_goes_back_to_the_order(cli: CommandLine, picking: Picking) -> None:
    number = picking.open()
    short = ("--short", f"{EAN}=1", "--short", f"{EAN}=1")
    cli.json("picks", "done", number, "--tracking", "T-1", "--carrier", "GLS", *short)
    lines = picking.rows("SELECT ean, quantity, declined FROM purchase_order_lines ORDER BY line_id")
    assert lines == [(EAN, 3, 2), (OTHER, 1, 0)]
    assert [line["short"] for line in cli.json("picks", "show", number)["lines"]] == [2, 0]


def test_what_is_refused_goes_back_as_a_whole(cli: CommandLine, picking: Picking) -> None:
    number = picking.open()
    assert cli.json("picks", "refuse", number, "--reason", "water damage")["state"] == "refused"
    assert picking.rows("SELECT sum(quantity - declined) FROM purchase_order_lines") == [(0,)]
    assert cli.json("picks", "show", number)["reason"] == "water damage"


def test_who_packed_what_was_called_off_meanwhile_is_told_to_put_it_back(
    cli: CommandLine, picking: Picking, database: Database
) -> None:
    number = picking.open()
    with database.begin() as tx:
        picks.cancel(tx, number, now=NOW)
    said = cli.run("picks", "done", number, "--tracking", "T-1", "--carrier", "GLS")
    assert said.exit_code == 1
    assert said.stderr.strip() == (
        f"error: {number} is called off since 02 Mar 09:00Z: put it back on the shelf, nothing is sent"
    )
    assert picking.rows("SELECT count(*) FROM parcels") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["done", "DW-9-99", "--tracking", "T-1", "--carrier", "GLS"], "there is no pick task DW-9-99"),
        (["done", "DW-1-11", "--tracking", "T-1", "--carrier", "GLS", "--short", "4006381333931"], "EAN=UNITS"),
        (["done", "DW-1-11", "--tracking", "T-1", "--carrier", "GLS", "--short", "4006381333931=0"], "EAN=UNITS"),
        (["done", "DW-1-11", "--tracking", "<T>", "--carrier", "GLS"], "--tracking"),
        (["done", "DW-1-11", "--tracking", "T-1", "--carrier", "GLS", "--short", "1=1"], "can't be short of 1"),
        (["show", "DW-9-99"], "there is no pick task DW-9-99"),
        (["slip", "DW-9-99", "--html", "never.html"], "there is no pick task DW-9-99"),
    ],
)
def test_what_can_not_be_is_said_in_one_line(
    cli: CommandLine, picking: Picking, arguments: list[str], message: str
) -> None:
    picking.open()
    said = cli.run("picks", *arguments)
    assert said.exit_code in (1, 2)
    assert message in said.stderr
    assert "Traceback" not in said.output
    assert [row["number"] for row in cli.json("picks")] == ["DW-1-11"]


@workflow.defn(name="Listener", sandboxed=False)
class Listener:
    """Ends as soon as it hears of a shipment."""

    def __init__(self) -> None:
        self._heard: list[Any] = []

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: bool(self._heard))
        return self._heard

    @workflow.signal
    def supplier_reported(self, *args: Any) -> None:
        self._heard += args


def test_the_lifecycle_hears_at_once(
    steered: CommandLine, picking: Picking, temporal: Client, background: Background
) -> None:
    number = picking.open()
    stop = asyncio.Event()

    async def listen() -> Any:
        async with Worker(temporal, task_queue="listeners", workflows=[Listener]):
            await stop.wait()

    working = background.start(listen())
    start = temporal.start_workflow("Listener", id=picking.workflow_id(), task_queue="listeners")
    handle = background.run(start)
    told = steered.json("picks", "done", number, "--tracking", "T-1", "--carrier", "GLS")
    assert told["told"] is True
    assert background.run(handle.result()) == [{"event_id": f"pick:{number}:shipped"}]
    background._loop.call_soon_threadsafe(stop.set)
    working.result(30)


def test_suppliers_scores_are_shown_and_explained(cli: CommandLine, picking: Picking) -> None:
    picking.open()
    assert cli.json("suppliers", "score")["computed_at"] is None
    found = cli.json("suppliers", "score", "--refresh")
    assert [row["supplier"] for row in found["suppliers"]] == ["own", "bts", "other"]
    assert found["suppliers"][1]["because"] == "too few to judge: 0 of 5 purchase orders"
    assert found["computed_at"] is not None
    assert "too few to judge" in cli.run("suppliers", "score").stdout
    assert {row["supplier"] for row in cli.json("suppliers")} == {"own", "bts", "other"}


def test_a_setting_that_the_adapter_needs_is_missed_by_name(cli: CommandLine, shop: Shop, tmp_path: Path) -> None:
    settings = document()
    del settings["suppliers"]["bts"]["token_env"]
    lines = [
        f"[suppliers.{name}]" + "".join(f"\n{key} = {json.dumps(value)}" for key, value in one.items())
        for name, one in settings["suppliers"].items()
    ]
    lines.append('[suppliers.own]\nadapter = "warehouse"\ndisplay_name = "Own"\nmetafield_namespace = "own"')
    main = settings["channels"]["main"]
    lines.append("[channels.main]" + "".join(f"\n{key} = {json.dumps(value)}" for key, value in main.items()))
    lines.append('[routing]\npriority = ["own"]')
    lines.append("[mail]" + "".join(f"\n{key} = {json.dumps(value)}" for key, value in settings["mail"].items()))
    file = tmp_path / "dropwright.toml"
    file.write_text("\n".join(lines))
    found = cli.json("config", "check", str(file), code=1)["problems"]
    assert [(one["path"], one["problem"]) for one in found] == [
        ("suppliers.bts.token_env", "is required by the adapter btswholesaler")
    ]
