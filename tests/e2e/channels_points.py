"""Where workers are killed while they order over every channel: one point per channel, from a seed. Pure.

A point is a call that the partner holds, read or processed; or a row whose write our database holds: the claim before
anything leaves, a document that was just numbered, the answer that came and was not kept yet.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.feed_holds import Hold
from tests.e2e.kill_points import Moment

ORDERS_EACH = 3
HELD_FOR = 25.0  # seconds that a rename is not answered
LATER = 15.0  # and after which a call is processed that nobody waits for any more
HTTP_CALLS: Mapping[str, tuple[str, ...]] = {
    "bts": ("setCreateOrder$",),
    "bigbuy": ("order/create",),
    "cj": ("createOrderV2", "confirmOrder", "payBalance"),
    "printful": (r"POST /orders$", r"POST /orders/\d+/confirm$"),
    "rest": ("POST .*/purchase-orders$",),
}
FILE_CHANNELS = ("x12", "files")
MAIL_CHANNEL = "mail"
DOCUMENT_CHANNELS = (*FILE_CHANNELS, MAIL_CHANNEL)
CHANNELS = (*HTTP_CALLS, *DOCUMENT_CHANNELS)

_TO = "OLD.{column} <> '{state}' AND NEW.{column} = '{state}' AND NEW.supplier = '{channel}'"
_ORDERS, _DOCUMENTS = "purchase_orders", "partner_documents"


@dataclass(frozen=True)
class Call:
    """A call that the partner holds: the how manyth of which operation, and how far it has come."""

    operation: str
    moment: Moment
    nth: int = 1

    def rule(self) -> dict[str, Any]:
        """Write the fault that holds it."""
        rule = {"operation": self.operation, "skip": self.nth - 1, "times": 1}
        if self.moment is Moment.PROCESSED_LATER:
            return {**rule, "kind": "latency", "milliseconds": int(LATER * 1000)}
        return {**rule, "kind": "hang", "processed": self.moment is Moment.PROCESSED}

    def __str__(self) -> str:
        return f"call {self.nth} of {self.operation} ({self.moment})"


@dataclass(frozen=True)
class Rename:
    """The rename that puts an order's file under its final name: its reply never comes."""

    processed: bool

    def __str__(self) -> str:
        return f"rename ({'done' if self.processed else 'never done'}, not answered)"


@dataclass(frozen=True)
class Row:
    """A write to our database that is held; ``claims``: it is the claim itself, so nothing can have left."""

    hold: Hold
    claims: bool = False

    def __str__(self) -> str:
        return f"row: {self.hold.name}"


Point = Call | Rename | Row


def points(seed: int) -> dict[str, Point]:
    """Choose one point for each channel."""
    chance = random.Random(f"channels:{seed}")
    return {channel: chance.choice([*_possible(channel, chance)]) for channel in CHANNELS}


def pick_up_holds(seed: int) -> list[Hold]:
    """Choose for each channel of documents where its round dies: before a document is kept, once it is, at the commit."""
    chance = random.Random(f"pick-up:{seed}")
    return [
        Hold(
            f"pick_up_{channel}",
            _DOCUMENTS,
            "INSERT",
            f"NEW.direction = 'in' AND NEW.supplier = '{channel}'",
            at=chance.choice(("before", "after", "commit")),
        )
        for channel in DOCUMENT_CHANNELS
    ]


def _possible(channel: str, chance: random.Random) -> Iterator[Point]:
    """List what can be held of a channel; what its partner holds comes twice, as it is more often so in the world."""
    for _ in range(2):
        if channel in FILE_CHANNELS:
            yield from (Rename(processed=True), Rename(processed=False))
        for operation in HTTP_CALLS.get(channel, ("DATA",) if channel == MAIL_CHANNEL else ()):
            yield from (Call(operation, moment, chance.randint(1, ORDERS_EACH - 1)) for moment in Moment)
    changes = _TO.format(column="submission", channel=channel, state="sending")
    yield Row(Hold(f"claimed_{channel}", _ORDERS, "UPDATE", changes, at="commit"), claims=True)
    changes = _TO.format(column="submission", channel=channel, state="placed")
    yield Row(Hold(f"answered_{channel}", _ORDERS, "UPDATE", changes))
    if channel in DOCUMENT_CHANNELS:
        ours = f"NEW.direction = 'out' AND NEW.kind = 'order' AND NEW.supplier = '{channel}'"
        yield Row(Hold(f"numbered_{channel}", _DOCUMENTS, "INSERT", ours, at="commit"))
        changes = _TO.format(column="state", channel=channel, state="sent") + " AND NEW.kind = 'order'"
        yield Row(Hold(f"left_{channel}", _DOCUMENTS, "UPDATE", changes))
