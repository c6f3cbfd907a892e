"""What Shopify answers, as far as we read it: one model per document of ``documents``."""

from typing import Generic, TypeVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from models.base import Contract

Node = TypeVar("Node")


class Reply(Contract):
    """Base: fields have Shopify's names in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class PageInfo(Reply):
    """Where a page of a connection ends."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(Reply, Generic[Node]):
    """One page of a connection."""

    nodes: tuple[Node, ...]
    page_info: PageInfo


class Ref(Reply):
    """Something of which we only need the global id (``gid://shopify/LineItem/1``)."""

    id: str


class BarcodeVariant(Reply):
    """A variant, read for its barcode."""

    barcode: str | None


class FactsLine(Reply):
    """A line, read for its barcode. A line sold without a product has no variant."""

    id: str
    variant: BarcodeVariant | None


class FactsOrder(Reply):
    """An order, read for what we rely on."""

    display_financial_status: str | None
    cancelled_at: str | None
    line_items: Page[FactsLine]


class OrderFacts(Reply):
    """Answer to ``OrderFacts``; None where the order is gone."""

    order: FactsOrder | None


class Amount(Reply):
    """An amount as a decimal string."""

    amount: str


class ShopAmount(Reply):
    """An amount in the shop's currency."""

    shop_money: Amount


class Weight(Reply):
    """A weight in one of Shopify's units."""

    unit: str
    value: float


class Measurement(Reply):
    """What an inventory item measures."""

    weight: Weight | None


class MeasuredItem(Reply):
    """An inventory item, read for its weight."""

    measurement: Measurement


class SoldVariant(Reply):
    """A variant, read for its id and its weight."""

    legacy_resource_id: str
    inventory_item: MeasuredItem


class SoldLine(Reply):
    """A line of a paid order."""

    id: str
    sku: str | None
    title: str
    quantity: int
    current_quantity: int
    requires_shipping: bool
    is_gift_card: bool
    variant: SoldVariant | None
    original_unit_price_set: ShopAmount


class ShippingAddress(Reply):
    """Where an order goes. Holds personal data."""

    first_name: str | None
    last_name: str | None
    name: str | None
    company: str | None
    address1: str | None
    address2: str | None
    city: str | None
    province_code: str | None
    zip: str | None
    country_code_v2: str | None
    phone: str | None


class CustomAttribute(Reply):
    """A name and a value that the shop's theme gave the order."""

    key: str
    value: str | None


class ShippingLine(Reply):
    """The way to ship that the customer chose."""

    code: str | None
    title: str | None


class PaidOrder(Reply):
    """An order as the sweep for lost webhooks finds it. Holds personal data."""

    id: str
    legacy_resource_id: str
    name: str
    email: str | None
    phone: str | None
    test: bool
    created_at: str
    processed_at: str
    updated_at: str
    cancelled_at: str | None
    display_financial_status: str | None
    currency_code: str
    tags: list[str]
    custom_attributes: list[CustomAttribute]
    shipping_line: ShippingLine | None
    current_total_price_set: ShopAmount
    shipping_address: ShippingAddress | None
    line_items: Page[SoldLine]


class PaidOrders(Reply):
    """Answer to ``PaidOrders``."""

    orders: Page[PaidOrder]


class LinesOrder(Reply):
    """An order, read for more of its lines."""

    line_items: Page[SoldLine]


class OrderLines(Reply):
    """Answer to ``OrderLines``."""

    order: LinesOrder | None


class Tracking(Reply):
    """One tracking number of a fulfilment."""

    number: str | None
    url: str | None
    company: str | None


class Fulfilment(Reply):
    """A fulfilment as it stands."""

    id: str
    status: str
    tracking_info: tuple[Tracking, ...]


class FulfilmentOrderLine(Reply):
    """What is still to be fulfilled of one line, at one location."""

    id: str
    remaining_quantity: int
    line_item: Ref


class AssignedLocation(Reply):
    """Where a fulfilment order is to be fulfilled from. A deleted location leaves only its name."""

    name: str
    location: Ref | None


class FulfilmentOrder(Reply):
    """One location's share of an order."""

    id: str
    status: str
    assigned_location: AssignedLocation
    line_items: Page[FulfilmentOrderLine]


class FulfilmentsOrder(Reply):
    """An order, read for what was and what is still to be fulfilled."""

    fulfillments: tuple[Fulfilment, ...]
    fulfillment_orders: Page[FulfilmentOrder]


class OrderFulfilments(Reply):
    """Answer to ``OrderFulfillments``."""

    order: FulfilmentsOrder | None


class MoreLines(Reply):
    """A fulfilment order, read for more of its lines."""

    line_items: Page[FulfilmentOrderLine]


class FulfilmentOrderLines(Reply):
    """Answer to ``FulfillmentOrderLines``."""

    fulfillment_order: MoreLines | None


class FulfilledLine(Reply):
    """How much of one line a fulfilment covers."""

    quantity: int | None
    line_item: Ref


class CoveredLines(Reply):
    """A fulfilment, read for the lines it covers."""

    fulfillment_line_items: Page[FulfilledLine]


class FulfilmentLines(Reply):
    """Answer to ``FulfillmentLines``."""

    fulfillment: CoveredLines | None


class UserError(Reply):
    """Why Shopify refused. Its message may repeat what was sent, so it is not read."""

    code: str | None = None
    field: tuple[str, ...] | None = None
    element_index: int | None = None


class Written(Reply):
    """What a mutation answers: user errors, and the new thing's id where we need it."""

    user_errors: tuple[UserError, ...]
    fulfillment: Ref | None = None


class FulfilmentCreated(Reply):
    """Answer to ``CreateFulfillment``."""

    fulfillment_create: Written


class TrackingUpdated(Reply):
    """Answer to ``UpdateTracking``."""

    fulfillment_tracking_info_update: Written


class MetafieldsSet(Reply):
    """Answer to ``SetMetafield``."""

    metafields_set: Written


class DefinitionCreated(Reply):
    """Answer to ``CreateMetafieldDefinition``."""

    metafield_definition_create: Written


class Scope(Reply):
    """One thing the token may do."""

    handle: str


class Installation(Reply):
    """Our app in this shop."""

    access_scopes: tuple[Scope, ...]


class GrantedScopes(Reply):
    """Answer to ``GrantedScopes``."""

    current_app_installation: Installation


class DefinitionType(Reply):
    """The type of a metafield definition."""

    name: str


class Definition(Reply):
    """A metafield definition."""

    namespace: str
    key: str
    type: DefinitionType


class MetafieldDefinitions(Reply):
    """Answer to ``MetafieldDefinitions``."""

    metafield_definitions: Page[Definition]


class Variant(Reply):
    """A variant on sale."""

    legacy_resource_id: str
    barcode: str | None


class VariantsOnSale(Reply):
    """Answer to ``VariantsOnSale``."""

    product_variants: Page[Variant]
