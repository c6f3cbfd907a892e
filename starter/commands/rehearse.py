"""``dropwright rehearse``: yesterday's orders under tomorrow's rules, before they touch today's."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.base import Interval
from models.configuration import Configuration
from models.rehearsal import Tally
from starter.console import AsJson, CommandFailedError, console, read_settings, say, write_json
from starter.opening import opened_database
from starter.rehearsal import words
from starter.rehearsal.page import write_page
from starter.rehearsal.replay import Rehearsal, default_workers, orders_of
from starter.rehearsal.replay import rehearse as replay_all
from starter.rehearsal.rules import configuration_to_try
from starter.rehearsal.shape import shape_of

Rules = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="A configuration, or tables to lay over the one in force."),
]
Last = Annotated[str, typer.Option("--last", metavar="TIME", help="How far back orders are replayed, e.g. 30d.")]
Down = Annotated[
    list[str] | None,
    typer.Option("--supplier-down", metavar="SUPPLIER", help="What if it were switched off. Can be given repeatedly."),
]


def rehearse(
    *,
    rules: Rules = None,
    last: Last = "30d",
    supplier_down: Down = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this shop's orders.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with charts.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="Processes. Default: one per processor.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay stored orders against the offers of their time, by the rules in force and by others. Writes nothing.

    Stock and costs are those of the moment an order was first planned, as the history of offers has them; rates are
    those of its day; scorecards, lead times, packs and minimum quantities are today's. What rehearsed orders take is
    not kept from later ones.

    Example: dropwright rehearse --rules new.toml --last 30d --html report.html

    JSON: {"since", "until", "channel", "rules", "suppliers_down", "currency", "orders", "lines", "compared", "value",
    "changed", "newly_failed", "rescued", "without_rate", "unheard_of", "before": SIDE, "after": SIDE, "cost_changes":
    {bar: orders}, "differences": [{"order", "channel", "placed_at", "saved", "before", "after": {"whole", "suppliers":
    {name: units}, "missing", "cost", "paid": {factor: amount}, "days"}, "made_by": [], "lost": {supplier: reason}}]};
    SIDE is {"whole", "failed", "missing", "cost", "paid", "margin", "margin_share", "split_rate", "parcels_per_order",
    "promised_days": {"mean", "half_within", "most_within", "orders": {days: orders}}, "suppliers": {name:
    {"purchase_orders", "units", "share"}}}. Amounts are in "currency", shares of 1; null: nothing to tell it from.
    """
    down = tuple(dict.fromkeys(supplier_down or ()))
    if rules is None and not down:
        raise CommandFailedError("say what to try: --rules FILE, --supplier-down SUPPLIER, or both")
    span = _span(last)
    started = time.monotonic()
    with opened_database(read_settings(), pool_size=2) as database:
        current = ConfigurationStore(database).current().configuration
        _require_channel(current, channel)
        now = datetime.now(UTC)
        rehearsal = Rehearsal(current, configuration_to_try(current, rules, down), now - span, now, channel)
        tally = _replay(database, rehearsal, workers or default_workers(), quiet=as_json)
    shape = shape_of(rehearsal, tally, rules=rules.name if rules else None, down=down)
    if html is not None:
        write_page(html, shape)
    if as_json:
        write_json(shape)
        return
    _print(shape, rehearsal)
    say(f"replayed in {time.monotonic() - started:.1f} s{f'; the page is {html}' if html else ''}")


def _span(last: str) -> timedelta:
    try:
        span: timedelta = TypeAdapter(Interval).validate_python(last)
    except ValidationError:
        raise typer.BadParameter("a length of time such as 30d or 12h", param_hint="--last") from None
    return span


def _require_channel(configuration: Configuration, channel: str | None) -> None:
    if channel is not None and channel not in configuration.channels:
        raise CommandFailedError(f"there is no channel {channel}: {', '.join(configuration.channels)}")


def _replay(database: Database, rehearsal: Rehearsal, workers: int, *, quiet: bool) -> Tally:
    ids = orders_of(database, rehearsal)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet or not ids) as progress:
        bar = progress.add_task("Rehearsing", total=len(ids))
        return replay_all(database, rehearsal, ids, workers=workers, advance=lambda count: progress.advance(bar, count))


def _print(shape: Mapping[str, Any], rehearsal: Rehearsal) -> None:
    out = console()
    if not shape["orders"]:
        out.print(f"nothing to rehearse: no paid {words.period(shape)}; try a longer --last")
        return
    out.print(words.title(shape))
    out.print(words.period(shape))
    _tell_of_history(rehearsal)
    out.print()
    _print_figures(words.headings(shape), words.figures(shape))
    out.print()
    new = words.headings(shape)[2]
    _print_figures(("purchase orders", "in force", "share", new, "share"), words.suppliers(shape))
    out.print()
    for note in words.notes(shape):
        out.print(note)
    _print_differences(shape)


def _print_figures(headings: Sequence[str], rows: Iterable[Sequence[str]], *, indent: int = 0) -> None:
    """Print a table whose figures end under each other."""
    cells = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for first, *figures in cells:
        aligned = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        console().print("  ".join([" " * indent + first.ljust(widths[0]), *aligned]), soft_wrap=True)


def _print_differences(shape: Mapping[str, Any]) -> None:
    out = console()
    if shape["differences"]:
        out.print(f"\nthe {len(shape['differences'])} largest differences")
    for number, one in enumerate(shape["differences"], 1):
        out.print(f"\n{number:2}. {words.difference_title(one, shape['currency'])}")
        out.print("\n".join(f"    {reason}" for reason in words.reasons(one)))
        _print_figures(words.headings(shape), words.factors(one), indent=4)


def _tell_of_history(rehearsal: Rehearsal) -> None:
    kept = rehearsal.after.supply.history_kept
    if rehearsal.until - rehearsal.since > kept:
        say(f"the history of offers is kept for {kept.days} days: before that, the earliest value known stands in")
