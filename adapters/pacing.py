"""How often one outside system is called: one limit for every thread of this process, and orders go first.

A call that can't have its turn soon is not made at all: ``adapters.http`` says so as ``Throttled``, and it is repeated
later. So an order that is ready to leave never waits here beyond the moment at which it may still be sent.
"""

import time
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from enum import IntEnum
from itertools import count
from threading import Lock

ORDERS_ACTIVE = 5.0  # seconds after an order's call during which background calls keep to half of the limit
_BURST = 0.1  # seconds' worth of calls that may leave at once: sleeping is not more exact than this

_background: ContextVar[bool] = ContextVar("background_calls", default=False)


class Lane(IntEnum):
    """Whose call it is; the lower goes first."""

    INSTRUCTION = 0  # an order that has been claimed and is about to leave
    QUESTION = 1  # what an order's lifecycle wants to know
    BACKGROUND = 2  # feeds and comparisons


PATIENCE = {Lane.INSTRUCTION: 3.0, Lane.QUESTION: 10.0, Lane.BACKGROUND: 10.0}  # seconds


@contextmanager
def in_background() -> Iterator[None]:
    """Make every call inside wait behind those of orders: around fetching a feed, or comparing with a supplier."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)


def questioning_lane() -> Lane:
    """Say in which lane a question asked here and now waits."""
    return Lane.BACKGROUND if _background.get() else Lane.QUESTION


class Pace:
    """At most ``calls_per_second``, evenly. Safe to share between threads; every process has its own."""

    def __init__(
        self,
        calls_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = calls_per_second
        self._burst = max(1.0, calls_per_second * _BURST)
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._numbers = count()
        self._waiting: list[tuple[Lane, int]] = []
        self._tokens = self._burst
        self._spare = 1.0  # of background calls, beside the tokens; fills at half the rate
        self._filled_at = clock()
        self._orders_until = float("-inf")

    def take(self, lane: Lane) -> timedelta | None:
        """Wait for this call's turn. Returns None once it may leave, or how long to stay away if that takes too long.

        An instruction need not stay away for want of one call: it leaves on credit, and those behind it wait longer.
        """
        ticket = (lane, next(self._numbers))
        give_up = self._clock() + PATIENCE[lane]
        with self._lock:
            insort(self._waiting, ticket)
        try:
            while (delay := self._turn(ticket)) > 0:
                if self._clock() + delay > give_up:
                    return None if self._leaves_on_credit(ticket) else timedelta(seconds=delay)
                self._sleep(min(delay, 1 / self._rate))  # those ahead may give up meanwhile
        finally:
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
        return None

    def _turn(self, ticket: tuple[Lane, int]) -> float:
        """Let this call leave and return 0, or say in how many seconds its turn may come."""
        with self._lock:
            self._fill()
            lane, ahead = ticket[0], self._waiting.index(ticket)
            delay = (ahead + 1 - self._tokens) / self._rate
            if lane is Lane.BACKGROUND and self._filled_at < self._orders_until:
                delay = max(delay, (1 - self._spare) / (self._rate / 2))
            if delay > 0:
                return max(delay, 1e-6)  # less would not move a clock, and the wait would never end
            self._leave(ticket)
            return 0.0

    def _leaves_on_credit(self, ticket: tuple[Lane, int]) -> bool:
        with self._lock:
            if ticket[0] is not Lane.INSTRUCTION or self._tokens < 0:
                return False
            self._leave(ticket)
            return True

    def _leave(self, ticket: tuple[Lane, int]) -> None:
        self._waiting.remove(ticket)
        self._tokens -= 1
        if ticket[0] is Lane.BACKGROUND:
            self._spare = max(self._spare - 1, 0.0)
        else:
            self._orders_until = self._filled_at + ORDERS_ACTIVE

    def _fill(self) -> None:
        now = self._clock()
        earned = max(now - self._filled_at, 0.0) * self._rate
        self._tokens = min(self._tokens + earned, self._burst)
        self._spare = min(self._spare + earned / 2, 1.0)
        self._filled_at = now
