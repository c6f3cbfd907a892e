from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.base import Duration, format_duration
from models.commands import Command

DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("24h", 24 * HOUR),
        ("90s", timedelta(seconds=90)),
        ("1d 6h", 30 * HOUR),
        ("1.5h", 1.5 * HOUR),
        ("250 ms", timedelta(milliseconds=250)),
        ("30 min", 0.5 * HOUR),
        ("30m", 0.5 * HOUR),
        ("1 h 30 min", 1.5 * HOUR),
        ("PT24H", 24 * HOUR),
        (3600, HOUR),
    ],
)
def test_a_length_of_time_is_read_as_people_write_it(text: object, length: timedelta) -> None:
    assert DURATION.validate_python(text) == length


@pytest.mark.parametrize("text", ["", "soon", "24", "h", "24 hours and a bit", "-3h", "1h, 2h", "٣h x"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(text)


@pytest.mark.parametrize("text", ["9" * 30 + "d", "999999999999h", "1" + "0" * 400 + "s"])
def test_a_length_longer_than_any_is_refused_and_no_error_of_another_kind(text: str) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(text)


@given(st.integers(1, 59).map(lambda seconds: timedelta(seconds=seconds)))
def test_seconds_are_read_back_as_they_are_written(length: timedelta) -> None:
    assert DURATION.validate_python(format_duration(length)) == length


@given(st.integers(1, 100_000).map(lambda minutes: timedelta(minutes=minutes)))
def test_minutes_and_hours_are_read_back_as_they_are_written(length: timedelta) -> None:
    assert DURATION.validate_python(format_duration(length)) == length


@given(st.timedeltas(timedelta(milliseconds=1), timedelta(days=3650)))
def test_what_is_written_is_never_more_than_half_a_minute_off(length: timedelta) -> None:
    assert abs(DURATION.validate_python(format_duration(length)) - length) <= timedelta(seconds=30)


@given(st.timedeltas(timedelta(milliseconds=1), timedelta(days=366)))
def test_a_length_of_time_survives_the_wire(length: timedelta) -> None:
    command = Command.model_validate({"command": "extend_tracking", "extend_by": length})
    assert Command.model_validate_json(command.model_dump_json()) == command
