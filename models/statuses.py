"""Where orders, purchase orders, submissions, mails and tasks can be, and which moves are allowed."""

from enum import StrEnum


class Mode(StrEnum):
    """How far a channel or a supplier is trusted to run by itself. Ordered from strict to free."""

    OBSERVE = "observe"  # everything is decided and shown, nothing leaves
    APPROVE = "approve"  # a person releases each order
    LIVE = "live"


class OrderState(StrEnum):
    """A customer order, as the business record keeps it."""

    STORED = "stored"  # known, but not to be started: unpaid, before the watermark, or already cancelled
    STARTABLE = "startable"  # paid and ours: exactly one transaction per order makes this move
    OPEN = "open"  # its workflow has claimed it
    INVALID = "invalid"  # signed and paid, but unusable as sent: a task says why
    OBSERVED = "observed"  # decided and shown, nothing left (observe mode)
    SHIPPED = "shipped"
    PARTIALLY_SHIPPED = "partially_shipped"
    TEST_PLACED = "test_placed"
    CANCELLED = "cancelled"


class PurchaseOrderState(StrEnum):
    """One supplier's share of an order."""

    PLANNED = "planned"
    QUOTED = "quoted"
    PLACED = "placed"
    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    TEST_PLACED = "test_placed"
    OBSERVED = "observed"
    CANCELLED = "cancelled"
    CANCELLED_BY_SUPPLIER = "cancelled_by_supplier"
    REJECTED = "rejected"
    RETURNED = "returned"  # handed back to the order, to be planned again


# Ended at its supplier, which may deliver all the same: what it says must not stay unheard, nor be ordered there anew.
GIVEN_UP = frozenset(
    {
        PurchaseOrderState.CANCELLED,
        PurchaseOrderState.CANCELLED_BY_SUPPLIER,
        PurchaseOrderState.REJECTED,
        PurchaseOrderState.RETURNED,
    }
)


class SubmissionState(StrEnum):
    """The fence around the one request that must not leave twice."""

    READY = "ready"
    SENDING = "sending"  # claimed: the request may have left
    UNKNOWN = "unknown"  # it left, and nobody knows what became of it
    PLACED = "placed"
    REFUSED = "refused"  # the supplier said no: nothing was ordered
    WITHDRAWN = "withdrawn"  # closed for good before anything was sent


class MailState(StrEnum):
    """A mail in the outbox. ``may_repeat`` left our hands twice, because its first end is not known."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    MAY_REPEAT = "may_repeat"
    REFUSED = "refused"


class TaskState(StrEnum):
    """A question to a person."""

    OPEN = "open"
    ANSWERED = "answered"
    OBSOLETE = "obsolete"  # the world answered first


ORDER_ENDINGS = frozenset(
    {
        OrderState.OBSERVED,
        OrderState.SHIPPED,
        OrderState.PARTIALLY_SHIPPED,
        OrderState.TEST_PLACED,
        OrderState.CANCELLED,
    }
)

ORDER_MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.STORED: frozenset({OrderState.STARTABLE, OrderState.INVALID, OrderState.CANCELLED}),
    OrderState.INVALID: frozenset({OrderState.STARTABLE, OrderState.CANCELLED}),
    OrderState.STARTABLE: frozenset({OrderState.OPEN}),
    OrderState.OPEN: ORDER_ENDINGS,
    **{ending: frozenset[OrderState]() for ending in ORDER_ENDINGS},
}

PURCHASE_ORDER_ENDINGS = frozenset(
    {
        PurchaseOrderState.SHIPPED,
        PurchaseOrderState.TEST_PLACED,
        PurchaseOrderState.OBSERVED,
        PurchaseOrderState.CANCELLED,
        PurchaseOrderState.CANCELLED_BY_SUPPLIER,
        PurchaseOrderState.REJECTED,
        PurchaseOrderState.RETURNED,
    }
)

SUBMISSION_MOVES: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.READY: frozenset({SubmissionState.SENDING, SubmissionState.WITHDRAWN}),
    SubmissionState.SENDING: frozenset(
        {SubmissionState.READY, SubmissionState.UNKNOWN, SubmissionState.PLACED, SubmissionState.REFUSED}
    ),
    SubmissionState.UNKNOWN: frozenset({SubmissionState.READY, SubmissionState.PLACED, SubmissionState.WITHDRAWN}),
    SubmissionState.REFUSED: frozenset({SubmissionState.READY, SubmissionState.WITHDRAWN}),
    SubmissionState.PLACED: frozenset(),
    SubmissionState.WITHDRAWN: frozenset(),
}


def strictest(*modes: Mode) -> Mode:
    """Combine a channel's and its suppliers' modes: the most careful one rules."""
    order = list(Mode)
    return min(modes, key=order.index)
