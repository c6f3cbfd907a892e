"""Elements as values, and values as elements: dates, decimals, implied decimals, pairs of qualifier and value.

X12 types: AN text, ID code, R decimal with a point where it needs one, N2 with two implied decimals, DT CCYYMMDD.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import lru_cache

from adapters.suppliers.edi_x12.errors import (
    BAD_DATE,
    BAD_SIGNS,
    BAD_TIME,
    HALF_A_PAIR,
    BadElement,
    MissingElement,
    MissingSegment,
    Segment,
)

Pairs = tuple[tuple[str, str], ...]
_DECIMAL = re.compile(r"-?(?:[0-9]{1,15}(?:\.[0-9]{0,8})?|\.[0-9]{1,8})")
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def at(segment: Segment, place: int) -> str:
    """Read an element, "" where it is left out."""
    return segment[place] if place < len(segment) else ""


def required(segment: Segment, place: int) -> str:
    """Read an element that must be there, without the blanks that some partners fill it up with."""
    value = at(segment, place).strip()
    if not value:
        raise MissingElement(segment, place)
    return value


def decimal(segment: Segment, place: int) -> Decimal | None:
    """Read a decimal (R); None where it is left out."""
    text = segment[place] if place < len(segment) else ""
    if not text:
        return None
    value = _decimal(text)
    if value is None:
        raise BadElement(segment, place, "is no decimal", BAD_SIGNS)
    return value


@lru_cache(maxsize=1 << 12)
def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def required_decimal(segment: Segment, place: int) -> Decimal:
    """Read a decimal that must be there."""
    value = decimal(segment, place)
    if value is None:
        raise MissingElement(segment, place)
    return value


def implied(segment: Segment, place: int, decimals: int) -> Decimal | None:
    """Read an amount whose point is not written: 28566 is 285.66 with two decimals. A point that is there counts."""
    text = segment[place] if place < len(segment) else ""
    if "." in text or not text:
        return decimal(segment, place)
    if not _WHOLE.fullmatch(text):
        raise BadElement(segment, place, "is no whole number", BAD_SIGNS)
    return Decimal(text).scaleb(-decimals)


def whole(segment: Segment, place: int) -> int | None:
    """Read a whole number (N0); None where it is left out."""
    text = segment[place] if place < len(segment) else ""
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise BadElement(segment, place, "is no whole number", BAD_SIGNS)
    return int(text)


def day(segment: Segment, place: int) -> date | None:
    """Read a date, CCYYMMDD; None where it is left out."""
    text = segment[place] if place < len(segment) else ""
    if not text:
        return None
    value = _day(text)
    if value is None:
        raise BadElement(segment, place, "is no date", BAD_DATE)
    return value


@lru_cache(maxsize=1 << 10)
def _day(text: str) -> date | None:
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def required_day(segment: Segment, place: int) -> date:
    """Read a date that must be there."""
    value = day(segment, place)
    if value is None:
        raise MissingElement(segment, place)
    return value


def hour(segment: Segment, place: int) -> time | None:
    """Read a time, HHMM or HHMMSS, further digits left aside; None where it is left out."""
    text = segment[place] if place < len(segment) else ""
    if not text:
        return None
    if len(text) not in (4, 6, 7, 8) or not (text.isascii() and text.isdigit()):
        raise BadElement(segment, place, "is no time", BAD_TIME)
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:6] or 0))
    except ValueError:
        raise BadElement(segment, place, "is no time", BAD_TIME) from None


def pairs(segment: Segment, first: int) -> Pairs:
    """Read pairs of qualifier and value, e.g. ``VN*A-1*UP*012345678905``. Each is whole, or not there at all."""
    found = []
    for place in range(first, len(segment), 2):
        qualifier, value = segment[place], at(segment, place + 1)
        if bool(qualifier) != bool(value):
            raise BadElement(segment, place, "and the next one are half of a pair", HALF_A_PAIR)
        if qualifier:
            found.append((qualifier, value))
    return tuple(found)


def put_pairs(values: Pairs) -> Iterator[str]:
    """Write pairs."""
    for qualifier, value in values:
        yield qualifier
        yield value


def number(value: Decimal | None) -> str:
    """Write a decimal as short as it is exact."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def put_implied(value: Decimal | None, decimals: int) -> str:
    """Write an amount without its point. Raises ValueError where it has more decimals than that."""
    if value is None:
        return ""
    shifted = value.scaleb(decimals)
    if shifted != shifted.to_integral_value():
        raise ValueError(f"an amount has more than {decimals} decimals")
    return str(int(shifted))


def put_day(value: date | None) -> str:
    """Write a date."""
    return f"{value.year:04d}{value.month:02d}{value.day:02d}" if value else ""


def put_hour(value: time | None) -> str:
    """Write a time."""
    return value.strftime("%H%M%S") if value else ""


def segment_of(name: str, *elements: str) -> Segment:
    """Write a segment; empty elements at its end are left out."""
    segment = [name, *elements]
    while not segment[-1]:
        segment.pop()
    return segment


@dataclass(frozen=True, slots=True)
class Parts:
    """A set taken apart: what stands before its lines, its lines with what belongs to each, what follows."""

    heading: list[Segment]
    loops: list[list[Segment]]
    summary: list[Segment]


def parts(segments: Sequence[Segment], begins: str, summary: frozenset[str]) -> Parts:
    """Cut a set's segments: every ``begins`` opens a line; the first of ``summary`` after that ends the last one."""
    found = Parts([], [], [])
    into = found.heading
    for segment in segments:
        name = segment[0]
        if into is not found.summary:
            if name == begins:
                into = []
                found.loops.append(into)
            elif found.loops and name in summary:
                into = found.summary
        into.append(segment)
    return found


def first(segments: Iterable[Segment], name: str) -> Segment | None:
    """Find the first segment of a name."""
    return next((segment for segment in segments if segment[0] == name), None)


def beginning(segments: Sequence[Segment], name: str) -> Segment:
    """Return a set's first segment, which has to be this one."""
    if not segments or segments[0][0] != name:
        raise MissingSegment(name, f"{name} does not stand at the beginning", segments[0] if segments else None)
    return segments[0]


def check_total(segments: Iterable[Segment], there: int) -> None:
    """Compare CTT01, where a set has one, with the number of its lines."""
    total = first(segments, "CTT")
    if total is None:
        return
    said = whole(total, 1)
    if said != there:
        raise BadElement(total, 1, f"says {'nothing' if said is None else said}, {there} are there")
