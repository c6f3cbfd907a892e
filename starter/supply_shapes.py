"""The shapes and texts of feeds and their runs. Fields are added, never renamed."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import ScheduleListDescription

from adapters.database.feed_views import RunRecord, Standing
from models.base import format_duration
from models.feeds import Feed
from models.identifiers import sync_workflow_id
from models.sync import SyncOutcome
from starter.console import instant

Schedules = Mapping[str, ScheduleListDescription]
_OF_THE_RUN = ("run", "state", "trigger", "started_at", "ended_at", "rows", "changed", "applied", "held", "task")


def status_shape(
    supplier: str, name: str, feed: Feed, standing: Standing | None, schedules: Schedules, now: datetime
) -> dict[str, Any]:
    """Shape one row of `dropwright sync status`. ``age`` is how long ago the feed was last known to be up to date."""
    standing = standing or Standing()
    run = standing.newest
    return {
        "supplier": supplier,
        "feed": name,
        "kind": feed.kind,
        "scope": feed.scope,
        "enabled": feed.enabled,
        "every": format_duration(feed.every) if feed.every else None,
        **{field: getattr(run, field) if run else None for field in _OF_THE_RUN},
        "confirmed_at": standing.confirmed_at,
        "age": _age(now - standing.confirmed_at) if standing.confirmed_at else None,
        "failures": standing.failures,
        **_schedule(schedules.get(sync_workflow_id(supplier, name))),
    }


def _schedule(entry: ScheduleListDescription | None) -> dict[str, Any]:
    if entry is None or entry.schedule is None:
        return {"next_run": None, "paused": None, "note": None}
    state = entry.schedule.state
    upcoming = entry.info.next_action_times if entry.info and not state.paused else ()
    return {"next_run": next(iter(upcoming), None), "paused": state.paused, "note": state.note}


def _age(length: timedelta) -> str:
    return format_duration(max(length, timedelta(0)))


def outcome_shape(supplier: str, feed: str, outcome: SyncOutcome | None) -> dict[str, Any]:
    """Shape what `dropwright sync run` says; without an outcome it was only asked for."""
    return {
        "supplier": supplier,
        "feed": feed,
        "workflow_id": sync_workflow_id(supplier, feed),
        "run": outcome.run_id if outcome else None,
        "state": outcome.state if outcome else "requested",
        "rows": outcome.rows if outcome else None,
        "changed": outcome.changed if outcome else None,
        "reasons": list(outcome.reasons) if outcome else [],
    }


def outcome_text(shape: Mapping[str, Any]) -> str:
    """Say what `dropwright sync run` led to, and where to look next."""
    name = f"{shape['supplier']}/{shape['feed']}"
    if shape["state"] == "requested":
        return f"{name} was asked for: `dropwright sync status` shows how it stands"
    reasons = f" ({', '.join(shape['reasons'])})" if shape["reasons"] else ""
    counts = f"{shape['rows']} rows, {shape['changed']} of them new or changed"
    look = f"`dropwright sync show {shape['run']}`"
    return f"{name} run {shape['run']}: {shape['state'].replace('_', ' ')}{reasons}; {counts}; {look}"


def run_text(run: RunRecord) -> Iterator[str]:
    """Say everything of a run in lines."""
    yield f"Run {run.run} of {run.supplier}/{run.feed} ({run.kind}): {run.state.replace('_', ' ')}"
    ended = f", ended {instant(run.ended_at)}" if run.ended_at else ""
    written = f"; written by the supplier {instant(run.source_time)}" if run.source_time else ""
    yield f"Asked for by {run.trigger}; began {instant(run.started_at)}{ended}{written}"
    counts = {
        "rows": run.rows,
        "new or changed": run.changed,
        "unreadable": run.unreadable,
        "absent": run.absent,
        "costs held": run.held,
        "offers written": run.applied,
    }
    numbers = ", ".join(f"{count} {what}" for what, count in counts.items() if count is not None)
    yield f"{run.bytes} bytes{f'; {numbers}' if numbers else ''}"
    if run.decision:
        yield f"{run.decided_by} decided: {run.decision.replace('_', ' ')}"
    if run.task:
        yield f"Asked about in task {run.task}: `dropwright task show {run.task}`"
    for finding in run.findings:
        yield f"{finding.get('code')}: {finding.get('text')}"
        for sample in finding.get("samples") or ():
            yield f"    {sample}"
