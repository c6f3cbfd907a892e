"""A purchase order as this partner reads it: 850 original, and its cancellation as 850 or 860. Pure."""

from datetime import UTC, date, datetime
from decimal import Decimal

from adapters.errors import Refused
from adapters.suppliers.edi_x12.elements import Pairs
from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.errors import Segment
from adapters.suppliers.edi_x12.profile import KINDS_OF_EAN, X12Profile
from adapters.suppliers.edi_x12.sets.common import Item, Party
from adapters.suppliers.edi_x12.sets.orders import (
    CANCELLATION,
    OrderChange,
    PurchaseOrder,
    read_850,
    write_850,
    write_860,
)
from adapters.suppliers.edi_x12.wrapping import Unwritable, free_text, write_interchange
from models.articles import normalise_ean
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder

LONGEST_NUMBER = 22  # BEG03
LONGEST_ID = 48  # DE 234
DELIVER_BY, SHIP_BY = "002", "038"  # DTM01


def order_bytes(order: SupplierOrder, profile: X12Profile, *, control: int, made_at: datetime) -> bytes:
    """Write an 850. Raises Refused naming what of the order can't be written for this partner."""
    try:
        segments = write_850(purchase_order(order, profile, made_at.astimezone(UTC).date()))
        return write_interchange([("850", segments)], profile.addressing, control=control, made_at=made_at)
    except Unwritable as problem:
        raise Refused(f"850: {problem}", code="not_writable") from None


def purchase_order(order: SupplierOrder, profile: X12Profile, today: date) -> PurchaseOrder:
    """Turn an order into the set's words. Raises Refused or Unwritable."""
    if len(order.number) > LONGEST_NUMBER:
        raise Refused(f"850: BEG03 has {LONGEST_NUMBER} characters", code="number_too_long")
    items = tuple(_item(place, line, profile) for place, line in enumerate(order.lines, start=1))
    currencies = {line.unit_cost.currency for line in order.lines if line.unit_cost}
    costs = [line.unit_cost.amount * line.quantity for line in order.lines if line.unit_cost]
    return PurchaseOrder(
        number=order.number,
        placed_on=order.placed_on or today,
        currency=next(iter(currencies)) if len(currencies) == 1 else "",
        references=_references(order, profile),
        dates=tuple((kind, on) for kind, on in ((DELIVER_BY, order.arrive_by), (SHIP_BY, order.ship_by)) if on),
        routing=_routing(order, profile),
        parties=(_ship_to(order.address, profile),),
        lines=items,
        total=sum(costs, Decimal(0)) if len(costs) == len(items) and len(currencies) == 1 else None,
    )


def _references(order: SupplierOrder, profile: X12Profile) -> Pairs:
    name = _text("REF02", order.customer_order, profile, 30)
    return (("CO", name),) if name else ()


def _routing(order: SupplierOrder, profile: X12Profile) -> tuple[str, str] | None:
    code = profile.ship_methods.get(order.carrier) or profile.default_ship_method
    if code is None and profile.ship_methods and order.carrier:
        raise Refused("850: profile.ship_methods has no code for the order's carrier", code="no_ship_method")
    return ("ZZ", code) if code else None


def _item(place: int, line: SupplierLine, profile: X12Profile) -> Item:
    ean = normalise_ean(line.ean)
    kind = KINDS_OF_EAN.get(len(ean)) if ean.isdigit() else None
    sku = ((profile.sku_qualifier, line.sku),) if line.sku else ()
    ids = (*sku, (kind or profile.other_article_qualifier, ean))
    if any(len(value) > LONGEST_ID for _, value in ids):
        raise Refused(f"850: PO107 has {LONGEST_ID} characters", code="article_too_long")
    price = line.unit_cost.amount if line.unit_cost else None
    return Item(str(place), Decimal(line.quantity), profile.units[0], price, ids)


def _ship_to(address: Address, profile: X12Profile) -> Party:
    names = [name for name in (address.name, address.company) if name]
    first, *more = [_text("N102", name, profile, 60) for name in names] or [""]
    streets = [_text("N301", street, profile, 55) for street in (address.address1, address.address2)]
    state = _text("N402", address.province_code, profile, 30)
    return Party(
        code="ST",
        name=first,
        more_names=tuple(name for name in more if name),
        streets=tuple(street for street in streets if street),
        city=_text("N401", address.city, profile, 30),
        state=state if len(state) == 2 else "",  # DE 156 has two letters, which other countries' provinces have not
        postal_code=_text("N403", address.postal_code, profile, 15),
        country=address.country_code,
        phone=_text("PER04", address.phone, profile, 80) if profile.send_contact else "",
        email=_text("PER04", address.email, profile, 80) if profile.send_contact else "",
    )


def _text(element: str, text: str, profile: X12Profile, longest: int) -> str:
    try:
        return free_text(text, profile.addressing, longest)
    except Unwritable as problem:
        raise Unwritable(f"{element}: {problem}") from None


def cancellation_bytes(original: bytes, profile: X12Profile, *, control: int, made_at: datetime) -> bytes:
    """Write the cancellation of an order from its own 850, so that it names what that named.

    Raises Refused where the partner's signs have become others since, and can't write it.
    """
    order = read_own(original)
    if profile.cancellation == "860":
        change = OrderChange(order.number, order.placed_on, CANCELLATION, order.kind)
        sets: list[tuple[str, list[Segment]]] = [("860", write_860(change))]
    else:
        cancelled = PurchaseOrder(order.number, order.placed_on, CANCELLATION, order.kind, lines=order.lines)
        sets = [("850", write_850(cancelled))]
    try:
        return write_interchange(sets, profile.addressing, control=control, made_at=made_at)
    except Unwritable as problem:
        raise Refused(f"{profile.cancellation[:3]}: {problem}", code="not_writable") from None


def read_own(body: bytes) -> PurchaseOrder:
    """Read an 850 that we wrote."""
    return read_850(read_interchange(body).groups[0].sets[0].segments)
