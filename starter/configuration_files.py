"""Configuration as people handle it: read from TOML with every mistake named, compared, and written back as TOML."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from adapters.feeds.mapping import Mapper
from adapters.feeds.unreadable import FeedUnreadable
from models.configuration import Configuration
from starter.configuration_lines import Lines
from starter.configuration_problems import Problem, path_text, problems_of
from starter.console import CommandFailedError
from starter.plugin_needs import unmet_needs

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"), (timedelta(seconds=1), "s"))


@dataclass(frozen=True)
class Change:
    """One setting that differs between two versions; ``before`` or ``after`` is None where it is not there."""

    path: str
    before: str | None
    after: str | None


class BadConfigurationError(CommandFailedError):
    """A configuration that can't be applied, with every mistake in it, in the order of the file."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda one: one.line or 0)
        lines = "".join(f"\n  {one.text(source)}" for one in self.problems)
        super().__init__(f"{source} can't be used:{lines}")


def read_file(path: Path) -> Configuration:
    """Read and validate a whole file. Raises BadConfigurationError with every mistake in it."""
    try:
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise CommandFailedError(f"there is no file {path}; dropwright.example.toml is one to start from") from None
    except UnicodeDecodeError:
        problem = Problem("(file)", "is not UTF-8 text", "save it as UTF-8")
        raise BadConfigurationError(path.name, [problem]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfigurationError(path.name, [_not_toml(error)]) from None
    return validate(path.name, document, text)


def _not_toml(error: tomllib.TOMLDecodeError) -> Problem:
    position = re.search(r"at line (\d+)", str(error))
    remedy = "correct it there, or close what stands open above"
    return Problem("(file)", f"is not TOML: {error}", remedy, line=int(position[1]) if position else None)


def validate(source: str, document: Mapping[str, Any], text: str | None = None) -> Configuration:
    """Validate a document. Raises BadConfigurationError with every mistake in it, with lines where its text is given."""
    try:
        configuration = Configuration.model_validate(document)
    except ValidationError as error:
        raise BadConfigurationError(source, _placed(problems_of(error, document), text)) from None
    if problems := [*_constant_problems(configuration), *unmet_needs(configuration)]:
        raise BadConfigurationError(source, _placed(problems, text))
    return configuration


def _placed(problems: list[Problem], text: str | None) -> list[Problem]:
    if text is None:
        return problems
    lines = Lines(text)
    return [replace(one, line=lines.of(one.place)) for one in problems]


def _constant_problems(configuration: Configuration) -> Iterator[Problem]:
    """Read every feed's constants as the feed would: one that is no value of its field would stop each run."""
    for supplier, settings in configuration.suppliers.items():
        for name, feed in settings.feeds.items():
            columns = {field: column for field in feed.columns if (column := feed.column_of(field))}
            places = {column.column: 0 for column in columns.values()}
            try:
                Mapper(feed, columns, places, texts_only=feed.format == "csv")
            except FeedUnreadable as error:
                place = ("suppliers", supplier, "feeds", name)
                remedy = "write a constant that is a value of its field"
                yield Problem(path_text(place), error.finding.text, remedy, place=place)


def differences(before: Configuration | None, after: Configuration) -> list[Change]:
    """List what applying ``after`` would change, setting by setting."""
    old = dict(_told(before)) if before else {}
    new = dict(_told(after))
    paths = list(dict.fromkeys([*old, *new]))
    return [Change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def to_toml(configuration: Configuration) -> str:
    """Write a configuration as TOML that ``read_file`` reads back to the same: one dotted key per line."""
    return "".join(f"{path} = {value}\n" for path, value in _flat(configuration))


def _told(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Like ``_flat``, but a list of named tables, such as rules, is told table by table, and first in which order."""
    for name in type(model).model_fields:
        yield from _told_value(f"{prefix}{name}", getattr(model, name))


def _told_value(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _told(value, f"{path}.")
    elif isinstance(value, tuple) and value and all(hasattr(item, "name") for item in value):
        yield path, _literal([item.name for item in value])
        for item in value:
            yield from _told_item(f"{path}[{item.name}]", item)
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _told_value(f"{path}.{_key(key)}", value[key])
    elif value is not None:
        yield path, _literal(value)


def _told_item(path: str, item: BaseModel) -> Iterator[tuple[str, str]]:
    usual = type(item).model_construct()
    for name in type(item).model_fields:
        value = getattr(item, name)
        if name != "name" and value != getattr(usual, name, None):
            yield from _told_value(f"{path}.{name}", value)


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
        case dict():  # likewise
            return f"{{ {', '.join(f'{_key(key)} = {_literal(item)}' for key, item in value.items())} }}"
        case bool():
            return "true" if value else "false"
        case int() | float():
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
