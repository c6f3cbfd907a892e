"""What a purchase order should cost us, by what its supplier has answered."""

from decimal import Decimal

import pytest

from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine
from workflows.decisions.variance import goods_cost

ARTICLE = "4006381333931"


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def answer(quantity: int, cost: Money | None = None, status: LineStatus = LineStatus.ACCEPTED) -> AcknowledgedLine:
    return AcknowledgedLine(ean=ARTICLE, quantity=quantity, unit_cost=cost, status=status)


@pytest.mark.parametrize(
    ("planned", "answers", "expected"),
    [
        (eur("2"), [], "10"),
        (eur("2"), [answer(5, eur("3"))], "15"),
        (eur("2"), [answer(2, eur("1")), answer(3, eur("2"))], "8"),
        (eur("2"), [answer(2, eur("1")), answer(3)], "8"),
        (eur("2"), [answer(2, eur("1"))], "5"),
        (eur("2"), [answer(2, status=LineStatus.REJECTED)], "6"),
        (eur("2"), [answer(5, status=LineStatus.REJECTED)], "0"),
        (None, [answer(5, eur("3"))], "15"),
        (None, [answer(5)], None),
        (None, [answer(5, status=LineStatus.REJECTED)], "0"),
        (eur("2"), [answer(5, Money(amount=Decimal(3), currency="USD"))], None),
    ],
)
def test_each_unit_costs_what_was_said_of_it(
    planned: Money | None, answers: list[AcknowledgedLine], expected: str | None
) -> None:
    ordered = [SupplierLine(ean=ARTICLE, quantity=5, unit_cost=planned)]
    assert goods_cost(ordered, answers) == (None if expected is None else Decimal(expected))


def test_an_article_that_its_supplier_writes_in_groups_is_the_same_one() -> None:
    ordered = [SupplierLine(ean=ARTICLE, quantity=5, unit_cost=eur("2"))]
    said = answer(5, eur("3")).model_copy(update={"ean": "4006381 333931"})
    assert goods_cost(ordered, [said]) == Decimal(15)
