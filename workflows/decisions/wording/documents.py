"""What is asked about documents and mails that are exchanged with a supplier."""

from models.tasks import Alternative, SupplyAnswer, TaskCategory
from workflows.decisions.wording.common import NOTED, Wording

DOCUMENTS = {
    TaskCategory.RECEIPT_OVERDUE: Wording(
        owner="integration",
        priority=1,
        question="{supplier} has not confirmed document {control} ({orders}) within {waited}. Has it arrived there?",
        alternatives=(
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
    TaskCategory.DOCUMENT_REFUSED: Wording(
        owner="integration",
        priority=1,
        question=(
            "{supplier} could not take our document {control} ({orders}): {codes}. It has none of these orders; "
            "what is wrong?"
        ),
    ),
    TaskCategory.DOCUMENT_UNCLEAR: Wording(
        owner="operations",
        priority=2,
        question="{supplier} has sent {document}, which can't be acted on by itself ({reason}). What does it mean?",
        alternatives=(
            Alternative(
                command=SupplyAnswer.READ_AGAIN,
                label="Read it again",
                consequence="It is read as the configuration and the adapter are now; what it says is applied.",
            ),
            NOTED,
        ),
    ),
}
