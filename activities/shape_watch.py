"""Knowing what a supplier's answers look like, so that one which nobody can read can be compared with them.

Answers that were understood are looked at once an hour per operation and process, so that an order pays nothing for it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock

from adapters import shapes
from adapters.database import reply_shapes
from adapters.database.engine import Transaction
from adapters.http import KEPT_BODY
from models.calls import CallRecord

LOOK_EVERY = timedelta(hours=1)
_UNDERSTOOD = range(200, 300)


class ShapeWatch:
    """The shapes of every supplier's answers. Safe to share between threads."""

    def __init__(self) -> None:
        self._looked: dict[tuple[str, str], datetime] = {}
        self._lock = Lock()

    def keep(self, tx: Transaction, supplier: str, records: Sequence[CallRecord], *, now: datetime) -> list[str]:
        """Keep what these understood answers look like, where it is time to. Returns the operations looked at."""
        due = {record.operation: record for record in records if record.status in _UNDERSTOOD and record.reply}
        operations = [operation for operation in due if self._is_due(supplier, operation, now)]
        for operation in operations:
            if _is_cut(due[operation]):  # understood, but not to be learnt from
                continue
            known = reply_shapes.find(tx, supplier, operation) or {}
            merged = shapes.merge(known, shapes.shape_of(due[operation].reply))
            if merged != known:
                reply_shapes.keep(tx, supplier, operation, merged, now=now)
        return operations

    def difference(self, tx: Transaction, supplier: str, record: CallRecord) -> shapes.Difference:
        """Compare an answer that nobody can read with those that were understood; the next one of those is looked at."""
        with self._lock:
            self._looked.pop((supplier, record.operation), None)
        if _is_cut(record):
            return shapes.Difference(cut=True)
        known = reply_shapes.find(tx, supplier, record.operation)
        return shapes.difference(known, shapes.shape_of(record.reply))

    def _is_due(self, supplier: str, operation: str, now: datetime) -> bool:
        """Say whether an operation was not looked at for an hour. Time that runs backwards, in tests, counts as long."""
        with self._lock:
            looked = self._looked.get((supplier, operation))
            if looked is not None and looked <= now < looked + LOOK_EVERY:
                return False
            self._looked[supplier, operation] = now
            return True


def _is_cut(record: CallRecord) -> bool:
    """Say whether we have kept but the beginning of some JSON: its shape would seem to be another."""
    return len(record.reply) >= KEPT_BODY and record.reply.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")
