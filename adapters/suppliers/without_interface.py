"""What suppliers have in common that can't be asked what shipping costs or what is in stock: our own terms tell."""

from collections.abc import Sequence
from decimal import Decimal

from models.money import Money
from models.suppliers import Destination, ShippingQuote, StockAnswer, SupplierLine
from models.terms import Terms

FROM_TABLE = "table"  # the id of what our own table says shipping costs


def quote_from_terms(
    terms: Terms, destination: Destination, lines: Sequence[SupplierLine], *, carrier: str
) -> list[ShippingQuote]:
    """Quote one way, from a shipping table. Weights are not known here: a parcel counts as empty.

    An empty list means that nobody ships there.
    """
    weight = Decimal(0)
    row = terms.row_for(destination.country_code, weight)
    if row is None:
        return []
    cost = Money(amount=row.cost_of(weight, sum(line.quantity for line in lines)), currency=terms.currency)
    return [ShippingQuote(quote_id=FROM_TABLE, carrier=carrier, cost=cost, days=row.days)]


def stock_unknown(eans: Sequence[str]) -> list[StockAnswer]:
    """Know nothing of these articles: their stock comes by feeds."""
    return [StockAnswer(ean=ean, known=False, quantity=0) for ean in eans]
