"""CJ Dropshipping as a supplier: transport, and what its calls mean for us. The mapping is in requests and replies.

An order is made in three steps: created, confirmed, paid from the balance. Until the last it is a draft that nobody
ships. The vendor takes our number once, so placing it again finds the draft and goes on from there.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from adapters.errors import (
    AdapterError,
    AuthenticationFailed,
    Doubtful,
    Refused,
    UnexpectedReply,
)
from adapters.http import CallSink, HttpApi, http_client
from adapters.pacing import Pace
from adapters.plugin import Plugin
from adapters.suppliers.allowance import Allowance
from adapters.suppliers.cjdropshipping import replies, requests
from adapters.suppliers.cjdropshipping.calls import Calls, redacted
from adapters.suppliers.cjdropshipping.replies import Draft, Envelope
from adapters.suppliers.cjdropshipping.requests import CjProfile
from adapters.suppliers.configured import address_and_token, is_secret, profile_of, webhook_secret
from adapters.suppliers.json_answers import reference
from models.articles import normalise_ean
from models.configuration import Supplier
from models.exchange import LookAgain, PartnerNews
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
)

CALLS_PER_SECOND = 1.0  # of an account without a paid plan
DETAIL = "getOrderDetail"
FINAL = frozenset({"UNSHIPPED", "SHIPPED", "DELIVERED"})
Answer = TypeVar("Answer")


def capabilities_of(profile: CjProfile, *, listens: bool) -> Capabilities:
    """Say what CJ offers. An order can be called off until it is paid: never, where we pay it at once."""
    return Capabilities(
        live_rates=True,
        live_stock=False,
        doubt=DoubtMeans.LOOK_UP,
        visibility_delay=profile.visibility_delay,
        cancel=profile.payment == "manual",
        acknowledgement=Arrival.BOTH if listens else Arrival.POLL,
        shipment=Arrival.BOTH if listens else Arrival.POLL,
        test_orders=True,
        api_version="2.0",
        calls_per_second=CALLS_PER_SECOND,
    )


@dataclass(frozen=True)
class _Step:
    """One step of a draft: the call, the code with which it fails, and the status it leads to."""

    operation: str
    method: str
    failure: int
    leads_to: str


_CONFIRMING = _Step("confirmOrder", "PATCH", replies.CONFIRM_FAILED, replies.UNPAID)
_PAYING = _Step("payBalance", "POST", replies.PAY_FAILED, "UNSHIPPED")


class CjDropshipping:
    """The supplier's port. Safe to share between threads."""

    def __init__(
        self, *, api: HttpApi, supplier_id: str, settings: Supplier, profile: CjProfile, key: str, path_secret: str
    ) -> None:
        self.capabilities = capabilities_of(profile, listens=bool(path_secret))
        self._calls = Calls(api, key)
        self._supplier_id = supplier_id
        self._settings = settings
        self._profile = profile
        self._path_secret = path_secret

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask what is there now, variant by variant: two calls for each that is known. EANs are the vendor's ids here."""
        return [self._stock(ean) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there."""
        document = requests.freight_document(destination, lines, self._profile)
        return self._ask("freightCalculate", "POST", "logistic/freightCalculate", replies.read_quotes, json=document)

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Create, confirm and pay, each on a fresh connection; goes on from a draft that an earlier attempt left.

        A failure before the last step leaves a draft, which is no order: see the port for what each failure means.
        """
        allowance = Allowance(self._settings.submit_timeout)
        envelope = self._calls.instruct(
            "createOrderV2", "POST", requests.order_document(order, self._profile), allowance
        )
        draft = replies.read_creation("createOrderV2", envelope) or self._draft_from_before(order)
        if not draft.intercepted:
            draft = self._finished(order, draft, allowance)
        return PlacedOrder(supplier_number=draft.order_id, state=draft.state, status_text=draft.text, total=draft.total)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for an order by our number. A draft is none: placing it again goes on from there."""
        envelope = self._calls.ask(DETAIL, "GET", f"shopping/order/{DETAIL}", params={"orderId": order.number})
        if replies.is_missing(envelope):
            return Lookup(verdict=LookupVerdict.ABSENT, said="no order has our number")
        draft = replies.draft_of(replies.read_detail(DETAIL, envelope))
        if self._unfinished(order, draft):
            return Lookup(verdict=LookupVerdict.ABSENT, said=f"a draft: {draft.status}")
        placed = PlacedOrder(
            supplier_number=draft.order_id, state=draft.state, status_text=draft.text, total=draft.total
        )
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands."""
        return replies.order_status(DETAIL, self._detail(supplier_number))

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Delete an order that nobody has paid yet; also one that is not seen, which may be gone, or too new to be seen.

        One that is neither seen nor deleted may be paid: that leaves it open.
        """
        if not self.capabilities.cancel:
            raise Refused("cancel: what is paid can't be called off", code="no_cancel")
        status = self._status(supplier_number)
        if status not in {*replies.UNCONFIRMED, replies.UNPAID, None}:
            return Cancellation.CANCELLED if status == "CANCELLED" else Cancellation.TOO_LATE
        envelope = self._calls.ask(
            "deleteOrder", "DELETE", "shopping/order/deleteOrder", params={"orderId": supplier_number}
        )
        if envelope.good or replies.is_missing(envelope):
            return Cancellation.CANCELLED
        if envelope.code != replies.DELETE_FAILED:
            replies.raise_unanswered("deleteOrder", envelope)
        return Cancellation.TOO_LATE if status else Cancellation.REQUESTED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: the vendor lists its whole range, and has no list of what we sell of it."""
        raise Refused(f"fetch_feed: there is no feed of {kind}", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:  # noqa: ARG002 - the port's
        """Name no columns: there are no feeds."""
        return {}

    def probe(self) -> None:
        """Ask for the balance."""
        self._ask("getBalance", "GET", "shopping/pay/getBalance", replies.read_balance)

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check the key and the balance, and which of the samples the vendor does not know."""
        findings = self._checked("credentials", self._check_balance)
        if findings[0].severity is Severity.ERROR:
            return findings
        return findings + self._checked("articles", lambda: self._check_articles(sample_eans))

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, path_secret: str) -> list[PartnerNews]:  # noqa: ARG002
        """Take a webhook as a reason to look at an order again: the vendor does not sign what it says."""
        if not is_secret(path_secret, self._path_secret):
            raise AuthenticationFailed("webhook: the address it was sent to is not ours")
        try:
            params = json.loads(body)["params"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UnexpectedReply("webhook: params is missing", code="unexpected_shape") from None
        entries = params if isinstance(params, list) else [params]
        named = [entry.get("orderNumber") or entry.get("orderNum") for entry in entries if isinstance(entry, dict)]
        numbers = dict.fromkeys(number for name in named if (number := reference(name)))
        return [LookAgain(number=number, sequence=place) for place, number in enumerate(numbers)]

    def _draft_from_before(self, order: SupplierOrder) -> Draft:
        try:
            detail = self._detail(order.number)
        except AdapterError as error:
            raise Doubtful(
                "createOrderV2: our number may be taken, and what it is can't be read", code=error.code
            ) from None
        draft = replies.draft_of(detail)
        if self._unfinished(order, draft) and not replies.same_order(detail, order):
            raise Refused("createOrderV2: our number has a draft with other contents", code="draft_differs")
        return draft

    def _finished(self, order: SupplierOrder, draft: Draft, allowance: Allowance) -> Draft:
        if draft.status in {*replies.UNCONFIRMED, replies.UNPAID, ""}:
            draft = self._step(_CONFIRMING, draft, allowance)
        if draft.status == replies.UNPAID and self._pays(order):
            draft = self._step(_PAYING, draft, allowance)
        return draft

    def _step(self, step: _Step, draft: Draft, allowance: Allowance) -> Draft:
        """Take a draft one step on. The vendor also calls it a failure where that step was taken before."""
        envelope = self._calls.instruct(step.operation, step.method, {"orderId": draft.order_id}, allowance)
        if replies.read_step(step.operation, envelope, step.failure):
            return Draft(draft.order_id, step.leads_to, draft.total)
        try:
            found = replies.draft_of(self._detail(draft.order_id))
        except AdapterError as error:
            raise Doubtful(f"{step.operation}: refused, and the order can't be read", code=error.code) from None
        if found.status not in {step.leads_to, *FINAL}:
            raise Refused(f"{step.operation}: refused with {step.failure}", code=str(step.failure))
        return found

    def _pays(self, order: SupplierOrder) -> bool:
        return self._profile.payment == "balance" and not order.test

    def _unfinished(self, order: SupplierOrder, draft: Draft) -> bool:
        return draft.status in replies.UNCONFIRMED or (draft.status == replies.UNPAID and self._pays(order))

    def _status(self, number: str) -> str | None:
        """Ask for the vendor's word for an order's state; None where it is not seen."""
        try:
            return replies.draft_of(self._detail(number)).status
        except Refused as refusal:
            if refusal.code != "order_not_found":
                raise
            return None

    def _detail(self, number: str) -> dict[str, Any]:
        return self._ask(DETAIL, "GET", f"shopping/order/{DETAIL}", replies.read_detail, params={"orderId": number})

    def _stock(self, ean: str) -> StockAnswer:
        vid = normalise_ean(ean)
        units = self._units(vid)
        if units is None:
            return StockAnswer(ean=ean, known=False, quantity=0)
        cost = self._ask(
            "variant/queryByVid", "GET", "product/variant/queryByVid", replies.read_cost, params={"vid": vid}
        )
        return StockAnswer(ean=ean, known=True, quantity=units, unit_cost=cost)

    def _units(self, vid: str) -> int | None:
        read = partial(replies.read_stock, country=self._profile.from_country)
        return self._ask("stock/queryByVid", "GET", "product/stock/queryByVid", read, params={"vid": vid})

    def _ask(
        self, operation: str, method: str, path: str, read: Callable[[str, Envelope], Answer], **options: Any
    ) -> Answer:
        return read(operation, self._calls.ask(operation, method, path, **options))

    def _checked(self, subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return check()
        except AuthenticationFailed:
            remedy = f"create an API key in the vendor's portal and put it into {self._settings.token_env}"
            return [self._finding(Severity.ERROR, subject, "the key is not accepted", remedy)]
        except AdapterError as error:
            remedy = f"check base_url ({self._settings.base_url}) and the network; it may be down for a while"
            return [self._finding(Severity.ERROR, subject, f"no usable answer: {error}", remedy)]

    def _check_balance(self) -> list[Finding]:
        balance = self._ask("getBalance", "GET", "shopping/pay/getBalance", replies.read_balance)
        return [self._finding(Severity.OK, "credentials", f"key accepted; the balance is {balance}")]

    def _check_articles(self, eans: Sequence[str]) -> list[Finding]:
        asked = list(dict.fromkeys(eans))
        unknown = [ean for ean in asked if self._units(normalise_ean(ean)) is None]
        remedy = "match the variant to the vendor's variant id"
        warnings = [
            self._finding(Severity.WARNING, f"article {ean[:40]}", "the supplier does not know it", remedy)
            for ean in unknown
        ]
        message = f"{len(asked) - len(unknown)} of {len(asked)} articles known"
        return [self._finding(Severity.OK, "articles", message), *warnings]

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


def build(*, settings: Supplier, supplier_id: str, secrets: Callable[[str], str], sink: CallSink) -> CjDropshipping:
    """Build the port from configuration. Raises ValueError for a setting that is missing."""
    url, key = address_and_token(settings, supplier_id, secrets)
    api = HttpApi(
        system=supplier_id,
        client=http_client(url, {"Accept": "application/json"}, settings.read_timeout),
        sink=sink,
        redact=partial(redacted, key),
        pace=Pace(settings.calls_per_second or CALLS_PER_SECOND),
    )
    return CjDropshipping(
        api=api,
        supplier_id=supplier_id,
        settings=settings,
        profile=profile_of(CjProfile, settings, supplier_id),
        key=key,
        path_secret=webhook_secret(settings, secrets),
    )


PLUGIN = Plugin(
    id="cjdropshipping",
    group="suppliers",
    build=build,
    label="CJ Dropshipping",
    documentation="docs/suppliers/cjdropshipping.md",
    statuses=tuple(replies.STATES),
    profile=CjProfile,
)
