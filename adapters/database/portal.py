"""What a supplier sees of a purchase order on its page, and what it has told us of it. Statements only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, text

from adapters.database import exchange_documents, exchange_incoming, exchange_news
from adapters.database.engine import Database, Transaction
from models.exchange import CancelAnswered, Direction, DocumentKind, DocumentState, OrderInvoiced, OrderNews
from models.exchange_tables import partner_document_orders, partner_documents, partner_news
from models.orders import Address
from models.statuses import PurchaseOrderState
from models.suppliers import SupplierLine, SupplierOrderStatus
from models.tables import addresses, orders, purchase_order_lines, purchase_orders

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LEFT = (DocumentState.SENT, DocumentState.RECEIVED)


@dataclass(frozen=True)
class PageOrder:
    """A purchase order as its supplier's page shows it. Holds personal data.

    ``ended``: its lifecycle is over. ``declined`` counts, per article, the units that the supplier has refused and that
    are ordered elsewhere by now; ``newest`` numbers the last that was said of it by anybody, 0 where nothing was.
    """

    id: int
    number: str
    supplier: str
    currency: str
    test: bool
    state: PurchaseOrderState
    ended: bool
    carrier: str
    ship_by: date | None
    arrive_by: date | None
    ordered_on: date | None
    address: Address | None
    lines: tuple[SupplierLine, ...]
    declined: dict[str, int]
    status: SupplierOrderStatus | None
    news: tuple[OrderNews, ...]
    cancel_asked: bool
    newest: int

    def still_wanted(self, line: SupplierLine) -> int:
        """Count an article's units that this supplier is still to deliver."""
        return line.quantity - self.declined.get(line.ean, 0)

    @property
    def invoices(self) -> list[OrderInvoiced]:
        """List what was invoiced, in the sequence in which it came."""
        return [one for one in self.news if isinstance(one, OrderInvoiced)]


def purchase_order_id(database: Database, number: str) -> int | None:
    """Return a purchase order's own number by ours."""
    with database.begin() as tx:
        found: int | None = tx.execute(select(purchase_orders.c.id).where(purchase_orders.c.number == number)).scalar()
        return found


def one_at_a_time(tx: Transaction, order_id: int) -> None:
    """Take in what is entered for a purchase order one after the other: what contradicts the earlier is seen."""
    tx.execute(_LOCK, {"name": f"portal:{order_id}"})


def read(tx: Transaction, order_id: int) -> PageOrder | None:
    """Read all that a purchase order's page shows. None where there is no such order."""
    columns = (
        "id",
        "number",
        "supplier",
        "test",
        "state",
        "ended_at",
        "carrier",
        "ship_by",
        "arrive_by",
        "confirmed_at",
    )
    query = select(orders.c.currency, purchase_orders.c.order_id, *(purchase_orders.c[name] for name in columns))
    query = query.join(orders, orders.c.id == purchase_orders.c.order_id)
    row = tx.execute(query.where(purchase_orders.c.id == order_id)).one_or_none()
    if row is None:
        return None
    sent_at = _sent_at(tx, row.supplier, row.number)
    ordered_at = sent_at or row.confirmed_at
    news = tuple(exchange_news.history(tx, row.supplier, row.number))
    return PageOrder(
        id=row.id,
        number=row.number,
        supplier=row.supplier,
        currency=row.currency,
        test=row.test,
        state=PurchaseOrderState(row.state),
        ended=row.ended_at is not None,
        carrier=row.carrier or "",
        ship_by=row.ship_by,
        arrive_by=row.arrive_by,
        ordered_on=ordered_at.date() if ordered_at else None,
        address=_address(tx, row.order_id, sent_at),
        lines=exchange_news.order_lines(tx, row.supplier, row.number),
        declined=_declined(tx, row.id),
        status=exchange_news.order_status(tx, row.supplier, row.number),
        news=news,
        cancel_asked=_cancel_asked(tx, row.supplier, row.number, news),
        newest=_newest(tx, row.id),
    )


def _sent_at(tx: Transaction, supplier: str, number: str) -> datetime | None:
    order = exchange_documents.newest(tx, supplier, DocumentKind.ORDER, number)
    return order.prepared_at if order else None


def _address(tx: Transaction, order_id: int, sent_at: datetime | None) -> Address | None:
    """Read where its parcels go: as our order to the supplier said, whatever was changed since."""
    query = select(addresses.c.address).where(addresses.c.order_id == order_id)
    if sent_at is not None:
        query = query.order_by((addresses.c.stored_at <= sent_at).desc())
    found = tx.execute(query.order_by(addresses.c.id.desc()).limit(1)).scalar()
    return Address.model_validate(found) if found else None


def _declined(tx: Transaction, order_id: int) -> dict[str, int]:
    lines = purchase_order_lines.c
    query = select(lines.ean, func.sum(lines.declined)).where(lines.purchase_order_id == order_id)
    return {ean: units for ean, units in tx.execute(query.group_by(lines.ean)) if units}


def _cancel_asked(tx: Transaction, supplier: str, number: str, news: Sequence[OrderNews]) -> bool:
    asked = exchange_documents.newest(tx, supplier, DocumentKind.CANCELLATION, number)
    answered = any(isinstance(one, CancelAnswered) for one in news)
    return asked is not None and asked.state in _LEFT and not answered


def _newest(tx: Transaction, order_id: int) -> int:
    query = select(func.coalesce(func.max(partner_news.c.id), 0)).where(partner_news.c.purchase_order_id == order_id)
    newest: int = tx.execute(query).scalar_one()
    return newest


def entered(tx: Transaction, number: str) -> tuple[int, int]:
    """Count what was entered for a purchase order on its page: forms and files, and how many bytes they have."""
    documents, named = partner_documents.c, partner_document_orders.c
    query = (
        select(func.count(), func.coalesce(func.sum(documents.size), 0))
        .join_from(partner_document_orders, partner_documents, named.document_id == documents.id)
        .where(named.number == number, documents.direction == Direction.IN, documents.kind == DocumentKind.PORTAL)
    )
    count, size = tx.execute(query).one()
    return count, int(size)


def name_order(tx: Transaction, document_id: int, number: str) -> None:
    """Note that an uploaded file belongs to an order; one file may belong to several."""
    exchange_incoming.name_order(tx, document_id, number, DocumentState.APPLIED)


# Webhooks.


def orders_of(tx: Transaction, supplier: str, numbers: Sequence[str]) -> set[str]:
    """Say which of these numbers are orders of ours at this supplier."""
    query = select(purchase_orders.c.number).where(
        purchase_orders.c.supplier == supplier, purchase_orders.c.number.in_(numbers)
    )
    return set(tx.execute(query).scalars())


def name_repeated(tx: Transaction, supplier: str, name: str, digest: str) -> bool:
    """Say whether a webhook of this delivery id came before, with other content."""
    query = select(func.count()).where(
        partner_documents.c.supplier == supplier,
        partner_documents.c.kind == DocumentKind.WEBHOOK,
        partner_documents.c.name == name,
        partner_documents.c.digest != digest,
    )
    return bool(tx.execute(query).scalar_one())


# Telling.


def suppliers_with_untold_news(tx: Transaction, *, before: datetime) -> list[str]:
    """Name the suppliers that have said something before then that no lifecycle has heard of."""
    query = select(partner_news.c.supplier).where(partner_news.c.told_at.is_(None), partner_news.c.said_at < before)
    return list(tx.execute(query.distinct().order_by(partner_news.c.supplier)).scalars())
