"""A command waits for nothing that it does not need: what only workers and the API use is not loaded for it."""

import json
import subprocess
import sys

import pytest

from starter.cli import ENTRIES, build_app

WORKERS_ONLY = {"asyncssh", "numpy", "highspy", "fastapi", "uvicorn", "workflows.order", "activities.registry"}
LOADED = (
    "import json, sys; from starter.cli import build_app; build_app(sys.argv[1]); print(json.dumps(list(sys.modules)))"
)


def _loaded_for(word: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED, word], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("word", ["orders", "order", "tasks", "task", "incidents", "suppliers", "config", "worker"])
def test_a_command_loads_what_it_needs_itself(word: str) -> None:
    assert not _loaded_for(word) & WORKERS_ONLY


def test_every_command_is_there_where_none_is_named() -> None:
    app = build_app()
    commands, groups = ({one.name for one in found} for found in (app.registered_commands, app.registered_groups))
    assert commands | groups == set(ENTRIES)


def test_a_word_that_is_no_command_is_answered_by_all_of_them() -> None:
    assert len(build_app("ordres").registered_commands) == len(build_app().registered_commands)
    assert [one.name for one in build_app("orders").registered_commands] == ["orders"]
