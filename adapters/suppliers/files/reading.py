"""From a partner's file to news. Pure but for the desk's lines of an order: rows may name no article, only a line.

Rows are gathered by our purchase-order number. What can't be understood makes its order unclear, as a whole, and
leaves the others in the file alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from pydantic import ValidationError

from adapters.suppliers.files.acknowledgements import read_acknowledgement
from adapters.suppliers.files.invoices import read_invoices
from adapters.suppliers.files.order_rows import OrderRows, UnclearRow
from adapters.suppliers.files.profile import (
    AcknowledgementFile,
    CancellationAnswerFile,
    FilesProfile,
    IncomingFile,
    InvoiceFile,
    ShipmentFile,
)
from adapters.suppliers.files.rows import FileRow, UnreadableFile, rows_of
from adapters.suppliers.files.shipments import read_shipments
from models.exchange import CancelAnswered, DocumentKind, Incoming, OrderNews, PartnerNews, Reading, Unclear
from models.suppliers import SupplierLine

KINDS = {
    AcknowledgementFile: DocumentKind.ACKNOWLEDGEMENT,
    ShipmentFile: DocumentKind.SHIPMENT,
    InvoiceFile: DocumentKind.INVOICE,
    CancellationAnswerFile: DocumentKind.CANCELLATION,
}
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./#-]{0,59}")  # models.base.Reference
OrderLines = Callable[[str], Sequence[SupplierLine]]


def read_file(profile: FilesProfile, currency: str, lines_of: OrderLines, incoming: Incoming) -> Reading:
    """Say what a file means. ``currency`` is meant where it names none."""
    layout = next((kind for kind in profile.incoming if fnmatchcase(incoming.name, kind.files)), None)
    if layout is None:
        return Reading(kind=DocumentKind.UNKNOWN, refused="no_kind: no pattern fits this name")
    kind = KINDS[type(layout)]
    try:
        rows = rows_of(layout, incoming.body)
    except UnreadableFile as problem:
        return Reading(kind=kind, refused=str(problem)[:200])
    news = [one for order in _by_order(rows, lines_of) for one in _news(layout, currency, order)]
    return Reading(kind=kind, news=tuple(_numbered([*_nameless(rows), *news])))


def _by_order(rows: Iterable[FileRow], lines_of: OrderLines) -> Iterator[OrderRows]:
    by_number: dict[str, list[FileRow]] = {}
    for row in rows:
        if _NUMBER.fullmatch(row["number"]):
            by_number.setdefault(row["number"], []).append(row)
    return (OrderRows(number, tuple(found), tuple(lines_of(number))) for number, found in by_number.items())


def _nameless(rows: Iterable[FileRow]) -> Iterator[Unclear]:
    for row in rows:
        if not _NUMBER.fullmatch(row["number"]):
            yield Unclear(reason="bad_number", detail=f"row {row.place}: this is no purchase-order number")


def _news(layout: IncomingFile, currency: str, order: OrderRows) -> list[PartnerNews]:
    try:
        return list(_told(layout, currency, order))
    except UnclearRow as problem:
        return [Unclear(number=order.number, reason=problem.code, detail=str(problem))]
    except ValidationError as problem:  # a text or an amount beyond what our own books hold
        where = f"row {order.rows[0].place}: {''.join(map(str, problem.errors()[0]['loc'][-1:]))}"
        return [Unclear(number=order.number, reason="out_of_bounds", detail=where)]


def _told(layout: IncomingFile, currency: str, order: OrderRows) -> Sequence[OrderNews]:
    match layout:
        case AcknowledgementFile():
            return [read_acknowledgement(layout, currency, order)]
        case ShipmentFile():
            return read_shipments(layout, order)
        case InvoiceFile():
            return read_invoices(layout, currency, order)
        case CancellationAnswerFile():
            return [_read_answer(layout, order)]
    raise AssertionError(layout)


def _read_answer(layout: CancellationAnswerFile, order: OrderRows) -> CancelAnswered:
    """Read yes or no; the last word counts where there are several."""
    row = order.rows[-1]
    word = row["answer"].casefold()
    if word in map(str.casefold, layout.cancelled):
        return CancelAnswered(number=order.number, cancelled=True)
    if word in map(str.casefold, layout.too_late):
        return CancelAnswered(number=order.number, cancelled=False)
    raise UnclearRow("unknown_answer", row.place, "answer")


def _numbered(news: Iterable[PartnerNews]) -> Iterator[PartnerNews]:
    for sequence, one in enumerate(news):
        yield one.model_copy(update={"sequence": sequence})
