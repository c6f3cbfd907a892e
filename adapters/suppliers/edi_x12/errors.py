"""What can be wrong with an X12 document, told apart by what the partner is answered.

    X12Error
    ├── NotX12            no interchange begins here
    ├── BadHeader         the ISA is not what every ISA is: 106 characters, at fixed places
    ├── BadDelimiters     two delimiters are the same, or one is a letter, a digit or a blank
    ├── Truncated         it breaks off: a segment has no end, or there is no IEA
    ├── SegmentTooLong    no segment ends for longer than any segment is
    ├── BadEnvelope       a segment stands where it can't
    │   └── UnknownSet    a set that was not agreed on
    ├── WrongCount        SE01, GE01 or IEA01 says another number than there are
    ├── ControlMismatch   a trailer has another control number than its header
    ├── BadSetControl     ST02 is no control number
    └── OfSegment         something within one segment
        ├── MissingSegment    a segment that must be there is not
        └── BadElement        an element has a value that it can't have
            └── MissingElement    an element that must be there is not

Messages name segments, elements and numbers of things; never a value that was sent.
"""

from collections.abc import Sequence

Segment = list[str]  # its elements; the first is its name


class X12Error(Exception):
    """Base of everything that is wrong with a document. ``position`` counts segments from 1, in its file or its set."""

    set_code = "5"  # DE 718: how a set with this is refused in a 997
    group_code = "1"  # DE 716
    note = "024"  # DE I18: how an interchange with this is refused in a TA1

    def __init__(self, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        """Say where and what: ``segment 17: SE01 says 12, 11 are there``."""
        return f"segment {self.position}: {self.message}" if self.position else self.message


class NotX12(X12Error):
    """No interchange begins here."""


class BadHeader(X12Error):
    """The ISA is not what every ISA is."""


class BadDelimiters(X12Error):
    """The ISA declares delimiters that can't delimit."""

    note = "026"


class Truncated(X12Error):
    """The document breaks off."""

    set_code = "2"
    group_code = "3"
    note = "023"


class SegmentTooLong(X12Error):
    """No segment ends for longer than any segment is."""


class BadEnvelope(X12Error):
    """A segment stands where it can't."""

    set_code = "6"


class UnknownSet(BadEnvelope):
    """A set of a kind that was not agreed on."""

    set_code = "1"


class WrongCount(X12Error):
    """A trailer counts otherwise than we do."""

    set_code = "4"
    group_code = "5"
    note = "021"


class ControlMismatch(X12Error):
    """A trailer has another control number than its header."""

    set_code = "3"
    group_code = "4"
    note = "001"


class BadSetControl(X12Error):
    """ST02 is no control number."""

    set_code = "7"


# DE 723: what is wrong with an element.
MISSING, HALF_A_PAIR, BAD_SIGNS, BAD_VALUE, BAD_DATE, BAD_TIME = "1", "2", "6", "7", "8", "9"


class OfSegment(X12Error):
    """Something within one segment; ``segment`` is the very list that was read, by which its place is found."""

    segment_code = "8"  # DE 720: how a 997 says what is wrong with the segment of this name

    def __init__(self, name: str, message: str, segment: Segment | None) -> None:
        super().__init__(message)
        self.name = name
        self.segment = segment

    def locate(self, segments: Sequence[Segment]) -> None:
        """Find the segment's position in its set, where ST is 1; that of the SE where there is none."""
        places = (place for place, one in enumerate(segments, start=2) if one is self.segment)
        self.position = next(places, len(segments) + 2 if self.segment is None else 0)


class MissingSegment(OfSegment):
    """A segment that must be there is not; ``noticed`` is where, None at the end of the set."""

    segment_code = "3"

    def __init__(self, name: str, message: str, noticed: Segment | None = None) -> None:
        super().__init__(name, message, noticed)


class BadElement(OfSegment):
    """An element has a value that it can't have. ``element`` counts from 1, ``element_code`` is DE 723."""

    def __init__(self, segment: Segment, element: int, why: str, element_code: str = BAD_VALUE) -> None:
        name = _name(segment)
        super().__init__(name, f"{name}{element:02d} {why}", segment)
        self.element = element
        self.element_code = element_code


class MissingElement(BadElement):
    """An element that must be there is not."""

    def __init__(self, segment: Segment, element: int) -> None:
        super().__init__(segment, element, "is missing", MISSING)


def _name(segment: Segment) -> str:
    name = segment[0]
    return name if name.isascii() and name.isalnum() and len(name) <= 3 else "?"
