"""855 purchase order acknowledgement (X12 004010)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from adapters.suppliers.edi_x12.elements import (
    Pairs,
    at,
    beginning,
    check_total,
    day,
    decimal,
    first,
    number,
    pairs,
    parts,
    put_day,
    put_pairs,
    required,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import Segment
from adapters.suppliers.edi_x12.sets.common import (
    Dates,
    Item,
    read_dates,
    read_item,
    read_references,
    write_dates,
    write_item,
    write_references,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An ACK: what becomes of some units. ``quantity`` is what it says of, whatever PO102 repeats."""

    status: str  # DE 668
    quantity: Decimal | None = None
    unit: str = ""
    date_kind: str = ""
    on: date | None = None
    ids: Pairs = ()


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """A PO1 as it was ordered, and the answers that split it."""

    item: Item
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An 855. ``kind`` is BAK02: what of the order is accepted, and whether lines follow that say so."""

    number: str
    kind: str
    purpose: str = "00"
    dated: date | None = None
    supplier_number: str = ""
    currency: str = ""
    references: Pairs = ()
    dates: Dates = ()
    lines: tuple[AnsweredItem, ...] = ()


def write_855(said: Acknowledgement) -> list[Segment]:
    """Write what stands between ST and SE."""
    return list(_segments(said))


def _segments(said: Acknowledgement) -> Iterator[Segment]:
    dated = put_day(said.dated)
    yield segment_of("BAK", said.purpose, said.kind, said.number, dated, "", "", "", said.supplier_number)
    if said.currency:
        yield segment_of("CUR", "SE", said.currency)
    yield from write_references(said.references)
    yield from write_dates(said.dates)
    for line in said.lines:
        yield from write_item("PO1", line.item)
        yield from map(_write_answer, line.answers)
    if said.lines:
        yield segment_of("CTT", str(len(said.lines)))


def _write_answer(answer: Answer) -> Segment:
    told = (answer.status, number(answer.quantity), answer.unit, answer.date_kind, put_day(answer.on), "")
    return segment_of("ACK", *told, *put_pairs(answer.ids))


def read_855(segments: Sequence[Segment]) -> Acknowledgement:
    """Read what stands between ST and SE. Raises X12Error."""
    bak = beginning(segments, "BAK")
    found = parts(segments, "PO1", frozenset({"CTT"}))
    check_total(found.summary or found.heading, len(found.loops))
    return Acknowledgement(
        number=required(bak, 3),
        kind=required(bak, 2),
        purpose=required(bak, 1),
        dated=day(bak, 4),
        supplier_number=at(bak, 8),
        currency=at(first(found.heading, "CUR") or [], 2),
        references=read_references(found.heading),
        dates=read_dates(found.heading),
        lines=tuple(map(_line, found.loops)),
    )


def _line(loop: Sequence[Segment]) -> AnsweredItem:
    item = read_item(loop, required_quantity=False)
    return AnsweredItem(item, tuple(_answer(segment) for segment in loop if segment[0] == "ACK"))


def _answer(segment: Segment) -> Answer:
    status, quantity, on = required(segment, 1), decimal(segment, 2), day(segment, 5)
    return Answer(status, quantity, at(segment, 3), at(segment, 4), on, pairs(segment, 7))
