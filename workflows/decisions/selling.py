"""What a shop shows of an article: the words beside a quantity, and whose cost its price is from.

The quantity itself comes from the database's view of what may be sold: offers after their buffers and what orders hold
of them, less what customers of any channel have bought and no offer holds yet. So several channels may show one pool.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from models.listings import Availability, ListingChange
from models.prices import PriceBook, PricedProduct
from models.selling import PoolOffer, SellingRules, ShelfItem
from workflows.decisions.pricing import in_currency, price_with

IN_STOCK = "in stock"
OUT_OF_STOCK = "out of stock"


def availability(parts: Sequence[Sequence[PoolOffer]], units: int, rules: SellingRules) -> Availability:
    """Decide what customers read of an article of which ``units`` may be sold.

    ``parts`` are the offers of each article that it is made of: more than one list for a bundle.
    """
    counted = [[offer for offer in offers if offer.supplier in rules.priority] for offers in parts]
    if units > 0:
        return Availability(quantity=units, words=_in_stock(counted, rules))
    expected = _all_expected(counted, rules.today)
    words = OUT_OF_STOCK if expected is None else f"backorder until {expected.isoformat()}"
    return Availability(quantity=0, words=words, available_on=expected)


def first_choice(offers: Sequence[PoolOffer], rules: SellingRules, book: PriceBook) -> PoolOffer | None:
    """Find the offer that would be ordered first: by preference among those in stock, else the cheapest.

    Of offers that are equal in that, the cheaper one. None where no offer has a cost that can be compared.
    """
    found: list[tuple[tuple[bool, int, Decimal, str], PoolOffer]] = []
    for offer in offers:
        if not offer.usable or offer.supplier not in rules.priority:
            continue
        cost = in_currency(offer.money(offer.unit_cost), book)
        if isinstance(cost, Decimal):
            lacking = not offer.deliverable
            rank = 0 if lacking else rules.priority.index(offer.supplier)
            found.append(((lacking, rank, cost, offer.sku), offer))
    return min(found, key=lambda one: one[0])[1] if found else None


def wanted_price(item: ShelfItem, offers: Sequence[PoolOffer], rules: SellingRules, book: PriceBook) -> Decimal | None:
    """Decide a listing's price; None leaves what the shop shows."""
    offer = first_choice(offers, rules, book)
    if offer is None:
        return None
    product = PricedProduct(
        sku=item.sku,
        ean=item.ean,
        brand=offer.brand,
        category=offer.category,
        cost=offer.money(offer.unit_cost),
        supplier=offer.supplier,
        recommended=offer.money(offer.recommended_price),
        map_price=offer.money(offer.map_price),
    )
    return price_with(product, book).price


def change_of(item: ShelfItem, shown: Availability | None, price: Decimal | None) -> ListingChange | None:
    """Say what must change in the shop; None where it shows already what it should.

    ``shown`` and ``price`` are None where they are not ours to keep.
    """
    quantity = shown.quantity if shown is not None and shown.quantity != item.quantity else None
    words = shown.words if shown is not None and shown.words != item.words else None
    new_price = price if price is not None and price != item.price else None
    if quantity is None and words is None and new_price is None:
        return None
    return ListingChange(
        variant_id=item.variant_id,
        product_id=item.product_id,
        inventory_item_id=item.inventory_item_id,
        quantity=quantity,
        price=new_price,
        words=words,
    )


def _in_stock(parts: Sequence[Sequence[PoolOffer]], rules: SellingRules) -> str:
    """Say how soon it ships, from the supplier that would be ordered from first; of a bundle, its slowest part."""
    days = max((_lead_days(offers, rules) for offers in parts), default=0)
    return IN_STOCK if days <= 1 else f"ships in {days} days"


def _lead_days(offers: Sequence[PoolOffer], rules: SellingRules) -> int:
    there = [offer for offer in offers if offer.usable and offer.deliverable]
    first = min(there, key=lambda offer: rules.priority.index(offer.supplier), default=None)
    return (first.lead_days or 0) if first else 0


def _all_expected(parts: Sequence[Sequence[PoolOffer]], today: date) -> date | None:
    """Say when the last of what is lacking is expected; None where nobody knows of one of them."""
    lacking = [offers for offers in parts if not any(one.usable and one.deliverable for one in offers)]
    dates = [_expected(offers, today) for offers in lacking or parts]
    known = [expected for expected in dates if expected is not None]
    return max(known) if known and len(known) == len(dates) else None


def _expected(offers: Sequence[PoolOffer], today: date) -> date | None:
    dates = [
        offer.available_on for offer in offers if offer.usable and offer.available_on and offer.available_on > today
    ]
    return min(dates, default=None)
