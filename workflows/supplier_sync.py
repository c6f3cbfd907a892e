"""SupplierSyncWorkflow: one run of one supplier's feed, from its source to our offers.

The history holds ids and counts: a feed of a million articles costs as many events as one of ten.
"""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.feed_news import FeedNewsActivities
from activities.feeds import FeedActivities
from models.sync import (
    Applied,
    Fetched,
    FetchRequest,
    Judged,
    RunState,
    Staged,
    SyncOutcome,
    SyncRequest,
    SyncStep,
    Trigger,
)
from workflows import options
from workflows.decisions import presentation
from workflows.steering import start_input


@workflow.defn(name="SupplierSyncWorkflow")
class SupplierSyncWorkflow:
    """Fetches, stages, judges and applies a feed, then tells whoever waits for it. ``sync/{supplier}/{feed}``."""

    @workflow.init
    def __init__(self, request: SyncRequest | None = None) -> None:
        self._request = start_input(request)
        self._run_id = 0
        self._again = False

    @workflow.run
    async def run(self, request: SyncRequest | None = None) -> SyncOutcome:  # noqa: ARG002 - held since __init__
        """Bring what the supplier says into our offers, unless it is not to be believed."""
        await asyncio.sleep(0)  # the signal that started this run is heard by now, and asks for no other one
        self._again = False
        try:
            outcome = await self._story()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            outcome = await self._fail(error.activity_type)
        self._show(str(outcome.state))
        if self._again:
            workflow.continue_as_new(self._repetition())
        return outcome

    async def _story(self) -> SyncOutcome:
        fetched = await self._fetch()
        if fetched.state is not RunState.FETCHED:
            return self._outcome(fetched.state)
        staged = await self._stage(fetched)
        if staged.state is not RunState.STAGED:
            return self._outcome(staged.state, staged)
        judged = await self._judge(staged)
        if judged.state is not RunState.JUDGED:
            return self._outcome(judged.state, staged, judged)
        applied = await self._apply(judged)
        await self._tell(applied)
        return self._outcome(RunState.APPLIED, staged, judged)

    @workflow.signal(description="Run once more as soon as this run has ended: something new is there.")
    def sync_requested(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Ask for another run. Several requests during one run are one: what started the run is not a request."""
        self._again = True

    # The stages: one activity each.

    async def _fetch(self) -> Fetched:
        self._show("fetching")
        fetched = await workflow.execute_activity_method(
            FeedActivities.fetch_feed,
            FetchRequest(request=self._request, workflow_run_id=workflow.info().run_id),
            **options.fetch_feed(self._request.supplier, f"Fetch {self._name}"),
        )
        self._run_id = fetched.run_id
        return fetched

    async def _stage(self, fetched: Fetched) -> Staged:
        self._show(f"reading {fetched.bytes / 1e6:.1f} MB")
        return await workflow.execute_activity_method(
            FeedActivities.stage_feed, self._step, **options.feed_step("Read it: which rows are new or changed?")
        )

    async def _judge(self, staged: Staged) -> Judged:
        self._show(f"judging {staged.changed} of {staged.rows} rows")
        return await workflow.execute_activity_method(
            FeedActivities.judge_feed, self._step, **options.feed_step("Judge it, and compare it with our offers")
        )

    async def _apply(self, judged: Judged) -> Applied:
        self._show(f"applying {judged.new} new, {judged.changed} changed, {judged.absent} absent")
        return await workflow.execute_activity_method(
            FeedActivities.apply_feed, self._step, **options.feed_step("Write what changed")
        )

    async def _tell(self, applied: Applied) -> None:
        self._show(f"telling of {applied.offers} offers")
        await workflow.execute_activity_method(
            FeedNewsActivities.tell_of_feed, self._step, **options.feed_step("Ask for publication, wake waiting orders")
        )

    async def _fail(self, stage: str) -> SyncOutcome:
        """Close a run whose stage gave up; several failures in a row pause the schedule and ask a person."""
        request = FetchRequest(request=self._request, workflow_run_id=workflow.info().run_id)
        await workflow.execute_activity_method(
            FeedActivities.fail_feed, args=[request, stage], **options.feed_step(f"Record that {stage} gave up")
        )
        return self._outcome(RunState.FAILED)

    # What the stages share.

    @property
    def _step(self) -> SyncStep:
        return SyncStep(run_id=self._run_id, supplier=self._request.supplier, feed=self._request.feed)

    @property
    def _name(self) -> str:
        return f"{self._request.supplier}/{self._request.feed}"

    def _repetition(self) -> SyncRequest:
        return SyncRequest(supplier=self._request.supplier, feed=self._request.feed, trigger=Trigger.REPEAT)

    def _outcome(self, state: RunState, staged: Staged | None = None, judged: Judged | None = None) -> SyncOutcome:
        return SyncOutcome(
            run_id=self._run_id,
            state=state,
            rows=staged.rows if staged else 0,
            changed=staged.changed if staged else 0,
            reasons=judged.reasons if judged else (),
        )

    def _show(self, stage: str) -> None:
        workflow.set_current_details(presentation.sync_details(self._request, self._run_id, stage))
