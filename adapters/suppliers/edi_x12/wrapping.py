"""Writes interchanges: ISA, GS, ST and their trailers round sets, and free text that no delimiter can get into."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.suppliers.edi_x12.envelope import FUNCTIONAL
from adapters.suppliers.edi_x12.errors import Segment
from adapters.suppliers.edi_x12.tokenizer import Delimiters

DEFAULT = Delimiters()
LAST_CONTROL = 999_999_999  # ISA13 has nine digits


class Unwritable(ValueError):
    """A value can't be written in this partner's signs or lengths. The message names the element, never the value."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """Who writes to whom, and how. Ids are pairs of qualifier and id, as ISA05 to ISA08 have them."""

    sender: tuple[str, str]
    receiver: tuple[str, str]
    group_sender: str
    group_receiver: str
    version: str = "004010"
    interchange_version: str = "00401"
    test: bool = False
    delimiters: Delimiters = DEFAULT
    charset: str = "ascii"


def write_interchange(
    sets: Sequence[tuple[str, Sequence[Segment]]], addressing: Addressing, *, control: int, made_at: datetime
) -> bytes:
    """Write sets (code and segments) into one interchange, those of one kind after another into one group.

    The groups' control numbers are the interchange's. Raises Unwritable.
    """
    groups: list[list[tuple[str, Sequence[Segment]]]] = []
    for one in sets:
        if not groups or FUNCTIONAL[groups[-1][0][0]] != FUNCTIONAL[one[0]]:
            groups.append([])
        groups[-1].append(one)
    lines = (line for group in groups for line in _group(group, addressing, control, made_at))
    return _wrapped(lines, len(groups), addressing, control, made_at)


def write_interchange_receipt(receipt: Segment, addressing: Addressing, *, control: int, made_at: datetime) -> bytes:
    """Write a TA1 into an interchange of its own. Raises Unwritable."""
    return _wrapped([_joined(receipt, addressing.delimiters)], 0, addressing, control, made_at)


def _wrapped(lines: Iterable[str], groups: int, addressing: Addressing, control: int, made_at: datetime) -> bytes:
    if not 0 < control <= LAST_CONTROL:
        raise Unwritable("control numbers have nine digits, and those are used up")
    signs = addressing.delimiters
    trailer = _joined(["IEA", str(groups), f"{control:09d}"], signs)
    text = f"{signs.segment}\n".join([_isa(addressing, control, made_at), *lines, trailer, ""])
    try:
        return text.encode(addressing.charset)
    except UnicodeEncodeError:
        raise Unwritable(f"a letter is not in {addressing.charset}") from None


def _isa(addressing: Addressing, control: int, made_at: datetime) -> str:
    signs = addressing.delimiters
    sender, receiver = addressing.sender, addressing.receiver
    repetition = "U" if addressing.interchange_version < "00501" else signs.repetition
    elements = (
        "ISA", "00", " " * 10, "00", " " * 10,
        f"{sender[0]:2.2}", f"{sender[1]:15.15}", f"{receiver[0]:2.2}", f"{receiver[1]:15.15}",
        f"{made_at:%y%m%d}", f"{made_at:%H%M}", repetition, addressing.interchange_version,
        f"{control:09d}", "0", "T" if addressing.test else "P",
    )  # fmt: skip
    return f"{_joined(elements, replace(signs, repetition='U'))}{signs.element}{signs.component}"


def _group(
    sets: Sequence[tuple[str, Sequence[Segment]]], addressing: Addressing, control: int, made_at: datetime
) -> Iterator[str]:
    signs, when = addressing.delimiters, (f"{made_at:%Y%m%d}", f"{made_at:%H%M}")
    who = (addressing.group_sender, addressing.group_receiver)
    yield _joined(["GS", FUNCTIONAL[sets[0][0]], *who, *when, str(control), "X", addressing.version], signs)
    for number, (code, segments) in enumerate(sets, start=1):
        yield _joined(["ST", code, f"{number:04d}"], signs)
        for segment in segments:
            yield _joined(segment, signs)
        yield _joined(["SE", str(len(segments) + 2), f"{number:04d}"], signs)
    yield _joined(["GE", str(len(sets)), str(control)], signs)


def _joined(segment: Sequence[str], signs: Delimiters) -> str:
    text = "".join(segment)
    if signs.segment in text or signs.element in text or signs.component in text or not text.isprintable():
        raise Unwritable(f"{segment[0]} holds a delimiter or a control sign")
    if signs.repetition != "U" and signs.repetition in text:
        raise Unwritable(f"{segment[0]} holds the repetition separator")
    return signs.element.join(segment)


def free_text(text: str, addressing: Addressing, longest: int) -> str:
    """Bring free text into this partner's signs: delimiters and controls become blanks, letters lose what it lacks.

    Raises Unwritable where a letter has no likeness, or the text is longer than the element takes.
    """
    signs = addressing.delimiters.signs
    # Folded first: the likeness of a letter may be a delimiter.
    text = _folded(text, addressing.charset)
    clean = " ".join("".join(" " if sign in signs or not sign.isprintable() else sign for sign in text).split())
    if len(clean) > longest:
        raise Unwritable(f"longer than {longest} letters")
    return clean


def _folded(text: str, charset: str) -> str:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        pass
    else:
        return text
    folded = "".join(_likeness(sign, charset) for sign in text)
    if not folded.strip("? "):
        raise Unwritable(f"has letters that {charset} has no likeness of")
    return folded


_ALIKE = {"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "Ł": "L", "ł": "l", "Đ": "D",
          "đ": "d", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."}  # fmt: skip


def _likeness(sign: str, charset: str) -> str:
    plain = _ALIKE.get(sign) or unicodedata.normalize("NFKD", sign)
    written = plain.encode(charset, "ignore").decode(charset)
    if not written and sign.isalnum():
        raise Unwritable(f"has letters that {charset} has no likeness of")
    return written
