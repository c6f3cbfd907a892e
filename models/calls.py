"""The record of one call to the outside world, kept in PostgreSQL with credentials taken out."""

from uuid import uuid4

from pydantic import Field

from models.base import Contract, Timestamp


class CallRecord(Contract):
    """What was asked, what came back, how long it took. Bodies may hold personal data: database only."""

    key: str = Field(default_factory=lambda: uuid4().hex)  # a call is kept once, however often it is written
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
