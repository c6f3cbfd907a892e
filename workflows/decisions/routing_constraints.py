"""Who may deliver a line at all: the constraints that no cost outweighs, each with its reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from models.routing import Because, OfferFacts, OrderFacts, WantedLine
from models.routing_rules import Choose, Routing
from workflows.decisions.routing_costs import Band, Delivery, Weighing, days, landed
from workflows.decisions.routing_rules import LineRules, RulesForOrder

_LEVELS = re.compile(r"[>/|]")  # as in the categories that rules name
Reason = tuple[Because, str]  # and the detail
_UNLIKELIEST: tuple[Because, ...] = (
    "restricted",
    "stale",
    "not enough stock",
    "pack or minimum quantity",
    "no cost",
    "no shipping",
    "too late",
    "below margin floor",
)  # of several offers of one article, the reason of the one that came furthest counts


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for the order as a whole."""

    order: OrderFacts
    rules: Routing
    effective: RulesForOrder
    weighing: Weighing

    @property
    def by_cost(self) -> bool:
        """Say whether costs decide, so that they must be known."""
        return self.effective.choose is not Choose.PRIORITY


@dataclass(frozen=True, slots=True)
class Wish:
    """A part of a line, and what its rules say; ``whole`` where all of it goes to one offer or nothing does."""

    line: WantedLine
    rules: LineRules
    whole: bool

    @property
    def least(self) -> int:
        """Tell how many units the smallest allotment has, packs aside."""
        return self.line.quantity if self.whole else 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a supplier for a part: the offers that may deliver it, or the reason why none may."""

    offers: tuple[int, ...]
    because: Because | None = None
    detail: str = ""
    available: int | None = None


def judge(
    wish: Wish, name: str, terms: Delivery | None, known: Sequence[tuple[int, OfferFacts]], setting: Setting
) -> Judgement:
    """Judge one supplier; ``known`` are its offers of the article, numbered, in order of their SKU."""
    there = [(number, offer) for number, offer in known if offer.known]
    available = _available(wish, [offer for _, offer in there])
    if refusal := _refused(wish, name, terms, setting):
        return Judgement((), *refusal, available)
    assert terms is not None, "who is not standing has been refused"
    if not there:
        return Judgement((), "article unknown")
    if refusal := _unfit(wish, terms, setting):
        return Judgement((), *refusal, available)
    reasons = {number: _offer_refused(wish, offer, terms, setting) for number, offer in there}
    fitting = tuple(number for number, reason in reasons.items() if reason is None)
    if fitting:
        return Judgement(fitting, available=available)
    because, detail = max((one for one in reasons.values() if one), key=lambda one: _UNLIKELIEST.index(one[0]))
    return Judgement((), because, detail, available)


def _available(wish: Wish, offers: Sequence[OfferFacts]) -> int | None:
    """Add up what there is, or take the most that one offer has where a line is not split."""
    counts = [offer.available for offer in offers]
    if not counts:
        return None
    return sum(counts) if wish.rules.split_lines else max(counts)


def _refused(wish: Wish, name: str, terms: Delivery | None, setting: Setting) -> Reason | None:
    order, rules = setting.order, wish.rules
    if name in order.excluded:
        return "excluded", ""
    if order.only_supplier not in (None, name):
        return "excluded", f"fixed to {order.only_supplier}"
    if name in rules.exclude:
        return "excluded by rule", rules.exclude[name]
    if rules.only is not None and name not in rules.only:
        return "excluded by rule", rules.only_by
    if terms is not None and not terms.facts.enabled:
        return "switched off", ""
    return ("no answer", "") if terms is None or not terms.facts.answered else None


def _unfit(wish: Wish, terms: Delivery, setting: Setting) -> Reason | None:
    order, line = setting.order, wish.line
    if order.country in _nowhere(setting.rules.restricted, line):
        return "restricted", "by our own rule"
    missing = (order.needs | wish.rules.needs) - set(terms.facts.terms.provides)
    if missing:
        return "lacks a capability", ", ".join(sorted(missing))
    if not terms.bands:
        return "no shipping", f"not to {order.country}" if order.country else ""
    if not terms.known and (setting.by_cost or terms.facts.terms.minimum_order):
        return "no cost", f"no rate for {terms.facts.terms.currency}"
    return None


def _nowhere(restricted: Mapping[str, tuple[str, ...]], line: WantedLine) -> set[str]:
    return {
        country
        for key, countries in restricted.items()
        if key == line.ean or _path(line.category)[: len(_path(key))] == _path(key)
        for country in countries
    }


def _path(category: str) -> tuple[str, ...]:
    return tuple(" ".join(level.split()).casefold() for level in _LEVELS.split(category) if level.strip())


def _offer_refused(wish: Wish, offer: OfferFacts, terms: Delivery, setting: Setting) -> Reason | None:
    if setting.order.country in offer.restricted:
        return "restricted", ""
    if not offer.fresh and wish.rules.stale == "never":
        return "stale", ""
    return (
        _too_few(wish, offer)
        or _costless(wish, offer, setting)
        or _too_heavy(wish, terms)
        or _too_late(offer, terms, setting)
        or _too_dear(wish, offer, terms)
    )


def _too_few(wish: Wish, offer: OfferFacts) -> Reason | None:
    quantity, pack, minimum = wish.line.quantity, offer.pack or 1, max(1, offer.minimum or 1)
    if offer.available < wish.least:
        return "not enough stock", ""
    detail = f"pack of {pack}" if pack > 1 else f"at least {minimum}"
    if wish.whole:
        return None if quantity >= minimum and quantity % pack == 0 else ("pack or minimum quantity", detail)
    smallest = -(-minimum // pack) * pack
    if smallest > quantity:
        return "pack or minimum quantity", detail
    return ("not enough stock", detail) if smallest > offer.available else None


def _costless(wish: Wish, offer: OfferFacts, setting: Setting) -> Reason | None:
    needed = setting.by_cost or (wish.rules.margin_floor is not None and wish.line.price is not None)
    return ("no cost", "") if needed and offer.unit_cost is None else None


def _too_heavy(wish: Wish, terms: Delivery) -> Reason | None:
    most = terms.bands[-1].up_to
    return ("no shipping", "too heavy") if most is not None and wish.line.grams * wish.least > most else None


def _too_late(offer: OfferFacts, terms: Delivery, setting: Setting) -> Reason | None:
    within: timedelta | None = setting.effective.ship_within
    if within is None:
        return None
    now, zone = setting.weighing.now, ZoneInfo(terms.facts.terms.calendar.time_zone)
    ships, _ = days(offer, terms.bands[0], terms, now)
    return ("too late", f"ships on {ships.isoformat()}") if ships > (now + within).astimezone(zone).date() else None


def _too_dear(wish: Wish, offer: OfferFacts, terms: Delivery) -> Reason | None:
    floors = (above_floor(wish, offer, band, terms) for band in terms.bands)
    return None if any(floors) else ("below margin floor", "")


def above_floor(wish: Wish, offer: OfferFacts, band: Band, terms: Delivery) -> bool:
    """Say whether the margin is enough where the parcel goes by this row of the shipping table."""
    floor, price = wish.rules.margin_floor, wish.line.price
    if floor is None or price is None:
        return True
    return price - landed(offer, wish.line.grams, band, terms) >= Decimal(str(floor)) * price
