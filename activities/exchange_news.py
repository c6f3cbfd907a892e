"""Taking in a document of a supplier: kept as it came, read, and what it says applied, in the caller's transaction.

It is the same for every channel: files and mails that were picked up, webhooks, the supplier's page. What can't be
believed, or can't be, becomes a task that names the document; nothing that was written in it stands in a task.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.database import (
    exchange_incoming,
    exchange_invoices,
    exchange_news,
    pushes,
    tasks,
    timeline,
)
from adapters.database.engine import Transaction
from adapters.database.exchange_incoming import Receipted, receipt_key
from adapters.database.exchange_news import KnownOrder
from adapters.exchange import contradictions, told
from adapters.exchange.keeping import repeated_control
from models.articles import normalise_ean
from models.base import format_duration
from models.configuration import Configuration, People, Supplier
from models.exchange import (
    DocumentKind,
    DocumentState,
    Incoming,
    LookAgain,
    OrderInvoiced,
    OrderNews,
    PartnerNews,
    Reading,
    ReceiptArrived,
    StockReported,
    Unclear,
)
from models.tasks import TaskCategory
from workflows.decisions import questions, variance

MOST_NAMED = 5  # orders that a question names
_OWN_NEWS = 1_000_000  # from here on: news that a receipt brings, behind all that a document says itself


@dataclass(frozen=True)
class Partner:
    """Whose documents they are, how that supplier is configured, and Temporal's time."""

    supplier: str
    settings: Supplier
    people: People
    now: datetime

    @classmethod
    def of(cls, configuration: Configuration, supplier: str, now: datetime) -> "Partner":
        """Take what is needed from a configuration that has this supplier."""
        return cls(supplier, configuration.suppliers[supplier], configuration.people, now)


@dataclass(frozen=True)
class Taken:
    """A document that is in our books. ``fresh``: its bytes had not come before."""

    id: int
    state: DocumentState
    fresh: bool

    @property
    def good(self) -> bool:
        """Say whether it was believed."""
        return self.state is DocumentState.APPLIED


def take(tx: Transaction, partner: Partner, incoming: Incoming, read: Callable[[Incoming], Reading]) -> Taken:
    """Keep a document, and apply what it says: once, however often it is picked up."""
    kept = exchange_incoming.keep(tx, partner.supplier, incoming, now=partner.now)
    if kept.known and kept.state is not DocumentState.STORED:
        exchange_incoming.look_again(tx, kept.id)
        return Taken(kept.id, kept.state, fresh=False)
    return apply(tx, partner, kept.id, read(incoming))


def apply(tx: Transaction, partner: Partner, document_id: int, reading: Reading, *, again: bool = False) -> Taken:
    """Apply what a document says, instead of what it was thought to say before, where it is read again.

    ``again``: a person wants it read who knows that its control number came before; a partner may begin them anew.
    """
    exchange_incoming.forget(tx, document_id)
    reason, replies = reading.refused, reading.replies
    control = reading.control
    taken = control is not None and exchange_incoming.control_taken(tx, partner.supplier, control, document_id)
    if control is not None and taken and not again:
        reason, replies = repeated_control(control), reading.replies_if_repeated
    if exchange_incoming.is_answered(tx, document_id):
        replies = ()
    exchange_incoming.settle(tx, document_id, reading, reason=reason, replies=replies, now=partner.now)
    applying = _Applying(tx, partner, document_id)
    if reason:
        applying.doubt("not_believed", reason)
    else:
        applying.all(reading.news)
    applying.ask()
    return Taken(document_id, DocumentState.QUARANTINED if reason else DocumentState.APPLIED, fresh=True)


def set_aside(tx: Transaction, partner: Partner, incoming: Incoming, problem: str) -> Taken:
    """Keep a document that could not even be applied, e.g. because our own code fails on it, and ask a person."""
    kept = exchange_incoming.keep(tx, partner.supplier, incoming, now=partner.now)
    return apply(tx, partner, kept.id, Reading(kind=DocumentKind.UNKNOWN, refused=problem))


def note_stuck(tx: Transaction, partner: Partner, document_id: int, code: str) -> None:
    """Ask about a document that was read and can't be put away, so that it comes round after round; "": it can by now."""
    key = f"document:{document_id}:stuck"
    if not code:
        tasks.close_for(tx, key, answer="it is put away", now=partner.now)
        return
    reason = f"it was read, and can't be put away: {code}; move it out of the inbox, or correct the folder's rights"
    facts = {"document": f"document {document_id}", "reason": reason}
    evidence = {"document": document_id, "see": f"dropwright documents show {document_id}", "problem": code}
    _open(tx, partner, TaskCategory.DOCUMENT_UNCLEAR, tasks.About(key=key), facts, evidence)


def ask_about_overdue(tx: Transaction, partner: Partner) -> int:
    """Ask, once each, about documents of ours that were not confirmed in time. Returns how many are new."""
    late = exchange_incoming.overdue(tx, partner.supplier, now=partner.now)
    for one in late:
        waited = format_duration(partner.now - one.settled_at)
        facts = {"control": str(one.control), "orders": _named(one.numbers), "waited": waited}
        evidence = {"document": one.id, "see": f"dropwright documents show {one.id}", "orders": list(one.numbers)}
        _open(tx, partner, TaskCategory.RECEIPT_OVERDUE, tasks.About(key=receipt_key(one.id)), facts, evidence)
    return len(late)


def _refused_key(document_id: int) -> str:
    return f"document:{document_id}:refused"


def _named(numbers: Sequence[str]) -> str:
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return ", ".join(numbers[:MOST_NAMED]) + more or "no order"


def _open(
    tx: Transaction,
    partner: Partner,
    category: TaskCategory,
    about: tasks.About,
    facts: Mapping[str, str],
    evidence: Mapping[str, Any],
) -> None:
    draft = questions.draft(category, {"supplier": partner.settings.display_name, **facts})
    evidence = {"supplier": partner.supplier, **evidence}
    tasks.open_task(tx, about, draft, evidence, people=partner.people, now=partner.now)


@dataclass
class _Applying:
    """One document while what it says is applied: what a person must see is gathered, and asked about at the end."""

    tx: Transaction
    partner: Partner
    document_id: int
    doubts: list[dict[str, str]] = field(default_factory=list)
    about: dict[int, KnownOrder] = field(default_factory=dict)
    brought: int = 0

    def all(self, news: Sequence[PartnerNews]) -> None:
        """Apply all that was said, in its order."""
        for place, one in enumerate(news):
            match one:
                case Unclear():
                    self._unclear(one)
                case ReceiptArrived():
                    self._receipt(one)
                case StockReported():
                    self._stock(one, place)
                case _:
                    self._order_news(one, place)

    def doubt(self, reason: str, detail: str = "", number: str = "") -> None:
        """Gather what a person must see of the document itself."""
        told_of = {"reason": reason, "detail": detail, "number": number}
        self.doubts.append({name: value for name, value in told_of.items() if value})

    def ask(self) -> None:
        """Open one task for the document, with everything; or close the one that it had before it was read again."""
        key = f"document:{self.document_id}"
        if not self.doubts:
            tasks.close_for(self.tx, key, answer="it is understood now", now=self.partner.now)
            return
        first = self.doubts[0]
        words = f"{first['reason']}: {first['detail']}" if first.get("detail") else first["reason"]
        more = f" and {len(self.doubts) - 1} more" if len(self.doubts) > 1 else ""
        facts = {"document": f"document {self.document_id}", "reason": words[:160] + more}
        evidence = {**self._see(), "problems": self.doubts[:20]}
        only = next(iter(self.about.values())) if len(self.about) == 1 else None
        about = tasks.About(
            key=key, order_id=only.order_id if only else None, purchase_order_id=only.id if only else None
        )
        _open(self.tx, self.partner, TaskCategory.DOCUMENT_UNCLEAR, about, facts, evidence)

    def _see(self) -> dict[str, Any]:
        return {"document": self.document_id, "see": f"dropwright documents show {self.document_id}"}

    # What is said of orders.

    def _known(self, number: str) -> KnownOrder | None:
        """Find the order that is meant; what a supplier says of others' orders, or of none, is not believed."""
        order = exchange_news.purchase_order(self.tx, number)
        if order is not None and order.supplier == self.partner.supplier:
            self.about[order.id] = order
            return order
        exchange_incoming.name_order(self.tx, self.document_id, number, DocumentState.QUARANTINED)
        if order is None:
            self.doubt("unknown_order")
        else:
            self.doubt("order_of_another_supplier", number=number)
        return None

    def _order_news(self, one: OrderNews, place: int) -> None:
        order = self._known(one.number)
        if order is None:
            return
        ordered = exchange_news.order_lines(self.tx, order.supplier, order.number)
        earlier = exchange_news.history(self.tx, order.supplier, order.number)
        problem = contradictions.find_problem(ordered, earlier, one)
        self._note(order, one, place)
        if problem:
            evidence = {"purchase_order": order.number, **self._see()}
            about = self._about(order, f"purchase-order:{order.id}:{TaskCategory.SHIPMENT_CONTRADICTS}")
            facts = {"number": order.number, "order": order.order_name, "problem": problem[:200]}
            _open(self.tx, self.partner, TaskCategory.SHIPMENT_CONTRADICTS, about, facts, evidence)
        if isinstance(one, OrderInvoiced):
            self._invoice(order, one)

    def _note(self, order: KnownOrder, one: OrderNews, place: int) -> None:
        exchange_incoming.note(self.tx, self.document_id, order, one, place, now=self.partner.now)
        if not isinstance(one, LookAgain):
            timeline.tell(
                self.tx,
                order.order_id,
                "supplier.reported",
                at=self.partner.now,
                purchase_order_id=order.id,
                key=f"document:{self.document_id}:{place}:{one.news}",
                supplier=order.supplier,
                news=one.news,
                document=self.document_id,
            )

    def _about(self, order: KnownOrder, key: str) -> tasks.About:
        return tasks.About(key=key, order_id=order.order_id, purchase_order_id=order.id)

    def _unclear(self, one: Unclear) -> None:
        if one.number is None or self._known(one.number) is not None:
            self.doubt(one.reason, one.detail, one.number or "")

    # Invoices.

    def _invoice(self, order: KnownOrder, invoice: OrderInvoiced) -> None:
        known = exchange_invoices.known_invoice(self.tx, order.supplier, invoice.invoice)
        if known is not None and known.document_id != self.document_id:
            if known.contradicts(order, invoice):
                self.doubt("invoice_number_repeated", number=order.number)
            return
        judged = self._judged(order, invoice)
        exchange_invoices.keep_invoice(
            self.tx,
            self.document_id,
            order,
            invoice,
            expected=judged.expected,
            agrees=judged.agrees,
            now=self.partner.now,
        )
        if not judged.agrees:
            expected = "an unknown amount"
            if judged.expected is not None:
                expected = f"{judged.expected:.2f} {order.currency}"
            facts = {"number": order.number, "order": order.order_name, "total": str(invoice.total)}
            evidence = {"purchase_order": order.number, "invoice": invoice.invoice, **self._see()}
            about = self._about(order, f"invoice:{order.supplier}:{invoice.invoice}")
            _open(self.tx, self.partner, TaskCategory.INVOICE_DIFFERS, about, {**facts, "expected": expected}, evidence)

    def _judged(self, order: KnownOrder, invoice: OrderInvoiced) -> variance.Judgement:
        ordered = exchange_news.order_lines(self.tx, order.supplier, order.number)
        said = told.answers(told.Articles(ordered), exchange_news.history(self.tx, order.supplier, order.number))
        expected = variance.Expected(
            currency=order.currency,
            goods=variance.goods_cost(ordered, said),
            shipping=exchange_invoices.shipping_of(self.tx, order),
            invoiced=exchange_invoices.invoiced_before(self.tx, order, invoice),
        )
        costs = {normalise_ean(line.ean): line.unit_cost.amount for line in ordered if line.unit_cost}
        costs |= {normalise_ean(line.ean): line.unit_cost.amount for line in said if line.unit_cost}
        return variance.judge(invoice, expected, costs, self.partner.settings.acknowledging.price_tolerance)

    # Receipts and stock.

    def _receipt(self, receipt: ReceiptArrived) -> None:
        receipted = exchange_incoming.receive(self.tx, self.partner.supplier, receipt, now=self.partner.now)
        if receipted is None:
            self.doubt("receipt_for_nothing_of_ours", f"control {receipt.control}")
            return
        answer = "the receipt has come"
        tasks.close_for(self.tx, receipt_key(receipted.id), answer=answer, now=self.partner.now)
        for number in receipted.numbers:
            self._wake(number)
        if receipted.refused or not receipt.accepted:
            self._ask_about_refused(receipt, receipted)
        else:
            taken = "it was taken after all"
            tasks.close_for(self.tx, _refused_key(receipted.id), answer=taken, now=self.partner.now)

    def _wake(self, number: str) -> None:
        """A submission in doubt, or a wait for a word, looks again at what its document has become."""
        order = exchange_news.purchase_order(self.tx, number)
        if order is not None and order.supplier == self.partner.supplier:
            self.brought += 1
            self._note(order, LookAgain(number=number), _OWN_NEWS + self.brought)

    def _ask_about_refused(self, receipt: ReceiptArrived, receipted: Receipted) -> None:
        refused = receipted.refused or receipted.numbers
        codes = " ".join(receipt.codes) or "no code given"
        facts = {"control": str(receipt.control), "orders": _named(refused), "codes": codes[:100]}
        evidence = {"refused_document": receipted.id, "orders": list(refused), **self._see()}
        about = tasks.About(key=_refused_key(receipted.id))
        _open(self.tx, self.partner, TaskCategory.DOCUMENT_REFUSED, about, facts, evidence)

    def _stock(self, report: StockReported, place: int) -> None:
        feed = self.partner.settings.feeds.get(report.feed)
        if feed is None or feed.source != "push":
            self.doubt("stock_without_feed", f"no feed {report.feed} with source push")
            return
        delivery = f"document-{self.document_id}-{place}"
        push = pushes.Push(self.partner.supplier, report.feed, delivery, report.body)
        pushes.store(self.tx, push, now=self.partner.now)
