"""The simulated shop's GraphQL endpoint: parses, checks against the schema, charges, and executes."""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    get_directive_values,
    parse,
    validate,
)

from sandbox import shopify_stock as stock
from sandbox import shopify_stock_views as stock_views
from sandbox import shopify_views as views
from sandbox import shopify_writes as writes
from sandbox.shopify_bulk import Bulk
from sandbox.shopify_cost import MAX_QUERY_COST, Bucket, actual_cost, mutation_cost, requested_cost
from sandbox.shopify_world import Shop

SCHEMA_FILE = Path(__file__).with_name("shopify_admin.graphql")
_FULFIL_SCOPE = "write_merchant_managed_fulfillment_orders"
_SCOPES = {
    "order": "read_orders",
    "orders": "read_orders",
    "productVariants": "read_products",
    "fulfillmentOrder": "read_merchant_managed_fulfillment_orders",
    "metafieldsSet": "write_orders",
    "metafieldDefinitionCreate": "write_orders",
    "fulfillmentCreate": _FULFIL_SCOPE,
    "fulfillmentTrackingInfoUpdate": _FULFIL_SCOPE,
    "inventorySetQuantities": "write_inventory",
    "location": "read_locations",
    "productByIdentifier": "read_products",
    "productSet": "write_products",
    "productVariantsBulkUpdate": "write_products",
}


Info = GraphQLResolveInfo[Any]


@cache
def schema() -> GraphQLSchema:
    """Build the schema once, with a resolver for every root field."""
    built = build_schema(SCHEMA_FILE.read_text())
    for root, resolvers in ((built.query_type, _QUERIES), (built.mutation_type, _MUTATIONS)):
        assert isinstance(root, GraphQLObjectType)
        for name, resolver in resolvers.items():
            root.fields[name].resolve = resolver
    return built


@dataclass
class Endpoint:
    """Answers GraphQL calls of one shop."""

    shop: Shop
    bucket: Bucket = field(default_factory=Bucket)
    calls: dict[str, int] = field(default_factory=dict)
    bulk: Bulk = field(init=False)

    def __post_init__(self) -> None:
        """Build the bulk machinery, which runs mutations as we do, but charges nobody."""
        self.bulk = Bulk(self.shop, self._run_line)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one call as Shopify does: always a body, with ``errors`` where something went wrong."""
        document, errors = _prepared(str(request.get("query") or ""))
        if document is None:
            return {"errors": errors}
        name, variables = request.get("operationName"), request.get("variables") or {}
        self.calls[str(name)] = self.calls.get(str(name), 0) + 1
        cost = requested_cost(schema(), document, variables)
        if cost > MAX_QUERY_COST:
            message = f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_QUERY_COST})."
            return {"errors": [_error(message, "MAX_COST_EXCEEDED")]}
        if not self.bucket.holds(cost):
            return {
                "errors": [_error("Throttled", "THROTTLED")],
                "extensions": {"cost": self.bucket.report(cost, None)},
            }
        return self._execute(document, name, variables, cost)

    def _execute(
        self, document: DocumentNode, name: str | None, variables: dict[str, Any], cost: int
    ) -> dict[str, Any]:
        result = execute_sync(schema(), document, context_value=self, variable_values=variables, operation_name=name)
        actual = max(actual_cost(result.data), mutation_cost(document))
        self.bucket.take(actual)
        answer: dict[str, Any] = {"data": result.data, "extensions": {"cost": self.bucket.report(cost, actual)}}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer

    def _run_line(self, document: DocumentNode, variables: dict[str, Any]) -> dict[str, Any]:
        result = execute_sync(schema(), document, context_value=self, variable_values=variables)
        return {"data": result.data}


@lru_cache(maxsize=256)
def _prepared(text: str) -> tuple[DocumentNode | None, list[dict[str, Any]]]:
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [_error(error.message, "syntaxError")]
    errors = validate(schema(), document)
    if errors:
        return None, [_error(error.message, "invalidDocument") for error in errors]
    return document, []


def _error(message: str, code: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


def _allowed(info: Info) -> Shop:
    """Give the shop to a resolver whose scope the token has. A scope to write includes the one to read."""
    shop: Shop = info.context.shop
    scope = _SCOPES.get(info.field_name)
    if scope:
        _demand(shop, scope, info.field_name)
    return shop


def _demand(shop: Shop, scope: str, what: str) -> None:
    if not {scope, scope.replace("read_", "write_", 1)} & shop.scopes:
        message = f"Access denied for {what} field. Required access: `{scope}` access scope."
        raise GraphQLError(message, extensions={"code": "ACCESS_DENIED", "requiredAccess": scope})


def _order(_root: None, info: Info, *, id: str) -> Any:  # noqa: A002 - the argument's name in the schema
    shop = _allowed(info)
    order = shop.orders.get(writes.number_of(id))
    return views.order_view(shop, order) if order else None


def _orders(_root: None, info: Info, **arguments: Any) -> Any:
    try:
        return views.orders_page(_allowed(info), arguments)
    except ValueError as error:
        raise GraphQLError(str(error), extensions={"code": "BAD_USER_INPUT"}) from error


def _variants(_root: None, info: Info, **arguments: Any) -> Any:
    return stock_views.variants_page(_allowed(info), arguments)


def _definitions(_root: None, info: Info, **arguments: Any) -> Any:
    return views.definitions_page(_allowed(info), arguments)


def _installation(_root: None, info: Info) -> Any:
    return {"accessScopes": [{"handle": scope} for scope in sorted(_allowed(info).scopes)]}


def _fulfilment(_root: None, info: Info, *, id: str) -> Any:  # noqa: A002
    shop = _allowed(info)
    found = writes.find_fulfilment(shop, id)
    return views.fulfilment_view(shop, *found) if found else None


def _share(_root: None, info: Info, *, id: str) -> Any:  # noqa: A002
    shop = _allowed(info)
    found = writes.find_share(shop, id)
    return views.share_view(shop, *found) if found else None


def _set_metafields(_root: None, info: Info, *, metafields: list[dict[str, Any]]) -> Any:
    if any("/ProductVariant/" in given["ownerId"] for given in metafields):
        _demand(info.context.shop, "write_products", info.field_name)
        return {"metafields": None, "userErrors": stock.set_words(info.context.shop, metafields)}
    written, errors = writes.set_metafields(_allowed(info), metafields)
    return {"metafields": [views.metafield_view(one) for one in written] or None, "userErrors": errors}


def _define_metafield(_root: None, info: Info, *, definition: dict[str, Any]) -> Any:
    created, errors = writes.define_metafield(_allowed(info), definition)
    return {"createdDefinition": views.definition_view(created) if created else None, "userErrors": errors}


def _create_fulfilment(_root: None, info: Info, *, fulfillment: dict[str, Any], **_rest: Any) -> Any:
    shop = _allowed(info)
    created, errors = writes.create_fulfilment(shop, fulfillment)
    return {"fulfillment": views.fulfilment_view(shop, *created) if created else None, "userErrors": errors}


def _update_tracking(_root: None, info: Info, **given: Any) -> Any:
    shop = _allowed(info)
    notify = bool(given.get("notifyCustomer"))
    changed, errors = writes.update_tracking(shop, given["fulfillmentId"], given["trackingInfoInput"], notify=notify)
    return {"fulfillment": views.fulfilment_view(shop, *changed) if changed else None, "userErrors": errors}


def _nodes(_root: None, info: Info, *, ids: list[str]) -> Any:
    shop = _allowed(info)
    places = [_place(shop, one) if "/ProductVariant/" in one else None for one in ids]
    return [None if place is None else stock_views.place_view(shop, place) for place in places]


def _place(shop: Shop, global_id: str) -> int | None:
    number = writes.number_of(global_id)
    return shop.variants.place(int(number)) if number.isdecimal() else None


def _location(_root: None, info: Info, *, id: str | None = None) -> Any:  # noqa: A002
    _allowed(info)
    return stock_views.location_view(id or "")


def _product(_root: None, info: Info, *, identifier: dict[str, str]) -> Any:
    shop = _allowed(info)
    handles = [draft.handle for draft in shop.variants.drafts]
    if identifier.get("handle") not in handles:
        return None
    place = len(shop.variants) - len(handles) + handles.index(identifier["handle"])
    return stock_views.product_view(shop, place)


def _set_quantities(_root: None, info: Info, *, input: dict[str, Any]) -> Any:  # noqa: A002
    shop = _allowed(info)
    directive = info.schema.get_directive("idempotent")
    assert directive is not None
    given = get_directive_values(directive, info.field_nodes[0], info.variable_values)
    return {"userErrors": stock.set_quantities(shop, input, given["key"] if given else None)}


def _set_prices(_root: None, info: Info, **given: Any) -> Any:
    partial = bool(given.get("allowPartialUpdates"))
    return {"userErrors": stock.set_prices(_allowed(info), given["productId"], given["variants"], partial=partial)}


def _set_product(_root: None, info: Info, *, input: dict[str, Any], **_rest: Any) -> Any:  # noqa: A002
    shop = _allowed(info)
    created, errors = stock.create_product(shop, input)
    place = shop.variants.place(created.id) if created else None
    return {"product": None if place is None else stock_views.product_view(shop, place), "userErrors": errors}


def _reserve(_root: None, info: Info, *, input: list[dict[str, Any]]) -> Any:  # noqa: A002
    _allowed(info)
    return {"stagedTargets": [info.context.bulk.reserve(given) for given in input], "userErrors": []}


def _run_bulk(_root: None, info: Info, *, mutation: str, **given: Any) -> Any:
    document, invalid = _prepared(mutation)
    if document is None:
        return {"bulkOperation": None, "userErrors": [writes.error(invalid[0]["message"], code="INVALID_MUTATION")]}
    path, identifier = given["stagedUploadPath"], given.get("clientIdentifier")
    started, errors = info.context.bulk.start(mutation, document, path, identifier)
    return {"bulkOperation": started, "userErrors": errors}


def _bulk(_root: None, info: Info, *, id: str) -> Any:  # noqa: A002
    found = info.context.bulk.operations.get(writes.number_of(id))
    return found.view(info.context.shop.address) if found else None


def _bulks(_root: None, info: Info, **arguments: Any) -> Any:
    try:
        return info.context.bulk.page(arguments)
    except ValueError as error:
        raise GraphQLError(str(error), extensions={"code": "BAD_USER_INPUT"}) from error


_QUERIES = {
    "bulkOperation": _bulk,
    "bulkOperations": _bulks,
    "location": _location,
    "nodes": _nodes,
    "productByIdentifier": _product,
    "currentAppInstallation": _installation,
    "fulfillment": _fulfilment,
    "fulfillmentOrder": _share,
    "metafieldDefinitions": _definitions,
    "order": _order,
    "orders": _orders,
    "productVariants": _variants,
}
_MUTATIONS = {
    "bulkOperationRunMutation": _run_bulk,
    "inventorySetQuantities": _set_quantities,
    "productSet": _set_product,
    "productVariantsBulkUpdate": _set_prices,
    "stagedUploadsCreate": _reserve,
    "fulfillmentCreate": _create_fulfilment,
    "fulfillmentTrackingInfoUpdate": _update_tracking,
    "metafieldDefinitionCreate": _define_metafield,
    "metafieldsSet": _set_metafields,
}
