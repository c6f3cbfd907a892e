"""Plans are the best there are: compared with every plan there is."""

from datetime import timedelta

import pytest

from tests.decisions.routing_brute_force import NOW, World, best, objective, world
from workflows.decisions import routing, routing_solver
from workflows.decisions.routing import route

INSTANCES, ROUNDS = 10_000, 10
BY_THE_SOLVER = 150


def planned(instance: World) -> tuple[int, ...]:
    plan = route(instance.order, instance.offers, instance.suppliers, instance.rules, now=NOW)
    assert plan.gap == 0
    return objective(instance, plan)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_ten_thousand_random_orders_get_the_best_plan_there_is(number: int) -> None:
    share = INSTANCES // ROUNDS
    for seed in range(number * share, (number + 1) * share):
        instance = world(seed)
        assert planned(instance) == best(instance), seed


def test_the_solver_finds_what_enumeration_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    enumerated = [planned(world(seed)) for seed in range(BY_THE_SOLVER)]
    monkeypatch.setattr(routing, "EFFORT", 0)
    assert [planned(world(seed)) for seed in range(BY_THE_SOLVER)] == enumerated


def test_the_solver_alone_finds_the_same_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    enumerated = [planned(world(seed))[:-1] for seed in range(BY_THE_SOLVER)]
    monkeypatch.setattr(routing, "EFFORT", 0)
    monkeypatch.setattr(routing_solver, "BRANCHES", 0)
    assert [planned(world(seed))[:-1] for seed in range(BY_THE_SOLVER)] == enumerated


def test_the_solver_finds_the_very_same_plan_as_enumeration_where_it_has_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shares(seed: int) -> object:
        instance = world(seed)
        return route(instance.order, instance.offers, instance.suppliers, instance.rules, now=NOW).shares

    enumerated = [shares(seed) for seed in range(BY_THE_SOLVER)]
    monkeypatch.setattr(routing, "EFFORT", 0)
    differing = [seed for seed in range(BY_THE_SOLVER) if shares(seed) != enumerated[seed]]
    assert len(differing) <= BY_THE_SOLVER // 20, differing


def test_without_time_the_gap_is_stated_and_the_plan_still_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "EFFORT", 5)
    instance = world(95)
    hurried = instance.rules.model_copy(update={"time_limit": timedelta(0)})
    plan = route(instance.order, instance.offers, instance.suppliers, hurried, now=NOW)
    assert 0 < plan.gap <= 1
    assert objective(instance, plan) >= best(instance)
