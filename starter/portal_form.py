"""From the fields of a supplier's form to an entry. Pure; what can't be meant is said in words for whoever typed it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from urllib.parse import parse_qsl

from pydantic import TypeAdapter, ValidationError

from adapters.database.portal import PageOrder
from models.articles import normalise_ean
from models.base import Reference
from models.exchange import Incoming
from models.suppliers import SupplierLine
from starter.portal_entries import (
    LONGEST_NOTE,
    MOST_UNITS,
    Answered,
    CancelReply,
    Entered,
    Entry,
    File,
    Invoiced,
    LineEntry,
    Reason,
    Rest,
    Shipped,
    ShippedUnits,
)

MAX_FIELDS = 4_000  # 500 lines have 7 each
MAX_FILE = 10 * 1024 * 1024
LONGEST_FIELD = 1_000
REFUSED = "refused:"
_FAR = timedelta(days=731)
_AMOUNT = re.compile(r"(\d{1,9})(?:[.,](\d{1,4}))?")
_DATES = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")
_REFERENCE = TypeAdapter[str](Reference)


class UnreadableEntryError(ValueError):
    """A form that can't be taken as it is; the message is for the supplier."""


@dataclass(frozen=True)
class Upload:
    """A file as it was sent. Its name is its sender's, and is never used as one of ours."""

    name: str
    body: bytes


@dataclass(frozen=True)
class Form:
    """What a page has sent: its fields, trimmed and without control characters, and its file."""

    fields: Mapping[str, str]
    upload: Upload | None = None

    def text(self, name: str) -> str:
        """Take a field; "" where it is not there."""
        return self.fields.get(name, "")


def read_fields(body: bytes) -> Form:
    """Read a form without a file. Raises UnreadableEntryError."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise UnreadableEntryError("That could not be read. Please enter it once more.") from None
    return Form({name: tidied(value) for name, value in pairs})


def tidied(value: str) -> str:
    """Trim what was typed, with its line ends and control characters as spaces."""
    return _CONTROL.sub(" ", value[: LONGEST_FIELD * 4]).strip()[:LONGEST_FIELD]


def read_entry(form: Form, order: PageOrder, today: date) -> Entry:
    """Read what was entered for an order. Raises UnreadableEntryError."""
    seen = form.text("seen")
    if not (seen.isascii() and seen.isdigit() and len(seen) < 19):
        raise UnreadableEntryError("Please enter it once more: this page was not complete.")
    try:
        entered = _entered(form, order, today)
        return Entry(number=order.number, seen=int(seen), entered=entered)
    except ValidationError:
        raise UnreadableEntryError("Some of that can't be. Please look at it once more.") from None


def _entered(form: Form, order: PageOrder, today: date) -> Entered:
    match form.text("what"):
        case "confirm":
            return _confirmed(form, order, today)
        case "answer":
            return _answered(form, order, today)
        case "refuse":
            return _refused(form, order)
        case "shipped":
            return _shipped(form, order, today)
        case "invoice":
            return _invoiced(form, order, today)
        case "cancelled" | "too_late" as reply:
            return CancelReply(cancelled=reply == "cancelled")
    raise UnreadableEntryError("Please choose once more: that could not be read.")


# Answers to the order.


def _confirmed(form: Form, order: PageOrder, today: date) -> Answered:
    ships_on = _date(form, "ships_on", today)
    lines = [
        LineEntry(ean=line.ean, wanted=wanted, units=wanted, ships_on=ships_on, declined=line.quantity - wanted)
        for line, wanted in _wanted(order)
    ]
    return _whole(form, order, lines)


def _refused(form: Form, order: PageOrder) -> Answered:
    reason = _reason(form.text("reason"))
    lines = [
        LineEntry(
            ean=line.ean, wanted=wanted, units=0, rest=Rest.REFUSED, reason=reason, declined=line.quantity - wanted
        )
        for line, wanted in _wanted(order)
    ]
    return _whole(form, order, lines)


def _answered(form: Form, order: PageOrder, today: date) -> Answered:
    lines = [_line(form, place, line, wanted, today) for place, (line, wanted) in enumerate(_wanted(order))]
    return _whole(form, order, lines)


def _whole(form: Form, order: PageOrder, lines: Sequence[LineEntry]) -> Answered:
    return Answered(
        currency=order.currency,
        their_number=_reference(form, "their_number", "your order number") or None,
        lines=tuple(lines),
        note=form.text("note")[:LONGEST_NOTE],
    )


def _wanted(order: PageOrder) -> Iterator[tuple[SupplierLine, int]]:
    for line in order.lines:
        yield line, order.still_wanted(line)


def _line(form: Form, place: int, line: SupplierLine, wanted: int, today: date) -> LineEntry:
    units = _units(form.text(f"units-{place}"), line.ean)
    if units is None:
        raise UnreadableEntryError(f"Please say how many of {line.ean} you confirm: 0 if none.")
    if units > wanted:
        raise UnreadableEntryError(f"Of {line.ean}, {wanted} were ordered: you can't confirm {units}.")
    price = _amount(form, f"price-{place}", f"price of {line.ean}")
    as_ordered = line.unit_cost is not None and price == line.unit_cost.amount
    return LineEntry(
        ean=line.ean,
        wanted=wanted,
        units=units,
        price=None if as_ordered else price,
        ships_on=_date(form, f"date-{place}", today),
        declined=line.quantity - wanted,
        note=form.text(f"note-{place}")[:LONGEST_NOTE],
        **(_rest(form, place, line, wanted - units, today) if units < wanted else {}),
    )


def _rest(form: Form, place: int, line: SupplierLine, units: int, today: date) -> dict[str, object]:
    """Read what becomes of the units that are not confirmed."""
    chosen = form.text(f"rest-{place}")
    if chosen.startswith(REFUSED):
        return {"rest": Rest.REFUSED, "reason": _reason(chosen.removeprefix(REFUSED))}
    if chosen == Rest.LATER:
        later_on = _date(form, f"later-{place}", today)
        if later_on is None:
            raise UnreadableEntryError(f"Please say when the other {units} of {line.ean} will ship.")
        return {"rest": Rest.LATER, "later_on": later_on}
    if chosen == Rest.INSTEAD:
        instead = form.text(f"instead-{place}")[:60]
        if not instead or normalise_ean(instead) == normalise_ean(line.ean):
            raise UnreadableEntryError(f"Please say which article you offer instead of {line.ean}.")
        return {"rest": Rest.INSTEAD, "instead": instead}
    raise UnreadableEntryError(f"Please say what becomes of the other {units} of {line.ean}.")


def _reason(code: str) -> Reason:
    with suppress(ValueError):
        return Reason(code)
    raise UnreadableEntryError("Please choose a reason.")


# Shipments and invoices.


def _shipped(form: Form, order: PageOrder, today: date) -> Shipped:
    tracking = _reference(form, "tracking", "the tracking number")
    if not tracking:
        raise UnreadableEntryError("Please enter the parcel's tracking number.")
    lines = []
    for place, line in enumerate(order.lines):
        if units := _units(form.text(f"units-{place}"), line.ean):
            lines.append(ShippedUnits(ean=line.ean, units=units))
    return Shipped(
        carrier=form.text("carrier")[:60],
        tracking_number=tracking,
        shipped_on=_date(form, "date", today),
        lines=tuple(lines),
    )


def _invoiced(form: Form, order: PageOrder, today: date) -> Invoiced:
    number = _reference(form, "invoice", "the invoice's number")
    total = _amount(form, "total", "total")
    if not number or total is None:
        raise UnreadableEntryError("Please enter the invoice's number and its total.")
    currency = form.text("currency").upper() or order.currency
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise UnreadableEntryError("Please enter the currency as three letters, e.g. EUR.")
    return Invoiced(
        invoice=number,
        issued_on=_date(form, "date", today),
        total=total,
        currency=currency,
        file=_file(form.upload) if form.upload else None,
    )


def _file(upload: Upload) -> File:
    if len(upload.body) > MAX_FILE:
        raise UnreadableEntryError("The file is too large: 10 MB at most.")
    name = tidied(re.split(r"[/\\]", upload.name)[-1])[:200]
    return File(name=name, size=len(upload.body), sha256=sha256(upload.body).hexdigest())


def as_document(upload: Upload, number: str) -> Incoming:
    """Name an uploaded file ourselves: what its sender calls it may be a path, or a person."""
    extension = _EXTENSION.search(upload.name)
    name = f"invoice-{number}" + (f".{extension[1].lower()}" if extension else "")
    return Incoming(name=name, place="", body=upload.body)


# Single fields.


def _units(text: str, ean: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or int(text) > MOST_UNITS:
        raise UnreadableEntryError(f"How many of {ean}? Please write a number without decimals.")
    return int(text)


def _amount(form: Form, name: str, what: str) -> Decimal | None:
    """Read an amount with a point or a comma. Three decimals could be thousands: that is asked, never guessed."""
    text = form.text(name).replace("\u00a0", "").replace(" ", "")
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None or not text.isascii() or len(found[2] or "") == 3:
        raise UnreadableEntryError(f"The {what} can't be read. Please write it like 1234.50.")
    return Decimal(f"{found[1]}.{found[2] or 0}")


def _date(form: Form, name: str, today: date) -> date | None:
    text = form.text(name)
    if not text:
        return None
    for pattern in _DATES:
        if found := pattern.fullmatch(text):
            with suppress(ValueError):
                day = date(int(found["y"]), int(found["m"]), int(found["d"]))
                if abs(day - today) <= _FAR:
                    return day
    raise UnreadableEntryError("A date can't be read. Please write it like 2026-03-31.")


def _reference(form: Form, name: str, what: str) -> str:
    text = " ".join(form.text(name).split())
    if not text:
        return ""
    try:
        return _REFERENCE.validate_python(text)
    except ValidationError:
        words = "letters, digits, spaces and . / # - _ only, 60 at most"
        raise UnreadableEntryError(f"Please look at {what} once more: {words}.") from None
