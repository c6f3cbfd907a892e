"""What of a purchase order the storefront is told of together, and how its units are counted.

A parcel whose content is known is one fulfilment of just those units. Parcels that nobody says anything more of are
told together, with whatever was still open; a later number joins the fulfilment that is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.common import now
from adapters.database import following, purchase_orders
from adapters.database.engine import Transaction
from adapters.database.following import Parcel
from adapters.database.purchase_orders import PurchaseOrderView
from models.articles import normalise_ean
from models.suppliers import SupplierLine, SupplierOrderStatus, SupplierState, TrackedParcel

ShelfLines = list[tuple[str, int]]  # (storefront line, units)
Units = tuple[tuple[str, SupplierLine], ...]  # (storefront line, units of a supplier's article)


@dataclass(frozen=True)
class Portion:
    """Parcels that are told together. ``units`` is None where they hold whatever was still open."""

    lines: ShelfLines
    parcels: Sequence[Parcel]  # with those told before, where they join their fulfilment
    joins: str  # the fulfilment that is there, or ""
    units: Units | None = None
    more: bool = False  # others are to be told after it

    @property
    def new(self) -> list[Parcel]:
        """Those that the storefront does not know yet."""
        return [parcel for parcel in self.parcels if not parcel.told]

    @property
    def completes(self) -> bool:
        """Say whether there is something to tell: parts that complete no bundle wait for the others."""
        return bool(self.lines or self.joins)

    @property
    def is_to_be_told(self) -> bool:
        """Say whether the storefront must hear of it."""
        return self.completes and bool(self.new)

    def was_told_meanwhile(self, tx: Transaction, order: PurchaseOrderView) -> bool:
        """Say whether another attempt has counted a parcel of it since this one looked. The caller holds the order's lock."""
        if self.units is None:  # counted as whatever is open: again, that is nothing
            return False
        untold = {parcel.id for parcel in following.known_parcels(tx, order.id) if not parcel.told}
        return any(parcel.id not in untold for parcel in self.new)

    def count(self, tx: Transaction, order: PurchaseOrderView) -> int:
        """Count its units as shipped. Returns how many there are."""
        if self.units is None:
            return purchase_orders.ship_open_lines(tx, order.id, order.order_id, now=now())
        return purchase_orders.ship_lines(tx, order.id, order.order_id, self.units)


def as_ordered(order: PurchaseOrderView, status: SupplierOrderStatus) -> list[TrackedParcel]:
    """Name what is in a supplier's parcels as it was ordered. What was not ordered is left out.

    A parcel with nothing in it that we know holds whatever is open, once all of it has shipped; until then it says nothing.
    """
    names = {normalise_ean(line.sku): line.ean for _, line in order.lines if line.sku}
    names |= {normalise_ean(line.ean): line.ean for _, line in order.lines}
    named = [(parcel, _named(parcel, names)) for parcel in status.parcels]
    everything = status.state is SupplierState.SHIPPED
    return [
        parcel.model_copy(update={"lines": lines}) for parcel, lines in named if lines or not parcel.lines or everything
    ]


def _named(parcel: TrackedParcel, names: Mapping[str, str]) -> tuple[SupplierLine, ...]:
    found = [(line, names.get(normalise_ean(line.ean))) for line in parcel.lines]
    return tuple(line.model_copy(update={"ean": ean}) for line, ean in found if ean is not None)


def portion(tx: Transaction, order: PurchaseOrderView) -> Portion:
    """Find what is to be told next."""
    parcels = following.known_parcels(tx, order.id)
    untold = [parcel for parcel in parcels if not parcel.told]
    known = [parcel for parcel in untold if parcel.lines]
    if known and not order.bundled:
        return _of_one(order, known[0], more=len(untold) > 1)
    return _of_all(tx, order, parcels)


def _of_one(order: PurchaseOrderView, parcel: Parcel, *, more: bool) -> Portion:
    units = _spread(order.open_lines, dict(parcel.lines))
    lines = _by_line(units)
    return Portion(lines, [parcel], joins="" if lines else order.fulfilment_id, units=units, more=more)


def _of_all(tx: Transaction, order: PurchaseOrderView, parcels: list[Parcel]) -> Portion:
    if order.bundled:
        lines = following.storefront_lines(tx, order.id)
        if lines:
            parcels += following.parcels_left_untold(tx, order.id, order.order_id)
        return Portion(lines, parcels, joins=order.fulfilment_id)
    if order.open_lines and order.shipped:  # parcels of their own have left before: this is the rest
        return Portion(_by_line(order.open_lines), [one for one in parcels if not one.told], joins="")
    return Portion(_by_line(order.lines), parcels, joins=order.fulfilment_id)


def _spread(open_lines: Units, content: dict[str, int]) -> Units:
    """Spread a parcel's units over the lines they are open on, never beyond what is open."""
    left = dict(content)
    found = []
    for line_id, line in open_lines:
        units = min(line.quantity, left.get(normalise_ean(line.ean), 0))
        if units > 0:
            left[normalise_ean(line.ean)] -= units
            found.append((line_id, line.model_copy(update={"quantity": units})))
    return tuple(found)


def _by_line(units: Units) -> ShelfLines:
    lines: dict[str, int] = {}
    for line_id, line in units:
        lines[line_id] = lines.get(line_id, 0) + line.quantity
    return list(lines.items())
