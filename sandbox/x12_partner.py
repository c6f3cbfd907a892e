"""A supplier that speaks X12 over SFTP: it takes 850 and 860 from ``in``, and answers by 997, 855, 856, 810 and 846.

python -m sandbox.x12_partner --folder exchange --port 9030 --sftp-port 9031

It works through its folder when it is told to (``POST /_sandbox/work``), or every ``--every`` seconds. What was really
ordered stands in ``GET /_sandbox/ledger``; ``POST /_sandbox/defects`` takes a list of ``sandbox.x12_partner_documents``.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.fileserver_faults import TransferFaults, UploadFaults
from sandbox.fileserver_sftp import SftpAccess, public_line, serving_sftp
from sandbox.serving import serve, serving
from sandbox.x12_partner_books import Partner
from sandbox.x12_partner_documents import DEFECTS

ACCOUNT = ("dropship", "open sesame")


@dataclass
class Served:
    """A partner behind its servers."""

    partner: Partner
    url: str
    sftp_port: int
    host_key: str
    uploads: UploadFaults
    downloads: TransferFaults


@contextmanager
def serving_partner(folder: Path, *, sftp_port: int = 0, port: int = 0) -> Iterator[Served]:
    """Serve a partner over SFTP, and its books over HTTP, in threads."""
    partner, uploads, downloads = Partner(folder), UploadFaults(), TransferFaults()
    access = SftpAccess(*ACCOUNT)
    with (
        serving_sftp(folder, access, downloads, sftp_port, uploads=uploads) as listening,
        serving(create_app(partner), port) as url,
    ):
        yield Served(partner, url, listening, public_line(access.host_key), uploads, downloads)


def create_app(partner: Partner, every: float | None = None) -> Starlette:
    """Offer the partner's books and buttons over HTTP; with ``every`` it works by itself."""

    @asynccontextmanager
    async def working(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_work_on(partner, every)) if every else None
        yield
        if task:
            task.cancel()

    paths = {
        "work": _Buttons.work, "defects": _Buttons.defects, "settings": _Buttons.settings, "stock": _Buttons.stock,
        "orders/{number}/answer": _Buttons.answer, "orders/{number}/ship": _Buttons.ship,
        "orders/{number}/invoice": _Buttons.invoice,
    }  # fmt: skip
    buttons = _Buttons(partner)
    routes = [Route(f"/_sandbox/{path}", partial(press, buttons), methods=["POST"]) for path, press in paths.items()]
    return Starlette(routes=[Route("/_sandbox/ledger", buttons.ledger), *routes], lifespan=working)


class _Buttons:
    """What an operator of the simulator can do."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    async def ledger(self, _: Request) -> JSONResponse:
        partner = self._partner
        return JSONResponse(
            {"orders": partner.orders, "refused": partner.refused, "receipts": len(partner.receipts_seen)}
        )

    async def work(self, _: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(self._partner.work))

    async def defects(self, request: Request) -> JSONResponse:
        self._partner.writer.defects = set(await request.json()) & DEFECTS
        return JSONResponse(sorted(self._partner.writer.defects))

    async def settings(self, request: Request) -> JSONResponse:
        changes = await request.json()
        for name in {"acknowledges", "takes_repeats", "receipts"} & changes.keys():
            setattr(self._partner, name, changes[name])
        return JSONResponse(changes)

    async def stock(self, request: Request) -> JSONResponse:
        self._partner.report_stock([(sku, ean, count) for sku, ean, count in await request.json()])
        return JSONResponse({})

    async def answer(self, request: Request) -> JSONResponse:
        self._partner.answer(request.path_params["number"], await request.json())
        return JSONResponse({})

    async def ship(self, request: Request) -> JSONResponse:
        self._partner.ship(request.path_params["number"], (await request.json())["tracking"])
        return JSONResponse({})

    async def invoice(self, request: Request) -> JSONResponse:
        self._partner.invoice(request.path_params["number"])
        return JSONResponse({})


async def _work_on(partner: Partner, every: float) -> None:
    while True:
        await asyncio.to_thread(partner.work)
        await asyncio.sleep(every)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.x12_partner", description="A simulated X12 partner")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=9030)
    parser.add_argument("--sftp-port", type=int, default=9031)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between its looks into its folder")
    options = parser.parse_args()
    partner, access = Partner(options.folder), SftpAccess(*ACCOUNT)
    with serving_sftp(options.folder, access, TransferFaults(), options.sftp_port) as listening:
        sys.stdout.write(f'SFTP {listening}, account {ACCOUNT[0]}\nhost_keys = ["{public_line(access.host_key)}"]\n')
        sys.stdout.flush()
        serve(create_app(partner, options.every), options.port)


if __name__ == "__main__":
    main()
