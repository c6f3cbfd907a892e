"""A made-up supplier with a tidy REST interface, such as the generic REST adapter is configured for.

    python -m sandbox.anyrest --port 9005 --authentication bearer

Its JSON is nested, its amounts are cents, an order is answered with 202 and accepted later, ``Idempotency-Key`` makes
repeating harmless, and webhooks are signed. Administration, without a credential:

    GET  /_sandbox/ledger             every order really created, and how often each call was made
    POST /_sandbox/orders/{id}        {"tracking": ["X1"], "without": {gtin: 1}} ships; {"answers": […]}; {"state": …}
    GET  /_sandbox/webhooks/{id}      {"headers": …, "body": …} as it would be sent of that order
    POST /_sandbox/settings           accept_after, ship_after, visible_after, refuse; {"tokens": []} ends lent tokens
    …    /_sandbox/faults             see sandbox.faults; operations are "POST /api/v2/purchase-orders", …
"""

import argparse
import hashlib
import hmac
import json
import secrets
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from sandbox.anyrest_orders import ACCEPTED, CANCELLED, SHIPPED, Books, Order, cents, details
from sandbox.btswholesaler_rates import rates
from sandbox.catalogue import Article, Assortment
from sandbox.faults import FaultLayer, Plan
from sandbox.serving import serve

API = "/api/v2"
DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - it opens nothing but this simulator
CLIENT_ID = "any-client"
WEBHOOK_SECRET = "any-webhook-secret"  # noqa: S105 - likewise
PAGE = 400
MOST_GTINS = 50
AUTHENTICATIONS = ("bearer", "basic", "header", "query", "oauth2")


class Refusal(Exception):
    """The supplier says no: status and code."""


class Anyrest:
    """The supplier's calls over its books."""

    def __init__(self, books: Books, token: str, authentication: str) -> None:
        self.books = books
        self.token = token
        self.authentication = authentication
        self.tokens: set[str] = set()
        self.calls: Counter[str] = Counter()

    async def answer(self, request: Request) -> Response:
        """Answer one call."""
        raw = await request.body()
        route = f"{request.method} {request.scope['route'].path.removeprefix(API)}"
        self.calls[route] += 1
        try:
            if route == "POST /token":
                return _json(self._lend(parse_qs(raw.decode())))
            self._let_in(request)
            status, document = self._result(route, request, json.loads(raw) if raw else {})
            return _json(document, status)
        except Refusal as refusal:
            status, code = refusal.args
            return _json({"errors": [{"code": code, "title": "see the documentation"}]}, status)

    def _lend(self, form: dict[str, list[str]]) -> dict[str, Any]:
        given = [form.get(name, [""])[0] for name in ("grant_type", "client_id", "client_secret")]
        if given != ["client_credentials", CLIENT_ID, self.token]:
            raise Refusal(401, "invalid_client")
        lent = secrets.token_hex(8)
        self.tokens.add(lent)
        return {"access_token": lent, "token_type": "bearer", "expires_in": 3600}

    def _let_in(self, request: Request) -> None:
        header = request.headers.get("Authorization", "")
        given = {
            "bearer": header.removeprefix("Bearer "),
            "header": request.headers.get("X-Api-Key", ""),
            "query": request.query_params.get("api_key", ""),
            "basic": header,
            "oauth2": header.removeprefix("Bearer "),
        }[self.authentication]
        password = "Basic " + b64encode(f"{CLIENT_ID}:{self.token}".encode()).decode()
        good = {"basic": {password}, "oauth2": self.tokens}.get(self.authentication, {self.token})
        if given not in good:
            raise Refusal(401, "NO_ACCESS")

    def _result(self, route: str, request: Request, body: Any) -> tuple[int, Any]:
        match route:
            case "GET /ping":
                return 200, {"data": {"pong": True}}
            case "POST /availability":
                return 200, {"data": self._availability(body["gtins"])}
            case "POST /shipping-options":
                return 200, {"data": self._options(body)}
            case "GET /stock":
                return 200, self._stock(int(request.query_params.get("after", "0")))
            case "GET /catalogue":
                return 200, self._catalogue(int(request.query_params.get("page", "1")))
            case "POST /purchase-orders":
                key = request.headers.get("Idempotency-Key", "")
                return 202, self.books.once(key, lambda: {"data": details(self._create(body["data"]))})
            case "GET /purchase-orders":
                found = self.books.referenced(request.query_params.get("reference", ""))
                return 200, {"data": [details(order) for order in found]}
        order = self.books.find(request.path_params["id"])
        if order is None:
            raise Refusal(404, "NO_SUCH_ORDER")
        if route.endswith("/cancellation"):
            self._cancel(order)
        return 200, {"data": details(order)}

    def _availability(self, gtins: list[str]) -> list[dict[str, Any]]:
        if len(gtins) > MOST_GTINS:
            raise Refusal(400, "TOO_MANY")
        articles = [article for gtin in gtins if (article := self.books.article(gtin))]
        return [{"gtin": one.ean, "available": {"units": one.stock}, "price": _price(one)} for one in articles]

    def _options(self, body: Any) -> list[dict[str, Any]]:
        units = sum(item["units"] for item in body["items"])
        return [
            {
                "id": f"opt-{rate.id}",
                "carrier": {"name": rate.carrier.name},
                "price": {"cents": cents(rate.cost)},
                "transitDays": rate.carrier.days,
            }
            for rate in rates(body["shipTo"]["country"], body["shipTo"]["postcode"], units)
        ]

    def _stock(self, after: int) -> dict[str, Any]:
        articles, following = self._page(after)
        rows = [{"gtin": one.ean, "available": {"units": one.stock}, "price": _price(one)} for one in articles]
        return {"data": rows, "meta": {"next": following and str(following), "total": len(self.books.articles)}}

    def _catalogue(self, page: int) -> dict[str, Any]:
        articles, _ = self._page((page - 1) * PAGE)
        rows = [{"gtin": one.ean, "texts": {"en": {"title": one.name}}, "brand": one.brand} for one in articles]
        return {"data": rows, "meta": {"pages": -(-len(self.books.articles) // PAGE)}}

    def _page(self, start: int) -> tuple[list[Article], int | None]:
        end = min(start + PAGE, len(self.books.articles))
        articles = [self.books.articles.at(place) for place in range(start, end)]
        return articles, end if end < len(self.books.articles) else None

    def _create(self, data: Any) -> Order:
        if self.books.settings.refuse:
            raise Refusal(402 if self.books.settings.refuse == "CREDIT_EXHAUSTED" else 422, self.books.settings.refuse)
        items = [(self._article(item["gtin"]), int(item["units"])) for item in data["items"]]
        if any(article.stock < units for article, units in items):
            raise Refusal(422, "OUT_OF_STOCK")
        offered = {one["id"]: one["price"]["cents"] for one in self._options(data)}
        if data.get("shippingOption") not in offered:
            raise Refusal(422, "BAD_SHIPPING_OPTION")
        shipping = offered[data["shippingOption"]]
        return self.books.add(data["reference"], items, shipping, test=bool(data.get("test")))

    def _article(self, gtin: str) -> Article:
        article = self.books.article(gtin)
        if article is None:
            raise Refusal(422, "UNKNOWN_ITEM")
        return article

    def _cancel(self, order: Order) -> None:
        if order.state in (SHIPPED, CANCELLED):
            raise Refusal(409, f"ALREADY_{order.state}")
        order.state = CANCELLED


def create_app(
    *,
    articles: int = 500,
    seed: int = 0,
    token: str = DEFAULT_TOKEN,
    authentication: str = "bearer",
    clock: Callable[[], float] = time.time,
    settings: dict[str, Any] | None = None,
    plan: Plan | None = None,
) -> FaultLayer:
    """Build the simulator."""
    supplier = Anyrest(Books(Assortment(articles, seed), clock), token, authentication)
    _change(supplier, settings or {})
    paths = {
        "/token": "POST",
        "/ping": "GET",
        "/availability": "POST",
        "/shipping-options": "POST",
        "/stock": "GET",
        "/catalogue": "GET",
        "/purchase-orders": "GET POST",
        "/purchase-orders/{id}": "GET",
        "/purchase-orders/{id}/cancellation": "POST",
    }
    routes = [Route(API + path, supplier.answer, methods=methods.split()) for path, methods in paths.items()]
    return FaultLayer(Starlette(routes=[*routes, *_administration(supplier)]), plan, _operation)


def sign(body: bytes, stamp: str) -> str:
    """Sign a webhook as this supplier does."""
    return "sha256=" + hmac.new(WEBHOOK_SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _operation(scope: Scope, _body: bytes) -> str:
    return f"{scope['method']} {scope['path']}"


def _administration(supplier: Anyrest) -> list[Route]:
    books = supplier.books

    async def ledger(_request: Request) -> Response:
        return _json({"orders": books.ledger(), "calls": supplier.calls})

    async def order(request: Request) -> Response:
        change, found = await request.json(), books.find(request.path_params["id"])
        if found is None:
            return _json({"error": "no such order"}, 404)
        if "tracking" in change:
            books.ship(found, change["tracking"], change.get("without"))
        if "answers" in change:
            found.answers, found.state = change["answers"], ACCEPTED
        found.state = change.get("state", found.state)
        return _json({"done": True})

    async def webhook(request: Request) -> Response:
        found = books.find(request.path_params["id"])
        document = {"event": "order.updated", "order": details(found) if found else None}
        stamp, body = str(int(time.time())), json.dumps(document)
        headers = {"x-any-timestamp": stamp, "x-any-signature": sign(body.encode(), stamp)}
        return _json({"headers": headers, "body": body})

    async def settings(request: Request) -> Response:
        _change(supplier, await request.json())
        return _json({"done": True})

    return [
        Route("/_sandbox/ledger", ledger),
        Route("/_sandbox/orders/{id}", order, methods=["POST"]),
        Route("/_sandbox/webhooks/{id}", webhook),
        Route("/_sandbox/settings", settings, methods=["POST"]),
    ]


def _change(supplier: Anyrest, change: dict[str, Any]) -> None:
    for name, value in change.items():
        if name == "tokens":
            supplier.tokens = set(value)
        else:
            setattr(supplier.books.settings, name, value)


def _price(article: Article) -> dict[str, int]:
    return {"cents": cents(article.price)}


def _json(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")


def main() -> None:
    """Serve one simulator until it is told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.anyrest", description="A made-up supplier with a REST interface"
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--articles", "--catalogue", type=int, default=500, help="how many articles there are")
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--authentication", choices=AUTHENTICATIONS, default="bearer")
    parser.add_argument("--ship-after", type=float, default=20.0, help="seconds until an accepted order ships")
    options = parser.parse_args()
    app = create_app(
        articles=options.articles,
        seed=options.seed,
        token=options.token,
        authentication=options.authentication,
        settings={"ship_after": options.ship_after},
    )
    serve(app, options.port)


if __name__ == "__main__":
    main()
