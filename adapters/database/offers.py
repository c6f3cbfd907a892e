"""Standing offers: what each supplier was last known to have."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.suppliers import Offer
from models.tables import offers


def keep(tx: Transaction, answers: Iterable[Offer]) -> None:
    """Remember what suppliers just said, rows in key order so that two planners can't deadlock."""
    rows = [offer.model_dump() for offer in sorted(answers, key=lambda offer: (offer.supplier, offer.ean))]
    if rows:
        insertion = upsert(offers)
        changed = {
            name: insertion.excluded[name] for name in ("known", "quantity", "unit_cost", "currency", "observed_at")
        }
        newer = offers.c.observed_at < insertion.excluded.observed_at
        tx.execute(insertion.on_conflict_do_update(index_elements=["supplier", "ean"], set_=changed, where=newer), rows)


def kept(tx: Transaction, supplier: str, eans: Sequence[str]) -> list[Offer]:
    """Recall a supplier's last word on these articles."""
    rows = tx.execute(select(offers).where(offers.c.supplier == supplier, offers.c.ean.in_(eans)))
    return [Offer.model_validate(dict(row._mapping)) for row in rows]
