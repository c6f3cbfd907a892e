"""The one place where an adapter's error becomes Temporal's: its type, whether to repeat, when, and how loudly.

Messages reach histories, so they name operations and codes, never values. Business refusals do not come here: they
are results.
"""

from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from adapters.database.engine import lost_connection
from adapters.errors import AdapterError

BENIGN = ApplicationErrorCategory.BENIGN
BACKOFF_CEILING = timedelta(minutes=5)
LONGEST_WAIT = timedelta(days=1)  # beyond an activity's backstop it would end at once, and be begun anew at once


def wait(message: str, delay: timedelta) -> ApplicationError:
    """Say "not yet": the attempt ends, and the next one comes after ``delay``. The message is what operators read."""
    return ApplicationError(
        message, type="NotYet", next_retry_delay=max(delay, timedelta(milliseconds=100)), category=BENIGN
    )


def unanswered(error: AdapterError, attempt: int) -> ApplicationError:
    """Repeat a question that got no answer: when we were asked to come back, or with growing distance."""
    backoff = min(timedelta(seconds=2) * 2 ** min(attempt - 1, 10), BACKOFF_CEILING)
    delay = min(error.retry_after or backoff, LONGEST_WAIT)
    return ApplicationError(str(error), type=type(error).__name__, next_retry_delay=delay, category=BENIGN)


class TranslateFailures(Interceptor):
    """Whatever an activity did not foresee is told by its kind and place only: its text may hold personal data."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap every activity of the worker."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        try:
            return await super().execute_activity(input)
        except ApplicationError:
            raise
        except AdapterError as error:
            raise unanswered(error, activity.info().attempt) from None
        except Exception as error:  # noqa: BLE001
            raise _unforeseen(error) from None


def _unforeseen(error: Exception) -> ApplicationError:
    kind = type(error).__name__
    if isinstance(error, DBAPIError) and lost_connection(error):
        return ApplicationError("the database can't be reached", type="DatabaseAway", category=BENIGN)
    if isinstance(error, SQLAlchemyError):
        code = getattr(getattr(error, "orig", None), "pgcode", None) or "no code"
        return ApplicationError(f"{kind} ({code}){_place(error)}", type="DatabaseRefused")
    if isinstance(error, ValidationError):
        fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False))
        return ApplicationError(f"{error.title}: {fields}{_place(error)}", type=kind)
    return ApplicationError(f"{kind}{_place(error)}", type=kind)


def _place(error: BaseException) -> str:
    """Name the innermost line of ours that raised."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "site-packages" not in code.co_filename and "lib/python" not in code.co_filename:
            place = f" at {code.co_qualname}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
