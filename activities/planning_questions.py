"""What suppliers are asked just before a plan: live stock and shipping rates, several at once, beside every transaction."""

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from activities import outages
from activities.common import Dependencies, now
from activities.planning_work import Heard, Work
from adapters.database import incidents
from adapters.errors import AdapterError
from adapters.ports import SupplierPort
from models.articles import normalise_ean
from models.routing import LiveRate, WantedLine
from models.suppliers import Destination, Offer, StockAnswer, SupplierLine
from workflows.decisions import planning_facts, shipping_choice

log = logging.getLogger(__name__)

AT_ONCE = 8  # suppliers


class SupplierQuestions:
    """Asks the suppliers that a plan could order from. Thread-safe: it holds nothing but its dependencies."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    def ask(self, work: Work) -> Heard:
        """Ask each candidate that has live stock; one that gives no answer stands with its last word, or not at all."""
        candidates = [name for name in work.suppliers if self._worth_asking(work, name)]
        if not candidates:
            return Heard()
        with self._deps.database.begin() as tx:
            down = incidents.down(tx, candidates)
        with ThreadPoolExecutor(min(AT_ONCE, len(candidates)), thread_name_prefix="live-stock") as askers:
            up = [name for name in candidates if name not in down]
            asked = {name: askers.submit(copy_context().run, self._ask_one, work, name) for name in up}
            answers = {name: future.result() for name, future in asked.items()}
        return Heard(
            offers=[offer for found, _ in answers.values() for offer in found or ()],
            silent=down | {name for name, (found, _) in answers.items() if found is None},
            rates={name: rate for name, (_, rate) in answers.items() if rate is not None},
        )

    def _worth_asking(self, work: Work, supplier: str) -> bool:
        settings = self._deps.outside.supplier_settings(supplier)
        only = work.order.pins.only_supplier
        if not settings.enabled or supplier in work.left_out or only not in (None, supplier):
            return False
        port = self._port(supplier)
        return port is None or port.capabilities.live_stock or settings.terms.live_rates

    def _port(self, supplier: str) -> SupplierPort | None:
        """Return the port; None where it can't be built: one supplier's mistake must not stop what others can deliver."""
        try:
            return self._deps.outside.supplier(supplier)
        except Exception as error:  # noqa: BLE001 - a credential that is not set, or whatever a plugin raises
            log.warning("supplier %s can't be used: %s; see dropwright doctor", supplier, type(error).__name__)
            return None

    def _ask_one(self, work: Work, supplier: str) -> tuple[list[Offer] | None, LiveRate | None]:
        """Return its offers (none that it has no live word of, None where it gave no answer), and its shipping rate."""
        port = self._port(supplier)
        if port is None:
            return None, None
        found: list[Offer] = []
        if port.capabilities.live_stock:
            try:
                found = [_offer(supplier, answer) for answer in port.fetch_stock(work.to_ask_for)]
            except AdapterError as error:
                with self._deps.database.begin() as tx:
                    outages.note_exchange_failure(tx, self._deps, supplier, error)
                return None, None
        return found, self._live_rate(work, supplier, found)

    def _live_rate(self, work: Work, supplier: str, found: Sequence[Offer]) -> LiveRate | None:
        """Ask what shipping all that it could deliver costs. None where it is not asked, or gives no answer."""
        settings, order = self._deps.outside.supplier_settings(supplier), work.order
        if not settings.terms.live_rates or not order.ship_country:
            return None
        lines = _deliverable(work.parts, found)
        if not lines:
            return None
        destination = Destination(country_code=order.ship_country, postal_code=order.postal_code[:20])
        try:
            quotes = self._deps.outside.supplier(supplier).quote_shipping(destination, lines)
        except AdapterError:
            return None
        choice = shipping_choice.choose(quotes, settings.preferred_carriers, settings.promise_days)
        if choice is None:
            return None
        cost = choice.quote.cost
        rate = planning_facts.conversion(order.rates, cost.currency, order.currency)
        return None if rate is None else LiveRate(cost=cost.amount * rate, days=choice.quote.days)


def _deliverable(parts: Sequence[WantedLine], found: Sequence[Offer]) -> list[SupplierLine]:
    """List what a supplier could deliver as a whole; where it gave no word on an article, all of it."""
    there = {offer.ean: offer.quantity for offer in found}
    units = Counter[str]()
    for part in parts:
        units[part.ean] += part.quantity
    return [
        SupplierLine(ean=ean, quantity=quantity)
        for ean, quantity in units.items()
        if there.get(ean, quantity) >= quantity
    ]


def _offer(supplier: str, answer: StockAnswer) -> Offer:
    cost = answer.unit_cost
    return Offer(
        supplier=supplier,
        ean=normalise_ean(answer.ean),
        known=answer.known,
        quantity=answer.quantity,
        unit_cost=cost.amount if cost else None,
        currency=cost.currency if cost else "EUR",
        observed_at=now(),
    )
