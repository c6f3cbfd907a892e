"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "article_mappings",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("mapped_by", sa.Text(), nullable=False),
        sa.Column("mapped_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "variant_id", name=op.f("article_mappings_pk")),
    )
    op.create_table(
        "articles",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sku", name=op.f("articles_pk")),
    )
    op.create_index("articles_ean_ix", "articles", ["ean"], unique=False)
    op.create_table(
        "breakers",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("supplier", name=op.f("breakers_pk")),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("calls_pk")),
        sa.UniqueConstraint("key", name=op.f("calls_key_uq")),
    )
    op.create_index("calls_order_id_ix", "calls", ["order_id"], unique=False)
    op.create_index("calls_purchase_order_id_ix", "calls", ["purchase_order_id"], unique=False)
    op.create_table(
        "channel_looks",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("channel_looks_pk")),
    )
    op.create_table(
        "commands",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("command", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("command_id", name=op.f("commands_pk")),
    )
    op.create_table(
        "configurations",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("configurations_pk")),
    )
    op.create_table(
        "control_numbers",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", name=op.f("control_numbers_pk")),
    )
    op.create_table(
        "cost_holds",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("old_cost", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("new_cost", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("old_currency", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("cost_holds_pk")),
    )
    op.create_index(
        "cost_holds_open_uq", "cost_holds", ["supplier", "sku"], unique=True, postgresql_where=sa.text("state = 'held'")
    )
    op.create_table(
        "exchange_rates",
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=18, scale=8), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("base", "currency", "on", "source", name=op.f("exchange_rates_pk")),
    )
    op.create_table(
        "feed_chunks",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "part", "seq", name=op.f("feed_chunks_pk")),
        prefixes=["UNLOGGED"],
    )
    # Feeds are compressed already, or read once: the server's own compression only costs time.
    op.execute("ALTER TABLE feed_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL")
    op.create_table(
        "feed_pushes",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("feed_pushes_pk")),
        sa.UniqueConstraint("supplier", "feed", "delivery_id", name=op.f("feed_pushes_supplier_feed_delivery_id_uq")),
    )
    op.create_index(
        "feed_pushes_waiting_ix",
        "feed_pushes",
        ["supplier", "feed", "id"],
        unique=False,
        postgresql_where=sa.text("run_id IS NULL"),
    )
    op.create_table(
        "feed_rows",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "feed", "sku", name=op.f("feed_rows_pk")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_table(
        "feed_runs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("workflow_run_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("source_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("staged", sa.Integer(), nullable=True),
        sa.Column("unreadable", sa.Integer(), nullable=True),
        sa.Column("absent", sa.Integer(), nullable=True),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("header", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("held", sa.Integer(), nullable=True),
        sa.Column("applied", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("feed_runs_pk")),
        sa.UniqueConstraint("workflow_run_id", name=op.f("feed_runs_workflow_run_id_uq")),
    )
    op.create_index("feed_runs_feed_ix", "feed_runs", ["supplier", "feed", "id"], unique=False)
    op.create_table(
        "feed_staged",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("lead_days", sa.Integer(), nullable=True),
        sa.Column("available_on", sa.Date(), nullable=True),
        sa.Column("unit_cost", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("minimum", sa.Integer(), nullable=True),
        sa.Column("pack", sa.Integer(), nullable=True),
        sa.Column("restricted_countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("recommended_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("map_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("discontinued", sa.Boolean(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("images", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("absent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cost_kept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        prefixes=["UNLOGGED"],
    )
    op.create_index("feed_staged_sku_ix", "feed_staged", ["run_id", "sku"], unique=False)
    op.create_table(
        "feed_states",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("applied_run_id", sa.BigInteger(), nullable=True),
        sa.Column("applied_version", sa.Text(), nullable=True),
        sa.Column("applied_hash", sa.Text(), nullable=True),
        sa.Column("applied_source_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("header", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("supplier", "feed", name=op.f("feed_states_pk")),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("difference", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mails", sa.Integer(), server_default="0", nullable=False),
        sa.Column("probe_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("down_again_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calm_waived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("incidents_pk")),
    )
    op.create_index(
        "incidents_open_uq",
        "incidents",
        ["supplier", "kind"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "listings",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("inventory_item_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("tracked", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_quantity", sa.Integer(), nullable=True),
        sa.Column("published_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("published_words", sa.Text(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dirty_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_code", sa.Text(), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusals", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("channel", "variant_id", name=op.f("listings_pk")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index(
        "listings_dirty_ix",
        "listings",
        ["channel", "variant_id"],
        unique=False,
        postgresql_where=sa.text("dirty_since IS NOT NULL"),
    )
    op.create_index("listings_ean_ix", "listings", ["ean"], unique=False)
    op.create_table(
        "mails",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repeated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("mails_pk")),
        sa.UniqueConstraint("key", name=op.f("mails_key_uq")),
    )
    op.create_index(
        "mails_due_ix", "mails", ["due_at"], unique=False, postgresql_where=sa.text("state IN ('pending', 'sending')")
    )
    op.create_index("mails_order_id_ix", "mails", ["order_id"], unique=False)
    op.create_table(
        "matches",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("supplier_sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("matched_by", sa.Text(), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "supplier_sku", name=op.f("matches_pk")),
    )
    op.create_table(
        "offer_changes",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("discontinued", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("offer_changes_pk")),
    )
    op.create_index("offer_changes_sku_ix", "offer_changes", ["supplier", "sku", "until"], unique=False)
    op.create_index("offer_changes_until_ix", "offer_changes", ["until"], unique=False)
    op.create_table(
        "offers",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=True),
        sa.Column("available_on", sa.Date(), nullable=True),
        sa.Column("unit_cost", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=True),
        sa.Column("pack", sa.Integer(), nullable=True),
        sa.Column("restricted_countries", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("recommended_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("map_price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("discontinued", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cost_observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("reserved >= 0", name=op.f("offers_reserved_ck")),
        sa.PrimaryKeyConstraint("supplier", "sku", name=op.f("offers_pk")),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index("offers_ean_ix", "offers", ["ean"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("storefront_order_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("paid", sa.Boolean(), nullable=False),
        sa.Column("ship_country", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("storefront_updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("customer_group", sa.Text(), server_default="", nullable=False),
        sa.Column("preference", sa.Text(), server_default="", nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("content_key", sa.Text(), nullable=False),
        sa.Column("address_id", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("startable_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_run_id", sa.Text(), nullable=True),
        sa.Column("last_plan", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pk")),
        sa.UniqueConstraint("channel", "storefront_order_id", name=op.f("orders_channel_storefront_order_id_uq")),
    )
    op.create_index("orders_name_ix", "orders", ["name"], unique=False)
    op.create_index(
        "orders_open_ix", "orders", ["state"], unique=False, postgresql_where=sa.text("state IN ('startable', 'open')")
    )
    op.create_index(
        "orders_unstarted_ix",
        "orders",
        ["startable_at"],
        unique=False,
        postgresql_where=sa.text("state = 'startable' AND started_at IS NULL"),
    )
    op.create_table(
        "partner_documents",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("control", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replies", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("reply_to", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["reply_to"], ["partner_documents.id"], name=op.f("partner_documents_reply_to_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("partner_documents_pk")),
    )
    op.create_index(
        "partner_documents_control_ix",
        "partner_documents",
        ["supplier", "direction", "control"],
        unique=False,
        postgresql_where=sa.text("control IS NOT NULL"),
    )
    op.create_index(
        "partner_documents_in_uq",
        "partner_documents",
        ["supplier", "digest"],
        unique=True,
        postgresql_where=sa.text("direction = 'in'"),
    )
    op.create_index(
        "partner_documents_out_uq",
        "partner_documents",
        ["supplier", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_index(
        "partner_documents_receipt_ix",
        "partner_documents",
        ["receipt_due"],
        unique=False,
        postgresql_where=sa.text("receipt_due IS NOT NULL AND receipt_at IS NULL"),
    )
    op.create_index(
        "partner_documents_replies_ix",
        "partner_documents",
        ["supplier", "id"],
        unique=False,
        postgresql_where=sa.text("replies <> '{}'"),
    )
    op.create_index("partner_documents_reply_to_ix", "partner_documents", ["reply_to"], unique=False)
    op.create_index(
        "partner_documents_waiting_ix",
        "partner_documents",
        ["supplier", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'prepared', 'stored')"),
    )
    op.create_table(
        "partner_facts",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "key", name=op.f("partner_facts_pk")),
    )
    op.create_table(
        "pick_tasks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("warehouse", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pick_tasks_pk")),
        sa.UniqueConstraint("number", name=op.f("pick_tasks_number_uq")),
    )
    op.create_index(
        "pick_tasks_open_ix",
        "pick_tasks",
        ["warehouse", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "product_drafts",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("supplier_sku", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "ean", name=op.f("product_drafts_pk")),
    )
    op.create_table(
        "publications",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bulk", sa.Boolean(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("operations", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("publications_pk")),
    )
    op.create_index("publications_channel_ix", "publications", ["channel", "id"], unique=False)
    op.create_index(
        "publications_open_ix", "publications", ["channel"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("compared", sa.Integer(), server_default="0", nullable=False),
        sa.Column("drifted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("repaired", sa.Integer(), server_default="0", nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("reconciliations_pk")),
    )
    op.create_index("reconciliations_subject_ix", "reconciliations", ["subject", "id"], unique=False)
    op.create_table(
        "reorder_proposals",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("sold_per_day", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("cover_days", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("reorder_proposals_pk")),
    )
    op.create_index(
        "reorder_proposals_open_uq",
        "reorder_proposals",
        ["supplier", "sku"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "reply_shapes",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("shape", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "operation", name=op.f("reply_shapes_pk")),
    )
    op.create_table(
        "scorecards",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purchase_orders", sa.Integer(), nullable=False),
        sa.Column("acknowledged_hours", sa.Float(), nullable=True),
        sa.Column("late_share", sa.Float(), nullable=False),
        sa.Column("cancelled_share", sa.Float(), nullable=False),
        sa.Column("error_share", sa.Float(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("supplier", name=op.f("scorecards_pk")),
    )
    op.create_table(
        "storefront_sweeps",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("swept_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("storefront_sweeps_pk")),
    )
    op.create_table(
        "supplier_articles",
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("images", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("supplier", "sku", name=op.f("supplier_articles_pk")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=True),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("alternatives", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("if_silent", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("tasks_pk")),
        sa.UniqueConstraint("key", name=op.f("tasks_key_uq")),
    )
    op.create_index(
        "tasks_open_ix", "tasks", ["priority", "opened_at"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
    op.create_index("tasks_order_id_ix", "tasks", ["order_id"], unique=False)
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("timeline_pk")),
        sa.UniqueConstraint("key", name=op.f("timeline_key_uq")),
    )
    op.create_index("timeline_order_id_ix", "timeline", ["order_id"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("address", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("addresses_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("addresses_pk")),
    )
    op.create_index("addresses_order_id_ix", "addresses", ["order_id"], unique=False)
    op.create_table(
        "backorders",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("left_out", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("had", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("partial", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("woken_for", sa.Integer(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("backorders_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("backorders_pk")),
        sa.UniqueConstraint("order_id", "line_id", "ean", name=op.f("backorders_order_id_line_id_ean_uq")),
    )
    op.create_index(
        "backorders_open_ix", "backorders", ["ean"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "configuration_proposals",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("base_id", sa.BigInteger(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["base_id"], ["configurations.id"], name=op.f("configuration_proposals_base_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("configuration_proposals_pk")),
    )
    op.create_table(
        "customer_questions",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("when_silent", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("customer_questions_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("customer_questions_pk")),
    )
    op.create_index("customer_questions_order_id_ix", "customer_questions", ["order_id"], unique=False)
    op.create_index(
        "customer_questions_undelivered_ix",
        "customer_questions",
        ["answered_at"],
        unique=False,
        postgresql_where=sa.text("answered_at IS NOT NULL AND delivered_at IS NULL AND ended_at IS NULL"),
    )
    op.create_table(
        "drifts",
        sa.Column("reconciliation_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("repaired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"], ["reconciliations.id"], name=op.f("drifts_reconciliation_id_fk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reconciliation_id", "kind", "subject", name=op.f("drifts_pk")),
    )
    op.create_table(
        "feed_problems",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["feed_runs.id"], name=op.f("feed_problems_run_id_fk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "position", "field", name=op.f("feed_problems_pk")),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("notes_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("notes_pk")),
    )
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("shipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancelled", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refunded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("grams", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requires_shipping", sa.Boolean(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=True),
        sa.Column("substitute_ean", sa.Text(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("order_lines_quantity_ck")),
        sa.CheckConstraint(
            "shipped >= 0 AND cancelled >= 0 AND refunded >= 0 AND shipped + cancelled + refunded <= quantity",
            name=op.f("order_lines_balance_ck"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("order_lines_order_id_fk")),
        sa.PrimaryKeyConstraint("order_id", "line_id", name=op.f("order_lines_pk")),
    )
    op.create_table(
        "partner_document_orders",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["partner_documents.id"], name=op.f("partner_document_orders_document_id_fk")
        ),
        sa.PrimaryKeyConstraint("document_id", "number", name=op.f("partner_document_orders_pk")),
    )
    op.create_index("partner_document_orders_number_ix", "partner_document_orders", ["number"], unique=False)
    op.create_table(
        "pick_lines",
        sa.Column("pick_id", sa.BigInteger(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("short", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("quantity > 0 AND short >= 0 AND short <= quantity", name=op.f("pick_lines_balance_ck")),
        sa.ForeignKeyConstraint(["pick_id"], ["pick_tasks.id"], name=op.f("pick_lines_pick_id_fk")),
        sa.PrimaryKeyConstraint("pick_id", "ean", name=op.f("pick_lines_pk")),
    )
    op.create_table(
        "plans",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_no", sa.Integer(), nullable=False),
        sa.Column("configuration_id", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("shortage", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["configuration_id"], ["configurations.id"], name=op.f("plans_configuration_id_fk")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("plans_order_id_fk")),
        sa.PrimaryKeyConstraint("order_id", "plan_no", name=op.f("plans_pk")),
    )
    op.create_table(
        "publication_items",
        sa.Column("publication_id", sa.BigInteger(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("inventory_item_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["publications.id"],
            name=op.f("publication_items_publication_id_fk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("publication_id", "variant_id", name=op.f("publication_items_pk")),
    )
    op.create_table(
        "purchase_orders",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_no", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("quoted_for", sa.Text(), nullable=True),
        sa.Column("submission", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim_token", sa.Text(), nullable=True),
        sa.Column("supplier_number", sa.Text(), nullable=True),
        sa.Column("api_version", sa.Text(), server_default="", nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ship_by", sa.Date(), nullable=True),
        sa.Column("arrive_by", sa.Date(), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fulfilment_id", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_settled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("purchase_orders_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("purchase_orders_pk")),
        sa.UniqueConstraint("number", name=op.f("purchase_orders_number_uq")),
        sa.UniqueConstraint(
            "order_id", "supplier", "attempt", name=op.f("purchase_orders_order_id_supplier_attempt_uq")
        ),
        sa.UniqueConstraint("workflow_id", name=op.f("purchase_orders_workflow_id_uq")),
    )
    op.create_index("purchase_orders_order_id_ix", "purchase_orders", ["order_id"], unique=False)
    op.create_index(
        "purchase_orders_supplier_number_ix", "purchase_orders", ["supplier", "supplier_number"], unique=False
    )
    op.create_index(
        "purchase_orders_confirmed_ix",
        "purchase_orders",
        ["supplier", "confirmed_at"],
        unique=False,
        postgresql_where=sa.text("confirmed_at IS NOT NULL"),
    )
    op.create_table(
        "route_pins",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("only_supplier", sa.Text(), nullable=True),
        sa.Column("excluded", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("pinned_by", sa.Text(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("route_pins_order_id_fk")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("route_pins_pk")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("storefront_order_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("webhooks_order_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhooks_pk")),
        sa.UniqueConstraint("channel", "delivery_id", name=op.f("webhooks_channel_delivery_id_uq")),
    )
    op.create_index(
        "webhooks_event_uq",
        "webhooks",
        ["channel", "topic", "event_id"],
        unique=True,
        postgresql_where=sa.text("event_id IS NOT NULL"),
    )
    op.create_index("webhooks_order_id_ix", "webhooks", ["order_id"], unique=False)
    op.create_index(
        "webhooks_undelivered_ix",
        "webhooks",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_table(
        "acknowledged_lines",
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("substitute", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("acknowledged_lines_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("purchase_order_id", "position", name=op.f("acknowledged_lines_pk")),
    )
    op.create_table(
        "costs",
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["purchase_order_id"], ["purchase_orders.id"], name=op.f("costs_purchase_order_id_fk")),
        sa.PrimaryKeyConstraint("purchase_order_id", "kind", name=op.f("costs_pk")),
    )
    op.create_table(
        "incident_orders",
        sa.Column("incident_id", sa.BigInteger(), nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("incident_orders_incident_id_fk")),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("incident_orders_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("incident_id", "purchase_order_id", name=op.f("incident_orders_pk")),
    )
    op.create_table(
        "order_line_parts",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("per_unit", sa.Integer(), nullable=False),
        sa.CheckConstraint("per_unit > 0", name=op.f("order_line_parts_per_unit_ck")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_id"],
            ["order_lines.order_id", "order_lines.line_id"],
            name=op.f("order_line_parts_order_id_line_id_fk"),
        ),
        sa.PrimaryKeyConstraint("order_id", "line_id", "ean", name=op.f("order_line_parts_pk")),
    )
    op.create_table(
        "parcels",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fulfilled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("parcels_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("parcels_pk")),
        sa.UniqueConstraint(
            "purchase_order_id", "tracking_number", name=op.f("parcels_purchase_order_id_tracking_number_uq")
        ),
    )
    op.create_table(
        "parcel_lines",
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("parcel_lines_quantity_ck")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcels.id"], name=op.f("parcel_lines_parcel_id_fk")),
        sa.PrimaryKeyConstraint("parcel_id", "ean", name=op.f("parcel_lines_pk")),
    )
    op.create_table(
        "partner_news",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("news", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["partner_documents.id"], name=op.f("partner_news_document_id_fk")),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("partner_news_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("partner_news_pk")),
        sa.UniqueConstraint("document_id", "sequence", name=op.f("partner_news_document_id_sequence_uq")),
    )
    op.create_index("partner_news_purchase_order_id_ix", "partner_news", ["purchase_order_id"], unique=False)
    op.create_index(
        "partner_news_untold_ix", "partner_news", ["id"], unique=False, postgresql_where=sa.text("told_at IS NULL")
    )
    op.create_table(
        "purchase_order_lines",
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), server_default="", nullable=False),
        sa.Column("per_unit", sa.Integer(), server_default="1", nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("shipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("declined", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unit_cost", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.CheckConstraint(
            "quantity > 0 AND shipped >= 0 AND declined >= 0 AND shipped + declined <= quantity",
            name=op.f("purchase_order_lines_balance_ck"),
        ),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("purchase_order_lines_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("purchase_order_id", "line_id", "ean", name=op.f("purchase_order_lines_pk")),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("ean", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("reservations_quantity_ck")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("reservations_order_id_fk")),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("reservations_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reservations_pk")),
    )
    op.create_index(
        "reservations_open_ix",
        "reservations",
        ["supplier", "sku"],
        unique=False,
        postgresql_where=sa.text("state IN ('held', 'consumed')"),
    )
    op.create_index("reservations_purchase_order_id_ix", "reservations", ["purchase_order_id"], unique=False)
    op.create_table(
        "submission_attempts",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("supplier_number", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("submission_attempts_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("submission_attempts_pk")),
        sa.UniqueConstraint("token", name=op.f("submission_attempts_token_uq")),
    )
    op.create_index(
        "submission_attempts_purchase_order_id_ix", "submission_attempts", ["purchase_order_id"], unique=False
    )
    op.create_table(
        "supplier_invoices",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("supplier", sa.Text(), nullable=False),
        sa.Column("invoice", sa.Text(), nullable=False),
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("total", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("charges", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("expected", sa.Numeric(precision=14, scale=4), nullable=True),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["partner_documents.id"], name=op.f("supplier_invoices_document_id_fk")
        ),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("supplier_invoices_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("supplier_invoices_pk")),
        sa.UniqueConstraint("supplier", "invoice", name=op.f("supplier_invoices_supplier_invoice_uq")),
    )
    op.create_index("supplier_invoices_purchase_order_id_ix", "supplier_invoices", ["purchase_order_id"], unique=False)
    op.create_table(
        "tracking_checks",
        sa.Column("purchase_order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_no", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("errors", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["purchase_order_id"], ["purchase_orders.id"], name=op.f("tracking_checks_purchase_order_id_fk")
        ),
        sa.PrimaryKeyConstraint("purchase_order_id", "kind", "due_at", name=op.f("tracking_checks_pk")),
    )
