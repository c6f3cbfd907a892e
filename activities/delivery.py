"""From a stored order to its workflow: starts and events, each harmless to repeat. The API and the sweeps use it."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.exchange_news import Partner
from activities.exchange_telling import NewsTeller
from adapters.database import customer_questions
from adapters.database import sweeps as records
from adapters.database.configurations import ConfigurationStore
from adapters.database.customer_questions import PendingAnswer
from adapters.database.engine import Database, Transaction
from adapters.database.tasks import About, open_task
from models.commands import CustomerAnswered, StorefrontEvent
from models.configuration import People
from models.contracts import OrderRequest
from models.identifiers import ORDERS_QUEUE, order_workflow_id
from models.intake import PendingEvent
from models.statuses import OrderState
from models.tasks import TaskCategory
from workflows.decisions.questions import draft
from workflows.options import URGENT
from workflows.search_attributes import order_attributes, order_summary

RPC_TIMEOUT = timedelta(seconds=10)


async def start_order_workflow(client: Client, request: OrderRequest) -> None:
    """Start an order's lifecycle. One that was ever started before, running or closed, counts as started."""
    try:
        await client.start_workflow(
            "OrderWorkflow",
            request,
            id=order_workflow_id(request.channel, request.storefront_order_id),
            task_queue=ORDERS_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=order_summary(request),
            search_attributes=order_attributes(request),
            priority=URGENT,
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return


class OrderDelivery:
    """Brings starts and events to Temporal, and notes on their rows that they arrived."""

    def __init__(self, client: Client, database: Database, configurations: ConfigurationStore) -> None:
        """Speak to Temporal through ``client``; record in ``database``."""
        self._client = client
        self._database = database
        self._configurations = configurations
        self._teller = NewsTeller(database, client)

    async def start_order(self, request: OrderRequest) -> None:
        """Start an order's workflow and note it. Raises RPCError while Temporal is away; the sweep tries again."""
        await start_order_workflow(self._client, request)
        await asyncio.to_thread(self._note_started, request.order_id)

    async def deliver_event(self, event: PendingEvent) -> bool:
        """Bring an event to its workflow. Returns False where the order has not been started: its start comes first.

        Where the workflow has ended, a person is asked instead. Raises RPCError while Temporal is away.
        """
        handle = self._client.get_workflow_handle(order_workflow_id(event.channel, event.storefront_order_id))
        try:
            message = StorefrontEvent(event_id=event.event_id, kind=event.kind)
            await handle.signal("storefront_changed", message, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return await asyncio.to_thread(self._note_nobody_heard, event)
        await asyncio.to_thread(self._note_delivered, event)
        return True

    async def deliver_answer(self, answer: PendingAnswer) -> bool:
        """Tell an order's workflow that its customer has answered. Raises RPCError while Temporal is away.

        One that is no longer there reads the answer from its row should it be reset.
        """
        handle = self._client.get_workflow_handle(answer.workflow_id)
        message = CustomerAnswered(event_id=f"answer:{answer.question_id}", question_id=answer.question_id)
        heard = True
        try:
            await handle.signal("customer_answered", message, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            heard = False
        await asyncio.to_thread(self._note_answer, answer)
        return heard

    async def tell_news(self, supplier: str) -> int:
        """Tell lifecycles what a supplier has said at our doors. Returns how many; a supplier that is gone tells nobody.

        Raises RPCError while Temporal is away; the sweep tells the rest.
        """
        version = await asyncio.to_thread(self._configurations.current)
        if supplier not in version.configuration.suppliers:
            return 0
        told = await self._teller.tell(Partner.of(version.configuration, supplier, datetime.now(UTC)))
        return told.told

    def _note_answer(self, answer: PendingAnswer) -> None:
        with self._database.begin() as tx:
            customer_questions.mark_delivered(tx, answer.question_id, now=datetime.now(UTC))

    def _note_started(self, order_id: int) -> None:
        with self._database.begin() as tx:
            records.mark_started(tx, order_id, now=datetime.now(UTC))

    def _note_delivered(self, event: PendingEvent) -> None:
        with self._database.begin() as tx:
            records.mark_delivered(tx, event.webhook_id, now=datetime.now(UTC))

    def _note_nobody_heard(self, event: PendingEvent) -> bool:
        people, now = self._configurations.current().configuration.people, datetime.now(UTC)
        with self._database.begin() as tx:
            standing = records.standing(tx, event.order_id)
            if not standing.started:
                return False
            # An order that ended as cancelled has read the event from its row: nothing is left to ask.
            if records.mark_delivered(tx, event.webhook_id, now=now) and standing.state is not OrderState.CANCELLED:
                _ask(tx, event, standing, people, now)
        return True


def _ask(tx: Transaction, event: PendingEvent, standing: records.Standing, people: People, now: datetime) -> None:
    category = TaskCategory.EVENT_AFTER_END
    facts = {"order": standing.name, "event": event.kind.replace("_", " "), "state": standing.state}
    about = About(key=f"{category}:{event.order_id}:{event.event_id}", order_id=event.order_id)
    open_task(tx, about, draft(category, facts), facts, people=people, now=now)
