"""Inputs and results of feeds, publications and reconciliations: ids and counts, never rows."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field

from models.base import Actor, Contract, Identifier, Slug


class Trigger(StrEnum):
    """Who wanted a run."""

    SCHEDULE = "schedule"
    OPERATOR = "operator"
    PUSH = "push"
    DECISION = "decision"  # a person accepted what had been quarantined
    REPEAT = "repeat"  # something asked for a run while another one was under way


class RunState(StrEnum):
    """Where a run of a feed is, or how it ended."""

    FETCHING = "fetching"
    FETCHED = "fetched"
    STAGED = "staged"
    JUDGED = "judged"
    APPLIED = "applied"
    UNCHANGED = "unchanged"  # the same bytes, or not one row that differs
    NOTHING_THERE = "nothing_there"  # no file, or nothing was pushed
    QUARANTINED = "quarantined"  # not believed: nothing was changed, and a person is asked
    REJECTED = "rejected"  # a person rejected it, or a newer one has been applied since
    FAILED = "failed"


RUN_ENDINGS = frozenset(
    {
        RunState.APPLIED,
        RunState.UNCHANGED,
        RunState.NOTHING_THERE,
        RunState.QUARANTINED,
        RunState.REJECTED,
        RunState.FAILED,
    }
)


class Acceptance(StrEnum):
    """What a person takes of a quarantined run."""

    ALL = "all"
    STOCK_ONLY = "stock_only"


class SyncRequest(Contract):
    """Input of ``SupplierSyncWorkflow``. Without more it is an ordinary scheduled run."""

    supplier: Slug
    feed: Slug
    trigger: Trigger = Trigger.SCHEDULE
    full: bool = False  # read a changes feed from its beginning, and believe no hash
    accepted_run: int | None = None  # a quarantined run that a person accepted: it is applied as it stands
    acceptance: Acceptance = Acceptance.ALL
    actor: Actor | None = None


class SyncStep(Contract):
    """Input of every stage: which run of which feed. The rest is in the database."""

    run_id: int
    supplier: Slug
    feed: Slug


class FetchRequest(Contract):
    """Input of the first stage, which opens the run: once per workflow run, however often it is attempted."""

    request: SyncRequest
    workflow_run_id: str


class Fetched(Contract):
    """What the source had."""

    run_id: int
    state: RunState  # fetched, unchanged, nothing_there, or quarantined where nobody could read it
    parts: int = 0
    bytes: int = 0
    channels: tuple[Slug, ...] = ()  # that show this supplier's stock


class Staged(Contract):
    """What was read: how many rows in all, how many of them are new or changed, how many unreadable."""

    state: RunState  # staged, or unchanged
    rows: int
    changed: int
    unreadable: int = 0


class Judged(Contract):
    """Whether the run is believed, and what it would change."""

    state: RunState  # judged, quarantined, rejected or unchanged
    reasons: tuple[Identifier, ...] = ()
    new: int = 0
    changed: int = 0
    absent: int = 0
    held: int = 0
    task_id: int | None = None


class Applied(Contract):
    """What was written: offers, and the listings that must be published anew."""

    offers: int
    held: int = 0
    dirty: int = 0


class Told(Contract):
    """Who was told: publications that were asked for, waiting orders that were woken."""

    channels: int = 0
    woken: int = 0


class SyncOutcome(Contract):
    """Result of ``SupplierSyncWorkflow``."""

    run_id: int
    state: RunState
    rows: int = 0
    changed: int = 0
    reasons: tuple[Identifier, ...] = ()


class PublicationRequest(Contract):
    """Input of ``PublicationWorkflow``: the one publisher of a channel."""

    channel: Slug
    actor: Actor | None = None


class PublicationStep(Contract):
    """Input of a publication's later stages."""

    channel: Slug
    publication_id: int


class Prepared(Contract):
    """What there is to publish. ``publication_id`` is null where the shop shows already what it should."""

    publication_id: int | None
    items: int = 0
    bulk: bool = False
    more: bool = False  # there was more than fits one publication
    needs_listings: bool = False  # nothing is known yet of what the shop has on sale


class Published(Contract):
    """What the shop took."""

    sent: int
    refused: int
    retry_in: timedelta | None = None  # what it refused is tried again then


class PublicationOutcome(Contract):
    """Result of ``PublicationWorkflow``."""

    publications: int
    sent: int
    refused: int


class Side(StrEnum):
    """Whose word ours is compared with."""

    SUPPLIER = "supplier"
    CHANNEL = "channel"


class ReconciliationRequest(Contract):
    """Input of ``ReconciliationWorkflow``."""

    side: Side
    name: Slug
    full: bool = False  # everything, instead of a sample
    actor: Actor | None = None


class ReconciliationStep(Contract):
    """Input of a reconciliation's stages."""

    reconciliation_id: int
    side: Side
    name: Slug


class Compared(Contract):
    """What was found."""

    reconciliation_id: int
    compared: int
    drifted: int = 0
    large: bool = False  # too much to repair unasked: a person is asked


class ReconciliationOutcome(Contract):
    """Result of ``ReconciliationWorkflow``."""

    compared: int = 0
    drifted: int = 0
    repaired: int = 0
    task_id: int | None = None
    channels: tuple[Slug, ...] = ()  # whose listings were marked by the repair


class ScheduledStart(Contract):
    """Input of ``ScheduledStartWorkflow``: what a schedule is for, and the one id under which it may run."""

    workflow: Identifier  # its type
    workflow_id: str = Field(max_length=200)
    request: dict[str, Any]
    summary: str = Field(default="", max_length=200)


class StockWatchOutcome(Contract):
    """Result of ``StockWatchWorkflow``: articles that will not last, and what was proposed to reorder."""

    low: int = 0
    proposals: int = Field(default=0, ge=0)
