"""BigBuy's lists as feeds: a page is one of its first-level categories, of plain articles or of variations.

Its lists name articles in pieces (codes and prices here, stock there, texts elsewhere); a row has the pieces its kind
of feed needs. Amounts stay the text they were sent as.

Format: BigBuy API, ``catalog/*.json?parentTaxonomy=``.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.errors import Refused
from adapters.suppliers.bigbuy import replies
from adapters.suppliers.json_answers import member, reference
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind, FieldName

Ask = Callable[[str, dict[str, str]], list[dict[str, Any]]]  # operation, parameters -> the list it answers
Row = dict[str, Any]
# The list of articles, and the one of their stock.
LISTS = (
    ("catalog/products", "catalog/productsstockbyhandlingdays"),
    ("catalog/productsvariations", "catalog/productsvariationsstockbyhandlingdays"),
)
TEXTS = "catalog/productsinformation"
LASTING = 86_400.0  # seconds that a price list is good for
_ARTICLE: dict[str, Column] = {FieldName.SKU: Column(column="sku"), FieldName.EAN: Column(column="ean13")}
_COLUMNS: dict[FeedKind, dict[str, Column]] = {
    FeedKind.STOCK: {
        FieldName.QUANTITY: Column(column="quantity"),
        FieldName.LEAD_DAYS: Column(column="handling_days"),
    },
    FeedKind.PRICE: {
        FieldName.UNIT_COST: Column(column="wholesalePrice"),
        FieldName.RECOMMENDED_PRICE: Column(column="retailPrice"),
    },
    FeedKind.CATALOGUE: {
        FieldName.TITLE: Column(column="name"),
        FieldName.DESCRIPTION: Column(column="description"),
        FieldName.CATEGORY: Column(column="taxonomy"),
    },
}


class Feeds:
    """Walks through the vendor's lists. Holds no state: a cursor ("place/rows so far") is all a later attempt needs."""

    def __init__(self, ask: Ask, *, language: str, most_days: int | None) -> None:
        self._ask = ask
        self._language = language
        self._most_days = most_days

    def pages(self, kind: FeedKind, cursor: str) -> Iterator[FeedPage]:
        """Walk from ``cursor`` on. There is no list of changes: every walk is one of everything."""
        place, count = _read_cursor(cursor)
        groups = self._groups()
        while place < len(groups):
            taxonomy, lists = groups[place]
            rows = self._rows(kind, taxonomy, lists)
            place, count = place + 1, count + len(rows)
            yield FeedPage(rows, f"{place}/{count}" if place < len(groups) else "", total=_total(place, groups, count))

    def _groups(self) -> list[tuple[str, tuple[str, str]]]:
        found = self._ask("catalog/taxonomies", {"firstLevel": "1"})
        ids = [str(member("catalog/taxonomies", entry, "id")) for entry in found]
        return [(taxonomy, pair) for taxonomy in ids for pair in LISTS]

    def _rows(self, kind: FeedKind, taxonomy: str, lists: tuple[str, str]) -> list[Row]:
        where = {"parentTaxonomy": taxonomy}
        articles = self._ask(lists[0], where)
        if kind is FeedKind.PRICE:
            return [_picked(row, "sku", "ean13", "wholesalePrice", "retailPrice") for row in articles]
        if kind is FeedKind.STOCK:
            known = {str(member(lists[0], row, "sku")): row for row in articles}
            return [self._stock(lists[1], row, known) for row in self._ask(lists[1], where)]
        texts = {str(row.get("id")): row for row in self._ask(TEXTS, where | {"isoCode": self._language})}
        return [_described(row, texts) for row in articles]

    def _stock(self, operation: str, row: Row, known: Mapping[str, Row]) -> Row:
        sku = str(member(operation, row, "sku"))
        units, days = replies.stock_of(operation, row, self._most_days)
        ean = str(known.get(sku, {}).get("ean13") or "")
        return {"sku": sku, "ean13": ean, "quantity": units, "handling_days": days}


class Articles:
    """Which reference each EAN has, and what it costs: the whole price list, read when it is needed, once a day."""

    def __init__(self, rows: Callable[[], Iterator[FeedPage]]) -> None:
        self._read = rows
        self._known: dict[str, tuple[str, Any]] = {}
        self._read_at = float("-inf")

    def of(self, ean: str) -> tuple[str, Any] | None:
        """Say (reference, wholesale price) of an article, by its EAN in capitals without spaces."""
        if time.monotonic() - self._read_at > LASTING:  # two threads may read it at once; both read the same
            rows = [row for page in self._read() for row in page.rows]
            self._known = {str(row["ean13"]): (str(row["sku"]), row["wholesalePrice"]) for row in rows if row["ean13"]}
            self._read_at = time.monotonic()
        return self._known.get(ean)


def columns_of(kind: FeedKind) -> dict[str, Column]:
    """Say which field of our rows comes from which name of the vendor's."""
    return {**_ARTICLE, **_COLUMNS[kind]}


def _picked(row: Row, *names: str) -> Row:
    return {name: _plain(row.get(name)) for name in names}


def _described(article: Row, texts: Mapping[str, Row]) -> Row:
    """Put an article and its text together; a variation has that of its product."""
    text = texts.get(str(article.get("product") or article.get("id")), {})
    about = {name: _plain(text.get(name)) for name in ("name", "description")}
    return {**_picked(article, "sku", "ean13", "taxonomy"), **about}


def _plain(value: Any) -> Any:
    """Write a value as rows carry it: JSON has no Decimal."""
    return value if value is None or isinstance(value, str | int | list | dict) else str(value)


def _total(place: int, groups: list[Any], count: int) -> int | None:
    return count if place == len(groups) else None


def _read_cursor(text: str) -> tuple[int, int]:
    place, _, count = (text or "0/0").partition("/")
    if not place.isdecimal() or not count.isdecimal() or not reference(place):
        raise Refused("fetch_feed: this is no cursor of ours", code="bad_cursor")
    return int(place), int(count)
