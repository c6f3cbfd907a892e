import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from starter.places import Announce, run_directory
from tests.e2e import harness, oracle
from tests.e2e.ending import unfinished, worked_off
from tests.e2e.harness import KILLED, NoCallError, Scene, running_scene
from tests.e2e.kill_points import Target, kill_points
from tests.e2e.oracle import Evidence
from tests.e2e.person import Person
from tests.e2e.privacy import Scanner
from tests.e2e.sales import PLANTED_WORDS, sales

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1500)]

SELLING_SECONDS = 100.0
WORKED_OFF_WITHIN = 900.0  # a run takes less than 300 where nothing else runs
FEWEST_KILLS = 10


class Aftermath:
    """What a run leaves to look at."""

    def __init__(self, scene: Scene, person: Person, pending: list[str], evidence: Evidence, seconds: float) -> None:
        self.scene, self.person, self.pending, self.evidence = scene, person, pending, evidence
        self.seconds = seconds

    def counts(self) -> dict[str, object]:
        """Sum the run up."""
        states = Counter(row["state"] for row in self.evidence.orders.values())
        return {
            "seed": harness.seed(),
            "seconds": round(self.seconds),
            "orders": len(self.evidence.sales),
            "by_state": dict(states),
            "supplier_orders": len(self.evidence.supplier),
            "kills": len(self.scene.kills),
            "processes_killed": sum(len(codes) for _, codes in self.scene.kills),
            "restarts": {str(target): count for target, count in self.scene.restarts.items()},
            "mails": dict(Counter(row["state"] for row in self.evidence.mails)),
            "arrived": len(self.evidence.inbox),
            "answers": dict(Counter(self.person.answers.values())),
            "refused_answers": dict(Counter(self.person.refusals)),
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aftermath(announce: Announce) -> AsyncIterator[Aftermath]:
    """Place the orders, kill what there is to kill, and wait until everything has come to its end."""
    seed, count = harness.seed(), harness.order_count()
    announce(f"under fire: seed {seed}, {count} orders (DROPWRIGHT_E2E_SEED, DROPWRIGHT_E2E_ORDERS)")
    with run_directory("under-fire") as workdir:
        async with running_scene(workdir, announce, seed) as scene:
            started = time.monotonic()
            await scene.start_everything()
            await scene.systems.let_it_rain(seed)
            person = Person(scene)
            answering = asyncio.create_task(person.work())
            try:
                await asyncio.gather(_sell(scene, seed, count), _kill(scene, seed, count, announce))
                pending = await worked_off(scene, WORKED_OFF_WITHIN - (time.monotonic() - started))
            finally:
                answering.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await answering
            evidence = await oracle.gather_evidence(scene)
            result = Aftermath(scene, person, pending, evidence, time.monotonic() - started)
            announce(f"under fire: {result.counts()}")
            yield result


async def _sell(scene: Scene, seed: int, count: int) -> None:
    customers = []
    for sale in sales(seed, count):
        customers.append(asyncio.create_task(scene.sell(sale)))
        await asyncio.sleep(SELLING_SECONDS / count)
    await asyncio.gather(*customers)


async def _kill(scene: Scene, seed: int, count: int, announce: Announce) -> None:
    started = time.monotonic()
    await asyncio.sleep(5)
    for point in kill_points(seed, count):
        announce(f"  {time.monotonic() - started:.0f} s: kill {point}")
        try:
            await scene.strike(point)
        except NoCallError:
            pytest.fail("\n".join([f"no call came for: {point}", *await unfinished(scene)]))
        scene.revive()
        await asyncio.sleep(harness.BETWEEN_KILLS)


async def test_every_order_comes_to_its_end_and_nothing_is_left_open(aftermath: Aftermath) -> None:
    assert not aftermath.pending, "\n".join(aftermath.pending)


async def test_the_ledgers_of_supplier_shop_and_mail_server_agree_with_our_record(aftermath: Aftermath) -> None:
    wrong = oracle.everything_wrong(aftermath.evidence)
    assert not wrong, "\n".join(wrong)


async def test_no_lifecycle_failed_and_no_workflow_task_failed(aftermath: Aftermath) -> None:
    broken = await oracle.broken_workflows(aftermath.scene.client)
    assert not broken, "\n".join(broken)


async def test_workers_were_killed_at_least_ten_times_and_nothing_else_ended(aftermath: Aftermath) -> None:
    kills = aftermath.scene.kills
    assert len(kills) >= FEWEST_KILLS
    assert {code for _, codes in kills for code in codes} == {KILLED}
    assert aftermath.scene.restarts[Target.API] == 1
    assert aftermath.scene.restarts[Target.POSTGRES] == 1
    assert aftermath.scene.deaths == []


async def test_no_history_log_id_or_task_holds_personal_data(aftermath: Aftermath) -> None:
    scanner = Scanner(PLANTED_WORDS)

    workflows = await scanner.look_at_histories(aftermath.scene.client)
    lines = sum(scanner.look_at_log(path) for path in aftermath.scene.logs().values())
    scanner.look_at_tables(aftermath.scene.database)

    assert not scanner.findings, "\n".join(scanner.findings)
    assert workflows > harness.order_count()
    assert lines > 0
