"""What every storefront plugin must do, whatever its wire looks like: subclass it and give it a world.

The world is the plugin's simulator on loopback, the port under test, and handles for what merchant and customer do, to
spoil answers, and to look into the storefront's own books.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import AdapterError, AuthenticationFailed, NotSent, Refused, Throttled, Unavailable
from adapters.ports import StorefrontPort
from models.calls import CallRecord
from models.findings import Severity
from models.listings import ListingChange
from models.orders import IncomingOrder
from models.storefronts import FulfilmentLine, FulfilmentRequest, OrderNote

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PERSONAL = ("Zaphyra", "Quillfeather", "17 Gingerbread Steps", "zaphyra@quillfeather.example", "+34600999888")
QUESTIONS = ("fetch_facts", "fetch_paid_orders", "fetch_catalogue", "fetch_listings", "read_listings")
METHODS = (*QUESTIONS, "write_note", "fulfil", "publish")
# kind of fault, its options: no usable answer came, and asking again is harmless
UNANSWERED = [
    ("error", {"status": 500}),
    ("error", {"status": 503, "processed": True}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("hang", {}),
    ("cut_off", {}),
    ("truncated", {}),
    ("invalid_json", {}),
    ("wrong_content_type", {}),
]


@dataclass(frozen=True)
class Books:
    """What the storefront itself holds of one order."""

    notes: dict[str, str]  # "namespace.key" -> value
    fulfilments: list["BookedFulfilment"]


@dataclass(frozen=True)
class BookedFulfilment:
    """One fulfilment in the storefront's books."""

    id: str
    numbers: list[str]
    lines: dict[str, int]
    notified: list[bool]
    carrier: str | None


@dataclass(frozen=True)
class StorefrontWorld:
    """A storefront's simulator and our port to it."""

    port: StorefrontPort
    stranger: StorefrontPort  # the same shop with a wrong token
    nowhere: StorefrontPort  # a port that nobody listens behind
    calls: list[CallRecord]
    token: str
    namespace: str
    location: str  # whose stock is published
    place: Callable[..., dict[str, Any]]  # a customer orders; gives the document a webhook would carry
    pay: Callable[[str], dict[str, Any]]
    cancel: Callable[[str], dict[str, Any]]
    fulfil_by_hand: Callable[[str], None]  # the merchant ships everything that is open
    cancel_fulfilment: Callable[[str], None]
    spoil: Callable[..., None]  # spoil(method, kind, **options): the port's method whose calls are spoilt
    books: Callable[[str], Books]
    sign: Callable[[bytes, str], dict[str, str]]  # headers of a body signed with a secret
    unusable: Callable[[dict[str, Any]], dict[str, Any]]  # spoils one field of an order's document
    people: dict[str, Any] = field(default_factory=dict)  # place(**people): an order of the person of PERSONAL

    def order(self, **form: Any) -> IncomingOrder:
        """Let a customer order, and read it."""
        return self.port.read_order(self.place(**form))

    def call(self, method: str, order: IncomingOrder) -> object:
        """Call any method of the port for this order."""
        if method == "fetch_paid_orders":
            return self.port.fetch_paid_orders(LONG_AGO)
        if method == "fetch_catalogue":
            return self.port.fetch_catalogue()
        if method == "fetch_listings":
            return list(self.port.fetch_listings(self.location))
        if method == "read_listings":
            return self.port.read_listings(self.location, [order.lines[0].variant_id or ""])
        if method == "publish":
            return self.port.publish(self.location, [self.change(order)], "contract-publication")
        if method == "write_note":
            return self.port.write_note(order.storefront_order_id, self.note())
        if method == "fulfil":
            return self.port.fulfil(shipment(order))
        return self.port.fetch_facts(order.storefront_order_id)

    def change(self, order: IncomingOrder, **shown: Any) -> ListingChange:
        """A change of what the order's first variant shows, as it would be published."""
        sold = order.lines[0].variant_id or ""
        pages = self.port.fetch_listings(self.location)
        listing = next(one for page, _ in pages for one in page if one.variant_id == sold)
        ids = listing.model_dump(include={"variant_id", "product_id", "inventory_item_id"})
        return ListingChange.model_validate({**ids, **(shown or {"quantity": 7})})

    def note(self, value: str = "A1001") -> OrderNote:
        """A note as we write them."""
        return OrderNote(namespace=self.namespace, key="order_number", value=value)


def shipment(order: IncomingOrder, *numbers: str, positions: tuple[int, ...] | None = None, **changes: Any) -> Any:
    """Everything of an order, or the lines at some positions, shipped under these tracking numbers."""
    lines = order.lines if positions is None else [order.lines[position] for position in positions]
    values = {
        "storefront_order_id": order.storefront_order_id,
        "lines": [FulfilmentLine(line_id=line.line_id, quantity=line.quantity) for line in lines],
        "tracking_numbers": numbers or ("GLS1",),
        "carrier": "GLS",
        "notify_customer": True,
    }
    return FulfilmentRequest.model_validate(values | changes)


class StorefrontContract:
    """The suite. A plugin's test class defines the fixture ``world``."""

    def test_an_order_reads_the_same_from_a_webhook_and_from_the_sweep(self, world: StorefrontWorld) -> None:
        order = world.order(**world.people)
        swept = world.port.fetch_paid_orders(LONG_AGO)
        assert [world.port.read_order(document) for document in swept] == [order]
        assert order.address.address1 == "17 Gingerbread Steps"
        assert order.paid
        assert len(order.lines) == 2

    def test_facts_name_the_barcode_of_every_line_that_has_one(self, world: StorefrontWorld) -> None:
        order = world.order(without_barcode=True)
        facts = world.port.fetch_facts(order.storefront_order_id)
        with_barcode = {line.line_id for line in order.lines[:-1]}
        assert set(facts.barcodes) == with_barcode
        assert all(facts.barcodes.values())
        assert (facts.paid, facts.cancelled) == (True, False)

    def test_an_unpaid_order_is_not_swept_until_it_is_paid(self, world: StorefrontWorld) -> None:
        order = world.order(paid=False)
        assert not order.paid
        assert not world.port.fetch_facts(order.storefront_order_id).paid
        assert world.port.fetch_paid_orders(LONG_AGO) == []
        assert world.port.read_order(world.pay(order.storefront_order_id)).paid
        assert world.port.fetch_facts(order.storefront_order_id).paid
        assert len(world.port.fetch_paid_orders(LONG_AGO)) == 1

    def test_a_cancelled_order_says_so_and_can_still_be_read(self, world: StorefrontWorld) -> None:
        order = world.order()
        cancelled = world.port.read_order(world.cancel(order.storefront_order_id))
        assert cancelled.cancelled
        assert [line.line_id for line in cancelled.lines] == [line.line_id for line in order.lines]
        assert world.port.fetch_facts(order.storefront_order_id).cancelled

    def test_the_sweep_lists_every_page_and_every_line(self, world: StorefrontWorld) -> None:
        orders = [world.order() for _ in range(45)] + [world.order(lines=230)]
        swept = [world.port.read_order(document) for document in world.port.fetch_paid_orders(LONG_AGO)]
        assert sorted(swept, key=lambda order: order.storefront_order_id) == orders
        facts = world.port.fetch_facts(orders[-1].storefront_order_id)
        assert len(facts.barcodes) == 230

    def test_the_sweep_leaves_out_what_has_not_changed_since(self, world: StorefrontWorld) -> None:
        world.order()
        assert world.port.fetch_paid_orders(datetime.now(UTC) + timedelta(minutes=1)) == []

    def test_a_note_is_written_once_however_often_it_is_repeated(self, world: StorefrontWorld) -> None:
        order = world.order()
        for value in ("A1001", "A1001", "B2002"):
            world.port.write_note(order.storefront_order_id, world.note(value))
        assert world.books(order.storefront_order_id).notes == {f"{world.namespace}.order_number": "B2002"}

    def test_a_shipment_is_told_with_its_lines_number_and_carrier(self, world: StorefrontWorld) -> None:
        order = world.order()
        told = world.port.fulfil(shipment(order, "GLS1"))
        (booked,) = world.books(order.storefront_order_id).fulfilments
        assert booked.id == told
        assert booked.numbers == ["GLS1"]
        assert booked.carrier == "GLS"
        assert booked.notified == [True]
        assert booked.lines == {line.line_id: line.quantity for line in order.lines}

    def test_a_customer_who_is_told_by_us_is_not_told_by_the_storefront(self, world: StorefrontWorld) -> None:
        order = world.order()
        world.port.fulfil(shipment(order, notify_customer=False))
        assert world.books(order.storefront_order_id).fulfilments[0].notified == [False]

    def test_a_repeated_shipment_changes_nothing(self, world: StorefrontWorld) -> None:
        order = world.order()
        told = {world.port.fulfil(shipment(order)) for _ in range(3)}
        assert len(told) == 1
        assert len(world.books(order.storefront_order_id).fulfilments) == 1
        assert world.books(order.storefront_order_id).fulfilments[0].notified == [True]

    def test_later_numbers_join_the_fulfilment_they_name(self, world: StorefrontWorld) -> None:
        order = world.order()
        told = world.port.fulfil(shipment(order, "GLS1"))
        later = shipment(order, "GLS1", "GLS2", fulfilment_id=told)
        assert [world.port.fulfil(later), world.port.fulfil(later)] == [told, told]
        (booked,) = world.books(order.storefront_order_id).fulfilments
        assert booked.numbers == ["GLS1", "GLS2"]

    def test_a_new_number_alone_still_joins_the_fulfilment_it_names(self, world: StorefrontWorld) -> None:
        order = world.order()
        told = world.port.fulfil(shipment(order, "GLS1"))
        assert world.port.fulfil(shipment(order, "GLS2", fulfilment_id=told)) == told
        assert world.books(order.storefront_order_id).fulfilments[0].numbers == ["GLS1", "GLS2"]

    def test_two_suppliers_shares_become_two_fulfilments(self, world: StorefrontWorld) -> None:
        order = world.order()
        first = world.port.fulfil(shipment(order, "GLS1", positions=(0,)))
        second = world.port.fulfil(shipment(order, "GLS2", positions=(1,)))
        booked = world.books(order.storefront_order_id).fulfilments
        assert [fulfilment.id for fulfilment in booked] == [first, second]
        assert [list(fulfilment.lines) for fulfilment in booked] == [[line.line_id] for line in order.lines]

    def test_what_the_merchant_has_fulfilled_is_not_fulfilled_again(self, world: StorefrontWorld) -> None:
        order = world.order()
        world.fulfil_by_hand(order.storefront_order_id)
        told = world.port.fulfil(shipment(order))
        (booked,) = world.books(order.storefront_order_id).fulfilments
        assert booked.id == told

    def test_a_fulfilment_that_the_merchant_cancelled_is_told_again(self, world: StorefrontWorld) -> None:
        order = world.order()
        told = world.port.fulfil(shipment(order))
        world.cancel_fulfilment(order.storefront_order_id)
        again = world.port.fulfil(shipment(order, fulfilment_id=told))
        assert again != told

    def test_an_order_with_nothing_open_is_refused_by_code(self, world: StorefrontWorld) -> None:
        order = world.order()
        world.cancel(order.storefront_order_id)
        with pytest.raises(Refused) as refusal:
            world.port.fulfil(shipment(order))
        assert refusal.value.code == "nothing_to_fulfil"

    @pytest.mark.parametrize("method", ["fetch_facts", "fulfil"])
    def test_an_order_that_is_gone_is_refused_by_code(self, world: StorefrontWorld, method: str) -> None:
        order = world.order().model_copy(update={"storefront_order_id": "404"})
        with pytest.raises(Refused) as refusal:
            world.call(method, order)
        assert refusal.value.code == "order_not_found"

    @pytest.mark.parametrize(("kind", "options"), UNANSWERED)
    @pytest.mark.parametrize("method", METHODS)
    def test_a_call_without_a_usable_answer_can_be_repeated_and_ends_the_same(
        self, world: StorefrontWorld, method: str, kind: str, options: dict[str, Any]
    ) -> None:
        order = world.order(**world.people)
        world.spoil(method, kind, times=1, **options)
        with pytest.raises(Unavailable) as failure:
            world.call(method, order)
        assert not any(word in str(failure.value) for word in PERSONAL)
        world.call(method, order)
        booked = world.books(order.storefront_order_id)
        assert len(booked.fulfilments) == (method == "fulfil")
        assert len(booked.notes) == (method == "write_note")

    @pytest.mark.parametrize("method", METHODS)
    def test_being_asked_to_wait_says_for_how_long(self, world: StorefrontWorld, method: str) -> None:
        order = world.order()
        world.spoil(method, "throttled", retry_after=7, times=1)
        with pytest.raises(Throttled) as failure:
            world.call(method, order)
        assert failure.value.retry_after == timedelta(seconds=7)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_slow_answer_is_an_answer(self, world: StorefrontWorld, method: str) -> None:
        order = world.order()
        world.spoil(method, "latency", milliseconds=50, times=1)
        world.call(method, order)

    @pytest.mark.parametrize("method", METHODS)
    def test_without_a_connection_nothing_was_sent(self, world: StorefrontWorld, method: str) -> None:
        order = world.order()
        unreachable = StorefrontWorld(**(vars(world) | {"port": world.nowhere}))
        with pytest.raises(NotSent):
            unreachable.call(method, order)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_wrong_token_is_named_as_such(self, world: StorefrontWorld, method: str) -> None:
        order = world.order()
        locked_out = StorefrontWorld(**(vars(world) | {"port": world.stranger}))
        with pytest.raises(AuthenticationFailed):
            locked_out.call(method, order)

    def test_every_call_leaves_a_record_without_credentials(self, world: StorefrontWorld) -> None:
        order = world.order()
        world.calls.clear()
        world.spoil("write_note", "reset_after", times=1)
        with pytest.raises(AdapterError):
            world.call("write_note", order)
        for method in METHODS:
            world.call(method, order)
        assert len(world.calls) > len(METHODS)
        assert world.calls[0].status is None
        assert world.calls[0].error
        assert not any(world.token in record.model_dump_json() for record in world.calls)

    def test_what_is_missing_is_found_fixed_and_then_well(self, world: StorefrontWorld) -> None:
        found = world.port.check([world.namespace])
        missing = [finding for finding in found if finding.severity is Severity.ERROR]
        assert missing
        assert all(finding.fixable and finding.remedy for finding in missing)
        assert len(world.port.fix([world.namespace])) == len(missing)
        assert {finding.severity for finding in world.port.check([world.namespace])} == {Severity.OK}
        assert world.port.fix([world.namespace]) == []

    @pytest.mark.parametrize("which", ["stranger", "nowhere"])
    def test_a_shop_that_cannot_be_asked_is_a_finding_and_no_failure(self, world: StorefrontWorld, which: str) -> None:
        port = getattr(world, which)
        for findings in (port.check([world.namespace]), port.fix([world.namespace])):
            assert findings
            assert all(finding.severity is Severity.ERROR and finding.remedy for finding in findings)

    def test_the_catalogue_lists_every_variant_with_its_barcode_or_none(self, world: StorefrontWorld) -> None:
        catalogue = world.port.fetch_catalogue()
        order = world.order()
        barcodes = dict(catalogue)
        facts = world.port.fetch_facts(order.storefront_order_id)
        assert len(barcodes) == len(catalogue)
        assert "" in barcodes.values()
        assert {barcodes[line.variant_id] for line in order.lines} == set(facts.barcodes.values())

    def test_listings_name_every_variant_of_the_catalogue_once_and_go_on_from_any_cursor(
        self, world: StorefrontWorld
    ) -> None:
        pages = list(world.port.fetch_listings(world.location))
        listings = [listing for page, _ in pages for listing in page]
        assert [(one.variant_id, one.barcode) for one in listings] == world.port.fetch_catalogue()
        assert pages[-1][1] == ""
        assert world.port.read_listings(world.location, [one.variant_id for one in listings]) == listings
        for position, (_, cursor) in enumerate(pages[:-1]):
            assert list(world.port.fetch_listings(world.location, cursor)) == pages[position + 1 :]

    def test_what_is_published_is_what_the_listing_shows(self, world: StorefrontWorld) -> None:
        shown = {"quantity": 12, "price": Decimal("19.95"), "words": "ships in 2 days"}
        change = world.change(world.order(), **shown)
        assert world.port.publish(world.location, [change], "first") == []
        assert world.port.publish(world.location, [change], "first") == []
        (listing,) = world.port.read_listings(world.location, [change.variant_id])
        assert listing.model_dump(include=set(shown)) == shown

    def test_what_is_not_named_stays_as_it_was(self, world: StorefrontWorld) -> None:
        order = world.order()
        change = world.change(order, quantity=3, price=Decimal("5.00"), words="in stock")
        world.port.publish(world.location, [change], "first")
        world.port.publish(world.location, [world.change(order, quantity=4)], "second")
        (listing,) = world.port.read_listings(world.location, [change.variant_id])
        assert (listing.quantity, listing.price, listing.words) == (4, Decimal("5.00"), "in stock")

    def test_a_variant_that_is_gone_is_absent_and_its_change_refused(self, world: StorefrontWorld) -> None:
        change = world.change(world.order())
        gone = ListingChange(variant_id="404", product_id="404", inventory_item_id="404", quantity=1)
        assert world.port.read_listings(world.location, ["404"]) == []
        assert [one.variant_id for one in world.port.publish(world.location, [gone, change], "k")] == ["404"]
        assert world.port.read_listings(world.location, [change.variant_id])[0].quantity == 7

    def test_a_signature_holds_for_these_bytes_and_any_of_the_secrets(self, world: StorefrontWorld) -> None:
        body = '{"id": 1, "name": "ñ"}'.encode()
        headers = world.sign(body, "old secret")
        assert world.port.verify_signature(headers, body, ["new secret", "old secret"])
        assert not world.port.verify_signature(headers, body, ["new secret"])
        assert not world.port.verify_signature(headers, body + b" ", ["old secret"])
        assert not world.port.verify_signature({}, body, ["old secret"])
        assert not world.port.verify_signature(headers, body, [])

    def test_an_empty_secret_signs_nothing(self, world: StorefrontWorld) -> None:
        assert not world.port.verify_signature(world.sign(b"{}", ""), b"{}", [""])

    def test_an_order_that_cannot_be_used_is_refused_without_repeating_its_content(
        self, world: StorefrontWorld
    ) -> None:
        document = world.unusable(world.place(**world.people))
        with pytest.raises(AdapterError) as refusal:
            world.port.read_order(document)
        assert not any(word in str(refusal.value) for word in PERSONAL)
