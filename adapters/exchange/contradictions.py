"""What a supplier says of an order that can't be, given what was ordered and what it has said before. Pure.

It is believed all the same, as far as ``adapters.exchange.told`` goes; a person is asked what is true.
"""

from collections.abc import Iterable, Sequence

from adapters.exchange.told import Articles, answers, shipments, tell
from models.articles import normalise_ean
from models.exchange import CancelAnswered, OrderAcknowledged, OrderNews, OrderShipped
from models.suppliers import LineStatus, SupplierLine, SupplierOrderStatus, SupplierState

NAMED = 3  # articles that a problem names


def find_problem(ordered: Sequence[SupplierLine], earlier: Sequence[OrderNews], new: OrderNews) -> str:
    """Say what can't be in ``new``; "" where nothing is wrong. Names articles and units, nothing else."""
    if new in earlier:
        return ""
    articles, before = Articles(ordered), tell(ordered, earlier)
    match new:
        case OrderShipped():
            return _shipped(articles, earlier, new, before)
        case OrderAcknowledged():
            return _acknowledged(articles, earlier, new, before)
        case CancelAnswered(cancelled=True) if before is not None and before.state is SupplierState.SHIPPED:
            return "it says cancelled, after all of it had shipped"
    return ""


def _shipped(
    articles: Articles, earlier: Sequence[OrderNews], new: OrderShipped, before: SupplierOrderStatus | None
) -> str:
    if strange := _strange(articles, (line.ean for line in _lines(new))):
        return f"it ships {strange}, which was not ordered"
    if too_many := _too_many(articles, earlier, new):
        return f"it ships more than it should: {too_many}"
    if before is None or _named_before(earlier, new):
        return ""
    if before.state is SupplierState.CANCELLED:
        return "it ships what it had cancelled or refused"
    if before.state is SupplierState.SHIPPED and new.parcels:
        return "it ships again, after all of it had shipped"
    return ""


def _lines(shipment: OrderShipped) -> tuple[SupplierLine, ...]:
    return (*shipment.lines, *(line for parcel in shipment.parcels for line in parcel.lines))


def _strange(articles: Articles, said: Iterable[str]) -> str:
    return ", ".join(list(dict.fromkeys(ean for ean in said if articles.name(ean) is None))[:NAMED])


def _named_before(earlier: Sequence[OrderNews], new: OrderShipped) -> bool:
    """Say whether it only repeats, or completes, a shipment that is known."""
    shipped = [one for one in earlier if isinstance(one, OrderShipped)]
    known = {parcel.tracking_number for one in shipped for parcel in one.parcels}
    if new.shipment and any(one.shipment == new.shipment for one in shipped):
        return True
    return bool(new.parcels) and all(parcel.tracking_number in known for parcel in new.parcels)


def _too_many(articles: Articles, earlier: Sequence[OrderNews], new: OrderShipped) -> str:
    """Count shipped units without the bound of what was ordered, against what it had not refused."""
    if not articles.units:
        return ""
    unbounded = shipments(Articles(()), [*earlier, new]).units
    shipped: dict[str, int] = {}
    for said, units in unbounded.items():
        if (ean := articles.name(said)) is not None:
            shipped[ean] = shipped.get(ean, 0) + units
    refused: dict[str, int] = {}
    for line in answers(articles, earlier):
        if line.status is LineStatus.REJECTED:
            refused[line.ean] = refused.get(line.ean, 0) + line.quantity
    named = {articles.name(line.ean) for line in _lines(new)}
    over = [
        f"{shipped[ean]} of {ean}, {ordered - refused.get(ean, 0)} were due"
        for ean, ordered in articles.units.items()
        if ean in named and shipped.get(ean, 0) > ordered - refused.get(ean, 0)
    ]
    return "; ".join(over[:NAMED])


def _acknowledged(
    articles: Articles, earlier: Sequence[OrderNews], new: OrderAcknowledged, before: SupplierOrderStatus | None
) -> str:
    if strange := _strange(articles, (line.ean for line in new.lines)):
        return f"it answers for {strange}, which was not ordered"
    said: dict[str, int] = {}
    for line in new.lines:
        ean = articles.name(line.ean) or normalise_ean(line.ean)
        said[ean] = said.get(ean, 0) + line.quantity
    over = [f"{units} of {ean}" for ean, units in said.items() if units > articles.limit(ean, units)]
    if over:
        return f"it answers for more than was ordered: {'; '.join(over[:NAMED])}"
    return _after_shipping(articles, earlier, new, before)


def _after_shipping(
    articles: Articles, earlier: Sequence[OrderNews], new: OrderAcknowledged, before: SupplierOrderStatus | None
) -> str:
    shipped = shipments(articles, earlier)
    if not shipped.parcels:
        return ""
    if new.state is SupplierState.CANCELLED:
        return "it refuses what had shipped"
    taken_back: dict[str, int] = {}
    for line in new.lines:
        if line.status is not LineStatus.ACCEPTED and (ean := articles.name(line.ean)):
            taken_back[ean] = taken_back.get(ean, 0) + line.quantity
    if any(units > articles.units.get(ean, units) - shipped.units.get(ean, 0) for ean, units in taken_back.items()):
        return "it takes back units that had shipped"
    whole = before is not None and before.state is SupplierState.SHIPPED
    answered = any(isinstance(one, OrderAcknowledged) for one in earlier)
    return "it answers once more, after all of it had shipped" if whole and answered else ""
