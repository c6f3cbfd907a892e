"""Which two configurations a rehearsal compares: what is in force, and what somebody would like to try."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.configuration import Configuration
from starter.configuration_files import read_file, validate
from starter.console import CommandFailedError

WHOLE = "channels"  # a file with this table is a configuration of its own; any other is laid over what is in force


def configuration_to_try(current: Configuration, rules: Path | None, down: Sequence[str]) -> Configuration:
    """Make the new side: a file's rules, and suppliers switched off.

    Raises BadConfigurationError with every mistake of the file, CommandFailedError for a supplier that is not there.
    """
    wanted = current if rules is None else read_rules(rules, current)
    unknown = [name for name in down if name not in wanted.suppliers]
    if unknown:
        raise CommandFailedError(f"no such supplier: {', '.join(unknown)}; there are {', '.join(wanted.suppliers)}")
    off = {name: wanted.suppliers[name].model_copy(update={"enabled": False}) for name in down}
    return wanted.model_copy(update={"suppliers": {**wanted.suppliers, **off}})


def read_rules(path: Path, current: Configuration) -> Configuration:
    """Read a whole configuration, or some tables of one (``[routing]``, ``[stock]``, ``[suppliers.X.terms]`` …).

    A setting that a table of the file names takes the place of the one in force; what it leaves out stays.
    """
    text, document = _peek(path)
    if WHOLE in document or not document:
        return read_file(path)
    return validate(path.name, _laid_over(current.model_dump(mode="json"), document), text)


def _peek(path: Path) -> tuple[str, dict[str, Any]]:
    """Read and parse a file; nothing where it is not there or no TOML, which whoever reads it as a whole says best."""
    try:
        text = path.read_text("utf-8")
        return text, tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return "", {}


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _laid_over(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return merged
