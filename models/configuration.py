"""The merchant's configuration, as TOML holds it and as a numbered version is stored.

Credentials are named, never written: ``token_env = "BTS_TOKEN"`` reads that environment variable when it is needed.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, HttpUrl, StringConstraints, model_validator

from models import name_faults
from models.backordering import Backorders, Customers
from models.base import Duration, EnvironmentName, Interval, Slug, StrictContract
from models.faults import refuse
from models.feeds import Feeds
from models.routing_rules import Routing
from models.statuses import Mode
from models.stock import Stock
from models.supply import LowStock, Publishing, Reconciling, Supply
from models.supplying import Acknowledging, Outages
from models.terms import Terms

MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s<>]+@[^@\s<>]+$", max_length=254)]
Namespace = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,255}$")]
HOUR = timedelta(hours=1)
ACKNOWLEDGED_WITHIN = timedelta(days=1)  # where neither the merchant nor the supplier says
SEVEN_CHECKS = tuple(hours * HOUR for hours in (24, 6, 12, 12, 24, 24, 24))


class CustomerMessages(StrEnum):
    """Who tells the customer: exactly one of the two."""

    DROPWRIGHT = "dropwright"
    STOREFRONT = "storefront"


class Channel(StrictContract):
    """One shop: where it is, how far it is trusted, and from when on its orders are ours."""

    storefront: Slug = "shopify"
    shop_domain: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,252}$")
    api_url: HttpUrl | None = None  # default: https://{shop_domain}
    webhook_secret_env: EnvironmentName
    previous_webhook_secret_env: EnvironmentName | None = None
    token_env: EnvironmentName
    mode: Mode = Mode.OBSERVE
    start_watermark: AwareDatetime
    customer_messages: CustomerMessages = CustomerMessages.STOREFRONT
    missing_orders_lookback: Duration = timedelta(days=2)
    publishing: Publishing = Publishing()


class Supplier(StrictContract):
    """One supplier: how to reach it, how far it is trusted, and its plan of checks."""

    adapter: Slug
    display_name: str = Field(min_length=1, max_length=60)
    base_url: HttpUrl | None = None  # each adapter says whether it needs one, and a credential
    token_env: EnvironmentName | None = None
    mode: Mode = Mode.OBSERVE
    enabled: bool = True
    options: dict[str, str] = Field(default_factory=dict)  # the adapter's own settings, e.g. payment_method
    profile: dict[str, Any] = Field(default_factory=dict)  # what its adapter is told of it, as the adapter describes
    api_version: str | None = Field(default=None, max_length=20)  # null: the one that its adapter prefers
    webhook_secret_env: EnvironmentName | None = None  # what it signs webhooks with, or the end of their address
    metafield_namespace: Namespace
    preferred_carriers: tuple[str, ...] = ("GLS",)
    promise_days: int = Field(default=7, ge=1, le=60)
    tracking_plan: tuple[Duration, ...] = Field(default=SEVEN_CHECKS, min_length=1, max_length=50)
    final_check_grace: Duration = HOUR
    acknowledgement_deadline: Duration | None = None  # null: when the supplier's promise is over, else a day
    submit_timeout: Duration = timedelta(minutes=3)
    read_timeout: Duration = timedelta(seconds=20)
    unreachable_deadline: Duration = timedelta(days=1)
    cancel_deadline: Duration = timedelta(days=1)
    doubt_deadline: Duration = timedelta(hours=6)
    exchange_every: Interval = timedelta(minutes=5)  # between two rounds of picking up and sending documents
    account_hold_probe: Duration = timedelta(minutes=15)
    max_concurrent_calls: int = Field(default=10, ge=1, le=200)
    calls_per_second: float | None = Field(default=None, gt=0, le=1000)  # orders and feeds share it; orders go first
    feeds: Feeds = Field(default_factory=dict)
    terms: Terms = Terms()
    acknowledging: Acknowledging = Acknowledging()
    outages: Outages = Outages()

    @model_validator(mode="after")
    def _intervals_are_positive(self) -> Self:
        if any(interval <= timedelta(0) for interval in self.tracking_plan):
            raise ValueError("every interval of tracking_plan must be longer than zero")
        return self


class People(StrictContract):
    """When a silent task is brought up again."""

    remind_after: Duration = 4 * HOUR
    escalate_after: Duration = 24 * HOUR


class Mail(StrictContract):
    """Where mail goes out, in whose name, and who is told when the world misbehaves."""

    host: str
    port: int = Field(ge=1, le=65535)
    starttls: bool = True
    username: str | None = None
    password_env: EnvironmentName | None = None
    sender: MailAddress
    sender_name: str = Field(default="", max_length=80)
    alerts_to: MailAddress
    escalations_to: MailAddress | None = None


class Portal(StrictContract):
    """The page on which suppliers answer purchase orders that reached them by mail."""

    public_url: HttpUrl
    link_secret_env: EnvironmentName
    previous_link_secret_env: EnvironmentName | None = None
    link_valid_for: Duration = timedelta(days=60)


class Configuration(StrictContract):
    """A whole configuration: valid together or not at all."""

    channels: dict[Slug, Channel] = Field(min_length=1)
    suppliers: dict[Slug, Supplier] = Field(min_length=1)
    routing: Routing
    mail: Mail
    people: People = People()
    supply: Supply = Supply()
    reconciling: Reconciling = Reconciling()
    low_stock: LowStock = LowStock()
    stock: Stock = Stock()
    backorders: Backorders = Backorders()
    customers: Customers | None = None
    portal: Portal | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        refuse("Configuration", name_faults.of_configuration(self))
        return self
