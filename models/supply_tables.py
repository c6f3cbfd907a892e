"""Feeds, offers, prices and what the shops were told of them. Only ``adapters.database`` may import this module.

No table here holds personal data. ``feed_chunks`` and ``feed_staged`` are unlogged: what a crash of the database empties
there is fetched again, and an unchanged million of rows writes nothing to the log.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from models.tables import MONEY, WHEN, key, metadata

offers = Table(
    "offers",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("sku", Text, primary_key=True),  # the supplier's own; its EAN where it has no other
    Column("ean", Text),  # normalised, or the article code a match gave it: what orders and shops know it by
    Column("known", Boolean, nullable=False),  # false: the supplier said that it has never heard of it
    Column("quantity", Integer, nullable=False),
    Column("lead_days", Integer),
    Column("available_on", Date),
    Column("unit_cost", MONEY),
    Column("currency", Text, nullable=False),
    Column("minimum", Integer),
    Column("pack", Integer),
    Column("restricted_countries", ARRAY(Text)),
    Column("recommended_price", MONEY),
    Column("map_price", MONEY),
    Column("discontinued", Boolean, nullable=False, server_default=text("false")),
    Column("observed_at", WHEN, nullable=False),  # when the supplier last said something else of it
    Column(
        "cost_observed_at", WHEN
    ),  # the same of its cost: a nightly price list is no older than a quarter-hour's stock
    Index("offers_ean_ix", "ean"),
    # Units that our orders hold, or have taken and the supplier's figure does not show yet: the sum of `reservations`.
    Column("reserved", Integer, nullable=False, server_default="0"),
    CheckConstraint("reserved >= 0", name="reserved"),
    # Most changes touch no indexed column: with room on the page they rewrite no index.
    postgresql_with={"fillfactor": 85},
)

offer_changes = Table(
    "offer_changes",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("until", WHEN, nullable=False),  # these values held until then; the newest ones stand in offers
    Column("quantity", Integer, nullable=False),
    Column("unit_cost", MONEY),
    Column("currency", Text, nullable=False),
    Column("discontinued", Boolean, nullable=False),
    Column("source", Text, nullable=False),  # "feed:stock:12", "order", "reconciliation", "person:LOGIN"
    Index("offer_changes_sku_ix", "supplier", "sku", "until"),
    Index("offer_changes_until_ix", "until"),
)

supplier_articles = Table(
    "supplier_articles",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("title", Text),
    Column("brand", Text),
    Column("category", Text),
    Column("description", Text),
    Column("images", ARRAY(Text)),
    Column("attributes", JSONB),
    Column("first_seen_at", WHEN, nullable=False),
    Column("changed_at", WHEN, nullable=False),
)

feed_states = Table(
    "feed_states",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    Column("applied_run_id", BigInteger),
    Column("applied_version", Text),  # the source's own: ETag, or names with sizes and times
    Column("applied_hash", Text),  # of the bytes
    Column("applied_source_time", WHEN),  # an older one is never applied after it
    Column("header", JSONB),  # the columns, or an API's shape, as last applied
    Column("rows", Integer),
    Column("cursor", Text),  # of a changes feed: where the next run begins
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
)

feed_runs = Table(
    "feed_runs",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("workflow_run_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fields", JSONB, nullable=False, server_default="[]"),  # what its columns name
    Column("version", Text),
    Column("source_time", WHEN),
    Column("content_hash", Text),
    Column("cursor", Text),  # where the next run of a changes feed begins, once this one is applied
    Column("full", Boolean, nullable=False),
    Column("parts", JSONB, nullable=False, server_default="[]"),  # files, each with name, size, time; fetched so far
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("rows", Integer),
    Column("staged", Integer),  # rows that are new or changed
    Column("unreadable", Integer),
    Column("absent", Integer),
    Column("counts", JSONB, nullable=False, server_default="{}"),  # of rows by what they would do: new, to_zero ...
    Column("header", JSONB),
    Column(
        "findings", JSONB, nullable=False, server_default="[]"
    ),  # why it is not believed: code, text, numbers, samples
    Column("held", Integer),  # costs that wait for a person
    Column("applied", Integer),  # offers written
    Column("started_at", WHEN, nullable=False),
    Column("ended_at", WHEN),
    Column("decision", Text),  # of a person, on a quarantined run
    Column("decided_by", Text),
    Column("task_id", BigInteger),
    UniqueConstraint("workflow_run_id"),
    Index("feed_runs_feed_ix", "supplier", "feed", "id"),
)

feed_chunks = Table(
    "feed_chunks",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("part", Integer, primary_key=True),  # which file, or 0 for an API's pages
    Column("seq", Integer, primary_key=True),
    Column("cursor", Text),  # where to go on after this one: a page's number, a byte's position
    Column("bytes", LargeBinary, nullable=False),
    prefixes=["UNLOGGED"],
)

feed_staged = Table(
    "feed_staged",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),  # the row's number in the feed, from 1
    Column("sku", Text, nullable=False),
    Column("hash", BigInteger, nullable=False),
    Column("ean", Text),
    Column("quantity", Integer),
    Column("lead_days", Integer),
    Column("available_on", Date),
    Column("unit_cost", MONEY),
    Column("currency", Text),
    Column("minimum", Integer),
    Column("pack", Integer),
    Column("restricted_countries", ARRAY(Text)),
    Column("recommended_price", MONEY),
    Column("map_price", MONEY),
    Column("discontinued", Boolean),
    Column("title", Text),
    Column("brand", Text),
    Column("category", Text),
    Column("description", Text),
    Column("images", ARRAY(Text)),
    Column("attributes", JSONB),
    Column("observed_at", WHEN),
    Column("absent", Boolean, nullable=False, server_default=text("false")),  # no row: the feed had it before
    Column("cost_kept", Boolean, nullable=False, server_default=text("false")),  # its cost is held, or was rejected
    Index("feed_staged_sku_ix", "run_id", "sku"),
    prefixes=["UNLOGGED"],
)

feed_problems = Table(
    "feed_problems",
    metadata,
    Column("run_id", BigInteger, ForeignKey("feed_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("sku", Text),
    Column("text", Text),  # the cell as it was sent, at most 200 characters
)

feed_rows = Table(
    "feed_rows",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column(
        "hash", BigInteger, nullable=False
    ),  # of the row's bytes as last applied; whoever else writes the offer sets it to 0, which no row has
    postgresql_with={"fillfactor": 85},
)

feed_pushes = Table(
    "feed_pushes",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),  # the sender's, or the body's hash
    Column("body", LargeBinary, nullable=False),
    Column("received_at", WHEN, nullable=False),
    Column("run_id", BigInteger),  # who took it in
    UniqueConstraint("supplier", "feed", "delivery_id"),
    Index("feed_pushes_waiting_ix", "supplier", "feed", "id", postgresql_where=text("run_id IS NULL")),
)

cost_holds = Table(
    "cost_holds",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("old_cost", MONEY, nullable=False),
    Column("new_cost", MONEY, nullable=False),
    Column("currency", Text, nullable=False),
    Column("old_currency", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("held_at", WHEN, nullable=False),
    Column("state", Text, nullable=False),  # held, approved, rejected or superseded
    Column("decided_by", Text),
    Column("decided_at", WHEN),
    Index("cost_holds_open_uq", "supplier", "sku", unique=True, postgresql_where=text("state = 'held'")),
)

articles = Table(
    "articles",
    metadata,
    Column("sku", Text, primary_key=True),  # ours, as the shops have it
    Column("ean", Text),
    Column("title", Text, nullable=False, server_default=""),
    Column("seen_at", WHEN, nullable=False),
    Index("articles_ean_ix", "ean"),
)

matches = Table(
    "matches",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("supplier_sku", Text, primary_key=True),
    Column("ean", Text),  # what the offer counts as; null: a person said that it matches nothing of ours
    Column("method", Text, nullable=False),  # person, gtin, sku or title
    Column("matched_by", Text, nullable=False),
    Column("matched_at", WHEN, nullable=False),
)

listings = Table(
    "listings",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("variant_id", Text, primary_key=True),
    Column("product_id", Text, nullable=False),
    Column("inventory_item_id", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("ean", Text),  # its barcode, normalised, or what a person mapped it to
    Column("title", Text, nullable=False, server_default=""),
    Column("tracked", Boolean, nullable=False),
    Column("seen_at", WHEN, nullable=False),  # when the shop last had it
    Column("published_quantity", Integer),  # as the shop confirmed it
    Column("published_price", MONEY),
    Column("published_words", Text),
    Column("published_at", WHEN),
    Column("dirty_since", WHEN),  # something it depends on changed
    Column("refused_code", Text),
    Column("refused_at", WHEN),
    Column("refusals", Integer, nullable=False, server_default="0"),  # in a row
    Index("listings_ean_ix", "ean"),
    Index("listings_dirty_ix", "channel", "variant_id", postgresql_where=text("dirty_since IS NOT NULL")),
    postgresql_with={"fillfactor": 85},
)

channel_looks = Table(
    "channel_looks",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("looked_at", WHEN, nullable=False),  # what time had changed by then has been marked as dirty
    Column("settings", Text, nullable=False),  # a digest: buffers, price rules, suppliers and rates as of then
)

publications = Table(
    "publications",
    metadata,
    key(),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("bulk", Boolean, nullable=False),
    Column("items", Integer, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("operations", JSONB, nullable=False, server_default="[]"),  # the shop's bulk operations: kind, id, state
    Column("started_at", WHEN, nullable=False),
    Column("ended_at", WHEN),
    Index("publications_open_ix", "channel", unique=True, postgresql_where=text("ended_at IS NULL")),
    Index("publications_channel_ix", "channel", "id"),
)

publication_items = Table(
    "publication_items",
    metadata,
    Column("publication_id", BigInteger, ForeignKey("publications.id", ondelete="CASCADE"), primary_key=True),
    Column("variant_id", Text, primary_key=True),
    Column("product_id", Text, nullable=False),
    Column("inventory_item_id", Text, nullable=False),
    Column("quantity", Integer),  # null: not part of this change
    Column("price", MONEY),
    Column("words", Text),
    Column("outcome", Text),  # null: not yet known; sent or refused
    Column("code", Text),
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("base", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("on", Date, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("rate", Numeric(18, 8), nullable=False),  # units of `currency` for one of `base`
    Column("captured_at", WHEN, nullable=False),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    key(),
    Column("subject", Text, nullable=False),  # "supplier:bts" or "channel:main"
    Column("state", Text, nullable=False),
    Column("compared", Integer, nullable=False, server_default="0"),
    Column("drifted", Integer, nullable=False, server_default="0"),
    Column("repaired", Integer, nullable=False, server_default="0"),
    Column("share", Float),
    Column("started_at", WHEN, nullable=False),
    Column("ended_at", WHEN),
    Column("task_id", BigInteger),
    Index("reconciliations_subject_ix", "subject", "id"),
)

drifts = Table(
    "drifts",
    metadata,
    Column("reconciliation_id", BigInteger, ForeignKey("reconciliations.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),  # quantity, cost, price, words, missing or order_state
    Column("subject", Text, primary_key=True),  # a supplier's SKU, a variant, a purchase order's number
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("repaired_at", WHEN),
)

reorder_proposals = Table(
    "reorder_proposals",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("ean", Text),
    Column("quantity", Integer, nullable=False),
    Column("sold_per_day", MONEY, nullable=False),
    Column("cover_days", MONEY, nullable=False),
    Column("proposed_at", WHEN, nullable=False),
    Column("state", Text, nullable=False),  # open, done or dismissed
    Index("reorder_proposals_open_uq", "supplier", "sku", unique=True, postgresql_where=text("state = 'open'")),
)

product_drafts = Table(
    "product_drafts",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("ean", Text, primary_key=True),
    Column("supplier", Text, nullable=False),  # whose article proposed it
    Column("supplier_sku", Text, nullable=False),
    Column("state", Text, nullable=False),  # proposed, created or dismissed
    Column("product_id", Text),
    Column("proposed_at", WHEN, nullable=False),
    Column("decided_by", Text),
)
