import pytest

from starter.console import text_of


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x07", "\x9b31m", "\r", "\u202e"])
def test_what_others_wrote_steers_no_terminal(steering: str) -> None:
    shown = text_of(["Linden", f"Soap{steering}"])
    assert shown == f"Linden, Soap\ufffd{steering[1:]}"


def test_letters_of_all_scripts_and_lines_stay_as_they_are() -> None:
    assert text_of("Crème 50 ml\nعطر") == "Crème 50 ml\nعطر"
