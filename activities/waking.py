"""Waking the orders that wait for stock: at once when a feed brings some, and by a sweep, each minute."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.requests import RPC_TIMEOUT
from adapters.database import stock_views, waiting
from adapters.database.engine import Database
from adapters.database.waiting import WaitingOrders
from models.backordering import Stocked
from models.commands import StockArrived
from models.configuration import Configuration
from workflows.decisions import backorder
from workflows.decisions.backorder import Look

MOST_WOKEN = 500  # at a time; the next look wakes the others


class Waker:
    """Looks at the stock, and tells the orders that it helps, oldest first.

    Two that look at the same time tell an order twice, which plans again and finds what it has: harmless.
    """

    def __init__(self, database: Database, client: Client) -> None:
        """Look into ``database``; speak to orders through ``client``."""
        self._database = database
        self._client = client

    async def wake(
        self, configuration: Configuration, event_id: str, *, now: datetime, told: Callable[[int], object]
    ) -> int:
        """Wake whom stock helps; ``told`` hears of each. Returns how many heard it. Raises RPCError."""
        orders, look = await asyncio.to_thread(self._look, configuration, now)
        # Each look is news of its own: what an order hears within the same minute, or run, may be other units.
        event_id, heard = f"{event_id}:{now:%Y%m%dT%H%M%S.%f}", 0
        for order_id in look.wake[:MOST_WOKEN]:
            heard += await self._tell(orders.workflows[order_id], event_id)
            await asyncio.to_thread(self._note, orders, look, order_id, now)
            told(order_id)
        return heard

    def _look(self, configuration: Configuration, now: datetime) -> tuple[WaitingOrders, Look]:
        with self._database.begin() as tx:
            orders = waiting.read(tx)
            if not orders.parts:
                return orders, Look((), {})
            eans = sorted({one.ean for one in orders.parts})
            terms = {name: configuration.suppliers[name] for name in configuration.routing.priority}
            suppliers = [name for name, supplier in terms.items() if supplier.enabled]
            stock = [
                Stocked(offer.supplier, offer.ean, offer.available)
                for offer in stock_views.offers_of(tx, eans, suppliers, now=now)
                if offer.known
                and not offer.discontinued
                and offer.confirmed_at + terms[offer.supplier].terms.stock_promise >= now
            ]
            look = backorder.look(orders.parts, stock, now=now)
            waiting.note(tx, orders.parts, look.counts)
        return orders, look

    def _note(self, orders: WaitingOrders, look: Look, order_id: int, now: datetime) -> None:
        parts = [one for one in orders.parts if one.order_id == order_id]
        with self._database.begin() as tx:
            waiting.woken(tx, parts, look.counts, now=now)

    async def _tell(self, workflow_id: str, event_id: str) -> int:
        """Signal an order. Returns 0 where its lifecycle is no longer there to hear it."""
        try:
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal("stock_arrived", StockArrived(event_id=event_id), rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return 0
        return 1
