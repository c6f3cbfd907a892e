"""Telling lifecycles that a supplier has sent something about their order; what they do about it is theirs.

Whoever has taken documents in tells: the rounds of the exchange, and our own door after its transaction.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.exchange_news import Partner
from adapters.database import exchange_news as records
from adapters.database import purchase_orders, tasks, withdrawals
from adapters.database.engine import Database, Transaction
from adapters.database.exchange_news import Untold
from adapters.database.purchase_orders import PurchaseOrderView
from models.commands import SupplierReported
from models.exchange_steps import ExchangeTold
from models.identifiers import straggler_workflow_id
from models.statuses import GIVEN_UP
from models.suppliers import ACKNOWLEDGING
from models.tasks import TaskCategory
from workflows.decisions import questions

RPC_TIMEOUT = timedelta(seconds=10)


class NewsTeller:
    """Signals lifecycles, in the sequence in which their news came."""

    def __init__(self, database: Database, client: Client) -> None:
        """Read from ``database`` what is untold, and tell it over ``client``."""
        self._database = database
        self._client = client

    async def tell(self, partner: Partner, *, beat: Callable[[], object] = lambda: None) -> ExchangeTold:
        """Tell all that is untold of a supplier. Raises RPCError while Temporal is away; what was told stays told."""
        told = without = 0
        for one in await asyncio.to_thread(self._untold, partner.supplier):
            beat()
            if not await self._signal(one):
                without += 1
                await asyncio.to_thread(self._nobody_left, partner, one)
            await asyncio.to_thread(self._mark_told, partner, one)
            told += 1
        return ExchangeTold(told=told, without=without)

    def _untold(self, supplier: str) -> list[Untold]:
        with self._database.begin() as tx:
            return records.untold(tx, supplier)

    async def _signal(self, one: Untold) -> bool:
        """Signal its lifecycle, else whoever watches it since it was given up. False where there is neither."""
        event = SupplierReported(event_id=f"news-{one.newest}")
        for workflow_id in (one.workflow_id, straggler_workflow_id(one.number)):
            try:
                handle = self._client.get_workflow_handle(workflow_id)
                await handle.signal("supplier_reported", event, rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            else:
                return True
        return False

    def _nobody_left(self, partner: Partner, one: Untold) -> None:
        """Nobody follows this order any more: that it is delivered though it was given up, a person must hear."""
        with self._database.begin() as tx:
            order = purchase_orders.load(tx, one.purchase_order_id)
            status = records.order_status(tx, partner.supplier, one.number)
            if order.state not in GIVEN_UP or status is None or status.state not in ACKNOWLEDGING:
                return
            if not withdrawals.told_of_twice(tx, order.id):
                _ask(tx, partner, order, status.status_text or str(status.state))

    def _mark_told(self, partner: Partner, one: Untold) -> None:
        with self._database.begin() as tx:
            records.mark_told(tx, one, now=partner.now)


def _ask(tx: Transaction, partner: Partner, order: PurchaseOrderView, said: str) -> None:
    category = TaskCategory.TWICE_DELIVERED
    facts = {
        "supplier": partner.settings.display_name,
        "number": order.number,
        "order": order.order_name,
        "status": said,
    }
    key = f"purchase-order:{order.id}:{category}"
    about = tasks.About(key=key, order_id=order.order_id, purchase_order_id=order.id)
    evidence = {"purchase_order": order.number, "supplier": order.supplier, "status": said}
    tasks.open_task(tx, about, questions.draft(category, facts), evidence, people=partner.people, now=partner.now)
