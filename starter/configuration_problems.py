"""What is wrong with a configuration, as its writer should read it: file, line, setting, mistake, and what to write instead."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, StringConstraints, ValidationError

from models.base import Actor, CountryCode, CurrencyCode, EnvironmentName, Slug
from models.configuration import Configuration, MailAddress
from models.faults import FAULT, Location, overlooking
from models.stock import Article

# Models whose faults are told before those of what encloses them, the innermost first.
_OVERLOOKED = (("Conditions",), ("Settings", "Rule"), ("Routing", "Stock", "Backorders", "Terms"))
_PASSES = 6
_NAMED: dict[str | int, int] = {"suppliers": 2, "channels": 2}  # so deep a table is what others name
_HARMLESS = {
    "host": "localhost",
    "port": 25,
    "sender": "shop@example.com",
    "alerts_to": "shop@example.com",
    "mail": {"host": "localhost", "port": 25, "sender": "shop@example.com", "alerts_to": "shop@example.com"},
    "webhook_secret_env": "SECRET",
    "token_env": "TOKEN",
    "start_watermark": "2026-01-01T00:00:00Z",
    "adapter": "any",
    "display_name": "any",
    "base_url": "https://example.com",
    "metafield_namespace": "any",
    "name": "any",
}
_LOOK_IT_UP = "docs/configuration.md says what it takes"
_TYPES = {  # a beginning of pydantic's error types -> remedy
    "greater_than": "write a number within the bounds",
    "less_than": "write a number within the bounds",
    "finite_number": "write a number",
    "decimal": 'write a number, e.g. 10 or "10.50"',
    "int": "write a whole number",
    "float": "write a number, e.g. 0.2",
    "bool": "write true or false",
    "string_type": 'write a text, in "quotes"',
    "string_too": "write a text of that length",
    "too_short": "write a list that is not empty",
    "too_long": "leave some out",
    "time_delta": 'write a length of time, e.g. "24h", "90s" or "1d 6h"',
    "timezone": "write the time with its zone, e.g. 2026-01-01T00:00:00Z",
    "datetime": "write a time with its zone, e.g. 2026-01-01T00:00:00Z",
    "date": "write a date, e.g. 2026-12-25",
    "time": "write a time of day, e.g. 14:00:00",
    "url": 'write an address, e.g. "https://example.com"',
    "tuple": 'write a list, e.g. ["one", "two"]',
    "list": 'write a list, e.g. ["one", "two"]',
    "dict": "write a table",
    "model": "write a table",
    "literal": "write one of these",
    "enum": "write one of these",
}
_PATTERNS = {  # of texts that must have a form -> remedy
    constraint.pattern: remedy
    for kind, remedy in (
        (Slug, "write lower case letters, digits and '-', a letter first"),
        (CountryCode, 'write two capital letters, e.g. "DE"'),
        (CurrencyCode, 'write three capital letters, e.g. "EUR"'),
        (MailAddress, 'write a mail address, e.g. "shop@example.com"'),
        (EnvironmentName, 'write the name of an environment variable, e.g. "BTS_TOKEN"'),
        (Article, "write an EAN or article number: letters, digits, '.', '_' and '/'"),
        (Actor, "write letters, digits, '.', '_' and '-'"),
    )
    for constraint in get_args(kind)
    if isinstance(constraint, StringConstraints)
}


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what is wrong, and what to write instead. Never the value: it may be a secret."""

    path: str
    problem: str
    remedy: str = _LOOK_IT_UP
    line: int | None = None
    place: Location = field(default=(), compare=False, repr=False)

    def text(self, source: str) -> str:
        """Write it as compilers do, so that an editor jumps there."""
        position = source if self.line is None else f"{source}:{self.line}"
        return f"{position}: {self.path}: {self.problem}; {self.remedy}"

    def as_document(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {"path": self.path, "problem": self.problem, "remedy": self.remedy, "line": self.line}


def problems_of(error: ValidationError, document: Mapping[str, Any]) -> list[Problem]:
    """List every mistake, also those that only show once others are out of the way."""
    errors = _errors(error)
    found = [_problem(one) for one in errors]
    if (cleared := _cleared(document, errors)) is None:
        return found
    rest, touched = cleared
    for overlooked in (_OVERLOOKED[:end] for end in range(len(_OVERLOOKED) + 1)):
        with overlooking(kind for kinds in overlooked for kind in kinds):
            more = [_problem(one) for one in _mistakes(rest)]
        found += [one for one in more if one not in found and _is_sure(one.place, rest, touched)]
    return found


def problems_of_part(
    error: ValidationError, document: Mapping[str, Any], kind: type[BaseModel], place: Location, documentation: str
) -> list[Problem]:
    """List the mistakes in a part that somebody else's model describes, such as an adapter's profile at ``place``."""
    found = []
    for one in _errors(error):
        location = _as_written(tuple(one["loc"]), document)
        problem = _problem({**one, "loc": location}, kind)
        unknown = problem.remedy == _LOOK_IT_UP and documentation
        remedy = f"{documentation} says what it takes" if unknown else problem.remedy
        whole = (*place, *location)
        found.append(Problem(path_text(whole), problem.problem, remedy, place=whole))
    return found


def _as_written(location: Location, document: Any) -> Location:
    """Leave out which of several forms a table has: pydantic puts that into its places, the file does not."""
    written: list[str | int] = []
    for number, part in enumerate(location, start=1):
        is_form = isinstance(document, dict) and part not in document and number < len(location)
        if is_form:
            continue
        written.append(part)
        document = dict(_entries(document)).get(part)
    return tuple(written)


def _is_sure(place: Location, rest: Any, touched: set[str | int]) -> bool:
    """Without a setting that was taken out, a rule would be told that it sets nothing, or the next that it is covered."""
    if not place or place[0] not in touched:
        return True
    value = rest
    for part in place:
        value = dict(_entries(value)).get(part)
    return not isinstance(value, dict)


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_input=False, include_url=False))


def _mistakes(document: Any) -> list[Any]:
    try:
        Configuration.model_validate(document)
    except ValidationError as error:
        return _errors(error)
    return []


def _cleared(document: Mapping[str, Any], errors: list[Any]) -> tuple[Any, set[str | int]] | None:
    """Take out what is no value of its setting. Returns the rest and the sections it was in; None where that fails."""
    rest: Any = deepcopy(dict(document))
    touched: set[str | int] = set()
    tried: set[Location] = set()
    with overlooking(["Configuration", *(kind for kinds in _OVERLOOKED for kind in kinds)]):
        for _ in range(_PASSES):
            places = [tuple(one["loc"]) for one in errors if one["type"] != FAULT]
            if any(len(place) <= _NAMED.get(place[0], 0) for place in places):
                return None  # what others name would be gone
            for place in places:
                touched.add(place[0])
                _take_out(rest, place[:-1] if place in tried else place)
            tried.update(places)
            if not (errors := _mistakes(rest)):
                return rest, touched
    return None


def _take_out(document: Any, place: Location) -> None:
    """Remove an entry, or put something harmless where one must be. Items of lists stay: the others are counted."""
    entry, key = None, None
    table = document
    for part in place:
        if isinstance(table, dict):
            entry, key = table, part
        try:
            table = table[part]
        except (KeyError, IndexError, TypeError):
            break
    if entry is None:
        return
    entry.pop(key, None)
    if key in _HARMLESS:
        entry[key] = _HARMLESS[key]
    elif key == "priority":
        entry[key] = list(document.get("suppliers", ()))
    elif key == "shop_domain":
        entry[key] = f"{len(place)}-{'-'.join(map(str, place[:2]))}.example"


def _problem(error: Any, root: Any = Configuration) -> Problem:
    location: Location = tuple(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == FAULT:
        return _at(location, context["problem"], context["remedy"])
    if location[-1:] == ("[key]",):
        return _bad_key(location[:-1], kind, error["msg"])
    if kind == "extra_forbidden":
        return _at(location, "there is no such setting", _similar_setting(location, root))
    if kind == "missing":
        return _at(location, "is required", _how_to_add(location, root) if location else _LOOK_IT_UP)
    if location and str(location[-1]).endswith("_env"):
        said = "names an environment variable (A-Z, 0-9 and _), never the credential itself"
        return _at(location, said, 'write its name, e.g. "BTS_TOKEN"')
    return _at(location, error["msg"].removeprefix("Value error, "), _remedy(kind, context))


def _how_to_add(location: Location, root: Any) -> str:
    """Show how a setting is written: a table by its heading, a table of named ones by that of one of them."""
    kinds = [root]
    for part in location:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return f"add the table [{path_text(location)}]"
    if any(get_origin(kind) is dict for kind in kinds):
        return f"add a table [{path_text(location)}.NAME]"
    return f"add {location[-1]} = …"


def _bad_key(location: Location, kind: str, message: str) -> Problem:
    if kind == "literal_error":
        return _at(location, message, "write one of these")
    said = "a name is lower case letters, digits and '-', and begins with a letter"
    return _at(location, said, f'write e.g. "{_as_slug(str(location[-1]))}"')


def _as_slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:32] or "main"


def _at(location: Location, problem: str, remedy: str) -> Problem:
    return Problem(path_text(location), problem, remedy, place=location)


def _remedy(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context.get("pattern"), _LOOK_IT_UP)
    fitting = [remedy for beginning, remedy in _TYPES.items() if kind.startswith(beginning)]
    return fitting[0] if fitting else _LOOK_IT_UP


def path_text(location: Location) -> str:
    """Write a place as TOML paths are written, e.g. ``suppliers.bts.tracking_plan[2]``."""
    path = ""
    for part in location:
        if isinstance(part, str) and not part.strip():  # which of several forms a value had
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "(whole file)"


# Which settings there could have been.


def _similar_setting(location: Location, root: Any) -> str:
    known = _settings_at(location[:-1], root)
    close = get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"take it out; settings here are {', '.join(known)}" if known else _LOOK_IT_UP


def _settings_at(location: Location, root: Any) -> list[str]:
    kinds: list[Any] = [root]
    for part in location:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)] or kinds
    return [name for kind in kinds for name in getattr(kind, "model_fields", {})]


def _inside(kind: Any, part: str | int) -> list[Any]:
    """List the models that may stand at an entry of this type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        entry = kind.model_fields.get(str(part))
        return _models(entry.annotation) if entry is not None else []
    arguments = get_args(kind)
    return _models(arguments[-1] if get_origin(kind) is dict else arguments[0]) if arguments else []


def _models(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _models(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [model for one in get_args(annotation) for model in _models(one)]
    return [annotation]
