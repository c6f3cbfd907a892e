"""The access token of an account at CJ: asked for once, kept for all threads, and replaced when it is refused."""

from collections.abc import Callable
from threading import Lock


class Token:
    """A token that ``fetch`` brings. Safe to share between threads: one of them asks, the others wait for it."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch
        self._lock = Lock()
        self._value = ""

    def value(self) -> str:
        """Give the token, asking for it the first time. Raises what ``fetch`` raises."""
        with self._lock:
            if not self._value:
                self._value = self._fetch()
            return self._value

    def renew(self, refused: str) -> str:
        """Replace a token that was refused, unless another thread has done so already."""
        with self._lock:
            if self._value in ("", refused):
                self._value = ""
                self._value = self._fetch()
            return self._value
