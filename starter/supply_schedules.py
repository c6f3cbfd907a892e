"""The schedules of feeds, publications, reconciliations and upkeep: what configuration wants, and nothing else.

Every worker applies them; applying again changes nothing. Those that a person paused stay paused.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.requests import sync_summary
from models.base import format_duration
from models.configuration import Channel, Configuration
from models.feeds import Feed
from models.identifiers import (
    RATES_WORKFLOW_ID,
    SCORECARDS_WORKFLOW_ID,
    STOCK_WATCH_WORKFLOW_ID,
    SYNC_QUEUE,
    publication_workflow_id,
    reconciliation_workflow_id,
    sync_workflow_id,
)
from models.sync import PublicationRequest, ReconciliationRequest, ScheduledStart, Side, SyncRequest
from workflows.options import STOCK

OURS = {"dropwright": "supply"}  # the memo by which a schedule is known as one of these
_SHORTEST_CATCHUP, _LONGEST_CATCHUP = timedelta(minutes=1), timedelta(minutes=10)
_MOST_JITTER = timedelta(minutes=10)


def wanted_schedules(configuration: Configuration) -> dict[str, Schedule]:
    """List every schedule that this configuration wants, by its id, which is that of the workflow it is for."""
    return {
        **_of_feeds(configuration),
        **_of_publications(configuration),
        **_of_reconciliations(configuration),
        **_of_upkeep(configuration),
    }


def publishes(channel: Channel) -> bool:
    """Say whether anything is written to this shop."""
    return channel.publishing.quantities or channel.publishing.prices


def _of_feeds(configuration: Configuration) -> dict[str, Schedule]:
    return {
        sync_workflow_id(supplier, name): _of_feed(supplier, name, feed, feed.every)
        for supplier, settings in configuration.suppliers.items()
        for name, feed in settings.feeds.items()
        if settings.enabled and feed.enabled and feed.every is not None
    }


def _of_feed(supplier: str, name: str, feed: Feed, every: timedelta) -> Schedule:
    request = SyncRequest(supplier=supplier, feed=name)
    start = ScheduledStart(
        workflow="SupplierSyncWorkflow",
        workflow_id=sync_workflow_id(supplier, name),
        request=request.model_dump(mode="json"),
        summary=sync_summary(request),
    )
    note = f"Fetches the {name} feed of {supplier} every {format_duration(every)}. Safe to trigger by hand."
    return _once_at_a_time(start, every, note, jitter=min(feed.jitter, every))


def _of_publications(configuration: Configuration) -> dict[str, Schedule]:
    return {
        publication_workflow_id(name): _once_at_a_time(
            ScheduledStart(
                workflow="PublicationWorkflow",
                workflow_id=publication_workflow_id(name),
                request=PublicationRequest(channel=name).model_dump(mode="json"),
                summary=f"What {name} shows",
            ),
            channel.publishing.every,
            f"Publishes what {name} should show and does not yet. Safe to trigger by hand.",
        )
        for name, channel in configuration.channels.items()
        if publishes(channel)
    }


def _of_reconciliations(configuration: Configuration) -> dict[str, Schedule]:
    every = configuration.reconciling.every
    if every is None:
        return {}
    sides = [(Side.SUPPLIER, name) for name, supplier in configuration.suppliers.items() if supplier.enabled]
    sides += [(Side.CHANNEL, name) for name, channel in configuration.channels.items() if publishes(channel)]
    return {
        reconciliation_workflow_id(side, name): _once_at_a_time(
            ScheduledStart(
                workflow="ReconciliationWorkflow",
                workflow_id=reconciliation_workflow_id(side, name),
                request=ReconciliationRequest(side=side, name=name).model_dump(mode="json"),
                summary=f"Our word against that of {side} {name}",
            ),
            every,
            f"Compares what we know with {side} {name}. Safe to trigger by hand.",
        )
        for side, name in sides
    }


def _of_upkeep(configuration: Configuration) -> dict[str, Schedule]:
    found: dict[str, Schedule] = {}
    priced = any(channel.publishing.pricing for channel in configuration.channels.values())
    if priced and (every := configuration.supply.rates_every) is not None:
        note = "Captures the day's exchange rates. Safe to trigger by hand."
        found[RATES_WORKFLOW_ID] = _plain("ExchangeRatesWorkflow", RATES_WORKFLOW_ID, every, note)
    if (every := configuration.low_stock.every) is not None:
        note = "Tells of stock that will not last, and deletes history past its time. Safe to trigger by hand."
        found[STOCK_WATCH_WORKFLOW_ID] = _plain("StockWatchWorkflow", STOCK_WATCH_WORKFLOW_ID, every, note)
    if (every := configuration.supply.scorecards_every) is not None:
        note = "Figures out how suppliers did lately. Safe to trigger by hand."
        found[SCORECARDS_WORKFLOW_ID] = _plain("ScorecardsWorkflow", SCORECARDS_WORKFLOW_ID, every, note)
    return found


def _once_at_a_time(start: ScheduledStart, every: timedelta, note: str, *, jitter: timedelta | None = None) -> Schedule:
    """Describe a schedule of what others may ask for too: it goes through the workflow that starts it under its id."""
    action = ScheduleActionStartWorkflow(
        "ScheduledStartWorkflow",
        start,
        id=f"due/{start.workflow_id}",
        task_queue=SYNC_QUEUE,
        static_summary=f"Starts {start.workflow_id}, unless it runs",
        priority=STOCK,
    )
    return _schedule(action, every, note, jitter)


def _plain(workflow: str, workflow_id: str, every: timedelta, note: str) -> Schedule:
    action = ScheduleActionStartWorkflow(
        workflow, id=workflow_id, task_queue=SYNC_QUEUE, static_summary=note.partition(".")[0], priority=STOCK
    )
    return _schedule(action, every, note, None)


def _schedule(action: ScheduleActionStartWorkflow, every: timedelta, note: str, jitter: timedelta | None) -> Schedule:
    return Schedule(
        action=action,
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every)],
            jitter=min(every / 10, _MOST_JITTER) if jitter is None else jitter,
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP,
            # After an outage one run is enough: it fetches what is there now.
            catchup_window=min(max(every, _SHORTEST_CATCHUP), _LONGEST_CATCHUP),
        ),
        state=ScheduleState(note=note),
    )


async def apply_schedules(client: Client, wanted: Mapping[str, Schedule]) -> None:
    """Bring Temporal to these schedules: create, change, and delete those of ours that are not wanted any more."""
    for schedule_id, schedule in wanted.items():
        await _ensure(client, schedule_id, schedule)
    await _delete_others(client, wanted, await known_schedules(client))


async def restore_schedules(client: Client, wanted: Mapping[str, Schedule]) -> None:
    """Bring back what somebody deleted, and delete what the list of schedules showed too late; cheap to repeat."""
    known = await known_schedules(client)
    for schedule_id in wanted.keys() - known:
        await _ensure(client, schedule_id, wanted[schedule_id])
    await _delete_others(client, wanted, known)


async def _delete_others(client: Client, wanted: Mapping[str, Schedule], known: set[str]) -> None:
    for schedule_id in known - wanted.keys():
        await _delete(client, schedule_id)


async def known_schedules(client: Client) -> set[str]:
    """List the ids of our schedules. One that was created a moment ago may be missing."""
    found: set[str] = set()
    async for entry in await client.list_schedules():
        memo = await entry.memo()
        if memo.items() >= OURS.items():
            found.add(entry.id)
    return found


async def _ensure(client: Client, schedule_id: str, wanted: Schedule) -> None:
    try:
        await client.create_schedule(schedule_id, wanted, memo=OURS)
    except ScheduleAlreadyRunningError:
        arguments = await _arguments(client, wanted)
        await client.get_schedule_handle(schedule_id).update(lambda found: _updated(found, wanted, arguments))


async def _arguments(client: Client, schedule: Schedule) -> list[bytes]:
    action = schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    return [payload.data for payload in await client.data_converter.encode(action.args)]


async def _delete(client: Client, schedule_id: str) -> None:
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # another worker was faster
            raise


def _updated(found: ScheduleUpdateInput, wanted: Schedule, arguments: list[bytes]) -> ScheduleUpdate | None:
    current = found.description.schedule
    if _same(current, wanted, arguments):
        return None
    return ScheduleUpdate(schedule=replace(wanted, state=current.state))


def _same(current: Schedule, wanted: Schedule, arguments: list[bytes]) -> bool:
    is_, shall = current.action, wanted.action
    if not isinstance(is_, ScheduleActionStartWorkflow) or not isinstance(shall, ScheduleActionStartWorkflow):
        return False
    names = (is_.workflow, is_.id, is_.task_queue) == (shall.workflow, shall.id, shall.task_queue)
    given = [one.data for one in is_.args] == arguments  # as described: payloads, not what they hold
    times = [one.every for one in current.spec.intervals] == [one.every for one in wanted.spec.intervals]
    jitter = (current.spec.jitter or timedelta(0)) == (wanted.spec.jitter or timedelta(0))
    return names and given and times and jitter and current.policy == wanted.policy
