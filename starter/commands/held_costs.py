"""Commands on held costs: what they would do to margins and prices, and the decision on them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from adapters.database import holds, pricing, rates
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database, Transaction
from adapters.database.holds import HeldCost
from models.configuration import Configuration
from models.prices import CostEffect, PriceBook, PricedProduct
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    print_table,
    read_settings,
    say,
    write_json,
)
from starter.opening import opened_database
from starter.publications import priced_channels, request_publications
from workflows.decisions.pricing import cost_effect, price_book

Supplier = Annotated[str | None, typer.Option("--supplier", help="Only this supplier's.")]
Skus = Annotated[list[str] | None, typer.Option("--sku", help="Only this SKU of the supplier's; may be repeated.")]
Brand = Annotated[str | None, typer.Option("--brand", help="Only this brand, compared without case.")]
MaxMove = Annotated[
    str | None, typer.Option("--max-move", metavar="SHARE", help="Only costs that moved by at most this: 60% or 0.6.")
]
All = Annotated[bool, typer.Option("--all", help="Whatever is held.")]


@dataclass(frozen=True)
class Choice:
    """Which of the held costs are meant."""

    supplier: str | None
    skus: list[str] | None
    brand: str | None
    max_move: Decimal | None

    @property
    def filters(self) -> dict[str, Any]:
        """What the database takes."""
        return {"skus": self.skus, "brand": self.brand, "max_move": self.max_move}

    def suppliers(self, tx: Transaction) -> list[str]:
        """List the suppliers that have anything held, of those that are meant."""
        return [name for name in holds.count(tx) if self.supplier in (None, name)]


def list_held(
    *,
    supplier: Supplier = None,
    sku: Skus = None,
    brand: Brand = None,
    max_move: MaxMove = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many per supplier.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the costs that are held, those with the most money in stock first, and what each would do to the prices.

    Prices are those that this supplier's offer alone would lead to, by each channel's rules.

    Example: dropwright prices held --supplier bts

    JSON: a list of {"id", "supplier", "sku", "ean", "title", "brand", "old_cost", "old_currency", "new_cost",
    "currency", "move", "held_at", "effects": [{"channel", "currency", "price_before", "price_after", "margin_before",
    "margin_after", "margin_if_kept"}]}; "margin_if_kept" is the margin at the new cost if the price stays.
    """
    choice = Choice(supplier, sku, brand, _share(max_move))
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration
        with database.begin() as tx:
            found = [
                one for name in choice.suppliers(tx) for one in holds.held(tx, name, **choice.filters, limit=limit)
            ]
        effects = _effects(database, configuration, found)
    rows = [_shape(one, effects[one.id]) for one in found]
    if as_json:
        write_json(rows)
        return
    print_table(
        (
            "supplier",
            "SKU",
            "article",
            "cost",
            "new cost",
            "move",
            "channel",
            "price",
            "new price",
            "margin",
            "if kept",
        ),
        [cells for row in rows for cells in _cells(row)],
    )


def approve_costs(
    *,
    supplier: Supplier = None,
    sku: Skus = None,
    brand: Brand = None,
    max_move: MaxMove = None,
    everything: All = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Let held costs count: they become the offers' costs, and the prices follow.

    A cost that was written by somebody else since is left alone, and no longer held. The supplier's task closes once
    nothing is held any more.

    Examples: dropwright prices approve --supplier bts --max-move 60%; dropwright prices approve --supplier bts --sku A-17

    JSON: {"approved": int, "left": int, "publication": [channels whose publisher was asked]}
    """
    choice, actor = _choice(supplier, sku, brand, max_move, everything=everything), acting(who)
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration
        with database.begin() as tx:
            now = datetime.now(UTC)
            approved = sum(
                holds.approve(tx, name, by=actor, now=now, **choice.filters) for name in choice.suppliers(tx)
            )
            left = sum(holds.count(tx).values())
    channels = priced_channels(configuration) if approved else []
    asked = asyncio.run(request_publications(channels, actor=actor))
    if channels != asked:
        say("Temporal does not answer: the channels' schedules publish the new prices")
    if as_json:
        write_json({"approved": approved, "left": left, "publication": asked})
    else:
        console().print(f"{approved} costs count now, {left} are still held")


def reject_costs(
    *,
    supplier: Supplier = None,
    sku: Skus = None,
    brand: Brand = None,
    max_move: MaxMove = None,
    everything: All = False,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Keep the old costs until the supplier sends others; the rejected ones are not asked about again.

    Example: dropwright prices reject --supplier bts --brand Acme

    JSON: {"rejected": int, "left": int}
    """
    choice, actor = _choice(supplier, sku, brand, max_move, everything=everything), acting(who)
    with opened_database(read_settings()) as database, database.begin() as tx:
        now = datetime.now(UTC)
        rejected = sum(holds.reject(tx, name, by=actor, now=now, **choice.filters) for name in choice.suppliers(tx))
        left = sum(holds.count(tx).values())
    if as_json:
        write_json({"rejected": rejected, "left": left})
    else:
        console().print(f"{rejected} costs rejected, {left} are still held")


def percent(share: Decimal | None, *, signed: bool = False) -> str:
    """Write a share as people read it."""
    return "" if share is None else f"{share:+.1%}" if signed else f"{share:.1%}"


def _choice(
    supplier: str | None, skus: list[str] | None, brand: str | None, max_move: str | None, *, everything: bool
) -> Choice:
    choice = Choice(supplier, skus, brand, _share(max_move))
    if choice == Choice(None, None, None, None) and not everything:
        raise CommandFailedError("say which: --supplier, --sku, --brand, --max-move or --all")
    return choice


def _share(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        share = Decimal(text.strip().rstrip("%")) / (100 if text.strip().endswith("%") else 1)
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or share < 0:
        raise CommandFailedError(f"--max-move: {text} is no share; write 60% or 0.6")
    return share


def _effects(
    database: Database, configuration: Configuration, found: list[HeldCost]
) -> dict[int, list[tuple[str, PriceBook, CostEffect]]]:
    """Work out what each would do in every channel that has prices."""
    now, effects = datetime.now(UTC), {one.id: list[tuple[str, PriceBook, CostEffect]]() for one in found}
    eans = sorted({one.ean for one in found})
    for name, channel in configuration.channels.items():
        if channel.publishing.pricing is None:
            continue
        with database.begin() as tx:
            book = price_book(channel.publishing.pricing, rates=rates.newest(tx), at=now)
            ours = pricing.our_skus(tx, name, eans)
        for one in found:
            effects[one.id].append((name, book, cost_effect(_product(one, ours), one.new, book)))
    return effects


def _product(one: HeldCost, ours: Mapping[str, str]) -> PricedProduct:
    return PricedProduct(
        sku=ours.get(one.ean, ""),
        ean=one.ean,
        brand=one.brand,
        category=one.category,
        cost=one.old,
        supplier=one.supplier,
        recommended=one.recommended,
        map_price=one.map_price,
    )


def _shape(one: HeldCost, effects: list[tuple[str, PriceBook, CostEffect]]) -> dict[str, Any]:
    return {
        "id": one.id,
        "supplier": one.supplier,
        "sku": one.sku,
        "ean": one.ean,
        "title": one.title,
        "brand": one.brand,
        "old_cost": one.old.amount,
        "old_currency": one.old.currency,
        "new_cost": one.new.amount,
        "currency": one.new.currency,
        "move": _short(one.move),
        "held_at": one.held_at,
        "effects": [
            {
                "channel": channel,
                "currency": book.currency,
                "price_before": effect.before.price,
                "price_after": effect.after.price,
                "margin_before": _short(effect.before.margin),
                "margin_after": _short(effect.after.margin),
                "margin_if_kept": _short(effect.margin_if_kept),
            }
            for channel, book, effect in effects
        ],
    }


def _cells(row: dict[str, Any]) -> list[list[object]]:
    """Write a held cost as one line of the table for each channel that it concerns."""
    facts = [
        row["supplier"],
        row["sku"],
        row["title"][:40],
        f"{row['old_cost']:.2f} {row['old_currency']}",
        f"{row['new_cost']:.2f} {row['currency']}",
        percent(row["move"], signed=True),
    ]
    return [[*facts, *_effect_cells(one)] for one in row["effects"]] or [facts + [""] * 5]


def _effect_cells(effect: dict[str, Any]) -> list[object]:
    margins = (percent(effect["margin_after"]), percent(effect["margin_if_kept"]))
    return [effect["channel"], effect["price_before"], effect["price_after"], *margins]


def _short(share: Decimal | None) -> Decimal | None:
    return None if share is None else round(share, 4)
