"""Compares what the demo's world holds with what our books say and what the scripts want; sums it up in numbers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client

from adapters.database import tallies
from models.configuration import Configuration
from models.statuses import ORDER_ENDINGS, OrderState, TaskState
from models.tasks import TaskCategory
from starter.demo_configuration import ALERTS_TO
from starter.demo_rows import waiting_for
from starter.demo_scenarios import PLAIN
from starter.demo_story import BY_DOCUMENTS, LABELS, OWN, PARTNERS, SUPPLIERS, Progress, Story
from starter.demo_supply import ASKED, SupplyShow
from starter.demo_world import World

UNAUTHORISED = 401
FULFILLED = "SUCCESS"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is true outside: the suppliers' orders, the shop's orders, the mails that arrived."""

    supplier_orders: Sequence[dict[str, Any]]  # each with its "supplier"
    shop_orders: Sequence[dict[str, Any]]
    mails: Sequence[dict[str, Any]]
    in_doubt: frozenset[str] = frozenset()  # purchase orders' numbers
    incidents: Mapping[str, bool] = field(default_factory=dict)  # supplier -> it is over


@dataclass(kw_only=True)
class Verdict:
    """What the comparison found. ``problems`` are sentences; empty where everything is as it must be."""

    duplicates: list[str]
    lost: list[str]
    problems: list[str]


@dataclass(kw_only=True)
class Report:
    """The numbers of a run, as ``--report`` writes them."""

    orders: int
    by_state: dict[str, int]
    supplier_orders_placed: int
    supplier_orders_expected: int
    duplicates: int
    lost: int
    channels: dict[str, int]  # orders by how their suppliers were reached; one of two channels counts twice
    channels_by_order: dict[str, list[str]]
    doubts: int  # orders that left, and nobody knew whether they had arrived
    doubts_settled_without_a_person: int
    incidents: dict[str, int]  # suppliers' outages
    customer_messages: int
    internal_alerts: int
    tasks_opened: int
    tasks_answered: int
    events_per_order: dict[str, float]
    feed_runs: dict[str, int]  # by how they ended
    offers_written: int
    variants_shown: int  # of which the shop was told the stock
    seconds: float
    problems: list[str] = field(default_factory=list)


async def gather_facts(world: World) -> Facts:
    """Ask every part of the simulated world what it has."""
    sellers = (*SUPPLIERS, *PARTNERS)
    ledgers = await asyncio.gather(*(world.ledger(supplier) for supplier in sellers))
    shop, mails = await asyncio.gather(world.ledger("shop"), world.mails())
    picked, in_doubt, incidents = await asyncio.to_thread(_kept, world)
    supplier_orders = picked + [
        {**order, "supplier": supplier}
        for supplier, ledger in zip(sellers, ledgers, strict=True)
        for order in ledger["orders"]
    ]
    return Facts(
        supplier_orders=supplier_orders, shop_orders=shop["orders"], mails=mails, in_doubt=in_doubt, incidents=incidents
    )


def _kept(world: World) -> tuple[list[dict[str, Any]], frozenset[str], dict[str, bool]]:
    """List what our own shelves were asked for; every customer's door is known by its number there too."""
    with world.database.begin() as tx:
        numbers = tallies.pick_numbers(tx, OWN)
        picked = [{"supplier": OWN, "order_number": one, "address_hash": one} for one in numbers]
        return picked, tallies.numbers_in_doubt(tx), tallies.closed_incidents(tx)


def judge(story: Story, facts: Facts, configuration: Configuration | None) -> Verdict:
    """Compare; every order keeps its own verdict too, with what it waits for where it has not ended."""
    duplicates, lost = find_duplicates(story, facts), find_lost(story, facts)
    problems = [f"ordered without need: {one}" for one in duplicates]
    for progress in story.orders.values():
        progress.verdict = None
        progress.verdict = tuple(
            _differences(progress, facts) if progress.ended else _unfinished(progress, configuration)
        )
        problems += [f"{progress.label}: {text}" for text in progress.verdict]
    named = {progress.name for progress in story.orders.values() if not progress.ended}
    problems += [f"lost: {one}" for one in lost if one.partition(" ")[0] not in named]
    return Verdict(duplicates=duplicates, lost=lost, problems=[*problems, *_of_the_whole(story, facts)])


def find_duplicates(story: Story, facts: Facts) -> list[str]:
    """List what suppliers have and should not: orders that no purchase order of ours names, and second ones.

    Every customer of the demo has an address of their own, so a second order to one address is a second one. Partners
    tell our number instead: under one number an article is ordered once.
    """
    named = {pair for one in story.orders.values() for pair in one.supplier_orders}
    seen: set[tuple[str, Any]] = set()
    found = []
    for order in facts.supplier_orders:
        door = (order["supplier"], order.get("address_hash") or _contents(order))
        if _pair(order) not in named or door in seen:
            found.append(f"{order['order_number']} at {LABELS[order['supplier']]}")
        seen.add(door)
    return found


def _contents(order: dict[str, Any]) -> tuple[str, ...]:
    return order["number"], *sorted(line["ean"] for line in order["lines"])


def _pair(order: dict[str, Any]) -> tuple[str, str]:
    """Name an order as our books do: where documents are exchanged it goes by our own number."""
    return order["supplier"], order["number" if order["supplier"] in BY_DOCUMENTS else "order_number"]


def find_lost(story: Story, facts: Facts) -> list[str]:
    """List what the shop was paid for and our books have not brought to an end, or call shipped and the shop does not."""
    records = {one.order_id: one.record for one in story.orders.values() if one.order_id}
    found = []
    for order in facts.shop_orders:
        record = records.get(str(order["id"]))
        if record is None or record.state not in ORDER_ENDINGS:
            found.append(f"{order['name']} is not at its end")
        elif record.state is OrderState.SHIPPED and not _fulfilments(order):
            found.append(f"{order['name']} is shipped, and the shop does not know")
    return found


def _fulfilments(order: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in order["fulfillments"] if one["status"] == FULFILLED]


def _unfinished(progress: Progress, configuration: Configuration | None) -> list[str]:
    state = progress.record.state if progress.record else "not in our books"
    waits = waiting_for(progress, configuration, datetime.now(UTC))
    return [f"is {state}, should be {progress.scenario.ending.state}; waits for {waits}"]


def _differences(progress: Progress, facts: Facts) -> Iterable[str]:
    wanted, record = progress.scenario.ending, progress.record
    assert record is not None
    if record.state is not wanted.state:
        yield f"is {record.state}, should be {wanted.state}"
    placed = [one for one in facts.supplier_orders if _pair(one) in progress.supplier_orders]
    if len(placed) != wanted.supplier_orders:
        yield f"{len(placed)} supplier orders, should be {wanted.supplier_orders}"
    if wanted.check is not None and progress.checks[-1:] != [wanted.check]:
        yield f"its checks were {progress.checks}, the last should be {wanted.check}"
    if wanted.in_doubt and not any(one.number in facts.in_doubt for one in progress.purchase_orders):
        yield "its answer should have been lost on the way, and was not"
    if (mails := len(_mails_to(progress, facts))) != wanted.mails:
        yield f"{mails} mails to the customer, should be {wanted.mails}"
    asked = Counter(str(task.category) for task in progress.tasks)
    if asked != Counter(map(str, wanted.tasks)):
        yield f"people were asked {dict(asked)}, should be {', '.join(wanted.tasks) or 'nothing'}"
    if unanswered := [str(task.category) for task in progress.open_tasks]:
        yield f"still asked: {', '.join(unanswered)}"


def _mails_to(progress: Progress, facts: Facts) -> list[dict[str, Any]]:
    return [mail for mail in facts.mails if mail["to"] == [progress.mail]]


def _alerts(facts: Facts) -> list[dict[str, Any]]:
    return [mail for mail in facts.mails if mail["to"] == [ALERTS_TO]]


def _of_the_whole(story: Story, facts: Facts) -> Iterable[str]:
    if story.forged_status != UNAUTHORISED:
        yield f"the forged webhook was answered with {story.forged_status}, should be {UNAUTHORISED}"
    if len(facts.shop_orders) != len(story.orders):
        yield f"the shop has {len(facts.shop_orders)} orders, should be {len(story.orders)}"
    if going_on := [LABELS[name] for name, over in facts.incidents.items() if not over]:
        yield f"incidents that are not over: {', '.join(going_on)}"
    wanted = sum(one.scenario.ending.alerts for one in story.orders.values())
    if (alerts := len(_alerts(facts))) != wanted:
        subjects = "; ".join(mail["subject"] for mail in _alerts(facts))
        yield f"{alerts} alerts to people inside, should be {wanted}: {subjects or 'none'}"
    known = {one.record.id for one in story.orders.values() if one.record}
    others = [task for task in story.tasks if task.order_id not in known]
    if strange := [f"{task.category} ({task.question})" for task in others if task.category not in ASKED]:
        yield f"people were asked beside the orders: {', '.join(strange)}"


async def count_events(client: Client, story: Story) -> dict[str, float]:
    """Count what lifecycles cost in events: the mean by lifecycle, and both together for an ordinary order."""
    lengths: dict[str, list[int]] = defaultdict(list)
    plain = 0
    for progress in story.orders.values():
        if progress.record is None or progress.record.started_at is None:
            continue
        ids = {progress.record.workflow_id: "OrderWorkflow"}
        ids |= {one.workflow_id: "PurchaseOrderWorkflow" for one in progress.purchase_orders}
        for workflow_id, kind in ids.items():
            length = (await client.get_workflow_handle(workflow_id).describe()).history_length
            lengths[kind].append(length)
            plain += length if progress.scenario.key == PLAIN else 0
    means = {kind: round(sum(found) / len(found), 1) for kind, found in lengths.items()}
    return {**means, "plain_order": float(plain)}


def write_report(
    story: Story, facts: Facts, verdict: Verdict, events: dict[str, float], show: SupplyShow, seconds: float
) -> Report:
    """Sum a run up."""
    by_order = {one.name: one.channels for one in story.orders.values()}
    asked_in_doubt = sum(task.category is TaskCategory.SUBMIT_UNKNOWN for task in story.tasks)
    return Report(
        orders=len(story.orders),
        by_state=story.states(),
        supplier_orders_placed=len(facts.supplier_orders),
        supplier_orders_expected=sum(one.scenario.ending.supplier_orders for one in story.orders.values()),
        duplicates=len(verdict.duplicates),
        lost=len(verdict.lost),
        channels=dict(Counter(channel for channels in by_order.values() for channel in channels)),
        channels_by_order=by_order,
        doubts=len(facts.in_doubt),
        doubts_settled_without_a_person=len(facts.in_doubt) - asked_in_doubt,
        incidents={"opened": len(facts.incidents), "closed": sum(facts.incidents.values())},
        customer_messages=len(facts.mails) - len(_alerts(facts)),
        internal_alerts=len(_alerts(facts)),
        tasks_opened=len(story.tasks),
        tasks_answered=sum(task.state is TaskState.ANSWERED for task in story.tasks),
        events_per_order=events,
        feed_runs={state: sum(run["state"] == state for run in show.runs) for state in ("applied", "quarantined")},
        offers_written=sum(run["applied"] or 0 for run in show.runs),
        variants_shown=show.shown,
        seconds=round(seconds, 1),
        problems=verdict.problems,
    )
