"""A partner's folders over SFTP, in the words of version 3 that every server knows.

Its rename does not overwrite, and a full disk is a plain "failure". ``fsync@openssh.com`` is used where it is offered.
"""

from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncssh

from adapters.errors import Refused, Unavailable
from adapters.exchange.remote_settings import RemoteSettings
from adapters.exchange.remote_types import RemoteEntry, RemoteTimeouts, entry_of
from adapters.sftp import STRETCH, SftpAddress, SftpSession

T = TypeVar("T")
_FULL = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_FILES = (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN)


class SftpRemote:
    """``RemoteTransport`` over one SSH connection."""

    def __init__(self, settings: RemoteSettings, password: str, private_key: str, timeouts: RemoteTimeouts) -> None:
        self._label = settings.label
        address = SftpAddress(
            settings.host, settings.port, settings.user, settings.label, timeouts.connect, timeouts.read
        )
        self._session = SftpSession(address, password=password, private_key=private_key, host_keys=settings.host_keys)

    def entries(self, folder: str) -> list[RemoteEntry]:
        """List the files; links are none."""
        try:
            found = self._ask(self._session.client().readdir(folder))
        except FileNotFoundError:
            raise Unavailable(f"{self._label}: there is no such folder", code="no_folder") from None
        entries = (_entry(_text(item.filename), item.attrs) for item in found)
        return [entry for entry in entries if entry is not None]

    def describe(self, path: str) -> RemoteEntry | None:
        """Ask for size and time."""
        try:
            return _entry(path.rpartition("/")[2], self._ask(self._session.client().lstat(path)))
        except FileNotFoundError:
            return None

    def has_folder(self, path: str) -> bool:
        """Ask what is there."""
        return self._ask(_is_folder(self._session.client(), path))

    def make_folder(self, path: str) -> None:
        """Make it."""
        self._ask(self._session.client().mkdir(path))

    def write(self, path: str, body: bytes) -> None:
        """Write a stretch at a time, so that every one of them must be answered in time."""
        try:
            opened = self._ask(_opened(self._session.client(), path, "wb"))
        except FileNotFoundError:
            raise Unavailable(f"{self._label}: there is no such folder", code="no_folder") from None
        for start in range(0, len(body), STRETCH):
            self._ask(_written(opened, body[start : start + STRETCH]))
        self._ask(_finished(opened))

    def rename(self, source: str, target: str) -> None:
        """Rename; version 3 refuses a target that is there."""
        self._ask(self._session.client().rename(source, target))

    def remove(self, path: str) -> bool:
        """Remove."""
        try:
            self._ask(self._session.client().remove(path))
        except FileNotFoundError:
            return False
        return True

    def read(self, path: str, limit: int) -> bytes:
        """Read a stretch at a time."""
        opened = self._ask(_opened(self._session.client(), path, "rb"))
        body = bytearray()
        while len(body) < limit and (piece := self._ask(_piece(opened, len(body), limit))):
            body += piece
        self._ask(_closed(opened))
        return bytes(body)

    def close(self) -> None:
        """Give back the connection."""
        self._session.close()

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._session.run(work, answers=True)
        except _FULL:
            raise Refused(f"{self._label}: its disk is full", code="disk_full") from None
        except asyncssh.SFTPPermissionDenied:
            raise Refused(f"{self._label}: it does not permit that", code="forbidden") from None
        except asyncssh.SFTPError as answer:
            raise Refused(f"{self._label}: it refuses ({type(answer).__name__})", code="refused") from None


async def _is_folder(client: asyncssh.SFTPClient, path: str) -> bool:
    return await client.isdir(path)


async def _opened(client: asyncssh.SFTPClient, path: str, mode: str) -> asyncssh.SFTPClientFile:
    return await client.open(path, mode, encoding=None)


async def _written(opened: asyncssh.SFTPClientFile, piece: bytes) -> None:
    await opened.write(piece)


async def _finished(opened: asyncssh.SFTPClientFile) -> None:
    with suppress(asyncssh.SFTPOpUnsupported):
        await opened.fsync()
    await opened.close()


async def _piece(opened: asyncssh.SFTPClientFile, offset: int, limit: int) -> bytes:
    piece: Any = await opened.read(min(STRETCH, limit - offset), offset)
    return bytes(piece)


async def _closed(opened: asyncssh.SFTPClientFile) -> None:
    await opened.close()


def _entry(name: str, attributes: asyncssh.SFTPAttrs) -> RemoteEntry | None:
    if attributes.type not in _FILES:
        return None
    modified_at = datetime.fromtimestamp(attributes.mtime, UTC) if attributes.mtime is not None else None
    return entry_of(name, attributes.size, modified_at)


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
