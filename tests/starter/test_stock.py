"""The commands on what orders hold of suppliers' stock."""

import pytest

from adapters.database.engine import Database
from tests.starter.world import CommandLine
from tests.stock.world import NOW, StockWorld

A, B = "8411061000001", "8411061000002"


@pytest.fixture
def stock(database: Database, database_url: str) -> StockWorld:
    """Five units of one article at bts, two of which an order holds, and nothing of another."""
    world = StockWorld(database_url)
    world.empty()
    world.offer(A, 5)
    world.offer(B, 5, supplier="nova")
    world.buy(world.order((A, 2), at=NOW), ("1", A, 2))
    world.database.close()
    return world


@pytest.mark.parametrize(
    ("arguments", "held"),
    [([], 1), ([A], 1), ([f"bts-{A}"], 1), ([B], 0), (["--supplier", "nova"], 0), ([A, "--supplier", "bts"], 1)],
)
def test_what_is_held_is_listed_with_who_holds_it(
    cli: CommandLine, stock: StockWorld, arguments: list[str], held: int
) -> None:
    rows = cli.json("stock", "reserved", *arguments)
    assert [(row["sku"], row["quantity"], row["state"]) for row in rows] == [(f"bts-{A}", 2, "held")] * held
    assert "bts" in cli.run("stock", "reserved").stdout


def test_what_was_promised_and_is_not_there_is_listed(cli: CommandLine, stock: StockWorld) -> None:
    assert cli.json("stock", "short") == []
    stock.execute("UPDATE offers SET quantity = 1 WHERE ean = :ean", ean=A)
    [row] = cli.json("stock", "short")
    assert (row["sku"], row["quantity"], row["promised"], row["orders"]) == (f"bts-{A}", 1, 2, 1)


def test_what_does_not_agree_is_listed_and_put_right_on_command(cli: CommandLine, stock: StockWorld) -> None:
    assert cli.json("stock", "drift") == {"recomputed": False, "drifts": []}
    stock.execute("UPDATE offers SET reserved = 4 WHERE ean = :ean", ean=A)

    for recompute in (False, True):
        shape = cli.json("stock", "drift", *["--recompute"] * recompute)
        assert shape["recomputed"] is recompute
        assert [(one["kind"], one["reserved"], one["due"]) for one in shape["drifts"]] == [("sum", 4, 2)]
    assert cli.json("stock", "drift")["drifts"] == []
    assert stock.reserved(A) == 2
