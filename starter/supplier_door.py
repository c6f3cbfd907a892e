"""The door for suppliers' webhooks: what their adapter vouches for is kept as it came, applied, and told.

Who a webhook is from, only the supplier's adapter can say: by a signature, or by the secret that its address ends with.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import structlog
from sqlalchemy.exc import SQLAlchemyError

from activities.exchange_news import Partner
from adapters.database import portal
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import Database
from adapters.errors import AuthenticationFailed, UnexpectedReply
from adapters.ports import ListeningPort, SupplierPort
from adapters.strict_json import BadJsonError, read_json
from models.exchange import DocumentKind, Incoming, LookAgain, PartnerNews, Reading, Unclear
from starter.taking_in import take_in
from starter.webhooks import RefusedRequestError

DELIVERY_IDS = ("webhook-id", "x-webhook-id", "x-delivery-id")
_PRINTABLE = re.compile(r"[!-~]{1,128}")
Suppliers = Callable[[str], SupplierPort]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Received:
    """What became of a webhook. ``telling``: there is news that lifecycles are to hear of."""

    outcome: str  # taken, repeated, unclear, or unhandled: about nothing of ours
    telling: bool = False


class SupplierDoor:
    """Lets genuine webhooks in. Blocking: call it on a thread."""

    def __init__(self, database: Database, configurations: ConfigurationStore, suppliers: Suppliers) -> None:
        """Judge by the newest configuration; ``suppliers`` gives the port to a supplier."""
        self._database = database
        self._configurations = configurations
        self._suppliers = suppliers
        self.refusals: Counter[str] = Counter()  # all that is kept of what is refused

    def knock(self, supplier: str) -> None:
        """Turn away what is for nobody before a byte of it is read. Raises RefusedRequestError 404 or 503."""
        with self._answering(supplier):
            self._port(supplier)

    def admit(self, supplier: str, path_secret: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Take in one webhook. Raises RefusedRequestError: 404, 401, 400; 503 while the database is away."""
        with self._answering(supplier):
            reading = self._read(supplier, path_secret, headers, body)
            if not reading.news and not reading.refused:
                return Received("unhandled")
            return self._take(supplier, headers, body, reading)

    @contextmanager
    def _answering(self, supplier: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, NoConfigurationError) as error:
            log.warning("supplier_webhook_not_stored", supplier=supplier, reason=type(error).__name__)
            raise RefusedRequestError(503, "unavailable") from None
        except RefusedRequestError as refusal:
            self.refusals[refusal.reason] += 1
            raise

    def _port(self, supplier: str) -> ListeningPort:
        if supplier not in self._configurations.current().configuration.suppliers:
            raise RefusedRequestError(404, "no_such_supplier")
        try:
            port = self._suppliers(supplier)
        except (RuntimeError, LookupError, ValueError) as error:  # a credential or a plugin is missing, or it is new
            log.warning("supplier_not_usable", supplier=supplier, reason=type(error).__name__)
            raise RefusedRequestError(503, "supplier_not_usable") from None
        if not isinstance(port, ListeningPort):
            raise RefusedRequestError(404, "no_such_supplier")
        return port

    def _read(self, supplier: str, path_secret: str, headers: Mapping[str, str], body: bytes) -> Reading:
        """Ask the adapter who sent it and what it means. Nothing of it is looked at before."""
        port, news = self._port(supplier), list[PartnerNews]()
        refused = broken = ""
        try:
            news = port.read_webhook(headers, body, path_secret=path_secret)
        except AuthenticationFailed:
            raise RefusedRequestError(401, "bad_signature") from None
        except UnexpectedReply as error:
            refused = str(error)[:200] or error.code
        except Exception as error:  # noqa: BLE001 - an adapter may be anybody's
            broken = type(error).__name__
        if broken:
            # It may have failed before it knew who sent this: nothing of a stranger's is kept.
            log.error("supplier_webhook_not_read", supplier=supplier, reason=broken)
            raise RefusedRequestError(400, "unreadable")
        _require_one_meaning(body)
        return Reading(kind=DocumentKind.WEBHOOK, news=tuple(self._ours(supplier, news)), refused=refused)

    def _ours(self, supplier: str, news: Sequence[PartnerNews]) -> Iterator[PartnerNews]:
        """Leave out hints about orders that are none of ours: the supplier's account may have others."""
        hints = [one.number for one in news if isinstance(one, LookAgain)]
        known: set[str] = set()
        if hints:
            with self._database.begin() as tx:
                known = portal.orders_of(tx, supplier, hints)
        yield from (one for one in news if not isinstance(one, LookAgain) or one.number in known)

    def _take(self, supplier: str, headers: Mapping[str, str], body: bytes, reading: Reading) -> Received:
        digest = sha256(body).hexdigest()
        name = _delivery_id(headers) or f"sha256-{digest}"
        with self._database.begin() as tx:
            if portal.name_repeated(tx, supplier, name, digest):
                reading = reading.model_copy(update={"news": (*reading.news, Unclear(reason="delivery_id_repeated"))})
        partner = Partner.of(self._configurations.current().configuration, supplier, datetime.now(UTC))
        incoming = Incoming(name=name, place="", body=body)
        taken = take_in(self._database, partner, incoming, reading)
        if not taken.good:
            return Received("unclear")
        return Received("taken" if taken.fresh else "repeated", telling=True)


def _require_one_meaning(body: bytes) -> None:
    try:
        read_json(body)
    except BadJsonError:
        raise RefusedRequestError(400, "bad_json") from None


def _delivery_id(headers: Mapping[str, str]) -> str:
    given = (headers.get(name, "").strip() for name in DELIVERY_IDS)
    return next((one for one in given if _PRINTABLE.fullmatch(one)), "")
