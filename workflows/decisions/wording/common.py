"""What the wording of a task is made of, and the alternatives that several tasks offer."""

from typing import NamedTuple

from models.commands import CommandName
from models.tasks import Alternative

AGAIN = Alternative(
    command=CommandName.RELEASE, label="Try again", consequence="The step is repeated as things stand now."
)
CANCEL = Alternative(
    command=CommandName.CANCEL,
    label="Cancel the order",
    consequence="The open quantity is cancelled; whatever a supplier already has is followed to its end.",
)
REROUTE = Alternative(
    command=CommandName.REROUTE,
    label="Order it elsewhere",
    consequence="This supplier is left out and the open quantity is planned again.",
)
SHIPPED = Alternative(
    command=CommandName.MARK_SHIPPED,
    label="It has shipped",
    consequence="The storefront and the customer are told, with this tracking number.",
    needs=("tracking_number", "carrier"),
)
EXTEND = Alternative(
    command=CommandName.EXTEND_TRACKING,
    label="Keep checking",
    consequence="The supplier is asked again, on the last interval of its plan, for this much longer.",
    needs=("extend_by",),
)
CANCELLED_THERE = Alternative(
    command=CommandName.CANCEL,
    label="Cancelled there, give it up",
    consequence="You have cancelled it at the supplier; its quantity is cancelled here too, and not ordered again.",
)
SHORT = (
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
NOTED = Alternative(command=None, label="Noted", consequence="The task is closed. Nothing else happens.")


class Wording(NamedTuple):
    """How a task of one category is put: who is asked, how urgently (1 first), what, and what they can answer.

    ``question`` holds facts in braces. Without alternatives nobody waits for an answer: the task is noted.
    """

    owner: str
    priority: int
    question: str
    alternatives: tuple[Alternative, ...] = (NOTED,)
