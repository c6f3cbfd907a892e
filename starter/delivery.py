"""Starts and events on their way to Temporal, in the background of the API, so that a burst does not slow the answer.

Whatever does not arrive from here, because Temporal is away or the queue is full, stays in its row for the sweeps.
"""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from activities.delivery import OrderDelivery
from adapters.database.customer_questions import PendingAnswer
from models.contracts import OrderRequest
from models.intake import PendingEvent, Received

CONCURRENT = 8
BACKLOG = 2_000
DRAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SupplierNews:
    """A supplier has said something that lifecycles are to hear of."""

    supplier: str


Item = OrderRequest | PendingEvent | PendingAnswer | SupplierNews


class Deliverer:
    """A queue with at most 8 deliveries at a time, as an async context: leaving it drains the queue for a while."""

    def __init__(self, delivery: OrderDelivery) -> None:
        """Deliver through ``delivery``."""
        self._delivery = delivery
        self._queue: asyncio.Queue[Item] = asyncio.Queue(BACKLOG)
        self._workers: list[asyncio.Task[None]] = []
        self._failing = False
        self._news: set[str] = set()  # suppliers whose news are queued: telling one tells all that is untold

    async def __aenter__(self) -> Self:
        """Begin to deliver."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONCURRENT)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Deliver what is queued, for a few seconds at most, then stop."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._queue.join()
        except TimeoutError:
            log.info("deliveries_left_to_the_sweep", count=self._queue.qsize())
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def submit(self, received: Received) -> None:
        """Queue what a delivery led to. Never waits and never fails: call it on the event loop."""
        for item in (received.order_request, received.event):
            if item is not None:
                self._put(item)

    def submit_answer(self, answer: PendingAnswer) -> None:
        """Queue a customer's answer, which is stored. Never waits and never fails: call it on the event loop."""
        self._put(answer)

    def submit_news(self, supplier: str) -> None:
        """Queue the telling of a supplier's news, which are stored. Never waits and never fails, as the others."""
        if supplier not in self._news and self._put(SupplierNews(supplier)):
            self._news.add(supplier)

    def _put(self, item: Item) -> bool:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            log.info("delivery_left_to_the_sweep", reason="queue full", **_about(item))
            return False
        return True

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                await self._deliver(item)
                self._failing = False
            except Exception as error:  # noqa: BLE001 - one delivery's trouble must not stop those behind it
                self._note_failure(item, error)
            finally:
                self._queue.task_done()

    def _note_failure(self, item: Item, error: Exception) -> None:
        """Warn of the first failure in a row: while Temporal is away, every delivery fails."""
        write = log.debug if self._failing else log.warning
        write("delivery_left_to_the_sweep", reason=type(error).__name__, **_about(item))
        self._failing = True

    async def _deliver(self, item: Item) -> None:
        if isinstance(item, OrderRequest):
            await self._delivery.start_order(item)
        elif isinstance(item, PendingAnswer):
            await self._delivery.deliver_answer(item)
        elif isinstance(item, SupplierNews):
            self._news.discard(item.supplier)  # before telling: what comes from now on is told again
            await self._delivery.tell_news(item.supplier)
        else:
            await self._delivery.deliver_event(item)


def _about(item: Item) -> dict[str, int | str]:
    return {"supplier": item.supplier} if isinstance(item, SupplierNews) else {"order_id": item.order_id}
