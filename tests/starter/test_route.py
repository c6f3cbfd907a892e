from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from adapters.database import backorders, planning, timeline
from adapters.database.backorders import ShortPart
from adapters.database.views import OrderRecord
from models.commands import CommandName
from models.routing import Allotment, LineReasons, RoutingPlan, Share, Verdict, WantedLine
from models.statuses import Mode
from models.tasks import TaskCategory
from starter.plan_pages import money
from starter.references import target_of
from tests.starter.world import CommandLine, Shop

EAN = "4006381333931"
COST = {"item": Decimal("20.5000"), "shipping": Decimal("4.9000")}
CHOSEN = LineReasons(
    "11", EAN, 2, (Verdict("bts", "chosen", 2, 9, COST), Verdict("other", "not enough stock", 0, 1, COST)), ("home",)
)
NOBODY = LineReasons("11", EAN, 2, (Verdict("bts", "not enough stock", 0, 0), Verdict("other", "article unknown")))


@pytest.fixture
def cli(cli: CommandLine, shop: Shop) -> CommandLine:
    return cli


def planned(shop: Shop, order: OrderRecord) -> OrderRecord:
    share = Share("bts", (Allotment("11", EAN, "", 2),), Decimal("25.4000"))
    plan = RoutingPlan({"bts": share}, [], (CHOSEN,), Decimal("25.4000"))
    with shop.database.begin() as tx:
        read = planning.read(tx, order.id, 1)
        minting = planning.Minting(read, 1, Mode.LIVE, 1, plan.as_document(), {}, [])
        planning.mint(tx, minting, plan, now=datetime.now(UTC))
    return shop.read(order.reference)


def short(shop: Shop, *, then: str = "ask_customer") -> OrderRecord:
    order = shop.open(suppliers=())
    plan = RoutingPlan({}, [WantedLine("11", EAN, 2)], (NOBODY,))
    at = datetime.now(UTC)
    with shop.database.begin() as tx:
        backorders.keep(tx, order.id, [ShortPart("11", EAN, 2, 0, [], False)], until=at, now=at)
        timeline.tell(tx, order.id, "order.short", at=at, units={"11": 2}, reasons=plan.as_document())
        timeline.tell(tx, order.id, "order.awaits_stock", at=at, until=at.isoformat(), then=then)
    return shop.read(order.reference)


def test_an_order_shows_who_got_each_line_why_the_others_did_not_and_where_the_rest_stands(
    cli: CommandLine, shop: Shop
) -> None:
    order = planned(shop, shop.open(suppliers=()))

    text_shown = cli.run("order", "show", order.name).stdout
    shape = cli.json("order", "show", order.name)["plan"]

    assert ", cost 25.40 EUR" in text_shown
    assert f"  2 x {EAN}: 2 from bts; not other (not enough stock)" in text_shown
    assert f"dropwright route explain '{order.name}'" in text_shown
    assert shape["plan"] == 1
    assert shape["lines"][0]["gets"] == {"bts": 2}
    assert shape["lines"][0]["lost"] == {"other": "not enough stock"}


def test_a_plan_is_explained_with_its_candidates_in_the_orders_currency(cli: CommandLine, shop: Shop) -> None:
    order = planned(shop, shop.open(suppliers=()))

    said = cli.run("route", "explain", order.name).stdout
    document = cli.json("route", "explain", order.name)

    assert "bts: 2 units, cost 25.40 EUR" in said
    assert "item 20.50, shipping 4.90" in said
    assert "rules home" in said
    assert [one["plan"] for one in document["plans"]] == [1]
    assert document["short"] is None


def test_an_order_that_waits_for_stock_says_why_nobody_could_deliver_it(cli: CommandLine, shop: Shop) -> None:
    order = short(shop)

    said = cli.run("route", "explain", order.name).stdout
    document = cli.json("route", "explain", order.name)
    shown = cli.run("order", "show", order.name).stdout

    assert "nothing was ordered" in said
    assert f"nobody: 2 x {EAN}" in said
    assert document["plans"] == []
    assert document["short"]["lines"][0]["candidates"][0]["because"] == "not enough stock"
    assert f"  2 x {EAN}: nobody can; not bts (not enough stock), other (article unknown)" in shown
    assert f"stock of 2 x {EAN}" in shown
    assert "Then: the customer is asked" in shown


def test_why_nothing_could_be_ordered_is_the_past_once_a_plan_stands(cli: CommandLine, shop: Shop) -> None:
    order = planned(shop, short(shop))

    assert cli.json("route", "explain", order.name)["short"] is None
    assert cli.json("order", "show", order.name)["plan"]["plan"] == 1


def test_an_order_whose_shortage_a_person_is_asked_about_is_at_planning(cli: CommandLine, shop: Shop) -> None:
    order = short(shop)
    assert cli.json("order", "show", order.name)["stage"] == "AwaitingStock"

    task = shop.ask(order, TaskCategory.UNROUTABLE)

    page = cli.json("order", "show", order.name)
    assert page["stage"] == "Planning"
    assert [wait["what"] for wait in page["awaits"]] == [f"a person: unroutable (task {task})"]


def test_a_word_on_a_shortage_is_for_an_order_that_has_one(cli: CommandLine, shop: Shop) -> None:
    waiting, well = short(shop), planned(shop, shop.open(suppliers=()))

    refused = cli.run("order", "wait", well.name, "--for", "2d")

    assert refused.exit_code == 1
    assert f"{well.name} lacks nothing" in refused.stderr
    for command in (CommandName.WAIT, CommandName.ASK_CUSTOMER, CommandName.SHIP_AVAILABLE):
        target = target_of(shop.read(waiting.reference), command, supplier=None, reference=waiting.name)
        assert target.workflow_id == waiting.workflow_id


def test_a_pin_is_kept_for_the_next_plan_and_an_unknown_supplier_is_refused(cli: CommandLine, shop: Shop) -> None:
    order = shop.open()

    kept = cli.json("route", "pin", order.name, "--exclude", "bts", "--urgent", "--as", "ana")
    refused = cli.run("route", "pin", order.name, "--supplier", "btz")

    assert kept["changed"] is True
    assert kept["pins"] == {"urgent": True, "only_supplier": None, "excluded": ["bts"]}
    assert "Pinned: urgent, not bts" in cli.run("route", "explain", order.name).stdout
    assert refused.exit_code == 1
    assert "btz: routing.priority names bts, other" in refused.stderr


def test_the_timeline_reads_instants_and_lengths_of_time_as_people_say_them(cli: CommandLine, shop: Shop) -> None:
    order = shop.open()
    with shop.database.begin() as tx:
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        timeline.tell(tx, order.id, "command.wait", at=at, wait_for="P7D", until="2026-12-05T07:27:03.026242+00:00")
        tx.execute(text("UPDATE timeline SET detail = detail || '{\"short\": {}}' WHERE event = 'command.wait'"))

    shown = cli.run("order", "show", order.name).stdout

    assert "wait for 168 h" in shown
    assert "until 05 Dec 07:27:03Z" in shown
    assert "short" not in shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("21.5000", "21.50 EUR"), ("4", "4.00 EUR"), ("0.1234", "0.1234 EUR"), ("1000.0000", "1000.00 EUR")],
)
def test_an_amount_has_its_cents_and_more_only_where_there_is_more(amount: str, shown: str) -> None:
    assert money(amount, "EUR") == shown
