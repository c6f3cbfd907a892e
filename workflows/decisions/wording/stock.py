"""What is asked about units: those nobody has, those that run out, and those promised to orders."""

from models.tasks import TaskCategory
from workflows.decisions.wording.common import AGAIN, CANCEL, SHORT, Wording

STOCK = {
    TaskCategory.UNROUTABLE: Wording(
        owner="operations",
        priority=2,
        question="No supplier can deliver {articles} of {order}: {problem}. Wait or give up?",
        alternatives=(AGAIN, *SHORT, CANCEL),
    ),
    TaskCategory.STOCK_SHORT: Wording(
        owner="purchasing",
        priority=2,
        question=(
            "{supplier} has less of {count} articles than orders were promised of it ({examples}). They go on to it, and "
            "elsewhere if it refuses."
        ),
    ),
    TaskCategory.LOW_STOCK: Wording(
        owner="purchasing",
        priority=3,
        question="{count} articles sell out within {days} days ({examples}). Is more to be had?",
    ),
    TaskCategory.RESERVATIONS_DRIFTED: Wording(
        owner="engineering",
        priority=2,
        question=(
            "{count} reservations do not agree with the open orders ({examples}). `dropwright stock drift` shows them, and "
            "`dropwright stock drift --recompute` puts them right."
        ),
    ),
}
