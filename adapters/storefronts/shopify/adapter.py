"""The Shopify storefront: reads orders, writes notes and fulfilments, checks the shop's set-up.

Admin API 2026-10, GraphQL only. Every write is idempotent by construction or preceded by a look at what is there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from adapters.errors import AdapterError, Refused, UnexpectedReply
from adapters.http import CallSink, HttpApi, http_client
from adapters.plugin import Plugin
from adapters.ports import StorefrontPort
from adapters.secrets import Secrets
from adapters.storefronts.shopify import (
    bulk,
    checks,
    documents,
    fulfilments,
    listings,
    orders,
    publishing,
    replies,
    signature,
    sweep,
)
from adapters.storefronts.shopify import drafts as new_products
from adapters.storefronts.shopify.files import Files
from adapters.storefronts.shopify.listing_replies import LocationFound
from adapters.storefronts.shopify.transport import ShopifyApi, all_of, gid, number_of, rest_of
from models.configuration import Channel
from models.findings import Finding, Severity
from models.listings import BulkResult, BulkState, Listing, ListingChange, ListingRefusal, ProductDraft
from models.orders import IncomingOrder
from models.storefronts import FulfilmentRequest, OrderNote, StorefrontFacts
from models.supply import Publishing

READ_TIMEOUT = timedelta(seconds=20)
REMEMBERED_BULKS = 100
FILE_TIMEOUT = timedelta(seconds=60)  # of silence, while a file comes or goes
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class ShopifyStorefront:
    """One shop. Implements ``adapters.ports.StorefrontPort``; thread-safe."""

    api: ShopifyApi
    channel_id: str
    files: Files
    publishing: Publishing = field(default_factory=Publishing)
    # Operations that ended well: whoever waits for several would download their results again with each look.
    finished: dict[str, BulkResult] = field(default_factory=dict)

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
            *self._judge("access scopes", self._judge_scopes),
            *self._judge(
                "metafield definitions",
                lambda: checks.judge_definitions(self._area, self._definitions(), namespaces),
            ),
            *(self._judge("location", self._judge_location) if self.publishing.quantities else ()),
        ]

    def fix(self, namespaces: Sequence[str]) -> list[Finding]:
        """Create the metafield definitions that are missing."""
        return self._judge("metafield definitions", lambda: self._create_missing(namespaces))

    def fetch_listings(self, location: str, cursor: str = "") -> Iterator[tuple[list[Listing], str]]:
        """Walk through every variant, drafts and archived products included, a hundred at a time."""
        return listings.walk(self.api, location, cursor)

    def read_listings(self, location: str, variant_ids: Sequence[str]) -> list[Listing]:
        """Look at some variants as they are now; those that are gone are absent."""
        return listings.look(self.api, location, variant_ids)

    def publish(self, location: str, changes: Sequence[ListingChange], key: str) -> list[ListingRefusal]:
        """Write some variants' quantities, prices and words; return those that were refused any of it."""
        return publishing.publish(self.api, location, changes, key)

    def publish_in_bulk(self, location: str, changes: Iterable[ListingChange], key: str) -> list[str]:
        """Hand many changes to bulk operations. Those of this key that run already are found, not started again."""
        return bulk.publish(self.api, self.files, location, changes, key)

    def bulk_result(self, operation_id: str, changes: Iterable[ListingChange] = ()) -> BulkResult:
        """Ask how a bulk operation stands, and what of the changes was refused."""
        known = self.finished.get(operation_id)
        if known is not None:
            return known
        found = bulk.result(self.api, self.files, operation_id, changes)
        if found.state is BulkState.DONE and not found.refusals:
            if len(self.finished) >= REMEMBERED_BULKS:
                self.finished.clear()
            self.finished[operation_id] = found
        return found

    def create_drafts(self, drafts: Sequence[ProductDraft]) -> dict[str, str]:
        """Create products as drafts, those excepted whose barcode the shop has already; return EAN -> product id."""
        return new_products.create(self.api, drafts)

    def fetch_catalogue(self) -> list[tuple[str, str]]:
        """List (variant id, barcode) of every variant of an active product."""

        def fetch(after: str | None) -> replies.Page[replies.Variant]:
            return self.api.run(documents.VARIANTS_ON_SALE, replies.VariantsOnSale, after=after).product_variants

        return [(variant.legacy_resource_id, (variant.barcode or "").strip()) for variant in all_of(fetch)]

    def close(self) -> None:
        """Give back connections."""
        self.api.http.client.close()
        self.files.client.close()

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

    def _judge_scopes(self) -> list[Finding]:
        granted = self.api.run(documents.GRANTED_SCOPES, replies.GrantedScopes).current_app_installation.access_scopes
        return checks.judge_scopes(self._area, [scope.handle for scope in granted], self.publishing)

    def _judge_location(self) -> list[Finding]:
        location = self.publishing.location
        found = None
        if location:
            found = self.api.run(documents.LOCATION, LocationFound, id=gid("Location", location)).location
        return [checks.judge_location(self._area, location, active=found.is_active if found else None)]

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
    files = Files(system=channel_id, client=http_client("", {}, FILE_TIMEOUT), sink=sink)
    return ShopifyStorefront(ShopifyApi(http), channel_id, files, settings.publishing)


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
