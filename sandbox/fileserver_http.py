"""A folder over HTTP: documents with ETag, Last-Modified and ranges, index pages, and what servers do otherwise.

GET, HEAD /path                a document, or the index page of a folder
GET, POST /_sandbox/transfers  {"drop_after", "times", "bytes_per_second"}, for all protocols; POST replaces
GET, POST /_sandbox/server     {"etag", "weak_etag", "last_modified", "length", "ranges", "head", "gzip", "redirect"}
…         /_sandbox/faults     as sandbox.faults; an operation is "GET /path"
"""

import asyncio
import gzip
import secrets
from base64 import b64decode
from dataclasses import asdict, dataclass, fields, replace
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import FaultLayer, Plan
from sandbox.fileserver_faults import TransferFaults
from sandbox.serving import RESET_EXTENSION


@dataclass
class Manners:
    """What kind of web server this is. Changing it takes effect with the next request."""

    etag: bool = True
    weak_etag: bool = False
    last_modified: bool = True
    length: bool = True
    ranges: bool = True
    head: bool = True
    gzip: bool = False  # sends Content-Encoding: gzip, asked or not
    redirect: str = ""  # every document is elsewhere


class FolderOverHttp:
    """The web server's application."""

    def __init__(self, folder: Path, faults: TransferFaults, credentials: tuple[str, str] | None) -> None:
        self.folder = folder
        self.faults = faults
        self.credentials = credentials
        self.manners = Manners()
        self.seen: list[tuple[str, str, Headers]] = []  # method, target, headers

    async def document(self, request: Request) -> Response:
        """Answer with a document, an index page, or what the server's manners say."""
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        self.seen.append((request.method, target.decode().removesuffix("?"), request.headers))
        if self.credentials is not None and not self._is_authorised(request.headers.get("Authorization", "")):
            return PlainTextResponse("who is there?", 401, {"WWW-Authenticate": 'Basic realm="feeds"'})
        if request.method == "HEAD" and not self.manners.head:
            return PlainTextResponse("", 405)
        if self.manners.redirect:
            return RedirectResponse(self.manners.redirect, 302)
        path = (self.folder / request.path_params["path"]).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.exists():
            return PlainTextResponse("not found", 404)
        return self._index(path) if path.is_dir() else self._file(path, request)

    def _is_authorised(self, given: str) -> bool:
        kind, _, encoded = given.partition(" ")
        expected = ":".join(self.credentials or ()).encode()
        return kind.lower() == "basic" and secrets.compare_digest(b64decode(encoded), expected)

    def _index(self, folder: Path) -> Response:
        """Write an index page as nginx does, with a link to the parent and one that sorts."""
        names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
        links = "\n".join(_link(name) for name in ("../", *names))
        return HTMLResponse(
            f'<html><body><h1>Index</h1><a href="?C=M;O=D">by time</a><pre>\n{links}\n</pre></body></html>'
        )

    def _file(self, path: Path, request: Request) -> Response:
        if self.manners.gzip:
            return self._mannered(_gzipped(path))
        if not self.manners.ranges:
            request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        # As of 2.4 a response does not watch for the client's end, which the fault layer's own runs would look like.
        request.scope["asgi"] = {**request.scope["asgi"], "spec_version": "2.4"}
        return self._mannered(FileResponse(path, stat_result=path.stat()))

    def _mannered(self, response: Response) -> Response:
        headers = response.headers
        if self.manners.weak_etag and "ETag" in headers:
            headers["ETag"] = f"W/{headers['ETag']}"
        unwanted = {
            "ETag": not self.manners.etag,
            "Last-Modified": not self.manners.last_modified,
            "Content-Length": not self.manners.length,
            "Accept-Ranges": not self.manners.ranges,
        }
        for name, missing in unwanted.items():
            if missing and name in headers:
                del headers[name]
        return response


class SpoiltTransfers:
    """ASGI middleware that slows documents down, and loses their connections."""

    def __init__(self, app: ASGIApp, faults: TransferFaults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and spoil its answer."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/") or scope["method"] == "HEAD":
            await self.app(scope, receive, send)
            return
        left = self.faults.allowance()

        async def spoilt(message: Message) -> None:
            nonlocal left
            body: bytes = message.get("body", b"")
            await asyncio.sleep(self.faults.seconds_for(len(body)))
            if left is None or len(body) <= left:
                left = left - len(body) if left is not None else None
                await send(message)
                return
            await send({"type": "http.response.body", "body": body[:left], "more_body": True})
            left = 0
            await asyncio.sleep(0.05)  # a reset takes back what the client has not read yet
            scope["extensions"][RESET_EXTENSION]()

        await self.app(scope, receive, spoilt)


def create_app(
    folder: Path,
    faults: TransferFaults | None = None,
    *,
    credentials: tuple[str, str] | None = None,
    plan: Plan | None = None,
) -> tuple[FaultLayer, FolderOverHttp]:
    """Build the web server of a folder; returns its application, and the handle to its manners."""
    served = FolderOverHttp(folder, faults or TransferFaults(), credentials)

    async def transfers(request: Request) -> JSONResponse:
        if request.method == "POST":
            served.faults.set(**await request.json())
        shown = {name: getattr(served.faults, name) for name in ("drop_after", "times", "bytes_per_second")}
        return JSONResponse(shown)

    async def server(request: Request) -> JSONResponse:
        if request.method == "POST":
            served.manners = replace(Manners(), **_known(await request.json()))
        return JSONResponse(asdict(served.manners))

    app = Starlette(
        routes=[
            Route("/_sandbox/transfers", transfers, methods=["GET", "POST"]),
            Route("/_sandbox/server", server, methods=["GET", "POST"]),
            Route("/{path:path}", served.document, methods=["GET", "HEAD"]),
        ]
    )
    spoilt = SpoiltTransfers(app, served.faults)
    return FaultLayer(spoilt, plan, lambda scope, _body: f"{scope['method']} {scope['path']}"), served


def _link(name: str) -> str:
    text = escape(name.encode("utf-8", "replace").decode())
    return f'<a href="{quote(name, errors="surrogateescape")}">{text}</a>'


def _gzipped(path: Path) -> Response:
    plain = FileResponse(path, stat_result=path.stat())
    response = Response(gzip.compress(path.read_bytes(), mtime=0), media_type=plain.media_type)
    headers = MutableHeaders(raw=response.raw_headers)
    headers["Content-Encoding"] = "gzip"
    headers["Last-Modified"] = plain.headers["Last-Modified"]
    headers["ETag"] = plain.headers["ETag"]
    return response


def _known(document: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(Manners)}
    return {name: value for name, value in document.items() if name in names}
