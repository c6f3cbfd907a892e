"""What an 855 says of an order, line by line. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.suppliers.edi_x12.articles import OrderedLines, Unreadable, pieces, substitute
from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from models.exchange import CancelAnswered, OrderAcknowledged, OrderNews, OrderReceived
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine, SupplierState

# DE 668: what becomes of the units of ACK02.
STATUSES = {
    **dict.fromkeys(("IA", "IC", "IE", "IP", "IQ", "IW", "AC", "AR", "DR", "BP"), LineStatus.ACCEPTED),
    **dict.fromkeys(("IB", "IF", "IH", "SP"), LineStatus.BACKORDERED),
    **dict.fromkeys(("IR", "ID", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"), LineStatus.REJECTED),
    "IS": LineStatus.SUBSTITUTED,
}
OTHER_PRICE = "IP"
CHANGED = frozenset({"IC", "IQ"})  # units that such an answer leaves out are not coming
BALANCE_LATER = frozenset({"BP"})  # units that such an answer leaves out come later
IN_FULL = (
    frozenset(code for code, status in STATUSES.items() if status is LineStatus.ACCEPTED) - CHANGED - BALANCE_LATER
)
# BAK02: what of the order is accepted.
WHOLE = frozenset({"AK", "AT", "AD", "AE"})  # all of it, except what lines say otherwise
DETAILED = frozenset({"AC"})  # what its lines say
REFUSED = frozenset({"RD", "RF", "RJ"})
HELD = frozenset({"AH"})


@dataclass(frozen=True)
class Terms:
    """What is needed to understand an answer: what was ordered, what was agreed on, the currency of prices."""

    ordered: Sequence[SupplierLine]
    profile: X12Profile
    currency: str


def news_of(said: Acknowledgement, terms: Terms) -> OrderNews:
    """Say what it means. Raises Unreadable."""
    if said.purpose == "01":
        return _cancel_answered(said)
    if said.purpose not in ("00", "04", "05", "06"):
        raise Unreadable("bak01", "BAK01 is none of 00, 01, 04, 05, 06")
    if said.kind in HELD:
        return OrderReceived(number=said.number)
    if said.kind not in WHOLE | DETAILED | REFUSED:
        raise Unreadable("bak02", "BAK02 says nothing that is known")
    return _acknowledged(said, terms)


def _cancel_answered(said: Acknowledgement) -> CancelAnswered:
    if said.kind not in WHOLE | DETAILED | REFUSED:
        raise Unreadable("bak02", "BAK02 says neither yes nor no to a cancellation")
    return CancelAnswered(number=said.number, cancelled=said.kind not in REFUSED)


def _acknowledged(said: Acknowledgement, terms: Terms) -> OrderAcknowledged:
    lines = tuple(_lines(said, terms))
    refused = said.kind in REFUSED
    if refused and any(line.status is not LineStatus.REJECTED for line in lines):
        raise Unreadable("contradiction", "BAK02 refuses the order, a line does not")
    if not refused and not lines and terms.ordered and (said.lines or said.kind in DETAILED):
        raise Unreadable("no_lines", "no line says what becomes of what was ordered")
    cancelled = refused or _all_rejected(lines, terms.ordered)
    return OrderAcknowledged(
        number=said.number,
        supplier_number=said.supplier_number,
        state=SupplierState.CANCELLED if cancelled else SupplierState.ACKNOWLEDGED,
        status_text=f"855 {said.kind}",
        lines=lines,
        changes_only=said.kind in WHOLE,
    )


def _all_rejected(lines: Sequence[AcknowledgedLine], ordered: Sequence[SupplierLine]) -> bool:
    rejected = sum(line.quantity for line in lines if line.status is LineStatus.REJECTED)
    return bool(ordered) and rejected >= sum(line.quantity for line in ordered)


def _lines(said: Acknowledgement, terms: Terms) -> Iterator[AcknowledgedLine]:
    if not terms.ordered:
        return  # an order that nobody knows: whoever applies the news says so
    ordered = OrderedLines(terms.ordered, terms.profile)
    units: dict[str, int] = {}
    for place, answered in enumerate(said.lines, start=1):
        line = ordered.find(answered.item.ids, answered.item.line)
        if line is None:
            raise Unreadable("unknown_article", f"PO1 {place} is no article that was ordered")
        if said.kind in REFUSED and not answered.answers:
            continue  # it repeats what was ordered, and BAK02 has said what becomes of it
        for told in _split(answered, line, terms, place):
            units[line.ean] = units.get(line.ean, 0) + told.quantity
            yield told
    for line in terms.ordered:
        if units.get(line.ean, 0) > sum(one.quantity for one in terms.ordered if one.ean == line.ean):
            raise Unreadable("more_than_ordered", "more units are answered than were ordered")


def _split(answered: AnsweredItem, line: SupplierLine, terms: Terms, place: int) -> Iterator[AcknowledgedLine]:
    """Tell the answers of a line apart; ACK02 counts, whatever PO102 repeats of the order."""
    if not answered.answers:
        count = pieces(answered.item.quantity, answered.item.unit, terms.profile, f"PO102 {place}")
        if count:
            yield AcknowledgedLine(ean=line.ean, quantity=count, unit_cost=_price(answered, terms))
        return
    counted = [(answer, _count(answer, answered, terms, place)) for answer in answered.answers]
    left = line.quantity - sum(said or 0 for _, said in counted)
    for answer, said in counted:
        units = said or 0
        if not units and (said is None or STATUSES[answer.status] is not LineStatus.ACCEPTED):
            units, left = max(left, 0), 0
        if units:
            yield _told(answer, units, line, answered, terms)
    if left > 0 and any(said == 0 and answer.status in IN_FULL for answer, said in counted):
        raise Unreadable("quantity", f"ACK02 of PO1 {place} accepts nothing, and nothing says what becomes of it")
    yield from _rest(answered.answers, left, line)


def _count(answer: Answer, answered: AnsweredItem, terms: Terms, place: int) -> int | None:
    """Read how many units an answer speaks of.

    None, and nought where it does not accept: all that the others leave. Who refuses a line often counts nought of it.
    """
    if answer.status not in STATUSES:
        raise Unreadable("ack01", f"ACK01 of PO1 {place} says nothing that is known")
    if answer.status == OTHER_PRICE and answered.item.price is None:
        raise Unreadable("price", f"ACK01 of PO1 {place} says another price, PO104 none")
    if answer.quantity is None:
        return None
    return pieces(answer.quantity, answer.unit or answered.item.unit, terms.profile, f"ACK02 of PO1 {place}")


def _told(answer: Answer, count: int, line: SupplierLine, answered: AnsweredItem, terms: Terms) -> AcknowledgedLine:
    status = STATUSES[answer.status]
    return AcknowledgedLine(
        ean=line.ean,
        quantity=count,
        status=status,
        unit_cost=None if status is LineStatus.REJECTED else _price(answered, terms),
        expected_on=answer.on,
        substitute=substitute(answer.ids, terms.profile) if status is LineStatus.SUBSTITUTED else "",
        reason=answer.status,
    )


def _rest(answers: Sequence[Answer], open_units: int, line: SupplierLine) -> Iterator[AcknowledgedLine]:
    """Say what becomes of units that no answer counts, where an answer implies it."""
    said = {answer.status for answer in answers}
    if open_units <= 0 or not said & (CHANGED | BALANCE_LATER):
        return
    later = said & BALANCE_LATER
    status = LineStatus.BACKORDERED if later else LineStatus.REJECTED
    reason = next(iter(sorted(later or said & CHANGED)))
    yield AcknowledgedLine(ean=line.ean, quantity=open_units, status=status, reason=reason)


def _price(answered: AnsweredItem, terms: Terms) -> Money | None:
    price = answered.item.price
    if price is not None and price < 0:
        raise Unreadable("price", "PO104 is less than nothing")
    return None if price is None else Money(amount=price, currency=terms.currency)
