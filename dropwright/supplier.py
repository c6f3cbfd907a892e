"""Everything that a supplier adapter imports: ports, the plugin's shape, failures, models, and the HTTP client.

This path is stable; the modules behind it are not. ``dropwright.testing`` is its twin for an adapter's tests.
"""

from adapters.errors import (
    AccountHold,
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    NotSent,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedReply,
)
from adapters.http import CallSink, HttpApi, http_client
from adapters.pacing import Pace
from adapters.plugin import Plugin, PluginError
from adapters.ports import DocumentDesk, ExchangingPort, ListeningPort, PickDesk, SupplierPort
from adapters.secrets import Secrets
from adapters.strict_json import BadJsonError, read_json
from models.articles import normalise_ean
from models.base import Duration, StrictContract
from models.calls import CallRecord
from models.configuration import Supplier
from models.exchange import (
    CancelAnswered,
    Direction,
    DocumentKind,
    DocumentState,
    Drafted,
    Incoming,
    LookAgain,
    OrderAcknowledged,
    OrderInvoiced,
    OrderReceived,
    OrderShipped,
    Outgoing,
    PartnerNews,
    Reading,
    ReceiptArrived,
    StockReported,
    Unclear,
)
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind, FieldName
from models.findings import Finding, Severity
from models.money import Money
from models.orders import Address
from models.suppliers import (
    AcknowledgedLine,
    Arrival,
    Cancellation,
    Capabilities,
    DeclinedLine,
    Destination,
    DoubtMeans,
    LineStatus,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

__all__ = [
    "AccountHold",
    "AcknowledgedLine",
    "AdapterError",
    "Address",
    "Arrival",
    "AuthenticationFailed",
    "BadJsonError",
    "CallRecord",
    "CallSink",
    "CancelAnswered",
    "Cancellation",
    "Capabilities",
    "Column",
    "DeclinedLine",
    "Destination",
    "Direction",
    "DocumentDesk",
    "DocumentKind",
    "DocumentState",
    "DoubtMeans",
    "Doubtful",
    "Drafted",
    "Duration",
    "ExchangingPort",
    "FeedKind",
    "FeedPage",
    "FieldName",
    "Finding",
    "HttpApi",
    "Incoming",
    "LineStatus",
    "ListeningPort",
    "LookAgain",
    "Lookup",
    "LookupVerdict",
    "Money",
    "NotSent",
    "OrderAcknowledged",
    "OrderInvoiced",
    "OrderReceived",
    "OrderShipped",
    "Outgoing",
    "Pace",
    "PartnerNews",
    "PickDesk",
    "PlacedOrder",
    "Plugin",
    "PluginError",
    "Reading",
    "ReceiptArrived",
    "Refused",
    "Secrets",
    "Severity",
    "ShippingQuote",
    "StockAnswer",
    "StockReported",
    "StrictContract",
    "Supplier",
    "SupplierLine",
    "SupplierOrder",
    "SupplierOrderStatus",
    "SupplierPort",
    "SupplierState",
    "Throttled",
    "TrackedParcel",
    "Unavailable",
    "Unclear",
    "UnexpectedReply",
    "http_client",
    "normalise_ean",
    "read_json",
]
