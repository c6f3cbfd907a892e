"""A simulated CJ Dropshipping: its API 2.0 on loopback, with its defects, faults and a ledger.

    python -m sandbox.cjdropshipping --port 9007

Administration, without a token:

    GET  /_sandbox/ledger         the orders that were paid; ``drafts`` are those that were not
    POST /_sandbox/orders/{id}    {"status": "SHIPPED", "tracking": ["YT2"]}, from now on
    POST /_sandbox/tokens         {"revoke": true}: every token given so far is refused
    POST /_sandbox/clock          {"advance": seconds}
    POST /_sandbox/settings       see Settings
    …    /_sandbox/faults         see sandbox.faults

Its defects are the vendor's: HTTP 200 also where it failed, one order number once, drafts that are to be confirmed and
paid, "order not found" and "wrong parameter" under one code. A variant's id is the article's EAN.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.catalogue import Article, catalogue, normalised
from sandbox.faults import FaultLayer, Plan
from sandbox.serving import serve

API = "/api2.0/v1"
DEFAULT_KEY = "CJ0001@api@sandbox"
CARRIERS = (("CJPacket Ordinary", "4.20", "7-12"), ("USPS+", "6.35", "2-5"))
COUNTRIES = ("ES", "PT", "FR", "DE", "IT", "NL", "US", "GB")
_FIRST_ID = 210_711_100_018_000_000
_REQUIRED = (
    "orderNumber",
    "shippingCustomerName",
    "shippingAddress",
    "shippingCity",
    "shippingCountryCode",
    "logisticName",
)
_PAID = ("UNSHIPPED", "SHIPPED", "DELIVERED")


@dataclass
class Settings:
    """What can be changed while it runs."""

    balance: Decimal = Decimal(1_000_000)
    created_as: str = "CREATED"  # a new order's status
    visibility_seconds: float = 0.0  # so long a new order is not found
    refuse: int = 0  # a code that every createOrderV2 answers
    refuse_text: str = "Order create fail"
    intercept: tuple[str, ...] = ()  # codes for which new orders are stopped
    ship_after: float | None = 20.0


@dataclass
class Order:
    """An order as the vendor has it, personal data included."""

    id: str
    sent: dict[str, Any]
    total: Decimal
    created_at: float
    status: str
    paid_at: float | None = None
    tracking: tuple[str, ...] = ()
    intercepted: tuple[str, ...] = ()
    arrived: int = 0  # which of the paid ones it was


class Failed(Exception):
    """The vendor says no, with a code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class CjDropshipping:
    """The vendor's calls. One answer at a time: all of it runs on one event loop."""

    def __init__(self, articles: int, seed: int, key: str, clock: Callable[[], float]) -> None:
        self.articles = {normalised(article.ean): article for article in catalogue(articles, seed)}
        self.key = key
        self.settings = Settings()
        self.orders: dict[str, Order] = {}
        self.tokens: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.ahead = 0.0
        self._clock = clock
        self._numbers = count(1)
        self._arrivals = count(1)
        self._operations: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("POST", "logistic/freightCalculate"): self._freight,
            ("POST", "shopping/order/createOrderV2"): self._create,
            ("PATCH", "shopping/order/confirmOrder"): self._confirm,
            ("POST", "shopping/pay/payBalance"): self._pay,
            ("GET", "shopping/pay/getBalance"): lambda _asked: {"amount": float(self.settings.balance)},
            ("GET", "shopping/order/getOrderDetail"): self._detail,
            ("DELETE", "shopping/order/deleteOrder"): self._delete,
            ("GET", "product/stock/queryByVid"): self._stock,
            ("GET", "product/variant/queryByVid"): self._variant,
        }

    def now(self) -> float:
        """Tell the time, with what the clock was put forward."""
        return self._clock() + self.ahead

    async def answer(self, request: Request) -> Response:
        """Answer one call of the vendor's API: always with HTTP 200."""
        name = request.path_params["operation"]
        self.calls[name] += 1
        try:
            raw = await request.body()
            asked = json.loads(raw) if raw else dict(request.query_params)
            return _enveloped(200, "Success", self._answer(request, name, asked))
        except Failed as failure:
            return _enveloped(failure.code, failure.message, None)

    def _answer(self, request: Request, name: str, asked: dict[str, Any]) -> Any:
        if name == "authentication/getAccessToken":
            return self._new_token(asked)
        if request.headers.get("CJ-Access-Token") not in self.tokens:
            raise Failed(1600001, "Invalid API key or access token")
        operation = self._operations.get((request.method, name))
        if operation is None:
            raise Failed(1600101, "Interface not found")
        return operation(asked)

    def _new_token(self, asked: Mapping[str, Any]) -> dict[str, str]:
        if asked.get("apiKey") != self.key:
            raise Failed(1600005, "APIkey is wrong, please check and try again")
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        return {"accessToken": token, "refreshToken": f"refresh-{token}"}

    def _freight(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        for entry in asked["products"]:
            self._article(entry)
        offered = CARRIERS if asked["endCountryCode"] in COUNTRIES else ()
        return [
            {"logisticName": name, "logisticPrice": float(price), "logisticAging": aging}
            for name, price, aging in offered
        ]

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        if missing := [name for name in _REQUIRED if not asked.get(name)]:
            raise Failed(1600300, f"{missing[0]} must not be empty")
        if self.settings.refuse:
            raise Failed(self.settings.refuse, self.settings.refuse_text)
        if self._find(asked["orderNumber"]) is not None:
            raise Failed(1603000, "Order number already exists")
        if asked["logisticName"] not in [name for name, _, _ in CARRIERS]:
            raise Failed(1605000, "Logistic not found")
        total = sum(
            (self._article(entry).price * int(entry["quantity"]) for entry in asked["products"]), Decimal("4.20")
        )
        order = Order(
            id=str(_FIRST_ID + len(self.orders)),
            sent=asked,
            total=total,
            created_at=self.now(),
            status=self.settings.created_as,
            intercepted=tuple(self.settings.intercept),
        )
        self.orders[order.id] = order
        return self._view(order)

    def _confirm(self, asked: Mapping[str, Any]) -> str:
        order = self._order(asked)
        if order.intercepted or order.status not in ("CREATED", "IN_CART"):
            raise Failed(1603001, "Order confirm fail")
        order.status = "UNPAID"
        return order.id

    def _pay(self, asked: Mapping[str, Any]) -> None:
        order = self._order(asked)
        if order.status != "UNPAID":
            raise Failed(1603101, "Order pay fail")
        if order.sent.get("isSandbox") != 1:
            if self.settings.balance < order.total:
                raise Failed(1604000, "Balance is insufficient")
            self.settings.balance -= order.total
        order.status, order.paid_at, order.arrived = "UNSHIPPED", self.now(), next(self._arrivals)

    def _delete(self, asked: Mapping[str, Any]) -> str:
        order = self._order(asked)
        if order.status in _PAID:
            raise Failed(1603002, "Order delete fail")
        order.status = "CANCELLED"
        return order.id

    def _detail(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        order = self._order(asked)
        if self.now() - order.created_at < self.settings.visibility_seconds:
            raise Failed(1600300, "order not found")
        return self._view(order)

    def _order(self, asked: Mapping[str, Any]) -> Order:
        if not asked.get("orderId"):
            raise Failed(1600300, "orderId must not be empty")
        order = self._find(str(asked["orderId"]))
        if order is None:
            raise Failed(1600300, "order not found")
        return order

    def _find(self, number: str) -> Order | None:
        found = self.orders.get(number)
        return found or next((order for order in self.orders.values() if order.sent["orderNumber"] == number), None)

    def _view(self, order: Order) -> dict[str, Any]:
        delay = self.settings.ship_after
        paid = order.status == "UNSHIPPED" and order.paid_at is not None
        if paid and delay is not None and self.now() - (order.paid_at or 0) >= delay:
            order.status, order.tracking = "SHIPPED", (f"YT{order.id}",)
        copied = ("shippingCustomerName", "shippingAddress", "shippingCity", "shippingCountryCode", "logisticName")
        return {
            "orderId": order.id,
            "orderNum": order.sent["orderNumber"],
            "orderNumber": order.sent["orderNumber"],
            "orderStatus": order.status,
            "orderAmount": float(order.total),
            "trackNumber": ",".join(order.tracking) or None,
            "trackingUrl": None,
            "productList": order.sent["products"],
            "interceptOrderReasons": [{"code": code, "message": "held"} for code in order.intercepted],
            **{name: order.sent.get(name) for name in copied},
        }

    def _stock(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        article = self._article(asked)
        row = {"vid": asked["vid"], "areaEn": "China Warehouse", "countryCode": "CN", "storageNum": article.stock}
        return [row, {**row, "areaEn": "US Warehouse", "countryCode": "US", "storageNum": 7}]

    def _variant(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"vid": asked["vid"], "variantSellPrice": float(self._article(asked).price)}

    def _article(self, asked: Mapping[str, Any]) -> Article:
        article = self.articles.get(normalised(str(asked.get("vid") or asked.get("sku") or "")))
        if article is None:
            raise Failed(1602000, "Variant not found")
        return article

    def change_order(self, order_id: str, change: Mapping[str, Any]) -> None:
        """Change an order by hand, from now on. Raises KeyError for one nobody has."""
        order = self.orders[order_id]
        order.status = str(change.get("status") or order.status)
        order.tracking = (*order.tracking, *change.get("tracking", ()))

    def change_settings(self, document: Mapping[str, Any]) -> None:
        """Change settings by name. Raises ValueError for a name there is not."""
        if unknown := set(document) - {item.name for item in fields(Settings)}:
            raise ValueError(f"no such settings: {', '.join(sorted(unknown))}")
        for name, value in document.items():
            setattr(self.settings, name, Decimal(str(value)) if name == "balance" else value)

    def ledger(self, *, paid: bool) -> list[dict[str, Any]]:
        """List the orders that were paid, as they arrived, or those that were not; without their buyers' data."""
        chosen = [order for order in self.orders.values() if (order.paid_at is not None) == paid]
        return [
            {
                "order_number": order.id,
                "number": order.sent["orderNumber"],
                "lines": [
                    {"ean": self._article(entry).ean, "quantity": entry["quantity"]} for entry in order.sent["products"]
                ],
                "status": order.status,
                "test": order.sent.get("isSandbox") == 1,
                "total": str(order.total),
            }
            for order in sorted(chosen, key=lambda order: order.arrived)
        ]


def create_app(
    *,
    seed: int = 0,
    articles: int = 500,
    key: str = DEFAULT_KEY,
    clock: Callable[[], float] = time.time,
    plan: Plan | None = None,
    settings: Mapping[str, Any] | None = None,
) -> FaultLayer:
    """Build the simulator."""
    vendor = CjDropshipping(articles, seed, key, clock)
    vendor.change_settings(settings or {})
    calls = Route(API + "/{operation:path}", vendor.answer, methods=["GET", "POST", "PATCH", "DELETE"])
    return FaultLayer(Starlette(routes=[calls, *_administration(vendor)]), plan)


def _administration(vendor: CjDropshipping) -> list[Route]:
    async def ledger(_request: Request) -> Response:
        orders = {"orders": vendor.ledger(paid=True), "drafts": vendor.ledger(paid=False)}
        return JSONResponse({**orders, "calls": vendor.calls, "balance": str(vendor.settings.balance)})

    async def order(request: Request) -> Response:
        return await _changed(request, lambda change: vendor.change_order(request.path_params["id"], change))

    async def tokens(request: Request) -> Response:
        return await _changed(request, lambda _change: vendor.tokens.clear())

    async def clock(request: Request) -> Response:
        def advance(change: Mapping[str, Any]) -> None:
            vendor.ahead += float(change["advance"])

        return await _changed(request, advance)

    async def settings(request: Request) -> Response:
        return await _changed(request, vendor.change_settings)

    return [
        Route("/_sandbox/ledger", ledger),
        Route("/_sandbox/orders/{id}", order, methods=["POST"]),
        Route("/_sandbox/tokens", tokens, methods=["POST"]),
        Route("/_sandbox/clock", clock, methods=["POST"]),
        Route("/_sandbox/settings", settings, methods=["POST"]),
    ]


async def _changed(request: Request, change: Callable[[dict[str, Any]], object]) -> Response:
    try:
        change(await request.json())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
    return JSONResponse({"done": True})


def _enveloped(code: int, message: str, data: Any) -> Response:
    return JSONResponse({"code": code, "result": code == 200, "message": message, "data": data, "requestId": "sandbox"})


def main() -> None:
    """Serve one simulator until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cjdropshipping", description="A simulated CJ Dropshipping")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--articles", type=int, default=500, help="how many articles there are")
    parser.add_argument("--key", default=DEFAULT_KEY)
    parser.add_argument("--ship-after", type=float, default=20.0, help="seconds until a paid order ships")
    options = parser.parse_args()
    settings = {"ship_after": options.ship_after}
    serve(create_app(seed=options.seed, articles=options.articles, key=options.key, settings=settings), options.port)


if __name__ == "__main__":
    main()
