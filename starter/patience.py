"""Asks a Temporal server once more about a schedule where it did not answer, or did not do as it was told.

A schedule is a workflow of the server's own. A question about it is a query there, and on a busy machine one is lost now
and then: the caller waits out the client's half minute and fails, while the same question a moment later is answered at
once. A worker that starts would stop for it. A pause that follows an update closely is taken in before the update, which
then takes it back: 7 of 40 were lost so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from temporalio.client import (
    DescribeScheduleInput,
    Interceptor,
    OutboundInterceptor,
    PauseScheduleInput,
    ScheduleDescription,
    UnpauseScheduleInput,
    UpdateScheduleInput,
)
from temporalio.service import RPCError, RPCStatusCode

# A lost question is never answered; one that is only slow gets the client's own time in the end.
FIRST_LIMITS = (timedelta(seconds=5), timedelta(seconds=10))
# After being told, a schedule shows it within a few looks, or never.
LOOKS, LOOK_EVERY, TELLINGS = 20, 0.05, 10
_NO_ANSWER = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED}  # the first is what the client's own limit says

Asked = TypeVar("Asked", DescribeScheduleInput, UpdateScheduleInput)
Answer = TypeVar("Answer")
Told = TypeVar("Told", PauseScheduleInput, UnpauseScheduleInput)


class PatientAboutSchedules(Interceptor):
    """Belongs to each client of ours. Whatever it repeats may be done twice: reading, writing the same, pausing."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK names it
        """Stand before the client's own calls."""
        return _Patient(next)


class _Patient(OutboundInterceptor):
    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:  # noqa: A002
        return await _ask(super().describe_schedule, input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:  # noqa: A002
        await _ask(super().update_schedule, input)

    async def pause_schedule(self, input: PauseScheduleInput) -> None:  # noqa: A002
        await self._tell(super().pause_schedule, input, paused=True)

    async def unpause_schedule(self, input: UnpauseScheduleInput) -> None:  # noqa: A002
        await self._tell(super().unpause_schedule, input, paused=False)

    async def _tell(self, tell: Callable[[Told], Awaitable[None]], wish: Told, *, paused: bool) -> None:
        """Tell it until it shows it. Raises TimeoutError where it never does."""
        for _ in range(TELLINGS):
            await tell(wish)
            for _ in range(LOOKS):
                if await self._is_paused(wish) is paused:
                    return
                await asyncio.sleep(LOOK_EVERY)
        raise TimeoutError(f"schedule {wish.id} was told to {'pause' if paused else 'resume'} and does not: try again")

    async def _is_paused(self, wish: PauseScheduleInput | UnpauseScheduleInput) -> bool:
        question = DescribeScheduleInput(id=wish.id, rpc_metadata=wish.rpc_metadata, rpc_timeout=wish.rpc_timeout)
        return (await self.describe_schedule(question)).schedule.state.paused


async def _ask(ask: Callable[[Asked], Awaitable[Answer]], question: Asked) -> Answer:
    for limit in () if question.rpc_timeout else FIRST_LIMITS:
        try:
            return await ask(replace(question, rpc_timeout=limit))
        except RPCError as error:
            if error.status not in _NO_ANSWER:
                raise
    return await ask(question)
