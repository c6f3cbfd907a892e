"""Rounds of the exchange with suppliers that speak by documents, and telling lifecycles what came.

A round picks up, keeps and applies each document in one transaction, and only then puts it away: killed anywhere, the
next round finds the document again, and knows it. Waiting for the next round costs no events: it is done by retry.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError
from temporalio import activity
from temporalio.client import Client

from activities import exchange_news, outages
from activities.common import Dependencies, now
from activities.exchange_news import Partner, Taken
from activities.exchange_telling import NewsTeller
from activities.failures import wait
from activities.heartbeat import Heartbeat, beating
from activities.polling import clock
from adapters.database import exchange_incoming, incidents
from adapters.database import exchange_news as records
from adapters.database.configurations import NotConfiguredError
from adapters.database.engine import Transaction, lost_connection
from adapters.errors import AdapterError
from adapters.ports import ExchangingPort
from models.exchange import Incoming
from models.exchange_steps import ExchangeRequest, ExchangeRound, ExchangeTold

log = structlog.get_logger(__name__)


@dataclass
class _Round:
    """One round while it runs."""

    port: ExchangingPort
    partner: Partner
    heartbeat: Heartbeat
    is_down: bool  # an incident says so: its probes try the supplier, and nobody else does
    picked_up: int = 0
    stuck: int = 0  # of those that were read, what can't be put away
    sent: int = 0
    error: AdapterError | None = None

    def attempt(self, step: Callable[["_Round"], None]) -> None:
        """Take one step; that the wire fails here keeps the others from nothing."""
        try:
            step(self)
        except AdapterError as error:
            self.error = self.error or error


class ExchangeActivities:
    """One supplier's documents, on that supplier's own task queue."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def exchange_documents(self, request: ExchangeRequest) -> ExchangeRound:
        """Pick up and apply what has come, and send what is due, round by round, until there is news to tell.

        While its supplier is down a round connects to nothing: it reads what came by another door.
        """
        port = self._port(request.supplier)
        if port is None:
            return ExchangeRound(ended=True)
        partner = Partner.of(self._deps.outside.configuration, request.supplier, now())
        with beating() as heartbeat:
            going = _Round(port, partner, heartbeat, is_down=self._is_down(request.supplier))
            self._read_kept(going)
            if not going.is_down:
                going.attempt(self._pick_up)
                going.attempt(self._send_due)
        untold = self._note(going)
        if untold:
            return ExchangeRound(picked_up=going.picked_up, untold=True)
        raise self._next_round(going)

    def _port(self, supplier: str) -> ExchangingPort | None:
        try:
            port = self._deps.outside.supplier(supplier)
        except NotConfiguredError:
            return None
        return port if isinstance(port, ExchangingPort) else None

    def _is_down(self, supplier: str) -> bool:
        with self._deps.database.begin() as tx:
            return bool(incidents.down(tx, [supplier]))

    def _read_kept(self, going: _Round) -> None:
        """Read what came by another door, and what a person wants to be read again."""
        document_id = 0
        while kept := self._unread(going.partner.supplier, document_id):
            document_id, incoming = kept
            going.heartbeat.at()
            self._taken(going, incoming, partial(_read_again, going, document_id, incoming))

    def _unread(self, supplier: str, after: int) -> tuple[int, Incoming] | None:
        with self._deps.database.begin() as tx:
            return exchange_incoming.unread(tx, supplier, after=after)

    def _pick_up(self, going: _Round) -> None:
        for incoming in going.port.pick_up():
            going.heartbeat.at()
            taken = self._taken(going, incoming, partial(_take, going, incoming))
            going.picked_up += taken.fresh
            self._put_away(going, incoming, taken)

    def _put_away(self, going: _Round, incoming: Incoming, taken: Taken) -> None:
        """Put a document away that is in our books. Where that fails those behind it are picked up all the same.

        It is no silence of the supplier's, whose other documents come: a person hears of it once it has come again.
        """
        stuck = ""
        try:
            going.port.put_away(incoming, good=taken.good)
        except AdapterError as error:
            going.stuck += 1
            stuck = error.code
        if not taken.fresh:
            with self._deps.database.begin() as tx:
                exchange_news.note_stuck(tx, going.partner, taken.id, stuck)

    def _taken(self, going: _Round, incoming: Incoming, work: Callable[[Transaction], Taken]) -> Taken:
        """Take one document in. One that our own code fails on is set aside: it must not hold up those behind it."""
        try:
            with self._deps.database.begin() as tx:
                return work(tx)
        except AdapterError:  # reading asks the desk what was ordered, and that is away
            raise
        except DBAPIError as error:
            if lost_connection(error):
                raise
            problem = f"unforeseen: {type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - an adapter's reading, or ours, of what nobody foresaw
            problem = f"unforeseen: {type(error).__name__}"
        log.error("document_set_aside", supplier=going.partner.supplier, problem=problem)
        with self._deps.database.begin() as tx:
            return exchange_news.set_aside(tx, going.partner, incoming, problem)

    def _send_due(self, going: _Round) -> None:
        going.heartbeat.at()
        going.sent = going.port.send_due(going.partner.now)

    def _note(self, going: _Round) -> bool:
        """Note how the round went, ask about receipts that are overdue, and say whether there is news to tell."""
        partner = going.partner
        with self._deps.database.begin() as tx:
            if going.error is not None:
                outages.note_exchange_failure(tx, self._deps, partner.supplier, going.error)
            elif not going.is_down:
                outages.note_success(tx, self._deps, partner.supplier)
            exchange_news.ask_about_overdue(tx, partner)
            return bool(records.untold(tx, partner.supplier, limit=1))

    def _next_round(self, going: _Round) -> Exception:
        every = going.partner.settings.exchange_every
        if going.is_down:
            return wait(f"waits for {going.partner.settings.display_name}, which is down", every)
        counts = f"{going.picked_up} picked up, {going.sent} sent"
        counts += f", {going.stuck} can't be put away" if going.stuck else ""
        if going.error is None:
            return wait(f"{counts}; next round {clock(now() + every)}", every)
        delay = max(every, going.error.retry_after or every)
        return wait(f"{counts}; no answer ({going.error.code}); next round {clock(now() + delay)}", delay)


def _take(going: _Round, incoming: Incoming, tx: Transaction) -> Taken:
    return exchange_news.take(tx, going.partner, incoming, going.port.read)


def _read_again(going: _Round, document_id: int, incoming: Incoming, tx: Transaction) -> Taken:
    return exchange_news.apply(tx, going.partner, document_id, going.port.read(incoming), again=True)


class ExchangeNewsActivities:
    """Tells lifecycles that there is news in the database, and speaks to Temporal for that."""

    def __init__(self, deps: Dependencies, client: Client) -> None:
        self._deps = deps
        self._teller = NewsTeller(deps.database, client)

    @activity.defn
    async def tell_of_exchange(self, request: ExchangeRequest) -> ExchangeTold:
        """Signal each lifecycle that there is news about, or whoever watches it since it was given up.

        Attempted again, it tells again, which is harmless: a lifecycle that finds nothing new waits on.
        """
        version = await asyncio.to_thread(self._deps.outside.version)
        if request.supplier not in version.configuration.suppliers:  # taken out meanwhile
            return ExchangeTold()
        partner = Partner.of(version.configuration, request.supplier, now())
        return await self._teller.tell(partner, beat=activity.heartbeat)
