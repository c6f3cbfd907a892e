"""Notes: free text that a person adds to an order. Commands name a note's row and never carry its text."""

from datetime import datetime

from sqlalchemy import insert

from adapters.database.engine import Transaction
from models.tables import notes

MAX_NOTE = 4_000  # characters


def store(tx: Transaction, order_id: int, text: str, *, author: str, now: datetime) -> int:
    """Store a note and return its number. Raises ValueError for an empty or overlong one."""
    written = text.strip()
    if not 0 < len(written) <= MAX_NOTE or "\x00" in written:
        raise ValueError(f"a note has 1 to {MAX_NOTE} characters")
    row = insert(notes).values(order_id=order_id, author=author, text=written, stored_at=now)
    note_id: int = tx.execute(row.returning(notes.c.id)).scalar_one()
    return note_id
