"""Lifecycles as somebody might break them: each goes by the product's name, and no recorded history may replay with it."""

from temporalio import workflow

from models.contracts import OrderOutcome, OrderRequest, PlanResult, PurchaseOrderOutcome, PurchaseOrderRequest
from workflows.order import OrderWorkflow
from workflows.purchase_order import PurchaseOrderWorkflow


@workflow.defn(name="OrderWorkflow")
class PlansBeforeItScreens(OrderWorkflow):
    """The first two activities have changed places."""

    @workflow.init
    def __init__(self, request: OrderRequest | None = None) -> None:
        super().__init__(request)
        self._planned: PlanResult | None = None

    @workflow.run
    async def run(self, request: OrderRequest | None = None) -> OrderOutcome:
        """Run with the changed stages."""
        return await super().run(request)

    async def _screen(self) -> None:
        self._planned = await super()._plan()
        await super()._screen()

    async def _plan(self) -> PlanResult | None:
        planned, self._planned = self._planned, None
        return planned or await super()._plan()


@workflow.defn(name="PurchaseOrderWorkflow")
class ForgetsTheCostId(PurchaseOrderWorkflow):
    """An activity in the middle is gone: the cost id is no longer written to the storefront order."""

    @workflow.init
    def __init__(self, request: PurchaseOrderRequest | None = None) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: PurchaseOrderRequest | None = None) -> PurchaseOrderOutcome:
        """Run without one step."""
        return await super().run(request)

    async def _write_shipping_choice(self) -> None:
        return


@workflow.defn(name="PurchaseOrderWorkflow")
class WaitsBeforeItEnds(PurchaseOrderWorkflow):
    """A timer was added at the very end."""

    @workflow.init
    def __init__(self, request: PurchaseOrderRequest | None = None) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: PurchaseOrderRequest | None = None) -> PurchaseOrderOutcome:
        """Run, then wait."""
        outcome = await super().run(request)
        await workflow.sleep(1)
        return outcome


# Each with the workflows of a worker that runs it.
BROKEN = {
    PlansBeforeItScreens: [PlansBeforeItScreens, PurchaseOrderWorkflow],
    ForgetsTheCostId: [OrderWorkflow, ForgetsTheCostId],
    WaitsBeforeItEnds: [OrderWorkflow, WaitsBeforeItEnds],
}
