"""What an order costs: events, transitions, our SQL statements, and processor time by process."""

import asyncio
import json
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from bench.stage import Stage
from models.contracts import OrderRequest
from models.identifiers import order_workflow_id, purchase_order_workflow_id

SETTLE_SECONDS = 0.6  # the worker writes its counts every 0.2 s
PROC = Path("/proc")


@dataclass(frozen=True)
class History:
    """How long the histories of one order became; ``events`` by workflow type."""

    events: Mapping[str, int]
    transitions: int


async def history_of(client: Client, request: OrderRequest) -> History:
    """Read the sizes of both histories of a one-supplier order."""
    order_id = order_workflow_id(request.channel, request.storefront_order_id)
    purchase_order_id = purchase_order_workflow_id(request.channel, request.storefront_order_id, "bts", 1)
    events, transitions = {}, 0
    for workflow_id in (order_id, purchase_order_id):
        described = await client.get_workflow_handle(workflow_id).describe()
        info = described.raw_description.workflow_execution_info
        events[described.workflow_type] = info.history_length
        transitions += info.state_transition_count
    return History(events, transitions)


def typical(histories: Sequence[History]) -> History:
    """Take the middle of several: how many events coalesce depends on when they arrive."""
    kinds = histories[0].events
    return History(
        {kind: statistics.median_high([one.events[kind] for one in histories]) for kind in kinds},
        statistics.median_high([one.transitions for one in histories]),
    )


async def statements_so_far(stage: Stage) -> Counter[str]:
    """Read the product worker's own count, once it has written what has been sent by now."""
    await asyncio.sleep(SETTLE_SECONDS)
    return Counter(json.loads(stage.counts_path.read_text()))


def processor_seconds(stage: Stage) -> dict[str, float]:
    """Sum the processor time so far by process of the stage, each with its children. Empty where there is no /proc."""
    if not PROC.exists():
        return {}
    used, children = _process_table()
    names = ("temporal", "postgres", "shop", "supplier", "mailbox", "product-worker", "floor-worker", "api")
    processes = stage.stack.processes
    found = {name: _sum_of(processes[name].pid, used, children) for name in names if name in processes}
    return {**found, "bench": used.get(os.getpid(), 0.0)}


def _process_table() -> tuple[dict[int, float], dict[int, list[int]]]:
    used: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    tick = os.sysconf("SC_CLK_TCK")
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                # proc(5): after the name in parentheses come state, ppid, …; utime, stime and the waited-for children's.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used[int(folder.name)] = sum(int(fields[index]) for index in (11, 12, 13, 14)) / tick
                children[int(fields[1])].append(int(folder.name))
    return used, children


def _sum_of(pid: int, used: Mapping[int, float], children: Mapping[int, Iterable[int]]) -> float:
    return used.get(pid, 0.0) + sum(_sum_of(child, used, children) for child in children.get(pid, ()))


def spent(before: Mapping[str, float], after: Mapping[str, float], orders: int) -> dict[str, float]:
    """Say how many milliseconds of processor time an order has cost, by process."""
    return {name: round((after[name] - before.get(name, 0.0)) * 1000 / orders, 1) for name in after}
