"""What polls by retry share: an answer may be "not yet", which is raised only once what was heard is committed."""

from datetime import datetime

from temporalio.exceptions import ApplicationError

from models.contracts import StepResult

Answer = StepResult | ApplicationError  # the latter says "not yet"


def given(answer: Answer) -> StepResult:
    """Return an answer, or raise what says "not yet". The transactions behind it have ended by now."""
    if isinstance(answer, ApplicationError):
        raise answer
    return answer


def clock(instant: datetime) -> str:
    """Write an instant as operators read it on a pending activity: ``22 Nov 14:00:00Z``."""
    return instant.strftime("%d %b %H:%M:%SZ")
