"""Orders at our own warehouse, as their lifecycles leave them once it has them."""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, text

from adapters.database import picks
from adapters.database.engine import Database
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder
from models.tables import orders, plans, purchase_order_lines, purchase_orders
from tests.starter.world import PLANTED

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EAN, OTHER = "4006381333931", "8411061123456"
OWN = {"adapter": "warehouse", "display_name": "Own", "metafield_namespace": "own", "mode": "live"}


class Picking:
    """Purchase orders at our own warehouse, as their lifecycle leaves them once it has placed them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, key: int = 1, *, ship_by: date | None = None) -> str:
        """Open one of two articles: three units and one."""
        number = f"DW-{key}-11"
        order = {"id": key, "channel": "main", "storefront_order_id": f"7{key}", "name": f"#{key}", "state": "open"}
        usual = {"currency": "EUR", "total": 1, "test": False, "paid": True, "content_key": ""}
        times = {"placed_at": NOW, "storefront_updated_at": NOW, "received_at": NOW}
        line = {"order_id": key, "position": 1, "unit_price": 1, "requires_shipping": True, "sku": "", "variant_id": ""}
        share = {
            "id": key,
            "order_id": key,
            "plan_no": 1,
            "number": number,
            "supplier": "own",
            "attempt": 1,
            "workflow_id": self.workflow_id(key),
            "state": "acknowledged",
            "mode": "live",
            "test": False,
            "submission": "placed",
            "supplier_number": number,
            "confirmed_at": NOW,
            "acknowledged_at": NOW,
            "ship_by": ship_by,
        }
        with self._database.begin() as tx:
            tx.execute(insert(orders), {**order, **usual, **times})
            self._lines(tx, key, line)
            plan = {"order_id": key, "plan_no": 1, "configuration_id": 1, "mode": "live", "reasons": {}}
            tx.execute(insert(plans), {**plan, "planned_at": NOW})
            tx.execute(insert(purchase_orders), share)
            rows = [(f"{key}1", EAN, "SHELF-1", 3), (f"{key}2", OTHER, "SHELF-2", 1)]
            for line_id, ean, sku, units in rows:
                row = {"purchase_order_id": key, "line_id": line_id, "ean": ean, "sku": sku, "quantity": units}
                tx.execute(insert(purchase_order_lines), row)
            picks.open_task(tx, "own", self._document(number), now=NOW)
        return number

    def _lines(self, tx: Any, key: int, line: dict[str, Any]) -> None:
        query = text(
            "INSERT INTO order_lines (order_id, line_id, position, sku, variant_id, title, quantity, unit_price, "
            "requires_shipping) VALUES (:order_id, :line_id, :position, :sku, :variant_id, :title, :quantity, :unit_price, "
            ":requires_shipping)"
        )
        tx.execute(query, {**line, "line_id": f"{key}1", "title": "Cream <50 ml>", "quantity": 3})
        tx.execute(query, {**line, "line_id": f"{key}2", "title": "Soap", "quantity": 1})

    def _document(self, number: str) -> SupplierOrder:
        address = Address(name=PLANTED[0], address1=PLANTED[1], postal_code="28001", city="Madrid", country_code="ES")
        lines = (SupplierLine(ean=EAN, quantity=3), SupplierLine(ean=OTHER, quantity=1))
        return SupplierOrder(number=number, lines=lines, quote_id="table", address=address, test=False)

    def workflow_id(self, key: int = 1) -> str:
        """Name the lifecycle."""
        return f"purchase-order/main/7{key}/own/1"

    def rows(self, query: str) -> list[Any]:
        """Look into the database."""
        with self._database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(query))]

    def clear(self) -> None:
        """Take everything away again."""
        with self._database.begin() as tx:
            tx.execute(text("TRUNCATE orders, pick_tasks, timeline CASCADE"))
