"""What the simulated world sells: the same articles at the supplier and, with prices of its own, in the shop.

The first 50 articles are the same for every seed, so that tests and the demo can name them; from there on EANs and
prices follow the seed. ``NAMED`` is their list; the odd ones have names below. All but those have stock to spare.
"""

import random
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


@dataclass(frozen=True)
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
    chance = random.Random(f"catalogue:{seed}")
    return tuple(_named(index) if index < NAMED_COUNT else _further(index, seed, chance) for index in range(count))


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
    weighted = (int(digit) * (3 if position % 2 == 0 else 1) for position, digit in enumerate(reversed(digits)))
    return str(-sum(weighted) % 10)


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


def _further(index: int, seed: int, chance: random.Random) -> Article:
    price = Decimal(chance.randrange(300, 20_000)) / 100
    return Article(
        id=10_000 + index,
        ean=_ean(f"8438{(index * 7_919 + seed * 104_729) % 10**8:08d}"),
        name=f"{chance.choice(SCENTS)} {chance.choice(FORMS)} no. {index}",
        brand=chance.choice(BRANDS),
        categories=f"1/{15 + index % len(FORMS)}",
        price=price,
        recommended_price=price * 2,
        stock=chance.randrange(0, 500),
        added_days_ago=chance.randrange(0, 400),
    )


def _ean(digits: str) -> str:
    return digits + check_digit(digits)
