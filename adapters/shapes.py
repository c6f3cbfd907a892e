"""The shape of an answer: which paths it has, and of which types. Never what stands there.

A shape is a mapping of path to type, e.g. ``{"$": "object", "$.order": "object", "$.order.lines[]": "object"}``. The
elements of an array share one path. Names that look like data (an article number as a key) are written ``*``, so that
a shape holds the vendor's vocabulary only.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_PATHS = 400
DEEPEST = 12
MOST_ELEMENTS = 20  # of an array that are looked at
MOST_TOLD = 30  # paths of each kind in a difference

Shape = dict[str, str]

_NAME = re.compile(r"[A-Za-z_$@][A-Za-z_$:-]{0,39}[0-9]{0,3}")
_TYPES = ((bool, "boolean"), (int | float, "number"), (str, "string"), (type(None), "null"))


def shape_of(reply: str) -> Shape:
    """Say what an answer's body looks like. One that is no JSON has a type alone."""
    text = reply.strip("\ufeff \t\r\n")
    if not text:
        return {"$": "nothing"}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"$": _kind_of_text(text)}
    shape: Shape = {}
    _walk(value, "$", shape, 0)
    return shape


def _kind_of_text(text: str) -> str:
    if text.startswith("<"):
        return "markup"
    return "JSON that is cut off" if text[0] in "[{" else "text"


def _walk(value: Any, path: str, shape: Shape, depth: int) -> None:
    if len(shape) >= MOST_PATHS or depth > DEEPEST:
        return
    _note(shape, path, _type_of(value))
    if isinstance(value, dict):
        for name, below in value.items():
            _walk(below, f"{path}.{name if _NAME.fullmatch(name) else '*'}", shape, depth + 1)
    elif isinstance(value, list):
        for element in value[:MOST_ELEMENTS]:
            _walk(element, f"{path}[]", shape, depth + 1)


def _type_of(value: Any) -> str:
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return next(name for kind, name in _TYPES if isinstance(value, kind))


def _note(shape: Shape, path: str, types: str) -> None:
    known = set(shape[path].split("|")) if path in shape else set()
    shape[path] = "|".join(sorted(known | set(types.split("|"))))


def merge(known: Mapping[str, str], seen: Mapping[str, str]) -> Shape:
    """Add what was seen to what is known: optional paths and several types come together over time."""
    merged = dict(known)
    for path, types in seen.items():
        if path in merged or len(merged) < MOST_PATHS:
            _note(merged, path, types)
    return merged


@dataclass(frozen=True)
class Difference:
    """How an answer differs from those that were understood. ``retyped``: path, types known, types seen."""

    known: bool = True  # False: no answer of this operation was ever understood
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    cut: bool = False  # True: only the beginning of this answer was kept, and nothing is compared

    def as_json(self) -> dict[str, Any]:
        """Write it as evidence: paths and types."""
        retyped = [{"path": path, "was": was, "is": now} for path, was, now in self.retyped]
        return {"known": self.known, "gone": list(self.gone), "new": list(self.new), "retyped": retyped}

    def in_words(self) -> str:
        """Write it into a question, in brief."""
        if self.cut:
            return "it is too long to be compared here"
        if not self.known:
            return "no earlier answer is known"
        retyped = [f"{path} is {now}, was {was}" for path, was, now in self.retyped]
        parts = [*retyped, *(f"{path} is gone" for path in self.gone), *(f"{path} is new" for path in self.new)]
        more = f", and {len(parts) - 3} more" if len(parts) > 3 else ""
        return "; ".join(parts[:3]) + more if parts else "its shape is as always: a value is not understood"


def difference(known: Mapping[str, str] | None, seen: Mapping[str, str]) -> Difference:
    """Compare an answer with those that were understood. Only the highest path of what is gone or new is named."""
    if known is None:
        return Difference(known=False)
    retyped = [
        (path, known[path], types)
        for path, types in seen.items()
        if path in known and not set(types.split("|")) <= set(known[path].split("|"))
    ]
    gone, new = _highest(known.keys() - seen.keys()), _highest(seen.keys() - known.keys())
    return Difference(True, tuple(gone[:MOST_TOLD]), tuple(new[:MOST_TOLD]), tuple(sorted(retyped)[:MOST_TOLD]))


def _highest(paths: set[str]) -> list[str]:
    """Leave out what lies below a path that is named anyway."""
    return sorted(path for path in paths if _parent(path) not in paths)


def _parent(path: str) -> str:
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]
