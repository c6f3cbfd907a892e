"""What a file of ours can say of an order: each field's value, as text, for one of its lines."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.suppliers import SupplierLine, SupplierOrder


@dataclass(frozen=True)
class Row:
    """One line of an order, and what the partner calls its way of shipping. ``control`` is the file's number."""

    order: SupplierOrder
    line: SupplierLine
    position: int  # from 1
    control: int
    ship_method: str


Value = str | int | Decimal | date | None
_FIELDS: dict[str, Callable[[Row], Value]] = {
    "po_number": lambda row: row.order.number,
    "control": lambda row: row.control,
    "order_date": lambda row: row.order.placed_on,
    "customer_order": lambda row: row.order.customer_order,
    "ship_by": lambda row: row.order.ship_by,
    "arrive_by": lambda row: row.order.arrive_by,
    "line": lambda row: row.position,
    "supplier_sku": lambda row: row.line.sku,
    "ean": lambda row: row.line.ean,
    "qty": lambda row: row.line.quantity,
    "unit_cost": lambda row: row.line.unit_cost.amount if row.line.unit_cost else None,
    "currency": lambda row: row.line.unit_cost.currency if row.line.unit_cost else None,
    "ship_name": lambda row: row.order.address.name,
    "ship_company": lambda row: row.order.address.company,
    "ship_addr1": lambda row: row.order.address.address1,
    "ship_addr2": lambda row: row.order.address.address2,
    "ship_city": lambda row: row.order.address.city,
    "ship_state": lambda row: row.order.address.province_code,
    "ship_postcode": lambda row: row.order.address.postal_code,
    "ship_country": lambda row: row.order.address.country_code,
    "ship_phone": lambda row: row.order.address.phone,
    "ship_email": lambda row: row.order.address.email,
    "ship_method": lambda row: row.ship_method,
}
ORDER_FIELDS = tuple(_FIELDS)


def value_of(field: str, row: Row) -> Value:
    """Give a field's value; ``=EUR`` is a constant."""
    return field[1:] if field.startswith("=") else _FIELDS[field](row)
