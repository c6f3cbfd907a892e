"""What a supplier has told us of an order, from all its documents, oldest first: the answer of ``fetch_order``.

Pure, and nothing is ever added up that could have been said twice, so that applying the same news again changes
nothing. What was ordered bounds everything: a supplier that acknowledges or ships more than that is believed only as
far as it was asked, and ``adapters.exchange.contradictions`` says so to a person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.articles import normalise_ean
from models.exchange import (
    CancelAnswered,
    DocumentState,
    LookAgain,
    OrderAcknowledged,
    OrderNews,
    OrderReceived,
    OrderShipped,
)
from models.suppliers import (
    AcknowledgedLine,
    LineStatus,
    SupplierLine,
    SupplierOrderStatus,
    SupplierState,
    TrackedParcel,
)

MOST_TEXT = 60
SHORT = "not shipped"  # reason of units that a supplier has left out of what it calls complete, or cancelled
# A refused document is not a cancelled order: the supplier may have it from an earlier one. So a person looks.
OWN_STATES: dict[DocumentState, tuple[SupplierState, str]] = {
    DocumentState.QUEUED: (SupplierState.SENT, "waits for its batch"),
    DocumentState.PREPARED: (SupplierState.SENT, "prepared"),
    DocumentState.SENT: (SupplierState.SENT, "sent"),
    DocumentState.RECEIVED: (SupplierState.SENT, "received"),
    DocumentState.REFUSED: (SupplierState.UNKNOWN, "refused"),
    DocumentState.WITHDRAWN: (SupplierState.CANCELLED, "taken out before it left"),
}


@dataclass(frozen=True)
class Own:
    """Our own document for an order: where it is, and a word on it for operators, e.g. "refused: R"."""

    state: DocumentState
    remark: str = ""


class Articles:
    """What was ordered under a number, by article, however the supplier spells it."""

    def __init__(self, ordered: Sequence[SupplierLine]) -> None:
        self._names: dict[str, str] = {}
        self.units: dict[str, int] = {}
        for line in ordered:
            ean = self._names.setdefault(normalise_ean(line.ean), line.ean)
            if line.sku:
                self._names.setdefault(normalise_ean(line.sku), ean)
            self.units[ean] = self.units.get(ean, 0) + line.quantity

    def name(self, said: str) -> str | None:
        """Return our EAN for what a supplier calls it; None where it was not ordered, as said where nobody knows."""
        return self._names.get(normalise_ean(said)) if self.units else said

    def limit(self, ean: str, units: int) -> int:
        """Bound units of an article by what was ordered."""
        return min(units, self.units.get(ean, units))


@dataclass(frozen=True)
class Shipped:
    """What has left, as far as it was ordered."""

    parcels: tuple[TrackedParcel, ...]
    units: Mapping[str, int]
    covering: bool  # a parcel names no units: it covers whatever is open
    everything: bool  # nothing more will come
    untracked: bool  # something left without a parcel's number: held until that comes


def tell(
    ordered: Sequence[SupplierLine], news: Sequence[OrderNews], own: Own | None = None
) -> SupplierOrderStatus | None:
    """Tell how an order stands. None where nothing is known of it.

    The newest answer per article wins; shipments accumulate, each once; what has shipped outweighs every word.
    """
    if own is None and all(isinstance(one, LookAgain) for one in news):
        return None
    articles = Articles(ordered)
    lines, shipped, standing = answers(articles, news), shipments(articles, news), _standing(news, own)
    if shipped.parcels and (shipped.everything or standing[0] is SupplierState.CANCELLED):
        lines = (*lines, *_left_out(articles, lines, shipped))
    state, text = _state(articles, lines, shipped, standing)
    return SupplierOrderStatus(state=state, status_text=text[:MOST_TEXT], parcels=shipped.parcels, lines=lines)


# Acknowledgements.


def answers(articles: Articles, news: Iterable[OrderNews]) -> tuple[AcknowledgedLine, ...]:
    """Gather the newest answer per article, never for more units than were ordered.

    An answer that names changes only accepts the rest as ordered, except articles that an earlier one spoke of: units
    that were refused, and ordered elsewhere since, do not come back by being left out.
    """
    said: dict[str, list[AcknowledgedLine]] = {}
    for one in news:
        if isinstance(one, OrderAcknowledged):
            named = _by_article(articles, one.lines)
            said |= named
            if one.changes_only and one.state is not SupplierState.CANCELLED:
                _accept_the_rest(articles, said, named)
    return tuple(line for ean, lines in said.items() for line in _bounded(articles, ean, lines))


def _by_article(articles: Articles, lines: Iterable[AcknowledgedLine]) -> dict[str, list[AcknowledgedLine]]:
    named: dict[str, list[AcknowledgedLine]] = {}
    for line in lines:
        ean = articles.name(line.ean)
        if ean is not None:
            named.setdefault(ean, []).append(line.model_copy(update={"ean": ean}))
    return named


def _accept_the_rest(
    articles: Articles, said: dict[str, list[AcknowledgedLine]], named: Mapping[str, list[AcknowledgedLine]]
) -> None:
    for ean, ordered in articles.units.items():
        if ean in said and ean not in named:
            continue
        rest = ordered - sum(line.quantity for line in said.get(ean, ()))
        if rest > 0:
            said.setdefault(ean, []).append(AcknowledgedLine(ean=ean, quantity=rest))


def _bounded(articles: Articles, ean: str, lines: Sequence[AcknowledgedLine]) -> Iterable[AcknowledgedLine]:
    so_far = 0
    for line in lines:
        units = articles.limit(ean, so_far + line.quantity) - so_far
        so_far += units
        if units > 0:
            yield line if units == line.quantity else line.model_copy(update={"quantity": units})


# Shipments.


def shipments(articles: Articles, news: Iterable[OrderNews]) -> Shipped:
    """Gather what has left: a shipment named twice is one, and so is a parcel."""
    merged = [_contained(articles, one) for one in _merged([one for one in news if isinstance(one, OrderShipped)])]
    parcels: dict[str, TrackedParcel] = {}
    for shipment in merged:
        for parcel in _with_lines(shipment):
            parcels[parcel.tracking_number] = _joined(parcels.get(parcel.tracking_number), parcel)
    loose = _most(line for one in merged if len(one.parcels) > 1 for line in one.lines)
    bounded, units = _bounded_parcels(articles, parcels.values())
    for said, quantity in loose.items():
        if (ean := articles.name(said)) is not None:
            units[ean] = articles.limit(ean, units.get(ean, 0) + quantity)
    covering = any(not parcel.lines for one in merged if not one.lines for parcel in one.parcels)
    return Shipped(
        parcels=bounded,
        units=units,
        covering=covering,
        everything=bool(bounded) and _everything(articles, merged, units),
        untracked=any(not one.parcels for one in merged),
    )


def _merged(said: Sequence[OrderShipped]) -> list[OrderShipped]:
    by_name: dict[str, OrderShipped] = {}
    for place, one in enumerate(said):
        name = one.shipment or f"\0{place}"
        earlier = by_name.get(name)
        by_name[name] = one if earlier is None else _corrected(earlier, one)
    return list(by_name.values())


def _corrected(earlier: OrderShipped, later: OrderShipped) -> OrderShipped:
    """Join what was said twice of one shipment: its tracking may come after its units."""
    parcels = {parcel.tracking_number: parcel for parcel in (*earlier.parcels, *later.parcels)}
    changes = {
        "parcels": tuple(parcels.values()),
        "lines": later.lines or earlier.lines,
        "complete": earlier.complete if later.complete is None else later.complete,
    }
    return later.model_copy(update=changes)


def _contained(articles: Articles, shipment: OrderShipped) -> OrderShipped:
    """Put the units of a part shipment into the first of the parcels that nobody says the content of.

    Such parcels stand for whatever is open: beside units that were left behind they would say that those had left, too.
    """
    silent = [parcel for parcel in shipment.parcels if not parcel.lines]
    if len(silent) < 2 or not shipment.lines or shipment.complete or not articles.units:
        return shipment
    units: dict[str, int] = {}
    for line in (*shipment.lines, *(line for parcel in shipment.parcels for line in parcel.lines)):
        if (ean := articles.name(line.ean)) is not None:
            units[ean] = units.get(ean, 0) + line.quantity
    if all(units.get(ean, 0) >= ordered for ean, ordered in articles.units.items()):
        return shipment
    holding = silent[0].model_copy(update={"lines": shipment.lines})
    named = tuple(parcel for parcel in shipment.parcels if parcel.lines)
    return shipment.model_copy(update={"parcels": (*named, holding), "lines": ()})


def _with_lines(shipment: OrderShipped) -> tuple[TrackedParcel, ...]:
    """Units of a shipment of one parcel are in that parcel."""
    if len(shipment.parcels) == 1 and shipment.lines and not shipment.parcels[0].lines:
        return (shipment.parcels[0].model_copy(update={"lines": shipment.lines}),)
    return shipment.parcels


def _joined(earlier: TrackedParcel | None, later: TrackedParcel) -> TrackedParcel:
    if earlier is None:
        return later
    most = _most((*earlier.lines, *later.lines))
    lines = tuple(SupplierLine(ean=ean, quantity=units) for ean, units in most.items())
    carrier, url = later.carrier or earlier.carrier, later.url or earlier.url
    return later.model_copy(update={"lines": lines, "carrier": carrier, "url": url})


def _most(lines: Iterable[SupplierLine]) -> dict[str, int]:
    """Of an article said several times, the most that was said: never the sum, which a repetition would raise."""
    most: dict[str, int] = {}
    for line in lines:
        most[line.ean] = max(most.get(line.ean, 0), line.quantity)
    return most


def _bounded_parcels(
    articles: Articles, parcels: Iterable[TrackedParcel]
) -> tuple[tuple[TrackedParcel, ...], dict[str, int]]:
    """Leave out what was not ordered. A parcel that holds nothing else is none of this order's."""
    units: dict[str, int] = {}
    kept: list[TrackedParcel] = []
    for parcel in parcels:
        lines = []
        for line in parcel.lines:
            ean = articles.name(line.ean)
            if ean is None:
                continue
            before = units.get(ean, 0)
            units[ean] = articles.limit(ean, before + line.quantity)
            if units[ean] > before:
                lines.append(line.model_copy(update={"ean": ean, "quantity": units[ean] - before}))
        if lines or not parcel.lines:
            kept.append(parcel.model_copy(update={"lines": tuple(lines)}))
    return tuple(kept), units


def _everything(articles: Articles, merged: Sequence[OrderShipped], units: Mapping[str, int]) -> bool:
    if any(one.complete for one in merged):
        return True
    open_ended = [one for one in merged if one.complete is None and not one.lines]
    if any(not parcel.lines for one in open_ended for parcel in one.parcels):
        return True
    if not articles.units:
        return all(one.complete is None for one in merged)
    return all(units.get(ean, 0) >= ordered for ean, ordered in articles.units.items())


# Where that leaves the order.


def _standing(news: Iterable[OrderNews], own: Own | None) -> tuple[SupplierState, str]:
    """Say what was said last of the order as a whole; before any word, where our own document is."""
    state, text = OWN_STATES.get(own.state, (SupplierState.SENT, "")) if own else (SupplierState.SENT, "")
    standing = state, (own.remark if own else "") or text
    for one in news:
        match one:
            case OrderAcknowledged():
                standing = one.state, one.status_text or str(one.state)
            case CancelAnswered(cancelled=True):
                standing = SupplierState.CANCELLED, "cancelled as asked"
            case OrderReceived() if standing[0] is SupplierState.SENT:
                standing = SupplierState.SENT, "received"
    return standing


def _state(
    articles: Articles, lines: Sequence[AcknowledgedLine], shipped: Shipped, standing: tuple[SupplierState, str]
) -> tuple[SupplierState, str]:
    refused = _refused(lines)
    if shipped.parcels:
        wanted = {ean: ordered - refused.get(ean, 0) for ean, ordered in articles.units.items()}
        sent = bool(wanted) and all(shipped.units.get(ean, 0) >= units for ean, units in wanted.items())
        whole = shipped.everything or sent or standing[0] is SupplierState.CANCELLED
        return (SupplierState.SHIPPED, "shipped") if whole else (SupplierState.ACKNOWLEDGED, "shipped in part")
    if articles.units and all(refused.get(ean, 0) >= units for ean, units in articles.units.items()):
        return SupplierState.CANCELLED, "every line refused"
    if shipped.untracked:
        return SupplierState.ACKNOWLEDGED, "shipped, without a tracking number yet"
    return standing


def _refused(lines: Iterable[AcknowledgedLine]) -> dict[str, int]:
    refused: dict[str, int] = {}
    for line in lines:
        if line.status is LineStatus.REJECTED:
            refused[line.ean] = refused.get(line.ean, 0) + line.quantity
    return refused


def _left_out(articles: Articles, lines: Sequence[AcknowledgedLine], shipped: Shipped) -> Iterable[AcknowledgedLine]:
    """Units that will not come: of an order whose rest was cancelled, or of a shipment that was called complete."""
    if shipped.covering:
        return
    refused = _refused(lines)
    for ean, ordered in articles.units.items():
        missing = ordered - shipped.units.get(ean, 0) - refused.get(ean, 0)
        if missing > 0:
            yield AcknowledgedLine(ean=ean, quantity=missing, status=LineStatus.REJECTED, reason=SHORT)
