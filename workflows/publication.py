"""PublicationWorkflow: the one publisher of a channel. Whatever changes what a shop should show asks it to look."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.publication import PublicationActivities
from models.sync import Prepared, PublicationOutcome, PublicationRequest, PublicationStep, Published
from workflows import options
from workflows.steering import start_input

PUBLICATIONS_PER_RUN = 20  # then it continues as new: its history stays short
_FOOT = "\u00a0"  # the UI's frame for details is two lines too low: this line takes the loss


@workflow.defn(name="PublicationWorkflow")
class PublicationWorkflow:
    """Brings a shop to what it should show, change by change. ``publish/{channel}``."""

    @workflow.init
    def __init__(self, request: PublicationRequest | None = None) -> None:
        self._request = start_input(request)
        self._again = False
        self._done = PublicationOutcome(publications=0, sent=0, refused=0)

    @workflow.run
    async def run(self, request: PublicationRequest | None = None) -> PublicationOutcome:  # noqa: ARG002 - held since __init__
        """Publish until the shop shows what it should."""
        await asyncio.sleep(0)  # the signal that started this run is heard by now, and asks for no other look
        try:
            await self._story()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            # What is unfinished goes on with the next run: the schedule's, or of whoever asks next.
            self._show(f"{error.activity_type} gave up; the next run goes on from there")
        return self._done

    async def _story(self) -> None:
        more = True
        while more:
            if self._done.publications >= PUBLICATIONS_PER_RUN:
                workflow.continue_as_new(self._request)
            self._again = False
            prepared = await self._prepare()
            if prepared.publication_id is not None:
                await self._publish(prepared, prepared.publication_id)
            more = prepared.more or self._again
        self._show("the shop shows what it should, apart from what it refused")

    @workflow.signal(description="Something changed: look once more before this run ends.")
    def publication_requested(self, *args: Any) -> None:  # noqa: ARG002 - whatever comes along is not needed
        """Ask for another look. Several requests during one look are one: what started the run is not a request."""
        self._again = True

    # The stages: one activity each.

    async def _prepare(self) -> Prepared:
        prepared = await self._look()
        if not prepared.needs_listings:
            return prepared
        await self._refresh()
        return await self._look()

    async def _look(self) -> Prepared:
        self._show("looking what differs from what the shop shows")
        return await workflow.execute_activity_method(
            PublicationActivities.prepare_publication,
            self._request,
            **options.feed_step(f"What should {self._request.channel} show that it does not?"),
        )

    async def _refresh(self) -> int:
        self._show("reading what the shop has on sale")
        return await workflow.execute_activity_method(
            PublicationActivities.refresh_listings,
            self._request,
            **options.publish_step(self._request.channel, "Read what the shop has on sale"),
        )

    async def _publish(self, prepared: Prepared, publication_id: int) -> None:
        self._show(f"publication {publication_id}: {prepared.items} changes{' in bulk' if prepared.bulk else ''}")
        step = PublicationStep(channel=self._request.channel, publication_id=publication_id)
        published = await self._send(step, prepared)
        if prepared.bulk:
            published = await self._await_bulk(step, prepared)
        self._count(published)

    async def _send(self, step: PublicationStep, prepared: Prepared) -> Published:
        how = "Hand over in bulk" if prepared.bulk else "Send"
        return await workflow.execute_activity_method(
            PublicationActivities.send_publication,
            step,
            **options.publish_step(step.channel, f"{how}: {prepared.items} changes"),
        )

    async def _await_bulk(self, step: PublicationStep, prepared: Prepared) -> Published:
        return await workflow.execute_activity_method(
            PublicationActivities.await_bulk_publication,
            step,
            **options.await_bulk(step.channel, f"The shop works through {prepared.items} changes"),
        )

    # What the stages share.

    def _count(self, published: Published) -> None:
        self._done = PublicationOutcome(
            publications=self._done.publications + 1,
            sent=self._done.sent + published.sent,
            refused=self._done.refused + published.refused,
        )

    def _show(self, stage: str) -> None:
        counts = f"Publications: {self._done.publications} · sent: {self._done.sent} · refused: {self._done.refused}"
        workflow.set_current_details("\n\n".join([f"**{self._request.channel}:** {stage}", counts, _FOOT]))
