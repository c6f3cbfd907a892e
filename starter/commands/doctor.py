"""The command that looks at everything."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from adapters.database.engine import Database
from models.findings import Finding, Severity
from starter import readiness
from starter.console import AsJson, console, print_table, read_settings, say, write_json
from starter.doctor import Manner, examine

_WORDS = {Severity.OK: "ok", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Register search attributes and create metafield definitions.")
    ] = False,
    catalogue: Annotated[
        bool, typer.Option(help="Compare every variant on sale with the suppliers; can take minutes.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look at everything that would fail silently, and say what to do about each; exit code 1 on any error.

    Database, configuration, plugins, secrets, Temporal (attributes, workers, priorities), each channel and supplier,
    mail, and the catalogue: variants without a barcode, with one used twice, with one no supplier knows.

    Example: dropwright doctor --fix

    JSON: [{"area", "severity": "ok" | "warning" | "error", "subject", "message", "remedy", "fixable"}]
    """
    settings = read_settings()
    database = Database(settings.database_url or "postgresql+psycopg2://", pool_size=4)
    progress = say if sys.stderr.isatty() else _silent
    try:
        findings = asyncio.run(examine(settings, database, Manner(fix=fix, catalogue=catalogue, progress=progress)))
    finally:
        database.close()
    if as_json:
        write_json([finding.model_dump(mode="json") for finding in findings])
    else:
        _print(findings)
    if readiness.errors(findings):
        raise typer.Exit(1)


def _silent(_message: str) -> None:
    """Nobody watches: nothing is said."""


def _print(findings: Sequence[Finding]) -> None:
    worst_last = sorted(findings, key=lambda one: list(_WORDS).index(one.severity))  # where a long table is read first
    rows = [(one.area, _WORDS[one.severity], one.subject, one.message, one.remedy) for one in worst_last]
    print_table(("area", "", "subject", "finding", "what to do"), rows)
    errors = len(readiness.errors(findings))
    warnings = sum(1 for one in findings if one.severity is Severity.WARNING)
    console().print(f"\n{errors} errors, {warnings} warnings.{_mended(findings, errors + warnings)}")


def _mended(findings: Sequence[Finding], wrong: int) -> str:
    fixable = sum(one.fixable for one in findings)
    return f" `dropwright doctor --fix` mends {'all' if fixable == wrong else 'some'} of it." if fixable else ""
