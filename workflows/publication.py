"""PublicationWorkflow: the one publisher of a channel. Whatever changes what a shop should show asks it to look."""

from typing import Any

from temporalio import workflow

from models.sync import PublicationOutcome, PublicationRequest
from workflows.steering import start_input


@workflow.defn(name="PublicationWorkflow")
class PublicationWorkflow:
    """Brings a shop to what it should show, change by change. ``publish/{channel}``."""

    @workflow.init
    def __init__(self, request: PublicationRequest | None = None) -> None:
        self._request = start_input(request)

    @workflow.run
    async def run(self, request: PublicationRequest | None = None) -> PublicationOutcome:
        """Publish until the shop shows what it should."""
        raise NotImplementedError

    @workflow.signal(description="Something changed: look once more before this run ends.")
    def publication_requested(self, *args: Any) -> None:
        """Ask for another look."""
