"""A simulated supplier that takes order files and answers with files, in folders that any file server can serve.

    python -m sandbox.file_partner --folder partner --port 9030 --sftp-port 9031 --ftp-port 9032

It reads what lies in ``in/`` under its final name, keeps it in ``in/archive/``, books every order that it finds there
(one that comes twice, twice), and writes its answers into ``out/``. Administration:

    GET   /_sandbox/ledger             every order booked, in order of arrival, and the files that were not understood
    POST  /_sandbox/work               work through what has come, now
    POST  /_sandbox/orders/{number}    {"ship": ["GLS-1"]}, {"answer": [{"ean", "quantity", "status"}]}
    POST  /_sandbox/defects            {"defects": ["half_written"]}: how it writes from now on, see ``DEFECTS``
"""

import argparse
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.file_partner_papers import DEFECTS, UnreadablePaper, read_paper, write_paper
from sandbox.fileserver import file_servers
from sandbox.serving import serve

UNFINISHED = (".tmp", ".part", ".filepart")
WORK_EVERY = 1.0  # seconds, when it runs by itself


@dataclass
class FilePartner:
    """Its folders, its books, and its manners."""

    folder: Path
    acknowledges: bool = True  # every order, as soon as it is read
    defects: set[str] = field(default_factory=set)
    delimiter: str = ","
    kind: str = "csv"  # or xml: how it writes
    keeps_archive: bool = True  # else it deletes what it has taken
    marker: str = ""  # e.g. ".done": it takes only what has this twin, and writes one beside its own files
    orders: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    _written: int = 0
    _late: list[Path] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        """Make its folders."""
        for name in ("in/archive", "out/archive", "out/error"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def work(self) -> None:
        """Read everything that has come, oldest first, and answer it."""
        with self._lock:
            for marker in self._late:
                marker.touch()
            self._late.clear()
            for path in sorted(self._arrived(), key=lambda found: (found.stat().st_mtime_ns, found.name)):
                self._take(path)

    def ship(self, number: str, trackings: list[str], *, without: dict[str, int] | None = None) -> None:
        """Send an order's lines in these parcels, one after the other; ``without`` leaves units out, and says so."""
        with self._lock:
            order = self.find(number)
            order["shipped"] = True
            without = without or {}
            if without:
                self.answer(
                    number, [{"ean": ean, "quantity": units, "status": "rejected"} for ean, units in without.items()]
                )
            rows = []
            for place, line in enumerate(order["lines"]):
                units = line["quantity"] - without.get(line["ean"], 0)
                parcel = {"tracking": trackings[min(place, len(trackings) - 1)], "carrier": "GLS"}
                if units:
                    rows.append({**self._named(order, line), "qty": str(units), "ship_date": _today(), **parcel})
            self._write("ship", rows)

    def answer(self, number: str, answers: Iterable[dict[str, Any]]) -> None:
        """Acknowledge an order line by line, in its own words; what is not named is accepted as ordered."""
        with self._lock:
            order, said = self.find(number), list(answers)
            named = {one["ean"] for one in said}
            said += [{**line, "status": "accepted"} for line in order["lines"] if line["ean"] not in named]
            self._write("ack", [self._answered(order, one) for one in said])

    def invoice(self, number: str, invoice: str, total: str, **more: str) -> None:
        """Ask for its money."""
        with self._lock:
            row = {"po_number": number, "invoice": invoice, "invoice_date": _today(), "total": total, "currency": "EUR"}
            self._write("invoice", [{**row, **more}])

    def find(self, number: str) -> dict[str, Any]:
        """Look an order up by our number, the newest first."""
        return next(order for order in reversed(self.orders) if order["number"] == number)

    def ledger(self) -> dict[str, Any]:
        """Show its books."""
        with self._lock:
            return {"orders": [dict(order) for order in self.orders], "unreadable": list(self.unreadable)}

    def _arrived(self) -> list[Path]:
        found = [path for path in (self.folder / "in").iterdir() if path.is_file() and not path.name.startswith(".")]
        whole = [path for path in found if not path.name.endswith((*UNFINISHED, self.marker or UNFINISHED[0]))]
        return [path for path in whole if not self.marker or Path(f"{path}{self.marker}").exists()]

    def _take(self, path: Path) -> None:
        try:
            rows = read_paper(path.read_bytes(), path.suffix, self.delimiter)
            if path.name.startswith("cancel"):
                self._cancel(rows)
            else:
                self._book(rows, path.name)
        except (UnreadablePaper, StopIteration):
            self.unreadable.append(path.name)
        for taken in (path, Path(f"{path}{self.marker or '.done'}")):
            if not taken.exists():
                continue
            if self.keeps_archive:
                taken.rename(self.folder / "in" / "archive" / taken.name)
            else:
                taken.unlink()

    def _book(self, rows: list[dict[str, str]], file: str) -> None:
        by_number: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            by_number.setdefault(row["po_number"], []).append(row)
        for number, found in by_number.items():
            lines = [{"ean": row["ean"], "quantity": int(row["qty"])} for row in found]
            order_number = f"FP-{len(self.orders) + 1:05d}"
            self.orders.append({"order_number": order_number, "number": number, "lines": lines, "file": file})
            if self.acknowledges:
                self.answer(number, [])

    def _cancel(self, rows: list[dict[str, str]]) -> None:
        for row in rows:
            order = self.find(row["po_number"])
            order["cancelled"] = not order.get("shipped", False)
            word = "cancelled" if order["cancelled"] else "too late"
            self._write("cancelled", [{"po_number": row["po_number"], "answer": word}])

    def _named(self, order: dict[str, Any], line: dict[str, Any]) -> dict[str, str]:
        numbers = {one["ean"]: place for place, one in enumerate(order["lines"], start=1)}
        return {"po_number": order["number"], "line": str(numbers.get(line["ean"], "")), "ean": line["ean"]}

    def _answered(self, order: dict[str, Any], said: dict[str, Any]) -> dict[str, str]:
        more = {name: str(said.get(name, "")) for name in ("unit_cost", "currency", "eta", "substitute", "reason")}
        facts = {"status": said["status"], "qty_accepted": str(said["quantity"])}
        return {**self._named(order, said), **facts, **more, "supplier_order_no": order["order_number"]}

    def _write(self, kind: str, rows: list[dict[str, str]]) -> None:
        """Put a file into its outbox, as it should be done or as its defects have it."""
        self._written += 1
        path = self.folder / "out" / f"{kind}_{self._written:06d}.{self.kind}"
        body = write_paper(rows, self.kind, self.delimiter, self.defects)
        if "half_written" in self.defects:
            path.write_bytes(body[: len(body) * 2 // 3])
            return
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.write_bytes(body)
        unfinished.rename(path)
        if "duplicate_file" in self.defects:
            path.with_name(f"{kind}_{self._written:06d}b.{self.kind}").write_bytes(body)
        if self.marker:
            self._mark(Path(f"{path}{self.marker}"))

    def _mark(self, marker: Path) -> None:
        if "done_late" in self.defects:
            self._late.append(marker)
        else:
            marker.touch()


def build_app(partner: FilePartner) -> Starlette:
    """Build its administration."""

    async def ledger(_request: Request) -> JSONResponse:
        return JSONResponse(partner.ledger())

    async def work(_request: Request) -> JSONResponse:
        await run_in_threadpool(partner.work)
        return JSONResponse(partner.ledger())

    async def order(request: Request) -> JSONResponse:
        number, wish = request.path_params["number"], await request.json()
        if "ship" in wish:
            await run_in_threadpool(partner.ship, number, wish["ship"])
        if "answer" in wish:
            await run_in_threadpool(partner.answer, number, wish["answer"])
        return JSONResponse(partner.find(number))

    async def defects(request: Request) -> JSONResponse:
        partner.defects = set((await request.json())["defects"]) & set(DEFECTS)
        return JSONResponse(sorted(partner.defects))

    return Starlette(
        routes=[
            Route("/_sandbox/ledger", ledger),
            Route("/_sandbox/work", work, methods=["POST"]),
            Route("/_sandbox/orders/{number}", order, methods=["POST"]),
            Route("/_sandbox/defects", defects, methods=["POST"]),
        ]
    )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _keep_working(work: Callable[[], None]) -> None:
    """Work for as long as the process lives, as its nightly program would, only more often."""
    pause = threading.Event()

    def run() -> None:
        while not pause.wait(WORK_EVERY):
            work()

    threading.Thread(target=run, daemon=True).start()


def main() -> None:
    """Serve its folders and its administration until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.file_partner", description="A supplier that takes files")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=9030)
    parser.add_argument("--sftp-port", type=int, default=9031)
    parser.add_argument("--ftp-port", type=int, default=9032)
    options = parser.parse_args()
    partner = FilePartner(options.folder)
    _keep_working(partner.work)
    with ExitStack() as stack:
        ports = (0, options.sftp_port, options.ftp_port, 0)
        stack.enter_context(file_servers(options.folder, ports=ports, writable=True))
        serve(build_app(partner), options.port)


if __name__ == "__main__":
    main()
