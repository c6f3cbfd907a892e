"""The business record in PostgreSQL. Only ``adapters.database`` may import this module.

Personal data lives in ``webhooks.body``, ``addresses``, ``calls``, ``mails`` and ``notes``, and nowhere else.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
    }
)

MONEY = Numeric(14, 4)
WHEN = DateTime(timezone=True)


def key() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=True)


configurations = Table(
    "configurations",
    metadata,
    key(),
    Column("document", JSONB, nullable=False),
    Column("digest", Text, nullable=False),
    Column("applied_at", WHEN, nullable=False),
    Column("applied_by", Text, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    key(),
    Column("channel", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),  # the storefront's id of this delivery
    Column("event_id", Text),  # of what happened: several deliveries may tell of the same event
    Column("topic", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("storefront_order_id", Text),
    Column("order_id", BigInteger, ForeignKey("orders.id")),
    Column("event", Text),  # what must reach a running workflow, or null
    Column("received_at", WHEN, nullable=False),
    Column("delivered_at", WHEN),  # null: its event has not reached the workflow yet
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False),
    UniqueConstraint("channel", "delivery_id"),
    Index(
        "webhooks_event_uq", "channel", "topic", "event_id", unique=True, postgresql_where=text("event_id IS NOT NULL")
    ),
    Index("webhooks_undelivered_ix", "received_at", postgresql_where=text("delivered_at IS NULL")),
    Index("webhooks_order_id_ix", "order_id"),
)

storefront_sweeps = Table(
    "storefront_sweeps",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("swept_until", WHEN, nullable=False),  # what the storefront changed before this has been looked at
)

orders = Table(
    "orders",
    metadata,
    key(),
    Column("channel", Text, nullable=False),
    Column("storefront_order_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total", MONEY, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("paid", Boolean, nullable=False),
    Column("ship_country", Text),
    Column("placed_at", WHEN, nullable=False),
    Column("storefront_updated_at", WHEN, nullable=False),
    Column("content_key", Text, nullable=False),  # what was bought: a redelivery with other lines is noticed
    Column("address_id", BigInteger),  # the newest one: what a parcel would be sent to now
    Column("received_at", WHEN, nullable=False),
    Column("startable_at", WHEN),
    Column("started_at", WHEN),  # null while no start has reached Temporal
    Column("first_run_id", Text),  # the chain of runs that owns this order
    Column("cancel_requested_at", WHEN),
    Column("ended_at", WHEN),
    UniqueConstraint("channel", "storefront_order_id"),
    Index("orders_unstarted_ix", "startable_at", postgresql_where=text("state = 'startable' AND started_at IS NULL")),
    Index("orders_open_ix", "state", postgresql_where=text("state IN ('startable', 'open')")),
    Index("orders_name_ix", "name"),
)

addresses = Table(
    "addresses",
    metadata,
    key(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("source", Text, nullable=False),  # storefront, or the person who entered it
    Column("address", JSONB, nullable=False),
    Column("digest", Text, nullable=False),
    Column("stored_at", WHEN, nullable=False),
    Index("addresses_order_id_ix", "order_id"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id"), primary_key=True),
    Column("line_id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("sku", Text, nullable=False),
    Column("variant_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("quantity", Integer, nullable=False),  # ordered = shipped + open + cancelled + refunded
    Column("shipped", Integer, nullable=False, server_default="0"),
    Column("cancelled", Integer, nullable=False, server_default="0"),
    Column("refunded", Integer, nullable=False, server_default="0"),
    Column("unit_price", MONEY, nullable=False),
    Column("requires_shipping", Boolean, nullable=False),
    Column("ean", Text),  # as the storefront or a person's mapping gives it
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint(
        "shipped >= 0 AND cancelled >= 0 AND refunded >= 0 AND shipped + cancelled + refunded <= quantity",
        name="balance",
    ),
)

article_mappings = Table(
    "article_mappings",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("variant_id", Text, primary_key=True),
    Column("ean", Text, nullable=False),
    Column("mapped_by", Text, nullable=False),
    Column("mapped_at", WHEN, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id"), primary_key=True),
    Column("plan_no", Integer, primary_key=True),
    Column("configuration_id", BigInteger, ForeignKey("configurations.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("reasons", JSONB, nullable=False),  # per line: the candidates and why each was taken or passed over
    Column("planned_at", WHEN, nullable=False),
)

purchase_orders = Table(
    "purchase_orders",
    metadata,
    key(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("plan_no", Integer, nullable=False),
    Column("number", Text, nullable=False, unique=True),  # ours, at most 22 characters
    Column("supplier", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("workflow_id", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("test", Boolean, nullable=False),
    # the shipping choice, bound to the destination it was quoted for
    Column("quote_id", Text),
    Column("carrier", Text),
    Column("quoted_for", Text),
    # the fence: moves ready -> sending -> placed | unknown | refused, each with a rising number
    Column("submission", Text, nullable=False),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("claim_token", Text),
    Column("supplier_number", Text),
    Column("confirmed_at", WHEN),
    Column("acknowledged_at", WHEN),
    Column("fulfilment_id", Text, nullable=False, server_default=""),
    Column("ended_at", WHEN),
    Column("order_settled", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("order_id", "supplier", "attempt"),
    Index("purchase_orders_order_id_ix", "order_id"),
    Index("purchase_orders_supplier_number_ix", "supplier", "supplier_number"),
)

purchase_order_lines = Table(
    "purchase_order_lines",
    metadata,
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("line_id", Text, primary_key=True),
    Column("ean", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("shipped", Integer, nullable=False, server_default="0"),
    CheckConstraint("quantity > 0 AND shipped >= 0 AND shipped <= quantity", name="balance"),
)

submission_attempts = Table(
    "submission_attempts",
    metadata,
    key(),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("request", JSONB, nullable=False),
    Column("claimed_at", WHEN, nullable=False),
    Column("ended_at", WHEN),
    Column("outcome", Text),
    Column("detail", Text),
    Column("supplier_number", Text),
    Index("submission_attempts_purchase_order_id_ix", "purchase_order_id"),
)

tracking_checks = Table(
    "tracking_checks",
    metadata,
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # tracking or acknowledgement
    Column("due_at", WHEN, primary_key=True),  # checks of an extended plan have instants of their own
    Column("check_no", Integer, nullable=False),
    Column("asked_at", WHEN, nullable=False),
    Column("errors", Integer, nullable=False, server_default="0"),
    Column("answer", Text),  # the supplier's own word; null while unanswered
)

parcels = Table(
    "parcels",
    metadata,
    key(),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), nullable=False),
    Column("tracking_number", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("source", Text, nullable=False),  # check, push or person
    Column("seen_at", WHEN, nullable=False),
    Column("fulfilled_at", WHEN),  # when the storefront had it
    UniqueConstraint("purchase_order_id", "tracking_number"),
)

calls = Table(
    "calls",
    metadata,
    key(),
    Column("key", Text, nullable=False, unique=True),
    Column("order_id", BigInteger),
    Column("purchase_order_id", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("system", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("started_at", WHEN, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Index("calls_order_id_ix", "order_id"),
    Index("calls_purchase_order_id_ix", "purchase_order_id"),
)

costs = Table(
    "costs",
    metadata,
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # goods, shipping or handling
    Column("amount", MONEY, nullable=False),
    Column("currency", Text, nullable=False),
    Column("source", Text, nullable=False),
)

mails = Table(
    "mails",
    metadata,
    key(),
    Column("key", Text, nullable=False, unique=True),  # the same news is never told twice
    Column("kind", Text, nullable=False),
    Column("audience", Text, nullable=False),  # customer or internal
    Column("order_id", BigInteger),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", WHEN, nullable=False),
    Column("due_at", WHEN, nullable=False),
    Column("token", Text),
    Column("claimed_at", WHEN),
    Column("sent_at", WHEN),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("repeated", Boolean, nullable=False, server_default=text("false")),
    Index("mails_due_ix", "due_at", postgresql_where=text("state IN ('pending', 'sending')")),
    Index("mails_order_id_ix", "order_id"),
)

tasks = Table(
    "tasks",
    metadata,
    key(),
    Column("key", Text, nullable=False, unique=True),
    Column("order_id", BigInteger),
    Column("purchase_order_id", BigInteger),
    Column("workflow_id", Text),  # who waits for the answer; null where nobody does
    Column("category", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("alternatives", JSONB, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("if_silent", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", WHEN, nullable=False),
    Column("remind_at", WHEN, nullable=False),
    Column("reminders", Integer, nullable=False, server_default="0"),
    Column("closed_at", WHEN),
    Column("answer", Text),
    Column("answered_by", Text),
    Index("tasks_open_ix", "priority", "opened_at", postgresql_where=text("state = 'open'")),
    Index("tasks_order_id_ix", "order_id"),
)

timeline = Table(
    "timeline",
    metadata,
    key(),
    Column("order_id", BigInteger, nullable=False),
    Column("purchase_order_id", BigInteger),
    Column("at", WHEN, nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("key", Text, unique=True),  # set where a repeated activity must not tell it twice
    Index("timeline_order_id_ix", "order_id"),
)

notes = Table(
    "notes",
    metadata,
    key(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("stored_at", WHEN, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", Text, primary_key=True),
    Column("order_id", BigInteger),
    Column("workflow_id", Text, nullable=False),
    Column("command", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("sent_at", WHEN, nullable=False),
    Column("outcome", Text),  # accepted, refused or pending
    Column("answer", Text),
)

incidents = Table(
    "incidents",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("opened_at", WHEN, nullable=False),
    Column("probed_at", WHEN, nullable=False),
    Column("closed_at", WHEN),
    Column("reason", Text, nullable=False),
    Index("incidents_open_uq", "supplier", "kind", unique=True, postgresql_where=text("closed_at IS NULL")),
)

incident_orders = Table(
    "incident_orders",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
)
