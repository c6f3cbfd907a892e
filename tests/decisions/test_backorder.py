from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backordering import Backorders, ShortageAction, Stocked, Waiting
from models.contracts import ShortageWord
from workflows.decisions.backorder import (
    CAREFUL_FIRST,
    HEARD_WITHIN,
    ShortageDecision,
    ShortLineFacts,
    decide,
    look,
    policy_for,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LINE = ShortLineFacts("1", "A", 2, "Shoes")
OTHER = ShortLineFacts("2", "B", 1, "Hats")
PERSON, CUSTOMER, WAIT, CANCEL = CAREFUL_FIRST


def settings(**policy: object) -> Backorders:
    return Backorders.model_validate(policy)


def decided(policy: Backorders, *lines: ShortLineFacts, **more: object) -> ShortageDecision:
    facts = {"channel": "main", "now": NOW, "since": {}, "word": None, "can_ask": True} | more
    return decide(lines or (LINE,), policy, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channel", "category", "wanted"),
    [
        ("main", "Shoes", "cancel"),
        ("main", "shoes", "cancel"),
        ("main", "Hats", "ask_customer"),
        ("other", "Hats", "wait"),
        ("other", "Shoes", "cancel"),
        ("main", "", "ask_customer"),
    ],
)
def test_the_first_rule_that_fits_a_line_is_its_policy(channel: str, category: str, wanted: str) -> None:
    rules = [
        {"name": "shoes", "categories": ["Shoes"], "action": "cancel"},
        {"name": "main shop", "channels": ["main"], "action": "ask_customer"},
    ]

    assert policy_for(channel, category, settings(action="wait", rules=rules)).action == wanted


@pytest.mark.parametrize(("one", "another"), list(product(CAREFUL_FIRST, repeat=2)))
def test_of_two_policies_the_more_careful_one_counts_for_the_order(
    one: ShortageAction, another: ShortageAction
) -> None:
    rules = [{"name": "hats", "categories": ["Hats"], "action": another}]

    decision = decided(settings(action=one, rules=rules), LINE, OTHER)

    assert decision.action is min(one, another, key=CAREFUL_FIRST.index)


def test_a_wait_lasts_from_when_the_line_first_fell_short_however_often_it_is_planned() -> None:
    policy = settings(action="wait", wait="14d")

    decision = decided(policy, since={("1", "A"): NOW - 10 * DAY})

    assert (decision.action, decision.until) == (WAIT, NOW + 4 * DAY)


@pytest.mark.parametrize("then", ["ask_customer", "ask_person", "cancel"])
def test_a_wait_that_is_over_leads_to_what_the_policy_says_comes_then(then: str) -> None:
    policy = settings(action="wait", wait="14d", then=then)

    assert decided(policy, since={("1", "A"): NOW - 14 * DAY}).action == then


def test_the_first_line_whose_time_is_up_ends_the_wait_of_all() -> None:
    decision = decided(settings(action="wait", wait="14d"), LINE, OTHER, since={("2", "B"): NOW - 13 * DAY})

    assert decision.until == NOW + DAY


@pytest.mark.parametrize("action", CAREFUL_FIRST)
def test_a_word_overrules_the_policy(action: ShortageAction) -> None:
    word = ShortageWord(action=action, until=NOW + 3 * DAY if action is WAIT else None)

    decision = decided(settings(action="cancel" if action is not CANCEL else "wait"), word=word)

    assert decision.action is action
    assert decision.until == (NOW + 3 * DAY if action in (WAIT, CUSTOMER) else None)


@pytest.mark.parametrize("then", ["ask_customer", "cancel"])
def test_who_has_it_wait_is_asked_again_whatever_the_policy_does_then(then: str) -> None:
    policy, word = settings(action="wait", then=then), ShortageWord(action=WAIT, until=NOW + DAY, then=PERSON)

    assert decided(policy, word=word).then is PERSON
    assert decided(policy, word=word, now=NOW + 2 * DAY).action is PERSON


def test_a_word_to_wait_that_has_run_out_leads_on() -> None:
    word = ShortageWord(action=WAIT, until=NOW)

    assert decided(settings(action="wait", then="cancel"), word=word).action is CANCEL


@pytest.mark.parametrize("word", [None, ShortageWord(action=CUSTOMER)])
def test_a_person_is_asked_where_no_customer_can_be(word: ShortageWord | None) -> None:
    assert decided(settings(action="ask_customer"), word=word, can_ask=False).action is PERSON


@pytest.mark.parametrize("action", ["cancel", "ask_customer"])
def test_in_a_shop_that_is_not_live_a_person_is_asked_before_the_customer_notices_anything(action: str) -> None:
    assert decided(settings(action=action), unasked=False).action is PERSON
    waiting = decided(settings(action="wait", then=action), unasked=False)
    assert (waiting.action, waiting.then) == (WAIT, PERSON)


def test_a_persons_word_counts_in_a_shop_that_is_not_live() -> None:
    assert decided(settings(), unasked=False, word=ShortageWord(action=CANCEL)).action is CANCEL


def test_a_policy_has_the_customer_asked_once_and_then_goes_on() -> None:
    assert decided(settings(action="ask_customer", then="cancel"), asked=True).action is CANCEL
    assert decided(settings(action="ask_customer", then="ask_customer"), asked=True).action is PERSON
    assert decided(settings(action="wait", then="ask_customer"), asked=True).then is PERSON


def test_of_silences_the_mildest_counts() -> None:
    rules = [{"name": "hats", "categories": ["Hats"], "action": "ask_customer", "when_silent": "wait"}]

    decision = decided(settings(action="ask_customer", when_silent="cancel_all", rules=rules), LINE, OTHER)

    assert (decision.when_silent, decision.then) == ("wait", WAIT)


def test_a_customer_has_until_the_shortest_of_the_lines_times_to_answer() -> None:
    rules = [{"name": "hats", "categories": ["Hats"], "action": "ask_customer", "answer_within": "1d"}]

    decision = decided(settings(action="ask_customer", answer_within="3d", rules=rules), LINE, OTHER)

    assert (decision.until, decision.wait_until) == (NOW + DAY, NOW + 14 * DAY)


def test_what_is_there_is_shipped_only_where_every_line_allows_it_or_a_person_says_so() -> None:
    rules = [{"name": "hats", "categories": ["Hats"], "action": "wait", "ship_available": True}]
    mixed = settings(action="wait", rules=rules)

    assert not decided(mixed, LINE, OTHER).ship_available
    assert decided(mixed, OTHER).ship_available
    assert decided(mixed, LINE, ship_available=True).ship_available
    assert decided(settings(action="cancel")).ship_available


# Waking.


def waits(number: int, units: int = 1, ean: str = "A", **more: object) -> Waiting:
    usual = {
        "id": number,
        "order_id": number,
        "ean": ean,
        "units": units,
        "had": 0,
        "left_out": frozenset(),
        "partial": False,
        "planned_at": NOW - DAY,
        "woken_at": None,
        "woken_for": None,
    }
    return Waiting(**(usual | more))  # type: ignore[arg-type]


def woken(waiting: list[Waiting], *stock: Stocked) -> list[int]:
    return list(look(waiting, stock, now=NOW).wake)


def test_of_fifty_orders_that_wait_for_three_units_the_three_oldest_are_woken() -> None:
    assert woken([waits(number) for number in range(1, 51)], Stocked("bts", "A", 3)) == [1, 2, 3]


def test_an_order_that_needs_more_than_there_is_leaves_it_to_a_younger_one() -> None:
    assert woken([waits(1, 5), waits(2, 2)], Stocked("bts", "A", 3)) == [2]


def test_an_order_is_woken_when_all_it_lacks_can_be_had() -> None:
    both = [waits(1, id=1), waits(1, id=2, ean="B", order_id=1)]

    assert woken(both, Stocked("bts", "A", 1)) == []
    assert woken(both, Stocked("bts", "A", 1), Stocked("nova", "B", 1)) == [1]


def test_an_order_that_may_be_delivered_in_parts_is_woken_by_a_part() -> None:
    assert woken([waits(1, 5, partial=True)], Stocked("bts", "A", 2)) == [1]


def test_units_of_several_suppliers_add_up_but_not_those_of_one_that_is_out() -> None:
    stock = (Stocked("bts", "A", 2), Stocked("nova", "A", 1))

    assert woken([waits(1, 3)], *stock) == [1]
    assert woken([waits(1, 3, left_out=frozenset({"nova"}))], *stock) == []


def test_what_was_there_at_the_last_plan_wakes_nobody() -> None:
    assert woken([waits(1, 2, had=4)], Stocked("bts", "A", 4)) == []
    assert woken([waits(1, 2, had=4)], Stocked("bts", "A", 5)) == [1]


def test_the_same_units_wake_an_order_once() -> None:
    woken_before = waits(1, 2, woken_at=NOW - DAY, woken_for=4, planned_at=NOW - DAY + timedelta(seconds=1))

    assert woken([woken_before], Stocked("bts", "A", 4)) == []
    assert woken([woken_before], Stocked("bts", "A", 3)) == [1]


def test_what_an_order_was_woken_for_is_no_younger_ones_until_it_has_planned() -> None:
    just_woken = waits(1, 2, woken_at=NOW - timedelta(seconds=5), woken_for=2)

    assert woken([just_woken, waits(2)], Stocked("bts", "A", 2)) == []
    assert woken([just_woken, waits(2)], Stocked("bts", "A", 3)) == [2]


def test_an_order_that_did_not_hear_is_woken_again_by_other_units() -> None:
    long_ago = waits(1, 2, woken_at=NOW - HEARD_WITHIN, woken_for=2)

    assert woken([long_ago], Stocked("bts", "A", 3)) == [1]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from("AB"), st.integers(0, 3), st.booleans()), max_size=12),
    st.lists(st.tuples(st.sampled_from(["bts", "nova"]), st.sampled_from("AB"), st.integers(0, 5)), max_size=4),
)
def test_no_more_is_promised_to_woken_orders_than_there_is(
    wants: list[tuple[int, str, int, bool]], stock: list[tuple[str, str, int]]
) -> None:
    waiting = [
        waits(number, units, ean, had=had, partial=partial)
        for number, (units, ean, had, partial) in enumerate(wants, 1)
    ]

    found = look(waiting, [Stocked(*one) for one in stock], now=NOW)

    for ean in "AB":
        there = sum(units for _, its, units in stock if its == ean)
        whole = [one for one in waiting if one.order_id in found.wake and one.ean == ean and not one.partial]
        assert sum(one.units for one in whole) <= there
        assert all(found.counts[one.id] == there for one in waiting if one.ean == ean)
