"""Commands for those who write adapters: begin one, test one, see which are there."""

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from pydantic import ValidationError

from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.picks import Desk
from adapters.plugin import Plugin, PluginError, distribution_of, load_plugins
from adapters.ports import SupplierPort
from adapters.secrets import MissingSecretError, environment_secret
from models.configuration import Configuration, Supplier
from models.suppliers import Capabilities, Destination
from starter.adapter_account import Account, Outcome, look_at
from starter.adapter_suites import NO_CHECKS, NoSuiteError, find_suite, run_suite
from starter.console import AsJson, CommandFailedError, print_table, read_settings, say, write_json
from starter.opening import opened_database
from starter.scaffold import BadNameError, naming, write_package

app = typer.Typer(no_args_is_help=True, help="Begin a supplier adapter, test one, see which are installed.")
_OURS = (MissingSecretError, PluginError)  # whose text says what to do
_CANCELS = {True: "yes", False: "no", None: "as configured"}
_WORDS = {True: "ok", False: "FAILED", None: "-"}


class Against(StrEnum):
    """What an adapter is tested against."""

    SIMULATOR = "simulator"
    ACCOUNT = "account"


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Its id, e.g. acme-trade.")],
    *,
    into: Annotated[Path, typer.Option("--into", help="The folder to make it in. Default: this one.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a package for a new supplier: it works at once against a made-up API, with the contract suite wired.

    Example: dropwright adapter new acme-trade --into ../

    JSON: {"adapter", "package", "folder", "files": [...]}
    """
    try:
        named = naming(name)
        owner, _ = distribution_of("suppliers", name)
        if owner:
            raise CommandFailedError(f"there is a supplier adapter {name} already, of {owner}")
        files = write_package(named, into)
    except BadNameError as error:
        raise CommandFailedError(f"{name[:40]!r} can't be an adapter's id: {error}") from None
    except FileExistsError:
        raise CommandFailedError(f"{into / named.project} is there already; nothing was written") from None
    folder = into / named.project
    if as_json:
        write_json(
            {"adapter": name, "package": named.module, "folder": str(folder), "files": [str(one) for one in files]}
        )
        return
    for file in files:
        say(f"  {folder / file}")
    say(
        f'\nnext:\n  pip install -e "{folder}[test]"\n  dropwright adapter test {name}\nthen {folder / "README.md"} goes on.'
    )


@app.command("list")
def list_adapters(*, as_json: AsJson = False) -> None:
    """List the supplier adapters that are installed: from which distribution, and what each can do.

    Example: dropwright adapter list

    JSON: [{"adapter", "label", "distribution", "distribution_version", "api_versions", "documents", "requires",
    "capabilities": {...} | null, "documentation"}]; capabilities are null where they follow from the configuration.
    """
    rows = [_describe(name) for name in load_plugins("suppliers")]
    if as_json:
        write_json(rows)
        return
    headings = ("adapter", "name", "from", "API versions", "after doubt", "cancels", "acknowledges", "speaks")
    print_table(headings, [_row(row) for row in rows])


@app.command("test")
def try_adapter(
    name: Annotated[str, typer.Argument(help="The adapter's id; see `dropwright adapter list`.")],
    *,
    against: Annotated[Against, typer.Option(help="Its simulator, or the account that is configured.")] = (
        Against.SIMULATOR
    ),
    only: Annotated[str, typer.Option("--only", help="Of the simulator's checks: those whose name holds this.")] = "",
    supplier: Annotated[str | None, typer.Option(help="Of the account: which supplier, where several use it.")] = None,
    ean: Annotated[list[str] | None, typer.Option(help="Of the account: an article that it has; repeatable.")] = None,
    country: Annotated[str, typer.Option(help="Of the account: where shipping is quoted to.")] = "ES",
    postcode: Annotated[str, typer.Option(help="Of the account: likewise.")] = "28001",
    place_test_order: Annotated[
        bool, typer.Option("--place-test-order", help="Of the account: place one, where it has such.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run an adapter's contract suite, every fault included, against its simulator; or ask its account what is harmless.

    Exit code 1 where a check failed. Against an account nothing is ordered, except one test order with
    --place-test-order where the adapter declares test orders.

    Example: dropwright adapter test acme-trade --only doubtful

    JSON: {"adapter", "against", "checks", "failed": [...], "outcomes": [{"check", "ok", "said"}]}
    """
    if against is Against.SIMULATOR:
        _test_simulated(name, only, as_json=as_json)
        return
    destination = _destination(country, postcode)
    with ExitStack() as closing:
        port = _configured(name, supplier, closing)
        account = Account(port=port, eans=tuple(ean or ()), destination=destination, place_test_order=place_test_order)
        outcomes = _followed(account)
    failed = [one.check for one in outcomes if one.ok is False]
    if as_json:
        write_json(_report(name, against, len(outcomes), failed, outcomes))
    if failed:
        raise typer.Exit(1)


def _destination(country: str, postcode: str) -> Destination:
    try:
        return Destination(country_code=country.upper(), postal_code=postcode)
    except ValidationError:
        raise typer.BadParameter("two letters, e.g. ES; and a postcode of 20 characters at most") from None


def _test_simulated(name: str, only: str, *, as_json: bool) -> None:
    try:
        result = run_suite(find_suite(name), ["-k", only] if only else [], quiet=as_json)
    except NoSuiteError as error:
        raise CommandFailedError(str(error)) from None
    if result.exit_code == NO_CHECKS:
        raise CommandFailedError(f"no check of {name} has {only!r} in its name" if only else f"{name} has no checks")
    if as_json:
        write_json(_report(name, Against.SIMULATOR, result.checks, list(result.failed), []))
    if result.exit_code:
        raise typer.Exit(1)


def _followed(account: Account) -> list[Outcome]:
    outcomes = []
    for outcome in look_at(account):
        say(f"{_WORDS[outcome.ok]:>6}  {outcome.check}: {outcome.said}")
        outcomes.append(outcome)
    return outcomes


def _report(name: str, against: Against, checks: int, failed: list[str], outcomes: list[Outcome]) -> dict[str, Any]:
    told = [{"check": one.check, "ok": one.ok, "said": one.said} for one in outcomes]
    return {"adapter": name, "against": against, "checks": checks, "failed": failed, "outcomes": told}


def _configured(name: str, supplier: str | None, closing: ExitStack) -> SupplierPort:
    database = closing.enter_context(opened_database(read_settings()))
    configuration = ConfigurationStore(database).current().configuration
    plugin, chosen = load_plugins("suppliers").get(name), _chosen(name, supplier, configuration)
    if plugin is None:
        raise CommandFailedError(f"there is no supplier adapter {name}; `dropwright adapter list` shows what there is")
    if plugin.documents:
        raise CommandFailedError(f"{name} speaks by documents: what it sends is sent; test it against its simulator")
    port = _build(plugin, chosen, configuration.suppliers[chosen], database)
    closing.callback(port.close)
    return port


def _build(plugin: Plugin, supplier: str, settings: Supplier, database: Database) -> SupplierPort:
    besides = plugin.besides(desk=Desk(database), link_for=lambda _number: None)
    try:
        port: SupplierPort = plugin.build(
            settings=settings,
            supplier_id=supplier,
            secrets=environment_secret,
            sink=lambda _call: None,
            **besides,
        )
    except ValueError as error:
        raise CommandFailedError(f"{plugin.id} does not take these settings: {error}") from None
    except _OURS:
        raise
    except Exception as error:  # noqa: BLE001 - a bug of the adapter's, told by its kind: its text may hold a credential
        raise CommandFailedError(
            f"{plugin.id} can't be built: it raises {type(error).__name__}; its `build` takes "
            f"{', '.join(['settings, supplier_id, secrets, sink', *besides])} by keyword, and may raise ValueError"
        ) from None
    return port


def _chosen(name: str, supplier: str | None, configuration: Configuration) -> str:
    using = [key for key, settings in configuration.suppliers.items() if settings.adapter == name]
    if supplier in using:
        return str(supplier)
    if supplier is None and len(using) == 1:
        return using[0]
    known = f"name one of {', '.join(using)} with --supplier" if using else "apply a configuration with one"
    raise CommandFailedError(f"which supplier of adapter {name}? {known}")


def _describe(name: str) -> dict[str, Any]:
    plugin = load_plugins("suppliers")[name]
    distribution, version = distribution_of("suppliers", name)
    capabilities = _capabilities_of(plugin)
    return {
        "adapter": name,
        "label": plugin.label,
        "distribution": distribution,
        "distribution_version": version,
        "api_versions": list(plugin.versions),
        "documents": plugin.documents,
        "requires": list(plugin.requires),
        "capabilities": capabilities.model_dump(mode="json") if capabilities else None,
        "documentation": plugin.documentation,
    }


def _capabilities_of(plugin: Plugin) -> Capabilities | None:
    """Read what its port can do from the class that ``build`` returns; None where that does not tell."""
    try:
        port = get_type_hints(plugin.build).get("return")
    except (NameError, TypeError, AttributeError):  # annotated for a type checker alone, or no function
        return None
    capabilities = getattr(port, "capabilities", None)
    return capabilities if isinstance(capabilities, Capabilities) else None


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    offers = row["capabilities"] or {}
    return (
        row["adapter"],
        row["label"],
        f"{row['distribution']} {row['distribution_version']}",
        ", ".join(row["api_versions"]) or "-",
        str(offers.get("doubt", "as configured")),
        _CANCELS[offers.get("cancel")],
        str(offers.get("acknowledgement", "as configured")),
        "documents" if row["documents"] else "calls",
    )
