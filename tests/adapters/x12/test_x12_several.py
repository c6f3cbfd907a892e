"""Files of several interchanges: each one counts by itself, whatever becomes of the others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement
from adapters.suppliers.edi_x12.tokenizer import Delimiters, interchanges_in
from dropwright.testing.desk import run_round
from models.exchange import DocumentKind
from tests.adapters.x12.documents import INWARD, document
from tests.adapters.x12.test_x12_kills import Stage


def answer(number: str, control: int, **addressing: Any) -> bytes:
    return document([("855", Acknowledgement(number, "AK"))], control=control, **addressing)


FIRST, SECOND, THIRD = (answer(f"DW-{control}-11", control) for control in (1, 2, 3))
HALF = SECOND[:-30]
OTHER_SIGNS = replace(INWARD, delimiters=Delimiters("|", ":", "~"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, archive=True)


def arrive(stage: Stage, *interchanges: bytes, name: str = "a.x12") -> None:
    (stage.partner.folder / "out" / name).write_bytes(b"".join(interchanges))


def round_of(stage: Stage) -> list[str]:
    port, desk = stage.process()
    return [str(one.state) for one in run_round(port, desk)]


def news(stage: Stage) -> list[str]:
    return [one.number for one in stage.process()[1].news]


def lies_in(stage: Stage, folder: str) -> list[str]:
    return [path.name for path in (stage.partner.folder / "out" / folder).glob("*.x12")]


def test_an_interchange_that_can_not_be_believed_keeps_the_others_from_nothing(stage: Stage) -> None:
    arrive(stage, FIRST, SECOND.replace(b"IEA*1*", b"IEA*2*"), THIRD)
    assert round_of(stage) == ["applied", "quarantined", "applied"]
    assert news(stage) == ["DW-1-11", "DW-3-11"]
    assert (lies_in(stage, "error"), lies_in(stage, "archive")) == (["a.x12"], [])


def test_a_file_that_breaks_off_in_its_last_interchange_says_what_stands_before_it(stage: Stage) -> None:
    arrive(stage, FIRST, HALF)
    assert round_of(stage) == ["applied", "quarantined"]
    arrive(stage, FIRST, SECOND, name="b.x12")
    assert round_of(stage) == ["applied", "applied"]
    assert news(stage) == ["DW-1-11", "DW-2-11"]
    assert (lies_in(stage, "error"), lies_in(stage, "archive")) == (["a.x12"], ["b.x12"])


def test_every_interchanges_number_is_compared_with_those_that_came_before(stage: Stage) -> None:
    arrive(stage, FIRST, SECOND)
    assert round_of(stage) == ["applied", "applied"]
    arrive(stage, THIRD, answer("DW-9-11", 2), name="b.x12")
    assert round_of(stage) == ["applied", "quarantined"]
    arrive(stage, answer("DW-8-11", 4), answer("DW-9-11", 4), name="c.x12")
    assert round_of(stage) == ["applied", "quarantined"]
    assert news(stage) == ["DW-1-11", "DW-2-11", "DW-3-11", "DW-8-11"]


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["apply", "rename"])
def test_killed_between_two_interchanges_each_is_applied_and_answered_once(
    stage: Stage, step: str, when: str, turn: int
) -> None:
    arrive(stage, FIRST, SECOND)
    stage.die(step, when, turn, run_round)
    round_of(stage)
    assert news(stage) == ["DW-1-11", "DW-2-11"]
    assert lies_in(stage, "archive") == ["a.x12"]
    answered = [one.key for one in stage.process()[1].outgoing if one.kind is DocumentKind.RECEIPT]
    assert answered == ["reply:997:1:PR:1:A:1:1", "reply:997:2:PR:2:A:1:1"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (FIRST + b"\r\n \n" + SECOND, [FIRST + b"\r\n \n", SECOND]),
        (FIRST.replace(b"~\n", b"~") + SECOND, [FIRST.replace(b"~\n", b"~"), SECOND]),
        (FIRST + answer("DW-2-11", 2, addressing=OTHER_SIGNS), [FIRST, answer("DW-2-11", 2, addressing=OTHER_SIGNS)]),
        (FIRST.replace(b"DW-1-11", b"ISA"), [FIRST.replace(b"DW-1-11", b"ISA")]),
        (b"no interchange", [b"no interchange"]),
    ],
)
def test_a_file_is_cut_where_an_interchange_begins(body: bytes, expected: Sequence[bytes]) -> None:
    assert interchanges_in(body) == expected
