"""BTSWholesaler's feeds: its whole range page by page, what changed since an instant, and what is new.

The three lists name the same things differently; our rows have one shape for each kind of feed, so that an article that
did not change is the same bytes whichever list brought it. Amounts stay the text they were sent as.

Format: BTSWholesaler API v2.1 (vendor's reference, 2026). Its times name no zone: they are read as UTC.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import chain

import httpx

from adapters.errors import Refused, UnexpectedReply
from adapters.suppliers.btswholesaler import feed_pages
from adapters.suppliers.btswholesaler.feed_pages import Page, Row
from adapters.suppliers.btswholesaler.requests import Pairs
from models.feed_rows import FeedPage
from models.feeds import ATTRIBUTE_PREFIX, Column, FeedKind, FieldName

PAGE_SIZE = 500  # the vendor's largest
NEWS_SIZE = 50  # its smallest: each article of a page of news is looked up, 25 to a call
DETAILS_BATCH = 25
OLDEST_SINCE = timedelta(days=29)  # the vendor keeps 30 days; its zone is not documented
OVERLAP = timedelta(minutes=2)  # changes that were being written while we asked
REMEMBERED_PAGES = 4
MOST_STEPS_BACK = 20  # two servers of the vendor's that count differently would send us back and forth for ever
MOST_PASSES = 3  # over a list in which articles moved while it was read
FEED_DISABLED = "feed_disabled"
SINCE_TOO_OLD = "since_too_old"
UNHEALTHY, STALE = "not_available", "stale"

_ARTICLE: dict[str, Column] = {FieldName.SKU: Column(column="ean"), FieldName.EAN: Column(column="ean")}
_COLUMNS: dict[FeedKind, dict[str, Column]] = {
    FeedKind.STOCK: {FieldName.QUANTITY: Column(column="stock")},
    FeedKind.PRICE: {
        FieldName.UNIT_COST: Column(column="price"),
        FieldName.RECOMMENDED_PRICE: Column(column="recommended_price"),
    },
    FeedKind.CATALOGUE: {
        FieldName.TITLE: Column(column="name"),
        FieldName.BRAND: Column(column="manufacturer"),
        FieldName.CATEGORY: Column(column="categories"),
        FieldName.DESCRIPTION: Column(column="description"),
        FieldName.IMAGES: Column(column="image", separator=" "),  # an address may hold commas
        f"{ATTRIBUTE_PREFIX}gender": Column(column="gender"),
    },
}
Ask = Callable[[str, Pairs], httpx.Response]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cursor:
    """Where to go on: which page, how many articles there were when we last asked, and where the next run begins."""

    page: int = 1
    total: int | None = None
    since: str = ""

    def __str__(self) -> str:
        return f"{self.page}/{'' if self.total is None else self.total}/{self.since}"

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """Read what ``str`` wrote; "" is the beginning. Raises Refused("bad_cursor")."""
        page, _, rest = (text or "1//").partition("/")
        total, _, since = rest.partition("/")
        if not page.isdecimal() or not (total.isdecimal() or not total):
            raise Refused("fetch_feed: this is no cursor of ours", code="bad_cursor")
        return cls(max(int(page), 1), int(total) if total else None, since)


@dataclass(frozen=True)
class Walk:
    """One of the vendor's lists, and how its rows become ours."""

    operation: str
    parameters: Pairs
    size: int
    rows: Callable[[Sequence[Row]], list[Row]]
    moving: bool = False  # an article that changes again moves within it, and others into its place


class Seen:
    """Which articles a walk has met: all of them, or those of the last pages."""

    def __init__(self, pages: int | None) -> None:
        self._limit = pages
        self._pages: deque[list[int]] = deque()
        self._known: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    def new_of(self, rows: Sequence[Row]) -> list[Row]:
        """Leave out what was met before: articles that were added meanwhile push the rest onto later pages."""
        met = [hash(feed_pages.identity(row)) for row in rows]
        new = [row for row, article in zip(rows, met, strict=True) if article not in self._known]
        self._pages.append(met)
        self._known.update(met)
        if self._limit is not None and len(self._pages) > self._limit:
            self._pages.popleft()
            self._known = set(chain.from_iterable(self._pages))
        return new


class Feeds:
    """Walks through the vendor's lists. Holds no state: a cursor is all that a later attempt needs."""

    def __init__(self, ask: Ask, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ask = ask
        self._now = now

    def pages(self, kind: FeedKind, since: str, cursor: str) -> Iterator[FeedPage]:
        """Walk from ``cursor`` on. See the port.

        Raises Refused("feed_disabled") where the vendor gives this account no feed, and Refused("since_too_old") where
        it no longer knows what changed since then: read all of it instead.
        """
        place = Cursor.read(cursor)
        if not since and not cursor:
            self._require_feed()
        return self._walk(self._list_of(kind, since), place, from_start=not cursor)

    def _list_of(self, kind: FeedKind, since: str) -> Walk:
        shaped = feed_pages.describing if kind is FeedKind.CATALOGUE else feed_pages.trading
        if not since:
            return Walk("getListProducts", [("format_file", "json")], PAGE_SIZE, shaped)
        age = self._now() - _read_since(since)
        if age > OLDEST_SINCE:
            raise Refused(f"getProductChanges: only the last {OLDEST_SINCE.days} days are kept", code=SINCE_TOO_OLD)
        if kind is FeedKind.CATALOGUE:
            days = max(age.days + 1, 1)
            return Walk("getNewProducts", [("days", str(days))], NEWS_SIZE, lambda news: shaped(self._details(news)))
        return Walk("getProductChanges", [("since", since)], PAGE_SIZE, shaped, moving=True)

    def _walk(self, walk: Walk, place: Cursor, *, from_start: bool) -> Iterator[FeedPage]:
        seen, passes, steps_back = Seen(None if walk.moving else REMEMBERED_PAGES), 1, 0
        while True:
            page, answered_at = self._page(walk, place.page)
            since = place.since or _write_since(answered_at - OVERLAP)
            missed = 0 if place.total is None else place.total - page.total
            place = replace(place, total=page.total, since=since)
            if missed > 0 and place.page > 1 and steps_back < MOST_STEPS_BACK:
                # What was taken from the list moved the rest towards its beginning, onto pages we have read already.
                place = replace(place, page=max(1, place.page - -(-missed // walk.size)))
                steps_back += 1
                continue
            rows = walk.rows(seen.new_of(page.rows))
            again = walk.moving and from_start and not page.more and len(seen) < page.total and passes < MOST_PASSES
            passes += again
            place = replace(place, page=1 if again else place.page + 1)
            goes_on = page.more or again
            yield FeedPage(rows, str(place) if goes_on else "", total=page.total, since=since)
            if not goes_on:
                return

    def _page(self, walk: Walk, number: int) -> tuple[Page, datetime]:
        parameters = [*walk.parameters, ("page", str(number)), ("page_size", str(walk.size))]
        response = self._ask(walk.operation, parameters)
        document = feed_pages.read_document(walk.operation, response.status_code, response.content)
        return feed_pages.read_page(walk.operation, number, document), self._moment_of(response)

    def _details(self, news: Sequence[Row]) -> list[Row]:
        """Look up what is new: the list of news lacks half of what describes an article."""
        rows: list[Row] = []
        codes = feed_pages.codes(news)
        for start in range(0, len(codes), DETAILS_BATCH):
            asked = [("product_sku[]", code) for code in codes[start : start + DETAILS_BATCH]]
            response = self._ask("getProducts", asked)
            document = feed_pages.read_document("getProducts", response.status_code, response.content)
            rows += feed_pages.read_details(document)
        return rows

    def _require_feed(self) -> None:
        response = self._ask("getFeedStatus", [])
        document = feed_pages.read_document("getFeedStatus", response.status_code, response.content)
        if not isinstance(document, dict) or "status" not in document:
            raise UnexpectedReply("getFeedStatus: status is missing", code="unexpected_shape")
        if document["status"] == UNHEALTHY:
            raise Refused("getFeedStatus: the account has no feed", code=FEED_DISABLED)
        if document["status"] == STALE:
            log.warning("getFeedStatus: the feed is stale; its rows are older than they look")

    def _moment_of(self, response: httpx.Response) -> datetime:
        """Read the vendor's clock off its answer, so that ours may be wrong."""
        try:
            moment = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return self._now()
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def columns_of(kind: FeedKind) -> dict[str, Column]:
    """Say which field of our rows comes from which name of the vendor's."""
    return {**_ARTICLE, **_COLUMNS[kind]}


def _write_since(moment: datetime) -> str:
    return moment.strftime(feed_pages.MOMENT)


def _read_since(text: str) -> datetime:
    try:
        return datetime.strptime(text, feed_pages.MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise Refused("getProductChanges: the point to go on from can't be read", code=SINCE_TOO_OLD) from None


__all__ = ["Ask", "Cursor", "Feeds", "columns_of"]
