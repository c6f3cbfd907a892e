"""What follows from a supplier's answer per line: what is taken as it is, and what a person must approve.

Rejected units are not judged here: they go back to the order at once (see ``adapters.database.withdrawals``). Nothing
else is ever planned elsewhere unasked, because a supplier that has answered may deliver it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.articles import normalise_ean
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine
from models.supplying import Acknowledging

LOOKS = 8
_WHOLE = 100  # percent
FURTHEST = timedelta(days=366)  # a date further away, e.g. 9999-12-31, says that nobody knows


def looks(deadline: timedelta) -> tuple[timedelta, ...]:
    """Spread the looks for an acknowledgement evenly over its deadline; returns the pause before each."""
    return (deadline / LOOKS,) * LOOKS


@dataclass(frozen=True)
class Judgement:
    """The changes that need a person's word, as they are asked about, and when the last of it shall ship."""

    changes: tuple[str, ...] = ()
    expected_on: date | None = None

    @property
    def as_text(self) -> str:
        """All changes in one sentence, the same for the same changes: a person approves exactly this."""
        return "; ".join(self.changes)


def judge(
    ordered: Sequence[SupplierLine],
    answered: Sequence[AcknowledgedLine],
    rules: Acknowledging,
    *,
    ship_by: date | None,
    today: date,
) -> Judgement:
    """Compare what was ordered with what a supplier has answered of each line.

    ``ordered`` is what is still asked of it: without what it has rejected. An article that it says nothing about is
    taken as ordered. ``ship_by`` is when it should leave, as planned; without one no date is late by itself.
    """
    lines = {normalise_ean(line.ean): line for line in ordered}
    kept = [line for line in answered if line.status is not LineStatus.REJECTED]
    changes = [
        change
        for line in kept
        for change in _changes(lines.get(normalise_ean(line.ean)), line, rules, ship_by=ship_by, today=today)
    ]
    dates = [line.expected_on for line in kept if line.expected_on is not None and line.expected_on - today <= FURTHEST]
    return Judgement(tuple(changes + _quantities(lines, kept)), max(dates, default=None))


def _changes(
    ordered: SupplierLine | None, line: AcknowledgedLine, rules: Acknowledging, *, ship_by: date | None, today: date
) -> list[str]:
    what = f"{line.quantity} x {line.ean}"
    if ordered is None:
        return [f"{what}: was not ordered"]
    if line.status is LineStatus.SUBSTITUTED:
        return [f"{what}: {line.substitute or 'another article'} instead"]
    found = [_price_change(what, ordered.unit_cost, line.unit_cost, rules)]
    if line.status is LineStatus.BACKORDERED:
        found.append(_backorder(what, line.expected_on, rules, today))
    else:
        found.append(_delay(what, line.expected_on, rules, ship_by))
    return [change for change in found if change]


def _price_change(what: str, planned: Money | None, asked: Money | None, rules: Acknowledging) -> str:
    if planned is None or asked is None:
        return ""
    if planned.currency != asked.currency:
        return f"{what}: {_exact(asked)} each, {_exact(planned)} was planned"
    limit = planned.amount * (_WHOLE + rules.price_tolerance) / _WHOLE
    return f"{what}: {_exact(asked)} each instead of {_exact(planned)}" if asked.amount > limit else ""


def _exact(money: Money) -> str:
    """Write it to its last digit, for what is approved in these words is approved: ``12.375 EUR``, ``89.50 EUR``."""
    to_the_cent = round(money.amount, 2)
    return str(money) if to_the_cent == money.amount else f"{money.amount.normalize():f} {money.currency}"


def _backorder(what: str, expected_on: date | None, rules: Acknowledging, today: date) -> str:
    if expected_on is None:
        return f"{what}: backordered, nobody says until when"
    return f"{what}: backordered until {expected_on}" if _later(expected_on, today, rules.backorder_for) else ""


def _delay(what: str, expected_on: date | None, rules: Acknowledging, ship_by: date | None) -> str:
    if expected_on is None or ship_by is None or not _later(expected_on, ship_by, rules.later_by):
        return ""
    return f"{what}: ships {expected_on}, {ship_by} was planned"


def _later(when: date, than: date, by: timedelta) -> bool:
    return when - than > by


def _quantities(ordered: dict[str, SupplierLine], kept: Sequence[AcknowledgedLine]) -> list[str]:
    """Find articles of which it has answered about more, or fewer, units than were asked of it."""
    answered: dict[str, int] = {}
    for line in kept:
        ean = normalise_ean(line.ean)
        answered[ean] = answered.get(ean, 0) + line.quantity
    return [
        f"{answered[ean]} of {line.quantity} x {line.ean}"
        for ean, line in ordered.items()
        if ean in answered and answered[ean] != line.quantity
    ]
