"""What a shop shows of an article: a quantity that can be delivered, the words beside it, and whose cost its price is from.

The pool is the sum of all suppliers' offers. What customers have ordered and no supplier has taken off its stock yet is
subtracted first, whichever channel it was sold in: so several channels may show one pool.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal

from models.listings import Availability, ListingChange
from models.prices import PriceBook, PricedProduct
from models.selling import PoolOffer, SellingRules, ShelfItem
from workflows.decisions.pricing import in_currency, price_with

IN_STOCK = "in stock"
OUT_OF_STOCK = "out of stock"


def deliverable(offer: PoolOffer) -> int:
    """Count the units that can be ordered off an offer: whole packs, and none below the supplier's minimum."""
    if not offer.usable or offer.quantity <= 0:
        return 0
    whole = offer.quantity - offer.quantity % (offer.pack or 1)
    return whole if whole >= (offer.minimum or 1) else 0


def availability(offers: Sequence[PoolOffer], demand: int, rules: SellingRules) -> Availability:
    """Decide what customers read of an article. ``demand`` is what is sold and not yet taken off the suppliers' stock."""
    counted = [offer for offer in offers if offer.supplier in rules.priority]
    safety = rules.safety_stock or {}
    pool = sum(max(0, deliverable(offer) - safety.get(offer.supplier, 0)) for offer in counted)
    left = max(0, pool - demand)
    kept_back = rules.buffer
    if rules.buffer_share:
        kept_back += int((left * rules.buffer_share).to_integral_value(ROUND_CEILING))
    shown = max(0, left - kept_back)
    if rules.max_quantity is not None:
        shown = min(shown, rules.max_quantity)
    if shown:
        return Availability(quantity=shown, words=_in_stock(counted, rules))
    expected = _expected(counted, rules.today)
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
            lacking = not deliverable(offer)
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


def _in_stock(offers: Sequence[PoolOffer], rules: SellingRules) -> str:
    """Say how soon it ships, from the supplier that would be ordered from first."""
    first = min(
        (offer for offer in offers if deliverable(offer)), key=lambda offer: rules.priority.index(offer.supplier)
    )
    days = first.lead_days or 0
    return IN_STOCK if days <= 1 else f"ships in {days} days"


def _expected(offers: Sequence[PoolOffer], today: date) -> date | None:
    dates = [
        offer.available_on for offer in offers if offer.usable and offer.available_on and offer.available_on > today
    ]
    return min(dates, default=None)
