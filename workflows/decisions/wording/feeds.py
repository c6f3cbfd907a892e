"""What is asked about what suppliers offer and shops show: feeds, costs, differences, listings."""

from models.tasks import Alternative, SupplyAnswer, TaskCategory
from workflows.decisions.wording.common import Wording

FEEDS = {
    TaskCategory.FEED_QUARANTINED: Wording(
        owner="catalogue",
        priority=2,
        question=(
            "The {feed} feed of {supplier} is not believed ({findings}). Nothing of it was applied. "
            "Is it right after all?"
        ),
        alternatives=(
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
    TaskCategory.FEED_FAILING: Wording(
        owner="engineering",
        priority=2,
        question=(
            "The {feed} feed of {supplier} failed {failures} times in a row, last while {stage}. Its schedule is paused. "
            "Repair it, then `dropwright sync resume {supplier_id} {feed}`."
        ),
    ),
    TaskCategory.COSTS_HELD: Wording(
        owner="catalogue",
        priority=2,
        question=(
            "{count} costs of {supplier} moved by more than {limit} ({examples}). Shall they count? "
            "Stock is up to date."
        ),
        alternatives=(
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
    TaskCategory.DRIFT_LARGE: Wording(
        owner="operations",
        priority=2,
        question=(
            "{drifted} of {compared} differ between us and {subject} ({examples}). Too many to repair unasked: "
            "shall they be?"
        ),
        alternatives=(
            Alternative(
                command=SupplyAnswer.REPAIR,
                label="Repair them",
                consequence="Our offers take the supplier's word; a shop is told ours.",
            ),
            Alternative(command=SupplyAnswer.LEAVE, label="Leave them", consequence="Nothing changes."),
        ),
    ),
    TaskCategory.LISTINGS_REFUSED: Wording(
        owner="catalogue",
        priority=3,
        question=(
            "{channel} refused {count} changes of stock or price ({codes}). They are tried again; "
            "what must be repaired there?"
        ),
    ),
}
