"""846 inventory advice (X12 004010)."""

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
    required_decimal,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import Segment

FULL, CHANGE, REPLACEMENT = "00", "04", "05"  # BIA01
NEXT_AVAILABLE = "018"  # DTM01
Quantities = tuple[tuple[str, Decimal, str], ...]  # qualifier, how many, unit


@dataclass(frozen=True, slots=True)
class StockLine:
    """A LIN with what belongs to it. ``price`` is CTP03 and ``price_kind`` CTP02."""

    ids: Pairs
    line: str = ""
    description: str = ""
    price_kind: str = ""
    price: Decimal | None = None
    quantities: Quantities = ()
    available_on: date | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """An 846. ``purpose``: 00 all articles, 04 those that changed, 05 in place of an earlier one."""

    reference: str
    dated: date | None = None
    purpose: str = FULL
    kind: str = "SI"
    lines: tuple[StockLine, ...] = ()


def write_846(inventory: Inventory) -> list[Segment]:
    """Write what stands between ST and SE."""
    return list(_segments(inventory))


def _segments(inventory: Inventory) -> Iterator[Segment]:
    yield segment_of("BIA", inventory.purpose, inventory.kind, inventory.reference, put_day(inventory.dated))
    for line in inventory.lines:
        yield from _write_line(line)
    yield segment_of("CTT", str(len(inventory.lines)))


def _write_line(line: StockLine) -> Iterator[Segment]:
    yield segment_of("LIN", line.line, *put_pairs(line.ids))
    if line.description:
        yield segment_of("PID", "F", "", "", "", line.description)
    if line.price is not None:
        yield segment_of("CTP", "", line.price_kind, number(line.price))
    for qualifier, count, unit in line.quantities:
        yield segment_of("QTY", qualifier, number(count), unit)
    if line.available_on:
        yield segment_of("DTM", NEXT_AVAILABLE, put_day(line.available_on))


def read_846(segments: Sequence[Segment]) -> Inventory:
    """Read what stands between ST and SE. Raises X12Error."""
    bia = beginning(segments, "BIA")
    found = parts(segments, "LIN", frozenset({"CTT"}))
    check_total(found.summary or found.heading, len(found.loops))
    return Inventory(
        reference=at(bia, 3),
        dated=day(bia, 4),
        purpose=required(bia, 1),
        kind=at(bia, 2),
        lines=tuple(map(_line, found.loops)),
    )


def _line(loop: Sequence[Segment]) -> StockLine:
    head, price = loop[0], first(loop, "CTP")
    text = next((at(one, 5) for one in loop if one[0] == "PID"), "")
    kind, amount = (at(price, 2), decimal(price, 3)) if price else ("", None)
    quantities = tuple((required(one, 1), required_decimal(one, 2), at(one, 3)) for one in loop if one[0] == "QTY")
    dates = (day(one, 2) for one in loop if one[0] == "DTM" and at(one, 1) == NEXT_AVAILABLE)
    return StockLine(pairs(head, 2), at(head, 1), text, kind, amount, quantities, next(dates, None))
