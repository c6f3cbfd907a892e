"""How one partner's files look: what a supplier's ``profile`` holds for the adapter ``files``.

The defaults are the conventions of reference order files: UTF-8, a header, RFC 4180, a row per line with the order's
fields repeated.
"""

import re
import string
from datetime import timedelta
from typing import Annotated, Literal, Self

from lxml import etree
from pydantic import Field, StringConstraints, field_validator, model_validator

from adapters.exchange.remote_settings import RemoteSettings
from adapters.suppliers.files.fields import ORDER_FIELDS
from models.base import Interval, Span, StrictContract
from models.feed_sources import delimiter_problem, encoding_problem, time_format_problem
from models.suppliers import LineStatus

Heading = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^/\x00-\x1f]+$")]
_ELEMENT = re.compile(r"@?[A-Za-z_][A-Za-z0-9_.-]*(/@?[A-Za-z_][A-Za-z0-9_.-]*)*")
_DAY = timedelta(days=1)
_PARTS = frozenset({"type", "partner", "time", "control"})

ORDER_COLUMNS = {
    heading: heading
    for heading in (
        "po_number order_date line supplier_sku ean qty unit_cost currency ship_name ship_company ship_addr1 "
        "ship_addr2 ship_city ship_state ship_postcode ship_country ship_phone ship_email ship_method"
    ).split()
}
STATUSES = {
    "accepted": LineStatus.ACCEPTED,
    "confirmed": LineStatus.ACCEPTED,
    "ok": LineStatus.ACCEPTED,
    "backordered": LineStatus.BACKORDERED,
    "backorder": LineStatus.BACKORDERED,
    "substituted": LineStatus.SUBSTITUTED,
    "rejected": LineStatus.REJECTED,
    "cancelled": LineStatus.REJECTED,
    "unavailable": LineStatus.REJECTED,
}


class Layout(StrictContract):
    """How a file is written down, CSV or XML."""

    format: Literal["csv", "xml"] = "csv"
    encoding: str = Field(default="utf-8", max_length=30)
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: bool = True  # CSV; without one, the first column is called "1"
    decimal: Literal[".", ","] = "."
    date_format: str = Field(default="%Y-%m-%d", max_length=40)
    record: Heading = "line"  # XML: the element that is one row

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        problems = {
            "encoding": encoding_problem(self.encoding) or self._xml_problem(),
            "delimiter": delimiter_problem(self.delimiter),
            "date_format": time_format_problem(self.date_format),
        }
        if wrong := [f"{name}: {problem}" for name, problem in problems.items() if problem]:
            raise ValueError("; ".join(wrong))
        return self

    def _xml_problem(self) -> str:
        """XML names its encoding as the internet does, and knows fewer of them."""
        try:
            etree.XMLParser(encoding=self.encoding if self.format == "xml" else "utf-8")
        except LookupError:
            return "XML does not know it by this name; usual ones are utf-8, windows-1252, iso-8859-15, utf-16"
        return ""


class OutgoingFile(Layout):
    """A file of ours. ``columns`` is heading = field, in the file's order; ``"=EUR"`` is the constant ``EUR``.

    In XML a heading is an element below the record, ``address/city`` or ``@line``.
    """

    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,30}$")]
    columns: dict[Heading, str] = Field(min_length=1, max_length=100)
    quoting: Literal["minimal", "all"] = "minimal"
    line_end: Literal["crlf", "lf"] = "crlf"
    byte_order_mark: bool = False
    root: Heading = "orders"  # XML
    for_people: bool = False  # it is opened in a spreadsheet: cells that look like formulas get a quote before them

    @model_validator(mode="after")
    def _columns_are_known(self) -> Self:
        strange = {field for field in self.columns.values() if field not in ORDER_FIELDS and not field.startswith("=")}
        if strange:
            raise ValueError(f"columns: no such fields: {', '.join(sorted(strange))}; known: {', '.join(ORDER_FIELDS)}")
        names = (*self.columns, self.record, self.root) if self.format == "xml" else ()
        if unfit := [name for name in names if not _ELEMENT.fullmatch(name)]:
            raise ValueError(f"no names of elements: {', '.join(unfit)}")
        if not self.header and self.format == "csv" and self.for_people:
            raise ValueError("for_people: people need a header")
        return self


class OrderFile(OutgoingFile):
    """Orders, one a file, or all of a window in one."""

    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,30}$")] = "orders"
    columns: dict[Heading, str] = Field(default=ORDER_COLUMNS, min_length=1, max_length=100)
    ship_methods: dict[str, str] = Field(default_factory=dict)  # our carrier -> the partner's code for it
    batch: Interval | None = None  # windows of this length, from midnight UTC on
    max_rows: int | None = Field(default=None, ge=1)  # of one order

    @field_validator("batch")
    @classmethod
    def _windows_fit_a_day(cls, batch: timedelta | None) -> timedelta | None:
        if batch is not None and (batch > _DAY or _DAY % batch):
            raise ValueError("a window that a day is a multiple of, e.g. 30m or 2h")
        return batch


class CancellationFile(OutgoingFile):
    """The wish to cancel an order."""

    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,30}$")] = "cancel"
    columns: dict[Heading, str] = Field(default={"po_number": "po_number"}, min_length=1, max_length=100)
    root: Heading = "cancellations"

    @model_validator(mode="after")
    def _names_orders_only(self) -> Self:
        if set(self.columns.values()) - {"po_number"} - {one for one in self.columns.values() if one.startswith("=")}:
            raise ValueError("columns: a cancellation names po_number, and constants")
        return self


class IncomingFile(Layout):
    """A kind of file of the partner's. ``columns`` is field = heading; a field without a column is not there.

    In XML a heading is a path below the record: ``qty``, ``@line``, ``parcel/tracking``, ``../@number``.
    """

    files: Pattern
    columns: dict[str, Heading]
    final_line_end: bool = True  # CSV: a last row without one may have lost the end of its last cell


def _known(columns: dict[str, Heading], needed: str, possible: str) -> dict[str, Heading]:
    """Refuse fields that nobody reads, and files that lack what makes them one."""
    missing = set(needed.split()) - set(columns)
    strange = set(columns) - set(needed.split()) - set(possible.split())
    if strange:
        raise ValueError(f"no such fields: {', '.join(sorted(strange))}; known: {needed} {possible}")
    if missing:
        raise ValueError(f"needed: {', '.join(sorted(missing))}")
    return columns


class AcknowledgementFile(IncomingFile):
    """The partner's answers, a row per line or part of a line."""

    files: Pattern = "ack_*"
    columns: dict[str, Heading] = Field(
        default={
            "number": "po_number",
            "line": "line",
            "status": "status",
            "quantity": "qty_accepted",
            "expected_on": "eta",
            "supplier_number": "supplier_order_no",
        }
    )
    statuses: dict[str, LineStatus] = Field(default=STATUSES)  # the partner's words, compared without case
    remainder: Literal["rejected", "open"] = "rejected"  # units of a line that an acceptance leaves out

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Heading]) -> dict[str, Heading]:
        possible = "line ean sku quantity unit_cost currency expected_on supplier_number substitute reason"
        return _known(columns, "number status", possible)


class ShipmentFile(IncomingFile):
    """What has left, a row per line and parcel."""

    files: Pattern = "ship_*"
    columns: dict[str, Heading] = Field(
        default={
            "number": "po_number",
            "line": "line",
            "quantity": "qty",
            "carrier": "carrier",
            "tracking": "tracking",
            "shipped_on": "ship_date",
        }
    )
    carriers: dict[str, str] = Field(default_factory=dict)  # the partner's code -> the carrier's name
    last_words: tuple[str, ...] = ("yes", "y", "true", "1", "complete")  # of ``complete``: no more will come

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Heading]) -> dict[str, Heading]:
        possible = "line ean sku quantity carrier tracking url shipped_on shipment supplier_number complete"
        return _known(columns, "number", possible)


class InvoiceFile(IncomingFile):
    """What the partner asks for, a row per line, or one per invoice."""

    files: Pattern = "invoice_*"
    columns: dict[str, Heading] = Field(
        default={
            "number": "po_number",
            "invoice": "invoice",
            "issued_on": "invoice_date",
            "line": "line",
            "quantity": "qty",
            "unit_cost": "unit_cost",
            "total": "total",
            "currency": "currency",
        }
    )

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Heading]) -> dict[str, Heading]:
        return _known(columns, "number invoice", "issued_on line ean sku quantity unit_cost total charges currency")

    @model_validator(mode="after")
    def _says_how_much(self) -> Self:
        if "total" not in self.columns and not {"quantity", "unit_cost"} <= set(self.columns):
            raise ValueError("columns: needed: total, or quantity and unit_cost")
        return self


class CancellationAnswerFile(IncomingFile):
    """The partner's answers to our wishes to cancel."""

    files: Pattern = "cancelled_*"
    columns: dict[str, Heading] = Field(default={"number": "po_number", "answer": "answer"})
    cancelled: tuple[str, ...] = ("cancelled", "yes", "ok")
    too_late: tuple[str, ...] = ("too late", "no", "shipped")

    @field_validator("columns")
    @classmethod
    def _fields(cls, columns: dict[str, Heading]) -> dict[str, Heading]:
        return _known(columns, "number answer", "")


class FilesProfile(StrictContract):
    """One partner: its server, and every kind of file that is agreed on."""

    partner: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,30}$")]  # in the names of our files
    remote: RemoteSettings
    file_name: str = Field(default="{type}_{partner}_{time}_{control}", max_length=100)  # its ending follows
    settled_after: Span = timedelta(minutes=5)  # how long after a lost answer its folder is looked into
    orders: OrderFile = OrderFile()
    cancellations: CancellationFile | None = None
    acknowledgements: AcknowledgementFile | None = None
    shipments: ShipmentFile | None = None
    invoices: InvoiceFile | None = None
    cancellation_answers: CancellationAnswerFile | None = None

    @field_validator("file_name")
    @classmethod
    def _is_unique(cls, template: str) -> str:
        try:
            parts = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        except ValueError:
            parts = set()
        if "control" not in parts or parts - _PARTS or "/" in template or template.startswith("."):
            raise ValueError(f"a name with {{control}}, perhaps with {', '.join(sorted(_PARTS - {'control'}))}")
        return template

    @model_validator(mode="after")
    def _kinds_are_told_apart(self) -> Self:
        patterns = [kind.files for kind in self.incoming]
        if len(set(patterns)) != len(patterns):
            raise ValueError("files: each kind of file has a pattern of its own")
        return self

    @property
    def incoming(self) -> tuple[IncomingFile, ...]:
        """List the kinds of files that the partner sends; the first whose pattern fits a name counts."""
        kinds = (self.acknowledgements, self.shipments, self.invoices, self.cancellation_answers)
        return tuple(kind for kind in kinds if kind is not None)
