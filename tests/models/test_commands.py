import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.commands import Command, CommandName

COMPLETE: dict[str, dict[str, object]] = {
    "confirm_submission": {"supplier_number": "A12345"},
    "mark_shipped": {"tracking_number": "GLS 42"},
    "change_address": {"address_id": 7},
    "extend_tracking": {"extend_by": "24h"},
    "wait": {"wait_for": "14d"},
}


@pytest.mark.parametrize("name", list(CommandName))
def test_every_command_is_taken_with_what_it_needs(name: CommandName) -> None:
    command = Command.model_validate({"command": name, **COMPLETE.get(name, {})})
    assert command.command is name
    assert command.actor == "temporal-ui"


@pytest.mark.parametrize("name", COMPLETE)
def test_a_command_without_what_it_needs_is_refused_by_that_name(name: str) -> None:
    (field,) = COMPLETE[name]
    with pytest.raises(ValidationError, match=f"{name} needs {field}"):
        Command.model_validate({"command": name})


@pytest.mark.parametrize(
    "document",
    [
        {"command": "launch"},
        {"command": "release", "comment": "free text"},
        {"command": "release", "actor": "maria@planted.example"},
        {"command": "release", "actor": "x" * 41},
        {"command": "release", "note_id": 0},
        {"command": "release", "command_id": "with a space"},
        {"command": "confirm_submission", "supplier_number": "A1; DROP TABLE orders"},
        {"command": "mark_shipped", "tracking_number": ""},
        {"command": "mark_shipped", "tracking_number": "x" * 61},
        {"command": "extend_tracking", "extend_by": "0s"},
        {"command": "extend_tracking", "extend_by": "367d"},
        {"command": "extend_tracking", "extend_by": -60},
        {},
        [],
        "release",
        None,
    ],
)
def test_a_command_that_makes_no_sense_is_refused(document: object) -> None:
    with pytest.raises(ValidationError):
        Command.model_validate(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted(Command.model_fields))


@given(JSON | st.dictionaries(FIELDS, JSON, max_size=6))
def test_whatever_is_sent_is_a_command_or_a_validation_error_and_nothing_else(document: object) -> None:
    # A signal handler catches just these: any other error would wedge its workflow.
    try:
        Command.model_validate(document)
    except (ValueError, TypeError):
        return


@given(st.sampled_from(list(CommandName)), st.text(alphabet="0123456789dhms. ", max_size=40))
def test_whatever_length_of_time_is_sent_is_read_or_refused(name: CommandName, text: str) -> None:
    try:
        command = Command.model_validate({"command": name, **COMPLETE.get(name, {}), "extend_by": text})
    except ValidationError:
        return
    assert command.extend_by is not None
    assert command.extend_by.total_seconds() > 0
