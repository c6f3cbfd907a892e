"""Postcodes as rules name them: one, a beginning such as ``101*``, or a range such as ``80000-81999``."""

import re
from collections.abc import Iterable, Iterator

_ZIP_PLUS_FOUR = re.compile(r"\d{5}-\d{4}")


def within(areas: Iterable[str], given: str) -> bool:
    """Say whether an address's postcode lies in one of these; no postcode lies in none."""
    codes = set(_forms(given))
    return any(_matches(area, code) for area in areas for code in codes)


def _forms(given: str) -> Iterator[str]:
    """Yield a postcode as it is compared; one of the United States with its four more digits also without them."""
    if code := given.strip():
        yield bare(code)
    if _ZIP_PLUS_FOUR.fullmatch(code):
        yield code[:5]


def _matches(area: str, code: str) -> bool:
    if (beginning := beginning_of(area)) is not None:
        return code.startswith(beginning)
    if ends := range_of(area):
        return _between(ends, code)
    return code == bare(area)


def _between(ends: tuple[str, str], code: str) -> bool:
    return len(code) == len(ends[0]) and ends[0] <= code <= ends[1]


def bare(text: str) -> str:
    """Write a postcode without what people write differently: ``"sw1a 1aa"`` is ``"SW1A1AA"``."""
    return re.sub(r"[\s-]", "", text).upper()


def beginning_of(area: str) -> str | None:
    """Read ``"101*"`` as ``"101"``; None where it is no beginning."""
    return bare(area.strip()[:-1]) if area.strip().endswith("*") else None


def range_of(area: str) -> tuple[str, str] | None:
    """Read ``"80000-81999"``, or ``"00-950-02-999"``: two postcodes of equal length; None where it is one postcode."""
    plain = re.sub(r"\s*-\s*", "-", area.strip())
    half = len(plain) // 2
    if len(plain) % 2 == 0 or plain[half] != "-":
        return None
    first, last = bare(plain[:half]), bare(plain[half + 1 :])
    return (first, last) if len(first) == len(last) else None


def contains(wide: str, narrow: str) -> bool:
    """Say whether every postcode of the narrow area is known to lie in the wide one."""
    beginning, ends = beginning_of(narrow), range_of(narrow)
    if beginning is not None:
        outer = beginning_of(wide)
        return outer is not None and beginning.startswith(outer)
    if ends is not None:
        outer, around = beginning_of(wide), range_of(wide)
        if outer is not None:
            return all(end.startswith(outer) for end in ends)
        return around is not None and all(_between(around, end) for end in ends)
    return _matches(wide, bare(narrow))


def mistake(area: str) -> str | None:
    """Say what is wrong with an area, None where nothing is."""
    if not bare(area.replace("*", "")):
        return "names no postcode"
    if "*" in area.strip()[:-1]:
        return 'has a "*" before its end'
    ends = range_of(area)
    return "ends before it begins" if ends and ends[0] > ends[1] else None
