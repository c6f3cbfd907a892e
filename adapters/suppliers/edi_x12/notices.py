"""What an 856 says of the orders in it, and an 810 of its order. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from adapters.suppliers.edi_x12.answers import Terms
from adapters.suppliers.edi_x12.articles import OrderedLines, Unreadable, pieces
from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.sets.common import Item
from adapters.suppliers.edi_x12.sets.invoices import Invoice
from adapters.suppliers.edi_x12.sets.shipments import Pack, Routing, Shipment, ShippedItem, ShippedOrder
from models.exchange import OrderInvoiced, OrderShipped, PartnerNews, Unclear
from models.money import Money
from models.suppliers import SupplierLine, TrackedParcel

SHIPPED_ON = "011"  # DTM01
ALLOWANCE, CHARGE = "A", "C"  # SAC01
HALF_A_CENT = Decimal("0.005")
STATING = frozenset({"", "00", "04", "05", "06", "07"})  # BSN01, BIG08: it says how things are, and takes nothing back
CREDITS = frozenset({"CN", "CR", "RA"})  # BIG07: money that comes back to us


def orders_in(shipment: Shipment) -> tuple[ShippedOrder, ...]:
    """List what is in a shipment, each order once. Raises Unreadable where it says that nothing has left."""
    if shipment.purpose not in STATING:
        raise Unreadable("bsn01", "BSN01 takes a shipment back, or says nothing that is known")
    found: dict[str, ShippedOrder] = {}
    for one in shipment.orders:
        earlier = found.get(one.number)
        found[one.number] = one if earlier is None else _joined(earlier, one)
    return tuple(found.values())


def _joined(first: ShippedOrder, more: ShippedOrder) -> ShippedOrder:
    """Read as one what stands under one order's number twice, e.g. once for each pack."""
    tracking = tuple(dict.fromkeys((*first.tracking, *more.tracking)))
    return replace(first, tracking=tracking, items=(*first.items, *more.items), packs=(*first.packs, *more.packs))


def shipped(shipment: Shipment, order: ShippedOrder, terms: Terms) -> Iterator[PartnerNews]:
    """Say what of one order has left. What can't be told of it is said beside."""
    if not terms.ordered:
        yield OrderShipped(number=order.number, shipment=shipment.number[:60])  # whoever applies it says what is wrong
        return
    reader = _Lines(terms)
    packs = [(pack, reader.read(pack.items)) for pack in _packs(order)]
    loose = reader.read([item for item in order.items if not item.tracking])
    carrier = _carrier(shipment.routings, terms.profile)
    parcels = tuple(_parcels(shipment, order, packs, loose, carrier))
    tracked = any(parcel.lines for parcel in parcels)
    lines = () if tracked else _sum([*loose, *(line for _, lines in packs for line in lines)])
    if parcels or lines:
        yield OrderShipped(
            number=order.number,
            shipment=shipment.number[:60],
            parcels=parcels,
            lines=lines,
            shipped_on=dict(shipment.dates).get(SHIPPED_ON),
        )
    if reader.unknown:
        detail = f"{reader.unknown} items are no articles that were ordered"
        yield Unclear(number=order.number, reason="unknown_article", detail=detail)


def _packs(order: ShippedOrder) -> Iterator[Pack]:
    """List what travels under numbers of its own: packs, and items that name one each."""
    yield from (Pack(item.tracking, (), (item,)) for item in order.items if item.tracking)
    for pack in order.packs:
        if pack.tracking or len({item.tracking for item in pack.items if item.tracking}) < 2:
            yield pack
        else:
            yield from (Pack(item.tracking, pack.serials, (item,)) for item in pack.items)


class _Lines:
    """Reads items as ordered lines, and counts those that are none."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._ordered = OrderedLines(terms.ordered, terms.profile)
        self.unknown = 0

    def read(self, items: Iterable[ShippedItem]) -> tuple[SupplierLine, ...]:
        """Match items, several of one article as one."""
        found: list[SupplierLine] = []
        for place, item in enumerate(items, start=1):
            line = self._ordered.find(item.ids, item.line)
            count = pieces(item.quantity, item.unit, self._terms.profile, f"SN102 of item {place}")
            if line is None:
                self.unknown += 1
            elif count:
                found.append(SupplierLine(ean=line.ean, quantity=count))
        return _sum(found)


def _sum(lines: Iterable[SupplierLine]) -> tuple[SupplierLine, ...]:
    units: dict[str, int] = {}
    for line in lines:
        units[line.ean] = units.get(line.ean, 0) + line.quantity
    return tuple(SupplierLine(ean=ean, quantity=count) for ean, count in units.items())


def _parcels(
    shipment: Shipment,
    order: ShippedOrder,
    packs: Sequence[tuple[Pack, tuple[SupplierLine, ...]]],
    loose: tuple[SupplierLine, ...],
    carrier: str,
) -> Iterator[TrackedParcel]:
    """Give each pack its own number; what has none travels under that of its order, or of the whole shipment.

    A parcel whose articles all are unknown is left out: without lines it would stand for everything that is open.
    """
    own = _own_numbers(packs)
    yield from (
        TrackedParcel(tracking_number=mark, carrier=carrier, lines=lines) for mark, lines in own.items() if lines
    )
    rest = _sum([*loose, *(line for pack, lines in packs if not _marks(pack) for line in lines)])
    if not rest and (own or order.items or any(pack.items for pack in order.packs)):
        return
    shared = [mark for mark in dict.fromkeys((*order.tracking, *shipment.tracking)) if mark not in own]
    if len(shared) == 1:
        yield TrackedParcel(tracking_number=shared[0], carrier=carrier, lines=rest)
    else:
        yield from (TrackedParcel(tracking_number=mark, carrier=carrier) for mark in shared if not own)


def _own_numbers(packs: Sequence[tuple[Pack, tuple[SupplierLine, ...]]]) -> dict[str, tuple[SupplierLine, ...]]:
    found: dict[str, tuple[SupplierLine, ...]] = {}
    for pack, lines in packs:
        if marks := _marks(pack):
            found[marks[0]] = _sum([*found.get(marks[0], ()), *lines])
    return found


def _marks(pack: Pack) -> tuple[str, ...]:
    return pack.tracking or next((item.tracking for item in pack.items if item.tracking), ())


def _carrier(routings: Sequence[Routing], profile: X12Profile) -> str:
    for way in routings:
        code = way.code or (way.text if way.mode == "ZZ" else "")
        if code:
            return profile.carriers.get(code, code)[:60]
    return ""


def invoiced(invoice: Invoice, terms: Terms) -> Iterator[PartnerNews]:
    """Say what is asked for. Where TDS leaves the charges out they are added; a total that fits neither is said so.

    Raises Unreadable for what asks for nothing: a credit, or an invoice that is taken back.
    """
    if invoice.kind in CREDITS:
        raise Unreadable("credit", "BIG07 says that it is a credit: it is no invoice of what was ordered")
    if invoice.purpose not in STATING:
        raise Unreadable("big08", "BIG08 takes an invoice back, or says nothing that is known")
    goods = sum((item.quantity * (item.price or 0) for item in invoice.lines), Decimal(0))
    charges = sum((_signed(one.indicator, one.amount) for one in invoice.charges), Decimal(0))
    charges += sum((amount for _, amount in invoice.taxes), Decimal(0))
    tolerance = HALF_A_CENT * (len(invoice.lines) + 1)
    without = abs(invoice.total - goods) <= tolerance and abs(charges) > tolerance
    total = invoice.total + charges if without else invoice.total
    yield OrderInvoiced(
        number=invoice.order_number,
        invoice=invoice.number,
        issued_on=invoice.dated,
        total=Money(amount=total, currency=terms.currency),
        charges=Money(amount=charges, currency=terms.currency) if charges else None,
        lines=_invoiced_lines(invoice.lines, terms),
    )
    if not without and invoice.lines and abs(invoice.total - goods - charges) > tolerance:
        detail = "TDS01 is neither the sum of the lines nor that with charges"
        yield Unclear(number=invoice.order_number, reason="invoice_total", detail=detail)


def _signed(indicator: str, amount: Decimal) -> Decimal:
    return {CHARGE: amount, ALLOWANCE: -amount}.get(indicator, Decimal(0))


def _invoiced_lines(items: Sequence[Item], terms: Terms) -> tuple[SupplierLine, ...]:
    ordered = OrderedLines(terms.ordered, terms.profile)
    found: list[SupplierLine] = []
    if not terms.ordered:
        return ()
    for place, item in enumerate(items, start=1):
        line = ordered.find(item.ids, item.line)
        count = pieces(item.quantity, item.unit, terms.profile, f"IT102 of line {place}")
        if line is None:
            raise Unreadable("unknown_article", f"IT1 {place} is no article that was ordered")
        cost = None if item.price is None else Money(amount=item.price, currency=terms.currency)
        if count:
            found.append(SupplierLine(ean=line.ean, quantity=count, unit_cost=cost))
    return tuple(found)
