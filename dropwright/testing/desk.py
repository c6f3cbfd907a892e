"""A document desk in memory, for tests of adapters that speak by documents: no database, the same behaviour.

``MemoryDesk`` is what ``adapters.ports.DocumentDesk`` promises. ``run_round`` is one round of the exchange on it: what
the product does in ``activities.exchange``, without transactions, tasks and workflows.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from adapters.exchange import told
from adapters.exchange.keeping import (
    batch_key,
    document_key,
    document_state_after,
    remark_on,
    repeated_control,
    reply_key,
    state_after,
    upload_fact,
)
from adapters.ports import ExchangingPort
from models.exchange import (
    DocumentKind,
    DocumentState,
    Drafted,
    Incoming,
    OrderNews,
    Outgoing,
    PartnerNews,
    Reading,
    ReceiptArrived,
    StockReported,
    Unclear,
)
from models.suppliers import SupplierLine, SupplierOrder, SupplierOrderStatus


@dataclass
class OutRecord:
    """A document of ours. ``orders`` holds the state of every purchase order in it, ``entries`` what a batch collects."""

    id: int
    kind: DocumentKind
    key: str | None
    state: DocumentState
    prepared_at: datetime
    orders: dict[str, DocumentState]
    control: int = 0
    name: str = ""
    body: bytes = field(default=b"", repr=False)
    entries: dict[str, bytes] = field(default_factory=dict, repr=False)
    window_ends: datetime | None = None
    receipt_due: datetime | None = None
    receipt_at: datetime | None = None
    sent_at: datetime | None = None
    codes: str = ""

    def outgoing(self) -> Outgoing:
        """Show it as the port does; of an open batch there is no control number and no body yet."""
        numbers = tuple(number for number, state in self.orders.items() if state is not DocumentState.WITHDRAWN)
        return Outgoing(
            id=self.id,
            kind=self.kind,
            control=self.control,
            name=self.name or str(self.id),
            numbers=numbers,
            state=self.state,
            body=self.body,
            prepared_at=self.prepared_at,
            again=self.state is DocumentState.PREPARED and self.sent_at is not None,
        )


@dataclass
class InRecord:
    """A document picked up, as it came."""

    id: int
    incoming: Incoming
    digest: str
    reading: Reading
    state: DocumentState
    reason: str = ""
    repeats: int = 0
    replied: set[str] = field(default_factory=set)


class MemoryDesk:
    """A ``DocumentDesk`` that forgets everything with its process.

    ``ordered`` says which lines were ordered under a number; ``expect`` notes those of one order. Where nothing is
    known of them, what a supplier says is taken as it is.
    """

    def __init__(
        self,
        *,
        ordered: Callable[[str], Sequence[SupplierLine]] = lambda _: (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.outgoing: list[OutRecord] = []
        self.incoming: list[InRecord] = []
        self.news: list[OrderNews] = []
        self.unclear: list[Unclear] = []
        self.stock: list[StockReported] = []
        self.strange_receipts: list[ReceiptArrived] = []
        self._ordered = ordered
        self._lines: dict[str, tuple[SupplierLine, ...]] = {}
        self._facts: dict[str, str] = {}
        self._clock = clock
        self._ids = count(1)
        self._last_control = 0

    def expect(self, order: SupplierOrder) -> SupplierOrder:
        """Note what is ordered under a number, as planning does in the product; returns the order."""
        self._lines[order.number] = order.lines
        return order

    # What an adapter asks of it.

    def prepare(self, kind: DocumentKind, numbers: Sequence[str], write: Callable[[int], Drafted]) -> Outgoing:
        """Allot a control number and keep what ``write`` makes of it, once per kind and purchase orders."""
        return self._prepare(kind, document_key(kind, numbers), numbers, write)

    def _prepare(
        self, kind: DocumentKind, key: str, numbers: Sequence[str], write: Callable[[int], Drafted]
    ) -> Outgoing:
        known = next((one for one in self.outgoing if one.key == key), None)
        if known is not None:
            return known.outgoing()
        drafted = write(self._last_control + 1)
        if kind is DocumentKind.ORDER:
            self._leave_batches(numbers)
        states = dict.fromkeys(numbers, DocumentState.PREPARED)
        record = OutRecord(next(self._ids), kind, key, DocumentState.PREPARED, self._clock(), states)
        self._fix(record, drafted)
        self.outgoing.append(record)
        return record.outgoing()

    def _fix(self, record: OutRecord, drafted: Drafted) -> None:
        self._last_control += 1
        record.control, record.name, record.body = self._last_control, drafted.name, drafted.body
        record.prepared_at = self._clock()

    def sent(self, outgoing: Outgoing, *, receipt_due: datetime | None = None) -> None:
        """Note that it has left; a receipt that came faster stays."""
        record = self._record(outgoing)
        record.sent_at = self._clock()
        if record.state is DocumentState.PREPARED:
            _move(record, DocumentState.PREPARED, DocumentState.SENT)
        if record.receipt_at is None:
            record.receipt_due = receipt_due

    def withdraw(self, outgoing: Outgoing) -> None:
        """Note that it has not left and never will."""
        record = self._record(outgoing)
        if record.state in (DocumentState.QUEUED, DocumentState.PREPARED):
            record.state, record.key = DocumentState.WITHDRAWN, None
            record.orders = dict.fromkeys(record.orders, DocumentState.WITHDRAWN)

    def find_outgoing(self, kind: DocumentKind, number: str) -> Outgoing | None:
        """Read the newest document of that kind for a purchase order; its state is that of this order in it."""
        for record in reversed(self.outgoing):
            state = record.orders.get(number, DocumentState.WITHDRAWN)
            if record.kind is kind and state is not DocumentState.WITHDRAWN:
                return record.outgoing().model_copy(update={"state": state})
        return None

    def enqueue(self, number: str, entry: bytes, *, window_ends: datetime) -> None:
        """Put an order into the open batch, once."""
        if self.find_outgoing(DocumentKind.ORDER, number) is not None:
            return
        batch = self._open_batch(window_ends)
        batch.orders[number], batch.entries[number] = DocumentState.QUEUED, entry

    def dequeue(self, number: str) -> bool:
        """Take an order out of its batch. False where the batch closed with it, or never had it."""
        for batch in self._open_batches():
            if batch.orders.get(number) is DocumentState.QUEUED:
                batch.orders[number] = DocumentState.WITHDRAWN
                del batch.entries[number]
                return True
        own = self._own(number)
        return own is not None and own.state is DocumentState.WITHDRAWN

    def close_batch(self, now: datetime, write: Callable[[int, Sequence[bytes]], Drafted]) -> Outgoing | None:
        """Close a batch whose window is over; one that nothing is left in ends without a number."""
        for batch in self._open_batches():
            if batch.window_ends is None or batch.window_ends > now:
                continue
            if not batch.entries:
                batch.state, batch.key = DocumentState.WITHDRAWN, None
                continue
            self._fix(batch, write(self._last_control + 1, list(batch.entries.values())))
            batch.key = f"{batch.key}/{batch.id}"
            _move(batch, DocumentState.QUEUED, DocumentState.PREPARED)
            return batch.outgoing()
        return None

    def unsent(self, *kinds: DocumentKind) -> list[Outgoing]:
        """List what is prepared and not known to have left, oldest first; without kinds, all of it.

        An order that is placed alone is left out, unless a person wants it sent again: its lifecycle sends it, or has
        given it up by now.
        """
        waiting = [one for one in self.outgoing if one.state is DocumentState.PREPARED and not _is_placed_alone(one)]
        return [one.outgoing() for one in waiting if not kinds or one.kind in kinds]

    def resend(self, outgoing: Outgoing) -> None:
        """Do what a person asks for who wants a document sent again: the same bytes, with the next round."""
        record = self._record(outgoing)
        record.receipt_due, record.receipt_at = None, None
        record.sent_at = record.sent_at or self._clock()
        if record.state is DocumentState.REFUSED:
            self._facts.pop(upload_fact(record.control), None)
        record.orders = {
            number: state if state is DocumentState.WITHDRAWN else DocumentState.PREPARED
            for number, state in record.orders.items()
        }
        record.state = DocumentState.PREPARED

    def replies_due(self) -> list[str]:
        """List the answers that documents picked up ask for and that were not prepared yet."""
        return [reply for one in self.incoming for reply in one.reading.replies if reply not in one.replied]

    def prepare_reply(self, reply: str, write: Callable[[int], Drafted]) -> Outgoing:
        """Prepare the answer to a document picked up, once."""
        outgoing = self._prepare(DocumentKind.RECEIPT, reply_key(reply), (), write)
        for one in self.incoming:
            if reply in one.reading.replies:
                one.replied.add(reply)
        return outgoing

    def order_status(self, number: str) -> SupplierOrderStatus | None:
        """Tell how an order stands from all news about it and its own documents."""
        news = [one for one in self.news if one.number == number]
        return told.tell(self.order_lines(number), news, self._own(number))

    def order_lines(self, number: str) -> tuple[SupplierLine, ...]:
        """Read what was ordered under a number."""
        return self._lines.get(number) or tuple(self._ordered(number))

    def remember(self, key: str, value: str) -> None:
        """Keep a small fact of the adapter's own."""
        self._facts[key] = value

    def recall(self, key: str) -> str | None:
        """Read such a fact."""
        return self._facts.get(key)

    # What a round of the exchange does with it.

    def apply(self, incoming: Incoming, read: Callable[[Incoming], Reading]) -> InRecord:
        """Keep a document and what it says, once; the same bytes again count as a repetition.

        Another document with the same control number is kept, and not believed.
        """
        digest = hashlib.sha256(incoming.body).hexdigest()
        known = next((one for one in self.incoming if one.digest == digest), None)
        if known is not None:
            known.repeats += 1
            return known
        record = self._judged(incoming, digest, read(incoming))
        self.incoming.append(record)
        if record.state is DocumentState.APPLIED:
            for one in record.reading.news:
                self._take(one)
        return record

    def _judged(self, incoming: Incoming, digest: str, reading: Reading) -> InRecord:
        reason, control = reading.refused, reading.control
        believed = [one.reading.control for one in self.incoming if one.state is DocumentState.APPLIED]
        if control is not None and control in believed:
            reason = repeated_control(control)
            reading = reading.model_copy(update={"replies": reading.replies_if_repeated})
        state = DocumentState.QUARANTINED if reason else DocumentState.APPLIED
        return InRecord(next(self._ids), incoming, digest, reading, state, reason)

    def _take(self, one: PartnerNews) -> None:
        match one:
            case Unclear():
                self.unclear.append(one)
            case StockReported():
                self.stock.append(one)
            case ReceiptArrived():
                self._receive(one)
            case _:
                self.news.append(one)

    def _receive(self, receipt: ReceiptArrived) -> None:
        record = next((one for one in self.outgoing if one.control == receipt.control), None)
        if record is None or record.kind is DocumentKind.RECEIPT or record.state is DocumentState.WITHDRAWN:
            self.strange_receipts.append(receipt)
            return
        record.receipt_at, record.codes = self._clock(), " ".join(receipt.codes)
        for number, state in record.orders.items():
            if state is not DocumentState.WITHDRAWN:
                record.orders[number] = state_after(receipt, number)
        record.state = document_state_after(receipt)

    def _own(self, number: str) -> told.Own | None:
        for record in reversed(self.outgoing):
            if record.kind is not DocumentKind.ORDER or number not in record.orders:
                continue
            if record.state is DocumentState.WITHDRAWN and record.control:
                continue  # as though it had never been: another one is prepared in its place
            state = record.orders[number]
            return told.Own(state, remark_on(state, record.window_ends, record.codes))
        return None

    def _record(self, outgoing: Outgoing) -> OutRecord:
        return next(one for one in self.outgoing if one.id == outgoing.id)

    def _open_batches(self) -> list[OutRecord]:
        return [one for one in self.outgoing if one.state is DocumentState.QUEUED]

    def _open_batch(self, window_ends: datetime) -> OutRecord:
        key = batch_key(window_ends)
        for batch in self._open_batches():
            if batch.key == key:
                return batch
        batch = OutRecord(next(self._ids), DocumentKind.ORDER, key, DocumentState.QUEUED, self._clock(), {})
        batch.window_ends = window_ends
        self.outgoing.append(batch)
        return batch

    def _leave_batches(self, numbers: Iterable[str]) -> None:
        for number in numbers:
            self.dequeue(number)


def _is_placed_alone(record: OutRecord) -> bool:
    return record.kind is DocumentKind.ORDER and record.window_ends is None and record.sent_at is None


def _move(record: OutRecord, before: DocumentState, after: DocumentState) -> None:
    record.state = after
    record.orders = {number: after if state is before else state for number, state in record.orders.items()}


def run_round(port: ExchangingPort, desk: MemoryDesk, now: datetime | None = None) -> list[InRecord]:
    """Run one round of the exchange: pick up, apply and put away each document, then send what is due.

    Returns what was picked up. Raises what the port raises, after what was put away before it.
    """
    taken: list[InRecord] = []
    for incoming in port.pick_up():
        record = desk.apply(incoming, port.read)
        port.put_away(incoming, good=record.state is DocumentState.APPLIED)
        taken.append(record)
    port.send_due(now or datetime.now(UTC))
    return taken
