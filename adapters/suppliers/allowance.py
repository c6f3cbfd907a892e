"""How long a submission of several calls may take: together no longer than one call would be given."""

import time
from collections.abc import Callable
from datetime import timedelta

from adapters.errors import NotSent


class Allowance:
    """The time that the steps of one submission share.

    Whoever waits for ``place_order`` counts on nothing leaving after ``submit_timeout``: by then another attempt may
    look for the order, and find that it is not there.
    """

    def __init__(self, whole: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock() + whole.total_seconds()

    def left(self, operation: str) -> timedelta:
        """Say how long the next step may take. Raises NotSent where the time is over before it has left."""
        seconds = self._ends_at - self._clock()
        if seconds <= 0:
            raise NotSent(f"{operation}: not sent, what came before it took too long", code="out_of_time")
        return timedelta(seconds=seconds)
