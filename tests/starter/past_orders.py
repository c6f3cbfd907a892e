"""Yesterday's orders and offers, as tests of rehearsals write them, and the command that replays them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import text
from typer.testing import CliRunner, Result

from adapters.database import configurations
from adapters.database.engine import Database
from models.configuration import Configuration
from starter.commands.rehearse import rehearse
from starter.console import Reporting
from tests.starter.world import PLANTED, document

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
TABLES = "orders, offers, offer_changes, supplier_articles, exchange_rates, scorecards"
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CHEAPEST = '[routing]\nchoose = "cost"\n'

root = typer.Typer(cls=Reporting)
root.command("rehearse")(rehearse)


@root.callback()
def _group() -> None:
    """Keep the command's name."""


def ago(days: float) -> datetime:
    return TODAY - timedelta(days=days)


def terms(shipping: str, days: int, **changes: Any) -> dict[str, Any]:
    table = [{"cost": shipping, "days": days}]
    return {"shipping": table, "calendar": {"working_days": EVERY_DAY}, **changes}


@dataclass
class Past:
    """Yesterday's orders and offers, as tests write them; what is not said is usual."""

    database: Database
    folder: Path
    _names: list[str] = field(default_factory=list)

    def apply(self, routing: dict[str, Any] | None = None, **sections: Any) -> Configuration:
        """Put rules in force: bts first, at 5.00 a parcel within two days; other at 3.00 within four."""
        wanted = document(routing={"priority": ["bts", "other"], **(routing or {})}, **sections)
        for name, how in {"bts": ("5", 2), "other": ("3", 4)}.items():
            wanted["suppliers"][name] = {"terms": terms(*how), **wanted["suppliers"][name]}
        configuration = Configuration.model_validate(wanted)
        configurations.apply(self.database, configuration, by="test", now=datetime.now(UTC))
        return configuration

    def execute(self, statement: str, **values: Any) -> Any:
        with self.database.begin() as tx:
            result = tx.execute(text(statement), values)
            return result.scalar() if result.returns_rows else None

    def insert(self, table: str, **values: Any) -> None:
        names, places = ", ".join(f'"{one}"' for one in values), ", ".join(f":{one}" for one in values)
        self.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", **values)

    def offer(self, supplier: str, ean: str, cost: str | None, quantity: int = 50, **changes: Any) -> None:
        usual = {"supplier": supplier, "sku": f"{supplier}-{ean}", "ean": ean, "quantity": quantity, "unit_cost": cost}
        self.insert("offers", **{**usual, "currency": "EUR", "known": True, "observed_at": TODAY, **changes})

    def was(
        self, supplier: str, ean: str, until: datetime, cost: str, quantity: int = 50, currency: str = "EUR"
    ) -> None:
        """Say what an offer was until an instant."""
        old = {"supplier": supplier, "sku": f"{supplier}-{ean}", "until": until, "quantity": quantity}
        self.insert(
            "offer_changes", **old, unit_cost=cost, currency=currency, discontinued=False, source="feed:stock:1"
        )

    def order(self, *lines: tuple[str, int, str], days: float = 3, country: str = "DE", **changes: Any) -> str:
        """Store a paid order of (article, units, price); returns its name."""
        name = f"#{len(self._names) + 1}"
        self._names.append(name)
        usual = {"channel": "main", "storefront_order_id": str(7000 + len(self._names)), "name": name, "total": 1}
        usual |= {"state": "shipped", "currency": "EUR", "test": False, "paid": True, "ship_country": country}
        usual |= {"placed_at": ago(days), "storefront_updated_at": TODAY, "content_key": "", "received_at": TODAY}
        self.insert("orders", **(usual | changes))
        key = self.execute("SELECT max(id) FROM orders")
        for number, (ean, units, price) in enumerate(lines, 1):
            line = {"order_id": key, "line_id": str(number), "position": number, "sku": ean, "variant_id": ean}
            line |= {"title": "x", "quantity": units, "unit_price": price, "requires_shipping": True, "ean": ean}
            self.insert("order_lines", **line)
        return name

    def address(self) -> None:
        """Give every order an address with planted personal data."""
        personal = {"name": PLANTED[0], "address1": PLANTED[1], "email": PLANTED[2], "postal_code": "99423"}
        self.execute(
            "INSERT INTO addresses (order_id, source, address, digest, stored_at) "
            "SELECT id, 'storefront', CAST(:address AS jsonb), '', now() FROM orders",
            address=json.dumps(personal | {"province_code": "TH"}),
        )
        self.execute("UPDATE orders o SET address_id = a.id FROM addresses a WHERE a.order_id = o.id")

    def file(self, content: str) -> str:
        path = self.folder / "new.toml"
        path.write_text(content, "utf-8")
        return str(path)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(root, ["rehearse", "--workers", "1", *arguments])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def try_rules(self, content: str, *arguments: str) -> Any:
        return self.json("--rules", self.file(content), *arguments)
