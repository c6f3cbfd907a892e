"""Telling Temporal that a long attempt lives, and where it is: one that is killed goes on from there."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from temporalio import activity
from temporalio.exceptions import CancelledError

from activities.failures import wait

_EVERY = 10.0  # seconds


class Heartbeat:
    """Where this attempt is. It is told again and again, because one call may last longer than the time-out."""

    def __init__(self) -> None:
        self._place: tuple[Any, ...] = tuple(activity.info().heartbeat_details)

    @property
    def place(self) -> tuple[Any, ...]:
        """Where the attempt before this one was; nothing at the beginning."""
        return self._place

    def at(self, *place: Any) -> None:
        """Tell the place, and stop where the attempt is no longer wanted or its worker is about to end.

        Raises CancelledError in the one case; in the other an attempt elsewhere goes on from this place.
        """
        self._place = place
        self.beat()
        if activity.is_cancelled():
            raise CancelledError("cancelled between two steps")
        if activity.is_worker_shutdown():
            raise wait("its worker ends; another one goes on from here", timedelta(seconds=1))

    def beat(self) -> None:
        """Say that this attempt lives."""
        activity.heartbeat(*self._place)


@contextmanager
def beating() -> Iterator[Heartbeat]:
    """Keep the heartbeat up for as long as the block runs."""
    heartbeat, done = Heartbeat(), Event()

    def go_on() -> None:
        while not done.wait(_EVERY):
            heartbeat.beat()

    thread = Thread(target=copy_context().run, args=(go_on,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield heartbeat
    finally:
        done.set()
        thread.join()
