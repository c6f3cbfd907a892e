"""What a storefront's word changes in an order, in whatever order its deliveries arrive. Pure.

The newest ``updated_at`` wins for payment and address, a cancellation is final, and only one delivery makes an order
startable. So the same deliveries lead to the same order, whichever comes first.
"""

from dataclasses import dataclass
from datetime import datetime

from models.commands import StorefrontEventKind
from models.identifiers import content_key
from models.intake import TOPIC_CANCELLED, IntakeDecision, IntakeOutcome, KnownOrder, TaskNote, TimelineNote
from models.orders import Address, IncomingOrder
from models.statuses import ORDER_ENDINGS, OrderState
from models.tasks import TaskCategory

WAITING = frozenset({OrderState.STORED, OrderState.INVALID})


def decide(
    existing: KnownOrder | None, incoming: IncomingOrder, topic: str, paid_at: datetime, watermark: datetime
) -> IntakeDecision:
    """Decide what a delivery changes. ``paid_at`` is when the payment came, as far as this delivery can tell."""
    cancelled = incoming.cancelled or topic == TOPIC_CANCELLED
    if existing is None:
        return _at_first_sight(incoming, paid_at, watermark, cancelled=cancelled)
    news = _compare(existing, incoming, cancelled=cancelled)
    if existing.state in WAITING:
        return _while_waiting(existing, news, _obstacle(existing, incoming, news, paid_at, watermark))
    if existing.state in ORDER_ENDINGS:
        return _after_the_end(existing, news)
    return _while_running(existing, news)


def key_of_lines(order: IncomingOrder) -> str:
    """Fold what was bought into a key: the same lines and quantities give the same key, in any order."""
    return content_key(*sorted(f"{line.line_id}|{line.sku}|{line.quantity}" for line in order.lines))


def digest_of(address: Address) -> str:
    """Fold an address into a key: a parcel for the same digest goes to the same door."""
    return content_key(*address.model_dump().values())


@dataclass(frozen=True, kw_only=True)
class _News:
    """How a delivery differs from what is known."""

    newer: bool
    paid: bool
    unpaid_again: bool
    cancelled: bool
    cancelled_first: bool
    other_lines: bool
    other_address: bool


def _compare(existing: KnownOrder, incoming: IncomingOrder, *, cancelled: bool) -> _News:
    newer = incoming.updated_at >= existing.updated_at
    paid = _merged_payment(existing, incoming)
    return _News(
        newer=newer,
        paid=paid,
        unpaid_again=existing.paid and not paid,
        cancelled=cancelled,
        cancelled_first=cancelled and not existing.cancel_requested,
        # A cancellation sets quantities to zero: that is no change of what was bought.
        other_lines=newer and not cancelled and key_of_lines(incoming) != existing.content_key,
        other_address=newer and digest_of(incoming.address) != existing.address_digest,
    )


def _merged_payment(existing: KnownOrder, incoming: IncomingOrder) -> bool:
    if incoming.updated_at == existing.updated_at:
        return existing.paid or incoming.paid  # the storefront's clock has seconds: created and paid within one
    return incoming.paid if incoming.updated_at > existing.updated_at else existing.paid


def _obstacle(
    existing: KnownOrder, incoming: IncomingOrder, news: _News, paid_at: datetime, watermark: datetime
) -> str | None:
    ships = _ships(incoming) if news.newer else existing.ships
    return _why_not_startable(paid_at, watermark, paid=news.paid, ships=ships)


def _why_not_startable(paid_at: datetime, watermark: datetime, *, paid: bool, ships: bool) -> str | None:
    if not paid:
        return "unpaid"
    if paid_at < watermark:
        return "before_watermark"
    return None if ships else "nothing_to_ship"


def _ships(order: IncomingOrder) -> bool:
    return any(line.requires_shipping for line in order.lines)


def _at_first_sight(
    incoming: IncomingOrder, paid_at: datetime, watermark: datetime, *, cancelled: bool
) -> IntakeDecision:
    obstacle = _why_not_startable(paid_at, watermark, paid=incoming.paid, ships=_ships(incoming))
    outcome, state, verdict = _first_steps(obstacle, cancelled=cancelled)
    received = TimelineNote(event="received", detail={"lines": len(incoming.lines), "paid": incoming.paid})
    return IntakeDecision(
        outcome=outcome,
        state=state,
        paid=incoming.paid,
        new_lines=True,
        new_address=True,
        cancel=cancelled,
        notes=(received, verdict),
    )


def _first_steps(obstacle: str | None, *, cancelled: bool) -> tuple[IntakeOutcome, OrderState, TimelineNote]:
    if cancelled:
        return IntakeOutcome.CANCELLED, OrderState.CANCELLED, TimelineNote(event="cancelled")
    if obstacle is not None:
        return IntakeOutcome.STORED, OrderState.STORED, _waits(obstacle)
    return IntakeOutcome.STARTABLE, OrderState.STARTABLE, TimelineNote(event="startable")


def _while_waiting(existing: KnownOrder, news: _News, obstacle: str | None) -> IntakeDecision:
    outcome, state, verdict = _first_steps(obstacle, cancelled=news.cancelled)
    stale = outcome is IntakeOutcome.STORED and not news.newer
    return IntakeDecision(
        outcome=IntakeOutcome.UNCHANGED if stale else outcome,
        state=existing.state if outcome is IntakeOutcome.STORED else state,
        paid=news.paid,
        newer=news.newer,
        new_lines=news.other_lines,
        new_address=news.other_address,
        cancel=news.cancelled_first,
        notes=(verdict,),
    )


def _waits(obstacle: str) -> TimelineNote:
    return TimelineNote(event="not_started", detail={"reason": obstacle}, once=True)


def _while_running(existing: KnownOrder, news: _News) -> IntakeDecision:
    event = _event(news)
    tasks = (_lines_changed(existing),) if news.other_lines else ()
    heard = event is not None or tasks or news.unpaid_again
    return IntakeDecision(
        outcome=IntakeOutcome.CHANGED if heard else IntakeOutcome.UNCHANGED,
        state=existing.state,
        paid=news.paid,
        newer=news.newer,
        new_address=news.other_address,
        cancel=news.cancelled_first,
        event=event,
        ask_about_sent_address=news.other_address and not news.cancelled,
        notes=_told(news),
        tasks=tasks,
    )


def _event(news: _News) -> StorefrontEventKind | None:
    if news.cancelled_first:
        return StorefrontEventKind.CANCELLED
    return StorefrontEventKind.ADDRESS_CHANGED if news.other_address else None


def _after_the_end(existing: KnownOrder, news: _News) -> IntakeDecision:
    # What was cancelled here sends nothing: no later word from the storefront needs a person.
    reports = [] if existing.state is OrderState.CANCELLED else _reports(news)
    return IntakeDecision(
        outcome=IntakeOutcome.CHANGED if reports else IntakeOutcome.UNCHANGED,
        state=existing.state,
        paid=news.paid,
        newer=news.newer,
        new_address=news.other_address,
        cancel=news.cancelled_first,
        notes=_told(news),
        tasks=tuple(_after_end(existing, report) for report in reports),
    )


def _reports(news: _News) -> list[str]:
    found = {
        "cancelled": news.cancelled_first,
        "address changed": news.other_address,
        "other lines or quantities": news.other_lines,
    }
    return [report for report, is_new in found.items() if is_new]


def _told(news: _News) -> tuple[TimelineNote, ...]:
    found = {
        "cancel_received": news.cancelled_first,
        "address_changed": news.other_address,
        "lines_changed": news.other_lines,
        "payment_withdrawn": news.unpaid_again,
    }
    return tuple(TimelineNote(event=event) for event, is_new in found.items() if is_new)


def _lines_changed(existing: KnownOrder) -> TaskNote:
    facts = {"order": existing.name, "problem": "other lines or quantities than were taken on"}
    return TaskNote(category=TaskCategory.ORDER_CHANGED, facts=facts)


def _after_end(existing: KnownOrder, report: str) -> TaskNote:
    facts = {"order": existing.name, "event": report, "state": existing.state}
    return TaskNote(category=TaskCategory.EVENT_AFTER_END, facts=facts)
