"""What must be true after everything: the ledgers of the simulated systems against our own record.

Every check returns what it found wrong, in words; an empty list is a passed check.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from models.identifiers import message_id
from models.statuses import MailState, OrderState, PurchaseOrderState, SubmissionState
from tests.e2e.harness import SECRETS, Scene
from tests.e2e.sales import Lines, Sale, Script

NOT_ORDERED = {PurchaseOrderState.CANCELLED, PurchaseOrderState.REJECTED, PurchaseOrderState.CANCELLED_BY_SUPPLIER}
# A check that a kill cut off is repeated once its attempt has timed out (2 minutes), 10 s later, by a worker that is back.
LATEST_CHECK = timedelta(minutes=2, seconds=10 + 20)
LIFECYCLES = ("OrderWorkflow", "PurchaseOrderWorkflow")
_UNREAD_MESSAGE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """All ledgers, read once when everything is over."""

    sales: dict[str, Sale]  # by the shop's order id
    supplier: list[Row]
    shop: dict[str, Row]
    mails: list[Row]
    inbox: list[Row]
    orders: dict[str, Row]
    lines: list[Row]
    purchase_orders: list[Row]
    parcels: list[Row]
    calls: list[Row]
    checks: list[Row]
    reservations: list[Row]
    offers: list[Row]


async def gather_evidence(scene: Scene) -> Evidence:
    """Read every ledger."""
    rows = scene.rows
    return Evidence(
        sales=scene.placed,
        supplier=await scene.systems.supplier_orders(),
        shop={str(order["id"]): order for order in await scene.systems.shop_orders()},
        mails=rows("SELECT * FROM mails ORDER BY id"),
        inbox=await scene.systems.messages(),
        orders={row["storefront_order_id"]: row for row in rows("SELECT * FROM orders")},
        lines=rows("SELECT * FROM order_lines"),
        purchase_orders=rows(
            "SELECT p.*, o.storefront_order_id FROM purchase_orders p JOIN orders o ON o.id = p.order_id ORDER BY p.id"
        ),
        parcels=rows("SELECT * FROM parcels ORDER BY id"),
        calls=rows("SELECT * FROM calls"),
        checks=rows("SELECT * FROM tracking_checks"),
        reservations=rows("SELECT * FROM reservations"),
        offers=rows("SELECT supplier, sku, reserved FROM offers"),
    )


def everything_wrong(found: Evidence) -> list[str]:
    """Run every check on the ledgers."""
    checks = (
        lost,
        wrongly_ended,
        ordered_wrongly,
        unbalanced,
        held_wrongly,
        told_wrongly,
        fulfilled_wrongly,
        unrecorded,
        late,
    )
    return [f"{check.__name__}: {problem}" for check in checks for problem in check(found)]


def lost(found: Evidence) -> list[str]:
    """Every paid order of the shop is known to us."""
    paid = [order_id for order_id, order in found.shop.items() if order["financial_status"] != "pending"]
    return [f"{order_id} ({found.sales[order_id].script})" for order_id in paid if order_id not in found.orders]


def wrongly_ended(found: Evidence) -> list[str]:
    """Every order is where its script says, in our tables."""
    return [
        f"{order['name']} ({found.sales[order_id].script}) is {order['state']}"
        for order_id, order in found.orders.items()
        if order["state"] != found.sales[order_id].ending
    ]


def ordered_wrongly(found: Evidence) -> list[str]:
    """The supplier's ledger is ours: each of its orders is one purchase order of ours, and each of ours exists there."""
    numbers = Counter(row["supplier_number"] for row in found.purchase_orders if row["supplier_number"])
    there = {order["order_number"]: order for order in found.supplier}
    wrong = [f"supplier order {number} is no purchase order of ours" for number in there.keys() - numbers.keys()]
    wrong += [f"our {number} does not exist at the supplier" for number in numbers.keys() - there.keys()]
    wrong += [f"{number} is {count} purchase orders" for number, count in numbers.items() if count > 1]
    times = Counter(_lines_of(order) for order in found.supplier)
    wrong += [f"{sorted(lines)} was ordered {count} times" for lines, count in times.items() if count > 1]
    for row in found.purchase_orders:
        wrong += _wrong_with(row, found.sales[row["storefront_order_id"]], there.get(row["supplier_number"] or ""))
    ordered = {row["storefront_order_id"] for row in found.purchase_orders if row["supplier_number"]}
    for order_id, sale in found.sales.items():
        if sale.ordered is not None and sale.ordered != (order_id in ordered):
            wrong.append(f"{order_id} ({sale.script}) was {'not ' * sale.ordered}ordered")
    return wrong


def _wrong_with(row: Row, sale: Sale, there: Row | None) -> list[str]:
    """Compare one purchase order with what the supplier has of it."""
    name = f"{row['number']} ({sale.script}, {row['state']}, {row['submission']})"
    if row["submission"] in (SubmissionState.SENDING, SubmissionState.UNKNOWN):
        return [f"{name} is still in doubt"]
    if there is None:
        return [f"{name} is nowhere"] if row["submission"] == SubmissionState.PLACED else []
    wrong = []
    if _lines_of(there) != sale.key:
        wrong.append(f"{name} has other lines there")
    if row["state"] in NOT_ORDERED and there["status"] != "Cancelled":
        wrong.append(f"{name} lives on at the supplier as {there['status']}")
    if (there["payment_method"] == "banktransfer") is not (sale.script is Script.TEST):
        wrong.append(f"{name} was paid by {there['payment_method']}")
    return wrong


def _lines_of(order: Row) -> Lines:
    return frozenset((line["ean"], line["quantity"]) for line in order["lines"])


def unbalanced(found: Evidence) -> list[str]:
    """Ordered = shipped + cancelled + refunded, per line: nothing is open where the order has ended."""
    states = {row["id"]: row for row in found.orders.values()}
    wrong = []
    for line in found.lines:
        order = states.get(line["order_id"])
        if order is None:
            continue
        still_open = line["quantity"] - line["shipped"] - line["cancelled"] - line["refunded"]
        whole = {OrderState.SHIPPED: line["shipped"], OrderState.CANCELLED: line["cancelled"]}
        if order["state"] in whole and (still_open or whole[order["state"]] != line["quantity"]):
            wrong.append(f"{order['name']} line {line['line_id']}: {still_open} open in {order['state']}")
    return wrong


def held_wrongly(found: Evidence) -> list[str]:
    """No ended order holds stock, and what offers say is reserved is what reservations say."""
    ended = {row["id"]: row["state"] for row in found.purchase_orders}
    wrong = [
        f"reservation {row['id']} is held by a purchase order that is {ended.get(row['purchase_order_id'])}"
        for row in found.reservations
        if row["state"] == "held"
    ]
    taken: Counter[tuple[str, str]] = Counter()
    for row in found.reservations:
        if row["state"] in ("held", "consumed"):
            taken[row["supplier"], row["sku"]] += row["quantity"]
    wrong += [
        f"{row['supplier']} {row['sku']}: {row['reserved']} reserved instead of {taken[row['supplier'], row['sku']]}"
        for row in found.offers
        if row["reserved"] != taken[row["supplier"], row["sku"]]
    ]
    shipped = {row["id"] for row in found.purchase_orders if row["state"] == PurchaseOrderState.SHIPPED}
    kept = {row["purchase_order_id"] for row in found.reservations if row["state"] in ("consumed", "taken_in")}
    return wrong + [f"purchase order {one} shipped what it had not reserved" for one in shipped - kept]


def told_wrongly(found: Evidence) -> list[str]:
    """Every mail arrives, and only one that says it may, twice; every parcel is told to its customer once."""
    arrived = Counter(message["message_id"] for message in found.inbox)
    wrong = []
    for mail in found.mails:
        times = arrived.pop(message_id(mail["kind"], mail["id"], "under-fire.example"), 0)
        most = 2 if mail["state"] == MailState.MAY_REPEAT else 1
        if mail["state"] not in (MailState.SENT, MailState.MAY_REPEAT) or not 1 <= times <= most:
            wrong.append(f"mail {mail['id']} ({mail['kind']}, {mail['state']}) arrived {times} times")
    wrong += [f"{name} is no mail of ours" for name in arrived]
    keys = Counter(mail["key"] for mail in found.mails if mail["audience"] == "customer")
    order_ids = {row["id"]: row["order_id"] for row in found.purchase_orders}
    wanted = {f"shipped:{order_ids[parcel['purchase_order_id']]}:{parcel['id']}" for parcel in found.parcels}
    return wrong + [f"customer message {key} is missing or one too many" for key in keys.keys() ^ wanted]


def fulfilled_wrongly(found: Evidence) -> list[str]:
    """The shop has one fulfilment per shipped order with the supplier's tracking numbers, and our numbers on it."""
    there = {order["order_number"]: order for order in found.supplier}
    by_hand = {row["purchase_order_id"]: row["tracking_number"] for row in found.parcels if row["source"] == "person"}
    purchases = {row["storefront_order_id"]: row for row in found.purchase_orders if row["supplier_number"]}
    wrong = []
    for order_id, sale in found.sales.items():
        done = found.shop[order_id]["fulfillments"]
        purchase = purchases.get(order_id)
        if purchase is not None:
            wrong += _wrong_notes(found.shop[order_id], purchase)
        if sale.ending is not OrderState.SHIPPED or purchase is None:
            wrong += [f"{order_id} ({sale.script}) has a fulfilment"] if done else []
            continue
        numbers = {*there.get(purchase["supplier_number"], {"tracking": ()})["tracking"]} or {
            by_hand.get(purchase["id"])
        }
        units = sum(quantity for _, quantity in sale.lines)
        if [set(one["tracking_numbers"]) for one in done] != [numbers]:
            wrong.append(
                f"{order_id}: {[one['tracking_numbers'] for one in done]} instead of {sorted(map(str, numbers))}"
            )
        elif sum(done[0]["lines"].values()) != units or len(done[0]["tracking_numbers"]) != len(numbers):
            wrong.append(f"{order_id}: {done[0]['lines']} instead of {units} units")
    return wrong


def _wrong_notes(order: Row, purchase: Row) -> list[str]:
    wanted = {"order_number": purchase["supplier_number"], "shipping_cost_id": purchase["quote_id"]}
    notes = {name.rpartition(".")[2]: value for name, value in order["metafields"].items()}
    return [] if notes == wanted else [f"{order['id']}: the shop holds {notes} instead of {wanted}"]


def unrecorded(found: Evidence) -> list[str]:
    """Every answer that placed an order is kept with it, and no call holds a credential."""
    replies: dict[int, str] = {}
    for call in found.calls:
        if call["operation"] == "setCreateOrder":
            replies[call["purchase_order_id"]] = replies.get(call["purchase_order_id"], "") + call["reply"]
    confirmed = {check["purchase_order_id"] for check in found.checks}
    wrong = [
        f"{row['number']}: no call placed {row['supplier_number']}"
        for row in found.purchase_orders
        if row["supplier_number"] and row["acknowledged_at"] and not _recorded(row, replies, confirmed)
    ]
    secrets = list(SECRETS.values())
    texts = (f"{call['url']} {call['request']} {call['reply']}" for call in found.calls)
    return wrong + ["a call holds a credential" for text in texts if any(secret in text for secret in secrets)]


def _recorded(row: Row, replies: dict[int, str], confirmed: set[int]) -> bool:
    # One confirmed by a person was placed by an attempt whose answer nobody has.
    return row["supplier_number"] in replies.get(row["id"], "") or row["fence"] > 1 or row["id"] not in confirmed


def late(found: Evidence) -> list[str]:
    """No check is asked later than a cut-off attempt explains."""
    return [
        f"check {row['check_no']} of purchase order {row['purchase_order_id']}: {row['asked_at'] - row['due_at']} late"
        for row in found.checks
        if row["kind"] == "tracking" and not row["errors"] and row["asked_at"] - row["due_at"] > LATEST_CHECK
    ]


async def broken_workflows(client: Client) -> list[str]:
    """Every lifecycle has completed, and no workflow task of any workflow ever failed."""
    wrong = []
    async for execution in client.list_workflows():
        completed = execution.status is WorkflowExecutionStatus.COMPLETED
        if execution.workflow_type in LIFECYCLES and not completed:
            wrong.append(f"{execution.id} is {execution.status and execution.status.name}")
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        wrong += [f"{execution.id} {failure}" async for failure in _failed_tasks(handle)]
    return wrong


async def _failed_tasks(handle: WorkflowHandle[Any, Any]) -> AsyncIterator[str]:
    async for event in handle.fetch_history_events():
        failed = event.workflow_task_failed_event_attributes
        # A message that arrives while a workflow completes is no failure: the server has it read first.
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and failed.cause != _UNREAD_MESSAGE:
            yield f"event {event.event_id}: {failed.failure.message[:300]}"
