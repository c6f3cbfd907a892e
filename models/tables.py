"""The business record in PostgreSQL. Only ``adapters.database`` may import this module.

Personal data lives in ``webhooks.body``, ``addresses``, ``calls``, ``mails`` and ``notes``, and nowhere else.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    """Number the rows."""
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
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("customer_group", Text, nullable=False, server_default=""),
    Column("preference", Text, nullable=False, server_default=""),  # what the customer stated, e.g. "fast"
    Column("needs", ARRAY(Text), nullable=False, server_default="{}"),  # what a supplier must provide for it
    Column("content_key", Text, nullable=False),  # what was bought: a redelivery with other lines is noticed
    Column("address_id", BigInteger),  # the newest one: what a parcel would be sent to now
    Column("received_at", WHEN, nullable=False),
    Column("startable_at", WHEN),
    Column("started_at", WHEN),  # null while no start has reached Temporal
    Column("first_run_id", Text),  # the chain of runs that owns this order
    Column("last_plan", Integer, nullable=False, server_default="0"),  # the highest plan number that was minted
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
    Column("grams", Integer, nullable=False, server_default="0"),  # of one unit
    Column("requires_shipping", Boolean, nullable=False),
    Column("ean", Text),  # as the storefront or a person's mapping gives it
    Column("substitute_ean", Text),  # what the customer takes instead; it outranks both
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint(
        "shipped >= 0 AND cancelled >= 0 AND refunded >= 0 AND shipped + cancelled + refunded <= quantity",
        name="balance",
    ),
)

order_line_parts = Table(
    "order_line_parts",  # of bundles only: what one unit of the line is made of, as it was first planned
    metadata,
    Column("order_id", BigInteger, primary_key=True),
    Column("line_id", Text, primary_key=True),
    Column("ean", Text, primary_key=True),
    Column("per_unit", Integer, nullable=False),
    ForeignKeyConstraint(["order_id", "line_id"], ["order_lines.order_id", "order_lines.line_id"]),
    CheckConstraint("per_unit > 0", name="per_unit"),
)

route_pins = Table(
    "route_pins",  # a person's word on who may deliver an order
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id"), primary_key=True),
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    Column("only_supplier", Text),
    Column("excluded", ARRAY(Text), nullable=False, server_default="{}"),
    Column("pinned_by", Text, nullable=False),
    Column("pinned_at", WHEN, nullable=False),
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
    Column("reasons", JSONB, nullable=False),  # RoutingPlan.as_document: candidates, costs by factor, why each lost
    Column("shortage", JSONB),  # contracts.Shortage of what was left over, or null
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
    Column("api_version", Text, nullable=False, server_default=""),  # of its supplier's API, for its whole life
    Column("confirmed_at", WHEN),
    Column("acknowledged_at", WHEN),
    Column("ship_by", Date),  # when it should leave the supplier, as planned
    Column("arrive_by", Date),
    Column("given_up_at", WHEN),  # left for another supplier though this one may still deliver it
    Column("trouble", Integer, nullable=False, server_default="0"),  # doubts, outages and unclear answers, counted
    Column("fulfilment_id", Text, nullable=False, server_default=""),
    Column("ended_at", WHEN),
    Column("order_settled", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("order_id", "supplier", "attempt"),
    Index("purchase_orders_order_id_ix", "order_id"),
    Index("purchase_orders_supplier_number_ix", "supplier", "supplier_number"),
    Index(
        "purchase_orders_confirmed_ix", "supplier", "confirmed_at", postgresql_where=text("confirmed_at IS NOT NULL")
    ),
)

purchase_order_lines = Table(
    "purchase_order_lines",
    metadata,
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("line_id", Text, primary_key=True),
    Column("ean", Text, primary_key=True),
    Column("sku", Text, nullable=False, server_default=""),  # the supplier's own
    Column("per_unit", Integer, nullable=False, server_default="1"),  # units of this article in one of the line
    Column("quantity", Integer, nullable=False),  # ordered = shipped + declined + open
    Column("shipped", Integer, nullable=False, server_default="0"),
    Column("declined", Integer, nullable=False, server_default="0"),  # by the supplier, while it delivers the rest
    Column("unit_cost", MONEY),  # as planned, in the order's currency
    CheckConstraint(
        "quantity > 0 AND shipped >= 0 AND declined >= 0 AND shipped + declined <= quantity", name="balance"
    ),
)

reservations = Table(
    "reservations",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("sku", Text, nullable=False),  # the offer's
    Column("ean", Text, nullable=False),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), nullable=False),
    Column("line_id", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("state", Text, nullable=False),  # held, consumed; released, taken_in, expired
    Column("made_at", WHEN, nullable=False),
    Column("expires_at", WHEN, nullable=False),  # where nobody works on the order any more
    Column("consumed_at", WHEN),  # the acknowledgement: the supplier's own figure shows it some time later
    Column("settled_at", WHEN),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("reservations_purchase_order_id_ix", "purchase_order_id"),
    Index("reservations_open_ix", "supplier", "sku", postgresql_where=text("state IN ('held', 'consumed')")),
)

backorders = Table(
    "backorders",  # units of open orders that nobody could deliver when they were last planned
    metadata,
    key(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("line_id", Text, nullable=False),
    Column("ean", Text, nullable=False),
    Column("units", Integer, nullable=False),
    Column("left_out", ARRAY(Text), nullable=False, server_default="{}"),  # suppliers that would not count for it
    Column("had", Integer, nullable=False, server_default="0"),  # units that were to be had, when it was last planned
    Column("since", WHEN, nullable=False),
    Column("partial", Boolean, nullable=False, server_default=text("false")),  # any unit more is worth a plan
    Column("planned_at", WHEN, nullable=False),
    Column("woken_at", WHEN),  # when its order last heard that stock is there
    Column("woken_for", Integer),  # and how much: the same units wake nobody twice
    Column("until", WHEN),
    Column("ended_at", WHEN),  # delivered after all, given up, or the order ended
    UniqueConstraint("order_id", "line_id", "ean"),
    Index("backorders_open_ix", "ean", postgresql_where=text("ended_at IS NULL")),
)

customer_questions = Table(
    "customer_questions",
    metadata,
    key(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
    Column("lines", JSONB, nullable=False),  # [{line_id, ean, title, units, alternatives: [{ean, title, available}]}]
    Column("when_silent", Text, nullable=False),
    Column("asked_at", WHEN, nullable=False),
    Column("answer_by", WHEN, nullable=False),
    Column("wait_until", WHEN, nullable=False),  # what "wait" means
    Column("answer", JSONB),  # backordering.Answer
    Column("answered_at", WHEN),
    Column("delivered_at", WHEN),  # when the workflow heard of the answer
    Column("ended_at", WHEN),
    Column("ending", Text),  # answered, silent or overtaken
    Index("customer_questions_order_id_ix", "order_id"),
    Index(
        "customer_questions_undelivered_ix",
        "answered_at",
        postgresql_where=text("answered_at IS NOT NULL AND delivered_at IS NULL AND ended_at IS NULL"),
    ),
)

scorecards = Table(
    "scorecards",  # rolling figures, computed from purchase orders
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("computed_at", WHEN, nullable=False),
    Column("purchase_orders", Integer, nullable=False),
    Column("acknowledged_hours", Float),
    Column("late_share", Float, nullable=False),
    Column("cancelled_share", Float, nullable=False),
    Column("error_share", Float, nullable=False),
    Column("share", Float, nullable=False),  # of all purchase orders of the last 30 days
)

pick_tasks = Table(
    "pick_tasks",  # the purchase orders of our own warehouses
    metadata,
    key(),
    Column("warehouse", Text, nullable=False),
    Column("number", Text, nullable=False, unique=True),  # our purchase-order number
    Column("state", Text, nullable=False),  # models.picks.PickState
    Column("address", JSONB, nullable=False),  # personal data
    Column("test", Boolean, nullable=False),
    Column("tracking_number", Text),
    Column("carrier", Text),
    Column("opened_at", WHEN, nullable=False),
    Column("changed_at", WHEN, nullable=False),
    Column("changed_by", Text),
    Column("reason", Text),  # why the warehouse refused it: a person's words
    Index("pick_tasks_open_ix", "warehouse", "id", postgresql_where=text("state = 'open'")),
)

pick_lines = Table(
    "pick_lines",
    metadata,
    Column("pick_id", BigInteger, ForeignKey("pick_tasks.id"), primary_key=True),
    Column("ean", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("short", Integer, nullable=False, server_default="0"),  # not found on the shelf
    CheckConstraint("quantity > 0 AND short >= 0 AND short <= quantity", name="balance"),
)

configuration_proposals = Table(
    "configuration_proposals",  # versions that wait for a second person
    metadata,
    key(),
    Column("document", JSONB, nullable=False),
    Column("digest", Text, nullable=False),
    Column("base_id", BigInteger, ForeignKey("configurations.id")),  # the version it was compared with
    Column("reasons", JSONB, nullable=False),  # names of the high-impact rules it changes
    Column("proposed_at", WHEN, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("decided_at", WHEN),
    Column("decided_by", Text),
    Column("outcome", Text),  # approved, rejected or outdated
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

parcel_lines = Table(
    "parcel_lines",  # what is in a parcel, where its supplier says so; without any it holds whatever was still open
    metadata,
    Column("parcel_id", BigInteger, ForeignKey("parcels.id"), primary_key=True),
    Column("ean", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
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
    Column("difference", JSONB),  # of an answer nobody could read: what it looked like before, and now
    Column("started_at", WHEN),  # when its workflow was started; null: the sweep does it
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("mails", Integer, nullable=False, server_default="0"),
    Column("probe_after", WHEN),  # not before: the supplier has asked us to stay away until then
    Column("recovered_at", WHEN),  # it serves us again, and the orders that wait are let go one after the other
    Column("drained_at", WHEN),  # when the last waiting order was let go
    Column("down_again_at", WHEN),  # when it went down after it had taken orders in between
    Column("calm_waived", Boolean, nullable=False, server_default=text("false")),  # a person has said that it is over
    Index("incidents_open_uq", "supplier", "kind", unique=True, postgresql_where=text("closed_at IS NULL")),
)

incident_orders = Table(
    "incident_orders",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("joined_at", WHEN, nullable=False),
    Column("waiting", Boolean, nullable=False, server_default=text("false")),  # its workflow waits for the recovery
    Column("released_at", WHEN),
)
