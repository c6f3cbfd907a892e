"""How long stock lasts at the pace it sells, and how much of our own to order again."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True, slots=True)
class Stocked:
    """An article with its pool, what was sold of it in the window, and, where it is ours to reorder, from whom."""

    ean: str
    sku: str
    available: int
    sold: int
    supplier: str = ""  # the own warehouse or pre-bought stock that would be refilled; "" where there is none
    supplier_sku: str = ""
    minimum: int = 1
    pack: int = 1


@dataclass(frozen=True, slots=True)
class Cover:
    """How long an article lasts. ``days`` is 0 where it is sold out."""

    article: Stocked
    sold_per_day: Decimal
    days: Decimal


@dataclass(frozen=True, slots=True)
class Reorder:
    """How much to order again, in whole packs and at least the minimum."""

    cover: Cover
    quantity: int


def running_out(articles: Iterable[Stocked], *, window_days: Decimal, cover_days: Decimal) -> list[Cover]:
    """Find what sells out within ``cover_days``, the soonest first. What nobody bought in the window lasts for ever."""
    covers = [_cover(article, window_days) for article in articles if article.sold > 0]
    low = [cover for cover in covers if cover.days < cover_days]
    return sorted(low, key=lambda cover: (cover.days, -cover.sold_per_day, cover.article.ean))


def reorders(low: Iterable[Cover], *, reorder_days: Decimal) -> list[Reorder]:
    """Propose how much to order again of what is ours, so that it lasts ``reorder_days``."""
    return [
        Reorder(cover, quantity)
        for cover in low
        if cover.article.supplier and (quantity := _quantity(cover, reorder_days)) > 0
    ]


def _cover(article: Stocked, window_days: Decimal) -> Cover:
    per_day = Decimal(article.sold) / window_days
    days = max(Decimal(article.available), Decimal(0)) / per_day
    return Cover(article, per_day.quantize(Decimal("0.0001")), days.quantize(Decimal("0.01")))


def _quantity(cover: Cover, reorder_days: Decimal) -> int:
    article = cover.article
    missing = cover.sold_per_day * reorder_days - max(article.available, 0)
    if missing <= 0:
        return 0
    wanted = max(missing, Decimal(article.minimum))
    packs = (wanted / article.pack).to_integral_value(ROUND_CEILING)
    return int(packs) * article.pack
