"""The question to a person: what it is about, who should act, what they can answer and what each answer leads to."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from models.base import Contract
from models.commands import CommandName


class TaskCategory(StrEnum):
    """Why an order needs a person. Also the order's ``AttentionReason`` search attribute."""

    HELD = "held"
    ORDER_INVALID = "order_invalid"
    ADDRESS_INCOMPLETE = "address_incomplete"
    ARTICLE_UNKNOWN = "article_unknown"
    NOT_PAID = "not_paid"
    UNROUTABLE = "unroutable"
    APPROVAL = "approval"
    NO_SHIPPING_RATE = "no_shipping_rate"
    SUPPLIER_UNREACHABLE = "supplier_unreachable"
    SUPPLIER_REFUSED = "supplier_refused"
    SUBMIT_UNKNOWN = "submit_unknown"
    LATE_REPLY = "late_reply"
    STOREFRONT_REFUSED = "storefront_refused"
    ACKNOWLEDGEMENT_OVERDUE = "acknowledgement_overdue"
    STATUS_UNKNOWN = "status_unknown"
    CHECKS_SPENT = "checks_spent"
    CANCELLED_BY_SUPPLIER = "cancelled_by_supplier"
    CANCEL_AT_SUPPLIER = "cancel_at_supplier"
    PURCHASE_ORDER_LOST = "purchase_order_lost"
    ORDER_CHANGED = "order_changed"
    ADDRESS_CHANGED_LATE = "address_changed_late"
    EVENT_AFTER_END = "event_after_end"
    ORDER_STALLED = "order_stalled"
    ACCOUNT_HOLD = "account_hold"
    REFUND_DUE = "refund_due"
    FEED_QUARANTINED = "feed_quarantined"
    FEED_FAILING = "feed_failing"
    COSTS_HELD = "costs_held"
    DRIFT_LARGE = "drift_large"
    LOW_STOCK = "low_stock"
    LISTINGS_REFUSED = "listings_refused"
    TWICE_DELIVERED = "twice_delivered"
    STOCK_SHORT = "stock_short"
    RESERVATIONS_DRIFTED = "reservations_drifted"
    CUSTOMER_CHANGED_MIND = "customer_changed_mind"
    ACKNOWLEDGEMENT_CHANGED = "acknowledgement_changed"
    RECEIPT_OVERDUE = "receipt_overdue"
    DOCUMENT_REFUSED = "document_refused"
    DOCUMENT_UNCLEAR = "document_unclear"
    INVOICE_DIFFERS = "invoice_differs"
    SHIPMENT_CONTRADICTS = "shipment_contradicts"
    SUPPLIER_CHANGED = "supplier_changed"


class SupplyAnswer(StrEnum):
    """An answer about feeds, costs or drift: no order's lifecycle waits for it, so it is no command."""

    ACCEPT = "accept"
    ACCEPT_STOCK = "accept_stock"
    DISCARD = "discard"
    ASK_SUPPLIER = "ask_supplier"
    APPROVE_COSTS = "approve_costs"
    KEEP_COSTS = "keep_costs"
    REPAIR = "repair"
    LEAVE = "leave"
    RESEND = "resend"
    READ_AGAIN = "read_again"


class Alternative(Contract):
    """One way to answer: the command it sends and what follows from it. ``command`` is None where it only closes the task."""

    command: CommandName | SupplyAnswer | None
    label: str = Field(max_length=80)
    consequence: str = Field(max_length=300)
    needs: tuple[str, ...] = ()  # the command's fields that the person fills in


class TaskDraft(Contract):
    """A task as it is opened: the question in one sentence, with the evidence beside it."""

    category: TaskCategory
    owner: str = Field(max_length=40)
    question: str = Field(max_length=400)
    alternatives: tuple[Alternative, ...]
    priority: int = Field(ge=1, le=5)
    if_silent: str = Field(max_length=300)


class OpenTask(Contract):
    """What a lifecycle must know of the task it waits for; question and evidence stay in the database."""

    task_id: int
    category: TaskCategory
    question: str
    priority: int
    answers: tuple[CommandName, ...]
    remind_after: timedelta
    escalate_after: timedelta
