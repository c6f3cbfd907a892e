"""The record of one call to the outside world, kept in PostgreSQL with credentials taken out."""

from models.base import Contract, Timestamp


class CallRecord(Contract):
    """What was asked, what came back, how long it took. Bodies may hold personal data: database only."""

    system: str  # supplier or channel id
    operation: str  # e.g. setCreateOrder, metafieldsSet
    method: str
    url: str
    request: str
    reply: str
    status: int | None  # None: no answer
    error: str = ""  # the kind of failure where there was no answer
    started_at: Timestamp
    duration_ms: int
