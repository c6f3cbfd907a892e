"""856 ship notice (X12 004010): a tree of shipment, orders, packs and items, each naming its parent.

Structures (BSN05): 0001 shipment-order-pack-item, 0004 shipment-order-item. Others are read as far as every item has
an order above it; what stands above tells which order and which pack an item belongs to, not where it stands. A pack
that stands below an item (0002) is that item's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal

from adapters.suppliers.edi_x12.elements import (
    Pairs,
    at,
    beginning,
    check_total,
    day,
    decimal,
    first,
    hour,
    number,
    pairs,
    put_day,
    put_hour,
    put_pairs,
    required,
    required_day,
    required_decimal,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import BadElement, MissingElement, MissingSegment, Segment
from adapters.suppliers.edi_x12.sets.common import (
    Dates,
    Party,
    read_dates,
    read_parties,
    read_references,
    write_dates,
    write_party,
    write_references,
)

TRACKING = "CN"  # REF01
PARCEL, SERIAL = "CP", "GM"  # MAN01: a carrier's tracking number, an SSCC


@dataclass(frozen=True, slots=True)
class Routing:
    """A TD5: ``qualifier`` 2 with a SCAC in ``code``, or ``mode`` ZZ with the code that was agreed on in ``text``."""

    qualifier: str = ""
    code: str = ""
    mode: str = ""
    text: str = ""
    sequence: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class ShippedItem:
    """An item: LIN and SN1. ``ordered`` and ``status`` where the partner repeats them."""

    ids: Pairs
    quantity: Decimal
    unit: str = "EA"
    line: str = ""
    ordered: Decimal | None = None
    status: str = ""
    tracking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """A parcel: its marks, and what is in it of one order."""

    tracking: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()
    items: tuple[ShippedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ShippedOrder:
    """What of an order is in the shipment: in packs, or in none that is named."""

    number: str
    dated: date | None = None
    tracking: tuple[str, ...] = ()
    items: tuple[ShippedItem, ...] = ()
    packs: tuple[Pack, ...] = ()


@dataclass(frozen=True, slots=True)
class Shipment:
    """An 856. ``tracking`` is every REF*CN of the whole shipment; other references are in ``references``."""

    number: str
    made_on: date
    made_at: time | None = None
    purpose: str = "00"
    structure: str = "0001"
    routings: tuple[Routing, ...] = ()
    tracking: tuple[str, ...] = ()
    references: Pairs = ()
    dates: Dates = ()
    parties: tuple[Party, ...] = ()
    orders: tuple[ShippedOrder, ...] = ()


@dataclass(slots=True, eq=False)
class _Node:
    """A level of the tree: its HL, the segments up to the next one, and the order and pack it is in, or is itself."""

    head: Segment
    level: str
    order: "_Node | None" = None
    pack: "_Node | None" = None
    item: "_Node | None" = None  # above it: a pack that is named below what is in it
    below: list["_Node"] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    def tracking(self) -> tuple[str, ...]:
        found = [at(one, 2).strip() for one in self.segments if one[0] == "REF" and at(one, 1) == TRACKING]
        return tuple(filter(None, found + self._marks(PARCEL)))

    def serials(self) -> tuple[str, ...]:
        return tuple(filter(None, self._marks(SERIAL)))

    def _marks(self, kind: str) -> list[str]:
        marked = [one for one in self.segments if one[0] == "MAN"]
        return [
            at(one, place + 1).strip() for one in marked for place in (1, 4) if at(one, place) == kind
        ]  # it has room for two


def write_856(shipment: Shipment) -> list[Segment]:
    """Write what stands between ST and SE; items without a pack come before packs."""
    writer = _Writer()
    bsn = (shipment.purpose, shipment.number, put_day(shipment.made_on), put_hour(shipment.made_at), shipment.structure)
    writer.segments.append(segment_of("BSN", *bsn))
    top = writer.level("", "S", _of_shipment(shipment))
    for order in shipment.orders:
        writer.order(top, order)
    return [*writer.segments, segment_of("CTT", str(writer.levels))]


class _Writer:
    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.levels = 0

    def level(self, parent: str, name: str, segments: Iterator[Segment]) -> str:
        self.levels += 1
        self.segments += [segment_of("HL", str(self.levels), parent, name), *segments]
        return str(self.levels)

    def order(self, top: str, order: ShippedOrder) -> None:
        reference = segment_of("PRF", order.number, "", "", put_day(order.dated))
        here = self.level(top, "O", iter([reference, *_write_tracking(order.tracking)]))
        for item in order.items:
            self.level(here, "I", _of_item(item))
        for pack in order.packs:
            parcel = self.level(here, "P", _of_pack(pack))
            for item in pack.items:
                self.level(parcel, "I", _of_item(item))


def _of_shipment(shipment: Shipment) -> Iterator[Segment]:
    for way in shipment.routings:
        yield segment_of(
            "TD5", way.sequence, way.qualifier, way.code, way.mode, way.text, "", "", "", "", "", "", way.service
        )
    yield from _write_tracking(shipment.tracking)
    yield from write_references(shipment.references)
    yield from write_dates(shipment.dates)
    for party in shipment.parties:
        yield from write_party(party)


def _of_pack(pack: Pack) -> Iterator[Segment]:
    yield from (segment_of("MAN", PARCEL, mark) for mark in pack.tracking)
    yield from (segment_of("MAN", SERIAL, mark) for mark in pack.serials)


def _of_item(item: ShippedItem) -> Iterator[Segment]:
    yield segment_of("LIN", item.line, *put_pairs(item.ids))
    repeated = (number(item.ordered), item.unit, item.status) if item.ordered is not None else ("", "", item.status)
    yield segment_of("SN1", "", number(item.quantity), item.unit, "", repeated[0], repeated[1], "", repeated[2])
    yield from _write_tracking(item.tracking)


def _write_tracking(numbers: Sequence[str]) -> Iterator[Segment]:
    return (segment_of("REF", TRACKING, one) for one in numbers)


def read_856(segments: Sequence[Segment]) -> Shipment:
    """Read what stands between ST and SE. Raises X12Error."""
    bsn = beginning(segments, "BSN")
    nodes, tail = _nodes(segments)
    check_total(tail, len(nodes))
    top = nodes[0]
    return Shipment(
        number=required(bsn, 2),
        made_on=required_day(bsn, 3),
        made_at=hour(bsn, 4),
        purpose=required(bsn, 1),
        structure=at(bsn, 5),
        routings=tuple(_routing(one) for one in top.segments if one[0] == "TD5"),
        tracking=top.tracking(),
        references=tuple(pair for pair in read_references(top.segments) if pair[0] != TRACKING),
        dates=read_dates([*segments[: segments.index(top.head)], *top.segments]),
        parties=read_parties(top.segments),
        orders=_orders(nodes),
    )


def _nodes(segments: Sequence[Segment]) -> tuple[list[_Node], list[Segment]]:
    known: dict[str, _Node] = {}
    tail: list[Segment] = []
    inside: list[Segment] = []  # what stands before the first level is none of them
    for segment in segments:
        if segment[0] == "HL":
            inside = _add_node(known, segment).segments
        elif segment[0] == "CTT":
            tail.append(segment)
        else:
            inside.append(segment)
    nodes = list(known.values())
    if not nodes or nodes[0].level != "S":
        raise MissingSegment("HL", "a shipment begins with an HL of level S")
    return nodes, tail


def _add_node(known: dict[str, _Node], head: Segment) -> _Node:
    number, parent, level = required(head, 1), at(head, 2), required(head, 3)
    if number in known:
        raise BadElement(head, 1, "is the number of two levels")
    if parent not in known and (parent or known):
        raise BadElement(head, 2, "names no level that stands above")
    if parent == "" and level != "S":
        raise MissingElement(head, 2)
    above = known.get(parent)
    node = known[number] = _Node(head, level)
    if above is not None:
        node.order, node.pack, node.item = above.order, above.pack, above.item
    if level == "O":
        node.order = node
    if level in ("P", "T") and node.item is not None:
        node.item.below.append(node)
    elif level == "P" or (level == "T" and (node.pack is None or node.pack.level == "T")):
        node.pack = node
    if level == "I":
        node.item = node
    return node


def _routing(segment: Segment) -> Routing:
    return Routing(at(segment, 2), at(segment, 3), at(segment, 4), at(segment, 5), at(segment, 1), at(segment, 12))


def _orders(nodes: Sequence[_Node]) -> tuple[ShippedOrder, ...]:
    contents: dict[_Node, dict[_Node | None, list[ShippedItem]]] = {node: {} for node in nodes if node.level == "O"}
    for node in nodes:
        if node.level not in ("P", "T", "I") or node.item not in (None, node):
            continue
        if node.order is not None:
            items = contents[node.order].setdefault(node.pack, [])
            if node.level == "I":
                items.append(_item(node))
        elif node.level == "I":
            raise BadElement(node.head, 2, "leads to no order")
    return tuple(_order(node, shipped) for node, shipped in contents.items())


def _order(node: _Node, shipped: Mapping[_Node | None, Sequence[ShippedItem]]) -> ShippedOrder:
    prf = first(node.segments, "PRF")
    if prf is None:
        raise MissingSegment("PRF", "an order's level has a PRF", node.head)
    return ShippedOrder(
        number=required(prf, 1),
        dated=day(prf, 4),
        tracking=node.tracking(),
        items=tuple(shipped.get(None, ())),
        packs=tuple(_pack(pack, items) for pack, items in shipped.items() if pack is not None),
    )


def _pack(node: _Node, items: Sequence[ShippedItem]) -> Pack:
    return Pack(node.tracking(), node.serials(), tuple(items))


def _item(node: _Node) -> ShippedItem:
    line, shipped = first(node.segments, "LIN"), first(node.segments, "SN1")
    if line is None or shipped is None:
        missing = "LIN" if line is None else "SN1"
        raise MissingSegment(missing, "an item's level has a LIN and an SN1", node.head)
    quantity, ordered = required_decimal(shipped, 2), decimal(shipped, 5)
    tracking = tuple(dict.fromkeys((*node.tracking(), *(mark for pack in node.below for mark in pack.tracking()))))
    return ShippedItem(pairs(line, 2), quantity, at(shipped, 3), at(line, 1), ordered, at(shipped, 8), tracking)
