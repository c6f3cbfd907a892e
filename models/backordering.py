"""What happens to units that nobody can deliver now: the merchant's policy, and what a customer may answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, HttpUrl, model_validator

from models import name_faults
from models.base import Contract, EnvironmentName, Interval, Slug, StrictContract
from models.faults import refuse


class ShortageAction(StrEnum):
    """What is done about units that nobody can deliver."""

    WAIT = "wait"  # for stock, until a date
    ASK_CUSTOMER = "ask_customer"
    ASK_PERSON = "ask_person"
    CANCEL = "cancel"  # deliver the rest, refund these


class CustomerChoice(StrEnum):
    """What a customer can answer to "this is not there"."""

    WAIT = "wait"
    ALTERNATIVE = "alternative"  # take what is offered instead
    CANCEL_LINE = "cancel_line"
    CANCEL_ALL = "cancel_all"


class BackorderPolicy(StrictContract):
    """One policy: first ``action``; where it does not help in time, ``then``."""

    action: ShortageAction = ShortageAction.ASK_PERSON
    wait: Interval = timedelta(days=14)  # how long stock is waited for
    then: Literal["ask_customer", "ask_person", "cancel"] = "ask_person"
    ship_available: bool = False  # deliver what is there meanwhile; else the order waits as a whole
    answer_within: Interval = timedelta(days=3)  # how long a customer may think
    when_silent: Literal["wait", "cancel_line", "cancel_all"] = "wait"


class BackorderRule(BackorderPolicy):
    """A policy for some orders; the first rule that fits a line counts. An empty list fits everything."""

    name: str = Field(min_length=1, max_length=60)
    channels: tuple[Slug, ...] = ()
    categories: tuple[str, ...] = ()


class Backorders(BackorderPolicy):
    """The policy of all lines that no rule fits."""

    rules: tuple[BackorderRule, ...] = ()

    @model_validator(mode="after")
    def _every_rule_is_reached(self) -> Self:
        refuse("Backorders", name_faults.of_backorders(self))
        return self


class Customers(StrictContract):
    """How customers reach the page that asks them. Without it no customer is asked: a person is."""

    public_url: HttpUrl  # where the API is reached from outside
    link_secret_env: EnvironmentName
    previous_link_secret_env: EnvironmentName | None = None


class Substitute(Contract):
    """What may stand in for a line's article, with how many units could be had when it was offered."""

    ean: str
    title: str
    available: int


class AskedLine(Contract):
    """A line that a customer is asked about: how many units lack, and what there is instead."""

    line_id: str
    ean: str
    title: str
    units: int = Field(gt=0)
    alternatives: tuple[Substitute, ...] = ()


class LineAnswer(Contract):
    """A customer's word on one line; ``ean`` names the alternative."""

    line_id: str
    choice: Literal[CustomerChoice.WAIT, CustomerChoice.ALTERNATIVE, CustomerChoice.CANCEL_LINE]
    ean: str | None = None


class Answer(Contract):
    """A customer's whole answer: about each line, or about the order."""

    cancel_all: bool = False
    lines: tuple[LineAnswer, ...] = ()

    @classmethod
    def to_all(
        cls, lines: Iterable[AskedLine], choice: Literal[CustomerChoice.WAIT, CustomerChoice.CANCEL_LINE]
    ) -> "Answer":
        """Answer the same about every line."""
        return cls(lines=tuple(LineAnswer(line_id=line.line_id, choice=choice) for line in lines))

    @property
    def choice(self) -> CustomerChoice:
        """Fold it into one word: what the order does next."""
        if self.cancel_all:
            return CustomerChoice.CANCEL_ALL
        chosen = {line.choice for line in self.lines}
        first = (CustomerChoice.WAIT, CustomerChoice.ALTERNATIVE, CustomerChoice.CANCEL_LINE)
        return next((choice for choice in first if choice in chosen), CustomerChoice.WAIT)


Part = tuple[str, str]  # line id, EAN


@dataclass(frozen=True, slots=True)
class Waiting:
    """A part of an open order's line that waits for stock."""

    id: int
    order_id: int
    ean: str
    units: int
    had: int  # that were to be had when the order was last planned
    left_out: frozenset[str]  # suppliers that would not count for it
    partial: bool  # any unit more is worth a plan
    planned_at: datetime
    woken_at: datetime | None
    woken_for: int | None  # what was to be had when it was last woken


@dataclass(frozen=True, slots=True)
class Stocked:
    """Units of an article that a supplier can deliver now: after reservations and buffers."""

    supplier: str
    ean: str
    units: int
