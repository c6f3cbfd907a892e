"""A supplier in trouble: the kinds of it, and what the workflow that sees it through is told."""

from enum import StrEnum

from models.base import Contract, Slug, Timestamp


class Trouble(StrEnum):
    """The kinds of trouble with a supplier; each is one incident at a time."""

    UNREACHABLE = "unreachable"  # calls go unanswered
    CREDENTIALS = "credentials"  # it does not accept who we say we are
    ACCOUNT_HOLD = "account_hold"  # it answers, and takes none of our orders
    CHANGED = "changed"  # it answers otherwise than until now


class IncidentRequest(Contract):
    """Input of ``IncidentWorkflow`` and its activities: which trouble of which supplier."""

    supplier: Slug
    kind: Trouble


class ProbeRequest(IncidentRequest):
    """Try a supplier again; ``by_hand``: a person wants it now, whenever the next try is due."""

    by_hand: bool = False


class IncidentState(Contract):
    """How an incident stands, and when it is to be looked at again.

    ``open`` is false where there is none, or it is over. ``down``: the supplier has not served us since. ``next_at``:
    the next probe or mail, whichever comes first; ``probe_at``: the next probe alone, None where nothing can be tried.
    ``down_since``: when it last took no orders any more. ``over_at``: where it serves us again, when it is over.
    """

    open: bool
    incident_id: int | None = None
    down: bool = False
    opened_at: Timestamp | None = None
    down_since: Timestamp | None = None
    over_at: Timestamp | None = None
    next_at: Timestamp | None = None
    probe_at: Timestamp | None = None
    waiting: int = 0
    released: int = 0
    reason: str = ""
