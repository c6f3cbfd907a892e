"""A supplier's own lists, page by page, as its profile describes them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from adapters.errors import Refused
from adapters.suppliers.generic_rest.calls import Prepared, about_page, prepare
from adapters.suppliers.generic_rest.profile import FeedCall
from adapters.suppliers.generic_rest.values import Source
from models.feed_rows import FeedPage
from models.feeds import Column

OPERATION = "feed"
SINCE_TOO_OLD = "since_too_old"  # which has the caller read all of it
MOST_PAGES = 100_000
Ask = Callable[[str, Prepared], Any]


@dataclass(frozen=True)
class Place:
    """Where to go on: which page, the supplier's own cursor, and where the next run begins."""

    page: int = 1
    cursor: str = ""
    since: str = ""

    def __str__(self) -> str:
        return json.dumps([self.page, self.cursor, self.since])

    @classmethod
    def read(cls, text: str) -> "Place":
        """Read what ``str`` wrote; "" is the beginning. Raises Refused("bad_cursor")."""
        try:
            page, cursor, since = json.loads(text) if text else (1, "", "")
        except (ValueError, TypeError):
            raise Refused("feed: this is no cursor of ours", code="bad_cursor") from None
        return cls(int(page), str(cursor), str(since))


def walk(call: FeedCall, ask: Ask, *, since: str, cursor: str) -> Iterator[FeedPage]:
    """Walk from ``cursor`` on. Raises Refused("since_too_old") where it can't tell what changed since then."""
    if since and not tells_changes(call):
        raise Refused("feed: it does not tell changes", code=SINCE_TOO_OLD)
    place: Place | None = Place.read(cursor)
    while place is not None:
        document = ask(OPERATION, prepare(OPERATION, call, about_page(place.page, place.cursor, since)))
        page, place = read_page(call, document, place)
        yield page


def tells_changes(call: FeedCall) -> bool:
    """Say whether the list can be asked for what changed since an instant."""
    return call.since is not None


def read_page(call: FeedCall, document: Any, place: Place) -> tuple[FeedPage, Place | None]:
    """Read a page, and where the next one begins."""
    answer = Source(OPERATION, document)
    begins = place.since or answer.text("since", call.since)
    rows = [_row(source, call) for source in answer.listed("rows", call.rows)]
    following = _following(call, answer, place, begins)
    total = answer.whole("total", call.total) if call.total and answer.get("total", call.total) is not None else None
    return FeedPage(rows, str(following) if following else "", total=total, since=begins), following


def columns(call: FeedCall) -> dict[str, Column]:
    """Say which field of ours comes from which name in a row."""
    return {name: Column(column=column) if isinstance(column, str) else column for name, column in call.columns.items()}


def _row(source: Source, call: FeedCall) -> dict[str, Any]:
    if not call.fields:
        if not isinstance(source.document, dict):
            raise source.wrong("rows", "is no object")
        return source.document
    return {name: source.get(f"fields.{name}", expression) for name, expression in call.fields.items()}


def _following(call: FeedCall, answer: Source, place: Place, since: str) -> Place | None:
    following = None
    if call.next_cursor is not None:
        cursor = answer.text("next_cursor", call.next_cursor, limit=2_000)
        if cursor and cursor == place.cursor:
            raise answer.wrong("next_cursor", "is the one that was just asked for")
        following = Place(place.page + 1, cursor, since) if cursor else None
    elif call.pages is not None and place.page < answer.whole("pages", call.pages):
        following = Place(place.page + 1, "", since)
    if following and following.page > MOST_PAGES:
        raise answer.wrong("pages", "never end")
    return following
