import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from starter.cli import build_app
from starter.demo import read_options
from tests.docs.reading import PAGES, ROOT, blocks, prose

_INLINE = re.compile(r"`(dropwright [a-z][^`]*)`")
PLACEHOLDERS = "…<>"


def _lines() -> Iterator[str]:
    for block in blocks("console"):
        yield from block.text.replace("\\\n", " ").splitlines()


def _written(program: str) -> list[str]:
    """List every command line for a program that the pages show, in code blocks and in the text."""
    inline = [found for page in PAGES for found in _INLINE.findall(prose(page))]
    shown = [line.partition(" #")[0].strip() for line in (*_lines(), *inline)]
    return sorted({line for line in shown if line.startswith(f"{program} ") and not set(PLACEHOLDERS) & set(line)})


ROOT_COMMAND: Any = typer.main.get_command(build_app())


def _resolve(words: list[str]) -> tuple[Any, list[str]]:
    """Follow the words to the command they name; returns it and the words left over."""
    command = ROOT_COMMAND
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("line", _written("dropwright"))
def test_every_command_that_is_shown_exists_with_its_options(line: str) -> None:
    words = shlex.split(line)[1:]
    command, rest = _resolve(words)
    assert command is not ROOT_COMMAND, f"{words[0]} is no command"
    given = [word for word in rest if word.startswith("-")]
    if command.name == "demo":
        read_options(rest)
        return
    assert not getattr(command, "commands", {}) or command.invoke_without_command or not rest, (
        f"{line} names no command"
    )
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    assert set(given) <= known | {"--help"}


def test_the_readme_shows_commands() -> None:
    assert len(_written("dropwright")) > 30


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    inline = [found for page in PAGES for found in re.findall(r"`(make [^`]*)`", prose(page))]
    for line in [*inline, *(line for line in _lines() if line.startswith("make "))]:
        words = [word for word in shlex.split(line)[1:] if "=" not in word]
        assert set(words) <= targets, line


def test_every_demo_argument_that_is_shown_is_taken() -> None:
    shown = {found for page in PAGES for found in re.findall(r'make demo ARGS="([^"]*)"', page.read_text("utf-8"))}
    assert shown
    for arguments in shown:
        assert read_options(shlex.split(arguments)).exit
