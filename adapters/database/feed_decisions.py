"""What people decide about feeds: a run that was set aside, a feed that had failed."""

from datetime import datetime

from sqlalchemy import delete, update

from adapters.database import tasks
from adapters.database.engine import Transaction
from models.statuses import TaskState
from models.supply_tables import feed_chunks, feed_runs, feed_staged, feed_states
from models.sync import Acceptance, RunState
from models.tasks import TaskCategory

DISCARDED = "discard"


def accept(tx: Transaction, run_id: int, acceptance: Acceptance, *, by: str, task_id: int) -> bool:
    """Let a run that was set aside count after all; the run that applies it is started after the commit.

    Returns False where it is no longer set aside: a newer one was applied, or somebody decided before.
    """
    return _decide(tx, run_id, str(acceptance), by, task_id)


def discard(tx: Transaction, run_id: int, *, by: str, task_id: int) -> bool:
    """Throw a run that was set aside away, with its bytes. Returns False where it is no longer set aside."""
    if not _decide(tx, run_id, DISCARDED, by, task_id):
        return False
    tx.execute(update(feed_runs).where(feed_runs.c.id == run_id).values(state=RunState.REJECTED))
    for table in (feed_chunks, feed_staged):
        tx.execute(delete(table).where(table.c.run_id == run_id))
    return True


def _decide(tx: Transaction, run_id: int, decision: str, by: str, task_id: int) -> bool:
    deciding = (
        update(feed_runs)
        .where(feed_runs.c.id == run_id, feed_runs.c.state == RunState.QUARANTINED)
        .values(decision=decision, decided_by=by, task_id=task_id)
    )
    return tx.execute(deciding).rowcount == 1


def forgive(tx: Transaction, supplier: str, feed: str, *, question: str, by: str, now: datetime) -> None:
    """Forget a feed's failures, and answer the question about them (its key): somebody says that it works again."""
    own = (feed_states.c.supplier == supplier, feed_states.c.feed == feed)
    tx.execute(update(feed_states).where(*own).values(failures=0))
    for task in tasks.list_open(tx, category=TaskCategory.FEED_FAILING):
        if task["key"] == question:
            tasks.close(tx, task["id"], TaskState.ANSWERED, answer="resumed", by=by, now=now)
