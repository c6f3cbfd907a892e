"""A simulated mail server: takes mail over SMTP on loopback, keeps it, and shows it over HTTP.

python -m sandbox.mailbox --port 2525 --http-port 9003

GET    /_sandbox/messages   {"messages": [{id, message_id, to, from, subject, body, headers, received_at, answered}]}
DELETE /_sandbox/messages
…      /_sandbox/faults     as sandbox.faults; operations are RCPT and DATA. ``error`` answers ``status`` (451, 550),
                            ``reset_after`` at DATA keeps the mail and dies before its 250, ``hang`` says nothing.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.faults import FaultLayer, Kind, Plan, Rule
from sandbox.serving import LOOPBACK, listen, reset, serve

TAKEN = "250 OK"


class Inbox:
    """Everything that was ever taken, and the faults on the way in. An aiosmtpd handler.

    ``deliver`` is given each mail that is taken, byte for byte, before it is answered.
    """

    def __init__(self, plan: Plan, deliver: Callable[[bytes], None] = lambda _: None) -> None:
        self.plan = plan
        self.messages: list[dict[str, Any]] = []
        self._deliver = deliver

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or fail as planned."""
        seconds, rule = self.plan.pick("RCPT")
        await asyncio.sleep(seconds)
        if rule is not None:
            return await _fail(rule, server)
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, or fail as planned: before it is kept, or after."""
        seconds, rule = self.plan.pick("DATA")
        await asyncio.sleep(seconds)
        if rule is not None and rule.kind is not Kind.RESET_AFTER and not rule.processed:
            return await _fail(rule, server)
        self.messages.append(_described(len(self.messages) + 1, envelope, answered=rule is None))
        self._deliver(envelope.original_content or b"")
        return TAKEN if rule is None else await _fail(rule, server)


def create_app(
    smtp_port: int = 0, *, plan: Plan | None = None, credentials: tuple[str, str] | None = None
) -> FaultLayer:
    """Build the mail server and its HTTP side; both live as long as the application is served.

    ``app.state.smtp_port`` of the inner application tells the port; a client that logs in must know ``credentials``.
    """
    plan = plan or Plan()
    inbox = Inbox(plan)
    listener = listen(smtp_port)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: smtp_session(inbox, loop, credentials), sock=listener)
        async with server:
            yield

    async def messages(request: Request) -> JSONResponse:
        if request.method == "DELETE":
            inbox.messages.clear()
        return JSONResponse({"messages": inbox.messages})

    app = Starlette(routes=[Route("/_sandbox/messages", messages, methods=["GET", "DELETE"])], lifespan=lifespan)
    app.state.smtp_port = listener.getsockname()[1]
    return FaultLayer(app, plan)


def smtp_port(app: FaultLayer) -> int:
    """Tell the SMTP port of a mail server made by ``create_app``."""
    inner = app.app
    assert isinstance(inner, Starlette)
    return int(inner.state.smtp_port)


def smtp_session(inbox: Inbox, loop: asyncio.AbstractEventLoop, credentials: tuple[str, str] | None) -> SMTP:
    """Make the protocol of one connection; a client that logs in must know ``credentials``."""

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == credentials, handled=False)

    return SMTP(
        inbox,
        hostname="mailbox.invalid",
        ident="simulated",
        loop=loop,
        authenticator=authenticate if credentials else None,
        auth_require_tls=False,
    )


async def _fail(rule: Rule, server: SMTP) -> str:
    """Answer the rule's status, or never: the connection dies, or stays until the client gives up."""
    if rule.kind in (Kind.ERROR, Kind.THROTTLED):
        return f"{rule.status if rule.kind is Kind.ERROR else 421} as planned"
    if rule.kind is not Kind.HANG:
        assert isinstance(server.transport, asyncio.Transport)
        reset(server.transport)
    await asyncio.Event().wait()
    return ""


def _described(number: int, envelope: Envelope, *, answered: bool) -> dict[str, Any]:
    message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
    content = message.get_body(("plain", "html"))
    return {
        "id": number,
        "message_id": message["Message-ID"],
        "to": list(envelope.rcpt_tos),
        "from": message["From"],
        "subject": message["Subject"],
        "body": content.get_content().replace("\r\n", "\n") if content is not None else "",
        "headers": {name: str(value) for name, value in message.items()},
        "received_at": time.time(),
        "answered": answered,
    }


def main() -> None:
    """Serve one inbox until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mailbox", description="A simulated mail server")
    parser.add_argument("--port", type=int, required=True, help="SMTP")
    parser.add_argument("--http-port", type=int, required=True)
    options = parser.parse_args()
    serve(create_app(options.port), options.http_port, LOOPBACK)


if __name__ == "__main__":
    main()
