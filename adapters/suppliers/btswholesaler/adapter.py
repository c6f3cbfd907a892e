"""BTSWholesaler as a supplier: transport, and what its calls mean for us. The mapping is in requests and replies.

It has no idempotency key, no reference field, no list of orders and no cancellation: an order is placed once, and
whatever is unclear afterwards is a person's to settle in the vendor's portal.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import httpx
from stdnum import ean as gtin

from adapters.errors import AdapterError, AuthenticationFailed, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.http import CallSink, HttpApi
from adapters.plugin import Plugin
from adapters.suppliers.btswholesaler import replies, requests
from adapters.suppliers.btswholesaler.feeds import Feeds, columns_of
from adapters.suppliers.btswholesaler.requests import PaymentMethod
from adapters.suppliers.configured import bearer_api, refuse_options
from models.configuration import Supplier
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding, Severity
from models.suppliers import (
    Cancellation,
    Capabilities,
    Destination,
    DoubtMeans,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
)

MAX_EAN = 40  # characters: as models.suppliers.Ean
OPTIONS = frozenset({"payment_method", "telephone"})  # telephone: the shop's own, where a customer left none
STOCK_BATCH = 100  # EANs in one getProductStock call
CAPABILITIES = Capabilities(
    live_rates=True,
    live_stock=True,
    doubt=DoubtMeans.NONE,
    cancel=False,
    line_level_shipments=False,
    test_orders=True,
)
_REFUSED_CREDENTIALS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
Answer = TypeVar("Answer")
_HEALTHY_FEEDS = ("use_pagination", "available")


class Btswholesaler:
    """The supplier's port. Safe to share between threads."""

    capabilities = CAPABILITIES

    def __init__(self, *, api: HttpApi, supplier_id: str, settings: Supplier, payment_method: PaymentMethod) -> None:
        self._api = api
        self._supplier_id = supplier_id
        self._settings = settings
        self._payment_method = payment_method

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask what is there now, in batches of 100."""
        distinct = list(dict.fromkeys(requests.normalised_ean(ean) for ean in eans))
        found: dict[str, StockAnswer] = {}
        for start in range(0, len(distinct), STOCK_BATCH):
            batch = distinct[start : start + STOCK_BATCH]
            answers = self._ask("getProductStock", requests.stock_parameters(batch), partial(replies.read_stock, batch))
            found |= {answer.ean: answer for answer in answers}
        return [found[requests.normalised_ean(ean)].model_copy(update={"ean": ean}) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there; free where the goods' value earns it."""
        parameters = requests.shipping_parameters(destination, lines)
        quotes = self._ask("getShippingPrices", parameters, replies.read_quotes)
        if all(threshold is None for _, threshold in quotes):
            return [quote for quote, _ in quotes]
        return replies.free_where_due(quotes, self._subtotal(lines))

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Order once, on a fresh connection; see the port for what each failure means."""
        form = requests.order_form(order, self._payment_method, self._settings.options.get("telephone", ""))
        response = self._api.instruct(
            "setCreateOrder", "POST", "setCreateOrder", timeout=self._settings.submit_timeout, data=form
        )
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise AuthenticationFailed(f"setCreateOrder: {self._supplier_id} does not accept our token")
        return replies.read_placement(response.status_code, response.text)

    def find_order(self, order: SupplierOrder) -> Lookup:  # noqa: ARG002 - the port's
        """Find nothing: the vendor keeps no number of ours, and lists no orders."""
        return Lookup(verdict=LookupVerdict.UNSURE, said="the vendor keeps no number of ours")

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands. Raises Refused("order_not_found") where the supplier does not know it (yet)."""
        parameters = requests.order_parameters(supplier_number)
        order = self._ask("getOrder", parameters, partial(replies.read_order, supplier_number))
        return replies.order_status(order, self._trackings(supplier_number))

    def cancel_order(self, supplier_number: str) -> Cancellation:  # noqa: ARG002 - the port's
        """Refuse: the vendor has no call for it, only its portal and an account manager."""
        raise Refused("cancel: the vendor's interface has no cancellation", code="no_cancel")

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        """Walk through all of it, or through what changed or is new since then."""
        return Feeds(self._response).pages(kind, since, cursor)

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        """Say which field of our rows comes from which name of the vendor's."""
        return columns_of(kind)

    def probe(self) -> None:
        """Ask how the feed is doing: the answer is short, and needs our token."""
        self._ask("getFeedStatus", [], replies.read_feed_status)

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check token, countries, feed and sample EANs. Nothing is asked further once the token fails."""
        findings = self._checked("credentials and countries", self._check_countries)
        if findings[0].severity is Severity.ERROR:
            return findings
        findings += self._checked("feed", self._check_feed)
        return findings + self._checked("articles", lambda: self._check_eans(sample_eans))

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()

    def _ask(self, operation: str, parameters: requests.Pairs, read: Callable[[Any], Answer]) -> Answer:
        """Ask, and read the answer; what can't be read may still be an error in an envelope of its own."""
        response = self._response(operation, parameters)
        try:
            return read(replies.read_document(operation, response.status_code, response.text))
        except UnexpectedReply:
            code = replies.error_code(response.text)
            if code:
                raise Refused(f"{operation}: refused with {code}", code=code) from None
            raise

    def _response(self, operation: str, parameters: requests.Pairs) -> httpx.Response:
        response = self._api.ask(operation, "GET", operation, params=parameters)
        if response.status_code in _REFUSED_CREDENTIALS:
            raise AuthenticationFailed(f"{operation}: {self._supplier_id} does not accept our token")
        return response

    def _trackings(self, supplier_number: str) -> list[Any]:
        parameters = requests.tracking_parameters(supplier_number)
        try:
            return self._ask("getTrackings", parameters, partial(replies.read_trackings, supplier_number))
        except Refused as refusal:
            if refusal.code == replies.ORDER_NOT_FOUND:  # the vendor's way to say: no parcel yet
                return []
            raise

    def _subtotal(self, lines: Sequence[SupplierLine]) -> Decimal:
        answers = self.fetch_stock([line.ean for line in lines])
        costs = (answer.unit_cost.amount if answer.unit_cost else Decimal(0) for answer in answers)
        return sum((cost * line.quantity for cost, line in zip(costs, lines, strict=True)), Decimal(0))

    def _checked(self, subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return check()
        except AuthenticationFailed:
            remedy = f"create a token in the supplier's portal and put it into {self._settings.token_env}"
            return [self._finding(Severity.ERROR, subject, "the token is not accepted", remedy)]
        except (NotSent, Unavailable) as error:
            remedy = f"check base_url ({self._settings.base_url}) and the network; it may be down for a while"
            return [self._finding(Severity.ERROR, subject, f"no answer: {error}", remedy)]
        except AdapterError as error:
            remedy = "check base_url and the API's version (v2.1 is expected)"
            return [self._finding(Severity.ERROR, subject, str(error), remedy)]

    def _check_countries(self) -> list[Finding]:
        countries = self._ask("getCountries", [], replies.read_countries)
        if not countries:
            remedy = "ask the account manager which countries the account may ship to"
            return [self._finding(Severity.ERROR, "countries", "the supplier ships nowhere", remedy)]
        message = f"token accepted; ships to {len(countries)} countries: {', '.join(sorted(countries))}"
        return [self._finding(Severity.OK, "credentials and countries", message)]

    def _check_feed(self) -> list[Finding]:
        status = self._ask("getFeedStatus", [], replies.read_feed_status)
        if status in _HEALTHY_FEEDS:
            return [self._finding(Severity.OK, "feed", f"the product feed is {status}")]
        remedy = "ask the account manager to enable the feed; stock and prices may be old until then"
        return [self._finding(Severity.WARNING, "feed", f"the product feed is {status[:40]}", remedy)]

    def _check_eans(self, eans: Sequence[str]) -> list[Finding]:
        usable = [ean for ean in eans if 0 < len(requests.normalised_ean(ean)) <= MAX_EAN]
        known = {answer.ean for answer in self.fetch_stock(usable) if answer.known}
        warnings = [warning for ean in eans if (warning := self._ean_warning(ean, known)) is not None]
        return [self._finding(Severity.OK, "articles", f"{len(known)} of {len(set(eans))} EANs known"), *warnings]

    def _ean_warning(self, ean: str, known: set[str]) -> Finding | None:
        subject = f"EAN {ean[:MAX_EAN]}"
        if ean not in known:
            remedy = "correct the variant's barcode in the shop, or map it to the supplier's EAN"
            return self._finding(Severity.WARNING, subject, "the supplier does not know it", remedy)
        if not gtin.is_valid(requests.normalised_ean(ean)):
            remedy = "compare it with the supplier's article; it is ordered as it stands"
            return self._finding(Severity.WARNING, subject, "its check digit is wrong", remedy)
        return None

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


def build(*, settings: Supplier, supplier_id: str, secrets: Callable[[str], str], sink: CallSink) -> Btswholesaler:
    """Build the port from configuration. Raises ValueError for an option there is not."""
    refuse_options(settings, supplier_id, OPTIONS)
    payment_method = _payment_method(supplier_id, settings.options.get("payment_method", PaymentMethod.WALLET))
    api = bearer_api(settings, supplier_id, secrets, sink)
    return Btswholesaler(api=api, supplier_id=supplier_id, settings=settings, payment_method=payment_method)


def _payment_method(supplier_id: str, value: str) -> PaymentMethod:
    try:
        return PaymentMethod(value)
    except ValueError:
        raise ValueError(f"supplier {supplier_id}: payment_method is one of {', '.join(PaymentMethod)}") from None


PLUGIN = Plugin(
    id="btswholesaler",
    group="suppliers",
    build=build,
    label="BTSWholesaler",
    documentation="docs/suppliers/btswholesaler.md",
    statuses=tuple(replies.STATES),
)
