"""Documents exchanged with suppliers, and what they have said. Only ``adapters.database`` may import this module.

Personal data lives in ``partner_documents.body`` and ``partner_document_orders.entry``, and nowhere else here.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from models.tables import MONEY, WHEN, key, metadata

partner_documents = Table(
    "partner_documents",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("direction", Text, nullable=False),  # models.exchange.Direction
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("name", Text, nullable=False),  # file name or Message-ID; of an open batch its id
    Column("control", BigInteger),  # its number at this partner
    Column("digest", Text),  # SHA-256 of the body, hexadecimal; "attached:" before it: kept only; null in an open batch
    Column("body", LargeBinary),  # as it came or as it leaves, byte for byte
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("key", Text),  # out: kind and purchase orders, so that it is prepared once; null once withdrawn
    Column("made_at", WHEN, nullable=False),  # stored or prepared
    Column("window_ends", WHEN),  # of a batch
    Column("settled_at", WHEN),  # sent, applied or quarantined
    Column("receipt_due", WHEN),  # when the partner has to have confirmed it
    Column("receipt_at", WHEN),
    Column("replies", ARRAY(Text), nullable=False, server_default="{}"),  # in: answers that it still asks for
    Column("reply_to", BigInteger, ForeignKey("partner_documents.id")),
    Column("reason", Text, nullable=False, server_default=""),  # why it was not believed, in codes
    Column("repeats", Integer, nullable=False, server_default="0"),  # times the same bytes came again
    Index("partner_documents_out_uq", "supplier", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
    Index("partner_documents_in_uq", "supplier", "digest", unique=True, postgresql_where=text("direction = 'in'")),
    Index(
        "partner_documents_control_ix", "supplier", "direction", "control", postgresql_where=text("control IS NOT NULL")
    ),
    Index("partner_documents_reply_to_ix", "reply_to"),
    Index("partner_documents_replies_ix", "supplier", "id", postgresql_where=text("replies <> '{}'")),
    Index(
        "partner_documents_waiting_ix",
        "supplier",
        "id",
        postgresql_where=text("state IN ('queued', 'prepared', 'stored')"),
    ),
    Index(
        "partner_documents_receipt_ix",
        "receipt_due",
        postgresql_where=text("receipt_due IS NOT NULL AND receipt_at IS NULL"),
    ),
)

partner_document_orders = Table(
    "partner_document_orders",  # the orders in a document, each with its own state
    metadata,
    Column("document_id", BigInteger, ForeignKey("partner_documents.id"), primary_key=True),
    Column("number", Text, primary_key=True),  # our purchase-order number, also where we do not know it
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),  # models.exchange.DocumentState
    Column("entry", LargeBinary),  # in an open batch: what the adapter will write of it
    Index("partner_document_orders_number_ix", "number"),
)

partner_news = Table(
    "partner_news",  # what suppliers have said of orders, once per document and place in it
    metadata,
    key(),
    Column("document_id", BigInteger, ForeignKey("partner_documents.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("supplier", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), nullable=False),
    Column("news", JSONB, nullable=False),  # models.exchange.OrderNews
    Column("said_at", WHEN, nullable=False),
    Column("told_at", WHEN),  # when its purchase order's workflow heard that there is news
    UniqueConstraint("document_id", "sequence"),
    Index("partner_news_purchase_order_id_ix", "purchase_order_id"),
    Index("partner_news_untold_ix", "id", postgresql_where=text("told_at IS NULL")),
)

control_numbers = Table(
    "control_numbers",
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

partner_facts = Table(
    "partner_facts",  # small facts of an adapter's own, e.g. a mailbox's UIDVALIDITY and last UID
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

acknowledged_lines = Table(
    "acknowledged_lines",  # the newest answer per line, as its supplier has given it
    metadata,
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("ean", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", Text, nullable=False),  # models.suppliers.LineStatus
    Column("unit_cost", MONEY),
    Column("currency", Text),
    Column("expected_on", Date),
    Column("substitute", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("said_at", WHEN, nullable=False),
)

supplier_invoices = Table(
    "supplier_invoices",
    metadata,
    key(),
    Column("supplier", Text, nullable=False),
    Column("invoice", Text, nullable=False),
    Column("purchase_order_id", BigInteger, ForeignKey("purchase_orders.id"), nullable=False),
    Column("document_id", BigInteger, ForeignKey("partner_documents.id"), nullable=False),
    Column("issued_on", Date),
    Column("total", MONEY, nullable=False),
    Column("charges", MONEY),
    Column("currency", Text, nullable=False),
    Column("expected", MONEY),  # what we expected to pay, in the invoice's currency; null where we can't say
    Column("agrees", Boolean, nullable=False),
    Column("stored_at", WHEN, nullable=False),
    UniqueConstraint("supplier", "invoice"),
    Index("supplier_invoices_purchase_order_id_ix", "purchase_order_id"),
)

breakers = Table(
    "breakers",  # calls to a supplier that went unanswered in a row; an open one keeps every order's call from leaving
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", WHEN),
    Column("failed_at", WHEN),
    Column("opened_at", WHEN),
    Column("code", Text, nullable=False, server_default=""),  # of the newest failure
)

reply_shapes = Table(
    "reply_shapes",  # what the answers of a supplier's operations looked like when they were last understood
    metadata,
    Column("supplier", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("shape", JSONB, nullable=False),  # path -> type
    Column("seen_at", WHEN, nullable=False),
)
