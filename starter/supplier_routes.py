"""Where suppliers send webhooks: ``POST /webhooks/suppliers/{supplier}/{path_secret}``."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from starter.delivery import Deliverer
from starter.supplier_door import Received, SupplierDoor
from starter.webhooks import RefusedRequestError, read_body

OnThread = Callable[[Callable[[], Any]], Awaitable[Any]]
Refusal = Callable[[Request, RefusedRequestError], JSONResponse]


def supplier_routes(door: SupplierDoor, deliverer: Deliverer, on_thread: OnThread, refusal: Refusal) -> APIRouter:
    """Build the route. ``deliverer`` tells lifecycles that there is news; ``refusal`` answers what is not taken."""
    router = APIRouter()

    @router.post("/webhooks/suppliers/{supplier}/{path_secret}")
    async def receive_supplier(supplier: str, path_secret: str, request: Request) -> JSONResponse:
        """Take in a supplier's webhook, and tell the lifecycles that it is about."""
        try:
            await on_thread(partial(door.knock, supplier))
            body = await read_body(request)
            received: Received = await on_thread(partial(door.admit, supplier, path_secret, request.headers, body))
        except RefusedRequestError as error:
            return refusal(request, error)
        if received.telling:
            deliverer.submit_news(supplier)
        request.scope["outcome"] = received.outcome
        return JSONResponse({"outcome": received.outcome})

    return router
