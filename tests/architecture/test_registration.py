"""Everything that is written is also served: every activity by exactly one queue, every workflow by the worker."""

import ast
import inspect
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client

import activities
import worker
import workflows
from activities.dependencies import build_dependencies
from activities.registry import Registry, build_registry, with_client
from adapters.database.engine import Database

ROOT = Path(__file__).parents[2]


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


def _classes(package: ModuleType) -> Iterator[type]:
    for module in _modules(package):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__:
                yield kind


def _activity_name(function: Callable[..., Any]) -> str | None:
    definition = activity._Definition.from_callable(function)
    return definition.name if definition else None


def _written_activities() -> set[str]:
    methods = [method for kind in _classes(activities) for _, method in inspect.getmembers(kind, inspect.isfunction)]
    functions = [f for module in _modules(activities) for _, f in inspect.getmembers(module, inspect.isfunction)]
    return {name for one in (*methods, *functions) if (name := _activity_name(one))}


@pytest.fixture
async def registry() -> Registry:
    client = await Client.connect("127.0.0.1:9", lazy=True)
    deps = build_dependencies(Database("postgresql+psycopg2://nobody@127.0.0.1:9/none"), lambda name: name)
    return with_client(build_registry(deps, mail_every=timedelta(seconds=1)), deps, client)


def _queues(registry: Registry) -> list[Sequence[Callable[..., Any]]]:
    return [getattr(registry, one.name) for one in fields(registry)]


def _served(registry: Registry) -> list[str]:
    queues = _queues(registry)
    return [name for queue in queues for one in queue if (name := _activity_name(one))]


async def test_every_activity_that_is_written_is_served(registry: Registry) -> None:
    assert set(_served(registry)) == _written_activities()


async def test_every_activity_is_served_by_one_queue_only(registry: Registry) -> None:
    assert [name for name, count in Counter(_served(registry)).items() if count > 1] == []


async def test_a_cancelled_attempt_is_never_torn_out_of_a_transaction(registry: Registry) -> None:
    # An exception thrown into a thread between a send and its record would lose what became of it.
    for queue in _queues(registry):
        for one in queue:
            definition = activity._Definition.must_from_callable(one)
            assert definition.no_thread_cancel_exception or definition.is_async, definition.name


def test_every_workflow_that_is_written_is_served() -> None:
    written = {kind for kind in _classes(workflows) if workflow._Definition.from_class(kind)}
    assert written == set(worker.WORKFLOWS)


def test_workflows_are_known_to_histories_by_their_class_names() -> None:
    for kind in worker.WORKFLOWS:
        assert workflow._Definition.must_from_class(kind).name == kind.__name__


def test_everything_that_people_see_of_a_workflow_is_described() -> None:
    for kind in worker.WORKFLOWS:
        definition = workflow._Definition.must_from_class(kind)
        described = {
            **{name: handler.description for name, handler in definition.signals.items()},
            **{name: handler.description for name, handler in definition.queries.items()},
            **{name: handler.description for name, handler in definition.updates.items()},
        }
        assert [name for name, description in described.items() if not description] == []


def test_every_signal_takes_whatever_is_sent() -> None:
    # One click in the Temporal UI with no input, or one argument too many, must not wedge an order.
    for kind in worker.WORKFLOWS:
        for signal in workflow._Definition.must_from_class(kind).signals.values():
            parameters = list(inspect.signature(signal.fn).parameters.values())[1:]
            assert [one.kind for one in parameters] == [inspect.Parameter.VAR_POSITIONAL], signal.name


# What belongs into workflows/options.py and nowhere else.

_POLICIES = {"RetryPolicy", "Priority"}
_SETTINGS = ("_timeout", "retry_policy")


def _policies_in(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found += [f"{name}() in line {node.lineno}"] if name in _POLICIES else []
            found += [
                f"{keyword.arg}= in line {node.lineno}"
                for keyword in node.keywords
                if keyword.arg and keyword.arg.endswith(_SETTINGS)
            ]
    return found


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((ROOT / "workflows").rglob("*.py")) if path.name != "options.py"],
    ids=lambda path: path.stem,
)
def test_timeouts_and_retries_are_named_in_options_only(path: Path) -> None:
    assert _policies_in(path.read_text()) == []


def test_a_timeout_typed_at_a_call_is_found() -> None:
    careless = "workflow.start_activity(a, start_to_close_timeout=t, retry_policy=common.RetryPolicy())"
    assert len(_policies_in(careless)) == 3
    assert _policies_in((ROOT / "workflows" / "options.py").read_text())
