from collections.abc import Sequence
from decimal import Decimal

import pytest

from adapters.database import tasks
from models.statuses import TaskState
from models.sync import Acceptance, RunState, Trigger
from tests.activities.feed_world import FeedWorld, Row, article, ean_of

TWENTY = [article(number) for number in range(20)]
HEADER = "sku,ean,quantity,cost\n"


def moved(*, quantity: int = 10, cost: str = "10.00", many: int = 20) -> list[Row]:
    return [article(number, quantity, cost) if number < many else article(number) for number in range(20)]


def loaded(feed: FeedWorld, **settings: object) -> FeedWorld:
    feed.configure(stock=settings)
    feed.write(TWENTY)
    feed.sync()
    return feed


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "no_rows"),
        (TWENTY[:10], "far_fewer_rows"),
        (moved(quantity=0), "to_zero"),
        (moved(quantity=9999), "maxed"),
        (moved(cost="1000.00"), "price_moves"),
        (moved(cost="0"), "price_moves"),
        (moved(cost="5.90", many=8), "price_moves"),
        ([(*row[:2], "N/A", row[3]) for row in TWENTY], "unreadable"),
        ([(row[0], "4.0E+12", *row[2:]) for row in TWENTY], "scientific_notation"),
    ],
)
def test_what_looks_wrong_changes_nothing_and_asks_a_person(feed: FeedWorld, rows: Sequence[Row], code: str) -> None:
    loaded(feed)
    before = feed.everything()
    feed.write(rows)
    outcome = feed.sync()
    assert outcome.state is RunState.QUARANTINED
    assert code in outcome.reasons
    assert feed.everything() == before
    assert feed.tasks() == ["feed_quarantined"]
    task = feed.only("SELECT key, evidence FROM tasks")
    assert task["key"] == "feed:bts/stock"
    assert task["evidence"]["run"] == outcome.run_id
    assert code in [finding["code"] for finding in task["evidence"]["findings"]]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "sku;ean;quantity;cost\nA;1;2;3\n",
        "sku,ean,stock,cost\nA,1,2,3\n",
        "sku,ean,quantity,cost\nA,8400000000093,1,1.00\nB,84",
    ],
)
def test_a_file_that_cant_be_read_is_set_aside_and_nobody_can_accept_it(feed: FeedWorld, content: str) -> None:
    loaded(feed)
    before = feed.everything()
    feed.write_text(content)
    outcome = feed.sync()
    assert outcome.state is RunState.QUARANTINED
    assert feed.accept(outcome).state is RunState.REJECTED
    assert feed.everything() == before


def test_a_switched_currency_is_not_believed(feed: FeedWorld) -> None:
    columns = {"sku": "sku", "unit_cost": "cost", "currency": "currency"}
    feed.configure(stock={"columns": columns})
    for currency in ("EUR", "USD"):
        feed.write([(row[0], row[3], currency) for row in TWENTY], header=("sku", "cost", "currency"))
        outcome = feed.sync()
    assert (outcome.state, outcome.reasons) == (RunState.QUARANTINED, ("currency_switched",))


def test_a_person_sees_examples_with_what_we_have_and_what_was_sent(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0, cost="100.00"))
    feed.sync()
    findings = {one["code"]: one["samples"] for one in feed.only("SELECT evidence FROM tasks")["evidence"]["findings"]}
    assert findings["to_zero"][0] == "S000000: 10 -> 0"
    assert findings["price_moves"][0] == "S000000: 10 EUR -> 100 EUR"


def test_what_a_person_accepts_is_applied_as_it_stands(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0, cost="100.00"))
    outcome = feed.accept(feed.sync())
    assert (outcome.state, outcome.offers, outcome.held) == (RunState.APPLIED, 20, 0)
    offer = feed.offer("S000001")
    assert (offer["quantity"], offer["unit_cost"]) == (0, Decimal(100))
    assert feed.sync().state is RunState.UNCHANGED


def test_only_its_stock_leaves_costs_and_new_articles_alone(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write([*moved(quantity=3, cost="100.00"), article(20)])
    outcome = feed.accept(feed.sync(), Acceptance.STOCK_ONLY)
    assert (outcome.state, outcome.offers) == (RunState.APPLIED, 20)
    offer = feed.offer("S000001")
    assert (offer["quantity"], offer["unit_cost"]) == (3, Decimal(10))
    assert "S000020" not in feed.quantities()


def test_after_only_its_stock_the_next_file_is_looked_into_again(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=3, cost="100.00"))
    feed.accept(feed.sync(), Acceptance.STOCK_ONLY)
    feed.write(TWENTY)  # as before all this: no row of it may count as known
    assert feed.sync().state is RunState.APPLIED
    assert set(feed.quantities().values()) == {10}


def test_an_accepted_run_is_refused_where_a_newer_one_was_applied(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0))
    bad = feed.sync()
    feed.write(moved(quantity=12))
    feed.sync()
    refused = feed.accept(bad)
    assert refused.state is RunState.REJECTED
    findings = feed.only("SELECT findings FROM feed_runs WHERE id = :id", id=bad.run_id)["findings"]
    assert findings[-1]["code"] == "bytes_gone"
    assert set(feed.quantities().values()) == {12}


def test_a_good_run_answers_the_question_about_a_bad_one(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0))
    feed.sync()
    assert feed.only("SELECT count(*) AS chunks FROM feed_chunks")["chunks"] == 1
    feed.write(moved(quantity=9))
    feed.sync()
    assert feed.tasks() == []
    assert feed.only("SELECT count(*) AS chunks FROM feed_chunks")["chunks"] == 0


def test_the_same_bad_file_is_judged_once_unless_an_operator_asks(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0))
    bad = feed.sync()
    again = feed.sync()
    assert again.state is RunState.REJECTED
    findings = feed.only("SELECT findings FROM feed_runs WHERE id = :id", id=again.run_id)["findings"]
    assert (findings[0]["code"], findings[0]["numbers"]) == ("same_again", {"run": bad.run_id})
    assert feed.sync(trigger=Trigger.OPERATOR).state is RunState.QUARANTINED
    assert feed.tasks() == ["feed_quarantined"]


def test_a_supplier_of_a_few_articles_may_sell_them_all_out(feed: FeedWorld) -> None:
    feed.write(TWENTY[:4])
    feed.sync()
    feed.write([article(number, 0) for number in range(4)])
    assert feed.sync().state is RunState.APPLIED


# Costs that move too far, one by one.


def test_one_cost_that_jumps_waits_while_its_stock_counts(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write([article(0, 3, "100.00"), *TWENTY[1:]])
    outcome = feed.sync()
    assert (outcome.state, outcome.held) == (RunState.APPLIED, 1)
    offer = feed.offer("S000000")
    assert (offer["quantity"], offer["unit_cost"]) == (3, Decimal(10))
    hold = feed.only("SELECT old_cost, new_cost, state FROM cost_holds")
    assert hold == {"old_cost": Decimal(10), "new_cost": Decimal(100), "state": "held"}
    task = feed.only("SELECT key, question, evidence FROM tasks WHERE state = 'open'")
    assert task["key"] == "costs:bts"
    assert "S000000: 10 EUR -> 100 EUR" in task["question"]
    assert task["evidence"]["effect"] == {"up": 1, "down": 0, "listings": 0}


def test_a_cost_of_nothing_is_held_too(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write([article(0, 10, "0"), *TWENTY[1:]])
    assert feed.sync().held == 1
    assert feed.offer("S000000")["unit_cost"] == Decimal(10)


def test_a_new_article_without_a_cost_has_none_rather_than_nothing(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write([*TWENTY, article(20, 5, "0")])
    feed.sync()
    assert feed.offer("S000020")["unit_cost"] is None


def test_a_later_cost_takes_the_place_of_a_held_one(feed: FeedWorld) -> None:
    loaded(feed)
    for cost in ("100.00", "11.00"):
        feed.write([article(0, 10, cost), *TWENTY[1:]])
        feed.sync()
    assert feed.offer("S000000")["unit_cost"] == Decimal(11)
    assert feed.only("SELECT state FROM cost_holds")["state"] == "superseded"
    assert feed.tasks() == []


def test_a_rejected_cost_is_not_asked_about_again(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write([article(0, 10, "100.00"), *TWENTY[1:]])
    feed.sync()
    with feed.database.begin() as tx:
        tx.exec_driver_sql("UPDATE cost_holds SET state = 'rejected'")
        tasks.close_for(tx, "costs:bts", answer="they are wrong", now=feed.now)
    feed.write([article(0, 4, "100.00"), *TWENTY[1:]])
    outcome = feed.sync()
    assert (outcome.state, outcome.held, feed.tasks()) == (RunState.APPLIED, 0, [])
    offer = feed.offer("S000000")
    assert (offer["quantity"], offer["unit_cost"]) == (4, Decimal(10))


@pytest.mark.parametrize(
    ("rule", "cost", "held"),
    [
        ({"up_to": "0.6"}, "15.00", 0),
        ({"up_to": "0.6"}, "17.00", 1),
        ({"up_to": "0.6", "only_down": True}, "15.00", 1),
        ({"up_to": "0.6", "only_down": True}, "5.00", 0),
        ({"up_to": "0.6", "suppliers": ["nova"]}, "15.00", 1),
        ({"up_to": "2"}, "0", 1),
    ],
)
def test_a_rule_approves_held_costs_by_itself(feed: FeedWorld, rule: dict[str, object], cost: str, held: int) -> None:
    loaded(feed)
    feed.configure({"holds": [rule]}, stock={})
    feed.write([article(0, 10, cost), *TWENTY[1:]])
    assert feed.sync().held == held
    assert feed.offer("S000000")["unit_cost"] == Decimal(10 if held else cost)


def test_a_closed_question_is_answered_only_once(feed: FeedWorld) -> None:
    loaded(feed)
    feed.write(moved(quantity=0))
    bad = feed.sync()
    assert feed.accept(bad).state is RunState.APPLIED
    states = feed.rows("SELECT state, answered_by FROM tasks")
    assert states == [{"state": TaskState.ANSWERED, "answered_by": "maria"}]
    again = feed.sync(trigger=Trigger.DECISION, accepted_run=bad.run_id)
    assert (again.state, again.offers) == (RunState.APPLIED, 0)
    assert ean_of(0) == feed.offer("S000000")["ean"]
