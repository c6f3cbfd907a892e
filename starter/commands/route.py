"""Commands on who gets an order's lines: why it was planned so, and a person's word on the next plan."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from adapters.database import route_views
from adapters.database.configurations import ConfigurationStore
from adapters.database.planning import Pins
from starter.console import AsJson, CommandFailedError, Who, acting, console, read_settings, write_json
from starter.opening import opened_database
from starter.plan_pages import plan_shape, print_pins, print_plan, print_short, short_shape
from starter.references import the_order

app = typer.Typer(no_args_is_help=True, help="Why an order's lines go where they go, and a word on where they should.")

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="#1001, 1001, channel/id, a workflow id or a purchase order's number.")
]


@app.command("explain")
def explain(
    reference: Reference,
    *,
    plan: Annotated[int | None, typer.Option(min=1, help="Only this plan of the order. Default: all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show each plan of an order: who got each line, what every candidate would have cost by factor, why it lost.

    Example: dropwright route explain '#1001'

    JSON: {"order", "pins": {"urgent", "only_supplier", "excluded"}, "plans": [{"plan", "planned_at", "mode",
    "configuration_id", "cost", "gap", "rules", "shares": {supplier: {"cost", "units", "ship_on", "arrive_on"}},
    "lines": [{"line_id", "ean", "quantity", "rules", "candidates": [{"supplier", "because", "units", "available",
    "cost": {factor: amount}, "total", "detail"}]}], "unroutable", "shortage", "purchase_orders", "rates"}],
    "short": {"planned_at", "lines", …}}; "short" says why nothing could be ordered, null where the last plan stands.
    """
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        with database.begin() as tx:
            plans, pins = route_views.plans_of(tx, order.id), route_views.pins_of(tx, order.id)
            short = route_views.short_of(tx, order.id) if plan is None else None
    chosen = [one for one in plans if plan in (None, one.plan_no)]
    if plan is not None and not chosen:
        raise CommandFailedError(f"{order.name} has no plan {plan}; it has {len(plans)}")
    if as_json:
        word = {"urgent": pins.urgent, "only_supplier": pins.only_supplier, "excluded": sorted(pins.excluded)}
        found = {"plans": [plan_shape(one) for one in chosen], "short": short_shape(short) if short else None}
        write_json({"order": order.reference, "pins": word, **found})
        return
    print_pins(pins)
    if not chosen and short is None:
        console().print(
            f"{order.name} has not been planned yet: `dropwright order show '{reference}'` says what it waits for"
        )
    for one in chosen:
        print_plan(one, order.total.currency)
    if short is not None:
        print_short(short)


@app.command("pin")
def pin(
    reference: Reference,
    *,
    supplier: Annotated[str | None, typer.Option(help="Only this supplier may deliver it.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Not this supplier; may be repeated.")] = None,
    urgent: Annotated[bool, typer.Option("--urgent", help="Delivered soonest, whatever it costs.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Take every pin off first.")] = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Say who may deliver an order. It counts from its next plan on; what was ordered stays ordered.

    Hard constraints still hold: a pinned supplier that has not enough stock does not get the order. An order that waits
    for approval is planned anew by `dropwright order reroute`.

    Example: dropwright route pin '#1001' --exclude bts --urgent

    JSON: {"order", "changed": bool, "pins": {"urgent", "only_supplier", "excluded"}}
    """
    if not (supplier or exclude or urgent or clear):
        raise CommandFailedError("say what to pin: --supplier, --exclude, --urgent or --clear")
    with opened_database(read_settings()) as database:
        order = the_order(database, reference)
        _refuse_unknown(ConfigurationStore(database).current().configuration.routing.priority, supplier, exclude or [])
        with database.begin() as tx:
            before = Pins() if clear else route_views.pins_of(tx, order.id)
            pins = Pins(
                urgent=urgent or before.urgent,
                only_supplier=supplier or before.only_supplier,
                excluded=before.excluded | frozenset(exclude or ()),
            )
            if pins.only_supplier in pins.excluded:
                raise CommandFailedError(
                    f"{pins.only_supplier} can't be the only one and excluded: --clear takes pins off"
                )
            changed = route_views.pin(tx, order.id, pins, by=acting(who), now=datetime.now(UTC))
    if as_json:
        word = {"urgent": pins.urgent, "only_supplier": pins.only_supplier, "excluded": sorted(pins.excluded)}
        write_json({"order": order.reference, "changed": changed, "pins": word})
        return
    print_pins(pins)
    console().print(f"{order.name}: {'kept' if changed else 'nothing changed'}; it counts from the next plan on")


def _refuse_unknown(known: tuple[str, ...], supplier: str | None, excluded: list[str]) -> None:
    strange = sorted({name for name in (supplier, *excluded) if name is not None and name not in known})
    if strange:
        raise CommandFailedError(f"{', '.join(strange)}: routing.priority names {', '.join(known)}")
