"""Runs a simulator as a real HTTP server on loopback: in its own process, or in a thread of a test.

Connections can be reset from inside a request, because faults must look to a client as they do in the world: the
request has left, and no answer comes. uvicorn keeps the transport to itself, so our protocol hands it on.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"
RESET_EXTENSION = "sandbox.reset"  # in a scope's extensions: functions that end the request's connection,
CLOSE_EXTENSION = "sandbox.close"  # by TCP RST, or in order after what was written
KEEP_ALIVE_SECONDS = 75  # longer than a client keeps an idle connection, so that none dies under a request
START_SECONDS = 10.0


class ResettableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a way to reset the connection in every request's scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer the connection's ends to every request that comes over it."""
        # asyncio does this only for sockets that name their protocol; ours don't, and an answer would wait 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.app = _offering_ends(self.app, transport)


def serve(app: ASGIApp, port: int, host: str = LOOPBACK) -> None:
    """Serve until SIGTERM or SIGINT."""
    _server(app).run(sockets=[listen(port, host)])


@contextmanager
def serving(app: ASGIApp, port: int = 0, host: str = LOOPBACK) -> Iterator[str]:
    """Serve in a thread for as long as the block lasts; yields the base URL, without a trailing slash."""
    listener = listen(port, host)
    url = f"http://{host}:{listener.getsockname()[1]}"
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        _await_start(server, thread)
        yield url
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """Open the listening socket; port 0 takes any free one."""
    return socket.create_server((host, port), backlog=512)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection by TCP RST: what was not yet read by the peer is lost."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _offering_ends(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def with_ends(scope: Scope, receive: Receive, send: Send) -> None:
        extensions: dict[str, Callable[[], None]] = scope.setdefault("extensions", {})
        extensions[RESET_EXTENSION] = lambda: reset(transport)
        extensions[CLOSE_EXTENSION] = transport.close
        await app(scope, receive, send)

    return with_ends


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=ResettableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulator did not start")
        time.sleep(0.005)
