"""Replaying recorded histories as a worker does after a deployment: ``python -m tests.replay.replaying`` replays all."""

import asyncio
import gzip
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pydantic import ValidationError
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from worker import WORKFLOWS, workflow_runner

HISTORIES = Path(__file__).with_name("histories")
SUFFIX = ".json.gz"  # they repeat themselves: a fifth of the text


@dataclass(frozen=True)
class Recorded:
    """A recorded history: its file's name, and its events."""

    name: str
    history: History

    @classmethod
    def read(cls, path: Path) -> "Recorded":
        """Read a history's file."""
        return cls(path.name.removesuffix(SUFFIX), json_format.Parse(gzip.decompress(path.read_bytes()), History()))

    @property
    def workflow_type(self) -> str:
        """The name that its workflow was started by."""
        name: str = self._started.workflow_type.name
        return name

    @property
    def result(self) -> dict[str, Any] | None:
        """What its workflow returned; None where it has not ended, or returned nothing."""
        completed = self.history.events[-1].workflow_execution_completed_event_attributes
        payloads = completed.result.payloads
        result: dict[str, Any] | None = json.loads(payloads[0].data) if payloads and payloads[0].data else None
        return result

    def text(self) -> str:
        """All that it holds as one text, payloads decoded."""
        return self.history.SerializeToString().decode("utf-8", "replace")

    async def replay(self, workflows: Sequence[type] = WORKFLOWS) -> Exception | None:
        """Replay it with these workflows, configured as the worker's. Returns what went wrong."""
        result = await _replayer(workflows).replay_workflow(self.as_fetched(), raise_on_replay_failure=False)
        return result.replay_failure

    def as_fetched(self) -> WorkflowHistory:
        """Put it as a client fetches it."""
        return WorkflowHistory(self._started.workflow_id, self.history.events)

    @property
    def _started(self) -> Any:
        return self.history.events[0].workflow_execution_started_event_attributes


def all_recorded() -> list[Recorded]:
    """Read every recorded history."""
    return [Recorded.read(path) for path in sorted(HISTORIES.glob(f"*{SUFFIX}"))]


def _replayer(workflows: Sequence[type]) -> Replayer:
    return Replayer(
        workflows=list(workflows),
        workflow_runner=workflow_runner(),
        data_converter=pydantic_data_converter,
        workflow_failure_exception_types=[ValidationError],
    )


async def main() -> int:
    """Replay all on one worker, and name those that fail."""
    names = {recorded.as_fetched().run_id: recorded.name for recorded in all_recorded()}

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for recorded in all_recorded():
            yield recorded.as_fetched()

    results = await _replayer(WORKFLOWS).replay_workflows(histories(), raise_on_replay_failure=False)
    for run_id, problem in results.replay_failures.items():
        sys.stdout.write(f"{names[run_id]}: {problem}\n")
    return 1 if results.replay_failures else 0


if __name__ == "__main__":
    code = asyncio.run(main())
    sys.stdout.flush()
    os._exit(code)  # an interpreter that ends in order may abort in the SDK's threads
