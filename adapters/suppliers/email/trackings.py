"""Tracking numbers and carriers in what people write. Pure."""

import re

NUMBER = r"(?=(?:[A-Z-]*\d){5})[A-Z0-9][A-Z0-9-]{6,33}[A-Z0-9](?![A-Z0-9-]| \d)"
LABEL = (
    r"(?:tracking|sendungs(?:nummer|verfolgung|nr)|paket(?:nummer|nr)|seguimiento|suivi|tracciamento|colis|localizador"
    r"|tracking-?id|awb|parcel|numero de envio|número de envío)"
)
# The label, a few small words at most, and then the number, or several with "and" or a comma between.
LABELLED = re.compile(
    rf"{LABEL}(?:\s+(?:numbers?|nummern?|nr|no|code|id|ids))?\.?(?:\s+(?:is|are|ist|lautet|es|est|è|e))?[\s:=#]*"
    rf"({NUMBER}(?:\s*(?:,|;|&|\band\b|\bund\b|\by\b|\bet\b|\be\b|\n)\s*{NUMBER})*)",
    re.IGNORECASE,
)
EACH = re.compile(NUMBER, re.IGNORECASE)
CARRIERS = (
    "GLS|DHL|UPS|FedEx|DPD|TNT|SEUR|MRW|Correos|Nacex|Colissimo|Chronopost|BRT|Hermes|Evri|USPS|PostNL|bpost|InPost"
    "|Mondial Relay|Royal Mail|Poste Italiane|La Poste|Deutsche Post|Österreichische Post"
)
CARRIER = re.compile(rf"(?<!\w)({CARRIERS})(?!\w)", re.IGNORECASE)


def take_trackings(text: str) -> tuple[tuple[str, ...], str]:
    """Find the tracking numbers that are called so; returns them, each once, and the text without them."""
    found: list[str] = []

    def take(hit: re.Match[str]) -> str:
        if not hit[1].isascii():  # letters that only look like ours: no carrier knows them
            return hit[0]
        found.extend(number.upper() for number in EACH.findall(hit[1]))
        return " "

    rest = LABELLED.sub(take, text)
    return tuple(dict.fromkeys(found)), rest


def carrier_of(text: str) -> str:
    """Find the one carrier that is named; "" where none is, or several are."""
    named = {hit.lower(): hit for hit in CARRIER.findall(text)}
    return next(iter(named.values())) if len(named) == 1 else ""
