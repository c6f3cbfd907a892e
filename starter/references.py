"""From what people type to what is meant: an order, and the lifecycle that a command is for."""

from collections.abc import Iterable

from adapters.database import views
from adapters.database.engine import Database
from adapters.database.views import OrderRecord, PurchaseOrderRecord
from models.commands import CommandName
from models.statuses import ORDER_ENDINGS
from starter.console import CommandFailedError
from starter.overrides import Target

# What these stop or change is the whole order, whatever its purchase orders are asked.
_OF_THE_ORDER = frozenset({CommandName.HOLD, CommandName.CANCEL, CommandName.CHANGE_ADDRESS})
# Without an open question these still mean something to the order itself.
_ORDER_TOO = frozenset({CommandName.RELEASE, CommandName.APPROVE, CommandName.REJECT})
# Words on units that nobody can deliver, whether the order asks a person or waits by policy.
_OF_A_SHORTAGE = frozenset({CommandName.WAIT, CommandName.ASK_CUSTOMER, CommandName.SHIP_AVAILABLE})


def the_order(database: Database, reference: str) -> OrderRecord:
    """Find the one order that is meant. Raises CommandFailedError for none, or listing the candidates."""
    with database.begin() as tx:
        found = views.find_orders(tx, reference)
    if not found:
        raise CommandFailedError(f"there is no order {reference}; `dropwright orders` lists them")
    if len(found) > 1:
        candidates = "; ".join(f"{one.reference} ({one.name}, {one.state})" for one in found)
        raise CommandFailedError(f"{reference} may be one of {len(found)} orders: {candidates}")
    return found[0]


def target_of(order: OrderRecord, command: CommandName, *, supplier: str | None, reference: str) -> Target:
    """Choose the lifecycle that a command is for.

    A question that is open and takes the command comes first; then the order itself, or its only open purchase order.
    Raises CommandFailedError where nothing fits, or where ``supplier`` must say which one is meant.
    """
    shares = _shares(order, supplier, reference)
    named = supplier is not None or reference.startswith("purchase-order/")
    if command in _OF_THE_ORDER and not named:
        return order_target(order)
    if asked := _asked(order, shares, command, order_too=not named):
        return _only(asked, order, command)
    if command in _ORDER_TOO and not named:
        return order_target(order)
    if command in _OF_A_SHORTAGE:
        if order.short:
            return order_target(order)
        raise CommandFailedError(
            f"{order.name} lacks nothing: `{command.replace('_', '-')}` would be a word on a shortage"
        )
    running = [one for one in shares if one.open]
    if not running:
        raise CommandFailedError(f"{order.name} has no open purchase order{f' at {supplier}' if supplier else ''}")
    return _only([purchase_order_target(order, one) for one in running], order, command)


def _shares(order: OrderRecord, supplier: str | None, reference: str) -> list[PurchaseOrderRecord]:
    return [
        one
        for one in order.purchase_orders
        if supplier in (None, one.supplier)
        and (not reference.startswith("purchase-order/") or one.workflow_id == reference)
    ]


def _asked(
    order: OrderRecord, shares: Iterable[PurchaseOrderRecord], command: CommandName, *, order_too: bool
) -> list[Target]:
    """List the lifecycles with an open question that this command answers."""
    by_workflow = {one.workflow_id: purchase_order_target(order, one) for one in shares}
    if order_too:
        by_workflow[order.workflow_id] = order_target(order)
    return [
        by_workflow[task["workflow_id"]]
        for task in order.tasks
        if task["workflow_id"] in by_workflow
        and any(alternative["command"] == command for alternative in task["alternatives"])
    ]


def _only(targets: list[Target], order: OrderRecord, command: CommandName) -> Target:
    if len(targets) > 1:
        labels = ", ".join(target.label for target in targets)
        raise CommandFailedError(
            f"{command} may be for {labels}: name one with --supplier, or answer its task (`dropwright order show "
            f"{order.reference}`)"
        )
    return targets[0]


def order_target(order: OrderRecord) -> Target:
    """Aim at the order's own lifecycle."""
    return Target(workflow_id=order.workflow_id, order_id=order.id, label=order.name)


def purchase_order_target(order: OrderRecord, one: PurchaseOrderRecord) -> Target:
    """Aim at one purchase order's lifecycle."""
    label = f"{order.name} at {one.supplier}"
    return Target(workflow_id=one.workflow_id, order_id=order.id, purchase_order_id=one.id, label=label)


def target_of_task(order: OrderRecord, workflow_id: str) -> Target:
    """Aim at the lifecycle that waits for a task's answer."""
    for one in order.purchase_orders:
        if one.workflow_id == workflow_id:
            return purchase_order_target(order, one)
    return order_target(order)


def ended(order: OrderRecord) -> bool:
    """Say whether an order's books are closed."""
    return order.state in ORDER_ENDINGS
