"""MailDispatchWorkflow: the one dispatcher of the outbox, for as long as there are mails."""

from temporalio import workflow

from activities.mail import MailActivities
from workflows import options

BATCHES_PER_RUN = 200  # then it continues as new: its history stays short


@workflow.defn(name="MailDispatchWorkflow")
class MailDispatchWorkflow:
    """Sends what transactions have put into the outbox. Started once, at ``outbox/mail``; it never ends."""

    @workflow.run
    async def run(self) -> None:
        """Dispatch batch after batch; an empty outbox is waited for by retry."""
        for _ in range(BATCHES_PER_RUN):
            await workflow.execute_activity_method(MailActivities.dispatch_mail, **options.dispatch_mail())
        workflow.continue_as_new()
