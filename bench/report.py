"""The bench's report: one JSON file for machines, one table for people."""

import json
import platform
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import routing
from bench.costs import History
from bench.intake_load import Latencies
from bench.throughput import Batch

GOALS = {
    "ratio": "at least 0.7",
    "events_per_order": "at most 75",
    "intake_p99_ms": "at most 100",
    "sync_1m_seconds": "at most 30",
    "sync_copy_ratio": "at most 3",
    "sync_peak_mb": "at most 300",
    "sync_wal_unchanged": "at most 1",
    "sync_events": "at most 35",
    "orders_first_ratio": "at most 1.5",
    "outage_ratio": "at most 1.5",
    "route_p99_ms_5x5": "at most 10",
    "route_p99_ms_50x40": "at most 250",
    "rehearse_orders_per_s": "at least 167",
    "reserve_ratio_hot": "at least 0.5",
    "reserve_ratio_spread": "at least 0.5",
    "plan_reserve_statements": "at most 6",
}
MEANINGS = {
    "orders_per_second": "product: from start to shipped",
    "floor_orders_per_second": "empty pair, the same outside effects",
    "floor_noop_orders_per_second": "empty pair, no outside effects",
    "ratio": "product / floor",
    "events_per_order": "one supplier, shipped at the first check, both histories",
    "transitions_per_order": "state transitions, both workflows",
    "statements_per_order": "our SQL, worker process",
    "commits_per_order": "our transactions, worker process",
    "intake_p50_ms": "webhooks at a fixed rate, workers stopped",
    "intake_p99_ms": "",
    "intake_running_p50_ms": "the same, workers busy",
    "intake_running_p99_ms": "",
    "sync_rows": "articles of the feed, from a CSV file",
    "sync_first_seconds": "first load",
    "sync_1m_seconds": "5 % of the rows changed",
    "sync_unchanged_seconds": "nothing changed, another order of rows",
    "sync_changed_rows_per_second": "5 % changed",
    "sync_copy_seconds": "bare COPY of the same rows, no index",
    "sync_copy_ratio": "5 % changed / bare COPY",
    "sync_peak_mb": "most memory of the process, all rounds",
    "sync_wal_unchanged": "bytes of write-ahead log per unchanged row",
    "sync_events": "history of a scheduled run that changes something",
    "sync_pages_first_seconds": "first load, pages of 500 over HTTP",
    "sync_pages_changed_seconds": "5 % changed, asked for by its instant",
    "sync_pages_unchanged_seconds": "nothing changed",
    "orders_first_idle_ms": "webhook to supplier order, median, nothing else going on",
    "orders_first_busy_ms": "the same while the whole catalogue is published",
    "orders_first_ratio": "busy / idle",
    "outage_normal_ms": "order started to supplier order, median, every supplier up",
    "outage_beside_ms": "the same while another supplier is down",
    "outage_ratio": "down / up, rounds of both interleaved",
    "route_p99_ms_5x5": "a plan with reasons, 5 lines over 5 suppliers, by cost",
    "route_p99_ms_50x40": "50 lines over 40 suppliers",
    **{
        f"routes_per_second_{lines}x{suppliers}": f"plans of {lines} lines over {suppliers} suppliers, one thread"
        for lines, suppliers in routing.SIZES
    },
    "plan_reserve_statements": "planning and reserving an order of ten lines",
    "plan_reserve_ms": "the same, median, suppliers without live stock",
    "reserve_ratio_hot": "our reservations / bare conditional updates, one article",
    "reserve_ratio_spread": "the same over 10,000 articles",
    "rehearse_orders_per_s": "a month of orders by two sets of rules, one process per processor",
    "rehearse_seconds": "of the same, whole",
    "submit_ms": "one submission at the simulated supplier, whole",
    "submit_bare_ms": "its two calls alone, in between",
    "submit_overhead_ms": "the difference: our code, per order",
    "x12_parse_mb_s": "X12 to typed sets, MB of document a second, one thread: the slowest kind",
    "x12_write_mb_s": "typed sets to X12, likewise",
    **{f"x12_{way}_mb_s_{code}": "" for way in ("parse", "write") for code in ("850", "855", "856", "846")},
}


def throughput_part(rounds: Sequence[Mapping[str, Batch]]) -> dict[str, Any]:
    """Sum up the rounds: the median of each variant, and of the ratios within each round."""
    rates = {name: [round(one[name].per_second, 2) for one in rounds] for name in rounds[0]}
    ratios = [one["product"].per_second / one["floor"].per_second for one in rounds]
    return {
        "orders_per_second": round(statistics.median(rates["product"]), 2),
        "floor_orders_per_second": round(statistics.median(rates["floor"]), 2),
        "floor_noop_orders_per_second": round(statistics.median(rates["floor_noop"]), 2),
        "ratio": round(statistics.median(ratios), 3),
        "rounds": rates,
        "orders_per_round": rounds[0]["product"].orders,
    }


def cost_part(history: History, counts: Counter[str], orders: int) -> dict[str, Any]:
    """Sum up what one order costs. ``counts`` are statements and commits in all, and statements by activity."""
    by_activity = {name: round(count / orders, 1) for name, count in counts.most_common()}
    in_all = {"statements", "commits"}
    return {
        "events_per_order": sum(history.events.values()),
        "events_by_workflow": dict(history.events),
        "transitions_per_order": history.transitions,
        "statements_per_order": round(counts["statements"] / orders, 1),
        "commits_per_order": round(counts["commits"] / orders, 1),
        "statements_by_activity": {name: count for name, count in by_activity.items() if name not in in_all},
    }


def intake_part(latencies: Latencies, name: str = "intake") -> dict[str, Any]:
    """Sum up what the storefront waited."""
    return {
        f"{name}_p50_ms": latencies.p50_ms,
        f"{name}_p99_ms": latencies.p99_ms,
        f"{name}_worst_ms": latencies.worst_ms,
        f"{name}_statuses": latencies.statuses,
    }


def circumstances(command: str) -> dict[str, Any]:
    """Say on what this was measured."""
    return {
        "command": command,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "temporalio": version("temporalio"),
    }


def write(report: Mapping[str, Any], path: Path) -> None:
    """Write the report for machines."""
    path.write_text(json.dumps(report, indent=2) + "\n")


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the report for people."""
    table = Table("figure", "value", "goal", "what it is", box=None, header_style="bold")
    for name, meaning in MEANINGS.items():
        if name in report:
            table.add_row(name, str(report[name]), GOALS.get(name, ""), meaning)
    console.print(table)
    if "events_by_workflow" not in report:
        return
    events = ", ".join(f"{kind} {count}" for kind, count in report["events_by_workflow"].items())
    console.print(f"events: {events}")
    statements = ", ".join(f"{name} {count}" for name, count in report["statements_by_activity"].items())
    console.print(f"statements by activity: {statements}")
    for variant, spent in report["processor_ms_per_order"].items():
        parts = ", ".join(
            f"{name} {value}" for name, value in sorted(spent.items(), key=lambda item: -item[1]) if value
        )
        console.print(f"processor ms per order, {variant}: {parts}")
