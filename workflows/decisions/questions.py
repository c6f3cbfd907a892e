"""The wording of every task: the question in one sentence, the alternatives, and what follows from each.

Pure text from facts. Facts are names of orders and suppliers, counts, codes and amounts; never personal data. What is
asked stands in ``wording``, a file for each part of an order's way.
"""

from collections.abc import Mapping

from models.tasks import TaskCategory, TaskDraft
from workflows.decisions.wording.common import NOTED, Wording
from workflows.decisions.wording.documents import DOCUMENTS
from workflows.decisions.wording.feeds import FEEDS
from workflows.decisions.wording.following import FOLLOWING
from workflows.decisions.wording.orders import ORDERS
from workflows.decisions.wording.placing import PLACING
from workflows.decisions.wording.stock import STOCK

WORDINGS: dict[TaskCategory, Wording] = ORDERS | PLACING | FOLLOWING | DOCUMENTS | STOCK | FEEDS
assert set(WORDINGS) == set(TaskCategory), "every category has its wording"

_REMINDED = "You are reminded, then it is escalated by mail, once a day. Nothing is sent or cancelled meanwhile."


def draft(category: TaskCategory, facts: Mapping[str, str]) -> TaskDraft:
    """Word the task of this category. Raises KeyError where a fact that its question names is missing."""
    wording = WORDINGS[category]
    return TaskDraft(
        category=category,
        owner=wording.owner,
        question=wording.question.format_map(facts)[:400],
        alternatives=wording.alternatives,
        priority=wording.priority,
        if_silent=_REMINDED,
    )


def to_be_noted(task: TaskDraft) -> TaskDraft:
    """Word a task that nobody waits for: no answer of it would reach a lifecycle, so it can only be noted."""
    return task.model_copy(update={"alternatives": (NOTED,)})
