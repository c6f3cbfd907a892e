"""What the simulated shop has on sale: the world's articles with prices of the shop's own, and a few sloppy entries.

The sloppy ones are what merchants' catalogues are like, and what ``doctor`` should find: no barcode, one used twice,
one that no supplier knows.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sandbox.catalogue import NAMED_COUNT, UNKNOWN_EAN, catalogue

FIRST_VARIANT_ID = 44_000_000_000_000
FIRST_PRODUCT_ID = 8_000_000_000_000
WITHOUT_BARCODE = FIRST_VARIANT_ID - 1
SAME_BARCODE = FIRST_VARIANT_ID - 2  # carries the barcode of the first article too
UNKNOWN_BARCODE = FIRST_VARIANT_ID - 3
GIFT_CARD = FIRST_VARIANT_ID - 4


@dataclass(frozen=True)
class Variant:
    """One thing on sale. Prices are in the shop's currency."""

    id: int
    product_id: int
    barcode: str | None
    sku: str
    title: str
    price: Decimal
    ships: bool = True


@cache
def variants(count: int = NAMED_COUNT, seed: int = 0) -> dict[int, Variant]:
    """List the variants of a shop that sells the first ``count`` articles of this seed's world, by variant id."""
    regular = [
        Variant(
            id=FIRST_VARIANT_ID + position,
            product_id=FIRST_PRODUCT_ID + position,
            barcode=article.ean,
            sku=f"DW-{position:05d}",
            title=article.name,
            price=article.recommended_price,
        )
        for position, article in enumerate(catalogue(count, seed))
    ]
    return {variant.id: variant for variant in regular + _sloppy(regular[0])}


@cache
def variant_of(ean: str, count: int = NAMED_COUNT, seed: int = 0) -> Variant | None:
    """Find the variant that carries this barcode; of two, the one that was there first."""
    return next((variant for variant in variants(count, seed).values() if variant.barcode == ean), None)


def _sloppy(first: Variant) -> list[Variant]:
    price = Decimal("19.90")
    return [
        Variant(WITHOUT_BARCODE, FIRST_PRODUCT_ID - 1, None, "LOOSE-1", "Gift Wrap Paper", price),
        Variant(SAME_BARCODE, FIRST_PRODUCT_ID - 2, first.barcode, "TWICE-1", f"{first.title} (old entry)", price),
        Variant(UNKNOWN_BARCODE, FIRST_PRODUCT_ID - 3, UNKNOWN_EAN, "ALIEN-1", "Highlighter Yellow", price),
        Variant(GIFT_CARD, FIRST_PRODUCT_ID - 4, None, "CARD-25", "Gift Card 25", Decimal("25.00"), ships=False),
    ]
