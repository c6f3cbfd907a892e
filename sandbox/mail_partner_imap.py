"""A merchant's mailbox on a real IMAP server (pymap, in memory), with faults at the door.

Operations of the fault plan are named IMAP: ``error`` greets with BYE, ``reset_before`` dies before the greeting,
``hang`` never greets, ``latency`` greets late.
"""

import asyncio
import socket
from argparse import Namespace
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any, cast

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pysasl.hashing import BuiltinHash

from sandbox.faults import Kind, Plan
from sandbox.serving import reset

INBOX = "INBOX"
FOLDERS = ("Sent",)  # beside the inbox; clients make others
FIRST_UID = 100  # pymap's own


class ImapMailbox:
    """One account. Everything but ``port`` must be called in the server's own event loop."""

    def __init__(self, listener: socket.socket, credentials: tuple[str, str], plan: Plan) -> None:
        self.port = int(listener.getsockname()[1])
        self._listener = listener
        self._credentials = credentials
        self._plan = plan
        self._folders: Any = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Serve for as long as the stack is open."""
        backend, config = await DictBackend.init(
            _arguments(self._credentials), secure_auth=False, hash_context=BuiltinHash(rounds=1)
        )
        config.apply_context()
        session = await stack.enter_async_context(backend.login.demo_user_identity.new_session())
        self._folders = session.mailbox_set
        for name in FOLDERS:
            await self._folders.add_mailbox(name)
        greet = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
        await stack.enter_async_context(await asyncio.start_server(self._guarded(greet), sock=self._listener))

    async def append(self, message: bytes, folder: str = INBOX) -> int:
        """Deliver a mail; returns its UID."""
        mailbox = await self._folders.get_mailbox(folder)
        appended = await mailbox.append(AppendMessage(message, datetime.now(UTC), frozenset()), recent=True)
        return int(appended.uid)

    async def list_folders(self) -> dict[str, list[int]]:
        """List the UIDs in every folder."""
        names = [entry.name for entry in (await self._folders.list_mailboxes()).list()]
        return {name: await self._uids(name) for name in names}

    async def renumber(self) -> None:
        """Give the inbox another UIDVALIDITY, and its mails other UIDs, as a restored server does."""
        mailbox = await self._folders.get_mailbox(INBOX)
        mailbox._uid_validity += 1
        kept = sorted(mailbox._messages.items())
        mailbox._messages.clear()
        for number, (_, message) in enumerate(kept, start=FIRST_UID + 1):
            mailbox._messages[number] = type(message).copy(message, uid=number)
        mailbox._max_uid = FIRST_UID + len(kept)

    async def empty(self) -> None:
        """Remove every mail from every folder; folders stay."""
        for name, uids in (await self.list_folders()).items():
            await (await self._folders.get_mailbox(name)).delete(uids)

    async def _uids(self, folder: str) -> list[int]:
        mailbox = await self._folders.get_mailbox(folder)
        return [message.uid async for message in mailbox.messages()]

    def _guarded(self, greet: Any) -> Any:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seconds, rule = self._plan.pick("IMAP")
            await asyncio.sleep(seconds)
            if rule is None:
                await greet(reader, writer)
            elif rule.kind is Kind.HANG:
                with suppress(OSError):
                    await reader.read()
                writer.close()
            elif rule.kind is Kind.ERROR:
                writer.write(b"* BYE busy, try later\r\n")
                writer.close()
            else:
                reset(cast("asyncio.Transport", writer.transport))

        return connected


def _arguments(credentials: tuple[str, str]) -> Namespace:
    """Fill in what pymap reads from its command line."""
    return Namespace(
        host="",
        port="0",
        debug=False,
        cert=None,
        key=None,
        tls=False,
        proxy_protocol=None,
        passlib_cfg=None,
        demo_data=False,
        demo_user=credentials[0],
        demo_password=credentials[1],
    )
