"""IncidentWorkflow: sees a supplier through its trouble, so that many orders that feel it are one matter.

The failing order's transaction has opened the incident and written the alert. From there on: digests, escalation, a
try now and then, and, once the supplier serves us again, the waiting orders in their turn and a closing note.
"""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.incidents import IncidentActivities, ReleaseActivities
from models.incidents import IncidentRequest, IncidentState, ProbeRequest, Trouble
from workflows import options, search_attributes
from workflows.decisions import presentation
from workflows.steering import start_input

ROUNDS_PER_RUN = 150  # then it continues as new: an outage of weeks keeps a short history


@workflow.defn(name="IncidentWorkflow")
class IncidentWorkflow:
    """One supplier's trouble of one kind, at ``incident/{supplier}/{kind}``; a later one of that kind is a later run."""

    @workflow.init
    def __init__(self, request: IncidentRequest | None = None) -> None:
        self._request = start_input(request)
        self._news = 0
        self._probe_wanted = False

    @workflow.run
    async def run(self, request: IncidentRequest | None = None) -> None:  # noqa: ARG002 - held since __init__
        """Tend it until it is over: what is due is read from the database each time, so nothing is kept here."""
        for _ in range(ROUNDS_PER_RUN):
            news = self._news
            state = await self._tend()
            if state.open:
                await self._see_to(state, news)
            elif self._news == news:  # else it may be the next one that opened
                workflow.upsert_search_attributes(search_attributes.attention(None))
                return
        workflow.continue_as_new(self._request)

    @workflow.signal(description="Something about this incident has changed: look at it now.")
    def incident_changed(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Look at once."""
        self._news += 1

    @workflow.signal(description="Try the supplier now, whenever the next try is due.")
    def probe_now(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Try once, now."""
        self._probe_wanted = True
        self._news += 1

    async def _tend(self) -> IncidentState:
        state = await workflow.execute_activity_method(
            IncidentActivities.tend_incident,
            self._request,
            **options.record("How does it stand, and who is to be told?"),
        )
        workflow.set_current_details(presentation.incident_details(self._request, state))
        return state

    async def _see_to(self, state: IncidentState, news: int) -> None:
        # A state without a next time is one from before there was a calm to wait for.
        if not state.down and (state.waiting or state.next_at is None):
            await self._drain()
        elif self._probe_wanted or (state.probe_at is not None and state.probe_at <= workflow.now()):
            await self._probe()
        else:
            await self._rest(state, news)

    async def _probe(self) -> None:
        request = ProbeRequest(**self._request.model_dump(), by_hand=self._probe_wanted)
        self._probe_wanted = False
        if request.kind is Trouble.ACCOUNT_HOLD:
            config = options.release_orders("Let one order try")
            await _whatever_comes(workflow.execute_activity_method(ReleaseActivities.let_one_try, request, **config))
        elif request.kind is not Trouble.CHANGED:  # whether answers can be read again, the next order sees
            config = options.probe(request.supplier, "Does the supplier answer?")
            await _whatever_comes(
                workflow.execute_activity_method(IncidentActivities.probe_supplier, request, **config)
            )

    async def _drain(self) -> None:
        config = options.release_orders("Let the waiting orders go, oldest first")
        await workflow.execute_activity_method(ReleaseActivities.drain_incident, self._request, **config)

    async def _rest(self, state: IncidentState, news: int) -> None:
        """Wait for the next try or mail, for the end of the calm after which it is over, or for news."""
        assert state.next_at is not None
        left = max((state.next_at - workflow.now()).total_seconds(), 1)
        with contextlib.suppress(asyncio.TimeoutError):
            await workflow.wait_condition(
                lambda: self._news > news, timeout=left, timeout_summary="The next try or mail, or the end of the calm"
            )


async def _whatever_comes(trial: Awaitable[None]) -> None:
    """A try that its queue's worker could not bring to an end says that the supplier is not back, no more."""
    try:
        await trial
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
