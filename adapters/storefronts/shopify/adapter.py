"""The Shopify storefront: reads orders, writes notes and fulfilments, checks the shop's set-up.

Admin API 2026-10, GraphQL only. Every write is idempotent by construction or preceded by a look at what is there.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from adapters.errors import AdapterError, Refused, UnexpectedReply
from adapters.http import CallSink, HttpApi, http_client
from adapters.plugin import Plugin, Secrets
from adapters.ports import StorefrontPort
from adapters.storefronts.shopify import checks, documents, fulfilments, orders, replies, signature, sweep
from adapters.storefronts.shopify.transport import ShopifyApi, all_of, gid, number_of, rest_of
from models.configuration import Channel
from models.findings import Finding, Severity
from models.orders import IncomingOrder
from models.storefronts import FulfilmentRequest, OrderNote, StorefrontFacts

READ_TIMEOUT = timedelta(seconds=20)
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class ShopifyStorefront:
    """One shop. Implements ``adapters.ports.StorefrontPort``; thread-safe."""

    api: ShopifyApi
    channel_id: str

    def verify_signature(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> bool:
        """Say whether Shopify signed these raw bytes with one of the secrets."""
        return signature.is_signed(headers, body, secrets)

    def read_order(self, document: dict[str, Any]) -> IncomingOrder:
        """Normalise an order in Shopify's REST shape. Raises UnexpectedReply naming the field that is wrong."""
        return orders.read_order(document)

    def fetch_facts(self, storefront_order_id: str) -> StorefrontFacts:
        """Ask for payment, cancellation and barcodes as they are now."""
        head = self._order_facts(storefront_order_id, None)
        lines = rest_of(head.line_items, lambda after: self._order_facts(storefront_order_id, after).line_items)
        barcodes = {number_of(line.id): (line.variant.barcode or "").strip() for line in lines if line.variant}
        return StorefrontFacts(
            paid=(head.display_financial_status or "").lower() in orders.PAID_STATUSES,
            cancelled=head.cancelled_at is not None,
            barcodes={line_id: barcode for line_id, barcode in barcodes.items() if barcode},
        )

    def fetch_paid_orders(self, since: datetime) -> list[dict[str, Any]]:
        """List the orders that were paid and changed since then, in the REST shape."""

        def fetch(after: str | None) -> replies.Page[replies.PaidOrder]:
            reply = self.api.run(documents.PAID_ORDERS, replies.PaidOrders, query=sweep.paid_since(since), after=after)
            return reply.orders

        return [sweep.rest_order(order, self._sold_lines(order)) for order in all_of(fetch)]

    def write_note(self, storefront_order_id: str, note: OrderNote) -> None:
        """Write one metafield of the order; the same value again changes nothing."""
        metafield = {
            "ownerId": gid("Order", storefront_order_id),
            "namespace": note.namespace,
            "key": note.key,
            "type": checks.NOTE_TYPE,
            "value": note.value,
        }
        reply = self.api.run(documents.SET_METAFIELD, replies.MetafieldsSet, metafields=[metafield])
        _raise_for_user_errors("SetMetafield", reply.metafields_set)

    def fulfil(self, request: FulfilmentRequest) -> str:
        """Tell Shopify what ships. A fulfilment that is already there is joined or completed, never made again."""
        known, shares = self._fulfilment_state(request.storefront_order_id)
        mine = fulfilments.ours(request, known)
        wanted = fulfilments.outstanding(request, self._covered_by(mine))
        # Asked before anything is written: half a shipment told would look to the customer like all of it.
        waiting = fulfilments.waiting_status(wanted, shares)
        if waiting:
            raise Refused(
                f"fulfil: the order's lines are {waiting} in Shopify", code=f"fulfillment_order_{waiting.lower()}"
            )
        for fulfilment in mine:
            self._add_numbers(fulfilment, request)
        created = [self._create(request, items) for items in fulfilments.allot(wanted, shares)]
        told = [number_of(fulfilment.id) for fulfilment in mine] + created
        return told[0] if told else self._fulfilled_by_others(wanted, known)

    def check(self, namespaces: Sequence[str]) -> list[Finding]:
        """Check the token's scopes and the metafield definitions; what can't be asked is a finding too."""
        return [
            *self._judge("access scopes", lambda: checks.judge_scopes(self._area, self._granted_scopes())),
            *self._judge(
                "metafield definitions",
                lambda: checks.judge_definitions(self._area, self._definitions(), namespaces),
            ),
        ]

    def fix(self, namespaces: Sequence[str]) -> list[Finding]:
        """Create the metafield definitions that are missing."""
        return self._judge("metafield definitions", lambda: self._create_missing(namespaces))

    def fetch_catalogue(self) -> list[tuple[str, str]]:
        """List (variant id, barcode) of every variant of an active product."""

        def fetch(after: str | None) -> replies.Page[replies.Variant]:
            return self.api.run(documents.VARIANTS_ON_SALE, replies.VariantsOnSale, after=after).product_variants

        return [(variant.legacy_resource_id, (variant.barcode or "").strip()) for variant in all_of(fetch)]

    def close(self) -> None:
        """Give back connections."""
        self.api.http.client.close()

    @property
    def _area(self) -> str:
        return f"channel {self.channel_id}"

    def _order_facts(self, order_id: str, after: str | None) -> replies.FactsOrder:
        reply = self.api.run(documents.ORDER_FACTS, replies.OrderFacts, id=gid("Order", order_id), after=after)
        return _found(reply.order)

    def _sold_lines(self, order: replies.PaidOrder) -> list[replies.SoldLine]:
        def fetch(after: str | None) -> replies.Page[replies.SoldLine]:
            reply = self.api.run(documents.ORDER_LINES, replies.OrderLines, id=order.id, after=after)
            return _found(reply.order).line_items

        return list(rest_of(order.line_items, fetch))

    def _fulfilment_state(self, order_id: str) -> tuple[list[replies.Fulfilment], list[fulfilments.Share]]:
        def fetch(after: str | None) -> replies.FulfilmentsOrder:
            reply = self.api.run(
                documents.ORDER_FULFILMENTS, replies.OrderFulfilments, id=gid("Order", order_id), after=after
            )
            return _found(reply.order)

        first = fetch(None)
        shares = rest_of(first.fulfillment_orders, lambda after: fetch(after).fulfillment_orders)
        return fulfilments.alive(first.fulfillments), [self._share(order) for order in shares]

    def _share(self, order: replies.FulfilmentOrder) -> fulfilments.Share:
        def fetch(after: str | None) -> replies.Page[replies.FulfilmentOrderLine]:
            reply = self.api.run(
                documents.FULFILMENT_ORDER_LINES, replies.FulfilmentOrderLines, id=order.id, after=after
            )
            return _found(reply.fulfillment_order).line_items

        return fulfilments.Share(
            id=order.id,
            status=order.status,
            location=fulfilments.location_key(order.assigned_location),
            lines=tuple(rest_of(order.line_items, fetch)),
        )

    def _covered_by(self, mine: Sequence[replies.Fulfilment]) -> Counter[str]:
        covered: Counter[str] = Counter()
        for fulfilment in mine:
            covered += self._lines_of(fulfilment)
        return covered

    def _lines_of(self, fulfilment: replies.Fulfilment) -> Counter[str]:
        def fetch(after: str | None) -> replies.Page[replies.FulfilledLine]:
            reply = self.api.run(documents.FULFILMENT_LINES, replies.FulfilmentLines, id=fulfilment.id, after=after)
            return _found(reply.fulfillment).fulfillment_line_items

        lines: Counter[str] = Counter()
        for line in all_of(fetch):
            lines[number_of(line.line_item.id)] += line.quantity or 0
        return lines

    def _add_numbers(self, fulfilment: replies.Fulfilment, request: FulfilmentRequest) -> None:
        tracking = fulfilments.tracking_input(request, fulfilment.tracking_info)
        if tracking is None:
            return
        variables = {"id": fulfilment.id, "tracking": tracking, "notify": request.notify_customer}
        reply = self.api.run(documents.UPDATE_TRACKING, replies.TrackingUpdated, **variables)
        _raise_for_user_errors("UpdateTracking", reply.fulfillment_tracking_info_update)

    def _create(self, request: FulfilmentRequest, items: list[dict[str, Any]]) -> str:
        fulfilment: dict[str, Any] = {"lineItemsByFulfillmentOrder": items, "notifyCustomer": request.notify_customer}
        tracking = fulfilments.tracking_input(request)
        if tracking is not None:
            fulfilment["trackingInfo"] = tracking
        reply = self.api.run(documents.CREATE_FULFILMENT, replies.FulfilmentCreated, fulfillment=fulfilment)
        _raise_for_user_errors("CreateFulfillment", reply.fulfillment_create)
        if reply.fulfillment_create.fulfillment is None:
            raise UnexpectedReply("CreateFulfillment: neither a fulfilment nor an error", code="reply_unreadable")
        return number_of(reply.fulfillment_create.fulfillment.id)

    def _fulfilled_by_others(self, wanted: Counter[str], known: Sequence[replies.Fulfilment]) -> str:
        for fulfilment in known:
            if wanted & self._lines_of(fulfilment):
                return number_of(fulfilment.id)
        raise Refused(
            "fulfil: nothing of these lines is open in Shopify, and nothing was fulfilled", code="nothing_to_fulfil"
        )

    def _granted_scopes(self) -> list[str]:
        reply = self.api.run(documents.GRANTED_SCOPES, replies.GrantedScopes)
        return [scope.handle for scope in reply.current_app_installation.access_scopes]

    def _definitions(self) -> list[tuple[str, str, str]]:
        def fetch(after: str | None) -> replies.Page[replies.Definition]:
            reply = self.api.run(documents.METAFIELD_DEFINITIONS, replies.MetafieldDefinitions, after=after)
            return reply.metafield_definitions

        return [(found.namespace, found.key, found.type.name) for found in all_of(fetch)]

    def _create_missing(self, namespaces: Sequence[str]) -> list[Finding]:
        definitions = self._definitions()
        return [
            self._create_definition(namespace, key)
            for namespace in dict.fromkeys(namespaces)
            for key in checks.NOTE_KEYS
            if checks.judge_definition(self._area, definitions, namespace, key).fixable
        ]

    def _create_definition(self, namespace: str, key: str) -> Finding:
        definition = checks.definition_input(namespace, key)
        subject = f"metafield {namespace}.{key}"
        try:
            reply = self.api.run(
                documents.CREATE_METAFIELD_DEFINITION, replies.DefinitionCreated, definition=definition
            )
            _raise_for_user_errors("CreateMetafieldDefinition", reply.metafield_definition_create)
        except AdapterError as error:
            return checks.unreachable(self._area, subject, error)
        return Finding(area=self._area, severity=Severity.OK, subject=subject, message="created")

    def _judge(self, subject: str, judge: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return judge()
        except AdapterError as error:
            return [checks.unreachable(self._area, subject, error)]


def build(*, settings: Channel, channel_id: str, secrets: Secrets, sink: CallSink) -> StorefrontPort:
    """Build the storefront of one channel. The access token is read once, and blotted out of every record."""
    token = secrets(settings.token_env)
    base_url = str(settings.api_url or f"https://{settings.shop_domain}").rstrip("/")
    client = http_client(base_url, {"X-Shopify-Access-Token": token, "Accept": "application/json"}, READ_TIMEOUT)
    http = HttpApi(
        system=channel_id, client=client, sink=sink, redact=lambda text: text.replace(token, "***") if token else text
    )
    return ShopifyStorefront(api=ShopifyApi(http), channel_id=channel_id)


def _found(thing: Thing | None) -> Thing:
    if thing is None:
        raise Refused("Shopify does not know this order", code="order_not_found")
    return thing


def _raise_for_user_errors(operation: str, written: replies.Written) -> None:
    if not written.user_errors:
        return
    first = written.user_errors[0]
    code = first.code or "user_error"
    where = ".".join(first.field or ()) or "no field"
    raise Refused(f"{operation}: Shopify refused ({code}, {where})", code=code)


PLUGIN = Plugin(
    id="shopify",
    group="storefronts",
    build=build,
    label="Shopify (Admin API 2026-10)",
    documentation="docs/storefronts/shopify.md",
)
