"""Processes that end at a named point, as if by SIGKILL: what a test asks of them, and how they serve it.

A child module gives its ``run`` to ``serve``; a test opens it by ``mortals`` and asks for one death after the other.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

KILLED = 9
BEFORE, AFTER = "before", "after"
Kill = Callable[..., str]
_ROOT = Path(__file__).parents[2]


def die_at(owner: Any, name: str, when: str) -> None:
    """Have the process end, without a word to anybody, before or after a call."""
    call: Callable[..., Any] = getattr(owner, name)

    def dying(*args: Any, **named: Any) -> None:
        if when == AFTER:
            call(*args, **named)
        os._exit(KILLED)

    setattr(owner, name, dying)


def serve(run: Callable[..., None]) -> None:
    """Run each line of the input, its fields parted by tabs, in a fork: one import serves all. Answers with the exit code."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(*line.rstrip("\n").split("\t"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


@contextmanager
def mortals(module: str) -> Iterator[Kill]:
    """Start a child module; call what comes out with the fields of a line, and it answers with the exit code."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, cwd=_ROOT, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as parent:
        assert parent.stdin is not None
        asked, answers = parent.stdin, parent.stdout
        assert answers is not None

        def ask(*fields: str) -> str:
            asked.write("\t".join(fields) + "\n")
            return answers.readline().strip()

        yield ask
        asked.close()
