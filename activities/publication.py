"""What the shops are told to show: prepared from offers and rules, sent as deltas, kept with the shop's answer."""

from temporalio import activity

from activities.common import Dependencies
from models.sync import Prepared, PublicationRequest, PublicationStep, Published


class PublicationActivities:
    """The stages of ``PublicationWorkflow``. Each may be attempted again from where it was."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def refresh_listings(self, request: PublicationRequest) -> int:
        """Read everything that the shop has on sale. Returns how many variants."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def prepare_publication(self, request: PublicationRequest) -> Prepared:
        """Work out what the channel should show, and open a publication for what differs."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def send_publication(self, step: PublicationStep) -> Published:
        """Send a small publication call by call, or hand a large one to the shop's bulk machinery."""
        raise NotImplementedError

    @activity.defn(no_thread_cancel_exception=True)
    def await_bulk_publication(self, step: PublicationStep) -> Published:
        """Wait, by retry, for the shop's bulk operations, and keep what they refused."""
        raise NotImplementedError
