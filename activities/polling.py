"""What polls by retry share: an answer may be "not yet", which is raised only once what was heard is committed."""

from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from adapters.database import following
from adapters.database.engine import Transaction
from adapters.database.following import Check
from models.contracts import StepResult

Answer = StepResult | ApplicationError  # the latter says "not yet"


def given(answer: Answer) -> StepResult:
    """Return an answer, or raise what says "not yet". The transactions behind it have ended by now."""
    if isinstance(answer, ApplicationError):
        raise answer
    return answer


def is_unanswered(tx: Transaction, look: Check) -> bool:
    """Say whether a look out of turn, due when its activity was scheduled, has had no answer: lost attempts repeat it."""
    return activity.info().attempt == 1 or following.answer_to(tx, look) is None


def clock(instant: datetime) -> str:
    """Write an instant as operators read it on a pending activity: ``22 Nov 14:00:00Z``."""
    return instant.strftime("%d %b %H:%M:%SZ")
