"""From the page to the lifecycle over a real Temporal server."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from models.commands import SupplierReported
from models.contracts import PurchaseOrderRequest
from starter.temporal_server import TemporalServer
from tests.intake.portal_world import PortalWorld, fill_in, serving
from tests.intake.temporal import until

QUEUE = "stand-in"


@workflow.defn(sandboxed=False)
class StandInPurchaseOrder:
    """Runs until its supplier has said something twice, and remembers what it heard."""

    def __init__(self) -> None:
        self._heard: list[str] = []

    @workflow.run
    async def run(self) -> list[str]:
        """Wait."""
        await workflow.wait_condition(lambda: len(self._heard) == 2, timeout=timedelta(minutes=1))
        return self._heard

    @workflow.signal
    def supplier_reported(self, event: SupplierReported) -> None:
        """Remember what was said."""
        self._heard.append(event.event_id)


async def test_a_lifecycle_hears_of_each_entry_at_once_and_its_history_holds_none_of_it(
    portal: PortalWorld, order: PurchaseOrderRequest, temporal_server: TemporalServer, temporal_client: Client
) -> None:
    workflow_id = portal.inner.purchase_order(order)["workflow_id"]
    untold = "SELECT 1 FROM partner_news WHERE told_at IS NULL"
    async with Worker(temporal_client, task_queue=QUEUE, workflows=[StandInPurchaseOrder]):
        handle = await temporal_client.start_workflow(StandInPurchaseOrder.run, id=workflow_id, task_queue=QUEUE)
        with serving(portal, temporal_server.address) as pages:
            for what, entered in (("confirm", {"their_number": "Planted"}), ("shipped", {"tracking": "PLANTED-1"})):
                await asyncio.to_thread(fill_in, pages, portal.link(order), what, entered)
                await until(lambda: not portal.inner.rows(untold))
            heard = await handle.result()
        history = await handle.fetch_history()

    newest = [row["id"] for row in portal.inner.rows("SELECT id FROM partner_news ORDER BY id")]
    assert heard == [f"news-{one}" for one in newest]
    assert "planted" not in history.to_json().lower()
