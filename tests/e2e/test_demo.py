"""The demo as anybody runs it: a process of its own, without a terminal."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MARK = "DEMO_TEST_MARK"
UNDER_WAY = "customers order"
STARTS_WITHIN = 400.0  # the first start on a machine may build the Temporal server
ENDS_WITHIN = 60.0  # less than 10 where nothing else runs
Finished = tuple[int, str, dict[str, Any], list[str]]


@contextmanager
def demo(output: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start a demo; its processes all carry the mark, whatever they are."""
    mark = uuid4().hex
    command = [sys.executable, "-m", "starter.cli", "demo", *arguments]
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, MARK: mark},
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=hear_ctrl_c,
        )
    try:
        yield process, mark
    finally:
        process.kill()
        process.wait()


def hear_ctrl_c() -> None:
    """A shell that runs the tests in the background lets them, and all they start, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def marked(mark: str) -> list[str]:
    """List the living processes that carry the mark in their environment."""
    if not Path("/proc/self/environ").exists():
        listed = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if mark in line]
    return [folder.name for folder in Path("/proc").glob("[0-9]*") if mark in _environment(folder)]


def _environment(folder: Path) -> str:
    try:
        return (folder / "environ").read_text(errors="replace")
    except OSError:
        return ""


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run one demo to its end: exit code, output, report, and what is left running."""
    folder = tmp_path_factory.mktemp("demo")
    output, report = folder / "output", folder / "report.json"
    with demo(output, "--exit", "--report", str(report), "--seed", "3") as (process, mark):
        code = process.wait(STARTS_WITHIN + 300)
        left = marked(mark)
    text = output.read_text()
    assert report.exists(), text
    return code, text, json.loads(report.read_text()), left


def test_every_order_of_the_demo_ends_where_its_script_says(finished: Finished) -> None:
    code, text, report, _ = finished

    assert report["problems"] == [], text
    assert code == 0
    assert report["orders"] == 43
    assert report["by_state"] == {"shipped": 38, "cancelled": 4, "test_placed": 1}


def test_the_demo_loses_nothing_and_orders_nothing_twice(finished: Finished) -> None:
    report = finished[2]

    assert report["lost"] == 0
    assert report["duplicates"] == 0
    assert report["supplier_orders_placed"] == report["supplier_orders_expected"] == 44


def test_the_demo_counts_what_people_were_told_and_asked(finished: Finished) -> None:
    report = finished[2]

    assert report["customer_messages"] == 42
    assert report["internal_alerts"] == 7
    assert report["tasks_opened"] == 17
    assert report["tasks_answered"] == 16  # one was answered by the customer, in the shop


def test_the_demo_orders_over_every_channel_and_says_which_order_went_over_which(finished: Finished) -> None:
    _, text, report, _ = finished

    assert report["channels"] == {
        "REST": 34,
        "pick list": 2,
        "REST/TOML": 2,
        "X12/SFTP": 1,
        "files/SFTP": 1,
        "e-mail": 2,
    }
    by_order = report["channels_by_order"]
    for channel, supplier in (("X12/SFTP", "Northwind Supply"), ("e-mail", "Taller Rosa")):
        listed = next(line for line in text.splitlines() if line.startswith(channel) and supplier in line)
        assert [order for order, channels in by_order.items() if channel in channels] == re.findall(r"#\d+", listed)


def test_the_demo_settles_lost_answers_by_each_channels_own_means_and_asks_a_person_only_where_there_is_none(
    finished: Finished,
) -> None:
    report = finished[2]

    assert report["doubts"] == 5
    assert report["doubts_settled_without_a_person"] == 3


def test_outages_in_the_demo_become_incidents_that_end(finished: Finished) -> None:
    assert finished[2]["incidents"] == {"opened": 2, "closed": 2}


def test_a_bad_feed_of_the_demo_changes_nothing_and_a_jumped_cost_is_held(finished: Finished) -> None:
    report = finished[2]

    assert report["feed_runs"] == {"applied": 2, "quarantined": 1}
    assert 300 <= report["offers_written"] <= 301
    assert report["variants_shown"] == 300


def test_an_ordinary_order_of_the_demo_stays_within_its_budget_of_events(finished: Finished) -> None:
    events = finished[2]["events_per_order"]

    assert set(events) == {"OrderWorkflow", "PurchaseOrderWorkflow", "plain_order"}
    assert 0 < events["plain_order"] <= 75


def test_the_demo_writes_plain_lines_where_there_is_no_terminal(finished: Finished) -> None:
    text = finished[1]

    assert "\x1b" not in text
    assert "\r" not in text
    assert "a webhook with a forged signature was answered with 401" in text


def test_a_demo_that_ends_by_itself_sends_nobody_to_look_around_in_what_is_gone(finished: Finished) -> None:
    said = finished[1].partition("orders are where their script says")[2]
    assert "It ends now" in said
    assert "http://" not in said
    assert ".dropwright/runs" not in said


def test_a_demo_that_ended_leaves_no_process(finished: Finished) -> None:
    assert finished[3] == []


def test_a_demo_that_is_interrupted_stops_everything_and_says_so(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with demo(output) as (process, mark):
        assert wait_until(lambda: UNDER_WAY in output.read_text(), STARTS_WITHIN), output.read_text()
        process.send_signal(signal.SIGINT)

        assert process.wait(ENDS_WITHIN) == 130
        assert wait_until(lambda: not marked(mark), ENDS_WITHIN), output.read_text()
        assert "Traceback" not in output.read_text()


def test_a_demo_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with demo(output) as (process, mark):
        assert wait_until(lambda: UNDER_WAY in output.read_text(), STARTS_WITHIN), output.read_text()
        assert len(marked(mark)) > 8
        process.kill()
        process.wait()

        assert wait_until(lambda: not marked(mark), ENDS_WITHIN)
