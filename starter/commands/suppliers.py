"""Commands on suppliers: the list of them, and how each did lately."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from activities.scorecards import refresh as refresh_cards
from adapters.database import scorecards
from adapters.database.configurations import ConfigurationStore
from models.configuration import Configuration
from models.routing import Scorecard
from starter.commands.configuration import suppliers as list_suppliers
from starter.console import AsJson, instant, print_table, read_settings, say, write_json
from starter.opening import opened_database
from workflows.decisions.scorecard import QUALITY_WINDOW, SHARE_WINDOW, explanation

app = typer.Typer(invoke_without_command=True, help="The suppliers, and how each did lately.")


@app.callback()
def suppliers(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the suppliers in the order of routing: how far each is trusted, its plan, and its open purchase orders.

    Example: dropwright suppliers

    JSON: [{"supplier", "name", "adapter", "mode", "enabled", "priority", "tracking_plan", "open_purchase_orders",
    "incidents": [kind]}]; priority is null for one that routing does not name, incidents are those that last.
    """
    if context.invoked_subcommand is None:
        list_suppliers(as_json=as_json)


@app.command("score")
def score(
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Figure it out anew first; else as of the last hour.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how each supplier did lately, and what its score is made of: routing can count with it.

    Example: dropwright suppliers score --refresh

    JSON: {"computed_at", "suppliers": [{"supplier", "score", "because", "purchase_orders", "acknowledged_hours",
    "late_share", "cancelled_share", "error_share", "share"}]}; shares are of 0 to 1.
    """
    now = datetime.now(UTC)
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration
        with database.begin() as tx:
            if refresh:
                refresh_cards(tx, configuration, at=now)
            at = now if refresh else scorecards.computed_at(tx)
            cards = scorecards.read(tx)
    rows = [_row(card) for card in _in_order(cards, configuration)]
    if as_json:
        write_json({"computed_at": at, "suppliers": rows})
        return
    _print(rows)
    windows = f"of {QUALITY_WINDOW.days} days, the part of all of {SHARE_WINDOW.days}"
    say(f"as of {instant(at)}, {windows}" if at else "nothing yet: `--refresh` figures it out now")


def _in_order(cards: dict[str, Scorecard], configuration: Configuration) -> list[Scorecard]:
    names = dict.fromkeys([*configuration.routing.priority, *configuration.suppliers, *sorted(cards)])
    return [cards.get(name, Scorecard(name)) for name in names]


def _row(card: Scorecard) -> dict[str, Any]:
    hours = None if card.acknowledged_hours is None else round(card.acknowledged_hours, 1)
    shares = ("late_share", "cancelled_share", "error_share", "share")
    return {
        "supplier": card.supplier,
        "score": round(card.score, 1),
        "because": explanation(card),
        "purchase_orders": card.purchase_orders,
        "acknowledged_hours": hours,
        **{name: round(getattr(card, name), 4) for name in shares},
    }


def _print(rows: list[dict[str, Any]]) -> None:
    headings = ("supplier", "score", "orders", "acknowledged", "late", "cancelled", "errors", "of all", "because")
    table = [
        (
            row["supplier"],
            f"{row['score']:g}",
            row["purchase_orders"],
            None if row["acknowledged_hours"] is None else f"{row['acknowledged_hours']:g} h",
            *(f"{100 * row[name]:.0f} %" for name in ("late_share", "cancelled_share", "error_share", "share")),
            row["because"],
        )
        for row in rows
    ]
    print_table(headings, table)
