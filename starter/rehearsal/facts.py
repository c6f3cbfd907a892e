"""What the router is given of an order of the past: the stock of its time, by one side's own buffers, bundles and terms."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from adapters.database.rehearsing import RATES_BEFORE, PastOffer, PastOrder
from models.configuration import Configuration
from models.rehearsal import Outcome
from models.routing import OfferFacts, OrderFacts, RoutingPlan, Scorecard, SupplierFacts
from models.routing_rules import Routing
from workflows.decisions import planning_facts, routing
from workflows.decisions.rehearsal import kept_back, outcome_of
from workflows.decisions.routing_rules import rules_for

Rates = Mapping[str, Decimal]


class RateBook:
    """The rates of each day: those that were the newest then, of each currency, and no older than two weeks."""

    def __init__(self, by_day: Mapping[date, Rates]) -> None:
        """``by_day`` are units of a currency for one euro, as published for that day."""
        self._days = sorted(by_day)
        self._published = by_day
        self._known: dict[date, Rates] = {}

    def of(self, at: datetime) -> Rates:
        """Return the rates that held at an instant."""
        day = at.date()
        if day not in self._known:
            self._known[day] = self._newest(day)
        return self._known[day]

    def _newest(self, day: date) -> Rates:
        newest: dict[str, Decimal] = {}
        for one in self._days[: bisect_right(self._days, day)]:
            if day - one <= RATES_BEFORE:
                newest |= self._published[one]
        return newest


def wanted_articles(order: PastOrder, sides: Iterable[Configuration]) -> list[str]:
    """Name every article that one side or the other needs for this order."""
    return sorted({part.ean for side in sides for part in planning_facts.open_parts(order.lines, side.stock)} - {""})


@dataclass(frozen=True, slots=True)
class Question:
    """What the router is asked for an order by one side. Equal questions have the same answer."""

    order: OrderFacts
    offers: Sequence[OfferFacts]
    suppliers: Mapping[str, SupplierFacts]
    routing: Routing = field(compare=False)
    fitting: Routing  # the same without the rules that do not fit
    rate: Decimal | None  # of the rules' currency into the order's


def question(
    order: PastOrder, offers: Sequence[PastOffer], side: Configuration, rates: Rates, scores: Mapping[str, Scorecard]
) -> Question:
    """Put one side's question."""
    standing = _standing(offers, side)
    facts = planning_facts.order_facts(order, planning_facts.open_parts(order.lines, side.stock), standing)
    rate = planning_facts.conversion(rates, side.routing.currency, order.currency)
    rules = rules_for(facts, side.routing, rate=rate).fitting
    return Question(
        order=facts,
        offers=planning_facts.offer_facts(standing, side, rates, order.currency, order.at),
        suppliers=planning_facts.supplier_facts(side, rates, order.currency, scores=scores),
        routing=side.routing,
        fitting=side.routing.model_copy(update={"rules": rules}),
        rate=rate,
    )


def answer(asked: Question, at: datetime) -> RoutingPlan:
    """Plan as of an instant."""
    return routing.route(asked.order, asked.offers, asked.suppliers, asked.routing, now=at, rate=asked.rate)


def outcome(order: PastOrder, asked: Question, plan: RoutingPlan) -> Outcome:
    """Sum a plan up, in the currency of the side's rules."""
    prices = {line.line_id: line.unit_price for line in order.lines}
    return outcome_of(asked.order, plan, asked.suppliers, asked.routing, rate=asked.rate, prices=prices)


def _standing(offers: Sequence[PastOffer], side: Configuration) -> list[PastOffer]:
    """Keep the side's own candidates, each with its buffer, in the order of the side's priority."""
    rank = {name: position for position, name in enumerate(side.routing.priority)}
    own = [offer for offer in offers if offer.supplier in rank]
    return sorted((_buffered(offer, side) for offer in own), key=lambda one: (rank[one.supplier], one.sku))


def _buffered(offer: PastOffer, side: Configuration) -> PastOffer:
    buffer = kept_back(side.stock, offer.supplier, offer.ean, offer.category, offer.quantity)
    return replace(offer, buffer=buffer) if buffer else offer
