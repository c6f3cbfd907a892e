"""The stages of a feed's run: fetch, stage, judge, apply. Each may be attempted again, and ends as if it had been once.

What a stage found is committed with the run's new state: an attempt whose answer was lost reads it there.
"""

from temporalio import activity

from activities import feed_apply, feed_fetch, feed_judge, feed_stage
from activities.common import Dependencies, now
from activities.feed_common import (
    FeedJob,
    beat,
    beating,
    dumped,
    end,
    end_believed,
    failing_key,
    job_of,
    open_task,
)
from activities.feed_fetch import Fetch
from adapters.database import feed_chunks, feeds
from adapters.database.engine import Transaction
from adapters.database.feeds import FeedRun
from models.feed_rows import FeedFinding
from models.sync import (
    RUN_ENDINGS,
    Acceptance,
    Applied,
    Fetched,
    FetchRequest,
    Judged,
    RunState,
    Staged,
    SyncRequest,
    SyncStep,
    Trigger,
)
from models.tasks import TaskCategory
from workflows.decisions import feed_judgement

STAGES = {
    "fetch_feed": "fetching it",
    "stage_feed": "reading it",
    "judge_feed": "judging it",
    "apply_feed": "applying it",
}
BYTES_GONE = "bytes_gone"


class FeedActivities:
    """What ``SupplierSyncWorkflow`` runs."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def fetch_feed(self, request: FetchRequest) -> Fetched:
        """Open the run, and bring the source's bytes or pages into our database."""
        asked = request.request
        if asked.accepted_run is not None:
            return self._fetched(self._take_up(asked, asked.accepted_run))
        run = self._open(request)
        if run.state is RunState.FETCHING:
            run = self._fetch(run, asked)
        return self._fetched(run)

    @activity.defn(no_thread_cancel_exception=True)
    def stage_feed(self, step: SyncStep) -> Staged:
        """Read what was fetched; only rows that are new or changed are looked into and staged."""
        job = job_of(self._deps, step)
        if job.run.state is RunState.FETCHED:
            return feed_stage.stage(self._deps, job)
        run = job.run
        return Staged(state=run.state, rows=run.rows or 0, changed=run.staged or 0, unreadable=run.unreadable or 0)

    @activity.defn(no_thread_cancel_exception=True)
    def judge_feed(self, step: SyncStep) -> Judged:
        """Decide whether the run is to be believed, and find what it would change."""
        job = job_of(self._deps, step)
        if job.run.state is RunState.STAGED:
            return feed_judge.judge(self._deps, job)
        run, counts = job.run, job.run.counts
        findings = [FeedFinding.model_validate(finding) for finding in run.findings]
        against = feed_judgement.stands_after(findings, feed_judge.accepted_as(job))
        return Judged(
            state=run.state,
            reasons=tuple(finding.code for finding in against),
            new=counts.get("new", 0),
            changed=counts.get("changed", 0),
            absent=counts.get("absent", 0),
            held=run.held or 0,
            task_id=run.task_id,
        )

    @activity.defn(no_thread_cancel_exception=True)
    def apply_feed(self, step: SyncStep) -> Applied:
        """Write what changed, in key order, a batch per transaction."""
        job = job_of(self._deps, step)
        if job.run.state is RunState.APPLIED:
            run = job.run
            return Applied(offers=run.applied or 0, held=run.held or 0, dirty=run.counts.get("dirty", 0))
        return feed_apply.apply(self._deps, job)

    @activity.defn(no_thread_cancel_exception=True)
    def fail_feed(self, request: FetchRequest, stage: str) -> None:
        """Record that a stage gave up; after several failures in a row ask a person.

        The schedule's pause follows from ``feed_states.failures`` (see ``feed_judgement.must_pause``).
        """
        asked = request.request
        with self._deps.database.begin() as tx:
            run = self._failed_run(tx, request)
            if run is not None and run.state in RUN_ENDINGS:
                return  # told before, or it ended after all
            if run is not None:
                feeds.change(tx, run.id, state=RunState.FAILED, ended_at=now())
                feeds.forget_fetched(tx, run.id)
                feeds.release_pushes(tx, run.id)
            failures = feeds.count_failure(tx, asked.supplier, asked.feed)
            if feed_judgement.must_pause(failures):
                self._ask_for_repair(tx, asked, stage, failures)

    # Fetching.

    def _open(self, request: FetchRequest) -> FeedRun:
        asked = request.request
        feed = self._deps.outside.feed_settings(asked.supplier, asked.feed)
        fields = [name for name in self._deps.outside.feed_columns(asked.supplier, feed) if name != "sku"]
        with self._deps.database.begin() as tx:
            return feeds.open_run(
                tx,
                request.workflow_run_id,
                supplier=asked.supplier,
                feed=asked.feed,
                kind=feed.kind,
                trigger=asked.trigger,
                full=asked.full,
                fields=fields,
                started_at=now(),
            )

    def _fetch(self, run: FeedRun, asked: SyncRequest) -> FeedRun:
        beat()
        feed = self._deps.outside.feed_settings(asked.supplier, asked.feed)
        job = FeedJob(run, feed, self._deps.outside.feed_columns(asked.supplier, feed))
        with self._deps.database.begin() as tx:
            state = feeds.load_state(tx, asked.supplier, asked.feed)
        forced = asked.full or asked.trigger is Trigger.OPERATOR
        with beating():  # one page, or the bytes that are there already, may take longer than the time-out
            found = feed_fetch.fetch(Fetch(self._deps, job, state, forced))
        with self._deps.database.begin() as tx:
            run = feeds.load_run(tx, run.id)
            if found is RunState.FETCHED:
                feeds.change(tx, run.id, state=found)
            elif found is RunState.UNCHANGED:
                end_believed(tx, run, found)
            else:
                end(tx, run, found)
            return feeds.load_run(tx, run.id)

    def _take_up(self, asked: SyncRequest, run_id: int) -> FeedRun:
        """Go on with a run that was set aside and that a person has accepted, if its bytes are still there."""
        with self._deps.database.begin() as tx:
            run = feeds.load_run(tx, run_id)
            accepted = run.decision in set(Acceptance) and (run.supplier, run.feed) == (asked.supplier, asked.feed)
            if run.state is not RunState.QUARANTINED or not accepted:
                return run  # taken up already, or no longer ours to take up
            if feed_chunks.bytes_of(tx, run.id) == run.bytes:
                feeds.change(tx, run.id, state=RunState.FETCHED, ended_at=None)
            else:
                gone = FeedFinding(code=BYTES_GONE, text="its bytes are gone: a later feed took its place")
                end(tx, run, RunState.REJECTED, findings=[*run.findings, *dumped([gone])])
            return feeds.load_run(tx, run.id)

    def _fetched(self, run: FeedRun) -> Fetched:
        channels = self._deps.outside.configuration.channels
        shown = (name for name, one in channels.items() if one.publishing.quantities or one.publishing.prices)
        state = run.state if run.state in RUN_ENDINGS else RunState.FETCHED
        return Fetched(run_id=run.id, state=state, parts=len(run.parts), bytes=run.bytes, channels=tuple(shown))

    # Failing.

    def _failed_run(self, tx: Transaction, request: FetchRequest) -> FeedRun | None:
        accepted = request.request.accepted_run
        return feeds.find_run(tx, accepted) if accepted is not None else feeds.run_of(tx, request.workflow_run_id)

    def _ask_for_repair(self, tx: Transaction, asked: SyncRequest, stage: str, failures: int) -> None:
        facts = {
            "feed": asked.feed,
            "supplier": self._deps.outside.supplier_settings(asked.supplier).display_name,
            "supplier_id": asked.supplier,
            "failures": str(failures),
            "stage": STAGES.get(stage, stage),
        }
        evidence = {"supplier": asked.supplier, "feed": asked.feed, "failures": failures, "stage": stage}
        key = failing_key(asked.supplier, asked.feed)
        open_task(tx, self._deps, TaskCategory.FEED_FAILING, key, facts, evidence)
