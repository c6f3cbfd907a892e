"""Days as people write them: 2026-03-12, 12.03.2026, 12/3, 12 March, 12 de marzo de 2026. Pure."""

import re
from datetime import date, timedelta
from typing import Literal

MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar enero janvier janv gennaio gen jaenner janner",
            "february feb februar febrero fevrier fevr febbraio",
            "march mar marz maerz marzo mars",
            "april apr abril abr avril avr aprile",
            "may mai mayo maggio mag",
            "june jun juni junio juin giugno giu",
            "july jul juli julio juillet juil luglio lug",
            "august aug agosto ago aout",
            "september sep sept septiembre septembre settembre set",
            "october oct oktober okt octubre octobre ottobre ott",
            "november nov noviembre novembre",
            "december dec dezember dez diciembre dic decembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])")
NUMERIC = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2})?)?(?![\d/-])")
NAMED = re.compile(
    rf"(?<!\w)(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?\s+(?:de\s+|of\s+)?({_MONTH})\b\.?(?:,?\s+(?:de\s+|del\s+)?(\d{{4}}))?"
)
AMERICAN = re.compile(rf"(?<!\w)({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(\d{{4}}))?(?!\w)")
DAYS = (ISO, NAMED, AMERICAN, NUMERIC)  # over plain text
LONG_AGO = timedelta(days=30)  # a day without a year that lies further back means next year's


def take_days(text: str, *, order: Literal["dmy", "mdy"], today: date | None) -> tuple[set[date], str]:
    """Find every day in a plain text; returns them, and the text without them. ``today``: when it was written.

    Raises ValueError for what looks like a day and is none, or has no year where ``today`` is unknown.
    """
    found: set[date] = set()

    def take(year: str | None, month: int, day: int) -> str:
        found.add(_day(year, month, day, today))
        return " "

    text = ISO.sub(lambda hit: take(hit[1], int(hit[2]), int(hit[3])), text)
    text = NAMED.sub(lambda hit: hit[0] if _may_be_sets(hit) else take(hit[3], MONTHS[hit[2]], int(hit[1])), text)
    text = AMERICAN.sub(lambda hit: take(hit[3], MONTHS[hit[1]], int(hit[2])), text)
    first, second = (1, 3) if order == "dmy" else (3, 1)
    text = NUMERIC.sub(
        lambda hit: hit[0] if _may_be_units(hit) else take(hit[4], int(hit[second]), int(hit[first])), text
    )
    return found, text


def _may_be_units(hit: re.Match[str]) -> bool:
    """Say whether "3/5" may be three of five, or "3-5" a range: then it is no day."""
    return not hit[4] and hit[2] != "." and int(hit[1]) <= int(hit[3])


def _may_be_sets(hit: re.Match[str]) -> bool:
    """Say whether "5 set" may be five of something: September's short form needs a year."""
    return hit[2] == "set" and not hit[3]


def _day(year: str | None, month: int, day: int, today: date | None) -> date:
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    if today is None:
        raise ValueError("no year")
    this_year = date(today.year, month, day)
    return this_year if this_year >= today - LONG_AGO else date(today.year + 1, month, day)
