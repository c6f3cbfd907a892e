"""997 functional acknowledgement, both ways (X12 004010): a group was received and could be read, no more than that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.suppliers.edi_x12.elements import at, beginning, required, segment_of, whole
from adapters.suppliers.edi_x12.errors import BadElement, BadEnvelope, MissingSegment, Segment, WrongCount

SET_STATUSES = frozenset("AEMRWX")
GROUP_STATUSES = frozenset("AEPRMWX")


@dataclass(frozen=True, slots=True)
class ElementError:
    """An AK4: ``place`` counts elements from 1; ``code`` is DE 723."""

    place: str
    code: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SegmentError:
    """An AK3: ``position`` counts segments from ST; ``code`` is DE 720."""

    name: str
    position: int
    code: str = ""
    elements: tuple[ElementError, ...] = ()


@dataclass(frozen=True, slots=True)
class SetReceipt:
    """AK2 to AK5: what became of a set."""

    code: str
    control: str
    status: str = "A"
    codes: tuple[str, ...] = ()
    errors: tuple[SegmentError, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A 997: what became of a group. Counts: sets included (as the trailer said), received, and accepted."""

    functional: str
    control: int
    status: str
    included: int
    received: int
    accepted: int
    sets: tuple[SetReceipt, ...] = ()
    codes: tuple[str, ...] = ()


def write_997(receipt: Receipt) -> list[Segment]:
    """Write what stands between ST and SE."""
    return list(_segments(receipt))


def _segments(receipt: Receipt) -> Iterator[Segment]:
    yield segment_of("AK1", receipt.functional, str(receipt.control))
    for one in receipt.sets:
        yield segment_of("AK2", one.code, one.control)
        for error in one.errors:
            yield segment_of("AK3", error.name, str(error.position), "", error.code)
            yield from (segment_of("AK4", found.place, found.reference, found.code) for found in error.elements)
        yield segment_of("AK5", one.status, *one.codes)
    counts = (str(receipt.included), str(receipt.received), str(receipt.accepted))
    yield segment_of("AK9", receipt.status, *counts, *receipt.codes)


def read_997(segments: Sequence[Segment]) -> Receipt:
    """Read what stands between ST and SE. Raises X12Error."""
    head, tail = beginning(segments, "AK1"), segments[-1]
    if tail[0] != "AK9":
        raise MissingSegment("AK9", "an AK9 stands at the end", tail)
    if required(tail, 1) not in GROUP_STATUSES:
        raise BadElement(tail, 1, "is no status of a group")
    sets = tuple(_sets(segments[1:-1]))
    return Receipt(
        functional=required(head, 1),
        control=_counted(head, 2),
        status=tail[1],
        included=_counted(tail, 2),
        received=_counted(tail, 3),
        accepted=_agreeing(tail, sets),
        sets=sets,
        codes=tuple(code for code in tail[5:] if code),
    )


def _counted(segment: Segment, place: int) -> int:
    value = whole(segment, place)
    if value is None or value < 0:
        raise BadElement(segment, place, "is no number of things")
    return value


def _agreeing(tail: Segment, sets: Sequence[SetReceipt]) -> int:
    """Read how many sets were accepted, and compare it with what is said of each, where each is told of."""
    received, accepted = _counted(tail, 3), _counted(tail, 4)
    if sets and len(sets) == received and accepted != sum(one.status in "AE" for one in sets):
        raise WrongCount("AK904 is not the number of sets that AK501 accepts")
    if accepted > received:
        raise WrongCount("AK904 is more than AK903")
    return accepted


def _sets(segments: Sequence[Segment]) -> Iterator[SetReceipt]:
    opened: Segment | None = None
    errors: list[SegmentError] = []
    for segment in segments:
        match segment[0]:
            case "AK2":
                if opened is not None:
                    raise MissingSegment("AK5", "an AK5 is missing", opened)
                opened, errors = segment, []
            case "AK3":
                errors.append(SegmentError(at(segment, 1), _counted(segment, 2), at(segment, 4)))
            case "AK4" if errors:
                errors[-1] = _with_element(errors[-1], segment)
            case "AK5" if opened is not None:
                yield _set(opened, segment, errors)
                opened = None
            case _:
                raise BadEnvelope("a segment stands where it can't in a 997")
    if opened is not None:
        raise MissingSegment("AK5", "an AK5 is missing", opened)


def _with_element(error: SegmentError, segment: Segment) -> SegmentError:
    found = ElementError(required(segment, 1), at(segment, 3), at(segment, 2))
    return SegmentError(error.name, error.position, error.code, (*error.elements, found))


def _set(opened: Segment, closing: Segment, errors: Sequence[SegmentError]) -> SetReceipt:
    if required(closing, 1) not in SET_STATUSES:
        raise BadElement(closing, 1, "is no status of a set")
    codes = tuple(code for code in closing[2:] if code)
    return SetReceipt(required(opened, 1), required(opened, 2), closing[1], codes, tuple(errors))
