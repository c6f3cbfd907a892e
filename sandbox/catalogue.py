"""What the simulated world sells: the same articles at the supplier and, with prices of its own, in the shop.

The first 50 articles are the same for every seed, so that tests and the demo can name them; from there on EANs and
prices follow the seed. ``NAMED`` is their list; the odd ones have names below. All but those have stock to spare.

Every article follows from its place and the seed alone, so that a world of a million of them takes no memory and no time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

FORMS = ("Eau de Parfum 50 ml", "Eau de Toilette 100 ml", "Body Lotion 200 ml", "Shower Gel 250 ml", "Soap 120 g")
SCENTS = ("Linden", "Fig", "Cedar", "Sea Salt", "Quince", "Iris", "Neroli", "Black Tea", "Vetiver", "Almond")
BRANDS = ("Norte", "Olmo", "Salina")
NAMED_COUNT = 50
NAMED_STOCK = 100_000

OUT_OF_STOCK = 45  # positions of the odd articles among the named ones
LAST_PIECE = 46
BAD_CHECK_DIGIT = 47
SHORT_CODE = 48  # a 12-digit UPC
WITH_LETTERS = 49  # a code of the supplier's own: case and spaces don't matter
UNKNOWN_EAN = "4006381333931"  # a valid EAN that nobody sells here
_PREFIX = "8438"  # of the further articles' EANs
_PLACES = 10**8  # how many such EANs there are
_STRIDE = 7_919
_BACK = pow(_STRIDE, -1, _PLACES)
_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Article:
    """An article as the supplier offers it. Prices are in EUR, without tax; ``categories`` is a path of ids."""

    id: int
    ean: str
    name: str
    brand: str
    categories: str
    price: Decimal
    recommended_price: Decimal
    stock: int
    added_days_ago: int
    restricted_countries: tuple[str, ...] = ()


@cache
def catalogue(count: int = 500, seed: int = 0) -> tuple[Article, ...]:
    """List the first ``count`` articles of this seed's world."""
    return tuple(article_at(index, seed) for index in range(count))


def article_at(index: int, seed: int) -> Article:
    """Make the article at this place of this seed's world."""
    return _NAMED[index] if index < NAMED_COUNT else _further(index, seed)


class Assortment(Mapping[str, Article]):
    """The first ``count`` articles by their normalised codes, made when they are looked at."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._named = {normalised(article.ean): index for index, article in enumerate(_NAMED[:count])}

    def at(self, index: int) -> Article:
        """Make the article at this place."""
        return article_at(index, self._seed)

    def place(self, code: str) -> int | None:
        """Find the place of an article by its normalised code."""
        if code in self._named:
            return self._named[code]
        if len(code) != 13 or not code.isdecimal() or not code.startswith(_PREFIX):
            return None
        index = (int(code[4:12]) - _offset(self._seed)) * _BACK % _PLACES
        return index if NAMED_COUNT <= index < self._count and check_digit(code[:12]) == code[12] else None

    def __getitem__(self, code: str) -> Article:
        index = self.place(code)
        if index is None:
            raise KeyError(code)
        return self.at(index)

    def __iter__(self) -> Iterator[str]:
        return (normalised(self.at(index).ean) for index in range(self._count))

    def __len__(self) -> int:
        return self._count


def named_eans() -> tuple[str, ...]:
    """List the EANs of the articles every seed has, the odd ones included."""
    return tuple(article.ean for article in catalogue(NAMED_COUNT))


def plain_eans() -> tuple[str, ...]:
    """List the EANs of the named articles that are well-formed and never run out."""
    return named_eans()[:OUT_OF_STOCK]


def normalised(ean: str) -> str:
    """Write an article code as the supplier compares it: without spaces, in upper case."""
    return "".join(ean.split()).upper()


def check_digit(digits: str) -> str:
    """Compute the last digit of a GTIN from those before it (GS1 General Specifications §7.9)."""
    codes = digits.encode()
    heavy, light = codes[::-2], codes[-2::-2]
    return str((-3 * (sum(heavy) - 48 * len(heavy)) - sum(light) + 48 * len(light)) % 10)


def _named(index: int) -> Article:
    odd_codes = {BAD_CHECK_DIGIT: "8411061123456", SHORT_CODE: "036000291452", WITH_LETTERS: "BTSKIT0049A"}
    odd_stock = {OUT_OF_STOCK: 0, LAST_PIECE: 1}
    scent, form = divmod(index, len(FORMS))
    return Article(
        id=10_000 + index,
        ean=odd_codes.get(index) or _ean(f"84370000{index:04d}"),
        name=f"{SCENTS[scent]} {FORMS[form]}",
        brand=BRANDS[index % len(BRANDS)],
        categories=f"1/{15 + form}",
        price=Decimal(12 + index) + Decimal("0.50"),
        recommended_price=Decimal(24 + 2 * index) + Decimal("0.90"),
        stock=odd_stock.get(index, NAMED_STOCK),
        added_days_ago=index * 7,
        restricted_countries=("US",) if index == LAST_PIECE else (),
    )


def _further(index: int, seed: int) -> Article:
    bits = _mixed(index, seed)
    price = Decimal(300 + bits % 19_700).scaleb(-2)
    return Article(
        id=10_000 + index,
        ean=_ean(f"{_PREFIX}{(index * _STRIDE + _offset(seed)) % _PLACES:08d}"),
        name=f"{SCENTS[bits % 97 % len(SCENTS)]} {FORMS[bits % 89 % len(FORMS)]} no. {index}",
        brand=BRANDS[bits % 83 % len(BRANDS)],
        categories=f"1/{15 + index % len(FORMS)}",
        price=price,
        recommended_price=price * 2,
        stock=(bits >> 20) % 500,
        added_days_ago=(bits >> 32) % 400,
    )


def _offset(seed: int) -> int:
    return seed * 104_729


def _mixed(index: int, seed: int) -> int:
    """Scatter a place over 64 bits (the finaliser of SplitMix64): a generator per article would take ten times as long."""
    bits = (index + seed * 0x9E3779B97F4A7C15) & _MASK
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & _MASK
    return bits ^ bits >> 31


def _ean(digits: str) -> str:
    return digits + check_digit(digits)


_NAMED = tuple(_named(index) for index in range(NAMED_COUNT))
