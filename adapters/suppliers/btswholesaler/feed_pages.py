"""What BTSWholesaler's lists answer, as rows of one shape. Pure: bytes in, rows or adapter errors out.

Only the list's structure is judged here: whether a row can be used is the reader's to say, row by row.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from adapters.errors import Refused, UnexpectedReply

MOMENT = "%Y-%m-%d %H:%M:%S"
Row = dict[str, Any]

_OUR_NAMES = {
    "product_sku": "ean",
    "product_price": "price",
    "product_stock": "stock",
    "product_name": "name",
    "manufacturer_name": "manufacturer",
}
_TRADED = ("ean", "stock", "price", "recommended_price")
# What changes by the hour would make every description look new; the rest is said by getProducts alone.
_NOT_DESCRIPTIVE = frozenset(
    {"stock", "price", "recommended_price", "leadtime_to_ship", "flammable", "restricted_countries"}
)
_SMALL_BODY = 2_000  # bytes: no error is longer


@dataclass(frozen=True)
class Page:
    """One page of a list: the vendor's rows as they came, how many there are in all, and whether more follow."""

    rows: list[Row]
    total: int
    more: bool


def read_document(operation: str, status: int, body: bytes) -> Any:
    """Parse an answer, amounts as text. Raises Refused("feed_disabled") or UnexpectedReply."""
    if status == 404 and len(body) <= _SMALL_BODY and re.search(rb"disabled", body, re.IGNORECASE):
        raise Refused(f"{operation}: the feed is disabled", code="feed_disabled")
    if not 200 <= status < 300:
        raise UnexpectedReply(f"{operation}: answered {status}", code=f"http_{status}")
    try:
        return json.loads(body, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UnexpectedReply(f"{operation}: the answer is no JSON", code="not_json") from None


def read_page(operation: str, number: int, document: Any) -> Page:
    """Read a page of any of the lists. Raises UnexpectedReply naming the field that is not as documented."""
    if not isinstance(document, dict):
        raise _unexpected(operation, "(whole)", "is not an object")
    rows = _rows(operation, "products", document.get("products"))
    pagination = document.get("pagination")
    if not isinstance(pagination, dict):
        raise _unexpected(operation, "pagination", "is not an object")
    counts = {
        name: _count(operation, pagination, name)
        for name in ("current_page", "page_size", "total_products", "total_pages")
    }
    more = pagination.get("has_next_page")
    if not isinstance(more, bool):
        raise _unexpected(operation, "pagination.has_next_page", "is neither true nor false")
    _check(operation, number, counts, more=more, empty=not rows)
    return Page(rows, counts["total_products"], more)


def read_details(document: Any) -> list[Row]:
    """Read getProducts: the articles it knows; the others it leaves out."""
    return _rows("getProducts", "(whole)", document)


def trading(rows: Sequence[Row]) -> list[Row]:
    """Shape rows for stock and prices: a key the vendor left out stays out, and is missed by whoever reads it."""
    return [{name: row[name] for name in _TRADED if name in row} for row in map(_named, rows)]


def describing(rows: Sequence[Row]) -> list[Row]:
    """Shape rows for the catalogue: all that describes an article, also what we know nothing of."""
    return [{name: value for name, value in row.items() if name not in _NOT_DESCRIPTIVE} for row in map(_named, rows)]


def identity(row: Mapping[str, Any]) -> tuple[str, str]:
    """Tell the vendor's articles apart: by its own number too, which two articles of one EAN don't share."""
    return str(row.get("id")), str(row.get("ean") or row.get("product_sku"))


def codes(rows: Sequence[Row]) -> list[str]:
    """List the articles' codes, as they are asked for."""
    return [str(code) for row in rows if (code := row.get("product_sku") or row.get("ean"))]


def _check(operation: str, number: int, counts: Mapping[str, int], *, more: bool, empty: bool) -> None:
    """Refuse a page that contradicts itself: read on, it would end too early or never."""
    if counts["current_page"] != number:
        raise _unexpected(operation, "pagination.current_page", "is not the page asked for")
    if more != (number < counts["total_pages"]):
        raise _unexpected(operation, "pagination.has_next_page", "contradicts total_pages")
    if more and empty:
        raise _unexpected(operation, "products", "is empty though more pages follow")
    if counts["total_products"] > counts["total_pages"] * counts["page_size"]:
        raise _unexpected(operation, "pagination.total_pages", "is too few for total_products")


def _rows(operation: str, path: str, value: Any) -> list[Row]:
    if not isinstance(value, list):
        raise _unexpected(operation, path, "is not a list")
    for position, row in enumerate(value):
        if not isinstance(row, dict):
            raise _unexpected(operation, f"{path}[{position}]", "is not an object")
    return value


def _named(row: Row) -> Row:
    if _OUR_NAMES.keys().isdisjoint(row):
        return row
    return {_OUR_NAMES.get(name, name): value for name, value in row.items()}


def _count(operation: str, pagination: Mapping[str, Any], name: str) -> int:
    value = pagination.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise _unexpected(operation, f"pagination.{name}", "is not a whole number")
    return int(value)


def _refuse(_: str) -> NoReturn:
    raise ValueError("not JSON")


def _unexpected(operation: str, path: str, problem: str) -> UnexpectedReply:
    return UnexpectedReply(f"{operation}: {path} {problem}", code="unexpected_shape")
