"""Reading shipment rows: which units left in which parcel. Pure."""

import re
from collections.abc import Sequence
from datetime import date

from pydantic import HttpUrl, TypeAdapter, ValidationError

from adapters.suppliers.files.order_rows import OrderRows, UnclearRow, count, day, text
from adapters.suppliers.files.profile import ShipmentFile
from adapters.suppliers.files.rows import FileRow, by
from models.exchange import OrderShipped
from models.suppliers import SupplierLine, TrackedParcel

_TRACKING = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./#-]{0,59}")  # models.base.Reference
_URL = TypeAdapter(HttpUrl)


def read_shipments(layout: ShipmentFile, order: OrderRows) -> list[OrderShipped]:
    """Read what left of one order, a shipment at a time. Raises UnclearRow.

    Rows that name articles and count nought of them say that nothing has left, whatever number stands beside: a parcel
    without lines would stand for everything that is open.
    """
    shipments = by(order.rows, lambda row: text(row, "shipment"))
    read = [_shipment(layout, order, name, rows) for name, rows in shipments.items()]
    return [one for one in read if one.parcels or one.lines or one.complete or not order.names_articles]


def _shipment(layout: ShipmentFile, order: OrderRows, name: str, rows: Sequence[FileRow]) -> OrderShipped:
    by_tracking = by(rows, _tracking)
    loose = by_tracking.pop("", [])
    last = {word.casefold() for word in layout.last_words}
    last_words = [row["complete"].casefold() in last for row in rows if row["complete"]]
    parcels = [_parcel(layout, order, tracking, found) for tracking, found in by_tracking.items()]
    return OrderShipped(
        number=order.number,
        shipment=name,
        supplier_number=next((number for row in rows if (number := text(row, "supplier_number"))), ""),
        parcels=tuple(one for one in parcels if one.lines or not order.names_articles),
        lines=_lines(layout, order, loose),
        shipped_on=_newest(layout, rows),
        complete=any(last_words) if last_words else None,
    )


def _parcel(layout: ShipmentFile, order: OrderRows, tracking: str, rows: Sequence[FileRow]) -> TrackedParcel:
    carrier = next((said for row in rows if (said := text(row, "carrier"))), "")
    return TrackedParcel(
        tracking_number=tracking,
        carrier=layout.carriers.get(carrier, carrier),
        url=next((_url(row) for row in rows if row["url"]), ""),
        lines=_lines(layout, order, rows),
    )


def _lines(layout: ShipmentFile, order: OrderRows, rows: Sequence[FileRow]) -> tuple[SupplierLine, ...]:
    """Gather units by article; a row without a quantity ships all that was ordered of its article."""
    if not order.names_articles:
        return ()
    units: dict[str, int] = {}
    for row in rows:
        ean, quantity = order.article(row), count(layout, row)
        units[ean] = units.get(ean, 0) + (order.units(ean) if quantity is None else quantity)
    return tuple(SupplierLine(ean=ean, quantity=quantity) for ean, quantity in units.items() if quantity > 0)


def _tracking(row: FileRow) -> str:
    tracking = row["tracking"]
    if tracking and not _TRACKING.fullmatch(tracking):
        raise UnclearRow("bad_tracking", row.place, "tracking")
    return tracking


def _url(row: FileRow) -> str:
    try:
        return str(_URL.validate_python(text(row, "url")))
    except ValidationError:
        raise UnclearRow("bad_url", row.place, "url") from None


def _newest(layout: ShipmentFile, rows: Sequence[FileRow]) -> date | None:
    days = [found for row in rows if (found := day(layout, row, "shipped_on")) is not None]
    return max(days, default=None)
