"""Commands on stock that will not last."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from activities.registry import build_dependencies
from activities.stock_watch import DAY, stocked
from adapters.database import stock_cover
from starter.console import AsJson, CommandFailedError, console, print_table, read_settings, write_json
from starter.opening import opened_database
from workflows.decisions.stock_cover import running_out

app = typer.Typer(no_args_is_help=True, help="Stock that will not last, and what to order again.")


@app.command("low")
def low(
    *,
    days: Annotated[
        float | None,
        typer.Option(min=0.1, max=10_000, help="Days of cover; default: `cover_days` of [low_stock]."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the articles that sell out soon at the pace of the last weeks, the soonest first.

    Example: dropwright stock low --days 14

    JSON: [{"ean", "sku", "available", "sold", "sold_per_day", "days"}]
    """
    with opened_database(read_settings()) as database:
        settings = build_dependencies(database).outside.configuration.low_stock
        with database.begin() as tx:
            sold = stock_cover.sold_since(tx, datetime.now(UTC) - settings.sales_window, settings.own)
    cover_days = Decimal(str(days)) if days is not None else settings.cover_days
    covers = running_out(map(stocked, sold), window_days=Decimal(settings.sales_window / DAY), cover_days=cover_days)
    rows = [
        {
            "ean": cover.article.ean,
            "sku": cover.article.sku,
            "available": cover.article.available,
            "sold": cover.article.sold,
            "sold_per_day": cover.sold_per_day,
            "days": cover.days,
        }
        for cover in covers
    ]
    if as_json:
        write_json(rows)
        return
    print_table(("EAN", "SKU", "available", "sold", "per day", "days left"), [list(row.values()) for row in rows])


@app.command("reorders")
def reorders(*, as_json: AsJson = False) -> None:
    """List the proposals to refill our own stock, the most urgent first.

    Example: dropwright stock reorders

    JSON: [{"supplier", "sku", "ean", "quantity", "sold_per_day", "cover_days", "proposed_at"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        rows = stock_cover.open_proposals(tx)
    if as_json:
        write_json(rows)
        return
    columns = ("supplier", "sku", "ean", "quantity", "sold_per_day", "cover_days", "proposed_at")
    print_table([column.replace("_", " ") for column in columns], [[row[column] for column in columns] for row in rows])


@app.command("reordered")
def reordered(
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="As in the configuration.")],
    sku: Annotated[
        list[str],
        typer.Argument(metavar="SKU…", help="The supplier's numbers, as `dropwright stock reorders` lists them."),
    ],
    *,
    dismissed: Annotated[bool, typer.Option("--dismiss", help="It will not be ordered.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close proposals: what they name has been ordered, or will not be.

    Example: dropwright stock reordered own-warehouse LINDEN-50 LINDEN-100

    JSON: {"supplier", "closed": int}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        count = stock_cover.close_proposals(tx, supplier, sku, "dismissed" if dismissed else "done")
    if not count:
        raise CommandFailedError(f"{supplier} has no open proposal for {', '.join(sku)}")
    if as_json:
        write_json({"supplier": supplier, "closed": count})
    else:
        console().print(f"{count} of {len(sku)} closed")
