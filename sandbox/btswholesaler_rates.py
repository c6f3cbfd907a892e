"""Where the simulated BTSWholesaler ships, with whom, and for how much. All amounts in EUR."""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

COUNTRIES = {
    "ES": "Spain",
    "PT": "Portugal",
    "FR": "France",
    "DE": "Germany",
    "IT": "Italy",
    "AT": "Austria",
    "BE": "Belgium",
    "NL": "Netherlands",
    "IE": "Ireland",
    "PL": "Poland",
    "SE": "Sweden",
    "DK": "Denmark",
    "FI": "Finland",
    "GB": "United Kingdom",
    "CH": "Switzerland",
    "US": "United States",
    "CA": "Canada",
}
COUNTRIES_WITH_STATES = ("US", "CA")
_NEAR, _OVERSEAS = ("ES", "PT"), ("US", "CA")
_PER_FURTHER_UNIT = Decimal("0.40")


@dataclass(frozen=True)
class Carrier:
    """A carrier's tariff: base cost, business days, and the subtotal above which it costs nothing."""

    name: str
    cost: Decimal
    days: int
    free_above: Decimal | None


CARRIERS = (
    Carrier("GLS", Decimal("5.99"), 3, Decimal(200)),
    Carrier("SEUR", Decimal("7.50"), 2, Decimal(250)),
    Carrier("FedEx", Decimal("14.90"), 1, None),
)


@dataclass(frozen=True)
class Rate:
    """A carrier's price for one destination. ``id`` belongs to that country and postcode, and to no other."""

    id: int
    carrier: Carrier
    cost: Decimal

    def cost_of(self, subtotal: Decimal) -> Decimal:
        """Say what shipping costs for goods of this value."""
        free_above = self.carrier.free_above
        return Decimal(0) if free_above is not None and subtotal > free_above else self.cost


def rates(country: str, postal_code: str, units: int, offered: Collection[str] | None = None) -> list[Rate]:
    """List the rates to a destination; ``offered`` names the carriers in question (None: all)."""
    if country not in COUNTRIES:
        return []
    surcharge = Decimal(0 if country in _NEAR else 15 if country in _OVERSEAS else 3)
    surcharge += _PER_FURTHER_UNIT * (units - 1)
    place = zlib.crc32(f"{country}|{postal_code.strip().upper()}".encode()) % 100_000
    return [
        Rate(id=place * 10 + number, carrier=carrier, cost=carrier.cost + surcharge)
        for number, carrier in enumerate(CARRIERS, start=1)
        if offered is None or carrier.name in offered
    ]
