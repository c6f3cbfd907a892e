"""What a channel's shelves should look like now: the marks that time sets, the pools, and the changes they lead to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from adapters.database import listings, looks, stock_views
from adapters.database.engine import Transaction
from adapters.database.looks import Look
from models.configuration import Configuration
from models.listings import ExchangeRate, ListingChange
from models.prices import PriceBook
from models.pricing import Promotion
from models.selling import PoolOffer, SellingRules, ShelfItem
from models.supply import Publishing
from workflows.decisions import selling
from workflows.decisions.pricing import price_book


@dataclass(frozen=True)
class Shelves:
    """Everything that the shelves of a channel depend on, apart from its listings and their pools."""

    publishing: Publishing
    channel: str
    now: datetime
    rules: SellingRules
    book: PriceBook | None  # null: prices are not ours to keep
    sold: dict[str, int]  # article -> units that no offer is held for yet
    bundles: Mapping[str, Sequence[str]]  # article -> what it is made of
    fresh_since: dict[str, datetime]  # per supplier that may be ordered from


def look(tx: Transaction, configuration: Configuration, channel: str, now: datetime) -> Shelves:
    """Mark what time, sales and changed settings have made dirty since the last look, and read what all shelves share."""
    publishing = configuration.channels[channel].publishing
    rates = _rates(tx, publishing)
    before = looks.last_look(tx, channel)
    feeds = listings.quantity_feeds(tx, looked_at=before.looked_at if before else None)
    bundles = listings.bundles(tx)
    settings = _digest(configuration, publishing, rates)
    if before is None or before.settings != settings:
        looks.mark_everything(tx, channel, now=now)
    if before is not None:
        looks.mark_moved(tx, channel, since=before.looked_at, now=now)
        looks.mark_bundles(tx, channel, list(bundles), now=now)
        was_fresh = fresh_since(configuration, channel, before.looked_at)
        is_fresh = fresh_since(configuration, channel, now)
        looks.mark_aged(tx, channel, feeds, was_fresh=was_fresh, is_fresh=is_fresh, now=now)
        _mark_promoted(tx, channel, publishing, before.looked_at, now)
    looks.mark_due_again(tx, channel, now=now)
    looks.keep_look(tx, channel, Look(now, settings))
    stock_views.set_now(tx, now)
    return Shelves(
        publishing=publishing,
        channel=channel,
        now=now,
        rules=SellingRules(priority=tuple(enabled(configuration)), today=now.date()),
        book=price_book(publishing.pricing, rates=rates, at=now) if publishing.prices and publishing.pricing else None,
        sold=listings.unreserved(tx),
        bundles=bundles,
        fresh_since=fresh_since(configuration, channel, now),
    )


def changes(tx: Transaction, shelves: Shelves, items: Sequence[ShelfItem]) -> list[ListingChange]:
    """Work out what must change of these listings. What no supplier ever offered is the merchant's own: never touched."""
    behind = {item.ean: shelves.bundles.get(item.ean) or (item.ean,) for item in items if item.ean}
    pools, units = _for_sale(tx, shelves, behind)
    found = []
    for item in items:
        offers: list[Sequence[PoolOffer]] = [pools.get(part, ()) for part in behind.get(item.ean, ())]
        if not any(offers) and item.quantity is None and item.words is None:  # a sale makes only its quantity unknown
            continue
        shown = None
        if shelves.publishing.quantities and item.tracked:
            shown = selling.availability(offers, units.get(item.ean, 0), shelves.rules)
        change = selling.change_of(item, shown, _price(item, offers, shelves))
        if change is not None:
            found.append(change)
    return found


def _for_sale(
    tx: Transaction, shelves: Shelves, behind: Mapping[str, Sequence[str]]
) -> tuple[Mapping[str, list[PoolOffer]], dict[str, int]]:
    """Read the offers behind these articles, and how many units of each may be sold."""
    parts = sorted({part for several in behind.values() for part in several})
    sold = {part: shelves.sold[part] for part in parts if part in shelves.sold}
    pools, units = listings.for_sale(tx, parts, shelves.fresh_since, sold, shelves.publishing)
    sets = [ean for ean in behind if ean in shelves.bundles]
    if sets:
        stock_views.set_now(tx, shelves.now)
        units |= listings.bundled(tx, shelves.channel, sets, sold, shelves.publishing)
    return pools, units


def _price(item: ShelfItem, parts: Sequence[Sequence[PoolOffer]], shelves: Shelves) -> Decimal | None:
    """Decide a listing's price. What a bundle costs is no one supplier's word: its price is the merchant's."""
    if shelves.book is None or item.ean in shelves.bundles or not any(parts):
        return None
    return selling.wanted_price(item, parts[0], shelves.rules, shelves.book)


def enabled(configuration: Configuration) -> list[str]:
    """Name the suppliers that the router may choose, best first: stock that nobody can order is not for sale."""
    return [name for name in configuration.routing.priority if configuration.suppliers[name].enabled]


def fresh_since(configuration: Configuration, channel: str, now: datetime) -> dict[str, datetime]:
    """Say how old each supplier's word on stock may be: by its own promise, and by the channel's patience."""
    patience = configuration.channels[channel].publishing.stale_after
    return {
        name: now - min(patience, configuration.suppliers[name].terms.stock_promise) for name in enabled(configuration)
    }


def keeps_prices(publishing: Publishing) -> bool:
    """Say whether the channel's prices are ours to keep."""
    return publishing.prices and publishing.pricing is not None


def _rates(tx: Transaction, publishing: Publishing) -> dict[str, ExchangeRate]:
    """Read the rates that this channel's prices need; none where every cost is in its own currency."""
    if publishing.pricing is None or not publishing.prices:
        return {}
    foreign = set(looks.offered_currencies(tx)) - {publishing.pricing.currency}
    if not foreign:
        return {}
    wanted = foreign | {publishing.pricing.currency}
    return {currency: rate for currency, rate in looks.newest_rates(tx).items() if currency in wanted}


def _digest(configuration: Configuration, publishing: Publishing, rates: dict[str, ExchangeRate]) -> str:
    """Fold everything that concerns the whole shop: where it changes, every listing is looked at again."""
    promises = [[name, str(configuration.suppliers[name].terms.stock_promise)] for name in enabled(configuration)]
    stock = configuration.stock.model_dump(mode="json", include={"buffers", "bundles"})
    known = {currency: [rate.base, str(rate.rate)] for currency, rate in sorted(rates.items())}
    document = [publishing.model_dump(mode="json", exclude={"bulk_from", "every"}), promises, stock, known]
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _mark_promoted(tx: Transaction, channel: str, publishing: Publishing, since: datetime, now: datetime) -> None:
    if publishing.pricing is None:
        return
    turned = [one for one in publishing.pricing.promotions if _turned(one, since, now)]
    if any(not one.skus for one in turned):
        looks.mark_everything(tx, channel, now=now)
    elif turned:
        looks.mark_articles(tx, channel, [sku for one in turned for sku in one.skus], now=now)


def _turned(promotion: Promotion, since: datetime, now: datetime) -> bool:
    return any(since < instant <= now for instant in (promotion.starts, promotion.ends))
