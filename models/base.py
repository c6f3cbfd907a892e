"""What every contract shares: frozen, closed to unknown types, bounded in size."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
)


class Contract(BaseModel):
    """Base of everything that crosses a process: frozen, and readable by older and newer code (unknown fields are ignored)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StrictContract(BaseModel):
    """Base of what people write by hand (configuration, commands): an unknown field is a mistake, and said so."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> object:
    """Read ``"24h"``, ``"90s"``, ``"1d 6h"``, ``"1 h 30 min"`` as a length of time; anything else is pydantic's to read."""
    if not isinstance(value, str):
        return value
    parts = _DURATION.findall(value)
    if not parts or _DURATION.sub("", value).strip():
        return value
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError("this is longer than any length of time") from None


def format_duration(value: timedelta) -> str:
    """Write a length of time as people say it: ``"24 h"``, ``"1 h 30 min"``, ``"4 s"``."""
    seconds = value.total_seconds()
    if seconds < 60:
        return f"{seconds:.3g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
LONGEST = timedelta(days=36_500)  # longer than anybody means, and short enough to be added to any time


def _not_negative(value: timedelta) -> timedelta:
    if not timedelta(0) <= value <= LONGEST:
        raise ValueError("a length of time from 0 s to 36500 d")
    return value


def _positive(value: timedelta) -> timedelta:
    if value == timedelta(0):
        raise ValueError("a length of time above zero")
    return _not_negative(value)


Span = Annotated[Duration, AfterValidator(_not_negative)]
Interval = Annotated[Duration, AfterValidator(_positive)]

# Ids are opaque: bounded, printable, without what would need escaping in a workflow id, a file name or a URL path.
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
# A number another system gave: an order number, a tracking number. Never free text, so it may stand in a history.
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _./#-]{0,59}$")]
# A person is named by a login, never by an e-mail address: it stands in histories and on timelines.
Actor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
# Of a credential: never the credential itself.
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,63}$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Timestamp = Annotated[
    AwareDatetime, PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")
]
