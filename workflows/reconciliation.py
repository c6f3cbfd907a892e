"""ReconciliationWorkflow: one comparison of our word with a supplier's or a shop's."""

from temporalio import workflow

from models.sync import ReconciliationOutcome, ReconciliationRequest
from workflows.steering import start_input


@workflow.defn(name="ReconciliationWorkflow")
class ReconciliationWorkflow:
    """Compares, repairs what is small, asks about what is large. ``reconcile/{side}/{name}``."""

    @workflow.init
    def __init__(self, request: ReconciliationRequest | None = None) -> None:
        self._request = start_input(request)

    @workflow.run
    async def run(self, request: ReconciliationRequest | None = None) -> ReconciliationOutcome:
        """Compare, then settle."""
        raise NotImplementedError
