"""What every command shares: how it answers, how it fails, who acts, and how it opens what it needs.

With ``--json`` stdout carries one JSON document and nothing else; everything said to a person goes to stderr then.
"""

import getpass
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from temporalio.service import RPCError
from typer.core import TyperGroup

from adapters.database.configurations import NoConfigurationError, NotConfiguredError
from adapters.database.engine import lost_connection
from adapters.errors import AdapterError
from adapters.plugin import PluginError
from adapters.secrets import MissingSecretError
from models.base import Actor
from models.findings import NotReadyError
from starter.client import TemporalSettingsError
from starter.opening import NoDatabaseError, TemporalAwayError
from starter.search_attributes import SearchAttributesError
from starter.settings import DATABASE_AWAY, START_DATABASE, Settings

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # a terminal would obey others' text
PIPED_WIDTH = 200  # a pipe has no width: wide enough that no cell is cut

AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout instead of text.")]
Who = Annotated[
    str | None, typer.Option("--as", metavar="LOGIN", help="Who acts, for the timeline. Default: your login here.")
]


class CommandFailedError(RuntimeError):
    """A command can't do what it was asked; the message says why and what to do, in one line."""


_EXPECTED = (
    CommandFailedError,
    NotReadyError,
    SearchAttributesError,
    TemporalAwayError,
    TemporalSettingsError,
    NoDatabaseError,
    NoConfigurationError,
    NotConfiguredError,
    MissingSecretError,
    PluginError,
    AdapterError,
    SQLAlchemyError,
    RPCError,
    OSError,
)


class Reporting(TyperGroup):
    """The root of all commands: a failure that was to be expected is one line and exit code 1, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except _EXPECTED as error:
            for line in explain(error):
                typer.echo(line, err=True)
            raise typer.Exit(1) from None


def explain(error: Exception) -> list[str]:
    """Say what went wrong and what to do about it."""
    if isinstance(error, NotReadyError):
        return [
            "error: not ready to start:",
            *(f"  {one.area}: {one.subject} {one.message}; {one.remedy}" for one in error.findings),
        ]
    if isinstance(error, DBAPIError):
        return [f"error: {_explain_database(error)}"]
    if isinstance(error, SQLAlchemyError):
        return [f"error: the database gave no answer ({type(error).__name__}); {START_DATABASE}"]
    if isinstance(error, RPCError):
        return [
            f"error: Temporal refused or did not answer ({error.status.name}); is it running, is the namespace right?"
        ]
    if isinstance(error, KeyError):  # its text is quoted
        return [f"error: {error.args[0]}"]
    return [f"error: {error}"]


def _explain_database(error: DBAPIError) -> str:
    if getattr(error.orig, "pgcode", None) == "42P01":  # undefined table
        return "the database has no tables yet; run `dropwright database migrate`"
    if lost_connection(error):
        return f"the database {DATABASE_AWAY}; {START_DATABASE}"
    return f"the database refused ({type(error).__name__}); run `dropwright database status`"


def read_settings() -> Settings:
    """Read the environment. Raises CommandFailedError naming the variable that can't be used."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [f"DROPWRIGHT_{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise CommandFailedError("; ".join(problems)) from None


def acting(login: str | None) -> str:
    """Name who acts: the given login, or the one of this session, brought into the form that timelines hold."""
    if login is None:
        return re.sub(r"[^A-Za-z0-9_.-]", "-", _os_login()).lstrip("_.-")[:40] or "unknown"
    try:
        return TypeAdapter[str](Actor).validate_python(login)
    except ValidationError:
        raise typer.BadParameter("a login of letters, digits, '.', '_' and '-', not a mail address") from None


def _os_login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        return ""


def write_json(value: Any) -> None:
    """Write one JSON document. Amounts are strings, times ISO 8601 in UTC."""
    typer.echo(json.dumps(to_jsonable_python(value, timedelta_mode="iso8601"), indent=2, ensure_ascii=False))


def say(message: str) -> None:
    """Say something to the person, beside the answer."""
    typer.echo(message, err=True)


def console() -> Console:
    """Open stdout for text and tables."""
    return Console(
        file=sys.stdout, width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, markup=False, emoji=False
    )


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; empty cells for None, times as ``20 Nov 14:00:00Z``."""
    table = Table(*headings, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*[text_of(cell) for cell in row])
    console().print(table)


def text_of(value: object) -> str:
    """Write a value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(item) for item in value)
    return _STEERING.sub("\ufffd", str(value))


def instant(at: datetime) -> str:
    """Write a time as everywhere in the product."""
    return f"{at:%d %b %H:%M:%SZ}"
