import gzip
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.engine import Database
from starter.configuration_files import to_toml, validate
from tests.starter.world import CommandLine, apply_configuration, document

STOCK = {
    "kind": "stock",
    "source": "file:///feeds/stock.csv",
    "delimiter": ";",
    "numbers": {"decimal": ",", "thousands": "."},
    "absent": "zero",
    "columns": {"sku": "Nr", "quantity": "Bestand", "unit_cost": "EK", "currency": {"constant": "EUR"}},
}
GOOD = "Nr;Bestand;EK\nA;1.000;1,50\nB;0;2,00\nC;5;3,00\nD;7;9,99\nE;1;1\n"
OFFERS = """
    INSERT INTO offers (supplier, sku, known, quantity, unit_cost, currency, observed_at)
    SELECT 'bts', sku, true, quantity, cost, 'EUR', '2026-01-01Z' FROM (VALUES
        ('A', 1000, 1.5), ('B', 4, 2), ('C', 4, 3), ('D', 7, 1), ('G', 3, 1)) AS o (sku, quantity, cost)
"""
KNOWN_ROWS = """
    INSERT INTO feed_rows (supplier, feed, sku, hash) SELECT 'bts', 'stock', sku, 1 FROM offers WHERE supplier = 'bts'
"""


def with_feeds(**feeds: Any) -> dict[str, Any]:
    suppliers = document()["suppliers"]
    return {"suppliers": suppliers | {"bts": suppliers["bts"] | {"feeds": feeds}}}


@pytest.fixture(scope="module", autouse=True)
def _standing(database: Database) -> None:
    apply_configuration(database, **with_feeds(stock=STOCK))
    with database.begin() as tx:
        tx.execute(text(OFFERS))
        tx.execute(text(KNOWN_ROWS))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stock.csv"
    path.write_text(GOOD)
    return path


def check(cli: CommandLine, file: Path, *options: str, code: int = 0) -> Any:
    return cli.json("feed", "check", str(file), "--supplier", "bts", *options, code=code)


def test_it_shows_what_each_column_became(cli: CommandLine, file: Path) -> None:
    shape = check(cli, file, "--rows", "2")
    assert (shape["rows"], shape["refused"], shape["believed"], shape["feed"]) == (5, 0, True, "stock")
    columns = {one["field"]: one for one in shape["columns"]}
    assert (columns["quantity"]["sent"], columns["quantity"]["became"]) == (["1.000", "0"], [1000, 0])
    assert (columns["unit_cost"]["column"], columns["unit_cost"]["became"]) == ("EK", ["1.50", "2.00"])
    assert columns["currency"] == {
        "field": "currency", "column": None, "constant": "EUR", "sent": ["EUR", "EUR"], "became": ["EUR", "EUR"],
        "problems": [None, None],
    }  # fmt: skip


def test_it_shows_what_would_change_and_changes_nothing(cli: CommandLine, file: Path, database: Database) -> None:
    changes = check(cli, file)["changes"]
    counts = {name: value for name, value in changes.items() if name != "samples"}
    assert counts == {
        "new": 1, "changed": 3, "unchanged": 1, "to_zero": 1, "price_moves": 1, "absent": 1, "absent_policy": "zero",
    }  # fmt: skip
    assert changes["samples"] == [
        {"kind": "new", "sku": "E", "before": "-", "after": "1"},
        {"kind": "to_zero", "sku": "B", "before": "4", "after": "0"},
        {"kind": "price_moves", "sku": "D", "before": "1 EUR", "after": "9.99 EUR"},
        {"kind": "changed", "sku": "C", "before": "4", "after": "5"},
        {"kind": "absent", "sku": "G", "before": "3", "after": "0"},
    ]
    with database.begin() as tx:
        rows = tx.execute(text("SELECT sku, quantity FROM offers WHERE supplier = 'bts'"))
        standing = {row.sku: row.quantity for row in rows}
    assert standing == {"A": 1000, "B": 4, "C": 4, "D": 7, "G": 3}


def test_it_names_each_problem_with_its_rows_and_ends_with_1(cli: CommandLine, file: Path) -> None:
    file.write_text(GOOD + "F;10+;1\nG;>9;1\nH;1;-1\n")
    shape = check(cli, file, code=1)
    assert (shape["rows"], shape["refused"], shape["believed"]) == (8, 3, False)
    number, negative = shape["problems"]
    assert (number["code"], number["field"], number["rows"]) == ("number", "quantity", 2)
    assert number["samples"][0] == {"row": 6, "sku": "F", "text": "10+"}
    assert (negative["code"], negative["field"]) == ("negative", "unit_cost")
    assert [one["code"] for one in shape["findings"]] == ["unreadable"]


def test_rows_that_contradict_each_other_change_nothing(cli: CommandLine, file: Path) -> None:
    file.write_text(GOOD + "".join(f"N{number};1;1\n" for number in range(12_000)) + "C;6;3,00\n")
    shape = check(cli, file)
    assert (shape["problems"][0]["code"], shape["problems"][0]["rows"]) == ("duplicate", 2)
    assert (shape["changes"]["new"], shape["changes"]["changed"]) == (12_001, 2)


def test_a_file_that_can_not_be_read_says_why(cli: CommandLine, file: Path) -> None:
    file.write_bytes(gzip.compress(GOOD.encode())[:-9])
    shape = check(cli, file, code=1)
    assert ([one["code"] for one in shape["findings"]], shape["changes"]) == (["truncated"], None)


def test_people_read_tables(cli: CommandLine, file: Path) -> None:
    file.write_text(GOOD + "F;10+;1\n")
    result = cli.run("feed", "check", str(file), "--supplier", "bts")
    assert result.exit_code == 1
    for words in ("6 rows, 5 of them good", "quantity", "row 6: '10+'", "NOT BELIEVED (unreadable)", "to zero"):
        assert words in result.stdout


def test_without_a_database_the_file_is_read_with_a_configuration_file(
    cli: CommandLine, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "dropwright.toml"
    configuration.write_text(to_toml(validate("test", document(**with_feeds(stock=STOCK)))))
    for url in ("", "postgresql+psycopg2://nobody@127.0.0.1:9/nothing"):
        monkeypatch.setenv("DROPWRIGHT_DATABASE_URL", url)
        shape = check(cli, file, "--config", str(configuration))
        assert (shape["rows"], shape["changes"]) == (5, None)


def test_an_adapters_own_feed_is_tried_with_its_own_columns(
    cli: CommandLine, tmp_path: Path, database: Database
) -> None:
    api = {"kind": "stock", "source": "api"}
    apply_configuration(database, **with_feeds(api=api, stock=STOCK))
    page = tmp_path / "page.ndjson"
    page.write_text('{"nothing": 1}\n')
    shape = check(cli, page, "--feed", "api", code=1)
    assert "sku" in {one["field"] for one in shape["columns"]}
    assert "header_missing" in {one["code"] for one in shape["findings"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("absent.csv", "--supplier", "bts"), "there is no file"),
        (("{file}", "--supplier", "nobody"), "there are: bts, other"),
        (("{file}", "--supplier", "bts", "--feed", "prices"), "there are: api, stock"),
        (("{file}", "--supplier", "bts"), "say which feed"),
        (("{file}", "--supplier", "other"), "add [suppliers.other.feeds.NAME]"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    cli: CommandLine, file: Path, database: Database, arguments: tuple[str, ...], words: str
) -> None:
    apply_configuration(database, **with_feeds(api={"kind": "stock", "source": "api"}, stock=STOCK))
    result = cli.run("feed", "check", *(one.format(file=file) for one in arguments))
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_feed_whose_columns_a_partner_of_documents_knows_is_read_without_its_documents(
    cli: CommandLine, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "suppliers" / "edi_x12.md").read_text("utf-8")
    table = page.partition("```toml\n")[2].partition("```")[0]
    settings = tmp_path / "dropwright.toml"
    settings.write_text(to_toml(validate("test", document())) + table)
    file = tmp_path / "846.x12"
    file.write_text("no interchange")
    checked = cli.run("feed", "check", str(file), "--supplier", "northwind", "--config", str(settings))
    assert checked.exit_code == 1
    assert "NOT BELIEVED" in checked.stdout, checked.output
