"""What a feed's source and formats may look like, checked where people write them. Each says what is wrong, or ""."""

import codecs
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote, urlsplit

_NOT_CUTTING = frozenset('"\r\n\0')
_X12_HEADING = re.compile(r"LIN\.(GTIN|[A-Z0-9]{2})|(QTY|DTM)\.[A-Z0-9]{2,3}|CTP(\.[A-Z0-9]{2,3})?|PID")
_YEAR = re.compile(r"%[YyGcx]")


def source_problem(source: str) -> str:
    """Say what is wrong with the address of a file feed."""
    try:
        parts = urlsplit(source)
        port = parts.port
    except ValueError:
        return "it is no address"
    path = unquote(parts.path)
    if parts.password:
        return "a password belongs into password_env"
    if ".." in path.split("/"):
        return "`..` leads out of the folder"
    if not path.isprintable():
        return "control characters"
    if parts.fragment:
        return "what follows # is never sent; write %23 where it belongs to a name"
    if parts.scheme == "file":
        return (
            "" if parts.netloc in ("", "localhost") else "a file's address has three slashes: file:///folder/file.csv"
        )
    return "" if parts.hostname and port != 0 else "no host"


def encoding_problem(name: str) -> str:
    """Say whether there is such an encoding of text."""
    try:
        "a".encode(name)
        codecs.lookup(name)
    except (LookupError, ValueError):
        return "there is no such encoding of text; usual ones are utf-8, cp1252, iso-8859-15, utf-16"
    return ""


def delimiter_problem(sign: str) -> str:
    """Say whether a sign can stand between cells."""
    return "a quote or a line end can't stand between cells" if sign in _NOT_CUTTING else ""


def factor_problem(text: str) -> str:
    """Say whether a text is a number that numbers can be multiplied by."""
    try:
        factor = Decimal(text)
    except InvalidOperation:
        factor = Decimal(0)
    return "" if factor.is_finite() and factor > 0 else "is not a number above zero"


def time_format_problem(pattern: str) -> str:
    """Say what is wrong with a pattern of strptime; without a year every day would be in 1900."""
    try:
        datetime.strptime("", pattern)  # noqa: DTZ007 - nothing is read
    except re.error:
        return "names a part of a date twice"
    except ValueError as error:
        if "does not match" not in str(error):
            return f"is no pattern of strptime: {error}"
    return "" if _YEAR.search(pattern) else "has no year, e.g. %Y"


def x12_heading_problem(heading: str) -> str:
    """Say whether an X12 846 can have such a column; "" stands for a constant."""
    if not heading or _X12_HEADING.fullmatch(heading):
        return ""
    return "an 846 has LIN.VN, LIN.GTIN and the like, QTY.33, CTP or CTP.UCP, DTM.018, and PID"
