"""SIGTERM and Ctrl-C, as a long-running process of ours takes them: the first drains, the second ends at once."""

import asyncio
import os
import signal
from dataclasses import dataclass, field

INTERRUPTED = 130  # what a shell expects after Ctrl-C


@dataclass
class StopSignals:
    """Watches for signals; ``stop`` is set by the first one. Create it inside the running event loop."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    received: int = 0  # the first signal's number

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    @property
    def exit_code(self) -> int:
        """0 after SIGTERM, which asked for the end; 130 after Ctrl-C."""
        return INTERRUPTED if self.received == signal.SIGINT else 0

    def _on_signal(self, number: int) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = number
        self.stop.set()
