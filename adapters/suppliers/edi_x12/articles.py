"""Which of the ordered lines a partner means: by its number, by ours, by its place. Line numbers often are missing."""

from collections.abc import Sequence
from decimal import Decimal

from adapters.suppliers.edi_x12.elements import Pairs
from adapters.suppliers.edi_x12.profile import X12Profile
from models.articles import normalise_ean, normalise_sku
from models.suppliers import SupplierLine


class Unreadable(Exception):
    """A set is well-formed, but what it says needs a person. ``reason`` is a word of docs/suppliers/edi_x12.md."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class OrderedLines:
    """The lines that were ordered under a number, as the desk knows them."""

    def __init__(self, lines: Sequence[SupplierLine], profile: X12Profile) -> None:
        """Index them by all their names."""
        self._lines = lines
        self._profile = profile
        self._by_ean = {_gtin(line.ean): line for line in lines}
        self._by_sku = {normalise_sku(line.sku): line for line in lines if line.sku}

    def find(self, ids: Pairs, place: str) -> SupplierLine | None:
        """Find the line that is meant: by an article's numbers; by its place only where no number is known to us.

        Raises Unreadable where its numbers mean two of the lines.
        """
        known = [line for qualifier, value in ids if (line := self._named(qualifier, value)) is not None]
        if any(line is not known[0] for line in known):
            raise Unreadable("two_articles", "one line names two of the articles that were ordered")
        if known:
            return known[0]
        if any(self._is_foreign(qualifier) for qualifier, _ in ids):
            return None
        return self._at(place)

    def _named(self, qualifier: str, value: str) -> SupplierLine | None:
        if qualifier in self._profile.ean_qualifiers:
            return self._by_ean.get(_gtin(value))
        return self._by_sku.get(normalise_sku(value)) if qualifier in self._profile.article_qualifiers else None

    def _is_foreign(self, qualifier: str) -> bool:
        """Say whether a number of this kind, unknown to us, can only mean another article."""
        if qualifier in self._profile.ean_qualifiers:
            return True
        return qualifier in self._profile.article_qualifiers and len(self._by_sku) == len(self._lines)

    def _at(self, place: str) -> SupplierLine | None:
        text = place.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 6) or not 1 <= int(text) <= len(self._lines):
            return None
        return self._lines[int(text) - 1]


def substitute(ids: Pairs, profile: X12Profile) -> str:
    """Name another article: by its EAN where there is one."""
    known = dict(reversed(ids))
    for qualifier in (*profile.ean_qualifiers, *profile.article_qualifiers):
        if qualifier in known:
            return known[qualifier][:60]
    return ids[0][1][:60] if ids else ""


def pieces(quantity: Decimal, unit: str, profile: X12Profile, where: str) -> int:
    """Read a number of single pieces. Raises Unreadable for cases, pounds and halves."""
    if unit and unit not in profile.units:
        raise Unreadable("unit", f"{where} counts in another unit")
    if quantity != quantity.to_integral_value() or not 0 <= quantity <= 1_000_000:
        raise Unreadable("quantity", f"{where} is no whole number of pieces")
    return int(quantity)


def _gtin(raw: str) -> str:
    """Bring a GTIN into one form: the same article has 12, 13 or 14 digits, by leading zeros only."""
    text = normalise_ean(raw)
    return text.lstrip("0") if text.isdigit() else text
