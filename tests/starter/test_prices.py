"""The commands on prices: a catalogue in the database, and what rules would make of it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowExecutionStatus
from typer.testing import CliRunner, Result

from adapters.database.engine import Database
from models.configuration import Configuration
from models.identifiers import publication_workflow_id
from starter.cli import build_app
from starter.client import connect
from starter.configuration_files import to_toml
from tests.starter.conftest import Background
from tests.starter.world import CommandLine, apply_configuration, document

NOW = datetime.now(UTC)
TABLES = (
    "offers, offer_changes, listings, cost_holds, supplier_articles, exchange_rates, feed_rows, feed_states, feed_runs"
)


def configured(**pricing: Any) -> dict[str, Any]:
    channels = document()["channels"]
    usual = {"rules": [{"name": "all", "markup": "0.5"}], "endings": ["0.99"]}
    channels["main"]["publishing"] = {"prices": True, "pricing": usual | pricing}
    return {"channels": channels}


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(item)}' for name, item in value.items())}}}"
    return json.dumps(value)


@dataclass
class Prices:
    """The commands, on a catalogue that tests fill."""

    database: Database
    folder: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(build_app(), ["prices", *arguments])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def file(self, **pricing: Any) -> str:
        """Write a configuration that is not applied."""
        path = self.folder / "wanted.toml"
        wanted = configured()["channels"]["main"]["publishing"]["pricing"] | pricing
        tables = "".join(f"{name} = {_toml(value)}\n" for name, value in wanted.items())
        rest = to_toml(Configuration.model_validate(document()))
        path.write_text(f"{rest}[channels.main.publishing.pricing]\n{tables}", "utf-8")
        return str(path)

    def execute(self, statement: str, **values: Any) -> list[Any]:
        with self.database.begin() as tx:
            result = tx.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    def sell(self, name: str, cost: str | None, shown: str | None = None, **offer: Any) -> None:
        """Put an article on sale, and have a supplier offer it."""
        self.execute(
            "INSERT INTO listings (channel, variant_id, product_id, inventory_item_id, sku, ean, title, tracked, seen_at, "
            "published_price) VALUES ('main', :name, 'p', 'i', :sku, :ean, 'An article', true, :now, :shown)",
            name=f"v-{name}",
            sku=f"OUR-{name}",
            ean=f"EAN{name}",
            now=NOW,
            shown=shown,
        )
        self.offer(name, cost, **offer)

    def offer(self, name: str, cost: str | None, **offer: Any) -> None:
        usual = {"supplier": "bts", "sku": f"BTS-{name}", "ean": f"EAN{name}", "quantity": 5, "unit_cost": cost}
        usual |= {"currency": "EUR", "known": True, "observed_at": NOW, **offer}
        names = ", ".join(usual)
        self.execute(f"INSERT INTO offers ({names}) VALUES ({', '.join(f':{one}' for one in usual)})", **usual)

    def hold(self, name: str, new: str) -> None:
        self.execute(
            "INSERT INTO cost_holds (supplier, sku, old_cost, new_cost, currency, old_currency, run_id, held_at, state) "
            "SELECT supplier, sku, unit_cost, :new, currency, currency, 1, :now, 'held' FROM offers WHERE sku = :sku",
            new=new,
            now=NOW,
            sku=f"BTS-{name}",
        )


@pytest.fixture
def shop(cli: CommandLine, database: Database, tmp_path: Path) -> Prices:
    with database.begin() as tx:
        tx.execute(text(f"TRUNCATE {TABLES} CASCADE"))
    apply_configuration(database, **configured())
    return Prices(database, tmp_path)


def test_a_files_rules_are_compared_with_those_in_force_and_nothing_is_written(shop: Prices) -> None:
    shop.sell("A", "10", shown="15.99")  # 15.00 → 15.99, and × 1.7 = 17.00 → 17.99
    shop.sell("B", "20")  # 30.00 → 30.99, and × 1.7 = 34.00 → 34.99
    shop.sell("C", "0.60")  # 0.90 → 0.99, and × 1.7 = 1.02 → 1.99
    shop.sell("D", None)
    (found,) = shop.json("preview", "--config", shop.file(rules=[{"name": "all", "markup": "0.7"}]), "--limit", "2")
    assert (found["articles"], found["up"], found["down"], found["unchanged"]) == (4, 3, 0, 0)
    assert found["without_price"] == {"no_cost": 1}
    assert [(move["sku"], move["before"], move["after"]) for move in found["moves"]] == [
        ("OUR-C", "0.99", "1.99"),
        ("OUR-B", "30.99", "34.99"),
    ]
    assert found["margin_before"] == "0.3621"  # (15.99 + 30.99 + 0.99 − 30.60) ÷ 47.97
    assert found["margin_after"] == "0.4433"  # (17.99 + 34.99 + 1.99 − 30.60) ÷ 54.97
    assert shop.execute("SELECT 1 FROM listings WHERE dirty_since IS NOT NULL") == []


def test_without_a_file_the_rules_in_force_are_compared_with_what_the_shop_shows(shop: Prices) -> None:
    shop.sell("A", "10", shown="12.99")
    shop.sell("B", "10", shown="15.99")
    shop.sell("C", "10", shown="20.99")
    shop.sell("D", "10")
    (found,) = shop.json("preview")
    assert (found["up"], found["down"], found["unchanged"], found["new"]) == (1, 1, 1, 1)
    assert found["rules"] == {"all": 4}


def test_why_there_is_no_price_is_counted(shop: Prices) -> None:
    shop.sell("A", "10", currency="USD")
    shop.sell("B", "0")
    shop.sell("C", "10", known=False)
    shop.sell("D", "10", observed_at=NOW - timedelta(days=30))
    shop.sell("E", "10", supplier="stranger")
    (found,) = shop.json("preview")
    assert found["without_price"] == {"no_offer": 3, "no_rate": 1, "no_cost": 1}


def test_only_what_a_rule_decides_is_shown(shop: Prices) -> None:
    rules = [{"name": "dear", "cost_from": "50", "markup": "0.2"}, {"name": "rest", "markup": "0.6"}]
    shop.sell("A", "10")
    shop.sell("B", "60")
    (found,) = shop.json("preview", "--config", shop.file(rules=rules), "--rule", "dear")
    assert (found["articles"], found["down"]) == (1, 1)
    assert found["moves"][0]["rule"] == "dear"
    refused = shop.run("preview", "--rule", "unknown")
    assert refused.exit_code == 1
    assert "there is no price rule unknown: all" in refused.stderr


def test_a_shop_of_which_nothing_is_known_is_previewed_from_what_suppliers_offer(shop: Prices) -> None:
    shop.offer("A", "10")
    shop.offer("A", "11", supplier="other", sku="X")
    shop.offer("B", "20")
    (found,) = shop.json("preview", "--config", shop.file(rules=[{"name": "all", "markup": "0.7"}]))
    assert (found["catalogue"], found["articles"], found["up"]) == ("offers", 2, 2)
    assert "all articles that suppliers offer" in shop.run("preview").stdout


def test_prices_in_another_currency_are_not_compared_with_those_in_force(shop: Prices) -> None:
    shop.sell("A", "10")
    shop.execute(
        'INSERT INTO exchange_rates (base, currency, "on", source, rate, captured_at) '
        "VALUES ('EUR', 'GBP', current_date, 'ecb', 0.8, now())"
    )
    result = shop.run("preview", "--config", shop.file(currency="GBP"))
    assert "EUR becomes GBP" in result.stderr
    assert "first price 1" in result.stdout


def test_a_shop_without_prices_is_told_where_to_put_them(shop: Prices) -> None:
    apply_configuration(shop.database)
    for command in (("preview",), ("explain", "OUR-A"), ("preview", "--channel", "main")):
        result = shop.run(*command)
        assert result.exit_code == 1
        assert "publishing.pricing" in result.stderr
    assert "there is no channel side: main" in shop.run("preview", "--channel", "side").stderr


def test_a_price_is_explained_step_by_step_from_the_offer_that_is_ordered_first(shop: Prices) -> None:
    shop.sell("A", "10", shown="14.99", quantity=0)
    shop.offer("A", "12", supplier="other", sku="X", quantity=3)
    for name in ("OUR-A", "EANA", "ean-a", "v-A", "BTS-A", "X"):
        (found,) = shop.json("explain", name)
        assert (found["supplier"], found["price"], found["shown"]) == ("other", "18.99", "14.9900")
    assert [(step["reason"], step["amount"], step["name"]) for step in found["steps"]] == [
        ("cost", "12.0000", ""),
        ("rule", "18.00000", "all"),
        ("rounded", "18.99", ""),
    ]
    assert {offer["supplier"] for offer in found["offers"]} == {"bts", "other"}
    assert "rounded to an ending" in shop.run("explain", "OUR-A").stdout
    assert "no channel sells NOTHING" in shop.run("explain", "NOTHING").stderr


def test_a_price_that_is_left_alone_is_explained_too(shop: Prices) -> None:
    shop.sell("A", "10", currency="USD")
    (found,) = shop.json("explain", "OUR-A")
    assert (found["price"], found["steps"][-1]["reason"]) == (None, "no_rate")
    assert "left as it is" in shop.run("explain", "OUR-A").stdout


def test_held_costs_are_listed_with_what_they_would_do(shop: Prices) -> None:
    shop.sell("A", "10")
    shop.hold("A", "20")
    (found,) = shop.json("held")
    assert (found["supplier"], found["sku"], found["move"]) == ("bts", "BTS-A", "1.0000")
    assert found["effects"] == [
        {
            "channel": "main",
            "currency": "EUR",
            "price_before": "15.99",
            "price_after": "30.99",
            "margin_before": "0.3746",  # 5.99 ÷ 15.99
            "margin_after": "0.3546",  # 10.99 ÷ 30.99
            "margin_if_kept": "-0.2508",  # −4.01 ÷ 15.99
        }
    ]
    assert "-25.1%" in shop.run("held").stdout


def test_approving_makes_the_cost_count_and_says_what_is_left(shop: Prices) -> None:
    shop.sell("A", "10")
    shop.sell("B", "10")
    shop.hold("A", "15")
    shop.hold("B", "90")
    result = shop.run("approve", "--supplier", "bts", "--max-move", "60%", "--as", "ana", "--json")
    assert json.loads(result.stdout) == {"approved": 1, "left": 1, "publication": []}
    assert "the channels' schedules publish" in result.stderr  # no Temporal here
    rows = shop.execute("SELECT sku, unit_cost FROM offers ORDER BY sku")
    assert [tuple(row) for row in rows] == [("BTS-A", Decimal(15)), ("BTS-B", Decimal(10))]
    assert shop.execute("SELECT decided_by FROM cost_holds WHERE state = 'approved'")[0].decided_by == "ana"
    assert shop.json("reject", "--sku", "BTS-B") == {"rejected": 1, "left": 0}
    assert shop.json("held") == []


def test_the_publisher_is_asked_once_costs_count(
    shop: Prices, own_temporal: CommandLine, background: Background
) -> None:
    async def publisher() -> WorkflowExecutionStatus | None:
        client = await connect()
        return (await client.get_workflow_handle(publication_workflow_id("main")).describe()).status

    shop.sell("A", "10")
    shop.hold("A", "15")
    assert shop.json("approve", "--all", "--as", "ana") == {"approved": 1, "left": 0, "publication": ["main"]}
    assert background.run(publisher()) is WorkflowExecutionStatus.RUNNING
    assert shop.json("approve", "--all") == {"approved": 0, "left": 0, "publication": []}


def test_nothing_is_decided_without_saying_what(shop: Prices) -> None:
    shop.sell("A", "10")
    shop.hold("A", "15")
    for command in ("approve", "reject"):
        result = shop.run(command)
        assert result.exit_code == 1
        assert "say which" in result.stderr
    assert "is no share" in shop.run("approve", "--max-move", "much").stderr
    assert shop.json("reject", "--all") == {"rejected": 1, "left": 0}
