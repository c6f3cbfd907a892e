"""Printful as a supplier: transport, and what its calls mean for us. The mapping is in requests and replies.

An order is a draft first, under our number, and costs nothing until it is confirmed. Where a draft is refused, a look
for our number tells whether an earlier attempt has left one, and placing goes on from there. Webhooks are not signed:
they only say which order to read again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.http import CallSink, HttpApi
from adapters.plugin import Plugin
from adapters.suppliers.allowance import Allowance
from adapters.suppliers.configured import bearer_api, is_secret, profile_of, refuse_options, webhook_secret
from adapters.suppliers.printful import replies, requests
from adapters.suppliers.printful.profile import PrintfulProfile
from adapters.suppliers.printful.replies import OrderReply
from models.articles import normalise_ean
from models.configuration import Supplier
from models.exchange import PartnerNews
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding, Severity
from models.suppliers import (
    Arrival,
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
    SupplierState,
)

CALLS_PER_SECOND = 2.0  # 120 a minute, says the vendor
VISIBLE_AFTER = timedelta(seconds=30)  # the vendor promises nothing: ours
_REFUSED_CREDENTIALS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


class Printful:
    """The supplier's port. Safe to share between threads."""

    def __init__(
        self, *, api: HttpApi, supplier_id: str, settings: Supplier, profile: PrintfulProfile, webhook_secret: str
    ) -> None:
        self._api = api
        self._supplier_id = supplier_id
        self._settings = settings
        self._profile = profile
        self._webhook_secret = webhook_secret
        self.capabilities = _capabilities(profile, listens=settings.webhook_secret_env is not None)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask whether each article can be made now; "in stock" counts as the profile's quantity."""
        if not self.capabilities.live_stock:  # the store's variants are not named by EAN
            return [StockAnswer(ean=ean, known=False, quantity=0) for ean in eans]
        answers = {key: self._stock_of(key) for key in dict.fromkeys(map(normalise_ean, eans))}
        return [answers[normalise_ean(ean)].model_copy(update={"ean": ean}) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there."""
        body = requests.rates(destination, lines, self._profile)
        return replies.read_quotes(self._result("rates", "POST", "shipping/rates", json=body))

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Draft it, unless that was done before, and confirm it; a test order stays a draft."""
        allowance = Allowance(self._settings.submit_timeout)
        there = self._draft(order, allowance)
        if order.test or not there.is_draft:
            return replies.placed(there)
        return self._confirm(there, allowance)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for it by our number. A draft is no order: placing it again goes on from there."""
        there = self._look(order.number)
        if there is None:
            return Lookup(verdict=LookupVerdict.ABSENT, said="no such order")
        if there.is_draft and not order.test:
            return Lookup(verdict=LookupVerdict.ABSENT, said="a draft, not confirmed")
        placed = replies.placed(there)
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed, said=placed.status_text)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands. Raises Refused("order_not_found") where the supplier does not know it."""
        return replies.order_status(self._order(supplier_number))

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Cancel it, which goes until it is made. What the order says afterwards is the answer."""
        response = self._response("cancel", "DELETE", requests.supplier_order_path(supplier_number))
        if response.is_success:
            order = replies.read_order("cancel", response.status_code, response.text)
        else:
            order = self._order(supplier_number)
        cancelled = replies.state_of(order.status) is SupplierState.CANCELLED
        return Cancellation.CANCELLED if cancelled else Cancellation.TOO_LATE

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: what it prints on demand has no stock to list."""
        raise Refused(f"{kind} feed: the vendor has none; stock is asked for live", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:  # noqa: ARG002 - the port's
        """Name no columns: there is no feed."""
        return {}

    def probe(self) -> None:
        """List the stores: the answer is short, and needs our token."""
        self._stores()

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check the token, and which of the sample EANs the store does not know. Nothing is asked once the token fails."""
        findings = self._checked("token and stores", self._check_stores)
        if findings[0].severity is Severity.ERROR or not self.capabilities.live_stock:
            return findings
        return findings + self._checked("articles", lambda: self._check_eans(sample_eans))

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:  # noqa: ARG002
        """Say which order to read again. All that tells its sender is the secret in the address."""
        if not is_secret(path_secret, self._webhook_secret):
            raise AuthenticationFailed("webhook: the end of its address is not the secret", code="wrong_secret")
        return [*replies.read_event(body)]

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()

    # Placing.

    def _draft(self, order: SupplierOrder, allowance: Allowance) -> OrderReply:
        body = requests.draft(order, self._profile)
        response = self._instruct("draft", "orders", allowance, params={"confirm": "0"}, json=body)
        try:
            return self._ours("draft", order.number, response)
        except UnexpectedReply as error:
            doubt = Doubtful(str(error), code=error.code)
        refusal = replies.refusal("draft", response.status_code, response.text)
        if refusal is None:
            raise doubt
        return self._left_before(body, refusal, doubt)

    def _left_before(self, body: Mapping[str, Any], refusal: AdapterError, doubt: Doubtful) -> OrderReply:
        """Find what an earlier attempt has left: our number is taken only once, and that is one reason to refuse.

        The order may have changed since then, its address above all: such a draft is never gone on with.
        """
        try:
            there = self._look(body["external_id"])
        except AdapterError:
            raise doubt from None
        if there is None:
            raise refusal
        if there.is_draft and not replies.same_order(there, body):
            raise Refused("draft: our number has a draft with other contents", code="draft_differs")
        return there

    def _confirm(self, draft: OrderReply, allowance: Allowance) -> PlacedOrder:
        path = requests.supplier_order_path(draft.id)
        response = self._instruct("confirm", f"{path}/confirm", allowance)
        try:
            return replies.placed(replies.read_order("confirm", response.status_code, response.text))
        except UnexpectedReply as error:
            return self._confirmed_or_not(draft, response, Doubtful(str(error), code=error.code))

    def _confirmed_or_not(self, draft: OrderReply, response: httpx.Response, doubt: Doubtful) -> PlacedOrder:
        """After a refusal the order itself says whether it was confirmed, e.g. by an earlier attempt."""
        refusal = replies.refusal("confirm", response.status_code, response.text)
        if refusal is None:
            raise doubt
        try:
            there = self._order(draft.id)
        except AdapterError:
            raise doubt from None
        if there.is_draft:
            raise refusal
        return replies.placed(there)

    def _instruct(self, operation: str, path: str, allowance: Allowance, **options: Any) -> httpx.Response:
        response = self._api.instruct(operation, "POST", path, timeout=allowance.left(operation), **options)
        if response.status_code in _REFUSED_CREDENTIALS:
            raise self._no_access(operation)
        return response

    # Asking.

    def _look(self, number: str) -> OrderReply | None:
        response = self._response("look", "GET", requests.order_path(number))
        return None if _is_missing(response) else self._ours("look", number, response)

    def _ours(self, operation: str, number: str, response: httpx.Response) -> OrderReply:
        order = replies.read_order(operation, response.status_code, response.text)
        if order.external_id != number:
            raise UnexpectedReply(f"{operation}: external_id is not the one asked for", code="unexpected_shape")
        return order

    def _order(self, supplier_number: str) -> OrderReply:
        response = self._response("order", "GET", requests.supplier_order_path(supplier_number))
        if _is_missing(response):
            raise Refused("order: the supplier does not know it", code="order_not_found")
        order = replies.read_order("order", response.status_code, response.text)
        if order.id != supplier_number:
            raise UnexpectedReply("order: id is not the one asked for", code="unexpected_shape")
        return order

    def _stock_of(self, key: str) -> StockAnswer:
        response = self._response("variant", "GET", requests.variant_path(key))
        if _is_missing(response):
            return StockAnswer(ean=key, known=False, quantity=0)
        variant = replies.read_variant(replies.result_of("variant", response.status_code, response.text))
        cost = replies.read_cost(self._result("catalogue", "GET", f"products/variant/{variant.variant_id}"))
        quantity = self._profile.quantity if variant.available else 0
        return StockAnswer(ean=key, known=True, quantity=quantity, unit_cost=cost)

    def _stores(self) -> int:
        return replies.read_stores(self._result("stores", "GET", "stores"))

    def _result(self, operation: str, method: str, path: str, **options: Any) -> Any:
        """Ask, and take the result out of its envelope; a well-formed error is a refusal."""
        response = self._response(operation, method, path, **options)
        if refusal := replies.refusal(operation, response.status_code, response.text):
            raise refusal
        return replies.result_of(operation, response.status_code, response.text)

    def _response(self, operation: str, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._api.ask(operation, method, path, **options)
        if response.status_code in _REFUSED_CREDENTIALS:
            raise self._no_access(operation)
        return response

    def _no_access(self, operation: str) -> AuthenticationFailed:
        return AuthenticationFailed(f"{operation}: {self._supplier_id} does not accept our token for this store")

    # Checking.

    def _checked(self, subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return check()
        except AuthenticationFailed:
            remedy = f"create a private token for the store and put it into {self._settings.token_env}"
            return [self._finding(Severity.ERROR, subject, "the token is not accepted", remedy)]
        except (NotSent, Unavailable) as error:
            remedy = f"check base_url ({self._settings.base_url}) and the network; it may be down for a while"
            return [self._finding(Severity.ERROR, subject, f"no answer: {error}", remedy)]
        except AdapterError as error:
            return [
                self._finding(Severity.ERROR, subject, str(error), "check base_url (API v1 is expected) and store_id")
            ]

    def _check_stores(self) -> list[Finding]:
        return [self._finding(Severity.OK, "token and stores", f"token accepted; it opens {self._stores()} stores")]

    def _check_eans(self, eans: Sequence[str]) -> list[Finding]:
        unknown = [answer.ean for answer in self.fetch_stock(eans) if not answer.known]
        remedy = "give the store's variant this external_id, or correct the variant's barcode in the shop"
        return [
            self._finding(Severity.OK, "articles", f"{len(eans) - len(unknown)} of {len(eans)} EANs known"),
            *(
                self._finding(Severity.WARNING, f"EAN {ean[:40]}", "the store has no such variant", remedy)
                for ean in unknown
            ),
        ]

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


def _is_missing(response: httpx.Response) -> bool:
    return replies.is_missing(response.status_code, response.text)


def _capabilities(profile: PrintfulProfile, *, listens: bool) -> Capabilities:
    told = Arrival.BOTH if listens else Arrival.POLL
    return Capabilities(
        live_rates=True,
        live_stock=profile.items_by == "ean",
        doubt=DoubtMeans.LOOK_UP,
        visibility_delay=VISIBLE_AFTER,
        cancel=True,
        acknowledgement=told,
        shipment=told,
        line_level_shipments=True,
        test_orders=True,
        api_version="v1",
        calls_per_second=CALLS_PER_SECOND,
    )


def build(*, settings: Supplier, supplier_id: str, secrets: Callable[[str], str], sink: CallSink) -> Printful:
    """Build the port from configuration. Raises ValueError for what can't be used."""
    refuse_options(settings, supplier_id)
    profile = profile_of(PrintfulProfile, settings, supplier_id)
    store = {"X-PF-Store-Id": profile.store_id} if profile.store_id else {}
    api = bearer_api(settings, supplier_id, secrets, sink, headers=store, calls_per_second=CALLS_PER_SECOND)
    secret = webhook_secret(settings, secrets)
    return Printful(api=api, supplier_id=supplier_id, settings=settings, profile=profile, webhook_secret=secret)


PLUGIN = Plugin(
    id="printful",
    group="suppliers",
    build=build,
    label="Printful",
    documentation="docs/suppliers/printful.md",
    statuses=tuple(replies.STATES),
    profile=PrintfulProfile,
    versions=("v1",),
)
