"""The outside world as it is configured now: suppliers, storefronts and the mail server, each built once per change."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from adapters.database.configurations import ConfigurationStore, NotConfiguredError, Version
from adapters.errors import NotSent
from adapters.feeds.sources import open_source
from adapters.plugin import CallSink, Plugin
from adapters.ports import DocumentDesk, ExchangeRates, FeedSource, Mailer, PickDesk, StorefrontPort, SupplierPort
from adapters.secrets import Secrets
from models.configuration import ACKNOWLEDGED_WITHIN, Channel, Configuration, People, Supplier
from models.feeds import Column, Feed, FieldName, Scope
from models.statuses import Mode, strictest
from models.suppliers import Capabilities, SupplierProfile
from workflows.decisions import links, promises
from workflows.decisions.links import Purpose

LONGEST_CALL = 600.0  # seconds
# Best sellers are asked for one by one: every supplier's answers have the same shape.
_ANSWERED = (FieldName.SKU, FieldName.EAN, FieldName.QUANTITY, FieldName.UNIT_COST, FieldName.CURRENCY)
STOCK_ANSWERS: dict[str, Column] = {name: Column(column=name) for name in _ANSWERED}
Named = TypeVar("Named")


class Outside:
    """Every port, built from the newest configuration. A changed setting reaches the next activity."""

    def __init__(
        self,
        configurations: ConfigurationStore,
        plugins: Mapping[str, Mapping[str, Plugin]],
        secrets: Secrets,
        sink: CallSink,
        desk: PickDesk | None = None,
        documents: Callable[[str], DocumentDesk] | None = None,
        purchase_order_id: Callable[[str], int | None] = lambda _number: None,
    ) -> None:
        self._desk = desk
        self._documents = documents
        self._purchase_order_id = purchase_order_id
        self._configurations = configurations
        self._plugins = plugins
        self._secrets = secrets
        self._sink = sink
        self._built: dict[tuple[str, str], tuple[Any, Any]] = {}
        self._retired: list[tuple[float, Any]] = []
        self._lock = Lock()

    def version(self) -> Version:
        """Return the newest configuration with its number."""
        return self._configurations.current()

    @property
    def configuration(self) -> Configuration:
        """The newest configuration."""
        return self.version().configuration

    @property
    def people(self) -> People:
        """When people are reminded."""
        return self.configuration.people

    def channel(self, channel_id: str) -> Channel:
        """Return a channel's settings."""
        return _named(self.configuration.channels, channel_id, "channel")

    def supplier_settings(self, supplier_id: str) -> Supplier:
        """Return a supplier's settings."""
        return _named(self.configuration.suppliers, supplier_id, "supplier")

    def name_of(self, supplier_id: str) -> str:
        """Name a supplier to people, also one that is no longer configured: its orders are asked about all the same."""
        settings = self.configuration.suppliers.get(supplier_id)
        return settings.display_name if settings else supplier_id

    def supplier(self, supplier_id: str, api_version: str = "") -> SupplierPort:
        """Return the port to a supplier; an order in flight names the version of its interface that it began with."""
        settings = self.supplier_settings(supplier_id)
        plugin = self._plugin("suppliers", settings.adapter)
        version = api_version or self.api_version(supplier_id)
        settings = settings.model_copy(update={"api_version": version or None})
        port: SupplierPort = self._port(
            ("supplier", f"{supplier_id} {version}"),
            settings,
            lambda: self._build_supplier(plugin, settings, supplier_id),
        )
        return port

    def api_version(self, supplier_id: str) -> str:
        """Say which version of a supplier's interface new orders go by; "" where there is but one."""
        settings = self.supplier_settings(supplier_id)
        plugin = self._plugin("suppliers", settings.adapter)
        return settings.api_version or next(iter(plugin.versions), "")

    def _build_supplier(self, plugin: Plugin, settings: Supplier, supplier_id: str) -> Any:
        documents = {"documents": self._documents(supplier_id)} if self._documents is not None else {}
        desks = plugin.besides(desk=self._desk, link_for=self.supplier_link, **documents)
        return plugin.build(settings=settings, supplier_id=supplier_id, secrets=self._secrets, sink=self._sink, **desks)

    def storefront(self, channel_id: str) -> StorefrontPort:
        """Return the port to a channel's storefront."""
        settings = self.channel(channel_id)
        plugin = self._plugin("storefronts", settings.storefront)
        port: StorefrontPort = self._port(
            ("channel", channel_id),
            settings,
            lambda: plugin.build(settings=settings, channel_id=channel_id, secrets=self._secrets, sink=self._sink),
        )
        return port

    def mailer(self) -> Mailer:
        """Return the port to the mail server."""
        settings = self.configuration.mail
        plugin = self._plugin("notifiers", "smtp")
        port: Mailer = self._port(
            ("mail", ""), settings, lambda: plugin.build(settings=settings, secrets=self._secrets)
        )
        return port

    def feed_settings(self, supplier_id: str, feed_id: str) -> Feed:
        """Return a feed's settings."""
        return _named(self.supplier_settings(supplier_id).feeds, feed_id, f"feed of {supplier_id}:")

    def feed_columns(self, supplier_id: str, feed: Feed) -> dict[str, Column]:
        """Say which field of our rows comes from where: as configured, else as the supplier's adapter knows it."""
        if feed.scope is Scope.FAST_SELLERS:
            return STOCK_ANSWERS
        names = [(name, feed.column_of(name)) for name in feed.columns]
        return {name: column for name, column in names if column} or self.supplier(supplier_id).feed_columns(feed.kind)

    def feed_source(self, feed: Feed) -> FeedSource:
        """Open where a file feed lies. The caller closes it."""
        return open_source(feed, secrets=self._secrets)

    def customer_link(self, question_id: int, expires_at: datetime) -> str | None:
        """Write the link by which a customer answers; None where no customer can be asked."""
        settings = self.configuration.customers
        if settings is None:
            return None
        secret = self._link_secret(settings.link_secret_env)
        if not secret:  # a person is asked instead
            return None
        token = links.sign_link(Purpose.CUSTOMER_QUESTION, question_id, expires_at, secret)
        return f"{str(settings.public_url).rstrip('/')}/c/{token}"

    def supplier_link(self, number: str) -> str | None:
        """Write the link to the page on which a supplier answers a purchase order; None where there is no such page.

        Raises NotSent while the database is away: the order's mail waits, and is not sent without its link.
        """
        settings = self.configuration.portal
        secret = self._link_secret(settings.link_secret_env) if settings is not None else ""
        if settings is None or not secret:
            return None
        try:
            purchase_order_id = self._purchase_order_id(number)
        except SQLAlchemyError as error:
            problem = f"the link to the supplier's page: the database gave no answer ({type(error).__name__})"
            raise NotSent(problem, code="database") from None
        if purchase_order_id is None:
            return None
        expires_at = datetime.now(UTC) + settings.link_valid_for
        token = links.sign_link(Purpose.SUPPLIER_PAGE, purchase_order_id, expires_at, secret)
        return f"{str(settings.public_url).rstrip('/')}/s/{token}"

    def _link_secret(self, name: str) -> str:
        try:
            secret = self._secrets(name)
        except (RuntimeError, LookupError):  # not set
            return ""
        return secret if links.usable(secret) else ""

    def rates(self) -> ExchangeRates:
        """Return the port to who publishes exchange rates."""
        url = str(self.configuration.supply.rates_url)
        plugin = self._plugin("rates", "ecb")
        port: ExchangeRates = self._port(("rates", ""), url, lambda: plugin.build(url=url, sink=self._sink))
        return port

    def close(self) -> None:
        """Give every port's connections back."""
        with self._lock:
            for port in [*(port for _, port in self._built.values()), *(port for _, port in self._retired)]:
                _close(port)
            self._built.clear()
            self._retired.clear()

    def mode(self, channel_id: str, *supplier_ids: str) -> Mode:
        """Say how far this order may run by itself now: the strictest of its channel's and its suppliers' modes."""
        suppliers = [self.supplier_settings(supplier_id).mode for supplier_id in supplier_ids]
        return strictest(self.channel(channel_id).mode, *suppliers)

    def profile(self, supplier_id: str, now: datetime) -> SupplierProfile:
        """Describe a supplier to the lifecycle of what is ordered ``now``, as data."""
        settings, capabilities = self.supplier_settings(supplier_id), self.supplier(supplier_id).capabilities
        return SupplierProfile(
            supplier=supplier_id,
            display_name=settings.display_name,
            capabilities=capabilities,
            tracking_plan=settings.tracking_plan,
            final_check_grace=settings.final_check_grace,
            acknowledgement_deadline=_acknowledgement_deadline(settings, capabilities, now),
            submit_timeout=settings.submit_timeout,
            read_timeout=settings.read_timeout,
            unreachable_deadline=settings.unreachable_deadline,
            cancel_deadline=settings.cancel_deadline,
            doubt_deadline=settings.doubt_deadline,
            reroute_down_after=settings.outages.reroute_after,
            reroute_silent=self.configuration.routing.silent == "reroute",
            remind_after=self.people.remind_after,
            escalate_after=self.people.escalate_after,
        )

    def _plugin(self, group: str, name: str) -> Plugin:
        plugin = self._plugins[group].get(name)
        if plugin is None:
            raise NotConfiguredError(f"there is no {group} plugin {name}: install the distribution that brings it")
        return plugin

    def _port(self, key: tuple[str, str], settings: Any, build: Callable[[], Any]) -> Any:
        with self._lock:
            built = self._built.get(key)
            if built is None or built[0] != settings:
                if built is not None:
                    self._retire(built[1])
                built = (settings, build())
                self._built[key] = built
            return built[1]

    def _retire(self, port: Any) -> None:
        """A replaced port may still be in a call: it is closed once no call of it can be under way."""
        now = time.monotonic()
        for since, old in list(self._retired):
            if now - since > LONGEST_CALL:
                _close(old)
                self._retired.remove((since, old))
        self._retired.append((now, port))


def _acknowledgement_deadline(settings: Supplier, capabilities: Capabilities, now: datetime) -> timedelta:
    promised = capabilities.acknowledges_within
    if settings.acknowledgement_deadline is not None or promised is None:
        return settings.acknowledgement_deadline or ACKNOWLEDGED_WITHIN
    return promises.due(now, promised, settings.terms.calendar) - now


def _close(port: Any) -> None:
    if hasattr(port, "close"):
        port.close()


def _named(known: Mapping[str, Named], name: str, kind: str) -> Named:
    if name not in known:
        raise NotConfiguredError(f"{kind} {name} is not configured: add it, then `dropwright config apply`")
    return known[name]
