"""The wording of every task: the question in one sentence, the alternatives, and what follows from each.

Pure text from facts. Facts are names of orders and suppliers, counts, codes and amounts; never personal data.
"""

from collections.abc import Mapping

from models.commands import CommandName
from models.tasks import Alternative, SupplyAnswer, TaskCategory, TaskDraft

_REMINDED = "You are reminded, then it is escalated by mail, once a day. Nothing is sent or cancelled meanwhile."

_AGAIN = Alternative(
    command=CommandName.RELEASE, label="Try again", consequence="The step is repeated as things stand now."
)
_CANCEL = Alternative(
    command=CommandName.CANCEL,
    label="Cancel the order",
    consequence="The open quantity is cancelled; whatever a supplier already has is followed to its end.",
)
_REROUTE = Alternative(
    command=CommandName.REROUTE,
    label="Order it elsewhere",
    consequence="This supplier is left out and the open quantity is planned again.",
)
_SHIPPED = Alternative(
    command=CommandName.MARK_SHIPPED,
    label="It has shipped",
    consequence="The storefront and the customer are told, with this tracking number.",
    needs=("tracking_number", "carrier"),
)
_EXTEND = Alternative(
    command=CommandName.EXTEND_TRACKING,
    label="Keep checking",
    consequence="The supplier is asked again, on the last interval of its plan, for this much longer.",
    needs=("extend_by",),
)
_CANCELLED_THERE = Alternative(
    command=CommandName.CANCEL,
    label="Cancelled there, give it up",
    consequence="You have cancelled it at the supplier; its quantity is cancelled here too, and not ordered again.",
)
_SHORT = (
    Alternative(
        command=CommandName.WAIT,
        label="Wait for stock",
        consequence="It goes on by itself as soon as enough is there; after this long you are asked again.",
        needs=("wait_for",),
    ),
    Alternative(
        command=CommandName.ASK_CUSTOMER,
        label="Ask the customer",
        consequence="The customer gets a mail with a link: wait, take something else, or cancel.",
    ),
    Alternative(
        command=CommandName.SHIP_AVAILABLE,
        label="Ship what is there",
        consequence="The rest is cancelled, and its refund becomes a task.",
    ),
)
_SEEN = Alternative(command=None, label="Noted", consequence="The task is closed. Nothing else happens.")


def draft(category: TaskCategory, facts: Mapping[str, str]) -> TaskDraft:
    """Word the task of this category. Raises KeyError where a fact that its question names is missing."""
    owner, priority, question, alternatives = _TASKS[category]
    return TaskDraft(
        category=category,
        owner=owner,
        question=question.format_map(facts)[:400],
        alternatives=alternatives,
        priority=priority,
        if_silent=_REMINDED,
    )


def to_be_noted(task: TaskDraft) -> TaskDraft:
    """Word a task that nobody waits for: no answer of it would reach a lifecycle, so it can only be noted."""
    return task.model_copy(update={"alternatives": (_SEEN,)})


_TASKS: dict[TaskCategory, tuple[str, int, str, tuple[Alternative, ...]]] = {
    TaskCategory.HELD: (
        "operations",
        3,
        "{order} is held: {reason}. Shall it go on?",
        (
            Alternative(
                command=CommandName.RELEASE, label="Go on", consequence="The order continues where it stopped."
            ),
            _CANCEL,
        ),
    ),
    TaskCategory.ORDER_INVALID: (
        "operations",
        1,
        "{order} was paid, but it can't be used as sent ({problem}). What shall become of it?",
        (
            Alternative(
                command=None,
                label="Handled by hand",
                consequence="The task is closed. Correct the order in the storefront: its next update is read afresh.",
            ),
        ),
    ),
    TaskCategory.ADDRESS_INCOMPLETE: (
        "customer service",
        2,
        "Where shall {order} be sent? Its address can't be shipped to: {problem}.",
        (
            Alternative(
                command=CommandName.CHANGE_ADDRESS,
                label="Use another address",
                consequence="The order goes on with the address you enter; one corrected in the storefront does the same.",
                needs=("address_id",),
            ),
            _AGAIN,
            _CANCEL,
        ),
    ),
    TaskCategory.ARTICLE_UNKNOWN: (
        "catalogue",
        2,
        "Which article is {articles} of {order}? {problem}.",
        (
            Alternative(
                command=CommandName.RELEASE,
                label="Mapped, go on",
                consequence="The order is checked again with the mapping `dropwright article map` has stored.",
            ),
            _CANCEL,
        ),
    ),
    TaskCategory.NOT_PAID: (
        "operations",
        2,
        "{order} is no longer paid in the storefront. Shall it be fulfilled?",
        (_AGAIN, _CANCEL),
    ),
    TaskCategory.UNROUTABLE: (
        "operations",
        2,
        "No supplier can deliver {articles} of {order}: {problem}. Wait or give up?",
        (_AGAIN, *_SHORT, _CANCEL),
    ),
    TaskCategory.APPROVAL: (
        "operations",
        3,
        "Shall {order} be ordered as planned: {plan}?",
        (
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
            _CANCEL,
        ),
    ),
    TaskCategory.NO_SHIPPING_RATE: (
        "operations",
        2,
        "{supplier} offers no way to ship {order} to its destination. Try again, or order elsewhere?",
        (_AGAIN, _REROUTE, _CANCEL),
    ),
    TaskCategory.SUPPLIER_UNREACHABLE: (
        "operations",
        2,
        "{supplier} could not be reached for {order} in {waited}. Keep waiting, or order elsewhere?",
        (_AGAIN, _REROUTE, _CANCEL),
    ),
    TaskCategory.SUPPLIER_REFUSED: (
        "operations",
        2,
        "{supplier} refused purchase order {number} of {order} ({code}). What now?",
        (_AGAIN, _REROUTE, _CANCEL),
    ),
    TaskCategory.SUBMIT_UNKNOWN: (
        "operations",
        1,
        "Does {supplier} have purchase order {number} of {order}? It was sent, and no answer says so. "
        "Look in the supplier's portal for an order of {sent_at} with these lines.",
        (
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
    TaskCategory.LATE_REPLY: (
        "operations",
        1,
        "{supplier} answered late: purchase order {number} of {order} exists there as {supplier_number}. "
        "Was it ordered a second time meanwhile?",
        (_SEEN,),
    ),
    TaskCategory.STOREFRONT_REFUSED: (
        "operations",
        2,
        "The storefront did not take {what} of {order} ({code}). Repair it there, then try again?",
        (
            _AGAIN,
            Alternative(
                command=CommandName.APPROVE,
                label="Go on without",
                consequence="The order continues; the storefront is not told of this step.",
            ),
            _CANCEL,
        ),
    ),
    TaskCategory.ACKNOWLEDGEMENT_OVERDUE: (
        "operations",
        2,
        "{supplier} has not acknowledged purchase order {number} of {order} in {waited}. Wait, or give it up?",
        (
            Alternative(
                command=CommandName.RELEASE,
                label="Go on to tracking",
                consequence="It is followed as if acknowledged.",
            ),
            _EXTEND,
            _SHIPPED,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there, order elsewhere",
                consequence="Its units are planned again without this supplier, which is watched: if it delivers after "
                "all, you are told.",
            ),
            _CANCELLED_THERE,
        ),
    ),
    TaskCategory.STATUS_UNKNOWN: (
        "operations",
        2,
        '{supplier} reports a status of {order} that nobody here knows: "{status}". What does it mean?',
        (
            Alternative(
                command=CommandName.RELEASE,
                label="Still in progress",
                consequence="Checking goes on at the plan's next instant; this status counts as in progress for this order.",
            ),
            _SHIPPED,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there",
                consequence="This supplier is left out and the open quantity is planned again.",
            ),
            _CANCELLED_THERE,
        ),
    ),
    TaskCategory.CHECKS_SPENT: (
        "operations",
        1,
        "{supplier} has not shipped {order} after {checks} checks over {waited} ({last_answer}). What now?",
        (
            _SHIPPED,
            _EXTEND,
            Alternative(
                command=CommandName.REROUTE,
                label="Cancelled there, order elsewhere",
                consequence="You have cancelled it at the supplier; the open quantity is planned again without it, and the "
                "supplier is watched.",
            ),
            _CANCELLED_THERE,
        ),
    ),
    TaskCategory.CANCELLED_BY_SUPPLIER: (
        "operations",
        2,
        "{supplier} cancelled its share of {order}, and no other supplier can take it. What now?",
        (
            Alternative(
                command=CommandName.RELEASE,
                label="Plan again",
                consequence="Every supplier is considered again, this one too.",
            ),
            *_SHORT,
            _CANCEL,
        ),
    ),
    TaskCategory.CANCEL_AT_SUPPLIER: (
        "operations",
        1,
        "{order} is to be cancelled, but {supplier} already has it as {supplier_number}. Can it be stopped there?",
        (
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
            _SHIPPED,
        ),
    ),
    TaskCategory.PURCHASE_ORDER_LOST: (
        "engineering",
        1,
        "The workflow of purchase order {number} of {order} ended without a result ({problem}). What is true at {supplier}?",
        (
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
            _CANCEL,
        ),
    ),
    TaskCategory.ORDER_CHANGED: (
        "operations",
        2,
        "The storefront changed what {order} contains after work on it began ({problem}). Must something be done by hand?",
        (_SEEN,),
    ),
    TaskCategory.ADDRESS_CHANGED_LATE: (
        "customer service",
        1,
        "The address of {order} changed after it was sent to {supplier}. Can it still be changed there?",
        (_SEEN,),
    ),
    TaskCategory.EVENT_AFTER_END: (
        "operations",
        2,
        'The storefront reports "{event}" for {order}, which has ended here as {state}. Must something be done by hand?',
        (_SEEN,),
    ),
    TaskCategory.ORDER_STALLED: (
        "engineering",
        1,
        "{order} is open, but no workflow runs for it. Was it terminated? Reset it in Temporal, or close it by hand.",
        (_SEEN,),
    ),
    TaskCategory.REFUND_DUE: (
        "finance",
        2,
        "{order} ended as {state} with {units} units cancelled here. Has the customer been refunded?",
        (_SEEN,),
    ),
    TaskCategory.ACCOUNT_HOLD: (
        "finance",
        1,
        "{supplier} takes none of our orders ({code}). Can the account be put right there? Orders wait and go on by themselves.",
        (_SEEN,),
    ),
    TaskCategory.FEED_QUARANTINED: (
        "catalogue",
        2,
        "The {feed} feed of {supplier} is not believed ({findings}). Nothing of it was applied. Is it right after all?",
        (
            Alternative(
                command=SupplyAnswer.ACCEPT,
                label="It is right",
                consequence="It is applied as it stands, unless a newer one has been applied meanwhile.",
            ),
            Alternative(
                command=SupplyAnswer.ACCEPT_STOCK,
                label="Only its stock",
                consequence="Quantities and dates are applied; costs and descriptions stay as they are.",
            ),
            Alternative(
                command=SupplyAnswer.DISCARD,
                label="It is wrong",
                consequence="It is thrown away. What was known before stays until the next feed.",
            ),
            Alternative(
                command=SupplyAnswer.ASK_SUPPLIER,
                label="Ask the supplier",
                consequence="A mail with the findings and sample rows goes to you, to forward; the feed stays set aside.",
            ),
        ),
    ),
    TaskCategory.FEED_FAILING: (
        "engineering",
        2,
        "The {feed} feed of {supplier} failed {failures} times in a row, last while {stage}. Its schedule is paused. "
        "Repair it, then `dropwright sync resume {supplier_id} {feed}`.",
        (_SEEN,),
    ),
    TaskCategory.COSTS_HELD: (
        "catalogue",
        2,
        "{count} costs of {supplier} moved by more than {limit} ({examples}). Shall they count? Stock is up to date.",
        (
            Alternative(
                command=SupplyAnswer.APPROVE_COSTS,
                label="They count",
                consequence="All that are held now become the costs, and prices follow. "
                "`dropwright prices approve` takes some of them.",
            ),
            Alternative(
                command=SupplyAnswer.KEEP_COSTS,
                label="They are wrong",
                consequence="The old costs stay until the supplier sends others.",
            ),
        ),
    ),
    TaskCategory.DRIFT_LARGE: (
        "operations",
        2,
        "{drifted} of {compared} differ between us and {subject} ({examples}). Too many to repair unasked: shall they be?",
        (
            Alternative(
                command=SupplyAnswer.REPAIR,
                label="Repair them",
                consequence="Our offers take the supplier's word; a shop is told ours.",
            ),
            Alternative(command=SupplyAnswer.LEAVE, label="Leave them", consequence="Nothing changes."),
        ),
    ),
    TaskCategory.LOW_STOCK: (
        "purchasing",
        3,
        "{count} articles sell out within {days} days ({examples}). Is more to be had?",
        (_SEEN,),
    ),
    TaskCategory.TWICE_DELIVERED: (
        "operations",
        1,
        "{supplier} delivers purchase order {number} of {order} after all ({status}), though it was given up there. "
        "What was ordered elsewhere meanwhile must be stopped, or a parcel be taken back.",
        (_SEEN,),
    ),
    TaskCategory.STOCK_SHORT: (
        "purchasing",
        2,
        "{supplier} has less of {count} articles than orders were promised of it ({examples}). They go on to it, and "
        "elsewhere if it refuses.",
        (_SEEN,),
    ),
    TaskCategory.RESERVATIONS_DRIFTED: (
        "engineering",
        2,
        "{count} reservations do not agree with the open orders ({examples}). `dropwright stock drift` shows them, and "
        "`dropwright stock drift --recompute` puts them right.",
        (_SEEN,),
    ),
    TaskCategory.CUSTOMER_CHANGED_MIND: (
        "customer service",
        2,
        "The customer of {order} asks to {choice}, but {problem}. Can it still be done?",
        (_SEEN,),
    ),
    TaskCategory.ACKNOWLEDGEMENT_CHANGED: (
        "purchasing",
        2,
        "{supplier} takes purchase order {number} of {order}, but otherwise than ordered: {changes}. Shall it deliver so?",
        (
            Alternative(
                command=CommandName.APPROVE,
                label="Take it so",
                consequence="The order goes on with the supplier's quantities, prices and dates.",
            ),
            _REROUTE,
            _CANCELLED_THERE,
        ),
    ),
    TaskCategory.RECEIPT_OVERDUE: (
        "integration",
        1,
        "{supplier} has not confirmed document {control} ({orders}) within {waited}. Has it arrived there?",
        (
            Alternative(
                command=SupplyAnswer.RESEND,
                label="Send it again",
                consequence="The same document with the same number: a partner that has it already refuses the second.",
            ),
            Alternative(
                command=SupplyAnswer.LEAVE,
                label="It has arrived",
                consequence="The receipt is no longer awaited; the acknowledgement still is.",
            ),
        ),
    ),
    TaskCategory.DOCUMENT_REFUSED: (
        "integration",
        1,
        "{supplier} could not take our document {control} ({orders}): {codes}. It has none of these orders; what is wrong?",
        (_SEEN,),
    ),
    TaskCategory.DOCUMENT_UNCLEAR: (
        "operations",
        2,
        "{supplier} has sent {document}, which can't be acted on by itself ({reason}). What does it mean?",
        (
            Alternative(
                command=SupplyAnswer.READ_AGAIN,
                label="Read it again",
                consequence="It is read as the configuration and the adapter are now; what it says is applied.",
            ),
            _SEEN,
        ),
    ),
    TaskCategory.INVOICE_DIFFERS: (
        "finance",
        3,
        "{supplier} invoices {total} for purchase order {number} of {order}, {expected} was expected. Is it right?",
        (_SEEN,),
    ),
    TaskCategory.SHIPMENT_CONTRADICTS: (
        "operations",
        1,
        "{supplier} says of purchase order {number} of {order} what can't be: {problem}. What is true?",
        (_SEEN,),
    ),
    TaskCategory.SUPPLIER_CHANGED: (
        "integration",
        1,
        "{supplier} answers {operation} otherwise than until now ({difference}). Nothing of it is used. "
        "Has its interface changed?",
        (_SEEN,),
    ),
    TaskCategory.LISTINGS_REFUSED: (
        "catalogue",
        3,
        "{channel} refused {count} changes of stock or price ({codes}). They are tried again; what must be repaired there?",
        (_SEEN,),
    ),
}
assert set(_TASKS) == set(TaskCategory), "every category has its wording"
