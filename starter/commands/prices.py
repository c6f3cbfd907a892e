"""Commands on prices: what rules make of the catalogue before they are applied, and why a price is what it is."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.database import pricing as shelves
from adapters.database import rates
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.articles import normalise_ean
from models.configuration import Configuration
from models.prices import PriceBook, PriceDecision, PriceReason
from models.pricing import Pricing
from models.selling import PoolOffer
from starter.commands import held_costs
from starter.configuration_files import read_file
from starter.console import AsJson, CommandFailedError, console, print_table, read_settings, say, write_json
from starter.opening import opened_database
from starter.price_preview import Shelf, Tally, deciding_offer, open_shelf, preview, priced_product
from workflows.decisions.pricing import price_book, price_with

app = typer.Typer(no_args_is_help=True, help="Prices: try rules on the whole catalogue, decide on held costs.")
app.command("held")(held_costs.list_held)
app.command("approve")(held_costs.approve_costs)
app.command("reject")(held_costs.reject_costs)

ChannelName = Annotated[str | None, typer.Option("--channel", help="Default: every channel that has prices.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A configuration that is not applied yet.")
]

EXPLANATIONS = {
    PriceReason.COST: "the cost, untaxed, in the channel's currency",
    PriceReason.RULE: "the rule's markup and addition, with tax where prices include it",
    PriceReason.RECOMMENDED: "the supplier's recommended price, as the rule wants it",
    PriceReason.CAPPED: "brought down to max_recommended × the recommended price",
    PriceReason.PROMOTION: "the promotion's discount",
    PriceReason.MINIMUM_MARGIN: "raised to the minimum margin",
    PriceReason.MINIMUM_ADVERTISED: "raised to the supplier's minimum advertised price",
    PriceReason.ROUNDED: "rounded to an ending",
    PriceReason.ROUNDED_OVER: "rounded the other way, to keep the margin, the advertised minimum or the cap",
    PriceReason.NO_COST: "no supplier's offer has a cost",
    PriceReason.NO_RULE: "no rule fits",
    PriceReason.NO_RATE: "no exchange rate is known for its currency",
    PriceReason.RATE_TOO_OLD: "the exchange rate is older than max_rate_age_days",
    PriceReason.TOO_LARGE: "more than a price can hold",
}


@app.command("preview")
def preview_prices(
    *,
    config: ConfigFile = None,
    channel: ChannelName = None,
    rule: Annotated[str | None, typer.Option(help="Only what this rule decides, before or after.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=10_000, help="How many of the largest moves to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Price the whole catalogue by a file's rules and by those in force, and show what would change. Writes nothing.

    Without --config the rules in force are compared with what the shop was last told to show. Margins are those of one
    piece of each article that has a price on both sides, at today's costs.

    Example: dropwright prices preview --config dropwright.toml --channel main --limit 50

    JSON: a list of {"channel", "currency", "catalogue": "listings" | "offers", "articles", "up", "down", "unchanged",
    "new", "without_price": {reason: count}, "rules": {rule: count}, "margin_before", "margin_after", "seconds",
    "moves": [{"sku", "ean", "title", "supplier", "before", "after", "share", "rule", "margin"}]}; shares and margins
    are of 1; "margin_…" is null where nothing has a price on both sides.
    """
    now = datetime.now(UTC)
    with opened_database(read_settings()) as database:
        stored = ConfigurationStore(database).current().configuration
        wanted = stored if config is None else read_file(config)
        _require_rule(wanted, stored, rule)
        shapes = []
        for name in _channels(wanted, channel):
            before = None if config is None else _book(database, stored, name, now)
            after = _book(database, wanted, name, now)
            if after is None:
                raise CommandFailedError(
                    f"channels.{name}.publishing.pricing is not configured: its prices are not ours"
                )
            before = _comparable(name, before, after)
            shelf = open_shelf(database, wanted, name, now)
            shapes.append(_preview_one(shelf, before, after, rule, limit, quiet=as_json))
    if as_json:
        write_json(shapes)
        return
    for shape in shapes:
        _print_preview(shape)


def _preview_one(
    shelf: Shelf, before: PriceBook | None, after: PriceBook, rule: str | None, limit: int, *, quiet: bool
) -> dict[str, Any]:
    started = time.monotonic()
    with _progress(quiet=quiet) as progress:
        bar = progress.add_task(f"Pricing {shelf.channel}", total=shelf.total)
        tally = preview(
            shelf, before, after, rule=rule, most_moves=limit, advance=lambda count: progress.advance(bar, count)
        )
    return _shape(shelf, after, tally) | {"seconds": round(time.monotonic() - started, 1)}


def _progress(*, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)


def _shape(shelf: Shelf, book: PriceBook, tally: Tally) -> dict[str, Any]:
    return {
        "channel": shelf.channel,
        "currency": book.currency,
        "catalogue": "listings" if shelf.listed else "offers",
        "articles": tally.articles,
        "up": tally.up,
        "down": tally.down,
        "unchanged": tally.unchanged,
        "new": tally.new,
        "without_price": dict(tally.without.most_common()),
        "rules": dict(tally.rules.most_common()),
        "margin_before": _short(tally.margin_before),
        "margin_after": _short(tally.margin_after),
        "moves": [asdict(move) | {"share": _short(move.share), "margin": _short(move.margin)} for move in tally.moves],
    }


def _print_preview(shape: dict[str, Any]) -> None:
    out = console()
    out.print(f"{shape['channel']}: {shape['articles']} articles in {shape['seconds']} s")
    if shape["catalogue"] == "offers":
        out.print("Nothing is known yet of what this shop has on sale: these are all articles that suppliers offer.")
    out.print(f"up {shape['up']}, down {shape['down']}, unchanged {shape['unchanged']}, first price {shape['new']}")
    for reason, count in shape["without_price"].items():
        out.print(f"no price for {count}: {reason.replace('_', ' ')}")
    out.print(f"margin {held_costs.percent(shape['margin_before'])} → {held_costs.percent(shape['margin_after'])}")
    if shape["rules"]:
        print_table(("rule", "articles"), list(shape["rules"].items()))
    if shape["moves"]:
        headings = ("SKU", "EAN", "article", "supplier", "before", "after", "move", "rule", "margin")
        print_table(headings, [_move_cells(move) for move in shape["moves"]])


def _move_cells(move: dict[str, Any]) -> tuple[object, ...]:
    facts = (move["sku"], move["ean"], move["title"][:40], move["supplier"], move["before"], move["after"])
    share = held_costs.percent(move["share"], signed=True)
    return (*facts, share, move["rule"], held_costs.percent(move["margin"]))


@app.command("explain")
def explain_price(
    sku: Annotated[str, typer.Argument(metavar="SKU", help="Our SKU, the variant, the EAN or a supplier's SKU.")],
    *,
    channel: ChannelName = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how a price comes about, step by step, and whose offer decides it.

    Example: dropwright prices explain CREAM-50 --channel main

    JSON: a list of {"channel", "sku", "ean", "title", "shown", "currency", "supplier", "supplier_sku", "price",
    "margin", "steps": [{"reason", "amount", "name", "text"}], "offers": [{"supplier", "sku", "quantity", "cost",
    "currency", "usable"}]}; "price" is null where what the shop shows is left as it is, and the last step says why.
    """
    now = datetime.now(UTC)
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration if config is None else read_file(config)
        found = []
        for name in _channels(configuration, channel):
            found += _explain(database, configuration, name, sku.strip(), now)
    if not found:
        raise CommandFailedError(f"no channel sells {sku}, and no supplier offers it")
    if as_json:
        write_json(found)
        return
    for shape in found:
        _print_explanation(shape)


def _explain(
    database: Database, configuration: Configuration, channel: str, name: str, now: datetime
) -> list[dict[str, Any]]:
    book = _book(database, configuration, channel, now)
    if book is None:
        raise CommandFailedError(f"channels.{channel}.publishing.pricing is not configured: its prices are not ours")
    shelf = open_shelf(database, configuration, channel, now)
    with database.begin() as tx:
        articles = shelves.find(tx, channel, name, normalise_ean(name))
        pools = shelf.pools(tx, articles)
    shapes = []
    for article in articles:
        offers = pools.get(article.ean, [])
        offer = deciding_offer(offers, shelf.rules, book)
        decision = price_with(priced_product(article, offer), book)
        shapes.append(
            {
                "channel": channel,
                "sku": article.sku,
                "ean": article.ean,
                "title": article.title,
                "shown": article.shown,
                "currency": book.currency,
                "supplier": offer.supplier if offer else None,
                "supplier_sku": offer.sku if offer else None,
                "price": decision.price,
                "margin": _short(decision.margin),
                "steps": _steps(decision),
                "offers": [_offer_shape(one) for one in offers],
            }
        )
    return shapes


def _steps(decision: PriceDecision) -> list[dict[str, Any]]:
    return [
        {"reason": reason, "amount": amount, "name": name, "text": EXPLANATIONS[reason]}
        for reason, amount, name in decision.steps
    ]


def _offer_shape(offer: PoolOffer) -> dict[str, Any]:
    return {
        "supplier": offer.supplier,
        "sku": offer.sku,
        "quantity": offer.deliverable,
        "cost": offer.unit_cost,
        "currency": offer.currency,
        "usable": offer.usable,
    }


def _print_explanation(shape: dict[str, Any]) -> None:
    out = console()
    price = f"{shape['price']} {shape['currency']}" if shape["price"] is not None else "left as it is"
    out.print(
        f"{shape['channel']} {shape['sku']} ({shape['ean']}): {price}, margin {held_costs.percent(shape['margin'])}"
    )
    out.print(f"shown in the shop: {shape['shown'] if shape['shown'] is not None else 'not known'}")
    steps = [(step["reason"], step["amount"], step["name"], step["text"]) for step in shape["steps"]]
    print_table(("step", "amount", "name", "why"), steps)
    if shape["offers"]:
        decides = (shape["supplier"], shape["supplier_sku"])
        rows = [(*one.values(), (one["supplier"], one["sku"]) == decides) for one in shape["offers"]]
        print_table(("supplier", "SKU", "quantity", "cost", "currency", "usable", "decides"), rows)


def _channels(configuration: Configuration, channel: str | None) -> list[str]:
    if channel is not None:
        if channel not in configuration.channels:
            raise CommandFailedError(f"there is no channel {channel}: {', '.join(configuration.channels)}")
        return [channel]
    priced = [name for name, one in configuration.channels.items() if one.publishing.pricing is not None]
    if not priced:
        raise CommandFailedError("no channel has prices: add [channels.NAME.publishing.pricing] to the configuration")
    return priced


def _pricing(configuration: Configuration, channel: str) -> Pricing | None:
    known = configuration.channels.get(channel)
    return known.publishing.pricing if known is not None else None


def _book(database: Database, configuration: Configuration, channel: str, now: datetime) -> PriceBook | None:
    pricing = _pricing(configuration, channel)
    if pricing is None:
        return None
    with database.begin() as tx:
        known = rates.newest(tx)
    return price_book(pricing, rates=known, at=now)


def _comparable(channel: str, before: PriceBook | None, after: PriceBook) -> PriceBook | None:
    if before is not None and before.currency != after.currency:
        say(
            f"{channel}: {before.currency} becomes {after.currency}; the new prices are compared with what the shop shows"
        )
        return None
    return before


def _require_rule(wanted: Configuration, stored: Configuration, rule: str | None) -> None:
    pricings = [one.publishing.pricing for each in (wanted, stored) for one in each.channels.values()]
    names = {one.name for pricing in pricings if pricing is not None for one in pricing.rules}
    if rule is not None and rule not in names:
        raise CommandFailedError(f"there is no price rule {rule}: {', '.join(sorted(names)) or 'none is configured'}")


def _short(share: Decimal | None) -> Decimal | None:
    return None if share is None else round(share, 4)
