"""Any REST interface as a supplier, described by its profile and by no code: transport, and what its calls mean for us.

What goes out is in ``calls``, which answers are successes in ``judging``, and what they mean in ``replies``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from adapters.errors import (
    AdapterError,
    AuthenticationFailed,
    NotSent,
    Refused,
    Unavailable,
    UnexpectedReply,
)
from adapters.http import CallSink, HttpApi, http_client
from adapters.pacing import Pace
from adapters.plugin import Plugin
from adapters.suppliers.allowance import Allowance
from adapters.suppliers.configured import address_and_token, profile_of, refuse_options, webhook_secret
from adapters.suppliers.generic_rest import calls, feeds, judging, placing, replies, webhooks
from adapters.suppliers.generic_rest.authentication import ClientCredentials
from adapters.suppliers.generic_rest.calls import Prepared
from adapters.suppliers.generic_rest.checking import CheckedRestProfile
from adapters.suppliers.generic_rest.credentials import WITHHELD, Credentials, LentToken, key_of, redaction
from adapters.suppliers.generic_rest.offering import capabilities_of
from adapters.suppliers.generic_rest.profile import FetchStock, RestProfile
from adapters.suppliers.generic_rest.replies import Reader
from adapters.suppliers.generic_rest.values import Source
from adapters.suppliers.without_interface import quote_from_terms
from models.articles import normalise_ean
from models.configuration import Supplier
from models.exchange import PartnerNews
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding, Severity
from models.suppliers import (
    Cancellation,
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

NO_CARRIER = "supplier"


class GenericRest:
    """The supplier's port. Safe to share between threads."""

    def __init__(
        self,
        *,
        api: HttpApi,
        credentials: Credentials,
        supplier_id: str,
        settings: Supplier,
        profile: RestProfile,
        webhook_secret: str,
    ) -> None:
        self._api = api
        self._credentials = credentials
        self._supplier_id = supplier_id
        self._settings = settings
        self._profile = profile
        self._operations = profile.operations
        self._webhook_secret = webhook_secret
        self.capabilities = capabilities_of(profile, listens=settings.webhook_secret_env is not None)

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask what is there now, in batches; where it can't be asked, nothing is known."""
        found: dict[str, StockAnswer] = {}
        if (call := self._operations.fetch_stock) is not None:
            keys = list(dict.fromkeys(map(normalise_ean, eans)))
            for start in range(0, len(keys), call.batch):
                found |= self._stock_of(call, keys[start : start + call.batch])
        missing = StockAnswer(ean="-", known=False, quantity=0)
        return [found.get(normalise_ean(ean), missing).model_copy(update={"ean": ean}) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there; else say what the shipping table of its terms says."""
        call = self._operations.quote_shipping
        if call is None:
            carrier = next(iter(self._settings.preferred_carriers), NO_CARRIER)
            return quote_from_terms(self._settings.terms, destination, lines, carrier=carrier)
        context = calls.about_shipping(destination, lines)
        try:
            return replies.read_quotes(self._profile, call, self._ask("quote_shipping", context))
        except Refused as refusal:
            if refusal.code == judging.NOT_FOUND:
                return []
            raise

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Order once, on a fresh connection; see the port for what each failure means."""
        if order.test and not self._profile.test_orders:
            raise Refused("place_order: the supplier has no test orders", code="no_test_orders")
        context = calls.about_order(order)
        response = self._instruct(calls.prepare("place_order", self._operations.place_order, context))
        return placing.read(self._profile, response.status_code, response.text, order.number)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for it by our number, where the profile says how."""
        call = self._operations.find_order
        if call is None or self.capabilities.doubt is DoubtMeans.NONE:
            return Lookup(verdict=LookupVerdict.UNSURE, said="it can't be asked for by our number")
        try:
            document = self._ask("find_order", calls.about_order(order))
        except Refused as refusal:
            if refusal.code == judging.NOT_FOUND:
                return Lookup(verdict=LookupVerdict.ABSENT, said="no such order")
            raise
        return replies.read_lookup(self._profile, call, document, order.number)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands. Raises Refused("order_not_found") where the supplier does not know it."""
        document = self._ask("fetch_order", calls.about_number(supplier_number))
        expression = self._operations.fetch_order.order
        order = Source("fetch_order", document).get("order", expression)
        if not order:
            if replies.proves_absence(self._profile, document, order, expression):
                raise Refused("fetch_order: there is no such order", code=judging.NOT_FOUND)
            raise Source("fetch_order", document).wrong("order", "is missing")
        checked = "" if self._operations.place_order.number_is_ours else supplier_number
        return self._reader("fetch_order").status(order, checked)

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Ask for an order to be stopped, where the profile says how."""
        call = self._operations.cancel_order
        if call is None:
            raise Refused("cancel_order: the supplier has no call for it", code="no_cancel")
        try:
            document = self._ask("cancel_order", calls.about_number(supplier_number))
        except (Refused, UnexpectedReply) as error:
            return self._cancelled_before(supplier_number, error)
        return self._reader("cancel_order").cancellation(Source("cancel_order", document).get("order", call.order))

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:
        """Walk through one of its lists, where the profile describes it."""
        if kind not in self._profile.feeds:
            raise Refused(f"{kind} feed: the profile describes none", code="no_feed")
        return feeds.walk(self._profile.feeds[kind], self._send, since=since, cursor=cursor)

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        """Say which field of our rows comes from which name of its own."""
        return feeds.columns(self._profile.feeds[kind]) if kind in self._profile.feeds else {}

    def probe(self) -> None:
        """Ask what the profile calls the cheapest question."""
        self._ask("probe", {})

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check the credential, and which of the sample EANs it does not know. Nothing is asked once that fails."""
        findings = self._checked("credential", self._check_access)
        if findings[0].severity is Severity.ERROR or self._operations.fetch_stock is None:
            return findings
        return findings + self._checked("articles", lambda: self._check_eans(sample_eans))

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:
        """Verify who sent it, and say what it means."""
        webhook = self._profile.webhook
        if webhook is None:
            raise AuthenticationFailed("webhook: the profile describes none", code="no_webhook")
        webhooks.verify(webhook, self._webhook_secret, headers, body, path_secret, datetime.now(UTC))
        return [*webhooks.read(self._profile, webhook, body)]

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()

    def _cancelled_before(self, supplier_number: str, error: AdapterError) -> Cancellation:
        """Suppliers that have cancelled an order may refuse to do so again, as if it were too late.

        Where nobody understands what they say, how the order stands from now on tells.
        """
        if self.fetch_order(supplier_number).state is SupplierState.CANCELLED:
            return Cancellation.CANCELLED
        if error.code == judging.TOO_LATE:
            return Cancellation.TOO_LATE
        if isinstance(error, UnexpectedReply):
            return Cancellation.REQUESTED
        raise error

    def _reader(self, operation: str) -> Reader:
        return Reader(self._profile, operation, self._profile.order)

    def _stock_of(self, call: FetchStock, keys: Sequence[str]) -> dict[str, StockAnswer]:
        try:
            document = self._ask("fetch_stock", calls.about_stock(keys))
        except Refused as refusal:
            if refusal.code == judging.NOT_FOUND:
                return {}
            raise
        return replies.read_stock(self._profile, call, document)

    # Calls.

    def _ask(self, operation: str, context: Mapping[str, Any]) -> Any:
        return self._send(operation, calls.prepare(operation, getattr(self._operations, operation), context))

    def _send(self, operation: str, prepared: Prepared) -> Any:
        """Ask, once more with a new token where the old one is refused; return a success's JSON."""
        send = partial(self._api.ask, operation, prepared.method, prepared.path)
        options = self._options(prepared)
        response = send(**options)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credentials.renew(options["headers"]):
            response = send(**self._options(prepared))
        return judging.success(self._profile, operation, response.status_code, response.text)

    def _instruct(self, prepared: Prepared) -> httpx.Response:
        allowance = Allowance(self._settings.submit_timeout)  # a new token takes its part of it
        try:
            options = self._options(prepared)
        except (Unavailable, UnexpectedReply) as error:
            said = f"place_order: not sent, no credential: {error}"
            raise NotSent(said, code=error.code, retry_after=error.retry_after) from error
        timeout = allowance.left("place_order")
        response = self._api.instruct("place_order", prepared.method, prepared.path, timeout=timeout, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credentials.renew(options["headers"]):
            raise NotSent("place_order: our token had ended", code="token_ended")
        return response

    def _options(self, prepared: Prepared) -> dict[str, Any]:
        headers = {**prepared.headers, **self._credentials.headers()}
        return {"params": [*prepared.query, *self._credentials.query()], "headers": headers, **prepared.body}

    # Checking.

    def _checked(self, subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return check()
        except AuthenticationFailed:
            remedy = f"get a credential from the supplier and put it into {self._settings.token_env}"
            return [self._finding(Severity.ERROR, subject, "the credential is not accepted", remedy)]
        except (NotSent, Unavailable) as error:
            remedy = f"check base_url ({self._settings.base_url}) and the network; it may be down for a while"
            return [self._finding(Severity.ERROR, subject, f"no answer: {error}", remedy)]
        except AdapterError as error:
            return [self._finding(Severity.ERROR, subject, str(error), "compare the profile with a real answer")]

    def _check_access(self) -> list[Finding]:
        self.probe()
        accepted = self._finding(Severity.OK, "credential", "accepted")
        if self._profile.webhook is None or self._webhook_secret:
            return [accepted]
        message = "the profile describes webhooks, and there is no secret to believe them by"
        remedy = "set webhook_secret_env and that variable, or take profile.webhook out"
        return [accepted, self._finding(Severity.WARNING, "webhooks", message, remedy)]

    def _check_eans(self, eans: Sequence[str]) -> list[Finding]:
        unknown = [answer.ean for answer in self.fetch_stock(eans) if not answer.known]
        remedy = "correct the variant's barcode in the shop, or map it to the supplier's article"
        missing = [
            self._finding(Severity.WARNING, f"EAN {ean[:40]}", "the supplier does not know it", remedy)
            for ean in unknown
        ]
        known = f"{len(eans) - len(unknown)} of {len(eans)} EANs known"
        return [self._finding(Severity.OK, "articles", known), *missing]

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


def build(*, settings: Supplier, supplier_id: str, secrets: Callable[[str], str], sink: CallSink) -> GenericRest:
    """Build the port from configuration. Raises ValueError for what can't be used."""
    refuse_options(settings, supplier_id)
    profile = profile_of(CheckedRestProfile, settings, supplier_id)
    url, secret = address_and_token(settings, supplier_id, secrets)
    terms = profile.authentication
    rate = settings.calls_per_second or profile.calls_per_second
    headers = {"Accept": "application/json", **profile.headers}
    client = http_client(url, headers, settings.read_timeout)
    connect = partial(HttpApi, system=supplier_id, client=client, sink=sink, pace=Pace(rate) if rate else None)
    credentials: Credentials
    if isinstance(terms, ClientCredentials):
        credentials = LentToken(terms, secret, connect(redact=lambda text: WITHHELD if text else ""))
    else:
        credentials = key_of(terms, secret)
    return GenericRest(
        api=connect(redact=redaction(terms, secret)),
        credentials=credentials,
        supplier_id=supplier_id,
        settings=settings,
        profile=profile,
        webhook_secret=webhook_secret(settings, secrets),
    )


PLUGIN = Plugin(
    id="generic-rest",
    group="suppliers",
    build=build,
    label="Any REST interface, by configuration",
    documentation="docs/suppliers/generic-rest.md",
    profile=CheckedRestProfile,
)
