"""What a document is answered with: a 997 for each group, a TA1 for an interchange where the partner wants one.

An answer is remembered as one word, and written when it is sent. ``997:118:PR:54:P:3:2:855.0002-5-PO1.4.8.2.6`` is:
interchange, group, verdict, counts, and the sets that were refused, each with its AK5 code; then, where one segment is
to blame, its name, its position and its AK3 code; then, where one element is, its place and its AK4 code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.suppliers.edi_x12.envelope import Group, TransactionSet
from adapters.suppliers.edi_x12.errors import BadElement, OfSegment, X12Error
from adapters.suppliers.edi_x12.sets.receipts import ElementError, Receipt, SegmentError, SetReceipt, write_997
from adapters.suppliers.edi_x12.tokenizer import HEADER
from adapters.suppliers.edi_x12.wrapping import Addressing, write_interchange, write_interchange_receipt

LONGEST = 500  # characters of a reply's word: models.exchange.Reply
TAKEN, KNOWN_NUMBER = "000", "025"  # DE I18: all is well; an interchange of this control number came before
ACCEPTED, PARTLY, REJECTED = "A", "P", "R"


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """A set, and why it could not be read."""

    set: TransactionSet
    error: X12Error | None


def group_reply(interchange: int, group: Group, verdicts: Sequence[SetVerdict]) -> str:
    """Word the answer to a group. Refused sets are named as far as there is room; the counts are always there."""
    bad = [verdict for verdict in verdicts if verdict.error is not None]
    received, accepted = len(verdicts), len(verdicts) - len(bad)
    status = ACCEPTED if not bad else PARTLY if accepted else REJECTED
    if group.problem is not None or not verdicts:
        status = REJECTED
    functional = group.functional if len(group.functional) == 2 and _is_plain(group.functional) else "XX"
    code = f".{group.problem.group_code}" if group.problem else ""
    word = f"997:{interchange}:{functional}:{group.control}:{status}{code}:{received}:{accepted}"
    for verdict in bad:
        told = _refusal(verdict)
        if len(word) + len(told) <= LONGEST and _is_plain(verdict.set.code + verdict.set.control):
            word += told
    return word


def _refusal(verdict: SetVerdict) -> str:
    error = verdict.error
    word = f":{verdict.set.code}.{verdict.set.control}-{error.set_code}" if error else ""
    if not isinstance(error, OfSegment) or not error.position or not _is_plain(error.name):
        return word
    element = f".{error.element}.{error.element_code}" if isinstance(error, BadElement) else ""
    return f"{word}-{error.name}.{error.position}.{error.segment_code}{element}"


def interchange_reply(body: bytes, note: str, *, always: bool = False) -> tuple[str, ...]:
    """Word the TA1 for an interchange where ISA14 asks for it, or ``always``; a ``note`` (DE I18) but 000 refuses it.

    Its ISA is looked at by itself, since the rest may not be readable. Nothing where not even that can be.
    """
    header = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:HEADER].decode("latin-1")
    control, on, at = header[90:99], header[70:76], header[77:81]
    digits = control + on + at
    if not header.startswith("ISA") or len(header) < HEADER or not (digits.isascii() and digits.isdigit()):
        return ()
    if not always and header[100] != "1":
        return ()
    return (f"TA1:{control}:{on}:{at}:{ACCEPTED if note == TAKEN else REJECTED}:{note}",)


def write_reply(word: str, addressing: Addressing, *, control: int, made_at: datetime) -> bytes:
    """Write the answer that a word stands for."""
    kind, *parts = word.split(":")
    if kind == "TA1":
        return write_interchange_receipt(["TA1", *parts], addressing, control=control, made_at=made_at)
    segments = write_997(_receipt(parts))
    return write_interchange([("997", segments)], addressing, control=control, made_at=made_at)


def _receipt(parts: Sequence[str]) -> Receipt:
    _, functional, group, verdict, received, accepted, *refused = parts
    status, _, code = verdict.partition(".")
    return Receipt(
        functional=functional,
        control=int(group),
        status=status,
        included=int(received),
        received=int(received),
        accepted=int(accepted),
        sets=tuple(map(_refused, refused)),
        codes=(code,) if code else (),
    )


def _refused(word: str) -> SetReceipt:
    code, _, rest = word.partition(".")
    control, why, *where = rest.split("-")
    return SetReceipt(code, control, REJECTED, (why,), tuple(map(_segment_error, where)))


def _segment_error(word: str) -> SegmentError:
    name, position, code, *element = word.split(".")
    return SegmentError(name, int(position), code, (ElementError(*element),) if element else ())


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isalnum()
