"""Asks a Temporal server once more about a schedule where a question was not answered.

The server answers such a question by a query to a workflow of its own, and on a busy machine one is lost there now and
then: the caller waits out the client's half minute and fails, while the same question a moment later is answered at once.
A worker that starts would stop for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from temporalio.client import (
    DescribeScheduleInput,
    Interceptor,
    OutboundInterceptor,
    ScheduleDescription,
    UpdateScheduleInput,
)
from temporalio.service import RPCError, RPCStatusCode

# A lost question is never answered; one that is only slow gets the client's own time in the end.
FIRST_LIMITS = (timedelta(seconds=5), timedelta(seconds=10))
_NO_ANSWER = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED}  # the first is what the client's own limit says

Asked = TypeVar("Asked", DescribeScheduleInput, UpdateScheduleInput)
Answer = TypeVar("Answer")


class PatientAboutSchedules(Interceptor):
    """Belongs to each client of ours. Reading is repeated, and changing, which reads first and writes the same again."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK names it
        """Stand before the client's own calls."""
        return _Patient(next)


class _Patient(OutboundInterceptor):
    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:  # noqa: A002
        return await _ask(super().describe_schedule, input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:  # noqa: A002
        await _ask(super().update_schedule, input)


async def _ask(ask: Callable[[Asked], Awaitable[Answer]], question: Asked) -> Answer:
    for limit in () if question.rpc_timeout else FIRST_LIMITS:
        try:
            return await ask(replace(question, rpc_timeout=limit))
        except RPCError as error:
            if error.status not in _NO_ANSWER:
                raise
    return await ask(question)
