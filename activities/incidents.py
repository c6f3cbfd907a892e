"""Seeing an incident through: who is told, when the supplier is tried again, and in which order the waiting go on."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities import incident_letters, outages, placement
from activities.common import Dependencies, now
from activities.failures import wait
from activities.incident_letters import Affair
from activities.incident_starts import RPC_TIMEOUT, start_incident_workflow
from adapters.database import incident_orders, incidents, mails, tasks
from adapters.database.calls import CallSubject
from adapters.database.engine import Transaction
from adapters.database.incidents import Incident
from adapters.database.mails import Letter
from adapters.errors import AccountHold, AdapterError, AuthenticationFailed
from models.commands import SupplierRecovered
from models.configuration import Supplier
from models.incidents import IncidentRequest, IncidentState, ProbeRequest, Trouble
from models.tasks import TaskCategory
from workflows.decisions import outage

LOOK_AT_DRAIN = timedelta(seconds=2)
LOOK_IN_CALM = timedelta(hours=1)  # at the latest: word that it has failed again may have been lost
SETTLING = timedelta(minutes=2)  # an order that was let go and asks a person meanwhile holds up nobody for longer
TRYING = timedelta(minutes=5)  # the longest that the one order which tries an account is looked at

Result = TypeVar("Result")


class IncidentActivities:
    """The steps of ``IncidentWorkflow`` that speak to our database and to the supplier."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps

    @activity.defn(no_thread_cancel_exception=True)
    def tend_incident(self, request: IncidentRequest) -> IncidentState:
        """Write the mail that is due, close what is over, and say how the incident stands. Repeating it changes nothing."""
        with self._deps.database.begin() as tx:
            incident = incidents.newest(tx, request.supplier, request.kind)
            if incident is None:
                return IncidentState(open=False)
            incidents.started(tx, incident.id, now=now())
            if incident.closed_at is None:
                self._close_if_over(tx, incident)
                incident = incidents.newest(tx, request.supplier, request.kind)
                assert incident is not None
            if incident.closed_at is not None:
                self._tell_closed(tx, incident)
                return IncidentState(open=False, incident_id=incident.id)
            if incident.down:
                self._tell_due(tx, incident)
            return self._state(tx, incident)

    def _close_if_over(self, tx: Transaction, incident: Incident) -> None:
        """Nobody waits for a supplier that is no longer configured, nor is asked about a change that was seen to."""
        gone = incident.supplier not in self._deps.outside.configuration.suppliers
        seen = incident.kind == Trouble.CHANGED and not incidents.is_asked_about(tx, incident.id)
        if incident.down and (gone or seen):
            incidents.recovered(tx, incident.supplier, [incident.kind], now=now())
        incidents.finish(tx, incident.id, now=now(), calm_for=self._calm_for(incident))

    def _calm_for(self, incident: Incident) -> timedelta:
        """Say how long it must stay well: one that comes and goes is one matter, not one alert for each time."""
        settings = self._deps.outside.configuration.suppliers.get(incident.supplier)
        return settings.outages.calm_for if settings and incident.kind in incidents.SILENT else timedelta(0)

    def _state(self, tx: Transaction, incident: Incident) -> IncidentState:
        counts, probe_at = incident_orders.counts(tx, incident.id), self.probe_at(incident)
        over_at = incident.over_at(self._calm_for(incident))
        if over_at is not None:
            next_at = min(over_at, now() + LOOK_IN_CALM)
        else:
            notice_at = outage.next_notice(incident.opened_at, now(), *self._notice_rhythm(incident))
            next_at = min(probe_at, notice_at) if probe_at else notice_at
        return IncidentState(
            open=True,
            incident_id=incident.id,
            down=incident.down,
            opened_at=incident.opened_at,
            probe_at=probe_at,
            down_since=incident.down_since,
            over_at=over_at,
            next_at=next_at,
            waiting=counts.waiting,
            released=counts.released,
            reason=incident.reason,
        )

    def probe_at(self, incident: Incident) -> datetime | None:
        """Say when this incident's supplier is tried again; None where nothing can be tried."""
        if incident.kind == Trouble.CHANGED or not incident.down:
            return None
        settings = self._settings(incident.supplier)
        every = settings.account_hold_probe if incident.kind == Trouble.ACCOUNT_HOLD else settings.outages.probe_every
        return outage.next_probe(incident.probed_at, every, incident.probe_after)

    def _notice_rhythm(self, incident: Incident) -> tuple[timedelta, timedelta]:
        return self._settings(incident.supplier).outages.digest_every, self._deps.outside.people.escalate_after

    def _settings(self, supplier: str) -> Supplier:
        return self._deps.outside.supplier_settings(supplier)

    # Mails.

    def _tell_due(self, tx: Transaction, incident: Incident) -> None:
        due = outage.notice_due(incident.opened_at, now(), *self._notice_rhythm(incident))
        if due is None:
            return
        asking = incident_orders.asking(tx, incident.id, TaskCategory.SUPPLIER_UNREACHABLE)
        affair = self._affair(tx, incident, asking)
        self._write(tx, incident, incident_letters.still_open(affair, due, probe_at=self.probe_at(incident)))

    def _tell_closed(self, tx: Transaction, incident: Incident) -> None:
        affair = self._affair(tx, incident, incident_orders.asking(tx, incident.id))
        self._write(tx, incident, incident_letters.closed(affair))

    def _affair(self, tx: Transaction, incident: Incident, asking: int) -> Affair:
        counts = incident_orders.counts(tx, incident.id)
        return Affair(incident, self._deps.outside.configuration, counts, asking=asking, now=now())

    def _write(self, tx: Transaction, incident: Incident, letter: Letter) -> None:
        if mails.write_new(tx, letter, now=now()):
            incidents.mailed(tx, incident.id)

    # Trying again.

    @activity.defn(no_thread_cancel_exception=True)
    def probe_supplier(self, request: ProbeRequest) -> None:
        """Ask the supplier its cheapest question, once per interval however often this is attempted."""
        with self._deps.database.begin() as tx:
            incident = claimed(tx, self._deps, self.probe_at, request)
        if incident is None:
            return
        with self._deps.journal.about(CallSubject()) as entries:
            try:
                placement.port_to(self._deps, incident.supplier).probe()
            except AccountHold:  # it is there, and says so: the next order meets the hold
                pass
            except AdapterError as error:
                with self._deps.database.begin() as tx:
                    entries.save(tx)
                    self._stays_down(tx, incident, error)
                return
            with self._deps.database.begin() as tx:
                entries.save(tx)
                outages.note_answer(tx, incident)

    def _stays_down(self, tx: Transaction, incident: Incident, error: AdapterError) -> None:
        if error.retry_after is not None:
            incidents.stay_away(tx, incident.id, now() + error.retry_after)
        if isinstance(error, AuthenticationFailed):  # it may have been down, and back with other credentials
            outages.note_exchange_failure(tx, self._deps, incident.supplier, error)


def claimed(
    tx: Transaction, deps: Dependencies, probe_at: Callable[[Incident], datetime | None], request: ProbeRequest
) -> Incident | None:
    """Claim a try that is due, or that a person wants now. None where there is nothing to try (any more)."""
    incident = incidents.newest(tx, request.supplier, request.kind)
    if incident is None or not incident.down or request.supplier not in deps.outside.configuration.suppliers:
        return None
    due = probe_at(incident)
    if due is None or (due > now() and not (request.by_hand and activity.info().attempt == 1)):
        return None
    return incident if incidents.claim_probe(tx, incident, now=now()) else None


class ReleaseActivities:
    """The steps of ``IncidentWorkflow`` that tell waiting orders to go on."""

    def __init__(self, deps: Dependencies, client: Client) -> None:
        self._deps = deps
        self._client = client
        self._incidents = IncidentActivities(deps)

    @activity.defn
    async def let_one_try(self, request: ProbeRequest) -> None:
        """While the account is held: let the oldest waiting order try whether orders are taken, and await what it finds."""
        incident, order = await self._run(lambda tx: self._claim_trial(tx, request))
        if incident is None:
            return
        if order is not None:
            await self._let_go(incident, [order])
        if await self._run(lambda tx: _is_trying(tx, incident)):
            raise wait("one order tries whether orders are taken again", LOOK_AT_DRAIN)

    def _claim_trial(self, tx: Transaction, request: ProbeRequest) -> tuple[Incident | None, tuple[int, str] | None]:
        incident = claimed(tx, self._deps, self._incidents.probe_at, request)
        if incident is None:
            return incidents.newest(tx, request.supplier, request.kind), None
        if incidents.down(tx, [incident.supplier]):  # nobody can try it now; at the next interval, then
            return incident, None
        oldest = incident_orders.waiting_orders(tx, incident.id, 1)
        if not oldest:  # the next order that comes will tell
            incidents.recovered(tx, incident.supplier, [incident.kind], now=now())
        return incident, (oldest[0] if oldest else None)

    @activity.defn
    async def drain_incident(self, request: IncidentRequest) -> int:
        """Let the waiting orders go, oldest first, so many at once; stop where the supplier fails again. By retry.

        Returns how many this attempt let go.
        """
        incident, batch = await self._run(lambda tx: self._next_batch(tx, request))
        if incident is None:
            return 0
        await self._let_go(incident, batch)
        if waiting := await self._run(lambda tx: incident_orders.counts(tx, incident.id).waiting):
            raise wait(f"{waiting} orders wait for their turn", LOOK_AT_DRAIN)
        return len(batch)

    def _next_batch(self, tx: Transaction, request: IncidentRequest) -> tuple[Incident | None, list[tuple[int, str]]]:
        incident = incidents.newest(tx, request.supplier, request.kind)
        if incident is None or incident.down or incident.closed_at is not None:
            return None, []
        settings = self._deps.outside.configuration.suppliers.get(request.supplier)
        at_once = settings.outages.drain if settings else 1
        under_way = incident_orders.under_way(tx, incident.id, since=now() - SETTLING)
        back_since = (incident.recovered_at or now()) - SETTLING  # as another worker's clock has it
        proven = incident_orders.came_through(tx, incident.id, since=back_since)
        room = outage.room(at_once, under_way, proven=proven)
        return incident, incident_orders.waiting_orders(tx, incident.id, room)

    async def _let_go(self, incident: Incident, orders: Sequence[tuple[int, str]]) -> None:
        """Tell orders to go on; one told twice, because we ended in between, finds the way open or waits again."""
        at = now()
        event = SupplierRecovered(event_id=f"incident:{incident.id}:{at:%Y%m%dT%H%M%S.%f}")
        for purchase_order_id, workflow_id in orders:
            await self._run(partial(self._release, incident, purchase_order_id, at))
            await self._tell(workflow_id, event)
            await self._run(partial(self._note, incident, purchase_order_id, at))

    async def _tell(self, workflow_id: str, event: SupplierRecovered) -> None:
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            await handle.signal("supplier_recovered", event, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended, and waits for nothing
                raise

    def _release(self, incident: Incident, purchase_order_id: int, at: datetime, tx: Transaction) -> None:
        incident_orders.release(tx, incident.id, purchase_order_id, now=at)

    def _note(self, incident: Incident, purchase_order_id: int, at: datetime, tx: Transaction) -> None:
        if not incident_orders.let_go(tx, incident.id, purchase_order_id, released_at=at):
            return
        key = f"purchase-order:{purchase_order_id}:{TaskCategory.SUPPLIER_UNREACHABLE}"
        tasks.close_for(tx, key, answer="the supplier serves us again", now=now())

    async def start_open_incidents(self) -> int:
        """Start the workflows of open incidents that none runs for. Returns how many incidents are open."""
        found = await self._run(incidents.list_open_ones)
        for incident in found:
            await start_incident_workflow(
                self._client, IncidentRequest(supplier=incident.supplier, kind=Trouble(incident.kind))
            )
        return len(found)

    async def _run(self, work: Callable[[Transaction], Result]) -> Result:
        def in_transaction() -> Result:
            with self._deps.database.begin() as tx:
                return work(tx)

        return await asyncio.to_thread(in_transaction)


def _is_trying(tx: Transaction, incident: Incident) -> bool:
    current = incidents.find(tx, incident.id)
    if current is None or not current.down or now() > current.probed_at + TRYING:
        return False
    return incident_orders.under_way(tx, incident.id, since=current.probed_at) > 0
