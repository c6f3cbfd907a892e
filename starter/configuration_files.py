"""Configuration as people handle it: read from TOML with every mistake named, compared, and written back as TOML."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from adapters.feeds.mapping import Mapper
from adapters.feeds.unreadable import FeedUnreadable
from models.configuration import Configuration
from starter.console import CommandFailedError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"), (timedelta(seconds=1), "s"))


@dataclass(frozen=True)
class Problem:
    """One mistake in a configuration: where, as a TOML path, and what is wrong. Never the value: it may be a secret."""

    path: str
    problem: str


@dataclass(frozen=True)
class Change:
    """One setting that differs between two versions; ``before`` or ``after`` is None where it is not there."""

    path: str
    before: str | None
    after: str | None


class BadConfigurationError(CommandFailedError):
    """A configuration that can't be applied, with every mistake in it."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = problems
        lines = "".join(f"\n  {one.path}: {one.problem}" for one in problems)
        super().__init__(f"{source} can't be used:{lines}")


def read_file(path: Path) -> Configuration:
    """Read and validate a whole file. Raises BadConfigurationError with every mistake in it."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CommandFailedError(f"there is no file {path}; dropwright.example.toml is one to start from") from None
    except UnicodeDecodeError:
        raise BadConfigurationError(path.name, [Problem("(file)", "is not UTF-8 text")]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfigurationError(path.name, [Problem("(file)", f"is not TOML: {error}")]) from None
    return validate(path.name, document)


def validate(source: str, document: Mapping[str, Any]) -> Configuration:
    """Validate a document. Raises BadConfigurationError with every mistake in it."""
    try:
        configuration = Configuration.model_validate(document)
    except ValidationError as error:
        raise BadConfigurationError(source, [_problem(one) for one in error.errors(include_input=False)]) from None
    if problems := list(_constant_problems(configuration)):
        raise BadConfigurationError(source, problems)
    return configuration


def _constant_problems(configuration: Configuration) -> Iterator[Problem]:
    """Read every feed's constants as the feed would: one that is no value of its field would stop each run."""
    for supplier, settings in configuration.suppliers.items():
        for name, feed in settings.feeds.items():
            columns = {field: column for field in feed.columns if (column := feed.column_of(field))}
            places = {column.column: 0 for column in columns.values()}
            try:
                Mapper(feed, columns, places, texts_only=feed.format == "csv")
            except FeedUnreadable as error:
                yield Problem(f"suppliers.{supplier}.feeds.{name}", error.finding.text)


def _problem(error: Any) -> Problem:
    location, message = error["loc"], error["msg"].removeprefix("Value error, ")
    if location and location[-1] == "[key]" and error["type"] == "literal_error":
        location = location[:-1]
    elif location and location[-1] == "[key]":  # the name of a table, e.g. [suppliers.BTS]
        message = "a name is lower case letters, digits and '-', and begins with a letter"
        location = location[:-1]
    elif error["type"] == "extra_forbidden":
        message = "there is no such setting"
    elif error["type"] == "missing":
        message = "is required"
    elif location and str(location[-1]).endswith("_env"):
        message = "names an environment variable (A-Z, 0-9 and _), never the credential itself"
    return Problem(_path(location), message)


def _path(location: tuple[str | int, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, str) and not part.strip():  # which of several forms a value had
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(whole file)"


def differences(before: Configuration | None, after: Configuration) -> list[Change]:
    """List what applying ``after`` would change, setting by setting."""
    old = dict(_flat(before)) if before else {}
    new = dict(_flat(after))
    paths = list(dict.fromkeys([*old, *new]))
    return [Change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def to_toml(configuration: Configuration) -> str:
    """Write a configuration as TOML that ``read_file`` reads back to the same: one dotted key per line."""
    return "".join(f"{path} = {value}\n" for path, value in _flat(configuration))


def _flat(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name in type(model).model_fields:
        yield from _flat_value(f"{prefix}{name}", getattr(model, name))


def _flat_value(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _flat(value, f"{path}.")
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _flat_value(f"{path}.{_key(key)}", value[key])
    elif value is not None:
        yield path, _literal(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _literal(value: Any) -> str:
    match value:
        case BaseModel():  # inside a list
            return f"{{ {', '.join(f'{name} = {text}' for name, text in _flat(value))} }}"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case timedelta():
            return f'"{_duration(value)}"'
        case datetime():
            return value.isoformat()
        case tuple() | list():
            return f"[{', '.join(_literal(item) for item in value)}]"
        case Enum():
            return json.dumps(value.value)
    return json.dumps(str(value), ensure_ascii=False)


def _duration(value: timedelta) -> str:
    for unit, letter in _UNITS:
        if value >= unit and value % unit == timedelta(0):
            return f"{value // unit}{letter}"
    return f"{value.total_seconds():g}s"
