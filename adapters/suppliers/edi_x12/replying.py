"""What a document is answered with: a 997 for each group, a TA1 for an interchange that could not be read.

An answer is remembered as one short word, ``997:118:PR:54:P:3:2:855.0002-4``: interchange, group, verdict, counts, and
the sets that were refused. It is written when it is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.suppliers.edi_x12.envelope import Group, TransactionSet
from adapters.suppliers.edi_x12.errors import X12Error
from adapters.suppliers.edi_x12.sets.receipts import Receipt, SetReceipt, write_997
from adapters.suppliers.edi_x12.tokenizer import HEADER
from adapters.suppliers.edi_x12.wrapping import Addressing, write_interchange, write_interchange_receipt

LONGEST = 64  # characters of a reply's word: models.base.Identifier
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
        told = f":{verdict.set.code}.{verdict.set.control}-{verdict.error.set_code}" if verdict.error else ""
        if len(word) + len(told) <= LONGEST and _is_plain(verdict.set.code + verdict.set.control):
            word += told
    return word


def interchange_reply(body: bytes, error: X12Error) -> str | None:
    """Word the answer to an interchange that could not be read; None where not even its header can."""
    header = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:HEADER].decode("latin-1")
    control, on, at = header[90:99], header[70:76], header[77:81]
    digits = control + on + at
    if not header.startswith("ISA") or len(header) < HEADER or not (digits.isascii() and digits.isdigit()):
        return None
    return f"TA1:{control}:{on}:{at}:R:{error.note}"


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
    control, _, why = rest.partition("-")
    return SetReceipt(code, control, REJECTED, (why,))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isalnum()
