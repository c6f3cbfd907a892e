"""Speed and cost per order: ``make bench``, or ``python -m bench --orders 200 --rounds 3``. See docs/speed.md."""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from adapters.database.migrate import upgrade
from bench import (
    costs,
    intake_load,
    orders_first,
    outage,
    planning,
    rehearsal,
    report,
    reservations,
    routing,
    submitting,
    sync,
    sync_events,
    sync_pages,
    throughput,
    x12,
)
from bench.stage import Stage, set_stage
from bench.throughput import Batch
from starter import search_attributes
from starter.embedded import embedded_stack
from starter.places import run_directory
from starter.postgres import embedded_postgres

REPORT = Path(__file__).with_name("report.json")
WARM_UP = 10  # orders of each kind: the first ones load code
WORKER_START = 5.0  # seconds
SAMPLES = 20  # histories that are looked at
PARTS = ("orders", "sync", "orders-first", "rehearsal", "routing", "reservations", "submissions", "x12", "outage")
console = Console(highlight=False)


def main() -> int:
    """Measure, print, and write the report."""
    options = _arguments()
    measured: dict[str, Any] = {}
    if "orders" in options.parts:
        with run_directory("bench") as workdir, set_stage(workdir, _say) as stage:
            measured |= asyncio.run(_measure(stage, options))
    if "sync" in options.parts:
        measured |= _measure_sync(options.rows)
    if "orders-first" in options.parts:
        with run_directory("bench") as workdir, set_stage(workdir, _say, shop_articles=options.rows) as stage:
            _say(f"orders while {options.rows:,} rows are published")
            measured |= asyncio.run(orders_first.measure(stage, options.rows))
    if "outage" in options.parts:
        with run_directory("bench") as workdir, set_stage(workdir, _say) as stage:
            _say("orders of one supplier while another is down")
            measured |= asyncio.run(outage.measure(stage, rounds=options.rounds))
    if "rehearsal" in options.parts:
        measured |= _measure_rehearsal(options.rehearsed)
    if "routing" in options.parts:
        _say("plans by the router")
        measured |= routing.measure(options.plans)
    if "reservations" in options.parts:
        measured |= _measure_reservations()
    if "submissions" in options.parts:
        measured |= _measure_submissions()
    if "x12" in options.parts:
        _say("X12, read and written")
        measured |= x12.measure()
    measured |= report.circumstances(f"python -m bench {' '.join(sys.argv[1:])}".strip())
    report.write(measured, options.report)
    report.show(measured, console)
    _say(f"written to {options.report}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure speed and cost per order.")
    parser.add_argument("--orders", type=int, default=200, help="orders of each kind in each round")
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds; in each, product and floor run one after the other"
    )
    parser.add_argument("--rate", type=int, default=100, help="webhooks a second")
    parser.add_argument("--seconds", type=int, default=20, help="seconds of webhooks, with workers stopped and running")
    parser.add_argument("--rows", type=int, default=1_000_000, help="articles of the feeds, and of what is published")
    parser.add_argument("--rehearsed", type=int, default=10_000, help="orders that are rehearsed")
    parser.add_argument("--plans", type=int, default=200, help="plans of each size, by the router alone")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="orders: speed and cost per order; sync: feeds; orders-first: orders while a catalogue is published; "
        "rehearsal: stored orders by two sets of rules; routing: plans; reservations: of one article and of many; "
        "submissions: what our code adds to the calls that order; "
        "x12: documents read and written; outage: orders of one supplier while another is down",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round of 40 orders, 4 s of webhooks, 100,000 rows, 20 plans"
    )
    parser.add_argument("--report", type=Path, default=REPORT, help="where the JSON goes")
    options = parser.parse_args()
    if options.quick:
        options.orders, options.rounds, options.seconds, options.rows, options.plans = 40, 1, 4, 100_000, 20
        options.rehearsed = 1_000
    return options


def _measure_sync(rows: int) -> dict[str, Any]:
    with run_directory("bench") as workdir, embedded_postgres(workdir / "postgres", _say) as server:
        upgrade(server.url)
        _say(f"feeds of {rows:,} rows: a file")
        measured = sync.measure(server.url, rows)
        _say(f"feeds of {rows:,} rows: pages of 500 over HTTP")
        measured |= sync_pages.measure(server.url, workdir, rows)
    with run_directory("bench") as workdir, embedded_stack(workdir, _say, ui=False) as stack:
        _say("events of a run")
        return measured | asyncio.run(sync_events.measure(stack))


def _measure_rehearsal(orders: int) -> dict[str, Any]:
    with run_directory("bench") as workdir, embedded_postgres(workdir / "postgres", _say) as server:
        upgrade(server.url)
        _say(f"rehearsal of {orders:,} orders")
        return rehearsal.measure(server.url, orders)


def _measure_submissions() -> dict[str, Any]:
    with run_directory("bench") as workdir, embedded_postgres(workdir / "postgres", _say) as server:
        upgrade(server.url)
        _say("submissions, and the bare calls in between")
        return submitting.measure(server.url)


def _measure_reservations() -> dict[str, Any]:
    with run_directory("bench") as workdir:
        with embedded_postgres(workdir / "reserving", _say, durable=True) as server:
            upgrade(server.url)
            _say("reservations of one article, and of 10,000")
            measured = reservations.measure(server.url)
        with embedded_postgres(workdir / "planning", _say) as server:
            upgrade(server.url)
            _say("plans of ten lines, reserved")
            return measured | planning.measure(server.url)


async def _measure(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    client = await Client.connect(
        stage.stack.temporal_address, namespace=stage.stack.namespace, data_converter=pydantic_data_converter
    )
    await search_attributes.ensure(client)
    stage.start_worker("product")
    stage.start_worker("floor")
    measured = await _measure_orders(stage, client, options)
    stage.stop("floor-worker")
    return measured | await _measure_intake(stage, options)


async def _measure_orders(stage: Stage, client: Client, options: argparse.Namespace) -> dict[str, Any]:
    _say("warming up")
    requests = throughput.store_orders(stage, WARM_UP)
    await throughput.run_product(client, requests)
    await throughput.run_floor(client, WARM_UP, quiet=False)
    rounds: list[dict[str, Batch]] = []
    spent: dict[str, dict[str, float]] = {}
    counted: Counter[str] = Counter()
    for number in range(1, options.rounds + 1):
        requests = throughput.store_orders(stage, options.orders)
        await throughput.await_empty_outbox(stage)
        before, used = await costs.statements_so_far(stage), costs.processor_seconds(stage)
        product = await throughput.run_product(client, requests)
        unsent = throughput.unsent_mails(stage)
        await throughput.await_empty_outbox(stage)
        spent["product"] = costs.spent(used, costs.processor_seconds(stage), options.orders)
        after = await costs.statements_so_far(stage)
        counted += after - before
        _say(f"round {number}: product {product.per_second:.2f} orders/s ({unsent} mails left to send)")
        variants = {"product": product}
        for name, quiet in (("floor", False), ("floor_noop", True)):
            used = costs.processor_seconds(stage)
            variants[name] = await throughput.run_floor(client, options.orders, quiet=quiet)
            spent[name] = costs.spent(used, costs.processor_seconds(stage), options.orders)
            _say(f"round {number}: {name} {variants[name].per_second:.2f} orders/s")
        rounds.append(variants)
    histories = [await costs.history_of(client, request) for request in requests[-SAMPLES:]]
    orders = options.orders * options.rounds
    return {
        **report.throughput_part(rounds),
        **report.cost_part(costs.typical(histories), counted, orders),
        "processor_ms_per_order": spent,
    }


async def _measure_intake(stage: Stage, options: argparse.Namespace) -> dict[str, Any]:
    stage.stop("product-worker")
    api = await asyncio.to_thread(stage.start_api)
    count = options.rate * options.seconds
    measured: dict[str, Any] = {"intake_per_second": options.rate, "intake_seconds": options.seconds}
    for name, running in (("intake", False), ("intake_running", True)):
        bodies = await asyncio.to_thread(intake_load.documents, stage.shop_url, count)
        await intake_load.load(api, bodies[: options.rate // 4], options.rate)  # the first ones open connections
        if running:
            stage.start_worker("product")
            await asyncio.sleep(WORKER_START)
        latencies = await intake_load.load(api, bodies[options.rate // 4 :], options.rate)
        workers = "running" if running else "stopped"
        _say(f"webhooks, workers {workers}: p50 {latencies.p50_ms} ms, p99 {latencies.p99_ms} ms, {latencies.statuses}")
        measured |= report.intake_part(latencies, name)
    return measured


def _say(message: str) -> None:
    console.print(message, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
