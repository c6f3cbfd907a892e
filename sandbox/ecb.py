"""A simulated European Central Bank: its file of daily reference rates on loopback, with faults.

    python -m sandbox.ecb --port 9004

Administration:

    GET, POST /_sandbox/rates   {"time": "2026-03-02", "rates": {"USD": "1.0834"}, "raw": null}
    …         /_sandbox/faults  see sandbox.faults

``raw`` is served as it stands, for documents that the bank would never send. Where no time is set, it is today's.
"""

import argparse
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import FaultLayer, Plan
from sandbox.serving import serve

PATH = "/stats/eurofxref/eurofxref-daily.xml"
_USUAL = {"USD": "1.0834", "JPY": "162.35", "GBP": "0.8421", "CHF": "0.9535", "SEK": "11.2145", "PLN": "4.2603"}
# As the bank writes it, down to its quotation marks.
_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" \
xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='{time}'>
{rates}
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>"""


@dataclass
class Bank:
    """What the bank publishes."""

    time: str | None = None
    rates: dict[str, str] = field(default_factory=lambda: dict(_USUAL))
    raw: str | None = None

    def document(self) -> str:
        """Write the file as it is now."""
        if self.raw is not None:
            return self.raw
        rates = "\n".join(f"\t\t\t<Cube currency='{name}' rate='{rate}'/>" for name, rate in self.rates.items())
        return _DOCUMENT.format(time=self.time or datetime.now(UTC).date().isoformat(), rates=rates)

    def change(self, document: dict[str, Any]) -> None:
        """Publish something else. What the document does not name stays."""
        self.time = document.get("time", self.time)
        self.rates = document.get("rates", self.rates)
        self.raw = document.get("raw", self.raw)


def build_app(bank: Bank | None = None, plan: Plan | None = None) -> FaultLayer:
    """Build the bank's web server."""
    bank = bank or Bank()

    async def daily(_request: Request) -> Response:
        return Response(bank.document(), media_type="text/xml")

    async def administer(request: Request) -> Response:
        if request.method == "POST":
            bank.change(await request.json())
        return JSONResponse(asdict(bank))

    routes = [Route(PATH, daily), Route("/_sandbox/rates", administer, methods=["GET", "POST"])]
    return FaultLayer(Starlette(routes=routes), plan)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="sandbox.ecb", description="A simulated European Central Bank.")
    parser.add_argument("--port", type=int, default=9004)
    serve(build_app(), parser.parse_args().port)


if __name__ == "__main__":
    main()
