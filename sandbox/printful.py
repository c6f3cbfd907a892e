"""A simulated Printful: its API v1 on loopback, with faults and a ledger.

    python -m sandbox.printful --port 9004 --ship-after 20

Administration, without a token:

    GET  /_sandbox/ledger             every order really confirmed, the drafts beside them, and how often each call was made
    POST /_sandbox/orders/{number}    {"tracking": ["PF1"], "units": {ean: 1}} ships; {"status": "onhold"} says so
    GET  /_sandbox/webhooks/{number}  the body that the vendor would send of it, ?type=package_shipped
    POST /_sandbox/settings           {"unavailable": [ean], "refuse": [402, "PaymentRequired", "…"] or null, "ship_after": 5}
    …    /_sandbox/faults             see sandbox.faults; operations are "POST /orders", "POST /orders/11/confirm", …

``{number}`` is the vendor's, or ``@`` and the client's.
"""

import argparse
import json
from collections import Counter
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from sandbox.btswholesaler_rates import COUNTRIES, rates
from sandbox.catalogue import Assortment
from sandbox.faults import FaultLayer, Plan
from sandbox.printful_orders import CURRENCY, DRAFT, Books, Order
from sandbox.serving import serve

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - it opens nothing but this simulator
STORE_ID = "4711"


class Refusal(Exception):
    """The vendor says no: status, reason, message."""


class Printful:
    """The vendor's calls over its books."""

    def __init__(self, books: Books, token: str) -> None:
        self.books = books
        self.token = token
        self.calls: Counter[str] = Counter()

    async def answer(self, request: Request) -> Response:
        """Answer one call."""
        body = await request.body()
        route = f"{request.method} {request.scope['route'].path}"
        self.calls[route] += 1
        try:
            self._let_in(request)
            return _reply(self._result(route, request, json.loads(body) if body else {}))
        except Refusal as refusal:
            status, reason, message = refusal.args
            return _reply(message, status, {"reason": reason, "message": message})

    def _let_in(self, request: Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Unauthorized", "The access token provided is invalid.")
        if request.headers.get("X-PF-Store-Id", STORE_ID) != STORE_ID:
            raise Refusal(403, "Forbidden", "You have no access to this store.")

    def _result(self, route: str, request: Request, body: dict[str, Any]) -> Any:
        match route:
            case "GET /stores":
                return [{"id": int(STORE_ID), "name": "A store", "type": "native"}]
            case "GET /store/variants/{name}":
                return self._variant(request.path_params["name"])
            case "GET /products/variant/{id}":
                return self._blank(int(request.path_params["id"]))
            case "POST /shipping/rates":
                return self._rates(body)
            case "POST /orders":
                return self._create(body, confirm=request.query_params.get("confirm") == "1")
        order = self.books.find(request.path_params["name"])
        if order is None:
            raise Refusal(404, "NotFound", "Not found")
        if route.startswith("DELETE") and not self.books.cancel(order):
            raise Refusal(400, "BadRequest", "This order can't be canceled any more.")
        if route.endswith("/confirm"):
            self._confirm(order)
        return details(order)

    def _variant(self, name: str) -> dict[str, Any]:
        article = self.books.article(name.removeprefix("@"))
        if article is None:
            raise Refusal(404, "NotFound", "Not found")
        status = "out_of_stock" if article.stock == 0 or article.ean in self.books.unavailable else "active"
        return {
            "id": article.id * 10,
            "external_id": article.ean,
            "name": article.name,
            "variant_id": article.id,
            "retail_price": f"{article.recommended_price:.2f}",
            "currency": CURRENCY,
            "sku": None,
            "is_ignored": False,
            "availability_status": status,
        }

    def _blank(self, number: int) -> dict[str, Any]:
        article = self.books.articles.at(number - 10_000)
        return {
            "variant": {"id": number, "price": f"{article.price:.2f}", "in_stock": True},
            "product": {"id": 71, "currency": CURRENCY},
        }

    def _rates(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        recipient = body.get("recipient", {})
        units = sum(item["quantity"] for item in body.get("items", []))
        return [
            {
                "id": ("STANDARD", "PRINTFUL_FAST", "EXPRESS")[rate.id % 10 - 1],
                "name": f"{rate.carrier.name} ({rate.carrier.days} business days)",
                "rate": f"{rate.cost:.2f}",
                "currency": CURRENCY,
                "minDeliveryDays": rate.carrier.days,
                "maxDeliveryDays": rate.carrier.days + 2,
            }
            for rate in rates(recipient.get("country_code", ""), recipient.get("zip", ""), units)
        ]

    def _create(self, body: dict[str, Any], *, confirm: bool) -> dict[str, Any]:
        external_id = body.get("external_id")
        if external_id and self.books.find(f"@{external_id}"):
            raise Refusal(400, "BadRequest", "Order with this external_id already exists.")
        recipient = body.get("recipient", {})
        if recipient.get("country_code") not in COUNTRIES or not recipient.get("address1"):
            raise Refusal(400, "BadRequest", "Recipient: address is not complete.")
        offered = {one["id"]: Decimal(one["rate"]) for one in self._rates(body)}
        if body.get("shipping") not in offered:
            raise Refusal(400, "BadRequest", "This shipping method is not available.")
        items = [self._item(item) for item in body.get("items", [])]
        order = self.books.add(external_id, body["shipping"], offered[body["shipping"]], recipient, items)
        if confirm:
            self._confirm(order)
        return details(order)

    def _item(self, item: dict[str, Any]) -> tuple[Any, ...]:
        article = self.books.article(str(item.get("external_variant_id", "")))
        if article is None:
            raise Refusal(400, "BadRequest", "Item: variant not found.")
        if article.stock == 0 or article.ean in self.books.unavailable:
            raise Refusal(400, "BadRequest", "Item is out of stock.")
        return item.get("external_id"), article, int(item["quantity"])

    def _confirm(self, order: Order) -> None:
        if order.status != DRAFT:
            raise Refusal(400, "BadRequest", "Only drafts can be confirmed.")
        if self.books.refusal:
            raise Refusal(*self.books.refusal)
        self.books.confirm(order)


def details(order: Order) -> dict[str, Any]:
    """Write an order as the vendor does."""
    return {
        "id": order.id,
        "external_id": order.external_id,
        "status": order.status,
        "shipping": order.shipping,
        "recipient": order.recipient,
        "items": [
            {
                "id": item.id,
                "external_id": item.external_id,
                "external_variant_id": item.article.ean,
                "quantity": item.quantity,
                "price": f"{item.article.price:.2f}",
            }
            for item in order.items
        ],
        "costs": {
            "currency": CURRENCY,
            "subtotal": f"{order.subtotal:.2f}",
            "shipping": f"{order.shipping_cost:.2f}",
            "total": f"{order.subtotal + order.shipping_cost:.2f}",
        },
        "shipments": [
            {
                "id": shipment.id,
                "carrier": "GLS",
                "service": "GLS Parcel",
                "tracking_number": shipment.tracking_number,
                "tracking_url": f"https://track.example/{shipment.tracking_number}",
                "ship_date": "2026-01-05",
                "reshipment": False,
                "items": [{"item_id": item, "quantity": count} for item, count in shipment.items],
            }
            for shipment in order.shipments
        ],
    }


def create_app(
    *,
    articles: int = 500,
    seed: int = 0,
    token: str = DEFAULT_TOKEN,
    ship_after: float | None = 20.0,
    plan: Plan | None = None,
) -> FaultLayer:
    """Build the simulator."""
    vendor = Printful(Books(Assortment(articles, seed), ship_after), token)
    paths = {
        "/stores": "GET",
        "/store/variants/{name}": "GET",
        "/products/variant/{id}": "GET",
        "/shipping/rates": "POST",
        "/orders/{name}/confirm": "POST",
        "/orders/{name}": "GET DELETE",
        "/orders": "POST",
    }
    routes = [Route(path, vendor.answer, methods=methods.split()) for path, methods in paths.items()]
    return FaultLayer(Starlette(routes=[*routes, *_administration(vendor)]), plan, _operation)


def _operation(scope: Scope, _body: bytes) -> str:
    return f"{scope['method']} {scope['path']}"


def _administration(vendor: Printful) -> list[Route]:
    books = vendor.books

    async def ledger(_request: Request) -> Response:
        return _json({"orders": books.ledger(), "drafts": books.drafts(), "calls": vendor.calls})

    async def order(request: Request) -> Response:
        change, found = await request.json(), books.find(request.path_params["name"])
        if found is None:
            return _json({"error": "no such order"}, 404)
        if "tracking" in change:
            books.ship(found, change["tracking"], change.get("units"))
        found.status = change.get("status", found.status)
        return _json({"done": True})

    async def webhook(request: Request) -> Response:
        found = books.find(request.path_params["name"])
        data = {} if found is None else {"order": details(found), "shipment": (details(found)["shipments"] or [{}])[-1]}
        kind = request.query_params.get("type", "package_shipped")
        return _json({"type": kind, "created": 1_767_600_000, "retries": 0, "store": int(STORE_ID), "data": data})

    async def settings(request: Request) -> Response:
        change = await request.json()
        books.unavailable = set(change.get("unavailable", books.unavailable))
        books.ship_after = change.get("ship_after", books.ship_after)
        if "refuse" in change:
            books.refusal = tuple(change["refuse"]) if change["refuse"] else None
        return _json({"done": True})

    return [
        Route("/_sandbox/ledger", ledger),
        Route("/_sandbox/orders/{name}", order, methods=["POST"]),
        Route("/_sandbox/webhooks/{name}", webhook),
        Route("/_sandbox/settings", settings, methods=["POST"]),
    ]


def _reply(result: Any, status: int = 200, error: dict[str, str] | None = None) -> Response:
    envelope = {"code": status, "result": result, "extra": [], **({"error": error} if error else {})}
    return _json(envelope, status)


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")


def main() -> None:
    """Serve one simulator until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.printful", description="A simulated Printful")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--articles", "--catalogue", type=int, default=500, help="how many articles there are")
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--ship-after", type=float, default=20.0, help="seconds until a confirmed order ships")
    options = parser.parse_args()
    app = create_app(articles=options.articles, seed=options.seed, token=options.token, ship_after=options.ship_after)
    serve(app, options.port)


if __name__ == "__main__":
    main()
