"""What a supplier promises: nobody is asked before it is due, in its own working days."""

from datetime import date, timedelta

from tests.activities.world import HOUR, START, World, submit

DAY = 24 * HOUR
FRIDAY = START + 4 * DAY


def promising(world: World, **promises: timedelta) -> World:
    world.bts.means = dict(promises)
    return world


def test_a_promised_acknowledgement_is_overdue_once_its_working_days_are_over(world: World) -> None:
    profile = promising(world, acknowledges_within=DAY).deps.outside.profile("bts", FRIDAY)
    assert profile.acknowledgement_deadline == 3 * DAY


def test_the_merchants_own_deadline_rules_over_a_promise(world: World) -> None:
    world.configure(suppliers={"bts": {"acknowledgement_deadline": "PT2H"}})
    profile = promising(world, acknowledges_within=DAY).deps.outside.profile("bts", FRIDAY)
    assert profile.acknowledgement_deadline == 2 * HOUR


def test_without_any_word_an_acknowledgement_is_overdue_after_a_day(world: World) -> None:
    assert world.deps.outside.profile("bts", FRIDAY).acknowledgement_deadline == DAY


def test_a_promised_shipment_is_looked_for_until_its_day(world: World) -> None:
    order = promising(world, ships_within=10 * DAY).quoted(1)
    placed = world.run(world.submission.submit_purchase_order, submit(order))
    assert placed.expected_on == date(2026, 3, 16)
    read_again = world.run(world.submission.submit_purchase_order, submit(order))
    assert read_again.expected_on == date(2026, 3, 16), "also where the first answer was lost"
