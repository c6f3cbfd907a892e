"""What may be asked of a supplier's real account: nothing that orders, unless a test order was asked for by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapters.errors import AdapterError, Refused
from adapters.ports import SupplierPort
from adapters.secrets import MissingSecretError
from models.findings import Severity
from models.orders import Address
from models.suppliers import (
    ACKNOWLEDGING,
    Destination,
    DoubtMeans,
    LookupVerdict,
    SupplierLine,
    SupplierOrder,
)

NOBODYS_NUMBER = "DW-0-0"  # never given to an order: what a supplier must not know
TEST_ADDRESS = {"name": "Test Order", "address1": "Do Not Ship 1", "city": "Nowhere", "phone": "+10000000000"}


@dataclass(frozen=True)
class Outcome:
    """What one check found; ``ok`` is None where there was nothing to look at."""

    check: str
    ok: bool | None
    said: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """A supplier's account, and what may be asked of it. ``eans``: articles that it is known to have."""

    port: SupplierPort
    eans: Sequence[str] = ()
    destination: Destination = field(default_factory=lambda: Destination(country_code="ES", postal_code="28001"))
    place_test_order: bool = False


def look_at(account: Account) -> Iterator[Outcome]:
    """Make every check that is safe, one after the other; each says what it found as it is done."""
    yield _checked("it serves us", lambda: _probe(account))
    yield _checked("nothing is wrong with the account", lambda: _findings(account))
    yield _checked("articles are known", lambda: _stock(account))
    yield _checked("shipping is quoted", lambda: _quotes(account))
    yield _checked("an order that is not there is said so", lambda: _unknown_order(account))
    yield _checked("a look-up proves nothing false", lambda: _look_up(account))
    yield _checked("a test order is taken, and not acknowledged", lambda: _test_order(account))


def _checked(name: str, check: Callable[[], tuple[bool | None, str]]) -> Outcome:
    try:
        return Outcome(name, *check())
    except AdapterError as error:
        return Outcome(name, False, f"{type(error).__name__}: {error}")
    except MissingSecretError as error:
        return Outcome(name, False, str(error))
    except Exception as error:  # noqa: BLE001 - a bug of the adapter's; its text may hold what the account answered
        return Outcome(name, False, f"it raises {type(error).__name__}, which is no failure that an adapter may raise")


def _probe(account: Account) -> tuple[bool | None, str]:
    account.port.probe()
    return True, "answers"


def _findings(account: Account) -> tuple[bool | None, str]:
    findings = account.port.check(account.eans)
    bad = [f"{one.subject}: {one.message}" for one in findings if one.severity is Severity.ERROR]
    return not bad, "; ".join(bad) or f"{len(findings)} findings, no error"


def _stock(account: Account) -> tuple[bool | None, str]:
    if not account.eans or not account.port.capabilities.live_stock:
        return None, "name articles with --ean" if not account.eans else "it has no live stock"
    answers = account.port.fetch_stock(account.eans)
    known = sum(answer.known for answer in answers)
    in_order = [answer.ean for answer in answers] == list(account.eans)
    return in_order and known == len(answers), f"{known} of {len(answers)} known"


def _quotes(account: Account) -> tuple[bool | None, str]:
    if not account.eans:
        return None, "name articles with --ean"
    quotes = account.port.quote_shipping(account.destination, [SupplierLine(ean=account.eans[0], quantity=1)])
    return bool(quotes), ", ".join(f"{one.carrier} {one.cost}" for one in quotes[:3]) or "nobody ships there"


def _unknown_order(account: Account) -> tuple[bool | None, str]:
    try:
        account.port.fetch_order("77777")
    except Refused as refusal:
        return refusal.code == "order_not_found", refusal.code
    return False, "it knows an order 77777; is that one of yours?"


def _look_up(account: Account) -> tuple[bool | None, str]:
    if account.port.capabilities.doubt not in (DoubtMeans.LOOK_UP, DoubtMeans.PROOF):
        return None, "it has no look-up"
    if not account.eans:
        return None, "name articles with --ean"
    found = account.port.find_order(_order(account, NOBODYS_NUMBER, "none"))
    return found.verdict is not LookupVerdict.FOUND, str(found.verdict)


def _test_order(account: Account) -> tuple[bool | None, str]:
    if not account.place_test_order:
        return None, "not asked for (--place-test-order)"
    if not account.port.capabilities.test_orders:
        return None, "it has no test orders; nothing was ordered"
    if not account.eans:
        return None, "name articles with --ean"
    quotes = account.port.quote_shipping(account.destination, [SupplierLine(ean=account.eans[0], quantity=1)])
    if not quotes:
        return False, "nobody ships there; nothing was ordered"
    number = f"DW-TEST-{datetime.now(UTC):%Y%m%d%H%M%S}"
    placed = account.port.place_order(_order(account, number, quotes[0].quote_id))
    return placed.state not in ACKNOWLEDGING, f"{placed.supplier_number}, {placed.state}; cancel it there"


def _order(account: Account, number: str, quote_id: str) -> SupplierOrder:
    where = account.destination
    address = Address(**TEST_ADDRESS, postal_code=where.postal_code, country_code=where.country_code)
    lines = (SupplierLine(ean=account.eans[0], quantity=1),)
    return SupplierOrder(number=number, lines=lines, quote_id=quote_id, address=address, test=True)
