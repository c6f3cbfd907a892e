"""Which lifecycles a command is for: orders by name, or all that fit a filter."""

from collections.abc import Sequence

import typer

from adapters.database import tasks, views
from adapters.database.engine import Database
from adapters.database.views import OrderRecord
from models.commands import CommandName
from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.jobs import Job, Manner, build
from starter.overrides import Target
from starter.references import purchase_order_target, target_of, target_of_task, the_order

EVERY_OPEN_ORDER = 10_000


def jobs_of(
    database: Database, references: Sequence[str], name: CommandName, manner: Manner, supplier: str | None
) -> list[Job]:
    """Make one command for each order that is named. Raises typer.BadParameter where that makes no sense."""
    if not references:
        raise typer.BadParameter("name at least one order, or choose with --where")
    if manner.command_id and len(references) > 1:
        raise typer.BadParameter("--command-id is one command's: name one order")
    jobs = []
    for reference in references:
        order = the_order(database, reference)
        target = target_of(order, name, supplier=supplier, reference=reference)
        jobs.append(Job(target=target, command=build(name, manner), order=order))
    return jobs


def jobs_where(
    database: Database, where: str, name: CommandName, manner: Manner, references: Sequence[str] | None
) -> list[Job]:
    """Make one command for all that fits a filter: open questions of a category, or open orders of a supplier or channel."""
    if references or manner.command_id:
        raise typer.BadParameter("--where chooses the orders: give no REF and no --command-id")
    wanted = _read_filter(where)
    with database.begin() as tx:
        if "category" in wanted:
            asked = tasks.list_open(tx, category=TaskCategory(wanted["category"]))
            found = views.read_orders(tx, {task["order_id"] for task in asked} - {None})
            return [job for order in found for job in _jobs_asked(order, wanted, name, manner)]
        found = views.list_orders(tx, state=OrderState.OPEN, channel=wanted.get("channel"), limit=EVERY_OPEN_ORDER)
    return [job for order in found for job in _jobs_at(order, wanted.get("supplier"), name, manner)]


def _read_filter(where: str) -> dict[str, str]:
    pairs = dict(part.strip().partition("=")[::2] for part in where.split(",") if part.strip())
    unknown = set(pairs) - {"category", "supplier", "channel"}
    if unknown or not pairs or not all(pairs.values()):
        raise typer.BadParameter("--where takes category=…, supplier=… and channel=…, separated by commas")
    if "category" in pairs and pairs["category"] not in set(TaskCategory):
        raise typer.BadParameter(f"there is no category {pairs['category']}: {', '.join(TaskCategory)}")
    return pairs


def _jobs_asked(order: OrderRecord, wanted: dict[str, str], name: CommandName, manner: Manner) -> list[Job]:
    """Answer the questions of this category that take this command; each answer names its task."""
    jobs: list[Job] = []
    if wanted.get("channel") not in (None, order.channel):
        return jobs
    for task in order.tasks:
        if task["category"] != wanted["category"] or task["workflow_id"] is None:
            continue
        if all(alternative["command"] != name for alternative in task["alternatives"]):
            continue
        target = target_of_task(order, task["workflow_id"])
        if "supplier" in wanted and not _is_at(order, target, wanted["supplier"]):
            continue
        jobs.append(Job(target=target, command=build(name, manner, task_id=task["id"]), order=order))
    return jobs


def _is_at(order: OrderRecord, target: Target, supplier: str) -> bool:
    return any(one.id == target.purchase_order_id and one.supplier == supplier for one in order.purchase_orders)


def _jobs_at(order: OrderRecord, supplier: str | None, name: CommandName, manner: Manner) -> list[Job]:
    if supplier is None:
        target = target_of(order, name, supplier=None, reference=order.reference)
        return [Job(target=target, command=build(name, manner), order=order)]
    return [
        Job(target=purchase_order_target(order, one), command=build(name, manner), order=order)
        for one in order.purchase_orders
        if one.open and one.supplier == supplier
    ]
