from itertools import product

import pytest

from models.statuses import (
    ORDER_ENDINGS,
    ORDER_MOVES,
    PURCHASE_ORDER_ENDINGS,
    SUBMISSION_MOVES,
    Mode,
    OrderState,
    PurchaseOrderState,
    SubmissionState,
    strictest,
)


def test_every_state_says_where_it_may_lead() -> None:
    assert set(ORDER_MOVES) == set(OrderState)
    assert set(SUBMISSION_MOVES) == set(SubmissionState)


def test_an_ending_leads_nowhere_and_everything_else_somewhere() -> None:
    assert {state for state, moves in ORDER_MOVES.items() if not moves} == set(ORDER_ENDINGS)


def reachable(moves: dict[OrderState, frozenset[OrderState]], start: OrderState) -> set[OrderState]:
    seen, ahead = {start}, [start]
    while ahead:
        for state in moves[ahead.pop()] - seen:
            seen.add(state)
            ahead.append(state)
    return seen


def test_every_state_of_an_order_is_reached_from_its_first() -> None:
    assert reachable(ORDER_MOVES, OrderState.STORED) == set(OrderState)


def test_an_order_that_runs_was_startable_first() -> None:
    assert [state for state, moves in ORDER_MOVES.items() if OrderState.OPEN in moves] == [OrderState.STARTABLE]


def test_nothing_is_sent_from_anywhere_but_ready() -> None:
    senders = [state for state, moves in SUBMISSION_MOVES.items() if SubmissionState.SENDING in moves]
    assert senders == [SubmissionState.READY]


def test_what_is_placed_or_withdrawn_stays_so() -> None:
    assert SUBMISSION_MOVES[SubmissionState.PLACED] == frozenset()
    assert SUBMISSION_MOVES[SubmissionState.WITHDRAWN] == frozenset()


def test_doubt_is_left_by_a_decision_only_and_never_by_sending_blindly() -> None:
    assert SubmissionState.SENDING not in SUBMISSION_MOVES[SubmissionState.UNKNOWN]


def test_a_purchase_order_has_running_and_ended_states() -> None:
    running = set(PurchaseOrderState) - PURCHASE_ORDER_ENDINGS
    assert running == {
        PurchaseOrderState.PLANNED,
        PurchaseOrderState.QUOTED,
        PurchaseOrderState.PLACED,
        PurchaseOrderState.ACKNOWLEDGED,
    }


@pytest.mark.parametrize(("one", "other"), list(product(Mode, Mode)))
def test_the_more_careful_of_two_modes_rules(one: Mode, other: Mode) -> None:
    careful = [Mode.OBSERVE, Mode.APPROVE, Mode.LIVE]
    assert strictest(one, other) is strictest(other, one) is min(one, other, key=careful.index)
