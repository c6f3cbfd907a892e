"""Dates of recorded answers that nobody will be able to read: while orders run, such a date is just not there. Pure."""

from collections.abc import Iterator

from adapters.errors import UnexpectedReply
from adapters.suppliers.generic_rest.expressions import read_json
from adapters.suppliers.generic_rest.profile import OrderReading, RestProfile
from adapters.suppliers.generic_rest.values import Source


def unreadable(profile: RestProfile, operation: str, text: str) -> Iterator[str]:
    """Name the expressions that find a date in this answer which is not ISO 8601."""
    part = profile.webhook if operation == "webhook" else getattr(profile.operations, operation, None)
    where = getattr(part, "order", None)
    if where is None:
        return
    reading: OrderReading = getattr(part, "reading", None) or profile.order
    try:
        order = Source(operation, Source(operation, read_json(operation, text)).get("order", where))
        found = [*_dates(order, reading)]
    except UnexpectedReply:  # which is said of the whole answer
        return
    yield from dict.fromkeys(name for name, date, expression in found if _is_lost(date, name, expression))


def _dates(order: Source, reading: OrderReading) -> Iterator[tuple[str, Source, str]]:
    if reading.expected_delivery:
        yield "expected_delivery", order, reading.expected_delivery
    if reading.lines and reading.lines.expected_on:
        for line in order.each("lines", reading.lines.each):
            yield "lines.expected_on", line, reading.lines.expected_on


def _is_lost(source: Source, name: str, expression: str) -> bool:
    return bool(source.text(name, expression)) and source.moment(name, expression) is None
