"""The HTTP API: where storefronts and suppliers deliver their webhooks and stock, and both sides' people answer.

It needs the database and nothing else: without Temporal it stores and says 2xx, and the sweeps start what waits.
"""

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.intake import Intake, Storefronts
from adapters.database.configurations import ConfigurationStore
from adapters.database.engine import Database
from adapters.database.pushes import PushOutcome
from starter.customer_page import CustomerPages
from starter.customer_routes import customer_routes
from starter.delivery import Deliverer
from starter.feed_requests import FeedRequests
from starter.feeds_door import FeedsDoor, read_push
from starter.portal_page import PortalPages
from starter.portal_routes import portal_routes
from starter.supplier_door import SupplierDoor, Suppliers
from starter.supplier_routes import supplier_routes
from starter.webhooks import RefusedRequestError, ShopifyDoor, read_body

DATABASE_THREADS = 20  # as many as the pool has connections
ANSWER_SECONDS = 4.5  # Shopify gives up after 5
PAGE_SECONDS = 20.0  # a person waits longer than a shop
GRACEFUL_SECONDS = 20
PAGE_THREADS = 6  # of their own: people who look never keep an order waiting
PUSHES_AT_ONCE = 12  # 10 MiB each
PUSH_THREADS = 2  # likewise: pushed stock
PUSH_SECONDS = 30.0  # to look at 10 MiB and store them
CLOSING = {"Connection": "close"}
Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


def create_app(
    *,
    database: Database,
    configurations: ConfigurationStore,
    storefronts: Storefronts,
    secrets: Callable[[str], str],
    deliverer: Deliverer,
    feed_requests: FeedRequests | None = None,
    suppliers: Suppliers | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> FastAPI:
    """Build the API. ``deliverer`` and ``feed_requests`` run for as long as the app does.

    Without ``feed_requests`` what is pushed waits for its feed's schedule; without ``suppliers`` none sends webhooks.
    ``answer_seconds`` is how long a storefront or a supplier's system waits for the answer to a webhook.
    """
    intake = Intake(database, configurations, storefronts)
    door = ShopifyDoor(intake, configurations, storefronts, secrets)
    app = FastAPI(
        title="Dropwright",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would carry none of our headers
        lifespan=_running(deliverer, feed_requests),
    )
    threads = anyio.CapacityLimiter(DATABASE_THREADS)
    app.add_middleware(AccessLog)

    @app.post("/webhooks/shopify/{channel}")
    async def receive_shopify(channel: str, request: Request) -> JSONResponse:
        """Take in one delivery of a Shopify shop."""
        try:
            body = await read_body(request)
            received = await _in_time(threads, partial(door.admit, channel, request.headers, body), answer_seconds)
        except RefusedRequestError as refusal:
            return _refusal(request, refusal)
        deliverer.submit(received)
        request.scope["outcome"] = received.outcome
        return JSONResponse({"outcome": received.outcome})

    feeds_door = FeedsDoor(database, configurations, secrets)
    pushing, push_threads = anyio.CapacityLimiter(PUSHES_AT_ONCE), anyio.CapacityLimiter(PUSH_THREADS)

    @app.post("/feeds/{supplier}/{feed}")
    async def receive_push(supplier: str, feed: str, request: Request) -> JSONResponse:
        """Take in what a supplier pushes, and have its feed run."""
        try:
            await _in_time(push_threads, partial(feeds_door.knock, supplier, feed, request.headers), PUSH_SECONDS)
            async with pushing:
                body = await read_push(request)
                admit = partial(feeds_door.admit, supplier, feed, request.headers, body)
                outcome = await _in_time(push_threads, admit, PUSH_SECONDS)
        except RefusedRequestError as refusal:
            return _refusal(request, refusal)
        if feed_requests is not None and outcome is PushOutcome.STORED:
            feed_requests.submit(supplier, feed)
        request.scope["outcome"] = outcome
        return JSONResponse({"outcome": outcome}, status_code=202 if outcome is PushOutcome.STORED else 200)

    if suppliers is not None:
        supplier_door = SupplierDoor(database, configurations, suppliers)
        in_time = partial(_in_time, threads, seconds=answer_seconds)
        app.include_router(supplier_routes(supplier_door, deliverer, in_time, _refusal))

    for_people = partial(_in_time, anyio.CapacityLimiter(PAGE_THREADS), seconds=PAGE_SECONDS)
    portal = PortalPages(database, configurations, secrets)
    app.include_router(portal_routes(portal, deliverer, for_people))

    pages = CustomerPages(database, configurations, secrets)
    app.include_router(customer_routes(pages, deliverer, for_people))

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Say whether webhooks can be stored."""
        ready = await anyio.to_thread.run_sync(_answers, database, limiter=threads)
        return JSONResponse({"status": "ok" if ready else "no database"}, status_code=200 if ready else 503)

    return app


def _running(*parts: AbstractAsyncContextManager[Any] | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            for part in parts:
                if part is not None:
                    await running.enter_async_context(part)
            yield

    return lifespan


async def _in_time(threads: anyio.CapacityLimiter, admit: Callable[[], Answer], seconds: float) -> Answer:
    """Answer before the sender gives up. What is stored later is found by the redelivery and the sweeps."""
    try:
        with anyio.fail_after(seconds):
            return await anyio.to_thread.run_sync(admit, limiter=threads, abandon_on_cancel=True)
    except TimeoutError:
        raise RefusedRequestError(503, "too_slow_to_store") from None


def _refusal(request: Request, refusal: RefusedRequestError) -> JSONResponse:
    request.scope["outcome"] = refusal.reason
    headers = CLOSING if refusal.status in (408, 413) else None
    return JSONResponse({"error": refusal.reason}, status_code=refusal.status, headers=headers)


def _answers(database: Database) -> bool:
    try:
        with database.begin() as tx:
            tx.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


class AccessLog:
    """One line per request: method, route, status, duration and outcome. Never the address asked for, nor a body."""

    def __init__(self, app: ASGIApp) -> None:
        """Log what ``app`` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            _log_request(scope, status, time.perf_counter() - started)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unknown")
    write = log.debug if route in ("/healthz", "/readyz") else log.info
    write(
        "request",
        method=scope["method"],
        route=route,
        channel=scope.get("path_params", {}).get("channel") if status < 400 else None,
        status=status,
        outcome=scope.get("outcome"),
        ms=round(seconds * 1000, 1),
    )


def listen(host: str, port: int) -> socket.socket:
    """Open the API's socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's delay off only where the socket names its protocol.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def build_server(app: FastAPI) -> uvicorn.Server:
    """Build the server: run it with ``serve(sockets=[listen(host, port)])``.

    On SIGTERM it takes no new connection, finishes what it has begun to answer, and drains the deliverer.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        lifespan="on",
    )
    return uvicorn.Server(config)


__all__ = ["AccessLog", "build_server", "create_app", "listen"]
