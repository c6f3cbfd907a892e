"""Where in a TOML file each setting stands.

The standard library's reader tells no positions (python/cpython#115516), and no kept library for Python does. So the
file is cut into its statements, the shortest runs of lines that read as TOML by themselves, and each is read alone.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Location = tuple[str | int, ...]


class Lines:
    """The line of every setting of a valid TOML document; lines count from 1."""

    def __init__(self, text: str) -> None:
        """Read the document."""
        self._lines: dict[Location, int] = {}
        self._lengths: dict[Location, int] = {}  # of lists of tables, as [[headers]] lengthen them
        table: Location = ()
        for number, lines in _statements(text):
            if lines[0].lstrip().startswith("["):
                table = self._enter(lines[0], number)
            else:
                self._add(table, tomllib.loads("\n".join(lines)), number)
                self._add_items(table, lines, number)

    def of(self, location: Location) -> int | None:
        """Say where a setting stands, or what it would be part of; None for the document as a whole."""
        for length in range(len(location), 0, -1):
            if (line := self._lines.get(location[:length])) is not None:
                return line
        return None

    def _enter(self, header: str, number: int) -> Location:
        lengthens = header.lstrip().startswith("[[")
        names = _names(tomllib.loads(header))
        place: Location = ()
        for depth, name in enumerate(names, start=1):
            place = (*place, name)
            self._lines.setdefault(place, number)
            if lengthens and depth == len(names):
                self._lengths[place] = self._lengths.get(place, 0) + 1
            if place in self._lengths:
                place = (*place, self._lengths[place] - 1)
                self._lines.setdefault(place, number)
        return place

    def _add(self, place: Location, value: Any, number: int) -> None:
        if place:
            self._lines.setdefault(place, number)
        for key, part in _parts(value):
            self._add((*place, key), part, number)

    def _add_items(self, table: Location, lines: list[str], number: int) -> None:
        """Find the items of a list that is written over several lines: it is valid where it is closed after any of them."""
        known, begins = 0, number
        for end in range(1, len(lines)):
            try:
                document = tomllib.loads("\n".join(lines[:end]) + "\n]")
            except tomllib.TOMLDecodeError:
                continue
            place, items = _list_in(document)
            for item in range(known, len(items)):
                self._move((*table, *place, item), items[item], _first_said(lines, begins - number) + number)
            known, begins = len(items), number + end
        if known:
            place, items = _list_in(tomllib.loads("\n".join(lines)))
            for item in range(known, len(items)):
                self._move((*table, *place, item), items[item], _first_said(lines, begins - number) + number)

    def _move(self, place: Location, value: Any, number: int) -> None:
        self._lines[place] = number
        for key, part in _parts(value):
            self._move((*place, key), part, number)


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each statement and the number of its first line; what is left open at the end is not yielded."""
    pending: list[str] = []
    begins = 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not pending:
            if _says_nothing(line):
                continue
            begins = number
        pending.append(line)
        if _is_complete(pending):
            yield begins, pending
            pending = []


def _is_complete(lines: list[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _first_said(lines: list[str], start: int) -> int:
    return next((number for number in range(start, len(lines)) if not _says_nothing(lines[number])), start)


def _names(document: Mapping[str, Any]) -> list[str]:
    """Follow a header's table to its end."""
    names: list[str] = []
    value: Any = document
    while value:
        value = value[0] if isinstance(value, list) else value
        for key, following in list(value.items())[:1]:
            names.append(key)
            value = following if following != [{}] else None
    return names


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _list_in(document: Any) -> tuple[Location, list[Any]]:
    """Follow a statement's dotted key to its list."""
    place: Location = ()
    while isinstance(document, dict):
        ((key, document),) = document.items()
        place = (*place, key)
    return place, document if isinstance(document, list) else []
