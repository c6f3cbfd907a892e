import asyncio
import os
import re
import sys
from collections import Counter

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.workflow import NondeterminismError

from models.statuses import ORDER_ENDINGS, PURCHASE_ORDER_ENDINGS
from starter.places import project_dir
from tests.replay.broken_workflows import BROKEN
from tests.replay.replaying import HISTORIES, Recorded, all_recorded
from tests.replay.scenarios import SCENARIOS
from tests.workflows.world import PLANTED_WORDS
from worker import WORKFLOWS

ALL = all_recorded()
LARGEST_FOLDER = 500_000  # bytes
PLACES = re.compile(r"site-packages|\.py\b|/home/|/root/|/Users/|/tmp/|C:\\")
SIMPLEST = "shipped-at-the-first-check"
TEACHING = (
    "An order that runs while this code is deployed replays so, and stops for ever. Keep the old path for it: "
    'if workflow.patched("what-changed"): the new way, else: the old way. Only where no order of the old kind runs '
    "anywhere (nothing is released yet) record anew, on purpose: python -m tests.replay.record"
)


def in_words(recorded: list[Recorded]) -> list[str]:
    return [one.name for one in recorded]


@pytest.mark.parametrize("recorded", ALL, ids=in_words(ALL))
async def test_what_ran_before_runs_the_same_today(recorded: Recorded) -> None:
    problem = await recorded.replay()
    assert problem is None, f"{recorded.name} does not replay: {problem}\n{TEACHING}"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
async def test_a_changed_workflow_does_not_replay(broken: type) -> None:
    part = "order" if broken in BROKEN and BROKEN[broken][0] is broken else "purchase-order"
    [recorded] = [one for one in ALL if one.name == f"{part}-{SIMPLEST}"]
    with pytest.raises(NondeterminismError):
        raise await recorded.replay(BROKEN[broken]) or AssertionError("it replayed")


async def test_every_hash_seed_replays_the_same() -> None:
    async def replay_all(seed: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.replay.replaying",
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=project_dir(),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    results = await asyncio.gather(*map(replay_all, ("1", "4294967295")))
    assert results == [(0, ""), (0, "")], TEACHING


def test_every_end_of_both_lifecycles_is_recorded() -> None:
    ends = Counter(
        (one.workflow_type, one.result["ending"])
        for one in ALL
        if isinstance(one.result, dict) and "ending" in one.result
    )
    wanted = [("OrderWorkflow", str(state)) for state in ORDER_ENDINGS]
    wanted += [("PurchaseOrderWorkflow", str(state)) for state in PURCHASE_ORDER_ENDINGS]
    missing = sorted(f"{kind} that ends as {state}" for kind, state in wanted if not ends[kind, state])
    assert not missing, f"no history of {missing}: add a scenario, then python -m tests.replay.record"


def test_every_workflow_is_recorded() -> None:
    known = {getattr(kind, "__temporal_workflow_definition").name for kind in WORKFLOWS}
    assert {one.workflow_type for one in ALL} == known


def test_every_scenario_is_recorded_and_nothing_else() -> None:
    orders = {one.name.removeprefix("order-") for one in ALL if one.name.startswith("order-")}
    assert orders == {*SCENARIOS, "run-that-is-foreign-foreign"}


@pytest.mark.parametrize("recorded", ALL, ids=in_words(ALL))
def test_no_history_tells_of_a_person_or_a_machine(recorded: Recorded) -> None:
    assert private_words(recorded) == []


def test_a_person_or_a_machine_in_a_history_would_be_found() -> None:
    history = History()
    history.events.add().workflow_execution_signaled_event_attributes.input.payloads.append(
        Payload(data=f'"{PLANTED_WORDS[0]} at /root/order.py"'.encode())
    )
    assert private_words(Recorded("planted", history)) == [PLANTED_WORDS[0], "/root/", ".py"]


def private_words(recorded: Recorded) -> list[str]:
    text = recorded.text()
    return [word for word in PLANTED_WORDS if word in text] + PLACES.findall(text)


def test_the_histories_are_small() -> None:
    assert sum(path.stat().st_size for path in HISTORIES.iterdir()) <= LARGEST_FOLDER
