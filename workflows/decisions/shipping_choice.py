"""Which way to ship: the preferred carrier, else the fallback rule. Pure, and the same on every machine."""

from collections.abc import Sequence

from models.suppliers import ShippingChoice, ShippingQuote


def choose(quotes: Sequence[ShippingQuote], preferred: Sequence[str], promise_days: int) -> ShippingChoice | None:
    """Take the first preferred carrier that is offered; else the cheapest within the promise; else the cheapest of all.

    Names are compared case-insensitively, ties are broken by quote id. None where nothing is offered.
    """
    if not quotes:
        return None
    for carrier in preferred:
        offered = [quote for quote in quotes if quote.carrier.strip().casefold() == carrier.strip().casefold()]
        if offered:
            return ShippingChoice(quote=_cheapest(offered), reason=f"preferred carrier {carrier}")
    in_time = [quote for quote in quotes if quote.days is not None and quote.days <= promise_days]
    if in_time:
        return ShippingChoice(
            quote=_cheapest(in_time), reason=f"no preferred carrier: cheapest within {promise_days} days"
        )
    return ShippingChoice(
        quote=_cheapest(quotes), reason=f"no preferred carrier, none within {promise_days} days: cheapest"
    )


def _cheapest(quotes: Sequence[ShippingQuote]) -> ShippingQuote:
    return min(quotes, key=lambda quote: (quote.cost.amount, quote.quote_id))
