"""Waiting while a supplier is down: until it is back, a person wants something else, or the order has waited enough."""

import asyncio
import contextlib
from datetime import datetime
from typing import Any

from temporalio import workflow

from models.base import format_duration
from models.commands import SupplierRecovered
from models.contracts import PurchaseOrderRequest, StepResult
from models.statuses import PurchaseOrderState
from models.tasks import OpenTask, TaskCategory
from workflows.steering import Ended, Steerable


class WaitingOut(Steerable):
    """A purchase order that does not call a supplier which is down: it waits for ``supplier_recovered``."""

    def __init__(self, request: PurchaseOrderRequest) -> None:
        super().__init__(request.order_id, request.purchase_order_id)
        self._request = request
        self._profile = request.profile
        self._recoveries = 0
        self._down_since: datetime | None = None
        self._patience_ends: datetime | None = None  # of this outage: going on trying does not begin it anew

    @workflow.signal(description="The supplier serves us again, or this order is the one that tries it.")
    async def supplier_recovered(self, *args: Any) -> None:
        """Go on with the step that waits for the supplier."""
        if await self._read("supplier_recovered", SupplierRecovered, args):
            self._recoveries += 1
            self._news += 1

    def _is_served(self) -> None:
        self._down_since = self._patience_ends = None

    async def _wait_until_recovered(self, down: StepResult, recoveries: int) -> OpenTask | None:
        """Wait until the step that found the supplier down may be taken again. A task: that has taken too long.

        ``recoveries``: how many there had been before the step, so that one which came meanwhile is not waited for.
        """
        now = workflow.now()
        self._down_since = down.down_since or now
        self._patience_ends = self._patience_ends or now + self._profile.unreachable_deadline
        if await self._recovery(recoveries, self._leaves_at(self._down_since, self._patience_ends)):
            return None
        return await self._had_enough(self._down_since)

    def _leaves_at(self, down_since: datetime, patience_ends: datetime) -> datetime:
        after = self._profile.reroute_down_after
        return patience_ends if after is None else min(patience_ends, down_since + after)

    async def _recovery(self, recoveries: int, until: datetime) -> bool:
        """Wait for the supplier, or for people. False where time is up."""
        left = until - workflow.now()
        if self._recoveries > recoveries:
            return True
        self._show()
        news, held, called_off = self._news, self._held, self._called_off()

        def over() -> bool:
            return self._news > news or self._held != held or self._called_off() != called_off

        with contextlib.suppress(asyncio.TimeoutError):
            if left.total_seconds() > 0:
                summary = f"{self._profile.display_name} is down"
                await workflow.wait_condition(over, timeout=left, timeout_summary=summary)
                return True
        return False

    async def _had_enough(self, down_since: datetime) -> OpenTask:
        """Order elsewhere where the rules say so; else a person is asked."""
        after = self._profile.reroute_down_after
        if after is not None and workflow.now() >= down_since + after:
            raise Ended(PurchaseOrderState.RETURNED)
        self._patience_ends = None
        waited = format_duration(self._profile.unreachable_deadline)
        return await self._open(TaskCategory.SUPPLIER_UNREACHABLE, waited=waited, code="down")
