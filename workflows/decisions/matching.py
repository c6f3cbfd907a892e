"""Which supplier's article is ours: proposals for a person, from numbers first and titles last.

A number that agrees is a match by itself. A title never is: sizes and colours that differ in one digit are other articles.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappush, heappushpop

PROPOSED_PER_ARTICLE = 3
LEAST_LIKENESS = 0.5
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


class Method(StrEnum):
    """How an article of ours was found at a supplier, the surest first."""

    PERSON = "person"
    GTIN = "gtin"
    SKU = "sku"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class OurArticle:
    """An article that a shop sells."""

    sku: str
    ean: str
    title: str


@dataclass(frozen=True, slots=True)
class TheirArticle:
    """An article as one supplier offers it."""

    supplier: str
    sku: str
    ean: str
    title: str
    brand: str


@dataclass(frozen=True, slots=True, order=True)
class Proposal:
    """A supplier's article that may be ours; ``likeness`` from 0 to 1."""

    likeness: float
    method: Method
    sku: str  # ours
    supplier: str
    supplier_sku: str
    their_ean: str
    their_title: str


def gtin14(code: str) -> str:
    """Write a GTIN in its longest form, so that a UPC and the EAN it is part of are one; "" for what is none."""
    digits = code.strip()
    return digits.zfill(14) if digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 14 else ""


class Matchmaker:
    """Looks through every supplier's articles once, and keeps the best proposals for each of ours.

    Memory follows our articles, however many the suppliers have.
    """

    def __init__(self, ours: Iterable[OurArticle]) -> None:
        self._ours = {article.sku: article for article in ours}
        self._by_gtin = _grouped((gtin14(one.ean), one.sku) for one in self._ours.values())
        self._by_sku = _grouped((_folded(one.sku), one.sku) for one in self._ours.values())
        self._words = {one.sku: _words(one.title) for one in self._ours.values()}
        self._by_word = _grouped((word, sku) for sku, words in self._words.items() for word in words)
        self._best: dict[str, list[Proposal]] = {}

    def look_at(self, theirs: TheirArticle) -> None:
        """Take one of a supplier's articles into account."""
        for sku in self._by_gtin.get(gtin14(theirs.ean), ()):
            self._propose(sku, theirs, Method.GTIN, 1.0)
        for sku in self._by_sku.get(_folded(theirs.sku), ()):
            self._propose(sku, theirs, Method.SKU, 0.95)
        words = _words(f"{theirs.brand} {theirs.title}")
        for sku in self._sharing_a_rare_word(words):
            likeness = self._likeness(sku, theirs, words)
            if likeness >= LEAST_LIKENESS:
                self._propose(sku, theirs, Method.TITLE, 0.9 * likeness)

    def proposals(self) -> dict[str, list[Proposal]]:
        """List what was found for each of our articles, the likeliest first."""
        return {sku: sorted(found, reverse=True) for sku, found in sorted(self._best.items())}

    def _sharing_a_rare_word(self, words: frozenset[str]) -> set[str]:
        """A word that half of our articles share tells nothing: candidates come from the rarest ones only."""
        known = sorted((self._by_word[word] for word in words if word in self._by_word), key=len)
        return {sku for skus in known[:2] for sku in skus}

    def _likeness(self, sku: str, theirs: TheirArticle, words: frozenset[str]) -> float:
        mine = self._words[sku]
        if _NUMBER.findall(self._ours[sku].title) and _numbers(self._ours[sku].title) != _numbers(theirs.title):
            return 0.0  # 50 ml is not 100 ml
        shared = len(mine & words)
        return shared / len(mine) if mine else 0.0

    def _propose(self, sku: str, theirs: TheirArticle, method: Method, likeness: float) -> None:
        proposal = Proposal(
            likeness=round(likeness, 3),
            method=method,
            sku=sku,
            supplier=theirs.supplier,
            supplier_sku=theirs.sku,
            their_ean=theirs.ean,
            their_title=theirs.title,
        )
        best = self._best.setdefault(sku, [])
        if any((one.supplier, one.supplier_sku) == (theirs.supplier, theirs.sku) for one in best):
            return
        if len(best) < PROPOSED_PER_ARTICLE:
            heappush(best, proposal)
        else:
            heappushpop(best, proposal)


def choose_attribute(values: Mapping[str, str], precedence: tuple[str, ...]) -> tuple[str, str] | None:
    """Choose whose word on an attribute counts: the first supplier of the precedence that has one, else the first by name.

    Returns (supplier, value); None where nobody has any.
    """
    filled = {supplier: value for supplier, value in values.items() if value}
    for supplier in (*precedence, *sorted(filled)):
        if supplier in filled:
            return supplier, filled[supplier]
    return None


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, sku in pairs:
        if key:
            groups.setdefault(key, []).append(sku)
    return groups


def _folded(sku: str) -> str:
    return "".join(sku.split()).casefold()


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text) if len(word) > 1)


def _numbers(text: str) -> list[str]:
    return sorted(number.replace(",", ".") for number in _NUMBER.findall(text))
