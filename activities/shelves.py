"""What a channel's shelves should look like now: the marks that time sets, the pools, and the changes they lead to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from adapters.database import listings, looks
from adapters.database.engine import Transaction
from adapters.database.listings import QuantityFeed
from adapters.database.looks import Look
from models.configuration import Configuration
from models.listings import ExchangeRate, ListingChange
from models.prices import PriceBook
from models.pricing import Promotion
from models.selling import SellingRules, ShelfItem
from models.supply import Publishing
from workflows.decisions import selling
from workflows.decisions.pricing import price_book


@dataclass(frozen=True)
class Shelves:
    """Everything that the shelves of a channel depend on, apart from its listings and their pools."""

    publishing: Publishing
    rules: SellingRules
    book: PriceBook | None  # null: prices are not ours to keep
    feeds: list[QuantityFeed]
    demand: dict[str, int]
    fresh_since: datetime


def look(tx: Transaction, configuration: Configuration, channel: str, now: datetime) -> Shelves:
    """Mark what time, sales and changed settings have made dirty since the last look, and read what all shelves share."""
    publishing = configuration.channels[channel].publishing
    fresh_since = now - publishing.stale_after
    rates = _rates(tx, publishing)
    before = looks.last_look(tx, channel)
    feeds = listings.quantity_feeds(tx, looked_at=before.looked_at if before else None)
    settings = _digest(configuration, publishing, rates)
    if before is None or before.settings != settings:
        looks.mark_everything(tx, channel, now=now)
    if before is not None:
        looks.mark_moved(tx, channel, since=before.looked_at, now=now)
        was_fresh = before.looked_at - publishing.stale_after
        looks.mark_aged(tx, channel, feeds, was_fresh=was_fresh, is_fresh=fresh_since, now=now)
        _mark_promoted(tx, channel, publishing, before.looked_at, now)
    looks.mark_due_again(tx, channel, now=now)
    looks.keep_look(tx, channel, Look(now, settings))
    return Shelves(
        publishing=publishing,
        rules=_rules(configuration, publishing, now),
        book=price_book(publishing.pricing, rates=rates, at=now) if publishing.prices and publishing.pricing else None,
        feeds=feeds,
        demand=listings.open_demand(tx, feeds, since=fresh_since),
        fresh_since=fresh_since,
    )


def changes(tx: Transaction, shelves: Shelves, items: Sequence[ShelfItem]) -> list[ListingChange]:
    """Work out what must change of these listings. What no supplier ever offered is the merchant's own: never touched."""
    eans = sorted({item.ean for item in items if item.ean})
    pools = listings.pools(tx, eans, shelves.feeds, fresh_since=shelves.fresh_since)
    found = []
    for item in items:
        offers = pools.get(item.ean, [])
        if not offers and item.quantity is None and item.words is None:  # a sale makes only its quantity unknown
            continue
        shown = None
        if shelves.publishing.quantities and item.tracked:
            shown = selling.availability(offers, shelves.demand.get(item.ean, 0), shelves.rules)
        price = selling.wanted_price(item, offers, shelves.rules, shelves.book) if shelves.book and offers else None
        change = selling.change_of(item, shown, price)
        if change is not None:
            found.append(change)
    return found


def keeps_prices(publishing: Publishing) -> bool:
    """Say whether the channel's prices are ours to keep."""
    return publishing.prices and publishing.pricing is not None


def _rules(configuration: Configuration, publishing: Publishing, now: datetime) -> SellingRules:
    """Only suppliers that the router may choose count: stock that nobody can order is not for sale."""
    enabled = (name for name in configuration.routing.priority if configuration.suppliers[name].enabled)
    return SellingRules(
        priority=tuple(enabled),
        today=now.date(),
        buffer=publishing.buffer,
        buffer_share=Decimal(str(publishing.buffer_share)),
        safety_stock=publishing.safety_stock,
        max_quantity=publishing.max_quantity,
    )


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
    enabled = [name for name in configuration.routing.priority if configuration.suppliers[name].enabled]
    known = {currency: [rate.base, str(rate.rate)] for currency, rate in sorted(rates.items())}
    document = [publishing.model_dump(mode="json", exclude={"bulk_from", "every"}), enabled, known]
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
