"""The journal of outside calls: collected while an activity runs, written with its transaction, or alone if it fails."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.exc import SQLAlchemyError

from adapters.database import calls
from adapters.database.calls import CallSubject
from adapters.database.engine import Database, Transaction
from models.calls import CallRecord

log = logging.getLogger(__name__)


class Entries:
    """The calls made so far for one subject."""

    def __init__(self, subject: CallSubject) -> None:
        self.subject = subject
        self.records: list[CallRecord] = []
        self.saved = 0  # how many of them a transaction has written, as far as we know

    def save(self, tx: Transaction) -> None:
        """Write them with this transaction. A transaction that is tried again writes them again."""
        calls.save(tx, self.subject, self.records)
        self.saved = len(self.records)


class CallJournal:
    """Receives every adapter's call records and keeps them for the order they were made for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: ContextVar[Entries | None] = ContextVar("call_entries", default=None)

    def sink(self, record: CallRecord) -> None:
        """Take one call's record; calls that no order caused (doctor, sweeps) are kept without one."""
        entries = self._entries.get()
        if entries is not None:
            entries.records.append(record)

    @contextmanager
    def about(self, subject: CallSubject) -> Iterator[Entries]:
        """Collect the calls made inside; whatever was not saved by then is written at the end, also after a failure."""
        entries = Entries(subject)
        token = self._entries.set(entries)
        try:
            yield entries
        except SQLAlchemyError:
            entries.saved = 0  # the transaction that wrote them may be gone
            raise
        finally:
            self._entries.reset(token)
            del entries.records[: entries.saved]
            if entries.records:
                self._save_alone(entries)

    def _save_alone(self, entries: Entries) -> None:
        try:
            with self._database.begin() as tx:
                entries.save(tx)
        except SQLAlchemyError as error:
            # The calls were made; that they can't be recorded must not hide what became of them.
            log.warning("calls not recorded: %s", type(error).__name__)
