"""The command line: ``dropwright``. Each command teaches itself with ``--help``; this file only names them."""

import os
import sys
import traceback

import typer

from starter.commands import configuration, run
from starter.console import Reporting
from starter.logs import configure_logs

INTERRUPTED = 130

app = typer.Typer(
    cls=Reporting,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold credentials
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Dropwright: paid orders, fulfilled by suppliers, followed to the carrier.",
)


@app.callback()
def prepare() -> None:
    """Say little while a command works; the worker and the API set up their own logs."""
    configure_logs("console", "warning")


app.command("worker", rich_help_panel="Processes")(run.worker)
app.command("api", rich_help_panel="Processes")(run.api)
app.command(
    "demo",
    rich_help_panel="Processes",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(run.demo)
app.add_typer(run.database, name="database", rich_help_panel="Setting up")
app.add_typer(configuration.commands, name="config", rich_help_panel="Setting up")
app.command("channels", rich_help_panel="Setting up")(configuration.channels)
app.command("suppliers", rich_help_panel="Setting up")(configuration.suppliers)


def main() -> None:
    """Run one command and leave with its exit code.

    The interpreter's own exit can abort after Temporal's client was used, and a script would read 134.
    """
    code = 1
    try:
        app()
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


if __name__ == "__main__":
    main()
