"""A simulated BigBuy: its REST API on loopback, with its defects, faults and a ledger.

    python -m sandbox.bigbuy --port 9006

Administration, without a token:

    GET  /_sandbox/ledger         every order really created, and how often each call was made
    POST /_sandbox/orders/{id}    {"status": "Shipped", "tracking": ["GLS2"]}, from now on
    POST /_sandbox/stock          {"reference": quantity, …}
    POST /_sandbox/clock          {"advance": seconds}
    POST /_sandbox/settings       see sandbox.bigbuy_books.Settings
    …    /_sandbox/faults         see sandbox.faults

Its defects are the vendor's: errors with HTTP 200, whole HTTP responses inside a body, messages that are JSON of their
own, 429 as a sentence, orders over two warehouses that become two and that no look-up by number finds.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.bigbuy_books import STATUSES, Books, Line, Order, RefusedOrder, reference_of
from sandbox.catalogue import Article
from sandbox.faults import FaultLayer, Plan
from sandbox.serving import serve

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - it opens nothing but this simulator
COUNTRIES = ("ES", "PT", "FR", "DE", "IT", "NL", "BE", "AT", "PL", "SE")
SERVICES = ((43, "GLS", "24-48h", "5.50"), (51, "SEUR", "2-3 days", "6.90"))
_INFO = {"ER002": "Incorrect reference.", "ER003": "Not enough stock.", "ER008": "The order already exists."}
Calls = dict[tuple[str, str], Callable[[Request, dict[str, Any]], Response]]


class BigBuy:
    """The vendor's calls over its books. One answer at a time: all of it runs on one event loop."""

    def __init__(self, books: Books, token: str) -> None:
        self.books = books
        self.token = token
        self.calls: Counter[str] = Counter()
        self._operations: Calls = {
            ("POST", "order/check"): lambda _request, body: self._check(body, split=False),
            ("POST", "order/check/multishipping"): lambda _request, body: self._check(body, split=True),
            ("POST", "order/create"): lambda _request, body: self._create(body),
            ("POST", "order/create/multishipping"): lambda _request, body: self._create_split(body),
            ("GET", "order/orderstatuses"): lambda _request, _body: _statuses(),
            ("POST", "shipping/orders"): lambda _request, body: self._shipping(body),
            ("POST", "catalog/productsstockbyreference"): lambda _request, body: self._stock_of(body),
            ("GET", "catalog/taxonomies"): lambda _request, _body: self._taxonomies(),
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call of the vendor's API."""
        name = request.path_params["operation"].removesuffix(".json")
        self.calls[name] += 1
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return JSONResponse({"code": 401, "message": "Unauthorized"}, 401)
        if self.books.settings.limited_until > self.books.now():
            reset = {"X-Ratelimit-Reset": str(int(self.books.settings.limited_until))}
            return PlainTextResponse("You exceeded the rate limit", 429, reset)
        try:
            return self._answer(request, name, await request.body())
        except RefusedOrder as refusal:
            return self._error(refusal.code, refusal.data)

    def _answer(self, request: Request, name: str, raw: bytes) -> Response:
        operation = self._operations.get((request.method, name))
        if operation is not None:
            return operation(request, json.loads(raw) if raw else {})
        if name.startswith("catalog/"):
            return self._list(name.removeprefix("catalog/"), request.query_params.get("parentTaxonomy", ""))
        if name.startswith("order/reference/"):
            return self._by_number(name.rpartition("/")[2])
        if name.startswith("tracking/order/"):
            return self._trackings(name.rpartition("/")[2])
        return self._order(name.removeprefix("order/"))

    def _error(self, code: str, data: Any = None, status: int = 409) -> Response:
        message = json.dumps({"info": _INFO.get(code, "Order error."), "data": data or {}})
        coded = {"code": code, "message": message}
        style = self.books.settings.style
        if style == "soft":
            return JSONResponse({"code": status, "message": "Conflict", "errors": [coded]}, 200)
        if style == "embedded":
            head = (
                f"HTTP/1.0 {status} Conflict\r\nCache-Control: no-cache, private\r\nContent-Type: application/json\r\n"
            )
            return PlainTextResponse(f"{head}\r\n{json.dumps(coded)}", 200)
        return JSONResponse(coded, status)

    def _missing(self) -> Response:
        return JSONResponse({"code": 404, "message": "Not Found"}, 404)

    def _check(self, body: Mapping[str, Any], *, split: bool) -> Response:
        document = body["order"]
        if self.books.settings.check_knows_references:
            self._refuse_known(document, visible_only=True)
        lines = self.books.check_order(document)
        groups = self.books.groups(lines)
        if not split and len(groups) > 1:
            return _warehouses(groups)
        if not split:
            return _reply({"total": self.books.total_of(lines), "totalWithoutTaxes": self.books.total_of(lines)})
        parts = [
            {"warehouse": where, "total": self.books.total_of(some), "productReferences": _references(some)}
            for where, some in groups.items()
        ]
        return _reply({"orders": parts, "errors": []})

    def _refuse_known(self, document: Mapping[str, Any], *, visible_only: bool) -> None:
        known = self.books.with_number(str(document["internalReference"]), visible_only=visible_only)
        if known:
            raise RefusedOrder("ER008", {"orderId": int(known[0].id)})

    def _accepted(self, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Line]]:
        document = body["order"]
        self._refuse_known(document, visible_only=False)
        if self.books.settings.refuse:
            raise RefusedOrder(self.books.settings.refuse)
        return document, self.books.check_order(document)

    def _create(self, body: Mapping[str, Any]) -> Response:
        document, lines = self._accepted(body)
        groups = self.books.groups(lines, creating=True)
        if len(groups) > 1:
            return _warehouses(groups)
        order = self.books.add_order(document, lines, next(iter(groups)))
        return JSONResponse({}, 201, {"Location": f"/rest/order/{order.id}"})

    def _create_split(self, body: Mapping[str, Any]) -> Response:
        document, lines = self._accepted(body)
        refused = self.books.settings.refuse_references
        errors = [
            {"code": refused[code], "message": json.dumps({"info": "Products error.", "data": {"skus": [code]}})}
            for code in _references(lines)
            if code in refused
        ]
        wanted = [line for line in lines if reference_of(line.article) not in refused]
        made = [
            self.books.add_order(document, some, where)
            for where, some in self.books.groups(wanted, creating=True).items()
        ]
        orders = [
            {
                "productReferences": _references(order.lines),
                "id": order.id,
                "warehouse": order.warehouse,
                "url": f"/rest/order/{order.id}",
            }
            for order in made
        ]
        return _reply({"orders": orders, "errors": errors})

    def _order(self, order_id: str) -> Response:
        order = self.books.orders.get(order_id)
        return self._missing() if order is None or not self.books.visible(order) else _reply(self._details(order))

    def _by_number(self, number: str) -> Response:
        found = self.books.with_number(number, visible_only=True)
        return _reply(self._details(found[0])) if len(found) == 1 else self._missing()

    def _details(self, order: Order) -> dict[str, Any]:
        details = {
            "id": int(order.id),
            "internalReference": order.number,
            "status": self.books.status_of(order),
            "totalPaidTaxIncl": order.total,
        }
        if self.books.settings.names_articles:
            details["products"] = [
                {"reference": reference_of(line.article), "quantity": line.quantity, "internalReference": line.note}
                for line in order.lines
            ]
        return details

    def _trackings(self, order_id: str) -> Response:
        order = self.books.orders.get(order_id)
        numbers = self.books.trackings_of(order) if order is not None and self.books.visible(order) else []
        if order is None or not numbers:
            return self._missing()
        carrier = {"id": SERVICES[0][0], "name": order.carrier}
        entries = [{"trackingNumber": number, "statusDescription": "", "carrier": carrier} for number in numbers]
        return _reply([{"id": int(order.id), "reference": order.number, "trackings": entries}])

    def _shipping(self, body: Mapping[str, Any]) -> Response:
        order = body["order"]
        unknown = [entry["reference"] for entry in order["products"] if entry["reference"] not in self.books.stock]
        if unknown:
            raise RefusedOrder("ER002", {"skus": unknown})
        offered = SERVICES if order["delivery"]["isoCountry"] in COUNTRIES else ()
        options = [
            {"shippingService": {"id": number, "name": name, "delay": delay}, "cost": cost}
            for number, name, delay, cost in offered
        ]
        return _reply({"shippingOptions": options})

    def _stock_of(self, body: Mapping[str, Any]) -> Response:
        asked = [entry["sku"] for entry in body["product_stock_request"]["products"]]
        known = (self.books.by_reference[code] for code in asked if code in self.books.stock)
        return _reply([self._stock_row(article) for article in known])

    def _taxonomies(self) -> Response:
        ids = sorted({_taxonomy(article) for article in self.books.articles})
        return _reply([{"id": int(taxonomy), "name": f"Category {taxonomy}"} for taxonomy in ids])

    def _list(self, name: str, taxonomy: str) -> Response:
        shapes: dict[str, Callable[[Article], dict[str, Any]]] = {
            "products": _product,
            "productsvariations": lambda article: {**_product(article), "product": article.id},
            "productsstockbyhandlingdays": self._stock_row,
            "productsvariationsstockbyhandlingdays": self._stock_row,
            "productsinformation": _information,
        }
        if name not in shapes:
            return self._missing()
        variations, texts = "variations" in name, name == "productsinformation"
        chosen = (article for article in self.books.articles if _taxonomy(article) == taxonomy)
        return _reply([shapes[name](article) for article in chosen if texts or _is_variation(article) == variations])

    def _stock_row(self, article: Article) -> dict[str, Any]:
        code = reference_of(article)
        units = max(self.books.stock[code], 0)
        near, far = units - units // 4, units // 4  # a quarter takes longer
        stocks = [
            {"quantity": near, "minHandlingDays": 0, "maxHandlingDays": 1, "warehouse": self.books.warehouse_of(code)},
            {"quantity": far, "minHandlingDays": 3, "maxHandlingDays": 7, "warehouse": self.books.warehouse_of(code)},
        ]
        return {"id": article.id, "sku": code, "stocks": [stock for stock in stocks if stock["quantity"]]}


def create_app(
    *,
    seed: int = 0,
    articles: int = 500,
    token: str = DEFAULT_TOKEN,
    clock: Callable[[], float] = time.time,
    plan: Plan | None = None,
    settings: Mapping[str, Any] | None = None,
) -> FaultLayer:
    """Build the simulator."""
    vendor = BigBuy(Books(articles, seed, clock, settings or {}), token)
    calls = Route("/rest/{operation:path}", vendor.answer, methods=["GET", "POST"])
    return FaultLayer(Starlette(routes=[calls, *_administration(vendor)]), plan)


def _administration(vendor: BigBuy) -> list[Route]:
    books = vendor.books

    async def ledger(_request: Request) -> Response:
        return _reply({"orders": books.ledger(), "calls": vendor.calls, "moneybox": str(books.settings.moneybox)})

    async def order(request: Request) -> Response:
        return await _changed(request, lambda change: books.change_order(request.path_params["id"], change))

    async def stock(request: Request) -> Response:
        return await _changed(request, books.stock.update)

    async def clock(request: Request) -> Response:
        def advance(change: Mapping[str, Any]) -> None:
            books.ahead += float(change["advance"])

        return await _changed(request, advance)

    async def settings(request: Request) -> Response:
        return await _changed(request, books.change_settings)

    return [
        Route("/_sandbox/ledger", ledger),
        Route("/_sandbox/orders/{id}", order, methods=["POST"]),
        Route("/_sandbox/stock", stock, methods=["POST"]),
        Route("/_sandbox/clock", clock, methods=["POST"]),
        Route("/_sandbox/settings", settings, methods=["POST"]),
    ]


async def _changed(request: Request, change: Callable[[dict[str, Any]], object]) -> Response:
    try:
        change(await request.json())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
    return JSONResponse({"done": True})


def _reply(document: Any) -> Response:
    return Response(json.dumps(document, default=_plain), media_type="application/json")


def _plain(value: Decimal) -> float:
    return float(value)  # the vendor writes amounts as JSON numbers


def _statuses() -> Response:
    return _reply([{"id": number, "name": name} for number, name in enumerate(STATUSES, start=1)])


def _warehouses(groups: Mapping[int, list[Line]]) -> Response:
    listed = [{"id": where, "references": _references(lines)} for where, lines in groups.items()]
    message = "The order has products of several warehouses."
    return JSONResponse({"code": 409, "message": message, "error_detail": {"warehouses": listed}}, 409)


def _references(lines: Any) -> list[str]:
    return [reference_of(line.article) for line in lines]


def _taxonomy(article: Article) -> str:
    return article.categories.rpartition("/")[2]


def _is_variation(article: Article) -> bool:
    return article.id % 7 == 6


def _product(article: Article) -> dict[str, Any]:
    return {
        "id": article.id,
        "sku": reference_of(article),
        "ean13": article.ean,
        "wholesalePrice": article.price,
        "retailPrice": article.recommended_price,
        "taxonomy": int(_taxonomy(article)),
    }


def _information(article: Article) -> dict[str, Any]:
    texts = {"name": article.name, "description": f"{article.name} by {article.brand}"}
    return {"id": article.id, "sku": reference_of(article), **texts, "isoCode": "en"}


def main() -> None:
    """Serve one simulator until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.bigbuy", description="A simulated BigBuy")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--articles", type=int, default=500, help="how many articles there are")
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--ship-after", type=float, default=20.0, help="seconds until an order ships")
    options = parser.parse_args()
    settings = {"ship_after": options.ship_after}
    serve(
        create_app(seed=options.seed, articles=options.articles, token=options.token, settings=settings), options.port
    )


if __name__ == "__main__":
    main()
