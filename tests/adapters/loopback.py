"""Servers and clients on loopback for tests that need many of them, quickly."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.serving import serving

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HTTP:
    """httpx without certificate authorities: to load them takes longer than all else a call on loopback does."""

    get = staticmethod(partial(httpx.get, verify=_NO_TLS))
    post = staticmethod(partial(httpx.post, verify=_NO_TLS))
    delete = staticmethod(partial(httpx.delete, verify=_NO_TLS))


class Stage:
    """One server for many tests: each puts its own application on; what is under way stays with the old one."""

    def __init__(self) -> None:
        self.url = ""
        self.app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
