import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from starter.console import CommandFailedError, read_settings, text_of
from starter.opening import TemporalAwayError, connect_temporal


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x07", "\x9b31m", "\r", "\u202e"])
def test_what_others_wrote_steers_no_terminal(steering: str) -> None:
    shown = text_of(["Linden", f"Soap{steering}"])
    assert shown == f"Linden, Soap\ufffd{steering[1:]}"


def test_letters_of_all_scripts_and_lines_stay_as_they_are() -> None:
    assert text_of("Crème 50 ml\nعطر") == "Crème 50 ml\nعطر"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://shop:planted-secret@127.0.0.1:9/x",
        "postgres://shop:planted-secret@127.0.0.1:9/x",
        "postgresql+psycopg2://shop:planted-secret@127.0.0.1:port/x",
        "mysql://shop:planted-secret@127.0.0.1:9/x",
        "planted-secret",
    ],
)
def test_an_address_that_no_driver_of_ours_opens_is_refused_with_one_that_is(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", address)
    with pytest.raises(CommandFailedError, match=r"DROPWRIGHT_DATABASE_URL.*postgresql\+psycopg2://user") as caught:
        read_settings()
    assert "planted-secret" not in str(caught.value)


def test_settings_of_the_connection_to_temporal_that_are_wrong_are_one_line_without_what_stands_in_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.default]\naddress = "127.0.0.1:9"\napi_key = "planted-secret\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    with pytest.raises(TemporalAwayError, match="correct the TEMPORAL") as caught:
        asyncio.run(connect_temporal())
    assert "planted-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_of_temporal_with_a_scheme_is_told_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "http://127.0.0.1:7233")
    with pytest.raises(TemporalAwayError, match="write host:port"):
        asyncio.run(connect_temporal())


def command_line(*arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "starter.cli", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_an_argument_that_is_no_text_is_one_line() -> None:
    done = command_line("order", "show", b"\xff\xfe")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "argument 3 is not UTF-8 text" in done.stderr


def test_a_terminal_without_our_letters_gets_the_rest() -> None:
    done = command_line("orders", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "List orders" in done.stdout


def test_a_ctrl_c_while_libraries_are_loaded_is_an_exit_code_and_no_traceback() -> None:
    loaded = (
        "import starter.cli, sys; print(sorted({'typer', 'sqlalchemy', 'temporalio', 'rich'} & sys.modules.keys())); "
    )
    interrupted = (
        "starter.cli.import_module = lambda name: (_ for _ in ()).throw(KeyboardInterrupt); "
        "sys.argv = ['dropwright', 'orders']; starter.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", loaded + interrupted], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (130, "[]", "")
