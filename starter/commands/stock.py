"""Commands on stock that will not last, and on what orders hold of it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from activities.stock_watch import DAY, stocked
from adapters.database import reservation_drift, reservations, stock_cover
from adapters.database.configurations import ConfigurationStore
from starter.console import AsJson, CommandFailedError, console, print_table, read_settings, say, write_json
from starter.opening import opened_database
from workflows.decisions.stock_cover import running_out

app = typer.Typer(no_args_is_help=True, help="Stock that will not last, what to order again, and what orders hold.")


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
        settings = ConfigurationStore(database).current().configuration.low_stock
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


@app.command("reserved")
def reserved(
    article: Annotated[str | None, typer.Argument(metavar="ARTICLE", help="A supplier's SKU, or an EAN.")] = None,
    *,
    supplier: Annotated[str | None, typer.Option(help="Of this one only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1_000,
    as_json: AsJson = False,
) -> None:
    """List what orders hold of suppliers' stock, or have taken and the supplier's figure does not show yet.

    Example: dropwright stock reserved 8411061123456

    JSON: [{"supplier", "sku", "ean", "quantity", "state": "held" | "consumed", "channel", "order", "purchase_order",
    "made_at", "expires_at", "consumed_at"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        rows = reservations.open_ones(tx, supplier=supplier, article=article, limit=limit)
    if as_json:
        write_json(rows)
        return
    columns = ("supplier", "sku", "ean", "quantity", "state", "order", "purchase_order", "made_at")
    print_table([column.replace("_", " ") for column in columns], [[row[column] for column in columns] for row in rows])


@app.command("short")
def short(*, as_json: AsJson = False) -> None:
    """List the offers of which a supplier has less than orders were promised, and has not accepted yet.

    Example: dropwright stock short

    JSON: [{"supplier", "sku", "ean", "quantity", "promised", "orders"}]
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        rows = reservations.shortfalls(tx)
    if as_json:
        write_json([row._asdict() for row in rows])
        return
    print_table(("supplier", "SKU", "EAN", "in stock", "promised", "orders"), [list(row) for row in rows])
    if not rows:
        say("no supplier has less than orders were promised of it")


@app.command("drift")
def drift(
    *,
    recompute: Annotated[bool, typer.Option("--recompute", help="Put it right.")] = False,
    as_json: AsJson = False,
) -> None:
    """List where reservations do not agree with the open orders.

    Example: dropwright stock drift --recompute

    JSON: {"recomputed": bool, "drifts": [{"kind": "sum" | "ended" | "missing", "supplier", "sku", "number", "reserved",
    "due"}]}
    """
    with opened_database(read_settings()) as database:
        kept = ConfigurationStore(database).current().configuration.stock.reservations_kept
        with database.begin() as tx:
            found = (
                reservation_drift.recompute(tx, now=datetime.now(UTC), kept=kept)
                if recompute
                else reservation_drift.find(tx)
            )
    if as_json:
        write_json({"recomputed": recompute, "drifts": [one._asdict() for one in found]})
        return
    print_table(("kind", "supplier", "SKU", "purchase order", "reserved", "should be"), [list(one) for one in found])
    if found:
        put_right = f"{len(found)} put right" if recompute else "`--recompute` puts it right"
        console().print(put_right)
    else:
        say("everything that is reserved agrees with the open orders")
