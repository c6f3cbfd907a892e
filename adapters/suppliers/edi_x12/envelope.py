"""Interchanges, groups and sets: ISA/GS/ST and their trailers, with every count and control number compared.

A set that is wrong is marked so, and the others stand; a group that is wrong takes its sets with it; an interchange
that is wrong is nothing at all, since nobody knows what else of it is missing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from adapters.suppliers.edi_x12.errors import (
    BAD_SIGNS,
    BadElement,
    BadEnvelope,
    BadSetControl,
    ControlMismatch,
    Segment,
    WrongCount,
    X12Error,
)
from adapters.suppliers.edi_x12.errors import Truncated as BrokenOff
from adapters.suppliers.edi_x12.tokenizer import Delimiters, cut, pieces_of

FUNCTIONAL = {"850": "PO", "860": "PC", "855": "PR", "856": "SH", "810": "IN", "846": "IB", "997": "FA"}
_LENGTHS = (0, 2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)


@dataclass(slots=True)
class TransactionSet:
    """ST to SE. ``segments`` are those between, as far as somebody wanted them; ``count`` counts ST and SE in.

    ``lines``: how many LIN were left out of them.
    """

    code: str
    control: str
    position: int
    segments: list[Segment] = field(default_factory=list)
    count: int = 1
    lines: int = 0
    problem: X12Error | None = None


@dataclass(slots=True)
class Group:
    """GS to GE."""

    functional: str
    sender: str
    receiver: str
    control: int
    version: str
    sets: list[TransactionSet] = field(default_factory=list)
    problem: X12Error | None = None
    closed: bool = False


@dataclass(slots=True)
class InterchangeReceipt:
    """A TA1: what became of an interchange of ours. ``status`` is A, E or R; ``note`` is its code (DE I18)."""

    control: int
    status: str
    note: str


@dataclass(slots=True)
class Interchange:
    """ISA to IEA. Ids are without the blanks that fill them up; ``made`` is ISA09 and ISA10 as they came.

    ``receipt_asked``: ISA14 asks for a TA1.
    """

    sender: tuple[str, str]
    receiver: tuple[str, str]
    control: int
    test: bool
    receipt_asked: bool
    made: tuple[str, str]
    delimiters: Delimiters
    groups: list[Group] = field(default_factory=list)
    receipts: list[InterchangeReceipt] = field(default_factory=list)


class EnvelopeReader:
    """Follows the envelopes, one raw segment after the other, and keeps none of what is inside them."""

    def __init__(self, delimiters: Delimiters) -> None:
        """Begin before the first ISA."""
        self.interchanges: list[Interchange] = []
        self.position = 0
        self._delimiters = delimiters
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._set: TransactionSet | None = None
        self._handlers: dict[str, Callable[[Segment], None]] = {"ISA": self._isa, "IEA": self._iea, "TA1": self._ta1}
        pairs = {"GS": self._gs, "GE": self._ge, "ST": self._st, "SE": self._se}
        self._handlers |= {f"{name}{delimiters.element}": handler for name, handler in pairs.items()}

    def take(self, raw: str) -> TransactionSet | None:
        """Take one segment; returns the set that it is inside of, None for a segment of an envelope."""
        self.position += 1
        handler = self._handlers.get(raw[:3])
        if handler is None:
            if self._set is None:
                raise BadEnvelope("a segment stands outside of every set", position=self.position)
            self._set.count += 1
            return self._set
        try:
            handler(raw.split(self._delimiters.element))
        except X12Error as error:
            error.position = error.position or self.position
            raise
        return None

    def finish(self) -> list[Interchange]:
        """Return all interchanges. Raises Truncated where the last one has no IEA."""
        if self._interchange is not None or not self.interchanges:
            raise BrokenOff("the document ends without an IEA", position=self.position)
        return self.interchanges

    def _isa(self, segment: Segment) -> None:
        if self._interchange is not None:
            raise BrokenOff("an ISA stands where the last interchange has no IEA yet")
        if [len(element) for element in segment[1:]] != list(_LENGTHS[1:]):
            raise BadEnvelope("an ISA has other elements than an ISA, or other delimiters than the first")
        if segment[16] != self._delimiters.component or segment[15] not in "TP":
            raise BadEnvelope("ISA15 is neither T nor P, or the delimiters are not those of the first")
        self._interchange = Interchange(
            sender=(segment[5].rstrip(), segment[6].rstrip()),
            receiver=(segment[7].rstrip(), segment[8].rstrip()),
            control=_number(segment, 13),
            test=segment[15] == "T",
            receipt_asked=segment[14] == "1",
            made=(segment[9], segment[10]),
            delimiters=self._delimiters,
        )
        self.interchanges.append(self._interchange)

    def _ta1(self, segment: Segment) -> None:
        if self._interchange is None or self._group is not None:
            raise BadEnvelope("a TA1 stands outside of an interchange, or inside of a group")
        receipt = InterchangeReceipt(_number(segment, 1), _at(segment, 4), _at(segment, 5))
        if receipt.status not in ("A", "E", "R"):
            raise BadElement(segment, 4, "is neither A, E nor R")
        self._interchange.receipts.append(receipt)

    def _gs(self, segment: Segment) -> None:
        if self._interchange is None or self._group is not None:
            raise BadEnvelope("a GS stands outside of an interchange, or inside of another group")
        self._group = Group(
            functional=_at(segment, 1).rstrip(),
            sender=_at(segment, 2).rstrip(),
            receiver=_at(segment, 3).rstrip(),
            control=_number(segment, 6),
            version=_at(segment, 8).rstrip(),
        )
        self._interchange.groups.append(self._group)

    def _st(self, segment: Segment) -> None:
        self._leave_set(BrokenOff("an ST stands where the last set has no SE yet", position=self.position))
        if self._group is None:
            raise BadEnvelope("an ST stands outside of every group")
        self._set = TransactionSet(_at(segment, 1), _at(segment, 2).rstrip(), self.position)
        if not self._set.code.isdigit():
            self._set.problem = BadEnvelope("ST01 is no kind of set", position=self.position)
        elif not 4 <= len(self._set.control) <= 9:
            self._set.problem = BadSetControl("ST02 has not 4 to 9 characters", position=self.position)
        self._group.sets.append(self._set)

    def _se(self, segment: Segment) -> None:
        if self._set is None:
            raise BadEnvelope("an SE stands where no set is open")
        closing, self._set = self._set, None
        closing.count += 1
        closing.problem = closing.problem or self._set_problem(closing, segment)

    def _set_problem(self, closing: TransactionSet, segment: Segment) -> X12Error | None:
        said = _count(segment)
        if said != closing.count:
            return WrongCount(f"SE01 says {_told(said)}, {closing.count} are there", position=self.position)
        if _at(segment, 2).rstrip() != closing.control:
            return ControlMismatch("SE02 is not ST02", position=self.position)
        return None

    def _ge(self, segment: Segment) -> None:
        self._leave_set(BrokenOff("a GE stands where the last set has no SE yet", position=self.position))
        if self._group is None:
            raise BadEnvelope("a GE stands where no group is open")
        closing, self._group = self._group, None
        closing.closed = True
        said = _count(segment)
        if said != len(closing.sets):
            there = len(closing.sets)
            closing.problem = WrongCount(f"GE01 says {_told(said)}, {there} are there", position=self.position)
        elif _at(segment, 2).strip(" ").lstrip("0") != str(closing.control or ""):
            closing.problem = ControlMismatch("GE02 is not GS06", position=self.position)

    def _leave_set(self, problem: X12Error) -> None:
        """Close a set that has no trailer: it is wrong, and the next one may be right."""
        if self._set is not None:
            self._set.problem = self._set.problem or problem
            self._set = None

    def _iea(self, segment: Segment) -> None:
        closing = self._interchange
        if closing is None:
            raise BadEnvelope("an IEA stands where no interchange is open")
        if self._group is not None:
            raise BrokenOff("an IEA stands where the last group has no GE yet")
        said = _count(segment)
        if said != len(closing.groups):
            raise WrongCount(f"IEA01 says {_told(said)}, {len(closing.groups)} are there")
        if _number(segment, 2) != closing.control:
            raise ControlMismatch("IEA02 is not ISA13")
        self._interchange = None


def read_interchange(body: bytes, *, leave_out: frozenset[str] = frozenset()) -> Interchange:
    """Read a document of one interchange. Of sets in ``leave_out`` only the first segment and the CTT are kept.

    Raises X12Error where it can't be believed; what is wrong with a set or group is its ``problem``.
    """
    delimiters, blocks = cut(pieces_of(body))
    interchange, *more = _collected(EnvelopeReader(delimiters), blocks, delimiters.element, leave_out)
    if more:
        raise BadEnvelope("another interchange begins here")
    return interchange


def _collected(
    reader: EnvelopeReader, blocks: Iterable[list[str]], separator: str, leave_out: frozenset[str]
) -> list[Interchange]:
    take, line, total = reader.take, f"LIN{separator}", f"CTT{separator}"
    for block in blocks:
        for raw in block:
            inside = take(raw)
            if inside is None:
                continue
            if inside.code not in leave_out or not inside.segments:
                inside.segments.append(raw.split(separator))
            elif raw[0] == "L":
                inside.lines += raw.startswith(line)
            elif raw[0] == "C" and raw.startswith(total):
                inside.segments.append(raw.split(separator))
    return reader.finish()


def _at(segment: Segment, place: int) -> str:
    return segment[place] if place < len(segment) else ""


def _number(segment: Segment, place: int) -> int:
    text = _at(segment, place).strip(" ")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadElement(segment, place, "is no number of up to 9 digits", BAD_SIGNS)
    return int(text)


def _count(segment: Segment) -> int | None:
    text = _at(segment, 1).strip(" ")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _told(count: int | None) -> str:
    return "nothing" if count is None else str(count)
