"""Seven simulated suppliers in one process, one of each kind that has no process of its own in the demo.

    python -m sandbox.market --folder market --ports ports.json

``ports.json`` names a port for each of ``bigbuy``, ``cj``, ``printful``, ``acme``, ``northwind``, ``alba`` and ``rosa``
(HTTP: the interface, where there is one, and what the simulator's own module says of ``/_sandbox/``), and besides
``northwind_sftp``, ``alba_sftp``, ``rosa_smtp`` and ``rosa_imap``. Alba's file server loses what it is told to, and Rosa
shows a mail that ordered, as text:

    POST /_sandbox/uploads             {"kind": "rename_lost", "times": 1}, see sandbox.fileserver_faults
    GET  /_sandbox/letters/{number}
"""

import argparse
import json
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox import anyrest, bigbuy, cjdropshipping, file_partner, fileserver, mail_partner, printful, x12_partner
from sandbox.catalogue import NAMED_COUNT
from sandbox.file_partner import FilePartner
from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.fileserver_sftp import SftpAccess, serving_sftp
from sandbox.mail_partner import Manners
from sandbox.serving import serving
from sandbox.x12_partner_books import Partner

Ports = Mapping[str, int]
WORK_EVERY = 0.5  # seconds between two looks of a partner into its folder
SHIPS_AFTER = 3.0  # seconds from an order to its parcel, where a supplier ships by itself
ACCEPTS_AFTER = 5.0  # seconds; acme's time to answer line by line


def serve_all(stack: ExitStack, folder: Path, ports: Ports) -> FilePartner:
    """Serve all of them for as long as ``stack`` is open; the partner that is returned wants to be told to work."""
    northwind = Partner(folder / "northwind", acknowledges=False)
    alba, uploads = FilePartner(folder / "alba"), UploadFaults()
    apps: dict[str, ASGIApp] = {
        **_rest(),
        "northwind": x12_partner.create_app(northwind, WORK_EVERY),
        "alba": _with_faults(file_partner.build_app(alba), uploads),
        "rosa": _by_mail(ports),
    }
    for name, app in apps.items():
        stack.enter_context(serving(app, ports[name]))
    _over_sftp(stack, northwind.folder, SftpAccess(*x12_partner.ACCOUNT), ports["northwind_sftp"], UploadFaults())
    _over_sftp(stack, alba.folder, SftpAccess(*fileserver.ACCOUNT), ports["alba_sftp"], uploads)
    return alba


def _rest() -> dict[str, ASGIApp]:
    ships = {"ship_after": SHIPS_AFTER}
    return {
        "bigbuy": bigbuy.create_app(articles=NAMED_COUNT, settings=ships),
        "cj": cjdropshipping.create_app(articles=NAMED_COUNT, settings=ships),
        "printful": printful.create_app(articles=NAMED_COUNT, ship_after=SHIPS_AFTER),
        "acme": anyrest.create_app(articles=NAMED_COUNT, settings={"accept_after": ACCEPTS_AFTER}),
    }


def _by_mail(ports: Ports) -> ASGIApp:
    layer = mail_partner.create_app(ports["rosa_smtp"], ports["rosa_imap"], manners=Manners(keeps_sent=True))
    rosa, app = mail_partner.partner_of(layer).partner, layer.app

    async def letter(request: Request) -> PlainTextResponse:
        order = rosa.orders.get(request.path_params["number"])
        content = order.mail.get_body(("plain",)) if order else None
        return PlainTextResponse(content.get_content() if content else "", 200 if content else 404)

    assert isinstance(app, Starlette)
    app.router.routes.append(Route("/_sandbox/letters/{number}", letter))
    return layer


def _over_sftp(stack: ExitStack, folder: Path, access: SftpAccess, port: int, uploads: UploadFaults) -> None:
    stack.enter_context(serving_sftp(folder, access, TransferFaults(), port, uploads=uploads))


def _with_faults(app: Starlette, uploads: UploadFaults) -> Starlette:
    async def plan(request: Request) -> JSONResponse:
        uploads.plan(**await request.json())
        return JSONResponse({"done": True})

    app.router.routes.append(Route("/_sandbox/uploads", plan, methods=["POST"]))
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.market", description="Seven simulated suppliers")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--ports", type=Path, required=True, metavar="FILE", help="JSON")
    options = parser.parse_args()
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    with ExitStack() as stack:
        alba = serve_all(stack, options.folder, json.loads(options.ports.read_text("utf-8")))
        while not told.wait(WORK_EVERY):
            alba.work()


if __name__ == "__main__":
    main()
