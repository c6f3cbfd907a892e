"""What is sent, as the merchant writes it: ``{{ order.number }}`` in paths, queries, headers and bodies. Pure.

A body is a structure, never a text: what is put in can't leave its place. Texts of a path are quoted, headers are kept
to one line of ASCII. Templates are Jinja2 in its sandbox; a name there is not is an error, never an empty text.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

LOOP = "for_each"  # { for_each = "order.lines", as = "line", item = { … } } makes a list
_LOOP_KEYS = frozenset({LOOP, "as", "item"})
_ONE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\{\{|\}\}).)*)\}\}\s*", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z_]{0,30}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_FAILURES = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
Context = Mapping[str, Any]
Place = tuple[str | int, ...]


class TemplateProblem(ValueError):
    """A template can't be used; ``place`` is where in its structure, the message what is wrong."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(problem)
        self.place = place


def _quoted(value: Any) -> str:
    """Quote a text for one segment of a path; dots alone would mean another folder."""
    text = quote(_text(value), safe="")
    return text.replace(".", "%2E") if not text.strip(".") else text


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def cents(value: Any) -> int:
    """Write an amount in hundredths. Raises ValueError where it has a fraction of them, or is no amount."""
    try:
        hundredths = Decimal(str(value)) * 100
    except InvalidOperation:
        raise ValueError("is no amount") from None
    if hundredths != hundredths.to_integral_value():
        raise ValueError("has a fraction of a cent")
    return int(hundredths)


def number(value: Any) -> int | float:
    """Write an amount as a JSON number."""
    exact = Decimal(str(value))
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _environment(**options: Any) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, **options)
    environment.filters |= {"cents": cents, "number": number}
    return environment


_TEXTS = _environment(finalize=_text)
_PATHS = _environment(finalize=_quoted)


@cache
def _template(source: str, *, path: bool = False) -> Any:
    return (_PATHS if path else _TEXTS).from_string(source)


@cache
def _expression(source: str) -> Any:
    return _TEXTS.compile_expression(source, undefined_to_none=False)


def fill_path(source: str, context: Context) -> str:
    """Fill in a path, each value quoted. Raises TemplateProblem."""
    return str(_tried((), lambda: _template(source, path=True).render(context)))


def fill_header(source: str, context: Context) -> str:
    """Fill in a header; what can't stand in one is left out. Raises TemplateProblem."""
    return _UNPRINTABLE.sub("", _tried((), lambda: _template(source).render(context))).strip()


def fill(template: Any, context: Context, place: Place = ()) -> Any:
    """Fill in a structure. A text that is one expression becomes its value; null takes its key away.

    Raises TemplateProblem with the place in the structure.
    """
    if isinstance(template, str):
        return _fill_text(template, context, place)
    if isinstance(template, Mapping):
        return [*_looped(template, context, place)] if LOOP in template else _fill_table(template, context, place)
    if isinstance(template, list | tuple):
        return [fill(item, context, (*place, position)) for position, item in enumerate(template)]
    return template


def _fill_table(template: Mapping[str, Any], context: Context, place: Place) -> dict[str, Any]:
    filled = {key: fill(inner, context, (*place, key)) for key, inner in template.items()}
    return {key: value for key, value in filled.items() if value is not None}


def _fill_text(source: str, context: Context, place: Place) -> Any:
    if only := _ONE_EXPRESSION.fullmatch(source):
        return _value(only[1], context, place)
    return _tried(place, lambda: _template(source).render(context))


def _value(source: str, context: Context, place: Place) -> Any:
    value = _tried(place, lambda: _expression(source)(context))
    if isinstance(value, Undefined):
        raise TemplateProblem(place, f"there is no {source.strip()[:60]}")
    if not isinstance(value, str | int | float | bool | list | tuple | dict | None):
        raise TemplateProblem(place, f"{source.strip()[:60]} is no value that can be sent")
    return value


def _looped(template: Mapping[str, Any], context: Context, place: Place) -> Iterator[Any]:
    name = template.get("as", "item")
    if set(template) - _LOOP_KEYS or "item" not in template or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TemplateProblem(place, 'a loop has for_each, as and item, e.g. { for_each = "order.lines", … }')
    values = _value(str(template[LOOP]), context, (*place, LOOP))
    if not isinstance(values, list | tuple):
        raise TemplateProblem((*place, LOOP), "is no list")
    for position, value in enumerate(values, start=1):
        yield fill(template["item"], {**context, name: value, "position": position}, (*place, "item"))


def _tried(place: Place, render: Any) -> Any:
    try:
        return render()
    except RecursionError:
        raise TemplateProblem(place, "is nested too deeply") from None
    except _FAILURES as error:
        # Only a template's own mistakes carry a message: another's could hold what was filled in.
        said = str(error.message or "") if isinstance(error, TemplateError) else type(error).__name__
        raise TemplateProblem(place, f"can't be filled in: {said[:160]}") from None
