"""The catalogue on the command line, on a small world of two suppliers and one shop."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.engine import Database
from tests.starter.world import CommandLine, Shop, apply_configuration

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINDEN, FIG, CEDAR, GONE = "8437000000013", "8437000000020", "8437000000037", "8437000000990"


def put(database: Database, table: str, *rows: dict[str, Any]) -> None:
    with database.begin() as tx:
        for row in rows:
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            tx.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)


def offer(supplier: str, sku: str, ean: str | None, **more: Any) -> dict[str, Any]:
    usual = {"known": True, "quantity": 5, "unit_cost": "10.00", "currency": "EUR", "observed_at": AT}
    return {"supplier": supplier, "sku": sku, "ean": ean, **usual, **more}


def article(supplier: str, sku: str, title: str, brand: str) -> dict[str, Any]:
    times = {"first_seen_at": AT, "changed_at": AT}
    return {"supplier": supplier, "sku": sku, "title": title, "brand": brand, "category": "1/15", **times}


def listing(variant: str, sku: str, ean: str | None, title: str = "") -> dict[str, Any]:
    usual = {"channel": "main", "product_id": f"p{variant}", "inventory_item_id": f"i{variant}", "tracked": True}
    return {"variant_id": variant, "sku": sku, "ean": ean, "title": title, "seen_at": AT, **usual}


@pytest.fixture
def small_world(database: Database, shop: Shop) -> Database:
    with database.begin() as tx:
        for table in ("offers", "supplier_articles", "listings", "matches", "article_mappings", "product_drafts"):
            tx.execute(text(f"DELETE FROM {table}"))
    put(
        database,
        "offers",
        offer("bts", LINDEN, LINDEN),
        offer("bts", "B-FIG", None),
        offer("bts", CEDAR, CEDAR, unit_cost=None),
        offer("bts", GONE, GONE, discontinued=True),
        offer("other", "O-1", LINDEN),
        offer("other", "O-2", LINDEN),
    )
    put(
        database,
        "supplier_articles",
        article("bts", LINDEN, "Linden Soap 120 g", "Norte"),
        article("bts", "B-FIG", "Fig Body Lotion 200 ml", "Olmo"),
        article("bts", CEDAR, "Cedar Soap 120 g", "Salina"),
        article("other", "O-1", "Linden Soap bar 120 g", "Nord"),
    )
    put(
        database,
        "listings",
        listing("1", "LINDEN", LINDEN, "Linden Soap 120 g"),
        listing("2", "FIG", None, "Fig Body Lotion 200 ml"),
        listing("3", "GONE", GONE, "Last year's"),
        listing("4", "ALONE", "4006381333931", "Nobody has it"),
        listing("5", "LINDEN-TWIN", LINDEN, "Linden again"),
    )
    return database


def test_the_audit_counts_every_kind_of_trouble(cli: CommandLine, small_world: Database) -> None:
    put(
        small_world,
        "matches",
        {
            "supplier": "bts",
            "supplier_sku": "vanished",
            "ean": FIG,
            "method": "person",
            "matched_by": "c",
            "matched_at": AT,
        },
    )
    put(
        small_world,
        "article_mappings",
        {"channel": "main", "variant_id": "99", "ean": FIG, "mapped_by": "c", "mapped_at": AT},
    )
    found = {entry["code"]: entry["count"] for entry in cli.json("catalog", "audit")}
    assert found == {
        "missing_code": 1,  # FIG
        "missing_offer": 1,  # ALONE
        "missing_cost": 0,  # CEDAR is not on sale
        "duplicate_in_shop": 1,
        "duplicate_at_supplier": 1,
        "contradictory_brand": 1,
        "contradictory_code": 0,
        "orphaned_match": 1,
        "orphaned_mapping": 1,
        "discontinued_on_sale": 1,
    }


def test_an_audit_of_one_kind_shows_samples(cli: CommandLine, small_world: Database) -> None:
    [entry] = cli.json("catalog", "audit", "--code", "duplicate_at_supplier")
    assert entry["samples"] == [f"other {LINDEN}: O-1, O-2"]


def test_an_unknown_kind_of_trouble_names_those_there_are(cli: CommandLine, small_world: Database) -> None:
    result = cli.run("catalog", "audit", "--code", "nonsense")
    assert result.exit_code == 1
    assert "missing_offer" in result.output


def test_a_proposal_that_is_accepted_makes_one_article_of_two(cli: CommandLine, small_world: Database) -> None:
    by_sku = {row["sku"]: row for row in cli.json("catalog", "match")}
    assert set(by_sku) == {"ALONE", "FIG"}
    [proposal] = by_sku["FIG"]["proposals"]
    assert (proposal["supplier"], proposal["supplier_sku"], proposal["method"]) == ("bts", "B-FIG", "title")

    assert cli.run("catalog", "match", "accept", "bts", "B-FIG", "FIG").exit_code == 0
    assert [row["sku"] for row in cli.json("catalog", "match")] == ["ALONE"]
    with small_world.begin() as tx:
        codes = tx.execute(text("SELECT ean FROM listings WHERE sku = 'FIG' UNION SELECT ean FROM article_mappings"))
        assert [code for (code,) in codes] == ["B-FIG"]
        dirty = tx.execute(text("SELECT sku FROM listings WHERE dirty_since IS NOT NULL")).scalars().all()
    assert dirty == ["FIG"]


def test_a_proposal_that_is_rejected_is_not_made_again(cli: CommandLine, small_world: Database) -> None:
    assert cli.run("catalog", "match", "reject", "bts", "B-FIG").exit_code == 0
    by_sku = {row["sku"]: row["proposals"] for row in cli.json("catalog", "match")}
    assert by_sku["FIG"] == []


def test_our_own_code_is_kept_where_we_have_one(cli: CommandLine, small_world: Database) -> None:
    assert cli.run("catalog", "match", "accept", "bts", "B-FIG", "ALONE").exit_code == 0
    with small_world.begin() as tx:
        assert tx.execute(text("SELECT ean FROM offers WHERE sku = 'B-FIG'")).scalar() == "4006381333931"


@pytest.mark.parametrize("pair", [("B-NONE", "FIG"), ("B-FIG", "NO-SUCH")])
def test_what_does_not_exist_is_not_matched(cli: CommandLine, small_world: Database, pair: tuple[str, str]) -> None:
    result = cli.run("catalog", "match", "accept", "bts", *pair)
    assert result.exit_code == 1
    assert "has no article" in result.output


def test_an_article_is_shown_with_whose_word_counts(cli: CommandLine, small_world: Database) -> None:
    apply_configuration(small_world, supply={"precedence": {"title": ["other", "bts"], "*": ["bts"]}})
    document = cli.json("catalog", "show", LINDEN)
    assert document["chosen"]["title"] == {"supplier": "other", "value": "Linden Soap bar 120 g"}
    assert document["chosen"]["brand"] == {"supplier": "bts", "value": "Norte"}


def test_drafts_are_proposed_once_for_what_is_in_stock_and_not_sold_yet(
    cli: CommandLine, small_world: Database
) -> None:
    for _ in range(2):
        assert cli.run("catalog", "drafts", "propose", "main", "bts").exit_code == 0
    assert [row["ean"] for row in cli.json("catalog", "drafts", "list", "main")] == [CEDAR]
    assert cli.run("catalog", "drafts", "dismiss", "main", CEDAR).exit_code == 0
    assert cli.run("catalog", "drafts", "dismiss", "main", CEDAR).exit_code == 1
    assert cli.json("catalog", "drafts", "list", "main") == []
    cli.run("catalog", "drafts", "propose", "main", "bts")
    assert cli.json("catalog", "drafts", "list", "main") == []


def test_drafts_are_created_only_where_the_configuration_says_so(cli: CommandLine, small_world: Database) -> None:
    apply_configuration(small_world)
    result = cli.run("catalog", "drafts", "create", "main")
    assert result.exit_code == 1
    assert "drafts = true" in result.output


def test_every_change_to_the_catalogue_can_be_told_as_json(cli: CommandLine, small_world: Database) -> None:
    accepted = cli.json("catalog", "match", "accept", "bts", "B-FIG", "FIG")
    rejected = cli.json("catalog", "match", "reject", "bts", "B-FIG")
    proposed = cli.json("catalog", "drafts", "propose", "main", "bts")
    dismissed = cli.json("catalog", "drafts", "dismiss", "main", CEDAR)

    assert accepted == {"supplier": "bts", "supplier_sku": "B-FIG", "sku": "FIG", "ean": "B-FIG"}
    assert rejected == {"supplier": "bts", "supplier_sku": "B-FIG", "rejected": True}
    assert proposed == {"channel": "main", "supplier": "bts", "proposed": 1}
    assert dismissed == {"channel": "main", "ean": CEDAR, "dismissed": True}


@pytest.mark.parametrize(
    "arguments",
    [("drafts", "list", "mian"), ("drafts", "propose", "mian", "bts"), ("drafts", "propose", "main", "btz")],
)
def test_a_name_that_is_misspelt_is_an_error_and_no_empty_list(
    cli: CommandLine, small_world: Database, arguments: tuple[str, ...]
) -> None:
    result = cli.run("catalog", *arguments)
    assert result.exit_code == 1
    assert "is not configured" in result.output


@pytest.mark.parametrize("days", ["nan", "inf", "-1", "0"])
def test_days_of_cover_are_a_number_that_can_be_meant(cli: CommandLine, small_world: Database, days: str) -> None:
    assert cli.run("stock", "low", f"--days={days}").exit_code == 2
