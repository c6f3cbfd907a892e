"""One server on loopback for many tests, and an address where nobody listens."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serving import listen, serving


class Stage:
    """One server for many tests: each puts its own application on; what is under way stays with the old one."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does that is on now."""
        await self.app(scope, receive, send)

    def put_on(self, app: ASGIApp) -> str:
        """Serve this application from now on; returns the base URL."""
        self.app = app
        return self.url


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve a stage for as long as the block lasts."""
    served = Stage()
    with serving(served) as served.url:
        yield served


def nowhere() -> str:
    """Name a base URL on loopback behind which nobody listens."""
    with listen(0) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
