"""A simulated BTSWholesaler: its API v2.1 on loopback, with faults, scripts and a ledger.

    python -m sandbox.btswholesaler --port 9001 --seed 7 --articles 50000 --state bts.jsonl

Administration, without a token:

    GET  /_sandbox/ledger            every order really created, and how often each call was made
    POST /_sandbox/script            {"ean": …, "where": {"postal_code": "^99"}, "script": {"steps": [
                                       {"after": 2, "status": "Shipped", "tracking": ["GLS1"]}], …}}
    POST /_sandbox/orders/{number}   {"status": "Cancelled", "tracking": ["GLS2"]}, from now on
    POST /_sandbox/stock             {"ean": quantity, …}, or {"change": how many, "seed": which ones}
    POST /_sandbox/prices            the same of prices
    POST /_sandbox/articles          {"withdraw": [ean, …]}
    GET, POST /_sandbox/settings     wallet, credit, feed_status, per_minute, per_second, error_status, error_style,
                                     ship_after
    …    /_sandbox/faults            see sandbox.faults

The vendor documents no envelope and no HTTP status for its errors: both are settings here.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox import btswholesaler_feeds as feeds
from sandbox.btswholesaler_feeds import BadRequest, Query, reply
from sandbox.btswholesaler_orders import ADDRESS_FIELDS, PAID, PENDING_PAYMENT, Books, Line, Order
from sandbox.btswholesaler_rates import COUNTRIES, COUNTRIES_WITH_STATES, rates
from sandbox.catalogue import Article, Assortment, normalised
from sandbox.faults import FaultLayer, Plan
from sandbox.serving import serve

API = "/v1/api"
DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - it opens nothing but this simulator
_PAYMENT_METHODS = ("wallet", "banktransfer", "btscredit")
_REQUIRED = ("client_name", "address", "postal_code", "city", "telephone")
_PRODUCT = re.compile(r"products\[(\d+)\]\[(sku|quantity)\]")
_DAY = 86_400
Pairs = list[tuple[str, str]]


class Btswholesaler:
    """The vendor's calls over its books. One answer at a time: all of it runs on one event loop."""

    def __init__(self, books: Books, token: str) -> None:
        self.books = books
        self.token = token
        self.calls: Counter[str] = Counter()
        self._periods: dict[int, tuple[int, int]] = {}
        self._operations: dict[tuple[str, str], Callable[[Pairs], Response]] = {
            ("GET", "getListProducts"): lambda pairs: feeds.list_products(books, dict(pairs)),
            ("GET", "getProducts"): lambda pairs: feeds.get_products(books, _listed(pairs, "product_sku")),
            ("GET", "getProductStock"): lambda pairs: feeds.product_stock(books, _listed(pairs, "product_sku")),
            ("GET", "getProductChanges"): lambda pairs: feeds.product_changes(books, dict(pairs)),
            ("GET", "getNewProducts"): lambda pairs: feeds.new_products(books, dict(pairs)),
            ("GET", "getFeedStatus"): lambda _pairs: feeds.feed_status(books),
            ("GET", "getListCategories"): lambda _pairs: feeds.categories(),
            ("GET", "getCountries"): lambda _pairs: _countries(),
            ("GET", "getShippingPrices"): self._shipping_prices,
            ("GET", "getOrder"): self._order,
            ("GET", "getTrackings"): self._trackings,
            ("POST", "setCreateOrder"): self._create_order,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call of the vendor's API."""
        name = request.path_params["operation"]
        operation = self._operations.get((request.method, name))
        if operation is None:
            return self._error("not_found", 404)
        self.calls[name] += 1
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._error("unauthorized", 401)
        if (wait := self._wait()) > 0:
            return Response('{"error": "too_many_requests"}', 429, {"Retry-After": str(wait)}, "application/json")
        text = request.url.query if request.method == "GET" else (await request.body()).decode("utf-8", "replace")
        try:
            return operation(parse_qsl(text, keep_blank_values=True))
        except BadRequest as refusal:
            return self._error(str(refusal), 404 if isinstance(refusal, feeds.FeedDisabled) else None)

    def _wait(self) -> int:
        """Count the call, and say for how many seconds to come back later."""
        settings = self.books.settings
        return max(self._wait_in(60, settings.per_minute), self._wait_in(1, settings.per_second))

    def _wait_in(self, seconds: int, limit: int) -> int:
        period, passed = divmod(int(self.books.clock()), seconds)
        latest, calls = self._periods.get(seconds, (period, 0))
        calls = calls + 1 if latest == period else 1
        self._periods[seconds] = (period, calls)
        return seconds - passed if limit and calls > limit else 0

    def _error(self, code: str, status: int | None = None) -> Response:
        status = status or self.books.settings.error_status
        shapes: dict[str, Any] = {
            "object": {"error": code},
            "message": {"message": code, "code": status},
            "errors": {"errors": [code]},
            "nested": {"error": {"code": code, "description": "see the reference"}},
        }
        style = self.books.settings.error_style
        return reply(shapes[style], status) if style in shapes else PlainTextResponse(code, status)

    def _shipping_prices(self, pairs: Pairs) -> Response:
        query = dict(pairs)
        form = {name: query.get(f"address[{name}]", "") for name in ("country_code", "postal_code")}
        if not form["country_code"]:
            raise BadRequest("country_code_is_required")
        lines = self._lines(pairs)
        offered = self.books.script_for(lines[0].ean, form).carriers
        if any(form["country_code"] in self._article(line.ean).restricted_countries for line in lines):
            offered = ()
        return reply(
            [
                {
                    "id": rate.id,
                    "delivery_time": rate.carrier.days,
                    "company_name": rate.carrier.name,
                    "shipping_cost": rate.cost,
                    "free_shipping": rate.carrier.free_above,
                }
                for rate in rates(form["country_code"], form["postal_code"], _units(lines), offered)
            ]
        )

    def _create_order(self, pairs: Pairs) -> Response:
        form = dict(pairs)
        self._check_form(form)
        lines = self._lines(pairs)
        script = self.books.script_for(lines[0].ean, form)
        if script.refuse:
            raise BadRequest(script.refuse)
        if script.stock_gone:
            self.books.set_stock(lines[0].ean, 0)
        self._check_stock(lines)
        order = self._priced(form, lines)
        self._check_funds(order)
        self.books.add_order(order)
        return reply(
            {
                "order_number": order.number,
                "order_total": f"{order.total:.2f}",
                "order_status": order.first_status,
                **_expected(order),
            }
        )

    def _check_form(self, form: Query) -> None:
        country = form.get("country_code", "")
        if form.get("payment_method") not in _PAYMENT_METHODS:
            raise BadRequest("payment_method_error")
        if country not in COUNTRIES:
            raise BadRequest("country_code_is_required")
        if country in COUNTRIES_WITH_STATES and not form.get("state_code"):
            raise BadRequest("state_code_error")
        for name in _REQUIRED:
            if not form.get(name, "").strip():
                raise BadRequest(f"{name}_is_required")

    def _check_stock(self, lines: list[Line]) -> None:
        wanted: Counter[str] = Counter()
        for line in lines:
            wanted[normalised(line.ean)] += line.quantity
        if any(self.books.shelves.stock(self._article(code)) < quantity for code, quantity in wanted.items()):
            raise BadRequest("no_stock")

    def _check_funds(self, order: Order) -> None:
        method, settings = order.form["payment_method"], self.books.settings
        if method == "wallet" and settings.wallet < order.total:
            raise BadRequest("no_enough_money")
        if method == "btscredit" and settings.credit < order.total:
            raise BadRequest("no_enough_credit")

    def _priced(self, form: Query, lines: list[Line]) -> Order:
        script = self.books.script_for(lines[0].ean, form)
        offers = rates(form["country_code"], form["postal_code"], _units(lines), script.carriers)
        chosen = next((rate for rate in offers if str(rate.id) == form.get("shipping_cost_id")), None)
        if chosen is None:
            raise BadRequest("shipping_cost_code_error")
        subtotal = sum((line.unit_price * line.quantity for line in lines), Decimal(0))
        shipping = chosen.cost_of(subtotal)
        return Order(
            number=self.books.next_number(),
            created_at=self.books.clock(),
            lines=tuple(lines),
            form=form,
            carrier=chosen.carrier.name,
            shipping_cost=shipping,
            total=subtotal + shipping,
            first_status=PENDING_PAYMENT if form["payment_method"] == "banktransfer" else PAID,
            script=script,
        )

    def _lines(self, pairs: Pairs) -> list[Line]:
        entries: dict[int, dict[str, str]] = {}
        for name, value in pairs:
            if found := _PRODUCT.fullmatch(name):
                entries.setdefault(int(found[1]), {})[found[2]] = value
        if not entries:
            raise BadRequest("product_error")
        return [self._line(entry) for _, entry in sorted(entries.items())]

    def _line(self, entry: dict[str, str]) -> Line:
        article = self._article(entry.get("sku", ""))
        quantity = entry.get("quantity", "")
        if not quantity.isdigit() or not 0 < int(quantity) < 10_000:
            raise BadRequest("product_error")
        return Line(ean=article.ean, name=article.name, quantity=int(quantity), unit_price=article.price)

    def _article(self, code: str) -> Article:
        article = self.books.shelves.find(normalised(code))
        if article is None:
            raise BadRequest("product_error")
        return article

    def _order(self, pairs: Pairs) -> Response:
        order = self.books.orders.get(dict(pairs).get("order_number", ""))
        now = self.books.clock()
        if order is None or not order.visible(now):
            raise BadRequest("order_not_found")
        return reply(_details(order, now))

    def _trackings(self, pairs: Pairs) -> Response:
        now = self.books.clock()
        asked = [self.books.orders.get(number) for number in _listed(pairs, "order_number")]
        orders = [order for order in asked if order is not None and order.visible(now) and order.tracking(now)]
        if not orders:
            raise BadRequest("order_not_found")
        return reply([row for order in orders for row in _tracking_rows(order, now)])


def create_app(
    *,
    seed: int = 0,
    articles: int = 500,
    token: str = DEFAULT_TOKEN,
    state: Path | None = None,
    clock: Callable[[], float] = time.time,
    plan: Plan | None = None,
    settings: dict[str, Any] | None = None,
) -> FaultLayer:
    """Build the simulator. ``state`` is the journal's path; what it holds goes before ``settings``."""
    books = Books(Assortment(articles, seed), seed, clock, state, settings)
    vendor = Btswholesaler(books, token)
    routes = [
        Route(API + "/{operation}", vendor.answer, methods=["GET", "POST"]),
        *_administration(vendor),
    ]
    return FaultLayer(Starlette(routes=routes), plan)


def _administration(vendor: Btswholesaler) -> list[Route]:
    books = vendor.books

    async def ledger(_request: Request) -> Response:
        orders = books.ledger()
        return reply({"orders": orders, "calls": vendor.calls, "wallet": str(books.settings.wallet)})

    async def script(request: Request) -> Response:
        return await _changed(request, books.add_rule)

    async def order(request: Request) -> Response:
        number = request.path_params["number"]
        return await _changed(request, lambda change: books.change_order(number, *_read_change(change)))

    async def stock(request: Request) -> Response:
        return await _changed(request, books.set_stocks)

    async def prices(request: Request) -> Response:
        return await _changed(request, books.set_prices)

    async def articles(request: Request) -> Response:
        return await _changed(request, books.withdraw)

    async def settings(request: Request) -> Response:
        if request.method == "POST":
            return await _changed(request, books.change_settings)
        return reply(asdict(books.settings))

    return [
        Route("/_sandbox/ledger", ledger),
        Route("/_sandbox/script", script, methods=["POST"]),
        Route("/_sandbox/orders/{number}", order, methods=["POST"]),
        Route("/_sandbox/stock", stock, methods=["POST"]),
        Route("/_sandbox/prices", prices, methods=["POST"]),
        Route("/_sandbox/articles", articles, methods=["POST"]),
        Route("/_sandbox/settings", settings, methods=["GET", "POST"]),
    ]


async def _changed(request: Request, change: Callable[[dict[str, Any]], object]) -> Response:
    try:
        change(await request.json())
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        return reply({"error": f"{type(error).__name__}: {error}"}, 400)
    return reply({"done": True})


def _read_change(change: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    tracking = change.get("tracking") or ()
    return change.get("status"), (tracking,) if isinstance(tracking, str) else tuple(tracking)


def _countries() -> Response:
    return reply([{"country_code": code, "country_name": name} for code, name in COUNTRIES.items()])


def _listed(pairs: Pairs, name: str) -> list[str]:
    """Read a list parameter in either of its spellings: ``name[]`` or ``name[0]``."""
    return [value for key, value in pairs if re.fullmatch(rf"{name}\[\d*\]", key)]


def _units(lines: list[Line]) -> int:
    return sum(line.quantity for line in lines)


def _details(order: Order, now: float) -> dict[str, Any]:
    products = [
        {
            "product_sku": line.ean,
            "product_name": line.name,
            "quantity": line.quantity,
            "unit_price": f"{line.unit_price:.2f}",
        }
        for line in order.lines
    ]
    return {
        "order_number": order.number,
        "order_status": order.status(now),
        "tracking": ", ".join(order.tracking(now)),
        "order_total": f"{order.total:.2f}",
        "client_email": "",
        **{name: order.form.get(name, "") for name in ADDRESS_FIELDS},
        "state_code": order.form.get("state_code"),
        "shipping_company": order.carrier,
        "shipping_cost": f"{order.shipping_cost:.2f}",
        "comments": "",
        **_expected(order),
        "dropshipping": int(order.form.get("dropshipping", "0") == "1"),
        "entry_date": feeds.moment(order.created_at),
        "products": products,
    }


def _expected(order: Order) -> dict[str, str]:
    days = {"dispatch_date": 1, "dispatch_date_2": 2, "delivery_date": 3, "delivery_date_2": 5}
    return {f"expected_{name}": feeds.moment(order.created_at + days[name] * _DAY) for name in days}


def _tracking_rows(order: Order, now: float) -> list[dict[str, str]]:
    numbers = order.tracking(now)
    values = numbers if order.script.tracking_rows else [", ".join(numbers)]
    return [{"order_number": order.number, "tracking": value} for value in values]


def main() -> None:
    """Serve one simulator until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.btswholesaler", description="A simulated BTSWholesaler")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--articles", "--catalogue", type=int, default=500, help="how many articles there are")
    parser.add_argument("--token", default=DEFAULT_TOKEN)
    parser.add_argument("--state", type=Path, help="the journal; a restart with the same one knows every order")
    parser.add_argument("--ship-after", type=float, default=20.0, help="seconds until an unscripted order ships")
    options = parser.parse_args()
    app = create_app(
        seed=options.seed,
        articles=options.articles,
        token=options.token,
        state=options.state,
        settings={"ship_after": options.ship_after},
    )
    serve(app, options.port)


if __name__ == "__main__":
    main()
