"""Where an adapter's contract suite lies, and running it: in a process of its own, with pytest."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from lxml import etree

from adapters.collisions import collisions
from adapters.plugin import load_plugin
from starter.places import project_dir

NO_CHECKS = 5  # pytest's exit code where nothing was selected
# -P: a folder `models` where somebody happens to stand is not ours. -q: pytest would name a report that is gone by then.
_PYTEST = ("-P", "-m", "pytest", "-q", "-o", "verbosity_subtests=0")
TESTS = "tests"  # the subpackage in which an adapter's package brings its suite


class NoSuiteError(RuntimeError):
    """An adapter's tests can't be found or run; the message says what to do."""


@dataclass(frozen=True)
class SuiteResult:
    """What became of a suite: pytest's exit code, how many checks, and those that failed."""

    exit_code: int
    checks: int
    failed: tuple[str, ...]


def find_suite(plugin_id: str) -> list[Path]:
    """Find the tests of a supplier's adapter: in its own package, or, of ours, in the checkout.

    Raises NoSuiteError, and PluginError where nothing but the tests would find the adapter: its entry point is wrong.
    """
    load_plugin("suppliers", plugin_id)
    for entry in entry_points(group="dropwright.suppliers", name=plugin_id):
        own = _in_package(entry.module.partition(".")[0]) or list(_in_checkout(entry))
        if own:
            return own
        raise NoSuiteError(
            f"{plugin_id}: there are no tests in {entry.module.partition('.')[0]}.{TESTS}; an adapter brings its "
            "contract suite there (`dropwright adapter new` shows how), ours have theirs in a checkout"
        )
    raise NoSuiteError(f"there is no supplier adapter {plugin_id}; `dropwright adapter list` shows what is installed")


def run_suite(paths: Iterable[Path], arguments: Iterable[str], *, quiet: bool) -> SuiteResult:
    """Run tests, showing their progress; ``quiet`` moves that to stderr. Raises NoSuiteError without pytest."""
    for collision in collisions():
        raise NoSuiteError(collision)
    if find_spec("pytest") is None:
        raise NoSuiteError("pytest is not installed, which the suite needs: `pip install 'pytest>=9'`")
    with TemporaryDirectory(prefix="dropwright-adapter-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, *_PYTEST, *map(str, paths), f"--junitxml={report}", *arguments]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        code = subprocess.run(  # noqa: S603 - our own interpreter, and paths that were found
            command, stdout=sys.stderr if quiet else None, env=environment, check=False
        ).returncode
        return _read_report(report, code)


def _in_package(package: str) -> list[Path]:
    spec = find_spec(package)
    folders = [Path(one) / TESTS for one in (spec.submodule_search_locations or ())] if spec else []
    return [folder for folder in folders if any(folder.glob("test_*.py"))]


def _in_checkout(entry: EntryPoint) -> Iterable[Path]:
    """Find tests of an adapter of ours: modules that import it and subclass a contract."""
    package = entry.module.rpartition(".")[0]
    for path in sorted((project_dir() / "tests" / "adapters").rglob("test_*.py")):
        text = path.read_text("utf-8")
        if f"from {package}" in text and "dropwright.testing" in text and "Contract)" in text:
            yield path


def _read_report(report: Path, code: int) -> SuiteResult:
    if not report.exists():
        return SuiteResult(code, 0, ())
    cases = etree.parse(str(report)).getroot().findall(".//testcase")
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    names = dict.fromkeys(str(case.get("name")) for case in failed)
    return SuiteResult(code, len({(case.get("classname"), case.get("name")) for case in cases}), tuple(names))
