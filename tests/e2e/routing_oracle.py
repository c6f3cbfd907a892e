"""What must be true after routing was under fire: the ledgers of suppliers, shelves and shops against our own record.

As in ``oracle``, every check returns what it found wrong, in words.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.statuses import OrderState
from models.tasks import TaskCategory
from starter.places import project_dir
from tests.e2e import oracle
from tests.e2e.oracle import Row
from tests.e2e.routing_sales import ARTICLES, BROUGHT, HOT_UNITS, SHELVES, SIMULATED, STOCK, Sale
from tests.e2e.routing_scene import World

DEAD_ORDERS = frozenset({"cancelled", "rejected", "cancelled_by_supplier", "returned"})
Units = Counter[str]


@dataclass(frozen=True)
class Told:
    """All ledgers, read once when everything is over."""

    sales: dict[str, Sale]  # by the shop's order id, as everything below that is by order
    orders: dict[str, Row]
    lines: dict[str, list[Row]]
    purchase_orders: list[Row]
    shares: list[Row]  # lines of purchase orders
    reservations: list[Row]
    offers: list[Row]
    ledgers: dict[str, list[Row]]  # of the simulated suppliers
    picked: Counter[tuple[str, str]]
    shops: dict[str, Row]
    tasks: list[Row]
    refusals: list[Row]  # answers that said "no stock", by whose order
    questions: list[Row]
    drifts: list[Row]
    eans: dict[str, str] = field(default_factory=lambda: {ean: name for name, ean in ARTICLES.items()})

    def name_of(self, line: Row) -> str:
        """Say which article of the script a line sells."""
        return self.eans[line["ean"]]


async def hear(world: World) -> Told:
    """Read every ledger."""
    rows = world.scene.rows
    orders = {row["storefront_order_id"]: row for row in rows("SELECT * FROM orders")}
    by_order: dict[int, list[Row]] = {}
    for line in rows("SELECT * FROM order_lines ORDER BY position"):
        by_order.setdefault(line["order_id"], []).append(line)
    purchase_orders = "SELECT p.*, o.storefront_order_id FROM purchase_orders p JOIN orders o ON o.id = p.order_id"
    return Told(
        sales=world.placed,
        orders=orders,
        lines={name: by_order[row["id"]] for name, row in orders.items()},
        purchase_orders=rows(f"{purchase_orders} ORDER BY p.id"),
        shares=rows(
            "SELECT l.*, p.supplier, p.order_id FROM purchase_order_lines l JOIN purchase_orders p ON p.id = purchase_order_id"
        ),
        reservations=rows("SELECT * FROM reservations"),
        offers=rows("SELECT supplier, sku, reserved FROM offers"),
        ledgers=await world.ledgers(),
        picked=world.picked,
        shops=await world.shop_orders(),
        tasks=rows("SELECT t.*, o.storefront_order_id FROM tasks t LEFT JOIN orders o ON o.id = t.order_id"),
        refusals=rows(
            "SELECT o.storefront_order_id FROM calls c JOIN orders o ON o.id = c.order_id"
            " WHERE c.operation = 'setCreateOrder' AND c.reply LIKE '%no_stock%'"
        ),
        questions=rows(
            "SELECT q.*, o.storefront_order_id FROM customer_questions q JOIN orders o ON o.id = q.order_id"
        ),
        drifts=drifts(world),
    )


def drifts(world: World) -> list[Row]:
    """Ask the command line where reservations do not agree with open orders."""
    argv = [sys.executable, "-m", "starter.cli", "stock", "drift", "--json"]
    environment = dict(os.environ) | world.scene.environment
    done = subprocess.run(argv, env=environment, cwd=project_dir(), capture_output=True, check=True, timeout=60)
    found: list[Row] = json.loads(done.stdout)["drifts"]
    return found


def everything_wrong(told: Told) -> list[str]:
    """Run every check."""
    checks = (
        ended_wrongly,
        unbalanced,
        delivered_wrongly,
        sold_twice,
        ordered_wrongly,
        fulfilled_wrongly,
        reserved_wrongly,
        asked_wrongly,
    )
    return [f"{check.__name__}: {problem}" for check in checks for problem in check(told)]


def ended_wrongly(told: Told) -> list[str]:
    """Every order is known, and where its script says; the hot article is sold to the last unit."""
    wrong = [f"{sale.key} never arrived" for name, sale in told.sales.items() if name not in told.orders]
    for name, order in told.orders.items():
        sale, state = told.sales[name], order["state"]
        fine = state == sale.ending if sale.ending else state in (OrderState.SHIPPED, OrderState.CANCELLED)
        wrong += [] if fine else [f"{sale.key} is {state}"]
    sold = sum(shipped.get("hot", 0) for shipped in map(_shipped, told.lines.values(), [told] * len(told.lines)))
    return wrong + ([] if sold == HOT_UNITS else [f"{sold} of {HOT_UNITS} hot units were sold"])


def unbalanced(told: Told) -> list[str]:
    """Every unit of a line was shipped or cancelled, exactly once, and as its script says."""
    wrong = []
    for name, lines in told.lines.items():
        sale = told.sales[name]
        for line in lines:
            article = told.name_of(line)
            counted = (line["shipped"], line["cancelled"])
            wanted = None if sale.cancelled is None else sale.cancelled.get(article, 0)
            if sum(counted) != line["quantity"] or line["refunded"] or wanted not in (None, line["cancelled"]):
                wrong.append(f"{sale.key}, {article}: of {line['quantity']} {counted} were shipped and cancelled")
    return wrong


def delivered_wrongly(told: Told) -> list[str]:
    """Suppliers delivered, in all, exactly what the orders shipped, bundles taken apart; and each order's own who must."""
    delivered: Units = Counter()
    for orders in told.ledgers.values():
        for order in orders:
            delivered.update(
                {line["ean"]: line["quantity"] for line in order["lines"] if order["status"] != "Cancelled"}
            )
    for (_, ean), units in told.picked.items():
        delivered[ean] += units
    wanted: Units = Counter()
    for name, lines in told.lines.items():
        wanted.update(told.sales[name].wanted(_shipped(lines, told)))
    wrong = [
        f"{told.eans[ean]}: {delivered[ean]} were delivered, {wanted[ean]} shipped"
        for ean in sorted(delivered.keys() | wanted.keys())
        if delivered[ean] != wanted[ean]
    ]
    for name, sale in told.sales.items():
        who = {row["supplier"] for row in told.purchase_orders if _is(row, name) and row["state"] == "shipped"}
        wrong += [f"{sale.key} was delivered by {sorted(who)}"] if sale.suppliers and who != sale.suppliers else []
    return wrong


def sold_twice(told: Told) -> list[str]:
    """Nobody was asked for more than it had: not in sum, and not so that it had to say so."""
    asked: Counter[tuple[str, str]] = Counter()
    for supplier, orders in told.ledgers.items():
        for order in orders:
            asked.update({(supplier, line["ean"]): line["quantity"] for line in order["lines"]})
    for share in told.shares:
        if share["supplier"] in SHELVES:
            asked[share["supplier"], share["ean"]] += share["quantity"]
    wrong = [
        f"{supplier} had {_had(supplier, told.eans[ean])} {told.eans[ean]}, and was asked for {units}"
        for (supplier, ean), units in asked.items()
        if units > _had(supplier, told.eans[ean])
    ]
    refused = {told.sales[row["storefront_order_id"]].key for row in told.refusals}
    return wrong + [f"{key} was refused for want of stock" for key in sorted(refused - {"refused"})]


def _had(supplier: str, article: str) -> int:
    units, _ = STOCK.get(article, {}).get(supplier, (0, ""))
    return units + (BROUGHT.get(article, 0) if supplier == "yard" else 0)


def ordered_wrongly(told: Told) -> list[str]:
    """Each supplier order is one purchase order of ours with the same lines, and each of ours exists there."""
    wrong = []
    units: dict[int, Units] = {}
    for share in told.shares:
        units.setdefault(share["purchase_order_id"], Counter())[share["ean"]] += share["quantity"]
    for supplier in SIMULATED:
        there = {order["order_number"]: order for order in told.ledgers[supplier]}
        ours = [row for row in told.purchase_orders if row["supplier"] == supplier and row["supplier_number"]]
        times = Counter(row["supplier_number"] for row in ours)
        wrong += [f"{supplier}'s {number} is {times[number]} of ours" for number in there if times[number] != 1]
        for row in ours:
            found = there.get(row["supplier_number"])
            if found is None or _units_of(found) != units[row["id"]]:
                wrong.append(f"{row['number']} is not at {supplier} as we have it")
            elif row["state"] in DEAD_ORDERS and found["status"] != "Cancelled":
                wrong.append(f"{row['number']}, {row['state']}, lives on at {supplier}")
    return wrong


def fulfilled_wrongly(told: Told) -> list[str]:
    """The shop holds one fulfilment for each shipped unit of a line, and none for any other."""
    wrong = []
    for name, lines in told.lines.items():
        done: Units = Counter()
        for one in told.shops[name]["fulfillments"]:
            done.update(
                {line_id: units for line_id, units in one["lines"].items() if one["status"].lower() == "success"}
            )
        wanted = {line["line_id"]: line["shipped"] for line in lines if line["shipped"]}
        if dict(done) != wanted:
            wrong.append(f"{told.sales[name].key}: the shop fulfilled {dict(done)} instead of {wanted}")
    return wrong


def reserved_wrongly(told: Told) -> list[str]:
    """Nothing is held any more, sums agree, whoever shipped had reserved; the command line finds no drift either."""
    evidence: Any = told
    wrong = oracle.held_wrongly(evidence)
    held: Counter[int] = Counter()
    for row in told.reservations:
        if row["state"] in ("consumed", "taken_in"):
            held[row["purchase_order_id"]] += row["quantity"]
    shipped: Counter[int] = Counter()
    for share in told.shares:
        shipped[share["purchase_order_id"]] += share["shipped"]
    wrong += [
        f"purchase order {key}: {shipped[key]} shipped of {held[key]}" for key in shipped if shipped[key] != held[key]
    ]
    return wrong + [f"drift: {drift}" for drift in told.drifts]


def asked_wrongly(told: Told) -> list[str]:
    """Nobody was asked what the rules decide: a person settles doubts and refunds what is cancelled, once per order."""
    refunds = Counter(row["storefront_order_id"] for row in told.tasks if row["category"] == TaskCategory.REFUND_DUE)
    cancelled = {name for name, lines in told.lines.items() if any(line["cancelled"] for line in lines)}
    wrong = [
        f"{told.sales[name].key}: {refunds[name]} refunds are due"
        for name in cancelled | refunds.keys()
        if refunds[name] != (name in cancelled)
    ]
    expected = {TaskCategory.REFUND_DUE, TaskCategory.SUBMIT_UNKNOWN}
    wrong += [
        f"a person was asked: {row['category']}, {row['question']}"
        for row in told.tasks
        if row["category"] not in expected
    ]
    wrong += [
        f"task {row['id']} ({row['category']}) is open"
        for row in told.tasks
        if row["state"] == "open" and row["category"] != TaskCategory.REFUND_DUE
    ]
    answers = Counter(row["storefront_order_id"] for row in told.questions if row["ending"] == "answered")
    asked = {name for name, sale in told.sales.items() if sale.answer}
    return wrong + [
        f"{told.sales[name].key}: {answers[name]} answers"
        for name in asked | answers.keys()
        if answers[name] != (name in asked)
    ]


def _shipped(lines: list[Row], told: Told) -> Mapping[str, int]:
    return {told.name_of(line): line["shipped"] for line in lines}


def _units_of(order: Row) -> Units:
    units: Units = Counter()
    for line in order["lines"]:
        units[line["ean"]] += line["quantity"]
    return units


def _is(row: Row, name: str) -> bool:
    return bool(row["storefront_order_id"] == name)
