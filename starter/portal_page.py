"""The page on which a supplier answers a purchase order that reached it by mail. No account, no script.

Looking says nothing, not even that the order has arrived: mail scanners follow links. What is sent is kept as a
document, read, applied and told like whatever else the supplier sends; it may be corrected, and the newest counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from activities.exchange_news import Partner
from adapters.database import exchange_incoming, portal
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import Database, Transaction
from adapters.database.portal import PageOrder
from models.configuration import Configuration
from models.exchange import DocumentKind, Incoming, Reading
from starter.portal_entries import Entry, read_portal
from starter.portal_fields import Form, UnreadableEntryError, Upload
from starter.portal_form import as_document, read_entry
from starter.portal_view import Page, order_page
from starter.taking_in import take_in
from workflows.decisions.links import BadLinkError, ExpiredLinkError, Purpose, read_link

UNAVAILABLE = Page("unavailable", "Please try again in a minute", 503, ["We can't reach our records right now."])
TOO_MUCH = Page(
    "too_much", "That was too much", 413, ["Please open the link once more. A file may have 10 MB at most."]
)

# Of one order: whoever has its link must not fill our database.
MOST_ENTRIES = 500
MOST_BYTES = 100 * 1024 * 1024
FULL = "There is no room for more entries on this page. Please answer the mail that its link came in: we read it."

_TROUBLE = (BadLinkError, ExpiredLinkError, SQLAlchemyError, NoConfigurationError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Taken:
    """What a posted form led to. ``supplier``: whose news is to be told, where there may be any."""

    page: Page
    supplier: str = ""
    fresh: bool = False

    @property
    def kept(self) -> bool:
        """Say whether it is in our books, now or since before."""
        return bool(self.supplier)


class PortalPages:
    """Shows orders to their suppliers and takes what they enter. Blocking: call it on a thread."""

    def __init__(self, database: Database, configurations: ConfigurationStore, secrets: Callable[[str], str]) -> None:
        """Judge by the newest configuration; ``secrets`` reads a named secret, "" where it is not set."""
        self._database = database
        self._configurations = configurations
        self._secrets = secrets

    def knock(self, token: str) -> Page | None:
        """Say what is wrong with a link before anything that is sent by it is read; None where it is good."""
        try:
            self._find(token, datetime.now(UTC))
        except _TROUBLE as error:
            return _sorry(error)
        return None

    def show(self, token: str, *, saved: bool = False) -> Page:
        """Show an order, or why there is none. ``saved``: say thanks for what was sent."""
        try:
            return self._page(self._find(token, datetime.now(UTC)), saved=saved)
        except _TROUBLE as error:
            return _sorry(error)

    def take(self, token: str, form: Form) -> Taken:
        """Keep and apply what was entered, once: the same form sent again changes nothing."""
        now = datetime.now(UTC)
        try:
            order = self._find(token, now)
            try:
                self._require_room(order)
                entry = read_entry(form, order, now.date())
            except UnreadableEntryError as error:
                return Taken(self._page(order, problem=error, form=form))
            fresh = self._keep(order, entry, form.upload, now)
            return Taken(self._page(order), order.supplier, fresh=fresh)
        except _TROUBLE as error:
            return Taken(_sorry(error))

    def refuse(self, token: str, problem: UnreadableEntryError) -> Page:
        """Show an order again after a form that could not be read at all."""
        try:
            return self._page(self._find(token, datetime.now(UTC)), problem=problem)
        except _TROUBLE as error:
            return _sorry(error)

    def _page(
        self,
        order: PageOrder,
        *,
        problem: UnreadableEntryError | None = None,
        form: Form | None = None,
        saved: bool = False,
    ) -> Page:
        buyer = self._configuration().mail.sender_name
        return order_page(order, buyer=buyer, problem=problem, form=form, saved=saved)

    def _require_room(self, order: PageOrder) -> None:
        with self._database.begin() as tx:
            count, size = portal.entered(tx, order.number)
        if count >= MOST_ENTRIES or size >= MOST_BYTES:
            log.warning("portal_full", purchase_order=order.number)
            raise UnreadableEntryError(FULL)

    def _keep(self, order: PageOrder, entry: Entry, upload: Upload | None, now: datetime) -> bool:
        body = entry.body()
        partner = Partner.of(self._configuration(), order.supplier, now)
        incoming = Incoming(name=f"page-{order.number}-{entry.entered.what}", place="", body=body)

        def first(tx: Transaction) -> None:
            portal.one_at_a_time(tx, order.id)
            if upload is not None and entry.entered.what == "invoiced":
                _keep_file(tx, order, as_document(upload, order.number), now)

        return take_in(self._database, partner, incoming, read_portal(body), first=first).fresh

    def _find(self, token: str, now: datetime) -> PageOrder:
        configuration = self._configuration()
        settings = configuration.portal
        if settings is None:
            raise BadLinkError
        names = (settings.link_secret_env, settings.previous_link_secret_env)
        secrets = [self._secrets(name) for name in names if name]
        order_id = read_link(Purpose.SUPPLIER_PAGE, token, secrets, now=now)
        with self._database.begin() as tx:
            order = portal.read(tx, order_id)
        if order is None or order.supplier not in configuration.suppliers:
            raise BadLinkError
        return order

    def _configuration(self) -> Configuration:
        return self._configurations.current().configuration


def _keep_file(tx: Transaction, order: PageOrder, incoming: Incoming, now: datetime) -> None:
    """Keep an uploaded file as it came. It says nothing by itself, and nothing ever opens it."""
    kept = exchange_incoming.keep(tx, order.supplier, incoming, now=now, apart="attached:")
    if not kept.known:
        exchange_incoming.settle(tx, kept.id, Reading(kind=DocumentKind.PORTAL), reason="", replies=(), now=now)
    portal.name_order(tx, kept.id, order.number)


def _sorry(error: Exception) -> Page:
    if isinstance(error, BadLinkError):
        words = "This link leads nowhere. Please open it from our mail once more, as a whole."
        return Page("bad_link", "We can't find this page", 404, [words])
    if isinstance(error, ExpiredLinkError):
        words = "This link is no longer good. Please answer the mail that it came in: we read it."
        return Page("expired_link", "This link has run out", 410, [words])
    log.warning("portal_unavailable", reason=type(error).__name__)
    return UNAVAILABLE
