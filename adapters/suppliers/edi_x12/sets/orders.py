"""850 purchase order and 860 purchase order change (X12 004010)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from adapters.suppliers.edi_x12.elements import (
    Pairs,
    at,
    beginning,
    check_total,
    decimal,
    first,
    number,
    pairs,
    parts,
    put_day,
    put_pairs,
    required,
    required_day,
    required_decimal,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import MissingSegment, Segment
from adapters.suppliers.edi_x12.sets.common import (
    Dates,
    Item,
    Party,
    read_dates,
    read_item,
    read_parties,
    read_references,
    write_dates,
    write_item,
    write_party,
    write_references,
)

ORIGINAL, CANCELLATION = "00", "01"  # BEG01, BCH01 (DE 353)
_SUMMARY = frozenset({"CTT", "AMT"})


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """An 850. ``dates``: 002 deliver by, 010 requested ship, 038 ship no later; ``total`` is AMT*TT."""

    number: str
    placed_on: date
    purpose: str = ORIGINAL
    kind: str = "DS"
    currency: str = ""
    references: Pairs = ()
    contact: tuple[str, str, str] | None = None  # name, phone, e-mail
    dates: Dates = ()
    routing: tuple[str, str] | None = None  # TD504 and TD505: "ZZ" and the code that was agreed on
    notes: tuple[str, ...] = ()
    parties: tuple[Party, ...] = ()
    lines: tuple[Item, ...] = ()
    total: Decimal | None = None


def write_850(order: PurchaseOrder) -> list[Segment]:
    """Write what stands between ST and SE."""
    return [*_heading(order), *_lines(order)]


def _heading(order: PurchaseOrder) -> Iterator[Segment]:
    yield segment_of("BEG", order.purpose, order.kind, order.number, "", put_day(order.placed_on))
    if order.currency:
        yield segment_of("CUR", "BY", order.currency)
    yield from write_references(order.references)
    if order.contact:
        name, phone, email = order.contact
        reached = tuple((kind, value) for kind, value in (("TE", phone), ("EM", email)) if value)
        yield segment_of("PER", "OC", name, *put_pairs(reached))
    yield from write_dates(order.dates)
    if order.routing:
        yield segment_of("TD5", "", "", "", *order.routing)
    if order.notes:
        yield segment_of("N9", "L1", "NOTE")
        yield from (segment_of("MSG", note) for note in order.notes)
    for party in order.parties:
        yield from write_party(party)


def _lines(order: PurchaseOrder) -> Iterator[Segment]:
    for item in order.lines:
        yield from write_item("PO1", item)
    yield segment_of("CTT", str(len(order.lines)))
    if order.total is not None:
        yield segment_of("AMT", "TT", number(order.total))


def read_850(segments: Sequence[Segment]) -> PurchaseOrder:
    """Read what stands between ST and SE. Raises X12Error."""
    beg = beginning(segments, "BEG")
    found = parts(segments, "PO1", _SUMMARY)
    if not found.loops:
        raise MissingSegment("PO1", "an order has at least one PO1")
    check_total(found.summary, len(found.loops))
    heading, routing, total = found.heading, first(found.heading, "TD5"), first(found.summary, "AMT")
    before_parties = heading[: next((at_ for at_, one in enumerate(heading) if one[0] == "N1"), len(heading))]
    return PurchaseOrder(
        number=required(beg, 3),
        placed_on=required_day(beg, 5),
        purpose=required(beg, 1),
        kind=required(beg, 2),
        currency=at(first(heading, "CUR") or [], 2),
        references=read_references(before_parties),
        contact=_contact(first(before_parties, "PER")),
        dates=read_dates(before_parties),
        routing=(at(routing, 4), at(routing, 5)) if routing else None,
        notes=tuple(at(one, 1) for one in heading if one[0] == "MSG"),
        parties=read_parties(heading),
        lines=tuple(map(read_item, found.loops)),
        total=required_decimal(total, 2) if total else None,
    )


def _contact(segment: Segment | None) -> tuple[str, str, str] | None:
    if segment is None:
        return None
    numbers = dict(pairs(segment, 3))
    return at(segment, 2), numbers.get("TE", ""), numbers.get("EM", "")


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """A POC: ``change`` is DI where the line is deleted; ``left`` is what is still wanted of it."""

    line: str
    change: str
    quantity: Decimal | None = None
    left: Decimal | None = None
    unit: str = "EA"
    price: Decimal | None = None
    ids: Pairs = ()


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An 860; with purpose 01 the whole order is cancelled."""

    number: str
    placed_on: date
    purpose: str = CANCELLATION
    kind: str = "DS"
    lines: tuple[ChangedLine, ...] = ()


def write_860(change: OrderChange) -> list[Segment]:
    """Write what stands between ST and SE."""
    head = segment_of("BCH", change.purpose, change.kind, change.number, "", "", put_day(change.placed_on))
    lines = [_write_change(line) for line in change.lines]
    return [head, *lines, segment_of("CTT", str(len(lines)))]


def _write_change(line: ChangedLine) -> Segment:
    quantities = (number(line.quantity), number(line.left), line.unit, number(line.price), "")
    return segment_of("POC", line.line, line.change, *quantities, *put_pairs(line.ids))


def read_860(segments: Sequence[Segment]) -> OrderChange:
    """Read what stands between ST and SE. Raises X12Error."""
    bch = beginning(segments, "BCH")
    found = parts(segments, "POC", _SUMMARY)
    check_total(found.summary or found.heading, len(found.loops))
    return OrderChange(
        number=required(bch, 3),
        placed_on=required_day(bch, 6),
        purpose=required(bch, 1),
        kind=required(bch, 2),
        lines=tuple(_read_change(loop[0]) for loop in found.loops),
    )


def _read_change(poc: Segment) -> ChangedLine:
    quantity, left, price = decimal(poc, 3), decimal(poc, 4), decimal(poc, 6)
    return ChangedLine(at(poc, 1), required(poc, 2), quantity, left, at(poc, 5), price, pairs(poc, 8))
