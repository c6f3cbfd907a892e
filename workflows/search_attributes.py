"""The operator's search: every search attribute, within the ten, three and three of the SQL caps."""

from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from models.contracts import OrderRequest, PurchaseOrderRequest, StragglerRequest
from models.incidents import IncidentRequest
from models.tasks import OpenTask

ORDER_STAGE = SearchAttributeKey.for_keyword("OrderStage")  # where it is, as in the lifecycle diagram
CHANNEL = SearchAttributeKey.for_keyword("Channel")
CHANNEL_ORDER = SearchAttributeKey.for_keyword("ChannelOrder")  # the name customers know: #1001
SHIP_COUNTRY = SearchAttributeKey.for_keyword("ShipCountry")
ATTENTION_REASON = SearchAttributeKey.for_keyword("AttentionReason")  # the open task's category
SUPPLIER_ID = SearchAttributeKey.for_keyword("SupplierId")  # of a purchase order
SUPPLIERS = SearchAttributeKey.for_keyword_list("Suppliers")  # of an order
SUPPLIER_ORDERS = SearchAttributeKey.for_keyword_list("SupplierOrders")  # the suppliers' own numbers
HOLDS = SearchAttributeKey.for_keyword_list("Holds")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
TEST_ORDER = SearchAttributeKey.for_bool("TestOrder")
PROMISED_BY = SearchAttributeKey.for_datetime("PromisedBy")
ORDER_TOTAL = SearchAttributeKey.for_float("OrderTotal")
ATTENTION_PRIORITY = SearchAttributeKey.for_int("AttentionPriority")  # 1 is the most urgent

ALL = (
    ORDER_STAGE,
    CHANNEL,
    CHANNEL_ORDER,
    SHIP_COUNTRY,
    ATTENTION_REASON,
    SUPPLIER_ID,
    SUPPLIERS,
    SUPPLIER_ORDERS,
    HOLDS,
    NEEDS_ATTENTION,
    TEST_ORDER,
    PROMISED_BY,
    ORDER_TOTAL,
    ATTENTION_PRIORITY,
)


def order_attributes(request: OrderRequest) -> TypedSearchAttributes:
    """Describe a new order: set at its start, where it costs no event."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(ORDER_STAGE, "Screening"),
        SearchAttributePair(CHANNEL, request.channel),
        SearchAttributePair(CHANNEL_ORDER, request.name),
        SearchAttributePair(NEEDS_ATTENTION, False),
        SearchAttributePair(TEST_ORDER, request.test),
        SearchAttributePair(ORDER_TOTAL, float(request.total.amount)),
    ]
    if request.ship_country:
        pairs.append(SearchAttributePair(SHIP_COUNTRY, request.ship_country))
    return TypedSearchAttributes(pairs)


def order_summary(request: OrderRequest) -> str:
    """Sum an order up for the operator's list: ``#1001 · 3 lines · 89.50 EUR``."""
    lines = "1 line" if request.lines == 1 else f"{request.lines} lines"
    return f"{request.name} · {lines} · {request.total}{' · test' if request.test else ''}"


def purchase_order_attributes(request: PurchaseOrderRequest) -> TypedSearchAttributes:
    """Describe a new purchase order: set at its start, where it costs no event."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(ORDER_STAGE, "ChoosingShipping"),
        SearchAttributePair(CHANNEL, request.channel),
        SearchAttributePair(CHANNEL_ORDER, request.order_name),
        SearchAttributePair(SUPPLIER_ID, request.profile.supplier),
        SearchAttributePair(NEEDS_ATTENTION, False),
        SearchAttributePair(TEST_ORDER, request.test),
    ]
    if request.ship_country:
        pairs.append(SearchAttributePair(SHIP_COUNTRY, request.ship_country))
    return TypedSearchAttributes(pairs)


def purchase_order_summary(request: PurchaseOrderRequest) -> str:
    """Sum a purchase order up for the operator's list: ``#1001 at BTSWholesaler · 2 units · DW-1A-11``."""
    units = "1 unit" if request.units == 1 else f"{request.units} units"
    return f"{request.order_name} at {request.profile.display_name} · {units} · {request.number}"


def straggler_attributes(request: StragglerRequest) -> TypedSearchAttributes:
    """Describe the watch over a purchase order that was given up."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(ORDER_STAGE, "GivenUp"),
        SearchAttributePair(CHANNEL, request.channel),
        SearchAttributePair(SUPPLIER_ID, request.profile.supplier),
        SearchAttributePair(NEEDS_ATTENTION, False),
    ]
    return TypedSearchAttributes(pairs)


def straggler_summary(request: StragglerRequest) -> str:
    """Sum a watch up for the operator's list: ``DW-1A-11, given up at BTSWholesaler``."""
    return f"{request.number}, given up at {request.profile.display_name}"


def incident_attributes(request: IncidentRequest) -> TypedSearchAttributes:
    """Describe what sees a supplier through its trouble."""
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(SUPPLIER_ID, request.supplier),
        SearchAttributePair(NEEDS_ATTENTION, True),
    ]
    return TypedSearchAttributes(pairs)


def incident_summary(request: IncidentRequest) -> str:
    """Sum an incident up for the operator's list: ``bts: account hold``."""
    return f"{request.supplier}: {request.kind.replace('_', ' ')}"


def attention(task: OpenTask | None) -> list[SearchAttributeUpdate[Any]]:
    """Mark that a person is needed, and for what; or that nobody is any more."""
    if task is None:
        return [NEEDS_ATTENTION.value_set(False), ATTENTION_REASON.value_unset(), ATTENTION_PRIORITY.value_unset()]
    return [
        NEEDS_ATTENTION.value_set(True),
        ATTENTION_REASON.value_set(task.category),
        ATTENTION_PRIORITY.value_set(task.priority),
    ]
