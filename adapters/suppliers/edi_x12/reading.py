"""What a document of the partner means: its sets as news, each group's 997, and why it is not believed where it is not.

One bad set spoils none of the others: it becomes a task for a person, and is refused in the group's 997.
"""

from collections.abc import Callable, Iterator, Sequence

from pydantic import ValidationError

from adapters.exchange.remote_exchange import why_not_taken
from adapters.suppliers.edi_x12.answers import Terms, news_of
from adapters.suppliers.edi_x12.articles import Unreadable
from adapters.suppliers.edi_x12.elements import check_total
from adapters.suppliers.edi_x12.envelope import (
    FUNCTIONAL,
    Group,
    Interchange,
    InterchangeReceipt,
    TransactionSet,
    read_interchange,
)
from adapters.suppliers.edi_x12.errors import BadEnvelope, BadSetControl, OfSegment, Segment, UnknownSet, X12Error
from adapters.suppliers.edi_x12.notices import invoiced, orders_in, shipped
from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.replying import KNOWN_NUMBER, TAKEN, SetVerdict, group_reply, interchange_reply
from adapters.suppliers.edi_x12.sets.acknowledgements import read_855
from adapters.suppliers.edi_x12.sets.inventories import CHANGE, FULL, REPLACEMENT
from adapters.suppliers.edi_x12.sets.invoices import read_810
from adapters.suppliers.edi_x12.sets.receipts import Receipt, read_997
from adapters.suppliers.edi_x12.sets.shipments import read_856
from models.exchange import (
    DocumentKind,
    Incoming,
    PartnerNews,
    Reading,
    ReceiptArrived,
    StockReported,
    Unclear,
)
from models.suppliers import SupplierLine

STOCK_SET = "846"
RECEIPT_GROUP = "FA"
KINDS = {
    "PR": DocumentKind.ACKNOWLEDGEMENT,
    "SH": DocumentKind.SHIPMENT,
    "IN": DocumentKind.INVOICE,
    "IB": DocumentKind.STOCK,
    RECEIPT_GROUP: DocumentKind.RECEIPT,
}
OrderLines = Callable[[str], Sequence[SupplierLine]]
LeftTwice = Callable[[int], bool]


class DocumentReader:
    """Reads what one partner sends. ``order_lines`` tells what was ordered under a number.

    ``left_twice`` tells whether the partner may have been given our document of a control number more than once.
    """

    def __init__(self, profile: X12Profile, currency: str, order_lines: OrderLines, left_twice: LeftTwice) -> None:
        """Read by a profile; ``currency`` counts where no CUR says another."""
        self._profile = profile
        self._currency = profile.currency or currency
        self._order_lines = order_lines
        self._left_twice = left_twice

    def read(self, incoming: Incoming) -> Reading:
        """Say what a document means. What is wrong with it is said in the reading."""
        if reason := why_not_taken(incoming.body):
            return Reading(kind=DocumentKind.UNKNOWN, refused=reason)
        try:
            interchange = read_interchange(incoming.body, leave_out=frozenset({STOCK_SET}))
        except X12Error as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            return Reading(kind=DocumentKind.UNKNOWN, refused=reason, replies=self._refusal(incoming, error.note))
        if reason := self._disbelief(interchange):
            return Reading(
                kind=_kind(interchange), refused=reason
            )  # its control number may be of another row of numbers
        return self._believed(interchange, incoming)

    def _believed(self, interchange: Interchange, incoming: Incoming) -> Reading:
        news = [one for receipt in interchange.receipts for one in _interchange_receipt(receipt, self._left_twice)]
        replies = list(interchange_reply(incoming.body, TAKEN)) if interchange.groups else []
        for group in interchange.groups:
            verdicts = [self._judge(group, one, incoming.body, news) for one in group.sets]
            if group.functional != RECEIPT_GROUP:
                replies.append(group_reply(interchange.control, group, verdicts))
        return Reading(
            kind=_kind(interchange),
            control=interchange.control,
            news=tuple(one.model_copy(update={"sequence": place}) for place, one in enumerate(news)),
            replies=tuple(replies),
            replies_if_repeated=self._refusal(incoming, KNOWN_NUMBER) if interchange.groups else (),
        )

    def _refusal(self, incoming: Incoming, note: str) -> tuple[str, ...]:
        return interchange_reply(incoming.body, note, always=self._profile.interchange_receipts)

    def _disbelief(self, interchange: Interchange) -> str:
        """Say why an interchange must not be believed: it is a test, or not between this partner and us."""
        profile = self._profile
        if interchange.test != (profile.usage == "test"):
            return f"ISA15 says {'T' if interchange.test else 'P'}, this partner's profile says {profile.usage}"
        if interchange.sender != (profile.receiver_qualifier, profile.receiver_id):
            return "ISA05 and ISA06 name another sender than this partner"
        if interchange.receiver != (profile.sender_qualifier, profile.sender_id):
            return "ISA07 and ISA08 name another receiver than us"
        strange = [group for group in interchange.groups if group.sender != profile.addressing.group_receiver]
        return "GS02 names another sender than this partner" if strange else ""

    def _judge(self, group: Group, one: TransactionSet, body: bytes, news: list[PartnerNews]) -> SetVerdict:
        """Read one set; its news are added only where all of it could be read."""
        try:
            self._check(group, one)
            found = list(self._news(one, body))
        except X12Error as error:
            if isinstance(error, OfSegment):
                error.locate(one.segments)
            is_plain = one.code in FUNCTIONAL and not isinstance(error, BadSetControl)  # else anything may stand there
            where = f"{one.code} {one.control} of group {group.control}" if is_plain else "a set"
            news.append(Unclear(reason="bad_set", detail=f"{where}: {error}"[:200]))
            return SetVerdict(one, error)
        except (Unreadable, ValidationError) as problem:
            news.append(_unclear(_number_of(one), problem))
        else:
            news += found
        return SetVerdict(one, None)

    def _check(self, group: Group, one: TransactionSet) -> None:
        problem = one.problem or group.problem
        if problem is not None:
            raise problem
        if one.code not in FUNCTIONAL:
            raise UnknownSet("a set of this kind is not agreed on", position=one.position)
        if FUNCTIONAL[one.code] != group.functional:
            raise BadEnvelope("ST01 does not belong into a group of this GS01", position=one.position)

    def _news(self, one: TransactionSet, body: bytes) -> Iterator[PartnerNews]:
        segments = one.segments
        if self._profile.wrong_totals == "accept":
            segments = [segment for segment in segments if segment[0] != "CTT"]
        match one.code:
            case "855":
                yield from self._acknowledgement(segments)
            case "856":
                yield from self._shipment(segments)
            case "810":
                yield from self._invoice(segments)
            case "846":
                check_total(
                    [list(segment) for segment in segments], one.lines
                )  # nobody knows its place: much is left out
                yield self._stock(segments, body)
            case "997":
                yield from receipt_news(read_997(segments))
            case _:
                raise UnknownSet("a set of this kind is not agreed on", position=one.position)

    def _terms(self, number: str, currency: str = "") -> Terms:
        return Terms(self._order_lines(number), self._profile, currency or self._currency)

    def _acknowledgement(self, segments: Sequence[Segment]) -> Iterator[PartnerNews]:
        said = read_855(segments)
        yield news_of(said, self._terms(said.number, said.currency))

    def _shipment(self, segments: Sequence[Segment]) -> Iterator[PartnerNews]:
        said = read_856(segments)
        if said.structure not in self._profile.shipment_structures:
            raise Unreadable("bsn05", "BSN05 names a structure that is not agreed on")
        for order in orders_in(said):
            try:
                found = list(shipped(said, order, self._terms(order.number)))
            except (Unreadable, ValidationError) as problem:  # of one order: the others have left all the same
                found = [_unclear(_reference(order.number), problem)]
            yield from found

    def _invoice(self, segments: Sequence[Segment]) -> Iterator[PartnerNews]:
        said = read_810(segments, decimals=self._profile.implied_decimals)
        if not said.order_number:
            raise Unreadable("no_order_number", "BIG04 is missing")
        yield from invoiced(said, self._terms(said.order_number, said.currency))

    def _stock(self, segments: Sequence[Segment], body: bytes) -> PartnerNews:
        head = segments[0] if segments else ["", ""]
        purpose = head[1] if head[0] == "BIA" and len(head) > 1 else ""
        feeds = {
            FULL: self._profile.stock_feed,
            REPLACEMENT: self._profile.stock_feed,
            CHANGE: self._profile.stock_changes_feed,
        }
        if feed := feeds.get(purpose):
            return StockReported(feed=feed, body=body)
        return Unclear(reason="no_stock_feed", detail="no feed of profile takes an 846 with this BIA01")


def receipt_news(receipt: Receipt) -> Iterator[PartnerNews]:
    """Say what became of a group of ours. A receipt for a receipt says nothing, unless it refuses it."""
    codes = tuple(
        dict.fromkeys((receipt.status, *receipt.codes, *(code for one in receipt.sets for code in one.codes)))
    )
    refused = receipt.status in "RMWX" or any(one.status not in "AE" for one in receipt.sets)
    if receipt.functional == RECEIPT_GROUP:
        if refused:
            yield Unclear(reason="receipt_refused", detail=f"our 997 in group {receipt.control} was refused")
        return
    if not receipt.sets:  # nothing but the counts says which of them were taken
        refused = refused or receipt.accepted < receipt.received
    yield ReceiptArrived(control=receipt.control, accepted=not refused, codes=codes)
    if not refused and (receipt.status != "A" or any(one.status == "E" for one in receipt.sets)):
        detail = f"group {receipt.control} was taken with errors: {' '.join(codes)}"
        yield Unclear(reason="receipt_with_errors", detail=detail[:200])


def _interchange_receipt(receipt: InterchangeReceipt, left_twice: LeftTwice) -> Iterator[PartnerNews]:
    """Read a TA1. One that accepts says only that the envelope was whole: the 997 is still awaited.

    One that refuses a control number as known proves that our document is there, where it was sent before. Sent but
    once, its number was somebody else's: of a system before ours, or from before our database was restored.
    """
    if receipt.status == "R" and receipt.note == KNOWN_NUMBER and left_twice(receipt.control):
        yield ReceiptArrived(control=receipt.control, accepted=True, codes=("TA1", receipt.note))
    elif receipt.status == "R":
        yield ReceiptArrived(control=receipt.control, accepted=False, codes=("TA1", receipt.note))
    elif receipt.status == "E":
        detail = f"interchange {receipt.control} was taken with errors: {receipt.note}"
        yield Unclear(reason="receipt_with_errors", detail=detail[:200])


def _kind(interchange: Interchange) -> DocumentKind:
    found = {KINDS.get(group.functional, DocumentKind.UNKNOWN) for group in interchange.groups}
    if not found:
        return DocumentKind.RECEIPT
    return found.pop() if len(found) == 1 else DocumentKind.MIXED


def _number_of(one: TransactionSet) -> str | None:
    """Find the order a set is about, where it names one that can be one."""
    places = {"855": ("BAK", 3), "810": ("BIG", 4), "856": ("PRF", 1)}
    name, place = places.get(one.code, ("", 0))
    found = {segment[place].strip() for segment in one.segments if segment[0] == name and len(segment) > place}
    return _reference(found.pop()) if len(found) == 1 else None


def _reference(text: str) -> str | None:
    """Return what can be an order's number, None for anything else: it is shown to people."""
    try:
        return Unclear(number=text, reason="x").number
    except ValidationError:
        return None


def _unclear(number: str | None, problem: Unreadable | ValidationError) -> Unclear:
    """Say which order a person must look at, and why, without what was written."""
    if isinstance(problem, Unreadable):
        return Unclear(number=number, reason=problem.reason, detail=problem.detail)
    where = ", ".join(".".join(map(str, fault["loc"])) for fault in problem.errors())
    return Unclear(number=number, reason="bad_value", detail=where[:200])
