"""What is asked where a supplier can't be ordered from, or may have been: refusals, silence, doubt."""

from models.commands import CommandName
from models.tasks import Alternative, TaskCategory
from workflows.decisions.wording.common import AGAIN, CANCEL, REROUTE, Wording

PLACING = {
    TaskCategory.NO_SHIPPING_RATE: Wording(
        owner="operations",
        priority=2,
        question="{supplier} offers no way to ship {order} to its destination. Try again, or order elsewhere?",
        alternatives=(AGAIN, REROUTE, CANCEL),
    ),
    TaskCategory.SUPPLIER_UNREACHABLE: Wording(
        owner="operations",
        priority=2,
        question="{supplier} could not be reached for {order} in {waited}. Keep waiting, or order elsewhere?",
        alternatives=(AGAIN, REROUTE, CANCEL),
    ),
    TaskCategory.SUPPLIER_REFUSED: Wording(
        owner="operations",
        priority=2,
        question="{supplier} refused purchase order {number} of {order} ({code}). What now?",
        alternatives=(AGAIN, REROUTE, CANCEL),
    ),
    TaskCategory.ACCOUNT_HOLD: Wording(
        owner="finance",
        priority=1,
        question=(
            "{supplier} takes none of our orders ({code}). Can the account be put right there? "
            "Orders wait and go on by themselves."
        ),
    ),
    TaskCategory.SUPPLIER_CHANGED: Wording(
        owner="integration",
        priority=1,
        question=(
            "{supplier} answers {operation} otherwise than until now ({difference}). Nothing of it is used. "
            "Has its interface changed?"
        ),
    ),
    TaskCategory.SUBMIT_UNKNOWN: Wording(
        owner="operations",
        priority=1,
        question=(
            "Does {supplier} have purchase order {number} of {order}? It was sent, and no answer says so. "
            "Look in the supplier's portal for an order of {sent_at} with these lines."
        ),
        alternatives=(
            Alternative(
                command=CommandName.CONFIRM_SUBMISSION,
                label="Yes, it has",
                consequence="The order goes on under the supplier's number you enter.",
                needs=("supplier_number",),
            ),
            Alternative(
                command=CommandName.RESUBMIT,
                label="No, send it again",
                consequence="It is sent once more. If the first one exists after all, it is ordered twice.",
            ),
            Alternative(
                command=CommandName.CANCEL,
                label="No, and never send it",
                consequence="Its quantity is cancelled. If it exists there after all, it ships without our knowing.",
            ),
        ),
    ),
    TaskCategory.LATE_REPLY: Wording(
        owner="operations",
        priority=1,
        question=(
            "{supplier} answered late: purchase order {number} of {order} exists there as {supplier_number}. "
            "Was it ordered a second time meanwhile?"
        ),
    ),
}
