"""The files of feeds under fire: versions of one supplier's list, put where each supplier's feed looks for it."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.activities.feed_world import article

ROWS = 24_000  # three batches of what is applied at once
NOTE = "kept for the warehouse and read by nobody else: it makes several pieces of the file where it is fetched " * 2
HEADER = "SKU,EAN,QTY,COST,NOTE"
COLUMNS = {"sku": "SKU", "ean": "EAN", "quantity": "QTY", "unit_cost": "COST"}
NAME = "stock.csv"
FIRST = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)


class Row(NamedTuple):
    """One article as a file has it."""

    sku: str
    ean: str
    quantity: int
    cost: str


class Folder:
    """A folder with one place per supplier, and one time for each version: what is alike bears the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, list[Row]] = {}

    def keep(self, version: str, rows: Iterable[Row]) -> None:
        """Write a version; each is an hour newer than the one before."""
        self._lines[version] = list(rows)
        lines = [f"{row.sku},{row.ean},{row.quantity},{row.cost},{NOTE}" for row in self._lines[version]]
        path = self.path / f"{version}.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        self._date(path, FIRST + len(self._lines) * timedelta(hours=1))

    def give(self, version: str, *suppliers: str, made: timedelta | None = None) -> None:
        """Put a version where these suppliers' feeds look. ``made``: as if it had been made so long before the first."""
        for supplier in suppliers:
            place = self.path / supplier / NAME
            place.parent.mkdir(exist_ok=True)
            fresh = place.with_suffix(".part")
            if made is None:
                os.link(self.path / f"{version}.csv", fresh)
            else:
                fresh.write_bytes((self.path / f"{version}.csv").read_bytes())
                self._date(fresh, FIRST - made)
            fresh.replace(place)

    def _date(self, path: Path, at: datetime) -> None:
        os.utime(path, (at.timestamp(),) * 2)


def load() -> Iterator[Row]:
    """A first load."""
    for number in range(ROWS):
        sku, ean, _, _ = article(number)
        yield Row(sku, ean, 5 + number % 90, f"{4 + number % 50}.50")


def delta() -> Iterator[Row]:
    """One row in twenty has changed, some are gone, some are new."""
    for number, row in enumerate(load()):
        if number % 20 == 3:
            yield row._replace(quantity=row.quantity + 100)
        elif number % 400 != 7:
            yield row
    yield from (Row(*article(ROWS + number, 3, "9.00")) for number in range(100))


def upheaval() -> Iterator[Row]:
    """Every row has changed, so that it takes more than one batch."""
    return (row._replace(quantity=row.quantity + 1000) for row in load())


def shelf(eans: Iterable[str], quantity: int, cost: str) -> Iterator[Row]:
    """What a shop sells, all of it."""
    return (Row(f"SHELF-{number:05}", ean, quantity + number % 7, cost) for number, ean in enumerate(eans))
