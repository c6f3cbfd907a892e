"""What may stand in for an article that nobody can deliver: the merchant's substitutes that are to be had now."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from activities.common import Dependencies
from adapters.database import customer_questions, stock_views
from adapters.database.customer_questions import SoldLine
from adapters.database.engine import Transaction
from adapters.database.planning import PlanningOrder
from models.articles import normalise_ean
from models.backordering import AskedLine, Substitute
from models.stock import Stock

MOST_OFFERED = 3


def asked_lines(
    tx: Transaction, deps: Dependencies, order: PlanningOrder, units: Mapping[str, int], *, now: datetime
) -> list[AskedLine]:
    """Word what is asked about lines that lack so many units: their titles, and up to three alternatives each."""
    lines = customer_questions.sold_lines(tx, order.id, sorted(units))
    stock = deps.outside.configuration.stock
    wanted = {line.line_id: _substitutes(line, stock) for line in lines}
    eans = sorted({ean for found in wanted.values() for ean in found})
    there = _to_be_had(tx, deps, order, eans, stock, now) if eans else {}
    titles = customer_questions.titles(tx, order.channel, eans) if there else {}
    return [
        AskedLine(
            line_id=line.line_id,
            ean=normalise_ean(line.ean),
            title=line.title or line.ean,
            units=units[line.line_id],
            alternatives=tuple(
                Substitute(ean=ean, title=titles.get(ean, ean), available=there[ean])
                for ean in wanted[line.line_id]
                if there.get(ean, 0) >= units[line.line_id]
            )[:MOST_OFFERED],
        )
        for line in lines
    ]


def _substitutes(line: SoldLine, stock: Stock) -> Sequence[str]:
    """A line of which something has been ordered changes its article only where neither one is a bundle."""
    ean = normalise_ean(line.ean)
    found = stock.substitutes.get(ean, ())
    return [one for one in found if not line.touched or not ({ean, one} & stock.bundles.keys())]


def _to_be_had(
    tx: Transaction, deps: Dependencies, order: PlanningOrder, eans: Sequence[str], stock: Stock, now: datetime
) -> dict[str, int]:
    """Count how many of each could be ordered now, bundles by their scarcest part."""
    parts = {ean: stock.parts_of(ean) for ean in eans}
    leaves = sorted({leaf for of in parts.values() for leaf in of})
    configuration = deps.outside.configuration
    suppliers = [
        name
        for name in configuration.routing.priority
        if configuration.suppliers[name].enabled
        and name not in order.pins.excluded
        and order.pins.only_supplier in (None, name)
    ]
    units = dict.fromkeys(leaves, 0)
    for offer in stock_views.offers_of(tx, leaves, suppliers, now=now):
        fresh = offer.confirmed_at + configuration.suppliers[offer.supplier].terms.stock_promise >= now
        if offer.known and not offer.discontinued and fresh and order.ship_country not in offer.restricted_countries:
            units[offer.ean] += offer.available
    return {ean: min(units[leaf] // times for leaf, times in of.items()) for ean, of in parts.items()}
