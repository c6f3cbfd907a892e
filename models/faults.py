"""Mistakes that people make in configuration: where, what, and what to write instead; as many at once as there are."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

FAULT = "fault"  # the type of these errors among pydantic's own

Location = tuple[str | int, ...]

_overlooked: ContextVar[frozenset[str]] = ContextVar("overlooked", default=frozenset())


@dataclass(frozen=True)
class Fault:
    """One mistake: its place below the model that finds it, what is wrong, and what to write instead."""

    location: Location
    problem: str
    remedy: str


def refuse(title: str, faults: Iterable[Fault]) -> None:
    """Raise one ValidationError with all of them; none: nothing happens. Within a validator it joins pydantic's own."""
    if title in _overlooked.get():
        return
    errors: list[InitErrorDetails] = [
        {"type": PydanticCustomError(FAULT, "{problem}; {remedy}", _context(one)), "loc": one.location, "input": None}
        for one in faults
    ]
    if errors:
        raise ValidationError.from_exception_data(title, errors, hide_input=True)


@contextmanager
def overlooking(titles: Iterable[str]) -> Iterator[None]:
    """Let these models pass with their faults: what encloses them is only looked at once they are taken."""
    token = _overlooked.set(frozenset(titles))
    try:
        yield
    finally:
        _overlooked.reset(token)


def _context(fault: Fault) -> dict[str, str]:
    return {"problem": fault.problem, "remedy": fault.remedy}


def unknown_names(names: Iterable[tuple[Location, str]], known: Collection[str], *, kind: str) -> Iterator[Fault]:
    """Find the names that are none of the known. ``kind`` is what they should be, e.g. "supplier"."""
    for location, name in names:
        if name not in known:
            yield Fault(location, f'names "{name}", which is no {kind}', suggest(name, known, kind=kind))


def suggest(name: str, known: Collection[str], *, kind: str) -> str:
    """Say what may have been meant, else what there is: ``did you mean "bts"?``, ``suppliers are bts, own``."""
    close = get_close_matches(name, known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"{plural(kind)} are {', '.join(sorted(known)) or 'none'}"


def plural(word: str) -> str:
    """Write more than one of them."""
    return f"{word.removesuffix('y')}ies" if word.endswith("y") else f"{word}s"
