"""Captured exchange rates: what a source published for which day. A rate is kept once, and never changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.database.engine import Transaction
from models.listings import ExchangeRate
from models.supply_tables import exchange_rates


def keep(tx: Transaction, rates: Sequence[ExchangeRate], *, now: datetime) -> int:
    """Keep what is new. Returns how many were: 0 where the source has published nothing since."""
    if not rates:
        return 0
    rows = [{**rate.model_dump(), "captured_at": now} for rate in rates]
    insertion = upsert(exchange_rates).on_conflict_do_nothing().returning(exchange_rates.c.currency)
    return len(tx.execute(insertion, rows).all())


def newest(tx: Transaction) -> dict[str, ExchangeRate]:
    """Return the newest rate of each currency."""
    table = exchange_rates.c
    query = (
        select(table.base, table.currency, table.rate, table.on, table.source)
        .ext(distinct_on(table.currency))
        .order_by(table.currency, table.on.desc(), table.captured_at.desc(), table.source)
    )
    return {row.currency: ExchangeRate.model_validate(dict(row._mapping)) for row in tx.execute(query)}
