"""What the simulated shop has on sale: the world's articles with prices of the shop's own, and a few sloppy entries.

The sloppy ones are what merchants' catalogues are like, and what ``doctor`` should find: no barcode, one used twice,
one that no supplier knows. A shop may have a million variants, so what follows from a variant's place is worked out
when it is asked for; only what can change is kept, in arrays.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import repeat

from sandbox.catalogue import BRANDS, FORMS, NAMED_COUNT, SCENTS, UNKNOWN_EAN, Article, catalogue, check_digit

FIRST_VARIANT_ID = 44_000_000_000_000
FIRST_PRODUCT_ID = 8_000_000_000_000
FIRST_ITEM_ID = 46_000_000_000_000
WITHOUT_BARCODE = FIRST_VARIANT_ID - 1
SAME_BARCODE = FIRST_VARIANT_ID - 2  # carries the barcode of the first article too
UNKNOWN_BARCODE = FIRST_VARIANT_ID - 3
GIFT_CARD = FIRST_VARIANT_ID - 4
SLOPPY = 4  # entries before the first regular one
LIKE_THE_SUPPLIERS = 10_000  # articles that are the supplier's to the letter; later ones only by their EAN
UNSTOCKED = -(2**40)  # a quantity that says: not stocked at this location
KINDS = ("quantity", "price", "words")
_STEP, _SHIFT, _RING = 7_919, 104_729, 10**8  # how the world's EANs follow from place and seed


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


@dataclass(frozen=True)
class Draft:
    """A product that an app created."""

    handle: str
    variant: Variant


@dataclass
class Shelf(Mapping[int, Variant]):
    """Everything on sale, by variant id, and what is kept of each: quantity, price, words, and how often written.

    Variants lie at places 0, 1, 2 …: the sloppy ones, the regular ones, then what apps created. Ids follow from places.
    """

    count: int = NAMED_COUNT
    seed: int = 0
    per_product: int = 1  # regular variants of one product
    quantity: int = 0  # of every variant at the main location, at first
    drafts: list[Draft] = field(default_factory=list)
    refused: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # kind -> variant id -> the code it is refused with

    def __post_init__(self) -> None:
        """Lay everything out."""
        self.known: tuple[Article, ...] = catalogue(min(self.count, LIKE_THE_SUPPLIERS), self.seed)
        total = SLOPPY + self.count
        self.quantities = array("q", repeat(self.quantity, total))
        self.prices = array("q", map(self._cents, range(total)))
        self.words: list[str | None] = [None] * total
        self.writes = {kind: array("I", bytes(4 * total)) for kind in KINDS}

    def __len__(self) -> int:
        """How many variants there are."""
        return SLOPPY + self.count + len(self.drafts)

    def __iter__(self) -> Iterator[int]:
        """List the ids, lowest first."""
        return iter(range(GIFT_CARD, GIFT_CARD + len(self)))

    def __getitem__(self, variant_id: int) -> Variant:
        """Look a variant up, with the price it was created with. Raises KeyError."""
        place = self.place(variant_id)
        if place is None:
            raise KeyError(variant_id)
        return self.at(place)

    def place(self, variant_id: int) -> int | None:
        """Find where a variant lies."""
        place = variant_id - GIFT_CARD
        return place if 0 <= place < len(self) else None

    def place_of_item(self, item_id: int) -> int | None:
        """Find where the variant of an inventory item lies."""
        return self.place(item_id - FIRST_ITEM_ID + FIRST_VARIANT_ID)

    def item_id(self, place: int) -> int:
        """The inventory item of a place."""
        return FIRST_ITEM_ID - SLOPPY + place

    def product_id(self, place: int) -> int:
        """The product of a place."""
        regular = place - SLOPPY
        if regular < 0 or regular >= self.count:
            return FIRST_PRODUCT_ID + regular
        return FIRST_PRODUCT_ID + regular // self.per_product

    def at(self, place: int) -> Variant:
        """The variant at a place."""
        further = place - SLOPPY - self.count
        return self.drafts[further].variant if further >= 0 else self._original(place)

    def by_barcode(self, barcode: str) -> Variant | None:
        """Find the variant that carries this barcode; of two, the one that was there first."""
        further = self._place_of_further(barcode)
        if further is not None:
            return self.at(further)
        named = range(SLOPPY, SLOPPY + min(self.count, NAMED_COUNT))
        others = (*named, *range(SLOPPY), *range(SLOPPY + self.count, len(self)))
        return next((variant for variant in map(self.at, others) if variant.barcode == barcode), None)

    def stock(self, place: int) -> int | None:
        """How many of it are available at the main location; None where it is not stocked there."""
        quantity = self.quantities[place]
        return None if quantity == UNSTOCKED else quantity

    def price(self, place: int) -> Decimal:
        """What it costs now."""
        return Decimal(self.prices[place]).scaleb(-2)

    def wrote(self, kind: str, place: int) -> None:
        """Count a write."""
        self.writes[kind][place] += 1

    def add(self, handle: str, title: str, barcode: str | None, sku: str, price: Decimal) -> Variant:
        """Add a product with one variant, as an app does: stocked nowhere yet."""
        place = len(self)
        variant = Variant(GIFT_CARD + place, self.product_id(place), barcode, sku, title, price)
        self.drafts.append(Draft(handle, variant))
        self.quantities.append(UNSTOCKED)
        self.prices.append(cents(price))
        self.words.append(None)
        for counts in self.writes.values():
            counts.append(0)
        return variant

    def _cents(self, place: int) -> int:
        regular = place - SLOPPY
        return _cents(regular) if regular >= len(self.known) else cents(self._original(place).price)

    def _original(self, place: int) -> Variant:
        regular = place - SLOPPY
        if regular < 0:
            return _sloppy(self.known[0] if self.known else catalogue(1, self.seed)[0])[place]
        article = self.known[regular] if regular < len(self.known) else None
        return Variant(
            id=FIRST_VARIANT_ID + regular,
            product_id=self.product_id(place),
            barcode=article.ean if article else _further_ean(regular, self.seed),
            sku=f"DW-{regular:05d}",
            title=article.name if article else _title(regular),
            price=article.recommended_price if article else Decimal(_cents(regular)).scaleb(-2),
        )

    def _place_of_further(self, barcode: str) -> int | None:
        """Work an EAN of the world's back to its place: a scan of a million would take a second."""
        if not (barcode.startswith("8438") and len(barcode) == 13 and barcode.isdecimal()):
            return None
        regular = (int(barcode[4:12]) - self.seed * _SHIFT) * pow(_STEP, -1, _RING) % _RING
        valid = NAMED_COUNT <= regular < self.count and _further_ean(regular, self.seed) == barcode
        return SLOPPY + regular if valid else None


def cents(amount: Decimal) -> int:
    """Write an amount in hundredths."""
    return int(amount.scaleb(2).to_integral_value())


@cache
def variants(count: int = NAMED_COUNT, seed: int = 0) -> dict[int, Variant]:
    """List the variants of a shop that sells the first ``count`` articles of this seed's world, by variant id."""
    return dict(Shelf(count, seed))


def _sloppy(first: Article) -> tuple[Variant, ...]:
    """The sloppy entries, lowest id first."""
    price = Decimal("19.90")
    return (
        Variant(GIFT_CARD, FIRST_PRODUCT_ID - 4, None, "CARD-25", "Gift Card 25", Decimal("25.00"), ships=False),
        Variant(UNKNOWN_BARCODE, FIRST_PRODUCT_ID - 3, UNKNOWN_EAN, "ALIEN-1", "Highlighter Yellow", price),
        Variant(SAME_BARCODE, FIRST_PRODUCT_ID - 2, first.ean, "TWICE-1", f"{first.name} (old entry)", price),
        Variant(WITHOUT_BARCODE, FIRST_PRODUCT_ID - 1, None, "LOOSE-1", "Gift Wrap Paper", price),
    )


def _further_ean(regular: int, seed: int) -> str:
    digits = f"8438{(regular * _STEP + seed * _SHIFT) % _RING:08d}"
    return digits + check_digit(digits)


def _cents(regular: int) -> int:
    return 600 + regular * 37 % 39_400


def _title(regular: int) -> str:
    return (
        f"{SCENTS[regular % len(SCENTS)]} {FORMS[regular % len(FORMS)]} {BRANDS[regular % len(BRANDS)]} no. {regular}"
    )
