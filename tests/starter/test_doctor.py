import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.database import incidents, orders
from adapters.database.engine import Database
from adapters.errors import Unavailable
from adapters.plugin import load_plugins
from models.suppliers import StockAnswer
from sandbox import btswholesaler, mailbox, shopify
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.serving import serving
from starter.doctor_catalogue import catalogue_findings
from tests.starter.world import SECRETS, CommandLine, Shop, apply_configuration, document

SEVERITY = {"ok": 0, "warning": 1, "error": 2}


@dataclass
class World:
    """The simulated systems, by their addresses."""

    shop_url: str
    supplier_url: str
    smtp_port: int

    def sections(self) -> dict[str, Any]:
        usual = document()
        usual["channels"]["main"] |= {"api_url": self.shop_url, "shop_domain": "planted.example"}
        usual["suppliers"].pop("other")
        usual["suppliers"]["bts"]["base_url"] = f"{self.supplier_url}{btswholesaler.API}/"
        usual["routing"] = {"priority": ["bts"]}
        usual["mail"]["port"] = self.smtp_port
        return usual


@contextmanager
def simulated() -> Iterator[World]:
    with ExitStack() as stack:
        shop = shopify.create_app(
            shop_domain="planted.example", secret=SECRETS["SHOP_SECRET"], token=SECRETS["SHOP_TOKEN"]
        )
        supplier = btswholesaler.create_app(token=SECRETS["BTS_TOKEN"])
        mail = mailbox.create_app()
        stack.enter_context(serving(mail))
        yield World(stack.enter_context(serving(shop)), stack.enter_context(serving(supplier)), mailbox.smtp_port(mail))


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with simulated() as world:
        apply_configuration(database, **world.sections())
        yield world


def worst(findings: list[dict[str, Any]], area: str) -> str:
    return max((one["severity"] for one in findings if one["area"] == area), key=SEVERITY.__getitem__)


def about(findings: list[dict[str, Any]], area: str, subject: str) -> dict[str, Any]:
    return next(one for one in findings if one["area"] == area and subject in one["subject"])


def test_a_world_to_be_mended_is_mended_and_then_found_healthy(own_temporal: CommandLine, world: World) -> None:
    before = own_temporal.json("doctor", code=1)
    after = own_temporal.json("doctor", "--fix")

    missing = about(before, "channel main", "metafield btswholesaler.order_number")
    assert (missing["severity"], missing["fixable"]) == ("error", True)
    assert about(before, "temporal", "search attribute OrderStage")["fixable"]
    for area in ("database", "configuration", "plugins", "secrets", "channel main", "supplier bts", "mail"):
        assert worst(after, area) == "ok", [one for one in after if one["area"] == area]
    assert about(after, "temporal", "search attributes")["severity"] == "ok"
    assert about(after, "temporal", "priorities")["message"] == "count"
    idle = about(after, "temporal", "task queue supplier-bts")
    assert (idle["severity"], idle["remedy"]) == ("warning", "start `dropwright worker`")
    assert all(one["remedy"] for one in after if one["severity"] != "ok")


def test_everything_that_is_wrong_is_named_at_once(
    own_temporal: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "wrong")
    monkeypatch.setenv("BTS_TOKEN", "wrong")
    monkeypatch.setenv("SHOP_SECRET", "")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:9")
    httpx.post(f"{world.shop_url}/_sandbox/settings", json={"scopes": ["read_orders"]}).raise_for_status()

    findings = own_temporal.json("doctor", "--no-catalogue", code=1)
    text = own_temporal.run("doctor", "--no-catalogue")

    assert "does not answer" in about(findings, "temporal", "connection")["message"]
    assert about(findings, "channel main", "SHOP_SECRET")["message"] == "is not set"
    assert "token" in about(findings, "supplier bts", "credentials")["remedy"]
    assert about(findings, "channel main", "access scopes")["severity"] == "error"
    assert worst(findings, "mail") == "ok"
    assert text.exit_code == 1
    assert "BTS_TOKEN" in text.stdout
    assert "wrong" not in text.output


def test_a_missing_scope_and_a_namespace_in_another_case_are_named(own_temporal: CommandLine, world: World) -> None:
    definition = {"namespace": "BTSWholesaler", "key": "order_number", "type": "single_line_text_field"}
    settings = {"scopes": ["read_orders"], "metafield_definitions": [definition]}
    httpx.post(f"{world.shop_url}/_sandbox/settings", json=settings).raise_for_status()

    findings = own_temporal.json("doctor", "--no-catalogue", code=1)

    messages = " ".join(one["message"] for one in findings if one["area"] == "channel main")
    assert "write_orders is missing" in messages
    assert "differ only in upper and lower case" in messages


def test_two_suppliers_whose_namespaces_differ_in_case_are_named(
    own_temporal: CommandLine, world: World, database: Database
) -> None:
    sections = world.sections()
    bts = sections["suppliers"]["bts"]
    sections["suppliers"]["twin"] = {**bts, "metafield_namespace": "BTSWholesaler"}
    apply_configuration(database, **sections)

    findings = own_temporal.json("doctor", "--no-catalogue", code=1)

    assert "BTSWholesaler and btswholesaler" in about(findings, "configuration", "metafield_namespace")["message"]


def test_systems_that_are_away_hide_nothing_else(own_temporal: CommandLine, world: World, database: Database) -> None:
    sections = world.sections()
    sections["suppliers"]["bts"]["base_url"] = "http://127.0.0.1:9"
    sections["mail"]["port"] = 9
    apply_configuration(database, **sections)

    findings = own_temporal.json("doctor", "--fix", "--no-catalogue", code=1)

    assert worst(findings, "supplier bts") == "error"
    assert worst(findings, "mail") == "error"
    assert worst(findings, "channel main") == "ok"


def test_an_option_the_adapter_does_not_have_is_an_error(
    own_temporal: CommandLine, world: World, database: Database
) -> None:
    sections = world.sections()
    sections["suppliers"]["bts"]["options"] = {"payment": "wallet"}
    apply_configuration(database, **sections)

    findings = own_temporal.json("doctor", "--no-catalogue", code=1)

    assert "no such options: payment" in about(findings, "supplier bts", "settings")["message"]


def feed_in(folder: Path, **settings: Any) -> dict[str, Any]:
    columns = {"sku": "SKU", "quantity": "Stock"}
    return {"kind": "stock", "source": f"{folder.as_uri()}/", "files": "*.csv", "columns": columns, **settings}


def test_feeds_that_would_fail_are_named_with_what_to_do(
    own_temporal: CommandLine, world: World, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "stock.csv").write_text("SKU,Stock\nA,1\n")
    sections = world.sections()
    sections["suppliers"]["bts"]["feeds"] = {
        "good": feed_in(tmp_path),
        "renamed": feed_in(tmp_path, columns={"sku": "Code"}),
        "nothing": feed_in(tmp_path, files="*.xml"),
        "gone": feed_in(tmp_path / "gone", every="1h"),
        "secret": feed_in(tmp_path, source="sftp://127.0.0.1:9/", password_env="NOBODY_SET_THIS"),
        "off": feed_in(tmp_path / "gone", enabled=False),
    }
    apply_configuration(database, **sections)

    findings = own_temporal.json("doctor", "--fix", "--no-catalogue", code=1)

    seen = {one["area"].removeprefix("feed bts/"): one for one in findings if one["area"].startswith("feed ")}
    assert {name: one["severity"] for name, one in seen.items()} == {
        "good": "ok",
        "renamed": "error",
        "nothing": "warning",
        "gone": "error",
        "secret": "warning",
    }
    assert "header_missing" in seen["renamed"]["message"]
    assert "--supplier bts --feed renamed" in seen["renamed"]["remedy"]
    assert seen["secret"]["subject"] == "NOBODY_SET_THIS"
    assert (
        about(findings, "temporal", "schedule sync/bts/gone")["remedy"] == "start `dropwright worker`, which makes it"
    )
    assert about(findings, "temporal", "task queue sync")["remedy"] == "start `dropwright worker`"
    assert all(one["remedy"] for one in findings if one["severity"] != "ok")


def test_open_incidents_are_told(own_temporal: CommandLine, world: World, shop: Shop, database: Database) -> None:
    order = shop.open()
    share = order.purchase_orders[0]
    with database.begin() as tx:
        incidents.join(tx, "bts", incidents.ACCOUNT_HOLD, share.id, reason="no_enough_money", now=order.received_at)

    findings = own_temporal.json("doctor", "--no-catalogue", "--fix")

    assert "account hold (no_enough_money)" in about(findings, "supplier bts", "incident")["message"]


class Warehouse:
    """Knows some EANs, or does not answer."""

    def __init__(self, *known: str, away: bool = False) -> None:
        self._known, self._away = known, away
        self.asked: list[int] = []

    def fetch_stock(self, eans: list[str]) -> list[StockAnswer]:
        if self._away:
            raise Unavailable("getProductStock: no answer")
        self.asked.append(len(eans))
        return [StockAnswer(ean=ean, known=ean in self._known, quantity=1) for ean in eans]


def findings_on(
    catalogue: list[tuple[str, str]], mapped: dict[str, str] | None = None, **warehouses: Any
) -> dict[str, str]:
    found = catalogue_findings("main", catalogue, mapped or {}, warehouses, lambda message: None)
    return {one.subject: one.message for one in found}


def test_a_catalogue_without_a_fault_is_one_line() -> None:
    eans = plain_eans()[:3]

    found = findings_on([(str(index), ean) for index, ean in enumerate(eans)], bts=Warehouse(*eans))

    assert found == {"barcodes": "3 variants, every barcode known to a supplier"}


def test_each_fault_of_a_catalogue_is_named_with_its_variants() -> None:
    good = plain_eans()[0]
    catalogue = [("1", good), ("2", ""), ("3", good.lower() + " "), ("4", UNKNOWN_EAN), ("5", "12345")]

    found = findings_on(catalogue, bts=Warehouse(good))

    assert found["variants without barcode"] == "1 variants have no barcode: 2"
    assert found["barcodes used twice"] == f"1 barcodes stand on several variants: {good} (1, 3)"
    assert found["check digits"] == "1 barcodes are no EANs by their check digit: 12345"
    assert found["unknown barcodes"] == f"2 barcodes are known to no supplier: 12345 (5), {UNKNOWN_EAN} (4)"


def test_a_mapping_counts_as_the_barcode_and_one_supplier_that_knows_it_is_enough() -> None:
    first, second = plain_eans()[:2]

    found = findings_on(
        [("1", ""), ("2", second)], {"1": first}, bts=Warehouse(first), other=(other := Warehouse(second))
    )

    assert list(found) == ["barcodes"]
    assert other.asked == [1]


def test_a_large_catalogue_is_asked_in_batches_and_named_in_part() -> None:
    catalogue = [(str(number), f"X{number}") for number in range(250)]

    found = findings_on(catalogue, bts=(warehouse := Warehouse()))

    assert warehouse.asked == [100, 100, 50]
    assert found["unknown barcodes"].endswith("and 230 more")


def test_a_supplier_that_does_not_answer_condemns_no_barcode() -> None:
    found = findings_on([("1", plain_eans()[0])], bts=Warehouse(away=True))

    assert list(found) == ["suppliers' articles"]
    assert "not compared with bts" in found["suppliers' articles"]


def test_the_catalogue_of_a_shop_is_compared_with_its_supplier(
    own_temporal: CommandLine, world: World, database: Database, shop: Shop
) -> None:
    with database.begin() as tx:
        orders.map_article(tx, "main", "none", "1", by="test", now=shop.order().received_at)

    findings = own_temporal.json("doctor", "--fix")

    assert worst(findings, "catalogue main") in ("ok", "warning")
    assert any(one["area"] == "catalogue main" for one in findings)


MAILED = {
    "adapter": "email",
    "display_name": "Olmo",
    "metafield_namespace": "olmo",
    "terms": {"ships_from": "ES", "shipping": [{"cost": "6.90", "days": 2}]},
    "profile": {
        "to": "orders@olmo.example",
        "sender": "orders@shop.example",
        "smtp": {"host": "127.0.0.1", "port": 9, "username": "shop", "password_env": "OLMO_SMTP_PASSWORD"},
        "imap": {"host": "127.0.0.1", "port": 9, "username": "shop", "password_env": "OLMO_IMAP_PASSWORD"},
    },
}
FILED = {
    "adapter": "files",
    "display_name": "Alba",
    "metafield_namespace": "alba",
    "terms": {"ships_from": "ES", "shipping": [{"cost": "6.90", "days": 2}]},
}


@pytest.fixture
def mailed(world: World, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sections = world.sections()
    sections["suppliers"]["olmo"] = MAILED
    apply_configuration(database, **sections)
    monkeypatch.delenv("OLMO_IMAP_PASSWORD", raising=False)
    monkeypatch.setenv("OLMO_SMTP_PASSWORD", "planted-password")


@pytest.mark.usefixtures("mailed")
def test_a_credential_that_only_an_adapters_own_settings_name_is_missed_by_name(cli: CommandLine) -> None:
    findings = cli.json("doctor", "--no-catalogue", code=1)
    missing = [one for one in findings if one["subject"] == "OLMO_IMAP_PASSWORD"]
    assert [(one["area"], one["severity"]) for one in missing] == [("supplier olmo", "error")]
    assert "OLMO_IMAP_PASSWORD=" in missing[0]["remedy"]
    assert not [one for one in findings if one["subject"] == "OLMO_SMTP_PASSWORD"]


@pytest.mark.usefixtures("mailed")
def test_a_credential_may_end_with_the_line_break_of_its_file_and_one_inside_is_found_and_not_shown(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMO_IMAP_PASSWORD", "planted-password\n")
    monkeypatch.setenv("SHOP_SECRET", "planted-password\r\nand another")
    said = cli.run("doctor", "--no-catalogue", "--json").stdout
    wrong = {one["subject"] for one in json.loads(said) if "line break" in one["message"]}
    assert wrong == {"SHOP_SECRET"}
    assert "planted-password" not in said


@pytest.mark.usefixtures("mailed")
def test_no_worker_starts_without_a_credential_that_an_adapters_own_settings_name(cli: CommandLine) -> None:
    refused = cli.run("worker")
    assert refused.exit_code == 1
    assert "supplier olmo: OLMO_IMAP_PASSWORD is not set" in refused.stderr


def test_a_plugin_that_fails_as_it_is_built_hides_no_finding_about_others(
    cli: CommandLine, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*, settings: object) -> object:
        return settings

    broken = replace(load_plugins("suppliers")["files"], id="files", build=build, requires=(), profile=None)
    loaded = load_plugins
    monkeypatch.setattr(
        "adapters.plugin.load_plugins",
        lambda group: loaded(group) | ({"files": broken} if group == "suppliers" else {}),
    )
    sections = world.sections()
    sections["suppliers"]["alba"] = FILED
    apply_configuration(database, **sections)
    findings = cli.json("doctor", "--no-catalogue", code=1)
    assert about(findings, "supplier alba", "settings")["message"] == "the plugin failed (TypeError)"
    assert worst(findings, "mail") == "ok"
