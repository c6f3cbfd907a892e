"""What is asked about a customer's order itself: its payment, its address, its articles, its release and its end."""

from models.commands import CommandName
from models.tasks import Alternative, TaskCategory
from workflows.decisions.wording.common import AGAIN, CANCEL, Wording

ORDERS = {
    TaskCategory.HELD: Wording(
        owner="operations",
        priority=3,
        question="{order} is held: {reason}. Shall it go on?",
        alternatives=(
            Alternative(
                command=CommandName.RELEASE, label="Go on", consequence="The order continues where it stopped."
            ),
            CANCEL,
        ),
    ),
    TaskCategory.ORDER_INVALID: Wording(
        owner="operations",
        priority=1,
        question="{order} was paid, but it can't be used as sent ({problem}). What shall become of it?",
        alternatives=(
            Alternative(
                command=None,
                label="Handled by hand",
                consequence="The task is closed. Correct the order in the storefront: its next update is read afresh.",
            ),
        ),
    ),
    TaskCategory.ADDRESS_INCOMPLETE: Wording(
        owner="customer service",
        priority=2,
        question="Where shall {order} be sent? Its address can't be shipped to: {problem}.",
        alternatives=(
            Alternative(
                command=CommandName.CHANGE_ADDRESS,
                label="Use another address",
                consequence="The order goes on with the address you enter; one corrected in the storefront does the same.",
                needs=("address_id",),
            ),
            AGAIN,
            CANCEL,
        ),
    ),
    TaskCategory.ARTICLE_UNKNOWN: Wording(
        owner="catalogue",
        priority=2,
        question="Which article is {articles} of {order}? {problem}.",
        alternatives=(
            Alternative(
                command=CommandName.RELEASE,
                label="Mapped, go on",
                consequence="The order is checked again with the mapping `dropwright article map` has stored.",
            ),
            CANCEL,
        ),
    ),
    TaskCategory.NOT_PAID: Wording(
        owner="operations",
        priority=2,
        question="{order} is no longer paid in the storefront. Shall it be fulfilled?",
        alternatives=(AGAIN, CANCEL),
    ),
    TaskCategory.APPROVAL: Wording(
        owner="operations",
        priority=3,
        question="Shall {order} be ordered as planned: {plan}?",
        alternatives=(
            Alternative(
                command=CommandName.APPROVE, label="Order it", consequence="The purchase orders are placed as planned."
            ),
            Alternative(
                command=CommandName.REROUTE,
                label="Plan it anew",
                consequence="It is planned again by the rules and pins as they stand now, and asked about again.",
            ),
            Alternative(
                command=CommandName.REJECT,
                label="Don't",
                consequence="The order is cancelled here; nothing is ordered.",
            ),
            CANCEL,
        ),
    ),
    TaskCategory.STOREFRONT_REFUSED: Wording(
        owner="operations",
        priority=2,
        question="The storefront did not take {what} of {order} ({code}). Repair it there, then try again?",
        alternatives=(
            AGAIN,
            Alternative(
                command=CommandName.APPROVE,
                label="Go on without",
                consequence="The order continues; the storefront is not told of this step.",
            ),
            CANCEL,
        ),
    ),
    TaskCategory.ORDER_CHANGED: Wording(
        owner="operations",
        priority=2,
        question=(
            "The storefront changed what {order} contains after work on it began ({problem}). "
            "Must something be done by hand?"
        ),
    ),
    TaskCategory.ADDRESS_CHANGED_LATE: Wording(
        owner="customer service",
        priority=1,
        question="The address of {order} changed after it was sent to {supplier}. Can it still be changed there?",
    ),
    TaskCategory.CUSTOMER_CHANGED_MIND: Wording(
        owner="customer service",
        priority=2,
        question="The customer of {order} asks to {choice}, but {problem}. Can it still be done?",
    ),
    TaskCategory.EVENT_AFTER_END: Wording(
        owner="operations",
        priority=2,
        question='The storefront reports "{event}" for {order}, which has ended here as {state}. Must something be done by hand?',
    ),
    TaskCategory.ORDER_STALLED: Wording(
        owner="engineering",
        priority=1,
        question=(
            "{order} is open, but no workflow runs for it. Was it terminated? "
            "Reset it in Temporal, or close it by hand."
        ),
    ),
    TaskCategory.REFUND_DUE: Wording(
        owner="finance",
        priority=2,
        question="{order} ended as {state} with {units} units cancelled here. Has the customer been refunded?",
    ),
}
