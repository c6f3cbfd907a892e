"""A supplier by mail on loopback, and our ports to it, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.suppliers.email.adapter import EmailSupplier, build
from dropwright.testing.desk import MemoryDesk, run_round
from dropwright.testing.worlds import CUSTOMER, MADRID
from models.calls import CallRecord
from models.configuration import Supplier
from models.suppliers import SupplierLine, SupplierOrder
from sandbox.mail_partner import CREDENTIALS, Manners, PartnerApp, create_app, partner_of
from sandbox.mail_partner_letters import AUTHSERV_ID, SUPPLIER
from sandbox.serving import listen, serving
from tests.adapters.loopback import HTTP

EANS = ("4006381333931", "8411061123456", "5901234123457")
SENDER = "orders@shop.example"
SHIPPING = [{"countries": ["DE", "ES"], "cost": "7.50", "days": 3}]


def profile(smtp_port: int, imap_port: int | None, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "to": SUPPLIER,
        "sender": SENDER,
        "sender_name": "Casa Olmo",
        "trust": {"authserv_id": AUTHSERV_ID},
        "smtp": {
            "host": "127.0.0.1",
            "port": smtp_port,
            "starttls": False,
            "username": CREDENTIALS[0],
            "password_env": "SMTP_PASSWORD",
        },
    }
    imap: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": imap_port,
        "security": "none",
        "username": CREDENTIALS[0],
        "password_env": "IMAP_PASSWORD",
        "sent": "Sent",
    }
    if imap_port is not None:
        values["imap"] = imap | changes.pop("imap", {})
    return values | changes


def settings(of_profile: dict[str, Any]) -> Supplier:
    values = {
        "adapter": "email",
        "display_name": "Olmo",
        "metafield_namespace": "olmo",
        "submit_timeout": "1.6s",
        "read_timeout": "1.2s",
        "terms": {"shipping": SHIPPING},
        "profile": of_profile,
    }
    return Supplier.model_validate(values)


def port_to(of_profile: dict[str, Any], desk: MemoryDesk, password: str = CREDENTIALS[1], **kept: Any) -> EmailSupplier:
    sink = kept.get("calls", [])
    return build(
        settings=settings(of_profile),
        supplier_id="olmo",
        secrets=lambda _name: password,
        sink=sink.append,
        documents=desk,
    )


def closed_port() -> int:
    with listen(0) as taken:
        return int(taken.getsockname()[1])


@dataclass
class MailWorld:
    """One supplier, one desk, one port."""

    url: str
    app: PartnerApp
    desk: MemoryDesk = field(default_factory=MemoryDesk)
    calls: list[CallRecord] = field(default_factory=list)
    ports: list[EmailSupplier] = field(default_factory=list)

    def port(self, **changes: Any) -> EmailSupplier:
        """Build a port of this supplier's profile, with changes."""
        port = port_to(profile(self.app.smtp_port, self.app.imap.port, **changes), self.desk, calls=self.calls)
        self.ports.append(port)
        return port

    def order(self, number: str = "DW-1-11", *, test: bool = False) -> SupplierOrder:
        lines = (SupplierLine(ean=EANS[0], quantity=2, sku="A-1"), SupplierLine(ean=EANS[1], quantity=1))
        quote = self.port().quote_shipping(MADRID, lines)[0]
        order = SupplierOrder(number=number, lines=lines, quote_id=quote.quote_id, address=CUSTOMER, test=test)
        return self.desk.expect(order)

    def spoil(self, operation: str, kind: str, **options: Any) -> None:
        rules = [{"operation": operation, "kind": kind, **options}]
        HTTP.post(f"{self.url}/_sandbox/faults", json={"rules": rules}).raise_for_status()

    def unspoil(self) -> None:
        HTTP.delete(f"{self.url}/_sandbox/faults")

    def books(self) -> list[dict[str, Any]]:
        return list(HTTP.get(f"{self.url}/_sandbox/ledger").json()["orders"])

    def work(self) -> None:
        HTTP.post(f"{self.url}/_sandbox/work").raise_for_status()

    def write_back(self, say: str, number: str = "DW-1-11", **wish: Any) -> None:
        answer = HTTP.post(f"{self.url}/_sandbox/orders/{number}", json={"say": say, **wish})
        answer.raise_for_status()

    def deliver(self, mail: bytes) -> None:
        HTTP.post(f"{self.url}/_sandbox/mail", content=mail).raise_for_status()

    def folders(self) -> dict[str, list[int]]:
        return dict(HTTP.get(f"{self.url}/_sandbox/folders").json())

    def renumber(self) -> None:
        HTTP.post(f"{self.url}/_sandbox/renumber").raise_for_status()

    def behave(self, **manners: Any) -> None:
        self.app.partner.manners = replace(self.app.partner.manners, **manners)

    def round(self, port: EmailSupplier | None = None) -> list[Any]:
        """Run one round of the exchange; returns what was picked up."""
        return run_round(port or self.port(), self.desk)

    def reset(self) -> None:
        while self.ports:
            self.ports.pop().close()
        self.unspoil()
        HTTP.delete(f"{self.url}/_sandbox/mail").raise_for_status()
        self.app.partner.manners = Manners()
        self.desk, self.calls = MemoryDesk(), []


@contextmanager
def mail_world() -> Iterator[MailWorld]:
    """Serve a supplier for as long as the block lasts."""
    app = create_app()
    with serving(app) as url:
        world = MailWorld(url, partner_of(app))
        yield world
        world.reset()
