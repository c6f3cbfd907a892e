"""Where suppliers' links lead: ``/s/{token}``, shown by GET and answered by POST."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from starter import portal_upload
from starter.delivery import Deliverer
from starter.portal_fields import Form, UnreadableEntryError
from starter.portal_form import read_fields
from starter.portal_page import TOO_MUCH, UNAVAILABLE, PortalPages, Taken
from starter.portal_view import HEADERS, Page
from starter.webhooks import RefusedRequestError, read_body

MAX_FIELDS_BODY = 512 * 1024  # 500 lines with a note each
UPLOADS_AT_ONCE = 4  # 10 MB each, in memory
UPLOAD_SECONDS = 120.0  # on a telephone
KEEPING_SECONDS = 30.0


class OnThread(Protocol):
    """Runs what blocks on a thread of the database's. Raises RefusedRequestError where it takes too long."""

    def __call__(self, work: Callable[[], Any], seconds: float = ...) -> Awaitable[Any]: ...


def portal_routes(pages: PortalPages, deliverer: Deliverer, on_thread: OnThread) -> APIRouter:
    """Build the two routes. ``deliverer`` tells the order's lifecycle that there is news."""
    router = APIRouter()
    entries = _Entries(pages, on_thread)

    @router.get("/s/{token}")
    async def show_order(token: str, request: Request) -> Response:
        """Show a supplier what was ordered, and what it has told us."""
        try:
            page: Page = await on_thread(partial(pages.show, token, saved=request.url.query == "saved"))
        except RefusedRequestError:
            page = UNAVAILABLE
        return _html(request, page)

    @router.post("/s/{token}")
    async def take_entry(token: str, request: Request) -> Response:
        """Take what a supplier enters, then show it on the page it came from."""
        try:
            wrong: Page | None = await on_thread(partial(pages.knock, token))
            if wrong is not None:
                return _html(request, wrong, unread=True)
            taken = await entries.take(token, request)
        except RefusedRequestError as refusal:
            return _html(request, UNAVAILABLE if refusal.status == 503 else TOO_MUCH, unread=True)
        if not taken.kept:
            return _html(request, taken.page)
        deliverer.submit_news(taken.supplier)
        request.scope["outcome"] = "taken" if taken.fresh else "repeated"
        # Relative: a proxy may have put us anywhere.
        return RedirectResponse(f"{token}?saved", status_code=303, headers=HEADERS)

    return router


class _Entries:
    """Reads what is posted, with as many files at once as there is room for, and has it taken."""

    def __init__(self, pages: PortalPages, on_thread: OnThread) -> None:
        self._pages = pages
        self._on_thread = on_thread
        self._uploading = anyio.CapacityLimiter(UPLOADS_AT_ONCE)

    async def take(self, token: str, request: Request) -> Taken:
        """Read a form and take it. Raises RefusedRequestError."""
        content_type = request.headers.get("content-type", "")
        if not portal_upload.is_multipart(content_type):
            body = await read_body(request, MAX_FIELDS_BODY)
            return await self._taken(token, partial(read_fields, body))
        async with self._uploading:
            body = await read_body(request, portal_upload.MAX_BODY, UPLOAD_SECONDS)
            return await self._taken(token, partial(portal_upload.read_multipart, content_type, body))

    async def _taken(self, token: str, read: Callable[[], Form]) -> Taken:
        def work() -> Taken:
            try:
                form = read()
            except UnreadableEntryError as error:
                return Taken(self._pages.refuse(token, error))
            return self._pages.take(token, form)

        taken: Taken = await self._on_thread(work, seconds=KEEPING_SECONDS)
        return taken


def _html(request: Request, page: Page, *, unread: bool = False) -> HTMLResponse:
    """``unread``: what was sent may not have been read to its end, so nothing else can be sent behind it."""
    request.scope["outcome"] = page.outcome
    headers = HEADERS | ({"Connection": "close"} if unread else {})
    return HTMLResponse(page.html(), status_code=page.status, headers=headers)
