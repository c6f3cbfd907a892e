"""The direction of imports, and what a workflow file may load."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("models", "workflows", "activities", "adapters", "starter", "sandbox", "bench")
LINTER = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

# A module that the sandbox loads anew for every run costs a tenth of a second and megabytes each; each of ours is
# wanted there, so that it is policed.
LOADED_PER_RUN = """
import asyncio, dataclasses, sys, warnings
from temporalio import workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import SandboxImportNotificationPolicy
import worker

async def main():
    restrictions = dataclasses.replace(
        worker.workflow_runner().restrictions,
        import_notification_policy=SandboxImportNotificationPolicy.WARN_ON_UNINTENTIONAL_PASSTHROUGH,
    )
    runner = SandboxedWorkflowRunner(restrictions=restrictions)
    for kind in WORKFLOWS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            runner.prepare_workflow(workflow._Definition.must_from_class(kind))
        for warning in caught:
            print(str(warning.message).split()[1])
"""
RUN = "\nasyncio.run(main())\n"
CARELESS = """
from temporalio import workflow
import stdnum.ean

@workflow.defn
class Careless:
    @workflow.run
    async def run(self) -> None: ...
"""


def _run(program: str, *folders: Path) -> list[str]:
    paths = os.pathsep.join(str(folder) for folder in (*folders, ROOT))
    finished = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINTER, cwd=folder, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True)


def test_imports_go_one_way() -> None:
    linted = _lint(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("workflows/decisions/routing.py", "import adapters.http", "Decisions are pure"),
        ("workflows/order.py", "import models.tables", "Workflows name activities"),
        ("activities/mail.py", "import models.tables", "Only the database adapter sees the tables"),
        ("models/money.py", "import adapters.errors", "Models stand alone"),
        ("sandbox/catalogue.py", "import models.money", "The simulated world shares no code"),
        ("activities/mail.py", "import worker", "Only starter runs the worker"),
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for single in ("worker.py", "pyproject.toml"):
        shutil.copy(ROOT / single, tmp_path)
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{line}\n")
    linted = _lint(tmp_path)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    broken = [report for report in linted.stdout.splitlines() if report.endswith(" BROKEN")]
    assert any(report.startswith(contract) for report in broken), broken


def test_a_workflow_loads_nothing_per_run_but_our_own_workflow_files() -> None:
    loaded = _run(LOADED_PER_RUN.replace("WORKFLOWS", "worker.WORKFLOWS", 1) + RUN)
    assert loaded
    assert {name.partition(".")[0] for name in loaded} == {"workflows"}


def test_a_careless_import_in_a_workflow_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "careless.py").write_text(textwrap.dedent(CARELESS))
    program = LOADED_PER_RUN.replace("for kind in WORKFLOWS", "import careless\n    for kind in [careless.Careless]")
    assert "stdnum.ean" in _run(program + RUN, tmp_path)


def test_package_files_stay_empty() -> None:
    filled = [
        str(path.relative_to(ROOT))
        for package in (*PACKAGES, "tests")
        for path in (ROOT / package).rglob("__init__.py")
        if path.read_text().strip()
    ]
    assert filled == []
