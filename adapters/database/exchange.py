"""The document desk on our own database: what adapters that speak by documents keep there, bound to one supplier.

What can't be kept has not left (NotSent), except where it may have been kept, or has left already: that is Doubtful,
because a submission that is said not to have left is sent elsewhere. A lost commit is asked for once more, which
settles nearly all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from adapters.database import exchange_documents as records
from adapters.database import exchange_news
from adapters.database.engine import Database, Transaction, lost_connection
from adapters.errors import AdapterError, Doubtful, NotSent, Unavailable
from adapters.exchange.keeping import document_key, reply_key
from models.exchange import DocumentKind, Drafted, Outgoing
from models.suppliers import SupplierLine, SupplierOrderStatus

Answer = TypeVar("Answer")


class Documents:
    """One supplier's desk. Every call is one short transaction; safe to share between threads."""

    def __init__(self, database: Database, supplier: str, clock: Callable[[], datetime] | None = None) -> None:
        """Keep documents of ``supplier`` in ``database``. ``clock`` says when; it decides nothing."""
        self._database = database
        self._supplier = supplier
        self._now = clock or (lambda: datetime.now(UTC))

    # What leaves.

    def prepare(self, kind: DocumentKind, numbers: Sequence[str], write: Callable[[int], Drafted]) -> Outgoing:
        """Allot a control number and keep what ``write`` makes of it, once per kind and purchase orders."""
        return self._prepare(kind, document_key(kind, numbers), numbers, write)

    def _prepare(
        self, kind: DocumentKind, key: str, numbers: Sequence[str], write: Callable[[int], Drafted]
    ) -> Outgoing:
        return self._kept(lambda tx: records.prepare(tx, self._supplier, kind, key, numbers, write, self._now()))

    def sent(self, outgoing: Outgoing, *, receipt_due: datetime | None = None) -> None:
        """Note that it has left. Raises Doubtful where that can't be noted: it has left all the same."""
        self._kept(lambda tx: records.mark_sent(tx, outgoing.id, receipt_due, self._now()), always_doubtful=True)

    def withdraw(self, outgoing: Outgoing) -> None:
        """Note that it has not left and never will. Raises Doubtful where that can't be noted: it could be sent again."""
        self._kept(lambda tx: records.withdraw(tx, outgoing.id), always_doubtful=True)

    def find_outgoing(self, kind: DocumentKind, number: str) -> Outgoing | None:
        """Read the newest document of that kind for a purchase order; its state is that of this order in it."""
        return self._read(lambda tx: records.newest(tx, self._supplier, kind, number))

    def unsent(self, *kinds: DocumentKind) -> list[Outgoing]:
        """List what is prepared and not known to have left, oldest first; without kinds, all of it.

        An order that is placed alone is left out, unless a person wants it sent again: its lifecycle sends it, or has
        given it up by now.
        """
        return self._read(lambda tx: records.unsent(tx, self._supplier, kinds))

    # Batches.

    def enqueue(self, number: str, entry: bytes, *, window_ends: datetime) -> None:
        """Put an order into the open batch, once."""
        self._kept(
            lambda tx: records.enqueue(tx, self._supplier, number, entry, window_ends=window_ends, now=self._now())
        )

    def dequeue(self, number: str) -> bool:
        """Take an order out of its batch. False where the batch closed with it, or never had it."""
        with self._transaction(Unavailable) as tx:
            return records.dequeue(tx, self._supplier, number)

    def close_batch(self, now: datetime, write: Callable[[int, Sequence[bytes]], Drafted]) -> Outgoing | None:
        """Close a batch whose window is over; one that nothing is left in ends without a number."""
        with self._transaction(Unavailable) as tx:  # kept or not, nothing has left: the next round finds it
            return records.close_batch(tx, self._supplier, write, now)

    # Answers to what was picked up.

    def replies_due(self) -> list[str]:
        """List the answers that documents picked up ask for and that were not prepared yet."""
        return self._read(lambda tx: exchange_news.replies_due(tx, self._supplier))

    def prepare_reply(self, reply: str, write: Callable[[int], Drafted]) -> Outgoing:
        """Prepare the answer to a document picked up, once."""
        return self._kept(lambda tx: self._reply(tx, reply, write))

    def _reply(self, tx: Transaction, reply: str, write: Callable[[int], Drafted]) -> Outgoing:
        key = reply_key(reply)
        prepared = records.prepare(tx, self._supplier, DocumentKind.RECEIPT, key, (), write, self._now())
        exchange_news.note_reply(tx, self._supplier, prepared.id, reply)
        return prepared

    # What is known.

    def order_status(self, number: str) -> SupplierOrderStatus | None:
        """Tell how an order stands from all news about it and its own documents."""
        return self._read(lambda tx: exchange_news.order_status(tx, self._supplier, number))

    def order_lines(self, number: str) -> tuple[SupplierLine, ...]:
        """Read what was ordered of this supplier under a number, one line per article."""
        return self._read(lambda tx: exchange_news.order_lines(tx, self._supplier, number))

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact of the adapter's own."""
        with self._transaction(Unavailable) as tx:
            exchange_news.remember(tx, self._supplier, key, value)

    def recall(self, key: str) -> str | None:
        """Read such a fact."""
        return self._read(lambda tx: exchange_news.recall(tx, self._supplier, key))

    # Transactions.

    def _read(self, work: Callable[[Transaction], Answer]) -> Answer:
        with self._transaction(Unavailable) as tx:
            return work(tx)

    def _kept(self, work: Callable[[Transaction], Answer], *, always_doubtful: bool = False) -> Answer:
        """Do repeatable work; where its commit was lost, do it once more."""
        try:
            with self._transaction(Doubtful) as tx:
                return work(tx)
        except Doubtful:
            try:
                with self._transaction(Doubtful) as tx:
                    return work(tx)
            except AdapterError:
                raise Doubtful("document desk: the database went away while it was written", code="lost") from None
        except NotSent as error:
            if always_doubtful:
                raise Doubtful(str(error), code=error.code) from None
            raise

    @contextmanager
    def _transaction(self, failure: type[AdapterError]) -> Iterator[Transaction]:
        """Open a transaction. Before it is open nothing can have been written; after that ``failure`` says what it means."""
        begun = False
        try:
            with self._database.begin() as tx:
                begun = True
                yield tx
        except DBAPIError as error:
            if begun and not lost_connection(error):
                raise
            kind = failure if begun or failure is Unavailable else NotSent
            raise kind(
                f"document desk: the database gave no answer ({type(error).__name__})", code="database"
            ) from None
