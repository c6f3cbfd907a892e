"""What must be true after workers died on every channel: the partners' ledgers and the shop's against our own record.

As in ``oracle``, every check returns what it found wrong, in words.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from models.statuses import OrderState, SubmissionState
from models.tasks import TaskCategory
from tests.e2e import ending, oracle
from tests.e2e.channels_partners import Order
from tests.e2e.channels_settings import ARTICLES
from tests.e2e.channels_world import Sale, World
from tests.e2e.oracle import Row


@dataclass(frozen=True)
class Told:
    """All ledgers, read once when everything is over."""

    sales: dict[str, Sale]  # by the shop's order id
    orders: dict[str, Row]
    purchase_orders: list[Row]
    parcels: list[Row]
    reservations: list[Row]
    offers: list[Row]
    tasks: list[Row]
    documents: list[Row]
    news: list[Row]
    ledgers: dict[str, list[Order]]
    left_behind: dict[str, list[str]]
    shop: dict[str, Row]


def hear(world: World) -> Told:
    """Read every ledger."""
    rows = world.scene.rows
    shop = httpx.get(f"{world.scene.systems.shop_url}/_sandbox/ledger", trust_env=False).json()["orders"]
    return Told(
        sales=world.placed,
        orders={row["storefront_order_id"]: row for row in rows("SELECT * FROM orders")},
        purchase_orders=rows(
            "SELECT p.*, o.storefront_order_id FROM purchase_orders p JOIN orders o ON o.id = p.order_id ORDER BY p.id"
        ),
        parcels=rows("SELECT * FROM parcels ORDER BY id"),
        reservations=rows("SELECT * FROM reservations"),
        offers=rows("SELECT supplier, sku, reserved FROM offers"),
        tasks=rows("SELECT * FROM tasks ORDER BY id"),
        documents=rows(
            "SELECT d.id, supplier, direction, kind, d.state, name, reason, key, array_agg(n.number) AS numbers"
            " FROM partner_documents d LEFT JOIN partner_document_orders n ON n.document_id = d.id GROUP BY d.id"
        ),
        news=rows("SELECT supplier, number, news->>'news' AS said, told_at FROM partner_news ORDER BY id"),
        ledgers=world.partners.ledgers(),
        left_behind=world.partners.left_behind(),
        shop={str(order["id"]): order for order in shop},
    )


def ordered_wrongly(told: Told, channel: str) -> list[str]:
    """A partner has each order of its channel once, with its lines, and no other; nothing begun is left there."""
    ours = [row for row in told.purchase_orders if row["supplier"] == channel]
    there = told.ledgers[channel]
    wanted = Counter(sale.units for sale in told.sales.values() if sale.channel == channel)
    booked = Counter(line["quantity"] for order in there for line in order["lines"])
    wrong = [f"{units} units: {booked[units]} orders there, {wanted[units]} sold" for units in booked | wanted
             if booked[units] != wanted[units]]  # fmt: skip
    wrong += [f"{order['number']} was mailed {order['mails']} times" for order in there if order.get("mails", 1) != 1]
    wrong += [f"{row['number']} is {row['submission']}" for row in ours if row["submission"] != SubmissionState.PLACED]
    for row in ours:
        same = [order for order in there if _is(order, row)]
        units = told.sales[row["storefront_order_id"]].units
        if [order["lines"][0]["ean"] for order in same] != [ARTICLES[channel]]:
            wrong.append(f"{row['number']} ({row['supplier_number']}) is {len(same)} orders there")
        elif same[0]["lines"][0]["quantity"] != units:
            wrong.append(f"{row['number']} has {same[0]['lines'][0]['quantity']} units there instead of {units}")
    return wrong + [f"left behind: {one}" for one in told.left_behind.get(channel, ())]


def _is(order: Order, row: Row) -> bool:
    """Compare by our number; a partner that knows none has its own."""
    if "number" in order:
        return bool(order["number"] == row["number"])
    return bool(order["order_number"] == row["supplier_number"])


def exchanged_wrongly(told: Told) -> list[str]:
    """Every document that came was believed, one for each thing that was said; every order left in one document."""
    wrong = [
        f"{row['supplier']}: document {row['id']} ({row['kind']}) is {row['state']}: {row['reason']}"
        for row in told.documents
        if row["direction"] == "in" and row["state"] != "applied"
    ]
    said = Counter((row["supplier"], row["number"], row["said"]) for row in told.news)
    wrong += [f"{key} was applied {times} times" for key, times in said.items() if times > 1]
    numbers = [row["number"] for row in told.purchase_orders if row["supplier"] in {key[0] for key in said}]
    heard = {key[1:] for key in said}
    wrong += [f"{number}: nothing was heard" for number in numbers if (number, "shipped") not in heard]
    wrong += [f"{row['number']}: {row['said']} was never told" for row in told.news if row["told_at"] is None]
    sent = Counter(
        number
        for row in told.documents
        if row["direction"] == "out" and row["kind"] == "order" and row["key"]
        for number in row["numbers"]
    )
    return wrong + [f"{number} left in {sent[number]} documents" for number in numbers if sent[number] != 1]


def fulfilled_wrongly(told: Told) -> list[str]:
    """The shop has one fulfilment of each order, with the one parcel that came."""
    wrong = []
    numbers: dict[str, list[str]] = {}
    orders = {row["id"]: row["storefront_order_id"] for row in told.purchase_orders}
    for parcel in told.parcels:
        numbers.setdefault(orders[parcel["purchase_order_id"]], []).append(parcel["tracking_number"])
    for name, sale in told.sales.items():
        done = told.shop[name]["fulfillments"]
        told_of = [one["tracking_numbers"] for one in done]
        units = [sum(one["lines"].values()) for one in done]
        if told_of != [numbers.get(name)] or units != [sale.units] or len(numbers[name]) != 1:
            wrong.append(f"{sale.key}: {told_of} with {units} units instead of {numbers.get(name)}")
    return wrong


def ended_wrongly(told: Told) -> list[str]:
    """Every order was shipped, no question but about doubts was asked, none is open, and no stock is held."""
    wrong = [
        f"{sale.key} is {told.orders[name]['state'] if name in told.orders else 'unknown'}"
        for name, sale in told.sales.items()
        if name not in told.orders or told.orders[name]["state"] != OrderState.SHIPPED
    ]
    wrong += [
        f"task {row['id']} ({row['category']}, {row['state']}): {row['question']}"
        for row in told.tasks
        if row["category"] != TaskCategory.SUBMIT_UNKNOWN or row["state"] == "open"
    ]
    evidence: Any = told
    return wrong + oracle.held_wrongly(evidence)


async def unfinished(world: World) -> list[str]:
    """Say what is not over yet, and what it waits for."""
    lying = [f"{channel}: {found}" for channel, found in world.partners.left_behind().items() if found]
    return [*await ending.unfinished(world.scene), *lying]
