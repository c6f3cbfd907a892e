"""Cuts X12 into segments, as a stream: nothing but the segment that is being read stays in memory.

Delimiters are what the interchange header declares: it has 106 characters, its fourth is the element separator, the
last but one the component separator, the last the segment terminator (X12.5; ISA11 is a repetition separator from
version 00501 on, and "U" before). There is no release character. Line ends around segments do not count.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from adapters.suppliers.edi_x12.errors import BadDelimiters, BadHeader, NotX12, SegmentTooLong, Truncated, X12Error

HEADER = 106  # characters of an ISA with its terminator
LONGEST_SEGMENT = 1 << 16  # bytes; the longest of ours has 600
PIECE = 1 << 16
_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)  # where an ISA has its separators
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The four signs that no element may hold. ``repetition`` is "U" where the version has none."""

    element: str = "*"
    component: str = ">"
    segment: str = "~"
    repetition: str = "U"

    @property
    def signs(self) -> str:
        """All that delimit."""
        return self.element + self.component + self.segment + ("" if self.repetition == "U" else self.repetition)


def cut(chunks: Iterable[bytes]) -> tuple[Delimiters, Iterator[list[str]]]:
    """Read the delimiters, and cut what follows into segments, as many at once as a chunk holds.

    Raises NotX12, BadHeader or BadDelimiters here, Truncated or SegmentTooLong while it is walked through.
    """
    pieces = iter(chunks)
    head = b""
    while len(head) < HEADER and (piece := next(pieces, None)) is not None:
        head = (head + piece).removeprefix(_BOM).lstrip(_BLANKS)
    delimiters = sniff(head[:HEADER])
    return delimiters, _blocks(chain([head], pieces), delimiters)


def interchanges_in(body: bytes) -> list[bytes]:
    """Cut a file into its interchanges: each is believed, or not, by itself. One that can't be cut stays whole."""
    try:
        terminator = sniff(body.removeprefix(_BOM).lstrip(_BLANKS)[:HEADER]).segment
    except X12Error:
        return [body]
    next_one = re.compile(re.escape(terminator.encode()) + rb"[ \t\r\n]*(?=ISA[^A-Za-z0-9 ])")
    edges = [0, *(found.end() for found in next_one.finditer(body)), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


def pieces_of(body: bytes) -> Iterator[bytes]:
    """Hand out bytes that are in memory already in pieces, so that their segments are not all there at once."""
    return (body[start : start + PIECE] for start in range(0, len(body), PIECE))


def sniff(header: bytes) -> Delimiters:
    """Read the delimiters of an ISA. Raises NotX12, BadHeader or BadDelimiters."""
    if not header.startswith(b"ISA"):
        raise NotX12("no interchange begins here: the first letters are not ISA")
    if len(header) < HEADER:
        raise Truncated("the document ends within its ISA", position=1)
    text = header.decode("latin-1")
    if any(text[place] != text[3] for place in _SEPARATORS):
        raise BadHeader("an ISA has 106 characters and its separators at fixed places; this one does not", position=1)
    version, repetition = text[84:89], text[82]
    delimiters = Delimiters(text[3], text[104], text[105], repetition if version >= "00501" else "U")
    _check(delimiters)
    return delimiters


def _check(delimiters: Delimiters) -> None:
    signs = delimiters.signs
    if len(set(signs)) < len(signs):
        raise BadDelimiters("two delimiters are the same sign", position=1)
    if not signs.isascii() or any(sign.isalnum() or sign in " .-\0" for sign in signs):
        raise BadDelimiters("a delimiter is a letter, a digit, a blank, or a sign that numbers have", position=1)


def _blocks(pieces: Iterable[bytes], delimiters: Delimiters) -> Iterator[list[str]]:
    terminator, rest = delimiters.segment.encode(), b""
    passed = 0
    for piece in pieces:
        rest += piece
        block, found, rest = rest.rpartition(terminator)
        if found:
            segments = _segments(block, delimiters.segment)
            _check_lengths(segments, len(block), passed)
            passed += len(segments)
            yield segments
        if len(rest) > LONGEST_SEGMENT:
            raise SegmentTooLong(f"no segment ends within {LONGEST_SEGMENT} bytes", position=passed + 1)
    if rest.strip(_BLANKS):
        raise Truncated("the last segment has no end", position=passed + 1)


def _segments(block: bytes, terminator: str) -> list[str]:
    segments = _text(block, terminator)
    if b"\n" in block or b"\r" in block:
        segments = [segment.strip("\r\n") for segment in segments]
        if terminator in "\r\n":
            return [segment for segment in segments if segment]
    return segments


def _text(block: bytes, terminator: str) -> list[str]:
    try:
        return block.decode().split(terminator)
    except UnicodeDecodeError:  # each segment alone, so that it does not matter how the bytes came in pieces
        return [_either(segment) for segment in block.split(terminator.encode())]


def _either(segment: bytes) -> str:
    try:
        return segment.decode()
    except UnicodeDecodeError:
        return segment.decode("latin-1")


def _check_lengths(segments: list[str], size: int, passed: int) -> None:
    if size > LONGEST_SEGMENT and max(map(len, segments), default=0) > LONGEST_SEGMENT:
        raise SegmentTooLong(f"a segment has more than {LONGEST_SEGMENT} bytes", position=passed + 1)
    if "" in segments:
        raise X12Error("a segment is empty", position=passed + segments.index("") + 1)
