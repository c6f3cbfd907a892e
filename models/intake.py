"""What intake knows of an order, what it decides when a storefront speaks, and what follows from it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.commands import StorefrontEventKind
from models.contracts import OrderRequest
from models.statuses import OrderState
from models.tasks import TaskCategory

TOPIC_PAID = "orders/paid"
TOPIC_CANCELLED = "orders/cancelled"
TOPIC_SWEEP = "sweep"  # we asked the storefront, because a delivery may have been lost
TOPIC_IMPORT = "import"  # a person brought the order in a file
ORDER_TOPICS = frozenset(
    {TOPIC_PAID, TOPIC_CANCELLED, "orders/create", "orders/updated", TOPIC_SWEEP, TOPIC_IMPORT}
)  # their documents are whole orders


class IntakeOutcome(StrEnum):
    """What became of one delivery. Kept on its row."""

    RECEIVED = "received"  # being worked on; never seen outside its transaction
    STARTABLE = "startable"  # this delivery made the order startable
    STORED = "stored"  # kept, and not to be started as things stand
    CANCELLED = "cancelled"  # cancelled before anything had started
    CHANGED = "changed"  # a running or ended order was told, or a person was asked
    UNCHANGED = "unchanged"  # nothing we did not know, or older than what we know
    INVALID = "invalid"  # can't be used as sent: a task says why
    UNHANDLED = "unhandled"  # a topic that means nothing to us
    REPEATED = "repeated"  # known delivery or event: only counted


@dataclass(frozen=True, kw_only=True)
class KnownOrder:
    """The stored order as far as intake's decision depends on it; its row is locked while it is decided."""

    order_id: int
    name: str
    state: OrderState
    paid: bool
    ships: bool  # at least one line requires shipping
    cancel_requested: bool
    updated_at: datetime
    content_key: str
    address_digest: str  # of the newest address the storefront gave, whatever a person entered since


@dataclass(frozen=True, kw_only=True)
class TimelineNote:
    """An entry for the order's timeline; a ``once`` one is told once per order, however often it is found again."""

    event: str
    detail: dict[str, str | int | bool] = field(default_factory=dict)
    once: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskNote:
    """A task to open: its category, and the facts that its wording names."""

    category: TaskCategory
    facts: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class IntakeDecision:
    """What one delivery changes. ``state`` and ``paid`` are the order's from now on."""

    outcome: IntakeOutcome
    state: OrderState
    paid: bool
    newer: bool = True  # at least as new as what is known: its facts count
    new_lines: bool = False  # name, total and lines are taken from it
    new_address: bool = False
    cancel: bool = False  # this is the first we hear of a cancellation
    event: StorefrontEventKind | None = None  # what the running workflow must hear
    ask_about_sent_address: bool = False  # a supplier may have the old address already
    notes: tuple[TimelineNote, ...] = ()
    tasks: tuple[TaskNote, ...] = ()

    @property
    def changes_order(self) -> bool:
        """Say whether the stored order's row must be written at all."""
        return self.newer or self.cancel or self.outcome is not IntakeOutcome.UNCHANGED


@dataclass(frozen=True, kw_only=True)
class PendingEvent:
    """A stored event that its workflow must still hear of."""

    webhook_id: int
    order_id: int
    channel: str
    storefront_order_id: str
    kind: StorefrontEventKind

    @property
    def event_id(self) -> str:
        """Name the event, the same for every attempt to deliver it."""
        return f"webhook:{self.webhook_id}"


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of a delivery, and what must now reach Temporal: a start, an event, or nothing."""

    outcome: IntakeOutcome
    order_request: OrderRequest | None = None
    event: PendingEvent | None = None


@dataclass(frozen=True, kw_only=True)
class StartedOrder:
    """An order, or one of its purchase orders, that should have a running workflow."""

    order_id: int
    name: str
    workflow_id: str
    purchase_order_id: int | None = None
