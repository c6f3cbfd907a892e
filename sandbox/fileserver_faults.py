"""What goes wrong while a file is served, alike over HTTP, SFTP and FTP."""

import threading
from dataclasses import dataclass, field


@dataclass
class TransferFaults:
    """How transfers are spoilt.

    The next ``times`` transfers lose their connection once ``drop_after`` bytes of them have left; every transfer is
    slowed down to ``bytes_per_second``. Counting is safe from several servers' threads.
    """

    drop_after: int | None = None
    times: int = 1
    bytes_per_second: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allowance(self) -> int | None:
        """Begin a transfer; says after how many bytes its connection shall be lost, or None."""
        with self._lock:
            if self.drop_after is None or self.times < 1:
                return None
            self.times -= 1
            return self.drop_after

    def seconds_for(self, size: int) -> float:
        """Say how long so many bytes take."""
        return size / self.bytes_per_second if self.bytes_per_second else 0.0

    def set(self, *, drop_after: int | None = None, times: int = 1, bytes_per_second: int | None = None) -> None:
        """Replace the plan; without arguments nothing goes wrong any more."""
        with self._lock:
            self.drop_after, self.times, self.bytes_per_second = drop_after, times, bytes_per_second
