"""Customers who buy what is scarce, all at the same time, and suppliers who go on changing what they have.

As a program (``python -m tests.stock.buyers URL SEED``) it buys until it is killed.
"""

import random
import sys
from datetime import datetime, timedelta

from sqlalchemy import text

from adapters.database import purchase_orders, reservations, stock_views
from adapters.database.engine import Database, Transaction
from adapters.database.offers import keep
from adapters.database.reservations import Want
from models.statuses import PurchaseOrderState
from models.suppliers import Offer
from tests.stock.world import NOW, buy, order

SUPPLIERS = ("bts", "nova")
HOT = tuple(f"84110610001{number:02}" for number in range(6))
KITS = ({HOT[0]: 2, HOT[1]: 1}, {HOT[1]: 1, HOT[2]: 3, HOT[5]: 1}, {HOT[3]: 1, HOT[0]: 1})  # they share components

# At the very end of a transaction, whoever wrote what: what is reserved was there, after the buffer, when it committed.
AUDIT = """
CREATE TABLE IF NOT EXISTS audit (id bigserial, supplier text, sku text, spare int);
CREATE OR REPLACE FUNCTION note_spare() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (supplier, sku, spare)
    SELECT supplier, sku, quantity - reserved - buffer FROM offer_stock
    WHERE supplier = new.supplier AND sku = new.sku;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER spare_at_commit AFTER INSERT ON reservations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note_spare();
"""


class Buyer:
    """A customer with a mind of his own."""

    def __init__(self, database: Database, seed: int, *, buffer: int) -> None:
        """``buffer`` is what the configuration keeps back of every offer."""
        self._database, self._random, self._buffer = database, random.Random(seed), buffer
        self.bought: list[int] = []
        self.short = 0

    def purchase(self) -> bool:
        """Look what is there, without locks, and try to get it; another may be faster."""
        wanted = self._wanted()
        with self._database.begin() as tx:
            standing = stock_views.offers_of(tx, sorted(wanted), SUPPLIERS, now=NOW)
        supplier = self._random.choice(SUPPLIERS)
        there = {one.ean: one for one in standing if one.supplier == supplier}
        if any(there[ean].available < units for ean, units in wanted.items()):
            return False
        wants = [Want(supplier, there[ean].sku, ean, "1", units, self._buffer) for ean, units in wanted.items()]
        self._random.shuffle(wants)
        with self._database.begin() as tx:
            order_id = order(tx, [(wants[0].ean, 1)], channel="main", state="open")
            bought = buy(tx, order_id, wants, number=f"B{self._random.getrandbits(60):x}")
            if bought is None:
                self.short += 1
                tx.rollback()
                return False
        self.bought.append(bought)
        self._go_on(bought)
        return True

    def _wanted(self) -> dict[str, int]:
        if self._random.random() < 0.5:
            return dict(self._random.choice(KITS))
        return {ean: self._random.randint(1, 2) for ean in self._random.sample(HOT, self._random.randint(1, 3))}

    def _go_on(self, purchase_order: int) -> None:
        """Most of what was bought ends at once, so that there is something to buy again."""
        chance = self._random.random()
        with self._database.begin() as tx:
            if chance < 0.5:
                purchase_orders.end(tx, purchase_order, PurchaseOrderState.REJECTED, now=NOW)
            elif chance < 0.7:
                purchase_orders.acknowledge(tx, purchase_order, now=NOW)
            elif chance < 0.85:
                declining = "UPDATE purchase_order_lines SET declined = 1 WHERE purchase_order_id = :id"
                tx.execute(text(declining), {"id": purchase_order})
                reservations.decline(tx, purchase_order, dict.fromkeys(HOT, 1), now=NOW)


def restock(database: Database, seed: int, *, at: datetime, live: bool) -> None:
    """Have a supplier say something else of everything: answering live, or as a batch of a feed, in key order."""
    chance = random.Random(seed)
    supplier = chance.choice(SUPPLIERS)
    with database.begin() as tx:
        if live:
            told = [_answer(supplier, ean, chance.randint(5, 40), at) for ean in HOT]
            keep(tx, told)
        else:
            _write_batch(tx, supplier, chance.randint(5, 40))


def _answer(supplier: str, ean: str, quantity: int, at: datetime) -> Offer:
    return Offer(supplier=supplier, ean=ean, known=True, quantity=quantity, observed_at=at)


def _write_batch(tx: Transaction, supplier: str, quantity: int) -> None:
    locking = "SELECT 1 FROM offers WHERE supplier = :supplier ORDER BY supplier, sku FOR NO KEY UPDATE"
    tx.execute(text(locking), {"supplier": supplier})
    tx.execute(
        text("UPDATE offers SET quantity = :q WHERE supplier = :supplier"), {"q": quantity, "supplier": supplier}
    )


if __name__ == "__main__":
    customer = Buyer(Database(sys.argv[1], pool_size=1), int(sys.argv[2]), buffer=1)
    end = datetime.now(NOW.tzinfo) + timedelta(minutes=2)  # nobody may have been there to kill it
    while datetime.now(NOW.tzinfo) < end:
        customer.purchase()
