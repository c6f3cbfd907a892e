"""A partner that takes order files over SFTP, and the adapter's port to it, for tests."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from adapters.errors import Unavailable
from adapters.suppliers.files.adapter import PLUGIN, FileSupplier, build
from dropwright.testing.contract import CUSTOMER, Doubt, SupplierWorld, Unanswered
from dropwright.testing.desk import MemoryDesk, run_round
from models.configuration import Supplier
from models.suppliers import SupplierLine, SupplierOrder, SupplierState
from sandbox.file_partner import FilePartner
from sandbox.fileserver import FileServers
from sandbox.serving import LOOPBACK, listen

EANS = ("4006381333931", "8411061123456", "5901234123457")
HURRIED = "1.5s"  # less than a rename without a reply takes
UNKNOWN = "0000000000000"
ORDERED = (SupplierLine(ean=EANS[0], quantity=2), SupplierLine(ean=EANS[1], quantity=1))
SHIPPING = [{"countries": ["ES"], "cost": "7.50", "days": 3}]
DOUBTS = (
    Doubt("rename_lost", placed=True),
    Doubt("rename_dropped", placed=False),
    Doubt("rename_hangs", {"processed": True, "seconds": 3.0}, placed=True),
    Doubt("rename_hangs", {"processed": False, "seconds": 3.0}, placed=False),
)
COLUMNS = {
    "acknowledgements": {
        "number": "po_number",
        "line": "line",
        "ean": "ean",
        "status": "status",
        "quantity": "qty_accepted",
        "unit_cost": "unit_cost",
        "currency": "currency",
        "expected_on": "eta",
        "substitute": "substitute",
        "supplier_number": "supplier_order_no",
    }
}


def an_order(number: str) -> SupplierOrder:
    return SupplierOrder(number=number, lines=ORDERED, quote_id="table", address=CUSTOMER, test=False, carrier="GLS")


@dataclass
class Files:
    """The partner, its server, our desk and our port."""

    partner: FilePartner
    servers: FileServers
    desk: MemoryDesk
    port: FileSupplier
    described: dict[str, Any]

    def round(self) -> None:
        """The partner works through what it has, and we through its answers."""
        self.partner.work()
        run_round(self.port, self.desk)

    def order(self, number: str = "DW-1-11") -> SupplierOrder:
        return an_order(number)

    def state(self, number: str = "DW-1-11") -> SupplierState:
        return self.port.fetch_order(number).state

    def outbox(self) -> list[str]:
        return sorted(path.name for path in (self.partner.folder / "in").iterdir() if path.is_file())


def address(at: FilePartner, servers: FileServers, scheme: str, port: int | None = None) -> dict[str, Any]:
    """Say how to get at a partner over a protocol."""
    ports = {"sftp": servers.sftp_port, "ftp": servers.ftp_port, "ftps": servers.ftps_port, "file": 0}
    host = f"{LOOPBACK}:{port or ports[scheme]}/{at.folder.name}" if scheme != "file" else str(at.folder)
    return {
        "url": f"{scheme}://{host}",
        "host_keys": [servers.sftp.host_key.get_fingerprint()] if scheme == "sftp" else [],
    }


def profile(at: FilePartner, servers: FileServers, *, port: int | None = None, **changes: Any) -> dict[str, Any]:
    remote = {
        **address(at, servers, "sftp", port),
        "username": servers.account[0],
        "password_env": "FILES_PASSWORD",
        "settle_after": "0s",
        "partner_archive": "in/archive",
    }
    values: dict[str, Any] = {
        "partner": "dropwright",
        "cancellations": {},
        "acknowledgements": {"columns": COLUMNS["acknowledgements"]},
        "shipments": {},
        "invoices": {
            "columns": {"number": "po_number", "invoice": "invoice", "total": "total", "currency": "currency"}
        },
        "cancellation_answers": {},
    }
    return {**values, **changes, "remote": remote | changes.get("remote", {})}


def port_to(described: dict[str, Any], desk: MemoryDesk, password: str, *, read_timeout: str = HURRIED) -> FileSupplier:
    settings = Supplier.model_validate(
        {
            "adapter": "files",
            "display_name": "Acme",
            "metafield_namespace": "acme",
            "read_timeout": read_timeout,
            "submit_timeout": "20s",
            "terms": {"currency": "EUR", "shipping": SHIPPING},
            "profile": described,
        }
    )
    return build(
        settings=settings,
        supplier_id="acme",
        secrets=lambda _: password,
        sink=lambda _: None,
        documents=desk,
    )


_NAMES = count(1)


def files(
    servers: FileServers,
    *,
    partner: dict[str, Any] | None = None,
    scheme: str = "sftp",
    desk: MemoryDesk | None = None,
    at: FilePartner | None = None,
    read_timeout: str = HURRIED,
    **changes: Any,
) -> Files:
    """Open a partner in a folder of its own on the server; ``changes`` are those of our profile."""
    servers.uploads.clear()
    servers.faults.set()
    simulated = at or FilePartner(servers.folder / f"partner-{next(_NAMES)}", **(partner or {}))
    kept = desk or MemoryDesk(ordered=lambda _: ORDERED)
    remote = address(simulated, servers, scheme) | changes.pop("remote", {})
    described = profile(simulated, servers, remote=remote, **changes)
    return Files(
        simulated, servers, kept, port_to(described, kept, servers.account[1], read_timeout=read_timeout), described
    )


def contract_world(at: Files) -> SupplierWorld:
    """Describe it to the contract suite."""
    with listen(0) as listener:
        closed = listener.getsockname()[1]
    password = at.servers.account[1]

    def books() -> list[dict[str, Any]]:
        return [{key: order[key] for key in ("order_number", "number", "lines")} for order in at.partner.orders]

    def spoil(_method: str, kind: str, **options: Any) -> None:
        at.servers.uploads.plan(kind, **options)

    def answer(number: str, lines: Any) -> None:
        at.partner.answer(
            number,
            [
                {
                    "ean": line.ean,
                    "quantity": line.quantity,
                    "status": line.status,
                    "unit_cost": line.unit_cost.amount if line.unit_cost else "",
                    "currency": line.unit_cost.currency if line.unit_cost else "",
                    "eta": line.expected_on or "",
                    "substitute": line.substitute,
                }
                for line in lines
            ],
        )

    return SupplierWorld(
        port=at.port,
        nowhere=port_to(profile(at.partner, at.servers, port=closed), MemoryDesk(), password),
        stranger=port_to(profile(at.partner, at.servers), MemoryDesk(), "wrong"),
        eans=EANS,
        unknown_ean=UNKNOWN,
        supplier_orders=books,
        ship=at.partner.ship,
        decline=lambda number, units: at.partner.ship(number, ["GLS-0000000001"], without=units),
        settle=at.round,
        partner=at.partner.work,
        answer=answer,
        doubts=DOUBTS,
        unanswered=(Unanswered("list_dropped", Unavailable),),
        spoil=spoil,
        unspoil=at.servers.uploads.clear,
        feeds=frozenset(),
        secret=password,
        plugin=PLUGIN,
    )
