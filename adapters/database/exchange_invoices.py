"""Suppliers' invoices, and what a purchase order was planned to cost."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from adapters.database.exchange_news import KnownOrder
from models.exchange import OrderInvoiced
from models.exchange_tables import supplier_invoices
from models.tables import costs


def shipping_of(tx: Transaction, order: KnownOrder) -> Decimal:
    """Add up what its shipping and handling should cost, in its order's currency."""
    query = select(func.coalesce(func.sum(costs.c.amount), 0)).where(
        costs.c.purchase_order_id == order.id, costs.c.kind != "goods", costs.c.currency == order.currency
    )
    return Decimal(tx.execute(query).scalar_one())


def invoiced_before(tx: Transaction, order: KnownOrder, invoice: OrderInvoiced) -> Decimal:
    """Add up a purchase order's other invoices in the same currency."""
    query = select(func.coalesce(func.sum(supplier_invoices.c.total), 0)).where(
        supplier_invoices.c.purchase_order_id == order.id,
        supplier_invoices.c.invoice != invoice.invoice,
        supplier_invoices.c.currency == invoice.total.currency,
    )
    return Decimal(tx.execute(query).scalar_one())


@dataclass(frozen=True)
class KnownInvoice:
    """An invoice with this number that is in our books already."""

    purchase_order_id: int
    document_id: int
    total: Decimal
    currency: str

    def contradicts(self, order: KnownOrder, invoice: OrderInvoiced) -> bool:
        """Say whether the same number stands for something else now."""
        same = (self.purchase_order_id, self.total, self.currency)
        return same != (order.id, invoice.total.amount, invoice.total.currency)


def known_invoice(tx: Transaction, supplier: str, invoice: str) -> KnownInvoice | None:
    """Read an invoice by its supplier's number."""
    columns = ("purchase_order_id", "document_id", "total", "currency")
    query = select(*(supplier_invoices.c[name] for name in columns)).where(
        supplier_invoices.c.supplier == supplier, supplier_invoices.c.invoice == invoice
    )
    row = tx.execute(query).one_or_none()
    return KnownInvoice(*row) if row else None


def keep_invoice(
    tx: Transaction,
    document_id: int,
    order: KnownOrder,
    invoice: OrderInvoiced,
    *,
    expected: Decimal | None,
    agrees: bool,
    now: datetime,
) -> None:
    """Keep an invoice; the same document read again replaces what it said, another one changes nothing."""
    row = {
        "supplier": order.supplier,
        "invoice": invoice.invoice,
        "purchase_order_id": order.id,
        "document_id": document_id,
        "issued_on": invoice.issued_on,
        "total": invoice.total.amount,
        "charges": invoice.charges.amount if invoice.charges else None,
        "currency": invoice.total.currency,
        "expected": expected,
        "agrees": agrees,
        "stored_at": now,
    }
    insertion = upsert(supplier_invoices).values(row)
    changed = {name: insertion.excluded[name] for name in row if name not in ("supplier", "invoice")}
    keys = ["supplier", "invoice"]
    same = supplier_invoices.c.document_id == document_id
    tx.execute(insertion.on_conflict_do_update(index_elements=keys, set_=changed, where=same))
