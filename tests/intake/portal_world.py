"""Purchase orders that a supplier has, the API with its page and its door, and forms filled in as a browser does."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import lxml.html
import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.delivery import OrderDelivery
from adapters.database.configurations import ConfigurationStore
from adapters.database.exchange import Documents
from adapters.ports import SupplierPort
from models.contracts import PurchaseOrderRequest
from models.suppliers import SupplierOrderStatus
from starter.api import build_server, create_app, listen
from starter.delivery import Deliverer
from tests.activities.world import ARTICLE, World, build_world, eur
from workflows.decisions.links import Purpose, sign_link

NOBODY = "127.0.0.1:9"  # no Temporal server listens here
SECRET, OLD = "the newest secret", "the secret before it"
SECRETS = {"PAGE_SECRET": SECRET, "PAGE_OLD_SECRET": OLD}
PORTAL = {
    "public_url": "https://orders.planted.example",
    "link_secret_env": "PAGE_SECRET",
    "previous_link_secret_env": "PAGE_OLD_SECRET",
}
Fields = Mapping[str, str]


@dataclass
class PortalWorld:
    """Activities' world, in which the supplier bts answers on its page."""

    inner: World
    suppliers: dict[str, SupplierPort] = field(default_factory=dict)

    @property
    def desk(self) -> Documents:
        """The documents of bts."""
        return Documents(self.inner.database, "bts")

    def placed(self, *quantities: int, **more: Any) -> PurchaseOrderRequest:
        """Bring an order to a purchase order that bts has."""
        return self.inner.placed(*quantities, **more)

    def link(
        self, order: PurchaseOrderRequest, *, secret: str = SECRET, valid_for: timedelta = timedelta(days=60)
    ) -> str:
        """Write the path of an order's page."""
        expires_at = datetime.now(UTC) + valid_for
        return f"/s/{sign_link(Purpose.SUPPLIER_PAGE, order.purchase_order_id, expires_at, secret)}"

    def status(self, order: PurchaseOrderRequest) -> SupplierOrderStatus:
        """Tell what the order's lifecycle would be told."""
        status = self.desk.order_status(order.number)
        assert status is not None
        return status

    def news(self, order: PurchaseOrderRequest) -> list[dict[str, Any]]:
        """List what was said of an order."""
        query = "SELECT news FROM partner_news WHERE purchase_order_id = :id ORDER BY id"
        return [row["news"] for row in self.inner.rows(query, id=order.purchase_order_id)]

    def documents(self, order: PurchaseOrderRequest) -> list[dict[str, Any]]:
        """List the documents that name an order."""
        query = (
            "SELECT d.* FROM partner_documents d JOIN partner_document_orders o ON o.document_id = d.id "
            "WHERE o.number = :number ORDER BY d.id"
        )
        return self.inner.rows(query, number=order.number)

    def tasks(self, order: PurchaseOrderRequest) -> list[str]:
        """List the categories of an order's open tasks."""
        query = "SELECT category FROM tasks WHERE state = 'open' AND purchase_order_id = :id ORDER BY id"
        return [row["category"] for row in self.inner.rows(query, id=order.purchase_order_id)]


def build_portal_world(url: str, **tables: Any) -> PortalWorld:
    """Build it on an emptied database."""
    inner = build_world(url)
    inner.bts.costs[ARTICLE], inner.bts.stock[ARTICLE] = eur("8.00"), 100_000
    inner.configure(portal=PORTAL, **tables)
    return PortalWorld(inner)


@contextmanager
def serving(world: PortalWorld, temporal_address: str = NOBODY) -> Iterator[httpx.Client]:
    """The API on loopback, in a thread; yields a client of it."""
    listener = listen("127.0.0.1", 0)
    servers: list[uvicorn.Server] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(world, temporal_address, listener, servers)))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            client.get("/healthz").raise_for_status()
            yield client
    finally:
        servers[0].should_exit = True
        thread.join(30)


async def _serve(world: PortalWorld, address: str, listener: Any, servers: list[uvicorn.Server]) -> None:
    temporal = await Client.connect(address, lazy=True, data_converter=pydantic_data_converter)
    configurations = ConfigurationStore(world.inner.database, max_age=0.05)
    app = create_app(
        database=world.inner.database,
        configurations=configurations,
        storefronts=lambda _channel: world.inner.shop,  # type: ignore[arg-type,return-value]
        secrets=lambda name: SECRETS.get(name, ""),
        deliverer=Deliverer(OrderDelivery(temporal, world.inner.database, configurations)),
        suppliers=world.suppliers.__getitem__,
    )
    servers.append(build_server(app))
    await servers[0].serve(sockets=[listener])


def form_of(page: httpx.Response, what: str) -> dict[str, str]:
    """Take a form's fields as a browser would send them untouched."""
    for form in lxml.html.document_fromstring(page.text).forms:
        fields = {name: value or "" for name, value in form.form_values()}
        if fields.get("what") == what:
            return fields
    raise AssertionError(f"the page has no form to {what}")


def fill_in(api: httpx.Client, link: str, what: str, entered: Fields | None = None, **more: Any) -> httpx.Response:
    """Open a page, fill in one of its forms, and send it."""
    fields = form_of(api.get(link), what) | dict(entered or {})
    if what == "invoice":
        more.setdefault("files", {"file": ("", b"", "application/octet-stream")})
    return api.post(link, data=fields, **more)
