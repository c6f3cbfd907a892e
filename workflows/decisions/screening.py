"""Whether an order can be fulfilled as it stands: paid, complete, and every article known by number."""

from collections.abc import Mapping, Sequence

from models.articles import normalise_ean
from models.orders import Address
from models.screening import Problem, ScreenedLine
from models.storefronts import StorefrontFacts
from models.tasks import TaskCategory

# ISO 3166-1 alpha-2.
COUNTRIES = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW".split()
)
# Countries without a postcode system in general use (Universal Postal Union, addressing pages).
NO_POSTCODE = frozenset(
    "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GA GD GH GM GQ GY HK JM KI KM "
    "KN LC ML MO MR MS MW NR NU PA QA RW SB SC SL SR ST SY TD TG TK TL TO TT TV UG VU YE ZW".split()
)
LONGEST_POSTCODE = 20  # as Destination takes it
_STATE_REQUIRED = frozenset({"US", "CA"})


def address_problem(address: Address | None) -> str:
    """Name what is missing for a parcel to arrive; empty where nothing is. Names fields, never their contents."""
    if address is None:
        return "there is no shipping address"
    country = address.country_code
    missing = [
        field
        for field, value in (
            ("name", address.name or address.company),
            ("street", address.address1),
            ("city", address.city),
        )
        if not value
    ]
    if not address.postal_code and country not in NO_POSTCODE:
        missing.append("postcode")
    if len(address.postal_code) > LONGEST_POSTCODE:  # no rate can be asked for with it
        missing.append(f"postcode of at most {LONGEST_POSTCODE} characters")
    if country not in COUNTRIES:
        missing.append("country" if not country else "known country")
    if country in _STATE_REQUIRED and not address.province_code:
        missing.append("state")
    return f"{', '.join(missing)} missing" if missing else ""


def resolve_articles(lines: Sequence[ScreenedLine], barcodes: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Find every line's EAN: a person's mapping first, then the storefront's barcode. Returns (known, unknown line ids)."""
    known: dict[str, str] = {}
    unknown: list[str] = []
    for line in lines:
        ean = normalise_ean(line.mapped_ean or barcodes.get(line.line_id, ""))
        if ean:
            known[line.line_id] = ean
        else:
            unknown.append(line.line_id)
    return known, unknown


def find_problem(
    order_name: str,
    address: Address | None,
    facts: StorefrontFacts,
    lines: Sequence[ScreenedLine],
    unknown: Sequence[str],
) -> Problem | None:
    """Name the first thing in the order's way, in the order in which a person would want to hear of it."""
    if not facts.paid:
        return Problem(TaskCategory.NOT_PAID, {"order": order_name})
    if problem := address_problem(address):
        return Problem(TaskCategory.ADDRESS_INCOMPLETE, {"order": order_name, "problem": problem})
    if unknown:
        variants = ", ".join(
            f"variant {line.variant_id or line.line_id}" for line in lines if line.line_id in set(unknown)
        )
        problem = "the storefront has no barcode for it"
        return Problem(TaskCategory.ARTICLE_UNKNOWN, {"order": order_name, "articles": variants, "problem": problem})
    return None
