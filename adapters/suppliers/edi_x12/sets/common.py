"""What several sets have: parties with their addresses, references, dates, and lines as PO1 and IT1 write them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from adapters.suppliers.edi_x12.elements import (
    Pairs,
    at,
    day,
    decimal,
    number,
    pairs,
    put_day,
    put_pairs,
    required,
    required_decimal,
    segment_of,
)
from adapters.suppliers.edi_x12.errors import Segment

Dates = tuple[tuple[str, date], ...]
_OF_PARTY = frozenset({"N2", "N3", "N4", "PER"})


@dataclass(frozen=True, slots=True)
class Party:
    """N1 with N2, N3, N4 and PER: who and where. ``code`` is ST (ship to), SF (ship from), BT, VN …"""

    code: str
    name: str = ""
    qualifier: str = ""
    id: str = ""
    more_names: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    contact: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line: PO1 or IT1. ``price`` is per unit; ``ids`` are pairs such as ("VN", the vendor's number)."""

    line: str
    quantity: Decimal
    unit: str = "EA"
    price: Decimal | None = None
    ids: Pairs = ()
    description: str = ""


def read_item(loop: Sequence[Segment], *, required_quantity: bool = True) -> Item:
    """Read a PO1 or IT1 and its PID."""
    segment = loop[0]
    quantity = required_decimal(segment, 2) if required_quantity else decimal(segment, 2) or Decimal(0)
    text = next((at(one, 5) for one in loop if one[0] == "PID"), "")
    return Item(at(segment, 1), quantity, at(segment, 3), decimal(segment, 4), pairs(segment, 6), text)


def write_item(name: str, item: Item) -> Iterator[Segment]:
    """Write a PO1 or IT1 and its PID."""
    price = number(item.price)
    yield segment_of(name, item.line, number(item.quantity), item.unit, price, "", *put_pairs(item.ids))
    if item.description:
        yield segment_of("PID", "F", "", "", "", item.description)


def read_parties(segments: Iterable[Segment]) -> tuple[Party, ...]:
    """Read every N1 with what belongs to it."""
    loops: list[list[Segment]] = []
    inside = False
    for segment in segments:
        if segment[0] == "N1":
            loops.append([segment])
            inside = True
        elif inside and segment[0] in _OF_PARTY:
            loops[-1].append(segment)
        else:
            inside = False
    return tuple(map(_party, loops))


def _party(loop: Sequence[Segment]) -> Party:
    head = loop[0]
    found = {segment[0]: segment for segment in loop}
    place, person = found.get("N4", []), found.get("PER", [])
    numbers = dict(pairs(person, 3)) if person else {}
    return Party(
        code=required(head, 1),
        name=at(head, 2),
        qualifier=at(head, 3),
        id=at(head, 4),
        more_names=tuple(name for segment in loop if segment[0] == "N2" for name in segment[1:] if name),
        streets=tuple(street for segment in loop if segment[0] == "N3" for street in segment[1:] if street),
        city=at(place, 1),
        state=at(place, 2),
        postal_code=at(place, 3),
        country=at(place, 4),
        contact=at(person, 2),
        phone=numbers.get("TE", ""),
        email=numbers.get("EM", ""),
    )


def write_party(party: Party) -> Iterator[Segment]:
    """Write N1 and what belongs to it, names and streets two to a segment."""
    yield segment_of("N1", party.code, party.name, party.qualifier, party.id)
    for name, texts in (("N2", party.more_names), ("N3", party.streets)):
        for start in range(0, len(texts), 2):
            yield segment_of(name, *texts[start : start + 2])
    if party.city or party.state or party.postal_code or party.country:
        yield segment_of("N4", party.city, party.state, party.postal_code, party.country)
    reached = tuple((kind, value) for kind, value in (("TE", party.phone), ("EM", party.email)) if value)
    if party.contact or reached:
        yield segment_of("PER", "OC", party.contact, *put_pairs(reached))


def read_references(segments: Iterable[Segment]) -> Pairs:
    """Read every REF that has a value."""
    return tuple((segment[1], segment[2]) for segment in segments if segment[0] == "REF" and at(segment, 2))


def write_references(references: Pairs) -> Iterator[Segment]:
    """Write one REF each."""
    return (segment_of("REF", *reference) for reference in references)


def read_dates(segments: Iterable[Segment]) -> Dates:
    """Read every DTM that has a date."""
    found = ((at(segment, 1), day(segment, 2)) for segment in segments if segment[0] == "DTM")
    return tuple((qualifier, value) for qualifier, value in found if value is not None)


def write_dates(dates: Dates) -> Iterator[Segment]:
    """Write one DTM each."""
    return (segment_of("DTM", qualifier, put_day(value)) for qualifier, value in dates)
