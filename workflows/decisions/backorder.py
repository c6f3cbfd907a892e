"""What is done about units that nobody can deliver, and whom arriving stock wakes. Pure.

An order's short lines get one decision. Where their policies differ the most careful one counts: a person before the
customer, the customer before waiting, waiting before cancelling, because each can still lead to the ones after it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from models.backordering import BackorderPolicy, Backorders, Part, ShortageAction, Stocked, Waiting
from models.contracts import ShortageWord

CAREFUL_FIRST = (ShortageAction.ASK_PERSON, ShortageAction.ASK_CUSTOMER, ShortageAction.WAIT, ShortageAction.CANCEL)
MILD_FIRST: tuple[Literal["wait", "cancel_line", "cancel_all"], ...] = ("wait", "cancel_line", "cancel_all")
HEARD_WITHIN = timedelta(minutes=10)  # who was woken and has not planned by then is woken once more


@dataclass(frozen=True, slots=True)
class ShortLineFacts:
    """Units of an article, on a line, that nobody can deliver now."""

    line_id: str
    ean: str
    units: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class ShortageDecision:
    """One decision for all short lines of an order, and what follows when it does not help in time."""

    action: ShortageAction
    until: datetime | None  # of WAIT: stock is awaited; of ASK_CUSTOMER: the answer
    then: ShortageAction
    ship_available: bool  # what can be had is ordered meanwhile, or instead
    when_silent: Literal["wait", "cancel_line", "cancel_all"]
    wait_until: datetime  # what a customer's "wait" means


def policy_for(channel: str, category: str, settings: Backorders) -> BackorderPolicy:
    """Find the policy of a line: the first rule that fits it, else the table's own."""
    for rule in settings.rules:
        if _fits(rule.channels, channel) and _fits(rule.categories, category):
            return rule
    return settings


def _fits(wanted: Collection[str], value: str) -> bool:
    return not wanted or value.casefold() in {one.casefold() for one in wanted}


def decide(
    lines: Sequence[ShortLineFacts],
    settings: Backorders,
    *,
    channel: str,
    now: datetime,
    since: Mapping[Part, datetime],
    word: ShortageWord | None,
    can_ask: bool,
    unasked: bool = True,
    asked: bool = False,
    ship_available: bool = False,
) -> ShortageDecision:
    """Decide about an order's short lines, of which there is at least one.

    ``since`` says when a line first fell short: a wait begins then, not with each plan. ``word`` overrules the policy;
    a wait that is over leads to the policy's ``then``. Without ``can_ask`` a person is asked instead of the customer,
    and without ``unasked`` (a channel that is not live) also before anything is cancelled that nobody has spoken about.
    The policy has a customer ``asked`` once; after that it goes on to ``then``, or to a person.
    """
    policies = [policy_for(channel, line.category, settings) for line in lines]
    allowed = _allowed(can_ask=can_ask and not asked, unasked=unasked)
    then = _most_careful(allowed(ShortageAction(policy.then)) for policy in policies)
    waited = _waits_until(lines, policies, since, now)
    action, until = _most_careful(_first(policy, asked=asked, allowed=allowed) for policy in policies), waited
    if word is not None:
        action, until = _askable(word.action, can_ask=can_ask), word.until or now + min(one.wait for one in policies)
        then = word.then or then
    if action is ShortageAction.WAIT and until <= now:
        action = then
    silent = min((policy.when_silent for policy in policies), key=MILD_FIRST.index)
    if action is ShortageAction.ASK_CUSTOMER:
        until = now + min(policy.answer_within for policy in policies)
        then = ShortageAction.WAIT if silent == "wait" else ShortageAction.CANCEL
    return ShortageDecision(
        action=action,
        until=until if action in (ShortageAction.WAIT, ShortageAction.ASK_CUSTOMER) else None,
        then=then,
        ship_available=ship_available
        or action is ShortageAction.CANCEL
        or all(policy.ship_available for policy in policies),
        when_silent=silent,
        wait_until=max(waited, now + min(policy.wait for policy in policies)),
    )


def _allowed(*, can_ask: bool, unasked: bool) -> Callable[[ShortageAction], ShortageAction]:
    """What touches the customer needs a person's word where nothing may happen unasked."""

    def allow(action: ShortageAction) -> ShortageAction:
        if not unasked and action in (ShortageAction.ASK_CUSTOMER, ShortageAction.CANCEL):
            return ShortageAction.ASK_PERSON
        return _askable(action, can_ask=can_ask)

    return allow


def _first(
    policy: BackorderPolicy, *, asked: bool, allowed: Callable[[ShortageAction], ShortageAction]
) -> ShortageAction:
    over = asked and policy.action is ShortageAction.ASK_CUSTOMER
    return allowed(ShortageAction(policy.then) if over else policy.action)


def _askable(action: ShortageAction, *, can_ask: bool) -> ShortageAction:
    return ShortageAction.ASK_PERSON if action is ShortageAction.ASK_CUSTOMER and not can_ask else action


def _most_careful(actions: Iterable[ShortageAction]) -> ShortageAction:
    return min(actions, key=CAREFUL_FIRST.index)


def _waits_until(
    lines: Sequence[ShortLineFacts],
    policies: Sequence[BackorderPolicy],
    since: Mapping[Part, datetime],
    now: datetime,
) -> datetime:
    """The first of the lines whose time is up ends the wait of all."""
    return min(
        since.get((line.line_id, line.ean), now) + policy.wait for line, policy in zip(lines, policies, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the stock has found: whom to wake, oldest first, and what each waiting part could have."""

    wake: tuple[int, ...]
    counts: Mapping[int, int]


Pool = dict[str, int]  # supplier -> units of one article


def look(waiting: Sequence[Waiting], stock: Iterable[Stocked], *, now: datetime) -> Look:
    """Find the orders that arriving stock helps; ``waiting`` is oldest order first.

    An order is woken where more of something it lacks can be had than when it was last planned, and enough of
    everything. What one takes, a younger one can't count on: fifty orders that wait for three units wake three times.
    """
    pools = _pools(stock)
    counts = {one.id: _to_be_had(pools.get(one.ean, {}), one) for one in waiting}
    orders: dict[int, list[Waiting]] = {}
    for one in waiting:
        orders.setdefault(one.order_id, []).append(one)
    wake = []
    for order_id, wants in orders.items():
        called = _called(wants, now)
        raised = any(counts[one.id] > one.had and counts[one.id] != one.woken_for for one in wants)
        if (called or raised) and _take(pools, wants) and not called:
            wake.append(order_id)
    return Look(tuple(wake), counts)


def _pools(stock: Iterable[Stocked]) -> dict[str, Pool]:
    pools: dict[str, Pool] = {}
    for one in stock:
        pool = pools.setdefault(one.ean, {})
        pool[one.supplier] = pool.get(one.supplier, 0) + max(one.units, 0)
    return pools


def _to_be_had(pool: Mapping[str, int], want: Waiting) -> int:
    return sum(units for supplier, units in pool.items() if supplier not in want.left_out)


def _called(wants: Sequence[Waiting], now: datetime) -> bool:
    """Woken, and not planned since: what it was woken for is still its own."""
    return any(one.woken_at is not None and one.planned_at < one.woken_at > now - HEARD_WITHIN for one in wants)


def _take(pools: dict[str, Pool], wants: Sequence[Waiting]) -> bool:
    """Take an order's units out of the pools: all of them, or what is there where that is worth a plan."""
    trial = {one.ean: dict(pools.get(one.ean, {})) for one in wants}
    taken = 0
    for one in wants:
        missing = one.units - _draw(trial[one.ean], one)
        if missing and not one.partial:
            return False
        taken += one.units - missing
    pools.update(trial)
    return taken > 0


def _draw(pool: Pool, want: Waiting) -> int:
    drawn = 0
    for supplier in [name for name in pool if name not in want.left_out]:
        units = min(pool[supplier], want.units - drawn)
        pool[supplier] -= units
        drawn += units
    return drawn
