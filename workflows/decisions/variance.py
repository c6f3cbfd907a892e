"""Whether a supplier's invoice is what we had expected to pay. Pure.

Suppliers differ in whether an invoice's total holds freight, and whether freight is invoiced at all: an invoice agrees
where any of these readings comes out within the tolerance. What was invoiced before counts with it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from models.articles import normalise_ean
from models.exchange import OrderInvoiced
from models.money import Money
from models.suppliers import AcknowledgedLine, LineStatus, SupplierLine

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Expected:
    """What a purchase order should cost us, in the currency of its order."""

    currency: str
    goods: Decimal | None  # None where a cost was never known
    shipping: Decimal
    invoiced: Decimal = Decimal(0)  # by other invoices, in this currency


@dataclass(frozen=True)
class Judgement:
    """``expected``: what this invoice should come to, in the currency of the order; None where we can't say."""

    expected: Decimal | None
    agrees: bool


def goods_cost(ordered: Sequence[SupplierLine], answered: Sequence[AcknowledgedLine]) -> Decimal | None:
    """Add up what the supplier delivers, at the cost it has acknowledged, else at ours. None where one is not known."""
    answers: dict[str, list[AcknowledgedLine]] = defaultdict(list)
    for one in answered:
        answers[normalise_ean(one.ean)].append(one)
    total = Decimal(0)
    for line in ordered:
        for units, cost in _priced(line, answers[normalise_ean(line.ean)]):
            if cost is None or (line.unit_cost is not None and cost.currency != line.unit_cost.currency):
                return None
            total += cost.amount * units
    return total


def _priced(line: SupplierLine, answers: Sequence[AcknowledgedLine]) -> list[tuple[int, Money | None]]:
    """Split a line's units by what they cost; those that no answer is about are as one that is, else as planned."""
    delivered = [one for one in answers if one.status is not LineStatus.REJECTED]
    priced = [(one.quantity, one.unit_cost or line.unit_cost) for one in delivered]
    rest = line.quantity - sum(one.quantity for one in answers)
    newest = next((one.unit_cost for one in reversed(delivered) if one.unit_cost is not None), line.unit_cost)
    return [*priced, (rest, newest)] if rest > 0 else priced


def judge(invoice: OrderInvoiced, expected: Expected, costs: Mapping[str, Decimal], tolerance: Decimal) -> Judgement:
    """Compare an invoice with what was expected, within ``tolerance`` percent.

    ``costs``: per unit and article (its EAN normalised), for an invoice about a part of the order.
    """
    if expected.goods is None:
        return Judgement(expected=None, agrees=False)
    left = expected.goods + expected.shipping - expected.invoiced
    if invoice.total.currency != expected.currency:
        return Judgement(expected=left, agrees=False)
    total, charges = invoice.total.amount, _charges(invoice, expected.currency)
    goods = _goods_of(invoice, expected.goods - expected.invoiced, costs)
    with_freight = min(goods + expected.shipping, left)
    fits = _near(total, with_freight, tolerance) or _near(total, goods, tolerance)
    if charges is not None and not fits:
        fits = _near(total - charges, goods, tolerance) and charges <= _most(expected.shipping, tolerance)
    return Judgement(expected=with_freight, agrees=fits and total <= _most(left, tolerance))


def _charges(invoice: OrderInvoiced, currency: str) -> Decimal | None:
    charges = invoice.charges
    return charges.amount if charges is not None and charges.currency == currency else None


def _goods_of(invoice: OrderInvoiced, left: Decimal, costs: Mapping[str, Decimal]) -> Decimal:
    """What the invoiced units should cost; where it names none, or others, all that was not invoiced yet."""
    named = [(costs.get(normalise_ean(line.ean)), line.quantity) for line in invoice.lines]
    if not named or any(cost is None for cost, _ in named):
        return left
    return sum(((cost or Decimal(0)) * units for cost, units in named), Decimal(0))


def _near(amount: Decimal, expected: Decimal, tolerance: Decimal) -> bool:
    return abs(amount - expected) <= _slack(expected, tolerance)


def _most(expected: Decimal, tolerance: Decimal) -> Decimal:
    return expected + _slack(expected, tolerance)


def _slack(expected: Decimal, tolerance: Decimal) -> Decimal:
    return max(CENT, abs(expected) * tolerance / 100)
