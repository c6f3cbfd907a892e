"""Commands on the configuration: check a file, apply it as a new version, show it, change how far anyone is trusted."""

from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.database import registers, views
from adapters.database.configurations import ConfigurationStore
from models.configuration import Configuration
from models.statuses import Mode
from starter.applying import Outcome, bring_in, refuse_to_strand, standing, tell
from starter.commands import proposals
from starter.configuration_files import BadConfigurationError, read_file, to_toml
from starter.console import (
    AsJson,
    CommandFailedError,
    Who,
    acting,
    console,
    print_table,
    read_settings,
    write_json,
)
from starter.opening import opened_database

commands = typer.Typer(no_args_is_help=True, help="The configuration: channels, suppliers, routing, mail, people.")

File = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A TOML file. Default: DROPWRIGHT_CONFIG.")]


@commands.command("check")
def check(file: File = None, *, as_json: AsJson = False) -> None:
    """Validate a file as a whole, without applying it; exit code 1 where it can't be used.

    Example: dropwright config check dropwright.toml

    JSON: {"valid": bool, "problems": [{"path": "suppliers.bts.tracking_plan[2]", "problem", "remedy", "line": int}]};
    line is null where no line is to blame.
    """
    path = file or read_settings().config
    try:
        read_file(path)
    except BadConfigurationError as error:
        if not as_json:
            raise
        write_json({"valid": False, "problems": [one.as_document() for one in error.problems]})
        raise typer.Exit(1) from None
    if as_json:
        write_json({"valid": True, "problems": []})
    else:
        console().print(f"{path}: valid")


@commands.command("apply")
def apply_file(
    file: File = None,
    *,
    by: Who = None,
    first: Annotated[bool, typer.Option("--first", help="Only where nothing was applied before.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also remove what open orders still need.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: what changes is wanted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a file and make it the newest version; running processes follow within a second.

    Applying the same again changes nothing. What it changes is shown, setting by setting. A change of who delivers
    (routing, terms, stock, backorders) is rehearsed on stored orders first, and wants a yes. One that adds, changes or
    removes a high-impact rule waits for a second person: see `config proposals`.

    Example: dropwright config apply dropwright.toml --as ana

    JSON: {"version": int, "changed": bool, "changes": [{"path", "before", "after"}], "rehearsal": ["…"],
    "proposal": {"id", "rules", …}}; the last two only where there is one.
    """
    settings = read_settings()
    configuration = read_file(file or settings.config)
    with opened_database(settings) as database:
        before = standing(database)
        if first and before.version is not None and before.configuration is not None:
            tell(Outcome(before.version, changed=False), as_json=as_json)
            return
        if before.configuration is not None and not force:
            refuse_to_strand(database, before.configuration, configuration)
        ask = before.version is not None and not first
        outcome = bring_in(database, before, configuration, by=acting(by), ask=ask, yes=yes)
    tell(outcome, as_json=as_json)


commands.command("proposals")(proposals.list_proposals)
commands.command("approve")(proposals.approve)
commands.command("reject")(proposals.reject)


@commands.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Show the version in force, as TOML that `config apply` takes back.

    Example: dropwright config show > dropwright.toml

    JSON: {"version": int, "configuration": {…}}
    """
    with opened_database(read_settings()) as database:
        version = ConfigurationStore(database).current()
    if as_json:
        write_json({"version": version.id, "configuration": version.configuration.model_dump(mode="json")})
    else:
        typer.echo(f"# version {version.id}\n{to_toml(version.configuration)}", nl=False)


@commands.command("mode")
def change_mode(
    mode: Annotated[Mode, typer.Argument(help="observe: nothing leaves; approve: a person releases each order; live.")],
    *,
    channel: Annotated[str | None, typer.Option(help="The channel to change.")] = None,
    supplier: Annotated[str | None, typer.Option(help="The supplier to change.")] = None,
    by: Who = None,
    as_json: AsJson = False,
) -> None:
    """Change how far a channel or a supplier is trusted to run by itself; the stricter of both rules an order.

    Example: dropwright config mode --channel main approve

    JSON: as `config apply`
    """
    if (channel is None) == (supplier is None):
        raise typer.BadParameter("name either --channel or --supplier")
    kind, name = ("channels", channel) if channel is not None else ("suppliers", supplier)
    with opened_database(read_settings()) as database:
        ConfigurationStore(database).current()  # says what to do where nothing was applied
        before = standing(database)
        if before.configuration is None:
            raise CommandFailedError("the version in force can't be read: `dropwright config apply FILE` replaces it")
        after = _with_mode(before.configuration, kind, str(name), mode)
        outcome = bring_in(database, before, after, by=acting(by))
    tell(outcome, as_json=as_json)


def _with_mode(configuration: Configuration, kind: str, name: str, mode: Mode) -> Configuration:
    known: dict[str, Any] = dict(getattr(configuration, kind))
    if name not in known:
        raise CommandFailedError(f"there is no {name} among the {kind}: {', '.join(known)}")
    known[name] = known[name].model_copy(update={"mode": mode})
    return configuration.model_copy(update={kind: known})


def channels(*, as_json: AsJson = False) -> None:
    """List the channels: where each is, how far it is trusted, and from when on its orders are ours.

    Example: dropwright channels

    JSON: [{"channel", "storefront", "shop_domain", "mode", "start_watermark", "customer_messages", "open_orders"}]
    """
    with opened_database(read_settings()) as database:
        configured = ConfigurationStore(database).current().configuration.channels
        with database.begin() as tx:
            rows = [
                {
                    "channel": name,
                    **one.model_dump(include={"storefront", "shop_domain", "mode", "start_watermark"}),
                    "customer_messages": one.customer_messages,
                    "open_orders": views.open_in_channel(tx, name),
                }
                for name, one in configured.items()
            ]
    _show_rows(rows, as_json=as_json)


def suppliers(*, as_json: AsJson = False) -> None:
    """List the suppliers in the order of routing: how far each is trusted, its plan, and its open purchase orders.

    Example: dropwright suppliers

    JSON: [{"supplier", "name", "adapter", "mode", "enabled", "priority", "tracking_plan", "open_purchase_orders",
    "incidents": [kind]}]; priority is null for one that routing does not name, incidents are those that last.
    """
    with opened_database(read_settings()) as database:
        configuration = ConfigurationStore(database).current().configuration
        with database.begin() as tx:
            rows = [_supplier_row(tx, configuration, name) for name in _by_priority(configuration)]
    _show_rows(rows, as_json=as_json)


def _by_priority(configuration: Configuration) -> list[str]:
    return list(dict.fromkeys([*configuration.routing.priority, *configuration.suppliers]))


def _supplier_row(tx: Any, configuration: Configuration, name: str) -> dict[str, Any]:
    from workflows.decisions.presentation import plan_text

    one, priority = configuration.suppliers[name], configuration.routing.priority
    return {
        "supplier": name,
        "name": one.display_name,
        "adapter": one.adapter,
        "mode": one.mode,
        "enabled": one.enabled,
        "priority": priority.index(name) + 1 if name in priority else None,
        "tracking_plan": plan_text(one.tracking_plan),
        "open_purchase_orders": views.open_at_supplier(tx, name),
        "incidents": [one.kind for one in registers.open_incidents(tx, name) if one.lasts],
    }


def _show_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        write_json(rows)
    elif rows:
        print_table([key.replace("_", " ") for key in rows[0]], [list(row.values()) for row in rows])
