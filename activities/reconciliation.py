"""Our word against the others': offers with the supplier, listings with the shop, open orders with the supplier."""

from temporalio import activity

from activities.common import Dependencies
from models.sync import Compared, ReconciliationOutcome, ReconciliationRequest, ReconciliationStep


class ReconciliationActivities:
    """The stages of ``ReconciliationWorkflow``."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def compare_supplier(self, request: ReconciliationRequest) -> Compared:
        """Ask a supplier for a sample of its offers, weighted to fast sellers, and for the state of open orders."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def compare_channel(self, request: ReconciliationRequest) -> Compared:
        """Read everything on sale in a shop, and compare quantities and prices with what we published."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def settle_reconciliation(self, step: ReconciliationStep) -> ReconciliationOutcome:
        """Repair small drift, ask a person about large drift, and close the snapshot."""
        raise NotImplementedError
