"""810 invoice (X12 004010). TDS01 and SAC05 have implied decimals: 28566 is 285.66."""

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
    implied,
    number,
    parts,
    put_day,
    put_implied,
    required,
    required_day,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import BadElement, MissingElement, MissingSegment, Segment
from adapters.suppliers.edi_x12.sets.common import Item, read_item, read_references, write_item, write_references

CENTS = 2
_SUMMARY = frozenset({"TDS", "CTT", "CAD", "ISS", "AMT"})


@dataclass(frozen=True, slots=True)
class Charge:
    """A SAC: ``indicator`` is C (charge) or A (allowance); ``code`` says what for, D240 is freight."""

    indicator: str
    code: str
    amount: Decimal
    description: str = ""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An 810. ``total`` is TDS01; partners differ in whether ``charges`` and ``taxes`` are within it.

    ``kind`` is BIG07 (DE 640), e.g. CR, a credit; ``purpose`` is BIG08 (DE 353), e.g. 01, which takes an invoice back.
    """

    number: str
    dated: date
    total: Decimal
    order_number: str = ""
    ordered_on: date | None = None
    kind: str = ""
    purpose: str = ""
    currency: str = ""
    references: Pairs = ()
    lines: tuple[Item, ...] = ()
    taxes: tuple[tuple[str, Decimal], ...] = ()  # TXI: kind and amount
    charges: tuple[Charge, ...] = ()


def write_810(invoice: Invoice, *, decimals: int = CENTS) -> list[Segment]:
    """Write what stands between ST and SE. Raises ValueError for an amount with more decimals than that."""
    return list(_segments(invoice, decimals))


def _segments(invoice: Invoice, decimals: int) -> Iterator[Segment]:
    ordered = (put_day(invoice.ordered_on), invoice.order_number, "", "", invoice.kind, invoice.purpose)
    yield segment_of("BIG", put_day(invoice.dated), invoice.number, *ordered)
    if invoice.currency:
        yield segment_of("CUR", "SE", invoice.currency)
    yield from write_references(invoice.references)
    for item in invoice.lines:
        yield from write_item("IT1", item)
    yield segment_of("TDS", put_implied(invoice.total, decimals))
    yield from (segment_of("TXI", kind, number(amount)) for kind, amount in invoice.taxes)
    for charge in invoice.charges:
        amount = put_implied(charge.amount, decimals)
        rest = ("", "", "", "", "", "", "", "", "", charge.description)
        yield segment_of("SAC", charge.indicator, charge.code, "", "", amount, *rest)
    yield segment_of("CTT", str(len(invoice.lines)))


def read_810(segments: Sequence[Segment], *, decimals: int = CENTS) -> Invoice:
    """Read what stands between ST and SE. Raises X12Error."""
    big = beginning(segments, "BIG")
    found = parts(segments, "IT1", _SUMMARY)
    summary = found.summary or found.heading
    check_total(summary, len(found.loops))
    total = first(summary, "TDS")
    if total is None:
        raise MissingSegment("TDS", "an invoice has a TDS")
    return Invoice(
        number=required(big, 2),
        dated=required_day(big, 1),
        total=_amount(total, 1, decimals),
        order_number=at(big, 4).strip(),
        ordered_on=day(big, 3),
        kind=at(big, 7),
        purpose=at(big, 8),
        currency=at(first(found.heading, "CUR") or [], 2),
        references=read_references(found.heading),
        lines=tuple(map(read_item, found.loops)),
        taxes=tuple((at(one, 1), decimal(one, 2) or Decimal(0)) for one in summary if one[0] == "TXI"),
        charges=tuple(_charge(one, decimals) for one in segments if one[0] == "SAC"),
    )


def _charge(segment: Segment, decimals: int) -> Charge:
    if required(segment, 1) not in ("A", "C", "N"):
        raise BadElement(segment, 1, "is neither a charge nor an allowance")
    amount = implied(segment, 5, decimals) or Decimal(0)
    return Charge(segment[1], at(segment, 2), amount, at(segment, 15))


def _amount(segment: Segment, place: int, decimals: int) -> Decimal:
    value = implied(segment, place, decimals)
    if value is None:
        raise MissingElement(segment, place)
    return value
