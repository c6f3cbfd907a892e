"""What the views of migration 0002 say of suppliers' stock: an order's candidates, and what a channel may sell."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import text

from adapters.database.engine import Transaction


class StandingOffer(NamedTuple):
    """A supplier's offer as it stands. ``available`` are its units after the buffer and what orders hold."""

    supplier: str
    sku: str  # the supplier's own
    ean: str
    known: bool
    discontinued: bool
    quantity: int
    reserved: int
    buffer: int
    unit_cost: Decimal | None
    currency: str
    lead_days: int | None
    available_on: date | None
    minimum: int | None
    pack: int | None
    restricted_countries: Sequence[str]
    category: str
    confirmed_at: datetime  # when the supplier last said so, also by bringing the same row of a feed again

    @property
    def available(self) -> int:
        """Count what one more order can have."""
        return max(0, self.quantity - self.buffer - self.reserved)


_OFFERS = text("""
SELECT o.supplier, o.sku, o.ean, o.known, o.discontinued, o.quantity, o.reserved, o.buffer, o.unit_cost, o.currency,
    o.lead_days, o.available_on, o.minimum, o.pack, coalesce(o.restricted_countries, '{}'),
    coalesce(a.category, ''), least(o.confirmed_at, :now)
FROM offer_stock o LEFT JOIN supplier_articles a ON a.supplier = o.supplier AND a.sku = o.sku
WHERE o.ean = ANY(:eans) AND o.supplier = ANY(:suppliers) ORDER BY o.ean, o.supplier, o.sku
""")


def offers_of(tx: Transaction, eans: Sequence[str], suppliers: Sequence[str], *, now: datetime) -> list[StandingOffer]:
    """Read these suppliers' offers of these articles, in one statement. No word is newer than ``now``."""
    rows = tx.execute(_OFFERS, {"eans": list(eans), "suppliers": list(suppliers), "now": now})
    return [StandingOffer._make(row) for row in rows.all()]


def set_now(tx: Transaction, now: datetime) -> None:
    """Tell the views what time it is, until this transaction ends: Temporal's, not the database's.

    What the planner expects of JSON makes these queries look worth compiling, which they never are.
    """
    setting = text("SELECT set_config('dropwright.now', :now, true), set_config('jit', 'off', true)")
    tx.execute(setting, {"now": now.isoformat()})
