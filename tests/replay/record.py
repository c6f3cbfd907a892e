"""Record the histories that the replay tests replay: ``python -m tests.replay.record [--only NAME]``.

Real orders are played in a simulated world to every end there is, all at once. A scenario that ends otherwise than it
says is not recorded, and the command fails.
"""

import argparse
import asyncio
import gzip
import json
import os
import sys
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError

from adapters.database.migrate import upgrade
from models.identifiers import MAIL_WORKFLOW_ID, ORDERS_QUEUE, incident_workflow_id, straggler_workflow_id
from models.incidents import Trouble
from sandbox import btswholesaler
from sandbox.serving import serving
from starter.places import run_directory
from starter.postgres import embedded_postgres
from starter.temporal_server import temporal_dev_server
from tests.replay import stage as places
from tests.replay import supply
from tests.replay.replaying import HISTORIES, SUFFIX
from tests.replay.scenarios import SCENARIOS, Scenario
from tests.replay.stage import WATCHED, Stage, steer
from tests.workflows.namespaces import client_of_new_namespace
from tests.workflows.scenes import CAREFUL, Scene, spoilable_supplier
from tests.workflows.world import SECRETS, World, running_world

IDENTITY = "recorder"  # the default names this machine
ENDS_WITHIN = 90.0  # seconds
AT_ONCE = 12  # more would only slow each other down, past the instants that their scripts count on
PLAN = ["1s", "1s", "2s", "6s"]
SUPPLIER = {
    "tracking_plan": PLAN,
    "final_check_grace": "1s",
    "unreachable_deadline": "2s",
    "account_hold_probe": "500ms",
    "acknowledgement_deadline": "2s",
}
# What replay does not read. Stack traces and identities tell of this machine; the rest is only large.
NOT_REPLAYED = frozenset(
    {
        "historySizeBytes",
        "identity",
        "meteringMetadata",
        "namespaceId",
        "requestId",
        "retryPolicy",
        "stackTrace",
        "taskId",
        "userMetadata",
        "workerVersion",
    }
)
SHIPS_AFTER = 0.5  # seconds
INCIDENTS = {"account-held-until-it-is-put-right": incident_workflow_id("bts", Trouble.ACCOUNT_HOLD)}


def main() -> int:
    """Record every scenario, or those whose name holds ``--only``."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.replay.record")
    parser.add_argument("--only", default="", help="record only scenarios whose name holds this")
    chosen = [one for name, one in SCENARIOS.items() if parser.parse_args().only in name]
    started = time.time()
    with (
        run_directory("record") as folder,
        temporal_dev_server(_say, log_path=folder / "temporal.log") as server,
        embedded_postgres(folder / "postgres", _say, durable=False) as database,
    ):
        upgrade(database.url)
        failed = asyncio.run(_record(server.address, database.url, chosen))
    if not failed and len(chosen) == len(SCENARIOS):
        _remove_what_nobody_plays(recorded_before=started)
    size = sum(file.stat().st_size for file in HISTORIES.glob(f"*{SUFFIX}"))
    _say(f"{len(chosen) - failed} of {len(chosen)} scenarios in {time.time() - started:.0f} s; {size / 1e3:.0f} kB")
    return 1 if failed else 0


def _remove_what_nobody_plays(*, recorded_before: float) -> None:
    for file in HISTORIES.glob(f"*{SUFFIX}"):
        if file.stat().st_mtime < recorded_before:
            file.unlink()


async def _record(address: str, database_url: str, chosen: Sequence[Scenario]) -> int:
    """Play the scenarios, those that disturb others after them, and write what they left. Returns how many failed."""
    client = await client_of_new_namespace(address, identity=IDENTITY)
    async with _stage(client, database_url) as stage:
        await client.start_workflow("MailDispatchWorkflow", id=MAIL_WORKFLOW_ID, task_queue=ORDERS_QUEUE)
        some = asyncio.Semaphore(AT_ONCE)
        done = await asyncio.gather(*(_play(stage, one, some) for one in chosen if not one.alone))
        done += [await _play(stage, one, some) for one in chosen if one.alone]
        if len(chosen) == len(SCENARIOS):
            await _record_services(stage.world)
    return done.count(False)


@asynccontextmanager
async def _stage(client: Client, database_url: str) -> AsyncIterator[Stage]:
    """A world with three suppliers and three channels."""
    with spoilable_supplier() as url, _supplier() as second_url, _supplier() as invoiced_url:
        for nowhere in (url, second_url, invoiced_url):
            steer(nowhere, "stock", **{places.OUT_OF_STOCK: 0})
        for without in (places.ONLY_AT_SECOND, places.ONLY_ON_INVOICE):
            steer(url, "stock", **{without: 0})
        for without in (places.ONLY_AT_FIRST, places.ALSO_ONLY_AT_FIRST, places.ONLY_ON_INVOICE):
            steer(second_url, "stock", **{without: 0})
        for without in (places.ONLY_AT_FIRST, places.ALSO_ONLY_AT_FIRST, places.ONLY_AT_SECOND):
            steer(invoiced_url, "stock", **{without: 0})
        steer(second_url, "settings", ship_after=SHIPS_AFTER)
        settings: dict[str, Any] = {**SUPPLIER, "base_url": f"{url}/v1/api"}
        look_again = timedelta(seconds=0.3)
        async with running_world(client, database_url, look_again=look_again, **settings) as world:
            world.supplier_url = url
            world.configure(lambda document: _extend(document, second_url, invoiced_url))
            yield Stage(world, second_url, invoiced_url)


def _supplier() -> Any:
    return serving(btswholesaler.create_app(token=SECRETS["BTS_TOKEN"], seed=1))


def _extend(document: dict[str, Any], second_url: str, invoiced_url: str) -> None:
    """Add a second supplier, one that is paid on invoice, and channels in approve and in observe mode."""
    first = document["suppliers"]["bts"]
    second = {"display_name": "Second Wholesaler", "base_url": f"{second_url}/v1/api"}
    invoiced = {"display_name": "Invoicing Wholesaler", "base_url": f"{invoiced_url}/v1/api"}
    by_transfer = {"options": {"payment_method": "banktransfer"}, "enabled": True}
    document["suppliers"] |= {"second": {**first, **second}, "invoiced": {**first, **invoiced, **by_transfer}}
    document["routing"]["priority"] = ["bts", "second", "invoiced"]
    channel = document["channels"]["main"]
    document["channels"] |= {
        CAREFUL: {**channel, "shop_domain": "careful.planted.example", "mode": "approve"},
        WATCHED: {**channel, "shop_domain": "watched.planted.example", "mode": "observe"},
    }


async def _play(stage: Stage, one: Scenario, some: asyncio.Semaphore) -> bool:
    """Play one scenario and write its histories, if it ended as it should."""
    try:
        async with some, asyncio.timeout(ENDS_WITHIN):
            scene = await one.play(stage)
            await _check(scene, one)
            await _write_scene(stage.world.client, scene, one.name)
    except Exception as error:  # noqa: BLE001 - the other scenarios go on
        _say(f"{one.name}: not recorded, {type(error).__name__}: {error}")
        traceback.print_exception(error, limit=-3)
        return False
    _say(f"{one.name}: recorded")
    return True


async def _check(scene: Scene, one: Scenario) -> None:
    order = scene.world.client.get_workflow_handle(scene.workflow_id)
    result = await order.result()
    assert result["ending"] == one.order, result
    states = tuple(row["state"] for row in scene.purchase_orders())
    assert states == one.purchase_orders, states


async def _write_scene(client: Client, scene: Scene, name: str) -> None:
    await _write(client, scene.workflow_id, f"order-{name}")
    for number, row in enumerate(scene.purchase_orders(), 1):
        await _write(client, row["workflow_id"], f"purchase-order-{name}{f'-{number}' if number > 1 else ''}")
        await _write(client, straggler_workflow_id(row["number"]), f"straggler-{name}")
    await _write(client, f"foreign/{scene.workflow_id}", f"order-{name}-foreign")
    if one_incident := INCIDENTS.get(name):
        await _write(client, one_incident, f"incident-{name}")


async def _record_services(world: World) -> None:
    """Record a sweep, and the mail dispatcher as it runs."""
    await world.client.execute_workflow("SweepWorkflow", id="sweep", task_queue=ORDERS_QUEUE)
    await _write(world.client, "sweep", "sweep-once")
    await _write(world.client, MAIL_WORKFLOW_ID, "mail-dispatch-running")
    # The world's own workers serve the same queue, and a namespace has room for one of each.
    apart = await client_of_new_namespace(world.client.service_client.config.target_host, identity=IDENTITY)
    await supply.play_all(apart, lambda workflow_id, run_id, name: _write(apart, workflow_id, name, run_id))


async def _write(client: Client, workflow_id: str, name: str, run_id: str | None = None) -> None:
    """Write a run's history, one event a line, the latest by default; nothing where nothing was started by this id."""
    try:
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    except RPCError:
        return
    documents = [_bare(event) for event in history.to_json_dict()["events"]]
    events = [json.dumps(one, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for one in documents]
    text = '{"events": [\n' + ",\n".join(events) + "\n]}\n"
    HISTORIES.mkdir(exist_ok=True)
    (HISTORIES / f"{name}{SUFFIX}").write_bytes(gzip.compress(text.encode(), mtime=0))


def _bare(part: Any) -> Any:
    """Leave out ``NOT_REPLAYED``, and what is empty, at every depth."""
    if isinstance(part, dict):
        kept = {name: value for name, value in part.items() if name not in NOT_REPLAYED}
        return {name: _bare(value) for name, value in kept.items() if value != {} or name.endswith("Attributes")}
    return [_bare(value) for value in part] if isinstance(part, list) else part


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    os._exit(code)  # an interpreter that ends in order may abort in the SDK's threads
