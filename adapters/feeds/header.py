"""A header against the configuration: every mapped column is there exactly once, or the feed is not read at all."""

from collections import Counter
from collections.abc import Mapping, Sequence

from adapters.feeds.unreadable import FeedUnreadable, unreadable
from models.feeds import Column, Feed

DELIMITERS = {";": "semicolon", "\t": "tab", "|": "bar", ",": "comma"}


def check_header(
    header: Sequence[str], feed: Feed, columns: Mapping[str, Column], expected: Sequence[str] | None
) -> dict[str, int]:
    """Find each mapped heading's place; others may be there, in any order.

    ``expected`` is the header as last applied: with it a missing column is a changed header. Nothing is guessed, not
    even the case of letters. Raises FeedUnreadable: delimiter, header_duplicate, header_missing, header_changed.
    """
    wanted = list(dict.fromkeys(column.column.strip() for column in columns.values() if column.column))
    times = Counter(header)
    missing = [heading for heading in wanted if not times[heading]]
    if missing:
        raise _missing(missing, header, feed, expected)
    twice = [heading for heading in wanted if times[heading] > 1]
    if twice:
        raise unreadable("header_duplicate", f"columns that are there more than once: {_listed(twice)}", twice)
    return {column.column: header.index(column.column.strip()) for column in columns.values() if column.column}


def _missing(
    missing: Sequence[str], header: Sequence[str], feed: Feed, expected: Sequence[str] | None
) -> FeedUnreadable:
    others = [sign for sign in DELIMITERS if sign != feed.delimiter and sign in header[0]] if len(header) == 1 else []
    if others:
        text = f"delimiter is {_sign(feed.delimiter)}, but the header looks cut by {_sign(others[0])}"
        return unreadable("delimiter", text, header)
    new = [heading for heading in header if heading not in (expected or ())]
    if expected is not None and set(missing) <= set(expected):
        text = f"columns gone since the last applied run: {_listed(missing)}; new: {_listed(new)}"
        return unreadable("header_changed", text, header, missing=len(missing), new=len(new))
    text = f"columns that are not there: {_listed(missing)}; there are: {_listed(header)}"
    return unreadable("header_missing", text, header, missing=len(missing))


def _sign(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))


def _listed(headings: Sequence[str]) -> str:
    return ", ".join(headings) or "none"
