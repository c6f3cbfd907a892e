"""The doctor: looks at everything that would fail silently, says what is wrong and what to do, and mends what it may.

What can't be looked at is a finding too: one system that is away never hides what is wrong with another.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from temporalio.service import RPCError

from activities.dependencies import build_dependencies
from activities.outside import Outside
from adapters.database import registers
from adapters.database.configurations import NotConfiguredError
from adapters.database.engine import Database
from adapters.errors import AdapterError
from adapters.plugin import PluginError
from adapters.ports import StorefrontPort, SupplierPort
from adapters.secrets import MissingSecretError
from models.configuration import Configuration
from models.feeds import Feed
from models.findings import Finding, Severity
from models.statuses import MailState
from starter import readiness
from starter.doctor_catalogue import Progress, catalogue_findings
from starter.doctor_feeds import feed_finding, file_feeds
from starter.doctor_temporal import temporal_findings
from starter.opening import TemporalAwayError, connect_temporal
from starter.settings import Settings

Port = TypeVar("Port")


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How to examine: mend what can be mended, compare the whole catalogue, and where to say how far it is."""

    fix: bool = False
    catalogue: bool = True
    progress: Progress = lambda _message: None


async def examine(settings: Settings, database: Database, manner: Manner) -> list[Finding]:
    """Look at everything, from the inside out."""
    manner.progress("database, configuration, plugins, secrets")
    configuration, findings = await asyncio.to_thread(readiness.quick_findings, settings, database, webhooks=True)
    manner.progress("Temporal")
    findings += await _temporal(configuration, fix=manner.fix)
    if configuration is not None:
        findings += _without(findings, await asyncio.to_thread(_examine_outside, database, configuration, manner))
        findings += await asyncio.to_thread(_examine_records, database)
    return findings


def _without(before: Iterable[Finding], findings: Iterable[Finding]) -> list[Finding]:
    """Leave out what was said before, such as a credential that is not set."""
    said = {(one.area, one.subject, one.message) for one in before}
    return [one for one in findings if (one.area, one.subject, one.message) not in said]


async def _temporal(configuration: Configuration | None, *, fix: bool) -> list[Finding]:
    try:
        return await temporal_findings(await connect_temporal(), configuration, fix=fix)
    except TemporalAwayError as error:
        message, _, remedy = str(error).rpartition(": ")
        return [_error("temporal", "connection", message, remedy)]
    except RPCError as error:
        remedy = "check the server, our permissions there, and TEMPORAL_NAMESPACE"
        return [_error("temporal", "connection", f"a question was refused ({error.status.name})", remedy)]


def _examine_outside(database: Database, configuration: Configuration, manner: Manner) -> list[Finding]:
    try:
        outside = build_dependencies(database).outside
    except PluginError:  # found before
        return []
    with ExitStack() as ports:
        return _examine_ports(database, configuration, outside, manner, ports)


def _examine_ports(
    database: Database, configuration: Configuration, outside: Outside, manner: Manner, ports: ExitStack
) -> list[Finding]:
    findings = list(_alike_namespaces(configuration))
    suppliers: dict[str, SupplierPort] = {}
    for name, settings in configuration.suppliers.items():
        manner.progress(f"supplier {name}")
        port, found = _built(f"supplier {name}", outside.supplier, name)
        if port is not None:
            ports.callback(port.close)
        found += _checked(f"supplier {name}", port, _check_supplier)
        findings += found
        if port is not None and settings.enabled and not readiness.errors(found):
            suppliers[name] = port
    for name in configuration.channels:
        manner.progress(f"channel {name}")
        shop, found = _built(f"channel {name}", outside.storefront, name)
        findings += found
        if shop is not None:
            ports.callback(shop.close)
            findings += _examine_channel(database, outside.configuration, name, shop, suppliers, manner)
    for supplier, name, feed in file_feeds(configuration):
        manner.progress(f"feed {supplier}/{name}")
        findings += filter(None, [_feed(outside, supplier, name, feed)])
    manner.progress("mail")
    mailer, found = _built("mail", lambda _: outside.mailer(), "")
    return findings + found + _checked("mail", mailer, lambda port: port.check())


def _built(area: str, build: Callable[[str], Port], name: str) -> tuple[Port | None, list[Finding]]:
    """Build a port; None, with the finding, where it can't be."""
    try:
        return build(name), []
    except MissingSecretError as error:
        return None, [readiness.missing_secret(area, error.variable)]
    except (ValueError, NotConfiguredError) as error:
        return None, [_error(area, "settings", str(error.args[0]), "correct it, then run `dropwright config apply`")]
    except PluginError:  # found before
        return None, []
    except Exception as error:  # noqa: BLE001 - a plugin's bug must not hide the findings about everything else
        return None, [_failed(area, "settings", error)]


def _checked(area: str, port: Port | None, check: Callable[[Port], list[Finding]]) -> list[Finding]:
    if port is None:
        return []
    try:
        return check(port)
    except AdapterError as error:
        return [_error(area, "check", str(error), "see the adapter's documentation, then run doctor again")]
    except MissingSecretError as error:
        return [readiness.missing_secret(area, error.variable)]
    except Exception as error:  # noqa: BLE001 - a plugin's bug must not hide the findings about everything else
        return [_failed(area, "check", error)]


def _feed(outside: Outside, supplier: str, name: str, feed: Feed) -> Finding | None:
    try:
        return feed_finding(outside, supplier, name, feed)
    except Exception as error:  # noqa: BLE001 - one feed's odd server must not hide the findings about everything else
        remedy = "fetch one of its files by hand and try it with `dropwright feed check`"
        return _error(f"feed {supplier}/{name}", "check", f"it failed ({type(error).__name__})", remedy)


def _check_supplier(port: SupplierPort) -> list[Finding]:
    # No sample: the whole catalogue is compared below.
    return [finding for finding in port.check(()) if finding.subject != "articles"]


def _alike_namespaces(configuration: Configuration) -> Iterable[Finding]:
    """Metafield namespaces that differ only in case are two to Shopify, and one to whoever reads them."""
    by_folded: dict[str, set[str]] = defaultdict(set)
    for supplier in configuration.suppliers.values():
        by_folded[supplier.metafield_namespace.casefold()].add(supplier.metafield_namespace)
    for spellings in by_folded.values():
        if len(spellings) > 1:
            message = f"{' and '.join(sorted(spellings))} differ only in upper and lower case"
            yield _error("configuration", "metafield_namespace", message, "give all of them one spelling")


def _examine_channel(
    database: Database,
    configuration: Configuration,
    name: str,
    port: StorefrontPort,
    suppliers: Mapping[str, SupplierPort],
    manner: Manner,
) -> list[Finding]:
    namespaces = sorted({one.metafield_namespace for one in configuration.suppliers.values()})
    findings: list[Finding] = []
    if manner.fix:
        findings += _checked(f"channel {name}", port, lambda shop: shop.fix(namespaces))
    findings += _checked(f"channel {name}", port, lambda shop: shop.check(namespaces))
    if manner.catalogue:
        with database.begin() as tx:
            mapped = registers.mapped_articles(tx, name)

        def compare(shop: StorefrontPort) -> list[Finding]:
            return catalogue_findings(name, shop.fetch_catalogue(), mapped, suppliers, manner.progress)

        manner.progress(f"catalogue of {name}")
        findings += _checked(f"catalogue {name}", port, compare)
    return findings


def _examine_records(database: Database) -> list[Finding]:
    """Say what already went wrong and waits for somebody to look."""
    with database.begin() as tx:
        open_incidents, mails = registers.open_incidents(tx), registers.mail_counts(tx)
    findings = [
        Finding(
            area=f"supplier {one.supplier}",
            severity=Severity.WARNING,
            subject=f"incident {one.id}",
            message=f"{one.kind.replace('_', ' ')} ({one.reason}) felt by {one.orders} purchase orders",
            remedy="it closes once the supplier has served us for outages.calm_for, or by `dropwright incident close`",
        )
        for one in open_incidents
        if one.lasts
    ]
    if refused := mails[MailState.REFUSED]:
        message = f"{refused} were refused for good"
        remedy = "see `dropwright mails --failed`"
        findings.append(
            Finding(area="mail", severity=Severity.WARNING, subject="outbox", message=message, remedy=remedy)
        )
    return findings


def _failed(area: str, subject: str, error: Exception) -> Finding:
    remedy = "report it to whoever made the plugin"
    return _error(area, subject, f"the plugin failed ({type(error).__name__})", remedy)


def _error(area: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(area=area, severity=Severity.ERROR, subject=subject, message=message, remedy=remedy)
