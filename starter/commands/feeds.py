"""The command that tries a feed's mapping on a file."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn
from sqlalchemy.exc import SQLAlchemyError

from adapters.database import feeds as feed_store
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Transaction
from adapters.database.feed_preview import Preview, preview
from adapters.plugin import Plugin, load_plugins
from adapters.ports import SupplierPort
from models.configuration import Configuration, Supplier
from models.feed_rows import FeedRow
from models.feeds import Column, Feed
from starter.configuration_files import read_file
from starter.console import AsJson, CommandFailedError, console, print_table, read_settings, say, text_of, write_json
from starter.feed_check import Advance, FeedCheck
from starter.opening import opened_database

app = typer.Typer(no_args_is_help=True, help="Suppliers' feeds: try a mapping on a file.")

LARGE = 20_000_000  # bytes, from which on a bar shows how far it is
SHOWN = 40  # characters of a value in the table

Compare = Callable[[Feed, Iterable[FeedRow], list[int]], Preview | None]


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own, though it is the only one."""


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file as the supplier sends it, compressed or not.")],
    *,
    supplier: Annotated[str, typer.Option(help="Whose feed it is.")],
    feed: Annotated[str | None, typer.Option(help="Which of its feeds; needed where it has several.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read the feed's settings there, not from what was applied.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=50, help="How many rows to show.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Read a file as a configured feed, and write nothing: what each column became, what is wrong, what is refused.

    With a database it also shows what would change. Exit code 1 where the file would not be believed.

    Example: dropwright feed check stock.csv --supplier acme --feed stock --config dropwright.toml

    JSON: {"file", "supplier", "feed", "rows", "refused", "header", "columns": [{"field", "column", "constant", "sent",
    "became", "problems"}], "problems": [{"code", "field", "rows", "samples": [{"row", "sku", "text"}]}],
    "findings": [{"code", "text", "samples", "numbers"}], "believed": bool, "changes": null | {"new", "changed",
    "unchanged", "to_zero", "price_moves", "absent", "absent_policy", "samples": [{"kind", "sku", "before", "after"}]}}
    """
    if not file.is_file():
        raise CommandFailedError(f"there is no file {file}")
    name, settings, columns = _settings_of(supplier, feed, config)
    with _standing(supplier, name) as (header, compare), _progress(file) as advance:
        checked = FeedCheck(settings, columns, expected=header, examples=rows)
        changes = compare(settings, checked.rows(file, advance), checked.withdrawn)
    shape = {"file": file.name, "supplier": supplier, "feed": name, **checked.shape()}
    shape["changes"] = asdict(changes) if changes and not checked.unreadable else None
    if as_json:
        write_json(shape)
    else:
        _print(shape)
    if not shape["believed"]:
        raise typer.Exit(1)


@contextmanager
def _standing(supplier: str, feed: str) -> Iterator[tuple[list[str] | None, Compare]]:
    """Open what we have of this feed; without a database the file is read all the same."""
    url = read_settings().database_url
    with ExitStack() as opened:
        header, tx = None, None
        if url:
            try:
                database = opened.enter_context(opened_database(read_settings(), pool_size=1))
                tx = opened.enter_context(database.begin())
                header = feed_store.load_state(tx, supplier, feed).header
            except SQLAlchemyError:
                tx = None
        if tx is None:
            say("no database: what would change is not shown")
            yield None, _only_read
        else:
            yield header, partial(_compare, tx, supplier, feed)


def _only_read(_feed: Feed, rows: Iterable[FeedRow], _withdrawn: list[int]) -> None:
    deque(rows, maxlen=0)


def _compare(
    tx: Transaction, supplier: str, name: str, feed: Feed, rows: Iterable[FeedRow], withdrawn: list[int]
) -> Preview | None:
    return preview(tx, supplier, name, feed, rows, withdrawn=withdrawn)


def _settings_of(supplier: str, feed: str | None, config: Path | None) -> tuple[str, Feed, dict[str, Column]]:
    configuration = read_file(config) if config else _applied()
    if supplier not in configuration.suppliers:
        known = ", ".join(sorted(configuration.suppliers))
        raise CommandFailedError(f"supplier {supplier} is not configured; there are: {known}")
    of_supplier = configuration.suppliers[supplier]
    name = _feed_name(supplier, of_supplier, feed)
    return name, of_supplier.feeds[name], _columns(supplier, of_supplier, of_supplier.feeds[name])


def _applied() -> Configuration:
    with opened_database(read_settings()) as database:
        return ConfigurationStore(database).current().configuration


def _feed_name(supplier: str, settings: Supplier, feed: str | None) -> str:
    names = sorted(settings.feeds)
    if feed is None and len(names) == 1:
        return names[0]
    if feed not in names:
        there = f"there are: {', '.join(names)}" if names else f"add [suppliers.{supplier}.feeds.NAME]"
        raise CommandFailedError(f"say which feed of {supplier} with --feed; {there}")
    return feed


def _columns(supplier: str, settings: Supplier, feed: Feed) -> dict[str, Column]:
    """Take the configured columns, else the adapter's own; it needs no credential to name them."""
    named = {name: column for name in feed.columns if (column := feed.column_of(name))}
    if named:
        return named
    plugins = load_plugins("suppliers")
    if settings.adapter not in plugins:
        raise CommandFailedError(f"supplier {supplier}: there is no adapter {settings.adapter}")
    port = _built(plugins[settings.adapter], supplier, settings)
    try:
        columns: dict[str, Column] = port.feed_columns(feed.kind)
    finally:
        port.close()
    return columns


def _built(plugin: Plugin, supplier: str, settings: Supplier) -> SupplierPort:
    """Build a port that is asked for its columns alone: it gets no credential, no documents and no shelves."""
    besides = plugin.besides(desk=None, documents=None, link_for=lambda _number: None)
    try:
        port: SupplierPort = plugin.build(
            settings=settings, supplier_id=supplier, secrets=lambda _name: "", sink=lambda _call: None, **besides
        )
    except ValueError as error:
        raise CommandFailedError(f"{plugin.id} does not take these settings: {error}") from None
    return port


@contextmanager
def _progress(file: Path) -> Iterator[Advance]:
    size = file.stat().st_size
    bar = Progress(
        "reading",
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=size < LARGE or not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=size)
        yield lambda read: bar.advance(task, read)


def _print(shape: dict[str, Any]) -> None:
    good = shape["rows"] - shape["refused"]
    console().print(
        f"{shape['file']} as {shape['supplier']}/{shape['feed']}: {shape['rows']} rows, {good} of them good"
    )
    if shape["columns"] and shape["rows"]:
        console().print()
        print_table(("field", "column", "sent", "became"), _mapping_rows(shape["columns"]))
    if shape["problems"]:
        console().print()
        print_table(("problem", "field", "rows", "for example"), _problem_rows(shape["problems"]))
    if shape["changes"]:
        _print_changes(shape["changes"])
    console().print()
    if shape["believed"]:
        console().print("Nothing in the file itself speaks against it.")
    for one in shape["findings"]:
        console().print(f"NOT BELIEVED ({one['code']}): {one['text']}")
        for sample in one["samples"]:
            console().print(f"  {sample}")


def _print_changes(changes: dict[str, Any]) -> None:
    console().print(
        f"\nIt would add {changes['new']} offers and change {changes['changed']}, {changes['to_zero']} of them to zero "
        f"and {changes['price_moves']} with a cost that moves far; {changes['unchanged']} stay as they are; "
        f"{changes['absent']} are absent ({changes['absent_policy']})."
    )
    rows = [(one["kind"].replace("_", " "), one["sku"], one["before"], one["after"]) for one in changes["samples"]]
    if rows:
        print_table(("change", "SKU", "we have", "the file says"), rows)


def _mapping_rows(columns: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for column in columns:
        source = column["column"] or f"= {column['constant']!r}"
        values = zip(column["sent"], column["became"], column["problems"], strict=True)
        for number, (sent, became, problem) in enumerate(values):
            first = number == 0
            yield (
                column["field"] if first else "",
                source if first else "",
                _short(sent),
                f"refused: {problem}" if problem else _short(became),
            )


def _short(value: object) -> str:
    text = text_of(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _problem_rows(problems: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for one in problems:
        samples = [f"row {sample['row']}: {_short(sample['text'])!r}" for sample in one["samples"]]
        yield one["code"], one["field"], one["rows"], "; ".join(samples)
