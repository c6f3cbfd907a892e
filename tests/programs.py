"""Fetches or builds the programs that tests start, once and before they begin: a build takes longer than a test may."""

import sys
from datetime import timedelta

from starter.temporal_tools import ToolUnavailableError, ensure_temporal_cli, ensure_time_skipping_server

TEST_SERVER_START = timedelta(seconds=60)  # Java takes its time on a busy machine


def say(message: str) -> None:
    """Write it at once: a build is watched."""
    print(message, flush=True)


def main() -> None:
    """Make both ready; exits with what to install where that is impossible."""
    try:
        ensure_temporal_cli(say)
        ensure_time_skipping_server(say)
    except ToolUnavailableError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
