"""Looks at a whole channel: what time, sales and changed settings make dirty, though no supplier said anything new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from adapters.database.engine import Transaction
from adapters.database.listings import SOLD_CODE, QuantityFeed
from adapters.database.publications import FIRST_BACKOFF, LONGEST_BACKOFF
from models.listings import ExchangeRate

_OVERLAP = timedelta(minutes=1)  # an order's transaction may commit a little after the time it carries


@dataclass(frozen=True)
class Look:
    """When a channel was looked at last, and by which settings."""

    looked_at: datetime
    settings: str


_SOLD = f"""
SELECT o.channel, l.variant_id, {SOLD_CODE} AS ean, o.received_at, o.cancel_requested_at, o.ended_at
FROM orders o JOIN order_lines l ON l.order_id = o.id
LEFT JOIN article_mappings m ON m.channel = o.channel AND m.variant_id = l.variant_id
WHERE greatest(o.received_at, o.cancel_requested_at, o.ended_at) > :since
"""  # noqa: S608 - a constant of ours

# What customers buy or cancel, the shop takes off its own quantity: what we published is not what it shows any more.
_MOVED_THERE = text(f"""
WITH sold AS ({_SOLD})
UPDATE listings l SET published_quantity = NULL, dirty_since = :now FROM sold s
WHERE l.channel = :channel AND s.channel = l.channel AND s.variant_id = l.variant_id
    AND greatest(s.received_at, s.cancel_requested_at) > :since
""")  # noqa: S608 - likewise

_SHARED = text(f"""
WITH moved AS (
    SELECT ean FROM ({_SOLD}) sold
    UNION SELECT ean FROM reservations WHERE greatest(made_at, settled_at) > :since
)
UPDATE listings l SET dirty_since = :now FROM moved m
WHERE l.channel = :channel AND l.ean = m.ean AND l.dirty_since IS NULL
""")  # noqa: S608 - likewise

_BACK = text("""
UPDATE listings SET dirty_since = :now WHERE channel = :channel AND refused_code IS NOT NULL AND dirty_since IS NULL
    AND refused_at + least(:first * power(2, least(refusals, 12) - 1), :longest) <= :now
""")

_EVERYTHING = text(
    "UPDATE listings SET dirty_since = :now WHERE channel = :channel AND ean IS NOT NULL AND dirty_since IS NULL"
)

_ARTICLES = text(
    "UPDATE listings SET dirty_since = :now WHERE channel = :channel AND sku = ANY(:skus) AND dirty_since IS NULL"
)

_BUNDLES = text("""
UPDATE listings SET dirty_since = :now WHERE channel = :channel AND ean = ANY(:eans) AND dirty_since IS NULL
""")

_AGED = text("""
UPDATE listings l SET dirty_since = :now FROM offers o
WHERE o.supplier = :supplier AND o.observed_at > :was_fresh AND o.observed_at <= :is_fresh AND l.ean = o.ean
    AND l.channel = :channel AND l.dirty_since IS NULL
""")

_OF_FEED = text("""
UPDATE listings l SET dirty_since = :now FROM feed_rows r JOIN offers o ON o.supplier = r.supplier AND o.sku = r.sku
WHERE r.supplier = :supplier AND r.feed = :feed AND l.ean = o.ean AND l.channel = :channel AND l.dirty_since IS NULL
""")


def last_look(tx: Transaction, channel: str) -> Look | None:
    """Say when the channel was looked at last; None before the first time."""
    query = text("SELECT looked_at, settings FROM channel_looks WHERE channel = :channel")
    row = tx.execute(query, {"channel": channel}).one_or_none()
    return Look(row.looked_at, row.settings) if row else None


def keep_look(tx: Transaction, channel: str, look: Look) -> None:
    """Remember a look."""
    statement = text(
        "INSERT INTO channel_looks (channel, looked_at, settings) VALUES (:channel, :looked_at, :settings) "
        "ON CONFLICT (channel) DO UPDATE SET looked_at = excluded.looked_at, settings = excluded.settings"
    )
    tx.execute(statement, {"channel": channel, "looked_at": look.looked_at, "settings": look.settings})


def mark_moved(tx: Transaction, channel: str, *, since: datetime, now: datetime) -> None:
    """Look again at what customers bought or cancelled, here and in the channels that show the same pools."""
    values = {"channel": channel, "since": since - _OVERLAP, "now": now}
    tx.execute(_MOVED_THERE, values)
    tx.execute(_SHARED, values)


def mark_due_again(tx: Transaction, channel: str, *, now: datetime) -> None:
    """Look again at what the shop refused, once its pause is over."""
    tx.execute(_BACK, {"channel": channel, "now": now, "first": FIRST_BACKOFF, "longest": LONGEST_BACKOFF})


def mark_everything(tx: Transaction, channel: str, *, now: datetime) -> None:
    """Look again at the whole shop: its settings changed."""
    tx.execute(_EVERYTHING, {"channel": channel, "now": now})


def mark_articles(tx: Transaction, channel: str, skus: Sequence[str], *, now: datetime) -> None:
    """Look again at some articles of ours."""
    tx.execute(_ARTICLES, {"channel": channel, "skus": list(skus), "now": now})


def mark_bundles(tx: Transaction, channel: str, eans: Sequence[str], *, now: datetime) -> None:
    """Look again at all bundles: what is told of a part marks the part's own listings only."""
    if eans:
        tx.execute(_BUNDLES, {"channel": channel, "eans": list(eans), "now": now})


def mark_aged(
    tx: Transaction,
    channel: str,
    feeds: Sequence[QuantityFeed],
    *,
    was_fresh: Mapping[str, datetime],
    is_fresh: Mapping[str, datetime],
    now: datetime,
) -> None:
    """Look again at offers that went stale, and at those of feeds that fell silent or speak again.

    ``was_fresh`` and ``is_fresh`` are how far back a supplier's word counted at the last look, and counts now.
    """
    for supplier, since in is_fresh.items():
        times = {"was_fresh": was_fresh[supplier], "is_fresh": since}
        tx.execute(_AGED, {"channel": channel, "supplier": supplier, "now": now, **times})
    for feed in feeds:
        if feed.supplier not in is_fresh:
            continue
        spoke = feed.spoke_before is not None and feed.spoke_before > was_fresh[feed.supplier]
        if spoke != (feed.spoke_at > is_fresh[feed.supplier]):
            tx.execute(_OF_FEED, {"channel": channel, "supplier": feed.supplier, "feed": feed.feed, "now": now})


def newest_rates(tx: Transaction) -> dict[str, ExchangeRate]:
    """Read the newest exchange rate of each currency."""
    query = text('SELECT DISTINCT ON (currency) * FROM exchange_rates ORDER BY currency, "on" DESC, captured_at DESC')
    return {row.currency: ExchangeRate.model_validate(dict(row._mapping)) for row in tx.execute(query)}


def offered_currencies(tx: Transaction) -> list[str]:
    """List the currencies that suppliers' costs are in."""
    return list(tx.execute(text("SELECT DISTINCT currency FROM offers ORDER BY currency")).scalars())
