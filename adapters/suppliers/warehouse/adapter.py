"""Our own warehouse as a supplier: a purchase order is a pick task in our database, and people answer it.

No network lies between: our number is its number, an order is opened once however often it is sent, and it can be
called off until it has left the house. Its stock is what its feeds brought; there is nobody to ask for more.
"""

from collections.abc import Callable, Iterator, Sequence

from adapters.errors import AdapterError, Refused
from adapters.http import CallSink
from adapters.plugin import Plugin
from adapters.ports import PickDesk
from adapters.suppliers.configured import refuse_options
from adapters.suppliers.without_interface import quote_from_terms
from models.articles import normalise_ean
from models.configuration import Supplier
from models.feed_rows import FeedPage
from models.feeds import Column, FeedKind
from models.findings import Finding, Severity
from models.picks import PickState, PickTask
from models.suppliers import (
    AcknowledgedLine,
    Cancellation,
    Capabilities,
    Destination,
    DoubtMeans,
    LineStatus,
    Lookup,
    LookupVerdict,
    PlacedOrder,
    ShippingQuote,
    StockAnswer,
    SupplierLine,
    SupplierOrder,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

CAPABILITIES = Capabilities(
    live_rates=False,
    live_stock=False,
    doubt=DoubtMeans.KEY,
    cancel=True,
    line_level_shipments=False,
    test_orders=True,
    stock_leaves_when_shipped=True,
)
STATES = {
    PickState.OPEN: (SupplierState.ACKNOWLEDGED, "to be picked"),
    PickState.SHIPPED: (SupplierState.SHIPPED, "shipped"),
    PickState.CANCELLED: (SupplierState.CANCELLED, "called off"),
    PickState.REFUSED: (SupplierState.CANCELLED, "refused by the warehouse"),
}
TEST = (SupplierState.AWAITING_PAYMENT, "test: nobody picks it")
OWN_CARRIER = "own"  # where no preferred carrier is configured


class Warehouse:
    """The supplier's port. Safe to share between threads."""

    capabilities = CAPABILITIES

    def __init__(self, *, desk: PickDesk, supplier_id: str, settings: Supplier) -> None:
        self._desk = desk
        self._supplier_id = supplier_id
        self._settings = settings

    def fetch_stock(self, eans: Sequence[str]) -> list[StockAnswer]:
        """Say what was counted last, as feeds brought it."""
        asked = [normalise_ean(ean) for ean in eans]
        counted = self._desk.count_stock(self._supplier_id, list(dict.fromkeys(asked))) if asked else {}
        return [
            counted[key].model_copy(update={"ean": ean}) if key in counted else _unknown(ean)
            for ean, key in zip(eans, asked, strict=True)
        ]

    def quote_shipping(self, destination: Destination, lines: Sequence[SupplierLine]) -> list[ShippingQuote]:
        """Quote one way, from the shipping table of its terms."""
        carrier = next(iter(self._settings.preferred_carriers), OWN_CARRIER)
        return quote_from_terms(self._settings.terms, destination, lines, carrier=carrier)

    def place_order(self, order: SupplierOrder) -> PlacedOrder:
        """Open its pick task; sent again, it is the one that is there."""
        state, words = _state(self._desk.open_pick(self._supplier_id, order))
        return PlacedOrder(supplier_number=order.number, state=state, status_text=words)

    def find_order(self, order: SupplierOrder) -> Lookup:
        """Look for its pick task by our number."""
        task = self._desk.find_pick(self._supplier_id, order.number)
        if task is None:
            return Lookup(verdict=LookupVerdict.ABSENT, said="no such pick task")
        state, words = _state(task)
        placed = PlacedOrder(supplier_number=order.number, state=state, status_text=words, lines=_declined(task))
        return Lookup(verdict=LookupVerdict.FOUND, placed=placed, said=words)

    def fetch_order(self, supplier_number: str) -> SupplierOrderStatus:
        """Say how the pick task stands. Raises Refused("order_not_found") where there is none."""
        task = self._found(self._desk.find_pick(self._supplier_id, supplier_number))
        state, words = _state(task)
        return SupplierOrderStatus(state=state, status_text=words, parcels=_parcels(task), lines=_declined(task))

    def cancel_order(self, supplier_number: str) -> Cancellation:
        """Call it off, until it has left the house."""
        task = self._found(self._desk.cancel_pick(self._supplier_id, supplier_number))
        return Cancellation.TOO_LATE if task.state is PickState.SHIPPED else Cancellation.CANCELLED

    def fetch_feed(self, kind: FeedKind, *, since: str, cursor: str) -> Iterator[FeedPage]:  # noqa: ARG002 - the port's
        """Refuse: a count of the shelves is a file, which any file feed can fetch."""
        raise Refused(f"{kind} feed: a warehouse has none of its own; configure a file feed", code="no_feed")

    def feed_columns(self, kind: FeedKind) -> dict[str, Column]:  # noqa: ARG002 - the port's
        """Name no columns: its files are whatever the merchant exports."""
        return {}

    def probe(self) -> None:
        """Ask how much is to be picked."""
        self._desk.count_open(self._supplier_id)

    def check(self, sample_eans: Sequence[str]) -> list[Finding]:
        """Check that the desk answers, and which of the sample EANs were never counted."""
        try:
            waiting = self._desk.count_open(self._supplier_id)
            missing = [answer.ean for answer in self.fetch_stock(sample_eans) if not answer.known]
        except AdapterError as error:
            remedy = "check the database: `dropwright database status`"
            return [self._finding(Severity.ERROR, "pick desk", str(error), remedy)]
        remedy = "count it, and have a stock feed bring the count"
        return [
            self._finding(Severity.OK, "pick desk", f"{waiting} orders to pick"),
            *(self._finding(Severity.WARNING, f"EAN {ean[:40]}", "was never counted here", remedy) for ean in missing),
        ]

    def close(self) -> None:
        """Keep nothing: the database is not ours to close."""

    def _found(self, task: PickTask | None) -> PickTask:
        if task is None:
            raise Refused(f"{self._supplier_id} has no such pick task", code="order_not_found")
        return task

    def _finding(self, severity: Severity, subject: str, message: str, remedy: str = "") -> Finding:
        area = f"supplier {self._supplier_id}"
        return Finding(area=area, severity=severity, subject=subject, message=message, remedy=remedy)


def _unknown(ean: str) -> StockAnswer:
    return StockAnswer(ean=ean, known=False, quantity=0)


def _state(task: PickTask) -> tuple[SupplierState, str]:
    return TEST if task.test else STATES[task.state]


def _declined(task: PickTask) -> tuple[AcknowledgedLine, ...]:
    return tuple(
        AcknowledgedLine(ean=line.ean, quantity=line.quantity, status=LineStatus.REJECTED) for line in task.declined
    )


def _parcels(task: PickTask) -> tuple[TrackedParcel, ...]:
    if task.state is not PickState.SHIPPED or task.tracking_number is None:
        return ()
    return (TrackedParcel(tracking_number=task.tracking_number, carrier=task.carrier or ""),)


def build(
    *,
    settings: Supplier,
    supplier_id: str,
    secrets: Callable[[str], str],  # noqa: ARG001 - of every plugin
    sink: CallSink,  # noqa: ARG001 - likewise
    desk: PickDesk,
) -> Warehouse:
    """Build the port from configuration. Raises ValueError for an option: a warehouse has none."""
    refuse_options(settings, supplier_id)
    return Warehouse(desk=desk, supplier_id=supplier_id, settings=settings)


PLUGIN = Plugin(
    id="warehouse",
    group="suppliers",
    build=build,
    label="Our own warehouse",
    documentation="docs/suppliers/warehouse.md",
    statuses=tuple(words for _, words in (*STATES.values(), TEST)),
    requires=(),
    picks=True,
)
