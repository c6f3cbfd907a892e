"""From the fields of a supplier's form to an entry. Pure; what can't be meant is said in words for whoever typed it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from urllib.parse import parse_qsl

from pydantic import ValidationError

from adapters.database.portal import PageOrder
from models.articles import normalise_ean
from models.exchange import Incoming
from models.money import Money
from models.suppliers import SupplierLine
from starter import portal_fields as fields
from starter.portal_entries import (
    LONGEST_NOTE,
    Answered,
    CancelReply,
    Entered,
    Entry,
    File,
    Invoiced,
    LineEntry,
    Rest,
    Shipped,
    ShippedUnits,
)
from starter.portal_fields import Form, UnreadableEntryError, Upload, tidied

MAX_FIELDS = 4_000  # 500 lines have 7 each
MAX_FILE = 10 * 1024 * 1024
REFUSED = "refused:"
_A_DAY = timedelta(days=1)  # it may be yesterday still where the supplier is
_EXTENSION = re.compile(r"\.(pdf|xml|png|jpe?g|tiff?|csv|txt)$", re.IGNORECASE)  # of what nothing runs


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
    ships_on = fields.day(form, "ships_on", today)
    lines = [
        LineEntry(ean=line.ean, wanted=wanted, units=wanted, ships_on=ships_on, declined=line.quantity - wanted)
        for line, wanted in _wanted(order)
    ]
    return _whole(form, order, lines)


def _refused(form: Form, order: PageOrder) -> Answered:
    reason = fields.reason(form, "reason")
    lines = [
        LineEntry(
            ean=line.ean, wanted=wanted, units=0, rest=Rest.REFUSED, reason=reason, declined=line.quantity - wanted
        )
        for line, wanted in _wanted(order)
    ]
    return _whole(form, order, lines)


def _answered(form: Form, order: PageOrder, today: date) -> Answered:
    lines = [_line(form, order, place, line, wanted, today) for place, (line, wanted) in enumerate(_wanted(order))]
    return _whole(form, order, lines)


def _whole(form: Form, order: PageOrder, lines: Sequence[LineEntry]) -> Answered:
    return Answered(
        currency=order.currency,
        their_number=fields.reference(form, "their_number", "your order number") or None,
        lines=tuple(lines),
        note=form.text("note")[:LONGEST_NOTE],
    )


def _wanted(order: PageOrder) -> Iterator[tuple[SupplierLine, int]]:
    for line in order.lines:
        yield line, order.still_wanted(line)


def _line(form: Form, order: PageOrder, place: int, line: SupplierLine, wanted: int, today: date) -> LineEntry:
    units = _confirmed_units(form, f"units-{place}", line.ean, wanted)
    if units == wanted:
        _require_no_rest(form, f"rest-{place}", line, line.quantity - wanted)
    ordered, proposed = _amounts(order, [line.unit_cost]), _amounts(order, _costs_said(order, line))
    price = fields.amount(form, f"price-{place}", f"price of {line.ean}", proposed=[*ordered, *proposed])
    return LineEntry(
        ean=line.ean,
        wanted=wanted,
        units=units,
        price=None if price in ordered else price,
        ships_on=fields.day(form, f"date-{place}", today),
        declined=line.quantity - wanted,
        note=form.text(f"note-{place}")[:LONGEST_NOTE],
        **(_rest(form, place, line, wanted - units, today) if units < wanted else {}),
    )


def _amounts(order: PageOrder, costs: Iterable[Money | None]) -> list[Decimal]:
    return [cost.amount for cost in costs if cost is not None and cost.currency == order.currency]


def _require_no_rest(form: Form, name: str, line: SupplierLine, declined: int) -> None:
    """Refuse a choice for units that are not left; what was refused before may stand on a page that was open since."""
    chosen = form.text(name)
    if chosen and not (declined and chosen.startswith(REFUSED)):
        raise UnreadableEntryError(f"You confirm all of {line.ean}, and say what becomes of others.", name)


def _costs_said(order: PageOrder, line: SupplierLine) -> Iterator[Money | None]:
    """List the prices of earlier answers: the page fills the newest in."""
    return (said.unit_cost for said in (order.status.lines if order.status else ()) if said.ean == line.ean)


def _confirmed_units(form: Form, name: str, ean: str, wanted: int) -> int:
    units = fields.units(form, name, ean)
    if units is None:
        raise UnreadableEntryError(f"Please say how many of {ean} you confirm: 0 if none.", name)
    if units > wanted:
        raise UnreadableEntryError(f"Of {ean}, {wanted} were ordered: you can't confirm {units}.", name)
    return units


def _rest(form: Form, place: int, line: SupplierLine, units: int, today: date) -> dict[str, object]:
    """Read what becomes of the units that are not confirmed."""
    name = f"rest-{place}"
    chosen = form.text(name)
    if chosen.startswith(REFUSED):
        return {"rest": Rest.REFUSED, "reason": fields.reason(form, name, behind=REFUSED)}
    if chosen == Rest.LATER:
        return {"rest": Rest.LATER, "later_on": _later(form, f"later-{place}", line.ean, units, today)}
    if chosen == Rest.INSTEAD:
        return {"rest": Rest.INSTEAD, "instead": _instead(form, f"instead-{place}", line.ean)}
    raise UnreadableEntryError(f"Please say what becomes of the other {units} of {line.ean}.", name)


def _later(form: Form, name: str, ean: str, units: int, today: date) -> date:
    later_on = fields.day(form, name, today)
    if later_on is None or later_on < today - _A_DAY:
        raise UnreadableEntryError(f"Please say when the other {units} of {ean} will ship.", name)
    return later_on


def _instead(form: Form, name: str, ean: str) -> str:
    instead = form.text(name)[:60]
    if not instead or normalise_ean(instead) == normalise_ean(ean):
        raise UnreadableEntryError(f"Please say which article you offer instead of {ean}.", name)
    return instead


# Shipments and invoices.


def _shipped(form: Form, order: PageOrder, today: date) -> Shipped:
    tracking = fields.reference(form, "tracking", "the tracking number")
    if not tracking:
        raise UnreadableEntryError("Please enter the parcel's tracking number.", "tracking")
    lines = []
    for place, line in enumerate(order.lines):
        if units := fields.units(form, f"units-{place}", line.ean):
            lines.append(ShippedUnits(ean=line.ean, units=units))
    if not lines:
        _require_no_units(form, order)
    return Shipped(
        carrier=form.text("carrier")[:60],
        tracking_number=tracking,
        shipped_on=fields.day(form, "date", today),
        lines=tuple(lines),
    )


def _require_no_units(form: Form, order: PageOrder) -> None:
    """Refuse noughts alone: nobody sends an empty parcel, and without any number it would hold all that was open."""
    for name in (f"units-{place}" for place in range(len(order.lines))):
        if form.text(name):
            raise UnreadableEntryError("Please say how many units are in the parcel.", name)


def _invoiced(form: Form, order: PageOrder, today: date) -> Invoiced:
    number = fields.reference(form, "invoice", "the invoice's number")
    total = fields.amount(form, "total", "total")
    if not number or total is None:
        missing = "total" if number else "invoice"
        raise UnreadableEntryError("Please enter the invoice's number and its total.", missing)
    currency = form.text("currency").upper() or order.currency
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise UnreadableEntryError("Please enter the currency as three letters, e.g. EUR.", "currency")
    return Invoiced(
        invoice=number,
        issued_on=fields.day(form, "date", today),
        total=total,
        currency=currency,
        file=_file(form.upload) if form.upload else None,
    )


def _file(upload: Upload) -> File:
    if len(upload.body) > MAX_FILE:
        raise UnreadableEntryError("The file is too large: 10 MB at most.", "file")
    name = tidied(re.split(r"[/\\]", upload.name)[-1])[:200]
    return File(name=name, size=len(upload.body), sha256=sha256(upload.body).hexdigest())


def as_document(upload: Upload, number: str) -> Incoming:
    """Name an uploaded file ourselves: what its sender calls it may be a path, a person, or a program to run."""
    extension = _EXTENSION.search(upload.name)
    name = f"invoice-{number}" + (f".{extension[1].lower()}" if extension else "")
    return Incoming(name=name, place="", body=upload.body)
