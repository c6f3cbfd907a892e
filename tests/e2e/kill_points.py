"""Where processes are killed: a list from a seed, each point defined by what the world outside sees.

A numbered point is the n-th call of an operation from when the point is armed. The simulated system holds that call,
before or after it was processed, so that the process which made it dies in the middle of it.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """What is killed."""

    EVERY_WORKER = "every worker"  # so that the one whose call is held is among them
    ONE_WORKER = "one worker"
    API = "api"
    POSTGRES = "postgres"

    @property
    def is_worker(self) -> bool:
        """Whether workers die here."""
        return self in (Target.EVERY_WORKER, Target.ONE_WORKER)


class Moment(StrEnum):
    """What the other side has done with the held call."""

    READ = "read, never processed"
    PROCESSED = "processed, not answered"
    PROCESSED_LATER = "processed after the kill"


@dataclass(frozen=True)
class Held:
    """The call at which a kill strikes: of which system, which operation, the how manyth, and how far it has come."""

    system: str
    operation: str
    moment: Moment
    nth: int = 1

    def rule(self) -> dict[str, object]:
        """Write the fault that holds this call."""
        rule: dict[str, object] = {"operation": self.operation, "skip": self.nth - 1, "times": 1}
        if self.moment is Moment.PROCESSED_LATER:
            return {**rule, "kind": "latency", "milliseconds": 1500}
        return {**rule, "kind": "hang", "processed": self.moment is Moment.PROCESSED}


@dataclass(frozen=True)
class KillPoint:
    """One kill: of what, at which held call or, without one, after so many seconds."""

    target: Target
    held: Held | None = None
    after: float = 0.0

    def __str__(self) -> str:
        if self.held is None:
            return f"{self.target} after {self.after:.1f} s"
        return f"{self.target} at call {self.held.nth} of {self.held.operation} ({self.held.moment})"


_CREATE = ("supplier", "setCreateOrder$")
_MUST = (
    (*_CREATE, Moment.PROCESSED),
    (*_CREATE, Moment.READ),
    (*_CREATE, Moment.PROCESSED_LATER),
    ("shop", "CreateFulfillment", Moment.PROCESSED),
    ("shop", "SetMetafield", Moment.PROCESSED),
    ("mail", "DATA", Moment.PROCESSED),
    ("supplier", "getOrder$", Moment.READ),
)
_MAY = (
    (*_CREATE, Moment.PROCESSED),
    (*_CREATE, Moment.READ),
    ("shop", "CreateFulfillment", Moment.READ),
    ("shop", "SetMetafield", Moment.READ),
    ("shop", "OrderFacts", Moment.READ),
    ("supplier", "getShippingPrices$", Moment.READ),
    ("supplier", "getProductStock$", Moment.READ),
)
# Calls that orders make late in their lives: they come also when the last order has been placed.
_LATE = frozenset({"CreateFulfillment", "DATA", "getOrder$"})
RANDOM_INSTANTS = 3
FURTHER_POINTS = 1


def kill_points(seed: int, orders: int) -> list[KillPoint]:
    """Plan the kills of a run of so many orders: eleven of workers, and one each of the API and PostgreSQL."""
    chance = random.Random(f"kills:{seed}")
    calls = [*_MUST, *chance.sample(_MAY, FURTHER_POINTS)]
    most = max(1, orders // 40)
    points = [
        KillPoint(Target.EVERY_WORKER, Held(system, operation, moment, chance.randint(1, most)))
        for system, operation, moment in calls
    ]
    points += [KillPoint(Target.ONE_WORKER, after=chance.uniform(1, 4)) for _ in range(RANDOM_INSTANTS)]
    points.sort(key=lambda point: chance.random() + _is_late(point))
    middle = len(points) // 2
    for offset, target in enumerate(chance.sample([Target.API, Target.POSTGRES], 2)):
        points.insert(middle + offset * 2, KillPoint(target, after=chance.uniform(1, 3)))
    return points


def _is_late(point: KillPoint) -> bool:
    return point.held is not None and point.held.operation in _LATE
