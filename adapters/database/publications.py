"""Publications: what a shop is to be told, and what it took of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text

from adapters.database.engine import Transaction
from models.listings import NOT_APPLIED, ListingChange, ListingRefusal

FIRST_BACKOFF = timedelta(minutes=15)  # after a refusal; doubled with each further one
LONGEST_BACKOFF = timedelta(days=1)
ASKED_FROM = 3  # refusals in a row, before a person is told
_AT_ONCE = 5_000
Begin = Callable[[], AbstractContextManager[Transaction]]


class PublicationState(StrEnum):
    """Where a publication is."""

    PREPARING = "preparing"
    READY = "ready"
    DONE = "done"


@dataclass(frozen=True)
class Operation:
    """A bulk operation of the shop. ``attempt`` counts how often this publication was handed over."""

    id: str
    attempt: int


@dataclass(frozen=True)
class Publication:
    """A publication as it is recorded."""

    id: int
    channel: str
    state: PublicationState
    bulk: bool
    items: int
    operations: tuple[Operation, ...]
    ended: bool


@dataclass(frozen=True)
class Counts:
    """What the shop took of a publication, and how soon what it refused may be tried again."""

    sent: int
    refused: int
    retry_in: timedelta | None = None


@dataclass(frozen=True)
class Refused:
    """The listings of a channel that were refused again and again."""

    count: int
    codes: dict[str, int]
    samples: list[str]  # variants, at most 10


def find_open(tx: Transaction, channel: str) -> Publication | None:
    """Find the channel's publication that has not ended; there is at most one."""
    query = text("SELECT * FROM publications WHERE channel = :channel AND ended_at IS NULL")
    row = tx.execute(query, {"channel": channel}).one_or_none()
    return _publication(row) if row else None


def load(tx: Transaction, publication_id: int) -> Publication:
    """Read one publication."""
    return _publication(tx.execute(text("SELECT * FROM publications WHERE id = :id"), {"id": publication_id}).one())


def open_new(tx: Transaction, channel: str, *, now: datetime) -> int:
    """Open a publication; its items follow."""
    statement = text(
        "INSERT INTO publications (channel, state, bulk, items, started_at) "
        "VALUES (:channel, 'preparing', false, 0, :now) RETURNING id"
    )
    return int(tx.execute(statement, {"channel": channel, "now": now}).scalar_one())


def hold_preparing(tx: Transaction, publication_id: int) -> bool:
    """Keep a publication from being sealed until this transaction ends. False where it is sealed already."""
    query = text("SELECT state FROM publications WHERE id = :id FOR SHARE")
    return bool(tx.execute(query, {"id": publication_id}).scalar_one() == PublicationState.PREPARING)


def replace_items(
    tx: Transaction, publication_id: int, variant_ids: Sequence[str], changes: Sequence[ListingChange]
) -> None:
    """Put in what these variants shall show, in place of what an earlier attempt had put in for them."""
    clearing = text("DELETE FROM publication_items WHERE publication_id = :id AND variant_id = ANY(:variants)")
    tx.execute(clearing, {"id": publication_id, "variants": list(variant_ids)})
    statement = text(
        "INSERT INTO publication_items (publication_id, variant_id, product_id, inventory_item_id, quantity, price, words) "
        "SELECT :id, * FROM unnest(CAST(:variants AS text[]), CAST(:products AS text[]), CAST(:items AS text[]), "
        "CAST(:quantities AS integer[]), CAST(:prices AS numeric[]), CAST(:words AS text[]))"
    )
    values = {
        "id": publication_id,
        "variants": [one.variant_id for one in changes],
        "products": [one.product_id for one in changes],
        "items": [one.inventory_item_id for one in changes],
        "quantities": [one.quantity for one in changes],
        "prices": [one.price for one in changes],
        "words": [one.words for one in changes],
    }
    tx.execute(statement, values)


def seal(tx: Transaction, publication_id: int, *, bulk_from: int) -> Publication:
    """Close a publication for further items: how it goes out is decided by how many they are."""
    statement = text(
        "UPDATE publications p SET state = 'ready', items = i.n, bulk = i.n >= :bulk_from "
        "FROM (SELECT count(*) AS n FROM publication_items WHERE publication_id = :id) i WHERE p.id = :id RETURNING p.*"
    )
    return _publication(tx.execute(statement, {"id": publication_id, "bulk_from": bulk_from}).one())


# --- Sending ---


def items(
    tx: Transaction, publication_id: int, *, limit: int, after: str = "", only_waiting: bool = True
) -> list[ListingChange]:
    """Read the next changes by variant: those of which the shop has said nothing yet, or all."""
    query = text(
        "SELECT variant_id, product_id, inventory_item_id, quantity, price, words FROM publication_items "
        "WHERE publication_id = :id AND (outcome IS NULL OR NOT :only_waiting) AND variant_id > :after "
        "ORDER BY variant_id LIMIT :limit"
    )
    values = {"id": publication_id, "limit": limit, "after": after, "only_waiting": only_waiting}
    return [ListingChange.model_validate(dict(row._mapping)) for row in tx.execute(query, values)]


def all_items(publication_id: int, begin: Begin) -> Iterator[ListingChange]:
    """Walk through every change in flat memory, also those that the shop has answered; ``begin`` opens a transaction."""
    after = ""
    while True:
        with begin() as tx:
            page = items(tx, publication_id, limit=_AT_ONCE, after=after, only_waiting=False)
        yield from page
        if len(page) < _AT_ONCE:
            return
        after = page[-1].variant_id


def withdraw_waiting(tx: Transaction, publication: Publication, *, now: datetime) -> None:
    """Take back what has not left yet: its listings are looked at again when the channel may speak."""
    statement = text("""
        WITH withdrawn AS (
            DELETE FROM publication_items WHERE publication_id = :id AND outcome IS NULL RETURNING variant_id
        )
        UPDATE listings l SET dirty_since = :now FROM withdrawn w
        WHERE l.channel = :channel AND l.variant_id = w.variant_id
    """)
    tx.execute(statement, {"id": publication.id, "channel": publication.channel, "now": now})


def keep_operations(tx: Transaction, publication_id: int, operation_ids: Sequence[str], attempt: int) -> None:
    """Remember the shop's bulk operations of this attempt."""
    statement = text(
        "UPDATE publications SET operations = operations || jsonb_build_array("
        "jsonb_build_object('id', CAST(:operation AS text), 'attempt', CAST(:attempt AS integer))) "
        "WHERE id = :id AND NOT operations @> jsonb_build_array(jsonb_build_object('id', CAST(:operation AS text)))"
    )
    for operation in operation_ids:
        tx.execute(statement, {"id": publication_id, "operation": operation, "attempt": attempt})


_TAKEN = text("""
WITH taken AS (
    UPDATE publication_items SET outcome = 'sent', code = NULL
    WHERE publication_id = :id AND variant_id = ANY(:variants) RETURNING *
)
UPDATE listings l SET published_quantity = coalesce(t.quantity, l.published_quantity),
    published_price = coalesce(t.price, l.published_price), published_words = coalesce(t.words, l.published_words),
    published_at = :now, refused_code = NULL, refused_at = NULL, refusals = 0
FROM taken t WHERE l.channel = :channel AND l.variant_id = t.variant_id
""")

_NOT_TAKEN = text("""
WITH given AS (
    SELECT * FROM unnest(CAST(:variants AS text[]), CAST(:codes AS text[])) AS given (variant_id, code)
), refused AS (
    UPDATE publication_items i SET outcome = 'refused', code = g.code FROM given g
    WHERE i.publication_id = :id AND i.variant_id = g.variant_id RETURNING i.*
)
UPDATE listings l SET refused_code = r.code, refused_at = :now, refusals = l.refusals + :times
FROM refused r WHERE l.channel = :channel AND l.variant_id = r.variant_id
""")


def keep_outcomes(
    tx: Transaction,
    publication: Publication,
    variant_ids: Sequence[str],
    refusals: Mapping[str, str],
    *,
    now: datetime,
    times: int = 1,
) -> None:
    """Keep what the shop said of some changes. ``refusals`` maps a variant to the shop's code.

    A change that was only in bad company (``NOT_APPLIED``) is still waiting. ``times``: it was tried so often.
    """
    _lock_listings(tx, publication.channel, variant_ids)
    taken = [variant for variant in variant_ids if variant not in refusals]
    about = {"id": publication.id, "channel": publication.channel, "now": now}
    tx.execute(_TAKEN, {**about, "variants": taken})
    given = {one: code for one in variant_ids if (code := refusals.get(one, NOT_APPLIED)) != NOT_APPLIED}
    tx.execute(_NOT_TAKEN, {**about, "variants": list(given), "codes": list(given.values()), "times": times})


def _lock_listings(tx: Transaction, channel: str, variant_ids: Sequence[str]) -> None:
    """Lock in the order in which feeds and orders do that mark listings: an answer of the shop must not be a deadlock's loss."""
    query = text(
        "SELECT 1 FROM listings WHERE channel = :channel AND variant_id = ANY(:variants) ORDER BY variant_id FOR UPDATE"
    )
    tx.execute(query, {"channel": channel, "variants": list(variant_ids)})


def finish(tx: Transaction, publication: Publication, *, now: datetime) -> Counts:
    """End a publication, and count it. Repeated, it counts the same."""
    statement = text("""
        UPDATE publications p SET state = 'done', ended_at = coalesce(p.ended_at, :now), sent = i.sent, refused = i.refused
        FROM (
            SELECT count(*) FILTER (WHERE outcome = 'sent') AS sent, count(*) FILTER (WHERE outcome = 'refused') AS refused
            FROM publication_items WHERE publication_id = :id
        ) i WHERE p.id = :id RETURNING p.sent, p.refused
    """)
    row = tx.execute(statement, {"id": publication.id, "now": now}).one()
    return Counts(row.sent, row.refused, _retry_in(tx, publication.channel) if row.refused else None)


def refused_repeatedly(tx: Transaction, channel: str) -> Refused:
    """Count what the shop has refused too often, by its codes."""
    given = {"channel": channel, "from": ASKED_FROM}
    codes = text(
        "SELECT refused_code, count(*) FROM listings WHERE channel = :channel AND refusals >= :from "
        "GROUP BY refused_code ORDER BY count(*) DESC, refused_code"
    )
    counted = {code: int(count) for code, count in tx.execute(codes, given)}
    some = text(
        "SELECT variant_id FROM listings WHERE channel = :channel AND refusals >= :from ORDER BY variant_id LIMIT 10"
    )
    return Refused(sum(counted.values()), counted, list(tx.execute(some, given).scalars()) if counted else [])


def by_variant(refusals: Sequence[ListingRefusal]) -> dict[str, str]:
    """Fold refusals by variant: a code of its own counts more than bad company."""
    found: dict[str, str] = {}
    for one in refusals:
        if found.get(one.variant_id, NOT_APPLIED) == NOT_APPLIED:
            found[one.variant_id] = one.code
    return found


def _retry_in(tx: Transaction, channel: str) -> timedelta | None:
    query = text("SELECT min(refusals) FROM listings WHERE channel = :channel AND refused_code IS NOT NULL")
    refusals = tx.execute(query, {"channel": channel}).scalar()
    return None if refusals is None else min(FIRST_BACKOFF * 2 ** min(refusals - 1, 12), LONGEST_BACKOFF)


def _publication(row: Row[Any]) -> Publication:
    return Publication(
        id=row.id,
        channel=row.channel,
        state=PublicationState(row.state),
        bulk=row.bulk,
        items=row.items,
        operations=tuple(Operation(one["id"], one["attempt"]) for one in row.operations),
        ended=row.ended_at is not None,
    )
