"""Every id we mint, in one place: workflow ids, purchase-order numbers, task queues, mail ids.

Ids hold the storefront's immutable order id and our own counters; never a name, an address or an e-mail.
"""

from hashlib import sha256

ORDERS_QUEUE = "orders"
MAIL_QUEUE = "mail"
SYNC_QUEUE = "sync"  # feeds, publications and reconciliations: what may wait while orders go first
MAIL_WORKFLOW_ID = "outbox/mail"
SWEEP_WORKFLOW_ID = "sweep/intake"
RATES_WORKFLOW_ID = "rates/ecb"
STOCK_WATCH_WORKFLOW_ID = "stock/watch"
SCORECARDS_WORKFLOW_ID = "scorecards"

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def order_workflow_id(channel: str, storefront_order_id: str) -> str:
    """Name the lifecycle of a customer order."""
    return f"order/{channel}/{storefront_order_id}"


def purchase_order_workflow_id(channel: str, storefront_order_id: str, supplier: str, attempt: int) -> str:
    """Name the lifecycle of one supplier's share; ``attempt`` counts the purchase orders of this order at that supplier."""
    return f"purchase-order/{channel}/{storefront_order_id}/{supplier}/{attempt}"


def straggler_workflow_id(number: str) -> str:
    """Name the watch over a purchase order that was given up at a supplier which may still deliver it."""
    return f"straggler/{number}"


def exchange_workflow_id(supplier: str) -> str:
    """Name what picks up and sends one supplier's documents."""
    return f"exchange/{supplier}"


def incident_workflow_id(supplier: str, kind: str) -> str:
    """Name what sees one supplier through one kind of trouble: one at a time."""
    return f"incident/{supplier}/{kind}"


def sync_workflow_id(supplier: str, feed: str) -> str:
    """Name the runs of a supplier's feed, and their schedule: one at a time."""
    return f"sync/{supplier}/{feed}"


def publication_workflow_id(channel: str) -> str:
    """Name the one publisher of a channel, and its schedule."""
    return f"publish/{channel}"


def reconciliation_workflow_id(side: str, name: str) -> str:
    """Name the comparison with one supplier or channel, and its schedule."""
    return f"reconcile/{side}/{name}"


def publish_queue(channel: str) -> str:
    """Name the task queue of what is shown in one channel's storefront: apart from what its orders need."""
    return f"publish-{channel}"


def supplier_queue(supplier: str) -> str:
    """Name the task queue of everything that calls one supplier: one throttled supplier never holds up another."""
    return f"supplier-{supplier}"


def storefront_queue(channel: str) -> str:
    """Name the task queue of everything that calls one channel's storefront."""
    return f"storefront-{channel}"


def purchase_order_number(order_id: int, plan_no: int, position: int) -> str:
    """Mint our number of a purchase order: unique, at most 22 characters, easy to read out on the telephone.

    The same (order, plan, position) always gives the same number, so that a repeated transaction mints nothing new.
    """
    last = _base32(position)
    # One digit needs no hyphen: with two, 1 and 11 would read as 11 and 1.
    return f"DW-{_base32(order_id)}-{plan_no}{last if len(last) == 1 else f'-{last}'}"


def message_id(kind: str, row_id: int, domain: str) -> str:
    """Mint the deterministic Message-ID of an outbox mail: a repeated mail is recognisably the same mail."""
    return f"<{kind}.{row_id}@{domain}>"


def content_key(*parts: object) -> str:
    """Fold any parts into a short stable key, for rows that must exist at most once."""
    return sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:32]


def _base32(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 32)
        digits = _CROCKFORD[rest] + digits
        if not number:
            return digits
