"""A simulated supplier that takes purchase orders by mail, and the merchant's mailbox that its answers come to.

python -m sandbox.mail_partner --smtp-port 2526 --imap-port 2143 --port 9007

GET    /_sandbox/ledger            {"orders": [{order_number, number, lines, mails, message_ids, cancelled, shipped}]}:
                                   one per purchase-order number; ``mails`` counts the mails that asked for it
POST   /_sandbox/work              answer every mail that was not answered yet
POST   /_sandbox/orders/{number}   {"say": "accepted" | … | any text, "language": "de", "tracking": […], "date": …,
                                   "defects": […]}: write back about an order now
POST   /_sandbox/mail              deliver a mail, byte for byte, to the merchant's inbox
GET    /_sandbox/folders           the UIDs in every folder of the merchant's mailbox
POST   /_sandbox/renumber          another UIDVALIDITY
DELETE /_sandbox/mail              forget orders, mails and folders' contents
…      /_sandbox/faults            as sandbox.faults; operations are RCPT, DATA and IMAP

Answers are written by ``work``, or by themselves ``answer_after`` seconds; an order ships ``ship_after`` seconds later.
"""

import argparse
import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.faults import FaultLayer, Plan
from sandbox.mail_partner_imap import ImapMailbox
from sandbox.mail_partner_letters import answer, write_text
from sandbox.mailbox import Inbox, smtp_session
from sandbox.serving import LOOPBACK, listen, serve

CREDENTIALS = ("orders", "open sesame")
TOKEN = re.compile(r"\[PO:([^\]]+)\]")
LINE = re.compile(r"^\s*\d+\. (\d+) x (\w+)", re.MULTILINE)
TICK = 0.1  # seconds


@dataclass(frozen=True)
class Manners:
    """How this supplier behaves. ``answers``: what it says to an order; None: nothing.

    ``keeps_sent``: the merchant's provider puts what it has taken into the Sent folder, before it answers.
    """

    answers: str | None = "accepted"
    language: str = "en"
    defects: tuple[str, ...] = ()
    keeps_sent: bool = False
    answer_after: float | None = None
    ship_after: float | None = None


@dataclass
class Order:
    """An order as the supplier has it in its books."""

    order_number: str
    number: str
    lines: list[dict[str, Any]]
    mail: EmailMessage
    received: float
    message_ids: list[str] = field(default_factory=list)
    cancelled: bool = False
    shipped: list[str] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """Show it as the ledger does."""
        shown = ("order_number", "number", "lines", "message_ids", "cancelled", "shipped")
        return {**{name: getattr(self, name) for name in shown}, "mails": len(self.message_ids)}


class Partner:
    """The supplier: it reads what comes, keeps its books, and writes back."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.orders: dict[str, Order] = {}
        self._unanswered: list[EmailMessage] = []
        self.unsaved: list[bytes] = []  # for the Sent folder

    def forget(self) -> None:
        """Empty the books."""
        self.orders.clear()
        self._unanswered.clear()
        self.unsaved.clear()

    def receive(self, content: bytes) -> None:
        """Take note of a mail: an order by its number, once however often it comes."""
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        if self.manners.keeps_sent:
            self.unsaved.append(content)
        found = TOKEN.search(str(mail["Subject"]))
        if found is None:
            return
        if "Cancellation" not in str(mail["Subject"]):
            self._book(found[1], mail)
        self._unanswered.append(mail)

    def _book(self, number: str, mail: EmailMessage) -> None:
        content = mail.get_body(("plain",))
        text = content.get_content() if content is not None else ""
        lines = [{"ean": ean, "quantity": int(quantity)} for quantity, ean in LINE.findall(text)]
        order = self.orders.setdefault(
            number, Order(f"OL-{1001 + len(self.orders)}", number, lines, mail, time.monotonic())
        )
        order.message_ids.append(str(mail["Message-ID"]))

    def answers(self) -> list[bytes]:
        """Answer what was not answered yet."""
        waiting, self._unanswered = self._unanswered, []
        said = [self._answer(mail) for mail in waiting]
        return [mail for mail in said if mail is not None]

    def _answer(self, mail: EmailMessage) -> bytes | None:
        found = TOKEN.search(str(mail["Subject"]))
        order = self.orders.get(found[1]) if found else None
        if order is None or self.manners.answers is None:
            return None
        if "Cancellation" not in str(mail["Subject"]):
            return self.say(mail, self.manners.answers)
        order.cancelled = order.cancelled or not order.shipped
        return self.say(mail, "cancelled" if order.cancelled else "too_late")

    def say(self, mail: EmailMessage, say: str, **facts: str) -> bytes:
        """Write back about a mail, in this supplier's own manner."""
        text = write_text(say, language=self.manners.language, **facts)
        return answer(mail, text, language=self.manners.language, defects=self.manners.defects)

    def due_to_ship(self, now: float) -> list[bytes]:
        """Ship what has lain here for long enough."""
        after = self.manners.ship_after
        if after is None:
            return []
        due = [o for o in self.orders.values() if not o.shipped and not o.cancelled and now - o.received >= after]
        for order in due:
            order.shipped = [f"GLS-{order.order_number.removeprefix('OL-'):0>10}"]
        return [self.say(order.mail, "shipped", tracking=order.shipped[0]) for order in due]


class PartnerApp:
    """Both mail servers and their HTTP side."""

    def __init__(self, smtp_port: int, imap_port: int, plan: Plan, manners: Manners) -> None:
        self.partner = Partner(manners)
        self.inbox = Inbox(plan, self.partner.receive)
        self.smtp = _prompt(smtp_port)
        self.smtp_port = int(self.smtp.getsockname()[1])
        self.imap = ImapMailbox(_prompt(imap_port), CREDENTIALS, plan)

    def routes(self) -> list[Route]:
        """List what is answered over HTTP."""
        return [
            Route("/_sandbox/ledger", self.ledger),
            Route("/_sandbox/work", self.work, methods=["POST"]),
            Route("/_sandbox/orders/{number}", self.write_back, methods=["POST"]),
            Route("/_sandbox/mail", self.mail, methods=["POST", "DELETE"]),
            Route("/_sandbox/folders", self.folders),
            Route("/_sandbox/renumber", self.renumber, methods=["POST"]),
        ]

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Serve SMTP and IMAP beside HTTP."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            await self.imap.start(stack)
            server = await loop.create_server(lambda: smtp_session(self.inbox, loop, CREDENTIALS), sock=self.smtp)
            await stack.enter_async_context(server)
            ticking = asyncio.create_task(self._tick())
            yield
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    async def _tick(self) -> None:
        """Answer and ship as time goes by, where this supplier does so by itself."""
        while True:
            await asyncio.sleep(TICK)
            await self._save_sent()
            now, manners = time.monotonic(), self.partner.manners
            if manners.answer_after is not None:
                await asyncio.sleep(manners.answer_after)
                await self._deliver(self.partner.answers())
            await self._deliver(self.partner.due_to_ship(now))

    async def _save_sent(self) -> None:
        while self.partner.unsaved:
            await self.imap.append(self.partner.unsaved.pop(0), "Sent")

    async def _deliver(self, mails: list[bytes]) -> None:
        for mail in mails:
            await self.imap.append(mail)

    async def ledger(self, _request: Request) -> JSONResponse:
        """Show the supplier's books."""
        return JSONResponse({"orders": [order.described() for order in self.partner.orders.values()]})

    async def work(self, _request: Request) -> JSONResponse:
        """Answer everything that waits."""
        await self._save_sent()
        mails = self.partner.answers()
        await self._deliver(mails)
        return JSONResponse({"answered": len(mails)})

    async def write_back(self, request: Request) -> JSONResponse:
        """Write back about one order."""
        order, wish = self.partner.orders.get(request.path_params["number"]), await request.json()
        if order is None:
            return JSONResponse({"error": "no such order"}, 404)
        tracking = list(wish.get("tracking", []))
        order.shipped += tracking
        language = wish.get("language", self.partner.manners.language)
        facts = {"tracking": " and ".join(tracking) if language == "en" else ", ".join(tracking)}
        facts |= {name: wish[name] for name in ("date", "carrier") if name in wish}
        text = write_text(wish["say"], language=language, **facts)
        mail = answer(order.mail, text, language=language, defects=wish.get("defects", []))
        return JSONResponse({"uid": await self.imap.append(mail)})

    async def mail(self, request: Request) -> JSONResponse:
        """Deliver any bytes to the merchant, or forget everything."""
        if request.method == "DELETE":
            self.partner.forget()
            self.inbox.messages.clear()
            await self.imap.empty()
            return JSONResponse({})
        return JSONResponse({"uid": await self.imap.append(await request.body())})

    async def folders(self, _request: Request) -> JSONResponse:
        """Show what lies where."""
        return JSONResponse(await self.imap.list_folders())

    async def renumber(self, _request: Request) -> JSONResponse:
        """Renumber the merchant's inbox."""
        await self.imap.renumber()
        return JSONResponse({})


def _prompt(port: int) -> socket.socket:
    """Listen for connections on which short answers leave at once: otherwise each waits 40 ms for the next."""
    listener = listen(port)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def create_app(
    smtp_port: int = 0, imap_port: int = 0, *, plan: Plan | None = None, manners: Manners | None = None
) -> FaultLayer:
    """Build the supplier and the mail servers between; they live as long as the application is served."""
    plan = plan or Plan()
    partner = PartnerApp(smtp_port, imap_port, plan, manners or Manners())
    app = Starlette(routes=partner.routes(), lifespan=partner.lifespan)
    app.state.partner = partner
    return FaultLayer(app, plan)


def partner_of(app: FaultLayer) -> PartnerApp:
    """Return the supplier behind an application made by ``create_app``: its ports, and its manners to change."""
    inner = app.app
    assert isinstance(inner, Starlette)
    partner = inner.state.partner
    assert isinstance(partner, PartnerApp)
    return partner


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mail_partner", description="A supplier by mail")
    parser.add_argument("--port", type=int, required=True, help="HTTP")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--imap-port", type=int, required=True)
    parser.add_argument("--answer-after", type=float, default=1.0, help="seconds")
    parser.add_argument("--ship-after", type=float, default=None, help="seconds")
    parser.add_argument("--language", default="en", choices=["en", "de", "es", "fr", "it"])
    options = parser.parse_args()
    manners = Manners(
        language=options.language, keeps_sent=True, answer_after=options.answer_after, ship_after=options.ship_after
    )
    serve(create_app(options.smtp_port, options.imap_port, manners=manners), options.port, LOOPBACK)


if __name__ == "__main__":
    main()
