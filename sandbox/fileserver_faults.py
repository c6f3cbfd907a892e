"""What goes wrong while a file is served or taken, alike over HTTP, SFTP and FTP."""

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


@dataclass
class UploadFaults:
    """How writing into a folder is spoilt. Each plan holds for the next ``times`` calls that it fits.

    write_dropped    the connection is lost once ``after`` bytes of a file have come
    disk_full        a file is refused beyond ``after`` bytes
    rename_lost      the rename is done, and the connection lost before its reply
    rename_dropped   the connection is lost before the rename is done
    rename_hangs     no reply for ``seconds``; with ``processed`` the rename is done before them, else never
    rename_refused   it is not done, and said so
    list_dropped     the connection is lost when a folder is listed
    """

    plans: list[dict[str, float | str]] = field(default_factory=list)
    renames: int = 0  # that were really done
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def plan(self, kind: str, *, times: int = 1, after: int = 0, processed: bool = False, seconds: float = 3.0) -> None:
        """Add one."""
        with self._lock:
            self.plans.append(
                {"kind": kind, "times": times, "after": after, "processed": processed, "seconds": seconds}
            )

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self.plans.clear()

    def take(self, *kinds: str) -> dict[str, float | str] | None:
        """Begin a call; returns the plan for it, if there is one of these kinds."""
        with self._lock:
            for plan in self.plans:
                if plan["kind"] in kinds and float(plan["times"]) > 0:
                    plan["times"] = float(plan["times"]) - 1
                    return plan
            return None
