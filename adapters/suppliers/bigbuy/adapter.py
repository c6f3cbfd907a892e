"""BigBuy as a supplier: transport, and what its calls mean for us. The mapping is in requests, envelopes and replies.

One order of ours may become several of theirs, one per warehouse: its number is then "123/124". Version "1" of the
interface is the plain calls, which answer 409 where an order must be split; version "2" always uses the split ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from adapters.errors import AdapterError, AuthenticationFailed, Doubtful, NotSent, Refused, Unavailable, UnexpectedReply
from adapters.http import CallSink, HttpApi
from adapters.plugin import Plugin
from adapters.suppliers.allowance import Allowance
from adapters.suppliers.bigbuy import envelopes, replies, requests
from adapters.suppliers.bigbuy.envelopes import Reply
from adapters.suppliers.bigbuy.feeds import Articles, Feeds, columns_of
from adapters.suppliers.bigbuy.replies import Checked, Created, Part
from adapters.suppliers.bigbuy.requests import SEPARATOR, BigBuyProfile
from adapters.suppliers.configured import bearer_api, profile_of
from adapters.suppliers.json_answers import money_if_readable
from models.articles import normalise_ean
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
    SupplierState,
)

PLAIN, SPLIT = "1", "2"
VERSIONS = (SPLIT, PLAIN)
STOCK_BATCH = 100  # references in one question; the vendor names no limit
Answer = TypeVar("Answer")


def capabilities_of(version: str, profile: BigBuyProfile) -> Capabilities:
    """Say what BigBuy offers. Stock is not asked for live: that call is allowed 25 times an hour."""
    return Capabilities(
        live_rates=True,
        live_stock=False,
        doubt=DoubtMeans.LOOK_UP,
        visibility_delay=profile.visibility_delay,
        cancel=False,
        line_level_shipments=True,
        test_orders=True,
        api_version=version,
    )


class BigBuy:
    """The supplier's port. Safe to share between threads."""

    def __init__(
        self, *, api: HttpApi, supplier_id: str, settings: Supplier, profile: BigBuyProfile, version: str
    ) -> None:
        self.capabilities = capabilities_of(version, profile)
        self._api = api
        self._supplier_id = supplier_id
        self._settings = settings
        self._profile = profile
        self._version = version
        self._states = replies.STATES | {text.casefold(): state for text, state in profile.statuses.items()}
        self._feeds = Feeds(self._list, language=profile.language, most_days=profile.max_handling_days)
        self._articles = Articles(partial(self._feeds.pages, FeedKind.PRICE, ""))

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Ask what is there now, 100 references at a time; what an article costs is of the last price list."""
        found = {ean: self._articles.of(normalise_ean(ean)) for ean in dict.fromkeys(eans)} if eans else {}
        codes = list(dict.fromkeys(article[0] for article in found.values() if article))
        stock: dict[str, int] = {}
        for start in range(0, len(codes), STOCK_BATCH):
            document = requests.stock_document(codes[start : start + STOCK_BATCH])
            read = partial(replies.read_stock, most_days=self._profile.max_handling_days)
            stock |= self._ask("catalog/productsstockbyreference", read, document)
        return [_stock_answer(ean, found[ean], stock) for ean in eans]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Ask what it costs to ship these lines there."""
        document = requests.shipping_document(destination, lines, self._references(lines))
        return self._ask("shipping/orders", replies.read_quotes, document)

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Check, then order once, on a fresh connection; see the port for what each failure means."""
        allowance = Allowance(self._settings.submit_timeout)
        try:
            references, split = self._references(order.lines), self._version == SPLIT
            document = requests.order_document(order, self._profile, references)
            checked = self._check(document, split=split)
            if checked.parts > 1 and not split:
                split, checked = True, self._check(document, split=True)
        except _Exists as exists:
            return self._adopt(order, exists.existing)
        except (Unavailable, UnexpectedReply) as error:  # checking orders nothing
            raise NotSent(f"check: {error}", code=error.code, retry_after=error.retry_after) from error
        created = self._create(document, allowance, split=split)
        if isinstance(created, _Exists):
            return self._adopt(order, created.existing)
        # From here on nothing is asked for: the order is made, and a question could fail.
        codes = [requests.code_of(line, references) for line in order.lines]
        return _placed(order, codes, document, created, checked)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for an order by our number. Orders that were split are not found so: those stay unsure."""
        found = self._ask("order/reference", replies.read_by_reference, which=order.number)
        if found:
            return self._lookup(found, order)
        try:
            checked = self._check(self._document(order), split=self._version == SPLIT)
        except _Exists as exists:
            if exists.existing:
                return self._lookup(exists.existing, order)
            return Lookup(verdict=LookupVerdict.UNSURE, said="a check says that it exists, and not where")
        except Refused as refusal:
            return Lookup(verdict=LookupVerdict.UNSURE, said=f"not found; a check says {refusal.code}"[:60])
        if checked.parts > 1:
            return Lookup(verdict=LookupVerdict.UNSURE, said="it comes from several warehouses: not found by number")
        return Lookup(verdict=LookupVerdict.ABSENT, said="no order has our number")

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Ask how the order stands: all of its parts, with their parcels."""
        return replies.merge([self._part(part) for part in supplier_number.replace(SEPARATOR, " ").split()])

    def cancel_order(self, supplier_number: str) -> Cancellation:  # noqa: ARG002 - the port's
        """Refuse: the vendor's interface has no call for it."""
        raise Refused("cancel: the vendor's interface has no cancellation", code="no_cancel")

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Walk through all of it: the vendor has no list of changes."""
        return self._feeds.pages(kind, cursor)

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:
        """Say which field of our rows comes from which name of the vendor's."""
        return columns_of(kind)

    def probe(self) -> None:
        """Ask for the words of an order's state: a short list that needs our token."""
        self._list("order/orderstatuses", {})

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check the token and the sample EANs. Nothing is asked further once the token fails."""
        findings = self._checked("credentials", self._check_token)
        if findings[0].severity is Severity.ERROR:
            return findings
        return findings + self._checked("articles", lambda: self._check_eans(sample_eans))

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()

    def _document(self, order: SupplierOrder) -> dict[str, Any]:
        return requests.order_document(order, self._profile, self._references(order.lines))

    def _references(self, lines: Sequence[SupplierLine]) -> Mapping[str, str]:
        """Look up the references of lines that come without one; those of orders have it from the catalogue."""
        keys = [normalise_ean(line.ean) for line in lines if not line.sku]
        return {key: article[0] for key in keys if (article := self._articles.of(key))}

    def _check(self, document: Mapping[str, Any], *, split: bool) -> Checked:
        operation = "order/check/multishipping" if split else "order/check"
        reply = self._reply(operation, document)
        if envelopes.EXISTS in envelopes.problem_codes(reply):
            raise _Exists(operation, envelopes.existing_order(reply))
        return replies.read_check(operation, reply)

    def _create(self, document: Mapping[str, Any], allowance: Allowance, *, split: bool) -> "Created | _Exists":
        operation = "order/create/multishipping" if split else "order/create"
        response = self._api.instruct(
            operation, "POST", f"rest/{operation}.json", timeout=allowance.left(operation), json=document
        )
        reply = _unwrapped(response)
        if not split and not reply.order_id and envelopes.problem_codes(reply) == [envelopes.WAREHOUSES]:
            return self._create(document, allowance, split=True)  # refused whole: its stock moved meanwhile
        try:
            return replies.read_creation(operation, reply, _wanted(document))
        except Refused as refusal:
            if refusal.code != envelopes.EXISTS:
                raise
            return _Exists(operation, envelopes.existing_order(reply))

    def _adopt(self, order: SupplierOrder, existing: str) -> PlacedOrder:
        """Take over the order that our number has there already, if it is all of ours."""
        try:
            found = self._lookup(existing, order) if existing else None
        except AdapterError as error:
            raise Doubtful("create: it exists already, and can't be read", code=error.code) from None
        if found is None or found.placed is None:
            raise Doubtful("create: it exists already, but not as one order", code=envelopes.EXISTS)
        return found.placed

    def _lookup(self, order_id: str, order: SupplierOrder) -> Lookup:
        part = self._part(order_id)
        covered = replies.covers(part, _wanted(self._document(order)))
        if covered is False or (covered is None and len(order.lines) > 1 and self._version == SPLIT):
            return Lookup(verdict=LookupVerdict.UNSURE, said=f"{order_id} is but a part of it")
        placed = PlacedOrder(supplier_number=order_id, state=part.state, status_text=part.text)
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed)

    def _part(self, order_id: str) -> Part:
        read_part = partial(replies.read_part, order_id=order_id, states=self._states)
        read_trackings = partial(replies.read_trackings, order_id=order_id)
        part = self._ask("order", lambda operation, reply: read_part(operation, reply=reply), which=order_id)
        trackings = self._ask(
            "tracking/order", lambda operation, reply: read_trackings(operation, reply=reply), which=order_id
        )
        state = SupplierState.SHIPPED if trackings and not part.text else part.state
        return replace(part, state=state, trackings=trackings)

    def _ask(
        self,
        operation: str,
        read: Callable[[str, Reply], Answer],
        document: Mapping[str, Any] | None = None,
        which: str = "",
    ) -> Answer:
        return read(operation, self._reply(operation, document, which=which))

    def _list(self, operation: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        return replies.read_list(operation, self._reply(operation, parameters=parameters))

    def _reply(
        self,
        operation: str,
        document: Mapping[str, Any] | None = None,
        *,
        which: str = "",
        parameters: dict[str, str] | None = None,
    ) -> Reply:
        path = f"rest/{operation}/{quote(which, safe='')}.json" if which else f"rest/{operation}.json"
        if document is None:
            return _unwrapped(self._api.ask(operation, "GET", path, params=parameters))
        return _unwrapped(self._api.ask(operation, "POST", path, json=document))

    def _checked(self, subject: str, check: Callable[[], list[Finding]]) -> list[Finding]:
        try:
            return check()
        except AuthenticationFailed:
            remedy = f"create a token in the supplier's control panel and put it into {self._settings.token_env}"
            return [self._finding(Severity.ERROR, subject, "the token is not accepted", remedy)]
        except AdapterError as error:
            remedy = f"check base_url ({self._settings.base_url}) and the network; it may be down for a while"
            return [self._finding(Severity.ERROR, subject, f"no usable answer: {error}", remedy)]

    def _check_token(self) -> list[Finding]:
        states = self._list("order/orderstatuses", {})
        named = {str(state.get("name", "")).casefold() for state in states} - {""}
        unknown = sorted(named - set(self._states))
        findings = [self._finding(Severity.OK, "credentials", "token accepted")]
        if unknown:
            message = f"words for an order's state that we do not know: {', '.join(unknown)[:200]}"
            remedy = "say what they mean in profile.statuses; until then such an order opens a task"
            findings.append(self._finding(Severity.WARNING, "states", message, remedy))
        return findings

    def _check_eans(self, eans: Sequence[str]) -> list[Finding]:
        usable = [ean for ean in dict.fromkeys(eans) if 0 < len(normalise_ean(ean)) <= replies.MAX_EAN]
        known = {ean for ean in usable if self._articles.of(normalise_ean(ean))}
        remedy = "correct the variant's barcode in the shop, or match it to the supplier's reference"
        warnings = [
            self._finding(Severity.WARNING, f"EAN {ean[: replies.MAX_EAN]}", "the supplier does not know it", remedy)
            for ean in dict.fromkeys(eans)
            if ean not in known
        ]
        return [self._finding(Severity.OK, "articles", f"{len(known)} of {len(set(eans))} EANs known"), *warnings]

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


class _Exists(Refused):
    """An order with our number is there already."""

    def __init__(self, operation: str, existing: str) -> None:
        super().__init__(f"{operation}: it exists already", code=envelopes.EXISTS)
        self.existing = existing


def build(*, settings: Supplier, supplier_id: str, secrets: Callable[[str], str], sink: CallSink) -> BigBuy:
    """Build the port from configuration. Raises ValueError for a version there is not, or a setting that is missing."""
    version = settings.api_version or VERSIONS[0]
    if version not in VERSIONS:
        raise ValueError(f"supplier {supplier_id}: api_version is one of {', '.join(VERSIONS)}")
    profile = profile_of(BigBuyProfile, settings, supplier_id)
    api = bearer_api(settings, supplier_id, secrets, sink)
    return BigBuy(api=api, supplier_id=supplier_id, settings=settings, profile=profile, version=version)


def _placed(
    order: SupplierOrder, codes: Sequence[str], document: Mapping[str, Any], created: Created, checked: Checked
) -> PlacedOrder:
    paid = SupplierState.AWAITING_PAYMENT if _unpaid(document) else SupplierState.ACKNOWLEDGED
    return PlacedOrder(
        supplier_number=created.number,
        state=paid if created.clear else SupplierState.UNKNOWN,
        status_text="" if created.clear else "made in part; it is not said what of it",
        total=checked.total,
        lines=replies.rejected_lines(created, order.lines, codes),
    )


def _unwrapped(response: httpx.Response) -> Reply:
    return envelopes.unwrap(response.status_code, response.text, response.headers.get("Location", ""))


def _wanted(document: Mapping[str, Any]) -> dict[str, int]:
    return {entry["reference"]: entry["quantity"] for entry in document["order"]["products"]}


def _unpaid(document: Mapping[str, Any]) -> bool:
    return bool(document["order"]["paymentMethod"] == requests.TEST_PAYMENT)


def _stock_answer(ean: str, article: tuple[str, Any] | None, stock: Mapping[str, int]) -> StockAnswer:
    if article is None or article[0] not in stock:
        return StockAnswer(ean=ean, known=False, quantity=0)
    cost = money_if_readable(article[1], replies.CURRENCY)
    return StockAnswer(ean=ean, known=True, quantity=stock[article[0]], unit_cost=cost)


PLUGIN = Plugin(
    id="bigbuy",
    group="suppliers",
    build=build,
    label="BigBuy",
    documentation="docs/suppliers/bigbuy.md",
    statuses=tuple(replies.STATES),
    profile=BigBuyProfile,
    versions=VERSIONS,
)
