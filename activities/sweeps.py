"""The intake sweeps: what was stored and did not arrive, what a storefront never sent, what runs no longer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.delivery import RPC_TIMEOUT, OrderDelivery
from activities.intake import Intake, Storefronts
from activities.waking import Waker
from adapters.database import customer_questions, portal, reservations
from adapters.database import sweeps as records
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.tasks import About, open_task
from adapters.errors import AdapterError, UnexpectedReply
from models.configuration import Channel
from models.intake import TOPIC_SWEEP, IntakeOutcome, StartedOrder
from models.orders import IncomingOrder
from models.tasks import TaskCategory
from workflows.decisions.questions import draft

GRACE = timedelta(seconds=10)  # the API's own delivery comes first
BATCH = 200
CONCURRENT = 8
OVERLAP = timedelta(minutes=15)  # a storefront's search lags behind its orders
STALLED_AFTER = timedelta(minutes=10)
ASK_AGAIN_AFTER = timedelta(days=1)

Item = TypeVar("Item")
log = structlog.get_logger(__name__)


class SweepActivities:
    """The steps of ``SweepWorkflow``. Each may run twice or beside another run of itself."""

    def __init__(
        self,
        *,
        client: Client,
        database: Database,
        configurations: ConfigurationStore,
        storefronts: Storefronts,
        intake: Intake,
        delivery: OrderDelivery,
        start_incidents: Callable[[], Awaitable[int]] | None = None,
        stalled_after: timedelta = STALLED_AFTER,
    ) -> None:
        """Hold what the sweeps look through and what they hand on to."""
        self._client = client
        self._database = database
        self._configurations = configurations
        self._storefronts = storefronts
        self._intake = intake
        self._delivery = delivery
        self._start_incidents = start_incidents
        self._stalled_after = stalled_after
        self._waker = Waker(database, client)

    @activity.defn
    async def start_stored_orders(self) -> int:
        """Start the orders that are startable and that no start has reached. Returns how many."""
        before = activity.info().started_time - GRACE
        waiting = await asyncio.to_thread(
            self._read, lambda tx: records.unstarted_orders(tx, before=before, limit=BATCH)
        )
        await _each(waiting, self._delivery.start_order)
        return len(waiting)

    @activity.defn
    async def deliver_stored_events(self) -> int:
        """Bring stored events, and customers' and suppliers' answers, to the workflows that have not heard of them.

        Returns how many.
        """
        before = activity.info().started_time - GRACE
        waiting = await asyncio.to_thread(
            self._read, lambda tx: records.undelivered_events(tx, before=before, limit=BATCH)
        )
        answers = await asyncio.to_thread(
            self._read, lambda tx: customer_questions.undelivered(tx, before=before, limit=BATCH)
        )
        suppliers = await asyncio.to_thread(self._read, lambda tx: portal.suppliers_with_untold_news(tx, before=before))
        delivered = await _each(waiting, self._delivery.deliver_event)
        delivered += await _each(answers, self._delivery.deliver_answer)
        return sum([*delivered, *await _each(suppliers, self._delivery.tell_news)])

    @activity.defn
    async def wake_waiting_orders(self) -> int:
        """Wake the orders that wait for stock which is there now, whoever brought it or gave it back. Returns how many."""
        now = activity.info().started_time
        version = await asyncio.to_thread(self._configurations.current)
        return await self._waker.wake(version.configuration, "look", now=now, told=activity.heartbeat)

    @activity.defn(no_thread_cancel_exception=True)
    def fetch_missing_orders(self) -> int:
        """Ask every storefront for paid orders that never arrived, and take them in. Returns how many were missing."""
        now = activity.info().started_time
        channels = self._configurations.current().configuration.channels
        return sum(self._fetch(channel, settings, now) for channel, settings in channels.items())

    @activity.defn
    async def find_stalled_orders(self) -> int:
        """Ask a person about orders and purchase orders that are open although no workflow runs for them.

        Incidents need no person for that: their workflows are started. Returns how many orders were found.
        """
        if self._start_incidents is not None:
            await self._start_incidents()
        now = activity.info().started_time
        bounds = {"before": now - self._stalled_after, "asked_since": now - ASK_AGAIN_AFTER}
        orders = await asyncio.to_thread(
            self._read,
            lambda tx: [
                *records.started_orders(tx, **bounds, limit=BATCH),
                *records.started_purchase_orders(tx, **bounds, limit=BATCH),
            ],
        )
        running = await _each([order.workflow_id for order in orders], self._is_running)
        stalled = [order for order, is_running in zip(orders, running, strict=True) if not is_running]
        await self._release_what_nobody_works_on(now)
        return await asyncio.to_thread(self._ask_about, stalled, now) if stalled else 0

    async def _release_what_nobody_works_on(self, now: datetime) -> None:
        """Give back what has been reserved for too long by orders that no workflow runs for, nor for a share of them."""
        holders = await asyncio.to_thread(self._read, lambda tx: records.overdue_holders(tx, now=now, limit=BATCH))
        abandoned = [
            holder.order_id for holder in holders if not any(await _each(holder.workflow_ids, self._is_running))
        ]
        if abandoned:
            await asyncio.to_thread(self._read, lambda tx: reservations.expire(tx, sorted(abandoned), now=now))

    def _read(self, work: Callable[[Any], Item]) -> Item:
        with self._database.begin() as tx:
            return work(tx)

    def _fetch(self, channel: str, settings: Channel, now: datetime) -> int:
        """Look through one storefront. One that is away is looked through later, from the same point."""
        since = self._since(channel, settings, now)
        try:
            documents = self._storefronts(channel).fetch_paid_orders(since)
        except (AdapterError, RuntimeError, LookupError) as error:  # away, or a credential or plugin is missing
            log.warning("storefront_not_swept", channel=channel, reason=type(error).__name__)
            return 0
        found = sum(self._take_in(channel, document) for document in self._missing(channel, documents))
        with self._database.begin() as tx:
            records.mark_swept(tx, channel, now)
        return found

    def _since(self, channel: str, settings: Channel, now: datetime) -> datetime:
        with self._database.begin() as tx:
            swept_until = records.swept_until(tx, channel)
        since = now - settings.missing_orders_lookback if swept_until is None else swept_until - OVERLAP
        return max(settings.start_watermark, since)

    def _missing(self, channel: str, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave out what is stored as it is now; the unreadable stays, because a person must hear of it."""
        orders = [(document, self._readable(channel, document)) for document in documents]
        ids = [order.storefront_order_id for _, order in orders if order]
        with self._database.begin() as tx:
            known = records.known_versions(tx, channel, ids)
        return [document for document, order in orders if order is None or not _is_known(order, known)]

    def _readable(self, channel: str, document: dict[str, Any]) -> IncomingOrder | None:
        try:
            return self._intake.read(channel, document)
        except UnexpectedReply:
            return None

    def _take_in(self, channel: str, document: dict[str, Any]) -> bool:
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        received = self._intake.receive(
            channel,
            topic=TOPIC_SWEEP,
            delivery_id=f"sweep:{sha256(body).hexdigest()}",
            event_id=None,
            body=body,
            document=document,
            paid_at=None,
        )
        return received.outcome not in (IntakeOutcome.REPEATED, IntakeOutcome.UNCHANGED)

    async def _is_running(self, workflow_id: str) -> bool:
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            description = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return description.status is WorkflowExecutionStatus.RUNNING

    def _ask_about(self, orders: Sequence[StartedOrder], now: datetime) -> int:
        people, asked = self._configurations.current().configuration.people, 0
        for order in orders:
            with self._database.begin() as tx:
                if records.standing(tx, order.order_id).ended:  # meanwhile
                    continue
                category = TaskCategory.ORDER_STALLED
                facts = {"order": order.name}
                about = About(
                    key=f"{category}:{order.workflow_id}",
                    order_id=order.order_id,
                    purchase_order_id=order.purchase_order_id,
                )
                open_task(tx, about, draft(category, facts), facts, people=people, now=now)
                asked += 1
        return asked


def _is_known(order: IncomingOrder, known: dict[str, tuple[datetime, bool]]) -> bool:
    if order.storefront_order_id not in known:
        return False
    updated_at, paid = known[order.storefront_order_id]
    return updated_at >= order.updated_at and (paid or not order.paid)


async def _each(items: Sequence[Item], act: Callable[[Item], Awaitable[Any]]) -> list[Any]:
    """Act on every item, a few at a time; the first failure is raised after all had their turn."""
    gate = asyncio.Semaphore(CONCURRENT)

    async def act_in_turn(item: Item) -> Any:
        async with gate:
            return await act(item)

    results = await asyncio.gather(*(act_in_turn(item) for item in items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
