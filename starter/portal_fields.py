"""Reading single fields of a supplier's form. Pure; what can't be meant is said in words, and by the field's name."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pydantic import TypeAdapter, ValidationError

from models.base import Reference
from starter.portal_entries import MOST_UNITS, Reason

LONGEST_FIELD = 1_000
_FAR = timedelta(days=731)
_AMOUNT = re.compile(r"(\d{1,9})(?:[.,](\d{1,4}))?", re.ASCII)
_DATES = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_REFERENCE = TypeAdapter[str](Reference)


class UnreadableEntryError(ValueError):
    """A form that can't be taken as it is; the message is for the supplier. ``field``: what it is about, "" for all."""

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


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


def tidied(value: str) -> str:
    """Trim what was typed, with its line ends and control characters as spaces."""
    return _CONTROL.sub(" ", value[: LONGEST_FIELD * 4]).strip()[:LONGEST_FIELD]


def units(form: Form, name: str, ean: str) -> int | None:
    """Read a number of units. Raises UnreadableEntryError, as all here do."""
    text = form.text(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or int(text) > MOST_UNITS:
        raise UnreadableEntryError(f"How many of {ean}? Please write a number without decimals.", name)
    return int(text)


def amount(form: Form, name: str, what: str, *, proposed: Collection[Decimal] = ()) -> Decimal | None:
    """Read an amount with a point or a comma.

    Three decimals could be thousands: that is asked, never guessed, except where the page itself has ``proposed`` them.
    """
    text = form.text(name).replace("\u00a0", "").replace(" ", "")
    if not text:
        return None
    found = _AMOUNT.fullmatch(text)
    read = Decimal(f"{found[1]}.{found[2] or 0}") if found else None
    if found is None or (len(found[2] or "") == 3 and read not in proposed):
        raise UnreadableEntryError(f"The {what} can't be read. Please write it like 1234.50.", name)
    return read


def day(form: Form, name: str, today: date) -> date | None:
    """Read a date, at most two years away."""
    text = form.text(name)
    if not text:
        return None
    for pattern in _DATES:
        if found := pattern.fullmatch(text):
            with suppress(ValueError):
                read = date(int(found["y"]), int(found["m"]), int(found["d"]))
                if abs(read - today) <= _FAR:
                    return read
    raise UnreadableEntryError("A date can't be read. Please write it like 2026-03-31.", name)


def reference(form: Form, name: str, what: str) -> str:
    """Read a number that people gave to something."""
    text = " ".join(form.text(name).split())
    if not text:
        return ""
    try:
        return _REFERENCE.validate_python(text)
    except ValidationError:
        words = "letters, digits, spaces and . / # - _ only, 60 at most"
        raise UnreadableEntryError(f"Please look at {what} once more: {words}.", name) from None


def reason(form: Form, name: str, *, behind: str = "") -> Reason:
    """Read a reason of the list. ``behind``: what stands before it in the field."""
    with suppress(ValueError):
        return Reason(form.text(name).removeprefix(behind))
    raise UnreadableEntryError("Please choose a reason.", name)
