"""Where customers' links lead: ``/c/{token}``, shown by GET and answered by POST."""

from collections.abc import Awaitable
from functools import partial
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from starter.customer_page import HEADERS, MAX_BODY, TOO_MUCH, UNAVAILABLE, CustomerPages, Page, Taken
from starter.delivery import Deliverer
from starter.webhooks import RefusedRequestError, read_body


class OnThread(Protocol):
    """Runs what blocks on a thread of the database's. Raises RefusedRequestError where it takes too long."""

    def __call__(self, work: "partial[Page] | partial[Taken]") -> Awaitable[object]: ...


def customer_routes(pages: CustomerPages, deliverer: Deliverer, on_thread: OnThread) -> APIRouter:
    """Build the two routes. ``deliverer`` brings a stored answer to its order."""
    router = APIRouter()

    @router.get("/c/{token}")
    async def show_question(token: str, request: Request) -> Response:
        """Show a customer what they are asked."""
        try:
            page = await on_thread(partial(pages.show, token))
        except RefusedRequestError:
            page = UNAVAILABLE
        assert isinstance(page, Page)
        return _html(request, page)

    @router.post("/c/{token}")
    async def take_answer(token: str, request: Request) -> Response:
        """Take a customer's answer, then show it on the page they came from."""
        try:
            body = await read_body(request, MAX_BODY)
            taken = await on_thread(partial(pages.take, token, body))
        except RefusedRequestError as refusal:
            return _html(request, UNAVAILABLE if refusal.status == 503 else TOO_MUCH)
        assert isinstance(taken, Taken)
        if taken.answer is not None:
            deliverer.submit_answer(taken.answer)
        if not taken.kept:
            return _html(request, taken.page)
        request.scope["outcome"] = "answered" if taken.answer else "repeated"
        return RedirectResponse(token, status_code=303, headers=HEADERS)  # relative: a proxy may have put us anywhere

    return router


def _html(request: Request, page: Page) -> HTMLResponse:
    request.scope["outcome"] = page.outcome
    headers = HEADERS | ({"Connection": "close"} if page is TOO_MUCH else {})
    return HTMLResponse(page.html(), status_code=page.status, headers=headers)
