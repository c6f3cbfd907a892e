"""What must be right before a process starts: whatever would fail silently later is a finding here, with its remedy.

Quick and read-only, so that the worker asks it at every start; the doctor asks it first and then looks further.
"""

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from adapters.database import migrate
from adapters.database.configurations import ConfigurationStore, NoConfigurationError
from adapters.database.engine import Database
from adapters.plugin import PLUGIN_GROUPS, PluginError, load_plugin, load_plugins
from adapters.secrets import secret_if_set
from models.configuration import Configuration, Supplier
from models.findings import Finding, Severity
from starter.settings import DATABASE_AWAY, NO_DATABASE_URL, SET_DATABASE_URL, START_DATABASE, Settings

_PEM = "-----BEGIN"  # a private key: of several lines


def database_findings(settings: Settings) -> list[Finding]:
    """Check that the database answers and has every table this version expects."""
    if not settings.database_url:
        return [_error("database", "address", NO_DATABASE_URL, SET_DATABASE_URL)]
    try:
        pending = migrate.pending(settings.database_url)
    except SQLAlchemyError as error:
        return [_error("database", "connection", f"{DATABASE_AWAY} ({type(error).__name__})", START_DATABASE)]
    except Exception as error:  # noqa: BLE001 - alembic's own, for a database newer than this code
        remedy = "use the version of Dropwright that this database was migrated by, or a newer one"
        return [_error("database", "migrations", f"not ours to judge ({type(error).__name__})", remedy)]
    if pending:
        message = f"{len(pending)} missing: {', '.join(pending)}"
        return [_error("database", "migrations", message, "run `dropwright database migrate`")]
    return [_ok("database", "migrations", "reachable, all applied")]


def read_configuration(database: Database) -> tuple[Configuration | None, list[Finding]]:
    """Read the newest configuration; None, with the finding, where there is none that can be used."""
    try:
        version = ConfigurationStore(database).current()
    except NoConfigurationError:
        remedy = "write one (dropwright.example.toml shows how), then run `dropwright config apply FILE`"
        return None, [_error("configuration", "version", "none has been applied", remedy)]
    except ValueError:
        remedy = "run `dropwright config apply FILE` with a file that `dropwright config check` accepts"
        return None, [_error("configuration", "version", "the stored one does not fit this version", remedy)]
    return version.configuration, [_ok("configuration", "version", f"version {version.id}")]


def plugin_findings(configuration: Configuration | None) -> list[Finding]:
    """Check that every plugin loads, and that those the configuration names exist and take its options."""
    findings: list[Finding] = []
    loaded: dict[str, Mapping[str, object]] = {}
    for group in PLUGIN_GROUPS:
        try:
            loaded[group] = load_plugins(group)
            findings.append(_ok("plugins", group, ", ".join(loaded[group]) or "none"))
        except PluginError as error:
            findings.append(_error("plugins", group, str(error), "repair or uninstall that distribution"))
    if configuration is not None:
        findings += _unknown_plugins(configuration, loaded)
    return findings


def _unknown_plugins(configuration: Configuration, loaded: Mapping[str, Mapping[str, object]]) -> Iterable[Finding]:
    wanted = [(f"supplier {key}", "suppliers", one.adapter) for key, one in configuration.suppliers.items()]
    wanted += [(f"channel {key}", "storefronts", one.storefront) for key, one in configuration.channels.items()]
    for area, group, plugin in wanted:
        if group in loaded and plugin not in loaded[group]:
            known = ", ".join(loaded[group]) or "none"
            remedy = f"install the distribution that brings it, or name one of: {known}"
            yield _error(area, "plugin", f"there is no {group} plugin {plugin}", remedy)


def secret_findings(configuration: Configuration, *, webhooks: bool = False) -> list[Finding]:
    """Check that every credential the configuration names is in the environment; ``webhooks`` adds those of the API."""
    named = _named_secrets(configuration, webhooks=webhooks)
    findings = [found for area, variable, needed in named if (found := _secret_finding(area, variable, needed=needed))]
    return findings or [_ok("secrets", "environment", "all set")]


def _secret_finding(area: str, variable: str, *, needed: bool) -> Finding | None:
    value = secret_if_set(variable)
    if not value:
        return missing_secret(area, variable, needed=needed)
    if value.splitlines() == [value] or _PEM in value:
        return None
    severity = Severity.ERROR if needed else Severity.WARNING
    remedy = "write it in one line: no call could carry it"
    message = "holds a line break"
    return Finding(area=area, severity=severity, subject=variable, message=message, remedy=remedy)


def _named_secrets(configuration: Configuration, *, webhooks: bool) -> Iterable[tuple[str, str, bool]]:
    for name, channel in configuration.channels.items():
        yield f"channel {name}", channel.token_env, True
        if webhooks:
            yield f"channel {name}", channel.webhook_secret_env, True
            if channel.previous_webhook_secret_env:
                yield f"channel {name}", channel.previous_webhook_secret_env, False
    for name, supplier in configuration.suppliers.items():
        if supplier.token_env:
            yield f"supplier {name}", supplier.token_env, supplier.enabled
        for variable in dict.fromkeys(_named_in(_profile_of(supplier))):
            yield f"supplier {name}", variable, supplier.enabled
        if supplier.webhook_secret_env:  # never needed: what it says is asked for as well
            yield f"supplier {name}", supplier.webhook_secret_env, False
        for feed_name, feed in supplier.feeds.items():  # never needed: a feed that stands still must not stop orders
            named = (feed.password_env, feed.private_key_env, feed.push_secret_env if webhooks else None)
            used = [one for one in named if one and supplier.enabled and feed.enabled]
            yield from ((f"feed {name}/{feed_name}", variable, False) for variable in used)
    if configuration.mail.password_env:
        yield "mail", configuration.mail.password_env, True
    yield from _link_secrets(configuration)


def _profile_of(supplier: Supplier) -> BaseModel | None:
    """Read what its adapter is told of it; None where the adapter describes none, or it does not fit: found elsewhere."""
    try:
        plugin = load_plugin("suppliers", supplier.adapter)
        return plugin.profile.model_validate(supplier.profile) if plugin and plugin.profile else None
    except (PluginError, ValidationError):
        return None


def _named_in(part: object) -> Iterable[str]:
    """Name the variables that settings of an adapter's own name: its fields ``..._env``, in whatever table."""
    if isinstance(part, BaseModel):
        for name in type(part).model_fields:
            value = getattr(part, name)
            yield from (value,) if name.endswith("_env") and isinstance(value, str) else _named_in(value)
    elif isinstance(part, Mapping):
        yield from (name for value in part.values() for name in _named_in(value))
    elif isinstance(part, list | tuple):
        yield from (name for value in part for name in _named_in(value))


def _link_secrets(configuration: Configuration) -> Iterable[tuple[str, str, bool]]:
    """Name what signs links. Never needed: without it people are asked, and mails to suppliers hold no link."""
    for area, settings in (("customers", configuration.customers), ("portal", configuration.portal)):
        if settings is not None:
            yield area, settings.link_secret_env, False
            if settings.previous_link_secret_env:
                yield area, settings.previous_link_secret_env, False


def missing_secret(area: str, variable: str, *, needed: bool = True) -> Finding:
    """Say that a credential is not there; one that is needed stops every process."""
    severity = Severity.ERROR if needed else Severity.WARNING
    remedy = f"put it into the environment of every process: {variable}=…"
    return Finding(area=area, severity=severity, subject=variable, message="is not set", remedy=remedy)


def quick_findings(
    settings: Settings, database: Database, *, webhooks: bool = False
) -> tuple[Configuration | None, list[Finding]]:
    """Check database, configuration, plugins and secrets, as far as each can be asked."""
    findings = database_findings(settings)
    if errors(findings):
        return None, findings + plugin_findings(None)
    configuration, read = read_configuration(database)
    findings += read + plugin_findings(configuration)
    if configuration is not None:
        findings += secret_findings(configuration, webhooks=webhooks)
    return configuration, findings


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Keep what must be mended before anything may start."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _ok(area: str, subject: str, message: str) -> Finding:
    return Finding(area=area, severity=Severity.OK, subject=subject, message=message)


def _error(area: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(area=area, severity=Severity.ERROR, subject=subject, message=message, remedy=remedy)


Check = Callable[[], list[Finding]]
