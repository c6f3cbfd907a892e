"""What the demo shows: a live table in a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from models.configuration import Configuration
from starter.demo_rows import LEGEND, Row, most_interesting, rows_of
from starter.demo_story import Story

WIDE = 120  # columns from which suppliers, their numbers and the person's answers fit beside the rest
LINES_AROUND = 8
FEWEST_ROWS = 4
_STYLES = {"?": "bold yellow", "!": "bold red", "=": "green", ">": "", "·": "dim"}


class Screen(Protocol):
    """Where the demo is watched."""

    def tell(self, message: str) -> None:
        """Say one thing."""

    def show(self, story: Story, configuration: Configuration | None) -> None:
        """Show where every order is now."""

    def close(self) -> None:
        """Leave the last picture standing."""


@dataclass(kw_only=True)
class PlainLines:
    """Progress without a terminal: one line for whatever is new, with the seconds since the start."""

    started: float
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    _shown: dict[str, str] = field(default_factory=dict)

    def tell(self, message: str) -> None:
        """Write a line."""
        print(f"[{time.monotonic() - self.started:6.1f} s] {message}", file=self.stream, flush=True)

    def show(self, story: Story, configuration: Configuration | None) -> None:
        """Write a line for each order that has moved."""
        for row in rows_of(story, configuration, datetime.now(UTC)):
            if row.name and (news := _headline(row)) != self._shown.get(row.name):
                self._shown[row.name] = news
                self.tell(f"{row.name} {row.title}: {news}")

    def close(self) -> None:
        """Do nothing: what was written stays."""


def _headline(row: Row) -> str:
    at = f" at {row.supplier} as {row.number}" if row.number else ""
    asked = {"?": f", waits for {row.waits}", "!": f", but {row.waits}"}.get(row.mark, "") if row.waits else ""
    return f"{row.stage}{at}{asked}"


@dataclass(kw_only=True)
class LiveTable:
    """The table in a terminal: links above it, one line of legend below."""

    started: float
    links: Callable[[], list[str]]
    console: Console = field(default_factory=lambda: Console(highlight=False, emoji=False))
    _live: Live | None = None
    _said: str = ""

    def tell(self, message: str) -> None:
        """Say it below the table."""
        self._said = message

    def show(self, story: Story, configuration: Configuration | None) -> None:
        """Draw the table anew."""
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(self.picture(story, configuration), refresh=True)

    def close(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def picture(self, story: Story, configuration: Configuration | None) -> Group:
        """Draw everything: links, as many orders as fit, what was said last, and the legend."""
        rows = rows_of(story, configuration, datetime.now(UTC))
        shown = most_interesting(rows, max(self.console.height - LINES_AROUND, FEWEST_ROWS))
        links = [_line(link, "cyan") for link in self.links()]
        said = _line(f"{self._elapsed()}  {self._said}", "dim")
        return Group(*links, self._table(shown), _line(_rest(rows, shown)), said, _line(LEGEND, "dim"))

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self.started:.0f} s"

    def _table(self, rows: list[Row]) -> Table:
        wide = self.console.width >= WIDE
        table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
        table.add_column("", width=1)
        table.add_column("order", width=5, no_wrap=True)
        table.add_column("script", no_wrap=True, overflow="ellipsis", width=27)
        table.add_column("stage", no_wrap=True, overflow="ellipsis", width=17 if wide else 12)
        if wide:
            table.add_column("over", no_wrap=True, overflow="ellipsis", width=10)
            table.add_column("supplier's number", no_wrap=True, overflow="ellipsis", width=28)
        table.add_column("chk", width=3, no_wrap=True)
        table.add_column("waits for", no_wrap=True, overflow="ellipsis", ratio=3)
        if wide:
            table.add_column("the person said", no_wrap=True, overflow="ellipsis", ratio=2)
        for row in rows:
            table.add_row(*_cells(row, wide=wide), style=_STYLES[row.mark])
        return table


def _cells(row: Row, *, wide: bool) -> list[Text]:
    where = [row.channel, f"{row.supplier} {row.number}".strip()] if wide else []
    waits = row.waits if wide or row.waits else row.said
    cells = [row.mark, row.name, row.title, row.stage, *where, row.check, waits, *([row.said] if wide else [])]
    return [Text(cell) for cell in cells]


def _rest(rows: list[Row], shown: list[Row]) -> str:
    arrived = sum(row.mark == "=" for row in rows)
    hidden = len(rows) - len(shown)
    return f"{arrived} of {len(rows)} have arrived" + (f"; {hidden} rows are not shown" if hidden else "")


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
