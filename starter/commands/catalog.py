"""Commands on the catalogue: what is wrong with it, which supplier's article is ours, and drafts of new products."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from activities.dependencies import build_dependencies
from activities.outside import Outside
from adapters.database import catalogue
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from models.articles import normalise_ean
from models.configuration import Configuration
from models.listings import ProductDraft
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
from workflows.decisions.matching import Matchmaker, OurArticle, Proposal, TheirArticle, choose_attribute

app = typer.Typer(no_args_is_help=True, help="The catalogue: ours, and the suppliers'.")
PROPOSED, CREATED, DISMISSED = "proposed", "created", "dismissed"
AT_ONCE = 50  # drafts in one call of the shop's port

SupplierName = Annotated[str, typer.Argument(metavar="SUPPLIER", help="A supplier of the configuration.")]
SupplierSku = Annotated[str, typer.Argument(metavar="SKU", help="The supplier's own number of the article.")]


@app.command("audit")
def audit(
    *,
    code: Annotated[str | None, typer.Option(help="Only this kind of trouble.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look through the whole catalogue: missing, duplicate, contradictory and orphaned entries, with samples.

    Example: dropwright catalog audit --code missing_offer

    JSON: [{"code", "count", "samples": […]}]; exit code 0 whatever is found.
    """
    if code is not None and code not in catalogue.AUDIT_CODES:
        raise CommandFailedError(f"there is no {code}; one of {', '.join(catalogue.AUDIT_CODES)}")
    with opened_database(read_settings()) as database, database.begin() as tx:
        entries = [catalogue.audit(tx, one) for one in ([code] if code else catalogue.AUDIT_CODES)]
    if as_json:
        write_json([vars(entry) for entry in entries])
        return
    rows = [(entry.code.replace("_", " "), entry.count, "; ".join(entry.samples[:3])) for entry in entries]
    print_table(("trouble", "count", "for example"), rows)


@app.command("show")
def show(ean: Annotated[str, typer.Argument(metavar="EAN")], *, as_json: AsJson = False) -> None:
    """Show what every supplier says of one article, and whose word counts for each attribute.

    Example: dropwright catalog show 8437000000013

    JSON: {"ean", "suppliers": […], "chosen": {attribute: {"supplier", "value"}}}
    """
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration
        with database.begin() as tx:
            found = catalogue.described(tx, normalise_ean(ean))
    if not found:
        raise CommandFailedError(f"no supplier is known to have {ean}; `dropwright catalog match` proposes articles")
    chosen = _chosen(found, configuration)
    if as_json:
        document = {name: {"supplier": supplier, "value": value} for name, (supplier, value) in chosen.items()}
        write_json({"ean": normalise_ean(ean), "suppliers": [vars(one) for one in found], "chosen": document})
        return
    rows = [(one.supplier, one.sku, one.quantity, f"{one.unit_cost} {one.currency}", one.title) for one in found]
    print_table(("supplier", "SKU", "quantity", "cost", "title"), rows)
    print_table(("attribute", "from", "value"), [(name, *pair) for name, pair in chosen.items()])


match_app = typer.Typer(invoke_without_command=True, help="Which supplier's article is ours.")
app.add_typer(match_app, name="match")


@match_app.callback(invoke_without_command=True)
def match(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Propose, for each article on sale that no supplier is known to have, the suppliers' articles that may be it.

    Example: dropwright catalog match; then dropwright catalog match accept bts 8437000000013 LINDEN-50

    JSON: [{"sku", "ean", "title", "proposals": [{"supplier", "supplier_sku", "method", "likeness", "title", "ean"}]}]
    """
    if context.invoked_subcommand is not None:
        return
    with opened_database(read_settings()) as database:
        with database.begin() as tx:
            ours, total = catalogue.unmatched(tx), catalogue.count_articles(tx)
        matchmaker = Matchmaker(OurArticle(one.sku, one.ean, one.title) for one in ours)
        _look_through(database, matchmaker, total, quiet=as_json)
    proposals = matchmaker.proposals()
    if as_json:
        write_json([{**vars(one), "proposals": [_shape(p) for p in proposals.get(one.sku, [])]} for one in ours])
        return
    rows = [(one.sku, one.title, *cells) for one in ours for cells in _cells(proposals.get(one.sku, []))]
    print_table(("our SKU", "title", "supplier", "its SKU", "by", "its title"), rows)
    say(f"{len(ours)} articles on sale have no offer; {len(proposals)} of them have a proposal")


@match_app.command("accept")
def accept(
    supplier: SupplierName,
    sku: SupplierSku,
    our_sku: Annotated[str, typer.Argument(metavar="OUR_SKU", help="The SKU in the shops.")],
    *,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Make a supplier's article count as ours. From now on its stock and cost are those of our article.

    Example: dropwright catalog match accept bts 8437000000013 LINDEN-50

    JSON: {"supplier", "supplier_sku", "sku", "ean"}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        code = catalogue.accept_match(
            tx, supplier, sku, our_sku, method="person", by=acting(who), now=datetime.now(UTC)
        )
    if code is None:
        raise CommandFailedError(f"either {supplier} has no article {sku}, or no shop sells {our_sku}")
    _tell(
        {"supplier": supplier, "supplier_sku": sku, "sku": our_sku, "ean": code},
        f"{supplier} {sku} is {our_sku} now; both go by {code}",
        as_json=as_json,
    )


@match_app.command("reject")
def reject(supplier: SupplierName, sku: SupplierSku, *, who: Who = None, as_json: AsJson = False) -> None:
    """Remember that a supplier's article is none of ours: it is not proposed again.

    Example: dropwright catalog match reject bts 8437000000013

    JSON: {"supplier", "supplier_sku", "rejected": true}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        if not catalogue.reject_match(tx, supplier, sku, by=acting(who), now=datetime.now(UTC)):
            raise CommandFailedError(f"{supplier} has no article {sku}")
    shape = {"supplier": supplier, "supplier_sku": sku, "rejected": True}
    _tell(shape, f"{supplier} {sku} will not be proposed again", as_json=as_json)


def _tell(shape: dict[str, object], text: str, *, as_json: bool) -> None:
    if as_json:
        write_json(shape)
    else:
        console().print(text)


drafts_app = typer.Typer(no_args_is_help=True, help="Drafts of new products, from suppliers' articles.")
app.add_typer(drafts_app, name="drafts")
ChannelName = Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel of the configuration.")]


@drafts_app.command("propose")
def propose(
    channel: ChannelName,
    supplier: SupplierName,
    *,
    brand: Annotated[str | None, typer.Option(help="Only this brand.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category, and what lies below it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many at once.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Propose a supplier's articles that the channel does not sell yet and that are in stock.

    Example: dropwright catalog drafts propose main bts --brand Norte --limit 20

    JSON: {"channel", "supplier", "proposed": int}
    """
    with opened_database(read_settings()) as database:
        outside = build_dependencies(database).outside
        outside.channel(channel)
        outside.supplier_settings(supplier)
        with database.begin() as tx:
            count = catalogue.propose_drafts(
                tx, channel, supplier=supplier, brand=brand, category=category, limit=limit, now=datetime.now(UTC)
            )
    _tell(
        {"channel": channel, "supplier": supplier, "proposed": count},
        f"{count} proposed; `dropwright catalog drafts list {channel}` shows them, `create` makes them drafts in the shop",
        as_json=as_json,
    )


@drafts_app.command("list")
def list_drafts(channel: ChannelName, *, as_json: AsJson = False) -> None:
    """List a channel's drafts, the dismissed ones left out.

    Example: dropwright catalog drafts list main

    JSON: [{"ean", "supplier", "supplier_sku", "state", "product_id", "title"}]
    """
    with opened_database(read_settings()) as database:
        build_dependencies(database).outside.channel(channel)
        with database.begin() as tx:
            rows = catalogue.drafts(tx, channel, (PROPOSED, CREATED))
    if as_json:
        write_json(rows)
        return
    columns = ("ean", "supplier", "supplier_sku", "state", "product_id", "title")
    print_table([column.replace("_", " ") for column in columns], [[row[column] for column in columns] for row in rows])


@drafts_app.command("create")
def create(channel: ChannelName, *, who: Who = None, as_json: AsJson = False) -> None:
    """Create every proposed draft in the shop, where nobody sees it yet. Repeating it creates nothing twice.

    Example: dropwright catalog drafts create main

    JSON: {"created": {ean: product id}}
    """
    with opened_database(read_settings()) as database:
        outside = build_dependencies(database).outside
        if not outside.configuration.supply.drafts:
            raise CommandFailedError("drafts are off: set `drafts = true` in [supply], then `dropwright config apply`")
        with database.begin() as tx:
            waiting = [str(row["ean"]) for row in catalogue.drafts(tx, channel, (PROPOSED,))]
        created: dict[str, str] = {}
        for start in range(0, len(waiting), AT_ONCE):
            created |= _create(database, outside, channel, waiting[start : start + AT_ONCE], acting(who))
    if as_json:
        write_json({"created": created})
    else:
        say(f"{len(created)} of {len(waiting)} created as drafts in {channel}")


@drafts_app.command("dismiss")
def dismiss(
    channel: ChannelName,
    ean: Annotated[str, typer.Argument(metavar="EAN", help="As `dropwright catalog drafts list` shows it.")],
    *,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Drop a proposed draft: it is not proposed again.

    Example: dropwright catalog drafts dismiss main 8437000000013

    JSON: {"channel", "ean", "dismissed": true}
    """
    with opened_database(read_settings()) as database, database.begin() as tx:
        if not catalogue.settle_draft(tx, channel, normalise_ean(ean), DISMISSED, product_id=None, by=acting(who)):
            raise CommandFailedError(f"{channel} has no proposed draft of {ean}")
    _tell(
        {"channel": channel, "ean": normalise_ean(ean), "dismissed": True},
        f"{ean} will not be proposed to {channel} again",
        as_json=as_json,
    )


def _create(database: Database, outside: Outside, channel: str, eans: list[str], actor: str) -> dict[str, str]:
    with database.begin() as tx:
        drafts = [draft for ean in eans if (draft := _draft(ean, catalogue.described(tx, ean), outside.configuration))]
    created = outside.storefront(channel).create_drafts(drafts)
    with database.begin() as tx:
        for ean, product_id in created.items():
            catalogue.settle_draft(tx, channel, ean, CREATED, product_id=product_id, by=actor)
    return created


def _draft(ean: str, found: list[catalogue.Described], configuration: Configuration) -> ProductDraft | None:
    chosen = {name: value for name, (_, value) in _chosen(found, configuration).items()}
    if "title" not in chosen:
        return None
    images = next((one.images for one in found if one.images), [])
    return ProductDraft(ean=ean, images=tuple(images), **chosen)


def _chosen(found: list[catalogue.Described], configuration: Configuration) -> dict[str, tuple[str, str]]:
    precedence = configuration.supply.precedence
    everywhere = precedence.get("*", ())
    chosen = {}
    for name in ("title", "brand", "category", "description"):
        values: dict[str, str] = {}
        for one in found:  # of several SKUs of one supplier the first that says anything
            values[one.supplier] = values.get(one.supplier) or str(getattr(one, name))
        if (choice := choose_attribute(values, precedence.get(name, everywhere))) is not None:
            chosen[name] = choice
    return chosen


def _look_through(database: Database, matchmaker: Matchmaker, total: int, *, quiet: bool) -> None:
    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        bar = progress.add_task("Looking through the suppliers' articles", total=total)
        for count, one in enumerate(catalogue.every_article(database)):
            matchmaker.look_at(TheirArticle(one.supplier, one.sku, one.ean, one.title, one.brand))
            if count % 5_000 == 0:
                progress.update(bar, completed=count)


def _shape(proposal: Proposal) -> dict[str, object]:
    return {
        "supplier": proposal.supplier,
        "supplier_sku": proposal.supplier_sku,
        "method": proposal.method,
        "likeness": proposal.likeness,
        "title": proposal.their_title,
        "ean": proposal.their_ean,
    }


def _cells(proposals: list[Proposal]) -> list[tuple[str, str, str, str]]:
    if not proposals:
        return [("", "", "", "")]
    return [(one.supplier, one.supplier_sku, f"{one.method} {one.likeness:.0%}", one.their_title) for one in proposals]
