"""The vocabulary of scripts at the demo's partners, beside ``demo_steps``: what suppliers say over other channels."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.catalogue import catalogue as articles
from sandbox.catalogue import named_eans
from starter.demo_steps import placed
from starter.demo_story import ALBA, Do, Moment, Progress, Stage, Step, Story

Said = Callable[[Progress], Any]


def stocked(story: Story) -> bool:
    """Our books know what the partners have."""
    return story.stocked


def acknowledged(progress: Progress) -> bool:
    """The supplier has said that it takes the order."""
    return bool(progress.purchase_orders) and progress.purchase_orders[-1].acknowledged_at is not None


def says(path: str, said: Said, *, when: Moment = placed, after: float = 0.0) -> Step:
    """The order's supplier says something of it: ``path`` is below ``orders/NUMBER``, the supplier's number or ours."""

    async def say(stage: Stage) -> None:
        order = stage.progress.purchase_orders[-1]
        await stage.partner(order.supplier, f"orders/{order.supplier_number}{path}", said(stage.progress))

    return Step(do=say, when=when, after=after)


def sends(path: str, *tracking: str, key: str = "tracking", when: Moment = acknowledged, after: float = 1.0) -> Step:
    """The order's supplier sends it, in these parcels."""
    return says(path, lambda _: {key: list(tracking)}, when=when, after=after)


def rings(*, after: float) -> Step:
    """The order's supplier sends a webhook about it, unsigned."""

    async def ring(stage: Stage) -> None:
        await stage.ring()

    return Step(do=ring, when=placed, after=after)


def enters(what: str, fields: Said, *, when: Moment = placed, after: float = 0.0) -> Step:
    """Somebody at the supplier opens the link of the mail that ordered, and fills in one of the page's forms."""

    async def enter(stage: Stage) -> None:
        await stage.enter(what, fields(stage.progress))

    return Step(do=enter, when=when, after=after)


def loses_uploads(*kinds: str) -> Do:
    """The next files that are put on Alba's server arrive, or not, and nobody is told."""

    async def lose(stage: Stage) -> None:
        for kind in kinds:
            await stage.partner(ALBA, "uploads", {"kind": kind})

    return lose


def at_a_higher_price(percent: int) -> Said:
    """Everything is accepted, and costs more than was planned."""

    def said(progress: Progress) -> Mapping[str, Any]:
        answers = [
            {"gtin": ean, "decision": "ACCEPTED", "units": line.quantity, "priceCents": _cents(ean, percent)}
            for line, ean in zip(progress.scenario.lines, progress.eans, strict=True)
        ]
        return {"answers": answers}

    return said


def writes(say: str, *tracking: str) -> Said:
    """Say it in the words of the supplier that writes mails."""
    return lambda _: {"say": say, "tracking": list(tracking)}


def one_of_them_later(progress: Progress) -> Mapping[str, str]:
    """On the page: all units but one are confirmed, and one comes two days later."""
    units = progress.scenario.lines[0].quantity - 1
    return {"units-0": str(units), "rest-0": "later", "later-0": _in_two_days()}


def all_but_the_last_at_once(progress: Progress) -> Sequence[Mapping[str, Any]]:
    """Every line is accepted but the last, which is backordered for two days."""
    lines = zip(progress.scenario.lines, progress.eans, strict=True)
    answers = [{"ean": ean, "quantity": line.quantity, "status": "accepted"} for line, ean in lines]
    return [*answers[:-1], {**answers[-1], "status": "backordered", "expected_on": _in_two_days()}]


def _cents(ean: str, percent: int) -> int:
    price = articles(len(named_eans()))[named_eans().index(ean)].price
    return int(price * (100 + percent))


def _in_two_days() -> str:
    return (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
