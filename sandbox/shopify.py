"""A simulated Shopify shop: the Admin API used here (GraphQL 2026-10) and webhooks, signed and retried as Shopify does.

    python -m sandbox.shopify --port 9001 --shop demo-shop.myshopify.com --secret-env SHOPIFY_SECRET \
        --token-env SHOPIFY_TOKEN --webhook-url http://127.0.0.1:8000/webhooks/shopify/demo

Behind ``/_sandbox/`` the world is steered and looked at:

    POST /_sandbox/orders                a customer orders (form: ``shopify_bodies``); "webhooks" says how it is told
    POST /_sandbox/orders/{id}/{event}   pay, cancel, address, edit, hold, fulfil, cancel-fulfilment
    POST /_sandbox/webhooks              any topic with any body, signed
    POST /_sandbox/settings              webhook_url, scopes, points_per_second, metafield_definitions; of stock:
                                         "refuse" {"quantity": {variant id: code}, "price": …, "words": …},
                                         bulk_lines_per_second, bulk_fails (an error code, or null)
    POST /_sandbox/catalogue             lays out other things to sell: count, seed, variants_per_product, quantity
    POST /_sandbox/listings              the merchant changes what is shown: {"changes": [{"variant_id", "quantity",
                                         "price", "words"}]}; not counted as writes
    GET  /_sandbox/listings              ?cursor=&limit= or ?ids=1,2: what each variant shows, and how often written
    GET  /_sandbox/ledger                per order: money, metafields, fulfilments, deliveries; calls by operation;
                                         writes of quantities, prices and words; bulk operations

Stock is kept in memory only, orders in the state file too. Staged uploads and results of bulk operations lie on the
shop's own address; their calls are named by their paths in faults (``/staged-uploads``, ``/bulk-results``).

A fault's operation is the GraphQL operation's name (``fulfillmentCreate`` is called by ``CreateFulfillment``).
"""

import argparse
import contextlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from sandbox import shopify_stock_views as stock_views
from sandbox import shopify_writes as writes
from sandbox.catalogue import NAMED_COUNT
from sandbox.faults import FaultLayer
from sandbox.serving import serve
from sandbox.shopify_bulk import MAX_UPLOAD, RESULTS_PATH, UPLOADS_PATH
from sandbox.shopify_graphql import Endpoint
from sandbox.shopify_products import KINDS, Shelf, cents
from sandbox.shopify_webhooks import API_VERSION, RETRY_BASE, Manner, Sender, read_manner
from sandbox.shopify_world import Order, Shop

GRAPHQL_PATH = f"/admin/api/{API_VERSION}/graphql.json"
_UNAUTHORISED = "[API] Invalid API key or access token (unrecognized login or wrong password)"
Handler = Callable[[Request], Awaitable[Response]]


class Simulator:
    """Ties a shop to its GraphQL endpoint, its webhooks and its administration."""

    def __init__(self, shop: Shop, sender: Sender, token: str, *, chatty: bool = False) -> None:
        self.shop = shop
        self.sender = sender
        self.token = token
        self.chatty = chatty
        self.endpoint = Endpoint(shop)
        self._events: dict[str, Callable[[Order, dict[str, Any]], str]] = {
            "pay": self._pay,
            "cancel": self._cancel,
            "address": self._address,
            "edit": self._edit,
            "hold": self._hold,
            "fulfil": self._fulfil,
            "cancel-fulfilment": self._cancel_fulfilment,
        }

    async def graphql(self, request: Request) -> Response:
        """Answer the Admin API."""
        given = request.headers.get("X-Shopify-Access-Token", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return JSONResponse({"errors": _UNAUTHORISED}, status_code=401)
        try:
            body = json.loads(await request.body())
        except ValueError:
            return JSONResponse({"errors": {"query": "Required parameter missing or invalid"}}, status_code=400)
        self.shop.address = str(request.base_url).rstrip("/")
        return JSONResponse(self.endpoint.answer(body))

    async def take_upload(self, request: Request) -> Response:
        """Take a file where one was announced, as a storage service does: without knowing our tokens."""
        if "X-Shopify-Access-Token" in request.headers:
            return Response("<Error><Code>InvalidArgument</Code></Error>", 400, media_type="application/xml")
        async with request.form() as form:
            content = form["file"]
            if not isinstance(content, UploadFile) or (content.size or 0) > MAX_UPLOAD:
                return Response("<Error><Code>EntityTooLarge</Code></Error>", 400, media_type="application/xml")
            kept = self.endpoint.bulk.keep(str(form["key"]), await content.read())
        if not kept:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        return Response("<PostResponse/>", 201, media_type="application/xml")

    async def give_result(self, request: Request) -> Response:
        """Give what a bulk operation answered."""
        found = self.endpoint.bulk.operations.get(request.path_params["id"])
        if found is None or found.status != "COMPLETED":
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        return Response(found.answer, media_type="application/jsonl")

    async def lay_out(self, request: Request) -> Response:
        """Sell other things from now on, all of them untouched."""
        form = await request.json()
        self.shop.variants = Shelf(
            int(form.get("count", NAMED_COUNT)),
            int(form.get("seed", 0)),
            int(form.get("variants_per_product", 1)),
            int(form.get("quantity", 0)),
        )
        return JSONResponse({"variants": len(self.shop.variants)}, status_code=201)

    async def listings(self, request: Request) -> Response:
        """Show what the variants show."""
        asked = request.query_params
        if "ids" in asked:
            places = [self.shop.variants.place(int(one)) for one in asked["ids"].split(",")]
            found = [stock_views.entry(self.shop, place) for place in places if place is not None]
            return JSONResponse({"listings": found, "cursor": ""})
        return JSONResponse(stock_views.books(self.shop, asked.get("cursor", ""), int(asked.get("limit", 0))))

    async def change_listings(self, request: Request) -> Response:
        """Let the merchant change what some variants show."""
        shelf, changes = self.shop.variants, (await request.json())["changes"]
        for change in changes:
            place = shelf.place(int(change["variant_id"]))
            if place is None:
                raise LookupError(f"no variant {change['variant_id']}")
            if "quantity" in change:
                shelf.quantities[place] = change["quantity"]
            if "price" in change:
                shelf.prices[place] = cents(Decimal(change["price"]))
            if "words" in change:
                shelf.words[place] = change["words"]
        return JSONResponse({"changed": len(changes)})

    async def place_order(self, request: Request) -> Response:
        """Let a customer order, and tell of it."""
        form = await request.json()
        order = self.shop.create_order(form)
        paid = order.body["financial_status"] == "paid"
        self._tell(order, "orders/paid" if paid else "orders/updated", read_manner(form.get("webhooks")))
        return JSONResponse({"id": order.id, "order": order.body}, status_code=201)

    async def change_order(self, request: Request) -> Response:
        """Let something happen to an order, and tell of it."""
        form = json.loads(await request.body() or b"{}")
        order = self.shop.order(request.path_params["id"])
        topic = self._events[request.path_params["event"]](order, form)
        self._tell(order, topic, read_manner(form.get("webhooks")))
        return JSONResponse({"id": order.id, "order": order.body})

    async def send_webhook(self, request: Request) -> Response:
        """Send any topic with any body: ``raw`` is text that goes out as it is, ``body`` is written as JSON."""
        form = await request.json()
        body = form["raw"].encode("utf-8", "surrogatepass") if "raw" in form else form["body"]
        order_id = body.get("id") if isinstance(body, dict) else ""
        self.sender.send(form["topic"], body, order_id, read_manner(form.get("webhooks")))
        return JSONResponse({"sent": form["topic"]}, status_code=202)

    async def change_settings(self, request: Request) -> Response:
        """Change the world while it runs."""
        form = await request.json()
        if "webhook_url" in form:
            self.sender.url = form["webhook_url"]
        if "scopes" in form:
            self.shop.set_scopes(form["scopes"])
        if "points_per_second" in form:
            self.endpoint.bucket.per_second = form["points_per_second"]
        for definition in form.get("metafield_definitions", []):
            self.shop.define_metafield({"name": definition["key"], **definition})
        if "refuse" in form:
            self.shop.variants.refused = form["refuse"]
        if "bulk_lines_per_second" in form:
            self.endpoint.bulk.lines_per_second = form["bulk_lines_per_second"]
        if "bulk_fails" in form:
            self.endpoint.bulk.fails_with = form["bulk_fails"]
        return JSONResponse({"changed": sorted(form)})

    async def ledger(self, _request: Request) -> Response:
        """Show what really happened."""
        deliveries: dict[str, list[dict[str, Any]]] = {}
        for delivery in self.sender.deliveries:
            deliveries.setdefault(delivery.order_id, []).append(delivery.report())
        orders = [_entry(order, deliveries.pop(str(order.id), [])) for order in self.shop.orders.values()]
        others = [delivery for further in deliveries.values() for delivery in further]
        return JSONResponse(
            {
                "orders": orders,
                "other_deliveries": others,
                "calls": self.endpoint.calls,
                "writes": {kind: sum(self.shop.variants.writes[kind]) for kind in KINDS},
                "bulk": [operation.report() for operation in self.endpoint.bulk.operations.values()],
            }
        )

    def _tell(self, order: Order, topic: str, manner: Manner) -> None:
        self.sender.send(topic, order.body, order.id, manner)
        if self.chatty and topic != "orders/updated":
            self.sender.send("orders/updated", order.body, order.id)

    def _pay(self, order: Order, _form: dict[str, Any]) -> str:
        self.shop.pay(order)
        return "orders/paid"

    def _cancel(self, order: Order, form: dict[str, Any]) -> str:
        self.shop.cancel(order, refund=form.get("refund", True))
        return "orders/cancelled"

    def _address(self, order: Order, form: dict[str, Any]) -> str:
        self.shop.change_address(order, form["address"])
        return "orders/updated"

    def _edit(self, order: Order, form: dict[str, Any]) -> str:
        self.shop.edit(order, {line["id"]: line["current_quantity"] for line in form["lines"]})
        return "orders/updated"

    def _hold(self, order: Order, form: dict[str, Any]) -> str:
        self.shop.hold(order, form.get("status", "ON_HOLD"))
        return "orders/updated"

    def _fulfil(self, order: Order, form: dict[str, Any]) -> str:
        writes.fulfil_by_hand(self.shop, order, form.get("tracking_numbers", []))
        return "orders/updated"

    def _cancel_fulfilment(self, order: Order, form: dict[str, Any]) -> str:
        wanted = str(form.get("id") or order.fulfilments[-1].id)
        for fulfilment in order.fulfilments:
            if str(fulfilment.id) == wanted:
                writes.cancel_fulfilment(self.shop, order, fulfilment)
        return "orders/updated"


def create_app(
    *,
    shop_domain: str,
    secret: str,
    token: str,
    webhook_url: str | None = None,
    seed: int = 0,
    articles: int = NAMED_COUNT,
    retry_base: float = RETRY_BASE,
    points_per_second: float | None = None,
    chatty: bool = False,
    state: Path | None = None,
) -> ASGIApp:
    """Build the simulator as an ASGI application, fault layer included.

    ``chatty`` sends ``orders/updated`` beside every other event, as real shops do.
    """
    shop = Shop(shop_domain, seed=seed, articles=articles, path=state)
    sender = Sender(shop_domain, secret, webhook_url, retry_base=retry_base, seed=seed)
    simulator = Simulator(shop, sender, token, chatty=chatty)
    simulator.endpoint.bucket.per_second = points_per_second

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await sender.close()
        await simulator.endpoint.bulk.close()
        shop.store.close()

    app = Starlette(routes=_routes(simulator), lifespan=lifespan)
    return FaultLayer(app, name_operation=operation_of)


def operation_of(scope: Scope, body: bytes) -> str:
    """Name a call for the fault layer: a GraphQL call by its operation, anything else by its path."""
    if scope["path"] != GRAPHQL_PATH:
        return str(scope["path"])
    try:
        return str(json.loads(body)["operationName"])
    except (ValueError, KeyError, TypeError):
        return GRAPHQL_PATH


def _routes(simulator: Simulator) -> list[Route]:
    return [
        Route(GRAPHQL_PATH, simulator.graphql, methods=["POST"]),
        Route("/_sandbox/orders", _told(simulator.place_order), methods=["POST"]),
        Route("/_sandbox/orders/{id}/{event}", _told(simulator.change_order), methods=["POST"]),
        Route("/_sandbox/webhooks", _told(simulator.send_webhook), methods=["POST"]),
        Route("/_sandbox/settings", _told(simulator.change_settings), methods=["POST"]),
        Route(UPLOADS_PATH, _told(simulator.take_upload), methods=["POST"]),
        Route(f"{RESULTS_PATH}/{{id}}.jsonl", simulator.give_result, methods=["GET"]),
        Route("/_sandbox/catalogue", _told(simulator.lay_out), methods=["POST"]),
        Route("/_sandbox/listings", _told(simulator.listings), methods=["GET"]),
        Route("/_sandbox/listings", _told(simulator.change_listings), methods=["POST"]),
        Route("/_sandbox/ledger", simulator.ledger, methods=["GET"]),
    ]


def _told(handler: Handler) -> Handler:
    """Answer 400 and say why, where a form can't be used."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except (LookupError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return answered


def _entry(order: Order, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": order.id,
        "name": order.body["name"],
        "financial_status": order.body["financial_status"],
        "cancelled": order.body["cancelled_at"] is not None,
        "test": order.body["test"],
        "lines": [
            {
                "id": line.get("id"),
                "variant_id": line.get("variant_id"),
                "quantity": line.get("current_quantity", line.get("quantity")),
            }
            for line in order.lines
        ],
        "metafields": {name: metafield["value"] for name, metafield in order.metafields.items()},
        "fulfillments": [
            {
                "id": fulfilment.id,
                "status": fulfilment.status,
                "tracking_numbers": [info["number"] for info in fulfilment.tracking],
                "urls": [info["url"] for info in fulfilment.tracking],
                "company": fulfilment.tracking[0]["company"] if fulfilment.tracking else None,
                "notify_customer": fulfilment.notified,
                "location": fulfilment.location,
                "lines": {str(line.line_id): line.quantity for line in fulfilment.lines},
            }
            for fulfilment in order.fulfilments
        ],
        "deliveries": deliveries,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.shopify", description="A simulated Shopify shop.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shop", default="demo-shop.myshopify.com", help="the shop's domain")
    parser.add_argument("--secret-env", required=True, help="variable with the secret that signs webhooks")
    parser.add_argument("--token-env", required=True, help="variable with the access token to accept")
    parser.add_argument("--webhook-url", help="where webhooks go; without it none are sent")
    parser.add_argument("--articles", type=int, default=NAMED_COUNT, help="how many articles are on sale")
    parser.add_argument("--retry-base", type=float, default=RETRY_BASE, help="seconds before a webhook's first retry")
    parser.add_argument("--points-per-second", type=float, help="throttle by query cost, as Shopify's plans do (100)")
    parser.add_argument("--chatty", action="store_true", help="send orders/updated beside every other event")
    parser.add_argument("--state", type=Path, help="file that keeps the shop over restarts")
    return parser.parse_args()


def main() -> None:
    """Serve one shop until stopped."""
    given = _arguments()
    app = create_app(
        shop_domain=given.shop,
        secret=os.environ[given.secret_env],
        token=os.environ[given.token_env],
        webhook_url=given.webhook_url,
        seed=given.seed,
        articles=given.articles,
        retry_base=given.retry_base,
        points_per_second=given.points_per_second,
        chatty=given.chatty,
        state=given.state,
    )
    serve(app, given.port)


if __name__ == "__main__":
    main()
