"""What follows from a supplier's answer per line."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine
from models.supplying import Acknowledging
from workflows.decisions.acknowledgement import judge
from workflows.decisions.tracking_plan import MOST_FURTHER_CHECKS, reaching

RULES = Acknowledging(price_tolerance=Decimal(2), later_by=timedelta(days=2), backorder_for=timedelta(days=7))
TODAY, SHIP_BY = date(2026, 3, 2), date(2026, 3, 4)
HOUR = timedelta(hours=1)


def eur(amount: str, currency: str = "EUR") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


ORDERED = [
    SupplierLine(ean="4006381333931", quantity=3, unit_cost=eur("10.00")),
    SupplierLine(ean="8411061123456", quantity=1),
]


def said(quantity: int = 3, ean: str = "4006381333931", **more: object) -> AcknowledgedLine:
    return AcknowledgedLine.model_validate({"ean": ean, "quantity": quantity, **more})


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([said()], ()),
        ([said(ean=" 4006381333931 ")], ()),
        ([said(unit_cost=eur("10.20"))], ()),  # two percent, exactly
        ([said(unit_cost=eur("9.00"))], ()),
        ([said(unit_cost=eur("10.2150"))], ("3 x 4006381333931: 10.215 EUR each instead of 10.00 EUR",)),
        ([said(unit_cost=eur("10.21"))], ("3 x 4006381333931: 10.21 EUR each instead of 10.00 EUR",)),
        ([said(unit_cost=eur("10", "USD"))], ("3 x 4006381333931: 10.00 USD each, 10.00 EUR was planned",)),
        ([said(1, "8411061123456", unit_cost=eur("99"))], ()),  # nothing was planned: nothing to compare
        ([said(expected_on=date(2026, 3, 6))], ()),
        ([said(expected_on=date(2026, 3, 7))], ("3 x 4006381333931: ships 2026-03-07, 2026-03-04 was planned",)),
        ([said(status=LineStatus.BACKORDERED, expected_on=date(2026, 3, 9))], ()),
        (
            [said(status=LineStatus.BACKORDERED, expected_on=date(2026, 3, 10))],
            ("3 x 4006381333931: backordered until 2026-03-10",),
        ),
        (
            [said(status=LineStatus.BACKORDERED)],
            ("3 x 4006381333931: backordered, nobody says until when",),
        ),
        (
            [said(status=LineStatus.SUBSTITUTED, substitute="5901234123457")],
            ("3 x 4006381333931: 5901234123457 instead",),
        ),
        ([said(status=LineStatus.SUBSTITUTED)], ("3 x 4006381333931: another article instead",)),
        ([said(2)], ("2 of 3 x 4006381333931",)),
        ([said(4)], ("4 of 3 x 4006381333931",)),
        ([said(2), said(1, status=LineStatus.BACKORDERED, expected_on=date(2026, 3, 5))], ()),
        ([said(1, "9999999999999")], ("1 x 9999999999999: was not ordered",)),
        ([said(status=LineStatus.REJECTED)], ()),  # goes back to the order, whatever it costs
    ],
)
def test_what_goes_beyond_the_rules_is_named(lines: list[AcknowledgedLine], expected: tuple[str, ...]) -> None:
    assert judge(ORDERED, lines, RULES, ship_by=SHIP_BY, today=TODAY).changes == expected


def test_without_a_planned_day_no_date_is_late() -> None:
    assert judge(ORDERED, [said(expected_on=date(2027, 1, 1))], RULES, ship_by=None, today=TODAY).changes == ()


def test_the_last_day_of_all_lines_is_expected() -> None:
    lines = [said(expected_on=date(2026, 3, 5)), said(1, "8411061123456", expected_on=date(2026, 3, 6))]
    assert judge(ORDERED, lines, RULES, ship_by=SHIP_BY, today=TODAY).expected_on == date(2026, 3, 6)


def test_a_rejected_line_promises_no_day() -> None:
    lines = [said(status=LineStatus.REJECTED, expected_on=date(2026, 3, 5))]
    assert judge(ORDERED, lines, RULES, ship_by=SHIP_BY, today=TODAY).expected_on is None


def test_all_changes_are_told_in_one_sentence() -> None:
    lines = [said(2, unit_cost=eur("11"))]
    text = judge(ORDERED, lines, RULES, ship_by=SHIP_BY, today=TODAY).as_text
    assert text == "2 x 4006381333931: 11.00 EUR each instead of 10.00 EUR; 2 of 3 x 4006381333931"


@given(
    plan=st.lists(st.integers(1, 100), min_size=1, max_size=10),
    span=st.integers(0, 20_000),
)
def test_a_plan_reaches_as_far_as_it_must_and_keeps_its_own_checks(plan: list[int], span: int) -> None:
    intervals = [hours * HOUR for hours in plan]
    reached = reaching(intervals, span * HOUR)
    assert list(reached[: len(intervals)]) == intervals
    assert sum(reached, timedelta(0)) >= max(sum(intervals, timedelta(0)), span * HOUR)
    assert len(reached) <= len(intervals) + MOST_FURTHER_CHECKS


def test_a_day_that_is_too_far_away_is_none() -> None:
    lines = [said(2, expected_on=date.max), said(1, expected_on=SHIP_BY)]
    assert judge(ORDERED, lines, RULES, ship_by=None, today=TODAY).expected_on == SHIP_BY
