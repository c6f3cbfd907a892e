"""The command line: ``dropwright``. Each command teaches itself with ``--help``; this file only names them."""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130
MISUSED = 2
ORDERS, SUPPLY, PROCESSES, SETUP = "Orders", "Stock and prices", "Processes", "Setting up"


@dataclass(frozen=True)
class Entry:
    """Where a command, or a group of them, is found: ``module:name`` in ``starter.commands``, and its panel of the help."""

    panel: str
    place: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import it."""
        module, name = self.place.split(":")
        return getattr(import_module(f"starter.commands.{module}"), name)


_OPTIONS_OF_ITS_OWN = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
ENTRIES = {
    "orders": Entry(ORDERS, "orders:list_orders"),
    "order": Entry(ORDERS, "order:app"),
    "calls": Entry(ORDERS, "orders:show_calls"),
    "tasks": Entry(ORDERS, "tasks:list_tasks"),
    "task": Entry(ORDERS, "tasks:app"),
    "route": Entry(ORDERS, "route:app"),
    "rehearse": Entry(ORDERS, "rehearse:rehearse"),
    "picks": Entry(ORDERS, "picks:app"),
    "article": Entry(ORDERS, "records:article"),
    "incidents": Entry(ORDERS, "incidents:list_incidents"),
    "incident": Entry(ORDERS, "incidents:incident"),
    "mails": Entry(ORDERS, "records:list_mails"),
    "documents": Entry(ORDERS, "documents:app"),
    "exchange": Entry(ORDERS, "documents:exchange"),
    "sync": Entry(SUPPLY, "sync:app"),
    "feed": Entry(SUPPLY, "feeds:app"),
    "catalog": Entry(SUPPLY, "catalog:app"),
    "prices": Entry(SUPPLY, "prices:app"),
    "stock": Entry(SUPPLY, "stock:app"),
    "publish": Entry(SUPPLY, "supply:publish"),
    "reconcile": Entry(SUPPLY, "supply:reconcile"),
    "worker": Entry(PROCESSES, "run:worker"),
    "api": Entry(PROCESSES, "run:api"),
    "demo": Entry(PROCESSES, "run:demo", _OPTIONS_OF_ITS_OWN),
    "database": Entry(SETUP, "run:database"),
    "config": Entry(SETUP, "configuration:commands"),
    "doctor": Entry(SETUP, "doctor:doctor"),
    "channels": Entry(SETUP, "configuration:channels"),
    "suppliers": Entry(SETUP, "suppliers:app"),
    "adapter": Entry(SETUP, "adapters:app"),
}


def build_app(first_word: str = "") -> "typer.Typer":
    """Put the command line together: all of it, or where ``first_word`` names a command only that.

    A command loads what it needs itself, so that nobody waits for what the others need. All libraries are loaded in
    here: a Ctrl-C meanwhile is then ``main``'s to end with.
    """
    import typer

    from starter.console import Reporting

    app = typer.Typer(
        cls=Reporting,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold credentials
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Dropwright: paid orders, fulfilled by suppliers, followed to the carrier.",
    )
    app.callback()(prepare)
    wanted = {first_word: ENTRIES[first_word]} if first_word in ENTRIES else ENTRIES
    for name, entry in wanted.items():
        found = entry.load()
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, rich_help_panel=entry.panel)
        else:
            app.command(name, rich_help_panel=entry.panel, **entry.options)(found)
    return app


def prepare() -> None:
    """Say little while a command works; the worker and the API set up their own logs."""
    from starter.logs import configure_logs

    configure_logs("console", "warning")


def main() -> None:
    """Run one command and leave with its exit code.

    The interpreter's own exit can abort after Temporal's client was used, and a script would read 134.
    """
    code = 1
    try:
        _speak_any_encoding()
        _require_text(sys.argv[1:])
        build_app(*sys.argv[1:2])()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:  # noqa: BLE001 - a bug of ours: shown, and told by the exit code
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)


def _speak_any_encoding() -> None:
    """Where a terminal or a pipe has no such letter, a question mark stands for it, and nothing breaks off."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text: no database would take them."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            sys.stderr.write(
                f"error: argument {number} is not UTF-8 text: type it anew, or set your terminal to UTF-8\n"
            )
            raise SystemExit(MISUSED) from None


if __name__ == "__main__":
    main()
