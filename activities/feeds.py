"""The stages of a feed's run: fetch, stage, judge, apply, tell. Each may be attempted again from where it was."""

from temporalio import activity

from activities.common import Dependencies
from models.sync import Applied, Fetched, FetchRequest, Judged, Staged, SyncStep


class FeedActivities:
    """What ``SupplierSyncWorkflow`` runs."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def fetch_feed(self, request: FetchRequest) -> Fetched:
        """Open the run, and bring the source's bytes or pages into our database."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def stage_feed(self, step: SyncStep) -> Staged:
        """Read what was fetched; only rows that are new or changed are looked into and staged."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def judge_feed(self, step: SyncStep) -> Judged:
        """Decide whether the run is to be believed, and find what it would change."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def apply_feed(self, step: SyncStep) -> Applied:
        """Write what changed, in key order, a batch per transaction."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def fail_feed(self, request: FetchRequest, stage: str) -> None:
        """Record that a stage gave up; after several failures in a row ask a person."""
        raise NotImplementedError
