from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from models.drift import CheckedOffer, Drift, DriftKind
from models.money import Money
from models.statuses import PurchaseOrderState
from models.suppliers import StockAnswer, SupplierOrderStatus, SupplierState
from models.tasks import TaskCategory
from workflows.decisions import drift, questions

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ours(quantity: int = 5, cost: str | None = "10.0000", *, known: bool = True, held: bool = False) -> CheckedOffer:
    return CheckedOffer("SKU", "EAN", known, quantity, None if cost is None else Decimal(cost), "EUR", held)


def theirs(quantity: int = 5, cost: str | None = "10.00", currency: str = "EUR", *, known: bool = True) -> StockAnswer:
    unit_cost = None if cost is None else Money(amount=Decimal(cost), currency=currency)
    return StockAnswer(ean="EAN", known=known, quantity=quantity, unit_cost=unit_cost)


@pytest.mark.parametrize(
    ("mine", "said", "found"),
    [
        (ours(), theirs(), []),
        (ours(), theirs(4), [("quantity", "5", "4")]),
        (ours(), theirs(5, "10.50"), [("cost", "10 EUR", "10.5 EUR")]),
        (ours(), theirs(5, "10.00", "USD"), [("cost", "10 EUR", "10 USD")]),
        (ours(), theirs(0, "12.00"), [("quantity", "5", "0"), ("cost", "10 EUR", "12 EUR")]),
        (ours(), theirs(cost=None), []),
        (ours(held=True), theirs(5, "30.00"), []),
        (ours(cost=None), theirs(), [("cost", "", "10 EUR")]),
        (ours(), theirs(0, None, known=False), [("missing", "known", "unknown")]),
        (ours(0, known=False), theirs(), [("missing", "unknown", "known")]),
    ],
)
def test_an_offer_is_compared_with_the_suppliers_answer(
    mine: CheckedOffer, said: StockAnswer, found: list[tuple[str, str, str]]
) -> None:
    assert [(one.kind, one.ours, one.theirs) for one in drift.offer_drift(mine, said)] == found


@pytest.mark.parametrize(
    ("drifted", "compared", "large"),
    [(0, 0, False), (9, 9, False), (10, 10, True), (10, 200, False), (11, 200, True), (500, 20_000, False)],
)
def test_drift_is_large_above_a_share_and_never_when_it_is_a_handful(drifted: int, compared: int, large: bool) -> None:
    assert drift.is_large(drifted, compared, 0.05) is large


@pytest.mark.parametrize(
    ("state", "said", "checks_over", "found"),
    [
        (PurchaseOrderState.PLACED, SupplierState.ACKNOWLEDGED, False, False),
        (PurchaseOrderState.ACKNOWLEDGED, SupplierState.AWAITING_PAYMENT, False, False),
        (PurchaseOrderState.PLACED, SupplierState.CANCELLED, False, True),
        (PurchaseOrderState.PLACED, SupplierState.UNKNOWN, False, True),
        (PurchaseOrderState.PLACED, SupplierState.SHIPPED, False, False),  # the next check hears it
        (PurchaseOrderState.ACKNOWLEDGED, SupplierState.SHIPPED, True, True),
        (PurchaseOrderState.SHIPPED, SupplierState.CANCELLED, True, False),
    ],
)
def test_an_order_drifts_where_no_check_would_find_it_or_the_words_contradict(
    state: PurchaseOrderState,
    said: SupplierState,
    checks_over: bool,
    found: bool,
) -> None:
    ends = NOW - HOUR if checks_over else NOW + HOUR
    status = SupplierOrderStatus(state=said, status_text="Word")
    assert (drift.order_drift("DW-1-11", state, status, checks_end=ends, now=NOW) is not None) is found


def test_checks_end_with_the_plan_and_its_grace() -> None:
    assert drift.checks_end(NOW, [24 * HOUR, 6 * HOUR], HOUR) == NOW + 31 * HOUR


@pytest.mark.parametrize(
    ("before", "after", "abnormal"),
    [
        ("10 EUR", "13 EUR", False),
        ("10 EUR", "15 EUR", True),
        ("10 EUR", "5 EUR", True),
        ("10 EUR", "10 USD", True),
        ("0 EUR", "10 EUR", True),
        ("", "10 EUR", False),
    ],
)
def test_a_cost_that_jumps_or_changes_its_currency_is_not_believed_unasked(
    before: str,
    after: str,
    abnormal: bool,
) -> None:
    assert drift.is_abnormal(Drift(DriftKind.COST, "SKU", before, after), 0.4) is abnormal


def test_a_question_about_orders_offers_nothing_to_repair() -> None:
    facts = {"drifted": "", "compared": "", "subject": "", "examples": ""}
    found = [Drift(DriftKind.ORDER_STATE, f"DW-{number}", "placed", "Cancelled") for number in range(200)]
    draft = drift.about_orders(questions.draft(TaskCategory.DRIFT_LARGE, facts), "bts", found)
    assert draft.question.startswith("200 purchase orders stand otherwise at bts than here (DW-0 is placed here,")
    assert [one.command for one in draft.alternatives] == [None]
