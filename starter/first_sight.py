"""What can be told of a pushed feed at first sight, while its sender still listens and can send it again.

Only whether it is text of the feed's format; what its rows say is read, judged and reported one by one later on.
"""

import csv
import json
import zlib
from itertools import islice

from models.feeds import Feed, FieldName

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
HEAD = 64 * 1024  # so much is looked at of what is compressed, and in search of a header
_ANY_BYTES = 16 + zlib.MAX_WBITS


class UnreadablePushError(Exception):
    """A body that no reader could read. ``reason`` is a word of a closed vocabulary."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def look_at(body: bytes, feed: Feed) -> None:
    """Look at a body as its feed should be. Raises UnreadablePushError with what is wrong with it."""
    if not body.strip():
        raise UnreadablePushError("empty")
    content, whole = _unpacked(body, feed)
    if content is None:
        return
    text = _text(content, feed, whole=whole)
    if text is None:
        return
    if feed.format == "ndjson":
        _look_at_lines(text, whole=whole)
    elif feed.format == "xml":
        if not text.lstrip("\ufeff \t\r\n").startswith("<"):
            raise UnreadablePushError("no_xml")
    elif feed.format == "x12":
        if not text.lstrip("\ufeff \t\r\n").startswith("ISA"):
            raise UnreadablePushError("no_x12")
    else:
        _look_at_header(text, feed)


def _unpacked(body: bytes, feed: Feed) -> tuple[bytes | None, bool]:
    """Give what to look at, and whether it is all of it; nothing of an archive, whose index is at its end."""
    packed = feed.compression == "gzip" or (feed.compression == "auto" and body.startswith(GZIP))
    if feed.compression == "zip" or (feed.compression == "auto" and body.startswith(ZIP)):
        if not body.startswith(ZIP):
            raise UnreadablePushError("no_zip")
        return None, False
    if not packed:
        return body, True
    try:
        return zlib.decompressobj(_ANY_BYTES).decompress(body, HEAD), False
    except zlib.error:
        raise UnreadablePushError("no_gzip") from None


def _text(content: bytes, feed: Feed, *, whole: bool) -> str | None:
    try:
        # The last character of a piece may be cut: only what is whole must be right to its end.
        return content.decode(feed.encoding, errors="strict" if whole else "ignore")
    except UnicodeDecodeError:
        raise UnreadablePushError("bad_encoding") from None
    except LookupError:  # an encoding that there is not: the reader says so, to the operator
        return None


def _look_at_lines(text: str, *, whole: bool) -> None:
    lines = text.lstrip("\ufeff").split("\n")
    for line in lines if whole else lines[:-1]:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise UnreadablePushError("bad_json_lines") from None
        if not isinstance(row, dict):
            raise UnreadablePushError("bad_json_lines")


def _look_at_header(text: str, feed: Feed) -> None:
    lines = islice(text[:HEAD].lstrip("\ufeff").splitlines(), feed.skip_lines, None)
    try:
        header = next(filter(None, csv.reader(lines, delimiter=feed.delimiter)), [])
    except csv.Error:
        raise UnreadablePushError("bad_header") from None
    sku = feed.column_of(FieldName.SKU)
    named = [cell.strip().casefold() for cell in header]
    if not any(named) or (sku is not None and sku.column and sku.column.strip().casefold() not in named):
        raise UnreadablePushError("bad_header")
