"""What is asked once a supplier has a purchase order: its acknowledgement, its way to the carrier, its invoice."""

from models.commands import CommandName
from models.tasks import Alternative, TaskCategory
from workflows.decisions.wording.common import CANCEL, CANCELLED_THERE, EXTEND, REROUTE, SHIPPED, SHORT, Wording

FOLLOWING = {
    TaskCategory.ACKNOWLEDGEMENT_OVERDUE: Wording(
        owner="operations",
        priority=2,
        question="{supplier} has not acknowledged purchase order {number} of {order} in {waited}. Wait, or give it up?",
        alternatives=(
            Alternative(
                command=CommandName.RELEASE,
                label="Go on to tracking",
                consequence="It is followed as if acknowledged.",
            ),
            EXTEND,
            SHIPPED,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there, order elsewhere",
                consequence="Its units are planned again without this supplier, which is watched: if it delivers after "
                "all, you are told.",
            ),
            CANCELLED_THERE,
        ),
    ),
    TaskCategory.ACKNOWLEDGEMENT_CHANGED: Wording(
        owner="purchasing",
        priority=2,
        question=(
            "{supplier} takes purchase order {number} of {order}, but otherwise than ordered: {changes}. "
            "Shall it deliver so?"
        ),
        alternatives=(
            Alternative(
                command=CommandName.APPROVE,
                label="Take it so",
                consequence="The order goes on with the supplier's quantities, prices and dates.",
            ),
            REROUTE,
            CANCELLED_THERE,
        ),
    ),
    TaskCategory.STATUS_UNKNOWN: Wording(
        owner="operations",
        priority=2,
        question='{supplier} reports a status of {order} that nobody here knows: "{status}". What does it mean?',
        alternatives=(
            Alternative(
                command=CommandName.RELEASE,
                label="Still in progress",
                consequence="Checking goes on at the plan's next instant; this status counts as in progress for this order.",
            ),
            SHIPPED,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there",
                consequence="This supplier is left out and the open quantity is planned again.",
            ),
            CANCELLED_THERE,
        ),
    ),
    TaskCategory.CHECKS_SPENT: Wording(
        owner="operations",
        priority=1,
        question="{supplier} has not shipped {order} after {checks} checks over {waited} ({last_answer}). What now?",
        alternatives=(
            SHIPPED,
            EXTEND,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there, order elsewhere",
                consequence="You have cancelled it at the supplier; the open quantity is planned again without it, and the "
                "supplier is watched.",
            ),
            CANCELLED_THERE,
        ),
    ),
    TaskCategory.SHIPMENT_CONTRADICTS: Wording(
        owner="operations",
        priority=1,
        question="{supplier} says of purchase order {number} of {order} what can't be: {problem}. What is true?",
    ),
    TaskCategory.CANCELLED_BY_SUPPLIER: Wording(
        owner="operations",
        priority=2,
        question="{supplier} cancelled its share of {order}, and no other supplier can take it. What now?",
        alternatives=(
            Alternative(
                command=CommandName.RELEASE,
                label="Plan again",
                consequence="Every supplier is considered again, this one too.",
            ),
            *SHORT,
            CANCEL,
        ),
    ),
    TaskCategory.CANCEL_AT_SUPPLIER: Wording(
        owner="operations",
        priority=1,
        question=(
            "{order} is to be cancelled, but {supplier} already has it as {supplier_number}. Can it be stopped there?"
        ),
        alternatives=(
            Alternative(
                command=CommandName.CANCEL,
                label="Stopped there",
                consequence="The supplier has confirmed: its share ends as cancelled.",
            ),
            Alternative(
                command=CommandName.RELEASE,
                label="Too late",
                consequence="It ships; storefront and customer are told as usual.",
            ),
            SHIPPED,
        ),
    ),
    TaskCategory.TWICE_DELIVERED: Wording(
        owner="operations",
        priority=1,
        question=(
            "{supplier} delivers purchase order {number} of {order} after all ({status}), though it was given up there. "
            "What was ordered elsewhere meanwhile must be stopped, or a parcel be taken back."
        ),
    ),
    TaskCategory.PURCHASE_ORDER_LOST: Wording(
        owner="engineering",
        priority=1,
        question=(
            "The workflow of purchase order {number} of {order} ended without a result ({problem}). "
            "What is true at {supplier}?"
        ),
        alternatives=(
            Alternative(
                command=CommandName.RELEASE,
                label="It runs again",
                consequence="You have reset it in Temporal; the order waits for its outcome.",
            ),
            Alternative(
                command=CommandName.REROUTE,
                label="Nothing was ordered",
                consequence="The open quantity is planned again. If it was ordered after all, it is ordered twice.",
            ),
            CANCEL,
        ),
    ),
    TaskCategory.INVOICE_DIFFERS: Wording(
        owner="finance",
        priority=3,
        question=(
            "{supplier} invoices {total} for purchase order {number} of {order}, {expected} was expected. Is it right?"
        ),
    ),
}
