"""Connections of the simulated shop: one page cut out of whatever there is, with cursors that stay good."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any

View = dict[str, Any]
MAX_PAGE = 250


def connection(
    items: Iterable[tuple[str, View]], first: int | None, after: str | None, *, reverse: bool = False
) -> View:
    """Cut one page out of (sort key, view) pairs: what comes after the key that the cursor holds."""
    ordered = sorted(items, key=lambda pair: pair[0], reverse=reverse)
    start = read_cursor(after)
    if start is not None:
        ordered = [pair for pair in ordered if (pair[0] < start if reverse else pair[0] > start)]
    page = ordered[: page_size(first)]
    return page_view(page, more=len(page) < len(ordered), continued=start is not None)


def page_view(page: Sequence[tuple[str, View]], *, more: bool, continued: bool) -> View:
    """Write a page of (sort key, view) pairs as a connection."""
    return {
        "nodes": [view for _, view in page],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": continued,
            "startCursor": _cursor(page[0][0]) if page else None,
            "endCursor": _cursor(page[-1][0]) if page else None,
        },
    }


def page_size(first: int | None) -> int:
    """How many a page holds."""
    return min(first or 50, MAX_PAGE)


def read_cursor(after: str | None) -> str | None:
    """The sort key that a cursor holds."""
    return b64decode(after).decode() if after else None


def gid(kind: str, number: object) -> str:
    """Write a global id."""
    return f"gid://shopify/{kind}/{number}"


def _cursor(key: str) -> str:
    return b64encode(key.encode()).decode()
